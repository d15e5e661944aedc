//! What a machine does: which work, with which engine, on which paths, down to the device.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hosts;

use btrfs_tune::analyze::workload::{
    Access, HotSet, IoPattern, Mix, Place, RequestSize, SyncHabit, Update, identify,
};
use btrfs_tune::analyze::{Confidence, Direction, Engine, Source, Workload, WorkloadKind};
use btrfs_tune::ingest::{metrics, observations};
use btrfs_tune::model::metrics::{MountEntry, Process, Sourced};
use btrfs_tune::model::units::Percent;
use btrfs_tune::model::{Found, Host, UnknownFact};
use btrfs_tune::project::Project;

use WorkloadKind as Kind;

// ---- machines to ask about ----------------------------------------------------------------------

/// A machine with one disk, everything on btrfs.
const DISKO: &str = r#"
  disko.devices.disk.main = {
    device = "/dev/vda";
    content = {
      type = "btrfs";
      subvolumes = {
        "@".mountpoint = "/";
        "@home".mountpoint = "/home";
        "@nix".mountpoint = "/nix";
      };
    };
  };
"#;

/// A machine whose root is gone after each boot.
const IMPERMANENT: &str = r#"
  disko.devices.disk.main = {
    device = "/dev/vda";
    content = {
      type = "btrfs";
      subvolumes = {
        "/nix".mountpoint = "/nix";
        "/persist".mountpoint = "/persist";
      };
    };
  };
  disko.devices.nodev."/" = { fsType = "tmpfs"; };
"#;

fn evaluated(text: &str) -> Host {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disko.nix");
    std::fs::write(&path, text).unwrap();
    let project = Project::open(&path).expect("it opens");
    let sources = project.sources();
    let name = project.hosts(&sources).names().remove(0);
    let evaluated = project.evaluate(&sources, &name);
    evaluated.expect("it evaluates").host()
}

/// The machine of [`DISKO`] with more.
fn host(more: &str) -> Host {
    evaluated(&format!(
        "{{ lib, config, pkgs, ... }}: {{ {DISKO} {more} }}"
    ))
}

fn impermanent(more: &str) -> Host {
    evaluated(&format!(
        "{{ lib, config, pkgs, ... }}: {{ {IMPERMANENT} {more} }}"
    ))
}

/// A machine of which nothing but its metrics or observations is known.
fn blank() -> Host {
    let why = UnknownFact {
        what: "the configuration".to_owned(),
        why: "none was given".to_owned(),
        at: None,
    };
    Host::unread("blank".to_owned(), Found::File, why)
}

fn work(host: &Host, kind: Kind) -> Option<Workload> {
    identify(host).into_iter().find(|w| w.kind == kind)
}

fn seen(name: &str, write_bytes_s: f64, cpu: f64) -> Sourced<Process> {
    Sourced {
        value: Process {
            name: name.to_owned(),
            write_bytes_s: Some(write_bytes_s),
            read_bytes_s: Some(0.0),
            cpu: Some(Percent(cpu)),
            samples: 5,
            ..Process::default()
        },
        source: "pidstat.txt".into(),
    }
}

fn mounted(mountpoint: &str, root: &str, fstype: &str, device: &str) -> Sourced<MountEntry> {
    let subvolume = root.split('/').nth(1).unwrap_or_default();
    Sourced {
        value: MountEntry {
            mountpoint: mountpoint.to_owned(),
            root: Some(root.to_owned()),
            fstype: fstype.to_owned(),
            device: device.to_owned(),
            mount_options: vec!["rw".to_owned()],
            super_options: vec![format!("subvol=/{subvolume}")],
        },
        source: "mountinfo".into(),
    }
}

/// A place in one line: `path → real path: subvolume at mount on devices`.
fn line(place: &Place) -> String {
    let real = match place.path == place.real_path {
        true => place.path.clone(),
        false => format!("{} → {}", place.path, place.real_path),
    };
    match (&place.mount, &place.subvolume) {
        (Some(mount), subvolume) => format!(
            "{real}: {} at {mount} on {}",
            subvolume.as_deref().unwrap_or("the top level"),
            place.devices.join(" ")
        ),
        (None, _) => format!("{real}: {}", place.why.last().unwrap()),
    }
}

fn lines(workload: &Workload) -> Vec<String> {
    workload.places.iter().map(line).collect()
}

// ---- configurations -------------------------------------------------------------------------------

