//! People's words into [`Observation`]s: `observations.toml`, and free text of `--observe`.
//!
//! What words mean is data, in the files of [`lexicon`]; [`phrase`] applies it to free text: the
//! text becomes [`tokens`], the [`pattern`]s of the lexicon are found in them, and [`scope`] says
//! which of them are negated, supposed, past or tried. Nothing is guessed beyond it: what is not
//! understood stays text, and [`Observation::understood`] says so.

mod file;
mod lexicon;
mod numbers;
mod pattern;
mod phrase;
mod scope;
mod times;
mod tokens;

pub use file::read_toml;
pub use lexicon::{Concept, Lexicon};
pub use phrase::understand;

use super::problem::{Problem, quoted};
use crate::model::observation::Observation;

/// The source that observations of the command line name.
pub const COMMAND_LINE: &str = "--observe";

/// People's words are no more than this; 1 MiB.
const LARGEST: usize = 1 << 20;

/// Reads a sentence of the command line.
pub fn read_text(text: &str) -> (Observation, Vec<Problem>) {
    read_text_from(COMMAND_LINE, text)
}

/// Reads a sentence that stands at `source`: a file with its line, or a key of a facts file.
pub fn read_text_from(source: &str, text: &str) -> (Observation, Vec<Problem>) {
    if text.len() > LARGEST {
        let problem = Problem::error(source, "larger than 1 MiB; not read");
        return (Observation::default(), vec![problem]);
    }
    let mut observation = Observation {
        text: text.trim().to_owned(),
        source: source.to_owned(),
        ..Observation::default()
    };
    understand(text, Lexicon::standard(), &mut observation);
    let mut problems = Vec::new();
    if observation.heard.is_empty() {
        let message = format!("nothing understood of `{}`; kept as text", quoted(text));
        problems.push(Problem::note(source, message).help(
            "say what happens (slow, stall, freeze, no space) and while what (build, database, backup)",
        ));
    }
    (observation, problems)
}
