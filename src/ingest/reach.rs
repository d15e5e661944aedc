//! Which definitions reach a set of the configuration, and under which conditions.
//!
//! A merged set does not say under which conditions it was defined: its attributes do, one by one.
//! But `types.attrsOf` drops an attribute of which every definition has a false condition, so
//! `subvolumes."/x" = mkIf false { … }` is no subvolume (nixpkgs `lib/types.nix`, `attrsOf`).

use std::rc::Rc;

use crate::nix::eval::{AttrSet, Data, Eval, Evaluator, Thunk, Value};
use crate::nix::module::{Configuration, is_submodule};

/// The priority of a definition that says nothing of it (`lib.modules.defaultOverridePriority`).
pub(super) const DEFAULT_PRIORITY: i64 = 100;
/// The order of a definition that says nothing of it (`lib.modules.defaultOrderPriority`).
const DEFAULT_ORDER: i64 = 1000;

/// One definition that reaches a path, its wrappers taken off.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) value: Value,
    /// Of the outermost `mkOverride` around it.
    pub(super) priority: Option<i64>,
    /// Of the innermost `mkOrder` around it.
    pub(super) order: Option<i64>,
    conditions: Vec<Thunk>,
    wrapped: bool,
}

impl Reach {
    /// Whether nothing (`mkIf`, `mkForce` …) was around it.
    pub(super) fn is_bare(&self) -> bool {
        !self.wrapped
    }
}

/// What the wrappers so far say.
#[derive(Clone, Default)]
struct Around {
    priority: Option<i64>,
    order: Option<i64>,
    conditions: Vec<Thunk>,
    wrapped: bool,
}

/// The definitions of the whole configuration.
pub(super) fn root(e: &Evaluator, configuration: &Configuration) -> Rc<[Reach]> {
    let mut found = Vec::new();
    for definition in configuration.definitions(e, &[]) {
        unwrap(e, definition.value, Around::default(), &mut found);
    }
    found.into()
}

/// One definition by itself.
pub(super) fn of(e: &Evaluator, thunk: Thunk) -> Rc<[Reach]> {
    let mut found = Vec::new();
    unwrap(e, thunk, Around::default(), &mut found);
    found.into()
}

/// The definitions that reach the attribute of a set at `path`, which ends in its name.
///
/// nixpkgs merges in the reverse order of modules, and a submodule is a module system of its own
/// whose modules are the definitions: each turns the order round (measured with nixpkgs' lib).
///
/// Of several definitions of one option only those of the strongest priority count, so a `mkForce`
/// around a set drops all others of it. `dropped` says that there were such.
pub(super) fn below(e: &Evaluator, reach: &[Reach], path: &[String]) -> Below {
    let mut found = raw(e, reach, path);
    let all = found.len();
    let forced = found.iter().any(|r| r.priority.is_some());
    if is_option(path) {
        let priority = |r: &Reach| r.priority.unwrap_or(DEFAULT_PRIORITY);
        let sure = found
            .iter()
            .filter(|r| matches!(all_hold(e, &r.conditions), Ok(true)));
        if let Some(strongest) = sure.map(priority).min() {
            found.retain(|r| priority(r) <= strongest);
        }
        // What is inside are options of their own.
        found.iter_mut().for_each(|r| r.priority = None);
    }
    if is_submodule(path) {
        found.reverse();
    }
    Below {
        dropped: found.len() < all,
        forced,
        reach: found.into(),
    }
}

/// The definitions that reach the attribute at `path`, whatever their priority.
pub(super) fn raw(e: &Evaluator, reach: &[Reach], path: &[String]) -> Vec<Reach> {
    attribute(e, reach, path.last().map_or("", String::as_str))
}

/// The definitions of an option, or of a set of options.
pub(super) struct Below {
    pub(super) reach: Rc<[Reach]>,
    /// Weaker definitions do not count.
    pub(super) dropped: bool,
    /// Some said how strong they are.
    pub(super) forced: bool,
}

