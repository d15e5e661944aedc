//! Owns: whether a configuration changed exactly as claimed.

use serde_json::Value as Json;

use super::state::HostState;
use crate::nix::module::{Change, Tree};
use crate::rewrite::lower::{Claim, Expected};

/// How much of what is claimed must have come true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing else may have changed; something may be missing yet.
    Partly,
    /// All of it, and nothing else.
    Wholly,
}

/// Whether a host changed as claimed since an earlier state; what is wrong, if not.
pub(super) fn check(
    before: &HostState,
    after: &HostState,
    changes: &[Change],
    claims: &[Claim],
    progress: Progress,
) -> Result<(), String> {
    if let Some(change) = changes.iter().find(|c| !is_claimed(c, claims)) {
        return Err(format!("it would also change {}", change.path.join(".")));
    }
    if let Some(why) = after.lost_since(before) {
        return Err(format!(
            "a module could no longer be taken into account: {why}"
        ));
    }
    if progress == Progress::Partly {
        return Ok(());
    }
    match claims.iter().find(|claim| !holds(claim, before, after)) {
        Some(claim) => Err(format!(
            "the edits do not make {} what it should be",
            claim.path.join(".")
        )),
        None => Ok(()),
    }
}

/// Whether a claim speaks of a change. One about a whole value speaks of all that is in it.
fn is_claimed(change: &Change, claims: &[Claim]) -> bool {
    claims.iter().any(|claim| match claim.expected {
        Expected::Elements(_) => claim.path == change.path,
        _ => change.path.starts_with(&claim.path),
    })
}

/// Whether a claim is true of a host, seen from an earlier state of it.
pub(super) fn holds(claim: &Claim, before: &HostState, after: &HostState) -> bool {
    let found = value_at(after.tree(), &claim.path);
    if !claim.holds(found.as_ref()) {
        return false;
    }
    match (&claim.expected, &found) {
        (Expected::Elements(wanted), Some(Json::Array(found))) => {
            let old = match value_at(before.tree(), &claim.path) {
                Some(Json::Array(old)) => old,
                _ => Vec::new(),
            };
            keeps_order(&old, wanted, found)
        }
        _ => true,
    }
}

/// Whether the elements that stay stand in the order that is claimed. New ones may stand anywhere
/// between them: where a list is merged from several, that is not for one of them to say.
fn keeps_order(old: &[Json], wanted: &[Json], found: &[Json]) -> bool {
    let stay = |list: &[Json]| -> Vec<Json> {
        let stays = |item: &&Json| old.contains(item);
        list.iter().filter(stays).cloned().collect()
    };
    stay(wanted) == stay(found)
}

/// An attribute of a configuration.
fn value_at(mut tree: &Tree, path: &[String]) -> Option<Json> {
    for name in path {
        let Tree::Set(map) = tree else { return None };
        tree = map.get(name)?;
    }
    Some(tree.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(old: Json, wanted: Json, found: Json) -> bool {
        let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
        keeps_order(&list(&old), &list(&wanted), &list(&found))
    }

    #[test]
    fn what_stays_keeps_its_order_and_what_comes_may_stand_anywhere() {
        for (old, wanted, found, ok) in [
            (
                json!(["a", "b"]),
                json!(["a", "b", "c"]),
                json!(["a", "c", "b"]),
                true,
            ),
            (
                json!(["a", "b"]),
                json!(["a", "b", "c"]),
                json!(["c", "a", "b"]),
                true,
            ),
            (
                json!(["a", "b"]),
                json!(["a", "b", "c"]),
                json!(["b", "a", "c"]),
                false,
            ),
            (
                json!(["a", "b", "c"]),
                json!(["c", "x"]),
                json!(["x", "c"]),
                true,
            ),
            (json!([]), json!(["x", "y"]), json!(["y", "x"]), true),
        ] {
            assert_eq!(
                kept(old.clone(), wanted.clone(), found.clone()),
                ok,
                "{old} {wanted} {found}"
            );
        }
    }
}
