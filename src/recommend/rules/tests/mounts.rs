//! Rules about mount options.

use super::host::{
    findings, options, set, set_hardware, set_kernel, set_mounted, settle, with_mounts,
};
use crate::analyze::Analysis;
use crate::model::hardware::DiskKind;
use crate::model::{Host, StorageSource, SwapFile, Texts};
use crate::recommend::Severity;

fn none() -> Analysis {
    Analysis::default()
}

/// Settles one rule and tells the options of the mounts afterwards.
fn settled(id: &str, mut host: Host) -> Vec<(String, Vec<String>)> {
    settle(id, &mut host, &none());
    let mounts = host.storage.filesystems[0].mounts.iter();
    let points: Vec<String> = mounts.map(|m| m.mountpoint.clone()).collect();
    points
        .into_iter()
        .map(|p| (p.clone(), options(&host, &p)))
        .collect()
}

fn after(id: &str, host: Host) -> Vec<String> {
    settled(id, host)
        .into_iter()
        .map(|(_, options)| options.join(" "))
        .collect()
}

#[test]
fn an_unknown_option_is_replaced_by_what_the_deciding_mount_has() {
    let host = with_mounts(&[
        ("/", &["compress=zstd:3"]),
        ("/home", &["compression=zstd", "noatime", "nofail"]),
    ]);
    let found = findings("mount/unknown-option", &host, &none());
    assert_eq!(found[0].0.severity, Severity::Error);
    assert!(
        found[0].0.message.contains("keeps quiet"),
        "{}",
        found[0].0.message
    );
    let expected = ["compress=zstd:3", "compress=zstd:3 noatime nofail"];
    assert_eq!(after("mount/unknown-option", host), expected);
}

#[test]
fn an_unknown_option_without_a_meaning_is_removed_in_one_action_for_all_mounts() {
    let host = with_mounts(&[("/", &["quota,noatime"]), ("/home", &["quota", "noatime"])]);
    let found = findings("mount/unknown-option", &host, &none());
    assert_eq!(found.len(), 2 - 1);
    assert!(
        found[0].0.message.contains("does not boot"),
        "{}",
        found[0].0.message
    );
    assert_eq!(after("mount/unknown-option", host), ["noatime", "noatime"]);
}

#[test]
fn an_unknown_option_is_not_written_twice() {
    let host = with_mounts(&[("/", &["compress=lzo", "compression=zstd"])]);
    assert_eq!(after("mount/unknown-option", host), ["compress=lzo"]);
}

#[test]
fn options_for_systemd_and_old_kernels_are_no_unknown_ones() {
    let mut host = with_mounts(&[("/", &["x-systemd.automount", "compress=zstd", "nofail"])]);
    assert!(findings("mount/unknown-option", &host, &none()).is_empty());
    // A second mount's options are not read by old kernels.
    host = with_mounts(&[("/", &["noatime"]), ("/srv", &["quota", "noatime"])]);
    set_kernel(&mut host, "6.6.63");
    let found = findings("mount/unknown-option", &host, &none());
    assert!(
        found[0].0.message.contains("before 6.8"),
        "{}",
        found[0].0.message
    );
}

