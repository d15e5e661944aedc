//! Values, their origins, and what is not known.

use std::rc::Rc;

use super::hir::{ExprId, Hir, Name};
use crate::nix::module::defaults;
use crate::nix::source::{FileId, Span};

/// The outcome of an evaluation.
pub type Eval<T> = Result<T, Rc<Unknown>>;

/// Something that static reading cannot tell, or that Nix would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The reason.
    pub why: Why,
    /// The expression at which knowledge ended.
    pub at: Option<Span>,
    /// What is known of it all the same, if it is a list.
    pub(super) known: super::partial::Known,
}

/// Why a value is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// `config.<path>`, which no file of the project defines.
    #[error("no file of the project defines config.{0}")]
    Config(String),
    /// `config.<path>`, which nobody defines: it has the default that nixpkgs gives it.
    #[error("no file of the project defines config.{0}")]
    Undefined(String),
    /// A value of a flake input.
    #[error("it comes from the flake input `{0}`")]
    Input(String),
    /// The modules that a flake input offers: any name may be one, and a module is no list.
    #[error("it comes from the flake input `{0}`")]
    Modules(String),
    /// The modules of a flake input that are known to define nothing that this program looks at.
    #[error("it comes from the flake input `{0}`")]
    PlainModules(String),
    /// Something that is made of more than the project's files.
    #[error("{0} is not part of the project")]
    Outside(String),
    /// An argument that nobody visible passes.
    #[error("the argument `{0}` is passed from outside")]
    Argument(String),
    /// A package, or anything else of `pkgs`.
    #[error("it comes from the package set")]
    Package,
    /// A set of kernel packages, or of such sets, that is known by its path in `pkgs`.
    #[error("it comes from the package set")]
    KernelPackages(String),
    /// Something that Nix fetches or builds.
    #[error("`{0}` fetches or builds")]
    Effect(&'static str),
    /// A file that cannot be read, or lies outside the project.
    #[error("{0}")]
    File(String),
    /// A file of the project that is no Nix.
    #[error("{place}: {message}")]
    Syntax {
        /// Where, for people.
        place: String,
        /// The same place.
        span: Span,
        /// What the parser expected.
        message: String,
    },
    /// Nix itself would stop here.
    #[error("Nix would refuse this: {0}")]
    Refused(String),
    /// `throw` or a failed `assert`, which `tryEval` may catch.
    #[error("Nix would refuse this: {0}")]
    Thrown(String),
    /// Part of the language that is not evaluated (yet).
    #[error("{0} is not evaluated")]
    Unsupported(String),
    /// A name of `lib` or `builtins` that this program does not have; it may not exist.
    #[error("{0} is not evaluated")]
    Library(String),
    /// Evaluation was stopped.
    #[error("evaluation was stopped: {0}")]
    Budget(&'static str),
}

impl Why {
    /// What an attribute is, as far as it is known, that an open set has for this reason.
    pub(super) fn absent(&self, name: &str, at: Option<Span>) -> Eval<Value> {
        match self {
            Why::Modules(input) => {
                let module = AttrSet::default().opened(Why::Input(input.clone()));
                Ok(Value {
                    data: Data::Set(Rc::new(module)),
                    at,
                })
            }
            Why::PlainModules(_) => Ok(Value {
                data: Data::Set(Rc::default()),
                at,
            }),
            Why::Package | Why::KernelPackages(_) => match self.kernel_packages(name) {
                Some(path) => {
                    let set = AttrSet::default().opened(Why::KernelPackages(path));
                    let data = Data::Set(Rc::new(set));
                    Ok(Value { data, at })
                }
                None => Err(Unknown::new(Why::Package, at)),
            },
            Why::Undefined(_) => {
                let why = self.below(name);
                let path = match &why {
                    Why::Undefined(path) => path.clone(),
                    _ => String::new(),
                };
                match defaults::of(&path) {
                    Some(defaults::Known::Value(data)) => Ok(Value { data, at: None }),
                    Some(defaults::Known::Group) => {
                        let group = AttrSet::default().opened(why);
                        Ok(Value::synthetic(Data::Set(Rc::new(group))))
                    }
                    None => Err(Unknown::new(Why::Config(path), at)),
                }
            }
            why => Err(Unknown::new(why.below(name), at)),
        }
    }

    /// Whether an open set has an attribute, as far as that is known.
    pub(super) fn has(&self, name: &str, at: Option<Span>) -> Eval<bool> {
        match self {
            Why::Undefined(_) => self.absent(name, at).map(|_| true),
            why => Err(Unknown::new(why.below(name), at)),
        }
    }

    /// The reason why attribute `name` of something unknown for this reason is unknown.
    pub(super) fn below(&self, name: &str) -> Why {
        match self {
            Why::Config(path) if path.is_empty() => Why::Config(name.to_owned()),
            Why::Config(path) => Why::Config(format!("{path}.{name}")),
            Why::Undefined(path) if path.is_empty() => Why::Undefined(name.to_owned()),
            Why::Undefined(path) => Why::Undefined(format!("{path}.{name}")),
            Why::Argument(path) if path.is_empty() => Why::Argument(name.to_owned()),
            Why::KernelPackages(_) => Why::Package,
            other => other.clone(),
        }
    }

    /// The path of a set of kernel packages that a package set, or a set of such, has by this name
    /// (pkgs/top-level/{all-packages,linux-kernels}.nix of nixpkgs). What builds one is a function.
    fn kernel_packages(&self, name: &str) -> Option<String> {
        let is_set = |name: &str, prefix: &str| {
            let rest = name.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let path = match self {
            Why::Package if name == "linuxKernel" => name.to_owned(),
            Why::Package if name.starts_with("linuxPackages_custom") => return None,
            Why::Package if is_set(name, "linuxPackages") => name.to_owned(),
            Why::KernelPackages(path) if path == "linuxKernel" && name == "packages" => {
                format!("{path}.{name}")
            }
            Why::KernelPackages(path)
                if path == "linuxKernel.packages" && is_set(name, "linux") =>
            {
                format!("{path}.{name}")
            }
            _ => return None,
        };
        Some(path)
    }
}

/// A deferred computation of one [`super::Evaluator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thunk(pub(super) u32);

/// A frame of variables of one [`super::Evaluator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame(pub(super) u32);

/// The file that code belongs to.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub file: FileId,
    pub hir: Rc<Hir>,
}

/// A value in weak head normal form, with the expression that wrote it.
#[derive(Debug, Clone)]
pub struct Value {
    /// The value itself.
    pub data: Data,
    /// The literal that wrote it, if one did.
    pub at: Option<Span>,
}

/// The kinds of values.
#[derive(Debug, Clone)]
pub enum Data {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A string; string contexts are not tracked.
    Str(Rc<str>),
    /// An absolute path.
    Path(Rc<str>),
    /// A list.
    List(Rc<List>),
    /// An attribute set.
    Set(Rc<AttrSet>),
    /// A function written in Nix.
    Lambda(Rc<Lambda>),
    /// A function of the language or of this program, with the arguments it has so far.
    Builtin(Rc<Builtin>),
}

/// A list and the literals it was put together from.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The elements.
    pub items: Vec<Thunk>,
    /// The list literals whose elements these are, in order.
    pub parts: Vec<Span>,
}

