//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod device;
mod fixtures;
mod host;
mod made;
mod mounts;
mod pages;
mod rest;
