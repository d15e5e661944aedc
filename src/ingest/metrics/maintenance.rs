//! `btrfs scrub status` and `btrfs balance status`.

use super::Reading;
use super::detect::Format;
use super::text::Block;
use crate::model::metrics::{Maintenance, MaintenanceJob};

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let value_of = |key: &str| {
        block
            .lines
            .iter()
            .find_map(|line| Some(line.text.trim().strip_prefix(key)?.trim()))
    };
    let first = block.lines.first().map_or("", |line| line.text);
    let state = if block.format == Format::Scrub {
        Maintenance {
            job: MaintenanceJob::Scrub,
            path: block.context.path.clone(),
            running: value_of("Status:") == Some("running"),
            errors: value_of("Error summary:")
                .filter(|errors| *errors != "no errors found")
                .map(str::to_owned),
            rate_bytes_s: None,
            done: None,
        }
    } else {
        let quoted_path = first.split('\'').nth(1).map(str::to_owned);
        Maintenance {
            job: MaintenanceJob::Balance,
            path: quoted_path.or_else(|| block.context.path.clone()),
            running: first.ends_with("is running"),
            errors: None,
            rate_bytes_s: None,
            done: None,
        }
    };
    reading.metrics.maintenance.push(reading.sourced(state));
}
