//! One machine: everything that is known about it, in one place.

use super::hardware::{Disk, DiskKind, Hardware, Medium};
use super::metrics::Metrics;
use super::observation::Observation;
use super::storage::{Filesystem, Luks};
use super::{Account, Preferences, Release, Settings, Storage, Told, UnknownFact};
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
    /// Told in a file of facts, without any configuration.
    Facts,
}

/// What is known of the ground that a configuration stands on, beside its release and kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Platform {
    /// Its nixpkgs is a state on the way to the next release: [`Host::release`] says what it has at
    /// least.
    pub is_rolling: bool,
    /// Nothing chooses a kernel, and no module could not be read: it is that of the release.
    pub has_standard_kernel: bool,
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
    /// The same as it was told, from beginning to end, where it was told in one piece.
    pub accounts: Vec<Account>,
    /// The release of NixOS that it is built from, where something tells.
    pub release: Option<Told<Release>>,
    /// The kernel that the configuration (or its owner) chooses, where something tells; see
    /// [`Host::target`].
    pub kernel: Option<Told<KernelVersion>>,
    /// More about these two.
    pub platform: Platform,
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
    /// The same as it was told, from beginning to end.
    pub accounts: Vec<Account>,
    /// NixOS options that people tell of; what a configuration says of them wins.
    pub settings: Settings,
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
            unknown: vec![why],
            ..Self::bare(name, found)
        }
    }

    /// A host of which there are only such facts: no configuration, no storage, no files.
    pub fn told(name: &str, facts: &Facts) -> Self {
        Self::bare(name.to_owned(), Found::Facts).with_facts(facts)
    }

    fn bare(name: String, found: Found) -> Self {
        Host {
            name,
            found,
            files: Vec::new(),
            storage: Storage::default(),
            settings: Settings::default(),
            hardware: None,
            metrics: Metrics::default(),
            observations: Vec::new(),
            accounts: Vec::new(),
            release: None,
            kernel: None,
            platform: Platform::default(),
            preferences: Preferences::default(),
            unknown: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// The host with what is known besides its configuration.
    pub fn with_facts(mut self, facts: &Facts) -> Self {
        self.hardware = facts.hardware.clone();
        self.metrics = facts.metrics.clone();
        self.observations = facts.observations.clone();
        self.accounts = facts.accounts.clone();
        self.preferences = facts.preferences.clone();
        for (path, told) in facts.settings.iter() {
            if !self.settings.is_defined(path) {
                self.settings.insert(path.to_owned(), told.clone());
            }
        }
        if facts.release.is_some() {
            self.release = facts.release.clone();
            self.platform.is_rolling = false;
        }
        if facts.kernel.is_some() {
            self.kernel = facts.kernel.clone();
        }
        self
    }

    /// Whether a machine's configuration is seen, and not only a file of it: only then does it mean
    /// something that an option is set nowhere. A file by itself is one where it says
    /// `system.stateVersion`, which each machine says once, in the file that makes it.
    pub fn is_whole(&self) -> bool {
        matches!(self.found, Found::Flake | Found::Config)
            || self.settings.is_defined("system.stateVersion")
    }

    /// The release of NixOS that its options have their names and defaults from; `None` where
    /// nothing tells, and a rule then keeps to what all releases agree on. A nixpkgs between two
    /// releases has at least what the earlier one has.
    pub fn release(&self) -> Option<Release> {
        self.release_told().map(|told| told.value)
    }

    /// The same with what tells it: the owner, else the flake, else the running system.
    pub fn release_told(&self) -> Option<Told<Release>> {
        self.release.clone().or_else(|| {
            let told = self.metrics.nixos.as_ref()?;
            let (value, _) = Release::of_version(&told.value)?;
            let by = format!("the running system ({})", told.source);
            Some(Told { value, by })
        })
    }

    /// The kernel that the next boot brings: the one that the owner or the configuration names,
    /// else the one that runs, as the metrics tell, else that of the release, where nothing chooses
    /// another.
    pub fn target(&self) -> Target {
        let told = self.kernel_told();
        told.map_or(Target::Unknown, |told| Target::Known(told.value))
    }

    /// The same with what tells it.
    pub fn kernel_told(&self) -> Option<Told<KernelVersion>> {
        let running = || {
            let told = self.metrics.kernel.as_ref()?;
            let value = told.value.parse().ok()?;
            let by = format!("the running system ({})", told.source);
            Some(Told { value, by })
        };
        let chosen = self.kernel.clone().or_else(running);
        chosen.or_else(|| self.standard_kernel())
    }

    /// The kernel of its release, if nothing else can be the one that it boots.
    fn standard_kernel(&self) -> Option<Told<KernelVersion>> {
        let Platform {
            is_rolling,
            has_standard_kernel,
        } = self.platform;
        let release = self.release.as_ref()?;
        if is_rolling || !has_standard_kernel {
            return None;
        }
        let value = release.value.kernel()?;
        let by = format!("the default of NixOS {}, by {}", release.value, release.by);
        Some(Told { value, by })
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
        let disks = filesystem.disks.iter();
        let media: Vec<Medium> = disks
            .map(|device| match self.disk(device) {
                Some(disk) => self.medium(disk),
                None => Medium::of_name(device),
            })
            .collect();
        let rotational = match media.as_slice() {
            // btrfs calls a filesystem rotating as soon as one of its devices is.
            media if media.contains(&Medium::Rotational) => Some(true),
            [] => None,
            media => media
                .iter()
                .all(|m| *m == Medium::SolidState)
                .then_some(false),
        };
        let withheld = filesystem.luks().any(|luks| self.withholds(luks));
        let is_nvme = |device: &String| match self.disk(device) {
            Some(disk) => disk.kind == DiskKind::NvmeSsd,
            None => false,
        };
        let discard = match rotational {
            _ if withheld => Some(false),
            Some(false) if filesystem.disks.iter().all(is_nvme) => Some(true),
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

    /// Whether a container lets no discards through: nothing says that it does, neither its settings
    /// nor what it is made or opened with.
    fn withholds(&self, luks: &Luks) -> bool {
        let option = format!("boot.initrd.luks.devices.{}.allowDiscards", luks.name);
        let flags = luks.open_flags.known();
        luks.allow_discards == Ok(false)
            && !self.settings.is_defined(&option)
            && flags.is_some_and(|flags| flags.iter().all(|f| !f.value.contains("discard")))
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
