//! Builds in memory that is too small for them, or on a disk that is too slow where memory would do.

use serde_json::Value as Json;

use super::super::devices;
use super::builds::{BUILD_DIR, TMPDIR, complaint, in_tmp, release};
use super::memory::memory;
use super::option;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::hardware::Medium;
use crate::model::units::Bytes;
use crate::model::{Host, Release};
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

const USE_TMPFS: [&str; 2] = ["boot.tmp.useTmpfs", "boot.tmpOnTmpfs"];
const SIZE: [&str; 2] = ["boot.tmp.tmpfsSize", "boot.tmpOnTmpfsSize"];
const ON_DISK: &str = "/var/tmp";
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

/// How large the tmpfs of `/tmp` may get: a share of memory, or a number of bytes.
fn size(host: &Host, memory: Bytes) -> Option<Bytes> {
    let written = SIZE.iter().find_map(|option| host.settings.get(option));
    let text = match written {
        None => "50%".to_owned(),
        Some(Err(_)) => return None,
        Some(Ok(setting)) => match &setting.value {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            _ => return None,
        },
    };
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().ok()?;
        return Some(Bytes((memory.0 as f64 * percent / 100.0) as u64));
    }
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let unit = match unit {
        "" => 1,
        "k" | "K" => Bytes::KIB,
        "m" | "M" => Bytes::MIB,
        "g" | "G" => Bytes::GIB,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Bytes)
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

/// The change that takes builds out of the tmpfs.
fn out_of_memory(host: &Host) -> Option<Action> {
    // Nix refuses to build below a directory that everybody may write, so that /var/tmp is no
    // place for build-dir; its default is one of its own, from 2.30 on.
    if host.settings.is_defined(BUILD_DIR) {
        let by_default = release(host).is_some_and(|r| r >= Release::new(25, 11));
        return by_default.then(|| Action::UnsetNixosOption {
            path: option(BUILD_DIR),
        });
    }
    host.storage.holding(ON_DISK)?;
    Some(Action::SetNixosOption {
        path: option(TMPDIR),
        value: Json::from(ON_DISK),
    })
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
                    path: option(USE_TMPFS[0]),
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
