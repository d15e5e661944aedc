//! The kinds of action, and what each fits.
//!
//! A kind gives its actions for one host; what it does not fit gives none. The legend says in words
//! what fits, and is printed with the table.

use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Filesystem, Host, Luks, Mount, MountSource, StorageSource, Subvolume};
use btrfs_tune::recommend::{
    Action, Algorithm, DirectoryAttribute, LuksSetting, MkfsSetting, MountEdit,
};
use serde_json::{Value as Json, json};

/// What a kind is asked about.
pub(crate) struct Place<'a> {
    pub(crate) host: &'a Host,
    /// The evaluated configuration.
    pub(crate) config: &'a Json,
    /// Whether it is a NixOS module or a host, not a lone disko file.
    pub(crate) is_nixos: bool,
}

/// Something to be done, and to what.
pub(crate) struct Task {
    pub(crate) subject: String,
    pub(crate) actions: Vec<Action>,
}

/// A kind of action.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What it fits.
    pub(crate) fits: &'static str,
    pub(crate) tasks: fn(&Place) -> Vec<Task>,
    /// It changes one option of one mount, which is one line where it is written on one.
    pub(crate) is_small: bool,
}

const fn kind(name: &'static str, fits: &'static str, tasks: fn(&Place) -> Vec<Task>) -> Kind {
    Kind {
        name,
        fits,
        tasks,
        is_small: false,
    }
}

const fn small(name: &'static str, fits: &'static str, tasks: fn(&Place) -> Vec<Task>) -> Kind {
    Kind {
        is_small: true,
        ..kind(name, fits, tasks)
    }
}

