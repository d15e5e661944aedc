//! Owns: actions that are more than an edit: a directory that becomes a subvolume below a mount of the
//! initrd or behind bind mounts, data that is seen at two places while it moves, and a profile that is
//! an argument of mkfs for the next installation and a balance for this one.
//!
//! What moves runs for real, on loop devices as root; says so and passes where that cannot be, unless
//! `CI=true`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use btrfs_tune::model::Host;
use btrfs_tune::nix::oracle;
use btrfs_tune::project::Project;
use btrfs_tune::recommend::{Action, DirectoryAttribute, MkfsSetting};
use btrfs_tune::rewrite::Workspace;
use btrfs_tune::rewrite::commands::{Command, commands};
use common::loopfs::{LoopFs, available};
use common::machine::{At, Machine};
use common::project::have;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const DEVICE: &str = "/dev/disk/by-partlabel/disk-main-root";

/// A machine that keeps what is not in `/persist` for one boot only. `EXTRA` is more of it.
const DISKO: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root".mountpoint = "/";
            "/nix".mountpoint = "/nix";
            "/persist" = {
              mountpoint = "/persist";
              mountOptions = [ "noatime" ];
            };
          };
        };
      };
    };
  };
  fileSystems."/persist".neededForBoot = true;
EXTRA}
"#;

const PERSISTENCE: &str = r#"  environment.persistence."/persist".directories = [
    "/var/log"
    "/var/lib/mysql"
    { directory = "/var/lib/private"; mode = "0700"; }
  ];
"#;

const FILE_SYSTEMS: &str = r#"{
  fileSystems."/persist" = {
    device = "/dev/disk/by-label/pool";
    fsType = "btrfs";
    options = [ "subvol=persist" "noatime" ];
    neededForBoot = true;
  };
EXTRA}
"#;

struct Written {
    directory: TempDir,
    workspace: Workspace,
    name: btrfs_tune::project::HostName,
}

impl Written {
    fn new(configuration: &str, extra: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = configuration.replace("EXTRA", extra);
        std::fs::write(directory.path().join("configuration.nix"), text).unwrap();
        let project = Rc::new(Project::open(directory.path()).unwrap());
        let sources = project.sources();
        let hosts = project.hosts(&sources).names();
        let (workspace, failed) = Workspace::open(project, sources, &hosts);
        assert!(failed.is_empty(), "{failed:?}");
        Written {
            directory,
            workspace,
            name: hosts[0].clone(),
        }
    }

    fn host(&self) -> Host {
        self.workspace.evaluate(&self.name).unwrap().host()
    }

    fn split(&self, mountpoint: &str) -> Action {
        let host = self.host();
        let (filesystem, mount) = host.storage.holding(mountpoint).unwrap();
        let filesystem = match &filesystem.source {
            btrfs_tune::model::StorageSource::Disko(path) => path.clone(),
            btrfs_tune::model::StorageSource::FileSystems => {
                vec!["fileSystems".to_owned(), mount.mountpoint.clone()]
            }
        };
        Action::SplitSubvolume {
            filesystem,
            name: "/new".to_owned(),
            mountpoint: mountpoint.to_owned(),
            options: vec!["noatime".to_owned()],
        }
    }

    /// The host and what the real Nix says of `fileSystems`, where it is there, after an action.
    fn after(&self, action: &Action) -> Result<(Host, Option<Json>), String> {
        let proven = self
            .workspace
            .prove(&self.name, std::slice::from_ref(action))
            .map_err(|stuck| stuck.why.to_string())?;
        let host = proven.workspace.evaluate(&self.name).unwrap().host();
        for id in self.workspace.differing(&proven.workspace) {
            let file = proven.workspace.sources().file(id).unwrap();
            std::fs::write(file.path(), file.text()).unwrap();
        }
        let nix = have("nix-instantiate", "what Nix says of it").then(|| {
            let path = self.directory.path().join("configuration.nix");
            let answer = oracle::evaluate(&path, None).unwrap();
            answer["config"].clone()
        });
        Ok((host, nix))
    }
}

fn is_early(host: &Host, at: &str) -> bool {
    let (_, mount) = host
        .storage
        .mount(at)
        .unwrap_or_else(|| panic!("no mount {at}"));
    mount.needed_for_boot
}

