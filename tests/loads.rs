//! Real loads on a real btrfs: `btrfs-tune collect` looks at the machine meanwhile, and from its
//! bundle alone, with a few lines of configuration that name the mount, `btrfs-tune diagnose` finds
//! the cause first.
//!
//! Each load has a mount namespace of its own, so that its filesystem lies where people have it, and
//! no other is seen; what it starts ends with it. They run one after another: a load beside another
//! is another load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::common::loopfs::{self, LoopFs};

mod common;

const PROGRAM: &str = env!("CARGO_BIN_EXE_btrfs-tune");

/// How long each bundle samples.
const SECONDS: u64 = 3;

/// Beyond its sampling and the second that it may take: a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(3);

/// What makes a load.
struct Load<'t> {
    /// Where the filesystem is mounted.
    at: &'t str,
    options: &'t str,
    /// More of the configuration than the mount.
    nix: &'t str,
    /// What is done before, in shell: `$MP` is the mount point.
    prepare: &'t str,
    /// The load, in shell; it runs beside until the bundle is there.
    load: &'t str,
    /// Whether the bundle alone tells as much.
    is_told_by_bundle: bool,
    /// Seconds that the load runs before it is looked at.
    warm: f64,
}

impl Default for Load<'_> {
    fn default() -> Self {
        Load {
            at: "/srv/data",
            options: "noatime",
            nix: "",
            prepare: ":",
            load: "sleep 60",
            is_told_by_bundle: true,
            warm: 1.0,
        }
    }
}

/// What came out.
struct Diagnosed {
    verdict: String,
    /// Ids and confidences, in order.
    causes: Vec<(String, f64)>,
    /// Everything, for a failure.
    json: Value,
}

/// Loads run alone.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether all that the tests need is there.
fn ready(test: &str, tools: &[&str]) -> bool {
    if !loopfs::available(test) {
        return false;
    }
    for tool in tools.iter().chain(&["unshare"]) {
        let is_there = Command::new(tool).arg("--version").output().is_ok();
        assert!(
            is_there || std::env::var("CI").as_deref() != Ok("true"),
            "{test} needs {tool}"
        );
        if !is_there {
            eprintln!("skipped {test}: it needs {tool}");
            return false;
        }
    }
    true
}

/// A filesystem whose device is as fast as memory, where there is room for it.
fn fast() -> LoopFs {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize));
    let folder = if room > 2 << 30 {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    LoopFs::below(&folder, 1, &[]).unwrap()
}

impl Load<'_> {
    /// Puts a device under the load, collects, and diagnoses the bundle.
    fn diagnose(&self, device: &str) -> Diagnosed {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let options: String = self.options.split(',').map(|o| format!(" {o:?}")).collect();
        let nix = format!(
            "{{ fileSystems.{:?} = {{ device = {device:?}; fsType = \"btrfs\"; options = [{options} ]; }}; {} }}\n",
            self.at, self.nix
        );
        fs::write(at("host.nix"), nix).unwrap();
        let script = format!(
            "grep ' - btrfs ' /proc/self/mountinfo | cut -d' ' -f5 | while read -r p; do umount -l \"$p\"; done\n\
             mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /srv || exit 1\n\
             MP={mp}; DEV={device}; mkdir -p \"$MP\" && mount -o {options} \"$DEV\" \"$MP\" || exit 1\n\
             {{ {prepare}\n}} >&2\n\
             ( {load}\n ) >/dev/null &\n\
             sleep {warm}\n\
             date +%s%N >begin\n\
             {PROGRAM} collect --seconds {SECONDS} -o bundle.tar\n\
             date +%s%N >end\n",
            mp = self.at,
            options = self.options,
            prepare = self.prepare,
            load = self.load,
            warm = self.warm,
        );
        fs::write(at("script"), script).unwrap();
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            // All that it starts ends with it.
            .args(["--pid", "--fork", "--kill-child", "sh", "script"])
            .current_dir(folder.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(at("bundle.tar").exists(), "{said}");
        let nanoseconds = |name: &str| -> u64 {
            let text = fs::read_to_string(at(name)).unwrap();
            text.trim().parse().unwrap()
        };
        let took = Duration::from_nanos(nanoseconds("end") - nanoseconds("begin"));
        let may = Duration::from_secs(SECONDS + 1) + PATIENCE;
        assert!(took < may, "collecting took {took:?}\n{said}");

        let output = Command::new(PROGRAM)
            .args(["diagnose", "--format", "json", "--metrics", "bundle.tar"])
            .arg("host.nix")
            .current_dir(folder.path())
            .output()
            .unwrap();
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problems}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        // Without the configuration, as the bundle of another's machine.
        fs::create_dir(at("empty")).unwrap();
        let output = Command::new(PROGRAM)
            .args(["diagnose", "--format", "json"])
            .args(["--metrics", "../bundle.tar"])
            .current_dir(at("empty"))
            .output()
            .unwrap();
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problems}");
        let alone: Value = serde_json::from_slice(&output.stdout).unwrap();
        if self.is_told_by_bundle {
            let first = |document: &Value| document["causes"][0]["id"].clone();
            assert_eq!(first(&alone), first(&json), "{alone:#}");
        }
        let causes = json["causes"].as_array().unwrap().iter();
        let causes = causes.map(|cause| {
            let id = cause["id"].as_str().unwrap().to_owned();
            (id, cause["confidence"].as_f64().unwrap())
        });
        let diagnosed = Diagnosed {
            verdict: json["machines"][0]["verdict"].as_str().unwrap().to_owned(),
            causes: causes.collect(),
            json,
        };
        diagnosed.show();
        diagnosed
    }
}

