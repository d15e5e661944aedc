//! A system that a flake makes: a `nixosSystem` that remembers its arguments, and what they say of
//! the machine.

use std::path::Path;
use std::rc::Rc;

use super::flake::outputs;
use super::release::Nixpkgs;
use crate::nix::eval::{
    AttrSet, Attribute, Data, Eval, Evaluator, Name, Primitive, Thunk, Unknown, Value, Why,
};
use crate::nix::module::{Caller, Configuration};

/// The attribute by which a remembered `nixosSystem` call is known.
pub(super) const SYSTEM: &str = "__nixosSystem";
/// The attribute that says of a nixpkgs, and of what it made, which release it is.
pub(super) const RELEASE: &str = "__release";
/// What it says where that is not known.
pub(super) const UNKNOWN_RELEASE: &str = "?";

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
        ("_type".into(), plain(e.text("configuration"))),
        ("class".into(), plain(e.text("nixos"))),
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
    /// A system of these modules alone.
    pub(super) fn of_modules(modules: Vec<Thunk>) -> System {
        System {
            modules,
            arguments: Vec::new(),
            made_by: MadeBy::Framework,
            is_given_packages: false,
        }
    }

    pub(super) fn of_call(e: &Evaluator, call: &AttrSet) -> Eval<System> {
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
