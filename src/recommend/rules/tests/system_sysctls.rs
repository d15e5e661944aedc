//! Rules about sysctls and swap.

use serde_json::json;

use super::host::{apply, findings, host, set, set_hardware, set_kernel, settle, with_mounts};
use crate::analyze::Analysis;
use crate::model::hardware::{DiskKind, FormFactor};
use crate::model::metrics::{MemInfo, Pressure, Psi, PsiShares, Sourced, SwapArea};
use crate::model::units::{Bytes, Percent};
use crate::model::{Host, UnknownFact};
use crate::project::Project;
use crate::recommend::{Action, Severity};

fn none() -> Analysis {
    Analysis::default()
}

fn sysctl(host: &mut Host, key: &str, value: impl Into<serde_json::Value>) {
    set(host, &format!("boot.kernel.sysctl.{key}"), value);
}

/// A host with btrfs and these sysctls.
fn with(sysctls: &[(&str, u64)]) -> Host {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    for (key, value) in sysctls {
        sysctl(&mut host, key, *value);
    }
    host
}

fn swaps(host: &mut Host, areas: &[&str]) {
    let area = |path: &&str| SwapArea {
        path: (*path).to_owned(),
        kind: "partition".to_owned(),
        size: Bytes(8 * Bytes::GIB),
        used: Bytes(Bytes::MIB),
    };
    host.metrics.swaps = Some(Sourced {
        value: areas.iter().map(area).collect(),
        source: "proc-swaps".into(),
    });
}

fn unknown() -> UnknownFact {
    UnknownFact {
        what: "an option".to_owned(),
        why: "it comes from an input".to_owned(),
        at: None,
    }
}

/// The titles of the remedies of a rule, a dash where there is none.
fn titles(id: &str, host: &Host, analysis: &Analysis) -> Vec<String> {
    let found = findings(id, host, analysis).into_iter();
    found
        .map(|(_, remedy)| remedy.map_or("-".to_owned(), |r| r.title))
        .collect()
}

const BOTH: &str = "system/dirty-bytes-and-ratio";

#[test]
fn the_ratio_wins_over_bytes_because_it_is_written_last() {
    let mut host = with(&[("vm.dirty_bytes", 1 << 28), ("vm.dirty_ratio", 10)]);
    assert_eq!(
        titles(BOTH, &host, &none()),
        ["Leave vm.dirty_bytes out, as vm.dirty_ratio holds"]
    );
    settle(BOTH, &mut host, &none());
    assert!(
        !host
            .settings
            .is_defined("boot.kernel.sysctl.vm.dirty_bytes")
    );
    assert!(
        host.settings
            .is_defined("boot.kernel.sysctl.vm.dirty_ratio")
    );
    assert!(findings(BOTH, &host, &none()).is_empty());
    // And the rule that would set limits does not come back with them.
    assert!(findings("system/dirty-limits", &host, &none()).is_empty());
}

#[test]
fn a_ratio_of_nothing_is_left_out() {
    for (bytes, ratio) in [
        ("vm.dirty_bytes", "vm.dirty_ratio"),
        ("vm.dirty_background_bytes", "vm.dirty_background_ratio"),
    ] {
        let mut host = with(&[(bytes, 1 << 26), (ratio, 0)]);
        assert_eq!(titles(BOTH, &host, &none()), [format!("Leave {ratio} out")]);
        settle(BOTH, &mut host, &none());
        assert!(
            host.settings
                .is_defined(&format!("boot.kernel.sysctl.{bytes}"))
        );
    }
}

#[test]
fn a_background_limit_above_the_limit_is_written_as_it_holds() {
    let mut host = with(&[("vm.dirty_ratio", 20), ("vm.dirty_background_ratio", 30)]);
    settle(BOTH, &mut host, &none());
    let now = host
        .settings
        .known("boot.kernel.sysctl.vm.dirty_background_ratio");
    assert_eq!(now.unwrap().value, json!(10));
    // Texts are numbers too.
    let mut texts = with(&[]);
    sysctl(&mut texts, "vm.dirty_bytes", "1000000");
    sysctl(&mut texts, "vm.dirty_background_bytes", "1000000");
    assert_eq!(findings(BOTH, &texts, &none()).len(), 1);
    settle(BOTH, &mut texts, &none());
}

