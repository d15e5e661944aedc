//! Filling in what static reading leaves unknown.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::compare::{Disagreement, compare};
use crate::model::{Filesystem, Host, Mount, UnknownFact};
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
    /// What Nix said, by its name, with the number of places that are known of it.
    from_nix: BTreeMap<String, usize>,
}

impl Filled {
    /// Who said the value of an option path, such as `fileSystems./.options`, `fileSystems./` for a
    /// whole mount, or `boot.kernel.sysctl.vm.swappiness`.
    pub fn provenance(&self, path: &str) -> Provenance {
        let whole = self.from_nix.keys().any(|told| {
            path.strip_prefix(told.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        match whole {
            true => Provenance::Nix,
            false => Provenance::Static,
        }
    }

    /// What was filled in.
    pub fn from_nix(&self) -> impl Iterator<Item = &str> {
        self.from_nix.keys().map(String::as_str)
    }

    /// Whether no edit of the host may be proposed: its static reading, on which every proof stands,
    /// is wrong somewhere.
    pub fn is_advice_only(&self) -> bool {
        !self.disagreements.is_empty()
    }

    fn told(&mut self, path: String, places: usize) {
        self.from_nix.insert(path, places);
    }
}

/// Fills a host in. What static reading knows stays; where Nix contradicts it, that is told.
pub fn fill(host: Host, answer: &Answer, places: &Places, sources: &Rc<Sources>) -> Filled {
    let real = super::host(&host.name, host.found, answer, places, sources);
    let disagreements = compare(&host, &real, answer, places);
    let mut filled = Filled {
        host,
        version: answer.version.to_string(),
        disagreements,
        from_nix: BTreeMap::new(),
    };
    settings(&mut filled, &real);
    for theirs in &real.storage.filesystems {
        storage(&mut filled, theirs);
    }
    let storage = &mut filled.host.storage;
    storage.root_on_btrfs = storage.mount("/").is_some();
    forget(&mut filled.host, answer);
    explain(&mut filled.host, answer);
    filled
}

/// A host that static reading cannot enter at all.
pub fn alone(real: Host, answer: &Answer) -> Filled {
    let mut filled = Filled {
        version: answer.version.to_string(),
        disagreements: Vec::new(),
        from_nix: BTreeMap::new(),
        host: real,
    };
    let mounts = filled.host.storage.filesystems.iter();
    let mounts = mounts.flat_map(|f| &f.mounts);
    let mut told: Vec<String> = mounts.map(|m| mount_name(&m.mountpoint)).collect();
    told.extend(filled.host.settings.iter().map(|(path, _)| path.to_owned()));
    for path in told {
        filled.told(path, 0);
    }
    filled
}

fn mount_name(mountpoint: &str) -> String {
    format!("fileSystems.{mountpoint}")
}

fn settings(filled: &mut Filled, real: &Host) {
    for (path, reading) in real.settings.iter() {
        let Ok(setting) = reading else { continue };
        if filled.host.settings.known(path).is_none() {
            let value = Ok(setting.clone());
            filled.host.settings.insert(path.to_owned(), value);
            filled.told(path.to_owned(), setting.at.iter().count());
        }
    }
}

/// Takes what one of Nix's filesystems adds.
fn storage(filled: &mut Filled, theirs: &Filesystem) {
    let shares = |ours: &Filesystem| {
        ours.source == theirs.source && matches!(ours.source, crate::model::StorageSource::Disko(_))
            || ours
                .mounts
                .iter()
                .any(|m| theirs.mount(&m.mountpoint).is_some())
    };
    let index = filled.host.storage.filesystems.iter().position(shares);
    let Some(index) = index else {
        filled.host.storage.filesystems.push(theirs.clone());
        for mount in &theirs.mounts {
            filled.told(mount_name(&mount.mountpoint), places(mount));
        }
        return;
    };
    let mut told = Vec::new();
    let ours = &mut filled.host.storage.filesystems[index];
    if ours.mkfs_args.known().is_none() && theirs.mkfs_args.known().is_some() {
        ours.mkfs_args = theirs.mkfs_args.clone();
        told.push((format!("mkfs_args of {}", theirs.name()), 0));
    }
    for subvolume in &theirs.subvolumes {
        if !ours.subvolumes.iter().any(|s| s.name == subvolume.name) {
            ours.subvolumes.push(subvolume.clone());
        }
    }
    for mount in &theirs.mounts {
        let name = mount_name(&mount.mountpoint);
        match ours
            .mounts
            .iter_mut()
            .find(|m| m.mountpoint == mount.mountpoint)
        {
            Some(known) if known.options.known().is_none() && mount.options.known().is_some() => {
                known.options = mount.options.clone();
                if known.written.known().is_none() {
                    known.written = mount.written.clone();
                }
                if known.subvolume.is_none() {
                    known.subvolume = mount.subvolume.clone();
                }
                told.push((format!("{name}.options"), places(mount)));
            }
            Some(_) => {}
            None => {
                ours.mounts.push(mount.clone());
                told.push((name, places(mount)));
            }
        }
    }
    ours.mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    for (name, places) in told {
        filled.told(name, places);
    }
}

fn places(mount: &Mount) -> usize {
    let options = mount.options.known().into_iter().flatten();
    options.filter(|option| option.at.is_some()).count()
}

/// What was unknown of the storage is not any more, if Nix knows all of it.
fn forget(host: &mut Host, answer: &Answer) {
    let is_storage = |what: &str| what.starts_with("fileSystems") || what.starts_with("disko.");
    let all = answer
        .entries
        .iter()
        .filter(|(path, _)| is_storage(&path.join(".")))
        .all(|(_, entry)| entry.value.is_ok());
    let settings = &host.settings;
    let stays = |fact: &UnknownFact| {
        !(all && is_storage(&fact.what)) && settings.known(&fact.what).is_none()
    };
    host.unknown.retain(stays);
}

/// Adds why Nix does not know it either.
fn explain(host: &mut Host, answer: &Answer) {
    for (path, entry) in &answer.entries {
        let Err(why) = &entry.value else { continue };
        let what = path.join(".");
        if let Some(Err(fact)) = host.settings.get(&what) {
            let mut fact = fact.clone();
            fact.why = format!("{}; {why}", fact.why);
            host.settings.insert(what, Err(fact));
        } else if ["fileSystems", "disko"].contains(&path[0].as_str()) {
            host.unknown.push(UnknownFact {
                what,
                why: why.clone(),
                at: None,
            });
        }
    }
}
