//! What the machine is made of: firmware, processor, memory and disks.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::units::Bytes;

/// The hardware of one host, as far as a report of it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Hardware {
    /// Version of the report this was read from; not an order (2 is older than 1).
    pub report_version: Option<u64>,
    /// Processor architecture, the first part of the Nix system (`x86_64`, `aarch64`).
    pub arch: Option<String>,
    /// What the system runs inside of.
    pub virtualisation: Virtualisation,
    /// How it boots; `None` where the report does not say.
    pub firmware: Option<Firmware>,
    /// The processor.
    pub cpu: Cpu,
    /// Main memory.
    pub memory: Option<Memory>,
    /// Every block device of the report, in its order; see [`Hardware::storage`] for the real disks.
    pub disks: Vec<Disk>,
    /// The sort of machine.
    pub form_factor: Option<FormFactor>,
}

impl Hardware {
    /// The disk that a `device` string of a configuration names: stable names (by-id, by-path)
    /// first, kernel names last, because those are from the run that made the report.
    pub fn disk_for(&self, device: &str) -> Option<&Disk> {
        let named = |wanted: NameMatch| {
            self.disks
                .iter()
                .find(move |disk| disk.matches(device) == Some(wanted))
        };
        named(NameMatch::Stable).or_else(|| named(NameMatch::KernelName))
    }

    /// The disks that can hold a filesystem: no zram, loop, floppy or eMMC boot partitions.
    pub fn storage(&self) -> impl Iterator<Item = &Disk> {
        self.disks
            .iter()
            .filter(|d| !matches!(d.kind, DiskKind::Pseudo | DiskKind::EmmcBoot))
    }

    /// Whether a compressed swap device in memory was running when the report was made.
    pub fn has_zram(&self) -> bool {
        self.disks
            .iter()
            .any(|disk| disk.kernel_name.starts_with("zram"))
    }
}

/// What a system runs inside of (`systemd-detect-virt`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Virtualisation {
    /// The report does not say.
    #[default]
    Unknown,
    /// Real hardware (or a report made without the detecting tool).
    None,
    /// KVM.
    Kvm,
    /// QEMU without KVM.
    Qemu,
    /// Amazon EC2's own hypervisor.
    Amazon,
    /// VMware.
    Vmware,
    /// VirtualBox.
    Oracle,
    /// Hyper-V, or a QEMU that speaks its dialect.
    Microsoft,
    /// Xen.
    Xen,
    /// A container, by its kind.
    Container(String),
    /// Any other word of the report.
    Other(String),
}

impl Virtualisation {
    /// Reads the report's word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "none" => Self::None,
            "kvm" => Self::Kvm,
            "qemu" => Self::Qemu,
            "amazon" => Self::Amazon,
            "vmware" => Self::Vmware,
            "oracle" => Self::Oracle,
            "microsoft" => Self::Microsoft,
            "xen" => Self::Xen,
            "systemd_nspawn" | "lxc_libvirt" | "lxc" | "openvz" | "docker" | "podman" | "rkt"
            | "wsl" | "proot" | "pouch" | "container_other" => Self::Container(word.to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether something stands between this system and the hardware.
    pub fn is_virtual(&self) -> bool {
        !matches!(self, Self::Unknown | Self::None)
    }
}

impl fmt::Display for Virtualisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Kvm => "kvm",
            Self::Qemu => "qemu",
            Self::Amazon => "amazon",
            Self::Vmware => "vmware",
            Self::Oracle => "oracle",
            Self::Microsoft => "microsoft",
            Self::Xen => "xen",
            Self::Container(word) | Self::Other(word) => word,
        })
    }
}

/// How a machine boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Firmware {
    /// Legacy BIOS, or none that the system knows.
    Bios,
    /// UEFI, with the width of its platform (32 or 64 bits) where known.
    Uefi(Option<u8>),
}

/// The processor, summed over its sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// The name its maker gave it.
    pub model: Option<String>,
    /// What a virtual machine's firmware says in place of a name (`pc-q35-8.2`).
    pub machine_type: Option<String>,
    /// The vendor (`GenuineIntel`, `ARM Limited`).
    pub vendor: Option<String>,
    /// Cores of all sockets; unknown on ARM, where reports do not count them.
    pub cores: Option<u32>,
    /// Hardware threads of all sockets; unknown on ARM.
    pub threads: Option<u32>,
    /// Physical packages (a virtual machine often has one for each core).
    pub sockets: u32,
    /// Highest clock in MHz by the firmware's table.
    pub clock_max_mhz: Option<u32>,
    /// The kernel's feature flags (`aes`, `avx2`, `sse4_2`, `sha_ni`, ARM `crc32`, `sha2`).
    pub features: BTreeSet<String>,
}

