//! What the system's own tools print, and the facts that are read from it.
//!
//! `fixtures/ingest/metrics` holds outputs of a test machine of this project;
//! `fixtures/ingest/system` holds outputs written for these tests in forms that machine cannot make.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "ingest_system/rates.rs"]
mod rates;
#[path = "ingest_system/robust.rs"]
mod robust;
#[path = "ingest_system/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::{read_bytes, read_dir};
use btrfs_tune::ingest::problem::{Problem, Severity};
use btrfs_tune::model::hardware::Medium;
use btrfs_tune::model::metrics::{
    BlockDevice, DeviceIo, KernelEventKind, Metrics, Process, ProcessState, Smart,
};
use btrfs_tune::model::units::{Bytes, Millis, Percent};
use serde_json::Value;

const KIB: f64 = 1024.0;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/ingest")
        .join(name)
}

fn text(name: &str) -> String {
    let path = [folder("metrics"), folder("system")]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no fixture {name}"));
    fs::read_to_string(path).unwrap()
}

fn read_named(name: &str, content: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes(name, content.as_bytes(), &mut metrics);
    (metrics, problems)
}

fn read(content: &str) -> (Metrics, Vec<Problem>) {
    read_named("metrics.txt", content)
}

/// What a fixture holds, when all of it is understood.
fn sound(name: &str) -> Metrics {
    let (metrics, problems) = read_named(name, &text(name));
    assert_eq!(problems, [], "{name}");
    metrics
}

fn load<'m>(metrics: &'m Metrics, name: &str) -> &'m DeviceIo {
    let found = metrics.devices.iter().find(|d| d.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

fn process<'m>(metrics: &'m Metrics, pid: u64, name: &str) -> &'m Process {
    let mut found = metrics.processes.iter();
    let found = found.find(|p| p.pid == Some(pid) && p.name == name);
    &found.unwrap_or_else(|| panic!("no {pid} {name}")).value
}

fn block<'m>(metrics: &'m Metrics, name: &str) -> &'m BlockDevice {
    let found = metrics.block_devices.iter().find(|d| d.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

/// Every fixture of this folder that is an output of the system, not of btrfs.
fn system_fixtures() -> Vec<String> {
    let mut names: Vec<String> = [folder("metrics"), folder("system")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !["btrfs", "compsize", "lsattr", "sysfs-fs", "filefrag"]
                .iter()
                .any(|p| name.starts_with(p))
        })
        .collect();
    names.sort();
    names
}

/// The facts of metrics without the names of their sources.
fn values(metrics: &Metrics) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("source");
                fields.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(metrics).unwrap();
    strip(&mut value);
    value
}

/// Every number and word of the metrics with the path to it; elements of lists go by their names.
fn facts(metrics: &Metrics) -> BTreeSet<String> {
    fn walk(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if !matches!(
                        key.as_str(),
                        "samples" | "since_boot" | "count" | "approximate"
                    ) {
                        walk(&format!("{path}.{key}"), value, found);
                    }
                }
            }
            Value::Array(list) => {
                for (index, element) in list.iter().enumerate() {
                    let inner = element.get("value").unwrap_or(element);
                    let first_device = inner
                        .pointer("/devices/0/path")
                        .filter(|_| path == ".usage");
                    let name = [
                        "name",
                        "device",
                        "mountpoint",
                        "uuid",
                        "path",
                        "pid",
                        "kind",
                        "subject",
                        "profile",
                    ]
                    .iter()
                    .filter_map(|key| inner.get(*key))
                    .map(Value::to_string)
                    .collect::<Vec<_>>()
                    .join("/");
                    let name = first_device.map_or(name, Value::to_string);
                    // The name of a process ends its line, and may be cut.
                    let pid = inner.get("pid").filter(|_| path == ".processes");
                    let name = pid.map_or(name, Value::to_string);
                    let name = if name.is_empty() && !inner.is_string() {
                        index.to_string()
                    } else {
                        name
                    };
                    walk(&format!("{path}[{name}]"), element, found);
                }
            }
            Value::Number(_) | Value::String(_) => {
                found.insert(format!("{path}={value}"));
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", &values(metrics), &mut found);
    found
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
