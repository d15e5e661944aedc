//! `btrfs-tune collect` on this machine: as root beside a real btrfs under load, as nobody, stopped
//! amid its work, among hostile names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use btrfs_tune::ingest::metrics::read_paths;
use btrfs_tune::ingest::problem::Severity;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::loopfs::{self, LoopFs};

mod common;

const PROGRAM: &str = env!("CARGO_BIN_EXE_btrfs-tune");

/// Beyond its sampling and the second that it may take: a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(3);

fn collect(arguments: &[&str], folder: &Path) -> Output {
    Command::new(PROGRAM)
        .arg("collect")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files of a bundle, without its folder.
fn files(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(bytes);
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(path.strip_prefix("btrfs-tune/").unwrap().to_owned(), text);
    }
    files
}

fn manifest(files: &BTreeMap<String, String>) -> serde_json::Value {
    serde_json::from_str(&files["manifest.json"]).unwrap()
}

/// Bytes written to a device between the first and the last sample, per second.
fn written_per_second(diskstats: &str, device: &str) -> f64 {
    let mut at = 0.0;
    let mut seen = Vec::new();
    for line in diskstats.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(time) = words.last().and_then(|w| w.strip_prefix("t=")) {
            at = time.parse::<f64>().unwrap();
        } else if words.get(2) == Some(&device) {
            seen.push((at, words[9].parse::<f64>().unwrap() * 512.0));
        }
    }
    let (first, last) = (seen[0], seen[seen.len() - 1]);
    assert!(seen.len() == 2 && last.0 > first.0, "{seen:?}");
    (last.1 - first.1) / (last.0 - first.0)
}

/// Whether a tool is there; where it must be, its absence fails.
fn has(tool: &str, test: &str) -> bool {
    let is_there = Command::new(tool).arg("--version").output().is_ok();
    assert!(
        is_there || std::env::var("CI").as_deref() != Ok("true"),
        "{test} needs {tool}"
    );
    if !is_there {
        eprintln!("skipped {test}: it needs {tool}");
    }
    is_there
}

