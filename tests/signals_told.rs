//! What people tell in a facts file, as signals: figures beside names, settings by their values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use btrfs_tune::analyze::signal::{Signals, Value};
use btrfs_tune::ingest::facts;
use btrfs_tune::model::Host;
use serde_json::json;

/// What the signals of that name say.
fn said(facts: &serde_json::Value, name: &str) -> Vec<Value> {
    let given = json!({ "complaint": "It is slow.", "facts": facts });
    let (known, _) = facts::read("told.json", given.to_string().as_bytes());
    let host = Host::told("told", &known);
    let signals = Signals::of(&host, &[]);
    let of_name = signals.iter().filter(|s| s.name == name);
    of_name.map(|s| s.value.clone()).collect()
}

fn word(text: &str) -> Vec<Value> {
    vec![Value::Word(text.to_owned())]
}

#[test]
fn dirty_limits_are_known_by_their_values() {
    let limited = |sysctl: serde_json::Value| {
        let facts = json!({ "metrics": { "sysctl": sysctl } });
        said(&facts, "dirty.limited")
    };
    let (yes, no) = (vec![Value::Yes], vec![Value::No]);
    assert_eq!(limited(json!({ "vm.dirty_bytes": 268_435_456 })), yes);
    assert_eq!(limited(json!({ "vm.dirty_ratio": 5 })), yes);
    // Zero bytes: the ratio counts.
    assert_eq!(limited(json!({ "vm.dirty_bytes": 0 })), no);
    assert_eq!(
        limited(json!({ "vm.dirty_bytes": 0, "vm.dirty_ratio": 20 })),
        no
    );
    assert_eq!(limited(json!({ "vm.dirty_ratio": 50 })), no);
    assert_eq!(
        limited(json!({ "vm.dirty_bytes": 0, "vm.dirty_ratio": 5 })),
        yes
    );
    assert_eq!(limited(json!({ "vm.swappiness": 10 })), []);
    let facts = json!({ "metrics": { "sysctl": { "vm.dirty_ratio": 50 } } });
    assert_eq!(said(&facts, "dirty.ratio"), [Value::Number(50.0)]);
    // Bytes that are set make the ratio void.
    let facts = json!({ "metrics": { "sysctl": { "vm.dirty_ratio": 50, "vm.dirty_bytes": 1 } } });
    assert_eq!(said(&facts, "dirty.ratio"), []);
}

#[test]
fn what_top_names_is_at_work() {
    let busy = |metrics: serde_json::Value| said(&json!({ "metrics": metrics }), "thread.busy");
    assert_eq!(
        busy(json!({ "top": { "fstrim": "running in both episodes" } })),
        word("fstrim")
    );
    assert_eq!(
        busy(json!({ "iotop": { "kworker (kcryptd)": "top" } })),
        word("kworker+kcryptd")
    );
    assert_eq!(
        busy(json!({ "top": ["btrfs-cleaner", "firefox"] })),
        word("btrfs-cleaner")
    );
    assert_eq!(
        busy(json!({ "ps": ["nice -n 19 duperemove -rd /srv"] })),
        word("duperemove")
    );
    assert_eq!(busy(json!({ "top": { "fstrim": "not running" } })), []);
    assert_eq!(busy(json!({ "top": { "fstrim": "sleeping" } })), []);
}

#[test]
fn a_task_in_the_log_waits() {
    let facts = json!({ "metrics": { "dmesg": ["task:fstrim state:D stack:0 pid:9"] } });
    assert_eq!(said(&facts, "thread.blocked"), word("fstrim"));
    let facts = json!({ "metrics": { "dmesg": ["task:fstrim state:S stack:0 pid:9"] } });
    assert_eq!(said(&facts, "thread.blocked"), []);
}

#[test]
fn a_share_beside_a_size_tells_how_full_it_is() {
    let facts = json!({ "metrics": { "df": { "/": { "size_gib": 40, "use_percent": 98 } } } });
    assert_eq!(said(&facts, "space.used"), [Value::Number(98.0)]);
}

#[test]
fn figures_beside_what_a_disk_is_are_its_own() {
    let facts = json!({ "disk": { "kind": "nvme", "util": "35%", "f/s": 240 } });
    assert_eq!(said(&facts, "disk.util"), [Value::Number(35.0)]);
    assert_eq!(said(&facts, "disk.flushes"), [Value::Number(240.0)]);
    assert_eq!(said(&facts, "disk.kind"), word("nvme"));
}

#[test]
fn what_time_tells_in_members_is_a_share() {
    let facts = json!({ "metrics": { "timings": { "real_s": 60, "user_s": 45, "sys_s": 5 } } });
    assert_eq!(said(&facts, "run.user_share"), [Value::Number(75.0)]);
}

#[test]
fn mounts_of_another_filesystem_alone_are_what_is_meant() {
    let of = |mounts: serde_json::Value| said(&json!({ "mounts": mounts }), "mounts.foreign");
    assert_eq!(
        of(json!([{ "mountpoint": "/games", "fstype": "ntfs" }])),
        word("ntfs")
    );
    let both = json!([
        { "mountpoint": "/games", "fstype": "ntfs" },
        { "mountpoint": "/", "fstype": "btrfs" }
    ]);
    assert_eq!(of(both), []);
    assert_eq!(
        of(json!([{ "mountpoint": "/", "options": ["noatime"] }])),
        []
    );
}
