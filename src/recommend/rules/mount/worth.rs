//! Why a filesystem would gain by compression, and what tells it.

use super::super::devices::{disks, has_kind};
use super::in_force::{fast_flash, medium};
use super::view::Mounted;
use crate::analyze::{Cause, Confidence, Evidence, Source, Weight, facts};
use crate::model::hardware::{DiskKind, Medium};
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Severity};

/// Where what compresses well lies: programs, documents, sources. Films and photos do not.
const COMPRESSIBLE: [&str; 4] = ["/nix", "/home", "/var/lib", "/"];

/// What counts as short of room.
pub(super) struct Limits {
    pub(super) small_gibibytes: u64,
    pub(super) full_percent: u64,
}

/// Why it would help, in words and as evidence, and how bad it is.
pub(super) struct Reasons {
    pub(super) words: Vec<String>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) severity: Severity,
}

/// How much room there is, as the hardware report tells.
#[derive(PartialEq)]
enum Room {
    Small(Bytes),
    Large,
    Unknown,
}

impl Room {
    fn of(host: &Host, filesystem: &Filesystem, limit: u64) -> Self {
        let own: Vec<_> = disks(host, filesystem).map(|d| d.size).collect();
        // Which of the disks it is on is not told: it counts what they have in common.
        let any: Vec<_> = match (filesystem.disks.is_empty(), &host.hardware) {
            (true, Some(hardware)) => hardware.storage().map(|d| d.size).collect(),
            _ => Vec::new(),
        };
        let sizes = |of: Vec<Option<Bytes>>| of.into_iter().collect::<Option<Vec<Bytes>>>();
        let (least, most) = match (sizes(own), sizes(any)) {
            (Some(own), _) if !own.is_empty() && own.len() == filesystem.disks.len() => {
                let all = own
                    .iter()
                    .fold(0, |sum: u64, size| sum.saturating_add(size.0));
                (all, all)
            }
            (_, Some(any)) if !any.is_empty() => {
                let sizes = || any.iter().map(|size| size.0);
                (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0))
            }
            _ => return Room::Unknown,
        };
        match (least > limit, most <= limit) {
            (true, _) => Room::Large,
            (_, true) => Room::Small(Bytes(most)),
            _ => Room::Unknown,
        }
    }
}

/// Why a filesystem would gain by compression; without words, nothing that is known.
pub(super) fn reasons(context: &Context<'_>, mounted: &Mounted<'_>, limits: &Limits) -> Reasons {
    let (host, filesystem) = (context.host, mounted.filesystem);
    let name = filesystem.name();
    let mut found = Reasons {
        words: Vec::new(),
        evidence: Vec::new(),
        severity: Severity::Advice,
    };
    let diagnosed = context.analysis.diagnoses.iter().find(|d| {
        d.cause == Cause::CompressionMissing
            && d.is_about(name)
            && d.confidence >= Confidence::Medium
    });
    if let Some(diagnosis) = diagnosed {
        found.severity = Severity::Warning;
        let words = "the disk is short of bandwidth, and half the bytes would do";
        found.words.push(words.to_owned());
        found.evidence.extend(diagnosis.evidence());
    }
    // Films, photos and archives do not get smaller.
    if !mounted.holds_any(host, &COMPRESSIBLE) {
        return found;
    }
    let full = facts::space(host, filesystem).and_then(|df| Some((df, df.use_percent()?)));
    if let Some((df, percent)) = full
        && percent.0 >= limits.full_percent as f64
    {
        found.severity = Severity::Warning;
        let words = format!("{percent} of it is in use");
        let source = Source::Metrics(df.source.to_string());
        let evidence = Evidence::speaks_for(
            Weight::Strong,
            source,
            format!("{percent} of {name} is in use"),
        );
        found.words.push(words);
        found.evidence.push(evidence);
    }
    let slow = [
        DiskKind::Emmc,
        DiskKind::SdCard,
        DiskKind::Usb,
        DiskKind::Hdd,
    ];
    if let Some((Medium::Rotational, evidence)) = medium(host, filesystem) {
        found.words.push("the disk is slow to write".to_owned());
        found.evidence.push(evidence);
    } else if let Some(disk) = disks(host, filesystem).find(|d| slow.contains(&d.kind))
        && has_kind(host, filesystem, &slow)
    {
        let source = Source::Hardware(disk.kernel_name.clone());
        let evidence = Evidence::speaks_for(
            Weight::Moderate,
            source,
            format!("{name} lies on a card, a soldered chip or USB"),
        );
        found.words.push("the disk is slow to write".to_owned());
        found.evidence.push(evidence);
    }
    let room = Room::of(
        host,
        filesystem,
        limits.small_gibibytes.saturating_mul(Bytes::GIB),
    );
    if let Room::Small(size) = room {
        let source = Source::Hardware("the disks of the report".to_owned());
        let statement = format!("the disks of {name} have no more than {size}");
        let evidence = Evidence::speaks_for(Weight::Moderate, source, statement);
        found.evidence.push(evidence);
        found
            .words
            .push(format!("the disk has no more than {size}"));
    }
    // Where the disk is not known to be both large and fast, room counts.
    let roomy = room == Room::Large && fast_flash(host, filesystem).is_some();
    if found.words.is_empty() && !roomy && mounted.holds_any(host, &["/nix/store"]) {
        found
            .words
            .push("the Nix store is on it, which gets much smaller".to_owned());
        found.evidence.push(Evidence::speaks_for(
            Weight::Weak,
            Source::Configuration(filesystem.at),
            format!("{name} holds /nix/store"),
        ));
    }
    found
}
