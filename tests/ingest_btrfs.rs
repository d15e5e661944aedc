//! Outputs of btrfs-progs and the tools around them, of this version and of others, and the facts
//! that are read from them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::{read_bytes, read_dir};
use btrfs_tune::ingest::problem::Problem;
use btrfs_tune::model::metrics::{
    BlockGroupKind, BtrfsUsage, DeviceErrors, Maintenance, MaintenanceState, Metrics, QuotaMode,
};
use btrfs_tune::model::units::{Bytes, Millis, Percent};
use proptest::prelude::*;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const UUID: &str = "b05f4091-7b92-4f58-b48a-3fcd811948e6";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/metrics")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn read_named(name: &str, content: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes(name, content.as_bytes(), &mut metrics);
    (metrics, problems)
}

fn read(content: &str) -> (Metrics, Vec<Problem>) {
    read_named("metrics.txt", content)
}

/// What a text holds, when all of it is understood.
fn all_of(content: &str) -> Metrics {
    let (metrics, problems) = read(content);
    assert_eq!(problems, [], "{content}");
    metrics
}

fn sound(name: &str) -> Metrics {
    let (metrics, problems) = read_named(name, &text(name));
    assert_eq!(problems, [], "{name}");
    metrics
}

fn messages(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|p| p.message.as_str()).collect()
}

/// The fixtures of these formats.
fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            ["btrfs-", "compsize", "lsattr", "sysfs-fs-btrfs", "filefrag"]
                .iter()
                .any(|begin| name.starts_with(begin))
        })
        .collect();
    names.sort();
    assert!(names.len() >= 50, "{}", names.len());
    names
}

// ---- every real output

#[test]
fn every_real_output_is_known_and_nothing_of_it_passed_over() {
    for name in names() {
        let (metrics, problems) = read_named(&name, &text(&name));
        let is_message = name.ends_with(".err") || name == "btrfs-property-list.txt";
        assert_eq!(metrics == Metrics::default(), is_message, "{name}");
        assert_eq!(
            problems.len(),
            usize::from(is_message),
            "{name}: {problems:?}"
        );
        assert!(
            problems
                .iter()
                .all(|p| p.severity == btrfs_tune::ingest::problem::Severity::Note),
            "{name}: {problems:?}"
        );
    }
}

#[test]
fn every_real_output_survives_carriage_returns_colours_and_a_prompt() {
    for name in names() {
        if !name.ends_with(".txt") {
            continue;
        }
        let plain = read_named(&name, &text(&name));
        let dressed = format!(
            "\u{1b}[1m[root@nas:~]# cat it\u{1b}[0m\r\n{}\r\n[root@nas:~]# \r\n",
            text(&name).trim_end().replace('\n', "\r\n")
        );
        let (metrics, problems) = read_named(&name, &dressed);
        assert_eq!(metrics, plain.0, "{name}");
        assert_eq!(messages(&problems), messages(&plain.1), "{name}");
    }
}

#[test]
fn all_real_outputs_in_one_file_give_what_they_give_apart() {
    let mut whole = String::new();
    let mut apart = Metrics::default();
    for name in names() {
        let part = format!("$ cat {name}\n{}\n", text(&name).trim_end());
        read_bytes("all.txt", part.as_bytes(), &mut apart);
        whole.push_str(&part);
    }
    let (metrics, problems) = read_named("all.txt", &whole);
    assert_eq!(metrics, apart);
    assert_eq!(problems.len(), 4, "{problems:?}");
}

// ---- filesystem usage

fn usage(content: &str) -> BtrfsUsage {
    all_of(content).usage[0].value.clone()
}

#[test]
fn usage_is_the_same_in_all_forms_to_the_precision_of_each() {
    let exact = sound("btrfs-fi-usage-b.txt").usage[0].value.clone();
    assert_eq!(sound("btrfs-fi-usage-bT.txt").usage[0].value, exact);
    let near = |a: Option<Bytes>, b: Option<Bytes>| a.unwrap().0.abs_diff(b.unwrap().0) <= 10 * KIB;
    for name in ["btrfs-fi-usage.txt", "btrfs-fi-usage-T.txt"] {
        let rounded = sound(name).usage[0].value.clone();
        assert!(rounded.approximate && !exact.approximate);
        assert!(near(rounded.used, exact.used), "{name}");
        assert!(near(rounded.free_minimum, exact.free_minimum), "{name}");
        assert_eq!(rounded.devices, exact.devices, "{name}");
        assert_eq!(rounded.unallocated, exact.unallocated, "{name}");
    }
    let single = sound("btrfs-fi-usage-T-single-dup.txt").usage[0]
        .value
        .clone();
    assert_eq!(single.devices[0].path, "/dev/loop0");
    assert_eq!(single.devices[0].allocated, Bytes(184 * MIB));
    assert_eq!(
        single.of_kind(BlockGroupKind::Metadata),
        Some((Bytes(32 * MIB), Bytes(208 * KIB)))
    );
}

#[test]
fn units_of_a_thousand_are_not_those_of_1024() {
    let head = |size: &str| format!("Overall:\n    Device size:\t\t  {size}\n");
    let of = |size: &str| usage(&head(size)).device_size.map(|b| b.0);
    assert_eq!(of("1.61GB"), Some(1_610_000_000));
    assert_eq!(of("1.50GiB"), Some(1_610_612_736));
    assert_eq!(of("1572864.00KiB"), Some(1_610_612_736));
    assert_eq!(of("1610612.75kB"), Some(1_610_612_750));
    assert_eq!(of("0.50TiB"), Some(1 << 39));
    assert_eq!(of("1610612736"), Some(1_610_612_736));
    // What rounds to nothing is not exactly nothing.
    assert!(usage(&head("0.00GiB")).approximate);
    assert!(!usage(&head("0.00B")).approximate);
}

