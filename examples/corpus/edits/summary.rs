//! The table, and everything that is not as it should be.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::kinds::KINDS;
use super::record::{Record, Status, WHOLE};

fn name(record: &Record) -> &'static str {
    match record.kind {
        WHOLE if record.status == Status::Unfit => "mount options",
        WHOLE => "the whole case",
        index => KINDS[index].name,
    }
}

fn row(label: &str, records: &[&Record]) -> String {
    let proven: Vec<&&Record> = records.iter().filter(|r| r.is_proven()).collect();
    let count = |is: &dyn Fn(&Record) -> bool| proven.iter().filter(|r| is(r)).count();
    let panicked = records
        .iter()
        .filter(|r| r.status == Status::Panicked)
        .count();
    let mut lines: Vec<usize> = proven.iter().map(|r| r.lines).collect();
    lines.sort_unstable();
    let line = |index: usize| lines.get(index).copied().unwrap_or(0);
    let (formatted, stable) = proven
        .iter()
        .fold((0, 0), |(f, s), r| (f + r.formatted, s + r.stable));
    let comments: usize = proven.iter().map(|r| r.comments.len()).sum();
    let micros: u64 = records.iter().map(|r| r.micros).sum();
    let all = records.len();
    format!(
        "{label:36}{all:6}{:7}{:7.1}%{:10}{:7}{:7}{:>12}{:6}{:>10}{:7}{:6}{:6}{:8.1}{panicked:6}",
        proven.len(),
        100.0 * proven.len() as f64 / all.max(1) as f64,
        count(&|r| r.nix == Some(true)),
        count(&|r| r.nix == Some(false)),
        count(&|r| r.nix.is_none()),
        format!("{stable}/{formatted}"),
        comments,
        format!(
            "{}/{}/{}",
            line(0),
            line(lines.len() / 2),
            line(lines.len().saturating_sub(1))
        ),
        count(&|r| r.untidy.is_some()),
        count(&|r| r.again.is_some()),
        count(&|r| r.applies == Some(false)),
        micros as f64 / 1000.0 / all.max(1) as f64,
    )
}

pub(crate) fn print(records: &[Record], cases: usize, verbose: bool) {
    println!(
        "{:36}{:>6}{:>7}{:>8}{:>10}{:>7}{:>7}{:>12}{:>6}{:>10}{:>7}{:>6}{:>6}{:>8}{:>6}",
        "kind",
        "tried",
        "proven",
        "share",
        "confirmed",
        "contra",
        "no say",
        "formatted",
        "lost",
        "lines",
        "untidy",
        "again",
        "git ✗",
        "ms",
        "panic"
    );
    for (index, kind) in KINDS.iter().enumerate() {
        let of_kind: Vec<&Record> = records.iter().filter(|r| r.kind == index).collect();
        if !of_kind.is_empty() {
            println!("{}", row(kind.name, &of_kind));
        }
    }
    let tried: Vec<&Record> = records
        .iter()
        .filter(|r| r.status != Status::Unfit)
        .collect();
    println!("{}", row("all", &tried));
    for (label, is_file) in [
        ("  of them in files", true),
        ("  of them in hosts of flakes", false),
    ] {
        let of: Vec<&Record> = tried
            .iter()
            .copied()
            .filter(|r| r.is_file() == is_file)
            .collect();
        println!("{}", row(label, &of));
    }
    let applied = records.iter().filter(|r| r.applies.is_some()).count();
    println!(
        "\ncontra: the real Nix says something else · no say: it cannot evaluate the place · formatted: of the formatters \
         (nixfmt, alejandra, nixpkgs-fmt) that left a changed file alone, those that still do\nlost: comments that speak of \
         something else · lines: fewest/median/most that changed · again: the same action changes something a second time · \
         git ✗: `git apply` fails or gives other bytes ({applied} asked)\n{cases} cases; what fits:"
    );
    for kind in KINDS {
        println!("  {:36}{}", kind.name, kind.fits);
    }
    counted(
        "advice, by reason",
        records
            .iter()
            .filter(|r| r.status == Status::Advice)
            .map(|r| shortened(&r.reason)),
    );
    counted(
        "mounts that no edit of options fits, because their options are not known, by reason",
        records
            .iter()
            .filter(|r| r.status == Status::Unfit)
            .map(|r| shortened(&r.reason)),
    );
    for (title, is_file) in [
        ("Nix cannot say, in files", true),
        ("Nix cannot say, in hosts of flakes", false),
    ] {
        let silent = records
            .iter()
            .filter(|r| is_silent(r) && r.is_file() == is_file);
        counted(title, silent.map(|r| shortened(&r.nix_says)));
    }
    let limit = if verbose { usize::MAX } else { 40 };
    list(
        "panicked",
        limit,
        records.iter().filter(|r| r.status == Status::Panicked),
        |r| r.reason.clone(),
    );
    list(
        "contradicted",
        limit,
        records.iter().filter(|r| r.nix == Some(false)),
        |r| r.nix_says.clone(),
    );
    list(
        "Nix reads it otherwise before the edit",
        limit,
        records
            .iter()
            .filter(|r| is_silent(r) && r.nix_says.starts_with("Nix has another")),
        |r| r.nix_says.clone(),
    );
    list(
        "not formatted any more",
        limit,
        records.iter().filter(|r| !r.unstable.is_empty()),
        |r| r.unstable.join(", "),
    );
    list(
        "comments lost",
        limit,
        records.iter().filter(|r| !r.comments.is_empty()),
        |r| r.comments.join(" | "),
    );
    list(
        "untidy",
        limit,
        records.iter().filter(|r| r.untidy.is_some()),
        |r| r.untidy.clone().unwrap_or_default(),
    );
    list(
        "changes again",
        limit,
        records.iter().filter(|r| r.again.is_some()),
        |r| r.again.clone().unwrap_or_default(),
    );
    list(
        "git apply fails",
        limit,
        records.iter().filter(|r| r.applies == Some(false)),
        |_| String::new(),
    );
    list(
        "one option, more than one line",
        limit,
        records.iter().filter(|r| is_wide(r)),
        |r| format!("{} lines", r.lines),
    );
    let demanded = records
        .iter()
        .filter(|r| is_small(r) && r.lines > 1 && r.demanded)
        .count();
    println!(
        "\n{demanded} more changes of one option changed more than one line because a formatter that left the file alone \
         breaks the line so"
    );
}

