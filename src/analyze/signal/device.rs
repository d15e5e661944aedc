//! Owns: disks as signals: what they are, how they are asked, how they answer, how well they are.

use super::{Gather, Subject, measured, models, report};
use crate::model::hardware::{DiskKind, Medium};
use crate::model::metrics::{DeviceIo, Sourced};

pub(super) fn gather(gather: &mut Gather<'_>) {
    kinds(gather);
    queues(gather);
    loads(gather);
    health(gather);
}

fn kinds(gather: &mut Gather<'_>) {
    let host = gather.host;
    for disk in host.hardware.iter().flat_map(|h| h.storage()) {
        // Often only the stick of the installer.
        let names = || gather.views.iter().flat_map(|v| &v.devices);
        let is_stick = disk.kind == DiskKind::Usb && names().next().is_some();
        if is_stick && !names().any(|d| *d == disk.kernel_name) {
            continue;
        }
        let about = Subject::Device(disk.kernel_name.clone());
        let named = disk
            .model
            .clone()
            .unwrap_or_else(|| disk.kernel_name.clone());
        let kind = match disk.kind {
            DiskKind::NvmeSsd => "nvme",
            DiskKind::SataSsd => "sata-ssd",
            DiskKind::Hdd => "hdd",
            DiskKind::SataUnknown => "sata",
            DiskKind::Emmc => "emmc",
            DiskKind::SdCard => "sd-card",
            DiskKind::Usb => "usb",
            DiskKind::Virtual(_) => "virtual",
            DiskKind::Pseudo | DiskKind::EmmcBoot => continue,
        };
        let text = format!("{named} is {}", article(kind));
        gather.word("disk.kind", about.clone(), kind, report(), text);
        match host.medium(disk) {
            Medium::Rotational => {
                let text = format!("{named} rotates");
                gather.word("disk.medium", about.clone(), "rotational", report(), text);
            }
            Medium::SolidState => {
                let text = format!("{named} is solid state");
                gather.word("disk.medium", about.clone(), "solid", report(), text);
            }
            Medium::Unknown => {}
        }
        if let Some(size) = disk.size {
            let text = format!("{named} has {size}");
            let tib = size.gib() / 1024.0;
            gather.number("disk.size", about.clone(), tib, report(), text);
        }
        models::tell(gather, about, disk.model.as_deref(), &report());
    }
    for device in &host.metrics.block_devices {
        let is_known = host
            .hardware
            .iter()
            .flat_map(|h| &h.disks)
            .any(|d| d.kernel_name == device.name);
        let is_disk = device
            .kind
            .as_deref()
            .is_none_or(|k| k == "disk" || k == "loop");
        if is_known || !is_disk || device.name.starts_with("zram") {
            continue;
        }
        let about = Subject::Device(device.name.clone());
        let source = measured(device);
        let transport = device.transport.as_deref().unwrap_or_default();
        // A loop device is a file: what it says of rotation and trimming is not of a medium.
        let is_file = device.name.starts_with("loop");
        // In a virtual machine the kernel's opinion is the hypervisor's default. Not every lsblk
        // tells the bus, but the drivers of virtio and Xen have names of their own.
        let is_virtual = is_file
            || transport == "virtio"
            || ["vd", "xvd"].iter().any(|p| device.name.starts_with(p));
        let kind = match (transport, device.medium) {
            _ if is_virtual => Some("virtual"),
            ("nvme", _) => Some("nvme"),
            ("usb", _) => Some("usb"),
            ("mmc", _) => Some("sd-card"),
            ("virtio", _) => Some("virtual"),
            (_, Medium::Rotational) => Some("hdd"),
            ("sata" | "sas" | "ata", Medium::SolidState) => Some("sata-ssd"),
            _ => None,
        };
        if let Some(kind) = kind {
            let text = format!("{} is {}", device.name, article(kind));
            gather.word("disk.kind", about.clone(), kind, source.clone(), text);
        }
        let (word, text) = match device.medium {
            Medium::Rotational => ("rotational", "rotates, as the kernel has it"),
            Medium::SolidState => ("solid", "is solid state"),
            Medium::Unknown => continue,
        };
        let is_virtual = is_virtual
            || host
                .hardware
                .as_ref()
                .is_some_and(|h| h.virtualisation.is_virtual());
        if !is_virtual {
            let text = format!("{} {text}", device.name);
            gather.word("disk.medium", about.clone(), word, source.clone(), text);
        }
        if device.medium == Medium::Rotational && device.discard == Some(true) && !is_virtual {
            let text = format!("{} rotates and takes TRIM: a shingled disk", device.name);
            gather.fact(
                "disk.trims_though_rotating",
                about.clone(),
                true,
                source.clone(),
                text,
            );
        }
        models::tell(gather, about, device.model.as_deref(), &source);
    }
    named(gather);
}

