//! What the machine does, with which programs, on which paths, and how that reads and writes.
//!
//! Owns the tables in `data/`: services, images and programs by the work they do, paths that tell of
//! it, and the patterns of reading and writing. An expert who edits them needs no Rust. Must never
//! know remedies.

mod images;
mod kind;
mod measured;
mod nspawn;
mod pattern;
mod place;
mod programs;
mod services;

use std::collections::BTreeMap;

use super::evidence::{Confidence, Direction, Evidence, Source, Weight};
use super::facts;
use crate::model::{Host, Reading, Setting};

pub use kind::{Engine, WorkloadKind};
pub use pattern::{Access, HotSet, IoPattern, Mix, RequestSize, SyncHabit, Update};
pub use place::Place;

/// One kind of work on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Which.
    pub kind: WorkloadKind,
    /// The paths it works on, the main one first: what rules look at.
    pub paths: Vec<String>,
    /// The same paths with what holds them, and those of small databases that programs keep for
    /// themselves.
    pub places: Vec<Place>,
    /// Paths that are not known, each with the reason.
    pub unplaced: Vec<String>,
    /// What does it, where that is known.
    pub engines: Vec<Engine>,
    /// Why it is believed.
    pub evidence: Vec<Evidence>,
    /// People say that it is slow.
    pub complained_about: bool,
}

impl Workload {
    /// Work of a kind, of which nothing else is known.
    pub fn new(kind: WorkloadKind) -> Self {
        Workload {
            kind,
            paths: Vec::new(),
            places: Vec::new(),
            unplaced: Vec::new(),
            engines: Vec::new(),
            evidence: Vec::new(),
            complained_about: false,
        }
    }

    /// How sure it is that the machine does this. What one kind of source says is of one mind, so it
    /// adds up to no more than a strong statement: only a second kind makes it sure.
    pub fn confidence(&self) -> Confidence {
        let most = Weight::Strong.points();
        let mut sums: BTreeMap<u8, i32> = BTreeMap::new();
        let mut against = 0;
        for evidence in &self.evidence {
            let points = evidence.weight.points();
            match evidence.direction {
                Direction::For => *sums.entry(kind_of(&evidence.source)).or_default() += points,
                Direction::Against => against += points,
            }
        }
        let speaks_for: i32 = sums.values().map(|sum| most.min(*sum)).sum();
        match speaks_for - most.min(against) {
            ..=0 => Confidence::Unlikely,
            1..=2 => Confidence::Low,
            3..=5 => Confidence::Medium,
            6.. => Confidence::High,
        }
    }

    /// How it reads and writes: for each engine that is known, else what the kind has in common.
    pub fn patterns(&self) -> Vec<&'static IoPattern> {
        let mut patterns: Vec<&'static IoPattern> = Vec::new();
        let engines = self.engines.iter().map(|e| Some(*e));
        let common = self.engines.is_empty().then_some(None);
        for pattern in engines
            .chain(common)
            .filter_map(|engine| IoPattern::of(self.kind, engine))
        {
            if !patterns.iter().any(|p| std::ptr::eq(*p, pattern)) {
                patterns.push(pattern);
            }
        }
        patterns
    }

    /// How it reads and writes at a place.
    pub fn pattern_at(&self, place: &Place) -> Option<&'static IoPattern> {
        IoPattern::of(self.kind, place.engine)
    }

    /// Notes an engine; whether it was known before.
    fn engine(&mut self, engine: Option<Engine>) -> bool {
        let Some(engine) = engine else { return false };
        let known = self.engines.contains(&engine);
        if !known {
            self.engines.push(engine);
        }
        known
    }

    fn place(&self, host: &Host, path: &str, engine: Option<Engine>, dynamic: bool) -> Place {
        Place::of(host, path, engine, dynamic)
    }

    fn add(&mut self, host: &Host, place: Place) {
        // The path by which rules know it: behind persistence, before other bind mounts.
        let private = place.real_path.starts_with("/var/lib/private/");
        let known_as = if private {
            &place.real_path
        } else {
            &place.path
        };
        let path = facts::real_path(host, known_as);
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
        self.note(place);
    }

    /// Notes a place that rules need not know.
    fn note(&mut self, place: Place) {
        let mut known = self.places.iter_mut();
        match known.find(|p| p.real_path == place.real_path) {
            Some(known) => known.engine = known.engine.or(place.engine),
            None => self.places.push(place),
        }
    }

    /// Whether a source of this kind speaks for it already.
    fn tells(&self, source: &Source) -> bool {
        let of = |e: &Evidence| kind_of(&e.source) == kind_of(source);
        self.evidence.iter().any(of)
    }
}

/// Kinds of sources, which do not depend on each other.
fn kind_of(source: &Source) -> u8 {
    match source {
        Source::Hardware(_) => 0,
        Source::Configuration(_) => 1,
        Source::Metrics(_) => 2,
        Source::Observation(_) => 3,
        Source::Knowledge(_) => 4,
    }
}