#[test]
fn limits_that_go_together_are_left_alone() {
    let quiet = |host: &Host| assert!(findings(BOTH, host, &none()).is_empty());
    quiet(&with(&[
        ("vm.dirty_bytes", 1 << 28),
        ("vm.dirty_background_ratio", 5),
    ]));
    quiet(&with(&[("vm.dirty_ratio", 10)]));
    quiet(&with(&[
        ("vm.dirty_background_ratio", 5),
        ("vm.dirty_ratio", 10),
    ]));
    // The default of the other is not somebody's.
    quiet(&with(&[("vm.dirty_background_ratio", 25)]));
    // `null` writes nothing, and what is not known is nothing to speak of.
    let mut host = with(&[("vm.dirty_bytes", 1 << 28)]);
    sysctl(&mut host, "vm.dirty_ratio", serde_json::Value::Null);
    quiet(&host);
    host.settings.insert(
        "boot.kernel.sysctl.vm.dirty_ratio".to_owned(),
        Err(unknown()),
    );
    quiet(&host);
}

const SWAPPINESS: &str = "system/swappiness";

#[test]
fn a_swappiness_that_the_kernel_refuses_is_replaced() {
    for (kernel, value, zram, wanted) in [
        (None, 250, false, Some(100)),
        (None, 250, true, Some(180)),
        (None, 200, true, None),
        (Some("5.4.100"), 150, false, Some(100)),
        (Some("6.12.1"), 150, false, None),
    ] {
        let mut host = with(&[("vm.swappiness", value)]);
        kernel.into_iter().for_each(|k| set_kernel(&mut host, k));
        if zram {
            set(&mut host, "zramSwap.enable", true);
        }
        let found = findings(SWAPPINESS, &host, &none());
        assert_eq!(found.is_empty(), wanted.is_none(), "{kernel:?} {value}");
        settle(SWAPPINESS, &mut host, &none());
        let now = host
            .settings
            .known("boot.kernel.sysctl.vm.swappiness")
            .unwrap();
        assert_eq!(
            now.value,
            json!(wanted.unwrap_or(value)),
            "{kernel:?} {value}"
        );
    }
}

#[test]
fn above_equal_cost_is_for_what_is_faster_than_the_files() {
    let file = |value| {
        let mut host = with(&[("vm.swappiness", value)]);
        set(
            &mut host,
            "swapDevices",
            json!([{ "device": "/swap/file", "size": 8192 }]),
        );
        host
    };
    let mut host = file(180);
    let found = findings(SWAPPINESS, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Advice);
    settle(SWAPPINESS, &mut host, &none());
    assert!(findings(SWAPPINESS, &host, &none()).is_empty());
    let quiet = |host: &Host| assert!(findings(SWAPPINESS, host, &none()).is_empty());
    quiet(&file(100));
    quiet(&file(10));
    quiet(&file(0));
    // Compressed, or perhaps compressed.
    let mut zswap = file(180);
    set(&mut zswap, "boot.kernelParams", json!(["zswap.enabled=1"]));
    quiet(&zswap);
    let mut zswap = file(180);
    set(&mut zswap, "boot.zswap.enable", true);
    quiet(&zswap);
    let mut seen = file(180);
    swaps(&mut seen, &["/dev/zram0"]);
    quiet(&seen);
    let mut unread = file(180);
    unread
        .settings
        .insert("zramSwap.enable".to_owned(), Err(unknown()));
    quiet(&unread);
    let mut skipped = file(180);
    skipped.skipped.push(unknown());
    quiet(&skipped);
    let mut parameters = file(180);
    parameters
        .settings
        .insert("boot.kernelParams".to_owned(), Err(unknown()));
    quiet(&parameters);
    // A partition may be on a faster disk.
    let mut partition = with(&[("vm.swappiness", 180)]);
    set(
        &mut partition,
        "swapDevices",
        json!([{ "device": "/dev/nvme0n1p3" }]),
    );
    quiet(&partition);
}

