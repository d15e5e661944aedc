//! Owns: the options of a mounted filesystem as the kernel keeps them, and how each setting
//! changes them. Every answer about order, remounts and several mounts is worked out on this.
//!
//! The kernel keeps contradictory flags side by side (compression switched on with no algorithm,
//! checksums off beside compression); they are kept apart here too, because what such a
//! filesystem then does is exactly what has to be told. Measured on 6.18.44: mounts with a file
//! written, its flags and its size on disk read back.

use super::kernel::{KernelVersion, since};
use super::option::Remount;
use super::parse::MountOption;
use super::setting::{Aspect, Atime, Compression, Discard, Rescue, Setting, SpaceCache, Switch};
use super::verdict::interpret;

/// What the kernel looks at beside the option string. What is not known is assumed, see
/// [`super::effective::Assumption`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DeviceFacts {
    /// Whether the device says that it rotates (`queue/rotational`): one that does not gets `ssd`.
    pub rotational: Option<bool>,
    /// Whether the device can discard (`queue/discard_max_bytes` is not 0): if so, kernels since
    /// 6.2 use `discard=async` by themselves.
    pub discard: Option<bool>,
    /// Whether the filesystem has the free space tree, as every one made by btrfs-progs 5.15 or
    /// newer does unless told otherwise.
    pub free_space_tree: Option<bool>,
    /// How many CPUs are online: the default of `thread_pool` is two more, at most 8.
    pub cpus: Option<u32>,
}

/// The `commit` interval where none is given, in seconds (measured: `commit=30` is not shown).
pub const DEFAULT_COMMIT_SECONDS: u32 = 30;
/// The `max_inline` limit where none is given, in bytes (measured: `max_inline=2048` is not shown).
pub const DEFAULT_MAX_INLINE: u32 = 2048;
/// The largest `max_inline`: a sector, 4 KiB on every filesystem of the default sector size.
pub(super) const MAX_INLINE_LIMIT: u32 = 4096;

/// The options in force on a filesystem and one of its mount points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    switches: u32,
    data_sum: bool,
    data_cow: bool,
    max_inline: u32,
    /// As the option said it, before the mount cut it to a sector.
    max_inline_asked: u32,
    thread_pool: Option<u32>,
    compress: bool,
    force: bool,
    with: Option<Compression>,
    ssd: bool,
    nossd: bool,
    ssd_spread: bool,
    rescue: Rescue,
    discard: Option<Discard>,
    space_cache: Option<SpaceCache>,
    metadata_ratio: u32,
    commit: u32,
    atime: Atime,
}

/// The properties of a filesystem, in the order in which `/proc/mounts` shows them.
pub(super) const FILESYSTEM_ASPECTS: [Aspect; 25] = [
    Aspect::Switch(Switch::Sync),
    Aspect::Switch(Switch::DirSync),
    Aspect::Switch(Switch::Mand),
    Aspect::Switch(Switch::LazyTime),
    Aspect::Switch(Switch::Degraded),
    Aspect::DataSum,
    Aspect::DataCow,
    Aspect::Switch(Switch::NoBarrier),
    Aspect::MaxInline,
    Aspect::ThreadPool,
    Aspect::Compression,
    Aspect::Ssd,
    Aspect::Switch(Switch::NoTreeLog),
    Aspect::Rescue,
    Aspect::Switch(Switch::FlushOnCommit),
    Aspect::Discard,
    Aspect::Switch(Switch::NoAcl),
    Aspect::SpaceCache,
    Aspect::Switch(Switch::RescanUuidTree),
    Aspect::Switch(Switch::UserSubvolRmAllowed),
    Aspect::Switch(Switch::EnospcDebug),
    Aspect::Switch(Switch::Autodefrag),
    Aspect::Switch(Switch::SkipBalance),
    Aspect::MetadataRatio,
    Aspect::Switch(Switch::FatalErrorsPanic),
];

/// How many of [`FILESYSTEM_ASPECTS`] are generic flags, which `/proc/mounts` shows before the
/// flags of the mount point.
pub(super) const GENERIC_ASPECTS: usize = 4;

/// The properties of a mount point, in the order in which `/proc/mounts` shows them, but for
/// `relatime`, which stands behind `nodiratime`.
pub(super) const MOUNT_ASPECTS: [Aspect; 7] = [
    Aspect::Switch(Switch::ReadOnly),
    Aspect::Switch(Switch::NoSuid),
    Aspect::Switch(Switch::NoDev),
    Aspect::Switch(Switch::NoExec),
    Aspect::Atime,
    Aspect::Switch(Switch::NoDirAtime),
    Aspect::Switch(Switch::NoSymFollow),
];