/// Drivers name their devices: of one that only its load tells of, the name tells the kind.
fn named(gather: &mut Gather<'_>) {
    let host = gather.host;
    for load in &host.metrics.devices {
        let name = load.name.as_str();
        let in_report = host.hardware.iter().flat_map(|h| &h.disks);
        let is_known = in_report.map(|d| d.kernel_name.as_str()).any(|n| n == name)
            || host.metrics.block_devices.iter().any(|d| d.name == name);
        let kind = match name {
            _ if is_known => continue,
            _ if name.starts_with("mmcblk") => "sd-card",
            _ if name.starts_with("nvme") => "nvme",
            _ => continue,
        };
        let about = Subject::Device(name.to_owned());
        let text = match kind {
            "nvme" => format!("{name} is an NVMe disk"),
            _ => format!("{name} is an SD card or eMMC"),
        };
        gather.word(
            "disk.kind",
            about.clone(),
            kind,
            measured(load),
            text.clone(),
        );
        if kind == "nvme" {
            gather.word("disk.medium", about, "solid", measured(load), text);
        }
    }
}

fn article(kind: &str) -> String {
    match kind {
        "nvme" => "an NVMe disk".to_owned(),
        "sata-ssd" => "a SATA SSD".to_owned(),
        "hdd" => "a hard disk".to_owned(),
        "sata" => "a SATA disk of unknown medium".to_owned(),
        "emmc" => "an eMMC".to_owned(),
        "sd-card" => "an SD card".to_owned(),
        "usb" => "on USB".to_owned(),
        _ => "virtual".to_owned(),
    }
}

fn queues(gather: &mut Gather<'_>) {
    for device in &gather.host.metrics.block_devices {
        if let Some(scheduler) = &device.scheduler {
            let about = asked_disk(gather, &device.name);
            let text = format!("the scheduler of {} is {scheduler}", device.name);
            gather.word("disk.scheduler", about, scheduler, measured(device), text);
        }
    }
}

/// The disk that a queue is of. A report may not name its disks; a queue is then that of any of them.
fn asked_disk(gather: &Gather<'_>, name: &str) -> Subject {
    let disks = || gather.host.hardware.iter().flat_map(|h| &h.disks);
    let is_unnamed = disks().next().is_some() && disks().all(|d| d.kernel_name != name);
    if name.is_empty() || is_unnamed {
        return Subject::Machine;
    }
    Subject::Device(name.to_owned())
}

