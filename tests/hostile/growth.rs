//! Values that grow without end.

use super::{all, case, chain, options};

#[test]
fn growth_ends() {
    const BYTES: &[&str] = &["evaluation was stopped: its values take more than"];
    const SPENT: &[&str] = &["evaluation was stopped: "];
    let of = |name: &str, expression: &str, says| case(name, options(expression), says);
    let double = |name: &str, first: &str, next: &str, result: &str, says| {
        case(
            name,
            chain(first, 60, |v| next.replace('V', v), result),
            says,
        )
    };
    let long = |count: usize| "a".repeat(count);
    all(vec![
        double("lists", "[ \"x\" ]", "V ++ V", "LAST", BYTES),
        double("texts", "\"xxxxxxxxxx\"", "V + V", "[ LAST ]", BYTES),
        double(
            "interpolated texts",
            "\"xxxxxxxxxx\"",
            "\"${V}${V}${V}\"",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "indented texts",
            "\"xxxxxxxxxx\"",
            "''\n  ${V}\n  ${V}''",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "replaced texts",
            "\"a\"",
            "builtins.replaceStrings [ \"a\" ] [ \"aaaa\" ] V",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "concatenated lists",
            "[ \"x\" ]",
            "builtins.concatLists [ V V ]",
            "LAST",
            BYTES,
        ),
        double(
            "mapped lists",
            "[ \"x\" ]",
            "builtins.concatMap (x: [ x x ]) V",
            "LAST",
            BYTES,
        ),
        double(
            "joined texts",
            "\"xxxxxxxxxx\"",
            "builtins.concatStringsSep V [ V V V ]",
            "[ LAST ]",
            BYTES,
        ),
        double(
            "paths",
            "/x",
            "V + \"${toString V}\"",
            "[ (toString LAST) ]",
            &["evaluation was stopped", "unknown"],
        ),
        double(
            "sets of names",
            "{ a = 1; }",
            "builtins.listToAttrs (builtins.concatMap (n: [ { name = n + \"a\"; value = 1; } { name = n + \"b\"; value = 1; } ]) (builtins.attrNames V))",
            "builtins.attrNames LAST",
            SPENT,
        ),
        double(
            "a tree as JSON",
            "[ 1 ]",
            "[ V V ]",
            "[ (builtins.toJSON LAST) ]",
            SPENT,
        ),
        double(
            "a tree as text",
            "[ 1 ]",
            "[ V V ]",
            "[ (toString LAST) ]",
            SPENT,
        ),
        double(
            "a tree compared",
            "[ 1 ]",
            "[ V V ]",
            "if LAST == [ LAST ] then [ \"a\" ] else [ \"b\" ]",
            &["option b"],
        ),
        double(
            "a tree, visited once",
            "[ 1 ]",
            "[ V V ]",
            "builtins.deepSeq LAST [ \"noatime\" ]",
            &["option noatime"],
        ),
        double(
            "a tree of sets, visited once",
            "{ }",
            "{ a = V; b = V; }",
            "builtins.deepSeq LAST [ \"noatime\" ]",
            &["option noatime"],
        ),
        case(
            "two trees compared",
            options(&format!(
                "let t0 = [ 1 ]; u0 = [ 1 ]; {} in if t60 == u60 then [ \"a\" ] else [ \"b\" ]",
                (0..60)
                    .map(|n| format!("t{0} = [ t{n} t{n} ]; u{0} = [ u{n} u{n} ];", n + 1))
                    .collect::<String>()
            )),
            SPENT,
        ),
        case(
            "a tree of attributes without end",
            format!(
                "let t0 = {{ }}; {} in {{ fileSystems = t60; }}",
                (0..60)
                    .map(|n| format!("t{} = {{ a = t{n}; b = t{n}; }};", n + 1))
                    .collect::<String>()
            ),
            &["no btrfs", "unknown", "evaluation was stopped"],
        ),
        of(
            "a list of 10⁹",
            "builtins.genList (x: \"a\") 1000000000",
            &["a list of 1000000000 elements", "evaluation was stopped"],
        ),
        of(
            "a list of 2⁶³",
            "builtins.genList (x: \"a\") 9223372036854775807",
            &[
                "a list of 9223372036854775807 elements",
                "evaluation was stopped",
            ],
        ),
        of(
            "a list of lists of 10⁶",
            "map toString (builtins.concatMap (x: builtins.genList (x: x) 1000000) (builtins.genList (x: x) 1000000))",
            BYTES,
        ),
        of(
            "a long fold",
            "[ (toString (builtins.foldl' (a: b: a + b) 0 (builtins.concatLists (builtins.genList (x: builtins.genList (x: x) 100000) 1000)))) ]",
            BYTES,
        ),
        of(
            "a fold of texts",
            "[ (builtins.foldl' (a: b: a + \"xxxxxxxxxxxxxxxx\") \"\" (builtins.genList (x: x) 100000)) ]",
            BYTES,
        ),
        of(
            "a fold of lists",
            "builtins.foldl' (a: b: a ++ [ (toString b) ]) [ ] (builtins.genList (x: x) 100000)",
            BYTES,
        ),
        of(
            "a fold of sets",
            "builtins.attrNames (builtins.foldl' (a: b: a // { ${toString b} = b; }) { } (builtins.genList (x: x) 100000))",
            BYTES,
        ),
        of(
            "one long replacement",
            &format!(
                "[ (builtins.replaceStrings [ \"\" ] [ \"{0}\" ] \"{0}\") ]",
                long(100_000)
            ),
            BYTES,
        ),
        of(
            "one long concatenation",
            &format!(
                "[ (builtins.concatStringsSep \"{0}\" (builtins.genList (x: \"{0}\") 100000)) ]",
                long(10_000)
            ),
            BYTES,
        ),
        of(
            "many pieces",
            &format!(
                "let s = \"{}\"; in builtins.genList (n: builtins.substring n 100000 s) 100000",
                long(100_000)
            ),
            BYTES,
        ),
        of(
            "one long string, often",
            &format!(
                "let a = \"{}\"; in [ \"{}\" ]",
                long(500_000),
                "${a}".repeat(900)
            ),
            BYTES,
        ),
        of(
            "one long sum",
            &format!(
                "let a = \"{}\"; in [ ({}) ]",
                long(500_000),
                vec!["a"; 400].join(" + ")
            ),
            BYTES,
        ),
        of(
            "long JSON",
            "let a = builtins.concatStringsSep \",\" (builtins.genList (x: \"1,1,1,1,1,1,1,1\") 100000); in map toString (builtins.fromJSON \"[${a}]\")",
            BYTES,
        ),
        of(
            "deep JSON",
            "let a = builtins.concatStringsSep \"\" (builtins.genList (x: \"[[[[[[[[\") 20000); in builtins.fromJSON a",
            &["JSON", "evaluation was stopped"],
        ),
        of(
            "all in all",
            "let l = builtins.genList (x: toString x) 20000; in builtins.filter (x: builtins.elem x l) l",
            SPENT,
        ),
        of(
            "a long sort",
            "builtins.sort (a: b: a < b) (builtins.genList (x: toString (0 - x)) 200000)",
            SPENT,
        ),
        of(
            "a sort that lies",
            "builtins.sort (a: b: true) (builtins.genList toString 20000)",
            &["option 1", "evaluation was stopped", "unknown"],
        ),
        of(
            "a large integer",
            "[ 99999999999999999999999999 ]",
            &["64 bits"],
        ),
        of(
            "an overflow",
            "[ (toString (9223372036854775807 + 1)) ]",
            &["overflow"],
        ),
    ]);
}
