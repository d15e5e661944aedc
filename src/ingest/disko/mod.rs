//! `disko.devices` → storage, with disko's own semantics.
//!
//! Source: nix-community/disko lib/types (btrfs.nix, filesystem.nix, luks.nix, gpt.nix, table.nix,
//! lvm_vg.nix, mdadm.nix, zfs_volume.nix, nodev.nix) and lib/default.nix at 878ec37. A btrfs may sit
//! below any `content`; each mounted subvolume becomes `fileSystems.<mountpoint>` with
//! `mountOptions ++ [ "subvol=<name>" ]`.

mod names;

use super::values::{SetAt, Values, below};
use crate::model::{
    Filesystem, Layer, Located, Luks, Mount, MountSource, Reading, Storage, StorageSource,
    Subvolume, SwapFile, Texts, UnknownFact,
};

/// What mount options disko sets where none are written.
pub const DEFAULT_OPTIONS: &[&str] = &["defaults"];

struct Disko<'a, 'e> {
    values: &'a Values<'e>,
    storage: Storage,
    /// Whether NixOS mounts what disko describes.
    mounted: bool,
    /// Volume groups and arrays by name, with what lies below their members.
    below_vg: Vec<(String, Stack)>,
    below_array: Vec<(String, Stack)>,
}

/// What lies below a `content`.
#[derive(Clone)]
struct Stack {
    device: Reading<Located<String>>,
    disks: Vec<String>,
    layers: Vec<Layer>,
    /// disko's kind and name of the parent, as partition labels use them.
    parent: (&'static str, Reading<String>),
}

/// What disko describes below the set `disko`.
pub(super) fn storage(values: &Values<'_>, disko: &SetAt) -> Storage {
    let mut reader = Disko {
        values,
        storage: Storage::default(),
        // What may or may not be mounted is not said to be.
        mounted: values
            .known(values.flag(disko, "enableConfig"))
            .is_some_and(|enabled| enabled != Some(false)),
        below_vg: Vec::new(),
        below_array: Vec::new(),
    };
    if let Some(devices) = values.child(disko, "devices") {
        reader.devices(&devices);
    }
    reader.storage
}

/// What a disk is called whose device is not known.
pub(super) fn unknown_disk(attribute: &str) -> String {
    format!("the device of disk {attribute}")
}

/// A value that disko computes.
fn computed(text: String) -> Reading<Located<String>> {
    Ok(Located::new(text, None))
}

fn missing(path: &[String], name: &str) -> UnknownFact {
    UnknownFact {
        what: below(path, name).join("."),
        why: "disko demands it, and nothing defines it".to_owned(),
        at: None,
    }
}

impl Disko<'_, '_> {
    fn devices(&mut self, devices: &SetAt) {
        for (attribute, disk) in self.sets(devices, "disk") {
            let device = self.demanded(&disk, "device");
            let shown = match &device {
                Ok(device) => device.value.clone(),
                Err(_) => unknown_disk(&attribute),
            };
            // The default replaces what cannot stand in a label.
            let name = self.name_or(&disk, attribute.replace('/', "_"));
            let stack = Stack {
                device,
                disks: vec![shown],
                layers: Vec::new(),
                parent: ("disk", name),
            };
            self.content(&disk, stack);
        }
        for (attribute, array) in self.sets(devices, "mdadm") {
            let mut stack = merged(&self.below_array, &attribute);
            let name = self.name_or(&array, attribute.clone());
            stack.device = name.clone().and_then(|n| computed(format!("/dev/md/{n}")));
            stack.layers.push(Layer::Mdraid { name: attribute });
            stack.parent = ("mdadm", name);
            self.content(&array, stack);
        }
        for (attribute, group) in self.sets(devices, "lvm_vg") {
            let vg = self.name_or(&group, attribute.clone());
            for (lv_attribute, volume) in self.sets(&group, "lvs") {
                let mut stack = merged(&self.below_vg, &attribute);
                let lv = self.name_or(&volume, lv_attribute.clone());
                stack.device = vg.clone().and_then(|vg| {
                    let lv = lv?;
                    computed(format!("/dev/{vg}/{lv}"))
                });
                let name = format!("{attribute}/{lv_attribute}");
                stack.layers.push(Layer::Lvm { name });
                self.content(&volume, stack);
            }
        }
        for (attribute, pool) in self.sets(devices, "zpool") {
            let name = self.name_or(&pool, attribute);
            for (volume_attribute, volume) in self.sets(&pool, "datasets") {
                let volume_name = self.name_or(&volume, volume_attribute);
                let device = name.clone().and_then(|pool| {
                    let volume = volume_name?;
                    computed(format!("/dev/zvol/{pool}/{volume}"))
                });
                let stack = Stack {
                    device,
                    disks: Vec::new(),
                    layers: Vec::new(),
                    parent: ("zpool", name.clone()),
                };
                self.content(&volume, stack);
            }
        }
        for (attribute, node) in self.sets(devices, "nodev") {
            self.nodev(&node, attribute);
        }
    }

