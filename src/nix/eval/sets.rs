//! Sets: making them with their frames, and selecting from them.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::hir::*;
use super::interpret::{Evaluator, State};
use super::value::*;
use crate::nix::source::Span;

impl Evaluator {
    /// An attribute name of a path, computed if it has to be.
    pub(super) fn key(&self, unit: &Unit, key: &Key, frame: Frame, at: Option<Span>) -> Eval<Name> {
        match key {
            Key::Name(name) => Ok(name.clone()),
            Key::Expr(expr) => {
                let value = self.eval(unit, *expr, frame)?;
                self.as_str(&value, at).map(|s| Name::from(&*s))
            }
        }
    }

    /// `base.a.b or default`
    pub fn select(
        &self,
        base: Thunk,
        path: &[Name],
        default: Option<Thunk>,
        at: Option<Span>,
    ) -> Eval<Value> {
        self.select_keys(base, path.iter().map(|name| Ok(name.clone())), default, at)
    }

    /// The same for names that are computed: each only when the way to it exists.
    pub(super) fn select_keys(
        &self,
        base: Thunk,
        path: impl Iterator<Item = Eval<Name>>,
        default: Option<Thunk>,
        at: Option<Span>,
    ) -> Eval<Value> {
        let mut value = self.force(base)?;
        for name in path {
            let name = name?;
            let Data::Set(set) = &value.data else {
                let Some(default) = default else {
                    let kind = value.type_name();
                    let why = format!("`.{name}` of a {kind}, which is no set");
                    return Err(Unknown::new(Why::Refused(why), at));
                };
                return self.force(default);
            };
            value = match (set.get(&name), &set.open, default) {
                (Some(attribute), _, _) => self.force(attribute.value)?,
                (None, Openness::Open(why), _) => why.absent(&name, at)?,
                (None, Openness::Closed, Some(default)) => return self.force(default),
                (None, Openness::Closed, None) => {
                    let why = format!("attribute `{name}` is missing");
                    return Err(Unknown::new(Why::Refused(why), at));
                }
            };
        }
        Ok(value)
    }

    pub(super) fn has_attr(
        &self,
        base: Value,
        mut path: impl ExactSizeIterator<Item = Eval<Name>>,
        at: Option<Span>,
    ) -> Eval<bool> {
        let mut value = base;
        while let Some(name) = path.next() {
            let name = name?;
            let Data::Set(set) = &value.data else {
                return Ok(false);
            };
            match (set.get(&name), &set.open) {
                (Some(attribute), _) => {
                    // The last one need only be there, not have a value.
                    let attribute = *attribute;
                    if path.len() == 0 {
                        return Ok(true);
                    }
                    value = self.force(attribute.value)?;
                }
                (None, Openness::Open(why)) if path.len() == 0 => return why.has(&name, at),
                (None, Openness::Open(why)) => value = why.absent(&name, at)?,
                (None, Openness::Closed) => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(super) fn recursive_frame(&self, unit: &Unit, bindings: &Bindings, parent: Frame) -> Frame {
        let frame = self.open_frame(parent);
        let mut slots = Vec::with_capacity(bindings.names.len() + bindings.froms.len());
        for (_, binding) in &bindings.names {
            let scope = if binding.outer { parent } else { frame };
            // A variable of the same frame has no slot yet, so it cannot be looked up at once.
            slots.push(match binding.outer {
                true => self.delay(unit, binding.value, scope),
                false => self.alloc(State::Suspended {
                    unit: unit.clone(),
                    expr: binding.value,
                    frame: scope,
                }),
            });
        }
        for from in &bindings.froms {
            slots.push(self.alloc(State::Suspended {
                unit: unit.clone(),
                expr: *from,
                frame,
            }));
        }
        self.fill_frame(&slots);
        frame
    }

    pub(super) fn set(
        &self,
        unit: &Unit,
        recursive: bool,
        bindings: &Bindings,
        frame: Frame,
    ) -> Eval<Data> {
        let span = |binding: &Binding| {
            Some(Span {
                file: unit.file,
                range: binding.range,
            })
        };
        let count = bindings.names.len() + bindings.dynamic.len();
        self.charge_set(count, None)?;
        let mut entries = Vec::with_capacity(count);
        let inner = if recursive {
            self.recursive_frame(unit, bindings, frame)
        } else if bindings.froms.is_empty() {
            frame
        } else {
            let inner = self.open_frame(frame);
            let froms = bindings.froms.iter();
            let slots: Vec<Thunk> = froms
                .map(|f| {
                    self.alloc(State::Suspended {
                        unit: unit.clone(),
                        expr: *f,
                        frame: inner,
                    })
                })
                .collect();
            self.fill_frame(&slots);
            inner
        };
        for (slot, (name, binding)) in bindings.names.iter().enumerate() {
            let value = if recursive {
                self.slot(inner, 0, slot as u32)
            } else {
                let scope = if binding.outer { frame } else { inner };
                self.delay(unit, binding.value, scope)
            };
            entries.push((
                name.clone(),
                Attribute {
                    value,
                    entry: span(binding),
                },
            ));
        }
        let mut taken: FxHashSet<Name> = match bindings.dynamic.is_empty() {
            true => FxHashSet::default(),
            false => entries.iter().map(|(name, _)| name.clone()).collect(),
        };
        for (key, binding) in &bindings.dynamic {
            let key = self.eval(unit, *key, inner)?;
            if matches!(key.data, Data::Null) {
                continue;
            }
            let name = Name::from(&*self.as_str(&key, span(binding))?);
            if !taken.insert(name.clone()) {
                let why = format!("dynamic attribute `{name}` is already defined");
                return Err(Unknown::new(Why::Refused(why), span(binding)));
            }
            let value = self.delay(unit, binding.value, inner);
            entries.push((
                name,
                Attribute {
                    value,
                    entry: span(binding),
                },
            ));
        }
        Ok(Data::Set(Rc::new(AttrSet::new(entries))))
    }
}
