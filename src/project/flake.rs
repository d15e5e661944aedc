//! A flake's hosts: `outputs` is called with inputs of which only the well-known ones have values,
//! and with a `nixosSystem` that remembers its arguments, so helpers around it work because they
//! are Nix.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::HostName;
use super::arguments::{apply, is_function};
use super::frameworks;
use super::lock::{Lock, Repository};
use super::release::{self, Asked, Nixpkgs};
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Openness, Primitive, Thunk, Unknown, Value,
    Why,
};
use crate::nix::module::{Caller, Configuration};

/// The attribute by which a remembered `nixosSystem` call is known.
const SYSTEM: &str = "__nixosSystem";
/// The attribute that says of a nixpkgs, and of what it made, which release it is.
const RELEASE: &str = "__release";
/// What it says where that is not known.
const UNKNOWN_RELEASE: &str = "?";

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
        Attribute::new(value)
    };
    let pkgs = AttrSet::default().opened(Why::Package);
    let pkgs = e.set(pkgs);
    let other = |name: &'static str| {
        let why = Why::Outside("the rest of a whole system".to_owned());
        let value = e.unknown(Unknown::new(why, None));
        (name.into(), Attribute::new(value))
    };
    let plain = Attribute::new;
    let set = AttrSet::new(vec![
        (
            SYSTEM.into(),
            Attribute {
                value: call,
                entry: at,
            },
        ),
        ("_type".into(), plain(text(e, "configuration"))),
        ("class".into(), plain(text(e, "nixos"))),
        ("config".into(), part("config")),
        ("options".into(), part("options")),
        ("pkgs".into(), plain(pkgs)),
        other("_module"),
        other("extendModules"),
        other("extraArgs"),
        other("graph"),
        other("lib"),
        other("type"),
    ]);
    Ok(Value {
        data: Data::Set(Rc::new(set)),
        at,
    })
});

/// What a host was made from.
pub(super) struct System {
    pub modules: Vec<Thunk>,
    pub arguments: Vec<(Name, Thunk)>,
    /// The nixpkgs whose `lib` made it.
    made_by: MadeBy,
    /// It is given packages, which may be of another nixpkgs.
    pub is_given_packages: bool,
}

/// Which nixpkgs made a system.
#[derive(Default)]
enum MadeBy {
    /// This one, as far as that is known.
    One(Option<Nixpkgs>),
    /// What a framework has without saying from where.
    #[default]
    Framework,
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
        let made_by = call.get(RELEASE).and_then(|a| e.force(a.value).ok());
        let made_by = made_by.and_then(|value| e.as_str(&value, None).ok());
        Ok(System {
            modules,
            arguments,
            made_by: match made_by.as_deref() {
                None | Some("") => MadeBy::Framework,
                Some(text) => MadeBy::One(Nixpkgs::of_text(text)),
            },
            is_given_packages: call.get("pkgs").is_some(),
        })
    }

    /// The release that it is made from. Where a framework does not say which nixpkgs it takes, all
    /// of a flake must be the same.
    pub(super) fn release(&self, e: &Evaluator, flake: &Path) -> Option<Nixpkgs> {
        if let MadeBy::One(nixpkgs) = &self.made_by {
            return nixpkgs.clone();
        }
        let inputs = e.select(outputs(e, flake), &["inputs".into()], None, None);
        let inputs = e.as_set(&inputs.ok()?, None).ok()?;
        let mut found: Option<Nixpkgs> = None;
        for (_, attribute) in inputs.iter() {
            let Ok(value) = e.force(attribute.value) else {
                continue;
            };
            let Data::Set(input) = &value.data else {
                continue;
            };
            let Some(text) = input.get(RELEASE) else {
                continue;
            };
            let text = e.force(text.value).ok()?;
            let nixpkgs = Nixpkgs::of_text(&e.as_str(&text, None).ok()?)?;
            match &found {
                None => found = Some(nixpkgs),
                Some(other) if other.is_same(&nixpkgs) => {}
                Some(_) => return None,
            }
        }
        found
    }
}

/// The hosts that a flake has, and why there may be more.
pub(super) struct Hosts {
    pub names: Vec<HostName>,
    pub more: Option<Why>,
}

