//! Images and layers of containers in snapshots.

use super::engines::{ENGINES, Engine};
use super::held::{Held, held};
use super::own_place::split;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `layout/containers`
pub struct Containers;

static META: Meta = Meta {
    relieves: &[Cause::DockerBtrfsDriver, Cause::OverlayCow],
    ..Meta::new(
        "layout/containers",
        Severity::Warning,
        "Snapshots hold the images and layers of containers",
        include_str!("containers.md"),
    )
};

struct Case<'h> {
    engine: &'static Engine,
    held: Held<'h>,
    at: Option<Span>,
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    let case = |engine: &'static Engine| {
        let settings = &host.settings;
        let enabled = settings.known(engine.enable).filter(|s| s.value == true)?;
        if let Some(needs) = engine.needs
            && (settings.below(needs).next().is_none() || runs_elsewhere(host, engine.name))
        {
            return None;
        }
        // Of drivers that make each layer a subvolume or a dataset of its own, snapshots hold none.
        let mut drivers = engine.drivers.iter().filter_map(|d| settings.get(d));
        let shared = drivers.all(|driver| match driver {
            Ok(driver) => driver.value.is_null() || driver.value.as_str().is_some_and(is_overlay),
            Err(_) => false,
        });
        // Arguments win over what is set elsewhere.
        let arguments = match settings.get("virtualisation.docker.extraOptions") {
            Some(_) if engine.name == "docker" => return None,
            _ => shared,
        };
        let directory = match settings.get(engine.directory) {
            Some(setting) => setting.as_ref().ok()?.value.as_str()?,
            None => engine.default,
        };
        let held = held(host, directory)?;
        (arguments && !held.is_whole()).then_some(Case {
            engine,
            held,
            at: enabled.at,
        })
    };
    ENGINES.iter().filter_map(case).collect()
}

/// Whether the containers that NixOS declares are given to another engine, or perhaps are.
fn runs_elsewhere(host: &Host, engine: &str) -> bool {
    let backend = host.settings.get("virtualisation.oci-containers.backend");
    backend.is_some_and(|backend| {
        backend.as_ref().is_ok_and(|b| b.value != engine) || backend.is_err()
    })
}

fn is_overlay(driver: &str) -> bool {
    matches!(driver, "overlay" | "overlay2" | "fuse-overlayfs")
}

impl Rule for Containers {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let Held {
                directory, mount, ..
            } = &case.held;
            let mut evidence = case.held.evidence();
            let knows = |weight, text: &str| {
                let from = "github.com/moby/moby daemon/graphdriver/driver_linux.go";
                Evidence::speaks_against(weight, Source::Knowledge(from.to_owned()), text)
            };
            let chosen = case.engine.drivers.iter();
            if case.engine.name == "docker"
                && !chosen
                    .into_iter()
                    .any(|d| context.host.settings.is_defined(d))
            {
                evidence.push(knows(
                    Weight::Weak,
                    "a new docker takes overlay2, but one that began with the btrfs driver stays \
                     with it, and its layers are subvolumes that snapshots leave out",
                ));
            }
            Finding {
                rule: META.id,
                subject: directory.clone(),
                severity: Severity::Warning,
                message: format!(
                    "{} keeps images and layers at {directory}, on the subvolume of {}, of which \
                     {} takes snapshots: what is pulled, built and deleted stays in them",
                    case.engine.name,
                    mount.mountpoint,
                    case.held.by()
                ),
                at: case.at,
                evidence,
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let case = cases(host)
            .into_iter()
            .find(|case| case.held.directory == finding.subject)?;
        let Held {
            directory,
            filesystem,
            mount,
            ..
        } = &case.held;
        Some(Remedy {
            title: format!("Make {directory} a subvolume of its own"),
            actions: vec![split(host, filesystem, directory, case.engine.subvolume)?],
            costs: vec![
                format!(
                    "snapshots of {} no longer hold volumes and containers either: back up what \
                     they write by itself",
                    mount.mountpoint
                ),
                "snapshots that exist keep the old layers until they are deleted".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::SnapshotSpace,
        })
    }
}
