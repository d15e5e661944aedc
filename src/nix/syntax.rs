//! What rnix's typed tree lacks: string contents as Nix reads them, names, errors for people.

use rnix::ast::{self, AstToken, InterpolPart};
use rnix::{ParseError, SyntaxKind, SyntaxNode, TextRange, TextSize};
use rowan::ast::AstNode;

use super::source::SyntaxError;

/// The parts of a string literal, with escapes and indentation resolved as Nix's lexer does.
pub fn string_parts(string: &ast::Str) -> Vec<InterpolPart<String>> {
    let indented = string
        .syntax()
        .first_token()
        .is_some_and(|t| t.text() == "''");
    if indented {
        indented_parts(string)
    } else {
        plain_parts(string)
    }
}

/// The value of a string literal without interpolation.
pub fn plain_string(string: &ast::Str) -> Option<String> {
    match string_parts(string).as_slice() {
        [] => Some(String::new()),
        [InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

fn plain_parts(string: &ast::Str) -> Vec<InterpolPart<String>> {
    string
        .parts()
        .map(|part| match part {
            InterpolPart::Interpolation(it) => InterpolPart::Interpolation(it),
            InterpolPart::Literal(content) => {
                let mut out = String::new();
                let mut chars = content.syntax().text().chars().peekable();
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => out.extend(chars.next().map(unescape)),
                        // Nix reads CRLF in a plain string as LF.
                        '\r' => {
                            chars.next_if_eq(&'\n');
                            out.push('\n');
                        }
                        c => out.push(c),
                    }
                }
                InterpolPart::Literal(out)
            }
        })
        .collect()
}

fn unescape(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    }
}

/// A token of an indented string, as Nix's lexer yields it.
enum Piece {
    /// Text as written, whose spaces count as indentation.
    Plain(String),
    /// The value of an escape, which ends the indentation of its line.
    Escape(String),
    Interpolation(ast::Interpol),
}

fn indented_parts(string: &ast::Str) -> Vec<InterpolPart<String>> {
    let mut pieces = Vec::new();
    for (index, part) in string.parts().enumerate() {
        match part {
            InterpolPart::Interpolation(it) => pieces.push(Piece::Interpolation(it)),
            InterpolPart::Literal(content) => {
                let mut text = content.syntax().text();
                if index == 0
                    && let Some(newline) = text.find('\n')
                    && text[..newline].bytes().all(|b| b == b' ')
                {
                    text = &text[newline + 1..];
                }
                split_escapes(text, &mut pieces);
            }
        }
    }
    let indent = smallest_indent(&pieces);
    strip_indent(pieces, indent)
}

fn split_escapes(text: &str, pieces: &mut Vec<Piece>) {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(quote) = rest.find("''") {
        let (before, after) = rest.split_at(quote);
        let mut chars = after[2..].chars();
        let (value, used) = match chars.next() {
            Some('$') => ("$".to_owned(), 3),
            Some('\'') => ("''".to_owned(), 3),
            Some('\\') => match chars.next() {
                Some(c) => (unescape(c).to_string(), 3 + c.len_utf8()),
                None => (String::new(), 3),
            },
            _ => ("''".to_owned(), 2),
        };
        plain.push_str(before);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Escape(value));
        rest = &after[used..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest.to_owned()));
    }
}

fn smallest_indent(pieces: &[Piece]) -> usize {
    let (mut smallest, mut current, mut at_start) = (usize::MAX, 0, true);
    for piece in pieces {
        let Piece::Plain(text) = piece else {
            if at_start {
                at_start = false;
                smallest = smallest.min(current);
            }
            continue;
        };
        for c in text.chars() {
            match (at_start, c) {
                (true, ' ') => current += 1,
                (_, '\n') => (at_start, current) = (true, 0),
                (true, _) => {
                    at_start = false;
                    smallest = smallest.min(current);
                }
                (false, _) => {}
            }
        }
    }
    smallest
}

