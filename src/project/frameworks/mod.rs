//! What well-known flake inputs give to a flake, in our own words.
//!
//! Owns the Nix files beside this one and the table of repositories that they stand for. Must never
//! know what a host's options mean.

use std::rc::Rc;

use super::system::NIXOS_SYSTEM;
use crate::nix::eval::{
    AttrSet, Attribute, Builtin, Data, Eval, Evaluator, Name, Primitive, Thunk, Value, Why,
};

/// A framework, or another input that hosts are made with.
struct Framework {
    /// Its name among `frameworks`.
    name: &'static str,
    /// The repositories (`owner/name`, lower case) that it stands for.
    repositories: &'static [&'static str],
    text: &'static str,
}

macro_rules! framework {
    ($name:literal, $($repository:literal),* $(,)?) => {
        Framework {
            name: $name,
            repositories: &[$($repository),*],
            text: include_str!(concat!($name, ".nix")),
        }
    };
}

const FRAMEWORKS: &[Framework] = &[
    framework!(
        "nixpkgs",
        "nixos/nixpkgs",
        "determinatesystems/nixpkgs-weekly"
    ),
    framework!("flake-parts", "hercules-ci/flake-parts"),
    framework!("import-tree", "vic/import-tree", "denful/import-tree"),
    framework!("flake-utils", "numtide/flake-utils"),
    framework!("nix-systems",),
    framework!("flake-modules",),
    framework!("haumea", "nix-community/haumea"),
    framework!("nixos-unified", "srid/nixos-unified"),
    framework!("nixos-flake", "srid/nixos-flake"),
    framework!("blueprint", "numtide/blueprint"),
    framework!("ez-configs", "ehllie/ez-configs"),
    framework!("unify", "quasigod/unify", "sebb3/unify"),
    framework!(
        "lite-config",
        "yelite/lite-config",
        "ataraxiasjel/lite-config"
    ),
    framework!("nixpkgs-patcher", "gepbird/nixpkgs-patcher"),
    framework!("nixos-raspberrypi", "nvmd/nixos-raspberrypi"),
    framework!(
        "flakelight",
        "nix-community/flakelight",
        "accelbread/flakelight"
    ),
    framework!("snowfall-lib", "snowfallorg/lib"),
    framework!("flake-utils-plus", "gytis-ivaskevicius/flake-utils-plus"),
    framework!("clan-core", "clan-lol/clan-core", "clan/clan-core"),
    framework!("colmena", "zhaofengli/colmena"),
    framework!(
        "easy-hosts",
        "tgirlcloud/easy-hosts",
        "isabelroses/easy-hosts"
    ),
    framework!("den", "vic/den", "denful/den"),
    framework!("flake-aspects", "vic/flake-aspects", "denful/flake-aspects"),
    framework!("flake-file", "vic/flake-file", "denful/flake-file"),
];

/// What is given to a framework's file beside `lib` and `frameworks`.
const PRIMITIVES: &[Primitive] = &[
    // `opaque what set`: the set, of which more exists than this program knows.
    Primitive::new("opaque", 2, |e, a, at| {
        let what = e.force(a[0])?;
        let what = e.as_str(&what, at)?;
        opened(e, a[1], Why::Outside(what.to_string()))
    }),
    // `packages set`: a package set of which this much is known.
    Primitive::new("packages", 1, |e, a, _| opened(e, a[0], Why::Package)),
    // `knows set name`: whether the set is known to have an attribute. An open set may have more.
    Primitive::new("knows", 2, |e, a, at| {
        let (set, name) = (e.force(a[0])?, e.force(a[1])?);
        let known = e.as_set(&set, at)?.get(&e.as_str(&name, at)?).is_some();
        Ok(Value {
            data: Data::Bool(known),
            at,
        })
    }),
    NIXOS_SYSTEM,
];

/// The file below which nixpkgs lies for `import`: no path of any machine.
pub(super) const NIXPKGS: &str = "/<nixpkgs>";

fn opened(e: &Evaluator, set: Thunk, why: Why) -> Eval<Value> {
    let value = e.force(set)?;
    let set = AttrSet::clone(&*e.as_set(&value, value.at)?).opened(why);
    Ok(Value {
        data: Data::Set(Rc::new(set)),
        at: value.at,
    })
}

/// The value of a repository (`owner/name`, lower case), if anything is known of it.
pub(super) fn value_of(e: &Evaluator, repository: &str) -> Option<Thunk> {
    let (owner, name) = repository.split_once('/')?;
    let known = FRAMEWORKS
        .iter()
        .find(|f| f.repositories.contains(&repository));
    let path: Vec<Name> = match known {
        Some(framework) => vec![framework.name.into()],
        // Forks and mirrors of nixpkgs keep its name.
        None if name == "nixpkgs" || name == "nixpkgs.lib" => vec!["nixpkgs".into()],
        // Files with one attribute a repository.
        None if owner == "nix-systems" => vec!["nix-systems".into(), name.into()],
        None if FLAKE_MODULES.contains(format!("\"{repository}\"").as_str()) => {
            vec!["flake-modules".into(), repository.into()]
        }
        None => return None,
    };
    let frameworks = all(e);
    Some(e.native(move |e| e.select(frameworks, &path, None, None)))
}

