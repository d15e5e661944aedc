//! Ways of adding lines to a text.

use rnix::ast;

use super::{Candidate, look, place, value};
use crate::nix::edit::{self, NewValue};
use crate::project::Evaluated;

pub(super) fn candidates(
    evaluated: &Evaluated,
    path: &[String],
    lines: &[String],
) -> Vec<Candidate> {
    let new = NewValue::Text(indented(lines));
    let mut out = Vec::new();
    // The literals that wrote it, the last one first.
    for definition in look::counting(evaluated, path).into_iter().rev() {
        if let Some(at) = definition.value.and_then(|v| v.at)
            && let Some(string) = look::node::<ast::Str>(evaluated, at)
        {
            let edit = edit::append_lines(&string, lines);
            out.extend(edit.map(|edit| Candidate::of(at.file, edit)));
        }
    }
    match look::value(evaluated, path) {
        Ok(None) => out.extend(value::new(evaluated, path, &new)),
        _ => {
            out.extend(value::beside(evaluated, path, &new));
            out.extend(place::definitions(evaluated, path, &new));
        }
    }
    out
}

/// Lines as an indented string.
fn indented(lines: &[String]) -> String {
    let escaped = |line: &String| {
        let line = line.replace("''", "'''").replace("${", "''${");
        format!("  {line}\n")
    };
    let lines: String = lines.iter().map(escaped).collect();
    format!("''\n{lines}''")
}
