//! Disks as people name them: `2x 4TB WD Red`, `Samsung 970 EVO NVMe`, `{"kind": "smr hdd"}`.

use super::Reader;
use super::activity;
use super::amount;
use super::disk_words::{counted, firmware_in, is_kernel_name, is_rpm};
use super::medium::{kind_of_model, kind_of_words, named_medium};
use super::node::{self, Node};
use crate::model::hardware::{Disk, DiskKind, Hardware, KindBasis, Medium, VirtualDriver};
use crate::model::metrics::{BlockDevice, Smart};
use crate::model::observation::Unit;
use crate::model::units::Bytes;

/// The most disks that a number before a name makes.
pub(super) const MOST: u64 = 64;

const KEYS: [&str; 22] = [
    "disk",
    "disks",
    "drive",
    "drives",
    "ssd",
    "ssds",
    "hdd",
    "hdds",
    "nvme",
    "storage",
    "storage devices",
    "block devices",
    "hard disk",
    "hard disks",
    "hard drive",
    "system disk",
    "data disk",
    "data disks",
    "root disk",
    "boot disk",
    "usb disk",
    "sd card",
];

/// Whether a text names a model of a disk.
pub(super) fn is_model(text: &str) -> bool {
    kind_of_model(text).is_some()
}

/// Whether a key speaks of disks.
pub(super) fn is_key(words: &[String]) -> bool {
    KEYS.contains(&words.join(" ").as_str())
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    match node.value {
        serde_json::Value::Array(_) => {
            for member in node.members() {
                read(reader, &member);
            }
        }
        serde_json::Value::Object(_) => object(reader, node),
        serde_json::Value::String(_) => sentence(reader, node),
        // `nvme: true`, `disks: 4` tell too little of a disk, unless the key is its kind.
        _ => {}
    }
}

/// What is told of one disk.
#[derive(Default)]
struct Told {
    name: Option<String>,
    model: Option<String>,
    size: Option<Bytes>,
    kind: Option<(DiskKind, KindBasis)>,
    medium: Medium,
}

impl Told {
    fn add(self, hardware: &mut Hardware, count: u64) {
        let medium = match self.medium {
            Medium::Unknown => self.model.as_deref().map_or(Medium::Unknown, named_medium),
            medium => medium,
        };
        let (kind, basis) = self.kind.unwrap_or_else(|| {
            let by_model = self.model.as_deref().and_then(kind_of_model);
            by_model.map_or((DiskKind::SataUnknown, KindBasis::Undecided), |kind| {
                (kind, KindBasis::ModelName)
            })
        });
        for _ in 0..count.min(MOST) {
            let number = hardware.disks.len() + 1;
            let kernel_name = self.name.clone().unwrap_or_else(|| format!("disk{number}"));
            hardware.disks.push(Disk {
                names: vec![format!("/dev/{kernel_name}")],
                kernel_name,
                model: self.model.clone(),
                serial: None,
                size: self.size,
                logical_sector: None,
                kind,
                basis,
                named_medium: medium,
                controller_driver: None,
            });
        }
    }
}