pub(crate) const KINDS: &[Kind] = &[
    small(
        "mount: add noatime",
        "mounts without an atime option",
        |p| {
            let missing = |m: &&Mount| !written(m).iter().any(|o| o.ends_with("atime"));
            mounts(p, &missing, |_| (vec![], vec!["noatime".into()]))
        },
    ),
    small(
        "mount: add compress=zstd:1",
        "mounts without compress, compress-force, nodatacow",
        |p| {
            let missing = |m: &&Mount| {
                !written(m)
                    .iter()
                    .any(|o| o.starts_with("compress") || o == "nodatacow")
            };
            mounts(p, &missing, |_| (vec![], vec!["compress=zstd:1".into()]))
        },
    ),
    kind(
        "mount: add two options",
        "mounts without nodev and nosuid",
        |p| {
            let missing = |m: &&Mount| !written(m).iter().any(|o| o == "nodev" || o == "nosuid");
            mounts(p, &missing, |_| {
                (vec![], vec!["nodev".into(), "nosuid".into()])
            })
        },
    ),
    small(
        "mount: remove the first option",
        "mounts whose first option a file writes",
        |p| {
            mounts(p, &|m| !removable(m).is_empty(), |m| {
                (removable(m).into_iter().take(1).collect(), vec![])
            })
        },
    ),
    small(
        "mount: remove the last option",
        "mounts with two or more options that a file writes",
        |p| {
            mounts(p, &|m| removable(m).len() > 1, |m| {
                (removable(m).pop().into_iter().collect(), vec![])
            })
        },
    ),
    small(
        "mount: replace an option",
        "mounts with a compression option, or else any, that a file writes",
        |p| {
            mounts(p, &|m| !removable(m).is_empty(), |m| {
                let all = removable(m);
                let compress = all.iter().find(|o| o.starts_with("compress"));
                let old = compress.unwrap_or(&all[0]).clone();
                let new = match old.as_str() {
                    "compress=zstd:2" => "compress=zstd:4",
                    old if old.starts_with("compress") => "compress=zstd:2",
                    _ => "commit=29",
                };
                (vec![old], vec![new.into()])
            })
        },
    ),
    kind(
        "mount: set all options",
        "mounts with an option that a file writes",
        |p| {
            let wanted = ["rw", "compress=zstd:7", "lazytime"];
            mounts(p, &|m| !removable(m).is_empty(), |m| {
                (removable(m), wanted.map(str::to_owned).to_vec())
            })
        },
    ),
    kind(
        "filesystem: add to all mounts",
        "filesystems with two or more mounts, none with max_inline",
        |p| {
            let edit = |m: &Mount| {
                let has = written(m).iter().any(|o| o.starts_with("max_inline"));
                (!has).then(|| edit(m, vec![], vec!["max_inline=1024".into()]))
            };
            all_mounts(p, &edit)
        },
    ),
    kind(
        "filesystem: remove from all mounts",
        "filesystems whose two or more mounts share an option that files write",
        |p| {
            let mut tasks = Vec::new();
            for filesystem in &p.host.storage.filesystems {
                let mut shared: Option<Vec<String>> = None;
                for mount in &filesystem.mounts {
                    let own = removable(mount);
                    shared = Some(match shared {
                        None => own,
                        Some(shared) => shared.into_iter().filter(|o| own.contains(o)).collect(),
                    });
                }
                let Some(option) = shared.unwrap_or_default().first().cloned() else {
                    continue;
                };
                let edits = filesystem
                    .mounts
                    .iter()
                    .map(|m| edit(m, vec![option.clone()], vec![]));
                let edits: Vec<MountEdit> = edits.collect();
                if edits.len() > 1 {
                    tasks.push(Task {
                        subject: filesystem.name().to_owned(),
                        actions: vec![Action::EditMountOptions { mounts: edits }],
                    });
                }
            }
            tasks
        },
    ),
    kind(
        "subvolume: add",
        "btrfs of disko with its root tree; fileSystems by device",
        |p| {
            filesystems(p, |f| {
                Some(vec![Action::AddSubvolume {
                    filesystem: path_of(f)?,
                    name: like_siblings(f, "scratch"),
                    mountpoint: Some("/srv/scratch".to_owned()),
                    options: vec!["noatime".to_owned()],
                }])
            })
        },
    ),
    kind("subvolume: split off", "the same", |p| {
        filesystems(p, |f| {
            f.mount("/")?;
            Some(vec![Action::SplitSubvolume {
                filesystem: path_of(f)?,
                name: like_siblings(f, "database"),
                mountpoint: "/var/lib/database".to_owned(),
                options: vec!["noatime".to_owned()],
            }])
        })
    }),
    kind(
        "subvolume: merge",
        "subvolumes of disko mounted below another mount of their filesystem, but /nix",
        |p| {
            subvolumes(p, |f, s| {
                let mountpoint = mounted(s)?;
                let inner = mountpoint != "/" && mountpoint != "/nix" && f.mount("/").is_some();
                inner.then(|| Action::MergeSubvolume {
                    subvolume: s.path.clone(),
                })
            })
        },
    ),
    kind("subvolume: rename", "subvolumes of disko", |p| {
        subvolumes(p, |_, s| {
            Some(Action::RenameSubvolume {
                subvolume: s.path.clone(),
                name: format!("{}-old", s.name),
            })
        })
    }),
    kind(
        "subvolume: unmount",
        "subvolumes of disko that are mounted, but / and /nix",
        |p| {
            subvolumes(p, |_, s| {
                let mountpoint = mounted(s)?;
                let free = mountpoint != "/" && mountpoint != "/nix";
                free.then(|| Action::UnmountSubvolume {
                    subvolume: s.path.clone(),
                })
            })
        },
    ),
    kind(
        "subvolume: add one for swap",
        "btrfs of disko without a swap file and a /swap mount",
        |p| {
            filesystems(p, |f| {
                let StorageSource::Disko(path) = &f.source else {
                    return None;
                };
                let has = f.subvolumes.iter().any(|s| !s.swap.is_empty()) || !f.swap.is_empty();
                let taken = p.host.storage.mount("/.swap").is_some() || has;
                (!taken).then(|| {
                    vec![Action::AddSwapSubvolume {
                        filesystem: path.clone(),
                        name: like_siblings(f, "swapspace"),
                        mountpoint: "/.swap".to_owned(),
                        file: "swapfile".to_owned(),
                        size: Bytes(4096 * Bytes::MIB),
                    }]
                })
            })
        },
    ),
    kind("mkfs: label", "btrfs of disko", |p| {
        mkfs(p, MkfsSetting::Label("data".into()))
    }),
    kind("mkfs: checksum", "btrfs of disko", |p| {
        mkfs(p, MkfsSetting::Checksum("xxhash".into()))
    }),
    kind("mkfs: metadata profile", "btrfs of disko", |p| {
        mkfs(p, MkfsSetting::MetadataProfile("dup".into()))
    }),
    kind("mkfs: feature", "btrfs of disko", |p| {
        let name = "block-group-tree".to_owned();
        mkfs(p, MkfsSetting::Feature { name, on: true })
    }),
    kind("luks: allowDiscards", "LUKS containers of disko", |p| {
        let setting = LuksSetting::AllowDiscards;
        luks(p, |l| {
            let on = !matches!(l.allow_discards, Ok(true));
            Action::SetLuksSetting {
                luks: l.path.clone(),
                setting,
                on,
            }
        })
    }),
    kind("luks: bypassWorkqueues", "LUKS containers of disko", |p| {
        let setting = LuksSetting::BypassWorkqueues;
        luks(p, |l| {
            let on = !matches!(l.bypass_workqueues, Ok(true));
            Action::SetLuksSetting {
                luks: l.path.clone(),
                setting,
                on,
            }
        })
    }),
    kind(
        "luks: luksFormat arguments",
        "LUKS containers of disko",
        |p| {
            luks(p, |l| Action::AddLuksFormatArgs {
                luks: l.path.clone(),
                arguments: vec!["--sector-size".to_owned(), "4096".to_owned()],
            })
        },
    ),
    kind(
        "option: sysctl",
        "hosts, and files that are NixOS modules",
        |p| {
            let path = ["boot", "kernel", "sysctl", "vm.swappiness"];
            let value = if at(p, &path) == Some(&json!(10)) {
                20
            } else {
                10
            };
            set(p, &path, value.into())
        },
    ),
    kind("option: boolean", "the same", |p| {
        let path = ["services", "fstrim", "enable"];
        let value = at(p, &path) != Some(&json!(true));
        set(p, &path, value.into())
    }),
    kind("option: number", "the same", |p| {
        let path = ["zramSwap", "memoryPercent"];
        let value = if at(p, &path) == Some(&json!(42)) {
            43
        } else {
            42
        };
        set(p, &path, value.into())
    }),
    kind("option: string", "the same", |p| {
        let path = ["time", "timeZone"];
        let is = at(p, &path) == Some(&json!("Etc/UTC"));
        let value = if is { "Etc/GMT" } else { "Etc/UTC" };
        set(p, &path, value.into())
    }),
    kind(
        "option: attrs",
        "the same, where services.btrfs.autoScrub is not defined",
        |p| {
            let path = ["services", "btrfs", "autoScrub"];
            match at(p, &path) {
                Some(_) => Vec::new(),
                None => set(p, &path, json!({ "enable": true, "interval": "monthly" })),
            }
        },
    ),
    kind("option: append to a list", "the same", |p| {
        let path = ["boot", "kernelParams"];
        edit_list(p, &path, vec![], vec![json!("zswap.max_pool_percent=25")])
    }),
    kind(
        "option: remove from a list",
        "the same; every list of strings out of eight that is defined",
        |p| {
            let mut tasks = Vec::new();
            for path in LISTS {
                let path: Vec<&str> = path.split('.').collect();
                let Some(Json::Array(items)) = at(p, &path) else {
                    continue;
                };
                let plain = |i: &&Json| i.as_str().is_some_and(|s| !s.contains('‹'));
                let Some(first) = items.first().filter(plain) else {
                    continue;
                };
                tasks.extend(edit_list(p, &path, vec![first.clone()], vec![]));
            }
            tasks
        },
    ),
    kind("option: lines", "the same", |p| {
        nixos(
            p,
            "services.udev.extraRules",
            Action::AppendNixosLines {
                path: owned(&["services", "udev", "extraRules"]),
                lines: vec![
                    r#"ACTION=="add|change", KERNEL=="sd[a-z]", ATTR{queue/scheduler}="bfq""#
                        .to_owned(),
                    r#"ACTION=="add|change", KERNEL=="nvme[0-9]*", ATTR{queue/scheduler}="none""#
                        .to_owned(),
                ],
            },
        )
    }),
    kind(
        "option: unset",
        "the same; every option out of nine that is defined",
        |p| {
            let mut tasks = Vec::new();
            for option in SCALARS {
                let path: Vec<&str> = option.split('.').collect();
                let known = at(p, &path).is_some_and(|v| !v.to_string().contains('‹'));
                if known {
                    tasks.extend(nixos(
                        p,
                        option,
                        Action::UnsetNixosOption { path: owned(&path) },
                    ));
                }
            }
            tasks
        },
    ),
    kind("directory: +C", "the same", |p| {
        nixos(
            p,
            "/var/lib/libvirt/images",
            Action::SetDirectoryAttribute {
                directory: "/var/lib/libvirt/images".to_owned(),
                attribute: DirectoryAttribute::NoCow,
            },
        )
    }),
    kind("directory: compression", "the same", |p| {
        nixos(
            p,
            "/srv/archive",
            Action::SetDirectoryAttribute {
                directory: "/srv/archive".to_owned(),
                attribute: DirectoryAttribute::Compression(Algorithm::Zstd),
            },
        )
    }),
];

