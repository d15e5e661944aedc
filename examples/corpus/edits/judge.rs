//! The real Nix: what it says of a configuration before and after each edit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use btrfs_tune::nix::module::Change;
use rnix::ast;
use rowan::ast::AstNode as _;
use serde_json::{Value as Json, json};

use super::claimed::{Verdict, against};

/// Attributes of a host of a flake that are compared. Everything that a kind of action could
/// touch is in one of them.
const PIECES: [&str; 12] = [
    "disko.devices",
    "fileSystems",
    "swapDevices",
    "boot.kernel",
    "boot.kernelParams",
    "boot.initrd",
    "boot.supportedFilesystems",
    "systemd.tmpfiles",
    "services",
    "zramSwap",
    "nix.settings",
    "time",
];

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

/// An edit: the texts that it gives to files, and the change it claims.
pub(crate) struct Variant {
    pub(crate) host: String,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) changes: Vec<Change>,
}

/// What is judged: a file, or the hosts of a flake.
pub(crate) struct Bench<'a> {
    tools: &'a Tools,
    home: tempfile::TempDir,
    /// The file to evaluate, relative to the root; none for a flake.
    file: Option<String>,
    chains: Json,
    count: usize,
    befores: BTreeMap<(String, bool), Result<Vec<(usize, Json)>, String>>,
}

