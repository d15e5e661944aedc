//! The release of NixOS and the kernel of a host: from its flake, its lock, `boot.kernelPackages`,
//! `btrfs-tune.toml` and what the running system prints; and what the owner says of rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value as Json, json};

/// A flake with one host, and what else lies beside it.
struct Machine(tempfile::TempDir);

const ROOT: &str = r#"fileSystems."/" = { device = "/dev/sda2"; fsType = "btrfs"; options = [ "subvol=root" "compress=zstd" ]; };"#;

/// A host of these definitions, made by the input `nixpkgs`.
fn flake(inputs: &str, body: &str) -> String {
    format!(
        "{{\n  {inputs}\n  outputs = {{ nixpkgs, ... }}@inputs: {{\n    nixosConfigurations.a = nixpkgs.lib.nixosSystem {{\n      modules = [ ({{ pkgs, lib, config, ... }}: {{ {ROOT} {body} }}) ];\n    }};\n  }};\n}}\n"
    )
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        fs::create_dir(machine.path().join(".git")).unwrap();
        for (path, text) in files {
            let path = machine.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::cargo_bin("btrfs-tune").unwrap();
        let output = command.args(arguments).current_dir(self.path());
        let output = output.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// What is read of the host: release and kernel, each with what tells it.
    fn read(&self) -> (Option<String>, Option<String>) {
        let (code, out, err) = self.run(&["inspect", "--format", "json"]);
        assert_eq!(code, Some(0), "{err}");
        let document: Json = serde_json::from_str(&out).unwrap();
        let host = &document["hosts"][0];
        let told = |what: &str| {
            let told = host.get(what)?;
            let text = |key: &str| told[key].as_str().unwrap().to_owned();
            Some(format!("{} by {}", text("version"), text("by")))
        };
        (told("release"), told("kernel"))
    }

    /// The rules that `fix` names, with their severities.
    fn found(&self, arguments: &[&str]) -> Vec<(String, String)> {
        let all = [&["fix", "--format", "json"], arguments].concat();
        let (code, out, err) = self.run(&all);
        assert!(code == Some(0) || code == Some(1), "{err}");
        let report: Json = serde_json::from_str(&out).unwrap();
        let found = report["hosts"][0]["findings"].as_array().unwrap();
        let text = |r: &Json, key: &str| r[key].as_str().unwrap().to_owned();
        let found = found.iter().map(|r| (text(r, "rule"), text(r, "severity")));
        found.collect()
    }
}

/// A flake.lock with one nixpkgs.
fn lock(original: Json, locked: Json) -> String {
    let nodes = json!({
        "nixpkgs": { "locked": locked, "original": original },
        "root": { "inputs": { "nixpkgs": "nixpkgs" } },
    });
    let lock = json!({ "nodes": nodes, "root": "root", "version": 7 });
    serde_json::to_string_pretty(&lock).unwrap() + "\n"
}

fn github(reference: Option<&str>) -> Json {
    let mut node = json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs" });
    if let Some(reference) = reference {
        node["ref"] = reference.into();
    }
    node
}

/// 2026-08-01
const SUMMER: i64 = 1_785_542_400;

fn locked_on(seconds: i64) -> Json {
    json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs", "lastModified": seconds,
            "rev": "0123456789abcdef0123456789abcdef01234567" })
}

// ---- the release --------------------------------------------------------------------------------

#[test]
fn the_lock_tells_the_release_with_its_line() {
    let machine = Machine::new(&[
        ("flake.nix", &flake("", "")),
        (
            "flake.lock",
            &lock(github(Some("nixos-25.05")), locked_on(SUMMER)),
        ),
    ]);
    let (release, kernel) = machine.read();
    let by = "the flake input `nixpkgs` (flake.lock:3)";
    assert_eq!(release, Some(format!("25.05 by {by}")));
    assert_eq!(
        kernel,
        Some(format!("6.12 by the default of NixOS 25.05, by {by}"))
    );
}

