//! `btrfs property get` and `btrfs property list`.

use super::Reading;
use super::text::Block;
use crate::model::metrics::Property;

/// Whether a line is the value or the description of a property.
pub(super) fn is_property(line: &str) -> bool {
    matches!(line, "ro=true" | "ro=false")
        || line.starts_with("label=")
        || line
            .strip_prefix("compression=")
            .is_some_and(|value| !value.is_empty() && !value.contains([' ', ',']))
        || is_description(line)
}

/// `ro                  read-only status of a subvolume`
fn is_description(line: &str) -> bool {
    ["ro", "label", "compression"].iter().any(|name| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with("        ") && line.len() > 20)
    })
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let empty = Property {
        path: block.context.path.clone(),
        ..Property::default()
    };
    let mut property = empty.clone();
    let mut described = None;
    for line in &block.lines {
        if is_description(line.text) {
            described = described.or(Some(line.number));
            continue;
        }
        let Some((name, value)) = line.text.split_once('=') else {
            reading.not_understood(line, "`btrfs property`");
            continue;
        };
        let value = value.to_owned();
        let is_known_twice = match name {
            "ro" => property.read_only.is_some(),
            "compression" => property.compression.is_some(),
            "label" => property.label.is_some(),
            _ => false,
        };
        if is_known_twice {
            // Those of another file begin.
            let whole = std::mem::replace(&mut property, empty.clone());
            reading.metrics.properties.push(reading.sourced(whole));
        }
        match (name, value.as_str()) {
            ("ro", "true" | "false") => property.read_only = Some(value == "true"),
            ("compression", _) => property.compression = Some(value),
            ("label", _) => property.label = Some(value),
            _ => reading.not_understood(line, "`btrfs property`"),
        }
    }
    if property != empty {
        reading.metrics.properties.push(reading.sourced(property));
    }
    if let Some(line) = described {
        reading.note(
            line,
            "`btrfs property list` tells which properties there are, not what they are; `btrfs property get` does",
        );
    }
}