#[test]
fn a_directory_that_the_initrd_looks_into_stays_mounted_by_it() {
    for (configuration, at) in [
        (DISKO, "/persist/var/log"),
        (FILE_SYSTEMS, "/persist/var/log"),
    ] {
        let written = Written::new(configuration, PERSISTENCE);
        let (host, nix) = written.after(&written.split(at)).unwrap();
        assert!(is_early(&host, at) && is_early(&host, "/persist"));
        if let Some(nix) = nix {
            let early = &nix["fileSystems"][at]["neededForBoot"];
            assert_eq!(early, &json!(true), "{nix:#}");
            assert_eq!(nix["fileSystems"]["/persist"]["neededForBoot"], json!(true));
            let lists = &nix["environment"]["persistence"]["/persist"]["directories"];
            assert_eq!(lists.as_array().unwrap().len(), 3, "the lists stay");
        }
    }
    // Nothing is bound from there.
    let written = Written::new(DISKO, PERSISTENCE);
    let (host, nix) = written.after(&written.split("/persist/games")).unwrap();
    assert!(!is_early(&host, "/persist/games"));
    if let Some(nix) = nix {
        let early = &nix["fileSystems"]["/persist/games"]["neededForBoot"];
        assert_ne!(early, &json!(true), "{nix:#}");
    }
    // The mount around it is not the initrd's, so what is bound from it is not either.
    let extra =
        "  fileSystems.\"/srv\" = { device = \"/persist/srv\"; options = [ \"bind\" ]; };\n";
    let late = DISKO.replace("  fileSystems.\"/persist\".neededForBoot = true;\n", "");
    let written = Written::new(&late, extra);
    let (host, _) = written.after(&written.split("/persist/srv")).unwrap();
    assert!(!is_early(&host, "/persist/srv"));
}

#[test]
fn a_directory_that_would_be_seen_as_it_was_is_not_split() {
    let extra = r#"  environment.persistence."/persist".directories = [ "/var/lib" "/var/cache" ];
"#;
    let written = Written::new(DISKO, extra);
    let behind = written.split("/persist/var/lib/mysql");
    let why = written.after(&behind).map(|_| ()).unwrap_err();
    assert!(why.contains("seen at /var/lib/mysql"), "{why}");
    assert!(commands(&[behind], &written.host()).is_empty());
    // The place where it is seen can be split, for that is below the bind mount.
    let host = written.host();
    let seen = written.split("/var/lib/mysql");
    assert!(!commands(std::slice::from_ref(&seen), &host).is_empty());
    assert!(!is_early(
        &written.after(&seen).unwrap().0,
        "/var/lib/mysql"
    ));
    // What is bound itself is a mount point already.
    let written = Written::new(DISKO, extra);
    let taken = written.split("/var/cache");
    let why = written.after(&taken).map(|_| ()).unwrap_err();
    assert!(why.contains("mounted at /var/cache already"), "{why}");
    let root = written.split("/persist");
    assert!(written.after(&root).is_err());
}

#[test]
fn nothing_is_merged_into_memory() {
    let tmpfs = "  fileSystems.\"/\" = { device = \"none\"; fsType = \"tmpfs\"; };\n";
    let stateless = DISKO.replace("            \"/root\".mountpoint = \"/\";\n", "");
    let written = Written::new(&stateless, tmpfs);
    let host = written.host();
    let merge = |at: &str| {
        let subvolumes = &host.storage.filesystems[0].subvolumes;
        let own = subvolumes
            .iter()
            .find(|s| s.mountpoint == Ok(Some(at.to_owned())));
        Action::MergeSubvolume {
            subvolume: own.unwrap().path.clone(),
        }
    };
    assert!(commands(&[merge("/persist")], &host).is_empty());
    let why = written.after(&merge("/persist")).map(|_| ()).unwrap_err();
    assert!(why.contains("not on btrfs"), "{why}");
}

fn can_run(test: &str) -> bool {
    have("unshare", test) && available(test)
}

/// Everything that can be seen of the data, its flags and its mounts.
const STATE: &str = r#"
state() {
	for at in /persist /var; do
		find "$at" -printf '%p %y %U:%G %m %l\n' | sort
		find "$at" -type f -exec cksum {} + | sort
		find "$at" -type d -exec lsattr -d {} + | sort
	done
	findmnt -nro TARGET,FSROOT -t btrfs | sort
	btrfs subvolume list / | sed 's/.* path //' | sort
	btrfs filesystem df / | cut -d : -f 1
}
"#;

