//! Whether what Nix says changed is what the patches claim, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::model::Host;
use crate::nix::module::Change;

/// What Nix says of a host at one time, by the paths that it was asked for.
#[derive(Debug, Default)]
pub(super) struct Side {
    roots: BTreeMap<Vec<String>, Json>,
}

impl Side {
    /// Takes an answer over. `kept` is where Nix keeps the tree.
    pub(super) fn put(&mut self, path: &[String], value: &Json, kept: Option<&str>) {
        self.roots.insert(path.to_vec(), plain(value, kept));
    }

    /// What it says at a path; `None` if nothing.
    pub(super) fn get(&self, path: &[String]) -> Option<&Json> {
        let (root, value) = (0..=path.len())
            .rev()
            .find_map(|length| Some((length, self.roots.get(&path[..length])?)))?;
        path[root..]
            .iter()
            .try_fold(value, |json, name| json.get(name))
    }

    fn leaves(&self) -> BTreeMap<Vec<String>, &Json> {
        let mut out = BTreeMap::new();
        for (path, value) in &self.roots {
            leaves(value, &mut path.clone(), &mut out);
        }
        out
    }
}

/// Every leaf with its path; a list is a leaf, and so is an empty set.
fn leaves<'j>(value: &'j Json, path: &mut Vec<String>, out: &mut BTreeMap<Vec<String>, &'j Json>) {
    match value {
        Json::Object(set) if !set.is_empty() => {
            for (name, value) in set {
                path.push(name.clone());
                leaves(value, path, out);
                path.pop();
            }
        }
        _ => drop(out.insert(path.clone(), value)),
    }
}

/// A value without what differs between two copies of the same tree: where Nix keeps it, and the
/// hashes of what is built from it.
fn plain(value: &Json, kept: Option<&str>) -> Json {
    let text = |text: &str| {
        let text = match kept {
            Some(kept) if !kept.is_empty() => text.replace(kept, "<the tree>"),
            _ => text.to_owned(),
        };
        without_hashes(&text)
    };
    match value {
        Json::String(s) => Json::String(text(s)),
        Json::Array(items) => items.iter().map(|i| plain(i, kept)).collect(),
        Json::Object(set) => match (set.get("$nix"), set.get("text")) {
            (Some(kind), Some(Json::String(path))) if kind == "path" => Json::String(text(path)),
            _ => {
                let entry = |(name, value): (&String, &Json)| (name.clone(), plain(value, kept));
                Json::Object(set.iter().map(entry).collect())
            }
        },
        other => other.clone(),
    }
}

const STORE: &str = "/nix/store/";
/// The characters of a hash in the name of a store path.
const HASH: usize = 32;

fn without_hashes(text: &str) -> String {
    let mut parts = text.split(STORE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(STORE);
        out.push_str(match part.get(HASH..) {
            Some(rest) if rest.starts_with('-') => rest,
            _ => part,
        });
    }
    out
}

/// Something that Nix contradicts, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wrong {
    pub(super) path: Vec<String>,
    pub(super) why: String,
}

/// A host before and after, as the files tell it and as Nix does.
pub(super) struct Compared<'a> {
    /// What the patches claim together.
    pub(super) claims: &'a [Change],
    /// The models that the files give.
    pub(super) models: (&'a Host, &'a Host),
    /// What Nix says.
    pub(super) real: (&'a Side, &'a Side),
}

impl Compared<'_> {
    /// All that Nix says otherwise.
    pub(super) fn wrong(&self) -> Vec<Wrong> {
        let claimed = self.claims.iter().filter_map(|c| self.contradicted(c));
        let mut wrong: Vec<Wrong> = claimed.collect();
        let (before, after) = (self.real.0.leaves(), self.real.1.leaves());
        let paths: BTreeSet<&Vec<String>> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let (old, new) = (before.get(path).copied(), after.get(path).copied());
            if old != new && !self.is_explained(path, old, new) {
                let (name, old, new) = (path.join("."), show(old), show(new));
                wrong.push(Wrong {
                    path: path.clone(),
                    why: format!("Nix says that {name} changes too, from {old} to {new}"),
                });
            }
        }
        wrong
    }

    fn contradicted(&self, claim: &Change) -> Option<Wrong> {
        let (before, after) = (self.real.0.get(&claim.path), self.real.1.get(&claim.path));
        let claimed = (claim.before.as_ref(), claim.after.as_ref());
        if same_change(claimed, (before, after)) {
            return None;
        }
        let path = claim.path.join(".");
        let (old, new) = (show(claimed.0), show(claimed.1));
        let (real_old, real_new) = (show(before), show(after));
        Some(Wrong {
            path: claim.path.clone(),
            why: format!(
                "{path} is said to change from {old} to {new}, but Nix says from {real_old} to \
                 {real_new}"
            ),
        })
    }

    /// Whether a difference is claimed, or is what NixOS and disko make of something claimed.
    fn is_explained(&self, path: &[String], old: Option<&Json>, new: Option<&Json>) -> bool {
        let claimed = |c: &Change| path.starts_with(&c.path) || c.path.starts_with(path);
        if self.claims.iter().any(claimed) {
            return true;
        }
        // A set that comes or goes has the defaults of its type with it.
        let appears = |side: &Side| {
            let missing = |length: &usize| side.get(&path[..*length]).is_none();
            let whole = (1..path.len()).find(missing).map(|length| &path[..length]);
            whole.is_some_and(|whole| self.claims.iter().any(|c| c.path.starts_with(whole)))
        };
        if appears(self.real.0) || appears(self.real.1) {
            return true;
        }
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["fileSystems", mountpoint, rest @ ..] => {
                self.is_of_mount(mountpoint, rest, (old, new))
            }
            ["boot", "initrd", "luks", "devices", _, setting] => self.claims.iter().any(|c| {
                c.path.first().is_some_and(|first| first == "disko")
                    && c.path.last().is_some_and(|last| last == setting)
                    && c.after.as_ref() == new
            }),
            ["swapDevices"] => {
                let speaks_of_swap = |c: &Change| c.path.iter().any(|name| name == "swap");
                self.claims.iter().any(speaks_of_swap)
            }
            _ => false,
        }
    }

    /// Whether the files say of a mount what Nix says: disko makes `fileSystems` of its own tree.
    fn is_of_mount(
        &self,
        mountpoint: &str,
        rest: &[&str],
        real: (Option<&Json>, Option<&Json>),
    ) -> bool {
        let options = |host: &Host| -> Option<Option<Json>> {
            let Some((_, mount)) = host.storage.mount(mountpoint) else {
                return Some(None);
            };
            let known = mount.options.known()?.iter();
            Some(Some(known.map(|o| Json::from(o.value.as_str())).collect()))
        };
        let (Some(before), Some(after)) = (options(self.models.0), options(self.models.1)) else {
            return false;
        };
        if before == after {
            return false;
        }
        match (&before, &after) {
            (Some(_), Some(_)) => {
                rest == ["options"] && same_change((before.as_ref(), after.as_ref()), real)
            }
            // It comes or goes, and all that is said of it.
            _ => true,
        }
    }
}

