//! Predicts rows of counted demands:
//!
//! ```sh
//! cargo run --release --example impact_rows -- FILE.tsv
//! ```
//!
//! FILE has a header and a row for each job before and after on a device, in the shape of
//! `tests/impact/calibration.tsv`: what the job asks of the device and the processor, and what the
//! device can do. Measured columns are ignored. Printed, in order, tab-separated with a header:
//! `predicted_ratio` (time after ÷ time before), `lo` and `hi`.

use std::process::ExitCode;

use btrfs_tune::impact::rows;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("give a table: cargo run --release --example impact_rows -- FILE.tsv");
        return ExitCode::FAILURE;
    };
    let rows = std::fs::read_to_string(&file)
        .map_err(|e| e.to_string())
        .and_then(|text| rows::read(&text).map_err(|e| e.to_string()));
    match rows {
        Ok(rows) => {
            println!("predicted_ratio\tlo\thi");
            for row in rows {
                match row.predicted() {
                    Some(ratio) => println!(
                        "{:.4}\t{:.4}\t{:.4}",
                        ratio.point, ratio.interval.low, ratio.interval.high
                    ),
                    None => println!("NA\tNA\tNA"),
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}
