//! Lowering: rnix's tree → [`Hir`], with variables resolved and nested attribute paths merged.

use rnix::TextRange;
use rnix::ast::{self, AstToken, InterpolPart};
use rowan::ast::AstNode;
use rustc_hash::FxHashSet;

use super::hir::*;
use super::scope::{Scope, names_scope};
use crate::nix::source::SyntaxError;
use crate::nix::syntax;

/// Lowers a file that the guard has passed, or gives its first syntax error.
pub(crate) fn lower(text: &str) -> Result<Hir, SyntaxError> {
    let parse = rnix::Root::parse(text);
    if let Some(error) = parse.errors().first() {
        return Err(syntax::describe_error(error, text));
    }
    let Some(root) = parse.tree().expr() else {
        let at = TextRange::up_to((text.len() as u32).into());
        return Err(SyntaxError {
            at,
            message: "the file holds no expression".to_owned(),
        });
    };
    let mut lowering = Lowering {
        exprs: Vec::new(),
        scopes: Vec::new(),
        error: None,
    };
    let root = lowering.expr(root);
    match lowering.error {
        Some(error) => Err(error),
        None => Ok(Hir {
            exprs: lowering.exprs,
            root,
        }),
    }
}

/// Whether Nix's lexer takes a text for a float: without a point it is an integer and a name, with
/// a leading zero an integer and a float.
fn is_float(text: &str) -> bool {
    let Some((whole, _)) = text.split_once('.') else {
        return false;
    };
    match whole.as_bytes() {
        [] => true,
        [b'0'] => text.as_bytes().get(2).is_some_and(u8::is_ascii_digit),
        [first, ..] => *first != b'0',
    }
}

/// The levels of Nix's grammar, tightest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Simple,
    Select,
    Apply,
    Operator,
    /// Reaches as far as it can: functions, `let`, `with`, `assert`, `if`.
    Whole,
}

impl Tightness {
    fn of(expr: &ast::Expr) -> Tightness {
        match expr {
            ast::Expr::Select(_) => Tightness::Select,
            ast::Expr::Apply(_) => Tightness::Apply,
            ast::Expr::BinOp(_) | ast::Expr::UnaryOp(_) | ast::Expr::HasAttr(_) => {
                Tightness::Operator
            }
            ast::Expr::Lambda(_)
            | ast::Expr::LetIn(_)
            | ast::Expr::With(_)
            | ast::Expr::Assert(_)
            | ast::Expr::IfElse(_) => Tightness::Whole,
            _ => Tightness::Simple,
        }
    }
}

/// Whether a pipe points to the right, if it is one.
fn pipe_of(it: &ast::BinOp) -> Option<bool> {
    match it.operator()? {
        ast::BinOpKind::PipeRight => Some(true),
        ast::BinOpKind::PipeLeft => Some(false),
        _ => None,
    }
}

fn pipe(expr: &ast::Expr) -> Option<bool> {
    match expr {
        ast::Expr::BinOp(it) => pipe_of(it),
        _ => None,
    }
}

pub(super) struct Lowering {
    pub(super) exprs: Vec<(Expr, TextRange)>,
    pub(super) scopes: Vec<Scope>,
    error: Option<SyntaxError>,
}

/// The names of Nix's global scope that are no functions of `builtins`.
pub(super) const GLOBALS: &[&str] = &[
    "true",
    "false",
    "null",
    "builtins",
    "import",
    "map",
    "toString",
    "throw",
    "abort",
    "derivation",
    "derivationStrict",
    "removeAttrs",
    "baseNameOf",
    "dirOf",
    "isNull",
    "fetchTarball",
    "fetchGit",
    "fetchMercurial",
    "fetchTree",
    "placeholder",
    "scopedImport",
    "fromTOML",
    "break",
];

impl Lowering {
    pub(super) fn push(&mut self, expr: Expr, range: TextRange) -> ExprId {
        let id = ExprId(self.exprs.len() as u32);
        self.exprs.push((expr, range));
        id
    }

    pub(super) fn invalid(&mut self, range: TextRange, why: &'static str) -> ExprId {
        self.push(Expr::Invalid(why), range)
    }

    pub(super) fn fail(&mut self, at: TextRange, message: impl Into<String>) {
        if self.error.is_none() {
            self.error = Some(SyntaxError {
                at,
                message: message.into(),
            });
        }
    }

