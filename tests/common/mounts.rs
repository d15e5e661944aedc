//! Owns: what a project's machine mounts, as real Nix has it, and the kernel that mounts it here.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::collections::BTreeMap;
use std::fs;

use btrfs_tune::btrfs::{KernelVersion, MountSpec, Target, parse_options};
use serde_json::Value as Json;

use super::project::Project;

/// The kernel of this machine.
pub(crate) fn running_kernel() -> Target {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let kernel: KernelVersion = release.parse().unwrap();
    Target::Known(kernel)
}

/// The mounts of each btrfs, by device, as real Nix evaluates them, with their option strings.
pub(crate) fn filesystems(project: &Project) -> BTreeMap<String, Vec<(MountSpec, String)>> {
    let evaluated = project.evaluate().unwrap();
    let mut out: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (mountpoint, fs) in evaluated["fileSystems"].as_object().unwrap() {
        if fs["fsType"] != "btrfs" {
            continue;
        }
        let all = fs["options"].as_array().unwrap();
        let all: Vec<&str> = all.iter().filter_map(Json::as_str).collect();
        let subvol = all.iter().rev().find_map(|o| o.strip_prefix("subvol="));
        let kernel: Vec<&str> = all
            .iter()
            .copied()
            .filter(|o| !o.starts_with("subvol="))
            .collect();
        let spec = MountSpec {
            mountpoint: mountpoint.clone(),
            subvol: subvol.map(str::to_owned),
            options: parse_options(&kernel),
            needed_for_boot: fs["neededForBoot"] == true,
        };
        let device = fs["device"].as_str().unwrap().to_owned();
        out.entry(device)
            .or_default()
            .push((spec, kernel.join(",")));
    }
    out
}
