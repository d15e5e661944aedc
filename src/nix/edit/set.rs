//! Bindings in set literals: new ones beside their siblings and in their style, and removal.

use rnix::ast::{self, HasEntry};
use rnix::{SyntaxElement, SyntaxNode, TextRange, TextSize};
use rowan::ast::AstNode;

use super::layout::{self, Style};
use super::open;
use super::value::{Form, Lines, NewValue};
use super::{Removal, TextEdit, removal};
use crate::nix::syntax::{self, attribute_name, static_name, string_literal};

/// Adds `path = value;` to a set: inside the nested set that already holds the longest part of the
/// path, else beside the bindings that share most of it, dotted or nested as they are.
pub fn insert_path(set: &ast::AttrSet, path: &[String], value: &NewValue) -> TextEdit {
    let mut best: Option<(usize, ast::AttrpathValue)> = None;
    for entry in set.attrpath_values() {
        let names = names(&entry);
        let shared = shared(&names, path);
        if shared == names.len()
            && shared < path.len()
            && let Some(ast::Expr::AttrSet(nested)) = entry.value()
        {
            return insert_path(&nested, &path[shared..], value);
        }
        if shared > 0 && best.as_ref().is_none_or(|(n, _)| shared >= *n) {
            best = Some((shared, entry));
        }
    }
    let style = Style::of(set.syntax());
    let depth = depth(set, path, best.as_ref().map_or(0, |(n, _)| *n));
    let (dotted, nested) = path.split_at(depth);
    let value = nested.iter().rev().fold(value.clone(), |value, name| {
        NewValue::Set(vec![(name.clone(), value)])
    });
    let new = Binding {
        path: dotted,
        value: &value,
        full: path,
    };
    let sibling = best.map(|(_, entry)| entry.syntax().clone());
    new.insert(set, &style, sibling)
}

fn names(entry: &ast::AttrpathValue) -> Vec<Option<String>> {
    entry
        .attrpath()
        .into_iter()
        .flat_map(|p| p.attrs())
        .map(|a| static_name(&a))
        .collect()
}

fn shared(names: &[Option<String>], path: &[String]) -> usize {
    names
        .iter()
        .zip(path)
        .take_while(|(a, b)| a.as_ref() == Some(b))
        .count()
}

/// How many names of a path are written with dots before the value opens a set: as the siblings
/// that share most of the path have it.
fn depth(set: &ast::AttrSet, path: &[String], most: usize) -> usize {
    let mut votes: Vec<(usize, usize)> = Vec::new();
    let mut dotted = 0usize;
    for entry in set.attrpath_values() {
        let names = names(&entry);
        if shared(&names, path) < most || names.len() >= path.len() {
            dotted += usize::from(names.len() >= path.len() && path.len() > 1);
            continue;
        }
        match entry.value() {
            Some(ast::Expr::AttrSet(_)) => {
                match votes.iter_mut().find(|(n, _)| *n == names.len()) {
                    Some((_, count)) => *count += 1,
                    None => votes.push((names.len(), 1)),
                }
            }
            _ if names.len() > 1 => dotted += 1,
            _ => {}
        }
    }
    match votes.iter().max_by_key(|(_, count)| *count) {
        Some((length, count)) if *count > dotted => *length,
        _ => path.len(),
    }
}

/// A binding to be written.
struct Binding<'a> {
    path: &'a [String],
    value: &'a NewValue,
    full: &'a [String],
}