#[test]
fn a_machine_under_load_is_seen_in_time_and_its_bundle_is_read() {
    let test = "a_machine_under_load_is_seen_in_time_and_its_bundle_is_read";
    if !loopfs::available(test) || !has("fio", test) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let mount = btrfs.mount("/", "noatime").unwrap();
    let device = btrfs.device().trim_start_matches("/dev/").to_owned();
    for path in ["home", "home/alice", "home/alice/love letters"] {
        let path = mount.path().join(path);
        let made = Command::new("btrfs")
            .args(["-q", "subvolume", "create"])
            .arg(path)
            .status();
        assert!(made.unwrap().success());
    }
    let folder = tempfile::tempdir().unwrap();
    let fio = Command::new("fio")
        .args([
            "--name=load",
            "--rw=randwrite",
            "--bs=16k",
            "--size=64m",
            "--fsync=64",
        ])
        .args([
            "--rate=6m",
            "--time_based",
            "--runtime=9",
            "--output-format=json",
        ])
        .arg(format!("--directory={}", mount.path().display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sleep(Duration::from_secs(3));
    let begin = Instant::now();
    let output = collect(&["--seconds", "3", "-o", "b.tar"], folder.path());
    let took = begin.elapsed();
    let fio = fio.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(took < Duration::from_secs(4) + PATIENCE, "{took:?}");
    assert!(output.stdout.is_empty());

    let path = folder.path().join("b.tar");
    let files = files(&fs::read(&path).unwrap());
    let manifest = manifest(&files);
    for file in manifest["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        assert!(files.contains_key(path), "{path} is listed and not there");
        assert_ne!(file["from"], "", "{path}");
    }
    assert_eq!(manifest["files"].as_array().unwrap().len() + 1, files.len());

    // The load, by the device's own counters and by fio's.
    let fio: serde_json::Value = serde_json::from_slice(&fio.stdout).unwrap();
    let by_fio = fio["jobs"][0]["write"]["bw_bytes"].as_f64().unwrap();
    let by_device = written_per_second(&files["samples/proc-diskstats.txt"], &device);
    let ratio = by_device / by_fio;
    assert!((0.3..30.0).contains(&ratio), "{by_device} of {by_fio}");

    let gathered = read_paths(&[path]).unwrap();
    let bad: Vec<String> = gathered
        .problems
        .iter()
        .filter(|p| p.severity > Severity::Note)
        .map(ToString::to_string)
        .collect();
    assert_eq!(bad, Vec::<String>::new());
    let metrics = &gathered.metrics;
    let fio = metrics.processes.iter().filter(|p| p.name == "fio");
    let written: f64 = fio.filter_map(|p| p.write_bytes_s).sum();
    let is_counted = metrics.processes.iter().any(|p| p.write_bytes_s.is_some());
    assert!(
        !is_counted || (0.2..5.0).contains(&(written / by_fio)),
        "{written} of {by_fio}"
    );
    assert!(metrics.pressure.io.is_some() && metrics.memory.is_some());
    assert!(metrics.mounts.iter().any(|m| m.device == btrfs.device()));
    assert!(
        metrics
            .usage
            .iter()
            .any(|u| { u.mountpoint.as_deref() == Some(mount.path().to_str().unwrap()) })
    );
    let busy = metrics.devices.iter().find(|d| d.name == device);
    let busy = busy.expect("the device is among those that work");
    let written = busy.write_bytes_s.unwrap();
    assert!(
        (written / by_device - 1.0).abs() < 0.05,
        "{written} of {by_device}"
    );
    assert!(!busy.since_boot);
    assert!(metrics.states.iter().any(|s| s.devices.contains(&device)));
    assert!(
        metrics
            .block_devices
            .iter()
            .any(|d| d.name == device && d.size.is_some())
    );

    // What people named is not in it, nor what identifies the machine.
    let all: String = files.values().map(String::as_str).collect();
    assert!(!all.contains("alice") && !all.contains("love letters"));
    assert!(
        all.contains("home/user"),
        "the subvolumes are listed all the same"
    );
    for path in [
        "/etc/machine-id",
        "/sys/class/net/eth0/address",
        "/sys/class/dmi/id/product_uuid",
    ] {
        let text = fs::read_to_string(path).unwrap_or_default();
        let text = text.trim();
        assert!(
            text.len() < 8 || text.starts_with("00:00") || !all.contains(text),
            "{path}"
        );
    }
    assert!(!all.contains("--fsync=64"), "an argument of a program");
}

#[test]
fn nobody_sees_less_and_is_told_what_and_why() {
    let test = "nobody_sees_less_and_is_told_what_and_why";
    if !loopfs::available(test) || !has("setpriv", test) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let mount = btrfs.mount("/", "defaults").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::set_permissions(at, fs::Permissions::from_mode(0o777)).unwrap();
    let program = at.join("program");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(&program)
        .args(["collect", "--seconds", "1", "-o", "b.tar"])
        .current_dir(at)
        .output()
        .unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for expected in [
        "bytes of programs",
        "run it as root to see it",
        "errors of devices are unknown",
        "how many snapshots there are is unknown",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let files = files(&fs::read(at.join("b.tar")).unwrap());
    let manifest = manifest(&files);
    assert_eq!(manifest["root"], false);
    let unseen = manifest["unseen"].as_array().unwrap();
    let asked = format!("btrfs device stats {}", mount.path().display());
    assert!(
        unseen.iter().any(|u| u["what"] == asked.as_str()),
        "{unseen:?}"
    );
    assert!(unseen.iter().all(|u| u["why"].as_str().unwrap().len() > 10));
    assert!(files["samples/sys-fs-btrfs.txt"].contains("/sys/fs/btrfs/"));
    let gathered = read_paths(&[at.join("b.tar")]).unwrap();
    assert!(
        gathered
            .problems
            .iter()
            .any(|p| p.message.contains("not seen when it was collected"))
    );
    assert!(!gathered.metrics.processes.is_empty());
}

#[test]
fn what_is_there_is_not_overwritten_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.tar");
    fs::write(&path, "precious").unwrap();
    let begin = Instant::now();
    let refused = collect(&["--seconds", "9", "-o", "b.tar"], folder.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "refused before sampling"
    );
    assert!(said(&refused).contains("--force"), "{}", said(&refused));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let absent = collect(&["--seconds", "9", "-o", "no/b.tar"], folder.path());
    assert_eq!(absent.status.code(), Some(2));
    let options = ["--seconds", "1", "--no-commands", "--force", "-o", "b.tar"];
    let forced = collect(&options, folder.path());
    assert!(forced.status.success(), "{}", said(&forced));
    assert!(files(&fs::read(&path).unwrap()).contains_key("manifest.json"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn standard_output_and_packed_archives_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["--seconds", "1", "--no-commands", "-o"];
    let output = collect(&[&common[..], &["-"]].concat(), folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let plain = files(&output.stdout);
    assert!(!plain.keys().any(|path| path.starts_with("commands/")));
    for name in ["b.tar.gz", "b.tar.zst"] {
        let output = collect(&[&common[..], &[name]].concat(), folder.path());
        assert!(output.status.success(), "{}", said(&output));
        let gathered = read_paths(&[folder.path().join(name)]).unwrap();
        assert!(gathered.metrics.memory.is_some(), "{name}");
        assert!(!gathered.metrics.processes.is_empty(), "{name}");
    }
    // The name by default tells host and time.
    let output = collect(&common[..3], folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names
            .iter()
            .any(|n| n.starts_with("btrfs-tune-") && n.ends_with(".tar")),
        "{names:?}"
    );
}

#[test]
fn ended_amid_its_work_it_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["collect", "--seconds", "30", "-o", "b.tar"])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(1200));
        assert!(child.try_wait().unwrap().is_none(), "ended by itself");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{signal:?}"
        );
    }
}

