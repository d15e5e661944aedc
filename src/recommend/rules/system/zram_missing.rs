//! Little memory, and nothing to swap to.

use serde_json::Value as Json;

use super::super::devices::is_guest;
use super::builds::complaint;
use super::memory::{memory, shortage};
use super::zram_sysctls::wanted;
use super::{option, set_sysctl, swap};
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::model::Host;
use crate::model::hardware::FormFactor;
use crate::model::units::Bytes;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `system/zram-missing`
pub struct ZramMissing;

static META: Meta = Meta {
    relieves: &[Cause::RamTooSmall, Cause::SwapThrash],
    settings: &[RuleSetting {
        key: "largest_gib",
        default: 8,
        meaning: "the largest memory, in GiB, that is called little",
    }],
    ..Meta::new(
        "system/zram-missing",
        Severity::Advice,
        "A machine with little memory has nothing to swap to",
        include_str!("zram_missing.md"),
    )
};

const OPTION: &str = "zramSwap.enable";
const ZRAM: &str = "nixpkgs nixos/modules/config/zram.nix";

/// Services that want no swap, or decide about it themselves.
const REFUSES_SWAP: [&str; 3] = [
    "services.k3s.enable",
    "services.rke2.enable",
    "services.kubernetes.kubelet.enable",
];

/// Nothing was swapped to when it was measured, and the configuration names nothing.
fn no_swap(host: &Host) -> Option<Evidence> {
    if swap::may_exist(host) || host.settings.is_defined("zramSwap") || !host.skipped.is_empty() {
        return None;
    }
    if host.settings.is_defined(OPTION) || REFUSES_SWAP.iter().any(|o| host.settings.is_defined(o))
    {
        return None;
    }
    let source = match (&host.metrics.swaps, &host.metrics.memory) {
        (Some(swaps), _) if swaps.is_empty() => swaps.source.to_string(),
        (None, Some(info)) if info.swap_total == Some(Bytes(0)) => info.source.to_string(),
        _ => return None,
    };
    let says = "there was no swap when it was measured";
    Some(Evidence::speaks_for(
        Weight::Strong,
        Source::Metrics(source),
        says,
    ))
}

/// What the machine does that fills memory.
fn fills(context: &Context<'_>) -> Vec<Evidence> {
    let mut found = shortage(context);
    found.extend(complaint(context));
    let form = context.host.hardware.as_ref().and_then(|h| h.form_factor);
    // The chassis of a virtual machine is an invention.
    if let Some(form @ (FormFactor::Laptop | FormFactor::Desktop)) = form
        && !is_guest(context.host)
    {
        let says = match form {
            FormFactor::Laptop => "it is a laptop: browsers and editors stay open",
            _ => "it is a desktop machine: browsers and editors stay open",
        };
        let source = Source::Hardware("form factor".to_owned());
        found.push(Evidence::speaks_for(Weight::Weak, source, says));
    }
    for kind in [WorkloadKind::Build, WorkloadKind::Desktop] {
        if let Some(work) = context.analysis.workload(kind) {
            found.extend(work.evidence.iter().take(1).cloned());
        }
    }
    found
}

/// What speaks for it; empty where it is not so.
fn evidence(context: &Context<'_>) -> Vec<Evidence> {
    let host = context.host;
    let largest = Bytes(META.number(host, "largest_gib").saturating_mul(Bytes::GIB));
    let Some((bytes, source)) = memory(host).filter(|(bytes, _)| *bytes <= largest) else {
        return Vec::new();
    };
    let (Some(none), fills) = (no_swap(host), fills(context)) else {
        return Vec::new();
    };
    if fills.is_empty() {
        return Vec::new();
    }
    let mut evidence = vec![none];
    let says = format!("{bytes} of memory");
    evidence.push(Evidence::speaks_for(Weight::Moderate, source, says));
    evidence.push(Evidence::speaks_for(
        Weight::Weak,
        Source::Knowledge(ZRAM.to_owned()),
        "zramSwap is off unless it is enabled; it then takes up to half of memory, compressed",
    ));
    evidence.extend(fills);
    evidence
}

impl Rule for ZramMissing {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let evidence = evidence(context);
        let bytes = memory(context.host).map_or(Bytes(0), |m| m.0);
        if evidence.is_empty() {
            return Vec::new();
        }
        vec![Finding {
            rule: META.id,
            subject: OPTION.to_owned(),
            severity: Severity::Advice,
            message: format!(
                "{bytes} of memory and no swap: what was not used for long cannot leave memory, cached files \
                 go instead, and when it is full a program is killed. Compressed swap in memory needs no disk"
            ),
            at: None,
            evidence,
        }]
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        if evidence(context).is_empty() {
            return None;
        }
        let mut actions = vec![Action::SetNixosOption {
            path: option(OPTION),
            value: Json::Bool(true),
        }];
        let sysctls = wanted(context.host).into_iter();
        actions.extend(sysctls.map(|(key, value)| set_sysctl(key, value)));
        Some(Remedy {
            title: "Swap to compressed memory, with the sysctls that go with it".to_owned(),
            actions,
            costs: vec!["CPU time to compress and decompress".to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Swapping,
        })
    }
}
