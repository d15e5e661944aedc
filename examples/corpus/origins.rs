//! Whether the text at each place is a string literal that says the value.

use std::path::Path;

use btrfs_tune::report::inspect::{At, Document, Text};
use rnix::ast::{self, InterpolPart};
use rowan::ast::AstNode as _;

use super::table::Table;

/// Checks all places of texts in a document.
pub(crate) fn check(document: &Document, root: &Path, place: &str, table: &mut Table) {
    for filesystem in document.hosts.iter().flat_map(|h| &h.filesystems) {
        let lists = [&filesystem.mkfs_args, &filesystem.options];
        let of_subvolumes = filesystem.subvolumes.iter().map(|s| &s.options);
        for text in lists.into_iter().chain(of_subvolumes).flatten().flatten() {
            let Text {
                text: Some(text),
                at: Some(at),
                ..
            } = text
            else {
                continue;
            };
            table.origins.1 += 1;
            match is_right(root, at, text) {
                true => table.origins.0 += 1,
                false => table.notes.push(format!(
                    "origins: {place}: {text:?} at {}:{}:{}",
                    at.file, at.line, at.column
                )),
            }
        }
    }
}

/// Reads the place by itself, without this program's notion of places.
fn is_right(root: &Path, at: &At, text: &str) -> bool {
    let Ok(file) = std::fs::read_to_string(root.join(&at.file)) else {
        return false;
    };
    let lines = file.split('\n').skip(at.line as usize - 1);
    let rest = lines.collect::<Vec<_>>().join("\n");
    let literal: String = rest
        .chars()
        .skip(at.column as usize - 1)
        .take(at.length as usize)
        .collect();
    let Some(ast::Expr::Str(string)) = rnix::Root::parse(&literal).tree().expr() else {
        return false;
    };
    if string.syntax().text() != literal.as_str() {
        return false;
    }
    let parts = string.normalized_parts();
    match parts.as_slice() {
        [] => text.is_empty(),
        [InterpolPart::Literal(only)] => only == text,
        _ => true,
    }
}
