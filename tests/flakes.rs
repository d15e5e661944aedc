//! Owns: the ways in which a flake comes to its hosts without a framework. Every flake is also given to the real Nix, with the
//! small nixpkgs of `tests/flakes`, and both must see the same hosts with the same mounts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/flakes.rs"]
mod flakes;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use flakes::{Flake, ROOT, case, check, hosts, read_all};

/// A module that adds an option.
const SSD: &str = r#"{ fileSystems."/".options = [ "ssd" ]; }"#;

#[test]
fn self_in_all_its_forms() {
    let paths = [
        "\"${self}/root.nix\"",
        "(self + \"/root.nix\")",
        "(self.outPath + \"/root.nix\")",
        "\"${self.outPath}/root.nix\"",
        "\"${inputs.self}/root.nix\"",
        "\"${toString self}/root.nix\"",
        "(inputs.self + /root.nix)",
        "./root.nix",
        "(./. + \"/root.nix\")",
        "self.nixosModules.x",
        "inputs.self.nixosModules.x",
        "self.outputs.nixosModules.x",
        "inputs.self.outputs.nixosModules.x",
        "(import \"${self}/root.nix\")",
        "{ imports = [ \"${self}/root.nix\" ]; }",
        "({ flake, ... }: { imports = [ \"${flake}/root.nix\" ]; })",
        "({ flake, ... }: { imports = [ flake.nixosModules.x ]; })",
    ];
    check(paths.map(|path| {
        let outputs = format!(
            "{{ nixosModules.x = ./root.nix; nixosConfigurations.a = nixpkgs.lib.nixosSystem {{
                 modules = [ {path} ]; specialArgs.flake = self; }}; }}"
        );
        case(&outputs, &[], &[("a", &["noatime"])])
    }));
}

#[test]
fn every_way_to_a_system() {
    let systems = [
        "nixpkgs.lib.nixosSystem",
        "inputs.nixpkgs.lib.nixosSystem",
        "nixpkgs.outputs.lib.nixosSystem or nixpkgs.lib.nixosSystem",
        "(nixpkgs.lib.extend (_: _: { mine = 1; })).nixosSystem",
        "(nixpkgs.lib.extend (final: previous: { inherit (previous) nixosSystem; })).nixosSystem",
        "nixpkgs.lib.nixos.evalModules",
        "import \"${nixpkgs}/nixos/lib/eval-config.nix\"",
        "import (nixpkgs + \"/nixos/lib/eval-config.nix\")",
        "import \"${nixpkgs.outPath}/nixos/lib/eval-config.nix\"",
        "(a: import \"${nixpkgs}/nixos\" { configuration.imports = a.modules; })",
        "(a: (nixpkgs.lib.nixosSystem { modules = [ ]; }).extendModules a)",
        "(a: (nixpkgs.lib.nixosSystem a).extendModules { })",
        "(nixpkgs.lib // { x = 1; }).nixosSystem",
        "(builtins.getAttr \"nixosSystem\" inputs.nixpkgs.lib)",
    ];
    check(systems.map(|system| {
        let outputs =
            format!("{{ nixosConfigurations.a = ({system}) {{ modules = [ ./root.nix ]; }}; }}");
        case(&outputs, &[], &[("a", &["noatime"])])
    }));
}

#[test]
fn the_lib_of_a_package_set_and_of_the_files_of_nixpkgs() {
    let libs = [
        "(import nixpkgs { system = \"x86_64-linux\"; }).lib",
        "(import inputs.nixpkgs { localSystem = \"x86_64-linux\"; config.allowUnfree = true; }).lib",
        "(import nixpkgs { }).lib",
        "(import \"${nixpkgs}\" { }).lib",
        "import \"${nixpkgs}/lib\"",
        "import (nixpkgs + \"/lib\")",
        "nixpkgs.legacyPackages.x86_64-linux.lib",
        "inputs.nixpkgs.legacyPackages.\"x86_64-linux\".lib",
    ];
    check(libs.map(|lib| {
        let outputs = format!(
            "let lib = {lib}; in {{ nixosConfigurations = lib.genAttrs [ \"a\" \"b\" ] (_:
               nixpkgs.lib.nixosSystem {{ modules = lib.flatten [ ./root.nix ]; }}); }}"
        );
        case(&outputs, &[], &[("a", &["noatime"]), ("b", &["noatime"])])
    }));
}

