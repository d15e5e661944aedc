//! Elements of list literals: appending, replacing and removing them.

use rnix::{SyntaxElement, TextRange, TextSize, ast};
use rowan::ast::AstNode;

use super::layout::{self, Style};
use super::value::{self, Form};
use super::{NewValue, Removal, TextEdit, removal};

/// Appends elements in the manner of the list.
pub fn append_elements(list: &ast::List, elements: &[NewValue]) -> TextEdit {
    let style = Style::of(list.syntax());
    let form = Form::at(&style, list.syntax(), None);
    let range = list.syntax().text_range();
    let items: Vec<ast::Expr> = list.items().collect();
    let Some(last) = items.last() else {
        return into_empty(list, &style, elements);
    };
    let last_range = last.syntax().text_range();
    let end = layout::end_of_line_content(&SyntaxElement::Node(last.syntax().clone()));
    let one_a_line = layout::begins_line(&style.text, last_range.start())
        && items[items.len().saturating_sub(2)..]
            .windows(2)
            .all(|pair| {
                let between = TextRange::new(
                    pair[0].syntax().text_range().end(),
                    pair[1].syntax().text_range().start(),
                );
                layout::spans_lines(&style.text, between)
            });
    let ends = layout::ends_line(&style.text, end);
    let behind = style.slice(TextRange::new(last_range.end(), end)).trim();
    if ends && (one_a_line || (!behind.is_empty() && layout::spans_lines(&style.text, range))) {
        let indent = style.indent_of(last_range.start());
        // Behind a comment a new line is needed, whatever the manner of the list.
        let indent = match layout::begins_line(&style.text, last_range.start()) {
            true => indent.to_owned(),
            false => format!("{indent}{}", style.step),
        };
        let lines: String = texts(elements, &form, &indent)
            .iter()
            .map(|e| format!("{}{indent}{e}", style.newline))
            .collect();
        return TextEdit::insert(end, lines);
    }
    if one_a_line && layout::spans_lines(&style.text, range) {
        // The closing bracket stands on the line of the last element.
        let indent = style.indent_of(last_range.start()).to_owned();
        let lines: String = texts(elements, &form, &indent)
            .iter()
            .map(|e| format!("{}{indent}{e}", style.newline))
            .collect();
        return TextEdit::insert(last_range.end(), lines);
    }
    if layout::spans_lines(&style.text, last_range)
        && matches!(last, ast::Expr::AttrSet(_))
        && !style.compact
    {
        // `[{` … `}]`: behind the brace nixpkgs-fmt wants a line of its own.
        let indent = format!("{}{}", style.indent_of(range.end()), style.step);
        let lines: String = texts(elements, &form, &indent)
            .iter()
            .map(|e| format!("{}{indent}{e}", style.newline))
            .collect();
        return TextEdit::insert(last_range.end(), lines);
    }
    let indent = style.indent_of(last_range.start()).to_owned();
    let words: String = texts(elements, &form.on_one_line(), &indent)
        .iter()
        .map(|e| format!(" {e}"))
        .collect();
    TextEdit::insert(last_range.end(), words)
}

/// The elements as text, in parentheses where a list needs them.
fn texts(elements: &[NewValue], form: &Form, indent: &str) -> Vec<String> {
    elements
        .iter()
        .map(|e| value::parenthesised(&e.render(form, indent)))
        .collect()
}

fn into_empty(list: &ast::List, style: &Style, elements: &[NewValue]) -> TextEdit {
    let range = list.syntax().text_range();
    let inner = layout::brackets(list.syntax());
    let form = Form::at(style, list.syntax(), None);
    let outer = style.indent_of(range.end()).to_owned();
    if !style.slice(inner).trim().is_empty() && layout::spans_lines(&style.text, inner) {
        // Only comments stand in it, one a line.
        let indent = format!("{outer}{}", style.step);
        let lines: String = texts(elements, &form, &indent)
            .iter()
            .map(|e| format!("{indent}{e}{}", style.newline))
            .collect();
        if !layout::begins_line(&style.text, inner.end()) {
            let lines = lines.trim_end_matches(['\r', '\n']);
            let text = format!("{}{lines}{}{outer}", style.newline, style.newline);
            return TextEdit::insert(inner.end(), text);
        }
        let at = TextSize::from(layout::line_start(&style.text, inner.end()) as u32);
        return TextEdit::insert(at, lines);
    }
    if !style.slice(inner).trim().is_empty() {
        let words = texts(elements, &form.on_one_line(), &outer).join(" ");
        let at = inner.start() + TextSize::of(style.slice(inner).trim_end());
        return TextEdit::insert(at, format!(" {words}"));
    }
    let expr = ast::Expr::List(list.clone());
    super::expr::replace_value(&expr, &NewValue::List(elements.to_vec()))
}

/// Removes the elements at these ranges, each with the comment on its own line that speaks of it
/// alone.
pub fn remove_elements(list: &ast::List, removed: &[TextRange]) -> Removal {
    removal::remove(list.syntax(), removed)
}

/// Puts another value in the place of an element.
pub fn replace_element(element: &ast::Expr, value: &NewValue) -> TextEdit {
    super::expr::replace_value(element, value)
}
