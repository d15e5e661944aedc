//! What lies on which subvolume: what is rolled back, what snapshots hold, what `+C` is worth there.

use serde_json::json;

use super::host::{
    apply, complaint, findings, host, set, set_hardware, set_mounted, settle, with_mounts,
};
use crate::analyze::{Analysis, WorkloadKind};
use crate::model::hardware::{DiskKind, Virtualisation};
use crate::model::metrics::{Sourced, SubvolumeCount};
use crate::model::{Host, Release, Told, UnknownFact};
use crate::recommend::{Action, Applicability, Severity};

fn none() -> Analysis {
    Analysis::default()
}

const MOUNTS: [(&str, &[&str]); 3] = [
    ("/", &["compress=zstd", "noatime"]),
    ("/nix", &["compress=zstd", "noatime"]),
    ("/persist", &["compress=zstd", "noatime"]),
];

const SCRIPT: &str = "
    mkdir -p /mnt
    mount -o subvol=/ /dev/sda2 /mnt
    btrfs subvolume delete /mnt/root
    btrfs subvolume create /mnt/root
";

fn rolled_back() -> Host {
    let mut host = with_mounts(&MOUNTS);
    set(&mut host, "boot.initrd.postResumeCommands", SCRIPT);
    host
}

fn timeline(host: &mut Host, path: &str) {
    let option = |name: &str| format!("services.snapper.configs.a.{name}");
    set(host, &option("SUBVOLUME"), path);
    set(host, &option("TIMELINE_CREATE"), true);
}

fn list_subvolumes(host: &mut Host, paths: &[&str]) {
    let value = SubvolumeCount {
        path: None,
        total: paths.len() as u64,
        snapshots: None,
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
    };
    host.metrics.subvolumes.push(Sourced {
        value,
        source: "btrfs-subvol-list.txt".into(),
    });
}

fn unread(what: &str) -> UnknownFact {
    UnknownFact {
        what: what.to_owned(),
        why: "a test".to_owned(),
        at: None,
    }
}

fn quiet(rule: &str, host: &Host, why: &str) {
    let found = findings(rule, host, &none());
    assert!(found.is_empty(), "{why}: {found:?}");
}

const LOST: &str = "layout/rolled-back-root";

fn with_database() -> Host {
    let mut host = rolled_back();
    set(&mut host, "services.postgresql.enable", true);
    host
}

#[test]
fn data_that_nothing_keeps_is_an_error() {
    let mut host = with_database();
    let found = findings(LOST, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Error);
    assert_eq!(found[0].0.subject, "/var/lib/postgresql");
    // Without a list of what persists it gets a subvolume.
    let remedy = found[0].1.as_ref().unwrap();
    assert!(matches!(remedy.actions[0], Action::SplitSubvolume { .. }));
    assert_eq!(remedy.applicability, Applicability::Consent);
    settle(LOST, &mut host, &none());
    quiet(LOST, &host, "it has a subvolume of its own");
}

#[test]
fn data_goes_to_the_one_list_of_what_persists() {
    let mut host = with_database();
    let list = "environment.persistence./persist.directories";
    set(&mut host, list, json!(["/var/log"]));
    let found = findings(LOST, &host, &none());
    let Action::EditNixosList { path, add, .. } = &found[0].1.as_ref().unwrap().actions[0] else {
        panic!("{found:?}");
    };
    assert_eq!(
        path,
        &["environment", "persistence", "/persist", "directories"]
    );
    assert_eq!(add, &[json!("/var/lib/postgresql")]);
    // The bind mount that impermanence then makes.
    let from = "/persist/var/lib/postgresql".to_owned();
    host.storage
        .add_bind("/var/lib/postgresql".to_owned(), from);
    quiet(LOST, &host, "it persists");
    let mut two = with_database();
    set(&mut two, list, json!([]));
    set(
        &mut two,
        "environment.persistence./srv.directories",
        json!([]),
    );
    let found = findings(LOST, &two, &none());
    assert!(found[0].1.is_none(), "which of two lists is not known");
}