/// The options of NixOS that tell what a machine does, and where that lies; `*` stands for any one
/// name.
pub fn options_looked_at() -> impl Iterator<Item = &'static str> {
    telling().chain(place::OPTIONS)
}

fn telling() -> impl Iterator<Item = &'static str> {
    services::options().chain(images::OPTIONS)
}

/// The workloads of a host, in the order of their kinds.
pub fn identify(host: &Host) -> Vec<Workload> {
    let insides = nspawn::insides(host);
    let mut workloads = WorkloadKind::ALL.map(Workload::new);
    for workload in &mut workloads {
        // What people name comes first: it is what they wait for.
        from_observations(host, workload);
        let named = workload.engines.clone();
        workload.engines.clear();
        services::read(host, workload, None);
        for inside in &insides {
            services::read(host, workload, Some(inside));
        }
        images::read(host, workload);
        let configured = workload.engines.clone();
        let is_told = workload.tells(&Source::Configuration(None));
        for engine in named {
            workload.engine(Some(engine));
        }
        programs::read(host, workload, &configured, is_told);
        measured::read(host, workload);
        services::denied(host, workload, &configured);
    }
    let believed = |w: &Workload| w.evidence.iter().any(|e| e.direction == Direction::For);
    workloads.into_iter().filter(believed).collect()
}

fn from_observations(host: &Host, workload: &mut Workload) {
    let kind = workload.kind;
    let about = host.observations.iter().filter(|o| {
        o.workloads
            .iter()
            .any(|hint| WorkloadKind::from(*hint) == kind)
    });
    for observation in about {
        workload.complained_about |= facts::complains(observation);
        workload.evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Observation(observation.source.clone()),
            format!("people say: {}", first_words(&observation.text)),
        ));
        let engines = programs::named(kind, &observation.text);
        // Several engines in one sentence: which of them works on the path is not said.
        let engine = match engines.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        for engine in &engines {
            workload.engine(Some(*engine));
        }
        for path in &observation.paths {
            let place = workload.place(host, path, engine, false);
            workload.add(host, place);
        }
    }
}

/// The beginning of a text, to quote it.
pub(in crate::analyze) fn first_words(text: &str) -> String {
    const LONGEST: usize = 96;
    let sentence = text.split(';').next().unwrap_or(text).trim();
    match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("“{} …”", sentence[..end].trim_end()),
        None => format!("“{sentence}”"),
    }
}

/// The options that tell what a machine does, and where its data lies: all that are known of it.
pub fn watched(host: &Host) -> Vec<(&str, &Reading<Setting>)> {
    let found = telling().flat_map(|p| services::readings(host, p));
    let mut found: Vec<_> = found
        .map(|(option, _, reading)| (option, reading))
        .collect();
    found.sort_by_key(|(path, _)| *path);
    found.dedup_by_key(|(path, _)| *path);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_says_where_each_of_its_claims_is_known_from() {
        let mut seen = std::collections::BTreeSet::new();
        for pattern in pattern::read().unwrap() {
            let name = format!("{:?} {:?}", pattern.kind, pattern.engine);
            assert!(seen.insert(name.clone()), "{name} stands there twice");
            let sources: Vec<&str> = pattern.sources.keys().map(String::as_str).collect();
            let mut claims = pattern::CLAIMS;
            claims.sort_unstable();
            assert_eq!(sources, claims, "{name}");
            for source in pattern.sources.values() {
                let known = source == "judgement"
                    || source.starts_with("https://")
                    || source.starts_with("measured: ");
                assert!(known, "{name}: {source}");
            }
        }
    }

    #[test]
    fn every_kind_has_a_pattern_and_every_database_its_own() {
        for kind in WorkloadKind::ALL {
            assert!(IoPattern::of(kind, None).is_some(), "{kind:?}");
        }
        let of = |engine| IoPattern::of(WorkloadKind::Database, Some(engine)).unwrap();
        for engine in services::table()
            .unwrap()
            .iter()
            .filter(|s| s.kind == WorkloadKind::Database)
            .filter_map(|s| s.engine)
        {
            assert_eq!(of(engine).engine, Some(engine));
        }
    }

    #[test]
    fn one_kind_of_source_alone_is_never_sure() {
        let mut work = Workload::new(WorkloadKind::Nas);
        let configured = || Source::Configuration(None);
        for _ in 0..9 {
            let said = Evidence::speaks_for(Weight::Strong, configured(), "a share");
            work.evidence.push(said);
        }
        assert_eq!(work.confidence(), Confidence::Medium);
        let seen = Source::Metrics("pidstat".to_owned());
        let idle = Evidence::speaks_against(Weight::Moderate, seen.clone(), "idle");
        work.evidence.push(idle);
        assert_eq!(work.confidence(), Confidence::Low);
        work.evidence.pop();
        let busy = Evidence::speaks_for(Weight::Moderate, seen, "busy");
        work.evidence.push(busy);
        assert_eq!(work.confidence(), Confidence::High);
    }
}
