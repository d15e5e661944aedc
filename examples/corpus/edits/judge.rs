//! The real Nix: what it says of a configuration before and after each edit.

mod chains;
mod nix;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use btrfs_tune::nix::module::Change;
use serde_json::{Value as Json, json};

use super::claimed::{Reading, Verdict, against, reading};
use chains::chains;
pub(crate) use nix::Tools;
use nix::{Nix, piece};
use tree::{copy_file, copy_tree, link_tree, nix_files};

/// Attributes that are compared where a configuration cannot be evaluated as a whole. Everything
/// that a kind of action could touch is in one of them.
const PIECES: [&str; 22] = [
    "disko.devices",
    "fileSystems",
    "swapDevices",
    "boot.kernel",
    "boot.kernelModules",
    "boot.kernelParams",
    "boot.initrd.luks",
    "boot.initrd.availableKernelModules",
    "boot.initrd.kernelModules",
    "boot.initrd.supportedFilesystems",
    "boot.supportedFilesystems",
    "boot.tmp",
    "systemd.tmpfiles",
    "services.btrfs",
    "services.fstrim",
    "services.udev",
    "zramSwap",
    "nix.settings.auto-optimise-store",
    "nix.settings.experimental-features",
    "nix.settings.trusted-users",
    "time",
    "hardware.bluetooth",
];

/// Where Nix is asked about the names that are defined at all.
const NAMES: &str = "@names";

/// How long Nix may be asked what it can evaluate of one host, in all ways of reading together.
const PATIENCE: Duration = Duration::from_secs(40);

/// An edit: the texts that it gives to files, and the change it claims.
pub(crate) struct Variant {
    pub(crate) host: String,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) changes: Vec<Change>,
}

/// A way to read a file by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Mode {
    /// The module below these names; the file itself where there are none.
    pick: Vec<String>,
    /// Every condition is taken as true.
    assume: bool,
    /// What is read of the configuration and nobody defines has a stand-in.
    markers: bool,
}

type Pieces = Vec<(Vec<String>, Json)>;

