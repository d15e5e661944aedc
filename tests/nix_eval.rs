//! Our evaluator beside the real Nix: the same value, or none; never another one.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may end so")]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::rc::Rc;

use btrfs_tune::nix::eval::Evaluator;
use btrfs_tune::nix::source::Sources;
use nix::Files;
use serde_json::Value as Json;

/// Expressions that Nix evaluates, one a line.
const VALUES: &str = include_str!("nix_eval/values.txt");
/// Expressions that Nix refuses, one a line.
const REFUSED: &str = include_str!("nix_eval/refused.txt");
/// Calls of nixpkgs' lib and what they give there, `call ⇒ JSON`, one a line.
const LIB: &str = include_str!("nix_eval/lib.txt");

/// Expressions that need more than a line, or bytes that an editor would not keep.
const LONG: &[&str] = &[
    "''\n  a\n    b\n  c\n''",
    "''\n    a\n  ${\"x\"}\n      b\n''",
    "''a\n  b\n    c''",
    "''\n\n  a\n\n  b\n''",
    "''\n  a\n  ''",
    "''\n  a\n''",
    "''   \n  a''",
    "''\n\ta\n\t\tb\n''",
    "''\n  \ta\n  b\n''",
    "''\n  ''${x} ''' ''\\n ''\\t $${y} $$ \\n\n''",
    "''\n  ${\"a\\nb\"}\n    ${''\n      c\n        d\n    ''}\n''",
    "''\n  a\n   \n  b\n''",
    "''\n    a\n   \n    b\n''",
    "''\n  a ${\"b\"} c\n   d${\n  \"e\"\n}\n''",
    "''\n  a\n  ${\"\"}\n''",
    "''${\"a\"}\n  b\n''",
    "''  ${\"a\"}\n    b\n''",
    "''\n  a\\\n  b\n''",
    "''\n  é\n    ü\n''",
    "''\n  $''${a}\n''",
    "''\n  a''\\\n  b''",
    "''\n  x'y'z''",
    "\"a\nb\n  c\"",
    "\"a\\\nb\"",
    "\"a\r\nb\"",
    "\"a\\\r\nb\"",
    "''\r\n  a\r\n    b\r\n''",
    "''\r\n  a\r\n\r\n  b\r\n''",
    "''\n  a\r\n  b\r\n''",
    "{\r\n  a = 1; # c\r\n  b = ''\r\n    x\r\n  '';\r\n}",
    "1 # comment\n",
    "/* a /* b */ 1 /* c\n d */ + /**/ 2",
    "{ a = 1; # one\n  /* two */ b = 2; }",
    "let\n  a = 1;\n  # b = 2;\nin\n{\n  inherit a;\n}\n",
    "\t1\t+\t2\t",
];

/// What Nix evaluates and ours says it does not know. Nothing may be added without a reason.
const UNKNOWN: &[&str] = &[
    // 2.8 writes `1`, later versions `1.0`.
    "builtins.toJSON 1.0",
    "builtins.toJSON 0.1",
    // Which functions there are depends on the version too.
    "builtins ? splitString",
    "builtins ? nothingOfThisName",
];

fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("##"))
        .collect()
}

/// Where ours says a value and Nix says another, or none.
fn differences<S: AsRef<str>>(
    expressions: &[S],
    files: &Files,
    real: &[Result<Json, String>],
) -> (Vec<String>, Vec<String>) {
    let (mut different, mut unknown) = (Vec::new(), Vec::new());
    for (index, expression) in expressions.iter().enumerate() {
        let expression = expression.as_ref();
        match (files.ours(index), &real[index]) {
            (Ok(ours), Ok(real)) if nix::same(&ours, real) => {}
            (Ok(ours), Ok(real)) => {
                different.push(format!("{expression:?}\n  ours {ours}\n  nix  {real}"));
            }
            (Ok(ours), Err(error)) => {
                let error = error.lines().next().unwrap_or_default();
                different.push(format!("{expression:?}\n  ours {ours}\n  nix  {error}"));
            }
            (Err(why), Ok(_)) => unknown.push(format!("{expression}  # {why}")),
            (Err(_), Err(_)) => {}
        }
    }
    (different, unknown)
}

