//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod filesystem_options;
mod borders;
mod device;
mod fixtures;
mod host;
mod keeping;
mod layout_apart;
mod mounts;
mod pages;
mod rest;
mod single_options;
mod running;
