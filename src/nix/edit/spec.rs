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

    #[test]
    fn a_binding_is_dotted_or_nested_as_its_neighbours_are() {
        let dotted = "{\n  services.a.enable = true;\n  services.b.enable = true;\n}\n";
        assert_eq!(
            inserted(dotted, &["services", "c", "enable"], &text("true")),
            dotted.replace("}\n", "  services.c.enable = true;\n}\n")
        );
        let nested = "{\n  \"/a\" = {\n    x = 1;\n  };\n  \"/b\" = {\n    x = 2;\n  };\n}\n";
        assert_eq!(
            inserted(nested, &["/c", "x"], &text("3")),
            nested.replace("  };\n}\n", "  };\n  \"/c\" = {\n    x = 3;\n  };\n}\n")
        );
    }

    #[test]
    fn a_binding_stands_apart_where_the_others_do() {
        let apart = "{\n  a = {\n    x = 1;\n  };\n\n  b = {\n    x = 2;\n  };\n}\n";
        assert_eq!(
            inserted(
                apart,
                &["c"],
                &NewValue::Set(vec![("x".to_owned(), text("3"))])
            ),
            "{\n  a = {\n    x = 1;\n  };\n\n  b = {\n    x = 2;\n  };\n\n  c = {\n    x = 3;\n  };\n}\n"
        );
        let close = "{\n  a.x = 1;\n\n  b.x = 2;\n}\n";
        assert_eq!(
            inserted(close, &["b", "y"], &text("3")),
            "{\n  a.x = 1;\n\n  b.x = 2;\n  b.y = 3;\n}\n"
        );
    }

    #[test]
    fn equals_signs_in_a_column_stay_in_it() {
        assert_eq!(
            inserted("{\n  a    = 1;\n  long = 2;\n}\n", &["bc"], &text("3")),
            "{\n  a    = 1;\n  long = 2;\n  bc   = 3;\n}\n"
        );
    }

    #[test]
    fn needless_quotes_are_kept_up() {
        assert_eq!(
            inserted(
                "{\n  \"root\" = 1;\n  \"/home\" = 2;\n}\n",
                &["nix"],
                &text("3")
            ),
            "{\n  \"root\" = 1;\n  \"/home\" = 2;\n  \"nix\" = 3;\n}\n"
        );
    }

    #[test]
    fn a_set_of_one_line_opens_where_alejandra_would_open_it() {
        assert_eq!(
            inserted("{\n  a = f [{b = 1;}];\n}\n", &["a", "c"], &text("2")),
            "{\n  a = f [{b = 1;}];\n  a.c = 2;\n}\n"
        );
        assert_eq!(
            inserted("{a = {b = 1;};}", &["a", "c"], &text("2")),
            "{\n  a = {\n    b = 1;\n    c = 2;\n  };\n}"
        );
    }

    #[test]
    fn tabs_and_wide_steps_are_kept() {
        let value = NewValue::Set(vec![("x".to_owned(), NewValue::strings(["y"]))]);
        assert_eq!(
            inserted("{\n\ta = [ 1 ];\n}\n", &["b"], &value),
            "{\n\ta = [ 1 ];\n\tb = {\n\t\tx = [ \"y\" ];\n\t};\n}\n"
        );
        assert_eq!(
            inserted("{\n    a = [ 1 ];\n}\n", &["b"], &value),
            "{\n    a = [ 1 ];\n    b = {\n        x = [ \"y\" ];\n    };\n}\n"
        );
    }
}

mod values {
    use super::*;

    fn replaced(source: &str, old: &str, value: &NewValue) -> String {
        let expr = root(source)
            .descendants()
            .filter(|n| n.text() == old)
            .filter_map(ast::Expr::cast)
            .last()
            .expect("the value");
        done(source, &[replace_value(&expr, value)])
    }

    fn operand(source: &str, old: &str) -> String {
        let expr = root(source)
            .descendants()
            .filter(|n| n.text() == old)
            .find_map(ast::Expr::cast)
            .expect("the value");
        done(source, &append_operand(&expr, &NewValue::strings(["x"])))
    }

