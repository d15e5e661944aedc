//! Owns: what people say, as signals: `heard.<concept>` for each concept of the lexicon that was
//! understood, and the numbers they gave.

use rustc_hash::FxHashSet;

use super::{Gather, Subject, measured};
use crate::analyze::evidence::Source;
use crate::analyze::facts;
use crate::model::metrics::{MountEntry, Sourced};
use crate::model::observation::{Observation, Quantity, Symptom, Tried, Unit};
use crate::model::storage::is_below;

/// What came of something tried, as conditions have it.
fn outcome(tried: Tried) -> &'static str {
    match tried {
        Tried::Helped => "helped",
        Tried::NoEffect => "no-effect",
        Tried::Worse => "worse",
    }
}

pub(super) fn gather(gather: &mut Gather<'_>) {
    let host = gather.host;
    let mut complaints: Vec<&str> = Vec::new();
    let suffered = suffered(&host.observations);
    for observation in &host.observations {
        let complaint = complaint_of(&mut complaints, observation);
        gather.complaint = Some(complaint);
        let source = Source::Observation(observation.source.clone());
        let about = about(gather, observation);
        let timers = is_timetable(&observation.source);
        let of_cpu = last_key(&observation.source).eq_ignore_ascii_case("cpu");
        timer(gather, observation, timers);
        bypassed(gather, observation, &source);
        computing(gather, observation, &source);
        for heard in &observation.heard {
            // What somebody only supposes is no fact; and the rhythm of a timer is not yet that of
            // the trouble.
            if heard.supposed || timers && heard.concept.starts_with("when.") {
                continue;
            }
            // "Reads are fast, writes are slow": what is suffered from is not denied by the rest.
            let is_denied = heard.negated && heard.tried.is_none();
            if is_denied && suffered.contains(&(file_of(observation), heard.concept.as_str())) {
                continue;
            }
            // `cpu: 11 % busy` is no disk.
            if of_cpu && heard.concept.starts_with("state.disk-") {
                continue;
            }
            let name = format!("heard.{}", heard.concept);
            let text = match heard.tried {
                Some(tried) => format!("“{}” was tried: {}", heard.words, outcome(tried)),
                None => format!("“{}”", heard.words),
            };
            match heard.tried {
                Some(tried) => gather.word(
                    &format!("heard.tried.{}", heard.concept),
                    about.clone(),
                    outcome(tried),
                    source.clone(),
                    text,
                ),
                None => gather.fact(&name, about.clone(), !heard.negated, source.clone(), text),
            }
        }
        let lies = observation
            .paths
            .first()
            .and_then(|p| Some((p, holder(gather, p)?)));
        if let Some((path, holder)) = lies {
            let kind = &holder.fstype;
            let text = format!("{path} lies on {kind}");
            let machine = Subject::Machine;
            let shown = measured(holder);
            let name = "path.filesystem";
            gather.word(name, machine.clone(), kind, shown.clone(), text.clone());
            gather.fact("fs.btrfs", machine, kind == "btrfs", shown, text);
        }
        for quantity in &observation.quantities {
            number(gather, &about, quantity, &source);
        }
        if of_cpu {
            busy(gather, observation, &source);
        }
    }
    gather.complaint = None;
    accounts(gather, complaints);
    complaint(gather);
}

/// What is told, complaint by complaint: what stands in one file is told in one piece.
fn accounts<'h>(gather: &mut Gather<'h>, mut files: Vec<&'h str>) {
    let host = gather.host;
    for account in &host.accounts {
        if !files.contains(&account.source.as_str()) {
            files.push(&account.source);
        }
    }
    let mut told = vec![String::new(); files.len()];
    for (file, told) in files.iter().zip(&mut told) {
        if let Some(account) = host.accounts.iter().find(|a| a.source == *file) {
            told.clone_from(&account.text);
        }
    }
    let mut seen = Vec::new();
    for observation in &host.observations {
        let complaint = complaint_of(&mut seen, observation);
        if let Some(told) = told.get_mut(complaint)
            && !host.accounts.iter().any(|a| a.source == seen[complaint])
        {
            told.push_str(&observation.text);
            told.push_str(" . ");
        }
    }
    gather.signals.accounts = told;
}