    /// `nodev`: a filesystem without a device, or a bind mount.
    fn nodev(&mut self, node: &SetAt, attribute: String) {
        let values = self.values;
        let mountpoint = match values.text(node, "mountpoint") {
            Ok(Some(text)) => text.value,
            // `null` says that it is not mounted.
            Ok(None) if node.set.get("mountpoint").is_some() => return,
            Ok(None) => attribute,
            Err(fact) => return values.note(fact),
        };
        if !self.mounted {
            return;
        }
        let options = values.texts(node, "mountOptions", DEFAULT_OPTIONS);
        let binds = |options: &[Located<String>]| options.iter().any(|o| is_bind(&o.value));
        match values.known_text(node, "device") {
            Some(device) if options.known().is_some_and(binds) => {
                self.storage.add_bind(mountpoint, device);
            }
            _ => {
                let kind = values.known_text(node, "fsType");
                self.storage.add_other(mountpoint, kind.as_deref());
            }
        }
    }

    fn sets(&self, parent: &SetAt, name: &str) -> Vec<(String, SetAt)> {
        self.values
            .child(parent, name)
            .map(|set| self.values.children(&set))
            .unwrap_or_default()
    }

    /// The option `name`, whose default is the attribute's name.
    fn name_or(&self, holder: &SetAt, attribute: String) -> Reading<String> {
        let written = self.values.text(holder, "name")?;
        Ok(written.map_or(attribute, |name| name.value))
    }

    /// An option that has no default.
    fn demanded(&self, holder: &SetAt, name: &str) -> Reading<Located<String>> {
        self.values
            .text(holder, name)?
            .ok_or_else(|| missing(&holder.path, name))
    }

    /// The device of a content, which is the parent's unless it says otherwise.
    fn device_of(
        &self,
        content: &SetAt,
        parent: &Reading<Located<String>>,
    ) -> Reading<Located<String>> {
        match self.values.text(content, "device")? {
            Some(device) => Ok(device),
            None => parent.clone(),
        }
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
            "gpt" => self.gpt(content, &stack),
            "table" => self.legacy_table(content, &stack),
            "luks" => {
                let name = self.demanded(content, "name").map(|n| n.value);
                stack.device = name
                    .clone()
                    .and_then(|n| computed(format!("/dev/mapper/{n}")));
                let luks = self.luks(content, &name);
                stack.parent = ("luks", name);
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
            "filesystem" => match self.values.known_text(content, "format").as_deref() {
                Some("btrfs") => self.btrfs(content, stack, false),
                Some(_) => {
                    let mountpoint = self.values.known_text(content, "mountpoint");
                    self.storage
                        .others
                        .extend(mountpoint.filter(|_| self.mounted));
                }
                None => {}
            },
            _ => {}
        }
    }

