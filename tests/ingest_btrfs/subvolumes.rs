//! Subvolumes and quotas.

use btrfs_tune::model::units::Bytes;

use super::{KIB, all_of, read, sound, text};

#[test]
fn subvolumes_are_listed_in_every_set_of_columns() {
    for name in [
        "btrfs-subvol-list.txt",
        "btrfs-subvol-list-a.txt",
        "btrfs-subvol-list-puqt.txt",
    ] {
        let list = sound(name).subvolumes[0].value.clone();
        assert_eq!(list.paths, ["@", "@my data", "@nix", "snap1"], "{name}");
        let told = (!name.ends_with("list.txt")).then_some(1);
        assert_eq!((list.total, list.snapshots), (4, told), "{name}");
    }
    let odd = "ID 256 gen 10 top level 5 path <FS_TREE>/@home$ x\n\
               ID 257 gen 10 top level 5 path ID 3 gen 4 path y\n\
               ID 258 gen 10 top level 5 path ann@nas:~# z\n\
               ID 259 gen 10 top level 5 path  led by a blank\n";
    assert_eq!(
        all_of(odd).subvolumes[0].paths,
        [
            " led by a blank",
            "@home$ x",
            "ID 3 gen 4 path y",
            "ann@nas:~# z"
        ]
    );
    // `-s` alone adds `otime`, so that all are snapshots.
    let snapshots = "ID 259 gen 10 cgen 10 top level 5 otime 2026-11-23 06:44:59 path a\n";
    assert_eq!(all_of(snapshots).subvolumes[0].snapshots, Some(1));
    let table = "ID\tgen\tcgen\ttop level\totime\tpath\t\n--\t---\t----\t---------\t-----\t----\t\n\
                 259\t10\t10\t5\t\t2026-11-23 06:44:59\ta\tb\n";
    let list = all_of(table).subvolumes[0].value.clone();
    assert_eq!((list.paths[0].as_str(), list.snapshots), ("a\tb", Some(1)));
}

#[test]
fn subvolumes_are_listed_as_json_by_experimental_builds() {
    let list = |rest: &str| {
        let json = format!(
            r#"{{"__header":{{"version":"1"}},"subvolume-list":[{{"ID":256,"gen":10,"top level":5,"path":"@"}},{{"ID":259,"gen":10,"top level":5,"path":"snap 1"{rest}}}]}}"#
        );
        all_of(&json).subvolumes[0].value.clone()
    };
    assert_eq!(list("").paths, ["@", "snap 1"]);
    assert_eq!((list("").total, list("").snapshots), (2, None));
    let told = r#"{"subvolume-list":[{"path":"@","parent_uuid":"-"},{"path":"a","parent_uuid":null},{"path":"b","parent_uuid":"ee6461a6-aadd-1645-8d9f-66d954965512"}]}"#;
    assert_eq!(all_of(told).subvolumes[0].snapshots, Some(1));
}

#[test]
fn one_subvolume_is_shown() {
    let shown = sound("btrfs-subvol-show.txt").subvolume_shows[0]
        .value
        .clone();
    assert_eq!((shown.path.as_str(), shown.id), ("@", Some(256)));
    assert_eq!(
        shown.uuid.as_deref(),
        Some("ee6461a6-aadd-1645-8d9f-66d954965512")
    );
    assert_eq!((shown.parent_uuid, shown.read_only), (None, Some(false)));
    assert_eq!(
        (shown.generation, shown.generation_made),
        (Some(10), Some(8))
    );
    assert_eq!(shown.snapshots, ["snap1"]);
    assert_eq!(shown.exclusive, Some(Bytes(16 * KIB)));
    assert_eq!(shown.referenced.map(|b| b.0), Some(54_200_893));
    assert_eq!(
        (shown.limit_referenced, shown.limit_exclusive),
        (None, None)
    );
    let odd = "deep/a b\n\tName: \t\t\ta b\n\tUUID: \t\t\te\n\tParent UUID: \t\tp\n\tFlags: \t\t\treadonly\n\
               \tSubvolume ID: \t\t300\n\tSnapshot(s):\n\t\t\t\t6.18.1\n\t\t\t\tx: y\n\tQuota group:\t\tn/a\n";
    let shown = all_of(odd).subvolume_shows[0].value.clone();
    assert_eq!(shown.snapshots, ["6.18.1", "x: y"]);
    assert_eq!(
        (shown.read_only, shown.parent_uuid.as_deref()),
        (Some(true), Some("p"))
    );
    assert_eq!((shown.path.as_str(), shown.referenced), ("deep/a b", None));
}

#[test]
fn quota_groups_are_counted_in_every_form() {
    for name in [
        "btrfs-qgroup-show.txt",
        "btrfs-qgroup-show-raw.txt",
        "btrfs-qgroup-show.json",
    ] {
        let quota = sound(name).quotas[0].value.clone();
        assert_eq!(
            (quota.enabled, quota.groups, quota.limited, quota.stale),
            (true, 5, false, 0)
        );
    }
    let limited = "Qgroupid    Referenced    Exclusive  Max referenced  Max exclusive Parent   Child   Path \n\
                   --------    ----------    ---------  --------------  ------------- ------   -----   ---- \n\
                   0/256         54198272        16384            none     1073741824 1/1      -       @my data$ x@y\n\
                   0/300              0.00B        0.00B            none           none -        -       <stale>\n\
                   0/301              0.00B        0.00B            none           none -        -       <under deletion>\n\
                   1/1           54198272        16384            none           none -        0/256   <0 member qgroups>\n";
    let quota = all_of(limited).quotas[0].value.clone();
    assert_eq!((quota.groups, quota.limited, quota.stale), (4, true, 1));
    let plain = "Qgroupid    Referenced    Exclusive   Path \n--------    ----------    ---------   ---- \n\
                 0/5           16.00KiB     16.00KiB   <toplevel>\n";
    assert_eq!(all_of(plain).quotas[0].groups, 1);
    let old = "qgroupid         rfer         excl     max_rfer     max_excl parent  child \n\
               --------         ----         ----     --------     -------- ------  ----- \n\
               0/5           16.00KiB     16.00KiB         none      1.00GiB ---     ---  \n";
    assert!(all_of(old).quotas[0].limited);
    let older = "qgroupid rfer  excl  max_rfer max_excl \n-------- ----  ----  -------- -------- \n0/5      16384 16384 0        0        \n";
    assert!(!all_of(older).quotas[0].limited);
    let numbers = r#"{"qgroup-show":[{"qgroupid":"0/5","referenced":16384,"max_referenced":1000,"exclusive":16384,"max_exclusive":"none","path":"<stale>"}]}"#;
    let quota = all_of(numbers).quotas[0].value.clone();
    assert_eq!((quota.limited, quota.stale), (true, 1));
    let (_, problems) = read("Qgroupid    Referenced    Exclusive   Path \n0/5 16.00KiB\nhm\n");
    assert_eq!(problems.len(), 2);
}

#[test]
fn what_is_said_of_quotas_is_heard_before_and_after_the_table() {
    let warning = "WARNING: qgroup data inconsistent, rescan recommended\n";
    let table = text("btrfs-qgroup-show.txt");
    for content in [format!("{warning}{table}"), format!("{table}{warning}")] {
        let metrics = all_of(&content);
        assert_eq!(metrics.quotas.len(), 1);
        assert_eq!(
            (metrics.quotas[0].groups, metrics.quotas[0].inconsistent),
            (5, Some(true))
        );
    }
    let off = all_of("ERROR: can't list qgroups: quotas not enabled\n");
    assert!(!off.quotas[0].enabled);
}
