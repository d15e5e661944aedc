//! Owns: the mounts of the fixture machines, before and after their patches, on the running kernel.
//!
//! Needs root, loop devices, mkfs.btrfs, git and nix-instantiate; says so and passes where they are
//! missing, unless `CI=true`.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;

use btrfs_tune::btrfs::{Decided, DeviceFacts, EffectiveOptions, MountSpec, Stage1, Whole, whole};
use common::loopfs::{LoopFs, MountGuard, available};
use common::mounts::{filesystems, running_kernel};
use common::project::{Git, HOSTS, Project, have};

fn can_run(test: &str) -> bool {
    have("git", test) && have("nix-instantiate", test) && available(test)
}

fn facts(fs: &LoopFs) -> DeviceFacts {
    let (rotational, discard) = fs.rotational_and_discard();
    let is_cpu = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let stat = fs::read_to_string("/proc/stat").unwrap();
    DeviceFacts {
        rotational,
        discard,
        free_space_tree: Some(true),
        cpus: u32::try_from(stat.lines().filter(is_cpu).count()).ok(),
    }
}

struct Mounted {
    said: Whole,
    /// By the index of the mount.
    real: Vec<Option<(Vec<String>, Vec<String>)>>,
    /// What the whole filesystem has after a reload of each mount.
    reloaded: Vec<Vec<String>>,
}

/// Mounts all of a filesystem in the order that is foretold.
fn mount_all(mounts: &[(MountSpec, String)], stage1: Stage1) -> Mounted {
    let fs = LoopFs::new(1, &[]).unwrap();
    let specs: Vec<MountSpec> = mounts.iter().map(|(spec, _)| spec.clone()).collect();
    for spec in &specs {
        let name = spec.subvol.as_deref().unwrap().trim_start_matches('/');
        fs.subvolume(name).unwrap();
    }
    let said = whole(&specs, stage1, &running_kernel(), &facts(&fs));
    let subvol = |i: usize| specs[i].subvol.clone().unwrap();
    let mut guards: Vec<Option<MountGuard>> = specs.iter().map(|_| None).collect();
    for &i in &said.order {
        let options = match mounts[i].1.as_str() {
            "" => "defaults",
            options => options,
        };
        guards[i] = fs.mount(&subvol(i), options).ok();
    }
    let real = guards
        .iter()
        .map(|guard| guard.as_ref().map(|g| fs.shown(g.path())))
        .collect();
    let mut reloaded = Vec::new();
    for (i, guard) in guards.iter().enumerate() {
        let Some(guard) = guard else { continue };
        let options = format!("{},subvol={}", mounts[i].1, subvol(i));
        fs.remount(guard, options.trim_start_matches(',')).unwrap();
        reloaded.push(fs.shown(guard.path()).1);
    }
    Mounted {
        said,
        real,
        reloaded,
    }
}

fn shown(effective: &EffectiveOptions) -> (Vec<String>, Vec<String>) {
    (effective.shown_mount.clone(), effective.shown_fs.clone())
}

fn assert_as_said(name: &str, mounted: &Mounted) {
    for (k, &i) in mounted.said.order.iter().enumerate() {
        let said = mounted.said.mounts[k].as_ref().map(shown);
        assert_eq!(said, mounted.real[i], "{name}, mount {i}");
    }
}

#[test]
fn the_patched_machines_mount_as_said() {
    if !can_run("the_patched_machines_mount_as_said") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        project
            .git_apply(&project.run(&["fix", "--diff"]).out)
            .unwrap();
        for (device, mounts) in filesystems(&project) {
            for stage1 in [Stage1::Scripted, Stage1::Systemd] {
                let name = format!("{host} {device} {stage1:?}");
                let mounted = mount_all(&mounts, stage1);
                assert!(mounted.said.failed.is_empty(), "{name}");
                assert!(mounted.real.iter().all(Option::is_some), "{name}");
                assert_as_said(&name, &mounted);
                // Whichever mount is first or reloaded, the filesystem is the same.
                let effective = mounted.said.effective.as_ref();
                let of_fs = &effective.unwrap_or_else(|| panic!("{name}")).shown_fs;
                for after in &mounted.said.after_reload {
                    assert_eq!(&after.as_ref().unwrap().shown_fs, of_fs, "{name}");
                }
                for after in &mounted.reloaded {
                    assert_eq!(after, of_fs, "{name}");
                }
            }
        }
    }
}

#[test]
fn the_backups_of_the_nas_cannot_be_mounted_before() {
    if !can_run("the_backups_of_the_nas_cannot_be_mounted_before") {
        return;
    }
    let project = Project::of("nas", Git::Root);
    let pool = filesystems(&project)
        .into_values()
        .find(|mounts| mounts.iter().any(|m| m.0.mountpoint == "/srv/backups"))
        .unwrap();
    let backups = pool
        .iter()
        .position(|m| m.0.mountpoint == "/srv/backups")
        .unwrap();
    let mounted = mount_all(&pool, Stage1::Scripted);
    assert_eq!(mounted.said.failed, [backups]);
    assert_ne!(mounted.said.decided, Decided::Nobody);
    for (i, real) in mounted.real.iter().enumerate() {
        assert_eq!(real.is_none(), i == backups, "{}", pool[i].0.mountpoint);
    }
    assert_as_said("nas", &mounted);
}
