//! What the kernel shows below `/sys/fs/btrfs`.

use std::fs;

use btrfs_tune::ingest::metrics::read_dir;
use btrfs_tune::model::metrics::QuotaMode;
use btrfs_tune::model::units::{Bytes, Millis};

use super::{UUID, all_of, read, sound, text};

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
