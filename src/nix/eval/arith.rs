//! Coercions, comparison, and the operators on values.

use std::rc::Rc;

use super::hir::BinaryOp;
use super::interpret::Evaluator;
use super::value::*;
use crate::nix::source::Span;

fn refused<T>(why: String, at: Option<Span>) -> Eval<T> {
    Err(Unknown::new(Why::Refused(why), at))
}

impl Evaluator {
    fn expected<T>(&self, what: &str, value: &Value, at: Option<Span>) -> Eval<T> {
        refused(
            format!("expected {what}, found a {}", value.type_name()),
            at,
        )
    }

    /// The boolean that a value is.
    pub fn as_bool(&self, value: &Value, at: Option<Span>) -> Eval<bool> {
        match value.data {
            Data::Bool(b) => Ok(b),
            _ => self.expected("a bool", value, at),
        }
    }

    /// The string that a value is.
    pub fn as_str(&self, value: &Value, at: Option<Span>) -> Eval<Rc<str>> {
        match &value.data {
            Data::Str(s) => Ok(Rc::clone(s)),
            _ => self.expected("a string", value, at),
        }
    }

    /// The integer that a value is.
    pub fn as_int(&self, value: &Value, at: Option<Span>) -> Eval<i64> {
        match value.data {
            Data::Int(i) => Ok(i),
            _ => self.expected("an int", value, at),
        }
    }

    /// The list that a value is.
    pub fn as_list(&self, value: &Value, at: Option<Span>) -> Eval<Rc<List>> {
        match &value.data {
            Data::List(list) => Ok(Rc::clone(list)),
            _ => self.expected("a list", value, at),
        }
    }

    /// The set that a value is.
    pub fn as_set(&self, value: &Value, at: Option<Span>) -> Eval<Rc<AttrSet>> {
        match &value.data {
            Data::Set(set) => Ok(Rc::clone(set)),
            _ => self.expected("a set", value, at),
        }
    }

    /// `left == right`
    pub fn equal(&self, left: &Value, right: &Value) -> Eval<bool> {
        // A value may hold itself: what follows it must be bounded.
        self.deeper(left.at, || self.equal_here(left, right))
    }

