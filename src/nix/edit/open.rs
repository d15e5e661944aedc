//! Brackets of one line that have to be opened, where a file's hand allows one line only to what is
//! short: alejandra writes a set of two bindings, and all that is around it, over several lines.

use rnix::{SyntaxKind, SyntaxNode, TextRange, ast};
use rowan::ast::AstNode;

use super::TextEdit;
use super::layout::{self, Style};

/// Writes a node anew, and opens all brackets of one line around it; `None` where there are none,
/// or where a comment stands in them.
///
/// `write` gives the text of the node, beginning on a line of this indentation.
pub(super) fn around(
    style: &Style,
    target: &SyntaxNode,
    write: &dyn Fn(&str) -> String,
) -> Option<TextEdit> {
    let outermost = target
        .ancestors()
        .skip(1)
        .take_while(|node| !layout::spans_lines(&style.text, node.text_range()))
        .filter(|node| is_bracket(node) || joined(node).is_some())
        .last()?;
    let range = outermost.text_range();
    let has_comment = outermost
        .descendants_with_tokens()
        .any(|e| e.kind() == SyntaxKind::TOKEN_COMMENT);
    if has_comment {
        return None;
    }
    let indent = style.indent_of(range.start()).to_owned();
    let text = lay(style, &outermost, target, &indent, write);
    Some(TextEdit::replace(range, text))
}

/// Whether the innermost brackets around a node stand on one line.
pub(super) fn in_one_line(style: &Style, node: &SyntaxNode) -> bool {
    node.ancestors()
        .skip(1)
        .find(is_bracket)
        .is_some_and(|node| !layout::spans_lines(&style.text, node.text_range()))
}

/// Whether a node is part of a larger expression of one line, rather than the value of a binding or
/// an element itself.
pub(super) fn in_expression(style: &Style, node: &SyntaxNode) -> bool {
    let is_place = |n: &SyntaxNode| {
        is_bracket(n)
            || matches!(
                n.kind(),
                SyntaxKind::NODE_ATTRPATH_VALUE | SyntaxKind::NODE_ROOT
            )
    };
    let whole = node
        .ancestors()
        .skip(1)
        .take_while(|n| !is_place(n) && n.kind() != SyntaxKind::NODE_LET_IN)
        .last();
    whole.is_some_and(|n| !layout::spans_lines(&style.text, n.text_range()))
}

fn is_bracket(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SyntaxKind::NODE_LIST | SyntaxKind::NODE_ATTR_SET
    )
}

/// The operands and the operator of a binding's value that joins two.
fn joined(node: &SyntaxNode) -> Option<(SyntaxNode, String, SyntaxNode)> {
    let binding = ast::AttrpathValue::cast(node.clone())?;
    let Some(ast::Expr::BinOp(sum)) = binding.value() else {
        return None;
    };
    let (left, right) = (sum.lhs()?, sum.rhs()?);
    if matches!(left, ast::Expr::BinOp(_)) || matches!(right, ast::Expr::BinOp(_)) {
        return None;
    }
    let operator = sum
        .syntax()
        .children_with_tokens()
        .filter_map(|e| e.into_token())
        .find(|t| t.kind() != SyntaxKind::TOKEN_WHITESPACE)?;
    Some((
        left.syntax().clone(),
        operator.text().to_owned(),
        right.syntax().clone(),
    ))
}

fn lay(
    style: &Style,
    node: &SyntaxNode,
    target: &SyntaxNode,
    indent: &str,
    write: &dyn Fn(&str) -> String,
) -> String {
    if node == target {
        return write(indent);
    }
    let range = node.text_range();
    let holds = |n: &SyntaxNode| n.text_range().contains_range(target.text_range());
    if is_bracket(node) {
        let inner = layout::brackets(node);
        let deeper = format!("{indent}{}", style.step);
        let mut out = style
            .slice(TextRange::new(range.start(), inner.start()))
            .to_owned();
        for item in layout::items(node) {
            out.push_str(style.newline);
            out.push_str(&deeper);
            match holds(&item) {
                true => out.push_str(&lay(style, &item, target, &deeper, write)),
                false => out.push_str(style.slice(item.text_range())),
            }
        }
        out.push_str(style.newline);
        out.push_str(indent);
        out.push_str(style.slice(TextRange::new(inner.end(), range.end())));
        return out;
    }
    if let Some((left, operator, right)) = joined(node) {
        // A binding whose operand opens has each operand on lines of its own, below the name.
        let deeper = format!("{indent}{}", style.step);
        let head = style.slice(TextRange::new(range.start(), left.text_range().start()));
        let tail = style.slice(TextRange::new(right.text_range().end(), range.end()));
        let operand = |n: &SyntaxNode| lay(style, n, target, &deeper, write);
        let newline = style.newline;
        return format!(
            "{}{newline}{deeper}{}{newline}{deeper}{operator} {}{tail}",
            head.trim_end(),
            operand(&left),
            operand(&right),
        );
    }
    let Some(child) = node.children().find(holds) else {
        return style.slice(range).to_owned();
    };
    let at = child.text_range();
    format!(
        "{}{}{}",
        style.slice(TextRange::new(range.start(), at.start())),
        lay(style, &child, target, indent, write),
        style.slice(TextRange::new(at.end(), range.end())),
    )
}