#[test]
fn the_table_is_read_as_nix_reads_it() {
    let mut expressions = lines(VALUES);
    expressions.extend(LONG);
    assert!(
        expressions.len() >= 150,
        "only {} expressions",
        expressions.len()
    );
    if !nix::is_there("the table of expressions") {
        return;
    }
    let files = Files::new(&expressions);
    let real = files.real_all(1000);
    let refused: Vec<String> = real
        .iter()
        .zip(&expressions)
        .filter_map(|(r, x)| Some(format!("{x:?}: {}", r.as_ref().err()?)))
        .collect();
    assert!(refused.is_empty(), "Nix refuses:\n{}", refused.join("\n"));
    let (different, unknown) = differences(&expressions, &files, &real);
    println!("{} compared, {} unknown", expressions.len(), unknown.len());
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different.join("\n")
    );
    let unnamed: Vec<&String> = unknown
        .iter()
        .filter(|u| !UNKNOWN.iter().any(|known| u.starts_with(known)))
        .collect();
    assert!(
        unnamed.is_empty(),
        "{} unknown: {unnamed:#?}",
        unnamed.len()
    );
}

#[test]
fn what_nix_refuses_has_no_value() {
    let expressions = lines(REFUSED);
    let files = Files::new(&expressions);
    let given: Vec<String> = expressions
        .iter()
        .enumerate()
        .filter_map(|(i, x)| Some(format!("{x} = {}", files.ours(i).ok()?)))
        .collect();
    assert!(given.is_empty(), "ours gives:\n{}", given.join("\n"));
    if !nix::is_there("the table of refused expressions") {
        return;
    }
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let ask = |(index, expression): (usize, &&str)| {
            let files = &files;
            let expression = (*expression).to_owned();
            scope.spawn(move || {
                files
                    .real(index)
                    .ok()
                    .map(|v| format!("{expression} = {v}"))
            })
        };
        let asked: Vec<_> = expressions.iter().enumerate().map(ask).collect();
        asked
            .into_iter()
            .filter_map(|a| a.join().expect("it ends"))
            .collect()
    });
    assert!(accepted.is_empty(), "Nix accepts:\n{}", accepted.join("\n"));
    println!("{} refused by both", expressions.len());
}

