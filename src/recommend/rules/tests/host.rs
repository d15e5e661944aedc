//! Hosts put together for a test, and actions applied to them as a configuration would.

use serde_json::Value as Json;

use crate::analyze::{Analysis, Workload, WorkloadKind};
use crate::model::hardware::{
    Cpu, Disk, DiskKind, Hardware, KindBasis, Medium, Memory, MemoryBasis,
};
use crate::model::metrics::{MountEntry, Sourced};
use crate::model::units::Bytes;
use crate::model::{
    Filesystem, Found, Host, Layer, Located, Luks, Mount, MountSource, Settings, Storage,
    StorageSource, Subvolume, SwapFile, Texts,
};
use crate::recommend::rules::rule;
use crate::recommend::{
    Action, Context, DirectoryAttribute, Finding, LuksSetting, MkfsSetting, MountEdit, Remedy,
};

/// A host without anything.
pub(super) fn host() -> Host {
    Host {
        name: "test".to_owned(),
        found: Found::Flake,
        files: Vec::new(),
        storage: Storage::default(),
        settings: Settings::default(),
        hardware: None,
        metrics: Default::default(),
        observations: Vec::new(),
        accounts: Vec::new(),
        release: None,
        kernel: None,
        platform: Default::default(),
        preferences: Default::default(),
        unknown: Vec::new(),
        skipped: Vec::new(),
    }
}

/// A disko filesystem with one subvolume for each mount point and its options.
pub(super) fn filesystem(mounts: &[(&str, &[&str])]) -> Filesystem {
    let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let name = |mountpoint: &str| match mountpoint {
        "/" => "/root".to_owned(),
        other => format!("/{}", other.trim_start_matches('/').replace('/', "-")),
    };
    Filesystem {
        source: StorageSource::Disko(path(&["disko", "devices", "disk", "main", "content"])),
        device: Ok(Located::new(
            "/dev/disk/by-partlabel/disk-main-root".to_owned(),
            None,
        )),
        disks: vec!["/dev/sda".to_owned()],
        layers: Vec::new(),
        mkfs_args: Texts::unwritten(&[]),
        label: None,
        mountpoint: Ok(None),
        options: Texts::unwritten(&["defaults"]),
        swap: Vec::new(),
        subvolumes: mounts
            .iter()
            .map(|(mountpoint, _)| Subvolume {
                path: path(&["subvolumes", &name(mountpoint)]),
                name: name(mountpoint),
                mountpoint: Ok(Some((*mountpoint).to_owned())),
                options: Texts::unwritten(&["defaults"]),
                swap: Vec::new(),
                at: None,
            })
            .collect(),
        mounts: mounts
            .iter()
            .map(|(at, options)| mount(at, &name(at), options))
            .collect(),
        at: None,
    }
}

fn mount(mountpoint: &str, subvolume: &str, options: &[&str]) -> Mount {
    let written: Vec<Located<String>> = options
        .iter()
        .map(|o| Located::new((*o).to_owned(), None))
        .collect();
    let mut all = written.clone();
    all.push(Located::new(format!("subvol={subvolume}"), None));
    Mount {
        mountpoint: mountpoint.to_owned(),
        subvolume: Some(subvolume.trim_start_matches('/').to_owned()),
        source: MountSource::Disko(vec![mountpoint.to_owned()]),
        written: Texts::Known(written),
        options: Texts::Known(all),
        added: None,
        needed_for_boot: mountpoint == "/",
        at: None,
    }
}

/// A host with one filesystem.
pub(super) fn with_mounts(mounts: &[(&str, &[&str])]) -> Host {
    let mut host = host();
    host.storage.filesystems.push(filesystem(mounts));
    host
}

/// A LUKS container below the first filesystem.
pub(super) fn add_luks(host: &mut Host, arguments: &[&str]) {
    let arguments = arguments
        .iter()
        .map(|a| Located::new((*a).to_owned(), None))
        .collect();
    host.storage.filesystems[0]
        .layers
        .push(Layer::Luks(Box::new(Luks {
            path: vec!["luks".to_owned()],
            name: "crypt".to_owned(),
            allow_discards: Ok(true),
            bypass_workqueues: Ok(false),
            format_args: Texts::Known(arguments),
            open_flags: Texts::unwritten(&[]),
            at: None,
        })));
}