/// Whether a path is an option or stands within one, of those that are read with their types.
fn is_option(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        names.as_slice(),
        ["fileSystems", ..] | ["disko", "devices", ..]
    )
}

fn attribute(e: &Evaluator, reach: &[Reach], name: &str) -> Vec<Reach> {
    let mut found = Vec::new();
    for definition in reach {
        if let Data::Set(set) = &definition.value.data
            && let Some(attribute) = set.get(name)
        {
            let around = Around {
                priority: definition.priority,
                order: None,
                conditions: definition.conditions.clone(),
                wrapped: false,
            };
            unwrap(e, attribute.value, around, &mut found);
        }
    }
    found
}

/// The definitions of one option that count, in the order in which a list is put together: those
/// that hold, of the strongest priority, by `mkOrder`. `None` while a condition is unknown.
pub(super) fn merged(e: &Evaluator, reach: &[Reach]) -> Option<Vec<Reach>> {
    let mut found = Vec::new();
    for definition in reach {
        if all_hold(e, &definition.conditions).ok()? {
            found.push(definition.clone());
        }
    }
    let priority = |r: &Reach| r.priority.unwrap_or(DEFAULT_PRIORITY);
    let strongest = found.iter().map(priority).min()?;
    found.retain(|r| priority(r) == strongest);
    found.sort_by_key(|r| r.order.unwrap_or(DEFAULT_ORDER));
    Some(found)
}

/// Whether any of the definitions holds; true where none is seen.
pub(super) fn holds(e: &Evaluator, reach: &[Reach]) -> Eval<bool> {
    let mut unsure = None;
    for definition in reach {
        match all_hold(e, &definition.conditions) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(unknown) => unsure = unsure.or(Some(unknown)),
        }
    }
    match unsure {
        Some(unknown) => Err(unknown),
        None => Ok(reach.is_empty()),
    }
}

fn all_hold(e: &Evaluator, conditions: &[Thunk]) -> Eval<bool> {
    for condition in conditions {
        if !e.holds(*condition, None)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The kind of wrapper that a set is, if it is one.
pub(super) fn wrapper(e: &Evaluator, set: &AttrSet) -> Option<Rc<str>> {
    let kind = e.force(set.get("_type")?.value).ok()?;
    match kind.data {
        Data::Str(kind) if matches!(&*kind, "if" | "merge" | "override" | "order") => Some(kind),
        _ => None,
    }
}

fn unwrap(e: &Evaluator, thunk: Thunk, mut around: Around, found: &mut Vec<Reach>) {
    let Ok(value) = e.force(thunk) else {
        return;
    };
    let wrapped = match &value.data {
        Data::Set(set) => wrapper(e, set).map(|kind| (kind, Rc::clone(set))),
        _ => None,
    };
    let Some((kind, set)) = wrapped else {
        return found.push(Reach {
            value,
            priority: around.priority,
            order: around.order,
            conditions: around.conditions,
            wrapped: around.wrapped,
        });
    };
    around.wrapped = true;
    let field = |name: &str| set.get(name).map(|a| a.value);
    let number = |name: &str| {
        let value = e.force(field(name)?).ok()?;
        e.as_int(&value, None).ok()
    };
    match &*kind {
        "merge" => {
            let contents = field("contents").and_then(|c| e.force(c).ok());
            if let Some(Value {
                data: Data::List(list),
                ..
            }) = contents
            {
                for item in &list.items {
                    unwrap(e, *item, around.clone(), found);
                }
            }
        }
        kind => {
            match kind {
                "if" => around.conditions.extend(field("condition")),
                "order" => around.order = number("priority").or(around.order),
                _ => around.priority = around.priority.or(number("priority")),
            }
            if let Some(content) = field("content") {
                unwrap(e, content, around, found);
            }
        }
    }
}
