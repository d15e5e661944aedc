//! Owns: what one job asks of the device and the processor, counted once on a real btrfs.
//!
//! The table is `data/demands.json`, with its kernel, date and method. Nothing in it is fitted.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::analyze::WorkloadKind;

const TABLE: &str = include_str!("../../data/impact/demands.json");

/// The table of demands.
#[derive(Debug, Clone, Deserialize)]
pub struct Demands {
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Processors of the machine that counted.
    pub processors: u32,
    /// The jobs.
    pub workloads: Vec<Workload>,
    /// What was set.
    pub configurations: Vec<Configuration>,
    demands: Vec<Demand>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, Deserialize)]
pub struct Provenance {
    /// What was counted.
    pub what: String,
    /// On which kernel.
    pub kernel: String,
    /// When the rows were written.
    pub recorded: String,
    /// How it was counted.
    pub method: String,
    /// Whose experiment it is.
    pub source: String,
    /// How good the predictions were, and what they do not cover.
    pub accuracy: String,
}

/// A job that was counted.
#[derive(Debug, Clone, Deserialize)]
pub struct Workload {
    /// Its name in the table.
    pub name: String,
    /// One operation of it.
    pub operation: String,
    /// What it does, for people.
    pub job: String,
    /// The workloads of machines that it stands for.
    pub kinds: Vec<WorkloadKind>,
    /// What people say of it.
    pub words: Vec<String>,
    /// Operations in a job.
    pub operations: u32,
    /// Bytes of the data that it reads or writes, before compression, where compression matters to it.
    #[serde(default)]
    pub data_bytes: Option<f64>,
    /// By which the number of its write requests differs between runs, (max − min) / mean, where
    /// merging is a matter of timing; elsewhere [`Spread::REQUESTS`].
    #[serde(default)]
    pub request_spread: Option<f64>,
}

/// By which what is counted differs between runs of the same job, (max − min) / mean. Three runs of
/// 25 jobs: medians of processor and wall time, the 90 % quantile of requests.
#[derive(Debug, Clone, Copy)]
pub struct Spread;

impl Spread {
    /// Requests and rounds.
    pub const REQUESTS: f64 = 0.04;
    /// Processor time of the job's processes.
    pub const FOREGROUND: f64 = 0.214;
    /// Processor time of kernel threads.
    pub const BACKGROUND: f64 = 0.307;
    /// Wall time on a device that answers at once.
    pub const SOFTWARE: f64 = 0.246;
    /// Seeks of a stream that is written back: where its pieces land is a matter of timing.
    pub const SEEKS: f64 = 0.25;
}

/// What a configuration means for how requests come about, by its name in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// Kernel threads compress what is written.
    pub compresses: bool,
    /// Data is overwritten where it stands.
    pub in_place: bool,
    /// Metadata is written once, not twice.
    pub single_metadata: bool,
    /// Parts of files are written anew elsewhere.
    pub relocates: bool,
}

impl Traits {
    /// Of a name such as `zstd3` or `nocow+snap`.
    pub fn of(configuration: &str) -> Self {
        let mut traits = Traits::default();
        for part in configuration.split('+') {
            traits.compresses |= ["zstd", "lzo", "zlib"].iter().any(|a| part.starts_with(a));
            traits.in_place |= part == "nocow";
            traits.single_metadata |= part == "single";
            traits.relocates |= matches!(part, "adefrag" | "defrag");
        }
        traits
    }
}

/// A configuration that was counted.
#[derive(Debug, Clone, Deserialize)]
pub struct Configuration {
    /// Its name in the table.
    pub name: String,
    /// What is set.
    pub means: String,
}

/// What a job asks under a configuration.
#[derive(Debug, Clone, Deserialize)]
pub struct Demand {
    /// The job.
    pub workload: String,
    /// What was set.
    pub configuration: String,
    /// Processor time of the job's own processes, in seconds.
    pub foreground_seconds: f64,
    /// Processor time of kernel threads, in seconds; an upper bound.
    pub background_seconds: f64,
    /// Wall time on a device that answers at once, in seconds.
    pub software_seconds: f64,
    /// What reaches a device that answers at once, without a scheduler.
    pub instant: Vector,
    /// What reaches a device of 5 ms a request behind mq-deadline.
    pub queued: Vector,
}

