//! What devices can do, on whole machines: by class, and by what is known better.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod hosts;

use std::sync::Arc;

use btrfs_tune::btrfs::Profile;
use btrfs_tune::impact::Interval;
use btrfs_tune::impact::device::{DeviceClass, Devices, below};
use btrfs_tune::impact::time::{Numbers, Service};
use btrfs_tune::model::hardware::{DiskKind, Medium};
use btrfs_tune::model::metrics::{
    BlockDevice, BlockGroupKind, DeviceIo, FioJob, FioSide, Smart, Sourced,
};
use btrfs_tune::model::units::{Millis, Percent};
use btrfs_tune::model::{Filesystem, Host};

/// What a test lets its machine do.
fn sourced<T>(value: T) -> Sourced<T> {
    let source: Arc<str> = "test.txt".into();
    Sourced { value, source }
}

fn on<'h>(host: &'h Host, mountpoint: &str) -> &'h Filesystem {
    host.storage.mount(mountpoint).expect("it is mounted").0
}

fn devices(host: &Host, mountpoint: &str) -> Devices {
    let devices = below(on(host, mountpoint), host).expect("they are known");
    eprintln!("{} {mountpoint} {:?}", host.name, devices.class);
    for line in devices.assumptions() {
        eprintln!("  {line}");
    }
    devices
}

/// A machine of which no tool printed anything about its devices.
fn silent(name: &str) -> Host {
    let mut host = hosts::host(name);
    host.metrics.devices.clear();
    host
}

fn said(devices: &Devices, words: &[&str]) {
    let all = devices.assumptions();
    let line = all.iter().find(|l| words.iter().all(|w| l.contains(w)));
    assert!(line.is_some(), "{words:?} in {all:#?}");
}

fn hull(devices: &Devices, pick: fn(&Numbers) -> f64) -> Interval {
    Interval::hull(devices.corners().iter().map(pick)).expect("there are corners")
}

fn is_about(range: Interval, low: f64, high: f64) -> bool {
    (range.low / low - 1.0).abs() < 1e-6 && (range.high / high - 1.0).abs() < 1e-6
}

fn random(pattern: &str, path: &str, per_s: f64, milliseconds: f64) -> Sourced<FioJob> {
    let side = FioSide {
        per_s,
        bytes_s: per_s * 4096.0,
        mean: Some(Millis(milliseconds)),
        p99: None,
    };
    let reads = pattern.contains("read");
    sourced(FioJob {
        name: "job".to_owned(),
        pattern: Some(pattern.to_owned()),
        direct: Some(true),
        path: Some(path.to_owned()),
        read: reads.then_some(side),
        write: (!reads).then_some(side),
        ..FioJob::default()
    })
}

#[test]
fn a_model_name_tells_good_flash_from_poor() {
    let mut host = silent("workstation");
    let good = devices(&host, "/");
    assert_eq!(good.class, DeviceClass::NvmeGood);
    said(&good, &["nvme0n1", "980 PRO", "https://"]);
    // A disk of PCIe 4, of which the class as a whole is not.
    assert!((good.bandwidth().unwrap().high - 7e9).abs() < 1.0);

    let named = |host: &mut Host, model: &str| {
        let disks = &mut host.hardware.as_mut().unwrap().disks;
        let disk = disks.iter_mut().find(|d| d.kind == DiskKind::NvmeSsd);
        disk.unwrap().model = Some(model.to_owned());
        devices(host, "/")
    };
    assert_eq!(
        named(&mut host, "CT1000P3SSD8").class,
        DeviceClass::NvmePoor
    );
    let protected = named(&mut host, "Micron_7400_MTFDKBA960TDZ");
    assert!(hull(&protected, |n| n.flush).high < 0.0001);
    said(
        &protected,
        &["flush", "power-loss protection", "smalldatum"],
    );
    // Of a model that nobody knows it is either.
    let unknown = named(&mut host, "NoName 1TB");
    assert_eq!(
        (unknown.class, unknown.ranges.len()),
        (DeviceClass::Nvme, 2)
    );
    assert!(unknown.bandwidth().unwrap().low < good.bandwidth().unwrap().low);
    for devices in [good, protected, unknown] {
        assert!(!devices.promises());
        assert!(devices.why_no_time().unwrap().contains("NVMe"));
    }
}

