//! Owns: the script of live steps, run for real: on the fixture machines against a btrfs on loop
//! devices, mounted as those machines mount it, and taken back again.
//!
//! Needs root, loop devices, mkfs.btrfs, git and nix-instantiate; says so and passes where they are
//! missing, unless `CI=true`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "hosts/mod.rs"]
mod hosts;

use std::collections::BTreeMap;

use btrfs_tune::btrfs::{DeviceFacts, MountSpec, Stage1, Whole, whole};
use btrfs_tune::report::{Report, script};
use common::loopfs::{LoopFs, available};
use common::machine::{At, Machine, Mounted, mounted};
use common::mounts::{filesystems, running_kernel};
use common::project::{Git, HOSTS, Project, have};

fn can_run(test: &str) -> bool {
    have("git", test) && have("nix-instantiate", test) && have("unshare", test) && available(test)
}

fn facts(fs: &LoopFs) -> DeviceFacts {
    let (rotational, discard) = fs.rotational_and_discard();
    DeviceFacts {
        rotational,
        discard,
        free_space_tree: Some(true),
        cpus: None,
    }
}

/// A fixture machine with its filesystems made and its mounts in the order that is foretold.
fn machine(host: &str, mounts: &BTreeMap<String, Vec<(MountSpec, String)>>) -> Machine {
    let model = hosts::host(host);
    let mut filesystems = BTreeMap::new();
    let mut order = Vec::new();
    for (device, mounts) in mounts {
        let is_it = |m: &&btrfs_tune::model::Filesystem| {
            m.device.as_ref().is_ok_and(|d| d.value == *device)
        };
        let known = model.storage.filesystems.iter().find(is_it).unwrap();
        let several = known.disks.len() > 1 || known.mkfs_args.known().unwrap().len() > 3;
        let fs = match several {
            true => LoopFs::new(4, &["-d", "raid1", "-m", "raid1"]),
            false => LoopFs::new(1, &[]),
        }
        .unwrap();
        let rotates = model.device_facts(known).rotational.unwrap_or(true);
        fs.set_rotational(rotates);
        let specs: Vec<MountSpec> = mounts.iter().map(|(spec, _)| spec.clone()).collect();
        for spec in &specs {
            let name = spec.subvol.as_deref().unwrap().trim_start_matches('/');
            fs.subvolume(name).unwrap();
        }
        let said = whole(&specs, Stage1::Scripted, &running_kernel(), &facts(&fs));
        // What is left to chance fell as the machine's own mountinfo shows.
        let seen = |i: &&usize| {
            let entries = &model.metrics.mounts;
            entries
                .iter()
                .position(|e| e.mountpoint == specs[**i].mountpoint)
        };
        let works = said.order.iter().filter(|i| !said.failed.contains(i));
        let mut works: Vec<&usize> = works.collect();
        works.sort_by_key(seen);
        for &i in works {
            let options = mounts[i].1.split(',');
            let options: Vec<&str> = options
                .filter(|o| *o != "nofail" && *o != "defaults")
                .collect();
            order.push(At {
                device: device.clone(),
                subvolume: specs[i].subvol.clone().unwrap(),
                mountpoint: specs[i].mountpoint.clone(),
                options: options.join(","),
            });
        }
        filesystems.insert(device.clone(), fs);
    }
    Machine {
        name: host.to_owned(),
        filesystems,
        mounts: order,
    }
}

/// What the mounts of a machine come to, by device.
fn said(
    machine: &Machine,
    mounts: &BTreeMap<String, Vec<(MountSpec, String)>>,
) -> Vec<(Vec<MountSpec>, Whole)> {
    mounts
        .iter()
        .map(|(device, mounts)| {
            let specs: Vec<MountSpec> = mounts.iter().map(|(spec, _)| spec.clone()).collect();
            let facts = facts(&machine.filesystems[device]);
            let said = whole(&specs, Stage1::Scripted, &running_kernel(), &facts);
            (specs, said)
        })
        .collect()
}

