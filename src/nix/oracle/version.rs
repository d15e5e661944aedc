//! Which Nix is installed.

use std::fmt;

use super::OracleError;
use super::run::Runner;

/// Who made it; each counts its versions for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// The Nix of nixos.org, and those whose version says the same.
    Nix,
    /// Lix, which went its own way from 2.90 on.
    Lix,
    /// Determinate Nix, which says the version of Nix that it is built on.
    Determinate,
}

/// A Nix and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Who made it.
    pub flavour: Flavour,
    /// Its first two numbers.
    pub number: (u32, u32),
    /// What it says itself.
    pub text: String,
}

impl Version {
    /// The oldest that is asked: its flakes can be evaluated pure by reference.
    pub const OLDEST: (u32, u32) = (2, 8);

    /// Reads `nix-instantiate --version`.
    pub fn parse(line: &str) -> Option<Version> {
        let text = line.lines().next()?.trim();
        let text = text.strip_prefix("nix-instantiate").unwrap_or(text).trim();
        let flavour = match text {
            text if text.contains("Lix") => Flavour::Lix,
            text if text.contains("Determinate") => Flavour::Determinate,
            _ => Flavour::Nix,
        };
        let mut numbers = text.rsplit(' ').next()?.split(['.', '-', '+', 'p']);
        let mut next = || -> Option<u32> { numbers.next()?.parse().ok() };
        let number = (next()?, next()?);
        Some(Version {
            flavour,
            number,
            text: text.to_owned(),
        })
    }

    /// Asks the one that is installed.
    pub(super) fn of(runner: &Runner) -> Result<Version, OracleError> {
        let mut command = runner.command("nix-instantiate");
        command.arg("--version");
        let ended = runner.run(command)?;
        let text = String::from_utf8_lossy(&ended.out);
        let version = Version::parse(&text)
            .ok_or_else(|| OracleError::NoVersion(text.trim().chars().take(200).collect()))?;
        match version.number >= Self::OLDEST {
            true => Ok(version),
            false => Err(OracleError::TooOld(version.text)),
        }
    }

    /// Settings for every evaluation. Nix warns of those it does not know, and goes on.
    pub(super) fn options(&self, network: bool) -> Vec<(&'static str, &'static str)> {
        let mut options = vec![
            ("experimental-features", "nix-command flakes"),
            ("allow-import-from-derivation", "false"),
            ("allow-unsafe-native-code-during-evaluation", "false"),
            ("accept-flake-config", "false"),
            ("builders", ""),
            ("max-jobs", "0"),
            ("warn-dirty", "false"),
        ];
        if !network {
            options.extend([
                ("substitute", "false"),
                ("flake-registry", ""),
                ("connect-timeout", "1"),
                ("download-attempts", "1"),
                ("tarball-ttl", "4294967295"),
            ]);
        }
        if self.flavour == Flavour::Determinate {
            // Places would name files that are in no store.
            options.push(("lazy-trees", "false"));
        }
        options
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
