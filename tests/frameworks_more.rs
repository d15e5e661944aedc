//! Flakes that are made with clan-core and with den: which hosts they have, and what each mounts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use btrfs_tune::project::Project;

/// Mount point and options of every mount of a btrfs, by host.
type Mounts = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn mounts(fixture: &str) -> Mounts {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/frameworks")
        .join(fixture);
    let project = Project::open(&directory).expect("the fixture opens");
    let sources = project.sources();
    let discovery = project.hosts(&sources);
    assert!(discovery.failure.is_none(), "{:?}", discovery.failure);
    let mut out = Mounts::new();
    for found in &discovery.hosts {
        let host = project
            .evaluate(&sources, &found.name)
            .expect("the host evaluates")
            .host();
        let mounts = out.entry(found.name.0.clone()).or_default();
        for filesystem in &host.storage.filesystems {
            for mount in &filesystem.mounts {
                let options = mount.options.known().expect("the options are known");
                let options = options.iter().map(|o| o.value.clone()).collect();
                mounts.insert(mount.mountpoint.clone(), options);
            }
        }
    }
    out
}

/// A host with its mount points, each with its options.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])]);

fn expected(hosts: &[Expected<'_>]) -> Mounts {
    let strings = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    hosts
        .iter()
        .map(|(host, mounts)| {
            let mounts = mounts
                .iter()
                .map(|(mountpoint, options)| ((*mountpoint).to_owned(), strings(options)))
                .collect();
            ((*host).to_owned(), mounts)
        })
        .collect()
}

#[test]
fn clan_machines_of_a_directory_and_of_the_flake_with_their_services() {
    let expected = expected(&[
        (
            "alpha",
            &[
                ("/", &["noatime", "compress=zstd", "subvol=/root"]),
                ("/scratch", &["compress=zstd:3"]),
            ],
        ),
        (
            "beta",
            &[
                ("/", &["discard=async"]),
                ("/srv/scratch", &["compress=zstd:3"]),
            ],
        ),
    ]);
    assert_eq!(mounts("clan"), expected);
}

#[test]
fn den_hosts_with_what_aspects_defaults_and_users_bring() {
    let expected = expected(&[
        (
            "iceberg",
            &[
                ("/", &["noatime"]),
                ("/home/gull", &["nodatacow"]),
                ("/level", &["compress=zstd:1"]),
            ],
        ),
        (
            "igloo",
            &[
                ("/", &["noatime"]),
                ("/home/tux", &["compress=lzo"]),
                ("/quick/igloo", &["ssd"]),
            ],
        ),
    ]);
    let mut mounts = mounts("den");
    assert!(mounts.remove("shelf").is_some(), "{mounts:?}");
    assert_eq!(mounts, expected);
}

#[test]
fn den_aspects_by_their_path_and_in_their_order() {
    let expected = expected(&[(
        "shelf",
        &[
            ("/", &["noatime", "compress=zstd:9"]),
            ("/quick/shelf", &["ssd"]),
        ],
    )]);
    let mut mounts = mounts("den");
    mounts.retain(|host, _| host == "shelf");
    assert_eq!(mounts, expected);
}