#[test]
fn a_shingled_disk_is_promised_nothing() {
    let mut host = silent("nas");
    assert_eq!(devices(&host, "/srv/photos").class, DeviceClass::Hdd);
    let disk = |host: &mut Host| {
        let disks = &mut host.hardware.as_mut().unwrap().disks;
        let disk = disks.iter_mut().find(|d| d.kind == DiskKind::Hdd).unwrap();
        (
            disk.kernel_name.clone(),
            disk.model.replace("ST8000AS0002".to_owned()),
        )
    };
    let (name, model) = disk(&mut host);
    // One such disk among four decides.
    let by_name = devices(&host, "/srv/photos");
    assert_eq!(by_name.class, DeviceClass::ShingledHdd);
    assert!(!by_name.promises() && by_name.why_no_time().unwrap().contains("shingled"));
    said(&by_name, &["the slowest of its devices decides"]);

    let disks = &mut host.hardware.as_mut().unwrap().disks;
    disks
        .iter_mut()
        .find(|d| d.kernel_name == name)
        .unwrap()
        .model = model;
    host.metrics.block_devices.push(sourced(BlockDevice {
        name,
        medium: Medium::Rotational,
        discard: Some(true),
        ..BlockDevice::default()
    }));
    let by_trim = devices(&host, "/srv/photos");
    assert_eq!(by_trim.class, DeviceClass::ShingledHdd);
    said(&by_trim, &["takes TRIM", "test.txt"]);
}

#[test]
fn turns_a_minute_narrow_the_seeks_of_a_disk() {
    let mut host = silent("nas");
    let any = devices(&host, "/srv/photos");
    let names: Vec<String> = ["sda", "sdb", "sdc", "sdd"].map(str::to_owned).to_vec();
    let smart = |name: &String| {
        sourced(Smart {
            device: format!("/dev/{name}"),
            rotation_rpm: Some(5400),
            ..Smart::default()
        })
    };
    host.metrics.smart = names.iter().map(smart).collect();
    let slow = devices(&host, "/srv/photos");
    let seeks = |d: &Devices| d.ranges[0].iops.as_ref().unwrap().range;
    assert!(is_about(seeks(&slow), 50.0, 80.0));
    assert!(seeks(&any).high > 80.0);
    said(
        &slow,
        &["seeks 50 to 80/s", "5400 turns a minute (test.txt)"],
    );
    // Of one disk it is not known: it may be a fast one.
    host.metrics.smart.pop();
    assert_eq!(seeks(&devices(&host, "/srv/photos")), seeks(&any));
}

#[test]
fn disks_at_their_limit_tell_their_seeks() {
    let host = hosts::host("nas");
    let pool = devices(&host, "/srv/photos");
    let (served, source) = pool.measured_iops.clone().unwrap();
    // 125 to 133 requests of 13 KiB a second; the time for their bytes is no seek.
    assert!(served.low > 120.0 && served.high < 145.0, "{served:?}");
    assert!(source.contains("iostat") && pool.promises());

    // As many large requests are its bandwidth, and requests of middle size tell neither.
    let mut host = host;
    let of = |host: &mut Host, size: f64| {
        for load in &mut host.metrics.devices {
            let load = &mut load.value;
            load.read_bytes_s = load.r_per_s.map(|r| r * size);
            load.write_bytes_s = load.w_per_s.map(|w| w * size);
        }
        devices(host, "/srv/photos")
    };
    let large = of(&mut host, 1_048_576.0);
    assert!(large.measured_iops.is_none());
    let streamed = large.bandwidth().unwrap();
    assert!(
        streamed.low > 120e6 && streamed.high < 150e6,
        "{streamed:?}"
    );
    let middle = of(&mut host, 131_072.0);
    let by_class = devices(&silent("nas"), "/srv/photos");
    assert!(middle.measured_iops.is_none());
    assert_eq!(middle.bandwidth(), by_class.bandwidth());
    // Nobody seeks ten times as often as its kind: those were in a row.
    for load in &mut host.metrics.devices {
        load.value.r_per_s = load.r_per_s.map(|r| r * 10.0);
        load.value.read_bytes_s = load.r_per_s.map(|r| r * 4096.0);
        load.value.write_bytes_s = Some(0.0);
    }
    assert!(devices(&host, "/srv/photos").measured_iops.is_none());
}

