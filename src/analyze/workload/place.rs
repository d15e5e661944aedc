//! Where the data of a workload lies: from the path that a service names to the device below it.

use serde::{Deserialize, Serialize};

use super::kind::Engine;
use crate::analyze::facts;
use crate::model::metrics::MountEntry;
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host, Mount, storage};

/// A path that a workload works on, and what holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "DataPlace")]
pub struct Place {
    /// The path by which the work knows it.
    pub path: String,
    /// Where it lies, behind links and bind mounts.
    pub real_path: String,
    /// The engine that works there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub engine: Option<Engine>,
    /// The btrfs filesystem, by its first mount point or its device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filesystem: Option<String>,
    /// The subvolume, by its path in the filesystem; none for the top level, or where it is not
    /// known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subvolume: Option<String>,
    /// Where that is mounted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mount: Option<String>,
    /// The devices of the filesystem.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub devices: Vec<String>,
    /// How it is known, or why it is not: one step each.
    pub why: Vec<String>,
}

impl Place {
    /// Whether the filesystem that holds it is known.
    pub fn is_resolved(&self) -> bool {
        self.filesystem.is_some()
    }

    /// Follows a path. That of a service with `DynamicUser` is a link into `/var/lib/private`
    /// (systemd.exec(5)).
    pub fn of(host: &Host, path: &str, engine: Option<Engine>, dynamic: bool) -> Place {
        let path = tidy(path);
        let mut place = Place {
            path: path.clone(),
            real_path: path,
            engine,
            ..Place::default()
        };
        if dynamic {
            place.follow_private(host);
        }
        if !(place.configured(host) || place.running(host)) {
            place.explain(host);
        }
        place
    }

    fn follow_private(&mut self, host: &Host) {
        const STATE: &str = "/var/lib/";
        let Some(below) = self.real_path.strip_prefix(STATE) else {
            return;
        };
        let name = below.split('/').next().unwrap_or(below);
        // systemd can make no link of what something is mounted on.
        let own = format!("{STATE}{name}");
        let mounted = host.storage.is_mount_point(&own)
            || host.metrics.mounts.iter().any(|m| m.mountpoint == own);
        if name == "private" || mounted {
            return;
        }
        self.why.push(format!(
            "{own} is a link to {STATE}private/{name}: its service has a dynamic user"
        ));
        self.real_path = format!("{STATE}private/{below}");
    }

    /// By what the configuration mounts.
    fn configured(&mut self, host: &Host) -> bool {
        let Some((real, held)) = host.storage.locate(&self.real_path) else {
            return false;
        };
        if real != self.real_path {
            let step = format!("{} is bound from {real}", self.real_path);
            self.why.push(step);
            self.real_path = real;
        }
        let (filesystem, mount) = match held {
            storage::Place::Btrfs(filesystem, mount) => (filesystem, mount),
            storage::Place::Other(other) => {
                let what = match host.storage.in_memory.iter().any(|m| m == other) {
                    true => "a tmpfs: it is gone after a boot",
                    false => "no btrfs",
                };
                let on = match other == self.real_path {
                    true => format!("{other} is {what}"),
                    false => format!("{} lies on {other}, which is {what}", self.real_path),
                };
                // Of a home that is gone after a boot, some things may be kept.
                let kept = host.storage.binds.iter();
                let mut kept = kept.filter(|b| is_below(&b.at, &self.real_path));
                if let Some(first) = kept.next() {
                    let more = match kept.count() {
                        0 => String::new(),
                        more => format!(", and {more} more below it from elsewhere"),
                    };
                    let step = format!("{} is bound from {}{more}", first.at, first.from);
                    self.why.push(step);
                }
                self.why.push(on);
                return true;
            }
        };
        let pools = pools(host).into_iter();
        let pool = pools.filter(|(at, _)| is_below(&self.real_path, at));
        if let Some((at, said)) = pool.max_by_key(|(at, _)| at.len())
            && at.len() > mount.mountpoint.len()
        {
            let step = format!("{} lies on {at}, which {said}", self.real_path);
            self.why.push(step);
            return true;
        }
        // Something may be mounted nearer on the running system.
        if let Some(nearer) = longest(host, &self.real_path)
            && nearer.mountpoint.len() > mount.mountpoint.len()
            && nearer.fstype != "autofs"
        {
            return false;
        }
        let name = filesystem.name();
        self.why.push(format!(
            "the configuration mounts {} of {name}, the longest mount point that holds it",
            mount.mountpoint
        ));
        self.filesystem = Some(name.to_owned());
        self.mount = Some(mount.mountpoint.clone());
        self.subvolume = self.subvolume_of(host, filesystem, mount);
        self.devices = devices(host, filesystem);
        true
    }

