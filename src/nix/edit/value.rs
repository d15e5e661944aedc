//! New values, whose layout is decided by the file that they come into.

use rnix::SyntaxNode;
use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;
use serde_json::Value as Json;

use super::layout::{self, Style};
use super::open;
use crate::nix::syntax::{attribute_name, static_name, string_literal};

/// A value to be written, without its layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewValue {
    /// Any expression as Nix text. Lines after the first are indented by two spaces a step.
    Text(String),
    /// A list.
    List(Vec<NewValue>),
    /// A set of bindings.
    Set(Vec<(String, NewValue)>),
    /// A function, as Nix text, and its argument: `lib.mkForce [ ]`.
    Apply(String, Box<NewValue>),
}

impl NewValue {
    /// A string literal.
    pub fn string(text: &str) -> NewValue {
        NewValue::Text(string_literal(text))
    }

    /// A list of string literals.
    pub fn strings<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> NewValue {
        let items = texts.into_iter().map(|t| NewValue::string(t.as_ref()));
        NewValue::List(items.collect())
    }

    /// `function value`.
    pub fn apply(function: &str, value: NewValue) -> NewValue {
        NewValue::Apply(function.to_owned(), Box::new(value))
    }

    /// The value on one line, with padded brackets: how it is named in messages.
    pub fn one_line(&self) -> String {
        let form = Form {
            list_padding: true,
            set_padding: true,
            ..Form::default()
        };
        self.render(&form, "")
    }

    /// Whether the value must stand in parentheses where an operand or an element is expected.
    fn is_compound(&self) -> bool {
        match self {
            NewValue::List(_) | NewValue::Set(_) => false,
            NewValue::Apply(..) => true,
            NewValue::Text(text) => !is_atom(text),
        }
    }

    fn atom(&self, form: &Form, indent: &str) -> String {
        let text = self.render(form, indent);
        match self.is_compound() {
            true => format!("({text})"),
            false => text,
        }
    }

    pub(super) fn render(&self, form: &Form, indent: &str) -> String {
        match self {
            NewValue::Text(text) if form.tall_sets => form.indented(&tight(text), indent),
            NewValue::Text(text) => form.indented(text, indent),
            NewValue::Apply(function, value) => {
                format!("{function} {}", value.atom(form, indent))
            }
            NewValue::List(items) => {
                let inner = format!("{indent}{}", form.step);
                let texts: Vec<String> = items.iter().map(|i| i.atom(form, &inner)).collect();
                let lines = form.lists == Lines::Several || texts.iter().any(|t| t.contains('\n'));
                if lines && form.lists != Lines::Forced && !texts.is_empty() {
                    return form.block('[', &texts, ']', indent);
                }
                let pad = if form.list_padding { " " } else { "" };
                match texts.is_empty() {
                    true => format!("[{pad}]"),
                    false => format!("[{pad}{}{pad}]", texts.join(" ")),
                }
            }
            NewValue::Set(entries) => {
                let inner = format!("{indent}{}", form.step);
                let texts: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| {
                        let value = value.render(form, &inner);
                        format!("{} = {value};", attribute_name(name))
                    })
                    .collect();
                let lines = form.sets == Lines::Several
                    || (form.sets == Lines::One && texts.len() > 1 && form.tall_sets)
                    || texts.iter().any(|t| t.contains('\n'));
                if lines && form.sets != Lines::Forced && !texts.is_empty() {
                    return form.block('{', &texts, '}', indent);
                }
                let pad = if form.set_padding { " " } else { "" };
                match texts.is_empty() {
                    true => format!("{{{pad}}}"),
                    false => format!("{{{pad}{}{pad}}}", texts.join(" ")),
                }
            }
        }
    }
}

impl From<&Json> for NewValue {
    fn from(value: &Json) -> Self {
        match value {
            Json::String(text) => NewValue::string(text),
            Json::Array(items) => NewValue::List(items.iter().map(NewValue::from).collect()),
            Json::Object(entries) => NewValue::Set(
                entries
                    .iter()
                    .map(|(name, value)| (name.clone(), NewValue::from(value)))
                    .collect(),
            ),
            Json::Null | Json::Bool(_) => NewValue::Text(value.to_string()),
            Json::Number(number) => NewValue::Text(number_literal(number)),
        }
    }
}

/// A number as Nix reads it: `1e5` is a float only with a point in it.
fn number_literal(number: &serde_json::Number) -> String {
    let text = number.to_string();
    match text.find(['e', 'E']) {
        Some(at) if !text[..at].contains('.') => format!("{}.0{}", &text[..at], &text[at..]),
        _ => text,
    }
}

/// A text without the spaces inside the brackets of a line.
fn tight(text: &str) -> String {
    use rnix::SyntaxKind as Kind;
    let parse = rnix::Root::parse(text);
    if !parse.errors().is_empty() {
        return text.to_owned();
    }
    let is_space = |token: &rnix::SyntaxToken| {
        let held = token.parent().map(|p| p.kind());
        let kind = |t: Option<rnix::SyntaxToken>| t.map(|t| t.kind());
        let inside = matches!(held, Some(Kind::NODE_LIST | Kind::NODE_ATTR_SET));
        let opens = matches!(
            kind(token.prev_token()),
            Some(Kind::TOKEN_L_BRACK | Kind::TOKEN_L_BRACE)
        );
        let closes = matches!(
            kind(token.next_token()),
            Some(Kind::TOKEN_R_BRACK | Kind::TOKEN_R_BRACE)
        );
        let blank = token.kind() == Kind::TOKEN_WHITESPACE && !token.text().contains('\n');
        blank && inside && (opens || closes)
    };
    let tokens = parse.syntax().descendants_with_tokens();
    let tokens = tokens.filter_map(|e| e.into_token());
    let kept = tokens.filter(|t| !is_space(t));
    kept.map(|t| t.text().to_owned()).collect()
}

