//! Which release of NixOS a nixpkgs is, as far as its address and the date of its lock tell.
//!
//! `system.stateVersion` says nothing of it: it stays while the machine moves on.

use serde_json::Value as Json;

use crate::model::Release;

/// What is known of a nixpkgs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nixpkgs {
    /// Its release; of a state between two the one that it has at least.
    pub release: Release,
    /// It is such a state.
    pub is_rolling: bool,
    /// What tells it.
    pub by: String,
}

impl Nixpkgs {
    /// Whether both are the same state as far as is known.
    pub(super) fn is_same(&self, other: &Nixpkgs) -> bool {
        (self.release, self.is_rolling) == (other.release, other.is_rolling)
    }

    /// As a text that goes through an evaluation.
    pub(super) fn to_text(&self) -> String {
        let kind = if self.is_rolling {
            "rolling"
        } else {
            "release"
        };
        format!("{} {kind} {}", self.release, self.by)
    }

    /// What [`Nixpkgs::to_text`] wrote.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let release = parts.next()?.parse().ok()?;
        let is_rolling = parts.next()? == "rolling";
        let by = parts.next()?.to_owned();
        Some(Nixpkgs {
            release,
            is_rolling,
            by,
        })
    }
}

/// What an address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A release.
    Release(Release),
    /// Whatever is newest in nixpkgs.
    Rolling,
    /// Something of which nobody here knows when it was.
    Other,
}

/// A node of flake.lock as it stands there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node<'a> {
    pub original: Option<&'a Json>,
    pub locked: Option<&'a Json>,
}

/// What a node of flake.lock is asked to be.
pub(super) fn of_node(node: Node<'_>) -> Asked {
    let Some(original) = node.original else {
        return Asked::Other;
    };
    let text =
        |json: &'_ Json, name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    let reference = text(original, "ref");
    let is_pinned = original.get("rev").is_some();
    match text(original, "type").unwrap_or_default().as_str() {
        "github" | "gitlab" | "sourcehut" => {
            let owner = text(original, "owner").unwrap_or_default();
            let name = text(original, "repo").unwrap_or_default();
            branch(reference.as_deref(), is_pinned, is_official(&owner, &name))
        }
        // The registry names NixOS/nixpkgs, unless somebody's own says otherwise.
        "indirect" => {
            let locked = |name| node.locked.and_then(|l| text(l, name)).unwrap_or_default();
            let official = is_official(&locked("owner"), &locked("repo"))
                || locked("url").starts_with("https://releases.nixos.org/");
            branch(reference.as_deref(), is_pinned, official)
        }
        "git" => {
            let url = text(original, "url").unwrap_or_default();
            branch(reference.as_deref(), is_pinned, is_official_url(&url))
        }
        "tarball" | "file" => {
            let url = text(original, "url").unwrap_or_default();
            match of_tarball(&url) {
                // `*` is whatever was newest: what it became is in the lock.
                Asked::Other => {
                    let became = node.locked.and_then(|l| text(l, "url"));
                    became.map_or(Asked::Other, |url| of_flakehub(&url))
                }
                asked => asked,
            }
        }
        _ => Asked::Other,
    }
}

