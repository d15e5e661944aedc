//! Owns: every step of applying made to fail, and the process killed at each.

mod faulty;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use faulty::{FAULTS, Fault, Faulty};

const NAMES: [&str; 3] = ["flake.nix", "hosts/a b.nix", "hosts/disko.nix"];

fn old(name: &str) -> String {
    format!("# {name}\n{{ old = true; }}\n")
}

fn new(name: &str) -> String {
    format!("# {name}\n{{ new = [ 1 2 3 ]; text = ''so that it is longer''; }}\n")
}

fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("hosts")).unwrap();
    for (i, name) in NAMES.iter().enumerate() {
        let path = dir.path().join(name);
        fs::write(&path, old(name)).unwrap();
        let mode = [0o640, 0o755, 0o600][i];
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

fn place(dir: &TempDir) -> Place {
    Place::of(dir.path(), dir.path(), false).unwrap()
}

fn changes(dir: &TempDir) -> Vec<Change> {
    let change = |name: &&str| Change {
        shown: (*name).to_owned(),
        path: dir.path().join(name),
        before: old(name),
        after: new(name),
    };
    NAMES.iter().map(change).collect()
}

/// Every file below a directory, with its text.
fn everything(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![dir.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

fn texts(of: fn(&str) -> String) -> BTreeMap<String, String> {
    NAMES.iter().map(|n| ((*n).to_owned(), of(n))).collect()
}

fn not_committed(_: &[PathBuf]) -> Result<bool, String> {
    Ok(false)
}

/// One run from its beginning to its end.
fn run(
    disk: &dyn Disk,
    dir: &TempDir,
    options: Options,
) -> Result<(Vec<Note>, Vec<Written>), ApplyError> {
    let (applier, notes) = Applier::begin(disk, place(dir), &not_committed)?;
    let pending = applier.put(&changes(dir), &[], options)?;
    Ok((notes, pending.keep()?))
}

fn without_backups(mut files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    files.retain(|name, text| {
        let Some(of) = name.strip_suffix(".orig") else {
            return true;
        };
        assert_eq!(*text, old(of), "{name}");
        false
    });
    files
}

#[test]
fn whatever_step_fails_every_file_is_whole_and_the_next_run_works() {
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for (fault, exchanges, backup) in FAULTS.into_iter().flat_map(|f| {
        [
            (f, true, false),
            (f, true, true),
            (f, false, false),
            (f, false, true),
        ]
    }) {
        let options = Options {
            backup,
            commit: false,
        };
        for at in 1.. {
            let what = format!("{fault:?} at {at}, exchange {exchanges}, backup {backup}");
            let dir = project();
            let disk = Faulty::new(fault, at, exchanges);
            let result = run(&disk, &dir, options);
            if !disk.hit.get() {
                assert!(result.is_ok(), "{what}: {result:?}");
                assert!(at > 30, "{what}: there are more steps than that");
                break;
            }
            let killed = disk.dead.get();
            let found = everything(dir.path());
            let mut new_ones = 0;
            for name in NAMES {
                let text = &found[name];
                assert!(
                    *text == old(name) || *text == new(name),
                    "{what}: {name}: {text}"
                );
                new_ones += usize::from(*text == new(name));
            }
            // What is said is what is so.
            match &result {
                Ok(_) => assert_eq!(new_ones, NAMES.len(), "{what}"),
                Err(ApplyError::Io { left, .. }) if !killed => match left {
                    Left::Nothing => {
                        assert_eq!(new_ones, 0, "{what}");
                        let mut found = found;
                        if matches!(fault, Fault::FailsFrom(_)) {
                            // Nor can what is not whole be removed; the next run does.
                            found.retain(|name, _| !name.starts_with(".btrfs-tune-journal"));
                        }
                        assert_eq!(found, texts(old), "{what}: something is left");
                    }
                    Left::Some { new, .. } => assert_eq!(new.len(), new_ones, "{what}"),
                    Left::All => assert_eq!(new_ones, NAMES.len(), "{what}"),
                },
                Err(error) => assert!(killed || new_ones == 0, "{what}: {error}"),
            }
            let outcome = match (new_ones, killed) {
                (0, false) => "failed, all old",
                (3, false) => "failed or not, all new",
                (_, false) => "failed, some new until the next run",
                (0, true) => "killed, all old",
                (3, true) => "killed, all new",
                (_, true) => "killed, some new until the next run",
            };
            *outcomes.entry(outcome).or_default() += 1;

            // The next run makes it all or none, and works.
            let (applier, _) = Applier::begin(&System, place(&dir), &not_committed)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            let found = without_backups(everything(dir.path()));
            let is_old = found == texts(old);
            assert!(is_old || found == texts(new), "{what}: {found:?}");
            if let Ok(_)
            | Err(ApplyError::Io {
                left: Left::All, ..
            }) = &result
            {
                assert!(!is_old || killed, "{what}");
            }
            drop(applier);
            if is_old {
                run(&System, &dir, options).unwrap_or_else(|e| panic!("{what}: {e}"));
            }
            let found = everything(dir.path());
            assert_eq!(found.len(), if backup { 6 } else { 3 }, "{what}: {found:?}");
            assert_eq!(without_backups(found), texts(new), "{what}");
        }
    }
    eprintln!("{outcomes:#?}");
}

#[test]
fn whatever_step_of_recovery_fails_the_run_after_it_works() {
    let mut tried = 0;
    for exchanges in [true, false] {
        // Killed at any step …
        for first in 1.. {
            let probe = project();
            let disk = Faulty::new(Fault::KilledDone, first, exchanges);
            let _ = run(&disk, &probe, Options::default());
            if !disk.hit.get() {
                break;
            }
            // … and at any step of the recovery.
            for second in 1.. {
                let dir = project();
                let killed = Faulty::new(Fault::KilledDone, first, exchanges);
                let _ = run(&killed, &dir, Options::default());
                let disk = Faulty::new(Fault::KilledDone, second, exchanges);
                let _ = Applier::begin(&disk, place(&dir), &not_committed);
                if !disk.hit.get() {
                    break;
                }
                tried += 1;
                let what = format!("{first} then {second}, exchange {exchanges}");
                let (applier, _) = Applier::begin(&System, place(&dir), &not_committed)
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                let found = everything(dir.path());
                assert!(
                    found == texts(old) || found == texts(new),
                    "{what}: {found:?}"
                );
                drop(applier);
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

/// A disk on which somebody writes a file right before it changes places.
struct Raced(PathBuf);

#[rustfmt::skip]
impl Disk for Raced {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> { System.canonical(path) }
    fn look(&self, path: &Path) -> io::Result<fs::Metadata> { System.look(path) }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> { System.read(path) }
    fn may_write(&self, path: &Path) -> io::Result<()> { System.may_write(path) }
    fn create(&self, path: &Path) -> io::Result<File> { System.create(path) }
    fn fill(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> { System.fill(file, bytes) }
    fn resemble(&self, file: &File, other: &Path) -> io::Result<()> { System.resemble(file, other) }
    fn sync(&self, file: &File) -> io::Result<()> { System.sync(file) }
    fn sync_directory(&self, path: &Path) -> io::Result<()> { System.sync_directory(path) }
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        if other == self.0 && fs::read_to_string(other)? != "mine" {
            fs::write(other, "mine")?;
        }
        System.exchange(one, other)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> { System.rename(from, to) }
    fn rename_to_free(&self, from: &Path, to: &Path) -> io::Result<()> { System.rename_to_free(from, to) }
    fn remove(&self, path: &Path) -> io::Result<()> { System.remove(path) }
}

#[test]
fn what_somebody_writes_in_the_last_moment_stays() {
    for name in NAMES {
        let dir = project();
        let disk = Raced(dir.path().canonicalize().unwrap().join(name));
        let error = run(&disk, &dir, Options::default()).unwrap_err();
        assert!(matches!(error, ApplyError::Changed { .. }), "{error}");
        let mut expected = texts(old);
        expected.insert(name.to_owned(), "mine".to_owned());
        assert_eq!(everything(dir.path()), expected);
    }
}

#[test]
fn what_somebody_writes_after_a_crash_stays_and_so_does_the_text_before() {
    let mut kept = 0;
    for at in 1.. {
        let dir = project();
        let disk = Faulty::new(Fault::Killed, at, true);
        let _ = run(&disk, &dir, Options::default());
        if !disk.hit.get() {
            break;
        }
        let path = dir.path().join(NAMES[1]);
        let was_new = fs::read_to_string(&path).unwrap() == new(NAMES[1]);
        fs::write(&path, "mine").unwrap();
        let (_, notes) = Applier::begin(&System, place(&dir), &not_committed).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine", "at {at}");
        let found = everything(dir.path());
        let orig = found.get(&format!("{}.orig", NAMES[1]));
        if let Some(note) = notes.iter().find(|n| matches!(n.outcome, Outcome::Kept(_))) {
            assert_eq!(note.path, NAMES[1]);
            assert_eq!(*orig.unwrap(), old(NAMES[1]));
            kept += 1;
        } else {
            // It was old when the run was killed, or all had been decided.
            assert!(
                orig.is_none() && (!was_new || found[NAMES[0]] == new(NAMES[0])),
                "at {at}"
            );
        }
        assert_eq!(found.len(), 3 + usize::from(orig.is_some()), "{found:?}");
    }
    assert!(kept > 0);
}

#[test]
fn a_commit_that_landed_is_kept_and_one_that_did_not_is_undone() {
    for landed in [true, false] {
        let dir = project();
        let disk = System;
        let options = Options {
            commit: true,
            ..Options::default()
        };
        let (applier, _) = Applier::begin(&disk, place(&dir), &not_committed).unwrap();
        // Killed while git worked: what is pending is forgotten.
        drop(applier.put(&changes(&dir), &[], options).unwrap());
        drop(applier);
        let asked = Cell::new(0);
        let committed = |files: &[PathBuf]| {
            asked.set(asked.get() + files.len());
            Ok(landed)
        };
        let (_, notes) = Applier::begin(&disk, place(&dir), &committed).unwrap();
        assert_eq!((asked.get(), notes.len()), (3, 3));
        let expected = if landed { texts(new) } else { texts(old) };
        assert_eq!(everything(dir.path()), expected);
    }
}

#[test]
fn a_strange_journal_reaches_nothing() {
    let dir = project();
    let journal = dir.path().join(".btrfs-tune-journal");
    let entry = |path: &str, staged: &str| {
        let digest = digest(b"x");
        format!(
            r#"{{"format":"btrfs-tune/journal/1","commit":false,"files":[{{"path":"{path}",
            "staged":"{staged}","old":"{digest}","new":"{digest}","backup":false}}]}}"#
        )
    };
    for (text, why) in [
        (entry("flake.nix", "hosts/disko.nix"), "does not write"),
        (entry("flake.nix", ".btrfs-tune-../x"), "does not write"),
        (entry("../other.nix", ".btrfs-tune-1-1"), "does not write"),
        (entry("flake.nix", ".btrfs-tune-"), "does not write"),
        ("{".to_owned(), "no journal"),
        (
            entry("a", ".btrfs-tune-1").replace("journal/1", "journal/2"),
            "another version",
        ),
    ] {
        fs::write(&journal, &text).unwrap();
        let error = Applier::begin(&System, place(&dir), &not_committed).unwrap_err();
        assert!(error.to_string().contains(why), "{text}: {error}");
        fs::remove_file(&journal).unwrap();
        assert_eq!(everything(dir.path()), texts(old));
    }
}

#[test]
fn one_run_at_a_time() {
    let dir = project();
    let (first, _) = Applier::begin(&System, place(&dir), &not_committed).unwrap();
    let second = Applier::begin(&System, place(&dir), &not_committed);
    assert!(matches!(second, Err(ApplyError::Busy)));
    drop(first);
    assert!(Applier::begin(&System, place(&dir), &not_committed).is_ok());
}

#[test]
fn mode_owner_and_attributes_stay() {
    let dir = project();
    let path = dir.path().join(NAMES[0]);
    let attribute = "user.btrfs-tune.test";
    let flags = rustix::fs::XattrFlags::empty();
    let has_attributes = rustix::fs::setxattr(&path, attribute, b"kept", flags).is_ok();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&path, Some(12345), Some(54321)).unwrap();
    }
    let before = fs::metadata(&path).unwrap();
    run(&System, &dir, Options::default()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), new(NAMES[0]));
    assert_eq!(
        (before.mode(), before.uid(), before.gid()),
        (after.mode(), after.uid(), after.gid())
    );
    if has_attributes {
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(&path, attribute, &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"kept");
    }
}

