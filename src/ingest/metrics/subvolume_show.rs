//! `btrfs subvolume show`: one subvolume, its snapshots and its quota.

use super::Reading;
use super::size;
use super::text::Block;
use crate::model::metrics::SubvolumeShow;
use crate::model::units::Bytes;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut shown: Vec<SubvolumeShow> = Vec::new();
    let mut is_snapshots = false;
    for (index, line) in block.lines.iter().enumerate() {
        if !line.text.starts_with('\t') {
            let next = block.lines.get(index + 1);
            if !next.is_some_and(|next| next.text.starts_with("\tName:")) {
                reading.not_understood(line, "`btrfs subvolume show`");
                continue;
            }
            is_snapshots = false;
            shown.push(SubvolumeShow {
                path: line.text.to_owned(),
                ..SubvolumeShow::default()
            });
            continue;
        }
        let Some(last) = shown.last_mut() else {
            continue;
        };
        let understood = if let Some(snapshot) = line.text.strip_prefix("\t\t\t\t") {
            last.snapshots.push(snapshot.to_owned());
            is_snapshots
        } else if line.text == "\tSnapshot(s):" {
            is_snapshots = true;
            true
        } else {
            is_snapshots = false;
            detail(last, line.text)
        };
        if !understood {
            reading.not_understood(line, "`btrfs subvolume show`");
        }
    }
    for subvolume in shown {
        reading
            .metrics
            .subvolume_shows
            .push(reading.sourced(subvolume));
    }
}

/// A key, a colon, tabs, and the value.
fn detail(shown: &mut SubvolumeShow, line: &str) -> bool {
    let Some((key, value)) = line.trim().split_once(':') else {
        return false;
    };
    let value = value.trim();
    // What does not apply is a dash.
    let is_set = value != "-";
    let text = || Some(value.to_owned()).filter(|_| is_set);
    let mut bytes = |field: &mut Option<Bytes>| {
        let size = size::size(value);
        shown.approximate |= size.is_some_and(|size| size.approximate);
        *field = size.map(|size| size.bytes);
        field.is_some() || !is_set
    };
    let number = |field: &mut Option<u64>| {
        *field = value.parse().ok();
        field.is_some()
    };
    match key {
        "UUID" | "uuid" => shown.uuid = text(),
        "Parent UUID" | "Parent uuid" => shown.parent_uuid = text(),
        "Subvolume ID" | "Object ID" => return number(&mut shown.id),
        "Generation" | "Generation (Gen)" => return number(&mut shown.generation),
        "Gen at creation" => return number(&mut shown.generation_made),
        "Flags" if matches!(value, "-" | "readonly") => {
            shown.read_only = Some(value == "readonly");
        }
        "Usage referenced" => return bytes(&mut shown.referenced),
        "Usage exclusive" => return bytes(&mut shown.exclusive),
        "Limit referenced" => return bytes(&mut shown.limit_referenced),
        "Limit exclusive" => return bytes(&mut shown.limit_exclusive),
        "Name" | "Received UUID" | "Creation time" | "Parent ID" | "Top level ID"
        | "Send transid" | "Send time" | "Receive transid" | "Receive time" | "Quota group"
        | "Parent" | "Top Level" => {}
        _ => return false,
    }
    true
}
