//! A flake's hosts: `outputs` is called with inputs of which only the well-known ones have values,
//! and with a `nixosSystem` that remembers its arguments, so helpers around it work because they
//! are Nix.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::HostName;
use super::frameworks;
use super::lock::{Lock, Repository};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Openness, Primitive, Thunk, Unknown, Value,
    Why,
};
use crate::nix::module::{Caller, Configuration};

/// The attribute by which a remembered `nixosSystem` call is known.
const SYSTEM: &str = "__nixosSystem";

/// What flakes make hosts with.
pub(super) const NIXOS_SYSTEM: Primitive = Primitive::new("nixosSystem", 1, |e, arguments, at| {
    let call = arguments[0];
    let configuration = e.native(move |e| {
        let value = e.force(call)?;
        let system = System::of_call(e, &*e.as_set(&value, value.at)?)?;
        let (modules, arguments) = (&system.modules, &system.arguments);
        Ok(Configuration::evaluate(e, modules, arguments, Caller::Nixos).result(e))
    });
    let part = |name: &str| {
        let name = Name::from(name);
        let value = e.native(move |e| e.select(configuration, &[name], None, None));
        Attribute { value, entry: None }
    };
    let pkgs = AttrSet::default().opened(Why::Package);
    let pkgs = e.done(Value::synthetic(Data::Set(Rc::new(pkgs))));
    let set = AttrSet::new(vec![
        (
            SYSTEM.into(),
            Attribute {
                value: call,
                entry: at,
            },
        ),
        ("config".into(), part("config")),
        ("options".into(), part("options")),
        (
            "pkgs".into(),
            Attribute {
                value: pkgs,
                entry: None,
            },
        ),
    ])
    .opened(Why::Outside("the rest of a whole system".to_owned()));
    Ok(Value {
        data: Data::Set(Rc::new(set)),
        at,
    })
});

/// What a host was made from.
pub(super) struct System {
    pub modules: Vec<Thunk>,
    pub arguments: Vec<(Name, Thunk)>,
}

impl System {
    fn of_call(e: &Evaluator, call: &AttrSet) -> Eval<System> {
        let mut modules = Vec::new();
        for name in ["extraModules", "modules"] {
            if let Some(attribute) = call.get(name) {
                let list = e
                    .force(attribute.value)
                    .and_then(|list| e.as_list(&list, attribute.entry));
                match list {
                    Ok(list) => modules.extend(&list.items),
                    Err(unknown) => match unknown.known_items() {
                        Some(items) => modules.extend(items),
                        None => return Err(unknown),
                    },
                }
            }
        }
        let mut arguments = Vec::new();
        for name in ["specialArgs", "extraArgs"] {
            if let Some(attribute) = call.get(name) {
                let set = e.force(attribute.value)?;
                let set = e.as_set(&set, attribute.entry)?;
                arguments.extend(set.iter().map(|(n, a)| (n.clone(), a.value)));
            }
        }
        if let Some(lib) = call.get("lib")
            && !arguments.iter().any(|(n, _)| n == "lib")
        {
            arguments.push(("lib".into(), lib.value));
        }
        Ok(System { modules, arguments })
    }
}

/// The hosts that a flake has, and why there may be more.
pub(super) struct Hosts {
    pub names: Vec<HostName>,
    pub more: Option<Why>,
}

pub(super) fn hosts(e: &Evaluator, flake: &Path) -> Eval<Hosts> {
    let configurations = configurations(e, flake)?;
    let names = configurations.iter();
    Ok(Hosts {
        names: names.map(|(name, _)| HostName(name.to_string())).collect(),
        more: match &configurations.open {
            Openness::Open(why) => Some(why.clone()),
            Openness::Closed => None,
        },
    })
}

pub(super) fn system(e: &Evaluator, flake: &Path, host: &HostName) -> Eval<System> {
    let configurations = configurations(e, flake)?;
    let Some(attribute) = configurations.get(&host.0) else {
        let why = format!("the flake has no nixosConfigurations.{}", host.0);
        return Err(Unknown::new(Why::Refused(why), None));
    };
    let at = attribute.entry;
    let value = e.force(attribute.value)?;
    let Some(call) = e.as_set(&value, at)?.get(SYSTEM).copied() else {
        let why = "a host that is not made by nixpkgs.lib.nixosSystem".to_owned();
        return Err(Unknown::new(Why::Unsupported(why), at));
    };
    let call = e.force(call.value)?;
    System::of_call(e, &*e.as_set(&call, at)?)
}

/// Outputs that hold NixOS systems, or what they are made of, in the order of preference.
const HOST_OUTPUTS: &[&str] = &[
    "nixosConfigurations",
    "colmenaHive",
    "colmena",
    "diskoConfigurations",
];

