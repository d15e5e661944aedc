//! Rules about the kernel's settings for memory and writing back, and about services that work on
//! what btrfs holds.

pub mod bees_or_dedupe;
pub mod dirty_bytes_and_ratio;
pub mod dirty_limits;
pub mod docker_driver;
pub mod duplicate_sysctl;
pub mod nix_optimise;
pub mod page_cluster;
pub mod postgres_on_cow;
pub mod swappiness;
pub mod tmpfs_for_builds;
pub mod vfs_cache_pressure;
pub mod zram_missing;
pub mod zram_sysctls;

mod bees;
mod builds;
mod duplicates;
mod memory;
mod postgres;
mod swap;

use serde_json::Value as Json;

use crate::model::{Host, Setting};
use crate::recommend::Action;

const VM: &str = "Linux Documentation/admin-guide/sysctl/vm.rst";

/// An option by its path.
fn option(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// The path of a sysctl, whose name is one attribute.
fn sysctl_option(key: &str) -> Vec<String> {
    ["boot", "kernel", "sysctl", key]
        .map(str::to_owned)
        .to_vec()
}

/// Sets a sysctl.
fn set_sysctl(key: &str, value: u64) -> Action {
    Action::SetNixosOption {
        path: sysctl_option(key),
        value: Json::from(value),
    }
}

/// The path under which the settings of a host hold a sysctl.
fn sysctl(key: &str) -> String {
    format!("boot.kernel.sysctl.{key}")
}

/// Whether a sysctl of the kernel's memory is set at all, in either of its spellings.
fn is_set(host: &Host, key: &str) -> bool {
    let slashed = sysctl(&key.replacen('.', "/", 1));
    host.settings.is_defined(&sysctl(key)) || host.settings.is_defined(&slashed)
}

/// A setting as a number, written as one or as a text.
fn number(setting: &Setting) -> Option<f64> {
    let value = &setting.value;
    value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// A sysctl that is set to a known number.
fn sysctl_number<'a>(host: &'a Host, key: &str) -> Option<(&'a Setting, f64)> {
    let setting = host.settings.known(&sysctl(key))?;
    Some((setting, number(setting)?))
}

/// Whether all sysctls of the configuration could be read.
fn sysctls_are_known(host: &Host) -> bool {
    !host
        .settings
        .get("boot.kernel.sysctl")
        .is_some_and(Result::is_err)
}