    /// The innermost subvolume: a declared or a listed one below that which is mounted.
    fn subvolume_of(
        &mut self,
        host: &Host,
        filesystem: &Filesystem,
        mount: &Mount,
    ) -> Option<String> {
        let own = mount.subvolume.as_deref().map(|s| s.trim_matches('/'));
        let rest = self
            .real_path
            .get(mount.mountpoint.trim_end_matches('/').len()..)?;
        // The default subvolume may be any.
        let within = format!("{}{rest}", own?);
        let within = within.trim_matches('/');
        let listed = host.metrics.subvolumes.iter().filter(|listed| {
            let path = listed.path.as_deref();
            let only = host.storage.filesystems.len() == 1;
            path.map_or(only, |p| filesystem.mount(p).is_some())
        });
        let declared = filesystem.subvolumes.iter().map(|s| s.name.as_str());
        let names = declared.chain(listed.flat_map(|l| l.paths.iter().map(String::as_str)));
        let inner = names
            .map(|name| name.trim_matches('/'))
            .filter(|name| !name.is_empty() && is_below(within, name))
            .max_by_key(|name| name.len());
        match inner {
            Some(inner) if Some(inner.len()) > own.map(str::len) => {
                let step = format!("{inner} is a subvolume of its own below that mount");
                self.why.push(step);
                Some(inner.to_owned())
            }
            _ => own.filter(|o| !o.is_empty()).map(str::to_owned),
        }
    }

    /// By what the running system shows.
    fn running(&mut self, host: &Host) -> bool {
        let Some(entry) = longest(host, &self.real_path) else {
            return false;
        };
        if entry.fstype != "btrfs" {
            let step = format!(
                "{} lies on {}, which is {}",
                self.real_path, entry.mountpoint, entry.fstype
            );
            self.why.push(step);
            return true;
        }
        let subvolume = entry.subvolume().map(|s| s.trim_matches('/'));
        let root = entry.root.as_deref().map(|r| r.trim_matches('/'));
        let rest = self
            .real_path
            .get(entry.mountpoint.trim_end_matches('/').len()..)
            .unwrap_or_default()
            .to_owned();
        // A bind mount shows a directory of a subvolume that may be mounted whole elsewhere.
        let whole = host.metrics.mounts.iter().find(|other| {
            let shown = other.root.as_deref().map(|r| r.trim_matches('/'));
            other.device == entry.device
                && other.subvolume() == entry.subvolume()
                && shown == subvolume
        });
        if let (Some(root), Some(subvolume), Some(whole)) = (root, subvolume, whole)
            && root != subvolume
            && let Some(inside) = root.strip_prefix(subvolume)
        {
            let above = whole.mountpoint.trim_end_matches('/');
            let real = format!("{above}/{}{rest}", inside.trim_matches('/'));
            let step = format!("{} is bound from {real}", self.real_path);
            self.why.push(step);
            self.real_path = real;
        }
        let known = host
            .storage
            .filesystems
            .iter()
            .find(|f| f.mount(&entry.mountpoint).is_some());
        self.why.push(format!(
            "the running system shows {} at {}, the longest mount point that holds it",
            entry.device, entry.mountpoint
        ));
        self.filesystem = Some(known.map_or(&*entry.device, Filesystem::name).to_owned());
        self.mount = Some(whole.map_or(entry, |w| &w.value).mountpoint.clone());
        self.subvolume = subvolume.filter(|s| !s.is_empty()).map(str::to_owned);
        self.devices = match known.map(|f| devices(host, f)) {
            Some(devices) if !devices.is_empty() => devices,
            _ => shown(host, &entry.device),
        };
        true
    }