    pub(super) fn optional(&mut self, expr: Option<ast::Expr>, around: TextRange) -> ExprId {
        match expr {
            Some(expr) => self.expr(expr),
            None => self.invalid(around, "an expression is missing"),
        }
    }

    pub(super) fn expr(&mut self, expr: ast::Expr) -> ExprId {
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.expr_inner(expr))
    }

    /// Lowers a part of an expression, which binds at least as tightly as Nix's grammar wants it.
    /// rnix takes `f x: y` and its like, for which Nix wants parentheses.
    fn operand(
        &mut self,
        expr: Option<ast::Expr>,
        around: TextRange,
        loosest: Tightness,
    ) -> ExprId {
        if let Some(expr) = expr.as_ref().filter(|e| Tightness::of(e) > loosest) {
            self.fail(expr.syntax().text_range(), "this needs parentheses here");
        }
        self.optional(expr, around)
    }

    fn expr_inner(&mut self, expr: ast::Expr) -> ExprId {
        let range = expr.syntax().text_range();
        match expr {
            ast::Expr::Paren(paren) => {
                // rnix takes whatever stands where the parenthesis should close.
                let last = paren.syntax().last_token().map(|t| t.kind());
                if last != Some(rnix::SyntaxKind::TOKEN_R_PAREN) {
                    self.fail(range, "this parenthesis is not closed");
                }
                self.optional(paren.expr(), range)
            }
            ast::Expr::Root(root) => self.optional(root.expr(), range),
            ast::Expr::Literal(literal) => self.literal(&literal, range),
            ast::Expr::Ident(ident) => {
                let variable = self.resolve(&ident.to_string(), range);
                self.push(Expr::Variable(variable), range)
            }
            ast::Expr::Str(string) => {
                let parts = self.string_parts(&string);
                self.push(Expr::Str(parts), range)
            }
            ast::Expr::PathRel(path) => self.path(PathKind::Relative, path.parts(), range),
            ast::Expr::PathAbs(path) => self.path(PathKind::Absolute, path.parts(), range),
            ast::Expr::PathHome(path) => self.path(PathKind::Home, path.parts(), range),
            ast::Expr::PathSearch(path) => self.search_path(&path.to_string(), range),
            ast::Expr::List(list) => {
                let items = list
                    .items()
                    .map(|i| self.operand(Some(i), range, Tightness::Select));
                let items = items.collect();
                self.push(Expr::List(items), range)
            }
            ast::Expr::AttrSet(set) => {
                let recursive = set.rec_token().is_some();
                let bindings = self.bindings(&set, recursive, |_, bindings| bindings);
                self.push(
                    Expr::Set {
                        recursive,
                        bindings: Box::new(bindings),
                    },
                    range,
                )
            }
            ast::Expr::LetIn(it) => {
                let (bindings, body) = self.bindings(&it, true, |this, bindings| {
                    if let Some((key, _)) = bindings.dynamic.first() {
                        let at = this.exprs[key.0 as usize].1;
                        this.fail(at, "dynamic attributes are not allowed in let");
                    }
                    (bindings, this.optional(it.body(), range))
                });
                self.push(
                    Expr::Let {
                        bindings: Box::new(bindings),
                        body,
                    },
                    range,
                )
            }
            ast::Expr::LegacyLet(it) => {
                let bindings = self.bindings(&it, true, |_, bindings| bindings);
                let base = self.push(
                    Expr::Set {
                        recursive: true,
                        bindings: Box::new(bindings),
                    },
                    range,
                );
                let path = Box::new([Key::Name("body".into())]);
                self.push(
                    Expr::Select {
                        base,
                        path,
                        default: None,
                    },
                    range,
                )
            }
            ast::Expr::With(with) => {
                let set = self.optional(with.namespace(), range);
                self.scopes.push(Scope::With);
                let body = self.optional(with.body(), range);
                self.scopes.pop();
                self.push(Expr::With { set, body }, range)
            }
            ast::Expr::IfElse(it) => {
                let condition = self.optional(it.condition(), range);
                let then = self.optional(it.body(), range);
                let otherwise = self.optional(it.else_body(), range);
                self.push(
                    Expr::If {
                        condition,
                        then,
                        otherwise,
                    },
                    range,
                )
            }
            ast::Expr::Assert(it) => {
                let condition = self.optional(it.condition(), range);
                let body = self.optional(it.body(), range);
                self.push(Expr::Assert { condition, body }, range)
            }
            ast::Expr::Lambda(lambda) => self.lambda(&lambda, range),
            ast::Expr::Apply(apply) => {
                let function = self.operand(apply.lambda(), range, Tightness::Apply);
                let argument = self.operand(apply.argument(), range, Tightness::Select);
                self.push(Expr::Apply { function, argument }, range)
            }
            ast::Expr::Select(select) => {
                let base = self.operand(select.expr(), range, Tightness::Simple);
                let path = self.attrpath(select.attrpath());
                let default = select.default_expr();
                let default = default.map(|d| self.operand(Some(d), range, Tightness::Select));
                self.push(
                    Expr::Select {
                        base,
                        path,
                        default,
                    },
                    range,
                )
            }
            ast::Expr::HasAttr(it) => {
                let base = self.operand(it.expr(), range, Tightness::Operator);
                let path = self.attrpath(it.attrpath());
                self.push(Expr::HasAttr { base, path }, range)
            }
            ast::Expr::BinOp(it) => self.binary(&it, range),
            ast::Expr::UnaryOp(it) => {
                let operand = self.operand(it.expr(), range, Tightness::Operator);
                let expr = match it.operator() {
                    Some(ast::UnaryOpKind::Invert) => Expr::Not(operand),
                    Some(ast::UnaryOpKind::Negate) => Expr::Negate(operand),
                    None => Expr::Invalid("an unknown operator"),
                };
                self.push(expr, range)
            }
            ast::Expr::CurPos(_) => self.push(Expr::CurPos, range),
            ast::Expr::Error(_) => self.invalid(range, "a syntax error"),
        }
    }

    fn literal(&mut self, literal: &ast::Literal, range: TextRange) -> ExprId {
        let expr = match literal.kind() {
            ast::LiteralKind::Integer(it) => match it.value() {
                Ok(value) => Expr::Int(value),
                Err(_) => {
                    self.fail(range, "the integer does not fit in 64 bits");
                    Expr::Invalid("an integer out of range")
                }
            },
            ast::LiteralKind::Float(it) => match it.value() {
                Ok(value) if is_float(it.syntax().text()) => Expr::Float(value),
                _ => {
                    self.fail(range, "Nix reads this as several words, not as a number");
                    Expr::Invalid("a malformed float")
                }
            },
            ast::LiteralKind::Uri(it) => {
                Expr::Str(Box::new([Part::Text(it.syntax().text().into())]))
            }
        };
        self.push(expr, range)
    }

    fn string_parts(&mut self, string: &ast::Str) -> Box<[Part]> {
        let parts: Vec<Part> = syntax::string_parts(string)
            .into_iter()
            .map(|part| match part {
                InterpolPart::Literal(text) => Part::Text(text.into()),
                InterpolPart::Interpolation(it) => {
                    Part::Expr(self.optional(it.expr(), it.syntax().text_range()))
                }
            })
            .collect();
        parts.into()
    }

    fn path(
        &mut self,
        kind: PathKind,
        parts: Vec<InterpolPart<ast::PathContent>>,
        range: TextRange,
    ) -> ExprId {
        let parts: Vec<Part> = parts
            .into_iter()
            .map(|part| match part {
                InterpolPart::Literal(text) => Part::Text(text.syntax().text().into()),
                InterpolPart::Interpolation(it) => {
                    Part::Expr(self.optional(it.expr(), it.syntax().text_range()))
                }
            })
            .collect();
        self.push(
            Expr::Path {
                kind,
                parts: parts.into(),
            },
            range,
        )
    }

    fn attrpath(&mut self, path: Option<ast::Attrpath>) -> Box<[Key]> {
        let keys: Vec<Key> = path
            .into_iter()
            .flat_map(|p| p.attrs())
            .map(|a| self.key(a))
            .collect();
        keys.into()
    }

    pub(super) fn key(&mut self, attr: ast::Attr) -> Key {
        match attr {
            ast::Attr::Ident(ident) => Key::Name(ident.to_string().into()),
            ast::Attr::Str(string) => {
                let range = string.syntax().text_range();
                let parts = self.string_parts(&string);
                match &*parts {
                    [] => Key::Name(Name::default()),
                    [Part::Text(text)] => Key::Name(text.clone()),
                    _ => Key::Expr(self.push(Expr::Str(parts), range)),
                }
            }
            ast::Attr::Dynamic(dynamic) => {
                let range = dynamic.syntax().text_range();
                // `${"x"}` is a static name to Nix.
                if let Some(ast::Expr::Str(string)) = dynamic.expr() {
                    return self.key(ast::Attr::Str(string));
                }
                Key::Expr(self.optional(dynamic.expr(), range))
            }
        }
    }

    fn lambda(&mut self, lambda: &ast::Lambda, range: TextRange) -> ExprId {
        let mut names = Vec::new();
        match lambda.param() {
            Some(ast::Param::IdentParam(param)) => {
                names.extend(param.ident().map(|i| Name::from(i.to_string())));
                self.scopes.push(names_scope(names.iter()));
                let body = self.optional(lambda.body(), range);
                self.scopes.pop();
                self.push(
                    Expr::Lambda {
                        param: Box::new(Param::Ident),
                        body,
                    },
                    range,
                )
            }
            Some(ast::Param::Pattern(pattern)) => {
                let mut seen = FxHashSet::default();
                for entry in pattern.pat_entries() {
                    let Some(ident) = entry.ident() else { continue };
                    let name = Name::from(ident.to_string());
                    if !seen.insert(name.clone()) {
                        self.fail(
                            ident.syntax().text_range(),
                            format!("duplicate formal `{name}`"),
                        );
                    }
                    names.push(name);
                }
                let whole = pattern
                    .pat_bind()
                    .and_then(|b| b.ident())
                    .map(|i| i.to_string());
                if let Some(name) = whole.as_deref().filter(|w| names.iter().any(|n| n == *w)) {
                    self.fail(range, format!("duplicate formal `{name}`"));
                }
                names.extend(whole.clone().map(Name::from));
                self.scopes.push(names_scope(names.iter()));
                let formals = pattern
                    .pat_entries()
                    .filter_map(|entry| {
                        let name = Name::from(entry.ident()?.to_string());
                        let default = entry.default().map(|d| self.expr(d));
                        Some((name, default, entry.syntax().text_range()))
                    })
                    .collect();
                let body = self.optional(lambda.body(), range);
                self.scopes.pop();
                let ellipsis = pattern.ellipsis_token().is_some();
                let param = Param::Pattern {
                    formals,
                    ellipsis,
                    whole: whole.is_some(),
                };
                self.push(
                    Expr::Lambda {
                        param: Box::new(param),
                        body,
                    },
                    range,
                )
            }
            None => self.invalid(range, "a function without a parameter"),
        }
    }

    fn binary(&mut self, it: &ast::BinOp, range: TextRange) -> ExprId {
        let piped = [it.lhs(), it.rhs()].into_iter().flatten();
        let piped = piped.filter_map(|side| pipe(&side)).chain(pipe_of(it));
        if piped.collect::<FxHashSet<_>>().len() > 1 {
            self.fail(range, "pipes in both directions need parentheses");
        }
        let left = self.operand(it.lhs(), range, Tightness::Operator);
        let right = self.operand(it.rhs(), range, Tightness::Operator);
        let op = match it.operator() {
            Some(ast::BinOpKind::Concat) => BinaryOp::Concat,
            Some(ast::BinOpKind::Update) => BinaryOp::Update,
            Some(ast::BinOpKind::Add) => BinaryOp::Add,
            Some(ast::BinOpKind::Sub) => BinaryOp::Sub,
            Some(ast::BinOpKind::Mul) => BinaryOp::Mul,
            Some(ast::BinOpKind::Div) => BinaryOp::Div,
            Some(ast::BinOpKind::Equal) => BinaryOp::Equal,
            Some(ast::BinOpKind::NotEqual) => BinaryOp::NotEqual,
            Some(ast::BinOpKind::Less) => BinaryOp::Less,
            Some(ast::BinOpKind::LessOrEq) => BinaryOp::LessOrEqual,
            Some(ast::BinOpKind::More) => BinaryOp::More,
            Some(ast::BinOpKind::MoreOrEq) => BinaryOp::MoreOrEqual,
            Some(ast::BinOpKind::And) => BinaryOp::And,
            Some(ast::BinOpKind::Or) => BinaryOp::Or,
            Some(ast::BinOpKind::Implication) => BinaryOp::Implication,
            Some(ast::BinOpKind::PipeRight) => {
                return self.push(
                    Expr::Apply {
                        function: right,
                        argument: left,
                    },
                    range,
                );
            }
            Some(ast::BinOpKind::PipeLeft) => {
                return self.push(
                    Expr::Apply {
                        function: left,
                        argument: right,
                    },
                    range,
                );
            }
            None => return self.invalid(range, "an unknown operator"),
        };
        self.push(Expr::Binary { op, left, right }, range)
    }
}