/// What is written, which work that is, with which engines, and the first of its paths.
const SERVICES: &[(&str, Kind, &[Engine], &str)] = &[
    (
        "services.postgresql.enable = true;",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    (
        "services.mysql.enable = true;",
        Kind::Database,
        &[Engine::Mysql],
        "/var/lib/mysql",
    ),
    (
        "services.mysql.enable = true; system.stateVersion = \"17.03\";",
        Kind::Database,
        &[Engine::Mysql],
        "/var/mysql",
    ),
    (
        "services.mongodb.enable = true;",
        Kind::Database,
        &[Engine::Mongodb],
        "/var/db/mongodb",
    ),
    (
        "services.redis.servers.\"\".enable = true;",
        Kind::Database,
        &[Engine::Redis],
        "/var/lib/redis",
    ),
    (
        "services.redis.servers.cache.enable = true;",
        Kind::Database,
        &[Engine::Redis],
        "/var/lib/redis-cache",
    ),
    (
        "services.clickhouse.enable = true;",
        Kind::Database,
        &[Engine::Clickhouse],
        "/var/lib/clickhouse",
    ),
    (
        "services.elasticsearch = { enable = true; dataDir = \"/srv/es\"; };",
        Kind::Database,
        &[Engine::Elasticsearch],
        "/srv/es",
    ),
    (
        "services.opensearch.enable = true;",
        Kind::Database,
        &[Engine::Opensearch],
        "/var/lib/private/opensearch",
    ),
    (
        "services.qdrant.enable = true;",
        Kind::Database,
        &[Engine::Qdrant],
        "/var/lib/private/qdrant/storage",
    ),
    (
        "services.couchdb.enable = true;",
        Kind::Database,
        &[Engine::Couchdb],
        "/var/lib/couchdb",
    ),
    (
        "services.etcd.enable = true;",
        Kind::Database,
        &[Engine::Etcd],
        "/var/lib/etcd",
    ),
    (
        "services.cassandra.enable = true;",
        Kind::Database,
        &[Engine::Cassandra],
        "/var/lib/cassandra",
    ),
    (
        "services.bitcoind.main = { enable = true; };",
        Kind::Database,
        &[Engine::Leveldb],
        "/var/lib/bitcoind-main",
    ),
    (
        "services.monero = { enable = true; dataDir = \"/srv/xmr\"; };",
        Kind::Database,
        &[Engine::Lmdb],
        "/srv/xmr",
    ),
    // Services that bring a database along.
    (
        "services.immich.enable = true;",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    (
        "services.forgejo.enable = true;",
        Kind::Database,
        &[Engine::Sqlite],
        "/var/lib/forgejo",
    ),
    (
        "services.forgejo = { enable = true; database.type = \"postgres\"; };",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    (
        "services.nextcloud = { enable = true; config.dbtype = \"mysql\"; database.createLocally = true; };",
        Kind::Database,
        &[Engine::Mysql],
        "/var/lib/mysql",
    ),
    (
        "services.home-assistant.enable = true;",
        Kind::Database,
        &[Engine::Sqlite],
        "/var/lib/hass",
    ),
    (
        "services.paperless.enable = true;",
        Kind::Database,
        &[Engine::Sqlite],
        "/var/lib/paperless",
    ),
    (
        "services.gitlab.enable = true;",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    (
        "services.mastodon.enable = true;",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    (
        "services.matrix-synapse.enable = true;",
        Kind::Database,
        &[Engine::Postgresql],
        "/var/lib/postgresql",
    ),
    // Measurements by time, and logs.
    (
        "services.influxdb2.enable = true;",
        Kind::TimeSeries,
        &[Engine::Influxdb],
        "/var/lib/influxdb2",
    ),
    (
        "services.prometheus.enable = true;",
        Kind::TimeSeries,
        &[Engine::Prometheus],
        "/var/lib/prometheus2",
    ),
    (
        "services.prometheus = { enable = true; stateDir = \"tsdb\"; };",
        Kind::TimeSeries,
        &[Engine::Prometheus],
        "/var/lib/tsdb",
    ),
    (
        "services.victoriametrics.enable = true;",
        Kind::TimeSeries,
        &[Engine::Victoriametrics],
        "/var/lib/private/victoriametrics",
    ),
    (
        "services.loki = { enable = true; dataDir = \"/srv/loki\"; };",
        Kind::Logs,
        &[Engine::Loki],
        "/srv/loki",
    ),
    (
        "services.graylog.enable = true;",
        Kind::Logs,
        &[],
        "/var/lib/graylog",
    ),
    // Containers and virtual machines.
    (
        "virtualisation.docker.enable = true;",
        Kind::Container,
        &[Engine::Docker],
        "/var/lib/docker",
    ),
    (
        "virtualisation.docker = { enable = true; daemon.settings.data-root = \"/home/docker\"; };",
        Kind::Container,
        &[Engine::Docker],
        "/home/docker",
    ),
    (
        "virtualisation.podman.enable = true;",
        Kind::Container,
        &[Engine::Podman],
        "/var/lib/containers",
    ),
    (
        "services.k3s.enable = true;",
        Kind::Container,
        &[Engine::Kubernetes],
        "/var/lib/rancher/k3s",
    ),
    (
        "virtualisation.incus.enable = true;",
        Kind::Container,
        &[Engine::Incus],
        "/var/lib/incus",
    ),
    (
        "containers.web.autoStart = true;",
        Kind::Container,
        &[Engine::Nspawn],
        "/var/lib/nixos-containers/web",
    ),
    (
        "virtualisation.libvirtd.enable = true;",
        Kind::Vm,
        &[Engine::Qemu],
        "/var/lib/libvirt/images",
    ),
    (
        "microvm.autostart = [ \"one\" ];",
        Kind::Vm,
        &[Engine::Qemu],
        "/var/lib/microvms",
    ),
    // Files for others.
    (
        "services.samba = { enable = true; settings.media.path = \"/home/media\"; };",
        Kind::Nas,
        &[Engine::Samba],
        "/home/media",
    ),
    (
        "services.nfs.server = { enable = true; exports = \"/srv/nfs 10.0.0.0/8(rw)\"; };",
        Kind::Nas,
        &[Engine::Nfs],
        "/srv/nfs",
    ),
    (
        "services.minio = { enable = true; dataDir = [ \"/srv/a\" \"/srv/b\" ]; };",
        Kind::Nas,
        &[Engine::Minio],
        "/srv/a",
    ),
    (
        "services.jellyfin.enable = true;",
        Kind::Nas,
        &[],
        "/var/lib/jellyfin",
    ),
    (
        "services.immich = { enable = true; mediaLocation = \"/srv/photos\"; };",
        Kind::Nas,
        &[],
        "/srv/photos",
    ),
    // Backups and snapshots.
    (
        "services.borgbackup.jobs.home = { paths = [ \"/home\" ]; repo = \"x\"; };",
        Kind::Backup,
        &[Engine::Borg],
        "/home",
    ),
    (
        "services.restic.backups.all.paths = [ \"/home\" \"/srv\" ];",
        Kind::Backup,
        &[Engine::Restic],
        "/home",
    ),
    (
        "services.snapper.configs.home.SUBVOLUME = \"/home\";",
        Kind::Snapshots,
        &[Engine::Snapper],
        "/home",
    ),
    // Mail, downloads, people.
    (
        "services.postfix.enable = true;",
        Kind::Mail,
        &[Engine::Postfix],
        "/var/lib/postfix",
    ),
    (
        "services.dovecot2 = { enable = true; mailLocation = \"maildir:/srv/mail/%u\"; };",
        Kind::Mail,
        &[Engine::Dovecot],
        "/srv/mail",
    ),
    (
        "mailserver.enable = true;",
        Kind::Mail,
        &[Engine::Dovecot],
        "/var/vmail",
    ),
    (
        "services.transmission = { enable = true; settings.download-dir = \"/home/dl\"; };",
        Kind::Torrent,
        &[Engine::Transmission],
        "/home/dl",
    ),
    (
        "services.qbittorrent.enable = true;",
        Kind::Torrent,
        &[Engine::Qbittorrent],
        "/var/lib/qBittorrent",
    ),
    (
        "services.desktopManager.plasma6.enable = true;",
        Kind::Desktop,
        &[],
        "/home",
    ),
    (
        "services.xserver.desktopManager.gnome.enable = true;",
        Kind::Desktop,
        &[],
        "/home",
    ),
    ("programs.niri.enable = true;", Kind::Desktop, &[], "/home"),
    (
        "programs.steam.enable = true;",
        Kind::Game,
        &[Engine::Steam],
        "/home",
    ),
    (
        "programs.vscode.enable = true;",
        Kind::Ide,
        &[Engine::Vscode],
        "/home",
    ),
    (
        "programs.ccache.enable = true;",
        Kind::Build,
        &[Engine::Ccache],
        "/var/cache/ccache",
    ),
    (
        "services.buildkite-agents.one.enable = true;",
        Kind::Build,
        &[],
        "/var/lib/buildkite-agent-one",
    ),
    (
        "nix.gc.automatic = true;",
        Kind::NixStore,
        &[Engine::Nix],
        "/nix",
    ),
    (
        "services.atticd.enable = true;",
        Kind::NixStore,
        &[Engine::Nix],
        "/var/lib/private/atticd/storage",
    ),
];

#[test]
fn a_service_tells_its_work_its_engine_and_its_path() {
    for (text, kind, engines, path) in SERVICES {
        let host = host(text);
        let found = work(&host, *kind).unwrap_or_else(|| panic!("{text}: no {kind:?}"));
        assert_eq!(&found.engines, engines, "{text}");
        assert_eq!(&found.places[0].real_path, path, "{text}");
        let mount = match () {
            () if path.starts_with("/home") => "/home",
            () if path.starts_with("/nix") => "/nix",
            () => "/",
        };
        let place = &found.places[0];
        assert_eq!(place.mount.as_deref(), Some(mount), "{text}");
        assert_eq!(place.devices, ["/dev/vda"], "{text}");
        assert!(!found.patterns().is_empty(), "{text}");
        // A configuration says that it is meant to be, not that it is done.
        assert!(found.confidence() <= Confidence::Medium, "{text}");
    }
}

#[test]
fn each_engine_has_its_own_place() {
    let host = host(
        r#"services.postgresql = { enable = true; dataDir = "/srv/pg"; };
           services.immich.enable = true;
           services.forgejo.enable = true;"#,
    );
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.engines, [Engine::Postgresql, Engine::Sqlite]);
    let of = |path: &str| {
        let place = database.places.iter().find(|p| p.path == path).unwrap();
        (
            place.engine.unwrap(),
            database.pattern_at(place).unwrap().engine.unwrap(),
        )
    };
    assert_eq!(of("/srv/pg"), (Engine::Postgresql, Engine::Postgresql));
    assert_eq!(of("/var/lib/forgejo"), (Engine::Sqlite, Engine::Sqlite));
    // Immich uses the same PostgreSQL, whose place is written: no second one is made up.
    assert_eq!(database.paths, ["/srv/pg", "/var/lib/forgejo"]);
}

#[test]
fn a_small_database_of_a_program_is_told_but_left_alone_by_rules() {
    let host = host("services.jellyfin.enable = true; services.paperless.enable = true;");
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.paths, ["/var/lib/paperless"]);
    assert_eq!(
        lines(&database),
        [
            "/var/lib/paperless: @ at / on /dev/vda",
            "/var/lib/jellyfin: @ at / on /dev/vda",
        ]
    );
}

#[test]
fn what_is_turned_off_or_elsewhere_is_no_work() {
    for text in [
        "services.postgresql.enable = false;",
        "services.immich = { enable = true; database.enable = false; };",
        "services.forgejo = { enable = true; database.type = config.no.such.option; };",
        "services.redis.servers = { };",
        "services.restic.backups.all.paths = [ ];",
    ] {
        let host = host(text);
        for kind in [Kind::Database, Kind::Backup] {
            assert_eq!(work(&host, kind), None, "{text}");
        }
    }
}

#[test]
fn a_path_that_is_not_known_is_not_replaced_by_the_default() {
    let host = host("services.mysql = { enable = true; dataDir = config.my.paths.mysql; };");
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.engines, [Engine::Mysql]);
    assert!(database.paths.is_empty(), "{:?}", database.paths);
    assert_eq!(database.unplaced.len(), 1);
    assert!(
        database.unplaced[0].starts_with("`services.mysql.dataDir` is not known: "),
        "{:?}",
        database.unplaced
    );
}

#[test]
fn persistence_and_dynamic_users_are_followed_to_the_device() {
    let host = impermanent(
        r#"environment.persistence."/persist".directories = [
             "/var/lib/postgresql"
             { directory = "/var/lib/private"; mode = "0700"; }
           ];
           services.postgresql = { enable = true; dataDir = "/var/lib/postgresql/16"; };
           services.qdrant.enable = true;
           services.mysql.enable = true;"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        [
            "/var/lib/postgresql/16 → /persist/var/lib/postgresql/16: persist at /persist on /dev/vda",
            // Nobody keeps it.
            "/var/lib/mysql: /var/lib/mysql lies on /, which is a tmpfs: it is gone after a boot",
            "/var/lib/qdrant/storage → /persist/var/lib/private/qdrant/storage: persist at /persist \
             on /dev/vda",
        ]
    );
    let qdrant = &work(&host, Kind::Database).unwrap().places[2];
    assert!(
        qdrant.why[0].contains("its service has a dynamic user"),
        "{:?}",
        qdrant.why
    );
}

