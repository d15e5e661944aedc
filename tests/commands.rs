//! Owns: for every action, its class with the reason, its commands, and what takes them back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "hosts/mod.rs"]
mod hosts;

use btrfs_tune::model::metrics::Sourced;
use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Host, StorageSource};
use btrfs_tune::recommend::{
    Action, Algorithm, Class, ClassOf, DirectoryAttribute, LuksSetting, MkfsSetting, MountEdit,
};
use btrfs_tune::rewrite::commands::{Command, commands};
use serde_json::{Value as Json, json};

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

fn filesystem(host: &Host, at: &str) -> Vec<String> {
    let (filesystem, _) = host.storage.mount(at).unwrap();
    let StorageSource::Disko(path) = &filesystem.source else {
        panic!("{filesystem:?}")
    };
    path.clone()
}

fn subvolume(host: &Host, at: &str) -> Vec<String> {
    let (filesystem, _) = host.storage.mount(at).unwrap();
    let mut all = filesystem.subvolumes.iter();
    let found = all.find(|s| s.mountpoint == Ok(Some(at.to_owned())));
    found.unwrap().path.clone()
}

fn set(option: &str, value: Json) -> Action {
    Action::SetNixosOption {
        path: path(option),
        value,
    }
}

fn sysctl(key: &str, value: Json) -> Action {
    let mut path = path("boot.kernel.sysctl");
    path.push(key.to_owned());
    Action::SetNixosOption { path, value }
}

/// Class, words of the reason, and words of the commands in their order.
#[track_caller]
fn expect(host: &Host, action: Action, class: Class, reason: &str, runs: &[&str]) -> Vec<Command> {
    let actions = [action];
    let of = actions[0].class(host);
    assert_eq!(of.class, class, "{:?}: {}", actions[0], of.reason);
    assert!(of.reason.contains(reason), "{reason:?}: {}", of.reason);
    let steps = commands(&actions, host);
    let all: Vec<&str> = steps.iter().map(|s| s.run.as_str()).collect();
    assert_eq!(all.len(), runs.len(), "{all:#?}");
    for (step, words) in steps.iter().zip(runs) {
        assert!(step.run.contains(words), "{words:?} in {}", step.run);
        assert!(step.class <= class.max(Class::Live), "{step:?}");
        // Whatever changes the system can be taken back, or says that it cannot.
        let reads = [
            "find /proc",
            "systemctl --failed",
            "btrfs check",
            ":",
            "docker ps",
        ];
        let is_last = [
            "nixos-install",
            "btrfs receive",
            "docker load",
            "mkdir -p -- /mnt",
        ];
        assert!(
            step.undo.is_some()
                || step.irreversible
                || reads.iter().chain(&is_last).any(|r| step.run.contains(r))
                || step.run.starts_with("mount -- ")
                || step.run.contains("systemctl reboot"),
            "{step:#?}"
        );
    }
    steps
}

#[test]
fn sysctls_are_set_at_once_and_taken_back_to_what_was_there() {
    let host = hosts::host("workstation");
    let known = expect(
        &host,
        sysctl("vm.swappiness", json!(180)),
        Class::Live,
        "systemd-sysctl",
        &["sysctl -w -- vm.swappiness=180"],
    );
    assert_eq!(
        known[0].undo.as_deref(),
        Some("sysctl -w -- vm.swappiness=10")
    );
    assert_eq!(known[0].machine, "workstation");
    let unknown = expect(
        &host,
        sysctl("vm.page-cluster", json!("0")),
        Class::Live,
        "systemd-sysctl",
        &["sysctl -w -- vm.page-cluster=0"],
    );
    assert_eq!(
        unknown[0].remember.as_deref(),
        Some("sysctl -n -- vm.page-cluster")
    );
    // Writing one zeroes the other, so the other may be what is to be written again.
    let coupled = expect(
        &host,
        sysctl("vm.dirty_bytes", json!(268_435_456)),
        Class::Live,
        "systemd-sysctl",
        &["sysctl -w -- vm.dirty_bytes=268435456"],
    );
    assert!(
        coupled[0]
            .remember
            .as_ref()
            .unwrap()
            .contains("vm.dirty_ratio")
    );
    let unset = Action::UnsetNixosOption {
        path: path("boot.kernel.sysctl.vm"),
    };
    expect(&host, unset, Class::Reboot, "keeps its value", &[]);
    expect(
        &host,
        sysctl("vm.x", Json::Null),
        Class::Reboot,
        "keeps its value",
        &[],
    );
}

