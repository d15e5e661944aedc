//! What of a report is not live, as an ordered procedure in Markdown, for a person to follow.
//!
//! Owns its form. It reads the public report alone. Any name may be in it: text is escaped, and
//! commands stand in fences that are longer than any run of backticks in them.

use std::fmt::Write;

use super::{FindingReport, HostReport, Report};
use crate::impact::Interval;
use crate::model::units::Bytes;
use crate::recommend::{Applicability, Class};
use crate::rewrite::commands::Command;

/// The procedures of all hosts.
pub fn render(report: &Report) -> String {
    let mut out = String::from(
        "# Runbook\n\n\
         Changes that move data, stop services or install anew, one procedure each. What needs neither \
         is in `btrfs-tune fix --commands`.\n",
    );
    let mut any = false;
    for host in &report.hosts {
        let items: Vec<&FindingReport> = host
            .findings
            .iter()
            .filter(|r| matches!(r.class, Some(Class::Migrate | Class::Reinstall)))
            .filter(|r| r.dropped.is_none())
            .collect();
        if items.is_empty() {
            continue;
        }
        any = true;
        render_host(&mut out, host, &items);
    }
    if !any {
        out.push_str("\nThere is nothing to do.\n");
    }
    out
}

const NEVER: [&str; 5] = [
    "Do not run `disko --mode format` or `disko --mode destroy` on an installed machine outside of a \
     procedure that says so: `destroy` erases the disks, and `format` rewrites the GUIDs of \
     partitions even where it leaves data alone.",
    "Adding a subvolume to disko's configuration does not create it. A switch to a configuration that \
     mounts a subvolume that is not there fails, and so does the next boot if `/` or `/nix` needs it.",
    "Do not delete a subvolume while it is mounted: btrfs does it, and its users lose their files.",
    "Do not use the old generations in the boot menu after a subvolume was renamed, moved or deleted: \
     they mount it by its old name.",
    "Do not go on after a check that failed. Take back the steps so far, the last one first.",
];

fn render_host(out: &mut String, host: &HostReport, items: &[&FindingReport]) {
    let _ = writeln!(out, "\n## Host {}\n", escaped(&host.name));
    out.push_str("Before you begin:\n\n");
    let machine = items
        .iter()
        .flat_map(|i| &i.commands)
        .next()
        .map_or(host.name.as_str(), |c| &c.machine);
    let _ = match machine {
        // The configuration does not tell what the machine calls itself.
        "" => writeln!(
            out,
            "- Work on the machine {} and no other.",
            escaped(&host.name)
        ),
        name => writeln!(
            out,
            "- Work on this machine and no other: `uname -n` says {}.",
            escaped(name)
        ),
    };
    out.push_str(
        "- All commands are for a root shell (`sh`, `dash` or `bash`), one shell for a whole procedure.\n\
         - Have a backup that was read back, and a rescue system that boots.\n\
         - Do one procedure at a time, in this order, and use the machine for a while in between.\n\n\
         Never:\n\n",
    );
    for text in NEVER {
        let _ = writeln!(out, "- {text}");
    }
    for (index, item) in items.iter().enumerate() {
        procedure(out, index + 1, item);
    }
}

