//! The model of hosts → the document.

use std::path::Path;

use rnix::ast::{self, InterpolPart};
use rowan::ast::AstNode as _;
use serde_json::Value as Json;

use super::*;
use crate::analyze::workload;
use crate::btrfs::{Decided, MkfsArgs, whole};
use crate::ingest::problem;
use crate::model::{self, Host, Located, Reading, StorageSource, Texts, UnknownFact};
use crate::nix::source::{Sources, Span};
use crate::nix::syntax;

/// The document of these hosts, and of what was in the way of finding all.
pub fn document(hosts: &[Host], met: &[problem::Problem], sources: &Sources) -> Document {
    let reader = Reader { sources };
    let of_project = met.iter().map(|met| Problem {
        host: None,
        what: reader.shown(&met.source),
        why: reader.shown(&met.message),
        at: met.line.zip(met.column).map(|(line, column)| At {
            file: reader.shown(&met.source),
            line,
            column,
            length: 0,
        }),
    });
    let mut problems: Vec<Problem> = of_project.collect();
    for host in hosts {
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
        hosts: hosts.iter().map(|host| reader.host(host)).collect(),
        problems,
    }
}

struct Reader<'a> {
    sources: &'a Sources,
}

impl Reader<'_> {
    fn host(&self, host: &Host) -> HostDocument {
        let mut unknown: Vec<Unknown> = host.unknown.iter().map(|u| self.unknown(u)).collect();
        let filesystems = host.storage.filesystems.iter().map(|f| {
            unknown.extend(unknown_of(f).into_iter().map(|u| self.unknown(u)));
            self.filesystem(host, f)
        });
        let filesystems = filesystems.collect();
        let mut setting = |reading: &Reading<model::Setting>| match reading {
            Ok(setting) => Some(self.setting(setting)),
            Err(fact) => {
                unknown.push(self.unknown(fact));
                None
            }
        };
        let sysctl = "boot.kernel.sysctl.";
        let sysctl = host.settings.below(sysctl).filter_map(|(path, reading)| {
            Some((path.strip_prefix(sysctl)?.to_owned(), setting(reading)?))
        });
        let sysctl = sysctl.collect();
        let services = workload::watched(host).into_iter();
        let services = services
            .filter_map(|(path, reading)| Some((path.to_owned(), setting(reading)?)))
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
            files,
            filesystems,
            sysctl,
            services,
            unknown: said,
        }
    }

    fn filesystem(&self, host: &Host, filesystem: &model::Filesystem) -> Filesystem {
        let (path, source) = match &filesystem.source {
            // Below `disko.devices`.
            StorageSource::Disko(path) => (path.get(2..).map(<[_]>::to_vec), Source::Disko),
            StorageSource::FileSystems => (None, Source::FileSystems),
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
            mkfs_args: self.texts(&filesystem.mkfs_args),
            mountpoint: known(&filesystem.mountpoint).flatten(),
            options: self.texts(&filesystem.options),
            added: self.added(filesystem, &filesystem.mountpoint),
            swap: filesystem.swap.iter().map(|s| self.swap(s)).collect(),
            subvolumes: Vec::new(),
            effective: effective(host, filesystem),
            members: args.map(|args| {
                let extra = args.extra_devices.into_iter().map(|d| Some(d.value));
                std::iter::once(device.as_ref().map(|d| d.value.clone()))
                    .chain(extra)
                    .collect()
            }),
            device: device.map(|d| d.value),
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
            let options = self.texts(&mount.options);
            let other = mount.subvolume.is_some() || mount.options.known().is_none();
            if other || document.mountpoint.is_some() {
                document.subvolumes.push(Subvolume {
                    name: mount.subvolume.clone(),
                    mountpoint: Some(mount.mountpoint.clone()),
                    options,
                    added: None,
                    swap: Vec::new(),
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
        Some(self.texts(mount.added.as_ref()?))
    }

    fn subvolume(&self, filesystem: &model::Filesystem, subvolume: &model::Subvolume) -> Subvolume {
        Subvolume {
            name: Some(subvolume.name.clone()),
            mountpoint: known(&subvolume.mountpoint).flatten(),
            options: self.texts(&subvolume.options),
            added: self.added(filesystem, &subvolume.mountpoint),
            swap: subvolume.swap.iter().map(|s| self.swap(s)).collect(),
        }
    }

    fn swap(&self, file: &model::SwapFile) -> Swap {
        Swap {
            path: known(&file.path),
            size: known(&file.size),
            priority: known(&file.priority).flatten(),
            options: self.texts(&file.options),
        }
    }

    fn texts(&self, texts: &Texts) -> Option<Vec<Text>> {
        let element = |element: Result<&Located<String>, &UnknownFact>| match element {
            Ok(text) => Text {
                at: text.at.and_then(|at| self.literal(at, &text.value)),
                text: Some(text.value.clone()),
            },
            Err(fact) => Text {
                text: None,
                at: fact.at.and_then(|at| self.place(at)),
            },
        };
        Some(texts.elements()?.into_iter().map(element).collect())
    }

    fn setting(&self, setting: &model::Setting) -> Setting {
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