/// What a reference to a flake asks for, as people write it.
pub(super) fn of_url(url: &str) -> Asked {
    let (bare, query) = url.split_once('?').unwrap_or((url, ""));
    let parameter = |name: &str| {
        let mut all = query.split('&').filter_map(|p| p.split_once('='));
        all.find(|(n, _)| *n == name).map(|(_, value)| value)
    };
    let is_pinned = parameter("rev").is_some();
    if let Some(rest) = bare.strip_prefix("github:") {
        let mut parts = rest.splitn(3, '/');
        let (owner, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let reference = parts.next().or(parameter("ref"));
        let pinned = is_pinned || reference.is_some_and(is_revision);
        return branch(reference, pinned, is_official(owner, name));
    }
    if let Some(rest) = bare.strip_prefix("git+") {
        return branch(parameter("ref"), is_pinned, is_official_url(rest));
    }
    if bare.contains("://") {
        return of_tarball(bare);
    }
    let id = bare.strip_prefix("flake:").unwrap_or(bare);
    match id.split_once('/') {
        Some(("nixpkgs", reference)) => {
            let reference = Some(reference);
            branch(reference, reference.is_some_and(is_revision), true)
        }
        None if id == "nixpkgs" => Asked::Rolling,
        _ => Asked::Other,
    }
}

/// What is known of a nixpkgs that an address asks for, and that was locked at a time.
pub(super) fn known(asked: Asked, locked_at: Option<i64>, by: &str) -> Option<Nixpkgs> {
    match asked {
        Asked::Release(release) => Some(Nixpkgs {
            release,
            is_rolling: false,
            by: by.to_owned(),
        }),
        Asked::Rolling => Some(Nixpkgs {
            release: Release::out_at(locked_at?)?,
            is_rolling: true,
            by: format!("{by}, which is unstable: at least this release"),
        }),
        Asked::Other => None,
    }
}

fn is_official(owner: &str, name: &str) -> bool {
    owner.eq_ignore_ascii_case("nixos") && name.eq_ignore_ascii_case("nixpkgs")
}

fn is_official_url(url: &str) -> bool {
    let url = url.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = url.rsplit('/');
    let (name, owner) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    is_official(owner, name) && url.contains("://github.com/")
}

fn is_revision(reference: &str) -> bool {
    reference.len() == 40 && reference.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A branch, or the first one of a repository where none is named.
fn branch(reference: Option<&str>, is_pinned: bool, is_official: bool) -> Asked {
    let Some(reference) = reference else {
        return match is_official && !is_pinned {
            true => Asked::Rolling,
            false => Asked::Other,
        };
    };
    let reference = ["refs/heads/", "refs/tags/"]
        .iter()
        .find_map(|prefix| reference.strip_prefix(prefix))
        .unwrap_or(reference);
    match named(reference) {
        // A commit of a branch of development may be of any age.
        Asked::Rolling if is_pinned || !is_official => Asked::Other,
        asked => asked,
    }
}

/// The branches, channels and tags of nixpkgs.
fn named(name: &str) -> Asked {
    const ROLLING: [&str; 4] = [
        "master",
        "nixos-unstable",
        "nixos-unstable-small",
        "nixpkgs-unstable",
    ];
    if ROLLING.contains(&name) {
        return Asked::Rolling;
    }
    let version = ["nixos-", "nixpkgs-", "release-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let version = ["-small", "-darwin", "-aarch64", "-beta"]
        .iter()
        .find_map(|suffix| version.strip_suffix(suffix))
        .unwrap_or(version);
    match version.len() {
        5 => version.parse().map_or(Asked::Other, Asked::Release),
        _ => Asked::Other,
    }
}

/// A tarball: a channel, a release of one, an archive of a branch, or FlakeHub.
fn of_tarball(url: &str) -> Asked {
    let Some((_, rest)) = url.split_once("://") else {
        return Asked::Other;
    };
    let Some((host, path)) = rest.split_once('/') else {
        return Asked::Other;
    };
    let parts: Vec<&str> = path.split('/').collect();
    match (host, parts.as_slice()) {
        ("channels.nixos.org", [channel, ..]) => named(channel),
        ("nixos.org", ["channels", channel, ..]) => named(channel),
        // `nixos/25.05/nixos-25.05.804.5f4f306bea96/nixexprs.tar.xz`
        ("releases.nixos.org", ["nixos", release, ..]) => match named(release) {
            // What was built for unstable may be of any age.
            Asked::Rolling => Asked::Other,
            asked => asked,
        },
        ("github.com", [owner, name, "archive", reference @ ..]) if is_official(owner, name) => {
            let reference = reference.join("/");
            let reference = reference
                .strip_suffix(".tar.gz")
                .or(reference.strip_suffix(".zip"))
                .unwrap_or(&reference);
            branch(Some(reference), is_revision(reference), true)
        }
        ("flakehub.com" | "api.flakehub.com", _) => of_flakehub(url),
        _ => Asked::Other,
    }
}

/// FlakeHub gives releases as `0.2505.x`, and nixos-unstable as `0.1.x`.
fn of_flakehub(url: &str) -> Asked {
    let Some((_, version)) = url.split_once("/NixOS/nixpkgs/") else {
        return Asked::Other;
    };
    if !url.contains("://flakehub.com/f/") && !url.contains("://api.flakehub.com/f/") {
        return Asked::Other;
    }
    let version = version.split('/').next().unwrap_or(version);
    let is_range = !version.starts_with('=') && !url.contains("/pinned/");
    let mut parts = version.trim_start_matches(['=', '^', '~']).split('.');
    let (first, second) = (parts.next(), parts.next().map(|p| p.split('+').next()));
    match (first, second.flatten()) {
        (Some("0"), Some("1")) if is_range => Asked::Rolling,
        (Some("0"), Some(digits)) if digits.len() == 4 => {
            let (year, month) = digits.split_at_checked(2).unwrap_or((digits, ""));
            let release = format!("{year}.{month}").parse();
            release.map_or(Asked::Other, Asked::Release)
        }
        _ => Asked::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const R2505: Asked = Asked::Release(Release::new(25, 5));

    #[test]
    fn addresses_tell_a_release_by_name() {
        for (url, expected) in [
            ("github:NixOS/nixpkgs/nixos-25.05", R2505),
            ("github:nixos/nixpkgs/release-25.05", R2505),
            ("github:NixOS/nixpkgs/nixpkgs-25.05-darwin", R2505),
            ("github:NixOS/nixpkgs/nixos-25.05-small", R2505),
            ("github:NixOS/nixpkgs/25.05", R2505),
            ("github:NixOS/nixpkgs/25.05-beta", R2505),
            ("github:NixOS/nixpkgs?ref=nixos-25.05", R2505),
            ("github:someone/nixpkgs/nixos-25.05", R2505),
            ("nixpkgs/nixos-25.05", R2505),
            ("flake:nixpkgs/nixos-25.05", R2505),
            (
                "git+https://github.com/NixOS/nixpkgs?ref=nixos-25.05&shallow=1",
                R2505,
            ),
            (
                "https://channels.nixos.org/nixos-25.05/nixexprs.tar.xz",
                R2505,
            ),
            (
                "https://nixos.org/channels/nixos-25.05/nixexprs.tar.xz",
                R2505,
            ),
            (
                "https://releases.nixos.org/nixos/25.05/nixos-25.05.804.5f4f306bea96/nixexprs.tar.xz",
                R2505,
            ),
            (
                "https://github.com/NixOS/nixpkgs/archive/nixos-25.05.tar.gz",
                R2505,
            ),
            (
                "https://github.com/NixOS/nixpkgs/archive/refs/heads/release-25.05.tar.gz",
                R2505,
            ),
            ("https://flakehub.com/f/NixOS/nixpkgs/0.2505", R2505),
            ("https://flakehub.com/f/NixOS/nixpkgs/0.2505.*", R2505),
            ("https://flakehub.com/f/NixOS/nixpkgs/=0.2505.810395", R2505),
            (
                "https://flakehub.com/f/NixOS/nixpkgs/0.2505.*.tar.gz",
                R2505,
            ),
            ("github:NixOS/nixpkgs", Asked::Rolling),
            ("nixpkgs", Asked::Rolling),
            ("github:NixOS/nixpkgs/master", Asked::Rolling),
            ("github:NixOS/nixpkgs/nixos-unstable-small", Asked::Rolling),
            (
                "https://channels.nixos.org/nixos-unstable/nixexprs.tar.xz",
                Asked::Rolling,
            ),
            ("https://flakehub.com/f/NixOS/nixpkgs/0.1", Asked::Rolling),
            // Nobody knows when these were.
            ("github:someone/nixpkgs/nixos-unstable", Asked::Other),
            ("github:someone/nixpkgs", Asked::Other),
            (
                "github:NixOS/nixpkgs/0123456789abcdef0123456789abcdef01234567",
                Asked::Other,
            ),
            ("github:NixOS/nixpkgs/staging-next", Asked::Other),
            ("github:NixOS/nixpkgs/nixos-25.055", Asked::Other),
            ("github:NixOS/nixpkgs/my-25.05", Asked::Other),
            ("https://flakehub.com/f/NixOS/nixpkgs/*", Asked::Other),
            (
                "https://flakehub.com/f/DeterminateSystems/nixpkgs-weekly/0.1",
                Asked::Other,
            ),
            (
                "https://flakehub.com/f/NixOS/nixpkgs/=0.1.810395",
                Asked::Other,
            ),
            ("https://example.org/nixos-25.05.tar.gz", Asked::Other),
            (
                "https://example.org/?url=https://flakehub.com/f/NixOS/nixpkgs/0.2505",
                Asked::Other,
            ),
            ("path:../nixpkgs", Asked::Other),
            ("", Asked::Other),
        ] {
            assert_eq!(of_url(url), expected, "{url}");
        }
    }

    #[test]
    fn a_lock_tells_what_was_asked_for_and_what_it_became() {
        let read = |original: Json, locked: Json| {
            of_node(Node {
                original: Some(&original),
                locked: Some(&locked),
            })
        };
        let github = |reference: &str| json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs", "ref": reference });
        assert_eq!(read(github("nixos-25.05"), json!({})), R2505);
        assert_eq!(read(github("nixos-unstable"), json!({})), Asked::Rolling);
        let pinned =
            json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": "0123" });
        assert_eq!(read(pinned, json!({})), Asked::Other);
        let indirect = json!({ "type": "indirect", "id": "nixpkgs" });
        let official = json!({ "type": "github", "owner": "NixOS", "repo": "nixpkgs" });
        assert_eq!(read(indirect.clone(), official), Asked::Rolling);
        let channel = json!({ "type": "tarball", "url": "https://releases.nixos.org/nixos/unstable/nixos-26.11pre1/nixexprs.tar.xz" });
        assert_eq!(read(indirect.clone(), channel), Asked::Rolling);
        assert_eq!(read(indirect, json!({ "type": "path" })), Asked::Other);
        let newest =
            json!({ "type": "tarball", "url": "https://flakehub.com/f/NixOS/nixpkgs/%2A" });
        let became = json!({ "url": "https://api.flakehub.com/f/pinned/NixOS/nixpkgs/0.2505.811874%2Brev-5f4f/0199/source.tar.gz" });
        assert_eq!(read(newest.clone(), became), R2505);
        assert_eq!(read(newest, json!({})), Asked::Other);
    }

    #[test]
    fn what_is_known_goes_through_a_text() {
        let at = |asked, time| known(asked, time, "the flake input `x` (flake.lock:3)");
        assert_eq!(at(Asked::Rolling, None), None);
        assert_eq!(at(Asked::Rolling, Some(1)), None);
        assert_eq!(at(Asked::Other, Some(1_785_542_400)), None);
        let rolling = at(Asked::Rolling, Some(1_785_542_400)).unwrap();
        assert_eq!(
            (rolling.release, rolling.is_rolling),
            (Release::new(26, 5), true)
        );
        assert_eq!(Nixpkgs::of_text(&rolling.to_text()), Some(rolling));
        let exact = at(R2505, None).unwrap();
        assert_eq!(Nixpkgs::of_text(&exact.to_text()), Some(exact));
        assert_eq!(Nixpkgs::of_text(""), None);
    }
}
