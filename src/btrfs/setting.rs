//! Owns: the values that options can take in the kernel, as types, and how each is read from text.

use std::fmt;

use super::kernel::{KernelVersion, since};

/// A compression algorithm with its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// zlib, level 1 to 9.
    Zlib(u8),
    /// LZO, which has no levels.
    Lzo,
    /// zstd, level -15 to 15 (negative ones since 6.15).
    Zstd(i8),
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zlib(level) => write!(f, "zlib:{level}"),
            Self::Lzo => f.write_str("lzo"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

/// What a compression value asks for that the kernel does not do as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelNote {
    /// Taken as written.
    Exact,
    /// Out of range, and moved to the nearest level without a word.
    Clamped,
    /// Not understood and silently dropped for the default.
    Ignored,
    /// A level for LZO: dropped with a warning.
    Meaningless,
}

/// The default level of zlib and zstd (measured on 6.18.44, data/mount_probe.tsv: `compress=zstd`
/// and `compress=zstd:0` are both shown as `zstd:3`).
const DEFAULT_LEVEL: i8 = 3;

impl Compression {
    /// Reads the value of `compress=`: none inside for `no` and `none`, an error when the kernel
    /// fails the mount. Measured on 14 kernels, data/kernel_versions.tsv.
    pub(super) fn read(
        value: &str,
        kernel: KernelVersion,
    ) -> Result<(Option<Self>, LevelNote), ()> {
        if kernel >= since::STRICT_COMPRESS {
            let (algorithm, level) = match value.split_once(':') {
                Some((algorithm, level)) => (algorithm, Some(level)),
                None => (value, None),
            };
            // The kernel reads the level with kstrtoint: an i32, with an optional sign.
            let level = level
                .map(|text| text.parse::<i32>().map_err(drop))
                .transpose()?;
            match (algorithm, level) {
                ("no" | "none", None) => Ok((None, LevelNote::Exact)),
                ("lzo", level) => Ok((Some(Self::Lzo), lzo_note(level.is_some()))),
                ("zlib", level) => Ok(Self::zlib(level.unwrap_or(0))),
                ("zstd", level) => Ok(Self::zstd(level.unwrap_or(0))),
                _ => Err(()),
            }
        } else {
            // Older kernels compare only the first letters: `zstd3`, `lzofoo`, `nothing` pass.
            let rest = |prefix| value.strip_prefix(prefix);
            if let Some(rest) = rest("zlib") {
                Ok(with_lenient_level(rest, kernel, Self::zlib))
            } else if let Some(rest) = rest("lzo") {
                Ok((Some(Self::Lzo), lzo_note(!rest.is_empty())))
            } else if let Some(rest) = rest("zstd") {
                Ok(with_lenient_level(rest, kernel, Self::zstd))
            } else if let Some(rest) = rest("no") {
                let exact = rest.is_empty() || rest == "ne";
                Ok((
                    None,
                    if exact {
                        LevelNote::Exact
                    } else {
                        LevelNote::Ignored
                    },
                ))
            } else {
                Err(())
            }
        }
    }

    /// zlib at the level that the kernel makes of a number; 0 is the default.
    pub(super) fn zlib(level: i32) -> (Option<Self>, LevelNote) {
        let (level, note) = clamp(level, 1, 9);
        (Some(Self::Zlib(level.unsigned_abs())), note)
    }

    /// zstd at the level that the kernel makes of a number; 0 is the default.
    fn zstd(level: i32) -> (Option<Self>, LevelNote) {
        let (level, note) = clamp(level, -15, 15);
        (Some(Self::Zstd(level)), note)
    }
}

fn lzo_note(has_level: bool) -> LevelNote {
    if has_level {
        LevelNote::Meaningless
    } else {
        LevelNote::Exact
    }
}

fn clamp(level: i32, least: i8, most: i8) -> (i8, LevelNote) {
    match i8::try_from(level) {
        Ok(0) => (DEFAULT_LEVEL, LevelNote::Exact),
        Ok(level) if (least..=most).contains(&level) => (level, LevelNote::Exact),
        _ if level < 0 => (least, LevelNote::Clamped),
        _ => (most, LevelNote::Clamped),
    }
}

