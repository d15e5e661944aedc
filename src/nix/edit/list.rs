//! Elements of list literals: appending and removing them.

use rnix::{SyntaxElement, TextRange, TextSize, ast};
use rowan::ast::AstNode;

use super::{TextEdit, layout};

/// Appends elements, given as Nix text, in the manner of the list.
pub fn append_elements(list: &ast::List, elements: &[String]) -> TextEdit {
    let text = layout::file_text(list.syntax());
    let newline = layout::newline(&text);
    let range = list.syntax().text_range();
    let items: Vec<ast::Expr> = list.items().collect();
    let Some(last) = items.last() else {
        return into_empty(list, &text, elements);
    };
    let last_range = last.syntax().text_range();
    let end = layout::end_of_line_content(&SyntaxElement::Node(last.syntax().clone()));
    let one_a_line = layout::begins_line(&text, last_range.start())
        && (items.len() == 1
            || items[items.len() - 2..].windows(2).all(|pair| {
                let between = TextRange::new(
                    pair[0].syntax().text_range().end(),
                    pair[1].syntax().text_range().start(),
                );
                layout::spans_lines(&text, between)
            }));
    if one_a_line || (end > last_range.end() && layout::spans_lines(&text, range)) {
        let indent = layout::indent_of(&text, last_range.start());
        // Behind a comment a new line is needed, whatever the manner of the list.
        let indent = match layout::begins_line(&text, last_range.start()) {
            true => indent.to_owned(),
            false => format!("{indent}{}", layout::indent_step(&text)),
        };
        let lines: String = elements
            .iter()
            .map(|e| format!("{newline}{indent}{e}"))
            .collect();
        return TextEdit::insert(end, lines);
    }
    let words: String = elements.iter().map(|e| format!(" {e}")).collect();
    TextEdit::insert(last_range.end(), words)
}

fn into_empty(list: &ast::List, text: &str, elements: &[String]) -> TextEdit {
    let range = list.syntax().text_range();
    let inner = TextRange::new(
        range.start() + TextSize::from(1),
        range.end() - TextSize::from(1),
    );
    if layout::spans_lines(text, inner) {
        // Only comments stand in it, one a line.
        let closing = inner.end();
        let outer = layout::indent_of(text, closing);
        let indent = format!("{outer}{}", layout::indent_step(text));
        let newline = layout::newline(text);
        let lines: String = elements
            .iter()
            .map(|e| format!("{indent}{e}{newline}"))
            .collect();
        let at = TextSize::from(layout::line_start(text, closing) as u32);
        return TextEdit::insert(at, lines);
    }
    TextEdit::replace(inner, format!(" {} ", elements.join(" ")))
}

