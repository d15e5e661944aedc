//! `fio --output-format=json` (3.x): one fact a job, or a group with `--group_reporting`.

use serde_json::Value;

use super::Reading;
use super::json::{number, objects, text};
use super::size::size;
use crate::model::metrics::{FioJob, FioSide};
use crate::model::units::{Bytes, Millis};

/// Nanoseconds of a millisecond.
const NS: f64 = 1e6;

pub(super) fn is_fio(value: &Value) -> bool {
    value.get("fio version").is_some() && value.get("jobs").is_some_and(Value::is_array)
}

pub(super) fn read(reading: &mut Reading<'_>, line: usize, value: &Value) {
    let global = value.get("global options");
    let jobs: Vec<&Value> = value.get("jobs").into_iter().flat_map(objects).collect();
    if jobs.is_empty() {
        reading.doubt(line, "fio without a job; nothing was read");
    }
    for job in jobs {
        // What a job does not say, the options of all jobs do.
        let option = |key: &str| {
            [job.get("job options"), global]
                .into_iter()
                .flatten()
                .find_map(|options| options.get(key))
                .and_then(Value::as_str)
        };
        let named = |keys: &[&str]| keys.iter().find_map(|key| option(key));
        let flag = |key: &str| option(key).map(|v| !matches!(v, "0" | "false" | "no"));
        let side = |direction: &str| job.get(direction).and_then(side);
        let sync = job
            .get("sync")
            .filter(|sync| sync.get("total_ios").and_then(number).is_none_or(|n| n > 0));
        let fact = FioJob {
            name: text(job, "jobname").unwrap_or_default(),
            pattern: named(&["rw", "readwrite"]).map(str::to_owned),
            // `4k` is 4096 bytes; `4k,64k` differs by direction.
            block_size: named(&["bs", "blocksize"]).and_then(block_size),
            io_depth: option("iodepth").and_then(|n| n.parse().ok()),
            direct: flag("direct"),
            path: named(&["filename", "directory"]).map(str::to_owned),
            read: side("read"),
            write: side("write"),
            sync_mean: sync.and_then(mean),
        };
        let fact = reading.sourced(fact);
        reading.metrics.fio.push(fact);
    }
}

/// fio's own units: `k` and `K`, `kb`, `kib` are 1024 unless `kb_base=1000`.
fn block_size(text: &str) -> Option<Bytes> {
    let (first, rest) = text.split_once(',').unwrap_or((text, ""));
    if !rest.is_empty() {
        return None;
    }
    let upper = first.to_ascii_uppercase();
    let letters = upper.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &upper[..upper.len() - letters.len()];
    let letter = letters.trim_end_matches('B').trim_end_matches('I');
    size(&format!("{number}{letter}")).map(|size| size.bytes)
}

/// The mean completion time of a direction or of the syncs.
fn mean(side: &Value) -> Option<Millis> {
    let scaled = |key: &str, scale: f64| {
        let mean = side.get(key)?.get("mean")?.as_f64()?;
        mean.is_finite().then(|| Millis(mean / scale))
    };
    scaled("clat_ns", NS)
        .filter(|m| m.0 > 0.0)
        .or_else(|| scaled("lat_ns", NS))
        // fio 2 counted microseconds.
        .or_else(|| scaled("clat", 1e3))
}

/// A direction in which anything was done.
fn side(value: &Value) -> Option<FioSide> {
    let done = value.get("total_ios").and_then(number)?;
    let bytes_s = match value.get("bw_bytes").and_then(Value::as_f64) {
        Some(bytes) => bytes,
        None => value.get("bw")?.as_f64()? * 1024.0,
    };
    let per_s = value.get("iops")?.as_f64()?;
    let p99 = value
        .get("clat_ns")
        .and_then(|clat| clat.get("percentile"))
        .and_then(|all| all.get("99.000000"))
        .and_then(Value::as_f64);
    (done > 0 && per_s.is_finite() && bytes_s.is_finite()).then(|| FioSide {
        per_s,
        bytes_s,
        mean: mean(value),
        p99: p99.map(|ns| Millis(ns / NS)),
    })
}
