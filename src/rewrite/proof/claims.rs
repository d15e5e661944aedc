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
    match claims.iter().find(|claim| !holds(claim, after)) {
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
        Expected::Value(_) | Expected::Absent => change.path.starts_with(&claim.path),
        Expected::Elements { .. }
        | Expected::Lines { .. }
        | Expected::Inside { .. }
        | Expected::Null
        | Expected::Any
        | Expected::Declared => claim.path == change.path,
    })
}

/// Whether a claim is true of a host.
pub(super) fn holds(claim: &Claim, host: &HostState) -> bool {
    claim.holds(value_at(host.tree(), &claim.path).as_ref())
}

/// An attribute of a configuration.
fn value_at(mut tree: &Tree, path: &[String]) -> Option<Json> {
    for name in path {
        let Tree::Set(map) = tree else { return None };
        tree = map.get(name)?;
    }
    Some(tree.to_json())
}
