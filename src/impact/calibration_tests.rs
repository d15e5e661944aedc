//! The predictions against the times that were measured.

use super::cost::Demands;
use super::time::{Numbers, Service, ratio};

struct Row {
    workload: &'static str,
    before: &'static str,
    after: &'static str,
    device: Numbers,
    measured: f64,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("data/calibration.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'));
    lines
        .skip(1)
        .map(|line| {
            let cells: Vec<&'static str> = line.split('\t').collect();
            let number = |i: usize| cells[i].parse::<f64>().unwrap();
            let service = match cells[4] {
                "linear" => Service::Linear,
                "capped" => Service::Capped,
                "bio" => Service::Throttled,
                "seek" => Service::Seek,
                other => panic!("{other}"),
            };
            Row {
                workload: cells[0],
                before: cells[1],
                after: cells[2],
                device: Numbers {
                    service,
                    iops: number(5),
                    bandwidth: number(6),
                    latency: number(7),
                    flush: number(8),
                },
                measured: number(11),
            }
        })
        .collect()
}

fn predicted(row: &Row) -> super::Interval {
    let table = Demands::table();
    let before = table.of(row.workload, row.before).unwrap();
    let after = table.of(row.workload, row.after).unwrap();
    ratio(before, after, &[row.device], table.processors).unwrap()
}

#[test]
fn four_of_five_measured_ratios_lie_in_their_interval() {
    let rows = rows();
    assert_eq!(rows.len(), 87);
    let inside = rows
        .iter()
        .filter(|r| predicted(r).contains(r.measured))
        .count();
    // The experiment states 79 %.
    assert!(
        inside * 100 >= rows.len() * 79,
        "{inside} of {}",
        rows.len()
    );
}

#[test]
fn intervals_are_ordered_and_narrow() {
    let mut widths: Vec<f64> = rows()
        .iter()
        .map(|row| {
            let interval = predicted(row);
            assert!(0.0 < interval.low && interval.low <= interval.high);
            interval.high / interval.low
        })
        .collect();
    widths.sort_by(f64::total_cmp);
    assert!(
        widths[widths.len() / 2] < 1.5,
        "median width {}",
        widths[widths.len() / 2]
    );
}

#[test]
fn an_interval_that_names_a_direction_names_the_measured_one() {
    for row in rows() {
        let interval = predicted(&row);
        if !interval.contains(1.0) {
            let (workload, after) = (row.workload, row.after);
            assert_eq!(
                interval.high < 1.0,
                row.measured < 1.0,
                "{workload} {after}"
            );
        }
    }
}
