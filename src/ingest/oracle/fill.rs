//! Filling in what static reading leaves unknown.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;

use super::compare::{Disagreement, compare};
use super::storage;
use crate::model::{Host, Settings, UnknownFact};
use crate::nix::oracle::{Answer, Places};
use crate::nix::source::Sources;

/// Who said a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// It was read from the files.
    #[default]
    Static,
    /// The real Nix was asked.
    Nix,
}

/// A host as far as both readers know it.
#[derive(Debug)]
pub struct Filled {
    /// What was read from the files; what they leave unknown is as Nix says.
    pub host: Host,
    /// Which Nix was asked.
    pub version: String,
    /// Where the two readers disagree. If anywhere, nothing of the host may be edited.
    pub disagreements: Vec<Disagreement>,
    /// Settings that Nix said, by their path in dots.
    settings: BTreeSet<String>,
    /// Storage that Nix said: option paths, of which each stands for all below it. Elements of lists
    /// are known by their index.
    storage: BTreeSet<Vec<String>>,
}

impl Filled {
    fn new(host: Host, answer: &Answer, disagreements: Vec<Disagreement>) -> Self {
        Filled {
            host,
            version: answer.version.to_string(),
            disagreements,
            settings: BTreeSet::new(),
            storage: BTreeSet::new(),
        }
    }

    /// Who said a setting, such as `boot.kernel.sysctl.vm.swappiness`.
    pub fn setting(&self, path: &str) -> Provenance {
        of(self.settings.contains(path))
    }

    /// Who said something of the storage: `fileSystems`, `/`, `options` for a list, with an index
    /// for one element, without `options` for a whole mount.
    pub fn storage(&self, path: &[&str]) -> Provenance {
        let is_above = |told: &&Vec<String>| {
            told.len() <= path.len() && told.iter().zip(path).all(|(a, b)| a == b)
        };
        of(self.storage.iter().any(|told| is_above(&told)))
    }

    /// What was filled in, as option paths in dots.
    pub fn from_nix(&self) -> impl Iterator<Item = String> {
        let storage = self.storage.iter().map(|path| path.join("."));
        self.settings.iter().cloned().chain(storage)
    }

    /// Whether no edit of the host may be proposed: its static reading, on which every proof stands,
    /// is wrong somewhere.
    pub fn is_advice_only(&self) -> bool {
        !self.disagreements.is_empty()
    }
}

fn of(nix: bool) -> Provenance {
    match nix {
        true => Provenance::Nix,
        false => Provenance::Static,
    }
}

/// Fills a host in. What static reading knows stays; where Nix contradicts it, that is told.
pub fn fill(host: Host, answer: &Answer, places: &Places, sources: &Rc<Sources>) -> Filled {
    let real = super::host(&host.name, host.found, answer, places, sources);
    let disagreements = compare(&host, &real, answer, places);
    let mut filled = Filled::new(host, answer, disagreements);
    settings(&mut filled, &real);
    storage::fill(&mut filled.host.storage, &real.storage, &mut filled.storage);
    forget(&mut filled.host, answer);
    explain(&mut filled.host, answer);
    filled
}

/// A host that static reading cannot enter at all.
pub fn alone(real: Host, answer: &Answer) -> Filled {
    let mut filled = Filled::new(real, answer, Vec::new());
    for filesystem in &filled.host.storage.filesystems {
        storage::whole(filesystem, &mut filled.storage);
    }
    let paths = filled.host.settings.iter();
    filled.settings = paths.map(|(path, _)| path.to_owned()).collect();
    filled
}

fn settings(filled: &mut Filled, real: &Host) {
    for (path, reading) in real.settings.iter() {
        let Ok(setting) = reading else { continue };
        if filled.host.settings.known(path).is_none() {
            let value = Ok(setting.clone());
            filled.host.settings.insert(path.to_owned(), value);
            filled.settings.insert(path.to_owned());
        }
    }
}

/// What was unknown is not any more, where Nix knows all of it.
fn forget(host: &mut Host, answer: &Answer) {
    host.unknown.retain(|fact| !is_answered(&fact.what, answer));
    let mut left = Settings::default();
    for (path, reading) in host.settings.iter() {
        if reading.is_ok() || !is_answered(path, answer) {
            left.insert(path.to_owned(), reading.clone());
        }
    }
    host.settings = left;
}

/// Whether Nix knows all that lies at a path, be it that nobody defines it.
fn is_answered(what: &str, answer: &Answer) -> bool {
    let path = super::names(what);
    if ["fileSystems", "disko"].contains(&path[0].as_str()) {
        // Names of mount points have dots of their own, so all of either counts.
        let mut entries = answer.entries.iter().filter(|(p, _)| p[0] == path[0]);
        return entries.all(|(_, entry)| entry.value.as_ref().is_ok_and(is_data));
    }
    let touched = |other: &[String]| other.starts_with(&path) || path.starts_with(other);
    let mut entries = answer.entries.iter().filter(|(other, _)| touched(other));
    if !entries.all(|(_, entry)| entry.value.as_ref().is_ok_and(is_data)) {
        return false;
    }
    // What was asked for and has no entry is nowhere defined.
    let asks = |asked: &[String]| {
        asked.len() <= path.len() && asked.iter().zip(&path).all(|(a, b)| a == "*" || a == b)
    };
    answer.asked.iter().any(|asked| asks(asked))
}

/// Whether nothing in a value could not be said: packages and functions are no data that anybody
/// looks at, but where Nix stopped, there might be.
fn is_data(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().all(is_data),
        Json::Object(set) => match set.get("$nix") {
            Some(kind) if kind == "error" || kind == "deep" => false,
            _ => set.values().all(is_data),
        },
        _ => true,
    }
}

/// Adds why Nix does not know it either.
fn explain(host: &mut Host, answer: &Answer) {
    let mut refused: Vec<(&[String], &str)> = Vec::new();
    for (path, entry) in &answer.entries {
        let Err(why) = &entry.value else { continue };
        refused.push((path, why));
        if ["fileSystems", "disko"].contains(&path[0].as_str()) {
            host.unknown.push(UnknownFact {
                what: path.join("."),
                why: why.clone(),
                at: None,
            });
        }
    }
    let readings = host.settings.iter();
    let unknown = readings.filter_map(|(path, r)| Some((path.to_owned(), r.clone().err()?)));
    let unknown: Vec<(String, UnknownFact)> = unknown.collect();
    for (what, mut fact) in unknown {
        let path = super::names(&what);
        // Where Nix stops on the way, nothing below is known.
        let above = |(stops, _): &&(&[String], &str)| path.starts_with(stops);
        if let Some((_, why)) = refused.iter().find(above) {
            fact.why = format!("{}; {why}", fact.why);
            host.settings.insert(what, Err(fact));
        }
    }
}
