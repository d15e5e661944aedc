//! Owns: which files make which host. Every shape a file with disks can have, hosts that only the
//! names of directories tell, and `btrfs-tune.toml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use btrfs_tune::model::{Found, Host};
use btrfs_tune::project::{Entry, HostName, OpenError, Project};

/// A tree of files that is a git work tree of its own.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Tree(tempfile::tempdir().unwrap());
        fs::create_dir(tree.0.path().join(".git")).unwrap();
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn open(&self, path: &str) -> Project {
        Project::open(&self.0.path().join(path)).unwrap()
    }

    /// The hosts, as `name (how found): mount point=options …; …`
    fn read(&self, path: &str) -> Vec<String> {
        let project = self.open(path);
        let sources = project.sources();
        let discovery = project.hosts(&sources);
        let told = discovery.hosts.iter().map(|host| {
            let evaluated = project.evaluate(&sources, &host.name).unwrap();
            let model = evaluated.host();
            let found = match host.found {
                Found::Flake => "flake",
                Found::File => "file",
                Found::Convention => "convention",
                Found::Config => "config",
                Found::Facts => "facts",
            };
            format!("{} ({found}): {}", host.name.0, mounts(&model))
        });
        told.collect()
    }

    fn problems(&self, path: &str) -> Vec<String> {
        let project = self.open(path);
        let discovery = project.hosts(&project.sources());
        discovery.problems.iter().map(|p| p.to_string()).collect()
    }

    fn unused(&self) -> Vec<String> {
        let project = self.open(".");
        let unused = project.unused_storage_files(&project.sources());
        unused.into_iter().map(|p| p.source).collect()
    }
}

fn mounts(model: &Host) -> String {
    let filesystems = model.storage.filesystems.iter().map(|f| {
        let mounts = f.mounts.iter().map(|m| match m.options.known() {
            Some(options) => {
                let options: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
                format!("{}={}", m.mountpoint, options.join(","))
            }
            None => {
                let unknown = m.options.unknown();
                let why = unknown.first().map_or("", |u| u.why.as_str());
                format!("{}=? {why}", m.mountpoint)
            }
        });
        mounts.collect::<Vec<_>>().join(" ")
    });
    filesystems.collect::<Vec<_>>().join("; ")
}

const BTRFS: &str = r#"{ type = "btrfs"; mountpoint = "/"; mountOptions = [ "noatime" ]; }"#;

