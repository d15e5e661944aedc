//! The form that is evaluated: a file's expressions in one arena, variables resolved to frames.
//!
//! Each expression keeps the range that wrote it; [`super::super::source`] finds the CST node there
//! when an edit needs it.

use rnix::TextRange;
use smol_str::SmolStr;

/// An attribute or variable name.
pub type Name = SmolStr;

/// An expression of one [`Hir`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExprId(pub(super) u32);

/// A lowered file.
#[derive(Debug)]
pub struct Hir {
    pub(super) exprs: Vec<(Expr, TextRange)>,
    pub(super) root: ExprId,
}

impl Hir {
    /// The expression that the file consists of.
    pub fn root(&self) -> ExprId {
        self.root
    }

    pub(super) fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize].0
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.exprs.len() * size_of::<(Expr, TextRange)>()
    }

    /// The range that wrote an expression.
    pub fn range(&self, id: ExprId) -> TextRange {
        self.exprs[id.0 as usize].1
    }
}

/// A variable, resolved as far as scoping allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// `slot` of the frame `up` frames out.
    Local { up: u32, slot: u32 },
    /// A name of Nix's own global scope.
    Global(Name),
    /// To be looked up in the `with` frames, innermost first, each `up` frames out.
    With { name: Name, frames: Box<[u32]> },
    /// Bound nowhere: Nix refuses the file.
    Unbound(Name),
}

/// A part of an interpolated string or path.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(SmolStr),
    Expr(ExprId),
}

/// An attribute name in a path: known, or computed.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Name(Name),
    Expr(ExprId),
}

/// One binding of a set or `let`.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    /// The entry that wrote it: `a.b = x;`, or the name within an `inherit`.
    pub range: TextRange,
    pub value: ExprId,
    /// The value belongs to the scope outside the set (`inherit x;` in a `rec` set).
    pub outer: bool,
}

/// The bindings of a set or `let`, with `a.b = …; a.c = …;` already merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Bindings {
    /// In order of first appearance; this order is also that of the slots of a recursive frame,
    /// followed by one slot for each `inherit (from)`.
    pub names: Vec<(Name, Binding)>,
    pub dynamic: Vec<(ExprId, Binding)>,
    /// The `from` expressions of `inherit (from) …`.
    pub froms: Vec<ExprId>,
}

/// The parameter of a function.
#[derive(Debug, Clone)]
pub(super) enum Param {
    /// `x: …`: one slot.
    Ident,
    /// `{ a, b ? d, ... }@x: …`: a slot a formal, and one for the whole if it is named.
    Pattern {
        formals: Vec<(Name, Option<ExprId>, TextRange)>,
        ellipsis: bool,
        whole: bool,
    },
}

/// How a path literal begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathKind {
    /// `./x`, relative to the file.
    Relative,
    /// `/x`.
    Absolute,
    /// `~/x`.
    Home,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Concat,
    Update,
    Add,
    Sub,
    Mul,
    Div,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    And,
    Or,
    Implication,
}

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Int(i64),
    Float(f64),
    Str(Box<[Part]>),
    Path {
        kind: PathKind,
        parts: Box<[Part]>,
    },
    SearchPath(Name),
    Variable(Variable),
    List(Box<[ExprId]>),
    Set {
        recursive: bool,
        bindings: Box<Bindings>,
    },
    Let {
        bindings: Box<Bindings>,
        body: ExprId,
    },
    With {
        set: ExprId,
        body: ExprId,
    },
    If {
        condition: ExprId,
        then: ExprId,
        otherwise: ExprId,
    },
    Assert {
        condition: ExprId,
        body: ExprId,
    },
    Lambda {
        param: Box<Param>,
        body: ExprId,
    },
    Apply {
        function: ExprId,
        argument: ExprId,
    },
    Select {
        base: ExprId,
        path: Box<[Key]>,
        default: Option<ExprId>,
    },
    HasAttr {
        base: ExprId,
        path: Box<[Key]>,
    },
    Binary {
        op: BinaryOp,
        left: ExprId,
        right: ExprId,
    },
    Not(ExprId),
    Negate(ExprId),
    CurPos,
    /// The `from` slot of `inherit (from) name`: select `name` there.
    FromInherit {
        up: u32,
        slot: u32,
        name: Name,
    },
    /// Nix refuses what stands here.
    Invalid(&'static str),
}