    fn explain(&mut self, host: &Host) {
        let nothing = host.storage.filesystems.is_empty() && host.metrics.mounts.is_empty();
        self.why.push(match nothing {
            true => format!(
                "what holds {} is not known: nothing says what is mounted",
                self.real_path
            ),
            false => format!(
                "what holds {} is not known: no mount that is known is above it",
                self.real_path
            ),
        });
    }
}

const EXTRA_POOLS: &str = "boot.zfs.extraPools";

/// The options that are looked at to find what holds a path.
pub(super) const OPTIONS: [&str; 1] = [EXTRA_POOLS];

/// Where ZFS mounts pools and datasets, and what says so: it needs no `fileSystems` for that.
/// Sources: nixpkgs nixos/modules/tasks/filesystems/zfs.nix (`extraPools`); disko lib/types/zpool.nix
/// and zfs_fs.nix; zfsprops(7): a dataset is mounted at its name unless told otherwise.
fn pools(host: &Host) -> Vec<(String, String)> {
    const DISKO: &str = "disko.devices.zpool.";
    let mut found = Vec::new();
    let imported = host.settings.known(EXTRA_POOLS);
    let imported = imported.and_then(|s| s.value.as_array()).into_iter();
    for name in imported.flatten().filter_map(|name| name.as_str()) {
        let said = format!("the pool {name} of ZFS mounts by default");
        found.push((format!("/{name}"), said));
    }
    for (option, reading) in host.settings.below(DISKO) {
        let Some(rest) = option.strip_prefix(DISKO) else {
            continue;
        };
        let name = rest.split('.').next().unwrap_or(rest);
        let said = format!("the pool {name} of ZFS mounts");
        let mountpoint = reading.as_ref().ok().and_then(|s| s.value.as_str());
        if let Some(at) = mountpoint.filter(|_| rest.ends_with(".mountpoint"))
            && at.starts_with('/')
        {
            found.push((at.to_owned(), said));
        }
    }
    found
}

/// A path without slashes at its end.
fn tidy(path: &str) -> String {
    let path = path.trim().trim_end_matches('/');
    match path {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// The mount of the running system that holds a path; of several at one point the last hides the
/// others.
fn longest<'h>(host: &'h Host, path: &str) -> Option<&'h MountEntry> {
    let entries = host.metrics.mounts.iter();
    entries
        .filter(|m| is_below(path, &m.mountpoint))
        .max_by_key(|m| m.mountpoint.len())
        .map(|m| &m.value)
}

/// The devices of a filesystem: the kernel's names where the hardware report has them.
fn devices(host: &Host, filesystem: &Filesystem) -> Vec<String> {
    let disks = facts::disks(host, filesystem);
    if !disks.is_empty() {
        let names = disks.iter().map(|d| format!("/dev/{}", d.kernel_name));
        return names.collect();
    }
    if !filesystem.disks.is_empty() {
        return filesystem.disks.clone();
    }
    let device = filesystem.device.as_ref().ok().map(|d| d.value.clone());
    match facts::running(host, filesystem).first() {
        Some(entry) => shown(host, &entry.device),
        None => device.into_iter().collect(),
    }
}

/// All devices of the filesystem to which one belongs.
fn shown(host: &Host, device: &str) -> Vec<String> {
    let of = |show: &&crate::model::metrics::Sourced<crate::model::metrics::FilesystemShow>| {
        show.devices.iter().any(|d| d.path == device)
    };
    match host.metrics.shown.iter().find(of) {
        Some(show) => show.devices.iter().map(|d| d.path.clone()).collect(),
        None => vec![device.to_owned()],
    }
}
