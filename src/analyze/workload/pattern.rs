//! How each kind of work, and each engine, reads and writes. The table is `data/patterns.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::kind::{Engine, WorkloadKind};

/// How a kind of work reads and writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IoPattern {
    /// The kind of work.
    pub kind: WorkloadKind,
    /// The engine that it is told of; none for what the kind has in common.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub engine: Option<Engine>,
    /// Where the next request goes.
    pub access: Access,
    /// What most requests are.
    pub mix: Mix,
    /// How often it waits for the disk to have it all.
    pub sync: SyncHabit,
    /// How large its requests are.
    pub request: RequestSize,
    /// Whether it makes many files of a few KiB.
    pub small_files: bool,
    /// What it does to data that is there.
    pub update: Update,
    /// How much of its data it touches again and again.
    pub hot_set: HotSet,
    /// Where each of these is known from, by its name: an address, a measurement of this program's
    /// (`data/impact/demands.json`), or `judgement`.
    pub sources: BTreeMap<String, String>,
}

/// Where the next request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Anywhere.
    Random,
    /// To where the last one ended.
    Streaming,
    /// Both, such as a log beside tables.
    Mixed,
}

/// What most requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// Reads.
    ReadMostly,
    /// Neither outweighs the other by far.
    Mixed,
    /// Writes.
    WriteMostly,
}

/// How often it waits for the disk to have everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncHabit {
    /// Each operation (commit, message, request of a guest) waits.
    EachOperation,
    /// Many operations share a wait: by time, by size, or at the end.
    Batched,
    /// It leaves that to the kernel.
    None,
}

/// How large requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestSize {
    /// Up to 16 KiB.
    Small,
    /// Up to 256 KiB.
    Medium,
    /// More.
    Large,
}

/// What it does to data that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// Overwrites parts of files: what copy on write makes pieces of.
    InPlace,
    /// Adds to the end of files.
    Append,
    /// Writes a file once; later it is read, replaced or deleted.
    WriteOnce,
}

/// How much of the data is touched again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HotSet {
    /// Little of it: memory holds that.
    Small,
    /// More than memory holds, as a rule.
    Large,
    /// Nothing: what was touched is not soon touched again.
    Nothing,
}

/// What a pattern claims, by the names of its fields.
#[cfg(test)]
pub(super) const CLAIMS: [&str; 7] = [
    "access",
    "mix",
    "sync",
    "request",
    "small_files",
    "update",
    "hot_set",
];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    patterns: Vec<IoPattern>,
}

/// The table as it is written, and what is wrong with it.
pub(super) fn read() -> Result<Vec<IoPattern>, toml::de::Error> {
    toml::from_str::<File>(include_str!("data/patterns.toml")).map(|file| file.patterns)
}

// A test sees to it that the table can be read.
static TABLE: LazyLock<Vec<IoPattern>> = LazyLock::new(|| read().unwrap_or_default());

impl IoPattern {
    /// How an engine works where it does this kind of work, else what is common to that kind.
    pub fn of(kind: WorkloadKind, engine: Option<Engine>) -> Option<&'static IoPattern> {
        let find = |engine: Option<Engine>| {
            let mut all = TABLE.iter();
            all.find(|p| p.kind == kind && p.engine == engine)
        };
        engine.and_then(|e| find(Some(e))).or_else(|| find(None))
    }
}
