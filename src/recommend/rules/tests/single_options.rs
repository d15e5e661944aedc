//! Rules about single mount options: what fails, what is cut to size, what is dangerous.

use super::host::{findings, host, options, set, set_kernel, set_mounted, settle, with_mounts};
use crate::analyze::Analysis;
use crate::btrfs::{KernelVersion, MEASURED, parse_options};
use crate::model::{Bind, Host, MountSource, StorageSource};
use crate::recommend::rules::RULES;
use crate::recommend::{Applicability, Context, Severity};
use crate::select;

const PROBE: &str = include_str!("../../../btrfs/data/mount_probe.tsv");
const KERNELS: &str = include_str!("../../../btrfs/data/kernel_versions.tsv");

fn none() -> Analysis {
    Analysis::default()
}

/// A host whose `fileSystems` mount one filesystem, each element of a list as it is written.
fn plain(mounts: &[(&str, &[&str])]) -> Host {
    let mut host = with_mounts(mounts);
    let filesystem = &mut host.storage.filesystems[0];
    filesystem.source = StorageSource::FileSystems;
    filesystem.subvolumes.clear();
    for mount in &mut filesystem.mounts {
        mount.source = MountSource::FileSystems;
        mount.options = mount.written.clone();
        let written = mount.options.known().unwrap();
        let texts: Vec<&str> = written.iter().map(|o| o.value.as_str()).collect();
        let named = parse_options(&texts)
            .into_iter()
            .rfind(|o| o.name == "subvol");
        mount.subvolume = named.and_then(|o| o.value);
    }
    host
}

fn on(kernel: &str, mounts: &[(&str, &[&str])]) -> Host {
    let mut host = plain(mounts);
    set_kernel(&mut host, kernel);
    host
}

/// The severity and message of each finding of a rule, and whether it has a remedy.
fn said(id: &str, host: &Host) -> Vec<(Severity, String, bool)> {
    let found = findings(id, host, &none());
    found
        .into_iter()
        .map(|(finding, remedy)| (finding.severity, finding.message, remedy.is_some()))
        .collect()
}

/// The lists once a rule has nothing more to propose.
fn after(id: &str, mut host: Host) -> Vec<String> {
    settle(id, &mut host, &none());
    let mounts = host.storage.filesystems[0].mounts.iter();
    let points: Vec<String> = mounts.map(|m| m.mountpoint.clone()).collect();
    points.iter().map(|p| options(&host, p).join(" ")).collect()
}

/// What the rules about mounts find on a host, each with its severity.
fn about_mounts(host: &Host) -> Vec<(&'static str, Severity)> {
    let analysis = none();
    let context = Context {
        host,
        analysis: &analysis,
    };
    let rules = RULES.iter().filter(|rule| rule.meta().group() == "mount");
    let all = rules.flat_map(|rule| rule.detect(&context));
    all.map(|finding| (finding.rule, finding.severity))
        .collect()
}

/// The rules that find an error on a host.
fn errors(host: &Host) -> Vec<&'static str> {
    let all = about_mounts(host).into_iter();
    let errors = all.filter(|(_, severity)| *severity == Severity::Error);
    errors.map(|(rule, _)| rule).collect()
}

/// An option string and whether a fresh mount with it fails.
fn probe() -> Vec<(&'static str, bool)> {
    let rows = PROBE.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let mut cells = line.split('\t');
        (cells.next().unwrap(), cells.next().unwrap() != "0")
    })
    .collect()
}

#[test]
fn an_error_is_found_exactly_where_the_mount_fails() {
    let rows = probe();
    assert_eq!(rows.len(), 157);
    for (text, fails) in rows {
        let split: Vec<&str> = text.split(',').collect();
        for list in [vec![text], split] {
            let bare = on("6.18.44", &[("/", &list)]);
            let mut known = bare.clone();
            set_mounted(&mut known, "/", &["discard=async", "space_cache=v2"]);
            for host in [&bare, &known] {
                let found = errors(host);
                assert_eq!(!found.is_empty(), fails, "{text}: {found:?}");
            }
        }
        let planned = select::plan(&on("6.18.44", &[("/", &[text])]), &none());
        let mut severities = planned.iter().map(|p| p.finding.severity);
        let any = severities.any(|severity| severity == Severity::Error);
        assert_eq!(any, fails, "{text} in the plan");
    }
}

