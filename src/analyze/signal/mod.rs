//! Owns: the signals of a host. A signal is one named thing that is known of the machine, of one of
//! its filesystems or of one of its devices: `psi.io.some` 42 %, `quota.on`, `thread.busy`
//! `btrfs-cleaner`. Whatever was read, and in whichever form, becomes signals, and causes weigh
//! nothing else. [`dictionary`] says of each name what it means and which command tells it.
//!
//! Nothing is concluded here, and nothing from silence: what no input tells has no signal.

mod configured;
mod device;
pub mod dictionary;
mod files;
mod load;
mod memory;
pub mod models;
mod options;
mod people;
mod platform;
mod process;
mod space;
mod upkeep;
mod view;

use rustc_hash::FxHashMap;

pub use view::View;

use super::evidence::Source;
use super::workload::Workload;
use crate::btrfs::KernelVersion;
use crate::model::Host;

/// What a signal is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The whole machine, or a part of it that is not known.
    Machine,
    /// A filesystem, by the name that reports use.
    Filesystem(String),
    /// A block device, by its kernel name.
    Device(String),
}

/// What a signal says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// It is so.
    Yes,
    /// It is known not to be so.
    No,
    /// A number in the unit of the dictionary.
    Number(f64),
    /// A word, in lower case.
    Word(String),
    /// The version of a kernel.
    Version(KernelVersion),
}

/// One thing that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its name in the dictionary, or `heard.` and a concept of the lexicon.
    pub name: String,
    /// What it is about.
    pub about: Subject,
    /// What it says.
    pub value: Value,
    /// The same for people, with number and unit.
    pub text: String,
    /// Where it was read.
    pub source: Source,
    /// For what people say: which of their complaints it is of. What one complaint says is no
    /// evidence about another.
    pub complaint: Option<usize>,
}

/// All signals of a host.
#[derive(Debug, Default)]
pub struct Signals {
    list: Vec<Signal>,
    by_name: FxHashMap<String, Vec<usize>>,
    /// Filesystem → the kernel names of what it stands on.
    filesystems: Vec<(String, Vec<String>)>,
    /// What people tell, complaint by complaint, in their own words.
    accounts: Vec<String>,
}

impl Signals {
    /// The signals of a host.
    pub fn of(host: &Host, workloads: &[Workload]) -> Self {
        let views = view::views(host);
        let mut gather = Gather {
            host,
            workloads,
            views: &views,
            signals: Signals::default(),
            complaint: None,
        };
        let of_views = views.iter().map(|v| (v.name.clone(), v.devices.clone()));
        gather.signals.filesystems = of_views.collect();
        memory::gather(&mut gather);
        load::gather(&mut gather);
        device::gather(&mut gather);
        space::gather(&mut gather);
        options::gather(&mut gather);
        upkeep::gather(&mut gather);
        process::gather(&mut gather);
        platform::gather(&mut gather);
        files::gather(&mut gather);
        configured::gather(&mut gather);
        // What people say comes last: what tools measured is known better.
        people::gather(&mut gather);
        load::whole_iowait(&mut gather);
        gather.signals
    }

    /// All of them, in the order in which they were gathered.
    pub fn iter(&self) -> impl Iterator<Item = &Signal> {
        self.list.iter()
    }

