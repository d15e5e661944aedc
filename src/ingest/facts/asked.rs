//! What a configuration asks of mounts: `{"disko": {"/nix": ["compress=zstd:1"]}}`, `{"fstab /swap":
//! "nodatacow,subvol=@swap"}`. It is not yet what is so; where both are known they are compared.

use serde_json::Value;

use super::Reader;
use super::mounts;
use super::node::Node;
use crate::model::metrics::RequestedOptions;

/// Takes the lists of options that stand below a key of a configuration.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    let is_list = match node.value {
        Value::Array(list) => list
            .iter()
            .all(|o| o.as_str().is_some_and(mounts::is_option)),
        Value::String(text) => mounts::is_option(text),
        _ => false,
    };
    if !is_list {
        for member in node.members() {
            read(reader, &member);
        }
        if node
            .keys
            .iter()
            .any(|key| key.to_lowercase().contains("fstab"))
        {
            mounts::asked(reader, node);
        }
        return;
    }
    let (options, _) = mounts::options(node);
    let requested = RequestedOptions {
        place: place(node),
        options,
    };
    let requested = reader.sourced(node, requested);
    reader.facts.metrics.requested.push(requested);
    reader.typed_but(node, "");
}

/// What the options are asked for: a mount point or a subvolume in the keys above them.
fn place(node: &Node<'_>) -> String {
    const NAMELESS: [&str; 6] = [
        "mountoptions",
        "options",
        "opts",
        "disko",
        "config",
        "fstab",
    ];
    let keys = node.keys.iter().rev();
    let words = keys.flat_map(|key| key.split([' ', '.']).rev().map(str::trim));
    words
        .filter(|w| !w.is_empty() && !NAMELESS.contains(&w.to_lowercase().as_str()))
        .find(|w| !w.bytes().all(|b| b.is_ascii_digit()))
        .unwrap_or_default()
        .to_owned()
}
