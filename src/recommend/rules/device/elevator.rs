//! The kernel parameter for schedulers that are gone.

use serde_json::Value as Json;

use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{KernelVersion, Target};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `device/elevator`
pub struct Elevator;

static META: Meta = Meta {
    relieves: &[Cause::WrongIoScheduler],
    ..Meta::new(
        "device/elevator",
        Severity::Warning,
        "A kernel parameter chooses a scheduler, which the kernel ignores",
        include_str!("elevator.md"),
    )
};

const PARAMETERS: &str = "boot.kernelParams";
const NAME: &str = "elevator=";
/// The first kernel without the schedulers that it chose from.
const GONE: KernelVersion = KernelVersion::new(5, 0, 0);

/// Elements of `boot.kernelParams` that choose a scheduler for nothing.
fn ignored(host: &Host) -> Vec<String> {
    let heeded = matches!(host.target(), Target::Known(kernel) if kernel < GONE);
    if heeded || host.storage.filesystems.is_empty() {
        return Vec::new();
    }
    let list = host.settings.known(PARAMETERS);
    let list = list.and_then(|setting| setting.value.as_array());
    let texts = list.into_iter().flatten().filter_map(Json::as_str);
    let mut found: Vec<String> = texts
        .filter(|t| t.starts_with(NAME))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

impl Rule for Elevator {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let at = host.settings.known(PARAMETERS).and_then(|s| s.at);
        let finding = |parameter: String| Finding {
            rule: META.id,
            severity: Severity::Warning,
            message: format!(
                "{parameter} in {PARAMETERS} chooses no scheduler: the kernel ignores it, and it can go"
            ),
            at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(at),
                    format!("{PARAMETERS} has {parameter}"),
                ),
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Knowledge("Linux block/elevator.c, elevator_setup".to_owned()),
                    "the schedulers that it chose from left with 5.0; since then the kernel only warns \
                     that it has no effect",
                ),
            ],
            subject: parameter,
        };
        ignored(host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        // A list that several places wrote together is not one person's to shorten.
        context.host.settings.known(PARAMETERS)?.at?;
        let found = ignored(context.host);
        let parameter = found.iter().find(|p| **p == finding.subject)?;
        Some(Remedy {
            title: format!("Take {parameter} out of {PARAMETERS}"),
            actions: vec![Action::EditNixosList {
                path: PARAMETERS.split('.').map(str::to_owned).collect(),
                remove: vec![parameter.as_str().into()],
                add: Vec::new(),
            }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
