//! What the path of a file says about whose it is.

use std::path::{Component, Path, PathBuf};

/// Files of a directory that stand for the directory.
const GENERIC: &[&str] = &[
    "boot",
    "btrfs",
    "configuration",
    "default",
    "disk",
    "disk-config",
    "disk-configuration",
    "disko",
    "disko-config",
    "disko-configuration",
    "disks",
    "drives",
    "file-systems",
    "fileSystems",
    "filesystem",
    "filesystems",
    "fs",
    "hardware",
    "hardware-configuration",
    "host",
    "layout",
    "machine",
    "module",
    "mounts",
    "nixos",
    "partitions",
    "storage",
    "system",
    "volumes",
];
/// Directories whose entries are hosts.
const HOST_DIRECTORIES: &[&str] = &[
    "host",
    "hosts",
    "machine",
    "machines",
    "nixos",
    "nixosConfigurations",
    "nodes",
    "systems",
];
/// Entries of such directories that are no hosts.
const NO_HOSTS: &[&str] = &[
    "base",
    "common",
    "core",
    "features",
    "global",
    "lib",
    "mixins",
    "modules",
    "optional",
    "presets",
    "profiles",
    "roles",
    "services",
    "shared",
    "templates",
    "users",
];
/// Files that stand for the host's directory, in the order of preference.
pub(super) const ENTRIES: &[&str] = &["default.nix", "configuration.nix"];
/// What stands between a directory of hosts and its hosts, beside platforms.
const KIND: &str = "nixos";
/// The host that a path speaks of, and the directory of that host.
pub(super) fn host_of(root: &Path, file: &Path) -> Option<(String, PathBuf)> {
    let relative = file.strip_prefix(root).ok()?;
    let names: Vec<&str> = relative
        .components()
        .map(|c| match c {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let last = names.len().checked_sub(1)?;
    for index in 0..last {
        if !HOST_DIRECTORIES.contains(&names[index]) {
            continue;
        }
        let mut next = index + 1;
        if next < last && is_platform(names[next]) {
            next += 1;
        }
        // In `hosts/nixos/disko.nix` it is the host.
        let inside = next + 1 < last || !is_generic(&file_stem(names[last]));
        if next < last && names[next] == KIND && inside {
            next += 1;
        }
        // `nixos/hosts/X`: the inner one counts.
        if next < last && HOST_DIRECTORIES.contains(&names[next]) && (names[next] != KIND || inside)
        {
            continue;
        }
        let is_file = next == last;
        let name = match is_file {
            true => file_host(names[next])?,
            false => names[next].to_owned(),
        };
        if NO_HOSTS.contains(&name.as_str()) || (is_file && is_generic(&name)) {
            return None;
        }
        let depth = if is_file { next } else { next + 1 };
        let home = names[..depth]
            .iter()
            .fold(root.to_path_buf(), |p, n| p.join(n));
        return Some((name, home));
    }
    None
}

/// Whether a name says what a file holds, not whose it is.
pub(super) fn is_generic(name: &str) -> bool {
    GENERIC.contains(&name.trim_start_matches('_'))
}

fn file_stem(name: &str) -> String {
    stem(Path::new(name))
}

/// `x.nix`, `x.hardware.nix`, `x-disko.nix`, `disko-x.nix` → `x`
fn file_host(name: &str) -> Option<String> {
    let mut name = name.strip_suffix(".nix")?;
    if let Some((host, what)) = name.rsplit_once(['.', '-', '_'])
        && is_generic(what)
        && !host.is_empty()
        && !is_generic(name)
    {
        name = host;
    } else if let Some((what, host)) = name.split_once(['.', '-', '_'])
        && is_generic(what)
        && !host.is_empty()
        && !is_generic(name)
    {
        name = host;
    }
    Some(name.to_owned())
}

fn is_platform(name: &str) -> bool {
    ["x86_64-", "aarch64-", "armv7l-", "i686-", "riscv64-"]
        .iter()
        .any(|p| name.starts_with(p))
}

/// What a file without a host's directory is called after.
pub(super) fn name_of_file(root: &Path, file: &Path) -> String {
    let named = stem(file);
    if !is_generic(&named) {
        return named;
    }
    let above = file.parent().into_iter().flat_map(Path::ancestors);
    let mut above = above
        .take_while(|d| d.starts_with(root))
        .filter_map(Path::file_name);
    let telling = above.find(|n| !is_generic(&n.to_string_lossy()));
    telling.map_or(named, |n| n.to_string_lossy().into_owned())
}

pub(super) fn stem(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| "host".to_owned(), |s| s.to_string_lossy().into_owned())
}

/// Whether a file stands for a whole host: `hosts/X/default.nix`, `hosts/X.nix`.
pub(super) fn stands_for_host(root: &Path, file: &Path) -> bool {
    let Some((_, home)) = host_of(root, file) else {
        return false;
    };
    let in_home = ENTRIES.iter().any(|name| home.join(name) == *file);
    in_home
        || (file.parent() == Some(&home) && !is_generic(&stem(file)) && !named_after(&home, root))
}

/// Whether a directory is a host's own, not one of several hosts' files.
fn named_after(home: &Path, root: &Path) -> bool {
    host_of(root, &home.join("default.nix")).is_some_and(|(_, of)| of == *home)
}