/// Steps as shell functions: `do_N` with its checks, and `undo_N`.
fn functions(steps: &[Command]) -> String {
    let mut sh = format!("set -eu\n{STATE}");
    for (i, step) in steps.iter().enumerate() {
        let _ = writeln!(sh, "do_{i}() {{\necho 'step {i}' >&2");
        for check in &step.requires {
            let _ = writeln!(sh, "{}", check.test);
        }
        if let Some(done) = &step.done {
            let _ = writeln!(
                sh,
                "if {{ {done}; }}; then echo 'done too early' >&2; exit 3; fi"
            );
        }
        if let Some(remember) = &step.remember {
            let _ = writeln!(sh, "remembered_{i}=$({remember})");
        }
        let _ = writeln!(sh, "({})", step.run);
        for test in step.verify.iter().chain(&step.done) {
            let _ = writeln!(sh, "{test}");
        }
        let _ = writeln!(sh, "}}\nundo_{i}() {{\necho 'undo {i}' >&2");
        if step.remember.is_some() {
            let _ = writeln!(sh, "remembered=$remembered_{i}");
        }
        let _ = writeln!(sh, "({})\n}}", step.undo.as_deref().unwrap_or(":"));
    }
    sh
}

/// Runs the steps up to what cannot be taken back, takes them back, and runs all of them.
fn try_out(machine: &Machine, steps: &[Command], switch: (&str, &str), set_up: &str, at_end: &str) {
    let mut sh = functions(steps);
    let reversible = steps.iter().take_while(|c| !c.irreversible).count();
    let _ = writeln!(sh, "{set_up}\nbefore=$(state)");
    for i in 0..reversible {
        let _ = writeln!(sh, "do_{i}");
    }
    for i in (0..reversible).rev() {
        let _ = writeln!(sh, "undo_{i}");
    }
    sh.push_str(
        "after=$(state)\nif test \"$before\" != \"$after\"; then\n\
         printf '%s\\n--- after\\n%s\\n' \"$before\" \"$after\" >&2; exit 4; fi\n",
    );
    for i in 0..steps.len() {
        let _ = writeln!(sh, "do_{i}");
    }
    let _ = writeln!(sh, "{at_end}");
    let output = machine.run(&[("switch", switch.0), ("rollback", switch.1)], &sh);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{err}\n{sh}", output.status);
}

fn machine(subvolumes: &[(&str, &str)], devices: usize) -> Machine {
    let fs = LoopFs::new(devices, &["-d", "single"]).unwrap();
    let at = |(name, mountpoint): &(&str, &str)| {
        fs.subvolume(name).unwrap();
        At {
            device: DEVICE.to_owned(),
            subvolume: format!("/{name}"),
            mountpoint: (*mountpoint).to_owned(),
            options: String::new(),
        }
    };
    let mounts = subvolumes.iter().map(at).collect();
    Machine {
        name: "probe".to_owned(),
        filesystems: BTreeMap::from([(DEVICE.to_owned(), fs)]),
        mounts,
    }
}

const FILL: &str = r#"
mkdir -p /persist/var/lib/mysql/below /var/lib/mysql /persist/var/lib/private /var/lib/private
printf 'some text\n' >/persist/var/lib/mysql/file
head -c 300000 /dev/urandom >/persist/var/lib/mysql/below/random
chown -R 70:70 /persist/var/lib/mysql
chmod 700 /persist/var/lib/mysql
mount --bind /persist/var/lib/mysql /var/lib/mysql
"#;

/// What is written at the old place afterwards is seen at the new one.
const SEEN: &str = r#"
echo more >/var/lib/mysql/new
test "$(cat /persist/var/lib/mysql/new)" = more
test "$(stat -c %u:%g:%a /var/lib/mysql)" = 70:70:700
test -s /var/lib/mysql/below/random
test ! -e /persist/var/lib/mysql.before-btrfs-tune
"#;