/// The level of kernels before strict parsing: what follows the algorithm is `:NUMBER`, or is
/// ignored. Before [`since::SIGNED_LEVELS`] the number is a u32, so a negative one is ignored.
fn with_lenient_level(
    rest: &str,
    kernel: KernelVersion,
    at: impl Fn(i32) -> (Option<Compression>, LevelNote),
) -> (Option<Compression>, LevelNote) {
    if rest.is_empty() {
        return at(0);
    }
    let number = rest.strip_prefix(':').and_then(|text| {
        if kernel >= since::SIGNED_LEVELS {
            text.parse::<i32>().ok()
        } else {
            text.parse::<u32>()
                .ok()
                .map(|level| i32::try_from(level).unwrap_or(i32::MAX))
        }
    });
    match number {
        Some(level) => at(level),
        None => (at(0).0, LevelNote::Ignored),
    }
}

/// Reads an unsigned number as the kernel does: decimal, `0x` hexadecimal or `0` octal. With the
/// new mount API it is a u32 with an optional `+`; before, an i32 without sign (measured on 6.6.63
/// and 6.12.43: `commit=+5`, `commit=2147483648`).
pub(super) fn read_u32(text: &str, kernel: KernelVersion) -> Option<u32> {
    let new_api = kernel >= since::NEW_MOUNT_API;
    let digits = if new_api {
        text.strip_prefix('+').unwrap_or(text)
    } else {
        text
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number =
        based(digits).and_then(|(digits, radix)| u32::from_str_radix(digits, radix).ok())?;
    (new_api || i32::try_from(number).is_ok()).then_some(number)
}

/// Reads a u64 identifier as the kernel does (`subvolid=0x5` is 5).
pub(super) fn read_u64(text: &str) -> Option<u64> {
    let (digits, radix) = based(text)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// The digits of a number and their base, as the kernel's base 0 conversion finds it.
fn based(text: &str) -> Option<(&str, u32)> {
    let found = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        (hex, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        (&text[1..], 8)
    } else {
        (text, 10)
    };
    (!found.0.is_empty()).then_some(found)
}

/// Reads a size in bytes as the kernel's `memparse` does, which cannot fail: the leading number
/// with an optional K, M, G, T, P or E, and 0 where there is none. True beside it when the whole
/// text was a size (measured on 6.18.44: `max_inline=foo` and `-1` become 0, `5foo` becomes 5).
pub(super) fn read_bytes(text: &str) -> (u64, bool) {
    let Some((digits, radix)) = based(text) else {
        return (0, false);
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let number = if number.is_empty() {
        0
    } else {
        u64::from_str_radix(number, radix).unwrap_or(u64::MAX)
    };
    let understood = end > 0 || text.starts_with('0');
    let mut suffix = suffix.chars();
    let shift = match suffix.next().map(|c| c.to_ascii_uppercase()) {
        None => return (number, understood),
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        Some('P') => 50,
        Some('E') => 60,
        Some(_) => return (number, false),
    };
    (
        number.saturating_mul(1 << shift),
        understood && suffix.next().is_none(),
    )
}

/// How deleted blocks are handed back to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    /// Not at all (`nodiscard`).
    Off,
    /// At every commit, in the way of the writers (`discard`, `discard=sync`).
    Sync,
    /// In the background (`discard=async`).
    Async,
}

/// Where free space is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpaceCache {
    /// Nowhere: scanned at every mount.
    None,
    /// The old cache in files, deprecated since 6.11.
    V1,
    /// The free space tree, the default of every mkfs since btrfs-progs 5.15.
    V2,
}

/// When reads update access times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Atime {
    /// Once a day or after a change: the default.
    Relative,
    /// Never (`noatime`).
    Never,
    /// At every read (`strictatime`).
    Always,
}

/// A set of `rescue=` modes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rescue(u8);

