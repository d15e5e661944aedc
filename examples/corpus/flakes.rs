//! Whole flakes: hosts, their storage files, their values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use btrfs_tune::report::inspect::{Document, HostDocument, Source};
use serde_json::Value as Json;

use super::table::{Outcome, Table};
use super::values::{self, Values};
use super::{Corpus, Failure, compare, origins};

const NAMES: &str = "flakes: host names";
const FILES: &str = "flakes: storage files of hosts";
const VALUES: &str = "flakes: values of hosts";

pub(crate) fn measure(corpus: &Corpus, table: &mut Table) {
    let (Some(hosts), Some(mounts)) = (&corpus.hosts, &corpus.mounts) else {
        table
            .notes
            .push("flakes: left out, for KIT is not set".to_owned());
        return;
    };
    let read = |path: &Path| -> Json {
        let text = std::fs::read_to_string(path).expect("a file of the kit");
        serde_json::from_str(&text).expect("JSON")
    };
    let mut truths: BTreeMap<(String, String), Json> = BTreeMap::new();
    for entry in read(mounts).as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        if entry["data"].is_object() {
            truths.insert((text("repo"), text("host")), entry["data"].clone());
        }
    }
    let mut found = BTreeMap::<String, usize>::new();
    for entry in read(hosts).as_array().into_iter().flatten() {
        let repo = entry["repo"].as_str().unwrap_or_default();
        if entry["ok"] != true || !corpus.is_wanted(repo) {
            continue;
        }
        let root = corpus.full.join(repo.replace('/', "__"));
        let document = super::inspect(Path::new("."), &root);
        let framework = entry["framework"].as_str().unwrap_or_default();
        names(repo, framework, entry, &document, table);
        if let Ok(document) = &document {
            origins::check(document, &root, repo, table);
            for host in &document.hosts {
                *found.entry(format!("{:?}", host.found)).or_default() += 1;
            }
        }
        storage_files(repo, entry, &document, table);
        for ((_, name), truth) in truths.iter().filter(|((r, _), _)| r == repo) {
            let host = document.as_ref().ok();
            let host = host.and_then(|d| d.hosts.iter().find(|h| h.name == *name));
            host_values(&format!("{repo} {name}"), host, truth, table);
        }
    }
    table.notes.push(format!(
        "hosts of flakes, by how they were found: {found:?}"
    ));
}

fn names(
    repo: &str,
    framework: &str,
    entry: &Json,
    document: &Result<Document, Failure>,
    table: &mut Table,
) {
    let hosts = entry["hosts"].as_object();
    let wanted: BTreeSet<String> = hosts.into_iter().flat_map(|h| h.keys().cloned()).collect();
    let (outcome, detail) = match document {
        Err(Failure::Panicked) => (Outcome::Wrong, "panicked".to_owned()),
        Err(Failure::Refused(why)) => (Outcome::Unknown, why.clone()),
        Ok(document) => {
            let told = document.hosts.iter().map(|h| h.name.clone());
            // A host that is named and cannot be evaluated is found all the same.
            let failed = document.problems.iter().filter(|p| p.what == "the host");
            let told: BTreeSet<String> =
                told.chain(failed.filter_map(|p| p.host.clone())).collect();
            let less: Vec<&String> = wanted.difference(&told).collect();
            let more: Vec<&String> = told.difference(&wanted).collect();
            let outcome = match () {
                () if told == wanted => Outcome::Equal,
                () if told.is_disjoint(&wanted) => Outcome::Missing,
                () => Outcome::Partly,
            };
            (outcome, format!("without {less:?}, and {more:?} too much"))
        }
    };
    table.count(NAMES, outcome, repo, || format!("({framework}) {detail}"));
}

