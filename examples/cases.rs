//! Judges the ranking of causes on cases whose cause is known:
//!
//! ```sh
//! cargo run --release --example cases -- [--quiet] [--show ID] [--without] FILE…
//! ```
//!
//! FILE is a JSON list of `{id, complaint, facts, root_cause, also_accept, must_not_rank_first}`; the
//! program is given `complaint` and `facts` only, as `diagnose --facts` takes them. Printed are each
//! miss, the confusion table (what was first where another cause was right), and the figures:
//! the right cause first, among the first three, and a forbidden one first. `--show ID` prints the
//! whole diagnosis of one case, `--quiet` the figures alone.

use std::collections::BTreeMap;
use std::process::ExitCode;

use btrfs_tune::analyze::Analysis;
use btrfs_tune::ingest::facts;
use btrfs_tune::model::Host;
use btrfs_tune::nix::source::Sources;
use btrfs_tune::report::diagnosis;
use serde_json::{Value, json};

fn words(case: &Value, key: &str) -> Vec<String> {
    let list = case[key].as_array().into_iter().flatten();
    list.filter_map(|v| v.as_str()).map(str::to_owned).collect()
}

#[derive(Default)]
struct Score {
    cases: usize,
    first: usize,
    third: usize,
    forbidden: usize,
    confusion: BTreeMap<(String, String), Vec<String>>,
}

fn main() -> ExitCode {
    let (mut quiet, mut show, mut files) = (false, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quiet" => quiet = true,
            "--show" => show = arguments.next(),
            _ => files.push(argument),
        }
    }
    let mut failed = files.is_empty();
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string());
        let cases =
            text.and_then(|t| serde_json::from_str::<Vec<Value>>(&t).map_err(|e| e.to_string()));
        let cases = match cases {
            Ok(cases) => cases,
            Err(error) => {
                eprintln!("{file}: {error}");
                failed = true;
                continue;
            }
        };
        let mut score = Score::default();
        for case in &cases {
            judge(case, &mut score, quiet, show.as_deref());
        }
        print(file, &score, quiet);
    }
    if failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

fn judge(case: &Value, score: &mut Score, quiet: bool, show: Option<&str>) {
    let id = case["id"].as_str().unwrap_or("?");
    if show.is_some_and(|wanted| wanted != id) {
        return;
    }
    let given = json!({ "complaint": case["complaint"], "facts": case["facts"] });
    let (known, problems) = facts::read(id, given.to_string().as_bytes());
    let host = Host::told(id, &known);
    let analysis = Analysis::of(&host);
    let ranked: Vec<&str> = analysis
        .diagnoses
        .iter()
        .filter(|d| d.is_supported())
        .map(|d| d.cause.id())
        .collect();
    let right = case["root_cause"].as_str().unwrap_or_default();
    let mut accepted = words(case, "also_accept");
    accepted.push(right.to_owned());
    let is_right = |cause: &&&str| accepted.iter().any(|a| a == **cause);
    let rank = ranked.iter().position(|c| is_right(&c));
    let first = ranked.first().copied().unwrap_or("nothing");
    let forbidden = words(case, "must_not_rank_first")
        .iter()
        .any(|c| c == first);
    score.cases += 1;
    score.first += usize::from(rank == Some(0));
    score.third += usize::from(rank.is_some_and(|r| r < 3));
    score.forbidden += usize::from(forbidden);
    if rank != Some(0) {
        let key = (right.to_owned(), first.to_owned());
        score.confusion.entry(key).or_default().push(id.to_owned());
        if !quiet {
            let rank = rank.map_or("-".to_owned(), |r| (r + 1).to_string());
            let mark = if forbidden { " FORBIDDEN" } else { "" };
            let top: Vec<String> = analysis
                .diagnoses
                .iter()
                .filter(|d| d.is_supported())
                .take(4)
                .map(|d| format!("{} {:+.1}", d.cause.id(), d.log_odds))
                .collect();
            println!("{id}: {right} is {rank}{mark}; {}", top.join(", "));
        }
    }
    if show.is_some() {
        let sources = Sources::none();
        let document = diagnosis::document(&[(host, analysis)], &sources, Vec::new());
        println!("{}", diagnosis::render(&document));
        for cause in &document.causes {
            println!("{} {:+.2}", cause.cause.id, cause.cause.log_odds);
            for evidence in &cause.cause.evidence {
                println!("    {}", evidence.line());
            }
        }
        for problem in problems {
            println!("{problem}");
        }
    }
}

fn print(file: &str, score: &Score, quiet: bool) {
    if !quiet && !score.confusion.is_empty() {
        println!("\nright cause, and what came first instead:");
        for ((right, first), ids) in &score.confusion {
            println!("  {right:36} {first:36} {}", ids.len());
        }
    }
    let share = |n: usize| n as f64 / score.cases.max(1) as f64 * 100.0;
    println!(
        "{file}: {} cases; first {} ({:.1} %), among three {} ({:.1} %), forbidden first {}",
        score.cases,
        score.first,
        share(score.first),
        score.third,
        share(score.third),
        score.forbidden
    );
}
