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

/// The input whose revision, or else whose owner and repository, or whose address this is.
fn name_of(lock: &Json, address: &str) -> Option<String> {
    let nodes = lock["nodes"].as_object()?;
    let parts: Vec<&str> = address.split(['/', ':', '?', '&', '=']).collect();
    let field = |node: &Json, key: &str| -> Option<String> {
        let text = node["locked"][key].as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let is_revision = |node: &Json| {
        let revision = field(node, "rev");
        revision.is_some_and(|rev| parts.contains(&rev.as_str()))
    };
    let is_repository = |node: &Json| match (field(node, "owner"), field(node, "repo")) {
        (Some(owner), Some(repo)) => parts.windows(2).any(|pair| pair == [&owner, &repo]),
        _ => false,
    };
    let is_address = |node: &Json| {
        let text = field(node, "url").or_else(|| field(node, "path"));
        text.is_some_and(|text| address.contains(&text))
    };
    let tests: [&dyn Fn(&Json) -> bool; 3] = [&is_revision, &is_repository, &is_address];
    let found = tests
        .iter()
        .find_map(|test| nodes.iter().find(|(_, node)| test(node)));
    found.map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn an_input_is_named_as_the_lock_file_names_it() {
        let lock = r#"{ "nodes": {
            "a": { "locked": { "owner": "me", "repo": "a", "rev": "1111" } },
            "b": { "locked": { "url": "ssh://git@example.org/b", "rev": "2222" } },
            "c": { "locked": { "owner": "me", "repo": "c", "rev": "" } },
            "root": { "inputs": { "a": "a" } } } }"#;
        let named = |err: &str| missing(err, Some(lock));
        for (err, expected) in [
            (
                "error: unable to download 'https://api.github.com/repos/me/a/tarball/1111': x",
                "`a` (https://api.github.com/repos/me/a/tarball/1111)",
            ),
            (
                "error: git\n … while fetching the input 'git+ssh://git@example.org/b?rev=2222'",
                "`b` (git+ssh://git@example.org/b?rev=2222)",
            ),
            (
                "error: unable to download 'https://api.github.com/repos/me/c/commits/HEAD': x",
                "`c` (https://api.github.com/repos/me/c/commits/HEAD)",
            ),
            (
                "error: cannot find flake 'flake:nixpkgs' in the flake registries",
                "`flake:nixpkgs`",
            ),
            (
                "error: cannot update unlocked flake input 'late' in pure mode",
                "`late`",
            ),
        ] {
            assert_eq!(named(err).as_deref(), Some(expected), "{err}");
        }
        assert_eq!(named("error: attribute 'a' missing"), None);
        let err = "error: unable to download 'https://example.org/x': y";
        assert_eq!(
            missing(err, None).as_deref(),
            Some("`https://example.org/x`")
        );
        assert_eq!(
            missing(err, Some("no lock")).as_deref(),
            Some("`https://example.org/x`")
        );
    }
}
