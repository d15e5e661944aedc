//! Filesystems whose metadata cannot grow any more, though there is room.

use super::super::measured::{reached_at, usage_now};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::Filesystem;
use crate::model::metrics::{BlockGroupKind, BtrfsUsage};
use crate::model::units::Bytes;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, RuleSetting, Severity};

/// `integrity/metadata-space`
pub struct MetadataSpace;

static META: Meta = Meta {
    relieves: &[Cause::MetadataFullUnallocatedZero],
    settings: &[RuleSetting {
        key: "metadata_percent",
        default: 90,
        meaning: "the share of its block groups from which on metadata counts as nearly full",
    }],
    ..Meta::new(
        "integrity/metadata-space",
        Severity::Warning,
        "Metadata is nearly full, and no space is left for more of it",
        include_str!("metadata_space.md"),
    )
};

/// A metadata block group is 1 GiB, and 256 MiB on a filesystem of up to 50 GiB.
fn block_group(device_size: Bytes) -> u64 {
    match device_size.0 > 50 * Bytes::GIB {
        true => Bytes::GIB,
        false => 256 * Bytes::MIB,
    }
}

/// The state of a filesystem that is short of room for metadata.
struct Short {
    unallocated: Bytes,
    share: f64,
    idle: Bytes,
}

fn short(usage: &BtrfsUsage, limit: u64) -> Option<Short> {
    let unallocated = usage.unallocated?;
    let copies = usage.metadata_ratio?.max(1.0);
    let needed = block_group(usage.device_size?) as f64 * copies;
    let (size, used) = usage.of_kind(BlockGroupKind::Metadata)?;
    // The reserve is part of the metadata, and cannot be used by anything else.
    let reserved = usage.global_reserve.unwrap_or_default();
    let share = Bytes(used.0.saturating_add(reserved.0)).fraction_of(size)?;
    let (data, data_used) = usage.of_kind(BlockGroupKind::Data)?;
    let idle = Bytes(data.0.saturating_sub(data_used.0));
    // A balance gives back block groups of data, so whole ones must be idle in sum.
    let can_give = idle.0 >= 2 * Bytes::GIB;
    ((unallocated.0 as f64) < needed && share * 100.0 >= limit as f64 && can_give).then_some(
        Short {
            unallocated,
            share,
            idle,
        },
    )
}

fn message(name: &str, at: &str, short: &Short) -> String {
    let first = match short.unallocated.0 < Bytes::MIB {
        true => format!("`btrfs balance start -dusage=0 {at}`, then "),
        false => String::new(),
    };
    let percent = (short.share * 100.0).round().min(100.0);
    format!(
        "The metadata of {name} is {percent} % full with what is held back for it, and {} are not \
         allocated, too little for one more block group: writing fails for want of space (or the \
         filesystem turns read-only) although data could take {} more. Give back block groups of \
         data that are hardly used: {first}`btrfs balance start -dusage=10 {at}`, and again with \
         25 and 50 until `btrfs filesystem usage {at}` shows a few GiB unallocated",
        short.unallocated, short.idle
    )
}

impl Rule for MetadataSpace {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let limit = META.number(host, "metadata_percent");
        let finding = |filesystem: &Filesystem| {
            let usage = usage_now(host, filesystem)?;
            let short = short(usage, limit)?;
            let name = filesystem.name();
            let source = || Source::Metrics(usage.source.to_string());
            let says = |says: String| Evidence::speaks_for(Weight::Strong, source(), says);
            Some(Finding {
                rule: META.id,
                subject: name.to_owned(),
                severity: Severity::Warning,
                message: message(name, reached_at(host, filesystem), &short),
                at: filesystem.at,
                evidence: vec![
                    says(format!("{} of {name} are not allocated", short.unallocated)),
                    says(format!(
                        "{:.0} % of its metadata is in use or held back",
                        short.share * 100.0
                    )),
                ],
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
