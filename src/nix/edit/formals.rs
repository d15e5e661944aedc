//! Names that a function takes: `lib` added to `{ config, pkgs, ... }:` in the manner of the file.

use rnix::ast;
use rnix::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken, TextRange, TextSize};
use rowan::ast::AstNode;

use super::TextEdit;
use super::layout::{self, Style};

/// Whether a function takes a name from its argument.
pub fn has_formal(lambda: &ast::Lambda, name: &str) -> bool {
    match lambda.param() {
        Some(ast::Param::Pattern(pattern)) => names(&pattern).iter().any(|n| n == name),
        _ => false,
    }
}

/// Adds a name to the formals of a function, before `...`, in order where the others are.
///
/// `None` where it is there already, and where the argument is a name that the body uses: then the
/// body says `args.lib`.
pub fn add_formal(lambda: &ast::Lambda, name: &str) -> Option<TextEdit> {
    let style = Style::of(lambda.syntax());
    match lambda.param()? {
        ast::Param::IdentParam(ident) => {
            let text = ident.to_string();
            let ignored = text.starts_with('_') && !uses(lambda, &text);
            let range = ident.syntax().text_range();
            ignored.then(|| TextEdit::replace(range, alone(&style, name)))
        }
        ast::Param::Pattern(pattern) => {
            if has_formal(lambda, name) {
                return None;
            }
            Some(add_to_pattern(&pattern, &style, name))
        }
    }
}

/// Makes the plain set (or `let … in`) of a file into a module that takes a name.
///
/// `None` where the file's expression is something else: a function gets a formal instead.
pub fn wrap_in_function(expr: &ast::Expr, name: &str) -> Option<TextEdit> {
    let style = Style::of(expr.syntax());
    let plain = matches!(
        expr,
        ast::Expr::AttrSet(_) | ast::Expr::LetIn(_) | ast::Expr::With(_)
    );
    let is_file = expr
        .syntax()
        .parent()
        .is_some_and(|p| p.kind() == SyntaxKind::NODE_ROOT);
    let start = expr.syntax().text_range().start();
    let head = format!("{}:{}", alone(&style, name), style.newline);
    (plain && is_file).then(|| TextEdit::insert(start, head))
}

/// Formals that hold one name: `{ lib, ... }`.
fn alone(style: &Style, name: &str) -> String {
    match style.set_padding {
        true => format!("{{ {name}, ... }}"),
        false => format!("{{{name}, ...}}"),
    }
}

fn uses(lambda: &ast::Lambda, name: &str) -> bool {
    lambda.body().is_some_and(|body| {
        body.syntax()
            .descendants()
            .filter_map(ast::Ident::cast)
            .any(|ident| ident.to_string() == name)
    })
}

fn names(pattern: &ast::Pattern) -> Vec<String> {
    let bind = pattern.pat_bind().and_then(|b| b.ident());
    pattern
        .pat_entries()
        .filter_map(|e| e.ident())
        .chain(bind)
        .map(|i| i.to_string())
        .collect()
}

fn tokens(pattern: &ast::Pattern, kind: SyntaxKind) -> impl Iterator<Item = SyntaxToken> {
    pattern
        .syntax()
        .children_with_tokens()
        .filter_map(|e| e.into_token())
        .filter(move |t| t.kind() == kind)
}

fn add_to_pattern(pattern: &ast::Pattern, style: &Style, name: &str) -> TextEdit {
    let inner = layout::brackets(pattern.syntax());
    let entries: Vec<SyntaxNode> = pattern.pat_entries().map(|e| e.syntax().clone()).collect();
    let ellipsis = tokens(pattern, SyntaxKind::TOKEN_ELLIPSIS).next();
    let several = layout::spans_lines(&style.text, inner);
    if !several {
        return on_one_line(style, inner, &entries, ellipsis.as_ref(), name);
    }
    let leading = tokens(pattern, SyntaxKind::TOKEN_COMMA)
        .map(|comma| comma.text_range().start())
        .find(|comma| layout::begins_line(&style.text, *comma));
    let index = place(&entries, name);
    if let Some(comma) = leading {
        // Behind the first: the line of the brace stays as it is.
        return match entries.get(index.max(1) - 1) {
            Some(before) => {
                let end = layout::end_of_line_content(&SyntaxElement::Node(before.clone()));
                let indent = style.indent_of(comma);
                TextEdit::insert(end, format!("{}{indent}, {name}", style.newline))
            }
            None => first(style, inner, ellipsis.as_ref(), name),
        };
    }
    match index.checked_sub(1).and_then(|i| entries.get(i)) {
        Some(before) => behind(style, before, name),
        None => match entries.first() {
            // Before the first, unless a comment stands above it that speaks of it.
            Some(next) if stands_at_opening(style, next, inner) => {
                let at = next.text_range().start();
                let indent = style.indent_of(at);
                TextEdit::insert(at, format!("{name},{}{indent}", style.newline))
            }
            Some(next) => behind(style, next, name),
            None => first(style, inner, ellipsis.as_ref(), name),
        },
    }
}

