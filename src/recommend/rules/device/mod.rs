//! Rules about disks, the layers between them and the filesystem, and what mkfs made of them.

pub mod block_group_tree;
pub mod checksum;
pub mod elevator;
pub mod luks_sector_size;
pub mod luks_workqueues;
pub mod nodesize;
pub mod profiles;
pub mod queue_depth;
pub mod read_policy;
pub mod readahead;
pub mod scheduler;
pub mod slow_medium;

mod choice;
mod copies;
mod disk;
mod mismatch;
mod udev;

use crate::model::hardware::Disk;
use crate::model::{Filesystem, Host, Luks};

/// The LUKS containers below the filesystems of a host, each once, with all disks below them; none
/// where one of the disks is not in the hardware report.
fn containers(host: &Host) -> Vec<(&Filesystem, &Luks, Vec<&Disk>)> {
    let mut found: Vec<(&Filesystem, &Luks, Vec<&Disk>)> = Vec::new();
    for filesystem in &host.storage.filesystems {
        let disks: Vec<&Disk> = filesystem
            .disks
            .iter()
            .filter_map(|d| host.disk(d))
            .collect();
        if disks.is_empty() || disks.len() != filesystem.disks.len() {
            continue;
        }
        for luks in filesystem.luks() {
            if !found.iter().any(|(_, known, _)| known.path == luks.path) {
                found.push((filesystem, luks, disks.clone()));
            }
        }
    }
    found
}