#[test]
fn a_volume_at_its_limit_tells_its_cap() {
    let mut host = hosts::host("vps");
    let capped = devices(&host, "/");
    assert_eq!(capped.class, DeviceClass::Virtual);
    let (served, _) = capped.measured_iops.clone().unwrap();
    assert!(served.contains(100.0) && capped.promises());
    let services: Vec<Service> = capped.corners().iter().map(|n| n.service).collect();
    assert!(services.contains(&Service::Capped) && services.contains(&Service::Throttled));
    // Busy with one request at a time is no limit of what serves many at once.
    for load in &mut host.metrics.devices {
        load.value.aqu_sz = Some(1.0);
    }
    let chained = devices(&host, "/");
    assert!(chained.measured_iops.is_none() && !chained.promises());
    assert!(
        chained
            .why_no_time()
            .unwrap()
            .contains("until its limit is seen")
    );
}

#[test]
fn quiet_devices_bound_what_one_request_takes() {
    let mut host = silent("nas");
    let root = |host: &Host| devices(host, "/");
    let by_class = root(&host);
    assert_eq!(by_class.class, DeviceClass::SataSsd);
    let load = |util: f64, read: f64, flush: f64| DeviceIo {
        name: "sde".to_owned(),
        r_per_s: Some(5.0),
        w_per_s: Some(5.0),
        r_await_ms: Some(Millis(read)),
        f_per_s: Some(2.0),
        f_await_ms: Some(Millis(flush)),
        util_percent: Some(Percent(util)),
        ..DeviceIo::default()
    };
    host.metrics.devices = vec![sourced(load(3.0, 0.3, 1.5))];
    let bounded = root(&host);
    let flush = hull(&bounded, |n| n.flush);
    assert!(is_about(flush, 0.00045, 0.0015), "{flush:?}");
    said(
        &bounded,
        &["flush", "at most", "f_await of sde at 3.0 %", "test.txt"],
    );
    // A read that took longer than the class says bounds nothing.
    assert_eq!(
        hull(&bounded, |n| n.latency),
        hull(&by_class, |n| n.latency)
    );
    // What is faster than its class is not of its class.
    host.metrics.devices = vec![sourced(load(3.0, 0.08, 0.1))];
    let faster = root(&host);
    assert!(is_about(hull(&faster, |n| n.flush), 0.0001, 0.0001));
    assert!(is_about(hull(&faster, |n| n.latency), 0.00008, 0.00008));
    // Waits of a busy device are of the others in its queue.
    host.metrics.devices = vec![sourced(load(70.0, 0.08, 0.1))];
    assert_eq!(root(&host).corners(), by_class.corners());
    // What has no volatile cache is sent no flush.
    host.metrics.block_devices.push(sourced(BlockDevice {
        name: "sde".to_owned(),
        write_back: Some(false),
        ..BlockDevice::default()
    }));
    assert_eq!(hull(&root(&host), |n| n.flush).high, 0.0);
}

#[test]
fn a_benchmark_of_the_device_replaces_its_class() {
    let mut host = silent("nas");
    host.metrics.fio = vec![
        // 32 in flight, then one.
        random("randread", "/dev/sde", 64_000.0, 0.5),
        random("randwrite", "/dev/sde", 40_000.0, 0.8),
        random("randread", "/dev/sde", 9_000.0, 0.11),
    ];
    let mut stream = random("read", "/dev/sde", 540.0, 50.0);
    stream.value.read.as_mut().unwrap().bytes_s = 540e6;
    host.metrics.fio.push(stream);
    let measured = devices(&host, "/");
    assert!(is_about(hull(&measured, |n| n.iops), 40_000.0, 64_000.0));
    assert!(is_about(hull(&measured, |n| n.latency), 0.00011, 0.00011));
    assert!(is_about(measured.bandwidth().unwrap(), 540e6, 540e6));
    assert!(
        measured
            .bandwidth_source()
            .contains("fio job job (test.txt)")
    );
    assert_eq!(measured.measured_iops.unwrap().0.high, 64_000.0);
    // Nothing of it is of the other filesystem.
    assert!(devices(&host, "/srv/photos").measured_iops.is_none());

    // Through the page cache, it measures memory.
    let by_class = devices(&silent("nas"), "/");
    for job in &mut host.metrics.fio {
        job.value.direct = Some(false);
    }
    assert_eq!(devices(&host, "/").corners(), by_class.corners());
}

