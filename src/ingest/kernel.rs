//! The kernel that a configuration chooses: `boot.kernelPackages`.

use super::values::Values;
use crate::btrfs::KernelVersion;
use crate::model::Told;
use crate::nix::eval::{Data, Name, Openness, Value, Why};
use crate::nix::module::{Configuration, Skipped};

const OPTION: [&str; 2] = ["boot", "kernelPackages"];
/// `lib.modules.defaultOverridePriority`: a weaker definition than this gives way to any other.
const PLAIN: i64 = 100;

/// What is known of the kernel that the configuration chooses.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chosen {
    /// This series.
    Series(Told<KernelVersion>),
    /// Nothing chooses one, in modules of which none is hidden: it is that of the release.
    Standard,
    /// One that is not known, or that a module which cannot be read may choose.
    Unknown,
}

/// Reads which kernel is chosen.
///
/// A set of packages that is named after a series is that series in every release of nixpkgs: when
/// a series ends, its name goes (pkgs/top-level/linux-kernels.nix, `… was removed because …`).
pub(super) fn chosen(values: &Values<'_>, configuration: &Configuration) -> Chosen {
    let e = values.e;
    let skipped = &configuration.skipped;
    if skipped.iter().any(Skipped::hides) {
        return Chosen::Unknown;
    }
    let path: Vec<Name> = OPTION.iter().map(|name| Name::from(*name)).collect();
    let value = match e.select(configuration.config(), &path, None, None) {
        Ok(value) => value,
        Err(unknown) if unknown.is_undefined(&OPTION.map(str::to_owned)) => {
            return match skipped.is_empty() {
                true => Chosen::Standard,
                false => Chosen::Unknown,
            };
        }
        Err(_) => return Chosen::Unknown,
    };
    // A module of others may choose one where this is but a default.
    if !skipped.is_empty() && strength(values, configuration) > PLAIN {
        return Chosen::Unknown;
    }
    let series = set_name(&value).and_then(series);
    let Some(series) = series else {
        return Chosen::Unknown;
    };
    let at = value.at.map(|at| e.sources().place(at));
    Chosen::Series(Told {
        value: series,
        by: match at {
            Some(at) => format!("{} ({at})", OPTION.join(".")),
            None => OPTION.join("."),
        },
    })
}

/// The priority of the strongest definition.
fn strength(values: &Values<'_>, configuration: &Configuration) -> i64 {
    let e = values.e;
    let root = super::reach::root(e, configuration);
    let boot = super::reach::raw(e, &root, &[OPTION[0].to_owned()]);
    let of_option = super::reach::raw(e, &boot, &OPTION.map(str::to_owned));
    let priorities = of_option.iter().map(|r| r.priority.unwrap_or(PLAIN));
    priorities.min().unwrap_or(PLAIN)
}

/// The path in `pkgs` of a set of kernel packages that nobody changed.
fn set_name(value: &Value) -> Option<&str> {
    match &value.data {
        Data::Set(set) if set.is_empty() => match &set.open {
            Openness::Open(Why::KernelPackages(path)) => Some(path),
            _ => None,
        },
        _ => None,
    }
}

/// The series that a set of kernel packages is named after: `linuxPackages_6_12_hardened`,
/// `linuxKernel.packages.linux_rt_6_6`. A name without two numbers (`_latest`, `_zen`, `_rpi4`)
/// tells none.
fn series(path: &str) -> Option<KernelVersion> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut words = name.split('_');
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u16>().ok());
    let major = words.by_ref().find_map(|word| number(Some(word)))?;
    let minor = number(words.next())?;
    // No set of nixpkgs has a third number, so this would not be one of them.
    let sane = (2..=99).contains(&major) && words.all(|word| number(Some(word)).is_none());
    sane.then(|| KernelVersion::new(major, minor, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_from_the_name_of_its_packages() {
        let at = |major, minor| Some(KernelVersion::new(major, minor, 0));
        for (path, expected) in [
            ("linuxPackages_6_12", at(6, 12)),
            ("linuxPackages_6_12_hardened", at(6, 12)),
            ("linuxPackages_7_1", at(7, 1)),
            ("linuxKernel.packages.linux_6_1", at(6, 1)),
            ("linuxKernel.packages.linux_rt_5_15", at(5, 15)),
            ("linuxPackages_latest", None),
            ("linuxPackages", None),
            ("linuxKernel", None),
            ("linuxKernel.packages", None),
            ("linuxPackages_rpi4", None),
            ("linuxPackages_xanmod_latest", None),
            ("linuxPackages_cachyos-6_12", None),
            ("linuxPackages_6", None),
            ("linuxPackages_6_lts", None),
            // Whatever this would be.
            ("linuxPackages_6_6_31", None),
            ("linuxPackages_99999_1", None),
        ] {
            assert_eq!(series(path), expected, "{path}");
        }
    }
}
