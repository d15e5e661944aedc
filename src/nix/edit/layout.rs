//! How a file is laid out around a place: its lines, their indentation and endings.

use rnix::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken, TextRange, TextSize};

/// The line ending of a text: that of its first line.
pub(super) fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(index) if text[..index].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The text of the whole file that a node belongs to.
pub(super) fn file_text(node: &SyntaxNode) -> String {
    node.ancestors()
        .last()
        .unwrap_or_else(|| node.clone())
        .text()
        .to_string()
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

/// One step of indentation: what a nested line has more than the line around it, two spaces if
/// nothing tells.
pub(super) fn indent_step(text: &str) -> String {
    let mut previous = 0usize;
    for line in text.lines() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with('\t') {
            return "\t".to_owned();
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        if indent > previous {
            return " ".repeat(indent - previous);
        }
        previous = indent;
    }
    "  ".to_owned()
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
            SyntaxKind::TOKEN_WHITESPACE if token.text().contains('\n') => break,
            SyntaxKind::TOKEN_WHITESPACE => {}
            SyntaxKind::TOKEN_COMMENT => end = comment_end(&token),
            _ => break,
        }
        next = token.next_token();
    }
    end
}

/// The end of a comment without the line ending that CRLF leaves inside it.
fn comment_end(token: &SyntaxToken) -> TextSize {
    let trimmed = token.text().trim_end_matches(['\r', '\n']).len() as u32;
    token.text_range().start() + TextSize::from(trimmed)
}

/// Whether a range of text holds a line break.
pub(super) fn spans_lines(text: &str, range: TextRange) -> bool {
    text[std::ops::Range::<usize>::from(range)].contains('\n')
}