#[test]
fn an_unstable_lock_has_at_least_what_the_last_release_has() {
    for reference in [
        None,
        Some("nixos-unstable"),
        Some("nixpkgs-unstable"),
        Some("master"),
    ] {
        let machine = Machine::new(&[
            ("flake.nix", &flake("", "")),
            ("flake.lock", &lock(github(reference), locked_on(SUMMER))),
        ]);
        let (release, kernel) = machine.read();
        let release = release.unwrap();
        assert!(
            release.starts_with("26.05 by the flake input `nixpkgs`"),
            "{release}"
        );
        assert!(
            release.ends_with("which is unstable: at least this release"),
            "{release}"
        );
        // Which kernel was the default on that day is not known.
        assert_eq!(kernel, None);
    }
}

#[test]
fn what_is_not_sure_is_not_told() {
    let url = |url: &str| format!("inputs.nixpkgs.url = \"{url}\";");
    let stale = lock(github(Some("nixos-24.11")), locked_on(SUMMER));
    let unstable = lock(github(Some("nixos-unstable")), json!({}));
    let fork = json!({ "type": "github", "owner": "somebody", "repo": "nixpkgs", "ref": "nixos-unstable" });
    let fork = lock(fork, locked_on(SUMMER));
    for (why, inputs, lock) in [
        (
            "asked for otherwise",
            url("github:NixOS/nixpkgs/nixos-25.05"),
            Some(stale),
        ),
        ("unstable without a date", String::new(), Some(unstable)),
        (
            "unstable without a lock",
            url("github:NixOS/nixpkgs/nixos-unstable"),
            None,
        ),
        ("a fork of any age", String::new(), Some(fork)),
        (
            "a commit",
            url("github:NixOS/nixpkgs/0123456789abcdef0123456789abcdef01234567"),
            None,
        ),
        ("nothing", String::new(), Some("{}".to_owned())),
        ("no lock", String::new(), Some("] {".to_owned())),
    ] {
        let flake = flake(&inputs, "system.stateVersion = \"24.05\";");
        let mut files = vec![("flake.nix", flake.as_str())];
        files.extend(lock.as_deref().map(|lock| ("flake.lock", lock)));
        assert_eq!(Machine::new(&files).read(), (None, None), "{why}");
    }
}

#[test]
fn the_flake_alone_tells_a_release_by_name() {
    let inputs = "inputs.nixpkgs.url = \"https://channels.nixos.org/nixos-24.11/nixexprs.tar.xz\";";
    let machine = Machine::new(&[("flake.nix", &flake(inputs, ""))]);
    let by = "the flake input `nixpkgs` (flake.nix)";
    assert_eq!(
        machine.read(),
        (
            Some(format!("24.11 by {by}")),
            Some(format!("6.6 by the default of NixOS 24.11, by {by}"))
        )
    );
}

#[test]
fn of_several_nixpkgs_the_one_counts_that_makes_the_host() {
    let two = "inputs = { nixpkgs.url = \"github:NixOS/nixpkgs/nixos-25.05\"; old.url = \"github:NixOS/nixpkgs/nixos-23.11\"; };";
    let text = |make: &str| {
        format!(
            "{{ {two} outputs = {{ self, nixpkgs, old }}: let lib = nixpkgs.lib.extend (_: _: {{ own = 1; }}); in {{ nixosConfigurations.a = {make} {{ modules = [ {{ {ROOT} }} ]; }}; }}; }}"
        )
    };
    for (make, expected) in [
        ("nixpkgs.lib.nixosSystem", "25.05"),
        ("old.lib.nixosSystem", "23.11"),
        ("lib.nixosSystem", "25.05"),
        ("(import \"${old}/nixos/lib/eval-config.nix\")", "?"),
    ] {
        let machine = Machine::new(&[("flake.nix", &text(make))]);
        let release = machine.read().0.unwrap_or_else(|| "?".to_owned());
        assert_eq!(&release[..expected.len()], expected, "{make}");
    }
}

#[test]
fn the_running_system_tells_its_release_and_kernel() {
    for (version, expected) in [
        ("25.11.717.abcdef (Xantusia)", Some("25.11")),
        ("26.11pre901.abcdef (Zokor)", Some("26.05")),
    ] {
        let machine = Machine::new(&[
            ("configuration.nix", &format!("{{ ... }}: {{ {ROOT} }}")),
            ("metrics/nixos-version.txt", &format!("{version}\n")),
            (
                "metrics/uname.txt",
                "Linux a 6.12.43 #1-NixOS SMP PREEMPT_DYNAMIC Tue Jan 1 00:00:00 UTC 1980 x86_64 GNU/Linux\n",
            ),
        ]);
        let (release, kernel) = machine.read();
        let by = release.as_deref().and_then(|r| r.split_once(" by "));
        assert_eq!(by.map(|(release, _)| release), expected, "{release:?}");
        let kernel = kernel.unwrap();
        assert!(
            kernel.starts_with("6.12.43 by the running system ("),
            "{kernel}"
        );
    }
}

