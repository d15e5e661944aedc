//! Owns: rows of counted demands as a table with a header, each a job before and after on a device:
//! the shape of `tests/impact/calibration.tsv`. Columns are found by name; measured ones are not needed.

use std::collections::BTreeMap;

use super::cost::{Demand, Demands, Spread, Traits, Vector};
use super::time::{self, Change, Numbers, Ratio, Service};

/// A job before and after on one device.
#[derive(Debug, Clone)]
pub struct Row {
    /// The job.
    pub workload: String,
    /// What is set before and after.
    pub configurations: [String; 2],
    /// The name of the device's class.
    pub class: String,
    /// The device.
    pub device: Numbers,
    before: Demand,
    after: Demand,
    /// Time after ÷ time before as it was measured, if the table has it.
    pub measured: Option<f64>,
}

/// Why a table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct RowError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected.
    pub what: String,
}

/// The cells of one line by the names of their columns.
struct Cells<'t> {
    line: usize,
    columns: &'t BTreeMap<&'t str, usize>,
    cells: Vec<&'t str>,
}

impl<'t> Cells<'t> {
    fn error(&self, what: String) -> RowError {
        RowError {
            line: self.line,
            what,
        }
    }

    fn text(&self, name: &str) -> Result<&'t str, RowError> {
        let at = self.columns.get(name);
        at.and_then(|at| self.cells.get(*at).copied())
            .ok_or_else(|| self.error(format!("there is no column `{name}`")))
    }

    fn number(&self, name: &str) -> Result<f64, RowError> {
        let text = self.text(name)?;
        let value = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        value
            .filter(|n| *n >= 0.0)
            .ok_or_else(|| self.error(format!("`{name}` is `{text}`, expected a number from 0 on")))
    }

    fn positive(&self, name: &str) -> Result<f64, RowError> {
        let value = self.number(name)?;
        match value > 0.0 {
            true => Ok(value),
            false => Err(self.error(format!("`{name}` is 0, expected more"))),
        }
    }

    fn demand(&self, side: &str, workload: &str, configuration: &str) -> Result<Demand, RowError> {
        let number = |name: &str| self.number(&format!("{name}_{side}"));
        let vector = Vector {
            reads: Some(number("rios")?),
            writes: Some(number("wios")?),
            requests: None,
            read_bytes: number("rbytes")?,
            write_bytes: number("wbytes")?,
            flushes: number("flushes")?,
            seeks: number("rseek")? + number("wseek")?,
            near_jumps: Some(number("rnear")? + number("wnear")?),
            read_seeks: Some(number("rseek")?),
            read_near_jumps: Some(number("rnear")?),
            near_bytes: number("gapb")?,
            rounds: number("chain")?,
        };
        Ok(Demand {
            workload: workload.to_owned(),
            configuration: configuration.to_owned(),
            foreground_seconds: number("cpu")?,
            background_seconds: number("kcpu")?,
            software_seconds: number("tref")?,
            instant: vector,
            queued: vector,
        })
    }

    fn row(&self) -> Result<Row, RowError> {
        let workload = self.text("workload")?;
        let names = [self.text("config_before")?, self.text("config_after")?];
        let service = match self.text("dev_kind")? {
            "linear" => Service::Linear,
            "capped" => Service::Capped,
            "bio" => Service::Throttled,
            "seek" => Service::Seek,
            other => {
                let what = format!("`dev_kind` is `{other}`, expected linear, capped, bio or seek");
                return Err(self.error(what));
            }
        };
        let measured = self.text("measured_ratio").ok();
        Ok(Row {
            workload: workload.to_owned(),
            configurations: names.map(str::to_owned),
            class: self.text("device_class").unwrap_or_default().to_owned(),
            device: Numbers {
                service,
                iops: self.positive("dev_iops")?,
                bandwidth: self.positive("dev_bw_Bps")?,
                latency: self.number("dev_lat_s")?,
                flush: self.number("dev_flush_s")?,
            },
            before: self.demand("before", workload, names[0])?,
            after: self.demand("after", workload, names[1])?,
            measured: measured.and_then(|text| text.trim().parse().ok()),
        })
    }
}

/// Reads a table. Lines that begin with `#` say nothing.
///
/// # Errors
///
/// The first line that is not understood.
pub fn read(text: &str) -> Result<Vec<Row>, RowError> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((_, header)) = lines.next() else {
        return Ok(Vec::new());
    };
    let names = header.split('\t').enumerate();
    let columns = names.map(|(at, name)| (name.trim(), at)).collect();
    lines
        .map(|(line, text)| {
            let cells = Cells {
                line,
                columns: &columns,
                cells: text.split('\t').collect(),
            };
            cells.row()
        })
        .collect()
}

impl Row {
    /// Time after ÷ time before as the model has it.
    pub fn predicted(&self) -> Option<Ratio> {
        let table = Demands::table();
        let known = table.workload(&self.workload);
        let change = Change {
            before: &self.before,
            after: &self.after,
            traits: [0, 1].map(|side: usize| Traits::of(&self.configurations[side])),
            request_spread: known
                .and_then(|w| w.request_spread)
                .unwrap_or(Spread::REQUESTS),
        };
        time::ratio(&change, &[self.device], table.processors)
    }

    /// The share of the time of the slower side that no device can take away (0 to 1).
    pub fn software_share(&self) -> Option<f64> {
        let processors = Demands::table().processors;
        let of = |demand| time::software_share(demand, &self.device, processors);
        Some(of(&self.before)?.max(of(&self.after)?))
    }
}
