//! Owns: questions to the real Nix. What it fills in and where that is written, where it disagrees
//! with static reading, and that nothing it is asked can hurt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "oracle/files.rs"]
mod files;
#[path = "oracle/inspect.rs"]
mod inspect;
#[path = "oracle/safety.rs"]
mod safety;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use btrfs_tune::ingest::oracle::{self as told, Filled, Provenance};
use btrfs_tune::model::{Found, Host, Setting, Texts};
use btrfs_tune::nix::oracle::{Answer, Limits, OracleError, Places, Question, Subject, ask, hosts};
use btrfs_tune::nix::source::{Sources, Span};
use btrfs_tune::project::{HostName, Project as Opened};
use common::project::{Git, Project, have, is_patch};
use serde_json::{Value as Json, json};

/// A project with the inputs of `fixtures/oracle` in it.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::empty(Git::None);
    inputs(&project.path);
    for (name, text) in files {
        project.write(name, text);
    }
    project
}

fn inputs(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
    for (name, file) in [
        ("nixpkgs", "flake.nix"),
        ("nixpkgs", "lib.nix"),
        ("site", "flake.nix"),
        ("framework", "flake.nix"),
    ] {
        fs::create_dir_all(to.join(name)).unwrap();
        fs::copy(from.join(name).join(file), to.join(name).join(file)).unwrap();
    }
}

/// Moves the inputs out of the tree, and makes them what they mostly are: repositories that
/// flake.lock names, of which static reading knows the address alone.
fn outside(project: &Project) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    inputs(directory.path());
    let mut flake = fs::read_to_string(project.path.join("flake.nix")).unwrap();
    for (name, owner) in FAR_AWAY {
        flake = flake.replace(&format!("path:./{name}"), &format!("github:{owner}/{name}"));
        let _ = fs::remove_dir_all(project.path.join(name));
    }
    project.write("flake.nix", flake);
    lock(project, directory.path());
    directory
}

/// Inputs, and who has them.
const FAR_AWAY: [(&str, &str); 2] = [("nixpkgs", "NixOS"), ("site", "example")];

/// Locks the inputs of a flake to directories, so that nothing has to be fetched.
fn lock(project: &Project, directory: &Path) {
    let flake = fs::read_to_string(project.path.join("flake.nix")).unwrap();
    let mut nodes = serde_json::Map::new();
    let mut names = serde_json::Map::new();
    for (name, owner) in FAR_AWAY {
        if !flake.contains(&format!("github:{owner}/{name}")) {
            continue;
        }
        let path = directory.join(name);
        let mut command = std::process::Command::new("nix");
        command.args(["--extra-experimental-features", "nix-command"]);
        let hashed = command.args(["hash", "path"]).arg(&path).output().unwrap();
        assert!(hashed.status.success(), "{hashed:?}");
        let hash = String::from_utf8(hashed.stdout).unwrap();
        let node = json!({
            "locked": { "type": "path", "path": path, "narHash": hash.trim() },
            "original": { "type": "github", "owner": owner, "repo": name },
        });
        nodes.insert(name.to_owned(), node);
        names.insert(name.to_owned(), name.into());
    }
    nodes.insert("root".to_owned(), json!({ "inputs": names }));
    let lock = json!({ "nodes": nodes, "root": "root", "version": 7 });
    project.write("flake.lock", lock.to_string());
}

fn quick() -> Limits {
    Limits {
        time: Duration::from_secs(30),
        ..Limits::default()
    }
}

fn subject(project: &Project, host: &str) -> Subject {
    Subject::Flake {
        root: project.path.clone(),
        directory: project.path.clone(),
        host: host.to_owned(),
    }
}

fn alone(file: PathBuf) -> Subject {
    Subject::File {
        root: file.parent().unwrap().to_path_buf(),
        file,
        nix_path: Vec::new(),
    }
}

