//! Owns: what each rule says about mounts, done on the real kernel. The machine of its fixture is
//! mounted on loop devices as it is configured, the live steps run, and what is mounted then is what
//! the patched configuration comes to at its next boot; nothing is unmounted on the way. And the
//! patched machine boots: all of it mounts, as foretold.
//!
//! Needs root, loop devices and mkfs.btrfs; says so and passes where they are missing, unless
//! `CI=true`. `RULE=group/name` looks at one rule only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use btrfs_tune::analyze::Analysis;
use btrfs_tune::btrfs::{DeviceFacts, MountSpec, Stage1, Whole, whole};
use btrfs_tune::model::{Facts, Host};
use btrfs_tune::recommend::rules::RULES;
use btrfs_tune::recommend::{Action, Class};
use btrfs_tune::report::{FORMAT, Report, build, script};
use btrfs_tune::rewrite::commands::shell_word;
use btrfs_tune::rewrite::{Outcome, Workspace, realise};
use btrfs_tune::{ingest, project::Project};
use common::loopfs::{LoopFs, available};
use common::machine::{At, Machine, Mounted, mounted};
use common::mounts::running_kernel;
use common::project::have;

/// What is known of a fixture beside its configuration.
fn facts(directory: &Path) -> Facts {
    let mut facts = Facts::default();
    let report = directory.join("facter.json");
    if let Ok(bytes) = std::fs::read(&report) {
        facts.hardware = Some(ingest::facter::read("facter.json", &bytes).0);
    }
    let metrics = directory.join("metrics");
    if metrics.is_dir() {
        facts.metrics = ingest::metrics::read_dir(&metrics).unwrap().0;
    }
    // The kernel is this machine's, whatever the fixture says.
    facts.kernel = None;
    facts.metrics.kernel = None;
    facts
}

/// A fixture before and after one rule's changes of mounts.
struct Case {
    before: Host,
    after: Host,
    /// The script that leads there, where all changes are live.
    script: Option<String>,
}

/// The rules that must be tried: what changes mounts and is taken by the running system, and what
/// changes mounts at the next boot.
const LIVE: [&str; 16] = [
    "mount/atime",
    "mount/clamped-value",
    "mount/commit-interval",
    "mount/compress-force",
    "mount/compression-level",
    "mount/compression-missing",
    "mount/deprecated-option",
    "mount/discard-sync",
    "mount/duplicate-option",
    "mount/explicit-subvol",
    "mount/inconsistent-options",
    "mount/ineffective-per-subvolume",
    "mount/noacl",
    "mount/nofail-on-essential",
    "mount/redundant-option",
    "mount/unstated-option",
];
const BOOT: [&str; 9] = [
    "mount/autodefrag",
    "mount/conflicting-options",
    "mount/dangerous-option",
    "mount/explicit-subvolid",
    "mount/invalid-value",
    "mount/lazytime-without-effect",
    "mount/removed-option",
    "mount/space-cache",
    "mount/unknown-option",
];

fn case(rule: &'static str, directory: &Path) -> Option<Case> {
    let project = std::rc::Rc::new(Project::open(directory).unwrap());
    let sources = project.sources();
    let names = project.hosts(&sources).names();
    let (workspace, failed) = Workspace::open(project, sources.clone(), &names);
    assert!(failed.is_empty(), "{rule}: its fixture is not read");
    let facts = facts(directory);
    let name = names.first()?;
    let (next, realised) = realise(&workspace, name, &facts, &|p| p.finding.rule == rule);
    let of_mounts = |actions: &[Action]| {
        let mut all = actions.iter();
        all.all(|a| matches!(a, Action::EditMountOptions { .. }))
    };
    let changes_mounts = realised.iter().any(|r| {
        let remedy = r.proposal.remedy.as_ref();
        matches!(r.outcome, Outcome::Patch { .. }) && remedy.is_some_and(|r| of_mounts(&r.actions))
    });
    if !changes_mounts {
        return None;
    }
    let mut all = realised.iter();
    let is_live = all.all(|r| r.proposal.class() == Class::Live);
    let before = workspace.evaluate(name).unwrap().host().with_facts(&facts);
    let after = next.evaluate(name).unwrap().host().with_facts(&facts);
    let host = build::host(&before, &Analysis::of(&before), &realised, &sources);
    let report = Report {
        format: FORMAT.to_owned(),
        hosts: vec![host],
        problems: Vec::new(),
    };
    Some(Case {
        before,
        after,
        script: is_live.then(|| script::render(&report)),
    })
}

fn device_facts(fs: &LoopFs) -> DeviceFacts {
    let (rotational, discard) = fs.rotational_and_discard();
    DeviceFacts {
        rotational,
        discard,
        free_space_tree: Some(true),
        cpus: None,
    }
}

/// What the mounts of a filesystem come to here.
fn said(specs: &[MountSpec], fs: &LoopFs) -> Whole {
    whole(
        specs,
        Stage1::Scripted,
        &running_kernel(),
        &device_facts(fs),
    )
}

