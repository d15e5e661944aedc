//! Devices: `btrfs device usage`, `… stats`, `btrfs filesystem show`.

use btrfs_tune::model::metrics::{BlockGroupKind, DeviceErrors};
use btrfs_tune::model::units::Bytes;

use super::{MIB, UUID, all_of, messages, read, sound};

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