#[test]
fn only_the_state_directory_of_a_dynamic_user_is_a_link() {
    let host = host(
        r#"services.opensearch = { enable = true; dataDir = "/var/lib/search"; };
           services.garage = { enable = true; settings.data_dir = "/srv/garage"; };
           services.victoriametrics = { enable = true; stateDir = "vm"; };"#,
    );
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.paths, ["/var/lib/search", "/var/lib/garage/meta"]);
    let series = work(&host, Kind::TimeSeries).unwrap();
    assert_eq!(series.paths, ["/var/lib/private/vm"]);
}

#[test]
fn a_mount_at_the_directory_of_a_dynamic_user_is_no_link() {
    let host = host(
        r#"services.qdrant.enable = true;
           fileSystems."/var/lib/qdrant" = { device = "/home/qdrant"; options = [ "bind" ]; };"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        ["/var/lib/qdrant/storage → /home/qdrant/storage: @home at /home on /dev/vda"]
    );
}

#[test]
fn bind_mounts_second_disks_and_other_filesystems_are_told_apart() {
    let host = host(
        r#"disko.devices.disk.data = {
             device = "/dev/sdb";
             content = { type = "btrfs"; subvolumes."/data".mountpoint = "/data"; };
           };
           fileSystems."/var/lib/docker" = { device = "/data/docker"; fsType = "none"; options = [ "bind" ]; };
           fileSystems."/var/lib/libvirt" = { device = "/dev/sdc1"; fsType = "ext4"; };
           virtualisation.docker.enable = true;
           virtualisation.libvirtd.enable = true;
           services.postgresql = { enable = true; dataDir = "/data/pg"; };"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Container).unwrap()),
        ["/var/lib/docker → /data/docker: data at /data on /dev/sdb"]
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        ["/data/pg: data at /data on /dev/sdb"]
    );
    let vm = work(&host, Kind::Vm).unwrap();
    assert_eq!(
        lines(&vm),
        [
            "/var/lib/libvirt/images: /var/lib/libvirt/images lies on /var/lib/libvirt, which is no \
             btrfs"
        ]
    );
    assert!(!vm.places[0].is_resolved());
}