#[test]
fn data_that_is_seen_through_a_bind_mount_moves_with_it() {
    if !can_run("data_that_is_seen_through_a_bind_mount_moves_with_it") {
        return;
    }
    let written = Written::new(DISKO, PERSISTENCE);
    let host = written.host();
    let directory = "/persist/var/lib/mysql".to_owned();
    let split = written.split(&directory);
    let no_cow = Action::SetDirectoryAttribute {
        directory: directory.clone(),
        attribute: DirectoryAttribute::NoCow,
    };
    let system = [("root", "/"), ("nix", "/nix"), ("persist", "/persist")];
    let mounted = format!("mount -t btrfs -o subvol=/new -- {DEVICE} {directory}");
    let unmounted = format!("umount -- {directory}");
    for actions in [vec![split.clone()], vec![split, no_cow.clone()]] {
        let steps = commands(&actions, &host);
        let end = format!("{SEEN}test \"$(findmnt -no FSROOT /var/lib/mysql)\" = /new");
        try_out(
            &machine(&system, 1),
            &steps,
            (&mounted, &unmounted),
            FILL,
            &end,
        );
    }
    let steps = commands(&[no_cow], &host);
    let end = format!("{SEEN}lsattr -d /var/lib/mysql | cut -d ' ' -f 1 | grep -q C");
    try_out(&machine(&system, 1), &steps, ("", ""), FILL, &end);
}

#[test]
fn a_subvolume_that_is_seen_through_a_bind_mount_is_merged_with_it() {
    if !can_run("a_subvolume_that_is_seen_through_a_bind_mount_is_merged_with_it") {
        return;
    }
    let own = DISKO.replace(
        "\"/nix\".mountpoint",
        "\"/mysql\".mountpoint = \"/persist/var/lib/mysql\";\n            \"/nix\".mountpoint",
    );
    let written = Written::new(&own, PERSISTENCE);
    let host = written.host();
    let (filesystem, _) = host.storage.mount("/persist/var/lib/mysql").unwrap();
    let subvolume = filesystem.subvolumes.iter().find(|s| s.name == "/mysql");
    let merge = Action::MergeSubvolume {
        subvolume: subvolume.unwrap().path.clone(),
    };
    let machine = machine(
        &[
            ("root", "/"),
            ("nix", "/nix"),
            ("persist", "/persist"),
            ("mysql", "/persist/var/lib/mysql"),
        ],
        1,
    );
    let back = format!("mount -t btrfs -o subvol=/mysql -- {DEVICE} /persist/var/lib/mysql");
    let switch = ("umount -- /persist/var/lib/mysql", back.as_str());
    let end = format!(
        "{SEEN}test \"$(findmnt -no FSROOT /var/lib/mysql)\" = /persist/var/lib/mysql\n\
         ! btrfs subvolume list / | grep -q ' path mysql$'"
    );
    try_out(&machine, &commands(&[merge], &host), switch, FILL, &end);
}

#[test]
fn a_profile_is_an_argument_for_the_next_installation_and_a_balance_for_this_one() {
    let two = DISKO.replace(
        "type = \"btrfs\";\n",
        "type = \"btrfs\";\n          extraArgs = [ \"-f\" \"-d single\" \"/dev/vdb\" ];\n",
    );
    for (setting, end) in [
        (MkfsSetting::DataProfile("raid1".to_owned()), "Data, RAID1"),
        (
            MkfsSetting::MetadataProfile("single".to_owned()),
            "Metadata, single",
        ),
    ] {
        let written = Written::new(&two, "");
        let host = written.host();
        let Action::SplitSubvolume { filesystem, .. } = written.split("/persist/x") else {
            unreachable!()
        };
        let set = Action::SetMkfs {
            filesystem,
            setting,
        };
        let steps = commands(std::slice::from_ref(&set), &host);
        assert!(
            steps.iter().any(|s| s.run.contains("btrfs balance start")),
            "{steps:?}"
        );
        let (_, nix) = written.after(&set).unwrap();
        if let Some(nix) = nix {
            let content = &nix["disko"]["devices"]["disk"]["main"]["content"];
            let arguments = &content["partitions"]["root"]["content"]["extraArgs"];
            let text = arguments.to_string();
            let name = end.rsplit(' ').next().unwrap().to_lowercase();
            assert!(text.contains(&name) && text.contains("/dev/vdb"), "{text}");
        }
        if can_run("a balance into another profile") {
            let machine = machine(
                &[("root", "/"), ("nix", "/nix"), ("persist", "/persist")],
                2,
            );
            let fill = "mkdir -p /var; head -c 3000000 /dev/urandom >/persist/file; sync";
            let end = format!("btrfs filesystem df / | grep -q '^{end}'");
            try_out(&machine, &steps, ("", ""), fill, &end);
        }
    }
}
