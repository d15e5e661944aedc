//! Cases in which the symptom is not what it seems: old kernels, odd counters, no problem at all.

use super::case::{Case, Inputs, configuration, mean, metrics, throughput};
use super::{Cause, Diagnosis};
use crate::analyze::evidence::Source;
use crate::analyze::evidence::Weight::{Moderate, Strong, Weak};
use crate::analyze::facts;
use crate::btrfs::Switch;
use crate::model::observation::Symptom;

/// Kernels with a known regression: the beginning of their version, and what is wrong. Taken from
/// public reports; extended only with one.
const KNOWN_BAD: &[(&str, &str)] = &[
    ("5.16.", "autodefrag can loop"),
    ("6.10.", "the extent map shrinker takes the processors"),
];

pub(super) fn old_kernel(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let Some(kernel) = &host.metrics.kernel else {
        return Vec::new();
    };
    let Some((_, what)) = KNOWN_BAD.iter().find(|(v, _)| kernel.value.starts_with(v)) else {
        return Vec::new();
    };
    let mut case = Case::new(Cause::OldKernelBug, None);
    case.says(
        Moderate,
        metrics(kernel),
        format!("Linux {}: {what}", kernel.value),
    );
    let defrag = inputs
        .filesystems()
        .iter()
        .any(|f| facts::in_force(host, f).is_some_and(|s| s.state.is(Switch::Autodefrag)));
    if kernel.value.starts_with("5.16.") {
        match defrag {
            true => case.says(Moderate, configuration(None), "`autodefrag` is in force"),
            false => case.denies(Strong, configuration(None), "`autodefrag` is not in force"),
        }
    }
    let updated = ["update", "upgrade", "new kernel"];
    if let Some(o) = inputs
        .complaints()
        .find(|o| super::case::mentions(o, &updated))
    {
        case.hears(Moderate, o, "it began with an update");
    }
    case.close(format!("Linux {} has a known regression", kernel.value))
        .into_iter()
        .collect()
}

/// The mean business of the real disks, in percent.
fn busy(inputs: &Inputs<'_>) -> Option<(f64, Source)> {
    let host = inputs.host;
    let loads: Vec<_> = inputs
        .filesystems()
        .iter()
        .flat_map(|f| facts::loads(host, f))
        .collect();
    let first = loads.first()?;
    let busiest = loads
        .iter()
        .filter_map(|l| Some(l.util_percent?.0))
        .reduce(f64::max);
    Some((
        busiest.or_else(|| mean(loads.iter().map(|l| throughput(l))))?,
        metrics(first),
    ))
}

pub(super) fn metric_artifact(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let mut case = Case::new(Cause::MetricArtifact, None);
    let Some(psi) = &host.metrics.pressure.io else {
        return Vec::new();
    };
    let Some((busy, source)) = busy(inputs) else {
        return Vec::new();
    };
    let some = psi.some.avg60;
    if some.0 < 60.0 || busy >= 5.0 {
        return Vec::new();
    }
    let statement = format!("some task waited for I/O {some} of the last minute");
    case.says(Moderate, metrics(psi), statement);
    case.says(
        Moderate,
        source,
        format!("and the busiest disk was busy {busy:.0} %"),
    );
    if let Some(kernel) = &host.metrics.kernel {
        let numbers = kernel
            .value
            .split('.')
            .filter_map(|n| n.parse::<u32>().ok());
        let version: Vec<u32> = numbers.take(2).collect();
        match version.as_slice() < [6, 15].as_slice() {
            true => case.says(
                Moderate,
                metrics(kernel),
                format!("Linux {} counts idle io_uring waiters", kernel.value),
            ),
            false => case.denies(
                Moderate,
                metrics(kernel),
                format!(
                    "Linux {} no longer counts idle io_uring waiters",
                    kernel.value
                ),
            ),
        }
    }
    if inputs.complaints().next().is_some() {
        let source = Source::Observation("the observations".to_owned());
        case.denies(Weak, source, "people do complain");
    }
    case.close("Waiting is counted that nobody does")
        .into_iter()
        .collect()
}

pub(super) fn no_problem(inputs: &Inputs<'_>) -> Vec<Diagnosis> {
    let host = inputs.host;
    let mut case = Case::new(Cause::NoProblemFound, None);
    let fine = host
        .observations
        .iter()
        .find(|o| o.symptoms == [Symptom::Fine]);
    match (inputs.complaints().next(), fine) {
        (Some(observation), _) => {
            let source = Source::Observation(observation.source.clone());
            let count = inputs.complaints().count();
            case.denies(Strong, source, format!("people have {count} complaints"));
        }
        (None, Some(observation)) => {
            case.hears(Strong, observation, "people say that all is well");
        }
        (None, None) => {}
    }
    if let Some(psi) = &host.metrics.pressure.io {
        let some = psi.some.avg60;
        let statement = format!("some task waited for I/O {some} of the last minute");
        match some.0 {
            ..5.0 => case.says(Moderate, metrics(psi), statement),
            20.0.. => case.denies(Moderate, metrics(psi), statement),
            _ => {}
        }
    }
    if let Some((busy, source)) = busy(inputs) {
        let statement = format!("the busiest disk was busy {busy:.0} %");
        match busy {
            ..20.0 => case.says(Weak, source, statement),
            80.0.. => case.denies(Moderate, source, statement),
            _ => {}
        }
    }
    if let Some(psi) = &host.metrics.pressure.memory {
        let some = psi.some.avg60;
        if some.0 < 0.5 {
            let statement = format!("some task waited for memory {some} of the last minute");
            case.says(Weak, metrics(psi), statement);
        }
    }
    case.close("Nothing is slow").into_iter().collect()
}