/// The machine of a fixture, with what can be mounted of it; `None` where nothing can.
fn machine(host: &Host) -> Option<Machine> {
    let (mut filesystems, mut mounts) = (BTreeMap::new(), Vec::new());
    for filesystem in &host.storage.filesystems {
        let device = filesystem.device.as_ref().ok()?.value.clone();
        let specs = filesystem.mount_specs()?;
        let fs = LoopFs::new(1, &[]).unwrap();
        fs.set_rotational(host.device_facts(filesystem).rotational.unwrap_or(true));
        for spec in &specs {
            let name = spec.subvol.as_deref().unwrap_or_default();
            if !name.trim_matches('/').is_empty() {
                fs.subvolume(name.trim_start_matches('/')).unwrap();
            }
        }
        let said = said(&specs, &fs);
        // A machine that does not come up runs no steps: its repair is for the next boot.
        if !said.failed.is_empty() {
            return None;
        }
        for &i in &said.order {
            let userspace = ["nofail", "noauto", "defaults", "x-initrd.mount"];
            let options: Vec<&str> = specs[i]
                .options
                .iter()
                .map(|o| o.text.as_str())
                .filter(|o| !userspace.contains(o) && !o.starts_with("subvol"))
                .collect();
            mounts.push(At {
                device: device.clone(),
                subvolume: format!(
                    "/{}",
                    specs[i]
                        .subvol
                        .as_deref()
                        .unwrap_or_default()
                        .trim_start_matches('/')
                ),
                mountpoint: specs[i].mountpoint.clone(),
                options: options.join(","),
            });
        }
        filesystems.insert(device, fs);
    }
    (!mounts.is_empty()).then(|| Machine {
        name: host.name.clone(),
        filesystems,
        mounts,
    })
}

/// What differs from what a host's mounts come to.
fn differences(host: &Host, machine: &Machine, real: &Mounted) -> Vec<String> {
    let mut wrong = Vec::new();
    for filesystem in &host.storage.filesystems {
        let device = &filesystem.device.as_ref().unwrap().value;
        let specs = filesystem.mount_specs().unwrap();
        let said = said(&specs, &machine.filesystems[device]);
        for (k, &i) in said.order.iter().enumerate() {
            let at = &specs[i].mountpoint;
            let (of_mount, of_fs) = &real[at];
            let expected = said.mounts[k].as_ref().unwrap();
            if of_mount != &expected.shown_mount {
                wrong.push(format!(
                    "{at}: {:?} is foretold, {of_mount:?} is mounted",
                    expected.shown_mount
                ));
            }
            if let Some(whole) = said.effective.as_ref().filter(|w| &w.shown_fs != of_fs) {
                wrong.push(format!(
                    "{at}: {:?} is foretold, {of_fs:?} is mounted",
                    whole.shown_fs
                ));
            }
        }
    }
    wrong
}

fn fixture(rule: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
    root.join(rule).join("fires")
}

/// What runs in a machine: a look at its mounts, the script and back again.
fn inside(host: &str, rule: &str) -> String {
    let host = shell_word(host);
    format!(
        "snap() {{ grep ' - btrfs ' /proc/self/mountinfo; echo '=== '; }}\nsnap\n\
         sh /stand-in/live --host {host} --consent {rule} >&2 || exit 11\nsnap\n\
         sh /stand-in/live --host {host} undo >&2 || exit 12\nsnap\n"
    )
}

fn snaps(out: Vec<u8>) -> Vec<Mounted> {
    let out = String::from_utf8(out).unwrap();
    out.split("=== ").map(mounted).collect()
}

/// The live steps of a rule, and back; none where the machine does not come up as it is.
fn live_steps(rule: &str, case: &Case, script: &str) -> Option<Result<(), String>> {
    let machine = machine(&case.before)?;
    let output = machine.run(&[("live", script)], &inside(&case.before.name, rule));
    let err = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Some(Err(format!("{:?}: {err}\n{script}", output.status)));
    }
    let snaps = snaps(output.stdout);
    let mut wrong = differences(&case.before, &machine, &snaps[0]);
    wrong.extend(differences(&case.after, &machine, &snaps[1]));
    if snaps[0] != snaps[2] {
        wrong.push(format!("not taken back: {:?} {:?}", snaps[0], snaps[2]));
    }
    Some(if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    })
}

/// The next boot with the patched configuration.
fn next_boot(case: &Case) -> Result<(), String> {
    let machine = machine(&case.after).ok_or("the patched machine does not mount all it names")?;
    let output = machine.run(&[], "grep ' - btrfs ' /proc/self/mountinfo\n");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let wrong = differences(&case.after, &machine, &snaps(output.stdout)[0]);
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

#[test]
fn the_changes_of_each_rule_do_on_the_kernel_what_they_say() {
    let test = "the_changes_of_each_rule_do_on_the_kernel_what_they_say";
    if !have("unshare", test) || !available(test) {
        return;
    }
    let wanted = std::env::var("RULE").ok();
    let (mut live, mut booted, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for rule in RULES.iter().map(|rule| rule.meta().id) {
        if wanted.as_deref().is_some_and(|w| w != rule) {
            continue;
        }
        let Some(case) = case(rule, &fixture(rule)) else {
            continue;
        };
        if let Some(script) = &case.script
            && let Some(done) = live_steps(rule, &case, script)
        {
            live.insert(rule);
            wrong.extend(done.err().map(|why| format!("{rule}, live: {why}")));
        }
        booted.insert(rule);
        let done = next_boot(&case);
        wrong.extend(done.err().map(|why| format!("{rule}, next boot: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if wanted.is_none() {
        let missing: Vec<_> = LIVE.iter().filter(|rule| !live.contains(*rule)).collect();
        assert!(missing.is_empty(), "not tried live: {missing:?}");
        let missing: Vec<_> = BOOT.iter().filter(|rule| !booted.contains(*rule)).collect();
        assert!(missing.is_empty(), "not booted: {missing:?}, of {booted:?}");
    }
}
