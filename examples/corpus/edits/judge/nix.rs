//! Asking the real Nix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

/// The checkouts that the real Nix works with.
pub(crate) struct Tools {
    pub(crate) nixpkgs_lib: PathBuf,
    pub(crate) disko: PathBuf,
}

impl Tools {
    pub(crate) fn of_environment() -> Option<Tools> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let lib = path("NIXPKGS_LIB")?;
        let nixpkgs_lib = match lib.join("lib/default.nix").is_file() {
            true => lib.join("lib"),
            false => lib,
        };
        Some(Tools {
            nixpkgs_lib,
            disko: path("DISKO")?,
        })
    }
}

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What is said of a run that took longer.
pub(crate) const SLOW: &str = "Nix took too long";

/// One who asks: the tools, a place for files, and the chains that stand-ins are made of.
pub(crate) struct Nix<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) home: &'a Path,
    pub(crate) chains: Json,
}

impl Nix<'_> {
    pub(crate) fn stub(&self, below: &str) {
        let path = self.home.join("stubs").join(below);
        if let Some(parent) = path.parent() {
            let _ = std::fs::create_dir_all(parent);
        }
        let _ = std::fs::write(path, "{ }\n");
    }

    /// Modules of nixpkgs are stood in for by empty ones.
    pub(crate) fn stub_modules(&self, text: &str) {
        for (start, _) in text.match_indices("modulesPath") {
            let rest = &text[start + "modulesPath".len()..];
            let rest = &rest[..rest
                .len()
                .min(rest.char_indices().nth(160).map_or(rest.len(), |c| c.0))];
            let Some(from) = rest.find('/') else { continue };
            let to = rest[from..].find(['"', ' ', ')', '\n', ';']).unwrap_or(0);
            let name = &rest[from + 1..from + to.max(1)];
            if name.ends_with(".nix") && !name.contains("..") && !name.contains('$') {
                self.stub(&format!("nixos/modules/{name}"));
            }
        }
    }

    pub(crate) fn ask_all(&self, jobs: &[Json]) -> Vec<Result<Json, String>> {
        match self.ask(jobs) {
            Ok(Json::Array(answers)) if answers.len() == jobs.len() => {
                answers.into_iter().map(Ok).collect()
            }
            Ok(_) => vec![Err("no list".to_owned()); jobs.len()],
            Err(why) if jobs.len() == 1 => vec![Err(why)],
            Err(_) => {
                let (left, right) = jobs.split_at(jobs.len() / 2);
                let mut all = self.ask_all(left);
                all.extend(self.ask_all(right));
                all
            }
        }
    }

    fn ask(&self, jobs: &[Json]) -> Result<Json, String> {
        let input = self.home.join("input.json");
        let repositories: BTreeMap<&str, &str> = REPOSITORIES.iter().copied().collect();
        let asked = json!({
            "chains": self.chains, "stubs": self.home.join("stubs"), "jobs": jobs,
            "repositories": repositories,
        });
        std::fs::write(&input, asked.to_string()).map_err(|e| e.to_string())?;
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        // A module of nixpkgs that was not foreseen is made, and Nix asked again.
        for _ in 0..20 {
            let mut command = Command::new("nix-instantiate");
            command
                .args([
                    "--eval",
                    "--strict",
                    "--json",
                    "--readonly-mode",
                    "--store",
                    "dummy://",
                ])
                .args(["--option", "allow-import-from-derivation", "false"])
                .arg(here.join("examples/corpus/edits/judge.nix"))
                .arg("--argstr")
                .arg("nixpkgsLib")
                .arg(&self.tools.nixpkgs_lib)
                .arg("--argstr")
                .arg("disko")
                .arg(&self.tools.disko)
                .arg("--argstr")
                .arg("frameworks")
                .arg(here.join("src/project/frameworks"))
                .arg("--argstr")
                .arg("input")
                .arg(&input)
                .env("NIX_PATH", "");
            let (ok, out, err) = run(command, LIMIT)?;
            if ok {
                return serde_json::from_slice(&out).map_err(|e| e.to_string());
            }
            let stubs = self.home.join("stubs").display().to_string();
            let missing = err.split(&format!("getting status of '{stubs}/")).nth(1);
            let missing = missing.and_then(|rest| rest.split('\'').next());
            let Some(missing) = missing else {
                return Err(complaint(&err));
            };
            match missing.ends_with(".nix") {
                true => self.stub(missing),
                false => self.stub(&format!("{missing}/default.nix")),
            }
        }
        Err("too many modules are missing".to_owned())
    }
}

pub(crate) fn piece(answer: &Json, index: usize) -> Option<Json> {
    let piece = answer.get(index)?;
    (piece["success"] == true).then(|| piece["value"].clone())
}

fn complaint(err: &str) -> String {
    let line = err
        .lines()
        .rev()
        .find(|l| l.contains("error:") && l.trim() != "error:");
    let line = line.or(err.lines().find(|l| !l.trim().is_empty()));
    line.unwrap_or_default().trim().chars().take(160).collect()
}

/// Runs a program to its end, or to the end of its time.
fn run(mut command: Command, limit: Duration) -> Result<(bool, Vec<u8>, String), String> {
    let out = tempfile::tempfile().map_err(|e| e.to_string())?;
    let err = tempfile::tempfile().map_err(|e| e.to_string())?;
    let both = out.try_clone().and_then(|o| Ok((o, err.try_clone()?)));
    let (to_out, to_err) = both.map_err(|e| e.to_string())?;
    let child = command
        .stdin(Stdio::null())
        .stdout(to_out)
        .stderr(to_err)
        .spawn();
    let mut child = child.map_err(|e| format!("nix-instantiate: {e}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if start.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(SLOW.to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let read = |mut file: std::fs::File| {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        bytes
    };
    let complaint = String::from_utf8_lossy(&read(err)).into_owned();
    Ok((status.success(), read(out), complaint))
}

/// Repositories (`owner/name`) and the framework of this project that stands for each.
const REPOSITORIES: &[(&str, &str)] = &[
    ("hercules-ci/flake-parts", "flake-parts"),
    ("vic/import-tree", "import-tree"),
    ("denful/import-tree", "import-tree"),
    ("numtide/flake-utils", "flake-utils"),
    ("nix-community/haumea", "haumea"),
    ("srid/nixos-unified", "nixos-unified"),
    ("srid/nixos-flake", "nixos-flake"),
    ("numtide/blueprint", "blueprint"),
    ("ehllie/ez-configs", "ez-configs"),
    ("quasigod/unify", "unify"),
    ("yelite/lite-config", "lite-config"),
    ("nvmd/nixos-raspberrypi", "nixos-raspberrypi"),
    ("nix-community/flakelight", "flakelight"),
    ("snowfallorg/lib", "snowfall-lib"),
    ("gytis-ivaskevicius/flake-utils-plus", "flake-utils-plus"),
    ("clan-lol/clan-core", "clan-core"),
    ("zhaofengli/colmena", "colmena"),
    ("tgirlcloud/easy-hosts", "easy-hosts"),
    ("vic/den", "den"),
    ("denful/den", "den"),
    ("vic/flake-aspects", "flake-aspects"),
    ("vic/flake-file", "flake-file"),
];
