//! Whether the difference of two evaluations by the real Nix is what an edit claims.

use std::collections::BTreeSet;

use btrfs_tune::nix::module::Change;
use serde_json::{Value as Json, json};

/// What Nix says of an edit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    Confirmed,
    Contradicted(String),
    CannotSay(String),
}

/// How Nix reads what is claimed to have been there before an edit.
#[derive(Debug, Clone, PartialEq)]
#[allow(dead_code, reason = "not every test asks")]
pub(crate) enum Reading {
    /// As it is claimed.
    Same,
    /// Nothing is claimed of it, or Nix does not look there, or sees nothing there.
    Nothing,
    /// Otherwise: what, and how.
    Other(String),
}

/// Whether Nix reads what was there before an edit as its claims do.
#[allow(dead_code, reason = "not every test asks")]
pub(crate) fn reading(
    before: &Json,
    claims: &[Change],
    is_seen: &dyn Fn(&[String]) -> bool,
) -> Reading {
    let mut found = Reading::Nothing;
    for claim in claims {
        let derived = ["fileSystems", "swapDevices", "boot"].contains(&claim.path[0].as_str())
            && claims.iter().any(|c| c.path[0] == "disko");
        let path = of_fragment(&claim.path, before, before);
        let was = at(before, &path);
        if derived && was.is_none() {
            continue;
        }
        if !is_seen(&path) {
            return Reading::Nothing;
        }
        match (&claim.before, was) {
            (Some(_), None) => return Reading::Nothing,
            (None, None) => {}
            (ours, nix) if same(ours.as_ref(), nix) => found = Reading::Same,
            (ours, nix) => {
                let show = |j: Option<&Json>| j.map_or("nothing".to_owned(), Json::to_string);
                return Reading::Other(format!(
                    "Nix has another {} to begin with: {} is {}",
                    path.join("."),
                    show(ours.as_ref()),
                    show(nix)
                ));
            }
        }
    }
    found
}

/// Whether the difference of two answers is what was claimed, and nothing else.
pub(crate) fn against(
    before: &Json,
    after: &Json,
    claims: &[Change],
    is_seen: &dyn Fn(&[String]) -> bool,
) -> Verdict {
    let mut real = Vec::new();
    differences(&mut Vec::new(), Some(before), Some(after), &mut real);
    let by_disko = claims.iter().any(|c| c.path[0] == "disko");
    let mut unsaid = None;
    for claim in claims {
        let path = &claim.path;
        // What disko makes of its devices is not worked out here.
        let derived =
            by_disko && ["fileSystems", "swapDevices", "boot"].contains(&path[0].as_str());
        let path = of_fragment(path, before, after);
        let (was, is) = (at(before, &path), at(after, &path));
        if derived && was == is {
            continue;
        }
        if !is_seen(&path) {
            unsaid = Some(format!("{} is not looked at", path.join(".")));
            continue;
        }
        if claim.before.is_some() && was.is_none() && real.is_empty() {
            unsaid = Some(format!("Nix does not see {}", path.join(".")));
            continue;
        }
        for (what, ours, nix) in [("before", &claim.before, was), ("after", &claim.after, is)] {
            if what == "before" && !same(ours.as_ref(), nix) {
                // The original is read in another way already: no answer about the edit.
                let show = |j: Option<&Json>| j.map_or("nothing".to_owned(), Json::to_string);
                let (ours, nix) = (show(ours.as_ref()), show(nix));
                unsaid = Some(format!(
                    "Nix has another {} to begin with: {nix}, not {ours}",
                    path.join(".")
                ));
                break;
            }
            if !same(ours.as_ref(), nix) {
                let show = |j: Option<&Json>| j.map_or("nothing".to_owned(), Json::to_string);
                return Verdict::Contradicted(format!(
                    "{} {what} is {}, Nix says {}",
                    path.join("."),
                    show(ours.as_ref()),
                    show(nix)
                ));
            }
        }
    }
    for (path, was, is) in &real {
        let claimed = claims.iter().any(|c| {
            let claim = of_fragment(&c.path, before, after);
            claim == *path || claim.starts_with(path) || path.starts_with(&claim)
        });
        // A new attribute set has the defaults of its type beside what was claimed of it.
        let beside = |whole: &Json| {
            let mut parent = path.clone();
            while !parent.is_empty() && at(whole, &parent).is_none() {
                let above = &parent[..parent.len() - 1];
                if at(whole, above).is_some() {
                    break;
                }
                parent.pop();
            }
            claims
                .iter()
                .any(|c| of_fragment(&c.path, before, after).starts_with(&parent))
        };
        let default = match (was, is) {
            (None, Some(value)) => is_default(value, path) && beside(before),
            (Some(value), None) => is_default(value, path) && beside(after),
            _ => false,
        };
        let derived =
            by_disko && is_derived(path, was.as_ref(), is.as_ref(), before, after, claims);
        if !claimed && !default && !derived {
            return Verdict::Contradicted(format!("Nix says that {} changes too", path.join(".")));
        }
    }
    match (unsaid, real.is_empty()) {
        (Some(why), _) => Verdict::CannotSay(why),
        (None, true) => Verdict::Contradicted("Nix sees no change".to_owned()),
        (None, false) => Verdict::Confirmed,
    }
}

