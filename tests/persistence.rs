//! Where a path of a running system really lies: through bind mounts, to the subvolume that holds it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use btrfs_tune::model::Host;
use btrfs_tune::project::Project;

fn host(text: &str) -> Host {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disko.nix");
    std::fs::write(&path, text).unwrap();
    let project = Project::open(&path).expect("it opens");
    let sources = project.sources();
    let name = project.hosts(&sources).names().remove(0);
    let evaluated = project.evaluate(&sources, &name);
    evaluated.expect("it evaluates").host()
}

/// The mount point of the subvolume that holds a path.
fn holder<'h>(host: &'h Host, path: &str) -> Option<&'h str> {
    let (_, mount) = host.storage.holding(path)?;
    Some(&mount.mountpoint)
}

const DISKO: &str = r#"
  disko.devices.disk.main = {
    device = "/dev/vda";
    content = {
      type = "btrfs";
      subvolumes = {
        "/nix".mountpoint = "/nix";
        "/persist".mountpoint = "/persist";
        "/log".mountpoint = "/var/log";
      };
    };
  };
  disko.devices.nodev."/" = { fsType = "tmpfs"; };
"#;

#[test]
fn impermanence_binds_directories_and_files_from_its_root() {
    let host = host(&format!(
        r#"{{ {DISKO}
          environment.persistence."/persist" = {{
            directories = [ "/var/lib/postgresql" {{ directory = "/var/lib/docker"; mode = "0710"; }} ];
            files = [ "/etc/machine-id" ];
            users.ann.directories = [ "src" ];
          }};
        }}"#
    ));
    for path in [
        "/var/lib/postgresql/16/base",
        "/var/lib/docker",
        "/etc/machine-id",
        "/home/ann/src/linux",
    ] {
        assert_eq!(holder(&host, path), Some("/persist"), "{path}");
    }
    // A mount of its own is nearer than the tmpfs around it; what nobody keeps lies on that.
    assert_eq!(holder(&host, "/var/log/journal"), Some("/var/log"));
    assert_eq!(holder(&host, "/var/lib/redis"), None);
    assert_eq!(holder(&host, "/nix/store"), Some("/nix"));
    // A name that only begins like another is no part of it.
    assert_eq!(holder(&host, "/var/lib/docker2"), None);
}

#[test]
fn preservation_binds_what_it_preserves() {
    let host = host(&format!(
        r#"{{ {DISKO}
          preservation = {{
            enable = true;
            preserveAt."/persist" = {{
              directories = [ "/var/lib/libvirt" {{ directory = "/var/lib/nixos"; inInitrd = true; }} ];
              users.bob.directories = [ ".cache" ];
            }};
          }};
        }}"#
    ));
    for path in [
        "/var/lib/libvirt/images",
        "/var/lib/nixos",
        "/home/bob/.cache/x",
    ] {
        assert_eq!(holder(&host, path), Some("/persist"), "{path}");
    }
    assert_eq!(holder(&host, "/var/lib/mysql"), None);
}

#[test]
fn bind_mounts_of_file_systems_are_followed_one_through_another() {
    let host = host(&format!(
        r#"{{ {DISKO}
          fileSystems."/var/lib" = {{ device = "/persist/state"; options = [ "bind" ]; }};
          fileSystems."/srv" = {{ device = "/var/lib/srv"; fsType = "none"; options = [ "bind" ]; }};
        }}"#
    ));
    assert_eq!(holder(&host, "/var/lib/mysql"), Some("/persist"));
    assert_eq!(holder(&host, "/srv/www"), Some("/persist"));
    assert_eq!(holder(&host, "/tmp"), None);
}
