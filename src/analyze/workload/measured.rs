//! What paths tell: of mounts of their own, of files that somebody looked at, of snapshots. The table
//! is `data/paths.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Workload;
use super::kind::{Engine, WorkloadKind};
use crate::analyze::evidence::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::storage::is_below;

/// A path that tells what is done there. One of the three texts is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Telling {
    /// A directory.
    #[serde(default)]
    pub(super) below: Option<String>,
    /// A part of a path.
    #[serde(default)]
    pub(super) contains: Option<String>,
    /// The end of a path.
    #[serde(default)]
    pub(super) ends: Option<String>,
    /// The work that is done there.
    pub(super) kind: WorkloadKind,
    /// What reads and writes.
    #[serde(default)]
    pub(super) engine: Option<Engine>,
    /// How much it says.
    pub(super) weight: Weight,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    paths: Vec<Telling>,
}

/// The table as it is written, or what is wrong with it.
pub(super) fn table() -> Result<Vec<Telling>, toml::de::Error> {
    toml::from_str::<File>(include_str!("data/paths.toml")).map(|file| file.paths)
}

// A test sees to it that the table can be read.
static TABLE: LazyLock<Vec<Telling>> = LazyLock::new(|| table().unwrap_or_default());

impl Telling {
    fn tells(&self, path: &str) -> bool {
        self.below.as_deref().is_some_and(|d| is_below(path, d))
            || self.contains.as_deref().is_some_and(|c| path.contains(c))
            || self.ends.as_deref().is_some_and(|e| path.ends_with(e))
    }
}

/// A path that something names.
struct Named<'h> {
    path: &'h str,
    what: &'static str,
    source: Source,
}

fn named(host: &Host) -> Vec<Named<'_>> {
    let metrics = &host.metrics;
    const MOUNTED: &str = "is a mount point of its own";
    let mounted = metrics
        .mounts
        .iter()
        .map(|m| (m.mountpoint.as_str(), MOUNTED, &m.source));
    let sized = metrics
        .filesystems
        .iter()
        .map(|f| (f.mountpoint.as_str(), MOUNTED, &f.source));
    let pieces = metrics
        .fragmentation
        .iter()
        .map(|f| (f.path.as_str(), "was looked at for its extents", &f.source));
    let compressed = metrics.compression.iter().filter_map(|c| {
        let path = c.path.as_deref()?;
        Some((path, "was looked at for its compression", &c.source))
    });
    let flagged = metrics.flags.iter().map(|f| {
        let what = "was looked at for its attributes";
        (f.path.as_str(), what, &f.source)
    });
    let measured = mounted
        .chain(sized)
        .chain(pieces)
        .chain(compressed)
        .chain(flagged)
        .map(|(path, what, source)| Named {
            path,
            what,
            source: Source::Metrics(source.to_string()),
        });
    let configured = host.storage.filesystems.iter().flat_map(|f| &f.mounts);
    let configured = configured.map(|mount| Named {
        path: &mount.mountpoint,
        what: MOUNTED,
        source: Source::Configuration(mount.at),
    });
    measured.chain(configured).collect()
}

/// What paths tell about a kind of work.
pub(super) fn read(host: &Host, workload: &mut Workload) {
    let named = named(host);
    let kind = workload.kind;
    for telling in TABLE.iter().filter(|t| t.kind == kind) {
        let mut found = named.iter().filter(|n| telling.tells(n.path));
        // Of what is there already, the same kind of source tells nothing new.
        let new = |n: &&Named<'_>| !workload.tells(&n.source);
        let Some(first) = found.find(new) else {
            continue;
        };
        let statement = format!("{} {}", first.path, first.what);
        workload.evidence.push(Evidence::speaks_for(
            telling.weight,
            first.source.clone(),
            statement,
        ));
        workload.engine(telling.engine);
        let place = workload.place(host, first.path, telling.engine, false);
        workload.add(host, place);
    }
    if workload.kind == WorkloadKind::Snapshots {
        snapshots(host, workload);
    }
}

/// Snapshots that are there.
fn snapshots(host: &Host, workload: &mut Workload) {
    const MANY: u64 = 100;
    const SOME: u64 = 8;
    for listed in &host.metrics.subvolumes {
        let count = listed.snapshots.unwrap_or_default();
        let weight = match count {
            0 => continue,
            MANY.. => Weight::Strong,
            SOME.. => Weight::Moderate,
            _ => Weight::Weak,
        };
        let on = listed.path.as_deref().map(|p| format!(" on {p}"));
        let statement = format!("there are {count} snapshots{}", on.unwrap_or_default());
        let source = Source::Metrics(listed.source.to_string());
        workload
            .evidence
            .push(Evidence::speaks_for(weight, source, statement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_sound() {
        let mut seen = std::collections::BTreeSet::new();
        for row in table().unwrap() {
            let texts = [&row.below, &row.contains, &row.ends];
            let given: Vec<_> = texts.iter().filter_map(|t| t.as_ref()).collect();
            assert_eq!(given.len(), 1, "{row:?}");
            assert!(seen.insert((given[0].clone(), row.kind)), "{row:?} twice");
            assert!(row.below.as_ref().is_none_or(|b| b.starts_with('/')));
        }
    }
}
