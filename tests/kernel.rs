//! Owns: the comparison of what `btrfs` says about the kernel with what the running kernel does.
//!
//! Needs root, loop devices and mkfs.btrfs; says so and passes where they are missing, unless
//! `CI=true`.

mod common;

use std::fs;
use std::process::Command;

use btrfs_tune::btrfs::{
    Decided, DeviceFacts, EffectiveOptions, KernelVersion, MountSpec, Stage1, Target, Verdict,
    Whole, effective, parse_options, remount_command_options, verdicts, whole,
};
use common::loopfs::{LoopFs, available};

fn running_kernel() -> Result<Target, String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").map_err(|e| e.to_string())?;
    let kernel: KernelVersion = release.parse().map_err(|e| format!("{e}"))?;
    Ok(Target::Known(kernel))
}

/// What the kernel sees of the loop device and the machine.
fn facts(fs: &LoopFs) -> DeviceFacts {
    let (rotational, discard) = fs.rotational_and_discard();
    let is_cpu = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let online = fs::read_to_string("/proc/stat")
        .ok()
        .map(|s| s.lines().filter(is_cpu).count());
    let cpus = online.and_then(|online| u32::try_from(online).ok());
    DeviceFacts {
        rotational,
        discard,
        free_space_tree: Some(true),
        cpus,
    }
}

/// Strings of every kind: exact, clamped, refused, contradictory, generic, left to userspace.
const STRINGS: &str = r#"
    defaults compress compress=zstd compress=zstd:0 compress=zstd:03 compress=zstd:15
    compress=zstd:19 compress=zstd:-5 compress=zstd:-20 compress=zstd:3x compress=zstd3
    compress=zlib:10 compress=zlib:-1 compress=lzo compress=lzo:3 compress=lz4 compress=ZSTD
    compress=no compress=no:3 compress=nothing compress=off compress= compress-force=zstd:2
    compress-force compression=zstd nocompress compress_force=zstd nodatacow,compress=zstd
    compress=zstd,nodatacow compress=zstd,nodatasum nodatasum,compress=zstd
    compress=zstd:5,compress-force=lzo compress-force=zstd,compress=no nodatacow,datasum
    nodatacow,nodatasum,datacow autodefrag,nodatacow autodefrag autodefrag=1 nodefrag commit=0
    commit=30 commit=120 commit=400 commit=0x10 commit=+5 commit=30s commit=-1 commit=4294967295
    commit discard discard=async discard=sync discard=on nodiscard nodiscard,discard=async ssd
    nossd ssd_spread ssd,nossd,ssd_spread ssd_spread,nossd_spread max_inline=0 max_inline=4k
    max_inline=1M max_inline=foo max_inline=5foo max_inline= max_inline thread_pool=0
    thread_pool=3 thread_pool=4 metadata_ratio=8 metadata_ratio=foo space_cache=v1 space_cache
    space_cache=v2 space_cache=v3 nospace_cache nospace_cache,clear_cache
    space_cache=v1,space_cache=v2 clear_cache noatime noatime,nodiratime strictatime norelatime
    no-atime noatime=1 lazytime,sync,dirsync nodev,nosuid,noexec nosymfollow owner user users=1
    nofail nofail=1 noauto,_netdev,x-systemd.automount,X-mount.mkdir,comment=x
    notreelog,nobarrier,flushoncommit,noacl
    user_subvol_rm_allowed,skip_balance,enospc_debug,rescan_uuid_tree degraded
    fatal_errors=panic fatal_errors fragment=data check_int recovery inode_cache nologreplay,ro
    norecovery norecovery,ro usebackuproot rescue=all rescue=all,ro rescue=idatacsums,ro
    rescue=ibadroots:idatacsums,ro rescue=usebackuproot rescue= subvol= subvol="/" subvolid=0x5
    subvolid=foo quota errors=remount-ro iversion ro ,,noatime,,
"#;

