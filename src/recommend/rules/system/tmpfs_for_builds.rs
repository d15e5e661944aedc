//! Builds in memory that is too small for them, or on a disk that is too slow where memory would do.

use serde_json::Value as Json;

use super::super::devices;
use super::builds::{SIZE, USE_TMPFS, complaint, in_memory, in_tmp, out_of_memory, size};
use super::memory::memory;
use super::option;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::model::units::Bytes;
use crate::nix::source::Span;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `system/tmpfs-for-builds`
pub struct TmpfsForBuilds;

static META: Meta = Meta {
    settings: &[
        RuleSetting {
            key: "smallest_gib",
            default: 6,
            meaning: "the smallest tmpfs, in GiB, that builds are trusted to fit into",
        },
        RuleSetting {
            key: "much_memory_gib",
            default: 32,
            meaning: "from how much memory on, in GiB, builds may be done in it",
        },
    ],
    ..Meta::new(
        "system/tmpfs-for-builds",
        Severity::Advice,
        "Nix builds in a tmpfs that is too small, or on a hard disk beside plenty of memory",
        include_str!("tmpfs_for_builds.md"),
    )
};

const TMP: &str = "nixpkgs nixos/modules/system/boot/tmp.nix";

enum Way {
    /// The tmpfs is small, and builds go into it.
    TooSmall(Bytes),
    /// Builds go to a hard disk, and memory would hold them.
    TooSlow,
}

struct Case {
    way: Way,
    at: Option<Span>,
    evidence: Vec<Evidence>,
}

fn too_small(context: &Context<'_>, host: &Host) -> Option<Case> {
    let used = USE_TMPFS.iter().find(|o| host.settings.is_true(o))?;
    let at = host.settings.known(used).and_then(|s| s.at);
    let (memory, source) = memory(host)?;
    let size = size(host, memory)?;
    let smallest = Bytes(META.number(host, "smallest_gib").saturating_mul(Bytes::GIB));
    let builds = in_tmp(host).filter(|_| size < smallest)?;
    let mut evidence = vec![
        Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(at),
            format!("{used} is true"),
        ),
        Evidence::speaks_for(Weight::Moderate, source, format!("{memory} of memory")),
        builds,
        Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge(TMP.to_owned()),
            "the option itself warns that large builds fail when the tmpfs is not large enough",
        ),
    ];
    evidence.extend(complaint(context));
    let way = Way::TooSmall(size);
    Some(Case { way, at, evidence })
}

fn too_slow(context: &Context<'_>, host: &Host) -> Option<Case> {
    let undecided = |options: &[&str]| !options.iter().any(|o| host.settings.is_defined(o));
    if !undecided(&USE_TMPFS) || !undecided(&SIZE) || !undecided(&["boot.tmp"]) {
        return None;
    }
    let (filesystem, mount) = host.storage.holding("/tmp")?;
    let (Medium::Rotational, disk) = devices::medium(host, filesystem)? else {
        return None;
    };
    // Somebody gave /tmp a place of its own.
    if mount.mountpoint == "/tmp" {
        return None;
    }
    let (memory, source) = memory(host)?;
    let much = Bytes(
        META.number(host, "much_memory_gib")
            .saturating_mul(Bytes::GIB),
    );
    // The kernel keeps a few percent of what is installed.
    if memory.0 < much.0 / 16 * 15 {
        return None;
    }
    let evidence = vec![
        complaint(context)?,
        in_tmp(host)?,
        disk,
        Evidence::speaks_for(Weight::Moderate, source, format!("{memory} of memory")),
    ];
    Some(Case {
        way: Way::TooSlow,
        at: filesystem.at,
        evidence,
    })
}

fn case(context: &Context<'_>) -> Option<Case> {
    let host = context.host;
    too_small(context, host).or_else(|| too_slow(context, host))
}

impl Rule for TmpfsForBuilds {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case| Finding {
            rule: META.id,
            subject: USE_TMPFS[0].to_owned(),
            severity: Severity::Advice,
            message: match case.way {
                Way::TooSmall(size) => format!(
                    "Nix builds in /tmp, which is a tmpfs of at most {size}: what does not fit fails with \
                     \"No space left on device\", and what fits is missing from the page cache. Builds can \
                     go to the disk while /tmp stays in memory"
                ),
                Way::TooSlow => {
                    "Nix builds in /tmp on a hard disk, beside memory that would hold the \
                                 builds: object files are written to the disk to be deleted"
                        .to_owned()
                }
            },
            at: case.at,
            evidence: case.evidence,
        };
        case(context).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let (title, action, cost, effect) = match case(context)?.way {
            Way::TooSmall(_) => (
                "Build on the disk",
                out_of_memory(context.host)?,
                "small builds wait for the disk as well",
                Effect::Correctness,
            ),
            Way::TooSlow => (
                "Keep /tmp in memory",
                Action::SetNixosOption {
                    path: option(in_memory(context.host)),
                    value: Json::Bool(true),
                },
                "what lies in /tmp takes memory, up to half of it, and is gone at each boot; a build that \
                 is larger fails",
                Effect::InMemory,
            ),
        };
        Some(Remedy {
            title: title.to_owned(),
            actions: vec![action],
            costs: vec![cost.to_owned()],
            applicability: Applicability::Safe,
            effect,
        })
    }
}
