#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
use btrfs_tune::ingest::metrics::read_bytes;
use btrfs_tune::model::metrics::Metrics;
fn prune(v: &mut serde_json::Value) {
    match v {
        serde_json::Value::Object(o) => {
            o.retain(|k, v| {
                !v.is_null() && k != "source" && !v.as_array().is_some_and(|a| a.is_empty())
            });
            o.values_mut().for_each(prune)
        }
        serde_json::Value::Array(a) => a.iter_mut().for_each(prune),
        _ => {}
    }
}
#[test]
fn dump() {
    let dir = std::env::var("DUMP_DIR").unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    for p in names {
        let name = p.file_name().unwrap().to_str().unwrap().to_owned();
        let mut m = Metrics::default();
        let problems = read_bytes(&name, &std::fs::read(&p).unwrap(), &mut m);
        println!("=== {name}");
        for p in problems {
            println!("  !! {p}");
        }
        let mut v = serde_json::to_value(&m).unwrap();
        prune(&mut v);
        for (k, v) in v.as_object().unwrap() {
            let n = v.as_array().map_or(1, |a| a.len());
            println!(
                "  {k} x{n}: {}",
                v.to_string()
                    .replace("{\"value\":", "")
                    .chars()
                    .take(std::env::var("W").map_or(500, |w| w.parse().unwrap()))
                    .collect::<String>()
            );
        }
    }
}