#[test]
fn every_string_is_taken_or_refused_as_said() {
    if !available("every_string_is_taken_or_refused_as_said") {
        return;
    }
    let target = running_kernel().unwrap();
    let mut wrong = Vec::new();
    for text in STRINGS.split_whitespace() {
        // A filesystem each: some strings change what is on disk.
        let fs = LoopFs::new(1, &[]).unwrap();
        let facts = facts(&fs);
        let options = parse_options(&[text]);
        let judged = verdicts(&options, &target, &facts);
        let refused = judged.iter().find_map(Verdict::refusal);
        // No option string tells that a path does not exist.
        let no_such_path = text.contains('"');
        match fs.mount("/", text) {
            Err(error) if refused.is_none() && !no_such_path => {
                wrong.push(format!("{text}: said to be taken, but {error}"));
            }
            Err(_) => {}
            Ok(_) if refused.is_some() => {
                wrong.push(format!(
                    "{text}: taken, but said: {}",
                    refused.unwrap().message
                ));
            }
            Ok(mount) => {
                let said = shown_by(&effective(&options, &target, &facts));
                let real = fs.shown(mount.path());
                if said != real {
                    wrong.push(format!("{text}: said {said:?}, but is {real:?}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        STRINGS.split_whitespace().count(),
        wrong.join("\n")
    );
}

fn shown_by(effective: &EffectiveOptions) -> (Vec<String>, Vec<String>) {
    (effective.shown_mount.clone(), effective.shown_fs.clone())
}

#[test]
fn what_is_said_to_be_compressed_is() {
    if !available("what_is_said_to_be_compressed_is") {
        return;
    }
    for text in [
        "defaults",
        "compress=zstd",
        "compress=zstd,nodatasum",
        "nodatasum,compress=zstd",
        "compress=zstd,nodatacow",
        "nodatacow,compress-force=lzo",
        "compress-force=zstd,compress=no",
    ] {
        let fs = LoopFs::new(1, &[]).unwrap();
        let said = effective(
            &parse_options(&[text]),
            &running_kernel().unwrap(),
            &facts(&fs),
        )
        .compresses;
        let mount = fs.mount("/", text).unwrap();
        let file = mount.path().join("zeros-and-ones");
        fs::write(&file, "0101".repeat(1 << 20)).unwrap();
        let synced = Command::new("sync")
            .arg("--file-system")
            .arg(mount.path())
            .status()
            .unwrap();
        assert!(synced.success());
        // FIEMAP marks compressed extents as "encoded".
        let listed = Command::new("filefrag")
            .arg("-v")
            .arg(&file)
            .output()
            .unwrap();
        let listing = String::from_utf8_lossy(&listed.stdout);
        assert!(listing.contains("zeros-and-ones"), "filefrag: {listing}");
        assert_eq!(listing.contains("encoded"), said, "{text}: {listing}");
    }
}

/// A filesystem with two subvolumes.
fn with_two_subvolumes() -> Result<LoopFs, String> {
    let fs = LoopFs::new(1, &[])?;
    fs.subvolume("a")?;
    fs.subvolume("b")?;
    Ok(fs)
}

/// Mounts a pair of subvolumes and compares with the prediction.
fn check_pair(fs: &LoopFs, first: &str, second: &str) -> Result<(), String> {
    let spec = |mountpoint: &str, subvol: &str, options: &str| MountSpec {
        mountpoint: mountpoint.to_owned(),
        subvol: Some(subvol.to_owned()),
        options: parse_options(&[options]),
        needed_for_boot: false,
    };
    let mounts = [spec("/", "a", first), spec("/b", "b", second)];
    let said: Whole = whole(&mounts, Stage1::Systemd, &running_kernel()?, &facts(fs));
    assert_eq!(said.decided, Decided::By(0));

    let a = fs.mount("a", first);
    let b = fs.mount("b", second);
    for (i, real) in [&a, &b].into_iter().enumerate() {
        let said = said.mounts[i].as_ref().map(shown_by);
        let real = real.as_ref().ok().map(|mount| fs.shown(mount.path()));
        if said != real {
            return Err(format!(
                "{first} | {second}, mount {i}: said {said:?}, but is {real:?}"
            ));
        }
    }
    // A reload of the second mount: its options take over the filesystem.
    if let (Ok(a), Ok(b)) = (&a, &b) {
        let reloaded = said.after_reload[1].as_ref();
        if mounts
            .iter()
            .all(|mount| mount.options.iter().all(|o| o.name != "ro"))
        {
            let real = fs.remount(b, &format!("{second},subvol=b"));
            // What a remount does not name of these, util-linux 2.38 drops and 2.41 keeps.
            let kept = |words: Vec<String>| -> Vec<String> {
                let named = |word: &str| second.split(',').any(|o| o == word);
                let unsure =
                    |word: &String| matches!(word.as_str(), "sync" | "lazytime") && !named(word);
                words.into_iter().filter(|word| !unsure(word)).collect()
            };
            let said = reloaded.map(|effective| kept(effective.shown_fs.clone()));
            let real = real.ok().map(|()| kept(fs.shown(a.path()).1));
            if said != real {
                return Err(format!(
                    "{first} | {second} reloaded: said {said:?}, but is {real:?}"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn two_mounts_come_to_what_is_said() {
    if !available("two_mounts_come_to_what_is_said") {
        return;
    }
    let pairs = [
        ("compress=zstd:3", "compress=zstd:9"),
        ("compress=zstd:3", "nodatacow,commit=60,autodefrag"),
        ("noatime,compress=zstd", "relatime,compress=zstd:5"),
        ("nodatacow", "compress=zstd:3"),
        ("defaults", "nodev,nosuid,noexec,noatime"),
        ("defaults", "compression=zstd"),
        ("defaults", "compress=foo"),
        ("defaults", "space_cache=v1"),
        ("defaults", "norecovery"),
        ("defaults", "ssd,max_inline=0,notreelog"),
        (
            "defaults",
            "user_subvol_rm_allowed,thread_pool=2,metadata_ratio=4",
        ),
        ("compress=foo", "compress=zstd"),
        ("ro", "rw,compress=zstd:3"),
        ("ro,compress=zstd:3", "rw"),
        (
            "ro,compress=zstd:3",
            "rw,compress=zstd:9,autodefrag,commit=60",
        ),
        ("ro,autodefrag,commit=60,nodiscard,notreelog", "rw"),
        ("ro,max_inline=0,metadata_ratio=8,thread_pool=3", "rw"),
        ("ro", "rw,max_inline=0,metadata_ratio=8,thread_pool=3"),
        ("ro", "rw,max_inline=1M"),
        ("ro,nodatacow", "rw"),
        ("ro,compress=zstd:3", "rw,compress=zstd:9,nodatacow"),
        ("ro,compress=zstd:3", "ro,compress=zstd:9"),
        ("rw,compress=zstd:3", "ro,compress=zstd:9"),
    ];
    let wrong: Vec<String> = pairs
        .iter()
        .filter_map(|(first, second)| {
            with_two_subvolumes()
                .and_then(|fs| check_pair(&fs, first, second))
                .err()
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_remount_brings_the_new_options_and_its_undo_the_old() {
    if !available("a_remount_brings_the_new_options_and_its_undo_the_old") {
        return;
    }
    let target = running_kernel().unwrap();
    let fs = LoopFs::new(1, &[]).unwrap();
    let facts = facts(&fs);
    let pairs = [
        ("defaults", "compress=zstd"),
        ("compress=zstd", "defaults"),
        ("compress-force=zstd:9", "compress=zstd:1,noatime"),
        ("compress=zstd,noatime,autodefrag,commit=120", "noatime"),
        ("nodatacow", "defaults"),
        ("nodatacow", "compress=zstd"),
        ("nodatacow", "nodatasum"),
        ("nodatasum", "nodatacow"),
        ("compress=zstd", "nodatasum"),
        ("compress=zstd,nodatasum", "compress=zstd"),
        (
            "autodefrag,notreelog,nobarrier,flushoncommit,noacl,enospc_debug",
            "defaults",
        ),
        ("discard", "defaults"),
        ("nodiscard", "discard=async"),
        ("nodiscard", "defaults"),
        ("ssd_spread", "ssd"),
        ("nossd", "ssd"),
        (
            "max_inline=0,metadata_ratio=8,thread_pool=3,commit=5",
            "defaults",
        ),
        ("fatal_errors=panic", "defaults"),
        ("noatime,nodiratime", "defaults"),
        ("nodiratime", "noatime"),
        ("strictatime", "noatime,nodev"),
        ("nodev,nosuid,noexec,nosymfollow", "defaults"),
        ("sync,lazytime", "noatime"),
        ("user", "noatime"),
        ("ro,compress=zstd", "rw,compress=lzo"),
        (
            "compress=zstd,x-systemd.automount,nofail",
            "compress=zstd:3",
        ),
    ];
    let mut wrong = Vec::new();
    for (old, new) in pairs {
        let fresh = |options: &str| {
            let mount = fs.mount("/", options).unwrap();
            fs.shown(mount.path())
        };
        let (shown_old, shown_new) = (fresh(old), fresh(new));
        let (old_list, new_list) = (parse_options(&[old]), parse_options(&[new]));
        let forth = remount_command_options(&old_list, &new_list, &target, &facts);
        let back = remount_command_options(&new_list, &old_list, &target, &facts);
        let mount = fs.mount("/", old).unwrap();
        for (way, command, expected) in [("->", forth, &shown_new), ("<-", back, &shown_old)] {
            let words = command.options.join(",");
            if !command.options.is_empty()
                && let Err(error) = fs.remount(&mount, &words)
            {
                wrong.push(format!("{old} {way} {new}: {error}"));
                continue;
            }
            let real = fs.shown(mount.path());
            if real != *expected || !command.left_for_boot.is_empty() {
                wrong.push(format!(
                    "{old} {way} {new}: {command:?}, {expected:?}, but is {real:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_said_to_be_left_for_the_boot_is_left() {
    if !available("what_is_said_to_be_left_for_the_boot_is_left") {
        return;
    }
    let target = running_kernel().unwrap();
    let fs = LoopFs::new(1, &[]).unwrap();
    let facts = facts(&fs);
    for (old, new, left) in [
        (
            "user_subvol_rm_allowed,commit=60",
            "defaults",
            "-user_subvol_rm_allowed",
        ),
        ("skip_balance", "noatime", "-skip_balance"),
        ("degraded", "noatime", "-degraded"),
        ("dirsync", "noatime", "-dirsync"),
        ("noatime", "dirsync,noatime", "dirsync"),
    ] {
        let command = remount_command_options(
            &parse_options(&[old]),
            &parse_options(&[new]),
            &target,
            &facts,
        );
        assert_eq!(command.left_for_boot, [left], "{old} -> {new}");
        let mount = fs.mount("/", old).unwrap();
        fs.remount(&mount, &format!("{},{new}", command.options.join(",")))
            .unwrap();
        let (_, real) = fs.shown(mount.path());
        let stays = real.iter().any(|word| word == left.trim_start_matches('-'));
        assert_eq!(stays, left.starts_with('-'), "{old} -> {new}: {real:?}");
    }
}

#[test]
fn several_devices_mount_as_one() {
    if !available("several_devices_mount_as_one") {
        return;
    }
    let fs = LoopFs::new(2, &["-d", "raid1", "-m", "raid1"]).unwrap();
    let options = "compress=zstd:1,noatime";
    let mount = fs.mount("/", options).unwrap();
    let said = effective(
        &parse_options(&[options]),
        &running_kernel().unwrap(),
        &facts(&fs),
    );
    assert_eq!(fs.shown(mount.path()), shown_by(&said));
}

/// Options for random lists. None changes what is on disk, so that one filesystem serves all.
const POOL: &str = r#"
    compress compress=zstd compress=zstd:9 compress=zstd:-20 compress=lzo compress=no
    compress=zstd:x compress-force=zlib:4 compress-force=none nodatacow datacow nodatasum
    datasum autodefrag noautodefrag commit=0 commit=90 commit=301 discard discard=async
    nodiscard ssd nossd ssd_spread nossd_spread max_inline=0 max_inline=1M max_inline=2048
    metadata_ratio=4 metadata_ratio=0 thread_pool=3 thread_pool=4 space_cache=v2 notreelog
    treelog nobarrier barrier flushoncommit noflushoncommit noacl acl enospc_debug
    noenospc_debug fatal_errors=panic fatal_errors=bug user_subvol_rm_allowed skip_balance
    rescue=ibadroots rescue=idatacsums ro rw noatime nodiratime nodev dev nosuid noexec exec
    user nosymfollow sync async lazytime nolazytime dirsync defaults nofail x-initrd.mount bogus
"#;

/// A repeatable sequence of numbers (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn list(&mut self) -> String {
        let pool: Vec<&str> = POOL.split_whitespace().collect();
        let length = 1 + self.below(6);
        (0..length)
            .map(|_| pool[self.below(pool.len())])
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// How many random lists are tried; `KERNEL_CASES` says otherwise.
fn cases() -> usize {
    let said = std::env::var("KERNEL_CASES").ok();
    said.and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

#[test]
fn random_pairs_of_subvolumes_come_to_what_is_said_in_both_orders() {
    if !available("random_pairs_of_subvolumes_come_to_what_is_said_in_both_orders") {
        return;
    }
    let fs = with_two_subvolumes().unwrap();
    let mut numbers = Numbers(2);
    let pairs: Vec<(String, String)> = (0..cases())
        .map(|_| (numbers.list(), numbers.list()))
        .collect();
    let wrong: Vec<String> = pairs
        .iter()
        .flat_map(|(a, b)| [(a, b), (b, a)])
        .filter_map(|(first, second)| check_pair(&fs, first, second).err())
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        pairs.len() * 2,
        wrong.join("\n")
    );
}

#[test]
fn random_lists_mount_and_remount_as_said() {
    if !available("random_lists_mount_and_remount_as_said") {
        return;
    }
    let cases = cases();
    let target = running_kernel().unwrap();
    let fs = LoopFs::new(1, &[]).unwrap();
    let facts = facts(&fs);
    let mut numbers = Numbers(1);
    let mut wrong = Vec::new();
    let mut remounted = 0;
    for _ in 0..cases {
        let (old, new) = (numbers.list(), numbers.list());
        let (old_list, new_list) = (parse_options(&[&old]), parse_options(&[&new]));
        let mut fresh = Vec::new();
        for (text, list) in [(&old, &old_list), (&new, &new_list)] {
            let said = effective(list, &target, &facts);
            let said = said.refused.is_empty().then(|| shown_by(&said));
            let real = fs.mount("/", text).ok().map(|mount| fs.shown(mount.path()));
            if said != real {
                wrong.push(format!("{text}: said {said:?}, but is {real:?}"));
            }
            fresh.extend(real);
        }
        let [_, wanted] = fresh.as_slice() else {
            continue;
        };
        let command = remount_command_options(&old_list, &new_list, &target, &facts);
        let mount = fs.mount("/", &old).unwrap();
        if !command.options.is_empty()
            && let Err(error) = fs.remount(&mount, &command.options.join(","))
        {
            // A kernel refuses to leave a rescue mode, or to enter one read-write.
            if !command
                .left_for_boot
                .iter()
                .any(|left| left.contains("rescue="))
            {
                wrong.push(format!("{old} -> {new}: {command:?}: {error}"));
            }
            continue;
        }
        remounted += 1;
        // On a rotating device `nossd` is what a mount without any word for it does.
        let plain = |(of_mount, of_fs): (Vec<String>, Vec<String>)| {
            (
                of_mount,
                of_fs
                    .into_iter()
                    .filter(|word| word != "nossd")
                    .collect::<Vec<_>>(),
            )
        };
        let real = fs.shown(mount.path());
        if command.left_for_boot.is_empty() && plain(real.clone()) != plain(wanted.clone()) {
            wrong.push(format!(
                "{old} -> {new}: {command:?}: {wanted:?}, but is {real:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        remounted > cases / 3,
        "only {remounted} of {cases} were remounts"
    );
}