/// Proven, and Nix cannot speak of it.
fn is_silent(record: &Record) -> bool {
    record.is_proven() && record.nix.is_none()
}

fn is_small(record: &Record) -> bool {
    record.is_proven() && record.kind != WHOLE && KINDS[record.kind].is_small
}

/// A change of one option that changed more than its line, and need not.
fn is_wide(record: &Record) -> bool {
    is_small(record) && record.lines > 1 && !record.demanded
}

/// Reasons without the names in them, so that they can be counted.
fn shortened(reason: &str) -> String {
    let words = reason.split(' ').map(|word| match word {
        w if w.contains('/') || w.contains('`') || w.matches('.').count() > 1 => "…",
        w => w,
    });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(130)
        .collect()
}

fn counted(title: &str, reasons: impl Iterator<Item = String>) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), reason.clone()));
    if !counts.is_empty() {
        println!("\n{title}:");
    }
    for (reason, count) in counts.into_iter().take(25) {
        println!("{count:6}  {reason}");
    }
}

fn list<'r>(
    title: &str,
    limit: usize,
    records: impl Iterator<Item = &'r Record>,
    detail: impl Fn(&Record) -> String,
) {
    let records: Vec<&Record> = records.collect();
    if records.is_empty() {
        return;
    }
    println!("\n{title}: {}", records.len());
    for record in records.iter().take(limit) {
        println!(
            "  {} · {} · {} · {}: {}",
            name(record),
            record.place,
            record.host,
            record.subject,
            detail(record)
        );
    }
}

/// Everything that is not proven, or not as it should be, one line each; and the patches of the
/// latter.
pub(crate) fn failures(records: &[Record]) -> String {
    let mut out = String::new();
    let mut line = |record: &Record, what: &str, why: &str| {
        let at = record.at.as_deref().unwrap_or("-");
        let _ = writeln!(
            out,
            "{what}\t{}\t{}\t{}\t{}\t{at}\t{why}",
            record.place,
            record.host,
            record.subject,
            name(record)
        );
    };
    for record in records {
        match record.status {
            Status::Advice => line(record, "advice", &record.reason),
            Status::Panicked => line(record, "PANIC", &record.reason),
            Status::Unfit => line(record, "unfit", &record.reason),
            Status::Proven => {}
        }
    }
    let mut bad = Vec::new();
    for record in records.iter().filter(|r| r.is_proven()) {
        let mut faults = Vec::new();
        if record.nix == Some(false) {
            faults.push(format!("CONTRADICTED: {}", record.nix_says));
        }
        if !record.unstable.is_empty() {
            faults.push(format!("UNFORMATTED by {}", record.unstable.join(", ")));
        }
        if !record.comments.is_empty() {
            faults.push(format!("COMMENT LOST {}", record.comments.join(" | ")));
        }
        if let Some(untidy) = &record.untidy {
            faults.push(format!("UNTIDY {untidy}"));
        }
        if let Some(again) = &record.again {
            faults.push(format!("AGAIN {again}"));
        }
        if record.applies == Some(false) {
            faults.push("GIT APPLY fails".to_owned());
        }
        if is_wide(record) {
            faults.push(format!("WIDE {} lines", record.lines));
        }
        for fault in &faults {
            line(record, "fault", fault);
        }
        if !faults.is_empty() {
            bad.push((faults.join("; "), record));
        }
    }
    for (faults, record) in bad {
        let _ = writeln!(
            out,
            "\n=== {} · {} · {} · {}: {faults}\n{}",
            name(record),
            record.place,
            record.host,
            record.subject,
            record.patch
        );
    }
    out
}
