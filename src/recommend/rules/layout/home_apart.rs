//! Homes on the subvolume of the system.

use super::super::evidence::of_work;
use super::held::{Held, held};
use super::own_place::split;
use super::rollback::{Lost, RolledBack, lost, persistence_is_known, uses_persistence};
use crate::analyze::{Evidence, Weight};
use crate::model::storage::is_below;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `layout/home-apart`
pub struct HomeApart;

static META: Meta = Meta::new(
    "layout/home-apart",
    Severity::Warning,
    "Homes lie on a subvolume of the system that is rolled back",
    include_str!("home_apart.md"),
);

const HOME: &str = "/home";

enum Case<'h> {
    /// They are gone after each boot.
    Lost(RolledBack<'h>),
    /// A rollback of the system takes them along.
    Held(Held<'h>),
}

/// The case, and that somebody works there.
fn case<'h>(context: &Context<'h>) -> Option<(Case<'h>, Evidence)> {
    let host = context.host;
    let in_home = |work: &&crate::analyze::Workload| work.paths.iter().any(|p| is_below(p, HOME));
    let work = context.analysis.workloads.iter().find(in_home)?;
    let used = of_work(work, Weight::Moderate, format!("people work below {HOME}"));
    if let Some(lost) = lost(host, HOME) {
        // Who keeps some things chooses what to lose; and home-manager may keep more.
        let Lost::RolledBack(rolled) = lost else {
            return None;
        };
        let sure = persistence_is_known(host) && !uses_persistence(host);
        return sure.then_some((Case::Lost(rolled), used));
    }
    let held = held(host, HOME)?;
    let of_system = held.mount.mountpoint == "/" && held.directory == HOME;
    of_system.then_some((Case::Held(held), used))
}

impl Rule for HomeApart {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let found = case(context).map(|(case, used)| match case {
            Case::Lost(rolled) => Finding {
                rule: META.id,
                subject: HOME.to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{HOME} lies on the subvolume of {}, which {} replaces at each boot: what \
                     people keep there is gone then, unless something that is not read here keeps it",
                    rolled.mount.mountpoint, rolled.option
                ),
                at: rolled.at,
                evidence: vec![rolled.evidence(), used],
            },
            Case::Held(held) => Finding {
                rule: META.id,
                subject: HOME.to_owned(),
                severity: Severity::Advice,
                message: format!(
                    "{HOME} lies on the subvolume of {}, of which {} takes snapshots: rolling the \
                     system back to one takes everybody's files back as well",
                    held.mount.mountpoint,
                    held.by()
                ),
                at: held.mount.at,
                evidence: held.evidence().into_iter().chain([used]).collect(),
            },
        });
        found.into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let host = context.host;
        let (filesystem, cost, effect) = match case(context)?.0 {
            Case::Lost(rolled) => (
                rolled.filesystem,
                "what used to be forgotten at each boot stays".to_owned(),
                Effect::Correctness,
            ),
            Case::Held(held) => (
                held.filesystem,
                format!(
                    "snapshots of / no longer hold {HOME}: where they are wanted, {} needs a job \
                     for it",
                    held.by()
                ),
                Effect::SnapshotSpace,
            ),
        };
        Some(Remedy {
            title: format!("Make {HOME} a subvolume of its own"),
            actions: vec![split(host, filesystem, HOME, "home")?],
            costs: vec![
                cost,
                "nobody is logged in while the homes are moved".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect,
        })
    }
}