impl<'a> Bench<'a> {
    /// Makes a private copy of a tree. Of a file that imports nothing only that is copied.
    pub(crate) fn new(
        tools: &'a Tools,
        root: &Path,
        file: Option<&str>,
    ) -> std::io::Result<Bench<'a>> {
        let home = tempfile::Builder::new().prefix("corpus-edits-").tempdir()?;
        let master = home.path().join("master");
        let alone = file.filter(|f| {
            let text = std::fs::read_to_string(root.join(f)).unwrap_or_default();
            !text.contains("./")
        });
        match alone {
            Some(file) => copy_file(&root.join(file), &master.join(file))?,
            None => copy_tree(root, &master)?,
        }
        let mut texts = Vec::new();
        nix_files(&master, &mut texts);
        std::fs::create_dir_all(home.path().join("stubs/flake"))?;
        let bench = Bench {
            tools,
            chains: chains(&texts),
            file: file.map(str::to_owned),
            home,
            count: 0,
            befores: BTreeMap::new(),
        };
        for text in &texts {
            bench.stub_modules(text);
        }
        Ok(bench)
    }

    fn stub(&self, below: &str) {
        let path = self.home.path().join("stubs").join(below);
        if let Some(parent) = path.parent() {
            let _ = std::fs::create_dir_all(parent);
        }
        let _ = std::fs::write(path, "{ }\n");
    }

    /// Modules of nixpkgs are stood in for by empty ones.
    fn stub_modules(&self, text: &str) {
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

    /// Judges edits, all in as few runs of Nix as possible.
    pub(crate) fn judge(&mut self, variants: &[Variant]) -> Vec<Verdict> {
        let mut verdicts: Vec<Option<Verdict>> = vec![None; variants.len()];
        // The same texts are asked about once.
        let mut by_texts: BTreeMap<(&str, &BTreeMap<String, String>), Vec<usize>> = BTreeMap::new();
        for (index, variant) in variants.iter().enumerate() {
            let key = (variant.host.as_str(), &variant.texts);
            by_texts.entry(key).or_default().push(index);
        }
        let hosts: BTreeSet<&str> = variants.iter().map(|v| v.host.as_str()).collect();
        for host in hosts {
            let of_host: Vec<_> = by_texts.iter().filter(|((h, _), _)| *h == host).collect();
            for assume in [false, true] {
                let open: Vec<_> = of_host
                    .iter()
                    .filter(|(_, indices)| {
                        indices
                            .iter()
                            .any(|i| matches!(verdicts[*i], None | Some(Verdict::CannotSay(_))))
                    })
                    .collect();
                // Conditions are taken for granted only where a file alone is asked about.
                if open.is_empty() || assume && self.file.is_none() {
                    continue;
                }
                let before = match self.before(host, assume) {
                    Ok(before) => before,
                    Err(why) => {
                        for (_, indices) in open {
                            for index in indices.iter() {
                                let known = verdicts[*index].take();
                                verdicts[*index] = known.or(Some(Verdict::CannotSay(why.clone())));
                            }
                        }
                        continue;
                    }
                };
                let pieces: Vec<usize> = before.iter().map(|b| b.0).collect();
                for part in open.chunks(12) {
                    let roots: Vec<PathBuf> = part
                        .iter()
                        .map(|((_, texts), _)| self.tree(texts))
                        .collect();
                    let jobs: Vec<Json> = roots
                        .iter()
                        .map(|r| self.job(r, host, &pieces, assume))
                        .collect();
                    let answers = self.ask_all(&jobs);
                    for (root, ((_, indices), answer)) in roots.iter().zip(part.iter().zip(answers))
                    {
                        let _ = std::fs::remove_dir_all(root);
                        for index in indices.iter() {
                            let verdict = self.compare(&before, answer.as_ref(), &variants[*index]);
                            if !(assume && matches!(verdict, Verdict::CannotSay(_))) {
                                verdicts[*index] = Some(verdict);
                            }
                        }
                    }
                }
            }
        }
        let unasked = || Verdict::CannotSay("not asked".to_owned());
        verdicts
            .into_iter()
            .map(|v| v.unwrap_or_else(unasked))
            .collect()
    }

    /// The unedited configuration, piece by piece; pieces that Nix cannot evaluate are left out.
    fn before(&mut self, host: &str, assume: bool) -> Result<Vec<(usize, Json)>, String> {
        let key = (host.to_owned(), assume);
        if let Some(known) = self.befores.get(&key) {
            return known.clone();
        }
        let master = self.home.path().join("master");
        let found = match self.file {
            Some(_) => {
                let job = self.job(&master, host, &[], assume);
                self.ask_all(&[job]).remove(0).and_then(|pieces| {
                    let value = piece(&pieces, 0).ok_or("it throws")?;
                    Ok(vec![(0, value)])
                })
            }
            None => {
                let all: Vec<usize> = (0..PIECES.len()).collect();
                let (found, why) = self.pieces(&master, host, &all);
                match found.is_empty() {
                    true => Err(why),
                    false => Ok(found),
                }
            }
        };
        self.befores.insert(key, found.clone());
        found
    }

    fn pieces(&self, root: &Path, host: &str, wanted: &[usize]) -> (Vec<(usize, Json)>, String) {
        let job = self.job(root, host, wanted, false);
        match self.ask_all(&[job]).remove(0) {
            Ok(answer) => {
                let found = wanted.iter().enumerate();
                let found = found.filter_map(|(i, index)| Some((*index, piece(&answer, i)?)));
                (found.collect(), "it throws".to_owned())
            }
            Err(why) if wanted.len() == 1 => (Vec::new(), why),
            Err(_) => {
                let (left, right) = wanted.split_at(wanted.len() / 2);
                let (mut found, why) = self.pieces(root, host, left);
                // What fails at its first piece for a reason of the whole host fails at all.
                if found.is_empty() && left[0] == 0 && left.len() == 1 {
                    return (found, why);
                }
                found.extend(self.pieces(root, host, right).0);
                (found, why)
            }
        }
    }

    fn job(&self, root: &Path, host: &str, pieces: &[usize], assume: bool) -> Json {
        match &self.file {
            Some(file) => json!({
                "root": root, "file": root.join(file), "pieces": [], "assume": assume,
            }),
            None => {
                let pieces = pieces
                    .iter()
                    .map(|i| PIECES[*i].split('.').collect::<Vec<_>>());
                json!({ "root": root, "host": host, "pieces": pieces.collect::<Vec<_>>() })
            }
        }
    }

    /// A tree like the copy, with other texts in some files.
    fn tree(&mut self, texts: &BTreeMap<String, String>) -> PathBuf {
        self.count += 1;
        let root = self.home.path().join(format!("v{}", self.count));
        let master = self.home.path().join("master");
        link_tree(&master, &root).expect("a linked tree");
        for (path, text) in texts {
            let path = root.join(path);
            let _ = std::fs::remove_file(&path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).expect("a directory");
            }
            std::fs::write(path, text).expect("a file");
        }
        root
    }

    /// The answers to jobs. What ends Nix ends only its own.
    fn ask_all(&self, jobs: &[Json]) -> Vec<Result<Json, String>> {
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
        let input = self.home.path().join("input.json");
        let repositories: BTreeMap<&str, &str> = REPOSITORIES.iter().copied().collect();
        let asked = json!({
            "chains": self.chains, "stubs": self.home.path().join("stubs"), "jobs": jobs,
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
            let (ok, out, err) = run(command, Duration::from_secs(60))?;
            if ok {
                return serde_json::from_slice(&out).map_err(|e| e.to_string());
            }
            let stubs = self.home.path().join("stubs").display().to_string();
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

    fn compare(
        &self,
        before: &[(usize, Json)],
        after: Result<&Json, &String>,
        variant: &Variant,
    ) -> Verdict {
        let after = match after {
            Ok(after) => after,
            Err(why) => return Verdict::Contradicted(format!("Nix refuses it: {why}")),
        };
        let (mut from, mut to) = (
            Json::Object(Default::default()),
            Json::Object(Default::default()),
        );
        let mut seen: Vec<Vec<String>> = Vec::new();
        for (position, (index, value)) in before.iter().enumerate() {
            let Some(now) = piece(after, position) else {
                return Verdict::Contradicted("Nix throws now".to_owned());
            };
            match self.file {
                Some(_) => (from, to) = (value.clone(), now),
                None => {
                    let path: Vec<String> = PIECES[*index].split('.').map(str::to_owned).collect();
                    put(&mut from, &path, value.clone());
                    put(&mut to, &path, now);
                    seen.push(path);
                }
            }
        }
        let is_seen =
            |path: &[String]| self.file.is_some() || seen.iter().any(|s| path.starts_with(s));
        against(&from, &to, &variant.changes, &is_seen)
    }
}

fn put(into: &mut Json, path: &[String], value: Json) {
    let mut at = into;
    for name in path {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[name.as_str()];
    }
    *at = value;
}

fn piece(answer: &Json, index: usize) -> Option<Json> {
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
                return Err("Nix took too long".to_owned());
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

// ---- files ---------------------------------------------------------------------------------

const LARGE: u64 = 400_000;

fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::copy(from, to).map(drop)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let Ok(meta) = std::fs::metadata(&path) else {
            continue;
        };
        if entry.file_type()?.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&path)?, &target)?;
        } else if meta.is_dir() {
            copy_tree(&path, &target)?;
        } else if meta.len() < LARGE {
            std::fs::copy(&path, &target)?;
        } else {
            std::fs::write(&target, "")?;
        }
    }
    Ok(())
}

