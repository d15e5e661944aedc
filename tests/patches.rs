//! Owns: `fix --patches`, and what `git am` makes of the series.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::project::{Git, Project, Ran, SMALL, as_somebody, have, ran};

/// What the cover letter says: `git am DIR/*.patch`, by a real shell.
fn am(project: &Project, directory: &Path) -> Ran {
    let mut command = assert_cmd::Command::new("sh");
    as_somebody(|name, value| {
        command.env(name, value);
    });
    command
        .args(["-c", "git am \"$1\"/*.patch", "sh"])
        .arg(directory)
        .current_dir(&project.path);
    ran(command)
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn git_am_takes_the_series() {
    if !have("git", "git_am_takes_the_series") {
        return;
    }
    for host in ["workstation", "nas", "vps"] {
        for git in [Git::Root, Git::Below] {
            let project = Project::of(host, git);
            let out = tempfile::tempdir().unwrap();
            let directory = out.path().join("new/series");
            let shown = directory.to_str().unwrap();
            let ran = project.run(&["fix", "--patches", shown]);
            assert_eq!(ran.code, Some(1), "{host}: {ran:?}");
            let series = files(&directory);
            let count = series.len() - 1;
            assert!(
                series.contains_key("0000-cover-letter.txt") && count > 0,
                "{host}"
            );
            let diff = project.run(&["fix", "--diff"]);
            let applied = am(&project, &directory);
            assert_eq!(applied.code, Some(0), "{host} {git:?}: {applied:?}");
            assert_eq!(project.git(&["status", "--short"]), "", "{host}");
            assert_eq!(
                project.git(&["log", "--format=%s"]).lines().count(),
                count + 1
            );
            let bodies = project.git(&["log", "--format=%B"]);
            assert!(
                bodies.contains("Class: ") && bodies.contains("Undo: "),
                "{bodies}"
            );
            assert_eq!(project.run(&["fix", "--diff"]).code, Some(0), "{host}");
            // The same files as the diff gives.
            let files = project.nix_files();
            project.git(&["reset", "--quiet", "--hard", &format!("HEAD~{count}")]);
            project.git_apply(&diff.out).unwrap();
            let same: Vec<_> = project
                .nix_files()
                .into_iter()
                .map(|(p, f)| (p, f.0))
                .collect();
            let files: Vec<_> = files.into_iter().map(|(p, f)| (p, f.0)).collect();
            assert_eq!(files, same, "{host}");
        }
    }
}

#[test]
fn any_text_and_any_name_goes_through_the_mail() {
    if !have("git", "any_text_and_any_name_goes_through_the_mail") {
        return;
    }
    let texts = [
        SMALL.to_owned(),
        SMALL.replace('\n', "\r\n"),
        SMALL.trim_end().to_owned(),
        // Lines that a mail would be cut at, were they not in a diff.
        SMALL
            .replace(
                "# the first one",
                "# From here --- diff -\nFrom: me = x\n---\n",
            )
            .replace(
                "From: me = x\n---\n",
                "# From me Mon Sep 17 00:00:00 2001\n# ünï =3D\u{a0}\n#\ttab and trailing \n",
            ),
    ];
    for name in [
        "plain.nix",
        "with space.nix",
        "quote\"ü.nix",
        "-rf.nix",
        "line\nbreak.nix",
    ] {
        for text in &texts {
            let project = Project::empty(Git::Below);
            project.write(name, text);
            project.commit_all();
            let out = tempfile::tempdir().unwrap();
            let file = format!("./{name}");
            let shown = out.path().to_str().unwrap();
            let ran = project.run(&["fix", &file, "--patches", shown]);
            assert_eq!(ran.code, Some(1), "{name:?}: {ran:?}");
            let applied = am(&project, out.path());
            assert_eq!(applied.code, Some(0), "{name:?}: {applied:?}");
            let path = project.path.join(name);
            let by_mail = fs::read(&path).unwrap();
            project.git(&["reset", "--quiet", "--hard", "HEAD~3"]);
            assert_eq!(fs::read(&path).unwrap(), text.as_bytes(), "{name:?}");
            project.run(&["fix", &file, "--write"]);
            assert_eq!(fs::read(&path).unwrap(), by_mail, "{name:?}");
        }
    }
}

#[test]
fn the_same_series_has_the_same_bytes_and_others_are_left_alone() {
    let project = Project::small(Git::None, "disko.nix");
    let out = tempfile::tempdir().unwrap();
    let shown = out.path().to_str().unwrap();
    let make =
        |arguments: &[&str]| project.run(&[&["fix", "--patches", shown], arguments].concat());
    fs::write(out.path().join("notes.txt"), "mine").unwrap();
    assert_eq!(make(&[]).code, Some(1));
    let first = files(out.path());
    assert_eq!(first.len(), 5, "{:?}", first.keys());
    assert_eq!(make(&[]).code, Some(1));
    assert_eq!(first, files(out.path()));
    for text in first.values().map(|b| String::from_utf8_lossy(b)) {
        assert!(!text.contains("\nDate:"), "{text}");
    }
    // Another series, another's patch, an edited one: none is overwritten or mixed with.
    let refused = |why: &str, arguments: &[&str]| {
        let before = files(out.path());
        let ran = make(arguments);
        assert_eq!(ran.code, Some(2), "{why}: {ran:?}");
        assert!(ran.err.contains("is there already"), "{why}: {}", ran.err);
        assert_eq!(before, files(out.path()), "{why}");
    };
    refused("another series", &["--rule", "mount/redundant-option"]);
    let name = first.keys().find(|n| n.starts_with("0001-")).unwrap();
    fs::write(out.path().join(name), "edited").unwrap();
    refused("edited", &[]);
    fs::remove_file(out.path().join(name)).unwrap();
    fs::write(out.path().join("0009-theirs.patch"), "theirs").unwrap();
    refused("another's", &[]);
    fs::remove_file(out.path().join("0009-theirs.patch")).unwrap();
    assert_eq!(make(&[]).code, Some(1));
    assert_eq!(first, files(out.path()));
    // A file in the directory's place.
    let file = out.path().join("file");
    fs::write(&file, "mine").unwrap();
    let ran = project.run(&["fix", "--patches", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}