#[test]
fn nixos_options_by_their_path() {
    let host = hosts::host("nas");
    use Class::{Live, Migrate, Reboot, Reinstall};
    for (option, value, class, reason) in [
        ("boot.kernelParams", json!(["x"]), Reboot, "while booting"),
        (
            "boot.kernelModules",
            json!(["bfq"]),
            Live,
            "systemd-modules-load",
        ),
        ("boot.tmp.useTmpfs", json!(true), Reboot, "/tmp"),
        (
            "boot.initrd.systemd.enable",
            json!(true),
            Reboot,
            "while booting",
        ),
        ("zramSwap.enable", json!(true), Live, "new zram swap"),
        ("services.fstrim.enable", json!(true), Live, "timer"),
        (
            "services.btrfs.autoScrub.enable",
            json!(true),
            Live,
            "timer",
        ),
        (
            "services.postgresql.settings.shared_buffers",
            json!("1GB"),
            Live,
            "units",
        ),
        ("services.postgresql.dataDir", json!("/x"), Migrate, "moved"),
        (
            "nix.settings.auto-optimise-store",
            json!(true),
            Live,
            "nix.conf",
        ),
        ("swapDevices", json!([]), Live, "swap"),
        (
            "hardware.cpu.intel.updateMicrocode",
            json!(true),
            Reboot,
            "microcode",
        ),
        ("environment.persistence", json!({}), Migrate, "moved"),
        (
            "disko.devices.disk.x.device",
            json!("/dev/x"),
            Reinstall,
            "formats",
        ),
        ("systemd.tmpfiles.settings", json!({}), Live, "resetup"),
    ] {
        let of = set(option, value).class(&host);
        assert_eq!(of.class, class, "{option}");
        assert!(of.reason.contains(reason), "{option}: {}", of.reason);
    }
    // A zram that is there keeps its size; this machine's configuration says whether one is.
    let workstation = hosts::host("workstation");
    assert!(workstation.settings.is_true("zramSwap.enable"));
    let resized = set("zramSwap.memoryPercent", json!(100)).class(&workstation);
    assert_eq!(resized.class, Reboot);
    // An element in the place of another may be the same swap with other options.
    let edit = |remove: &[Json], add: &[Json]| Action::EditNixosList {
        path: path("swapDevices"),
        remove: remove.to_vec(),
        add: add.to_vec(),
    };
    let (a, b) = (
        json!({"device": "/a"}),
        json!({"device": "/a", "priority": 1}),
    );
    assert_eq!(edit(&[], std::slice::from_ref(&a)).class(&host).class, Live);
    assert_eq!(edit(std::slice::from_ref(&a), &[]).class(&host).class, Live);
    assert_eq!(edit(&[a], &[b]).class(&host).class, Reboot);
    // The class of several is that of the last to take effect.
    let both = [
        set("boot.kernelParams", json!([])),
        set("services.x.y", json!(1)),
    ];
    assert_eq!(ClassOf::of_all(&both, &host).unwrap().class, Reboot);
    assert_eq!(ClassOf::of_all(&[], &host), None);
}

#[test]
fn udev_rules_act_after_the_switch() {
    let host = hosts::host("nas");
    let rule = r#"ACTION=="add|change", KERNEL=="sd[a-z]", ATTR{queue/rotational}=="1", ATTR{queue/read_ahead_kb}="4096""#;
    let steps = expect(
        &host,
        Action::AppendNixosLines {
            path: path("services.udev.extraRules"),
            lines: vec![rule.to_owned()],
        },
        Class::Live,
        "udevadm trigger",
        &["udevadm trigger --subsystem-match=block"],
    );
    assert!(
        steps[0]
            .after_switch
            .as_ref()
            .unwrap()
            .contains("/etc/udev/rules.d")
    );
    let remember = steps[0].remember.as_ref().unwrap();
    assert!(remember.contains("read_ahead_kb") && !remember.contains("rotational"));
    let scheduler = set("hardware.block.defaultSchedulerRotational", json!("bfq"));
    let steps = expect(
        &host,
        scheduler,
        Class::Live,
        "udevadm trigger",
        &["udevadm trigger"],
    );
    assert!(
        steps[0]
            .after_switch
            .as_ref()
            .unwrap()
            .contains("98-block-io-scheduler.rules")
    );
    let rules = Action::EditNixosList {
        path: path("systemd.tmpfiles.rules"),
        remove: vec![],
        add: vec![json!("h /srv/media - - - - +C"), json!("R! /x")],
    };
    let steps = commands(&[rules], &host);
    assert_eq!(steps.len(), 1);
    assert_eq!(
        steps[0].run,
        "systemd-tmpfiles --create --prefix=/srv/media"
    );
}

