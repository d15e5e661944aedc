//! Disks → layers → filesystems → subvolumes → mounts, as the configuration tells them.

use super::{Located, Reading, Texts, UnknownFact};
use crate::btrfs::{MountSpec, parse_options};
use crate::nix::source::Span;

/// All btrfs storage that a host's configuration names.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    /// Its btrfs filesystems, in the order of their definition paths.
    pub filesystems: Vec<Filesystem>,
    /// Whether `/` is mounted from a btrfs of [`Storage::filesystems`].
    pub root_on_btrfs: bool,
    /// Bind mounts.
    pub binds: Vec<Bind>,
    /// Mount points of everything that is neither btrfs nor a bind mount: tmpfs, ext4 …
    pub others: Vec<String>,
    /// Those of [`Storage::others`] that are a tmpfs: what lies there is gone after a boot.
    pub in_memory: Vec<String>,
}

/// What holds a path, seen through bind mounts.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A mount of a btrfs.
    Btrfs(&'a Filesystem, &'a Mount),
    /// The mount of something else.
    Other(&'a str),
}

/// A directory or file that is seen at another place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bind {
    /// Where it is seen.
    pub at: String,
    /// Where it lies.
    pub from: String,
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
    pub format_args: Texts,
    /// With what else it is opened: `extraOpenArgs`, of which disko keeps the flags in the header of
    /// a container that it makes (`--persistent`), and `settings.crypttabExtraOpts`.
    pub open_flags: Texts,
    /// The definition.
    pub at: Option<Span>,
}

/// One btrfs filesystem.
#[derive(Debug, Clone)]
pub struct Filesystem {
    /// Who declares it.
    pub source: StorageSource,
    /// What NixOS mounts.
    pub device: Reading<Located<String>>,
    /// The disks below it, as disko names their devices.
    pub disks: Vec<String>,
    /// What lies between the disk and the filesystem.
    pub layers: Vec<Layer>,
    /// Words passed to `mkfs.btrfs`, one element of `extraArgs` each.
    pub mkfs_args: Texts,
    /// `label` of `fileSystems`, by which it is found.
    pub label: Option<String>,
    /// Where disko mounts its top level, if it does.
    pub mountpoint: Reading<Option<String>>,
    /// The options of its top level as written, mounted or not; disko's default is `defaults`.
    pub options: Texts,
    /// Swap files in its top level.
    pub swap: Vec<SwapFile>,
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
    pub mountpoint: Reading<Option<String>>,
    /// Its mount options as written, mounted or not; disko's default is `defaults`.
    pub options: Texts,
    /// Swap files that it holds.
    pub swap: Vec<SwapFile>,
    /// The definition.
    pub at: Option<Span>,
}

/// A swap file that disko creates.
#[derive(Debug, Clone, PartialEq)]
pub struct SwapFile {
    /// Its path within the subvolume.
    pub path: Reading<String>,
    /// Its size as written, such as `8G`.
    pub size: Reading<String>,
    /// The priority of the swap, if one is given.
    pub priority: Reading<Option<i64>>,
    /// The options of `swapon`; disko's default is `defaults`.
    pub options: Texts,
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
    pub written: Texts,
    /// All options as NixOS passes them to mount: the written ones, what `fileSystems` adds, and
    /// the `subvol=` that disko appends.
    pub options: Texts,
    /// For a mount of disko: what `fileSystems.<mountpoint>.options` says beside it.
    pub added: Option<Texts>,
    /// Mounted by the initrd.
    pub needed_for_boot: bool,
    /// The definition of the mount.
    pub at: Option<Span>,
}

impl Mount {
    /// All options after the written ones lose and gain some; what others append stays. `None`
    /// while the options are not known.
    pub fn options_after(&self, remove: &[String], add: &[String]) -> Option<Vec<String>> {
        let (options, written) = (self.options.known()?, self.written.known()?);
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
        match (root.or(self.mounts.first()), &self.device) {
            (Some(mount), _) => &mount.mountpoint,
            (None, Ok(device)) => &device.value,
            (None, Err(_)) => "a btrfs on a device that is not known",
        }
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
            let options = mount.options.known()?;
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
        self.mounts.iter().all(|m| m.options.known().is_some())
    }
}

impl Storage {
    /// Takes back what lists of options say: a module that could not be read may add to them.
    pub fn doubt(&mut self, why: &UnknownFact) {
        for mount in self.filesystems.iter_mut().flat_map(|f| &mut f.mounts) {
            mount.options = Texts::Unknown(why.clone());
            if mount.source == MountSource::FileSystems {
                mount.written = Texts::Unknown(why.clone());
            }
        }
    }

