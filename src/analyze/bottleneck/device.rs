//! Causes that are the device, or what lies between it and the filesystem.

use super::case::{
    Case, Inputs, configuration, hardware, mean, mentions, metrics, names, rate, throughput,
};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::model::hardware::{DiskKind, Medium};
use crate::model::{Filesystem, Host};

/// What the disks of a filesystem do, taken together.
struct Load {
    names: String,
    /// Mean share of time with a request in flight, in percent.
    busy: f64,
    /// Requests a second, summed.
    iops: f64,
    /// Bytes a second, summed.
    bytes: f64,
    /// Mean wait of a request, in milliseconds.
    wait: Option<f64>,
    count: usize,
    source: Source,
}

fn load(host: &Host, filesystem: &Filesystem) -> Option<Load> {
    let loads = facts::loads(host, filesystem);
    let first = loads.first()?;
    let waits = loads.iter().flat_map(|l| {
        let read = l.r_await_ms.map(|w| (w.0, l.r_per_s.unwrap_or(1.0)));
        let write = l.w_await_ms.map(|w| (w.0, l.w_per_s.unwrap_or(1.0)));
        [read, write].into_iter().flatten()
    });
    let (total, requests) = waits.fold((0.0, 0.0), |(t, n), (w, r)| (t + w * r, n + r));
    Some(Load {
        names: names(&loads),
        busy: mean(loads.iter().filter_map(|l| Some(l.util_percent?.0)))?,
        iops: loads
            .iter()
            .map(|l| l.r_per_s.unwrap_or(0.0) + l.w_per_s.unwrap_or(0.0))
            .sum(),
        bytes: loads.iter().map(|l| throughput(l)).sum(),
        wait: (requests > 0.0).then(|| total / requests),
        count: loads.len(),
        source: metrics(first),
    })
}

