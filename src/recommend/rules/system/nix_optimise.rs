//! The Nix store is linked at every build, where a timer would do.

use serde_json::Value as Json;

use super::builds::complaint;
use super::option;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::{Host, Setting};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `system/nix-optimise`
pub struct NixOptimise;

static META: Meta = Meta {
    relieves: &[Cause::NixStoreGcOptimise],
    ..Meta::new(
        "system/nix-optimise",
        Severity::Advice,
        "Each store path is hashed and linked when it is added, and again by a timer",
        include_str!("nix_optimise.md"),
    )
};

const AT_ONCE: &str = "nix.settings.auto-optimise-store";
/// Its name before NixOS 22.05, still renamed to the other.
const OLD: &str = "nix.autoOptimiseStore";
const BY_TIMER: &str = "nix.optimise.automatic";
const MANUAL: &str =
    "https://nix.dev/manual/nix/stable/command-ref/conf-file.html (auto-optimise-store)";
const TIMER: &str = "nixpkgs nixos/modules/services/misc/nix-optimise.nix";

struct Case<'a> {
    /// The option as it is written.
    path: &'static str,
    setting: &'a Setting,
    /// The timer runs as well.
    both: bool,
    slow: Option<Evidence>,
}

fn case<'a>(context: &Context<'a>) -> Option<Case<'a>> {
    let host: &Host = context.host;
    let settings = &host.settings;
    if settings.get("nix.settings").is_some_and(Result::is_err)
        || settings.get(BY_TIMER).is_some_and(Result::is_err)
    {
        return None;
    }
    let path = match (settings.is_true(AT_ONCE), settings.is_defined(AT_ONCE)) {
        (true, _) if !settings.is_defined(OLD) => AT_ONCE,
        (false, false) if settings.is_true(OLD) => OLD,
        _ => return None,
    };
    let setting = settings.known(path)?;
    let both = settings.is_true(BY_TIMER);
    let slow = complaint(context);
    (both || slow.is_some()).then_some(Case {
        path,
        setting,
        both,
        slow,
    })
}

impl Rule for NixOptimise {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let Some(case) = case(context) else {
            return Vec::new();
        };
        let knowledge = |source: &str, says: &str| {
            Evidence::speaks_for(Weight::Moderate, Source::Knowledge(source.to_owned()), says)
        };
        let mut evidence = vec![
            Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(case.setting.at),
                format!("{} is true", case.path),
            ),
            knowledge(
                MANUAL,
                "every file of a new store path is hashed, looked up in .links and replaced by a link",
            ),
        ];
        if case.both {
            let at = context.host.settings.known(BY_TIMER).and_then(|s| s.at);
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(at),
                format!("{BY_TIMER} is true"),
            ));
            evidence.push(knowledge(
                TIMER,
                "the timer runs nix-store --optimise over the whole store",
            ));
        }
        let message = match case.both {
            true => format!(
                "{} links equal files whenever a path is added, and {BY_TIMER} walks through the whole store \
                 to do the same: one of them is enough, and the timer does not hold builds up",
                case.path
            ),
            false => format!(
                "{} hashes and links every file that is added to the store while you wait for it; a timer \
                 ({BY_TIMER}) does the same at night",
                case.path
            ),
        };
        evidence.extend(case.slow);
        vec![Finding {
            rule: META.id,
            subject: AT_ONCE.to_owned(),
            severity: Severity::Advice,
            message,
            at: case.setting.at,
            evidence,
        }]
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let case = case(context)?;
        let set = |path: &str, on: bool| Action::SetNixosOption {
            path: option(path),
            value: Json::Bool(on),
        };
        let mut actions = vec![set(case.path, false)];
        if !case.both {
            // Who wrote that no timer should run is asked for nothing.
            if context.host.settings.is_defined(BY_TIMER) {
                return None;
            }
            actions.push(set(BY_TIMER, true));
        }
        Some(Remedy {
            title: "Link equal files of the store by the timer only".to_owned(),
            actions,
            costs: vec![
                "until the timer runs, equal files of new paths take their space twice".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::LessMaintenance,
        })
    }
}