#[test]
fn a_lib_that_is_extended_is_what_modules_get() {
    let module = r#"{ lib, ... }: { fileSystems."/".options = lib.mine; }"#;
    let outputs = r#"{ nixosConfigurations.a = (nixpkgs.lib.extend (_: _: { mine = [ "ssd" ]; })).nixosSystem {
      modules = [ ./root.nix ./mine.nix ]; };
      nixosConfigurations.b = nixpkgs.lib.nixosSystem {
        specialArgs.lib = nixpkgs.lib.extend (_: _: { mine = [ "lazytime" ]; });
        modules = [ ./root.nix ./mine.nix ]; };
    }"#;
    let expected: &[(&str, &[&str])] =
        &[("a", &["noatime", "ssd"]), ("b", &["noatime", "lazytime"])];
    check([case(outputs, &[("mine.nix", module)], expected)]);
}

#[test]
fn modules_of_inputs_stand_among_those_of_the_project() {
    let lists = [
        "[ inputs.disko.nixosModules.disko ./root.nix ]",
        "lib.flatten [ inputs.disko.nixosModules.default [ [ ./root.nix ] ] ]",
        "[ inputs.x.nixosModules.x ] ++ [ ./root.nix ] ++ lib.optionals true [ inputs.x.nixosModules.x ]",
        "lib.optional false inputs.x.nixosModules.x ++ [ ./root.nix ]",
        "builtins.attrValues { inherit (inputs.x.nixosModules) x; root = ./root.nix; }",
        "builtins.attrValues self.nixosModules",
        "lib.attrValues self.nixosModules ++ [ inputs.x.nixosModules.x ]",
        "with inputs; [ x.nixosModules.x ./root.nix disko.nixosModules.disko ]",
        "with inputs.x.nixosModules; [ x ./root.nix ]",
        "[ ({ inputs, ... }: { imports = [ inputs.disko.nixosModules.disko ./root.nix ]; }) ]",
        "[ ({ inputs, lib, ... }: { imports = lib.flatten [ ./root.nix (with inputs; [ x.nixosModules.x ]) ]; }) ]",
        "map (m: m) [ inputs.x.nixosModules.x ./root.nix ]",
        "builtins.concatLists [ [ inputs.x.nixosModules.x ] [ ./root.nix ] ]",
        "builtins.concatMap (m: [ m ]) [ inputs.x.nixosModules.x ./root.nix ]",
        "lib.mapAttrsToList (_: m: m) self.nixosModules",
        "[ (inputs.x.nixosModules.x or { }) ./root.nix ]",
    ];
    check(lists.map(|modules| {
        let flake = format!(
            "{{ inputs = {{ nixpkgs.url = \"nixpkgs/nixos-unstable\"; disko.url = \"github:nix-community/disko\";
                 x.url = \"github:somebody/else\"; }};
               outputs = {{ self, nixpkgs, ... }}@inputs: let inherit (nixpkgs) lib; in {{
                 nixosModules.x = ./root.nix;
                 nixosConfigurations.a = lib.nixosSystem {{ specialArgs = {{ inherit inputs; }}; modules = {modules}; }};
               }}; }}"
        );
        (flake, Vec::new(), hosts(&[("a", &["noatime"])]))
    }));
}

