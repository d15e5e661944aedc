//! Owns: `fix --commit`, and diffs that git and GNU patch apply, whatever files are called.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::project::{Git, Project, SMALL, have, is_patch, program, ran};

#[test]
fn each_recommendation_is_a_commit() {
    if !have("git", "each_recommendation_is_a_commit") {
        return;
    }
    for host in ["workstation", "vps"] {
        for git in [Git::Root, Git::Below] {
            let project = Project::of(host, git);
            // What somebody else has staged or changed is theirs.
            project.write("mine.nix", "{ }");
            project.write("README", "mine");
            project.git(&["add", project.path.join("mine.nix").to_str().unwrap()]);
            let left = project.git(&["status", "--short"]);
            let expected = project.report();
            let ran = project.run(&["fix", "--commit"]);
            assert_eq!(ran.code, Some(0), "{host}: {ran:?}");
            assert_eq!(project.git(&["status", "--short"]), left, "{host}");
            let log = project.git(&["log", "--reverse", "--format=%s", "HEAD~0", "--skip=0"]);
            let subjects: Vec<&str> = log.lines().skip(1).collect();
            let rules: Vec<String> = common::project::recommendations(&expected)
                .iter()
                .filter(|r| is_patch(r) && r["applicability"] != "consent")
                .map(|r| r["rule"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(subjects.len(), rules.len(), "{host}: {log}");
            for (subject, rule) in subjects.iter().zip(&rules) {
                assert!(subject.starts_with(&format!("{rule}: ")), "{subject}");
            }
            for message in project.git(&["log", "--format=%B%x00"]).split('\0') {
                let message = message.trim();
                if message.is_empty() || message == "as it was" {
                    continue;
                }
                let mut lines = message.lines();
                assert!(lines.next().unwrap().chars().count() <= 72, "{message}");
                assert_eq!(lines.next(), Some(""), "{message}");
                for part in ["Class: ", "Cost: ", "Undo: "] {
                    assert!(
                        lines.clone().any(|l| l.starts_with(part)),
                        "{part}: {message}"
                    );
                }
                // Commands stay on a line of their own, and words whole.
                let is_long = |l: &&str| l.chars().count() > 72 && !l.starts_with("    ");
                let long: Vec<&str> = lines.filter(is_long).collect();
                assert!(
                    long.iter().all(|l| l.trim().split(' ').count() <= 3),
                    "{long:?}"
                );
            }
            // Every commit is one that can be taken back.
            let tree = project.git(&["rev-parse", "HEAD^{tree}"]);
            assert_eq!(project.run(&["fix", "--commit"]).code, Some(0));
            assert_eq!(tree, project.git(&["rev-parse", "HEAD^{tree}"]));
        }
    }
}

#[test]
fn states_in_which_no_commit_belongs_are_refused() {
    if !have("git", "states_in_which_no_commit_belongs_are_refused") {
        return;
    }
    type Make = fn(&Project);
    let cases: [(Make, &str); 4] = [
        (
            |p| drop(p.git(&["switch", "--quiet", "--detach"])),
            "HEAD is detached",
        ),
        (
            |p| {
                let head = p.git(&["rev-parse", "HEAD"]);
                fs::write(p.root.join(".git/MERGE_HEAD"), head).unwrap();
            },
            "a merge is in progress",
        ),
        (
            |p| fs::create_dir(p.root.join(".git/rebase-merge")).unwrap(),
            "a rebase is in progress",
        ),
        (
            |p| p.write("disko.nix", format!("# mine\n{SMALL}")),
            "has changes that are not committed",
        ),
    ];
    for (make, why) in cases {
        let project = Project::small(Git::Root, "disko.nix");
        make(&project);
        let (files, log) = (project.nix_files(), project.git(&["log", "--format=%H"]));
        let ran = project.run(&["fix", "--commit"]);
        assert_eq!(ran.code, Some(2), "{why}: {ran:?}");
        assert!(ran.err.contains(why), "{why}: {}", ran.err);
        assert_eq!(files, project.nix_files(), "{why}");
        assert_eq!(log, project.git(&["log", "--format=%H"]), "{why}");
    }
    let project = Project::small(Git::None, "disko.nix");
    let ran = project.run(&["fix", "--commit"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("is in no git work tree"), "{}", ran.err);

    let project = Project::small(Git::Root, "disko.nix");
    let mut command = program();
    for who in ["AUTHOR", "COMMITTER"] {
        command.env_remove(format!("GIT_{who}_NAME"));
        command.env_remove(format!("GIT_{who}_EMAIL"));
    }
    command
        .env_remove("EMAIL")
        .current_dir(&project.path)
        .args(["fix", "--commit"]);
    let nobody = common::project::ran(command);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(
        nobody.err.contains("git does not know who you are"),
        "{}",
        nobody.err
    );
    assert!(!project.nix_files().is_empty());
}

#[test]
fn a_hook_that_refuses_stops_after_what_was_committed() {
    if !have("git", "a_hook_that_refuses_stops_after_what_was_committed") {
        return;
    }
    let project = Project::of("workstation", Git::Root);
    let hook = project.root.join(".git/hooks/commit-msg");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script =
        "#!/bin/sh\n! grep -q '^mount/atime' \"$1\" || { echo not that one >&2; exit 1; }\n";
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = project.run(&["fix", "--commit"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("not that one"), "{}", ran.err);
    assert!(
        ran.err.contains("committed before that and kept: "),
        "{}",
        ran.err
    );
    // What was committed stays, the rest is as it was, and nothing is left over.
    assert_eq!(project.git(&["status", "--short"]), "");
    let made = project.git(&["log", "--format=%s"]).lines().count() - 1;
    assert!(made > 0, "{}", ran.err);
    fs::remove_file(&hook).unwrap();
    assert_eq!(project.run(&["fix", "--commit"]).code, Some(0));
    assert!(project.git(&["log", "--format=%s"]).contains("mount/atime"));
}

#[test]
fn changes_of_ones_own_go_with_the_commit_only_on_request() {
    if !have(
        "git",
        "changes_of_ones_own_go_with_the_commit_only_on_request",
    ) {
        return;
    }
    let project = Project::small(Git::Root, "disko.nix");
    project.write("disko.nix", format!("# mine\n{SMALL}"));
    let ran = project.run(&["fix", "--commit", "--allow-dirty"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(project.git(&["status", "--short"]), "");
    assert!(
        project
            .git(&["show", "HEAD:disko.nix"])
            .starts_with("# mine\n")
    );
    // A file that git does not know yet is added.
    let project = Project::empty(Git::Root);
    project.commit_all();
    project.write("disko.nix", SMALL);
    let ran = project.run(&["fix", "--commit", "--allow-dirty"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(project.git(&["status", "--short"]), "");
}

/// Names that shells, git and patch read in their own way.
const NAMES: [&str; 9] = [
    "plain.nix",
    "with space.nix",
    " two  spaces .nix",
    "quote\"and'.nix",
    "back\\slash.nix",
    "-rf.nix",
    "ünïcödé-漢字.nix",
    "$(touch pwned);`id`.nix",
    "*?[a]:(glob).nix",
];

#[test]
fn diffs_apply_whatever_files_are_called() {
    let test = "diffs_apply_whatever_files_are_called";
    if !have("git", test) || !have("patch", test) {
        return;
    }
    let texts = [
        ("lf", SMALL.to_owned()),
        ("crlf", SMALL.replace('\n', "\r\n")),
        ("no final newline", SMALL.trim_end().to_owned()),
    ];
    let more = ["tab\there.nix", "line\nbreak.nix", "bell\u{7}.nix"];
    for name in NAMES.iter().chain(&more) {
        for (ending, text) in &texts {
            for git in [Git::Root, Git::Below, Git::None] {
                let what = format!("{name:?} {ending} {git:?}");
                let project = Project::empty(git);
                project.write(name, text);
                project.commit_all();
                let file = format!("./{name}");
                let out = project.run(&["fix", &file]);
                assert_eq!(out.code, Some(1), "{what}: {out:?}");
                project
                    .git_apply(&out.out)
                    .unwrap_or_else(|e| panic!("{what}: {e}\n{}", out.out));
                let again = project.run(&["fix", &file]);
                assert_eq!(again.code, Some(0), "{what}: {again:?}");
                let applied = fs::read(project.path.join(name)).unwrap();
                // `patch` refuses names with line breaks, on purpose.
                if !name.contains('\n') {
                    fs::write(project.path.join(name), text).unwrap();
                    let mut patch = assert_cmd::Command::new("patch");
                    patch
                        .args(["-p1", "--binary"])
                        .current_dir(&project.root)
                        .write_stdin(out.out.clone());
                    let patched = ran(patch);
                    assert_eq!(patched.code, Some(0), "{what}: {patched:?}\n{}", out.out);
                    assert_eq!(
                        applied,
                        fs::read(project.path.join(name)).unwrap(),
                        "{what}"
                    );
                }
                if git != Git::None {
                    // The same by --write and --commit.
                    fs::write(project.path.join(name), text).unwrap();
                    let committed = project.run(&["fix", "--commit", &file]);
                    assert_eq!(committed.code, Some(0), "{what}: {committed:?}");
                    assert_eq!(
                        applied,
                        fs::read(project.path.join(name)).unwrap(),
                        "{what}"
                    );
                    assert_eq!(project.git(&["status", "--short"]), "", "{what}");
                }
                assert!(!project.path.join("pwned").exists(), "{what}");
            }
        }
    }
}