/// All properties of a filesystem, then those of its mount point.
pub(super) fn all_aspects() -> impl Iterator<Item = Aspect> {
    filesystem_aspects().chain(MOUNT_ASPECTS)
}

/// The properties of a filesystem; `commit` is shown last.
pub(super) fn filesystem_aspects() -> impl Iterator<Item = Aspect> {
    FILESYSTEM_ASPECTS.into_iter().chain([Aspect::Commit])
}

impl State {
    /// A filesystem before any option is read.
    pub(super) const fn blank() -> Self {
        Self {
            switches: 0,
            data_sum: true,
            data_cow: true,
            max_inline: DEFAULT_MAX_INLINE,
            max_inline_asked: DEFAULT_MAX_INLINE,
            thread_pool: None,
            compress: false,
            force: false,
            with: None,
            ssd: false,
            nossd: false,
            ssd_spread: false,
            rescue: Rescue::NONE,
            discard: None,
            space_cache: None,
            metadata_ratio: 0,
            commit: DEFAULT_COMMIT_SECONDS,
            atime: Atime::Relative,
        }
    }

    /// A first mount with these settings: what they leave open, the kernel decides by the device.
    pub(super) fn mounted(
        settings: impl IntoIterator<Item = Setting>,
        kernel: KernelVersion,
        facts: &DeviceFacts,
    ) -> Self {
        let mut state = Self::blank();
        let mut clear_cache = false;
        for setting in settings {
            clear_cache |= setting == Setting::ClearCache;
            state.apply(setting, kernel);
        }
        if state.discard.is_none() {
            let on = kernel >= since::DISCARD_ASYNC_DEFAULT && facts.discard != Some(false);
            state.discard = Some(if on { Discard::Async } else { Discard::Off });
        }
        if !state.nossd && facts.rotational == Some(false) {
            state.ssd = true;
        }
        // Only a first mount cuts it; a remount with 1M shows 1048576 (measured on 6.18.44).
        state.max_inline = state.max_inline.min(MAX_INLINE_LIMIT);
        let on_disk = if facts.free_space_tree == Some(false) {
            SpaceCache::V1
        } else {
            SpaceCache::V2
        };
        // A read-only mount converts nothing, and shows what is on disk.
        let converts = !state.is(Switch::ReadOnly) || clear_cache;
        state.space_cache = Some(match state.space_cache {
            Some(wanted) if converts => wanted,
            _ => on_disk,
        });
        // Since 7.3 the v1 cache is no longer used even when asked for (measured on 7.3.4).
        if kernel >= since::BACKUP_ROOT_NEEDS_RO
            && state.space_cache == Some(SpaceCache::V1)
            && (clear_cache || facts.free_space_tree == Some(false))
        {
            state.space_cache = Some(SpaceCache::None);
        }
        state
    }

    /// Changes the state as the kernel does on reading one option.
    pub(super) fn apply(&mut self, setting: Setting, kernel: KernelVersion) {
        match setting {
            Setting::Switch(switch, true) => self.switches |= switch.bit(),
            Setting::Switch(switch, false) => self.switches &= !switch.bit(),
            Setting::Compress { with: None, .. } => {
                (self.compress, self.force, self.with) = (false, false, None);
            }
            Setting::Compress { force, with } => {
                (self.compress, self.force, self.with) = (true, force, with);
                (self.data_cow, self.data_sum) = (true, true);
            }
            // The algorithm stays remembered, only the switch is thrown.
            Setting::DataCow(false) => {
                (self.compress, self.force) = (false, false);
                (self.data_cow, self.data_sum) = (false, false);
            }
            Setting::DataCow(true) => self.data_cow = true,
            Setting::DataSum(false) => self.data_sum = false,
            Setting::DataSum(true) => (self.data_cow, self.data_sum) = (true, true),
            Setting::Ssd(true) => (self.ssd, self.nossd) = (true, false),
            Setting::Ssd(false) => (self.ssd, self.nossd, self.ssd_spread) = (false, true, false),
            Setting::SsdSpread(true) => {
                (self.ssd, self.nossd, self.ssd_spread) = (true, false, true)
            }
            Setting::SsdSpread(false) => self.ssd_spread = false,
            Setting::Discard(discard) => self.discard = Some(discard),
            Setting::SpaceCache(cache) => self.space_cache = Some(cache),
            Setting::Commit(0) => self.commit = DEFAULT_COMMIT_SECONDS,
            Setting::Commit(seconds) => self.commit = seconds,
            Setting::MaxInline(bytes) => {
                (self.max_inline, self.max_inline_asked) = (bytes, bytes);
            }
            Setting::MetadataRatio(ratio) => self.metadata_ratio = ratio,
            Setting::ThreadPool(threads) => self.thread_pool = Some(threads),
            Setting::Rescue(modes) => self.rescue = self.rescue.with(modes.lasting(kernel)),
            Setting::Atime(atime) => self.atime = atime,
            Setting::Untrusted { noexec } => {
                self.switches |= Switch::NoSuid.bit() | Switch::NoDev.bit();
                if noexec {
                    self.switches |= Switch::NoExec.bit();
                }
            }
            Setting::ClearCache
            | Setting::Subvolume
            | Setting::Device
            | Setting::Nothing
            | Setting::Userspace => {}
        }
    }

