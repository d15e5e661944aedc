//! The diagnosis for people: the answer first, then why, then what to do, then how words were read.

use std::fmt::Write as _;

use super::{AskReport, Document, MachineReport, RankedCause, Recommendation, Verdict};
use crate::analyze::Confidence;
use crate::ingest::problem::Severity;
use crate::report::ProblemReport;

/// Columns of the text.
const WIDTH: usize = 100;
/// Pieces of evidence told of a cause; the JSON has all.
const MOST_EVIDENCE: usize = 6;
/// Causes told in full; the rest is named.
const TOLD: usize = 3;
/// Causes named without their evidence.
const MOST_NAMED: usize = 6;
/// What is less likely than this is not named.
const NAMED_FROM: f64 = 0.05;
/// Causes named that a command would decide about.
const MOST_DECIDED: usize = 3;

/// Renders a document.
pub fn render(document: &Document) -> String {
    let mut out = String::new();
    // What was passed over stands below: it is no answer.
    let (notes, grave): (Vec<_>, Vec<_>) = document
        .problems
        .iter()
        .partition(|problem| problem.severity == Severity::Note.to_string());
    for problem in grave {
        let label = format!("{}: ", problem.severity);
        of_problem(&mut out, &label, problem);
    }
    for machine in &document.machines {
        if !out.is_empty() {
            out.push('\n');
        }
        let causes: Vec<&RankedCause> = document
            .causes
            .iter()
            .filter(|c| c.machine == machine.name)
            .collect();
        of_machine(&mut out, machine, &causes);
    }
    if !notes.is_empty() {
        out.push_str("\nWhat was passed over:\n");
    }
    for problem in notes {
        of_problem(&mut out, "  ", problem);
    }
    out
}

fn of_problem(out: &mut String, label: &str, problem: &ProblemReport) {
    line(
        out,
        label,
        &format!("{}: {}", problem.source, problem.message),
    );
    if let Some(help) = &problem.help {
        line(out, "  help: ", help);
    }
}

fn of_machine(out: &mut String, machine: &MachineReport, causes: &[&RankedCause]) {
    line(out, "", &format!("{}: {}", machine.name, machine.machine));
    if !machine.filesystems.is_empty() {
        let all = machine.filesystems.join(", ");
        line(out, "  btrfs at ", &all);
    }
    out.push('\n');
    let sure = match (machine.verdict, causes.first().map(|c| &c.cause)) {
        (Verdict::NotEnoughEvidence, _) | (_, None) => String::new(),
        (_, Some(first)) if first.level == Confidence::High => {
            format!(", most likely ({})", percent(first.confidence))
        }
        (_, Some(first)) => format!(", likely ({})", percent(first.confidence)),
    };
    line(out, &format!("Answer{sure}: "), &machine.answer);
    of_causes(out, machine, causes);
    of_asks(out, machine);
    of_recommendations(out, &machine.recommendations);
    if !machine.withheld.is_empty() {
        out.push_str(
            "\nNot proposed, because the evidence speaks against what it would relieve:\n",
        );
        for item in &machine.withheld {
            let text = format!(
                "{} ({}): {} is not your problem: {}",
                item.rule, item.subject, item.cause, item.why
            );
            line(out, "  ", &text);
        }
    }
    of_words(out, machine);
}

fn of_causes(out: &mut String, machine: &MachineReport, causes: &[&RankedCause]) {
    if causes.is_empty() {
        return;
    }
    let head = match machine.verdict {
        Verdict::NotEnoughEvidence => "What little speaks for",
        Verdict::NoProblem => "What was weighed",
        _ => "What holds it back",
    };
    let scale = "+1 makes a cause 2.7 times as likely, -1 as unlikely";
    let _ = writeln!(out, "\n{head} ({scale}):");
    let is_told = |index: usize, cause: &RankedCause| {
        index == 0
            || (index < TOLD && cause.cause.level >= Confidence::Low)
            || cause.cause.level >= Confidence::Medium
    };
    let (told, rest): (Vec<_>, Vec<_>) = causes
        .iter()
        .enumerate()
        .partition(|(index, cause)| is_told(*index, cause));
    for (index, cause) in told {
        // The answer of the first is the answer.
        let is_said = index == 0 && machine.verdict != Verdict::NotEnoughEvidence;
        of_cause(out, index + 1, cause, is_said);
    }
    let named: Vec<String> = rest
        .iter()
        .filter(|(_, c)| c.cause.confidence >= NAMED_FROM)
        .take(MOST_NAMED)
        .map(|(_, c)| format!("{} {}", c.cause.id, percent(c.cause.confidence)))
        .collect();
    if !named.is_empty() {
        line(out, "  less likely: ", &named.join(", "));
    }
}

