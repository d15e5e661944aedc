//! Whole hosts, as ours reads them and as the real Nix evaluates them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may end so")]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::collections::BTreeMap;

use btrfs_tune::model::Host;
use btrfs_tune::nix::module::Tree;
use btrfs_tune::project::{Evaluated, Project};
use rnix::ast;
use serde_json::Value as Json;

/// The hosts, and how many of their leaves ours does not know: packages, and what nixpkgs says.
const HOSTS: &[(&str, &str, usize)] = &[
    ("fixtures/hosts/workstation", "workstation", 14),
    ("fixtures/hosts/nas", "nas", 5),
    ("fixtures/hosts/vps/disko.nix", "vps", 0),
    ("nix/tests/merge", "merge", 3),
];

fn evaluate(path: &str) -> Evaluated {
    let project = Project::open(&nix::repository().join(path)).expect("it opens");
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    project.evaluate(&sources, &hosts[0]).expect("it evaluates")
}

/// The answer of `nix/evaluate.nix`.
fn real(path: &str, name: &str) -> Json {
    let root = nix::repository().join(path);
    let evaluate = nix::repository().join("nix/evaluate.nix");
    let (evaluate, shown) = (evaluate.display().to_string(), root.display().to_string());
    let arguments = [
        evaluate.as_str(),
        "--argstr",
        "root",
        &shown,
        "--argstr",
        "host",
        name,
    ];
    nix::instantiate(&arguments).expect("Nix evaluates it")
}

/// What the two trees agree on and where they do not.
#[derive(Default)]
struct Comparison {
    equal: usize,
    derived: usize,
    unknown: Vec<String>,
    different: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, path: &str, ours: Option<&Tree>, real: Option<&Json>) {
        match (ours, real) {
            (Some(Tree::Set(ours)), Some(Json::Object(real))) => {
                let names: std::collections::BTreeSet<&String> =
                    ours.keys().chain(real.keys()).collect();
                for name in names {
                    self.compare(&format!("{path}.{name}"), ours.get(name), real.get(name));
                }
            }
            (Some(Tree::List(ours)), Some(Json::Array(real))) if ours.len() == real.len() => {
                for (index, (ours, real)) in ours.iter().zip(real).enumerate() {
                    self.compare(&format!("{path}.{index}"), Some(ours), Some(real));
                }
            }
            (Some(Tree::Scalar(ours)), Some(real)) if nix::same(ours, real) => self.equal += 1,
            (Some(Tree::Function), Some(Json::String(real))) if real == "<function>" => {
                self.equal += 1;
            }
            (Some(Tree::Path(ours)), Some(Json::String(real))) if is_path(ours, real) => {
                self.equal += 1;
            }
            // A name whose every definition has a false condition.
            (Some(Tree::Set(ours)), None) if ours.is_empty() => {}
            (None, Some(_)) if is_derived(path) => self.derived += 1,
            // What a file says of such an option is part of what disko's module makes of it.
            (Some(Tree::List(ours)), Some(Json::Array(real)))
                if is_derived(path) && ours.iter().all(|o| real.contains(&o.to_json())) =>
            {
                self.derived += 1;
            }
            (Some(Tree::Unknown { why, .. }), Some(real)) => {
                self.unknown.push(format!("{path}: {why}; Nix: {real}"));
            }
            (ours, real) => {
                let ours = ours.map(Tree::to_json);
                self.different
                    .push(format!("{path}\n  ours {ours:?}\n  nix  {real:?}"));
            }
        }
    }
}

/// `<path <root>/x>` in the answer is `…/x` to us.
fn is_path(ours: &str, real: &str) -> bool {
    let inside = real
        .strip_prefix("<path ")
        .and_then(|p| p.strip_suffix('>'));
    inside.is_some_and(|real| {
        real.strip_prefix("<root>")
            .map_or(real == ours, |rest| ours.ends_with(rest))
    })
}

/// Whether disko's module defines an option, which is no file's doing: `mounts_are_what_nix_derives`
/// compares that.
fn is_derived(path: &str) -> bool {
    let (_, option) = path.split_once('.').unwrap_or_default();
    [
        "fileSystems",
        "swapDevices",
        "boot.loader.grub",
        "boot.loader",
        "boot.initrd.luks",
        "boot.initrd",
        "boot",
    ]
    .contains(&option)
        || [
            "fileSystems.",
            "swapDevices.",
            "boot.loader.grub.devices",
            "boot.initrd.luks.devices",
        ]
        .iter()
        .any(|derived| option.starts_with(derived))
}

/// Whether evaluate.nix says that a value is outside the project.
fn is_marker(real: &Json) -> bool {
    match real {
        Json::String(s) => s.contains('<') && s.contains('>'),
        Json::Array(items) => !items.is_empty() && items.iter().all(is_marker),
        _ => false,
    }
}

