//! The borders between the parts, as `ARCHITECTURE.md` states them: each "Invariant:" there is a
//! test here. A failure names the file and line.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The parts, each of which may use itself and those before it.
const PARTS: [&str; 13] = [
    "nix",
    "btrfs",
    "model",
    "ingest",
    "project",
    "analyze",
    "recommend",
    "impact",
    "select",
    "rewrite",
    "report",
    "lsp",
    "cli",
];

/// What the order alone would allow: part, what it must not use, why.
const BARRED: [(&str, &[&str], &str); 3] = [
    ("btrfs", &["nix"], "the filesystem knows no Nix"),
    (
        "analyze",
        &["ingest", "project"],
        "conclusions do not depend on how a fact was read",
    ),
    (
        "recommend",
        &["ingest", "project"],
        "rules see the model and the analysis alone",
    ),
];

/// Parts that see places in Nix files, and nothing else of Nix.
const ONLY_PLACES: [&str; 4] = ["model", "analyze", "recommend", "impact"];

/// Parts that touch neither files nor processes, apart from the files named.
const PURE: [(&str, &[&str]); 9] = [
    (
        "nix",
        &[
            "src/nix/source.rs",
            "src/nix/oracle/ask.rs",
            "src/nix/oracle/copy.rs",
            "src/nix/oracle/mod.rs",
            "src/nix/oracle/run.rs",
        ],
    ),
    ("btrfs", &[]),
    ("model", &[]),
    // Folders and archives of measurements are read here; all other parsers are given bytes.
    ("ingest", &["src/ingest/metrics/files.rs"]),
    ("analyze", &[]),
    ("recommend", &[]),
    ("impact", &[]),
    ("select", &[]),
    ("report", &[]),
];

const MOST_LINES: usize = 600;
const MOST_LINES_OF_A_RULE: usize = 200;

/// A Rust file of `src/`.
struct File {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
    /// The text without comments, literals and test code, byte for byte in place.
    code: String,
    /// Test code as a whole, for it is declared under `#[cfg(test)]`.
    is_test: bool,
}

impl File {
    /// The part that it belongs to; `lib.rs` and `main.rs` belong to none.
    fn part(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|x| x.0)
    }

    /// `src/a/b.rs` and `src/a/b/mod.rs` are modules at depth 2.
    fn depth(&self) -> usize {
        let module = self.path.trim_end_matches("/mod.rs");
        module.matches('/').count()
    }

    fn at(&self, offset: usize) -> String {
        let line = self.code[..offset].matches('\n').count() + 1;
        format!("{}:{line}", self.path)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// All of `src/**/*.rs`, in the order of their paths.
fn files() -> Vec<File> {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    paths.sort();
    let mut files = Vec::new();
    let mut test_modules = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("UTF-8");
        let path = path
            .strip_prefix(root())
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/");
        let mut code = without_literals(&text);
        let folder = match path.strip_suffix("/mod.rs") {
            Some(folder) => folder,
            None => path.strip_suffix(".rs").expect("a Rust file"),
        };
        for item in test_items(&code) {
            if let Some(name) = declared_module(&code[item.clone()]) {
                test_modules.insert(format!("{folder}/{name}"));
            }
            blank(&mut code, item);
        }
        files.push(File {
            path,
            text,
            code,
            is_test: false,
        });
    }
    for file in &mut files {
        let module = file.path.trim_end_matches(".rs");
        file.is_test = test_modules.iter().any(|test| {
            module
                .strip_prefix(test.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }
    files
}

/// Files that the borders hold for.
fn production() -> Vec<File> {
    let mut files = files();
    files.retain(|file| !file.is_test);
    files
}

fn blank(code: &mut String, range: Range<usize>) {
    let spaces: String = code[range.clone()]
        .bytes()
        .map(|b| if b == b'\n' { '\n' } else { ' ' })
        .collect();
    code.replace_range(range, &spaces);
}

/// The text with comments, strings and characters blanked, so that what is left is code.
fn without_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = text.to_owned();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let in_word = at > 0 && is_word(bytes[at - 1]);
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if rest[0] == b'"' {
            string(rest)
        } else if rest[0] == b'r' && (!in_word || ends_with_prefix(&bytes[..at])) {
            raw_string(rest)
        } else if rest[0] == b'\'' {
            character(rest)
        } else {
            0
        };
        if length > 0 {
            blank(&mut code, at..at + length);
        }
        at += length.max(1);
    }
    code
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the `b` or `c` of `br"…"` and `cr"…"` stands here by itself.
fn ends_with_prefix(before: &[u8]) -> bool {
    match before {
        [.., a, b'b' | b'c'] => !is_word(*a),
        _ => false,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = 2 + hashes;
    rest[body..]
        .windows(close.len())
        .position(|window| window == close)
        .map_or(rest.len(), |end| body + end + close.len())
}

/// The length of a character literal; a lifetime has none.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let end = rest[3..].iter().position(|&b| b == b'\'');
        return end.map_or(0, |end| end + 4);
    }
    let width = match rest.get(1) {
        None => return 0,
        Some(0..=0x7f) => 1,
        Some(0..=0xdf) => 2,
        Some(0..=0xef) => 3,
        Some(_) => 4,
    };
    match rest.get(1 + width) {
        Some(b'\'') => width + 2,
        _ => 0,
    }
}

/// The items under `#[cfg(test)]`, attribute and all.
fn test_items(code: &str) -> Vec<Range<usize>> {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find(ATTRIBUTE) {
        let start = from + found;
        let mut depth = 0;
        let mut end = code.len();
        for (i, b) in code.bytes().enumerate().skip(start + ATTRIBUTE.len()) {
            match b {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b';' if depth == 0 => {}
                _ => continue,
            }
            if depth <= 0 {
                end = i + 1;
                break;
            }
        }
        items.push(start..end);
        from = end;
    }
    items
}

/// The name in `mod name;`.
fn declared_module(item: &str) -> Option<&str> {
    let mut words = item.strip_suffix(';')?.split_whitespace().rev();
    let name = words.next()?;
    (words.next()? == "mod").then_some(name)
}

/// What paths begin with `prefix`: the two names after it, and where. `use a::{b, c::d}` gives both.
fn paths<'a>(code: &'a str, prefix: &str) -> Vec<(usize, &'a str, &'a str)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices(prefix) {
        // `::std` is `std`; `other::std` and `my_std` are not.
        let before = code[..start].trim_end_matches("::");
        if before.bytes().next_back().is_some_and(is_word) {
            continue;
        }
        for at in elements(code, start + prefix.len()) {
            let first = word(&code[at..]);
            if first.is_empty() {
                continue;
            }
            let after = at + first.len();
            if code[after..].starts_with("::") {
                for second in elements(code, after + 2) {
                    found.push((at, first, word(&code[second..])));
                }
            } else {
                found.push((at, first, ""));
            }
        }
    }
    found
}