/// The disk below the first filesystem, and memory.
pub(super) fn set_hardware(host: &mut Host, kind: DiskKind, memory: u64) {
    let disk = Disk {
        kernel_name: "sda".to_owned(),
        names: vec!["/dev/sda".to_owned()],
        model: None,
        serial: None,
        size: None,
        logical_sector: Some(512),
        kind,
        basis: KindBasis::ClassList,
        named_medium: Medium::Unknown,
        controller_driver: None,
    };
    host.hardware = Some(Hardware {
        cpu: Cpu {
            features: ["aes".to_owned()].into(),
            ..Cpu::default()
        },
        memory: Some(Memory {
            bytes: Bytes(memory * Bytes::GIB),
            approximate: false,
            basis: MemoryBasis::Modules,
        }),
        disks: vec![disk],
        ..Hardware::default()
    });
}

pub(super) fn set_kernel(host: &mut Host, kernel: &str) {
    host.metrics.kernel = Some(Sourced {
        value: kernel.to_owned(),
        source: "uname".into(),
    });
}

/// Shows a mount on the running system.
pub(super) fn set_mounted(host: &mut Host, mountpoint: &str, options: &[&str]) {
    let entry = MountEntry {
        mountpoint: mountpoint.to_owned(),
        root: None,
        fstype: "btrfs".to_owned(),
        device: "/dev/sda2".to_owned(),
        mount_options: Vec::new(),
        super_options: options.iter().map(|o| (*o).to_owned()).collect(),
    };
    host.metrics.mounts.push(Sourced {
        value: entry,
        source: "mountinfo".into(),
    });
}

pub(super) fn set(host: &mut Host, option: &str, value: impl Into<Json>) {
    host.settings
        .insert(option.to_owned(), Ok(Located::new(value.into(), None)));
}

pub(super) fn complaint(kind: WorkloadKind, path: &str) -> Analysis {
    let workload = Workload {
        paths: vec![path.to_owned()],
        complained_about: true,
        ..Workload::new(kind)
    };
    Analysis {
        workloads: vec![workload],
        diagnoses: Vec::new(),
        ..Analysis::default()
    }
}

/// What a rule finds, with its remedies.
pub(super) fn findings(
    id: &str,
    host: &Host,
    analysis: &Analysis,
) -> Vec<(Finding, Option<Remedy>)> {
    let rule = rule(id).unwrap();
    let context = Context { host, analysis };
    let found = rule.detect(&context);
    found
        .into_iter()
        .map(|finding| {
            assert_eq!(finding.rule, id);
            assert!(!finding.evidence.is_empty(), "{id} without evidence");
            let remedy = rule.remedy(&context, &finding);
            (finding, remedy)
        })
        .collect()
}

/// Applies everything that a rule proposes, and checks that it then proposes nothing more.
pub(super) fn settle(id: &str, host: &mut Host, analysis: &Analysis) {
    for _ in 0..8 {
        let Some(remedy) = findings(id, host, analysis)
            .into_iter()
            .find_map(|(_, r)| r)
        else {
            return;
        };
        remedy.actions.iter().for_each(|action| apply(host, action));
    }
    panic!(
        "{id} never comes to rest: {:?}",
        findings(id, host, analysis)
    );
}