/// An attribute set; entries are sorted by name.
#[derive(Debug, Clone, Default)]
pub struct AttrSet {
    pub(super) entries: Vec<(Name, Attribute)>,
    /// What an absent attribute means.
    pub open: Openness,
}

/// What it means that a set lacks an attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Openness {
    /// It is not there: Nix would say so too.
    #[default]
    Closed,
    /// The set belongs to something outside; any further attribute is unknown for this reason.
    Open(Why),
}

/// One attribute of a set.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its value.
    pub value: Thunk,
    /// The entry that wrote it: `a.b = x;`, or the name in an `inherit`.
    pub entry: Option<Span>,
}

impl Attribute {
    /// An attribute that nobody wrote.
    pub fn new(value: Thunk) -> Self {
        Attribute { value, entry: None }
    }
}

impl AttrSet {
    /// A set of these entries; of entries with one name the last wins.
    pub fn new(mut entries: Vec<(Name, Attribute)>) -> Self {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|a, b| a.0 == b.0);
        entries.reverse();
        AttrSet {
            entries,
            open: Openness::Closed,
        }
    }

    /// A set of values that nobody wrote.
    pub fn of(values: impl IntoIterator<Item = (Name, Thunk)>) -> Self {
        let values = values.into_iter();
        AttrSet::new(values.map(|(n, v)| (n, Attribute::new(v))).collect())
    }

    /// The set as a value that nobody wrote.
    pub fn into_value(self) -> Value {
        Value::synthetic(Data::Set(Rc::new(self)))
    }

    /// The same set, open for `why`.
    pub fn opened(mut self, why: Why) -> Self {
        self.open = Openness::Open(why);
        self
    }

    /// An attribute by name.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        let index = self
            .entries
            .binary_search_by(|(n, _)| n.as_str().cmp(name))
            .ok()?;
        Some(&self.entries[index].1)
    }

    /// The attributes in the order of their names, as `attrNames` gives them.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Attribute)> {
        self.entries
            .iter()
            .map(|(name, attribute)| (name, attribute))
    }

    /// Whether no attribute is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether no further attribute can exist.
    pub fn is_closed(&self) -> bool {
        self.open == Openness::Closed
    }
}

