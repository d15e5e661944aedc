//! Places in which things persist, on mounts that are made too late.

use super::super::persistence::{By, Place, places};
use super::view::List;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::model::{Host, Mount};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/needed-for-boot`
pub struct NeededForBoot;

static META: Meta = Meta::new(
    "mount/needed-for-boot",
    Severity::Error,
    "What has to persist lies on a mount that is made too late",
    include_str!("needed_for_boot.md"),
);

/// A mount that is made too late for what persists on it.
struct Late<'a> {
    mount: &'a Mount,
    places: Vec<Place>,
}

fn is_early(mount: &Mount) -> bool {
    let by_hand = |list: List<'_>| list.options.iter().any(|o| o.name == "x-initrd.mount");
    mount.needed_for_boot
        || MOUNTED_IN_INITRD.contains(&mount.mountpoint.as_str())
        || List::of(mount).is_none_or(by_hand)
}

/// Whether something that could not be read may mark a mount.
fn is_hidden(host: &Host, mountpoint: &str) -> bool {
    let about = |what: &str| what.contains("neededForBoot") || what.contains(mountpoint);
    !host.skipped.is_empty() || host.unknown.iter().any(|fact| about(&fact.what))
}

fn late(host: &Host) -> Vec<Late<'_>> {
    let mut found: Vec<Late<'_>> = Vec::new();
    for place in places(host).into_iter().filter(|place| place.early) {
        let Some((_, mount)) = host.storage.holding(&place.root) else {
            continue;
        };
        if is_early(mount) || is_hidden(host, &mount.mountpoint) {
            continue;
        }
        match found
            .iter_mut()
            .find(|l| l.mount.mountpoint == mount.mountpoint)
        {
            Some(known) => known.places.push(place),
            None => found.push(Late {
                mount,
                places: vec![place],
            }),
        }
    }
    found
}

fn message(late: &Late<'_>) -> String {
    let at = &late.mount.mountpoint;
    let Some(place) = late.places.first() else {
        return String::new();
    };
    let option = &place.option;
    match place.by {
        By::Impermanence if place.root == *at => format!(
            "{option} keeps what has to persist on {at}, which is not needed for boot: \
             impermanence refuses that, and the system cannot be built"
        ),
        By::Impermanence => format!(
            "{option} keeps what has to persist below {at}, which is not needed for boot: the \
             activation script makes {} before {at} is mounted. What lands there is hidden once \
             {at} is mounted, and gone after the next boot where the filesystem below does not \
             persist. (impermanence itself looks only at mount points, and does not notice)",
            place.root
        ),
        By::Preservation => format!(
            "{option} asks for things in the initrd, and {at} is not mounted there: they are made \
             on the filesystem below the mount point, and are gone after the next boot where that \
             does not persist"
        ),
    }
}

fn source(by: By) -> Source {
    let text = match by {
        By::Impermanence => {
            "nix-community/impermanence nixos.nix at 7b1d382 (activation scripts, assertions)"
        }
        By::Preservation => "nix-community/preservation module.nix and lib.nix at 93416f4",
    };
    Source::Knowledge(text.to_owned())
}

impl Rule for NeededForBoot {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |late: &Late<'_>| {
            let at = &late.mount.mountpoint;
            let mut evidence = vec![Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(late.mount.at),
                format!(
                    "nothing sets fileSystems.\"{at}\".neededForBoot, and {at} is none of the \
                     mount points that NixOS mounts in the initrd by itself"
                ),
            )];
            for place in &late.places {
                evidence.push(Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(place.at),
                    format!(
                        "{} keeps what has to persist below {}",
                        place.option, place.root
                    ),
                ));
            }
            let by = late.places.iter().map(|place| place.by).min();
            evidence.extend(by.map(|by| {
                let says = "what persists has to be mounted before the system is activated";
                Evidence::speaks_for(Weight::Moderate, source(by), says)
            }));
            Finding {
                rule: META.id,
                subject: at.clone(),
                severity: Severity::Error,
                message: message(late),
                at: late.mount.at,
                evidence,
            }
        };
        late(context.host).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let late = late(context.host);
        let late = late
            .iter()
            .find(|l| l.mount.mountpoint == finding.subject)?;
        let path = ["fileSystems", &late.mount.mountpoint, "neededForBoot"];
        Some(Remedy {
            title: format!("Mount {} in the initrd", finding.subject),
            actions: vec![Action::SetNixosOption {
                path: path.map(str::to_owned).to_vec(),
                value: true.into(),
            }],
            costs: vec![format!(
                "the machine does not boot without {}; what was written below it so far, on the \
                 filesystem under the mount, is to be moved by hand",
                finding.subject
            )],
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}
