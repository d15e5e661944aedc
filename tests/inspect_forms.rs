//! Owns: what `inspect` reads of every form in which disko, `fileSystems` and persistence are
//! written. What is expected was measured with nix-community/disko at 878ec37 and nixpkgs' lib.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod common;

use common::project::{Git, Project, run};
use serde_json::{Value as Json, json};

/// The only host of a file.
fn host(text: &str) -> Json {
    let project = Project::empty(Git::Root);
    std::fs::write(project.path.join("disko.nix"), text).unwrap();
    let ran = run(&project.path, &["inspect", "disko.nix", "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{text}");
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    document["hosts"][0].clone()
}

/// The texts of a list of the document; `null` for an element that is not known.
fn texts(list: &Json) -> Vec<Option<&str>> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|t| t["text"].as_str()).collect()
}

/// The device of the only filesystem below `disko.devices`.
fn device(devices: &str) -> Json {
    let host = host(&format!("{{ disko.devices = {{ {devices} }}; }}"));
    assert_eq!(
        host["filesystems"].as_array().unwrap().len(),
        1,
        "{devices}"
    );
    host["filesystems"][0]["device"].clone()
}

const BTRFS: &str = r#"content = { type = "btrfs"; mountpoint = "/"; };"#;

#[test]
fn devices_are_named_as_disko_names_them() {
    let gpt = |holder: &str, partition: &str| {
        format!(
            r#"{holder} = {{ device = "/dev/vda"; content = {{ type = "gpt";
               partitions.root = {{ size = "100%"; {partition} {BTRFS} }}; }}; }};"#
        )
    };
    let label = "/dev/disk/by-partlabel/";
    let long = "disk.nvme-Samsung_SSD_980_PRO_1TB";
    let cases = [
        (gpt("disk.main", ""), format!("{label}disk-main-root")),
        (gpt("disk.\"a/b\"", ""), format!("{label}disk-a_b-root")),
        (gpt("disk.main", "name = \"sys\";"), format!("{label}disk-main-sys")),
        (gpt("disk.main", "label = \"my root\";"), format!("{label}my\\x20root")),
        (gpt("disk.main", "device = \"/dev/x\";"), "/dev/x".to_owned()),
        (
            gpt("disk.main", "uuid = \"809b3a2b-828a-4730-95e1-75b6343e415a\";"),
            "/dev/disk/by-partuuid/809b3a2b-828a-4730-95e1-75b6343e415a".to_owned(),
        ),
        // printf %s disk-nvme-Samsung_SSD_980_PRO_1TB-root | sha256sum | cut -c -36
        (gpt(long, ""), format!("{label}a499a1224619cb5cb351ce32f984e4776164")),
        (
            format!("disk.main = {{ device = \"/dev/vda\"; {BTRFS} }};"),
            "/dev/vda".to_owned(),
        ),
        (
            format!(
                r#"disk.main = {{ device = "/dev/vda"; content = {{ type = "luks"; name = "c"; {BTRFS} }}; }};"#
            ),
            "/dev/mapper/c".to_owned(),
        ),
        (format!("lvm_vg.vg.lvs.root = {{ {BTRFS} }};"), "/dev/vg/root".to_owned()),
        (format!("mdadm.raid1 = {{ {BTRFS} }};"), "/dev/md/raid1".to_owned()),
        (
            gpt("mdadm.r", "").replace("device = \"/dev/vda\";", ""),
            "/dev/disk/by-id/md-name-any:r-part1".to_owned(),
        ),
        (
            format!(
                r#"disk.main = {{ device = "/dev/nvme0n1"; content = {{ type = "table"; partitions = [
                   {{ name = "boot"; }} {{ name = "root"; {BTRFS} }} ]; }}; }};"#
            ),
            "/dev/nvme0n1p2".to_owned(),
        ),
        (
            r#"disk.main = { device = "/dev/vda"; content = { type = "filesystem"; format = "btrfs"; mountpoint = "/"; }; };"#
                .to_owned(),
            "/dev/vda".to_owned(),
        ),
    ];
    for (devices, expected) in cases {
        assert_eq!(device(&devices), json!(expected), "{devices}");
    }
}