/// That everything mounted is as foretold; what is left to chance is not.
fn assert_as_said(name: &str, real: &Mounted, said: &[(Vec<MountSpec>, Whole)]) -> usize {
    let mut compared = 0;
    for (specs, said) in said {
        for (k, &i) in said.order.iter().enumerate() {
            let Some((of_mount, of_fs)) = real.get(&specs[i].mountpoint) else {
                continue;
            };
            let Some(expected) = &said.mounts[k] else {
                continue;
            };
            assert_eq!(
                of_mount, &expected.shown_mount,
                "{name}: {}",
                specs[i].mountpoint
            );
            if let Some(whole) = &said.effective {
                assert_eq!(of_fs, &whole.shown_fs, "{name}: {}", specs[i].mountpoint);
                compared += 1;
            }
        }
    }
    compared
}

/// The sysctls of a fixture as its configuration sets them, written to the stand-in's state.
fn sysctls(host: &str) -> String {
    let model = hosts::host(host);
    let mut out = String::new();
    for (path, value) in model.settings.below("boot.kernel.sysctl.") {
        let key = path.trim_start_matches("boot.kernel.sysctl.");
        let value = &value.as_ref().unwrap().value;
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        out.push_str(&format!("echo '{value}' >'/stand-in/state/{key}'\n"));
    }
    out
}