/// What reaches a device.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Vector {
    /// Read requests, where they were counted apart.
    pub reads: Option<f64>,
    /// Write requests, where they were counted apart.
    pub writes: Option<f64>,
    /// All requests, where they were not.
    #[serde(default)]
    pub requests: Option<f64>,
    /// Bytes read.
    pub read_bytes: f64,
    /// Bytes written.
    pub write_bytes: f64,
    /// Flushes of the cache.
    pub flushes: f64,
    /// Requests that do not start where the one before ended.
    pub seeks: f64,
    /// Those of them that jump at most 256 KiB forward, which costs a disk no seek; `None` where
    /// that was not kept.
    pub near_jumps: Option<f64>,
    /// The seeks of reads among them, where they were counted apart.
    #[serde(default)]
    pub read_seeks: Option<f64>,
    /// The near jumps of reads, where they were counted apart.
    #[serde(default)]
    pub read_near_jumps: Option<f64>,
    /// Bytes that those jump over.
    pub near_bytes: f64,
    /// Device waits that depend on one another.
    pub rounds: f64,
}

impl Vector {
    /// Reads and writes.
    pub fn requests(&self) -> f64 {
        self.requests
            .unwrap_or_else(|| self.reads.unwrap_or(0.0) + self.writes.unwrap_or(0.0))
    }

    /// Reads and writes apart; where they were not counted apart, by the bytes they carry.
    pub fn reads_and_writes(&self) -> (f64, f64) {
        self.reads.zip(self.writes).unwrap_or_else(|| {
            let read = self.read_bytes / self.bytes().max(1.0);
            let all = self.requests();
            (all * read, all * (1.0 - read))
        })
    }

    /// Bytes read and written.
    pub fn bytes(&self) -> f64 {
        self.read_bytes + self.write_bytes
    }
}

/// One count of several, after ÷ before, multiplied; counts that were none are added.
fn combined(base: f64, changed: &[f64]) -> f64 {
    match base > 0.0 {
        true => base * changed.iter().map(|c| c / base).product::<f64>(),
        false => changed.iter().sum(),
    }
}

impl Vector {
    fn combined(&self, changed: &[&Vector]) -> Vector {
        let all = |of: fn(&Vector) -> f64| {
            let changed: Vec<f64> = changed.iter().map(|v| of(v)).collect();
            combined(of(self), &changed)
        };
        let known = |of: fn(&Vector) -> Option<f64>| {
            let changed: Option<Vec<f64>> = changed.iter().map(|v| of(v)).collect();
            Some(combined(of(self)?, &changed?))
        };
        Vector {
            reads: known(|v| v.reads),
            writes: known(|v| v.writes),
            requests: known(|v| v.requests),
            read_bytes: all(|v| v.read_bytes),
            write_bytes: all(|v| v.write_bytes),
            flushes: all(|v| v.flushes),
            seeks: all(|v| v.seeks),
            near_jumps: known(|v| v.near_jumps),
            read_seeks: known(|v| v.read_seeks),
            read_near_jumps: known(|v| v.read_near_jumps),
            near_bytes: all(|v| v.near_bytes),
            rounds: all(|v| v.rounds),
        }
    }
}

/// A count between two that were counted, or beyond: `part` 0 is the first, 1 the second.
fn towards(one: f64, other: f64, part: f64) -> f64 {
    (one + part * (other - one)).max(0.0)
}

impl Vector {
    fn towards(&self, other: &Vector, part: f64) -> Vector {
        let all = |of: fn(&Vector) -> f64| towards(of(self), of(other), part);
        let known = |of: fn(&Vector) -> Option<f64>| Some(towards(of(self)?, of(other)?, part));
        Vector {
            reads: known(|v| v.reads),
            writes: known(|v| v.writes),
            requests: known(|v| v.requests),
            read_bytes: all(|v| v.read_bytes),
            write_bytes: all(|v| v.write_bytes),
            flushes: all(|v| v.flushes),
            seeks: all(|v| v.seeks),
            near_jumps: known(|v| v.near_jumps),
            read_seeks: known(|v| v.read_seeks),
            read_near_jumps: known(|v| v.read_near_jumps),
            near_bytes: all(|v| v.near_bytes),
            rounds: all(|v| v.rounds),
        }
    }
}

