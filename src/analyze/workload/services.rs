//! Which option of NixOS means which work, and where that work keeps its data. A table: to know
//! another service, add a row.

use super::WorkloadKind::{
    self, Backup, Build, Container, Database, Desktop, Game, Mail, Nas, NixStore, Vm,
};
use crate::analyze::evidence::Weight::{self, Moderate, Strong, Weak};

/// A service, by the option that turns it on.
#[derive(Debug)]
pub(super) struct Service {
    /// The work it does.
    pub(super) kind: WorkloadKind,
    /// The option; `*` stands for any one name. It counts if it is `true`, a number or a list with
    /// something in it.
    pub(super) option: &'static str,
    /// How much it says about the work.
    pub(super) weight: Weight,
    /// Options that hold its paths, or text in which absolute paths stand.
    pub(super) paths: &'static [&'static str],
    /// Where NixOS keeps its data unless told otherwise.
    pub(super) default: Option<&'static str>,
}

const fn row(
    kind: WorkloadKind,
    option: &'static str,
    weight: Weight,
    paths: &'static [&'static str],
    default: Option<&'static str>,
) -> Service {
    Service {
        kind,
        option,
        weight,
        paths,
        default,
    }
}

/// The services that are known, by kind of work. Defaults are those of the NixOS modules.
pub(super) const SERVICES: &[Service] = &[
    row(
        Database,
        "services.postgresql.enable",
        Strong,
        &["services.postgresql.dataDir"],
        Some("/var/lib/postgresql"),
    ),
    row(
        Database,
        "services.mysql.enable",
        Strong,
        &["services.mysql.dataDir"],
        Some("/var/lib/mysql"),
    ),
    row(
        Database,
        "services.mongodb.enable",
        Strong,
        &["services.mongodb.dbpath"],
        Some("/var/db/mongodb"),
    ),
    row(
        Database,
        "services.clickhouse.enable",
        Strong,
        &[],
        Some("/var/lib/clickhouse"),
    ),
    row(
        Database,
        "services.influxdb.enable",
        Strong,
        &["services.influxdb.dataDir"],
        Some("/var/db/influxdb"),
    ),
    row(
        Database,
        "services.influxdb2.enable",
        Strong,
        &[],
        Some("/var/lib/influxdb2"),
    ),
    row(
        Database,
        "services.couchdb.enable",
        Strong,
        &["services.couchdb.databaseDir"],
        Some("/var/lib/couchdb"),
    ),
    row(
        Database,
        "services.prometheus.enable",
        Moderate,
        &[],
        Some("/var/lib/prometheus2"),
    ),
    row(Database, "services.redis.servers.*.enable", Weak, &[], None),
    row(
        Container,
        "virtualisation.docker.enable",
        Strong,
        &["virtualisation.docker.daemon.settings.data-root"],
        Some("/var/lib/docker"),
    ),
    row(
        Container,
        "virtualisation.podman.enable",
        Strong,
        &[],
        Some("/var/lib/containers"),
    ),
    row(
        Container,
        "virtualisation.containerd.enable",
        Strong,
        &[],
        Some("/var/lib/containerd"),
    ),
    row(
        Container,
        "virtualisation.incus.enable",
        Strong,
        &[],
        Some("/var/lib/incus"),
    ),
    row(
        Container,
        "virtualisation.lxd.enable",
        Strong,
        &[],
        Some("/var/lib/lxd"),
    ),
    row(
        Container,
        "services.k3s.enable",
        Strong,
        &[],
        Some("/var/lib/rancher/k3s"),
    ),
    row(
        Vm,
        "virtualisation.libvirtd.enable",
        Strong,
        &[],
        Some("/var/lib/libvirt/images"),
    ),
    row(
        Vm,
        "virtualisation.virtualbox.host.enable",
        Moderate,
        &[],
        None,
    ),
    row(
        Nas,
        "services.samba.enable",
        Strong,
        &[
            "services.samba.settings.*.path",
            "services.samba.shares.*.path",
        ],
        None,
    ),
    row(
        Nas,
        "services.nfs.server.enable",
        Strong,
        &["services.nfs.server.exports"],
        None,
    ),
    row(
        Nas,
        "services.jellyfin.enable",
        Moderate,
        &["services.jellyfin.dataDir"],
        Some("/var/lib/jellyfin"),
    ),
    row(
        Nas,
        "services.plex.enable",
        Moderate,
        &["services.plex.dataDir"],
        Some("/var/lib/plex"),
    ),
    row(
        Nas,
        "services.nextcloud.enable",
        Moderate,
        &["services.nextcloud.datadir"],
        Some("/var/lib/nextcloud"),
    ),
    row(
        Nas,
        "services.immich.enable",
        Moderate,
        &["services.immich.mediaLocation"],
        Some("/var/lib/immich"),
    ),
    row(
        Nas,
        "services.syncthing.enable",
        Weak,
        &["services.syncthing.dataDir"],
        Some("/var/lib/syncthing"),
    ),
    row(
        Backup,
        "services.restic.backups.*.paths",
        Strong,
        &["services.restic.backups.*.paths"],
        None,
    ),
    row(
        Backup,
        "services.restic.server.enable",
        Strong,
        &["services.restic.server.dataDir"],
        Some("/var/lib/restic"),
    ),
    row(
        Backup,
        "services.borgbackup.jobs.*.paths",
        Strong,
        &["services.borgbackup.jobs.*.paths"],
        None,
    ),
    row(
        Backup,
        "services.borgbackup.repos.*.path",
        Strong,
        &["services.borgbackup.repos.*.path"],
        None,
    ),
    row(
        Backup,
        "services.btrbk.instances.*.onCalendar",
        Strong,
        &[],
        None,
    ),
    row(Backup, "services.syncoid.enable", Moderate, &[], None),
    row(
        Desktop,
        "services.xserver.enable",
        Moderate,
        &[],
        Some("/home"),
    ),
    row(
        Desktop,
        "services.desktopManager.*.enable",
        Strong,
        &[],
        Some("/home"),
    ),
    row(
        Desktop,
        "services.displayManager.enable",
        Moderate,
        &[],
        Some("/home"),
    ),
    row(
        Desktop,
        "services.displayManager.*.enable",
        Moderate,
        &[],
        Some("/home"),
    ),
    row(
        Desktop,
        "programs.hyprland.enable",
        Strong,
        &[],
        Some("/home"),
    ),
    row(Desktop, "programs.sway.enable", Strong, &[], Some("/home")),
    row(
        Mail,
        "services.postfix.enable",
        Strong,
        &[],
        Some("/var/lib/postfix"),
    ),
    row(
        Mail,
        "services.dovecot2.enable",
        Strong,
        &[],
        Some("/var/mail"),
    ),
    row(
        Mail,
        "services.stalwart-mail.enable",
        Strong,
        &[],
        Some("/var/lib/stalwart-mail"),
    ),
    row(
        Mail,
        "services.maddy.enable",
        Strong,
        &[],
        Some("/var/lib/maddy"),
    ),
    row(Game, "programs.steam.enable", Strong, &[], Some("/home")),
    row(Build, "nix.settings.max-jobs", Weak, &[], None),
    row(Build, "nix.settings.cores", Weak, &[], None),
    row(Build, "services.hydra.enable", Strong, &[], Some("/nix")),
    row(Build, "services.gitlab-runner.enable", Strong, &[], None),
    row(Build, "services.github-runners.*.enable", Strong, &[], None),
    row(Build, "nix.buildMachines", Moderate, &[], None),
    row(NixStore, "nix.gc.automatic", Moderate, &[], Some("/nix")),
    row(
        NixStore,
        "nix.optimise.automatic",
        Moderate,
        &[],
        Some("/nix"),
    ),
    row(
        NixStore,
        "nix.settings.auto-optimise-store",
        Moderate,
        &[],
        Some("/nix"),
    ),
];
