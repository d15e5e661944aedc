//! Owns: that names of any bytes are harmless in the script, in the runbook and in every command: run
//! through real shells, with stand-ins for all programs, which record their arguments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command as Process, Output};

use btrfs_tune::impact::{Effort, Impact};
use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Host, StorageSource};
use btrfs_tune::recommend::{
    Action, Algorithm, Applicability, Class, ClassOf, DirectoryAttribute, MkfsSetting, MountEdit,
    Severity,
};
use btrfs_tune::report::{FORMAT, FindingReport, HostReport, Report, runbook, script};
use btrfs_tune::rewrite::commands::{Command, commands};
use common::named;
use common::project::have;
use serde_json::json;
use tempfile::TempDir;

/// What every name does if it is read as anything but a name: it makes a file.
const NAMES: [&str; 14] = [
    "plain",
    "two words",
    "'; touch BOOM; '",
    "\"; touch BOOM; \"",
    "$(touch BOOM)",
    "`touch BOOM`",
    "x\ntouch BOOM\n#",
    "-zz",
    "--helpme",
    "*?[a-z]~{a,b}",
    "ü\u{202e}desrever\u{200b}",
    "\u{1b}[2J\r\u{7}tab\there",
    "$HOME ${IFS} !! \\ \\n %s %d &|<>;()",
    "ends\n",
];

const SHELLS: [&str; 2] = ["dash", "bash"];

/// Programs that commands call.
const PROGRAMS: [&str; 45] = [
    "blkid",
    "btrfs",
    "btrfstune",
    "cat",
    "chattr",
    "chmod",
    "chown",
    "cp",
    "cryptsetup",
    "cut",
    "date",
    "df",
    "diff",
    "disko",
    "du",
    "fallocate",
    "find",
    "findmnt",
    "flock",
    "grep",
    "head",
    "id",
    "ls",
    "lsattr",
    "mkdir",
    "mkswap",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "nixos-install",
    "nixos-rebuild",
    "rm",
    "rmdir",
    "sed",
    "sort",
    "stat",
    "swapoff",
    "swapon",
    "sysctl",
    "systemctl",
    "tail",
    "tr",
    "truncate",
    "udevadm",
];

/// A directory with nothing but stand-ins, and a place where nothing may appear.
struct Lab {
    dir: TempDir,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::create_dir(dir.path().join("here")).unwrap();
        for name in
            PROGRAMS
                .iter()
                .chain(&["touch", "umount", "uname", "systemd-tmpfiles", "xargs"])
        {
            let says = match *name {
                "mktemp" => "echo /run/btrfs-tune.stand-in",
                "id" => "echo 0",
                "uname" => "echo probe",
                // The one thing that must not happen.
                "touch" => ": >BOOM",
                _ => ":",
            };
            let body = format!(
                // In one write, for the programs of a pipeline record at the same time.
                "#!/bin/sh\nprintf '%s\\0' \"${{0##*/}}\" \"$@\" \"$(printf '\\001')\" >>\"$LOG\"\n{says}\n"
            );
            let path = bin.join(name);
            fs::write(&path, body).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Lab { dir }
    }