#[test]
fn inputs_by_every_kind_of_address() {
    let addresses = [
        r#"nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11""#,
        r#"nixpkgs.url = "github:nixos/nixpkgs?ref=nixos-25.11""#,
        r#"nixpkgs.url = "git+https://github.com/NixOS/nixpkgs.git?ref=nixos-25.11""#,
        r#"nixpkgs.url = "git+ssh://git@github.com/NixOS/nixpkgs.git""#,
        r#"nixpkgs.url = "git+https://github.com/NixOS/nixpkgs?shallow=1""#,
        r#"nixpkgs.url = "https://github.com/NixOS/nixpkgs/archive/nixos-25.11.tar.gz""#,
        r#"nixpkgs.url = "tarball+https://github.com/NixOS/nixpkgs/archive/nixos-25.11.tar.gz""#,
        r#"nixpkgs.url = "https://flakehub.com/f/NixOS/nixpkgs/0.1.tar.gz""#,
        r#"nixpkgs.url = "https://flakehub.com/f/DeterminateSystems/nixpkgs-weekly/0.1""#,
        r#"nixpkgs.url = "https://channels.nixos.org/nixos-unstable/nixexprs.tar.xz""#,
        r#"nixpkgs.url = "https://nixos.org/channels/nixos-25.11/nixexprs.tar.xz""#,
        r#"nixpkgs.url = "nixpkgs""#,
        r#"nixpkgs.url = "nixpkgs/nixos-25.11""#,
        r#"nixpkgs.url = "flake:nixpkgs""#,
        r#"nixpkgs.url = "flake:nixpkgs/nixos-unstable""#,
        r#"nixpkgs.url = "github:somebody/nixpkgs/patched""#,
        r#"nixpkgs.url = "https://git.example.org/mirrors/nixpkgs.git""#,
        r#"nixpkgs = { type = "github"; owner = "NixOS"; repo = "nixpkgs"; ref = "nixos-25.11"; }"#,
        r#"nixpkgs = { owner = "NixOS"; repo = "nixpkgs"; type = "github"; flake = true; }"#,
        r#"nixpkgs = { type = "indirect"; id = "nixpkgs"; }"#,
        r#"nixpkgs = { type = "git"; url = "https://github.com/NixOS/nixpkgs"; }"#,
        r#"nixpkgs = { type = "tarball"; url = "https://github.com/NixOS/nixpkgs/archive/nixos-25.11.tar.gz"; }"#,
        r#"unstable.url = "github:NixOS/nixpkgs/nixos-unstable"; nixpkgs.follows = "unstable""#,
        r#"x.url = "github:somebody/else"; nixpkgs.follows = "x/nixpkgs""#,
    ];
    let flakes = addresses.map(|address| {
        let flake = format!(
            "{{ inputs = {{ {address}; }}; outputs = {{ nixpkgs, ... }}: {{
                 nixosConfigurations.a = nixpkgs.lib.nixosSystem {{ modules = [ ./root.nix ]; }}; }}; }}"
        );
        (flake, Vec::new(), hosts(&[("a", &["noatime"])]))
    });
    // One that nobody declares.
    let undeclared =
        "{ outputs = { nixpkgs, ... }: { nixosConfigurations.a = nixpkgs.lib.nixosSystem {
        modules = [ ./root.nix ]; }; }; }";
    let undeclared = (
        undeclared.to_owned(),
        Vec::new(),
        hosts(&[("a", &["noatime"])]),
    );
    check(flakes.into_iter().chain([undeclared]));
}

#[test]
fn an_input_with_a_name_of_its_own_is_known_by_its_address() {
    let addresses = [
        r#"stable.url = "github:NixOS/nixpkgs/nixos-25.11""#,
        r#"stable = { type = "github"; owner = "NixOS"; repo = "nixpkgs"; }"#,
        r#"stable.url = "https://flakehub.com/f/NixOS/nixpkgs/*""#,
        r#"nixpkgs.url = "github:NixOS/nixpkgs"; stable.follows = "nixpkgs""#,
        r#"x.url = "github:somebody/else"; stable.follows = "x/nixpkgs""#,
        r#"y.url = "nixpkgs"; x.follows = "y"; stable.follows = "x""#,
    ];
    let flakes = addresses.map(|address| {
        let flake = format!(
            "{{ inputs = {{ {address}; }}; outputs = {{ stable, ... }}: {{
                 nixosConfigurations.a = stable.lib.nixosSystem {{ modules = [ ./root.nix ]; }}; }}; }}"
        );
        (flake, Vec::new(), hosts(&[("a", &["noatime"])]))
    });
    read_all(flakes, false);
}