#[test]
fn lib_gives_what_nixpkgs_gives() {
    let cases: Vec<(&str, &str)> = lines(LIB)
        .into_iter()
        .map(|l| l.split_once(" ⇒ ").expect("call ⇒ value"))
        .collect();
    let calls: Vec<String> = cases
        .iter()
        .map(|(call, _)| format!("lib: {call}"))
        .collect();
    let files = Files::new(&calls);
    let mut wrong = Vec::new();
    for (index, (call, expected)) in cases.iter().enumerate() {
        let ours = lib_call(&files, index);
        let right = match (&ours, *expected) {
            (Err(_), "refused") => true,
            (Ok(ours), expected) => {
                serde_json::from_str(expected).is_ok_and(|e: Json| nix::same(ours, &e))
            }
            _ => false,
        };
        if !right {
            wrong.push(format!("{call}\n  ours    {ours:?}\n  nixpkgs {expected}"));
        }
    }
    println!("{} calls", cases.len());
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The value of one call of `lib`.
fn lib_call(files: &Files, index: usize) -> Result<Json, String> {
    let evaluator = Evaluator::new(Rc::new(Sources::new(files.root())));
    let path = files.root().join(format!("{index}.nix"));
    let value = evaluator.native(move |e| {
        let function = e.import(&path, None)?;
        e.call(&function, e.lib(), None)
    });
    nix::to_json(&evaluator, value)
}

/// A generator of small expressions, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn name(&mut self) -> &'static str {
        self.of(&["a", "b", "c", "x"])
    }

    fn int(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.of(&["0", "1", "2", "7", "(-3)", "a", "b"]).to_owned();
        }
        let d = depth - 1;
        match self.below(12) {
            0 => format!(
                "({} {} {})",
                self.int(d),
                self.of(&["+", "-", "*"]),
                self.int(d)
            ),
            1 => format!("({} / {})", self.int(d), self.of(&["2", "(-2)", "3"])),
            2 => format!("(builtins.length {})", self.list(d)),
            3 => format!("(builtins.stringLength {})", self.text(d)),
            4 => format!(
                "(if {} then {} else {})",
                self.bool(d),
                self.int(d),
                self.int(d)
            ),
            5 => format!("({}.{} or {})", self.set(d), self.path(), self.int(d)),
            6 => format!(
                "(let {} = {}; in {})",
                self.name(),
                self.int(d),
                self.int(d)
            ),
            7 => format!("(({}: {}) {})", self.name(), self.int(d), self.int(d)),
            8 => format!(
                "(({{ a ? {}, b ? a, ... }}@x: {}) {})",
                self.int(0),
                self.int(d),
                self.set(d)
            ),
            9 => format!(
                "(with {}; {})",
                self.set(d),
                self.of(&["a", "b", "length c", "x"])
            ),
            10 => format!(
                "(builtins.foldl' (a: b: {}) {} {})",
                self.int(d),
                self.int(0),
                self.list(d)
            ),
            _ => format!("(assert {}; {})", self.bool(d), self.int(d)),
        }
    }

    fn path(&mut self) -> String {
        match self.below(4) {
            0 => format!("{}.{}", self.name(), self.name()),
            1 => format!("${{{}}}", self.text(0)),
            _ => self.name().to_owned(),
        }
    }

    fn bool(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.of(&["true", "false", "(a == b)"]).to_owned();
        }
        let d = depth - 1;
        match self.below(8) {
            0 => format!(
                "({} {} {})",
                self.bool(d),
                self.of(&["&&", "||", "->"]),
                self.bool(d)
            ),
            1 => format!("(!{})", self.bool(d)),
            2 => {
                let op = self.of(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {op} {})", self.int(d), self.int(d))
            }
            3 => format!(
                "({} {} {})",
                self.text(d),
                self.of(&["<", "==", "!="]),
                self.text(d)
            ),
            4 => format!("({} ? {})", self.set(d), self.path()),
            5 => format!(
                "({} {} {})",
                self.list(d),
                self.of(&["==", "!=", "<"]),
                self.list(d)
            ),
            6 => format!("({} == {})", self.set(d), self.set(d)),
            _ => format!("(builtins.elem {} {})", self.int(d), self.list(d)),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        if depth == 0 {
            let texts = [
                "\"\"",
                "\"a\"",
                "\"b\"",
                "\"a b\"",
                "\"é\"",
                "\"\\n\\${x}\"",
                "''c''",
            ];
            return self.of(&texts).to_owned();
        }
        let d = depth - 1;
        match self.below(9) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            1 => format!("\"<${{{}}}>\"", self.text(d)),
            2 => format!(
                "''\n  a ${{{}}}\n    b\n {}c\n''",
                self.text(d),
                self.of(&["", " ", "  "])
            ),
            3 => format!("(toString {})", self.any(d)),
            4 => format!(
                "(builtins.concatStringsSep {} (map toString {}))",
                self.text(0),
                self.list(d)
            ),
            5 => format!(
                "(builtins.substring {} {} {})",
                self.int(0),
                self.int(0),
                self.text(d)
            ),
            6 => format!(
                "(builtins.replaceStrings [ {} \"a\" ] [ \"1\" {} ] {})",
                self.text(0),
                self.text(0),
                self.text(d)
            ),
            7 => format!("(builtins.typeOf {})", self.any(d)),
            _ => format!("(builtins.toJSON {})", self.any(d)),
        }
    }

    fn list(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self
                .of(&["[ ]", "[ 1 ]", "[ 1 2 a ]", "[ [ ] b ]"])
                .to_owned();
        }
        let d = depth - 1;
        match self.below(9) {
            0 => format!("[ {} {} ]", self.any(d), self.any(d)),
            1 => format!("({} ++ {})", self.list(d), self.list(d)),
            2 => format!("(map (a: {}) {})", self.any(d), self.list(d)),
            3 => format!("(builtins.filter (a: {}) {})", self.bool(d), self.list(d)),
            4 => format!("(builtins.attrNames {})", self.set(d)),
            5 => format!("(builtins.attrValues {})", self.set(d)),
            6 => format!(
                "(builtins.genList (b: {}) {})",
                self.any(d),
                self.of(&["0", "1", "3"])
            ),
            7 => format!(
                "(builtins.concatMap (b: {}) {})",
                self.list(d),
                self.list(d)
            ),
            _ => format!(
                "(builtins.sort (a: b: a < b) [ {} {} {} ])",
                self.int(d),
                self.int(d),
                self.int(d)
            ),
        }
    }

    fn set(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self
                .of(&["{ }", "{ a = 1; }", "{ b = a; c = [ ]; }", "x"])
                .to_owned();
        }
        let d = depth - 1;
        match self.below(9) {
            0 => format!(
                "{{ a = {}; b.c = {}; b.x = {}; }}",
                self.any(d),
                self.any(d),
                self.any(d)
            ),
            1 => format!(
                "rec {{ {} = {}; y = {}; }}",
                self.name(),
                self.any(d),
                self.any(d)
            ),
            2 => format!("({} // {})", self.set(d), self.set(d)),
            3 => format!(
                "(builtins.mapAttrs (a: b: {}) {})",
                self.any(d),
                self.set(d)
            ),
            4 => format!(
                "{{ inherit ({}) {}; inherit a; }}",
                self.set(d),
                self.of(&["c", "x"])
            ),
            5 => format!(
                "{{ ${{{}}} = {}; \"p ${{{}}}\" = a; }}",
                self.text(d),
                self.any(d),
                self.text(0)
            ),
            6 => format!("(builtins.removeAttrs {} [ \"a\" ])", self.set(d)),
            7 => format!(
                "(builtins.listToAttrs [ {{ name = {}; value = {}; }} {{ name = \"a\"; value = b; }} ])",
                self.text(d),
                self.any(d)
            ),
            _ => format!(
                "{{ a = {{ b = {}; }}; a.c = {}; }}",
                self.any(d),
                self.any(d)
            ),
        }
    }

    fn any(&mut self, depth: u32) -> String {
        match self.below(16) {
            0..4 => self.int(depth),
            4..6 => self.bool(depth),
            6..9 => self.text(depth),
            9..12 => self.list(depth),
            12..15 => self.set(depth),
            _ => self
                .of(&["null", "(throw \"t\")", "1.5", "{ }.y", "(x: x)"])
                .to_owned(),
        }
    }
}