    /// Every place that says something of it.
    pub fn places(&self) -> Vec<Span> {
        let mut places = Vec::new();
        for filesystem in &self.filesystems {
            places.extend(filesystem.at);
            places.extend(filesystem.device.as_ref().ok().and_then(|d| d.at));
            places.extend(filesystem.mkfs_args.places());
            places.extend(filesystem.options.places());
            for luks in filesystem.luks() {
                places.extend(luks.at);
                places.extend(luks.format_args.places());
            }
            for subvolume in &filesystem.subvolumes {
                places.extend(subvolume.at);
                places.extend(subvolume.options.places());
            }
            for mount in &filesystem.mounts {
                places.extend(mount.at);
                places.extend(mount.options.places());
            }
        }
        places
    }

    /// The mount at a mount point, with its filesystem.
    pub fn mount(&self, mountpoint: &str) -> Option<(&Filesystem, &Mount)> {
        self.filesystems
            .iter()
            .find_map(|f| Some((f, f.mount(mountpoint)?)))
    }

    /// Adds a bind mount; one of a place on itself changes nothing.
    pub fn add_bind(&mut self, at: String, from: String) {
        if at != from {
            self.binds.push(Bind { at, from });
        }
    }

    /// Adds the mount point of something that is neither btrfs nor a bind mount, of this type.
    pub fn add_other(&mut self, at: String, kind: Option<&str>) {
        if kind == Some("tmpfs") {
            self.in_memory.push(at.clone());
        }
        self.others.push(at);
    }

    /// The bind mount through which a directory is seen at another place together with what lies
    /// around it: what is mounted on the directory later is not seen there.
    pub fn bound_above(&self, directory: &str) -> Option<&Bind> {
        let around = |bind: &&Bind| {
            bind.from != "/" && bind.from != directory && is_below(directory, &bind.from)
        };
        self.binds.iter().find(around)
    }

    /// Whether the directory of a mount point is known to lie on something else than btrfs, such as
    /// a tmpfs.
    pub fn is_elsewhere(&self, mountpoint: &str) -> bool {
        let above = mountpoint.trim_end_matches('/').rsplit_once('/');
        let above = above.map_or("", |(above, _)| above);
        let above = if above.is_empty() { "/" } else { above };
        self.holding(above).is_none() && self.others.iter().any(|other| is_below(above, other))
    }

    /// Whether anything is mounted at a place, a bind mount or another filesystem too.
    pub fn is_mount_point(&self, place: &str) -> bool {
        self.mount(place).is_some()
            || self.binds.iter().any(|bind| bind.at == place)
            || self.others.iter().any(|other| other == place)
    }

    /// The filesystem and mount that hold a path, seen through bind mounts: the longest mount
    /// point that is a prefix of it. `None` where something else than btrfs holds it.
    pub fn holding(&self, path: &str) -> Option<(&Filesystem, &Mount)> {
        match self.locate(path)?.1 {
            Place::Btrfs(filesystem, mount) => Some((filesystem, mount)),
            Place::Other(_) => None,
        }
    }

    /// Where a path really lies, seen through bind mounts, and what holds it. `None` where no mount
    /// is known that could.
    pub fn locate(&self, path: &str) -> Option<(String, Place<'_>)> {
        let mut path = path.to_owned();
        // Every bind mount leads to another place at most once.
        for _ in 0..=self.binds.len() {
            let mounts = self
                .filesystems
                .iter()
                .flat_map(|f| f.mounts.iter().map(move |m| (f, m)))
                .filter(|(_, m)| is_below(&path, &m.mountpoint))
                .max_by_key(|(_, m)| m.mountpoint.len());
            let bind = self
                .binds
                .iter()
                .filter(|b| is_below(&path, &b.at))
                .max_by_key(|b| b.at.len());
            let other = self
                .others
                .iter()
                .filter(|o| is_below(&path, o))
                .max_by_key(|o| o.len());
            let mounted = mounts.map(|(_, m)| m.mountpoint.len());
            let bound = bind.map(|b| b.at.len());
            if let Some(other) = other
                && Some(other.len()) > mounted
                && Some(other.len()) > bound
            {
                return Some((path, Place::Other(other)));
            }
            match bind {
                Some(bind) if bound > mounted => {
                    let rest = path.get(bind.at.trim_end_matches('/').len()..)?;
                    path = format!("{}{rest}", bind.from.trim_end_matches('/'));
                }
                _ => {
                    let (filesystem, mount) = mounts?;
                    return Some((path, Place::Btrfs(filesystem, mount)));
                }
            }
        }
        None
    }
}

/// Whether `path` is `directory` or lies below it.
pub fn is_below(path: &str, directory: &str) -> bool {
    directory == "/"
        || path
            .strip_prefix(directory.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