#[test]
fn what_is_not_known_is_no_loss() {
    let mut host = with_database();
    host.unknown
        .push(unread("environment.persistence.\"/persist\""));
    quiet(LOST, &host, "what persists is not known");
    let mut host = with_database();
    host.skipped.push(unread("a module"));
    let severity = findings(LOST, &host, &none())[0].0.severity;
    assert_eq!(severity, Severity::Warning, "a module may keep it");
    let mut host = with_database();
    let option = "services.postgresql.dataDir".to_owned();
    host.settings.insert(option, Err(unread("dataDir")));
    quiet(LOST, &host, "where the data lies is not known");
    let mut host = with_database();
    let link = json!(["L+ /var/lib/postgresql - - - - /persist/pg"]);
    set(&mut host, "systemd.tmpfiles.rules", link);
    quiet(LOST, &host, "it is a link");
    let mut host = with_database();
    let below = "/var/lib/postgresql/16".to_owned();
    host.storage.add_bind(below, "/persist/pg".to_owned());
    quiet(LOST, &host, "some of it is kept");
}

#[test]
fn a_script_counts_only_if_the_initrd_runs_it() {
    let mut host = with_database();
    set(&mut host, "boot.initrd.systemd.enable", true);
    quiet(LOST, &host, "the systemd initrd runs no such commands");
    let service = "boot.initrd.systemd.services.wipe";
    set(&mut host, &format!("{service}.script"), SCRIPT);
    quiet(LOST, &host, "nothing wants it");
    let wanted = json!(["initrd.target"]);
    set(&mut host, &format!("{service}.wantedBy"), wanted);
    assert_eq!(findings(LOST, &host, &none()).len(), 1);
    set(&mut host, &format!("{service}.enable"), false);
    quiet(LOST, &host, "it is off");
    set(&mut host, &format!("{service}.enable"), true);
    set(&mut host, "boot.initrd.systemd.enable", false);
    set(&mut host, "boot.initrd.postResumeCommands", "");
    quiet(LOST, &host, "there is no systemd in the initrd");

    // Nobody says which initrd it is.
    let mut host = with_mounts(&MOUNTS);
    set(&mut host, "services.postgresql.enable", true);
    set(&mut host, &format!("{service}.script"), SCRIPT);
    set(
        &mut host,
        &format!("{service}.wantedBy"),
        json!(["initrd.target"]),
    );
    assert_eq!(findings(LOST, &host, &none()).len(), 1);
    host.release = Some(Told {
        value: Release::new(25, 5),
        by: "a test".to_owned(),
    });
    quiet(LOST, &host, "25.05 runs the scripted one");
}

#[test]
fn another_subvolume_that_is_replaced_is_not_the_root() {
    let mut host = with_database();
    let script = SCRIPT.replace("/mnt/root", "/mnt/scratch");
    set(&mut host, "boot.initrd.postResumeCommands", script);
    quiet(LOST, &host, "/ stays");
    // Two filesystems have one of the name, and the script names neither.
    let mut host = with_database();
    let other = host.storage.filesystems[0].clone();
    host.storage.filesystems.push(other);
    host.storage.filesystems[1].mounts.truncate(1);
    host.storage.filesystems[1].mounts[0].mountpoint = "/old".to_owned();
    quiet(LOST, &host, "which of two is not known");
}

#[test]
fn what_lies_in_memory_is_lost_as_well() {
    let mut host = with_mounts(&[("/nix", &["noatime"])]);
    host.storage.add_other("/".to_owned(), Some("tmpfs"));
    set(&mut host, "services.forgejo.enable", true);
    let found = findings(LOST, &host, &none());
    assert!(found[0].0.message.contains("a tmpfs"), "{found:?}");
    assert!(found[0].1.is_none(), "there is no list to add it to");
    let mut ext4 = with_mounts(&[("/nix", &["noatime"])]);
    ext4.storage.add_other("/".to_owned(), Some("ext4"));
    set(&mut ext4, "services.forgejo.enable", true);
    quiet(LOST, &ext4, "ext4 keeps it");
}

