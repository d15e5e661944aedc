//! Owns: every kind of action on every form in which real configurations are written
//! (`tests/nix_forms`): what the proven edit looks like, and that the real Nix sees just that change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Filesystem, Host, Mount, StorageSource};
use btrfs_tune::nix::module::Change;
use btrfs_tune::nix::oracle;
use btrfs_tune::project::Project;
use btrfs_tune::recommend::{
    Action, Algorithm, DirectoryAttribute, LuksSetting, MkfsSetting, MountEdit,
};
use btrfs_tune::rewrite::Workspace;
use btrfs_tune::rewrite::diff::diff;
use serde_json::{Value as Json, json};

/// A copy of a form, which edits may be written to.
struct Copy {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Copy {
    fn of(form: &Path) -> Copy {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let path = root.join(form.file_name().unwrap());
        copy(form, &path);
        let _directory = directory;
        Copy { path, _directory }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

fn names(path: &[&str]) -> Vec<String> {
    path.iter().map(|n| (*n).to_owned()).collect()
}

/// The mount that edits are tried on: not the root, so that it has siblings.
fn middle(filesystem: &Filesystem) -> Option<&Mount> {
    let mounts = &filesystem.mounts;
    mounts
        .iter()
        .find(|m| m.mountpoint != "/")
        .or(mounts.first())
}

/// Every kind of action that fits a host, with a word for it.
fn actions(host: &Host) -> Vec<(String, Action)> {
    let mut out: Vec<(String, Action)> = Vec::new();
    for filesystem in &host.storage.filesystems {
        let Some(mount) = middle(filesystem) else {
            continue;
        };
        mount_actions(mount, &mut out);
        let everywhere = filesystem
            .mounts
            .iter()
            .map(|m| edit(m, &[], &["noatime", "x-new"]));
        let mounts = everywhere.collect();
        out.push((
            "options everywhere".to_owned(),
            Action::EditMountOptions { mounts },
        ));
        match &filesystem.source {
            StorageSource::Disko(path) => disko_actions(filesystem, path, &mut out),
            StorageSource::FileSystems => {
                let path = names(&["fileSystems", &mount.mountpoint]);
                new_subvolume(&path, &["noatime"], &mut out);
                if mount.subvolume.is_some() {
                    rename(&path, &mut out);
                }
                let subvolume = path;
                out.push(("unmount".to_owned(), Action::UnmountSubvolume { subvolume }));
            }
        }
        for luks in filesystem.luks() {
            let on = luks.allow_discards != Ok(true);
            let (luks, setting) = (luks.path.clone(), LuksSetting::AllowDiscards);
            let arguments = names(&["--sector-size", "4096"]);
            out.push((
                "discards".to_owned(),
                Action::SetLuksSetting {
                    luks: luks.clone(),
                    setting,
                    on,
                },
            ));
            out.push((
                "luks arguments".to_owned(),
                Action::AddLuksFormatArgs { luks, arguments },
            ));
        }
    }
    let (path, value) = (
        names(&["boot", "kernel", "sysctl", "vm.swappiness"]),
        json!(33),
    );
    out.push(("sysctl".to_owned(), Action::SetNixosOption { path, value }));
    for attribute in [
        DirectoryAttribute::NoCow,
        DirectoryAttribute::Compression(Algorithm::Zstd),
    ] {
        let directory = "/var/lib/it".to_owned();
        out.push((
            "directory".to_owned(),
            Action::SetDirectoryAttribute {
                directory,
                attribute,
            },
        ));
    }
    out
}

fn edit(mount: &Mount, remove: &[&str], add: &[&str]) -> MountEdit {
    MountEdit {
        mountpoint: mount.mountpoint.clone(),
        remove: names(remove),
        add: names(add),
    }
}

fn mount_actions(mount: &Mount, out: &mut Vec<(String, Action)>) {
    let mut one = |what: &str, remove: &[&str], add: &[&str]| {
        let mounts = vec![edit(mount, remove, add)];
        out.push((
            format!("{what} {}", mount.mountpoint),
            Action::EditMountOptions { mounts },
        ));
    };
    one("add to", &[], &["x-new"]);
    let Some(written) = mount.options.known() else {
        return;
    };
    let written: Vec<&str> = written.iter().map(|w| w.value.as_str()).collect();
    let plain: Vec<&str> = written
        .into_iter()
        .filter(|w| !w.contains("subvol") && *w != "defaults")
        .collect();
    if let Some(first) = plain.first() {
        one("remove from", &[*first], &[]);
        one("replace in", &[*first], &["x-new=1"]);
    }
    if let Some(last) = plain.get(1..).and_then(<[_]>::last) {
        one("remove last of", &[*last], &[]);
    }
}

fn new_subvolume(path: &[String], options: &[&str], out: &mut Vec<(String, Action)>) {
    out.push((
        "split off".to_owned(),
        Action::SplitSubvolume {
            filesystem: path.to_vec(),
            name: "new".to_owned(),
            mountpoint: "/var/new".to_owned(),
            options: names(options),
        },
    ));
    out.push((
        "swap".to_owned(),
        Action::AddSwapSubvolume {
            filesystem: path.to_vec(),
            name: "newswap".to_owned(),
            mountpoint: "/newswap".to_owned(),
            file: "swapfile".to_owned(),
            size: Bytes(8 << 30),
        },
    ));
}

fn rename(path: &[String], out: &mut Vec<(String, Action)>) {
    let (subvolume, name) = (path.to_vec(), "renamed".to_owned());
    out.push((
        "rename".to_owned(),
        Action::RenameSubvolume { subvolume, name },
    ));
}

fn disko_actions(filesystem: &Filesystem, path: &[String], out: &mut Vec<(String, Action)>) {
    // As its siblings have it, so that what they share may be used.
    let shared = filesystem.subvolumes.first();
    let shared = shared.and_then(|s| s.options.known()).unwrap_or_default();
    let shared: Vec<&str> = shared.iter().map(|o| o.value.as_str()).collect();
    let shared: &[&str] = match shared.as_slice() {
        ["defaults"] => &[],
        shared => shared,
    };
    new_subvolume(path, shared, out);
    for setting in [
        MkfsSetting::DataProfile("raid1".to_owned()),
        MkfsSetting::Checksum("xxhash".to_owned()),
        MkfsSetting::Feature {
            name: "block-group-tree".to_owned(),
            on: true,
        },
        MkfsSetting::Label("my disk".to_owned()),
    ] {
        let filesystem = path.to_vec();
        out.push((
            "mkfs".to_owned(),
            Action::SetMkfs {
                filesystem,
                setting,
            },
        ));
    }
    let mut without_swap = filesystem.subvolumes.iter().filter(|s| s.swap.is_empty());
    if let Some(subvolume) = without_swap.next_back() {
        rename(&subvolume.path, out);
        let subvolume = subvolume.path.clone();
        let merge = Action::MergeSubvolume {
            subvolume: subvolume.clone(),
        };
        out.push(("merge".to_owned(), merge));
        out.push(("unmount".to_owned(), Action::UnmountSubvolume { subvolume }));
    }
}

/// Every leaf with its path; a list is a leaf, and so is an empty set.
fn leaves(value: &Json, path: &mut Vec<String>, out: &mut BTreeMap<Vec<String>, Json>) {
    match value {
        Json::Object(set) if !set.is_empty() => {
            for (name, value) in set {
                path.push(name.clone());
                leaves(value, path, out);
                path.pop();
            }
        }
        _ => drop(out.insert(path.clone(), value.clone())),
    }
}

/// What the real Nix says of a form: `Err` where it does not accept it.
fn real(path: &Path) -> Result<BTreeMap<Vec<String>, Json>, String> {
    let host = path.is_dir().then_some("host");
    let answer = oracle::evaluate(path, host).map_err(|e| e.to_string())?;
    let mut out = BTreeMap::new();
    leaves(&answer["config"], &mut Vec::new(), &mut out);
    Ok(out)
}

/// What disko and NixOS make of what a configuration says; an option that is `null` is not set.
fn is_derived(path: &[String]) -> bool {
    matches!(
        path.first().map(String::as_str),
        Some("fileSystems" | "swapDevices" | "boot")
    )
}

fn sorted(list: &Json) -> Vec<String> {
    let mut texts: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(Json::to_string)
        .collect();
    texts.sort();
    texts
}

/// What one list has more often than another.
fn minus(one: &[String], other: &[String]) -> Vec<String> {
    let mut left = one.to_vec();
    for text in other {
        if let Some(index) = left.iter().position(|l| l == text) {
            left.remove(index);
        }
    }
    left
}

/// Whether the real Nix sees the claimed changes, and no others.
fn confirmed(
    before: &BTreeMap<Vec<String>, Json>,
    after: &BTreeMap<Vec<String>, Json>,
    changes: &[Change],
) -> Result<(), String> {
    let claimed: BTreeSet<&Vec<String>> = changes.iter().map(|c| &c.path).collect();
    let disko = claimed.iter().any(|path| path[0] == "disko")
        || before.keys().any(|path| path[0] == "disko");
    for change in changes {
        // Lists are put together in the order of the modules, which disko's is one of.
        let list = |map: &BTreeMap<Vec<String>, Json>| map.get(&change.path).map(sorted);
        if let (Some(Json::Array(_)), true) = (&change.after, change.path[0] == "fileSystems") {
            let (old, new) = (
                list(before).unwrap_or_default(),
                list(after).unwrap_or_default(),
            );
            let (was, is) = (change.before.as_ref(), change.after.as_ref());
            let (was, is) = (
                was.map(sorted).unwrap_or_default(),
                is.map(sorted).unwrap_or_default(),
            );
            if minus(&new, &old) != minus(&is, &was) || minus(&old, &new) != minus(&was, &is) {
                return Err(format!(
                    "{:?}: {old:?} {new:?}, not {was:?} {is:?}",
                    change.path
                ));
            }
            continue;
        }
        if let Some(wanted) = &change.after
            && after.get(&change.path) != Some(wanted)
        {
            let found = after.get(&change.path);
            return Err(format!("{:?}: {found:?}, not {wanted}", change.path));
        }
        if change.after.is_none()
            && let Some(found) = after.get(&change.path)
            && !found.is_null()
            && before.get(&change.path) == Some(found)
        {
            return Err(format!("{:?} is {found} still", change.path));
        }
    }
    for path in before.keys().chain(after.keys()) {
        let is_claimed = claimed
            .iter()
            .any(|c| path.starts_with(c) || c.starts_with(path));
        if before.get(path) != after.get(path) && !is_claimed && !(disko && is_derived(path)) {
            let (before, after) = (before.get(path), after.get(path));
            return Err(format!("{path:?} changes too: {before:?} {after:?}"));
        }
    }
    Ok(())
}

/// All actions on one form, told as a person would read them.
fn told(form: &Path) -> String {
    let copy = Copy::of(form);
    let project = Rc::new(Project::open(&copy.path).unwrap());
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let (workspace, failed) = Workspace::open(project, sources, &hosts);
    assert!(failed.is_empty(), "{failed:?}");
    let host = &hosts[0];
    let model = workspace.evaluate(host).unwrap().host();
    let before = real(&copy.path).unwrap();
    let mut out = String::new();
    for (what, action) in actions(&model) {
        writeln!(out, "## {what}").unwrap();
        let proven = match workspace.prove(host, std::slice::from_ref(&action)) {
            Ok(proven) => proven,
            Err(stuck) => {
                let at = stuck.at.map(|at| workspace.sources().place(at).to_string());
                let at = at.unwrap_or_default();
                writeln!(out, "stuck: {} {at}\n", stuck.why).unwrap();
                continue;
            }
        };
        let after = written(&copy, &workspace, &proven.workspace);
        let after = after.unwrap_or_else(|e| panic!("{}: {what}: {e}", form.display()));
        if let Err(why) = confirmed(&before, &after, &proven.changes) {
            panic!("{}: {what}: {why}", form.display());
        }
        for file in diff(&workspace, &proven.workspace) {
            let lines = file.text.lines().filter(|l| {
                l.starts_with(['+', '-']) && !l.starts_with("+++") && !l.starts_with("---")
            });
            for line in lines {
                writeln!(out, "{}", line.trim_end()).unwrap();
            }
        }
        out.push('\n');
    }
    out
}

/// What the real Nix says with the edits written; they are taken back afterwards.
fn written(
    copy: &Copy,
    before: &Workspace,
    after: &Workspace,
) -> Result<BTreeMap<Vec<String>, Json>, String> {
    let mut old = Vec::new();
    for id in before.differing(after) {
        let file = before.sources().file(id).unwrap();
        let new = after.sources().file(id).unwrap();
        std::fs::write(file.path(), new.text()).unwrap();
        old.push(file);
    }
    let answer = real(&copy.path);
    for file in old {
        std::fs::write(file.path(), file.text()).unwrap();
    }
    answer
}

/// The forms, files and directories with a flake.
fn forms() -> Vec<PathBuf> {
    let directory = nix::repository().join("tests/nix_forms");
    let mut forms: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    forms.sort();
    forms
}

#[test]
fn every_action_on_every_form_is_what_nix_sees() {
    if !nix::is_there("edits of every form") {
        return;
    }
    let only = std::env::var("FORM").unwrap_or_default();
    let mut failed = Vec::new();
    for form in forms() {
        let name = form.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let told = std::panic::catch_unwind(|| told(&form));
        match told {
            Ok(told) => insta::with_settings!({
                snapshot_path => "lower",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, { insta::assert_snapshot!(name, told) }),
            Err(_) => failed.push(name),
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
