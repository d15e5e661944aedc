//! Devices on which btrfs has counted errors.

use super::super::measured::{lies_on, reached_at};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::metrics::{DeviceErrors, Sourced};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `integrity/device-errors`
pub struct CountedErrors;

static META: Meta = Meta {
    relieves: &[Cause::FailingDisk],
    ..Meta::new(
        "integrity/device-errors",
        Severity::Warning,
        "btrfs has counted errors on a device",
        include_str!("device_errors.md"),
    )
};

/// A device with errors, and the filesystem of the configuration on it, where that is known.
struct Case<'a> {
    errors: &'a Sourced<DeviceErrors>,
    filesystem: Option<&'a Filesystem>,
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for errors in host.metrics.device_errors.iter().filter(|e| e.total() > 0) {
        let device = &errors.device;
        let filesystems = &host.storage.filesystems;
        let filesystem = filesystems.iter().find(|f| lies_on(host, f, device));
        // What is seen mounted elsewhere is no part of this configuration.
        let metrics = &host.metrics;
        let elsewhere = metrics.mounts.iter().any(|e| e.device == *device)
            || metrics
                .usage
                .iter()
                .any(|u| u.devices.iter().any(|d| d.path == *device));
        let again = cases.iter().any(|c| c.errors.device == *device);
        if (filesystem.is_some() || !elsewhere) && !again {
            cases.push(Case { errors, filesystem });
        }
    }
    cases
}

/// What was counted, one statement a counter.
fn counted(errors: &DeviceErrors) -> Vec<String> {
    let say = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    [
        say(errors.write, "failed write", "failed writes"),
        say(errors.read, "failed read", "failed reads"),
        say(errors.flush, "failed flush", "failed flushes"),
        say(
            errors.corruption,
            "block with a wrong checksum",
            "blocks with a wrong checksum",
        ),
        say(
            errors.generation,
            "block of a wrong generation",
            "blocks of a wrong generation",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the kinds of counters say together, the most telling first.
fn meaning(errors: &DeviceErrors) -> &'static str {
    if errors.generation > 0 {
        "old blocks stand where newer ones were written: the device lost writes that it had \
         confirmed, or it was away for a time"
    } else if errors.write + errors.flush > 0 {
        "the disk, its cable or its controller did not take what was written"
    } else if errors.read > 0 {
        "the disk, its cable or its controller did not give back what was asked for"
    } else {
        "what was read is not what was written: the medium, the way to it, or the memory"
    }
}

fn message(host: &Host, case: &Case<'_>) -> String {
    let errors = case.errors;
    let device = &errors.device;
    let at = case.filesystem.map(|f| reached_at(host, f));
    let of = at.map_or_else(String::new, |at| format!(" of {at}"));
    let target = at.unwrap_or(device);
    let counted = super::super::wording::listed(&counted(errors));
    format!(
        "btrfs has counted {counted} on {device}{of}: {}. The counters hold what happened since \
         they were last set back. Look at `smartctl -a` of the disk and at the kernel log, run \
         `btrfs scrub start -Bd {target}`, then set them back with `btrfs device stats -z {target}` \
         and see whether they grow; a disk on which they do is replaced with `btrfs replace`",
        meaning(errors)
    )
}

impl Rule for CountedErrors {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |case: &Case<'_>| {
            let source = Source::Metrics(case.errors.source.to_string());
            let evidence = counted(case.errors);
            let evidence = evidence.into_iter().map(|counted| {
                let says = format!("{counted} on {}", case.errors.device);
                Evidence::speaks_for(Weight::Strong, source.clone(), says)
            });
            Finding {
                rule: META.id,
                subject: case.errors.device.clone(),
                severity: Severity::Warning,
                message: message(host, case),
                at: case.filesystem.and_then(|f| f.at),
                evidence: evidence.collect(),
            }
        };
        cases(host).iter().map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
