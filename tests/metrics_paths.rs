//! `--metrics`: folders, archives and single files, by what they hold; and what people send that is
//! no bundle at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::{Gathered, read_paths};
use btrfs_tune::ingest::problem::{Problem, Severity};

const PRESSURE: &str = "some avg10=1.50 avg60=0.84 avg300=0.68 total=7799470
full avg10=0.50 avg60=0.40 avg300=0.30 total=5799470
";
const STATS: &str = "[/dev/a].write_io_errs 3\n";
const TOML: &str = "[[observation]]\nwhat = \"nixos-rebuild is slow\"\n";
const FACTER: &str = r#"{"version": 1, "system": "x86_64-linux", "virtualisation": "none",
  "hardware": {"disk": [{"index": 1, "attached_to": 0, "class_list": ["disk", "nvme"],
    "unix_device_names": ["/dev/nvme0n1"], "sysfs_id": "/class/block/nvme0n1"}]}, "smbios": {}}"#;

/// The files of an archive, as a person packs them: with folders, in no order.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn read(paths: &[PathBuf]) -> Gathered {
    read_paths(paths).unwrap()
}

fn bad(problems: &[Problem]) -> Vec<String> {
    let bad = problems.iter().filter(|p| p.severity > Severity::Note);
    bad.map(ToString::to_string).collect()
}

fn content() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("x/z/observations.toml", TOML.as_bytes()),
        ("x/proc/pressure/io", PRESSURE.as_bytes()),
        ("x/report", FACTER.as_bytes()),
        ("x/a.txt", STATS.as_bytes()),
    ]
}

fn check(gathered: &Gathered, how: &str) {
    assert_eq!(bad(&gathered.problems), Vec::<String>::new(), "{how}");
    let io = gathered.metrics.pressure.io.as_ref().expect(how);
    assert_eq!(io.some.avg10.0, 1.5, "{how}");
    assert_eq!(gathered.metrics.device_errors.len(), 1, "{how}");
    let disks = &gathered.hardware.as_ref().expect(how).disks;
    assert_eq!(disks.len(), 1, "{how}");
    assert_eq!(gathered.observations.len(), 1, "{how}");
}

#[test]
fn a_folder_and_every_packing_of_it_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in content() {
        put(&folder.path().join("tree"), name, bytes);
    }
    check(&read(&[folder.path().join("tree")]), "folder");
    let tar = archive(&content());
    // Names that say nothing, or something else.
    let packings = [
        ("plain", tar.clone()),
        ("gz.txt", gzip(&tar)),
        ("zst.tar.gz", zstd(&tar)),
    ];
    for (name, bytes) in packings {
        let path = put(folder.path(), name, bytes);
        check(&read(&[path]), name);
    }
    // A folder that holds the archive.
    fs::remove_dir_all(folder.path().join("tree")).unwrap();
    fs::remove_file(folder.path().join("gz.txt")).unwrap();
    fs::remove_file(folder.path().join("plain")).unwrap();
    check(&read(&[folder.path().to_owned()]), "archive in a folder");
}

#[test]
fn single_files_add_up_and_a_packed_one_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = content()
        .into_iter()
        .map(|(name, bytes)| put(folder.path(), &format!("{name}.gz"), gzip(bytes)))
        .collect();
    check(&read(&paths), "files");
    let absent = read_paths(&[folder.path().join("absent")]).unwrap_err();
    assert!(absent.to_string().contains("absent"), "{absent}");
}

#[test]
fn what_is_no_plain_file_is_passed_over_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a/b/c.txt", STATS);
    std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let gathered = read(&[folder.path().to_owned()]);
    assert_eq!(
        gathered.metrics.device_errors[0].source.as_ref(),
        "a/b/c.txt"
    );
    let told: Vec<String> = gathered.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "a/up: note: a symbolic link; passed over",
        "socket: note: not a regular file; passed over",
    ];
    assert_eq!(told, expected);
}

#[test]
fn of_two_reports_the_first_counts_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.json", FACTER);
    put(
        folder.path(),
        "b.json",
        FACTER.replace("nvme0n1", "nvme7n1"),
    );
    let gathered = read(&[folder.path().to_owned()]);
    let hardware = format!("{:?}", gathered.hardware.unwrap());
    assert!(hardware.contains("nvme0n1") && !hardware.contains("nvme7n1"));
    assert!(
        gathered
            .problems
            .iter()
            .any(|p| p.message.contains("another facter report"))
    );
}

