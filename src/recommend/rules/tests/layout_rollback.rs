//! What is emptied or rolled back: services, logs, the store and homes on it.

use serde_json::json;

use super::host::{complaint, findings, set, settle, with_mounts};
use super::layout_apart::{MOUNTS, list_subvolumes, none, quiet, timeline, unread};
use crate::analyze::WorkloadKind;
use crate::model::{Host, Release, Told};
use crate::recommend::{Action, Applicability, Severity};

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
fn what_is_lost_is_not_made_faster() {
    let slow = complaint(WorkloadKind::Database, "/var/lib/postgresql");
    let mut host = with_database();
    let found = |host: &Host| findings("layout/database-on-cow", host, &slow).len();
    assert_eq!(found(&host), 0);
    set(&mut host, "boot.initrd.postResumeCommands", "");
    assert_eq!(found(&host), 1);
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

/// What the files say of a tmpfs is read, by disko and by NixOS.
#[test]
fn a_tmpfs_is_read_from_the_files() {
    use crate::project::Project;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("configuration.nix");
    for root in [
        "disko.devices.nodev.\"/\".fsType = \"tmpfs\";",
        "fileSystems.\"/\" = { device = \"none\"; fsType = \"tmpfs\"; };",
    ] {
        let text = format!("{{ {root} services.gitea.enable = true; }}");
        std::fs::write(&file, text).unwrap();
        let project = Project::open(&file).unwrap();
        let sources = project.sources();
        let name = project.hosts(&sources).names().remove(0);
        let host = project.evaluate(&sources, &name).unwrap().host();
        assert_eq!(host.storage.in_memory, ["/"], "{root}");
        assert_eq!(findings(LOST, &host, &none()).len(), 1, "{root}");
    }
}
