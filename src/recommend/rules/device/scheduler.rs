//! Schedulers that are chosen against what a disk is.

use super::super::wording::listed;
use super::choice::Chooser;
use super::mismatch::{Case, Wrong, cases};
use super::udev::EXTRA_RULES;
use crate::analyze::{Cause, Evidence, Source, Weight, WorkloadKind};
use crate::model::Release;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `device/scheduler`
pub struct Scheduler;

static META: Meta = Meta {
    relieves: &[Cause::WrongIoScheduler],
    ..Meta::new(
        "device/scheduler",
        Severity::Warning,
        "An I/O scheduler is chosen against what the disk is, or in a way that does nothing",
        include_str!("scheduler.md"),
    )
};

/// The release that brought `hardware.block` (NixOS/nixpkgs pull request 318600, February 2025).
const HARDWARE_BLOCK: Release = Release::new(25, 5);
const NVME: &str = "nvme[0-9]*";

/// What suits a rotating disk: bfq where somebody waits for it, else what the kernel would take.
fn for_rotating(context: &Context<'_>) -> &'static str {
    let interactive = [WorkloadKind::Desktop, WorkloadKind::Game];
    let mut kinds = context.analysis.workloads.iter().map(|w| w.kind);
    match kinds.any(|kind| interactive.contains(&kind)) {
        true => "bfq",
        false => "mq-deadline",
    }
}

fn finding(context: &Context<'_>, case: Case) -> Finding {
    let (disks, on) = (listed(&case.disks), listed(&case.filesystems));
    let verb = match case.disks.len() {
        1 => "goes",
        _ => "go",
    };
    let (severity, mut message, against) = match &case.wrong {
        Wrong::Sorted(by, scheduler) => (
            Severity::Advice,
            format!(
                "{disks} (below {on}) {verb} through {scheduler}, which {} chooses: an NVMe disk \
                 takes requests in many queues at once, and the kernel gives it none of the \
                 schedulers",
                by.describe()
            ),
            "a scheduler shares a disk among programs: with many writers beside interactive work \
             that can be worth its price",
        ),
        Wrong::Unsorted(by, scheduler) => (
            Severity::Warning,
            format!(
                "{disks} (below {on}) {verb} through {scheduler}, which {} chooses: nothing sorts \
                 the requests of a disk that seeks, and writes can hold up reads",
                by.describe()
            ),
            "a disk sorts the few requests that it queues itself",
        ),
        Wrong::ShownUnsorted(scheduler) => (
            Severity::Warning,
            format!(
                "{disks} (below {on}) {verb} through {scheduler}: nothing sorts the requests of a \
                 disk that seeks, and writes can hold up reads; the kernel by itself takes \
                 mq-deadline"
            ),
            "a disk sorts the few requests that it queues itself",
        ),
    };
    if actions(context, &case.wrong).is_none() {
        let better = match case.wrong {
            Wrong::Sorted(..) => "none",
            _ => for_rotating(context),
        };
        message.push_str(&format!(". {better} suits it"));
    }
    let mut evidence = case.evidence;
    let knowledge = "Red Hat Enterprise Linux 10, Setting the disk scheduler; NixOS option \
                     hardware.block.scheduler";
    evidence.push(Evidence::speaks_for(
        Weight::Weak,
        Source::Knowledge(knowledge.to_owned()),
        "none is for NVMe, mq-deadline and bfq are for slower disks",
    ));
    let source = Source::Knowledge("Linux Documentation/block/bfq-iosched.rst".to_owned());
    evidence.push(Evidence::speaks_against(Weight::Weak, source, against));
    Finding {
        rule: META.id,
        subject: case.wrong.subject(),
        severity,
        message,
        at: case.at,
        evidence,
    }
}

fn option(names: &[&str], value: &str) -> Action {
    Action::SetNixosOption {
        path: names.iter().map(|n| (*n).to_owned()).collect(),
        value: value.into(),
    }
}

/// What changes a choice; `None` where its place must be edited by hand.
fn actions(context: &Context<'_>, wrong: &Wrong) -> Option<Vec<Action>> {
    let block = |names: &[&str], value: &str| {
        let path: Vec<&str> = ["hardware", "block"].iter().chain(names).copied().collect();
        vec![option(&path, value)]
    };
    let rotating = for_rotating(context);
    match wrong {
        Wrong::Sorted(Chooser::Pattern(own), _) if own.starts_with("nvme") => {
            Some(block(&["scheduler", own], "none"))
        }
        Wrong::Sorted(Chooser::Default, _) => Some(block(&["scheduler", NVME], "none")),
        Wrong::Unsorted(Chooser::Rotational | Chooser::Default, _) => {
            Some(block(&["defaultSchedulerRotational"], rotating))
        }
        Wrong::Sorted(..) | Wrong::Unsorted(..) => None,
        // A module that could not be read may set it already.
        Wrong::ShownUnsorted(_) if !context.host.skipped.is_empty() => None,
        Wrong::ShownUnsorted(_) => {
            let has_options = context.host.release().is_some_and(|r| r >= HARDWARE_BLOCK);
            let line = format!(
                "ACTION==\"add|change\", KERNEL==\"sd[a-z]*\", ENV{{DEVTYPE}}==\"disk\", \
                 ATTR{{queue/rotational}}==\"1\", ATTR{{queue/scheduler}}=\"{rotating}\""
            );
            Some(match has_options {
                true => block(&["defaultSchedulerRotational"], rotating),
                false => vec![Action::AppendNixosLines {
                    path: EXTRA_RULES.split('.').map(str::to_owned).collect(),
                    lines: vec![line],
                }],
            })
        }
    }
}

impl Rule for Scheduler {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let cases = cases(context.host).into_iter();
        cases.map(|case| finding(context, case)).collect()
    }

    fn remedy(&self, context: &Context<'_>, found: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases.iter().find(|c| c.wrong.subject() == found.subject)?;
        let actions = actions(context, &case.wrong)?;
        let (title, costs) = match case.wrong {
            Wrong::Sorted(..) => (
                format!("Let {} take requests as they come", listed(&case.disks)),
                "programs that use the disk at the same time are no longer given their shares of it",
            ),
            _ => (
                format!("Sort the requests of {}", listed(&case.disks)),
                "each request costs a little more processor time",
            ),
        };
        Some(Remedy {
            title,
            actions,
            costs: vec![costs.to_owned()],
            applicability: match case.wrong {
                Wrong::Sorted(..) => Applicability::Consent,
                _ => Applicability::Safe,
            },
            effect: Effect::Scheduling,
        })
    }
}
