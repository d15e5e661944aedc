//! `btrfs inspect-internal dump-super`.

use super::Reading;
use super::sysfs_btrfs::is_uuid;
use super::text::Block;
use crate::model::metrics::SuperBlock;
use crate::model::units::Bytes;

/// Where indented lines stand.
#[derive(Clone, Copy, PartialEq)]
enum Below {
    Features,
    /// Flags of the block, chunks, backup roots.
    Other,
    Nothing,
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut supers: Vec<SuperBlock> = Vec::new();
    let mut below = Below::Nothing;
    for line in &block.lines {
        let text = line.text;
        let understood = if let Some(rest) = text.strip_prefix("superblock: ") {
            below = Below::Nothing;
            supers.push(SuperBlock {
                device: rest.split_once("device=").map(|(_, d)| d.to_owned()),
                ..SuperBlock::default()
            });
            true
        } else if text.starts_with("---") {
            true
        } else if let Some(last) = supers.last_mut() {
            if text.starts_with(['\t', ' ']) {
                indented(last, below, text.trim())
            } else {
                match text.split_once('\t').map(|(k, v)| (k.trim(), v.trim())) {
                    Some((key, value)) => {
                        below = match key {
                            "compat_flags" | "compat_ro_flags" | "incompat_flags" => {
                                Below::Features
                            }
                            "flags" => Below::Other,
                            _ => Below::Nothing,
                        };
                        detail(last, key, value)
                    }
                    None => {
                        below = Below::Other;
                        // `sys_chunk_array[2048]:`, `backup_roots[4]:`, an empty label.
                        text.ends_with("]:") || text == "label"
                    }
                }
            }
        } else {
            false
        };
        if !understood {
            reading.not_understood(line, "`btrfs inspect-internal dump-super`");
        }
    }
    for found in supers {
        reading.metrics.supers.push(reading.sourced(found));
    }
}

/// `( FREE_SPACE_TREE |`
fn indented(found: &mut SuperBlock, below: Below, text: &str) -> bool {
    if below == Below::Features {
        let name = text.trim_matches(['(', ')', '|', ' ']);
        if name.is_empty() || name.contains(' ') {
            return false;
        }
        // `unknown flag: 0x…` has blanks and is told.
        found.features.insert(name.to_lowercase());
    }
    below != Below::Nothing
}

fn detail(found: &mut SuperBlock, key: &str, value: &str) -> bool {
    let number = || value.parse::<u64>().ok();
    let is_read = |field: Option<u64>| field.is_some();
    match key {
        "csum_type" => {
            // `0 (crc32c)`; old versions give the number alone.
            let named = value
                .split_once('(')
                .map(|(_, name)| name.trim_end_matches(')'));
            let name = named.or(match value {
                "0" => Some("crc32c"),
                "1" => Some("xxhash64"),
                "2" => Some("sha256"),
                "3" => Some("blake2b"),
                _ => None,
            });
            found.checksum = name.map(str::to_owned);
            found.checksum.is_some()
        }
        "fsid" => {
            found.uuid = is_uuid(value).then(|| value.to_owned());
            found.uuid.is_some()
        }
        "label" => {
            found.label = (!value.is_empty()).then(|| value.to_owned());
            true
        }
        "nodesize" => {
            found.node_size = number();
            is_read(found.node_size)
        }
        "sectorsize" => {
            found.sector_size = number();
            is_read(found.sector_size)
        }
        "num_devices" => {
            found.devices = number();
            is_read(found.devices)
        }
        "total_bytes" => {
            found.total = number().map(Bytes);
            found.total.is_some()
        }
        "bytes_used" => {
            found.used = number().map(Bytes);
            found.used.is_some()
        }
        // It has many more; none of them bears on speed.
        _ => !value.is_empty(),
    }
}
