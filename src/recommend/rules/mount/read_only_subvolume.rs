//! Read-only mounts beside read-write ones of the same filesystem.

use serde_json::Value as Json;

use super::super::wording::listed;
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Switch, effective};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/read-only-subvolume`
pub struct ReadOnlySubvolume;

static META: Meta = Meta::new(
    "mount/read-only-subvolume",
    Severity::Warning,
    "A subvolume is mounted read-only beside others that are written to",
    include_str!("read_only_subvolume.md"),
);

/// A filesystem some mounts of which are read-only.
struct Mixed<'a> {
    mounted: &'a Mounted<'a>,
    read_only: Vec<&'a List<'a>>,
    writable: Vec<&'a str>,
}

fn is_read_only(mounted: &Mounted<'_>, list: &List<'_>) -> bool {
    let state = effective(&list.options, &mounted.target, &mounted.facts).state;
    state.is(Switch::ReadOnly)
}

fn mixed<'a>(mounted: &'a Mounted<'a>) -> Option<Mixed<'a>> {
    // Of a mount whose options are not known, nobody knows whether it is written to.
    mounted.whole.as_ref()?;
    let (read_only, writable): (Vec<_>, Vec<_>) = mounted
        .lists
        .iter()
        .partition(|list| is_read_only(mounted, list));
    let writable: Vec<&str> = writable
        .iter()
        .map(|l| l.mount.mountpoint.as_str())
        .collect();
    (!read_only.is_empty() && !writable.is_empty()).then_some(Mixed {
        mounted,
        read_only,
        writable,
    })
}

impl Mixed<'_> {
    /// Whether something is always open for writing, so that the filesystem cannot turn read-only:
    /// what the system writes to, or a swap file in use.
    fn is_busy(&self, host: &Host) -> bool {
        let always = ["/", "/var", "/var/log", "/var/lib"];
        let filesystem = self.mounted.filesystem;
        let swap = host.settings.known("swapDevices").map(|s| &s.value);
        let swap = swap.and_then(Json::as_array).into_iter().flatten();
        let mut files = swap.filter_map(|s| s.get("device")?.as_str());
        let own = |file: &str| {
            let held = host.storage.holding(file);
            held.is_some_and(|(held, _)| std::ptr::eq(held, filesystem))
        };
        let of_disko = filesystem.subvolumes.iter().any(|s| !s.swap.is_empty());
        self.writable.iter().any(|at| always.contains(at)) || of_disko || files.any(own)
    }

    fn at(&self) -> Option<Span> {
        let list = self.read_only.first()?;
        let option = list.options.iter().position(|o| o.name == "ro");
        option.and_then(|o| list.at(o)).or(list.mount.at)
    }

    fn message(&self, is_busy: bool) -> String {
        let points = |lists: &[&List<'_>]| {
            let points = lists.iter().map(|l| l.mount.mountpoint.clone());
            listed(&points.collect::<Vec<_>>())
        };
        let at = points(&self.read_only);
        let others = listed(&self.writable);
        let first = self
            .read_only
            .first()
            .map_or("PATH", |l| &*l.mount.mountpoint);
        let is = if self.read_only.len() == 1 {
            "is"
        } else {
            "are"
        };
        let turns = if self.writable.len() == 1 {
            "turns"
        } else {
            "turn"
        };
        let hazard = match is_busy {
            true => "when its options change, nixos-rebuild switch reloads it with `ro`, which \
                     btrfs takes for the whole filesystem: as something is always open for \
                     writing there, that fails with EBUSY, and with it the switch"
                .to_owned(),
            false => format!(
                "when its options change, nixos-rebuild switch reloads it with `ro`, which btrfs \
                 takes for the whole filesystem: {others} {turns} read-only too, unless a file is \
                 open for writing there at that moment"
            ),
        };
        let chance = self
            .mounted
            .whole
            .as_ref()
            .is_some_and(|(_, w)| w.mixed_read_only);
        let order = match chance {
            true => {
                " It is mounted before any other, and of the options of the first read-write \
                 mount kernels since 6.8 then take over values and no switches: all mounts have \
                 to carry the same btrfs options."
            }
            false => "",
        };
        format!(
            "{at} {is} mounted read-only beside {others} of the same filesystem: {hazard}.{order} A \
             bind mount with `ro` is read-only by itself alone, and so is a subvolume after `btrfs \
             property set -t subvol {first} ro true`"
        )
    }
}

impl Rule for ReadOnlySubvolume {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |mixed: Mixed<'_>| {
            let is_busy = mixed.is_busy(context.host);
            let known = |text: &str| {
                let source = "measured by this project on 6.18.44, two mount APIs".to_owned();
                Evidence::speaks_for(Weight::Strong, Source::Knowledge(source), text)
            };
            let at = mixed.at();
            let says = |list: &&List<'_>| {
                let says = format!("{} is mounted read-only", list.mount.mountpoint);
                Evidence::speaks_for(Weight::Strong, Source::Configuration(at), says)
            };
            let mut evidence: Vec<Evidence> = mixed.read_only.iter().map(says).collect();
            evidence.push(known(
                "`remount,ro` through one subvolume turned the whole filesystem read-only, or \
                 failed with EBUSY where a file was open for writing",
            ));
            Finding {
                rule: META.id,
                subject: mixed.mounted.filesystem.name().to_owned(),
                severity: match is_busy {
                    true => Severity::Advice,
                    false => Severity::Warning,
                },
                message: mixed.message(is_busy),
                at,
                evidence,
            }
        };
        mounted.iter().filter_map(mixed).map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
