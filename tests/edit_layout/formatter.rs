//! The formatters that people run over their Nix files.

use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Formatter {
    Nixfmt,
    Alejandra,
    NixpkgsFmt,
}

impl Formatter {
    pub(crate) const ALL: [Formatter; 3] = [
        Formatter::Nixfmt,
        Formatter::Alejandra,
        Formatter::NixpkgsFmt,
    ];

    /// What it makes of a text; `None` if it refuses.
    pub(crate) fn format(self, text: &str) -> Option<String> {
        match self {
            Formatter::Nixfmt => nixfmt_rs::format(text).ok(),
            Formatter::Alejandra => {
                let run = || alejandra::format::in_memory("x.nix".to_owned(), text.to_owned());
                match catch_unwind(AssertUnwindSafe(run)).ok()? {
                    (alejandra::format::Status::Error(_), _) => None,
                    (_, text) => Some(text),
                }
            }
            Formatter::NixpkgsFmt => {
                catch_unwind(AssertUnwindSafe(|| nixpkgs_fmt::reformat_string(text))).ok()
            }
        }
    }

    /// Whether it leaves a text as it is.
    pub(crate) fn keeps(self, text: &str) -> bool {
        self.format(text).as_deref() == Some(text)
    }
}
