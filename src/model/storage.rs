//! Disks → layers → filesystems → subvolumes → mounts, as the configuration tells them.

use super::{Located, Reading};
use crate::btrfs::{MountSpec, parse_options};
use crate::nix::source::Span;

/// All btrfs storage that a host's configuration names.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    /// Its btrfs filesystems, in the order of their definition paths.
    pub filesystems: Vec<Filesystem>,
    /// Whether `/` is mounted from a btrfs of [`Storage::filesystems`].
    pub root_on_btrfs: bool,
}

/// Who declares a filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageSource {
    /// disko, at this attribute path below the configuration.
    Disko(Vec<String>),
    /// `fileSystems` of NixOS alone.
    FileSystems,
}

/// A layer between a disk and a filesystem, from the disk up.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A partition.
    Partition {
        /// Its name in disko.
        name: String,
    },
    /// LUKS.
    Luks(Box<Luks>),
    /// A logical volume.
    Lvm {
        /// `vg/lv`
        name: String,
    },
    /// A Linux software RAID.
    Mdraid {
        /// Its name in disko.
        name: String,
    },
}

/// A LUKS container as disko describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Luks {
    /// Attribute path of its definition.
    pub path: Vec<String>,
    /// The name of the opened device.
    pub name: String,
    /// `settings.allowDiscards`; false if not written.
    pub allow_discards: Reading<bool>,
    /// `settings.bypassWorkqueues`; false if not written.
    pub bypass_workqueues: Reading<bool>,
    /// `extraFormatArgs`, passed to `cryptsetup luksFormat`.
    pub format_args: Reading<Vec<Located<String>>>,
    /// The definition.
    pub at: Option<Span>,
}

/// One btrfs filesystem.
#[derive(Debug, Clone)]
pub struct Filesystem {
    /// Who declares it.
    pub source: StorageSource,
    /// What NixOS mounts, as far as it is known.
    pub device: String,
    /// The disks below it, as disko names their devices.
    pub disks: Vec<String>,
    /// What lies between the disk and the filesystem.
    pub layers: Vec<Layer>,
    /// Words passed to `mkfs.btrfs`, one element of `extraArgs` each.
    pub mkfs_args: Reading<Vec<Located<String>>>,
    /// Subvolumes that the configuration declares.
    pub subvolumes: Vec<Subvolume>,
    /// Mounts of it, by mount point.
    pub mounts: Vec<Mount>,
    /// The definition.
    pub at: Option<Span>,
}

/// A declared subvolume.
#[derive(Debug, Clone)]
pub struct Subvolume {
    /// Attribute path of its definition.
    pub path: Vec<String>,
    /// Its name: the path within the filesystem, as written.
    pub name: String,
    /// Where it is mounted, if it is.
    pub mountpoint: Option<String>,
    /// Swap files that it holds.
    pub swap: Vec<SwapFile>,
    /// The definition.
    pub at: Option<Span>,
}

/// A swap file that disko creates.
#[derive(Debug, Clone, PartialEq)]
pub struct SwapFile {
    /// Its path within the subvolume.
    pub path: String,
    /// Its size as written, such as `8G`.
    pub size: String,
}

/// What wrote the options of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// disko's `mountOptions` at this attribute path.
    Disko(Vec<String>),
    /// `fileSystems.<mountpoint>.options`.
    FileSystems,
}

/// One mount of a filesystem.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The mount point.
    pub mountpoint: String,
    /// The subvolume, without a leading slash; `None` for the default subvolume.
    pub subvolume: Option<String>,
    /// What wrote [`Mount::written`].
    pub source: MountSource,
    /// The options as written at the source; disko's default is `defaults`.
    pub written: Reading<Vec<Located<String>>>,
    /// All options as NixOS passes them to mount: the written ones, what `fileSystems` adds, and
    /// the `subvol=` that disko appends.
    pub options: Reading<Vec<Located<String>>>,
    /// Mounted by the initrd.
    pub needed_for_boot: bool,
    /// The definition of the mount.
    pub at: Option<Span>,
}

impl Mount {
    /// All options after the written ones lose and gain some; what others append stays. `None`
    /// while the options are not known.
    pub fn options_after(&self, remove: &[String], add: &[String]) -> Option<Vec<String>> {
        let (options, written) = (self.options.as_ref().ok()?, self.written.as_ref().ok()?);
        let (written, appended) = options.split_at(written.len().min(options.len()));
        let stays = |o: &&Located<String>| !remove.contains(&o.value);
        let kept = written.iter().filter(stays).map(|o| o.value.clone());
        let appended = appended.iter().map(|o| o.value.clone());
        Some(kept.chain(add.iter().cloned()).chain(appended).collect())
    }
}

impl Filesystem {
    /// The mount at a mount point.
    pub fn mount(&self, mountpoint: &str) -> Option<&Mount> {
        self.mounts.iter().find(|m| m.mountpoint == mountpoint)
    }

    /// A name for people: its first mount point, else the device.
    pub fn name(&self) -> &str {
        let root = self.mounts.iter().find(|m| m.mountpoint == "/");
        root.or(self.mounts.first())
            .map_or(&self.device, |m| &m.mountpoint)
    }

    /// The LUKS containers below it.
    pub fn luks(&self) -> impl Iterator<Item = &Luks> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Luks(luks) => Some(&**luks),
            _ => None,
        })
    }

    /// Its mounts as the kernel's rules want them; `None` while any option is unknown.
    pub fn mount_specs(&self) -> Option<Vec<MountSpec>> {
        let spec = |mount: &Mount| {
            let options = mount.options.as_ref().ok()?;
            let texts: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
            Some(MountSpec {
                mountpoint: mount.mountpoint.clone(),
                subvol: mount.subvolume.clone(),
                options: parse_options(&texts),
                needed_for_boot: mount.needed_for_boot,
            })
        };
        self.mounts.iter().map(spec).collect()
    }

    /// Whether every mount's options are known.
    pub fn is_fully_read(&self) -> bool {
        self.mounts.iter().all(|m| m.options.is_ok())
    }
}

impl Storage {
    /// The mount at a mount point, with its filesystem.
    pub fn mount(&self, mountpoint: &str) -> Option<(&Filesystem, &Mount)> {
        self.filesystems
            .iter()
            .find_map(|f| Some((f, f.mount(mountpoint)?)))
    }

    /// The filesystem and mount that hold a path: the longest mount point that is a prefix of it.
    pub fn holding(&self, path: &str) -> Option<(&Filesystem, &Mount)> {
        self.filesystems
            .iter()
            .flat_map(|f| f.mounts.iter().map(move |m| (f, m)))
            .filter(|(_, m)| is_below(path, &m.mountpoint))
            .max_by_key(|(_, m)| m.mountpoint.len())
    }
}

/// Whether `path` is `directory` or lies below it.
pub fn is_below(path: &str, directory: &str) -> bool {
    directory == "/"
        || path
            .strip_prefix(directory.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