/// Memory of which almost nothing is left, and tasks that wait for it.
fn short_of_memory(host: &mut Host) {
    host.metrics.memory = Some(Sourced {
        value: MemInfo {
            total: Bytes(4 * Bytes::GIB),
            available: Some(Bytes(100 * Bytes::MIB)),
            ..MemInfo::default()
        },
        source: "meminfo".into(),
    });
    let some = PsiShares {
        avg60: Percent(20.0),
        ..PsiShares::default()
    };
    host.metrics.pressure = Pressure {
        memory: Some(Sourced {
            value: Psi { some, full: None },
            source: "pressure".into(),
        }),
        ..Pressure::default()
    };
}

#[test]
fn swap_that_is_forbidden_is_allowed_where_memory_is_short() {
    let mut host = with(&[("vm.swappiness", 1)]);
    swaps(&mut host, &["/dev/sda3"]);
    assert!(
        findings(SWAPPINESS, &host, &Analysis::of(&host)).is_empty(),
        "no need"
    );
    short_of_memory(&mut host);
    let analysis = Analysis::of(&host);
    assert_eq!(
        titles(SWAPPINESS, &host, &analysis),
        ["Set vm.swappiness to 60"]
    );
    settle(SWAPPINESS, &mut host, &analysis);
    sysctl(&mut host, "vm.swappiness", 10);
    assert!(
        findings(SWAPPINESS, &host, &analysis).is_empty(),
        "10 is taste"
    );
}

const CLUSTER: &str = "system/page-cluster";

#[test]
fn swap_is_read_in_pieces_that_suit_it() {
    let mut zram = with(&[("vm.page-cluster", 3)]);
    assert!(findings(CLUSTER, &zram, &none()).is_empty(), "no zram");
    set(&mut zram, "zramSwap.enable", true);
    assert_eq!(
        titles(CLUSTER, &zram, &none()),
        ["Set vm.page-cluster to 0"]
    );
    settle(CLUSTER, &mut zram, &none());
    assert!(findings(CLUSTER, &zram, &none()).is_empty());
    // Beside a swap file on a hard disk readahead has its use.
    sysctl(&mut zram, "vm.page-cluster", 3);
    set(
        &mut zram,
        "swapDevices",
        json!([{ "device": "/swap/file" }]),
    );
    set_hardware(&mut zram, DiskKind::Hdd, 8);
    assert!(findings(CLUSTER, &zram, &none()).is_empty());

    let mut disk = with(&[("vm.page-cluster", 0)]);
    set(
        &mut disk,
        "swapDevices",
        json!([{ "device": "/swap/file" }]),
    );
    assert!(
        findings(CLUSTER, &disk, &none()).is_empty(),
        "who knows the disk"
    );
    set_hardware(&mut disk, DiskKind::NvmeSsd, 8);
    assert!(findings(CLUSTER, &disk, &none()).is_empty(), "flash");
    set_hardware(&mut disk, DiskKind::Hdd, 8);
    assert_eq!(
        titles(CLUSTER, &disk, &none()),
        ["Set vm.page-cluster to 3"]
    );
    settle(CLUSTER, &mut disk, &none());
}

const VFS: &str = "system/vfs-cache-pressure";

