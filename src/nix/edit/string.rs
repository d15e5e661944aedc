//! Lines added to strings, and names written anew.

use rnix::{TextRange, TextSize, ast};
use rowan::ast::AstNode;

use super::TextEdit;
use super::layout::{self, Style};
use crate::nix::syntax::{self, attribute_name, string_literal};

/// Appends lines to a string, so that its value gains each of them with a line break behind it.
///
/// `None` for what cannot be written: a line that an indented string cannot hold.
pub fn append_lines(string: &ast::Str, lines: &[String]) -> Option<TextEdit> {
    if lines.is_empty() || lines.iter().any(|l| l.contains(['\n', '\r'])) {
        return None;
    }
    let node = string.syntax();
    let range = node.text_range();
    let style = Style::of(node);
    let text = style.slice(range);
    if text.starts_with("''") {
        return append_indented(string, &style, lines);
    }
    // The value must end with a line break before a line is added.
    let content = TextRange::new(
        range.start() + TextSize::from(1),
        range.end() - TextSize::from(1),
    );
    let written = style.slice(content);
    let broken = written.is_empty() || ends_with_break(string);
    let added: String = lines.iter().map(|l| format!("{l}\n")).collect();
    if written.contains('\n') {
        // Written over several lines: the new ones are, too.
        let literal = |line: &String| {
            let literal = string_literal(line);
            literal[1..literal.len() - 1].to_owned()
        };
        let added: String = lines
            .iter()
            .map(|l| format!("{}{}", literal(l), style.newline))
            .collect();
        let first = if broken { "" } else { style.newline };
        return Some(TextEdit::insert(content.end(), format!("{first}{added}")));
    }
    let literal = string_literal(&added);
    let first = if broken { "" } else { "\\n" };
    let added = &literal[1..literal.len() - 1];
    Some(TextEdit::insert(content.end(), format!("{first}{added}")))
}

/// Whether the value of a string ends with a line break.
fn ends_with_break(string: &ast::Str) -> bool {
    match syntax::string_parts(string).last() {
        Some(ast::InterpolPart::Literal(text)) => text.ends_with('\n'),
        _ => false,
    }
}

fn append_indented(string: &ast::Str, style: &Style, lines: &[String]) -> Option<TextEdit> {
    let range = string.syntax().text_range();
    let content = TextRange::new(
        range.start() + TextSize::from(2),
        range.end() - TextSize::from(2),
    );
    let written = style.slice(content);
    let outer = style.indent_of(range.start()).to_owned();
    // Indentation that Nix strips is that of the line with the least; a new line must have it.
    let indent = written
        .lines()
        .skip(1)
        .filter(|l| !l.trim().is_empty())
        .map(|l| &l[..l.len() - l.trim_start_matches([' ', '\t']).len()])
        .min_by_key(|indent| indent.len())
        .map_or_else(|| format!("{outer}{}", style.step), str::to_owned);
    let escaped: Option<Vec<String>> = lines.iter().map(|l| indented_line(l)).collect();
    let mut block = String::new();
    for line in escaped? {
        if !line.is_empty() {
            block.push_str(&indent);
            block.push_str(&line);
        }
        block.push_str(style.newline);
    }
    let closing = layout::begins_line(&style.text, content.end()) && written.contains('\n');
    if closing {
        let at = TextSize::from(layout::line_start(&style.text, content.end()) as u32);
        return Some(TextEdit::insert(at, block));
    }
    if written.trim_matches(' ').is_empty() {
        let text = format!("{}{block}{outer}", style.newline);
        return Some(TextEdit::replace(content, text));
    }
    if !written.contains('\n') {
        // All of it stands on the line of the quotes, whose leading spaces are its indentation.
        let first = written.trim_start_matches(' ');
        let text = format!(
            "{}{indent}{first}{}{block}{outer}",
            style.newline, style.newline
        );
        return Some(TextEdit::replace(content, text));
    }
    Some(TextEdit::insert(
        content.end(),
        format!("{}{block}{outer}", style.newline),
    ))
}

/// A line inside `''…''`.
fn indented_line(line: &str) -> Option<String> {
    // Leading white space would count as indentation of the text.
    if line.starts_with([' ', '\t']) && line.trim().is_empty() {
        return None;
    }
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
    Some(out)
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
