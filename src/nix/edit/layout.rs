//! How a file is laid out around a place: its lines, their indentation and endings.

use rnix::ast::{self, HasEntry};
use rnix::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken, TextRange, TextSize};
use rowan::ast::AstNode;

/// The hand of a file: what new text in it must look like.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// The whole file.
    pub(super) text: String,
    /// The line ending.
    pub(super) newline: &'static str,
    /// One step of indentation.
    pub(super) step: String,
    /// Whether spaces stand inside the brackets of a list of one line.
    pub(super) list_padding: bool,
    /// Whether spaces stand inside the braces of a set of one line.
    pub(super) set_padding: bool,
    /// alejandra's hand: brackets without padding, sets of two bindings over several lines.
    pub(super) compact: bool,
    /// Nothing tells how brackets of one line are written here.
    pub(super) undecided: bool,
}

impl Style {
    /// The style of the file that a node belongs to.
    pub(super) fn of(node: &SyntaxNode) -> Style {
        let root = node.ancestors().last().unwrap_or_else(|| node.clone());
        let text = root.text().to_string();
        let mut lists = Tally::default();
        let mut sets = Tally::default();
        let mut formals = Tally::default();
        // What stands in strings is left as it is by some formatters, and so tells nothing.
        let mut within = root.preorder();
        while let Some(event) = within.next() {
            let node = match event {
                rowan::WalkEvent::Enter(node) => node,
                rowan::WalkEvent::Leave(_) => continue,
            };
            if node.kind() == SyntaxKind::NODE_STRING {
                within.skip_subtree();
                continue;
            }
            let tally = match node.kind() {
                SyntaxKind::NODE_LIST => &mut lists,
                SyntaxKind::NODE_ATTR_SET => &mut sets,
                SyntaxKind::NODE_PATTERN => &mut formals,
                _ => continue,
            };
            tally.count(&node, &text);
        }
        let mut all = Tally::default();
        for tally in [&lists, &sets, &formals] {
            all.padded += tally.padded;
            all.tight += tally.tight;
        }
        let undecided = all.tight + all.padded == 0;
        let compact = all.tight > all.padded || (undecided && has_hanging_bodies(&root, &text));
        Style {
            newline: newline(&text),
            step: indent_step(&root, &text),
            list_padding: lists.verdict().unwrap_or(!compact),
            set_padding: sets.verdict().unwrap_or(!compact),
            compact,
            undecided: undecided && !compact,
            text,
        }
    }

    /// The white space that begins the line of `offset`.
    pub(super) fn indent_of(&self, offset: TextSize) -> &str {
        indent_of(&self.text, offset)
    }

    /// A piece of the file.
    pub(super) fn slice(&self, range: TextRange) -> &str {
        &self.text[std::ops::Range::<usize>::from(range)]
    }
}

/// How often brackets of one line are written with and without spaces inside.
#[derive(Default)]
struct Tally {
    padded: usize,
    tight: usize,
}

impl Tally {
    fn count(&mut self, node: &SyntaxNode, text: &str) {
        let range = node.text_range();
        // Before a set nixpkgs-fmt puts no space into a list, and so does alejandra.
        let opens_with_set = ast::List::cast(node.clone())
            .and_then(|list| list.items().next())
            .is_some_and(|item| matches!(item, ast::Expr::AttrSet(_)));
        if spans_lines(text, range) || opens_with_set {
            return;
        }
        let inner = text[std::ops::Range::<usize>::from(range)]
            .trim_start_matches("rec")
            .trim_start();
        let inner = inner.get(1..inner.len().saturating_sub(1)).unwrap_or("");
        match inner {
            // `{}:` is written so by nixpkgs-fmt too.
            "" if node.kind() == SyntaxKind::NODE_PATTERN => {}
            "" => self.tight += 1,
            inner if inner.starts_with(' ') => self.padded += 1,
            _ => self.tight += 1,
        }
    }