#[test]
fn the_cache_of_names_is_neither_kept_for_ever_nor_thrown_out() {
    for (value, severity) in [
        (0, Some(Severity::Warning)),
        (1, None),
        (50, None),
        (200, None),
        (1000, Some(Severity::Advice)),
    ] {
        let mut host = with(&[("vm.vfs_cache_pressure", value)]);
        let found = findings(VFS, &host, &none());
        assert_eq!(found.first().map(|f| f.0.severity), severity, "{value}");
        settle(VFS, &mut host, &none());
        assert!(findings(VFS, &host, &none()).is_empty(), "{value}");
    }
    let mut host = with(&[("vm.vfs_cache_pressure", 500)]);
    host.preferences.set(VFS, "highest_percent", json!(500));
    assert!(findings(VFS, &host, &none()).is_empty());
}

const MISSING: &str = "system/zram-missing";

fn little() -> Host {
    let mut host = with(&[]);
    set_hardware(&mut host, DiskKind::NvmeSsd, 8);
    host.hardware.as_mut().unwrap().form_factor = Some(FormFactor::Laptop);
    swaps(&mut host, &[]);
    host
}

#[test]
fn little_memory_without_swap_gets_zram_and_what_goes_with_it() {
    let mut host = little();
    // As nixos-generate-config writes it.
    set(&mut host, "swapDevices", json!([]));
    let found = findings(MISSING, &host, &none());
    let remedy = found[0].1.as_ref().unwrap();
    assert_eq!(remedy.actions.len(), 5);
    settle(MISSING, &mut host, &none());
    for id in [MISSING, "system/zram-sysctls", CLUSTER, SWAPPINESS] {
        assert!(findings(id, &host, &none()).is_empty(), "{id}");
    }
}

#[test]
fn zram_is_not_proposed_where_there_is_swap_or_may_be() {
    let quiet = |why: &str, change: &dyn Fn(&mut Host)| {
        let mut host = little();
        change(&mut host);
        assert!(findings(MISSING, &host, &none()).is_empty(), "{why}");
    };
    quiet("swap", &|h| swaps(h, &["/dev/sda3"]));
    quiet("never measured", &|h| h.metrics.swaps = None);
    quiet("configured since", &|h| {
        set(h, "swapDevices", json!([{ "device": "/swap/file" }]))
    });
    quiet("not wanted", &|h| set(h, "zramSwap.enable", false));
    quiet("a module is not seen", &|h| h.skipped.push(unknown()));
    quiet("not known", &|h| {
        h.settings.insert("swapDevices".to_owned(), Err(unknown()))
    });
    quiet("kubernetes", &|h| set(h, "services.k3s.enable", true));
    quiet("much memory", &|h| set_hardware(h, DiskKind::NvmeSsd, 16));
    quiet("a server without need", &|h| {
        h.hardware.as_mut().unwrap().form_factor = Some(FormFactor::Server);
    });
    quiet("the owner's number", &|h| {
        h.preferences.set(MISSING, "largest_gib", json!(4))
    });
}

const TWICE: &str = "system/duplicate-sysctl";