    /// The signals of a name that are about a subject: its own, those of what it stands on, and
    /// those of the whole machine. Of a machine, all.
    pub fn about<'a>(
        &'a self,
        name: &str,
        subject: &'a Subject,
    ) -> impl Iterator<Item = &'a Signal> {
        self.heard(name, subject, None)
    }

    /// The complaints that people have.
    pub fn complaints(&self) -> usize {
        let of = self.list.iter().filter_map(|s| s.complaint);
        of.max().map_or(0, |last| last + 1).max(self.accounts.len())
    }

    /// What people tell, complaint by complaint, in their own words.
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// The same, with only one complaint listened to; `None` listens to all.
    pub fn heard<'a>(
        &'a self,
        name: &str,
        subject: &'a Subject,
        complaint: Option<usize>,
    ) -> impl Iterator<Item = &'a Signal> {
        let found = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        found
            .iter()
            .filter_map(|&i| self.list.get(i))
            .filter(move |s| {
                complaint.is_none() || s.complaint.is_none() || s.complaint == complaint
            })
            .filter(move |s| self.concerns(s, subject))
    }

    /// Whether a signal is to be heard of for a subject.
    fn concerns(&self, signal: &Signal, subject: &Subject) -> bool {
        match (&signal.about, subject) {
            (Subject::Machine, _) | (_, Subject::Machine) => true,
            (about, subject) if about == subject => true,
            (Subject::Device(device), Subject::Filesystem(name)) => self.stands_on(name, device),
            // What is known of a filesystem tells of a device only where it has no other.
            (Subject::Filesystem(name), Subject::Device(device)) => {
                self.stands_on(name, device)
                    && self.filesystems.iter().filter(|(n, _)| n == name).count() == 1
            }
            _ => false,
        }
    }

    /// Whether a filesystem stands on a device. One that belongs to no filesystem may belong to any
    /// of which no device is known.
    fn stands_on(&self, filesystem: &str, device: &str) -> bool {
        let of = |name: &str| self.filesystems.iter().find(|(n, _)| n == name);
        let is_claimed = self
            .filesystems
            .iter()
            .any(|(_, d)| d.iter().any(|d| d == device));
        of(filesystem).is_some_and(|(_, devices)| {
            devices.iter().any(|d| d == device) || (!is_claimed && devices.is_empty())
        })
    }

    /// The filesystems of the machine, by name.
    pub fn filesystems(&self) -> impl Iterator<Item = &str> {
        self.filesystems.iter().map(|(name, _)| name.as_str())
    }

    /// The devices that something is known of.
    pub fn devices(&self) -> Vec<&str> {
        let mut devices: Vec<&str> = Vec::new();
        for signal in &self.list {
            if let Subject::Device(name) = &signal.about
                && !devices.contains(&name.as_str())
            {
                devices.push(name);
            }
        }
        devices
    }

    /// Adds what follows from the others.
    pub(super) fn extend(&mut self, more: Vec<Signal>) {
        for signal in more {
            self.push(signal);
        }
    }

    fn push(&mut self, signal: Signal) {
        let index = self.list.len();
        self.by_name
            .entry(signal.name.clone())
            .or_default()
            .push(index);
        self.list.push(signal);
    }
}

/// A host while its signals are gathered.
struct Gather<'h> {
    host: &'h Host,
    workloads: &'h [Workload],
    views: &'h [View<'h>],
    signals: Signals,
    /// The complaint that is listened to.
    complaint: Option<usize>,
}

impl<'h> Gather<'h> {
    fn say(
        &mut self,
        name: &str,
        about: Subject,
        value: Value,
        source: Source,
        text: impl Into<String>,
    ) {
        debug_assert!(
            name.starts_with("heard.") || dictionary::lookup(name).is_some(),
            "`{name}` is not in the dictionary of signals"
        );
        self.signals.push(Signal {
            name: name.to_owned(),
            about,
            value,
            text: text.into(),
            source,
            complaint: self.complaint,
        });
    }

    /// Something is so, or known not to be.
    fn fact(
        &mut self,
        name: &str,
        about: Subject,
        is: bool,
        source: Source,
        text: impl Into<String>,
    ) {
        let value = if is { Value::Yes } else { Value::No };
        self.say(name, about, value, source, text);
    }

    /// A number, unless it is none.
    fn number(
        &mut self,
        name: &str,
        about: Subject,
        number: f64,
        source: Source,
        text: impl Into<String>,
    ) {
        if number.is_finite() {
            self.say(name, about, Value::Number(number), source, text);
        }
    }

    /// A word, in lower case.
    fn word(
        &mut self,
        name: &str,
        about: Subject,
        word: &str,
        source: Source,
        text: impl Into<String>,
    ) {
        self.say(name, about, Value::Word(word.to_lowercase()), source, text);
    }

    /// The filesystem that stands on one of some devices; where that is not known, the only one.
    fn filesystem_on<'d>(&self, mut devices: impl Iterator<Item = &'d str>) -> Subject {
        devices
            .find_map(|d| view::on_device(self.views, d))
            .unwrap_or_else(|| self.filesystem_of(None))
    }

    /// The filesystem that a mount point or path belongs to; the machine where that is not known.
    fn filesystem_of(&self, path: Option<&str>) -> Subject {
        view::holding(self.views, path)
    }
}

/// A metrics file as a source.
fn measured<T>(fact: &crate::model::metrics::Sourced<T>) -> Source {
    Source::Metrics(fact.source.to_string())
}

/// The hardware report as a source.
fn report() -> Source {
    Source::Hardware("the hardware report".to_owned())
}
