//! What lies below a filesystem, and what tells it.

use crate::analyze::{Evidence, Source, Weight};
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::{Filesystem, Host};

/// The medium below a whole filesystem, where all of its disks are known to be of one, and a
/// statement that says so. A name that only NVMe or MMC disks have is knowledge too.
pub(super) fn medium(host: &Host, filesystem: &Filesystem) -> Option<(Medium, Evidence)> {
    let told: Option<Vec<(Medium, Evidence)>> = filesystem
        .disks
        .iter()
        .map(|device| of_device(host, filesystem, device))
        .collect();
    let mut told = told?.into_iter();
    let first = told.next()?;
    told.all(|(medium, _)| medium == first.0).then_some(first)
}

fn of_device(host: &Host, filesystem: &Filesystem, device: &str) -> Option<(Medium, Evidence)> {
    let name = filesystem.name();
    if let Some(disk) = host.disk(device) {
        let medium = host.medium(disk);
        let what = match medium {
            Medium::Rotational => "a disk that rotates",
            Medium::SolidState => "flash",
            Medium::Unknown => return None,
        };
        let source = Source::Hardware(disk.kernel_name.clone());
        let statement = format!("{name} lies on {what}");
        return Some((
            medium,
            Evidence::speaks_for(Weight::Moderate, source, statement),
        ));
    }
    let short = device.rsplit('/').next().unwrap_or(device);
    let flash =
        short.starts_with("nvme") || short.starts_with("mmcblk") || short.starts_with("mmc-");
    flash.then(|| {
        let source = Source::Configuration(filesystem.at);
        let statement = format!("{name} lies on {device}, which is flash by its name");
        let evidence = Evidence::speaks_for(Weight::Moderate, source, statement);
        (Medium::SolidState, evidence)
    })
}

/// The disks below a filesystem that the hardware report knows.
pub(super) fn disks<'a>(
    host: &'a Host,
    filesystem: &'a Filesystem,
) -> impl Iterator<Item = &'a Disk> {
    filesystem
        .disks
        .iter()
        .filter_map(|device| host.disk(device))
}

/// Whether the host is a guest, whose disks somebody else's storage stands behind.
pub(super) fn is_guest(host: &Host) -> bool {
    let hardware = host.hardware.as_ref();
    hardware.is_some_and(|h| h.virtualisation.is_virtual())
}

/// Whether any disk below a filesystem is of one of these kinds.
pub(super) fn has_kind(host: &Host, filesystem: &Filesystem, kinds: &[DiskKind]) -> bool {
    disks(host, filesystem).any(|disk| kinds.contains(&disk.kind))
}
