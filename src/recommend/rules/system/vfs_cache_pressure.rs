//! The cache of directories and inodes: never given up, or given up at once.

use super::{VM, set_sysctl, sysctl, sysctl_number, sysctls_are_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::recommend::{
    Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `system/vfs-cache-pressure`
pub struct VfsCachePressure;

static META: Meta = Meta {
    settings: &[RuleSetting {
        key: "highest_percent",
        default: 200,
        meaning: "the highest vm.vfs_cache_pressure that is left alone",
    }],
    ..Meta::new(
        "system/vfs-cache-pressure",
        Severity::Warning,
        "The cache of directories and inodes is never given up, or far too soon",
        include_str!("vfs_cache_pressure.md"),
    )
};

const KEY: &str = "vm.vfs_cache_pressure";
/// Keeps the cache longer than the default without keeping it for ever.
const KEEPING: u64 = 50;
const DEFAULT: u64 = 100;

/// What is wrong with a value, how bad that is, and what to write instead.
fn case(context: &Context<'_>) -> Option<(Severity, String, &'static str, u64)> {
    let host = context.host;
    let (_, value) = sysctl_number(host, KEY).filter(|_| sysctls_are_known(host))?;
    let highest = META.number(host, "highest_percent");
    if value == 0.0 {
        let message = format!(
            "{KEY} = 0 never gives the cache of directories and inodes up, which can end in out of \
             memory: reading through a large tree (a backup, a scan of the Nix store) fills memory"
        );
        let says = "at 0 the kernel never reclaims dentries and inodes under memory pressure, which can \
                    easily lead to out-of-memory conditions";
        return Some((Severity::Warning, message, says, KEEPING));
    }
    (value > highest as f64).then(|| {
        let message = format!(
            "{KEY} = {value} throws the cache of directories and inodes out again and again, and every \
             walk through a tree reads metadata from the disk"
        );
        let says = "significantly above 100 it may have negative performance impact: at 1000 the kernel \
                    looks for ten times more objects to free than there are";
        (Severity::Advice, message, says, DEFAULT)
    })
}

impl Rule for VfsCachePressure {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let Some((severity, message, says, _)) = case(context) else {
            return Vec::new();
        };
        let at = context.host.settings.known(&sysctl(KEY)).and_then(|s| s.at);
        let source = Source::Knowledge(VM.to_owned());
        vec![Finding {
            rule: META.id,
            subject: sysctl(KEY),
            severity,
            message,
            at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(at),
                    format!("{KEY} is set in the configuration"),
                ),
                Evidence::speaks_for(Weight::Strong, source, says),
            ],
        }]
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let (_, _, _, value) = case(context)?;
        Some(Remedy {
            title: format!("Set {KEY} to {value}"),
            actions: vec![set_sysctl(KEY, value)],
            costs: vec![match value {
                KEEPING => "under pressure some directories and inodes are read again".to_owned(),
                _ => {
                    "under pressure the cache of file contents shrinks a little earlier".to_owned()
                }
            }],
            applicability: Applicability::Safe,
            effect: Effect::Swapping,
        })
    }
}
