//! Temporary files in the snapshots of the system.

use super::held::{Held, are_listed, held};
use super::own_place::split;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::units::Bytes;
use crate::model::{Host, Release};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `layout/tmp`
pub struct Tmp;

const LEAST_MEMORY: &str = "least_memory_gib";

static META: Meta = Meta {
    settings: &[RuleSetting {
        key: LEAST_MEMORY,
        default: 16,
        meaning: "with this much memory, in GiB, /tmp may live in it",
    }],
    ..Meta::new(
        "layout/tmp",
        Severity::Advice,
        "Snapshots of the system hold temporary files",
        include_str!("tmp.md"),
    )
};

/// The directories, and the names of their subvolumes.
const DIRECTORIES: [(&str, &str); 2] = [("/tmp", "tmp"), ("/var/tmp", "var-tmp")];

/// Options with which somebody decided on `/tmp`.
const DECIDED: [&str; 4] = [
    "boot.tmp.useTmpfs",
    "boot.tmp.cleanOnBoot",
    // The names of before 23.05.
    "boot.tmpOnTmpfs",
    "boot.cleanTmpDir",
];

fn case<'h>(host: &'h Host, directory: &str) -> Option<Held<'h>> {
    let decided = || DECIDED.iter().any(|o| host.settings.is_defined(o));
    if directory == "/tmp" && decided() {
        return None;
    }
    let mut mounted = host.metrics.mounts.iter().map(|m| m.mountpoint.as_str());
    if mounted.any(|at| at == directory) {
        return None;
    }
    let held = held(host, directory)?;
    let of_system = matches!(held.mount.mountpoint.as_str(), "/" | "/var");
    // systemd makes both of them subvolumes where they are missing, so without a list nothing is
    // known of them.
    (of_system && held.directory == directory && are_listed(host, held.mount)).then_some(held)
}

/// The option that puts `/tmp` into memory, where the release is known to have it.
fn option(host: &Host) -> Option<&'static [&'static str]> {
    const RENAMED: Release = Release::new(23, 5);
    let state: Option<Release> = host
        .settings
        .text("system.stateVersion")
        .and_then(|text| text.parse().ok());
    match host.release().or(state.filter(|state| *state >= RENAMED)) {
        Some(release) if release >= RENAMED => Some(&["boot", "tmp", "useTmpfs"]),
        Some(_) => Some(&["boot", "tmpOnTmpfs"]),
        None => None,
    }
}

fn has_memory(host: &Host) -> Option<Evidence> {
    let measured = host.metrics.memory.as_ref();
    let (bytes, source) = match (&host.hardware, measured) {
        (_, Some(memory)) => (memory.total, Source::Metrics(memory.source.to_string())),
        (Some(hardware), None) => (
            hardware.memory?.bytes,
            Source::Hardware("memory".to_owned()),
        ),
        (None, None) => return None,
    };
    // What the kernel manages is a little less than what is installed.
    let least = META.number(host, LEAST_MEMORY).saturating_mul(Bytes::GIB) / 100 * 93;
    let says = format!("the machine has {bytes} of memory");
    (bytes.0 >= least).then(|| Evidence::speaks_for(Weight::Weak, source, says))
}

impl Rule for Tmp {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |(directory, _): &(&str, &str)| {
            let held = case(host, directory)?;
            let mut evidence = held.evidence();
            if *directory == "/tmp" {
                evidence.extend(has_memory(host));
            }
            let listed = host.metrics.subvolumes.first();
            evidence.extend(listed.map(|listed| {
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Metrics(listed.source.to_string()),
                    format!("{directory} is not in the list of subvolumes"),
                )
            }));
            Some(Finding {
                rule: META.id,
                subject: (*directory).to_owned(),
                severity: Severity::Advice,
                message: format!(
                    "{directory} lies on the subvolume of {}, of which {} takes snapshots: what \
                     was meant to be short-lived stays in them",
                    held.mount.mountpoint,
                    held.by()
                ),
                at: held.mount.at,
                evidence,
            })
        };
        DIRECTORIES.iter().filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let (directory, name) = DIRECTORIES.iter().find(|(d, _)| *d == finding.subject)?;
        let held = case(host, directory)?;
        if *directory == "/tmp"
            && has_memory(host).is_some()
            && let Some(path) = option(host)
        {
            return Some(Remedy {
                title: "Keep /tmp in memory".to_owned(),
                actions: vec![Action::SetNixosOption {
                    path: path.iter().map(|name| (*name).to_owned()).collect(),
                    value: true.into(),
                }],
                costs: vec![
                    "files in /tmp take memory, up to half of it, and are gone after a boot"
                        .to_owned(),
                    "what needs more than that (some builds, large downloads) fails, until it is \
                     told to use /var/tmp"
                        .to_owned(),
                ],
                applicability: Applicability::Consent,
                effect: Effect::InMemory,
            });
        }
        Some(Remedy {
            title: format!("Make {directory} a subvolume of its own"),
            actions: vec![split(host, held.filesystem, directory, name)?],
            costs: vec![
                "snapshots that exist keep the old files until they are deleted".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::SnapshotSpace,
        })
    }
}