/// The file of an observation.
fn file_of(observation: &Observation) -> &str {
    let parts = observation.source.split_once(": ");
    parts.map_or("", |(file, _)| file)
}

/// The symptoms that somebody has, by the file that tells of them.
fn suffered(observations: &[Observation]) -> FxHashSet<(&str, &str)> {
    let mut found = FxHashSet::default();
    for observation in observations {
        for heard in &observation.heard {
            let is_so = heard.is_fact() && !heard.negated && heard.tried.is_none();
            if is_so && heard.concept.starts_with("symptom.") && heard.concept != "symptom.fine" {
                found.insert((file_of(observation), heard.concept.as_str()));
            }
        }
    }
    found
}

/// Whether words stand below a key that lists timers: `systemctl list-timers`, `crontab`.
fn is_timetable(source: &str) -> bool {
    let key = source.split_once(": ").map_or("", |(_, key)| key);
    let words = key.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(str::to_ascii_lowercase)
        .any(|w| matches!(w.as_str(), "timers" | "timer" | "cron" | "crontab"))
}

/// The last key of the place of an observation in a facts file.
fn last_key(source: &str) -> &str {
    let path = source.split_once(": ").map_or("", |(_, path)| path);
    path.rsplit('.').next().unwrap_or_default()
}

/// `bypassWorkqueues: false`, `no_read_workqueue: true`: a setting that somebody tells.
fn bypassed(gather: &mut Gather<'_>, observation: &Observation, source: &Source) {
    let key = last_key(&observation.source)
        .to_lowercase()
        .replace(['_', '-', ' '], "");
    let is_key = key.contains("workqueue") && (key.contains("bypass") || key.starts_with("no"));
    let mut heard = observation.heard.iter();
    let queues = heard.find(|h| h.concept == "thing.workqueue" && h.tried.is_none());
    if let Some(queues) = queues.filter(|_| is_key) {
        let text = match queues.negated {
            true => "every request passes through dm-crypt's queues",
            false => "dm-crypt's queues are bypassed",
        };
        let name = "luks.workqueues";
        gather.fact(name, Subject::Machine, queues.negated, source.clone(), text);
    }
}

/// A timer of fstrim that somebody lists.
fn timer(gather: &mut Gather<'_>, observation: &Observation, timers: bool) {
    let trims = observation
        .heard
        .iter()
        .find(|h| h.is_fact() && h.concept == "thing.fstrim");
    let is_told = gather.signals.about("trim.timer", &Subject::Machine).next();
    let Some(trims) = trims.filter(|_| timers && is_told.is_none()) else {
        return;
    };
    let source = Source::Observation(observation.source.clone());
    let text = format!("“{}” is among the timers", trims.words);
    gather.fact("trim.timer", Subject::Machine, !trims.negated, source, text);
}

/// `real 1m11.4s user 0m52.3s sys 0m6.5s`: how much of its time a command computed. Shorter ones
/// than a second tell nothing.
fn computing(gather: &mut Gather<'_>, observation: &Observation, source: &Source) {
    let text = observation.text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | ';' | '=' | '/'))
        .filter(|w| !w.is_empty())
        .collect();
    let after = |name: &str| {
        let at = words.iter().position(|w| *w == name)?;
        clock(words.get(at + 1)?)
    };
    let (Some(real), Some(user)) = (after("real"), after("user")) else {
        return;
    };
    if real < 1.0 || user > real * 64.0 {
        return;
    }
    let share = (user / real * 100.0).min(100.0);
    let text = format!("of {real:.0} s the command itself computed {user:.0} s");
    let name = "run.user_share";
    gather.number(name, Subject::Machine, share, source.clone(), text);
}

/// Seconds of `1m11.4s`, `52.3s`, `54.0`.
fn clock(text: &str) -> Option<f64> {
    let text = text.trim_end_matches(['s', '.', ')']);
    let (minutes, seconds) = text.split_once('m').unwrap_or(("0", text));
    let seconds = if seconds.is_empty() { "0" } else { seconds };
    let value = minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}

/// The number of the complaint that an observation is of. All that one facts file says is of one;
/// entries of `observations.toml` and sentences of the command line are each of their own.
fn complaint_of<'h>(files: &mut Vec<&'h str>, observation: &'h Observation) -> usize {
    let file = file_of(observation);
    let known = files.iter().position(|f| *f == file && !file.is_empty());
    known.unwrap_or_else(|| {
        files.push(file);
        files.len() - 1
    })
}

