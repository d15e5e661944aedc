//! Services that keep what cannot be made again, and where NixOS lets them keep it. A table: to know
//! another service, add a row.

/// A service that keeps what cannot be made again: its name, what turns it on, the option of its
/// directory, and the default of the NixOS module.
pub(super) type Service = (&'static str, &'static str, &'static str, &'static str);

/// The services that are known: nixpkgs
/// nixos/modules/services/{databases,misc,web-apps,home-automation,monitoring} and
/// nixos/modules/virtualisation/libvirtd.nix.
pub(super) const SERVICES: [Service; 11] = [
    (
        "PostgreSQL",
        "services.postgresql.enable",
        "services.postgresql.dataDir",
        "/var/lib/postgresql",
    ),
    (
        "MySQL",
        "services.mysql.enable",
        "services.mysql.dataDir",
        "/var/lib/mysql",
    ),
    (
        "MongoDB",
        "services.mongodb.enable",
        "services.mongodb.dbpath",
        "/var/db/mongodb",
    ),
    (
        "Forgejo",
        "services.forgejo.enable",
        "services.forgejo.stateDir",
        "/var/lib/forgejo",
    ),
    (
        "Gitea",
        "services.gitea.enable",
        "services.gitea.stateDir",
        "/var/lib/gitea",
    ),
    (
        "Nextcloud",
        "services.nextcloud.enable",
        "services.nextcloud.home",
        "/var/lib/nextcloud",
    ),
    (
        "Immich",
        "services.immich.enable",
        "services.immich.mediaLocation",
        "/var/lib/immich",
    ),
    (
        "Paperless",
        "services.paperless.enable",
        "services.paperless.dataDir",
        "/var/lib/paperless",
    ),
    (
        "Home Assistant",
        "services.home-assistant.enable",
        "services.home-assistant.configDir",
        "/var/lib/hass",
    ),
    (
        "Jellyfin",
        "services.jellyfin.enable",
        "services.jellyfin.dataDir",
        "/var/lib/jellyfin",
    ),
    (
        "libvirt",
        "virtualisation.libvirtd.enable",
        "",
        "/var/lib/libvirt",
    ),
];