impl Binding<'_> {
    /// Its text, beginning at an indentation.
    fn text(&self, set: &ast::AttrSet, form: &Form, indent: &str, column: Option<usize>) -> String {
        let quoted = quotes(set, self.path.len());
        let names: Vec<String> = self
            .path
            .iter()
            .enumerate()
            .map(|(index, name)| match quoted.get(index) {
                Some(true) => string_literal(name),
                _ => attribute_name(name),
            })
            .collect();
        let mut left = names.join(".");
        if let Some(column) = column {
            let missing = column.saturating_sub(left.chars().count() + 1);
            left.push_str(&" ".repeat(missing));
        }
        format!("{left} = {};", self.value.render(form, indent))
    }

    /// Adds it after a sibling, or after the last one.
    fn insert(&self, set: &ast::AttrSet, style: &Style, sibling: Option<SyntaxNode>) -> TextEdit {
        let range = set.syntax().text_range();
        let form = Form::at(style, set.syntax(), self.full.last().map(String::as_str));
        let last = set.entries().last().map(|e| e.syntax().clone());
        let related = sibling.is_some();
        let Some(sibling) = sibling.or(last) else {
            return self.fill(set, style, &form);
        };
        let at = sibling.text_range();
        let indent = style.indent_of(at.start()).to_owned();
        let on_own_line = layout::begins_line(&style.text, at.start());
        let end = layout::end_of_line_content(&SyntaxElement::Node(sibling.clone()));
        let ends = layout::ends_line(&style.text, end);
        if ends && (on_own_line || layout::spans_lines(&style.text, range)) {
            let column = on_own_line
                .then(|| assign_column(style, &sibling))
                .flatten();
            let text = self.text(set, &form, &indent, column);
            let apart = self.stands_apart(set, style, &sibling, related, &text);
            let gap = style.newline.repeat(if apart { 2 } else { 1 });
            return TextEdit::insert(end, format!("{gap}{indent}{text}"));
        }
        if style.compact
            && !layout::spans_lines(&style.text, range)
            && !style.slice(range).contains("/*")
        {
            return self.opened(set, style, &form, &sibling);
        }
        let text = self.text(set, &form.on_one_line(), &indent, None);
        TextEdit::insert(at.end(), format!(" {text}"))
    }

    /// A set of one line that gets a second binding where such sets go over several lines.
    fn opened(
        &self,
        set: &ast::AttrSet,
        style: &Style,
        form: &Form,
        sibling: &SyntaxNode,
    ) -> TextEdit {
        let write = |outer: &str| {
            let range = set.syntax().text_range();
            let inner = layout::brackets(set.syntax());
            let indent = format!("{outer}{}", style.step);
            let begin = TextRange::new(range.start(), inner.start());
            let mut out = style.slice(begin).to_owned();
            for entry in set.entries() {
                out.push_str(style.newline);
                out.push_str(&indent);
                out.push_str(style.slice(entry.syntax().text_range()));
                if entry.syntax() == sibling {
                    out.push_str(style.newline);
                    out.push_str(&indent);
                    out.push_str(&self.text(set, form, &indent, None));
                }
            }
            out.push_str(style.newline);
            out.push_str(outer);
            out.push_str(style.slice(TextRange::new(inner.end(), range.end())));
            out
        };
        rewritten(style, set.syntax(), &write)
    }

    fn fill(&self, set: &ast::AttrSet, style: &Style, form: &Form) -> TextEdit {
        let inner = layout::brackets(set.syntax());
        let outer = style.indent_of(inner.end()).to_owned();
        let indent = format!("{outer}{}", style.step);
        let several = layout::spans_lines(&style.text, inner);
        let blank = style.slice(inner).trim().is_empty();
        if blank && !several && form.sets == Lines::One {
            let text = self.text(set, form, &outer, None);
            let pad = if style.set_padding { " " } else { "" };
            return TextEdit::replace(inner, format!("{pad}{text}{pad}"));
        }
        if blank && form.sets == Lines::Forced {
            let text = self.text(set, form, &outer, None);
            return TextEdit::replace(inner, format!(" {text} "));
        }
        if blank {
            let range = set.syntax().text_range();
            let begin = style.slice(TextRange::new(range.start(), inner.start()));
            let end = style.slice(TextRange::new(inner.end(), range.end()));
            let newline = style.newline;
            let write = |outer: &str| {
                let indent = format!("{outer}{}", style.step);
                let text = self.text(set, form, &indent, None);
                format!("{begin}{newline}{indent}{text}{newline}{outer}{end}")
            };
            return match several {
                true => TextEdit::replace(range, write(&outer)),
                false => rewritten(style, set.syntax(), &write),
            };
        }
        let text = self.text(set, form, &indent, None);
        if !several {
            let at = inner.start() + TextSize::of(style.slice(inner).trim_end());
            let text = self.text(set, &form.clone().on_one_line(), &indent, None);
            return TextEdit::insert(at, format!(" {text}"));
        }
        let line = format!("{indent}{text}{}", style.newline);
        if !layout::begins_line(&style.text, inner.end()) {
            let text = format!("{}{line}{outer}", style.newline);
            return TextEdit::insert(inner.end(), text);
        }
        let at = TextSize::from(layout::line_start(&style.text, inner.end()) as u32);
        TextEdit::insert(at, line)
    }

    /// Whether a blank line stands between it and its sibling, as between the others.
    fn stands_apart(
        &self,
        set: &ast::AttrSet,
        style: &Style,
        sibling: &SyntaxNode,
        related: bool,
        text: &str,
    ) -> bool {
        let entries: Vec<SyntaxNode> = set.entries().map(|e| e.syntax().clone()).collect();
        let is_block = |node: &SyntaxNode| layout::spans_lines(&style.text, node.text_range());
        let mut same = (0usize, 0usize);
        let mut other = (0usize, 0usize);
        for pair in entries.windows(2) {
            let [first, second] = pair else { continue };
            let between = TextRange::new(first.text_range().end(), second.text_range().start());
            let gap = style.slice(between).matches('\n').count();
            let comments = style.slice(between).contains('#');
            let blank = gap > 1 && (!comments || has_blank_line(style.slice(between)));
            let alike = first_name(first).is_some() && first_name(first) == first_name(second);
            let blocks = is_block(first) || is_block(second);
            let tally = match alike && !blocks {
                true => &mut same,
                false => &mut other,
            };
            *(if blank { &mut tally.0 } else { &mut tally.1 }) += 1;
        }
        let blocks = text.contains('\n') || is_block(sibling);
        let tally = match related && !blocks {
            true => same,
            false => other,
        };
        tally.0 > tally.1
    }
}

