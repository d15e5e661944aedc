//! Edits keep the owner's hand: at any place of any file the result parses, has its comments, lines
//! and line ends, and a formatter that left the file alone leaves it alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end so"
)]

#[path = "edit_layout/change.rs"]
mod change;
#[path = "edit_layout/formatter.rs"]
mod formatter;
#[path = "edit_layout/shape.rs"]
mod shape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use btrfs_tune::nix::{edit, guard, syntax};
use rowan::ast::AstNode;

use change::{Change, KINDS, Numbers};
use formatter::Formatter;

/// What is wrong with an edit, if anything.
fn fault(before: &str, change: &Change, stable: &[Formatter]) -> Option<String> {
    let Some(written) = edit::apply(before, &change.edits) else {
        return Some("the edits overlap".to_owned());
    };
    let parse = rnix::Root::parse(&written);
    if let Some(error) = parse.errors().first() {
        return Some(format!("does not parse: {error}"));
    }
    let changed = similar::TextDiff::from_lines(before, &written)
        .iter_all_changes()
        .filter(|c| c.tag() == similar::ChangeTag::Delete)
        .count();
    if changed > change.most {
        return Some(format!("{changed} lines change, not {}", change.most));
    }
    let after = edit::settled(before, &written);
    let after_tree = rnix::Root::parse(&after);
    let before_tree = rnix::Root::parse(before);
    let comments = |root: &rnix::SyntaxNode| -> Vec<String> {
        let mut comments: Vec<String> = syntax::comments(root).iter().map(|c| words(c)).collect();
        comments.sort();
        comments
    };
    let mut wanted = comments(before_tree.tree().syntax());
    for gone in &change.dropped {
        match wanted.iter().position(|c| *c == words(gone)) {
            Some(index) => drop(wanted.remove(index)),
            None => return Some(format!("a dropped comment that was not there: {gone:?}")),
        }
    }
    let found = comments(after_tree.tree().syntax());
    if wanted != found {
        return Some(format!("comments: {wanted:?} became {found:?}"));
    }
    if before.ends_with('\n') != after.ends_with('\n') {
        return Some("the end of the file changed".to_owned());
    }
    let crlf = before.matches("\r\n").count();
    if crlf > 0
        && crlf == before.matches('\n').count()
        && after.matches("\r\n").count() != after.matches('\n').count()
    {
        return Some("line ends are mixed".to_owned());
    }
    if trailing_blanks(&after) > trailing_blanks(before) {
        return Some("blanks at the end of a line".to_owned());
    }
    for formatter in stable {
        if !formatter.keeps(&after) {
            let other = formatter.format(&after).unwrap_or_default();
            return Some(format!(
                "{formatter:?} makes of it\n{}",
                diff(&after, &other)
            ));
        }
    }
    None
}

/// Whether the formatters find a text together that each of them leaves alone.
fn pleases_all(text: &str, formatters: &[Formatter]) -> bool {
    let mut text = text.to_owned();
    for _ in 0..4 {
        if formatters.iter().all(|f| f.keeps(&text)) {
            return true;
        }
        for formatter in formatters {
            match formatter.format(&text) {
                Some(formatted) => text = formatted,
                None => return false,
            }
        }
    }
    false
}

/// What a comment says, whatever signs it stands between: nixfmt makes `# x` of `/* x */`.
fn words(comment: &str) -> String {
    let words = comment.split_whitespace();
    let words: Vec<&str> = words.filter(|w| !["#", "/*", "*/"].contains(w)).collect();
    words.join(" ")
}

fn trailing_blanks(text: &str) -> usize {
    let blank = |l: &&str| l.trim_end_matches('\r').ends_with([' ', '\t']);
    text.split('\n').filter(blank).count()
}

fn diff(before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .to_string()
}

fn nix_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            nix_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "nix") {
            found.push(path);
        }
    }
}

/// What a person may have done to the text: nothing, a formatter, tabs, CRLF, blanks at the ends of
/// lines, no last line break.
fn variants(text: &str) -> Vec<String> {
    let mut variants = vec![
        text.replace(";\n", "; \n"),
        text.to_owned(),
        text.trim_end().to_owned(),
        text.replace('\n', "\r\n"),
        text.replace("  ", "\t"),
    ];
    variants.extend(Formatter::ALL.iter().filter_map(|f| f.format(text)));
    variants
}

