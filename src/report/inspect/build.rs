//! The model of hosts → the document.

use std::path::Path;

use rnix::ast::{self, InterpolPart};
use rowan::ast::AstNode as _;
use serde_json::Value as Json;

use super::*;
use crate::analyze::workload;
use crate::btrfs::{Decided, MkfsArgs, whole};
use crate::ingest::oracle::{BESIDE, Filled, Provenance};
use crate::ingest::problem;
use crate::model::{self, Host, Located, Reading, StorageSource, Texts, UnknownFact};
use crate::nix::source::{Sources, Span};
use crate::nix::syntax;

/// What Nix said of hosts, by their names.
pub type Told = BTreeMap<String, Filled>;

/// The document of these hosts, and of what was in the way of finding all.
pub fn document(hosts: &[Host], met: &[problem::Problem], sources: &Sources) -> Document {
    document_told(hosts, &Told::new(), met, sources)
}

/// The same, of hosts of which Nix said what the files leave unknown.
pub fn document_told(
    hosts: &[Host],
    told: &Told,
    met: &[problem::Problem],
    sources: &Sources,
) -> Document {
    let reader = |host: Option<&Host>| Reader {
        sources,
        told: host.and_then(|host| told.get(&host.name)),
    };
    let of_project = reader(None);
    let whose = |source: &str| {
        let name = source.strip_prefix("host ")?;
        let host = hosts.iter().find(|host| host.name == name)?;
        Some(host.name.clone())
    };
    let problem = |met: &problem::Problem| Problem {
        host: whose(&met.source),
        what: of_project.shown(&met.source),
        why: of_project.shown(&met.message),
        at: met.line.zip(met.column).map(|(line, column)| At {
            file: of_project.shown(&met.source),
            line,
            column,
            length: 0,
        }),
    };
    let mut problems: Vec<Problem> = met.iter().map(problem).collect();
    for host in hosts {
        let reader = reader(Some(host));
        let skipped = host.skipped.iter().map(|fact| Problem {
            host: Some(host.name.clone()),
            what: fact.what.clone(),
            why: reader.shown(&fact.why),
            at: fact.at.and_then(|at| reader.place(at)),
        });
        problems.extend(skipped);
    }
    Document {
        format: FORMAT.to_owned(),
        hosts: hosts.iter().map(|h| reader(Some(h)).host(h)).collect(),
        problems,
    }
}