fn disk(content: &str) -> String {
    format!(r#"{{ type = "disk"; device = "/dev/sda"; content = {content}; }}"#)
}

fn module(mountpoint: &str) -> String {
    let content = format!(
        r#"{{ type = "btrfs"; mountpoint = "{mountpoint}"; mountOptions = [ "noatime" ]; }}"#
    );
    format!("{{ disko.devices.disk.main = {}; }}", disk(&content))
}

#[test]
fn a_file_is_read_whatever_shape_it_has() {
    let disk = disk(BTRFS);
    let shapes: BTreeMap<&str, String> = BTreeMap::from([
        ("a set", format!("{{ disko.devices.disk.a = {disk}; }}")),
        (
            "a function",
            format!("{{ lib, ... }}: {{ disko.devices.disk.a = {disk}; }}"),
        ),
        (
            "a function of anything",
            format!("_: {{ disko.devices.disk.a = {disk}; }}"),
        ),
        (
            "a function without dots",
            format!("{{ lib }}: {{ disko.devices.disk.a = {disk}; }}"),
        ),
        (
            "a function that names its set",
            format!(
                "args@{{ lib, ... }}: args.lib.mkMerge [ {{ disko.devices.disk.a = {disk}; }} ]"
            ),
        ),
        (
            "two arguments",
            format!("disk: {{ lib, ... }}: {{ disko.devices.disk.a = {disk}; }}"),
        ),
        (
            "two sets",
            format!(
                "{{ name ? \"a\" }}: {{ lib, ... }}: {{ disko.devices.disk.${{name}} = {disk}; }}"
            ),
        ),
        (
            "under config",
            format!("{{ config.disko.devices.disk.a = {disk}; options = {{ }}; }}"),
        ),
        (
            "mkIf",
            format!("{{ lib, ... }}: lib.mkIf true {{ disko.devices.disk.a = {disk}; }}"),
        ),
        ("devices", format!("{{ devices.disk.a = {disk}; }}")),
        (
            "devices of a function",
            format!("{{ disks ? [ \"/dev/sda\" ], ... }}: {{ devices.disk.a = {disk}; }}"),
        ),
        ("kinds", format!("{{ disk.a = {disk}; lvm_vg = {{ }}; }}")),
        ("a disk", disk.clone()),
        (
            "a table",
            format!(
                "{{ type = \"gpt\"; partitions.a = {{ size = \"100%\"; content = {BTRFS}; }}; }}"
            ),
        ),
        (
            "partitions",
            format!("{{ partitions.a = {{ size = \"100%\"; content = {BTRFS}; }}; }}"),
        ),
        (
            "luks",
            format!("{{ type = \"luks\"; name = \"c\"; content = {BTRFS}; }}"),
        ),
        ("a btrfs", BTRFS.to_owned()),
        (
            "a partition",
            format!("{{ size = \"100%\"; content = {BTRFS}; }}"),
        ),
        (
            "flake-parts",
            format!(
                "{{ inputs, ... }}: {{ flake.nixosModules.a = {{ disko.devices.disk.a = {disk}; }}; }}"
            ),
        ),
        (
            "dendritic",
            format!(
                "{{ config, ... }}: {{ flake.modules.nixos.a = {{ lib, ... }}: {{ disko.devices.disk.a = {disk}; }}; }}"
            ),
        ),
        (
            "generic",
            format!("{{ flake.modules.generic.a.disko.devices.disk.a = {disk}; }}"),
        ),
        (
            "disko configurations",
            format!("{{ flake.diskoConfigurations.a = {{ disko.devices.disk.a = {disk}; }}; }}"),
        ),
        (
            "disko modules",
            format!("{{ flake.diskoModules.a = {{ devices.disk.a = {disk}; }}; }}"),
        ),
        (
            "configurations",
            format!("{{ configurations.nixos.a.module = {{ disko.devices.disk.a = {disk}; }}; }}"),
        ),
        (
            "den",
            format!(
                "{{ den.aspects.a.nixos = {{ pkgs, ... }}: {{ disko.devices.disk.a = {disk}; }}; }}"
            ),
        ),
        (
            "a library",
            format!(
                "{{ lib, ... }}: {{ layouts.plain = {{ device ? \"/dev/sda\" }}: {{ disko.devices.disk.a = {disk}; }}; }}"
            ),
        ),
    ]);
    for (name, text) in shapes {
        let tree = Tree::new(&[("x.nix", &text)]);
        let read = tree.read("x.nix");
        let [host] = read.as_slice() else {
            panic!("{name}: {read:?}");
        };
        let (_, mounts) = host.split_once(": ").unwrap();
        assert_eq!(mounts, "/=noatime", "{name}");
    }
}

#[test]
fn subvolumes_alone_are_a_btrfs() {
    let text = r#"{ subvolumes."/home" = { mountpoint = "/home"; mountOptions = [ "ro" ]; }; }"#;
    let tree = Tree::new(&[("x.nix", text)]);
    assert_eq!(tree.read("x.nix"), ["x (file): /home=ro,subvol=/home"]);
}

#[test]
fn what_comes_from_outside_is_unknown_there_and_only_there() {
    let text = r#"
      { level, lib, extra ? [ "noatime" ], ... }: {
        disko.devices.disk.a.content = {
          type = "btrfs";
          subvolumes."/a" = { mountpoint = "/a"; mountOptions = [ "compress=zstd:${level}" ]; };
          subvolumes."/b" = { mountpoint = "/b"; mountOptions = extra; };
        };
      }"#;
    let tree = Tree::new(&[("x.nix", text)]);
    assert_eq!(
        tree.read("x.nix"),
        ["x (file): /a=? the argument `level` is passed from outside /b=noatime,subvol=/b"]
    );
}

#[test]
fn a_fragment_gets_the_arguments_that_modules_get() {
    let text = r#"{ config, flag, ... }: {
      devices.disk.a.content = { type = "btrfs"; mountpoint = flag; mountOptions = [ config.level ]; };
      }"#;
    // `_module.args` and options of other modules reach it.
    let around =
        r#"{ imports = [ ./layout.nix ]; _module.args.flag = "/"; level = "compress=zstd:1"; }"#;
    let tree = Tree::new(&[
        ("layout.nix", text),
        (
            "btrfs-tune.toml",
            "hosts.a.files = [\"x.nix\", \"layout.nix\"]",
        ),
    ]);
    tree.write("x.nix", &around.replace("imports = [ ./layout.nix ]; ", ""));
    assert_eq!(tree.read("."), ["a (config): /=compress=zstd:1"]);
}