#[test]
fn what_zfs_mounts_by_itself_is_not_taken_for_btrfs() {
    let host = host(
        r#"boot.zfs.extraPools = [ "tank" ];
           disko.devices.zpool.fast = {
             type = "zpool";
             datasets.pg = { type = "zfs_fs"; mountpoint = "/srv/pg"; };
           };
           services.postgresql = { enable = true; dataDir = "/srv/pg/16"; };
           services.mysql = { enable = true; dataDir = "/srv/my"; };
           services.mongodb = { enable = true; dbpath = "/tank/mongo"; };"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        [
            "/srv/pg/16: /srv/pg/16 lies on /srv/pg, which the pool fast of ZFS mounts",
            "/srv/my: @ at / on /dev/vda",
            "/tank/mongo: /tank/mongo lies on /tank, which the pool tank of ZFS mounts by default",
        ]
    );
}

#[test]
fn a_home_that_is_lost_tells_what_of_it_is_kept() {
    let host = impermanent(
        r#"environment.persistence."/persist".users.ann.directories = [ "src" "mail" ];
           programs.sway.enable = true;"#,
    );
    let desktop = work(&host, Kind::Desktop).unwrap();
    assert_eq!(
        desktop.places[0].why,
        [
            "/home/ann/src is bound from /persist/home/ann/src, and 1 more below it from elsewhere",
            "/home lies on /, which is a tmpfs: it is gone after a boot",
        ]
    );
}