#[test]
fn an_error_is_found_exactly_where_the_mount_fails_on_every_measured_kernel() {
    for line in KERNELS.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let text = cells.next().unwrap();
        let changes: Vec<_> = cells.map(|cell| cell.split_once('=').unwrap()).collect();
        // Where the result changes, and the newest.
        let newest = MEASURED.last().copied();
        for kernel in MEASURED {
            let before = |(from, _): &&(&str, &str)| {
                from.parse::<KernelVersion>()
                    .is_ok_and(|from| from <= kernel)
            };
            let (from, result) = changes.iter().rfind(before).unwrap();
            if Some(kernel) == newest || from.parse() == Ok(kernel) {
                let fails = !result.contains(',');
                let found = errors(&on(&kernel.to_string(), &[("/", &[text])]));
                assert_eq!(!found.is_empty(), fails, "{text} on {kernel}: {found:?}");
            }
        }
    }
}

#[test]
fn every_refused_string_is_found_by_exactly_one_rule() {
    for (text, fails) in probe() {
        if fails && !text.contains(',') {
            let host = on("6.18.44", &[("/", &[text])]);
            // Access times are another matter.
            let found = about_mounts(&host).into_iter().map(|(rule, _)| rule);
            let rules: Vec<_> = found.filter(|rule| *rule != "mount/atime").collect();
            assert_eq!(rules.len(), 1, "{text}: {rules:?}");
        }
    }
}

#[test]
fn what_the_kernel_removed_is_an_error_from_then_on_and_a_warning_before() {
    let id = "mount/removed-option";
    let found = |kernel: &str, list: &[&str]| {
        let host = on(kernel, &[("/", list)]);
        let first = said(id, &host).into_iter().next();
        first.map(|(severity, message, remedy)| {
            assert!(remedy, "{message}");
            severity
        })
    };
    for (kernel, list, severity) in [
        (
            "6.6.63",
            &["inode_cache", "noatime"][..],
            Some(Severity::Warning),
        ),
        (
            "6.12.43",
            &["inode_cache", "noatime"],
            Some(Severity::Error),
        ),
        ("6.6.63", &["recovery"], Some(Severity::Warning)),
        ("6.18.44", &["recovery"], Some(Severity::Error)),
        ("6.12.43", &["nologreplay", "ro"], Some(Severity::Warning)),
        ("6.18.44", &["nologreplay", "ro"], Some(Severity::Error)),
        ("6.18.44", &["check_int"], Some(Severity::Error)),
        ("6.18.44", &["usebackuproot"], None),
        ("7.3.4", &["norecovery", "ro"], None),
        ("6.18.44", &["quota"], None),
    ] {
        assert_eq!(found(kernel, list), severity, "{list:?} on {kernel}");
    }
    let list = &["recovery", "compress=zstd", "inode_cache"];
    assert_eq!(after(id, on("6.18.44", &[("/", list)])), ["compress=zstd"]);
    let (finding, _) = findings(id, &on("6.18.44", &[("/", list)]), &none()).remove(0);
    let told = finding.evidence.iter().map(|e| e.statement.as_str());
    let told: Vec<&str> = told.collect();
    assert!(
        told.iter().any(|t| t.contains("taken out in 6.8")),
        "{told:?}"
    );
}

#[test]
fn what_is_deprecated_goes_before_a_kernel_refuses_it() {
    let id = "mount/deprecated-option";
    let list: &[&str] = &["usebackuproot", "mand", "noatime"];
    let host = on("6.18.44", &[("/", list)]);
    let found = said(id, &host);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|(severity, ..)| *severity == Severity::Warning)
    );
    assert_eq!(after(id, host), ["noatime"]);
    // Refused today: mount/removed-option.
    let newer = on("7.3.4", &[("/", &["usebackuproot", "noatime"])]);
    let of = |id| findings(id, &newer, &none()).len();
    assert_eq!((of(id), of("mount/removed-option")), (1, 0));
    assert_eq!(errors(&newer), [id]);
}

