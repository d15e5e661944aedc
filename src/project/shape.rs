//! What a Nix file holds when it is read by itself.
//!
//! Files that describe disks come in many shapes: a NixOS module, a set of disko's devices, a
//! fragment of one (`{ type = "gpt"; … }`), a flake-parts file with modules in it, a hive of nodes,
//! a library that keeps modules under keys of its own. Here such a file becomes the modules it
//! holds. The shape is found by evaluating the file with arguments of which only `lib` is known;
//! the module itself is given the true ones when it is merged.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::arguments::{
    apply, held, is_function, kind, nest, saturate, shape_arguments, sub, text,
};
use crate::nix::eval::{
    AttrSet, Attribute, Builtin, Data, Eval, Evaluator, List, Name, Primitive, Thunk, Unknown,
    Value, Why,
};

/// The children of `disko.devices`; `mdadm` to `nodev` as disko's lib/default.nix names them.
const DEVICE_KINDS: &[&str] = &[
    "disk",
    "lvm_vg",
    "mdadm",
    "nodev",
    "zpool",
    "bcachefs_filesystems",
];

/// Below these keys there are no modules of a machine (other module systems, or plain values).
const FOREIGN: &[&str] = &[
    "home",
    "homeManager",
    "homeModules",
    "darwin",
    "environment",
    "services",
    "programs",
    "pkgs",
    "packages",
    "meta",
    "description",
    "tests",
];

/// Where a flake-parts file keeps modules of NixOS and disko.
const FLAKE_MODULES: &[&[&str]] = &[
    &["flake", "nixosModules"],
    &["flake", "modules", "nixos"],
    &["flake", "modules", "generic"],
    &["flake", "diskoConfigurations"],
    &["flake", "diskoModules"],
];

/// Keys of a hive (colmena) or network (NixOps) that are no nodes.
const NO_NODES: &[&str] = &["meta", "network", "defaults", "resources", "require"];

/// How deep modules may lie below keys of somebody's own.
const DEEPEST: usize = 7;
/// How many sets are looked into for that.
const MOST_SETS: usize = 4_000;

/// A module in a file: the file's value, or what lies in it below these keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub file: PathBuf,
    pub keys: Vec<String>,
    /// Read as if the conditions at its root held.
    pub assumed: bool,
}

/// What a file holds.
#[derive(Debug)]
pub(super) enum Shape {
    /// A `flake.nix`.
    Flake,
    /// A module, or what can be made one.
    Module,
    /// Modules of a flake-parts file, by where they lie.
    Modules(Vec<Piece>),
    /// The nodes of a hive: name and modules.
    Hive(Vec<(String, Vec<Piece>)>),
}

/// A value that is or is not yet a module.
enum Form {
    Module,
    /// The value of `disko.devices` is in it.
    Devices,
    /// It is the value of `disko.devices`.
    Kinds,
    /// The value of one disk.
    Disk,
    /// The content of a disk, with a `type` if it lacks one.
    Content(Option<&'static str>),
    /// A `content` in it is one of the above.
    Holder,
}

impl Piece {
    /// A whole file.
    pub(super) fn whole(file: &Path) -> Self {
        Piece {
            file: file.to_path_buf(),
            keys: Vec::new(),
            assumed: false,
        }
    }

    fn below(file: &Path, keys: Vec<String>) -> Self {
        Piece {
            keys,
            ..Piece::whole(file)
        }
    }

    /// The same module as if the conditions at its root (`mkIf enable { … }`) held: those of a
    /// layout by itself mostly depend on the machine that uses it.
    pub(super) fn assumed(mut self) -> Self {
        self.assumed = true;
        self
    }

    /// The module.
    pub(super) fn module(&self, e: &Evaluator) -> Thunk {
        let file = self.file.clone();
        if self.keys.is_empty() && !self.assumed && is_plain(e, &file) {
            // As a path it is known to be the same module if another one imports it.
            let path = Data::Path(file.display().to_string().into());
            return e.done(Value::synthetic(path));
        }
        let keys = self.keys.clone();
        let value = e.native(move |e| {
            let mut value = e.import(&file, None)?;
            for key in &keys {
                value = saturate(e, value, &shape_arguments(e))?;
                let set = e.as_set(&value, value.at)?;
                let Some(attribute) = set.get(key) else {
                    let why = format!("attribute `{key}` is missing");
                    return Err(Unknown::new(Why::Refused(why), value.at));
                };
                value = e.force(attribute.value)?;
            }
            Ok(value)
        });
        let module = Builtin {
            primitive: if self.assumed { ASSUMED } else { MODULE },
            arguments: vec![value],
        };
        e.done(Value::synthetic(Data::Builtin(Rc::new(module))))
    }

