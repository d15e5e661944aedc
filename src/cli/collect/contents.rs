//! Owns: what a bundle is made of: its files out of all that was told in time, what could not be
//! seen and why that matters, and that nothing in them identifies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Collect;
use super::bundle::{Entry, Manifest, Unseen};
use super::catalogue::Catalogue;
use super::commands::{self, Asked, Keep, Outcome};
use super::gather::{Told, host_name};
use super::kernel::{self, Values};
use super::redact::{Known, Left, Redactor};
use super::samples::{Samples, escaped, read};
use super::tasks::{self, Look, Rings, Units, Users};

/// Why an ordinary user sees less.
const AS_ROOT: &str = "run it as root to see it";

impl Told {
    /// The list of contents, with the contents.
    pub(super) fn into_manifest(self, mut manifest: Manifest, options: &Collect) -> Manifest {
        let users = Users::read();
        let mut redactor = (!options.include_identifiers).then(|| {
            let known = Known {
                host: host_name(),
                serials: serials(),
                users: users.people(),
            };
            Redactor::new(&known, &self.technical())
        });
        let mut files = Files {
            unseen: BTreeSet::new(),
            entries: Vec::new(),
            root: manifest.root,
        };
        files.samples(self.samples);
        files.processes(self.looks, self.rings, &users, redactor.as_mut());
        files.values(self.btrfs, self.devices, self.settings);
        files.log(self.log);
        files.texts();
        if options.no_commands {
            let why = "--no-commands: what only other programs tell is unknown";
            files.unseen("commands", why);
        } else {
            files.commands(self.asked, self.outcomes);
        }
        for entry in &mut files.entries {
            clean(entry, redactor.as_mut());
        }
        let mut unseen: Vec<Unseen> = files.unseen.into_iter().collect();
        if let Some(redactor) = &mut redactor {
            for unseen in &mut unseen {
                unseen.what = redactor.text(&unseen.what, true, &mut Left::new());
                unseen.why = redactor.text(&unseen.why, true, &mut Left::new());
            }
        }
        manifest.unseen = unseen;
        manifest.files = files.entries;
        manifest
    }

    /// Words that stay whoever is called like them: parts of mount points, devices and services.
    fn technical(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        let series = self
            .samples
            .iter()
            .flat_map(|s| s.series.get("/proc/self/mountinfo"));
        for line in series.flat_map(|s| s.text.lines()) {
            let fields = line.split(' ').take(5).skip(3);
            let parts = fields
                .filter(|f| !f.contains("home/"))
                .flat_map(|f| f.split('/'));
            words.extend(parts.map(|p| p.trim_start_matches('@').to_owned()));
        }
        words.extend(kernel::names(Path::new("/")));
        words.extend(kernel::names(Path::new("/sys/block")));
        words.extend(kernel::names(Path::new("/var/lib")));
        words
    }
}

/// Serial numbers and addresses that the kernel shows.
fn serials() -> Vec<String> {
    let mut paths: Vec<PathBuf> = vec!["/etc/machine-id".into()];
    for name in [
        "product_serial",
        "product_uuid",
        "board_serial",
        "chassis_serial",
    ] {
        paths.push(Path::new("/sys/class/dmi/id").join(name));
    }
    for disk in kernel::names(Path::new("/sys/block")) {
        let disk = Path::new("/sys/block").join(disk);
        for name in [
            "wwid",
            "serial",
            "device/serial",
            "device/wwid",
            "device/unique_id",
            "device/cid",
        ] {
            paths.push(disk.join(name));
        }
    }
    for card in kernel::names(Path::new("/sys/class/net")) {
        paths.push(Path::new("/sys/class/net").join(card).join("address"));
    }
    let mut found = Vec::new();
    for path in paths {
        let text = read(&path).unwrap_or_default();
        // `t10.ATA     MODEL   SERIAL`: the words are the serial number among others.
        let text = text.trim().trim_matches('\0').to_owned();
        if let Some(last) = text.split_whitespace().next_back().filter(|l| *l != text) {
            found.push(last.to_owned());
        }
        found.push(text);
    }
    found.retain(|text| !text.is_empty());
    found
}

