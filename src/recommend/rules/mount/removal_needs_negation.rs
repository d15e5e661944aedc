//! Options that are in force although nothing asks for them any more.

use super::super::wording::listed;
use super::running::{Difference, Running, running};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Aspect, MountOption, Switch, lookup};
use crate::model::Host;
use crate::model::metrics::{MountEntry, Sourced};
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
struct Lasting<'a> {
    mountpoint: &'a str,
    entry: &'a Sourced<MountEntry>,
    options: Vec<String>,
    /// What takes them back, one word each.
    undo: Vec<String>,
    /// What only a boot takes back.
    only_boot: Vec<String>,
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

impl<'a> Lasting<'a> {
    fn add(&mut self, differences: Vec<Difference>) {
        let words = differences.into_iter().filter(stays);
        for word in words.filter_map(|d| d.running) {
            match lookup(&MountOption::new(&word, 0).name).and_then(|spec| spec.undo) {
                Some(undo) => {
                    for part in undo.split(',') {
                        if !self.undo.iter().any(|known| known == part) {
                            self.undo.push(part.to_owned());
                        }
                    }
                }
                None => self.only_boot.push(format!("`{word}`")),
            }
            self.options.push(word);
        }
    }

    /// The remount that takes back what can be taken back. With device and mount point given,
    /// libmount adds nothing from elsewhere, so the flags of the mount that are to stay are named.
    fn command(&self) -> Option<String> {
        let flags = &self.entry.mount_options;
        // `remount,ro` would be for the whole filesystem.
        if self.undo.is_empty() || flags.iter().any(|flag| flag == "ro") {
            return None;
        }
        let own = |flag: &&String| !["rw", "relatime"].contains(&flag.as_str());
        let stays = flags
            .iter()
            .filter(own)
            .filter(|f| !self.options.contains(f));
        let words: Vec<&str> = self.undo.iter().chain(stays).map(String::as_str).collect();
        let (device, at) = (&self.entry.device, self.mountpoint);
        Some(format!(
            "mount {device} {at} -o remount,{}",
            words.join(",")
        ))
    }

    fn message(&self) -> String {
        let texts: Vec<String> = self.options.iter().map(|o| format!("`{o}`")).collect();
        let (was, them) = match texts.len() {
            1 => ("was", "it"),
            _ => ("were", "them"),
        };
        let undo = match (self.command(), self.only_boot.is_empty()) {
            (None, _) => String::new(),
            (Some(command), true) => format!(" `{command}` takes {them} back at once."),
            (Some(command), false) => format!(
                " `{command}` takes back what can be; for {} there is no negation.",
                listed(&self.only_boot)
            ),
        };
        format!(
            "{} {was} in force on {} when the metrics were taken, and no mount of the \
             configuration asks for {them}: a switch does not take back what is no longer listed, \
             it stays until the next boot.{undo}",
            listed(&texts),
            self.mountpoint
        )
    }
}

fn all<'a>(host: &Host, running: &'a [Running<'a>]) -> Vec<Lasting<'a>> {
    let mut all = Vec::new();
    for filesystem in running {
        let seen = &filesystem.seen;
        let root = seen.iter().position(|(_, entry)| entry.mountpoint == "/");
        for (index, (list, entry)) in seen.iter().enumerate() {
            let mut lasting = Lasting {
                mountpoint: &list.mount.mountpoint,
                entry,
                options: Vec::new(),
                undo: Vec::new(),
                only_boot: Vec::new(),
            };
            // What the filesystem has once is said of one mount.
            if index == root.unwrap_or_default() {
                lasting.add(filesystem.of_filesystem(host));
            }
            lasting.add(filesystem.of_mount(list, entry));
            if !lasting.options.is_empty() {
                all.push(lasting);
            }
        }
    }
    all
}

impl Rule for RemovalNeedsNegation {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let mounted = Mounted::all(host);
        let running = running(host, &mounted);
        let finding = |lasting: &Lasting<'_>| {
            let at = lasting.mountpoint;
            let options = lasting.options.join(",");
            Finding {
                rule: META.id,
                subject: at.to_owned(),
                severity: Severity::Advice,
                message: lasting.message(),
                at: host.storage.mount(at).and_then(|(_, mount)| mount.at),
                evidence: vec![
                    Evidence::speaks_for(
                        Weight::Strong,
                        Source::Metrics(lasting.entry.source.to_string()),
                        format!("the running system shows `{options}` for {at}"),
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
