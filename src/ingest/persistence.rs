//! `environment.persistence` and `preservation.preserveAt`: which paths lie elsewhere.
//!
//! Source: nix-community/impermanence nixos.nix and submodule-options.nix (`directories`, `files`,
//! `users`, `enable`, `persistentStoragePath`), WilliButz/preservation options.nix. A directory or
//! file is a bind mount of `<root><path>`; a user's is relative to the home directory.

use super::values::{SetAt, Values};
use crate::model::Storage;

/// Adds the bind mounts that persistence makes.
pub(super) fn add(values: &Values<'_>, root: &SetAt, storage: &mut Storage) {
    let impermanence = values
        .child(root, "environment")
        .and_then(|e| values.child(&e, "persistence"));
    // Without its module the option does nothing, but then NixOS refuses it.
    for (name, at) in impermanence.iter().flat_map(|all| values.children(all)) {
        if values.known(values.flag(&at, "enable")) == Some(Some(false)) {
            continue;
        }
        persistent(values, root, name, &at, storage);
    }
    let Some(preservation) = values.child(root, "preservation") else {
        return;
    };
    if values.known(values.flag(&preservation, "enable")) != Some(Some(true)) {
        return;
    }
    let all = values.child(&preservation, "preserveAt");
    for (name, at) in all.iter().flat_map(|all| values.children(all)) {
        persistent(values, root, name, &at, storage);
    }
}

/// One place at which things persist.
fn persistent(values: &Values<'_>, root: &SetAt, name: String, at: &SetAt, storage: &mut Storage) {
    let place = match values.text(at, "persistentStoragePath") {
        Ok(place) => place.map_or(name, |p| p.value),
        Err(fact) => return values.note(fact),
    };
    let mut kept = kept(values, at);
    if let Some(users) = values.child(at, "users") {
        for (user, set) in values.children(&users) {
            let Some(home) = home(values, root, &set, &user) else {
                continue;
            };
            let below = self::kept(values, &set).into_iter();
            kept.extend(below.map(|path| format!("{home}/{}", path.trim_start_matches('/'))));
        }
    }
    for path in kept {
        let from = format!("{}{path}", place.trim_end_matches('/'));
        storage.add_bind(path, from);
    }
}

fn kept(values: &Values<'_>, at: &SetAt) -> Vec<String> {
    let mut paths = values.paths(at, "directories", "directory");
    paths.extend(values.paths(at, "files", "file"));
    paths
}

/// The home directory of a user.
fn home(values: &Values<'_>, root: &SetAt, set: &SetAt, user: &str) -> Option<String> {
    if let Some(home) = values.known(values.text(set, "home"))? {
        return Some(home.value);
    }
    let declared = values
        .child(root, "users")
        .and_then(|users| values.child(&users, "users"))
        .and_then(|users| values.child(&users, user));
    if let Some(declared) = declared
        && let Some(home) = values.known(values.text(&declared, "home"))?
    {
        return Some(home.value);
    }
    // nixpkgs nixos/modules/config/users-groups.nix.
    Some(match user {
        "root" => "/root".to_owned(),
        user => format!("/home/{user}"),
    })
}