#[test]
fn what_is_unknown_is_unknown_there_and_nowhere_else() {
    let host = host(
        r#"{ device, extra, ... }: { disko.devices.disk.main = { inherit device; content = {
             type = "btrfs"; extraArgs = [ "-f" ];
             subvolumes."/a" = { mountpoint = "/a"; mountOptions = [ "noatime" extra "ssd" ]; };
             subvolumes."/b" = { mountpoint = "/b"; mountOptions = extra; };
           }; }; }"#,
    );
    let filesystem = &host["filesystems"][0];
    assert_eq!(filesystem["device"], Json::Null);
    assert_eq!(texts(&filesystem["mkfs_args"]), [Some("-f")]);
    assert_eq!(filesystem["members"], json!([null]));
    let (a, b) = (&filesystem["subvolumes"][0], &filesystem["subvolumes"][1]);
    assert_eq!(texts(&a["options"]), [Some("noatime"), None, Some("ssd")]);
    assert!(a["options"][1]["at"].is_object());
    assert_eq!(
        (&b["options"], &b["mountpoint"]),
        (&Json::Null, &json!("/b"))
    );
    assert_eq!(filesystem["effective"], Json::Null);
    let what: Vec<&str> = host["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| u["what"].as_str().unwrap())
        .collect();
    let below = "disko.devices.disk.main.content.subvolumes.";
    assert_eq!(
        what,
        [
            "disko.devices.disk.main.device".to_owned(),
            format!("{below}/a.mountOptions"),
            format!("{below}/b.mountOptions"),
        ]
    );
}

#[test]
fn columns_are_counted_in_characters() {
    let host = host(
        r#"{ fileSystems."/" = { device = "/dev/ö🦀x"; fsType = "btrfs"; options = [ "x-ü=🦀" "noatime" ]; }; }"#,
    );
    let filesystem = &host["filesystems"][0];
    let options = match &filesystem["subvolumes"][0]["options"] {
        Json::Null => &filesystem["options"],
        options => options,
    };
    let place = |n: usize| {
        let at = &options[n]["at"];
        (at["column"].clone(), at["length"].clone())
    };
    assert_eq!(place(0), (json!(74), json!(7)));
    assert_eq!(place(1), (json!(82), json!(9)));
}

#[test]
fn the_directory_that_is_read_is_not_the_one_that_nix_evaluates() {
    let host = host(
        r#"{ fileSystems."/" = { device = "/dev/x"; fsType = "btrfs";
             options = [ "noatime" "x-note=${toString ./.}/a" ]; }; }"#,
    );
    let options = &host["filesystems"][0]["subvolumes"][0]["options"];
    let options = match options {
        Json::Null => &host["filesystems"][0]["options"],
        options => options,
    };
    assert_eq!(texts(options), [Some("noatime"), None]);
}

#[test]
fn conditions_and_priorities_decide_what_there_is() {
    let host = host(
        r#"{ lib, ... }: { disko.devices.disk.main = { device = "/dev/vda"; content = {
             type = "btrfs";
             subvolumes = {
               "/no" = lib.mkIf false { };
               "/not" = lib.mkIf false { mountpoint = "/not"; };
               "/yes" = lib.mkIf true { mountpoint = "/yes"; mountOptions = lib.mkIf false [ "ro" ]; };
               "/some" = { mountpoint = null; mountOptions = [ (lib.mkIf false "ro") "noatime" ]; };
             };
           }; }; }"#,
    );
    let subvolumes = host["filesystems"][0]["subvolumes"].as_array().unwrap();
    let names: Vec<_> = subvolumes
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["/some", "/yes"]);
    assert_eq!(texts(&subvolumes[0]["options"]), [Some("noatime")]);
    assert_eq!(texts(&subvolumes[1]["options"]), [Some("defaults")]);
    assert_eq!(host["unknown"], json!([]));

    let host = self::host(
        r#"{ lib, ... }: { imports = [
             { disko.devices.disk.old = { device = "/dev/vdb"; content.type = "btrfs"; }; }
             { disko.devices.disk = lib.mkForce { new = { device = "/dev/vda"; content.type = "btrfs"; }; }; }
           ]; }"#,
    );
    let filesystems = host["filesystems"].as_array().unwrap();
    assert_eq!(filesystems.len(), 1, "mkForce drops the other disk");
    assert_eq!(filesystems[0]["device"], json!("/dev/vda"));
}

#[test]
fn swap_files_are_read_with_their_defaults() {
    let host = host(
        r#"{ disko.devices.disk.main = { device = "/dev/vda"; content = { type = "btrfs";
             swap.top.size = "1G";
             subvolumes."/swap" = { mountpoint = "/.swap"; swap.file = {
               size = "8G"; path = "rel/file"; priority = 5; options = [ "nofail" ]; }; };
           }; }; }"#,
    );
    let filesystem = &host["filesystems"][0];
    let top = &filesystem["swap"][0];
    assert_eq!((&top["path"], &top["size"]), (&json!("top"), &json!("1G")));
    assert_eq!(
        (&top["priority"], texts(&top["options"])),
        (&Json::Null, vec![Some("defaults")])
    );
    let file = &filesystem["subvolumes"][0]["swap"][0];
    assert_eq!(
        (&file["path"], &file["size"]),
        (&json!("rel/file"), &json!("8G"))
    );
    assert_eq!(
        (&file["priority"], texts(&file["options"])),
        (&json!(5), vec![Some("nofail")])
    );
}

