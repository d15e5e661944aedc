//! What people say about a host: complaints, with what could be understood of them.

use std::fmt;

use serde::Serialize;

/// One thing a person said.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observation {
    /// Their own words.
    pub text: String,
    /// What they complain of, worst first.
    pub symptoms: Vec<Symptom>,
    /// What they say is *not* so ("reads are not slow").
    pub denied: Vec<Symptom>,
    /// What the machine does when it happens.
    pub workloads: Vec<WorkloadHint>,
    /// Absolute paths it happens at, sorted.
    pub paths: Vec<String>,
    /// Since when, in their words.
    pub since: Option<String>,
    /// How bad it is.
    pub severity: Option<HowBad>,
    /// When it happens, in their words.
    pub when: Option<String>,
    /// Every concept of the lexicon that was understood, in the order of the words.
    pub heard: Vec<Heard>,
    /// The words that nothing was understood from.
    pub unread: Vec<String>,
    /// Numbers they gave.
    pub quantities: Vec<Quantity>,
    /// Where they said it: a file name with line, or `--observe`.
    pub source: String,
}

impl Observation {
    /// The worst thing they complain of.
    pub fn what(&self) -> Option<Symptom> {
        self.symptoms.first().copied()
    }

    /// Echoes what was understood, so that a person sees what the tool works with: each concept
    /// with the words it was understood from, then what is denied, only supposed or was tried,
    /// and the words that nothing was understood from.
    pub fn understood(&self) -> String {
        let mut parts = Vec::new();
        let facts = self.list(|heard| heard.is_fact(), "");
        parts.extend((!facts.is_empty()).then_some(facts));
        for (title, which) in [
            (
                "not",
                (|h| h.negated && !h.supposed && h.tried.is_none()) as fn(&Heard) -> bool,
            ),
            ("only supposed", |h| h.supposed),
            ("tried", |h| h.tried.is_some() && !h.supposed),
        ] {
            let list = self.list(which, title);
            if !list.is_empty() {
                parts.push(format!("{title}: {list}"));
            }
        }
        if !self.paths.is_empty() {
            parts.push(format!("at {}", self.paths.join(", ")));
        }
        parts.extend(self.when.as_ref().map(|when| format!("when: {when}")));
        parts.extend(self.since.as_ref().map(|since| format!("since: {since}")));
        parts.extend(self.severity.map(|severity| format!("how bad: {severity}")));
        if !self.quantities.is_empty() {
            let list: Vec<String> = self.quantities.iter().map(ToString::to_string).collect();
            parts.push(format!("numbers: {}", list.join(", ")));
        }
        if parts.is_empty() {
            parts.push("nothing understood; kept as text".to_owned());
        }
        if !self.unread.is_empty() {
            parts.push(format!("not understood: {}", self.unread.join(" ")));
        }
        parts.join("; ")
    }

    /// Concepts with their words; the words are told once where several come from them.
    fn list(&self, which: impl Fn(&Heard) -> bool, title: &str) -> String {
        let mut by_words: Vec<(&str, Vec<String>)> = Vec::new();
        for heard in self.heard.iter().filter(|heard| which(heard)) {
            let mut name = heard.concept.clone();
            if heard.negated && title != "not" {
                name.insert_str(0, "not ");
            }
            match heard.tried {
                Some(Tried::Helped) => name.push_str(" (helped)"),
                Some(Tried::NoEffect) => name.push_str(" (no effect)"),
                Some(Tried::Worse) => name.push_str(" (made it worse)"),
                None => {}
            }
            match by_words.iter_mut().find(|(words, _)| *words == heard.words) {
                Some((_, names)) => names.push(name),
                None => by_words.push((&heard.words, vec![name])),
            }
        }
        let shown: Vec<String> = by_words
            .into_iter()
            .map(|(words, names)| format!("{} “{words}”", names.join(" + ")))
            .collect();
        shown.join(", ")
    }
}

/// One concept that was understood of someone's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Its id in the lexicon: `symptom.slow`, `thing.quota`.
    pub concept: String,
    /// Whether they say that it is *not* so; then it is known not to be.
    pub negated: bool,
    /// Whether they only guess it, ask about it or pass on what others say: never a fact.
    pub supposed: bool,
    /// Where they tried it: what came of it.
    pub tried: Option<Tried>,
    /// The exact words it was understood from.
    pub words: String,
}

impl Heard {
    /// Whether it is told as what is so now.
    pub fn is_fact(&self) -> bool {
        !self.negated && !self.supposed && self.tried.is_none()
    }
}

/// What came of something that people tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tried {
    /// It got better.
    Helped,
    /// Nothing changed.
    NoEffect,
    /// It got worse.
    Worse,
}