const LISTS: [&str; 8] = [
    "boot.initrd.availableKernelModules",
    "boot.kernelModules",
    "boot.kernelParams",
    "boot.supportedFilesystems",
    "boot.initrd.supportedFilesystems",
    "services.btrfs.autoScrub.fileSystems",
    "nix.settings.experimental-features",
    "nix.settings.trusted-users",
];

const SCALARS: [&str; 9] = [
    "services.fstrim.enable",
    "services.btrfs.autoScrub.enable",
    "services.btrfs.autoScrub.interval",
    "zramSwap.enable",
    "zramSwap.memoryPercent",
    "nix.settings.auto-optimise-store",
    "boot.tmp.cleanOnBoot",
    "time.timeZone",
    "hardware.bluetooth.enable",
];

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|n| (*n).to_owned()).collect()
}

fn at<'a>(place: &'a Place, path: &[&str]) -> Option<&'a Json> {
    path.iter()
        .try_fold(place.config, |json, name| json.get(name))
}

/// The options of a mount; a mount of which they are not known fits nothing.
fn written(mount: &Mount) -> Vec<String> {
    let known = mount.written.known().unwrap_or_default();
    known.iter().map(|o| o.value.clone()).collect()
}

/// The options of a mount that a file writes, but those that say which subvolume it is.
fn removable(mount: &Mount) -> Vec<String> {
    let known = mount.written.known().unwrap_or_default();
    let own = known.iter().filter(|o| o.at.is_some());
    let own = own.map(|o| o.value.clone());
    own.filter(|o| !o.starts_with("subvol")).collect()
}

