//! Owns: which expressions of which files were ever evaluated. What was not had no part in any
//! value, whatever stands there.

use std::cell::{Cell, RefCell};

use rnix::TextRange;

use super::hir::ExprId;
use super::interpret::Evaluator;
use crate::nix::source::FileId;

/// A bit for each expression.
#[derive(Debug, Default)]
pub(super) struct Seen {
    files: RefCell<Vec<Vec<u64>>>,
    places: Cell<bool>,
}

const BITS: usize = u64::BITS as usize;

impl Seen {
    /// Notes that an expression is evaluated.
    pub(super) fn note(&self, file: FileId, expr: ExprId) {
        let mut files = self.files.borrow_mut();
        let (file, word) = (file.index(), expr.0 as usize / BITS);
        if files.len() <= file {
            files.resize(file + 1, Vec::new());
        }
        let words = &mut files[file];
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        words[word] |= 1 << (expr.0 as usize % BITS);
    }

    /// Notes that a line or column was asked for: then all that stands before has a part.
    pub(super) fn note_places(&self) {
        self.places.set(true);
    }

    fn has(&self, file: FileId, expr: usize) -> bool {
        let files = self.files.borrow();
        let word = files.get(file.index()).and_then(|f| f.get(expr / BITS));
        word.is_some_and(|word| word & (1 << (expr % BITS)) != 0)
    }
}

impl Evaluator {
    /// The ranges of a file's expressions that never were evaluated so far; `None` if the values
    /// depend on where something stands, or the file is no Nix.
    pub fn unseen(&self, file: FileId) -> Option<Vec<TextRange>> {
        if self.seen.places.get() {
            return None;
        }
        let hir = self.sources.file(file)?.hir().ok()?;
        let (mut seen, mut unseen) = (rustc_hash::FxHashSet::default(), Vec::new());
        for (index, (_, range)) in hir.exprs.iter().enumerate() {
            match self.seen.has(file, index) {
                true => drop(seen.insert(*range)),
                false => unseen.push(*range),
            }
        }
        // Several expressions may be of one piece of text.
        unseen.retain(|range| !seen.contains(range));
        Some(unseen)
    }
}
