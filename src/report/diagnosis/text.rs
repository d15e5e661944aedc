//! The diagnosis for people.

use std::fmt::Write as _;

use super::{Document, MachineReport, RankedCause};
use crate::analyze::Confidence;

/// Pieces of evidence told of a cause; the JSON has all.
const MOST_EVIDENCE: usize = 6;
/// Causes told in full; the rest is named.
const TOLD: usize = 3;

/// Renders a document.
pub fn render(document: &Document) -> String {
    let mut out = String::new();
    for problem in &document.problems {
        let _ = writeln!(
            out,
            "{}: {}: {}",
            problem.severity, problem.source, problem.message
        );
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
    out
}

fn of_machine(out: &mut String, machine: &MachineReport, causes: &[&RankedCause]) {
    let _ = writeln!(out, "{}: {}", machine.name, machine.machine);
    line(out, "", &machine.answer);
    if !machine.understood.is_empty() {
        out.push_str("\nWhat was said, and understood:\n");
        for said in &machine.understood {
            line(out, "  ", &format!("{}: {}", said.source, said.understood));
        }
    }
    if !machine.workloads.is_empty() {
        out.push_str("\nWhat it does:\n");
        for workload in &machine.workloads {
            let kind = serde_json::to_value(workload.kind).ok();
            let kind = kind.as_ref().and_then(|k| k.as_str()).unwrap_or_default();
            let slow = if workload.complained_about {
                ", said to be slow"
            } else {
                ""
            };
            let paths = match workload.paths.as_slice() {
                [] => String::new(),
                paths => format!(" at {}", paths.join(", ")),
            };
            line(out, "  ", &format!("{kind}{paths}{slow}"));
        }
    }
    if !causes.is_empty() {
        out.push_str("\nWhat holds it back:\n");
    }
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
        of_cause(out, index + 1, cause);
    }
    let rest: Vec<String> = rest
        .iter()
        .map(|(_, c)| format!("{} {:.0} %", c.cause.id, c.cause.confidence * 100.0))
        .collect();
    if !rest.is_empty() {
        line(out, "  ", &format!("less likely: {}", rest.join(", ")));
    }
    if !machine.asks.is_empty() {
        out.push_str("\nWhat would tell more:\n");
        for ask in &machine.asks {
            let causes: Vec<&str> = ask.decides.iter().map(|d| d.cause.as_str()).collect();
            line(
                out,
                "  ",
                &format!("{}  (decides about {})", ask.command, causes.join(", ")),
            );
        }
    }
    if !machine.recommendations.is_empty() {
        out.push_str("\nWhat can be changed (`btrfs-tune fix --diff` writes the patches):\n");
        for item in &machine.recommendations {
            let class = item.class.map_or("advice", crate::recommend::Class::name);
            let relieves = match item.relieves.as_slice() {
                [] => String::new(),
                causes => format!("; relieves {}", causes.join(", ")),
            };
            line(
                out,
                "  ",
                &format!("[{class}] {} ({}{relieves})", item.title, item.rule),
            );
        }
    }
    if !machine.withheld.is_empty() {
        out.push_str(
            "\nNot proposed, because the evidence speaks against what it would relieve:\n",
        );
        for item in &machine.withheld {
            let text = format!(
                "{} ({}): {} is not the matter: {}",
                item.rule, item.subject, item.cause, item.why
            );
            line(out, "  ", &text);
        }
    }
}

fn of_cause(out: &mut String, number: usize, ranked: &RankedCause) {
    let cause = &ranked.cause;
    let about = cause
        .about
        .as_ref()
        .map_or(String::new(), |a| format!(", {a}"));
    let head = format!(
        "{number}. {} ({:.0} %{about}): {}",
        cause.id,
        cause.confidence * 100.0,
        cause.title
    );
    line(out, "  ", &head);
    for evidence in cause.evidence.iter().take(MOST_EVIDENCE) {
        line(out, "       ", &evidence.line());
    }
    if let Some(left) = cause
        .evidence
        .len()
        .checked_sub(MOST_EVIDENCE)
        .filter(|n| *n > 0)
    {
        line(out, "       ", &format!("and {left} more"));
    }
    if let Some(contradiction) = &cause.contradiction {
        let text = format!(
            "contradiction: {} — but {}",
            contradiction.says, contradiction.denies
        );
        line(out, "       ", &text);
    }
    line(out, "     → ", &cause.answer);
}

/// A paragraph, wrapped, its further lines below the first word. Control characters of hostile names
/// never reach a terminal.
fn line(out: &mut String, indent: &str, text: &str) {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let further = " ".repeat(indent.chars().count() + 2);
    let options = textwrap::Options::new(100)
        .initial_indent(indent)
        .subsequent_indent(&further);
    let _ = writeln!(out, "{}", textwrap::fill(&clean, options));
}
