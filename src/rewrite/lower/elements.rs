//! Ways of changing a list.

use rnix::{TextRange, ast};
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::claim::{Expected, Stuck};
use super::look::{self, Written};
use super::usage::{self, Binding};
use super::{Candidate, flow, place, scope, value};
use crate::nix::edit::{self, NewValue, TextEdit};
use crate::nix::eval::{Data, List, Thunk, Value};
use crate::nix::source::{FileId, Span};
use crate::nix::syntax;
use crate::project::Evaluated;

/// What becomes of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListChange {
    pub(super) path: Vec<String>,
    /// The elements now; `None` where nothing is written.
    pub(super) before: Option<Vec<Json>>,
    /// What becomes of each of them: `None` if it stays.
    pub(super) fate: Vec<Option<Fate>>,
    /// Elements that come to the end.
    pub(super) added: Vec<Json>,
    /// Where new elements stand matters.
    pub(super) ordered: bool,
}

/// What becomes of an element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    Goes,
    Becomes(Json),
}

impl ListChange {
    /// The list as it is now, without a change.
    pub(super) fn none(evaluated: &Evaluated, path: &[String]) -> Result<ListChange, Stuck> {
        let before = match look::value(evaluated, path)? {
            None => None,
            Some(found) => match look::json(evaluated, path, &found) {
                Json::Array(items) => Some(items),
                _ => {
                    let why = format!("{} is a {}, not a list", path.join("."), found.type_name());
                    return Err(Stuck::new(why, found.at));
                }
            },
        };
        Ok(ListChange {
            path: path.to_vec(),
            fate: vec![None; before.as_ref().map_or(0, Vec::len)],
            before,
            added: Vec::new(),
            ordered: false,
        })
    }

    /// The list without some elements and with others, each of which takes the place of the removed
    /// one with the same index.
    pub(super) fn edited(
        evaluated: &Evaluated,
        path: &[String],
        remove: &[Json],
        add: &[Json],
    ) -> Result<ListChange, Stuck> {
        let mut change = ListChange::none(evaluated, path)?;
        let mut placed = vec![false; add.len()];
        let before: Vec<Json> = change.before.clone().unwrap_or_default();
        // What is to be there and is there stays where it is.
        let mut stays = vec![false; before.len()];
        for (stays, element) in stays.iter_mut().zip(&before) {
            let same = add.iter().position(|new| new == element);
            if let Some(index) = same.filter(|index| !placed[*index]) {
                (*stays, placed[index]) = (true, true);
            }
        }
        for ((fate, element), stays) in change.fate.iter_mut().zip(&before).zip(stays) {
            let Some(index) = remove.iter().position(|r| r == element) else {
                continue;
            };
            if stays {
                continue;
            }
            *fate = Some(match add.get(index) {
                Some(new) if !placed[index] => {
                    placed[index] = true;
                    Fate::Becomes(new.clone())
                }
                _ => Fate::Goes,
            });
        }
        let rest = add.iter().zip(placed).filter(|(_, placed)| !placed);
        change.added = rest.map(|(new, _)| new.clone()).collect();
        Ok(change)
    }

    /// The list with just these elements; what it has of them stays where it is.
    pub(super) fn to(
        evaluated: &Evaluated,
        path: &[String],
        wanted: &[Json],
    ) -> Result<ListChange, Stuck> {
        let mut change = ListChange::none(evaluated, path)?;
        let before: Vec<Json> = change.before.clone().unwrap_or_default();
        let (fate, added) = toward(&before, wanted);
        (change.fate, change.added) = (fate, added);
        Ok(change)
    }

    /// What was there and stays, or took something's place.
    fn stay(&self) -> Vec<Json> {
        after(self.before.as_deref().unwrap_or_default(), &self.fate)
    }

    /// The whole list afterwards.
    pub(super) fn after(&self) -> Vec<Json> {
        let mut after = self.stay();
        after.extend(self.added.iter().cloned());
        after
    }

    pub(super) fn expected(&self) -> Expected {
        match self.ordered {
            true => Expected::Value(Json::Array(self.after())),
            false => Expected::Elements {
                stay: self.stay(),
                come: self.added.clone(),
            },
        }
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.fate.iter().all(Option::is_none)
    }

    fn only_adds(&self) -> bool {
        self.fate.iter().all(Option::is_none)
    }

    /// The same end, from the list as it is after other edits.
    fn from(&self, now: &[Json]) -> ListChange {
        if self.before.as_deref().unwrap_or_default() == now {
            return self.clone();
        }
        let (fate, added) = toward(now, &self.after());
        ListChange {
            before: Some(now.to_vec()),
            fate,
            added,
            ..self.clone()
        }
    }
}

