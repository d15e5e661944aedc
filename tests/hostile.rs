//! Owns: files that want to stall, exhaust or crash the reader. Each is refused or unknown, with the
//! reason, inside fixed memory; the process lives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/growth.rs"]
mod growth;
#[path = "hostile/recursion.rs"]
mod recursion;
#[path = "hostile/shapes.rs"]
mod shapes;

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
