//! Owns: what only a new mkfs, a new header or a new partition table gives: the machine is installed
//! anew from a backup that was checked.

use super::place::{self, at_top, in_top};
use super::{Command, shell_word};
use crate::model::{Filesystem, Host};
use crate::recommend::Class;

/// Where the steps expect the backup: a medium that is not formatted by what follows.
const BACKUP: &str = "/mnt/backup";

/// The question that comes before everything that rewrites.
pub(super) fn backup_exists(filesystem: &Filesystem) -> Command {
    Command::new(
        Class::Migrate,
        format!(
            "have a backup of {} that was read back, on another disk. Go on only if you could lose \
             this filesystem now",
            filesystem.name()
        ),
        ":",
    )
}

pub(super) fn filesystem(filesystem: &Filesystem, host: &Host) -> Vec<Command> {
    anew(&[filesystem], host)
}

pub(super) fn luks(path: &[String], host: &Host) -> Vec<Command> {
    let holds = |f: &&Filesystem| f.luks().any(|l| l.path == path);
    let filesystems: Vec<&Filesystem> = host.storage.filesystems.iter().filter(holds).collect();
    anew(&filesystems, host)
}

fn anew(filesystems: &[&Filesystem], host: &Host) -> Vec<Command> {
    let step = |why: String, run: String| Command::new(Class::Reinstall, why, run);
    let mut steps = vec![
        step(
            format!("mount the medium for the backup at {BACKUP}; it must not be a disk that disko formats"),
            format!("mkdir -p -- {BACKUP} && findmnt {BACKUP}"),
        )
        .verify(format!("mountpoint -q -- {BACKUP}")),
    ];
    let mut saved = Vec::new();
    for filesystem in filesystems {
        let Some(device) = place::device(filesystem) else {
            continue;
        };
        for subvolume in &filesystem.subvolumes {
            let Some(name) = place::within(&subvolume.name) else {
                continue;
            };
            // A swap file has nothing to be kept, and an active one cannot be snapshotted.
            if !subvolume.swap.is_empty() {
                continue;
            }
            let flat: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            let number = saved.len() + 1;
            let snapshot = format!("btrfs-tune-backup-{number}-{flat}");
            let file = format!("{BACKUP}/{number}-{flat}.btrfs");
            let (there, snapshot) = (in_top(name), in_top(&snapshot));
            steps.push(
                step(
                    format!("back up the subvolume {name}"),
                    at_top(
                        &device,
                        &format!(
                            "btrfs subvolume snapshot -r -- {there} {snapshot} && \
                             btrfs send -f {file}.part -- {snapshot} && mv -- {file}.part {file}"
                        ),
                    ),
                )
                .undo(format!(
                    "{} && rm -f -- {file}",
                    at_top(&device, &format!("btrfs subvolume delete -- {snapshot}"))
                ))
                .done(format!("test -s {file}"))
                // receive --dump reads every command of the stream and its checksum.
                .verify(format!("btrfs receive --dump -f {file} >/dev/null"))
                .requires_all(&place::checks(filesystem, host).unwrap_or_default()),
            );
            saved.push((device.clone(), name.to_owned(), file, number, flat));
        }
    }
    steps.push(
        step(
            "copy what else is on these disks: the ESP, LUKS headers, keys, other filesystems; and \
             keep this repository somewhere else. Then boot the NixOS installer"
                .to_owned(),
            "systemctl reboot".to_owned(),
        )
        .undo("systemctl reboot")
        .stops("the whole machine, until the last step"),
    );
    steps.push(
        step(
            format!(
                "in the installer, with the edited configuration: let disko erase the disks of {} \
                 and make everything anew. Look at the names of the disks twice. There is no way \
                 back behind this step but the backup",
                host.name
            ),
            format!(
                "disko --mode destroy,format,mount --flake {}",
                shell_word(&format!(".#{}", host.name))
            ),
        )
        .requires(
            format!("test -d {BACKUP} && mountpoint -q -- {BACKUP}"),
            format!("the backup is not mounted at {BACKUP}"),
        )
        .verify("findmnt --mountpoint /mnt")
        .irreversible(),
    );
    for (device, name, file, number, flat) in &saved {
        let received = format!("btrfs-tune-backup-{number}-{flat}");
        let (from, into) = (in_top(&received), in_top(name));
        steps.push(
            step(
                format!("put the data back into {name}"),
                at_top(
                    device,
                    &format!(
                        "btrfs receive -f {file} -- \"$top\" && \
                         cp -a --reflink=auto -- {from}/. {into}/ && \
                         btrfs subvolume delete -- {from}"
                    ),
                ),
            )
            .requires(format!("test -s {file}"), format!("there is no {file}")),
        );
    }
    steps.push(
        step(
            "install the boot loader and the system, and reboot".to_owned(),
            format!(
                "nixos-install --no-root-password --flake {}",
                shell_word(&format!(".#{}", host.name))
            ),
        )
        .verify("test -e /mnt/nix/var/nix/profiles/system"),
    );
    steps
}