    /// The state after `mount -o remount` with these options, given with device and mount point
    /// as systemd does on a reload: what is not listed stays, save for the flags of the mount
    /// point; what a remount ignores is ignored. (`sync` and `lazytime` are dropped by util-linux
    /// 2.38 and kept by 2.41; they are taken as kept, so that the negation is written out.)
    pub(super) fn remounted(&self, options: &[MountOption], kernel: KernelVersion) -> Self {
        let mut state = self.clone();
        for dropped in [
            Switch::ReadOnly,
            Switch::NoSuid,
            Switch::NoDev,
            Switch::NoExec,
            Switch::NoSymFollow,
        ] {
            state.switches &= !dropped.bit();
        }
        // The new mount API begins each remount with ACLs on (measured on 6.18.44: `noacl` that is
        // not said again is gone).
        if kernel >= since::NEW_MOUNT_API {
            state.switches &= !Switch::NoAcl.bit();
        }
        let names_atime = |option: &MountOption| {
            matches!(
                option.name.as_str(),
                "noatime" | "relatime" | "strictatime" | "nodiratime"
            )
        };
        if options.iter().any(names_atime) {
            state.atime = Atime::Relative;
            state.switches &= !Switch::NoDirAtime.bit();
        }
        for option in options {
            let Ok(meaning) = interpret(option, kernel) else {
                continue;
            };
            let acts = matches!(meaning.spec.remount, Remount::Live | Remount::NewWritesOnly);
            // A word that only takes back an earlier flag leaves the mount as it is.
            let takes_back = matches!(
                option.name.as_str(),
                "atime" | "norelatime" | "nostrictatime" | "diratime"
            );
            if acts && !takes_back {
                state.apply(meaning.setting, kernel);
            }
        }
        state
    }

    /// The state after a read-write mount of a filesystem that is only mounted read-only so far:
    /// since the new mount API the kernel then copies values from the new mount, and no switches
    /// (measured: 6.6.63 copies nothing, 6.12.43 and newer copy).
    pub(super) fn take_values_of(&mut self, later: &Self) {
        self.with = later.with;
        self.commit = later.commit;
        // Not cut to a sector on this way (measured on 6.18.44).
        self.max_inline = later.max_inline_asked;
        self.metadata_ratio = later.metadata_ratio;
        self.thread_pool = later.thread_pool;
    }

    /// The same filesystem seen through another mount point.
    pub(super) fn seen_through(&self, mount: &Self) -> Self {
        let of_mount = MOUNT_ASPECTS
            .into_iter()
            .filter_map(|aspect| match aspect {
                Aspect::Switch(switch) => Some(switch.bit()),
                _ => None,
            })
            .fold(0, |bits, bit| bits | bit);
        let switches = (self.switches & !of_mount) | (mount.switches & of_mount);
        Self {
            switches,
            atime: mount.atime,
            ..self.clone()
        }
    }

    /// Whether a switch is on its unusual side.
    pub const fn is(&self, switch: Switch) -> bool {
        self.switches & switch.bit() != 0
    }

    /// What new files are compressed with; none when they are not, whatever is shown.
    pub const fn compression(&self) -> Option<Compression> {
        if self.compress && self.data_sum && self.data_cow {
            self.with
        } else {
            None
        }
    }

    /// Whether compression skips the heuristic (`compress-force`).
    pub const fn forces_compression(&self) -> bool {
        self.compress && self.force
    }

    /// Whether new files are overwritten in place (`nodatacow`).
    pub const fn is_nodatacow(&self) -> bool {
        !self.data_cow
    }

    /// Whether new files have checksums.
    pub const fn has_checksums(&self) -> bool {
        self.data_sum
    }

    /// Whether a rescue mode is in force, which only a read-only filesystem can have.
    pub const fn is_rescued(&self) -> bool {
        !self.rescue.is_empty()
    }