#[test]
fn a_backup_never_replaces_another() {
    let dir = project();
    fs::write(dir.path().join("flake.nix.orig"), "precious").unwrap();
    let options = Options {
        backup: true,
        commit: false,
    };
    let (_, written) = run(&System, &dir, options).unwrap();
    let found = everything(dir.path());
    assert_eq!(found["flake.nix.orig"], "precious");
    assert_eq!(found["flake.nix.orig.1"], old("flake.nix"));
    let backup = written[0].backup.as_ref().unwrap();
    assert!(backup.ends_with("flake.nix.orig.1"), "{backup:?}");
}

#[test]
fn what_is_no_plain_file_of_the_project_is_refused() {
    let dir = project();
    let other = tempfile::tempdir().unwrap();
    let outside = other.path().join("outside.nix");
    fs::write(&outside, old(NAMES[0])).unwrap();
    let path = dir.path().join(NAMES[0]);
    let refusal = |why: &str| {
        let (applier, _) = Applier::begin(&System, place(&dir), &not_committed).unwrap();
        let before = everything(dir.path());
        let error = applier.put(&changes(&dir), &[], Options::default());
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(why) && error.contains("nothing was written"),
            "{error}"
        );
        assert_eq!(before, everything(dir.path()));
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    refusal("read-only (mode 0444)");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();

    fs::hard_link(&path, dir.path().join("second")).unwrap();
    refusal("1 other name (hard links)");
    fs::remove_file(dir.path().join("second")).unwrap();

    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    refusal("outside the project");

    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(dir.path().join(NAMES[1]), &path).unwrap();
    refusal("has changed since it was read");

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refusal("not a regular file");
}

#[test]
fn a_link_is_followed_and_stays_one() {
    let dir = project();
    let link = dir.path().join("link.nix");
    std::os::unix::fs::symlink(NAMES[1], &link).unwrap();
    let mut all = changes(&dir);
    all.truncate(2);
    all[1].path = link.clone();
    let (applier, _) = Applier::begin(&System, place(&dir), &not_committed).unwrap();
    applier
        .put(&all, &[], Options::default())
        .unwrap()
        .keep()
        .unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        fs::read_to_string(dir.path().join(NAMES[1])).unwrap(),
        new(NAMES[1])
    );
}

#[test]
fn a_file_that_is_read_under_two_names_is_refused() {
    let dir = project();
    let link = dir.path().join("link.nix");
    std::os::unix::fs::symlink(NAMES[1], &link).unwrap();
    let (applier, _) = Applier::begin(&System, place(&dir), &not_committed).unwrap();
    let error = applier
        .put(&changes(&dir), &[link], Options::default())
        .unwrap_err();
    assert!(error.to_string().contains("is read as"), "{error}");
    assert!(
        everything(dir.path())
            .into_values()
            .all(|text| text.contains("old"))
    );
}