// ---- the kernel ---------------------------------------------------------------------------------

/// The kernel of a host on 24.11 with these definitions, by version alone.
fn kernel(body: &str) -> Option<String> {
    let inputs = "inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-24.11\"; inputs.other.url = \"github:somebody/modules\";";
    let machine = Machine::new(&[("flake.nix", &flake(inputs, body))]);
    let told = machine.read().1?;
    Some(told.split_once(" by ").unwrap().0.to_owned())
}

#[test]
fn the_name_of_the_packages_tells_the_series() {
    for (body, expected) in [
        ("", Some("6.6")),
        (
            "boot.kernelPackages = pkgs.linuxPackages_6_12;",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = pkgs.linuxPackages_6_12_hardened;",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = pkgs.linuxKernel.packages.linux_6_1;",
            Some("6.1"),
        ),
        (
            "boot = { kernelPackages = lib.mkDefault pkgs.linuxPackages_6_12; };",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = lib.mkMerge [ (lib.mkDefault pkgs.linuxPackages_6_12) (lib.mkIf true pkgs.linuxPackages_6_1) ];",
            Some("6.1"),
        ),
        (
            "boot.kernelPackages = lib.mkMerge [ (lib.mkForce pkgs.linuxPackages_6_12) pkgs.linuxPackages_6_1 ];",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = lib.mkIf false pkgs.linuxPackages_6_12;",
            Some("6.6"),
        ),
        (
            "boot.kernelPackages = let all = pkgs.linuxKernel; in with all.packages; linux_6_12;",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = with pkgs; linuxPackages_6_12;",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = let inherit (pkgs) linuxPackages_6_12; in linuxPackages_6_12;",
            Some("6.12"),
        ),
        (
            "boot.kernelPackages = pkgs.\"linuxPackages_${lib.replaceStrings [ \".\" ] [ \"_\" ] \"6.12\"}\";",
            Some("6.12"),
        ),
        // Not known, and therefore not the default either.
        ("boot.kernelPackages = pkgs.linuxPackages_latest;", None),
        ("boot.kernelPackages = pkgs.linuxPackages_zen;", None),
        ("boot.kernelPackages = pkgs.linuxPackages;", None),
        (
            "boot.kernelPackages = pkgs.linuxPackagesFor pkgs.linux_6_12;",
            None,
        ),
        (
            "boot.kernelPackages = pkgs.linuxPackages_6_12.extend (self: super: { });",
            None,
        ),
        (
            "boot.kernelPackages = (pkgs.linuxPackages_6_12).extend (self: super: { });",
            None,
        ),
        (
            "boot.kernelPackages = pkgs.linuxPackages_6_12 // { kernel = pkgs.linux_6_1; };",
            None,
        ),
        (
            "boot.kernelPackages = if pkgs.linuxPackages_6_12.kernel.isHardened then pkgs.linuxPackages_6_12 else pkgs.linuxPackages_6_1;",
            None,
        ),
        (
            "boot.kernelPackages = pkgs.linuxPackages_custom_tinyconfig_kernel;",
            None,
        ),
        (
            "boot.kernelPackages = config.boot.zfs.package.latestCompatibleLinuxPackages;",
            None,
        ),
        (
            "boot.kernelPackages = lib.mkIf config.services.xserver.enable pkgs.linuxPackages_6_12;",
            None,
        ),
        (
            "boot.kernelPackages = lib.mkMerge [ pkgs.linuxPackages_6_12 pkgs.linuxPackages_6_1 ];",
            None,
        ),
        // Others may choose one where nothing does, or does so weakly.
        ("imports = [ inputs.other.nixosModules.laptop ];", None),
        (
            "imports = [ inputs.other.nixosModules.laptop ]; boot.kernelPackages = lib.mkDefault pkgs.linuxPackages_6_12;",
            None,
        ),
        (
            "imports = [ inputs.other.nixosModules.laptop ]; boot.kernelPackages = pkgs.linuxPackages_6_12;",
            Some("6.12"),
        ),
        // Packages of another nixpkgs, and a module of nixpkgs that takes a newer kernel.
        ("nixpkgs.pkgs = import inputs.other { };", None),
        ("boot.supportedFilesystems = [ \"bcachefs\" ];", None),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(kernel(body), expected, "{body}");
    }
}

