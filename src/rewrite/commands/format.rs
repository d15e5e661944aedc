//! Owns: what `mkfs.btrfs` decided, changed later: profiles, label, features. What nothing changes is
//! a matter of installing anew.

use super::install;
use super::place;
use super::{Command, shell_word};
use crate::btrfs::{MkfsArgs, Profile};
use crate::model::{Filesystem, Host};
use crate::recommend::action::{FeatureChange, feature_change, filesystem_at, holds_the_system};
use crate::recommend::{Class, MkfsSetting};

pub(super) fn set(path: &[String], setting: &MkfsSetting, host: &Host) -> Option<Vec<Command>> {
    let filesystem = filesystem_at(path, host)?;
    match setting {
        MkfsSetting::DataProfile(name) => {
            convert(filesystem, host, Kind::Data, Profile::from_name(name)?)
        }
        MkfsSetting::MetadataProfile(name) => {
            convert(filesystem, host, Kind::Metadata, Profile::from_name(name)?)
        }
        MkfsSetting::Label(label) => relabel(filesystem, host, label),
        MkfsSetting::Feature { name, on } => {
            match (feature_change(name, *on), feature_change(name, !*on)) {
                (FeatureChange::Tune(option), back) => tune(filesystem, host, name, option, back),
                (FeatureChange::Mount(options), back) => {
                    remake_by_mount(filesystem, host, name, options, back)
                }
                (FeatureChange::Btrfs(words), back) => {
                    by_btrfs(filesystem, host, name, words, back)
                }
                (FeatureChange::Mkfs, _) => Some(install::filesystem(filesystem, host)),
            }
        }
        MkfsSetting::Checksum(_) | MkfsSetting::NodesizeBytes(_) => {
            Some(install::filesystem(filesystem, host))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Metadata,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Data => "Data",
            Kind::Metadata => "Metadata",
        }
    }

    fn filter(self) -> &'static str {
        match self {
            Kind::Data => "-dconvert",
            Kind::Metadata => "-mconvert",
        }
    }
}

/// A balance into another profile (btrfs-balance(8)). `soft` leaves alone what has it already; with
/// `-m` the system block groups follow.
fn convert(
    filesystem: &Filesystem,
    host: &Host,
    kind: Kind,
    profile: Profile,
) -> Option<Vec<Command>> {
    let mount = place::reached_at(filesystem, host)?;
    let at = shell_word(&mount.mountpoint);
    let now = format!(
        "btrfs filesystem df -- {at} | sed -n 's/^{}, \\([^:]*\\):.*/\\1/p'",
        kind.name()
    );
    let is_whole = format!(
        "test \"$({now} | tr '[:upper:]' '[:lower:]' | sort -u)\" = {}",
        profile.name()
    );
    let devices = profile.min_devices();
    let filter = kind.filter();
    // Fewer copies of metadata are made only if asked for by force (btrfs-balance(8)).
    let before = MkfsArgs::parse(&words(filesystem));
    let known = filesystem.mkfs_args.known().is_some();
    let number = filesystem.disks.len().max(1);
    let was = match kind {
        Kind::Data => before.data_profile(number),
        Kind::Metadata => before.metadata_profile(number),
    };
    let force = |from: Profile, to: Profile| {
        let fewer = to.tolerated_losses() < from.tolerated_losses() || to.copies() < from.copies();
        let less = kind == Kind::Metadata && known && fewer;
        if less { "-f " } else { "" }
    };
    let (there, back) = (force(was, profile), force(profile, was));
    let step = Command::new(
        Class::Migrate,
        format!(
            "rewrite the {} of {} as {profile}, while it stays mounted; `btrfs balance status` \
             shows how far it is, `btrfs balance cancel` stops it between two block groups",
            kind.name().to_lowercase(),
            mount.mountpoint
        ),
        format!("btrfs balance start {there}{filter}={profile},soft -- {at}"),
    )
    .remember(format!("{now} | tr '[:upper:]' '[:lower:]' | head -n 1"))
    .undo(format!(
        "btrfs balance start {back}{filter}=\"$remembered\",soft -- {at}"
    ))
    .done(is_whole.clone())
    .verify(is_whole)
    .requires_all(&place::checks(filesystem, host)?)
    .requires(
        format!(
            "test \"$(btrfs filesystem show -- {at} | grep -c '^[[:space:]]*devid')\" -ge {devices}"
        ),
        format!("{profile} needs {devices} devices, and the filesystem has fewer"),
    )
    .requires(
        format!("btrfs balance status -- {at} >/dev/null 2>&1"),
        "a balance runs already, or is paused",
    );
    Some(vec![step])
}

fn words(filesystem: &Filesystem) -> Vec<&str> {
    let elements = filesystem.mkfs_args.known().unwrap_or_default();
    elements.iter().map(|e| e.value.as_str()).collect()
}

fn relabel(filesystem: &Filesystem, host: &Host, label: &str) -> Option<Vec<Command>> {
    // mkfs.btrfs(8): shorter than 256 bytes, and no line end.
    if label.len() > 255 || label.contains('\n') || label.contains('\0') {
        return None;
    }
    let mount = place::reached_at(filesystem, host)?;
    let (at, word) = (shell_word(&mount.mountpoint), shell_word(label));
    let step = Command::new(
        Class::Live,
        format!("give the filesystem of {} its label", mount.mountpoint),
        format!("btrfs filesystem label -- {at} {word}"),
    )
    .remember(format!("btrfs filesystem label -- {at}"))
    .undo(format!("btrfs filesystem label -- {at} \"$remembered\""))
    .done(format!(
        "test \"$(btrfs filesystem label -- {at})\" = {word}"
    ))
    .verify(format!(
        "test \"$(btrfs filesystem label -- {at})\" = {word}"
    ))
    .requires_all(&place::checks(filesystem, host)?);
    Some(vec![step])
}

