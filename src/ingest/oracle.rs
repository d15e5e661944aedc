//! What the real Nix answers → facts, for what static reading leaves unknown; and where the two
//! readers disagree.
//!
//! Nix's values become values of the evaluator, each with the literal that wrote it where Nix's
//! places lead to one, and are read by the same code as values that were read statically.

mod compare;
mod fill;
mod storage;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value as Json;

use super::nixos;
use crate::model::{Found, Host, Located, MountSource, Setting, Settings, Texts, UnknownFact};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Evaluator, List, Name, Thunk, Unknown, Value, Why,
};
use crate::nix::module::{Caller, Configuration};
use crate::nix::oracle::{Answer, Binding, Definition, Entry, Node, Places, Question, known};
use crate::nix::source::{Sources, Span};

pub use compare::Disagreement;
pub use fill::{Filled, Provenance, alone, fill};
pub use storage::BESIDE;

/// The storage of a host: asked whatever is known, for Nix is the second opinion.
const STORAGE: &[&[&str]] = &[
    &["fileSystems", "*", "device"],
    &["fileSystems", "*", "fsType"],
    &["fileSystems", "*", "label"],
    &["fileSystems", "*", "neededForBoot"],
    &["fileSystems", "*", "options"],
    &["swapDevices"],
    &["disko", "devices"],
    &["boot", "kernel", "sysctl", "*"],
];
/// Longer questions do not fit into one argument of a program.
const LONGEST: usize = 60_000;
/// Names below this are kernel settings, which have dots of their own.
const SYSCTL: &str = "boot.kernel.sysctl.";

/// What to ask about a host: its storage, what `looked_at` names (`*` stands for any name), and
/// every option that static reading says anything about.
pub fn question(host: Option<&Host>, looked_at: &[&str]) -> Question {
    let owned = |path: &[&str]| path.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let mut paths: Vec<Vec<String>> = STORAGE.iter().map(|path| owned(path)).collect();
    paths.extend(looked_at.iter().map(|path| names(path)));
    let said = host.map(|h| &h.settings);
    let said = said.into_iter().flat_map(|settings| settings.iter());
    let mut length = 0;
    // What is unknown comes first: a second opinion on the rest matters less.
    let (known, unknown): (Vec<_>, Vec<_>) = said.partition(|(_, reading)| reading.is_ok());
    for (path, _) in unknown.into_iter().chain(known) {
        length += path.len() + 16;
        if length < LONGEST {
            paths.push(names(path));
        }
    }
    let storage = |path: &[String]| {
        ["fileSystems", "swapDevices", "disko"].contains(&path[0].as_str())
            || path.len() > 3 && path.starts_with(&["boot", "kernel", "sysctl"].map(str::to_owned))
    };
    let mut seen = BTreeSet::new();
    let (asked, rest) = paths.split_at(STORAGE.len());
    let rest = rest.iter().filter(|path| !storage(path));
    let paths = asked.iter().chain(rest);
    Question {
        paths: paths
            .filter(|path| seen.insert((*path).clone()))
            .cloned()
            .collect(),
    }
}

/// The names of a path in dots.
fn names(path: &str) -> Vec<String> {
    match path.strip_prefix(SYSCTL) {
        Some(name) => ["boot", "kernel", "sysctl", name].map(str::to_owned).into(),
        None => path.split('.').map(str::to_owned).collect(),
    }
}

/// The host as Nix alone tells it.
pub fn host(
    name: &str,
    found: Found,
    answer: &Answer,
    places: &Places,
    sources: &Rc<Sources>,
) -> Host {
    let reader = Reader {
        answer,
        places,
        e: Evaluator::new(Rc::clone(sources)),
    };
    let module = reader.module();
    let configuration = Configuration::evaluate(&reader.e, &[module], &[], Caller::Disko);
    let mut host = nixos::read(name, found, &reader.e, &configuration);
    reader.mounts(&mut host);
    host.settings = reader.settings();
    for (path, entry) in &answer.entries {
        if let Err(why) = &entry.value
            && host.settings.get(&path.join(".")).is_none()
        {
            host.unknown.push(UnknownFact {
                what: path.join("."),
                why: why.clone(),
                at: None,
            });
        }
    }
    host
}

/// Turns an answer into values.
struct Reader<'a> {
    answer: &'a Answer,
    places: &'a Places,
    e: Evaluator,
}

