//! Owns: subvolumes that come, go and change their names while the system runs.

use super::place::{self, at_top, in_top, is_no_mount, is_subvolume};
use super::quote::raw;
use super::{Command, shell_word};
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::recommend::Class;
use crate::recommend::action::{filesystem_at, subvolume_at};

/// Makes a subvolume where nothing has its name, and takes it back while it is empty.
pub(super) fn create(
    filesystem: &Filesystem,
    name: &str,
    then: &str,
    host: &Host,
) -> Option<Command> {
    let name = place::within(name)?;
    let device = place::device(filesystem)?;
    let there = in_top(name);
    let parent = match name.rsplit_once('/') {
        Some((parent, _)) => format!("mkdir -p -- {} && ", in_top(parent)),
        None => String::new(),
    };
    let make = format!("{parent}test ! -e {there} && btrfs subvolume create -- {there}{then}");
    // rmdir takes a subvolume only while it is empty (since Linux 4.18; tried on 6.18.44).
    let step = Command::new(
        Class::Live,
        format!("make the subvolume {name}, since disko makes subvolumes only when it formats"),
        at_top(&device, &make),
    )
    .undo(at_top(&device, &format!("rmdir -- {there}")))
    .done(at_top(&device, &is_subvolume(&there)))
    .verify(at_top(&device, &is_subvolume(&there)))
    .requires_all(&place::checks(filesystem, host)?)
    .requires(
        at_top(
            &device,
            &format!("{{ test ! -e {there} || {}; }}", is_subvolume(&there)),
        ),
        format!("{name} is the name of something that is no subvolume"),
    );
    Some(step)
}

pub(super) fn add(path: &[String], name: &str, host: &Host) -> Option<Vec<Command>> {
    Some(vec![create(filesystem_at(path, host)?, name, "", host)?])
}

pub(super) fn rename(path: &[String], name: &str, host: &Host) -> Option<Vec<Command>> {
    let (filesystem, subvolume) = subvolume_at(path, host)?;
    let (old, new) = (place::within(&subvolume.name)?, place::within(name)?);
    let device = place::device(filesystem)?;
    let (from, to) = (in_top(old), in_top(new));
    // mv -T never moves into a directory of that name (GNU coreutils).
    let moved = |from: &str, to: &str| {
        let body = format!("test ! -e {to} && mv -T -- {from} {to}");
        at_top(&device, &body)
    };
    let is_done = format!("test ! -e {from} && {}", is_subvolume(&to));
    let mut step = Command::new(
        Class::Live,
        format!(
            "give the subvolume {old} its new name {new}, right after the switch: the next boot \
             looks for it, and older generations in the boot menu look for the old one"
        ),
        moved(&from, &to),
    )
    .undo(moved(&to, &from))
    .done(at_top(&device, &is_done))
    .verify(at_top(&device, &is_done))
    .requires_all(&place::checks(filesystem, host)?)
    .requires(
        at_top(
            &device,
            &format!("{{ {} || {{ {is_done}; }}; }}", is_subvolume(&from)),
        ),
        format!("there is no subvolume {old}"),
    );
    let mounted = filesystem
        .mounts
        .iter()
        .any(|m| m.subvolume.as_deref().and_then(place::within) == Some(old));
    if mounted {
        step = step.after_switch(in_fstab(new));
    }
    Some(vec![step])
}

/// Whether the fstab in force names a subvolume; NixOS writes spaces and tabs as octal numbers
/// (`nixos/modules/tasks/filesystems.nix`, `escape`).
fn in_fstab(name: &str) -> String {
    let escaped = name.replace(' ', "\\040").replace('\t', "\\011");
    let word = |text: String| shell_word(&text);
    format!(
        "grep -qF -e {} -e {} /etc/fstab",
        word(format!("subvol={escaped}")),
        word(format!("subvol=/{escaped}")),
    )
}