#[test]
fn an_attribute_on_what_is_emptied_is_advice() {
    let mut host = rolled_back();
    set(
        &mut host,
        "systemd.tmpfiles.rules",
        json!(["h /var/lib/db - - - - +C"]),
    );
    let found = findings(LOST, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Advice);
    assert!(found[0].1.is_none());
}

const LOGS: &str = "layout/log-apart";

#[test]
fn logs_are_kept_apart_from_what_is_rolled_back() {
    let mut host = rolled_back();
    let found = findings(LOGS, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    settle(LOGS, &mut host, &none());
    quiet(LOGS, &host, "they have a subvolume");
    let mut host = with_mounts(&MOUNTS);
    quiet(LOGS, &host, "nothing is rolled back");
    timeline(&mut host, "/");
    assert_eq!(
        findings(LOGS, &host, &none())[0].0.severity,
        Severity::Advice
    );
    settle(LOGS, &mut host, &none());
    quiet(LOGS, &host, "they have a subvolume");
}

#[test]
fn logs_that_are_not_kept_or_kept_elsewhere_are_left_alone() {
    let mut host = rolled_back();
    set(
        &mut host,
        "services.journald.extraConfig",
        "Storage=volatile",
    );
    quiet(LOGS, &host, "journald keeps none");
    let mut host = rolled_back();
    let option = "services.journald.storage".to_owned();
    host.settings.insert(option, Err(unread("storage")));
    quiet(LOGS, &host, "what journald does is not known");
    let mut host = rolled_back();
    let at = "/var/log/journal".to_owned();
    host.storage.add_bind(at, "/persist/journal".to_owned());
    timeline(&mut host, "/persist");
    quiet(LOGS, &host, "the journal persists");
}

const STORE: &str = "layout/nix-store-apart";

#[test]
fn a_store_in_snapshots_is_a_warning_and_in_a_wiped_root_an_error() {
    let mut host = with_mounts(&[("/", &["noatime"])]);
    quiet(STORE, &host, "nothing takes snapshots");
    timeline(&mut host, "/");
    let found = findings(STORE, &host, &none());
    assert_eq!(found[0].0.severity, Severity::Warning);
    set(
        &mut host,
        "services.snapper.configs.a.TIMELINE_CREATE",
        false,
    );
    quiet(STORE, &host, "snapshots are taken by hand");
    set(&mut host, "services.snapper.snapshotRootOnBoot", true);
    assert_eq!(findings(STORE, &host, &none()).len(), 1);
    list_subvolumes(&mut host, &["root", "root/nix"]);
    quiet(STORE, &host, "it is a subvolume within");

    let mut host = with_mounts(&[("/", &["noatime"])]);
    set(&mut host, "boot.initrd.postDeviceCommands", SCRIPT);
    assert_eq!(
        findings(STORE, &host, &none())[0].0.severity,
        Severity::Error
    );
    host.skipped.push(unread("a module"));
    quiet(STORE, &host, "a module may mount it");
    let mut apart = with_mounts(&MOUNTS);
    timeline(&mut apart, "/");
    quiet(STORE, &apart, "it has a subvolume");
}

const HOMES: &str = "layout/home-apart";

#[test]
fn homes_go_their_own_way() {
    let desktop = complaint(WorkloadKind::Desktop, "/home");
    let mut host = with_mounts(&MOUNTS);
    timeline(&mut host, "/");
    quiet(HOMES, &host, "nobody works there");
    assert_eq!(
        findings(HOMES, &host, &desktop)[0].0.severity,
        Severity::Advice
    );
    settle(HOMES, &mut host, &desktop);
    assert!(findings(HOMES, &host, &desktop).is_empty());
    let mut host = rolled_back();
    let found = findings(HOMES, &host, &desktop);
    assert_eq!(found[0].0.severity, Severity::Warning);
    let list = "environment.persistence./persist.directories";
    set(&mut host, list, json!(["/var/lib/nixos"]));
    let chosen = findings(HOMES, &host, &desktop);
    assert!(chosen.is_empty(), "its owner chose what to keep");
}

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