#[test]
fn configurations_are_what_nix_evaluates() {
    if !nix::is_there("the configurations of the fixtures") {
        return;
    }
    for (path, name, unknown) in HOSTS {
        let evaluated = evaluate(path);
        let mut ours = evaluated.configuration.snapshot(&evaluated.evaluator);
        if let Tree::Set(ours) = &mut ours {
            // The module system's own, which is no part of the answer.
            ours.remove("_module");
        }
        let answer = real(path, name);
        let mut comparison = Comparison::default();
        comparison.compare(name, Some(&ours), Some(&answer["config"]));
        println!(
            "{name}: {} leaves equal, {} derived, {} unknown: {:#?}",
            comparison.equal,
            comparison.derived,
            comparison.unknown.len(),
            comparison.unknown
        );
        let different = &comparison.different;
        assert!(
            different.is_empty(),
            "{} differ:\n{}",
            different.len(),
            different.join("\n")
        );
        assert_eq!(
            comparison.unknown.len(),
            *unknown,
            "{name}: leaves that are not known"
        );
        // Options that only their type can merge may be unknown too.
        assert!(
            comparison
                .unknown
                .iter()
                .filter(|u| !u.contains("with one priority"))
                .all(|u| {
                    let real = u
                        .rsplit_once("; Nix: ")
                        .and_then(|(_, r)| serde_json::from_str(r).ok());
                    real.is_some_and(|real: Json| is_marker(&real))
                })
        );
    }
}

/// Whether both disko and `fileSystems` give options to a mount.
fn mixed(host: &Host, mountpoint: &str) -> bool {
    let mount = host.storage.mount(mountpoint);
    mount.is_some_and(|(_, mount)| mount.added.is_some())
}

/// Every mount of the model, by mount point: device and options.
fn mounts(host: &Host) -> BTreeMap<String, (String, Vec<String>)> {
    let filesystems = host.storage.filesystems.iter();
    filesystems
        .flat_map(|f| f.mounts.iter().map(move |m| (f, m)))
        .map(|(filesystem, mount)| {
            let options = mount.options.known().expect("its options are known");
            let mut options: Vec<String> = options.iter().map(|o| o.value.clone()).collect();
            // What was written for disko stands in front of what fileSystems adds, where both
            // orders mean the same.
            if mount.added.is_some() {
                options.sort();
            }
            let device = filesystem.device.as_ref().expect("the device is known");
            (mount.mountpoint.clone(), (device.value.clone(), options))
        })
        .collect()
}

#[test]
fn mounts_are_what_nix_derives() {
    if !nix::is_there("the mounts of the fixtures") {
        return;
    }
    for (path, name, _) in HOSTS {
        let host = evaluate(path).host();
        let answer = real(path, name);
        let texts = |json: &Json| -> Vec<String> {
            let items = json.as_array().expect("a list").iter();
            items
                .map(|i| i.as_str().expect("a string").to_owned())
                .collect()
        };
        let expected: BTreeMap<String, (String, Vec<String>)> = answer["fileSystems"]
            .as_object()
            .expect("a set")
            .iter()
            .filter(|(_, fs)| fs["fsType"] == "btrfs")
            .map(|(mountpoint, fs)| {
                let device = fs["device"].as_str().expect("a device").to_owned();
                let mut options = texts(&fs["options"]);
                if mixed(&host, mountpoint) {
                    options.sort();
                }
                (mountpoint.clone(), (device, options))
            })
            .collect();
        let ours = mounts(&host);
        println!("{name}: {} mounts", ours.len());
        assert_eq!(ours, expected, "{name}");
    }
}

#[test]
fn every_option_knows_its_own_quote_marks() {
    let mut places = 0;
    for (path, name, _) in HOSTS.iter().take(3) {
        let evaluated = evaluate(path);
        let sources = evaluated.evaluator.sources();
        let host = evaluated.host();
        for filesystem in &host.storage.filesystems {
            for mount in &filesystem.mounts {
                for option in mount.options.known().expect("they are known") {
                    let Some(at) = option.at else {
                        // disko's own `subvol=`, or a default.
                        let derived = option.value.starts_with("subvol=");
                        let default = option.value == "defaults";
                        assert!(derived || default, "{name}: {} has no place", option.value);
                        continue;
                    };
                    let text = sources.text(at);
                    assert_eq!(
                        literal(&text).as_ref(),
                        Some(&option.value),
                        "{name}: {text}"
                    );
                    places += 1;
                }
            }
        }
    }
    println!("{places} options at their literals");
    assert!(places > 30, "only {places} options with a place");
}

/// The value of a text that is one string literal without interpolation.
fn literal(text: &str) -> Option<String> {
    let parse = rnix::Root::parse(text);
    let ast::Expr::Str(string) = parse.ok().ok()?.expr()? else {
        return None;
    };
    match string.normalized_parts().as_slice() {
        [] => Some(String::new()),
        [ast::InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}
