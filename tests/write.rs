//! Owns: `fix --write` on the files of a project: what is refused, what stays, what is said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use common::project::{Git, Project, Ran, SMALL, have, is_patch, program, ran};
use serde_json::Value as Json;

const FILE: &str = "disko.nix";

fn text(project: &Project) -> String {
    fs::read_to_string(project.path.join(FILE)).unwrap()
}

fn is_written(project: &Project) -> bool {
    let text = text(project);
    assert!(text == SMALL || !text.contains("nodatacow"), "{text}");
    text != SMALL
}

/// Everything in the project's directory.
fn names(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(&project.path).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refused(project: &Project, arguments: &[&str], why: &str) {
    let before = (text(project), names(project));
    let ran = project.run(arguments);
    assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
    // The message is wrapped.
    let said: Vec<&str> = ran.err.split_whitespace().filter(|w| *w != "│").collect();
    assert!(said.join(" ").contains(why), "{arguments:?}: {}", ran.err);
    assert!(
        said.join(" ").contains("nothing was written"),
        "{}",
        ran.err
    );
    assert_eq!(before, (text(project), names(project)), "{arguments:?}");
}

fn works(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.run(arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    assert!(is_written(project), "{arguments:?}: {ran:?}");
    ran
}

#[test]
fn what_git_would_not_give_back_is_refused() {
    let test = "what_git_would_not_give_back_is_refused";
    if !have("git", test) {
        return;
    }
    type Make = fn(&Project);
    let cases: [(&str, Make, &str); 6] = [
        (
            "changed",
            |p| p.write(FILE, format!("# mine\n{SMALL}")),
            "has changes that are not committed",
        ),
        (
            "staged",
            |p| {
                p.write(FILE, format!("# mine\n{SMALL}"));
                p.git(&["add", FILE]);
            },
            "has changes that are not committed",
        ),
        (
            "assumed unchanged",
            |p| {
                p.git(&["update-index", "--assume-unchanged", FILE]);
                p.write(FILE, format!("# mine\n{SMALL}"));
            },
            "has changes that are not committed",
        ),
        (
            "skipped",
            |p| {
                p.git(&["update-index", "--skip-worktree", FILE]);
                p.write(FILE, format!("# mine\n{SMALL}"));
            },
            "has changes that are not committed",
        ),
        (
            "untracked",
            |p| {
                p.git(&["rm", "--quiet", "--cached", FILE]);
                p.git(&["commit", "--quiet", "--message=gone"]);
            },
            "is not known to git",
        ),
        (
            "ignored",
            |p| {
                p.git(&["rm", "--quiet", "--cached", FILE]);
                p.write(".gitignore", "*.nix\n");
                p.git(&["commit", "--quiet", "--message=gone"]);
            },
            "is not known to git",
        ),
    ];
    for (name, make, why) in cases {
        let project = Project::small(Git::Root, FILE);
        make(&project);
        refused(&project, &["fix", "--write"], why);
        let ran = project.run(&["fix", "--write", "--allow-dirty"]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(!text(&project).contains("nodatacow"), "{name}");
    }
    // What belongs to others does not matter.
    let project = Project::small(Git::Root, FILE);
    project.write("other.nix", "{ }");
    project.git(&["add", "other.nix"]);
    works(&project, &["fix", "--write"]);
    assert_eq!(
        project.git(&["status", "--short"]),
        " M disko.nix\nA  other.nix\n"
    );
}

#[test]
fn without_git_the_old_text_is_kept_or_given_up_by_name() {
    let project = Project::small(Git::None, FILE);
    refused(&project, &["fix", "--write"], "is in no git work tree");
    let ran = works(&project, &["fix", "--write", "--backup"]);
    assert!(
        ran.err.contains("wrote disko.nix (before: disko.nix.orig)"),
        "{}",
        ran.err
    );
    let orig = project.path.join("disko.nix.orig");
    assert_eq!(fs::read_to_string(&orig).unwrap(), SMALL);
    assert_eq!(names(&project), [FILE, "disko.nix.orig"]);

    project.write(FILE, SMALL);
    fs::write(&orig, "precious").unwrap();
    works(&project, &["fix", "--write", "--backup"]);
    assert_eq!(fs::read_to_string(&orig).unwrap(), "precious");
    assert_eq!(
        names(&project),
        [FILE, "disko.nix.orig", "disko.nix.orig.1"]
    );

    let project = Project::small(Git::None, FILE);
    works(&project, &["fix", "--write", "--allow-dirty"]);
    assert_eq!(names(&project), [FILE]);
}

#[test]
fn links_and_strange_files_are_kept_or_refused() {
    let test = "links_and_strange_files_are_kept_or_refused";
    if !have("git", test) {
        return;
    }
    // A link within the project is followed, and stays.
    let project = Project::empty(Git::Root);
    project.write("disks/real.nix", SMALL);
    std::os::unix::fs::symlink("disks/real.nix", project.path.join(FILE)).unwrap();
    project.commit_all();
    works(&project, &["fix", "--write"]);
    assert!(project.path.join(FILE).is_symlink());
    assert_eq!(project.git(&["status", "--short"]), " M disks/real.nix\n");

    // One that leads out of it is not.
    let other = Project::small(Git::None, "real.nix");
    let project = Project::empty(Git::Root);
    std::os::unix::fs::symlink(other.path.join("real.nix"), project.path.join(FILE)).unwrap();
    project.commit_all();
    refused(
        &project,
        &["fix", "--write", "--allow-dirty"],
        "outside the project",
    );

    let project = Project::small(Git::Root, FILE);
    let file = project.path.join(FILE);
    fs::hard_link(&file, project.path.join("second")).unwrap();
    refused(&project, &["fix", "--write"], "1 other name (hard links)");
    fs::remove_file(project.path.join("second")).unwrap();

    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    refused(&project, &["fix", "--write"], "read-only (mode 0444)");

    for mode in [0o640, 0o600, 0o755] {
        let project = Project::small(Git::Root, FILE);
        let file = project.path.join(FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        project.commit_all();
        works(&project, &["fix", "--write"]);
        let now = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(now & 0o7777, mode);
    }
}

/// As nobody, whom directories and owners stop.
#[test]
fn directories_and_owners_that_forbid_it_are_said() {
    let test = "directories_and_owners_that_forbid_it_are_said";
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped {test}: only root can become somebody else");
        return;
    }
    if !have("setpriv", test) {
        return;
    }
    // A copy that everybody may run, wherever the build lies.
    let place = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let copied = place.path().join("btrfs-tune");
    fs::copy(env!("CARGO_BIN_EXE_btrfs-tune"), &copied).unwrap();
    let nobody = |project: &Project| {
        let mut command = assert_cmd::Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&copied)
            .args(["fix", "--write", "--allow-dirty"])
            .current_dir(&project.path);
        ran(command)
    };
    let open = |project: &Project, owner: u32, mode: u32| {
        fs::set_permissions(&project.path, fs::Permissions::from_mode(mode)).unwrap();
        let file = project.path.join(FILE);
        std::os::unix::fs::chown(&file, Some(owner), Some(owner)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    };
    // The directory is not writable: no file can be put beside.
    let project = Project::small(Git::None, FILE);
    open(&project, 65534, 0o755);
    let said = nobody(&project);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("Permission denied"), "{}", said.err);
    assert!(
        !is_written(&project) && names(&project) == [FILE],
        "{said:?}"
    );
    // The owner cannot be kept.
    let project = Project::small(Git::None, FILE);
    open(&project, 12345, 0o777);
    let said = nobody(&project);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("owner 12345:12345 cannot be kept"),
        "{}",
        said.err
    );
    assert!(
        !is_written(&project) && names(&project) == [FILE],
        "{said:?}"
    );
    // Both are fine.
    let project = Project::small(Git::None, FILE);
    open(&project, 65534, 0o777);
    let said = nobody(&project);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        is_written(&project) && names(&project) == [FILE],
        "{said:?}"
    );
}

