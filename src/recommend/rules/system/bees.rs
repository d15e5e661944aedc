//! Which instances of bees run on which filesystem, and what is wrong with them.

use std::collections::BTreeMap;

use super::memory::memory;
use super::option;
use crate::analyze::{Evidence, Source, Weight, facts};
use crate::btrfs::{effective, whole};
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::nix::source::Span;
use crate::recommend::{Action, Applicability, Effect, Remedy, Severity};

/// Below it stands one set for each instance.
const ROOT: &str = "services.beesd.filesystems.";
/// The default of the NixOS module.
const DEFAULT_MIB: u64 = 1024;
const MODULE: &str = "nixpkgs nixos/modules/services/misc/bees.nix";
const SIZING: &str = "https://github.com/Zygo/bees/blob/master/docs/config.md (Hash Table Sizing)";
const FEATURES: &str = "https://github.com/Zygo/bees/blob/master/docs/btrfs-other.md";
/// A table has 16 bytes for each block of 4 KiB.
const BYTES_FOR_A_BYTE_OF_TABLE: u64 = 4096 / 16;
/// Sizes are whole multiples of it.
const STEP_MIB: u64 = 16;

/// An instance whose filesystem is known.
struct Instance<'a> {
    name: String,
    spec: String,
    filesystem: &'a Filesystem,
    /// The size of its table in MiB, if that is known.
    table_mib: Option<u64>,
    at: Option<Span>,
}

/// The filesystem that a spec of findmnt names, if the configuration tells which that is.
fn named<'a>(host: &'a Host, spec: &str) -> Option<&'a Filesystem> {
    let filesystems = &host.storage.filesystems;
    let by_device = |device: &str| {
        let is = |f: &&Filesystem| f.device.as_ref().is_ok_and(|d| d.value == device);
        filesystems.iter().find(is)
    };
    match spec.split_once('=') {
        Some(("LABEL", label)) => filesystems
            .iter()
            .find(|f| f.label.as_deref() == Some(label))
            .or_else(|| by_device(&format!("/dev/disk/by-label/{label}"))),
        Some(("UUID", uuid)) => by_device(&format!("/dev/disk/by-uuid/{uuid}")),
        Some(("PARTUUID", uuid)) => by_device(&format!("/dev/disk/by-partuuid/{uuid}")),
        Some(("PARTLABEL", label)) => by_device(&format!("/dev/disk/by-partlabel/{label}")),
        Some(_) => None,
        None if spec.starts_with("/dev/") => by_device(spec),
        None => host.storage.mount(spec).map(|(f, _)| f),
    }
}

/// The instances of bees whose filesystem the configuration tells.
fn instances(host: &Host) -> Vec<Instance<'_>> {
    let specs = host.settings.below(ROOT).filter_map(|(path, reading)| {
        let name = path.strip_prefix(ROOT)?.strip_suffix(".spec")?;
        let setting = reading.as_ref().ok()?;
        let spec = setting.value.as_str()?;
        let table = host.settings.get(&format!("{ROOT}{name}.hashTableSizeMB"));
        let table_mib = match table {
            None => Some(DEFAULT_MIB),
            Some(Ok(size)) => size.value.as_u64(),
            Some(Err(_)) => None,
        };
        Some(Instance {
            name: name.to_owned(),
            spec: spec.to_owned(),
            filesystem: named(host, spec)?,
            table_mib,
            at: setting.at,
        })
    });
    specs.collect()
}

/// Whether nothing new on a filesystem has checksums, so that bees leaves it out.
fn skips_all(host: &Host, filesystem: &Filesystem) -> Option<bool> {
    let specs = filesystem.mount_specs()?;
    let device = host.device_facts(filesystem);
    let whole = whole(&specs, host.stage1(), &host.target(), &device);
    let first = specs.get(*whole.order.first()?)?;
    let state = effective(&first.options, &host.target(), &device).state;
    Some(!state.has_checksums())
}

/// Something that is wrong with an instance.
pub(super) struct Case {
    pub(super) subject: String,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) at: Option<Span>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) remedy: Option<Remedy>,
}

fn of(instance: &Instance<'_>) -> Evidence {
    let says = format!("bees runs on {} ({})", instance.spec, instance.name);
    Evidence::speaks_for(Weight::Strong, Source::Configuration(instance.at), says)
}

fn knowledge(source: &str, says: &str) -> Evidence {
    Evidence::speaks_for(Weight::Strong, Source::Knowledge(source.to_owned()), says)
}