/// The files of a bundle while they are made.
struct Files {
    unseen: BTreeSet<Unseen>,
    entries: Vec<Entry>,
    root: bool,
}

impl Files {
    fn unseen(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.unseen.insert(Unseen {
            what: what.into(),
            why: why.into(),
        });
    }

    fn add(&mut self, path: &str, from: &str, text: String) -> &mut Entry {
        let at = self.entries.len();
        self.entries.push(Entry {
            path: path.to_owned(),
            from: from.to_owned(),
            text,
            ..Entry::default()
        });
        &mut self.entries[at]
    }

    fn samples(&mut self, samples: Option<Samples>) {
        let Some(samples) = samples else {
            self.unseen(
                "/proc",
                "reading it hangs: a device or a task is stuck in the kernel",
            );
            return;
        };
        for (path, series) in samples.series {
            if let Some(error) = &series.error {
                let why = match path {
                    "/proc/pressure/io" => {
                        "who waits for what is unknown (the kernel has no PSI, or psi=0)"
                    }
                    "/proc/diskstats" => "how busy the devices are is unknown",
                    _ => "it is not in the bundle",
                };
                self.unseen(path, format!("{error}: {why}"));
            }
            if !series.text.is_empty() {
                let name = path.trim_start_matches('/').replace('/', "-");
                let entry = self.add(&format!("samples/{name}.txt"), path, series.text);
                entry.samples = series.at;
            }
        }
    }

    fn processes(
        &mut self,
        looks: Option<Vec<Look>>,
        rings: Option<Rings>,
        users: &Users,
        mut redactor: Option<&mut Redactor>,
    ) {
        let Some(looks) = looks else {
            let why = "looking at them hangs, or ended too late: which program waits is unknown";
            self.unseen("processes", why);
            return;
        };
        let delays = read(Path::new("/proc/sys/kernel/task_delayacct"));
        let delays = delays.is_ok_and(|text| text.trim() == "1");
        if !delays {
            let why = "kernel.task_delayacct is 0: which program waits for devices is told by its state alone";
            self.unseen("time that programs wait for devices", why);
        }
        if !self.root {
            let why = "which program reads and writes is unknown for those of other users";
            self.unseen("bytes of programs", format!("{why}; {AS_ROOT}"));
        } else if !looks.iter().any(Look::sees_io) {
            let why = "the kernel does not count them: which program reads and writes is unknown";
            self.unseen("bytes of programs", why);
        }
        if looks.len() < 2 || !looks.last().is_some_and(|look| look.is_whole) {
            let why = "the last look at them ended too late: how much each uses is unknown";
            self.unseen("use by programs", why);
        }
        let units = Units {
            hz: rustix::param::clock_ticks_per_second(),
            page: rustix::param::page_size(),
            delays,
        };
        let rings = rings.unwrap_or_default();
        let text = tasks::tables(&looks, units, &rings, |uid| {
            users.name(uid, redactor.as_deref_mut())
        });
        self.add(
            "samples/processes.txt",
            "/proc/<pid>/{stat,io,wchan,comm,exe,fd}",
            text,
        );
    }