fn after(before: &[Json], fate: &[Option<Fate>]) -> Vec<Json> {
    let kept = before.iter().zip(fate).filter_map(|(b, fate)| match fate {
        None => Some(b.clone()),
        Some(Fate::Becomes(new)) => Some(new.clone()),
        Some(Fate::Goes) => None,
    });
    kept.collect()
}

fn toward(before: &[Json], wanted: &[Json]) -> (Vec<Option<Fate>>, Vec<Json>) {
    let mut missing = wanted.to_vec();
    let fate = before
        .iter()
        .map(|b| match missing.iter().position(|w| w == b) {
            Some(index) => {
                missing.remove(index);
                None
            }
            None => Some(Fate::Goes),
        })
        .collect();
    (fate, missing)
}

pub(super) fn candidates(evaluated: &Evaluated, change: &ListChange) -> Vec<Candidate> {
    let path = &change.path;
    let Ok(found) = look::value(evaluated, path) else {
        return Vec::new();
    };
    let Some(value) = found else {
        let whole = NewValue::from(&Json::Array(change.after()));
        return value::new(evaluated, path, &whole);
    };
    let Data::List(list) = &value.data else {
        return Vec::new();
    };
    let Json::Array(now) = look::json(evaluated, path, &value) else {
        return Vec::new();
    };
    let change = change.from(&now);
    let mut out = literals(evaluated, list, &change);
    let counting = look::counting(evaluated, path);
    out.extend(flow::candidates(evaluated, list, &change));
    for (definition, share) in shares(evaluated, path, &counting, &change) {
        out.extend(at_use(evaluated, &definition, &share));
    }
    if change.only_adds() {
        let added = NewValue::from(&Json::Array(change.added.clone()));
        out.extend(value::beside(evaluated, path, &added));
        out.extend(place::definitions(evaluated, path, &added));
    }
    if look::is_plain(&Json::Array(change.after())) {
        let whole = NewValue::from(&Json::Array(change.after()));
        // Modules of NixOS, which are not read, add to its lists (boot.kernelParams): to force one
        // would drop what they say, and no proof would see it.
        let is_whole = path
            .first()
            .is_some_and(|r| r == "disko" || r == "fileSystems");
        out.extend(match is_whole {
            true => value::instead(evaluated, path, &whole),
            false => value::unforced(evaluated, path, &whole),
        });
    }
    out
}

/// Each definition with what becomes of the elements that it gives.
fn shares(
    evaluated: &Evaluated,
    path: &[String],
    counting: &[Written],
    change: &ListChange,
) -> Vec<(Written, ListChange)> {
    let mut out = Vec::new();
    let mut start = 0;
    for (index, definition) in counting.iter().enumerate() {
        let Some(value) = &definition.value else {
            return Vec::new();
        };
        let Json::Array(items) = look::json(evaluated, path, value) else {
            return Vec::new();
        };
        let Some(fate) = change.fate.get(start..start + items.len()) else {
            return Vec::new();
        };
        start += items.len();
        let share = ListChange {
            before: Some(items),
            fate: fate.to_vec(),
            // What is new comes behind all else first, then behind any other.
            added: change.added.clone(),
            ..change.clone()
        };
        let touched = !share.only_adds();
        let all_here = change.fate.iter().flatten().count() == share.fate.iter().flatten().count();
        if touched && all_here || !touched && change.only_adds() {
            out.push((index, definition.clone(), share));
        }
    }
    out.sort_by_key(|(index, ..)| std::cmp::Reverse(*index));
    out.into_iter().map(|(_, d, s)| (d, s)).collect()
}

/// The places in list literals that gave each element, where they are known.
fn slots(evaluated: &Evaluated, list: &List) -> Vec<Option<Slot>> {
    let e = &evaluated.evaluator;
    let at = |item: &Thunk| match e.force(*item) {
        Ok(Value { at, .. }) => at,
        Err(unknown) => unknown.at,
    };
    let literal = |at: Span| -> Option<Slot> {
        let element: ast::Expr = look::node(evaluated, at)?;
        let list = element.syntax().parent().and_then(ast::List::cast)?;
        let file = at.file;
        Some(Slot {
            file,
            list,
            element,
        })
    };
    let parts: Option<Vec<(FileId, ast::List)>> = list
        .parts
        .iter()
        .map(|part| Some((part.file, look::node::<ast::List>(evaluated, *part)?)))
        .collect();
    let mut by_part: Vec<Slot> = Vec::new();
    for (file, list) in parts.iter().flatten() {
        by_part.extend(list.items().map(|element| Slot {
            file: *file,
            list: list.clone(),
            element,
        }));
    }
    // Each element is one of the literals', unless something put them in another order.
    let agrees = |(item, slot): (&Thunk, &Slot)| match at(item) {
        Some(at) => {
            let own = slot.element.syntax().text_range();
            (slot.file == at.file && own.contains_range(at.range))
                || !matches!(slot.element, ast::Expr::Str(_) | ast::Expr::Literal(_))
        }
        None => true,
    };
    let whole = by_part.len() == list.items.len() && list.items.iter().zip(&by_part).all(agrees);
    match whole {
        true => by_part.into_iter().map(Some).collect(),
        false => list.items.iter().map(|i| literal(at(i)?)).collect(),
    }
}