fn object(reader: &mut Reader<'_>, node: &Node<'_>) {
    // `{"root": "nvme", "data": "4x 8TB HDD"}`: names of uses above disks.
    let members = node.members();
    let known = |name: &str| {
        matches!(
            name,
            "kind"
                | "type"
                | "model"
                | "medium"
                | "media"
                | "interface"
                | "transport"
                | "bus"
                | "tech"
                | "name"
                | "device"
                | "count"
                | "number"
                | "firmware"
                | "fw"
                | "scheduler"
                | "rotational"
                | "vendor"
        ) || name.starts_with("size")
            || name.starts_with("capacity")
    };
    if !members.iter().any(|member| known(&member.name())) {
        for member in &members {
            // The name of a member may be its kind: `{"hdd": "4 TB"}`.
            read(reader, member);
        }
        return;
    }
    let mut told = Told::default();
    let mut count = 1;
    let mut firmware = None;
    let mut scheduler = None;
    for member in &members {
        let name = member.name();
        let text = member.text();
        match name.as_str() {
            "kind" | "type" | "medium" | "media" | "interface" | "transport" | "bus" | "tech" => {
                let Some((kind, medium)) = text.and_then(kind_of_words) else {
                    continue;
                };
                // "usb" as transport, "hdd" as medium: both are kept.
                let open = told.kind.is_none_or(|(k, _)| {
                    matches!(k, DiskKind::SataUnknown | DiskKind::SataSsd | DiskKind::Hdd)
                });
                if kind != DiskKind::SataUnknown && open || told.kind.is_none() {
                    told.kind = Some((kind, KindBasis::Told));
                }
                if told.medium == Medium::Unknown {
                    told.medium = medium;
                }
                // `smr hdd` says more than a kind can.
                let words = node::words(text.unwrap_or_default());
                let more = if words.iter().any(|w| w == "smr" || w == "shingled") {
                    "smr"
                } else {
                    ""
                };
                reader.typed_but(member, more);
            }
            "model" | "vendor" => {
                if let Some(text) = text {
                    let end = [" (", ", ", "; "].iter().filter_map(|m| text.find(m)).min();
                    let (model, rest) = text.split_at(end.unwrap_or(text.len()));
                    told.model = Some(match (&told.model, name.as_str()) {
                        (Some(before), "model") => format!("{before} {model}"),
                        (Some(before), _) => format!("{model} {before}"),
                        _ => model.to_owned(),
                    });
                    firmware = firmware.or_else(|| firmware_in(rest));
                    reader.typed_but(member, rest);
                }
            }
            "rotational" => {
                if let Some((state, _)) = member.state() {
                    told.medium = match state {
                        true => Medium::Rotational,
                        false => Medium::SolidState,
                    };
                    if told.kind.is_none() {
                        let kind = if state {
                            DiskKind::Hdd
                        } else {
                            DiskKind::SataUnknown
                        };
                        told.kind = Some((kind, KindBasis::Told));
                    }
                    reader.typed(member);
                }
            }
            "name" | "device" => {
                if let Some(text) = text {
                    let name = text.strip_prefix("/dev/").unwrap_or(text);
                    if is_kernel_name(name) {
                        told.name = Some(name.to_owned());
                        reader.typed(member);
                    } else if told.model.is_none() && name.contains(' ') {
                        told.model = Some(text.to_owned());
                        reader.partly(member);
                    }
                }
            }
            "count" | "number" => {
                if let Some((n @ 1.., false)) = member.plain_count() {
                    count = n;
                    reader.typed(member);
                }
            }
            "firmware" | "fw" => {
                firmware = text.map(str::to_owned);
                if firmware.is_some() {
                    reader.typed(member);
                }
            }
            "scheduler" => {
                scheduler = text.map(str::to_owned);
            }
            _ if name.starts_with("size") || name.starts_with("capacity") => {
                told.size = member.bytes().filter(|b| b.0 > 0);
                if told.size.is_some() {
                    let rest = member.measure().map_or("", |m| m.rest);
                    reader.typed_but(member, rest);
                }
            }
            _ => {}
        }
    }
    let name = told.name.clone();
    if let (Some(name), Some(_)) = (&name, &scheduler) {
        let device = BlockDevice {
            name: name.clone(),
            scheduler,
            ..BlockDevice::default()
        };
        let device = reader.sourced(node, device);
        reader.facts.metrics.block_devices.push(device);
        if let Some(member) = node.get(&["scheduler"]) {
            reader.typed(&member);
        }
    }
    if let Some(firmware) = firmware {
        let smart = Smart {
            device: name.map_or_else(String::new, |name| format!("/dev/{name}")),
            model: told.model.clone(),
            firmware: Some(firmware),
            ..Smart::default()
        };
        let smart = reader.sourced(node, smart);
        reader.facts.metrics.smart.push(smart);
    }
    if told.kind.is_some() || told.model.is_some() || told.size.is_some() {
        told.add(reader.facts.hardware.get_or_insert_default(), count);
    }
    // `{"kind": "nvme", "util": "35%", "w/s": 290}`: what it does stands beside what it is.
    let does = |m: &Node<'_>| m.is_leaf() && activity::is_device_figure(&m.words());
    if count == 1 && members.iter().any(does) {
        activity::devices(reader, node);
    }
}

