//! Owns: the proof that this part says what real kernels did: every measured mount is judged and
//! rendered again.

use super::*;

const PROBE: &str = include_str!("data/mount_probe.tsv");
const KERNELS: &str = include_str!("data/kernel_versions.tsv");

/// Mounts that fail for what the filesystem holds, which no option string tells.
const NO_SUCH_SUBVOLUME: [&str; 2] = ["subvolid=999", "subvol=/,subvolid=999"];

/// A rotating device that can discard, with a free space tree, as both probes had.
fn facts(cpus: u32) -> DeviceFacts {
    DeviceFacts {
        rotational: Some(true),
        discard: Some(true),
        free_space_tree: Some(true),
        cpus: Some(cpus),
    }
}

/// Checks one measured mount; `shown` is none for a mount that failed.
fn check(text: &str, kernel: KernelVersion, facts: &DeviceFacts, shown: Option<&str>) {
    let target = Target::Known(kernel);
    let options = parse_options(&[text]);
    let verdicts = verdicts(&options, &target, facts);
    let refused = verdicts.iter().filter_map(Verdict::refusal).next();
    match shown {
        None => assert!(
            refused.is_some(),
            "{kernel} refused {text}, but: {verdicts:?}"
        ),
        Some(shown) => {
            assert_eq!(refused, None, "{kernel} took {text}");
            let effective = effective(&options, &target, facts);
            assert_eq!(effective.proc_mounts(), shown, "{text} on {kernel}");
            // An option that is alone must also be announced as it is shown.
            if let ([option], Some(said)) = (options.as_slice(), announced(&verdicts[0])) {
                assert!(
                    shown.split(',').any(|word| word == said),
                    "{kernel}: {} is said to become {said}, but {shown} is shown",
                    option.text
                );
            }
        }
    }
}

fn announced(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Accepted { effective } | Verdict::Warned { effective, .. } => effective.as_deref(),
        Verdict::Clamped { to, .. } => Some(to),
        Verdict::Userspace | Verdict::Refused(_) => None,
    }
}

#[test]
fn every_mount_measured_on_6_18_44_is_judged_alike() {
    let mut rows = 0;
    for line in PROBE.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (text, code, shown) = (
            cells.next().unwrap(),
            cells.next().unwrap(),
            cells.next().unwrap(),
        );
        assert!(matches!(code, "0" | "32"), "{line}");
        rows += 1;
        if NO_SUCH_SUBVOLUME.contains(&text) {
            continue;
        }
        check(
            text,
            KernelVersion::new(6, 18, 44),
            &facts(2),
            (code == "0").then_some(shown),
        );
    }
    assert_eq!(rows, 157);
}

#[test]
fn every_mount_measured_on_fourteen_kernels_is_judged_alike() {
    let mut mounts = 0;
    for line in KERNELS.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let text = cells.next().unwrap();
        if NO_SUCH_SUBVOLUME.contains(&text) {
            continue;
        }
        let changes: Vec<(KernelVersion, &str)> = cells
            .map(|cell| cell.split_once('=').unwrap())
            .map(|(version, result)| (version.parse().unwrap(), result))
            .collect();
        for kernel in MEASURED {
            let result = changes
                .iter()
                .rev()
                .find(|(from, _)| *from <= kernel)
                .unwrap()
                .1;
            let shown = result.contains(',').then_some(result);
            check(text, kernel, &facts(1), shown);
            // What names a series alone (`linuxPackages_6_12`) is judged as its patches are.
            check(text, kernel.series(), &facts(1), shown);
            mounts += 1;
        }
    }
    assert_eq!(mounts, 14 * (258 - NO_SUCH_SUBVOLUME.len()));
}

#[test]
fn for_an_unknown_kernel_one_refusal_is_enough_and_is_dated() {
    for (text, kind, when) in [
        ("compress=zstd:3x", RefusalKind::BadValue, "from 6.17 on"),
        ("usebackuproot", RefusalKind::Removed, "from 7.3 on"),
        (
            "rescue=usebackuproot",
            RefusalKind::NeedsReadOnly,
            "from 7.3 on",
        ),
        ("recovery", RefusalKind::Removed, "from 6.8 on"),
        ("nologreplay", RefusalKind::NeedsReadOnly, "before 6.16"),
        ("commit=4294967295", RefusalKind::BadValue, "before 6.8"),
        ("rescue=imetacsums", RefusalKind::TooNew, "before 6.12"),
        (
            "compression=zstd",
            RefusalKind::UnknownName,
            "on every kernel",
        ),
        ("check_int", RefusalKind::Removed, "on every kernel"),
        ("ssd=1", RefusalKind::UnexpectedValue, "on every kernel"),
        ("ref_verify", RefusalKind::DebugBuildOnly, "on every kernel"),
        (
            "space_cache=v1",
            RefusalKind::FreeSpaceTree,
            "on every kernel",
        ),
    ] {
        let Verdict::Refused(refusal) = verdict(&MountOption::new(text, 0), &Target::Unknown)
        else {
            panic!("{text} is taken");
        };
        assert_eq!(
            (refusal.kind, refusal.kernels.to_string().as_str()),
            (kind, when),
            "{text}"
        );
        assert!(refusal.message.contains(when), "{}", refusal.message);
    }
    // Taken everywhere, but not as the same thing.
    let level = verdict(&MountOption::new("compress=zstd:-5", 0), &Target::Unknown);
    assert!(
        matches!(&level, Verdict::Warned { warning, .. } if warning.contains("zstd:3` on 6.1")),
        "{level:?}"
    );
}

