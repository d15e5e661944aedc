//! Owns: what an action sets, so that two of them can be told to contradict each other whatever
//! text they are written as.

use serde_json::Value as Json;

use super::{Action, DirectoryAttribute, MkfsSetting, MountEdit};
use crate::btrfs::{Scope, aspect, lookup, parse_options};
use crate::model::{Filesystem, Host, StorageSource};

/// One thing that can be set to one thing only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A property that mount options set, on one mount: `compress`, `commit`, `atime` …
    MountOption {
        /// The mount point.
        mountpoint: String,
        /// The property.
        property: String,
    },
    /// The same, of the filesystem that all its mounts show.
    FilesystemOption {
        /// The filesystem, by the name that people know it by.
        filesystem: String,
        /// The property.
        property: String,
    },
    /// What is mounted at a directory.
    MountPoint(String),
    /// A subvolume.
    Subvolume(Vec<String>),
    /// A setting of `mkfs.btrfs`.
    Mkfs {
        /// The filesystem.
        filesystem: Vec<String>,
        /// Which.
        setting: String,
    },
    /// A NixOS option, or one of a LUKS container that disko describes.
    Option(Vec<String>),
    /// An element of a list.
    Element {
        /// The list.
        path: Vec<String>,
        /// The element, or what it sets.
        element: String,
    },
    /// An attribute of a directory.
    Directory {
        /// The directory.
        directory: String,
        /// The attribute.
        attribute: &'static str,
    },
}

/// What a target is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// This.
    Is(Json),
    /// Nothing: it is taken away.
    Gone,
}

/// A target and what it is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets {
    /// What is set.
    pub target: Target,
    /// To what.
    pub to: Setting,
}

impl Target {
    /// What it is, for people.
    pub fn describe(&self) -> String {
        match self {
            Target::MountOption {
                mountpoint,
                property,
            } => format!("{property} of the mount {mountpoint}"),
            Target::FilesystemOption {
                filesystem,
                property,
            } => format!("{property} of the filesystem of {filesystem}"),
            Target::MountPoint(directory) => format!("what is mounted at {directory}"),
            Target::Subvolume(path) => match path.last() {
                Some(name) => format!("the subvolume {name}"),
                None => "a subvolume".to_owned(),
            },
            Target::Mkfs { setting, .. } => format!("{setting} of mkfs.btrfs"),
            Target::Option(path) => path.join("."),
            Target::Element { path, element } => format!("{element} in {}", path.join(".")),
            Target::Directory {
                directory,
                attribute,
            } => format!("{attribute} of {directory}"),
        }
    }
}

/// The first target that two lists of settings set to different things.
pub fn contradiction<'a>(one: &'a [Sets], other: &[Sets]) -> Option<&'a Target> {
    one.iter()
        .find(|a| other.iter().any(|b| contradict(a, b) || contradict(b, a)))
        .map(|sets| &sets.target)
}

fn contradict(a: &Sets, b: &Sets) -> bool {
    match (&a.target, &b.target) {
        (Target::Option(whole), Target::Option(inner)) if inner.starts_with(whole) => {
            setting_below(&a.to, &inner[whole.len()..]) != b.to
        }
        (Target::Option(list), Target::Element { path, element }) if list == path => {
            let holds = match &a.to {
                Setting::Is(Json::Array(items)) => items.iter().any(|i| text_of(i) == *element),
                Setting::Is(_) | Setting::Gone => false,
            };
            holds != matches!(b.to, Setting::Is(_))
        }
        (one, other) => one == other && a.to != b.to,
    }
}

/// What a setting says of something within it.
fn setting_below(whole: &Setting, path: &[String]) -> Setting {
    let Setting::Is(json) = whole else {
        return Setting::Gone;
    };
    let found = path.iter().try_fold(json, |json, name| json.get(name));
    found.map_or(Setting::Gone, |json| Setting::Is(json.clone()))
}

fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Action {
    /// What it sets on a host, in a fixed order.
    pub fn sets(&self, host: &Host) -> Vec<Sets> {
        let is = |target, json: Json| Sets {
            target,
            to: Setting::Is(json),
        };
        let gone = |target| Sets {
            target,
            to: Setting::Gone,
        };
        let element = |path: &[String], element: String| Target::Element {
            path: path.to_vec(),
            element,
        };
        match self {
            Action::EditMountOptions { mounts } => {
                mounts.iter().flat_map(|m| of_mount(m, host)).collect()
            }
            Action::AddSubvolume {
                filesystem,
                name,
                mountpoint,
                options,
            } => of_subvolume(filesystem, name, mountpoint.as_deref(), options, host),
            Action::SplitSubvolume {
                filesystem,
                name,
                mountpoint,
                options,
            } => of_subvolume(filesystem, name, Some(mountpoint), options, host),
            Action::AddSwapSubvolume {
                filesystem,
                name,
                mountpoint,
                file,
                size,
            } => {
                let mut sets = of_subvolume(filesystem, name, Some(mountpoint), &[], host);
                let mut path = filesystem.clone();
                path.extend(["subvolumes", name, "swap", file].map(str::to_owned));
                sets.push(is(Target::Option(path), size.0.into()));
                sets
            }
            Action::MergeSubvolume { subvolume } => {
                let mounted = mountpoint_of(subvolume, host).map(Target::MountPoint);
                let subvolume = Target::Subvolume(subvolume.clone());
                mounted.into_iter().chain([subvolume]).map(gone).collect()
            }
            Action::RenameSubvolume { subvolume, name } => {
                vec![is(
                    Target::Subvolume(subvolume.clone()),
                    name.as_str().into(),
                )]
            }
            Action::UnmountSubvolume { subvolume } => {
                let mounted = mountpoint_of(subvolume, host);
                mounted
                    .map(Target::MountPoint)
                    .map(gone)
                    .into_iter()
                    .collect()
            }
            Action::SetMkfs {
                filesystem,
                setting,
            } => {
                let (name, value): (String, Json) = match setting {
                    MkfsSetting::DataProfile(p) => ("the data profile".into(), p.as_str().into()),
                    MkfsSetting::MetadataProfile(p) => {
                        ("the metadata profile".into(), p.as_str().into())
                    }
                    MkfsSetting::Checksum(name) => ("the checksum".into(), name.as_str().into()),
                    MkfsSetting::NodesizeBytes(bytes) => ("the node size".into(), (*bytes).into()),
                    MkfsSetting::Feature { name, on } => {
                        (format!("the feature {name}"), (*on).into())
                    }
                    MkfsSetting::Label(label) => ("the label".into(), label.as_str().into()),
                };
                let target = Target::Mkfs {
                    filesystem: filesystem.clone(),
                    setting: name,
                };
                vec![is(target, value)]
            }
            Action::SetLuksSetting { luks, setting, on } => {
                let mut path = luks.clone();
                path.extend(["settings", setting.name()].map(str::to_owned));
                vec![is(Target::Option(path), (*on).into())]
            }
            Action::AddLuksFormatArgs { luks, arguments } => {
                let mut path = luks.clone();
                path.push("extraFormatArgs".to_owned());
                let words = words(arguments).into_iter();
                words
                    .map(|(name, value)| is(element(&path, name), value.into()))
                    .collect()
            }
            Action::SetNixosOption { path, value } => {
                vec![is(Target::Option(path.clone()), value.clone())]
            }
            Action::EditNixosList { path, remove, add } => {
                let stays = |item: &&Json| !add.contains(item);
                let removed = remove.iter().filter(stays);
                let removed = removed.map(|item| gone(element(path, text_of(item))));
                let added = add.iter();
                let added = added.map(|item| is(element(path, text_of(item)), true.into()));
                removed.chain(added).collect()
            }
            Action::AppendNixosLines { path, lines } => {
                let lines = lines.iter();
                lines
                    .map(|line| is(element(path, line.clone()), true.into()))
                    .collect()
            }
            Action::UnsetNixosOption { path } => vec![gone(Target::Option(path.clone()))],
            Action::SetDirectoryAttribute {
                directory,
                attribute,
            } => {
                let (attribute, value): (_, Json) = match attribute {
                    DirectoryAttribute::NoCow => ("the attribute C", true.into()),
                    DirectoryAttribute::Compression(algorithm) => (
                        "the compression",
                        serde_json::to_value(algorithm).unwrap_or_default(),
                    ),
                };
                let target = Target::Directory {
                    directory: directory.clone(),
                    attribute,
                };
                vec![is(target, value)]
            }
        }
    }
}

