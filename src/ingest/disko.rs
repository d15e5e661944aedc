//! `disko.devices` → storage, with disko's own semantics.
//!
//! Source: disko lib/types (btrfs.nix, filesystem.nix, luks.nix, gpt.nix, lvm_vg.nix, mdadm.nix) and
//! lib/default.nix at 878ec37. A btrfs may sit below any `content`; each mounted subvolume becomes
//! `fileSystems.<mountpoint>` with `mountOptions ++ [ "subvol=<name>" ]`.

use super::values::{SetAt, Values, below};
use crate::model::{
    Filesystem, Layer, Located, Luks, Mount, MountSource, Reading, StorageSource, Subvolume,
    SwapFile,
};
use crate::nix::eval::Thunk;

/// What mount options disko sets where none are written.
pub const DEFAULT_OPTIONS: &[&str] = &["defaults"];
/// The longest partition label; disko replaces longer ones by a hash.
const MAX_LABEL: usize = 36;

struct Disko<'a, 'e> {
    values: &'a Values<'e>,
    filesystems: Vec<Filesystem>,
    /// Volume groups and arrays by name, with what lies below their members.
    below_vg: Vec<(String, Stack)>,
    below_array: Vec<(String, Stack)>,
}

/// What lies below a `content`.
#[derive(Clone)]
struct Stack {
    device: String,
    disks: Vec<String>,
    layers: Vec<Layer>,
    /// disko's name for the parent, as partition labels use it.
    parent: (&'static str, String),
}

/// The btrfs filesystems that disko describes.
pub(super) fn filesystems(values: &Values<'_>, devices: Thunk) -> Vec<Filesystem> {
    let path = vec!["disko".to_owned(), "devices".to_owned()];
    let Some(devices) = values.set(devices, path, None) else {
        return Vec::new();
    };
    let mut disko = Disko {
        values,
        filesystems: Vec::new(),
        below_vg: Vec::new(),
        below_array: Vec::new(),
    };
    for (name, disk) in disko.sets(&devices, "disk") {
        let device = match values.text(&disk, "device") {
            Some(Ok(device)) => device.value,
            Some(Err(_)) | None => format!("the device of disk {name}"),
        };
        let stack = Stack {
            device: device.clone(),
            disks: vec![device],
            layers: Vec::new(),
            parent: ("disk", name),
        };
        disko.content(&disk, stack);
    }
    for (name, array) in disko.sets(&devices, "mdadm") {
        let mut stack = merged(&disko.below_array, &name);
        stack.device = format!("/dev/md/{name}");
        stack.layers.push(Layer::Mdraid { name: name.clone() });
        stack.parent = ("mdadm", name);
        disko.content(&array, stack);
    }
    for (vg, group) in disko.sets(&devices, "lvm_vg") {
        for (lv, volume) in disko.sets(&group, "lvs") {
            let mut stack = merged(&disko.below_vg, &vg);
            stack.device = format!("/dev/{vg}/{lv}");
            stack.layers.push(Layer::Lvm {
                name: format!("{vg}/{lv}"),
            });
            disko.content(&volume, stack);
        }
    }
    for (name, pool) in disko.sets(&devices, "zpool") {
        for (_, volume) in disko.sets(&pool, "datasets") {
            let stack = Stack {
                device: format!("a volume of the pool {name}"),
                disks: Vec::new(),
                layers: Vec::new(),
                parent: ("zpool", name.clone()),
            };
            disko.content(&volume, stack);
        }
    }
    disko.filesystems
}

/// Everything below a volume group or array: all its members' disks and layers.
fn merged(members: &[(String, Stack)], name: &str) -> Stack {
    let mut stack = Stack {
        device: String::new(),
        disks: Vec::new(),
        layers: Vec::new(),
        parent: ("", String::new()),
    };
    for (_, member) in members.iter().filter(|(n, _)| n == name) {
        stack.disks.extend(member.disks.iter().cloned());
        for layer in &member.layers {
            if !stack.layers.contains(layer) {
                stack.layers.push(layer.clone());
            }
        }
    }
    stack
}

impl Disko<'_, '_> {
    fn sets(&self, parent: &SetAt, name: &str) -> Vec<(String, SetAt)> {
        self.values
            .child(parent, name)
            .map(|set| self.values.children(&set))
            .unwrap_or_default()
    }

    /// Follows the `content` of a disk, partition, container or volume.
    fn content(&mut self, holder: &SetAt, stack: Stack) {
        if let Some(content) = self.values.child(holder, "content") {
            self.device_type(&content, stack);
        }
    }