#[test]
fn snapshots_are_taken_of_the_volumes_that_are_named() {
    let host = host(
        r#"services.btrbk.instances.local = {
             onCalendar = "hourly";
             settings.volume."/home" = { snapshot_dir = ".snaps"; subvolume.ann = { }; };
           };"#,
    );
    for kind in [Kind::Snapshots, Kind::Backup] {
        let found = work(&host, kind).unwrap();
        assert_eq!(found.engines, [Engine::Btrbk]);
        assert_eq!(lines(&found), ["/home: @home at /home on /dev/vda"]);
    }
}

#[test]
fn a_rootless_docker_is_not_denied_by_the_other_option() {
    let host = host("virtualisation.docker = { enable = false; rootless.enable = true; };");
    let container = work(&host, Kind::Container).unwrap();
    assert_eq!(container.confidence(), Confidence::Medium);
    assert_eq!(container.evidence.len(), 1);
}

#[test]
fn a_subvolume_below_a_mount_is_found() {
    let host = evaluated(
        r#"{
          disko.devices.disk.main = {
            device = "/dev/vda";
            content = {
              type = "btrfs";
              subvolumes = { "@".mountpoint = "/"; "@/var/lib/docker" = { }; };
            };
          };
          virtualisation.docker.enable = true;
          services.mysql.enable = true;
        }"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Container).unwrap()),
        ["/var/lib/docker: @/var/lib/docker at / on /dev/vda"]
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        ["/var/lib/mysql: @ at / on /dev/vda"]
    );
}

