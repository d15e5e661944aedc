//! Owns: `--write` and `--commit` killed, or told that the disk is full or broken, at every call of
//! the operating system that they make, and on file systems that are full or read-only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::loopfs::{self, LoopFs};
use common::project::{Git, Project, Ran, SMALL, as_somebody, copy, have, run};

/// A machine of two files, both of which change.
const MODULE: &str = r#"{
  imports = [ ./disko.nix ];
  disko.devices.disk.main.content.partitions.root.content.subvolumes."/log" = {
    mountpoint = "/var/log";
    mountOptions = [ "compress=zstd:3" "noatime" "nodiratime" ];
  };
}
"#;
const WHOLE: &str = "configuration.nix";
const STORAGE: &str = "disko.nix";

fn template(git: Git) -> Project {
    let project = Project::empty(git);
    project.write(WHOLE, MODULE);
    project.write(STORAGE, SMALL);
    project.commit_all();
    project
}

/// A copy of it to break.
fn fresh(template: &Project) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&template.path, dir.path());
    dir
}

type Texts = BTreeMap<PathBuf, String>;

/// Every file of the project but git's own.
fn files(dir: &Path) -> Texts {
    let mut found = Texts::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.strip_prefix(dir).unwrap().to_path_buf();
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// What this program has left in the git directory.
fn left_in_git(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join(".git")) else {
        return Vec::new();
    };
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("btrfs-tune"))
        .collect()
}

/// A fault: at the nth of these calls, in the program alone or in every process that it starts.
#[derive(Debug, Clone, Copy)]
struct Fault<'a> {
    calls: &'a str,
    what: &'a str,
    n: usize,
    everywhere: bool,
}

/// Runs the program with a fault. `None` if it makes fewer calls; else its exit code, if it was not
/// killed.
fn run_with(dir: &Path, ways: &[&str], fault: Fault<'_>) -> Option<Option<i32>> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    as_somebody(|name, value| {
        command.env(name, value);
    });
    if fault.everywhere {
        command.args(["-f", "--seccomp-bpf"]);
    }
    let Fault { calls, what, n, .. } = fault;
    let status = command
        .arg("-o")
        .arg(log.path())
        .args(["-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:{what}:when={n}")])
        .arg(env!("CARGO_BIN_EXE_btrfs-tune"))
        .arg("fix")
        .args(ways)
        .arg(WHOLE)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let log = String::from_utf8_lossy(&fs::read(log.path()).unwrap()).into_owned();
    let is_hit = log.contains("(INJECTED)") || log.contains("killed by SIGKILL");
    is_hit.then_some(status.code())
}

/// The program without a fault.
fn run_plainly(dir: &Path, ways: &[&str]) -> Ran {
    run(dir, &[&["fix"], ways, &[WHOLE]].concat())
}

/// How often what came of a fault.
type Table = BTreeMap<String, usize>;

/// Every file must be whole; says what became of them.
fn judge(dir: &Path, old: &Texts, new: &Texts, code: Option<i32>, what: &str) -> &'static str {
    let found = files(dir);
    let mut changed = 0;
    for name in [WHOLE, STORAGE].map(PathBuf::from) {
        let text = &found[&name];
        let is_new = *text == new[&name];
        assert!(
            is_new || *text == old[&name],
            "{what}: {}: {text}",
            name.display()
        );
        changed += usize::from(is_new);
    }
    if code == Some(0) {
        assert_eq!(found, *new, "{what}: said to be done");
    }
    match (changed, code) {
        (0, None) => "killed, all old",
        (2, None) => "killed, all new",
        (_, None) => "killed, one new until the next run",
        (0, Some(_)) => "an error, all old",
        (2, Some(0)) => "no error, all new",
        (2, Some(_)) => "an error, all new",
        (_, Some(_)) => "an error, one new until the next run",
    }
}

/// The calls that read or change files, and the faults that they are tried with.
const TRIED: &[(&str, &[&str])] = &[
    ("openat", &["signal=SIGKILL", "error=EIO", "error=ENOSPC"]),
    ("write", &["signal=SIGKILL", "error=EIO", "error=ENOSPC"]),
    ("fsync", &["signal=SIGKILL", "error=EIO", "error=ENOSPC"]),
    ("rename", &["signal=SIGKILL", "error=EIO", "error=ENOSPC"]),
    (
        "renameat2",
        &[
            "signal=SIGKILL",
            "error=EIO",
            "error=ENOSPC",
            "error=EINVAL",
        ],
    ),
    ("unlink", &["signal=SIGKILL", "error=EIO"]),
    ("fchmod", &["signal=SIGKILL", "error=EIO"]),
    ("flock", &["signal=SIGKILL", "error=EIO"]),
    ("flistxattr,fgetxattr,fsetxattr", &["error=EIO"]),
    ("read,statx,fstat,lseek", &["error=EIO"]),
];

