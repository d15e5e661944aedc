//! What the edits do, as pairs of before and after.

use rnix::ast;
use rnix::{SyntaxNode, TextRange};
use rowan::ast::AstNode;

use super::*;

fn root(source: &str) -> SyntaxNode {
    let parse = rnix::Root::parse(source);
    assert!(parse.errors().is_empty(), "{source}: {:?}", parse.errors());
    parse.tree().syntax().clone()
}

fn first<N: AstNode<Language = rnix::NixLanguage>>(source: &str) -> N {
    root(source)
        .descendants()
        .find_map(N::cast)
        .expect("such a node")
}

fn done(source: &str, edits: &[TextEdit]) -> String {
    let after = apply(source, edits).expect("disjoint edits");
    root(&after);
    after
}

fn text(value: &str) -> NewValue {
    NewValue::Text(value.to_owned())
}

fn appended(source: &str, element: &str) -> String {
    let edit = append_elements(&first(source), &[text(element)]);
    done(source, &[edit])
}

fn removed(source: &str, element: &str) -> String {
    let list: ast::List = first(source);
    let item = list
        .items()
        .find(|i| i.syntax().text() == element)
        .expect("the element");
    done(
        source,
        &remove_elements(&list, &[item.syntax().text_range()]).edits,
    )
}

fn path(names: &[&str]) -> Vec<String> {
    names.iter().map(|s| (*s).to_owned()).collect()
}

fn inserted(source: &str, names: &[&str], value: &NewValue) -> String {
    done(source, &[insert_path(&first(source), &path(names), value)])
}

mod lists {
    use super::*;

    #[test]
    fn an_element_joins_its_line() {
        assert_eq!(appended("[ a b ]", "c"), "[ a b c ]");
        assert_eq!(appended("[a b]", "c"), "[a b c]");
        assert_eq!(
            appended("{ x = [ 1 ]; y = [ ]; }", "c"),
            "{ x = [ 1 c ]; y = [ ]; }"
        );
        assert_eq!(appended("[\n  a b\n  c d\n]", "e"), "[\n  a b\n  c d e\n]");
        assert_eq!(appended("[ a ]", "f x"), "[ a (f x) ]");
        assert_eq!(appended("[ a ]", "-1"), "[ a (-1) ]");
    }

    #[test]
    fn an_empty_list_opens_as_lists_are_written_here() {
        assert_eq!(appended("[ ]", "c"), "[ c ]");
        assert_eq!(
            appended("{ x = [ ]; y = [1 2]; z = [3 4]; }", "c"),
            "{ x = [c]; y = [1 2]; z = [3 4]; }"
        );
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
        let list: ast::List = first(source);
        let all: Vec<TextRange> = list.items().map(|i| i.syntax().text_range()).collect();
        let without = |gone: &[usize]| {
            let gone: Vec<TextRange> = gone.iter().map(|i| all[*i]).collect();
            done(source, &remove_elements(&list, &gone).edits)
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
        assert_eq!(removed("[ a /* of a */ b ]", "b"), "[ a /* of a */ ]");
    }
}

mod sets {
    use super::*;

    #[test]
    fn a_binding_stands_beside_its_siblings() {
        assert_eq!(
            inserted(
                "{\n  a.b = 1; # one\n  c = 2;\n}\n",
                &["a", "d"],
                &text("3")
            ),
            "{\n  a.b = 1; # one\n  a.d = 3;\n  c = 2;\n}\n"
        );
        assert_eq!(
            inserted("{\n  a = {\n    b = 1;\n  };\n}\n", &["a", "d"], &text("3")),
            "{\n  a = {\n    b = 1;\n    d = 3;\n  };\n}\n"
        );
        assert_eq!(
            inserted("{ a = { b = 1; }; }", &["a", "vm.x"], &text("3")),
            "{ a = { b = 1; \"vm.x\" = 3; }; }"
        );
    }

    #[test]
    fn an_unrelated_binding_goes_last() {
        assert_eq!(
            inserted("{\r\n  a = 1;\r\n}\r\n", &["b", "c"], &text("true")),
            "{\r\n  a = 1;\r\n  b.c = true;\r\n}\r\n"
        );
    }

    #[test]
    fn a_set_without_entries_is_filled() {
        assert_eq!(
            inserted("{\n  # later\n}\n", &["a"], &text("1")),
            "{\n  # later\n  a = 1;\n}\n"
        );
    }
}
