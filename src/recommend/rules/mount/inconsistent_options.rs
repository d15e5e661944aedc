//! Mounts of one filesystem that ask for different things.

use super::dispute::{Dispute, disputes};
use super::view::{List, Mounted};
use super::vote::Asked;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/inconsistent-options`
pub struct InconsistentOptions;

static META: Meta = Meta {
    relieves: &[Cause::SubvolumeMountOptionsIgnored],
    ..Meta::new(
        "mount/inconsistent-options",
        Severity::Warning,
        "Mounts of one filesystem ask for different values of what it has only once",
        include_str!("inconsistent_options.md"),
    )
};

impl Rule for InconsistentOptions {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |dispute: &Dispute<'_>| {
            let mut evidence = vec![Evidence::speaks_for(
                Weight::Strong,
                Source::Knowledge("measured on 14 kernels: 34 pairs of mounts".to_owned()),
                "the first mount decides every option of a btrfs filesystem",
            )];
            let asked = || dispute.mounted.lists.iter().zip(&dispute.asked);
            evidence.extend(asked().filter_map(|(seen, asked)| {
                let Asked::For(index, option) = asked else {
                    return None;
                };
                Some(Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(seen.at(*index)),
                    format!("{} asks for `{}`", seen.mount.mountpoint, option.text),
                ))
            }));
            let edits = dispute.edits();
            let changed = |seen: &List<'_>| {
                edits
                    .first()
                    .is_some_and(|edit| edit.mountpoint == seen.mount.mountpoint)
            };
            let at =
                asked()
                    .find(|(seen, _)| changed(seen))
                    .and_then(|(seen, asked)| match asked {
                        Asked::For(index, _) => seen.at(*index),
                        Asked::Nothing | Asked::Elsewhere => seen.mount.at,
                    });
            Finding {
                rule: META.id,
                subject: dispute.subject(),
                severity: Severity::Warning,
                message: dispute.message(),
                at,
                evidence,
            }
        };
        disputes(&mounted, context.host)
            .iter()
            .map(finding)
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let disputes = disputes(&mounted, context.host);
        let dispute = disputes.iter().find(|d| d.subject() == finding.subject)?;
        let mounts = dispute.edits();
        let title = match &dispute.settled {
            Some(option) => format!("Ask for `{option}` on every mount that says otherwise"),
            None => {
                let mut said: Vec<&str> = mounts
                    .iter()
                    .flat_map(|m| m.remove.iter().map(String::as_str))
                    .collect();
                said.sort_unstable();
                said.dedup();
                format!("Ask for `{}` on no mount", said.join("` or `"))
            }
        };
        (!mounts.is_empty()).then(|| Remedy {
            title,
            actions: vec![Action::EditMountOptions { mounts }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
