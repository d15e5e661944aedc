//! Subvolumes that differ in nothing from the one around them.

use super::super::snapshots::{is_kept_by_tool, jobs};
use super::initrd_scripts::InitrdScripts;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount, StorageSource, Subvolume};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `layout/merge-alike`
pub struct MergeAlike;

static META: Meta = Meta {
    default_on: false,
    ..Meta::new(
        "layout/merge-alike",
        Severity::Advice,
        "A subvolume differs in nothing from the one around it",
        include_str!("merge_alike.md"),
    )
};

/// What is mounted apart for a reason that no option shows: it is left out when `/` is copied,
/// reinstalled or rolled back one day.
const APART: [&str; 12] = [
    "/",
    "/nix",
    "/nix/store",
    "/home",
    "/root",
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/persist",
    "/persistent",
    "/boot",
    "/nix/persist",
];

struct Case<'a> {
    filesystem: &'a Filesystem,
    subvolume: &'a Subvolume,
    inner: &'a Mount,
    outer: &'a Mount,
}

/// The options of a mount without the name of its subvolume, sorted; `None` if not all are known.
fn options(mount: &Mount) -> Option<Vec<&str>> {
    let elements = mount.options.known()?;
    let words = elements.iter().flat_map(|o| o.value.split(','));
    let mut words: Vec<&str> = words.filter(|w| !w.starts_with("subvol=")).collect();
    words.sort_unstable();
    words.dedup();
    Some(words)
}

/// The mount that a mount point lies on.
fn around<'a>(filesystem: &'a Filesystem, host: &Host, inner: &Mount) -> Option<&'a Mount> {
    let at = inner.mountpoint.as_str();
    let (above, _) = at.rsplit_once('/')?;
    let above = if above.is_empty() { "/" } else { above };
    let (holding, outer) = host.storage.holding(above)?;
    // What is bound there from elsewhere lies on another directory than it seems.
    let bound = host
        .storage
        .binds
        .iter()
        .any(|b| is_below(at, &b.at) || is_below(&b.from, at));
    let same = std::ptr::eq(holding, filesystem) && !bound;
    same.then(|| filesystem.mount(&outer.mountpoint)).flatten()
}

fn case<'a>(host: &Host, filesystem: &'a Filesystem, subvolume: &'a Subvolume) -> Option<Case<'a>> {
    let at = subvolume.mountpoint.as_ref().ok()?.as_deref()?;
    let inner = filesystem.mount(at)?;
    let outer = around(filesystem, host, inner)?;
    let apart = APART.contains(&at) || is_kept_by_tool(at) || !subvolume.swap.is_empty();
    // What the initrd mounts for itself has to stay there before it needs it.
    let mounted_in_time = outer.needed_for_boot || !inner.needed_for_boot;
    let alike = options(inner)? == options(outer)? && mounted_in_time;
    // A job on either leaves the other out, and so does one on a directory below.
    let snapshots = jobs(host).iter().any(|job| {
        [inner, outer]
            .iter()
            .any(|m| m.mountpoint == job.path || is_below(&job.path, at))
    });
    let holds_others = filesystem
        .mounts
        .iter()
        .any(|m| m.mountpoint != at && is_below(&m.mountpoint, at));
    let quota = !host.metrics.quotas.is_empty();
    let marked = host
        .settings
        .known("systemd.tmpfiles.rules")
        .is_some_and(|rules| {
            let lines = rules.value.as_array().into_iter().flatten();
            lines
                .filter_map(|l| l.as_str())
                .any(|line| line.split_whitespace().nth(1) == Some(at))
        });
    let stays = apart || !alike || snapshots || holds_others || quota || marked;
    (!stays).then_some(Case {
        filesystem,
        subvolume,
        inner,
        outer,
    })
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    // Whatever snapshots or replaces subvolumes and is not understood may be why they are apart.
    let unread = ["services.snapper.", "services.btrbk.", "systemd.tmpfiles."]
        .iter()
        .any(|prefix| {
            host.settings
                .below(prefix)
                .any(|(_, setting)| setting.is_err())
        });
    let rollback = InitrdScripts::of(host);
    if unread || rollback.unsure || rollback.is_any() {
        return Vec::new();
    }
    let mut cases = Vec::new();
    for filesystem in &host.storage.filesystems {
        if matches!(filesystem.source, StorageSource::Disko(_)) {
            let subvolumes = filesystem.subvolumes.iter();
            cases.extend(subvolumes.filter_map(|s| case(host, filesystem, s)));
        }
    }
    cases
}

impl Rule for MergeAlike {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let (at, outer) = (&case.inner.mountpoint, &case.outer.mountpoint);
            Finding {
                rule: META.id,
                subject: at.clone(),
                severity: Severity::Advice,
                message: format!(
                    "{at} is a subvolume of its own and differs in nothing from {outer}: the same \
                     options, and no snapshots of either. Files cannot be moved between the two by \
                     renaming, nor linked"
                ),
                at: case.subvolume.at.or(case.filesystem.at),
                evidence: vec![Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(case.inner.at),
                    format!("{at} and {outer} are mounted with the same options"),
                )],
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases
            .iter()
            .find(|c| c.inner.mountpoint == finding.subject)?;
        Some(Remedy {
            title: format!(
                "Make {} a directory of {}",
                finding.subject, case.outer.mountpoint
            ),
            actions: vec![Action::MergeSubvolume {
                subvolume: case.subvolume.path.clone(),
            }],
            costs: vec![
                format!("snapshots of {} will hold it too", case.outer.mountpoint),
                "what works on it stops while its files are copied; data is shared, not written \
                 again"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