impl Rescue {
    /// No mode.
    pub const NONE: Self = Self(0);
    /// Do not replay the log tree (`norecovery`).
    pub const NO_LOG_REPLAY: Self = Self(1);
    /// Try older tree roots. Shown, and in need of `ro`, only since 7.3.
    pub const USE_BACKUP_ROOT: Self = Self(1 << 1);
    const MODES: [(&'static str, &'static str, u8); 6] = [
        ("nologreplay", "nologreplay", 1),
        ("usebackuproot", "usebackuproot", 1 << 1),
        ("ignorebadroots", "ibadroots", 1 << 2),
        ("ignoredatacsums", "idatacsums", 1 << 3),
        ("ignoremetacsums", "imetacsums", 1 << 4),
        ("ignoresuperflags", "isuperflags", 1 << 5),
    ];

    /// Both sets together.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no mode is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The modes that a kernel keeps once the filesystem is mounted: before 7.3
    /// `usebackuproot` is a one-off that leaves no trace.
    pub(super) fn lasting(self, kernel: KernelVersion) -> Self {
        if kernel >= since::BACKUP_ROOT_NEEDS_RO {
            self
        } else {
            Self(self.0 & !Self::USE_BACKUP_ROOT.0)
        }
    }

    /// Reads the value of `rescue=`. Measured on 14 kernels, data/kernel_versions.tsv.
    pub(super) fn read(value: &str, kernel: KernelVersion) -> Option<Self> {
        if kernel >= since::NEW_MOUNT_API {
            return Self::read_mode(value, kernel);
        }
        value.split(':').try_fold(Self::NONE, |set, mode| {
            Some(set.with(Self::read_mode(mode, kernel)?))
        })
    }

    fn read_mode(mode: &str, kernel: KernelVersion) -> Option<Self> {
        let knows = |bit: u8| bit < 1 << 4 || kernel >= since::RESCUE_IGNORE_META;
        if mode == "all" {
            let bits = Self::MODES
                .iter()
                .map(|&(_, _, bit)| bit)
                .filter(|&bit| knows(bit));
            return Some(Self(bits.sum()));
        }
        Self::MODES
            .iter()
            .find(|(long, short, bit)| (mode == *long || mode == *short) && knows(*bit))
            .map(|&(_, _, bit)| Self(bit))
    }
}

impl fmt::Display for Rescue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::MODES.iter().filter(|(_, _, bit)| self.0 & bit != 0);
        for (i, (name, _, _)) in set.enumerate() {
            write!(f, "{}{name}", if i > 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

/// An on/off property whose unusual side has a name in `/proc/mounts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(
    missing_docs,
    reason = "each is the mount option of the same name, described in the option table"
)]
pub enum Switch {
    Degraded,
    NoBarrier,
    NoTreeLog,
    FlushOnCommit,
    NoAcl,
    RescanUuidTree,
    UserSubvolRmAllowed,
    EnospcDebug,
    Autodefrag,
    SkipBalance,
    FatalErrorsPanic,
    Sync,
    DirSync,
    LazyTime,
    Mand,
    ReadOnly,
    NoSuid,
    NoDev,
    NoExec,
    NoDirAtime,
    NoSymFollow,
}

impl Switch {
    /// What `/proc/mounts` shows when it is on.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::NoBarrier => "nobarrier",
            Self::NoTreeLog => "notreelog",
            Self::FlushOnCommit => "flushoncommit",
            Self::NoAcl => "noacl",
            Self::RescanUuidTree => "rescan_uuid_tree",
            Self::UserSubvolRmAllowed => "user_subvol_rm_allowed",
            Self::EnospcDebug => "enospc_debug",
            Self::Autodefrag => "autodefrag",
            Self::SkipBalance => "skip_balance",
            Self::FatalErrorsPanic => "fatal_errors=panic",
            Self::Sync => "sync",
            Self::DirSync => "dirsync",
            Self::LazyTime => "lazytime",
            Self::Mand => "mand",
            Self::ReadOnly => "ro",
            Self::NoSuid => "nosuid",
            Self::NoDev => "nodev",
            Self::NoExec => "noexec",
            Self::NoDirAtime => "nodiratime",
            Self::NoSymFollow => "nosymfollow",
        }
    }

    pub(super) const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// One property of a filesystem or mount that options set, in the order of `/proc/mounts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// An on/off property.
    Switch(Switch),
    /// `atime`, `relatime`, `noatime`, `strictatime`.
    Atime,
    /// Checksums of file data.
    DataSum,
    /// Copy on write of file data.
    DataCow,
    /// The largest file kept inside metadata.
    MaxInline,
    /// Worker threads.
    ThreadPool,
    /// `compress` and `compress-force`.
    Compression,
    /// `ssd`, `nossd`, `ssd_spread`.
    Ssd,
    /// `rescue=`.
    Rescue,
    /// `discard`.
    Discard,
    /// `space_cache`.
    SpaceCache,
    /// `metadata_ratio`.
    MetadataRatio,
    /// `commit`.
    Commit,
    /// Which subvolume is mounted.
    Subvolume,
}

