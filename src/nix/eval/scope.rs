//! Which binding a name means: lexical ones first, then Nix's own, then those of `with`.

use rnix::TextRange;
use rustc_hash::FxHashMap;

use super::hir::*;
use super::lower::{GLOBALS, Lowering};

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

impl Lowering {
    /// Resolves a name against the scopes, as Nix does: a lexical binding wins over every `with`,
    /// and so does Nix's own global scope.
    /// A name bound nowhere makes Nix refuse the whole file, used or not.
    pub(super) fn resolve(&mut self, name: &str, at: TextRange) -> Variable {
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
            self.fail(at, format!("undefined variable `{name}`"));
            Variable::Unbound(name)
        } else {
            Variable::With {
                name,
                frames: withs.into(),
            }
        }
    }

    /// `<a/b>` is `__findFile __nixPath "a/b"`, with a `__findFile` of the scope if there is one.
    pub(super) fn search_path(&mut self, path: &str, range: TextRange) -> ExprId {
        let find = self.resolve("__findFile", range);
        if !matches!(find, Variable::Local { .. }) {
            return self.push(Expr::SearchPath(path.into()), range);
        }
        let name = path.trim_start_matches('<').trim_end_matches('>');
        let name = self.push(Expr::Str(Box::new([Part::Text(name.into())])), range);
        let where_from = self.resolve("__nixPath", range);
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
}
