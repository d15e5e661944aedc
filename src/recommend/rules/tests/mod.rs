//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod borders;
mod device;
mod filesystem_options;
mod fixtures;
mod host;
mod keeping;
mod layout_apart;
mod mounts;
mod pages;
mod rest;
mod running;
mod single_options;
mod system_services;
mod system_sysctls;
