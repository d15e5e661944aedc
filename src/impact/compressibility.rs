//! Owns: how small compression makes the data of a filesystem.

use super::Interval;
use crate::analyze::{Analysis, WorkloadKind};
use crate::model::{Filesystem, Host};

/// Bytes on disk ÷ bytes of data, with how it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compressibility {
    /// The ratio; `None` is that of the data that were counted.
    pub(super) ratio: Option<Interval>,
    /// How that is said.
    pub(super) said: String,
}

/// The ratio of data of which nothing is known: from what text and programs come to (`zstd` on the
/// data that were counted) to none at all.
const UNKNOWN: Interval = Interval {
    low: 0.31,
    high: 1.0,
};

/// How small compression makes the data of a filesystem: as `compsize` found it there, else as the
/// counted data, where the machine works with data of that kind, else unknown.
pub(super) fn of(filesystem: &Filesystem, host: &Host, analysis: &Analysis) -> Compressibility {
    let here = |path: &str| {
        let holder = host.storage.holding(path);
        holder.is_some_and(|(f, _)| f.name() == filesystem.name())
    };
    let measured = host.metrics.compression.iter().find_map(|found| {
        let path = found.path.as_deref().filter(|path| here(path))?;
        let compressed = found.rows.iter();
        let compressed =
            compressed.filter(|r| !matches!(r.algorithm.as_str(), "none" | "prealloc"));
        let (disk, data) = compressed.fold((0, 0), |(disk, data), row| {
            (disk + row.disk.0, data + row.uncompressed.0)
        });
        (data > 0).then(|| (disk as f64 / data as f64, path, found.source.to_string()))
    });
    if let Some((ratio, path, source)) = measured {
        return Compressibility {
            ratio: Some(Interval::exactly(ratio.clamp(0.01, 1.0))),
            said: format!(
                "what is compressed below {path} takes {:.0} % of its size ({source}), and so will \
                 the rest",
                ratio * 100.0
            ),
        };
    }
    let kinds = [
        (WorkloadKind::NixStore, "the Nix store"),
        (WorkloadKind::Build, "builds"),
        (WorkloadKind::Container, "containers"),
    ];
    let of_kind = kinds.into_iter().find(|(kind, _)| {
        let workload = analysis.workload(*kind);
        workload.is_some_and(|w| w.paths.iter().any(|path| here(path)))
    });
    match of_kind {
        Some((_, kind)) => Compressibility {
            ratio: None,
            said: format!(
                "data compress as the programs and sources that were counted (to a third), as those \
                 of {kind} do"
            ),
        },
        None => Compressibility {
            ratio: Some(UNKNOWN),
            said:
                "how well the data compress is not known: from a third to not at all (`compsize` \
                   on a sample tells)"
                    .to_owned(),
        },
    }
}
