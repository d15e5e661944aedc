//! Owns: the machines of `fixtures/hosts`, read whole.

use std::path::{Path, PathBuf};

use btrfs_tune::ingest::{facter, metrics, observations};
use btrfs_tune::model::Host;
use btrfs_tune::project::Project;

/// A machine of the fixtures, with everything that is known about it.
pub(crate) fn host(name: &str) -> Host {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/hosts")
        .join(name);
    let project = Project::open(&directory).expect("the fixture opens");
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let mut host = project
        .evaluate(&sources, &hosts[0])
        .expect("it evaluates")
        .host();
    let read = |file: &str| -> (PathBuf, Vec<u8>) {
        let path = directory.join(file);
        let bytes = std::fs::read(&path).expect("the file is there");
        (path, bytes)
    };
    let (_, bytes) = read("facter.json");
    host.hardware = Some(facter::read("facter.json", &bytes).0);
    host.metrics = metrics::read_dir(&directory.join("metrics"))
        .expect("metrics are read")
        .0;
    let (_, bytes) = read("observations.toml");
    let text = String::from_utf8(bytes).expect("it is text");
    host.observations = observations::read_toml("observations.toml", &text).0;
    host
}
