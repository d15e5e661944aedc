//! A whole filesystem without checksums, for the sake of a few files.

use super::super::snapshots::{jobs_holding, snapshots_of};
use super::super::wording::listed;
use super::view::{Mounted, observed};
use crate::analyze::{Evidence, Source, Weight, facts};
use crate::btrfs::{Aspect, FindingKind, conflicts};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, DirectoryAttribute, Effect, Finding, Meta, Remedy, Rule,
    Severity,
};

/// `mount/nodatacow-mount-option`
pub struct NodatacowMountOption;

static META: Meta = Meta::new(
    "mount/nodatacow-mount-option",
    Severity::Warning,
    "A mount option takes checksums and compression from the whole filesystem",
    include_str!("nodatacow_mount_option.md"),
);

/// What nobody would give up the checksums of for a database. A filesystem that holds none of them
/// was made for its purpose.
const SYSTEM: [&str; 6] = ["/", "/home", "/nix", "/persist", "/persistent", "/var"];

/// Programs that rewrite large files in place: enabled by, kept at, by default at.
const REWRITING: [(&str, Option<&str>, &str); 4] = [
    (
        "services.postgresql.enable",
        Some("services.postgresql.dataDir"),
        "/var/lib/postgresql",
    ),
    (
        "services.mysql.enable",
        Some("services.mysql.dataDir"),
        "/var/lib/mysql",
    ),
    (
        "services.mongodb.enable",
        Some("services.mongodb.dbpath"),
        "/var/db/mongodb",
    ),
    (
        "virtualisation.libvirtd.enable",
        None,
        "/var/lib/libvirt/images",
    ),
];

/// The directories of such programs on a filesystem, behind bind mounts.
fn rewritten(host: &Host, mounted: &Mounted<'_>) -> Vec<String> {
    let settings = &host.settings;
    let running = REWRITING.iter().filter(|(on, ..)| settings.is_true(on));
    let place = |(_, option, default): &(&str, Option<&str>, &str)| {
        let path = match option.and_then(|option| settings.get(option)) {
            Some(Ok(setting)) => setting.value.as_str()?.to_owned(),
            Some(Err(_)) => return None,
            None => (*default).to_owned(),
        };
        Some(facts::real_path(host, path.trim_end_matches('/')))
    };
    let ours = |path: &String| {
        let is_mount = mounted.filesystem.mount(path).is_some();
        let system = is_mount && SYSTEM.contains(&path.as_str());
        path.starts_with('/') && !system && mounted.holds_any(host, &[path])
    };
    running.filter_map(place).filter(ours).collect()
}

/// The options that do it, where they are in force and nothing in their lists contradicts them.
fn places(host: &Host, mounted: &Mounted<'_>) -> Vec<(usize, usize)> {
    let in_force = mounted
        .in_force()
        .is_some_and(|e| e.state.is_nodatacow() || !e.state.has_checksums());
    // Which of two contradicting options is wanted: mount/conflicting-options.
    let contradicted = mounted.lists.iter().any(|list| {
        let found = conflicts(&list.options, &mounted.target, &mounted.facts);
        let matters = |kind| matches!(kind, FindingKind::Overridden | FindingKind::ShownOnly);
        found.iter().any(|f| {
            let about = mounted.aspect(&list.options[f.option]);
            let ours = [Aspect::DataCow, Aspect::DataSum, Aspect::Compression];
            matters(f.kind) && about.is_some_and(|about| ours.contains(&about))
        })
    });
    if !in_force || contradicted || !mounted.holds_any(host, &SYSTEM) {
        return Vec::new();
    }
    let mut places = mounted.asking(Aspect::DataCow, |o| o.name == "nodatacow");
    places.extend(mounted.asking(Aspect::DataSum, |o| o.name == "nodatasum"));
    places.sort_unstable();
    places
}

impl Rule for NodatacowMountOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |mounted: &Mounted<'_>| {
            let places = places(host, mounted);
            let (list, option) = *places.first()?;
            let at = mounted.mountpoints(&places);
            let mut evidence = mounted.written(&places);
            evidence.extend(observed(host, at.first()?));
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Knowledge("measured on 14 kernels: 34 pairs of mounts".to_owned()),
                "the option holds for every subvolume of the filesystem, whichever mount has it",
            ));
            for mount in &mounted.filesystem.mounts {
                evidence.extend(snapshots_of(host, &mount.mountpoint));
            }
            let cow = mounted.in_force().is_some_and(|e| !e.state.is_nodatacow());
            let lost = match cow {
                true => "No new file has a checksum or is compressed",
                false => "No new file has a checksum, is compressed, or is copied on write",
            };
            let directories = rewritten(host, mounted);
            let instead = match directories.is_empty() {
                true => "take the option out, and set `chattr +C` on the directories that it was \
                         meant for"
                    .to_owned(),
                false => format!("`chattr +C` does it for {} alone", listed(&directories)),
            };
            let texts = listed(&mounted.texts(&places));
            let (points, name) = (listed(&at), mounted.filesystem.name());
            Some(Finding {
                rule: META.id,
                subject: name.to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{lost} on the whole filesystem of {name}, because of {texts} on {points}: \
                     what goes bad is not found, and not repaired from a second copy; {instead}"
                ),
                at: mounted.lists[list].at(option),
                evidence,
            })
        };
        Mounted::all(host).iter().filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let all = Mounted::all(host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let directories = rewritten(host, mounted);
        // What it was meant for is not known.
        if directories.is_empty() {
            return None;
        }
        let mounts = mounted.edits(&places(host, mounted), |_| None);
        let mut actions = vec![Action::EditMountOptions { mounts }];
        // Frequent snapshots undo the attribute.
        let kept = directories
            .iter()
            .filter(|d| jobs_holding(host, d).is_empty());
        actions.extend(kept.map(|directory| Action::SetDirectoryAttribute {
            directory: directory.clone(),
            attribute: DirectoryAttribute::NoCow,
        }));
        Some(Remedy {
            title: format!(
                "Keep checksums, and overwrite in place below {} only",
                listed(&directories)
            ),
            actions,
            costs: vec![
                "other files that are rewritten in place, if there are any, are copied on write \
                 and fall into pieces"
                    .to_owned(),
                "files that are there now have no checksums until they are copied anew".to_owned(),
                format!(
                    "what is new below {} still has no checksums and is not compressed",
                    listed(&directories)
                ),
            ],
            applicability: Applicability::Consent,
            effect: Effect::Correctness,
        })
    }
}