/// Changes a host as the configuration would be changed.
pub(super) fn apply(host: &mut Host, action: &Action) {
    match action {
        Action::EditMountOptions { mounts } => {
            mounts.iter().for_each(|edit| edit_mount(host, edit))
        }
        Action::SplitSubvolume {
            name,
            mountpoint,
            options,
            ..
        } => {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let holding = host.storage.filesystems.iter_mut().max_by_key(|f| {
                let above = f
                    .mounts
                    .iter()
                    .filter(|m| crate::model::storage::is_below(mountpoint, &m.mountpoint));
                above.map(|m| m.mountpoint.len()).max()
            });
            holding
                .unwrap()
                .mounts
                .push(mount(mountpoint, name, &options));
        }
        Action::SetNixosOption { path, value } => {
            if let [first, at, last] = path.as_slice()
                && (first.as_str(), last.as_str()) == ("fileSystems", "neededForBoot")
            {
                let mounts = host.storage.filesystems.iter_mut();
                let mut mounts = mounts.flat_map(|f| f.mounts.iter_mut());
                let mount = mounts.find(|m| m.mountpoint == *at).unwrap();
                mount.needed_for_boot = *value == true;
            }
            set(host, &path.join("."), value.clone());
        }
        Action::SetLuksSetting { setting, on, .. } => match setting {
            LuksSetting::AllowDiscards => luks(host).allow_discards = Ok(*on),
            LuksSetting::BypassWorkqueues => luks(host).bypass_workqueues = Ok(*on),
        },
        Action::AddLuksFormatArgs { arguments, .. } => {
            let more: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let all = luks(host).format_args.clone();
            luks(host).format_args = all.followed_by(Texts::unwritten(&more));
        }
        Action::SetDirectoryAttribute {
            directory,
            attribute: DirectoryAttribute::NoCow,
        } => {
            let rule = Json::from(format!("h {directory} - - - - +C"));
            set(host, "systemd.tmpfiles.rules", Json::Array(vec![rule]));
        }
        Action::SetDirectoryAttribute {
            directory,
            attribute: DirectoryAttribute::Compression(_),
        } => {
            let rule = Json::from(format!("h {directory} - - - - +c"));
            set(host, "systemd.tmpfiles.rules", Json::Array(vec![rule]));
        }
        Action::EditNixosList { path, remove, add } => {
            let path = path.join(".");
            let now = host.settings.known(&path).map(|s| s.value.clone());
            let mut list = now.and_then(|v| v.as_array().cloned()).unwrap_or_default();
            for (index, gone) in remove.iter().enumerate() {
                let at = list.iter().position(|e| e == gone).unwrap();
                match add.get(index) {
                    Some(new) => list[at] = new.clone(),
                    None => drop(list.remove(at)),
                }
            }
            list.extend(add.iter().skip(remove.len()).cloned());
            set(host, &path, Json::Array(list));
        }
        Action::AppendNixosLines { path, lines } => {
            let path = path.join(".");
            let now = host.settings.text(&path).unwrap_or_default().to_owned();
            set(host, &path, format!("{now}{}\n", lines.join("\n")));
        }
        Action::UnsetNixosOption { path } => {
            let gone = path.join(".");
            let kept = host.settings.iter().filter(|(p, _)| *p != gone);
            let kept: Vec<_> = kept.map(|(p, v)| (p.to_owned(), v.clone())).collect();
            host.settings = Settings::default();
            for (path, value) in kept {
                host.settings.insert(path, value);
            }
        }
        Action::SetMkfs { setting, .. } => {
            let filesystem = &mut host.storage.filesystems[0];
            let more = match setting {
                MkfsSetting::DataProfile(profile) => ["--data".to_owned(), profile.clone()],
                MkfsSetting::MetadataProfile(profile) => ["--metadata".to_owned(), profile.clone()],
                MkfsSetting::Checksum(name) => ["--csum".to_owned(), name.clone()],
                MkfsSetting::NodesizeBytes(bytes) => ["--nodesize".to_owned(), bytes.to_string()],
                MkfsSetting::Feature { name, on } => {
                    let off = if *on { "" } else { "^" };
                    ["--features".to_owned(), format!("{off}{name}")]
                }
                MkfsSetting::Label(label) => ["--label".to_owned(), label.clone()],
            };
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let all = filesystem.mkfs_args.clone();
            filesystem.mkfs_args = all.followed_by(Texts::unwritten(&more));
        }
        Action::AddSubvolume {
            name,
            mountpoint,
            options,
            ..
        } => {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let filesystem = &mut host.storage.filesystems[0];
            filesystem.subvolumes.push(Subvolume {
                path: vec!["subvolumes".to_owned(), name.clone()],
                name: name.clone(),
                mountpoint: Ok(mountpoint.clone()),
                options: Texts::unwritten(&options),
                swap: Vec::new(),
                at: None,
            });
            let mounted = mountpoint.iter().map(|at| mount(at, name, &options));
            filesystem.mounts.extend(mounted);
        }
        Action::MergeSubvolume { subvolume } => {
            let gone = forget_mount(host, subvolume);
            let subvolumes = &mut host.storage.filesystems[gone].subvolumes;
            subvolumes.retain(|s| s.path != *subvolume);
        }
        Action::UnmountSubvolume { subvolume } => {
            let of = forget_mount(host, subvolume);
            let subvolumes = &mut host.storage.filesystems[of].subvolumes;
            let one = subvolumes.iter_mut().find(|s| s.path == *subvolume);
            one.unwrap().mountpoint = Ok(None);
        }
        Action::RenameSubvolume { subvolume, name } => {
            let all = host.storage.filesystems.iter_mut();
            let mut all = all.flat_map(|f| f.subvolumes.iter_mut());
            let one = all.find(|s| s.path == *subvolume).unwrap();
            one.name.clone_from(name);
        }
        Action::AddSwapSubvolume {
            name,
            mountpoint,
            file,
            size,
            ..
        } => {
            let filesystem = &mut host.storage.filesystems[0];
            filesystem.subvolumes.push(Subvolume {
                path: vec!["subvolumes".to_owned(), name.clone()],
                name: name.clone(),
                mountpoint: Ok(Some(mountpoint.clone())),
                options: Texts::unwritten(&["defaults"]),
                swap: vec![SwapFile {
                    path: Ok(file.clone()),
                    size: Ok(format!("{}M", size.0 / Bytes::MIB)),
                    priority: Ok(None),
                    options: Texts::unwritten(&["defaults"]),
                }],
                at: None,
            });
            filesystem
                .mounts
                .push(mount(mountpoint, name, &["defaults"]));
        }
    }
}

