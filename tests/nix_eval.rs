//! Our evaluator beside the real Nix: the same value, or none; never another one.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may end so")]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

#[path = "nix_eval/choices.rs"]
mod choices;
#[path = "nix_eval/generate.rs"]
mod generate;
#[path = "nix_eval/text.rs"]
mod text;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Mutex;

use btrfs_tune::nix::eval::Evaluator;
use btrfs_tune::nix::source::Sources;
use choices::Choices;
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

/// What Nix says of each file. Those that ours refuses are likely to end a batch, so each of them
/// is asked about alone.
fn ask(files: &Files, ours: &[Result<Json, String>]) -> Vec<Result<Json, String>> {
    let fails = |i: &usize| matches!(&ours[*i], Err(why) if !why.contains("is not evaluated") && !why.ends_with(": t"));
    let (alone, together): (Vec<usize>, Vec<usize>) = (0..ours.len()).partition(fails);
    let mut parts: Vec<Vec<usize>> = alone.into_iter().map(|i| vec![i]).collect();
    parts.extend(together.chunks(50).map(<[usize]>::to_vec));
    let (queue, answers) = (Mutex::new(parts), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no panic").pop();
                    let Some(part) = next else { break };
                    let real = files.real_part(&part);
                    answers
                        .lock()
                        .expect("no panic")
                        .extend(part.into_iter().zip(real));
                }
            });
        }
    });
    answers
        .into_inner()
        .expect("no panic")
        .into_values()
        .collect()
}

/// Whether one expression is read otherwise than Nix reads it, and how.
fn differs(expression: &str) -> Option<String> {
    let files = Files::new(&[expression]);
    let (different, _) = differences(&[expression], &files, &[files.real(0)]);
    different.into_iter().next()
}

#[test]
fn random_expressions_are_read_as_nix_reads_them() {
    if !nix::is_there("random expressions") {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let count = number("NIX_EVAL_CASES").unwrap_or(2_400);
    let first = number("NIX_EVAL_SEED").unwrap_or(1);
    let generated: Vec<(String, Vec<u32>)> = (first..first + count)
        .map(|seed| generate::expression(Choices::random(seed)))
        .collect();
    let expressions: Vec<&str> = generated.iter().map(|(text, _)| text.as_str()).collect();
    let files = Files::new(&expressions);
    let ours: Vec<Result<Json, String>> = (0..expressions.len()).map(|i| files.ours(i)).collect();
    let real = ask(&files, &ours);
    let values = real.iter().filter(|r| r.is_ok()).count();
    let (mut equal, mut wrong, mut unknown) = (0, Vec::new(), BTreeMap::<&str, usize>::new());
    for (index, (ours, real)) in ours.iter().zip(&real).enumerate() {
        match (ours, real) {
            (Ok(ours), Ok(real)) if nix::same(ours, real) => equal += 1,
            (Ok(_), _) => wrong.push(index),
            (Err(why), Ok(_)) => *unknown.entry(why).or_default() += 1,
            (Err(_), Err(_)) => {}
        }
    }
    println!(
        "{count} expressions from seed {first}: {values} have a value to Nix, {equal} read equal, unknown: {unknown:#?}"
    );
    if std::env::var("NIX_EVAL_SHOW").is_ok() {
        for (index, (ours, real)) in ours.iter().zip(&real).enumerate() {
            if let (Err(why), Ok(real)) = (ours, real) {
                println!(
                    "{}: {why}\n  nix {real}\n{}",
                    first + index as u64,
                    expressions[index]
                );
            }
        }
    }
    let told: Vec<String> = wrong
        .iter()
        .take(5)
        .map(|index| {
            let fails =
                |made: &[u32]| differs(&generate::expression(Choices::again(made)).0).is_some();
            let smallest = choices::shrink(generated[*index].1.clone(), 300, fails);
            let (text, _) = generate::expression(Choices::again(&smallest));
            let seed = first + *index as u64;
            let how = differs(&text).or_else(|| differs(expressions[*index]));
            format!(
                "NIX_EVAL_SEED={seed} NIX_EVAL_CASES=1: {}",
                how.unwrap_or_default()
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        told.join("\n")
    );
    assert!(
        values * 3 > count as usize * 2,
        "only {values} have a value"
    );
    assert!(
        equal * 10 >= values * 9,
        "only {equal} of {values} are read equal"
    );
}
