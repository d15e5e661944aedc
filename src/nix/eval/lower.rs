//! Lowering: rnix's tree → [`Hir`], with variables resolved and nested attribute paths merged.

use rnix::ast::{self, AstToken, HasEntry, InterpolPart};
use rnix::TextRange;
use rowan::ast::AstNode;
use rustc_hash::FxHashMap;

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
        return Err(SyntaxError { at, message: "the file holds no expression".to_owned() });
    };
    let mut lowering = Lowering { exprs: Vec::new(), scopes: Vec::new(), error: None };
    let root = lowering.expr(root);
    match lowering.error {
        Some(error) => Err(error),
        None => Ok(Hir { exprs: lowering.exprs, root }),
    }
}

/// One frame of names, as it will exist when the code runs.
enum Scope {
    Names(FxHashMap<Name, u32>),
    With,
}

/// The frame of a `let` or recursive set: a slot a name, in order of appearance.
fn names_scope<'a>(names: impl Iterator<Item = &'a Name>) -> Scope {
    Scope::Names(names.enumerate().map(|(slot, name)| (name.clone(), slot as u32)).collect())
}

/// The frame of a plain set that has `inherit (from)`: it holds the froms, which have no name.
fn nameless_scope() -> Scope {
    Scope::Names(FxHashMap::default())
}

struct Lowering {
    exprs: Vec<(Expr, TextRange)>,
    scopes: Vec<Scope>,
    error: Option<SyntaxError>,
}

/// The names of Nix's global scope that are no functions of `builtins`.
pub(super) const GLOBALS: &[&str] = &[
    "true", "false", "null", "builtins", "import", "map", "toString", "throw", "abort",
    "derivation", "derivationStrict", "removeAttrs", "baseNameOf", "dirOf", "isNull",
    "fetchTarball", "fetchGit", "fetchMercurial", "fetchTree", "fetchurl", "placeholder",
    "scopedImport", "fromTOML", "break",
];

impl Lowering {
    fn push(&mut self, expr: Expr, range: TextRange) -> ExprId {
        let id = ExprId(self.exprs.len() as u32);
        self.exprs.push((expr, range));
        id
    }

    fn invalid(&mut self, range: TextRange, why: &'static str) -> ExprId {
        self.push(Expr::Invalid(why), range)
    }

    fn fail(&mut self, at: TextRange, message: impl Into<String>) {
        if self.error.is_none() {
            self.error = Some(SyntaxError { at, message: message.into() });
        }
    }

    fn optional(&mut self, expr: Option<ast::Expr>, around: TextRange) -> ExprId {
        match expr {
            Some(expr) => self.expr(expr),
            None => self.invalid(around, "an expression is missing"),
        }
    }

