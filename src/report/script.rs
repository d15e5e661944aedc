//! The live steps of a report as one script of a POSIX shell, which a person runs.
//!
//! Owns its form: what it says, in which order it checks, acts and takes back. It reads the public
//! report alone, and nothing in it is run by this program.
//!
//! In it are the live steps of what has a proven patch. Before anything is changed, all checks of all
//! steps are made. What a step finds done already is left alone and not taken back by `undo`. What
//! was begun is recorded below `/var/lib/btrfs-tune`, in a directory named after the content of the
//! script, so that `undo` takes back exactly that, in reverse, also after an interruption.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{FindingReport, HostReport, Report};
use crate::recommend::{Applicability, Class};
use crate::rewrite::commands::{Command, shell_word};

/// One step with the recommendation that it belongs to.
struct Step<'r> {
    item: &'r FindingReport,
    command: &'r Command,
}

/// Whether a patch of this host, or of another that changes this one too, makes it last.
fn is_proven(item: &FindingReport) -> bool {
    item.dropped.is_none() && (!item.edits.is_empty() || item.patched_with.is_some())
}

/// The steps of one host that may run while everything goes on.
fn live_steps(host: &HostReport) -> Vec<Step<'_>> {
    let live = |item: &&FindingReport| {
        is_proven(item) && matches!(item.class, Some(Class::Live | Class::Reboot))
    };
    let steps = host.findings.iter().filter(live).flat_map(|item| {
        let commands = item.commands.iter().filter(|c| c.class == Class::Live);
        commands.map(move |command| Step { item, command })
    });
    steps.collect()
}

/// The script.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    header(&mut out, report);
    if report.hosts.iter().all(|host| live_steps(host).is_empty()) {
        out.push_str("\necho 'there is nothing to run'\n");
        return out;
    }
    out.push_str(PRELUDE);
    let mut number = 0;
    let mut sections = String::new();
    let mut choices: Vec<(String, String, usize)> = Vec::new();
    for (index, host) in report.hosts.iter().enumerate() {
        let steps = live_steps(host);
        let (Some(first), last) = (steps.first(), number + steps.len()) else {
            continue;
        };
        let numbers: Vec<String> = (number + 1..=last).map(|n| n.to_string()).collect();
        let _ = writeln!(
            sections,
            "\nhost_{index}() {{\n\tname={}\n\tsteps={}\n\trecord=/var/lib/btrfs-tune/{}\n}}",
            shell_word(&host.name),
            shell_word(&numbers.join(" ")),
            identity(&steps),
        );
        choices.push((first.command.machine.clone(), host.name.clone(), index));
        let mut before: Option<&FindingReport> = None;
        for step in &steps {
            number += 1;
            if !before.is_some_and(|b| std::ptr::eq(b, step.item)) {
                introduce(&mut sections, step.item);
            }
            before = Some(step.item);
            function(&mut sections, number, step);
        }
    }
    out.push_str(&sections);
    choose(&mut out, &choices);
    out.push_str(MAIN);
    out
}