#[test]
fn a_layout_that_has_to_be_enabled_is_read_as_if_it_were() {
    let disk = disk(BTRFS);
    for text in [
        format!(
            "{{ config, lib, ... }}: lib.mkIf (config.my.layout == \"x\") {{ disko.devices.disk.a = {disk}; }}"
        ),
        format!(
            "{{ config, lib, ... }}: {{ options.my.enable = lib.mkEnableOption \"it\"; config = lib.mkIf config.my.enable {{ disko.devices.disk.a = {disk}; }}; }}"
        ),
        format!(
            "{{ config, lib, ... }}: {{ config = lib.mkMerge [ {{ a = 1; }} (lib.mkIf config.my.enable {{ disko.devices.disk.a = {disk}; }}) ]; }}"
        ),
    ] {
        let tree = Tree::new(&[("x.nix", &text)]);
        assert_eq!(tree.read("x.nix"), ["x (file): /=noatime"], "{text}");
        let problems = tree.problems("x.nix");
        assert!(problems[0].contains("as if it held"), "{problems:?}");
        // Whoever enables it makes it true, and then nothing is assumed.
        tree.write(
            "configuration.nix",
            "{ imports = [ ./x.nix ]; my.enable = true; my.layout = \"x\"; }",
        );
        assert!(tree.read("configuration.nix")[0].ends_with("(file): /=noatime"));
        assert_eq!(tree.problems("configuration.nix"), [""; 0]);
    }
}

#[test]
fn several_machines_in_one_file_are_several_hosts() {
    let text = format!(
        "{{ flake.modules.nixos.red = {}; flake.modules.nixos.blue = {}; flake.modules.nixos.none = {{ }}; }}",
        module("/red"),
        module("/blue")
    );
    let tree = Tree::new(&[("x.nix", &text)]);
    assert_eq!(
        tree.read("x.nix"),
        ["blue (file): /blue=noatime", "red (file): /red=noatime"]
    );
}

#[test]
fn each_node_of_a_hive_is_a_host() {
    let text = format!(
        r#"{{
          meta.nixpkgs = import <nixpkgs> {{ }};
          defaults = {{ name, ... }}: {{ networking.hostName = name; fileSystems."/".options = [ "ro" ]; }};
          one = {};
          two = {{ name, nodes, ... }}: {{ imports = [ ./disks.nix ]; disko.devices.disk.main.device = "/dev/${{name}}"; }};
        }}"#,
        module("/")
    );
    let tree = Tree::new(&[("hive.nix", &text), ("disks.nix", &module("/data"))]);
    assert_eq!(
        tree.read("."),
        ["one (file): /=noatime,ro", "two (file): /data=noatime"]
    );
    let project = tree.open(".");
    let sources = project.sources();
    let two = project.evaluate(&sources, &HostName("two".into())).unwrap();
    assert_eq!(two.host().name, "two");
    // Its modules are parts of a file, so Nix cannot be asked about it alone.
    assert!(matches!(two.entry, Entry::Parts(_)));
}

#[test]
fn what_is_no_configuration_is_told_and_not_passed_over() {
    for (text, why) in [
        ("[ 1 2 ]", "it holds a list"),
        ("{ a = ; }", "x.nix:1:7"),
        ("throw \"not here\"", "not here"),
    ] {
        let tree = Tree::new(&[("x.nix", text)]);
        let project = tree.open("x.nix");
        let discovery = project.hosts(&project.sources());
        let failure = discovery.failure.as_ref().expect(text);
        assert!(failure.why.to_string().contains(why), "{}", failure.why);
    }
    // In a directory the others are read all the same.
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", "{ disko = \"btrfs\" ++; }"),
        ("hosts/b/disko.nix", &module("/b")),
    ]);
    assert_eq!(tree.read("."), ["b (convention): /b=noatime"]);
    let problems = tree.problems(".");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("hosts/a/disko.nix"), "{problems:?}");
}