/// `2x 4TB WD Red + 500 GB Samsung 970 EVO NVMe (new)`.
fn sentence(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let mut all = true;
    let mut found = false;
    for part in parts(text) {
        let lower = part.to_lowercase();
        if found && ["firmware", "fw"].iter().any(|w| lower.starts_with(w)) {
            // `Micron 2400, firmware V3MA003`: of the disk before.
            let hardware = reader.facts.hardware.get_or_insert_default();
            let smart = hardware.disks.last().map(|disk| Smart {
                device: match disk.kernel_name.starts_with("disk") {
                    true => String::new(),
                    false => format!("/dev/{}", disk.kernel_name),
                },
                model: disk.model.clone(),
                firmware: firmware_in(part),
                ..Smart::default()
            });
            if let Some(smart) = smart.filter(|smart| smart.firmware.is_some()) {
                let smart = reader.sourced(node, smart);
                reader.facts.metrics.smart.push(smart);
            }
            all = false;
            continue;
        }
        match one(part, node.key()) {
            Some((told, count)) => {
                if let Some(firmware) = firmware_in(part) {
                    let smart = Smart {
                        device: told
                            .name
                            .as_ref()
                            .map_or_else(String::new, |name| format!("/dev/{name}")),
                        model: told.model.clone(),
                        firmware: Some(firmware),
                        ..Smart::default()
                    };
                    let smart = reader.sourced(node, smart);
                    reader.facts.metrics.smart.push(smart);
                    all = false;
                }
                told.add(reader.facts.hardware.get_or_insert_default(), count);
                found = true;
            }
            None => all = false,
        }
    }
    if found {
        let lower = text.to_lowercase();
        let remark = !all || lower.contains("smr") || lower.contains(['(', ',', ';']);
        reader.typed_but(node, if remark { text } else { "" });
    }
}

/// The disks of a sentence that names several.
fn parts(text: &str) -> Vec<&str> {
    let head = text.split('(').next().unwrap_or(text);
    // `NVMe (system), one HDD`: a remark does not hide the next disk.
    let behind = text
        .split_once("), ")
        .and_then(|(_, rest)| kind_of_words(rest));
    if behind.is_some() {
        text.split("), ").collect()
    } else if head.contains('+') || head.contains(" and ") || head.contains(", ") {
        head.split(['+', ','])
            .flat_map(|part| part.split(" and "))
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    } else {
        vec![text]
    }
}

fn one(text: &str, key: &str) -> Option<(Told, u64)> {
    /// Words that are no part of the name of a product.
    const NO_NAME: [&str; 40] = [
        "btrfs",
        "ext4",
        "xfs",
        "zfs",
        "luks",
        "lvm",
        "it",
        "in",
        "of",
        "for",
        "at",
        "and",
        "partition",
        "rpm",
        "/",
        "raid",
        "gen3",
        "gen4",
        "gen5",
        "pcie",
        "old",
        "new",
        "the",
        "an",
        "on",
        "internal",
        "external",
        "main",
        "is",
        "system",
        "data",
        "with",
        "root",
        "consumer",
        "enterprise",
        "card",
        "x4",
        "gen",
        "disk",
        "drive",
    ];
    let (count, rest) = counted(text);
    // `sda: Samsung SSD 870`
    let (named, rest) = match rest.split_once(':') {
        Some((name, rest)) if is_kernel_name(name.trim_start_matches("/dev/")) => {
            (name.trim_start_matches("/dev/"), rest)
        }
        _ => (key.trim_start_matches("/dev/"), rest),
    };
    let rest = rest.split(" fw ").next().unwrap_or(rest);
    let rest = rest.split(" firmware ").next().unwrap_or(rest);
    let mut told = Told {
        name: Some(named.to_owned()).filter(|name| is_kernel_name(name)),
        ..Told::default()
    };
    let mut names = Vec::new();
    let mut words = rest.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_matches([',', ';', '(', ')']);
        // A size: `4TB`, or `4` and `TB`.
        let joined = match words.peek() {
            Some(next) if bare.parse::<f64>().is_ok() => format!("{bare} {next}"),
            _ => bare.to_owned(),
        };
        let size = amount::amount(&joined).and_then(|a| {
            let (scale, after) = amount::unit_of(a.rest)?;
            let known = scale.unit == Unit::Bytes && after.trim().is_empty();
            known
                .then(|| amount::bytes(a.number * scale.factor))
                .flatten()
        });
        if let Some(size) = size.filter(|_| told.size.is_none()) {
            told.size = Some(size);
            if joined.len() > bare.len() {
                words.next();
            }
        } else if !NO_NAME.contains(&bare.to_lowercase().as_str())
            && !is_rpm(bare)
            && (kind_of_words(bare).is_none() || bare.contains(|c: char| c.is_ascii_digit()))
        {
            names.push(word);
        }
    }
    let by_words = kind_of_words(rest).or_else(|| kind_of_words(key));
    let model = text_of_model(&names);
    let named = model.as_deref().and_then(kind_of_model);
    told.kind = match (by_words, named) {
        // "SSD" alone leaves open what the name of the line decides.
        (Some((DiskKind::SataSsd, _)), Some(DiskKind::NvmeSsd)) => {
            Some((DiskKind::NvmeSsd, KindBasis::ModelName))
        }
        (Some((kind, medium)), _) => {
            told.medium = medium;
            Some((kind, KindBasis::Told))
        }
        (None, Some(kind)) => Some((kind, KindBasis::ModelName)),
        (None, None) => None,
    };
    told.model = model.filter(|_| named.is_some() || told.kind.is_some());
    (told.kind.is_some() || told.size.is_some()).then_some((told, count))
}