#[test]
fn usage_tells_of_zones() {
    let zoned = usage(
        "Overall:\n    Device size:\t\t  10.00GiB\n    Device zone unusable:\t 256.00MiB\n    \
         Device zone size:\t\t 256.00MiB\n    Used:\t\t\t   1.00GiB\n",
    );
    assert_eq!(zoned.zone_unusable, Some(Bytes(256 * MIB)));
    assert_eq!(zoned.zone_size, Some(Bytes(256 * MIB)));
    let df = all_of(
        "Data, single: total=268435456, used=1000, zone_unusable=500\n\
         Metadata, single: total=268435456, used=1000, zone_unusable=20\n",
    );
    assert_eq!(df.usage[0].zone_unusable, Some(Bytes(520)));
    assert_eq!(df.usage[0].block_groups[0].used, Bytes(1000));
    let json = all_of(
        r#"{"filesystem-df":[{"bg-type":"Data+Metadata","bg-profile":"single","total":100,"used":"50","zone_unusable":7}]}"#,
    );
    assert_eq!(json.usage[0].zone_unusable, Some(Bytes(7)));
    assert_eq!(
        json.usage[0].of_kind(BlockGroupKind::Mixed),
        Some((Bytes(100), Bytes(50)))
    );
}

#[test]
fn what_old_versions_do_not_print_is_not_known() {
    // Progs 4.4: no slack, no statfs, no profiles, a table without numbers of devices.
    let old = usage(
        "Overall:\n    Device size:\t\t   2.00GiB\n    Device allocated:\t\t   1.00GiB\n    \
         Device unallocated:\t\t   1.00GiB\n    Device missing:\t\t     0.00B\n    \
         Used:\t\t\t 512.00MiB\n    Free (estimated):\t\t   1.25GiB\t(min: 768.00MiB)\n    \
         Data ratio:\t\t\t      1.00\n    Metadata ratio:\t\t      2.00\n    \
         Global reserve:\t\t  16.00MiB\t(used: 4.00KiB)\n\n\
         \u{20}         Data      Metadata             \n\
         Path      single    DUP       Unallocated\n\n\
         /dev/sda1 512.00MiB 512.00MiB     1.00GiB\n\
         /dev/sdb1         -         -     3.00MiB\n\
         --------- --------- --------- -----------\n\
         Total     512.00MiB 256.00MiB     1.00GiB\n\
         Used      500.00MiB  12.00MiB            \n",
    );
    assert_eq!(
        (old.slack, old.free_statfs, old.multiple_profiles),
        (None, None, None)
    );
    assert_eq!(old.global_reserve_used, Some(Bytes(4 * KIB)));
    assert_eq!(old.devices.len(), 2);
    assert_eq!(old.devices[0].path, "/dev/sda1");
    assert_eq!(old.devices[0].allocated, Bytes(1 << 30));
    assert_eq!(old.devices[1].unallocated, Some(Bytes(3 * MIB)));
    assert_eq!(old.devices[1].allocated, Bytes(0));
    assert_eq!(
        old.of_kind(BlockGroupKind::Metadata),
        Some((Bytes(256 * MIB), Bytes(12 * MIB)))
    );
}

const PARITY: &str = "Data,RAID5: Size:128.00MiB, Used:100.00MiB (78.12%)\n\n\
                      Metadata,RAID1C3: Size:51.19MiB, Used:240.00KiB (0.46%)\n";

#[test]
fn parity_without_root_is_left_out_not_believed() {
    // Progs 6.2 as an ordinary user on a RAID5 of 1.5 GiB with 100 MiB in it.
    let (metrics, problems) = read(&format!(
        "Overall:\n    Device size:\t\t   1.50GiB\n    Device allocated:\t\t 273.56MiB\n    \
         Device unallocated:\t\t   1.23GiB\n    Device missing:\t\t 512.00MiB\n    \
         Device slack:\t\t  16.00EiB\n    Used:\t\t\t 768.00KiB\n    \
         Free (estimated):\t\t     0.00B\t(min: 8.00EiB)\n    Free (statfs, df):\t\t 383.81MiB\n    \
         Data ratio:\t\t\t      0.00\n    Metadata ratio:\t\t      3.00\n\n{PARITY}"
    ));
    let usage = &metrics.usage[0];
    assert_eq!(
        (
            usage.allocated,
            usage.unallocated,
            usage.used,
            usage.free_estimated
        ),
        (None, None, None, None)
    );
    assert_eq!(
        (usage.free_minimum, usage.slack, usage.data_ratio),
        (None, None, None)
    );
    assert_eq!(usage.missing, Some(Bytes(512 * MIB)));
    assert_eq!(usage.free_statfs.map(|b| b.0), Some(402_453_955));
    assert_eq!(usage.block_groups[0].profile, "RAID5");
    assert_eq!(
        messages(&problems),
        [
            "made without root on RAID5 or RAID6: what the tool computes of it is wrong and was left out"
        ]
    );
}

#[test]
fn a_disk_that_is_missing_goes_by_one_name() {
    let list = usage(&format!(
        "Overall:\n    Device size:\t\t   1.50GiB\n    Device allocated:\t\t 465.56MiB\n    Data ratio:\t\t\t      1.50\n\n{}   /dev/loop1\t  64.00MiB\n   <missing disk>\t  64.00MiB\n\n\
         Unallocated:\n   /dev/loop1\t 356.81MiB\n   <missing disk>\t 356.81MiB\n",
        PARITY.lines().next().unwrap().to_owned() + "\n"
    ));
    assert_eq!(list.devices[1].path, "missing");
    assert_eq!(list.devices[1].allocated, Bytes(64 * MIB));
    assert_eq!(list.data_ratio, Some(1.5));
    let table = usage(
        "Overall:\n    Device missing:\t\t 512.00MiB\n\n\
         \u{20}                 Data      Metadata  System                              \n\
         Id Path           RAID5     RAID1C3   RAID1C3  Unallocated Total     Slack\n\
         -- -------------- --------- --------- -------- ----------- --------- -----\n\
         \u{20}1 /dev/loop1      64.00MiB  51.00MiB 40.00MiB   357.00MiB 512.00MiB     -\n\
         \u{20}3 <missing disk>  64.00MiB  51.00MiB 40.00MiB   357.00MiB 512.00MiB     -\n\
         -- -------------- --------- --------- -------- ----------- --------- -----\n\
         \u{20}  Total          128.00MiB  51.00MiB 40.00MiB     1.04GiB   1.50GiB 0.00B\n\
         \u{20}  Used           100.00MiB 240.00KiB 16.00KiB                            \n",
    );
    assert_eq!(table.devices[1].path, "missing");
    assert_eq!(table.devices[1].allocated, Bytes(155 * MIB));
    assert_eq!(table.devices[1].unallocated, Some(Bytes(357 * MIB)));
    let errors = all_of("[<missing disk>].write_io_errs    7\n");
    assert_eq!(errors.device_errors[0].device, "missing");
    assert_eq!(errors.device_errors[0].write, 7);
}