#[test]
fn flake_lock_says_what_an_input_is() {
    let lock = r#"{ "root": "root", "version": 7, "nodes": {
      "root": { "inputs": { "one": "one", "stable": [ "one", "two", "nixpkgs" ], "registry": "registry" } },
      "one": { "inputs": { "two": "two" }, "locked": { "type": "github", "owner": "somebody", "repo": "one" } },
      "two": { "inputs": { "nixpkgs": [ "one", "up" ] }, "locked": { "type": "github", "owner": "somebody", "repo": "two" } },
      "registry": { "original": { "type": "indirect", "id": "nixpkgs" },
                    "locked": { "type": "github", "owner": "NixOS", "repo": "nixpkgs" } },
      "packages": { "original": { "type": "tarball", "url": "https://flakehub.com/f/NixOS/nixpkgs/0.1.tar.gz" },
                    "locked": { "type": "tarball", "url": "https://api.flakehub.com/f/pinned/NixOS/nixpkgs/0.1.1/source.tar.gz" } } } }"#;
    let lock = lock.replace(r#""two": "two" }"#, r#""two": "two", "up": "packages" }"#);
    let flake = r#"{ inputs.one.url = "github:somebody/one"; inputs.stable.follows = "one/two/nixpkgs";
      outputs = { stable, registry, one, ... }: { nixosConfigurations = {
        a = stable.lib.nixosSystem { modules = [ ./root.nix ]; };
        b = registry.lib.nixosSystem { modules = [ ./root.nix ]; };
        c = one.inputs.two.inputs.nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; };
      }; }; }"#;
    let flake = Flake::new(flake, &[("root.nix", ROOT), ("flake.lock", &lock)]);
    let all = ["a", "b", "c"].map(|name| (name, &["noatime"][..]));
    assert_eq!(flake.read(), Ok(hosts(&all)));
    let cyclic = lock.replace(r#"[ "one", "up" ]"#, r#"[ "stable" ]"#);
    let flake = Flake::new(
        r#"{ outputs = { stable, ... }: { nixosConfigurations.a = stable.lib.nixosSystem { modules = [ ./root.nix ]; }; }; }"#,
        &[("root.nix", ROOT), ("flake.lock", &cyclic)],
    );
    let answer = flake.read();
    assert!(
        answer
            .as_ref()
            .is_err_and(|why| why.contains("Input(\"stable\")")),
        "{answer:?}"
    );
}

#[test]
fn a_flake_in_the_tree_is_read_too() {
    let sub = r#"{ outputs = { self, ... }: { nixosModules.ssd = ./ssd.nix; nixosModules.own = "${self}/own.nix";
      lib.level = 3; }; }"#;
    let own = r#"{ fileSystems."/".options = [ "lazytime" ]; }"#;
    let flakes = ["path:./sub", "./sub", "path:./sub/../sub"].map(|address| {
        let flake = format!(
            r#"{{ inputs.nixpkgs.url = "nixpkgs"; inputs.sub.url = "{address}";
              outputs = {{ nixpkgs, sub, ... }}: {{ nixosConfigurations.a = nixpkgs.lib.nixosSystem {{
                modules = [ ./root.nix sub.nixosModules.ssd sub.nixosModules.own
                  {{ fileSystems."/".options = [ "compress=zstd:${{toString sub.lib.level}}" ]; }} ]; }}; }}; }}"#
        );
        let files = vec![("sub/flake.nix", sub), ("sub/ssd.nix", SSD), ("sub/own.nix", own)];
        let options: &[&str] = &["noatime", "ssd", "lazytime", "compress=zstd:3"];
        (flake, files, hosts(&[("a", options)]))
    });
    check(flakes);
}

