//! What the rules say of every configuration of the corpus.
//!
//! `CORPUS=… KIT=… cargo run --release --example corpus -- findings
//!   [--only SUBSTR] [--rule ID] [--pick N] [--records FILE] [--table FILE]`
//!
//! The program itself (`fix --format json`) runs on each file and flake, two at a time. Printed is a
//! table of rules × configurations, and with `--pick N` so many findings, chosen by chance (the same
//! ones each time) among all rules alike, with the lines they are about, to be read by a person.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use btrfs_tune::recommend::rules::RULES;
use serde_json::{Value as Json, json};

use super::Corpus;
use super::edits::{Case, cases};

/// Set in the processes that are the program itself.
pub(crate) const AS_PROGRAM: &str = "CORPUS_AS_PROGRAM";

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    rule: String,
    pick: usize,
    records: Option<PathBuf>,
    table: Option<PathBuf>,
}

impl Options {
    /// Takes an option of this mode; false if it is none.
    pub(crate) fn take(
        &mut self,
        name: &str,
        arguments: &mut dyn Iterator<Item = String>,
    ) -> Result<bool, String> {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        match name {
            "--rule" => self.rule = value()?,
            "--pick" => self.pick = value()?.parse().map_err(|_| "--pick wants a number")?,
            "--records" => self.records = Some(value()?.into()),
            "--table" => self.table = Some(value()?.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(crate) fn run(corpus: &Corpus, options: &Options) {
    let start = Instant::now();
    let cases = cases(corpus);
    let records = match &options.table {
        Some(path) => {
            let text = std::fs::read_to_string(path).expect("records");
            let lines = text.lines().map(|l| serde_json::from_str(l).expect("JSON"));
            lines.collect()
        }
        None => collect(&cases, options),
    };
    if let Some(path) = &options.records {
        let lines: Vec<String> = records.iter().map(Json::to_string).collect();
        std::fs::write(path, lines.join("\n")).expect("the records are written");
    }
    table(&cases, &records);
    println!(
        "\n{} cases in {:.0} s",
        cases.len(),
        start.elapsed().as_secs_f64()
    );
    for record in picked(&records, options.pick) {
        show(corpus, record);
    }
}

/// One record for each finding, and one for each case that came to nothing.
fn collect(cases: &[Case], options: &Options) -> Vec<Json> {
    let queue: Mutex<VecDeque<&Case>> = Mutex::new(cases.iter().collect());
    let records: Mutex<Vec<Json>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("a lock").pop_front();
                    let Some(case) = next else { return };
                    let found = of_case(case, options);
                    records.lock().expect("a lock").extend(found);
                }
            });
        }
    });
    let mut records = records.into_inner().expect("no thread panicked");
    records.sort_by_key(|r| {
        let text = |name: &str| r[name].as_str().unwrap_or_default().to_owned();
        (text("rule"), text("place"), text("host"), text("subject"))
    });
    records
}

fn of_case(case: &Case, options: &Options) -> Vec<Json> {
    let me = std::env::current_exe().expect("a program");
    let mut command = Command::new(me);
    command.env(AS_PROGRAM, "1").current_dir(&case.root);
    command.args(["fix", "--format", "json"]);
    if !options.rule.is_empty() {
        command.args(["--rule", &options.rule]);
    }
    let output = command.arg(case.file.as_deref().unwrap_or(".")).output();
    let output = output.expect("a process");
    let failed = |why: &str| vec![json!({"rule": "", "place": case.place, "failed": why})];
    if !matches!(output.status.code(), Some(0..=2)) {
        return failed(&format!("PANIC {}", output.status));
    }
    let Ok(report) = serde_json::from_slice::<Json>(&output.stdout) else {
        let err = String::from_utf8_lossy(&output.stderr);
        return failed(err.lines().next().unwrap_or("nothing was printed"));
    };
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for host in report["hosts"].as_array().into_iter().flatten() {
        for finding in host["findings"].as_array().into_iter().flatten() {
            // Hosts that share a file have one finding there.
            if !seen.insert((
                finding["rule"].to_string(),
                finding["message"].to_string(),
                finding["at"].to_string(),
            )) {
                continue;
            }
            let became = match () {
                () if finding["edits"].as_array().is_some_and(|e| !e.is_empty()) => "patch",
                () if finding["patched_with"].is_string() => "patch",
                () if finding["dropped"].is_object() => "dropped",
                () if finding["obstacle"].is_string() => "stuck",
                () => "advice",
            };
            let mut record = json!({"place": case.place, "host": host["name"], "became": became});
            for key in [
                "rule", "subject", "severity", "message", "at", "title", "evidence", "obstacle",
                "edits",
            ] {
                record[key] = finding[key].clone();
            }
            records.push(record);
        }
    }
    records
}