pub(super) fn hosts(e: &Evaluator, flake: &Path) -> Eval<Hosts> {
    let (_, configurations) = configurations(e, flake)?;
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
    let (output, configurations) = configurations(e, flake)?;
    let Some(attribute) = configurations.get(&host.0) else {
        let why = format!("the flake has no {}.{}", output.name, host.0);
        return Err(Unknown::new(Why::Refused(why), None));
    };
    let at = attribute.entry;
    if output.holds == Holds::Modules {
        return Ok(System {
            modules: vec![called_by_disko(e, attribute.value)],
            arguments: Vec::new(),
            made_by: MadeBy::Framework,
            is_given_packages: false,
        });
    }
    let value = e.force(attribute.value)?;
    let Some(call) = e.as_set(&value, at)?.get(SYSTEM).copied() else {
        let why = "a host that is not made by nixpkgs.lib.nixosSystem".to_owned();
        return Err(Unknown::new(Why::Unsupported(why), at));
    };
    let call = e.force(call.value)?;
    System::of_call(e, &*e.as_set(&call, at)?)
}

/// An output that hosts are read from.
struct HostOutput {
    name: &'static str,
    holds: Holds,
}

#[derive(PartialEq)]
enum Holds {
    /// NixOS systems.
    Systems,
    /// What colmena made of a hive.
    Made,
    /// A hive that colmena will make systems of.
    Hive,
    /// A module with disks each.
    Modules,
}

/// In the order of preference.
const HOST_OUTPUTS: &[HostOutput] = &[
    HostOutput {
        name: "nixosConfigurations",
        holds: Holds::Systems,
    },
    HostOutput {
        name: "colmenaHive",
        holds: Holds::Made,
    },
    HostOutput {
        name: "colmena",
        holds: Holds::Hive,
    },
    HostOutput {
        name: "diskoConfigurations",
        holds: Holds::Modules,
    },
];

/// The first output that has hosts. If none has, why, unless there is nothing else to be known.
fn configurations(e: &Evaluator, flake: &Path) -> Eval<(&'static HostOutput, Rc<AttrSet>)> {
    let outputs = e.force(outputs(e, flake))?;
    let outputs = e.as_set(&outputs, None)?;
    let mut hidden: Option<Why> = None;
    for output in HOST_OUTPUTS {
        let Some(attribute) = outputs.get(output.name) else {
            continue;
        };
        let found = hosts_in(e, output, *attribute)?;
        if let Openness::Open(why) = &found.open {
            hidden.get_or_insert_with(|| why.clone());
        }
        if !found.is_empty() {
            let Some(why) = hidden else {
                return Ok((output, found));
            };
            // What an output that came before has cannot be seen.
            return Ok((output, Rc::new(AttrSet::clone(&found).opened(why))));
        }
    }
    let hidden = hidden.or(match &outputs.open {
        Openness::Open(why) => Some(why.clone()),
        Openness::Closed => None,
    });
    // A module that could not be read may be the one that makes the hosts.
    match (hidden, e.notes().first()) {
        (Some(why), _) => Err(Unknown::new(why, None)),
        (None, Some(why)) => Err(Rc::clone(why)),
        (None, None) => Ok((&HOST_OUTPUTS[0], Rc::default())),
    }
}

fn hosts_in(e: &Evaluator, output: &HostOutput, attribute: Attribute) -> Eval<Rc<AttrSet>> {
    let at = attribute.entry;
    let nodes = |hive| e.select(hive, &["nodes".into()], None, at);
    let value = match output.holds {
        Holds::Systems | Holds::Modules => e.force(attribute.value)?,
        Holds::Made => nodes(attribute.value)?,
        Holds::Hive => {
            let make = ["colmena", "lib", "makeHive"].map(Name::from);
            let make = e.select(frameworks::all(e), &make, None, at)?;
            let hive = e.call(&make, attribute.value, at)?;
            nodes(e.done(hive))?
        }
    };
    e.as_set(&value, at)
}