#[test]
fn the_old_space_cache_fails_waits_or_is_slow() {
    let id = "mount/space-cache";
    // Nobody knows what is on the disk: an error, and no edit.
    let mut host = on("6.18.44", &[("/", &["space_cache", "noatime"])]);
    let found = said(id, &host);
    assert!(
        matches!(&found[..], [(Severity::Error, _, false)]),
        "{found:?}"
    );
    set_mounted(&mut host, "/", &["space_cache=v2"]);
    assert_eq!(after(id, host), ["noatime"]);
    // It waits on a mount that is not the first.
    let mut later = on(
        "6.18.44",
        &[
            ("/", &["noatime"]),
            ("/home", &["nospace_cache", "noatime"]),
        ],
    );
    set_mounted(&mut later, "/", &["space_cache=v2"]);
    let found = said(id, &later);
    assert!(
        matches!(&found[..], [(Severity::Warning, m, true)] if m.contains("comes before it")),
        "{found:?}"
    );
    assert_eq!(after(id, later), ["noatime", "noatime"]);
    // It is in use.
    for (shown, list) in [
        ("space_cache", &["space_cache=v1", "noatime"][..]),
        ("nospace_cache", &["nospace_cache", "noatime"]),
    ] {
        let mut used = on("6.18.44", &[("/", list)]);
        set_mounted(&mut used, "/", &[shown]);
        let found = said(id, &used);
        assert!(
            matches!(&found[..], [(Severity::Warning, _, true)]),
            "{found:?}"
        );
        assert_eq!(after(id, used), ["space_cache=v2 noatime"]);
    }
    let cleared = on(
        "6.18.44",
        &[("/", &["nospace_cache,clear_cache", "noatime"])],
    );
    assert!(findings("mount/dangerous-option", &cleared, &none()).is_empty());
    assert_eq!(after(id, cleared), ["space_cache=v2 noatime"]);
    let new = on("6.18.44", &[("/", &["space_cache=v2"])]);
    assert!(said(id, &new).is_empty());
}

#[test]
fn a_value_that_is_cut_to_size_is_written_as_it_is_in_force() {
    let id = "mount/clamped-value";
    for (kernel, text, made) in [
        ("6.18.44", "compress=zstd:19", "compress=zstd:15"),
        (
            "6.18.44",
            "compress-force=zstd:22",
            "compress-force=zstd:15",
        ),
        ("6.18.44", "compress=zstd:-20", "compress=zstd:-15"),
        ("6.18.44", "compress=zlib:10", "compress=zlib:9"),
        ("6.18.44", "compress=lzo:3", "compress=lzo"),
        ("6.18.44", "max_inline=8192", "max_inline=4096"),
        ("6.18.44", "max_inline=foo", "max_inline=0"),
        ("6.1.176", "compress=zstd:16", "compress=zstd:15"),
    ] {
        let host = on(kernel, &[("/", &[text]), ("/home", &[text, "noatime"])]);
        let expected = [made.to_owned(), format!("{made} noatime")];
        assert_eq!(after(id, host), expected, "{text} on {kernel}");
    }
    let quiet = |kernel: &str, text: &str| said(id, &on(kernel, &[("/", &[text])])).is_empty();
    for text in [
        "compress=zstd:15",
        "compress=zstd:0",
        "compress=zstd3",
        "commit=0",
        "max_inline=0",
    ] {
        assert!(quiet("6.18.44", text), "{text}");
    }
    // Fast levels wait for a kernel that has them; while none is known nothing is said.
    let old = said(id, &on("6.12.43", &[("/", &["compress=zstd:-5"])]));
    assert!(
        matches!(&old[..], [(Severity::Advice, _, false)]),
        "{old:?}"
    );
    assert!(quiet("6.18.44", "compress=zstd:-5"));
    assert!(said(id, &plain(&[("/", &["compress=zstd:-5"])])).is_empty());
    assert_eq!(said(id, &plain(&[("/", &["compress=zstd:19"])])).len(), 1);
}

#[test]
fn a_level_that_another_mount_decides_is_not_called_clamped_as_well() {
    let host = on(
        "6.18.44",
        &[
            ("/", &["compress=zstd:1"]),
            ("/home", &["compress=zstd:19"]),
        ],
    );
    assert!(said("mount/clamped-value", &host).is_empty());
    assert_eq!(said("mount/inconsistent-options", &host).len(), 1);
}

