//! NixOS options that a file tells of: `{"nix.gc.automatic": true}`, `{"nix": {"settings":
//! {"auto-optimise-store": true}}}`, `"auto-optimise-store = true"`; and the settings of snapper,
//! which NixOS has under the same names.

use serde_json::Value;

use super::Reader;
use super::node::{self, Node};
use crate::model::Located;

/// The first words of option paths that a told machine is asked for. Filesystems and disko have
/// readers of their own.
const ROOTS: [&str; 10] = [
    "nix",
    "services",
    "boot",
    "virtualisation",
    "systemd",
    "programs",
    "zramSwap",
    "powerManagement",
    "hardware",
    "environment",
];

/// Keys of nix.conf, which are options below `nix.settings`.
const NIX_CONF: [&str; 13] = [
    "auto-optimise-store",
    "keep-outputs",
    "keep-derivations",
    "use-sqlite-wal",
    "fsync-metadata",
    "fsync-store-paths",
    "min-free",
    "max-free",
    "max-jobs",
    "cores",
    "sandbox",
    "http-connections",
    "use-cgroups",
];

/// Last words of option paths that are written as nested objects.
const ENDS: [&str; 9] = [
    "enable",
    "automatic",
    "dates",
    "interval",
    "options",
    "storageDriver",
    "fileSystems",
    "memoryPercent",
    "algorithm",
];

/// Takes a value whose keys are the path of an option. Whether they are.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    if !node.is_leaf() {
        return false;
    }
    if let Some(path) = path(node) {
        let value = value(node.value);
        return insert(reader, node, path, value);
    }
    if snapper(reader, node) || sysctl(reader, node) {
        return true;
    }
    node.text()
        .is_some_and(|text| assignment(reader, node, text))
}

/// `services.fstrim.enable = true;`
pub(super) fn assignment(reader: &mut Reader<'_>, node: &Node<'_>, text: &str) -> bool {
    let Some((name, told)) = text.split_once('=') else {
        return false;
    };
    let name = name.trim();
    let told = told.trim().trim_end_matches(';').trim();
    if name.contains(char::is_whitespace) || told.contains(';') || told.is_empty() {
        return false;
    }
    let path = if NIX_CONF.contains(&name) {
        format!("nix.settings.{name}")
    } else if is_path(name) {
        name.to_owned()
    } else {
        return false;
    };
    let plain = told.trim_matches('"');
    if plain.len() == told.len() && told.contains([' ', '[', '{', '(']) {
        return false;
    }
    let value = value(&Value::from(plain));
    insert(reader, node, canonical(path), value)
}

fn is_path(name: &str) -> bool {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    ROOTS.contains(&first)
        && parts.clone().count() >= 1
        && parts.all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_\"/@".contains(&b))
        })
}

/// The path that the keys of a leaf make.
fn path(node: &Node<'_>) -> Option<String> {
    let own = node.key();
    // `services.snapper.configs.home.TIMELINE_CLEANUP`, whole.
    if is_path(own) && own.split('.').count() >= 3 {
        return Some(canonical(own.to_owned()));
    }
    let from = node.keys.iter().position(|key| {
        let first = key.split('.').next().unwrap_or_default();
        ROOTS.contains(&first)
    })?;
    let path = node.keys[from..].join(".");
    let last = path.rsplit('.').next().unwrap_or_default();
    let known = ENDS.contains(&last) && path.split('.').count() >= 3
        || path.starts_with("nix.") && NIX_CONF.contains(&last);
    (known && is_path(&path)).then(|| canonical(path))
}

/// `nix.auto-optimise-store` is what people write for `nix.settings.auto-optimise-store`.
fn canonical(path: String) -> String {
    match path.strip_prefix("nix.") {
        Some(rest) if NIX_CONF.contains(&rest) => format!("nix.settings.{rest}"),
        _ => path,
    }
}

/// On and off in words are booleans, digits a number.
fn value(told: &Value) -> Value {
    let Some(text) = told.as_str().map(str::trim) else {
        return told.clone();
    };
    match text {
        "true" | "yes" | "on" | "enabled" => Value::Bool(true),
        "false" | "no" | "off" | "disabled" => Value::Bool(false),
        text => text
            .parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from),
    }
}

fn insert(reader: &mut Reader<'_>, node: &Node<'_>, path: String, value: Value) -> bool {
    // A sentence is no value of an option.
    if value.as_str().is_some_and(|text| text.contains(", ")) {
        return false;
    }
    reader
        .facts
        .settings
        .insert(path, Ok(Located::new(value, None)));
    // The lexicon knows names that stand for habits ("automatic garbage collection").
    reader.partly(node);
    true
}

/// `{"sysctl": {"vm.dirty_ratio": 20}}`: what is in force, as NixOS names it.
fn sysctl(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    let key = node.key().trim_start_matches("sysctl ");
    let is_key = key.starts_with("vm.") || key.starts_with("kernel.");
    let is_name = key
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b"._0123456789".contains(&b));
    let number = node.value.as_i64().or_else(|| node.text()?.parse().ok());
    let Some(number) = number.filter(|_| is_key && is_name) else {
        return false;
    };
    insert(
        reader,
        node,
        format!("boot.kernel.sysctl.{key}"),
        Value::from(number),
    )
}

/// `{"TIMELINE_CREATE": "yes", "NUMBER_LIMIT": 50}`, of one configuration of snapper or of several.
fn snapper(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    const BEGIN: [&str; 5] = [
        "TIMELINE_",
        "NUMBER_",
        "SUBVOLUME",
        "SPACE_LIMIT",
        "FREE_LIMIT",
    ];
    let key = node.key();
    let is_setting = BEGIN.iter().any(|begin| key.starts_with(begin))
        && key.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        && node
            .keys
            .iter()
            .any(|key| key.to_lowercase().contains("snapper"));
    if !is_setting {
        return false;
    }
    // Without a name it is the one that snapper takes where none is given.
    let above = node.keys.iter().rev().nth(1).copied().unwrap_or_default();
    let name = match node::words(above).as_slice() {
        [name] if !["snapper", "metrics", "configs", "services"].contains(&name.as_str()) => {
            name.clone()
        }
        _ => "root".to_owned(),
    };
    let told = match node.state() {
        Some((on, _)) => Value::Bool(on),
        None => value(node.value),
    };
    insert(
        reader,
        node,
        format!("services.snapper.configs.{name}.{key}"),
        told,
    )
}
