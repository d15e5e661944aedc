//! All that knows the Nix language, and nothing that knows btrfs.
//!
//! Owns: files and their spans ([`source`], behind the byte [`guard`]), the lazy evaluator whose
//! values know who wrote them ([`eval`]), the way NixOS merges definitions ([`module`]), edits of the
//! concrete syntax tree that keep the hand of the owner ([`edit`]), and the real Nix as a second
//! reader ([`oracle`]).
//!
//! Must never know: file systems, mount options, rules, reports. The only I/O is reading the
//! project's own tree through [`source::Sources`], and running Nix in [`oracle`].

pub mod edit;
pub mod eval;
pub mod guard;
pub mod module;
pub mod oracle;
pub mod source;
pub mod syntax;