fn strip_indent(pieces: Vec<Piece>, indent: usize) -> Vec<InterpolPart<String>> {
    let mut out: Vec<InterpolPart<String>> = Vec::new();
    let (mut at_start, mut dropped) = (true, 0);
    let last = pieces.len().saturating_sub(1);
    for (index, piece) in pieces.into_iter().enumerate() {
        let text = match piece {
            Piece::Interpolation(it) => {
                (at_start, dropped) = (false, 0);
                out.push(InterpolPart::Interpolation(it));
                continue;
            }
            Piece::Plain(text) | Piece::Escape(text) => text,
        };
        let mut kept = String::new();
        for c in text.chars() {
            match (at_start, c) {
                (true, ' ') => {
                    if dropped >= indent {
                        kept.push(c);
                    }
                    dropped += 1;
                }
                (_, '\n') => {
                    (at_start, dropped) = (true, 0);
                    kept.push(c);
                }
                (_, c) => {
                    (at_start, dropped) = (false, 0);
                    kept.push(c);
                }
            }
        }
        if index == last
            && let Some(newline) = kept.rfind('\n')
            && kept[newline + 1..].bytes().all(|b| b == b' ')
        {
            kept.truncate(newline + 1);
        }
        match out.last_mut() {
            Some(InterpolPart::Literal(text)) => text.push_str(&kept),
            _ => out.push(InterpolPart::Literal(kept)),
        }
    }
    out
}

/// The name of an attribute, when it is written and not computed.
pub fn static_name(attr: &ast::Attr) -> Option<String> {
    match attr {
        ast::Attr::Ident(ident) => Some(ident.to_string()),
        ast::Attr::Str(string) => plain_string(string),
        ast::Attr::Dynamic(dynamic) => match dynamic.expr()? {
            ast::Expr::Str(string) => plain_string(&string),
            _ => None,
        },
    }
}

/// A name as it must be written in an attribute path: quoted only where Nix needs it.
pub fn attribute_name(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or",
    ];
    let mut chars = name.chars();
    let plain = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '-'))
        && !KEYWORDS.contains(&name);
    if plain {
        name.to_owned()
    } else {
        string_literal(name)
    }
}

/// A string as a Nix literal in double quotes.
pub fn string_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if chars.peek() == Some(&'{') => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The innermost node of type `N` that covers exactly `range`, or `None`.
pub fn node_at<N: AstNode<Language = rnix::NixLanguage>>(
    root: &SyntaxNode,
    range: TextRange,
) -> Option<N> {
    if !root.text_range().contains_range(range) {
        return None;
    }
    let covering = root.covering_element(range);
    let node = match covering {
        rowan::NodeOrToken::Node(node) => node,
        rowan::NodeOrToken::Token(token) => token.parent()?,
    };
    node.ancestors()
        .take_while(|n| n.text_range() == range)
        .find_map(N::cast)
}

/// The comments of a tree, in order.
pub fn comments(root: &SyntaxNode) -> Vec<String> {
    root.descendants_with_tokens()
        .filter_map(|e| e.into_token())
        .filter(|t| t.kind() == SyntaxKind::TOKEN_COMMENT)
        .map(|t| t.text().trim_end().to_owned())
        .collect()
}

/// rnix's error in words, with a place.
pub(crate) fn describe_error(error: &ParseError, text: &str) -> SyntaxError {
    let end = TextRange::empty(TextSize::of(text));
    let wanted = |kinds: &[SyntaxKind]| {
        let mut names: Vec<String> = Vec::new();
        for name in kinds.iter().map(|k| token_name(*k)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" or ")
    };
    let (at, message) = match error {
        ParseError::Unexpected(at) => (*at, "this is no Nix expression".to_owned()),
        ParseError::UnexpectedExtra(at) => (
            *at,
            "the expression ends before this; is a bracket or `;` too many?".to_owned(),
        ),
        ParseError::UnexpectedWanted(_, at, kinds) => (*at, format!("expected {}", wanted(kinds))),
        ParseError::UnexpectedDoubleBind(at) => (*at, "a pattern bound twice".to_owned()),
        ParseError::DuplicatedArgs(at, name) => (*at, format!("duplicate formal `{name}`")),
        ParseError::UnexpectedEOF => (end, "the file ends in the middle".to_owned()),
        ParseError::UnexpectedEOFWanted(kinds) => (
            end,
            format!("the file ends where {} should stand", wanted(kinds)),
        ),
        ParseError::RecursionLimitExceeded => (end, "nested too deeply".to_owned()),
        other => (end, other.to_string()),
    };
    SyntaxError { at, message }
}