fn question(paths: &[&[&str]]) -> Question {
    let path = |names: &&[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    Question {
        paths: paths.iter().map(path).collect(),
    }
}

fn asked(subject: &Subject, paths: &[&[&str]]) -> Result<Answer, OracleError> {
    ask(subject, &question(paths), &quick())
}

fn value(answer: &Answer, path: &[&str]) -> Json {
    let path: Vec<String> = path.iter().map(|n| (*n).to_owned()).collect();
    let entry = answer.entries.get(&path);
    let entry = entry.unwrap_or_else(|| panic!("{path:?} in {:?}", answer.entries.keys()));
    entry.value.clone().unwrap()
}

fn why(answer: &Answer, path: &[&str]) -> String {
    let path: Vec<String> = path.iter().map(|n| (*n).to_owned()).collect();
    answer.entries[&path].value.clone().unwrap_err()
}

/// Static reading and Nix, both of one host.
struct Both {
    _inputs: tempfile::TempDir,
    sources: Rc<Sources>,
    places: Places,
    answer: Answer,
    read: Host,
}

impl Both {
    fn of(project: &Project, host: &str) -> Both {
        let _inputs = outside(project);
        let opened = Opened::open(&project.path).unwrap();
        let sources = opened.sources();
        let read = opened.evaluate(&sources, &HostName(host.to_owned()));
        let read = read.unwrap().host();
        let question = told::question(Some(&read), &["services.jellyfin.enable"]);
        let answer = ask(&subject(project, host), &question, &quick()).unwrap();
        let places = Places::new(Rc::clone(&sources), answer.source.clone(), &project.path);
        Both {
            _inputs,
            sources,
            places,
            answer,
            read,
        }
    }

    fn fill(&self, host: Host) -> Filled {
        told::fill(host, &self.answer, &self.places, &self.sources)
    }
}

fn text(sources: &Sources, at: Option<Span>) -> String {
    sources.text(at.expect("a place"))
}

const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "path:./nixpkgs";
  inputs.site.url = "path:./site";
  outputs = { nixpkgs, site, ... }: {
    nixosConfigurations.alpha = nixpkgs.lib.nixosSystem {
      specialArgs = { inherit site; };
      modules = [ ./alpha.nix site.nixosModules.media ];
    };
  };
}
"#;

const ALPHA: &str = r#"{ lib, site, ... }:
{
  boot.kernel.sysctl."vm.swappiness" = site.swappiness;
  boot.kernel.sysctl."vm.dirty_ratio" = lib.mkForce 20;
  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "btrfs";
    options = site.options ++ [ "ssd" ];
  };
  fileSystems."/home" = {
    device = "/dev/vda";
    fsType = "btrfs";
    options = lib.mkIf true [ "subvol=home" "noatime" ];
  };
  swapDevices = [ { device = "/dev/vdb"; } ];
  imports = [ { swapDevices = [ { device = "/dev/vdc"; } ]; } ];
  services.postgresql.dataDir = ./data;
}
"#;

