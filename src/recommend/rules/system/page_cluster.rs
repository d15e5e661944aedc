//! How many pages are read from swap at once, against what swap lies on.

use super::swap::{on_disk, zram};
use super::{VM, set_sysctl, sysctl, sysctl_number, sysctls_are_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::hardware::Medium;
use crate::model::{Host, Setting};
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `system/page-cluster`
pub struct PageCluster;

static META: Meta = Meta {
    yields_to: &["system/zram-sysctls"],
    ..Meta::new(
        "system/page-cluster",
        Severity::Advice,
        "Swap is read in pieces that do not suit what it lies on",
        include_str!("page_cluster.md"),
    )
};

const KEY: &str = "vm.page-cluster";
const ARCH_WIKI: &str = "https://wiki.archlinux.org/title/Zram, Optimizing swap on zram";
/// The kernel's default, eight pages.
const FOR_SEEKING: u64 = 3;

struct Case<'a> {
    setting: &'a Setting,
    message: String,
    evidence: Vec<Evidence>,
    value: u64,
    cost: &'static str,
}

fn case(host: &Host) -> Option<Case<'_>> {
    if !sysctls_are_known(host) {
        return None;
    }
    let (setting, value) = sysctl_number(host, KEY)?;
    let disks = on_disk(host);
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Strong,
        Source::Configuration(setting.at),
        format!("{KEY} is set to {value}"),
    )];
    let known = |source: &str, says: &str| {
        Evidence::speaks_for(Weight::Moderate, Source::Knowledge(source.to_owned()), says)
    };
    let seeks = disks.iter().any(|d| d.medium == Medium::Rotational);
    match zram(host)? {
        true if value > 0.0 && !seeks && host.settings.is_true("zramSwap.enable") => {
            let at = host.settings.known("zramSwap.enable").and_then(|s| s.at);
            let says = "zramSwap is enabled: memory has no seeks to save";
            evidence.push(Evidence::speaks_for(
                Weight::Moderate,
                Source::Configuration(at),
                says,
            ));
            evidence.push(known(ARCH_WIKI, "0 is recommended for swap on zram"));
            let pages = 2f64.powf(value.min(31.0));
            Some(Case {
                setting,
                message: format!(
                    "{KEY} = {value} decompresses {pages} pages where one is wanted: swap is zram, which \
                     has no seeks to save"
                ),
                evidence,
                value: 0,
                cost: "pages that would have been wanted next are decompressed one by one",
            })
        }
        false if value == 0.0 && !disks.is_empty() => {
            let all = disks.iter().all(|d| d.medium == Medium::Rotational);
            let disk = disks.first().filter(|_| all)?;
            evidence.push(Evidence::speaks_for(
                Weight::Strong,
                disk.source.clone(),
                format!("swap is on a disk that rotates: {}", disk.path),
            ));
            evidence.push(known(
                VM,
                "0 turns readahead of swap off; the default is 3, eight pages",
            ));
            Some(Case {
                setting,
                message: format!(
                    "{KEY} = 0 makes each page that comes back from swap a seek of its own: {} is on a disk \
                     that rotates",
                    disk.path
                ),
                evidence,
                value: FOR_SEEKING,
                cost: "pages that nobody wants are read along with those that are",
            })
        }
        _ => None,
    }
}

impl Rule for PageCluster {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: sysctl(KEY),
            severity: Severity::Advice,
            message: case.message,
            at: case.setting.at,
            evidence: case.evidence,
        };
        case(context.host).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let case = case(context.host)?;
        Some(Remedy {
            title: format!("Set {KEY} to {}", case.value),
            actions: vec![set_sysctl(KEY, case.value)],
            costs: vec![case.cost.to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Swapping,
        })
    }
}
