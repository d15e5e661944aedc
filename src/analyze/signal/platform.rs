//! Owns: the kernel, what it complains of, and what runs on the machine, as signals.

use super::{Gather, Subject, Value, measured};
use crate::analyze::evidence::{Confidence, Source};
use crate::btrfs::KernelVersion;
use crate::model::metrics::KernelEventKind;

pub(super) fn gather(gather: &mut Gather<'_>) {
    kernel(gather);
    events(gather);
    services(gather);
    foreign(gather);
}

/// Whoever names one mount or two, and none of btrfs, names those that the trouble is on.
fn foreign(gather: &mut Gather<'_>) {
    const MOST: usize = 3;
    const DATA: [&str; 14] = [
        "ext4", "ext3", "ext2", "xfs", "zfs", "ntfs", "ntfs3", "ntfs-3g", "fuseblk", "exfat",
        "vfat", "f2fs", "bcachefs", "hfsplus",
    ];
    let metrics = &gather.host.metrics;
    let mounts = &metrics.mounts;
    let is_foreign = |kind: &str| DATA.contains(&kind);
    let only = !mounts.is_empty()
        && mounts.len() <= MOST
        && mounts.iter().all(|m| is_foreign(&m.fstype))
        && gather.views.is_empty()
        && metrics.usage.is_empty();
    if let (true, Some(first)) = (only, mounts.first()) {
        let kind = first.fstype.clone();
        let text = format!(
            "{} is {kind}, and no mount of btrfs is told of",
            first.mountpoint
        );
        let source = measured(first);
        gather.word("mounts.foreign", Subject::Machine, &kind, source, text);
    }
}

fn kernel(gather: &mut Gather<'_>) {
    let host = gather.host;
    let running = host.metrics.kernel.as_ref();
    let told = running
        .and_then(|k| Some((k.value.parse::<KernelVersion>().ok()?, measured(k))))
        .or_else(|| {
            let told = host.kernel_told()?;
            Some((told.value, Source::Knowledge(told.by)))
        });
    if let Some((version, source)) = told {
        let text = format!("Linux {version}");
        gather.say(
            "kernel",
            Subject::Machine,
            Value::Version(version),
            source,
            text,
        );
    }
}

fn events(gather: &mut Gather<'_>) {
    for event in &gather.host.metrics.kernel_events {
        let times = match event.count {
            0 | 1 => String::new(),
            n => format!(" ({n} times)"),
        };
        let text = format!("the kernel says: {}{times}", event.line);
        let is_disk = !matches!(
            event.kind,
            KernelEventKind::HungTask
                | KernelEventKind::OutOfMemory
                | KernelEventKind::SoftLockup
                | KernelEventKind::WorkqueueHog
        );
        let about = match &event.subject {
            Some(device) if is_disk => Subject::Device(device.clone()),
            _ => Subject::Machine,
        };
        gather.word(
            "kernel.event",
            about,
            event.kind.word(),
            measured(event),
            text,
        );
    }
}

/// What runs, and what the configuration enables, by plain names.
fn services(gather: &mut Gather<'_>) {
    let host = gather.host;
    let mut seen: Vec<String> = Vec::new();
    for service in &host.metrics.services {
        let name = service.value.to_lowercase();
        if !seen.contains(&name) {
            let text = format!("{name} runs");
            gather.word("service", Subject::Machine, &name, measured(service), text);
            seen.push(name);
        }
    }
    for (option, value) in host.settings.iter() {
        let Ok(setting) = value else { continue };
        let is_on = setting.value == true;
        let Some(name) = option
            .strip_suffix(".enable")
            .or_else(|| option.strip_suffix(".automatic"))
            .filter(|_| is_on)
        else {
            continue;
        };
        let name = name.rsplit('.').next().unwrap_or(name).to_lowercase();
        if !seen.contains(&name) {
            let text = format!("`{option}` is set");
            let source = Source::Configuration(setting.at);
            gather.word("service", Subject::Machine, &name, source, text);
            seen.push(name);
        }
    }
    let workloads = gather.workloads;
    for workload in workloads {
        let Some(first) = workload.evidence.first() else {
            continue;
        };
        // A program that keeps a little database makes no database host.
        let said = matches!(first.source, Source::Observation(_));
        if !said && workload.confidence() < Confidence::Medium {
            continue;
        }
        let kind = serde_json::to_value(workload.kind).ok();
        let kind = kind.as_ref().and_then(|k| k.as_str()).unwrap_or_default();
        gather.word(
            "work",
            Subject::Machine,
            kind,
            first.source.clone(),
            first.statement.clone(),
        );
    }
    if let Some(driver) = &host.metrics.docker_driver {
        let text = format!("Docker stores in {}", driver.value);
        gather.word(
            "docker.driver",
            Subject::Machine,
            &driver.value,
            measured(driver),
            text,
        );
    }
}
