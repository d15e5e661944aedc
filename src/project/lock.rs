//! Which repository each input of a flake is: flake.lock, and the addresses in flake.nix.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::release::{self, Asked};

/// The nodes of a flake.lock.
#[derive(Debug, Clone, Default)]
pub(super) struct Lock {
    nodes: BTreeMap<String, LockedInput>,
    root: String,
}

/// One node.
#[derive(Debug, Clone, Default)]
struct LockedInput {
    repository: Option<Repository>,
    /// Names of its own inputs, and the node or the path of names that each stands for.
    inputs: BTreeMap<String, Reference>,
    /// What it is asked to be, read as a nixpkgs.
    asked: Option<Asked>,
    /// When what it is locked to was made, in seconds since 1970.
    made: Option<i64>,
    /// The line of flake.lock on which it begins, from 1.
    line: Option<usize>,
}

#[derive(Debug, Clone)]
enum Reference {
    Node(String),
    Follows(Vec<String>),
}

/// What an input is, as far as its address tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Repository {
    /// `owner/repository`, in lower case.
    Named(String),
    /// A directory of the same project, relative to the flake.
    Local(String),
}

impl Repository {
    /// Reads a flake reference as people write it.
    pub(super) fn of_url(url: &str) -> Option<Repository> {
        let bare = url.split(['?', '#']).next().unwrap_or(url);
        if let Some(path) = bare.strip_prefix("path:") {
            return Some(Repository::Local(path.to_owned()));
        }
        if bare.starts_with("./") || bare.starts_with("../") || bare == "." {
            return Some(Repository::Local(bare.to_owned()));
        }
        if let Some((scheme, rest)) = bare.split_once(':')
            && ["github", "gitlab", "sourcehut"].contains(&scheme)
        {
            return two(rest);
        }
        if let Some(rest) = bare.split("://").nth(1) {
            let (host, path) = rest.split_once('/')?;
            // Channels and FlakeHub are where else nixpkgs comes from.
            if host.ends_with("nixos.org") {
                return Some(Repository::Named("nixos/nixpkgs".to_owned()));
            }
            return two(path.strip_prefix("f/").unwrap_or(path));
        }
        // The registry: `nixpkgs`, `nixpkgs/nixos-unstable`, `flake:nixpkgs`.
        let id = bare.strip_prefix("flake:").unwrap_or(bare);
        match id.split('/').next()? {
            "nixpkgs" => Some(Repository::Named("nixos/nixpkgs".to_owned())),
            "flake-utils" => Some(Repository::Named("numtide/flake-utils".to_owned())),
            "flake-parts" => Some(Repository::Named("hercules-ci/flake-parts".to_owned())),
            "disko" => Some(Repository::Named("nix-community/disko".to_owned())),
            _ => None,
        }
    }

    fn of_json(reference: &Json) -> Option<Repository> {
        let text = |name: &str| reference.get(name).and_then(Json::as_str);
        match text("type")? {
            "path" => Some(Repository::Local(text("path")?.to_owned())),
            "indirect" => Repository::of_url(text("id")?),
            "git" | "tarball" | "file" | "hg" => Repository::of_url(text("url")?),
            _ => {
                let named = format!("{}/{}", text("owner")?, text("repo")?);
                Some(Repository::Named(named.to_lowercase()))
            }
        }
    }
}

/// The first two parts of a path.
fn two(path: &str) -> Option<Repository> {
    let mut parts = path.trim_start_matches(['/', '~']).split('/');
    let (owner, repository) = (parts.next()?, parts.next()?);
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    Some(Repository::Named(
        format!("{owner}/{repository}").to_lowercase(),
    ))
}

impl Lock {
    /// Reads a flake.lock; anything else is an empty one.
    pub(super) fn parse(text: &str) -> Lock {
        let Ok(json) = serde_json::from_str::<Json>(text) else {
            return Lock::default();
        };
        let root = json.get("root").and_then(Json::as_str).unwrap_or("root");
        let nodes = json.get("nodes").and_then(Json::as_object);
        let nodes = nodes.into_iter().flatten().map(|(name, node)| {
            let repository = ["original", "locked"]
                .iter()
                .filter_map(|key| node.get(*key))
                .find_map(Repository::of_json);
            let inputs = node.get("inputs").and_then(Json::as_object);
            let inputs = inputs.into_iter().flatten().filter_map(|(name, target)| {
                let target = match target {
                    Json::String(node) => Reference::Node(node.clone()),
                    Json::Array(path) => Reference::Follows(
                        path.iter()
                            .filter_map(|p| Some(p.as_str()?.to_owned()))
                            .collect(),
                    ),
                    _ => return None,
                };
                Some((name.clone(), target))
            });
            let inputs = inputs.collect();
            let of_release = release::Node {
                original: node.get("original"),
                locked: node.get("locked"),
            };
            let made = node.get("locked").and_then(|l| l.get("lastModified"));
            let locked = LockedInput {
                repository,
                inputs,
                asked: Some(release::of_node(of_release)),
                made: made.and_then(Json::as_i64),
                line: line_of(text, name),
            };
            (name.clone(), locked)
        });
        Lock {
            nodes: nodes.collect(),
            root: root.to_owned(),
        }
    }

    /// The node of the flake itself.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// What an input of a node is.
    pub(super) fn input(&self, node: &str, name: &str) -> Option<(String, Option<Repository>)> {
        let key = self.resolve(node, name, 0)?;
        let repository = self.nodes.get(&key)?.repository.clone();
        Some((key, repository))
    }

    /// What a node is asked to be, when what it is locked to was made, and the line that says so.
    pub(super) fn release(&self, node: &str) -> Option<(Asked, Option<i64>, Option<usize>)> {
        let node = self.nodes.get(node)?;
        Some((node.asked?, node.made, node.line))
    }

    /// The names of a node's inputs.
    pub(super) fn inputs(&self, node: &str) -> impl Iterator<Item = &str> {
        let node = self.nodes.get(node);
        node.into_iter()
            .flat_map(|n| n.inputs.keys().map(String::as_str))
    }

    fn resolve(&self, node: &str, name: &str, depth: usize) -> Option<String> {
        /// Longer chains of `follows` than anybody writes; a cycle ends here.
        const LONGEST: usize = 32;
        if depth > LONGEST {
            return None;
        }
        match self.nodes.get(node)?.inputs.get(name)? {
            Reference::Node(key) => Some(key.clone()),
            // The path of names is followed from the root.
            Reference::Follows(path) => path.iter().try_fold(self.root.clone(), |node, name| {
                self.resolve(&node, name, depth + 1)
            }),
        }
    }
}

/// The line on which a node begins: only there a set stands behind its name.
fn line_of(text: &str, node: &str) -> Option<usize> {
    let at = text.find(&format!("\"{node}\": {{"))?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}
