//! Owns: mount options on the running system.

use super::{Command, place, shell_word};
use crate::btrfs::{
    Decided, MountOption, Scope, lookup, parse_options, remount_command_options, whole,
};
use crate::model::Host;
use crate::recommend::{Class, MountEdit};

/// The remount that does for one mount what a switch will do. Options of the filesystem that
/// another mount decides are taken as they are in force, so that neither the command nor its undo
/// brings in force what was only written.
pub(super) fn remount(edit: &MountEdit, host: &Host) -> Option<Command> {
    let (filesystem, mount) = host.storage.mount(&edit.mountpoint)?;
    let specs = filesystem.mount_specs()?;
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
    let Decided::By(decider) = whole(&specs, host.stage1(), &target, &facts).decided else {
        return None;
    };
    let of_filesystem =
        |o: &&MountOption| lookup(&o.name).is_some_and(|spec| spec.scope == Scope::Filesystem);
    let (before, after) = if specs[decider].mountpoint == edit.mountpoint {
        (own, new)
    } else {
        let decided = specs[decider].options.iter().filter(of_filesystem).cloned();
        let private = own.iter().filter(|o| !of_filesystem(o)).cloned();
        let before: Vec<MountOption> = decided.clone().chain(private).collect();
        let said_again = |o: &MountOption| new.iter().any(|n| n.text == o.text);
        let decided = decided.filter(|o| !said_again(o));
        (before, decided.chain(new.iter().cloned()).collect())
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