#[test]
fn two_spellings_become_one_with_the_value_that_holds() {
    let mut host = with(&[("vm.swappiness", 60), ("vm/swappiness", 10)]);
    assert_eq!(
        findings(TWICE, &host, &none())[0].0.severity,
        Severity::Warning
    );
    settle(TWICE, &mut host, &none());
    assert!(!host.settings.is_defined("boot.kernel.sysctl.vm/swappiness"));
    let now = host
        .settings
        .known("boot.kernel.sysctl.vm.swappiness")
        .unwrap();
    assert_eq!(now.value, json!(10));
    // No rule writes the other spelling beside one that is there.
    let mut zram = with(&[("vm/page-cluster", 0), ("vm/dirty_bytes", 1 << 28)]);
    set(&mut zram, "zramSwap.enable", true);
    let found = findings("system/zram-sysctls", &zram, &none());
    let actions = &found[0].1.as_ref().unwrap().actions;
    let keys: Vec<&str> = actions
        .iter()
        .map(|action| match action {
            Action::SetNixosOption { path, .. } => path[3].as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(!keys.contains(&"vm.page-cluster"), "{keys:?}");
}

#[test]
fn what_others_write_later_is_told() {
    let key = "vm.dirty_writeback_centisecs";
    let mut host = with(&[(key, 1500)]);
    assert!(findings(TWICE, &host, &none()).is_empty());
    set(&mut host, "powerManagement.powertop.enable", true);
    assert!(findings(TWICE, &host, &none()).is_empty(), "the same value");
    set(&mut host, "services.tlp.enable", true);
    let commands = "echo 10 > /proc/sys/vm/swappiness\nsysctl -w vm.dirty_writeback_centisecs=6000";
    set(&mut host, "powerManagement.powerUpCommands", commands);
    let found = findings(TWICE, &host, &none());
    let subjects: Vec<&str> = found.iter().map(|(f, _)| f.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "services.tlp vm.dirty_writeback_centisecs",
            "powerManagement.powerUpCommands vm.dirty_writeback_centisecs"
        ]
    );
    assert!(found.iter().all(|(_, remedy)| remedy.is_none()));
}

#[test]
fn a_parameter_of_the_kernel_beside_a_sysctl_goes() {
    let mut host = with(&[("vm.swappiness", 10)]);
    let parameters = json!([
        "quiet",
        "sysctl.vm.swappiness=60",
        "sysctl.vm.page-cluster=0"
    ]);
    set(&mut host, "boot.kernelParams", parameters);
    settle(TWICE, &mut host, &none());
    let now = host.settings.known("boot.kernelParams").unwrap();
    assert_eq!(now.value, json!(["quiet", "sysctl.vm.page-cluster=0"]));
}

/// What the evaluator says of two definitions is what the rule looks for.
#[test]
fn definitions_that_nix_refuses_are_an_error() {
    let of = |module: &str| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("configuration.nix"), module).unwrap();
        let project = Project::open(directory.path()).unwrap();
        let sources = project.sources();
        let hosts = project.hosts(&sources).names();
        let host = project.evaluate(&sources, &hosts[0]).unwrap().host();
        findings(TWICE, &host, &none())
    };
    let twice = of(
        "{ lib, ... }: { imports = [ { boot.kernel.sysctl.\"vm.swappiness\" = 10; } ];
        boot.kernel.sysctl.\"vm.swappiness\" = 10; }",
    );
    let subjects: Vec<_> = twice
        .iter()
        .map(|(f, _)| (f.severity, f.subject.as_str()))
        .collect();
    assert_eq!(
        subjects,
        [(Severity::Error, "boot.kernel.sysctl.vm.swappiness")]
    );
    assert!(twice[0].1.is_none(), "which was meant is not known");
    let decided = of(
        "{ lib, ... }: { imports = [ { boot.kernel.sysctl.\"vm.swappiness\" = lib.mkDefault 1; } ];
        boot.kernel.sysctl.\"vm.swappiness\" = 10; }",
    );
    assert!(decided.is_empty(), "{decided:?}");
}

#[test]
fn an_empty_host_has_none_of_it() {
    let host = host();
    for id in [BOTH, SWAPPINESS, CLUSTER, VFS, MISSING, TWICE] {
        assert!(findings(id, &host, &none()).is_empty(), "{id}");
    }
    // What one rule of the group sets, no other takes back.
    let mut all = little();
    for (key, value) in [
        ("vm.swappiness", 250),
        ("vm.vfs_cache_pressure", 0),
        ("vm.dirty_ratio", 10),
        ("vm.dirty_bytes", 7),
    ] {
        sysctl(&mut all, key, value);
    }
    let ids = [
        "system/zram-sysctls",
        BOTH,
        SWAPPINESS,
        CLUSTER,
        VFS,
        MISSING,
        TWICE,
        "system/dirty-limits",
    ];
    for _ in 0..16 {
        let found = ids.iter().flat_map(|id| findings(id, &all, &none()));
        let Some(remedy) = found.filter_map(|(_, remedy)| remedy).next() else {
            return;
        };
        remedy
            .actions
            .iter()
            .for_each(|action| apply(&mut all, action));
    }
    panic!("never at rest");
}