/// What is judged: a file, or the hosts of a flake.
pub(crate) struct Bench<'a> {
    tools: &'a Tools,
    home: tempfile::TempDir,
    chains: Json,
    /// The file to evaluate, relative to the root; none for a flake.
    file: Option<String>,
    count: usize,
    /// When looking for what can be evaluated ends.
    until: Instant,
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
            until: Instant::now(),
        };
        let nix = bench.nix();
        nix.stub("default.nix");
        for text in &texts {
            nix.stub_modules(text);
        }
        Ok(bench)
    }

    fn nix(&self) -> Nix<'_> {
        Nix {
            tools: self.tools,
            home: self.home.path(),
            chains: self.chains.clone(),
        }
    }

    /// Judges edits, all in as few runs of Nix as possible.
    pub(crate) fn judge(&mut self, variants: &[Variant]) -> Vec<Verdict> {
        let blind = match self.file {
            Some(_) => "Nix sees no storage in the file alone",
            None => "Nix sees no storage in the host with stand-ins for its inputs",
        };
        let mut verdicts: Vec<Verdict> = variants
            .iter()
            .map(|_| Verdict::CannotSay(blind.to_owned()))
            .collect();
        let hosts: BTreeSet<&str> = variants.iter().map(|v| v.host.as_str()).collect();
        for host in hosts {
            let of_host: Vec<usize> = (0..variants.len())
                .filter(|i| variants[*i].host == host)
                .collect();
            self.judge_host(host, &of_host, variants, &mut verdicts);
        }
        verdicts
    }

    /// Each edit is judged in the first way of reading that agrees with its claims on what was
    /// there before; one that claims nothing of that, in the way in which most others are.
    fn judge_host(
        &mut self,
        host: &str,
        of_host: &[usize],
        variants: &[Variant],
        verdicts: &mut [Verdict],
    ) {
        let wanted: BTreeSet<Vec<String>> = of_host
            .iter()
            .flat_map(|i| &variants[*i].changes)
            .map(|c| c.path.iter().take(2).cloned().collect())
            .collect();
        let mut open: Vec<usize> = of_host.to_vec();
        let mut seen: Vec<(Mode, Pieces, usize)> = Vec::new();
        let mut failure: Option<String> = None;
        self.until = Instant::now() + PATIENCE;
        for mode in self.modes(host) {
            if Instant::now() > self.until {
                failure.get_or_insert("Nix takes too long to find what it can evaluate".to_owned());
                break;
            }
            let before = match self.before(host, &mode, &wanted) {
                Ok(before) => before,
                Err(why) => {
                    failure.get_or_insert(why);
                    continue;
                }
            };
            let (whole, shown) = self.assembled(&before);
            if is_blind(&whole) {
                // Perhaps only because the devices themselves cannot be evaluated.
                let devices = vec![vec!["disko".to_owned(), "devices".to_owned()]];
                if !is_in(&devices[0], &shown) {
                    let master = self.home.path().join("master");
                    let job = self.job(&master, host, &devices, &mode);
                    if let Err(why) = self.nix().ask_all(&[job]).remove(0) {
                        failure.get_or_insert(why);
                    }
                }
                continue;
            }
            let (mut agreed, mut rest) = (Vec::new(), Vec::new());
            for index in open {
                match reading(&whole, &variants[index].changes, &|p| is_in(p, &shown)) {
                    Reading::Same => agreed.push(index),
                    Reading::Nothing => rest.push(index),
                    Reading::Other(why) => {
                        verdicts[index] = Verdict::CannotSay(why);
                        rest.push(index);
                    }
                }
            }
            let start = Instant::now();
            let left = self.judge_in(host, &mode, &before, agreed.clone(), variants, verdicts);
            self.until += start.elapsed();
            seen.push((mode, before, agreed.len()));
            open = [rest, left].concat();
            if open.is_empty() {
                break;
            }
        }
        seen.sort_by_key(|(_, _, agreed)| std::cmp::Reverse(*agreed));
        let nothing = |i: &usize| variants[*i].changes.iter().all(|c| c.before.is_none());
        let (mut fresh, told): (Vec<usize>, Vec<usize>) = open.into_iter().partition(nothing);
        for (mode, before, _) in &seen {
            fresh = self.judge_in(host, mode, before, fresh, variants, verdicts);
        }
        if let (true, Some(why)) = (seen.is_empty(), failure) {
            for index in fresh.into_iter().chain(told) {
                verdicts[index] = Verdict::CannotSay(why.clone());
            }
        }
    }

    /// Judges edits in one way of reading, and gives those that it cannot speak of.
    fn judge_in(
        &mut self,
        host: &str,
        mode: &Mode,
        before: &Pieces,
        indices: Vec<usize>,
        variants: &[Variant],
        verdicts: &mut [Verdict],
    ) -> Vec<usize> {
        // The same texts are asked about once.
        let mut by_texts: BTreeMap<&BTreeMap<String, String>, Vec<usize>> = BTreeMap::new();
        for index in indices {
            let texts = &variants[index].texts;
            by_texts.entry(texts).or_default().push(index);
        }
        let all: Vec<_> = by_texts.into_iter().collect();
        let paths: Vec<Vec<String>> = before.iter().map(|b| b.0.clone()).collect();
        let mut left = Vec::new();
        for part in all.chunks(12) {
            let roots: Vec<PathBuf> = part.iter().map(|(texts, _)| self.tree(texts)).collect();
            let jobs: Vec<Json> = roots
                .iter()
                .map(|r| self.job(r, host, &paths, mode))
                .collect();
            let answers = self.nix().ask_all(&jobs);
            for (root, ((_, indices), answer)) in roots.iter().zip(part.iter().zip(answers)) {
                let _ = std::fs::remove_dir_all(root);
                for index in indices {
                    let verdict = self.compare(before, answer.as_ref(), &variants[*index]);
                    let is_open = match &verdict {
                        Verdict::CannotSay(_) => true,
                        // What is switched off here may be on in another way of reading.
                        Verdict::Contradicted(why) => why == "Nix sees no change",
                        Verdict::Confirmed => false,
                    };
                    verdicts[*index] = verdict;
                    if is_open {
                        left.push(*index);
                    }
                }
            }
        }
        left
    }

    /// The ways to read it, the plainest first.
    fn modes(&self, host: &str) -> Vec<Mode> {
        let Some(file) = &self.file else {
            return vec![Mode::default()];
        };
        let master = self.home.path().join("master");
        let job = json!({
            "root": master, "file": master.join(file), "host": host, "pieces": [], "dig": true,
        });
        let found = self.nix().ask_all(&[job]).remove(0).unwrap_or_default();
        let mut picks: Vec<Vec<String>> = serde_json::from_value(found).unwrap_or_default();
        picks.sort_by_key(|pick| !pick.iter().any(|name| name == host));
        picks.truncate(6);
        if !picks.contains(&Vec::new()) {
            picks.insert(0, Vec::new());
        }
        let ways = [(false, false), (false, true), (true, true), (true, false)];
        let modes = ways.into_iter().flat_map(|(assume, markers)| {
            picks.iter().map(move |pick| Mode {
                pick: pick.clone(),
                assume,
                markers,
            })
        });
        modes.collect()
    }

    /// The unedited configuration: whole, or the pieces of it that Nix can evaluate.
    fn before(
        &self,
        host: &str,
        mode: &Mode,
        wanted: &BTreeSet<Vec<String>>,
    ) -> Result<Pieces, String> {
        let master = self.home.path().join("master");
        if self.file.is_some() {
            let job = self.job(&master, host, &[Vec::new()], mode);
            let answer = self.nix().ask_all(&[job]).remove(0);
            if let Some(whole) = answer.ok().and_then(|a| piece(&a, 0)) {
                return Ok(vec![(Vec::new(), whole)]);
            }
        }
        let mut paths: BTreeSet<Vec<String>> = PIECES
            .iter()
            .map(|p| p.split('.').map(str::to_owned).collect())
            .collect();
        if self.file.is_some() {
            paths.extend(wanted.iter().cloned());
        }
        let paths = narrow(&paths);
        let (mut found, why) = self.pieces(&master, host, &paths, mode);
        if found.is_empty() {
            return Err(why);
        }
        // Everything else that is defined, and that Nix can evaluate, must stay as it is.
        if self.file.is_some() {
            let names = vec![NAMES.to_owned()];
            let job = self.job(&master, host, std::slice::from_ref(&names), mode);
            let answer = self.nix().ask_all(&[job]).remove(0);
            if let Some(known) = answer.ok().and_then(|a| piece(&a, 0)) {
                let others: BTreeSet<Vec<String>> = pairs(&known)
                    .into_iter()
                    .filter(|p| !paths.iter().any(|o| o.starts_with(p) || p.starts_with(o)))
                    .collect();
                for part in narrow(&others).chunks(8) {
                    found.extend(self.pieces(&master, host, part, mode).0);
                }
                found.push((names, known));
            }
        }
        Ok(found)
    }

    fn pieces(
        &self,
        root: &Path,
        host: &str,
        wanted: &[Vec<String>],
        mode: &Mode,
    ) -> (Pieces, String) {
        if Instant::now() > self.until {
            let why = "Nix takes too long to find what it can evaluate";
            return (Vec::new(), why.to_owned());
        }
        let job = self.job(root, host, wanted, mode);
        match self.nix().ask_all(&[job]).remove(0) {
            Ok(answer) => {
                let found = wanted.iter().enumerate();
                let found = found.filter_map(|(i, path)| Some((path.clone(), piece(&answer, i)?)));
                (found.collect(), "it throws".to_owned())
            }
            Err(why) if wanted.len() == 1 => (Vec::new(), why),
            Err(_) => {
                let (left, right) = wanted.split_at(wanted.len() / 2);
                let (mut found, why) = self.pieces(root, host, left, mode);
                // What fails throughout the first half very likely fails at all.
                if found.is_empty() && left.len() > 8 {
                    return (found, why);
                }
                found.extend(self.pieces(root, host, right, mode).0);
                (found, why)
            }
        }
    }

    fn job(&self, root: &Path, host: &str, pieces: &[Vec<String>], mode: &Mode) -> Json {
        match &self.file {
            Some(file) => json!({
                "root": root, "file": root.join(file), "host": host, "pieces": pieces,
                "assume": mode.assume, "markers": mode.markers, "pick": mode.pick,
            }),
            None => json!({ "root": root, "host": host, "pieces": pieces }),
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

    /// Pieces as one configuration, and which paths it speaks of.
    fn assembled(&self, pieces: &Pieces) -> (Json, Vec<Vec<String>>) {
        let mut whole = json!({});
        let mut shown = Vec::new();
        for (path, value) in pieces.iter().filter(|(path, _)| *path != [NAMES]) {
            if !value.is_null() {
                put(&mut whole, path, value.clone());
            }
            shown.push(path.clone());
        }
        (whole, shown)
    }

    fn compare(
        &self,
        before: &Pieces,
        after: Result<&Json, &String>,
        variant: &Variant,
    ) -> Verdict {
        let after = match after {
            Ok(after) => after,
            Err(why) if why == nix::SLOW => return Verdict::CannotSay(why.clone()),
            Err(why) => return Verdict::Contradicted(format!("Nix refuses it: {why}")),
        };
        let mut now = Vec::new();
        for (position, (path, _)) in before.iter().enumerate() {
            let Some(value) = piece(after, position) else {
                return Verdict::Contradicted("Nix throws now".to_owned());
            };
            now.push((path.clone(), value));
        }
        let names = |pieces: &Pieces| {
            let found = pieces.iter().find(|(path, _)| *path == [NAMES]);
            found.map(|(_, names)| names.clone()).unwrap_or_default()
        };
        let (was, is) = (names(before), names(&now));
        for path in pairs(&is).difference(&pairs(&was)) {
            let claimed = |c: &Change| {
                let length = path.len().min(c.path.len());
                c.path[..length] == path[..length]
            };
            if !variant.changes.iter().any(claimed) {
                return Verdict::Contradicted(format!("Nix says that {} is new", path.join(".")));
            }
        }
        let (from, shown) = self.assembled(before);
        let (to, _) = self.assembled(&now);
        against(&from, &to, &variant.changes, &|p| is_in(p, &shown))
    }
}

/// Of two paths of which one holds the other, the longer one.
fn narrow(paths: &BTreeSet<Vec<String>>) -> Vec<Vec<String>> {
    let holds = |p: &Vec<String>| {
        let below = |o: &Vec<String>| o.len() > p.len() && o.starts_with(p);
        paths.iter().any(below)
    };
    paths.iter().filter(|p| !holds(p)).cloned().collect()
}

fn is_in(path: &[String], shown: &[Vec<String>]) -> bool {
    shown.iter().any(|s| path.starts_with(s))
}

/// Whether a configuration holds no storage: the modules of such a file lie below names that some
/// framework reads.
fn is_blind(whole: &Json) -> bool {
    let devices = whole["disko"]["devices"].as_object();
    devices
        .into_iter()
        .flat_map(|d| d.values())
        .chain([&whole["fileSystems"]])
        .all(|all| all.as_object().is_none_or(serde_json::Map::is_empty))
}

/// The names of two levels, as paths.
fn pairs(names: &Json) -> BTreeSet<Vec<String>> {
    let mut all = BTreeSet::new();
    for (name, below) in names.as_object().into_iter().flatten() {
        all.insert(vec![name.clone()]);
        for (second, _) in below.as_object().into_iter().flatten() {
            all.insert(vec![name.clone(), second.clone()]);
        }
    }
    all
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