    /// How deleted blocks are handed back.
    pub fn discard(&self) -> Discard {
        self.discard.unwrap_or(Discard::Off)
    }

    /// Seconds between commits.
    pub const fn commit_seconds(&self) -> u32 {
        self.commit
    }

    /// When reads update access times.
    pub const fn atime(&self) -> Atime {
        self.atime
    }

    /// Where free space is remembered; none before a mount.
    pub const fn space_cache(&self) -> Option<SpaceCache> {
        self.space_cache
    }

    /// What `/proc/mounts` shows of one property; none where it shows nothing.
    pub(super) fn show(&self, aspect: Aspect, facts: &DeviceFacts) -> Option<String> {
        let number = |name: &str, value: u32, default: u32| {
            (value != default).then(|| format!("{name}={value}"))
        };
        let word = |word: &str| Some(word.to_owned());
        match aspect {
            Aspect::Switch(Switch::ReadOnly) => word(if self.is(Switch::ReadOnly) {
                "ro"
            } else {
                "rw"
            }),
            Aspect::Switch(switch) => self.is(switch).then(|| switch.shown().to_owned()),
            Aspect::Atime => match self.atime {
                Atime::Relative => word("relatime"),
                Atime::Never => word("noatime"),
                Atime::Always => None,
            },
            Aspect::DataSum => (!self.data_sum).then(|| "nodatasum".to_owned()),
            Aspect::DataCow => (!self.data_cow).then(|| "nodatacow".to_owned()),
            Aspect::MaxInline => number("max_inline", self.max_inline, DEFAULT_MAX_INLINE),
            Aspect::ThreadPool => {
                let threads = self.thread_pool?;
                let default = facts.cpus.map(default_thread_pool);
                (default != Some(threads)).then(|| format!("thread_pool={threads}"))
            }
            Aspect::Compression => self.compress.then(|| {
                let name = if self.force {
                    "compress-force"
                } else {
                    "compress"
                };
                self.with
                    .map_or_else(|| format!("{name}="), |with| format!("{name}={with}"))
            }),
            Aspect::Ssd if self.nossd => word("nossd"),
            Aspect::Ssd if self.ssd_spread => word("ssd_spread"),
            Aspect::Ssd => self.ssd.then(|| "ssd".to_owned()),
            Aspect::Rescue => (!self.rescue.is_empty()).then(|| format!("rescue={}", self.rescue)),
            Aspect::Discard => match self.discard() {
                Discard::Off => None,
                Discard::Sync => word("discard"),
                Discard::Async => word("discard=async"),
            },
            Aspect::SpaceCache => match self.space_cache? {
                SpaceCache::None => word("nospace_cache"),
                SpaceCache::V1 => word("space_cache"),
                SpaceCache::V2 => word("space_cache=v2"),
            },
            Aspect::MetadataRatio => number("metadata_ratio", self.metadata_ratio, 0),
            Aspect::Commit => number("commit", self.commit, DEFAULT_COMMIT_SECONDS),
            Aspect::Subvolume => None,
        }
    }
}

/// The number of worker threads where none is given (documented; measured: with 2 CPUs
/// `thread_pool=4` is not shown, with one it is).
pub(super) fn default_thread_pool(cpus: u32) -> u32 {
    cpus.saturating_add(2).min(8)
}

impl Setting {
    /// The property that this setting is about first of all; none when it changes nothing lasting.
    pub(super) const fn aspect(self) -> Option<Aspect> {
        Some(match self {
            Self::Switch(switch, _) => Aspect::Switch(switch),
            Self::Compress { .. } => Aspect::Compression,
            Self::DataCow(_) => Aspect::DataCow,
            Self::DataSum(_) => Aspect::DataSum,
            Self::Ssd(_) | Self::SsdSpread(_) => Aspect::Ssd,
            Self::Discard(_) => Aspect::Discard,
            Self::SpaceCache(_) => Aspect::SpaceCache,
            Self::Commit(_) => Aspect::Commit,
            Self::MaxInline(_) => Aspect::MaxInline,
            Self::MetadataRatio(_) => Aspect::MetadataRatio,
            Self::ThreadPool(_) => Aspect::ThreadPool,
            Self::Rescue(_) => Aspect::Rescue,
            Self::Atime(_) => Aspect::Atime,
            Self::Untrusted { .. } => Aspect::Switch(Switch::NoSuid),
            Self::Subvolume => Aspect::Subvolume,
            Self::ClearCache | Self::Device | Self::Nothing | Self::Userspace => return None,
        })
    }
}