/// Whether two changes of a value are the same. NixOS may have more in a list or text than the
/// project's files say, and a default where they say nothing.
fn same_change(
    claimed: (Option<&Json>, Option<&Json>),
    real: (Option<&Json>, Option<&Json>),
) -> bool {
    match (claimed.0, claimed.1) {
        (None, Some(after)) if Some(after) == real.1 => return true,
        (Some(_), None) => return real.0 == claimed.0 && real.1 != real.0,
        _ if claimed == real => return true,
        _ => {}
    }
    let parts = |json: Option<&Json>| -> Option<Vec<String>> {
        match json {
            None | Some(Json::Null) => Some(Vec::new()),
            Some(Json::Array(items)) => Some(items.iter().map(Json::to_string).collect()),
            Some(Json::String(text)) if text.contains('\n') => {
                Some(text.lines().map(str::to_owned).collect())
            }
            Some(_) => None,
        }
    };
    let is_composed = |json: Option<&Json>| match json {
        Some(Json::Array(_)) => true,
        Some(Json::String(text)) => text.contains('\n'),
        _ => false,
    };
    if !is_composed(claimed.1) || !is_composed(real.1) {
        return false;
    }
    let delta = |(before, after): (Option<&Json>, Option<&Json>)| {
        let (mut gone, mut come) = (parts(before)?, Vec::new());
        for part in parts(after)? {
            match gone.iter().position(|g| *g == part) {
                Some(index) => drop(gone.remove(index)),
                None => come.push(part),
            }
        }
        gone.sort();
        come.sort();
        Some((gone, come))
    };
    let (one, other) = (delta(claimed), delta(real));
    one.is_some() && one == other
}

fn show(json: Option<&Json>) -> String {
    json.map_or("nothing".to_owned(), Json::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_compared_by_what_comes_and_goes() {
        let list = |items: &[&str]| json!(items);
        let same = |claimed: (Option<Json>, Option<Json>), real: (Option<Json>, Option<Json>)| {
            let (a, b) = (&claimed, &real);
            same_change((a.0.as_ref(), a.1.as_ref()), (b.0.as_ref(), b.1.as_ref()))
        };
        let (a, ab) = (list(&["a"]), list(&["a", "b"]));
        let claimed = || (Some(a.clone()), Some(ab.clone()));
        assert!(same(claimed(), claimed()));
        // NixOS has an element of its own.
        let more = (Some(list(&["x", "a"])), Some(list(&["x", "a", "b"])));
        assert!(same(claimed(), more));
        let less = (Some(list(&["x", "a"])), Some(list(&["a", "b"])));
        assert!(!same(claimed(), less));
        assert!(!same(claimed(), (Some(a.clone()), Some(a.clone()))));
        assert!(!same(claimed(), (Some(a.clone()), None)));
        // A default where the files said nothing.
        assert!(same(
            (None, Some(json!(1))),
            (Some(json!(60)), Some(json!(1)))
        ));
        assert!(!same(
            (None, Some(json!(1))),
            (Some(json!(60)), Some(json!(60)))
        ));
        assert!(!same(
            (Some(json!(1)), None),
            (Some(json!(1)), Some(json!(1)))
        ));
        assert!(same(
            (Some(json!(1)), None),
            (Some(json!(1)), Some(json!(60)))
        ));
        let lines = |text: &str| Some(json!(text));
        assert!(same(
            (None, lines("a\nb\n")),
            (lines("z\n"), lines("z\na\nb\n"))
        ));
    }

    #[test]
    fn hashes_of_the_store_are_no_difference() {
        let hash = "0123456789abcdfghijklmnpqrsvwxyz";
        let text = format!("L+ /x - - - - /nix/store/{hash}-source/y");
        assert_eq!(without_hashes(&text), "L+ /x - - - - /nix/store/-source/y");
        assert_eq!(without_hashes("/nix/store/short"), "/nix/store/short");
    }
}
