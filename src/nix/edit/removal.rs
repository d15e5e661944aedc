//! Removing items from between brackets: elements of lists, bindings of sets and of `let`.

use rnix::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken, TextRange, TextSize};

use super::layout::{self, Style};
use super::{Removal, TextEdit};

/// Removes the items whose ranges are given, each with the comment on its own line that speaks of
/// it alone.
pub(super) fn remove(holder: &SyntaxNode, removed: &[TextRange]) -> Removal {
    remove_among(holder, &layout::items(holder), removed)
}

/// The same among these items of a node.
pub(super) fn remove_among(
    holder: &SyntaxNode,
    items: &[SyntaxNode],
    removed: &[TextRange],
) -> Removal {
    let style = Style::of(holder);
    let goes = |item: &SyntaxNode| removed.contains(&item.text_range());
    if !items.is_empty()
        && items.iter().all(goes)
        && let Some(edit) = emptied(holder, &style, items)
    {
        return Removal::of(holder, vec![edit]);
    }
    let mut edits: Vec<TextEdit> = Vec::new();
    for run in runs(&style, items, &goes) {
        let range = extent(&style, run);
        match edits.last_mut() {
            Some(last) if last.range.end() == range.start() => {
                last.range = last.range.cover(range);
            }
            _ => edits.push(TextEdit::delete(range)),
        }
    }
    for edit in &mut edits {
        close_gap(&style, edit);
    }
    Removal::of(holder, edits)
}

/// Removed items that follow each other with nothing but spaces between them.
fn runs<'a>(
    style: &Style,
    items: &'a [SyntaxNode],
    goes: &impl Fn(&SyntaxNode) -> bool,
) -> Vec<&'a [SyntaxNode]> {
    let mut runs = Vec::new();
    let mut start = 0;
    while start < items.len() {
        if !goes(&items[start]) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while end < items.len() && goes(&items[end]) {
            let between = TextRange::new(
                items[end - 1].text_range().end(),
                items[end].text_range().start(),
            );
            let between = style.slice(between);
            if between.contains('\n') || !between.trim().is_empty() {
                break;
            }
            end += 1;
        }
        runs.push(&items[start..end]);
        start = end;
    }
    runs
}

/// The text that goes with a run of items.
fn extent(style: &Style, run: &[SyntaxNode]) -> TextRange {
    let text = &style.text;
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return TextRange::default();
    };
    let items = first.text_range().cover(last.text_range());
    let end = layout::end_of_line_content(&SyntaxElement::Node(last.clone()));
    let own_line = layout::begins_line(text, items.start()) && layout::ends_line(text, end);
    // A comment that goes on in the next lines speaks of more than this line.
    if own_line && !style.slice(TextRange::new(items.end(), end)).contains('\n') {
        let start = TextSize::from(layout::line_start(text, items.start()) as u32);
        let rest = &text[usize::from(end)..];
        let rest = rest.find('\n').map_or(rest.len(), |i| i + 1);
        return TextRange::new(start, end + TextSize::from(rest as u32));
    }
    let before = space_before(first);
    let after = space_after(last);
    let closes = last
        .last_token()
        .and_then(|t| next_written(&t))
        .is_some_and(|t| is_closing(t.kind()));
    let opens = first
        .first_token()
        .and_then(|t| previous_written(&t))
        .is_none_or(|t| is_opening(t.kind()));
    let after_comment = first
        .first_token()
        .and_then(|t| previous_written(&t))
        .is_some_and(|t| t.kind() == SyntaxKind::TOKEN_COMMENT && t.text().starts_with('#'));
    let has_break = |range: TextRange| style.slice(range).contains('\n');
    match (has_break(before), has_break(after)) {
        (false, _) if !opens => TextRange::new(before.start(), items.end()),
        (true, false) if closes && !after_comment => TextRange::new(before.start(), items.end()),
        (_, false) => TextRange::new(items.start(), after.end()),
        (false, true) => items,
        (true, true) => TextRange::new(before.start(), items.end()),
    }
}

