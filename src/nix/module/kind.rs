//! Option types as data: read from the sets that `lib.types` gives.

use std::rc::Rc;

use crate::nix::eval::{AttrSet, Data, Eval, Evaluator, Name, Thunk, Unknown, Value, Why};

/// A type that is still to be looked at: types may be recursive.
#[derive(Debug, Clone)]
pub(super) enum TypeRef {
    Value(Thunk),
    /// One option declared twice.
    Both(Rc<TypeRef>, Rc<TypeRef>),
    /// An option with options declared below it.
    Below(Rc<TypeRef>, Thunk),
    /// `lib.types.anything`
    Anything,
}

/// What a scalar type accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int,
    Float,
    Number,
    Str,
    Path,
}

impl Scalar {
    pub(super) fn accepts(self, data: &Data) -> bool {
        match self {
            Scalar::Bool => matches!(data, Data::Bool(_)),
            Scalar::Int => matches!(data, Data::Int(_)),
            Scalar::Float => matches!(data, Data::Float(_)),
            Scalar::Number => matches!(data, Data::Int(_) | Data::Float(_)),
            Scalar::Str => matches!(data, Data::Str(_)),
            Scalar::Path => match data {
                Data::Path(_) => true,
                Data::Str(s) => s.starts_with('/'),
                Data::Set(s) => s.get("outPath").is_some() || s.get("__toString").is_some(),
                _ => false,
            },
        }
    }
}

/// A type, one level deep.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// Strings joined by a separator.
    Text(Rc<str>),
    Enum(Vec<Value>),
    /// One definition, whatever it is.
    One,
    Unspecified,
    Attrs,
    Anything,
    ListOf(TypeRef),
    AttrsOf(TypeRef),
    LazyAttrsOf(TypeRef),
    NullOr(TypeRef),
    Unique(TypeRef),
    Either(TypeRef, TypeRef),
    Coerced {
        from: TypeRef,
        with: Thunk,
        to: TypeRef,
    },
    Submodule(Rc<Submodule>),
    Deferred(Vec<Thunk>),
    /// Another type with a test of its own.
    Checked(Rc<Kind>, Thunk),
    /// A type with a `merge` of its own.
    Custom {
        merge: Thunk,
        check: Option<Thunk>,
    },
}

/// A type with options of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Submodule {
    pub modules: Vec<Thunk>,
    /// Sets of options declared below the option itself.
    pub options: Vec<Thunk>,
    pub arguments: Vec<(Name, Thunk)>,
    /// A set that is given is configuration, not a module.
    pub shorthand: bool,
}

impl Kind {
    /// The value of an option that nobody defines (`emptyValue`).
    pub(super) fn empty(&self) -> Option<Value> {
        match self {
            Kind::ListOf(_) => Some(Value::synthetic(Data::List(Rc::default()))),
            Kind::Attrs | Kind::AttrsOf(_) | Kind::LazyAttrsOf(_) => {
                Some(Value::synthetic(Data::Set(Rc::default())))
            }
            Kind::NullOr(_) => Some(Value::synthetic(Data::Null)),
            Kind::Text(separator) if &**separator == "\n" || &**separator == "," => {
                Some(Value::synthetic(Data::Str("".into())))
            }
            Kind::Checked(inner, _) => inner.empty(),
            _ => None,
        }
    }

    /// Whether a single definition is the value as it stands.
    pub(super) fn is_leaf(&self) -> bool {
        matches!(
            self,
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Text(_) | Kind::One
        )
    }
}

/// The type of what an undeclared attribute is, below a free-form type.
pub(super) fn element(e: &Evaluator, of: &TypeRef) -> Eval<Option<TypeRef>> {
    Ok(match kind(e, of)? {
        Kind::AttrsOf(of) | Kind::LazyAttrsOf(of) => Some(of),
        Kind::NullOr(of) => element(e, &of)?,
        Kind::Checked(inner, _) => match &*inner {
            Kind::AttrsOf(of) | Kind::LazyAttrsOf(of) => Some(of.clone()),
            _ => Some(TypeRef::Anything),
        },
        _ => Some(TypeRef::Anything),
    })
}

/// Looks at a type.
pub(super) fn kind(e: &Evaluator, of: &TypeRef) -> Eval<Kind> {
    match of {
        TypeRef::Anything => Ok(Kind::Anything),
        TypeRef::Value(thunk) => {
            let value = e.force(*thunk)?;
            let set = e.as_set(&value, value.at)?;
            of_set(e, &set, &value)
        }
        TypeRef::Below(of, options) => match kind(e, of)? {
            Kind::Submodule(of) => {
                let mut of = Submodule::clone(&of);
                of.options.push(*options);
                Ok(Kind::Submodule(Rc::new(of)))
            }
            _ => {
                let what = "an option declared below another".to_owned();
                Err(Unknown::new(Why::Unsupported(what), None))
            }
        },
        TypeRef::Both(a, b) => both(kind(e, a)?, kind(e, b)?),
    }
}