impl Diagnosed {
    /// The first causes, for whoever runs the tests with `--nocapture`.
    fn show(&self) {
        for cause in self.json["causes"].as_array().unwrap().iter().take(3) {
            eprintln!("{} {:.1}", cause["id"], cause["log_odds"].as_f64().unwrap());
            for evidence in cause["evidence"].as_array().unwrap() {
                eprintln!("    {} {}", evidence["weight"], evidence["text"]);
            }
        }
    }

    /// The cause is first and likelier than not; those that tempt are not likely.
    fn is(&self, cause: &str, tempting: &[&str]) {
        let all = || serde_json::to_string_pretty(&self.json["causes"]).unwrap();
        let (first, confidence) = &self.causes[0];
        assert_eq!(first, cause, "{}", all());
        assert!(*confidence > 0.5, "{cause} has {confidence}: {}", all());
        for wrong in tempting {
            let found = self.causes.iter().find(|(id, _)| id == wrong);
            let confidence = found.map_or(0.0, |(_, confidence)| *confidence);
            assert!(confidence < 0.5, "{wrong} has {confidence}: {}", all());
        }
    }
}

/// A large file, written once in a row, then all over its length in small pieces.
fn scattered(file: &str) -> String {
    format!(
        "mkdir -p \"$(dirname {file})\"\n\
         fio --name=lay --filename={file} --rw=write --bs=1m --size=160m --end_fsync=1 >/dev/null\n\
         fio --name=scatter --filename={file} --rw=randwrite --bs=8k --size=160m --io_size=64m --fsync=256 \
         --allow_file_create=0 >/dev/null\n"
    )
}

#[test]
fn a_database_overwritten_on_cow() {
    let test = "a_database_overwritten_on_cow";
    let _alone = alone();
    if !ready(test, &["fio", "filefrag"]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        at: "/var/lib/postgresql",
        nix: "services.postgresql.enable = true;",
        prepare: &scattered("$MP/16/base/16384/16385"),
        load: "fio --name=load --filename=$MP/16/base/16384/16385 --rw=randrw --bs=8k --size=160m --fsync=64 \
               --time_based --runtime=60",
        ..Load::default()
    };
    let wrong = [
        "fsync-heavy",
        "compression-missing",
        "hardware-limit",
        "hdd-seek-bound",
    ];
    let diagnosed = load.diagnose(btrfs.device());
    diagnosed.is("cow-fragmentation-database", &wrong);
    diagnosed.is(
        "cow-fragmentation-database",
        &["cow-fragmentation-vm-image"],
    );
}

#[test]
fn an_image_of_a_machine_overwritten_on_cow() {
    let test = "an_image_of_a_machine_overwritten_on_cow";
    let _alone = alone();
    if !ready(test, &["fio", "filefrag"]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        at: "/var/lib/libvirt/images",
        nix: "virtualisation.libvirtd.enable = true;",
        prepare: &scattered("$MP/win11.qcow2"),
        // Buffered, written back by the kernel.
        load: "fio --name=load --filename=$MP/win11.qcow2 --rw=randrw --bs=4k --size=160m --time_based \
               --runtime=60",
        ..Load::default()
    };
    let wrong = [
        "fsync-heavy",
        "compression-missing",
        "hardware-limit",
        "cow-fragmentation-database",
    ];
    load.diagnose(btrfs.device())
        .is("cow-fragmentation-vm-image", &wrong);
}

