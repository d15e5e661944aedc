//! Places in which things persist while `/` does not, as impermanence and preservation name them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::Host;
use crate::nix::source::Span;

/// Which module moves things to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// `environment.persistence` of nix-community/impermanence.
    Impermanence,
    /// `preservation.preserveAt` of nix-community/preservation.
    Preservation,
}

/// A place in which things persist.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The directory below which they lie.
    pub(super) root: String,
    pub(super) by: By,
    /// The option that names it.
    pub(super) option: String,
    /// Whether it has to be there before the system starts: impermanence makes its directories and
    /// files in the activation script, preservation those with `inInitrd` in the initrd.
    pub(super) early: bool,
    pub(super) at: Option<Span>,
}

/// What stands below the name of a place, the longer names first.
const BELOW: [&str; 7] = [
    ".persistentStoragePath",
    ".hideMounts",
    ".directories",
    ".files",
    ".users.",
    ".enable",
    ".common",
];

/// All places that the configuration names and does not turn off.
pub(super) fn places(host: &Host) -> Vec<Place> {
    let mut places = below(host, "environment.persistence.", By::Impermanence);
    if host.settings.is_true("preservation.enable") {
        places.extend(below(host, "preservation.preserveAt.", By::Preservation));
    }
    places
}

fn below(host: &Host, prefix: &str, by: By) -> Vec<Place> {
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for (path, setting) in host.settings.below(prefix) {
        let rest = path.strip_prefix(prefix).unwrap_or_default();
        let end = BELOW.iter().filter_map(|name| rest.find(name)).min();
        let Some((name, option)) = end.and_then(|end| rest.split_at_checked(end)) else {
            continue;
        };
        let holds = [".directories", ".files", ".users."];
        if !holds.iter().any(|held| option.starts_with(held)) || is_empty(setting.as_ref().ok()) {
            continue;
        }
        let here = format!("{prefix}{name}");
        let root = match host.settings.get(&format!("{here}.persistentStoragePath")) {
            None => name.to_owned(),
            Some(Ok(written)) => written.value.as_str().unwrap_or(name).to_owned(),
            Some(Err(_)) => continue,
        };
        // Turned off, or nobody knows.
        let enabled = host.settings.get(&format!("{here}.enable"));
        let on = enabled.is_none_or(|e| e.as_ref().is_ok_and(|e| e.value == Json::Bool(true)));
        if !on || !root.starts_with('/') {
            continue;
        }
        let value = setting.as_ref().ok();
        let early = by == By::Impermanence || value.is_some_and(|v| is_in_initrd(&v.value));
        let place = places.entry(here.clone()).or_insert(Place {
            root,
            by,
            option: here,
            early: false,
            at: value.and_then(|v| v.at),
        });
        place.early |= early;
    }
    places.into_values().collect()
}

fn is_empty(setting: Option<&crate::model::Setting>) -> bool {
    setting.is_some_and(|s| s.value.as_array().is_some_and(Vec::is_empty))
}

/// Whether any element of a list asks for the initrd.
fn is_in_initrd(list: &Json) -> bool {
    let elements = list.as_array().into_iter().flatten();
    elements
        .into_iter()
        .any(|e| e.get("inInitrd") == Some(&Json::Bool(true)))
}
