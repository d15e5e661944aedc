//! A directory that becomes a subvolume of its own: its name, its options, and the action.

use crate::btrfs::{MountOption, Scope, lookup, whole};
use crate::model::{Filesystem, Host, StorageSource};
use crate::recommend::Action;

/// The action that makes a directory of a filesystem a subvolume of its own, with a name in the
/// style of its siblings. `None` where nobody declares subvolumes, or the options of the filesystem
/// are not known.
pub(super) fn split(
    host: &Host,
    filesystem: &Filesystem,
    directory: &str,
    name: &str,
) -> Option<Action> {
    let StorageSource::Disko(path) = &filesystem.source else {
        return None;
    };
    Some(Action::SplitSubvolume {
        filesystem: path.clone(),
        name: name_among_siblings(filesystem, name),
        mountpoint: directory.to_owned(),
        options: options(host, filesystem)?,
    })
}

/// The last part of a path.
pub(super) fn last_part(directory: &str) -> &str {
    directory.rsplit('/').next().unwrap_or_default()
}

/// A name in the style of its siblings that none of them has.
fn name_among_siblings(filesystem: &Filesystem, name: &str) -> String {
    let siblings: Vec<&str> = filesystem
        .subvolumes
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    let all = |prefix: char| !siblings.is_empty() && siblings.iter().all(|s| s.starts_with(prefix));
    let prefix = if all('/') {
        "/"
    } else if all('@') {
        "@"
    } else {
        ""
    };
    let name = format!("{prefix}{name}");
    let taken = siblings
        .iter()
        .any(|s| s.trim_matches('/') == name.trim_matches('/'));
    match taken {
        true => format!("{name}-data"),
        false => name,
    }
}

/// What the deciding mount asks of the whole filesystem, so that nothing is inconsistent, and
/// `noatime`.
fn options(host: &Host, filesystem: &Filesystem) -> Option<Vec<String>> {
    let of_filesystem = |option: &MountOption| {
        lookup(&option.name).is_some_and(|spec| spec.scope == Scope::Filesystem)
    };
    let mut options: Vec<String> = decided(host, filesystem)?
        .into_iter()
        .filter(of_filesystem)
        .map(|o| o.text)
        .collect();
    options.push("noatime".to_owned());
    Some(options)
}

/// The options of the mount that decides for the filesystem (of the first one where that is left
/// to chance).
pub(super) fn decided(host: &Host, filesystem: &Filesystem) -> Option<Vec<MountOption>> {
    let specs = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    let first = *whole(&specs, host.stage1(), &host.target(), &facts)
        .order
        .first()?;
    Some(specs.get(first)?.options.clone())
}