// ---- convention ---------------------------------------------------------------------------------

#[test]
fn directories_name_hosts() {
    let tree = Tree::new(&[]);
    for (index, path) in [
        "hosts/a1/disko.nix",
        "machines/a2/disks/main.nix",
        "systems/x86_64-linux/a3/default.nix",
        "nixos/a4/hardware-configuration.nix",
        "host/a5/default.nix",
        "hosts/a6.nix",
        "configurations/nixos/a7/disko.nix",
        "nixosConfigurations/a8/disko.nix",
        "hosts/nixos/a9/disko.nix",
        "machines/b1.hardware.nix",
        "nixos/hosts/b2/disko.nix",
        "modules/hosts/b3/_disko.nix",
        "hosts/nixos/disko.nix",
        "layouts/plain.nix",
    ]
    .iter()
    .enumerate()
    {
        tree.write(path, &module(&format!("/{index}")));
    }
    assert_eq!(
        tree.read("."),
        [
            "a1 (convention): /0=noatime",
            "a2 (convention): /1=noatime",
            "a3 (convention): /2=noatime",
            "a4 (convention): /3=noatime",
            "a5 (convention): /4=noatime",
            "a6 (convention): /5=noatime",
            "a7 (convention): /6=noatime",
            "a8 (convention): /7=noatime",
            "a9 (convention): /8=noatime",
            "b1 (convention): /9=noatime",
            "b2 (convention): /10=noatime",
            "b3 (convention): /11=noatime",
            "nixos (convention): /12=noatime",
            "plain (convention): /13=noatime",
        ]
    );
}

#[test]
fn files_of_one_host_are_read_together() {
    let more = r#"{ fileSystems."/".options = [ "ro" ]; fileSystems."/old" = { device = "/dev/sdb"; fsType = "btrfs"; }; }"#;
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", &module("/")),
        ("hosts/a/hardware-configuration.nix", more),
        ("hosts/b/disko.nix", &module("/")),
    ]);
    assert_eq!(
        tree.read("."),
        [
            "a (convention): /=noatime,ro; /old=defaults",
            "b (convention): /=noatime"
        ]
    );
    // What the host imports itself counts more than what lies beside.
    tree.write("hosts/a/default.nix", "{ imports = [ ./disko.nix ]; }");
    assert_eq!(
        tree.read("."),
        ["a (convention): /=noatime", "b (convention): /=noatime"]
    );
    assert_eq!(tree.unused(), ["hosts/a/hardware-configuration.nix"]);
}

#[test]
fn a_directory_of_storage_files_is_one_machine() {
    let more = r#"{ fileSystems."/".options = [ "ro" ]; boot.supportedFilesystems = [ "btrfs" ]; fileSystems."/old" = { device = "/dev/sdb"; fsType = "btrfs"; }; }"#;
    let tree = Tree::new(&[("vps/disko.nix", &module("/")), ("vps/hardware.nix", more)]);
    assert_eq!(
        tree.read("vps"),
        ["vps (convention): /=noatime,ro; /old=defaults"]
    );
    tree.write(
        "vps/default.nix",
        "{ imports = [ ./disko.nix ./hardware.nix ]; }",
    );
    assert_eq!(
        tree.read("vps"),
        ["vps (file): /=noatime,ro; /old=defaults"]
    );
}

#[test]
fn alternatives_are_not_mixed() {
    let tree = Tree::new(&[
        ("hosts/a/disko-one.nix", &module("/")),
        ("hosts/a/disko-two.nix", &module("/")),
    ]);
    assert_eq!(
        tree.read("."),
        [
            "a/disko-one (convention): /=noatime",
            "a/disko-two (convention): /=noatime"
        ]
    );
    // What the installer generated before disko was taken up.
    let stale = r#"{ fileSystems."/" = { device = "/dev/sda2"; fsType = "btrfs"; options = [ "subvol=old" ]; }; }"#;
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", &module("/")),
        ("hosts/a/hardware-configuration.nix", stale),
    ]);
    assert_eq!(
        tree.read("."),
        [
            "a/disko (convention): /=noatime",
            "a/hardware-configuration (convention): /=subvol=old"
        ]
    );
}

