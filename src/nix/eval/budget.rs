//! What one evaluator may spend, so that no file can stall or exhaust the machine.

use std::cell::Cell;
use std::rc::Rc;

use super::hir::Name;
use super::interpret::Evaluator;
use super::value::{Attribute, Data, Eval, List, Unknown, Value, Why};
use crate::nix::source::Span;

/// Steps: evaluations of an expression, calls, comparisons of two values, coercions of one.
const STEPS: u64 = 8_000_000;
const STEPS_SPENT: &str = "it takes more than 8,000,000 steps";
/// Nesting of evaluations; Nix's own limit (`max-call-depth`) is 10,000.
const DEPTH: u32 = 10_000;
const DEPTH_SPENT: &str = "it nests deeper than 10,000 evaluations";
/// Bytes of values, thunks and frames that were ever made. Nearly all of them stay.
const BYTES: u64 = 80 * 1024 * 1024;
pub(super) const BYTES_SPENT: &str = "its values take more than 80 MiB";

/// What was spent so far.
#[derive(Debug, Default)]
pub(super) struct Spent {
    steps: Cell<u64>,
    depth: Cell<u32>,
    bytes: Cell<u64>,
}

impl Spent {
    /// Notes memory, and tells whether it may be used.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let total = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(total);
        total <= BYTES
    }
}

impl Evaluator {
    /// Notes that `bytes` are about to be used, or refuses. To be asked before anything is made
    /// whose size the configuration decides.
    pub(super) fn charge(&self, bytes: usize, at: Option<Span>) -> Eval<()> {
        match self.spent.take(bytes) {
            true => Ok(()),
            false => Err(Unknown::new(Why::Budget(BYTES_SPENT), at)),
        }
    }

    /// The same for a list of so many elements.
    pub(super) fn charge_list(&self, list: &List, at: Option<Span>) -> Eval<()> {
        let parts = list.parts.len() * size_of::<Span>();
        self.charge(64 + list.items.len() * 4 + parts, at)
    }

    /// The same for a set of so many attributes.
    pub(super) fn charge_set(&self, attributes: usize, at: Option<Span>) -> Eval<()> {
        self.charge(64 + attributes * size_of::<(Name, Attribute)>(), at)
    }

    /// Notes the memory of what a function of the language just made; what it handed on, and other
    /// values hold too, was noted before.
    pub(super) fn charge_made(&self, value: &Value, at: Option<Span>) -> Eval<()> {
        match &value.data {
            Data::Str(s) | Data::Path(s) if Rc::strong_count(s) == 1 => {
                self.charge(16 + s.len(), at)
            }
            Data::List(list) if Rc::strong_count(list) == 1 => self.charge_list(list, at),
            Data::Set(set) if Rc::strong_count(set) == 1 => self.charge_set(set.entries.len(), at),
            _ => Ok(()),
        }
    }

    /// Steps and bytes spent so far.
    pub fn spent(&self) -> (u64, u64) {
        (self.spent.steps.get(), self.spent.bytes.get())
    }

    /// Whether less than half of what may be spent is: then as much again can be asked.
    pub fn has_room(&self) -> bool {
        let (steps, bytes) = self.spent();
        steps < STEPS / 2 && bytes < BYTES / 2
    }

    /// Takes a step, one level deeper, on a stack that grows as needed.
    pub(super) fn deeper<T>(&self, at: Option<Span>, run: impl FnOnce() -> Eval<T>) -> Eval<T> {
        let spent = &self.spent;
        let (steps, depth) = (spent.steps.get() + 1, spent.depth.get());
        spent.steps.set(steps);
        if steps > STEPS || depth >= DEPTH || spent.bytes.get() > BYTES {
            return Err(self.exhausted(at));
        }
        spent.depth.set(depth + 1);
        let result = stacker::maybe_grow(128 * 1024, 8 * 1024 * 1024, run);
        spent.depth.set(depth);
        result
    }

    #[cold]
    fn exhausted(&self, at: Option<Span>) -> Rc<Unknown> {
        let which = match () {
            () if self.spent.steps.get() > STEPS => STEPS_SPENT,
            () if self.spent.bytes.get() > BYTES => BYTES_SPENT,
            () => DEPTH_SPENT,
        };
        Unknown::new(Why::Budget(which), at)
    }
}
