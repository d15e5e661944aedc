//! Owns: what `inspect --eval` prints: what Nix told, marked; disagreements; hosts that only Nix knows,
//! and hosts of which it cannot be asked.

use std::fs;

use btrfs_tune::report;
use serde_json::{Value as Json, json};

use super::common::project::{Git, Project, Ran, have};
use super::{lock, outside, project};

const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "path:./nixpkgs";
  inputs.site.url = "path:./site";
  outputs = { nixpkgs, site, ... }: {
    nixosConfigurations.alpha = nixpkgs.lib.nixosSystem {
      specialArgs = { inherit site; };
      modules = [ ./alpha.nix site.nixosModules.disko ];
    };
  };
}
"#;

const ALPHA: &str = r#"{ lib, site, ... }:
{
  boot.kernel.sysctl."vm.swappiness" = site.swappiness;
  boot.kernel.sysctl."vm.dirty_ratio" = lib.mkDefault 20;
  services = lib.mkIf (site.swappiness == 7) { jellyfin.enable = true; };
  boot.kernel.sysctl."vm.dirty_background_ratio" = lib.mkIf (site.swappiness == 7) 5;
  zramSwap = lib.mkIf (site.swappiness == 8) { enable = true; };
  fileSystems."/" = { device = site.device; fsType = "btrfs"; options = site.options ++ [ "ssd" ]; };
  fileSystems."/.snapshots" = { device = site.device; fsType = "btrfs"; options = [ "subvol=snap" ]; };
  fileSystems."/home" = {
    device = site.device;
    fsType = "btrfs";
    options = [ "subvol=home" (builtins.head site.options) ];
  };
  fileSystems."/data".options = [ "nodev" (builtins.head site.arguments) ];
  disko.devices.disk.main = {
    device = site.device;
    content.type = "gpt";
    content.partitions.root.content = {
      type = "btrfs";
      extraArgs = site.arguments;
      subvolumes."/data" = {
        mountpoint = "/data";
        mountOptions = [ "compress=zstd:${toString 1}" "noatime" ];
        swap.swapfile.size = "${toString site.swappiness}G";
      };
    };
  };
}
"#;

fn document(ran: &Ran) -> Json {
    let document: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let schema = jsonschema::validator_for(&report::inspect::schema()).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&document)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    document
}

const ASK: [&str; 4] = ["inspect", "--eval", "--format", "json"];

