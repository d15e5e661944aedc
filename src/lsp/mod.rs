//! The same findings and edits, in an editor.
//!
//! Owns the conversation of the Language Server Protocol on standard input and output: the open
//! buffers laid over the disk, findings as diagnostics, proven edits as quick fixes. Must never
//! decide what is a finding, how an edit is written or whether it is right; and never writes files:
//! the editor does.

mod analysed;
mod convert;
mod server;

use crate::model::Facts;
use crate::nix::source::Sources;
use crate::project::{Evaluated, Project};

/// Gives what is known of a host besides its configuration.
pub type FactsOf<'a> = &'a dyn Fn(&Project, &Sources, &Evaluated) -> Facts;

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The editor asked for a shutdown, then for the exit.
    Properly,
    /// The editor went away, or asked for the exit alone.
    Abruptly,
}

/// Why a conversation could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What came in is no message of the protocol.
    #[error("standard input: {0}")]
    Input(std::io::Error),
    /// Nobody reads the answers any more.
    #[error("standard output is closed")]
    Output,
}

/// Serves an editor on standard input and output until it asks for the exit.
pub fn serve(facts: FactsOf<'_>) -> Result<Ended, ServeError> {
    let (connection, threads) = lsp_server::Connection::stdio();
    // With nobody to read the answers, the thread that reads standard input may never end.
    let ended = server::Server::new(&connection, facts).run()?;
    drop(connection);
    threads.join().map_err(ServeError::Input)?;
    Ok(ended)
}