/// A node written anew, with the brackets of one line around it opened where the file's hand is so.
fn rewritten(style: &Style, node: &SyntaxNode, write: &dyn Fn(&str) -> String) -> TextEdit {
    let range = node.text_range();
    let opened = match style.compact {
        true => open::around(style, node, write),
        false => None,
    };
    opened.unwrap_or_else(|| TextEdit::replace(range, write(style.indent_of(range.start()))))
}

fn has_blank_line(text: &str) -> bool {
    let mut lines = text.lines().skip(1).peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() && lines.peek().is_some() {
            return true;
        }
    }
    false
}

fn first_name(entry: &SyntaxNode) -> Option<String> {
    let entry = ast::AttrpathValue::cast(entry.clone())?;
    names(&entry).into_iter().next()?
}

/// Whether each place of a path is quoted in all siblings although it need not be.
fn quotes(set: &ast::AttrSet, length: usize) -> Vec<bool> {
    let mut needless = vec![0usize; length];
    let mut bare = vec![0usize; length];
    for entry in set.attrpath_values() {
        for (index, attr) in entry
            .attrpath()
            .into_iter()
            .flat_map(|p| p.attrs())
            .enumerate()
        {
            if index >= length {
                break;
            }
            match attr {
                ast::Attr::Ident(_) => bare[index] += 1,
                ast::Attr::Str(ref string) => {
                    let name = static_name(&attr);
                    let needed = name.is_none_or(|n| attribute_name(&n) == string.to_string());
                    needless[index] += usize::from(!needed);
                }
                ast::Attr::Dynamic(_) => {}
            }
        }
    }
    needless
        .into_iter()
        .zip(bare)
        .map(|(needless, bare)| needless > 0 && bare == 0)
        .collect()
}

/// The column of `=` where the bindings around a sibling have theirs in one column.
fn assign_column(style: &Style, sibling: &SyntaxNode) -> Option<usize> {
    let binding = ast::AttrpathValue::cast(sibling.clone())?;
    let path = binding.attrpath()?.syntax().text_range();
    let assign = binding.assign_token()?.text_range();
    let spaces = style.slice(TextRange::new(path.end(), assign.start()));
    let column = |node: &SyntaxNode| {
        let binding = ast::AttrpathValue::cast(node.clone())?;
        let start = binding.syntax().text_range().start();
        let assign = binding.assign_token()?.text_range().start();
        let text = style.slice(TextRange::new(start, assign));
        (!text.contains('\n')).then(|| text.chars().count())
    };
    let own = column(sibling)?;
    let neighbours = [sibling.prev_sibling(), sibling.next_sibling()];
    let aligned = neighbours
        .iter()
        .flatten()
        .any(|n| column(n) == Some(own) && is_padded(style, n));
    (spaces.len() > 1 || aligned).then_some(own)
}

fn is_padded(style: &Style, node: &SyntaxNode) -> bool {
    ast::AttrpathValue::cast(node.clone()).is_some_and(|binding| {
        match (binding.attrpath(), binding.assign_token()) {
            (Some(path), Some(assign)) => {
                let range = TextRange::new(
                    path.syntax().text_range().end(),
                    assign.text_range().start(),
                );
                style.slice(range).len() > 1
            }
            _ => false,
        }
    })
}