/// What one option asks of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Puts a switch on its unusual (true) or usual (false) side.
    Switch(Switch, bool),
    /// `compress` (or, forced, `compress-force`); none: off.
    Compress {
        /// Without asking the heuristic.
        force: bool,
        /// What to compress with.
        with: Option<Compression>,
    },
    /// `datacow` or `nodatacow`.
    DataCow(bool),
    /// `datasum` or `nodatasum`.
    DataSum(bool),
    /// `ssd` or `nossd`.
    Ssd(bool),
    /// `ssd_spread` or `nossd_spread`.
    SsdSpread(bool),
    /// `discard`.
    Discard(Discard),
    /// `space_cache`.
    SpaceCache(SpaceCache),
    /// `clear_cache`: rebuilds the cache at this mount, and allows to leave the free space tree.
    ClearCache,
    /// Seconds between commits.
    Commit(u32),
    /// Bytes.
    MaxInline(u32),
    /// Data chunks a metadata chunk.
    MetadataRatio(u32),
    /// Threads.
    ThreadPool(u32),
    /// `rescue=` modes to add.
    Rescue(Rescue),
    /// Access times.
    Atime(Atime),
    /// `nosuid`, `nodev` and, when true, `noexec`, as `user` and `owner` imply.
    Untrusted {
        /// `user` and `users` do, `owner` and `group` do not.
        noexec: bool,
    },
    /// `subvol=` or `subvolid=`.
    Subvolume,
    /// `device=`: names a member device.
    Device,
    /// Taken without any effect.
    Nothing,
    /// Never reaches the kernel: libmount or systemd acts on it.
    Userspace,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: KernelVersion = KernelVersion::new(6, 6, 63);
    const NEW: KernelVersion = KernelVersion::ASSUMED;

    #[test]
    fn numbers_are_read_as_the_kernel_reads_them() {
        for (text, old, new) in [
            ("30", Some(30), Some(30)),
            ("0x10", Some(16), Some(16)),
            ("010", Some(8), Some(8)),
            ("0", Some(0), Some(0)),
            ("+5", None, Some(5)),
            ("4294967295", None, Some(u32::MAX)),
            ("4294967296", None, None),
            ("-1", None, None),
            ("++5", None, None),
            ("5m", None, None),
            ("", None, None),
            ("0x", None, None),
        ] {
            assert_eq!(
                (read_u32(text, OLD), read_u32(text, NEW)),
                (old, new),
                "{text:?}"
            );
        }
        assert_eq!(read_u64("0x5"), Some(5));
        assert_eq!(read_u64("-1"), None);
    }

    #[test]
    fn sizes_never_fail() {
        for (text, bytes, understood) in [
            ("2048", 2048, true),
            ("4k", 4096, true),
            ("1M", 1 << 20, true),
            ("0x800", 2048, true),
            ("0", 0, true),
            ("foo", 0, false),
            ("-1", 0, false),
            ("0K", 0, true),
            ("5foo", 5, false),
            ("4kb", 4096, false),
            ("99999999999999999999", u64::MAX, true),
        ] {
            assert_eq!(read_bytes(text), (bytes, understood), "{text:?}");
        }
    }
}