#[test]
fn systems_that_come_of_other_systems() {
    check([case(
        r#"{ nixosConfigurations = rec {
          a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; };
          b = a.extendModules { modules = [ ./ssd.nix ]; };
          c = self.nixosConfigurations.b.extendModules {
            modules = [ ({ more, ... }: { fileSystems."/".options = [ more ]; }) ];
            specialArgs.more = "lazytime";
          };
          d = nixpkgs.lib.nixosSystem { modules = [ ./ssd.nix {
            fileSystems."/" = { inherit (self.nixosConfigurations.a.config.fileSystems."/") device fsType options; };
          } ]; };
        }; }"#,
        &[("ssd.nix", SSD)],
        &[
            ("a", &["noatime"]),
            ("b", &["noatime", "ssd"]),
            ("c", &["noatime", "ssd", "lazytime"]),
            ("d", &["ssd", "noatime"]),
        ],
    )]);
}

#[test]
fn modules_of_nixpkgs_itself_and_deployments_say_nothing_of_storage() {
    check([case(
        r#"{ nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix
            "${nixpkgs}/nixos/modules/profiles/qemu-guest.nix"
            (nixpkgs + "/nixos/modules/profiles/minimal.nix")
            ({ modulesPath, ... }: { imports = [ (modulesPath + "/installer/scan/not-detected.nix")
              "${modulesPath}/profiles/headless.nix" ]; })
          ]; };
          deploy.nodes.a = { hostname = "a"; profiles.system.path =
            inputs.deploy-rs.lib.x86_64-linux.activate.nixos self.nixosConfigurations.a; };
          checks = builtins.mapAttrs (_: lib: lib.deployChecks self.deploy) inputs.deploy-rs.lib; }"#,
        &[],
        &[("a", &["noatime"])],
    )]);
}

#[test]
fn helpers_that_read_the_tree() {
    check([case(
        r#"let
          inherit (nixpkgs) lib;
          names = builtins.attrNames (builtins.readDir ./hosts);
          make = name: lib.nixosSystem {
            specialArgs = { inherit inputs; host = name; };
            modules = [ ./root.nix (./hosts + "/${name}") { _module.args.level = 3; } ];
          };
        in { nixosConfigurations = lib.genAttrs names make; }"#,
        &[
            (
                "hosts/a/default.nix",
                r#"{ level, ... }: { fileSystems."/".options = [ "compress=zstd:${toString level}" ]; }"#,
            ),
            (
                "hosts/b/default.nix",
                r#"{ host, inputs, ... }: { imports = [ (inputs.self + "/hosts/a") ]; fileSystems."/".options = [ "x-${host}" ]; }"#,
            ),
        ],
        &[
            ("a", &["noatime", "compress=zstd:3"]),
            ("b", &["noatime", "x-b", "compress=zstd:3"]),
        ],
    )]);
}

#[test]
fn a_hive_is_read_where_there_are_no_systems() {
    let hive = r#"{
      meta = { nixpkgs = import nixpkgs { system = "x86_64-linux"; }; specialArgs.level = 3; };
      defaults = { name, level, ... }: { imports = [ ./root.nix ];
        fileSystems."/".options = [ "x-${name}" "compress=zstd:${toString level}" ]; };
      a = { deployment.tags = [ "x" ]; };
      b = { nodes, ... }: { fileSystems."/".options = nodes.a.config.deployment.tags; };
    }"#;
    let a: &[&str] = &["x-a", "compress=zstd:3", "noatime"];
    let b: &[&str] = &["x-b", "compress=zstd:3", "x", "noatime"];
    let both: &[(&str, &[&str])] = &[("a", a), ("b", b)];
    let flakes = [
        case(&format!("{{ colmena = {hive}; }}"), &[], both),
        case(
            &format!("{{ colmena = _: {hive}; nixosConfigurations = {{ }}; }}"),
            &[],
            both,
        ),
        // Where both are, the systems count.
        case(
            &format!(
                "{{ colmena = {hive}; nixosConfigurations.c = nixpkgs.lib.nixosSystem {{
                     modules = [ ./root.nix ]; }}; }}"
            ),
            &[],
            &[("c", &["noatime"])],
        ),
    ];
    read_all(flakes, false);
}

