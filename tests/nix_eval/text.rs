//! Owns: random string literals of both kinds, with every escape and odd white space.

use super::generate::{Generator, Type};

/// What may stand in `"…"`, most ordinary first.
const PLAIN: &[&str] = &[
    "a", "b", " ", "i", "s", "x y", "\\n", "\\t", "\\\"", "\\\\", "\\${i}", "$${i}", "$$", "$",
    "é", "\\q", "''", "'", "}", "\\r", "\n", "\r\n", "\t", "# c", "/* d", "😀", "\\$", "1.2-3",
    "/", "\\'",
];

/// What may stand in `''…''`.
const INDENTED: &[&str] = &[
    "a", "b", " ", "i", "x y", "''${i}", "'''", "''\\n", "''\\t", "''\\\\", "$${i}", "$$ ", "$ ",
    "\\n", "\"", "é", "}", "''$", "' ", "\t", "  ", "\\", "# c", "''\\r", "''\\q",
];

/// The white space before a line.
const INDENT: &[&str] = &["  ", "    ", "", " ", "   ", "\t", " \t", "      "];

/// A string in double quotes.
pub(crate) fn plain(g: &mut Generator, depth: u32) -> String {
    let mut text = "\"".to_owned();
    for _ in 0..g.choices.below(5) {
        text += g.choices.of(PLAIN);
        if depth > 0 && g.choices.rarely(3) {
            interpolate(g, &mut text, depth);
        }
    }
    // A dollar before the quote is one; before a brace it would not be.
    text + "\""
}

/// An indented string: lines of white space and pieces.
pub(crate) fn indented(g: &mut Generator, depth: u32) -> String {
    let end = if g.choices.rarely(6) { "\r\n" } else { "\n" };
    let mut text = "''".to_owned();
    text += match g.choices.below(4) {
        0 | 1 => end,
        2 => "  ",
        _ => "",
    };
    for _ in 0..=g.choices.below(4) {
        text += g.choices.of(INDENT);
        for _ in 0..g.choices.below(4) {
            text += g.choices.of(INDENTED);
            if depth > 0 && g.choices.rarely(4) {
                interpolate(g, &mut text, depth);
            }
        }
        text += end;
    }
    match g.choices.below(3) {
        0 => {}
        1 => text += g.choices.of(INDENT),
        // No line break before the end.
        _ => text.truncate(text.trim_end_matches(['\r', '\n']).len()),
    }
    // A quote before the end would be part of it.
    if text.len() > 2 && text.ends_with('\'') {
        text += " ";
    }
    text + "''"
}

fn interpolate(g: &mut Generator, text: &mut String, depth: u32) {
    // After an odd number of dollars it would be none.
    if text.ends_with('$') || text.ends_with('\\') {
        text.push(' ');
    }
    let inner = g.of_type(Type::Str, depth - 1);
    let inner = if g.choices.rarely(5) {
        format!("\n  {inner} ")
    } else {
        inner
    };
    *text += &format!("${{{inner}}}");
}