#[test]
fn a_line_of_usage_that_is_not_known_is_told() {
    let (metrics, problems) = read(
        "Overall:\n    Device size:\t\t  -1.00GiB\n    Device flavour:\t sweet\n    Used:\t\t\t 1.00\n    \
         Global reserve:\t\t  16.00MiB\t(used: 4.00\n    Data ratio:\t\t\t      1.00\n",
    );
    let usage = &metrics.usage[0];
    assert_eq!(
        (usage.device_size, usage.used, usage.global_reserve_used),
        (None, None, None)
    );
    assert_eq!(usage.data_ratio, Some(1.0));
    let lines: Vec<Option<u32>> = problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(4), Some(5)]);
}

// ---- device usage, device stats, filesystem show

#[test]
fn device_usage_tells_what_each_device_holds() {
    let exact = sound("btrfs-dev-usage-b.txt");
    let second = &exact.device_usage[1];
    assert_eq!((second.path.as_str(), second.id), ("/dev/loop2", Some(2)));
    assert_eq!(
        (second.size, second.slack),
        (Some(Bytes(450 * MIB)), Some(Bytes(0)))
    );
    assert_eq!(second.unallocated, Some(Bytes(301 * MIB)));
    assert_eq!(
        second.allocated,
        [
            (BlockGroupKind::Data, "single".to_owned(), Bytes(96 * MIB)),
            (
                BlockGroupKind::Metadata,
                "RAID1".to_owned(),
                Bytes(45 * MIB)
            ),
            (BlockGroupKind::System, "RAID1".to_owned(), Bytes(8 * MIB)),
        ]
    );
    let rounded = sound("btrfs-dev-usage.txt").device_usage[1].value.clone();
    assert!(rounded.approximate && !second.approximate);
    assert_eq!(rounded.allocated, second.allocated);
}

#[test]
fn device_usage_sums_stripes_and_believes_nothing_without_root() {
    let striped = all_of(
        "/dev/sda, ID: 1\n   Device size:             1.00TiB\n   Device slack:              0.00B\n   \
         Data,RAID5/3:           10.00GiB\n   Data,RAID5/2:            2.00GiB\n   \
         Unallocated:           500.00GiB\n\nmissing, ID: 2\n   Device size:               0.00B\n   \
         Device slack:              0.00B\n   Data,RAID5/3:           10.00GiB\n   \
         Unallocated:           500.00GiB\n",
    );
    let [first, second] = &striped.device_usage[..] else {
        panic!()
    };
    assert_eq!(
        first.allocated,
        [(BlockGroupKind::Data, "RAID5".to_owned(), Bytes(12 << 30))]
    );
    assert_eq!((second.path.as_str(), second.size), ("missing", None));
    for blind in [
        "/dev/sda, ID: 1\n   Device size:             1.00MiB\n   Device slack:           16.00EiB\n   Unallocated:           512.00MiB\n",
        "/dev/sda, ID: 1\n   Device size:           512.00MiB\n   Device slack:              0.00B\n   Unallocated:                 N/A\n",
    ] {
        let (metrics, problems) = read(blind);
        let device = &metrics.device_usage[0];
        assert_eq!(
            (device.size, device.slack, device.unallocated),
            (None, None, None)
        );
        assert_eq!(
            messages(&problems),
            ["made without root: what single devices hold is missing"]
        );
    }
}

#[test]
fn device_errors_are_the_same_in_all_forms() {
    let expected = DeviceErrors {
        device: "/dev/mapper/my disk".to_owned(),
        write: 1,
        read: 2,
        flush: 3,
        corruption: 4,
        generation: 5,
    };
    let list = "[/dev/mapper/my disk].write_io_errs    1\n[/dev/mapper/my disk].read_io_errs     2\n\
                [/dev/mapper/my disk].flush_io_errs    3\n[/dev/mapper/my disk].corruption_errs  4\n\
                [/dev/mapper/my disk].generation_errs  5\n";
    let table = "Id Path                Write errors Read errors Flush errors Corruption errors Generation errors\n\
                 -- ------------------- ------------ ----------- ------------ ----------------- -----------------\n\
                 \u{20}1 /dev/mapper/my disk            1           2            3                 4                 5\n";
    let json = r#"{"device-stats":[{"device":"/dev/mapper/my disk","devid":1,"write_io_errs":1,"read_io_errs":"2","flush_io_errs":3,"corruption_errs":4,"generation_errs":5}]}"#;
    for form in [list, table, json] {
        assert_eq!(all_of(form).device_errors[0].value, expected);
    }
    let (_, problems) = read("[/dev/sda].bad_errs 1\n[/dev/sda].write_io_errs x\n");
    assert_eq!(problems.len(), 2);
    for name in ["btrfs-dev-stats.txt", "btrfs-dev-stats.json"] {
        assert_eq!(sound(name).device_errors[1].device, "/dev/loop2");
        assert_eq!(sound(name).device_errors[1].total(), 0);
    }
}

#[test]
fn filesystems_are_shown_with_their_devices() {
    let exact = sound("btrfs-fi-show-raw.txt").shown[0].value.clone();
    assert_eq!(
        (exact.label.as_deref(), exact.uuid.as_str()),
        (Some("tunetest"), UUID)
    );
    assert_eq!(
        (exact.total_devices, exact.used),
        (Some(2), Some(Bytes(54_611_968)))
    );
    assert_eq!(exact.devices[1].allocated, Some(Bytes(156_237_824)));
    assert_eq!(exact.devices[1].size, Some(Bytes(471_859_200)));
    assert!(!exact.missing && !exact.approximate);
    let rounded = sound("btrfs-fi-show.txt").shown[0].value.clone();
    assert_eq!(rounded.devices, exact.devices);
    assert!(rounded.approximate);
}

