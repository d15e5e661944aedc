//! A lazy evaluator of the pure part of Nix whose values know who wrote them.
//!
//! A value is what Nix would say, or it is [`Unknown`] with the reason and the place; it is never
//! guessed. What Nix would refuse is unknown too, with Nix's complaint as the reason.
//!
//! Thunks and frames live in arenas of one [`Evaluator`] and go with it, so cyclic configurations
//! leak nothing. Steps and depth are bounded by a budget.

mod arena;
mod arith;
mod bindings;
mod budget;
mod builtins;
mod call;
mod foreign;
pub mod hir;
mod interpret;
pub(crate) mod lower;
mod partial;
mod prelude;
mod scope;
mod seen;
mod sets;
mod text;
mod value;

pub use hir::Name;
pub use interpret::Evaluator;
pub(in crate::nix) use value::update;
pub use value::{
    AttrSet, Attribute, Builtin, Data, Eval, List, Openness, Primitive, Thunk, Unknown, Value, Why,
};
