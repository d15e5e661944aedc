//! What lies below a filesystem, and what tells it.

use crate::analyze::{Evidence, Source, Weight};
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::{Filesystem, Host};

/// The medium below a whole filesystem, where all of its disks are known to be of one, and a
/// statement that says so. A name that only NVMe or MMC disks have is knowledge too, and so is the
/// word of an owner who writes `ssd`.
pub(super) fn medium(host: &Host, filesystem: &Filesystem) -> Option<(Medium, Evidence)> {
    let told: Option<Vec<(Medium, Evidence)>> = filesystem
        .disks
        .iter()
        .map(|device| of_device(host, filesystem, device))
        .collect();
    let mut told = told.unwrap_or_default().into_iter();
    match told.next() {
        Some(first) => told.all(|(medium, _)| medium == first.0).then_some(first),
        None => of_option(host, filesystem),
    }
}

/// The word of the owner, where nothing else is known of any disk.
fn of_option(host: &Host, filesystem: &Filesystem) -> Option<(Medium, Evidence)> {
    let is_seen = |device: &String| host.disk(device).is_some();
    let mut options = filesystem.mounts.iter().flat_map(|m| m.options.known());
    let mut options = options.by_ref().flatten();
    let written = options.find(|o| o.value.split(',').any(|word| word == "ssd"))?;
    let says = format!(
        "`ssd` among the options of {} says that it is flash",
        filesystem.name()
    );
    let source = Source::Configuration(written.at);
    let evidence = Evidence::speaks_for(Weight::Weak, source, says);
    (!filesystem.disks.iter().any(is_seen)).then_some((Medium::SolidState, evidence))
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
    let flash = Medium::of_name(device) == Medium::SolidState;
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
