//! Edits at any place of any Nix file, each with what it may at most do to the lines.

use btrfs_tune::nix::edit::{self, NewValue, TextEdit};
use btrfs_tune::nix::syntax::static_name;
use rnix::SyntaxNode;
use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;

/// A primitive applied at one place.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) kind: &'static str,
    pub(crate) edits: Vec<TextEdit>,
    pub(crate) dropped: Vec<String>,
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        match from.len() {
            0 => None,
            length => Some(from[self.below(length)].clone()),
        }
    }
}

fn all<N: AstNode<Language = rnix::NixLanguage>>(root: &SyntaxNode) -> Vec<N> {
    root.descendants().filter_map(N::cast).collect()
}

pub(crate) fn value(numbers: &mut Numbers) -> NewValue {
    match numbers.below(7) {
        0 => NewValue::Text("true".to_owned()),
        1 => NewValue::string("a${b}\"c"),
        2 => NewValue::strings(["noatime", "compress=zstd:1"]),
        3 => NewValue::strings(["noatime"]),
        4 => NewValue::Set(vec![
            ("mountpoint".to_owned(), NewValue::string("/x")),
            (
                "mountOptions".to_owned(),
                NewValue::strings(["noatime", "nodev"]),
            ),
        ]),
        5 => NewValue::Set(vec![(
            "enable".to_owned(),
            NewValue::Text("true".to_owned()),
        )]),
        _ => NewValue::apply("lib.mkForce", NewValue::strings(["noatime"])),
    }
}

pub(crate) const KINDS: usize = 13;

/// The primitive of this number at some place of a tree, if there is a place for it.
pub(crate) fn change(root: &SyntaxNode, kind: usize, numbers: &mut Numbers) -> Option<Change> {
    let one = |kind, edit| Change {
        kind,
        edits: vec![edit],
        dropped: Vec::new(),
    };
    let gone = |kind, removal: edit::Removal| Change {
        kind,
        edits: removal.edits,
        dropped: removal.dropped_comments,
    };
    Some(match kind {
        0 => {
            let list: ast::List = numbers.pick(&all(root))?;
            let new = [
                NewValue::string("nodiratime"),
                NewValue::Text("f x".to_owned()),
            ];
            let count = 1 + numbers.below(2);
            one(
                "append_elements",
                edit::append_elements(&list, &new[..count]),
            )
        }
        1 => {
            let lists: Vec<ast::List> = all(root);
            let lists: Vec<_> = lists
                .into_iter()
                .filter(|l| l.items().count() > 0)
                .collect();
            let list = numbers.pick(&lists)?;
            let items: Vec<_> = list.items().map(|i| i.syntax().text_range()).collect();
            let mut removed = vec![numbers.pick(&items)?];
            let other = numbers.pick(&items)?;
            if numbers.below(3) == 0 && !removed.contains(&other) {
                removed.push(other);
            }
            gone("remove_elements", edit::remove_elements(&list, &removed))
        }
        2 => {
            let lists: Vec<ast::List> = all(root);
            let items: Vec<ast::Expr> = lists.iter().flat_map(|l| l.items()).collect();
            let items: Vec<_> = items
                .into_iter()
                .filter(|i| matches!(i, ast::Expr::Str(_) | ast::Expr::Ident(_)))
                .collect();
            let item = numbers.pick(&items)?;
            one(
                "replace_element",
                edit::replace_element(&item, &NewValue::string("compress=zstd")),
            )
        }
        3 | 4 => {
            let set: ast::AttrSet = numbers.pick(&all(root))?;
            let names: Vec<Vec<String>> = set
                .attrpath_values()
                .filter_map(|e| e.attrpath()?.attrs().map(|a| static_name(&a)).collect())
                .collect();
            let mut path = Vec::new();
            if kind == 4 {
                let near: Vec<String> = numbers.pick(&names)?;
                path.extend_from_slice(&near[..numbers.below(near.len())]);
            }
            path.push("btrfsFresh".to_owned());
            if numbers.below(2) == 0 {
                path.push("vm.x".to_owned());
            }
            one(
                "insert_path",
                edit::insert_path(&set, &path, &value(numbers)),
            )
        }
        5 => {
            let bindings: Vec<ast::AttrpathValue> = all(root);
            let bindings: Vec<_> = bindings
                .into_iter()
                .filter(|b| {
                    b.syntax()
                        .parent()
                        .is_some_and(|p| ast::AttrSet::can_cast(p.kind()))
                })
                .collect();
            gone(
                "remove_binding",
                edit::remove_binding(&numbers.pick(&bindings)?),
            )
        }
        6 => {
            let attr: ast::Attr = numbers.pick(&all(root))?;
            let parent = attr.syntax().parent()?.kind();
            if parent != rnix::SyntaxKind::NODE_ATTRPATH
                || ast::Dynamic::can_cast(attr.syntax().kind())
            {
                return None;
            }
            let new = if numbers.below(2) == 0 {
                "renamed"
            } else {
                "/renamed"
            };
            one("rename_attribute", edit::rename_attribute(&attr, new))
        }
        7 => {
            let bindings: Vec<ast::AttrpathValue> = all(root);
            let values: Vec<ast::Expr> = bindings
                .iter()
                .filter_map(ast::AttrpathValue::value)
                .filter(|v| {
                    matches!(
                        v,
                        ast::Expr::Literal(_)
                            | ast::Expr::Str(_)
                            | ast::Expr::Ident(_)
                            | ast::Expr::List(_)
                    )
                })
                .collect();
            let new = value(numbers);
            let place = numbers.pick(&values)?;
            if !btrfs_tune::nix::syntax::comments(place.syntax()).is_empty() {
                return None;
            }
            one("replace_value", edit::replace_value(&place, &new))
        }
        8 => {
            let bindings: Vec<ast::AttrpathValue> = all(root);
            let values: Vec<ast::Expr> = bindings
                .iter()
                .filter_map(ast::AttrpathValue::value)
                .filter(|v| {
                    !matches!(
                        v,
                        ast::Expr::Literal(_)
                            | ast::Expr::Str(_)
                            | ast::Expr::AttrSet(_)
                            | ast::Expr::Lambda(_)
                    )
                })
                .collect();
            let new = NewValue::strings(["noatime"]);
            Change {
                kind: "append_operand",
                edits: edit::append_operand(&numbers.pick(&values)?, &new),
                dropped: Vec::new(),
            }
        }
        9 => {
            let lambda: ast::Lambda = numbers.pick(&all(root))?;
            one("add_formal", edit::add_formal(&lambda, "lib")?)
        }
        10 => {
            let string: ast::Str = numbers.pick(&all(root))?;
            let lines = ["one ${x} ''".to_owned(), "two".to_owned()];
            one("append_lines", edit::append_lines(&string, &lines)?)
        }
        11 => {
            let inherit: ast::Inherit = numbers.pick(&all(root))?;
            let attrs: Vec<ast::Attr> = inherit.attrs().collect();
            let name = static_name(&numbers.pick(&attrs)?)?;
            gone("remove_inherited", edit::remove_inherited(&inherit, &name))
        }
        _ => {
            let inherit: ast::Inherit = numbers.pick(&all(root))?;
            let attrs: Vec<ast::Attr> = inherit.attrs().collect();
            let name = static_name(&numbers.pick(&attrs)?)?;
            let new = NewValue::strings(["noatime"]);
            gone(
                "bind_inherited",
                edit::bind_inherited(&inherit, &name, &new)?,
            )
        }
    })
}