/// Takes away the mount of a subvolume; the index of its filesystem.
fn forget_mount(host: &mut Host, subvolume: &[String]) -> usize {
    let filesystems = &mut host.storage.filesystems;
    let of = |f: &Filesystem| f.subvolumes.iter().any(|s| s.path == subvolume);
    let index = filesystems.iter().position(of).unwrap();
    let filesystem = &mut filesystems[index];
    let own = filesystem.subvolumes.iter().find(|s| s.path == subvolume);
    if let Some(Ok(Some(at))) = own.map(|s| s.mountpoint.clone()) {
        filesystem.mounts.retain(|m| m.mountpoint != at);
    }
    index
}

fn luks(host: &mut Host) -> &mut Luks {
    let layers = host
        .storage
        .filesystems
        .iter_mut()
        .flat_map(|f| f.layers.iter_mut());
    let mut luks = layers.filter_map(|layer| match layer {
        Layer::Luks(luks) => Some(luks),
        _ => None,
    });
    luks.next().unwrap()
}

fn edit_mount(host: &mut Host, edit: &MountEdit) {
    let mounts = host
        .storage
        .filesystems
        .iter_mut()
        .flat_map(|f| f.mounts.iter_mut());
    let mount = mounts
        .into_iter()
        .find(|m| m.mountpoint == edit.mountpoint)
        .unwrap();
    let mut written = mount.written.known().unwrap().to_vec();
    let rest = mount.options.known().unwrap()[written.len()..].to_vec();
    for (index, text) in edit.remove.iter().enumerate() {
        // What was put in by this edit is not taken out again.
        let at = written
            .iter()
            .rposition(|o| o.value == *text)
            .unwrap_or_else(|| panic!("{text} is not among the options of {}", edit.mountpoint));
        match edit.add.get(index) {
            Some(new) => written[at].value = new.clone(),
            None => drop(written.remove(at)),
        }
    }
    let more = edit.add.iter().skip(edit.remove.len());
    written.extend(more.map(|o| Located::new(o.clone(), None)));
    mount.options = Texts::Known(written.iter().cloned().chain(rest).collect());
    mount.written = Texts::Known(written);
}

/// The written options of a mount.
pub(super) fn options(host: &Host, mountpoint: &str) -> Vec<String> {
    let (_, mount) = host.storage.mount(mountpoint).unwrap();
    mount
        .written
        .known()
        .unwrap()
        .iter()
        .map(|o| o.value.clone())
        .collect()
}
