//! The guard before the parser: which bytes may become a syntax tree.
//!
//! rnix 0.15 aborts the process on some inputs and reads others differently from Nix without saying
//! so (measured; `fixtures/guard` holds one case a reason). Everything it must not see is refused
//! here, with the place and the reason.

use rnix::SyntaxKind;

/// Largest Nix file that is read, in bytes. nixpkgs' largest hand-written file is 0.8 MB.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting of brackets. nixpkgs peaks at 251; rnix rejects anything beyond 512.
pub const MAX_DEPTH: usize = 500;
/// Longest chain of operators or arguments in one expression. Unspaced chains take rnix quadratic
/// time, and every term nests the tree one level deeper.
pub const MAX_CHAIN: usize = 4_000;
/// Most tokens, spaces and comments among them: the syntax tree takes a hundred bytes for each.
pub const MAX_TOKENS: usize = 800_000;
/// Longest run of prefix operators (`-`, `!`), each of which recurses in the parser.
pub const MAX_PREFIX_RUN: usize = 200;

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than [`MAX_BYTES`].
    #[error("the file has {0} bytes, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// A byte order mark, which Nix rejects too.
    #[error("the file begins with a byte order mark, which Nix rejects")]
    ByteOrderMark,
    /// Not UTF-8: Nix accepts such bytes in strings, a lossless syntax tree cannot hold them.
    #[error("the bytes are not UTF-8")]
    NotUtf8,
    /// A NUL byte, where Nix silently stops reading.
    #[error("a NUL byte: Nix would stop reading here")]
    Nul,
    /// A carriage return that is not part of CRLF: Nix ends a comment there, rnix does not.
    #[error("a carriage return without a line feed: Nix ends a comment here, other readers do not")]
    LoneCarriageReturn,
    /// Brackets nested deeper than [`MAX_DEPTH`].
    #[error("brackets nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A chain of operators or arguments longer than [`MAX_CHAIN`].
    #[error("more than {MAX_CHAIN} operators or arguments in one expression")]
    ChainTooLong,
    /// More than [`MAX_TOKENS`].
    #[error("the file has more than {MAX_TOKENS} words and signs")]
    TooManyTokens,
    /// A run of prefix operators longer than [`MAX_PREFIX_RUN`].
    #[error("more than {MAX_PREFIX_RUN} prefix operators in a row")]
    PrefixRunTooLong,
}

impl Refusal {
    /// What the owner of the file can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Refusal::TooLarge(_) | Refusal::TooManyTokens => {
                "move data out of the Nix file, or leave it out of the imports"
            }
            Refusal::ByteOrderMark => "save the file as UTF-8 without a byte order mark",
            Refusal::NotUtf8 => "save the file as UTF-8",
            Refusal::Nul => "remove the NUL byte",
            Refusal::LoneCarriageReturn => "use LF or CRLF line endings throughout",
            Refusal::TooDeep | Refusal::ChainTooLong | Refusal::PrefixRunTooLong => {
                "split the expression with let bindings"
            }
        }
    }
}

/// Checks `bytes`, and gives the text that may be parsed, or the byte offset and reason of refusal.
pub fn check(bytes: &[u8]) -> Result<&str, (usize, Refusal)> {
    if bytes.len() > MAX_BYTES {
        return Err((0, Refusal::TooLarge(bytes.len())));
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err((0, Refusal::ByteOrderMark));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| (e.valid_up_to(), Refusal::NotUtf8))?;
    for (offset, byte) in bytes.iter().enumerate() {
        match byte {
            0 => return Err((offset, Refusal::Nul)),
            b'\r' if bytes.get(offset + 1) != Some(&b'\n') => {
                return Err((offset, Refusal::LoneCarriageReturn));
            }
            _ => {}
        }
    }
    check_shape(text)?;
    Ok(text)
}

