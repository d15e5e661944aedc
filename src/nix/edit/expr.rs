//! Values where they are used: replaced, or made an operand of `++`.

use rnix::{SyntaxKind, SyntaxNode, TextRange, TextSize, ast};
use rowan::ast::AstNode;

use super::layout::{self, Style};
use super::value::{self, Form};
use super::{NewValue, TextEdit};

/// Puts another value in the place of an expression.
pub fn replace_value(expr: &ast::Expr, value: &NewValue) -> TextEdit {
    let style = Style::of(expr.syntax());
    let range = expr.syntax().text_range();
    let text = value::written(&style, expr.syntax(), range, value);
    let text = match is_operand(expr.syntax()) {
        true => value::parenthesised(&text),
        false => text,
    };
    replacing(&style, expr.syntax(), text)
}

/// Whether an expression stands where only an operand of the tightest kind may stand.
fn needs_atom(node: &SyntaxNode) -> bool {
    node.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            SyntaxKind::NODE_LIST
                | SyntaxKind::NODE_APPLY
                | SyntaxKind::NODE_SELECT
                | SyntaxKind::NODE_UNARY_OP
                | SyntaxKind::NODE_HAS_ATTR
        )
    })
}

/// Whether it is an operand, which a value of low precedence must not spill out of.
fn is_operand(node: &SyntaxNode) -> bool {
    needs_atom(node)
        || node
            .parent()
            .is_some_and(|p| p.kind() == SyntaxKind::NODE_BIN_OP)
}

/// Replaces a node by a text; a comment that stands in a column behind it keeps its column.
pub(super) fn replacing(style: &Style, node: &SyntaxNode, text: String) -> TextEdit {
    let range = node.text_range();
    let plain = TextEdit::replace(range, text.clone());
    if text.contains('\n') || layout::spans_lines(&style.text, range) {
        return plain;
    }
    let Some(comment) = trailing_comment(node) else {
        return plain;
    };
    // `value; # comment`: what stands between stays, its spaces make up for the difference.
    let between = style.slice(TextRange::new(range.end(), comment));
    let written = between.trim_end_matches(' ');
    let spaces = between.len() - written.len();
    if spaces < 2 || written.contains('\t') {
        return plain;
    }
    let (old, new) = (style.slice(range).chars().count(), text.chars().count());
    let spaces = (spaces + old).saturating_sub(new).max(1);
    let text = format!("{text}{written}{}", " ".repeat(spaces));
    TextEdit::replace(TextRange::new(range.start(), comment), text)
}

/// Where the comment behind a value begins, if only `;` and spaces stand before it on the line.
fn trailing_comment(node: &SyntaxNode) -> Option<TextSize> {
    let mut next = node.last_token()?.next_token();
    while let Some(token) = next {
        match token.kind() {
            SyntaxKind::TOKEN_WHITESPACE if token.text().contains('\n') => return None,
            SyntaxKind::TOKEN_WHITESPACE | SyntaxKind::TOKEN_SEMICOLON => {}
            SyntaxKind::TOKEN_COMMENT => return Some(token.text_range().start()),
            _ => return None,
        }
        next = token.next_token();
    }
    None
}

/// Makes `x` into `x ++ value`, with parentheses only where the precedence of `++` needs them.
pub fn append_operand(expr: &ast::Expr, value: &NewValue) -> Vec<TextEdit> {
    let style = Style::of(expr.syntax());
    let range = expr.syntax().text_range();
    let form = Form::at(&style, expr.syntax(), None);
    let operand = value.render(&form, style.indent_of(range.end()));
    let operand = value::parenthesised(&operand);
    let (mut open, mut close) = (String::new(), String::new());
    if needs_atom(expr.syntax()) {
        open.push('(');
        close.push(')');
    }
    let mut inner = String::new();
    if needs_parentheses(expr) {
        open.push('(');
        inner.push(')');
    }
    let mut edits = vec![TextEdit::insert(
        range.end(),
        format!("{inner} ++ {operand}{close}"),
    )];
    if !open.is_empty() {
        edits.insert(0, TextEdit::insert(range.start(), open));
    }
    edits
}

/// Whether an expression binds less tightly than `++`, or takes all that follows it.
fn needs_parentheses(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Lambda(_)
        | ast::Expr::LetIn(_)
        | ast::Expr::With(_)
        | ast::Expr::Assert(_)
        | ast::Expr::IfElse(_) => true,
        ast::Expr::BinOp(op) => op.operator() != Some(ast::BinOpKind::Concat),
        ast::Expr::UnaryOp(op) => op.operator() == Some(ast::UnaryOpKind::Invert),
        _ => false,
    }
}
