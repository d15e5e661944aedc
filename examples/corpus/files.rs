//! Single files: disko, `fileSystems`, and host files that import a disko file.

use std::collections::BTreeMap;
use std::path::Path;

use btrfs_tune::report::inspect::{Document, Filesystem, HostDocument, Source};
use serde_json::Value as Json;

use super::table::{Outcome, Table};
use super::values::{self, Values};
use super::{Corpus, Failure, compare, origins};

const OWN: &str = "disko, self-contained";
const OTHER: &str = "disko, with outside values";
const MOUNTS: &str = "fileSystems";
const HOSTS: &str = "hosts by their file";

/// One file of the index, with what Nix says of it.
struct Case {
    place: String,
    kind: String,
    best: String,
    /// Nix was given stand-ins for arguments.
    stubbed: bool,
    /// Modes that Nix could evaluate, by name.
    modes: BTreeMap<String, Json>,
    /// A mode of it could not be evaluated.
    unjudged: bool,
}

impl Case {
    /// Whether Nix itself does not see a thing where it takes no condition for granted.
    fn is_absent(&self, sees: impl Fn(&Json) -> bool) -> bool {
        let plain = ["alone", "imports", "only"];
        self.best == "assume"
            && plain
                .iter()
                .filter_map(|mode| self.modes.get(*mode))
                .any(|data| !sees(data))
    }
}

pub(crate) fn measure(corpus: &Corpus, table: &mut Table) {
    let index = std::fs::read_to_string(corpus.folder.join("index.json")).expect("index.json");
    let index: Json = serde_json::from_str(&index).expect("JSON");
    for entry in index.as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let (repo, path) = (text("repo"), text("path"));
        let place = format!("{repo} {path}");
        if !corpus.is_wanted(&place) {
            continue;
        }
        let truth = std::fs::read_to_string(corpus.folder.join(text("truth"))).expect("a truth");
        let truth: Json = serde_json::from_str(&truth).expect("JSON");
        let Some(case) = case(place, &truth) else {
            continue;
        };
        let root = corpus.folder.join("repos").join(repo.replace('/', "__"));
        let document = super::inspect(Path::new(&path), &root);
        if let Ok(document) = &document {
            origins::check(document, &root, &case.place, table);
        }
        match case.kind.as_str() {
            "nixos-fs" => mounts(&case, document, table),
            _ => disko(&case, document, table),
        }
    }
}

fn case(place: String, truth: &Json) -> Option<Case> {
    let modes = truth["modes"].as_object()?;
    let known = modes.iter().filter(|(_, mode)| mode["ok"] == true);
    let known: BTreeMap<String, Json> = known
        .map(|(name, mode)| (name.clone(), mode["data"].clone()))
        .collect();
    let text = |name: &str| truth[name].as_str().unwrap_or_default().to_owned();
    let formals = truth["formals"].as_array().is_some_and(|f| !f.is_empty());
    Some(Case {
        place,
        kind: text("kind"),
        best: truth["best"].as_str()?.to_owned(),
        stubbed: formals || modes.contains_key("assume"),
        unjudged: known.len() < modes.len(),
        modes: known,
    })
}

/// The filesystems that Nix gives in a mode.
fn filesystems(data: &Json) -> impl Iterator<Item = &Json> {
    data["disko"]["btrfs"].as_array().into_iter().flatten()
}

fn disko(case: &Case, document: Result<Document, Failure>, table: &mut Table) {
    let row = match (case.kind.as_str(), case.stubbed) {
        ("host-import", _) => HOSTS,
        (_, false) => OWN,
        (_, true) => OTHER,
    };
    // Several modules of one file are several modes.
    let wanted: Vec<&Json> = match case.best.contains("dig:") {
        true => case
            .modes
            .iter()
            .filter(|(name, _)| name.contains("dig:"))
            .map(|m| m.1)
            .collect(),
        false => case.modes.get(&case.best).into_iter().collect(),
    };
    let ours = match &document {
        Ok(document) => found(document),
        Err(failure) => {
            for truth in wanted.iter().flat_map(|d| filesystems(d)) {
                let path = shown_path(truth);
                let outcome = match failure {
                    Failure::Refused(_) => Outcome::Unknown,
                    Failure::Panicked => Outcome::Wrong,
                };
                table.count(row, outcome, &case.place, || format!("{path}: {failure:?}"));
            }
            return;
        }
    };
    let mut used = vec![false; ours.len()];
    for truth in wanted.iter().flat_map(|d| filesystems(d)) {
        let path = shown_path(truth);
        let truths: Vec<Values> = case
            .modes
            .values()
            .flat_map(filesystems)
            .filter(|other| other["path"] == truth["path"])
            .map(values::of_truth)
            .collect();
        let matching = (0..ours.len()).find(|&i| !used[i] && is_same(ours[i].1, truth));
        match matching {
            Some(index) => {
                used[index] = true;
                let (host, filesystem) = ours[index];
                let told = values::of_document(host, filesystem, true);
                let verdict = compare::filesystem(host, &told, &truths, case.stubbed);
                let detail = || format!("{path}: {}", verdict.detail);
                table.count(row, verdict.outcome, &case.place, detail);
            }
            None => {
                let why = why(&document);
                let sees = |data: &Json| filesystems(data).any(|f| f["path"] == truth["path"]);
                let outcome = match why.is_empty() {
                    true if case.is_absent(sees) => Outcome::Equal,
                    true => Outcome::Missing,
                    false if compare::is_outside(&why) => Outcome::Outside,
                    false => Outcome::Unknown,
                };
                table.count(row, outcome, &case.place, || format!("{path}: {why}"));
            }
        }
    }
    for (host, filesystem) in ours
        .iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|(o, _)| *o)
    {
        let told = values::of_document(host, filesystem, true);
        let truths: Vec<Values> = case
            .modes
            .values()
            .flat_map(filesystems)
            .filter(|truth| is_same(filesystem, truth))
            .map(values::of_truth)
            .collect();
        if truths.is_empty() && case.unjudged {
            continue;
        }
        let verdict = match truths.is_empty() {
            true => Outcome::Wrong,
            false => compare::filesystem(host, &told, &truths, case.stubbed).outcome,
        };
        if verdict == Outcome::Wrong {
            table.count(row, verdict, &case.place, || {
                format!("{:?}: no such filesystem, or not so", filesystem.path)
            });
        }
    }
}

