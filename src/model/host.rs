//! One machine: everything that is known about it, in one place.

use super::hardware::{Disk, DiskKind, Hardware, Medium};
use super::metrics::Metrics;
use super::observation::Observation;
use super::storage::Filesystem;
use super::{Preferences, Release, Settings, Storage, Told, UnknownFact};
use crate::btrfs::{DeviceFacts, KernelVersion, Stage1, Target};
use crate::nix::source::FileId;

/// How a host was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// A `nixosConfigurations` entry of a flake.
    Flake,
    /// A storage file whose path names the host, where no flake says whose it is.
    Convention,
    /// A file that was named, or that stands where such files stand.
    File,
    /// What the owner says in `btrfs-tune.toml`.
    Config,
}

/// The facts of one host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// How it was found.
    pub found: Found,
    /// The files that make it, in the order they were read.
    pub files: Vec<FileId>,
    /// Disks to mounts.
    pub storage: Storage,
    /// NixOS options.
    pub settings: Settings,
    /// What nixos-facter reports, if there is a report.
    pub hardware: Option<Hardware>,
    /// What tools printed on the machine.
    pub metrics: Metrics,
    /// What people say about the machine.
    pub observations: Vec<Observation>,
    /// The release of NixOS that it is built from, where something tells.
    pub release: Option<Told<Release>>,
    /// The kernel that the configuration (or its owner) chooses, where something tells; see
    /// [`Host::target`].
    pub kernel: Option<Told<KernelVersion>>,
    /// What its owner wants of the rules.
    pub preferences: Preferences,
    /// What could not be read.
    pub unknown: Vec<UnknownFact>,
    /// Modules that are imported and could not be taken into account.
    pub skipped: Vec<UnknownFact>,
}

/// What is known of a machine besides its configuration; it stays while files are edited.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What nixos-facter reports.
    pub hardware: Option<Hardware>,
    /// What tools printed.
    pub metrics: Metrics,
    /// What people say.
    pub observations: Vec<Observation>,
    /// The release of NixOS that the owner names; it wins over what files tell.
    pub release: Option<Told<Release>>,
    /// The kernel that the owner names; it wins over what files tell.
    pub kernel: Option<Told<KernelVersion>>,
    /// What the owner wants of the rules.
    pub preferences: Preferences,
}

impl Host {
    /// A host of which nothing could be read, for this reason.
    pub fn unread(name: String, found: Found, why: UnknownFact) -> Self {
        Host {
            name,
            found,
            files: Vec::new(),
            storage: Storage::default(),
            settings: Settings::default(),
            hardware: None,
            metrics: Metrics::default(),
            observations: Vec::new(),
            release: None,
            kernel: None,
            preferences: Preferences::default(),
            unknown: vec![why],
            skipped: Vec::new(),
        }
    }

    /// The host with what is known besides its configuration.
    pub fn with_facts(mut self, facts: &Facts) -> Self {
        self.hardware = facts.hardware.clone();
        self.metrics = facts.metrics.clone();
        self.observations = facts.observations.clone();
        self.preferences = facts.preferences.clone();
        if facts.release.is_some() {
            self.release = facts.release.clone();
        }
        if facts.kernel.is_some() {
            self.kernel = facts.kernel.clone();
        }
        self
    }

    /// The release of NixOS that its options have their names and defaults from; `None` where
    /// nothing tells, and a rule then keeps to what all releases agree on.
    pub fn release(&self) -> Option<Release> {
        self.release.as_ref().map(|told| told.value)
    }

    /// The kernel that the next boot brings: the one that the owner or the configuration names,
    /// else the one that runs, as the metrics tell.
    pub fn target(&self) -> Target {
        if let Some(told) = &self.kernel {
            return Target::Known(told.value);
        }
        let kernel = self
            .metrics
            .kernel
            .as_ref()
            .and_then(|k| k.value.parse().ok());
        kernel.map_or(Target::Unknown, Target::Known)
    }

    /// What mounts its filesystems in the initrd.
    pub fn stage1(&self) -> Stage1 {
        match self.settings.get("boot.initrd.systemd.enable") {
            Some(Ok(setting)) if setting.value == true => Stage1::Systemd,
            Some(Ok(_)) => Stage1::Scripted,
            // The default has changed between releases of NixOS.
            Some(Err(_)) | None => Stage1::Unknown,
        }
    }

    /// What is known of the devices below a filesystem that changes what its options do.
    pub fn device_facts(&self, filesystem: &Filesystem) -> DeviceFacts {
        let disks: Vec<_> = filesystem
            .disks
            .iter()
            .filter_map(|d| self.disk(d))
            .collect();
        let all_known = disks.len() == filesystem.disks.len() && !disks.is_empty();
        let media: Vec<Medium> = disks.iter().map(|d| self.medium(d)).collect();
        let rotational = match media.as_slice() {
            // btrfs calls a filesystem rotating as soon as one of its devices is.
            media if media.contains(&Medium::Rotational) => Some(true),
            media if all_known && media.iter().all(|m| *m == Medium::SolidState) => Some(false),
            _ => None,
        };
        let withheld = filesystem.luks().any(|l| l.allow_discards == Ok(false));
        let discard = match rotational {
            _ if withheld => Some(false),
            Some(false) if disks.iter().all(|d| d.kind == DiskKind::NvmeSsd) => Some(true),
            _ => self
                .mounted_option(filesystem, "discard=async")
                .then_some(true),
        };
        DeviceFacts {
            rotational,
            discard,
            free_space_tree: match self.mounted_option(filesystem, "space_cache=v2") {
                true => Some(true),
                // What a filesystem without the tree shows.
                false => ["space_cache", "space_cache=v1", "nospace_cache"]
                    .iter()
                    .any(|shown| self.mounted_option(filesystem, shown))
                    .then_some(false),
            },
            cpus: self.hardware.as_ref().and_then(|h| h.cpu.threads),
        }
    }

    /// The disk of the hardware report that disko names so.
    pub fn disk(&self, device: &str) -> Option<&Disk> {
        self.hardware.as_ref()?.disk_for(device)
    }

    /// What is known of a disk's medium: what the kernel says of a real one, else its name.
    pub fn medium(&self, disk: &Disk) -> Medium {
        let devices = &self.metrics.block_devices;
        let told = devices
            .iter()
            .find(|b| b.name == disk.kernel_name)
            .map(|b| b.medium);
        let virtual_machine = self
            .hardware
            .as_ref()
            .is_some_and(|h| h.virtualisation.is_virtual());
        match told {
            // In a virtual machine the kernel's opinion is the hypervisor's default.
            Some(medium) if medium != Medium::Unknown && !virtual_machine => medium,
            _ => disk.medium(),
        }
    }

    /// Whether the running system shows a superblock option on a filesystem.
    fn mounted_option(&self, filesystem: &Filesystem, option: &str) -> bool {
        filesystem.mounts.iter().any(|mount| {
            self.metrics.mounts.iter().any(|entry| {
                entry.fstype == "btrfs"
                    && entry.mountpoint == mount.mountpoint
                    && entry.super_options.iter().any(|o| o == option)
            })
        })
    }
}
