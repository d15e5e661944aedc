//! What names and words tell of the sort of a disk.

use super::node;
use crate::ingest::facter::model_name;
use crate::model::hardware::{DiskKind, Medium, VirtualDriver};

pub(super) fn named_medium(model: &str) -> Medium {
    match kind_of_model(model) {
        Some(DiskKind::Hdd) => Medium::Rotational,
        Some(_) => Medium::SolidState,
        None => Medium::Unknown,
    }
}

/// What the names of lines of products tell, as people write them.
pub(super) fn kind_of_model(model: &str) -> Option<DiskKind> {
    const NVME: [&str; 26] = [
        "950 pro", "960 evo", "960 pro", "970 evo", "970 pro", "980", "980 pro", "990 pro",
        "990 evo", "pm961", "pm981", "pm981a", "pm991", "pm9a1", "pm9b1", "sn550", "sn570",
        "sn580", "sn730", "sn740", "sn750", "sn770", "sn850", "sn850x", "660p", "670p",
    ];
    const SATA: [&str; 11] = [
        "840 evo", "840 pro", "850 evo", "850 pro", "860 evo", "860 pro", "860 qvo", "870 evo",
        "870 qvo", "mx500", "bx500",
    ];
    const PLATTERS: [&str; 14] = [
        "wd red",
        "wd purple",
        "wd gold",
        "red plus",
        "red pro",
        "ironwolf",
        "barracuda",
        "exos",
        "skyhawk",
        "deskstar",
        "travelstar",
        "ultrastar hc",
        "n300",
        "p300",
    ];
    /// Beginnings of part numbers.
    const NVME_PARTS: [&str; 10] = [
        // Samsung: MZ-V, MZ-Q, MZ-P and MZ-A are NVMe, MZ-7 is SATA.
        "mzvl", "mzvp", "mzql", "mzal", "sa2000", "snvs", "snv2s", "snv3s", "skc2500", "skc3000",
    ];
    let list = node::words(model);
    let begins = |parts: &[&str]| list.iter().any(|w| parts.iter().any(|p| w.starts_with(p)));
    let words = list.join(" ");
    let has = |list: &[&str]| {
        list.iter().any(|name| {
            words
                .split(name)
                .zip(words.split(name).skip(1))
                .any(|(before, after)| {
                    (before.is_empty() || before.ends_with(' '))
                        && (after.is_empty() || after.starts_with(' ') || name.ends_with("hc"))
                })
        })
    };
    if words.contains("nvme") || has(&NVME) || begins(&NVME_PARTS) {
        Some(DiskKind::NvmeSsd)
    } else if has(&SATA)
        || begins(&["sa400"])
        || has(&["kingston a400"])
        || begins(&["mz7l", "mz7k"])
    {
        Some(DiskKind::SataSsd)
    } else if words.contains("ssd") || words.contains("sa500") {
        None
    } else if has(&PLATTERS) {
        Some(DiskKind::Hdd)
    } else {
        match model_name::medium(model) {
            Medium::SolidState => Some(DiskKind::SataSsd),
            Medium::Rotational => Some(DiskKind::Hdd),
            Medium::Unknown => None,
        }
    }
}

/// The kind that words tell, with the medium where the kind leaves it open.
pub(super) fn kind_of_words(text: &str) -> Option<(DiskKind, Medium)> {
    let words = node::words(text);
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let pair = |one: &str, two: &str| words.windows(2).any(|p| p[0] == one && p[1] == two);
    let platters = has(&[
        "hdd",
        "hdds",
        "spinning",
        "rotational",
        "rotating",
        "rust",
        "platters",
        "smr",
        "cmr",
        "shingled",
        "5400rpm",
        "5900rpm",
        "7200rpm",
        "10krpm",
        "rpm",
        "winchester",
        "harddisk",
        "harddrive",
    ]) || pair("hard", "disk")
        || pair("hard", "drive")
        || pair("hard", "disks")
        || pair("hard", "drives");
    let flash = has(&["ssd", "ssds", "flash"]) || pair("solid", "state");
    let medium = match (platters, flash) {
        (true, false) => Medium::Rotational,
        (false, true) => Medium::SolidState,
        _ => Medium::Unknown,
    };
    let virtio_scsi = pair("virtio", "scsi");
    let kind = if has(&[
        "usb", "usb3", "usb2", "thumb", "uas", "xhci", "jms567", "jms578", "jms583", "asm1153",
        "asm2362",
    ]) {
        DiskKind::Usb
    } else if virtio_scsi {
        DiskKind::Virtual(VirtualDriver::VirtioScsi)
    } else if has(&["virtio", "virtio_blk", "vda", "xvda"]) || pair("virtio", "blk") {
        DiskKind::Virtual(VirtualDriver::VirtioBlk)
    } else if has(&["virtual", "qcow2", "vmdk", "vdi", "ebs", "gp2", "gp3"])
        || pair("cloud", "volume")
    {
        DiskKind::Virtual(VirtualDriver::Emulated)
    } else if has(&["nvme", "nvmes"]) {
        DiskKind::NvmeSsd
    } else if has(&["emmc"]) {
        DiskKind::Emmc
    } else if has(&["microsd", "sdcard", "sdxc", "sdhc"]) || has(&["sd"]) && !flash {
        DiskKind::SdCard
    } else if platters && flash {
        // "ssd and hdd" are two disks.
        return None;
    } else if platters {
        DiskKind::Hdd
    } else if flash {
        DiskKind::SataSsd
    } else if has(&["sata", "sas", "scsi", "ata"]) {
        DiskKind::SataUnknown
    } else {
        return None;
    };
    Some((kind, medium))
}
