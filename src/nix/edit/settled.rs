//! The last word of a formatter: a file that nixfmt leaves alone is left alone by it afterwards.

use rnix::SyntaxKind;

use crate::nix::guard;

/// Stack for nixfmt, which refuses what nests more than 512 deep; an eighth of it suffices for that.
const STACK: usize = 64 * 1024 * 1024;
/// Longer files are left as they are written: nixfmt is made for those that people write.
const MAX_BYTES: usize = 512 * 1024;
/// Most bytes times depth: nixfmt takes longer for what nests.
const MAX_WORK: usize = 8_000_000;
/// Longest selection `a.b.c…`, for which nixfmt takes cubic time.
const MAX_SELECTORS: usize = 64;
/// Most arguments of one call, for which it takes quadratic time.
const MAX_ARGUMENTS: usize = 500;

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

/// What nixfmt makes of a text; `None` if it refuses, or would take long.
fn formatted(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES
        || guard::check(text.as_bytes()).is_err()
        || text.len().saturating_mul(depth(text)) > MAX_WORK
        || !has_short_chains(text)
    {
        return None;
    }
    let format = || stacker::grow(STACK, || nixfmt_rs::format(text).ok());
    // An edit is worth more than its layout: a fault of nixfmt costs the layout alone.
    std::panic::catch_unwind(format).ok().flatten()
}

/// How deeply brackets and bodies nest.
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

/// Whether no selection and no call is longer than people write them.
fn has_short_chains(text: &str) -> bool {
    let parse = rnix::Root::parse(text);
    if !parse.errors().is_empty() {
        return false;
    }
    let (mut calls, mut within) = (0usize, 0usize);
    for event in parse.syntax().preorder() {
        match event {
            rowan::WalkEvent::Enter(node) => match node.kind() {
                SyntaxKind::NODE_ATTRPATH if node.children().count() > MAX_SELECTORS => {
                    return false;
                }
                SyntaxKind::NODE_APPLY => {
                    calls += 1;
                    within = within.max(calls);
                }
                _ => {}
            },
            rowan::WalkEvent::Leave(node) if node.kind() == SyntaxKind::NODE_APPLY => calls -= 1,
            rowan::WalkEvent::Leave(_) => {}
        }
    }
    within <= MAX_ARGUMENTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_file_stays_so() {
        let before = "{\n  a = [ 1 ];\n}\n";
        assert!(is_settled(before));
        assert_eq!(
            settled(before, "{\n  a = [ 1 2 ];\n}\n"),
            "{\n  a = [\n    1\n    2\n  ];\n}\n"
        );
    }

    #[test]
    fn a_file_with_a_hand_of_its_own_keeps_it() {
        for before in [
            "{ a=[1]; }\n",
            "{ a = [ 1 ]; }",
            "{\r\n  a = 1;\r\n}\r\n",
            "\n{ }\n",
        ] {
            assert_eq!(settled(before, "{ a=[1 2]; }\n"), "{ a=[1 2]; }\n");
        }
    }

    #[test]
    fn what_nixfmt_refuses_or_would_not_finish_comes_back() {
        let before = "{ }\n";
        let selection = format!("a{}\n", ".b".repeat(3_000));
        let call = format!("f{}\n", " x".repeat(3_000));
        let list = format!("{}{}\n", "[".repeat(400), "]".repeat(400));
        let formals = "{ a ? ".repeat(150) + "1" + &" }: 1".repeat(150) + "\n";
        let many = format!("[\n{}]\n", format!("({formals})\n").repeat(300));
        for after in ["{", "[ ]]", "\0", "'' ${", &selection, &call, &many] {
            assert_eq!(settled(before, after), after);
        }
        // Deep, but short: it is formatted, and the stack holds.
        assert_ne!(settled(before, &list), list);
    }
}
