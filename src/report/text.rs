//! The report for people, which is also a patch: git ignores the text between hunks.

use std::fmt::Write as _;

use super::*;
use crate::impact::{Basis, Figure, Interval};

/// Renders a report. Lines of prose begin with `#`, so that no tool takes them for a patch.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for problem in &report.problems {
        prose(
            &mut out,
            "",
            &format!(
                "{}: {}: {}",
                problem.severity, problem.source, problem.message
            ),
        );
        if let Some(help) = &problem.help {
            prose(&mut out, "  ", &format!("help: {help}"));
        }
    }
    for host in &report.hosts {
        render_host(&mut out, host);
    }
    out
}

fn render_host(out: &mut String, host: &HostReport) {
    prose(out, "", &format!("{}: {}", host.name, host.machine));
    if host.filesystems.is_empty() {
        prose(
            out,
            "",
            "There is no btrfs in this configuration, so there is nothing to do.",
        );
        return;
    }
    if !host.causes.is_empty() {
        prose(out, "", "");
        prose(out, "", "What holds it back:");
    }
    for cause in &host.causes {
        let line = format!(
            "{} ({:.0} %): {}",
            cause.id,
            cause.confidence * 100.0,
            cause.title
        );
        prose(out, "  ", &line);
        for evidence in &cause.evidence {
            prose(out, "    ", &evidence.line());
        }
    }
    for withheld in &host.withheld {
        let line = format!(
            "Not proposed: {} ({}): {} is not the matter: {}",
            withheld.rule, withheld.subject, withheld.cause, withheld.why
        );
        prose(out, "", &line);
    }
    let reinstall = |r: &&FindingReport| r.class == Some(Class::Reinstall);
    let patches: Vec<_> = host.patches().collect();
    let (later, now): (Vec<_>, Vec<_>) = patches.into_iter().partition(reinstall);
    let mut number = 0;
    let mut section = |out: &mut String, title: &str, items: &[&FindingReport]| {
        if items.is_empty() {
            return;
        }
        prose(out, "", "");
        prose(out, "", &format!("==== {title} ===="));
        for (index, item) in items.iter().enumerate() {
            if let Some(note) = diminishing(items, index) {
                prose(out, "", "");
                prose(out, "", &note);
            }
            number += 1;
            render_recommendation(out, number, item);
        }
    };
    section(
        out,
        "What the running system takes (live, reboot, migrate)",
        &now,
    );
    section(out, "What needs a reinstall", &later);
    let advice: Vec<_> = host
        .findings
        .iter()
        .filter(|r| r.edits.is_empty() && r.patched_with.is_none())
        .collect();
    let all = host.findings.iter();
    let with: Vec<_> = all.filter(|r| r.patched_with.is_some()).collect();
    section(out, "What the patch of another host does here too", &with);
    section(out, "Advice, without a patch", &advice);
    for together in &host.together {
        prose(out, "", "");
        let name = &together.filesystem;
        prose(
            out,
            "",
            &format!("==== All patches together, on {name} ===="),
        );
        for figure in &together.figures {
            effect(out, figure);
        }
        for assumption in &together.assumptions {
            prose(out, "   ", &format!("given:  {assumption}"));
        }
    }
    if now.is_empty() && later.is_empty() {
        prose(out, "", "");
        prose(out, "", "Nothing is left to change.");
    }
}

/// A figure with its bar.
fn effect(out: &mut String, figure: &Figure) {
    prose(out, "   ", &format!("effect: {}", figure_text(figure)));
    prose(out, "   ", &format!("        {}", bar(figure.time_ratio)));
}

/// How many columns a bar has on each side of "as before".
const BAR: f64 = 12.0;
/// The ratio at its ends.
const BAR_END: f64 = 4.0;

/// An interval of ratios as a bar on a logarithmic scale, from a quarter of the time to four times.
fn bar(ratio: Interval) -> String {
    let at = |ratio: f64| {
        let side = (ratio.ln() / BAR_END.ln()).clamp(-1.0, 1.0);
        ((side + 1.0) * BAR).round() as usize
    };
    let (low, high) = (at(ratio.low.max(1e-9)), at(ratio.high.max(1e-9)));
    let columns: String = (0..=(2.0 * BAR) as usize)
        .map(|column| match column {
            _ if column == BAR as usize => '|',
            _ if (low..=high).contains(&column) => '#',
            _ => '.',
        })
        .collect();
    format!("time x1/4 {columns} x4")
}

/// Where the list goes over to what makes little difference: a line that says so.
fn diminishing(items: &[&FindingReport], index: usize) -> Option<String> {
    let rest = items.get(index..)?;
    let before = index.checked_sub(1).and_then(|i| items.get(i))?;
    let turns = !before.marginal && rest.iter().all(|item| item.marginal);
    turns.then(|| match rest.len() {
        1 => "---- The last one makes little difference by itself ----".to_owned(),
        n => format!("---- The following {n} make little difference by themselves ----"),
    })
}