/// Repositories whose NixOS modules define nothing that this program looks at beside what it
/// derives itself (disko's mounts, the bind mounts of impermanence and preservation). Read: disko
/// 878ec37 module.nix; home-manager ec1a8fdf7 nixos/{common,default}.nix; sops-nix 56b2406
/// modules/sops; agenix b027ee2 modules/age.nix; impermanence 7b1d382 nixos.nix; preservation
/// 93416f4 module.nix.
const PLAIN_MODULES: &[&str] = &[
    "mic92/sops-nix",
    "nix-community/disko",
    "nix-community/home-manager",
    "nix-community/impermanence",
    "nix-community/preservation",
    "ryantm/agenix",
];

/// Whether a repository's NixOS modules say nothing that matters here.
pub(super) fn has_plain_modules(repository: &str) -> bool {
    PLAIN_MODULES.contains(&repository)
}

/// Flakes of which only the modules for flake-parts are known, by repository.
const FLAKE_MODULES: &str = include_str!("flake-modules.nix");

/// All of them: a set of values that are computed when somebody uses them.
pub(super) fn all(e: &Evaluator) -> Thunk {
    let whole = e.native(|e| {
        let attribute = Attribute::new;
        let entries = FRAMEWORKS.iter().map(|framework| {
            let value = e.native(move |e| {
                let function = e.embedded(
                    &format!("/<btrfs-tune>/{}.nix", framework.name),
                    framework.text,
                )?;
                let arguments = arguments(e, &function);
                e.call(&function, arguments, None)
            });
            (framework.name.into(), attribute(value))
        });
        let set = AttrSet::new(entries.collect());
        Ok(Value::synthetic(Data::Set(Rc::new(
            set.opened(Why::Unsupported("this framework".to_owned())),
        ))))
    });
    e.shared("frameworks", whole)
}

/// The arguments that a framework's file asks for.
fn arguments(e: &Evaluator, function: &Value) -> Thunk {
    let attribute = Attribute::new;
    let path = Value::synthetic(Data::Path(NIXPKGS.into()));
    let mut entries: Vec<(Name, Attribute)> = vec![
        ("frameworks".into(), attribute(all(e))),
        ("path".into(), attribute(e.done(path))),
    ];
    // nixpkgs' own file makes the `lib` that the others get.
    let formals = e.formals(function).unwrap_or_default();
    let makes_lib = formals.iter().any(|(n, _)| n == "path");
    let lib = match makes_lib {
        true => e.lib(),
        false => {
            let frameworks = all(e);
            let path: Vec<Name> = vec!["nixpkgs".into(), "lib".into()];
            e.native(move |e| e.select(frameworks, &path, None, None))
        }
    };
    entries.push(("lib".into(), attribute(lib)));
    for primitive in PRIMITIVES {
        let builtin = Builtin {
            primitive: *primitive,
            arguments: Vec::new(),
        };
        let value = e.done(Value::synthetic(Data::Builtin(Rc::new(builtin))));
        entries.push((primitive.name.into(), attribute(value)));
    }
    entries.retain(|(name, _)| formals.iter().any(|(f, _)| f == name));
    e.set(AttrSet::new(entries))
}

/// Modules of nixpkgs that define nothing that this program looks at: firmware, and the drivers of
/// virtual machines (nixos/modules of NixOS/nixpkgs, at 05aa80c0 and 07320dad).
const PLAIN_FILES: &[&str] = &["installer/scan/not-detected.nix", "profiles/qemu-guest.nix"];

/// Makes nixpkgs' files known to `import`, as far as they are.
pub(super) fn provide(e: &Evaluator) {
    for (path, attribute) in [
        ("", "__import"),
        ("/default.nix", "__import"),
        ("/flake.nix", "__flake"),
        ("/lib", "__lib"),
        ("/lib/default.nix", "__lib"),
        ("/nixos", "__nixos"),
        ("/nixos/default.nix", "__nixos"),
        ("/nixos/lib/eval-config.nix", "__evalConfig"),
    ] {
        let frameworks = all(e);
        let wanted: Vec<Name> = vec!["nixpkgs".into(), attribute.into()];
        let value = e.native(move |e| e.select(frameworks, &wanted, None, None));
        e.provide(format!("{NIXPKGS}{path}").into(), value);
    }
    for file in PLAIN_FILES {
        let module = e.done(Value::synthetic(Data::Set(Rc::default())));
        e.provide(format!("{NIXPKGS}/nixos/modules/{file}").into(), module);
    }
}