#[test]
fn mount_options_are_remounted_where_a_remount_changes_something() {
    let host = hosts::host("nas");
    let edit = |at: &str, remove: &[&str], add: &[&str]| MountEdit {
        mountpoint: at.to_owned(),
        remove: remove.iter().map(|o| (*o).to_owned()).collect(),
        add: add.iter().map(|o| (*o).to_owned()).collect(),
    };
    // What decides is left to chance here; what is in force was measured.
    let noatime = Action::EditMountOptions {
        mounts: vec![edit("/srv/media", &[], &["noatime"])],
    };
    let steps = expect(&host, noatime, Class::Live, "remount", &["noatime"]);
    assert!(steps[0].undo.as_ref().unwrap().contains("relatime"));
    // The first of the mounts takes it away, and none brings it back.
    let all = Action::EditMountOptions {
        mounts: ["/srv/media", "/srv/photos"]
            .map(|at| edit(at, &["autodefrag"], &[]))
            .to_vec(),
    };
    let steps = expect(&host, all, Class::Reboot, "keeps", &["noautodefrag"]);
    assert!(steps[0].undo.as_ref().unwrap().contains("autodefrag"));
    assert!(!steps[0].undo.as_ref().unwrap().contains("noautodefrag"));
    // A decider that changed a moment ago is not changed back by the next.
    let host = hosts::host("workstation");
    let both = Action::EditMountOptions {
        mounts: vec![
            edit("/", &["compress=zstd:3"], &["compress=zstd:1"]),
            edit(
                "/var/log",
                &["compress=zstd:3"],
                &["compress=zstd:1", "noatime"],
            ),
        ],
    };
    let steps = commands(&[both], &host);
    assert_eq!(steps.len(), 2);
    assert!(
        steps.iter().all(|s| !s.run.contains("zstd:3")),
        "{steps:#?}"
    );
    assert!(
        steps
            .iter()
            .all(|s| s.requires.len() == 2 && s.done.is_some())
    );
}

#[test]
fn subvolumes_come_go_and_change_their_names() {
    let host = hosts::host("workstation");
    let filesystem = filesystem(&host, "/");
    let add = |mountpoint: Option<&str>| Action::AddSubvolume {
        filesystem: filesystem.clone(),
        name: "/cache".to_owned(),
        mountpoint: mountpoint.map(str::to_owned),
        options: vec![],
    };
    expect(
        &host,
        add(Some("/var/cache")),
        Class::Live,
        "before the switch",
        &["btrfs subvolume create -- \"$top\"/cache"],
    );
    expect(
        &host,
        add(None),
        Class::Live,
        "made by hand",
        &["btrfs subvolume create"],
    );
    let steps = expect(
        &host,
        Action::RenameSubvolume {
            subvolume: subvolume(&host, "/home"),
            name: "/@home".to_owned(),
        },
        Class::Live,
        "right after the switch",
        &["mv -T -- \"$top\"/home \"$top\"/@home"],
    );
    assert!(
        steps[0]
            .after_switch
            .as_ref()
            .unwrap()
            .contains("subvol=@home")
    );
    let unmount = |at: &str| Action::UnmountSubvolume {
        subvolume: subvolume(&host, at),
    };
    let steps = expect(
        &host,
        unmount("/home"),
        Class::Live,
        "unmounts",
        &["umount -- /home"],
    );
    assert!(steps[0].undo.as_ref().unwrap().contains("subvol=/home"));
    expect(
        &host,
        unmount("/nix"),
        Class::Reboot,
        "cannot do without",
        &[],
    );
    expect(
        &host,
        unmount("/var/log"),
        Class::Reboot,
        "cannot do without",
        &[],
    );
    expect(
        &host,
        Action::AddSwapSubvolume {
            filesystem,
            name: "/swap2".to_owned(),
            mountpoint: "/.swap2".to_owned(),
            file: "swapfile".to_owned(),
            size: Bytes(Bytes::GIB),
        },
        Class::Live,
        "turns the swap on",
        &[
            "btrfs subvolume create",
            "mkswapfile --size 1073741824",
            "swapon -- /.swap2/swapfile",
        ],
    );
    // No name leads out of the filesystem.
    for name in ["..", "a/../../b", "/", ""] {
        let action = Action::AddSubvolume {
            filesystem: filesystem_of(&host),
            name: name.to_owned(),
            mountpoint: None,
            options: vec![],
        };
        assert!(commands(&[action], &host).is_empty(), "{name:?}");
    }
}