fn version<T: std::fmt::Display>(told: model::Told<T>) -> Version {
    Version {
        version: told.value.to_string(),
        by: told.by,
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    told: Option<&'a Filled>,
}

impl Reader<'_> {
    fn host(&self, host: &Host) -> HostDocument {
        let mut unknown: Vec<Unknown> = host.unknown.iter().map(|u| self.unknown(u)).collect();
        let filesystems = host.storage.filesystems.iter().map(|f| {
            unknown.extend(unknown_of(f).into_iter().map(|u| self.unknown(u)));
            self.filesystem(host, f)
        });
        let filesystems = filesystems.collect();
        let mut setting = |path: &str, reading: &Reading<model::Setting>| match reading {
            Ok(setting) => Some(self.setting(path, setting)),
            Err(fact) => {
                unknown.push(self.unknown(fact));
                None
            }
        };
        let sysctl = "boot.kernel.sysctl.";
        let sysctl = host.settings.below(sysctl).filter_map(|(path, reading)| {
            let key = path.strip_prefix(sysctl)?.to_owned();
            Some((key, setting(path, reading)?))
        });
        let sysctl = sysctl.collect();
        let services = workload::watched(host).into_iter();
        let services = services
            .filter_map(|(path, reading)| Some((path.to_owned(), setting(path, reading)?)))
            .collect();
        let mut files: Vec<String> = host.files.iter().filter_map(|f| self.file(*f)).collect();
        files.sort();
        let mut said: Vec<Unknown> = Vec::new();
        for fact in unknown {
            if !said.contains(&fact) {
                said.push(fact);
            }
        }
        HostDocument {
            name: host.name.clone(),
            found: host.found,
            release: host.release_told().map(version),
            kernel: host.kernel_told().map(version),
            files,
            filesystems,
            sysctl,
            services,
            unknown: said,
            nix: self.told.map(|told| self.nix(told)),
        }
    }

    fn nix(&self, told: &Filled) -> Nix {
        let disagreements = told.disagreements.iter().map(|found| Disagreement {
            what: found.what.clone(),
            read: self.shown(&found.read),
            read_at: found.read_at.and_then(|at| self.place(at)),
            real: self.shown(&found.real),
            real_at: found.real_at.and_then(|at| self.place(at)),
        });
        Nix {
            version: told.version.clone(),
            told: told.from_nix().collect(),
            disagreements: disagreements.collect(),
        }
    }

    /// Who said what lies at a path of the storage.
    fn from(&self, path: &[String]) -> Option<ToldBy> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        from(self.told?.storage(&path))
    }

    fn filesystem(&self, host: &Host, filesystem: &model::Filesystem) -> Filesystem {
        let (path, source) = match &filesystem.source {
            // Below `disko.devices`.
            StorageSource::Disko(path) => (path.get(2..).map(<[_]>::to_vec), Source::Disko),
            StorageSource::FileSystems => (None, Source::FileSystems),
        };
        let own: &[String] = match &filesystem.source {
            StorageSource::Disko(path) => path,
            StorageSource::FileSystems => &[],
        };
        // One of `fileSystems` is its mounts.
        let all_mounts = || {
            let mut mounts = filesystem.mounts.iter();
            mounts.all(|mount| self.from(&mount_path(&mount.mountpoint)).is_some())
        };
        let from = match source {
            Source::Disko => self.from(own),
            Source::FileSystems => all_mounts()
                .then_some(ToldBy::Nix)
                .filter(|_| self.told.is_some()),
        };
        let args = filesystem.mkfs_args.known().map(|args| {
            let words: Vec<&str> = args.iter().map(|a| a.value.as_str()).collect();
            MkfsArgs::parse(&words)
        });
        let device = known(&filesystem.device);
        let made = args.as_ref().and_then(|a| a.label.as_ref());
        let mut document = Filesystem {
            path,
            source,
            label: made.map(|l| l.value.clone()).or(filesystem.label.clone()),
            layers: filesystem.layers.iter().map(layer).collect(),
            mkfs_args: self.texts(&filesystem.mkfs_args, &below(own, "extraArgs")),
            mountpoint: known(&filesystem.mountpoint).flatten(),
            options: self.texts(&filesystem.options, &below(own, "mountOptions")),
            added: self.added(filesystem, &filesystem.mountpoint),
            swap: self.swaps(&filesystem.swap, own),
            subvolumes: Vec::new(),
            effective: effective(host, filesystem),
            members: args.map(|args| {
                let extra = args.extra_devices.into_iter().map(|d| Some(d.value));
                std::iter::once(device.as_ref().map(|d| d.value.clone()))
                    .chain(extra)
                    .collect()
            }),
            device: device.map(|d| d.value),
            from,
        };
        match source {
            Source::Disko => {
                let subvolumes = filesystem.subvolumes.iter();
                document.subvolumes = subvolumes.map(|s| self.subvolume(filesystem, s)).collect();
            }
            Source::FileSystems => self.mounts(filesystem, &mut document),
        }
        document
    }

    /// The mounts of `fileSystems`: the first without a subvolume is the filesystem's own.
    fn mounts(&self, filesystem: &model::Filesystem, document: &mut Filesystem) {
        for mount in &filesystem.mounts {
            let path = mount_path(&mount.mountpoint);
            let options = self.texts(&mount.options, &below(&path, "options"));
            let other = mount.subvolume.is_some() || mount.options.known().is_none();
            if other || document.mountpoint.is_some() {
                document.subvolumes.push(Subvolume {
                    name: mount.subvolume.clone(),
                    mountpoint: Some(mount.mountpoint.clone()),
                    options,
                    added: None,
                    swap: Vec::new(),
                    from: self.from(&path),
                });
            } else {
                document.mountpoint = Some(mount.mountpoint.clone());
                document.options = options;
            }
        }
    }

    /// What `fileSystems` says beside disko's options of a mount point.
    fn added(
        &self,
        filesystem: &model::Filesystem,
        mountpoint: &Reading<Option<String>>,
    ) -> Option<Option<Vec<Text>>> {
        let mount = filesystem.mount(mountpoint.as_ref().ok()?.as_ref()?)?;
        let path = below(&mount_path(&mount.mountpoint), BESIDE);
        Some(self.texts(mount.added.as_ref()?, &path))
    }

    fn subvolume(&self, filesystem: &model::Filesystem, subvolume: &model::Subvolume) -> Subvolume {
        Subvolume {
            name: Some(subvolume.name.clone()),
            mountpoint: known(&subvolume.mountpoint).flatten(),
            options: self.texts(&subvolume.options, &below(&subvolume.path, "mountOptions")),
            added: self.added(filesystem, &subvolume.mountpoint),
            swap: self.swaps(&subvolume.swap, &subvolume.path),
            from: self.from(&subvolume.path),
        }
    }

    fn swaps(&self, files: &[model::SwapFile], holder: &[String]) -> Vec<Swap> {
        let holder = below(holder, "swap");
        let files = files.iter().enumerate();
        files
            .map(|(index, file)| self.swap(file, &below(&holder, &index.to_string())))
            .collect()
    }

    fn swap(&self, file: &model::SwapFile, path: &[String]) -> Swap {
        Swap {
            path: known(&file.path),
            size: known(&file.size),
            priority: known(&file.priority).flatten(),
            options: self.texts(&file.options, &below(path, "options")),
        }
    }

    /// A list of texts, and the option path that it has.
    fn texts(&self, texts: &Texts, path: &[String]) -> Option<Vec<Text>> {
        let element =
            |(index, element): (usize, Result<&Located<String>, &UnknownFact>)| match element {
                Ok(text) => Text {
                    at: text.at.and_then(|at| self.literal(at, &text.value)),
                    text: Some(text.value.clone()),
                    from: self.from(&below(path, &index.to_string())),
                },
                Err(fact) => Text {
                    text: None,
                    at: fact.at.and_then(|at| self.place(at)),
                    from: None,
                },
            };
        let elements = texts.elements()?.into_iter().enumerate();
        Some(elements.map(element).collect())
    }

    fn setting(&self, path: &str, setting: &model::Setting) -> Setting {
        let at = setting.at.and_then(|at| match &setting.value {
            Json::String(text) => self.literal(at, text),
            Json::Number(number) => {
                let number = number.to_string();
                (self.sources.text(at) == number).then(|| self.place(at))?
            }
            Json::Bool(on) => {
                let on = on.to_string();
                (self.sources.text(at) == on).then(|| self.place(at))?
            }
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        });
        Setting {
            value: self.json(&setting.value),
            at,
            from: self.told.and_then(|told| from(told.setting(path))),
        }
    }

    fn unknown(&self, fact: &UnknownFact) -> Unknown {
        Unknown {
            what: fact.what.clone(),
            why: self.shown(&fact.why),
            at: fact.at.and_then(|at| self.place(at)),
        }
    }

    /// A file of the project, by its name there.
    fn file(&self, file: crate::nix::source::FileId) -> Option<String> {
        let file = self.sources.file(file)?;
        let inside = file.path().strip_prefix(self.sources.root()).ok()?;
        Some(slashes(inside))
    }

    fn place(&self, at: Span) -> Option<At> {
        let file = self.file(at.file)?;
        let place = self.sources.place(at);
        Some(At {
            file,
            line: place.line,
            column: place.column,
            length: place.length,
        })
    }

    /// The place of a string literal that says `text`. A literal that says something else wrote
    /// what `text` was made from, and so did not write it.
    fn literal(&self, at: Span, text: &str) -> Option<At> {
        let file = self.sources.file(at.file)?;
        let string: ast::Str = syntax::node_at(file.tree(), at.range)?;
        if string.syntax().text_range() != at.range {
            return None;
        }
        says(&syntax::string_parts(&string), text).then(|| self.place(at))?
    }

    /// A value without absolute paths of this machine.
    fn json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => self.shown(text).into(),
            Json::Array(items) => items.iter().map(|v| self.json(v)).collect(),
            Json::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), self.json(v)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// A text in which the project's files are named by their place in it.
    fn shown(&self, text: &str) -> String {
        let root = self.sources.root().to_string_lossy();
        if root.len() < 2 {
            return text.to_owned();
        }
        text.replace(&format!("{root}/"), "./").replace(&*root, ".")
    }
}

