//! Owns: which kernel an answer is about, and the kernels that the facts of this part were
//! measured on.

use std::fmt;
use std::str::FromStr;

/// A Linux release, `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The first number, 6 in 6.18.44.
    pub major: u16,
    /// The second number, 18 in 6.18.44.
    pub minor: u16,
    /// The third number, 44 in 6.18.44; 0 when the text names none.
    pub patch: u16,
}

impl KernelVersion {
    /// A release by its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The kernel assumed where one answer is needed and none is known: the newest long-term
    /// release measured. (NixOS 25.11 ships 6.12 by default; a verdict about an unknown kernel
    /// therefore never rests on this alone, see [`Target::Unknown`].)
    pub const ASSUMED: Self = Self::new(6, 18, 44);

    /// The same release without its patch level, as changes are announced ("since 6.17").
    pub const fn series(self) -> Self {
        Self { patch: 0, ..self }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

/// A text that does not begin with `major.minor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kernel version: expected something like 6.18 or 6.12.43+deb12-amd64")]
pub struct KernelVersionError(String);

impl FromStr for KernelVersion {
    type Err = KernelVersionError;

    /// Reads `6.18`, `6.18.44` and what `uname -r` prints (`6.12.43+deb12-cloud-amd64`, `7.0-rc3`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || KernelVersionError(text.to_owned());
        let (major, rest) = number(text.trim()).ok_or_else(error)?;
        let (minor, rest) = rest.strip_prefix('.').and_then(number).ok_or_else(error)?;
        let patch = rest
            .strip_prefix('.')
            .and_then(number)
            .map_or(0, |(patch, _)| patch);
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

/// The leading decimal number of `text`, and what follows it.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// A run of kernels: from the first to before the second, open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelRange {
    /// The first release in the range; none: from the oldest supported one.
    pub from: Option<KernelVersion>,
    /// The first release after the range; none: to the newest known one.
    pub until: Option<KernelVersion>,
}

impl fmt::Display for KernelRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.until) {
            (None, None) => f.write_str("on every kernel"),
            (Some(from), None) => write!(f, "from {from} on"),
            (None, Some(until)) => write!(f, "before {until}"),
            (Some(from), Some(until)) => write!(f, "from {from} until before {until}"),
        }
    }
}

/// The kernels that every option string was mounted on (`data/kernel_versions.tsv`), oldest first.
pub const MEASURED: [KernelVersion; 14] = [
    KernelVersion::new(6, 1, 176),
    KernelVersion::new(6, 6, 63),
    KernelVersion::new(6, 12, 43),
    KernelVersion::new(6, 12, 107),
    KernelVersion::new(6, 16, 3),
    KernelVersion::new(6, 16, 12),
    KernelVersion::new(6, 17, 8),
    KernelVersion::new(6, 17, 13),
    KernelVersion::new(6, 18, 15),
    KernelVersion::new(6, 19, 14),
    KernelVersion::new(7, 0, 13),
    KernelVersion::new(7, 1, 13),
    KernelVersion::new(7, 2, 13),
    KernelVersion::new(7, 3, 4),
];

/// Every release series from the oldest to the newest measured one: where a change of behaviour
/// is looked for when its first release is to be named.
pub(super) fn all_series() -> impl Iterator<Item = KernelVersion> {
    let sixes = (1..=19).map(|minor| KernelVersion::new(6, minor, 0));
    sixes.chain((0..=3).map(|minor| KernelVersion::new(7, minor, 0)))
}

/// The kernel that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This one.
    Known(KernelVersion),
    /// Not known. A verdict is then the worst one over [`MEASURED`]: what any of them refuses is
    /// refused, and the verdict says which.
    Unknown,
}

impl Target {
    /// The one kernel to work out an effect on: the known one, else [`KernelVersion::ASSUMED`].
    pub const fn representative(self) -> KernelVersion {
        match self {
            Self::Known(kernel) => kernel,
            Self::Unknown => KernelVersion::ASSUMED,
        }
    }

    /// All kernels that an answer must hold on.
    pub(super) fn kernels(&self) -> &[KernelVersion] {
        match self {
            Self::Known(kernel) => std::slice::from_ref(kernel),
            Self::Unknown => &MEASURED,
        }
    }
}

