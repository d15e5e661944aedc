//! Releases of NixOS: which names and defaults a host's options have.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::btrfs::KernelVersion;

/// A release of NixOS, `24.11`: year and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Release {
    /// The last two digits of the year.
    pub year: u8,
    /// 5 or 11.
    pub month: u8,
}

impl Release {
    /// A release by its two numbers.
    pub const fn new(year: u8, month: u8) -> Self {
        Release { year, month }
    }

    /// The newest release that is known to be out (30 May 2026).
    const NEWEST: Self = Self::new(26, 5);

    /// The release before this one. There were other months until 20.09.
    pub const fn previous(self) -> Option<Self> {
        match self.month {
            11 => Some(Self::new(self.year, 5)),
            5 if self.year > 21 => Some(Self::new(self.year - 1, 11)),
            _ => None,
        }
    }

    /// The newest release that was out at a time, in seconds since 1970. What was on the branch of
    /// development then has all its options, and some that no release has yet.
    ///
    /// Every release since 22.05 was out by the end of its month, and had left that branch weeks
    /// before: 22.05 on 30 May, 22.11 on 30 November, 23.05 on 31 May, 23.11 on 29 November, 24.05
    /// on 31 May, 24.11 on 30 November, 25.05 on 23 May, 25.11 on 30 November, 26.05 on 30 May
    /// (https://nixos.org/blog/announcements.html, https://endoflife.date/nixos).
    pub fn out_at(seconds: i64) -> Option<Self> {
        let (year, month) = year_and_month(seconds)?;
        let year = u8::try_from(year.checked_sub(2000)?).ok()?;
        let newest = match month {
            1..=5 => Self::new(year.checked_sub(1)?, 11),
            6..=11 => Self::new(year, 5),
            _ => Self::new(year, 11),
        };
        (newest >= Self::new(22, 5)).then(|| newest.min(Self::NEWEST))
    }

    /// Reads what `nixos-version` prints, and whether that is the release itself: `26.11pre…` is
    /// on the way to 26.11, and has at least what the release before has.
    pub fn of_version(text: &str) -> Option<(Self, bool)> {
        let release: Self = text.parse().ok()?;
        let rest = text.trim().get(5..).unwrap_or_default();
        match rest.starts_with("pre") {
            true => Some((release.previous()?, false)),
            false => Some((release, true)),
        }
    }

    /// The kernel that a release boots where nothing chooses another (`linux_default` in
    /// pkgs/top-level/linux-kernels.nix of NixOS/nixpkgs). It stays for the life of the release.
    ///
    /// Sources: the release notes of 23.05 ("from version 5.15 to 6.1") and 24.05 ("from 6.1 to
    /// 6.6"); NixOS/nixpkgs pull requests 370410 (6.6 to 6.12, January 2025, for 25.05) and 488642
    /// (6.12 to 6.18, asked for in February 2026, after 25.11); release-26.05 has 6.18. What was
    /// the default before a change was that of the release before.
    pub fn kernel(self) -> Option<KernelVersion> {
        let (major, minor) = match (self.year, self.month) {
            (22, 11) => (5, 15),
            (23, 5 | 11) => (6, 1),
            (24, 5 | 11) => (6, 6),
            (25, 5 | 11) => (6, 12),
            (26, 5) => (6, 18),
            _ => return None,
        };
        Some(KernelVersion::new(major, minor, 0))
    }
}

/// The year and month (1 to 12) of a time in seconds since 1970, in UTC: the proleptic Gregorian
/// calendar by Howard Hinnant's algorithm (https://howardhinnant.github.io/date_algorithms.html).
fn year_and_month(seconds: i64) -> Option<(i64, i64)> {
    let days = seconds.div_euclid(86_400).checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years that begin in March: their months have 153 days in five.
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era.checked_mul(400)?;
    Some((if month <= 2 { year + 1 } else { year }, month))
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}.{:02}", self.year, self.month)
    }
}

/// A text that does not begin with a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a release of NixOS: expected something like 25.05")]
pub struct ReleaseError(String);

impl FromStr for Release {
    type Err = ReleaseError;

    /// Reads `25.05`, `25.11.717.abc (Xantusia)`, `25.05pre-git`.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let wrong = || ReleaseError(text.to_owned());
        let (year, rest) = text.trim().split_once('.').ok_or_else(wrong)?;
        let month = rest.get(..2).ok_or_else(wrong)?;
        let two = |digits: &str| match digits.len() {
            2 => digits.parse::<u8>().ok(),
            _ => None,
        };
        let ends = !rest[2..].starts_with(|c: char| c.is_ascii_digit());
        match (two(year), two(month)) {
            (Some(year), Some(month)) if (1..=12).contains(&month) && ends => {
                Ok(Release { year, month })
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_from_what_nixos_prints() {
        let read = |text: &str| text.parse::<Release>().ok();
        for text in [
            "25.11",
            "25.11.717.abc (Xantusia)",
            "25.11pre-git",
            " 25.11\n",
        ] {
            assert_eq!(read(text), Some(Release::new(25, 11)), "{text}");
        }
        for text in [
            "", "unstable", "25", "25.1", "25.111", "2.5.11", "25.13", "ab.05",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(Release::new(24, 11) < Release::new(25, 5));
        assert_eq!(Release::new(25, 5).to_string(), "25.05");
    }

    #[test]
    fn a_time_tells_which_release_was_out() {
        for (seconds, expected) in [
            // `date -u -d 2026-08-01 +%s` and so on.
            (1_785_542_400, Some((26, 5))),
            // The last second of 31 May, and the next.
            (1_780_271_999, Some((25, 11))),
            (1_780_272_000, Some((26, 5))),
            // 2025-12-31, 2026-01-01
            (1_767_139_200, Some((25, 11))),
            (1_767_225_600, Some((25, 11))),
            // 2024-02-29, 2024-03-01
            (1_709_164_800, Some((23, 11))),
            (1_709_251_200, Some((23, 11))),
            // 2022-06-01, and the second before.
            (1_654_041_600, Some((22, 5))),
            (1_654_041_599, None),
            // Releases of which nobody knows here.
            (1_859_673_600, Some((26, 5))),
            (0, None),
            (1, None),
            (-1, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            let expected = expected.map(|(year, month)| Release::new(year, month));
            assert_eq!(Release::out_at(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_on_the_way_to_a_release_has_what_the_one_before_has() {
        let read = Release::of_version;
        assert_eq!(
            read("25.11.717.abc (Xantusia)"),
            Some((Release::new(25, 11), true))
        );
        assert_eq!(
            read("26.11pre901.abc (Zokor)"),
            Some((Release::new(26, 5), false))
        );
        assert_eq!(read("26.05pre-git"), Some((Release::new(25, 11), false)));
        assert_eq!(read("20.09pre-git"), None);
        assert_eq!(read("unstable"), None);
    }

    #[test]
    fn releases_follow_each_other_and_their_kernels_never_go_back() {
        let mut release = Release::NEWEST;
        while let Some(previous) = release.previous() {
            assert!(previous < release);
            if let (Some(old), Some(new)) = (previous.kernel(), release.kernel()) {
                assert!(old <= new, "{previous} {release}");
                // Long-term kernels come once a year, and a release takes the newest.
                assert_eq!(new.patch, 0);
            }
            release = previous;
        }
        assert_eq!(release, Release::new(21, 11));
        assert_eq!(
            Release::new(25, 11).kernel(),
            Some(KernelVersion::new(6, 12, 0))
        );
    }
}