/// A name that changes with what the steps do.
fn identity(steps: &[Step<'_>]) -> String {
    let mut hash = Sha256::new();
    for step in steps {
        let command = step.command;
        for text in [
            Some(&command.run),
            command.undo.as_ref(),
            command.remember.as_ref(),
        ] {
            hash.update(text.map_or("", String::as_str).as_bytes());
            hash.update([0]);
        }
    }
    let digest = hash.finalize();
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn header(out: &mut String, report: &Report) {
    out.push_str("#!/bin/sh\n");
    comment(
        out,
        "",
        "Live steps that btrfs-tune proposes. They change the running system only; the files are \
         changed by `btrfs-tune fix --write`. Read it, then run it as root on the machine itself.",
    );
    out.push_str(USAGE_COMMENT);
    for host in &report.hosts {
        let left_out = host.findings.iter().filter_map(|item| {
            let why = match (item.class, &item.obstacle) {
                (None, _) => return None,
                _ if item.dropped.is_some() => "it gives way to another".to_owned(),
                (_, Some(obstacle)) if !is_proven(item) => {
                    format!("no edit of the files is proven: {obstacle}")
                }
                _ if !is_proven(item) => "no edit of the files is proven".to_owned(),
                (Some(Class::Migrate | Class::Reinstall), ..) => {
                    "it is not live; `btrfs-tune fix --runbook` tells how".to_owned()
                }
                _ if item.commands.iter().all(|c| c.class != Class::Live) => {
                    "there is nothing to run for it".to_owned()
                }
                _ => return None,
            };
            Some(format!(
                "{}: {} ({}): {why}",
                host.name, item.title, item.rule
            ))
        });
        let left_out: Vec<String> = left_out.collect();
        if !left_out.is_empty() {
            out.push_str("#\n# Not in here:\n");
        }
        for text in left_out {
            comment(out, "  ", &text);
        }
    }
}

const USAGE_COMMENT: &str = r#"#
#   sh THIS            make all checks, then apply the steps; stop at the first failure
#   sh THIS undo       take back what was applied, the last step first
#   sh THIS check      only make the checks
#   sh THIS list       show the steps, their commands and what takes them back
#   --host NAME        the steps of this host, whatever the machine calls itself
#   --consent RULE     also steps that trade something away, by the rule that proposes them
#
# Running it again is harmless. Steps that follow `nixos-rebuild switch` are put off until then:
# run it again after the switch. It ends with 0, or with 1 where something failed or was refused,
# or with 2 where it was called wrongly. Keep this very file for as long as you may want to undo.
"#;

const PRELUDE: &str = r#"
# Commands are also shown, as text:
# shellcheck disable=SC2016
set -eu
LC_ALL=C
export LC_ALL
umask 077

say() { printf '%s\n' "$*"; }
wrong() { printf 'btrfs-tune: %s\n' "$*" >&2; }
die() { wrong "$@"; exit 1; }
# Whether a rule's trade is agreed to.
agreed() { case " $consents " in *" $1 "*) return 0 ;; esac; return 1; }
"#;

fn introduce(out: &mut String, item: &FindingReport) {
    out.push('\n');
    let class = item.class.map_or("advice", Class::name);
    comment(
        out,
        "",
        &format!("[{class}] {} ({})", item.title, item.rule),
    );
    if item.message != item.title {
        comment(out, "  ", &format!("why: {}", item.message));
    }
    for cost in &item.cost {
        comment(out, "  ", &format!("cost: {cost}"));
    }
    if let Some(reason) = &item.class_reason {
        comment(out, "  ", &format!("{class}: {reason}"));
    }
}

fn function(out: &mut String, number: usize, step: &Step<'_>) {
    let command = step.command;
    let text = |text: &str| shell_word(&clean(text));
    let _ = writeln!(out, "step_{number}() {{\n\tcase $1 in");
    let mut part = |name: &str, body: &str| {
        let _ = writeln!(out, "\t{name})\n\t\t{body}\n\t\t;;");
    };
    let rule = shell_word(&step.item.rule);
    part(
        "about",
        &format!(
            "say {}",
            text(&format!("{} ({})", command.why, step.item.rule))
        ),
    );
    part("shown", &format!("say {}", shell_word(&command.run)));
    match &command.undo {
        Some(undo) => part("shown_undo", &format!("say {}", shell_word(undo))),
        None => part(
            "shown_undo",
            "say 'nothing takes this back before the next boot'",
        ),
    }
    if step.item.applicability == Applicability::Consent {
        part("agreed", &format!("agreed {rule}"));
    }
    if let Some(test) = &command.after_switch {
        part("ready", test);
    }
    if let Some(test) = &command.done {
        part("is_done", test);
    } else {
        part("is_done", "return 1");
    }
    let checks: Vec<String> = command
        .requires
        .iter()
        .map(|check| {
            let otherwise = text(&check.otherwise);
            format!(
                "{{ {}; }} || {{ wrong {otherwise}; return 1; }}",
                check.test
            )
        })
        .collect();
    if !checks.is_empty() {
        part("checks", &checks.join("\n\t\t"));
    }
    if let Some(remember) = &command.remember {
        part("remember", remember);
    }
    part("run", &command.run);
    if let Some(test) = &command.verify {
        part("verify", test);
    }
    match &command.undo {
        Some(undo) => part("undo", undo),
        None => part(
            "undo",
            "wrong 'nothing takes this back before the next boot'",
        ),
    }
    out.push_str("\tesac\n}\n");
}

/// How the host is chosen: by the name of the machine, or as asked.
fn choose(out: &mut String, choices: &[(String, String, usize)]) {
    let names: Vec<&str> = choices.iter().map(|(_, name, _)| name.as_str()).collect();
    let names = shell_word(&clean(&names.join(", ")));
    out.push_str("\nchoose_host() {\n");
    out.push_str("\tif test -n \"$asked\"; then\n\t\tcase $asked in\n");
    let mut known: Vec<&str> = Vec::new();
    for (_, name, index) in choices {
        if !known.contains(&name.as_str()) {
            let _ = writeln!(out, "\t\t{}) host_{index} ;;", shell_word(name));
        }
        known.push(name);
    }
    let _ = writeln!(
        out,
        "\t\t*) die \"there are no steps for $asked, only for\" {names} ;;\n\t\tesac\n\t\treturn\n\tfi"
    );
    out.push_str("\tmachine=$(uname -n)\n\tcase ${machine%%.*} in\n");
    let mut seen: Vec<&str> = vec![""];
    for (machine, _, index) in choices {
        if seen.contains(&machine.as_str()) {
            continue;
        }
        seen.push(machine);
        let same = choices.iter().filter(|(m, ..)| m == machine).count();
        let word = shell_word(machine);
        let _ = match same {
            1 => writeln!(out, "\t{word}) host_{index} ;;"),
            _ => writeln!(
                out,
                "\t{word}) die 'several hosts call themselves so; say which with --host:' {names} ;;"
            ),
        };
    }
    let _ = writeln!(
        out,
        "\t*) die \"this machine is called $machine; the steps are for\" {names} \"(--host NAME chooses)\" ;;\n\tesac\n}}"
    );
}

const MAIN: &str = r#"
usage() {
	wrong 'usage: [apply | undo | check | list] [--host NAME] [--consent RULE]'
	exit 2
}

part() { # STEP PART: one part of a step, or success where it has none
	"step_$1" "$2"
}

check_all() {
	for n in $steps; do
		part "$n" agreed || continue
		part "$n" ready || continue
		if part "$n" is_done >/dev/null 2>&1; then continue; fi
		if ! part "$n" checks; then
			part "$n" about >&2
			die 'this is not the machine that was meant, or not in that state; nothing was changed'
		fi
	done
}

current=
finish() {
	status=$?
	trap - EXIT
	if test "$status" -ne 0 && test -n "$current"; then
		wrong "stopped, with status $status, at:"
		part "$current" about >&2
		if test "$doing" = apply; then
			wrong 'what was applied stays; it is taken back by running this script with: undo'
		else
			wrong 'earlier steps are not taken back yet; run it with undo again when this is settled'
		fi
	fi
	exit "$status"
}

prepare() {
	test "$(id -u)" -eq 0 || die 'this needs root'
	for program in blkid btrfs cat findmnt flock grep id mkdir mktemp mount mountpoint mv rm rmdir sed tail umount uname; do
		command -v "$program" >/dev/null || die "$program is not there"
	done
}

begin() {
	mkdir -p -- "$record"
	exec 9>"$record/lock"
	flock -n 9 || die 'another run of this script is under way'
	trap finish EXIT
	trap 'exit 130' HUP INT TERM
}

apply() {
	put_off=
	for n in $steps; do
		if ! part "$n" agreed; then
			say "left out, for it trades something away and was not agreed to:"
			part "$n" about
			continue
		fi
		if ! part "$n" ready; then
			put_off="$put_off $n"
			continue
		fi
		if part "$n" is_done >/dev/null 2>&1; then
			say "nothing to be done:"
			part "$n" about
			continue
		fi
		current=$n
		part "$n" about
		if ! test -e "$record/$n.begun"; then
			part "$n" remember >"$record/$n.remembered.new"
			mv -f -- "$record/$n.remembered.new" "$record/$n.remembered"
			: >"$record/$n.begun"
		fi
		(part "$n" run)
		if ! part "$n" verify >/dev/null; then
			die 'it ran, and the system is not as it should be afterwards'
		fi
		current=
	done
	if test -n "$put_off"; then
		say 'put off until nixos-rebuild switch has been run; then run this again:'
		for n in $put_off; do part "$n" about; done
	fi
}

undo() {
	back=
	for n in $steps; do back="$n $back"; done
	for n in $back; do
		test -e "$record/$n.begun" || continue
		current=$n
		say 'take back:'
		part "$n" about
		remembered=$(cat -- "$record/$n.remembered")
		export remembered
		(part "$n" undo)
		rm -f -- "$record/$n.begun" "$record/$n.remembered"
		current=
	done
}

list() {
	for n in $steps; do
		part "$n" about
		part "$n" shown | sed 's/^/    run:  /'
		part "$n" shown_undo | sed 's/^/    undo: /'
	done
}

doing=apply
asked=
consents=
while test $# -gt 0; do
	case $1 in
	apply | undo | check | list) doing=$1 ;;
	--host)
		test $# -ge 2 || usage
		asked=$2
		shift
		;;
	--consent)
		test $# -ge 2 || usage
		consents="$consents $2"
		shift
		;;
	*) usage ;;
	esac
	shift
done
choose_host
say "host $name"
case $doing in
list) list ;;
check)
	prepare
	check_all
	say 'all is as it should be'
	;;
apply)
	prepare
	check_all
	begin
	apply
	;;
undo)
	prepare
	begin
	undo
	;;
esac
"#;

/// A text of which no line can be taken for anything but text.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Comment lines, wrapped.
fn comment(out: &mut String, indent: &str, text: &str) {
    let first = format!("# {indent}");
    let next = format!("# {indent}  ");
    let options = textwrap::Options::new(100)
        .initial_indent(&first)
        .subsequent_indent(&next)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(&clean(text), options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