impl Demand {
    /// Of a job whose data were counted without and with compression (`self`): what it asks where
    /// data take `ratio` of their size. What reaches the device lies between the two counts as its
    /// bytes do; the processor's work is that of trying, whatever comes of it. `None` where
    /// compression saved nothing.
    pub fn at_ratio(&self, plain: &Demand, data_bytes: f64, ratio: f64) -> Option<Demand> {
        let saved = plain.instant.bytes() - self.instant.bytes();
        let part = (1.0 - ratio) * data_bytes / saved;
        (saved > 0.0 && part.is_finite()).then(|| Demand {
            instant: plain.instant.towards(&self.instant, part),
            queued: plain.queued.towards(&self.queued, part),
            ..self.clone()
        })
    }

    /// What the job asks with several changes made, each of which was counted by itself: count by
    /// count, each change has the effect that it had alone. What time that takes is for the device
    /// to say: of what one change has spared it, another can spare no more.
    pub fn combined(&self, changed: &[&Demand]) -> Demand {
        let seconds = |of: fn(&Demand) -> f64| {
            let changed: Vec<f64> = changed.iter().map(|d| of(d)).collect();
            combined(of(self), &changed)
        };
        let vectors = |of: fn(&Demand) -> &Vector| {
            let changed: Vec<&Vector> = changed.iter().map(|d| of(d)).collect();
            of(self).combined(&changed)
        };
        Demand {
            workload: self.workload.clone(),
            configuration: self.configuration.clone(),
            foreground_seconds: seconds(|d| d.foreground_seconds),
            background_seconds: seconds(|d| d.background_seconds),
            software_seconds: seconds(|d| d.software_seconds),
            instant: vectors(|d| &d.instant),
            queued: vectors(|d| &d.queued),
        }
    }
}

impl Demands {
    /// The table; empty if it could not be read, which a test rules out.
    pub fn table() -> &'static Demands {
        static DEMANDS: OnceLock<Demands> = OnceLock::new();
        DEMANDS.get_or_init(|| serde_json::from_str(TABLE).unwrap_or_else(|_| Demands::empty()))
    }

    fn empty() -> Self {
        Demands {
            provenance: Provenance {
                what: String::new(),
                kernel: String::new(),
                recorded: String::new(),
                method: String::new(),
                source: String::new(),
                accuracy: String::new(),
            },
            processors: 1,
            workloads: Vec::new(),
            configurations: Vec::new(),
            demands: Vec::new(),
        }
    }

    /// A job by its name.
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|w| w.name == name)
    }

    /// What a job asks under a configuration.
    pub fn of(&self, workload: &str, configuration: &str) -> Option<&Demand> {
        let fits = |d: &&Demand| d.workload == workload && d.configuration == configuration;
        self.demands.iter().find(fits)
    }

    /// How a figure computed from the table names its basis.
    pub fn citation(&self, workload: &str, before: &str, after: &str) -> String {
        let from = &self.provenance;
        format!(
            "device I/O of `{workload}` counted on btrfs of Linux {} ({before} → {after}, {})",
            from.kernel, from.recorded
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_says_where_it_comes_from() {
        let table: Demands = serde_json::from_str(TABLE).unwrap();
        assert_eq!(table.demands.len(), 41);
        assert!(table.provenance.kernel.starts_with("6.18"));
        assert!(!table.provenance.method.is_empty() && !table.provenance.recorded.is_empty());
        for demand in &table.demands {
            assert!(
                table.workload(&demand.workload).is_some(),
                "{}",
                demand.workload
            );
            let known = table
                .configurations
                .iter()
                .any(|c| c.name == demand.configuration);
            assert!(known, "{}", demand.configuration);
            for vector in [&demand.instant, &demand.queued] {
                assert!(vector.rounds >= 0.0 && vector.seeks >= vector.near_jumps.unwrap_or(0.0));
                assert!(vector.requests() > 0.0, "{}", demand.workload);
            }
        }
    }

    #[test]
    fn counts_are_those_of_the_experiment() {
        let table = Demands::table();
        let database = table.of("dbrand", "base").unwrap();
        assert_eq!(database.instant.requests(), 2470.0);
        assert_eq!(database.instant.flushes, 602.0);
        assert_eq!(
            table.of("dbrand", "nocow").unwrap().instant.requests(),
            1810.0
        );
        let read = table.of("seqfrag", "base").unwrap();
        assert_eq!(
            (read.queued.seeks, read.queued.near_jumps),
            (2074.0, Some(1444.0))
        );
        assert_eq!(table.of("untar", "zstd9").unwrap().software_seconds, 1.063);
        assert!(table.of("scan", "nocow").is_none());
    }
}
