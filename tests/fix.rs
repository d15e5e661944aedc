//! Owns: `fix` on the three fixture machines, from their files to applied patches, judged by git
//! and by real Nix.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::project::{
    Git, HOSTS, Project, have, is_patch, patch_of, program, ran, recommendations,
};
use serde_json::Value as Json;

fn patches(text: &str) -> usize {
    text.lines()
        .filter(|l| l.starts_with("diff --git "))
        .count()
}

/// The rules whose changes trade something away, which `--write` wants to be named.
fn consent_rules(report: &Json) -> BTreeSet<String> {
    recommendations(report)
        .iter()
        .filter(|r| r["applicability"] == "consent" && is_patch(r))
        .map(|r| r["rule"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_machine_gets_recommendations_of_its_own() {
    if !have("git", "each_machine_gets_recommendations_of_its_own") {
        return;
    }
    let mut sets = Vec::new();
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        assert_eq!(project.run(&["fix", "--diff"]).code, Some(1), "{host}");
        let report = project.report();
        assert_eq!(report["format"], "btrfs-tune/report/1");
        let all = recommendations(&report);
        for one in &all {
            let name = format!("{host}: {} {}", one["rule"], one["subject"]);
            assert!(!one["evidence"].as_array().unwrap().is_empty(), "{name}");
            let impact = &one["impact"];
            let figures = impact["figures"].as_array().is_some_and(|f| !f.is_empty());
            assert!(
                figures || impact["limit"].is_string() || impact["note"].is_string(),
                "{name}: nothing said about its impact"
            );
            assert_eq!(
                is_patch(one),
                !one["changes"].as_array().unwrap().is_empty(),
                "{name}"
            );
            for line in patch_of(one).lines() {
                if let Some(path) = line.strip_prefix("+++ b/") {
                    assert!(project.root.join(path).is_file(), "{name}: {path}");
                }
            }
        }
        let patched: Vec<_> = all.iter().filter(|r| is_patch(r)).collect();
        let classes: BTreeSet<_> = patched.iter().filter_map(|r| r["class"].as_str()).collect();
        if host == "workstation" {
            assert!(patched.len() >= 8, "{}", patched.len());
            assert!(classes.len() >= 3, "{classes:?}");
            assert!(classes.contains("reinstall"), "{classes:?}");
        }
        let rules: BTreeSet<_> = all.iter().map(|r| r["rule"].to_string()).collect();
        sets.push(rules);
    }
    assert!(sets[0] != sets[1] && sets[1] != sets[2] && sets[0] != sets[2]);
}

#[test]
fn the_output_applies_and_leaves_nothing_to_do() {
    if !have("git", "the_output_applies_and_leaves_nothing_to_do") {
        return;
    }
    for host in HOSTS {
        for git in [Git::Root, Git::Below, Git::None] {
            let project = Project::of(host, git);
            let first = project.run(&["fix", "--diff"]);
            assert_eq!(first.code, Some(1), "{host} {git:?}: {first:?}");
            assert_eq!(first.err, "", "{host} {git:?}");
            assert!(patches(&first.out) > 0, "{host} {git:?}");
            if let Err(error) = project.git_apply(&first.out) {
                panic!("{host} {git:?}: {error}\n{}", first.out);
            }
            let second = project.run(&["fix", "--diff"]);
            assert_eq!(
                (second.code, patches(&second.out)),
                (Some(0), 0),
                "{host} {git:?}:\n{}",
                second.out
            );
        }
    }
}

#[test]
fn the_output_applies_with_patch() {
    if !have("patch", "the_output_applies_with_patch") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::None);
        let out = project.run(&["fix", "--diff"]).out;
        let mut patch = assert_cmd::Command::new("patch");
        patch
            .arg("-p1")
            .current_dir(&project.path)
            .write_stdin(out.clone());
        let applied = ran(patch);
        assert_eq!(applied.code, Some(0), "{host}: {applied:?}\n{out}");
        assert_eq!(project.run(&["fix", "--diff"]).code, Some(0), "{host}");
    }
}

/// Every leaf with its path; a list is a leaf, and so is an empty set.
fn leaves(value: &Json, path: &mut Vec<String>, out: &mut BTreeMap<Vec<String>, Json>) {
    match value {
        Json::Object(set) if !set.is_empty() => {
            for (name, value) in set {
                path.push(name.clone());
                leaves(value, path, out);
                path.pop();
            }
        }
        _ => drop(out.insert(path.clone(), value.clone())),
    }
}

type Differences = BTreeMap<Vec<String>, (Option<Json>, Option<Json>)>;

fn differences(before: &Json, after: &Json) -> Differences {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(before, &mut Vec::new(), &mut old);
    leaves(after, &mut Vec::new(), &mut new);
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    paths
        .into_iter()
        .filter(|path| old.get(path) != new.get(path))
        .map(|path| {
            let change = (old.get(&path).cloned(), new.get(&path).cloned());
            (path, change)
        })
        .collect()
}

