//! Owns: one line on a terminal that says how far it is.

use std::io::{IsTerminal as _, Write as _};

/// The line, if somebody looks.
#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    width: usize,
}

impl Progress {
    pub(super) fn new() -> Progress {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Progress {
            is_shown: std::io::stderr().is_terminal() && !is_dumb,
            width: 0,
        }
    }

    /// Replaces what the line says.
    pub(super) fn show(&mut self, text: &str) {
        if self.is_shown {
            let width = text.chars().count();
            let blanks = " ".repeat(self.width.saturating_sub(width));
            let _ = write!(std::io::stderr(), "\r{text}{blanks}\r");
            self.width = width;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