    fn run(&self, shell: &str, arguments: &[&str]) -> Output {
        let output = Process::new(shell)
            .args(arguments)
            .env_clear()
            .env("PATH", self.dir.path().join("bin"))
            .env("LOG", self.dir.path().join("log"))
            .env("HOME", "/nowhere")
            .current_dir(self.dir.path().join("here"))
            .output()
            .unwrap();
        let here = fs::read_dir(self.dir.path().join("here")).unwrap();
        let found: Vec<_> = here.map(|e| e.unwrap().file_name()).collect();
        assert!(found.is_empty(), "{shell} made {found:?} of {arguments:?}");
        output
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<Vec<String>> {
        let path = self.dir.path().join("log");
        let log = fs::read(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        let mut calls = Vec::new();
        let mut call = Vec::new();
        for word in log.split(|b| *b == 0) {
            match word {
                [1] => calls.push(std::mem::take(&mut call)),
                word => call.push(String::from_utf8_lossy(word).into_owned()),
            }
        }
        calls
    }
}

/// The path of a shell, for the PATH of the lab has none.
fn shell(name: &str, test: &str) -> Option<String> {
    let found = have(name, test).then(|| {
        let output = Process::new("sh")
            .args(["-c", &format!("command -v {name}")])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    found.filter(|f| Path::new(f).is_absolute())
}

fn filesystem(host: &Host) -> Vec<String> {
    let (filesystem, _) = host.storage.mount("/").unwrap();
    match &filesystem.source {
        StorageSource::Disko(path) => path.clone(),
        StorageSource::FileSystems => panic!("{filesystem:?}"),
    }
}

/// All actions that name something, with a hostile name.
fn actions(host: &Host, name: &str) -> Vec<Action> {
    let filesystem = filesystem(host);
    let place = format!("/{name}");
    let (found, _) = host.storage.mount("/").unwrap();
    let subvolume = found
        .subvolumes
        .iter()
        .find(|s| s.mountpoint == Ok(Some(place.clone())));
    let subvolume = subvolume.unwrap().path.clone();
    vec![
        Action::AddSubvolume {
            filesystem: filesystem.clone(),
            name: format!("new {name}"),
            mountpoint: None,
            options: vec![],
        },
        Action::RenameSubvolume {
            subvolume: subvolume.clone(),
            name: format!("{name} new"),
        },
        Action::UnmountSubvolume {
            subvolume: subvolume.clone(),
        },
        Action::EditMountOptions {
            mounts: vec![MountEdit {
                mountpoint: place.clone(),
                remove: vec![],
                add: vec!["noatime".into()],
            }],
        },
        Action::SetMkfs {
            filesystem: filesystem.clone(),
            setting: MkfsSetting::Label(name.replace('\n', "")),
        },
        Action::AddSwapSubvolume {
            filesystem: filesystem.clone(),
            name: format!("swap {name}"),
            mountpoint: format!("/swap {name}"),
            file: name.to_owned(),
            size: Bytes(Bytes::MIB),
        },
        Action::SetDirectoryAttribute {
            directory: place.clone(),
            attribute: DirectoryAttribute::Compression(Algorithm::Zstd),
        },
        Action::SetDirectoryAttribute {
            directory: format!("{place}/x"),
            attribute: DirectoryAttribute::NoCow,
        },
        Action::SplitSubvolume {
            filesystem,
            name: format!("split {name}"),
            mountpoint: format!("{place}/y"),
            options: vec![],
        },
        Action::MergeSubvolume { subvolume },
        Action::SetNixosOption {
            path: ["boot", "kernel", "sysctl", name]
                .map(str::to_owned)
                .to_vec(),
            value: name.into(),
        },
        Action::AppendNixosLines {
            path: ["services", "udev", "extraRules"]
                .map(str::to_owned)
                .to_vec(),
            lines: vec![format!("ATTR{{queue/nr_requests}}=\"{name}\"")],
        },
        Action::SetMkfs {
            filesystem: self::filesystem(host),
            setting: MkfsSetting::Checksum("xxhash".into()),
        },
    ]
}

fn item(action: &Action, host: &Host, name: &str) -> FindingReport {
    let actions = std::slice::from_ref(action);
    let class = ClassOf::of_all(actions, host).unwrap();
    let text = format!("{name}\n```\ntouch BOOM\n# <script>x</script> [a](b) | {name}");
    let value = json!({
        "rule": "mount/probe",
        "subject": name,
        "severity": Severity::Advice,
        "title": text,
        "message": text,
        "class": class.class,
        "class_reason": text,
        "applicability": Applicability::Safe,
        "evidence": [],
        "cost": [text],
        "impact": Impact::default(),
        "effort": Effort { basis: Some(text.clone()), ..Effort::default() },
        "changes": [],
        "edits": [{"file": "x.nix", "patch": ""}],
        "shared_with": [],
        "commands": commands(actions, host),
    });
    serde_json::from_value(value).unwrap()
}

fn report(name: &str) -> Report {
    let mut host = named::host(&format!("/{name}"), &format!("/{name}"));
    name.clone_into(&mut host.name);
    let actions = actions(&host, name);
    Report {
        format: FORMAT.to_owned(),
        hosts: vec![HostReport {
            name: name.to_owned(),
            machine: name.to_owned(),
            filesystems: Vec::new(),
            workloads: Vec::new(),
            causes: Vec::new(),
            withheld: Vec::new(),
            together: Vec::new(),
            findings: actions.iter().map(|a| item(a, &host, name)).collect(),
            unknown: Vec::new(),
        }],
        problems: Vec::new(),
    }
}

/// Every text of a command that a shell gets to see.
fn texts(command: &Command) -> Vec<&str> {
    let checks = command.requires.iter().map(|c| c.test.as_str());
    let more = [
        Some(command.run.as_str()),
        command.undo.as_deref(),
        command.done.as_deref(),
        command.verify.as_deref(),
        command.remember.as_deref(),
        command.after_switch.as_deref(),
    ];
    checks.chain(more.into_iter().flatten()).collect()
}

#[test]
fn every_command_takes_every_name_as_one_word() {
    let test = "every_command_takes_every_name_as_one_word";
    let lab = Lab::new();
    let mut run = 0;
    for shell in SHELLS.iter().filter_map(|s| shell(s, test)) {
        for name in NAMES {
            let report = report(name);
            for item in &report.hosts[0].findings {
                assert!(
                    !item.commands.is_empty() || name.contains('\n'),
                    "{name:?}: {:?}",
                    item.commands
                );
                for text in item.commands.iter().flat_map(texts) {
                    // Not any name is shown as it is.
                    let unseen = |c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}');
                    let shown = text.trim_end_matches(['\n', '\'']);
                    assert!(name.ends_with('\n') || !shown.contains(unseen), "{text:?}");
                    lab.run(&shell, &["-c", text]);
                    run += 1;
                }
            }
            // Where a name is an argument, it arrives whole.
            let calls = lab.calls();
            let whole = |call: &Vec<String>| call.iter().any(|word| word.ends_with(name));
            assert!(
                calls.iter().filter(|c| whole(c)).count() > 10,
                "{shell} {name:?}"
            );
            // And never as an option: behind `--` or as part of a path.
            for call in &calls {
                let mut words = call.iter().skip(1);
                let option = words.find(|w| w.as_str() == name && name.starts_with('-'));
                let behind = call.iter().position(|w| w == "--");
                let at = call.iter().position(|w| Some(w) == option);
                assert!(
                    option.is_none() || behind < at && behind.is_some(),
                    "{call:?}"
                );
            }
        }
    }
    assert!(run > 1000, "{run}");
}

#[test]
fn the_script_is_a_script_whatever_it_names() {
    let test = "the_script_is_a_script_whatever_it_names";
    let lab = Lab::new();
    let path = lab.dir.path().join("script");
    let at = path.to_str().unwrap().to_owned();
    for shell in SHELLS.iter().filter_map(|s| shell(s, test)) {
        for name in NAMES {
            let text = script::render(&report(name));
            fs::write(&path, &text).unwrap();
            assert!(
                lab.run(&shell, &["-n", &at]).status.success(),
                "{name:?}\n{text}"
            );
            let listed = lab.run(&shell, &[&at, "list", "--host", name]);
            let out = String::from_utf8_lossy(&listed.stdout).into_owned();
            assert!(
                listed.status.success(),
                "{name:?} {out} {}",
                String::from_utf8_lossy(&listed.stderr)
            );
            // With stand-ins nothing is as it should be, so all is refused before anything runs.
            let refused = lab.run(&shell, &[&at, "check", "--host", name]);
            assert_eq!(refused.status.code(), Some(1), "{name:?}");
            let acted = ["sysctl", "chattr", "mv", "swapon", "umount"];
            for call in lab.calls() {
                let reads = call[0] == "sysctl" && call[1] == "-n";
                assert!(
                    reads
                        || !acted.contains(&call[0].as_str())
                        || call[0] == "umount" && call.last().unwrap().starts_with("/run/"),
                    "{call:?}"
                );
            }
            let wrong = lab.run(&shell, &[&at, name]);
            assert_eq!(
                wrong.status.code(),
                Some(2),
                "{name:?} is no word of the script"
            );
            let other = lab.run(&shell, &[&at, "--host", "somebody else"]);
            assert_eq!(other.status.code(), Some(1));
        }
    }
}

#[test]
fn shellcheck_finds_nothing() {
    if !have("shellcheck", "shellcheck_finds_nothing") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let path = dir.path().join("script");
        fs::write(&path, script::render(&report(name))).unwrap();
        let output = Process::new("shellcheck")
            // What is said of the style of generated tests helps nobody.
            .args(["--severity=warning", "--shell=sh"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name:?}\n{said}");
    }
}

/// The code blocks of a Markdown text and what is left without them, read as CommonMark does: a fence
/// is closed by one that is at least as long, and indentation of the item goes.
fn blocks(markdown: &str) -> (Vec<String>, String) {
    let mut blocks = Vec::new();
    let mut rest = String::new();
    let mut open: Option<(usize, usize, Vec<&str>)> = None;
    for line in markdown.split('\n') {
        let inner = line.trim_start_matches(' ');
        let indent = line.len() - inner.len();
        let ticks = inner.len() - inner.trim_start_matches('`').len();
        match &mut open {
            Some((fence, _, lines)) if ticks >= *fence && inner[ticks..].trim().is_empty() => {
                blocks.push(lines.join("\n"));
                open = None;
            }
            Some((_, at, lines)) => lines.push(&line[(*at).min(indent)..]),
            None if ticks >= 3 => open = Some((ticks, indent, Vec::new())),
            None => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fence is left open");
    (blocks, rest)
}

#[test]
fn the_runbook_shows_commands_whole_and_names_as_text() {
    let test = "the_runbook_shows_commands_whole_and_names_as_text";
    let lab = Lab::new();
    for name in NAMES.into_iter().chain(["```\ntouch BOOM\n```", "````"]) {
        let report = report(name);
        let (blocks, rest) = blocks(&runbook::render(&report));
        let procedures = report.hosts[0].findings.iter();
        let procedures =
            procedures.filter(|r| matches!(r.class, Some(Class::Migrate | Class::Reinstall)));
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for item in procedures {
            for command in item.commands.iter().filter(|c| c.run != ":") {
                *counted.entry(&command.run).or_default() += 1;
            }
        }
        assert!(counted.len() >= 10, "{name:?}");
        for (run, times) in counted {
            let shown = blocks.iter().filter(|b| *b == run).count();
            assert!(shown >= times, "{name:?}: {run}\n{blocks:#?}");
        }
        // No line of a name begins a line of the text, and nothing of it is markup.
        assert!(
            !rest
                .lines()
                .any(|l| l.starts_with("touch") || l.starts_with("# <")),
            "{rest}"
        );
        let bytes = rest.as_bytes();
        for (i, byte) in bytes.iter().enumerate() {
            let escaped = i > 0 && bytes[i - 1] == b'\\';
            assert!(
                !matches!(byte, b'<' | b'[' | b'|') || escaped,
                "{}",
                &rest[i.saturating_sub(40)..]
            );
        }
        for shell in SHELLS.iter().filter_map(|s| shell(s, test)) {
            for block in &blocks {
                lab.run(&shell, &["-c", block]);
            }
        }
    }
}