fn link_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            link_tree(&path, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&path)?, &target)?;
        } else {
            std::fs::hard_link(&path, &target)?;
        }
    }
    Ok(())
}

fn nix_files(directory: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            nix_files(&path, texts);
        } else if path.extension().is_some_and(|e| e == "nix") {
            texts.extend(std::fs::read_to_string(&path));
        }
    }
}

/// The chains of attributes that texts use, by which stand-ins are made.
fn chains(texts: &[String]) -> Json {
    let (mut all, mut packages) = (BTreeSet::new(), BTreeSet::new());
    for text in texts {
        let root = rnix::Root::parse(text).syntax();
        for node in root.descendants() {
            if let Some(select) = ast::Select::cast(node.clone()) {
                let mut chain: Vec<String> = Vec::new();
                match select.expr() {
                    Some(ast::Expr::Ident(ident)) => chain.push(ident.to_string()),
                    _ => continue,
                }
                for attr in select.attrpath().into_iter().flat_map(|p| p.attrs()) {
                    match attr {
                        ast::Attr::Ident(ident) => chain.push(ident.to_string()),
                        ast::Attr::Str(string) => {
                            let text = string.to_string();
                            match text.contains("${") {
                                true => break,
                                false => chain.push(text.trim_matches('"').to_owned()),
                            }
                        }
                        ast::Attr::Dynamic(_) => break,
                    }
                }
                chain.truncate(7);
                match chain[0].as_str() {
                    "lib" | "builtins" | "config" | "options" => {}
                    _ => drop(all.insert(chain)),
                }
            } else if let Some(inherit) = ast::Inherit::cast(node.clone()) {
                let from = inherit.from().and_then(|f| f.expr()).map(|e| e.to_string());
                let Some(from) = from else { continue };
                let base: Vec<String> = from.split('.').map(str::to_owned).collect();
                let plain = base
                    .iter()
                    .all(|b| b.chars().all(|c| c.is_alphanumeric() || "-_'".contains(c)));
                for attr in inherit.attrs().filter(|_| plain && base[0] != "lib") {
                    all.insert([base.clone(), vec![attr.to_string()]].concat());
                }
            } else if let Some(ident) = ast::Ident::cast(node) {
                packages.insert(vec![ident.to_string()]);
            }
        }
    }
    for chain in &all {
        packages.insert(chain.clone());
        if let Some(index) = chain.iter().position(|n| n.contains("pkgs")) {
            packages.insert(chain[index + 1..].to_vec());
        }
    }
    packages.retain(|chain| !chain.is_empty());
    json!({ "all": all, "packages": packages })
}