#[test]
fn a_kernel_that_still_takes_it_is_not_told_otherwise() {
    let old = Target::Known(KernelVersion::new(6, 12, 43));
    assert!(
        verdict(&MountOption::new("compress=zstd:3x", 0), &old)
            .refusal()
            .is_none()
    );
    let new = Target::Known(KernelVersion::new(6, 17, 0));
    let refused = verdict(&MountOption::new("compress=zstd:3x", 0), &new);
    assert_eq!(
        refused.refusal().map(|r| r.kernels.to_string()),
        Some("from 6.17 on".into())
    );
}

#[test]
fn the_filesystem_and_its_company_decide_conditional_options() {
    let target = Target::Known(KernelVersion::ASSUMED);
    let refused = |text: &str, tree: Option<bool>| {
        let facts = DeviceFacts {
            free_space_tree: tree,
            ..DeviceFacts::default()
        };
        let options = parse_options(&[text]);
        verdicts(&options, &target, &facts)
            .iter()
            .any(|v| v.refusal().is_some())
    };
    assert!(refused("space_cache=v1", Some(true)));
    assert!(refused("space_cache=v1", None));
    assert!(!refused("space_cache=v1", Some(false)));
    assert!(!refused("nospace_cache,clear_cache", Some(true)));
    assert!(!refused("space_cache=v1,space_cache=v2", Some(true)));
    assert!(refused("norecovery", None));
    assert!(!refused("norecovery,ro", None));
    assert!(refused("ro,norecovery,rw", None));
}

#[test]
fn order_decides_what_is_compressed() {
    // Measured on 6.18.44: a file written, its extents, flags and checksums read.
    for (text, shown, compresses) in [
        ("nodatacow,compress=zstd", "compress=zstd:3", true),
        ("compress=zstd,nodatacow", "nodatasum,nodatacow", false),
        ("nodatasum,compress=zstd", "compress=zstd:3", true),
        (
            "compress=zstd,nodatasum",
            "nodatasum,compress=zstd:3",
            false,
        ),
        (
            "compress-force=zstd,nodatasum",
            "nodatasum,compress-force=zstd:3",
            false,
        ),
        (
            "compress=zstd:5,compress-force=lzo",
            "compress-force=lzo",
            true,
        ),
        (
            "compress-force=lzo,compress=zstd:5",
            "compress=zstd:5",
            true,
        ),
        ("compress-force=zstd,compress=no", "", false),
        ("compress=no,compress=zstd", "compress=zstd:3", true),
        ("nodatacow,compress=no", "nodatasum,nodatacow", false),
        ("nodatacow,datasum", "", false),
        ("nodatacow,nodatasum,datacow", "nodatasum", false),
        ("compress-force=zstd,nodatacow,datacow", "nodatasum", false),
        (
            "autodefrag,nodatacow",
            "nodatasum,nodatacow,autodefrag",
            false,
        ),
        ("ssd,nossd,ssd_spread", "ssd_spread", false),
    ] {
        let options = parse_options(&[text]);
        let given = effective(&options, &Target::Unknown, &facts(2));
        let seen: Vec<_> = given
            .shown_fs
            .iter()
            .filter(|w| !matches!(w.as_str(), "discard=async" | "space_cache=v2"))
            .cloned()
            .collect();
        assert_eq!(
            (seen.join(",").as_str(), given.compresses),
            (shown, compresses),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_known_is_said() {
    let assumed =
        |text: &str, facts| effective(&parse_options(&[text]), &Target::Unknown, &facts).assumed;
    assert_eq!(
        assumed("defaults", DeviceFacts::default()),
        [
            Assumption::Rotational,
            Assumption::CanDiscard,
            Assumption::FreeSpaceTree
        ]
    );
    assert_eq!(
        assumed("ssd,nodiscard,space_cache=v2", DeviceFacts::default()),
        []
    );
    assert_eq!(assumed("thread_pool=4", facts(2)), []);
    let known = DeviceFacts {
        cpus: None,
        ..facts(2)
    };
    assert_eq!(assumed("thread_pool=4", known), [Assumption::CpuCount]);
}