/// The disk that a clause speaks of: `main disk is an SSD`, `root on NVMe`. Whether it names one.
pub(super) fn clause(reader: &mut Reader<'_>, text: &str) -> bool {
    let words = node::words(text);
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let Some((kind, medium)) = kind_of_words(text) else {
        return false;
    };
    let sure = has(&[
        "disk", "disks", "drive", "drives", "storage", "ssd", "hdd", "nvme", "emmc", "root", "card",
    ]);
    if !sure || kind == DiskKind::SataUnknown || words.len() > 8 {
        return false;
    }
    let told = Told {
        kind: Some((kind, KindBasis::Told)),
        medium,
        ..Told::default()
    };
    told.add(reader.facts.hardware.get_or_insert_default(), 1);
    true
}

fn text_of_model(names: &[&str]) -> Option<String> {
    let text = names.join(" ");
    let text = text.split('(').next().unwrap_or_default().trim();
    (text.contains(|c: char| c.is_ascii_digit()) || names.len() > 1)
        .then(|| text.to_owned())
        .filter(|t| !t.is_empty())
}

/// An NVMe disk of a virtual machine is the hypervisor's.
pub(super) fn settle(hardware: &mut Hardware) {
    if hardware.virtualisation.is_virtual() {
        for disk in &mut hardware.disks {
            if disk.kind == DiskKind::NvmeSsd {
                disk.kind = DiskKind::Virtual(VirtualDriver::Nvme);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_read_as_people_name_them() {
        use DiskKind::{Emmc, Hdd, NvmeSsd, SataSsd, SataUnknown, SdCard, Usb, Virtual};
        let tb = |n: f64| Some(Bytes((n * 1e12) as u64));
        for (text, kind, count, size, model) in [
            ("2x 4TB WD Red", Hdd, 2, tb(4.0), Some("WD Red")),
            (
                "Samsung 970 EVO NVMe",
                NvmeSsd,
                1,
                None,
                Some("Samsung 970 EVO"),
            ),
            (
                "Samsung SSD 980 1 TB",
                NvmeSsd,
                1,
                tb(1.0),
                Some("Samsung 980"),
            ),
            ("four 8 TB hard disks", Hdd, 4, tb(8.0), None),
            ("500GB SATA SSD", SataSsd, 1, tb(0.5), None),
            (
                "Crucial MX500 1TB",
                SataSsd,
                1,
                tb(1.0),
                Some("Crucial MX500"),
            ),
            ("ST4000DM004", Hdd, 1, None, Some("ST4000DM004")),
            ("USB 3 hard disk", Usb, 1, None, None),
            ("SMR HDD, 8TB", Hdd, 1, tb(8.0), None),
            ("32 GB eMMC", Emmc, 1, tb(0.032), None),
            ("microSD card", SdCard, 1, None, None),
            ("virtio", Virtual(VirtualDriver::VirtioBlk), 1, None, None),
            ("2 TB", SataUnknown, 1, tb(2.0), None),
        ] {
            let (told, n) = one(text, "disk").unwrap();
            let mut hardware = Hardware::default();
            told.add(&mut hardware, n);
            let disk = &hardware.disks[0];
            assert_eq!(
                (disk.kind, hardware.disks.len(), disk.size),
                (kind, count, size),
                "{text}"
            );
            if model.is_some() {
                assert_eq!(disk.model.as_deref(), model, "{text}");
            }
        }
        assert!(one("something", "disk").is_none());
    }
}
