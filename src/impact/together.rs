//! Owns: what the changes of a plan do together.

use super::cost::{Demand, Demands, Spread, Traits};
use super::estimate::{Computed, assumptions, bound, counted, ratio, waiting_share};
use super::time::Change;
use super::{Basis, Figure, Together, device};
use crate::model::{Filesystem, Host};
use crate::recommend::Effect;

/// The configuration that all changes were counted against.
const BASE: &str = "base";

/// What several effects come to together on a filesystem; `None` where no two of them touch the same
/// job, or no time can be promised for its devices.
pub fn together(effects: &[Effect], filesystem: &Filesystem, host: &Host) -> Option<Together> {
    let devices = device::below(filesystem, host).filter(|d| d.promises())?;
    let waiting = waiting_share(host);
    let table = Demands::table();
    let mut figures = Vec::new();
    for workload in &table.workloads {
        let Some(before) = table.of(&workload.name, BASE) else {
            continue;
        };
        let changes = changes(effects, &workload.name);
        let changed: Vec<&Demand> = changes
            .iter()
            .filter_map(|name| table.of(&workload.name, name))
            .collect();
        if changed.len() < 2 {
            continue;
        }
        let after = before.combined(&changed);
        let names = changes.join("+");
        let change = Change {
            before,
            after: &after,
            traits: [Traits::of(BASE), Traits::of(&names)],
            request_spread: workload.request_spread.unwrap_or(Spread::REQUESTS),
        };
        let Computed::Ratio(time_ratio) = ratio(&change, &devices, filesystem, host) else {
            continue;
        };
        let source = format!(
            "{}, the effects multiplied count by count, on a {}",
            table.citation(&workload.name, BASE, &names),
            devices.description.name
        );
        let mut figure = Figure {
            operation: workload.job.clone(),
            time_ratio,
            basis: Basis::Computed(source),
            expectation: None,
        };
        bound(&mut figure, waiting.as_ref());
        figures.push(figure);
    }
    (!figures.is_empty()).then(|| Together {
        filesystem: filesystem.name().to_owned(),
        figures,
        assumptions: assumptions(&devices, filesystem, host, waiting),
    })
}

/// The configurations that the effects mean for a job, each effect once.
fn changes(effects: &[Effect], workload: &str) -> Vec<&'static str> {
    let mut changes = Vec::new();
    for effect in effects {
        let of_job = counted(*effect).iter();
        let mut of_job = of_job.filter(|(job, before, _)| *job == workload && *before == BASE);
        if let Some((_, _, after)) = of_job.next()
            && !changes.contains(after)
        {
            changes.push(*after);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::time::{self, Numbers, Service};

    #[test]
    fn returns_diminish_where_changes_spare_the_device_the_same_thing() {
        // What waits for nothing but bytes: a volume capped at 40 MB/s.
        let device = Numbers {
            service: Service::Capped,
            iops: 1e6,
            bandwidth: 40e6,
            latency: 1e-6,
            flush: 0.0,
        };
        let table = Demands::table();
        let of = |name: &str| table.of("untar", name).unwrap();
        let before = of("base");
        let alone = |after: &Demand, names: &str| {
            let change = Change {
                before,
                after,
                traits: [Traits::of(BASE), Traits::of(names)],
                request_spread: Spread::REQUESTS,
            };
            time::ratio(&change, &[device], 2).unwrap().point
        };
        let (zstd, single) = (of("zstd1"), of("single"));
        let both = before.combined(&[zstd, single]);
        let product = alone(zstd, "zstd1") * alone(single, "single");
        let together = alone(&both, "zstd1+single");
        assert!(together < alone(zstd, "zstd1"), "both are better than one");
        assert!(
            together > product,
            "{together} against {product}: not as much as multiplied"
        );
    }

    #[test]
    fn a_count_that_nothing_changes_stays() {
        let table = Demands::table();
        let before = table.of("dbrand", "base").unwrap();
        let both = before.combined(&[before, before]);
        assert_eq!(both.instant.flushes, before.instant.flushes);
        assert!((both.instant.requests() - before.instant.requests()).abs() < 1e-6);
    }

    #[test]
    fn each_effect_counts_once() {
        let effects = [
            Effect::NoAccessTimes,
            Effect::Compression,
            Effect::NoAccessTimes,
        ];
        assert_eq!(changes(&effects, "scan"), ["noatime", "zstd1"]);
        assert_eq!(changes(&effects, "dirscan"), ["noatime"]);
        assert_eq!(changes(&[Effect::Scrub], "scan"), Vec::<&str>::new());
    }
}
