//! Owns: `fix --interactive` on a real terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::project::{Git, Project, SMALL, as_somebody};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const FILE: &str = "disko.nix";

/// The program on a pseudo-terminal.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(project: &Project, arguments: &[&str], editor: &str) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || {
            let path = std::ffi::OsStr::from_bytes(name.as_bytes());
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .unwrap()
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_btrfs-tune"));
        as_somebody(|name, value| {
            command.env(name, value);
        });
        let child = command
            .args(["fix", "--interactive"])
            .args(arguments)
            .env("TERM", "dumb")
            .env("EDITOR", editor)
            .env_remove("VISUAL")
            .current_dir(&project.path)
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().unwrap();
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            child,
            keyboard,
            screen,
            seen: String::new(),
        }
    }

    /// Waits for a text, and gives what was printed up to it.
    fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {text:?} in:\n{}", self.seen),
            }
        }
    }

    fn answer(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).unwrap();
        self.keyboard.write_all(b"\n").unwrap();
    }

    /// Waits for a question, and answers it.
    fn ask(&mut self, line: &str) -> String {
        let shown = self.expect("[y,n,e,a,d,q,?,h] ");
        self.answer(line);
        shown
    }

    /// The exit code, and what was printed last.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(500)) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code, self.seen)
    }
}

fn text(project: &Project) -> String {
    fs::read_to_string(project.path.join(FILE)).unwrap()
}

fn small() -> Project {
    Project::small(Git::None, FILE)
}

const FREE: [&str; 1] = ["--allow-dirty"];

#[test]
fn what_is_taken_is_written_and_nothing_else() {
    let project = small();
    let mut terminal = Terminal::start(&project, &FREE, "false");
    let shown = terminal.ask("n");
    assert!(shown.contains("mount/ineffective-per-subvolume"), "{shown}");
    assert!(shown.contains("-              mountOptions = [ \"nodatacow\" \"noatime\" ];"));
    let shown = terminal.ask("y");
    assert!(shown.contains("mount/redundant-option"), "{shown}");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("wrote disko.nix"), "{said}");
    let text = text(&project);
    assert!(
        text.contains("nodatacow") && !text.contains("nodiratime"),
        "{text}"
    );
}

#[test]
fn explaining_and_helping_ask_again() {
    let project = small();
    let mut terminal = Terminal::start(&project, &FREE, "false");
    terminal.ask("?");
    let page = terminal.ask("h");
    assert!(page.contains("mount/ineffective-per-subvolume"), "{page}");
    let help = terminal.ask("what");
    assert!(help.contains("q  quit"), "{help}");
    let help = terminal.ask("q");
    assert!(help.contains("q  quit"), "{help}");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(text(&project), SMALL);
}

#[test]
fn a_class_can_be_taken_or_left_as_a_whole() {
    for (answer, taken) in [("a", true), ("d", false)] {
        let project = small();
        let mut terminal = Terminal::start(&project, &FREE, "false");
        terminal.ask(answer);
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        let text = text(&project);
        assert_eq!(!text.contains("nodatacow"), taken, "{text}");
        assert_eq!(!text.contains("nodiratime"), taken, "{text}");
    }
}

#[test]
fn quitting_and_the_end_of_input_keep_what_was_taken() {
    for end in ["q\n", "\u{4}"] {
        let project = small();
        let mut terminal = Terminal::start(&project, &FREE, "false");
        terminal.ask("y");
        terminal.expect("[y,n,e,a,d,q,?,h] ");
        terminal.keyboard.write_all(end.as_bytes()).unwrap();
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        let text = text(&project);
        assert!(
            !text.contains("nodatacow") && text.contains("nodiratime"),
            "{text}"
        );
    }
}

/// An editor: a script that is given the files.
fn editor(script: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("editor");
    fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let name = path.to_str().unwrap().to_owned();
    (dir, name)
}

#[test]
fn an_edit_that_does_the_same_is_taken() {
    let project = small();
    let (_dir, editor) =
        editor("sed -i 's/\\[ \"noatime\" \\];/[ \"noatime\" ]; # by hand/' \"$@\"");
    let mut terminal = Terminal::start(&project, &FREE, &editor);
    terminal.ask("e");
    let shown = terminal.ask("n");
    assert!(shown.contains("changes exactly as was claimed"), "{shown}");
    // What the first one made possible.
    let shown = terminal.ask("n");
    assert!(shown.contains("mount/unstated-option"), "{shown}");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(text(&project).contains("[ \"noatime\" ]; # by hand"));
}