#[test]
fn layouts_that_only_disko_knows_are_hosts() {
    let layout = r#"{ disks ? [ "/dev/vda" ], lib, ... }: { disko.devices.disk.main = { device = builtins.head disks;
      content = { type = "btrfs"; mountpoint = "/"; mountOptions = lib.optional true "noatime"; }; }; }"#;
    let files = [("disko.nix", layout)];
    let expected: &[(&str, &[&str])] = &[("a", &["noatime"])];
    let flakes = [
        "{ diskoConfigurations.a = import ./disko.nix; }",
        "{ diskoConfigurations.a = import ./disko.nix { inherit (nixpkgs) lib; }; nixosConfigurations = { }; }",
        "{ diskoConfigurations = builtins.mapAttrs (_: import) { a = ./disko.nix; }; }",
        "{ diskoConfigurations.a.disko.devices = (import ./disko.nix { inherit (nixpkgs) lib; }).disko.devices; }",
    ];
    read_all(flakes.map(|outputs| case(outputs, &files, expected)), false);
}

#[test]
fn libs_that_are_joined_with_those_of_inputs() {
    let flakes = [
        "lib = nixpkgs.lib // inputs.home-manager.lib;",
        "lib = inputs.nixpkgs.lib // inputs.home-manager.lib // { mine = 1; };",
        "lib = nixpkgs.lib.extend (final: prev: { mine = import ./root.nix; } // inputs.home-manager.lib);",
        "lib = nixpkgs.lib.extend (_: _: inputs.home-manager.lib);",
        "inherit (nixpkgs) lib; inherit (lib) nixosSystem;",
        "lib = builtins // nixpkgs.lib;",
        "lib = nixpkgs.lib // { nixosSystem = a: nixpkgs.lib.nixosSystem (a // { modules = a.modules ++ [ { } ]; }); };",
    ]
    .map(|lib| {
        let flake = format!(
            "{{ inputs = {{ nixpkgs.url = \"nixpkgs/nixos-unstable\"; home-manager.url = \"github:nix-community/home-manager\"; }};
               outputs = {{ self, nixpkgs, ... }}@inputs: let {lib} in {{ inherit lib;
                 nixosConfigurations.a = lib.nixosSystem {{ modules = [ ./root.nix ]; specialArgs = {{ inherit inputs; inherit (self) outputs; }}; }};
               }}; }}"
        );
        (flake, Vec::new(), hosts(&[("a", &["noatime"])]))
    });
    check(flakes);
}

#[test]
fn outputs_that_are_put_together() {
    let files = [
        (
            "hosts/default.nix",
            "{ nixpkgs, self, ... }@inputs: { a = nixpkgs.lib.nixosSystem { modules = [ (self + \"/root.nix\") ]; }; }",
        ),
        (
            "outputs.nix",
            "inputs@{ nixpkgs, ... }: { nixosConfigurations = import ./hosts inputs; }",
        ),
        (
            "one.nix",
            "{ inputs, ... }: { modules = [ ./root.nix ]; specialArgs = { inherit inputs; }; }",
        ),
        ("names.json", r#"[ "a" ]"#),
    ];
    let flakes = [
        "{ nixosConfigurations = import ./hosts inputs; }",
        "{ nixosConfigurations = import ./hosts (inputs // { extra = 1; }); }",
        "import ./outputs.nix inputs",
        "(import ./outputs.nix inputs) // { formatter = { }; }",
        "let mk = name: { ${name} = nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; }; }; in { nixosConfigurations = mk \"a\"; }",
        "{ lib.mk = _: nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; }; nixosConfigurations.a = self.lib.mk 1; }",
        "{ nixosConfigurations.a = nixpkgs.lib.nixosSystem (import ./one.nix { inherit inputs; }); }",
        "{ nixosConfigurations = builtins.listToAttrs (map (name: { inherit name; value = nixpkgs.lib.nixosSystem {
           modules = [ ./root.nix ]; }; }) (builtins.fromJSON (builtins.readFile ./names.json))); }",
        "{ nixosConfigurations = builtins.mapAttrs (_: a: nixpkgs.lib.nixosSystem a) { a.modules = [ ./root.nix ]; }; }",
        "{ nixosConfigurations = { } // { a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; } // { mine = 1; }; }; }",
        "let system = \"x86_64-linux\"; pkgs = import nixpkgs { inherit system; }; in {
           nixosConfigurations.a = nixpkgs.lib.nixosSystem { inherit system pkgs; modules = [ ./root.nix ]; };
           packages.${system}.a = self.nixosConfigurations.a.config.system.build.toplevel; }",
        "let inputs' = inputs; in with inputs'; { nixosConfigurations.a = nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; }; }",
        "let channel = \"pkgs\"; in { nixosConfigurations.a = inputs.\"nix${channel}\".lib.nixosSystem { modules = [ ./root.nix ]; }; }",
        "{ nixosConfigurations.a = nixpkgs.lib.makeOverridable nixpkgs.lib.nixosSystem { modules = [ ./root.nix ]; }; }",
    ];
    check(flakes.map(|outputs| case(outputs, &files, &[("a", &["noatime"])])));
}

