//! Lists of which some elements are not known to be there.
//!
//! Such a list is unknown to everybody: neither its length nor its ends can be told. But what is
//! known of it travels with the reason, for the one reader that can use it: a list of modules, in
//! which every element counts for itself.

use std::rc::Rc;

use super::interpret::Evaluator;
use super::value::{Data, Eval, List, Thunk, Unknown, Value, Why};
use crate::nix::source::Span;

/// What is known of a list that is not known as a whole. It says nothing about the reason, so all
/// are alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Option<Rc<List>>);

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl Unknown {
    /// If this is a list of which only a part is unknown: its elements, with one that is unknown
    /// wherever something may be missing.
    pub fn known_items(&self) -> Option<&[Thunk]> {
        self.known.0.as_ref().map(|list| list.items.as_slice())
    }
}

impl Unknown {
    /// The same, with other elements in place of those that are known.
    pub(super) fn with_items(self: Rc<Self>, items: impl Fn(&[Thunk]) -> Vec<Thunk>) -> Rc<Self> {
        let Some(known) = self.known_items() else {
            return self;
        };
        let (items, parts) = (items(known), Vec::new());
        Rc::new(Unknown {
            why: self.why.clone(),
            at: self.at,
            known: Known(Some(Rc::new(List { items, parts }))),
        })
    }
}

/// A list while it is put together from parts that may be unknown.
pub(super) struct Gathered<'a> {
    e: &'a Evaluator,
    list: List,
    missing: Option<Rc<Unknown>>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(e: &'a Evaluator) -> Self {
        Gathered {
            e,
            list: List::default(),
            missing: None,
        }
    }

    /// Appends an element.
    pub(super) fn push(&mut self, item: Thunk) {
        self.list.items.push(item);
    }

    /// Names literals whose elements these are.
    pub(super) fn parts(&mut self, parts: &[Span]) {
        self.list.parts.extend(parts);
    }

    /// Appends a list, as far as it is known. What Nix would refuse, or what spends too much, has
    /// no known part.
    pub(super) fn extend(&mut self, part: Eval<Rc<List>>, at: Option<Span>) -> Eval<()> {
        let unknown = match part {
            Ok(part) => {
                self.e.charge_list(&part, at)?;
                self.list.items.extend(&part.items);
                self.list.parts.extend(&part.parts);
                return Ok(());
            }
            Err(unknown) => unknown,
        };
        match &unknown.known.0 {
            Some(part) => {
                self.e.charge_list(part, at)?;
                self.list.items.extend(&part.items);
            }
            None => self.miss(&unknown)?,
        }
        self.missing.get_or_insert(unknown);
        Ok(())
    }

    /// Notes that something may stand here.
    pub(super) fn miss(&mut self, unknown: &Rc<Unknown>) -> Eval<()> {
        if matches!(unknown.why, Why::Refused(_) | Why::Budget(_)) {
            return Err(Rc::clone(unknown));
        }
        self.missing.get_or_insert_with(|| Rc::clone(unknown));
        self.e.charge(64, unknown.at)?;
        self.list.items.push(self.e.unknown(Rc::clone(unknown)));
        Ok(())
    }

    /// The list, or why it is not known.
    pub(super) fn finish(self, at: Option<Span>) -> Eval<Value> {
        let list = Rc::new(self.list);
        match self.missing {
            None => Ok(Value {
                data: Data::List(list),
                at,
            }),
            Some(unknown) => Err(Rc::new(Unknown {
                why: unknown.why.clone(),
                at: unknown.at,
                known: Known(Some(list)),
            })),
        }
    }
}