#[test]
fn a_shared_layout_belongs_to_the_hosts_that_import_it() {
    let tree = Tree::new(&[
        ("layouts/disko.nix", &module("/")),
        (
            "hosts/a/default.nix",
            "{ imports = [ ../../layouts/disko.nix ]; }",
        ),
        (
            "hosts/b/configuration.nix",
            "{ imports = [ ../../layouts/disko.nix ]; }",
        ),
        ("hosts/c/default.nix", "{ }"),
    ]);
    assert_eq!(
        tree.read("."),
        ["a (convention): /=noatime", "b (convention): /=noatime"]
    );
    let project = tree.open(".");
    let sources = project.sources();
    let usage = project.usage(&sources);
    let shared = sources
        .read(&tree.0.path().join("layouts/disko.nix"))
        .unwrap();
    let hosts: Vec<&str> = usage.hosts(shared.id()).map(|h| h.0.as_str()).collect();
    assert_eq!(hosts, ["a", "b"]);
    let files = usage.files(&HostName("a".into()));
    let files: Vec<String> = files
        .map(|f| sources.file(f).unwrap().shown().to_owned())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(
        files.contains(&"hosts/a/default.nix".to_owned()),
        "{files:?}"
    );
}

#[test]
fn ignored_files_templates_and_links_are_no_hosts() {
    let tree = Tree::new(&[
        (".gitignore", "/result\n"),
        ("hosts/a/disko.nix", &module("/")),
        ("result/hosts/b/disko.nix", &module("/")),
        (".direnv/hosts/c/disko.nix", &module("/")),
        ("templates/hosts/d/disko.nix", &module("/")),
        ("hosts/e/disko.nix", "# disko of btrfs: see hosts/a\n{ }"),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        tree.0.path().join("hosts/a"),
        tree.0.path().join("hosts/link"),
    )
    .unwrap();
    assert_eq!(tree.read("."), ["a (convention): /=noatime"]);
}

#[test]
fn an_empty_directory_is_an_error() {
    let tree = Tree::new(&[("README.md", "")]);
    let error = Project::open(tree.0.path()).unwrap_err();
    assert!(matches!(error, OpenError::Nothing { .. }), "{error}");
    // A flake further down is not taken for the project, but it is named.
    let tree = Tree::new(&[("os/nixos/flake.nix", "{ outputs = _: { }; }")]);
    match Project::open(tree.0.path()).unwrap_err() {
        OpenError::Nothing { flakes, .. } => {
            assert_eq!(flakes.len(), 1, "{flakes:?}");
            assert!(flakes[0].ends_with("os/nixos"), "{flakes:?}");
        }
        error => panic!("{error}"),
    }
}

// ---- a flake ------------------------------------------------------------------------------------

const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs";
  outputs = { self, nixpkgs }: {
    nixosConfigurations.known = nixpkgs.lib.nixosSystem { modules = [ ./hosts/known ]; };
  };
}"#;

#[test]
fn a_flake_that_is_read_to_the_end_leaves_no_room_for_convention() {
    let tree = Tree::new(&[
        ("flake.nix", FLAKE),
        (
            "hosts/known/default.nix",
            "{ imports = [ (import ../../layout.nix { at = \"/\"; }) ]; }",
        ),
        (
            "layout.nix",
            &format!("{{ at }}: {}", module("/").replace("\"/\"", "at")),
        ),
        ("hosts/old/disko.nix", &module("/")),
    ]);
    assert_eq!(tree.read("."), ["known (flake): /=noatime"]);
    assert_eq!(tree.problems("."), [""; 0]);
    assert_eq!(tree.unused(), ["hosts/old/disko.nix"]);
}

