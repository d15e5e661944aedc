//! Edits of the concrete syntax tree that keep the hand of whoever wrote the file.
//!
//! An edit is a replacement of a piece of text. New text follows its neighbours: indentation, one
//! element a line or all on one, spacing in brackets, line endings. Nothing here knows whether an
//! edit is right; that is for the proof.

mod layout;
mod list;
mod set;

use rnix::TextRange;

pub use list::{append_elements, remove_elements};
pub use set::{insert_path, list_text};

/// A replacement of a piece of one file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// What is replaced.
    pub range: TextRange,
    /// What stands there afterwards.
    pub text: String,
}

impl TextEdit {
    /// A replacement.
    pub fn replace(range: TextRange, text: impl Into<String>) -> Self {
        TextEdit {
            range,
            text: text.into(),
        }
    }

    /// An insertion.
    pub fn insert(offset: rnix::TextSize, text: impl Into<String>) -> Self {
        TextEdit {
            range: TextRange::empty(offset),
            text: text.into(),
        }
    }

    /// A removal.
    pub fn delete(range: TextRange) -> Self {
        TextEdit {
            range,
            text: String::new(),
        }
    }
}

/// Applies edits to a text; `None` if two of them overlap or one lies outside.
pub fn apply(text: &str, edits: &[TextEdit]) -> Option<String> {
    let mut edits: Vec<&TextEdit> = edits.iter().collect();
    edits.sort_by_key(|e| (e.range.start(), e.range.end()));
    let mut out = String::with_capacity(text.len() + 64);
    let mut position = 0usize;
    for edit in edits {
        let (start, end) = (
            usize::from(edit.range.start()),
            usize::from(edit.range.end()),
        );
        if start < position {
            return None;
        }
        out.push_str(text.get(position..start)?);
        out.push_str(&edit.text);
        position = end;
    }
    out.push_str(text.get(position..)?);
    Some(out)
}