#[test]
fn missing_devices_are_shown_in_every_way_of_saying_it() {
    let head = format!("Label: none  uuid: {UUID}\n\tTotal devices 2 FS bytes used 1.00GiB\n");
    let there = "\tdevid    1 size 2.00GiB used 1.50GiB path /dev/sda\n";
    for (before, after) in [
        ("", "\t*** Some devices missing\n"),
        ("warning, device 2 is missing\n", ""),
        (
            "",
            "\tdevid    2 size 0 used 0 path <missing disk> MISSING\n",
        ),
        ("", "\tdevid    2 size 0 used 0 path /dev/sdb MISSING\n"),
        ("", "\tdevid    2 size 2.00GiB used 1.00GiB path missing\n"),
    ] {
        let shown = all_of(&format!("{before}{head}{there}{after}")).shown[0]
            .value
            .clone();
        assert!(shown.missing, "{before}{after}");
        assert_eq!(shown.label, None);
        assert_eq!(shown.devices[0].size, Some(Bytes(2 << 30)));
        assert!(
            shown
                .devices
                .iter()
                .skip(1)
                .all(|d| d.missing && d.size.is_none())
        );
    }
    let two = format!(
        "{head}{there}\nLabel: 'a 'b' uuid: x'  uuid: {UUID}\n\tTotal devices 1 FS bytes used 16384\n"
    );
    let shown = all_of(&two).shown;
    assert_eq!(shown[1].label.as_deref(), Some("a 'b' uuid: x"));
    assert!(!shown[0].missing && !shown[1].missing);
}

// ---- subvolumes

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

// ---- quotas

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

// ---- scrub and balance

fn job(content: &str) -> Maintenance {
    let metrics = all_of(content);
    assert_eq!(metrics.maintenance.len(), 1, "{content}");
    metrics.maintenance[0].value.clone()
}

fn scrub(rest: &str) -> Maintenance {
    job(&format!("UUID:             {UUID}\n{rest}"))
}

#[test]
fn a_scrub_that_runs_tells_its_speed_and_how_far_it_is() {
    let running = scrub(
        "Scrub resumed:    Mon Nov 23 06:45:00 2026\nStatus:           running\nDuration:         0:00:10\n\
         Time left:        0:00:30\nETA:              Mon Nov 23 06:45:40 2026\nTotal to scrub:   4.00GiB\n\
         Bytes scrubbed:   1.00GiB  (25.00%)\nRate:             102.40MiB/s (limit 200.00MiB/s)\n\
         Error summary:    csum=3 read=1\n  Corrected:      2\n  Uncorrectable:  2\n  Unverified:     0\n",
    );
    assert!(running.running);
    assert_eq!(running.rate_bytes_s, Some(107_374_182.0));
    assert_eq!(running.done, Some(Percent(25.0)));
    assert_eq!(
        running.errors.as_deref(),
        Some("csum=3 read=1, corrected 2, uncorrectable 2")
    );
    let raw = scrub(
        "Scrub started:    x\nStatus:           running\nDuration:         0:00:10\nRate:             1000/s\n\
         Error summary:    no errors found\n",
    );
    assert_eq!((raw.rate_bytes_s, raw.errors), (Some(1000.0), None));
    let si = scrub(
        "Scrub started:    x\nStatus:           running\nRate:             1.50MB/s (some device limits set)\n",
    );
    assert_eq!(si.rate_bytes_s, Some(1_500_000.0));
}

#[test]
fn a_scrub_in_its_first_seconds_runs_though_nothing_is_measured() {
    let begun = scrub(
        "\tno stats available\nTime left:        0:00:00\nETA:              Mon Nov 23 22:14:36 2026\n\
         Total to scrub:   300.45MiB\nBytes scrubbed:   0.00B  (0.00%)\nRate:             0.00B/s\n\
         Error summary:    no errors found\n",
    );
    assert!(begun.running);
    assert_eq!((begun.rate_bytes_s, begun.done), (None, None));
}

#[test]
fn a_scrub_of_many_devices_is_one_job() {
    let devices = scrub(
        "\nScrub device /dev/sda (id 1) status\nScrub started:    x\nStatus:           running\nDuration:         0:01:00\n\
         Total to scrub:   3.00GiB\nBytes scrubbed:   2.00GiB  (66.67%)\nRate:             10.00MiB/s\nError summary:    no errors found\n\
         \nScrub device /dev/sdb (id 2) status\nScrub started:    x\nStatus:           running\nDuration:         0:01:00\n\
         Total to scrub:   1.00GiB\nBytes scrubbed:   1.00GiB  (100.00%)\nRate:             5.00MiB/s\nError summary:    super=1\n",
    );
    assert_eq!(
        (devices.done, devices.rate_bytes_s),
        (Some(Percent(75.0)), Some(15.0 * MIB as f64))
    );
    assert_eq!(devices.errors.as_deref(), Some("super=1"));
    let one_runs = scrub(
        "\nScrub device /dev/sda (id 1) history\nScrub started:    x\nStatus:           finished\n\
         \nScrub device /dev/sdb (id 2) status\nScrub started:    x\nStatus:           running\n\
         \nScrub device /dev/sdc (id 3) history\n\tno stats available\n",
    );
    assert_eq!(one_runs.state, MaintenanceState::Running);
}

#[test]
fn a_scrub_that_does_not_run_tells_how_it_ended() {
    for (word, state) in [
        ("finished", MaintenanceState::Finished),
        ("aborted", MaintenanceState::Aborted),
        ("interrupted", MaintenanceState::Interrupted),
    ] {
        let ended = scrub(&format!(
            "Scrub started:    x\nStatus:           {word}\nDuration:         0:00:10\n"
        ));
        assert_eq!((ended.state, ended.running), (state, false));
        let raw = scrub(&format!(
            "Scrub started:    x\nStatus:           {word}\n\tdata_bytes_scrubbed: 104857600\n\tread_errors: 0\n\tcsum_errors: 2\n\tlast_physical: 9\n"
        ));
        assert_eq!(raw.errors.as_deref(), Some("csum=2"));
    }
    assert_eq!(
        scrub("\tno stats available\n").state,
        MaintenanceState::Never
    );
    for name in ["btrfs-scrub-status.txt", "btrfs-scrub-status2.txt"] {
        let done = sound(name).maintenance[0].value.clone();
        assert_eq!(
            (done.state, done.errors),
            (MaintenanceState::Finished, None)
        );
        // Of what took no second, progs 6.2 count no rate.
        assert_eq!(done.rate_bytes_s, None);
    }
    let (_, problems) = read(&format!(
        "UUID: {UUID}\nScrub started: x\nStatus: bored\nRate: 1.2\n"
    ));
    assert_eq!(problems.len(), 2);
}