impl Cpu {
    /// The best name there is for it.
    pub fn label(&self) -> Option<&str> {
        self.model
            .as_deref()
            .or(self.machine_type.as_deref())
            .or(self.vendor.as_deref())
    }

    /// Whether crc32c, the default checksum of btrfs, has an instruction of its own.
    pub fn has_crc32c(&self) -> bool {
        ["sse4_2", "crc32"]
            .iter()
            .any(|flag| self.features.contains(*flag))
    }

    /// Whether sha256 has instructions of its own.
    pub fn has_sha256(&self) -> bool {
        ["sha_ni", "sha2"]
            .iter()
            .any(|flag| self.features.contains(*flag))
    }

    /// Whether AES (disk encryption) has instructions of its own.
    pub fn has_aes(&self) -> bool {
        self.features.contains("aes")
    }
}

/// Main memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// How much.
    pub bytes: Bytes,
    /// Whether that is rounded (by up to about 7 %).
    pub approximate: bool,
    /// Where the number comes from.
    pub basis: MemoryBasis,
}

/// Where a memory size comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryBasis {
    /// The sum of the memory modules in the firmware's table: what is installed.
    Modules,
    /// hwinfo's rounded figure.
    PhysMem,
    /// What the kernel manages (as `MemTotal`).
    KernelTotal,
}

/// The sort of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FormFactor {
    /// Laptop, notebook, tablet, convertible.
    Laptop,
    /// Desktop, tower, mini PC, all-in-one.
    Desktop,
    /// Server chassis, rack mount, blade.
    Server,
}

/// One block device of the report.
#[derive(Clone, PartialEq, Serialize)]
pub struct Disk {
    /// The kernel's name in the run that made the report (`nvme0n1`, `sda`).
    pub kernel_name: String,
    /// Every name below `/dev`, sorted. By-id names end in the serial number: to match, not to print.
    #[serde(skip)]
    pub names: Vec<String>,
    /// The model, in full where the report allows it (SATA names are cut to 16 characters there).
    pub model: Option<String>,
    /// The serial number; never printed.
    #[serde(skip)]
    pub serial: Option<Serial>,
    /// Capacity; `None` when there is no medium in it.
    pub size: Option<Bytes>,
    /// Logical sector size in bytes.
    pub logical_sector: Option<u32>,
    /// What sort of disk it is.
    pub kind: DiskKind,
    /// What that was concluded from.
    pub basis: KindBasis,
    /// What the model name says of the medium, for kinds that leave it open (USB).
    pub named_medium: Medium,
    /// The driver of the controller it hangs on (`ahci`, `nvme`, `mpt3sas`, `virtio_blk`).
    pub controller_driver: Option<String>,
}

impl fmt::Debug for Disk {
    /// Leaves out the names, because they end in the serial number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("kernel_name", &self.kernel_name)
            .field("model", &self.model)
            .field("size", &self.size)
            .field("logical_sector", &self.logical_sector)
            .field("kind", &self.kind)
            .field("basis", &self.basis)
            .field("controller_driver", &self.controller_driver)
            .finish_non_exhaustive()
    }
}

impl Disk {
    /// Whether `device` names this disk, and by which sort of name.
    pub fn matches(&self, device: &str) -> Option<NameMatch> {
        let device = device.trim();
        if device.strip_prefix("/dev/") == Some(self.kernel_name.as_str()) {
            return Some(NameMatch::KernelName);
        }
        self.names
            .iter()
            .any(|name| name == device)
            .then_some(NameMatch::Stable)
    }

    /// What is known of the medium. The report has no rotational flag: for SATA disks this is
    /// read from the model name, and [`Disk::basis`] says so.
    pub fn medium(&self) -> Medium {
        match self.kind {
            DiskKind::NvmeSsd | DiskKind::SataSsd | DiskKind::Emmc | DiskKind::SdCard => {
                Medium::SolidState
            }
            DiskKind::Hdd => Medium::Rotational,
            DiskKind::Usb => self.named_medium,
            DiskKind::Virtual(_)
            | DiskKind::SataUnknown
            | DiskKind::Pseudo
            | DiskKind::EmmcBoot => Medium::Unknown,
        }
    }
}

/// How a device string named a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// By a name that stays the same from boot to boot.
    Stable,
    /// By the kernel's name, which another boot may give to another disk.
    KernelName,
}

/// A serial number: comparable, but not printable.
#[derive(Clone, PartialEq, Eq)]
pub struct Serial(String);

impl Serial {
    /// Takes a serial number into keeping.
    pub fn new(serial: impl Into<String>) -> Self {
        Serial(serial.into())
    }

