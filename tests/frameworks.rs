//! Owns: the hosts of flakes that are made with a framework, and one mount of each host. The flakes
//! below `tests/frameworks` all make the same two machines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::rc::Rc;

use btrfs_tune::model::Found;
use btrfs_tune::nix::eval::Evaluator;
use btrfs_tune::nix::source::Sources;
use btrfs_tune::project::{HostName, Project};

/// The hosts that the flake itself names, each with the device and the options of its `/`.
fn machines(framework: &str) -> Vec<(String, String, Vec<String>)> {
    let flakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks");
    let project = Project::open(&flakes.join(framework)).expect("the flake is there");
    let sources = project.sources();
    let discovery = project.hosts(&sources);
    assert!(
        discovery.failure.is_none(),
        "{framework}: {:?}",
        discovery.failure
    );
    let read = discovery.hosts.iter().map(|known| {
        let name = known.name.0.clone();
        assert_eq!(known.found, Found::Flake, "{framework}: {name}");
        let evaluated = project.evaluate(&sources, &known.name);
        let host = evaluated
            .unwrap_or_else(|why| panic!("{framework}: {name}: {why:?}"))
            .host();
        let [filesystem] = &host.storage.filesystems[..] else {
            panic!("{framework}: {name}: {:?}", host.storage);
        };
        let [mount] = &filesystem.mounts[..] else {
            panic!("{framework}: {name}: {:?}", filesystem.mounts);
        };
        assert_eq!(mount.mountpoint, "/");
        let options = mount.options.known().expect("the options are known");
        let options = options.iter().map(|o| o.value.clone()).collect();
        let device = filesystem.device.as_ref().expect("the device is known");
        (name, device.value.clone(), options)
    });
    read.collect()
}

fn makes_both_machines(framework: &str, before: &[&str]) {
    machines_of(framework, before, &[]);
}

/// Both machines have these options before and after the level of compression that each has.
fn machines_of(framework: &str, before: &[&str], after: &[&str]) {
    let machine = |name: &str, level: u8| {
        let mut options: Vec<String> = before.iter().map(|o| (*o).to_owned()).collect();
        options.push(format!("compress=zstd:{level}"));
        options.extend(after.iter().map(|o| (*o).to_owned()));
        let device = format!("/dev/disk/by-label/{name}");
        (name.to_owned(), device, options)
    };
    let wanted = vec![machine("elm", 5), machine("oak", 3)];
    assert_eq!(machines(framework), wanted, "{framework}");
}

#[test]
fn flake_parts() {
    machines_of("flake-parts", &[], &["noatime"]);
}

#[test]
fn import_tree() {
    makes_both_machines("import-tree", &[]);
}

#[test]
fn flake_utils_and_nix_systems() {
    makes_both_machines("flake-utils", &[]);
}

#[test]
fn haumea() {
    makes_both_machines("haumea", &[]);
}

#[test]
fn nixos_unified() {
    makes_both_machines("nixos-unified", &[]);
}

#[test]
fn snowfall_lib() {
    makes_both_machines("snowfall-lib", &[]);
}

#[test]
fn flake_utils_plus() {
    makes_both_machines("flake-utils-plus", &[]);
}

#[test]
fn an_option_that_nobody_defines_has_its_default_only_where_every_module_is_seen() {
    let read = |name: &str| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frameworks/defaults");
        let project = Project::open(&directory).expect("it opens");
        let sources = project.sources();
        let host = HostName(name.to_owned());
        let evaluated = project.evaluate(&sources, &host).expect("it evaluates");
        let host = evaluated.host();
        let (_, mount) = host.storage.mount("/").expect("a root");
        mount.options.known().map(|options| {
            let texts = options.iter().map(|o| o.value.clone());
            texts.collect::<Vec<_>>()
        })
    };
    let options = read("elm").expect("its options are known");
    assert_eq!(options, ["compress=zstd", "ssd"]);
    assert_eq!(read("oak"), None);
}

#[test]
fn colmena() {
    makes_both_machines("colmena", &[]);
}

#[test]
fn easy_hosts() {
    makes_both_machines("easy-hosts", &[]);
}

#[test]
fn blueprint() {
    makes_both_machines("blueprint", &[]);
}

#[test]
fn ez_configs() {
    makes_both_machines("ez-configs", &[]);
}

#[test]
fn nixos_flake() {
    makes_both_machines("nixos-flake", &[]);
}

#[test]
fn flakelight() {
    makes_both_machines("flakelight", &[]);
}

#[test]
fn unify() {
    makes_both_machines("unify", &["noatime"]);
}

#[test]
fn lite_config() {
    makes_both_machines("lite-config", &[]);
}

/// A file that travels with the program is read only when a flake needs it: each must be whole.
#[test]
fn every_embedded_file_is_nix() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = 0;
    for directory in ["project/frameworks", "nix/eval/lib"] {
        for entry in std::fs::read_dir(source.join(directory)).expect("it is there") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|e| e != "nix") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            let evaluator = Evaluator::new(Rc::new(Sources::new(source.clone())));
            let name = path.display().to_string();
            if let Err(unknown) = evaluator.embedded(&name, &text) {
                panic!("{name}: {}", unknown.why);
            }
            read += 1;
        }
    }
    assert!(read > 20, "{read} files");
}