pub(super) fn hdd_seek_bound(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let disks = facts::disks(host, filesystem);
        let rotating = disks
            .iter()
            .filter(|d| host.medium(d) == Medium::Rotational)
            .count();
        if rotating == 0 {
            return None;
        }
        let mut case = Case::new(Cause::HddSeekBound, Some(name));
        let statement = format!("{rotating} of its {} disks rotate", disks.len());
        case.says(Moderate, hardware(), statement);
        if let Some(load) = load(host, filesystem) {
            let (each, busy) = (load.bytes / load.count as f64, load.busy);
            let statement = format!(
                "{} busy {busy:.0} % of the time, moving {} each",
                load.names,
                rate(each)
            );
            match busy {
                // A disk that reads in order moves a hundred megabytes a second.
                90.0.. if each < 20e6 => case.says(Strong, load.source.clone(), statement),
                ..50.0 => case.denies(Strong, load.source.clone(), statement),
                _ => {}
            }
            if let Some(wait) = load.wait {
                let statement = format!("a request waits {wait:.0} ms");
                match wait {
                    10.0.. => case.says(Moderate, load.source.clone(), statement),
                    _ => case.denies(Weak, load.source.clone(), statement),
                }
            }
            let size = if load.iops > 0.0 {
                load.bytes / load.iops / 1024.0
            } else {
                0.0
            };
            if size > 0.0 && size < 32.0 {
                let statement = format!("a request is {size:.0} KiB long");
                case.says(Weak, load.source, statement);
            }
        }
        let complaints = facts::complaints(host, filesystem);
        if let Some(observation) = complaints.first() {
            case.hears(Moderate, observation, "people complain of this filesystem");
        }
        let noise = ["rattle", "noise", "noisy", "chatter", "clicking"];
        if let Some(observation) = complaints.iter().find(|o| mentions(o, &noise)) {
            case.hears(Weak, observation, "they hear the heads move");
        }
        for mount in &filesystem.mounts {
            if mount
                .options
                .known()
                .is_some_and(|o| o.iter().any(|o| o.value == "autodefrag"))
            {
                let statement = "`autodefrag` is asked for, and adds to its seeks";
                case.says(Weak, configuration(mount.at), statement);
                break;
            }
        }
        if let Some(psi) = &host.metrics.pressure.io {
            let some = psi.some.avg60;
            if some.0 >= 30.0 {
                let statement = format!("some task waited for I/O {some} of the last minute");
                case.says(Weak, metrics(psi), statement);
            }
        }
        case.close(format!("The disks of {name} are bound by seeks"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn removable(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let disks = facts::disks(host, filesystem);
        let slow = disks
            .iter()
            .find(|d| matches!(d.kind, DiskKind::Usb | DiskKind::SdCard))?;
        let kind = if slow.kind == DiskKind::Usb {
            "on USB"
        } else {
            "an SD card"
        };
        let mut case = Case::new(Cause::UsbOrSdCard, Some(name));
        case.says(
            Moderate,
            hardware(),
            format!("{} is {kind}", slow.kernel_name),
        );
        if let Some(load) = load(host, filesystem)
            && let Some(wait) = load.wait
        {
            let statement = format!("a request to {} waits {wait:.0} ms", load.names);
            match wait {
                20.0.. => case.says(Moderate, load.source, statement),
                ..2.0 => case.denies(Moderate, load.source, statement),
                _ => {}
            }
        }
        if let Some(observation) = facts::complaints(host, filesystem).first() {
            case.hears(Weak, observation, "people complain of it");
        }
        case.close(format!("{name} is {kind}"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

pub(super) fn luks_workqueue(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let luks = filesystem.luks().next()?;
        let mut case = Case::new(Cause::LuksWorkqueue, Some(&luks.name));
        match luks.bypass_workqueues {
            Ok(true) => return None,
            Ok(false) => case.says(
                Weak,
                configuration(luks.at),
                format!(
                    "{} passes every request through dm-crypt's queues",
                    luks.name
                ),
            ),
            Err(_) => {}
        }
        if facts::is_medium(host, filesystem, Medium::SolidState) {
            case.says(
                Weak,
                hardware(),
                "the disk below is solid state and needs no sorting",
            );
        } else if facts::is_medium(host, filesystem, Medium::Rotational) {
            case.denies(
                Strong,
                hardware(),
                "the disk below rotates, and the queues sort for it",
            );
        }
        let below = facts::loads(host, filesystem);
        if let (Some(crypt), [below]) = (facts::crypt_load(host, filesystem), below.as_slice())
            && let (Some(above), Some(under)) = (crypt.w_await_ms, below.w_await_ms)
            && under.0 > 0.0
        {
            let times = above.0 / under.0;
            let statement = format!(
                "a write waits {above} at {} and {under} at {} below it: {times:.1} times",
                crypt.name, below.name
            );
            match times {
                3.0.. if above.0 >= 1.0 => case.says(Strong, metrics(crypt), statement),
                ..1.5 => case.denies(Strong, metrics(crypt), statement),
                _ => {}
            }
        }
        if let Some(cpu) = &host.metrics.cpu {
            let statement = format!("the processors idle {} meanwhile", cpu.idle);
            match cpu.idle.0 {
                25.0.. => case.says(Weak, metrics(cpu), statement),
                ..5.0 => case.denies(Moderate, metrics(cpu), statement),
                _ => {}
            }
        }
        if let Some(hardware_facts) = &host.hardware
            && !hardware_facts.cpu.features.is_empty()
            && !hardware_facts.cpu.has_aes()
        {
            let statement = "the processor has no AES instructions: the cipher itself is slow";
            case.denies(Moderate, hardware(), statement);
        }
        let words = [
            "stutter",
            "stall",
            "wait on the disk",
            "hang",
            "freez",
            "crawl",
        ];
        let complaints = facts::complaints(host, filesystem);
        if let Some(observation) = complaints.iter().find(|o| mentions(o, &words)) {
            case.hears(Weak, observation, "people complain of stalls under load");
        }
        case.close(format!(
            "dm-crypt queues what the disk below {} could take",
            luks.name
        ))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}

/// Below this many requests a second a device that is not a hard disk is held back by a cap, not
/// by its medium: the slowest class that is known without one serves 500 (SD cards of class A1).
const CAPPED_IOPS: f64 = 500.0;

pub(super) fn hardware_limit(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let check = |filesystem: &Filesystem| {
        let name = filesystem.name();
        let load = load(host, filesystem)?;
        let disks = facts::disks(host, filesystem);
        // A hard disk has a cause of its own, which names what may be saved.
        if disks.iter().any(|d| host.medium(d) == Medium::Rotational) {
            return None;
        }
        let mut case = Case::new(Cause::HardwareLimit, Some(name));
        let wait = load.wait.unwrap_or(0.0);
        let statement = format!(
            "{} is busy {:.0} % of the time with {:.0} requests a second and {}, and a request \
             waits {wait:.0} ms",
            load.names,
            load.busy,
            load.iops,
            rate(load.bytes)
        );
        if load.busy >= 98.0 && load.iops < CAPPED_IOPS && load.bytes < 30e6 && wait >= 20.0 {
            case.says(Strong, load.source, statement);
        } else {
            return None;
        }
        if disks.iter().any(|d| matches!(d.kind, DiskKind::Virtual(_))) {
            case.says(
                Moderate,
                hardware(),
                "its disk is virtual: the provider sets its speed",
            );
        }
        if let Some(psi) = &host.metrics.pressure.io
            && let Some(full) = psi.full
        {
            let statement = format!("all tasks waited for I/O {} of the last minute", full.avg60);
            match full.avg60.0 {
                50.0.. => case.says(Moderate, metrics(psi), statement),
                ..5.0 => case.denies(Moderate, metrics(psi), statement),
                _ => {}
            }
        }
        if let Some(memory) = &host.metrics.memory
            && let Some(available) = memory.available
            && let Some(share) = available.fraction_of(memory.total)
        {
            let statement = format!("{available} of {} memory is available", memory.total);
            match share {
                0.25.. => case.says(Weak, metrics(memory), statement),
                ..0.05 => case.denies(Strong, metrics(memory), statement),
                _ => {}
            }
        }
        if let Some(cpu) = &host.metrics.cpu {
            let work = cpu.user.0 + cpu.system.0;
            let statement = format!("the processors work {work:.0} % of the time");
            match work {
                ..20.0 => case.says(Weak, metrics(cpu), statement),
                70.0.. => case.denies(Moderate, metrics(cpu), statement),
                _ => {}
            }
        }
        // What could be saved: access times and uncompressed data.
        if let Some(writing) = facts::writing_atimes(host, filesystem)
            && let Some(first) = facts::in_force(host, filesystem)
        {
            let noatime = writing.is_empty();
            match (noatime, first.compresses) {
                (true, true) => {
                    let statement =
                        "`noatime` and compression are in force: little is left to save";
                    case.says(Moderate, configuration(filesystem.at), statement);
                }
                (false, false) => {
                    let statement = "neither `noatime` nor compression is in force";
                    case.denies(Moderate, configuration(filesystem.at), statement);
                }
                _ => {}
            }
        }
        let complaints = facts::complaints(host, filesystem);
        if let [first, _, ..] = complaints.as_slice() {
            let count = complaints.len();
            case.hears(
                Moderate,
                first,
                &format!("{count} different things are slow, one of them"),
            );
        } else if let Some(first) = complaints.first() {
            case.hears(Weak, first, "people complain");
        }
        case.close(format!("The disk of {name} gives what it can"))
    };
    inputs.filesystems().iter().filter_map(check).collect()
}