/// One option declared twice: nixpkgs' `typeMerge`.
fn both(a: Kind, b: Kind) -> Eval<Kind> {
    let joined = |a: TypeRef, b: TypeRef| TypeRef::Both(Rc::new(a), Rc::new(b));
    Ok(match (a, b) {
        (Kind::Submodule(a), Kind::Submodule(b)) => {
            let mut all = Submodule::clone(&a);
            all.modules.extend(&b.modules);
            all.options.extend(&b.options);
            all.arguments.extend(b.arguments.iter().cloned());
            Kind::Submodule(Rc::new(all))
        }
        (Kind::Deferred(mut a), Kind::Deferred(b)) => {
            a.extend(b);
            Kind::Deferred(a)
        }
        (Kind::Enum(mut a), Kind::Enum(b)) => {
            a.extend(b);
            Kind::Enum(a)
        }
        (Kind::ListOf(a), Kind::ListOf(b)) => Kind::ListOf(joined(a, b)),
        (Kind::AttrsOf(a), Kind::AttrsOf(b)) => Kind::AttrsOf(joined(a, b)),
        (Kind::LazyAttrsOf(a), Kind::LazyAttrsOf(b)) => Kind::LazyAttrsOf(joined(a, b)),
        (Kind::NullOr(a), Kind::NullOr(b)) => Kind::NullOr(joined(a, b)),
        (Kind::Unique(a), Kind::Unique(b)) => Kind::Unique(joined(a, b)),
        (Kind::Scalar(a), Kind::Scalar(b)) if a == b => Kind::Scalar(a),
        (Kind::Text(a), Kind::Text(b)) if a == b => Kind::Text(a),
        (Kind::One, Kind::One) => Kind::One,
        (Kind::Attrs, Kind::Attrs) => Kind::Attrs,
        (Kind::Anything, Kind::Anything) => Kind::Anything,
        (Kind::Unspecified, other) | (other, Kind::Unspecified) => other,
        (Kind::Checked(a, test), b) => Kind::Checked(Rc::new(both(Kind::clone(&a), b)?), test),
        _ => {
            let what = "an option declared twice with types of two kinds".to_owned();
            return Err(Unknown::new(Why::Unsupported(what), None));
        }
    })
}

fn of_set(e: &Evaluator, set: &AttrSet, value: &Value) -> Eval<Kind> {
    let Some(merge) = set.get("merge") else {
        let why = "a type without a merge function".to_owned();
        return Err(Unknown::new(Why::Refused(why), value.at));
    };
    let own = |thunk: Thunk, name: &str| -> Eval<Option<Thunk>> {
        Ok(match e.force(thunk)?.data {
            Data::Builtin(builtin) if builtin.primitive.name == name => {
                builtin.arguments.first().copied()
            }
            _ => None,
        })
    };
    let test = set.get("check").map(|a| a.value);
    let Some(description) = own(merge.value, super::primitives::MERGE_OF)? else {
        return Ok(Kind::Custom {
            merge: merge.value,
            check: test,
        });
    };
    let description = e.force(description)?;
    let kind = described(e, &*e.as_set(&description, value.at)?)?;
    Ok(match test {
        Some(test) if own(test, super::primitives::CHECK_OF)?.is_none() => {
            Kind::Checked(Rc::new(kind), test)
        }
        _ => kind,
    })
}

/// The description that `lib/types.nix` of this program gives of a type.
fn described(e: &Evaluator, set: &AttrSet) -> Eval<Kind> {
    let field = |name: &str| {
        set.get(name).map(|a| a.value).ok_or_else(|| {
            Unknown::new(Why::Refused(format!("`{name}` is missing in a type")), None)
        })
    };
    let text = |name: &str| {
        field(name)
            .and_then(|t| e.force(t))
            .and_then(|v| e.as_str(&v, None))
    };
    let of = |name: &str| field(name).map(TypeRef::Value);
    let list = |name: &str| {
        field(name)
            .and_then(|t| e.force(t))
            .and_then(|v| e.as_list(&v, v.at))
    };
    Ok(match &*text("kind")? {
        "bool" => Kind::Scalar(Scalar::Bool),
        "int" => Kind::Scalar(Scalar::Int),
        "float" => Kind::Scalar(Scalar::Float),
        "number" => Kind::Scalar(Scalar::Number),
        "str" => Kind::Scalar(Scalar::Str),
        "path" => Kind::Scalar(Scalar::Path),
        "text" => Kind::Text(text("separator")?),
        "enum" => {
            let values = list("values")?;
            let values: Eval<Vec<Value>> = values.items.iter().map(|v| e.force(*v)).collect();
            Kind::Enum(values?)
        }
        "one" => Kind::One,
        "unspecified" => Kind::Unspecified,
        "attrs" => Kind::Attrs,
        "anything" => Kind::Anything,
        "listOf" => Kind::ListOf(of("elem")?),
        "attrsOf" => Kind::AttrsOf(of("elem")?),
        "lazyAttrsOf" => Kind::LazyAttrsOf(of("elem")?),
        "nullOr" => Kind::NullOr(of("elem")?),
        "unique" => Kind::Unique(of("elem")?),
        "either" => Kind::Either(of("left")?, of("right")?),
        "coercedTo" => Kind::Coerced {
            from: of("from")?,
            with: field("with")?,
            to: of("to")?,
        },
        "submodule" => {
            let arguments = e.force(field("specialArgs")?)?;
            let arguments = e.as_set(&arguments, None)?;
            let shorthand = e.force(field("shorthand")?)?;
            Kind::Submodule(Rc::new(Submodule {
                modules: list("modules")?.items.clone(),
                options: Vec::new(),
                arguments: arguments
                    .iter()
                    .map(|(n, a)| (n.clone(), a.value))
                    .collect(),
                shorthand: e.as_bool(&shorthand, None)?,
            }))
        }
        "deferredModule" => Kind::Deferred(list("modules")?.items.clone()),
        other => {
            let what = format!("the option type {other}");
            return Err(Unknown::new(Why::Unsupported(what), None));
        }
    })
}