/// Removes a binding with the comment on its own line; a comment above it stays.
pub fn remove_binding(entry: &ast::AttrpathValue) -> Removal {
    match entry.syntax().parent() {
        Some(holder) => removal::remove(&holder, &[entry.syntax().text_range()]),
        None => Removal::default(),
    }
}

/// Removes bindings and `inherit`s of one set together.
pub fn remove_bindings(entries: &[SyntaxNode]) -> Removal {
    let ranges: Vec<_> = entries.iter().map(SyntaxNode::text_range).collect();
    match entries.first().and_then(SyntaxNode::parent) {
        Some(holder) => removal::remove(&holder, &ranges),
        None => Removal::default(),
    }
}

/// Removes a name from `inherit a b c;`, and the whole of it with its last name.
pub fn remove_inherited(inherit: &ast::Inherit, name: &str) -> Removal {
    let attrs: Vec<ast::Attr> = inherit.attrs().collect();
    let Some(index) = attrs
        .iter()
        .position(|a| static_name(a).as_deref() == Some(name))
    else {
        return Removal::default();
    };
    if attrs.len() == 1 {
        return match inherit.syntax().parent() {
            Some(holder) => removal::remove(&holder, &[inherit.syntax().text_range()]),
            None => Removal::default(),
        };
    }
    removal::remove_among(
        inherit.syntax(),
        &attrs.iter().map(|a| a.syntax().clone()).collect::<Vec<_>>(),
        &[attrs[index].syntax().text_range()],
    )
}

/// Replaces an inherited name by a binding of its own; `None` if the name is not inherited here.
pub fn bind_inherited(inherit: &ast::Inherit, name: &str, value: &NewValue) -> Option<Removal> {
    let holder = inherit.syntax().parent()?;
    let style = Style::of(&holder);
    let attrs: Vec<ast::Attr> = inherit.attrs().collect();
    attrs
        .iter()
        .find(|a| static_name(a).as_deref() == Some(name))?;
    let range = inherit.syntax().text_range();
    let form = Form::at(&style, inherit.syntax(), Some(name));
    let binding = |indent: &str| {
        let value = value.render(&form, indent);
        format!("{} = {value};", attribute_name(name))
    };
    let indent = style.indent_of(range.start()).to_owned();
    let comments = syntax::comments(inherit.syntax());
    let one_line = !layout::spans_lines(&style.text, holder.text_range());
    let opens = attrs.len() > 1 || binding(&indent).contains('\n');
    if one_line && opens && style.compact && comments.is_empty() {
        let others: Vec<String> = attrs
            .iter()
            .filter(|a| static_name(a).as_deref() != Some(name))
            .map(|a| a.syntax().to_string())
            .collect();
        let head = match inherit.from() {
            Some(from) => format!("inherit {}", from.syntax()),
            None => "inherit".to_owned(),
        };
        let write = |indent: &str| match others.is_empty() {
            true => binding(indent),
            false => format!(
                "{head} {};{}{indent}{}",
                others.join(" "),
                style.newline,
                binding(indent)
            ),
        };
        return Some(Removal {
            edits: vec![rewritten(&style, inherit.syntax(), &write)],
            dropped_comments: Vec::new(),
        });
    }
    if attrs.len() == 1 {
        // Comments inside stand above the binding then.
        let above: String = comments
            .iter()
            .map(|c| format!("{c}{}{indent}", style.newline))
            .collect();
        // nixpkgs-fmt joins a comment to the `;` of an inherit, and to no other.
        let joined = style.text[usize::from(range.end())..].starts_with(['#', '/']);
        let gap = if joined { " " } else { "" };
        let text = format!("{above}{}{gap}", binding(&indent));
        return Some(Removal {
            edits: vec![TextEdit::replace(range, text)],
            dropped_comments: Vec::new(),
        });
    }
    let mut removal = remove_inherited(inherit, name);
    let end = layout::end_of_line_content(&SyntaxElement::Node(inherit.syntax().clone()));
    let own_line =
        layout::begins_line(&style.text, range.start()) && layout::ends_line(&style.text, end);
    let binding = binding(&indent);
    removal.edits.push(match own_line {
        true => TextEdit::insert(end, format!("{}{indent}{binding}", style.newline)),
        false => TextEdit::insert(range.end(), format!(" {binding}")),
    });
    Some(removal)
}
