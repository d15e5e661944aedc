//! Lines added to strings, and names written anew.

use rnix::ast::{self, AstToken};
use rnix::{TextRange, TextSize};
use rowan::ast::AstNode;

use super::TextEdit;
use super::layout::{self, Style};
use crate::nix::syntax::{self, attribute_name, string_literal};

/// Appends lines to a string, so that its value gains each of them with a line break behind it (and
/// one before them, where it has none at its end). In a file with CRLF these are CRLF.
///
/// `None` for what cannot be written so.
pub fn append_lines(string: &ast::Str, lines: &[String]) -> Option<TextEdit> {
    if lines.is_empty() || lines.iter().any(|l| l.contains(['\n', '\r'])) {
        return None;
    }
    let node = string.syntax();
    let style = Style::of(node);
    let edit = match style.slice(node.text_range()).starts_with("''") {
        true => append_indented(string, &style, lines),
        false => append_plain(string, &style, lines),
    };
    gains_lines(string, &style, &edit, lines).then_some(edit)
}

/// Whether the value of a string gains just these lines by an edit: indentation that Nix strips
/// depends on all lines, and on tabs not at all.
fn gains_lines(string: &ast::Str, style: &Style, edit: &TextEdit, lines: &[String]) -> bool {
    let range = string.syntax().text_range();
    let before = style.slice(TextRange::new(range.start(), edit.range.start()));
    let after = style.slice(TextRange::new(edit.range.end(), range.end()));
    let text = format!("{before}{}{after}", edit.text);
    let Some(ast::Expr::Str(new)) = rnix::Root::parse(&text).tree().expr() else {
        return false;
    };
    let (mut wanted, found) = (pieces(string), pieces(&new));
    if !matches!(wanted.last(), Some(Piece::Text(_))) {
        wanted.push(Piece::Text(String::new()));
    }
    let is_first = wanted.len() == 1;
    if let Some(Piece::Text(text)) = wanted.last_mut() {
        let begins = text.ends_with('\n') || (is_first && text.is_empty());
        if !begins {
            text.push('\n');
        }
        text.extend(lines.iter().map(|l| format!("{l}\n")));
    }
    wanted == found
}

/// A part of a string's value.
#[derive(PartialEq)]
enum Piece {
    Text(String),
    Interpolation(String),
}

fn pieces(string: &ast::Str) -> Vec<Piece> {
    let part = |part: ast::InterpolPart<String>| match part {
        ast::InterpolPart::Literal(text) => Piece::Text(text.replace("\r\n", "\n")),
        ast::InterpolPart::Interpolation(it) => Piece::Interpolation(it.syntax().to_string()),
    };
    syntax::string_parts(string).into_iter().map(part).collect()
}

fn append_plain(string: &ast::Str, style: &Style, lines: &[String]) -> TextEdit {
    let range = string.syntax().text_range();
    let content = TextRange::new(
        range.start() + TextSize::from(1),
        range.end() - TextSize::from(1),
    );
    let written = style.slice(content);
    // The value must end with a line break before a line is added.
    let broken = written.is_empty() || ends_with_break(string);
    let escaped = |text: &str| {
        let literal = string_literal(text);
        literal[1..literal.len() - 1].to_owned()
    };
    if written.contains('\n') {
        // Written over several lines: the new ones are, too.
        let added: String = lines
            .iter()
            .map(|l| format!("{}{}", escaped(l), style.newline))
            .collect();
        let first = if broken { "" } else { style.newline };
        return TextEdit::insert(content.end(), format!("{first}{added}"));
    }
    let added: String = lines.iter().map(|l| format!("{l}\n")).collect();
    let first = if broken { "" } else { "\\n" };
    TextEdit::insert(content.end(), format!("{first}{}", escaped(&added)))
}

/// Whether the value of a string ends with a line break.
fn ends_with_break(string: &ast::Str) -> bool {
    match syntax::string_parts(string).last() {
        Some(ast::InterpolPart::Literal(text)) => text.ends_with('\n'),
        _ => false,
    }
}

fn append_indented(string: &ast::Str, style: &Style, lines: &[String]) -> TextEdit {
    let range = string.syntax().text_range();
    let content = TextRange::new(
        range.start() + TextSize::from(2),
        range.end() - TextSize::from(2),
    );
    let written = style.slice(content);
    // Nix strips spaces, not tabs: where tabs indent the file, new lines have none.
    let spaces = |text: &str| match text.contains('\t') {
        true => String::new(),
        false => text.to_owned(),
    };
    let outer = spaces(style.indent_of(range.start()));
    let deeper = || format!("{outer}{}", spaces(&style.step));
    let indent = match stripped(string) {
        Some(stripped) if written.contains('\n') => " ".repeat(stripped),
        _ => deeper(),
    };
    let newline = style.newline;
    let mut block = String::new();
    for line in lines.iter().map(|l| indented_line(l)) {
        if !line.is_empty() {
            block.push_str(&indent);
            block.push_str(&line);
        }
        block.push_str(newline);
    }
    if written.contains('\n') && layout::begins_line(&style.text, content.end()) {
        let at = TextSize::from(layout::line_start(&style.text, content.end()) as u32);
        return TextEdit::insert(at, block);
    }
    if written.trim_matches(' ').is_empty() {
        return TextEdit::replace(content, format!("{newline}{block}{outer}"));
    }
    if !written.contains('\n') {
        // All of it stands on the line of the quotes; its leading spaces are stripped.
        let first = written.trim_start_matches(' ');
        let text = format!("{newline}{indent}{first}{newline}{block}{outer}");
        return TextEdit::replace(content, text);
    }
    TextEdit::insert(content.end(), format!("{newline}{block}{outer}"))
}

/// How many spaces Nix strips from each line of an indented string; `None` if no line has text.
fn stripped(string: &ast::Str) -> Option<usize> {
    let (mut least, mut spaces, mut at_start) = (None::<usize>, 0, true);
    let mut ends = |spaces| least = Some(least.map_or(spaces, |l: usize| l.min(spaces)));
    for part in string.parts() {
        let text = match part {
            ast::InterpolPart::Literal(content) => content.syntax().text().to_owned(),
            ast::InterpolPart::Interpolation(_) => {
                if std::mem::take(&mut at_start) {
                    ends(spaces);
                }
                continue;
            }
        };
        for c in text.chars() {
            match (at_start, c) {
                (_, '\n') => (at_start, spaces) = (true, 0),
                (true, ' ') => spaces += 1,
                (true, _) => {
                    at_start = false;
                    ends(spaces);
                }
                (false, _) => {}
            }
        }
    }
    least
}

/// A line inside `''…''`.
fn indented_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("''") {
            out.push_str("'''");
            rest = after;
        } else if rest.starts_with("${") {
            out.push_str("''$");
            rest = &rest[1..];
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}

/// Gives an attribute another name: quoted stays quoted, bare stays bare if the name allows it.
pub fn rename_attribute(attr: &ast::Attr, new: &str) -> TextEdit {
    let bare = matches!(attr, ast::Attr::Ident(_));
    let text = match bare {
        true => attribute_name(new),
        false => string_literal(new),
    };
    TextEdit::replace(attr.syntax().text_range(), text)
}