    #[test]
    fn a_comment_keeps_its_column() {
        assert_eq!(
            replaced(
                "{\n  a = 1;     # one\n  bcd = 22;  # two\n}\n",
                "1",
                &text("100")
            ),
            "{\n  a = 100;   # one\n  bcd = 22;  # two\n}\n"
        );
        assert_eq!(
            replaced("{\n  a = 1; # one\n}\n", "1", &text("100")),
            "{\n  a = 100; # one\n}\n"
        );
    }

    #[test]
    fn a_value_takes_the_form_of_its_namesakes() {
        let source = "{\n  a.opts = [\n    \"x\"\n    \"y\"\n  ];\n  b.opts = z;\n}\n";
        assert_eq!(
            replaced(source, "z", &NewValue::strings(["v", "w"])),
            source.replace("z;", "[\n    \"v\"\n    \"w\"\n  ];")
        );
    }

    #[test]
    fn parentheses_come_only_where_precedence_needs_them() {
        assert_eq!(operand("{ a = b; }", "b"), "{ a = b ++ [ \"x\" ]; }");
        assert_eq!(operand("{ a = f b; }", "f b"), "{ a = f b ++ [ \"x\" ]; }");
        assert_eq!(operand("{ a = f b; }", "b"), "{ a = f (b ++ [ \"x\" ]); }");
        assert_eq!(
            operand("{ a = b ++ c; }", "b ++ c"),
            "{ a = b ++ c ++ [ \"x\" ]; }"
        );
        assert_eq!(
            operand("{ a = b // c; }", "c"),
            "{ a = b // c ++ [ \"x\" ]; }"
        );
        assert_eq!(
            operand("{ a = with b; c; }", "with b; c"),
            "{ a = (with b; c) ++ [ \"x\" ]; }"
        );
        assert_eq!(
            operand("{ a = if b then c else d; }", "if b then c else d"),
            "{ a = (if b then c else d) ++ [ \"x\" ]; }"
        );
    }

    #[test]
    fn an_operand_gets_a_line_where_each_has_one() {
        assert_eq!(
            operand("{\n  a =\n    b\n    ++ c;\n}\n", "b\n    ++ c"),
            "{\n  a =\n    b\n    ++ c\n    ++ [ \"x\" ];\n}\n"
        );
        // alejandra's hand, which the list without spaces tells.
        assert_eq!(
            operand(
                "{\n  a = f [\n    b\n  ];\n  c = [d];\n}\n",
                "f [\n    b\n  ]"
            ),
            "{\n  a =\n    f [\n      b\n    ]\n    ++ [\"x\"];\n  c = [d];\n}\n"
        );
    }

    #[test]
    fn json_becomes_nix() {
        let json = serde_json::json!({
            "a": [-1, "x${y}\"", null, { "b c": 1.5 }],
            "n": -2,
            "e": 1e30,
        });
        assert_eq!(
            NewValue::from(&json).one_line(),
            "{ a = [ (-1) \"x\\${y}\\\"\" null { \"b c\" = 1.5; } ]; n = -2; e = 1.0e+30; }"
        );
        assert_eq!(
            NewValue::apply("lib.mkForce", text("-1")).one_line(),
            "lib.mkForce (-1)"
        );
    }
}

mod names {
    use super::*;

    fn renamed(source: &str, new: &str) -> String {
        done(source, &[rename_attribute(&first(source), new)])
    }

    #[test]
    fn quotes_stay_and_come_where_needed() {
        assert_eq!(renamed("{ a = 1; }", "b"), "{ b = 1; }");
        assert_eq!(renamed("{ a = 1; }", "/b"), "{ \"/b\" = 1; }");
        assert_eq!(renamed("{ \"a\" = 1; }", "b"), "{ \"b\" = 1; }");
        assert_eq!(renamed("{ ${\"a\"} = 1; }", "b"), "{ \"b\" = 1; }");
    }

    fn formal(source: &str) -> Option<String> {
        add_formal(&first(source), "lib").map(|edit| done(source, &[edit]))
    }

    fn with_lib(source: &str) -> String {
        formal(source).expect("a formal")
    }

