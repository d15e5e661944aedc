//! What a commit or a mail says of a patch: what, why, evidence, class, cost, undo.

use std::fmt::Write as _;

use super::plan::Patch;
use crate::analyze::Direction;
use crate::recommend::Class;
use crate::report::text::figure_text;

/// The width of a subject and of prose, as git's own documentation asks.
const WIDTH: usize = 72;

/// The text of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `mount/atime: mount / with noatime`
    pub(super) subject: String,
    /// Everything else.
    pub(super) body: String,
}

impl Message {
    /// As git stores it.
    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}", self.subject, self.body)
    }
}

/// The message of a patch, which names its host where there are several.
pub(super) fn of(patch: &Patch, several_hosts: bool) -> Message {
    let report = &patch.report;
    let title = clean(&report.title);
    let host = match several_hosts {
        true => format!("{}: ", clean(&report.hosts.join(", "))),
        false => String::new(),
    };
    let whole = format!("{}: {host}{}", report.rule, lower_first(&title));
    let subject = shortened(&whole);
    let mut body = String::new();
    let paragraph = |body: &mut String, text: &str| {
        prose(body, "", "", text);
        body.push('\n');
    };
    if subject != whole {
        paragraph(&mut body, &format!("{title}."));
    }
    if report.message != report.title {
        paragraph(&mut body, &report.message);
    }
    if patch.edited {
        paragraph(&mut body, "Edited by hand before it was taken.");
    }
    if !report.evidence.is_empty() {
        body.push_str("Evidence:\n");
        for evidence in &report.evidence {
            let sign = match evidence.direction {
                Direction::For => '+',
                Direction::Against => '-',
            };
            let text = format!("{} [{}]", evidence.statement, evidence.source);
            prose(&mut body, &format!("  {sign} "), "    ", &text);
        }
        body.push('\n');
    }
    for figure in &report.impact.figures {
        prose(&mut body, "Effect: ", "  ", &figure_text(figure));
    }
    let notes = report.impact.limit.iter().chain(&report.impact.note);
    for note in notes {
        prose(&mut body, "Effect: ", "  ", note);
    }
    for assumption in &report.impact.assumptions {
        prose(&mut body, "Given: ", "  ", assumption);
    }
    let class = report.class.map_or("live", Class::name);
    let reason = report.class_reason.as_deref().unwrap_or_default();
    prose(&mut body, "Class: ", "  ", &format!("{class}. {reason}"));
    match report.cost.is_empty() {
        true => body.push_str("Cost: nothing gets worse.\n"),
        false => report
            .cost
            .iter()
            .for_each(|cost| prose(&mut body, "Cost: ", "  ", cost)),
    }
    if patch.needs_consent() {
        let text = "it gives something up (see the cost).";
        prose(&mut body, "Consent: ", "  ", text);
    }
    prose(&mut body, "Undo: ", "  ", &undo(patch));
    body.push('\n');
    changes(&mut body, patch);
    commands(&mut body, patch);
    while body.ends_with("\n\n") {
        body.pop();
    }
    Message { subject, body }
}

fn undo(patch: &Patch) -> String {
    let has_undo = patch.report.commands.iter().any(|c| c.undo.is_some());
    let revert = match patch.class() {
        Class::Live => "`git revert` this commit and switch",
        Class::Reboot => "`git revert` this commit, switch and reboot",
        Class::Migrate => "`git revert` this commit and switch; the data stays where it was put",
        Class::Reinstall => {
            "`git revert` this commit; a machine that was reinstalled with it stays as it is"
        }
    };
    match has_undo {
        true => format!("{revert}; for the running system see the commands below."),
        false => format!("{revert}."),
    }
}

fn changes(body: &mut String, patch: &Patch) {
    if patch.report.changes.is_empty() {
        return;
    }
    body.push_str("What changes in the evaluated configuration:\n");
    for change in &patch.report.changes {
        let show = |value: &Option<serde_json::Value>| {
            value
                .as_ref()
                .map_or("not set".to_owned(), |v| v.to_string())
        };
        let path = change.path.join(".");
        let text = format!(
            "{path}: {} -> {}",
            show(&change.before),
            show(&change.after)
        );
        prose(body, "  ", "    ", &text);
    }
    body.push('\n');
}

