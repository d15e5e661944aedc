//! Owns: copies of the fixture machines, runs of the program on them, and what real Nix says.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The machines below `fixtures/hosts`.
pub(crate) const HOSTS: [&str; 3] = ["workstation", "nas", "vps"];

/// A machine in few lines, with something to say about it.
pub(crate) const SMALL: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/disk/by-id/nvme-one";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = {
              mountpoint = "/";
              mountOptions = [ "compress=zstd:3" "ssd" "noatime" ]; # the first one
            };
            "/home" = {
              mountpoint = "/home";
              mountOptions = [ "nodatacow" "noatime" ];
            };
            "/nix" = {
              mountpoint = "/nix";
              mountOptions = [ "compress=zstd:3" "noatime" "nodiratime" ];
            };
          };
        };
      };
    };
  };
}
"#;

/// Where a copy lies, seen from a git work tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Git {
    /// It is the work tree.
    Root,
    /// It is a directory of one.
    Below,
    /// There is none.
    None,
}

/// A copy of a machine's files.
#[derive(Debug)]
pub(crate) struct Project {
    /// Where paths in diffs begin.
    pub(crate) root: PathBuf,
    /// The machine's directory.
    pub(crate) path: PathBuf,
    _dir: TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// A copy of a fixture.
    pub(crate) fn of(host: &str, git: Git) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/hosts")
            .join(host);
        let project = Self::empty(git);
        copy(&from, &project.path);
        project.commit_all();
        project
    }

    /// Commits whatever there is, where there is git.
    pub(crate) fn commit_all(&self) {
        if self.root.join(".git").exists() {
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--allow-empty", "--message=as it was"]);
        }
    }

    /// Runs git in the root, which must succeed; gives what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.root, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A machine of one file, which is committed where there is git.
    pub(crate) fn small(git: Git, name: &str) -> Self {
        let project = Self::empty(git);
        project.write(name, SMALL);
        project.commit_all();
        project
    }

    /// A directory without files.
    pub(crate) fn empty(git: Git) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("btrfs-tune-e2e-")
            .tempdir()
            .unwrap();
        let root = dir.path().canonicalize().unwrap();
        let path = match git {
            Git::Root | Git::None => root.clone(),
            Git::Below => root.join("machines/one"),
        };
        fs::create_dir_all(&path).unwrap();
        if git != Git::None {
            let init = Command::new("git")
                .args(["init", "-q"])
                .current_dir(&root)
                .status();
            assert!(init.unwrap().success());
        }
        Self {
            root,
            path,
            _dir: dir,
        }
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs the program in the project's directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&self.path, arguments)
    }

    /// The report of `fix` as JSON.
    pub(crate) fn report(&self) -> Json {
        let ran = self.run(&["fix", "--format", "json"]);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
    }

    /// Applies a patch from the root.
    pub(crate) fn git_apply(&self, patch: &str) -> Result<(), String> {
        use std::io::Write as _;
        let mut child = Command::new("git")
            .args(["apply", "-"])
            .current_dir(&self.root)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(patch.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Every Nix file with its text and mode.
    pub(crate) fn nix_files(&self) -> BTreeMap<PathBuf, (String, u32)> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut files = BTreeMap::new();
        let mut directories = vec![self.path.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|e| e == "nix") {
                    let mode = fs::metadata(&path).unwrap().permissions().mode();
                    files.insert(path.clone(), (fs::read_to_string(&path).unwrap(), mode));
                }
            }
        }
        files
    }

    /// What real Nix makes of the configuration.
    pub(crate) fn evaluate(&self) -> Result<Json, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("nix/evaluate.nix");
        let flake = self.path.join("flake.nix").exists();
        let root = match flake {
            true => self.path.clone(),
            false => self.path.join("disko.nix"),
        };
        let output = Command::new("nix-instantiate")
            .args(["--eval", "--strict", "--json"])
            .arg(script)
            .args(["--argstr", "root"])
            .arg(root)
            .output()
            .map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())
    }
}

/// Runs the program somewhere; more than two minutes are a failure.
pub(crate) fn run(at: &Path, arguments: &[&str]) -> Ran {
    let mut command = program();
    command.current_dir(at).args(arguments);
    ran(command)
}

/// Runs git as somebody, whoever this machine thinks one is.
pub(crate) fn git(at: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    as_somebody(|name, value| {
        command.env(name, value);
    });
    command.current_dir(at).args(arguments).output().unwrap()
}

/// The environment in which git has the same name and settings everywhere.
pub(crate) fn as_somebody(mut set: impl FnMut(&str, &str)) {
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "A. Tester"),
        ("GIT_AUTHOR_EMAIL", "tester@example.org"),
        ("GIT_COMMITTER_NAME", "A. Tester"),
        ("GIT_COMMITTER_EMAIL", "tester@example.org"),
    ] {
        set(name, value);
    }
}

/// The program, to be started.
pub(crate) fn program() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_btrfs-tune"));
    as_somebody(|name, value| {
        command.env(name, value);
    });
    command
        .env("NO_COLOR", "1")
        .timeout(std::time::Duration::from_secs(120));
    command
}

/// Runs a command to its end.
pub(crate) fn ran(mut command: assert_cmd::Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ran {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Whether a finding of a report has a patch.
pub(crate) fn is_patch(finding: &Json) -> bool {
    !finding["edits"].as_array().unwrap().is_empty()
}

/// The patch of a finding of a report, of all its files.
pub(crate) fn patch_of(finding: &Json) -> String {
    let edits = finding["edits"].as_array().unwrap().iter();
    edits.map(|e| e["patch"].as_str().unwrap()).collect()
}

/// The recommendations of a report.
pub(crate) fn recommendations(report: &Json) -> Vec<&Json> {
    let hosts = report["hosts"].as_array().unwrap();
    hosts
        .iter()
        .flat_map(|h| h["findings"].as_array().unwrap())
        .collect()
}

/// Whether a tool can be run. If not, that is printed and the test is to return, except where the
/// environment says `CI=true`: there it is a failure.
pub(crate) fn have(tool: &str, test: &str) -> bool {
    let found = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} needs {tool}"
    );
    eprintln!("skipped {test}: there is no {tool}");
    false
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