#[test]
fn metadata_full_and_nothing_unallocated() {
    let test = "metadata_full_and_nothing_unallocated";
    let _alone = alone();
    if !ready(test, &["split"]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        // All room goes to data, most of it is freed again; then files so small that they lie in
        // the metadata, until no more fit.
        prepare: "mkdir $MP/data $MP/mail\n\
                  head -c 600M /dev/zero | split -b 16M -a 3 - $MP/data/x\n\
                  sync; rm $MP/data/x*[b-z]; sync\n\
                  head -c 60M /dev/urandom | split -b 1900 -a 4 - $MP/mail/x\n\
                  sync",
        load: "i=0; while :; do i=$((i+1)); echo $i >$MP/mail/new$i; done 2>/dev/null",
        ..Load::default()
    };
    let wrong = ["filesystem-nearly-full", "fsync-heavy", "hardware-limit"];
    load.diagnose(btrfs.device())
        .is("metadata-full-unallocated-zero", &wrong);
}

#[test]
fn snapshots_deleted_while_quotas_count() {
    let test = "snapshots_deleted_while_quotas_count";
    let _alone = alone();
    if !ready(test, &["fio", "split"]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        prepare: "btrfs quota enable $MP; btrfs -q subvolume create $MP/work; mkdir $MP/snapshots\n\
                  head -c 6M /dev/urandom | split -b 1500 -a 4 - $MP/work/f\n\
                  fio --name=lay --filename=$MP/work/big --rw=write --bs=1m --size=60m --end_fsync=1 >/dev/null\n\
                  for i in $(seq 120); do\n\
                  btrfs -q subvolume snapshot -r $MP/work $MP/snapshots/$i\n\
                  if [ $((i % 24)) = 0 ]; then fio --name=s --filename=$MP/work/big --rw=randwrite --bs=4k \
                  --size=60m --io_size=10m --allow_file_create=0 >/dev/null; fi\n\
                  done\nsync",
        load: "for i in $(seq 100); do btrfs -q subvolume delete $MP/snapshots/$i; done\n\
               btrfs filesystem sync $MP; btrfs quota rescan $MP\n\
               while :; do fio --name=w --filename=$MP/work/big --rw=randwrite --bs=4k --size=60m --io_size=2m \
               --fsync=128 --allow_file_create=0; done",
        warm: 2.0,
        ..Load::default()
    };
    let wrong = [
        "too-many-snapshots",
        "snapshot-deletion-load",
        "fsync-heavy",
        "hardware-limit",
    ];
    load.diagnose(btrfs.device()).is("qgroups-enabled", &wrong);
}

#[test]
fn a_scrub_that_runs() {
    let test = "a_scrub_that_runs";
    let _alone = alone();
    if !ready(test, &["fio"]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        // As slow as the kernel lets it be made, so that it lasts.
        prepare: "fio --name=lay --filename=$MP/f --rw=write --bs=1m --size=300m --end_fsync=1 >/dev/null\n\
                  echo 20m >\"/sys/fs/btrfs/$(findmnt -no UUID $MP)/devinfo/1/scrub_speed_max\"",
        load: "btrfs scrub start $MP; sleep 60",
        ..Load::default()
    };
    let wrong = ["hdd-seek-bound", "hardware-limit", "compression-missing"];
    load.diagnose(btrfs.device())
        .is("scrub-or-balance-running", &wrong);
}

#[test]
fn small_writes_each_of_which_is_synced() {
    let test = "small_writes_each_of_which_is_synced";
    let _alone = alone();
    if !ready(test, &["fio"]) {
        return;
    }
    let btrfs = fast();
    let load = Load {
        load: "fio --name=load --directory=$MP --rw=randwrite --bs=4k --size=32m --fsync=1 --time_based --runtime=60",
        ..Load::default()
    };
    let wrong = [
        "compression-missing",
        "hardware-limit",
        "cow-fragmentation-other",
        "ram-too-small",
    ];
    load.diagnose(btrfs.device()).is("fsync-heavy", &wrong);
}