#[test]
fn scrubs_of_progs_4_are_read() {
    let old = |line: &str| {
        job(&format!(
            "scrub status for {UUID}\n\tscrub started at Mon Nov 23 06:45:00 2026{line}\n"
        ))
    };
    assert_eq!(
        old(", running for 00:00:05").state,
        MaintenanceState::Running
    );
    assert_eq!(
        old(" and was aborted after 00:00:05").state,
        MaintenanceState::Aborted
    );
    assert_eq!(
        old(", interrupted after 00:00:05, not running").state,
        MaintenanceState::Interrupted
    );
    let errors = old(
        " and finished after 00:01:02\n\ttotal bytes scrubbed: 1.00GiB with 2 errors\n\terror details: csum=2\n\t\
         corrected errors: 0, uncorrectable errors: 2, unverified errors: 0",
    );
    assert_eq!(errors.state, MaintenanceState::Finished);
    assert_eq!(errors.errors.as_deref(), Some("csum=2, uncorrectable 2"));
}

#[test]
fn a_balance_tells_how_far_it_is() {
    let running = job(
        "Balance on '/srv/it's' is running\n3 out of about 12 chunks balanced (4 considered),  75% left\n\
         Dumping filters: flags 0x7, state 0x1, force is off\n  DATA (flags 0x2): balancing, usage=50\n",
    );
    assert_eq!(
        (running.path.as_deref(), running.running),
        (Some("/srv/it's"), true)
    );
    assert_eq!(running.done, Some(Percent(25.0)));
    let stopping = job(
        "Balance on '/srv' is running, pause requested\n0 out of about 0 chunks balanced (0 considered), -nan% left\n",
    );
    assert_eq!(
        (stopping.state, stopping.done),
        (MaintenanceState::Running, None)
    );
    let paused = job(
        "Balance on '/srv' is paused\n13 out of about 12 chunks balanced (14 considered),  -8% left\n",
    );
    assert_eq!(
        (paused.state, paused.running),
        (MaintenanceState::Paused, false)
    );
    assert_eq!(paused.done, Some(Percent(100.0)));
    assert_eq!(
        sound("btrfs-balance-status.txt").maintenance[0].state,
        MaintenanceState::Never
    );
}

// ---- files

#[test]
fn compsize_in_every_form() {
    let exact = sound("compsize-b.txt").compression[0].value.clone();
    assert_eq!(
        (exact.files, exact.extents, exact.approximate),
        (62, 62, false)
    );
    assert_eq!(exact.rows[1].disk, Bytes(1_720_320));
    let rounded = sound("compsize.txt").compression[0].value.clone();
    assert_eq!(rounded.rows[0].referenced, Bytes(50 * MIB));
    assert!(rounded.approximate);
    assert_eq!(
        sound("compsize-x.txt").compression[0].rows[0].disk,
        Bytes(132 * KIB)
    );
    let (metrics, problems) = read("No files.\n");
    assert!(metrics.compression[0].rows.is_empty());
    assert_eq!(
        messages(&problems),
        ["compsize found no files with data on disk"]
    );
    // Of a single file it does not say that it is one.
    let one = "Type       Perc     Disk Usage   Uncompressed Referenced  \n\
               TOTAL       50%      4.0K         8.0K         8.0K       \nlzo         50%      4.0K         8.0K         8.0K       \n";
    let metrics = all_of(&one.repeat(2));
    assert_eq!(metrics.compression.len(), 2);
    let row = &metrics.compression[1].rows[0];
    assert_eq!((metrics.compression[1].files, row.disk), (1, Bytes(4096)));
    assert_eq!(
        (row.algorithm.as_str(), row.uncompressed),
        ("lzo", Bytes(8192))
    );
    let (_, problems) =
        read("Processed 62 files, 6\nType Perc Disk Usage Uncompressed Referenced\nzstd 25% 1.6\n");
    assert_eq!(problems.len(), 2);
}

#[test]
fn extents_of_files_are_counted() {
    let plain = all_of(
        "/srv/a: b: 12 extents found\n/srv/c: 1 extent found\n/srv/old: 3 extents found, perfection would be 1 extent\n",
    );
    let found: Vec<(&str, u64)> = plain
        .fragmentation
        .iter()
        .map(|f| (f.path.as_str(), f.extents))
        .collect();
    assert_eq!(found, [("/srv/a: b", 12), ("/srv/c", 1), ("/srv/old", 3)]);
    assert_eq!(
        (
            plain.fragmentation[0].size,
            plain.fragmentation[0].compressed
        ),
        (None, None)
    );
    let listing = |flags: &str| {
        format!(
            "Filesystem type is: 9123683e\nFile size of /srv/is is it is 262144 (64 blocks of 4096 bytes)\n \
             ext:     logical_offset:        physical_offset: length:   expected: flags:\n   \
             0:        0..      31:       3328..      3359:     32:             {flags}\n   \
             1:       32..      63:       3400..      3431:     32:       3360: last,{flags}eof\n\
             /srv/is is it: 2 extents found\n"
        )
    };
    let file = all_of(&listing("encoded,")).fragmentation[0].value.clone();
    assert_eq!(
        (file.extents, file.size, file.compressed),
        (2, Some(Bytes(262_144)), Some(true))
    );
    assert_eq!(file.path, "/srv/is is it");
    assert_eq!(
        all_of(&listing("")).fragmentation[0].compressed,
        Some(false)
    );
    let cut = listing("");
    let (metrics, problems) = read(&cut[..cut.len() - 10]);
    assert_eq!(metrics.fragmentation.len(), 0);
    assert_eq!(problems.len(), 2);
}

#[test]
fn attributes_of_files_are_read() {
    let real = sound("lsattr.txt").flags;
    let facts: Vec<(&str, bool, bool)> = real
        .iter()
        .map(|f| (f.path.as_str(), f.nocow, f.no_compress))
        .collect();
    assert_eq!(
        facts,
        [
            ("/mnt/tune/@/db", true, false),
            ("/mnt/tune/@", false, false),
            ("/mnt/tune/@nix", false, true)
        ]
    );
    let tree = "--------c------------- ./a b\n\n./a b:\n---------------C------ ./a b/$ c\n  0 -----a--------e---- ./project\n";
    let flags = all_of(tree).flags;
    assert!(flags[0].compress && !flags[0].nocow);
    assert_eq!(
        (flags[1].path.as_str(), flags[1].nocow),
        ("./a b/$ c", true)
    );
    assert_eq!(flags[2].path, "./project");
    let (_, problems) = read(
        "---------------C------ /a\nlsattr: Operation not supported While reading flags on /a/socket\n",
    );
    assert_eq!(problems.len(), 1);
}