/// All instances but the one with the largest table.
fn twice(host: &Host) -> Vec<Case> {
    let mut by_filesystem: BTreeMap<String, Vec<Instance<'_>>> = BTreeMap::new();
    for instance in instances(host) {
        let name = instance.filesystem.name().to_owned();
        by_filesystem.entry(name).or_default().push(instance);
    }
    let mut cases = Vec::new();
    for (filesystem, mut same) in by_filesystem {
        same.sort_by_key(|i| std::cmp::Reverse(i.table_mib));
        let mut same = same.into_iter();
        let Some(kept) = same.next() else { continue };
        for other in same {
            cases.push(Case {
                subject: format!("{ROOT}{}", other.name),
                severity: Severity::Warning,
                message: format!(
                    "{} and {} are one filesystem ({filesystem}), and bees works on whole filesystems: two \
                     instances read everything twice and share one table. Keep {}",
                    kept.spec, other.spec, kept.name
                ),
                at: other.at,
                evidence: vec![
                    of(&kept),
                    of(&other),
                    knowledge(MODULE, "one must not configure several instances for subvolumes of one filesystem"),
                ],
                remedy: Some(Remedy {
                    title: format!("Run bees once on {filesystem}"),
                    actions: vec![Action::UnsetNixosOption {
                        path: option(ROOT.trim_end_matches('.'))
                            .into_iter()
                            .chain([other.name.clone()])
                            .collect(),
                    }],
                    costs: Vec::new(),
                    applicability: Applicability::Safe,
                    effect: Effect::LessMaintenance,
                }),
            });
        }
    }
    cases
}

fn of_instance(host: &Host, instance: &Instance<'_>) -> Option<Case> {
    let name = instance.filesystem.name();
    if skips_all(host, instance.filesystem) == Some(true) {
        return Some(Case {
            subject: format!("{ROOT}{}.spec", instance.name),
            severity: Severity::Warning,
            message: format!(
                "bees finds nothing on {name}: the filesystem is mounted without checksums (nodatacow or \
                 nodatasum), and bees leaves such files out"
            ),
            at: instance.at,
            evidence: vec![
                of(instance),
                knowledge(FEATURES, "bees skips all nodatasum files"),
            ],
            remedy: None,
        });
    }
    let table = Bytes(instance.table_mib?.checked_mul(Bytes::MIB)?);
    let usage = facts::usage(host, instance.filesystem)?;
    let size = usage.device_size?;
    let used = Bytes((usage.used?.0 as f64 / usage.data_ratio.unwrap_or(1.0).max(1.0)) as u64);
    let measured = |says: String| {
        Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(usage.source.to_string()),
            says,
        )
    };
    // More entries than blocks are of no use.
    let blocks = size.0 / BYTES_FOR_A_BYTE_OF_TABLE;
    let fits = (blocks / Bytes::MIB / STEP_MIB * STEP_MIB).max(STEP_MIB);
    // The size that bees recommends: 128 MiB of table for 1 TiB of data.
    let recommended = (used.0.div_ceil(Bytes::TIB) * 128).clamp(STEP_MIB, fits);
    let (message, evidence, wanted) = if table.0 > blocks {
        let mut evidence = vec![measured(format!("{name} is {size} large"))];
        evidence.extend(memory(host).map(|(bytes, source)| {
            let says = format!("the table is held in memory, of which there is {bytes}");
            Evidence::speaks_for(Weight::Weak, source, says)
        }));
        evidence.push(knowledge(SIZING, "a table with more entries than the filesystem has blocks wastes memory and can slow bees down"));
        let message = format!(
            "The table of bees for {name} ({table}, all of it in memory) has more entries than the \
             filesystem has blocks"
        );
        (message, evidence, recommended)
    } else if table.0 / Bytes::MIB * 4 < recommended {
        let evidence = vec![
            measured(format!("{used} are in use on {name}")),
            knowledge(
                SIZING,
                "128 MiB of table for 1 TiB of data are recommended; half or double does as well",
            ),
        ];
        let message = format!(
            "The table of bees for {name} ({table}) is less than a quarter of what is recommended for {used}: \
             what is equal is forgotten before its copy comes by"
        );
        (message, evidence, recommended)
    } else {
        return None;
    };
    if wanted == table.0 / Bytes::MIB {
        return None;
    }
    let path = format!("{ROOT}{}.hashTableSizeMB", instance.name);
    let mut own = option(ROOT.trim_end_matches('.'));
    own.extend([instance.name.clone(), "hashTableSizeMB".to_owned()]);
    let mut all = vec![of(instance)];
    all.extend(evidence);
    Some(Case {
        at: host.settings.known(&path).map_or(instance.at, |s| s.at),
        subject: path,
        severity: Severity::Advice,
        message,
        evidence: all,
        remedy: Some(Remedy {
            title: format!(
                "Give bees a table of {} for {name}",
                Bytes(wanted * Bytes::MIB)
            ),
            actions: vec![Action::SetNixosOption {
                path: own,
                value: wanted.into(),
            }],
            costs: vec!["with another size bees may read the whole filesystem anew".to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Deduplication,
        }),
    })
}

/// All of it on a host.
pub(super) fn cases(host: &Host) -> Vec<Case> {
    let mut cases = twice(host);
    for instance in instances(host) {
        let doubled = format!("{ROOT}{}", instance.name);
        if !cases.iter().any(|case| case.subject == doubled) {
            cases.extend(of_instance(host, &instance));
        }
    }
    cases
}