fn table(cases: &[Case], records: &[Json]) {
    let repository = |place: &str| place.split(' ').next().unwrap_or_default().to_owned();
    let all: BTreeSet<String> = cases.iter().map(|c| repository(&c.place)).collect();
    println!(
        "{:<36} {:>8} {:>14} {:>12} {:>7} {:>7} {:>6} {:>7} {:>5}",
        "rule",
        "findings",
        "configurations",
        "repositories",
        "errors",
        "patches",
        "stuck",
        "dropped",
        "advice"
    );
    let mut silent = Vec::new();
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in RULES {
        let id = rule.meta().id;
        let own: Vec<&Json> = records.iter().filter(|r| r["rule"] == id).collect();
        if own.is_empty() {
            silent.push(id);
            continue;
        }
        let text = |r: &Json, name: &str| r[name].as_str().unwrap_or_default().to_owned();
        let places: BTreeSet<String> = own.iter().map(|r| text(r, "place")).collect();
        let repositories: BTreeSet<String> = places.iter().map(|p| repository(p)).collect();
        let count = |key: &str, value: &str| own.iter().filter(|r| r[key] == value).count();
        for became in ["patch", "stuck", "dropped", "advice"] {
            *sums.entry(became).or_default() += count("became", became);
        }
        println!(
            "{id:<36} {:>8} {:>14} {:>12} {:>7} {:>7} {:>6} {:>7} {:>5}",
            own.len(),
            places.len(),
            repositories.len(),
            count("severity", "error"),
            count("became", "patch"),
            count("became", "stuck"),
            count("became", "dropped"),
            count("became", "advice"),
        );
    }
    println!(
        "\nof {} configurations in {} repositories: {sums:?}",
        cases.len(),
        all.len()
    );
    println!("silent on all of them: {}", silent.join(", "));
    let failed = records.iter().filter(|r| r["failed"].is_string());
    for record in failed {
        println!("no report: {}: {}", record["place"], record["failed"]);
    }
}

/// So many findings, one of each rule in turn.
fn picked(records: &[Json], count: usize) -> Vec<&Json> {
    let chance = |record: &Json| {
        let mut hasher = DefaultHasher::new();
        record["place"].to_string().hash(&mut hasher);
        record["subject"].to_string().hash(&mut hasher);
        hasher.finish()
    };
    let mut by_rule: BTreeMap<String, Vec<&Json>> = BTreeMap::new();
    for record in records.iter().filter(|r| r["failed"].is_null()) {
        by_rule
            .entry(record["rule"].to_string())
            .or_default()
            .push(record);
    }
    for own in by_rule.values_mut() {
        own.sort_by_key(|record| chance(record));
    }
    let mut picked = Vec::new();
    let longest = by_rule.values().map(Vec::len).max().unwrap_or_default();
    for index in 0..longest {
        picked.extend(by_rule.values().filter_map(|own| own.get(index)));
    }
    picked.truncate(count);
    picked
}

/// A finding, with the lines that it is about.
fn show(corpus: &Corpus, record: &Json) {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    println!(
        "\n---- {} [{}] {} {} ({})",
        text("rule"),
        text("severity"),
        text("place"),
        text("host"),
        text("became")
    );
    println!("{}", text("message"));
    if !text("title").is_empty() && text("title") != text("message") {
        println!("=> {}", text("title"));
    }
    for evidence in record["evidence"].as_array().into_iter().flatten() {
        println!("   {} {}", evidence["direction"], evidence["statement"]);
    }
    let (Some(file), Some(line)) = (record["at"]["file"].as_str(), record["at"]["line"].as_u64())
    else {
        return;
    };
    let repository = text("place")
        .split(' ')
        .next()
        .unwrap_or_default()
        .replace('/', "__");
    let roots = [corpus.folder.join("repos"), corpus.full.clone()];
    let found = roots
        .iter()
        .find_map(|root| read(&root.join(&repository).join(file)));
    let line = usize::try_from(line).unwrap_or_default();
    println!("   {file}:{line}");
    for shown in found
        .iter()
        .flat_map(|t| t.lines())
        .skip(line.saturating_sub(4))
        .take(9)
    {
        println!("   | {shown}");
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