#[test]
fn a_benchmark_on_the_filesystem_tells_what_it_reads() {
    let mut host = silent("nas");
    // Copy on write makes several writes of one.
    host.metrics.fio = vec![random("randwrite", "/var/lib/test", 900.0, 30.0)];
    let by_class = devices(&silent("nas"), "/");
    assert_eq!(devices(&host, "/").corners(), by_class.corners());
    host.metrics.fio = vec![random("randread", "/var/lib/test", 30_000.0, 1.0)];
    assert!(is_about(
        hull(&devices(&host, "/"), |n| n.iops),
        30_000.0,
        30_000.0
    ));
    // One read at a time is a seek; of a pool, its figure is of all disks, not of one.
    host.metrics.fio = vec![random("randread", "/srv/photos/test", 70.0, 14.2)];
    let pool = devices(&host, "/srv/photos");
    assert!(pool.count == 4 && is_about(hull(&pool, |n| n.iops), 70.0, 70.0));
    // An fsync writes before it flushes: it bounds a flush.
    host.metrics.fio[0].value.sync_mean = Some(Millis(5.0));
    assert!(is_about(
        hull(&devices(&host, "/srv/photos"), |n| n.flush),
        0.005,
        0.005
    ));
}

#[test]
fn several_devices_do_what_one_does_or_a_few_do_together() {
    let mut host = silent("nas");
    let pool = devices(&host, "/srv/photos");
    let seeks = pool.ranges[0].iops.as_ref().unwrap().range;
    let times = |devices: &Devices, most: f64| {
        let range = hull(devices, |n| n.iops);
        assert!(is_about(range, seeks.low, most * seeks.high), "{range:?}");
    };
    // Data on one pair, metadata on the other.
    times(&pool, 2.0);
    assert!(pool.promises());
    said(&pool, &["4 devices, data raid1", "btrfs-fi-usage"]);

    let data = |host: &mut Host, profile: Profile| {
        for usage in &mut host.metrics.usage {
            for group in &mut usage.value.block_groups {
                group.profile = profile.name().to_owned();
            }
        }
        devices(host, "/srv/photos")
    };
    let parity = data(&mut host, Profile::Raid6);
    assert!(parity.corners().is_empty() && !parity.promises());
    assert!(parity.why_no_time().unwrap().contains("raid6"));
    said(&data(&mut host, Profile::Raid0), &["stripes"]);
    // Half a balance: nobody knows, whatever it was made with.
    data(&mut host, Profile::Raid1);
    let half = |host: &mut Host, profile: Profile| {
        for usage in &mut host.metrics.usage {
            let groups = &mut usage.value.block_groups;
            let data = groups.iter().find(|g| g.kind == BlockGroupKind::Data);
            let mut other = data.unwrap().clone();
            other.profile = profile.name().to_owned();
            groups.push(other);
        }
        devices(host, "/srv/photos")
    };
    let unknown = half(&mut host, Profile::Raid10);
    said(&unknown, &["as fast as one of them, or all"]);
    times(&unknown, 4.0);
    assert!(!half(&mut host, Profile::Raid5).promises());
    // What shows nothing is what it was made with.
    host.metrics.usage.clear();
    said(
        &devices(&host, "/srv/photos"),
        &["4 devices, data raid1 (arguments of mkfs)"],
    );
}

#[test]
fn encryption_leaves_what_the_processor_can_do() {
    let mut host = silent("workstation");
    let fast = devices(&host, "/");
    said(
        &fast,
        &["dm-crypt", "AES", "more than the device gives", "https://"],
    );
    let bare = fast.bandwidth().unwrap();
    assert_eq!(bare.low, 1.299e9);

    let hardware = host.hardware.as_mut().unwrap();
    hardware.arch = Some("aarch64".to_owned());
    hardware.cpu.features = ["asimd".to_owned()].into();
    hardware.cpu.threads = Some(4);
    let slow = devices(&host, "/");
    let left = slow.bandwidth().unwrap();
    assert!(
        left.low < 72e6 && (370e6..380e6).contains(&left.high),
        "{left:?}"
    );
    said(&slow, &["without AES instructions", "may be less"]);
    assert!(slow.bandwidth_source().contains("dm-crypt"));

    // Of a processor of which nobody published a figure, nothing is claimed.
    let hardware = host.hardware.as_mut().unwrap();
    hardware.arch = Some("riscv64".to_owned());
    let unknown = devices(&host, "/");
    assert_eq!(unknown.bandwidth(), Some(bare));
    said(&unknown, &["how fast dm-crypt encrypts here is not known"]);
    // What is not encrypted is not told of.
    assert!(
        !devices(&silent("nas"), "/")
            .assumptions()
            .iter()
            .any(|l| l.contains("dm-crypt"))
    );
}