fn storage_files(
    repo: &str,
    entry: &Json,
    document: &Result<Document, Failure>,
    table: &mut Table,
) {
    let files = |host: &Json| -> BTreeSet<String> {
        let files = host["storage_files"].as_array().into_iter().flatten();
        files
            .filter_map(|f| f.as_str().map(str::to_owned))
            .collect()
    };
    let hosts = entry["hosts"].as_object();
    let every: BTreeSet<String> = hosts
        .into_iter()
        .flat_map(|h| h.values())
        .flat_map(files)
        .collect();
    for (name, host) in entry["hosts"].as_object().into_iter().flatten() {
        if host["complete"] != true {
            continue;
        }
        let wanted = files(host);
        let place = format!("{repo} {name}");
        let ours = document.as_ref().ok();
        let ours = ours.and_then(|d| d.hosts.iter().find(|h| h.name == *name));
        let Some(ours) = ours else {
            table.count(FILES, Outcome::Missing, &place, || {
                "no such host".to_owned()
            });
            continue;
        };
        let told: BTreeSet<String> = ours
            .files
            .iter()
            .filter(|f| every.contains(*f))
            .cloned()
            .collect();
        let outcome = match () {
            () if told == wanted => Outcome::Equal,
            () if told.is_subset(&wanted) => Outcome::Partly,
            () => Outcome::Wrong,
        };
        table.count(FILES, outcome, &place, || {
            let less: Vec<&String> = wanted.difference(&told).collect();
            let more: Vec<&String> = told.difference(&wanted).collect();
            format!("without {less:?}, and {more:?} too much")
        });
    }
}

fn host_values(place: &str, host: Option<&HostDocument>, truth: &Json, table: &mut Table) {
    let Some(host) = host else {
        return table.count(VALUES, Outcome::Missing, place, || {
            "no such host".to_owned()
        });
    };
    let mut outcomes = vec![Outcome::Equal];
    let mut details = Vec::new();
    let mut judge = |what: &str, verdict: compare::Verdict| {
        if verdict.outcome != Outcome::Equal {
            details.push(format!("{what}: {}", verdict.detail));
        }
        outcomes.push(verdict.outcome);
    };
    let nothing = || {
        let unknown = host
            .unknown
            .iter()
            .map(|u| format!("{}: {}", u.what, u.why));
        let unknown: Vec<String> = unknown.take(3).collect();
        compare::Verdict {
            outcome: match unknown.is_empty() {
                true => Outcome::Missing,
                false => Outcome::Unknown,
            },
            detail: format!("not told ({})", unknown.join("; ")),
        }
    };
    let disko = host
        .filesystems
        .iter()
        .filter(|f| f.source == Source::Disko);
    let mut ours: Vec<_> = disko.collect();
    for filesystem in truth["btrfs"].as_array().into_iter().flatten() {
        let path: Vec<&str> = filesystem["path"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let index = ours
            .iter()
            .position(|f| f.path.as_ref().is_some_and(|p| *p == path));
        let verdict = match index {
            Some(index) => {
                let told = values::of_document(host, ours.remove(index), false);
                compare::filesystem(host, &told, &[values::of_truth(filesystem)], false)
            }
            None => nothing(),
        };
        judge(&path.join("."), verdict);
    }
    for more in ours {
        let detail = "no such filesystem".to_owned();
        let outcome = Outcome::Wrong;
        judge(
            &format!("{:?}", more.path),
            compare::Verdict { outcome, detail },
        );
    }
    let mut mounts: BTreeMap<String, Values> = values::mounts(host);
    for (mountpoint, truth) in values::mounts_of_truth(&truth["fileSystems"]) {
        let verdict = match mounts.remove(&mountpoint) {
            Some(told) => compare::filesystem(host, &told, &[truth], false),
            None => nothing(),
        };
        judge(&mountpoint, verdict);
    }
    for mountpoint in mounts.into_keys() {
        let detail = "no such mount".to_owned();
        let outcome = Outcome::Wrong;
        judge(&mountpoint, compare::Verdict { outcome, detail });
    }
    let outcome = outcomes.into_iter().max().unwrap_or(Outcome::Equal);
    table.count(VALUES, outcome, place, || details.join(" | "));
}