/// Whether an attribute outside of disko is what disko makes of the claimed change: a mount whose
/// subvolume or filesystem is claimed about, with no other options come or gone.
fn is_derived(
    path: &[String],
    was: Option<&Json>,
    is: Option<&Json>,
    before: &Json,
    after: &Json,
    claims: &[Change],
) -> bool {
    let about = |name: &str| claims.iter().any(|c| c.path.iter().any(|n| n == name));
    match path.first().map(String::as_str) {
        Some("swapDevices") => about("swap"),
        Some("boot") => path.get(2).is_some_and(|n| n == "luks") && about("settings"),
        Some("fileSystems") => {
            // What a claim is about: the nearest thing around it that is mounted.
            let owners = claims.iter().flat_map(|c| {
                let lengths = 1..=c.path.len();
                lengths.map(|length| c.path[..length].to_vec())
            });
            let is_here = |whole: &Json, owner: &[String]| {
                at(whole, owner).and_then(|o| o["mountpoint"].as_str())
                    == path.get(1).map(String::as_str)
            };
            let elements = |list: Option<&Json>| -> BTreeSet<String> {
                let list = list.and_then(Json::as_array).into_iter().flatten();
                let texts = list.filter_map(Json::as_str).map(str::to_owned);
                texts
                    .filter(|o| !o.starts_with("subvol=") && o != "defaults")
                    .collect()
            };
            // The mount options that disko is told, by the owner before and the one after: a
            // subvolume may be renamed.
            let owners: Vec<Vec<String>> = owners.collect();
            let told = |whole: &Json| {
                let owner = owners.iter().find(|o| is_here(whole, o))?;
                Some(elements(
                    at(whole, owner).and_then(|o| o.get("mountOptions")),
                ))
            };
            match (told(before), told(after)) {
                (None, None) => false,
                (Some(old), Some(new)) if path.last().is_some_and(|n| n == "options") => {
                    let (was, is) = (elements(was), elements(is));
                    let apart = was.symmetric_difference(&is);
                    apart.eq(old.symmetric_difference(&new))
                }
                _ => true,
            }
        }
        _ => false,
    }
}

/// A disk of which only a part is in the file has no name there: each reader gives it one.
fn of_fragment(path: &[String], before: &Json, after: &Json) -> Vec<String> {
    let mut path = path.to_vec();
    let is_disk = path.len() > 3 && path[..3] == ["disko", "devices", "disk"];
    if is_disk {
        let disk = path[..4].to_vec();
        let fragment = [&disk[..3], &["fragment".to_owned()]].concat();
        let missing = at(before, &disk).is_none() && at(after, &disk).is_none();
        if missing && at(before, &fragment).is_some() {
            path[3] = "fragment".to_owned();
        }
    }
    path
}

/// What a type gives of itself.
fn is_default(value: &Json, path: &[String]) -> bool {
    let name = path.last().map(String::as_str).unwrap_or_default();
    match value {
        Json::Null | Json::Bool(_) => true,
        Json::Array(items) => items.is_empty() || *items == [json!("defaults")],
        Json::Object(map) => map.is_empty(),
        Json::String(text) => {
            let owner = path.len().checked_sub(2).map(|i| path[i].as_str());
            text.is_empty()
                || name == "type"
                || ["name", "mountPoint", "path"].contains(&name) && owner == Some(text)
                || name == "fsType"
                || text.contains('‹')
        }
        Json::Number(_) => false,
    }
}

/// Whether ours and Nix's are one value; what is unwritten is the default there.
fn same(ours: Option<&Json>, nix: Option<&Json>) -> bool {
    match (ours, nix) {
        (None, None) => true,
        (None, Some(nix)) => is_default(nix, &[]),
        (Some(_), None) => false,
        (Some(ours), Some(nix)) => same_value(ours, nix),
    }
}

fn same_value(ours: &Json, nix: &Json) -> bool {
    match (ours, nix) {
        (Json::String(a), Json::String(b)) => a == b || a.contains('‹') || b.contains('‹'),
        // What is not known of ours cannot differ.
        (Json::String(a), _) if a.starts_with('‹') => true,
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Json::Object(a), Json::Object(b)) => a
            .iter()
            .all(|(n, a)| b.get(n).is_some_and(|b| same_value(a, b))),
        _ => ours == nix,
    }
}

type Difference = (Vec<String>, Option<Json>, Option<Json>);

fn differences(
    path: &mut Vec<String>,
    before: Option<&Json>,
    after: Option<&Json>,
    out: &mut Vec<Difference>,
) {
    if before == after {
        return;
    }
    let empty = serde_json::Map::new();
    let (b, a) = match (before, after) {
        (Some(Json::Object(b)), Some(Json::Object(a))) => (b, a),
        (None, Some(Json::Object(a))) if !a.is_empty() => (&empty, a),
        (Some(Json::Object(b)), None) if !b.is_empty() => (b, &empty),
        _ => return out.push((path.clone(), before.cloned(), after.cloned())),
    };
    let names: BTreeSet<&String> = b.keys().chain(a.keys()).collect();
    for name in names {
        path.push(name.clone());
        differences(path, b.get(name), a.get(name), out);
        path.pop();
    }
}

fn at<'j>(json: &'j Json, path: &[String]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, name| json.get(name))
}