/// Blank lines that would meet, or stand inside the brackets, go too.
fn close_gap(style: &Style, edit: &mut TextEdit) {
    let text = &style.text;
    let (start, end) = (
        usize::from(edit.range.start()),
        usize::from(edit.range.end()),
    );
    let whole_lines = (start == 0 || text[..start].ends_with('\n')) && text[..end].ends_with('\n');
    if !whole_lines {
        return;
    }
    let above = text[..start].trim_end_matches([' ', '\t', '\r', '\n']);
    let blank_above = text[above.len()..start].matches('\n').count() > 1;
    let below = &text[end..];
    let next = below.trim_start_matches([' ', '\t', '\r', '\n']);
    let gap = &below[..below.len() - next.len()];
    let blank_below = gap.contains('\n');
    let is_in = next.starts_with("in") && !next[2..].starts_with(is_name_part);
    let closes = next.starts_with([']', '}']) || next.is_empty() || is_in;
    let is_let = above.ends_with("let") && !above[..above.len() - 3].ends_with(is_name_part);
    let opens = above.ends_with(['[', '{']) || is_let;
    if blank_above && (blank_below || closes) {
        // The line break that ends the last written line stays.
        let keep = text[above.len()..].find('\n').map_or(0, |i| i + 1);
        let start = TextSize::from((above.len() + keep) as u32);
        edit.range = TextRange::new(start, edit.range.end());
    }
    if blank_below && ((opens && !blank_above) || closes) {
        let keep = gap.rfind('\n').map_or(0, |i| i + 1);
        edit.range = TextRange::new(
            edit.range.start(),
            edit.range.end() + TextSize::from(keep as u32),
        );
    }
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '\'')
}

/// The edit that leaves empty brackets, unless a comment stays between them.
fn emptied(holder: &SyntaxNode, style: &Style, items: &[SyntaxNode]) -> Option<TextEdit> {
    if !matches!(
        holder.kind(),
        SyntaxKind::NODE_LIST | SyntaxKind::NODE_ATTR_SET
    ) {
        return None;
    }
    let inner = layout::brackets(holder);
    let one_line = !layout::spans_lines(&style.text, inner);
    let comments = holder
        .children_with_tokens()
        .filter_map(|e| e.into_token())
        .filter(|t| t.kind() == SyntaxKind::TOKEN_COMMENT);
    for comment in comments {
        let range = TextRange::new(comment.text_range().start(), layout::comment_end(&comment));
        let goes = items.iter().any(|item| {
            let end = layout::end_of_line_content(&SyntaxElement::Node(item.clone()));
            layout::begins_line(&style.text, item.text_range().start())
                && layout::ends_line(&style.text, end)
                && TextRange::new(item.text_range().end(), end).contains_range(range)
                && !comment.text().trim_end().contains('\n')
        });
        if !goes {
            return None;
        }
    }
    let padding = match holder.kind() {
        SyntaxKind::NODE_LIST => style.list_padding,
        _ => style.set_padding,
    };
    // Before a set there is no space whatever the hand.
    let own = one_line
        && !matches!(
            items.first().map(SyntaxNode::kind),
            Some(SyntaxKind::NODE_ATTR_SET)
        );
    let padded = match own {
        true => style.slice(inner).starts_with(' '),
        false => padding,
    };
    Some(TextEdit::replace(inner, if padded { " " } else { "" }))
}

fn is_opening(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::TOKEN_L_BRACE | SyntaxKind::TOKEN_L_BRACK)
}

fn is_closing(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::TOKEN_R_BRACE | SyntaxKind::TOKEN_R_BRACK)
}

fn previous_written(token: &SyntaxToken) -> Option<SyntaxToken> {
    std::iter::successors(token.prev_token(), SyntaxToken::prev_token)
        .find(|t| t.kind() != SyntaxKind::TOKEN_WHITESPACE)
}

fn next_written(token: &SyntaxToken) -> Option<SyntaxToken> {
    std::iter::successors(token.next_token(), SyntaxToken::next_token)
        .find(|t| t.kind() != SyntaxKind::TOKEN_WHITESPACE)
}

fn space_before(node: &SyntaxNode) -> TextRange {
    let start = node.text_range().start();
    node.first_token()
        .and_then(|t| previous_written(&t))
        .map_or(TextRange::empty(start), |t| {
            TextRange::new(layout::comment_end(&t).min(start), start)
        })
}

fn space_after(node: &SyntaxNode) -> TextRange {
    let end = node.text_range().end();
    node.last_token()
        .and_then(|t| next_written(&t))
        .map_or(TextRange::empty(end), |t| {
            TextRange::new(end, t.text_range().start().max(end))
        })
}