fn found(document: &Document) -> Vec<(&HostDocument, &Filesystem)> {
    let hosts = document.hosts.iter();
    let all = hosts.flat_map(|h| h.filesystems.iter().map(move |f| (h, f)));
    all.filter(|(_, f)| f.source == Source::Disko).collect()
}

/// A fragment of a disk has no path of its own: the kit and this program each give it one.
fn is_same(ours: &Filesystem, truth: &Json) -> bool {
    let path: Vec<&str> = truth["path"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let own = ours.path.clone().unwrap_or_default();
    own == path
        || path.get(1) == Some(&"fragment")
            && own.last().map(String::as_str) == path.last().copied()
}

fn shown_path(truth: &Json) -> String {
    let path = truth["path"].as_array().into_iter().flatten();
    path.filter_map(Json::as_str).collect::<Vec<_>>().join(".")
}

/// All reasons why anything is unknown, shortened.
fn why(document: &Result<Document, Failure>) -> String {
    let Ok(document) = document else {
        return String::new();
    };
    let unknown = document.hosts.iter().flat_map(|h| &h.unknown);
    let unknown = unknown.map(|u| format!("{}: {}", u.what, u.why));
    let problems = document.problems.iter();
    let problems = problems.map(|p| format!("{}: {}", p.what, p.why));
    let mut all: Vec<String> = unknown.chain(problems).collect();
    all.truncate(4);
    all.join("; ")
}

fn mounts(case: &Case, document: Result<Document, Failure>, table: &mut Table) {
    let wanted: Vec<&Json> = match case.best.contains("dig:") {
        true => case
            .modes
            .iter()
            .filter(|(name, _)| name.contains("dig:"))
            .map(|m| m.1)
            .collect(),
        false => case.modes.get(&case.best).into_iter().collect(),
    };
    let (mut ours, mut host) = (BTreeMap::new(), None);
    if let Ok(document) = &document {
        for of in &document.hosts {
            ours.extend(values::mounts(of));
            host = Some(of);
        }
    }
    let all: Vec<BTreeMap<String, Values>> = case
        .modes
        .values()
        .map(|d| values::mounts_of_truth(&d["fileSystems"]))
        .collect();
    let mut seen = Vec::new();
    for data in wanted {
        for mountpoint in values::mounts_of_truth(&data["fileSystems"]).into_keys() {
            let truths: Vec<Values> = all
                .iter()
                .filter_map(|m| m.get(&mountpoint).cloned())
                .collect();
            match (ours.get(&mountpoint), host) {
                (Some(told), Some(host)) => {
                    let verdict = compare::filesystem(host, told, &truths, case.stubbed);
                    let detail = || format!("{mountpoint}: {}", verdict.detail);
                    table.count(MOUNTS, verdict.outcome, &case.place, detail);
                }
                _ => {
                    let why = match &document {
                        Err(failure) => format!("{failure:?}"),
                        Ok(_) => why(&document),
                    };
                    let sees = |data: &Json| {
                        values::mounts_of_truth(&data["fileSystems"]).contains_key(&mountpoint)
                    };
                    let outcome = match why.is_empty() {
                        true if case.is_absent(sees) => Outcome::Equal,
                        true => Outcome::Missing,
                        false if compare::is_outside(&why) => Outcome::Outside,
                        false => Outcome::Unknown,
                    };
                    table.count(MOUNTS, outcome, &case.place, || {
                        format!("{mountpoint}: {why}")
                    });
                }
            }
            seen.push(mountpoint);
        }
    }
    for mountpoint in ours.keys().filter(|m| !seen.contains(m)) {
        if !case.unjudged && !all.iter().any(|m| m.contains_key(mountpoint)) {
            table.count(MOUNTS, Outcome::Wrong, &case.place, || {
                format!("{mountpoint}: no such mount")
            });
        }
    }
}