/// An element of a list literal.
#[derive(Debug, Clone)]
struct Slot {
    file: FileId,
    list: ast::List,
    element: ast::Expr,
}

/// Changes the literals that wrote the elements: where they were written, else where they stand in
/// the list.
fn literals(evaluated: &Evaluated, list: &List, change: &ListChange) -> Vec<Candidate> {
    let slots = slots(evaluated, list);
    // New elements go to the last literal first: it is the one nearest to the use.
    let mut homes: Vec<Option<Span>> = list.parts.iter().rev().copied().map(Some).collect();
    if change.added.is_empty() || homes.is_empty() {
        homes = vec![None];
    }
    let mut out = Vec::new();
    for home in homes {
        for written in [true, false] {
            out.extend(in_literals(evaluated, list, &slots, change, home, written));
        }
    }
    out
}

fn in_literals(
    evaluated: &Evaluated,
    list: &List,
    slots: &[Option<Slot>],
    change: &ListChange,
    home: Option<Span>,
    written: bool,
) -> Option<Candidate> {
    let mut candidate = Candidate::default();
    let mut removed: Vec<(FileId, ast::List, Vec<TextRange>)> = Vec::new();
    for (index, fate) in change.fate.iter().enumerate() {
        match fate {
            None => {}
            Some(Fate::Becomes(new)) => {
                let origin = evaluated.evaluator.force(*list.items.get(index)?).ok();
                let origin = origin.and_then(|v| v.at).filter(|_| written);
                let literal = origin.and_then(|at| {
                    let literal = look::node::<ast::Expr>(evaluated, at)?;
                    matches!(literal, ast::Expr::Str(_) | ast::Expr::Literal(_))
                        .then_some((at.file, literal))
                });
                let (file, element) = match (literal, slots.get(index)?) {
                    (Some(literal), _) => literal,
                    (None, Some(slot)) => (slot.file, slot.element.clone()),
                    (None, None) => return None,
                };
                let edit = edit::replace_value(&element, &NewValue::from(new));
                candidate = candidate.and(Candidate::of(file, edit));
            }
            Some(Fate::Goes) => {
                let slot = slots.get(index)?.as_ref()?;
                let range = slot.element.syntax().text_range();
                match removed
                    .iter_mut()
                    .find(|(f, l, _)| *f == slot.file && *l == slot.list)
                {
                    // One literal may be used twice in a list; it is removed once.
                    Some((_, _, ranges)) if ranges.contains(&range) => {}
                    Some((_, _, ranges)) => ranges.push(range),
                    None => removed.push((slot.file, slot.list.clone(), vec![range])),
                }
            }
        }
    }
    for (file, list, ranges) in &removed {
        let gone = match emptied_operand(list, ranges) {
            Some(edit) if change.added.is_empty() => Candidate::of(*file, edit),
            _ => Candidate::removal(*file, edit::remove_elements(list, ranges)),
        };
        candidate = candidate.and(gone);
    }
    if !change.added.is_empty() {
        let home = home?;
        let literal: ast::List = look::node(evaluated, home)?;
        let gone = removed
            .iter()
            .find(|(f, l, _)| *f == home.file && *l == literal);
        let all_gone = gone.is_some_and(|(_, l, ranges)| l.items().count() == ranges.len());
        if all_gone {
            // Nothing is left to stand beside.
            return None;
        }
        let new: Vec<NewValue> = change.added.iter().map(NewValue::from).collect();
        let edit = edit::append_elements(&literal, &new);
        candidate = candidate.and(Candidate::of(home.file, edit));
    }
    Some(candidate)
}

/// `a ++ [ "x" ]` without its only element is `a`.
fn emptied_operand(list: &ast::List, removed: &[TextRange]) -> Option<TextEdit> {
    if list.items().count() != removed.len() || !syntax::comments(list.syntax()).is_empty() {
        return None;
    }
    without_operand(&ast::Expr::List(list.clone()))
}