#[test]
fn properties_are_read() {
    let property = |name: &str| sound(name).properties[0].value.clone();
    assert_eq!(
        property("btrfs-property-get-dir-zstd.txt")
            .compression
            .as_deref(),
        Some("zstd")
    );
    let nix = property("btrfs-property-get-nix.txt");
    assert_eq!(
        (nix.read_only, nix.compression.as_deref()),
        (Some(false), Some("none"))
    );
    assert_eq!(property("btrfs-property-get-ro.txt").read_only, Some(true));
    assert_eq!(
        property("btrfs-property-get-subvol.txt").read_only,
        Some(false)
    );
    let two = all_of("$ btrfs property get /srv\nro=false\nlabel=a=b\nro=true\n").properties;
    assert_eq!((two.len(), two[0].label.as_deref()), (2, Some("a=b")));
    assert_eq!(
        (two[1].read_only, two[1].path.as_deref()),
        (Some(true), Some("/srv"))
    );
}

#[test]
fn a_superblock_is_read() {
    let found = sound("btrfs-inspect-dump-super.txt").supers[0]
        .value
        .clone();
    assert_eq!(
        (found.device.as_deref(), found.uuid.as_deref()),
        (Some("/dev/loop1"), Some(UUID))
    );
    assert_eq!(
        (found.node_size, found.sector_size, found.devices),
        (Some(16384), Some(4096), Some(2))
    );
    assert_eq!(
        (found.checksum.as_deref(), found.label.as_deref()),
        (Some("crc32c"), Some("tunetest"))
    );
    assert_eq!(
        (found.total, found.used),
        (Some(Bytes(900 * MIB)), Some(Bytes(54_611_968)))
    );
    assert!(found.features.contains("free_space_tree") && found.features.contains("no_holes"));
    assert_eq!(found.features.len(), 8);
    let odd = "superblock: bytenr=65536, device=/dev/sda\n---------------------------------------------------------\n\
               csum_type\t\t1\nlabel\t\t\t\nincompat_flags\t\t0x2000000000000361\n\t\t\t( MIXED_BACKREF |\n\t\t\t  unknown flag: 0x2000000000000000 )\n";
    let (metrics, problems) = read(odd);
    assert_eq!(
        (
            metrics.supers[0].checksum.as_deref(),
            metrics.supers[0].label.as_deref()
        ),
        (Some("xxhash64"), None)
    );
    assert_eq!(problems.len(), 1);
}

// ---- /sys/fs/btrfs

#[test]
fn the_state_of_a_filesystem_is_read() {
    let metrics = sound("sysfs-fs-btrfs.txt");
    let state = &metrics.states[0];
    assert_eq!(
        (state.uuid.as_str(), state.label.as_deref()),
        (UUID, Some("tunetest"))
    );
    assert_eq!(
        (state.node_size, state.sector_size),
        (Some(16384), Some(4096))
    );
    assert_eq!(
        (state.checksum.as_deref(), state.read_policy.as_deref()),
        (Some("crc32c"), Some("pid"))
    );
    let commits = state.commits.unwrap();
    assert_eq!((commits.commits, commits.over_s), (9, None));
    assert_eq!(
        (commits.last, commits.max, commits.total),
        (Some(Millis(23.0)), Some(Millis(74.0)), Some(Millis(148.0)))
    );
    assert_eq!(state.devices, ["loop1", "loop2"]);
    assert_eq!(
        (state.missing, state.bg_reclaim_percent),
        (Some(0), Some(0))
    );
    assert_eq!(
        state.global_reserve,
        Some((Bytes(5_767_168), Bytes(5_767_168)))
    );
    assert_eq!(state.discardable, Some(Bytes(471_040)));
    assert_eq!(
        (state.quota, state.quota_inconsistent),
        (Some(QuotaMode::Full), Some(false))
    );
    let data = &state.space[0];
    assert_eq!(
        (data.total, data.used, data.may_use),
        (Bytes(209_715_200), Bytes(86_253_568), Some(Bytes(0)))
    );
    assert_eq!(state.space[1].may_use, Some(Bytes(5_767_168)));
    assert_eq!(
        (
            state.block_groups[1].profile.as_str(),
            state.block_groups[1].used
        ),
        ("RAID1", Bytes(999_424))
    );
    assert_eq!(state.device_errors.len(), 2);
    assert!(state.features.contains("free_space_tree"));
    let kernel = sound("sysfs-fs-btrfs-global-features.txt")
        .kernel_features
        .unwrap();
    assert!(kernel.contains("simple_quota") && kernel.len() == 20);
}

/// The same dump as `grep -r .` prints it, and as a tree of files.
fn other_shapes() -> (String, Vec<(String, String)>) {
    let mut lines = String::new();
    let mut files = Vec::new();
    for line in text("sysfs-fs-btrfs.txt").lines() {
        let Some((path, value)) = line.split_once('\t') else {
            continue;
        };
        let path = format!("sys/fs/btrfs/{UUID}/{path}");
        let value = value.trim_end_matches('|').replace('|', "\n");
        for value in value.lines() {
            lines.push_str(&format!("/{path}:{value}\n"));
        }
        files.push((path, value + "\n"));
    }
    (lines, files)
}