fn of_cause(out: &mut String, number: usize, ranked: &RankedCause, is_said: bool) {
    let cause = &ranked.cause;
    let places: Vec<&str> = cause
        .about
        .iter()
        .chain(&cause.also)
        .map(String::as_str)
        .collect();
    let about = match places.as_slice() {
        [] => String::new(),
        places => format!(" at {}", places.join(", ")),
    };
    let head = format!(
        "{}, {}{about}: {}",
        cause.id,
        percent(cause.confidence),
        cause.title
    );
    line(out, &format!("  {number}. "), &head);
    for evidence in cause.evidence.iter().take(MOST_EVIDENCE) {
        let told = evidence.line();
        // The weight stays before the text, which is wrapped below itself.
        let (weight, text) = told.split_once(' ').unwrap_or(("", &told));
        line(out, &format!("       {weight} "), text);
    }
    let left = cause.evidence.len().saturating_sub(MOST_EVIDENCE);
    if left > 0 {
        line(out, "       ", &format!("and {left} more"));
    }
    if let Some(contradiction) = &cause.contradiction {
        let text = format!("{}; but {}", contradiction.says, contradiction.denies);
        line(out, "       these do not go together: ", &text);
    }
    if !is_said {
        line(out, "     → ", &cause.answer);
    }
}

fn of_asks(out: &mut String, machine: &MachineReport) {
    if machine.asks.is_empty() {
        return;
    }
    out.push_str("\nWhat would tell more (give the output with --metrics FILE):\n");
    for ask in &machine.asks {
        // A command is copied: it is never wrapped.
        let _ = writeln!(out, "  {}", clean(&ask.command));
        line(out, "      decides about ", &decided(ask));
    }
    line(
        out,
        "  or all at once, on the machine: ",
        "sudo btrfs-tune collect -o machine.tar",
    );
}

fn decided(ask: &AskReport) -> String {
    let causes: Vec<&str> = ask.decides.iter().map(|d| d.cause.as_str()).collect();
    match causes.len().checked_sub(MOST_DECIDED) {
        None | Some(0) => causes.join(", "),
        Some(more) => {
            let first = causes.get(..MOST_DECIDED).unwrap_or_default();
            format!("{} and {more} more", first.join(", "))
        }
    }
}

fn of_recommendations(out: &mut String, all: &[Recommendation]) {
    let (relieving, other): (Vec<_>, Vec<_>) = all.iter().partition(|r| !r.relieves.is_empty());
    let besides = match relieving.is_empty() {
        true => "What can be changed for other reasons",
        false => "What can be changed besides",
    };
    for (title, items) in [("What relieves it", &relieving), (besides, &other)] {
        if items.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "\n{title} (`btrfs-tune fix --diff` writes the patches):"
        );
        for item in items {
            let class = item.class.map_or("advice", crate::recommend::Class::name);
            let relieves = match item.relieves.as_slice() {
                [] => String::new(),
                causes => format!("; relieves {}", causes.join(", ")),
            };
            let text = format!("{} ({}, {}{relieves})", item.title, item.rule, item.subject);
            line(out, &format!("  [{class}] "), &text);
        }
    }
}

/// What was understood of the words, so that it can be corrected.
fn of_words(out: &mut String, machine: &MachineReport) {
    if !machine.understood.is_empty() {
        out.push_str("\nHow words were read (say it otherwise where this is wrong):\n");
        for said in &machine.understood {
            line(out, &format!("  {}: ", said.source), &said.understood);
        }
    }
    if machine.workloads.is_empty() {
        return;
    }
    out.push_str("\nWhat the machine does:\n");
    for workload in &machine.workloads {
        let kind = serde_json::to_value(workload.kind).ok();
        let kind = kind.as_ref().and_then(|k| k.as_str()).unwrap_or_default();
        let slow = match workload.complained_about {
            true => ", said to be slow",
            false => "",
        };
        let paths = match workload.paths.as_slice() {
            [] => String::new(),
            paths => format!(" at {}", paths.join(", ")),
        };
        line(out, "  ", &format!("{kind}{paths}{slow}"));
    }
}

/// A share in whole percent; what is not certain is never called so.
fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).clamp(1.0, 99.0))
}

/// Control characters and what turns the direction of text never reach a terminal: names are hostile.
fn clean(text: &str) -> String {
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| if is_hostile(c) { ' ' } else { c })
        .collect()
}

/// A paragraph behind a label; its further lines stand below its first word, or two columns in where
/// the label is long. Nothing is split at a hyphen: ids and paths are copied.
fn line(out: &mut String, label: &str, text: &str) {
    const LONGEST_LABEL: usize = 16;
    let label = clean(label);
    let indent = label.chars().take_while(|c| *c == ' ').count();
    let hanging = match label.chars().count() {
        width @ 0..=LONGEST_LABEL => width,
        _ => indent + 2,
    };
    let hanging = " ".repeat(hanging.max(indent + 2 * usize::from(label.trim().is_empty())));
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&label)
        .subsequent_indent(&hanging)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    // A number and its unit stay together.
    let glued = clean(text).replace(" %", "\u{a0}%");
    for wrapped in textwrap::wrap(&glued, options) {
        out.push_str(wrapped.replace('\u{a0}', " ").trim_end());
        out.push('\n');
    }
}