    fn device_type(&mut self, content: &SetAt, mut stack: Stack) {
        let Some(kind) = self.values.known_text(content, "type") else {
            return;
        };
        match kind.as_str() {
            "gpt" => {
                for (name, partition) in self.sets(content, "partitions") {
                    let name = self.values.known_text(&partition, "name").unwrap_or(name);
                    let written = self.values.known_text(&partition, "label");
                    let label = written
                        .unwrap_or_else(|| format!("{}-{}-{name}", stack.parent.0, stack.parent.1));
                    let mut stack = stack.clone();
                    stack.device = match label.chars().count() {
                        0..=MAX_LABEL => format!("/dev/disk/by-partlabel/{label}"),
                        _ => format!("partition {name} of {}", stack.parent.1),
                    };
                    stack.layers.push(Layer::Partition { name });
                    self.content(&partition, stack);
                }
            }
            "table" => self.legacy_table(content, &stack),
            "luks" => {
                let luks = self.luks(content);
                stack.device = format!("/dev/mapper/{}", luks.name);
                stack.layers.push(Layer::Luks(Box::new(luks)));
                self.content(content, stack);
            }
            "lvm_pv" => {
                let vg = self.values.known_text(content, "vg").unwrap_or_default();
                self.below_vg.push((vg, stack));
            }
            "mdraid" => {
                let name = self.values.known_text(content, "name").unwrap_or_default();
                self.below_array.push((name, stack));
            }
            "btrfs" => self.btrfs(content, stack, true),
            "filesystem"
                if self.values.known_text(content, "format").as_deref() == Some("btrfs") =>
            {
                self.btrfs(content, stack, false);
            }
            _ => {}
        }
    }

    /// The deprecated `table`, whose partitions are a list.
    fn legacy_table(&mut self, content: &SetAt, stack: &Stack) {
        let Some(attribute) = content.set.get("partitions") else {
            return;
        };
        let path = below(&content.path, "partitions");
        let e = self.values.e;
        let Ok(list) = e.force(attribute.value).and_then(|v| e.as_list(&v, v.at)) else {
            return;
        };
        for (index, item) in list.items.iter().enumerate() {
            let path = below(&path, &index.to_string());
            let Some(partition) = self.values.set(*item, path, None) else {
                continue;
            };
            let name = self
                .values
                .known_text(&partition, "name")
                .unwrap_or_default();
            let mut stack = stack.clone();
            stack.device = format!("/dev/disk/by-partlabel/{name}");
            stack.layers.push(Layer::Partition { name });
            self.content(&partition, stack);
        }
    }

    fn luks(&self, content: &SetAt) -> Luks {
        let settings = self.values.child(content, "settings");
        let name = self.values.known_text(content, "name").unwrap_or_default();
        Luks {
            path: content.path.clone(),
            name,
            allow_discards: self.values.flag(settings.as_ref(), "allowDiscards"),
            bypass_workqueues: self.values.flag(settings.as_ref(), "bypassWorkqueues"),
            format_args: self.texts_or_empty(content, "extraFormatArgs"),
            at: content.at,
        }
    }

    fn texts_or_empty(&self, parent: &SetAt, name: &str) -> Reading<Vec<Located<String>>> {
        match parent.set.get(name) {
            Some(attribute) => self.values.texts(attribute, &below(&parent.path, name)),
            None => Ok(Vec::new()),
        }
    }

    fn btrfs(&mut self, content: &SetAt, stack: Stack, has_subvolumes: bool) {
        let device = self
            .values
            .known_text(content, "device")
            .unwrap_or(stack.device);
        let mut filesystem = Filesystem {
            source: StorageSource::Disko(content.path.clone()),
            device,
            disks: stack.disks,
            layers: stack.layers,
            mkfs_args: self.texts_or_empty(content, "extraArgs"),
            subvolumes: Vec::new(),
            mounts: Vec::new(),
            at: content.at,
        };
        if let Some(mountpoint) = self.values.known_text(content, "mountpoint") {
            filesystem
                .mounts
                .push(self.mount(content, mountpoint, None));
        }
        let subvolumes = if has_subvolumes {
            self.sets(content, "subvolumes")
        } else {
            Vec::new()
        };
        for (attribute, subvolume) in subvolumes {
            let name = self
                .values
                .known_text(&subvolume, "name")
                .unwrap_or(attribute);
            let mountpoint = self.values.known_text(&subvolume, "mountpoint");
            if let Some(mountpoint) = &mountpoint {
                let mount = self.mount(&subvolume, mountpoint.clone(), Some(&name));
                filesystem.mounts.push(mount);
            }
            let swap = self
                .sets(&subvolume, "swap")
                .into_iter()
                .map(|(file, swap)| SwapFile {
                    path: self.values.known_text(&swap, "path").unwrap_or(file),
                    size: self
                        .values
                        .known_text(&swap, "size")
                        .unwrap_or_else(|| "8G".to_owned()),
                });
            filesystem.subvolumes.push(Subvolume {
                path: subvolume.path.clone(),
                name,
                mountpoint,
                swap: swap.collect(),
                at: subvolume.at,
            });
        }
        filesystem
            .mounts
            .sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        self.filesystems.push(filesystem);
    }

    fn mount(&self, holder: &SetAt, mountpoint: String, subvolume: Option<&str>) -> Mount {
        let path = below(&holder.path, "mountOptions");
        let written = match holder.set.get("mountOptions") {
            Some(attribute) => self.values.texts(attribute, &path),
            None => Ok(DEFAULT_OPTIONS
                .iter()
                .map(|o| Located::new((*o).to_owned(), None))
                .collect()),
        };
        let options = written.clone().map(|mut options| {
            options.extend(subvolume.map(|s| Located::new(format!("subvol={s}"), None)));
            options
        });
        Mount {
            mountpoint,
            subvolume: subvolume.map(|s| s.trim_start_matches('/').to_owned()),
            source: MountSource::Disko(path),
            written,
            options,
            needed_for_boot: false,
            at: holder.at,
        }
    }
}