fn loads(gather: &mut Gather<'_>) {
    for load in &gather.host.metrics.devices {
        if ["zram", "ram", "sr", "fd"]
            .iter()
            .any(|p| load.name.starts_with(p))
        {
            continue;
        }
        one_load(gather, load);
    }
    spread(gather);
    // The busiest disk of the machine: what an idle one means depends on all others.
    let real = |d: &&Sourced<DeviceIo>| {
        !["zram", "ram", "sr", "fd"]
            .iter()
            .any(|p| d.name.starts_with(p))
    };
    let busiest = gather
        .host
        .metrics
        .devices
        .iter()
        .filter(real)
        .filter_map(|d| Some((d.util_percent?.0, d)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((util, device)) = busiest {
        let text = format!(
            "the busiest disk, {}, is busy {util:.0} % of the time",
            device.name
        );
        gather.number(
            "disks.busiest",
            Subject::Machine,
            util,
            measured(device),
            text,
        );
    }
}

fn one_load(gather: &mut Gather<'_>, load: &Sourced<DeviceIo>) {
    let about = || Subject::Device(load.name.clone());
    let name = &load.name;
    let when = if load.since_boot {
        ", on average since boot"
    } else {
        ""
    };
    let mut say = |signal: &str, value: Option<f64>, text: String| {
        if let Some(value) = value {
            gather.number(
                signal,
                about(),
                value,
                measured(load),
                format!("{text}{when}"),
            );
        }
    };
    let util = load.util_percent.map(|u| u.0);
    say(
        "disk.util",
        util,
        format!("{name} is busy {:.0} % of the time", util.unwrap_or(0.0)),
    );
    let read_wait = load
        .r_await_ms
        .map(|w| w.0)
        .filter(|_| load.r_per_s != Some(0.0));
    say(
        "disk.read_wait",
        read_wait,
        format!("a read of {name} waits {:.1} ms", read_wait.unwrap_or(0.0)),
    );
    let write_wait = load
        .w_await_ms
        .map(|w| w.0)
        .filter(|_| load.w_per_s != Some(0.0));
    say(
        "disk.write_wait",
        write_wait,
        format!(
            "a write to {name} waits {:.1} ms",
            write_wait.unwrap_or(0.0)
        ),
    );
    let flush_wait = load
        .f_await_ms
        .map(|w| w.0)
        .filter(|_| load.f_per_s != Some(0.0));
    say(
        "disk.flush_wait",
        flush_wait,
        format!(
            "a flush of {name} takes {:.1} ms",
            flush_wait.unwrap_or(0.0)
        ),
    );
    say(
        "disk.queue",
        load.aqu_sz,
        format!("{:.1} requests wait at {name}", load.aqu_sz.unwrap_or(0.0)),
    );
    say(
        "disk.flushes",
        load.f_per_s,
        format!(
            "{:.0} flushes a second of {name}",
            load.f_per_s.unwrap_or(0.0)
        ),
    );
    // More than all of it where several are under way.
    let share = load.f_per_s.zip(flush_wait).map(|(f, ms)| f * ms / 10.0);
    say(
        "disk.flush_share",
        share,
        format!(
            "flushes of {name} take {:.0} % of the time",
            share.unwrap_or(0.0)
        ),
    );
    say(
        "disk.discards",
        load.d_per_s,
        format!(
            "{:.0} discards a second of {name}",
            load.d_per_s.unwrap_or(0.0)
        ),
    );
    say(
        "disk.reads",
        load.r_per_s,
        format!(
            "{:.0} reads a second of {name}",
            load.r_per_s.unwrap_or(0.0)
        ),
    );
    say(
        "disk.writes",
        load.w_per_s,
        format!(
            "{:.0} writes a second to {name}",
            load.w_per_s.unwrap_or(0.0)
        ),
    );
    let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    };
    let requests = sum(load.r_per_s, load.w_per_s);
    say(
        "disk.requests",
        requests,
        format!("{:.0} requests a second at {name}", requests.unwrap_or(0.0)),
    );
    let bytes = sum(load.read_bytes_s, load.write_bytes_s);
    let mb = bytes.map(|b| b / 1e6);
    say(
        "disk.throughput",
        mb,
        format!("{name} moves {:.1} MB/s", mb.unwrap_or(0.0)),
    );
    let written = load.write_bytes_s.map(|b| b / 1e6);
    say(
        "disk.written",
        written,
        format!("{:.1} MB/s are written to {name}", written.unwrap_or(0.0)),
    );
    // Whether flushes are what writing is made of: a fast disk moves much with each of many.
    let flushes = load.f_per_s.filter(|f| *f >= 1.0);
    let each = written
        .zip(flushes)
        .map(|(mb, flushes)| mb * 1e6 / flushes / 1024.0);
    say(
        "disk.written_per_flush",
        each,
        format!(
            "{:.0} KiB are written to {name} for each flush",
            each.unwrap_or(0.0)
        ),
    );
    if let (Some(requests), Some(bytes)) = (requests.filter(|r| *r >= 1.0), bytes) {
        let size = bytes / requests / 1024.0;
        say(
            "disk.request_size",
            Some(size),
            format!("a request at {name} is {size:.0} KiB long"),
        );
    }
}

fn health(gather: &mut Gather<'_>) {
    let host = gather.host;
    let erring = host
        .metrics
        .device_errors
        .iter()
        .filter(|e| e.total() > 0)
        .count();
    for errors in &host.metrics.device_errors {
        let name = errors.device.rsplit('/').next().unwrap_or(&errors.device);
        let about = Subject::Device(name.to_owned());
        let text = match errors.total() {
            0 => format!("btrfs counts no errors of {name}"),
            _ => format!(
                "{name}: {} write, {} read, {} flush, {} checksum and {} generation errors",
                errors.write, errors.read, errors.flush, errors.corruption, errors.generation
            ),
        };
        let total = errors.total() as f64;
        gather.number("disk.errors", about.clone(), total, measured(errors), text);
        if erring == 1 && errors.total() > 0 && host.metrics.device_errors.len() > 1 {
            let text = format!("only {name} has errors, the other devices have none");
            gather.fact("disk.errors_of_one", about, true, measured(errors), text);
        }
    }
    for smart in &host.metrics.smart {
        let name = smart.device.rsplit('/').next().unwrap_or(&smart.device);
        let about = || Subject::Device(name.to_owned());
        let mut count = |signal: &str, value: Option<u64>, what: &str| {
            if let Some(value) = value {
                let text = format!("{name}: {value} {what}");
                gather.number(signal, about(), value as f64, measured(smart), text);
            }
        };
        count("smart.reallocated", smart.reallocated, "sectors replaced");
        count(
            "smart.pending",
            smart.pending,
            "sectors wait to be replaced",
        );
        count(
            "smart.media_errors",
            smart.media_errors,
            "errors of the medium",
        );
        count(
            "smart.interface_errors",
            smart.interface_errors,
            "errors of the cable",
        );
        count("smart.wear", smart.wear_percent, "% of its endurance used");
        count(
            "smart.critical_warning",
            smart.critical_warning,
            "as critical warning",
        );
        if let Some(passed) = smart.passed {
            let text = match passed {
                true => format!("{name} calls itself healthy"),
                false => format!("{name} says that it is failing"),
            };
            gather.fact("smart.passed", about(), passed, measured(smart), text);
        }
        if smart.rotation_rpm.is_some_and(|r| r > 0) && smart.trim == Some(true) {
            let text = format!("{name} rotates and takes TRIM: a shingled disk");
            gather.fact(
                "disk.trims_though_rotating",
                about(),
                true,
                measured(smart),
                text,
            );
        }
        models::tell(gather, about(), smart.model.as_deref(), &measured(smart));
    }
}

/// How unevenly the disks of a filesystem are busy; where no filesystem is known, those of the
/// machine.
fn spread(gather: &mut Gather<'_>) {
    let views = gather.views;
    let mut groups: Vec<(Subject, Option<&[String]>)> = views
        .iter()
        .filter(|v| !v.devices.is_empty())
        .map(|v| {
            (
                Subject::Filesystem(v.name.clone()),
                Some(v.devices.as_slice()),
            )
        })
        .collect();
    if groups.is_empty() {
        groups.push((Subject::Machine, None));
    }
    for (about, devices) in groups {
        let loads = gather.host.metrics.devices.iter();
        let own = loads.filter(|d| devices.is_none_or(|own| own.contains(&d.name)));
        // A mapper and the disk below it are one.
        let own = own.filter(|d| !d.since_boot && !d.name.starts_with("dm-"));
        let busy: Vec<_> = own.filter_map(|d| Some((d.util_percent?.0, d))).collect();
        let most = busy.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let least = busy.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some(most), Some(least)) = (most, least)
            && busy.len() >= 2
        {
            let text = format!(
                "{} is busy {:.0} % of the time and {} {:.0} %",
                most.1.name, most.0, least.1.name, least.0
            );
            let name = "fs.disk_spread";
            gather.number(name, about, most.0 - least.0, measured(most.1), text);
        }
    }
}
