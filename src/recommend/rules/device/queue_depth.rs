//! Queue depths that the kernel refuses.

use super::super::wording::listed;
use super::choice::choice;
use super::disk::{Device, of_host};
use super::udev::{self, Says};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `device/queue-depth`
pub struct QueueDepth;

static META: Meta = Meta {
    after: &["device/scheduler"],
    ..Meta::new(
        "device/queue-depth",
        Severity::Warning,
        "A queue depth is set that the kernel refuses",
        include_str!("queue_depth.md"),
    )
};

/// The most that the kernel takes with a scheduler (measured on 6.18.44: 2048 taken, 2049 refused).
const WITH_SCHEDULER: u64 = 2048;
/// What the nvme driver gives a queue (`io_queue_depth` 1024, of which one stays free).
const OF_NVME: u64 = 1023;
const NVME_PARAMETER: &str = "nvme.io_queue_depth";

struct Case {
    value: u64,
    most: u64,
    scheduler: String,
    disks: Vec<String>,
    at: Option<Span>,
}

/// The most requests that a queue takes, and its scheduler; `None` where that is not known.
fn most(host: &Host, device: &Device<'_>) -> Option<(u64, String)> {
    let chosen = choice(host, device).ok()?.map(|c| c.scheduler);
    let shown = || {
        let mut all = host.metrics.block_devices.iter();
        let found = all.find(|b| Some(b.name.as_str()) == device.kernel_name())?;
        found.scheduler.clone()
    };
    let default = match device.nvme {
        true => "none",
        false => "mq-deadline",
    };
    let scheduler = chosen.or_else(shown).unwrap_or(default.to_owned());
    let most = match (scheduler.as_str(), device.nvme) {
        ("none", true) if deepened(host) => return None,
        ("none", true) => OF_NVME,
        // As deep as the controller's driver makes it.
        ("none", false) => return None,
        _ => WITH_SCHEDULER,
    };
    Some((most, scheduler))
}

/// Whether the driver is, or may be, told to make deeper queues.
fn deepened(host: &Host) -> bool {
    match host.settings.get("boot.kernelParams") {
        Some(Ok(setting)) => setting.value.to_string().contains(NVME_PARAMETER),
        Some(Err(_)) => true,
        None => false,
    }
}

fn cases(host: &Host) -> Vec<Case> {
    let Some(rules) = udev::rules(host) else {
        return Vec::new();
    };
    let mut cases: Vec<Case> = Vec::new();
    for (_, device) in of_host(host) {
        let Says::Value(value) = rules.say("nr_requests", &device) else {
            continue;
        };
        let (Ok(value), Some((most, scheduler))) = (value.parse(), most(host, &device)) else {
            continue;
        };
        if value <= most {
            continue;
        }
        match cases
            .iter_mut()
            .find(|c| (c.value, c.most) == (value, most))
        {
            Some(case) => case.disks.push(device.name),
            None => cases.push(Case {
                value,
                most,
                scheduler,
                disks: vec![device.name],
                at: rules.at,
            }),
        }
    }
    cases
}

impl Rule for QueueDepth {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case| Finding {
            rule: META.id,
            subject: format!("nr_requests={} above {}", case.value, case.most),
            severity: Severity::Warning,
            message: format!(
                "{} asks for a queue of {} requests on {}, where the kernel takes at most {} with \
                 the scheduler {}: it refuses the value and keeps the one it had. Leave the rule out, \
                 or set no more than that",
                udev::EXTRA_RULES,
                case.value,
                listed(&case.disks),
                case.most,
                case.scheduler
            ),
            at: case.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(case.at),
                    format!("a udev rule writes {} to queue/nr_requests", case.value),
                ),
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Knowledge(match case.most {
                        OF_NVME => "Linux drivers/nvme/host/pci.c, io_queue_depth".to_owned(),
                        _ => "measured by this project on 6.18.44".to_owned(),
                    }),
                    match case.most {
                        OF_NVME => {
                            "the nvme driver makes queues of 1024 entries, and without a \
                                    scheduler nr_requests cannot grow above them"
                        }
                        _ => "2048 is taken with a scheduler, 2049 is refused (Invalid argument)",
                    },
                ),
            ],
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
