//! Causes that come and go: quotas, clean-up of snapshots, jobs over a whole filesystem, errors.

use super::case::{Case, Inputs, configuration, hardware, mentions, metrics};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::model::hardware::Medium;
use crate::model::metrics::MaintenanceJob;
use crate::model::observation::Symptom;

/// Words for something that happens with the clean-up of a time line, which is hourly.
const PERIODIC: [&str; 5] = ["hourly", "every hour", "full hour", "clean-up", "cleanup"];

pub(super) fn qgroups(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |quota: &crate::model::metrics::Sourced<crate::model::metrics::QuotaState>| {
        if !quota.enabled {
            return None;
        }
        let mut case = Case::new(Cause::QgroupsEnabled, quota.path.as_deref());
        let statement = format!("quotas are on, with {} groups", quota.groups);
        case.says(Strong, metrics(quota), statement);
        if !quota.limited {
            case.says(
                Weak,
                metrics(quota),
                "no group has a limit, so nothing needs them",
            );
        }
        if let Some(counted) = host.metrics.subvolumes.first()
            && let Some(snapshots) = counted.snapshots.filter(|n| *n > 0)
        {
            case.says(
                Weak,
                metrics(counted),
                format!("{snapshots} snapshots to account for"),
            );
        }
        let stalls = [Symptom::Stall, Symptom::Freeze];
        let felt = inputs
            .complaints()
            .find(|o| mentions(o, &PERIODIC) || o.symptoms.iter().any(|s| stalls.contains(s)));
        if let Some(observation) = felt {
            case.hears(Moderate, observation, "people complain of stalls");
        }
        case.close("Quota groups make snapshot clean-up slow")
    };
    host.metrics.quotas.iter().filter_map(check).collect()
}

pub(super) fn snapshot_deletion(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let cleaners =
        host.settings
            .below("services.snapper.configs.")
            .filter_map(|(option, value)| {
                let setting = value.as_ref().ok()?;
                let name = option.strip_suffix(".TIMELINE_CLEANUP")?;
                (setting.value == true).then_some((name, setting.at))
            });
    let Some((name, at)) = cleaners.into_iter().next() else {
        return Vec::new();
    };
    let subvolume = host.settings.text(&format!("{name}.SUBVOLUME"));
    let filesystem = subvolume
        .and_then(|s| host.storage.holding(s))
        .map(|(f, _)| f);
    let mut case = Case::new(Cause::SnapshotDeletionLoad, subvolume);
    let statement = "snapper deletes what its time line no longer keeps";
    case.says(Weak, configuration(at), statement);
    match inputs.complaints().find(|o| mentions(o, &PERIODIC)) {
        Some(observation) => case.hears(Moderate, observation, "it happens by the clock"),
        None if host.observations.is_empty() => {}
        None => case.denies(
            Moderate,
            Source::Observation("the observations".to_owned()),
            "nobody complains of something that happens by the clock",
        ),
    }
    if let Some((count, source)) = filesystem.and_then(|f| facts::snapshots(host, f)) {
        let source = Source::Metrics(source);
        case.says(Weak, source, format!("{count} snapshots are kept"));
    }
    if filesystem.is_some_and(|f| facts::is_medium(host, f, Medium::Rotational)) {
        case.says(
            Weak,
            hardware(),
            "freeing extents scatters over rotating disks",
        );
    }
    match host.metrics.quotas.first() {
        Some(quota) if quota.enabled => {
            case.denies(
                Moderate,
                metrics(quota),
                "quotas are on, which costs far more",
            );
        }
        _ => {}
    }
    case.close("Old snapshots are deleted in bursts")
        .into_iter()
        .collect()
}

pub(super) fn running_job(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let jobs = inputs
        .host
        .metrics
        .maintenance
        .iter()
        .filter(|job| job.running);
    let check = |job: &crate::model::metrics::Sourced<crate::model::metrics::Maintenance>| {
        let name = match job.job {
            MaintenanceJob::Scrub => "a scrub",
            MaintenanceJob::Balance => "a balance",
        };
        let mut case = Case::new(Cause::ScrubOrBalanceRunning, job.path.as_deref());
        case.says(Strong, metrics(job), format!("{name} is running"));
        if let Some(errors) = &job.errors {
            let statement = format!("it finds errors ({errors}): look at the disks first");
            case.denies(Moderate, metrics(job), statement);
        }
        let scrub = inputs
            .host
            .settings
            .known("services.btrfs.autoScrub.enable");
        if let (MaintenanceJob::Scrub, Some(setting)) = (job.job, scrub)
            && setting.value == true
        {
            case.says(Weak, configuration(setting.at), "it is started by a timer");
        }
        if let Some(observation) = inputs.complaints().next() {
            case.hears(Weak, observation, "people complain meanwhile");
        }
        case.close(format!("{name} is running").replacen('a', "A", 1))
    };
    jobs.filter_map(check).collect()
}

pub(super) fn failing_disk(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let erring: Vec<_> = host
        .metrics
        .device_errors
        .iter()
        .filter(|e| e.total() > 0)
        .collect();
    let check = |device: &&crate::model::metrics::Sourced<crate::model::metrics::DeviceErrors>| {
        let mut case = Case::new(Cause::FailingDisk, Some(&device.device));
        let statement = format!(
            "{}: {} write, {} read, {} flush, {} checksum and {} generation errors",
            device.device,
            device.write,
            device.read,
            device.flush,
            device.corruption,
            device.generation
        );
        case.says(Strong, metrics(device), statement);
        if erring.len() == 1 && host.metrics.device_errors.len() > 1 {
            case.says(Moderate, metrics(device), "the other devices have none");
        }
        let symptoms = [Symptom::Errors, Symptom::ReadOnly];
        let felt = inputs
            .complaints()
            .find(|o| o.symptoms.iter().any(|s| symptoms.contains(s)));
        if let Some(observation) = felt {
            case.hears(Moderate, observation, "people see errors");
        }
        case.close(format!("{} has errors", device.device))
    };
    erring.iter().filter_map(check).collect()
}