#[test]
fn what_nix_told_is_marked_and_no_more_unknown() {
    if !have("nix", "what_nix_told_is_marked_and_no_more_unknown") {
        return;
    }
    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", ALPHA)]);
    let _inputs = outside(&project);
    // What was only read says nothing of Nix.
    let read = project.run(&["inspect", "--format", "json"]);
    assert!(!read.out.contains("\"from\"") && !read.out.contains("\"nix\""));
    let read = document(&read);
    let unknown = read["hosts"][0]["unknown"].as_array().unwrap();
    assert!(unknown.len() >= 9, "{unknown:?}");

    let ran = project.run(&ASK);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let filled = document(&ran);
    let host = &filled["hosts"][0];
    assert_eq!(host["unknown"], json!([]));
    assert_eq!(host["nix"]["disagreements"], json!([]));
    let by_files = &host["sysctl"]["vm.dirty_ratio"];
    assert!(by_files.get("from").is_none(), "{by_files}");
    let swappiness = &host["sysctl"]["vm.swappiness"];
    assert_eq!(
        *swappiness,
        json!({ "value": 7, "at": null, "from": "nix" })
    );
    let enable = &host["services"]["services.jellyfin.enable"];
    assert_eq!(
        (&enable["value"], &enable["from"]),
        (&json!(true), &json!("nix"))
    );
    // A literal below a condition that Nix alone decides, where Nix says where it is.
    let column = line(6).find("5;").unwrap() + 1;
    let at = json!({ "file": "alpha.nix", "line": 6, "column": column, "length": 1 });
    assert_eq!(
        host["sysctl"]["vm.dirty_background_ratio"],
        json!({ "value": 5, "at": at, "from": "nix" })
    );

    let [disko, plain] = &host["filesystems"].as_array().unwrap()[..] else {
        panic!("{}", host["filesystems"]);
    };
    // Three devices that were not known are one.
    assert_eq!(plain["device"], "/dev/vdx");
    assert!(plain.get("from").is_none(), "its mounts stand in the files");
    let texts = |list: &Json| -> Vec<(String, bool, Json)> {
        let one = |t: &Json| {
            let text = t["text"].as_str().unwrap().to_owned();
            (
                text,
                t.get("from") == Some(&json!("nix")),
                t["at"]["line"].clone(),
            )
        };
        list.as_array().unwrap().iter().map(one).collect()
    };
    let told = |text: &str, nix: bool, line: Json| (text.to_owned(), nix, line);
    assert_eq!(
        texts(&plain["options"]),
        [
            told("noatime", true, Json::Null),
            told("compress=zstd:1", true, Json::Null),
            told("ssd", true, json!(8)),
        ]
    );
    let mounts = plain["subvolumes"].as_array().unwrap();
    let points: Vec<&Json> = mounts.iter().map(|m| &m["mountpoint"]).collect();
    assert_eq!(points, ["/.snapshots", "/home"]);
    assert_eq!(
        texts(&mounts[0]["options"]),
        [told("subvol=snap", false, json!(9))]
    );
    assert_eq!(
        texts(&mounts[1]["options"]),
        [
            told("subvol=home", false, json!(13)),
            told("noatime", true, Json::Null)
        ]
    );
    assert_eq!(texts(&disko["mkfs_args"]), [told("-f", true, Json::Null)]);
    assert_eq!(disko["subvolumes"][0]["swap"][0]["size"], "7G");
    // What the host says beside disko, told apart from what disko says.
    assert_eq!(
        texts(&disko["subvolumes"][0]["added"]),
        [
            told("nodev", false, json!(15)),
            told("-f", true, Json::Null)
        ]
    );
    let said = host["nix"]["told"].as_array().unwrap();
    for path in [
        "fileSystems./.device",
        "fileSystems./home.options.1",
        "disko.devices.disk.main.device",
        "disko.devices.disk.main.content.partitions.root.content.extraArgs",
        "disko.devices.disk.main.content.partitions.root.content.subvolumes./data.swap.0.size",
    ] {
        assert!(said.contains(&json!(path)), "{path}: {said:?}");
    }
    assert!(host["nix"]["version"].as_str().unwrap().contains("2."));

    let ran = project.run(&["inspect", "--eval"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.out.lines().map(str::trim).collect();
    let column = line(8).find("\"ssd\"").unwrap() + 1;
    for expected in [
        "filesystem /dev/vdx  alpha.nix:8:3  (told by Nix)",
        "disk /dev/vdx  (told by Nix)",
        "option noatime  (told by Nix)",
        &format!("option ssd  alpha.nix:8:{column}  (told by Nix)"),
        "boot.kernel.sysctl.vm.swappiness = 7  (told by Nix)",
    ] {
        assert!(lines.contains(&expected), "{expected}: {}", ran.out);
    }
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("option subvol=snap  alpha.nix:9:") && !l.contains("Nix"))
    );
    // Which module was not read stays said: nothing can be proven of what it does.
    let mut unknown = lines.iter().filter(|l| l.contains("unknown"));
    assert!(
        unknown.all(|l| l.starts_with("unknown: a module that is imported: ")),
        "{}",
        ran.out
    );
}

/// A line of the host's module, from 1.
fn line(number: usize) -> &'static str {
    ALPHA.lines().nth(number - 1).unwrap()
}

