//! Values where they are used: replaced, or made an operand of `++`.

use rnix::{SyntaxKind, SyntaxNode, TextRange, TextSize, ast};
use rowan::ast::AstNode;

use super::layout::{self, Style};
use super::open;
use super::value::{self, Form, Lines};
use super::{NewValue, TextEdit};

/// Puts another value in the place of an expression.
pub fn replace_value(expr: &ast::Expr, value: &NewValue) -> TextEdit {
    let style = Style::of(expr.syntax());
    let form = value::form_of(&style, expr.syntax());
    let write = |indent: &str| {
        let text = value.render(&form, indent);
        match is_operand(expr.syntax()) {
            true => value::parenthesised(&text),
            false => text,
        }
    };
    let range = expr.syntax().text_range();
    let text = write(style.indent_of(range.start()));
    if text.contains('\n')
        && style.compact
        && let Some(edit) = open::around(&style, expr.syntax(), &write)
    {
        return edit;
    }
    // What alejandra puts below the name because it has several lines goes up when it has one.
    if !text.contains('\n')
        && style.compact
        && matches!(value, NewValue::List(_) | NewValue::Set(_))
        && layout::spans_lines(&style.text, range)
        && let Some(binding) = expr.syntax().parent().and_then(ast::AttrpathValue::cast)
        && let Some(assign) = binding.assign_token()
    {
        let gap = TextRange::new(assign.text_range().end(), range.start());
        if style.slice(gap).trim().is_empty() {
            return TextEdit::replace(gap.cover(range), format!(" {text}"));
        }
    }
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

/// An operator that adds something to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Concat,
    Update,
}

impl Operator {
    fn text(self) -> &'static str {
        match self {
            Operator::Concat => "++",
            Operator::Update => "//",
        }
    }

    fn token(self) -> SyntaxKind {
        match self {
            Operator::Concat => SyntaxKind::TOKEN_CONCAT,
            Operator::Update => SyntaxKind::TOKEN_UPDATE,
        }
    }

    fn kind(self) -> ast::BinOpKind {
        match self {
            Operator::Concat => ast::BinOpKind::Concat,
            Operator::Update => ast::BinOpKind::Update,
        }
    }
}

/// Makes `x` into `x ++ value`, with parentheses only where the precedence of `++` needs them.
pub fn append_operand(expr: &ast::Expr, value: &NewValue) -> Vec<TextEdit> {
    append(expr, value, Operator::Concat)
}

/// Makes `x` into `x // value`, with parentheses only where the precedence of `//` needs them.
pub fn append_update(expr: &ast::Expr, value: &NewValue) -> Vec<TextEdit> {
    append(expr, value, Operator::Update)
}

fn append(expr: &ast::Expr, value: &NewValue, operator: Operator) -> Vec<TextEdit> {
    let style = Style::of(expr.syntax());
    let range = expr.syntax().text_range();
    let form = Form {
        lists: Lines::One,
        ..Form::at(&style, expr.syntax(), None)
    };
    let form = match operator {
        Operator::Update if style.compact => Form {
            sets: Lines::One,
            ..form
        },
        Operator::Update => form.on_one_line(),
        Operator::Concat => form,
    };
    let operand = |indent: &str| {
        let operand = value.render(&form, indent);
        format!("{} {}", operator.text(), value::parenthesised(&operand))
    };
    let (mut open, mut close) = (String::new(), String::new());
    if needs_atom(expr.syntax()) {
        open.push('(');
        close.push(')');
    }
    let mut inner = String::new();
    if needs_parentheses(expr, operator) {
        open.push('(');
        inner.push(')');
    }
    let indent = style.indent_of(range.end());
    let tall = layout::spans_lines(&style.text, range) || operand(indent).contains('\n');
    if style.compact
        && tall
        && let Some(edits) = hanging(expr, &style, operator, &operand, (&open, &inner, &close))
    {
        return edits;
    }
    // A sum that has its operators at the beginnings of lines gets one more line.
    let (joint, indent) = match sum_indent(expr, &style, operator) {
        Some(indent) => (format!("{}{indent}", style.newline), indent),
        None => (" ".to_owned(), indent.to_owned()),
    };
    let operand = operand(&indent);
    let mut edits = vec![TextEdit::insert(
        range.end(),
        format!("{inner}{joint}{operand}{close}"),
    )];
    if !open.is_empty() {
        edits.insert(0, TextEdit::insert(range.start(), open));
    }
    edits
}