    fn verdict(&self) -> Option<bool> {
        match self.padded.cmp(&self.tight) {
            std::cmp::Ordering::Greater => Some(true),
            std::cmp::Ordering::Less => Some(false),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Whether bodies hang on the line that ends what stands before them: `in {` after a `let` of several
/// lines, `}: {` after formals of several lines. Of the formatters only alejandra writes so.
fn has_hanging_bodies(root: &SyntaxNode, text: &str) -> bool {
    root.descendants().any(|node| match node.kind() {
        SyntaxKind::NODE_LET_IN => ast::LetIn::cast(node).is_some_and(|it| {
            match (it.let_token(), it.in_token(), it.body()) {
                (Some(start), Some(end), Some(body)) => {
                    let body = body.syntax().text_range();
                    let head = TextRange::new(start.text_range().start(), end.text_range().start());
                    let gap = TextRange::new(end.text_range().end(), body.start());
                    spans_lines(text, head) && !spans_lines(text, gap) && spans_lines(text, body)
                }
                _ => false,
            }
        }),
        SyntaxKind::NODE_LAMBDA => {
            ast::Lambda::cast(node).is_some_and(|it| match (it.param(), it.body()) {
                (Some(ast::Param::Pattern(pattern)), Some(body)) => {
                    let head = pattern.syntax().text_range();
                    // `with lib; {` hangs where its set does.
                    let body = match body {
                        ast::Expr::With(with) => with.body().map(|b| b.syntax().text_range()),
                        body => Some(body.syntax().text_range()),
                    };
                    let Some(body) = body else { return false };
                    let hangs = spans_lines(text, body) && !begins_line(text, body.start());
                    let leading = pattern
                        .syntax()
                        .children_with_tokens()
                        .filter(|e| e.kind() == SyntaxKind::TOKEN_COMMA)
                        .any(|e| begins_line(text, e.text_range().start()));
                    spans_lines(text, head) && !leading && hangs
                }
                _ => false,
            })
        }
        _ => false,
    })
}

/// The line ending of a text: that of its first line.
pub(super) fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(index) if text[..index].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The offset at which the line of `offset` begins.
pub(super) fn line_start(text: &str, offset: TextSize) -> usize {
    text[..usize::from(offset)].rfind('\n').map_or(0, |i| i + 1)
}

/// The white space that begins the line of `offset`.
pub(super) fn indent_of(text: &str, offset: TextSize) -> &str {
    let line = &text[line_start(text, offset)..];
    let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
    &line[..end]
}

/// Whether nothing but white space stands before `offset` on its line.
pub(super) fn begins_line(text: &str, offset: TextSize) -> bool {
    text[line_start(text, offset)..usize::from(offset)]
        .bytes()
        .all(|b| b == b' ' || b == b'\t')
}

/// Whether nothing but white space stands after `offset` on its line.
pub(super) fn ends_line(text: &str, offset: TextSize) -> bool {
    let rest = text[usize::from(offset)..].trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n")
}

/// One step of indentation: what the items between most brackets have more than the line of the
/// bracket, two spaces if nothing tells.
fn indent_step(root: &SyntaxNode, text: &str) -> String {
    let mut steps: Vec<(&str, usize)> = Vec::new();
    for node in root.descendants() {
        if !matches!(
            node.kind(),
            SyntaxKind::NODE_LIST | SyntaxKind::NODE_ATTR_SET
        ) {
            continue;
        }
        let Some(first) = items(&node).first().map(|n| n.text_range().start()) else {
            continue;
        };
        let outer = indent_of(text, node.text_range().start());
        let Some(step) = indent_of(text, first).strip_prefix(outer) else {
            continue;
        };
        if step.is_empty() || !begins_line(text, first) {
            continue;
        }
        match steps.iter_mut().find(|(known, _)| *known == step) {
            Some((_, count)) => *count += 1,
            None => steps.push((step, 1)),
        }
    }
    // Of equals the first, which is the outermost.
    let most = steps.iter().map(|(_, count)| *count).max();
    steps
        .iter()
        .find(|(_, count)| Some(*count) == most)
        .map_or_else(|| "  ".to_owned(), |(step, _)| (*step).to_owned())
}

/// The end of what stands on the line of an element after it: a `;`, and a comment about it.
pub(super) fn end_of_line_content(element: &SyntaxElement) -> TextSize {
    let mut end = element.text_range().end();
    let mut next = match element {
        SyntaxElement::Node(node) => node.last_token().and_then(|t| t.next_token()),
        SyntaxElement::Token(token) => token.next_token(),
    };
    while let Some(token) = next {
        match token.kind() {
            SyntaxKind::TOKEN_WHITESPACE if token.text().contains('\n') => {
                // Blanks at the end of a line stay on it.
                let blanks = token.text().find(['\r', '\n']).unwrap_or(0);
                if token.text_range().start() == end {
                    end += TextSize::from(blanks as u32);
                }
                break;
            }
            SyntaxKind::TOKEN_WHITESPACE => {}
            SyntaxKind::TOKEN_COMMENT => end = comment_end(&token),
            _ => break,
        }
        next = token.next_token();
    }
    end
}

/// The end of a comment without the line ending that CRLF leaves inside it.
pub(super) fn comment_end(token: &SyntaxToken) -> TextSize {
    let trimmed = token.text().trim_end_matches(['\r', '\n']).len() as u32;
    token.text_range().start() + TextSize::from(trimmed)
}

/// Whether a range of text holds a line break.
pub(super) fn spans_lines(text: &str, range: TextRange) -> bool {
    text[std::ops::Range::<usize>::from(range)].contains('\n')
}

/// The brackets of a list or set: the end of the opening one, the start of the closing one.
pub(super) fn brackets(node: &SyntaxNode) -> TextRange {
    let range = node.text_range();
    let tokens = || {
        node.children_with_tokens()
            .filter_map(|e| e.into_token())
            .map(|t| (t.kind(), t.text_range()))
    };
    let open = tokens()
        .find(|(kind, _)| matches!(kind, SyntaxKind::TOKEN_L_BRACE | SyntaxKind::TOKEN_L_BRACK))
        .map_or(range.start(), |(_, range)| range.end());
    let close = tokens()
        .filter(|(kind, _)| matches!(kind, SyntaxKind::TOKEN_R_BRACE | SyntaxKind::TOKEN_R_BRACK))
        .last()
        .map_or(range.end(), |(_, range)| range.start());
    TextRange::new(open, close.max(open))
}

/// What is listed between the brackets of a list, a set or a `let`, in order.
pub(super) fn items(node: &SyntaxNode) -> Vec<SyntaxNode> {
    if let Some(list) = ast::List::cast(node.clone()) {
        return list.items().map(|i| i.syntax().clone()).collect();
    }
    if let Some(set) = ast::AttrSet::cast(node.clone()) {
        return set.entries().map(|e| e.syntax().clone()).collect();
    }
    if let Some(bindings) = ast::LetIn::cast(node.clone()) {
        return bindings.entries().map(|e| e.syntax().clone()).collect();
    }
    Vec::new()
}