fn from(provenance: Provenance) -> Option<ToldBy> {
    (provenance == Provenance::Nix).then_some(ToldBy::Nix)
}

fn mount_path(mountpoint: &str) -> [String; 2] {
    ["fileSystems".to_owned(), mountpoint.to_owned()]
}

/// `path` with one more name; nothing is below what has no path.
fn below(path: &[String], name: &str) -> Vec<String> {
    match path {
        [] => Vec::new(),
        path => path.iter().cloned().chain([name.to_owned()]).collect(),
    }
}

/// Whether a string of these parts can be `text`: the parts that are not interpolated stand in it,
/// in order and without overlap.
fn says(parts: &[InterpolPart<String>], text: &str) -> bool {
    let mut rest = text;
    let mut open = false;
    for part in parts {
        match part {
            InterpolPart::Interpolation(_) => open = true,
            InterpolPart::Literal(literal) if open => match rest.find(literal.as_str()) {
                Some(at) => {
                    rest = &rest[at + literal.len()..];
                    open = false;
                }
                None => return false,
            },
            InterpolPart::Literal(literal) => match rest.strip_prefix(literal.as_str()) {
                Some(after) => rest = after,
                None => return false,
            },
        }
    }
    match parts.last() {
        // The last one may stand in it more than once.
        Some(InterpolPart::Literal(last)) if parts.len() > 1 => text.ends_with(last.as_str()),
        _ => open || rest.is_empty(),
    }
}