/// A program that works under a hostile name; ends with its guard.
struct Busy(std::process::Child);

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn hostile_names_stay_names() {
    let test = "hostile_names_stay_names";
    if !loopfs::available(test) {
        return;
    }
    let btrfs = LoopFs::new(1, &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("odd \"dir\"\n## usage t=1");
    fs::create_dir(&at).unwrap();
    let mounted = Command::new("mount").arg(btrfs.device()).arg(&at).status();
    assert!(mounted.unwrap().success());
    let shell: PathBuf = ["/bin/dash", "/bin/sh"]
        .iter()
        .map(PathBuf::from)
        .find(|p| p.exists())
        .unwrap();
    let program = folder.path().join("e\x1b[31m\n\t9)");
    fs::copy(shell, &program).unwrap();
    let busy = Command::new(&program)
        .args(["-c", "while :; do :; done"])
        .spawn();
    let busy = Busy(busy.unwrap());
    let output = collect(&["--seconds", "1", "-o", "b.tar"], folder.path());
    drop(busy);
    let unmounted = Command::new("umount").arg(&at).status();
    assert!(output.status.success(), "{}", said(&output));
    assert!(unmounted.unwrap().success());

    assert!(!said(&output).contains('\u{1b}'));
    let bytes = fs::read(folder.path().join("b.tar")).unwrap();
    let files = files(&bytes);
    for (path, text) in &files {
        assert!(!text.contains('\u{1b}'), "{path}");
    }
    let gathered = read_paths(&[folder.path().join("b.tar")]).unwrap();
    for problem in &gathered.problems {
        let told = problem.to_string();
        assert!(problem.severity == Severity::Note, "{told}");
        assert!(!told.contains(['\u{1b}', '\n']), "{told:?}");
    }
    let metrics = gathered.metrics;
    let found = metrics
        .processes
        .iter()
        .find(|p| p.name.starts_with("e\\033[31m\\012\\011"));
    let cpu = found.expect("the program").cpu.unwrap().0;
    assert!((5.0..110.0).contains(&cpu), "{cpu}");
    let at = at.to_str().unwrap();
    assert!(metrics.mounts.iter().any(|m| m.mountpoint == at));
    assert!(
        metrics
            .usage
            .iter()
            .any(|u| u.mountpoint.as_deref() == Some(at))
    );
    assert!(metrics.memory.unwrap().value.total.0 > 1 << 20);
}