fn filesystem_of(host: &Host) -> Vec<String> {
    filesystem(host, "/")
}

#[test]
fn data_moves_in_order_with_a_way_back_until_it_is_deleted() {
    let host = hosts::host("workstation");
    let directory = "/persist/postgresql/16".to_owned();
    let no_cow = Action::SetDirectoryAttribute {
        directory: directory.clone(),
        attribute: DirectoryAttribute::NoCow,
    };
    let steps = expect(
        &host,
        no_cow.clone(),
        Class::Migrate,
        "new files only",
        &[
            ":",
            "systemctl stop postgresql.service",
            "cp -a --reflink=never",
            "mv -T",
            "nixos-rebuild switch",
            "systemctl start postgresql.service",
            "rm -rf --one-file-system",
        ],
    );
    assert!(steps.last().unwrap().irreversible);
    assert!(steps[2].verify.as_ref().unwrap().contains("diff -r"));
    let split = Action::SplitSubvolume {
        filesystem: filesystem(&host, "/"),
        name: "/db".to_owned(),
        mountpoint: directory.clone(),
        options: vec![],
    };
    let runs = [
        "btrfs subvolume create",
        "cp -a --reflink=auto",
        "--reflink=never",
    ];
    let plain = commands(std::slice::from_ref(&split), &host);
    assert!(plain.iter().any(|s| s.run.contains(runs[1])));
    let together = commands(&[split, no_cow], &host);
    assert_eq!(
        together.len(),
        plain.len(),
        "the attribute is part of the split"
    );
    assert!(together.iter().any(|s| s.run.contains(runs[2])));
    assert!(
        together
            .iter()
            .any(|s| s.run.contains("create -- \"$top\"/db && chattr +C"))
    );
    let merge = Action::MergeSubvolume {
        subvolume: subvolume(&host, "/var/log"),
    };
    let steps = expect(
        &host,
        merge,
        Class::Migrate,
        "moved",
        &[
            ":",
            "find /proc",
            "cp -a --reflink=auto",
            "nixos-rebuild switch",
            "systemctl --failed",
            "btrfs subvolume delete -- \"$top\"/log",
        ],
    );
    assert!(
        steps[5].requires[0].test.contains("findmnt"),
        "never while mounted"
    );
    let root = Action::MergeSubvolume {
        subvolume: subvolume(&host, "/"),
    };
    assert!(commands(&[root], &host).is_empty());

    // Nothing moves where nothing is.
    let mut empty = hosts::host("workstation");
    let mut counted = Sourced {
        value: btrfs_tune::model::metrics::CompressionUse::default(),
        source: "compsize.txt".into(),
    };
    counted.value.path = Some(directory.clone());
    empty.metrics.compression.push(counted);
    let attribute = |attribute| Action::SetDirectoryAttribute {
        directory: directory.clone(),
        attribute,
    };
    let steps = expect(
        &empty,
        attribute(DirectoryAttribute::NoCow),
        Class::Live,
        "holds nothing",
        &["chattr +C"],
    );
    assert!(
        steps[0].run.contains("ls -A"),
        "checked again on the machine"
    );
    let zstd = attribute(DirectoryAttribute::Compression(Algorithm::Zstd));
    let steps = expect(
        &empty,
        zstd,
        Class::Live,
        "from then on",
        &["btrfs property set"],
    );
    assert!(steps[0].remember.is_some());
    let new = [
        Action::AddSubvolume {
            filesystem: filesystem(&host, "/"),
            name: "/vm".to_owned(),
            mountpoint: Some("/persist/vm".to_owned()),
            options: vec![],
        },
        Action::SetDirectoryAttribute {
            directory: "/persist/vm".to_owned(),
            attribute: DirectoryAttribute::NoCow,
        },
    ];
    assert_eq!(ClassOf::of_all(&new, &host).unwrap().class, Class::Live);
    let steps = commands(&new, &host);
    assert!(steps[1].after_switch.is_some() && steps[1].class == Class::Live);
}

