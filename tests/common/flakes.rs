//! Owns: flakes that tests write, how they are read, and what the real Nix says of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use btrfs_tune::model::Found;
use btrfs_tune::project::Project;

use super::nix;

/// Mount options by mount point, by host.
pub(crate) type Hosts = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A flake and its other files.
pub(crate) struct Flake(tempfile::TempDir);

impl Flake {
    pub(crate) fn new(flake: &str, files: &[(&str, &str)]) -> Self {
        let tree = Flake(tempfile::tempdir().unwrap());
        fs::create_dir(tree.0.path().join(".git")).unwrap();
        for (path, text) in files.iter().chain([&("flake.nix", flake)]) {
            let path = tree.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The hosts as this program reads them, or what is in the way.
    pub(crate) fn read(&self) -> Result<Hosts, String> {
        let project = Project::open(self.0.path()).unwrap();
        let sources = project.sources();
        let discovery = project.hosts(&sources);
        if let Some(failure) = &discovery.failure {
            return Err(format!("{failure:?}"));
        }
        let mut hosts = Hosts::new();
        for found in &discovery.hosts {
            if found.found != Found::Flake {
                return Err(format!("{} is found by {:?}", found.name.0, found.found));
            }
            let evaluated = project.evaluate(&sources, &found.name);
            let host = evaluated.map_err(|why| format!("{why:?}"))?.host();
            let mounts = hosts.entry(found.name.0.clone()).or_default();
            for filesystem in &host.storage.filesystems {
                for mount in &filesystem.mounts {
                    let options = mount.options.known();
                    let options = options.ok_or_else(|| format!("{mount:?}"))?;
                    let options = options.iter().map(|o| o.value.clone()).collect();
                    mounts.insert(mount.mountpoint.clone(), options);
                }
            }
        }
        Ok(hosts)
    }

    /// What the real Nix says, if there is one.
    fn real(&self) -> Option<Result<Hosts, String>> {
        if !nix::is_there("the hosts of a flake") {
            return None;
        }
        let outputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flakes/outputs.nix");
        let root = self.0.path().canonicalize().unwrap();
        let arguments = [
            outputs.to_str().unwrap(),
            "--argstr",
            "root",
            root.to_str().unwrap(),
        ];
        let answer = nix::instantiate(&arguments);
        Some(answer.map(|answer| serde_json::from_value(answer).unwrap()))
    }
}

pub(crate) fn hosts(expected: &[(&str, &[&str])]) -> Hosts {
    let host = |(name, options): &(&str, &[&str])| {
        let options = options.iter().map(|o| (*o).to_owned()).collect();
        (
            (*name).to_owned(),
            BTreeMap::from([("/".to_owned(), options)]),
        )
    };
    expected.iter().map(host).collect()
}

/// A flake, its other files, and the options of `/` of every host.
pub(crate) type Case = (String, Vec<(&'static str, &'static str)>, Hosts);

/// A flake with these outputs, which are given `inputs`, `self` and `nixpkgs`.
pub(crate) fn case(
    outputs: &str,
    files: &[(&'static str, &'static str)],
    expected: &[(&str, &[&str])],
) -> Case {
    let flake = format!(
        "{{ inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-25.11\";
            outputs = {{ self, nixpkgs, ... }}@inputs: {outputs}; }}"
    );
    (flake, files.to_vec(), hosts(expected))
}

/// Reads the flakes, and lets the real Nix read them.
pub(crate) fn check(cases: impl IntoIterator<Item = Case>) {
    read_all(cases, true);
}

pub(crate) fn read_all(cases: impl IntoIterator<Item = Case>, by_nix: bool) {
    let mut wrong = Vec::new();
    for (flake, mut files, expected) in cases {
        files.push(("root.nix", ROOT));
        let made = Flake::new(&flake, &files);
        let real = by_nix.then(|| made.real()).flatten();
        for (reader, answer) in [("this program", Some(made.read())), ("Nix", real)] {
            if answer.as_ref().is_some_and(|a| *a != Ok(expected.clone())) {
                wrong.push(format!("{reader}: {answer:?}\n{flake}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A module with a filesystem.
pub(crate) const ROOT: &str =
    r#"{ fileSystems."/" = { device = "/dev/vda"; fsType = "btrfs"; options = [ "noatime" ]; }; }"#;
