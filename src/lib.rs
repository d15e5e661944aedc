//! `btrfs-tune`: finds what slows a NixOS machine on btrfs, and writes the remedy as proven edits.
//!
//! Data flows one way through the modules below; each imports only those listed above it, and
//! [`cli`] alone sees all of them. `ARCHITECTURE.md` tells the story; every `mod.rs` says what its
//! part owns and what it must never know, and `tests/architecture.rs` checks those borders.

pub mod nix;

pub mod btrfs;

pub mod model;

pub mod ingest;

pub mod project;

pub mod analyze;

pub mod recommend;

pub mod impact;

pub mod select;

pub mod rewrite;

pub mod report;

pub mod lsp;

pub mod cli;
