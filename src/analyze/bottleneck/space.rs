//! Causes that are a lack of space.

use super::case::{Case, Inputs, configuration, metrics};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::model::metrics::BlockGroupKind;
use crate::model::observation::Symptom;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host, Mount};

/// A mount that fails, and what would be written there goes to the filesystem that holds its mount
/// point.
fn failing_mount_on<'h>(host: &'h Host, holder: &Filesystem) -> Option<&'h Mount> {
    host.storage
        .filesystems
        .iter()
        .filter(|f| f.name() != holder.name())
        .find_map(|other| {
            let together = facts::together(host, other)?;
            together
                .failed
                .iter()
                .filter_map(|&i| other.mounts.get(i))
                .find(|mount| {
                    let parent = mount
                        .mountpoint
                        .rsplit_once('/')
                        .map_or("/", |(parent, _)| parent);
                    let parent = if parent.is_empty() { "/" } else { parent };
                    host.storage
                        .holding(parent)
                        .is_some_and(|(f, _)| f.name() == holder.name())
                })
        })
}

pub(super) fn nearly_full(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let mut case = Case::new(Cause::FilesystemNearlyFull, Some(name));
        if let Some(space) = facts::space(host, filesystem)
            && let Some(percent) = space.use_percent()
        {
            let left = space.available.unwrap_or_default();
            let statement = format!("{name} is {percent} full, {left} left");
            match percent.0 {
                95.0.. => case.says(Strong, metrics(space), statement),
                90.0.. => case.says(Moderate, metrics(space), statement),
                ..80.0 => case.denies(Strong, metrics(space), statement),
                _ => {}
            }
        }
        let full = |o: &&_| -> bool {
            let o: &crate::model::observation::Observation = o;
            let full = o.symptoms.contains(&Symptom::OutOfSpace)
                || super::case::mentions(o, &["nearly full", "almost full", "is full", "no space"]);
            full && o.paths.iter().any(|p| {
                host.storage
                    .holding(p)
                    .is_some_and(|(f, _)| f.name() == name)
            })
        };
        if let Some(observation) = inputs.complaints().find(full) {
            case.hears(Moderate, observation, "people say so");
        }
        if !case.stands() {
            return None;
        }
        if let Some(mount) = failing_mount_on(host, filesystem) {
            let point = &mount.mountpoint;
            let statement = format!(
                "the kernel refuses the options of {point}: what is written there lands on {name}"
            );
            case.says(Moderate, configuration(mount.at), statement);
            let shown = host.metrics.mounts.first();
            if let (Some(any), None) = (shown, facts::mounted(host, mount)) {
                case.says(Moderate, metrics(any), format!("{point} is not mounted"));
            }
        }
        if let Some(usage) = facts::usage(host, filesystem)
            && let Some((size, used)) = usage.of_kind(BlockGroupKind::Data)
            && let Some(share) = used.fraction_of(size)
        {
            let percent = share * 100.0;
            let statement = format!("its data block groups are {percent:.0} % used");
            match percent {
                90.0.. => case.says(Weak, metrics(usage), statement),
                ..75.0 => case.denies(Moderate, metrics(usage), statement),
                _ => {}
            }
        }
        case.close(format!("{name} is nearly full"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn metadata_full(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let usage = facts::usage(host, filesystem)?;
        let unallocated = usage.unallocated?;
        // Two copies need a chunk on each side.
        let needed = Bytes((Bytes::GIB as f64 * usage.metadata_ratio.unwrap_or(1.0)) as u64);
        let mut case = Case::new(Cause::MetadataFullUnallocatedZero, Some(name));
        let statement = format!("{unallocated} of {name} is allocated to nothing");
        if unallocated < needed {
            case.says(Moderate, metrics(usage), statement);
        } else if unallocated.0 > needed.0.saturating_mul(4) {
            case.denies(Strong, metrics(usage), statement);
        }
        if let Some((size, used)) = usage.of_kind(BlockGroupKind::Metadata) {
            let reserve = usage.global_reserve.unwrap_or_default();
            let taken = Bytes(used.0.saturating_add(reserve.0));
            let statement = format!("metadata and its reserve take {taken} of {size}");
            match taken.fraction_of(size) {
                Some(0.95..) => case.says(Strong, metrics(usage), statement),
                Some(..0.85) => case.denies(Moderate, metrics(usage), statement),
                _ => {}
            }
        }
        let felt = facts::complaints(host, filesystem).into_iter().find(|o| {
            o.symptoms
                .iter()
                .any(|s| matches!(s, Symptom::OutOfSpace | Symptom::ReadOnly))
        });
        if let Some(observation) = felt {
            case.hears(Moderate, observation, "people run out of space");
        }
        if let Some(reserve) = usage.global_reserve_used.filter(|r| r.0 > 0) {
            let statement = format!("{reserve} of the global reserve is in use");
            case.says(Strong, metrics(usage), statement);
        }
        case.close(format!("Metadata of {name} cannot grow"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}