#[test]
fn a_disagreement_is_printed_as_a_bug_report() {
    if !have("nix", "a_disagreement_is_printed_as_a_bug_report") {
        return;
    }
    let project = project(&[
        ("flake.nix", FLAKE),
        (
            "alpha.nix",
            r#"{ lib, ... }:
{
  imports = [ { boot.kernel.sysctl."vm.swappiness" = 20; } ];
  boot.kernel.sysctl."vm.swappiness" = lib.mkDefault 10;
}
"#,
        ),
    ]);
    let inputs = outside(&project);
    let ran = project.run(&ASK);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    // A NixOS that merges otherwise than the one that this program knows.
    let lib = inputs.path().join("nixpkgs/lib.nix");
    let text = fs::read_to_string(&lib).unwrap();
    let other = text.replace("mkDefault = mkOverride 1000", "mkDefault = mkOverride 10");
    assert_ne!(text, other);
    fs::write(&lib, other).unwrap();
    lock(&project, inputs.path());
    let ran = project.run(&ASK);
    assert_eq!(ran.code, Some(2));
    let host = &document(&ran)["hosts"][0];
    let found = &host["nix"]["disagreements"][0];
    assert_eq!(found["what"], "boot.kernel.sysctl.vm.swappiness");
    assert_eq!(
        (&found["read"], &found["real"]),
        (&json!("20"), &json!("10"))
    );
    assert_eq!(found["read_at"]["line"], 3);
    assert_eq!(found["real_at"]["line"], 4);
    // What was read stays; it is not mended in silence.
    assert_eq!(host["sysctl"]["vm.swappiness"]["value"], 20);
    let problem = &document(&ran)["problems"][0];
    assert_eq!(problem["host"], "alpha");
    assert!(problem["why"].as_str().unwrap().contains("Nix says 10"));
    let ran = project.run(&["inspect", "--eval"]);
    assert_eq!(ran.code, Some(2));
    for part in [
        "host alpha: error: boot.kernel.sysctl.vm.swappiness",
        "read as 20 (alpha.nix:3:",
        "Nix says 10 (alpha.nix:4:",
        "this is a bug of btrfs-tune",
        "issue tracker",
        env!("CARGO_PKG_VERSION"),
        "Nix) 2.",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}

const DISK: &str = r#"{
  fileSystems."/" = { device = "/dev/vda"; fsType = "btrfs"; options = [ "noatime" ]; };
}
"#;

#[test]
fn hosts_that_are_hidden_join_those_found_by_convention() {
    let test = "hosts_that_are_hidden_join_those_found_by_convention";
    if !have("nix", test) {
        return;
    }
    let flake = FLAKE.replace(
        &FLAKE[FLAKE.find("    nixosConfigurations").unwrap()..],
        "    nixosConfigurations = site.hosts nixpkgs ./hosts [ \"vps\" \"hidden\" ];\n  };\n}\n",
    );
    let project = project(&[
        ("flake.nix", &flake),
        ("hosts/vps/hardware-configuration.nix", DISK),
        ("hosts/old/hardware-configuration.nix", DISK),
        // A name of no host, for whoever only reads: it is imported from elsewhere.
        (
            "hosts/hidden/hardware-configuration.nix",
            "import ../../parts/disk.nix",
        ),
        ("parts/disk.nix", DISK),
    ]);
    let _inputs = outside(&project);
    let ran = project.run(&ASK);
    let document = document(&ran);
    let hosts = document["hosts"].as_array().unwrap();
    let named = |name: &str| hosts.iter().find(|h| h["name"] == name);
    let vps = named("vps").unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(vps["found"], "convention");
    assert!(vps["nix"].is_object(), "{vps:#}");
    let hidden = named("hidden").unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(hidden["filesystems"][0]["mountpoint"], "/");
    // None of the flake's: said, not passed over.
    let old = named("old").unwrap_or_else(|| panic!("{document:#}"));
    assert!(old.get("nix").is_none(), "{old:#}");
    let note =
        "host old: note: Nix cannot be asked about it: the flake has no nixosConfigurations.old";
    assert!(ran.err.contains(note), "{}", ran.err);
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.iter().any(|p| p["host"] == "old"), "{problems:?}");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn what_no_file_or_flake_makes_is_said_to_be_unasked() {
    let project = Project::empty(Git::None);
    project.write("hosts/a/disko.nix", DISK);
    project.write("hosts/b/disko.nix", DISK);
    let ran = project.run(&ASK);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for command in [&ASK[..], &["fix", "--eval", "--format", "json"]] {
        let ran = project.run(command);
        let all = ran.out + &ran.err;
        for host in ["a", "b"] {
            assert!(all.contains(&format!("host {host}")), "{all}");
        }
        assert!(all.contains("no single file or flake makes it"), "{all}");
    }
}