#[test]
fn a_host_that_is_given_packages_may_boot_their_kernel() {
    let inputs = "inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-24.11\";";
    let own = flake(inputs, "");
    let given = own.replace("modules =", "pkgs = import inputs.other { }; modules =");
    assert_ne!(own, given);
    let kernel = |text: &str| Machine::new(&[("flake.nix", text)]).read().1;
    assert!(kernel(&own).is_some());
    assert_eq!(kernel(&given), None);
}

#[test]
fn the_place_of_the_choice_is_told() {
    let text = flake(
        "",
        "boot.kernelPackages = lib.mkForce pkgs.linuxPackages_6_12;",
    );
    let machine = Machine::new(&[("flake.nix", &text)]);
    let line = text
        .lines()
        .position(|l| l.contains("linuxPackages"))
        .unwrap();
    let column = text.lines().nth(line).unwrap().find("pkgs.linux").unwrap();
    let expected = format!(
        "6.12 by boot.kernelPackages (flake.nix:{}:{})",
        line + 1,
        column + 1
    );
    assert_eq!(machine.read().1, Some(expected));
}

// ---- the owner ----------------------------------------------------------------------------------

#[test]
fn the_owner_wins_over_all_else() {
    let inputs = "inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-24.11\";";
    let text = flake(inputs, "boot.kernelPackages = pkgs.linuxPackages_6_12;");
    let toml = "[hosts.a]\nkernel = \"6.1\"\nnixos = \"25.05\"\n";
    let uname = "Linux a 6.18.1 #1-NixOS SMP Tue Jan 1 00:00:00 UTC 1980 x86_64 GNU/Linux\n";
    let machine = Machine::new(&[
        ("flake.nix", &text),
        ("btrfs-tune.toml", toml),
        ("metrics/uname.txt", uname),
    ]);
    let by = |line| Some(format!("the owner (btrfs-tune.toml:{line})"));
    let told = machine.read();
    assert_eq!(told.0, by("3:9").map(|by| format!("25.05 by {by}")));
    assert_eq!(told.1, by("2:10").map(|by| format!("6.1 by {by}")));
    // Then the configuration, then the running system, then the release.
    fs::remove_file(machine.path().join("btrfs-tune.toml")).unwrap();
    assert!(
        machine
            .read()
            .1
            .unwrap()
            .starts_with("6.12 by boot.kernelPackages")
    );
    fs::write(machine.path().join("flake.nix"), flake(inputs, "")).unwrap();
    assert!(
        machine
            .read()
            .1
            .unwrap()
            .starts_with("6.18.1 by the running system")
    );
    fs::remove_dir_all(machine.path().join("metrics")).unwrap();
    assert!(
        machine
            .read()
            .1
            .unwrap()
            .starts_with("6.6 by the default of NixOS 24.11")
    );
}

#[test]
fn the_kernel_decides_what_an_option_is() {
    // Refused since 6.17 (measured), and read as `zstd` before.
    let body = "fileSystems.\"/home\" = { device = \"/dev/sdb1\"; fsType = \"btrfs\"; options = [ \"compress=zstd:3x\" ]; };";
    for (kernel, expected) in [("6.12", "warning"), ("6.18", "error")] {
        let toml = format!("[hosts.a]\nkernel = \"{kernel}\"\n");
        let machine = Machine::new(&[("flake.nix", &flake("", body)), ("btrfs-tune.toml", &toml)]);
        let found = machine.found(&["--rule", "mount/invalid-value"]);
        let expected = ("mount/invalid-value".to_owned(), expected.to_owned());
        assert_eq!(found, [expected], "{kernel}");
    }
}

