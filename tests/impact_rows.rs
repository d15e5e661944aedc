//! The predictions of time against what was measured, row by row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use btrfs_tune::impact::rows::{Row, read};

const TABLE: &str = include_str!("impact/calibration.tsv");

fn rows() -> Vec<Row> {
    let rows = read(TABLE).unwrap();
    assert_eq!(rows.len(), 87);
    rows
}

/// What is said of some rows: how many of the measured ratios lie inside, of how many; and the median
/// of high / low.
fn judged(rows: &[&Row]) -> (usize, usize, f64) {
    let mut widths = Vec::new();
    let mut inside = 0;
    for row in rows {
        let interval = row.predicted().unwrap().interval;
        assert!(0.0 < interval.low && interval.low <= interval.high);
        widths.push(interval.high / interval.low);
        inside += usize::from(interval.contains(row.measured.unwrap()));
    }
    widths.sort_by(f64::total_cmp);
    (inside, rows.len(), widths[widths.len() / 2])
}

fn compresses(row: &Row) -> bool {
    row.configurations
        .iter()
        .any(|c| c.starts_with("zstd") || c.starts_with("lzo"))
}

#[test]
fn nine_of_ten_measured_ratios_lie_in_narrow_intervals() {
    let rows = rows();
    let (inside, of, width) = judged(&rows.iter().collect::<Vec<_>>());
    println!("{inside} of {of} inside, median high/low {width:.3}");
    assert!(inside * 100 >= of * 90, "{inside} of {of}");
    assert!(width <= 1.40, "{width}");
}

#[test]
fn what_was_hard_is_predicted_by_the_model_and_not_by_width() {
    let rows = rows();
    type IsOf = fn(&Row) -> bool;
    let groups: [(&str, IsOf); 4] = [
        ("a fragmented read on a seek-bound disk", |r| {
            r.workload == "seqfrag" && r.class == "hdd"
        }),
        ("buffered random overwrites", |r| r.workload == "snapow"),
        ("compression", compresses),
        ("compression where software is the limit", |r| {
            compresses(r) && r.software_share().unwrap() > 0.25
        }),
    ];
    for (name, is_of) in groups {
        let of_group: Vec<&Row> = rows.iter().filter(|r| is_of(r)).collect();
        let (inside, of, width) = judged(&of_group);
        println!("{name}: {inside} of {of} inside, median high/low {width:.2}");
        assert!(inside * 100 >= of * 80, "{name}: {inside} of {of}");
        // Jobs of a few tenths of a second differ by half from run to run.
        assert!(width <= 1.75, "{name}: {width}");
    }
}

#[test]
fn an_interval_that_names_a_direction_names_the_measured_one() {
    let mut named = 0;
    for row in rows() {
        let interval = row.predicted().unwrap().interval;
        if !interval.contains(1.0) {
            named += 1;
            let told = (&row.workload, &row.configurations, &row.class);
            assert_eq!(interval.high < 1.0, row.measured.unwrap() < 1.0, "{told:?}");
        }
    }
    assert!(named >= 25, "{named} rows name a direction");
}

#[test]
fn what_does_not_change_is_predicted_to_stay() {
    // The same counts before and after, for each row and device.
    let header = TABLE.lines().find(|l| l.starts_with("workload")).unwrap();
    let names: Vec<&str> = header.split('\t').collect();
    let column = |name: &str| names.iter().position(|n| *n == name).unwrap();
    let mut same = vec![header.to_owned()];
    for line in TABLE.lines().filter(|l| !l.starts_with('#')).skip(1) {
        let mut cells: Vec<&str> = line.split('\t').collect();
        for name in names.iter().filter(|n| n.ends_with("_before")) {
            let after = name.replace("_before", "_after");
            cells[column(&after)] = cells[column(name)];
        }
        same.push(cells.join("\t"));
    }
    for row in read(&same.join("\n")).unwrap() {
        let ratio = row.predicted().unwrap();
        assert!((ratio.point - 1.0).abs() < 1e-9 && ratio.interval.contains(1.0));
    }
}

#[test]
fn a_row_that_is_not_understood_is_named_with_its_line() {
    let of = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(read("").unwrap().len(), 0);
    assert_eq!(
        of("workload\tconfig_before\nuntar\tbase\n"),
        "line 2: there is no column `config_after`"
    );
    let broken = |from: &str, to: &str| {
        let mut lines = TABLE.lines().skip(1).take(2);
        let header = lines.next().unwrap();
        of(&format!(
            "{header}\n{}\n",
            lines.next().unwrap().replacen(from, to, 1)
        ))
    };
    assert_eq!(
        broken("\tseek\t", "\ttape\t"),
        "line 2: `dev_kind` is `tape`, expected linear, capped, bio or seek"
    );
    assert_eq!(
        broken("\t120\t", "\t-1\t"),
        "line 2: `dev_iops` is `-1`, expected a number from 0 on"
    );
    assert_eq!(
        broken("\t120\t", "\t0\t"),
        "line 2: `dev_iops` is 0, expected more"
    );
}