#[test]
fn what_the_files_leave_unknown_is_filled_in_with_its_place() {
    if !have(
        "nix",
        "what_the_files_leave_unknown_is_filled_in_with_its_place",
    ) {
        return;
    }
    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", ALPHA)]);
    let both = Both::of(&project, "alpha");
    let swappiness = "boot.kernel.sysctl.vm.swappiness";
    assert!(both.read.settings.known(swappiness).is_none());
    assert!(
        both.read
            .storage
            .mount("/")
            .unwrap()
            .1
            .options
            .known()
            .is_none()
    );

    let filled = both.fill(both.read.clone());
    assert_eq!(filled.disagreements, []);
    assert!(!filled.is_advice_only());
    assert!(filled.version.contains('.'), "{}", filled.version);
    let host = &filled.host;
    assert_eq!(host.settings.known(swappiness).unwrap().value, 7);
    assert_eq!(filled.setting(swappiness), Provenance::Nix);
    let ratio = "boot.kernel.sysctl.vm.dirty_ratio";
    assert_eq!(filled.setting(ratio), Provenance::Static);

    let options = host.storage.mount("/").unwrap().1.options.known().unwrap();
    let texts: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
    assert_eq!(texts, ["noatime", "compress=zstd:1", "ssd"]);
    assert_eq!(
        filled.storage(&["fileSystems", "/", "options"]),
        Provenance::Nix
    );
    assert_eq!(
        filled.storage(&["fileSystems", "/home", "options"]),
        Provenance::Static
    );
    // Two come from the input, where no literal of the project is; one is here.
    assert_eq!((options[0].at, options[1].at), (None, None));
    assert_eq!(text(&both.sources, options[2].at), r#""ssd""#);
    // A module of the input, which static reading cannot enter.
    let enable = "services.jellyfin.enable";
    assert!(both.read.settings.known(enable).is_none());
    assert!(host.settings.is_true(enable));
    // What NixOS makes of elements and paths is no disagreement.
    let swaps = both.read.settings.known("swapDevices").unwrap();
    let path = ["swapDevices".to_owned()];
    let real = both.answer.entries[&path[..]].value.as_ref().unwrap();
    assert_ne!(swaps.value, *real);
    let data = json!(project.path.join("data").to_str().unwrap());
    let directory = "services.postgresql.dataDir";
    assert_eq!(both.read.settings.known(directory).unwrap().value, data);
    assert_eq!(host.settings.known(directory).unwrap().value, data);
    // NixOS's default is no statement of the configuration.
    assert!(!host.settings.is_defined("services.postgresql.enable"));
}

#[test]
fn a_host_that_a_framework_hides_is_told_by_nix_alone() {
    if !have("nix", "a_host_that_a_framework_hides_is_told_by_nix_alone") {
        return;
    }
    let beta = r#"# é, and a tab before what follows
{
	disko.devices.disk.main = {
    device = "/dev/vdb";
    content.type = "gpt";
    content.partitions.root.content = {
      type = "btrfs";
      extraArgs = [ "-f" ];
      subvolumes."/root" = { mountpoint = "/"; mountOptions = [ "compress=zstd" ]; };
    };
  };
  fileSystems."/" = {
    device = "/dev/disk/by-partlabel/disk-main-root";
    fsType = "btrfs";
    options = [ "compress=zstd" "subvol=/root" ];
  };
  fileSystems."/data" = { device = "/dev/vdc"; fsType = "btrfs"; options = [ ''noatime'' ]; };
}
"#;
    let project = project(&[
        (
            "flake.nix",
            r#"{
  inputs.nixpkgs.url = "path:./nixpkgs";
  inputs.framework.url = "path:./framework";
  inputs.framework.inputs.nixpkgs.follows = "nixpkgs";
  outputs = inputs: inputs.framework.lib.mkFlake ./hosts;
}
"#,
        ),
        ("hosts/beta.nix", beta),
    ]);
    let names = hosts(&project.path, &project.path, &quick()).unwrap();
    assert_eq!(names, ["beta"]);
    let question = told::question(None, &[]);
    let answer = ask(&subject(&project, "beta"), &question, &quick()).unwrap();
    let sources = Rc::new(Sources::new(project.path.clone()));
    let places = Places::new(Rc::clone(&sources), answer.source.clone(), &project.path);
    let host = told::host("beta", Found::Flake, &answer, &places, &sources);
    let filled = told::alone(host, &answer);
    let storage = &filled.host.storage;
    assert!(storage.root_on_btrfs);
    let (filesystem, root) = storage.mount("/").unwrap();
    assert_eq!(filesystem.mkfs_args.known().unwrap()[0].value, "-f");
    let argument = filesystem.mkfs_args.known().unwrap()[0].at;
    assert_eq!(text(&sources, argument), r#""-f""#);
    assert_eq!(root.subvolume.as_deref(), Some("root"));
    let options = root.options.known().unwrap();
    let texts: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
    assert_eq!(texts, ["compress=zstd", "subvol=/root"]);
    let written = root.written.known().unwrap();
    assert_eq!(text(&sources, written[0].at), r#""compress=zstd""#);
    let (_, data) = storage.mount("/data").unwrap();
    let option = &data.options.known().unwrap()[0];
    assert_eq!(text(&sources, option.at), "''noatime''");
    let line = beta.lines().position(|l| l.contains("noatime")).unwrap();
    let column = beta.lines().nth(line).unwrap().find("''").unwrap();
    assert_eq!(
        sources.place(option.at.unwrap()).to_string(),
        format!("hosts/beta.nix:{}:{}", line + 1, column + 1)
    );
    assert_eq!(filled.storage(&["fileSystems", "/data"]), Provenance::Nix);

    project.write(
        "metrics/uname.txt",
        "Linux beta 6.18.2 #1 SMP x86_64 GNU/Linux\n",
    );
    let ran = project.run(&["fix", "--eval", "--format", "json"]);
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!(report["hosts"][0]["name"], "beta", "{ran:?}");
    assert_eq!(report["hosts"][0]["machine"], "kernel 6.18.2", "{ran:?}");
    assert_eq!(report["hosts"][0]["filesystems"], json!(["/", "/data"]));
    for one in report["hosts"][0]["findings"].as_array().unwrap() {
        assert!(!is_patch(one), "{one}");
    }
}

/// A second reader that always agreed would be worth nothing: what static reading says is changed
/// here, one value at a time.
#[test]
fn a_disagreement_is_told_and_forbids_edits() {
    if !have("nix", "a_disagreement_is_told_and_forbids_edits") {
        return;
    }
    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", ALPHA)]);
    let both = Both::of(&project, "alpha");
    let ratio = "boot.kernel.sysctl.vm.dirty_ratio";

    let mut host = both.read.clone();
    let real = host.settings.known(ratio).unwrap().clone();
    assert_eq!(real.value, 20);
    let wrong = Setting::new(json!(21), real.at);
    host.settings.insert(ratio.to_owned(), Ok(wrong));
    let filled = both.fill(host);
    assert!(filled.is_advice_only());
    let found = &filled.disagreements[..];
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].what.as_str(), &*found[0].read), (ratio, "21"));
    assert_eq!(found[0].real, "20");
    assert_eq!(text(&both.sources, found[0].real_at), "20");

    type Change = fn(&mut Vec<btrfs_tune::model::Located<String>>);
    let changes: [(&str, Change); 4] = [
        ("another value", |o| o[1].value = "relatime".to_owned()),
        ("one too many", |o| o.push(o[1].clone())),
        ("another order", |o| o.reverse()),
        ("one too few", |o| drop(o.pop())),
    ];
    for (name, change) in changes {
        let mut host = both.read.clone();
        // Nothing that was not read can explain it.
        host.unknown.clear();
        host.skipped.clear();
        let filesystems = host.storage.filesystems.iter_mut();
        let mut mounts = filesystems.flat_map(|f| f.mounts.iter_mut());
        let home = mounts.find(|m| m.mountpoint == "/home").unwrap();
        let mut texts = home.options.known().unwrap().to_vec();
        change(&mut texts);
        home.options = Texts::Known(texts);
        drop(mounts);
        let filled = both.fill(host);
        let found = filled.disagreements.iter();
        let found: Vec<&str> = found.map(|d| d.what.as_str()).collect();
        assert_eq!(found, [r#"fileSystems."/home".options"#], "{name}");
    }

    let mut host = both.read.clone();
    let filesystems = host.storage.filesystems.iter_mut();
    for mount in filesystems.flat_map(|f| f.mounts.iter_mut()) {
        if mount.mountpoint == "/home" {
            mount.mountpoint = "/nowhere".to_owned();
        }
    }
    let filled = both.fill(host);
    assert_eq!(filled.disagreements[0].real, "no mount");
}

#[test]
fn what_nix_cannot_say_either_stays_unknown_with_both_reasons() {
    let test = "what_nix_cannot_say_either_stays_unknown_with_both_reasons";
    if !have("nix", test) {
        return;
    }
    let module = r#"{ site, ... }:
{
  boot.kernel.sysctl."vm.swappiness" = site.nothing;
  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "btrfs";
    options = site.nothing;
  };
}
"#;
    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", module)]);
    let both = Both::of(&project, "alpha");
    let filled = both.fill(both.read.clone());
    let reading = filled.host.settings.get("boot.kernel.sysctl.vm.swappiness");
    let fact = reading.unwrap().as_ref().unwrap_err();
    assert!(fact.why.contains("flake input `site`"), "{}", fact.why);
    assert!(fact.why.contains("'nothing' missing"), "{}", fact.why);
    let mount = filled.host.storage.mount("/").unwrap().1;
    assert!(mount.options.known().is_none());
    let mut unknown = filled.host.unknown.iter();
    assert!(
        unknown.any(|u| u.what == "fileSystems./.options" && u.why.contains("'nothing' missing")),
        "{:?}",
        filled.host.unknown
    );
    assert_eq!(filled.disagreements, []);
}

