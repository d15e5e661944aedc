//! What the rules find on small hosts built here, and on the three machines of the fixtures.

mod fixtures;
mod host;
mod mounts;
mod pages;
mod rest;
mod system_services;
mod system_sysctls;
