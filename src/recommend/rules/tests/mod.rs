//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod fixtures;
mod host;
mod mounts;
mod pages;
mod probe;
mod rest;
mod single_options;