pub(super) fn unmount(path: &[String], host: &Host) -> Option<Vec<Command>> {
    let (filesystem, subvolume) = subvolume_at(path, host)?;
    let mountpoint = subvolume.mountpoint.as_ref().ok()?.as_deref()?;
    let mountpoint = place::absolute(mountpoint)?;
    // The running system cannot do without it: only the next boot leaves it out.
    if crate::btrfs::whole::MOUNTED_IN_INITRD.contains(&mountpoint) {
        return None;
    }
    let mount = filesystem.mount(mountpoint)?;
    let options: Vec<&str> = mount
        .options
        .known()?
        .iter()
        .map(|o| o.value.as_str())
        .collect();
    let (device, at) = (place::device(filesystem)?, shell_word(mountpoint));
    let options = shell_word(&options.join(","));
    let step = Command::new(
        Class::Live,
        format!("unmount {mountpoint}, as the switch does; it stays while files on it are in use"),
        format!("umount -- {at}"),
    )
    .undo(format!("mount -t btrfs -o {options} -- {device} {at}"))
    .done(is_no_mount(mountpoint))
    .verify(is_no_mount(mountpoint))
    .requires_all(&place::is_filesystem(filesystem, mount)?);
    Some(vec![step])
}

pub(super) fn add_swap(
    path: &[String],
    name: &str,
    mountpoint: &str,
    file: &str,
    size: Bytes,
    host: &Host,
) -> Option<Vec<Command>> {
    let filesystem = filesystem_at(path, host)?;
    let (name, file) = (place::within(name)?, place::within(file)?);
    let mountpoint = place::absolute(mountpoint)?;
    let device = place::device(filesystem)?;
    let reached = place::reached_at(filesystem, host)?;
    let top_file = in_top(&format!("{name}/{file}"));
    let bytes = size.0;
    // mkswapfile: btrfs-progs 6.1; by hand an empty file gets +C before it gets blocks, since a swap
    // file may have no holes and no copy-on-write (measured on 6.18.44).
    let make = format!(
        "test ! -e {top_file} && \
         if btrfs filesystem mkswapfile --help >/dev/null 2>&1; \
         then btrfs filesystem mkswapfile --size {bytes} -- {top_file}; \
         else truncate -s 0 -- {top_file} && chattr +C -- {top_file} && \
         chmod 600 -- {top_file} && fallocate -l {bytes} -- {top_file} && \
         mkswap -- {top_file}; fi"
    );
    let is_there = at_top(
        &device,
        &format!("test \"$(stat -c %s -- {top_file} 2>/dev/null)\" = {bytes}"),
    );
    let at = shell_word(mountpoint);
    let path = format!("{}/{file}", mountpoint.trim_end_matches('/'));
    let swap = shell_word(&path);
    let active = format!(
        "LC_ALL=C swapon --show=NAME --noheadings --raw | grep -qxF -e {}",
        shell_word(&raw(&path))
    );
    let subvolume = shell_word(&format!("subvol=/{name}"));
    let reached_at = shell_word(&reached.mountpoint);
    Some(vec![
        create(filesystem, name, "", host)?,
        Command::new(
            Class::Live,
            format!("make the swap file {file} of {size} in it"),
            at_top(&device, &make),
        )
        .undo(at_top(&device, &format!("rm -f -- {top_file}")))
        .done(is_there.clone())
        .verify(is_there)
        .requires(
            format!("btrfs filesystem df -- {reached_at} | grep -q '^Data, single'"),
            "a swap file needs the data profile single, which this filesystem has not",
        ),
        Command::new(
            Class::Live,
            format!("mount {mountpoint} and turn the swap on, as the switch does"),
            format!(
                "if {}; then mkdir -p -- {at} && mount -t btrfs -o {subvolume} -- {device} {at}; \
                 fi && swapon -- {swap}",
                is_no_mount(mountpoint)
            ),
        )
        .undo(format!("swapoff -- {swap} && umount -- {at}"))
        .done(active.clone())
        .verify(active),
    ])
}
