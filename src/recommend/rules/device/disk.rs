//! Owns: the disks below the filesystems of a host, as far as anything names them, and what
//! `mkfs.btrfs` is told of them.

use super::super::devices;
use super::udev::glob;
use crate::analyze::Source;
use crate::btrfs::MkfsArgs;
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::{Filesystem, Host, Layer, StorageSource};

/// A disk below a filesystem.
pub(super) struct Device<'a> {
    /// Its name for people.
    pub name: String,
    /// Kernel names that it may have.
    kernel_names: Vec<String>,
    pub medium: Medium,
    /// Whether it is NVMe, by the report or by a name that no other disk has.
    pub nvme: bool,
    /// The same for an SD card or eMMC.
    pub card: bool,
    /// What the report says of it.
    pub disk: Option<&'a Disk>,
    /// What tells its medium.
    pub source: Source,
}

impl Device<'_> {
    /// Whether a pattern of kernel names is about it; `None` where its name is not known and only
    /// some that it may have match.
    pub(super) fn matches(&self, pattern: &str) -> Option<bool> {
        let mut names = self.kernel_names.iter().map(|name| glob(pattern, name));
        let first = names.next()?;
        names.all(|matches| matches == first).then_some(first)
    }

    /// The name that metrics know it by.
    pub(super) fn kernel_name(&self) -> Option<&str> {
        match self.kernel_names.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// The disks below a filesystem, those that `mkfs.btrfs` is told beside disko's own too; only what
/// the report knows, or what its name proves to be NVMe or a card.
pub(super) fn below<'a>(host: &'a Host, filesystem: &Filesystem) -> Vec<Device<'a>> {
    let mut names: Vec<String> = filesystem.disks.clone();
    names.extend(extra_devices(filesystem).iter().map(|d| whole_disk(d)));
    let mut found: Vec<Device<'a>> = Vec::new();
    for name in names {
        let device = match host.disk(&name) {
            Some(disk) => Device {
                name: disk.kernel_name.clone(),
                kernel_names: vec![disk.kernel_name.clone()],
                medium: host.medium(disk),
                nvme: disk.kind == DiskKind::NvmeSsd,
                card: matches!(disk.kind, DiskKind::SdCard | DiskKind::Emmc),
                disk: Some(disk),
                source: Source::Hardware(disk.kernel_name.clone()),
            },
            None => {
                let short = name.rsplit('/').next().unwrap_or(&name);
                let nvme = short.starts_with("nvme");
                let card = short.starts_with("mmcblk") || short.starts_with("mmc-");
                let several = match (nvme, card) {
                    (true, _) => ["nvme0n1", "nvme1n1", "nvme2n1"],
                    (_, true) => ["mmcblk0", "mmcblk1", "mmcblk2"],
                    _ => continue,
                };
                let kernel_names = match name == format!("/dev/{short}") {
                    true => vec![short.to_owned()],
                    false => several.map(str::to_owned).to_vec(),
                };
                Device {
                    name: name.clone(),
                    kernel_names,
                    medium: Medium::SolidState,
                    nvme,
                    card,
                    disk: None,
                    source: Source::Configuration(filesystem.at),
                }
            }
        };
        if found.iter().all(|known| known.name != device.name) {
            found.push(device);
        }
    }
    found
}

/// All disks below the filesystems of a real machine, each once with the first filesystem on it. In a
/// virtual machine there is none: the hypervisor's disks are behind them.
pub(super) fn of_host(host: &Host) -> Vec<(&Filesystem, Device<'_>)> {
    let mut found: Vec<(&Filesystem, Device<'_>)> = Vec::new();
    if devices::is_guest(host) {
        return found;
    }
    for filesystem in &host.storage.filesystems {
        for device in below(host, filesystem) {
            if found.iter().all(|(_, known)| known.name != device.name) {
                found.push((filesystem, device));
            }
        }
    }
    found
}

/// The devices that `extraArgs` names beside the one that disko adds.
pub(super) fn extra_devices(filesystem: &Filesystem) -> Vec<String> {
    let arguments = mkfs_args(filesystem);
    let extra = arguments.into_iter().flat_map(|a| a.extra_devices);
    extra.map(|device| device.value).collect()
}

/// What disko tells `mkfs.btrfs`, where it is known and all of it is understood.
pub(super) fn mkfs_args(filesystem: &Filesystem) -> Option<MkfsArgs> {
    made(filesystem).map(|(_, arguments)| arguments)
}

/// The same with the path of the filesystem below the configuration.
pub(super) fn made(filesystem: &Filesystem) -> Option<(&[String], MkfsArgs)> {
    let StorageSource::Disko(path) = &filesystem.source else {
        return None;
    };
    let words = filesystem.mkfs_args.known()?.iter();
    let arguments = MkfsArgs::parse(&words.map(|a| a.value.as_str()).collect::<Vec<_>>());
    arguments.unknown.is_empty().then_some((path, arguments))
}

/// Whether something between the disks and the filesystem has copies, or a place, of its own.
pub(super) fn is_stacked(filesystem: &Filesystem) -> bool {
    let stacks = |layer: &Layer| matches!(layer, Layer::Lvm { .. } | Layer::Mdraid { .. });
    filesystem.layers.iter().any(stacks)
}

/// The disk that a partition is on: by-id and by-path names have `-part1`, kernel names `p1` or `1`.
fn whole_disk(partition: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((disk, number)) = partition.rsplit_once("-part")
        && digits(number)
    {
        return disk.to_owned();
    }
    let disk = partition.trim_end_matches(|c: char| c.is_ascii_digit());
    match disk.strip_suffix('p') {
        Some(numbered) if numbered.ends_with(|c: char| c.is_ascii_digit()) => numbered.to_owned(),
        _ if disk.starts_with("/dev/sd") && !disk.is_empty() => disk.to_owned(),
        _ => partition.to_owned(),
    }
}