fn with_preferences(toml: &str) -> Machine {
    Machine::new(&[("flake.nix", &flake("", "")), ("btrfs-tune.toml", toml)])
}

#[test]
fn owners_switch_and_grade_rules() {
    let atime = |severity: &str| ("mount/atime".to_owned(), severity.to_owned());
    let found = |toml: &str, arguments: &[&str]| {
        let mut found = with_preferences(toml).found(arguments);
        found.retain(|(rule, _)| rule == "mount/atime");
        found
    };
    assert_eq!(found("", &[]), [atime("warning")]);
    let off = "[rules.\"mount/atime\"]\nenabled = false\n";
    assert_eq!(found(off, &[]), []);
    // Who names a rule wants to hear it.
    assert_eq!(found(off, &["--rule", "mount/atime"]), [atime("warning")]);
    let graded = "[rules.\"mount/atime\"]\nseverity = \"error\"\n";
    assert_eq!(found(graded, &[]), [atime("error")]);
    let of_host =
        format!("{off}[hosts.a.rules.\"mount/atime\"]\nenabled = true\nseverity = \"advice\"\n");
    assert_eq!(found(&of_host, &[]), [atime("advice")]);
}

#[test]
fn what_is_wrong_in_the_file_of_the_owner_is_an_error_with_its_place() {
    for (toml, place, message, help) in [
        (
            "[rules.\"mount/atim\"]\nenabled = false\n",
            "1:8",
            "there is no rule `mount/atim`",
            "did you mean `mount/atime`?",
        ),
        (
            "[rules.\"nothing/like-it\"]\n",
            "1:8",
            "there is no rule `nothing/like-it`",
            "`btrfs-tune explain` lists all rules",
        ),
        (
            "[rules.mount.atime]\nenabled = false\n",
            "1:8",
            "there is no rule `mount`",
            "the name of a rule stands in quotes",
        ),
        (
            "[rules.mount/atime]\nenabled = false\n",
            "1:",
            "",
            "the name of a rule stands in quotes",
        ),
        (
            "[rules.\"mount/atime\"]\nenable = false\n",
            "2:1",
            "mount/atime has no key `enable`",
            "did you mean `enabled`?",
        ),
        (
            "[rules.\"mount/atime\"]\ncolour = 1\n",
            "2:1",
            "mount/atime has no key `colour`",
            "the keys here are: enabled, severity",
        ),
        (
            "[hosts.a.rules.\"mount/atime\"]\nenabled = \"no\"\n",
            "2:11",
            "`enabled` is true or false",
            "without quotes",
        ),
        (
            "[rules.\"mount/atime\"]\nseverity = \"warn\"\n",
            "2:12",
            "`severity` is \"error\", \"warning\" or \"advice\"",
            "enabled = false",
        ),
        (
            "[rules.\"mount/atime\"]\nseverity = \"warnng\"\n",
            "2:12",
            "`severity` is \"error\", \"warning\" or \"advice\"",
            "did you mean \"warning\"?",
        ),
        ("rules = 1\n", "1:9", "`rules` is a table", ""),
        (
            "rules.\"mount/atime\" = false\n",
            "1:23",
            "what is said of a rule is a table",
            "",
        ),
        (
            "[hosts.a]\nkernel = 6.10\n",
            "2:10",
            "`kernel` is a version in quotes, like \"6.12\"",
            "",
        ),
        (
            "[hosts.a]\nkernel = \"latest\"\n",
            "2:10",
            "`kernel`: \"latest\" is not a kernel version",
            "",
        ),
        (
            "[hosts.a]\nnixos = \"unstable\"\n",
            "2:9",
            "`nixos`: \"unstable\" is not a release of NixOS",
            "",
        ),
        (
            "[hosts.a]\nkernal = \"6.12\"\n",
            "2:1",
            "there is no key `kernal`",
            "did you mean `kernel`?",
        ),
    ] {
        let (code, out, told) = with_preferences(toml).run(&["fix"]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{toml}");
        let told = told
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace("│ ", "");
        assert!(
            told.contains(&format!("btrfs-tune.toml:{place}")),
            "{toml}: {told}"
        );
        assert!(told.contains(message), "{toml}: {told}");
        assert!(told.contains(help), "{toml}: {told}");
    }
}
