//! Facter reports of every shape, each read into one line: version, firmware, processor, memory, disks.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use btrfs_tune::ingest::facter;
use btrfs_tune::ingest::problem::{Problem, Severity};
use btrfs_tune::model::hardware::{
    Disk, DiskKind, Firmware, FormFactor, Hardware, KindBasis, Medium, MemoryBasis, NameMatch,
    VirtualDriver,
};

fn fixture(name: &str) -> (Hardware, Vec<Problem>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/ingest/facter")
        .join(name);
    facter::read(name, &fs::read(path).unwrap())
}

/// A report in which nothing was lost.
fn sound(name: &str) -> Hardware {
    let (hardware, problems) = fixture(name);
    assert_eq!(problems, [], "{name}");
    hardware
}

fn kind_word(disk: &Disk) -> &'static str {
    match disk.kind {
        DiskKind::NvmeSsd => "nvme",
        DiskKind::SataSsd => "sata-ssd(name)",
        DiskKind::Hdd => "hdd(name)",
        DiskKind::SataUnknown => "sata?",
        DiskKind::Emmc | DiskKind::SdCard => "mmc",
        DiskKind::Usb => "usb",
        DiskKind::Virtual(VirtualDriver::VirtioBlk) => "virtio-blk",
        DiskKind::Virtual(VirtualDriver::VirtioScsi) => "virtio-scsi",
        DiskKind::Virtual(VirtualDriver::Nvme) => "virtual-nvme",
        DiskKind::Virtual(VirtualDriver::Emulated) => "emulated",
        DiskKind::Pseudo => "pseudo",
        DiskKind::EmmcBoot => "emmc-boot",
    }
}

fn summary(hardware: &Hardware) -> String {
    let firmware = match hardware.firmware {
        None => "-".to_owned(),
        Some(Firmware::Bios) => "bios".to_owned(),
        Some(Firmware::Uefi(bits)) => format!("uefi {}", bits.unwrap_or_default()),
    };
    let count = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let gigabytes = |disk: &Disk| disk.size.map(|size| size.0 as f64 / 1e9);
    let disks: Vec<String> = if hardware.disks.len() > 8 {
        let mut groups: Vec<((&str, String), usize)> = Vec::new();
        for disk in &hardware.disks {
            let size = gigabytes(disk).map_or_else(|| "None".to_owned(), |gb| format!("{gb:.0}"));
            let key = (kind_word(disk), size);
            match groups.iter_mut().find(|(group, _)| *group == key) {
                Some((_, n)) => *n += 1,
                None => groups.push((key, 1)),
            }
        }
        groups
            .iter()
            .map(|((kind, size), n)| format!("{n}x {kind} {size} GB"))
            .collect()
    } else {
        let one = |disk: &Disk| {
            let size =
                gigabytes(disk).map_or_else(|| "no medium".to_owned(), |gb| format!("{gb:.1} GB"));
            format!("{} {} {size}", disk.kernel_name, kind_word(disk))
        };
        hardware.disks.iter().map(one).collect()
    };
    let mut line = format!(
        "{} / {} / {} | {firmware} | {} {}c/{}t x{} | ",
        hardware.report_version.unwrap_or_default(),
        hardware.arch.as_deref().unwrap_or("-"),
        hardware.virtualisation,
        hardware.cpu.label().unwrap_or("-"),
        count(hardware.cpu.cores),
        count(hardware.cpu.threads),
        hardware.cpu.sockets,
    );
    match hardware.memory {
        None => line.push_str("no memory"),
        Some(memory) => {
            let basis = match memory.basis {
                MemoryBasis::Modules => "modules",
                MemoryBasis::PhysMem => "phys_mem",
                MemoryBasis::KernelTotal => "kernel",
            };
            write!(line, "{:.2} {basis}", memory.bytes.gib()).unwrap();
        }
    }
    line + " | " + &disks.join("; ")
}