fn commands(body: &mut String, patch: &Patch) {
    if patch.report.commands.is_empty() {
        return;
    }
    if let Some(steps) = patch.report.procedure() {
        let rule = &patch.report.rule;
        let text = format!(
            "To run on the machine: {steps} steps, with their checks and the way back; \
             `btrfs-tune fix --runbook --rule {rule}` tells them, on the parent of this commit."
        );
        return prose(body, "", "  ", &text);
    }
    body.push_str("To run on the machine:\n");
    for command in &patch.report.commands {
        prose(body, "  ", "  ", &command.why);
        if let (Some(remember), Some(_)) = (&command.remember, &command.undo) {
            let _ = writeln!(body, "    before: remembered=$({})", clean(remember));
        }
        let _ = writeln!(body, "    {}", clean(&command.run));
        if let Some(undo) = &command.undo {
            let _ = writeln!(body, "    undo: {}", clean(undo));
        }
    }
}

/// What was not written because it gives something up, as prose of the report.
pub(super) fn held_back(left: &[Patch]) -> String {
    let mut out = String::new();
    if left.is_empty() {
        return out;
    }
    out.push_str("#\n# ==== Not written, because it gives something up ====\n");
    for patch in left {
        let report = &patch.report;
        let title = format!("{} ({})", clean(&report.title), report.rule);
        prose(&mut out, "# - ", "#   ", &title);
        for cost in &report.cost {
            prose(&mut out, "#   cost: ", "#     ", cost);
        }
        let _ = writeln!(out, "#   to take it: --consent {}", report.rule);
    }
    out
}

/// Wraps prose. What others wrote never looks like the beginning of a patch or of a mail's header.
pub(super) fn prose(out: &mut String, first: &str, later: &str, text: &str) {
    let clean = clean(text);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(later)
        .break_words(false)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(&clean, options) {
        let line = line.trim_end();
        if STOPS.iter().any(|stop| line.starts_with(stop)) {
            out.push(' ');
        }
        out.push_str(line);
        out.push('\n');
    }
}

/// What ends the message of a mail, or is taken for a header in it.
const STOPS: &[&str] = &[
    "---", "diff -", "Index: ", "From", ">From", "Date:", "Subject:", "[PATCH", "@@ ",
];

/// One line, without what a terminal would obey, or git for a cut.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => out.push(' '),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    for scissors in [">8", "8<", ">%", "%<"] {
        out = out.replace(scissors, &format!("{} {}", &scissors[..1], &scissors[1..]));
    }
    out
}

fn lower_first(title: &str) -> String {
    let mut chars = title.chars();
    let (first, second) = (chars.next(), chars.clone().next());
    match (first, second) {
        // `NFS` and `I` stay.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => title.to_owned(),
    }
}

/// At most [`WIDTH`] columns, cut between words.
fn shortened(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    let cut: String = text.chars().take(WIDTH - 3).collect();
    let kept = match cut.rfind(' ') {
        Some(space) if space > WIDTH / 2 => &cut[..space],
        _ => &cut,
    };
    format!("{}...", kept.trim_end_matches([' ', ',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_cut_between_words() {
        let long = "mount/atime: mount /nix, /home and a great many other places with noatime";
        let short = shortened(long);
        assert_eq!(
            short,
            "mount/atime: mount /nix, /home and a great many other places with..."
        );
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"x".repeat(80)).chars().count(), WIDTH);
    }

    #[test]
    fn no_line_of_prose_ends_the_message() {
        let mut out = String::new();
        for text in [
            "--- a/x",
            "diff --git a b",
            "From: me",
            "a\n---\nb",
            "Subject: x",
        ] {
            prose(&mut out, "", "", text);
        }
        assert!(
            out.lines()
                .all(|line| !STOPS.iter().any(|s| line.starts_with(s))),
            "{out}"
        );
        assert_eq!(clean("---- >8 ----"), "---- > 8 ----");
    }
}