/// `a ++ b` without one of them.
pub(super) fn without_operand(operand: &ast::Expr) -> Option<TextEdit> {
    let sum = operand.syntax().parent().and_then(ast::BinOp::cast)?;
    if sum.operator() != Some(ast::BinOpKind::Concat) {
        return None;
    }
    let (left, right) = (
        sum.lhs()?.syntax().text_range(),
        sum.rhs()?.syntax().text_range(),
    );
    let gone = match operand.syntax().text_range() == right {
        true => TextRange::new(left.end(), right.end()),
        false => TextRange::new(left.start(), right.start()),
    };
    Some(TextEdit::delete(gone))
}

/// Changes the binding that uses a list written elsewhere.
fn at_use(evaluated: &Evaluated, definition: &Written, share: &ListChange) -> Vec<Candidate> {
    let Some(binding) = Binding::of(evaluated, definition, &share.path) else {
        return Vec::new();
    };
    let plain = look::is_plain(&Json::Array(share.after()));
    let whole = NewValue::from(&Json::Array(share.after()));
    match &binding {
        Binding::Bound { file, .. } => {
            let Some(value) = binding.value() else {
                return Vec::new();
            };
            let core = usage::core(&value);
            let mut out = changed(*file, &core, share);
            if plain {
                out.push(Candidate::of(*file, edit::replace_value(&core, &whole)));
            }
            out
        }
        Binding::Inherited {
            file,
            inherit,
            name,
        } => {
            let from = inherit.from().and_then(|f| f.expr());
            let source = match &from {
                Some(from) => {
                    let text = usage::text(from);
                    let text = match from {
                        ast::Expr::Ident(_) | ast::Expr::Select(_) => text,
                        _ => format!("({text})"),
                    };
                    format!("{text}.{}", syntax::attribute_name(name))
                }
                None => name.clone(),
            };
            let mut texts = Vec::new();
            if share.only_adds() {
                let new = NewValue::from(&Json::Array(share.added.clone()));
                texts.push(NewValue::Text(format!("{source} ++ {}", new.one_line())));
            }
            let gone = without(inherit.syntax(), share, &source);
            texts.extend(gone.map(NewValue::Text));
            if plain {
                texts.push(whole);
            }
            texts
                .iter()
                .filter_map(|text| {
                    let bound = edit::bind_inherited(inherit, name, text)?;
                    Some(Candidate::removal(*file, bound))
                })
                .collect()
        }
    }
}

/// An expression that gives a list, changed where it stands: `x ++ [ … ]`, `lib.remove … x`.
pub(super) fn changed(file: FileId, expression: &ast::Expr, share: &ListChange) -> Vec<Candidate> {
    if matches!(expression, ast::Expr::List(_)) {
        return Vec::new();
    }
    if share.only_adds() {
        let new = NewValue::from(&Json::Array(share.added.clone()));
        let edits = edit::append_operand(expression, &new);
        return vec![Candidate::all(file, edits)];
    }
    let text = usage::text(expression);
    let text = match usage::is_loose(expression) || matches!(expression, ast::Expr::Apply(_)) {
        true => format!("({text})"),
        false => text,
    };
    let gone = without(expression.syntax(), share, &text);
    let replace = |new: String| {
        let edit = edit::replace_value(expression, &NewValue::Text(new));
        Candidate::of(file, edit)
    };
    gone.map(replace).into_iter().collect()
}

/// `lib.remove "x" list`, if `lib` is in reach and nothing else is to be done.
fn without(at: &rnix::SyntaxNode, share: &ListChange, list: &str) -> Option<String> {
    if list.contains('\n') {
        return None;
    }
    let before = share.before.as_deref().unwrap_or_default();
    let mut gone: Vec<&Json> = Vec::new();
    let mut added = share.added.clone();
    for (element, fate) in before.iter().zip(&share.fate) {
        match fate {
            None => continue,
            Some(Fate::Becomes(new)) => added.push(new.clone()),
            Some(Fate::Goes) => {}
        }
        if !gone.contains(&element) {
            gone.push(element);
        }
    }
    let text = match gone.as_slice() {
        [] => return None,
        [only] => {
            let remove = scope::reachable(at, "remove")?;
            format!("{remove} {} {list}", NewValue::from(*only).one_line())
        }
        several => {
            let subtract = scope::reachable(at, "subtractLists")?;
            let several = Json::Array(several.iter().map(|g| (*g).clone()).collect());
            format!("{subtract} {} {list}", NewValue::from(&several).one_line())
        }
    };
    Some(match added.is_empty() {
        true => text,
        false => {
            let added = NewValue::from(&Json::Array(added));
            format!("{text} ++ {}", added.one_line())
        }
    })
}
