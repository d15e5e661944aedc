//! A storage driver of docker that is slow on btrfs, or that docker no longer has.

use serde_json::Value as Json;

use super::builds::release;
use super::option;
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::model::{Host, Release, Setting};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `system/docker-driver`
pub struct DockerDriver;

static META: Meta = Meta {
    relieves: &[Cause::DockerBtrfsDriver],
    ..Meta::new(
        "system/docker-driver",
        Severity::Warning,
        "Docker keeps its layers in a way that is slow on btrfs, or is gone",
        include_str!("docker_driver.md"),
    )
};

const DRIVER: [&str; 2] = [
    "virtualisation.docker.storageDriver",
    "virtualisation.docker.daemon.settings.storage-driver",
];
const DATA: [&str; 2] = [
    "virtualisation.docker.daemon.settings.data-root",
    "virtualisation.docker.daemon.settings.graph",
];
const GOOD: &str = "overlay2";
const DOCS: &str = "https://docs.docker.com/engine/storage/drivers/btrfs-driver/";
const ISSUE: &str = "https://github.com/moby/moby/issues/27653";
const DEPRECATED: &str = "https://docs.docker.com/engine/deprecated/";

/// Drivers that docker removed: in which version, and a release of NixOS that has a later one.
const REMOVED: [(&str, &str, Release); 3] = [
    ("aufs", "24.0", Release::new(24, 5)),
    ("overlay", "24.0", Release::new(24, 5)),
    ("devicemapper", "25.0", Release::new(25, 5)),
];

struct Case<'a> {
    path: &'static str,
    setting: &'a Setting,
    severity: Severity,
    message: String,
    evidence: Vec<Evidence>,
    /// Images and containers of the old driver are there to be lost sight of.
    works_now: bool,
}

/// The data directory; `None` where it is not known.
fn data_root(host: &Host) -> Option<String> {
    match DATA.iter().find_map(|option| host.settings.get(option)) {
        None => Some("/var/lib/docker".to_owned()),
        Some(Ok(setting)) => setting.value.as_str().map(str::to_owned),
        Some(Err(_)) => None,
    }
}

fn case<'a>(context: &Context<'a>) -> Option<Case<'a>> {
    let host: &'a Host = context.host;
    let settings = &host.settings;
    if !settings.is_true("virtualisation.docker.enable") {
        return None;
    }
    let (path, setting, driver) = DRIVER.into_iter().find_map(|path| {
        let setting = settings.known(path)?;
        Some((path, setting, setting.value.as_str()?))
    })?;
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Strong,
        Source::Configuration(setting.at),
        format!("{path} is {driver}"),
    )];
    if let Some((_, version, since)) = REMOVED.iter().find(|(name, ..)| *name == driver) {
        // Whoever chooses the package chooses the version.
        let chosen = settings.below("virtualisation.docker.package").next();
        if chosen.is_some() || release(host).is_none_or(|release| release < *since) {
            return None;
        }
        let says = format!("the driver {driver} was removed in Docker Engine {version}");
        let source = Source::Knowledge(DEPRECATED.to_owned());
        evidence.push(Evidence::speaks_for(Weight::Strong, source, says));
        return Some(Case {
            path,
            setting,
            severity: Severity::Warning,
            message: format!(
                "docker does not start: the storage driver {driver} was removed in Docker Engine {version}, \
                 and NixOS {since} and later have a newer one"
            ),
            evidence,
            works_now: false,
        });
    }
    let root = data_root(host)?;
    let (filesystem, _) = host.storage.holding(&root).filter(|_| driver == "btrfs")?;
    let known = |weight, source: &str, says: &str| {
        Evidence::speaks_for(weight, Source::Knowledge(source.to_owned()), says)
    };
    evidence.push(known(
        Weight::Strong,
        DOCS,
        "Docker advises overlay2 in most cases, on btrfs as well, and names known issues of btrfs",
    ));
    evidence.push(known(
        Weight::Moderate,
        ISSUE,
        "space that is not given back; overlay2 is recommended for all users",
    ));
    let work = context.analysis.workload(WorkloadKind::Container);
    let complaint = work.filter(|w| w.complained_about);
    evidence.extend(complaint.and_then(|w| w.evidence.first().cloned()));
    Some(Case {
        path,
        setting,
        severity: match complaint {
            Some(_) => Severity::Warning,
            None => Severity::Advice,
        },
        message: format!(
            "The btrfs driver of docker makes a subvolume of every layer of every image and container on {}: \
             removing them keeps the cleaner busy, and snapshots and backup tools see hundreds of subvolumes. \
             overlay2 works on btrfs",
            filesystem.name()
        ),
        evidence,
        works_now: true,
    })
}

impl Rule for DockerDriver {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: DRIVER[0].to_owned(),
            severity: case.severity,
            message: case.message,
            at: case.setting.at,
            evidence: case.evidence,
        };
        case(context).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let case = case(context)?;
        let mut costs = vec![
            "images, containers and what was written into containers are not seen by the other driver: \
             save what is needed first (docker save, docker commit), and pull the rest again"
                .to_owned(),
        ];
        if case.works_now {
            costs.push(
                "limits of size for a container (--storage-opt size) are not to be had: overlay2 has them \
                 on xfs only"
                    .to_owned(),
            );
        }
        Some(Remedy {
            title: format!("Use the storage driver {GOOD}"),
            actions: vec![Action::SetNixosOption {
                path: option(case.path),
                value: Json::from(GOOD),
            }],
            costs,
            applicability: Applicability::Consent,
            effect: Effect::Containers,
        })
    }
}
