//! Filesystems of which no mount asks for compression.

use super::super::wording::listed;
use super::view::{List, Mounted, observed};
use super::worth::{Limits, reasons};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{Aspect, Switch};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, RuleSetting,
    Severity,
};

/// `mount/compression-missing`
pub struct CompressionMissing;

static META: Meta = Meta {
    relieves: &[Cause::CompressionMissing, Cause::FilesystemNearlyFull],
    settings: &[
        RuleSetting {
            key: "small_disk_gibibytes",
            default: 256,
            meaning: "Disks up to this size are short of room sooner or later",
        },
        RuleSetting {
            key: "full_percent",
            default: 80,
            meaning: "Filesystems that are in use to this share are short of room",
        },
    ],
    after: &["mount/conflicting-options", "mount/unknown-option"],
    ..Meta::new(
        "mount/compression-missing",
        Severity::Warning,
        "Nothing is compressed where that would save room or time",
        include_str!("compression_missing.md"),
    )
};

const OPTION: &str = "compress=zstd:1";

const MEASURED: &str = "measured on 6.18.44: 2350 headers, scripts and libraries unpacked";

/// Whether a mount shows nothing but swap files or what boots the machine.
fn is_special(mounted: &Mounted<'_>, list: &List<'_>) -> bool {
    let at = &list.mount.mountpoint;
    let subvolumes = &mounted.filesystem.subvolumes;
    let own = subvolumes
        .iter()
        .find(|s| matches!(&s.mountpoint, Ok(Some(point)) if point == at));
    let swap = own.is_some_and(|s| !s.swap.is_empty()) || at.contains("swap");
    swap || ["/boot", "/efi", "/boot/efi"].contains(&at.as_str())
}

/// Whether somebody has said anything about compression or copy on write, also by a word that
/// fails (mount/unknown-option) or for a directory.
fn is_settled(context: &Context<'_>, mounted: &Mounted<'_>) -> bool {
    let abouts = [Aspect::Compression, Aspect::DataCow, Aspect::DataSum];
    let said = abouts
        .iter()
        .any(|about| !mounted.asking(*about, |_| true).is_empty());
    let promised = (0..mounted.lists.len()).any(|list| mounted.promises(list, Aspect::Compression));
    let rules = context.host.settings.get("systemd.tmpfiles.rules");
    let by_directory = match rules {
        Some(Ok(setting)) => setting.value.as_array().into_iter().flatten().any(|rule| {
            let words: Vec<&str> = rule
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            let [kind, .., argument] = words.as_slice() else {
                return false;
            };
            kind.starts_with(['h', 'H']) && argument.starts_with('+') && argument.contains('c')
        }),
        _ => false,
    };
    // Whether or not the initrd heeds it.
    let parameters = context.host.settings.known("boot.kernelParams");
    let mut parameters = parameters
        .and_then(|s| s.value.as_array())
        .into_iter()
        .flatten();
    let by_parameter = parameters.any(|p| p.as_str().is_some_and(|p| p.contains("compress")));
    said || promised || by_directory || by_parameter
}

/// The mounts that have to ask, with the edits: all that count for what is in force.
fn edits(mounted: &Mounted<'_>) -> Vec<MountEdit> {
    let decider = mounted.decider();
    let lists = mounted.lists.iter().enumerate();
    lists
        .filter(|(index, list)| {
            // Where one mount decides, those for swap files need not say anything.
            decider.is_none_or(|first| *index == first || !is_special(mounted, list))
        })
        .map(|(_, list)| list.with(OPTION))
        .collect()
}

fn finding(context: &Context<'_>, mounted: &Mounted<'_>) -> Option<Finding> {
    let effective = mounted.in_force()?;
    let special = |list: &List<'_>| is_special(mounted, list);
    if effective.compresses
        || effective.state.is(Switch::ReadOnly)
        || mounted.lists.iter().all(special)
        || is_settled(context, mounted)
    {
        return None;
    }
    let limits = Limits {
        small_gibibytes: META.number(context.host, "small_disk_gibibytes"),
        full_percent: META.number(context.host, "full_percent"),
    };
    let reasons = reasons(context, mounted, &limits);
    if reasons.words.is_empty() {
        return None;
    }
    let name = mounted.filesystem.name();
    let first = mounted.lists.iter().find(|list| !special(list))?;
    let mut evidence = reasons.evidence;
    evidence.push(Evidence::speaks_for(
        Weight::Moderate,
        Source::Configuration(first.mount.at),
        format!("no mount of the filesystem of {name} asks for compression"),
    ));
    evidence.extend(observed(context.host, &first.mount.mountpoint));
    evidence.push(Evidence::speaks_for(
        Weight::Moderate,
        Source::Knowledge(MEASURED.to_owned()),
        "zstd:1 wrote 18.8 MB instead of 43.7 MB",
    ));
    evidence.push(Evidence::speaks_against(
        Weight::Moderate,
        Source::Knowledge(MEASURED.to_owned()),
        "it saved 14 % of the requests: a disk that is short of those gets no faster",
    ));
    Some(Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity: reasons.severity,
        message: format!(
            "Nothing on the filesystem of {name} is compressed, and {}",
            listed(&reasons.words)
        ),
        at: first.mount.at,
        evidence,
    })
}

impl Rule for CompressionMissing {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let all = Mounted::all(context.host);
        all.iter().filter_map(|m| finding(context, m)).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let mounts = edits(mounted);
        (!mounts.is_empty()).then(|| Remedy {
            title: format!("Mount with `{OPTION}`"),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                "writing takes processor time: 0.31 s instead of 0.23 s in kernel threads for 2350 \
                 files of 36 MB (measured), and on a fast disk it can take longer than without"
                    .to_owned(),
                "what is on the disk already stays as it is".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::Compression,
        })
    }
}