    fn expr(&mut self, expr: ast::Expr) -> ExprId {
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
            ast::Expr::PathRel(path) => {
                self.path(PathKind::Relative, path.parts(), range)
            }
            ast::Expr::PathAbs(path) => {
                self.path(PathKind::Absolute, path.parts(), range)
            }
            ast::Expr::PathHome(path) => {
                self.path(PathKind::Home, path.parts(), range)
            }
            ast::Expr::PathSearch(path) => {
                self.push(Expr::SearchPath(path.to_string().into()), range)
            }
            ast::Expr::List(list) => {
                let items = list.items().map(|item| self.expr(item)).collect();
                self.push(Expr::List(items), range)
            }
            ast::Expr::AttrSet(set) => {
                let recursive = set.rec_token().is_some();
                let bindings = self.bindings(&set, recursive, |_, bindings| bindings);
                self.push(Expr::Set { recursive, bindings: Box::new(bindings) }, range)
            }
            ast::Expr::LetIn(it) => {
                let (bindings, body) = self.bindings(&it, true, |this, bindings| {
                    if let Some((key, _)) = bindings.dynamic.first() {
                        let at = this.exprs[key.0 as usize].1;
                        this.fail(at, "dynamic attributes are not allowed in let");
                    }
                    (bindings, this.optional(it.body(), range))
                });
                self.push(Expr::Let { bindings: Box::new(bindings), body }, range)
            }
            ast::Expr::LegacyLet(it) => {
                let bindings = self.bindings(&it, true, |_, bindings| bindings);
                let base =
                    self.push(Expr::Set { recursive: true, bindings: Box::new(bindings) }, range);
                let path = Box::new([Key::Name("body".into())]);
                self.push(Expr::Select { base, path, default: None }, range)
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
                self.push(Expr::If { condition, then, otherwise }, range)
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
                self.push(Expr::Select { base, path, default }, range)
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
                Ok(value) => Expr::Float(value),
                Err(_) => Expr::Invalid("a malformed float"),
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
        self.push(Expr::Path { kind, parts: parts.into() }, range)
    }

    fn attrpath(&mut self, path: Option<ast::Attrpath>) -> Box<[Key]> {
        let keys: Vec<Key> = path.into_iter().flat_map(|p| p.attrs()).map(|a| self.key(a)).collect();
        keys.into()
    }

    fn key(&mut self, attr: ast::Attr) -> Key {
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
                self.push(Expr::Lambda { param: Box::new(Param::Ident), body }, range)
            }
            Some(ast::Param::Pattern(pattern)) => {
                for entry in pattern.pat_entries() {
                    let Some(ident) = entry.ident() else { continue };
                    let name = Name::from(ident.to_string());
                    if names.contains(&name) {
                        self.fail(ident.syntax().text_range(), format!("duplicate formal `{name}`"));
                    }
                    names.push(name);
                }
                let whole = pattern.pat_bind().and_then(|b| b.ident()).map(|i| i.to_string());
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
                let param = Param::Pattern { formals, ellipsis, whole: whole.is_some() };
                self.push(Expr::Lambda { param: Box::new(param), body }, range)
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
                return self.push(Expr::Apply { function: right, argument: left }, range);
            }
            Some(ast::BinOpKind::PipeLeft) => {
                return self.push(Expr::Apply { function: left, argument: right }, range);
            }
            None => return self.invalid(range, "an unknown operator"),
        };
        self.push(Expr::Binary { op, left, right }, range)
    }

    /// Resolves a name against the scopes, as Nix does: a lexical binding wins over every `with`,
    /// and so does Nix's own global scope.
    fn resolve(&self, name: &str) -> Variable {
        let mut withs = Vec::new();
        for (up, scope) in self.scopes.iter().rev().enumerate() {
            match scope {
                Scope::Names(names) => {
                    if let Some(slot) = names.get(name) {
                        return Variable::Local { up: up as u32, slot: *slot };
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
            Variable::With { name, frames: withs.into() }
        }
    }

    /// Lowers the entries of a set or `let`, then calls `then` while its scope is still open.
    fn bindings<T>(
        &mut self,
        entries: &impl HasEntry,
        recursive: bool,
        then: impl FnOnce(&mut Self, Bindings) -> T,
    ) -> T {
        let mut tree = Tree::default();
        for entry in entries.entries() {
            self.gather(&mut tree, entry);
        }
        let framed = self.open(&tree, recursive);
        let bindings = self.lower_tree(tree, recursive, framed);
        let result = then(self, bindings);
        if framed {
            self.scopes.pop();
        }
        result
    }

    /// Opens the scope that the frame of a set will be, and tells whether it will have one.
    fn open(&mut self, tree: &Tree, recursive: bool) -> bool {
        if recursive {
            // The slots of `inherit (from)` follow those of the names.
            self.scopes.push(names_scope(tree.names.iter().map(|(name, _)| name)));
        } else if !tree.froms.is_empty() {
            self.scopes.push(nameless_scope());
        }
        recursive || !tree.froms.is_empty()
    }

    /// Sorts one entry into the tree of bindings, merging `a.b = …; a.c = …;` as Nix does.
    fn gather(&mut self, tree: &mut Tree, entry: ast::Entry) {
        let range = entry.syntax().text_range();
        match entry {
            ast::Entry::Inherit(inherit) => {
                let from = inherit.from().and_then(|f| f.expr()).map(|expr| {
                    tree.froms.push(expr);
                    tree.froms.len() - 1
                });
                for attr in inherit.attrs() {
                    let at = attr.syntax().text_range();
                    let Some(name) = syntax::static_name(&attr) else {
                        self.fail(at, "dynamic attributes are not allowed in inherit");
                        continue;
                    };
                    let node = match from {
                        Some(from) => Node::From(from),
                        None => Node::Outer,
                    };
                    self.define(tree, Name::from(name), node, at);
                }
            }
            ast::Entry::AttrpathValue(binding) => {
                let attrs: Vec<ast::Attr> =
                    binding.attrpath().into_iter().flat_map(|p| p.attrs()).collect();
                match binding.value() {
                    Some(value) => self.insert(tree, &attrs, value, range),
                    None => self.fail(range, "an attribute without a value"),
                }
            }
        }
    }

    fn insert(&mut self, tree: &mut Tree, path: &[ast::Attr], value: ast::Expr, range: TextRange) {
        let Some((first, rest)) = path.split_first() else {
            return self.fail(range, "an attribute without a name");
        };
        let Some(name) = syntax::static_name(first) else {
            let node = match rest {
                [] => Node::Value(value),
                rest => {
                    let mut nested = Tree::default();
                    self.insert(&mut nested, rest, value, range);
                    Node::Nested(nested)
                }
            };
            return tree.dynamic.push((first.clone(), node, range));
        };
        let name = Name::from(name);
        match rest {
            [] => self.define(tree, name, Node::Value(value), range),
            rest => {
                let index = match tree.index.get(&name) {
                    Some(index) => *index,
                    None => tree.add(name.clone(), Node::Nested(Tree::default()), range),
                };
                let (node, _) = &mut tree.names[index].1;
                let mut taken = std::mem::replace(node, Node::Outer);
                if let Node::Value(ast::Expr::AttrSet(set)) = &taken {
                    // `a = { … }; a.b = …;` adds to the literal set.
                    let mut nested = Tree {
                        recursive: set.rec_token().is_some(),
                        literal: Some(set.syntax().text_range()),
                        ..Tree::default()
                    };
                    set.entries().for_each(|entry| self.gather(&mut nested, entry));
                    taken = Node::Nested(nested);
                }
                if let Node::Nested(nested) = &mut taken {
                    self.insert(nested, rest, value, range);
                } else {
                    self.fail(range, format!("attribute `{name}` is already defined"));
                }
                tree.names[index].1.0 = taken;
            }
        }
    }

    fn define(&mut self, tree: &mut Tree, name: Name, node: Node, range: TextRange) {
        let Some(&index) = tree.index.get(&name) else {
            tree.add(name, node, range);
            return;
        };
        // Two literal sets of one name merge; anything else is an error to Nix.
        let literal = match &node {
            Node::Value(ast::Expr::AttrSet(set)) => Some(set.clone()),
            _ => None,
        };
        let existing = std::mem::replace(&mut tree.names[index].1.0, Node::Outer);
        let merged = match (existing, literal) {
            (Node::Nested(mut nested), Some(set)) => {
                self.join(&mut nested, &set);
                Some(Node::Nested(nested))
            }
            (Node::Value(ast::Expr::AttrSet(first)), Some(second)) => {
                let mut nested = Tree {
                    recursive: first.rec_token().is_some(),
                    literal: Some(first.syntax().text_range()),
                    ..Tree::default()
                };
                first.entries().for_each(|entry| self.gather(&mut nested, entry));
                self.join(&mut nested, &second);
                Some(Node::Nested(nested))
            }
            _ => None,
        };
        match merged {
            Some(node) => tree.names[index].1.0 = node,
            None => self.fail(range, format!("attribute `{name}` is already defined")),
        }
    }

    /// Adds the attributes of a literal set to a set that has others. Unlike attribute paths, two
    /// literals do not merge any deeper.
    fn join(&mut self, tree: &mut Tree, set: &ast::AttrSet) {
        let mut other = Tree::default();
        set.entries().for_each(|entry| self.gather(&mut other, entry));
        if let Some((_, _, range)) = other.dynamic.first() {
            // Older versions of Nix drop it without a word.
            self.fail(*range, "a dynamic attribute in the second literal of one set");
        }
        let offset = tree.froms.len();
        tree.froms.append(&mut other.froms);
        for (name, (node, range)) in other.names {
            if tree.index.contains_key(&name) {
                self.fail(range, format!("attribute `{name}` is already defined"));
                continue;
            }
            let node = match node {
                Node::From(from) => Node::From(from + offset),
                node => node,
            };
            tree.add(name, node, range);
        }
    }

    /// Lowers a tree whose frame, if it has one, is the innermost scope.
    fn lower_tree(&mut self, tree: Tree, recursive: bool, framed: bool) -> Bindings {
        let first_from = if recursive { tree.names.len() } else { 0 };
        // The frame of this very tree must not be seen by `inherit x;`, nor by anything in a plain
        // set, whose frame holds nothing but the froms (which have no name).
        let mut bindings = Bindings::default();
        for (name, (node, range)) in tree.names {
            let (value, outer) = match node {
                Node::Value(expr) => (self.expr(expr), false),
                Node::Nested(nested) => (self.nested(nested, range), false),
                Node::Outer => {
                    let inner = framed.then(|| self.scopes.pop()).flatten();
                    let variable = self.resolve(&name);
                    self.scopes.extend(inner);
                    (self.push(Expr::Variable(variable), range), framed)
                }
                Node::From(from) => {
                    let slot = (first_from + from) as u32;
                    let name = name.clone();
                    (self.push(Expr::FromInherit { up: 0, slot, name }, range), false)
                }
            };
            bindings.names.push((name, Binding { range, value, outer }));
        }
        for (attr, node, range) in tree.dynamic {
            let key = match self.key(attr) {
                Key::Expr(key) => key,
                Key::Name(name) => self.push(Expr::Str(Box::new([Part::Text(name)])), range),
            };
            let value = match node {
                Node::Value(expr) => self.expr(expr),
                Node::Nested(nested) => self.nested(nested, range),
                Node::Outer | Node::From(_) => self.invalid(range, "a dynamic inherit"),
            };
            bindings.dynamic.push((key, Binding { range, value, outer: false }));
        }
        for from in tree.froms {
            let from = self.expr(from);
            bindings.froms.push(from);
        }
        bindings
    }

    /// Lowers a set that exists only through attribute paths, or was merged from several.
    fn nested(&mut self, tree: Tree, range: TextRange) -> ExprId {
        let recursive = tree.recursive;
        let range = tree.literal.unwrap_or(range);
        let framed = self.open(&tree, recursive);
        let bindings = self.lower_tree(tree, recursive, framed);
        if framed {
            self.scopes.pop();
        }
        self.push(Expr::Set { recursive, bindings: Box::new(bindings) }, range)
    }
}

/// Bindings while they are gathered, before lowering.
#[derive(Default)]
struct Tree {
    recursive: bool,
    literal: Option<TextRange>,
    names: Vec<(Name, (Node, TextRange))>,
    index: FxHashMap<Name, usize>,
    dynamic: Vec<(ast::Attr, Node, TextRange)>,
    froms: Vec<ast::Expr>,
}

impl Tree {
    fn add(&mut self, name: Name, node: Node, range: TextRange) -> usize {
        let index = self.names.len();
        self.index.insert(name.clone(), index);
        self.names.push((name, (node, range)));
        index
    }
}

enum Node {
    Value(ast::Expr),
    Nested(Tree),
    /// `inherit name;`
    Outer,
    /// `inherit (froms[i]) name;`
    From(usize),
}