#[test]
fn compression_that_the_processor_cannot_follow() {
    let test = "compression_that_the_processor_cannot_follow";
    let _alone = alone();
    if !ready(test, &["fio"]) {
        return;
    }
    let btrfs = fast();
    let load = Load {
        options: "noatime,compress-force=zstd:15",
        // Preallocated extents are not compressed, so none are.
        load: "fio --name=load --directory=$MP --rw=write --bs=1m --size=150m --numjobs=2 --fallocate=none \
               --buffer_compress_percentage=60 --refill_buffers --time_based --runtime=60",
        warm: 2.0,
        ..Load::default()
    };
    let wrong = [
        "compression-missing",
        "hardware-limit",
        "fsync-heavy",
        "ram-too-small",
    ];
    load.diagnose(btrfs.device())
        .is("compression-cpu-bound", &wrong);
}

#[test]
fn nothing_at_all() {
    let test = "nothing_at_all";
    let _alone = alone();
    if !ready(test, &[]) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let load = Load {
        // What is first among the unlikely says nothing.
        is_told_by_bundle: false,
        prepare: "head -c 20M /dev/urandom >$MP/file; sync",
        ..Load::default()
    };
    let diagnosed = load.diagnose(btrfs.device());
    let verdict = diagnosed.verdict.as_str();
    assert!(
        ["no-problem", "not-enough-evidence"].contains(&verdict),
        "{verdict}: {}",
        serde_json::to_string_pretty(&diagnosed.json["causes"]).unwrap()
    );
}

/// A device that takes no more than so many requests a second; free again when dropped.
struct Throttle {
    number: String,
}

impl Throttle {
    const FILES: [&str; 2] = [
        "/sys/fs/cgroup/blkio/blkio.throttle.read_iops_device",
        "/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device",
    ];

    /// In the root group, which holds whatever is in no other.
    fn of(device: &str, per_second: u32) -> Option<Throttle> {
        let name = device.trim_start_matches("/dev/");
        let number = fs::read_to_string(format!("/sys/block/{name}/dev")).ok()?;
        let throttle = Throttle {
            number: number.trim().to_owned(),
        };
        throttle.set(per_second).then_some(throttle)
    }

    fn set(&self, per_second: u32) -> bool {
        let line = format!("{} {per_second}", self.number);
        Self::FILES
            .iter()
            .all(|file| fs::write(file, &line).is_ok())
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A file as a device; detached when dropped.
struct Attached(String);

impl Attached {
    fn new(file: &Path) -> Attached {
        let output = Command::new("losetup")
            .args(["--find", "--show", "--direct-io=on"])
            .arg(file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        Attached(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

fn succeed(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
}

/// What cgroups throttle waits before it becomes a request: the throttled device looks idle. So it
/// is the device below that is throttled, and the one above it, a file on it, which is slow.
#[test]
fn a_device_that_is_held_at_a_limit() {
    let test = "a_device_that_is_held_at_a_limit";
    let _alone = alone();
    if !ready(test, &["fio"]) {
        return;
    }
    let below = fast();
    let outer = below.mount("/", "nodatacow").unwrap();
    let file: PathBuf = outer.path().join("disk");
    let shown = file.to_string_lossy().into_owned();
    succeed(
        "dd",
        &[
            "if=/dev/zero",
            &format!("of={shown}"),
            "bs=1M",
            "count=300",
            "conv=fsync",
        ],
    );
    let disk = Attached::new(&file);
    succeed("mkfs.btrfs", &["-q", "-f", &disk.0]);
    {
        // What is read later is written before the limit holds.
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_string_lossy().into_owned();
        succeed("mount", &[&disk.0, &at]);
        let lay = format!("--filename={at}/file");
        let arguments = [
            "--name=lay",
            &lay,
            "--rw=write",
            "--bs=1m",
            "--size=100m",
            "--end_fsync=1",
        ];
        let laid = Command::new("fio").args(arguments).output();
        succeed("umount", &[&at]);
        assert!(laid.unwrap().status.success());
    }
    // After the devices, so that it is gone before them.
    let Some(throttle) = Throttle::of(below.device(), 60) else {
        eprintln!(
            "skipped {test}: it needs the blkio controller of cgroup v1, which limits the root group"
        );
        return;
    };
    let load = Load {
        load: "fio --name=load --filename=$MP/file --rw=randread --bs=16k --direct=1 --size=100m --numjobs=4 \
               --time_based --runtime=60",
        warm: 2.0,
        ..Load::default()
    };
    let diagnosed = load.diagnose(&disk.0);
    drop(throttle);
    let wrong = [
        "hdd-seek-bound",
        "cow-fragmentation-other",
        "compression-missing",
        "failing-disk",
    ];
    diagnosed.is("hardware-limit", &wrong);
}