    /// Whether it is this serial number.
    pub fn is(&self, serial: &str) -> bool {
        self.0 == serial
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serial(…)")
    }
}

/// The sort of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskKind {
    /// A solid state disk on NVMe.
    NvmeSsd,
    /// A solid state disk on SATA or SAS.
    SataSsd,
    /// A rotating disk on SATA or SAS.
    Hdd,
    /// A SATA or SAS disk, or a RAID volume, of unknown medium.
    SataUnknown,
    /// Flash soldered to the board, behind an MMC controller.
    Emmc,
    /// An SD card, or an eMMC that does not show its boot partitions.
    SdCard,
    /// A disk on USB: a stick, a card reader or an enclosure. Often only the installer's medium.
    Usb,
    /// A disk that a hypervisor presents.
    Virtual(VirtualDriver),
    /// No disk: zram, loop, RAM disk, floppy, mapper, optical.
    Pseudo,
    /// A boot or RPMB partition of an eMMC.
    EmmcBoot,
}

/// How a hypervisor presents a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VirtualDriver {
    /// virtio-blk, or Xen's block device.
    VirtioBlk,
    /// virtio-scsi.
    VirtioScsi,
    /// An NVMe controller inside a virtual machine.
    Nvme,
    /// An emulated SATA, IDE or SCSI disk.
    Emulated,
}

/// What a [`DiskKind`] was concluded from; the later ones are guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KindBasis {
    /// The kernel's name.
    KernelName,
    /// The device classes of the report.
    ClassList,
    /// A driver in the stack of the device.
    Driver,
    /// Its place in the tree of devices.
    DevicePath,
    /// Another device that belongs to it (the boot partitions of an eMMC).
    Sibling,
    /// The model name: likely, not certain.
    ModelName,
    /// Somebody's word.
    Told,
    /// Nothing in the report decides it.
    Undecided,
}

impl KindBasis {
    /// Whether the kind may be wrong.
    pub fn is_guess(self) -> bool {
        matches!(self, Self::ModelName | Self::Undecided)
    }
}

/// What is known of the medium behind a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Platters: seeks cost milliseconds.
    Rotational,
    /// Flash.
    SolidState,
    /// Not known.
    #[default]
    Unknown,
}

impl Medium {
    /// What the name of a device alone tells: NVMe and MMC are flash.
    pub fn of_name(device: &str) -> Self {
        let short = device.rsplit('/').next().unwrap_or(device);
        match ["nvme", "mmcblk", "mmc-"]
            .iter()
            .any(|p| short.starts_with(p))
        {
            true => Self::SolidState,
            false => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(kernel_name: &str, names: &[&str]) -> Disk {
        Disk {
            kernel_name: kernel_name.to_owned(),
            names: names.iter().map(|&n| n.to_owned()).collect(),
            model: None,
            serial: Some(Serial::new("S3CR3T")),
            size: None,
            logical_sector: None,
            kind: DiskKind::SataUnknown,
            basis: KindBasis::Undecided,
            named_medium: Medium::Unknown,
            controller_driver: None,
        }
    }

    #[test]
    fn a_stable_name_wins_over_a_kernel_name() {
        let hardware = Hardware {
            // A udev rule may make any name; here it collides with another disk's kernel name.
            disks: vec![
                disk("sda", &["/dev/sda"]),
                disk("sdb", &["/dev/sda", "/dev/disk/by-id/x"]),
            ],
            ..Hardware::default()
        };
        let found = |device| hardware.disk_for(device).map(|d| d.kernel_name.as_str());
        assert_eq!(found("/dev/disk/by-id/x"), Some("sdb"));
        assert_eq!(found("/dev/sda"), Some("sdb"));
        assert_eq!(found("/dev/sdb"), Some("sdb"));
        assert_eq!(found("/dev/sdc"), None);
        assert_eq!(found("sda"), None);
    }

    #[test]
    fn neither_debug_nor_json_shows_the_serial_number() {
        let disk = disk("sda", &["/dev/disk/by-id/ata-Model_S3CR3T"]);
        assert!(!format!("{disk:?}").contains("S3CR3T"));
        assert!(!serde_json::to_string(&disk).unwrap().contains("S3CR3T"));
        assert!(disk.serial.is_some_and(|serial| serial.is("S3CR3T")));
    }

    #[test]
    fn only_known_words_for_real_hardware_are_not_virtual() {
        assert!(!Virtualisation::from_word("none").is_virtual());
        assert!(Virtualisation::from_word("kvm").is_virtual());
        assert!(Virtualisation::from_word("docker").is_virtual());
        assert_eq!(
            Virtualisation::from_word("zvm"),
            Virtualisation::Other("zvm".to_owned())
        );
    }
}