    #[test]
    fn a_formal_comes_in_order_before_the_dots() {
        assert_eq!(
            with_lib("{ config, pkgs, ... }: 1"),
            "{ config, lib, pkgs, ... }: 1"
        );
        assert_eq!(
            with_lib("{ pkgs, config, ... }: 1"),
            "{ pkgs, config, lib, ... }: 1"
        );
        assert_eq!(with_lib("{ ... }: 1"), "{ lib, ... }: 1");
        assert_eq!(with_lib("{...}: 1"), "{lib, ...}: 1");
        assert_eq!(with_lib("{ a, ... }@args: 1"), "{ a, lib, ... }@args: 1");
        assert_eq!(
            with_lib("{pkgs, ...}: 1"),
            "{\n  lib,\n  pkgs,\n  ...\n}: 1"
        );
        assert_eq!(with_lib("_: 1"), "{ lib, ... }: 1");
    }

    #[test]
    fn a_formal_gets_a_line_where_each_has_one() {
        assert_eq!(
            with_lib("{\n  config,\n  pkgs, # used\n  ...\n}: 1"),
            "{\n  config,\n  lib,\n  pkgs, # used\n  ...\n}: 1"
        );
        assert_eq!(
            with_lib("{\n  b,\n  a # last\n}: 1"),
            "{\n  b,\n  a, # last\n  lib\n}: 1"
        );
        assert_eq!(
            with_lib("{ config\n, pkgs\n, ...\n}: 1"),
            "{ config\n, lib\n, pkgs\n, ...\n}: 1"
        );
        assert_eq!(with_lib("{\n  ...\n}: 1"), "{\n  lib,\n  ...\n}: 1");
        assert_eq!(
            with_lib("{\r\n  a,\r\n  ...\r\n}: 1"),
            "{\r\n  a,\r\n  lib,\r\n  ...\r\n}: 1"
        );
    }

    #[test]
    fn what_has_the_name_or_uses_its_argument_gets_none() {
        assert_eq!(formal("{ lib, ... }: 1"), None);
        assert_eq!(formal("lib@{ ... }: 1"), None);
        assert_eq!(formal("args: args.x"), None);
        assert_eq!(formal("_args: _args.x"), None);
    }

    #[test]
    fn a_plain_file_becomes_a_function() {
        let source = "# mine\n{\n  a = [ 1 ];\n}\n";
        let expr = rnix::Root::parse(source).tree().expr().expect("a set");
        let edit = wrap_in_function(&expr, "lib").expect("a plain set");
        assert_eq!(
            done(source, &[edit]),
            "# mine\n{ lib, ... }:\n{\n  a = [ 1 ];\n}\n"
        );
    }
}

mod strings {
    use super::*;

    fn longer(source: &str) -> String {
        let lines = ["b ${x} ''".to_owned()];
        let edit = append_lines(&first(source), &lines).expect("a string");
        let after = done(source, &[edit]);
        let value = |s: &str| crate::nix::syntax::plain_string(&first(s)).expect("plain");
        let mut before = value(source);
        if !before.is_empty() && !before.ends_with('\n') {
            before.push('\n');
        }
        assert_eq!(value(&after), format!("{before}b ${{x}} ''\n"), "{after}");
        after
    }

    #[test]
    fn a_line_joins_an_indented_string() {
        assert_eq!(
            longer("{\n  a = ''\n    a\n\n      c\n  '';\n}\n"),
            "{\n  a = ''\n    a\n\n      c\n    b ''${x} '''\n  '';\n}\n"
        );
        // Nix strips no tabs: they would come into the value.
        assert_eq!(longer("''\n\ta\n''"), "''\n\ta\nb ''${x} '''\n''");
        assert_eq!(
            longer("{\n\ta = ''x'';\n}"),
            "{\n\ta = ''\nx\nb ''${x} '''\n'';\n}"
        );
        assert_eq!(longer("{ a = ''''; }"), "{ a = ''\n  b ''${x} '''\n''; }");
        assert_eq!(
            longer("{\n  a = ''x'';\n}"),
            "{\n  a = ''\n    x\n    b ''${x} '''\n  '';\n}"
        );
        assert_eq!(longer("''\n  a''"), "''\n  a\n  b ''${x} '''\n''");
    }

