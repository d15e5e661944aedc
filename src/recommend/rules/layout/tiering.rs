//! What is read and written at random, on hard disks beside flash.

use super::super::devices::{is_guest, medium};
use super::databases::databases;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::hardware::Medium;
use crate::model::units::Bytes;
use crate::model::{Filesystem, Host};
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, RuleSetting, Severity};

/// `layout/tiering`
pub struct Tiering;

const LEAST_FREE: &str = "least_free_gib";

static META: Meta = Meta {
    relieves: &[Cause::HddSeekBound],
    settings: &[RuleSetting {
        key: LEAST_FREE,
        default: 20,
        meaning: "flash with less free space, in GiB, is not proposed",
    }],
    ..Meta::new(
        "layout/tiering",
        Severity::Advice,
        "A database, the Nix store or docker lies on hard disks beside flash",
        include_str!("tiering.md"),
    )
};

/// Something that seeks much.
struct Hot {
    name: &'static str,
    directory: String,
    at: Option<Span>,
}

struct Case<'h> {
    hot: Hot,
    slow: &'h Filesystem,
    fast: &'h Filesystem,
    evidence: Vec<Evidence>,
}

fn hot(host: &Host) -> Vec<Hot> {
    let mut all: Vec<Hot> = databases(host)
        .into_iter()
        .map(|database| Hot {
            name: database.name,
            directory: database.directory,
            at: database.at,
        })
        .collect();
    let settings = &host.settings;
    if let Some(enabled) = settings.known("virtualisation.docker.enable")
        && enabled.value == true
    {
        let directory = match settings.get("virtualisation.docker.daemon.settings.data-root") {
            Some(Ok(setting)) => setting.value.as_str(),
            Some(Err(_)) => None,
            None => Some("/var/lib/docker"),
        };
        all.extend(directory.map(|directory| Hot {
            name: "docker",
            directory: directory.to_owned(),
            at: enabled.at,
        }));
    }
    let store = host.storage.mount("/nix").or(host.storage.mount("/"));
    all.extend(store.map(|(_, mount)| Hot {
        name: "the Nix store",
        directory: "/nix".to_owned(),
        at: mount.at,
    }));
    all
}

/// Whether a filesystem is known to have too little room.
fn is_full(host: &Host, filesystem: &Filesystem) -> bool {
    let least = META.number(host, LEAST_FREE).saturating_mul(Bytes::GIB);
    host.metrics.filesystems.iter().any(|entry| {
        let ours = filesystem.mount(&entry.mountpoint).is_some();
        ours && entry.available.is_some_and(|available| available.0 < least)
    })
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    // What lies below a guest's disks is not seen from within.
    if is_guest(host) {
        return Vec::new();
    }
    let case = |hot: Hot| {
        let (slow, _) = host.storage.holding(&hot.directory)?;
        let (Medium::Rotational, rotates) = medium(host, slow)? else {
            return None;
        };
        let others = host.storage.filesystems.iter();
        let others = others.filter(|f| !f.mounts.is_empty() && f.name() != slow.name());
        let mut flash = others.filter_map(|f| match medium(host, f)? {
            (Medium::SolidState, evidence) if !is_full(host, f) => Some((f, evidence)),
            _ => None,
        });
        let (fast, is_flash) = flash.next()?;
        let at_work = Evidence::speaks_for(
            Weight::Moderate,
            Source::Configuration(hot.at),
            format!("{} works at random places in {}", hot.name, hot.directory),
        );
        Some(Case {
            hot,
            slow,
            fast,
            evidence: vec![rotates, is_flash, at_work],
        })
    };
    hot(host).into_iter().filter_map(case).collect()
}

impl Rule for Tiering {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: case.hot.directory.clone(),
            severity: Severity::Advice,
            message: format!(
                "{} lies at {}, on the hard disks of {}, where each random access costs a seek; the \
                 filesystem of {} lies on flash. Where there is room, give it a subvolume there",
                case.hot.name,
                case.hot.directory,
                case.slow.name(),
                case.fast.name()
            ),
            at: case.hot.at,
            evidence: case.evidence,
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    /// None: how large the data is, and may become, only its owner knows.
    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
