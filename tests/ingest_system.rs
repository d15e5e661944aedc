#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::path::Path;
use btrfs_tune::ingest::metrics::read_bytes;
use btrfs_tune::model::metrics::Metrics;
#[test]
fn dump() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/metrics");
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for p in names {
        let name = p.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("btrfs") || name.starts_with("compsize") { continue }
        let mut m = Metrics::default();
        let problems = read_bytes(&name, &std::fs::read(&p).unwrap(), &mut m);
        println!("=== {name}");
        for p in problems { println!("  !! {p}"); }
        let v = serde_json::to_value(&m).unwrap();
        for (k, v) in v.as_object().unwrap() {
            if v.is_null() || v.as_array().is_some_and(|a| a.is_empty()) { continue }
            if k == "pressure" && v.as_object().unwrap().values().all(|v| v.is_null()) { continue }
            let t = v.to_string().replace(&format!(",\"source\":\"{name}\""), "");
            println!("  {k}: {}", t.chars().take(1400).collect::<String>());
        }
    }
}
