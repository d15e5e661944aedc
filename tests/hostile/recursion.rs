//! Evaluations without end.

use super::{all, case, chain, options};

#[test]
fn recursion_ends() {
    const STOPPED: &[&str] = &[
        "evaluation was stopped: it nests deeper than",
        "infinite recursion",
    ];
    const SPENT: &[&str] = &["evaluation was stopped: "];
    let of = |name: &str, expression: &str, says| case(name, options(expression), says);
    all(vec![
        of("itself", "let x = x; in x", STOPPED),
        of("itself updated", "let y = y // y; in y", STOPPED),
        of("itself in a string", "let x = \"${x}\"; in [ x ]", STOPPED),
        of(
            "a set of itself",
            "let s = rec { a = s.b; b = s.a; }; in s.a",
            STOPPED,
        ),
        of("a function of itself", "let f = x: f x; in f 1", STOPPED),
        of(
            "a growing argument",
            "let f = x: f (x + 1); in f 1",
            STOPPED,
        ),
        of(
            "two functions",
            "let f = x: g x; g = x: f x; in f 1",
            STOPPED,
        ),
        of("a lazy argument", "let f = x: f (f x); in f 1", STOPPED),
        of("self-application", "(x: x x) (x: x x)", STOPPED),
        of(
            "a fixed point",
            "let fix = f: let x = f x; in x; in fix (x: x ++ [ 1 ])",
            STOPPED,
        ),
        of(
            "a functor of itself",
            "let f = { __functor = self: self; }; in f 1",
            STOPPED,
        ),
        of(
            "a sum of itself",
            "let s = { outPath = s; }; in [ (s + \"x\") ]",
            STOPPED,
        ),
        of(
            "a text of itself",
            "[ (toString (let s = { __toString = s: s; }; in s)) ]",
            STOPPED,
        ),
        of("a default of itself", "({ a ? b, b ? a }: a) { }", STOPPED),
        of(
            "with itself",
            "let x = with x; { a = a; }; in with x; a",
            STOPPED,
        ),
        of(
            "assert of itself",
            "let x = assert x == [ ]; [ ]; in x",
            STOPPED,
        ),
        of(
            "an endless list",
            "let f = x: [ \"a\" ] ++ f (x + 1); in f 1",
            STOPPED,
        ),
        of(
            "an endless element",
            "let f = x: [ \"a\" (f (x + 1)) ]; in f 1",
            &["expected a string", "unknown: "],
        ),
        of(
            "endless names",
            "let f = n: { ${toString n} = f (n + 1); } // f (n + 1); in f 0",
            STOPPED,
        ),
        of(
            "two endless calls",
            "let f = x: [ (f (x + 1)) ] ++ f x; in f 1",
            STOPPED,
        ),
        of(
            "an endless fold",
            "let f = n: builtins.foldl' (a: b: f (n + 1)) [ ] [ 1 ]; in f 0",
            STOPPED,
        ),
        of(
            "an endless map",
            "let f = n: builtins.concatMap f [ 1 2 ]; in f 0",
            STOPPED,
        ),
        of(
            "an endless closure",
            "map toString (builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { key = x.key + 1; } ]; })",
            SPENT,
        ),
        of(
            "an endless tree",
            "let t = n: if n == 0 then 1 else t (n - 1) + t (n - 1); in [ (toString (t 200)) ]",
            SPENT,
        ),
        of(
            "a value that holds itself, as text",
            "let x = [ x ]; in [ (toString x) ]",
            STOPPED,
        ),
        of(
            "a value that holds itself, as JSON",
            "let x = { a = x; b = [ x ]; }; in [ (builtins.toJSON x) ]",
            STOPPED,
        ),
        of(
            "values that hold themselves, compared",
            "let x = { a = x; }; y = { a = y; }; in if x == y then [ \"a\" ] else [ \"b\" ]",
            STOPPED,
        ),
        of(
            "lists that hold themselves, ordered",
            "let x = [ x ]; y = [ y ]; in if x < y then [ \"a\" ] else [ \"b\" ]",
            STOPPED,
        ),
        of(
            "a value that holds itself, visited once",
            "let x = { a = x; b = [ x ]; }; in builtins.deepSeq x [ \"noatime\" ]",
            &["option noatime"],
        ),
        of(
            "a long way down",
            &format!(
                "let f = n: if n == 0 then [ \"noatime\" ] else f (n - 1); in f {}",
                900
            ),
            &["option noatime"],
        ),
        case(
            "a long chain of names",
            chain("\"noatime\"", 20_000, str::to_owned, "[ LAST ]"),
            STOPPED,
        ),
        case(
            "a long chain of sums",
            chain("1", 20_000, |v| format!("{v} + 1"), "[ (toString LAST) ]"),
            STOPPED,
        ),
        case(
            "a set of sets without end",
            "let f = x: { a = f (x + 1); }; in { fileSystems = f 1; }",
            &["no btrfs", "unknown"],
        ),
        case(
            "a module that imports itself anew",
            "let m = n: { imports = [ (m (n + 1)) ]; }; in m 0",
            &["too many modules", "evaluation was stopped"],
        ),
        case(
            "modules that double",
            "let m = n: { imports = [ (m (n + 1)) (m (n + 2)) ]; }; in m 0",
            &["too many modules", "evaluation was stopped"],
        ),
        case(
            "a module that is a function of itself",
            "let m = { ... }: { imports = [ m ]; }; in m",
            &["too many modules", "evaluation was stopped", "no btrfs"],
        ),
        case(
            "an option of itself",
            "{ config, ... }: { fileSystems.\"/\" = { device = \"/dev/vda\"; fsType = \"btrfs\"; options = config.fileSystems.\"/\".options; }; }",
            &["infinite recursion", "unknown", "evaluation was stopped"],
        ),
    ]);
}