#[test]
fn random_expressions_are_read_as_nix_reads_them() {
    if !nix::is_there("random expressions") {
        return;
    }
    let count = std::env::var("NIX_EVAL_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(600);
    let seed = std::env::var("NIX_EVAL_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let mut random = Random(seed);
    let expressions: Vec<String> = (0..count)
        .map(|_| {
            let depth = 2 + random.below(3) as u32;
            format!(
                "let a = 1; b = 5; c = [ a ]; x = {{ a = 2; }}; in\n{}",
                random.any(depth)
            )
        })
        .collect();
    let files = Files::new(&expressions);
    let batches: Vec<usize> = (0..expressions.len()).collect();
    let real: Vec<Result<Json, String>> = std::thread::scope(|scope| {
        let ask = |part: &[usize]| {
            let (files, part) = (&files, part.to_vec());
            scope.spawn(move || files.real_part(&part))
        };
        let asked: Vec<_> = batches.chunks(25).map(ask).collect();
        asked
            .into_iter()
            .flat_map(|a| a.join().expect("it ends"))
            .collect()
    });
    let (different, unknown) = differences(&expressions, &files, &real);
    let values = real.iter().filter(|r| r.is_ok()).count();
    println!(
        "{count} compared, {values} have a value, {} unknown: {unknown:#?}",
        unknown.len()
    );
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different.join("\n")
    );
    assert!(values * 3 > count, "only {values} have a value");
    // Cut characters, and floats as JSON.
    assert!(unknown.len() * 50 <= count, "{} unknown", unknown.len());
}