    fn values(
        &mut self,
        btrfs: Vec<(f64, Values)>,
        devices: Option<(Values, Values)>,
        settings: Option<Values>,
    ) {
        let mut text = String::new();
        let mut at = Vec::new();
        for (time, values) in btrfs {
            self.refused(&values, "a part of the state of btrfs is unknown");
            if values.count > 0 {
                text.push_str(&format!("## /sys/fs/btrfs t={time:.3}\n{}\n", values.text));
                at.push((time * 1000.0).round() / 1000.0);
            }
        }
        if text.is_empty() {
            self.unseen(
                "/sys/fs/btrfs",
                "no btrfs is mounted, or it cannot be read: its state is unknown",
            );
        } else {
            self.add("samples/sys-fs-btrfs.txt", "/sys/fs/btrfs", text)
                .samples = at;
        }
        match devices {
            Some((values, more)) => {
                self.refused(&values, "a part of what devices are is unknown");
                if more.count > 0 {
                    let path = "values/sys-block-more.txt";
                    self.add(path, "/sys/block", more.text).for_people = true;
                }
                if values.count > 0 {
                    self.add("values/sys-block.txt", "/sys/block", values.text);
                }
            }
            None => self.unseen("/sys/block", "reading it hangs: a device is stuck"),
        }
        if let Some(values) = settings.filter(|v| v.count > 0) {
            self.add("values/proc-sys-vm.txt", "/proc/sys/vm", values.text)
                .for_people = true;
        }
    }

    fn refused(&mut self, values: &Values, why: &str) {
        let why = if self.root {
            why.to_owned()
        } else {
            format!("{why}; {AS_ROOT}")
        };
        match values.refused.as_slice() {
            [] => {}
            [one] => self.unseen(one.clone(), why),
            [first, rest @ ..] => self.unseen(format!("{first} and {} more", rest.len()), why),
        }
    }

    fn log(&mut self, log: Option<Result<String, String>>) {
        match log {
            Some(Ok(text)) if text.is_empty() => {
                let text = "no line of the kernel's log tells of storage\n".to_owned();
                self.add("kernel-log-empty.txt", "/dev/kmsg", text)
                    .for_people = true;
            }
            Some(Ok(text)) => {
                self.add("kernel-log.txt", "/dev/kmsg", format!("## dmesg\n{text}"));
            }
            Some(Err(error)) => {
                let why = "whether disks failed or hung is unknown";
                self.unseen("/dev/kmsg", format!("{error}: {why}; {AS_ROOT}"));
            }
            None => self.unseen("/dev/kmsg", "reading it hangs"),
        }
    }

    /// Small files that say what the system is.
    fn texts(&mut self) {
        if let Ok(text) = read(Path::new("/etc/os-release")) {
            let of_system = ["NAME=", "ID=", "VERSION_ID=", "VERSION=", "BUILD_ID="];
            let lines = text
                .lines()
                .filter(|l| of_system.iter().any(|k| l.starts_with(k)));
            let text = lines.flat_map(|l| [l, "\n"]).collect();
            self.add("values/os-release.txt", "/etc/os-release", text)
                .for_people = true;
        }
        if let Ok(text) = read(Path::new("/etc/nix/nix.conf")) {
            let keys = [
                "auto-optimise-store",
                "cores",
                "fsync-metadata",
                "fsync-store-paths",
                "keep-derivations",
                "keep-outputs",
                "max-free",
                "max-jobs",
                "min-free",
                "sandbox",
                "use-sqlite-wal",
            ];
            let is_of_storage = |l: &&str| {
                l.split_once('=')
                    .is_some_and(|(key, _)| keys.contains(&key.trim()))
            };
            let text: String = text
                .lines()
                .filter(is_of_storage)
                .flat_map(|l| [l, "\n"])
                .collect();
            if !text.is_empty() {
                self.add("values/nix-conf.txt", "/etc/nix/nix.conf", text)
                    .for_people = true;
            }
        }
    }

    fn commands(
        &mut self,
        asked: Option<(Vec<Asked>, Catalogue)>,
        mut outcomes: BTreeMap<usize, Outcome>,
    ) {
        let Some((asked, catalogue)) = asked else {
            self.unseen(
                "commands",
                "looking for them hangs: what only they tell is unknown",
            );
            return;
        };
        for (what, matters) in catalogue.for_root {
            self.unseen(what, format!("{matters}; {AS_ROOT}"));
        }
        let mut absent = BTreeMap::new();
        for (number, asked) in asked.into_iter().enumerate() {
            let outcome = outcomes.remove(&number);
            if outcome.is_none() && commands::find(asked.program).is_none() {
                let matters: &mut BTreeSet<&str> = absent.entry(asked.program).or_default();
                matters.extend(Some(asked.matters).filter(|m| !m.is_empty()));
                continue;
            }
            self.command(
                asked,
                outcome.unwrap_or(Outcome::TimedOut {
                    output: Vec::new(),
                    took: Duration::ZERO,
                }),
            );
        }
        for (program, matters) in absent.into_iter().filter(|(_, m)| !m.is_empty()) {
            let matters: Vec<&str> = matters.into_iter().collect();
            self.unseen(program, format!("not installed: {}", matters.join("; ")));
        }
    }