#[test]
fn an_option_that_stands_twice_stands_once_afterwards() {
    let id = "mount/duplicate-option";
    for (list, left) in [
        (
            &["noatime", "compress=zstd", "noatime"][..],
            "noatime compress=zstd",
        ),
        (
            &["compress=zstd", "noatime", "compress=zstd:3"],
            "noatime compress=zstd:3",
        ),
        (&["subvol=@", "noatime", "subvol=@"], "subvol=@ noatime"),
        (&["nofail", "noatime,nofail"], "noatime,nofail"),
        (&["ssd", "ssd"], "ssd"),
        (&["noatime"], "noatime"),
        (
            &["compress=zstd", "compress=lzo"],
            "compress=zstd compress=lzo",
        ),
        (
            &["x-systemd.requires=a", "x-systemd.requires=b"],
            "x-systemd.requires=a x-systemd.requires=b",
        ),
    ] {
        let host = on("6.18.44", &[("/", list)]);
        let said = said("mount/redundant-option", &host);
        assert!(
            said.iter().all(|(_, m, _)| !m.contains("`ssd`")),
            "{said:?}"
        );
        assert_eq!(after(id, host), [left], "{list:?}");
    }
    // What disko appends is no repetition: mount/explicit-subvol.
    let disko = with_mounts(&[("/home", &["noatime", "subvol=/home"])]);
    assert!(findings(id, &disko, &none()).is_empty());
}

#[test]
fn a_subvolume_is_chosen_by_its_name() {
    let id = "mount/explicit-subvolid";
    let alone = || on("6.18.44", &[("/", &["subvolid=256", "noatime"])]);
    let found = said(id, &alone());
    assert!(
        matches!(&found[..], [(Severity::Error, _, false)]),
        "{found:?}"
    );
    let mut shown = alone();
    set_mounted(
        &mut shown,
        "/",
        &["space_cache=v2", "subvolid=256", "subvol=/@"],
    );
    let found = said(id, &shown);
    assert!(
        matches!(&found[..], [(Severity::Warning, _, true)]),
        "{found:?}"
    );
    assert_eq!(after(id, shown), ["subvol=@ noatime"]);
    let mut other = alone();
    set_mounted(&mut other, "/", &["subvolid=300", "subvol=/@"]);
    assert!(matches!(
        &said(id, &other)[..],
        [(Severity::Error, _, false)]
    ));
    let beside = on("6.18.44", &[("/", &["subvol=@", "subvolid=256"])]);
    assert_eq!(after(id, beside), ["subvol=@"]);
    // The top level is number 5 everywhere.
    for list in [
        &["subvolid=5"][..],
        &["subvolid=0"],
        &["subvol=/", "subvolid=5"],
        &["subvolid=0x5"],
    ] {
        assert!(
            said(id, &on("6.18.44", &[("/pool", list)])).is_empty(),
            "{list:?}"
        );
    }
    let contradiction = on("6.18.44", &[("/", &["subvol=@", "subvolid=5"])]);
    assert!(matches!(
        &said(id, &contradiction)[..],
        [(Severity::Error, _, false)]
    ));
    // Which of the two is meant is not known, and disko writes the name itself.
    let disko = with_mounts(&[("/home", &["noatime", "subvolid=257"])]);
    assert_eq!(after(id, disko), ["noatime"]);
}

#[test]
fn access_control_lists_are_missed_where_something_sets_them() {
    let id = "mount/noacl";
    let root = || {
        on(
            "6.18.44",
            &[("/", &["noacl", "noatime"]), ("/home", &["noatime"])],
        )
    };
    assert_eq!(after(id, root()), ["noatime", "noatime"]);
    let mut in_memory = root();
    set(&mut in_memory, "services.journald.storage", "volatile");
    assert!(said(id, &in_memory).is_empty());
    let rule = serde_json::json!(["d /srv/x 0755 - - -", "A+ /home/share - - - - g:staff:rwx"]);
    set(&mut in_memory, "systemd.tmpfiles.rules", rule);
    assert!(said(id, &in_memory)[0].1.contains("/home/share"));
    let media = || on("6.18.44", &[("/srv/media", &["noacl", "noatime"])]);
    assert!(said(id, &media()).is_empty());
    // The journal lies there by a bind mount.
    let mut bound = media();
    bound.storage.binds.push(Bind {
        at: "/var/log".to_owned(),
        from: "/srv/media/log".to_owned(),
    });
    assert_eq!(said(id, &bound).len(), 1);
    // Another mount decides: mount/ineffective-per-subvolume.
    let idle = on(
        "6.18.44",
        &[("/", &["noatime"]), ("/nix", &["noacl", "noatime"])],
    );
    assert!(said(id, &idle).is_empty());
    assert_eq!(said("mount/ineffective-per-subvolume", &idle).len(), 1);
}