/// Whether a text is one operand: a name, a literal, something in brackets, a selection.
fn is_atom(text: &str) -> bool {
    matches!(
        rnix::Root::parse(text).tree().expr(),
        Some(
            ast::Expr::Ident(_)
                | ast::Expr::Literal(_)
                | ast::Expr::Str(_)
                | ast::Expr::List(_)
                | ast::Expr::AttrSet(_)
                | ast::Expr::Paren(_)
                | ast::Expr::PathAbs(_)
                | ast::Expr::PathRel(_)
                | ast::Expr::PathHome(_)
                | ast::Expr::PathSearch(_)
        )
    ) || matches!(rnix::Root::parse(text).tree().expr(),
        Some(ast::Expr::Select(select)) if select.default_expr().is_none())
}

/// Over how many lines a bracket goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lines {
    /// On one, if what it holds allows that.
    #[default]
    One,
    /// One item a line.
    Several,
    /// On one, whatever it holds: the place allows no line break.
    Forced,
}

/// How new values are laid out at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    pub(super) newline: &'static str,
    pub(super) step: String,
    pub(super) lists: Lines,
    pub(super) sets: Lines,
    pub(super) list_padding: bool,
    pub(super) set_padding: bool,
    /// Sets of more than one binding go over several lines.
    pub(super) tall_sets: bool,
}

impl Form {
    /// The form of a value at a place: as the values of like-named bindings near it, else as is
    /// usual in the file.
    pub(super) fn at(style: &Style, near: &SyntaxNode, name: Option<&str>) -> Form {
        let root = near.ancestors().last().unwrap_or_else(|| near.clone());
        let mut named = (0usize, 0usize);
        let mut any = (0usize, 0usize);
        let mut sets = (0usize, 0usize);
        for binding in root.descendants().filter_map(ast::AttrpathValue::cast) {
            let several = |node: &SyntaxNode| layout::spans_lines(&style.text, node.text_range());
            match binding.value() {
                Some(ast::Expr::List(list)) => {
                    let count = list.items().count();
                    let last = binding.attrpath().and_then(|p| p.attrs().last());
                    let same = last.and_then(|a| static_name(&a)).as_deref() == name;
                    let tally = match (count, name.is_some() && same) {
                        (0, _) => continue,
                        (_, true) => &mut named,
                        (1, false) => continue,
                        (_, false) => &mut any,
                    };
                    *(if several(list.syntax()) {
                        &mut tally.1
                    } else {
                        &mut tally.0
                    }) += 1;
                }
                Some(ast::Expr::AttrSet(set)) if set.entries().next().is_some() => {
                    *(if several(set.syntax()) {
                        &mut sets.1
                    } else {
                        &mut sets.0
                    }) += 1;
                }
                _ => {}
            }
        }
        let lists = match (named, any) {
            ((0, 0), (0, 0)) => style.undecided,
            ((0, 0), (one, several)) => several > one,
            ((one, several), _) => several > one,
        };
        let lists = (lists || style.undecided) && !open::in_expression(style, near);
        let form = Form {
            newline: style.newline,
            step: style.step.clone(),
            lists: if lists { Lines::Several } else { Lines::One },
            sets: if sets.0 > sets.1 {
                Lines::One
            } else {
                Lines::Several
            },
            list_padding: style.list_padding,
            set_padding: style.set_padding,
            tall_sets: style.compact,
        };
        match (open::in_one_line(style, near), style.compact) {
            (true, true) => Form {
                lists: Lines::One,
                sets: Lines::One,
                ..form
            },
            (true, false) => form.on_one_line(),
            (false, _) => form,
        }
    }

    /// The same, where no line break may come in.
    pub(super) fn on_one_line(mut self) -> Form {
        self.lists = Lines::Forced;
        self.sets = Lines::Forced;
        self
    }

    /// Items between brackets, one a line.
    fn block(&self, open: char, items: &[String], close: char, indent: &str) -> String {
        let mut out = String::from(open);
        for item in items {
            out.push_str(self.newline);
            out.push_str(indent);
            out.push_str(&self.step);
            out.push_str(item);
        }
        out.push_str(self.newline);
        out.push_str(indent);
        out.push(close);
        out
    }

    /// The lines of a text after the first, indented as the file does it.
    fn indented(&self, text: &str, indent: &str) -> String {
        let mut lines = text.lines();
        let mut out = lines.next().unwrap_or("").to_owned();
        for line in lines {
            let inner = line.trim_start_matches("  ");
            let depth = (line.len() - inner.len()) / 2;
            out.push_str(self.newline);
            if !inner.is_empty() {
                out.push_str(indent);
                out.push_str(&self.step.repeat(depth));
                out.push_str(inner);
            }
        }
        out
    }
}

/// The form of a value that is bound to the name of the binding around a node.
pub(super) fn form_of(style: &Style, near: &SyntaxNode) -> Form {
    let name = near
        .ancestors()
        .find_map(ast::AttrpathValue::cast)
        .and_then(|b| b.attrpath())
        .and_then(|p| p.attrs().last())
        .and_then(|a| static_name(&a));
    Form::at(style, near, name.as_deref())
}

/// Whether a text must be put in parentheses to be an element or an argument.
pub(super) fn parenthesised(text: &str) -> String {
    match is_atom(text) {
        true => text.to_owned(),
        false => format!("({text})"),
    }
}

/// A list literal on one line, of elements given as Nix text.
pub fn list_text(elements: &[String]) -> String {
    let items = elements.iter().cloned().map(NewValue::Text).collect();
    NewValue::List(items).one_line()
}