const INSIDE: &str = r#"
snap() { grep ' - btrfs ' /proc/self/mountinfo; echo "=== $1"; }
state() { ( cd /stand-in/state && for f in *; do printf '%s ' "$f"; tr '\n' ' ' <"$f"; echo; done | cksum ); }
steps() { for f in /stand-in/log/*; do test -e "$f" || continue; cat "$f"; echo "=== step"; rm "$f"; done; }
before=$(state)
snap start
SHELL /stand-in/live >&2 || exit 11
steps
snap applied
during=$(state)
SHELL /stand-in/live >&2 || exit 12
rm -f /stand-in/log/*
snap again
test "$during" = "$(state)" || exit 13
SHELL /stand-in/live undo >&2 || exit 14
steps
snap undone
test "$before" = "$(state)" || exit 15
SHELL /stand-in/live undo >&2 || exit 16
snap undone
test -z "$(find /run -name 'btrfs-tune.*')" || exit 17
hostname elsewhere
SHELL /stand-in/live >&2 && exit 18
snap refused
"#;

fn snaps(out: &str) -> Vec<(String, Mounted)> {
    let mut snaps = Vec::new();
    let mut lines = String::new();
    for line in out.lines() {
        match line.strip_prefix("=== ") {
            Some(name) => {
                snaps.push((name.to_owned(), mounted(&lines)));
                lines.clear();
            }
            None => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    snaps
}

#[test]
fn the_live_steps_do_on_the_fixture_machines_what_is_foretold_and_are_taken_back() {
    if !can_run("the_live_steps_do_on_the_fixture_machines_what_is_foretold_and_are_taken_back") {
        return;
    }
    let mut remounts = 0;
    let mut compared = 0;
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        let before = filesystems(&project);
        let report: Report = serde_json::from_value(project.report()).unwrap();
        let live = script::render(&report);
        for shell in ["dash", "bash"] {
            if !have(shell, "the live script in it") {
                continue;
            }
            let machine = machine(host, &before);
            let mut inside = sysctls(host);
            inside.push_str(&INSIDE.replace("SHELL", &format!("/bin/{shell}")));
            if live.contains("there is nothing to run'") {
                inside = inside
                    .split("hostname elsewhere")
                    .next()
                    .unwrap()
                    .to_owned();
            }
            let output = machine.run(&[("live", &live)], &inside);
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success(),
                "{host} {shell} {:?}: {err}",
                output.status
            );
            let snaps = snaps(&String::from_utf8(output.stdout).unwrap());
            let named = |name: &str| -> Vec<&Mounted> {
                snaps
                    .iter()
                    .filter(|(n, _)| n == name)
                    .map(|(_, m)| m)
                    .collect()
            };
            let start = named("start")[0];
            compared += assert_as_said(&format!("{host} start"), start, &said(&machine, &before));
            let steps = named("step");
            let (forth, back) = steps.split_at(steps.len() / 2);
            assert_eq!(
                forth.len(),
                back.len(),
                "{host}: each remount is taken back"
            );
            remounts += forth.len();

            // Each recommendation brings what its patch says.
            let patched = Project::of(host, Git::Root);
            let mut at = start;
            let mut taken = 0;
            for item in &report.hosts[0].findings {
                let Some(patch) = &item.patch() else { continue };
                patched.git_apply(patch).unwrap();
                let runs = item
                    .commands
                    .iter()
                    .filter(|c| c.run.starts_with("mount -o remount"));
                let runs = runs.count();
                if runs > 0 {
                    at = forth[taken + runs - 1];
                    taken += runs;
                }
                let after = filesystems(&patched);
                let name = format!("{host} {shell} after {}", item.rule);
                compared += assert_as_said(&name, at, &said(&machine, &after));
            }
            assert_eq!(taken, forth.len(), "{host}");
            let applied = named("applied")[0];
            assert_eq!(at, applied, "{host}: nothing else changed");
            assert_eq!(
                named("again")[0],
                applied,
                "{host}: the second run is harmless"
            );

            // The undo goes through the same states, backwards.
            let states: Vec<&Mounted> = std::iter::once(start)
                .chain(forth.iter().copied())
                .collect();
            for (k, state) in back.iter().enumerate() {
                let expected = states[states.len() - 2 - k];
                assert_eq!(*state, expected, "{host} {shell}: undo {k}\n{live}");
            }
            for undone in named("undone") {
                assert_eq!(undone, start, "{host}: taken back");
            }
            for refused in named("refused") {
                assert_eq!(refused, start, "{host}: another machine is left alone");
            }
        }
    }
    assert!(remounts >= 4 && compared >= 20, "{remounts} {compared}");
}

const FAILING: &str = r#"
now() { cat /stand-in/state/vm.swappiness /stand-in/state/vm.watermark_scale_factor /stand-in/state/vm.dirty_bytes | tr '\n' ' '; }
live="SHELL /stand-in/live"
before=$(now)

# Something that the checks find: nothing is changed, by any step.
mv /stand-in/state/vm.page-cluster /stand-in/state/gone
status=0; $live 2>/stand-in/err || status=$?
test "$status" = 1 && grep -q 'nothing was changed' /stand-in/err && grep -q 'has no vm.page-cluster' /stand-in/err
test "$before" = "$(now)"
mv /stand-in/state/gone /stand-in/state/vm.page-cluster

# A step that fails: what was done stays, and it is said which, and how it is taken back.
: >/stand-in/state/refuses.vm.watermark_scale_factor
status=0; $live >/stand-in/out 2>/stand-in/err || status=$?
test "$status" = 7 && grep -q 'vm.watermark_scale_factor' /stand-in/err && grep -q 'with: undo' /stand-in/err
test "$(cat /stand-in/state/vm.swappiness)" = 180
rm /stand-in/state/refuses.vm.watermark_scale_factor
$live undo >/stand-in/out
test "$before" = "$(now)"
! grep -q dirty_bytes /stand-in/out

# Another run of it is under way.
record=$(find /var/lib/btrfs-tune -name lock)
(flock -n 9 && sleep 3) 9>"$record" &
sleep 1
status=0; $live 2>/stand-in/err || status=$?
test "$status" = 1 && grep -q 'under way' /stand-in/err
wait
rm -f "$record"

# What trades something away is left out until it is agreed to.
$live >/stand-in/out
grep -q 'was not agreed to' /stand-in/out
test "$(cat /stand-in/state/vm.dirty_bytes)" = 0
$live --consent system/dirty-limits >/stand-in/out
test "$(cat /stand-in/state/vm.dirty_bytes)" = 268435456
$live undo >/stand-in/out
test "$before" = "$(now)"
"#;

#[test]
fn a_failure_stops_it_and_is_taken_back_and_a_trade_needs_consent() {
    if !can_run("a_failure_stops_it_and_is_taken_back_and_a_trade_needs_consent") {
        return;
    }
    let project = Project::of("workstation", Git::Root);
    let mounts = filesystems(&project);
    let mut report: Report = serde_json::from_value(project.report()).unwrap();
    let items = &mut report.hosts[0].findings;
    let limits = items.iter_mut().find(|i| i.rule == "system/dirty-limits");
    limits.unwrap().applicability = btrfs_tune::recommend::Applicability::Consent;
    let live = script::render(&report);
    for shell in ["dash", "bash"] {
        if !have(shell, "the live script in it") {
            continue;
        }
        let mut inside = sysctls("workstation");
        inside.push_str("echo 0 >/stand-in/state/vm.dirty_bytes; set -eux\n");
        inside.push_str(&FAILING.replace("SHELL", &format!("/bin/{shell}")));
        let output = machine("workstation", &mounts).run(&[("live", &live)], &inside);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{shell} {:?}: {err}",
            output.status
        );
    }
}
