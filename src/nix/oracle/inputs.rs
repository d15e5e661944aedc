//! Which input of a flake Nix could not have.

use serde_json::Value as Json;

/// What Nix says where something would have to be fetched.
const FETCHING: &[&str] = &[
    "unable to download",
    "cannot find flake",
    "while fetching the input",
    "cannot fetch input",
    "failed to fetch",
    "cannot update unlocked flake input",
    "Could not resolve host",
    "Couldn't resolve host",
    "cannot find the input",
    "unable to fetch",
];

/// The input that is missing, as far as Nix's complaint says so: its name where the lock file or
/// the address leads to one, else the address.
pub(super) fn missing(err: &str, lock: Option<&str>) -> Option<String> {
    if !FETCHING.iter().any(|words| err.contains(words)) {
        return None;
    }
    let address = between(err, "while fetching the input '", "'")
        .or_else(|| between(err, "unable to download '", "'"))
        .or_else(|| between(err, "cannot find flake '", "'"))
        .or_else(|| between(err, "flake input '", "'"))
        .or_else(|| between(err, "the input '", "'"))?;
    let lock: Option<Json> = lock.and_then(|text| serde_json::from_str(text).ok());
    let named = lock.as_ref().and_then(|lock| name_of(lock, address));
    Some(match named {
        Some(name) => format!("`{name}` ({address})"),
        None => format!("`{address}`"),
    })
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let start = text.find(before)? + before.len();
    let length = text[start..].find(after)?;
    Some(&text[start..start + length])
}

/// The input whose revision, or else whose owner and repository, the address holds.
fn name_of(lock: &Json, address: &str) -> Option<String> {
    let nodes = lock["nodes"].as_object()?;
    let holds = |node: &Json, keys: &[&str]| {
        keys.iter().all(|key| {
            let text = node["locked"][*key].as_str();
            text.is_some_and(|text| !text.is_empty() && address.contains(text))
        })
    };
    [&["rev"][..], &["owner", "repo"], &["url"], &["path"]]
        .iter()
        .find_map(|keys| nodes.iter().find(|(_, node)| holds(node, keys)))
        .map(|(name, _)| name.clone())
}