#[test]
fn lazytime_gives_way_to_noatime() {
    let id = "mount/lazytime-without-effect";
    for (list, left) in [
        (&["lazytime", "compress=zstd"][..], "noatime compress=zstd"),
        (&["lazytime", "noatime"], "noatime"),
        (&["relatime", "lazytime"], "relatime"),
        (&["ro", "lazytime"], "ro"),
        (&["nolazytime", "noatime"], "nolazytime noatime"),
    ] {
        let host = on("6.18.44", &[("/", list)]);
        assert_eq!(after(id, host), [left], "{list:?}");
    }
    let mut host = on("6.18.44", &[("/", &["lazytime"])]);
    settle(id, &mut host, &none());
    assert!(findings("mount/atime", &host, &none()).is_empty());
}

#[test]
fn what_is_for_an_emergency_does_not_stay() {
    let id = "mount/dangerous-option";
    for text in [
        "nobarrier",
        "notreelog",
        "degraded",
        "clear_cache",
        "rescan_uuid_tree",
        "skip_balance",
    ] {
        let host = on(
            "6.18.44",
            &[("/", &[text, "noatime"]), ("/home", &["noatime", text])],
        );
        assert_eq!(findings(id, &host, &none()).len(), 1, "{text}");
        assert_eq!(after(id, host), ["noatime", "noatime"], "{text}");
    }
    // The state of the filesystem decides.
    for list in [
        &["rescue=all", "ro"][..],
        &["fatal_errors=panic"],
        &["norecovery", "ro"],
    ] {
        let found = said(id, &on("6.18.44", &[("/", list)]));
        assert!(matches!(&found[..], [(_, _, false)]), "{list:?}: {found:?}");
    }
    for list in [
        &["flushoncommit"][..],
        &["barrier"],
        &["fatal_errors=bug"],
        &["rescue=all", "ro", "noauto"],
        // Refused: mount/invalid-value, today or from 7.3 on.
        &["rescue=all"],
        &["rescue=usebackuproot"],
    ] {
        assert!(
            said(id, &on("6.18.44", &[("/", list)])).is_empty(),
            "{list:?}"
        );
    }
    let consent = |text: &str| {
        let host = on("6.18.44", &[("/", &[text, "noatime"])]);
        let (_, remedy) = findings(id, &host, &none()).remove(0);
        remedy.unwrap().applicability
    };
    assert_eq!(consent("degraded"), Applicability::Consent);
    assert_eq!(consent("nobarrier"), Applicability::Safe);
    // A list is never left empty.
    assert_eq!(
        after(id, on("6.18.44", &[("/", &["nobarrier"])])),
        ["defaults"]
    );
}

#[test]
fn commits_are_neither_far_apart_nor_close() {
    let id = "mount/commit-interval";
    for (text, left) in [
        ("commit=301", "commit=300 noatime"),
        ("commit=86400", "commit=300 noatime"),
        ("commit=300", "commit=300 noatime"),
        ("commit=120", "commit=120 noatime"),
        ("commit=30", "commit=30 noatime"),
        ("commit=0", "commit=0 noatime"),
        ("commit=5", "commit=5 noatime"),
        ("commit=1", "noatime"),
    ] {
        let host = on("6.18.44", &[("/", &[text, "noatime"])]);
        assert_eq!(after(id, host), [left], "{text}");
    }
    let mut host = on("6.18.44", &[("/", &["commit=120", "noatime"])]);
    let mut own = host.preferences.clone();
    own.set(id, "longest_seconds", 60.into());
    host.preferences = own;
    assert_eq!(after(id, host), ["commit=60 noatime"]);
}

#[test]
fn nothing_is_said_of_a_host_without_mounts() {
    let rules = RULES.iter().filter(|rule| rule.meta().group() == "mount");
    for rule in rules {
        assert!(findings(rule.meta().id, &host(), &none()).is_empty());
    }
}
