//! From what was concluded and realised to the public report.

use super::*;
use crate::analyze::{Analysis, Evidence, Source};
use crate::impact;
use crate::model::{Host, UnknownFact};
use crate::nix::source::{Sources, Span};
use crate::project::HostName;
use crate::recommend::Effect;
use crate::rewrite::diff::FileDiff;
use crate::rewrite::{Outcome, Realised};
use crate::select;

/// The report of one host. Places are those of the files as they were read.
pub fn host(
    host: &Host,
    analysis: &Analysis,
    realised: &[Realised],
    sources: &Sources,
) -> HostReport {
    let diagnoses = analysis
        .diagnoses
        .iter()
        .filter(|d| d.is_supported() && d.confidence > Confidence::Unlikely);
    HostReport {
        name: host.name.clone(),
        machine: machine(host),
        filesystems: host
            .storage
            .filesystems
            .iter()
            .map(|f| f.name().to_owned())
            .collect(),
        workloads: workloads(analysis, sources),
        causes: diagnoses.map(|d| cause::of(d, sources)).collect(),
        withheld: withheld(host, analysis),
        findings: realised
            .iter()
            .map(|r| recommendation(&host.name, r))
            .collect(),
        together: together(host, realised),
        unknown: host
            .skipped
            .iter()
            .chain(&host.unknown)
            .map(|u| unknown(u, sources))
            .collect(),
    }
}

/// What the patches do together.
fn together(host: &Host, realised: &[Realised]) -> Vec<Together> {
    let patched = realised
        .iter()
        .filter(|r| matches!(r.outcome, Outcome::Patch { .. } | Outcome::With(_)));
    let effects: Vec<(Effect, Option<&str>)> = patched
        .filter_map(|r| {
            let remedy = r.proposal.remedy.as_ref()?;
            let filesystem = select::filesystem_of(&remedy.actions, host);
            Some((remedy.effect, filesystem.map(|f| f.name())))
        })
        .collect();
    let filesystems = host.storage.filesystems.iter();
    let each = filesystems.filter_map(|f| {
        let here = effects.iter().filter(|(_, name)| *name == Some(f.name()));
        let here: Vec<Effect> = here.map(|(effect, _)| *effect).collect();
        impact::together(&here, f, host)
    });
    each.collect()
}

/// What a machine does.
pub(super) fn workloads(analysis: &Analysis, sources: &Sources) -> Vec<WorkloadReport> {
    let all = analysis.workloads.iter();
    all.map(|w| WorkloadReport {
        kind: w.kind,
        paths: w.paths.clone(),
        complained_about: w.complained_about,
        engines: w.engines.clone(),
        places: w.places.clone(),
        unplaced: w.unplaced.clone(),
        patterns: w.patterns().into_iter().cloned().collect(),
        confidence: Some(w.confidence()),
        evidence: w.evidence.iter().map(|e| evidence(e, sources)).collect(),
    })
    .collect()
}

/// What is not proposed for a host.
pub(super) fn withheld(host: &Host, analysis: &Analysis) -> Vec<WithheldReport> {
    let all = select::withheld(host, analysis).into_iter();
    all.map(|w| WithheldReport {
        rule: w.finding.rule.to_owned(),
        subject: w.finding.subject,
        message: w.finding.message,
        cause: w.cause.id().to_owned(),
        why: w.why,
    })
    .collect()
}

/// The causes that the remedies of a rule relieve.
pub(super) fn relieves(rule: &str) -> Vec<String> {
    let causes = crate::recommend::rules::rule(rule).map_or(&[][..], |r| r.meta().relieves);
    causes.iter().map(|cause| cause.id().to_owned()).collect()
}

/// Something that could not be read.
pub fn unknown(fact: &UnknownFact, sources: &Sources) -> UnknownReport {
    UnknownReport {
        what: fact.what.clone(),
        why: fact.why.clone(),
        at: fact.at.map(|at| sources.place(at)),
    }
}