#[test]
fn the_three_shapes_of_a_dump_say_the_same() {
    let mut expected = sound("sysfs-fs-btrfs.txt").states[0].value.clone();
    // Neither shape has the links.
    expected.devices.clear();
    let (lines, files) = other_shapes();
    assert_eq!(all_of(&lines).states[0].value, expected);
    let folder = tempfile::tempdir().unwrap();
    for (path, value) in &files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }
    let (metrics, problems) = read_dir(folder.path()).unwrap();
    assert_eq!(problems, []);
    assert_eq!(metrics.states.len(), 1);
    assert_eq!(metrics.states[0].value, expected);
    assert_eq!(metrics.quotas[0].groups, 5);
    let nodesize = format!("sys/fs/btrfs/{UUID}/nodesize");
    fs::write(folder.path().join(nodesize), "many\n").unwrap();
    let (_, problems) = read_dir(folder.path()).unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn two_samples_of_the_commits_are_their_difference() {
    let sample = |at: &str, commits: u64, last: u64, max: u64, total: u64| {
        format!(
            "## /sys/fs/btrfs/{UUID}/commit_stats{at}\ncommits {commits}\ncur_commit_ms 0\nlast_commit_ms {last}\nmax_commit_ms {max}\ntotal_commit_ms {total}\n"
        )
    };
    let two = sample(" t=10.5", 100, 20, 900, 5000) + &sample(" t=15.5", 103, 400, 900, 6000);
    let commits = all_of(&two).states[0].commits.unwrap();
    assert_eq!((commits.commits, commits.over_s), (3, Some(5.0)));
    assert_eq!(
        (commits.last, commits.total),
        (Some(Millis(400.0)), Some(Millis(1000.0)))
    );
    // The longest of all time was before, so that of these seconds is not known.
    assert_eq!(commits.max, None);
    let longer = sample(" t=10", 100, 20, 900, 5000)
        + &sample(" t=12", 101, 950, 950, 5950)
        + &sample(" t=20", 105, 3, 950, 6000);
    let commits = all_of(&longer).states[0].commits.unwrap();
    assert_eq!(
        (commits.commits, commits.over_s, commits.max),
        (5, Some(10.0), Some(Millis(950.0)))
    );
    // Mounted anew in between.
    let anew = sample(" t=10", 100, 20, 900, 5000) + &sample(" t=15", 2, 4, 5, 9);
    let commits = all_of(&anew).states[0].commits.unwrap();
    assert_eq!(
        (commits.commits, commits.over_s, commits.max),
        (2, None, Some(Millis(5.0)))
    );
    assert_eq!(
        all_of(&sample("", 7, 1, 2, 3)).states[0]
            .commits
            .unwrap()
            .commits,
        7
    );
    let tool = format!(
        "UUID: {UUID}\nCommit stats since mount:\n  Total commits:                     12\n  \
         Last commit duration:              34ms\n  Max commit duration:              120ms\n  Total time spent in commit:       560ms\n"
    );
    let commits = all_of(&tool).states[0].commits.unwrap();
    assert_eq!((commits.commits, commits.max), (12, Some(Millis(120.0))));
    let (metrics, problems) = read("commits 9\ncur_commit_ms 0\n");
    assert_eq!((metrics.states.len(), problems.len()), (0, 1));
}

#[test]
fn quotas_seen_in_sys_give_way_to_what_the_tool_said() {
    let dump = text("sysfs-fs-btrfs.txt");
    let tool = text("btrfs-qgroup-show.txt");
    let alone = all_of(&dump);
    assert_eq!(
        (alone.quotas[0].uuid.as_deref(), alone.quotas[0].mode),
        (Some(UUID), Some(QuotaMode::Full))
    );
    for both in [
        format!("{dump}\n## x\n{tool}"),
        format!("{tool}\n## x\n{dump}"),
    ] {
        let quotas = all_of(&both).quotas;
        assert_eq!(quotas.len(), 1);
        assert_eq!((quotas[0].uuid.as_deref(), quotas[0].groups), (None, 5));
        assert_eq!(
            (quotas[0].mode, quotas[0].inconsistent),
            (Some(QuotaMode::Full), Some(false))
        );
    }
    let at = |file: &str, value: &str| format!("/sys/fs/btrfs/{UUID}/qgroups/{file}:{value}\n");
    let simple = at("enabled", "1")
        + &at("inconsistent", "0")
        + &at("mode", "squota")
        + &at("0_256/limit_flags", "1");
    let quota = all_of(&simple).quotas[0].value.clone();
    assert_eq!(
        (quota.mode, quota.limited, quota.groups),
        (Some(QuotaMode::Simple), true, 1)
    );
    // Before Linux 6.7 there is no mode to be seen.
    assert_eq!(all_of(&at("enabled", "1")).quotas[0].mode, None);
    assert!(!all_of(&at("enabled", "0")).quotas[0].enabled);
}

#[test]
fn the_same_command_on_two_filesystems_is_two_facts() {
    let twice = |name: &str| all_of(&text(name).repeat(2));
    assert_eq!(twice("btrfs-fi-df-b.txt").usage.len(), 2);
    assert_eq!(
        twice("btrfs-fi-df-b.txt").usage[1].value,
        sound("btrfs-fi-df-b.txt").usage[0].value
    );
    for name in [
        "btrfs-subvol-list.txt",
        "btrfs-subvol-list-a.txt",
        "btrfs-subvol-list-puqt.txt",
    ] {
        let lists = twice(name).subvolumes;
        assert_eq!((lists.len(), lists[1].total), (2, 4), "{name}");
    }
    for name in [
        "btrfs-scrub-status.txt",
        "btrfs-scrub-status2.txt",
        "btrfs-balance-status.txt",
    ] {
        assert_eq!(twice(name).maintenance.len(), 2, "{name}");
    }
    assert_eq!(twice("btrfs-fi-show.txt").shown.len(), 2);
    assert_eq!(
        twice("btrfs-subvol-show.txt").subvolume_shows[1].snapshots,
        ["snap1"]
    );
    assert_eq!(
        twice("btrfs-inspect-dump-super.txt").supers[1]
            .features
            .len(),
        8
    );
    assert_eq!(twice("btrfs-qgroup-show.txt").quotas[1].groups, 5);
    assert_eq!(twice("compsize.txt").compression[1].rows.len(), 2);
    assert_eq!(twice("btrfs-property-get-nix.txt").properties.len(), 2);
}

#[test]
fn what_stands_behind_usage_is_not_taken_for_its_devices() {
    let (metrics, problems) = read(&(text("btrfs-fi-usage-b.txt") + "   7       0 loop0 1 2 3\n"));
    assert_eq!(metrics.usage[0].devices.len(), 2);
    assert_eq!(problems.len(), 1);
}

// ---- invented outputs of other versions, beside the real ones

