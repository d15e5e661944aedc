//! LUKS on a solid state disk that hands its work to queues.

use super::super::evidence::of_work;
use super::containers;
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::model::hardware::{Disk, Medium};
use crate::model::{Filesystem, Host, Luks};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, LuksSetting, Meta, Remedy, Rule, Severity,
};

/// `device/luks-workqueues`
pub struct LuksWorkqueues;

static META: Meta = Meta {
    relieves: &[Cause::LuksWorkqueue],
    ..Meta::new(
        "device/luks-workqueues",
        Severity::Warning,
        "dm-crypt queues what a solid state disk would take at once",
        include_str!("luks_workqueues.md"),
    )
};

/// How many times longer than the disk below a request must take in dm-crypt, and by how many
/// milliseconds, to be called queueing.
const TIMES: f64 = 3.0;
const MILLISECONDS: f64 = 1.0;

/// Containers on solid state disks that use the queues, known to be so.
fn queued(host: &Host) -> Vec<(&Filesystem, &Luks, Vec<&Disk>)> {
    let is_set = |luks: &Luks| {
        let option = format!("boot.initrd.luks.devices.{}.bypassWorkqueues", luks.name);
        match host.settings.get(&option) {
            Some(Ok(setting)) => setting.value != false,
            // Unknown: it may be set.
            Some(Err(_)) => true,
            None => false,
        }
    };
    // Without AES instructions the caller would do slow work itself.
    let lacks_aes = host
        .hardware
        .as_ref()
        .is_some_and(|h| !h.cpu.features.is_empty() && !h.cpu.has_aes());
    if lacks_aes {
        return Vec::new();
    }
    let mut containers = containers(host);
    containers.retain(|(_, luks, disks)| {
        luks.bypass_workqueues == Ok(false)
            && !is_set(luks)
            && disks
                .iter()
                .all(|disk| host.medium(disk) == Medium::SolidState)
    });
    containers
}

/// How much longer writes take in dm-crypt than on the disk below, as iostat shows it.
fn queueing(host: &Host, disks: &[&Disk]) -> Option<Evidence> {
    let devices = &host.metrics.devices;
    // Which mapper is which is not told; with one there is no question.
    let mut mappers = devices.iter().filter(|d| d.name.starts_with("dm-"));
    let (mapper, None) = (mappers.next()?, mappers.next()) else {
        return None;
    };
    let disk = devices
        .iter()
        .find(|d| disks.iter().any(|disk| disk.kernel_name == d.name))?;
    let (above, below) = (mapper.w_await_ms?, disk.w_await_ms?);
    (above.0 >= TIMES * below.0 && above.0 - below.0 >= MILLISECONDS).then(|| {
        Evidence::speaks_for(
            Weight::Strong,
            Source::Metrics(mapper.source.to_string()),
            format!(
                "a write waits {above} in {}, and {below} on {}",
                mapper.name, disk.name
            ),
        )
    })
}

fn evidence(context: &Context<'_>, luks: &Luks, disks: &[&Disk]) -> Vec<Evidence> {
    let host = context.host;
    let mut evidence = vec![Evidence::speaks_for(
        Weight::Weak,
        Source::Configuration(luks.at),
        format!("{} does not set bypassWorkqueues", luks.name),
    )];
    evidence.extend(queueing(host, disks));
    if host.hardware.as_ref().is_some_and(|h| h.cpu.has_aes()) {
        evidence.push(Evidence::speaks_for(
            Weight::Weak,
            Source::Hardware("cpu features".to_owned()),
            "the processor has AES instructions, so that the caller loses little",
        ));
    }
    let parallel = [
        WorkloadKind::Build,
        WorkloadKind::Database,
        WorkloadKind::Vm,
    ];
    if let Some(work) = context
        .analysis
        .workloads
        .iter()
        .find(|w| parallel.contains(&w.kind))
    {
        let weight = match work.complained_about {
            true => Weight::Moderate,
            false => Weight::Weak,
        };
        let statement = format!("{:?} work makes many requests at a time", work.kind);
        evidence.push(of_work(work, weight, statement));
    }
    evidence.push(Evidence::speaks_against(
        Weight::Weak,
        Source::Knowledge("https://github.com/cybozu-go/sabakan/pull/230".to_owned()),
        "some workloads got faster and not many slower, where it was tried",
    ));
    evidence
}

impl Rule for LuksWorkqueues {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |(filesystem, luks, disks): (&Filesystem, &Luks, Vec<&Disk>)| {
            let measured = queueing(context.host, &disks);
            let mut message = format!(
                "{}, below {}, hands every request to dm-crypt's work queues, which were made for \
                 slow disks",
                luks.name,
                filesystem.name()
            );
            if let Some(measured) = &measured {
                message.push_str(&format!(": {}", measured.statement));
            }
            Finding {
                rule: META.id,
                subject: luks.name.clone(),
                severity: match measured {
                    Some(_) => Severity::Warning,
                    None => Severity::Advice,
                },
                message,
                at: luks.at,
                evidence: evidence(context, luks, &disks),
            }
        };
        queued(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let queued = queued(context.host);
        let (_, luks, _) = queued
            .iter()
            .find(|(_, luks, _)| luks.name == finding.subject)?;
        Some(Remedy {
            title: format!("Open {} without work queues", luks.name),
            actions: vec![Action::SetLuksSetting {
                luks: luks.path.clone(),
                setting: LuksSetting::BypassWorkqueues,
                on: true,
            }],
            costs: vec![
                "encryption runs in the program that reads or writes: one that keeps a single \
                 core busy can get slower"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::BypassWorkqueues,
        })
    }
}
