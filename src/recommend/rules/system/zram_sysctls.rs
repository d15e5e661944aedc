//! Swap in compressed memory, with settings that are made for swap on a disk.

use super::{is_set, number, set_sysctl, sysctl, sysctls_are_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Host, Setting};
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `system/zram-sysctls`
pub struct ZramSysctls;

static META: Meta = Meta::new(
    "system/zram-sysctls",
    Severity::Warning,
    "Swap is in memory, and the kernel treats it as if it were on a disk",
    include_str!("zram_sysctls.md"),
);

const ARCH_WIKI: &str = "https://wiki.archlinux.org/title/Zram, Optimizing swap on zram";
const KERNEL: &str = "Linux Documentation/admin-guide/sysctl/vm.rst";

const SWAPPINESS: &str = "vm.swappiness";
/// From here on the kernel prefers swapping to dropping cached files.
const EQUAL_COST: f64 = 100.0;

/// What the Arch wiki lists, from Pop!_OS.
const WANTED: [(&str, u64); 4] = [
    (SWAPPINESS, 180),
    ("vm.watermark_boost_factor", 0),
    ("vm.watermark_scale_factor", 125),
    ("vm.page-cluster", 0),
];

/// A swappiness that contradicts zram.
fn contradiction(host: &Host) -> Option<(&Setting, f64)> {
    let setting = host.settings.known(&sysctl(SWAPPINESS))?;
    let value = number(setting)?;
    (value < EQUAL_COST).then_some((setting, value))
}

/// The keys to set: those that nobody set, and a swappiness that contradicts zram.
fn missing(host: &Host) -> Vec<(&'static str, u64)> {
    let seen = host.is_whole() || contradiction(host).is_some();
    match host.settings.is_true("zramSwap.enable") && seen {
        true => wanted(host),
        false => Vec::new(),
    }
}

/// What goes with zram, and is not set yet.
pub(super) fn wanted(host: &Host) -> Vec<(&'static str, u64)> {
    if !sysctls_are_known(host) {
        return Vec::new();
    }
    let contradicts = contradiction(host).is_some();
    let open = |(key, _): &(&str, u64)| !is_set(host, key) || (*key == SWAPPINESS && contradicts);
    WANTED.into_iter().filter(open).collect()
}

impl Rule for ZramSysctls {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let missing = missing(host);
        if missing.is_empty() {
            return Vec::new();
        }
        let zram = host.settings.known("zramSwap.enable").and_then(|s| s.at);
        let contradiction = contradiction(host);
        let mut evidence = vec![
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge(ARCH_WIKI.to_owned()),
                "these values are recommended for swap on zram",
            ),
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Configuration(zram),
                "zramSwap is enabled, and sets no sysctls itself",
            ),
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge(KERNEL.to_owned()),
                "swappiness above 100 can be considered for zram: 100 is equal cost",
            ),
        ];
        if let Some((setting, value)) = contradiction {
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(setting.at),
                format!("vm.swappiness is {value}, so that cached files are dropped before memory is swapped"),
            ));
        }
        if let Some(swaps) = &host.metrics.swaps {
            let used = swaps
                .iter()
                .find(|s| s.path.contains("zram") && s.used.0 > 0);
            evidence.extend(used.map(|swap| {
                Evidence::speaks_for(
                    Weight::Weak,
                    Source::Metrics(swaps.source.to_string()),
                    format!("{} of {} was in use", swap.used, swap.path),
                )
            }));
        }
        let named: Vec<String> = missing
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let message = match contradiction {
            Some((_, value)) => format!(
                "vm.swappiness = {value} makes the kernel drop cached files, and read them from the \
                 disk again, before it uses the zram that is enabled. For zram are recommended: {}",
                named.join(", ")
            ),
            None => format!(
                "The defaults for swapping are made for disks; for zram are recommended: {}",
                named.join(", ")
            ),
        };
        vec![Finding {
            rule: META.id,
            subject: "zramSwap".to_owned(),
            severity: match contradiction {
                Some(_) => Severity::Warning,
                None => Severity::Advice,
            },
            message,
            at: contradiction.map_or(zram, |(setting, _)| setting.at),
            evidence,
        }]
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let missing = missing(context.host);
        (!missing.is_empty()).then(|| Remedy {
            title: "Set the sysctls that go with zram".to_owned(),
            actions: missing
                .into_iter()
                .map(|(key, value)| set_sysctl(key, value))
                .collect(),
            costs: vec![
                "CPU time to compress and decompress".to_owned(),
                "a swap file or partition beside the zram is read page by page as well".to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::ZramTuning,
        })
    }
}
