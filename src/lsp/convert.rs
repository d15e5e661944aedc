//! Between this program's paths, ranges and severities and those of the protocol.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use line_index::{LineIndex, TextSize, WideEncoding};
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range, TextEdit, Uri};
use similar::{ChangeTag, TextDiff};

use crate::nix::source::normalise;
use crate::recommend::{Finding, Severity};

/// The name under which an editor shows diagnostics.
const SOURCE: &str = "btrfs-tune";

/// The path of a `file:` URI.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let rest = rest.split(['?', '#']).next()?;
    if !rest.starts_with('/') {
        return None;
    }
    let (mut bytes, mut decoded) = (rest.bytes(), Vec::with_capacity(rest.len()));
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    Some(normalise(Path::new(&String::from_utf8(decoded).ok()?)))
}

/// The `file:` URI of an absolute path.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    let mut text = String::from("file://");
    for byte in path.to_str()?.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => write!(text, "%{byte:02X}").ok()?,
        }
    }
    Uri::from_str(&text).ok()
}

/// A range of bytes of a text, in lines and UTF-16 code units.
pub(super) fn range_in(text: &str, bytes: std::ops::Range<usize>) -> Range {
    let index = LineIndex::new(text);
    Range::new(
        position(&index, text, bytes.start),
        position(&index, text, bytes.end),
    )
}

fn position(index: &LineIndex, text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let wide = TextSize::try_from(offset)
        .ok()
        .and_then(|offset| index.try_line_col(offset))
        .and_then(|at| index.to_wide(WideEncoding::Utf16, at));
    wide.map_or_else(Position::default, |at| Position::new(at.line, at.col))
}

/// The edits that make one text of another, by whole lines.
pub(super) fn edits(before: &str, after: &str) -> Vec<TextEdit> {
    let index = LineIndex::new(before);
    let mut edits = Vec::new();
    let (mut start, mut end, mut text) = (0, 0, String::new());
    let mut flush = |start: usize, end: usize, text: &mut String| {
        if start != end || !text.is_empty() {
            let at = |offset| position(&index, before, offset);
            let range = Range::new(at(start), at(end));
            edits.push(TextEdit::new(range, std::mem::take(text)));
        }
    };
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                flush(start, end, &mut text);
                end += change.value().len();
                start = end;
            }
            ChangeTag::Delete => end += change.value().len(),
            ChangeTag::Insert => text.push_str(change.value()),
        }
    }
    flush(start, end, &mut text);
    edits
}

/// A finding as an editor shows it.
pub(super) fn finding(finding: &Finding, message: String, range: Range) -> Diagnostic {
    let severity = match finding.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Advice => DiagnosticSeverity::INFORMATION,
    };
    let code = Some(NumberOrString::String(finding.rule.to_owned()));
    Diagnostic::new(
        range,
        Some(severity),
        code,
        Some(SOURCE.to_owned()),
        message,
        None,
        None,
    )
}

/// What is no Nix, as an editor shows it.
pub(super) fn broken(range: Range, message: String) -> Diagnostic {
    let severity = Some(DiagnosticSeverity::ERROR);
    let source = Some(SOURCE.to_owned());
    Diagnostic::new(range, severity, None, source, message, None, None)
}

/// Whether two ranges share a character, or touch.
pub(super) fn meet(a: Range, b: Range) -> bool {
    a.start <= b.end && b.start <= a.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_the_way_through_uris() {
        let path = Path::new("/home/ü ser/a%b#c?.nix");
        let uri = uri_of(path).unwrap();
        assert_eq!(uri.as_str(), "file:///home/%C3%BC%20ser/a%25b%23c%3F.nix");
        assert_eq!(path_of(&uri).as_deref(), Some(path));
        for other in ["untitled:a", "file://far/a.nix", "file:///%zz"] {
            assert!(Uri::from_str(other).map_or(true, |u| path_of(&u).is_none()));
        }
    }

    #[test]
    fn columns_are_utf_16() {
        let text = "a\nü😀x";
        let x = text.find('x').unwrap();
        let range = range_in(text, x..x + 1);
        assert_eq!(range, Range::new(Position::new(1, 3), Position::new(1, 4)));
        assert_eq!(range_in(text, 3..99).end, Position::new(1, 4));
    }

    #[test]
    fn edits_are_hunks_of_lines() {
        let found = edits("a\nb\nc", "a\nx\ny\nc\n");
        let at = Position::new;
        let first = TextEdit::new(Range::new(at(1, 0), at(2, 1)), "x\ny\nc\n".into());
        assert_eq!(found, [first]);
        assert!(edits("a\n", "a\n").is_empty());
        let added = TextEdit::new(Range::new(at(1, 0), at(1, 0)), "b\n".into());
        assert_eq!(edits("a\n", "a\nb\n"), [added]);
    }
}