fn edit(mount: &Mount, remove: Vec<String>, add: Vec<String>) -> MountEdit {
    MountEdit {
        mountpoint: mount.mountpoint.clone(),
        remove,
        add,
    }
}

fn mounts(
    place: &Place,
    fits: &dyn Fn(&&Mount) -> bool,
    change: impl Fn(&Mount) -> (Vec<String>, Vec<String>),
) -> Vec<Task> {
    let all = place
        .host
        .storage
        .filesystems
        .iter()
        .flat_map(|f| &f.mounts);
    let known = all.filter(|m| m.written.known().is_some());
    known
        .filter(fits)
        .map(|mount| {
            let (remove, add) = change(mount);
            Task {
                subject: mount.mountpoint.clone(),
                actions: vec![Action::EditMountOptions {
                    mounts: vec![edit(mount, remove, add)],
                }],
            }
        })
        .collect()
}

fn all_mounts(place: &Place, change: &dyn Fn(&Mount) -> Option<MountEdit>) -> Vec<Task> {
    filesystems(place, |f| {
        let known = f.mounts.len() > 1 && f.mounts.iter().all(|m| m.written.known().is_some());
        let edits: Option<Vec<MountEdit>> = f.mounts.iter().map(change).collect();
        let mounts = edits.filter(|_| known)?;
        Some(vec![Action::EditMountOptions { mounts }])
    })
}

