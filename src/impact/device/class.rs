//! Owns: classes of devices, and what each can do (`data/impact/devices.json`): ranges that are
//! hulls of points, each of which says where it is from.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::impact::Interval;
use crate::impact::time::Service;

const TABLE: &str = include_str!("../../../data/impact/devices.json");

/// A class of devices.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// Rotating disks.
    Hdd,
    /// Rotating disks whose tracks overlap, and that hide it (drive-managed SMR).
    ShingledHdd,
    /// SSDs on SATA or SAS.
    SataSsd,
    /// SSDs on NVMe of which no more is known.
    Nvme,
    /// SSDs on NVMe with memory of their own.
    NvmeGood,
    /// SSDs on NVMe without memory of their own, or with four bits a cell.
    NvmePoor,
    /// Flash soldered to the board.
    Emmc,
    /// SD cards.
    SdCard,
    /// Whatever is behind USB.
    Usb,
    /// Sticks.
    UsbStick,
    /// SSDs behind USB.
    UsbSsd,
    /// Rotating disks behind USB.
    UsbDisk,
    /// A disk that a hypervisor presents.
    Virtual,
    /// A disk that another machine presents (NBD, RBD, iSCSI).
    Network,
}

/// From which class on the slowest decides, where a filesystem lies on several.
pub(super) const SLOWEST_FIRST: [DeviceClass; 14] = [
    DeviceClass::UsbStick,
    DeviceClass::ShingledHdd,
    DeviceClass::UsbDisk,
    DeviceClass::Hdd,
    DeviceClass::Usb,
    DeviceClass::SdCard,
    DeviceClass::Network,
    DeviceClass::Virtual,
    DeviceClass::Emmc,
    DeviceClass::UsbSsd,
    DeviceClass::SataSsd,
    DeviceClass::NvmePoor,
    DeviceClass::Nvme,
    DeviceClass::NvmeGood,
];

/// One number with its source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Point {
    /// The number: requests a second, bytes a second or seconds.
    pub value: f64,
    /// What it is of, in a few words.
    pub says: String,
    /// An address, or the simulated device on which demands were counted.
    pub source: String,
}

/// What is known of a class or a part of it, number by number.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Points {
    /// Requests of 4 KiB a second with a deep queue; of a disk that rotates, seeks.
    #[serde(default)]
    pub iops: Vec<Point>,
    /// Bytes a second in one stream.
    #[serde(default)]
    pub bandwidth: Vec<Point>,
    /// Seconds for one request of 4 KiB, alone.
    #[serde(default)]
    pub latency: Vec<Point>,
    /// Seconds for a flush of the cache.
    #[serde(default)]
    pub flush: Vec<Point>,
}

/// A part of a class that can do something else than all of it: by turns a minute, or by a part of
/// the model name in capitals.
#[derive(Debug, Clone, Deserialize)]
pub struct Variant {
    #[serde(default)]
    rpm: Option<(u32, u32)>,
    #[serde(default)]
    models: Vec<String>,
    /// What is special about it.
    pub says: String,
    /// The numbers that differ.
    #[serde(flatten)]
    pub points: Points,
}

impl Variant {
    /// Whether a device of this model and these turns a minute is one.
    pub fn is(&self, model: Option<&str>, rpm: Option<u32>) -> bool {
        let turns = self.rpm.zip(rpm);
        turns.is_some_and(|((low, high), rpm)| (low..=high).contains(&rpm))
            || names(&self.models, model)
    }
}

/// What a class of devices can do.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// The class.
    pub class: DeviceClass,
    /// Its name for people.
    pub name: String,
    /// Whether the way in which it serves was tested against counted demands; if not, no time is
    /// promised.
    pub calibrated: bool,
    /// How it may serve.
    pub services: Vec<Service>,
    /// The classes of which it may be any; it has no numbers of its own then.
    #[serde(default)]
    pub either: Vec<DeviceClass>,
    /// Why no time is promised, where none is.
    #[serde(default)]
    pub no_time: Option<String>,
    /// The numbers.
    #[serde(flatten)]
    pub points: Points,
    /// Parts of it that are known better.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

impl Description {
    /// What it may be: itself, or the classes of which it may be any.
    pub fn alternatives(&self) -> Vec<&'static Description> {
        let classes: &[DeviceClass] = match self.either.as_slice() {
            [] => &[self.class],
            several => several,
        };
        let found = classes.iter().filter_map(|class| class.description());
        found.collect()
    }
}

/// Numbers of a device on which predictions were tested.
#[derive(Debug, Clone, Deserialize)]
pub struct Tested {
    /// Its name in the tables of measurements.
    pub name: String,
    /// How it served.
    pub service: Service,
    /// Requests a second.
    pub iops: f64,
    /// Bytes a second.
    pub bandwidth: f64,
    /// Seconds for one request; none for those that answer one request after the other.
    #[serde(default)]
    pub latency: Option<f64>,
    /// Seconds for a flush; none for those that charge nothing for it.
    #[serde(default)]
    pub flush: Option<f64>,
}

/// Models that are known to be of a class.
#[derive(Debug, Clone, Deserialize)]
struct Models {
    class: DeviceClass,
    models: Vec<String>,
    source: String,
}

/// What one thread encrypts a second, by what the processor can do.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cipher {
    pub(super) aes: bool,
    #[serde(default)]
    pub(super) avx2: bool,
    pub(super) arch: String,
    pub(super) says: String,
    pub(super) bandwidth: Vec<Point>,
}

