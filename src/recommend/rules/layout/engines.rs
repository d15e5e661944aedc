//! What runs containers, and where NixOS lets it keep images and layers. A table: to know another
//! engine, add a row.

/// What runs containers, and where NixOS lets it keep them.
pub(super) struct Engine {
    /// Its name.
    pub(super) name: &'static str,
    /// How its subvolume is called.
    pub(super) subvolume: &'static str,
    /// What turns it on.
    pub(super) enable: &'static str,
    /// The option that holds its directory.
    pub(super) directory: &'static str,
    /// The directory without that option.
    pub(super) default: &'static str,
    /// Options that hold the driver.
    pub(super) drivers: &'static [&'static str],
    /// An option without which it stores nothing there.
    pub(super) needs: Option<&'static str>,
}

/// nixpkgs nixos/modules/virtualisation/{docker,containers,oci-containers,containerd}.nix and
/// nixos/modules/services/cluster. What users run without root lies in their homes.
pub(super) const ENGINES: [Engine; 4] = [
    Engine {
        name: "docker",
        subvolume: "docker",
        enable: "virtualisation.docker.enable",
        directory: "virtualisation.docker.daemon.settings.data-root",
        default: "/var/lib/docker",
        drivers: &[
            "virtualisation.docker.storageDriver",
            "virtualisation.docker.daemon.settings.storage-driver",
        ],
        needs: None,
    },
    Engine {
        name: "podman",
        subvolume: "containers",
        enable: "virtualisation.podman.enable",
        directory: "virtualisation.containers.storage.settings.storage.graphroot",
        default: "/var/lib/containers",
        drivers: &["virtualisation.containers.storage.settings.storage.driver"],
        needs: Some("virtualisation.oci-containers.containers."),
    },
    Engine {
        name: "containerd",
        subvolume: "containerd",
        enable: "virtualisation.containerd.enable",
        directory: "virtualisation.containerd.settings.root",
        default: "/var/lib/containerd",
        drivers: &[],
        needs: None,
    },
    Engine {
        name: "k3s",
        subvolume: "k3s-containerd",
        enable: "services.k3s.enable",
        directory: "",
        default: "/var/lib/rancher/k3s/agent/containerd",
        drivers: &[],
        needs: None,
    },
];
