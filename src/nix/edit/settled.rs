//! The last word of a formatter: a file that nixfmt leaves alone is left alone by it afterwards.

use crate::nix::guard;

/// Stack for nixfmt, which recurses as deeply as the file nests.
const STACK: usize = 64 * 1024 * 1024;
/// Longer files are left as they are written: nixfmt is made for those that people write.
const MAX_BYTES: usize = 512 * 1024;
/// nixfmt's own limit is 512; its layout takes time that grows quickly with depth.
const MAX_DEPTH: usize = 100;

/// `after`, as nixfmt lays it out if it leaves `before` unchanged, else as it is.
///
/// Both texts may be any bytes that are UTF-8: what nixfmt cannot take comes back as it is.
pub fn settled(before: &str, after: &str) -> String {
    if before == after || !is_settled(before) {
        return after.to_owned();
    }
    match formatted(after) {
        Some(text) => text,
        None => after.to_owned(),
    }
}

/// Whether nixfmt leaves a text unchanged.
pub fn is_settled(text: &str) -> bool {
    may_be_settled(text) && formatted(text).is_some_and(|f| f == text)
}

/// What can be said of a text in one pass: whether nixfmt would obviously change it.
fn may_be_settled(text: &str) -> bool {
    if text.len() > MAX_BYTES || !text.ends_with('\n') || text.ends_with("\n\n") {
        return false;
    }
    // What stands in strings of several lines is kept, so only the least is said here.
    !text.contains("\r\n") && !text.starts_with([' ', '\t', '\n'])
}

/// What nixfmt makes of a text; `None` if it refuses.
fn formatted(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES || guard::check(text.as_bytes()).is_err() || depth(text) > MAX_DEPTH {
        return None;
    }
    stacker::grow(STACK, || nixfmt_rs::format(text).ok())
}

/// How deeply brackets nest.
fn depth(text: &str) -> usize {
    use rnix::SyntaxKind as Kind;
    let (mut depth, mut most) = (0usize, 0usize);
    for (kind, _) in rnix::tokenize(text) {
        match kind {
            Kind::TOKEN_L_BRACK
            | Kind::TOKEN_L_PAREN
            | Kind::TOKEN_L_BRACE
            | Kind::TOKEN_INTERPOL_START
            | Kind::TOKEN_LET
            | Kind::TOKEN_IF => {
                depth += 1;
                most = most.max(depth);
            }
            Kind::TOKEN_R_BRACK
            | Kind::TOKEN_R_PAREN
            | Kind::TOKEN_R_BRACE
            | Kind::TOKEN_INTERPOL_END
            | Kind::TOKEN_IN
            | Kind::TOKEN_ELSE => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}
