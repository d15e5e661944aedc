//! How a directory is kept through boots, where the place it lies on is emptied.

use serde_json::Value as Json;

use super::own_place::split;
use super::rollback::{Lost, lost};
use crate::model::Host;
use crate::recommend::Action;

/// What keeps a directory: a line in the one list of directories that persist, else a subvolume of
/// its own where the emptied one has declared siblings.
pub(super) fn keep(host: &Host, directory: &str, name: &str, lost_in: &Lost<'_>) -> Option<Action> {
    if let Some(path) = the_list(host)? {
        return Some(Action::EditNixosList {
            path,
            remove: Vec::new(),
            add: vec![Json::from(directory)],
        });
    }
    match lost_in {
        Lost::RolledBack(rolled) => split(host, rolled.filesystem, directory, name),
        Lost::InMemory(_) => None,
    }
}

/// The list of directories that persist, of impermanence or preservation. `Some(None)` where there
/// is none, `None` where one would have to be chosen, or is not known.
fn the_list(host: &Host) -> Option<Option<Vec<String>>> {
    const ROOTS: [&[&str]; 2] = [
        &["environment", "persistence"],
        &["preservation", "preserveAt"],
    ];
    let mut found = Vec::new();
    for root in ROOTS {
        let prefix = format!("{}.", root.join("."));
        for (option, setting) in host.settings.below(&prefix) {
            let inner = option.strip_prefix(&prefix).unwrap_or_default();
            let place = match inner.strip_suffix(".directories") {
                // Those of users are named within their homes.
                Some(place) if !place.contains(".users.") => place,
                _ => continue,
            };
            let off = host.settings.get(&format!("{prefix}{place}.enable"));
            let is_list = setting.as_ref().is_ok_and(|s| s.value.is_array());
            if off.is_some() || !is_list || lost(host, place).is_some() {
                return None;
            }
            let names = root.iter().copied().chain([place, "directories"]);
            found.push(names.map(str::to_owned).collect());
        }
    }
    match found.len() {
        0 if super::rollback::uses_persistence(host) => None,
        0 | 1 => Some(found.pop()),
        _ => None,
    }
}
