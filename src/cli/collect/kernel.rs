//! Owns: what the kernel tells outside of `/proc`'s counters: values of `/sys` and its log.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::samples::read;

/// The longest value that is taken; those of interest have a line or a few.
const LONGEST: usize = 4096;
/// Folders in folders below a filesystem or a device.
const DEEPEST: usize = 5;
/// Values of one sample.
const MOST: usize = 50_000;

/// What is told of a block device beside its queue.
const OF_A_DEVICE: [&str; 9] = [
    "size",
    "ro",
    "removable",
    "device/model",
    "device/vendor",
    "device/rev",
    "device/firmware_rev",
    "dm/name",
    "dm/uuid",
];

/// The same for people: no parser needs it. Other files identify the device, or are of no use.
const FOR_PEOPLE: [&str; 35] = [
    "hidden",
    "inflight",
    "alignment_offset",
    "discard_alignment",
    "partition",
    "start",
    "dm/suspended",
    "loop/backing_file",
    "loop/dio",
    "loop/offset",
    "md/level",
    "md/raid_disks",
    "md/degraded",
    "md/sync_action",
    "md/sync_completed",
    "md/chunk_size",
    "md/stripe_cache_size",
    "md/consistency_policy",
    "disksize",
    "comp_algorithm",
    "mm_stat",
    "io_stat",
    "bd_stat",
    "backing_dev",
    "mem_limit",
    "bcache/cache_mode",
    "bcache/state",
    "device/queue_depth",
    "device/queue_type",
    "device/type",
    "device/state",
    "device/transport",
    "device/timeout",
    "device/device/current_link_speed",
    "device/device/current_link_width",
];

/// Values of `/sys` in the form of `grep -r . /sys/…`: `path:value`.
#[derive(Debug, Default, Clone)]
pub(super) struct Values {
    pub(super) text: String,
    pub(super) count: usize,
    /// Values that could not be read, with the reason.
    pub(super) refused: Vec<String>,
}

impl Values {
    /// Mounted btrfs filesystems.
    pub(super) fn of_btrfs(&mut self) {
        for uuid in names(Path::new("/sys/fs/btrfs")) {
            self.folder(&Path::new("/sys/fs/btrfs").join(uuid), 0);
        }
    }

    /// Block devices that hold something.
    pub(super) fn of_block_devices(&mut self) {
        for name in names(Path::new("/sys/block")) {
            let device = Path::new("/sys/block").join(&name);
            let size = read(&device.join("size")).unwrap_or_default();
            if size.trim() == "0" || name.starts_with("ram") {
                continue;
            }
            self.device(&device);
            self.folder(&device.join("queue"), DEEPEST - 1);
            for below in names(&device.join("slaves")) {
                self.link(&device.join("slaves").join(below));
            }
        }
    }

    /// What else block devices tell, and their partitions.
    pub(super) fn of_block_devices_for_people(&mut self) {
        for name in names(Path::new("/sys/block")) {
            let device = Path::new("/sys/block").join(&name);
            let size = read(&device.join("size")).unwrap_or_default();
            if size.trim() == "0" || name.starts_with("ram") {
                continue;
            }
            let parts = names(&device);
            let parts = parts.iter().filter(|part| part.starts_with(&name));
            let folders = parts.map(|part| device.join(part));
            for folder in [device.clone()].into_iter().chain(folders) {
                let is_part = folder != device;
                for file in FOR_PEOPLE
                    .iter()
                    .chain(OF_A_DEVICE.iter().filter(|_| is_part))
                {
                    self.value(&folder.join(file));
                }
            }
        }
        for parameter in ["default_ps_max_latency_us", "io_timeout"] {
            self.value(&Path::new("/sys/module/nvme_core/parameters").join(parameter));
        }
    }

    /// Settings of the kernel that decide when it writes and what it keeps.
    pub(super) fn of_memory(&mut self) {
        for name in names(Path::new("/proc/sys/vm")) {
            let is_plain = name.starts_with("dirty") && !name.contains("bytes")
                || [
                    "swappiness",
                    "vfs_cache_pressure",
                    "min_free_kbytes",
                    "page-cluster",
                ]
                .contains(&name.as_str())
                || name.ends_with("_bytes");
            if is_plain {
                self.value(&Path::new("/proc/sys/vm").join(name));
            }
        }
        self.value(Path::new("/proc/sys/kernel/task_delayacct"));
    }

    fn device(&mut self, device: &Path) {
        for name in OF_A_DEVICE {
            self.value(&device.join(name));
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        for name in names(folder) {
            let path = folder.join(&name);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && depth < DEEPEST {
                self.folder(&path, depth + 1);
            } else if metadata.is_file() {
                self.value(&path);
            } else if metadata.is_symlink() && folder.ends_with("devices") {
                // The members of a filesystem.
                self.link(&path);
            }
        }
    }

    /// A link is told by its name: a path without a value.
    fn link(&mut self, path: &Path) {
        self.text.push_str(&format!("{}:\n", path.display()));
        self.count += 1;
    }

    fn value(&mut self, path: &Path) {
        if self.count >= MOST {
            return;
        }
        // A value that is not there is one that this kernel does not have.
        let text = match value(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                // Some can only be written.
                if is_readable(path) {
                    self.refused.push(format!("{}: {error}", path.display()));
                }
                return;
            }
            Err(error) => {
                let is_absent = matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                );
                if !is_absent {
                    self.refused.push(format!("{}: {error}", path.display()));
                }
                return;
            }
        };
        if text.contains('\0') {
            return;
        }
        let is_uuid = path.ends_with("dm/uuid");
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            let line = if is_uuid { sort_of(line) } else { line };
            self.text
                .push_str(&format!("{}:{}\n", path.display(), line.trim_end()));
            self.count += 1;
        }
    }
}