    #[test]
    fn a_line_that_would_change_others_is_not_written() {
        // The last line holds a tab, which belongs to the value.
        let string: ast::Str = first("''\n  a\n\t''");
        assert_eq!(append_lines(&string, &["b".to_owned()]), None);
        let string: ast::Str = first("\"a\"");
        assert_eq!(append_lines(&string, &["b\nc".to_owned()]), None);
    }

    #[test]
    fn a_line_joins_a_plain_string() {
        assert_eq!(longer("\"\""), "\"b \\${x} ''\\n\"");
        assert_eq!(longer("\"a\""), "\"a\\nb \\${x} ''\\n\"");
        assert_eq!(longer("\"a\\n\""), "\"a\\nb \\${x} ''\\n\"");
        assert_eq!(longer("\"a\nc\""), "\"a\nc\nb \\${x} ''\n\"");
    }
}

mod removals {
    use super::*;

    fn without(source: &str, name: &str) -> (String, Vec<String>) {
        let entry = root(source)
            .descendants()
            .filter_map(ast::AttrpathValue::cast)
            .find(|e| e.attrpath().is_some_and(|p| p.syntax().text() == name))
            .expect("the binding");
        let removal = remove_binding(&entry);
        (done(source, &removal.edits), removal.dropped_comments)
    }

    #[test]
    fn a_binding_leaves_with_the_comment_on_its_line() {
        assert_eq!(
            without("{\n  # above\n  a = 1; # of a\n  b = 2;\n}\n", "a"),
            (
                "{\n  # above\n  b = 2;\n}\n".to_owned(),
                vec!["# of a".to_owned()]
            )
        );
        assert_eq!(
            without("{\r\n  a = 1;\r\n  b = 2;\r\n}\r\n", "b").0,
            "{\r\n  a = 1;\r\n}\r\n"
        );
        assert_eq!(without("{ a = 1; b = 2; }", "a").0, "{ b = 2; }");
        assert_eq!(without("{ a = 1; b = 2; }", "b").0, "{ a = 1; }");
        assert_eq!(
            without("{\n  a = { b = 1; };\n}\n", "b").0,
            "{\n  a = { };\n}\n"
        );
        assert_eq!(without("{\n  a = 1;\n}\n", "a").0, "{ }\n");
        assert_eq!(
            without("{\n  a = 1; b = 2; # of both\n}\n", "b"),
            ("{\n  a = 1; # of both\n}\n".to_owned(), vec![])
        );
    }

    #[test]
    fn no_blank_line_is_left_over() {
        let source = "{\n  a = 1;\n\n  b = 2;\n\n  c = 3;\n}\n";
        assert_eq!(without(source, "a").0, "{\n  b = 2;\n\n  c = 3;\n}\n");
        assert_eq!(without(source, "b").0, "{\n  a = 1;\n\n  c = 3;\n}\n");
        assert_eq!(without(source, "c").0, "{\n  a = 1;\n\n  b = 2;\n}\n");
    }

    #[test]
    fn a_name_leaves_an_inherit() {
        let without =
            |source: &str, name: &str| done(source, &remove_inherited(&first(source), name).edits);
        assert_eq!(without("{ inherit a b c; }", "b"), "{ inherit a c; }");
        assert_eq!(without("{ inherit (x) a b; }", "a"), "{ inherit (x) b; }");
        assert_eq!(without("{ inherit a; b = 1; }", "a"), "{ b = 1; }");
        assert_eq!(
            without("{\n  inherit\n    a\n    b\n    ;\n}\n", "a"),
            "{\n  inherit\n    b\n    ;\n}\n"
        );
    }

    #[test]
    fn an_inherited_name_gets_a_binding() {
        let bound = |source: &str, name: &str| {
            let removal = bind_inherited(&first(source), name, &text("1")).expect("a name");
            done(source, &removal.edits)
        };
        assert_eq!(bound("{ inherit a; }", "a"), "{ a = 1; }");
        assert_eq!(
            bound("{\n  inherit a b; # c\n}\n", "b"),
            "{\n  inherit a; # c\n  b = 1;\n}\n"
        );
        assert_eq!(
            bound("{\n  inherit (x)\n    # of a\n    a\n    ;\n}\n", "a"),
            "{\n  # of a\n  a = 1;\n}\n"
        );
    }
}
