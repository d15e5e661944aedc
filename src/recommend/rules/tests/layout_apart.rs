//! What lies on which subvolume: what snapshots hold, what `+C` is worth there, what belongs on flash.

use serde_json::json;

use super::host::{
    apply, complaint, findings, host, set, set_hardware, set_mounted, settle, with_mounts,
};
use crate::analyze::{Analysis, WorkloadKind};
use crate::model::hardware::{DiskKind, Virtualisation};
use crate::model::metrics::{Sourced, SubvolumeCount};
use crate::model::{Host, Release, Told, UnknownFact};
use crate::recommend::Action;

pub(super) fn none() -> Analysis {
    Analysis::default()
}

pub(super) const MOUNTS: [(&str, &[&str]); 3] = [
    ("/", &["compress=zstd", "noatime"]),
    ("/nix", &["compress=zstd", "noatime"]),
    ("/persist", &["compress=zstd", "noatime"]),
];

pub(super) fn timeline(host: &mut Host, path: &str) {
    let option = |name: &str| format!("services.snapper.configs.a.{name}");
    set(host, &option("SUBVOLUME"), path);
    set(host, &option("TIMELINE_CREATE"), true);
}

pub(super) fn list_subvolumes(host: &mut Host, paths: &[&str]) {
    let value = SubvolumeCount {
        path: None,
        total: paths.len() as u64,
        snapshots: None,
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        at_least: false,
    };
    host.metrics.subvolumes.push(Sourced {
        value,
        source: "btrfs-subvol-list.txt".into(),
    });
}

pub(super) fn unread(what: &str) -> UnknownFact {
    UnknownFact {
        what: what.to_owned(),
        why: "a test".to_owned(),
        at: None,
    }
}

pub(super) fn quiet(rule: &str, host: &Host, why: &str) {
    let found = findings(rule, host, &none());
    assert!(found.is_empty(), "{why}: {found:?}");
}

const LOST: &str = "layout/rolled-back-root";
const LOGS: &str = "layout/log-apart";
const STORE: &str = "layout/nix-store-apart";
const HOMES: &str = "layout/home-apart";

const IMAGES: &str = "layout/vm-images-on-cow";

#[test]
fn images_are_looked_at_where_people_complain() {
    let slow = complaint(WorkloadKind::Vm, "/var/lib/libvirt/images/a.qcow2");
    let mut host = with_mounts(&MOUNTS);
    set_hardware(&mut host, DiskKind::Hdd, 8);
    quiet(IMAGES, &host, "nobody complains");
    let found = findings(IMAGES, &host, &slow);
    assert_eq!(found[0].0.subject, "/var/lib/libvirt/images");
    let actions = &found[0].1.as_ref().unwrap().actions;
    assert!(matches!(
        actions.as_slice(),
        [Action::SetDirectoryAttribute { .. }]
    ));
    timeline(&mut host, "/");
    let found = findings(IMAGES, &host, &slow);
    let actions = &found[0].1.as_ref().unwrap().actions;
    assert!(matches!(
        actions.as_slice(),
        [
            Action::SplitSubvolume { .. },
            Action::SetDirectoryAttribute { .. }
        ]
    ));
    settle(IMAGES, &mut host, &slow);
    assert!(findings(IMAGES, &host, &slow).is_empty());
}

#[test]
fn a_whole_home_is_no_directory_of_images() {
    let host = with_mounts(&[("/", &["noatime"])]);
    for path in ["/home", "/home/mira", "/srv", "/"] {
        let analysis = complaint(WorkloadKind::Vm, path);
        assert!(findings(IMAGES, &host, &analysis).is_empty(), "{path}");
    }
    let analysis = complaint(WorkloadKind::Vm, "/home/mira/VMs/a.vdi");
    let found = findings(IMAGES, &host, &analysis);
    assert_eq!(found[0].0.subject, "/home/mira/VMs");
}

const NOCOW: &str = "layout/snapshots-of-nocow";

#[test]
fn snapshots_undo_an_attribute() {
    let rule = json!(["h /var/lib/mysql - - - - +C"]);
    let mut host = with_mounts(&MOUNTS);
    set(&mut host, "systemd.tmpfiles.rules", rule.clone());
    quiet(NOCOW, &host, "nothing takes snapshots");
    timeline(&mut host, "/");
    assert_eq!(findings(NOCOW, &host, &none()).len(), 1);
    settle(NOCOW, &mut host, &none());
    quiet(NOCOW, &host, "it is left out of them");
    let mut host = with_mounts(&MOUNTS);
    let option = "systemd.tmpfiles.settings.a./var/lib/mysql.h.argument";
    set(&mut host, option, "+C");
    timeline(&mut host, "/");
    let found = findings(NOCOW, &host, &none());
    assert!(found[0].1.is_none(), "it would be said twice");
    let mut host = with_mounts(&MOUNTS);
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        json!(["h /var/lib/* - - - - +C", "d /srv/x", "h /srv/y - - - - -C"]),
    );
    timeline(&mut host, "/");
    quiet(NOCOW, &host, "patterns, and the attribute taken away");
}

