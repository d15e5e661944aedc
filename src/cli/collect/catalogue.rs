//! Owns: which programs are asked, and what nobody knows without each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::commands::{Asked, Keep};
use super::kernel::names;
use super::samples::unescaped;

/// Where databases and machines keep files that are overwritten in place.
const OVERWRITTEN: [&str; 16] = [
    "/var/lib/postgresql",
    "/var/lib/mysql",
    "/var/lib/mariadb",
    "/var/lib/mongodb",
    "/var/db/mongodb",
    "/var/lib/redis",
    "/var/lib/influxdb",
    "/var/lib/influxdb2",
    "/var/lib/prometheus2",
    "/var/lib/clickhouse",
    "/var/lib/elasticsearch",
    "/var/lib/libvirt/images",
    "/var/lib/incus",
    "/var/lib/lxd",
    "/var/lib/nextcloud",
    "/var/log/journal",
];

/// Files that are looked at for the largest, and how many of these are asked about.
const LOOKED_AT: usize = 5000;
const LARGEST: usize = 8;
const SMALLEST_BYTES: u64 = 1 << 20;
const FOR_FILES: Duration = Duration::from_millis(300);

/// Mounted btrfs filesystems: of each one place where it is mounted.
pub(super) fn filesystems(mountinfo: &str) -> Vec<PathBuf> {
    let mut best: BTreeMap<String, (bool, PathBuf)> = BTreeMap::new();
    for line in mountinfo.lines() {
        let Some((mount, of_fs)) = line.split_once(" - btrfs ") else {
            continue;
        };
        let (Some(device), Some(at)) = (of_fs.split(' ').next(), mount.split(' ').nth(4)) else {
            continue;
        };
        let root = mount.split(' ').nth(3).unwrap_or_default();
        let place = (root != "/", PathBuf::from(unescaped(at)));
        let filesystem = uuid_of(&unescaped(device)).unwrap_or_else(|| device.to_owned());
        let known = best.entry(filesystem).or_insert_with(|| place.clone());
        // The top level sees all subvolumes; else the shortest path is the main one.
        let rank = |p: &(bool, PathBuf)| (p.0, p.1.as_os_str().len(), p.1.clone());
        if rank(&place) < rank(known) {
            *known = place;
        }
    }
    let mut places: Vec<PathBuf> = best.into_values().map(|(_, path)| path).collect();
    places.sort();
    places
}

/// The filesystem that a device belongs to, for each of several devices may be named.
fn uuid_of(device: &str) -> Option<String> {
    let real = fs::canonicalize(device).ok()?;
    let name = real.file_name()?.to_str()?.to_owned();
    let all = names(Path::new("/sys/fs/btrfs"));
    all.into_iter().find(|uuid| {
        Path::new("/sys/fs/btrfs")
            .join(uuid)
            .join("devices")
            .join(&name)
            .exists()
    })
}

/// Disks that are hardware: those that say of themselves how they are.
fn disks() -> Vec<String> {
    let of = |name: &String| {
        let device = Path::new("/sys/block").join(name);
        let virtual_disk = [
            "zram", "loop", "dm-", "md", "vd", "xvd", "sr", "fd", "ram", "nbd",
        ];
        device.join("device").exists() && !virtual_disk.iter().any(|v| name.starts_with(v))
    };
    names(Path::new("/sys/block"))
        .into_iter()
        .filter(of)
        .collect()
}

/// What is asked of programs on this machine.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) asked: Vec<Asked>,
    /// What only root may ask, with what is missing without it.
    pub(super) for_root: Vec<(String, &'static str)>,
}

impl Catalogue {
    pub(super) fn new(mountinfo: &str, root: bool, compsize: &[PathBuf]) -> Self {
        let mut catalogue = Catalogue::default();
        catalogue.of_btrfs(&filesystems(mountinfo), root);
        catalogue.of_system();
        catalogue.of_disks(root);
        catalogue.of_files(root);
        for (number, path) in compsize.iter().enumerate() {
            let arguments = ["-b".into(), "-x".into(), path.into()];
            let file = format!("compsize-{number}");
            catalogue.add(
                "compsize",
                &arguments,
                &file,
                Keep::Text,
                "whether compression pays is unknown",
            );
        }
        catalogue
    }