#[derive(Debug, Default, Deserialize)]
struct Table {
    tested: Vec<Tested>,
    models: Vec<Models>,
    aes: Vec<Cipher>,
    classes: Vec<Description>,
}

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(TABLE).unwrap_or_default())
}

fn names(parts: &[String], model: Option<&str>) -> bool {
    let model = model.unwrap_or_default().to_uppercase();
    parts.iter().any(|part| model.contains(part.as_str()))
}

impl DeviceClass {
    /// What devices of this class can do.
    pub fn description(self) -> Option<&'static Description> {
        table().classes.iter().find(|d| d.class == self)
    }

    /// Whether it has nothing but one arm or one line: busy all the time, it is at its limit.
    /// Others serve many requests at once, and are busy with one of them, too (iostat(1), `%util`).
    pub(super) fn is_serial(self) -> bool {
        use DeviceClass as C;
        matches!(
            self,
            C::Hdd | C::ShingledHdd | C::UsbDisk | C::UsbStick | C::SdCard
        )
    }

    /// The class that a model name tells, of those given, with where that is from.
    pub(super) fn of_model(model: &str, of: &[DeviceClass]) -> Option<(Self, &'static str)> {
        let mut known = table().models.iter().filter(|m| of.contains(&m.class));
        let found = known.find(|m| names(&m.models, Some(model)))?;
        Some((found.class, &found.source))
    }
}

/// The devices on which predictions were tested.
pub fn tested() -> &'static [Tested] {
    &table().tested
}

/// What processors encrypt, the more special first.
pub(super) fn ciphers() -> &'static [Cipher] {
    &table().aes
}

/// The range that points span.
pub(super) fn range(points: &[Point]) -> Option<Interval> {
    Interval::hull(points.iter().map(|p| p.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(points: &Points) -> impl Iterator<Item = &Point> {
        let Points {
            iops,
            bandwidth,
            latency,
            flush,
        } = points;
        [iops, bandwidth, latency, flush].into_iter().flatten()
    }

    #[test]
    fn every_number_has_a_source() {
        let table: Table = serde_json::from_str(TABLE).unwrap();
        for class in &table.classes {
            let variants = class.variants.iter().map(|v| &v.points);
            for point in variants.chain([&class.points]).flat_map(all) {
                let sourced = point.source.starts_with("http")
                    || point.source == "simulated when demands were counted";
                assert!(sourced && !point.says.is_empty(), "{point:?}");
                assert!(point.value >= 0.0 && point.value.is_finite(), "{point:?}");
            }
        }
        for point in table.aes.iter().flat_map(|c| &c.bandwidth) {
            assert!(point.source.starts_with("http"), "{point:?}");
        }
    }

    #[test]
    fn every_class_is_described_once_and_ranked() {
        let table: Table = serde_json::from_str(TABLE).unwrap();
        assert_eq!(table.classes.len(), SLOWEST_FIRST.len());
        for class in SLOWEST_FIRST {
            let of = table.classes.iter().filter(|d| d.class == class);
            assert_eq!(of.count(), 1, "{class:?}");
        }
    }

    #[test]
    fn a_class_promises_time_or_says_why_not() {
        for class in &table().classes {
            assert_ne!(class.calibrated, class.no_time.is_some(), "{}", class.name);
            if class.calibrated {
                let services: Vec<Service> = tested().iter().map(|t| t.service).collect();
                assert!(class.services.iter().all(|s| services.contains(s)));
                assert!(!class.points.flush.is_empty(), "{}", class.name);
            }
            // One of several has no numbers of its own, and those have some.
            assert_ne!(class.either.is_empty(), class.points == Points::default());
            assert!(!class.alternatives().is_empty());
        }
    }

    #[test]
    fn what_was_tested_lies_in_the_class_that_it_stands_for() {
        let of = |class: DeviceClass| class.description().unwrap();
        for tested in tested() {
            let class = match tested.name.as_str() {
                "hdd" => of(DeviceClass::Hdd),
                "emmc" => of(DeviceClass::Emmc),
                "sata" => of(DeviceClass::SataSsd),
                "net" => of(DeviceClass::Network),
                "cg" => of(DeviceClass::Virtual),
                _ => continue,
            };
            assert!(class.services.contains(&tested.service));
            let points = &class.points;
            assert!(range(&points.iops).unwrap().contains(tested.iops));
            assert!(range(&points.bandwidth).unwrap().contains(tested.bandwidth));
        }
    }

    #[test]
    fn a_part_of_a_class_is_told_by_turns_or_by_name() {
        let disk = DeviceClass::Hdd.description().unwrap();
        let of = |rpm| disk.variants.iter().find(|v| v.is(None, Some(rpm)));
        let seeks = |rpm| range(&of(rpm).unwrap().points.iops).unwrap();
        assert!(seeks(5400).high < seeks(7200).high);
        assert!(of(15_000).is_none() && disk.variants.iter().all(|v| !v.is(None, None)));
        let good = DeviceClass::NvmeGood.description().unwrap();
        let model = Some("Micron_7400_MTFDKBA960TDZ");
        let protected = good.variants.iter().find(|v| v.is(model, None)).unwrap();
        assert!(range(&protected.points.flush).unwrap().high < 0.0001);
    }
}