#[test]
fn a_patched_nixpkgs_still_makes_systems() {
    let flakes = [
        r#"let patched = (import nixpkgs { system = "x86_64-linux"; }).applyPatches { name = "x"; src = nixpkgs; patches = [ ./a.patch ]; };
           in { nixosConfigurations.a = import "${patched}/nixos/lib/eval-config.nix" { modules = [ ./root.nix ]; }; }"#,
        r#"let patched = nixpkgs.legacyPackages.x86_64-linux.applyPatches { name = "x"; src = inputs.nixpkgs; patches = [ ]; };
             nixosSystem = import (patched + "/nixos/lib/eval-config.nix");
           in { nixosConfigurations.a = nixosSystem { modules = [ ./root.nix ]; specialArgs = { }; }; }"#,
        r#"let patched = nixpkgs.legacyPackages.x86_64-linux.applyPatches { name = "x"; src = nixpkgs.outPath; patches = [ ]; };
             flake = (import "${patched}/flake.nix").outputs { self = flake; };
           in { nixosConfigurations.a = flake.lib.nixosSystem { modules = [ ./root.nix ]; }; }"#,
    ];
    read_all(
        flakes.map(|outputs| case(outputs, &[], &[("a", &["noatime"])])),
        false,
    );
}

#[test]
fn functions_of_inputs_that_stand_for_nixos_system() {
    let flakes = [
        r#"inputs.nixpkgs-patcher.lib.nixosSystem { modules = [ ./root.nix ]; specialArgs = inputs; }"#,
        r#"inputs.nixpkgs-patcher.lib.nixosSystem { modules = [ ./root.nix ({ config, ... }: {
             nixpkgs-patcher.enable = true; }) ]; nixpkgsPatcher = { inherit inputs; patches = pkgs: [ ]; }; }"#,
        r#"nixos-raspberrypi.lib.nixosSystem { modules = [ ./root.nix nixos-raspberrypi.nixosModules.sd-image ];
             specialArgs = inputs; }"#,
        r#"inputs.nixos-raspberrypi.lib.nixosSystemFull { nixpkgs = inputs.nixpkgs; trustCaches = false;
             modules = [ ({ nixos-raspberrypi, ... }: { imports = [ ./root.nix nixos-raspberrypi.nixosModules.raspberry-pi-5.base ]; }) ];
             specialArgs = inputs; }"#,
    ]
    .map(|system| {
        let flake = format!(
            "{{ inputs = {{ nixpkgs.url = \"nixpkgs/nixos-unstable\"; nixpkgs-patcher.url = \"github:gepbird/nixpkgs-patcher\";
                 nixos-raspberrypi.url = \"github:nvmd/nixos-raspberrypi/main\"; }};
               outputs = {{ self, nixpkgs, nixos-raspberrypi, ... }}@inputs: {{ nixosConfigurations.a = {system}; }}; }}"
        );
        (flake, Vec::new(), hosts(&[("a", &["noatime"])]))
    });
    read_all(flakes, false);
}
