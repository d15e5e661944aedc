//! Owns: the table of every mount option, one row each.

use super::kernel::since;
use super::option::{OptionSpec, Presence, Remount, Scope, ValueSyntax};
use super::setting::{Atime, Discard, Rescue, Setting, SpaceCache, Switch};

const MEASURED: &str = "measured on 6.18.44 (data/mount_probe.tsv)";
const VFS: &str = "mount(8); measured on 6.18.44";
const DOCUMENTED: &str = "btrfs-progs Documentation/ch-mount-options.rst; refused on every kernel measured (data/kernel_versions.tsv)";

const fn flag(name: &'static str, setting: Setting, undo: Option<&'static str>) -> OptionSpec {
    OptionSpec {
        name,
        syntax: ValueSyntax::Flag(setting),
        scope: Scope::Filesystem,
        remount: Remount::Live,
        undo,
        is_default: false,
        presence: Presence::Always,
        deprecated: None,
        notes: "",
        source: MEASURED,
    }
}

/// A flag that asks for the default.
const fn usual(name: &'static str, setting: Setting) -> OptionSpec {
    OptionSpec {
        is_default: true,
        ..flag(name, setting, None)
    }
}

const fn switch(name: &'static str, switch: Switch, undo: Option<&'static str>) -> OptionSpec {
    flag(name, Setting::Switch(switch, true), undo)
}

const fn unswitch(name: &'static str, switch: Switch) -> OptionSpec {
    usual(name, Setting::Switch(switch, false))
}

const fn valued(name: &'static str, syntax: ValueSyntax, undo: Option<&'static str>) -> OptionSpec {
    OptionSpec {
        syntax,
        ..flag(name, Setting::Nothing, undo)
    }
}

const fn gone(name: &'static str, last: &'static str) -> OptionSpec {
    OptionSpec {
        remount: Remount::Rejected,
        presence: Presence::Gone(last),
        source: DOCUMENTED,
        ..flag(name, Setting::Nothing, None)
    }
}

const fn debug(name: &'static str) -> OptionSpec {
    OptionSpec {
        presence: Presence::DebugBuilds,
        ..gone(name, "")
    }
}

const fn mount(name: &'static str, setting: Setting, undo: Option<&'static str>) -> OptionSpec {
    OptionSpec {
        syntax: ValueSyntax::MountFlag(setting),
        scope: Scope::Mount,
        source: VFS,
        ..flag(name, setting, undo)
    }
}

const fn mount_switch(name: &'static str, switch: Switch) -> OptionSpec {
    mount(name, Setting::Switch(switch, true), None)
}

const fn mount_usual(name: &'static str, setting: Setting) -> OptionSpec {
    OptionSpec {
        is_default: true,
        ..mount(name, setting, None)
    }
}

/// A generic flag that the kernel keeps once for the whole filesystem.
const fn superblock(
    name: &'static str,
    switch: Switch,
    on: bool,
    undo: Option<&'static str>,
) -> OptionSpec {
    OptionSpec {
        scope: Scope::Filesystem,
        is_default: !on,
        ..mount(name, Setting::Switch(switch, on), undo)
    }
}

const fn userspace(name: &'static str) -> OptionSpec {
    OptionSpec {
        syntax: ValueSyntax::Any,
        scope: Scope::Userspace,
        remount: Remount::Ignored,
        source: VFS,
        ..flag(name, Setting::Userspace, None)
    }
}