/// When the kernel changed how it reads mount options. Each constant is the first release with the
/// new behaviour, and the first of its series: a verdict about a series (`6.12`, patch 0) is therefore
/// that of all its patches; between measured kernels the release is the one that btrfs-progs'
/// `Documentation/ch-mount-options.rst` and `Kernel-by-version.rst` name, and where those disagree
/// the first one measured.
pub(super) mod since {
    use super::KernelVersion;

    /// `discard=async` is the default where the device can discard (documented; measured 6.1 | 6.6).
    pub(in super::super) const DISCARD_ASYNC_DEFAULT: KernelVersion = KernelVersion::new(6, 2, 0);
    /// The new mount API: u32 values, `recovery` and `inode_cache` gone, one `rescue=` mode an
    /// option, empty `subvol=` refused, options of later mounts parsed (documented; measured 6.6 | 6.12).
    pub(in super::super) const NEW_MOUNT_API: KernelVersion = KernelVersion::new(6, 8, 0);
    /// `norecovery`, removed with the new mount API, is back (documented, not measured).
    pub(in super::super) const NORECOVERY_BACK: KernelVersion = KernelVersion::new(6, 10, 0);
    /// The v1 space cache brings a warning (documented; measured on 6.18.44).
    pub(in super::super) const SPACE_CACHE_V1_DEPRECATED: KernelVersion =
        KernelVersion::new(6, 11, 0);
    /// `rescue=ignoremetacsums` and `ignoresuperflags`: the documentation names 6.10, 6.11 and
    /// 6.12; measured refused on 6.6 and accepted on 6.12.
    pub(in super::super) const RESCUE_IGNORE_META: KernelVersion = KernelVersion::new(6, 12, 0);
    /// Compression levels are signed: `zstd:-15` to `zstd:-1` exist, below-range levels are
    /// clamped rather than ignored (documented; measured 6.12 | 6.16).
    pub(in super::super) const SIGNED_LEVELS: KernelVersion = KernelVersion::new(6, 15, 0);
    /// `nologreplay` is gone (documented; measured 6.12 | 6.16).
    pub(in super::super) const NOLOGREPLAY_REMOVED: KernelVersion = KernelVersion::new(6, 16, 0);
    /// A compression value must be an exact algorithm with an exact level, where older kernels
    /// compared a prefix and ignored a bad level (measured 6.16.12 | 6.17.8).
    pub(in super::super) const STRICT_COMPRESS: KernelVersion = KernelVersion::new(6, 17, 0);
    /// `usebackuproot` is gone, `rescue=usebackuproot` needs `ro`, and the v1 space cache is no
    /// longer written (measured 7.2.13 | 7.3.4).
    pub(in super::super) const BACKUP_ROOT_NEEDS_RO: KernelVersion = KernelVersion::new(7, 3, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_uname_and_people_write() {
        for (text, expected) in [
            ("6.18", KernelVersion::new(6, 18, 0)),
            ("6.18.44", KernelVersion::new(6, 18, 44)),
            ("6.12.43+deb12-cloud-amd64", KernelVersion::new(6, 12, 43)),
            ("7.0-rc3", KernelVersion::new(7, 0, 0)),
            (" 6.1.0-50-amd64\n", KernelVersion::new(6, 1, 0)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "6", "6.", "six", "v6.18", ".6.1", "99999.1"] {
            assert!(text.parse::<KernelVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_numerically_and_prints_back() {
        assert!(KernelVersion::new(6, 9, 0) < KernelVersion::new(6, 18, 0));
        assert_eq!(KernelVersion::new(6, 18, 44).to_string(), "6.18.44");
        assert_eq!(KernelVersion::new(6, 18, 44).series().to_string(), "6.18");
        assert!(MEASURED.is_sorted());
        assert!(
            MEASURED
                .iter()
                .all(|kernel| all_series().any(|s| s == kernel.series()))
        );
    }

    #[test]
    fn a_range_reads_as_words() {
        let at = |minor| Some(KernelVersion::new(6, minor, 0));
        assert_eq!(
            KernelRange {
                from: at(17),
                until: None
            }
            .to_string(),
            "from 6.17 on"
        );
        assert_eq!(
            KernelRange {
                from: None,
                until: at(8)
            }
            .to_string(),
            "before 6.8"
        );
        assert_eq!(KernelRange::default().to_string(), "on every kernel");
    }
}