/// A function written in Nix.
#[derive(Debug)]
pub struct Lambda {
    pub(super) unit: Unit,
    pub(super) expr: ExprId,
    pub(super) frame: Frame,
}

/// A primitive operation with the arguments it was given so far.
#[derive(Debug)]
pub struct Builtin {
    /// Which.
    pub primitive: Primitive,
    /// Arguments so far.
    pub arguments: Vec<Thunk>,
}

/// The primitive operations: Nix's own, and those by which the prelude reaches this program.
#[derive(Debug, Clone, Copy)]
pub struct Primitive {
    /// Its name in `builtins`.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arity: usize,
    pub(super) run: fn(&super::Evaluator, &[Thunk], Option<Span>) -> Eval<Value>,
}

impl Primitive {
    /// A primitive operation under a name of its own.
    pub const fn new(
        name: &'static str,
        arity: usize,
        run: fn(&super::Evaluator, &[Thunk], Option<Span>) -> Eval<Value>,
    ) -> Self {
        Primitive { name, arity, run }
    }
}

impl Value {
    /// A value that nobody wrote.
    pub fn synthetic(data: Data) -> Self {
        Value { data, at: None }
    }

    /// What Nix's `typeOf` calls it.
    pub fn type_name(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "bool",
            Data::Int(_) => "int",
            Data::Float(_) => "float",
            Data::Str(_) => "string",
            Data::Path(_) => "path",
            Data::List(_) => "list",
            Data::Set(_) => "set",
            Data::Lambda(_) | Data::Builtin(_) => "lambda",
        }
    }
}

impl Unknown {
    /// An unknown at a place.
    pub fn new(why: Why, at: Option<Span>) -> Rc<Self> {
        Rc::new(Unknown {
            why,
            at,
            known: super::partial::Known::default(),
        })
    }

    /// Whether this says that the option at `path` itself is defined by nobody (every definition
    /// of it has a condition that is false).
    pub fn is_undefined(&self, path: &[String]) -> bool {
        matches!(&self.why, Why::Config(undefined) if *undefined == path.join("."))
    }
}

/// `left // right`. Where `right` is open, it may override whatever `left` has.
pub(in crate::nix) fn update(left: &AttrSet, right: &AttrSet) -> AttrSet {
    let mut entries = Vec::with_capacity(left.entries.len() + right.entries.len());
    if right.is_closed() {
        entries.extend(
            left.entries
                .iter()
                .filter(|(name, _)| right.get(name).is_none())
                .cloned(),
        );
    }
    entries.extend(right.entries.iter().cloned());
    let mut set = AttrSet::new(entries);
    set.open = match (&left.open, &right.open) {
        (_, Openness::Open(why)) => Openness::Open(why.clone()),
        (open, Openness::Closed) => open.clone(),
    };
    set
}