/// The changes of all recommendations one after the other.
fn announced(report: &Json) -> Differences {
    let mut out = Differences::new();
    for one in recommendations(report) {
        for change in one["changes"].as_array().unwrap() {
            let path = serde_json::from_value(change["path"].clone()).unwrap();
            let (before, after) = (change.get("before").cloned(), change.get("after").cloned());
            match out.get_mut(&path) {
                Some(whole) => {
                    assert_eq!(
                        whole.1, before,
                        "{path:?}: the changes do not follow each other"
                    );
                    whole.1 = after;
                }
                None => drop(out.insert(path, (before, after))),
            }
        }
    }
    out.retain(|_, (before, after)| before != after);
    out
}

/// What disko derives from its own tree; nobody writes it, so nobody announces it.
fn derived(path: &[String]) -> bool {
    path.starts_with(&["fileSystems".to_owned()])
        || path.starts_with(&["boot", "initrd", "luks", "devices"].map(str::to_owned))
}

/// The options of every mounted subvolume, as disko hands them to `fileSystems`.
fn mounts_of_disko(value: &Json, out: &mut BTreeMap<String, Json>) {
    let Json::Object(set) = value else { return };
    for (name, subvolume) in set
        .get("subvolumes")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        let Some(mountpoint) = subvolume["mountpoint"].as_str() else {
            continue;
        };
        let mut options = match &subvolume["mountOptions"] {
            Json::Array(options) => options.clone(),
            _ => vec!["defaults".into()],
        };
        options.push(format!("subvol={name}").into());
        out.insert(mountpoint.to_owned(), options.into());
    }
    for inner in set.values() {
        mounts_of_disko(inner, out);
    }
}

#[test]
fn nix_sees_exactly_the_announced_changes() {
    let test = "nix_sees_exactly_the_announced_changes";
    if !have("git", test) || !have("nix-instantiate", test) {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        let before = project.evaluate().unwrap();
        let report = project.report();
        project
            .git_apply(&project.run(&["fix", "--diff"]).out)
            .unwrap();
        let after = project.evaluate().unwrap();

        let mut real = differences(&before["config"], &after["config"]);
        let of_disko: Differences = real
            .iter()
            .filter(|(p, _)| derived(p))
            .map(|(p, c)| (p.clone(), c.clone()))
            .collect();
        real.retain(|path, _| !derived(path));
        assert_eq!(announced(&report), real, "{host}");

        let mut expected = BTreeMap::new();
        mounts_of_disko(&after["config"]["disko"], &mut expected);
        assert!(!expected.is_empty(), "{host}");
        for (mountpoint, options) in expected {
            let there = &after["fileSystems"][&mountpoint]["options"];
            assert_eq!(*there, options, "{host} {mountpoint}");
        }
        for (path, (before, after)) in of_disko {
            let last = path.last().map(String::as_str);
            let written = |change: &(Option<Json>, Option<Json>)| {
                change.1.is_some() && change.1 == after && change.0 == before
            };
            let luks = path[0] == "boot"
                && real
                    .iter()
                    .any(|(p, c)| p.last().map(String::as_str) == last && written(c));
            let mount = path[0] == "fileSystems" && (last == Some("options") || before.is_none());
            assert!(
                luks || mount,
                "{host}: {path:?} was {before:?}, is {after:?}"
            );
        }
    }
}

#[test]
fn the_same_question_has_the_same_answer() {
    if !have("git", "the_same_question_has_the_same_answer") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        for format in ["text", "json"] {
            let once = project.run(&["fix", "--diff", "--format", format]).out;
            let path = project.path.to_string_lossy().into_owned();
            for (lang, zone, cwd) in [
                ("C", "UTC", project.path.as_path()),
                ("de_DE.UTF-8", "Asia/Kathmandu", project.path.as_path()),
                ("tr_TR.UTF-8", "America/Caracas", std::path::Path::new("/")),
            ] {
                let mut command = program();
                command
                    .env("LC_ALL", lang)
                    .env("LANG", lang)
                    .env("TZ", zone)
                    .env("COLUMNS", "40")
                    .current_dir(cwd)
                    .args(["fix", "--diff", "--format", format, &path]);
                assert_eq!(once, ran(command).out, "{host} {format} {lang}");
            }
        }
    }
}