    fn add(
        &mut self,
        program: &'static str,
        arguments: &[OsString],
        file: &str,
        keep: Keep,
        matters: &'static str,
    ) {
        let suffix = if keep == Keep::Json { "json" } else { "txt" };
        self.asked.push(Asked {
            program,
            arguments: arguments.to_vec(),
            file: format!("commands/{file}.{suffix}"),
            keep,
            for_people: false,
            matters,
        });
    }

    /// The same with plain words.
    fn plain(
        &mut self,
        program: &'static str,
        words: &str,
        file: &str,
        keep: Keep,
        matters: &'static str,
    ) {
        let arguments: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        self.add(program, &arguments, file, keep, matters);
    }

    fn people(&mut self) {
        if let Some(last) = self.asked.last_mut() {
            last.for_people = true;
        }
    }

    fn of_btrfs(&mut self, filesystems: &[PathBuf], root: bool) {
        // By what is wanted first, not by filesystem: the time may not suffice for all.
        let questions: [(&str, &str, bool, &'static str); 8] = [
            (
                "filesystem usage -b",
                "filesystem-usage",
                false,
                "how much is allocated, used and left on each device is unknown",
            ),
            (
                "filesystem df -b",
                "filesystem-df",
                false,
                "the profiles are unknown",
            ),
            (
                "device stats",
                "device-stats",
                true,
                "errors of devices are unknown",
            ),
            (
                "filesystem show --raw",
                "filesystem-show",
                true,
                "which devices belong to which filesystem is unknown",
            ),
            (
                "qgroup show --raw",
                "qgroup-show",
                true,
                "whether quotas are on is told by /sys alone",
            ),
            (
                "scrub status",
                "scrub-status",
                true,
                "whether a scrub runs is unknown",
            ),
            (
                "balance status",
                "balance-status",
                true,
                "whether a balance runs is told by /sys alone",
            ),
            (
                "subvolume list -puqt",
                "subvolume-list",
                true,
                "how many snapshots there are is unknown",
            ),
        ];
        for (words, name, for_root, matters) in questions {
            for (number, path) in filesystems.iter().enumerate() {
                if for_root && !root {
                    self.for_root
                        .push((format!("btrfs {words} {}", path.display()), matters));
                    continue;
                }
                let words = words.split_whitespace().map(OsString::from);
                let arguments: Vec<OsString> = words.chain([path.into()]).collect();
                self.add(
                    "btrfs",
                    &arguments,
                    &format!("btrfs-{name}-{number}"),
                    Keep::Text,
                    matters,
                );
            }
        }
    }

    fn of_system(&mut self) {
        use Keep::{Json, Text};
        self.plain(
            "lsblk",
            "-J -b -O",
            "lsblk",
            Json,
            "how devices lie on each other, and over which bus, is unknown",
        );
        self.plain(
            "df",
            "-l -B1 --output=source,fstype,size,used,avail,pcent,target",
            "df",
            Text,
            "what other filesystems hold is unknown",
        );
        self.plain(
            "findmnt",
            "-J -t btrfs -o TARGET,SOURCE,FSTYPE,OPTIONS,UUID,FSROOT",
            "findmnt",
            Json,
            "",
        );
        self.plain("uname", "-r", "uname", Text, "");
        self.plain("btrfs", "--version", "btrfs-version", Text, "");
        self.plain("nixos-version", "", "nixos-version", Text, "");
        if Path::new("/run/systemd/system").exists() {
            let list = "list-units --type=service --state=running,activating --plain --no-legend --no-pager";
            self.plain(
                "systemctl",
                list,
                "systemctl-services",
                Text,
                "which services run is unknown",
            );
            self.plain(
                "systemctl",
                "list-timers --all --no-pager",
                "systemctl-timers",
                Text,
                "which jobs run by the clock is unknown",
            );
            self.people();
        }
        // Docker starts when it is asked, so it is asked only where it runs.
        if Path::new("/run/docker.pid").exists() {
            let format = "Storage Driver: {{.Driver}}\n Docker Root Dir: {{.DockerRootDir}}";
            let arguments = ["info".into(), "--format".into(), format.into()];
            self.add(
                "docker",
                &arguments,
                "docker-info",
                Text,
                "how containers are stored is unknown",
            );
        }
    }

    fn of_disks(&mut self, root: bool) {
        let disks = disks();
        for disk in &disks {
            let device = format!("/dev/{disk}");
            let matters = "the health of the disk by its own account is unknown";
            if !root {
                self.for_root.push((format!("smartctl {device}"), matters));
                continue;
            }
            // A disk that sleeps is left asleep.
            let words = format!("-j -n standby -a {device}");
            self.plain(
                "smartctl",
                &words,
                &format!("smartctl-{disk}"),
                Keep::Json,
                matters,
            );
            if disk.starts_with("nvme") {
                let words = format!("smart-log -o json {device}");
                self.plain(
                    "nvme",
                    &words,
                    &format!("nvme-smart-log-{disk}"),
                    Keep::Json,
                    "",
                );
            }
        }
        if root && disks.iter().any(|d| d.starts_with("nvme")) {
            self.plain("nvme", "list -o json", "nvme-list", Keep::Json, "");
        }
    }

    /// The largest files that are overwritten in place, and whether their folders are `+C`.
    fn of_files(&mut self, root: bool) {
        let folders: Vec<PathBuf> = OVERWRITTEN
            .iter()
            .map(PathBuf::from)
            .filter(|folder| is_btrfs(folder))
            .collect();
        if folders.is_empty() {
            return;
        }
        let matters = "whether files of databases and machines are fragmented is unknown";
        if !root {
            self.for_root
                .push(("files of databases and machines".to_owned(), matters));
            return;
        }
        let of_folders = folders.iter().map(OsString::from);
        let arguments: Vec<OsString> = [OsString::from("-d")]
            .into_iter()
            .chain(of_folders)
            .collect();
        self.add(
            "lsattr",
            &arguments,
            "lsattr",
            Keep::Text,
            "whether databases are `+C` is unknown",
        );
        let files = largest(&folders);
        if !files.is_empty() {
            let files = files.into_iter().map(OsString::from);
            let arguments: Vec<OsString> =
                [OsString::from("-v")].into_iter().chain(files).collect();
            self.add("filefrag", &arguments, "filefrag", Keep::Extents, matters);
        }
    }
}

fn is_btrfs(folder: &Path) -> bool {
    /// `BTRFS_SUPER_MAGIC` of `linux/magic.h`.
    const MAGIC: u64 = 0x9123_683e;
    fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir())
        && rustix::fs::statfs(folder).is_ok_and(|s| s.f_type as u64 & 0xffff_ffff == MAGIC)
}

