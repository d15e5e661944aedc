//! Releases of NixOS: which names and defaults a host's options have.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

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
}