    fn gpt(&mut self, content: &SetAt, stack: &Stack) {
        let partitions = self.sets(content, "partitions");
        for (index, (attribute, partition)) in partitions.iter().enumerate() {
            let name = self.name_or(partition, attribute.clone());
            let mut stack = stack.clone();
            stack.device = self.partition_device(&partitions, index, &name, &stack.parent);
            let name = name.unwrap_or_else(|_| attribute.clone());
            stack.layers.push(Layer::Partition { name });
            self.content(partition, stack);
        }
    }

    /// The device of a partition of a GPT, as gpt.nix makes its default.
    fn partition_device(
        &self,
        partitions: &[(String, SetAt)],
        index: usize,
        name: &Reading<String>,
        parent: &(&'static str, Reading<String>),
    ) -> Reading<Located<String>> {
        let (_, partition) = &partitions[index];
        if let Some(device) = self.values.text(partition, "device")? {
            return Ok(device);
        }
        if let Some(uuid) = self.values.text(partition, "uuid")? {
            return computed(format!("/dev/disk/by-partuuid/{}", uuid.value));
        }
        if parent.0 == "mdadm" {
            let (array, number) = (parent.1.clone()?, self.number(partitions, index)?);
            let device = format!("/dev/disk/by-id/md-name-any:{array}-part{number}");
            return computed(device);
        }
        let label = match self.values.text(partition, "label")? {
            Some(label) => label.value,
            None => names::label(parent.0, &parent.1.clone()?, &name.clone()?),
        };
        match names::by_label(&label) {
            Some(device) => computed(device),
            None => Err(UnknownFact {
                what: below(&partition.path, "label").join("."),
                why: "disko's escaping of labels knows ASCII alone".to_owned(),
                at: partition.at,
            }),
        }
    }

    /// The number of a partition: its rank by priority, then by attribute name.
    fn number(&self, partitions: &[(String, SetAt)], index: usize) -> Reading<usize> {
        let mut ranks = Vec::with_capacity(partitions.len());
        for (rank, (_, partition)) in partitions.iter().enumerate() {
            let text = |name: &str| self.values.text(partition, name);
            let priority = match self.values.int(partition, "priority")? {
                Some(priority) => priority,
                None if text("size")?.is_some_and(|s| s.value == "100%") => 9001,
                None if text("type")?.is_some_and(|t| t.value == "EF02") => 100,
                None => 1000,
            };
            ranks.push((priority, rank));
        }
        let own = ranks[index];
        Ok(ranks.iter().filter(|rank| **rank < own).count() + 1)
    }

    /// The deprecated `table`, whose partitions are a list.
    fn legacy_table(&mut self, content: &SetAt, stack: &Stack) {
        let disk = self.device_of(content, &stack.device);
        for (index, partition) in self.values.list(content, "partitions") {
            let mut stack = stack.clone();
            let number = index + 1;
            stack.device =
                disk.clone()
                    .and_then(|disk| match names::numbered(&disk.value, number) {
                        Some(device) => computed(device),
                        None => Err(UnknownFact {
                            what: below(&partition.path, "content").join("."),
                            why: format!("disko cannot number the partitions of {}", disk.value),
                            at: disk.at,
                        }),
                    });
            let name = self.values.known_text(&partition, "name");
            stack.layers.push(Layer::Partition {
                name: name.unwrap_or_else(|| number.to_string()),
            });
            self.content(&partition, stack);
        }
    }

    fn luks(&self, content: &SetAt, name: &Reading<String>) -> Luks {
        let settings = self.values.child(content, "settings");
        let setting = |name| match &settings {
            Some(settings) => Ok(self.values.flag(settings, name)?.unwrap_or(false)),
            None => Ok(false),
        };
        Luks {
            path: content.path.clone(),
            name: self.values.known(name.clone()).unwrap_or_default(),
            allow_discards: setting("allowDiscards"),
            bypass_workqueues: setting("bypassWorkqueues"),
            format_args: self.values.texts(content, "extraFormatArgs", &[]),
            open_flags: match &settings {
                Some(settings) => {
                    let crypttab = self.values.texts(settings, "crypttabExtraOpts", &[]);
                    let arguments = self.values.texts(content, "extraOpenArgs", &[]);
                    arguments.followed_by(crypttab)
                }
                None => self.values.texts(content, "extraOpenArgs", &[]),
            },
            at: content.at,
        }
    }

    fn btrfs(&mut self, content: &SetAt, stack: Stack, is_btrfs_type: bool) {
        let values = self.values;
        let mut filesystem = Filesystem {
            source: StorageSource::Disko(content.path.clone()),
            device: self.device_of(content, &stack.device),
            disks: stack.disks,
            layers: stack.layers,
            mkfs_args: values.texts(content, "extraArgs", &[]),
            label: None,
            mountpoint: self.mountpoint(content),
            options: values.texts(content, "mountOptions", DEFAULT_OPTIONS),
            swap: match is_btrfs_type {
                true => self.swap(content),
                false => Vec::new(),
            },
            subvolumes: Vec::new(),
            mounts: Vec::new(),
            at: content.at,
        };
        if let Ok(Some(mountpoint)) = filesystem.mountpoint.clone() {
            let mount = mount(content, mountpoint, &filesystem.options, None);
            filesystem.mounts.push(mount);
        }
        let subvolumes = match is_btrfs_type {
            true => self.sets(content, "subvolumes"),
            false => Vec::new(),
        };
        for (attribute, set) in subvolumes {
            let Some(name) = values.known(self.name_or(&set, attribute)) else {
                continue;
            };
            let subvolume = Subvolume {
                path: set.path.clone(),
                mountpoint: self.mountpoint(&set),
                options: values.texts(&set, "mountOptions", DEFAULT_OPTIONS),
                swap: self.swap(&set),
                at: set.at,
                name,
            };
            if let Ok(Some(mountpoint)) = subvolume.mountpoint.clone() {
                let name = Some(subvolume.name.as_str());
                let mount = mount(&set, mountpoint, &subvolume.options, name);
                filesystem.mounts.push(mount);
            }
            filesystem.subvolumes.push(subvolume);
        }
        if !self.mounted {
            filesystem.mounts.clear();
        }
        filesystem
            .mounts
            .sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        self.storage.filesystems.push(filesystem);
    }

    fn mountpoint(&self, holder: &SetAt) -> Reading<Option<String>> {
        let mountpoint = self.values.text(holder, "mountpoint")?;
        Ok(mountpoint.map(|m| m.value))
    }

    fn swap(&self, holder: &SetAt) -> Vec<SwapFile> {
        let files = self.sets(holder, "swap").into_iter();
        let read = |(attribute, file): (String, SetAt)| SwapFile {
            path: match self.values.text(&file, "path") {
                Ok(path) => Ok(path.map_or(attribute, |p| p.value)),
                Err(fact) => Err(fact),
            },
            size: self.demanded(&file, "size").map(|s| s.value),
            priority: self.values.int(&file, "priority"),
            options: self.values.texts(&file, "options", DEFAULT_OPTIONS),
        };
        files.map(read).collect()
    }
}

/// Everything below a volume group or array: all its members' disks and layers.
fn merged(members: &[(String, Stack)], name: &str) -> Stack {
    let mut stack = Stack {
        device: computed(String::new()),
        disks: Vec::new(),
        layers: Vec::new(),
        parent: ("", Ok(String::new())),
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

/// Whether an element of mount options makes a bind mount.
pub(super) fn is_bind(element: &str) -> bool {
    element
        .split(',')
        .any(|word| matches!(word, "bind" | "rbind"))
}

fn mount(holder: &SetAt, mountpoint: String, options: &Texts, subvolume: Option<&str>) -> Mount {
    let appended = subvolume.map(|name| Ok(Located::new(format!("subvol={name}"), None)));
    Mount {
        mountpoint,
        subvolume: subvolume.map(|s| s.trim_start_matches('/').to_owned()),
        source: MountSource::Disko(below(&holder.path, "mountOptions")),
        written: options.clone(),
        options: options
            .clone()
            .followed_by(Texts::of(appended.into_iter().collect())),
        added: None,
        needed_for_boot: false,
        at: holder.at,
    }
}
