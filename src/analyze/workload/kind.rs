//! Kinds of work, and the programs that do it.

use serde::{Deserialize, Serialize};

use crate::model::observation::WorkloadHint;

/// A kind of work, as design words have it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// Compiling.
    Build,
    /// Databases with small synchronous writes.
    Database,
    /// Container images and volumes.
    Container,
    /// Virtual machine images.
    Vm,
    /// Interactive use.
    Desktop,
    /// Serving files.
    Nas,
    /// Receiving or making backups.
    Backup,
    /// Filling and cleaning the Nix store.
    NixStore,
    /// Mail spools.
    Mail,
    /// Games.
    Game,
    /// Editors that watch and index trees of sources.
    Ide,
    /// Snapshots that are taken and deleted by schedule.
    Snapshots,
    /// Downloads that arrive in pieces.
    Torrent,
    /// Logs.
    Logs,
    /// Measurements by time.
    TimeSeries,
}

impl WorkloadKind {
    /// All of them, in their order.
    pub const ALL: [WorkloadKind; 15] = [
        Self::Build,
        Self::Database,
        Self::Container,
        Self::Vm,
        Self::Desktop,
        Self::Nas,
        Self::Backup,
        Self::NixStore,
        Self::Mail,
        Self::Game,
        Self::Ide,
        Self::Snapshots,
        Self::Torrent,
        Self::Logs,
        Self::TimeSeries,
    ];

    /// Whether its servers run all the time, so that one that does nothing while the machine is
    /// watched says something.
    pub(super) fn never_rests(self) -> bool {
        matches!(
            self,
            Self::Database | Self::Vm | Self::Torrent | Self::TimeSeries
        )
    }
}

impl From<WorkloadHint> for WorkloadKind {
    fn from(hint: WorkloadHint) -> Self {
        match hint {
            WorkloadHint::Build => Self::Build,
            WorkloadHint::Database => Self::Database,
            WorkloadHint::Container => Self::Container,
            WorkloadHint::Vm => Self::Vm,
            WorkloadHint::Desktop => Self::Desktop,
            WorkloadHint::Nas => Self::Nas,
            WorkloadHint::Backup => Self::Backup,
            WorkloadHint::NixStore => Self::NixStore,
            WorkloadHint::Mail => Self::Mail,
            WorkloadHint::Game => Self::Game,
            WorkloadHint::Ide => Self::Ide,
            WorkloadHint::Snapshots => Self::Snapshots,
            WorkloadHint::Torrent => Self::Torrent,
            WorkloadHint::Logs => Self::Logs,
        }
    }
}

macro_rules! engines {
    ($($variant:ident = $name:literal,)*) => {
        /// A program that does the reading and writing, where it is known which.
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Serialize,
            Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Engine {
            $(#[doc = $name] $variant,)*
        }

        impl Engine {
            /// All of them, in their order.
            pub const ALL: &'static [Engine] = &[$(Self::$variant,)*];

            /// Its name for people.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

engines! {
    Postgresql = "PostgreSQL",
    Mysql = "MySQL or MariaDB",
    Sqlite = "SQLite",
    Mongodb = "MongoDB",
    Redis = "Redis or Valkey",
    Clickhouse = "ClickHouse",
    Couchdb = "CouchDB",
    Cassandra = "Cassandra or ScyllaDB",
    Elasticsearch = "Elasticsearch",
    Opensearch = "OpenSearch",
    Meilisearch = "Meilisearch",
    Qdrant = "Qdrant",
    Etcd = "etcd",
    Rocksdb = "a store on RocksDB",
    Leveldb = "a store on LevelDB",
    Lmdb = "a store on LMDB",
    Influxdb = "InfluxDB",
    Prometheus = "Prometheus",
    Victoriametrics = "VictoriaMetrics",
    Loki = "Loki",
    Victorialogs = "VictoriaLogs",
    Netdata = "Netdata",
    Graphite = "Graphite",
    Journald = "journald",
    Docker = "Docker",
    Podman = "Podman",
    Containerd = "containerd",
    Kubernetes = "Kubernetes",
    Incus = "Incus or LXD",
    Nspawn = "systemd-nspawn",
    Qemu = "QEMU",
    Virtualbox = "VirtualBox",
    Samba = "Samba",
    Nfs = "the NFS server",
    Syncthing = "Syncthing",
    Minio = "MinIO",
    Garage = "Garage",
    Ipfs = "IPFS",
    Borg = "BorgBackup",
    Restic = "restic",
    Btrbk = "btrbk",
    Snapper = "Snapper",
    Postfix = "Postfix",
    Dovecot = "Dovecot",
    Maddy = "maddy",
    Stalwart = "Stalwart",
    Transmission = "Transmission",
    Qbittorrent = "qBittorrent",
    Deluge = "Deluge",
    Rtorrent = "rTorrent",
    Aria2 = "aria2",
    Usenet = "a Usenet client",
    Nix = "Nix",
    Ccache = "ccache or sccache",
    Jetbrains = "an IDE of JetBrains",
    Vscode = "Visual Studio Code",
    Steam = "Steam",
}
