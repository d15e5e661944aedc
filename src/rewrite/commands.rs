//! What to run on the machine, each with its undo. Nothing here is ever run by this program.

use serde_json::Value as Json;

use crate::btrfs::{
    Decided, MountOption, Scope, lookup, parse_options, remount_command_options, whole,
};
use crate::model::{Filesystem, Host, StorageSource};
use crate::recommend::{Action, MountEdit};

/// A shell command for a person to run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Command {
    /// What it is for.
    pub why: String,
    /// The command.
    pub run: String,
    /// What takes it back, if something does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<String>,
}

/// The commands that bring a running system to what actions make of its configuration.
pub fn commands(actions: &[Action], host: &Host) -> Vec<Command> {
    let mut out = Vec::new();
    for action in actions {
        match action {
            Action::EditMountOptions { mounts } => {
                out.extend(mounts.iter().filter_map(|edit| remount(edit, host)));
            }
            Action::SetNixosOption { path, value } => out.extend(sysctl(path, value, host)),
            Action::SplitSubvolume {
                filesystem,
                name,
                mountpoint,
                ..
            } => {
                out.extend(subvolume(filesystem, name, mountpoint, host));
            }
            _ => {}
        }
    }
    out
}

/// A word that a POSIX shell reads as exactly this text.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The remount that does for one mount what a switch will do. Options of the filesystem that
/// another mount decides are taken as they are in force, so that neither the command nor its undo
/// brings in force what was only written.
fn remount(edit: &MountEdit, host: &Host) -> Option<Command> {
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
    let device = &filesystem.device.as_ref().ok()?.value;
    let command = |options: &[String]| {
        let (device, at) = (shell_word(device), shell_word(&edit.mountpoint));
        let options = shell_word(&format!("remount,{}", options.join(",")));
        format!("mount -o {options} -- {device} {at}")
    };
    Some(Command {
        why: format!(
            "what `nixos-rebuild switch` does for {}, by hand",
            edit.mountpoint
        ),
        run: command(&there.options),
        undo: (!back.options.is_empty()).then(|| command(&back.options)),
    })
}

fn sysctl(path: &[String], value: &Json, host: &Host) -> Option<Command> {
    let [boot, kernel, sysctl, key] = path else {
        return None;
    };
    if [boot.as_str(), kernel, sysctl] != ["boot", "kernel", "sysctl"] {
        return None;
    }
    let write = |value: &Json| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("sysctl -w {}", shell_word(&format!("{key}={text}")))
    };
    let before = host
        .settings
        .known(&path.join("."))
        .map(|s| write(&s.value));
    Some(Command {
        why: "the same at once, until the next boot".to_owned(),
        run: write(value),
        undo: before,
    })
}

/// The steps that make a subvolume on an installed machine, where disko does not.
fn subvolume(path: &[String], name: &str, mountpoint: &str, host: &Host) -> Vec<Command> {
    let is_it = |f: &&Filesystem| matches!(&f.source, StorageSource::Disko(own) if own == path);
    let Some(filesystem) = host.storage.filesystems.iter().find(is_it) else {
        return Vec::new();
    };
    let top = "/run/btrfs-tune-top";
    let within = format!("{top}/{}", name.trim_start_matches('/'));
    let aside = format!("{}.before", mountpoint.trim_end_matches('/'));
    let step = |why: &str, run: String, undo: Option<String>| Command {
        why: why.to_owned(),
        run,
        undo,
    };
    let Ok(device) = &filesystem.device else {
        return Vec::new();
    };
    let (device, at) = (shell_word(&device.value), shell_word(mountpoint));
    let (within, aside) = (shell_word(&within), shell_word(&aside));
    vec![
        step(
            "see the top of the filesystem",
            format!("mkdir -p -- {top} && mount -o subvolid=5 -- {device} {top}"),
            Some(format!("umount -- {top}")),
        ),
        step(
            "make the subvolume, and let new files in it not be copied on write",
            format!("btrfs subvolume create -- {within} && chattr +C -- {within}"),
            Some(format!("btrfs subvolume delete -- {within}")),
        ),
        step(
            "with the service stopped, set the old directory aside and copy its files anew",
            format!(
                "mv -- {at} {aside} && mkdir -- {at} && \
                 chmod --reference={aside} -- {within} {at} && \
                 chown --reference={aside} -- {within} {at} && \
                 cp -a --reflink=never -- {aside}/. {within}/"
            ),
            Some(format!("rmdir -- {at} && mv -- {aside} {at}")),
        ),
        step(
            "switch to the new configuration, start the service, and look before deleting the copy",
            "nixos-rebuild switch".to_owned(),
            Some("nixos-rebuild switch --rollback".to_owned()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_one_word() {
        assert_eq!(shell_word("/srv/media"), "/srv/media");
        assert_eq!(shell_word(""), "''");
        for name in ["a b", "$(reboot)", "it's", "-rf", "a\nb", "`x`", "*"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell_word(name))])
                .env_remove("PATH_INFO")
                .output()
                .expect("a shell");
            // printf itself reads a leading dash, which is why commands say `--`.
            if !name.starts_with('-') {
                assert_eq!(String::from_utf8_lossy(&output.stdout), name);
            }
        }
    }
}
