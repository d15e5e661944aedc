//! Options that are in force although nothing asks for them any more.

use super::super::wording::listed;
use super::running::{Difference, Running, running};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Aspect, MountOption, Switch, lookup};
use crate::model::Host;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `mount/removal-needs-negation`
pub struct RemovalNeedsNegation;

static META: Meta = Meta::new(
    "mount/removal-needs-negation",
    Severity::Advice,
    "An option is in force that no mount asks for, and a switch does not take it back",
    include_str!("removal_needs_negation.md"),
);

/// What stays in force at a mount point: of the whole filesystem, or of that mount.
struct Lasting {
    mountpoint: String,
    options: Vec<String>,
    /// What takes them back; none where only a boot does.
    undo: Vec<String>,
    only_boot: Vec<String>,
    source: String,
}

/// Whether an option that is no longer listed stays.
fn stays(difference: &Difference) -> bool {
    let dropped = matches!(
        difference.about,
        // A remount drops these by itself.
        Aspect::Switch(
            Switch::NoDev
                | Switch::NoSuid
                | Switch::NoExec
                | Switch::NoSymFollow
                | Switch::ReadOnly
        )
    );
    // relatime is the default.
    let default = difference.running.as_deref() == Some("relatime");
    difference.running.is_some() && !difference.asked && !dropped && !default
}

fn lasting(mountpoint: &str, source: &str, differences: Vec<Difference>) -> Option<Lasting> {
    let mut found = Lasting {
        mountpoint: mountpoint.to_owned(),
        options: Vec::new(),
        undo: Vec::new(),
        only_boot: Vec::new(),
        source: source.to_owned(),
    };
    for word in differences
        .into_iter()
        .filter(stays)
        .filter_map(|d| d.running)
    {
        let option = MountOption::new(&word, 0);
        match lookup(&option.name).and_then(|spec| spec.undo) {
            Some(undo) if found.undo.iter().any(|known| known == undo) => {}
            Some(undo) => found.undo.push(undo.to_owned()),
            None => found.only_boot.push(format!("`{word}`")),
        }
        found.options.push(format!("`{word}`"));
    }
    (!found.options.is_empty()).then_some(found)
}

fn all(host: &Host, running: &[Running<'_>]) -> Vec<Lasting> {
    let mut all = Vec::new();
    for filesystem in running {
        let Some((list, entry)) = filesystem.seen.first() else {
            continue;
        };
        let at = match filesystem.mounted.filesystem.mount("/") {
            Some(root) => &root.mountpoint,
            None => &list.mount.mountpoint,
        };
        all.extend(lasting(at, &entry.source, filesystem.of_filesystem(host)));
        for (list, entry) in &filesystem.seen {
            let at = &list.mount.mountpoint;
            let of_mount = lasting(at, &entry.source, filesystem.of_mount(list, entry));
            let Some(of_mount) = of_mount else { continue };
            // The filesystem's own may have been said of the same mount point.
            match all.iter_mut().find(|l: &&mut Lasting| l.mountpoint == *at) {
                Some(known) => {
                    known.options.extend(of_mount.options);
                    known.undo.extend(of_mount.undo);
                    known.only_boot.extend(of_mount.only_boot);
                }
                None => all.push(of_mount),
            }
        }
    }
    all
}

fn message(lasting: &Lasting) -> String {
    let at = &lasting.mountpoint;
    let (options, one) = (listed(&lasting.options), lasting.options.len() == 1);
    let (was, them) = match one {
        true => ("was", "it"),
        false => ("were", "them"),
    };
    let undo = match (lasting.undo.is_empty(), lasting.only_boot.is_empty()) {
        (true, _) => String::new(),
        (false, all) => format!(
            " `mount -o remount,{} {at}` takes {} back at once.",
            lasting.undo.join(","),
            if all { them } else { "the others" }
        ),
    };
    let boot = match lasting.only_boot.is_empty() {
        true => String::new(),
        false => format!(
            " For {} there is no negation: only a boot takes that back.",
            listed(&lasting.only_boot)
        ),
    };
    format!(
        "{options} {was} in force on {at} when the metrics were taken, and no mount of the \
         configuration asks for {them}: a switch does not take back what is no longer listed, it \
         stays until the next boot.{undo}{boot}"
    )
}

impl Rule for RemovalNeedsNegation {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let mounted = Mounted::all(host);
        let running = running(host, &mounted);
        let finding = |lasting: &Lasting| {
            let at = &lasting.mountpoint;
            let options = listed(&lasting.options);
            Finding {
                rule: META.id,
                subject: at.clone(),
                severity: Severity::Advice,
                message: message(lasting),
                at: host.storage.mount(at).and_then(|(_, mount)| mount.at),
                evidence: vec![
                    Evidence::speaks_for(
                        Weight::Strong,
                        Source::Metrics(lasting.source.clone()),
                        format!("the running system shows {options} for {at}"),
                    ),
                    Evidence::speaks_for(
                        Weight::Moderate,
                        Source::Knowledge(
                            "measured by this project on 6.18.44 with util-linux 2.38.1 and 2.41.5"
                                .to_owned(),
                        ),
                        "a remount does not reset what it no longer lists",
                    ),
                ],
            }
        };
        all(host, &running).iter().map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
