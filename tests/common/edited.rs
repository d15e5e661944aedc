//! What an edit did to a text: formatters, comments, line ends, lines that changed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rnix::SyntaxKind;
use similar::{ChangeTag, TextDiff};

/// What a formatter makes of a text.
type Format = fn(&str) -> Option<String>;

/// The formatters that people use, by name.
pub(crate) const FORMATTERS: [(&str, Format); 3] = [
    ("nixfmt", |text| nixfmt_rs::format(text).ok()),
    ("alejandra", |text| {
        let formatted = alejandra::format::in_memory("a.nix".to_owned(), text.to_owned());
        match formatted.0 {
            alejandra::format::Status::Error(_) => None,
            _ => Some(formatted.1),
        }
    }),
    ("nixpkgs-fmt", |text| {
        Some(nixpkgs_fmt::reformat_string(text))
    }),
];

/// Whether a formatter leaves a text as it is. A formatter that fails does not.
pub(crate) fn is_formatted(formatter: usize, text: &str) -> bool {
    let format = FORMATTERS[formatter].1;
    catch_unwind(AssertUnwindSafe(|| format(text))).is_ok_and(|t| t.as_deref() == Some(text))
}

/// The formatters that leave a text as it is.
pub(crate) fn formatted_by(text: &str) -> Vec<usize> {
    let all = 0..FORMATTERS.len();
    all.filter(|index| is_formatted(*index, text)).collect()
}

/// A comment, and whether code stands before it on its line.
struct Comment {
    text: String,
    line: usize,
    trails: bool,
    /// The lines of the innermost list or set that it is in.
    inside: Option<(usize, usize)>,
}

fn comments(text: &str) -> Vec<Comment> {
    let root = rnix::Root::parse(text).syntax();
    let tokens = root.descendants_with_tokens();
    let tokens = tokens.filter_map(|e| e.into_token());
    tokens
        .filter(|t| t.kind() == SyntaxKind::TOKEN_COMMENT)
        .map(|token| {
            let before = &text[..usize::from(token.text_range().start())];
            let line_start = before.rfind('\n').map_or(0, |i| i + 1);
            let line = |offset: rowan::TextSize| text[..usize::from(offset)].matches('\n').count();
            let brackets = [SyntaxKind::NODE_LIST, SyntaxKind::NODE_ATTR_SET];
            let inside = token
                .parent_ancestors()
                .find(|n| brackets.contains(&n.kind()));
            let inside = inside.map(|n| n.text_range());
            Comment {
                text: token.text().trim_end().to_owned(),
                line: before.matches('\n').count(),
                trails: !before[line_start..].trim().is_empty(),
                inside: inside.map(|range| (line(range.start()), line(range.end()))),
            }
        })
        .collect()
}

/// The comments that are gone although they speak of something else than what is gone: all but
/// those which stood behind code, on a line that is gone, or in a list or set all of whose lines
/// are gone.
pub(crate) fn lost_comments(before: &str, after: &str) -> Vec<String> {
    let old = comments(before);
    let count = |all: &[Comment], text: &str| all.iter().filter(|c| c.text == text).count();
    let new = comments(after);
    let gone: BTreeMap<&str, usize> = old
        .iter()
        .map(|c| {
            (
                c.text.as_str(),
                count(&old, &c.text).saturating_sub(count(&new, &c.text)),
            )
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let diff = TextDiff::from_lines(before, after);
    let deleted: Vec<usize> = diff
        .iter_all_changes()
        .filter(|change| change.tag() == ChangeTag::Delete)
        .filter_map(|change| change.old_index())
        .collect();
    // The bracket at the end may be the same line as another one's.
    let is_gone = |lines: (usize, usize)| {
        lines.0 < lines.1 && (lines.0..lines.1).all(|line| deleted.contains(&line))
    };
    let may_go =
        |c: &&Comment| c.trails && deleted.contains(&c.line) || c.inside.is_some_and(is_gone);
    let lost = gone.into_iter().filter(|(text, count)| {
        let same = old.iter().filter(|c| c.text == *text);
        same.filter(may_go).count() < *count
    });
    lost.map(|(text, _)| text.to_owned()).collect()
}

/// How many lines changed: of each hunk the larger of what went and what came.
pub(crate) fn changed_lines(before: &str, after: &str) -> usize {
    let diff = TextDiff::from_lines(before, after);
    let ops = diff.ops().iter();
    ops.filter(|op| op.tag() != similar::DiffTag::Equal)
        .map(|op| op.old_range().len().max(op.new_range().len()))
        .sum()
}

/// Whether the lines that came are those that a formatter makes of them: written on one line each
/// time, it would break them so again. The file is one that it leaves alone.
#[allow(dead_code, reason = "not every test asks")]
pub(crate) fn is_demanded(formatter: usize, before: &str, after: &str) -> bool {
    let diff = TextDiff::from_lines(before, after);
    let lines: Vec<&str> = after.split_inclusive('\n').collect();
    let mut joined = String::new();
    for op in diff.ops() {
        let new = &lines[op.new_range()];
        let first = new.first().copied().unwrap_or_default();
        let is_kept = op.tag() == similar::DiffTag::Equal || new.len() < 2;
        // A comment ends its line, and a string may hold line ends.
        if is_kept || new.iter().any(|l| l.contains('#') || l.contains("''")) {
            joined.extend(new.iter().copied());
            continue;
        }
        joined.push_str(&first[..first.len() - first.trim_start().len()]);
        let words: Vec<&str> = new.iter().map(|line| line.trim()).collect();
        joined.push_str(&words.join(" "));
        joined.push('\n');
    }
    let format = FORMATTERS[formatter].1;
    let again = catch_unwind(AssertUnwindSafe(|| format(&joined)));
    joined != after && again.is_ok_and(|t| t.as_deref() == Some(after))
}

/// What is not as a stranger's file must stay: line ends, the end of the file, clean line ends.
pub(crate) fn untidiness(before: &str, after: &str) -> Option<String> {
    let count = |text: &str| {
        let all = text.matches('\n').count();
        let crlf = text.matches("\r\n").count();
        (all - crlf, crlf)
    };
    let ((lf, crlf), (lf_after, crlf_after)) = (count(before), count(after));
    if crlf == 0 && crlf_after > 0 || lf == 0 && crlf > 0 && lf_after > 0 {
        return Some("line ends are mixed now".to_owned());
    }
    if crlf > 0 && lf > 0 && crlf_after < crlf && lf_after > lf + crlf {
        return Some("line ends were changed".to_owned());
    }
    if before.ends_with('\n') != after.ends_with('\n') {
        return Some("the end of the file is another".to_owned());
    }
    let diff = TextDiff::from_lines(before, after);
    let ragged = |text: &str| {
        let line = text.trim_end_matches('\n').trim_end_matches('\r');
        line.ends_with([' ', '\t'])
    };
    let count = |tag: ChangeTag| {
        let changes = diff.iter_all_changes();
        changes
            .filter(|c| c.tag() == tag && ragged(c.value()))
            .count()
    };
    (count(ChangeTag::Insert) > count(ChangeTag::Delete))
        .then(|| "a line ends in white space".to_owned())
}
