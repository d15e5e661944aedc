//! Directories with `+C` of which snapshots are taken.

use super::attributes::tmpfiles;
use super::held::{Held, held};
use super::own_place::{last_part, split};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{
    Action, Applicability, Context, DirectoryAttribute, Effect, Finding, Meta, Remedy, Rule,
    Severity,
};

/// `layout/snapshots-of-nocow`
pub struct SnapshotsOfNocow;

static META: Meta = Meta {
    relieves: &[
        Cause::CowFragmentationDatabase,
        Cause::CowFragmentationVmImage,
    ],
    ..Meta::new(
        "layout/snapshots-of-nocow",
        Severity::Warning,
        "Snapshots undo the `+C` of a directory that they hold",
        include_str!("snapshots_of_nocow.md"),
    )
};

struct Case<'h> {
    /// The path, as the rule of tmpfiles names it.
    written: String,
    held: Held<'h>,
    at: Option<Span>,
    /// Whether it is a line of `systemd.tmpfiles.rules`.
    is_line: bool,
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    let mut found: Vec<Case<'_>> = Vec::new();
    for rule in tmpfiles(host).filter(|rule| rule.sets_nocow()) {
        let pattern = rule.path.contains(['*', '?', '[', '%', '\\']);
        let path = rule.path.trim_end_matches('/');
        if pattern || path.is_empty() {
            continue;
        }
        if let Some(held) = held(host, path)
            && !found.iter().any(|f| f.held.directory == held.directory)
        {
            found.push(Case {
                written: path.to_owned(),
                held,
                at: rule.at,
                is_line: rule.is_line,
            });
        }
    }
    found
}

impl Rule for SnapshotsOfNocow {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let at = &case.held.mount.mountpoint;
            let mut evidence = vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(case.at),
                    format!("tmpfiles sets +C on {}", case.written),
                ),
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Knowledge("measured on 6.18.44".to_owned()),
                    "with a snapshot, random writes left a +C file in 491 extents, as many as one \
                     that is copied on write",
                ),
            ];
            evidence.extend(case.held.evidence());
            Finding {
                rule: META.id,
                subject: case.held.directory.clone(),
                severity: Severity::Warning,
                message: format!(
                    "{} is +C, and lies on the subvolume of {at}, of which {} takes snapshots: \
                     after each of them every block that is written is copied once, so the files \
                     fall into pieces all the same, without checksums",
                    case.written,
                    case.held.by()
                ),
                at: case.at,
                evidence,
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let Case {
            written,
            held,
            is_line,
            ..
        } = cases(host)
            .into_iter()
            .find(|case| case.held.directory == finding.subject)?;
        // Where it is a subvolume already, its snapshots or its attribute are not wanted; and
        // behind a bind mount the rule would have to name another path. What stands in
        // `systemd.tmpfiles.settings` would be said twice.
        if held.is_whole() || written != held.directory || !is_line {
            return None;
        }
        let directory = held.directory.as_str();
        Some(Remedy {
            title: format!(
                "Take {directory} out of the snapshots of {}",
                held.mount.mountpoint
            ),
            actions: vec![
                split(host, held.filesystem, directory, last_part(directory))?,
                // It is there; what is copied into the subvolume has to get it as well.
                Action::SetDirectoryAttribute {
                    directory: directory.to_owned(),
                    attribute: DirectoryAttribute::NoCow,
                },
            ],
            costs: vec![
                format!(
                    "snapshots of {} no longer hold {directory}: it needs a backup of its own",
                    held.mount.mountpoint
                ),
                "the files are copied, with the service stopped".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::NoCow,
        })
    }
}