fn recommendation(host: &str, realised: &Realised) -> FindingReport {
    let proposal = &realised.proposal;
    let (finding, sources) = (&realised.finding, &*realised.sources);
    let remedy = proposal.remedy.as_ref();
    let names = |hosts: &[HostName]| hosts.iter().map(|h| h.0.clone()).collect::<Vec<_>>();
    let mut report = FindingReport {
        rule: finding.rule.to_owned(),
        subject: finding.subject.clone(),
        severity: finding.severity,
        title: remedy.map_or_else(|| finding.message.clone(), |r| r.title.clone()),
        message: finding.message.clone(),
        at: finding.at.map(|at| place(at, sources)),
        class: proposal.class.as_ref().map(|c| c.class),
        class_reason: proposal.class.as_ref().map(|c| c.reason.clone()),
        applicability: Applicability::Advice,
        evidence: finding
            .evidence
            .iter()
            .map(|e| evidence(e, sources))
            .collect(),
        relieves: relieves(finding.rule),
        cost: remedy.map(|r| r.costs.clone()).unwrap_or_default(),
        trades: proposal.trades.clone(),
        consent: None,
        impact: proposal.impact.clone(),
        marginal: proposal.is_marginal(),
        effort: proposal.effort.clone(),
        changes: Vec::new(),
        edits: Vec::new(),
        hosts: Vec::new(),
        shared_with: names(&realised.read_by),
        unprotected: Vec::new(),
        patched_with: None,
        dropped: None,
        obstacle: None,
        commands: realised.commands.clone(),
    };
    let applicability = remedy.map_or(Applicability::Advice, |r| r.applicability);
    match &realised.outcome {
        Outcome::Patch {
            changes,
            files,
            hosts,
            shared_with,
            unprotected,
        } => {
            report.applicability = applicability;
            report.consent = (applicability == Applicability::Consent).then(|| report.rule.clone());
            report.changes = changes.clone();
            let edit = |f: &FileDiff| EditReport {
                file: f.path.clone(),
                patch: f.text.clone(),
            };
            report.edits = files.iter().map(edit).collect();
            report.hosts = names(hosts);
            report.hosts.push(host.to_owned());
            report.hosts.sort();
            report.shared_with = names(shared_with);
            report.unprotected = names(unprotected);
        }
        Outcome::With(other) => {
            report.applicability = applicability;
            report.patched_with = Some(other.0.clone());
        }
        Outcome::Advice => {}
        Outcome::Dropped(dropped) => {
            report.dropped = Some(DroppedReport {
                rule: dropped.rule.to_owned(),
                subject: dropped.subject.clone(),
                why: dropped.why.clone(),
            });
        }
        Outcome::Stuck(stuck) => {
            let place = stuck.at.map(|at| format!(" ({})", sources.place(at)));
            report.obstacle = Some(format!("{}{}", stuck.why, place.unwrap_or_default()));
        }
    }
    report
}

fn place(at: Span, sources: &Sources) -> Place {
    sources.place(at)
}

fn evidence(evidence: &Evidence, sources: &Sources) -> EvidenceReport {
    let source = source(&evidence.source, sources);
    EvidenceReport {
        statement: evidence.statement.clone(),
        source,
        direction: evidence.direction,
        weight: evidence.weight,
    }
}

/// Where something was read, for people.
pub(super) fn source(source: &Source, sources: &Sources) -> String {
    match source {
        Source::Hardware(name) | Source::Metrics(name) | Source::Observation(name) => name.clone(),
        Source::Knowledge(name) => name.clone(),
        Source::Configuration(Some(at)) => sources.place(*at).to_string(),
        Source::Configuration(None) => "the configuration".to_owned(),
    }
}

/// The machine in one line, as far as it is known.
pub(super) fn machine(host: &Host) -> String {
    let mut parts = Vec::new();
    if let Some(hardware) = &host.hardware {
        parts.extend(hardware.cpu.label().map(str::to_owned));
        if let (Some(cores), Some(threads)) = (hardware.cpu.cores, hardware.cpu.threads) {
            let plural = |n: u32, word: &str| match n {
                1 => format!("1 {word}"),
                n => format!("{n} {word}s"),
            };
            parts.push(format!(
                "{}, {}",
                plural(cores, "core"),
                plural(threads, "thread")
            ));
        }
        parts.extend(
            hardware
                .memory
                .as_ref()
                .map(|m| format!("{} of memory", m.bytes)),
        );
    }
    parts.extend(
        host.metrics
            .kernel
            .as_ref()
            .map(|k| format!("kernel {}", k.value)),
    );
    match parts.is_empty() {
        true => "no hardware report and no metrics were given".to_owned(),
        false => parts.join(", "),
    }
}
