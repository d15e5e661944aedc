//! Owns: what devices can do, as ranges by class (`data/devices.json`), and which class the devices
//! below a filesystem are, with the numbers that the machine's own metrics know better.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::Interval;
use super::time::{Numbers, Service};
use crate::analyze::facts;
use crate::model::hardware::{Disk, DiskKind, Medium, VirtualDriver};
use crate::model::{Filesystem, Host};

const TABLE: &str = include_str!("data/devices.json");

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
    /// SSDs on SATA or SAS.
    SataSsd,
    /// SSDs on NVMe: faster than the fastest class whose demands were tested.
    Nvme,
    /// Flash soldered to the board.
    Emmc,
    /// SD cards.
    SdCard,
    /// Whatever is behind USB.
    Usb,
    /// A disk that a hypervisor presents.
    Virtual,
}

/// What a class of devices can do.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// The class.
    pub class: DeviceClass,
    /// Its name for people.
    pub name: String,
    /// Whether predictions for it were tested; if not, no time is promised.
    pub calibrated: bool,
    services: Vec<Service>,
    iops: Option<(f64, f64)>,
    bandwidth: Option<(f64, f64)>,
    latency: Option<(f64, f64)>,
    flush: Option<(f64, f64)>,
    /// Where the ranges come from: addresses, and the experiment.
    pub sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Table {
    classes: Vec<Description>,
}

impl DeviceClass {
    /// What devices of this class can do.
    pub fn description(self) -> Option<&'static Description> {
        static CLASSES: OnceLock<Vec<Description>> = OnceLock::new();
        let read = || serde_json::from_str(TABLE).map_or_else(|_| Vec::new(), |t: Table| t.classes);
        CLASSES.get_or_init(read).iter().find(|d| d.class == self)
    }

    fn of(host: &Host, disk: &Disk) -> Option<Self> {
        match disk.kind {
            DiskKind::NvmeSsd => Some(DeviceClass::Nvme),
            DiskKind::SataSsd => Some(DeviceClass::SataSsd),
            DiskKind::Hdd => Some(DeviceClass::Hdd),
            DiskKind::SataUnknown => match host.medium(disk) {
                Medium::Rotational => Some(DeviceClass::Hdd),
                Medium::SolidState => Some(DeviceClass::SataSsd),
                Medium::Unknown => None,
            },
            DiskKind::Emmc => Some(DeviceClass::Emmc),
            DiskKind::SdCard => Some(DeviceClass::SdCard),
            DiskKind::Usb => Some(DeviceClass::Usb),
            DiskKind::Virtual(
                VirtualDriver::VirtioBlk
                | VirtualDriver::VirtioScsi
                | VirtualDriver::Nvme
                | VirtualDriver::Emulated,
            ) => Some(DeviceClass::Virtual),
            DiskKind::Pseudo | DiskKind::EmmcBoot => None,
        }
    }
}

/// What is known of the devices below one filesystem.
#[derive(Debug, Clone)]
pub struct Devices {
    /// Their class; the slowest, where they differ.
    pub class: DeviceClass,
    /// How many there are.
    pub count: usize,
    /// What the class can do.
    pub description: &'static Description,
    /// Requests a second at which they were seen saturated, with the source.
    pub measured_iops: Option<(Interval, String)>,
}

/// A device with a request in flight for this share of the time is taken to be at its limit,
/// where it serves one request after the other (disks, capped volumes).
const SATURATED_PERCENT: f64 = 95.0;

/// The devices below a filesystem; `None` if the hardware report does not know them.
pub fn below(filesystem: &Filesystem, host: &Host) -> Option<Devices> {
    let disks = facts::disks(host, filesystem);
    let classes: Option<Vec<DeviceClass>> =
        disks.iter().map(|d| DeviceClass::of(host, d)).collect();
    // The slowest decides: hard disks, then removable ones.
    const SLOWEST_FIRST: [DeviceClass; 7] = [
        DeviceClass::Hdd,
        DeviceClass::Usb,
        DeviceClass::SdCard,
        DeviceClass::Virtual,
        DeviceClass::Emmc,
        DeviceClass::SataSsd,
        DeviceClass::Nvme,
    ];
    let classes = classes?;
    let class = SLOWEST_FIRST.into_iter().find(|c| classes.contains(c))?;
    let loads = facts::loads(host, filesystem);
    let serial = matches!(class, DeviceClass::Hdd | DeviceClass::Virtual);
    let saturated: Vec<_> = loads
        .iter()
        .filter(|l| serial && l.util_percent.is_some_and(|u| u.0 >= SATURATED_PERCENT))
        .collect();
    let served = saturated
        .iter()
        .filter_map(|l| Some(l.r_per_s? + l.w_per_s?));
    let measured_iops = Interval::hull(served)
        .filter(|served| served.low > 0.0)
        .zip(saturated.first().map(|l| l.source.to_string()));
    let description = class.description()?;
    Some(Devices {
        class,
        count: disks.len(),
        description,
        measured_iops,
    })
}

impl Devices {
    /// The corners of the range of devices that these may be; empty where a number is missing.
    pub fn corners(&self) -> Vec<Numbers> {
        let d = self.description;
        let ends = |range: Option<(f64, f64)>| range.map(|(low, high)| [low, high]);
        let measured = self.measured_iops.as_ref().map(|(i, _)| [i.low, i.high]);
        let Some(iops) = measured.or_else(|| ends(d.iops)) else {
            return Vec::new();
        };
        let (Some(bandwidth), Some(flush)) = (ends(d.bandwidth), ends(d.flush)) else {
            return Vec::new();
        };
        let mut corners = Vec::new();
        for &service in &d.services {
            for iops in iops {
                // Without a latency of its own, a device answers one request after the other.
                let latency = ends(d.latency).unwrap_or([1.0 / iops; 2]);
                for bandwidth in bandwidth {
                    for flush in flush {
                        for latency in latency {
                            corners.push(Numbers {
                                service,
                                iops,
                                bandwidth,
                                latency,
                                flush,
                            });
                        }
                    }
                }
            }
        }
        corners
    }

    /// Whether a time may be computed: the class was tested, or its limit was seen here.
    pub fn promises(&self) -> bool {
        self.description.calibrated
            || (self.class == DeviceClass::Virtual && self.measured_iops.is_some())
    }

    /// Bytes a second in one stream, with where that is from; `None` if no source knows it.
    pub fn bandwidth(&self) -> Option<Interval> {
        self.description
            .bandwidth
            .map(|(low, high)| Interval { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_a_source_and_is_ordered() {
        let table: Table = serde_json::from_str(TABLE).unwrap();
        assert_eq!(table.classes.len(), 7);
        for class in table.classes {
            let ranges = [class.iops, class.bandwidth, class.latency, class.flush];
            for (low, high) in ranges.into_iter().flatten() {
                assert!(0.0 <= low && low <= high, "{}", class.name);
            }
            let known = ranges.iter().any(Option::is_some);
            assert_eq!(known, !class.sources.is_empty(), "{}", class.name);
            assert!(class.class.description().is_some());
        }
    }

    #[test]
    fn no_time_is_promised_for_classes_that_were_not_tested() {
        for class in [DeviceClass::Nvme, DeviceClass::SdCard, DeviceClass::Usb] {
            assert!(!class.description().unwrap().calibrated);
        }
    }
}