/// The largest files below folders, as far as they are found in time.
fn largest(folders: &[PathBuf]) -> Vec<PathBuf> {
    let begin = Instant::now();
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    let mut open: Vec<(PathBuf, usize)> = folders.iter().map(|f| (f.clone(), 0)).collect();
    let mut looked_at = 0;
    while let Some((folder, depth)) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            looked_at += 1;
            if looked_at > LOOKED_AT || begin.elapsed() > FOR_FILES {
                open.clear();
                break;
            }
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && depth < 6 {
                open.push((path, depth + 1));
            } else if metadata.is_file() && metadata.size() >= SMALLEST_BYTES {
                found.push((metadata.size(), path));
            }
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found
        .into_iter()
        .take(LARGEST)
        .map(|(_, path)| path)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filesystem_is_asked_once_at_its_top_level_or_its_main_mount() {
        let mountinfo = "\
1 0 0:30 /@ / rw - btrfs /dev/absent1 rw,subvol=/@
2 1 0:31 /@home /home rw - btrfs /dev/absent1 rw,subvol=/@home
3 1 0:32 / /mnt/top\\040level rw shared:1 - btrfs /dev/absent1 rw
4 1 0:33 /data /srv/b rw - btrfs /dev/absent2 rw
5 1 0:33 /data/x /srv rw - btrfs /dev/absent2 rw
6 1 8:1 / /boot rw - vfat /dev/sda1 rw
";
        let expected = [PathBuf::from("/mnt/top level"), PathBuf::from("/srv")];
        assert_eq!(filesystems(mountinfo), expected);
    }
}
