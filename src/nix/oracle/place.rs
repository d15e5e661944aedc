//! From a place that Nix names to the binding that stands there, and to the literal that wrote a
//! value. A place is believed only if the text there says what Nix says.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use rnix::ast;
use rnix::{SyntaxNode, TextRange, TextSize};
use rowan::ast::AstNode as _;
use serde_json::Value as Json;

use super::answer::RawPlace;
use crate::nix::source::{SourceFile, Sources, Span};
use crate::nix::syntax::{plain_string, static_name};

/// Reads places of one evaluation.
#[derive(Debug)]
pub struct Places {
    sources: Rc<Sources>,
    /// Where Nix keeps the project's tree.
    kept: Option<String>,
    /// Where that tree is.
    root: PathBuf,
}

/// The entry of a set that a place stands for.
#[derive(Debug)]
pub struct Binding {
    file: Rc<SourceFile>,
    /// The entry: `a.b = x;`, or the name in an `inherit`.
    pub entry: Span,
    /// What it says, where the name that was asked for is the last of its path.
    value: Option<ast::Expr>,
}

impl Places {
    /// `kept` is the tree's place in Nix's answer, `root` where the same tree is on disk.
    pub fn new(sources: Rc<Sources>, kept: Option<String>, root: &Path) -> Places {
        let root = root.to_path_buf();
        Places {
            sources,
            kept,
            root,
        }
    }

    /// The file of the project that Nix means; `None` for one of an input.
    pub fn file(&self, named: &str) -> Option<PathBuf> {
        let relative = match &self.kept {
            Some(kept) => Path::new(named).strip_prefix(kept).ok()?,
            None => Path::new(named).strip_prefix(&self.root).ok()?,
        };
        Some(self.root.join(relative))
    }

    /// The entry that defines `name` at a place.
    pub fn binding(&self, place: &RawPlace, name: &str) -> Option<Binding> {
        let file = self.sources.read(&self.file(&place.file)?).ok()?;
        let offset = offset(file.text(), place)?;
        let token = file.tree().token_at_offset(offset).right_biased()?;
        let found = token
            .parent_ancestors()
            .find_map(|node| entry(&node, offset, name));
        let (range, value) = found?;
        let entry = Span {
            file: file.id(),
            range,
        };
        Some(Binding { file, entry, value })
    }
}

/// The entry that a node is, if a name in it is `name` and it begins where Nix says.
fn entry(
    node: &SyntaxNode,
    offset: TextSize,
    name: &str,
) -> Option<(TextRange, Option<ast::Expr>)> {
    if let Some(binding) = ast::AttrpathValue::cast(node.clone()) {
        let path = binding.attrpath()?;
        let names: Vec<Option<String>> = path.attrs().map(|attr| static_name(&attr)).collect();
        // Nix gives every name of `a.b = x;` the place where the path begins.
        let begins = path.syntax().text_range().start() == offset;
        let index = names.iter().rposition(|n| n.as_deref() == Some(name))?;
        let last = index + 1 == names.len();
        let value = last.then(|| binding.value()).flatten();
        return begins.then(|| (binding.syntax().text_range(), value));
    }
    let inherit = ast::Inherit::cast(node.clone())?;
    let attr = inherit
        .attrs()
        .find(|attr| static_name(attr).as_deref() == Some(name))?;
    let range = attr.syntax().text_range();
    // Some versions name the statement, some the name.
    let at = [range.start(), inherit.syntax().text_range().start()].contains(&offset);
    at.then_some((range, None))
}

impl Binding {
    /// The literal that wrote a scalar, if the binding holds it and nothing else.
    pub fn literal(&self, value: &Json) -> Option<Span> {
        let mut found = Vec::new();
        results(self.value.as_ref()?, &mut found);
        found.retain(|expr| says(expr, value));
        self.only(&found)
    }

    /// The literal of one element of a list, if just one element literal is it.
    pub fn element(&self, value: &Json) -> Option<Span> {
        let mut lists = Vec::new();
        results(self.value.as_ref()?, &mut lists);
        let items = lists.iter().filter_map(|expr| match expr {
            ast::Expr::List(list) => Some(list.items()),
            _ => None,
        });
        let found: Vec<ast::Expr> = items.flatten().filter(|item| says(item, value)).collect();
        self.only(&found)
    }

    fn only(&self, found: &[ast::Expr]) -> Option<Span> {
        match found {
            [one] => Some(Span {
                file: self.file.id(),
                range: one.syntax().text_range(),
            }),
            _ => None,
        }
    }
}

/// Expressions whose values an expression may give: itself, the branches of `if`, the operands of
/// `++`, the last argument of what looks like `mkForce` or `optionals`.
fn results(expr: &ast::Expr, out: &mut Vec<ast::Expr>) {
    let below = match expr {
        ast::Expr::Paren(paren) => vec![paren.expr()],
        ast::Expr::With(with) => vec![with.body()],
        ast::Expr::LetIn(let_in) => vec![let_in.body()],
        ast::Expr::Assert(assert) => vec![assert.body()],
        ast::Expr::IfElse(branches) => vec![branches.body(), branches.else_body()],
        ast::Expr::BinOp(op) if op.operator() == Some(ast::BinOpKind::Concat) => {
            vec![op.lhs(), op.rhs()]
        }
        ast::Expr::Apply(call) if is_property(call) => vec![call.argument()],
        other => return out.push(other.clone()),
    };
    for expr in below.into_iter().flatten() {
        results(&expr, out);
    }
}

/// Whether a call hands its last argument on: a property of the module system, or `optionals`.
fn is_property(call: &ast::Apply) -> bool {
    let mut function = call.lambda();
    while let Some(ast::Expr::Apply(inner)) = function {
        function = inner.lambda();
    }
    let name = match function {
        Some(ast::Expr::Ident(ident)) => Some(ident.to_string()),
        Some(ast::Expr::Select(select)) => select
            .attrpath()
            .and_then(|path| static_name(&path.attrs().last()?)),
        _ => None,
    };
    const HANDING_ON: &[&str] = &[
        "mkAfter",
        "mkBefore",
        "mkDefault",
        "mkForce",
        "mkIf",
        "mkOrder",
        "mkOverride",
        "optionals",
    ];
    name.is_some_and(|name| HANDING_ON.contains(&name.as_str()))
}

/// Whether an expression is a literal of this value.
fn says(expr: &ast::Expr, value: &Json) -> bool {
    match (expr, value) {
        (ast::Expr::Str(string), Json::String(text)) => plain_string(string).as_ref() == Some(text),
        (ast::Expr::Literal(literal), Json::Number(number)) => {
            literal.syntax().text().to_string() == number.to_string()
        }
        (ast::Expr::Ident(ident), Json::Bool(flag)) => ident.to_string() == flag.to_string(),
        (ast::Expr::Ident(ident), Json::Null) => ident.to_string() == "null",
        _ => false,
    }
}

/// Where a line and a column in bytes are.
fn offset(text: &str, place: &RawPlace) -> Option<TextSize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let start = match line {
        0 => 0,
        // Nix counts a lone CR as the end of a line too; the guard refuses those.
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let offset = start + usize::try_from(place.column).ok()?.checked_sub(1)?;
    text.is_char_boundary(offset)
        .then(|| TextSize::try_from(offset).ok())?
}