fn filesystems(place: &Place, actions: impl Fn(&Filesystem) -> Option<Vec<Action>>) -> Vec<Task> {
    let all = place.host.storage.filesystems.iter();
    all.filter_map(|f| {
        Some(Task {
            subject: f.name().to_owned(),
            actions: actions(f)?,
        })
    })
    .collect()
}

/// The path that actions name a filesystem by.
fn path_of(filesystem: &Filesystem) -> Option<Vec<String>> {
    match &filesystem.source {
        StorageSource::Disko(path) => Some(path.clone()),
        StorageSource::FileSystems => {
            let mount = filesystem.mount("/").or(filesystem.mounts.first())?;
            let plain = mount.source == MountSource::FileSystems;
            plain.then(|| owned(&["fileSystems", &mount.mountpoint]))
        }
    }
}

/// A name as the subvolumes beside it have theirs.
fn like_siblings(filesystem: &Filesystem, name: &str) -> String {
    let mut siblings: Vec<&str> = filesystem
        .subvolumes
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    if siblings.is_empty() {
        let mounted = filesystem.mounts.iter();
        siblings = mounted.filter_map(|m| m.subvolume.as_deref()).collect();
    }
    match siblings.first() {
        Some(first) if first.starts_with("/@") => format!("/@{name}"),
        Some(first) if first.starts_with('/') => format!("/{name}"),
        Some(first) if first.starts_with('@') => format!("@{name}"),
        _ => name.to_owned(),
    }
}

fn mounted(subvolume: &Subvolume) -> Option<&str> {
    subvolume.mountpoint.as_ref().ok()?.as_deref()
}

fn subvolumes(
    place: &Place,
    action: impl Fn(&Filesystem, &Subvolume) -> Option<Action>,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for filesystem in &place.host.storage.filesystems {
        if filesystem.source == StorageSource::FileSystems {
            continue;
        }
        for subvolume in &filesystem.subvolumes {
            if let Some(action) = action(filesystem, subvolume) {
                tasks.push(Task {
                    subject: subvolume.name.clone(),
                    actions: vec![action],
                });
            }
        }
    }
    tasks
}

fn mkfs(place: &Place, setting: MkfsSetting) -> Vec<Task> {
    filesystems(place, |f| {
        let StorageSource::Disko(path) = &f.source else {
            return None;
        };
        Some(vec![Action::SetMkfs {
            filesystem: path.clone(),
            setting: setting.clone(),
        }])
    })
}

fn luks(place: &Place, action: impl Fn(&Luks) -> Action) -> Vec<Task> {
    let mut seen = Vec::new();
    let mut tasks = Vec::new();
    for luks in place.host.storage.filesystems.iter().flat_map(|f| f.luks()) {
        if !seen.contains(&luks.path) {
            seen.push(luks.path.clone());
            tasks.push(Task {
                subject: luks.name.clone(),
                actions: vec![action(luks)],
            });
        }
    }
    tasks
}

fn nixos(place: &Place, subject: &str, action: Action) -> Vec<Task> {
    if !place.is_nixos {
        return Vec::new();
    }
    vec![Task {
        subject: subject.to_owned(),
        actions: vec![action],
    }]
}

fn set(place: &Place, path: &[&str], value: Json) -> Vec<Task> {
    let path = owned(path);
    nixos(
        place,
        &path.join("."),
        Action::SetNixosOption { path, value },
    )
}

fn edit_list(place: &Place, path: &[&str], remove: Vec<Json>, add: Vec<Json>) -> Vec<Task> {
    let path = owned(path);
    nixos(
        place,
        &path.join("."),
        Action::EditNixosList { path, remove, add },
    )
}