/// `CRYPT-LUKS2` of `CRYPT-LUKS2-<uuid>-<name>`, `LVM` of `LVM-<uuids>`.
fn sort_of(uuid: &str) -> &str {
    match uuid
        .match_indices('-')
        .nth(usize::from(uuid.starts_with("CRYPT-")))
    {
        Some((at, _)) => &uuid[..at],
        None => uuid,
    }
}

fn is_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o444 != 0)
}

fn value(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let options = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(options)
        .open(path)?;
    file.take(LONGEST as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The names in a folder, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Lines of the log that are kept.
const MOST_LINES: usize = 2000;
/// Lines after one that tells of a hung task: the functions it hangs in.
const TRACE: usize = 24;

/// Words of lines that tell of storage or of memory.
const OF_STORAGE: [&str; 31] = [
    "detected capacity change",
    "btrfs",
    "nvme",
    "ata",
    "scsi",
    "blk_",
    "i/o error",
    "buffer i/o",
    "mmc",
    "mmcblk",
    "uas",
    "usb-storage",
    "usb disconnect",
    "device-mapper",
    "dm-",
    "md/raid",
    "md:",
    "bcache",
    "zram",
    "out of memory",
    "oom-kill",
    "oom_reaper",
    "blocked for more than",
    "soft lockup",
    "hung_task",
    "hogged cpu",
    "rcu_sched",
    "rcu_preempt",
    "ext4-fs",
    "xfs",
    "aer:",
];

/// The lines of the kernel's log that tell of storage, as `dmesg` prints them.
pub(super) fn log() -> io::Result<String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open("/dev/kmsg")?;
    let mut record = vec![0; 16 << 10];
    let mut lines = Vec::new();
    let mut follow = 0;
    loop {
        let length = match file.read(&mut record) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => match error.raw_os_error() {
                // Overwritten while it was read: the next read goes on with what is there.
                Some(code) if code == rustix::io::Errno::PIPE.raw_os_error() => continue,
                _ if error.kind() == io::ErrorKind::Interrupted => continue,
                _ if error.kind() == io::ErrorKind::WouldBlock => break,
                _ => return Err(error),
            },
        };
        let text = String::from_utf8_lossy(&record[..length]);
        if let Some(line) = line_of(&text) {
            if is_of_storage(&line) {
                follow = if line.contains("blocked for more than") {
                    TRACE
                } else {
                    0
                };
                lines.push(line);
            } else if follow > 0 {
                follow -= 1;
                lines.push(line);
            }
        }
    }
    let skip = lines.len().saturating_sub(MOST_LINES);
    Ok(lines[skip..]
        .iter()
        .flat_map(|l| [l.as_str(), "\n"])
        .collect())
}

/// `[ 12.345678] text` of `prio,number,microseconds,flags;text`, if the kernel itself said it.
fn line_of(record: &str) -> Option<String> {
    let (head, rest) = record.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let micros: u64 = fields.nth(1)?.parse().ok()?;
    let text = rest.lines().next()?;
    // Above the lowest three bits stands who said it; 0 is the kernel.
    (priority >> 3 == 0).then(|| {
        format!(
            "[{:5}.{:06}] {text}",
            micros / 1_000_000,
            micros % 1_000_000
        )
    })
}

fn is_of_storage(line: &str) -> bool {
    let lower = line.to_lowercase();
    let begins_a_word = |word: &str| {
        let mut found = lower.match_indices(word);
        found.any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_alphanumeric()))
    };
    let is_drive = lower.split(['[', ']', ' ', ':', ',']).any(|word| {
        word.strip_prefix("sd").is_some_and(|rest| {
            (1..=3).contains(&rest.len()) && rest.starts_with(|c: char| c.is_ascii_lowercase())
        })
    });
    let is_usb = lower.contains("usb ") && lower.contains("reset");
    !lower.contains("serial") && (is_drive || is_usb || OF_STORAGE.iter().any(|w| begins_a_word(w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_log_become_lines() {
        let line = line_of("3,1234,98765432,-;BTRFS error (device sda): bad\n SUBSYSTEM=block\n");
        assert_eq!(
            line.as_deref(),
            Some("[   98.765432] BTRFS error (device sda): bad")
        );
        assert_eq!(line_of("30,1,2,-;systemd[1]: hello"), None);
        assert_eq!(line_of("garbage"), None);
    }

    #[test]
    fn lines_of_storage_are_told_from_others() {
        for line in [
            "nvme0: timeout",
            "ata3.00: exception",
            "sd 2:0:0:0: [sdb] tag#1",
            "usb 1-1: reset high-speed",
        ] {
            assert!(is_of_storage(line), "{line}");
        }
        for line in [
            "wlan0: associated",
            "usb 1-1: SerialNumber: 123",
            "data: pata_x",
            "audit: sudo",
        ] {
            assert!(!is_of_storage(line), "{line}");
        }
    }

    #[test]
    fn the_sort_of_a_mapping_is_kept_without_its_number() {
        assert_eq!(sort_of("CRYPT-LUKS2-0123abcd-root"), "CRYPT-LUKS2");
        assert_eq!(sort_of("LVM-abc"), "LVM");
    }
}