const CONTAINERS: &str = "layout/containers";

#[test]
fn layers_are_left_out_of_snapshots() {
    let mut host = with_mounts(&MOUNTS);
    set(&mut host, "virtualisation.docker.enable", true);
    quiet(CONTAINERS, &host, "nothing takes snapshots");
    timeline(&mut host, "/");
    let found = findings(CONTAINERS, &host, &none());
    assert_eq!(found[0].0.subject, "/var/lib/docker");
    let driver = "virtualisation.docker.storageDriver";
    for (value, count) in [
        (json!("overlay2"), 1),
        (json!("btrfs"), 0),
        (json!(null), 1),
    ] {
        set(&mut host, driver, value.clone());
        let found = findings(CONTAINERS, &host, &none());
        assert_eq!(found.len(), count, "{value}");
    }
    settle(CONTAINERS, &mut host, &none());
    quiet(CONTAINERS, &host, "it has a subvolume");
}

#[test]
fn podman_without_root_keeps_nothing_there() {
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/");
    set(&mut host, "virtualisation.podman.enable", true);
    quiet(CONTAINERS, &host, "no container is declared");
    let image = "virtualisation.oci-containers.containers.web.image";
    set(&mut host, image, "caddy");
    assert_eq!(findings(CONTAINERS, &host, &none()).len(), 1);
    let backend = "virtualisation.oci-containers.backend";
    set(&mut host, backend, "docker");
    quiet(CONTAINERS, &host, "docker runs it");
}

#[test]
fn btrbk_takes_a_subvolume_by_name_below_the_top_level() {
    let mut host = with_mounts(&MOUNTS);
    host.storage.filesystems[0].mountpoint = Ok(Some("/btrfs".to_owned()));
    set(&mut host, "virtualisation.docker.enable", true);
    let instance = "services.btrbk.instances.a";
    let subvolume = format!("{instance}.settings.volume./btrfs.subvolume.root.snapshot_dir");
    set(&mut host, &subvolume, "snapshots");
    assert_eq!(findings(CONTAINERS, &host, &none()).len(), 1);
    set(&mut host, &format!("{instance}.onCalendar"), json!(null));
    quiet(CONTAINERS, &host, "it has no timer");
    set(&mut host, &format!("{instance}.onCalendar"), "hourly");
    set(
        &mut host,
        &format!("{instance}.settings.snapshot_create"),
        "no",
    );
    quiet(CONTAINERS, &host, "it makes no snapshots");
}

const CACHES: &str = "layout/caches-in-snapshots";

#[test]
fn caches_need_a_concrete_sign() {
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/");
    quiet(CACHES, &host, "nothing is known to be one");
    set(&mut host, "programs.ccache.enable", true);
    let found = findings(CACHES, &host, &none());
    assert_eq!(found[0].0.subject, "/var/cache");
    settle(CACHES, &mut host, &none());
    quiet(CACHES, &host, "it has a subvolume");
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/persist");
    let (at, from) = ("/home/mira/.cache", "/persist/home/mira/.cache");
    host.storage.add_bind(at.to_owned(), from.to_owned());
    let found = findings(CACHES, &host, &none());
    assert_eq!(found[0].0.subject, from);
    assert!(found[0].1.is_none(), "it belongs to a user");
}

#[test]
fn a_build_tree_that_people_wait_for_is_advice() {
    let mut host = with_mounts(&[("/", &["noatime"]), ("/home", &["noatime"])]);
    let slow = complaint(WorkloadKind::Build, "/home/mira/src");
    assert!(findings(CACHES, &host, &slow).is_empty());
    timeline(&mut host, "/home");
    let found = findings(CACHES, &host, &slow);
    assert!(found[0].1.is_none());
    let slow = complaint(WorkloadKind::Build, "/home/mira");
    assert!(findings(CACHES, &host, &slow).is_empty(), "a whole home");
}

const TMP: &str = "layout/tmp";

fn with_tmp() -> Host {
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/");
    list_subvolumes(&mut host, &["root", "nix", "persist", "root/var/tmp"]);
    host
}

