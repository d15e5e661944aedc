//! A flake's hosts: `outputs` is called with opaque inputs and a `nixosSystem` that only remembers
//! its arguments, so helpers around it work because they are Nix.

use std::path::Path;
use std::rc::Rc;

use super::HostName;
use crate::nix::eval::{
    AttrSet, Attribute, Builtin, Data, Eval, Evaluator, Name, Primitive, Thunk, Unknown, Value, Why,
};
use crate::nix::source::Span;

/// The attribute by which a remembered `nixosSystem` call is known.
const SYSTEM: &str = "__nixosSystem";

const NIXOS_SYSTEM: Primitive = Primitive::new("nixosSystem", 1, |_, arguments, at| {
    let call = Attribute {
        value: arguments[0],
        entry: at,
    };
    let set = AttrSet::new(vec![(SYSTEM.into(), call)])
        .opened(Why::Unsupported("the value of a whole system".to_owned()));
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

pub(super) fn hosts(e: &Evaluator, flake: &Path) -> Eval<Vec<HostName>> {
    let configurations = configurations(e, flake)?;
    Ok(configurations
        .iter()
        .map(|(name, _)| HostName(name.to_string()))
        .collect())
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
    let call = e.as_set(&call, at)?;
    let mut modules = Vec::new();
    for name in ["extraModules", "modules"] {
        if let Some(attribute) = call.get(name) {
            let list = e.force(attribute.value)?;
            modules.extend(&e.as_list(&list, attribute.entry)?.items);
        }
    }
    let mut arguments = Vec::new();
    if let Some(attribute) = call.get("specialArgs") {
        let set = e.force(attribute.value)?;
        let set = e.as_set(&set, attribute.entry)?;
        arguments.extend(set.iter().map(|(n, a)| (n.clone(), a.value)));
    }
    if let Some(lib) = call.get("lib")
        && !arguments.iter().any(|(n, _)| n == "lib")
    {
        arguments.push(("lib".into(), lib.value));
    }
    Ok(System { modules, arguments })
}

fn configurations(e: &Evaluator, flake: &Path) -> Eval<Rc<AttrSet>> {
    let outputs = outputs(e, flake)?;
    let outputs = e.as_set(&outputs, None)?;
    match outputs.get("nixosConfigurations") {
        Some(attribute) => {
            let value = e.force(attribute.value)?;
            e.as_set(&value, attribute.entry)
        }
        None => Ok(Rc::new(AttrSet::default())),
    }
}

fn outputs(e: &Evaluator, flake: &Path) -> Eval<Value> {
    let definition = e.import(flake, None)?;
    let set = e.as_set(&definition, None)?;
    let Some(function) = set.get("outputs") else {
        let why = "the flake has no outputs".to_owned();
        return Err(Unknown::new(Why::Refused(why), definition.at));
    };
    let function = e.force(function.value)?;
    let at = function.at;
    let mut entries: Vec<(Name, Attribute)> = Vec::new();
    if let Some(inputs) = set.get("inputs") {
        let inputs = e.force(inputs.value)?;
        for (name, attribute) in e.as_set(&inputs, inputs.at)?.iter() {
            let url = e.select(attribute.value, &["url".into()], None, None);
            let url = url.ok().and_then(|u| e.as_str(&u, None).ok());
            let value = input(e, name, url.as_deref().unwrap_or_default());
            entries.push((
                name.clone(),
                Attribute {
                    value,
                    entry: attribute.entry,
                },
            ));
        }
    }
    for (name, _) in e.formals(&function).unwrap_or_default() {
        // An input that is used but not declared comes from the registry.
        if name != "self" && !entries.iter().any(|(n, _)| *n == name) {
            let value = input(e, &name, "");
            entries.push((name, Attribute { value, entry: None }));
        }
    }
    let itself = {
        let flake = flake.to_path_buf();
        // `self` is the result, with the tree it came from.
        e.native(move |e| itself(e, &flake))
    };
    entries.push((
        "self".into(),
        Attribute {
            value: itself,
            entry: None,
        },
    ));
    let arguments = e.done(Value::synthetic(Data::Set(Rc::new(AttrSet::new(entries)))));
    e.call(&function, arguments, at)
}

fn itself(e: &Evaluator, flake: &Path) -> Eval<Value> {
    let text = |path: &Path| {
        let data = Data::Path(path.display().to_string().into());
        Attribute {
            value: e.done(Value::synthetic(data)),
            entry: None,
        }
    };
    let root = flake.parent().unwrap_or(flake);
    let flake = flake.to_path_buf();
    // Outputs are looked up by calling the flake again, only when somebody asks.
    let again = e.native(move |e| outputs(e, &flake));
    let mut entries = vec![
        ("outPath".into(), text(root)),
        ("sourceInfo".into(), text(root)),
    ];
    for name in [
        "nixosModules",
        "lib",
        "nixosConfigurations",
        "overlays",
        "packages",
    ] {
        let wanted = Name::from(name);
        let value = e.native(move |e| e.select(again, &[wanted], None, None));
        entries.push((name.into(), Attribute { value, entry: None }));
    }
    let set = AttrSet::new(entries).opened(Why::Input("self".to_owned()));
    Ok(Value::synthetic(Data::Set(Rc::new(set))))
}

/// A flake input: opaque, except for the `lib` of nixpkgs.
fn input(e: &Evaluator, name: &str, url: &str) -> Thunk {
    let why = Why::Input(name.to_owned());
    let mut entries = Vec::new();
    if name.starts_with("nixpkgs") || url.contains("nixpkgs") || url.contains("NixOS/") {
        let lib = e.native(lib);
        entries.push((
            "lib".into(),
            Attribute {
                value: lib,
                entry: None,
            },
        ));
    }
    let set = AttrSet::new(entries).opened(why);
    e.done(Value::synthetic(Data::Set(Rc::new(set))))
}

/// `nixpkgs.lib`, with the `nixosSystem` that flakes add to it.
fn lib(e: &Evaluator) -> Eval<Value> {
    let value = e.force(e.lib())?;
    let set = e.as_set(&value, None)?;
    let builtin = Builtin {
        primitive: NIXOS_SYSTEM,
        arguments: Vec::new(),
    };
    let system = e.done(Value::synthetic(Data::Builtin(Rc::new(builtin))));
    let mut entries: Vec<(Name, Attribute)> = set.iter().map(|(n, a)| (n.clone(), *a)).collect();
    entries.push((
        "nixosSystem".into(),
        Attribute {
            value: system,
            entry: None::<Span>,
        },
    ));
    let mut extended = AttrSet::new(entries);
    extended.open = set.open.clone();
    Ok(Value::synthetic(Data::Set(Rc::new(extended))))
}
