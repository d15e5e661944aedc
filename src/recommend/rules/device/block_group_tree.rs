//! Large filesystems on hard disks whose block groups lie scattered.

use super::super::devices::is_guest;
use super::disk::{below, extra_devices, made};
use crate::analyze::facts::usage;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{KernelVersion, Target};
use crate::model::hardware::Medium;
use crate::model::observation::Symptom;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host, Release};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MkfsSetting, Remedy, Rule, RuleSetting,
    Severity,
};

/// `device/block-group-tree`
pub struct BlockGroupTree;

static META: Meta = Meta {
    relieves: &[Cause::MountSlowBlockGroups],
    settings: &[RuleSetting {
        key: "large_tebibytes",
        default: 4,
        meaning: "from which size on a filesystem on hard disks is called large",
    }],
    ..Meta::new(
        "device/block-group-tree",
        Severity::Warning,
        "A large filesystem on hard disks is mounted slowly, for want of a block group tree",
        include_str!("block_group_tree.md"),
    )
};

const NAME: &str = "block-group-tree";
/// Its other name (btrfs-progs 6.5.3).
const SHORT: &str = "bgt";
/// What it needs; who refuses one of these has a reason.
const NEEDED: [&str; 4] = ["no-holes", "free-space-tree", "fst", NAME];

/// The first kernel and the first release (whose kernel that is) that can mount it for writing.
const KERNEL: KernelVersion = KernelVersion::new(6, 1, 0);
const RELEASE: Release = Release::new(23, 5);
/// The first btrfs-progs that makes it unasked, and the last release without them.
const DEFAULT_SINCE: KernelVersion = KernelVersion::new(6, 19, 0);
const LAST_WITHOUT: Release = Release::new(25, 11);

struct Case<'a> {
    filesystem: &'a Filesystem,
    path: &'a [String],
    size: (Bytes, Source),
    without: Evidence,
}

/// What tells that mkfs does not make it unasked; filesystems that are older were not made with it
/// either.
fn without(host: &Host) -> Option<Evidence> {
    let told = |source, what| Some(Evidence::speaks_for(Weight::Moderate, source, what));
    if let Some(progs) = &host.metrics.btrfs_progs
        && let Ok(version) = progs.value.trim_start_matches('v').parse::<KernelVersion>()
    {
        let what = format!("btrfs-progs {} makes it only when asked", progs.value);
        let source = Source::Metrics(progs.source.to_string());
        let is_old = version < DEFAULT_SINCE;
        return told(source, what).filter(|_| is_old);
    }
    let release = host.release().filter(|release| *release <= LAST_WITHOUT)?;
    let source = Source::Knowledge("btrfs-progs CHANGES, 6.19".to_owned());
    let what = format!("mkfs.btrfs of NixOS {release} makes it only when asked");
    told(source, what)
}

fn kernel_knows(host: &Host) -> bool {
    match host.target() {
        Target::Known(kernel) => kernel >= KERNEL,
        Target::Unknown => host.release().is_some_and(|r| r >= RELEASE),
    }
}

/// The size of all disks together, if all of them are hard disks.
fn size(host: &Host, filesystem: &Filesystem) -> Option<(Bytes, Source)> {
    let disks = below(host, filesystem);
    let count = filesystem.disks.len() + extra_devices(filesystem).len();
    let rotate = disks.iter().all(|d| d.medium == Medium::Rotational);
    if disks.is_empty() || disks.len() != count || !rotate {
        return None;
    }
    if let Some(usage) = usage(host, filesystem)
        && let Some(size) = usage.device_size
    {
        return Some((size, Source::Metrics(usage.source.to_string())));
    }
    let sizes: Option<Vec<u64>> = disks.iter().map(|d| Some(d.disk?.size?.0)).collect();
    let source = Source::Hardware("the size of the disks".to_owned());
    Some((Bytes(sizes?.iter().sum()), source))
}

fn cases<'a>(host: &'a Host) -> Vec<Case<'a>> {
    if is_guest(host) || !kernel_knows(host) {
        return Vec::new();
    }
    let Some(without) = without(host) else {
        return Vec::new();
    };
    let least = META.number(host, "large_tebibytes");
    let of = |filesystem: &'a Filesystem| {
        let (path, arguments) = made(filesystem)?;
        let asked = arguments.feature(NAME).or(arguments.feature(SHORT));
        let refuses = NEEDED.iter().any(|n| arguments.feature(n) == Some(false));
        if asked.is_some() || refuses || arguments.is_mixed() {
            return None;
        }
        let size = size(host, filesystem)?;
        (size.0.0 >= least.saturating_mul(Bytes::TIB)).then(|| Case {
            filesystem,
            path,
            size,
            without: without.clone(),
        })
    };
    host.storage.filesystems.iter().filter_map(of).collect()
}

fn finding(host: &Host, case: Case<'_>) -> Finding {
    let (size, source) = case.size;
    let mut evidence = vec![
        Evidence::speaks_for(
            Weight::Moderate,
            source,
            format!("{} has {size} on hard disks", case.filesystem.name()),
        ),
        case.without,
        Evidence::speaks_against(
            Weight::Weak,
            Source::Knowledge("btrfstune(8), --convert-to-block-group-tree".to_owned()),
            "an installed filesystem may have been converted since: `btrfs inspect-internal \
             dump-super` shows BLOCK_GROUP_TREE then",
        ),
    ];
    let slow = host
        .observations
        .iter()
        .find(|o| o.symptoms.contains(&Symptom::SlowBoot));
    if let Some(slow) = slow {
        evidence.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Observation(slow.source.clone()),
            "people say that booting or mounting takes long",
        ));
    }
    Finding {
        rule: META.id,
        subject: case.path.join("."),
        severity: match slow {
            Some(_) => Severity::Warning,
            None => Severity::Advice,
        },
        message: format!(
            "{} ({size} on hard disks) has no block group tree: to mount it the kernel seeks through \
             the whole extent tree for the item of each block group",
            case.filesystem.name()
        ),
        at: case.filesystem.at,
        evidence,
    }
}

impl Rule for BlockGroupTree {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let cases = cases(host).into_iter();
        cases.map(|case| finding(host, case)).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases.iter().find(|c| c.path.join(".") == finding.subject)?;
        Some(Remedy {
            title: format!("Give {} a block group tree", case.filesystem.name()),
            actions: vec![Action::SetMkfs {
                filesystem: case.path.to_vec(),
                setting: MkfsSetting::Feature {
                    name: NAME.to_owned(),
                    on: true,
                },
            }],
            costs: vec![
                "an installed filesystem is unmounted while btrfstune converts it; have a backup"
                    .to_owned(),
                "kernels before 6.1 can then mount it only for reading".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::MountTime,
        })
    }
}
