//! Merging where no declaration tells the type: options that only nixpkgs declares.

use std::rc::Rc;

use super::definition::{Definition, Resolved, effective, resolve, wrapper};
use crate::nix::eval::{Data, Eval, Evaluator, List, Thunk, Unknown, Value, Why};

/// Options of nixpkgs whose type is `lines`: several definitions are joined by newlines.
/// From nixos/modules of nixpkgs: services/hardware/udev.nix, config/networking.nix,
/// config/shells-environment.nix, system/boot/stage-1.nix, system/activation.
const LINES: &[&str] = &[
    "services.udev.extraRules",
    "networking.extraHosts",
    "environment.extraInit",
    "environment.shellInit",
    "environment.loginShellInit",
    "environment.interactiveShellInit",
    "boot.initrd.preDeviceCommands",
    "boot.initrd.postDeviceCommands",
    "boot.initrd.postResumeCommands",
    "boot.initrd.postMountCommands",
    "boot.extraModprobeConfig",
    "nix.extraOptions",
];

/// Options whose values may be defined only once at one priority, even if equal
/// (`mergeOneOption`; nixos/modules/config/sysctl.nix of nixpkgs).
const UNIQUE_BELOW: &[&str] = &["boot.kernel.sysctl"];

/// Sysctls of which the highest definition counts (`highestValueType` of the same file).
const HIGHEST: [&str; 2] = [
    "boot.kernel.sysctl.net.core.rmem_max",
    "boot.kernel.sysctl.net.core.wmem_max",
];

/// The value of an option without a visible declaration, from the definitions that count.
pub(super) fn leaf(e: &Evaluator, path: &str, resolved: Vec<Resolved>) -> Eval<Value> {
    if let Some(doubt) = resolved.iter().find_map(|r| r.definition.doubt.clone()) {
        return Err(doubt);
    }
    if resolved.is_empty() {
        return Err(Unknown::new(Why::Config(path.to_owned()), None));
    }
    let mut values = Vec::with_capacity(resolved.len());
    for r in resolved {
        values.push(r.value?);
    }
    if values.iter().all(|v| matches!(v.data, Data::List(_))) {
        let values: Vec<Value> = values.into_iter().map(|v| discharged(e, v)).collect();
        return Ok(match values.as_slice() {
            [only] => only.clone(),
            values => concatenated(values),
        });
    }
    if let [only] = values.as_slice() {
        return Ok(only.clone());
    }
    let at = values.first().and_then(|v| v.at);
    if LINES.contains(&path) {
        return joined(e, &values, "\n");
    }
    if HIGHEST.contains(&path) {
        let number = |v: &Value| match v.data {
            Data::Int(n) => Some(n),
            _ => None,
        };
        if values.iter().all(|v| number(v).is_some()) {
            let highest = values.iter().max_by_key(|v| number(v));
            return highest
                .cloned()
                .ok_or(Unknown::new(Why::Config(path.to_owned()), at));
        }
    }
    let unique = UNIQUE_BELOW.iter().any(|p| {
        path.strip_prefix(p)
            .is_some_and(|rest| rest.starts_with('.'))
    });
    let mut equal = !unique;
    for value in &values[1..] {
        equal = equal && e.equal(&values[0], value)?;
    }
    let text = is_text(path) && values.iter().all(|v| matches!(v.data, Data::Str(_)));
    if equal && !text {
        return Ok(values[0].clone());
    }
    let scalars = values.iter().all(|v| {
        matches!(
            v.data,
            Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Null
        )
    });
    let why = format!("{path} is defined {} times with one priority", values.len());
    // Strings may be joined by a type that only nixpkgs knows; the rest conflicts for sure.
    let why = match scalars || unique {
        true => Why::Refused(why),
        false => Why::Unsupported(why),
    };
    Err(Unknown::new(why, at))
}

