//! A swappiness that the kernel refuses, or that does not suit what is swapped to.

use super::memory::shortage;
use super::swap::{compressed, on_disk, zram};
use super::{VM, set_sysctl, sysctl, sysctl_number, sysctls_are_known};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{KernelVersion, Target};
use crate::model::{Host, Setting};
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `system/swappiness`
pub struct Swappiness;

static META: Meta = Meta {
    relieves: &[Cause::SwapThrash],
    yields_to: &["system/zram-sysctls"],
    ..Meta::new(
        "system/swappiness",
        Severity::Warning,
        "vm.swappiness is refused, or wrong for the swap that there is",
        include_str!("swappiness.md"),
    )
};

const KEY: &str = "vm.swappiness";
const EQUAL_COST: u64 = 100;
const DEFAULT: u64 = 60;
/// The value that the Arch wiki lists for zram.
const FOR_ZRAM: u64 = 180;
const OLD_LIMIT: &str = "Linux commit c843966c556d (5.8): swappiness may be up to 200, before 100";
const SYSTEMD: &str = "systemd src/sysctl/sysctl.c: a value that is refused fails the service";

struct Case<'a> {
    setting: &'a Setting,
    severity: Severity,
    message: String,
    evidence: Vec<Evidence>,
    value: u64,
    costs: Vec<String>,
}

/// The highest value that the kernel takes.
fn highest(host: &Host) -> u64 {
    match host.target() {
        Target::Known(kernel) if kernel < KernelVersion::new(5, 8, 0) => 100,
        _ => 200,
    }
}

fn case<'a>(context: &Context<'a>) -> Option<Case<'a>> {
    let host = context.host;
    if !sysctls_are_known(host) {
        return None;
    }
    let (setting, value) = sysctl_number(host, KEY)?;
    let written = Evidence::speaks_for(
        Weight::Strong,
        Source::Configuration(setting.at),
        format!("{KEY} is set to {value}"),
    );
    let known = |weight, source: &str, says: &str| {
        Evidence::speaks_for(weight, Source::Knowledge(source.to_owned()), says)
    };
    let highest = highest(host);
    if value > highest as f64 || value < 0.0 {
        let wanted = match (zram(host), value < 0.0) {
            (_, true) => 0,
            (Some(true), _) => FOR_ZRAM.min(highest),
            _ => EQUAL_COST,
        };
        return Some(Case {
            setting,
            severity: Severity::Warning,
            message: format!(
                "{KEY} = {value} is refused by the kernel, which takes 0 to {highest}: {DEFAULT} stays, \
                 and systemd-sysctl.service fails"
            ),
            evidence: vec![
                written,
                known(
                    Weight::Strong,
                    OLD_LIMIT,
                    "values above the limit are an error",
                ),
                known(
                    Weight::Moderate,
                    SYSTEMD,
                    "an error of one key fails the service",
                ),
            ],
            value: wanted,
            costs: vec!["the value holds from then on, as it did not before".to_owned()],
        });
    }
    let swaps = on_disk(host);
    let swap = swaps.first()?;
    let there = Evidence::speaks_for(
        Weight::Moderate,
        swap.source.clone(),
        format!("swap lies on a disk: {}", swap.path),
    );
    let uncompressed = compressed(host) == Some(false);
    let all_known = !host.settings.get("swapDevices").is_some_and(Result::is_err);
    let on_btrfs = all_known && swaps.iter().all(|s| s.on_btrfs);
    if value > EQUAL_COST as f64 && uncompressed && on_btrfs {
        return Some(Case {
            setting,
            severity: Severity::Advice,
            message: format!(
                "{KEY} = {value} says that swapping costs less than reading a file again, which holds for \
                 compressed memory; here swap is {}, on the disk that the files are on",
                swap.path
            ),
            evidence: vec![
                written,
                there,
                known(
                    Weight::Strong,
                    VM,
                    "100 is equal cost; above 100 is for zram, zswap, or swap faster than the filesystem",
                ),
            ],
            value: EQUAL_COST,
            costs: vec!["files that are cached are dropped a little earlier".to_owned()],
        });
    }
    let shortage = shortage(context);
    if value < 2.0 && uncompressed && !shortage.is_empty() {
        let mut evidence = vec![written, there];
        evidence.push(known(
            Weight::Moderate,
            VM,
            "at 0 nothing is swapped until free and cached memory fall below the high watermark",
        ));
        evidence.extend(shortage);
        return Some(Case {
            setting,
            severity: Severity::Advice,
            message: format!(
                "{KEY} = {value} keeps memory that nobody uses out of the swap, and memory is short: cached \
                 files and running programs are dropped and read again instead"
            ),
            evidence,
            value: DEFAULT,
            costs: vec!["memory that was not used for long is read back from the disk".to_owned()],
        });
    }
    None
}

impl Rule for Swappiness {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: sysctl(KEY),
            severity: case.severity,
            message: case.message,
            at: case.setting.at,
            evidence: case.evidence,
        };
        case(context).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let case = case(context)?;
        Some(Remedy {
            title: format!("Set {KEY} to {}", case.value),
            actions: vec![set_sysctl(KEY, case.value)],
            costs: case.costs,
            applicability: Applicability::Safe,
            effect: Effect::Swapping,
        })
    }
}