#[test]
fn a_value_that_works_today_and_stops_the_boot_later_keeps_its_meaning() {
    let mounts: &[(&str, &[&str])] = &[("/", &["compress=zstd9", "noatime"])];
    let mut host = with_mounts(mounts);
    set_kernel(&mut host, "6.12.58");
    let found = findings("mount/invalid-value", &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    assert!(
        found[0].0.message.contains("from 6.17 on"),
        "{}",
        found[0].0.message
    );
    assert_eq!(
        after("mount/invalid-value", host),
        ["compress=zstd:3 noatime"]
    );
    let mut newer = with_mounts(mounts);
    set_kernel(&mut newer, "6.18.1");
    assert_eq!(
        findings("mount/invalid-value", &newer, &none())[0]
            .0
            .severity,
        Severity::Error
    );
}

#[test]
fn a_bad_value_that_no_kernel_understands_is_removed() {
    let host = with_mounts(&[("/", &["commit=30s", "autodefrag=1", "noatime"])]);
    assert_eq!(after("mount/invalid-value", host), ["autodefrag noatime"]);
}

#[test]
fn clamped_values_and_the_old_space_cache_are_not_invalid() {
    let host = with_mounts(&[("/", &["compress=zstd:19", "commit=0", "space_cache"])]);
    assert!(findings("mount/invalid-value", &host, &none()).is_empty());
}

#[test]
fn of_contradicting_options_the_one_that_loses_goes() {
    let id = "mount/conflicting-options";
    for (list, left) in [
        (vec!["nodatacow", "compress=zstd:3"], "compress=zstd:3"),
        (vec!["compress=zstd", "nodatacow"], "nodatacow"),
        (vec!["compress=zstd,nodatasum"], "nodatasum"),
        (
            vec!["compress=zstd:1", "noatime", "compress=lzo"],
            "noatime compress=lzo",
        ),
    ] {
        let host = with_mounts(&[("/", &list)]);
        assert_eq!(after(id, host), [left], "{list:?}");
    }
    assert!(
        findings(
            id,
            &with_mounts(&[("/", &["compress=zstd", "noatime"])]),
            &none()
        )
        .is_empty()
    );
    let trap = with_mounts(&[("/", &["compress=zstd", "nodatasum"])]);
    let message = &findings(id, &trap, &none())[0].0.message;
    assert!(
        message.contains("not compressed, without checksums"),
        "{message}"
    );
}

#[test]
fn a_contradiction_that_cannot_be_named_by_its_text_is_left_alone() {
    let host = with_mounts(&[("/", &["compress=zstd", "compress=lzo", "compress=zstd"])]);
    let found = findings("mount/conflicting-options", &host, &none());
    assert!(found.iter().any(|(finding, remedy)| {
        finding.subject == "compress=zstd before compress=lzo" && remedy.is_none()
    }));
}

#[test]
fn an_option_without_a_say_goes_and_is_one_finding_for_all_mounts() {
    let id = "mount/ineffective-per-subvolume";
    let host = with_mounts(&[
        ("/", &["compress=zstd:3"]),
        ("/home", &["compress=zstd:3", "autodefrag"]),
        ("/persist", &["nodatacow", "noatime"]),
        ("/srv", &["compress=zstd:3", "autodefrag"]),
    ]);
    let found = findings(id, &host, &none());
    assert_eq!(found.len(), 2);
    let about_cow = found
        .iter()
        .find(|(f, _)| f.subject.contains("nodatacow"))
        .unwrap();
    assert!(about_cow.0.message.contains("chattr +C"));
    assert!(about_cow.0.message.contains("until the next boot"));
    let expected = [
        "compress=zstd:3",
        "compress=zstd:3",
        "noatime",
        "compress=zstd:3",
    ];
    assert_eq!(after(id, host), expected);
}

#[test]
fn what_is_in_force_or_per_mount_or_by_chance_is_not_without_effect() {
    let id = "mount/ineffective-per-subvolume";
    let quiet = with_mounts(&[
        ("/", &["compress=zstd:3"]),
        ("/home", &["compress=zstd:3", "nodev", "noatime", "ssd"]),
        ("/srv", &["compress=zstd:9"]),
    ]);
    assert!(findings(id, &quiet, &none()).is_empty());
    let mut chance = with_mounts(&[("/nix", &["noatime"]), ("/persist", &["autodefrag"])]);
    set(&mut chance, "boot.initrd.systemd.enable", true);
    chance.storage.filesystems[0].mounts[1].needed_for_boot = true;
    assert!(findings(id, &chance, &none()).is_empty());
}

#[test]
fn different_levels_become_the_deciding_ones_and_silence_stays() {
    let id = "mount/inconsistent-options";
    let host = with_mounts(&[
        ("/", &["compress=zstd", "noatime"]),
        ("/home", &["compress=zstd:9", "noatime"]),
        ("/nix", &["compress=zstd:3"]),
        ("/srv", &["noatime"]),
    ]);
    let expected = [
        "compress=zstd noatime",
        "compress=zstd noatime",
        "compress=zstd:3",
        "noatime",
    ];
    assert_eq!(after(id, host), expected);
    let same = with_mounts(&[("/", &["compress=zstd", "commit=60"]), ("/a", &["noatime"])]);
    assert!(findings(id, &same, &none()).is_empty());
}

#[test]
fn where_chance_decides_every_mount_says_what_most_say() {
    let id = "mount/inconsistent-options";
    let host = || {
        let mut host = with_mounts(&[
            ("/nix", &["compress=zstd:1", "noatime"]),
            ("/persist", &["compress=zstd:3"]),
            ("/var", &["defaults"]),
        ]);
        host.storage.filesystems[0]
            .mounts
            .iter_mut()
            .for_each(|m| m.needed_for_boot = true);
        host
    };
    let cheaper = [
        "compress=zstd:1 noatime",
        "compress=zstd:1",
        "compress=zstd:1",
    ];
    assert_eq!(after(id, host()), cheaper);
    let mut running = host();
    set_mounted(&mut running, "/nix", &["compress=zstd:3"]);
    let shown = [
        "compress=zstd:3 noatime",
        "compress=zstd:3",
        "compress=zstd:3",
    ];
    assert_eq!(after(id, running), shown);
}

#[test]
fn nobody_is_made_to_give_up_checksums() {
    let mut host = with_mounts(&[("/nix", &["nodatacow"]), ("/persist", &["noatime"])]);
    host.storage.filesystems[0].mounts[1].needed_for_boot = true;
    assert_eq!(after("mount/inconsistent-options", host), ["", "noatime"]);
}

#[test]
fn a_misspelt_option_is_not_also_missing() {
    let host = with_mounts(&[
        ("/srv/a", &["compress=zstd:3", "nofail"]),
        ("/srv/b", &["compression=zstd", "nofail"]),
    ]);
    assert!(findings("mount/inconsistent-options", &host, &none()).is_empty());
}

#[test]
fn mounts_that_say_nothing_of_access_times_get_noatime() {
    let id = "mount/atime";
    let mut host = with_mounts(&[
        ("/", &["compress=zstd", "noatime"]),
        ("/home", &["defaults"]),
        ("/log", &["compress=zstd", "nodev"]),
        ("/mail", &["strictatime"]),
        ("/nix", &["nodiratime"]),
        ("/old", &["ro"]),
        ("/.swap", &["defaults"]),
    ]);
    host.storage.filesystems[0].subvolumes[6].swap = vec![SwapFile {
        path: Ok("swapfile".to_owned()),
        size: Ok("8G".to_owned()),
        priority: Ok(None),
        options: Texts::unwritten(&["defaults"]),
    }];
    assert_eq!(findings(id, &host, &none()).len(), 1);
    let expected = [
        "compress=zstd noatime",
        "noatime",
        "compress=zstd nodev noatime",
        "strictatime",
        "noatime",
        "ro",
        "defaults",
    ];
    assert_eq!(after(id, host), expected);
    let settled = with_mounts(&[("/", &["noatime"]), ("/home", &["relatime"])]);
    assert!(findings(id, &settled, &none()).is_empty());
}

#[test]
fn snapshots_make_access_times_weigh_more() {
    let mut host = with_mounts(&[("/home", &["compress=zstd"])]);
    let weight = |host: &Host| {
        let found = findings("mount/atime", host, &none());
        crate::analyze::evidence::score(&found[0].0.evidence)
    };
    let before = weight(&host);
    set(
        &mut host,
        "services.snapper.configs.home.SUBVOLUME",
        "/home",
    );
    assert!(weight(&host) > before);
    let mut host = with_mounts(&[("/home", &["compress=zstd"])]);
    set(
        &mut host,
        "services.btrbk.instances.local.settings.volume./.subvolume.home.snapshot_create",
        "always",
    );
    assert!(weight(&host) > before);
}

#[test]
fn options_that_change_nothing_go_but_never_all_of_them() {
    let id = "mount/redundant-option";
    let host = |list: &[&str]| {
        let mut host = with_mounts(&[("/", list)]);
        set_hardware(&mut host, DiskKind::NvmeSsd, 8);
        set_kernel(&mut host, "6.12.58");
        set_mounted(&mut host, "/", &["space_cache=v2", "discard=async"]);
        host
    };
    for (list, left) in [
        (
            vec!["defaults", "compress=zstd", "noatime", "ssd"],
            "compress=zstd noatime",
        ),
        (
            vec!["rw", "space_cache=v2", "discard=async", "noatime"],
            "noatime",
        ),
        (vec!["noatime", "nodiratime"], "noatime"),
        (vec!["noatime,nodiratime,ssd"], "noatime"),
        (
            vec!["noatime", "compress=zstd", "noatime"],
            "noatime compress=zstd noatime",
        ),
        (vec!["ssd", "rw"], "ssd"),
        (vec!["defaults"], "defaults"),
        (vec!["relatime", "compress=zstd"], "relatime compress=zstd"),
    ] {
        assert_eq!(after(id, host(&list)), [left], "{list:?}");
    }
}

#[test]
fn nothing_is_called_redundant_on_unknown_hardware() {
    let id = "mount/redundant-option";
    let mut host = with_mounts(&[("/", &["ssd", "space_cache=v2", "discard=async", "noatime"])]);
    // disko makes filesystems with the free space tree; who made others, and when, is not known.
    assert_eq!(after(id, host.clone()), ["ssd discard=async noatime"]);
    host.storage.filesystems[0].source = StorageSource::FileSystems;
    assert!(findings(id, &host, &none()).is_empty());
    let mut without = with_mounts(&[("/", &["space_cache=v2", "noatime"])]);
    without.storage.filesystems[0].mkfs_args = Texts::unwritten(&["-R", "^free-space-tree"]);
    assert!(findings(id, &without, &none()).is_empty());
}

#[test]
fn a_subvolume_that_disko_appends_is_left_to_disko() {
    let id = "mount/explicit-subvol";
    let host = with_mounts(&[
        ("/home", &["noatime", "subvol=home"]),
        ("/", &["subvol=/root"]),
    ]);
    assert_eq!(after(id, host), ["noatime", ""]);
    assert!(findings(id, &with_mounts(&[("/", &["noatime"])]), &none()).is_empty());
    let other = with_mounts(&[("/home", &["subvol=elsewhere"])]);
    let found = findings(id, &other, &none());
    assert!(found[0].0.severity == Severity::Warning && found[0].1.is_none());
    // mount/explicit-subvolid
    let by_id = with_mounts(&[("/home", &["subvolid=257"])]);
    assert!(findings(id, &by_id, &none()).is_empty());
}

#[test]
fn compression_that_most_mounts_ask_for_comes_to_the_one_that_decides() {
    let id = "mount/ineffective-per-subvolume";
    let zstd = ["compress=zstd", "noatime"].as_slice();
    let none = ["noatime"].as_slice();
    let wish = |mounts: &[(&str, &[&str])]| {
        let mut host = with_mounts(mounts);
        settle(id, &mut host, &Analysis::default());
        options(&host, "/")
    };
    let most = [("/", none), ("/home", zstd), ("/nix", zstd)];
    assert_eq!(wish(&most), ["noatime", "compress=zstd"]);
    // One of two is no majority, and two values are no wish.
    assert_eq!(wish(&most[..2]), ["noatime"]);
    let lzo = ["compress=lzo"].as_slice();
    assert_eq!(wish(&[most[0], most[1], ("/nix", lzo)]), ["noatime"]);
}

#[test]
fn what_holds_for_the_filesystem_is_said_on_all_of_its_mounts() {
    let id = "mount/unstated-option";
    let mut host = with_mounts(&[
        ("/", &["compress=zstd:1", "commit=60", "ssd"]),
        ("/home", &["noatime"]),
        ("/nix", &["compress=zstd:1", "commit=60"]),
        ("/snap", &["ro"]),
    ]);
    // A read-only mount is another rule's, and makes no difference to the one that decides.
    settle(id, &mut host, &Analysis::default());
    assert_eq!(
        options(&host, "/home"),
        ["noatime", "compress=zstd:1", "commit=60"]
    );
    assert_eq!(options(&host, "/snap"), ["ro"]);
    assert_eq!(options(&host, "/nix"), ["compress=zstd:1", "commit=60"]);
    // Defaults need not be said.
    let quiet = with_mounts(&[
        ("/", &["commit=30", "compress=no"]),
        ("/home", &["noatime"]),
    ]);
    assert!(findings(id, &quiet, &Analysis::default()).is_empty());
}

#[test]
fn only_those_that_may_be_first_must_say_the_same() {
    let id = "mount/inconsistent-options";
    let host = |persist: &[&str], home: &[&str]| {
        let mut host = with_mounts(&[
            ("/nix", &["compress=zstd"]),
            ("/persist", persist),
            ("/home", home),
        ]);
        set(&mut host, "boot.initrd.systemd.enable", true);
        // The initrd mounts these two, in any order.
        for mount in &mut host.storage.filesystems[0].mounts {
            mount.needed_for_boot = mount.mountpoint != "/home";
        }
        host
    };
    let zstd = ["compress=zstd:3"].as_slice();
    assert!(findings(id, &host(zstd, &["noatime"]), &none()).is_empty());
    // One of the two says nothing: whether anything is compressed is left to chance.
    let mut silent = host(&["noatime"], &["noatime"]);
    let message = findings(id, &silent, &none())[0].0.message.clone();
    assert!(message.contains("nothing on /persist:"), "{message}");
    settle(id, &mut silent, &none());
    assert_eq!(options(&silent, "/persist"), ["noatime", "compress=zstd"]);
    assert_eq!(options(&silent, "/home"), ["noatime"]);
    // One that comes later says something else: it follows what the two agree on.
    let mut other = host(zstd, &["compress=zstd:9"]);
    settle(id, &mut other, &none());
    assert_eq!(options(&other, "/home"), ["compress=zstd"]);
}

#[test]
fn a_place_for_swap_files_need_not_say_what_others_do() {
    for place in ["/swap", "/.swapvol", "/persist/@swap"] {
        let host = with_mounts(&[("/", &["compress=zstd", "noatime"]), (place, &["defaults"])]);
        for id in ["mount/unstated-option", "mount/atime"] {
            assert!(findings(id, &host, &none()).is_empty(), "{id} {place}");
        }
    }
}
