//! Owns: files that want to stall, exhaust or crash the reader. Each is refused or unknown, with the
//! reason, inside fixed memory; the process lives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Address space of the process, in KiB. An unoptimised build takes some 80 MiB for its stack alone.
const MEMORY: u32 = 360_000;
/// No measurement of speed, only a sign that it does not hang; alone, each takes below a second.
const TIME: Duration = Duration::from_secs(30);

/// One file, and words of which one must be in the answer.
struct Case {
    name: String,
    text: String,
    says: &'static [&'static str],
}

fn case(name: &str, text: impl Into<String>, says: &'static [&'static str]) -> Case {
    Case {
        name: name.to_owned(),
        text: text.into(),
        says,
    }
}

/// A configuration whose mount options are this expression.
fn options(expression: &str) -> String {
    format!(
        r#"{{ fileSystems."/" = {{ device = "/dev/vda"; fsType = "btrfs"; options = {expression}; }}; }}"#
    )
}

/// A chain of `let` bindings, `first` and then each from the one before, and the last of them.
fn chain(first: &str, count: usize, next: impl Fn(&str) -> String, result: &str) -> String {
    let mut text = format!("let v0 = {first}; ");
    for n in 0..count {
        text += &format!("v{} = {}; ", n + 1, next(&format!("v{n}")));
    }
    options(&format!(
        "{text} in {}",
        result.replace("LAST", &format!("v{count}"))
    ))
}