#[test]
fn what_runs_in_containers_is_known_by_its_image_and_its_volumes() {
    let host = host(
        r#"virtualisation.oci-containers = {
             backend = "docker";
             containers = {
               db = {
                 image = "docker.io/library/postgres:16-alpine";
                 volumes = [ "/home/db:/var/lib/postgresql/data" "/etc/localtime:/etc/localtime:ro" ];
               };
               cache = { image = "redis:7"; volumes = [ "cache:/data" ]; };
               search = { image = "getmeili/meilisearch:v1"; };
             };
           };"#,
    );
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(
        database.engines,
        [Engine::Redis, Engine::Postgresql, Engine::Meilisearch]
    );
    assert_eq!(
        lines(&database),
        [
            "/var/lib/docker/volumes/cache/_data: @ at / on /dev/vda",
            "/home/db: @home at /home on /dev/vda",
        ]
    );
    assert!(
        database.unplaced[0].starts_with("the container search keeps its data at /meili_data"),
        "{:?}",
        database.unplaced
    );
    let containers = work(&host, Kind::Container).unwrap();
    assert_eq!(containers.engines, [Engine::Docker]);
    assert_eq!(
        containers.paths,
        [
            "/var/lib/docker",
            "/var/lib/docker/volumes/cache/_data",
            "/home/db"
        ]
    );
}

#[test]
fn what_runs_in_containers_of_nixos_lies_where_they_bind_it() {
    let host = host(
        r#"containers.db = {
             autoStart = true;
             bindMounts."/var/lib/postgresql" = { hostPath = "/home/pg"; isReadOnly = false; };
             config.services.postgresql.enable = true;
             config.services.mysql.enable = true;
             config.services.qdrant.enable = true;
           };"#,
    );
    assert_eq!(
        lines(&work(&host, Kind::Database).unwrap()),
        [
            "/home/pg: @home at /home on /dev/vda",
            "/var/lib/nixos-containers/db/var/lib/mysql: @ at / on /dev/vda",
            "/var/lib/nixos-containers/db/var/lib/private/qdrant/storage: @ at / on /dev/vda",
        ]
    );
}

// ---- programs that were seen ----------------------------------------------------------------------

#[test]
fn programs_alone_tell_the_work_and_the_path_of_their_command_line() {
    let mut host = blank();
    let mut postgres = seen("postgres", 300_000.0, 4.0);
    postgres.value.command = Some("/bin/postgres -D /srv/pg/16".to_owned());
    host.metrics.processes = vec![
        postgres,
        seen(".qbittorrent-wr", 2_000_000.0, 8.0),
        seen("kworker/u8:1-btrfs-endio-write", 0.0, 9.0),
    ];
    host.metrics.mounts = vec![
        mounted("/", "/@", "btrfs", "/dev/nvme0n1p2"),
        mounted("/srv", "/@srv", "btrfs", "/dev/sda1"),
    ];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.engines, [Engine::Postgresql]);
    assert_eq!(lines(&database), ["/srv/pg/16: @srv at /srv on /dev/sda1"]);
    assert_eq!(database.confidence(), Confidence::Medium);
    assert_eq!(
        database.evidence[0].statement,
        "postgres was at work: wrote 293 KiB/s, used 4 % of a core"
    );
    let torrent = work(&host, Kind::Torrent).unwrap();
    assert_eq!(torrent.engines, [Engine::Qbittorrent]);
    // A worker of the kernel is no work of its own.
    let kinds: Vec<Kind> = identify(&host).iter().map(|w| w.kind).collect();
    assert_eq!(kinds, [Kind::Database, Kind::Torrent]);
}