/// Where the elements of a path's next step begin: one, or those of a group in braces.
fn elements(code: &str, at: usize) -> Vec<usize> {
    if !code[at..].starts_with('{') {
        return vec![at];
    }
    let mut starts = Vec::new();
    let mut depth = 0;
    let mut fresh = false;
    for (i, b) in code.bytes().enumerate().skip(at) {
        match b {
            b'{' => {
                depth += 1;
                fresh = depth == 1;
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b',' => fresh = depth == 1,
            _ if fresh && !b.is_ascii_whitespace() => {
                starts.push(i);
                fresh = false;
            }
            _ => {}
        }
    }
    starts
}

fn word(text: &str) -> &str {
    let end = text.bytes().position(|b| !is_word(b));
    &text[..end.unwrap_or(text.len())]
}

/// All that a file takes from the crate, be it by `crate::` or by climbing to it with `super::`.
fn uses(file: &File) -> Vec<(usize, &str, &str)> {
    let mut uses = paths(&file.code, "crate::");
    uses.extend(paths(&file.code, &"super::".repeat(file.depth())));
    uses
}

fn report(title: &str, violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{title}:\n  {}",
        violations.join("\n  ")
    );
}

#[test]
fn lib_lists_the_parts_in_their_order() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let listed: Vec<&str> = without_literals(&lib)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .filter_map(|name| PARTS.into_iter().find(|part| *part == name))
        .collect();
    assert_eq!(listed, PARTS, "src/lib.rs:1: the parts, in their order");
    for file in files() {
        let part = file.part();
        assert!(
            part.is_none_or(|part| PARTS.contains(&part)),
            "{}:1: belongs to no part",
            file.path
        );
    }
}

#[test]
fn a_part_uses_only_itself_and_parts_before_it() {
    let place = |part: &str| PARTS.iter().position(|p| *p == part);
    let mut violations = Vec::new();
    for file in &production() {
        let Some(part) = file.part() else { continue };
        for (offset, used, _) in uses(file) {
            match place(used) {
                None => violations.push(format!(
                    "{}: `{used}` is not a part; import from the part that owns it",
                    file.at(offset)
                )),
                Some(used_at) if Some(used_at) > place(part) => violations.push(format!(
                    "{}: {part} uses {used}, which comes after it",
                    file.at(offset)
                )),
                Some(_) => {}
            }
            for (_, _, why) in BARRED
                .iter()
                .filter(|(from, to, _)| *from == part && to.contains(&used))
            {
                violations.push(format!("{}: {part} uses {used}: {why}", file.at(offset)));
            }
        }
    }
    report("imports against the flow", &violations);
}