    /// Whether the keys say whose module it is, not only what it is about.
    pub(super) fn names_host(&self) -> bool {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        matches!(
            keys.as_slice(),
            ["configurations", "nixos", _, ..]
                | ["nixosConfigurations", _, ..]
                | ["flake", "nixosConfigurations", _, ..]
        )
    }

    /// The name of the machine that the keys speak of.
    pub(super) fn name(&self) -> Option<&str> {
        const STRUCTURE: &[&str] = &[
            "config",
            "configuration",
            "content",
            "default",
            "devices",
            "disk",
            "disko",
            "fileSystems",
            "filesystems",
            "hardware",
            "module",
            "modules",
            "nixos",
            "storage",
        ];
        let mut names = self.keys.iter().rev().map(String::as_str);
        let telling = names.find(|k| !STRUCTURE.contains(k));
        telling.or(self.keys.last().map(String::as_str))
    }
}

/// A value as a module: called with what it asks for, and with disko's names around it.
const MODULE: Primitive = Primitive::new("module", 2, |e, arguments, at| {
    let value = e.force(arguments[0])?;
    let given = e.force(arguments[1])?;
    let given = e.as_set(&given, at)?;
    let value = saturate(e, value, &given)?;
    let Data::Set(set) = &value.data else {
        let why = format!(
            "a module is a set or a function, not a {}",
            value.type_name()
        );
        return Err(Unknown::new(Why::Refused(why), value.at));
    };
    Ok(match form(e, set) {
        Form::Module => value,
        Form::Devices => match set.get("devices") {
            Some(devices) => nest(e, &["disko", "devices"], *devices),
            None => value,
        },
        Form::Kinds => nest(e, &["disko", "devices"], held(e, value)),
        form => match disk(e, value, form, 0)? {
            Some(disk) => nest(e, &["disko", "devices", "disk", "fragment"], held(e, disk)),
            None => return Err(Unknown::new(Why::Refused("no module".to_owned()), at)),
        },
    })
});

/// The same without the conditions at the root of the module.
const ASSUMED: Primitive = Primitive::new("module", 2, |e, arguments, at| {
    let module = Builtin {
        primitive: MODULE,
        arguments: vec![arguments[0]],
    };
    let module = Value::synthetic(Data::Builtin(Rc::new(module)));
    let value = e.call(&module, arguments[1], at)?;
    unconditional(e, value)
});

/// Takes `mkIf` off the root of a module, be it below `config` or in `mkMerge`.
fn unconditional(e: &Evaluator, value: Value) -> Eval<Value> {
    let Data::Set(set) = &value.data else {
        return Ok(value);
    };
    let later = |thunk: Thunk| e.native(move |e| unconditional(e, e.force(thunk)?));
    let replaced = |name: &str, thunk: Thunk| {
        let entries = set.iter().map(|(n, a)| {
            let value = if n == name { thunk } else { a.value };
            (n.clone(), Attribute { value, ..*a })
        });
        let mut replaced = AttrSet::new(entries.collect());
        replaced.open = set.open.clone();
        Value {
            data: Data::Set(Rc::new(replaced)),
            at: value.at,
        }
    };
    let kind = kind(e, set, "_type");
    match (kind.as_deref(), set.get("content"), set.get("contents")) {
        (Some("if"), Some(content), _) => unconditional(e, e.force(content.value)?),
        (Some("merge"), _, Some(contents)) => {
            let contents = e.force(contents.value)?;
            let list = e.as_list(&contents, contents.at)?;
            let list = List {
                items: list.items.iter().map(|item| later(*item)).collect(),
                parts: list.parts.clone(),
            };
            let list = Value {
                data: Data::List(Rc::new(list)),
                at: contents.at,
            };
            Ok(replaced("contents", e.done(list)))
        }
        (None, ..) => Ok(match set.get("config") {
            Some(config) => replaced("config", later(config.value)),
            None => value,
        }),
        _ => Ok(value),
    }
}

/// The value of a disk for a fragment of one.
fn disk(e: &Evaluator, value: Value, of: Form, depth: usize) -> Eval<Option<Value>> {
    let set = e.as_set(&value, value.at)?;
    Ok(match of {
        Form::Disk => Some(value),
        Form::Content(kind) => {
            let mut content: Vec<(Name, Attribute)> =
                set.iter().map(|(n, a)| (n.clone(), *a)).collect();
            content.extend(kind.map(|k| ("type".into(), text(e, k))));
            let mut content = AttrSet::new(content);
            content.open = set.open.clone();
            let content = Value {
                data: Data::Set(Rc::new(content)),
                at: value.at,
            };
            let entries = vec![
                ("type".into(), text(e, "disk")),
                ("content".into(), held(e, content)),
            ];
            let disk = Data::Set(Rc::new(AttrSet::new(entries)));
            Some(Value::synthetic(disk))
        }
        Form::Holder if depth < DEEPEST => match set.get("content") {
            Some(content) => {
                let content = e.force(content.value)?;
                let inner = form(e, &*e.as_set(&content, content.at)?);
                disk(e, content, inner, depth + 1)?
            }
            None => None,
        },
        _ => None,
    })
}

/// What a file holds.
pub(super) fn read(e: &Evaluator, file: &Path) -> Eval<Shape> {
    let value = e.import(file, None)?;
    // A function whose result depends on what only the machine knows is a module.
    let Ok(value) = saturate(e, value, &shape_arguments(e)) else {
        return Ok(Shape::Module);
    };
    let Data::Set(set) = &value.data else {
        let why = format!(
            "it holds a {}, which is neither a module nor part of a disk",
            value.type_name()
        );
        return Err(Unknown::new(Why::Unsupported(why), value.at));
    };
    let has = |name: &str| set.get(name).is_some();
    if has("outputs") && !has("disko") && !has("fileSystems") && !has("config") {
        return Ok(Shape::Flake);
    }
    if let Some(nodes) = hive(e, file, set) {
        return Ok(Shape::Hive(nodes));
    }
    if has("flake") {
        return Ok(Shape::Modules(modules_of_flake(e, file, set)));
    }
    Ok(Shape::Module)
}

/// The modules that lie below keys of the file's own, or in sets that its functions return.
pub(super) fn nested(e: &Evaluator, file: &Path) -> Vec<Piece> {
    let Ok(value) = e.import(file, None) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut left = MOST_SETS;
    dig(e, value, &mut Vec::new(), &mut left, &mut found);
    let below = |keys| Piece::below(file, keys);
    found.into_iter().map(below).collect()
}

fn dig(
    e: &Evaluator,
    value: Value,
    keys: &mut Vec<String>,
    left: &mut usize,
    found: &mut Vec<Vec<String>>,
) {
    if *left == 0 || keys.len() > DEEPEST {
        return;
    }
    *left -= 1;
    let Ok(value) = saturate(e, value, &shape_arguments(e)) else {
        return;
    };
    let Data::Set(set) = &value.data else {
        return;
    };
    if kind(e, set, "type").is_some_and(|t| &*t == "derivation") {
        return;
    }
    if looks_like_storage(e, set) || kind(e, set, "_type").is_some_and(|t| &*t == "if") {
        if !keys.is_empty() {
            found.push(keys.clone());
        }
        return;
    }
    if set.get("_type").is_some() {
        return;
    }
    for (name, attribute) in set.iter() {
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if let Ok(value) = e.force(attribute.value) {
            keys.push(name.to_string());
            dig(e, value, keys, left, found);
            keys.pop();
        }
    }
}

fn looks_like_storage(e: &Evaluator, set: &AttrSet) -> bool {
    let below = |name: &str| sub(e, set, name);
    below("disko").is_some_and(|d| d.get("devices").is_some())
        || set.get("fileSystems").is_some()
        || is_device_set(e, set)
        || below("devices").is_some_and(|d| is_device_set(e, &d))
        || kind(e, set, "type").is_some_and(|t| ["disk", "gpt", "luks", "btrfs"].contains(&&*t))
        || below("config").is_some_and(|c| {
            ["disko", "fileSystems", "_type"]
                .iter()
                .any(|n| c.get(n).is_some())
        })
}

/// The nodes of a `hive.nix` or a NixOps network: a set of modules beside `meta` or `network`.
fn hive(e: &Evaluator, file: &Path, set: &AttrSet) -> Option<Vec<(String, Vec<Piece>)>> {
    let is_module = |a: &Attribute| {
        e.force(a.value)
            .is_ok_and(|v| is_function(&v) || matches!(v.data, Data::Set(_) | Data::Path(_)))
    };
    let marked = ["meta", "network"].iter().any(|n| sub(e, set, n).is_some());
    let foreign = ["config", "options", "imports", "disko", "fileSystems"];
    if !marked || foreign.iter().any(|n| set.get(n).is_some()) {
        return None;
    }
    let nodes = set
        .iter()
        .filter(|(name, _)| !NO_NODES.contains(&name.as_str()));
    let mut hosts = Vec::new();
    for (name, attribute) in nodes {
        if !is_module(attribute) {
            return None;
        }
        let below = |key: &str| Piece::below(file, vec![key.to_owned()]);
        let defaults = set.get("defaults").map(|_| below("defaults"));
        let modules = defaults.into_iter().chain([below(name)]).collect();
        hosts.push((name.to_string(), modules));
    }
    Some(hosts)
}

fn modules_of_flake(e: &Evaluator, file: &Path, set: &Rc<AttrSet>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for path in FLAKE_MODULES {
        let mut holder = Some(Rc::clone(set));
        for key in *path {
            holder = holder.and_then(|h| sub(e, &h, key));
        }
        for (name, attribute) in holder.iter().flat_map(|h| h.iter()) {
            if !matches!(e.force(attribute.value), Ok(v) if matches!(v.data, Data::Null)) {
                let keys = path.iter().map(|k| (*k).to_owned());
                let keys = keys.chain([name.to_string()]).collect();
                pieces.push(Piece::below(file, keys));
            }
        }
    }
    pieces
}

/// Whether a file is a module as NixOS itself takes it.
fn is_plain(e: &Evaluator, file: &Path) -> bool {
    let Ok(value) = e.import(file, None) else {
        return true;
    };
    let given = shape_arguments(e);
    let once = match is_function(&value) {
        true => apply(e, &value, &given),
        false => Ok(value),
    };
    match once {
        Ok(value) => match &value.data {
            Data::Set(set) => matches!(form(e, set), Form::Module),
            _ => !is_function(&value),
        },
        Err(_) => true,
    }
}

fn form(e: &Evaluator, set: &AttrSet) -> Form {
    let has = |name: &str| set.get(name).is_some();
    if matches!(kind(e, set, "_type").as_deref(), Some("if" | "merge")) || has("disko") {
        return Form::Module;
    }
    if sub(e, set, "devices").is_some_and(|d| is_device_set(e, &d)) {
        return Form::Devices;
    }
    if is_device_set(e, set) {
        return Form::Kinds;
    }
    if has("options") && !has("subvolumes") {
        return Form::Module;
    }
    fragment(e, set).unwrap_or(Form::Module)
}

fn fragment(e: &Evaluator, set: &AttrSet) -> Option<Form> {
    match kind(e, set, "type").as_deref() {
        Some("disk") => return Some(Form::Disk),
        Some("gpt" | "table" | "luks" | "btrfs") => return Some(Form::Content(None)),
        _ => {}
    }
    if let Some(content) = sub(e, set, "content")
        && content.get("type").is_some()
    {
        return fragment(e, &content).map(|_| Form::Holder);
    }
    if set.get("subvolumes").is_some() {
        return Some(Form::Content(Some("btrfs")));
    }
    let partitions = set.get("partitions").is_some();
    partitions.then_some(Form::Content(Some("gpt")))
}

fn is_device_set(e: &Evaluator, set: &AttrSet) -> bool {
    set.iter()
        .all(|(name, _)| DEVICE_KINDS.contains(&name.as_str()))
        && DEVICE_KINDS.iter().any(|k| sub(e, set, k).is_some())
}