#[test]
fn a_bind_mount_of_the_running_system_is_followed() {
    let mut host = blank();
    host.metrics.mounts = vec![
        mounted("/", "/", "tmpfs", "tmpfs"),
        mounted("/persist", "/@persist", "btrfs", "/dev/nvme0n1p2"),
        mounted(
            "/var/lib/mysql",
            "/@persist/state/mysql",
            "btrfs",
            "/dev/nvme0n1p2",
        ),
    ];
    host.observations = vec![observations::read_text("mysql is slow at /var/lib/mysql").0];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(
        lines(&database),
        ["/var/lib/mysql → /persist/state/mysql: @persist at /persist on /dev/nvme0n1p2"]
    );
}

#[test]
fn services_that_are_listed_tell_less_than_programs_at_work() {
    let mut host = blank();
    let listed = |name: &str| Sourced {
        value: name.to_owned(),
        source: "systemctl.txt".into(),
    };
    host.metrics.services = vec![
        listed("postgresql.service"),
        listed("podman@web.service"),
        listed("systemd-logind.service"),
    ];
    let found: Vec<_> = identify(&host)
        .iter()
        .map(|w| (w.kind, w.engines.clone(), w.confidence()))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::Database, vec![Engine::Postgresql], Confidence::Low),
            (Kind::Container, vec![Engine::Podman], Confidence::Low),
        ]
    );
}

// ---- several sources, and contradictions ------------------------------------------------------------

#[test]
fn a_second_kind_of_source_makes_it_sure() {
    let mut host = host("services.postgresql.enable = true;");
    assert_eq!(
        work(&host, Kind::Database).unwrap().confidence(),
        Confidence::Medium
    );
    let configured = host.clone();
    host.metrics.processes = vec![seen("postgres", 300_000.0, 4.0)];
    assert_eq!(
        work(&host, Kind::Database).unwrap().confidence(),
        Confidence::High
    );
    let mut host = configured;
    host.observations = vec![observations::read_text("the database stalls").0];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.confidence(), Confidence::High);
    assert!(database.complained_about);
}

#[test]
fn what_is_configured_and_seen_idle_is_doubted() {
    let mut host = host("services.postgresql.enable = true;");
    host.metrics.processes = vec![seen("postgres", 0.0, 0.0)];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.confidence(), Confidence::Low);
    let against = database
        .evidence
        .iter()
        .find(|e| e.direction == Direction::Against)
        .unwrap();
    assert_eq!(
        against.statement,
        "postgres runs, but did nothing while it was watched"
    );
    assert_eq!(against.source, Source::Metrics("pidstat.txt".to_owned()));
}

#[test]
fn absence_among_many_programs_is_said_and_among_few_is_not() {
    let mut host = host(
        "services.postgresql.enable = true; services.borgbackup.jobs.a.paths = [ \"/home\" ];",
    );
    let others = [
        "sshd", "systemd", "bash", "cron", "dbus", "udevd", "polkitd", "agetty",
    ];
    let says = |host: &Host, kind: Kind| {
        let found = work(host, kind).unwrap();
        let against = found
            .evidence
            .iter()
            .filter(|e| e.direction == Direction::Against);
        against.map(|e| e.statement.clone()).collect::<Vec<_>>()
    };
    host.metrics.processes = others[..3].iter().map(|n| seen(n, 0.0, 2.0)).collect();
    assert!(says(&host, Kind::Database).is_empty());
    host.metrics.processes = others.iter().map(|n| seen(n, 0.0, 2.0)).collect();
    assert_eq!(
        says(&host, Kind::Database),
        ["PostgreSQL was not among the 8 programs that were seen at work"]
    );
    // A backup runs when its time has come.
    assert!(says(&host, Kind::Backup).is_empty());
}

#[test]
fn a_program_that_the_configuration_turns_off_is_told_with_the_contradiction() {
    let mut host = host("services.mysql.enable = false;");
    host.metrics.processes = vec![seen("mariadbd", 500_000.0, 5.0)];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.engines, [Engine::Mysql]);
    assert_eq!(database.confidence(), Confidence::Low);
    let against = &database.evidence[1];
    assert_eq!(against.direction, Direction::Against);
    assert!(
        against
            .statement
            .starts_with("`services.mysql.enable` is false"),
        "{}",
        against.statement
    );
}