/// Counts nesting and chains over the token stream, which rnix produces in linear time.
fn check_shape(text: &str) -> Result<(), (usize, Refusal)> {
    /// One open bracket: whether it is a list, whose elements do not nest, and its running chain.
    struct Level {
        list: bool,
        chain: usize,
    }
    let mut levels = vec![Level {
        list: false,
        chain: 0,
    }];
    let mut prefix_run = 0usize;
    let mut tokens = 0usize;
    let mut lookahead = Lookahead::default();
    let mut offset = 0usize;
    for (kind, slice) in rnix::tokenize(text) {
        let at = offset;
        offset += slice.len();
        tokens += 1;
        if tokens > MAX_TOKENS {
            return Err((at, Refusal::TooManyTokens));
        }
        if kind != SyntaxKind::TOKEN_STRING_CONTENT && !lookahead.allows(text.as_bytes(), at) {
            return Err((at, Refusal::ChainTooLong));
        }
        match kind {
            SyntaxKind::TOKEN_WHITESPACE | SyntaxKind::TOKEN_COMMENT => continue,
            SyntaxKind::TOKEN_SUB | SyntaxKind::TOKEN_INVERT => {
                prefix_run += 1;
                if prefix_run > MAX_PREFIX_RUN {
                    return Err((at, Refusal::PrefixRunTooLong));
                }
            }
            _ => prefix_run = 0,
        }
        match kind {
            SyntaxKind::TOKEN_L_BRACK
            | SyntaxKind::TOKEN_L_PAREN
            | SyntaxKind::TOKEN_L_BRACE
            | SyntaxKind::TOKEN_INTERPOL_START
            | SyntaxKind::TOKEN_STRING_START => {
                if levels.len() > MAX_DEPTH {
                    return Err((at, Refusal::TooDeep));
                }
                if let Some(level) = levels.last_mut() {
                    if !level.list {
                        level.chain += 1;
                    }
                    if level.chain > MAX_CHAIN {
                        return Err((at, Refusal::ChainTooLong));
                    }
                }
                levels.push(Level {
                    list: kind == SyntaxKind::TOKEN_L_BRACK,
                    chain: 0,
                });
            }
            SyntaxKind::TOKEN_R_BRACK
            | SyntaxKind::TOKEN_R_PAREN
            | SyntaxKind::TOKEN_R_BRACE
            | SyntaxKind::TOKEN_INTERPOL_END
            | SyntaxKind::TOKEN_STRING_END => {
                if levels.len() > 1 {
                    levels.pop();
                }
            }
            SyntaxKind::TOKEN_SEMICOLON
            | SyntaxKind::TOKEN_COMMA
            | SyntaxKind::TOKEN_ASSIGN
            | SyntaxKind::TOKEN_IN => {
                if let Some(level) = levels.last_mut() {
                    level.chain = 0;
                }
            }
            _ => {
                if let Some(level) = levels.last_mut() {
                    // An element of a list is a sibling of the last one, not its child.
                    if !level.list || is_operator(kind) {
                        level.chain += 1;
                    }
                    if level.chain > MAX_CHAIN {
                        return Err((at, Refusal::ChainTooLong));
                    }
                }
            }
        }
    }
    Ok(())
}

/// What the tokenizer looks at again and again: at each token it reads on to the end of all that
/// might be a path or an address.
#[derive(Default)]
struct Lookahead {
    end: usize,
    read: usize,
}

impl Lookahead {
    /// More than any file that people write needs by a factor of a hundred.
    const MOST: usize = 20_000_000;

    fn allows(&mut self, text: &[u8], at: usize) -> bool {
        if at >= self.end {
            let run = text[at..].iter().take_while(|byte| {
                byte.is_ascii_alphanumeric() || b"/_.+-%?:@&=$,!~*'".contains(byte)
            });
            self.end = at + run.count().max(1);
        }
        self.read += self.end - at;
        self.read <= Self::MOST
    }
}

fn is_operator(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::TOKEN_ADD
            | SyntaxKind::TOKEN_SUB
            | SyntaxKind::TOKEN_MUL
            | SyntaxKind::TOKEN_DIV
            | SyntaxKind::TOKEN_CONCAT
            | SyntaxKind::TOKEN_UPDATE
            | SyntaxKind::TOKEN_DOT
            | SyntaxKind::TOKEN_COLON
            | SyntaxKind::TOKEN_INVERT
            | SyntaxKind::TOKEN_OR
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> Option<(usize, Refusal)> {
        check(bytes).err()
    }

    #[test]
    fn ordinary_files_pass() {
        assert_eq!(refusal(b"{ a = [ 1 2 3 ]; } # c\r\n"), None);
        let long_list = format!("[ {} ]", "x ".repeat(100_000));
        assert_eq!(refusal(long_list.as_bytes()), None);
        let many_attributes = format!("{{ {} }}", "a = f x y; ".repeat(20_000));
        assert_eq!(refusal(many_attributes.as_bytes()), None);
    }

    #[test]
    fn bytes_that_nix_reads_otherwise_are_refused_with_their_place() {
        assert_eq!(
            refusal(b"\xEF\xBB\xBF{ }"),
            Some((0, Refusal::ByteOrderMark))
        );
        assert_eq!(refusal(b"{ a = \"\xFF\"; }"), Some((7, Refusal::NotUtf8)));
        assert_eq!(refusal(b"{ }\0x"), Some((3, Refusal::Nul)));
        assert_eq!(
            refusal(b"[ \"x\" # c\r \"y\" ]\n"),
            Some((9, Refusal::LoneCarriageReturn))
        );
    }

    #[test]
    fn inputs_that_would_abort_or_stall_the_parser_are_refused() {
        let nested = "[".repeat(100_000);
        assert_eq!(
            refusal(nested.as_bytes()).map(|r| r.1),
            Some(Refusal::TooDeep)
        );
        let minus = format!("{}1", "-".repeat(100_000));
        assert_eq!(
            refusal(minus.as_bytes()).map(|r| r.1),
            Some(Refusal::PrefixRunTooLong)
        );
        let sum = "1+".repeat(50_000) + "1";
        assert_eq!(
            refusal(sum.as_bytes()).map(|r| r.1),
            Some(Refusal::ChainTooLong)
        );
        let calls = "f ".repeat(50_000);
        assert_eq!(
            refusal(calls.as_bytes()).map(|r| r.1),
            Some(Refusal::ChainTooLong)
        );
        let large = vec![b' '; MAX_BYTES + 1];
        assert_eq!(
            refusal(&large).map(|r| r.1),
            Some(Refusal::TooLarge(MAX_BYTES + 1))
        );
    }
}