#[test]
fn an_edit_that_does_something_else_is_told_and_asked_about() {
    for (answer, taken) in [("y", true), ("n", false)] {
        let project = small();
        let (_dir, editor) = editor("sed -i 's/\\[ \"noatime\" \\];/[ \"relatime\" ];/' \"$@\"");
        let mut terminal = Terminal::start(&project, &FREE, &editor);
        terminal.ask("e");
        let shown = terminal.expect("Take it all the same? [y,e,n] ");
        assert!(shown.contains("changes otherwise"), "{shown}");
        assert!(shown.contains("[\"relatime\"]"), "{shown}");
        assert!(shown.contains("claimed, but not so"), "{shown}");
        terminal.answer(answer);
        terminal.ask("q");
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(text(&project).contains("[ \"relatime\" ];"), taken);
    }
}

#[test]
fn an_edit_that_is_no_nix_is_refused_and_kept_for_another_try() {
    let project = small();
    let script = "if grep -q BROKEN \"$1\"; then sed -i 's/BROKEN//' \"$1\"; \
                  else sed -i 's/\\[ \"noatime\" \\];/[ \"noatime\" BROKEN/' \"$1\"; fi";
    let (_dir, editor) = editor(&format!(
        "{script}\nsed -i 's/\\[ \"noatime\" $/[ \"noatime\" ];/' \"$1\""
    ));
    let mut terminal = Terminal::start(&project, &FREE, &editor);
    terminal.ask("e");
    let shown = terminal.expect("Edit again? [e,n] ");
    assert!(shown.contains("This cannot be taken"), "{shown}");
    terminal.answer("e");
    terminal.ask("q");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    let text = text(&project);
    assert!(!text.contains("BROKEN"), "{text}");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let project = small();
    let mut terminal = Terminal::start(&project, &FREE, "false");
    terminal.ask("e");
    let shown = terminal.ask("q");
    assert!(shown.contains("the editor `false` ended with"), "{shown}");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(text(&project), SMALL);
}

#[test]
fn what_gives_something_up_is_asked_for_by_itself() {
    let rule = "layout/database-on-cow";
    for (consent, taken) in [("y", true), ("n", false)] {
        let project = Project::of("workstation", Git::None);
        let before = project.nix_files();
        let mut terminal = Terminal::start(&project, &["--allow-dirty", "--rule", rule], "false");
        terminal.ask("a");
        let shown = terminal.expect("Consent to that? [y,n] ");
        assert!(shown.contains("checksums"), "{shown}");
        terminal.answer(consent);
        if !taken {
            terminal.ask("n");
        }
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(before != project.nix_files(), taken);
    }
    // Named, it is consented to already.
    let project = Project::of("workstation", Git::None);
    let before = project.nix_files();
    let arguments = ["--allow-dirty", "--rule", rule, "--consent", rule];
    let mut terminal = Terminal::start(&project, &arguments, "false");
    terminal.ask("y");
    assert_eq!(terminal.end().0, Some(0));
    assert_ne!(before, project.nix_files());
}

#[test]
fn what_is_chosen_can_be_committed_or_made_a_series() {
    if !common::project::have("git", "what_is_chosen_can_be_committed_or_made_a_series") {
        return;
    }
    let project = Project::small(Git::Root, FILE);
    let mut terminal = Terminal::start(&project, &["--commit"], "false");
    terminal.ask("n");
    terminal.ask("y");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(0), "{said}");
    let log = project.git(&["log", "--format=%s"]);
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.starts_with("mount/redundant-option: "), "{log}");

    let project = Project::small(Git::None, FILE);
    let mut terminal = Terminal::start(&project, &["--patches", "series"], "false");
    terminal.ask("y");
    terminal.ask("n");
    terminal.ask("n");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(
        fs::read_dir(project.path.join("series")).unwrap().count(),
        2
    );
    assert_eq!(text(&project), SMALL);
}

#[test]
fn without_a_terminal_there_is_nobody_to_ask() {
    let project = small();
    let ran = project.run(&["fix", "--interactive", "--allow-dirty"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("asks questions"), "{}", ran.err);
    assert_eq!(text(&project), SMALL);
}