#[test]
fn people_alone_are_believed_as_far_as_they_go() {
    let mut host = blank();
    let said = "PostgreSQL commits stall for 3 seconds on /srv/pg";
    host.observations = vec![observations::read_text(said).0];
    let database = work(&host, Kind::Database).unwrap();
    assert_eq!(database.engines, [Engine::Postgresql]);
    assert_eq!(database.confidence(), Confidence::Medium);
    assert_eq!(
        lines(&database),
        ["/srv/pg: what holds /srv/pg is not known: nothing says what is mounted"]
    );
}

#[test]
fn paths_tell_something_too() {
    let host = evaluated(
        r#"{
          disko.devices.disk.main = {
            device = "/dev/vda";
            content = {
              type = "btrfs";
              subvolumes = {
                "@".mountpoint = "/";
                "@docker".mountpoint = "/var/lib/docker";
                "@snapshots".mountpoint = "/.snapshots";
              };
            };
          };
        }"#,
    );
    let found: Vec<_> = identify(&host)
        .iter()
        .map(|w| (w.kind, w.confidence(), lines(w)))
        .collect();
    let one = |text: &str| vec![text.to_owned()];
    assert_eq!(
        found,
        [
            (
                Kind::Container,
                Confidence::Low,
                one("/var/lib/docker: @docker at /var/lib/docker on /dev/vda")
            ),
            (
                Kind::Snapshots,
                Confidence::Low,
                one("/.snapshots: @snapshots at /.snapshots on /dev/vda")
            ),
        ]
    );
}

// ---- patterns ---------------------------------------------------------------------------------------

#[test]
fn engines_of_one_kind_write_in_their_own_ways() {
    let of = |kind, engine| {
        let p = IoPattern::of(kind, Some(engine)).unwrap();
        (p.access, p.sync, p.request, p.update)
    };
    assert_eq!(
        of(Kind::Database, Engine::Postgresql),
        (
            Access::Mixed,
            SyncHabit::EachOperation,
            RequestSize::Small,
            Update::InPlace
        )
    );
    assert_eq!(
        of(Kind::Database, Engine::Clickhouse),
        (
            Access::Streaming,
            SyncHabit::None,
            RequestSize::Large,
            Update::WriteOnce
        )
    );
    assert_eq!(
        of(Kind::TimeSeries, Engine::Prometheus),
        (
            Access::Streaming,
            SyncHabit::Batched,
            RequestSize::Large,
            Update::WriteOnce
        )
    );
    // An engine without a row of its own has what its kind has in common.
    let common = IoPattern::of(Kind::Torrent, Some(Engine::Deluge)).unwrap();
    assert_eq!((common.engine, common.update), (None, Update::InPlace));
    assert_eq!((common.mix, common.hot_set), (Mix::Mixed, HotSet::Nothing));
    assert!(common.sources["access"].starts_with("https://"));
}

// ---- the machines of the fixtures ---------------------------------------------------------------------

fn told(host: &Host) -> String {
    let mut text = String::new();
    for w in identify(host) {
        let complained = if w.complained_about {
            ", complained about"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:?} {:?}{complained}: {:?}\n",
            w.kind,
            w.confidence(),
            w.engines
        ));
        for place in lines(&w) {
            text.push_str(&format!("  at {place}\n"));
        }
        for unplaced in &w.unplaced {
            text.push_str(&format!("  not known: {unplaced}\n"));
        }
        for e in &w.evidence {
            let sign = if e.direction == Direction::For {
                '+'
            } else {
                '-'
            };
            text.push_str(&format!("  {sign}{} {}\n", e.weight.points(), e.statement));
        }
    }
    text
}

#[test]
fn the_machines_of_the_fixtures() {
    for name in ["workstation", "nas", "vps"] {
        insta::assert_snapshot!(name, told(&hosts::host(name)));
    }
}

#[test]
fn the_same_machine_is_always_told_in_the_same_way() {
    let host = hosts::host("workstation");
    assert_eq!(told(&host), told(&host.clone()));
    // The samples of this project's own machine are read without surprises.
    let directory =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/nas/metrics");
    let mut blank = blank();
    blank.metrics = metrics::read_dir(&directory).unwrap().0;
    for workload in identify(&blank) {
        for place in &workload.places {
            assert!(!place.why.is_empty(), "{place:?}");
        }
    }
}
