//! Tree nodes smaller than mkfs makes them.

use super::disk::made;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, Host};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MkfsSetting, Remedy, Rule, Severity,
};

/// `device/nodesize`
pub struct Nodesize;

static META: Meta = Meta::new(
    "device/nodesize",
    Severity::Advice,
    "Tree nodes are made smaller than the default",
    include_str!("nodesize.md"),
);

/// What mkfs.btrfs has made since 3.12, where pages are not larger.
const DEFAULT: u32 = 16384;

/// Filesystems with small nodes that nothing asks for: mixed block groups need nodes as large as data
/// blocks, and these are not larger than a node anyway.
fn small<'a>(host: &'a Host) -> Vec<(&'a Filesystem, &'a [String], u32)> {
    let of = |filesystem: &'a Filesystem| {
        let (path, arguments) = made(filesystem)?;
        let bytes = arguments.nodesize_bytes.as_ref()?.value;
        let plain = !arguments.is_mixed() && arguments.sectorsize_bytes.is_none();
        (plain && bytes < DEFAULT).then_some((filesystem, path, bytes))
    };
    host.storage.filesystems.iter().filter_map(of).collect()
}

impl Rule for Nodesize {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |(filesystem, path, bytes): (&Filesystem, &[String], u32)| Finding {
            rule: META.id,
            subject: path.join("."),
            severity: Severity::Advice,
            message: format!(
                "{} is made with tree nodes of {bytes} bytes instead of {DEFAULT}: its trees get \
                 taller and more scattered",
                filesystem.name()
            ),
            at: filesystem.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(filesystem.at),
                    format!("extraArgs ask for nodes of {bytes} bytes"),
                ),
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Knowledge("mkfs.btrfs(8), --nodesize".to_owned()),
                    "16 KiB is the default; smaller nodes make taller trees and more fragmentation",
                ),
                Evidence::speaks_against(
                    Weight::Weak,
                    Source::Knowledge("mkfs.btrfs(8), --nodesize".to_owned()),
                    "smaller nodes are locked by fewer at a time",
                ),
            ],
        };
        small(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let small = small(context.host);
        let (filesystem, path, _) = small
            .iter()
            .find(|(_, path, _)| path.join(".") == finding.subject)?;
        Some(Remedy {
            title: format!(
                "Make {} with nodes of 16 KiB when it is next installed",
                filesystem.name()
            ),
            actions: vec![Action::SetMkfs {
                filesystem: path.to_vec(),
                setting: MkfsSetting::NodesizeBytes(DEFAULT),
            }],
            costs: vec!["it takes a reinstall; what is installed stays as it is".to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Format,
        })
    }
}
