//! Owns: what a change asks of people and machine, by its class.

use super::device::{self, Devices};
use super::{Effort, Interval};
use crate::analyze::facts;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::recommend::{Action, Class};

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

/// The directories whose contents are moved.
fn moved<'a>(actions: &'a [Action]) -> Vec<&'a str> {
    let directory = |action: &'a Action| match action {
        Action::SetDirectoryAttribute { directory, .. } => Some(directory.as_str()),
        Action::SplitSubvolume { mountpoint, .. } => Some(mountpoint.as_str()),
        _ => None,
    };
    let mut moved: Vec<&str> = actions.iter().filter_map(directory).collect();
    // A new subvolume that is also made +C is filled once.
    moved.sort_unstable();
    moved.dedup();
    moved
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
    let bandwidth = devices.bandwidth()?;
    let both_ways = 2.0 * bytes.0 as f64;
    (bandwidth.low > 0.0)
        .then(|| Interval::between(both_ways / bandwidth.high, both_ways / bandwidth.low))
}

fn speed(devices: &Devices) -> String {
    let range = devices
        .bandwidth()
        .map_or("an unknown speed".to_owned(), |b| {
            format!("{:.0} to {:.0} MB/s", b.low / 1e6, b.high / 1e6)
        });
    let sources = devices.description.sources.join("; ");
    format!("{range} for a {} ({sources})", devices.description.name)
}

fn migrate(actions: &[Action], host: &Host) -> Effort {
    let directories = moved(actions);
    let mut steps = vec!["one `nixos-rebuild switch`".to_owned()];
    let mut basis = Vec::new();
    let mut seconds: Option<Interval> = Some(Interval::exactly(0.0));
    let mut space: Option<u64> = Some(0);
    for directory in &directories {
        steps.push(format!(
            "stop what uses {directory}, copy it without reflinks, check the copy, put it in place"
        ));
        let holder = host
            .storage
            .holding(&facts::real_path(host, directory))
            .map(|(f, _)| f);
        let Some((bytes, source)) = bytes_below(directory, host) else {
            let most = holder.and_then(|f| used(f, host));
            let most = most.map_or(String::new(), |(bytes, source)| {
                format!(", at most the {bytes} that the filesystem holds ({source})")
            });
            basis.push(format!("how much {directory} holds was not measured{most}"));
            (seconds, space) = (None, None);
            continue;
        };
        space = space.map(|s| s.saturating_add(bytes.0));
        let devices = holder.and_then(|f| device::below(f, host));
        let copying = devices.as_ref().and_then(|d| copy_seconds(bytes, d));
        match (&devices, copying) {
            (Some(devices), Some(copying)) => {
                basis.push(format!(
                    "{bytes} ({source}) read and written at {}",
                    speed(devices)
                ));
                seconds = seconds.map(|s| Interval {
                    low: s.low + copying.low,
                    high: s.high + copying.high,
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
    if directories.is_empty() {
        (seconds, space) = (None, None);
        basis.push("what is moved is not known".to_owned());
    }
    Effort {
        steps: steps.join("; "),
        seconds,
        basis: Some(basis.join("; ")),
        space_bytes: space,
        downtime: true,
    }
}

/// The filesystems that are made anew.
fn remade<'h>(actions: &[Action], host: &'h Host) -> Vec<&'h Filesystem> {
    let paths = actions.iter().filter_map(|action| match action {
        Action::AddLuksFormatArgs { luks, .. } => Some(luks),
        _ => None,
    });
    let paths: Vec<_> = paths.collect();
    let all = &host.storage.filesystems;
    let named: Vec<&Filesystem> = all
        .iter()
        .filter(|f| f.luks().any(|l| paths.contains(&&l.path)))
        .collect();
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
