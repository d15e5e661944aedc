//! Plan → verified edits: lowering of actions to CST edits, proof by evaluation, application.
//!
//! Owns the working copy of the project's texts ([`Workspace`]), the candidates that an action may
//! be written as ([`lower`]), the proof that picks the first true one ([`proof`]), the commands for
//! the running system ([`commands`]), and getting bytes to disk ([`apply`], [`git`]). Must never know why a
//! change is wanted, nor how it is shown.

pub mod apply;
pub mod commands;
pub mod diff;
pub mod git;
pub mod lower;
pub mod proof;
pub mod realise;

pub use lower::{Claim, Expected, Stuck};
pub use proof::{Agrees, FactsOf, Workspace};
pub use realise::{Outcome, Realised, realise};
