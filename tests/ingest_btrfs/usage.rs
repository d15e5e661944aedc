//! How full filesystems are: `btrfs filesystem usage` and `… df`.

use btrfs_tune::model::metrics::{BlockGroupKind, BtrfsUsage};
use btrfs_tune::model::units::Bytes;

use super::{KIB, MIB, all_of, messages, read, sound, text};

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

#[test]
fn what_stands_behind_usage_is_not_taken_for_its_devices() {
    let (metrics, problems) = read(&(text("btrfs-fi-usage-b.txt") + "   7       0 loop0 1 2 3\n"));
    assert_eq!(metrics.usage[0].devices.len(), 2);
    assert_eq!(problems.len(), 1);
}