/// A list without the wrappers of its elements: options of nixpkgs that are lists are `listOf`,
/// which looks at each element and drops those whose condition is false.
fn discharged(e: &Evaluator, value: Value) -> Value {
    let Data::List(list) = &value.data else {
        return value;
    };
    let wraps = |item: &Thunk| match e.force(*item) {
        Ok(Value {
            data: Data::Set(set),
            ..
        }) => matches!(
            wrapper(e, &set).as_deref(),
            Some("if" | "merge" | "override" | "order")
        ),
        _ => false,
    };
    if !list.items.iter().any(wraps) {
        return value;
    }
    let mut items = Vec::with_capacity(list.items.len());
    for item in &list.items {
        if !wraps(item) {
            items.push(*item);
            continue;
        }
        for r in effective(e, resolve(e, &[Definition::new(*item, None, None)])) {
            items.push(match (r.definition.doubt, r.value) {
                (Some(doubt), _) | (None, Err(doubt)) => e.unknown(doubt),
                (None, Ok(value)) => e.done(value),
            });
        }
    }
    let parts = list.parts.clone();
    Value {
        data: Data::List(Rc::new(List { items, parts })),
        at: value.at,
    }
}

/// Lists one after the other, with the literals that wrote them.
pub(super) fn concatenated(values: &[Value]) -> Value {
    let mut all = List::default();
    for value in values {
        if let Data::List(list) = &value.data {
            all.items.extend(&list.items);
            all.parts.extend(&list.parts);
        }
    }
    Value::synthetic(Data::List(Rc::new(all)))
}

/// Strings with a separator between them; a single one keeps its place.
pub(super) fn joined(e: &Evaluator, values: &[Value], separator: &str) -> Eval<Value> {
    if let [only] = values {
        return Ok(only.clone());
    }
    let texts: Eval<Vec<Rc<str>>> = values.iter().map(|v| e.as_str(v, v.at)).collect();
    Ok(Value::synthetic(Data::Str(texts?.join(separator).into())))
}

/// nixpkgs' `mergeDefaultOption`: a declared option without a type.
pub(super) fn default_merge(e: &Evaluator, path: &str, resolved: Vec<Resolved>) -> Eval<Value> {
    if let Some(doubt) = resolved.iter().find_map(|r| r.definition.doubt.clone()) {
        return Err(doubt);
    }
    let values: Vec<Value> = resolved.into_iter().map(|r| r.value).collect::<Eval<_>>()?;
    let all = |test: fn(&Data) -> bool| values.iter().all(|v| test(&v.data));
    match values.as_slice() {
        [only] => Ok(only.clone()),
        _ if all(|d| matches!(d, Data::List(_))) => Ok(concatenated(&values)),
        _ if all(|d| matches!(d, Data::Str(_))) => joined(e, &values, ""),
        _ if all(|d| matches!(d, Data::Bool(_))) => {
            let any = values.iter().any(|v| matches!(v.data, Data::Bool(true)));
            Ok(Value::synthetic(Data::Bool(any)))
        }
        _ if all(|d| matches!(d, Data::Set(_))) => {
            let mut joined = crate::nix::eval::AttrSet::default();
            for value in &values {
                joined = crate::nix::eval::update(&joined, &*e.as_set(value, None)?);
            }
            Ok(Value::synthetic(Data::Set(Rc::new(joined))))
        }
        _ => {
            let why = format!("{path} is defined {} times, without a type", values.len());
            Err(Unknown::new(Why::Refused(why), None))
        }
    }
}

/// Whether an option is of a name that nixpkgs gives to text: its definitions, even equal ones, are
/// joined if its type is `lines`.
fn is_text(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    [
        "extraConfig",
        "extraRules",
        "extraHosts",
        "extraOptions",
        "text",
        "config",
    ]
    .contains(&name)
        || ["Init", "Commands", "Setup", "Config", "Script"]
            .iter()
            .any(|s| name.ends_with(s))
}