/// The indentation of the last operator of a sum that begins a line.
fn sum_indent(expr: &ast::Expr, style: &Style, operator: Operator) -> Option<String> {
    let ast::Expr::BinOp(sum) = expr else {
        return None;
    };
    let operator = sum
        .syntax()
        .children_with_tokens()
        .find_map(|e| e.into_token().filter(|t| t.kind() == operator.token()))?;
    let at = operator.text_range().start();
    layout::begins_line(&style.text, at).then(|| style.indent_of(at).to_owned())
}

/// alejandra's way with operands of several lines: each on lines of its own, below the name.
fn hanging(
    expr: &ast::Expr,
    style: &Style,
    operator: Operator,
    operand: &dyn Fn(&str) -> String,
    (open, inner, close): (&str, &str, &str),
) -> Option<Vec<TextEdit>> {
    let range = expr.syntax().text_range();
    if !open.is_empty() && open != "(" {
        return None;
    }
    let newline = style.newline;
    let added = |indent: &str| format!("{}{close}", operand(indent));
    if let Some(indent) = sum_indent(expr, style, operator) {
        let added = added(&indent);
        let edit = TextEdit::insert(range.end(), format!("{newline}{indent}{added}"));
        return open.is_empty().then(|| vec![edit]);
    }
    let binding = expr.syntax().parent().and_then(ast::AttrpathValue::cast)?;
    let assign = binding.assign_token()?.text_range().end();
    let gap = TextRange::new(assign, range.start());
    let below = layout::begins_line(&style.text, range.start());
    if !style.slice(gap).trim().is_empty() {
        return None;
    }
    let outer = style.indent_of(assign).to_owned();
    let indent = match below {
        true => style.indent_of(range.start()).to_owned(),
        false => format!("{outer}{}", style.step),
    };
    // Branches get lines of their own between the parentheses.
    let branches = matches!(expr, ast::Expr::IfElse(_) | ast::Expr::LetIn(_)) && !open.is_empty();
    let mut deeper = String::new();
    if matches!(expr, ast::Expr::BinOp(_)) && !open.is_empty() {
        deeper.push_str(&style.step);
    }
    if !below {
        deeper.push_str(&style.step);
    }
    let mut before = match below {
        true => open.to_owned(),
        false => format!("{newline}{indent}{open}"),
    };
    let mut after = inner.to_owned();
    if branches {
        deeper.push_str(&style.step);
        before = format!("{before}{newline}{indent}{}", style.step);
        after = format!("{newline}{indent}{after}");
    }
    let mut edits = Vec::new();
    match below {
        true if before.is_empty() => {}
        true => edits.push(TextEdit::insert(range.start(), before)),
        false => edits.push(TextEdit::replace(gap, before)),
    }
    if !deeper.is_empty() {
        // Each further line of the value moves in.
        for offset in line_starts(expr.syntax())? {
            if !layout::ends_line(&style.text, offset) {
                edits.push(TextEdit::insert(offset, deeper.clone()));
            }
        }
    }
    edits.push(TextEdit::insert(
        range.end(),
        format!("{after}{newline}{indent}{}", added(&indent)),
    ));
    Some(edits)
}

/// Where the lines of a node begin after its first; `None` if one is inside a `"…"` string, where
/// spaces count.
fn line_starts(node: &SyntaxNode) -> Option<Vec<TextSize>> {
    let mut starts = Vec::new();
    for token in node
        .descendants_with_tokens()
        .filter_map(|e| e.into_token())
    {
        let plain = token
            .parent()
            .and_then(ast::Str::cast)
            .is_some_and(|s| s.syntax().first_token().is_some_and(|t| t.text() == "\""));
        for (index, _) in token.text().match_indices('\n') {
            if plain {
                return None;
            }
            starts.push(token.text_range().start() + TextSize::from(index as u32 + 1));
        }
    }
    Some(starts)
}

/// Whether an expression binds less tightly than an operator, or takes all that follows it.
fn needs_parentheses(expr: &ast::Expr, operator: Operator) -> bool {
    match expr {
        ast::Expr::Lambda(_)
        | ast::Expr::LetIn(_)
        | ast::Expr::With(_)
        | ast::Expr::Assert(_)
        | ast::Expr::IfElse(_) => true,
        ast::Expr::BinOp(op) => op.operator() != Some(operator.kind()),
        ast::Expr::UnaryOp(op) => op.operator() == Some(ast::UnaryOpKind::Invert),
        _ => false,
    }
}
