//! Two sysctls for one limit, and a limit that the kernel does not take as it is written.

use super::{VM, set_sysctl, sysctl, sysctl_number, sysctl_option, sysctls_are_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Host, Setting};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `system/dirty-bytes-and-ratio`
pub struct DirtyBytesAndRatio;

static META: Meta = Meta::new(
    "system/dirty-bytes-and-ratio",
    Severity::Warning,
    "A limit for unwritten data that another one undoes",
    include_str!("dirty_bytes_and_ratio.md"),
);

const SYSCTLS: &str = "nixpkgs nixos/modules/config/sysctl.nix";
const WRITEBACK: &str = "Linux mm/page-writeback.c, domain_dirty_limits";
const LIMIT: [&str; 2] = ["vm.dirty_bytes", "vm.dirty_ratio"];
const BACKGROUND: [&str; 2] = ["vm.dirty_background_bytes", "vm.dirty_background_ratio"];

/// What is wrong, and the change that says what happens anyway.
struct Case<'a> {
    /// The sysctl that is not what it says.
    key: &'static str,
    setting: &'a Setting,
    message: String,
    evidence: Evidence,
    title: String,
    action: Action,
    effect: Effect,
}

/// Both of a pair are written: bytes first, because the keys are sorted, then the ratio.
fn both<'a>(host: &'a Host, [bytes, ratio]: [&'static str; 2]) -> Option<Case<'a>> {
    let (of_bytes, amount) = sysctl_number(host, bytes)?;
    let (of_ratio, percent) = sysctl_number(host, ratio)?;
    let evidence = |says: String| {
        let source = Source::Knowledge(format!("{VM}; {SYSCTLS}"));
        Evidence::speaks_for(Weight::Strong, source, says)
    };
    let unset = |key: &str| Action::UnsetNixosOption {
        path: sysctl_option(key),
    };
    // A ratio of 0 is how the kernel shows that the bytes hold.
    if percent == 0.0 {
        let undoes = ratio == BACKGROUND[1];
        return Some(Case {
            key: ratio,
            setting: of_ratio,
            message: match undoes {
                true => format!(
                    "{ratio} = 0 is written after {bytes} and sets it to 0: the kernel then writes \
                     every page as soon as it is dirty. Leave the ratio out, it becomes 0 by itself"
                ),
                false => format!(
                    "{ratio} = 0 beside {bytes} says nothing: writing the bytes sets the ratio to 0"
                ),
            },
            evidence: evidence(format!("{bytes} and {ratio} are one limit in two units")),
            title: format!("Leave {ratio} out"),
            action: unset(ratio),
            effect: match undoes {
                true => Effect::EarlierWriteback,
                false => Effect::Clarity,
            },
        });
    }
    Some(Case {
        key: bytes,
        setting: of_bytes,
        message: format!(
            "{bytes} = {amount} has no effect: {ratio} = {percent} is written after it (the keys are \
             sorted) and sets it to 0. If the bytes were meant, take {ratio} out instead"
        ),
        evidence: evidence(format!(
            "writing {ratio} sets {bytes} to 0, and 60-nixos.conf has the keys in their order"
        )),
        title: format!("Leave {bytes} out, as {ratio} holds"),
        action: unset(bytes),
        effect: Effect::Clarity,
    })
}

/// A background limit that is not below the limit: the kernel takes half of the limit.
fn inverted(host: &Host) -> Option<Case<'_>> {
    let unit = usize::from(sysctl_number(host, BACKGROUND[0]).is_none());
    let (limit, background) = (LIMIT[unit], BACKGROUND[unit]);
    // With both units written the other case speaks.
    if host.settings.is_defined(&sysctl(LIMIT[1 - unit]))
        || host.settings.is_defined(&sysctl(BACKGROUND[1 - unit]))
    {
        return None;
    }
    let (_, most) = sysctl_number(host, limit)?;
    let (setting, start) = sysctl_number(host, background)?;
    let half = (most / 2.0).floor();
    (start >= most && half >= 1.0).then(|| Case {
        key: background,
        setting,
        message: format!(
            "{background} = {start} is not below {limit} = {most}: the kernel starts to write at \
             half of the limit instead, as if it were {half}"
        ),
        evidence: Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge(WRITEBACK.to_owned()),
            "a background threshold that is not below the limit becomes half of it",
        ),
        title: format!("Write {background} as the kernel takes it"),
        action: set_sysctl(background, half as u64),
        effect: Effect::Clarity,
    })
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    if !sysctls_are_known(host) {
        return Vec::new();
    }
    let found = [both(host, LIMIT), both(host, BACKGROUND), inverted(host)];
    found.into_iter().flatten().collect()
}

impl Rule for DirtyBytesAndRatio {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let written = Evidence::speaks_for(
                Weight::Strong,
                Source::Configuration(case.setting.at),
                format!("{} is set to {}", case.key, case.setting.value),
            );
            Finding {
                rule: META.id,
                subject: sysctl(case.key),
                severity: Severity::Warning,
                message: case.message,
                at: case.setting.at,
                evidence: vec![written, case.evidence],
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mut cases = cases(context.host).into_iter();
        let case = cases.find(|case| sysctl(case.key) == finding.subject)?;
        Some(Remedy {
            title: case.title,
            actions: vec![case.action],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: case.effect,
        })
    }
}