#[test]
fn every_shape_of_report_gives_its_line() {
    let cases = [
        (
            "current-laptop.json",
            "1 / x86_64 / none | uefi 64 | Example CPU 7000 8-Core  Mobile 8c/16t x1 | 32.00 modules | \
             nvme0n1 nvme 2000.4 GB; sda usb 248.1 GB",
        ),
        (
            "desktop-bios-zram.json",
            "1 / x86_64 / none | bios | Example CPU 4000 4c/8t x1 | 64.00 modules | \
             nvme0n1 nvme 1000.2 GB; sdb sata-ssd(name) 500.1 GB; sda hdd(name) 2000.4 GB; \
             sdd sata? 250.1 GB; zram0 pseudo 33.7 GB",
        ),
        (
            "version-2-of-2024-09.json",
            "2 / x86_64 / kvm | - | pc-i440fx-9.0 2c/2t x1 | 2.00 modules | \
             fd0 pseudo 0.0 GB; vda virtio-blk 10.7 GB",
        ),
        (
            "no-class-list-2024-10.json",
            "1 / x86_64 / none | - | Example CPU 6700 4c/8t x1 | 32.00 modules | \
             nvme0n1 nvme 1000.2 GB; sdb sata-ssd(name) 128.0 GB; sdc hdd(name) 1500.3 GB",
        ),
        (
            "chassis-object-v0.2.json",
            "1 / x86_64 / none | - | Example CPU 4790 4c/8t x1 | 16.00 modules | \
             sdb hdd(name) 2000.4 GB; sda hdd(name) 3000.6 GB",
        ),
        (
            "arm-vm-virtio-scsi.json",
            "1 / aarch64 / kvm | - | ARM Limited ?c/?t x1 | 3.75 phys_mem | sda virtio-scsi 41.0 GB",
        ),
        (
            "arm-board-sd-card.json",
            "1 / aarch64 / none | - | ARM Limited ?c/?t x1 | 8.00 phys_mem | \
             mmcblk0 mmc 63.9 GB; sda usb 4000.8 GB",
        ),
        (
            "emmc-boot-partitions.json",
            "1 / x86_64 / none | - | Example CPU J4000 4c/4t x1 | 8.00 modules | \
             mmcblk0 mmc 31.3 GB; mmcblk0boot0 emmc-boot 0.0 GB; mmcblk0boot1 emmc-boot 0.0 GB",
        ),
        (
            "vm-two-sockets-null-elements.json",
            "1 / x86_64 / microsoft | - | pc-q35-8.2 2c/2t x2 | 3.75 phys_mem | \
             vda virtio-blk 137.4 GB; sda emulated 1.0 GB; nvme0n1 virtual-nvme 2.1 GB",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(summary(&sound(name)), expected, "{name}");
    }
}

#[test]
fn a_controller_is_found_through_parents_or_through_the_device_path() {
    let driver = |report: &str, device: &str| {
        sound(report)
            .disk_for(device)
            .unwrap()
            .controller_driver
            .clone()
            .unwrap()
    };
    assert_eq!(driver("desktop-bios-zram.json", "/dev/sda"), "mpt3sas");
    assert_eq!(driver("desktop-bios-zram.json", "/dev/sdb"), "ahci");
    assert_eq!(
        driver("emmc-boot-partitions.json", "/dev/mmcblk0"),
        "sdhci-pci"
    );
    assert_eq!(
        driver("version-2-of-2024-09.json", "/dev/vda"),
        "virtio_blk"
    );
    assert_eq!(driver("arm-vm-virtio-scsi.json", "/dev/sda"), "virtio-pci");
}

#[test]
fn a_configuration_finds_its_disk_by_any_stable_name() {
    let hardware = sound("desktop-bios-zram.json");
    for device in [
        "/dev/disk/by-id/ata-ST2000DM001-1CH164_C0C",
        "/dev/disk/by-path/pci-0000:65:00.0-sas-phy0-lun-0",
        "/dev/sda",
    ] {
        assert_eq!(
            hardware.disk_for(device).unwrap().kernel_name,
            "sda",
            "{device}"
        );
    }
    let disk = hardware.disk_for("/dev/sda").unwrap();
    assert_eq!(disk.model.as_deref(), Some("ST2000DM001-1CH164"));
    assert_eq!(disk.matches("/dev/sda"), Some(NameMatch::KernelName));
    assert_eq!(hardware.disk_for("/dev/disk/by-id/ata-Other_1"), None);
    // A disk sequence number is new at each boot and names nothing.
    assert_eq!(
        sound("version-2-of-2024-09.json").disk_for("/dev/disk/by-diskseq/1"),
        None
    );
}

#[test]
fn what_a_report_cannot_know_stays_unknown() {
    let desktop = sound("desktop-bios-zram.json");
    let medium = |device: &str| {
        let disk = desktop.disk_for(device).unwrap();
        (disk.medium(), disk.basis.is_guess())
    };
    assert_eq!(medium("/dev/nvme0n1"), (Medium::SolidState, false));
    assert_eq!(medium("/dev/sda"), (Medium::Rotational, true));
    assert_eq!(medium("/dev/sdd"), (Medium::Unknown, true));
    assert!(desktop.has_zram());
    assert_eq!(desktop.storage().count(), 4);

    let board = sound("arm-board-sd-card.json");
    let card = board.disk_for("/dev/mmcblk0").unwrap();
    assert_eq!(
        (card.kind, card.basis),
        (DiskKind::SdCard, KindBasis::Undecided)
    );
    // A hard disk in a USB enclosure is still a hard disk.
    assert_eq!(
        board.disk_for("/dev/sda").unwrap().medium(),
        Medium::Rotational
    );
    assert_eq!(board.cpu.cores, None);
    assert!(board.cpu.has_crc32c() && board.cpu.has_sha256() && board.cpu.has_aes());

    let emmc = sound("emmc-boot-partitions.json");
    assert_eq!(emmc.disk_for("/dev/mmcblk0").unwrap().kind, DiskKind::Emmc);
    assert_eq!(emmc.storage().count(), 1);
    assert_eq!(emmc.memory.map(|memory| memory.approximate), Some(false));
    assert_eq!(board.memory.map(|memory| memory.approximate), Some(true));
}

#[test]
fn the_chassis_is_believed_before_the_heuristic() {
    assert_eq!(
        sound("chassis-object-v0.2.json").form_factor,
        Some(FormFactor::Desktop)
    );
    assert_eq!(
        sound("desktop-bios-zram.json").form_factor,
        Some(FormFactor::Server)
    );
    assert_eq!(
        sound("current-laptop.json").form_factor,
        Some(FormFactor::Laptop)
    );
    assert_eq!(
        sound("vm-two-sockets-null-elements.json").form_factor,
        Some(FormFactor::Desktop)
    );
    assert_eq!(sound("arm-vm-virtio-scsi.json").form_factor, None);
}

#[test]
fn a_damaged_element_costs_only_itself() {
    let (hardware, problems) = fixture("damaged-elements.json");
    assert_eq!(
        summary(&hardware),
        "7 / x86_64 / none | - | GenuineIntel ?c/8t x1 | no memory | \
         sda usb no medium; sdb hdd(name) 1000.2 GB"
    );
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "report version 7 is not known here; read as version 1",
            "`hardware.cpu[0]` is not an object; passed over",
            "`hardware.memory` is not a list; nothing of it was read",
            "`hardware.disk[0]` is not an object; passed over",
            "a disk (Nameless) has no device name; passed over",
            "the size of sdb is not a number of bytes",
        ]
    );
}