fn configurations(e: &Evaluator, flake: &Path) -> Eval<Rc<AttrSet>> {
    let outputs = e.force(outputs(e, flake))?;
    let outputs = e.as_set(&outputs, None)?;
    let mut found: Rc<AttrSet> = Rc::default();
    for name in HOST_OUTPUTS {
        let Some(attribute) = outputs.get(name) else {
            continue;
        };
        let mut value = e.force(attribute.value)?;
        if *name == "colmena" {
            // A hive as it is written, for colmena to make.
            let path = ["colmena", "lib", "makeHive"].map(Name::from);
            let make = e.select(frameworks::all(e), &path, None, attribute.entry)?;
            value = e.call(&make, e.done(value), attribute.entry)?;
        }
        if ["colmena", "colmenaHive"].contains(name) {
            let nodes = e.done(value);
            value = e.select(nodes, &["nodes".into()], None, attribute.entry)?;
        }
        found = e.as_set(&value, attribute.entry)?;
        if !found.is_empty() {
            break;
        }
    }
    match (&outputs.open, found.is_empty()) {
        (Openness::Open(why), true) => Err(Unknown::new(why.clone(), None)),
        // A module that could not be read may be the one that makes the hosts.
        (Openness::Closed, true) => match e.notes().first() {
            Some(why) => Err(Rc::clone(why)),
            None => Ok(found),
        },
        _ => Ok(found),
    }
}

/// What `outputs` of a flake.nix gives, computed once.
fn outputs(e: &Evaluator, flake: &Path) -> Thunk {
    let path = flake.to_path_buf();
    let whole = e.native(move |e| {
        frameworks::provide(e);
        let directory = path.parent().unwrap_or(&path);
        let lock = directory.join("flake.lock");
        let lock = match e.sources().exists(&lock) {
            Some(true) => e.sources().read_text(&lock).ok(),
            _ => None,
        };
        let lock = Rc::new(lock.map(|text| Lock::parse(&text)).unwrap_or_default());
        let node = lock.root().to_owned();
        let itself = value(e, &Directory { lock, node, path });
        e.force(itself)
    });
    e.shared(&format!("outputs of {}", flake.display()), whole)
}

/// A flake within the project.
#[derive(Clone)]
struct Directory {
    path: PathBuf,
    lock: Rc<Lock>,
    /// The node of the lock file that it is.
    node: String,
}

/// The value of a flake: its outputs with the tree that they came from.
fn value(e: &Evaluator, flake: &Directory) -> Thunk {
    let flake = flake.clone();
    // Its outputs are given the flake itself.
    e.fixed(move |e, itself| {
        let definition = e.import(&flake.path, None)?;
        let set = e.as_set(&definition, None)?;
        let Some(function) = set.get("outputs") else {
            let why = "the flake has no outputs".to_owned();
            return Err(Unknown::new(Why::Refused(why), definition.at));
        };
        let function = e.force(function.value)?;
        let inputs = inputs(e, &flake, &set, &function, itself)?;
        let arguments = e.done(inputs.clone());
        let outputs = e.call(&function, arguments, function.at)?;
        let outputs = e.as_set(&outputs, function.at)?;
        Ok(with_source(e, &flake, &outputs, inputs))
    })
}

/// Outputs as other flakes see them.
fn with_source(e: &Evaluator, flake: &Directory, outputs: &AttrSet, inputs: Value) -> Value {
    let directory = flake.path.parent().unwrap_or(&flake.path);
    // A string, as in Nix: what is joined to it stays comparable with `toString` of a path.
    let path = Value::synthetic(Data::Str(directory.display().to_string().into()));
    let attribute = |value| Attribute { value, entry: None };
    let mut entries: Vec<(Name, Attribute)> =
        outputs.iter().map(|(n, a)| (n.clone(), *a)).collect();
    let itself = AttrSet::new(entries.clone());
    let source = AttrSet::new(vec![("outPath".into(), attribute(e.done(path.clone())))])
        .opened(Why::Outside("the revision of the flake".to_owned()));
    for name in [
        "rev",
        "shortRev",
        "dirtyRev",
        "dirtyShortRev",
        "revCount",
        "lastModified",
        "lastModifiedDate",
        "narHash",
    ] {
        let why = Why::Outside("the revision of the flake".to_owned());
        entries.push((name.into(), attribute(e.unknown(Unknown::new(why, None)))));
    }
    let set = |set| e.done(Value::synthetic(Data::Set(Rc::new(set))));
    entries.extend([
        ("_type".into(), attribute(text(e, "flake"))),
        ("inputs".into(), attribute(e.done(inputs))),
        ("outPath".into(), attribute(e.done(path))),
        ("outputs".into(), attribute(set(itself))),
        ("sourceInfo".into(), attribute(set(source))),
    ]);
    let mut all = AttrSet::new(entries);
    all.open = outputs.open.clone();
    Value::synthetic(Data::Set(Rc::new(all)))
}

fn text(e: &Evaluator, text: &str) -> Thunk {
    e.done(Value::synthetic(Data::Str(text.into())))
}