#[test]
fn one_run_writes_at_a_time() {
    for git in [Git::Root, Git::None] {
        if git == Git::Root && !have("git", "one_run_writes_at_a_time") {
            continue;
        }
        let project = Project::small(git, FILE);
        let directory = fs::File::open(&project.path).unwrap();
        let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::flock(&directory, exclusive).unwrap();
        refused(
            &project,
            &["fix", "--write"],
            "another btrfs-tune is writing",
        );
        // Reading needs no lock.
        assert_eq!(project.run(&["fix", "--diff"]).code, Some(1));
        drop(directory);
        works(&project, &["fix", "--write", "--allow-dirty"]);
    }
    // Many at once: each is done or refused, and the file is whole.
    let project = Project::small(Git::None, FILE);
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_btrfs-tune"))
                .args(["fix", "--write", "--allow-dirty"])
                .current_dir(&project.path)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let codes: Vec<_> = children
        .into_iter()
        .map(|mut child| child.wait().unwrap().code())
        .collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert!(
        codes.iter().all(|c| [Some(0), Some(2)].contains(c)),
        "{codes:?}"
    );
    assert!(is_written(&project) && names(&project) == [FILE]);
}

#[test]
fn what_was_written_is_in_the_json() {
    let project = Project::small(Git::None, FILE);
    let ran = works(
        &project,
        &["fix", "--write", "--backup", "--format", "json"],
    );
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["written"]["files"][0]["file"], FILE);
    assert_eq!(report["written"]["files"][0]["backup"], "disko.nix.orig");
    assert_eq!(report["needs_consent"], Json::Array(Vec::new()));
    // And nothing the second time.
    let ran = works(
        &project,
        &["fix", "--write", "--backup", "--format", "json"],
    );
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["written"]["files"], Json::Array(Vec::new()));
    assert_eq!(names(&project), [FILE, "disko.nix.orig"]);
}