/// What is mounted where, and what its options become.
fn of_subvolume(
    filesystem: &[String],
    name: &str,
    mountpoint: Option<&str>,
    options: &[String],
    host: &Host,
) -> Vec<Sets> {
    let mut path = filesystem.to_vec();
    path.extend(["subvolumes", name].map(str::to_owned));
    let mut sets = vec![Sets {
        target: Target::Subvolume(path),
        to: Setting::Is(true.into()),
    }];
    if let Some(mountpoint) = mountpoint {
        sets.push(Sets {
            target: Target::MountPoint(mountpoint.to_owned()),
            to: Setting::Is(name.trim_start_matches('/').into()),
        });
        let of = host.storage.filesystems.iter().find(|f| match &f.source {
            StorageSource::Disko(own) => own == filesystem,
            StorageSource::FileSystems => false,
        });
        sets.extend(of_options(options, mountpoint, of, host));
    }
    sets
}

fn of_mount(edit: &MountEdit, host: &Host) -> Vec<Sets> {
    let found = host.storage.mount(&edit.mountpoint);
    let mut sets = Vec::new();
    if let Some(subvolume) = found.and_then(|(_, mount)| mount.subvolume.as_deref()) {
        sets.push(Sets {
            target: Target::MountPoint(edit.mountpoint.clone()),
            to: Setting::Is(subvolume.into()),
        });
    }
    let added = of_options(&edit.add, &edit.mountpoint, found.map(|(f, _)| f), host);
    let removed = of_options(&edit.remove, &edit.mountpoint, None, host);
    for removed in removed {
        // What is set anew is not gone.
        if !added.iter().any(|a| a.target == removed.target) {
            sets.push(Sets {
                to: Setting::Gone,
                ..removed
            });
        }
    }
    sets.extend(added);
    sets
}

/// What options set on a mount, and with it on its filesystem, where that is given.
fn of_options(
    options: &[String],
    mountpoint: &str,
    filesystem: Option<&Filesystem>,
    host: &Host,
) -> Vec<Sets> {
    let mut sets = Vec::new();
    for option in parse_options(options) {
        let of_kernel = aspect(&option, &host.target());
        let property = of_kernel.map_or_else(|| option.name.clone(), |a| format!("{a:?}"));
        let to = Setting::Is(option.text.as_str().into());
        let whole = lookup(&option.name).is_some_and(|spec| spec.scope == Scope::Filesystem);
        if let (Some(filesystem), true) = (filesystem, whole) {
            sets.push(Sets {
                target: Target::FilesystemOption {
                    filesystem: filesystem.name().to_owned(),
                    property: property.clone(),
                },
                to: to.clone(),
            });
        }
        sets.push(Sets {
            target: Target::MountOption {
                mountpoint: mountpoint.to_owned(),
                property,
            },
            to,
        });
    }
    sets
}

fn mountpoint_of(subvolume: &[String], host: &Host) -> Option<String> {
    let mut all = host.storage.filesystems.iter().flat_map(|f| &f.subvolumes);
    let found = all.find(|s| s.path == *subvolume)?;
    found.mountpoint.as_ref().ok()?.clone()
}

/// `--name value`, `--name=value` and flags, as names and values.
fn words(arguments: &[String]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for argument in arguments {
        match (argument.strip_prefix("--"), found.last_mut()) {
            (Some(_), _) => {
                let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
                found.push((name.to_owned(), value.to_owned()));
            }
            (None, Some((_, value))) if value.is_empty() => *value = argument.clone(),
            (None, _) => found.push((argument.clone(), String::new())),
        }
    }
    found
}