    fn command(&mut self, asked: Asked, outcome: Outcome) {
        let words = asked
            .arguments
            .iter()
            .map(|a| escaped(&a.to_string_lossy()));
        let line = [asked.program.to_owned()]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ");
        let because = |what: String| match asked.matters {
            "" => what,
            matters => format!("{what}: {matters}"),
        };
        let (output, exit, took, incomplete) = match outcome {
            Outcome::Ended {
                output,
                exit,
                took,
                cut,
            } => (
                output,
                exit,
                took,
                cut.then(|| "cut off: more than 8 MiB".to_owned()),
            ),
            Outcome::TimedOut { output, took } => {
                self.unseen(line.clone(), because("timed out".to_owned()));
                (output, None, took, Some("timed out".to_owned()))
            }
            Outcome::NotStarted => {
                return self.unseen(
                    line,
                    because("the time was over before its turn".to_owned()),
                );
            }
            Outcome::Failed(error) => return self.unseen(line, because(error)),
        };
        let text = String::from_utf8_lossy(&output).into_owned();
        // smartctl's code is a set of bits about the disk, findmnt's 1 says that there is none.
        let fails = exit != Some(0) && incomplete.is_none();
        let by_design = ["smartctl", "findmnt"].contains(&asked.program);
        let says_off = text.contains("quotas not enabled") || text.contains("quota not enabled");
        if fails && !by_design && !says_off {
            let said = text
                .lines()
                .rfind(|l| !l.trim().is_empty())
                .unwrap_or("no output");
            self.unseen(line.clone(), because(said.chars().take(200).collect()));
        }
        if text.trim().is_empty() {
            return;
        }
        // Half of a JSON, or what a failed program says beside one, is for people.
        let is_json = asked.keep == Keep::Json;
        let parses = !is_json || serde_json::from_str::<Value>(&text).is_ok();
        let is_whole = incomplete.is_none() && parses && (!fails || by_design || says_off);
        let text = if is_json && parses {
            text
        } else {
            format!("## {line}\n{text}")
        };
        let entry = self.add(&asked.file, &line, text);
        entry.exit = exit;
        entry.milliseconds = u64::try_from(took.as_millis()).ok();
        entry.incomplete = incomplete;
        entry.for_people = asked.for_people || !is_whole;
    }
}

/// Takes out of an entry what identifies, and what steers a terminal.
fn clean(entry: &mut Entry, redactor: Option<&mut Redactor>) {
    let text = std::mem::take(&mut entry.text);
    let mut text: String = text
        .chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    let Some(redactor) = redactor else {
        entry.text = text;
        return;
    };
    let mut left = Left::new();
    let json = entry
        .path
        .ends_with(".json")
        .then(|| serde_json::from_str::<Value>(&text));
    text = match json {
        Some(Ok(mut value)) => {
            redactor.json(&mut value, &mut left);
            format!("{value:#}\n")
        }
        _ => {
            let ends = [
                "commands/df",
                "commands/btrfs-subvolume",
                "commands/btrfs-qgroup",
            ];
            let lines_end_paths = ends.iter().any(|begin| entry.path.starts_with(begin));
            redactor.text(&text, lines_end_paths, &mut left)
        }
    };
    entry.from = redactor.text(&entry.from, true, &mut left);
    entry.left_out = left
        .into_iter()
        .map(|(kind, n)| format!("{kind}: {n}"))
        .collect();
    entry.text = text;
}
