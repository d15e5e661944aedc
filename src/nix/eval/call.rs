//! Calling functions.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::hir::*;
use super::interpret::{Evaluator, State};
use super::value::*;
use crate::nix::source::Span;

impl Evaluator {
    /// Calls a function value.
    pub fn call(&self, function: &Value, argument: Thunk, at: Option<Span>) -> Eval<Value> {
        match &function.data {
            Data::Lambda(lambda) => self.call_lambda(lambda, argument, at),
            Data::Builtin(builtin) => {
                let mut arguments = builtin.arguments.clone();
                arguments.push(argument);
                if arguments.len() == builtin.primitive.arity {
                    let run = builtin.primitive.run;
                    let value = self.deeper(at, || run(self, &arguments, at))?;
                    self.charge_made(&value, at)?;
                    return Ok(value);
                }
                let builtin = Builtin {
                    primitive: builtin.primitive,
                    arguments,
                };
                Ok(Value::synthetic(Data::Builtin(Rc::new(builtin))))
            }
            Data::Set(set) => {
                let Some(functor) = set.get("__functor") else {
                    let why = match &set.open {
                        Openness::Open(why) => why.clone(),
                        Openness::Closed => Why::Refused("a set is no function".into()),
                    };
                    return Err(Unknown::new(why, at));
                };
                let functor = self.force(functor.value)?;
                // What a functor gives may be one again.
                self.deeper(at, || {
                    let bound = self.call(&functor, self.done(function.clone()), at)?;
                    self.call(&bound, argument, at)
                })
            }
            _ => {
                let why = format!("a {} is no function", function.type_name());
                Err(Unknown::new(Why::Refused(why), at))
            }
        }
    }

    /// Calls a function with several arguments.
    pub fn call_all(&self, function: &Value, args: &[Thunk], at: Option<Span>) -> Eval<Value> {
        let mut function = function.clone();
        for argument in args {
            function = self.call(&function, *argument, at)?;
        }
        Ok(function)
    }

    pub(super) fn call_lambda(
        &self,
        lambda: &Lambda,
        argument: Thunk,
        at: Option<Span>,
    ) -> Eval<Value> {
        let Expr::Lambda { param, body } = lambda.unit.hir.expr(lambda.expr) else {
            return Err(Unknown::new(Why::Refused("no function".into()), at));
        };
        let frame = match &**param {
            Param::Ident => self.push_frame(&[argument], lambda.frame),
            Param::Pattern {
                formals,
                ellipsis,
                whole,
            } => {
                let value = self.force(argument)?;
                let set = self.as_set(&value, at)?;
                let wanted = formals.iter().filter(|(f, ..)| set.get(f).is_some());
                if !ellipsis
                    && wanted.count() < set.entries.len()
                    && let formals = formals.iter().map(|(f, ..)| f).collect::<FxHashSet<_>>()
                    && let Some((name, _)) = set.iter().find(|(n, _)| !formals.contains(n))
                {
                    let why = format!("the function has no argument `{name}`");
                    return Err(Unknown::new(Why::Refused(why), at));
                }
                let frame = self.open_frame(lambda.frame);
                let mut slots = Vec::with_capacity(formals.len() + 1);
                for (name, default, _) in formals {
                    slots.push(match (set.get(name), default, &set.open) {
                        (Some(attribute), _, _) => attribute.value,
                        // Whoever passes more than we see may pass this one too.
                        (None, _, Openness::Open(why)) => {
                            self.unknown(Unknown::new(why.below(name), at))
                        }
                        (None, Some(default), Openness::Closed) => self.alloc(State::Suspended {
                            unit: lambda.unit.clone(),
                            expr: *default,
                            frame,
                        }),
                        (None, None, Openness::Closed) => {
                            let why = format!("the argument `{name}` is missing");
                            return Err(Unknown::new(Why::Refused(why), at));
                        }
                    });
                }
                if *whole {
                    slots.push(argument);
                }
                self.fill_frame(&slots);
                frame
            }
        };
        self.eval(&lambda.unit, *body, frame)
    }

    /// The formals of a function that takes a set: name, and whether it has a default.
    pub fn formals(&self, function: &Value) -> Option<Vec<(Name, bool)>> {
        let Data::Lambda(lambda) = &function.data else {
            return None;
        };
        match lambda.unit.hir.expr(lambda.expr) {
            Expr::Lambda { param, .. } => match &**param {
                Param::Ident => None,
                Param::Pattern { formals, .. } => Some(
                    formals
                        .iter()
                        .map(|(n, d, _)| (n.clone(), d.is_some()))
                        .collect(),
                ),
            },
            _ => None,
        }
    }
}
