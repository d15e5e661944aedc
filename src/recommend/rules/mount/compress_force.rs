//! `compress-force` over data that does not get smaller.

use super::super::wording::listed;
use super::in_force::medium;
use super::view::{Mounted, observed};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Aspect;
use crate::model::Host;
use crate::model::hardware::Medium;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `mount/compress-force`
pub struct CompressForce;

static META: Meta = Meta {
    settings: &[RuleSetting {
        key: "uncompressed_percent",
        default: 60,
        meaning: "The share of data that compsize finds uncompressed, from which force is not worth it",
    }],
    yields_to: &["mount/compression-level"],
    ..Meta::new(
        "mount/compress-force",
        Severity::Advice,
        "compress-force tries to compress data that does not get smaller",
        include_str!("compress_force.md"),
    )
};

/// Services that keep what is compressed or encrypted already: enabled by, kept at, by default at.
const PACKED: [(&str, &str, &str, &str); 2] = [
    (
        "services.immich.enable",
        "services.immich.mediaLocation",
        "/var/lib/immich",
        "photos and videos",
    ),
    (
        "services.restic.server.enable",
        "services.restic.server.dataDir",
        "/var/lib/restic",
        "encrypted backups",
    ),
];

/// Where data that does not get smaller lies, and what it is.
fn packed(host: &Host) -> Vec<(String, &'static str, Evidence)> {
    let settings = &host.settings;
    let mut found = Vec::new();
    for (enable, option, default, what) in PACKED {
        let Some(on) = settings.known(enable).filter(|s| s.value == true) else {
            continue;
        };
        let path = match settings.get(option) {
            Some(Ok(setting)) => setting.value.as_str().map(str::to_owned),
            Some(Err(_)) => None,
            None => Some(default.to_owned()),
        };
        let statement = format!("`{enable}` is set");
        let evidence =
            Evidence::speaks_for(Weight::Moderate, Source::Configuration(on.at), statement);
        found.extend(path.map(|path| (path, what, evidence)));
    }
    let repos = settings.below("services.borgbackup.repos.");
    for (option, setting) in repos.filter(|(option, _)| option.ends_with(".path")) {
        if let Ok(setting) = setting
            && let Some(path) = setting.value.as_str()
        {
            let source = Source::Configuration(setting.at);
            let evidence =
                Evidence::speaks_for(Weight::Moderate, source, format!("`{option}` is {path}"));
            found.push((path.to_owned(), "backups that borg has packed", evidence));
        }
    }
    found
}

/// What is tried in vain on a filesystem, in words and as evidence.
fn in_vain(host: &Host, mounted: &Mounted<'_>) -> Vec<(String, Evidence)> {
    let ours = |path: &str| {
        let holding = host.storage.holding(path);
        holding.is_some_and(|(f, _)| std::ptr::eq(f, mounted.filesystem))
    };
    let mut found: Vec<(String, Evidence)> = packed(host)
        .into_iter()
        .filter(|(path, ..)| ours(path))
        .map(|(path, what, evidence)| (format!("{what} below {path}"), evidence))
        .collect();
    for used in &host.metrics.compression {
        let Some(path) = used.path.as_deref().filter(|path| ours(path)) else {
            continue;
        };
        let sum = |none: bool| {
            let rows = used.rows.iter();
            let rows =
                rows.filter(|r| r.algorithm != "prealloc" && (!none || r.algorithm == "none"));
            rows.map(|r| r.disk.0).fold(0, u64::saturating_add)
        };
        let (raw, all) = (u128::from(sum(true)), u128::from(sum(false)));
        let least = u128::from(META.number(host, "uncompressed_percent"));
        if all > 0 && raw * 100 >= all * least {
            let share = format!(
                "{} % of the data below {path} is not compressed",
                raw * 100 / all
            );
            let source = Source::Metrics(used.source.to_string());
            let evidence = Evidence::speaks_for(Weight::Strong, source, share.clone());
            found.push((share, evidence));
        }
    }
    found
}

fn places(mounted: &Mounted<'_>) -> Vec<(usize, usize)> {
    let forced = mounted
        .in_force()
        .is_some_and(|e| e.compresses && e.state.forces_compression());
    match forced {
        true => mounted.asking(Aspect::Compression, |o| o.name == "compress-force"),
        false => Vec::new(),
    }
}

impl Rule for CompressForce {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let finding = |mounted: &Mounted<'_>| {
            let places = places(mounted);
            let (list, option) = *places.first()?;
            let (words, mut evidence): (Vec<String>, Vec<Evidence>) =
                in_vain(host, mounted).into_iter().unzip();
            if words.is_empty() {
                return None;
            }
            let at = mounted.mountpoints(&places);
            evidence.extend(mounted.written(&places));
            evidence.extend(observed(host, at.first()?));
            evidence.push(Evidence::speaks_against(
                Weight::Weak,
                Source::Knowledge("measured on 6.18.44".to_owned()),
                "a file that begins with data that does not get smaller stays uncompressed without \
                 force: 0 % saved of 32 MiB of text behind 128 KiB of noise",
            ));
            if medium(host, mounted.filesystem).is_some_and(|m| m.0 == Medium::Rotational) {
                evidence.push(Evidence::speaks_against(
                    Weight::Weak,
                    Source::Hardware("a disk that rotates lies below".to_owned()),
                    "a processor tries faster than a hard disk writes",
                ));
            }
            Some(Finding {
                rule: META.id,
                subject: mounted.filesystem.name().to_owned(),
                severity: Severity::Advice,
                message: format!(
                    "{} on {} makes the processor try every block, also where that gains nothing: {}",
                    listed(&mounted.texts(&places)),
                    listed(&at),
                    listed(&words)
                ),
                at: mounted.lists[list].at(option),
                evidence,
            })
        };
        Mounted::all(host).iter().filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = Mounted::all(context.host);
        let mounted = all
            .iter()
            .find(|m| m.filesystem.name() == finding.subject)?;
        let mounts = mounted.edits(&places(mounted), |option| {
            Some(option.text.replacen("compress-force", "compress", 1))
        });
        (!mounts.is_empty()).then(|| Remedy {
            title: "Compress without force".to_owned(),
            actions: vec![Action::EditMountOptions { mounts }],
            costs: vec![
                "files that begin with data that does not get smaller are written as they are: of a \
                 tar that begins with packed files 0 % were saved instead of 35 %"
                    .to_owned(),
                "files whose first few bytes did not get smaller are marked, and what is appended \
                 to them later is not compressed"
                    .to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::LowerCompression,
        })
    }
}