/// One of `diskoConfigurations`: `disko` calls a function with `lib` and what its command line says.
fn called_by_disko(e: &Evaluator, layout: Thunk) -> Thunk {
    e.native(move |e| {
        let value = e.force(layout)?;
        if !is_function(&value) {
            return Ok(value);
        }
        let value = e.lib();
        let lib = Attribute::new(value);
        let given = AttrSet::new(vec![("lib".into(), lib)]);
        apply(e, &e.force(layout)?, &given)
    })
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
        let mut inputs = inputs(e, &flake, &set, &function)?;
        let others = set_of(inputs.clone());
        // The flake itself is an argument, but not one of its `inputs`.
        let entry = None;
        inputs.push((
            "self".into(),
            Attribute {
                value: itself,
                entry,
            },
        ));
        let outputs = e.call(&function, e.done(set_of(inputs)), function.at)?;
        let outputs = e.as_set(&outputs, function.at)?;
        Ok(with_source(e, &flake, &outputs, others))
    })
}

/// Outputs as other flakes see them.
fn with_source(e: &Evaluator, flake: &Directory, outputs: &AttrSet, inputs: Value) -> Value {
    let directory = flake.path.parent().unwrap_or(&flake.path);
    // A string, as in Nix: what is joined to it stays comparable with `toString` of a path.
    let path = Value::synthetic(Data::Str(directory.display().to_string().into()));
    let attribute = Attribute::new;
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
    let set = |set| e.set(set);
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

fn set_of(entries: Vec<(Name, Attribute)>) -> Value {
    Value::synthetic(Data::Set(Rc::new(AttrSet::new(entries))))
}

fn text(e: &Evaluator, text: &str) -> Thunk {
    e.text(text)
}

/// The inputs that are declared, locked or asked for.
fn inputs(
    e: &Evaluator,
    flake: &Directory,
    definition: &AttrSet,
    outputs: &Value,
) -> Eval<Vec<(Name, Attribute)>> {
    let mut entries: Vec<(Name, Attribute)> = Vec::new();
    if let Some(inputs) = definition.get("inputs") {
        let inputs = e.force(inputs.value)?;
        let declared = e.as_set(&inputs, inputs.at)?;
        for (name, attribute) in declared.iter() {
            let says = Says {
                repository: written(e, &declared, name, 0),
                asked: asked(e, &declared, name),
            };
            let value = input(e, flake, name, says);
            let entry = attribute.entry;
            entries.push((name.clone(), Attribute { value, entry }));
        }
    }
    let formals = e.formals(outputs).unwrap_or_default();
    let formals = formals.iter().map(|(name, _)| name.as_str());
    for name in formals.chain(flake.lock.inputs(&flake.node)) {
        // An input that is used but not declared comes from the registry.
        if name != "self" && !entries.iter().any(|(n, _)| n == name) {
            let value = input(e, flake, name, Says::default());
            entries.push((name.into(), Attribute::new(value)));
        }
    }
    Ok(entries)
}

/// What flake.nix itself says that an input is.
fn written(e: &Evaluator, declared: &AttrSet, name: &str, depth: usize) -> Option<Repository> {
    /// Longer chains of `follows` than anybody writes; a cycle ends here.
    const LONGEST: usize = 32;
    let attribute = declared.get(name).filter(|_| depth <= LONGEST)?;
    let given = |key: &str| {
        let value = e.select(attribute.value, &[key.into()], None, None);
        value.ok().and_then(|v| e.as_str(&v, None).ok())
    };
    if let Some(url) = given("url") {
        return Repository::of_url(&url);
    }
    if let (Some(owner), Some(repo)) = (given("owner"), given("repo")) {
        return Repository::of_url(&format!("github:{owner}/{repo}"));
    }
    if let Some(path) = given("path").filter(|_| given("type").as_deref() == Some("path")) {
        return Some(Repository::Local(path.to_string()));
    }
    if let Some(id) = given("id") {
        return Repository::of_url(&id);
    }
    // `x.follows = "y/z"`: what y calls z is mostly known by that name.
    let follows = given("follows")?;
    match follows.rsplit_once('/') {
        None => written(e, declared, &follows, depth + 1),
        Some((_, last)) => Repository::of_url(last),
    }
}

/// What flake.nix says of an input.
#[derive(Default)]
struct Says {
    repository: Option<Repository>,
    asked: Option<Asked>,
}

/// Which state of it flake.nix asks for.
fn asked(e: &Evaluator, declared: &AttrSet, name: &str) -> Option<Asked> {
    let attribute = declared.get(name)?;
    let given = |key: &str| {
        let value = e.select(attribute.value, &[key.into()], None, None);
        value.ok().and_then(|v| e.as_str(&v, None).ok())
    };
    if let Some(url) = given("url") {
        return Some(release::of_url(&url));
    }
    let (owner, repository) = (given("owner")?, given("repo")?);
    let revision = given("rev");
    let reference = revision.or(given("ref"));
    let reference = reference.map(|r| format!("/{r}")).unwrap_or_default();
    Some(release::of_url(&format!(
        "github:{owner}/{repository}{reference}"
    )))
}

/// Which release an input is, if it is a nixpkgs.
fn released(
    e: &Evaluator,
    flake: &Directory,
    name: &str,
    node: Option<&str>,
    asked: Option<Asked>,
) -> String {
    let file = |file| {
        let path = flake.path.with_file_name(file);
        e.sources().shown(&path)
    };
    let locked = node.and_then(|node| flake.lock.release(node));
    let input = format!("the flake input `{name}`");
    let known = match (locked, asked) {
        // Nix locks anew what flake.nix asks for otherwise.
        (Some((locked, ..)), Some(asked)) if locked != asked && asked != Asked::Other => None,
        (Some((locked, made, line)), _) => {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            let place = file("flake.lock") + &line;
            release::known(locked, made, &format!("{input} ({place})"))
        }
        (None, Some(asked)) => {
            let place = file("flake.nix");
            release::known(asked, None, &format!("{input} ({place})"))
        }
        (None, None) => None,
    };
    known.map_or_else(|| UNKNOWN_RELEASE.to_owned(), |k| k.to_text())
}

/// One input: a framework that is known, a flake of the project itself, or something opaque.
fn input(e: &Evaluator, flake: &Directory, name: &str, says: Says) -> Thunk {
    let locked = flake.lock.input(&flake.node, name);
    let (node, locked) = locked.map_or((None, None), |(node, r)| (Some(node), r));
    let repository = says
        .repository
        .or(locked)
        // What is not declared comes from the registry.
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
            let release = repository
                .ends_with("/nixpkgs")
                .then(|| released(e, flake, name, node.as_deref(), says.asked));
            let own = node.map(|node| sub_inputs(e, flake, node));
            let known = frameworks::value_of(e, &repository);
            let why = Why::Input(name.to_owned());
            let plain = frameworks::has_plain_modules(&repository);
            e.native(move |e| {
                let mut entries = offered(e, &why, plain);
                let own = own.map(|value| ("inputs".into(), Attribute::new(value)));
                entries.extend(own);
                let Some(known) = known else {
                    let set = AttrSet::new(entries).opened(why);
                    return Ok(Value::synthetic(Data::Set(Rc::new(set))));
                };
                let mut value = e.force(known)?;
                if let (Some(release), Data::Set(of_all)) = (release, &value.data)
                    && let Some(released) = of_all.get("__released")
                {
                    let released = e.force(released.value)?;
                    value = e.call(&released, e.text(&release), None)?;
                }
                let Data::Set(known) = &value.data else {
                    return Ok(value);
                };
                let whole = e.done(value.clone());
                for (name, value) in [("_type", text(e, "flake")), ("outputs", whole)] {
                    entries.push((name.into(), Attribute::new(value)));
                }
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
            let value = input(e, &flake, &name, Says::default());
            (name, Attribute::new(value))
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
        let value = e.set(set);
        Attribute::new(value)
    };
    // By this, `nix.registry.x.flake = inputs.x` is one value and no tree of settings.
    let source = Attribute {
        value: e.unknown(Unknown::new(why.clone(), None)),
        entry: None,
    };
    if plain {
        let module = e.done(Value::synthetic(Data::Set(Rc::default())));
        let module = Attribute::new(module);
        return vec![
            ("outPath".into(), source),
            ("nixosModule".into(), module),
            ("nixosModules".into(), set(Why::PlainModules(input.clone()))),
        ];
    }
    vec![
        ("outPath".into(), source),
        ("nixosModule".into(), set(why.clone())),
        ("nixosModules".into(), set(Why::Modules(input.clone()))),
    ]
}

fn opaque(e: &Evaluator, name: &str) -> Thunk {
    let why = Why::Input(name.to_owned());
    let set = AttrSet::new(offered(e, &why, false)).opened(why);
    e.set(set)
}
