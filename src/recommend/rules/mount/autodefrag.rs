//! `autodefrag` where it writes more than it saves.

use super::super::devices::is_guest;
use super::super::evidence::of_work;
use super::super::snapshots::snapshots_of;
use super::super::wording::listed;
use super::in_force::{medium, work_on};
use super::view::{Mounted, observed};
use crate::analyze::{Cause, Direction, Evidence, Source, Weight, WorkloadKind};
use crate::btrfs::{Aspect, Switch};
use crate::model::hardware::Medium;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/autodefrag`
pub struct Autodefrag;

static META: Meta = Meta {
    relieves: &[Cause::AutodefragWriteAmplification],
    ..Meta::new(
        "mount/autodefrag",
        Severity::Warning,
        "autodefrag writes small changes again in larger pieces, where that does not pay",
        include_str!("autodefrag.md"),
    )
};

const MANUAL: &str = "https://btrfs.readthedocs.io/en/latest/ch-mount-options.html";

const ABOUT: Aspect = Aspect::Switch(Switch::Autodefrag);

/// Why it does not pay on a filesystem, in words and as evidence.
#[derive(Default)]
struct Reasons {
    words: Vec<String>,
    evidence: Vec<Evidence>,
}

fn reasons(context: &Context<'_>, mounted: &Mounted<'_>) -> Reasons {
    let host = context.host;
    let mut found = Reasons::default();
    let below = medium(host, mounted.filesystem).filter(|_| !is_guest(host));
    if let Some((Medium::SolidState, evidence)) = below {
        found
            .words
            .push("flash reads scattered pieces nearly as fast as whole ones".to_owned());
        found.evidence.push(evidence);
    }
    let work = work_on(
        context,
        mounted.filesystem,
        &[WorkloadKind::Database, WorkloadKind::Vm],
    );
    if let Some((work, path)) = work.first() {
        let what = match work.kind {
            WorkloadKind::Vm => "images of virtual machines are",
            _ => "a database is",
        };
        found.words.push(format!(
            "{what} rewritten in small pieces at {path}, of which each is written again"
        ));
        let statement = format!("{:?} work rewrites files in place below {path}", work.kind);
        found
            .evidence
            .push(of_work(work, Weight::Moderate, statement));
        found.evidence.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge(MANUAL.to_owned()),
            "the documentation says that it may not suit large databases",
        ));
    }
    for list in &mounted.lists {
        let at = &list.mount.mountpoint;
        let taken = snapshots_of(host, at);
        if !taken.is_empty() {
            found.words.push(format!(
                "what snapshots of {at} share is no longer shared once it is written again"
            ));
        }
        found.evidence.extend(taken);
    }
    found
}

/// The options that ask for it, where it is in force.
fn places(mounted: &Mounted<'_>) -> Vec<(usize, usize)> {
    let in_force = mounted
        .in_force()
        .is_some_and(|e| e.state.is(Switch::Autodefrag));
    match in_force {
        true => mounted.asking(ABOUT, |o| o.name == "autodefrag"),
        false => Vec::new(),
    }
}

impl Rule for Autodefrag {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |mounted: &Mounted<'_>| {
            let places = places(mounted);
            let (list, option) = *places.first()?;
            let reasons = reasons(context, mounted);
            if reasons.words.is_empty() {
                return None;
            }
            let mut evidence = reasons.evidence;
            let strong = evidence
                .iter()
                .filter(|e| e.direction == Direction::For && e.weight >= Weight::Moderate);
            let severity = match strong.count() {
                0 => Severity::Advice,
                _ => Severity::Warning,
            };
            evidence.push(Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge("measured on 6.18.44: 491 extents".to_owned()),
                "of 491 pieces of a file it left 305 and wrote 3 times the bytes; with a snapshot it left all",
            ));
            let at = mounted.mountpoints(&places);
            evidence.extend(mounted.written(&places));
            evidence.extend(observed(context.host, at.first()?));
            Some(Finding {
                rule: META.id,
                subject: mounted.filesystem.name().to_owned(),
                severity,
                message: format!(
                    "`autodefrag` (on {}) is in force on the whole filesystem of {}, where it \
                     writes more than it saves: {}",
                    listed(&at),
                    mounted.filesystem.name(),
                    reasons.words.join("; ")
                ),
                at: mounted.lists[list].at(option),
                evidence,
            })
        };
        Mounted::all(context.host)
            .iter()
            .filter_map(finding)
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let mounts = mounted.edits(&places(mounted), |_| None);
        (!mounts.is_empty()).then(|| Remedy {
            title: "Mount without `autodefrag`".to_owned(),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                "small files that are rewritten often (profiles of browsers, SQLite) stay in \
                 pieces; `btrfs filesystem defragment` joins those that matter"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::FewerRewrites,
        })
    }
}
