//! Owns: a host whose configuration holds a subvolume and a mount point with a name of the test's choice.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use btrfs_tune::model::Host;
use btrfs_tune::project::Project;

/// Two filesystems: the system's, and a pool that it can do without. `NAME` is a subvolume.
const CONFIG: &str = r#"{
  disko.devices.disk = {
    system = {
      device = "/dev/vda";
      type = "disk";
      content = {
        type = "gpt";
        partitions.root = {
          size = "100%";
          content = {
            type = "btrfs";
            subvolumes = {
              "/root" = { mountpoint = "/"; };
              "/nix" = { mountpoint = "/nix"; };
              "/home" = { mountpoint = "/home"; mountOptions = [ "noatime" ]; };
              NAME = { mountpoint = PLACE; };
            };
          };
        };
      };
    };
    pool = {
      device = "/dev/vdb";
      type = "disk";
      content = {
        type = "gpt";
        partitions.pool = {
          size = "100%";
          content = { type = "btrfs"; mountpoint = "/pool"; };
        };
      };
    };
  };
}
"#;

fn nix_string(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${");
    let text = text.replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{}\"", text.replace('\t', "\\t"))
}

/// The host, read from its configuration.
pub(crate) fn host(name: &str, place: &str) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let config = CONFIG
        .replace("NAME", &nix_string(name))
        .replace("PLACE", &nix_string(place));
    std::fs::write(dir.path().join("disko.nix"), config).unwrap();
    let project = Project::open(dir.path()).unwrap();
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    project.evaluate(&sources, &hosts[0]).unwrap().host()
}