#[test]
fn writing_survives_a_fault_at_every_call() {
    let test = "writing_survives_a_fault_at_every_call";
    if !have("strace", test) || !have("git", test) {
        return;
    }
    let mut table = Table::new();
    for (git, ways) in [
        (Git::Root, &["--write"][..]),
        (Git::None, &["--write", "--backup"]),
    ] {
        let template = template(git);
        let old = files(&template.path);
        let done = fresh(&template);
        let ran = run_plainly(done.path(), ways);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let new = files(done.path());
        for (calls, faults) in TRIED {
            for what in *faults {
                for n in 1.. {
                    let dir = fresh(&template);
                    let fault = Fault {
                        calls,
                        what,
                        n,
                        everywhere: false,
                    };
                    let Some(code) = run_with(dir.path(), ways, fault) else {
                        break;
                    };
                    let said = format!("{git:?}: {fault:?}");
                    let outcome = judge(dir.path(), &old, &new, code, &said);
                    *table.entry(format!("{what}: {outcome}")).or_default() += 1;
                    let next = run_plainly(dir.path(), ways);
                    assert_eq!(next.code, Some(0), "{said}: {next:?}");
                    assert_eq!(files(dir.path()), new, "{said}: {next:?}");
                    assert_eq!(left_in_git(dir.path()), [""; 0], "{said}");
                }
            }
        }
    }
    eprintln!("{table:#?}");
    assert!(
        table.keys().any(|o| o.contains("killed, one new")),
        "{table:#?}"
    );
}

/// The locks of a git that was killed, which git asks a person to remove.
fn remove_locks(dir: &Path) -> usize {
    let mut removed = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            removed += remove_locks(&path);
        } else if path.extension().is_some_and(|e| e == "lock") {
            fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    removed
}

#[test]
fn committing_survives_being_killed_at_every_call() {
    let test = "committing_survives_being_killed_at_every_call";
    if !have("strace", test) || !have("git", test) {
        return;
    }
    let template = template(Git::Root);
    let old = files(&template.path);
    let done = fresh(&template);
    let ways = &["--commit"];
    let ran = run_plainly(done.path(), ways);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let new = files(done.path());
    let ask = |dir: &Path, arguments: &[&str]| {
        String::from_utf8(common::project::git(dir, arguments).stdout).unwrap()
    };
    let subjects = ask(done.path(), &["log", "--format=%s"]);
    let mut table = Table::new();
    // In this program alone, then in each git that it starts too.
    for (everywhere, calls, what) in [
        (false, "write", "signal=SIGKILL"),
        (false, "fsync", "signal=SIGKILL"),
        (false, "rename,renameat2", "signal=SIGKILL"),
        (false, "rename,renameat2", "error=EIO"),
        (false, "unlink", "signal=SIGKILL"),
        (false, "clone3,clone,vfork,wait4", "signal=SIGKILL"),
        (
            true,
            "rename,renameat,renameat2,link,linkat",
            "signal=SIGKILL",
        ),
        (true, "unlink,unlinkat", "signal=SIGKILL"),
    ] {
        for n in 1.. {
            let dir = fresh(&template);
            let fault = Fault {
                calls,
                what,
                n,
                everywhere,
            };
            let Some(code) = run_with(dir.path(), ways, fault) else {
                break;
            };
            let said = format!("{fault:?}");
            // Each file has the text of one of the commits.
            for name in [WHOLE, STORAGE] {
                let text = &files(dir.path())[Path::new(name)];
                let texts = ask(done.path(), &["log", "--format=%h", "--", name]);
                let was = |commit: &str| ask(done.path(), &["show", &format!("{commit}:{name}")]);
                assert!(texts.lines().any(|c| was(c) == *text), "{said}: {text}");
            }
            let made = ask(dir.path(), &["log", "--format=%s"]);
            assert!(subjects.ends_with(&made), "{said}: {made}");
            let outcome = match (code, made == subjects) {
                (None, true) => "killed, all commits",
                (None, false) => "killed, some commits",
                (Some(_), true) => "went on, all commits",
                (Some(_), false) => "stopped, some commits",
            };
            let place = if everywhere { "anywhere" } else { "here" };
            *table
                .entry(format!("{what} {place}: {outcome}"))
                .or_default() += 1;
            // What git left locked it says, and a person removes.
            let mut next = run_plainly(dir.path(), ways);
            if everywhere && next.code != Some(0) {
                assert!(next.err.contains(".lock"), "{said}: {next:?}");
                assert!(
                    remove_locks(&dir.path().join(".git")) > 0,
                    "{said}: {next:?}"
                );
                next = run_plainly(dir.path(), ways);
            }
            assert_eq!(next.code, Some(0), "{said}: {next:?}");
            assert_eq!(ask(dir.path(), &["log", "--format=%s"]), subjects, "{said}");
            assert_eq!(
                ask(dir.path(), &["status", "--short"]),
                "",
                "{said}: {next:?}"
            );
            assert_eq!(files(dir.path()), new, "{said}");
            assert_eq!(left_in_git(dir.path()), [""; 0], "{said}");
        }
    }
    eprintln!("{table:#?}");
    assert_ne!(old, new);
}