    fn equal_here(&self, left: &Value, right: &Value) -> Eval<bool> {
        Ok(match (&left.data, &right.data) {
            (Data::Null, Data::Null) => true,
            (Data::Bool(a), Data::Bool(b)) => a == b,
            (Data::Int(a), Data::Int(b)) => a == b,
            (Data::Float(a), Data::Float(b)) => a == b,
            (Data::Int(a), Data::Float(b)) | (Data::Float(b), Data::Int(a)) => *a as f64 == *b,
            (Data::Str(a), Data::Str(b)) | (Data::Path(a), Data::Path(b)) => a == b,
            (Data::List(a), Data::List(b)) => {
                if a.items.len() != b.items.len() {
                    return Ok(false);
                }
                for (a, b) in a.items.iter().zip(&b.items) {
                    // What fails, fails even beside itself.
                    let (left, right) = (self.force(*a)?, self.force(*b)?);
                    if a != b && !self.equal(&left, &right)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Data::Set(a), Data::Set(b)) => {
                if let Some(Openness::Open(why)) = [&a.open, &b.open]
                    .into_iter()
                    .find(|o| **o != Openness::Closed)
                {
                    return Err(Unknown::new(why.clone(), left.at));
                }
                // Packages are the same if they build the same.
                if self.is_derivation(a)?
                    && self.is_derivation(b)?
                    && let (Some(a), Some(b)) = (a.get("outPath"), b.get("outPath"))
                {
                    return self.equal(&self.force(a.value)?, &self.force(b.value)?);
                }
                if !a.iter().map(|(n, _)| n).eq(b.iter().map(|(n, _)| n)) {
                    return Ok(false);
                }
                for ((_, a), (_, b)) in a.iter().zip(b.iter()) {
                    let (left, right) = (self.force(a.value)?, self.force(b.value)?);
                    if a.value != b.value && !self.equal(&left, &right)? {
                        return Ok(false);
                    }
                }
                true
            }
            // Nix compares functions as unequal, even to themselves.
            _ => false,
        })
    }

    fn is_derivation(&self, set: &AttrSet) -> Eval<bool> {
        let Some(kind) = set.get("type") else {
            return Ok(false);
        };
        let kind = self.force(kind.value)?;
        Ok(matches!(&kind.data, Data::Str(s) if &**s == "derivation"))
    }

    /// `left < right`
    pub(super) fn less(&self, left: &Value, right: &Value, at: Option<Span>) -> Eval<bool> {
        self.deeper(at, || self.less_here(left, right, at))
    }

    fn less_here(&self, left: &Value, right: &Value, at: Option<Span>) -> Eval<bool> {
        Ok(match (&left.data, &right.data) {
            (Data::Int(a), Data::Int(b)) => a < b,
            (Data::Float(a), Data::Float(b)) => a < b,
            (Data::Int(a), Data::Float(b)) => (*a as f64) < *b,
            (Data::Float(a), Data::Int(b)) => *a < *b as f64,
            (Data::Str(a), Data::Str(b)) => a < b,
            (Data::Path(a), Data::Path(b)) => a < b,
            (Data::List(a), Data::List(b)) => {
                for (a, b) in a.items.iter().zip(&b.items) {
                    let (a, b) = (self.force(*a)?, self.force(*b)?);
                    if !self.equal(&a, &b)? {
                        return self.less(&a, &b, at);
                    }
                }
                a.items.len() < b.items.len()
            }
            _ => {
                let (a, b) = (left.type_name(), right.type_name());
                return refused(format!("cannot compare a {a} with a {b}"), at);
            }
        })
    }

    /// `left + right`
    pub(super) fn add(&self, left: &Value, right: &Value, at: Option<Span>) -> Eval<Value> {
        let data = match (&left.data, &right.data) {
            (Data::Int(_) | Data::Float(_), _) => {
                return arithmetic(BinaryOp::Add, left, right, at);
            }
            (Data::Str(a), Data::Str(b)) => {
                self.charge(16 + a.len() + b.len(), at)?;
                Data::Str([&**a, &**b].concat().into())
            }
            (Data::Path(a), Data::Str(b) | Data::Path(b)) => {
                let joined = std::path::PathBuf::from(format!("{a}{b}"));
                let path = crate::nix::source::normalise(&joined);
                Data::Path(path.display().to_string().into())
            }
            (Data::Set(_), Data::Path(path)) => {
                // The one sum with a path that copies nothing: `self + /x`.
                let left = self.interpolated(left, at)?;
                let path = Value {
                    data: Data::Str(path.clone()),
                    at: right.at,
                };
                return self.add(&left, &path, at);
            }
            (Data::Set(_), _) => {
                let left = self.interpolated(left, at)?;
                // Only a string that stands first makes Nix copy the paths after it to the store.
                if let (Data::Str(_), Data::Path(path)) = (&left.data, &right.data) {
                    let text = Value {
                        data: Data::Str(path.clone()),
                        at: right.at,
                    };
                    return self.add(&left, &text, at);
                }
                return self.add(&left, right, at);
            }
            (Data::Str(_) | Data::Path(_), Data::Set(_)) => {
                let right = self.interpolated(right, at)?;
                return self.add(left, &right, at);
            }
            (Data::Str(_), Data::Path(_)) => {
                let what = "a path copied to the store".to_owned();
                return Err(Unknown::new(Why::Unsupported(what), at));
            }
            _ => {
                let (a, b) = (left.type_name(), right.type_name());
                return refused(format!("cannot add a {b} to a {a}"), at);
            }
        };
        Ok(Value { data, at })
    }

    /// `toString value`
    pub(super) fn to_text(&self, value: &Value, at: Option<Span>) -> Eval<String> {
        self.deeper(at, || self.to_text_here(value, at))
    }

    fn to_text_here(&self, value: &Value, at: Option<Span>) -> Eval<String> {
        Ok(match &value.data {
            Data::Null => String::new(),
            Data::Bool(b) => if *b { "1" } else { "" }.to_owned(),
            Data::Int(i) => i.to_string(),
            Data::Float(f) => format!("{f:.6}"),
            Data::Str(s) | Data::Path(s) => s.to_string(),
            Data::List(list) => {
                let mut text = String::new();
                for (index, item) in list.items.iter().enumerate() {
                    let item = self.force(*item)?;
                    let part = self.to_text(&item, at)?;
                    self.charge(part.len(), at)?;
                    text.push_str(&part);
                    // Nix leaves the space after an empty list out.
                    let empty = matches!(&item.data, Data::List(l) if l.items.is_empty());
                    if index + 1 < list.items.len() && !empty {
                        text.push(' ');
                    }
                }
                text
            }
            Data::Set(set) => {
                if let Some(to_string) = set.get("__toString") {
                    let function = self.force(to_string.value)?;
                    let result = self.call(&function, self.done(value.clone()), at)?;
                    return self.to_text(&result, at);
                }
                let thunk = self.done(value.clone());
                let path = self.select(thunk, &["outPath".into()], None, at)?;
                self.to_text(&path, at)?
            }
            Data::Lambda(_) | Data::Builtin(_) => {
                return refused("cannot coerce a function to a string".to_owned(), at);
            }
        })
    }
}

/// `-value`
pub(super) fn negate(value: &Value, at: Option<Span>) -> Eval<Value> {
    let data = match value.data {
        Data::Int(i) => match i.checked_neg() {
            Some(i) => Data::Int(i),
            None => return refused("integer overflow".to_owned(), at),
        },
        Data::Float(f) => Data::Float(-f),
        _ => return refused(format!("cannot negate a {}", value.type_name()), at),
    };
    Ok(Value { data, at })
}

/// `left op right` on numbers.
pub(super) fn arithmetic(
    op: BinaryOp,
    left: &Value,
    right: &Value,
    at: Option<Span>,
) -> Eval<Value> {
    let data = match (&left.data, &right.data) {
        (Data::Int(a), Data::Int(b)) => {
            let result = match op {
                BinaryOp::Add => a.checked_add(*b),
                BinaryOp::Sub => a.checked_sub(*b),
                BinaryOp::Mul => a.checked_mul(*b),
                _ => a.checked_div(*b),
            };
            match result {
                Some(value) => Data::Int(value),
                None => return refused("integer overflow or division by zero".to_owned(), at),
            }
        }
        (Data::Int(_) | Data::Float(_), Data::Int(_) | Data::Float(_)) => {
            let float = |v: &Value| match v.data {
                Data::Int(i) => i as f64,
                Data::Float(f) => f,
                _ => 0.0,
            };
            let (a, b) = (float(left), float(right));
            Data::Float(match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                _ if b == 0.0 => return refused("division by zero".to_owned(), at),
                _ => a / b,
            })
        }
        _ => {
            let (a, b) = (left.type_name(), right.type_name());
            return refused(format!("arithmetic on a {a} and a {b}"), at);
        }
    };
    Ok(Value { data, at })
}
