//! Statements about a host that several rules weigh.

use crate::analyze::{Evidence, Source, Weight, Workload};
use crate::model::Host;

/// What takes snapshots of the subvolume that is mounted at a path: `services.snapper` and
/// `services.btrbk` of NixOS.
pub(super) fn snapshots_of(host: &Host, mountpoint: &str) -> Vec<Evidence> {
    let says = |at, who: &str| {
        Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(at),
            format!("{who} takes snapshots of {mountpoint}"),
        )
    };
    let mut found = Vec::new();
    for (path, setting) in host.settings.below("services.snapper.configs.") {
        let Ok(setting) = setting else { continue };
        let is_subvolume = path.ends_with(".SUBVOLUME") || path.ends_with(".subvolume");
        if is_subvolume && setting.value == mountpoint {
            found.push(says(setting.at, "services.snapper"));
        }
    }
    for (path, setting) in host.settings.below("services.btrbk.instances.") {
        // ….settings.volume.<directory>.subvolume.<name>…
        let Some((volume, subvolume)) = path
            .split_once(".settings.volume.")
            .and_then(|(_, rest)| rest.split_once(".subvolume"))
        else {
            continue;
        };
        let joined = |name: &str| match (volume.trim_end_matches('/'), name) {
            ("", "" | ".") => "/".to_owned(),
            (volume, "" | ".") => volume.to_owned(),
            (volume, name) => format!("{volume}/{name}"),
        };
        let Ok(setting) = setting else { continue };
        let named = subvolume.strip_prefix('.').unwrap_or_default();
        let matches_name = match &setting.value {
            // `subvolume = "home";`
            serde_json::Value::String(name) if subvolume.is_empty() => joined(name) == mountpoint,
            _ => {
                let wanted = joined(named);
                wanted == mountpoint || wanted.starts_with(&format!("{mountpoint}."))
            }
        };
        if matches_name
            && !found
                .iter()
                .any(|e: &Evidence| e.statement.contains("btrbk"))
        {
            found.push(says(setting.at, "services.btrbk"));
        }
    }
    found
}

/// A statement about the work of a host, from where the work is known.
pub(super) fn of_work(work: &Workload, weight: Weight, statement: String) -> Evidence {
    let known = work
        .evidence
        .first()
        .map(|evidence| evidence.source.clone());
    let source = known.unwrap_or_else(|| Source::Observation("the work of the host".to_owned()));
    Evidence::speaks_for(weight, source, statement)
}
