//! Mounts that are not as the configuration asks.

use super::running::{Difference, Running, running};
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{MountOption, Remount, lookup};
use crate::model::Host;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/drift`
pub struct Drift;

static META: Meta = Meta {
    // Metrics are mostly older than the last edit, and every edit is a difference until the switch.
    default_on: false,
    ..Meta::new(
        "mount/drift",
        Severity::Warning,
        "What is mounted is not what the configuration asks for",
        include_str!("drift.md"),
    )
};

/// One way in which a mount is not as it is asked for, with what brings it.
struct Way {
    says: String,
    needs_boot: bool,
}

/// Whether only the next boot brings an option.
fn needs_boot(option: &str) -> bool {
    let spec = lookup(&MountOption::new(option, 0).name);
    spec.is_some_and(|s| matches!(s.remount, Remount::Ignored | Remount::Rejected))
}

fn way(difference: Difference) -> Option<Way> {
    // What nothing asks for: mount/removal-needs-negation. (`nodev` and the like go on a switch.)
    if !difference.asked {
        return None;
    }
    let (says, needs_boot) = match (&difference.running, &difference.wanted) {
        (Some(running), Some(wanted)) => (
            format!("`{wanted}` is asked for and `{running}` in force"),
            needs_boot(wanted),
        ),
        (None, Some(wanted)) => (
            format!("`{wanted}` is asked for and not in force"),
            needs_boot(wanted),
        ),
        (Some(running), None) => (
            format!("`{running}` is in force and taken back by the configuration"),
            needs_boot(running),
        ),
        (None, None) => return None,
    };
    Some(Way { says, needs_boot })
}

/// Whether a mount is made at boot, so that its absence says something.
fn is_made_at_boot(list: &List<'_>) -> bool {
    let late = ["noauto", "x-systemd.automount", "nofail", "_netdev"];
    !list.options.iter().any(|o| late.contains(&o.name.as_str()))
}

/// Whether the metrics hold the whole table of mounts, and not what was asked of one of them.
fn shows_all_mounts(host: &Host) -> bool {
    let shown = |at: &str| host.metrics.mounts.iter().any(|e| e.mountpoint == at);
    shown("/proc") && shown("/sys")
}

fn ways(host: &Host, running: &Running<'_>) -> Vec<Way> {
    let of_filesystem = running.of_filesystem(host).into_iter().filter_map(way);
    let mut ways: Vec<Way> = of_filesystem.collect();
    for (list, entry) in &running.seen {
        let at = &list.mount.mountpoint;
        let of_mount = running.of_mount(list, entry).into_iter().filter_map(way);
        ways.extend(of_mount.map(|way| Way {
            says: format!("on {at} {}", way.says),
            ..way
        }));
        if let (Some(wanted), Some(shown)) = (&list.mount.subvolume, entry.subvolume())
            && wanted.trim_matches('/') != shown.trim_matches('/')
        {
            ways.push(Way {
                says: format!("{at} shows the subvolume {shown}, and {wanted} is asked for"),
                needs_boot: true,
            });
        }
    }
    for list in running.mounted.lists.iter().filter(|l| is_made_at_boot(l)) {
        let at = &list.mount.mountpoint;
        let mut entries = host.metrics.mounts.iter();
        let absent = !entries.any(|e| e.mountpoint == *at);
        if absent && shows_all_mounts(host) {
            ways.push(Way {
                says: format!("{at} is not mounted"),
                needs_boot: false,
            });
        }
    }
    ways
}

fn finding(host: &Host, running: &Running<'_>) -> Option<Finding> {
    let ways = ways(host, running);
    let source = &running.seen.first()?.1.source;
    let name = running.mounted.filesystem.name();
    let said: Vec<&str> = ways.iter().map(|way| way.says.as_str()).collect();
    let when = match (
        ways.iter().any(|w| w.needs_boot),
        ways.iter().all(|w| w.needs_boot),
    ) {
        (_, true) => "Only the next boot brings it",
        (true, false) => "A nixos-rebuild switch brings a part of it, the next boot the rest",
        (false, false) => "A nixos-rebuild switch brings it; where it did not, the next boot does",
    };
    (!ways.is_empty()).then(|| Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity: Severity::Warning,
        message: format!(
            "{name} did not run as configured when the metrics were taken: {}. {when}",
            said.join("; ")
        ),
        at: running.mounted.filesystem.at,
        evidence: ways
            .iter()
            .map(|way| {
                let source = Source::Metrics(source.to_string());
                Evidence::speaks_for(Weight::Strong, source, way.says.clone())
            })
            .collect(),
    })
}

impl Rule for Drift {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let mounted = Mounted::all(host);
        let running = running(host, &mounted);
        running.iter().filter_map(|r| finding(host, r)).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
