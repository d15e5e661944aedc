//! Compression that takes more processor time than it saves.

use super::super::wording::listed;
use super::in_force::{fast_flash, medium, work_on};
use super::view::{Mounted, observed};
use crate::analyze::{Cause, Confidence, Evidence, Source, Weight, WorkloadKind};
use crate::btrfs::{Aspect, Compression};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `mount/compression-level`
pub struct CompressionLevel;

static META: Meta = Meta {
    relieves: &[Cause::CompressionCpuBound],
    settings: &[
        RuleSetting {
            key: "highest_zstd_level_on_flash",
            default: 5,
            meaning: "The highest level of zstd that is let pass on solid state disks",
        },
        RuleSetting {
            key: "highest_zstd_level_elsewhere",
            default: 9,
            meaning: "The highest level of zstd that is let pass on other disks",
        },
    ],
    ..Meta::new(
        "mount/compression-level",
        Severity::Warning,
        "Compression takes more processor time than its level is worth",
        include_str!("compression_level.md"),
    )
};

const MEASURED: &str = "measured on 6.18.44: 32 MiB of source text, two shared cores";

const HIGH: &str =
    "zstd:3 gave 7.95 MB in 0.2 s, zstd:9 7.16 MB in 0.7 s, zstd:15 6.82 MB in 4.9 s";
const ZLIB: &str =
    "zlib:3 gave 8.67 MB, zstd:1 8.44 MB; zlib:9 7.68 MB in 2.1 s, zstd:6 7.32 MB in 0.4 s";

/// Where the system and its people wait for writes.
const SYSTEM: [&str; 3] = ["/", "/nix", "/home"];
const INTERACTIVE: [WorkloadKind; 3] = [
    WorkloadKind::Desktop,
    WorkloadKind::Game,
    WorkloadKind::Build,
];

/// Compression in force that is dearer than it need be.
struct Case<'a> {
    mounted: &'a Mounted<'a>,
    places: Vec<(usize, usize)>,
    now: Compression,
    better: Compression,
    severity: Severity,
    evidence: Vec<Evidence>,
}

fn case<'a>(context: &Context<'_>, mounted: &'a Mounted<'a>) -> Option<Case<'a>> {
    let host = context.host;
    let now = mounted.in_force()?.state.compression()?;
    let places = mounted.asking(Aspect::Compression, |o| {
        mounted.compression(o).0 == Some(now)
    });
    // Where mounts do not agree: mount/inconsistent-options.
    let all = mounted.asking(Aspect::Compression, |_| true);
    if places.is_empty() || places.len() != all.len() {
        return None;
    }
    let flash = fast_flash(host, mounted.filesystem);
    let work = work_on(context, mounted.filesystem, &INTERACTIVE);
    let is_quick =
        flash.is_some() || (!work.is_empty() && medium(host, mounted.filesystem).is_none());
    let highest = |key| i64::try_from(META.number(host, key)).unwrap_or(i64::MAX);
    let limit = match is_quick {
        true => highest("highest_zstd_level_on_flash"),
        false => highest("highest_zstd_level_elsewhere"),
    };
    let system = mounted.holds_any(host, &SYSTEM) || !work.is_empty();
    let diagnosed = context.analysis.diagnoses.iter().find(|d| {
        d.cause == Cause::CompressionCpuBound
            && d.is_about(mounted.filesystem.name())
            && d.confidence >= Confidence::Medium
    });
    let known = |statement: &str| {
        let source = Source::Knowledge(MEASURED.to_owned());
        Evidence::speaks_for(Weight::Moderate, source, statement)
    };
    let (better, mut evidence) = match now {
        Compression::Zstd(level)
            if i64::from(level) > limit && level > 3 && (is_quick || system) =>
        {
            (Compression::Zstd(3), vec![known(HIGH)])
        }
        Compression::Zlib(7..) if limit >= 6 => (Compression::Zstd(6), vec![known(ZLIB)]),
        Compression::Zlib(_) => (Compression::Zstd(3), vec![known(ZLIB)]),
        Compression::Zstd(_) | Compression::Lzo => return None,
    };
    evidence.extend(flash);
    evidence.extend(mounted.written(&places));
    let dear = is_quick && matches!(now, Compression::Zstd(9..));
    let severity = match dear || diagnosed.is_some() {
        true => Severity::Warning,
        false => Severity::Advice,
    };
    evidence.extend(diagnosed.into_iter().flat_map(|d| d.evidence()));
    Some(Case {
        mounted,
        places,
        now,
        better,
        severity,
        evidence,
    })
}

impl Case<'_> {
    fn message(&self) -> String {
        let texts = listed(&self.mounted.texts(&self.places));
        let at = listed(&self.mounted.mountpoints(&self.places));
        let (now, better) = (self.now, self.better);
        let bare = !texts.contains('=');
        match self.now {
            Compression::Zlib(_) if bare => format!(
                "{texts} on {at} means {now}, not zstd: {better} packs about as well for less \
                 processor time"
            ),
            Compression::Zlib(_) => format!(
                "{texts} on {at}: {better} packs about as well as {now} for less processor time"
            ),
            _ => format!(
                "{texts} on {at} takes more processor time than {better} would, \
                 and packs little better"
            ),
        }
    }
}

impl Rule for CompressionLevel {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |mounted: &Mounted<'_>| {
            let mut case = case(context, mounted)?;
            let (list, option) = *case.places.first()?;
            let seen = &mounted.lists[list];
            let running = observed(context.host, &seen.mount.mountpoint);
            case.evidence.extend(running);
            Some(Finding {
                rule: META.id,
                subject: mounted.filesystem.name().to_owned(),
                severity: case.severity,
                message: case.message(),
                at: seen.at(option),
                evidence: case.evidence,
            })
        };
        Mounted::all(context.host)
            .iter()
            .filter_map(finding)
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let case = case(context, mounted)?;
        let mounts = mounted.edits(&case.places, |option| {
            let name = match mounted.compression(option).1 {
                true => "compress-force",
                false => "compress",
            };
            Some(format!("{name}={}", case.better))
        });
        let larger = match case.now {
            Compression::Zstd(_) => {
                "new files take more room: of 32 MiB of source text zstd:3 \
                 left 7.95 MB where zstd:9 left 7.16 and zstd:15 left 6.82"
            }
            _ => "old tools that read the disk (GRUB before 2.04) know zlib and not zstd",
        };
        (!mounts.is_empty()).then(|| Remedy {
            title: format!("Compress with {}", case.better),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                larger.to_owned(),
                "what is on the disk already stays as it is".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::LowerCompression,
        })
    }
}
