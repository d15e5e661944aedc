//! Owns: the comparison of what is read of the installed tools' outputs with the filesystems that
//! were made for it, and with what the kernel shows of them.
//!
//! Needs root, loop devices and mkfs.btrfs; says so and passes where they are missing, unless
//! `CI=true`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use btrfs_tune::ingest::metrics::{read_bytes, read_dir};
use btrfs_tune::ingest::problem::{Problem, Severity};
use btrfs_tune::model::metrics::{
    BlockGroupKind, FilesystemState, MaintenanceState, Metrics, QuotaMode,
};
use btrfs_tune::model::units::Bytes;
use common::loopfs::{LoopFs, MountGuard, available};

const MIB: u64 = 1 << 20;
const DEVICE: u64 = 512 * MIB;

/// Standard output and standard error of a command, one after the other.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Other tests take their devices away while the tool looks through all there are.
    let errors = text(&output.stderr);
    let ours = errors.lines().filter(|l| !l.contains("cannot scan"));
    text(&output.stdout) + &ours.map(|line| format!("{line}\n")).collect::<String>()
}

fn done(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}

fn read(text: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes("live.txt", text.as_bytes(), &mut metrics);
    (metrics, problems)
}

/// What a command of btrfs-progs says, when all of it is understood.
fn facts(args: &[&str]) -> Metrics {
    // A scrub that writes its progress just then locks the file.
    let is_whole = |text: &String| !text.contains("Resource temporarily unavailable");
    let mut tries = (0..20).map(|_| said("btrfs", args));
    let text = tries.find(is_whole).unwrap();
    let (metrics, problems) = read(&text);
    assert_eq!(problems, [], "btrfs {args:?}:\n{text}");
    metrics
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Files without pattern, of which nothing compresses.
fn fill(folder: &Path, name: &str, mib: u64) {
    let out = format!("of={}", text(&folder.join(name)));
    let count = format!("count={mib}");
    done(
        "dd",
        &["if=/dev/urandom", &out, "bs=1M", &count, "status=none"],
    );
    done("sync", &["-f", text(folder)]);
}

fn uuid(mount: &MountGuard) -> String {
    let shown = facts(&["filesystem", "show", "--raw", text(mount.path())]);
    shown.shown[0].uuid.clone()
}

/// What the kernel shows, by the tree of files: the measure of all other forms.
fn state(uuid: &str) -> FilesystemState {
    let tree = Path::new("/sys/fs/btrfs").join(uuid);
    let (metrics, problems) = read_dir(&tree).unwrap();
    let lost = problems.iter().filter(|p| p.severity > Severity::Note);
    assert_eq!(lost.collect::<Vec<_>>(), Vec::<&Problem>::new());
    assert_eq!(metrics.states.len(), 1);
    metrics.states[0].value.clone()
}

/// How far a printed size may lie from the true one.
fn is_near(printed: Bytes, real: u64, option: &str) -> bool {
    // Half of the last digit; and in between there is a number of 24 bits.
    let step = match option {
        "-b" | "--raw" => 0,
        "-k" | "--kbytes" => 6,
        "-m" | "--mbytes" => 5300,
        "-g" | "--gbytes" => 5_400_000,
        "-t" | "--tbytes" => 5_500_000_000,
        // Three digits at least.
        _ => real / 190,
    };
    let float = if step == 0 { 0 } else { real >> 22 };
    printed.0.abs_diff(real) <= step + float
}

const UNITS: [&str; 14] = [
    "-b", "--raw", "-h", "-H", "--iec", "--si", "-k", "-m", "-g", "-t", "--kbytes", "--mbytes",
    "--gbytes", "--tbytes",
];

#[test]
fn space_is_told_alike_in_every_unit_and_form() {
    if !available("space_is_told_alike_in_every_unit_and_form") {
        return;
    }
    let layouts: [(usize, &[&str], &str, &str); 4] = [
        (1, &["-d", "single", "-m", "dup"], "single", "DUP"),
        (3, &["-d", "raid1", "-m", "raid1"], "RAID1", "RAID1"),
        (3, &["-d", "raid5", "-m", "raid1c3"], "RAID5", "RAID1C3"),
        (1, &["--mixed"], "single", "single"),
    ];
    for (devices, mkfs, data, metadata) in layouts {
        let fs = LoopFs::new(devices, mkfs).unwrap();
        let mount = fs.mount("/", "defaults").unwrap();
        fill(mount.path(), "random", 100);
        let at = text(mount.path());
        let state = state(&uuid(&mount));
        let size = DEVICE * devices as u64;
        for unit in UNITS {
            for args in [
                vec!["filesystem", "usage", unit, at],
                vec!["filesystem", "usage", "-T", unit, at],
            ] {
                let metrics = facts(&args);
                let usage = &metrics.usage[0];
                let near = |printed: Option<Bytes>, real: u64| {
                    assert!(
                        is_near(printed.unwrap(), real, unit),
                        "{args:?}: {printed:?} for {real}"
                    );
                };
                near(usage.device_size, size);
                near(usage.missing, 0);
                near(usage.slack, 0);
                near(
                    usage
                        .allocated
                        .map(|a| Bytes(a.0 + usage.unallocated.unwrap().0)),
                    size,
                );
                assert_eq!(
                    usage.approximate,
                    !matches!(unit, "-b" | "--raw"),
                    "{args:?}"
                );
                assert_eq!(usage.multiple_profiles, Some(false));
                assert_eq!(usage.devices.len(), devices);
                for (device, name) in usage.devices.iter().zip(fs.devices()) {
                    assert_eq!(device.path, name);
                    let whole = device.allocated.0 + device.unallocated.unwrap().0;
                    // Several numbers are added here, each with its own error.
                    assert!(
                        whole.abs_diff(DEVICE) <= 4 * 5_500_000_000
                            && (unit == "-t"
                                || unit == "--tbytes"
                                || is_near(Bytes(whole), DEVICE, unit)
                                || !matches!(unit, "-b" | "--raw")),
                        "{args:?}"
                    );
                }
                for group in &state.block_groups {
                    let shown = usage
                        .block_groups
                        .iter()
                        .find(|g| g.kind == group.kind)
                        .unwrap();
                    assert_eq!(shown.profile, group.profile);
                    assert!(
                        is_near(shown.size, group.size.0, unit),
                        "{args:?} {shown:?} {group:?}"
                    );
                    assert!(
                        is_near(shown.used, group.used.0, unit),
                        "{args:?} {shown:?} {group:?}"
                    );
                }
                assert_eq!(usage.block_groups.len(), state.block_groups.len());
            }
            let df = facts(&["filesystem", "df", unit, at]);
            let json = facts(&["--format", "json", "filesystem", "df", at]);
            for (group, exact) in df.usage[0]
                .block_groups
                .iter()
                .zip(&json.usage[0].block_groups)
            {
                assert_eq!((group.kind, &group.profile), (exact.kind, &exact.profile));
                assert!(is_near(group.size, exact.size.0, unit), "{unit}");
            }
            let held = facts(&["device", "usage", unit, at]);
            assert_eq!(held.device_usage.len(), devices);
            for (index, device) in held.device_usage.iter().enumerate() {
                assert_eq!(device.path, fs.devices()[index]);
                assert_eq!(device.id, Some(index as u64 + 1));
                // What rounds to nothing is not told.
                assert_eq!(device.size.is_none(), matches!(unit, "-t" | "--tbytes"));
                let size = device.size.unwrap_or(Bytes(DEVICE));
                assert!(is_near(size, DEVICE, unit));
                assert!(
                    device
                        .allocated
                        .iter()
                        .any(|(_, profile, _)| profile == data || profile == metadata)
                );
            }
        }
        let exact = facts(&["device", "usage", "-b", at]);
        let raw = facts(&["filesystem", "usage", "-b", at]);
        for (device, same) in exact.device_usage.iter().zip(&raw.usage[0].devices) {
            let sum: u64 = device.allocated.iter().map(|(_, _, bytes)| bytes.0).sum();
            assert_eq!(
                (Bytes(sum), device.unallocated),
                (same.allocated, same.unallocated)
            );
            assert_eq!(sum + device.unallocated.unwrap().0, DEVICE);
        }
        // The file is where it was put.
        let kind = if mkfs == ["--mixed"] {
            BlockGroupKind::Mixed
        } else {
            BlockGroupKind::Data
        };
        let (_, used) = raw.usage[0].of_kind(kind).unwrap();
        assert!((100 * MIB..104 * MIB).contains(&used.0), "{used:?}");
        let ratio = raw.usage[0].data_ratio.unwrap();
        let expected = match data {
            "RAID1" => 2.0,
            "RAID5" => 1.5,
            _ => 1.0,
        };
        assert!((ratio - expected).abs() < 0.01, "{data}: {ratio}");
        show(&fs, &mount, devices as u64);
    }
}

/// `btrfs filesystem show` in every form.
fn show(fs: &LoopFs, mount: &MountGuard, devices: u64) {
    let at = text(mount.path());
    for unit in [
        "--raw", "--iec", "--si", "--kbytes", "--mbytes", "--gbytes", "--tbytes",
    ] {
        for target in [at, fs.device()] {
            let metrics = facts(&["filesystem", "show", unit, target]);
            let shown = &metrics.shown[0];
            assert_eq!(
                (shown.label.as_deref(), shown.total_devices),
                (None, Some(devices))
            );
            assert!(!shown.missing);
            for (device, name) in shown.devices.iter().zip(fs.devices()) {
                assert_eq!(device.path, name);
                assert!(is_near(device.size.unwrap(), DEVICE, unit), "{unit}");
            }
            assert_eq!(shown.devices.len() as u64, devices);
        }
    }
    let supers = facts(&["inspect-internal", "dump-super", "-f", fs.device()]);
    let found = &supers.supers[0];
    assert_eq!(
        (found.devices, found.total),
        (Some(devices), Some(Bytes(DEVICE * devices)))
    );
    assert_eq!(found.uuid.as_deref(), Some(uuid(mount).as_str()));
    assert_eq!(
        (found.checksum.as_deref(), found.sector_size),
        (Some("crc32c"), Some(4096))
    );
    assert!(found.features.contains("free_space_tree"));
}

#[test]
fn a_device_that_is_gone_is_missing_in_every_form() {
    if !available("a_device_that_is_gone_is_missing_in_every_form") {
        return;
    }
    let fs = LoopFs::new(3, &["-L", "a 'label'", "-d", "raid1", "-m", "raid1"]).unwrap();
    let gone = fs.devices()[2].to_owned();
    let mount = fs.mount("/", "defaults").unwrap();
    fill(mount.path(), "random", 64);
    drop(mount);
    done("losetup", &["--detach", &gone]);
    for device in &fs.devices()[..2] {
        done("btrfs", &["device", "scan", "--forget", device]);
        done("btrfs", &["device", "scan", device]);
    }
    let mount = fs.mount("/", "degraded").unwrap();
    let at = text(mount.path());
    for target in [at, fs.device()] {
        let shown = facts(&["filesystem", "show", target]).shown[0]
            .value
            .clone();
        assert!(shown.missing);
        assert_eq!(shown.label.as_deref(), Some("a 'label'"));
        assert_eq!(
            (
                shown.total_devices,
                shown.devices.iter().filter(|d| !d.missing).count()
            ),
            (Some(3), 2)
        );
    }
    for form in [
        &["filesystem", "usage", "-b", at][..],
        &["filesystem", "usage", "-b", "-T", at],
    ] {
        let usage = facts(form).usage[0].value.clone();
        assert_eq!(usage.missing, Some(Bytes(DEVICE)));
        let mut paths: Vec<&str> = usage.devices.iter().map(|d| d.path.as_str()).collect();
        paths.sort_unstable();
        let mut expected = vec![fs.devices()[0], fs.devices()[1], "missing"];
        expected.sort_unstable();
        assert_eq!(paths, expected);
    }
    let held = facts(&["device", "usage", at]);
    assert_eq!(
        (
            held.device_usage[2].path.as_str(),
            held.device_usage[2].size
        ),
        ("missing", None)
    );
    for form in [
        &["device", "stats", at][..],
        &["device", "stats", "-T", at],
        &["--format", "json", "device", "stats", at],
    ] {
        let errors = facts(form).device_errors;
        assert_eq!(errors.len(), 3, "{form:?}");
        assert_eq!(errors[1].device, fs.devices()[1]);
    }
    assert_eq!(state(&uuid(&mount)).missing, Some(1));
}

#[test]
fn errors_that_a_scrub_finds_are_the_same_in_every_form() {
    if !available("errors_that_a_scrub_finds_are_the_same_in_every_form") {
        return;
    }
    let fs = LoopFs::new(2, &["-d", "raid1", "-m", "raid1"]).unwrap();
    let mount = fs.mount("/", "defaults").unwrap();
    let at = text(mount.path()).to_owned();
    let never = facts(&["scrub", "status", &at]).maintenance[0]
        .value
        .clone();
    assert_eq!(
        (never.state, never.running),
        (MaintenanceState::Never, false)
    );
    fill(mount.path(), "random", 64);
    drop(mount);
    // One mirror of the data is lost; the first megabytes hold superblock and chunk tree.
    let out = format!("of={}", fs.devices()[1]);
    done(
        "dd",
        &[
            "if=/dev/urandom",
            &out,
            "bs=1M",
            "seek=130",
            "count=200",
            "conv=notrunc",
            "status=none",
        ],
    );
    let mount = fs.mount("/", "defaults").unwrap();
    let at = text(mount.path());
    let during = said("btrfs", &["scrub", "start", "-B", "-d", at]);
    let (_, problems) = read(&during);
    assert!(
        problems
            .iter()
            .all(|p| p.message.starts_with("the tool said")),
        "{problems:?}"
    );
    for form in [
        &["scrub", "status", at][..],
        &["scrub", "status", "-d", at],
        &["scrub", "status", "-R", at],
        &["scrub", "status", "--raw", at],
    ] {
        let scrub = facts(form).maintenance[0].value.clone();
        assert_eq!(scrub.state, MaintenanceState::Finished, "{form:?}");
        assert!(
            scrub.errors.as_ref().unwrap().contains("csum="),
            "{form:?}: {scrub:?}"
        );
        assert!(!scrub.errors.unwrap().contains("uncorrectable"));
    }
    let text_form = facts(&["device", "stats", at]).device_errors;
    let table = facts(&["device", "stats", "-T", at]).device_errors;
    let json = facts(&["--format", "json", "device", "stats", at]).device_errors;
    assert_eq!(text_form, table);
    assert_eq!(text_form, json);
    assert_eq!(text_form[0].total(), 0);
    assert!(text_form[1].corruption > 0);
    let shown = state(&uuid(&mount));
    assert_eq!(shown.device_errors[1].corruption, text_form[1].corruption);
}

#[test]
fn jobs_are_seen_while_they_run() {
    if !available("jobs_are_seen_while_they_run") {
        return;
    }
    let fs = LoopFs::new(1, &["-m", "single"]).unwrap();
    let mount = fs.mount("/", "defaults").unwrap();
    let at = text(mount.path());
    fill(mount.path(), "random", 300);
    let limit = format!("/sys/fs/btrfs/{}/devinfo/1/scrub_speed_max", uuid(&mount));
    fs::write(limit, "20m").unwrap();
    // It goes on in the background, where a pipe would be waited for.
    let started = Command::new("btrfs")
        .args(["scrub", "start", at])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(started.unwrap().success());
    std::thread::sleep(Duration::from_millis(1500));
    let begun = facts(&["scrub", "status", at]).maintenance[0].value.clone();
    assert!(begun.running, "{begun:?}");
    assert_ne!(begun.rate_bytes_s, Some(0.0));
    // The first report is written after five seconds.
    std::thread::sleep(Duration::from_millis(5500));
    for form in [
        &["scrub", "status", at][..],
        &["scrub", "status", "-d", at],
        &["scrub", "status", "--raw", at],
    ] {
        let scrub = facts(form).maintenance[0].value.clone();
        assert!(scrub.running, "{form:?} {scrub:?}");
        let rate = scrub.rate_bytes_s.unwrap();
        assert!((5e6..60e6).contains(&rate), "{rate}");
        let done = scrub.done.unwrap().0;
        assert!((1.0..90.0).contains(&done), "{done}");
    }
    done("btrfs", &["scrub", "cancel", at]);
    // The one that records it may come a moment later than the one that cancels it.
    let begin = Instant::now();
    let mut state = MaintenanceState::Unknown;
    while state != MaintenanceState::Aborted && begin.elapsed() < Duration::from_secs(5) {
        let scrub = facts(&["scrub", "status", at]).maintenance[0].value.clone();
        assert_eq!(scrub.running, scrub.state == MaintenanceState::Running);
        state = scrub.state;
    }
    assert_eq!(state, MaintenanceState::Aborted);

    let idle = facts(&["balance", "status", at]).maintenance[0]
        .value
        .clone();
    assert_eq!(
        (idle.state, idle.path.as_deref()),
        (MaintenanceState::Never, Some(at))
    );
    let mut balance = Command::new("btrfs")
        .args(["balance", "start", "--full-balance", at])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let mut seen = false;
    while begin.elapsed() < Duration::from_secs(20) && balance.try_wait().unwrap().is_none() {
        let text = said("btrfs", &["balance", "status", "-v", at]);
        let (metrics, problems) = read(&text);
        assert_eq!(problems, [], "{text}");
        let job = &metrics.maintenance[0];
        assert_eq!(job.running, text.contains("is running"), "{text}");
        if job.running && !seen {
            seen = true;
            said("btrfs", &["balance", "pause", at]);
        }
    }
    balance.wait().unwrap();
    assert!(
        seen,
        "a balance of 300 MiB was over before it was looked at"
    );
    let text = said("btrfs", &["balance", "status", at]);
    let job = read(&text).0.maintenance[0].value.clone();
    let expected = if text.contains("is paused") {
        MaintenanceState::Paused
    } else {
        MaintenanceState::Never
    };
    assert_eq!(job.state, expected);
    said("btrfs", &["balance", "cancel", at]);
}

const ODD: [&str; 6] = [
    "@home$ x",
    "two  blanks",
    "ann@nas:~# z",
    "a path b",
    "6.18.1",
    "ID 5 gen 5",
];

#[test]
fn subvolumes_quotas_and_properties_are_those_that_were_made() {
    if !available("subvolumes_quotas_and_properties_are_those_that_were_made") {
        return;
    }
    let fs = LoopFs::new(1, &["-L", "home=x"]).unwrap();
    let mount = fs.mount("/", "defaults").unwrap();
    let at = text(mount.path());
    let below = |name: &str| text(&mount.path().join(name)).to_owned();
    for name in ODD {
        done("btrfs", &["subvolume", "create", &below(name)]);
    }
    done(
        "btrfs",
        &[
            "subvolume",
            "snapshot",
            "-r",
            &below("a path b"),
            &below("snap of it"),
        ],
    );
    let mut expected: Vec<&str> = ODD.to_vec();
    expected.push("snap of it");
    expected.sort_unstable();
    for columns in [
        &[][..],
        &["-p"],
        &["-c"],
        &["-g"],
        &["-u"],
        &["-q"],
        &["-R"],
        &["-puqRcg"],
        &["-a"],
        &["-t"],
        &["-t", "-puqRcg"],
        &["-t", "-a"],
        &["--sort=-gen"],
    ] {
        let args: Vec<&str> = ["subvolume", "list"]
            .iter()
            .chain(columns)
            .copied()
            .chain([at])
            .collect();
        let list = facts(&args).subvolumes[0].value.clone();
        assert_eq!(list.paths, expected, "{columns:?}");
        let is_told = columns.iter().any(|c| c.contains('q'));
        assert_eq!(list.snapshots, is_told.then_some(1), "{columns:?}");
    }
    for columns in [&["-s"][..], &["-s", "-t"], &["-s", "-pu"]] {
        let args: Vec<&str> = ["subvolume", "list"]
            .iter()
            .chain(columns)
            .copied()
            .chain([at])
            .collect();
        let list = facts(&args).subvolumes[0].value.clone();
        assert_eq!(
            (list.paths.len(), list.snapshots),
            (1, Some(1)),
            "{columns:?}"
        );
    }
    let shown = facts(&["subvolume", "show", &below("a path b")]).subvolume_shows[0]
        .value
        .clone();
    assert_eq!(
        (shown.path.as_str(), shown.read_only),
        ("a path b", Some(false))
    );
    assert_eq!(shown.snapshots, ["snap of it"]);
    let snapshot = facts(&["subvolume", "show", &below("snap of it")]).subvolume_shows[0]
        .value
        .clone();
    assert_eq!(
        (snapshot.read_only, snapshot.parent_uuid),
        (Some(true), shown.uuid)
    );
    let top = facts(&["subvolume", "show", at]).subvolume_shows[0]
        .value
        .clone();
    assert_eq!((top.path.as_str(), top.id), ("/", Some(5)));

    let property = facts(&["property", "get", &below("snap of it")]).properties[0]
        .value
        .clone();
    assert_eq!(property.read_only, Some(true));
    done(
        "btrfs",
        &["property", "set", &below("6.18.1"), "compression", "zstd"],
    );
    let property = facts(&["property", "get", &below("6.18.1")]).properties[0]
        .value
        .clone();
    assert_eq!(
        (property.compression.as_deref(), property.read_only),
        (Some("zstd"), Some(false))
    );
    let label = facts(&["property", "get", "-t", "filesystem", at]).properties[0]
        .value
        .clone();
    assert_eq!(label.label.as_deref(), Some("home=x"));

    let off = facts(&["qgroup", "show", at]).quotas;
    assert!(!off[0].enabled);
    done("btrfs", &["quota", "enable", at]);
    fill(&mount.path().join("two  blanks"), "random", 10);
    done("btrfs", &["quota", "rescan", "-w", at]);
    for form in [
        &["qgroup", "show"][..],
        &["qgroup", "show", "--raw"],
        &["qgroup", "show", "-pcre"],
        &["qgroup", "show", "-pcre", "--raw"],
        &["qgroup", "show", "--si"],
        &["--format", "json", "qgroup", "show", "-pcre"],
    ] {
        let args: Vec<&str> = form.iter().copied().chain([at]).collect();
        let quota = facts(&args).quotas[0].value.clone();
        assert_eq!(
            (quota.enabled, quota.groups, quota.limited),
            (true, 8, false),
            "{form:?}"
        );
    }
    done("btrfs", &["qgroup", "limit", "1G", &below("two  blanks")]);
    done("btrfs", &["qgroup", "create", "1/100", at]);
    for form in [
        &["qgroup", "show", "-re"][..],
        &["qgroup", "show", "-pcre", "--raw"],
    ] {
        let args: Vec<&str> = form.iter().copied().chain([at]).collect();
        let quota = facts(&args).quotas[0].value.clone();
        assert_eq!((quota.groups, quota.limited), (9, true), "{form:?}");
    }
    let limited = facts(&["subvolume", "show", "-b", &below("two  blanks")]).subvolume_shows[0]
        .value
        .clone();
    assert_eq!(limited.limit_referenced, Some(Bytes(1 << 30)));
    assert!(
        (10 * MIB..11 * MIB).contains(&limited.referenced.unwrap().0),
        "{limited:?}"
    );
    let shown = state(&uuid(&mount));
    assert_eq!(
        (shown.quota, shown.quota_inconsistent),
        (Some(QuotaMode::Full), Some(false))
    );
}

#[test]
fn files_are_as_they_were_made() {
    if !available("files_are_as_they_were_made") {
        return;
    }
    let fs = LoopFs::new(1, &[]).unwrap();
    let mount = fs.mount("/", "compress-force=zstd").unwrap();
    let nocow = mount.path().join("no cow: is 1");
    fs::create_dir(&nocow).unwrap();
    done("chattr", &["+C", text(&nocow)]);
    let zeros = mount.path().join("ze ros");
    fs::write(&zeros, vec![7u8; (4 * MIB) as usize]).unwrap();
    fill(&nocow, "plain", 4);
    let swap = text(&mount.path().join("swapfile")).to_owned();
    done(
        "btrfs",
        &["filesystem", "mkswapfile", "--size", "16m", &swap],
    );
    done("sync", &["-f", text(mount.path())]);
    let listed = |args: &[&str], program: &str| {
        let text = said(program, args);
        let (metrics, problems) = read(&text);
        assert_eq!(problems, [], "{text}");
        metrics
    };
    let plain_file = nocow.join("plain");
    let all = listed(&["-v", text(&zeros), text(&plain_file), &swap], "filefrag").fragmentation;
    assert_eq!(all.len(), 3);
    assert_eq!(
        (all[0].path.as_str(), all[0].compressed),
        (text(&zeros), Some(true))
    );
    // Compressed extents are 128 KiB at most.
    assert!(all[0].extents >= 32, "{:?}", all[0]);
    assert_eq!(
        (all[0].size, all[1].size),
        (Some(Bytes(4 * MIB)), Some(Bytes(4 * MIB)))
    );
    assert_eq!(
        (all[1].compressed, all[2].size),
        (Some(false), Some(Bytes(16 * MIB)))
    );
    let counts = listed(&[text(&zeros), text(&plain_file), &swap], "filefrag").fragmentation;
    for (a, b) in all.iter().zip(&counts) {
        assert_eq!((&a.path, a.extents), (&b.path, b.extents));
    }
    let flags = listed(&["-d", text(&nocow), text(&zeros), &swap], "lsattr").flags;
    let facts: Vec<(&str, bool)> = flags.iter().map(|f| (f.path.as_str(), f.nocow)).collect();
    assert_eq!(
        facts,
        [
            (text(&nocow), true),
            (text(&zeros), false),
            (swap.as_str(), true)
        ]
    );
    let tree = listed(&["-R", text(mount.path())], "lsattr").flags;
    assert_eq!(tree.iter().filter(|f| f.nocow).count(), 3, "{tree:?}");
}

#[test]
fn the_kernel_says_the_same_in_three_shapes() {
    if !available("the_kernel_says_the_same_in_three_shapes") {
        return;
    }
    let fs = LoopFs::new(2, &["-L", "a label", "-d", "single", "-m", "raid1"]).unwrap();
    let mount = fs.mount("/", "defaults").unwrap();
    fill(mount.path(), "random", 32);
    let uuid = uuid(&mount);
    let tree = state(&uuid);
    let folder = format!("/sys/fs/btrfs/{uuid}");
    let lines = said("grep", &["-rs", ".", &folder]);
    let (metrics, problems) = read(&lines);
    assert_eq!(problems, [], "{lines}");
    let mut listed = metrics.states[0].value.clone();
    // Links are no files to grep; in the tree they are entries.
    assert_eq!(tree.devices.len(), 2);
    listed.devices.clone_from(&tree.devices);
    assert_eq!(listed.space, tree.space);
    assert_eq!(listed, tree);
    assert_eq!(
        (tree.label.as_deref(), tree.checksum.as_deref()),
        (Some("a label"), Some("crc32c"))
    );
    assert_eq!((tree.missing, tree.quota), (Some(0), None));
    assert!(tree.commits.unwrap().commits > 0);
    let data = tree.space.iter().find(|s| s.kind == "data").unwrap();
    assert!((32 * MIB..33 * MIB).contains(&data.used.0), "{data:?}");
    let names = said("ls", &["/sys/fs/btrfs/features"])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let kernel = read(&names).0.kernel_features.unwrap();
    assert!(kernel.contains("free_space_tree"));
}

#[test]
fn what_is_printed_without_root_is_not_believed_where_it_is_wrong() {
    if !available("what_is_printed_without_root_is_not_believed_where_it_is_wrong") {
        return;
    }
    let fs = LoopFs::new(3, &["-d", "raid5", "-m", "raid1c3"]).unwrap();
    let mount = fs.mount("/", "defaults").unwrap();
    fill(mount.path(), "random", 100);
    fs::set_permissions(
        mount.path().parent().unwrap(),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let at = text(mount.path());
    let nobody = |args: &[&str]| {
        let all: Vec<&str> = ["--reuid=65534", "--clear-groups", "btrfs"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        read(&said("setpriv", &all)).0
    };
    for form in [
        &["filesystem", "usage", at][..],
        &["filesystem", "usage", "-b", at],
        &["filesystem", "usage", "-g", at],
        &["filesystem", "usage", "--si", at],
    ] {
        let blind = nobody(form).usage;
        // Later versions refuse to say anything.
        let Some(blind) = blind.first() else { continue };
        assert_eq!((blind.slack, blind.devices.len()), (None, 0), "{form:?}");
        assert_eq!(
            (blind.allocated, blind.used, blind.free_estimated),
            (None, None, None)
        );
        assert_eq!((blind.free_minimum, blind.data_ratio), (None, None));
        assert!(is_near(blind.device_size.unwrap(), 3 * DEVICE, "-g"));
    }
    for device in nobody(&["device", "usage", "-b", at]).device_usage {
        assert_eq!(
            (device.size, device.slack, device.unallocated),
            (None, None, None)
        );
    }
}
