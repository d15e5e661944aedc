//! Owns: the bindings by which a value comes to its place, and the expression in them that counts.

use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;

use super::look::{Written, node};
use crate::nix::source::FileId;
use crate::nix::syntax::static_name;
use crate::project::Evaluated;

/// What gives an attribute its value.
#[derive(Debug, Clone)]
pub(super) enum Binding {
    /// `a.b = value;`, where the attribute is the name at an index of the path.
    Bound {
        file: FileId,
        entry: ast::AttrpathValue,
        index: usize,
    },
    /// `inherit name;`
    Inherited {
        file: FileId,
        inherit: ast::Inherit,
        name: String,
    },
}

impl Binding {
    /// The binding of the attribute at `path` itself, not of a set around it.
    pub(super) fn of(evaluated: &Evaluated, written: &Written, path: &[String]) -> Option<Binding> {
        let at = written.entry?;
        let name = path.last()?;
        if let Some(entry) = node::<ast::AttrpathValue>(evaluated, at) {
            let index = position(&entry, path)?;
            let file = at.file;
            return Some(Binding::Bound { file, entry, index });
        }
        let attr = node::<ast::Attr>(evaluated, at)?;
        let inherit = attr.syntax().parent().and_then(ast::Inherit::cast)?;
        (static_name(&attr).as_ref() == Some(name)).then(|| Binding::Inherited {
            file: at.file,
            inherit,
            name: name.clone(),
        })
    }

    /// The whole value of the attribute, if one expression gives it.
    pub(super) fn value(&self) -> Option<ast::Expr> {
        match self {
            Binding::Bound { entry, index, .. } => {
                let length = entry.attrpath()?.attrs().count();
                (index + 1 == length).then(|| entry.value())?
            }
            Binding::Inherited { .. } => None,
        }
    }

    /// The bindings in the same set that say something of the same attribute: all that share the
    /// path up to it.
    pub(super) fn family(&self) -> Vec<ast::AttrpathValue> {
        let Binding::Bound { entry, index, .. } = self else {
            return Vec::new();
        };
        let prefix = |e: &ast::AttrpathValue| -> Option<Vec<String>> {
            let attrs: Vec<ast::Attr> = e.attrpath()?.attrs().take(index + 1).collect();
            let names = attrs.iter().map(|a| match static_name(a) {
                Some(name) => name,
                None => a.syntax().text().to_string(),
            });
            (attrs.len() == index + 1).then(|| names.collect())
        };
        let own = prefix(entry);
        let holder = entry.syntax().parent().and_then(ast::AttrSet::cast);
        match holder {
            Some(set) => set.attrpath_values().filter(|e| prefix(e) == own).collect(),
            None => vec![entry.clone()],
        }
    }
}

/// Which name of a binding's path is that of the attribute at `path`. Names that are computed may
/// be any.
fn position(entry: &ast::AttrpathValue, path: &[String]) -> Option<usize> {
    let names: Vec<Option<String>> = entry.attrpath()?.attrs().map(|a| static_name(&a)).collect();
    let fits = |index: &usize| {
        let (names, length) = (&names[..=*index], index + 1);
        length <= path.len()
            && names
                .iter()
                .zip(&path[path.len() - length..])
                .all(|(name, wanted)| name.as_ref().is_none_or(|n| n == wanted))
    };
    (0..names.len()).rev().find(fits)
}

/// What stands inside the wrappers that say when and how strongly a value counts.
pub(super) fn core(expression: &ast::Expr) -> ast::Expr {
    let inner = match expression {
        ast::Expr::Paren(paren) => paren.expr(),
        ast::Expr::Apply(apply) => {
            let function = apply.lambda();
            let wraps = function.is_some_and(|function| match &function {
                // `mkIf condition value`
                ast::Expr::Apply(first) => first
                    .lambda()
                    .is_some_and(|f| is_named(&f, &["mkIf", "mkOverride", "mkOrder"])),
                function => is_named(
                    function,
                    &[
                        "mkForce",
                        "mkDefault",
                        "mkOptionDefault",
                        "mkOverrideDefault",
                        "mkVMOverride",
                        "mkImageMediaOverride",
                        "mkBefore",
                        "mkAfter",
                    ],
                ),
            });
            apply.argument().filter(|_| wraps)
        }
        _ => None,
    };
    match inner {
        Some(inner) => core(&inner),
        None => expression.clone(),
    }
}

/// Whether an expression is one of these functions of `lib`.
pub(super) fn is_named(function: &ast::Expr, names: &[&str]) -> bool {
    let name = match function {
        ast::Expr::Ident(ident) => Some(ident.to_string()),
        ast::Expr::Select(select) => select
            .attrpath()
            .and_then(|p| p.attrs().last())
            .and_then(|a| static_name(&a)),
        _ => None,
    };
    name.is_some_and(|name| names.contains(&name.as_str()))
}

/// Whether an expression must stand in parentheses to be an operand of `++` or `//`.
pub(super) fn is_loose(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Lambda(_)
        | ast::Expr::LetIn(_)
        | ast::Expr::With(_)
        | ast::Expr::Assert(_)
        | ast::Expr::IfElse(_)
        | ast::Expr::BinOp(_)
        | ast::Expr::UnaryOp(_) => true,
        ast::Expr::Paren(_) => false,
        _ => false,
    }
}

/// Whether an expression stands where only something in parentheses may hold an operator.
pub(super) fn is_tight(expression: &ast::Expr) -> bool {
    use rnix::SyntaxKind as Kind;
    expression.syntax().parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            Kind::NODE_LIST
                | Kind::NODE_APPLY
                | Kind::NODE_SELECT
                | Kind::NODE_UNARY_OP
                | Kind::NODE_HAS_ATTR
                | Kind::NODE_BIN_OP
        )
    })
}

/// The text of an expression.
pub(super) fn text(expression: &ast::Expr) -> String {
    expression.syntax().text().to_string()
}

/// The string that a literal without interpolation writes.
pub(super) fn plain(expression: &ast::Expr) -> Option<String> {
    match expression {
        ast::Expr::Str(string) => crate::nix::syntax::plain_string(string),
        _ => None,
    }
}

/// Whether a list is one of strings that are all written out, and which.
pub(super) fn plain_list(list: &ast::List) -> Option<Vec<String>> {
    list.items().map(|item| plain(&item)).collect()
}

/// The parameter of a lambda by name, if it has one.
pub(super) fn parameter(lambda: &ast::Lambda) -> Option<String> {
    match lambda.param()? {
        ast::Param::IdentParam(ident) => Some(ident.ident()?.to_string()),
        ast::Param::Pattern(_) => None,
    }
}