#[test]
fn a_pool_with_everything_wrong_is_read() {
    let usage = sound("btrfs-fi-usage-T-missing.txt").usage[0].value.clone();
    assert_eq!(
        (usage.missing, usage.multiple_profiles),
        (Some(Bytes(1_000_201_246_474)), Some(true))
    );
    assert_eq!(
        (usage.slack, usage.global_reserve_used),
        (Some(Bytes(3584)), Some(Bytes(16 * KIB)))
    );
    let held: Vec<(&str, u64)> = usage
        .devices
        .iter()
        .map(|d| (d.path.as_str(), d.allocated.0 >> 25))
        .collect();
    // In steps of 32 MiB: 352 GiB and one, and 340 GiB and one.
    assert_eq!(
        held,
        [
            ("/dev/sda2", 352 * 32 + 1),
            ("/dev/sdb2", 340 * 32 + 1),
            ("missing", 340 * 32 + 1)
        ]
    );
    let data: Vec<(&str, u64)> = usage
        .block_groups
        .iter()
        .filter(|g| g.kind == BlockGroupKind::Data)
        .map(|g| (g.profile.as_str(), g.size.0 >> 30))
        .collect();
    assert_eq!(data, [("single", 12), ("RAID5", 672)]);

    let scrub = sound("btrfs-scrub-status-running.txt").maintenance[0]
        .value
        .clone();
    assert_eq!(
        (scrub.running, scrub.rate_bytes_s),
        (true, Some(475_655_045.0))
    );
    assert!((scrub.done.unwrap().0 - 33.33).abs() < 0.01);
    assert_eq!(
        scrub.errors.as_deref(),
        Some("csum=12 verify=1, corrected 11, uncorrectable 2")
    );

    let errors = sound("btrfs-dev-stats-T.txt").device_errors;
    assert_eq!(
        (errors[0].device.as_str(), errors[0].total()),
        ("/dev/mapper/luks", 153)
    );
    assert_eq!((errors[0].corruption, errors[1].total()), (123, 0));

    let metrics = sound("sysfs-fs-btrfs-grep.txt");
    let state = &metrics.states[0];
    assert_eq!(
        (state.label.as_deref(), state.missing),
        (Some("big: pool | one"), Some(1))
    );
    assert_eq!(
        (state.checksum.as_deref(), state.bg_reclaim_percent),
        (Some("xxhash64"), Some(30))
    );
    assert_eq!(state.read_policy.as_deref(), Some("round-robin:196608"));
    assert_eq!(state.exclusive_operation.as_deref(), Some("balance paused"));
    assert_eq!(state.read_ahead, Some(Bytes(4 * MIB)));
    assert_eq!(state.commits.unwrap().max, Some(Millis(41877.0)));
    assert_eq!(state.block_groups[0].profile, "RAID5");
    assert_eq!(state.space[0].pinned, Some(Bytes(4 * MIB)));
    assert_eq!(state.device_errors[0].corruption, 123);
    assert_eq!(
        (state.quota, metrics.quotas[0].limited),
        (Some(QuotaMode::Simple), true)
    );
    assert_eq!(metrics.kernel_features.as_ref().unwrap().len(), 2);

    let quota = sound("btrfs-qgroup-show-limited.txt").quotas[0]
        .value
        .clone();
    assert_eq!((quota.groups, quota.limited, quota.stale), (5, true, 1));
    assert_eq!(quota.inconsistent, Some(true));

    let files = sound("filefrag-v.txt").fragmentation;
    assert_eq!(
        (files[0].extents, files[0].compressed, files[0].size),
        (3, Some(true), Some(Bytes(786_432)))
    );
    assert_eq!((files[1].extents, files[2].extents), (4711, 1));
    assert_eq!((files[1].compressed, files[1].size), (None, None));
    let flags = sound("lsattr-R.txt").flags;
    assert_eq!(flags.len(), 5);
    assert_eq!(
        (flags[3].path.as_str(), flags[3].nocow),
        ("./a folder/db.sqlite", true)
    );
}

// ---- broken input

/// Every number in the facts by its path, except counts of what was read and sums over it.
fn numbers(value: &serde_json::Value, path: &str, found: &mut Vec<(String, f64)>) {
    match value {
        serde_json::Value::Number(number) => {
            found.push((path.to_owned(), number.as_f64().unwrap()))
        }
        serde_json::Value::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                numbers(element, &format!("{path}[{index}]"), found);
            }
        }
        serde_json::Value::Object(object) => {
            for (key, element) in object {
                if !["groups", "stale", "total_subvolumes", "snapshots"].contains(&key.as_str()) {
                    numbers(element, &format!("{path}.{key}"), found);
                }
            }
        }
        _ => {}
    }
}

fn all_numbers(metrics: &Metrics) -> BTreeMap<String, f64> {
    let mut found = Vec::new();
    for state in &metrics.subvolumes {
        assert_eq!(state.total, state.paths.len() as u64);
    }
    let mut value = serde_json::to_value(metrics).unwrap();
    // Counts of what was read, which is less of a part.
    value.as_object_mut().unwrap().remove("subvolumes");
    numbers(&value, "", &mut found);
    found.into_iter().collect()
}

/// Counters of a device that a part does not reach stand at zero, as those that are left out do.
fn may_be_zero(path: &str) -> bool {
    path.contains("device_errors")
        || ["files", "extents"].iter().any(|key| path.ends_with(key))
            && path.contains("compression")
        || path.ends_with(".missing")
}

/// A fixture and the numbers in it.
struct Whole {
    name: String,
    bytes: Vec<u8>,
    numbers: BTreeMap<String, f64>,
}

impl Whole {
    fn of(name: &str) -> Whole {
        let bytes = fs::read(folder().join(name)).unwrap();
        Whole {
            numbers: Whole::numbers(name, &bytes),
            name: name.to_owned(),
            bytes,
        }
    }

    fn numbers(name: &str, bytes: &[u8]) -> BTreeMap<String, f64> {
        let mut metrics = Metrics::default();
        read_bytes(name, bytes, &mut metrics);
        all_numbers(&metrics)
    }

    fn assert_agrees_with_part(&self, end: usize) {
        for (path, number) in Whole::numbers(&self.name, &self.bytes[..end]) {
            let known = self.numbers.get(&path).copied();
            assert!(
                known == Some(number) || (number == 0.0 && may_be_zero(&path)),
                "{} cut at {end}: {path} is {number}, in the whole {known:?}",
                self.name
            );
        }
    }
}

#[test]
fn no_number_of_a_part_differs_from_that_of_the_whole() {
    for name in names() {
        let whole = Whole::of(&name);
        // Every byte of the longest files would take long; this meets each place in a line.
        let step = (whole.bytes.len() / 400).max(1);
        for end in (0..whole.bytes.len()).step_by(step) {
            whole.assert_agrees_with_part(end);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_cut_changes_a_number(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let names = names();
        let name = pick.get(&names);
        let whole = Whole::of(name);
        whole.assert_agrees_with_part(at.index(whole.bytes.len()));
    }

    #[test]
    fn no_change_of_bytes_is_a_panic(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..20),
    ) {
        let names = names();
        let mut bytes = fs::read(folder().join(pick.get(&names))).unwrap();
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte.max(1),
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte.max(1)),
            }
        }
        let mut metrics = Metrics::default();
        read_bytes("mangled", &bytes, &mut metrics);
    }
}
