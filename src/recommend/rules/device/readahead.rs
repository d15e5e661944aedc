//! Read-ahead of disks, which btrfs does not go by.

use super::super::wording::listed;
use super::disk::of_host;
use super::udev::{self, Says};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `device/readahead`
pub struct Readahead;

static META: Meta = Meta::new(
    "device/readahead",
    Severity::Warning,
    "The read-ahead of a disk is set, which btrfs does not go by",
    include_str!("readahead.md"),
);

/// What btrfs reads ahead, whatever its disks are set to (measured on 6.18.44).
const OF_BTRFS_KIB: u64 = 4096;

/// Directories that hold what a boot loader reads, or memory: nothing that is read ahead.
const HARMLESS: [&str; 6] = ["/boot", "/efi", "/tmp", "/run", "/dev", "/proc"];

struct Case {
    value: String,
    disks: Vec<String>,
    filesystems: Vec<String>,
    at: Option<Span>,
}

/// Whether a filesystem that goes by the disk's value may be mounted too.
fn has_others(host: &Host) -> bool {
    let below = |directory: &str, at: &str| crate::model::storage::is_below(at, directory);
    host.storage
        .others
        .iter()
        .any(|at| !HARMLESS.iter().any(|directory| below(directory, at)))
}

fn cases(host: &Host) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let Some(rules) = udev::rules(host) else {
        return cases;
    };
    if has_others(host) {
        return cases;
    }
    for (filesystem, device) in of_host(host) {
        let Says::Value(value) = rules.say("read_ahead_kb", &device) else {
            continue;
        };
        let name = filesystem.name().to_owned();
        match cases.iter_mut().find(|case| case.value == value) {
            Some(case) => {
                case.disks.push(device.name);
                if !case.filesystems.contains(&name) {
                    case.filesystems.push(name);
                }
            }
            None => cases.push(Case {
                value: value.to_owned(),
                disks: vec![device.name],
                filesystems: vec![name],
                at: rules.at,
            }),
        }
    }
    cases
}

impl Rule for Readahead {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case| Finding {
            rule: META.id,
            subject: format!("read_ahead_kb={}", case.value),
            severity: Severity::Warning,
            message: format!(
                "read_ahead_kb={} of {} changes nothing for {}: btrfs reads ahead by a value of its \
                 own, {OF_BTRFS_KIB} KiB, in /sys/fs/btrfs/<UUID>/bdi/read_ahead_kb. Leave the rule \
                 out",
                case.value,
                listed(&case.disks),
                listed(&case.filesystems),
            ),
            at: case.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(case.at),
                    format!("a udev rule writes {} to queue/read_ahead_kb", case.value),
                ),
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Knowledge("measured by this project on 6.18.44".to_owned()),
                    "with 128, 1024 or 16384 KiB on its disk, and changed while mounted, btrfs kept \
                     4096 KiB",
                ),
                Evidence::speaks_against(
                    Weight::Weak,
                    Source::Configuration(None),
                    "disks that are plugged in with other filesystems on them do go by it",
                ),
            ],
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