#[test]
fn consent_is_given_by_rule() {
    if !have("git", "consent_is_given_by_rule") {
        return;
    }
    let project = Project::of("workstation", Git::Root);
    let rule = "layout/database-on-cow";
    let ran = project.run(&["fix", "--write", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["needs_consent"][0]["rule"], rule);
    assert!(is_patch(&report["needs_consent"][0]));
    project.commit_all();
    let before = project.nix_files();
    let ran = project.run(&["fix", "--write", "--consent", rule]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_ne!(before, project.nix_files());
    assert!(!ran.out.contains("Not written"), "{}", ran.out);
    let ran = project.run(&["fix", "--write", "--consent", "layout/database-on-cwo"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("did you mean `layout/database-on-cow`?"),
        "{}",
        ran.err
    );
}

#[test]
fn ways_exclude_each_other() {
    let project = Project::small(Git::None, FILE);
    for arguments in [
        &["--diff", "--write"][..],
        &["--write", "--commit"],
        &["--commit", "--patches", "p"],
        &["--backup"],
        &["--allow-dirty"],
        &["--diff", "--interactive"],
        &["--commit", "--backup"],
        &["--patches", "p", "--allow-dirty"],
        &["--interactive", "--format", "json"],
        &["--only", "sometimes"],
    ] {
        let ran = project.run(&[&["fix"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    assert!(!is_written(&project) && names(&project) == [FILE]);
    // What follows a rule is a path, and no second rule.
    for option in ["--rule", "--consent"] {
        let ran = project.run(&["fix", option, "mount/redundant-option", FILE]);
        assert_eq!(ran.code, Some(1), "{option}: {ran:?}");
    }
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    let project = Project::small(Git::None, FILE);
    let plain = project.run(&["fix"]).out;
    let run = |when: Option<&str>, set: &[(&str, &str)]| {
        let mut command = program();
        command
            .env_remove("NO_COLOR")
            .current_dir(&project.path)
            .arg("fix");
        if let Some(when) = when {
            command.args(["--color", when]);
        }
        for (name, value) in set {
            command.env(name, value);
        }
        ran(command).out
    };
    assert_eq!(run(None, &[]), plain, "no terminal, no colour");
    assert_eq!(run(Some("never"), &[("CLICOLOR_FORCE", "1")]), plain);
    assert_eq!(
        run(None, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]),
        plain
    );
    let coloured = run(Some("always"), &[("NO_COLOR", "1")]);
    assert!(coloured.contains("\x1b[32m+"), "{coloured}");
    let stripped = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(stripped, plain);
}
