//! Rules about the kernel's settings for memory and writing back.

pub mod dirty_limits;
pub mod zram_sysctls;

use serde_json::Value as Json;

use crate::recommend::Action;

/// Sets a sysctl.
fn set_sysctl(key: &str, value: u64) -> Action {
    let path = ["boot", "kernel", "sysctl", key]
        .map(str::to_owned)
        .to_vec();
    Action::SetNixosOption {
        path,
        value: Json::from(value),
    }
}

/// The path under which the settings of a host hold a sysctl.
fn sysctl(key: &str) -> String {
    format!("boot.kernel.sysctl.{key}")
}