/// A NixOS that merges differently from the one that static reading knows.
#[test]
fn patches_of_a_host_that_nix_reads_differently_are_withheld() {
    let test = "patches_of_a_host_that_nix_reads_differently_are_withheld";
    if !have("nix", test) {
        return;
    }
    let flake = r#"{
  inputs.nixpkgs.url = "path:./nixpkgs";
  outputs = { nixpkgs, ... }: {
    nixosConfigurations.alpha = nixpkgs.lib.nixosSystem { modules = [ ./disks.nix ./alpha.nix ]; };
    nixosConfigurations.beta = nixpkgs.lib.nixosSystem { modules = [ ./disks.nix ]; };
  };
}
"#;
    let disks = r#"{
  fileSystems."/" = {
    device = "/dev/disk/by-label/root";
    fsType = "btrfs";
    options = [ "subvol=root" "compress=zstd" ];
  };
}
"#;
    let alpha = r#"{ lib, ... }:
{
  imports = [ { boot.kernel.sysctl."vm.swappiness" = 20; } ];
  boot.kernel.sysctl."vm.swappiness" = lib.mkDefault 10;
}
"#;
    let project = project(&[
        ("flake.nix", flake),
        ("disks.nix", disks),
        ("alpha.nix", alpha),
    ]);
    let json = |arguments: &[&str]| -> (Option<i32>, Json, String) {
        let ran = project.run(arguments);
        let report = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        (ran.code, report, ran.err)
    };
    let patches = |report: &Json| {
        let all = common::project::recommendations(report).into_iter();
        all.filter(|r| is_patch(r)).count()
    };
    let inputs = outside(&project);
    // The two agree as long as NixOS is itself.
    let (code, report, _) = json(&["fix", "--eval", "--format", "json"]);
    assert_eq!((code, &report["problems"]), (Some(1), &json!([])));
    let without = json(&["fix", "--format", "json"]).1;
    assert_eq!(patches(&report), patches(&without));
    assert!(patches(&report) > 0);

    let lib = inputs.path().join("nixpkgs/lib.nix");
    let text = fs::read_to_string(&lib).unwrap();
    let other = text.replace("mkDefault = mkOverride 1000", "mkDefault = mkOverride 10");
    assert_ne!(text, other);
    fs::write(&lib, other).unwrap();
    lock(&project, inputs.path());
    let before = project.nix_files();
    let (code, report, _) = json(&["fix", "--eval", "--format", "json"]);
    assert_eq!(code, Some(2));
    // beta is read alike, but its patches would change files of alpha.
    assert_eq!(patches(&report), 0);
    let obstacles = common::project::recommendations(&report);
    let mut obstacles = obstacles.iter().filter_map(|r| r["obstacle"].as_str());
    assert!(obstacles.any(|o| o.contains("read differently by Nix")));
    let problem = &report["problems"][0];
    let message = problem["message"].as_str().unwrap();
    for part in [
        "vm.swappiness",
        "as 20 (alpha.nix:3:",
        "Nix says 10 (alpha.nix:4:",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let help = problem["help"].as_str().unwrap();
    assert!(
        help.contains("report it") && help.contains("Nix) 2."),
        "{help}"
    );
    assert_eq!(project.run(&["fix", "--eval", "--write"]).code, Some(2));
    assert_eq!(before, project.nix_files());
}