fn known<T: Clone>(reading: &Reading<T>) -> Option<T> {
    reading.as_ref().ok().cloned()
}

fn layer(layer: &model::Layer) -> Layer {
    let (kind, name) = match layer {
        model::Layer::Partition { name } => (LayerKind::Partition, name),
        model::Layer::Luks(luks) => (LayerKind::Luks, &luks.name),
        model::Layer::Lvm { name } => (LayerKind::Lvm, name),
        model::Layer::Mdraid { name } => (LayerKind::Mdraid, name),
    };
    Layer {
        kind,
        name: name.clone(),
    }
}

/// All that is not known of a filesystem.
fn unknown_of(filesystem: &model::Filesystem) -> Vec<&UnknownFact> {
    let mut unknown: Vec<&UnknownFact> = filesystem.device.as_ref().err().into_iter().collect();
    unknown.extend(filesystem.mkfs_args.unknown());
    unknown.extend(filesystem.mountpoint.as_ref().err());
    unknown.extend(filesystem.options.unknown());
    filesystem
        .swap
        .iter()
        .for_each(|s| unknown.extend(unknown_swap(s)));
    for subvolume in &filesystem.subvolumes {
        unknown.extend(subvolume.mountpoint.as_ref().err());
        unknown.extend(subvolume.options.unknown());
        subvolume
            .swap
            .iter()
            .for_each(|s| unknown.extend(unknown_swap(s)));
    }
    for mount in &filesystem.mounts {
        unknown.extend(mount.options.unknown());
        unknown.extend(mount.added.iter().flat_map(Texts::unknown));
    }
    unknown
}

fn unknown_swap(file: &model::SwapFile) -> Vec<&UnknownFact> {
    let mut unknown: Vec<&UnknownFact> = file.path.as_ref().err().into_iter().collect();
    unknown.extend(file.size.as_ref().err());
    unknown.extend(file.priority.as_ref().err());
    unknown.extend(file.options.unknown());
    unknown
}

fn effective(host: &Host, filesystem: &model::Filesystem) -> Option<Effective> {
    let mounts = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    let whole = whole(&mounts, host.stage1(), &host.target(), &facts);
    let first_mount = match whole.decided {
        Decided::By(mount) => mounts.get(mount).map(|m| m.mountpoint.clone()),
        Decided::ByChance(_) | Decided::Nobody => None,
    };
    Some(Effective {
        first_mount,
        options: whole.effective.map(|e| e.shown_fs),
    })
}

fn slashes(path: &Path) -> String {
    let parts = path.components().map(|c| c.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
