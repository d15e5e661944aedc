//! Invented outputs of other versions, beside the real ones.

use btrfs_tune::model::metrics::{BlockGroupKind, QuotaMode};
use btrfs_tune::model::units::{Bytes, Millis};

use super::{KIB, MIB, sound};

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