#[test]
fn temporary_files_go_to_memory_or_apart() {
    let mut host = with_tmp();
    set_hardware(&mut host, DiskKind::NvmeSsd, 32);
    set(&mut host, "system.stateVersion", "24.05");
    let found = findings(TMP, &host, &none());
    assert_eq!(found.len(), 1, "/var/tmp is a subvolume within");
    let path = |host: &Host| match &findings(TMP, host, &none())[0].1.as_ref().unwrap().actions[0] {
        Action::SetNixosOption { path, .. } => path.join("."),
        other => format!("{other:?}"),
    };
    assert_eq!(path(&host), "boot.tmp.useTmpfs");
    host.release = Some(Told {
        value: Release::new(22, 11),
        by: "a test".to_owned(),
    });
    assert_eq!(path(&host), "boot.tmpOnTmpfs");
    host.release = None;
    set(&mut host, "system.stateVersion", "20.09");
    assert!(path(&host).starts_with("SplitSubvolume"), "which name?");
    settle(TMP, &mut host, &none());
    quiet(TMP, &host, "it has a subvolume");
    let mut small = with_tmp();
    set_hardware(&mut small, DiskKind::NvmeSsd, 8);
    set(&mut small, "system.stateVersion", "24.05");
    assert!(path(&small).starts_with("SplitSubvolume"), "8 GiB");
}

#[test]
fn temporary_files_are_left_alone_where_somebody_decided_or_nothing_is_known() {
    let mut host = with_tmp();
    set(&mut host, "boot.tmp.cleanOnBoot", true);
    quiet(TMP, &host, "somebody decided");
    let mut host = with_tmp();
    host.metrics.subvolumes.clear();
    quiet(TMP, &host, "systemd may have made it a subvolume");
    let mut host = with_tmp();
    set_mounted(&mut host, "/tmp", &[]);
    quiet(TMP, &host, "something is mounted there");
}

const TIERING: &str = "layout/tiering";

#[test]
fn what_seeks_belongs_on_flash() {
    let mut host = with_mounts(&[("/srv", &["noatime"])]);
    set(&mut host, "services.mysql.enable", true);
    set(&mut host, "services.mysql.dataDir", "/srv/mysql");
    set_hardware(&mut host, DiskKind::Hdd, 8);
    quiet(TIERING, &host, "there is no flash");
    let mut flash = with_mounts(&[("/", &["noatime"])]).storage.filesystems;
    flash[0].disks = vec!["/dev/nvme0n1".to_owned()];
    host.storage.filesystems.append(&mut flash);
    let found = findings(TIERING, &host, &none());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.subject, "/srv/mysql");
    host.hardware.as_mut().unwrap().virtualisation = Virtualisation::Kvm;
    quiet(TIERING, &host, "a guest does not know its disks");
}

#[test]
fn what_is_on_flash_already_stays() {
    let mut host = with_mounts(&[("/srv", &["noatime"])]);
    set_hardware(&mut host, DiskKind::NvmeSsd, 8);
    set(&mut host, "services.mysql.enable", true);
    set(&mut host, "services.mysql.dataDir", "/srv/mysql");
    quiet(TIERING, &host, "one filesystem");
    quiet(TIERING, &super::host::host(), "none");
}

/// What one rule makes a subvolume of its own, another does not find in snapshots.
#[test]
fn the_rules_come_to_rest_together() {
    let desktop = complaint(WorkloadKind::Desktop, "/home");
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/");
    set(&mut host, "virtualisation.docker.enable", true);
    set(&mut host, "programs.ccache.enable", true);
    let rules = [LOST, LOGS, STORE, HOMES, NOCOW, CONTAINERS, CACHES, TMP];
    for _ in 0..3 {
        for rule in rules {
            let found = findings(rule, &host, &desktop);
            let remedies: Vec<_> = found.into_iter().filter_map(|(_, r)| r).collect();
            for action in remedies.iter().flat_map(|r| &r.actions) {
                apply(&mut host, action);
            }
        }
    }
    for rule in rules {
        assert!(findings(rule, &host, &desktop).is_empty(), "{rule}");
    }
    let mounted = host.storage.filesystems[0].mounts.iter();
    let mut all: Vec<&str> = mounted.map(|m| m.mountpoint.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), host.storage.filesystems[0].mounts.len());
    assert!(all.contains(&"/var/log") && all.contains(&"/var/lib/docker"));
}

#[test]
fn an_empty_host_is_left_alone() {
    for rule in [
        LOST, LOGS, STORE, HOMES, IMAGES, NOCOW, CONTAINERS, CACHES, TMP, TIERING,
    ] {
        quiet(rule, &host(), "there is nothing");
    }
}
