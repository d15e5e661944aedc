//! Owns: which scheduler the configuration chooses for a disk, and where it says so.

use super::disk::Device;
use super::udev::{self, Says, hidden};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::nix::source::Span;

/// Who chooses the scheduler of a disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chooser {
    /// A rule of `services.udev.extraRules`.
    UdevRule,
    /// `hardware.block.scheduler`, by this pattern.
    Pattern(String),
    /// `hardware.block.defaultSchedulerRotational`
    Rotational,
    /// `hardware.block.defaultScheduler`
    Default,
}

impl Chooser {
    /// How the configuration names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Chooser::UdevRule => format!("a rule in {}", udev::EXTRA_RULES),
            Chooser::Pattern(pattern) => format!("hardware.block.scheduler.\"{pattern}\""),
            Chooser::Rotational => ROTATIONAL.to_owned(),
            Chooser::Default => DEFAULT.to_owned(),
        }
    }
}

/// A scheduler that the configuration chooses.
pub(super) struct Choice {
    pub scheduler: String,
    pub by: Chooser,
    pub at: Option<Span>,
}

const ROTATIONAL: &str = "hardware.block.defaultSchedulerRotational";
const DEFAULT: &str = "hardware.block.defaultScheduler";
const PATTERNS: &str = "hardware.block.scheduler";
const EXCLUDED: &str = "hardware.block.defaultSchedulerExclude";

/// What the configuration chooses for a disk: nothing, or a scheduler; `Err` where it cannot be read.
/// Later ones of these win: the default, the default for rotating disks, patterns in the order of
/// their names, udev rules (nixpkgs nixos/modules/hardware/iosched.nix writes 98-block-io-scheduler.rules,
/// and extraRules become 99-local.rules).
pub(super) fn choice(host: &Host, device: &Device<'_>) -> Result<Option<Choice>, ()> {
    let settings = &host.settings;
    if [DEFAULT, ROTATIONAL, PATTERNS]
        .iter()
        .any(|o| hidden(host, o))
    {
        return Err(());
    }
    let rules = udev::rules(host).ok_or(())?;
    match rules.say("scheduler", device) {
        Says::Unsure => return Err(()),
        Says::Value(scheduler) => {
            return Ok(Some(Choice {
                scheduler: scheduler.to_owned(),
                by: Chooser::UdevRule,
                at: rules.at,
            }));
        }
        Says::Nothing => {}
    }
    let prefix = format!("{PATTERNS}.");
    let mut chosen = None;
    for (path, setting) in settings.below(&prefix) {
        let pattern = path.strip_prefix(&prefix).unwrap_or_default();
        if !device.matches(pattern).ok_or(())? {
            continue;
        }
        let setting = setting.as_ref().map_err(|_| ())?;
        chosen = Some(Choice {
            scheduler: setting.value.as_str().ok_or(())?.to_owned(),
            by: Chooser::Pattern(pattern.to_owned()),
            at: setting.at,
        });
    }
    if chosen.is_some() {
        return Ok(chosen);
    }
    if let Some(excluded) = settings.text(EXCLUDED)
        && device.matches(excluded).ok_or(())?
    {
        return Ok(None);
    }
    let named = |option: &str, by: Chooser| {
        let setting = settings.known(option)?;
        Some(Choice {
            scheduler: setting.value.as_str()?.to_owned(),
            by,
            at: setting.at,
        })
    };
    let rotational = match device.medium {
        Medium::Rotational => named(ROTATIONAL, Chooser::Rotational),
        Medium::SolidState => None,
        Medium::Unknown if settings.is_defined(ROTATIONAL) => return Err(()),
        Medium::Unknown => None,
    };
    Ok(rotational.or_else(|| named(DEFAULT, Chooser::Default)))
}
