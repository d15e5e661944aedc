//! Lowering: rnix's tree → [`Hir`], with variables resolved and nested attribute paths merged.

use rnix::TextRange;
use rnix::ast::{self, AstToken, InterpolPart};
use rowan::ast::AstNode;
use rustc_hash::{FxHashMap, FxHashSet};

use super::hir::*;
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

/// One frame of names, as it will exist when the code runs.
pub(super) enum Scope {
    Names(FxHashMap<Name, u32>),
    With,
}

/// The frame of a `let` or recursive set: a slot a name, in order of appearance.
pub(super) fn names_scope<'a>(names: impl Iterator<Item = &'a Name>) -> Scope {
    Scope::Names(
        names
            .enumerate()
            .map(|(slot, name)| (name.clone(), slot as u32))
            .collect(),
    )
}

/// The frame of a plain set that has `inherit (from)`: it holds the froms, which have no name.
pub(super) fn nameless_scope() -> Scope {
    Scope::Names(FxHashMap::default())
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
    "fetchurl",
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

    fn expr_inner(&mut self, expr: ast::Expr) -> ExprId {
        let range = expr.syntax().text_range();
        match expr {
            ast::Expr::Paren(paren) => self.optional(paren.expr(), range),
            ast::Expr::Root(root) => self.optional(root.expr(), range),
            ast::Expr::Literal(literal) => self.literal(&literal, range),
            ast::Expr::Ident(ident) => {
                let variable = self.resolve(&ident.to_string());
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
                let items = list.items().map(|item| self.expr(item)).collect();
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
                let function = self.optional(apply.lambda(), range);
                let argument = self.optional(apply.argument(), range);
                self.push(Expr::Apply { function, argument }, range)
            }
            ast::Expr::Select(select) => {
                let base = self.optional(select.expr(), range);
                let path = self.attrpath(select.attrpath());
                let default = select.default_expr().map(|d| self.expr(d));
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
                let base = self.optional(it.expr(), range);
                let path = self.attrpath(it.attrpath());
                self.push(Expr::HasAttr { base, path }, range)
            }
            ast::Expr::BinOp(it) => self.binary(&it, range),
            ast::Expr::UnaryOp(it) => {
                let operand = self.optional(it.expr(), range);
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

    /// `<a/b>` is `__findFile __nixPath "a/b"`, with a `__findFile` of the scope if there is one.
    fn search_path(&mut self, path: &str, range: TextRange) -> ExprId {
        let find = self.resolve("__findFile");
        if !matches!(find, Variable::Local { .. }) {
            return self.push(Expr::SearchPath(path.into()), range);
        }
        let name = path.trim_start_matches('<').trim_end_matches('>');
        let name = self.push(Expr::Str(Box::new([Part::Text(name.into())])), range);
        let where_from = self.resolve("__nixPath");
        let where_from = self.push(Expr::Variable(where_from), range);
        let find = self.push(Expr::Variable(find), range);
        let function = find;
        let found = self.push(
            Expr::Apply {
                function,
                argument: where_from,
            },
            range,
        );
        self.push(
            Expr::Apply {
                function: found,
                argument: name,
            },
            range,
        )
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
        let left = self.optional(it.lhs(), range);
        let right = self.optional(it.rhs(), range);
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

    /// Resolves a name against the scopes, as Nix does: a lexical binding wins over every `with`,
    /// and so does Nix's own global scope.
    pub(super) fn resolve(&self, name: &str) -> Variable {
        let mut withs = Vec::new();
        for (up, scope) in self.scopes.iter().rev().enumerate() {
            match scope {
                Scope::Names(names) => {
                    if let Some(slot) = names.get(name) {
                        return Variable::Local {
                            up: up as u32,
                            slot: *slot,
                        };
                    }
                }
                Scope::With => withs.push(up as u32),
            }
        }
        let name = Name::from(name);
        if GLOBALS.contains(&name.as_str()) || name.starts_with("__") {
            Variable::Global(name)
        } else if withs.is_empty() {
            Variable::Unbound(name)
        } else {
            Variable::With {
                name,
                frames: withs.into(),
            }
        }
    }
}