/// The argument of `outputs`: all inputs that are declared, locked or asked for, and `self`.
fn inputs(
    e: &Evaluator,
    flake: &Directory,
    definition: &AttrSet,
    outputs: &Value,
    itself: Thunk,
) -> Eval<Value> {
    let mut entries: Vec<(Name, Attribute)> = Vec::new();
    if let Some(inputs) = definition.get("inputs") {
        let inputs = e.force(inputs.value)?;
        for (name, attribute) in e.as_set(&inputs, inputs.at)?.iter() {
            let given = |key: &str| {
                let value = e.select(attribute.value, &[key.into()], None, None);
                value.ok().and_then(|v| e.as_str(&v, None).ok())
            };
            let written = match (given("owner"), given("repo"), given("url")) {
                (_, _, Some(url)) => Repository::of_url(&url),
                (Some(owner), Some(repo), None) => {
                    Repository::of_url(&format!("github:{owner}/{repo}"))
                }
                _ => None,
            };
            let value = input(e, flake, name, written);
            let entry = attribute.entry;
            entries.push((name.clone(), Attribute { value, entry }));
        }
    }
    let formals = e.formals(outputs).unwrap_or_default();
    let formals = formals.iter().map(|(name, _)| name.as_str());
    for name in formals.chain(flake.lock.inputs(&flake.node)) {
        // An input that is used but not declared comes from the registry.
        if name != "self" && !entries.iter().any(|(n, _)| n == name) {
            let value = input(e, flake, name, None);
            entries.push((name.into(), Attribute { value, entry: None }));
        }
    }
    entries.push((
        "self".into(),
        Attribute {
            value: itself,
            entry: None,
        },
    ));
    Ok(Value::synthetic(Data::Set(Rc::new(AttrSet::new(entries)))))
}

/// One input: a framework that is known, a flake of the project itself, or something opaque.
fn input(e: &Evaluator, flake: &Directory, name: &str, written: Option<Repository>) -> Thunk {
    let locked = flake.lock.input(&flake.node, name);
    let (node, locked) = locked.map_or((None, None), |(node, r)| (Some(node), r));
    let repository = written
        .or(locked)
        // `inputs.nixpkgs.follows`, or an input of the registry.
        .or_else(|| Repository::of_url(name));
    match repository {
        Some(Repository::Local(path)) => {
            let directory = flake.path.parent().unwrap_or(&flake.path).join(path);
            let path = directory.join("flake.nix");
            match e.sources().exists(&path) {
                Some(true) => value(
                    e,
                    &Directory {
                        path,
                        lock: Rc::clone(&flake.lock),
                        node: node.unwrap_or_default(),
                    },
                ),
                _ => opaque(e, name),
            }
        }
        Some(Repository::Named(repository)) => {
            let own = node.map(|node| sub_inputs(e, flake, node));
            let known = frameworks::value_of(e, &repository);
            let why = Why::Input(name.to_owned());
            let plain = frameworks::has_plain_modules(&repository);
            e.native(move |e| {
                let mut entries = offered(e, &why, plain);
                let own = own.map(|value| ("inputs".into(), Attribute { value, entry: None }));
                entries.extend(own);
                let Some(known) = known else {
                    let set = AttrSet::new(entries).opened(why);
                    return Ok(Value::synthetic(Data::Set(Rc::new(set))));
                };
                let value = e.force(known)?;
                let Data::Set(known) = &value.data else {
                    return Ok(value);
                };
                entries.extend(known.iter().map(|(n, a)| (n.clone(), *a)));
                let set = AttrSet::new(entries).opened(match &known.open {
                    Openness::Open(why) => why.clone(),
                    Openness::Closed => why,
                });
                Ok(Value::synthetic(Data::Set(Rc::new(set))))
            })
        }
        None => opaque(e, name),
    }
}

/// The inputs of an input, as flake.lock has them.
fn sub_inputs(e: &Evaluator, flake: &Directory, node: String) -> Thunk {
    let flake = Directory {
        node,
        ..flake.clone()
    };
    e.native(move |e| {
        let names: Vec<Name> = flake.lock.inputs(&flake.node).map(Name::from).collect();
        let entries = names.into_iter().map(|name| {
            let value = input(e, &flake, &name, None);
            (name, Attribute { value, entry: None })
        });
        let set = AttrSet::new(entries.collect());
        Ok(Value::synthetic(Data::Set(Rc::new(set))))
    })
}

/// The outputs of an input of which it is known what kind of thing they hold.
fn offered(e: &Evaluator, why: &Why, plain: bool) -> Vec<(Name, Attribute)> {
    let Why::Input(input) = why else {
        return Vec::new();
    };
    let set = |why: Why| {
        let set = AttrSet::default().opened(why);
        let value = e.done(Value::synthetic(Data::Set(Rc::new(set))));
        Attribute { value, entry: None }
    };
    if plain {
        let module = e.done(Value::synthetic(Data::Set(Rc::default())));
        let module = Attribute {
            value: module,
            entry: None,
        };
        return vec![
            ("nixosModule".into(), module),
            ("nixosModules".into(), set(Why::PlainModules(input.clone()))),
        ];
    }
    vec![
        ("nixosModule".into(), set(why.clone())),
        ("nixosModules".into(), set(Why::Modules(input.clone()))),
    ]
}

fn opaque(e: &Evaluator, name: &str) -> Thunk {
    let why = Why::Input(name.to_owned());
    let set = AttrSet::new(offered(e, &why, false)).opened(why);
    e.done(Value::synthetic(Data::Set(Rc::new(set))))
}
