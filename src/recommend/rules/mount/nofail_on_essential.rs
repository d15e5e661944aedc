//! Mounts that the system writes to whether they are there or not.

use std::collections::BTreeMap;

use super::super::persistence::places;
use super::view::{List, Mounted};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Stage1;
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/nofail-on-essential`
pub struct NofailOnEssential;

static META: Meta = Meta {
    yields_to: &["mount/needed-for-boot"],
    ..Meta::new(
        "mount/nofail-on-essential",
        Severity::Warning,
        "The system starts without waiting for a mount that it writes to",
        include_str!("nofail_on_essential.md"),
    )
};

/// What is written to a mount point whether the mount is there or not: no unit of NixOS waits for
/// it. (Services with a `StateDirectory`, and the databases of nixpkgs, wait for theirs by
/// themselves, so mounts below `/var/lib` are no case of this.)
fn essential(host: &Host, mountpoint: &str) -> Option<&'static str> {
    if places(host).iter().any(|place| place.root == mountpoint) {
        return Some("what has to persist");
    }
    match mountpoint {
        "/home" => Some("the files of users"),
        "/root" => Some("the files of root"),
        "/nix" | "/nix/store" => Some("the system itself"),
        "/var" | "/var/lib" => Some("the state of services"),
        "/var/log" => Some("the journal and other logs"),
        _ => None,
    }
}

/// An option by which a mount is not waited for.
struct Absent<'a> {
    list: &'a List<'a>,
    /// Its places in the list.
    options: Vec<usize>,
    name: &'static str,
    holds: &'static str,
}

fn absent<'a>(host: &Host, list: &'a List<'a>) -> Option<Absent<'a>> {
    let mount = list.mount;
    let holds = essential(host, &mount.mountpoint)?;
    let has = |name: &str| list.options.iter().any(|o| o.name == name);
    // An access then waits for the mount, and fails when it does.
    if has("x-systemd.automount") {
        return None;
    }
    let in_initrd = mount.needed_for_boot || MOUNTED_IN_INITRD.contains(&&*mount.mountpoint);
    let name = match in_initrd {
        // The script mounts everything in any case, one after the other.
        true if host.stage1() != Stage1::Systemd => return None,
        true => "nofail",
        false if has("noauto") => "noauto",
        false => "nofail",
    };
    let all = list.options.iter().enumerate();
    let options: Vec<usize> = all
        .filter(|(_, o)| o.name == name)
        .map(|(i, _)| i)
        .collect();
    (!options.is_empty()).then_some(Absent {
        list,
        options,
        name,
        holds,
    })
}

fn message(absent: &Absent<'_>) -> String {
    let at = &absent.list.mount.mountpoint;
    let holds = absent.holds;
    match absent.name {
        "noauto" => format!(
            "`noauto` on {at}: it is not mounted at boot, and {holds} land below the mount point, \
             where nobody sees them once it is mounted"
        ),
        _ => format!(
            "`nofail` on {at}: booting neither waits for the mount nor stops when it fails, so \
             {holds} can land below the mount point, where nobody sees them once it is mounted"
        ),
    }
}

impl Rule for NofailOnEssential {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |list: &List<'_>| {
            let absent = absent(host, list)?;
            let at = list.at(*absent.options.first()?);
            let mountpoint = &list.mount.mountpoint;
            Some(Finding {
                rule: META.id,
                subject: mountpoint.clone(),
                severity: Severity::Warning,
                message: message(&absent),
                at,
                evidence: vec![
                    Evidence::speaks_for(
                        Weight::Strong,
                        Source::Configuration(at),
                        format!("`{}` stands on {mountpoint}", absent.name),
                    ),
                    Evidence::speaks_for(
                        Weight::Moderate,
                        Source::Knowledge("systemd.mount(5), nofail and noauto".to_owned()),
                        "such a mount is not required at boot, and nothing is ordered behind it",
                    ),
                ],
            })
        };
        let mounted = Mounted::all(host);
        let lists = mounted.iter().flat_map(|m| &m.lists);
        lists.filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let mut lists = mounted.iter().flat_map(|m| &m.lists);
        let list = lists.find(|l| l.mount.mountpoint == finding.subject)?;
        let absent = absent(context.host, list)?;
        // A list of options must not become empty.
        let written = list.mount.written.known()?.len();
        let of_written = list.options.iter().filter(|o| o.element < written).count();
        let instead = (of_written == absent.options.len()).then(|| "defaults".to_owned());
        let change = |(nth, option): (usize, &usize)| match nth {
            0 => (*option, instead.clone()),
            _ => (*option, None),
        };
        let changes: BTreeMap<usize, Option<String>> =
            absent.options.iter().enumerate().map(change).collect();
        let name = absent.name;
        Some(Remedy {
            title: format!("Take `{name}` from {}", finding.subject),
            actions: vec![Action::EditMountOptions {
                mounts: vec![list.edited(&changes, Vec::new())],
            }],
            costs: vec![format!(
                "without the disk of {} the machine waits (90 seconds unless set otherwise), and \
                 then asks for the root password instead of starting: on a machine that is only \
                 reached over the network, that is out of reach",
                finding.subject
            )],
            applicability: Applicability::Consent,
            effect: Effect::Correctness,
        })
    }
}