fn render_recommendation(out: &mut String, number: usize, item: &FindingReport) {
    prose(out, "", "");
    let class = item.class.map_or("advice", Class::name);
    let consent = match &item.consent {
        Some(rule) => format!(", needs --consent {rule}"),
        None => String::new(),
    };
    prose(
        out,
        "",
        &format!(
            "{number}. [{class}{consent}] {} ({})",
            item.title, item.rule
        ),
    );
    if item.message != item.title {
        prose(out, "   ", &format!("why:    {}", item.message));
    }
    if let Some(at) = &item.at {
        prose(out, "   ", &format!("at:     {at}"));
    }
    for evidence in &item.evidence {
        let sign = if evidence.direction == Direction::For {
            "+"
        } else {
            "-"
        };
        prose(
            out,
            "   ",
            &format!(
                "        {sign} {} [{}]",
                evidence.statement, evidence.source
            ),
        );
    }
    for cost in &item.cost {
        prose(out, "   ", &format!("cost:   {cost}"));
    }
    let told = |trade: &&Trade| !item.cost.contains(&trade.what);
    for trade in item.trades.iter().filter(told) {
        prose(out, "   ", &format!("trade:  {}", trade.what));
    }
    for figure in &item.impact.figures {
        effect(out, figure);
    }
    for assumption in &item.impact.assumptions {
        prose(out, "   ", &format!("given:  {assumption}"));
    }
    if let Some(limit) = &item.impact.limit {
        prose(out, "   ", &format!("limit:  {limit}"));
    }
    if let Some(note) = &item.impact.note {
        prose(out, "   ", &format!("effect: {note}"));
    }
    if let (Some(_), Some(reason)) = (item.class, &item.class_reason) {
        prose(out, "   ", &format!("{class}: {reason}"));
    }
    if !item.effort.steps.is_empty() {
        prose(out, "   ", &format!("effort: {}", item.effort.steps));
    }
    hosts(out, item);
    if let Some(dropped) = &item.dropped {
        prose(out, "   ", &format!("not done, because {}", dropped.why));
    }
    if let Some(obstacle) = &item.obstacle {
        prose(out, "   ", &format!("no patch, because {obstacle}"));
    }
    if let Some(steps) = item.procedure() {
        let command = format!("`btrfs-tune fix --runbook --rule {}`", item.rule);
        let text = format!("to run: {steps} steps, with their checks and the way back: {command}");
        prose(out, "   ", &text);
    }
    let steps = match item.procedure() {
        Some(_) => &[],
        None => item.commands.as_slice(),
    };
    for step in steps {
        prose(out, "   ", &format!("to run: {}", step.why));
        // What the undo reads has to be kept before it is changed.
        if let (Some(remember), Some(_)) = (&step.remember, &step.undo) {
            command(out, "before: ", &format!("remembered=$({remember})"));
        }
        command(out, "        ", &step.run);
        if let Some(undo) = &step.undo {
            command(out, "undo:   ", undo);
        }
    }
    if let Some(patch) = &item.patch() {
        out.push_str(patch);
        if !patch.ends_with('\n') {
            out.push('\n');
        }
    }
}

/// Whom a patch concerns.
fn hosts(out: &mut String, item: &FindingReport) {
    let mut note = |text: String| prose(out, "   ", &format!("note:   {text}"));
    if let Some(host) = &item.patched_with {
        note(format!("the patch of the host {host} does it here too"));
    }
    if item.hosts.len() > 1 {
        note(format!(
            "the patch changes {}: each has this finding",
            item.hosts.join(", ")
        ));
    }
    if !item.shared_with.is_empty() {
        let hosts = item.shared_with.join(", ");
        note(match item.edits.is_empty() {
            false => format!("the file is read by {hosts} too; nothing changes there"),
            true => format!("the file is read by {hosts} too"),
        });
    }
    for host in &item.unprotected {
        note(format!(
            "host {host} reads the file and could not be evaluated: nothing protects it"
        ));
    }
}

pub(crate) fn figure_text(figure: &Figure) -> String {
    let percent = |x: f64| format!("{:.0}", x * 100.0);
    let (low, high) = (
        percent(figure.time_ratio.low),
        percent(figure.time_ratio.high),
    );
    let (kind, source) = match &figure.basis {
        Basis::Measured(source) => ("measured", source),
        Basis::Computed(source) => ("computed", source),
        Basis::Literature(source) => ("published", source),
    };
    let mut text = format!(
        "{}: {low} to {high} % of the time before ({kind}: {source})",
        figure.operation
    );
    if let Some(expected) = &figure.expectation {
        let _ = write!(
            text,
            "; {} {} becomes {:.1} to {:.1}",
            expected.before, expected.unit, expected.after.low, expected.after.high
        );
    }
    text
}

/// How wide prose is, in columns, the leading `# ` included.
const WIDTH: usize = 100;

/// Writes prose, wrapped; what follows the first line stands under its first word after the label.
/// Whatever a name or an observation holds, no line of it can be taken for part of a patch.
fn prose(out: &mut String, indent: &str, text: &str) {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.trim().is_empty() {
        out.push_str("#\n");
        return;
    }
    let hanging = format!("# {indent}{}", " ".repeat(label_width(&clean)));
    let first = format!("# {indent}");
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&first)
        .subsequent_indent(&hanging)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(&clean, options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A command on one line, ready to be copied.
fn command(out: &mut String, label: &str, text: &str) {
    let clean: String = text
        .chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    let _ = writeln!(out, "#    {label}{clean}");
}

/// How far the text of `why:    …` or `+ …` is indented behind its label.
fn label_width(text: &str) -> usize {
    let spaces = text.len() - text.trim_start().len();
    let rest = &text[spaces..];
    if rest.starts_with("+ ") || rest.starts_with("- ") {
        return spaces + 2;
    }
    match rest.find(": ") {
        Some(colon) if colon < 9 && !rest[..colon].contains(' ') => {
            let after = &rest[colon + 1..];
            colon + 1 + (after.len() - after.trim_start().len())
        }
        _ => 2,
    }
}
