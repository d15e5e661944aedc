//! Edits of the concrete syntax tree that keep the hand of whoever wrote the file.
//!
//! An edit is a replacement of a piece of text. New text follows its neighbours: indentation, one
//! element a line or all on one, spacing in brackets, line endings. Nothing here knows whether an
//! edit is right; that is for the proof.

mod expr;
mod formals;
mod layout;
mod list;
mod open;
mod removal;
mod set;
mod settled;
mod string;
mod value;

#[cfg(test)]
mod spec;

use rnix::{SyntaxKind, SyntaxNode, TextRange};

pub use expr::{append_operand, append_update, replace_value};
pub use formals::{add_formal, has_formal, wrap_in_function};
pub use list::{append_elements, remove_elements, replace_element};
pub use set::{bind_inherited, insert_path, remove_binding, remove_bindings, remove_inherited};
pub use settled::{is_settled, settled};
pub use string::{append_lines, rename_attribute};
pub use value::{NewValue, list_text};

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

/// Edits that take something away, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// The edits.
    pub edits: Vec<TextEdit>,
    /// The comments that speak of what is removed alone, and go with it.
    pub dropped_comments: Vec<String>,
}

impl Removal {
    fn of(node: &SyntaxNode, edits: Vec<TextEdit>) -> Self {
        let dropped_comments = node
            .descendants_with_tokens()
            .filter_map(|e| e.into_token())
            .chain(following(node))
            .filter(|t| t.kind() == SyntaxKind::TOKEN_COMMENT)
            .filter(|t| {
                let start = t.text_range().start();
                edits
                    .iter()
                    .any(|e| e.range.contains(start) && e.text.trim().is_empty())
            })
            .map(|t| t.text().trim_end().to_owned())
            .collect();
        Removal {
            edits,
            dropped_comments,
        }
    }
}

/// The tokens behind a node on its line.
fn following(node: &SyntaxNode) -> impl Iterator<Item = rnix::SyntaxToken> {
    let first = node.last_token().and_then(|t| t.next_token());
    std::iter::successors(first, rnix::SyntaxToken::next_token).take_while(|t| {
        t.kind() == SyntaxKind::TOKEN_COMMENT
            || (t.kind() == SyntaxKind::TOKEN_WHITESPACE && !t.text().contains('\n'))
    })
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