/// Every option of btrfs, and the generic ones that configurations use, in the order of the
/// documentation.
pub static OPTIONS: &[OptionSpec] = &[
    usual("acl", Setting::Switch(Switch::NoAcl, false)),
    switch("noacl", Switch::NoAcl, Some("acl")),
    switch("autodefrag", Switch::Autodefrag, Some("noautodefrag")),
    unswitch("noautodefrag", Switch::Autodefrag),
    unswitch("barrier", Switch::NoBarrier),
    OptionSpec {
        notes: "a power failure can destroy the filesystem",
        ..switch("nobarrier", Switch::NoBarrier, Some("barrier"))
    },
    gone("check_int", "6.7"),
    gone("check_int_data", "6.7"),
    gone("check_int_print_mask", "6.7"),
    OptionSpec {
        remount: Remount::Ignored,
        notes: "does its work once, at a mount; as a permanent option it rebuilds the cache at every boot",
        ..flag("clear_cache", Setting::ClearCache, None)
    },
    OptionSpec {
        notes: "seconds; 0 means the default of 30, more than 300 brings a kernel warning",
        ..valued(
            "commit",
            ValueSyntax::U32 {
                min: 0,
                set: Setting::Commit,
            },
            Some("commit=30"),
        )
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        notes: "the first mount decides for every subvolume; without a value it is zlib, not zstd",
        ..valued(
            "compress",
            ValueSyntax::Compress { force: false },
            Some("compress=no"),
        )
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        notes: "also compresses files with the property compression=none",
        ..valued(
            "compress-force",
            ValueSyntax::Compress { force: true },
            Some("compress=no"),
        )
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        notes: "does not bring back the checksums that nodatacow took",
        ..usual("datacow", Setting::DataCow(true))
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        notes: "every new file on every subvolume loses checksums and compression, for good",
        ..flag("nodatacow", Setting::DataCow(false), Some("datasum"))
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        ..usual("datasum", Setting::DataSum(true))
    },
    OptionSpec {
        remount: Remount::NewWritesOnly,
        notes: "new files lose checksums, and are not compressed whatever /proc/mounts shows",
        ..flag("nodatasum", Setting::DataSum(false), Some("datasum"))
    },
    OptionSpec {
        notes: "means something only at a mount; as a permanent option, a second failure can go unnoticed",
        ..switch("degraded", Switch::Degraded, None)
    },
    OptionSpec {
        remount: Remount::Ignored,
        ..valued("device", ValueSyntax::Path(Setting::Device), None)
    },
    OptionSpec {
        notes: "without a value it is sync, which makes every commit wait for the device",
        ..valued(
            "discard",
            ValueSyntax::OneOf {
                words: &[
                    ("sync", Setting::Discard(Discard::Sync)),
                    ("async", Setting::Discard(Discard::Async)),
                ],
                bare: Some(Setting::Discard(Discard::Sync)),
            },
            Some("nodiscard"),
        )
    },
    OptionSpec {
        notes: "the only way to switch off the automatic discard=async of kernels since 6.2",
        ..flag(
            "nodiscard",
            Setting::Discard(Discard::Off),
            Some("discard=async"),
        )
    },
    switch("enospc_debug", Switch::EnospcDebug, Some("noenospc_debug")),
    unswitch("noenospc_debug", Switch::EnospcDebug),
    valued(
        "fatal_errors",
        ValueSyntax::OneOf {
            words: &[
                ("bug", Setting::Switch(Switch::FatalErrorsPanic, false)),
                ("panic", Setting::Switch(Switch::FatalErrorsPanic, true)),
            ],
            bare: None,
        },
        Some("fatal_errors=bug"),
    ),
    switch(
        "flushoncommit",
        Switch::FlushOnCommit,
        Some("noflushoncommit"),
    ),
    unswitch("noflushoncommit", Switch::FlushOnCommit),
    debug("fragment"),
    OptionSpec {
        deprecated: Some("5.9"),
        presence: Presence::RemovedIn(since::NEW_MOUNT_API),
        notes: "has done nothing since 5.11",
        ..flag("inode_cache", Setting::Nothing, None)
    },
    OptionSpec {
        presence: Presence::RemovedIn(since::NEW_MOUNT_API),
        notes: "has done nothing since 5.11",
        ..flag("noinode_cache", Setting::Nothing, None)
    },
    OptionSpec {
        notes: "bytes; more than a sector (4096) is cut to one, and what is no number becomes 0 without a word",
        ..valued(
            "max_inline",
            ValueSyntax::Bytes {
                set: Setting::MaxInline,
            },
            Some("max_inline=2048"),
        )
    },
    valued(
        "metadata_ratio",
        ValueSyntax::U32 {
            min: 0,
            set: Setting::MetadataRatio,
        },
        Some("metadata_ratio=0"),
    ),
    OptionSpec {
        presence: Presence::Gap {
            removed: since::NEW_MOUNT_API,
            back: since::NORECOVERY_BACK,
        },
        remount: Remount::Rejected,
        notes: "only with ro",
        ..flag("norecovery", Setting::Rescue(Rescue::NO_LOG_REPLAY), None)
    },
    OptionSpec {
        presence: Presence::RemovedIn(since::NOLOGREPLAY_REMOVED),
        deprecated: Some("5.9"),
        remount: Remount::Rejected,
        notes: "only with ro; now rescue=nologreplay",
        ..flag("nologreplay", Setting::Rescue(Rescue::NO_LOG_REPLAY), None)
    },
    OptionSpec {
        presence: Presence::RemovedIn(since::NEW_MOUNT_API),
        deprecated: Some("4.5"),
        remount: Remount::Ignored,
        notes: "now rescue=usebackuproot",
        ..flag("recovery", Setting::Rescue(Rescue::USE_BACKUP_ROOT), None)
    },
    debug("ref_tracker"),
    debug("ref_verify"),
    OptionSpec {
        notes: "means something only at a mount",
        ..switch("rescan_uuid_tree", Switch::RescanUuidTree, None)
    },
    OptionSpec {
        remount: Remount::Rejected,
        notes: "for repairs, never for a permanent configuration; all modes but usebackuproot need ro",
        ..valued("rescue", ValueSyntax::Rescue, None)
    },
    OptionSpec {
        notes: "means something only at a mount",
        ..switch("skip_balance", Switch::SkipBalance, None)
    },
    OptionSpec {
        remount: Remount::Ignored,
        deprecated: Some("v1: 6.11"),
        notes: "without a value it is v1; v1 fails on a filesystem with the free space tree, which every mkfs since btrfs-progs 5.15 makes",
        ..valued(
            "space_cache",
            ValueSyntax::OneOf {
                words: &[
                    ("v1", Setting::SpaceCache(SpaceCache::V1)),
                    ("v2", Setting::SpaceCache(SpaceCache::V2)),
                ],
                bare: Some(Setting::SpaceCache(SpaceCache::V1)),
            },
            None,
        )
    },
    OptionSpec {
        remount: Remount::Rejected,
        notes: "fails on a filesystem with the free space tree unless clear_cache stands beside it",
        ..flag("nospace_cache", Setting::SpaceCache(SpaceCache::None), None)
    },
    OptionSpec {
        notes: "chosen by the kernel when the device says that it does not rotate",
        ..flag("ssd", Setting::Ssd(true), Some("nossd"))
    },
    flag("nossd", Setting::Ssd(false), Some("ssd")),
    flag("ssd_spread", Setting::SsdSpread(true), Some("nossd_spread")),
    usual("nossd_spread", Setting::SsdSpread(false)),
    OptionSpec {
        scope: Scope::Mount,
        remount: Remount::Ignored,
        notes: "on a remount even a subvolume that does not exist is taken and ignored",
        ..valued("subvol", ValueSyntax::Path(Setting::Subvolume), None)
    },
    OptionSpec {
        scope: Scope::Mount,
        remount: Remount::Ignored,
        ..valued("subvolid", ValueSyntax::SubvolumeId, None)
    },
    gone("subvolrootid", "5.9"),
    gone("alloc_start", "5.9"),
    OptionSpec {
        notes: "the default is the number of CPUs plus 2, at most 8",
        ..valued(
            "thread_pool",
            ValueSyntax::U32 {
                min: 1,
                set: Setting::ThreadPool,
            },
            None,
        )
    },
    unswitch("treelog", Switch::NoTreeLog),
    OptionSpec {
        notes: "every fsync becomes a full commit",
        ..switch("notreelog", Switch::NoTreeLog, Some("treelog"))
    },
    OptionSpec {
        presence: Presence::RemovedIn(since::BACKUP_ROOT_NEEDS_RO),
        deprecated: Some("5.9"),
        remount: Remount::Ignored,
        notes: "now rescue=usebackuproot",
        ..flag(
            "usebackuproot",
            Setting::Rescue(Rescue::USE_BACKUP_ROOT),
            None,
        )
    },
    switch("user_subvol_rm_allowed", Switch::UserSubvolRmAllowed, None),
    // Generic options that the kernel keeps per mount.
    OptionSpec {
        notes: "per mount when mounting; a remount with it turns the whole filesystem read-only",
        ..mount("ro", Setting::Switch(Switch::ReadOnly, true), Some("rw"))
    },
    mount_usual("rw", Setting::Switch(Switch::ReadOnly, false)),
    OptionSpec {
        notes: "includes nodiratime",
        ..mount("noatime", Setting::Atime(Atime::Never), Some("relatime"))
    },
    mount_usual("atime", Setting::Atime(Atime::Relative)),
    mount_usual("relatime", Setting::Atime(Atime::Relative)),
    mount_usual("norelatime", Setting::Atime(Atime::Relative)),
    mount(
        "strictatime",
        Setting::Atime(Atime::Always),
        Some("relatime"),
    ),
    mount_usual("nostrictatime", Setting::Atime(Atime::Relative)),
    mount(
        "nodiratime",
        Setting::Switch(Switch::NoDirAtime, true),
        Some("diratime,relatime"),
    ),
    mount_usual("diratime", Setting::Switch(Switch::NoDirAtime, false)),
    mount_switch("nodev", Switch::NoDev),
    mount_usual("dev", Setting::Switch(Switch::NoDev, false)),
    mount_switch("nosuid", Switch::NoSuid),
    mount_usual("suid", Setting::Switch(Switch::NoSuid, false)),
    mount_switch("noexec", Switch::NoExec),
    mount_usual("exec", Setting::Switch(Switch::NoExec, false)),
    mount_switch("nosymfollow", Switch::NoSymFollow),
    mount_usual("symfollow", Setting::Switch(Switch::NoSymFollow, false)),
    mount("user", Setting::Untrusted { noexec: true }, None),
    mount("users", Setting::Untrusted { noexec: true }, None),
    mount("owner", Setting::Untrusted { noexec: false }, None),
    mount("group", Setting::Untrusted { noexec: false }, None),
    // Generic options that the kernel keeps per filesystem.
    OptionSpec {
        notes: "saves nothing on btrfs: metadata grows as with relatime",
        ..superblock("lazytime", Switch::LazyTime, true, Some("nolazytime"))
    },
    superblock("nolazytime", Switch::LazyTime, false, None),
    superblock("sync", Switch::Sync, true, Some("async")),
    superblock("async", Switch::Sync, false, None),
    OptionSpec {
        remount: Remount::Ignored,
        ..superblock("dirsync", Switch::DirSync, true, None)
    },
    superblock("mand", Switch::Mand, true, Some("nomand")),
    superblock("nomand", Switch::Mand, false, None),
    mount_usual("iversion", Setting::Nothing),
    mount_usual("noiversion", Setting::Nothing),
    mount_usual("silent", Setting::Nothing),
    mount_usual("loud", Setting::Nothing),
    // What libmount, systemd and NixOS act on.
    OptionSpec {
        is_default: true,
        ..userspace("defaults")
    },
    OptionSpec {
        is_default: true,
        ..userspace("auto")
    },
    userspace("noauto"),
    userspace("nofail"),
    userspace("_netdev"),
    userspace("nouser"),
    userspace("nousers"),
    userspace("noowner"),
    userspace("nogroup"),
    userspace("comment"),
    userspace("bind"),
    userspace("rbind"),
    userspace("shared"),
    userspace("rshared"),
    userspace("private"),
    userspace("rprivate"),
    userspace("slave"),
    userspace("rslave"),
    userspace("unbindable"),
    userspace("runbindable"),
    userspace("loop"),
    userspace("offset"),
    userspace("sizelimit"),
    userspace("encryption"),
    userspace("helper"),
    userspace("uhelper"),
    userspace("context"),
    userspace("seclabel"),
    userspace("x-*"),
    userspace("X-*"),
];