#[test]
fn what_mkfs_decided_is_converted_where_something_converts_it() {
    let host = hosts::host("nas");
    let set = |at: &str, setting| Action::SetMkfs {
        filesystem: filesystem(&host, at),
        setting,
    };
    let feature = |name: &str, on| MkfsSetting::Feature {
        name: name.to_owned(),
        on,
    };
    let steps = expect(
        &host,
        set("/srv/media", MkfsSetting::MetadataProfile("raid1c3".into())),
        Class::Migrate,
        "while the filesystem stays mounted",
        &["btrfs balance start -mconvert=raid1c3,soft -- /srv/downloads"],
    );
    assert!(
        steps[0]
            .undo
            .as_ref()
            .unwrap()
            .starts_with("btrfs balance start -f -mconvert="),
        "fewer copies only by force"
    );
    assert!(steps[0].requires.iter().any(|c| c.test.contains("-ge 3")));
    let data = set("/srv/media", MkfsSetting::DataProfile("raid10".into()));
    expect(
        &host,
        data,
        Class::Migrate,
        "balance",
        &["-dconvert=raid10,soft"],
    );
    let label = set("/srv/media", MkfsSetting::Label("tank".into()));
    let steps = expect(
        &host,
        label,
        Class::Live,
        "label",
        &["btrfs filesystem label -- /srv/downloads tank"],
    );
    assert!(steps[0].remember.is_some());
    expect(
        &host,
        set("/srv/media", feature("block-group-tree", true)),
        Class::Migrate,
        "the filesystem is unmounted",
        &[
            ":",
            "umount -- /srv/",
            "btrfs check --readonly",
            "btrfstune --convert-to-block-group-tree",
            "mount -- /srv/",
        ],
    );
    let of_root = expect(
        &host,
        set("/", feature("free-space-tree", true)),
        Class::Migrate,
        "a rescue system does it",
        &[
            ":",
            "systemctl reboot",
            "btrfs check",
            "btrfstune --convert-to-free-space-tree",
            "systemctl reboot",
        ],
    );
    assert!(of_root[1].stops.is_some());
    expect(
        &host,
        set("/srv/media", feature("quota", true)),
        Class::Live,
        "mounted",
        &["btrfs quota enable"],
    );
    for setting in [
        MkfsSetting::Checksum("xxhash".into()),
        MkfsSetting::NodesizeBytes(65536),
        feature("mixed-bg", true),
        feature("no-holes", false),
    ] {
        let action = set("/srv/media", setting);
        assert_eq!(action.class(&host).class, Class::Reinstall);
        let steps = commands(&[action], &host);
        let at = |words: &str| steps.iter().position(|s| s.run.contains(words)).unwrap();
        let disko = at("disko --mode destroy,format,mount");
        assert!(at("btrfs send") < disko && steps[disko].irreversible);
        assert!(
            steps[at("btrfs send")]
                .verify
                .as_ref()
                .unwrap()
                .contains("receive --dump")
        );
        assert!(at("btrfs receive -f") > disko && at("nixos-install") > disko);
    }
}

#[test]
fn luks_settings_are_refreshed_all_together() {
    let host = hosts::host("workstation");
    let luks = host.storage.filesystems[0]
        .luks()
        .next()
        .unwrap()
        .path
        .clone();
    let set = |setting, on| Action::SetLuksSetting {
        luks: luks.clone(),
        setting,
        on,
    };
    let steps = expect(
        &host,
        set(LuksSetting::BypassWorkqueues, true),
        Class::Reboot,
        "cryptsetup refresh",
        &[
            "cryptsetup refresh --allow-discards --perf-no_read_workqueue --perf-no_write_workqueue -- cryptroot",
        ],
    );
    assert_eq!(
        steps[0].undo.as_deref(),
        Some("cryptsetup refresh --allow-discards -- cryptroot")
    );
    assert_eq!(steps[0].class, Class::Live);
    expect(
        &host,
        set(LuksSetting::AllowDiscards, false),
        Class::Reboot,
        "initrd",
        &["cryptsetup refresh -- cryptroot"],
    );
    let format = Action::AddLuksFormatArgs {
        luks,
        arguments: vec!["--sector-size".into(), "4096".into()],
    };
    assert_eq!(format.class(&host).class, Class::Reinstall);
    let steps = commands(&[format], &host);
    assert!(steps.iter().any(|s| s.run.contains("disko --mode destroy")));
    let docker = self::set("virtualisation.docker.storageDriver", json!("overlay2"));
    let steps = expect(
        &host,
        docker,
        Class::Migrate,
        "another driver",
        &[
            "docker ps",
            "docker save",
            "systemctl stop docker.service",
            "nixos-rebuild switch",
            "docker load",
        ],
    );
    assert!(steps[2].stops.is_some());
}