#[test]
fn a_bundle_of_ones_own_says_what_is_for_people_and_what_was_not_seen() {
    let manifest = r#"{"btrfs-tune-bundle": 1, "files": [{"path": "odd.txt", "for_people": true}],
        "unseen": [{"what": "smartctl /dev/sda", "why": "not installed"}]}"#;
    let odd = b"nobody reads this\n";
    let files: [(&str, &[u8]); 3] = [
        ("btrfs-tune/zzz.txt", odd),
        ("btrfs-tune/odd.txt", odd),
        ("btrfs-tune/manifest.json", manifest.as_bytes()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "b.tar", archive(&files));
    let gathered = read(&[path]);
    let told: Vec<String> = gathered.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("smartctl /dev/sda: not installed"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("b.tar:btrfs-tune/zzz.txt:1: warning"),
        "{told:?}"
    );
}

#[test]
fn bombs_and_broken_archives_cost_bounded_time_and_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let begin = std::time::Instant::now();
    let zeros = vec![0_u8; 400 << 20];
    put(folder.path(), "bomb.gz", gzip(&zeros));
    drop(zeros);
    let whole = gzip(&archive(&content()));
    put(folder.path(), "cut.tgz", &whole[..whole.len() / 2]);
    let tar = archive(&content());
    put(folder.path(), "cut.tar", &tar[..1800]);
    put(
        folder.path(),
        "bad.zst",
        [0x28, 0xb5, 0x2f, 0xfd, 9, 9, 9, 9, 9],
    );
    put(
        folder.path(),
        "x.xz",
        [0xfd, b'7', b'z', b'X', b'Z', 0, 1, 2],
    );
    put(folder.path(), "in.tar", archive(&[("inner.tar", &tar)]));
    // A size that is a lie.
    let mut lie = tar::Header::new_gnu();
    lie.set_path("huge").unwrap();
    lie.set_size(1 << 60);
    lie.set_cksum();
    put(folder.path(), "lie.tar", lie.as_bytes());
    put(folder.path(), "z.txt", STATS);
    let gathered = read(&[folder.path().to_owned()]);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    let errors = gathered.metrics.device_errors.iter();
    let sources: Vec<&str> = errors.map(|e| e.source.as_ref()).collect();
    assert!(sources.contains(&"z.txt"), "{sources:?}");
    for name in [
        "bomb.gz", "cut.tgz", "cut.tar", "bad.zst", "x.xz", "in.tar", "lie.tar",
    ] {
        let told = gathered.problems.iter().any(|p| p.source.starts_with(name));
        assert!(told, "{name}: {:?}", gathered.problems);
    }
}

#[test]
fn a_deep_tree_ends_and_a_name_cannot_leave_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let deep = "d/".repeat(60);
    put(folder.path(), &format!("{deep}a.txt"), STATS);
    let gathered = read(&[folder.path().to_owned()]);
    assert!(gathered.metrics.device_errors.is_empty());
    assert!(gathered.problems[0].message.contains("too many folders"));

    let mut tar = archive(&[("AAAAAAAAAA/b.txt", STATS.as_bytes())]);
    // `../../../..` in place of the name, which the packer refuses to write.
    tar[..16].copy_from_slice(b"../../etc/\x1b[3mxx");
    let sum: u32 = tar[..512]
        .iter()
        .enumerate()
        .map(|(i, b)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*b)
            }
        })
        .sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let path = put(folder.path(), "up.tar", tar);
    let gathered = read(&[path]);
    let source = gathered.metrics.device_errors[0].source.as_ref();
    assert!(!source.contains('\u{1b}'), "{source:?}");
    assert!(
        gathered
            .problems
            .iter()
            .all(|p| !p.source.contains('\u{1b}'))
    );
}

