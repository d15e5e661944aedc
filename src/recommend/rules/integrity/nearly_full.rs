//! Filesystems on which hardly any room is left.

use super::super::measured::{shown, usage_now};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::units::{Bytes, Percent};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, RuleSetting, Severity};

/// `integrity/nearly-full`
pub struct NearlyFull;

static META: Meta = Meta {
    relieves: &[Cause::FilesystemNearlyFull],
    settings: &[RuleSetting {
        key: "used_percent",
        default: 95,
        meaning: "the share of its space from which on a filesystem counts as nearly full",
    }],
    ..Meta::new(
        "integrity/nearly-full",
        Severity::Warning,
        "Hardly any room is left on a filesystem",
        include_str!("nearly_full.md"),
    )
};

/// How full a filesystem is.
struct Fullness {
    share: Percent,
    left: Option<Bytes>,
    source: String,
}

fn fullness(host: &Host, filesystem: &Filesystem) -> Option<Fullness> {
    if let Some(usage) = usage_now(host, filesystem) {
        // Both are raw: with raid1 each byte counts twice in both.
        let share = usage.used?.fraction_of(usage.device_size?)?;
        return Some(Fullness {
            share: Percent(share * 100.0),
            left: usage.free_minimum.or(usage.free_estimated),
            source: usage.source.to_string(),
        });
    }
    let here = shown(host, filesystem).next()?;
    let df = host.metrics.filesystems.iter();
    let mut df = df.filter(|df| df.mountpoint == here.mountpoint && df.device == here.device);
    let df = df.next()?;
    Some(Fullness {
        share: df.use_percent()?,
        left: df.available,
        source: df.source.to_string(),
    })
}

impl Rule for NearlyFull {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let limit = META.number(host, "used_percent") as f64;
        let finding = |filesystem: &Filesystem| {
            let full = fullness(host, filesystem).filter(|full| full.share.0 >= limit)?;
            let name = filesystem.name();
            let left = full
                .left
                .map_or_else(String::new, |left| format!(", {left} are left"));
            let (share, source) = (full.share, Source::Metrics(full.source));
            Some(Finding {
                rule: META.id,
                subject: name.to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{name} is {share} full{left}: free space is found ever more slowly, and a \
                     copy-on-write filesystem needs room even to delete. Snapshots keep what was \
                     deleted: look at `btrfs filesystem du -s` of them, and at \
                     `nix-collect-garbage --delete-older-than 14d` where the Nix store lies on it"
                ),
                at: filesystem.at,
                evidence: vec![Evidence::speaks_for(
                    Weight::Strong,
                    source,
                    format!("{share} of {name} is in use{left}"),
                )],
            })
        };
        host.storage
            .filesystems
            .iter()
            .filter_map(finding)
            .collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