#[test]
fn facts_and_conclusions_see_places_in_nix_files_and_no_syntax() {
    let mut violations = Vec::new();
    for file in &production() {
        let Some(part) = file.part().filter(|p| ONLY_PLACES.contains(p)) else {
            continue;
        };
        for (offset, _, module) in uses(file)
            .into_iter()
            .filter(|(_, used, module)| *used == "nix" && *module != "source")
        {
            violations.push(format!("{}: {part} uses nix::{module}", file.at(offset)));
        }
        for library in ["rnix::", "rowan::"] {
            for (offset, ..) in paths(&file.code, library) {
                violations.push(format!("{}: {part} uses {library}", file.at(offset)));
            }
        }
    }
    report("syntax where only places belong", &violations);
}

#[test]
fn pure_parts_touch_neither_files_nor_processes() {
    let mut violations = Vec::new();
    for file in &production() {
        let Some((part, _)) = PURE
            .iter()
            .find(|(p, edges)| file.part() == Some(p) && !edges.contains(&file.path.as_str()))
        else {
            continue;
        };
        for (offset, module, _) in paths(&file.code, "std::") {
            if matches!(module, "fs" | "process") {
                violations.push(format!("{}: {part} uses std::{module}", file.at(offset)));
            }
        }
    }
    report("I/O in pure parts", &violations);
}

#[test]
fn every_part_says_what_it_owns_and_what_it_must_never_know() {
    let mut violations = Vec::new();
    for part in PARTS {
        let path = format!("src/{part}/mod.rs");
        let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
        let doc: Vec<&str> = text.lines().take_while(|l| l.starts_with("//!")).collect();
        let doc = doc.join("\n");
        if !doc.contains("Own") {
            violations.push(format!("{path}:1: does not say what it owns (\"Owns …\")"));
        }
        if !doc.contains("ever") {
            violations.push(format!(
                "{path}:1: does not say what it must never know (\"Must never …\")"
            ));
        }
    }
    report("parts without their borders", &violations);
}

#[test]
fn files_stay_short() {
    let violations: Vec<String> = files()
        .iter()
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > MOST_LINES).then(|| {
                let path = &file.path;
                format!("{path}:{}: {lines} lines", MOST_LINES + 1)
            })
        })
        .collect();
    report("files of more than 600 lines", &violations);
}

#[test]
fn every_rule_is_short_and_has_its_page_beside_it() {
    let mut violations = Vec::new();
    for file in production() {
        if !file.path.starts_with("src/recommend/rules/") {
            continue;
        }
        if let Some(offset) = file.code.find("impl Rule for") {
            let lines = file.text.lines().count();
            if lines > MOST_LINES_OF_A_RULE {
                violations.push(format!("{}: a rule of {lines} lines", file.path));
            }
            let page = file.path.replace(".rs", ".md");
            if !root().join(&page).is_file() {
                violations.push(format!("{}: no {page}", file.at(offset)));
            }
        }
    }
    report("rules that are long or without a page", &violations);
}

#[test]
fn the_map_names_every_part() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let missing: Vec<&str> = PARTS
        .into_iter()
        .filter(|part| !map.contains(&format!("\n**`{part}/`**")))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md:1: no {missing:?}");
}

#[test]
fn the_scanner_sees_code_and_only_code() {
    let code = without_literals(
        r##"
// crate::cli
/* crate::cli /* nested */ crate::cli */
const A: &str = "crate::cli \" crate::cli";
const B: &str = r#"crate::cli " crate::cli"#;
const C: (char, char, char) = ('"', '\'', '…');
fn f<'a>(x: &'a str) -> &'a str { crate::nix::g(x) }
use crate::{btrfs::{a, b}, model};
"##,
    );
    let seen: Vec<(&str, &str)> = paths(&code, "crate::")
        .into_iter()
        .map(|(_, part, module)| (part, module))
        .collect();
    assert_eq!(
        seen,
        [("nix", "g"), ("btrfs", "a"), ("btrfs", "b"), ("model", "")]
    );

    let code = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more {\n fn f() { 1; }\n}\nfn g() {}";
    let items = test_items(code);
    assert_eq!(items.len(), 2);
    assert_eq!(declared_module(&code[items[0].clone()]), Some("tests"));
    assert!(code[items[1].end..].starts_with("\nfn g"));
}
