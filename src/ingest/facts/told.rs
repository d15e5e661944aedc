//! Programs whose settings a file tells: Docker, Nix.

use super::node::Node;
use super::{Reader, services};

/// The storage driver; all else is said in words.
pub(super) fn docker(reader: &mut Reader<'_>, node: &Node<'_>) {
    let is_driver = |node: &Node<'_>| {
        let words = node.words();
        words.iter().any(|w| w == "driver" || w == "graphdriver")
            && !words
                .iter()
                .any(|w| matches!(w.as_str(), "logging" | "log" | "network" | "cgroup"))
    };
    let driver = match node.is_object() {
        true => node.members().into_iter().find(is_driver),
        false => Some(node.clone()).filter(is_driver),
    };
    if !matches!(node.state(), Some((false, _))) {
        services::add(reader, node, "docker");
    }
    let Some(driver) = driver else {
        // `docker: running` is a service.
        if matches!(node.state(), Some((true, ""))) {
            reader.typed(node);
        }
        return;
    };
    let Some(text) = driver.text() else { return };
    let (name, rest) = text.split_once([' ', ',', '(']).unwrap_or((text, ""));
    reader.facts.metrics.docker_driver = Some(reader.sourced(&driver, name.to_lowercase()));
    reader.typed_but(&driver, if rest.is_empty() { text } else { rest });
}

/// Settings of Nix are said in words; the jobs that they start are services.
pub(super) fn nix(reader: &mut Reader<'_>, node: &Node<'_>) {
    for leaf in node.leaves() {
        if !matches!(leaf.state(), Some((true, _))) {
            continue;
        }
        let from = node.keys.len();
        let path = leaf.keys[from..].join(".").to_lowercase();
        let job = match path.as_str() {
            "gc.automatic" | "gc" => "nix-gc",
            "optimise.automatic" | "optimise" => "nix-optimise",
            _ => continue,
        };
        services::add(reader, &leaf, job);
    }
}
