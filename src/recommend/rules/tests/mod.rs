//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod fixtures;
mod host;
mod layout_apart;
mod layout_rollback;
mod mounts;
mod pages;
mod rest;