/// Where a name goes among the others: in order if they are, else last.
fn place(entries: &[SyntaxNode], name: &str) -> usize {
    let names: Vec<String> = entries
        .iter()
        .filter_map(|e| e.first_token())
        .map(|t| t.text().to_owned())
        .collect();
    match names.is_sorted() {
        true => names.partition_point(|n| n.as_str() < name),
        false => names.len(),
    }
}

fn on_one_line(
    style: &Style,
    inner: TextRange,
    entries: &[SyntaxNode],
    ellipsis: Option<&SyntaxToken>,
    name: &str,
) -> TextEdit {
    let text = style.slice(inner);
    let tight = !text.is_empty() && !text.starts_with(' ');
    let index = place(entries, name);
    if (tight || (text.is_empty() && style.compact)) && entries.len() == 1 && !text.contains("/*") {
        // alejandra writes at most one name (and `...`) on one line.
        let outer = style.indent_of(inner.start());
        let mut lines: Vec<String> = entries
            .iter()
            .map(|e| style.slice(e.text_range()).to_owned())
            .collect();
        lines.insert(index, name.to_owned());
        let newline = style.newline;
        let mut out = String::new();
        for line in lines {
            out.push_str(&format!("{newline}{outer}{}{line},", style.step));
        }
        if ellipsis.is_some() {
            out.push_str(&format!("{newline}{outer}{}...", style.step));
        }
        out.push_str(&format!("{newline}{outer}"));
        return TextEdit::replace(inner, out);
    }
    if let Some(next) = entries.get(index) {
        return TextEdit::insert(next.text_range().start(), format!("{name}, "));
    }
    if let Some(last) = entries.last() {
        return TextEdit::insert(last.text_range().end(), format!(", {name}"));
    }
    match ellipsis {
        Some(dots) => TextEdit::insert(dots.text_range().start(), format!("{name}, ")),
        None => {
            let pad = if style.set_padding { " " } else { "" };
            TextEdit::replace(inner, format!("{pad}{name}{pad}"))
        }
    }
}

/// A line of its own behind an entry, with commas at the ends of lines.
fn behind(style: &Style, before: &SyntaxNode, name: &str) -> TextEdit {
    let range = before.text_range();
    let indent = style.indent_of(range.start()).to_owned();
    let indent = match layout::begins_line(&style.text, range.start()) {
        true => indent,
        false => format!("{indent}{}", style.step),
    };
    let comma = next_comma(before);
    let anchor = comma
        .clone()
        .map_or_else(|| SyntaxElement::Node(before.clone()), SyntaxElement::Token);
    let end = layout::end_of_line_content(&anchor);
    let newline = style.newline;
    if !layout::ends_line(&style.text, end) {
        return TextEdit::insert(range.end(), format!(", {name}"));
    }
    match comma {
        Some(_) => TextEdit::insert(end, format!("{newline}{indent}{name},")),
        None => {
            let rest = style.slice(TextRange::new(range.end(), end));
            TextEdit::replace(
                TextRange::new(range.end(), end),
                format!(",{rest}{newline}{indent}{name}"),
            )
        }
    }
}

fn next_comma(node: &SyntaxNode) -> Option<SyntaxToken> {
    let mut next = node.last_token()?.next_token();
    while let Some(token) = next {
        match token.kind() {
            SyntaxKind::TOKEN_WHITESPACE | SyntaxKind::TOKEN_COMMENT => next = token.next_token(),
            SyntaxKind::TOKEN_COMMA => return Some(token),
            _ => return None,
        }
    }
    None
}

fn stands_at_opening(style: &Style, node: &SyntaxNode, inner: TextRange) -> bool {
    let start = node.text_range().start();
    layout::begins_line(&style.text, start)
        && style
            .slice(TextRange::new(inner.start(), start))
            .trim()
            .is_empty()
}

/// The first name of formals that have none.
fn first(style: &Style, inner: TextRange, ellipsis: Option<&SyntaxToken>, name: &str) -> TextEdit {
    match ellipsis.map(|dots| dots.text_range().start()) {
        Some(at) if layout::begins_line(&style.text, at) => {
            let indent = style.indent_of(at);
            TextEdit::insert(at, format!("{name},{}{indent}", style.newline))
        }
        Some(at) => TextEdit::insert(at, format!("{name}, ")),
        None => {
            let at = inner.start() + TextSize::of(style.slice(inner).trim_end());
            TextEdit::insert(at, format!(" {name}"))
        }
    }
}