#[test]
fn writing_is_applying() {
    if !have("git", "writing_is_applying") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        for (i, path) in project.nix_files().keys().enumerate() {
            let mode = if i % 2 == 0 { 0o640 } else { 0o755 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        project.commit_all();
        let before = project.nix_files();
        let consent = consent_rules(&project.report());
        let written = project.run(&["fix", "--write"]);
        assert_eq!(written.code, Some(0), "{host}: {written:?}");
        let after = project.nix_files();
        assert_ne!(before, after, "{host}");
        assert!(before.keys().eq(after.keys()), "{host}: files came or went");
        for (path, (_, mode)) in &before {
            assert_eq!(*mode, after[path].1, "{}", path.display());
        }
        let left = project.report();
        for one in recommendations(&left) {
            assert!(
                !is_patch(one) || one["applicability"] == "consent",
                "{host}: {one}"
            );
        }
        assert_eq!(consent_rules(&left), consent, "{host}");
        for rule in &consent {
            // To ask for a rule is not yet to consent to what it gives up.
            let all = project.nix_files();
            project.commit_all();
            let asked = project.run(&["fix", "--write", "--rule", rule]);
            assert_eq!(asked.code, Some(0), "{host}: {asked:?}");
            assert_eq!(all, project.nix_files(), "{host}");
            let told = format!("to take it: --consent {rule}");
            assert!(asked.out.contains(&told), "{host}: {}", asked.out);
            let written = project.run(&["fix", "--write", "--consent", rule]);
            assert_eq!(written.code, Some(0), "{host}: {written:?}");
        }
        project.commit_all();
        let end = project.run(&["fix", "--diff"]);
        assert_eq!(
            (end.code, patches(&end.out)),
            (Some(0), 0),
            "{host}: {}",
            end.out
        );
        // Nothing is left, so nothing is written.
        let all = project.nix_files();
        assert_eq!(project.run(&["fix", "--write"]).code, Some(0), "{host}");
        assert_eq!(all, project.nix_files(), "{host}");
    }
}

#[test]
fn a_part_can_be_asked_for() {
    if !have("git", "a_part_can_be_asked_for") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        for (arguments, key, value) in [
            (["--only", "live"], "class", "live"),
            (["--rule", "mount/atime"], "rule", "mount/atime"),
        ] {
            let mut all = vec!["fix", "--format", "json"];
            all.extend(arguments);
            let ran = project.run(&all);
            let report: Json = serde_json::from_str(&ran.out).unwrap();
            let mut some = false;
            for one in recommendations(&report) {
                assert!(!is_patch(one) || one[key] == value, "{host}: {one}");
                some |= is_patch(one);
            }
            assert_eq!(ran.code, Some(i32::from(some)), "{host} {arguments:?}");
        }
    }
    let project = Project::of("workstation", Git::Root);
    let before = project.nix_files();
    let written = project.run(&["fix", "--write", "--rule", "mount/atime"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let after = project.nix_files();
    let changed: Vec<_> = before.keys().filter(|p| before[*p] != after[*p]).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].ends_with("disko.nix"), "{changed:?}");
}

#[test]
fn an_unwritable_file_keeps_all_as_it_was() {
    if !have("git", "an_unwritable_file_keeps_all_as_it_was") {
        return;
    }
    let project = Project::of("workstation", Git::Root);
    let file = project.path.join("hosts/workstation/disko.nix");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let before = project.nix_files();
    let written = project.run(&["fix", "--write"]);
    assert_eq!(before, project.nix_files());
    assert_eq!(written.code, Some(2), "{}", written.err);
    assert!(written.err.contains("disko.nix"), "{}", written.err);
    let directory = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(directory, 3, "staged files are left");
}

/// The comments of a Nix text.
fn comments(text: &str) -> Vec<String> {
    let tree = rnix::Root::parse(text).syntax();
    let mut out: Vec<String> = tree
        .descendants_with_tokens()
        .filter(|part| part.kind() == rnix::SyntaxKind::TOKEN_COMMENT)
        .map(|part| part.to_string())
        .collect();
    out.sort();
    out
}

#[test]
fn every_comment_survives() {
    if !have("git", "every_comment_survives") {
        return;
    }
    for host in HOSTS {
        let project = Project::of(host, Git::Root);
        let before = project.nix_files();
        project
            .git_apply(&project.run(&["fix", "--diff"]).out)
            .unwrap();
        let after = project.nix_files();
        for (path, (text, _)) in &before {
            let (old, new) = (comments(text), comments(&after[path].0));
            let lost: Vec<_> = old.iter().filter(|c| !new.contains(c)).collect();
            assert!(
                lost.is_empty() && new.len() >= old.len(),
                "{}: {lost:?}",
                path.display()
            );
        }
    }
}

/// Where the list goes over to what makes little difference, it says so; the report marks the rest.
#[test]
fn a_plan_says_where_little_is_left_to_gain() {
    let project = Project::small(Git::None, "disko.nix");
    let ran = project.run(&["fix", "--diff"]);
    let title = |line: &&str| line.starts_with("# ----") || line.contains(". [live] ");
    let titles: Vec<&str> = ran.out.lines().filter(title).collect();
    let [first, turn, _, _] = titles.as_slice() else {
        panic!("{titles:?}");
    };
    assert!(
        first.contains("mount/ineffective-per-subvolume"),
        "{titles:?}"
    );
    assert_eq!(
        *turn,
        "# ---- The following 2 make little difference by themselves ----"
    );
    let report = project.report();
    let marked = |finding: &&Json| finding["marginal"] == true;
    let all = recommendations(&report);
    assert_eq!(all.iter().filter(|f| marked(f)).count(), 2);
    assert_eq!(all[0]["marginal"], false);
}
