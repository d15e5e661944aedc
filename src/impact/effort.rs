//! Owns: what a change asks of people and machine, by its class.

use super::device::{self, Devices};
use super::{Effort, Interval};
use crate::analyze::facts;
use crate::btrfs::Profile;
use crate::model::metrics::BlockGroupKind;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::recommend::action::{filesystem_at, subvolume_at};
use crate::recommend::{Action, Class, DirectoryAttribute, MkfsSetting};

/// What the actions of a class ask on a host. Times are of the machine's own copying, at the speed
/// of its class of device; where no source knows that, there is no time.
pub fn effort(class: Class, actions: &[Action], host: &Host) -> Effort {
    match class {
        Class::Live => Effort {
            steps: "one `nixos-rebuild switch`; nothing stops".to_owned(),
            ..Effort::default()
        },
        Class::Reboot => Effort {
            steps: "one `nixos-rebuild boot`, then a reboot".to_owned(),
            downtime: true,
            ..Effort::default()
        },
        Class::Migrate => migrate(actions, host),
        Class::Reinstall => reinstall(actions, host),
    }
}

/// Data that a migration handles.
struct Work<'a> {
    /// What it is, for the steps.
    step: String,
    /// How much it is, with its source; else why that is not known.
    bytes: Result<(Bytes, String), String>,
    /// The filesystem that it lies on.
    filesystem: Option<&'a Filesystem>,
    /// How often it is read or written, and how many whole copies of it come to be meanwhile.
    passes: f64,
    copies: u64,
    /// Whether something is out of service meanwhile.
    downtime: bool,
}

/// What the actions move or rewrite.
fn works<'h>(actions: &[Action], host: &'h Host) -> Vec<Work<'h>> {
    let mut works = Vec::new();
    let mut directories: Vec<&str> = Vec::new();
    for action in actions {
        match action {
            // A new subvolume that is also made +C is filled once.
            Action::SetDirectoryAttribute {
                directory,
                attribute: DirectoryAttribute::NoCow,
            } if !directories.contains(&directory.as_str()) => {
                directories.push(directory);
                works.push(rewritten(directory, host));
            }
            Action::SplitSubvolume { mountpoint, .. } => {
                let no_cow = actions.iter().any(|a| {
                    matches!(a, Action::SetDirectoryAttribute { directory, attribute: DirectoryAttribute::NoCow }
                        if directory == mountpoint)
                });
                if !no_cow {
                    works.push(shared(mountpoint, "a subvolume of its own", host));
                } else if !directories.contains(&mountpoint.as_str()) {
                    directories.push(mountpoint);
                    works.push(rewritten(mountpoint, host));
                }
            }
            Action::MergeSubvolume { subvolume } => {
                let found = subvolume_at(subvolume, host)
                    .and_then(|(_, s)| s.mountpoint.as_ref().ok()?.as_deref());
                works.extend(
                    found.map(|at| shared(at, "the directory below its mount point", host)),
                );
            }
            Action::SetMkfs {
                filesystem,
                setting,
            } => works.extend(
                filesystem_at(filesystem, host).map(|found| converted(found, setting, host)),
            ),
            Action::SetNixosOption { path, .. } => works.push(Work {
                step: format!("what {} says is moved or made again", path.join(".")),
                bytes: Err(format!(
                    "how much {} concerns was not measured",
                    path.join(".")
                )),
                filesystem: None,
                passes: 2.0,
                copies: 1,
                downtime: true,
            }),
            _ => {}
        }
    }
    works
}

/// How much a directory holds; what its filesystem holds is the most that it can be.
fn held<'h>(
    directory: &str,
    host: &'h Host,
) -> (Result<(Bytes, String), String>, Option<&'h Filesystem>) {
    let holder = host
        .storage
        .holding(&facts::real_path(host, directory))
        .map(|(f, _)| f);
    let bytes = bytes_below(directory, host).ok_or_else(|| {
        let most = holder.and_then(|f| used(f, host));
        let most = most.map_or(String::new(), |(bytes, source)| {
            format!(", at most the {bytes} that the filesystem holds ({source})")
        });
        format!("how much {directory} holds was not measured{most}")
    });
    (bytes, holder)
}