/// What people complain of; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// Nothing: they say that all is well.
    Fine,
    /// The disk or the processor works more than it should.
    Busy,
    /// Takes longer than it should.
    Slow,
    /// Boot or mounting takes long.
    SlowBoot,
    /// Stops for a moment and goes on.
    Stall,
    /// The whole system hangs.
    Freeze,
    /// No space left, rightly or not.
    OutOfSpace,
    /// The filesystem became read-only.
    ReadOnly,
    /// I/O errors, checksum errors, corruption.
    Errors,
}

impl Symptom {
    /// All of them, mildest first.
    pub const ALL: [Symptom; 9] = [
        Self::Fine,
        Self::Busy,
        Self::Slow,
        Self::SlowBoot,
        Self::Stall,
        Self::Freeze,
        Self::OutOfSpace,
        Self::ReadOnly,
        Self::Errors,
    ];

    /// Its word in `observations.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Busy => "busy",
            Self::Slow => "slow",
            Self::SlowBoot => "slow-boot",
            Self::Stall => "stall",
            Self::Freeze => "freeze",
            Self::OutOfSpace => "out-of-space",
            Self::ReadOnly => "read-only",
            Self::Errors => "errors",
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a machine does, as far as people's words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadHint {
    /// Compiling software.
    Build,
    /// Databases.
    Database,
    /// Containers.
    Container,
    /// Virtual machines.
    Vm,
    /// Interactive use.
    Desktop,
    /// Serving files.
    Nas,
    /// Backups and snapshots sent elsewhere.
    Backup,
    /// The Nix store: rebuilds, garbage collection.
    NixStore,
    /// Mail storage.
    Mail,
    /// Games.
    Game,
    /// Development environments with their language servers.
    Ide,
    /// Snapshots taken and tidied.
    Snapshots,
    /// Downloads and torrents.
    Torrent,
    /// Logs and time series.
    Logs,
}

impl WorkloadHint {
    /// All of them.
    pub const ALL: [WorkloadHint; 14] = [
        Self::Build,
        Self::Database,
        Self::Container,
        Self::Vm,
        Self::Desktop,
        Self::Nas,
        Self::Backup,
        Self::NixStore,
        Self::Mail,
        Self::Game,
        Self::Ide,
        Self::Snapshots,
        Self::Torrent,
        Self::Logs,
    ];

    /// Its word in `observations.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Database => "database",
            Self::Container => "container",
            Self::Vm => "vm",
            Self::Desktop => "desktop",
            Self::Nas => "nas",
            Self::Backup => "backup",
            Self::NixStore => "nix-store",
            Self::Mail => "mail",
            Self::Game => "game",
            Self::Ide => "ide",
            Self::Snapshots => "snapshots",
            Self::Torrent => "torrent",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for WorkloadHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How bad a symptom is: how long it lasts, or what it makes of the machine; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HowBad {
    /// Noticed, no more.
    Slight,
    /// Lasts seconds.
    Seconds,
    /// Lasts minutes.
    Minutes,
    /// Lasts hours.
    Hours,
    /// Work is impossible.
    Unusable,
}

impl HowBad {
    /// All of them, mildest first.
    pub const ALL: [HowBad; 5] = [
        Self::Slight,
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
        Self::Unusable,
    ];

    /// Its word in `observations.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slight => "slight",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Unusable => "unusable",
        }
    }

    /// How bad a span of so many seconds is.
    pub fn of_seconds(seconds: f64) -> Self {
        match seconds {
            s if s < 1.0 => Self::Slight,
            s if s < 60.0 => Self::Seconds,
            s if s < 3600.0 => Self::Minutes,
            _ => Self::Hours,
        }
    }
}

impl fmt::Display for HowBad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A number that somebody gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantity {
    /// What it measures, where it has a name (`build`).
    pub what: Option<String>,
    /// The value, in the unit below.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// Whether the true value is known to lie on one side: "more than twenty".
    pub bound: Option<Bound>,
}

/// On which side of a number the true value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It is so much or more.
    AtLeast,
    /// It is so much or less.
    AtMost,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(what) = &self.what {
            write!(f, "{what} = ")?;
        }
        match self.bound {
            Some(Bound::AtLeast) => f.write_str("≥ ")?,
            Some(Bound::AtMost) => f.write_str("≤ ")?,
            None => {}
        }
        let unit = match self.unit {
            Unit::Seconds => "s",
            Unit::Bytes => "B",
            Unit::BytesPerSecond => "B/s",
            Unit::Percent => "%",
            Unit::Count => return write!(f, "{}", self.value),
        };
        write!(f, "{} {unit}", self.value)
    }
}

/// The unit of a [`Quantity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Percent.
    Percent,
    /// A plain number.
    Count,
}