/// Whether a file shows how it writes brackets of one line; where it shows nothing, alejandra and
/// nixpkgs-fmt cannot be told apart.
fn tells_its_hand(text: &str) -> bool {
    let pair = |l: &str, open, close| l.find(open).is_some_and(|at| l[at..].contains(close));
    let text = text.replace("${", "");
    text.lines().any(|l| pair(l, '[', ']') || pair(l, '{', '}'))
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        // More with PROPTEST_CASES.
        cases: match std::env::var("PROPTEST_CASES") {
            Ok(_) => proptest::test_runner::Config::default().cases,
            Err(_) => 64,
        },
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_edit_keeps_the_hand(seed in 1u64..) {
        let text = shape::file(&mut Numbers(seed));
        for text in variants(&text) {
            let parse = rnix::Root::parse(&text);
            assert!(parse.errors().is_empty(), "{text}\n{:?}", parse.errors());
            let stable: Vec<Formatter> =
                Formatter::ALL.into_iter().filter(|f| f.keeps(&text)).collect();
            let mut numbers = Numbers(seed);
            for kind in 0..KINDS {
                let Some(change) = change::change(parse.tree().syntax(), kind, &mut numbers) else {
                    continue;
                };
                let written = edit::apply(&text, &change.edits).unwrap_or_default();
                // Where no text pleases all formatters that leave the file alone, nixfmt is heard.
                let pleases = pleases_all(&edit::settled(&text, &written), &stable);
                let heard = match pleases && tells_its_hand(&text) {
                    true => stable.clone(),
                    false => vec![Formatter::Nixfmt],
                };
                let heard: Vec<Formatter> = heard.into_iter().filter(|f| stable.contains(f)).collect();
                if let Some(fault) = fault(&text, &change, &heard) {
                    let settled = edit::settled(&text, &written);
                    panic!("{} of\n{text}\nis\n{}\n{stable:?}\n{fault}", change.kind, diff(&text, &settled));
                }
            }
        }
    }
}

/// Run by hand over a directory of other people's files:
/// `NIX_FILES=dir cargo test --test edit_layout -- --ignored --nocapture`.
#[test]
#[ignore = "needs a directory of Nix files"]
fn on_files_of_strangers() {
    let directory = std::env::var("NIX_FILES").expect("NIX_FILES");
    let env = |name: &str, default: usize| {
        std::env::var(name)
            .ok()
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
    };
    let (every, show) = (env("EVERY", 10), env("SHOW", 5));
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut files = Vec::new();
    nix_files(Path::new(&directory), &mut files);
    files.sort();
    std::panic::set_hook(Box::new(|_| {}));
    let mut tally: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
    let mut shown: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (index, path) in files.iter().enumerate() {
        if index % every != env("OFFSET", 0) {
            continue;
        }
        let Ok(bytes) = std::fs::read(path) else {
            continue;
        };
        let Ok(text) = guard::check(&bytes) else {
            continue;
        };
        if text.len() > 20_000 {
            continue;
        }
        let parse = rnix::Root::parse(text);
        if !parse.errors().is_empty() {
            continue;
        }
        let stable: Vec<Formatter> = Formatter::ALL
            .into_iter()
            .filter(|f| f.keeps(text))
            .collect();
        let mut numbers = Numbers(index as u64 * 7919 + 12345);
        for kind in 0..KINDS {
            let Some(change) = change::change(parse.tree().syntax(), kind, &mut numbers) else {
                continue;
            };
            if !only.is_empty() && only != change.kind {
                continue;
            }
            let mut check = |name: String, stable: &[Formatter]| {
                let key = (change.kind, name);
                let fault = fault(text, &change, stable);
                let entry = tally.entry(key.clone()).or_default();
                entry.0 += 1;
                if let Some(fault) = fault {
                    entry.1 += 1;
                    let shown = shown.entry(key.clone()).or_default();
                    *shown += 1;
                    if *shown <= show {
                        let after = edit::apply(text, &change.edits).unwrap_or_default();
                        let settled = edit::settled(text, &after);
                        println!(
                            "=== {key:?} {}\n{}--- fault: {fault}",
                            path.display(),
                            diff(text, &settled)
                        );
                    }
                }
            };
            check("any".to_owned(), &[]);
            for formatter in &stable {
                // Where no text pleases all formatters that leave the file alone, nixfmt is heard.
                let written = edit::apply(text, &change.edits).unwrap_or_default();
                let name = match pleases_all(&edit::settled(text, &written), &stable) {
                    true => format!("{formatter:?} of {}", stable.len()),
                    false => format!("{formatter:?} contradicted"),
                };
                check(name, &[*formatter]);
            }
        }
    }
    for ((kind, name), (tried, failed)) in &tally {
        println!("{kind:20} {name:20} {tried:6} tried {failed:5} failed");
    }
}