#[test]
fn what_is_no_report_is_one_error_with_its_place() {
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], &str); 6] = [
        (b"", "not valid JSON: EOF while parsing a value"),
        (
            b"{\"version\": 1,\n  oops}",
            "not valid JSON: key must be a string",
        ),
        (b"[]", "not a facter report: it has no object `hardware`"),
        (
            b"{\"hardware\": []}",
            "not a facter report: it has no object `hardware`",
        ),
        (b"\xff\xfe\x00", "not valid JSON: expected value"),
        (deep.as_bytes(), "not valid JSON: recursion limit exceeded"),
    ];
    for (bytes, message) in cases {
        let (hardware, problems) = facter::read("facter.json", bytes);
        assert_eq!(hardware, Hardware::default());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].severity, Severity::Error);
        assert_eq!(problems[0].message, message);
    }
    let (_, problems) = facter::read("facter.json", b"{\"version\": 1,\n  oops}");
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(3)));
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let (hardware, problems) = facter::read("f", b"\xef\xbb\xbf{\"version\":1,\"hardware\":{}}");
    assert_eq!((hardware.report_version, problems), (Some(1), vec![]));
}

/// Real reports are not part of this project. Point `FACTER_SAMPLES` at a folder of them and
/// `FACTER_TABLE` at a Markdown table of what an independent extraction gave
/// (`| nn | version / arch / virt | firmware | cpu | phys / mem / modules | disks |`).
#[test]
fn real_reports_agree_with_an_independent_extraction() {
    let (Ok(folder), Ok(table)) = (
        std::env::var("FACTER_SAMPLES"),
        std::env::var("FACTER_TABLE"),
    ) else {
        return;
    };
    let table = fs::read_to_string(table).unwrap();
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let mut compared = 0;
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (hardware, problems) = facter::read(&name, &fs::read(&path).unwrap());
        assert_eq!(problems, [], "{name}");
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("| {} | ", &name[..2])) && line.contains(" / "))
            .unwrap_or_else(|| panic!("no row for {name}"));
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let line = summary(&hardware);
        let ours: Vec<&str> = line.split(" | ").collect();
        let [_, identity, firmware, cpu, memory, disks] = cells[..] else {
            panic!("{row}")
        };
        assert_eq!(
            [ours[0], ours[1], ours[2], ours[4]],
            [identity, firmware, cpu, disks],
            "{name}"
        );
        let figures: Vec<f64> = memory.split(" / ").map(|n| n.parse().unwrap()).collect();
        let expected = if figures[2] > 0.0 {
            figures[2]
        } else {
            figures[0]
        };
        assert!(
            (hardware.memory.unwrap().bytes.gib() - expected).abs() < 0.01,
            "{name}"
        );
        compared += 1;
    }
    assert!(compared > 0);
    eprintln!("{compared} real reports agree");
}

/// Every place in a JSON value, as the keys and indices that lead to it.
fn pointers(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        serde_json::Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                pointers(element, &format!("{at}/{index}"), found);
            }
        }
        serde_json::Value::Object(fields) => {
            for (key, field) in fields {
                pointers(field, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn any_part_of_a_report_may_be_of_any_other_type() {
    let odd = [
        "null",
        "0",
        "1e300",
        "-5",
        "\"\"",
        "\"0xffffffffffffffff\"",
        "[]",
        "[[{}]]",
        "{}",
    ];
    for name in [
        "desktop-bios-zram.json",
        "emmc-boot-partitions.json",
        "current-laptop.json",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/ingest/facter")
            .join(name);
        let report: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut places = Vec::new();
        pointers(&report, "", &mut places);
        for (index, place) in places.iter().enumerate() {
            let mut mangled = report.clone();
            *mangled.pointer_mut(place).unwrap() =
                serde_json::from_str(odd[index % odd.len()]).unwrap();
            let bytes = serde_json::to_vec(&mangled).unwrap();
            let (first, problems) = facter::read(name, &bytes);
            assert_eq!((first, problems), facter::read(name, &bytes), "{place}");
        }
    }
}
