//! What containers do that are made of images (`virtualisation.oci-containers`). The table is
//! `data/images.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Workload;
use super::kind::{Engine, WorkloadKind};
use super::services::{readings, version};
use crate::analyze::evidence::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::storage::is_below;

const CONTAINERS: &str = "virtualisation.oci-containers.containers.";
const IMAGES: &str = "virtualisation.oci-containers.containers.*.image";
const VOLUMES: &str = "virtualisation.oci-containers.containers.*.volumes";
const BACKEND: &str = "virtualisation.oci-containers.backend";

/// What an image does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    /// The last part of its name, without its tag.
    pub(super) names: Vec<String>,
    /// The work it does.
    pub(super) kind: WorkloadKind,
    /// What reads and writes.
    #[serde(default)]
    pub(super) engine: Option<Engine>,
    /// Where it keeps its data inside.
    pub(super) inside: Vec<String>,
    /// What says so.
    #[cfg_attr(not(test), allow(dead_code, reason = "for those who edit the table"))]
    pub(super) source: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    images: Vec<Image>,
}

/// The table as it is written, or what is wrong with it.
pub(super) fn table() -> Result<Vec<Image>, toml::de::Error> {
    toml::from_str::<File>(include_str!("data/images.toml")).map(|file| file.images)
}

// A test sees to it that the table can be read.
static TABLE: LazyLock<Vec<Image>> = LazyLock::new(|| table().unwrap_or_default());

/// The options that are looked at.
pub(super) const OPTIONS: [&str; 3] = [IMAGES, VOLUMES, BACKEND];

/// The last part of an image's name: `docker.io/library/postgres:16@sha256:…` → `postgres`.
fn short(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

/// What runs containers, and where it keeps images and volumes. Defaults: nixpkgs
/// nixos/modules/virtualisation/oci-containers.nix.
fn backend(host: &Host) -> Option<(Engine, String)> {
    let settings = &host.settings;
    let first = settings.text("system.stateVersion").and_then(version);
    let name = match settings.get(BACKEND) {
        Some(reading) => reading.as_ref().ok()?.value.as_str()?,
        None if first.is_some_and(|v| v < (22, 5)) => "docker",
        None => "podman",
    };
    let (engine, option, default) = match name {
        "docker" => (
            Engine::Docker,
            "virtualisation.docker.daemon.settings.data-root",
            "/var/lib/docker",
        ),
        _ => (
            Engine::Podman,
            "virtualisation.containers.storage.settings.storage.graphroot",
            "/var/lib/containers/storage",
        ),
    };
    let root = match settings.get(option) {
        Some(reading) => reading.as_ref().ok()?.value.as_str()?,
        None => default,
    };
    Some((engine, root.to_owned()))
}

/// A volume: where it lies, and where it is seen inside.
fn volume(text: &str, root: Option<&str>) -> Option<(String, String)> {
    let mut parts = text.split(':');
    let (from, at) = (parts.next()?, parts.next()?);
    let at = at.to_owned();
    if from.starts_with('/') {
        return Some((from.to_owned(), at));
    }
    Some((format!("{}/volumes/{from}/_data", root?), at))
}

/// Whether a volume holds data, rather than settings or sockets.
fn holds_data(from: &str) -> bool {
    let other = [
        "/etc", "/run", "/var/run", "/dev", "/sys", "/proc", "/nix", "/tmp",
    ];
    from != "/" && !other.iter().any(|o| is_below(from, o))
}

/// What containers tell about a kind of work.
pub(super) fn read(host: &Host, workload: &mut Workload) {
    let backend = backend(host);
    let root = backend.as_ref().map(|(_, root)| root.as_str());
    for (option, name, reading) in readings(host, IMAGES) {
        let (Some(name), Ok(setting)) = (name, reading) else {
            continue;
        };
        let Some(image) = setting.value.as_str() else {
            continue;
        };
        let own = format!("{CONTAINERS}{name}.volumes");
        let volumes = host.settings.known(&own).and_then(|s| s.value.as_array());
        let volumes: Vec<(String, String)> = volumes
            .into_iter()
            .flatten()
            .filter_map(|v| volume(v.as_str()?, root))
            .collect();
        let source = Source::Configuration(setting.at);
        if workload.kind == WorkloadKind::Container {
            let engine = backend.as_ref().map(|(engine, _)| *engine);
            let again = workload.engine(engine);
            for path in root.into_iter().map(str::to_owned).chain(
                volumes
                    .iter()
                    .map(|(from, _)| from.clone())
                    .filter(|from| holds_data(from)),
            ) {
                let place = workload.place(host, &path, engine, false);
                workload.add(host, place);
            }
            let weight = if again { Weight::Weak } else { Weight::Strong };
            let statement = format!("`{option}` runs the image {image}");
            workload
                .evidence
                .push(Evidence::speaks_for(weight, source, statement));
            continue;
        }
        let known = TABLE
            .iter()
            .find(|row| row.kind == workload.kind && row.names.iter().any(|n| n == short(image)));
        let Some(row) = known else { continue };
        workload.engine(row.engine);
        let mut found = false;
        for inside in &row.inside {
            let held = volumes
                .iter()
                .filter(|(_, at)| is_below(inside, at) || is_below(at, inside))
                .max_by_key(|(_, at)| at.len());
            let Some((from, at)) = held else { continue };
            let rest = match is_below(inside, at) {
                true => inside.get(at.trim_end_matches('/').len()..).unwrap_or(""),
                false => "",
            };
            let path = format!("{}{rest}", from.trim_end_matches('/'));
            let mut place = workload.place(host, &path, row.engine, false);
            let step = format!("the container {name} sees it as {at}{rest}");
            place.why.insert(0, step);
            workload.add(host, place);
            found = true;
        }
        if !found {
            let inside = row.inside.join(" and ");
            workload.unplaced.push(format!(
                "the container {name} keeps its data at {inside}, for which no volume is known: in \
                 a volume without a name, or in its own layer"
            ));
        }
        let statement = format!("`{option}` runs the image {image}");
        workload
            .evidence
            .push(Evidence::speaks_for(Weight::Strong, source, statement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_the_last_part_of_its_name() {
        for image in [
            "postgres",
            "postgres:16-alpine",
            "docker.io/library/postgres:16@sha256:abc",
            "registry.example.org:5000/team/postgres@sha256:abc",
        ] {
            assert_eq!(short(image), "postgres", "{image}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_sound() {
        let mut seen = std::collections::BTreeSet::new();
        for row in table().unwrap() {
            for name in &row.names {
                assert!(seen.insert((name.clone(), row.kind)), "{name} twice");
                assert_eq!(short(name), name);
            }
            assert!(row.inside.iter().all(|p| p.starts_with('/')), "{row:?}");
            assert!(row.source.starts_with("https://"), "{row:?}");
        }
    }
}
