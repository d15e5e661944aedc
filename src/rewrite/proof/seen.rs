//! Owns: whether edits lie in what a host never evaluated, so that they cannot matter to it.

use rnix::{SyntaxKind, SyntaxNode, TextRange, TextSize, ast};
use rowan::ast::AstNode as _;

use crate::nix::edit::TextEdit;
use crate::nix::source::SourceFile;

/// Edits of one file made at once, with its text before and after.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) before: std::rc::Rc<SourceFile>,
    pub(super) after: std::rc::Rc<SourceFile>,
    /// `None` where the text was changed otherwise too.
    pub(super) edits: Option<Vec<TextEdit>>,
}

impl Layer {
    /// Where ranges of the text before are afterwards, if every edit lies within one of them that
    /// still is one expression, in the same place of the same tree.
    pub(super) fn within(&self, unseen: &[TextRange]) -> Option<Vec<TextRange>> {
        let edits = self.edits.as_ref()?;
        for edit in edits {
            let holds = |range: &&TextRange| {
                let inside = range.start() < edit.range.start() && edit.range.end() < range.end();
                let whole = **range == edit.range && !range.is_empty();
                inside || whole
            };
            let is_same = |range: &&TextRange| {
                let old = chain(self.before.tree(), **range);
                old.is_some() && old == chain_below(self.after.tree(), self.moved(**range))
            };
            unseen.iter().filter(holds).find(is_same)?;
        }
        Some(unseen.iter().map(|range| self.moved(*range)).collect())
    }

    fn moved(&self, range: TextRange) -> TextRange {
        let mut start = u32::from(range.start()) as i64;
        let mut end = u32::from(range.end()) as i64;
        for edit in self.edits.iter().flatten() {
            let grown = edit.text.len() as i64 - u32::from(edit.range.len()) as i64;
            let is_before = edit.range.end() <= range.start() && edit.range != range;
            if is_before {
                start += grown;
            }
            if is_before || edit.range.end() <= range.end() {
                end += grown;
            }
        }
        let at = |offset: i64| TextSize::from(u32::try_from(offset).unwrap_or_default());
        TextRange::new(at(start), at(end.max(start)))
    }
}

/// The kinds of the nodes around the expression of just this range, from it to the root.
fn chain(root: &SyntaxNode, range: TextRange) -> Option<Vec<SyntaxKind>> {
    let node = expression(root, range)?;
    Some(node.ancestors().skip(1).map(|n| n.kind()).collect())
}

fn chain_below(root: &SyntaxNode, range: TextRange) -> Option<Vec<SyntaxKind>> {
    match root.text_range().contains_range(range) {
        true => chain(root, range),
        false => None,
    }
}

/// The outermost expression of just this range.
fn expression(root: &SyntaxNode, range: TextRange) -> Option<SyntaxNode> {
    let found = match root.covering_element(range) {
        rowan::NodeOrToken::Node(node) => node,
        rowan::NodeOrToken::Token(token) => token.parent()?,
    };
    let same = |node: &SyntaxNode| node.text_range() == range;
    let all = found.ancestors().take_while(same);
    all.filter(|node| ast::Expr::can_cast(node.kind())).last()
}