/// A directory whose files are written anew.
fn rewritten<'h>(directory: &str, host: &'h Host) -> Work<'h> {
    let (bytes, filesystem) = held(directory, host);
    Work {
        step: format!(
            "stop what uses {directory}, copy it without reflinks, check the copy, put it in place"
        ),
        bytes,
        filesystem,
        passes: 2.0,
        copies: 1,
        downtime: true,
    }
}

/// A directory whose files find another place on the same filesystem: reflinked (measured: 100 MiB
/// took no byte), then read twice to be compared.
fn shared<'h>(directory: &str, place: &str, host: &'h Host) -> Work<'h> {
    let (bytes, filesystem) = held(directory, host);
    Work {
        step: format!(
            "stop what uses {directory}, give its files to {place} with reflinks, compare, switch"
        ),
        bytes,
        filesystem,
        passes: 2.0,
        copies: 0,
        downtime: true,
    }
}

/// A filesystem that is converted.
fn converted<'h>(filesystem: &'h Filesystem, setting: &MkfsSetting, host: &'h Host) -> Work<'h> {
    let name = filesystem.name();
    let of_kind = |kind: BlockGroupKind, what: &str| {
        let usage = facts::usage(host, filesystem);
        usage
            .and_then(|usage| Some((usage.of_kind(kind)?.1, usage.source.to_string())))
            .ok_or_else(|| format!("how much {what} {name} holds was not measured"))
    };
    let profile = |text: &str| Profile::from_name(text).map_or(1, Profile::copies);
    let work = |what: &str, bytes, copies: u8| Work {
        step: format!("convert the {what} of {name} by a balance, while it is in use"),
        bytes,
        filesystem: Some(filesystem),
        // Every block is read once and written in all its copies.
        passes: 1.0 + f64::from(copies),
        copies: u64::from(copies),
        downtime: false,
    };
    match setting {
        MkfsSetting::DataProfile(text) => {
            work("data", of_kind(BlockGroupKind::Data, "data"), profile(text))
        }
        MkfsSetting::MetadataProfile(text) => {
            let bytes = of_kind(BlockGroupKind::Metadata, "metadata");
            work("metadata", bytes, profile(text))
        }
        _ => Work {
            step: format!("take {name} out of use, convert it, check it, mount it again"),
            bytes: Err("how long the conversion takes, no source tells".to_owned()),
            filesystem: Some(filesystem),
            passes: 0.0,
            copies: 0,
            downtime: true,
        },
    }
}

/// Bytes below a directory, with the metrics that tell: only what was counted there itself, since
/// `df` shows the whole filesystem for every subvolume.
fn bytes_below(directory: &str, host: &Host) -> Option<(Bytes, String)> {
    let directory = facts::real_path(host, directory);
    let counted = host.metrics.compression.iter().find(|c| {
        c.path
            .as_deref()
            .is_some_and(|p| p.trim_end_matches('/') == directory)
    })?;
    let bytes = counted
        .rows
        .iter()
        .fold(0u64, |sum, row| sum.saturating_add(row.referenced.0));
    Some((Bytes(bytes), counted.source.to_string()))
}

fn used(filesystem: &Filesystem, host: &Host) -> Option<(Bytes, String)> {
    let space = facts::space(host, filesystem)?;
    Some((space.used?, space.source.to_string()))
}

/// Seconds to read and write so many bytes on the same device.
fn copy_seconds(bytes: Bytes, devices: &Devices) -> Option<Interval> {
    pass_seconds(bytes, 2.0, devices)
}

/// Seconds to go over so many bytes so many times.
fn pass_seconds(bytes: Bytes, passes: f64, devices: &Devices) -> Option<Interval> {
    let bandwidth = devices.bandwidth()?;
    let all = passes * bytes.0 as f64;
    (bandwidth.low > 0.0).then(|| Interval::between(all / bandwidth.high, all / bandwidth.low))
}

fn speed(devices: &Devices) -> String {
    let range = devices
        .bandwidth()
        .map_or("an unknown speed".to_owned(), |b| {
            format!("{:.0} to {:.0} MB/s", b.low / 1e6, b.high / 1e6)
        });
    let sources = devices.bandwidth_source();
    format!("{range} for a {} ({sources})", devices.description.name)
}

