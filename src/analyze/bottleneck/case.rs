//! Owns: how a case for a cause is made, and the questions to a host that many checks ask.

use super::{Cause, Diagnosis};
use crate::analyze::evidence::{Direction, Evidence, Source, Weight, confidence};
use crate::analyze::facts;
use crate::analyze::workload::{Workload, WorkloadKind, first_words};
use crate::model::metrics::{DeviceIo, Sourced};
use crate::model::observation::Observation;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::nix::source::Span;

/// What a check may look at.
pub(super) struct Inputs<'a> {
    pub(super) host: &'a Host,
    pub(super) workloads: &'a [Workload],
}

impl<'a> Inputs<'a> {
    /// The filesystems of the host.
    pub(super) fn filesystems(&self) -> &'a [Filesystem] {
        &self.host.storage.filesystems
    }

    /// The workload of a kind.
    pub(super) fn workload(&self, kind: WorkloadKind) -> Option<&'a Workload> {
        self.workloads.iter().find(|w| w.kind == kind)
    }

    /// The observations that complain.
    pub(super) fn complaints(&self) -> impl Iterator<Item = &'a Observation> + use<'a> {
        self.host
            .observations
            .iter()
            .filter(|o| facts::complains(o))
    }

    /// Memory there is, by the metrics or the hardware report.
    pub(super) fn memory(&self) -> Option<(Bytes, Source)> {
        let metrics = self.host.metrics.memory.as_ref();
        let measured = metrics.map(|m| (m.total, Source::Metrics(m.source.to_string())));
        let reported = || {
            let memory = self.host.hardware.as_ref()?.memory?;
            Some((memory.bytes, hardware()))
        };
        measured.or_else(reported)
    }
}

/// The hardware report as a source.
pub(super) fn hardware() -> Source {
    Source::Hardware("the hardware report".to_owned())
}

/// A place of the configuration as a source.
pub(super) fn configuration(at: Option<Span>) -> Source {
    Source::Configuration(at)
}

/// A metrics file as a source.
pub(super) fn metrics<T>(fact: &Sourced<T>) -> Source {
    Source::Metrics(fact.source.to_string())
}

/// Whether what somebody said holds one of some words.
pub(super) fn mentions(observation: &Observation, words: &[&str]) -> bool {
    let said = [
        Some(&observation.text),
        observation.when.as_ref(),
        observation.since.as_ref(),
    ];
    said.into_iter().flatten().any(|text| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    })
}

/// The mean of what is known; `None` if nothing is.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Bytes a second that a device moves.
pub(super) fn throughput(load: &DeviceIo) -> f64 {
    load.read_bytes_s.unwrap_or(0.0) + load.write_bytes_s.unwrap_or(0.0)
}

/// Bytes a second, for people: decimal, as makers and iostat have it.
pub(super) fn rate(bytes_per_second: f64) -> String {
    format!("{:.1} MB/s", bytes_per_second / 1e6)
}

/// The names of some loads.
pub(super) fn names(loads: &[&Sourced<DeviceIo>]) -> String {
    loads
        .iter()
        .map(|l| l.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The case for one cause.
pub(super) struct Case {
    cause: Cause,
    about: Option<String>,
    evidence: Vec<Evidence>,
}

impl Case {
    pub(super) fn new(cause: Cause, about: Option<&str>) -> Self {
        Case {
            cause,
            about: about.map(str::to_owned),
            evidence: Vec::new(),
        }
    }

    /// Adds what speaks for it.
    pub(super) fn says(&mut self, weight: Weight, source: Source, statement: impl Into<String>) {
        self.evidence
            .push(Evidence::speaks_for(weight, source, statement));
    }

    /// Adds what speaks against it.
    pub(super) fn denies(&mut self, weight: Weight, source: Source, statement: impl Into<String>) {
        self.evidence
            .push(Evidence::speaks_against(weight, source, statement));
    }

    /// Adds a complaint, in its own words, with what it says here.
    pub(super) fn hears(&mut self, weight: Weight, observation: &Observation, meaning: &str) {
        let source = Source::Observation(observation.source.clone());
        let words = first_words(&observation.text);
        self.evidence.push(Evidence::speaks_for(
            weight,
            source,
            format!("{meaning}: {words}"),
        ));
    }

    /// Whether anything speaks for it.
    pub(super) fn stands(&self) -> bool {
        self.evidence.iter().any(|e| e.direction == Direction::For)
    }

    /// The diagnosis, if anything speaks for it.
    pub(super) fn close(self, title: impl Into<String>) -> Option<Diagnosis> {
        self.stands().then(|| Diagnosis {
            cause: self.cause,
            title: title.into(),
            about: self.about,
            confidence: confidence(&self.evidence),
            evidence: self.evidence,
        })
    }
}