#[test]
fn lsblk_tells_where_no_report_does() {
    let mut host = silent("nas");
    host.hardware = None;
    assert!(below(on(&host, "/"), &host).is_none());
    let device = |name: &str, parent: Option<&str>, kind: &str| BlockDevice {
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
        kind: Some(kind.to_owned()),
        ..BlockDevice::default()
    };
    let mounted = host.metrics.mounts.iter().find(|m| m.mountpoint == "/");
    let shown = mounted.unwrap().device.clone();
    let part = shown.trim_start_matches("/dev/").to_owned();
    let with = |host: &mut Host, disk: BlockDevice, below: &[BlockDevice]| {
        let partition = device(&part, Some(&disk.name), "part");
        let all = [disk, partition].into_iter().chain(below.iter().cloned());
        host.metrics.block_devices = all.map(sourced).collect();
        below_root(host)
    };
    fn below_root(host: &Host) -> Option<DeviceClass> {
        below(on(host, "/"), host).map(|d| d.class)
    }
    let disk = |name: &str, transport: &str, medium: Medium| BlockDevice {
        transport: Some(transport.to_owned()),
        medium,
        ..device(name, None, "disk")
    };
    let flash = Medium::SolidState;
    let cases = [
        (disk("sde", "sata", flash), DeviceClass::SataSsd),
        (disk("sde", "sata", Medium::Rotational), DeviceClass::Hdd),
        (disk("nvme0n1", "nvme", flash), DeviceClass::Nvme),
        (disk("sde", "usb", Medium::Rotational), DeviceClass::Usb),
        (
            disk("vda", "virtio", Medium::Rotational),
            DeviceClass::Virtual,
        ),
        (
            disk("sde", "iscsi", Medium::Rotational),
            DeviceClass::Network,
        ),
        (disk("rbd0", "", flash), DeviceClass::Network),
        (disk("mmcblk0", "mmc", flash), DeviceClass::SdCard),
    ];
    for (disk, class) in cases {
        let name = disk.name.clone();
        assert_eq!(with(&mut host, disk, &[]), Some(class), "{name}");
    }
    let boot = device("mmcblk0boot0", None, "disk");
    let card = disk("mmcblk0", "mmc", flash);
    assert_eq!(with(&mut host, card, &[boot]), Some(DeviceClass::Emmc));
    // Flash on no bus that is told may be behind anything.
    assert_eq!(with(&mut host, disk("sde", "", flash), &[]), None);
}

#[test]
fn what_lies_outside_of_what_was_tested_is_told() {
    let host = silent("nas");
    let ssd = devices(&host, "/");
    let beyond = ssd.beyond_tested();
    // 94 000 requests/s against 20 000.
    assert!((beyond.factor - 4.7).abs() < 1e-9, "{beyond:?}");
    assert!(!ssd.within_tested());
    said(
        &ssd,
        &[
            "outside of what predictions were tested on",
            "tested 2000 to 20000",
        ],
    );

    let mut host = host;
    host.metrics.fio = vec![
        random("randread", "/dev/sde", 18_000.0, 0.9),
        random("randread", "/dev/sde", 5_000.0, 0.2),
    ];
    let mut stream = random("read", "/dev/sde", 400.0, 50.0);
    stream.value.read.as_mut().unwrap().bytes_s = 400e6;
    stream.value.sync_mean = Some(Millis(2.0));
    host.metrics.fio.push(stream);
    let measured = devices(&host, "/").beyond_tested();
    // Only the flush reaches below what was tested.
    assert!((measured.factor - 1.0 / 0.45).abs() < 1e-9, "{measured:?}");
    assert!(measured.said.len() == 1 && measured.said[0].starts_with("flush"));
    // Nothing that serves in such a way with such numbers was tested.
    let host = silent("workstation");
    assert!(devices(&host, "/").beyond_tested().factor > 10.0);
}