fn procedure(out: &mut String, number: usize, item: &FindingReport) {
    let _ = writeln!(
        out,
        "\n### {number}. {} ({})\n",
        escaped(&item.title),
        escaped(&item.rule)
    );
    let _ = writeln!(out, "{}\n", escaped(&item.message));
    let mut fact = |name: &str, text: &str| {
        let _ = writeln!(out, "- **{name}:** {text}");
    };
    if let Some(class) = item.class {
        let reason = item.class_reason.as_deref().unwrap_or_default();
        fact("Class", &format!("{}: {}", class.name(), escaped(reason)));
    }
    if item.applicability == Applicability::Consent {
        fact("Consent", "it trades something away; see the costs");
    }
    for cost in &item.cost {
        fact("Cost", &escaped(cost));
    }
    let takes = match item.effort.seconds {
        Some(seconds) => format!("{} of copying", duration(seconds)),
        None => "not known".to_owned(),
    };
    let basis = item.effort.basis.as_deref().unwrap_or("no figures");
    fact("Takes", &format!("{takes} ({})", escaped(basis)));
    let space = match item.effort.space_bytes {
        Some(0) => "none".to_owned(),
        Some(bytes) => format!("{} meanwhile", Bytes(bytes)),
        None => "not known; the steps that need it check it".to_owned(),
    };
    fact("Space", &space);
    let stops: Vec<String> = item
        .commands
        .iter()
        .filter_map(|c| c.stops.as_deref().map(escaped))
        .collect();
    let down = match (stops.is_empty(), item.effort.downtime) {
        (false, _) => stops.join("; "),
        (true, true) => "what works on the data that moves".to_owned(),
        (true, false) => "nothing".to_owned(),
    };
    fact("Out of service", &down);
    match (&item.edits[..], &item.obstacle) {
        _ if item.patched_with.is_some() => {
            let host = item.patched_with.as_deref().unwrap_or_default();
            let text = format!("the patch of host {} changes this one too", escaped(host));
            fact("Files", &text);
        }
        ([_, ..], _) => {
            let consent = item.consent.as_ref();
            let consent = consent.map(|rule| format!(" --consent {rule}"));
            fact(
                "Files",
                &format!(
                    "`btrfs-tune fix --write --rule {}{}` before the step that switches",
                    item.rule,
                    consent.unwrap_or_default()
                ),
            );
        }
        ([], Some(obstacle)) => fact(
            "Files",
            &format!("to be edited by hand, because {}", escaped(obstacle)),
        ),
        ([], None) => fact("Files", "to be edited by hand"),
    }
    if item.commands.is_empty() {
        out.push_str(
            "\nNo steps are given: what the configuration calls its disks and mounts is not known \
             well enough.\n",
        );
    }
    out.push('\n');
    for (index, command) in item.commands.iter().enumerate() {
        step(out, index + 1, command);
    }
}

fn step(out: &mut String, number: usize, command: &Command) {
    let label = format!("{number}. ");
    let indent = " ".repeat(label.len());
    let _ = writeln!(out, "{label}**{}**\n", escaped(&sentence(&command.why)));
    let mut block = |text: &str, code: &str| {
        let _ = writeln!(out, "{indent}{text}\n");
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        let _ = writeln!(out, "{indent}{fence}sh\n{indent}{code}\n{indent}{fence}\n");
    };
    for check in &command.requires {
        let text = format!(
            "Before it, this must succeed; else {}:",
            escaped(&check.otherwise)
        );
        block(&text, &check.test);
    }
    if let Some(remember) = &command.remember {
        block("Keep what it is now:", &format!("remembered=$({remember})"));
    }
    if command.run == ":" {
        let _ = writeln!(out, "{indent}Nothing is run here.\n");
        return;
    }
    block("Run:", &command.run);
    if let Some(verify) = &command.verify {
        block("Check; it must succeed:", verify);
    }
    match &command.undo {
        _ if command.irreversible => {
            let _ = writeln!(out, "{indent}There is no way back behind this step.\n");
        }
        Some(undo) => block("Back to before this step:", undo),
        None => {
            let _ = writeln!(
                out,
                "{indent}Nothing needs to be taken back; go back by the steps before it.\n"
            );
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn longest_run(code: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in code.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&'
            | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

fn duration(seconds: Interval) -> String {
    let (unit, size) = match seconds.high {
        high if high < 120.0 => ("seconds", 1.0),
        high if high < 7200.0 => ("minutes", 60.0),
        _ => ("hours", 3600.0),
    };
    let (low, high) = (seconds.low / size, seconds.high / size);
    match high < 10.0 {
        true => format!("{low:.1} to {high:.1} {unit}"),
        false => format!("{low:.0} to {high:.0} {unit}"),
    }
}
