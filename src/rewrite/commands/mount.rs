//! Owns: mount options on the running system.

use super::{Command, place, shell_word};
use crate::analyze::facts;
use crate::btrfs::{
    Decided, DeviceFacts, MountOption, MountSpec, Scope, Target, lookup, parse_options,
    remount_command_options, whole,
};
use crate::model::{Filesystem, Host};
use crate::recommend::{Class, MountEdit};

fn is_of_filesystem(option: &MountOption) -> bool {
    lookup(&option.name).is_some_and(|spec| spec.scope == Scope::Filesystem)
}

/// The remounts that do for the mounts of an action what a switch will do, in their order.
pub(super) fn remounts(edits: &[MountEdit], host: &Host) -> Vec<Command> {
    let commands = (0..edits.len()).filter_map(|index| remount(edits, index, host));
    commands.collect()
}

/// The remount that does for one mount what a switch will do, when those before it are done.
/// Options of the filesystem that another mount decides are taken as they are in force, so that
/// neither the command nor its undo brings in force what was only written.
fn remount(edits: &[MountEdit], index: usize, host: &Host) -> Option<Command> {
    let (done, edit) = (&edits[..index], edits.get(index)?);
    let (filesystem, mount) = host.storage.mount(&edit.mountpoint)?;
    let mut specs = filesystem.mount_specs()?;
    for spec in &mut specs {
        let done = done.iter().find(|e| e.mountpoint == spec.mountpoint);
        if let (Some(done), Some(mount)) = (done, filesystem.mount(&spec.mountpoint)) {
            spec.options = parse_options(&mount.options_after(&done.remove, &done.add)?);
        }
    }
    let own: Vec<String> = mount
        .options
        .known()?
        .iter()
        .map(|o| o.value.clone())
        .collect();
    let (own, new) = (
        parse_options(&own),
        mount.options_after(&edit.remove, &edit.add)?,
    );
    let new = parse_options(&new);
    let (facts, target) = (host.device_facts(filesystem), host.target());
    let private = |options: &[MountOption]| -> Vec<MountOption> {
        let private = options.iter().filter(|o| !is_of_filesystem(o));
        private.cloned().collect()
    };
    let merged = |decided: Vec<MountOption>, goes: &dyn Fn(&MountOption) -> bool| {
        let before = [decided.clone(), private(&own)].concat();
        let said_again = |o: &MountOption| new.iter().any(|n| n.text == o.text);
        let mut after = decided;
        after.retain(|o| !said_again(o) && !goes(o));
        after.extend(new.iter().cloned());
        (before, after)
    };
    let (before, after) = match whole(&specs, host.stage1(), &target, &facts).decided {
        Decided::By(decider) if specs[decider].mountpoint == edit.mountpoint => (own, new),
        Decided::By(decider) => {
            let decided = specs[decider].options.iter();
            merged(
                decided.filter(|o| is_of_filesystem(o)).cloned().collect(),
                &|_| false,
            )
        }
        _ => match in_force(host, filesystem, &target, &facts) {
            // No mount decides by itself: an option goes when the last one that asks for it does.
            Some(mut decided) => {
                let asked = asked_after(&specs, edits);
                let last = |o: &MountOption| !asked.contains(&o.text);
                let goes_with = |e: &MountEdit, o: &MountOption| e.remove.contains(&o.text);
                // What nobody asks for any more went with an earlier change.
                decided.retain(|o| {
                    specs
                        .iter()
                        .flat_map(|s| &s.options)
                        .any(|s| s.name == o.name)
                        && !(last(o) && done.iter().any(|e| goes_with(e, o)))
                });
                merged(decided, &|o| last(o) && goes_with(edit, o))
            }
            // What is in force is not known; what belongs to the mount alone is.
            None => {
                let changed = own.iter().filter(|o| !new.iter().any(|n| n.text == o.text));
                let changed =
                    changed.chain(new.iter().filter(|n| !own.iter().any(|o| o.text == n.text)));
                if changed.clone().any(is_of_filesystem) {
                    return None;
                }
                (private(&own), private(&new))
            }
        },
    };
    let there = remount_command_options(&before, &after, &target, &facts);
    let back = remount_command_options(&after, &before, &target, &facts);
    if there.options.is_empty() {
        return None;
    }
    let device = place::device(filesystem)?;
    let command = |options: &[String]| {
        let at = shell_word(&edit.mountpoint);
        let options = shell_word(&format!("remount,{}", options.join(",")));
        format!("mount -o {options} -- {device} {at}")
    };
    let why = format!(
        "what `nixos-rebuild switch` does for {}, by hand",
        edit.mountpoint
    );
    let step = Command::new(Class::Live, why, command(&there.options))
        .requires_all(&place::is_filesystem(filesystem, mount)?)
        // What is not mounted has nothing to be remounted; the switch mounts it.
        .done(place::is_no_mount(&edit.mountpoint));
    Some(match back.options.is_empty() {
        true => step,
        false => step.undo(command(&back.options)),
    })
}

/// The options of a filesystem that its running system shows; those that come by themselves left out.
fn in_force(
    host: &Host,
    filesystem: &Filesystem,
    target: &Target,
    device: &DeviceFacts,
) -> Option<Vec<MountOption>> {
    let entry = *facts::running(host, filesystem).first()?;
    let by_itself = crate::btrfs::effective(&[], target, device).shown_fs;
    let comes_by_itself = |o: &MountOption| {
        by_itself.contains(&o.text)
            || matches!(
                o.name.as_str(),
                "rw" | "ro" | "ssd" | "discard" | "space_cache" | "subvol" | "subvolid"
            )
    };
    let mut options = parse_options(&entry.super_options);
    options.retain(|o| is_of_filesystem(o) && !comes_by_itself(o));
    Some(options)
}

/// What the mounts ask for after an action's edits.
fn asked_after(specs: &[MountSpec], edits: &[MountEdit]) -> Vec<String> {
    let mut asked = Vec::new();
    for spec in specs {
        let edit = edits.iter().find(|e| e.mountpoint == spec.mountpoint);
        let stays = spec.options.iter().map(|o| &o.text);
        asked.extend(
            stays
                .filter(|o| !edit.is_some_and(|e| e.remove.contains(o)))
                .cloned(),
        );
        asked.extend(edit.iter().flat_map(|e| e.add.clone()));
    }
    asked
}