fn by_btrfs(
    filesystem: &Filesystem,
    host: &Host,
    feature: &str,
    words: &str,
    back: FeatureChange,
) -> Option<Vec<Command>> {
    let at = shell_word(&place::reached_at(filesystem, host)?.mountpoint);
    let run = |words: &str| format!("btrfs {words} -- {at}");
    let mut step = Command::new(Class::Live, format!("change {feature}"), run(words))
        .requires_all(&place::checks(filesystem, host)?);
    if let FeatureChange::Btrfs(words) = back {
        step = step.undo(run(words));
    }
    Some(vec![step])
}

/// The filesystem out of use: by unmounting it, or by booting another system.
fn out_of_use(filesystem: &Filesystem) -> Option<Command> {
    let device = place::device(filesystem)?;
    let free = format!("test -z \"$(findmnt -nro TARGET --source {device})\"");
    if holds_the_system(filesystem) {
        // A rescue system has another name and other mounts; nothing of it can be checked ahead.
        return Some(
            Command::new(
                Class::Migrate,
                "boot a rescue system, such as the NixOS installer, open what lies below the \
                 filesystem (LUKS, LVM), and leave it unmounted; the next steps are for there",
                "systemctl reboot",
            )
            .stops("the whole machine, until it boots from its own disk again")
            .undo("systemctl reboot")
            .verify(free),
        );
    }
    // The deepest first.
    let mut mounts: Vec<&str> = filesystem
        .mounts
        .iter()
        .filter_map(|m| place::absolute(&m.mountpoint))
        .collect();
    mounts.sort_by_key(|m| std::cmp::Reverse(m.len()));
    let words: Vec<String> = mounts.iter().map(|m| shell_word(m)).collect();
    let back: Vec<String> = words
        .iter()
        .rev()
        .map(|w| format!("mount -- {w}"))
        .collect();
    Some(
        Command::new(
            Class::Migrate,
            "stop what uses the filesystem, and unmount all of it",
            format!("umount -- {}", words.join(" ")),
        )
        .stops(format!("everything on {}", mounts.join(", ")))
        .undo(back.join(" && "))
        .done(free.clone())
        .verify(free),
    )
}

/// The filesystem in use again.
fn in_use(filesystem: &Filesystem, host: &Host) -> Option<Command> {
    let mount = place::reached_at(filesystem, host)?;
    let mounted = place::is_mounted(&mount.mountpoint, mount.subvolume.as_deref());
    if holds_the_system(filesystem) {
        return Some(
            Command::new(
                Class::Migrate,
                "boot the machine from its own disk",
                "systemctl reboot",
            )
            .verify(mounted),
        );
    }
    let mut mounts: Vec<&str> = filesystem
        .mounts
        .iter()
        .filter_map(|m| place::absolute(&m.mountpoint))
        .collect();
    mounts.sort_by_key(|m| m.len());
    let all: Vec<String> = mounts
        .iter()
        .map(|m| format!("mount -- {}", shell_word(m)))
        .collect();
    Some(
        Command::new(
            Class::Migrate,
            "mount it again, and start what uses it",
            all.join(" && "),
        )
        .verify(mounted),
    )
}

fn tune(
    filesystem: &Filesystem,
    host: &Host,
    feature: &str,
    option: &str,
    back: FeatureChange,
) -> Option<Vec<Command>> {
    let device = place::device(filesystem)?;
    let run = |option: &str| format!("btrfstune {option} {device}");
    let flag = feature.to_ascii_lowercase().replace('-', "_");
    let mut step = Command::new(
        Class::Migrate,
        format!("convert {feature}; do not cut the power meanwhile"),
        run(option),
    )
    .verify(format!(
        "btrfs inspect-internal dump-super -- {device} | grep -qi {}",
        shell_word(&flag)
    ))
    .requires(
        "command -v btrfstune >/dev/null",
        "btrfstune of btrfs-progs is not there",
    );
    if option.contains("from") || option.contains("remove") {
        step.verify = step.verify.map(|test| format!("! {{ {test}; }}"));
    }
    step = match back {
        FeatureChange::Tune(option) => step.undo(run(option)),
        _ => step.irreversible(),
    };
    let check = Command::new(
        Class::Migrate,
        "check the filesystem first: what is broken is not converted",
        format!("btrfs check --readonly -- {device}"),
    );
    let mut steps = vec![install::backup_exists(filesystem)];
    steps.extend([
        out_of_use(filesystem)?,
        check,
        step,
        in_use(filesystem, host)?,
    ]);
    Some(steps)
}

fn remake_by_mount(
    filesystem: &Filesystem,
    host: &Host,
    feature: &str,
    options: &str,
    back: FeatureChange,
) -> Option<Vec<Command>> {
    let device = place::device(filesystem)?;
    let mount = |options: &str| {
        format!(
            "(top=$(mktemp -d /run/btrfs-tune.XXXXXX) && \
             mount -t btrfs -o {options} -- {device} \"$top\" && umount -- \"$top\" && \
             rmdir -- \"$top\")"
        )
    };
    let mut step = Command::new(
        Class::Migrate,
        format!("convert {feature} by one mount"),
        mount(options),
    );
    if let FeatureChange::Tune(option) = back {
        step = step.undo(format!("btrfstune {option} {device}"));
    }
    let mut steps = vec![install::backup_exists(filesystem)];
    steps.extend([out_of_use(filesystem)?, step, in_use(filesystem, host)?]);
    Some(steps)
}
