//! Lowering the bindings of sets and `let`: nested attribute paths are merged as Nix merges them.

use rnix::TextRange;
use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;
use rustc_hash::FxHashMap;

use super::hir::*;
use super::lower::Lowering;
use super::scope::{nameless_scope, names_scope};
use crate::nix::syntax;

impl Lowering {
    /// Lowers the entries of a set or `let`, then calls `then` while its scope is still open.
    pub(super) fn bindings<T>(
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
            self.scopes
                .push(names_scope(tree.names.iter().map(|(name, _)| name)));
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
                let attrs: Vec<ast::Attr> = binding
                    .attrpath()
                    .into_iter()
                    .flat_map(|p| p.attrs())
                    .collect();
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
                // `a = { … }; a.b = …;` adds to the literal set.
                if let Node::Value(ast::Expr::AttrSet(_)) = &taken {
                    taken = self.tree_of(taken).map_or(Node::Outer, Node::Nested);
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
        let existing = std::mem::replace(&mut tree.names[index].1.0, Node::Outer);
        match self.merged(existing, node) {
            Some(node) => tree.names[index].1.0 = node,
            None => self.fail(range, format!("attribute `{name}` is already defined")),
        }
    }

    /// Two literal sets of one name merge, at any depth; anything else is an error to Nix. Up to
    /// release 2.24 literals that lie deeper were one too (NixOS/nix issue 11268); configurations in
    /// use rely on what came after it.
    fn merged(&mut self, first: Node, second: Node) -> Option<Node> {
        let first = self.tree_of(first)?;
        let second = self.tree_of(second)?;
        Some(Node::Nested(self.join(first, second)))
    }

    /// The attributes of a literal set, or of one that attribute paths made.
    fn tree_of(&mut self, node: Node) -> Option<Tree> {
        let set = match node {
            Node::Nested(tree) => return Some(tree),
            Node::Value(ast::Expr::AttrSet(set)) => set,
            _ => return None,
        };
        let mut tree = Tree {
            recursive: set.rec_token().is_some(),
            literal: Some(set.syntax().text_range()),
            ..Tree::default()
        };
        set.entries()
            .for_each(|entry| self.gather(&mut tree, entry));
        Some(tree)
    }

    /// Adds the attributes of one set to another; a `rec` of the second counts for nothing.
    fn join(&mut self, mut tree: Tree, mut other: Tree) -> Tree {
        if let Some((_, _, range)) = other.dynamic.first() {
            // Older versions of Nix drop it without a word.
            self.fail(
                *range,
                "a dynamic attribute in the second literal of one set",
            );
        }
        let offset = tree.froms.len();
        tree.froms.append(&mut other.froms);
        for (name, (node, range)) in other.names {
            let node = match node {
                Node::From(from) => Node::From(from + offset),
                node => node,
            };
            self.define(&mut tree, name, node, range);
        }
        tree
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
                    let variable = self.resolve(&name, range);
                    self.scopes.extend(inner);
                    (self.push(Expr::Variable(variable), range), framed)
                }
                Node::From(from) => {
                    let slot = (first_from + from) as u32;
                    let name = name.clone();
                    (
                        self.push(Expr::FromInherit { up: 0, slot, name }, range),
                        false,
                    )
                }
            };
            bindings.names.push((
                name,
                Binding {
                    range,
                    value,
                    outer,
                },
            ));
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
            bindings.dynamic.push((
                key,
                Binding {
                    range,
                    value,
                    outer: false,
                },
            ));
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
        self.push(
            Expr::Set {
                recursive,
                bindings: Box::new(bindings),
            },
            range,
        )
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