fn migrate(actions: &[Action], host: &Host) -> Effort {
    let works = works(actions, host);
    let mut steps = vec!["one `nixos-rebuild switch`".to_owned()];
    let mut basis = Vec::new();
    let mut seconds: Option<Interval> = Some(Interval::exactly(0.0));
    let mut space: Option<u64> = Some(0);
    for work in &works {
        steps.push(work.step.clone());
        let (bytes, source) = match &work.bytes {
            Ok(known) => known,
            Err(why) => {
                basis.push(why.clone());
                (seconds, space) = (None, None);
                continue;
            }
        };
        space = space.map(|s| s.saturating_add(bytes.0.saturating_mul(work.copies)));
        let devices = work.filesystem.and_then(|f| device::below(f, host));
        let passing = devices
            .as_ref()
            .and_then(|d| pass_seconds(*bytes, work.passes, d));
        match (&devices, passing) {
            (Some(devices), Some(passing)) => {
                let done = match work.copies {
                    0 => "read twice",
                    _ => "read and written",
                };
                basis.push(format!("{bytes} ({source}) {done} at {}", speed(devices)));
                seconds = seconds.map(|s| Interval {
                    low: s.low + passing.low,
                    high: s.high + passing.high,
                });
            }
            _ => {
                basis.push(format!(
                    "{bytes} to copy; how fast the device is, no source tells"
                ));
                seconds = None;
            }
        }
    }
    if works.is_empty() {
        (seconds, space) = (None, None);
        basis.push("what is moved is not known".to_owned());
    }
    Effort {
        steps: steps.join("; "),
        seconds,
        basis: Some(basis.join("; ")),
        space_bytes: space,
        downtime: works.is_empty() || works.iter().any(|w| w.downtime),
    }
}

/// The filesystems that are made anew.
fn remade<'h>(actions: &[Action], host: &'h Host) -> Vec<&'h Filesystem> {
    let is_remade = |filesystem: &&Filesystem| {
        actions.iter().any(|action| match action {
            Action::AddLuksFormatArgs { luks, .. } => filesystem.luks().any(|l| l.path == *luks),
            Action::SetMkfs {
                filesystem: path, ..
            } => filesystem_at(path, host).is_some_and(|f| std::ptr::eq(f, *filesystem)),
            _ => false,
        })
    };
    let all = &host.storage.filesystems;
    let named: Vec<&Filesystem> = all.iter().filter(is_remade).collect();
    match (named.is_empty(), all.as_slice()) {
        (true, [only]) => vec![only],
        _ => named,
    }
}

fn reinstall(actions: &[Action], host: &Host) -> Effort {
    let mut effort = Effort {
        steps: "back up everything and check the backup, format with disko, install, restore"
            .to_owned(),
        downtime: true,
        ..Effort::default()
    };
    let filesystems = remade(actions, host);
    let mut seconds = Some(Interval::exactly(0.0));
    let mut space = Some(0u64);
    let mut basis = Vec::new();
    for filesystem in &filesystems {
        let name = filesystem.name();
        let (Some((bytes, source)), Some(devices)) =
            (used(filesystem, host), device::below(filesystem, host))
        else {
            basis.push(format!(
                "how much {name} holds, or how fast its device is, is not known"
            ));
            (seconds, space) = (None, None);
            continue;
        };
        space = space.map(|s| s.saturating_add(bytes.0));
        basis.push(format!(
            "{bytes} of {name} ({source}) read and later written at {}, if the backup is no slower",
            speed(&devices)
        ));
        let copying = copy_seconds(bytes, &devices);
        seconds = seconds.zip(copying).map(|(s, c)| Interval {
            low: s.low + c.low,
            high: s.high + c.high,
        });
    }
    if filesystems.is_empty() {
        basis.push("which filesystem is made anew is not known".to_owned());
        (seconds, space) = (None, None);
    }
    effort.seconds = seconds;
    effort.space_bytes = space;
    effort.basis = Some(basis.join("; "));
    effort
}