#[test]
fn what_a_flake_hides_is_found_by_convention() {
    let hidden = FLAKE.replace("nixpkgs.lib.nixosSystem", "nixpkgs.secret.system");
    let opaque = "{ inputs.x.url = \"x\"; outputs = inputs: inputs.x.mkFlake ./.; }";
    // What the flake lists are its hosts, though what they are made of is not known.
    let both = [
        "known (convention): /=noatime",
        "other (convention): /other=noatime",
    ];
    for (flake, hosts) in [(hidden.as_str(), &both[..1]), (opaque, &both[..])] {
        let tree = Tree::new(&[
            ("flake.nix", flake),
            ("hosts/known/default.nix", &module("/")),
            ("hosts/other/default.nix", &module("/other")),
        ]);
        assert_eq!(tree.read("."), hosts);
        assert_eq!(tree.unused().len(), both.len() - hosts.len());
    }
    let tree = Tree::new(&[("flake.nix", opaque), ("hosts/a/default.nix", &module("/"))]);
    let problems = tree.problems(".");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("flake.nix:1:"), "{problems:?}");
    assert!(problems[0].contains("flake input `x`"), "{problems:?}");
}

/// What Nix reads and this program cannot may add to every list.
#[test]
fn lists_are_unknown_where_a_module_of_the_project_could_not_be_read() {
    let known = |import: &str| {
        let text = module("/").replacen('{', &format!("{{ imports = [ {import} ];"), 1);
        let tree = Tree::new(&[
            ("flake.nix", FLAKE),
            ("hosts/known/default.nix", &text),
            ("hosts/known/more.nix", "{ }"),
        ]);
        let project = tree.open(".");
        let sources = project.sources();
        let evaluated = project.evaluate(&sources, &HostName("known".into()));
        let host = evaluated.unwrap().host();
        let (_, mount) = host.storage.mount("/").expect("a root");
        mount.options.known().is_some()
    };
    assert!(known("./more.nix"));
    assert!(!known("(builtins.scopedImport { } ./more.nix)"));
}

#[test]
fn a_host_read_in_part_gets_the_storage_of_its_directory() {
    let tree = Tree::new(&[
        ("flake.nix", FLAKE),
        (
            "hosts/known/default.nix",
            "{ config, nobody, ... }: { imports = [ nobody ]; networking.hostId = \"1\"; }",
        ),
        ("hosts/known/disko.nix", &module("/")),
    ]);
    assert_eq!(tree.read("."), ["known (convention): /=noatime"]);
    let project = tree.open(".");
    let sources = project.sources();
    let known = project
        .evaluate(&sources, &HostName("known".into()))
        .unwrap();
    // The flake's own modules are still part of it.
    let id = known
        .configuration
        .definitions(&known.evaluator, &["networking", "hostId"]);
    assert_eq!(id.len(), 1);
}

#[test]
fn a_flake_given_as_a_file_is_a_flake() {
    let tree = Tree::new(&[
        ("flake.nix", FLAKE),
        ("hosts/known/default.nix", &module("/")),
    ]);
    assert_eq!(tree.read("flake.nix"), ["known (flake): /=noatime"]);
}

#[test]
fn the_tree_of_the_flake_is_self() {
    let tree = Tree::new(&[
        ("flake.nix", FLAKE),
        ("layout.nix", &module("/")),
        (
            "hosts/other/default.nix",
            "{ inputs, self, ... }: { imports = [ \"${self}/layout.nix\" ]; }",
        ),
    ]);
    assert_eq!(
        tree.read("hosts/other/default.nix"),
        ["other (file): /=noatime"]
    );
}

// ---- btrfs-tune.toml ----------------------------------------------------------------------------

#[test]
fn what_the_owner_says_wins() {
    let tree = Tree::new(&[
        ("flake.nix", FLAKE),
        ("hosts/known/default.nix", &module("/")),
        ("hosts/known/disko.nix", &module("/stated")),
        ("extra.nix", &module("/extra")),
        (
            "btrfs-tune.toml",
            "[hosts.known]\nfiles = [\"hosts/known/disko.nix\"]\n\n[hosts.\"new one\"]\nfiles = [\"extra.nix\"]\n",
        ),
    ]);
    let expected = [
        "known (config): /stated=noatime",
        "new one (config): /extra=noatime",
    ];
    assert_eq!(tree.read("."), expected);
    // It is found upward, and a file that is named there is its host's.
    assert_eq!(tree.read("extra.nix"), expected[1..]);
    assert_eq!(tree.problems("."), [""; 0]);
}