#[test]
fn reading_ignores_what_a_killed_run_left() {
    let test = "reading_ignores_what_a_killed_run_left";
    if !have("strace", test) {
        return;
    }
    let template = template(Git::None);
    let dir = fresh(&template);
    let ways = &["--write", "--allow-dirty"];
    // Killed between the two files.
    let fault = Fault {
        calls: "renameat2",
        what: "signal=SIGKILL",
        n: 3,
        everywhere: false,
    };
    assert_eq!(run_with(dir.path(), ways, fault), Some(None));
    let left = files(dir.path());
    assert!(left.len() > 2, "{left:?}");
    assert_eq!(run_plainly(dir.path(), &["--diff"]).code, Some(1));
    assert_eq!(left, files(dir.path()));
    let next = run_plainly(dir.path(), ways);
    assert_eq!(next.code, Some(0), "{next:?}");
    assert!(
        next.err.contains("note: a run was killed while it wrote"),
        "{}",
        next.err
    );
    assert_eq!(files(dir.path()).len(), 2);
}

/// A file system in memory or on a loop device, as small as is asked for.
struct Small(tempfile::TempDir);

impl Small {
    fn tmpfs(bytes: usize) -> Small {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(dir.path())
            .status();
        assert!(status.unwrap().success());
        Small(dir)
    }

    fn ext4(bytes: u64) -> Small {
        let dir = tempfile::tempdir().unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(bytes).unwrap();
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-b", "1024", "-m", "0"]).arg(image.path());
        assert!(make.status().unwrap().success());
        // The loop device keeps the file until it is unmounted.
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(image.path()).arg(dir.path());
        assert!(mount.status().unwrap().success());
        Small(dir)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Fills a file system, tries to write, makes space, and writes.
fn try_full(dir: &Path, name: &str, steps: u64) {
    fs::write(dir.join(WHOLE), MODULE).unwrap();
    fs::write(dir.join(STORAGE), SMALL).unwrap();
    let old = files(dir);
    let ways = &["--write", "--allow-dirty"];
    let filling = dir.join("filling");
    // From nothing left to enough, in steps of a block.
    let mut refused = 0;
    for free in 0..steps {
        let mut size = 0;
        let mut file = fs::File::create(&filling).unwrap();
        for block in [64 << 10, 1024, 1] {
            while let Ok(written @ 1..) = std::io::Write::write(&mut file, &vec![0; block]) {
                size += written as u64;
            }
        }
        let _ = file.sync_all();
        // A full btrfs may refuse even that; then there is no more space than before.
        let _ = file.set_len(size.saturating_sub(free * 1024));
        let _ = file.sync_all();
        drop(file);
        let ran = run_plainly(dir, ways);
        let mut found = files(dir);
        fs::remove_file(&filling).unwrap();
        found.remove(Path::new("filling"));
        if ran.code == Some(0) {
            break;
        }
        refused += 1;
        assert_eq!(ran.code, Some(2), "{name} {free}: {ran:?}");
        assert!(
            ran.err.contains("No space left"),
            "{name} {free}: {}",
            ran.err
        );
        assert_eq!(found, old, "{name} {free}: {}", ran.err);
    }
    assert!(refused > 0, "{name}: it was never full");
    eprintln!("{name}: refused {refused} times for want of space");
    assert_eq!(run_plainly(dir, ways).code, Some(0), "{name}");
    let new = files(dir);
    assert_eq!(new.len(), 2, "{name}: {new:?}");
    assert_ne!(new, old, "{name}");
}

#[test]
fn full_file_systems_keep_everything() {
    if !loopfs::available("full_file_systems_keep_everything") {
        return;
    }
    let tmpfs = Small::tmpfs(256 << 10);
    try_full(tmpfs.0.path(), "tmpfs", 64);
    let ext4 = Small::ext4(2 << 20);
    try_full(ext4.0.path(), "ext4", 64);
    let btrfs = LoopFs::new(1, &["--mixed"]).unwrap();
    let mount = btrfs.mount("/", "defaults").unwrap();
    try_full(mount.path(), "btrfs", 2);
}

#[test]
fn read_only_file_systems_are_said() {
    if !loopfs::available("read_only_file_systems_are_said") {
        return;
    }
    let tmpfs = Small::tmpfs(1 << 20);
    let dir = tmpfs.0.path();
    fs::write(dir.join(WHOLE), MODULE).unwrap();
    fs::write(dir.join(STORAGE), SMALL).unwrap();
    let old = files(dir);
    let remount = |how: &str| {
        let mut command = Command::new("mount");
        command.args(["-o", how]).arg(dir);
        assert!(command.status().unwrap().success());
    };
    remount("remount,ro");
    let ran = run_plainly(dir, &["--write", "--allow-dirty"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("Read-only file system"), "{}", ran.err);
    assert_eq!(files(dir), old);
    // What changes nothing works there.
    assert_eq!(run_plainly(dir, &["--diff"]).code, Some(1));
    remount("remount,rw");
    assert_eq!(
        run_plainly(dir, &["--write", "--allow-dirty"]).code,
        Some(0)
    );
    assert_ne!(files(dir), old);
}
