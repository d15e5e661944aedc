//! Snapshots that are never deleted, or kept for years where space is short.

use serde_json::Value as Json;

use super::super::snapshots::SnapshotJob;
use super::retention::{Kept, LIMITS, burden, kept};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `layout/snapshot-retention`
pub struct SnapshotRetention;

static META: Meta = Meta {
    relieves: &[Cause::TooManySnapshots, Cause::SnapshotDeletionLoad],
    settings: &[
        RuleSetting {
            key: "full_percent",
            default: 80,
            meaning: "from which share of the space on a filesystem counts as short of it",
        },
        RuleSetting {
            key: "kept_months",
            default: 3,
            meaning: "how many monthly snapshots snapper keeps then; yearly ones are not kept",
        },
    ],
    ..Meta::new(
        "layout/snapshot-retention",
        Severity::Warning,
        "Snapshots are never deleted, or kept for years where space is short",
        include_str!("snapshot_retention.md"),
    )
};

const SNAPPER: &str = "nixpkgs nixos/modules/services/misc/snapper.nix";
const BTRBK: &str = "https://manpages.ubuntu.com/manpages/kinetic/man5/btrbk.conf.5.html";

struct Case {
    job: SnapshotJob,
    kept: Kept,
    /// Why it hurts here.
    hurts: Vec<Evidence>,
}

fn cases(host: &Host) -> Vec<Case> {
    let case = |(job, kept): (SnapshotJob, Kept)| {
        let (filesystem, _) = host.storage.holding(&job.path)?;
        let full = META.number(host, "full_percent") as f64;
        let hurts = burden(host, filesystem, full);
        let speaks = match kept {
            Kept::Forever => true,
            Kept::Defaults => !hurts.is_empty(),
            Kept::Chosen => false,
        };
        speaks.then_some(Case { job, kept, hurts })
    };
    kept(host).into_iter().filter_map(case).collect()
}

impl Case {
    fn is_snapper(&self) -> bool {
        self.job.by == "services.snapper"
    }

    fn finding(self) -> Finding {
        let SnapshotJob {
            path,
            by,
            options,
            at,
        } = &self.job;
        let (severity, message, why) = match (&self.kept, self.is_snapper()) {
            (Kept::Forever, true) => (
                Severity::Warning,
                format!(
                    "{by} takes snapshots of {path} every hour and never deletes one: \
                     TIMELINE_CLEANUP is not on, so space is never given back"
                ),
                (SNAPPER, "TIMELINE_CLEANUP is false unless it is set"),
            ),
            (Kept::Forever, false) => (
                Severity::Warning,
                format!(
                    "{by} takes snapshots of {path} and never deletes one: snapshot_preserve_min is \
                     `all` unless it is set. Say how long they are kept in {options}"
                ),
                (BTRBK, "snapshot_preserve_min is `all` unless it is set"),
            ),
            _ => (
                Severity::Advice,
                format!(
                    "{by} keeps up to {} snapshots of {path}, some of them for ten years, since \
                     {options} does not say how many: what was deleted or rewritten meanwhile keeps \
                     its space",
                    LIMITS.iter().map(|(_, kept)| kept).sum::<u64>()
                ),
                (
                    SNAPPER,
                    "10 hourly, 10 daily, 10 monthly and 10 yearly snapshots are kept unless it is set",
                ),
            ),
        };
        let source = Source::Knowledge(why.0.to_owned());
        let mut evidence = vec![
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Configuration(*at),
                format!("{by} takes snapshots of {path}"),
            ),
            Evidence::speaks_for(Weight::Strong, source, why.1),
        ];
        evidence.extend(self.hurts);
        Finding {
            rule: META.id,
            subject: self.job.options.clone() + " " + path,
            severity,
            message,
            at: *at,
            evidence,
        }
    }

    fn set(&self, option: &str, value: Json) -> Action {
        let mut path: Vec<String> = self.job.options.split('.').map(str::to_owned).collect();
        // The name of a configuration may hold a dot itself.
        if path.len() > 4 {
            let name = path.drain(3..).collect::<Vec<_>>().join(".");
            path.push(name);
        }
        path.push(option.to_owned());
        Action::SetNixosOption { path, value }
    }
}

impl Rule for SnapshotRetention {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        cases(context.host).into_iter().map(Case::finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let named =
            |case: &&Case| format!("{} {}", case.job.options, case.job.path) == finding.subject;
        let case = cases.iter().find(named).filter(|case| case.is_snapper())?;
        let months = META.number(context.host, "kept_months");
        let path = &case.job.path;
        let (title, actions, cost) = match case.kept {
            Kept::Forever => (
                format!("Let snapper delete old snapshots of {path}"),
                vec![case.set("TIMELINE_CLEANUP", Json::Bool(true))],
                "snapshots beyond its limits (10 hourly, 10 daily, 10 monthly and 10 yearly ones where \
                 nothing else is set) are deleted within a day, for good"
                    .to_owned(),
            ),
            // Every release takes a number as text; before it took numbers it took nothing else.
            _ => (
                format!("Keep the snapshots of {path} for {months} months"),
                vec![
                    case.set("TIMELINE_LIMIT_MONTHLY", months.to_string().into()),
                    case.set("TIMELINE_LIMIT_YEARLY", "0".into()),
                ],
                format!("what was deleted more than {months} months ago can no longer be got back"),
            ),
        };
        Some(Remedy {
            title,
            actions,
            costs: vec![cost],
            applicability: Applicability::Consent,
            effect: Effect::SnapshotSpace,
        })
    }
}