#[test]
fn reports_and_metrics_of_a_host_are_named() {
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", &module("/")),
        ("reports/a.json", "{}"),
        ("reports/metrics/df.txt", ""),
        (
            "btrfs-tune.toml",
            "[hosts.a]\nfacter = \"reports/a.json\"\nmetrics = \"reports/metrics\"\n",
        ),
    ]);
    let project = tree.open("hosts/a");
    let host = project.config.host(&HostName("a".into())).unwrap();
    let root = fs::canonicalize(tree.0.path()).unwrap();
    let root = if host.facter.as_ref().unwrap().starts_with(&root) {
        root
    } else {
        tree.0.path().to_path_buf()
    };
    assert_eq!(host.facter, Some(root.join("reports/a.json")));
    assert_eq!(host.metrics, Some(root.join("reports/metrics")));
    assert_eq!(tree.read("hosts/a"), ["a (file): /=noatime"]);
}

#[test]
fn what_the_owner_misspells_is_an_error_with_its_place() {
    for (text, expected) in [
        (
            "[host.a]\n",
            "btrfs-tune.toml:1:2: error: there is no key `host` (did you mean `hosts`?)",
        ),
        (
            "colour = 1\n",
            "btrfs-tune.toml:1:1: error: there is no key `colour` (the keys here are: hosts, rules)",
        ),
        (
            "[hosts.a]\nfile = [\"hosts/a/disko.nix\"]\n",
            "btrfs-tune.toml:2:1: error: there is no key `file` (did you mean `files`?)",
        ),
        (
            "[hosts.a]\nfiles = [\"gone.nix\"]\n",
            "btrfs-tune.toml:2:10: error: gone.nix: no such file or directory",
        ),
        (
            "[hosts.a]\nfiles = \"hosts/a/disko.nix\"\n",
            "btrfs-tune.toml:2:9: error: `files` is a list, like [\"disko.nix\"]",
        ),
        (
            "[hosts.a]\nfiles = []\n",
            "btrfs-tune.toml:2:9: error: `files` names no file; leave it out instead",
        ),
        (
            "[hosts.a]\nfacter = 1\n",
            "btrfs-tune.toml:2:10: error: facter is a path in quotes",
        ),
        (
            "hosts.b.facter = \"hosts\"\n",
            "btrfs-tune.toml:1:7: error: no host `b` was found (name its `files`; found were: a)",
        ),
    ] {
        let tree = Tree::new(&[
            ("hosts/a/disko.nix", &module("/")),
            ("btrfs-tune.toml", text),
        ]);
        assert_eq!(tree.problems("."), [expected], "{text}");
    }
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", &module("/")),
        ("btrfs-tune.toml", "[hosts\n"),
    ]);
    let problems = tree.problems(".");
    assert!(
        problems[0].starts_with("btrfs-tune.toml:1:"),
        "{problems:?}"
    );
    let outside = "[hosts.a]\nfacter = \"../x.json\"\n";
    let tree = Tree::new(&[
        ("hosts/a/disko.nix", &module("/")),
        ("btrfs-tune.toml", outside),
    ]);
    assert!(tree.problems(".")[0].contains("outside the project"));
}

#[test]
fn the_report_that_a_configuration_names_may_be_computed() {
    for option in ["hardware.facter.reportPath", "facter.reportPath"] {
        for path in [
            "./reports/${config.networking.hostName}.json",
            "./. + \"/reports/${config.networking.hostName}.json\"",
            "\"${./reports}/${config.networking.hostName}.json\"",
        ] {
            let text = format!(
                "{{ config, ... }}: {{ networking.hostName = \"a\"; {option} = {path}; imports = [ ./disko.nix ]; }}"
            );
            let tree = Tree::new(&[("configuration.nix", &text), ("disko.nix", &module("/"))]);
            let project = tree.open(".");
            let sources = project.sources();
            let name = project.hosts(&sources).names().remove(0);
            let evaluated = project.evaluate(&sources, &name).unwrap();
            let (e, configuration) = (&evaluated.evaluator, &evaluated.configuration);
            let named = btrfs_tune::ingest::nixos::facter_report(e, configuration);
            let named = named.unwrap_or_else(|| panic!("{option} = {path}"));
            assert!(Path::new(&named).ends_with("reports/a.json"), "{named}");
        }
    }
}
