//! Owns: quotas, snapshots and jobs over a whole filesystem as signals.

use super::{Gather, Subject, measured};
use crate::analyze::evidence::Source;
use crate::model::metrics::{MaintenanceJob, QuotaMode};

pub(super) fn gather(gather: &mut Gather<'_>) {
    quotas(gather);
    snapshots(gather);
    tools(gather);
    jobs(gather);
}

fn quotas(gather: &mut Gather<'_>) {
    let host = gather.host;
    for quota in &host.metrics.quotas {
        let about = gather.filesystem_of(quota.path.as_deref());
        let source = || measured(quota);
        let simple = quota.mode == Some(QuotaMode::Simple);
        let text = match (quota.enabled, simple, quota.groups) {
            (false, ..) => "quotas are off".to_owned(),
            (true, true, _) => "simple quotas are on, which cost next to nothing".to_owned(),
            (true, false, 0) => "quotas are on".to_owned(),
            (true, false, n) => format!("quotas are on, with {n} groups"),
        };
        gather.fact(
            "quota.on",
            about.clone(),
            quota.enabled && !simple,
            source(),
            text.clone(),
        );
        if quota.enabled && simple {
            gather.fact("quota.simple", about.clone(), true, source(), text);
        }
        if quota.enabled {
            let text = match quota.limited {
                true => "a quota group has a limit",
                false => "no group has a limit, so nothing needs them",
            };
            gather.fact("quota.limits", about.clone(), quota.limited, source(), text);
            if quota.groups > 0 {
                let text = format!("{} quota groups", quota.groups);
                gather.number(
                    "quota.groups",
                    about.clone(),
                    quota.groups as f64,
                    source(),
                    text,
                );
            }
            if let Some(inconsistent) = quota.inconsistent {
                let text = "numbers of quotas are out of date: a rescan is due or running";
                gather.fact("quota.inconsistent", about, inconsistent, source(), text);
            }
        }
    }
    // What the kernel shows, where no tool was asked.
    for state in &host.metrics.states {
        let about = gather.filesystem_on(state.devices.iter().map(String::as_str));
        let is_told = gather.signals.about("quota.on", &about).next().is_some();
        if let (Some(mode), false) = (state.quota, is_told) {
            let full = mode == QuotaMode::Full;
            let text = if full {
                "quotas are on"
            } else {
                "simple quotas are on"
            };
            gather.fact("quota.on", about.clone(), full, measured(state), text);
            gather.fact("quota.simple", about, !full, measured(state), text);
        }
    }
}

fn snapshots(gather: &mut Gather<'_>) {
    for counted in &gather.host.metrics.subvolumes {
        let about = gather.filesystem_of(counted.path.as_deref());
        let by_place = || {
            let is_place = |p: &&String| p.ends_with("/snapshot") || p.contains(".snapshots/");
            let count = counted.paths.iter().filter(is_place).count() as u64;
            (count > 0).then_some(count)
        };
        if let Some(count) = counted.snapshots.or_else(by_place) {
            let more = if counted.at_least { "at least " } else { "" };
            let text = format!("{more}{count} snapshots");
            gather.number(
                "snapshots",
                about.clone(),
                count as f64,
                measured(counted),
                text,
            );
        }
        if counted.total > 0 {
            let text = format!("{} subvolumes", counted.total);
            gather.number(
                "subvolumes",
                about,
                counted.total as f64,
                measured(counted),
                text,
            );
        }
    }
}

/// Tools of the configuration that take snapshots, and delete them.
fn tools(gather: &mut Gather<'_>) {
    let settings = &gather.host.settings;
    let mut found: Vec<(&str, String, Option<&str>, Option<crate::nix::source::Span>)> = Vec::new();
    for (option, value) in settings.below("services.snapper.configs.") {
        let Ok(setting) = value else { continue };
        let Some((config, key)) = option.rsplit_once('.') else {
            continue;
        };
        let subvolume = settings.text(&format!("{config}.SUBVOLUME"));
        match key {
            "TIMELINE_CREATE" if setting.value == true => {
                let text = format!(
                    "snapper takes snapshots of {}",
                    subvolume.unwrap_or("a subvolume")
                );
                found.push(("snapshots.taken", text, subvolume, setting.at));
            }
            "TIMELINE_CLEANUP" if setting.value == true => {
                let text = "snapper deletes what its time line no longer keeps".to_owned();
                found.push(("snapshots.cleaned", text, subvolume, setting.at));
            }
            _ => {}
        }
    }
    let btrbk = settings.below("services.btrbk.instances.").next();
    if let Some((_, Ok(setting))) = btrbk {
        found.push((
            "snapshots.taken",
            "btrbk takes snapshots".to_owned(),
            None,
            setting.at,
        ));
        let text = "btrbk deletes what it no longer keeps".to_owned();
        found.push(("snapshots.cleaned", text, None, setting.at));
    }
    for (name, text, path, at) in found {
        let about = gather.filesystem_of(path);
        gather.fact(name, about, true, Source::Configuration(at), text);
    }
}

fn jobs(gather: &mut Gather<'_>) {
    for job in &gather.host.metrics.maintenance {
        let about = gather.filesystem_of(job.path.as_deref());
        let source = || measured(job);
        let (name, word) = match job.job {
            MaintenanceJob::Scrub => ("job.scrub", "scrub"),
            MaintenanceJob::Balance => ("job.balance", "balance"),
        };
        let text = match job.running {
            true => format!("a {word} is running"),
            false => format!("no {word} is running"),
        };
        gather.fact(name, about.clone(), job.running, source(), text);
        if job.job == MaintenanceJob::Scrub {
            if let Some(rate) = job.rate_bytes_s {
                let text = format!("the scrub reads {:.1} MB/s", rate / 1e6);
                gather.number("job.scrub_rate", about.clone(), rate / 1e6, source(), text);
            }
            if let Some(errors) = &job.errors {
                let text = format!("the scrub found errors ({errors})");
                gather.fact("job.scrub_errors", about.clone(), true, source(), text);
            }
        }
    }
    for state in &gather.host.metrics.states {
        if state.exclusive_operation.as_deref() == Some("balance") {
            let about = Subject::Machine;
            gather.fact(
                "job.balance",
                about,
                true,
                measured(state),
                "a balance is running",
            );
        }
    }
}