impl Reader<'_> {
    fn entry(&self, path: &[&str]) -> Option<&Entry> {
        let path: Vec<String> = path.iter().map(|n| (*n).to_owned()).collect();
        self.answer.entries.get(&path)
    }

    /// The storage as one module.
    fn module(&self) -> Thunk {
        let mut attributes = Vec::new();
        let devices = self.entry(&["disko", "devices"]);
        let devices = devices.and_then(|e| e.value.as_ref().ok());
        let mut of_disko = BTreeSet::new();
        if let Some(devices) = devices {
            mountpoints(devices, &mut of_disko);
            let path = ["disko", "devices"].map(str::to_owned);
            let devices = self.attribute("devices", self.value(devices, &path), None);
            attributes.push(self.attribute("disko", self.set(vec![devices]), None));
        }
        let mut mounts: Vec<(Name, Attribute)> = Vec::new();
        let mut points: Vec<&String> = self.points().collect();
        points.dedup();
        for point in points.into_iter().filter(|p| !of_disko.contains(*p)) {
            let fields = self.answer.entries.iter().filter(|(path, _)| {
                path.len() == 3 && path[0] == "fileSystems" && path[1] == *point
            });
            let fields = fields.filter_map(|(path, entry)| {
                let value = match &entry.value {
                    Ok(Json::Null) => return None,
                    Ok(value) => self.value(value, path),
                    Err(why) => self.refused(why),
                };
                Some(self.attribute(&path[2], value, self.place(path)))
            });
            let fields: Vec<_> = fields.collect();
            let at = self.place(&["fileSystems".to_owned(), point.clone()]);
            let at = at.or_else(|| fields.iter().find_map(|(_, field)| field.entry));
            mounts.push(self.attribute(point, self.set(fields), at));
        }
        attributes.push(self.attribute("fileSystems", self.set(mounts), None));
        self.set(attributes)
    }

    /// The mount points of `fileSystems`, sorted.
    fn points(&self) -> impl Iterator<Item = &String> {
        let paths = self.answer.entries.keys();
        paths
            .filter(|path| path.len() == 3 && path[0] == "fileSystems")
            .map(|path| &path[1])
    }

    /// disko's mounts have the options that `fileSystems` merges, not only those that disko gives.
    fn mounts(&self, host: &mut Host) {
        let filesystems = host.storage.filesystems.iter_mut();
        for mount in filesystems.flat_map(|f| f.mounts.iter_mut()) {
            let path = ["fileSystems", &mount.mountpoint, "options"].map(str::to_owned);
            let entry = self.answer.entries.get(path.as_slice());
            if let Some(Ok(Json::Array(items))) = entry.map(|e| &e.value)
                && let Some(options) = self.texts(items, &path)
            {
                if mount.source != MountSource::FileSystems
                    && let Some(disko) = mount.options.known()
                {
                    let disko: Vec<&str> = disko.iter().map(|o| o.value.as_str()).collect();
                    mount.added = self.added(&path, &disko, &options);
                }
                mount.options = Texts::Known(options);
            }
            let path = ["fileSystems", &mount.mountpoint, "neededForBoot"];
            let needed = self.entry(&path).and_then(|e| e.value.as_ref().ok());
            mount.needed_for_boot |= needed == Some(&Json::Bool(true));
        }
    }

    /// What is said of a mount's options beside disko, which says `disko`.
    fn added(&self, path: &[String], disko: &[&str], all: &[Located<String>]) -> Option<Texts> {
        let mut parts: Vec<&Vec<Json>> = Vec::new();
        for definition in self.answer.winners(path) {
            match &definition.node {
                Node::Leaf(Json::Array(items)) => parts.push(items),
                Node::Leaf(_) | Node::Set(_) => return None,
            }
        }
        let is_disko = |part: &&Vec<Json>| part.iter().eq(disko.iter());
        let Some(own) = parts.iter().position(is_disko) else {
            // Something stronger than disko, if anything.
            return (!parts.is_empty()).then(|| Texts::Known(all.to_vec()));
        };
        parts.remove(own);
        let more: usize = parts.iter().map(|part| part.len()).sum();
        let begins = |at: &usize| {
            let texts = all[*at..].iter().map(|o| o.value.as_str());
            texts.take(disko.len()).eq(disko.iter().copied())
        };
        let begin = (0..=all.len()).find(begins)?;
        let mut rest = all.to_vec();
        rest.drain(begin..begin + disko.len());
        (rest.len() == more && more > 0).then_some(Texts::Known(rest))
    }

    fn texts(&self, items: &[Json], path: &[String]) -> Option<Vec<Located<String>>> {
        let text = |item: &Json| {
            let text = item.as_str()?.to_owned();
            Some(Located::new(text, self.element(item, path)))
        };
        items.iter().map(text).collect()
    }

    /// Options that some module sets. Where nobody does, NixOS's default holds, as for static reading.
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for (path, entry) in &self.answer.entries {
            let storage = ["fileSystems", "disko"].contains(&path[0].as_str());
            if storage || !entry.is_defined() {
                continue;
            }
            match &entry.value {
                Ok(value) => self.flatten(value, path, &mut settings),
                Err(why) => {
                    let (what, why) = (path.join("."), why.clone());
                    let fact = UnknownFact {
                        what: what.clone(),
                        why,
                        at: None,
                    };
                    settings.insert(what, Err(fact));
                }
            }
        }
        settings
    }

    /// Records the leaves of a value.
    fn flatten(&self, value: &Json, path: &[String], settings: &mut Settings) {
        if value.is_null() {
            // Nobody wants it to be set.
        } else if let Json::Object(set) = value
            && known(value).is_some_and(|v| v.is_object())
        {
            for (name, value) in set {
                self.flatten(value, &below(path, name), settings);
            }
        } else if let Some(value) = known(value) {
            let at = self.literal(&value, path);
            let value = here(self.places, value);
            settings.insert(path.join("."), Ok(Setting::new(value, at)));
        }
    }

    fn attribute(&self, name: &str, value: Thunk, entry: Option<Span>) -> (Name, Attribute) {
        (name.into(), Attribute { value, entry })
    }

    fn set(&self, attributes: Vec<(Name, Attribute)>) -> Thunk {
        let set = Data::Set(Rc::new(AttrSet::new(attributes)));
        self.e.done(Value {
            data: set,
            at: None,
        })
    }

    fn refused(&self, why: &str) -> Thunk {
        let why = Why::Refused(why.to_owned());
        self.e.unknown(Unknown::new(why, None))
    }

    /// A value of Nix as one of the evaluator, with its places. `null` below a set is left out:
    /// there it is the default of an option that nobody sets.
    fn value(&self, json: &Json, path: &[String]) -> Thunk {
        let at = || self.literal(json, path);
        let (data, at) = match json {
            Json::Null => (Data::Null, at()),
            Json::Bool(b) => (Data::Bool(*b), at()),
            Json::Number(number) => match number.as_i64() {
                Some(int) => (Data::Int(int), at()),
                None => (Data::Float(number.as_f64().unwrap_or_default()), at()),
            },
            Json::String(text) => (Data::Str(text.as_str().into()), at()),
            Json::Array(items) => {
                let item = |item: &Json| match item {
                    Json::String(text) => self.e.done(Value {
                        data: Data::Str(text.as_str().into()),
                        at: self.element(item, path),
                    }),
                    other => self.value(other, path),
                };
                let items = items.iter().map(item).collect();
                let list = List {
                    items,
                    parts: Vec::new(),
                };
                (Data::List(Rc::new(list)), None)
            }
            Json::Object(set) => match set.get("$nix") {
                Some(kind) if kind == "path" => {
                    let text = set.get("text").cloned().unwrap_or_default();
                    let text = here(self.places, text);
                    (Data::Path(text.as_str().unwrap_or_default().into()), None)
                }
                Some(Json::String(kind)) if kind != "set" => {
                    return self.refused(&format!("a value that is no data ({kind})"));
                }
                other => {
                    let inner = other.and_then(|_| set.get("set")?.as_object());
                    let named = inner.unwrap_or(set).iter();
                    let named = named.filter(|(_, value)| !value.is_null());
                    let attributes = named.map(|(name, value)| {
                        let path = below(path, name);
                        self.attribute(name, self.value(value, &path), self.place(&path))
                    });
                    return self.set(attributes.collect());
                }
            },
        };
        self.e.done(Value { data, at })
    }

    /// The bindings of the definitions that win at a path.
    fn bindings(&self, path: &[String]) -> Vec<Binding> {
        let Some(name) = path.last() else {
            return Vec::new();
        };
        let binding = |d: &Definition| self.places.binding(d.at.as_ref()?, name);
        let winners = self.answer.winners(path);
        winners.into_iter().filter_map(binding).collect()
    }

    /// The entry that wrote an attribute, if there is one only.
    fn place(&self, path: &[String]) -> Option<Span> {
        let mut found: Vec<Span> = self.bindings(path).iter().map(|b| b.entry).collect();
        found.sort();
        found.dedup();
        match found[..] {
            [one] => Some(one),
            // Several modules write it: the first in the project's order is as good as any.
            [first, ..] => Some(first),
            [] => None,
        }
    }

    fn literal(&self, value: &Json, path: &[String]) -> Option<Span> {
        one(self.bindings(path).iter().filter_map(|b| b.literal(value)))
    }

    fn element(&self, value: &Json, path: &[String]) -> Option<Span> {
        one(self.bindings(path).iter().filter_map(|b| b.element(value)))
    }
}

/// The only one there is.
fn one(mut found: impl Iterator<Item = Span>) -> Option<Span> {
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

fn below(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(name.to_owned());
    path
}

/// Where disko mounts anything.
fn mountpoints(value: &Json, out: &mut BTreeSet<String>) {
    match value {
        Json::Object(set) => {
            if let Some(Json::String(point)) = set.get("mountpoint") {
                out.insert(point.clone());
            }
            set.values().for_each(|value| mountpoints(value, out));
        }
        Json::Array(items) => items.iter().for_each(|item| mountpoints(item, out)),
        _ => {}
    }
}

/// A path within the tree that Nix keeps is one of the project.
fn here(places: &Places, value: Json) -> Json {
    match value {
        Json::String(text) => match places.file(&text).as_deref().and_then(|p| p.to_str()) {
            Some(path) => path.into(),
            None => text.into(),
        },
        Json::Array(items) => items.into_iter().map(|item| here(places, item)).collect(),
        other => other,
    }
}

/// The file that a definition is in, if it is one of the project.
fn own_file(places: &Places, definition: &Definition) -> Option<PathBuf> {
    let at = definition.at.as_ref().map(|at| at.file.as_str());
    places.file(at.or(definition.file.as_deref())?)
}