#[test]
fn file_systems_are_merged_in_the_order_of_nixos() {
    // nixpkgs' lib: an importing module comes before what it imports, for the options of a
    // submodule are merged in the reverse of the reverse order of modules.
    let host = host(
        r#"{ lib, ... }: { imports = [ { fileSystems."/" = {
             device = "/dev/vda"; fsType = "btrfs"; options = [ "subvol=root" ]; }; } ];
             fileSystems."/".options = [ "noatime" ];
             fileSystems.home = { mountPoint = "/home"; label = "pool"; fsType = "btrfs"; };
             fileSystems."/boot" = { device = "/dev/vdb"; fsType = "vfat"; };
             fileSystems."/srv" = { device = "/home/srv"; options = [ "bind" ]; };
             fileSystems."/data".options = [ "compress=zstd" ]; }"#,
    );
    let filesystems = host["filesystems"].as_array().unwrap();
    assert_eq!(filesystems.len(), 3);
    let by = |mountpoint: &str| {
        let at = |f: &&Json| {
            let below = f["subvolumes"].as_array().unwrap();
            f["mountpoint"] == mountpoint || below.iter().any(|s| s["mountpoint"] == mountpoint)
        };
        filesystems.iter().find(at).unwrap()
    };
    let root = by("/");
    assert_eq!(
        texts(&root["subvolumes"][0]["options"]),
        [Some("noatime"), Some("subvol=root")]
    );
    assert_eq!(root["source"], json!("fileSystems"));
    assert_eq!(by("/home")["device"], json!("/dev/disk/by-label/pool"));
    assert_eq!(texts(&by("/home")["options"]), [Some("defaults")]);
    assert_eq!(by("/data")["device"], Json::Null);
    let what = &host["unknown"][0]["what"];
    assert_eq!(what, &json!("fileSystems./data.device"));
}

#[test]
fn options_beside_those_of_disko_are_told_and_take_part() {
    let with = |more: &str| {
        host(&format!(
            r#"{{ lib, ... }}: {{ {more} disko.devices.disk.main = {{ device = "/dev/vda"; content = {{
                 type = "btrfs"; mountpoint = "/"; mountOptions = [ "noatime" ]; }}; }}; }}"#
        ))["filesystems"][0]
            .clone()
    };
    let shows = |f: &Json, option: &str| {
        let options = f["effective"]["options"].as_array();
        options.is_some_and(|o| o.iter().any(|o| o == option))
    };
    let plain = with("");
    assert_eq!(plain["effective"]["first_mount"], json!("/"));
    assert!(!shows(&plain, "compress=zstd:3") && plain.get("added").is_none());
    let more = with(r#"fileSystems."/".options = [ "compress=zstd" ];"#);
    assert_eq!(texts(&more["added"]), [Some("compress=zstd")]);
    assert_eq!(
        texts(&more["options"]),
        [Some("noatime")],
        "as written there"
    );
    assert!(shows(&more, "compress=zstd:3"), "{more}");
    // A default is weaker than what disko defines.
    let weak = with(r#"fileSystems."/".options = lib.mkDefault [ "compress=zstd" ];"#);
    assert!(!shows(&weak, "compress=zstd:3"), "{weak}");
    let strong = with(r#"fileSystems."/".options = lib.mkForce [ "compress=lzo" ];"#);
    assert!(shows(&strong, "compress=lzo"), "{strong}");
    // disko says nothing to NixOS.
    let off = with("disko.enableConfig = false;");
    assert_eq!(off["effective"]["first_mount"], Json::Null);
    assert_eq!(off["mountpoint"], json!("/"));
}

#[test]
fn a_place_is_given_only_where_the_literal_says_the_value() {
    let host = host(
        r#"let level = toString 3; in { disko.devices.disk.main = { device = "/dev/vda"; content = {
             type = "btrfs"; mountpoint = "/";
             mountOptions = [
               "noatime" "compress=zstd:${level}" (builtins.replaceStrings [ "x" ] [ "s" ] "xsd")
               ''ssd'' (toString 5) ("a" + "b")
             ];
           }; }; }"#,
    );
    let options = host["filesystems"][0]["options"].as_array().unwrap();
    let said: Vec<(&str, bool)> = options
        .iter()
        .map(|o| (o["text"].as_str().unwrap(), o["at"].is_object()))
        .collect();
    let expected = [
        ("noatime", true),
        ("compress=zstd:3", true),
        ("ssd", false),
        ("ssd", true),
        ("5", false),
        ("ab", false),
    ];
    assert_eq!(said, expected);
    let at = &options[1]["at"];
    assert_eq!(at["file"], json!("disko.nix"));
    assert_eq!(
        (&at["line"], &at["column"], &at["length"]),
        (&json!(4), &json!(26), &json!(24))
    );
}
