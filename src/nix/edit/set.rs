//! New bindings in set literals, beside their siblings and in their style.

use rnix::ast::{self, HasEntry};
use rnix::{SyntaxElement, TextRange, TextSize};
use rowan::ast::AstNode;

use super::{TextEdit, layout};
use crate::nix::syntax::{attribute_name, static_name};

/// A list literal of elements given as Nix text.
pub fn list_text(elements: &[String]) -> String {
    match elements {
        [] => "[ ]".to_owned(),
        elements => format!("[ {} ]", elements.join(" ")),
    }
}

/// Adds `path = value;` to a set: inside the nested set that already holds the longest part of the
/// path, else as a dotted binding beside those that share most of it.
pub fn insert_path(set: &ast::AttrSet, path: &[String], value: &str) -> TextEdit {
    let mut best: Option<(usize, ast::AttrpathValue)> = None;
    for entry in set.attrpath_values() {
        let names = names(&entry);
        let shared = names
            .iter()
            .zip(path)
            .take_while(|(a, b)| a.as_ref() == Some(b))
            .count();
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
    let names: Vec<String> = path.iter().map(|n| attribute_name(n)).collect();
    let binding = format!("{} = {value};", names.join("."));
    insert_binding(set, best.map(|(_, entry)| entry.syntax().clone()), &binding)
}

fn names(entry: &ast::AttrpathValue) -> Vec<Option<String>> {
    entry
        .attrpath()
        .into_iter()
        .flat_map(|p| p.attrs())
        .map(|a| static_name(&a))
        .collect()
}

/// Adds a binding after a sibling, or after the last one.
fn insert_binding(
    set: &ast::AttrSet,
    sibling: Option<rnix::SyntaxNode>,
    binding: &str,
) -> TextEdit {
    let text = layout::file_text(set.syntax());
    let newline = layout::newline(&text);
    let range = set.syntax().text_range();
    let last = set.entries().last().map(|e| e.syntax().clone());
    let Some(sibling) = sibling.or(last) else {
        let inner_start = set
            .l_curly_token()
            .map_or(range.start() + TextSize::from(1), |t| t.text_range().end());
        let inner = TextRange::new(inner_start, range.end() - TextSize::from(1));
        let is_blank = text[std::ops::Range::<usize>::from(inner)]
            .chars()
            .all(char::is_whitespace);
        if is_blank && !layout::spans_lines(&text, inner) {
            return TextEdit::replace(inner, format!(" {binding} "));
        }
        let indent = format!(
            "{}{}",
            layout::indent_of(&text, range.end()),
            layout::indent_step(&text)
        );
        let line = format!("{}{newline}", lines(binding, &indent, &text));
        let at = TextSize::from(layout::line_start(&text, range.end()) as u32);
        return TextEdit::insert(at.max(inner_start), line);
    };
    let at = sibling.text_range();
    let indent = layout::indent_of(&text, at.start());
    // The value of a sibling may be a set of several lines; its own line is what counts.
    let on_own_line = layout::begins_line(&text, at.start());
    if on_own_line || layout::spans_lines(&text, range) {
        // Siblings of several lines that stand apart from each other want the same of a new one.
        let before = &text[..layout::line_start(&text, at.start())];
        let apart = binding.contains('\n')
            && layout::spans_lines(&text, at)
            && before
                .trim_end_matches([' ', '\t'])
                .ends_with(&newline.repeat(2));
        let end = layout::end_of_line_content(&SyntaxElement::Node(sibling));
        let gap = newline.repeat(if apart { 2 } else { 1 });
        return TextEdit::insert(end, format!("{gap}{}", lines(binding, indent, &text)));
    }
    TextEdit::insert(at.end(), format!(" {binding}"))
}

/// The lines of a binding, indented as the file does it. Within the binding a step is two spaces.
fn lines(binding: &str, indent: &str, text: &str) -> String {
    let step = layout::indent_step(text);
    let line = |line: &str| {
        let inner = line.trim_start_matches("  ");
        let depth = (line.len() - inner.len()) / 2;
        format!("{indent}{}{inner}", step.repeat(depth))
    };
    let lines: Vec<String> = binding.lines().map(line).collect();
    lines.join(layout::newline(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nix::edit::apply;

    fn inserted(source: &str, path: &[&str], value: &str) -> String {
        let root = rnix::Root::parse(source).tree();
        let set = root
            .syntax()
            .descendants()
            .find_map(ast::AttrSet::cast)
            .expect("a set");
        let path: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
        apply(source, &[insert_path(&set, &path, value)]).expect("one edit")
    }

    #[test]
    fn a_binding_stands_beside_its_siblings() {
        assert_eq!(
            inserted("{\n  a.b = 1; # one\n  c = 2;\n}\n", &["a", "d"], "3"),
            "{\n  a.b = 1; # one\n  a.d = 3;\n  c = 2;\n}\n"
        );
        assert_eq!(
            inserted("{\n  a = {\n    b = 1;\n  };\n}\n", &["a", "d"], "3"),
            "{\n  a = {\n    b = 1;\n    d = 3;\n  };\n}\n"
        );
        assert_eq!(
            inserted("{ a = { b = 1; }; }", &["a", "vm.x"], "3"),
            "{ a = { b = 1; \"vm.x\" = 3; }; }"
        );
    }

    #[test]
    fn a_set_without_entries_is_filled() {
        assert_eq!(inserted("{ }", &["a"], "1"), "{ a = 1; }");
        assert_eq!(inserted("{}", &["a"], "1"), "{ a = 1; }");
        assert_eq!(
            inserted("{\n  # later\n}\n", &["a"], "1"),
            "{\n  # later\n  a = 1;\n}\n"
        );
    }

    #[test]
    fn an_unrelated_binding_goes_last() {
        assert_eq!(
            inserted("{\r\n  a = 1;\r\n}\r\n", &["b", "c"], "true"),
            "{\r\n  a = 1;\r\n  b.c = true;\r\n}\r\n"
        );
    }
}