/// The mount that holds a path, if its type is known: that of the longest mount point above it.
fn holder<'h>(gather: &Gather<'h>, path: &str) -> Option<&'h Sourced<MountEntry>> {
    let mounts = gather.host.metrics.mounts.iter();
    let above = mounts.filter(|m| is_below(path, &m.mountpoint) && !m.fstype.is_empty());
    above.max_by_key(|m| m.mountpoint.len())
}

/// A number that somebody gave, where its name tells what it measures.
fn number(gather: &mut Gather<'_>, about: &Subject, quantity: &Quantity, source: &Source) {
    let what = quantity.what.as_deref().unwrap_or_default().to_lowercase();
    let has = |word: &str| what.split([' ', '_', '-', '.']).any(|w| w == word);
    let name = match quantity.unit {
        Unit::Percent if has("iowait") || has("wa") => "cpu.iowait",
        Unit::Percent if matches!(what.as_str(), "used" | "use" | "full") => "space.used",
        Unit::Percent if has("util") || has("utilisation") || has("utilization") => "disks.busiest",
        Unit::Percent
            if (is_compsize(&what) || has("compsize") && has("total"))
                && quantity.value <= 100.0 =>
        {
            "compression.ratio"
        }
        Unit::Seconds if has("mount") => "mount.seconds",
        Unit::Seconds if has("commit") => "commit.max",
        Unit::Count if has("extents") => "fragmentation.extents",
        Unit::Count if has("snapshots") => "snapshots",
        Unit::Count if has("subvolumes") => "subvolumes",
        Unit::Count if what == "load" || has("loadavg") => "load.one",
        _ => return,
    };
    // What tools measured is known better.
    if gather.signals.about(name, about).next().is_some() {
        return;
    }
    let value = match name {
        "commit.max" => quantity.value * 1000.0,
        _ => quantity.value,
    };
    gather.number(
        name,
        about.clone(),
        value,
        source.clone(),
        quantity.to_string(),
    );
}

/// `compsize`, or `compsize /home`: the whole of what was asked about, and no line of it.
fn is_compsize(what: &str) -> bool {
    let mut words = what.split(' ').filter(|w| *w != "sudo" && *w != "x");
    words.next() == Some("compsize") && words.all(|w| w.starts_with('/') || w == "-x")
}

/// `cpu: 11 % busy`.
fn busy(gather: &mut Gather<'_>, observation: &Observation, source: &Source) {
    let text = observation.text.to_lowercase();
    let is_use = ["busy", "used", "load", "usage", "util"]
        .iter()
        .any(|word| text.contains(word));
    let percent = |q: &&Quantity| q.unit == Unit::Percent && (0.0..=100.0).contains(&q.value);
    let told = gather.signals.about("cpu.busy", &Subject::Machine).next();
    let mut shares = observation.quantities.iter().filter(percent);
    if let (Some(share), None, true) = (shares.next(), told, is_use) {
        let (value, text) = (share.value, format!("the processor is {} busy", share));
        gather.number("cpu.busy", Subject::Machine, value, source.clone(), text);
    }
}

/// What an observation is about: the filesystem of its path, if one can be told.
fn about(gather: &Gather<'_>, observation: &Observation) -> Subject {
    let Some(path) = observation.paths.first() else {
        return Subject::Machine;
    };
    let real = facts::real_path(gather.host, path);
    gather.filesystem_of(Some(&real))
}

/// Whether anybody complains at all.
fn complaint(gather: &mut Gather<'_>) {
    let host = gather.host;
    let felt = |o: &&Observation| o.symptoms.iter().any(|s| *s != Symptom::Fine);
    if let Some(first) = host.observations.iter().find(felt) {
        let source = Source::Observation(first.source.clone());
        gather.fact(
            "complaint",
            Subject::Machine,
            true,
            source,
            "people complain",
        );
    } else if let Some(first) = host
        .observations
        .iter()
        .find(|o| o.symptoms.contains(&Symptom::Fine))
    {
        let source = Source::Observation(first.source.clone());
        let text = "nobody complains of anything";
        gather.fact("complaint", Subject::Machine, false, source, text);
    }
}
