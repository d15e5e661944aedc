//! What the program around the evaluator gives to it: values of its own, and what it assumes.

use std::path::PathBuf;
use std::rc::Rc;

use super::hir::Name;
use super::interpret::{Evaluator, SPENT, State};
use super::value::*;
use crate::nix::source::Span;

impl Evaluator {
    /// A thunk that is a value already.
    pub fn done(&self, value: Value) -> Thunk {
        self.alloc(State::Done(Ok(value)))
    }

    /// A thunk that is unknown.
    pub fn unknown(&self, unknown: Rc<Unknown>) -> Thunk {
        self.alloc(State::Done(Err(unknown)))
    }

    /// A thunk computed by this program when it is first needed.
    pub fn native(&self, run: impl FnOnce(&Evaluator) -> Eval<Value> + 'static) -> Thunk {
        self.spent.take(size_of_val(&run) + 16);
        self.alloc(State::Native(Box::new(run)))
    }

    /// The same for a value that refers to itself: it is given its own thunk.
    pub fn fixed(&self, run: impl FnOnce(&Evaluator, Thunk) -> Eval<Value> + 'static) -> Thunk {
        let thunk = self.native(|_| Ok(Value::synthetic(Data::Null)));
        if thunk == SPENT {
            return thunk;
        }
        let native = Box::new(move |e: &Evaluator| run(e, thunk));
        *self.thunks.borrow_mut().get_mut(thunk.0) = State::Native(native);
        thunk
    }

    /// The one thunk known by a name: `thunk`, if none was before.
    pub fn shared(&self, name: &str, thunk: Thunk) -> Thunk {
        *self
            .shared
            .borrow_mut()
            .entry(name.to_owned())
            .or_insert(thunk)
    }

    /// From here on a condition that does not hold may hold on the machine: the module around it
    /// is read as if it were enabled.
    pub fn assume(&self) {
        self.assuming.set(true);
    }

    /// Whether a condition of a definition holds.
    pub fn holds(&self, condition: Thunk, at: Option<Span>) -> Eval<bool> {
        let value = self.force(condition)?;
        match self.as_bool(&value, at)? {
            false if self.assuming.get() => {
                let what =
                    "whether a condition holds that this file alone does not meet".to_owned();
                Err(Unknown::new(Why::Outside(what), at))
            }
            holds => Ok(holds),
        }
    }

    /// Notes something that could not be taken into account where nobody asks for it.
    pub fn note(&self, unknown: Rc<Unknown>) {
        self.notes.borrow_mut().push(unknown);
    }

    /// What was noted so far.
    pub fn notes(&self) -> Vec<Rc<Unknown>> {
        self.notes.borrow().clone()
    }

    /// Gives a value to a path outside the project, so that it can be imported.
    pub fn provide(&self, path: PathBuf, value: Thunk) {
        self.imports.borrow_mut().insert(path, value);
    }

    /// A string that nobody wrote.
    pub fn text(&self, text: &str) -> Thunk {
        self.done(Value::synthetic(Data::Str(text.into())))
    }

    /// A list that nobody wrote.
    pub fn list(&self, items: Vec<Thunk>) -> Thunk {
        let parts = Vec::new();
        self.done(Value::synthetic(Data::List(Rc::new(List { items, parts }))))
    }

    /// A set that nobody wrote.
    pub fn set(&self, set: AttrSet) -> Thunk {
        self.done(set.into_value())
    }

    /// A set of these values, that nobody wrote.
    pub fn set_of(&self, values: impl IntoIterator<Item = (Name, Thunk)>) -> Thunk {
        self.set(AttrSet::of(values))
    }
}