#[test]
fn one_option_that_fails_does_not_lose_the_others() {
    if !have("nix", "one_option_that_fails_does_not_lose_the_others") {
        return;
    }
    let module = r#"{ config, ... }: {
  boot.kernel.sysctl = {
    throws = throw "no";
    asserts = assert false; 1;
    aborts = abort "stop";
    missing = { }.a;
    endless = let x = x; in x;
    mistyped = 1 + "a";
    own = config.boot.kernel.sysctl.own;
    deep = let f = x: 1 + f x; in f 1;
    cyclic = let x = { inherit x; }; in x;
    function = x: x;
    package = { type = "derivation"; outPath = throw "must not be asked"; };
    path = ./hosts;
    odd.a = { "$nix" = "function"; };
    odd.b = throw "in the depth";
    odd.c = 1.5;
    good = "as ever";
  };
}
"#;
    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", module)]);
    let answer = asked(
        &subject(&project, "alpha"),
        &[&["boot", "kernel", "sysctl", "*"]],
    )
    .unwrap();
    let at = |name| ["boot", "kernel", "sysctl", name];
    assert_eq!(value(&answer, &at("good")), "as ever");
    for (name, message) in [
        ("throws", "throw"),
        ("asserts", "assert"),
        ("aborts", "stop"),
        ("missing", "'a' missing"),
        ("endless", "infinite recursion"),
        ("mistyped", "integer"),
        ("own", "infinite recursion"),
        ("deep", "Nix"),
    ] {
        let why = why(&answer, &at(name));
        assert!(why.contains(message), "{name}: {why}");
    }
    let marker = |kind: &str| json!({ "$nix": kind });
    assert_eq!(value(&answer, &at("function")), marker("function"));
    assert_eq!(value(&answer, &at("package")), marker("package"));
    let path = value(&answer, &at("path"));
    let kept = answer.source.clone().unwrap();
    assert_eq!(
        path,
        json!({ "$nix": "path", "text": format!("{kept}/hosts") })
    );
    assert_eq!(
        value(&answer, &at("odd")),
        json!({ "a": { "$nix": "set", "set": { "$nix": "function" } }, "b": { "$nix": "error" }, "c": 1.5 })
    );
    assert!(value(&answer, &at("cyclic")).to_string().contains("deep"));
}
