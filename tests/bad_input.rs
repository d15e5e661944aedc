//! Owns: what the program says to input that is missing, broken or hostile.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use common::project::{Git, Project, Ran, have};

/// The message on one line, as it was before it was broken to the terminal's width.
fn said(ran: &Ran) -> String {
    let words = ran.err.split_whitespace().filter(|w| *w != "│");
    words.collect::<Vec<_>>().join(" ")
}

/// Runs `fix` and `inspect` on a project, and expects both to fail with these words. `fix` says
/// nothing else; `inspect` says what it could read.
fn fails(project: &Project, words: &[&str]) {
    for command in ["fix", "inspect"] {
        let ran = project.run(&[command, "."]);
        assert_eq!(ran.code, Some(2), "{command}: {}", ran.err);
        assert!(command == "inspect" || ran.out.is_empty(), "{}", ran.out);
        for word in words {
            assert!(said(&ran).contains(word), "{command}: {word}: {}", ran.err);
        }
    }
}

#[test]
fn nothing_to_read_is_told() {
    let project = Project::empty(Git::None);
    let ran = project.run(&["fix", "nowhere"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        said(&ran).contains("nowhere: no such file or directory"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("help:"), "{}", ran.err);
    fails(&project, &["no flake.nix, configuration.nix or disko file"]);
    for option in ["--facter", "--metrics"] {
        let host = Project::of("vps", Git::None);
        let ran = host.run(&["fix", option, "nowhere"]);
        assert_eq!(ran.code, Some(2));
        assert!(said(&ran).contains("nowhere: no such file"), "{}", ran.err);
    }
}

#[test]
fn files_that_are_no_nix_are_refused_with_place_and_reason() {
    let deep = format!("{{ a = {}{}; }}", "[".repeat(600), "]".repeat(600));
    let bytes: [(&[u8], &str, &str); 6] = [
        (b"", "disko.nix:1:1", "ends"),
        (b"\xef\xbb\xbf{ }\n", "disko.nix:1:1", "byte order mark"),
        (b"{ }\n \0\n", "disko.nix:2:2", "NUL"),
        (b"# a\r{ }\n", "disko.nix:1:4", "carriage return"),
        (b"{ a = \"\xff\"; }\n", "disko.nix:1:8", "not UTF-8"),
        (deep.as_bytes(), "disko.nix:1:506", "nest deeper"),
    ];
    for (content, place, reason) in bytes {
        let project = Project::empty(Git::None);
        project.write("disko.nix", content);
        fails(&project, &[place, reason, "help:"]);
    }
}

#[test]
fn a_broken_module_is_shown_where_it_breaks() {
    let project = Project::of("workstation", Git::None);
    project.write("modules/tuning.nix", "{\n  x = [ ;\n}\n");
    fails(&project, &["modules/tuning.nix:2:9"]);
}

#[test]
fn a_broken_hardware_report_does_not_stop_the_rest() {
    let project = Project::of("vps", Git::None);
    project.write("facter.json", "{ \"version\": 1, ");
    let ran = project.run(&["fix"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let first = ran.out.lines().next().unwrap();
    assert!(first.starts_with("# error: facter.json:1:"), "{first}");
    assert!(ran.out.contains("diff --git"), "{}", ran.out);
}

#[test]
fn an_unknown_metrics_file_is_named() {
    let project = Project::of("vps", Git::None);
    project.write("metrics/zz.txt", "hello\n");
    let ran = project.run(&["fix"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let named = |l: &str| l.starts_with("# warning: ") && l.contains("zz.txt");
    assert!(ran.out.lines().any(named), "{}", ran.out);
    // What cannot be text at all is named too, and the rest goes on.
    project.write("metrics/zz.bin", [0_u8, 1, 2, 255, 254]);
    let ran = project.run(&["fix"]);
    assert!(
        ran.out.lines().any(|l| l.contains("zz.bin: ")),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("diff --git"), "{}", ran.out);
}

#[test]
fn without_btrfs_there_is_nothing_to_do() {
    let project = Project::empty(Git::None);
    project.write("configuration.nix", "{ networking.hostName = \"x\"; }\n");
    let ran = project.run(&["fix"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("There is no btrfs"), "{}", ran.out);
    let ran = project.run(&["inspect"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("no btrfs"), "{}", ran.out);
}

#[test]
fn a_fifo_is_not_waited_for() {
    let project = Project::empty(Git::None);
    let path = project.path.join("disko.nix");
    let made = Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|s| s.success()) {
        eprintln!("skipped a_fifo_is_not_waited_for: there is no mkfifo");
        return;
    }
    fails(&project, &["help:"]);
    for arguments in [
        ["fix", "disko.nix"].as_slice(),
        &["inspect", "disko.nix"],
        &["fix", "--write", "disko.nix"],
    ] {
        // `None` would be the timeout.
        assert_eq!(project.run(arguments).code, Some(2));
    }
    let host = Project::of("vps", Git::None);
    let arguments = ["fix", "--facter", path.to_str().unwrap()];
    assert_eq!(host.run(&arguments).code, Some(2));
}

#[test]
fn an_unreadable_file_is_named() {
    let project = Project::of("vps", Git::None);
    let path = project.path.join("disko.nix");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("skipped an_unreadable_file_is_named: root reads everything");
        return;
    }
    fails(&project, &["disko.nix", "ermission denied"]);
}

#[test]
fn what_is_misspelt_on_the_command_line_is_told() {
    let project = Project::of("vps", Git::None);
    for arguments in [
        ["fix", "--rule", "mount/atim"].as_slice(),
        &["explain", "mount/atim"],
    ] {
        let ran = project.run(arguments);
        assert_eq!(ran.code, Some(2));
        assert!(
            said(&ran).contains("did you mean `mount/atime`?"),
            "{}",
            ran.err
        );
    }
    for (option, words) in [
        ("--only", "live, reboot, migrate or reinstall"),
        ("--host", "the hosts are: "),
    ] {
        let ran = project.run(&["fix", option, "lve"]);
        assert_eq!(ran.code, Some(2));
        assert!(said(&ran).contains(words), "{}", ran.err);
    }
    let ran = project.run(&["fix", "--diff", "--write"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let project = Project::of("workstation", Git::None);
    for arguments in [["fix"].as_slice(), &["inspect"], &["--help"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_btrfs-tune"))
            .args(arguments)
            .current_dir(&project.path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert!(output.status.code().is_some(), "{arguments:?}");
    }
}

#[test]
fn hostile_names_stay_text() {
    if !have("git", "hostile_names_stay_text") || !have("sh", "hostile_names_stay_text") {
        return;
    }
    // As written in Nix, between double quotes.
    let names = [
        r"it's",
        r#"a\"b"#,
        r"\$(touch pwned)",
        r"`touch pwned`",
        r"x\ndiff --git a/disko.nix b/disko.nix\n--- a/disko.nix\n+++ b/disko.nix",
        r"-rf",
        r"; touch pwned #",
        r"a b",
        r"\rdiff --git a/x b/x",
        r"ä\\n",
    ];
    for name in names {
        let project = Project::empty(Git::Root);
        let text = format!(
            r#"{{
  disko.devices.disk.a = {{
    device = "/dev/vda";
    type = "disk";
    content = {{
      type = "gpt";
      partitions.root = {{
        size = "100%";
        content = {{
          type = "btrfs";
          subvolumes."/root" = {{ mountpoint = "/"; mountOptions = [ "noatime" ]; }};
          subvolumes."{name}" = {{ mountpoint = "/{name}"; mountOptions = [ "compress=zstd3" ]; }};
        }};
      }};
    }};
  }};
}}
"#
        );
        project.write("disko.nix", &text);
        let ran = project.run(&["fix", "--diff"]);
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        // Outside of hunks every line is a comment.
        let mut in_patch = false;
        for line in ran.out.lines() {
            in_patch = !line.starts_with('#') && (in_patch || line.starts_with("diff --git "));
            assert!(in_patch || line.starts_with('#'), "{name}: {line:?}");
            assert!(!line.contains(['\r', '\u{1b}']), "{name}: {line:?}");
        }
        if let Err(error) = project.git_apply(&ran.out) {
            panic!("{name}: {error}\n{}", ran.out);
        }
        assert_eq!(project.run(&["fix"]).code, Some(0), "{name}");

        // The shell reads each command as words alone.
        let mut told = 0;
        project.write("disko.nix", &text);
        for one in common::project::recommendations(&project.report()) {
            for command in one["commands"].as_array().unwrap() {
                for line in [&command["run"], &command["undo"]] {
                    let Some(line) = line.as_str() else { continue };
                    // No program is found, so that nothing but these functions can run.
                    let shell = format!(
                        "mount() {{ :; }}; btrfs() {{ :; }}; sysctl() {{ :; }}; \
                         sudo() {{ :; }}; touch() {{ : > pwned; }}; PATH=/nowhere\n{line}"
                    );
                    let ran = Command::new("sh")
                        .args(["-c", &shell])
                        .current_dir(&project.path)
                        .output()
                        .unwrap();
                    told += 1;
                    assert!(ran.status.success(), "{name}: {line}: {ran:?}");
                }
            }
        }
        assert!(told > 0, "{name}: no command");
        assert!(!project.path.join("pwned").exists(), "{name}");
        let inspected = project.run(&["inspect"]);
        assert_eq!(inspected.code, Some(0), "{name}");
        assert!(inspected.out.lines().all(|l| !l.starts_with("diff")));
    }
}
