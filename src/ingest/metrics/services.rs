//! Services that run, by `systemctl list-units` and its like, and what `docker info` says of its
//! storage.

use super::Reading;
use super::text::{Block, Line};
use crate::ingest::problem::quoted;

/// A row: `● nginx.service loaded active running A server of pages`.
fn unit(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line
        .trim_start_matches(['●', '○', '×', '*', ' '])
        .split_whitespace();
    let (name, load, active, sub) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let known = [
        "loaded",
        "not-found",
        "masked",
        "error",
        "bad-setting",
        "merged",
        "stub",
    ];
    let suffix = name.rsplit('.').next().unwrap_or_default();
    let is_unit = [
        "service",
        "timer",
        "socket",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "slice",
        "scope",
        "device",
    ]
    .contains(&suffix);
    let states = [
        "active",
        "inactive",
        "failed",
        "activating",
        "deactivating",
        "reloading",
        "refreshing",
        "maintenance",
    ];
    (is_unit && known.contains(&load) && states.contains(&active)).then_some((name, active, sub))
}

pub(super) fn is_unit(line: &str) -> bool {
    unit(line).is_some() || is_legend(line)
}

/// Lines around the table.
fn is_legend(line: &str) -> bool {
    let line = line.trim_start();
    [
        "LOAD ",
        "ACTIVE ",
        "SUB ",
        "To show all installed",
        "Legend: ",
        "Pass --all",
    ]
    .iter()
    .any(|prefix| line.starts_with(prefix))
        || line.contains(" loaded units listed")
}

fn is_head(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    words == ["UNIT", "LOAD", "ACTIVE", "SUB"]
}

pub(super) fn is_units(lines: &[Line<'_>]) -> bool {
    is_head(lines[0].text) || unit(lines[0].text).is_some()
}

pub(super) fn read_units(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    for line in &block.lines {
        match unit(line.text) {
            Some((name, "active" | "reloading" | "activating", sub)) => {
                // A service that ran and ended is `exited`; other units start nothing by themselves.
                if let Some(name) = name.strip_suffix(".service").filter(|_| sub != "exited") {
                    let name = name.to_owned();
                    let known = reading.metrics.services.iter().any(|s| s.value == name);
                    if !known {
                        let name = reading.sourced(name);
                        reading.metrics.services.push(name);
                    }
                }
            }
            Some(_) => {}
            None if is_head(line.text) || is_legend(line.text) => {}
            None => {
                let message = format!(
                    "not a row of `systemctl`: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, message);
            }
        }
    }
}

/// `docker info`: its first line, or the line that matters alone.
pub(super) fn is_docker(lines: &[Line<'_>]) -> bool {
    let first = lines[0].text.trim();
    let driver = |line: &Line<'_>| line.text.trim_start().starts_with("Storage Driver: ");
    driver(&lines[0])
        || (first == "Client:"
            || first.starts_with("Client: Docker")
            || first.starts_with("Containers: "))
            && lines.iter().take(60).any(driver)
}

pub(super) fn read_docker(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    // Everything else that it tells (registries, plugins, versions) has no bearing on storage.
    let driver = block
        .lines
        .iter()
        .filter(|line| reading.cut != line.number)
        .find_map(|line| line.text.trim_start().strip_prefix("Storage Driver: "));
    if let Some(driver) = driver {
        reading.metrics.docker_driver = Some(reading.sourced(driver.trim().to_owned()));
    }
}
