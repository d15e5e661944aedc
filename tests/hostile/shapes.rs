//! Shapes that crash, stall or exhaust readers.

use super::{all, case, options};

/// Levels of nesting, terms of a chain.
const MANY: usize = 100_000;

#[test]
fn the_guard_and_the_parser_refuse_shapes_that_crash_readers() {
    const REFUSED: &[&str] = &[
        "nest",
        "operators or arguments",
        "prefix operators",
        "words and signs",
    ];
    let mut cases = Vec::new();
    let nested = [
        ("list", "[", "1", "]"),
        ("parenthesis", "(", "1", ")"),
        ("set", "{ a = ", "1", "; }"),
        ("interpolation", "\"${", "\"a\"", "}\""),
        ("minus", "-", "1", ""),
        ("spaced minus", "- ", "1", ""),
        ("not", "!", "true", ""),
        ("selection", "", "a", ".b"),
        ("attribute path", "", "{ a", ".b"),
        ("application", "f ", "1", ""),
        ("application of strings", "\"a\"", "1", ""),
        ("application of lists", "[1]", "1", ""),
        ("sum", "1+", "1", ""),
        ("spaced sum", "1 + ", "1", ""),
        ("concatenation", "[ ] ++ ", "[ ]", ""),
        ("implication", "true -> ", "true", ""),
        ("has", "", "a", " ? b"),
        ("or", "a.b or ", "1", ""),
        ("pipe", "1 |> ", "f", ""),
        ("let", "let a = 1; in ", "a", ""),
        ("with", "with a; ", "a", ""),
        ("assert", "assert true; ", "a", ""),
        ("if", "if true then 1 else ", "1", ""),
        ("function", "x: ", "x", ""),
        ("pattern", "{ x }: ", "x", ""),
    ];
    for (name, open, middle, close) in nested {
        let text = open.repeat(MANY) + middle + &close.repeat(MANY);
        cases.push(case(name, text, REFUSED));
        // What never ends.
        cases.push(case(
            &format!("{name}, open"),
            open.repeat(MANY) + middle,
            &[
                "nest",
                "operators or arguments",
                "prefix operators",
                "words and signs",
                "expected",
                "ends",
                "undefined",
                "no btrfs",
            ],
        ));
    }
    // Just below what the guard lets pass, inside of a configuration.
    const EITHER: &[&str] = &["nest", "operators", "filesystem /dev/vda"];
    for (name, open, middle, close) in nested {
        for count in [240, 480, 3_900] {
            let text = open.repeat(count) + middle + &close.repeat(count);
            let text = match name {
                "attribute path" => format!("{{ a{} = 1; }}", ".b".repeat(count)),
                _ => format!("let a = {{ }}; f = x: x; in ({text})"),
            };
            cases.push(case(&format!("{count} × {name}"), options(&text), EITHER));
        }
    }
    all(cases);
}

#[test]
fn large_files_are_refused_or_read() {
    const LARGE: &[&str] = &["more than the 4194304 that are read", "words and signs"];
    let many = |count: usize, entry: &dyn Fn(usize) -> String| -> String {
        (0..count).map(entry).collect::<Vec<_>>().join(" ")
    };
    all(vec![
        case(
            "10 MB of options",
            options(&format!("[ {} ]", "\"noatime\" ".repeat(1_000_000))),
            LARGE,
        ),
        case(
            "10 MB of text",
            options(&format!("[ \"{}\" ]", "a".repeat(10_000_000))),
            LARGE,
        ),
        case("10 MB of spaces", " ".repeat(10_000_000) + "{ }", LARGE),
        case(
            "10 MB of comments",
            "# c\n".repeat(2_500_000) + "{ }",
            LARGE,
        ),
        case(
            "4 MB of digits",
            format!("[ {} ]", "1 ".repeat(1_900_000)),
            LARGE,
        ),
        case(
            "4 MB of empty strings",
            format!("[ {} ]", "\"\" ".repeat(1_300_000)),
            LARGE,
        ),
        case(
            "4 MB of attributes",
            format!("{{ {} }}", many(300_000, &|n| format!("a{n}={n};"))),
            LARGE,
        ),
        case(
            "4 MB of one comment",
            format!("/*{}*/ {{ }}", "-".repeat(4_000_000)),
            &["no btrfs"],
        ),
        case(
            "4 MB of one option",
            options(&format!("[ \"{}\" ]", "a+/".repeat(1_350_000))),
            &["a+/a+/"],
        ),
        case(
            "attributes",
            format!("{{ {} }}", many(100_000, &|n| format!("a{n} = {n};"))),
            &["no btrfs"],
        ),
        case(
            "paths of attributes",
            format!("{{ {} }}", many(50_000, &|n| format!("a.b{n}.c = 1;"))),
            &["no btrfs"],
        ),
        case(
            "computed attributes",
            format!(
                "{{ {} }}",
                many(40_000, &|n| format!("${{\"a\" + \"{n}\"}} = 1;"))
            ),
            &["no btrfs"],
        ),
        case(
            "let",
            format!(
                "let {} in {{ }}",
                many(100_000, &|n| format!("a{n} = {n};"))
            ),
            &["no btrfs"],
        ),
        case(
            "inherit",
            format!(
                "let a = 1; in {{ {} }}",
                many(2, &|n| format!(
                    "b{n} = {{ inherit {}; }};",
                    "a ".repeat(50_000)
                ))
            ),
            &["operators or arguments"],
        ),
        case(
            "formals",
            format!(
                "{{ {} }}: {{ }}",
                (0..60_000)
                    .map(|n| format!("a{n} ? {n}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            &["no btrfs"],
        ),
        case(
            "arguments that are too many",
            options(&format!(
                "let f = {{ {} }}: [ ]; in f {{ {} }}",
                (0..30_000)
                    .map(|n| format!("a{n} ? {n}"))
                    .collect::<Vec<_>>()
                    .join(", "),
                many(30_000, &|n| format!("z{n} = {n};"))
            )),
            &["no argument"],
        ),
        case(
            "names in with",
            options(&format!(
                "with {{ {} }}; [ {} ]",
                many(20_000, &|n| format!("a{n} = \"x\";")),
                many(20_000, &|n| format!("a{n}"))
            )),
            &["option x"],
        ),
    ]);
}