fn token_name(kind: SyntaxKind) -> String {
    match kind {
        SyntaxKind::TOKEN_SEMICOLON => "`;`".to_owned(),
        SyntaxKind::TOKEN_ASSIGN => "`=`".to_owned(),
        SyntaxKind::TOKEN_R_BRACE => "`}`".to_owned(),
        SyntaxKind::TOKEN_R_BRACK => "`]`".to_owned(),
        SyntaxKind::TOKEN_R_PAREN => "`)`".to_owned(),
        SyntaxKind::TOKEN_COLON => "`:`".to_owned(),
        SyntaxKind::TOKEN_COMMA => "`,`".to_owned(),
        SyntaxKind::TOKEN_IDENT => "a name".to_owned(),
        SyntaxKind::TOKEN_IN => "`in`".to_owned(),
        SyntaxKind::TOKEN_THEN => "`then`".to_owned(),
        SyntaxKind::TOKEN_ELSE => "`else`".to_owned(),
        SyntaxKind::TOKEN_INTERPOL_END => "`}`".to_owned(),
        SyntaxKind::TOKEN_STRING_END => "the end of the string".to_owned(),
        SyntaxKind::TOKEN_L_PAREN => "`(`".to_owned(),
        SyntaxKind::TOKEN_L_BRACE => "`{`".to_owned(),
        SyntaxKind::TOKEN_L_BRACK => "`[`".to_owned(),
        SyntaxKind::TOKEN_REC => "`rec`".to_owned(),
        SyntaxKind::TOKEN_STRING_START => "a string".to_owned(),
        SyntaxKind::TOKEN_INTEGER | SyntaxKind::TOKEN_FLOAT => "a number".to_owned(),
        SyntaxKind::TOKEN_PATH_ABS
        | SyntaxKind::TOKEN_PATH_REL
        | SyntaxKind::TOKEN_PATH_HOME
        | SyntaxKind::TOKEN_PATH_SEARCH => "a path".to_owned(),
        SyntaxKind::TOKEN_DOT => "`.`".to_owned(),
        SyntaxKind::TOKEN_ELLIPSIS => "`...`".to_owned(),
        SyntaxKind::TOKEN_AT => "`@`".to_owned(),
        _ => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str) -> String {
        match rnix::Root::parse(source).tree().expr() {
            Some(ast::Expr::Str(s)) => plain_string(&s).expect("no interpolation"),
            other => panic!("not a string: {other:?}"),
        }
    }

    #[test]
    fn strings_read_as_nix_reads_them() {
        assert_eq!(value(r#""a\n\"b\" \${x} $$ \\""#), "a\n\"b\" ${x} $$ \\");
        assert_eq!(value("\"a\r\nb\""), "a\nb");
        assert_eq!(value("''\n    a\n      b\n  ''"), "a\n  b\n");
        assert_eq!(value("'' x ''"), "x ");
        assert_eq!(
            value("''\n  a ''${b} '''c''' ''\\t\n''"),
            "a ${b} ''c'' \t\n"
        );
    }

    #[test]
    fn literals_survive_a_round_trip() {
        for text in [
            "plain",
            "a\"b",
            "$x ${y} $",
            "back\\slash",
            "tab\tnew\nline",
            "ünï",
            "",
        ] {
            assert_eq!(value(&string_literal(text)), text);
        }
        assert_eq!(attribute_name("home"), "home");
        assert_eq!(attribute_name("/home"), "\"/home\"");
        assert_eq!(attribute_name("in"), "\"in\"");
        assert_eq!(attribute_name("vm.swappiness"), "\"vm.swappiness\"");
    }
}