/// Exit code (none after a signal) and everything that was said, as one line.
fn inspect(directory: &Path, file: &str) -> (Option<i32>, String) {
    let script = format!("ulimit -v {MEMORY} && ulimit -c 0 && exec \"$0\" inspect \"$1\"");
    let binary = env!("CARGO_BIN_EXE_btrfs-tune");
    let begun = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", &script, binary, file])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(fs::File::create(directory.join("out.txt")).unwrap())
        .stderr(fs::File::create(directory.join("err.txt")).unwrap())
        .spawn()
        .unwrap();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if begun.elapsed() > TIME {
            child.kill().unwrap();
            child.wait().unwrap();
            return (None, format!("still running after {TIME:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = ["out.txt", "err.txt"].map(|name| {
        let bytes = fs::read(directory.join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let words = said.iter().flat_map(|s| s.split_whitespace());
    let words: Vec<&str> = words.filter(|w| *w != "│").collect();
    (code, words.join(" "))
}

/// Why an answer is not acceptable.
fn complaint(code: Option<i32>, said: &str, says: &[&str]) -> Option<String> {
    let end = said.len().min(400);
    let shown = said.get(..end).unwrap_or(said);
    match code {
        Some(0..=2) if says.iter().any(|words| said.contains(words)) => None,
        Some(0..=2) => Some(format!("none of {says:?}: {shown}")),
        code => Some(format!("ended with {code:?}: {shown}")),
    }
}

/// Inspects each file, two at a time.
fn all(cases: Vec<Case>) {
    let count = cases.len();
    let (queue, wrong) = (Mutex::new(cases), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(case) = next else { break };
                    let directory = tempfile::tempdir().unwrap();
                    fs::write(directory.path().join("host.nix"), &case.text).unwrap();
                    let (code, said) = inspect(directory.path(), "host.nix");
                    if let Some(why) = complaint(code, &said, case.says) {
                        wrong.lock().unwrap().push(format!("{}: {why}", case.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "of {count}:\n{}", wrong.join("\n"));
    println!("{count} files");
}

/// Levels of nesting, terms of a chain.
const MANY: usize = 100_000;

#[test]
fn the_guard_and_the_parser_refuse_shapes_that_crash_readers() {
    const REFUSED: &[&str] = &[
        "nest",
        "operators or arguments",
        "prefix operators",
        "words and signs",
    ];
    let mut cases = Vec::new();
    let nested = [
        ("list", "[", "1", "]"),
        ("parenthesis", "(", "1", ")"),
        ("set", "{ a = ", "1", "; }"),
        ("interpolation", "\"${", "\"a\"", "}\""),
        ("minus", "-", "1", ""),
        ("spaced minus", "- ", "1", ""),
        ("not", "!", "true", ""),
        ("selection", "a", "", ".b"),
        ("attribute path", "", "{ a", ".b"),
        ("application", "f ", "1", ""),
        ("application of strings", "\"a\"", "1", ""),
        ("application of lists", "[1]", "1", ""),
        ("sum", "1+", "1", ""),
        ("spaced sum", "1 + ", "1", ""),
        ("concatenation", "[ ] ++ ", "[ ]", ""),
        ("implication", "true -> ", "true", ""),
        ("has", "a", "", " ? b"),
        ("or", "a.b or ", "1", ""),
        ("pipe", "1 |> ", "f", ""),
        ("let", "let a = 1; in ", "a", ""),
        ("with", "with a; ", "a", ""),
        ("assert", "assert true; ", "a", ""),
        ("if", "if true then 1 else ", "1", ""),
        ("function", "x: ", "x", ""),
        ("pattern", "{ x }: ", "x", ""),
    ];
    for (name, open, middle, close) in nested {
        let text = open.repeat(MANY) + middle + &close.repeat(MANY);
        cases.push(case(name, text, REFUSED));
        // What never ends.
        cases.push(case(
            &format!("{name}, open"),
            open.repeat(MANY) + middle,
            &[
                "nest",
                "operators or arguments",
                "prefix operators",
                "words and signs",
                "expected",
                "ends",
                "undefined",
                "no btrfs",
            ],
        ));
    }
    // Just below what the guard lets pass, inside of a configuration.
    const EITHER: &[&str] = &["nest", "operators", "filesystem /dev/vda"];
    for (name, open, middle, close) in nested {
        for count in [150, 240, 480, 1_900, 3_900] {
            let text = open.repeat(count) + middle + &close.repeat(count);
            let text = match name {
                "attribute path" => format!("{{ a{} = 1; }}", ".b".repeat(count)),
                _ => format!("({text})"),
            };
            cases.push(case(&format!("{count} × {name}"), options(&text), EITHER));
        }
    }
    all(cases);
}

#[test]
fn large_files_are_refused_or_read() {
    const LARGE: &[&str] = &["more than the 4194304 that are read", "words and signs"];
    let many = |count: usize, entry: &dyn Fn(usize) -> String| -> String {
        (0..count).map(entry).collect::<Vec<_>>().join(" ")
    };
    all(vec![
        case(
            "10 MB of options",
            options(&format!("[ {} ]", "\"noatime\" ".repeat(1_000_000))),
            LARGE,
        ),
        case(
            "10 MB of text",
            options(&format!("[ \"{}\" ]", "a".repeat(10_000_000))),
            LARGE,
        ),
        case("10 MB of spaces", " ".repeat(10_000_000) + "{ }", LARGE),
        case(
            "10 MB of comments",
            "# c\n".repeat(2_500_000) + "{ }",
            LARGE,
        ),
        case(
            "4 MB of digits",
            format!("[ {} ]", "1 ".repeat(1_900_000)),
            LARGE,
        ),
        case(
            "4 MB of empty strings",
            format!("[ {} ]", "\"\" ".repeat(1_300_000)),
            LARGE,
        ),
        case(
            "4 MB of attributes",
            format!("{{ {} }}", many(300_000, &|n| format!("a{n}={n};"))),
            LARGE,
        ),
        case(
            "4 MB of one comment",
            format!("/*{}*/ {{ }}", "-".repeat(4_000_000)),
            &["no btrfs"],
        ),
        case(
            "4 MB of one option",
            options(&format!("[ \"{}\" ]", "a+/".repeat(1_350_000))),
            &["a+/a+/"],
        ),
        case(
            "attributes",
            format!("{{ {} }}", many(100_000, &|n| format!("a{n} = {n};"))),
            &["no btrfs"],
        ),
        case(
            "paths of attributes",
            format!("{{ {} }}", many(50_000, &|n| format!("a.b{n}.c = 1;"))),
            &["no btrfs"],
        ),
        case(
            "computed attributes",
            format!(
                "{{ {} }}",
                many(40_000, &|n| format!("${{\"a\" + \"{n}\"}} = 1;"))
            ),
            &["no btrfs"],
        ),
        case(
            "let",
            format!(
                "let {} in {{ }}",
                many(100_000, &|n| format!("a{n} = {n};"))
            ),
            &["no btrfs"],
        ),
        case(
            "inherit",
            format!(
                "let a = 1; in {{ {} }}",
                many(2, &|n| format!(
                    "b{n} = {{ inherit {}; }};",
                    "a ".repeat(50_000)
                ))
            ),
            &["operators or arguments"],
        ),
        case(
            "formals",
            format!(
                "{{ {} }}: {{ }}",
                (0..60_000)
                    .map(|n| format!("a{n} ? {n}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            &["no btrfs"],
        ),
        case(
            "arguments that are too many",
            options(&format!(
                "let f = {{ {} }}: [ ]; in f {{ {} }}",
                (0..30_000)
                    .map(|n| format!("a{n} ? {n}"))
                    .collect::<Vec<_>>()
                    .join(", "),
                many(30_000, &|n| format!("z{n} = {n};"))
            )),
            &["no argument"],
        ),
        case(
            "names in with",
            options(&format!(
                "with {{ {} }}; [ {} ]",
                many(20_000, &|n| format!("a{n} = \"x\";")),
                many(20_000, &|n| format!("a{n}"))
            )),
            &["option x"],
        ),
    ]);
}

#[test]
fn recursion_ends() {
    const STOPPED: &[&str] = &[
        "evaluation was stopped: it nests deeper than",
        "infinite recursion",
    ];
    const SPENT: &[&str] = &["evaluation was stopped: "];
    let of = |name: &str, expression: &str, says| case(name, options(expression), says);
    all(vec![
        of("itself", "let x = x; in x", STOPPED),
        of("itself updated", "let y = y // y; in y", STOPPED),
        of("itself in a string", "let x = \"${x}\"; in [ x ]", STOPPED),
        of(
            "a set of itself",
            "let s = rec { a = s.b; b = s.a; }; in s.a",
            STOPPED,
        ),
        of("a function of itself", "let f = x: f x; in f 1", STOPPED),
        of(
            "a growing argument",
            "let f = x: f (x + 1); in f 1",
            STOPPED,
        ),
        of(
            "two functions",
            "let f = x: g x; g = x: f x; in f 1",
            STOPPED,
        ),
        of("a lazy argument", "let f = x: f (f x); in f 1", STOPPED),
        of("self-application", "(x: x x) (x: x x)", STOPPED),
        of(
            "a fixed point",
            "let fix = f: let x = f x; in x; in fix (x: x ++ [ 1 ])",
            STOPPED,
        ),
        of(
            "a functor of itself",
            "let f = { __functor = self: self; }; in f 1",
            STOPPED,
        ),
        of(
            "a sum of itself",
            "let s = { outPath = s; }; in [ (s + \"x\") ]",
            STOPPED,
        ),
        of(
            "a text of itself",
            "[ (toString (let s = { __toString = s: s; }; in s)) ]",
            STOPPED,
        ),
        of("a default of itself", "({ a ? b, b ? a }: a) { }", STOPPED),
        of(
            "with itself",
            "let x = with x; { a = a; }; in with x; a",
            STOPPED,
        ),
        of(
            "assert of itself",
            "let x = assert x == [ ]; [ ]; in x",
            STOPPED,
        ),
        of(
            "an endless list",
            "let f = x: [ \"a\" ] ++ f (x + 1); in f 1",
            STOPPED,
        ),
        of(
            "an endless element",
            "let f = x: [ \"a\" (f (x + 1)) ]; in f 1",
            &["expected a string", "unknown: "],
        ),
        of(
            "endless names",
            "let f = n: { ${toString n} = f (n + 1); } // f (n + 1); in f 0",
            STOPPED,
        ),
        of(
            "two endless calls",
            "let f = x: [ (f (x + 1)) ] ++ f x; in f 1",
            STOPPED,
        ),
        of(
            "an endless fold",
            "let f = n: builtins.foldl' (a: b: f (n + 1)) [ ] [ 1 ]; in f 0",
            STOPPED,
        ),
        of(
            "an endless map",
            "let f = n: builtins.concatMap f [ 1 2 ]; in f 0",
            STOPPED,
        ),
        of(
            "an endless closure",
            "map toString (builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { key = x.key + 1; } ]; })",
            SPENT,
        ),
        of(
            "an endless tree",
            "let t = n: if n == 0 then 1 else t (n - 1) + t (n - 1); in [ (toString (t 200)) ]",
            SPENT,
        ),
        of(
            "a value that holds itself, as text",
            "let x = [ x ]; in [ (toString x) ]",
            STOPPED,
        ),
        of(
            "a value that holds itself, as JSON",
            "let x = { a = x; b = [ x ]; }; in [ (builtins.toJSON x) ]",
            STOPPED,
        ),
        of(
            "values that hold themselves, compared",
            "let x = { a = x; }; y = { a = y; }; in if x == y then [ \"a\" ] else [ \"b\" ]",
            STOPPED,
        ),
        of(
            "lists that hold themselves, ordered",
            "let x = [ x ]; y = [ y ]; in if x < y then [ \"a\" ] else [ \"b\" ]",
            STOPPED,
        ),
        of(
            "a value that holds itself, visited once",
            "let x = { a = x; b = [ x ]; }; in builtins.deepSeq x [ \"noatime\" ]",
            &["option noatime"],
        ),
        of(
            "a long way down",
            &format!(
                "let f = n: if n == 0 then [ \"noatime\" ] else f (n - 1); in f {}",
                900
            ),
            &["option noatime"],
        ),
        case(
            "a long chain of names",
            chain("\"noatime\"", 20_000, str::to_owned, "[ LAST ]"),
            STOPPED,
        ),
        case(
            "a long chain of sums",
            chain("1", 20_000, |v| format!("{v} + 1"), "[ (toString LAST) ]"),
            STOPPED,
        ),
        case(
            "a set of sets without end",
            "let f = x: { a = f (x + 1); }; in { fileSystems = f 1; }",
            &["no btrfs", "unknown"],
        ),
        case(
            "a module that imports itself anew",
            "let m = n: { imports = [ (m (n + 1)) ]; }; in m 0",
            &["too many modules", "evaluation was stopped"],
        ),
        case(
            "modules that double",
            "let m = n: { imports = [ (m (n + 1)) (m (n + 2)) ]; }; in m 0",
            &["too many modules", "evaluation was stopped"],
        ),
        case(
            "a module that is a function of itself",
            "let m = { ... }: { imports = [ m ]; }; in m",
            &["too many modules", "evaluation was stopped", "no btrfs"],
        ),
        case(
            "an option of itself",
            "{ config, ... }: { fileSystems.\"/\" = { device = \"/dev/vda\"; fsType = \"btrfs\"; options = config.fileSystems.\"/\".options; }; }",
            &["infinite recursion", "unknown", "evaluation was stopped"],
        ),
    ]);
}

#[test]
fn growth_ends() {
    const BYTES: &[&str] = &["evaluation was stopped: its values take more than"];
    const SPENT: &[&str] = &["evaluation was stopped: "];
    let of = |name: &str, expression: &str, says| case(name, options(expression), says);
    let double = |name: &str, first: &str, next: &str, result: &str, says| {
        case(
            name,
            chain(first, 60, |v| next.replace('V', v), result),
            says,
        )
    };
    let long = |count: usize| "a".repeat(count);
    all(vec![
        double("lists", "[ \"x\" ]", "V ++ V", "LAST", BYTES),
        double("texts", "\"xxxxxxxxxx\"", "V + V", "[ LAST ]", BYTES),
        double(
            "interpolated texts",
            "\"xxxxxxxxxx\"",
            "\"${V}${V}${V}\"",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "indented texts",
            "\"xxxxxxxxxx\"",
            "''\n  ${V}\n  ${V}''",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "replaced texts",
            "\"a\"",
            "builtins.replaceStrings [ \"a\" ] [ \"aaaa\" ] V",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "concatenated lists",
            "[ \"x\" ]",
            "builtins.concatLists [ V V ]",
            "LAST",
            BYTES,
        ),
        double(
            "mapped lists",
            "[ \"x\" ]",
            "builtins.concatMap (x: [ x x ]) V",
            "LAST",
            BYTES,
        ),
        double(
            "joined texts",
            "\"xxxxxxxxxx\"",
            "builtins.concatStringsSep V [ V V V ]",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "paths",
            "/x",
            "V + \"${toString V}\"",
            "[ (toString LAST) ]",
            &["evaluation was stopped", "unknown"],
        ),
        double(
            "sets of names",
            "{ a = 1; }",
            "builtins.listToAttrs (builtins.concatMap (n: [ { name = n + \"a\"; value = 1; } { name = n + \"b\"; value = 1; } ]) (builtins.attrNames V))",
            "builtins.attrNames LAST",
            SPENT,
        ),
        double(
            "a tree as JSON",
            "[ 1 ]",
            "[ V V ]",
            "[ (builtins.toJSON LAST) ]",
            SPENT,
        ),
        double(
            "a tree as text",
            "[ 1 ]",
            "[ V V ]",
            "[ (toString LAST) ]",
            SPENT,
        ),
        double(
            "a tree compared",
            "[ 1 ]",
            "[ V V ]",
            "if LAST == [ LAST ] then [ \"a\" ] else [ \"b\" ]",
            &["option b"],
        ),
        double(
            "a tree, visited once",
            "[ 1 ]",
            "[ V V ]",
            "builtins.deepSeq LAST [ \"noatime\" ]",
            &["option noatime"],
        ),
        double(
            "a tree of sets, visited once",
            "{ }",
            "{ a = V; b = V; }",
            "builtins.deepSeq LAST [ \"noatime\" ]",
            &["option noatime"],
        ),
        case(
            "two trees compared",
            options(&format!(
                "let t0 = [ 1 ]; u0 = [ 1 ]; {} in if t60 == u60 then [ \"a\" ] else [ \"b\" ]",
                (0..60)
                    .map(|n| format!("t{0} = [ t{n} t{n} ]; u{0} = [ u{n} u{n} ];", n + 1))
                    .collect::<String>()
            )),
            SPENT,
        ),
        case(
            "a tree of attributes without end",
            format!(
                "let t0 = {{ }}; {} in {{ fileSystems = t60; }}",
                (0..60)
                    .map(|n| format!("t{} = {{ a = t{n}; b = t{n}; }};", n + 1))
                    .collect::<String>()
            ),
            &["no btrfs", "unknown", "evaluation was stopped"],
        ),
        of(
            "a list of 10⁹",
            "builtins.genList (x: \"a\") 1000000000",
            &["a list of 1000000000 elements", "evaluation was stopped"],
        ),
        of(
            "a list of 2⁶³",
            "builtins.genList (x: \"a\") 9223372036854775807",
            &[
                "a list of 9223372036854775807 elements",
                "evaluation was stopped",
            ],
        ),
        of(
            "a list of lists of 10⁶",
            "map toString (builtins.concatMap (x: builtins.genList (x: x) 1000000) (builtins.genList (x: x) 1000000))",
            BYTES,
        ),
        of(
            "a long fold",
            "[ (toString (builtins.foldl' (a: b: a + b) 0 (builtins.concatLists (builtins.genList (x: builtins.genList (x: x) 100000) 1000)))) ]",
            BYTES,
        ),
        of(
            "a fold of texts",
            "[ (builtins.foldl' (a: b: a + \"xxxxxxxxxxxxxxxx\") \"\" (builtins.genList (x: x) 100000)) ]",
            BYTES,
        ),
        of(
            "a fold of lists",
            "builtins.foldl' (a: b: a ++ [ (toString b) ]) [ ] (builtins.genList (x: x) 100000)",
            BYTES,
        ),
        of(
            "a fold of sets",
            "builtins.attrNames (builtins.foldl' (a: b: a // { ${toString b} = b; }) { } (builtins.genList (x: x) 100000))",
            BYTES,
        ),
        of(
            "one long replacement",
            &format!(
                "[ (builtins.replaceStrings [ \"\" ] [ \"{0}\" ] \"{0}\") ]",
                long(100_000)
            ),
            BYTES,
        ),
        of(
            "one long concatenation",
            &format!(
                "[ (builtins.concatStringsSep \"{0}\" (builtins.genList (x: \"{0}\") 100000)) ]",
                long(10_000)
            ),
            BYTES,
        ),
        of(
            "many pieces",
            &format!(
                "let s = \"{}\"; in builtins.genList (n: builtins.substring n 100000 s) 100000",
                long(100_000)
            ),
            BYTES,
        ),
        of(
            "one long string, often",
            &format!(
                "let a = \"{}\"; in [ \"{}\" ]",
                long(500_000),
                "${a}".repeat(900)
            ),
            BYTES,
        ),
        of(
            "one long sum",
            &format!(
                "let a = \"{}\"; in [ ({}) ]",
                long(500_000),
                vec!["a"; 400].join(" + ")
            ),
            BYTES,
        ),
        of(
            "long JSON",
            "let a = builtins.concatStringsSep \",\" (builtins.genList (x: \"1,1,1,1,1,1,1,1\") 100000); in map toString (builtins.fromJSON \"[${a}]\")",
            BYTES,
        ),
        of(
            "deep JSON",
            "let a = builtins.concatStringsSep \"\" (builtins.genList (x: \"[[[[[[[[\") 20000); in builtins.fromJSON a",
            &["JSON", "evaluation was stopped"],
        ),
        of(
            "all in all",
            "let l = builtins.genList (x: toString x) 20000; in builtins.filter (x: builtins.elem x l) l",
            SPENT,
        ),
        of(
            "a long sort",
            "builtins.sort (a: b: a < b) (builtins.genList (x: toString (0 - x)) 200000)",
            SPENT,
        ),
        of(
            "a sort that lies",
            "builtins.sort (a: b: true) (builtins.genList toString 20000)",
            &["option 1", "evaluation was stopped", "unknown"],
        ),
        of(
            "a large integer",
            "[ 99999999999999999999999999 ]",
            &["64 bits"],
        ),
        of(
            "an overflow",
            "[ (toString (9223372036854775807 + 1)) ]",
            &["overflow"],
        ),
    ]);
}

#[test]
fn strange_files_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
    fs::create_dir(root.join("directory.nix")).unwrap();
    fs::create_dir(root.join("broken")).unwrap();
    std::os::unix::fs::symlink("loop-b.nix", root.join("loop-a.nix")).unwrap();
    std::os::unix::fs::symlink("loop-a.nix", root.join("loop-b.nix")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.join("zero.nix")).unwrap();
    std::os::unix::fs::symlink(".", root.join("here")).unwrap();
    let made = Command::new("mkfifo").arg(root.join("fifo.nix")).status();
    write("itself.nix", "import ./itself.nix");
    write(
        "imports-itself.nix",
        "{ imports = [ ./imports-itself.nix ]; }",
    );
    write("ring-a.nix", "{ imports = [ ./ring-b.nix ]; }");
    write("ring-b.nix", "{ imports = [ ./ring-a.nix ]; }");
    write("value-a.nix", "import ./value-b.nix");
    write("value-b.nix", "import ./value-a.nix");
    write(
        "argument.nix",
        "{ n ? 0 }: import ./argument.nix { n = n + 1; }",
    );
    write(
        "module.nix",
        "n: { imports = [ (import ./module.nix (n + 1)) ]; }",
    );
    write("here.nix", "{ imports = [ ./here/here.nix ]; }");
    for n in 0..300 {
        let text = format!("{{ imports = [ ./deep-{}.nix ]; }}", n + 1);
        write(&format!("deep-{n}.nix"), &text);
        write(
            &format!("value-{n}.nix"),
            &format!("import ./value-{}.nix", n + 1),
        );
    }
    write("deep-300.nix", &options("[ \"noatime\" ]"));
    write("value-300.nix", "[ \"noatime\" ]");
    let mut wrong = Vec::new();
    let mut check = |name: &str, text: &str, says: &[&str]| {
        write("host.nix", text);
        let (code, said) = inspect(root, "host.nix");
        wrong.extend(complaint(code, &said, says).map(|why| format!("{name}: {why}")));
    };
    let import = |name: &str| format!("{{ imports = [ {name} ]; }}");
    let value = |name: &str| options(&format!("import {name}"));
    let read = |name: &str| options(&format!("[ (builtins.readFile {name}) ]"));
    let recursion: &[&str] = &[
        "infinite recursion",
        "evaluation was stopped",
        "too many modules",
    ];
    for (name, kind, says) in [
        (
            "./directory.nix",
            "a directory",
            &["no such file", "not a regular file"][..],
        ),
        (
            "./broken",
            "a directory without default.nix",
            &["no such file"],
        ),
        (
            "./loop-a.nix",
            "a ring of links",
            &["symbolic links", "no such file"],
        ),
        (
            "./zero.nix",
            "a link to a device",
            &["not a regular file", "outside the project"],
        ),
        ("/dev/zero", "a device", &["outside the project"]),
        ("/proc/self/mem", "a process", &["outside the project"]),
        ("./nothing.nix", "nothing", &["no such file"]),
    ] {
        check(&format!("a module that is {kind}"), &import(name), says);
        check(&format!("a value that is {kind}"), &value(name), says);
        let says: Vec<&str> = says
            .iter()
            .copied()
            .chain(["a directory", "Is a directory", "not a regular file"])
            .collect();
        check(&format!("the text of {kind}"), &read(name), &says);
    }
    if made.is_ok_and(|status| status.success()) {
        let says = &["not a regular file"];
        check("a pipe as a module", &import("./fifo.nix"), says);
        check("a pipe as a value", &value("./fifo.nix"), says);
        check("the text of a pipe", &read("./fifo.nix"), says);
    }
    check("a value of itself", &value("./itself.nix"), recursion);
    check(
        "two values of each other",
        &value("./value-a.nix"),
        recursion,
    );
    check(
        "an endless argument",
        &value("./argument.nix { }"),
        recursion,
    );
    check(
        "an endless module",
        &import("(import ./module.nix 0)"),
        recursion,
    );
    check(
        "a module of itself",
        &import("./imports-itself.nix"),
        &["no btrfs"],
    );
    check(
        "two modules of each other",
        &import("./ring-a.nix"),
        &["no btrfs"],
    );
    check(
        "a module through a link of itself",
        &import("./here.nix"),
        &["no btrfs", "oo many", "stopped"],
    );
    check(
        "a chain of modules",
        &import("./deep-0.nix"),
        &["option noatime", "stopped"],
    );
    check(
        "a chain of values",
        &value("./value-0.nix"),
        &["option noatime"],
    );
    check(
        "100,000 imports of nothing",
        &format!("{{ imports = [ {} ]; }}", "./no.nix ".repeat(100_000)),
        &["no such file"],
    );
    let many = "builtins.genList (n: ./. + \"/no-${toString n}.nix\") 10000";
    check(
        "10,000 imports of nothing",
        &format!("{{ imports = {many}; }}"),
        &["no such file", "too many modules"],
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