/// Values of `/sys`, one a file, reach the parsers as `grep -r . /sys/…` would print them, under
/// the name of the tree; links tell by their names.
#[test]
fn a_copied_sys_is_one_source() {
    let uuid = "0123abcd-0000-4000-8000-00000000000a";
    let folder = tempfile::tempdir().unwrap();
    let base = format!("dump/sys/fs/btrfs/{uuid}");
    put(folder.path(), &format!("{base}/label"), "home\n");
    put(folder.path(), &format!("{base}/nodesize"), "16384\n");
    put(folder.path(), &format!("{base}/empty"), "\n");
    put(folder.path(), "dump/sys/block/sda/queue/rotational", "1\n");
    fs::create_dir(folder.path().join(format!("{base}/devices"))).unwrap();
    let member = folder.path().join(format!("{base}/devices/sda"));
    std::os::unix::fs::symlink("nowhere", member).unwrap();
    check_sys(&read(&[folder.path().to_owned()]), uuid, "folder");
    // As `tar` packs it, links and all.
    let packed = std::process::Command::new("tar")
        .args(["-cf", "dump.tar", "dump"])
        .current_dir(folder.path())
        .status();
    assert!(packed.unwrap().success());
    check_sys(&read(&[folder.path().join("dump.tar")]), uuid, "tar");
}

fn check_sys(gathered: &Gathered, uuid: &str, how: &str) {
    assert_eq!(bad(&gathered.problems), Vec::<String>::new(), "{how}");
    let [state] = &gathered.metrics.states[..] else {
        panic!("{how}: {:?}", gathered.metrics.states);
    };
    assert!(
        state.source.ends_with("dump/sys"),
        "{how}: {}",
        state.source
    );
    assert_eq!(
        (state.uuid.as_str(), state.label.as_deref()),
        (uuid, Some("home")),
        "{how}"
    );
    assert_eq!(state.node_size, Some(16384), "{how}");
    assert_eq!(state.devices, ["sda"], "{how}");
    let devices = &gathered.metrics.block_devices;
    assert_eq!(devices.len(), 1, "{how}");
    assert_eq!(devices[0].name, "sda", "{how}");
}

/// What `fix` says of a machine, without where its facts came from.
fn said_of(host: &Path, options: &[&str]) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_btrfs-tune"))
        .args(["fix", "--format", "json"])
        .arg(host)
        .args(options)
        .output()
        .unwrap();
    let mut said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.retain(|key, _| key != "source");
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut host = said["hosts"][0].take();
    strip(&mut host);
    host
}

#[test]
fn a_machine_is_judged_the_same_by_its_bundle_as_by_the_files_beside_it() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/vps");
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("vps");
    put(
        &bare,
        "disko.nix",
        fs::read(fixture.join("disko.nix")).unwrap(),
    );
    let (mut packed, mut facts) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(fixture.join("metrics")).unwrap() {
        let path = entry.unwrap().path();
        packed.push((
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            fs::read(&path).unwrap(),
        ));
    }
    for name in ["facter.json", "observations.toml"] {
        facts.push((name.to_owned(), fs::read(fixture.join(name)).unwrap()));
    }
    let tar = |files: &[(String, Vec<u8>)]| {
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(n, b)| (n.as_str(), b.as_slice()))
            .collect();
        gzip(&archive(&files))
    };
    let one = put(folder.path(), "one.tgz", tar(&packed));
    let two = put(folder.path(), "two", tar(&facts));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let beside = said_of(&fixture, &[]);
    assert!(
        beside["machine"]
            .as_str()
            .unwrap()
            .contains("GiB of memory")
    );
    assert!(!beside["causes"].as_array().unwrap().is_empty());
    let bundled = said_of(&bare, &["--metrics", one, "--metrics", two]);
    for key in ["machine", "workloads", "causes"] {
        assert_eq!(bundled[key], beside[key], "{key}");
    }
    // A report that is given by name comes before one in a bundle.
    let other = fs::read_to_string(fixture.join("facter.json")).unwrap();
    let other = other.replace("EPYC-Milan", "EPYC-Other");
    let other = put(folder.path(), "other.json", other);
    let options = ["--facter", other.to_str().unwrap(), "--metrics", two];
    let given = said_of(&bare, &options);
    assert!(
        given["machine"].as_str().unwrap().contains("EPYC-Other"),
        "{given}"
    );
}
