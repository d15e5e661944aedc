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
    /// How many of the old lines may at most be written anew or go.
    pub(crate) most: usize,
}

/// How many lines a node stands on.
fn lines(node: &SyntaxNode) -> usize {
    node.text().to_string().matches('\n').count() + 1
}

/// Whether nothing but white space stands before a node on its line, and nothing of its holder
/// after it.
fn own_line(root: &SyntaxNode, node: &SyntaxNode) -> bool {
    let text = root.text().to_string();
    let range = node.text_range();
    let before = text[..usize::from(range.start())]
        .rsplit('\n')
        .next()
        .unwrap();
    let after = text[usize::from(range.end())..].split('\n').next().unwrap();
    before.trim().is_empty() && (after.trim().is_empty() || after.trim().starts_with('#'))
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
    let one = |kind, edit, most| Change {
        kind,
        edits: vec![edit],
        dropped: Vec::new(),
        most,
    };
    let gone = |kind, removal: edit::Removal, most| Change {
        kind,
        edits: removal.edits,
        dropped: removal.dropped_comments,
        most,
    };
    Some(match kind {
        0 => {
            let list: ast::List = numbers.pick(&all(root))?;
            let new = [
                NewValue::string("nodiratime"),
                NewValue::Text("f x".to_owned()),
            ];
            let count = 1 + numbers.below(2);
            let items: Vec<ast::Expr> = list.items().collect();
            let alone = items.last().is_some_and(|i| own_line(root, i.syntax()));
            one(
                "append_elements",
                edit::append_elements(&list, &new[..count]),
                if alone {
                    0
                } else {
                    lines(list.syntax()).min(2)
                },
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
            let most = match removed.len() == items.len() {
                true => lines(list.syntax()),
                false => list
                    .items()
                    .filter(|i| removed.contains(&i.syntax().text_range()))
                    .map(|i| lines(i.syntax()) + 2)
                    .sum(),
            };
            gone(
                "remove_elements",
                edit::remove_elements(&list, &removed),
                most,
            )
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
                lines(item.syntax()),
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
            let sets: Vec<ast::AttrSet> = all(set.syntax());
            let tall = sets.iter().all(|s| {
                let entries: Vec<ast::Entry> = s.entries().collect();
                !entries.is_empty() && entries.iter().all(|e| own_line(root, e.syntax()))
            });
            let most = match set.entries().next() {
                None => lines(set.syntax()),
                Some(_) if tall => 0,
                Some(_) => 2,
            };
            one(
                "insert_path",
                edit::insert_path(&set, &path, &value(numbers)),
                most,
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
            let binding = numbers.pick(&bindings)?;
            let holder = binding.syntax().parent()?;
            let alone = ast::AttrSet::cast(holder.clone())?.entries().count() == 1;
            let most = match alone {
                true => lines(&holder),
                false => lines(binding.syntax()) + 2,
            };
            gone("remove_binding", edit::remove_binding(&binding), most)
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
            one(
                "rename_attribute",
                edit::rename_attribute(&attr, new),
                lines(attr.syntax()),
            )
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
            one(
                "replace_value",
                edit::replace_value(&place, &new),
                lines(place.syntax()),
            )
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
            let value = numbers.pick(&values)?;
            // What takes a set gives no list.
            if matches!(&value, ast::Expr::Apply(call)
                if matches!(call.argument(), Some(ast::Expr::AttrSet(_))))
            {
                return None;
            }
            let edits = edit::append_operand(&value, &new);
            // alejandra moves operands of several lines in; else the first and the last line change.
            let moved = edits.len() > 2 || edits.iter().any(|e| e.text.starts_with('\n'));
            Change {
                kind: "append_operand",
                edits,
                dropped: Vec::new(),
                most: if moved { lines(value.syntax()) + 1 } else { 2 },
            }
        }
        9 => {
            let lambda: ast::Lambda = numbers.pick(&all(root))?;
            one("add_formal", edit::add_formal(&lambda, "lib")?, 1)
        }
        10 => {
            let string: ast::Str = numbers.pick(&all(root))?;
            let lines = ["one ${x} ''".to_owned(), "two".to_owned()];
            one("append_lines", edit::append_lines(&string, &lines)?, 1)
        }
        11 => {
            let inherit: ast::Inherit = numbers.pick(&all(root))?;
            let attrs: Vec<ast::Attr> = inherit.attrs().collect();
            let name = static_name(&numbers.pick(&attrs)?)?;
            let most = lines(&inherit.syntax().parent()?).min(lines(inherit.syntax()) + 2);
            gone(
                "remove_inherited",
                edit::remove_inherited(&inherit, &name),
                most,
            )
        }
        _ => {
            let inherit: ast::Inherit = numbers.pick(&all(root))?;
            let attrs: Vec<ast::Attr> = inherit.attrs().collect();
            let name = static_name(&numbers.pick(&attrs)?)?;
            let new = NewValue::strings(["noatime"]);
            gone(
                "bind_inherited",
                edit::bind_inherited(&inherit, &name, &new)?,
                lines(inherit.syntax()) + 1,
            )
        }
    })
}