/// Removes the elements at these ranges, each with the comment on its own line that speaks of it
/// alone.
pub fn remove_elements(list: &ast::List, removed: &[TextRange]) -> Vec<TextEdit> {
    let text = layout::file_text(list.syntax());
    let items: Vec<TextRange> = list.items().map(|i| i.syntax().text_range()).collect();
    let goes: Vec<bool> = items.iter().map(|i| removed.contains(i)).collect();
    let slice = |range: TextRange| &text[std::ops::Range::<usize>::from(range)];
    let mut edits = Vec::new();
    for (index, (item, node)) in items.iter().zip(list.items()).enumerate() {
        if !goes[index] {
            continue;
        }
        let end = layout::end_of_line_content(&SyntaxElement::Node(node.syntax().clone()));
        let rest = &text[usize::from(end)..];
        if layout::begins_line(&text, item.start()) && rest.starts_with(['\n', '\r']) {
            let start = TextSize::from(layout::line_start(&text, item.start()) as u32);
            let line_break = rest.find('\n').map_or(0, |i| i + 1) as u32;
            let line = TextRange::new(start, end + TextSize::from(line_break));
            edits.push(TextEdit::delete(line));
            continue;
        }
        // Among others on a line: the white space on one side goes too.
        let stays_before = goes[..index].iter().any(|g| !g);
        let on_line = !layout::begins_line(&text, item.start());
        let range = match (stays_before, items.get(index + 1)) {
            (true, _) if on_line => TextRange::new(items[index - 1].end(), item.end()),
            (_, Some(after)) => TextRange::new(item.start(), after.start()),
            (true, None) => TextRange::new(items[index - 1].end(), item.end()),
            (false, None) => {
                let gap = text[usize::from(item.end())..].starts_with(' ');
                TextRange::new(item.start(), item.end() + TextSize::from(u32::from(gap)))
            }
        };
        // What lies between may be a comment about something else, which stays.
        let around = slice(TextRange::new(range.start(), item.start())).to_owned()
            + slice(TextRange::new(item.end(), range.end()));
        let blank = around.chars().all(char::is_whitespace);
        edits.push(TextEdit::delete(if blank { range } else { *item }));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nix::edit::apply;

    fn list(source: &str) -> ast::List {
        let root = rnix::Root::parse(source).tree();
        root.syntax()
            .descendants()
            .find_map(ast::List::cast)
            .expect("a list")
    }

    fn appended(source: &str, element: &str) -> String {
        let edit = append_elements(&list(source), &[element.to_owned()]);
        apply(source, &[edit]).expect("one edit")
    }

    fn removed(source: &str, element: &str) -> String {
        let list = list(source);
        let item = list
            .items()
            .find(|i| i.syntax().text() == element)
            .expect("the element");
        let edits = remove_elements(&list, &[item.syntax().text_range()]);
        apply(source, &edits).expect("disjoint edits")
    }

    #[test]
    fn an_element_joins_its_line() {
        assert_eq!(appended("[ a b ]", "c"), "[ a b c ]");
        assert_eq!(appended("[a b]", "c"), "[a b c]");
        assert_eq!(appended("[ ]", "c"), "[ c ]");
        assert_eq!(appended("[]", "c"), "[ c ]");
        assert_eq!(appended("[\n  a b\n  c d\n]", "e"), "[\n  a b\n  c d e\n]");
    }

    #[test]
    fn an_element_gets_a_line_where_each_has_one() {
        assert_eq!(appended("[\n  a\n  b\n]", "c"), "[\n  a\n  b\n  c\n]");
        assert_eq!(appended("[\r\n\ta\r\n]", "c"), "[\r\n\ta\r\n\tc\r\n]");
        assert_eq!(appended("[\n  a # why\n]", "c"), "[\n  a # why\n  c\n]");
        assert_eq!(appended("[\n  a\n  # b\n]", "c"), "[\n  a\n  c\n  # b\n]");
        assert_eq!(
            appended("[\n  # nothing yet\n]", "c"),
            "[\n  # nothing yet\n  c\n]"
        );
        assert_eq!(appended("[ a\n  b ]", "c"), "[ a\n  b\n  c ]");
    }

    #[test]
    fn an_element_leaves_without_a_trace() {
        assert_eq!(removed("[ a b c ]", "a"), "[ b c ]");
        assert_eq!(removed("[ a b c ]", "b"), "[ a c ]");
        assert_eq!(removed("[ a b c ]", "c"), "[ a b ]");
        assert_eq!(removed("[ a ]", "a"), "[ ]");
        assert_eq!(removed("[a]", "a"), "[]");
        assert_eq!(removed("[\n  a\n  b\n]", "a"), "[\n  b\n]");
        assert_eq!(removed("[\n  a b\n  c d\n]", "c"), "[\n  a b\n  d\n]");
        assert_eq!(removed("[ a\n  b ]", "b"), "[ a ]");
        assert_eq!(removed("[\n  a\n  b # of b\n]", "b"), "[\n  a\n]");
        assert_eq!(removed("[\r\n  a\r\n  b\r\n]", "b"), "[\r\n  a\r\n]");
    }

    #[test]
    fn several_elements_leave_together() {
        let source = "[ a b c d e ]";
        let list = list(source);
        let all: Vec<TextRange> = list.items().map(|i| i.syntax().text_range()).collect();
        let without = |gone: &[usize]| {
            let gone: Vec<TextRange> = gone.iter().map(|i| all[*i]).collect();
            apply(source, &remove_elements(&list, &gone)).expect("disjoint edits")
        };
        assert_eq!(without(&[0, 1]), "[ c d e ]");
        assert_eq!(without(&[1, 2, 4]), "[ a d ]");
        assert_eq!(without(&[0, 2, 4]), "[ b d ]");
        assert_eq!(without(&[0, 1, 2, 3, 4]), "[ ]");
    }

    #[test]
    fn comments_about_something_else_stay() {
        assert_eq!(
            removed("[\n  # all\n  a\n  b\n]", "a"),
            "[\n  # all\n  b\n]"
        );
        assert_eq!(removed("[ a /* of a */ b ]", "b"), "[ a /* of a */  ]");
    }
}
