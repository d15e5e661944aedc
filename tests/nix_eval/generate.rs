//! Owns: random Nix expressions, of every form and mostly well typed.
//!
//! A name tells its type (`i` is an integer wherever it is bound), so that whatever `with`,
//! `inherit`, a default or a selection brings into view fits where it is used.

use std::collections::BTreeMap;

use super::choices::Choices;
use super::text;

/// The types that expressions are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Bool,
    Str,
    Ints,
    Strs,
    Set,
    Float,
    Path,
    /// A function from an integer to an integer.
    Function,
    /// A function from an integer to a boolean.
    Predicate,
    /// A function of two integers that gives one.
    Fold,
    /// A function of two integers that tells which comes first.
    Order,
    /// From an integer to a string, and to a list of integers.
    Name,
    Spread,
    /// From a name and a value to a value.
    Each,
    /// From a name and the values to a value.
    Zip,
    /// A name of an attribute; a small integer; a number of either kind.
    Key,
    Small,
    Number,
    /// Anything that has a value, throughout.
    Any,
}

use Type::*;

/// The names of each type.
const NAMES: &[(Type, &[&str])] = &[
    (Int, &["i", "j", "k"]),
    (Str, &["s", "t"]),
    (Ints, &["l", "m"]),
    (Set, &["x", "y", "z"]),
    (Bool, &["b", "c"]),
    (Strs, &["p"]),
    (Function, &["f"]),
    (Float, &["v"]),
];

/// Nix's functions: arguments → result.
const BUILTINS: &[(&str, &[Type], Type)] = &[
    ("length", &[Ints], Int),
    ("stringLength", &[Str], Int),
    ("add", &[Number, Number], Number),
    ("sub", &[Int, Int], Int),
    ("mul", &[Int, Small], Int),
    ("div", &[Int, Int], Int),
    ("bitAnd", &[Int, Int], Int),
    ("bitOr", &[Int, Int], Int),
    ("bitXor", &[Int, Int], Int),
    ("ceil", &[Number], Int),
    ("floor", &[Number], Int),
    ("compareVersions", &[Str, Str], Int),
    ("elemAt", &[Ints, Small], Int),
    ("head", &[Ints], Int),
    ("foldl'", &[Fold, Int, Ints], Int),
    ("lessThan", &[Int, Number], Bool),
    ("lessThan", &[Str, Str], Bool),
    ("all", &[Predicate, Ints], Bool),
    ("any", &[Predicate, Ints], Bool),
    ("elem", &[Any, Ints], Bool),
    ("isNull", &[Any], Bool),
    ("isBool", &[Any], Bool),
    ("isInt", &[Any], Bool),
    ("isFloat", &[Any], Bool),
    ("isString", &[Any], Bool),
    ("isList", &[Any], Bool),
    ("isAttrs", &[Any], Bool),
    ("isPath", &[Any], Bool),
    ("isFunction", &[Any], Bool),
    ("isFunction", &[Each], Bool),
    ("hasAttr", &[Key, Set], Bool),
    ("typeOf", &[Any], Str),
    ("toString", &[Any], Str),
    ("toJSON", &[Any], Str),
    ("substring", &[Small, Small, Str], Str),
    ("concatStringsSep", &[Str, Strs], Str),
    ("baseNameOf", &[Str], Str),
    ("baseNameOf", &[Path], Str),
    ("dirOf", &[Str], Str),
    ("toString", &[Path], Str),
    ("unsafeDiscardStringContext", &[Str], Str),
    ("hashString \"sha256\"", &[Str], Str),
    ("hashString \"md5\"", &[Str], Str),
    ("map", &[Function, Ints], Ints),
    ("filter", &[Predicate, Ints], Ints),
    ("genList", &[Function, Small], Ints),
    ("sort", &[Order, Ints], Ints),
    ("concatMap", &[Spread, Ints], Ints),
    ("tail", &[Ints], Ints),
    ("map", &[Name, Ints], Strs),
    ("attrNames", &[Set], Strs),
    ("splitVersion", &[Str], Strs),
    ("map builtins.typeOf", &[Ints], Strs),
    ("mapAttrs", &[Each, Set], Set),
    ("removeAttrs", &[Set, Strs], Set),
    ("intersectAttrs", &[Set, Set], Set),
    ("functionArgs", &[Function], Set),
    ("parseDrvName", &[Str], Set),
    ("partition", &[Predicate, Ints], Set),
    ("groupBy", &[Name, Ints], Set),
    ("tryEval", &[Any], Set),
    ("listToAttrs", &[], Set),
    ("zipAttrsWith", &[Zip], Set),
];

/// The attributes that a set certainly has, and theirs.
#[derive(Clone, Default)]
struct Shape(BTreeMap<&'static str, Shape>);

/// A name in view.
#[derive(Clone)]
struct Bound {
    name: &'static str,
    shape: Shape,
    /// Not by `with`, which anything else hides.
    lexical: bool,
}

pub(crate) struct Generator {
    pub(crate) choices: Choices,
    scope: Vec<Bound>,
}

/// One expression of these decisions, and the decisions.
pub(crate) fn expression(choices: Choices) -> (String, Vec<u32>) {
    let mut generator = Generator {
        choices,
        scope: Vec::new(),
    };
    let depth = 2 + generator.choices.below(4);
    let text = generator.of_type(Any, depth);
    (text, generator.choices.made())
}

fn type_of(name: &str) -> Type {
    let found = NAMES.iter().find(|(_, names)| names.contains(&name));
    found.map_or(Any, |(kind, _)| *kind)
}

impl Generator {
    fn below(&mut self, n: u32) -> u32 {
        self.choices.below(n)
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        self.choices.of(choices)
    }

    /// An expression of a type, in parentheses if it needs them.
    pub(crate) fn of_type(&mut self, kind: Type, depth: u32) -> String {
        if self.choices.rarely(240) {
            return self.mistake(depth);
        }
        if depth == 0 || self.below(9) == 0 {
            return self.leaf(kind);
        }
        let d = depth - 1;
        match kind {
            Any => {
                let kind = [Int, Str, Set, Ints, Bool, Strs, Float][self.below(7) as usize];
                match self.below(20) {
                    19 => "null".to_owned(),
                    18 => format!("[ {} {} ]", self.of_type(Any, d), self.of_type(Any, d)),
                    _ => self.of_type(kind, depth),
                }
            }
            Key | Small => self.leaf(kind),
            Number => {
                let kind = [Int, Float][self.below(2) as usize];
                self.of_type(kind, depth)
            }
            Function | Predicate | Fold | Order | Name | Spread | Each | Zip => {
                self.function(kind, d)
            }
            _ => match self.below(5) {
                0 | 1 => self.own(kind, d),
                2 => self.builtin(kind, d),
                _ => self.around(kind, d),
            },
        }
    }

    fn leaf(&mut self, kind: Type) -> String {
        let names: Vec<&'static str> = self
            .scope
            .iter()
            .map(|b| b.name)
            .filter(|n| type_of(n) == kind)
            .collect();
        if !names.is_empty() && self.below(3) > 0 {
            return self.choices.of(&names).to_owned();
        }
        match kind {
            Int => self
                .of(&["0", "1", "2", "7", "(-3)", "100", "007", "2147483648"])
                .to_owned(),
            Small => self.of(&["0", "1", "2", "3", "(-1)"]).to_owned(),
            Bool => self.of(&["true", "false"]).to_owned(),
            Str | Any => text::plain(self, 0),
            Ints => self
                .of(&["[ ]", "[ 1 ]", "[ 3 1 2 ]", "[ 1 1 (-2) ]", "[1(2)3]"])
                .to_owned(),
            Strs => self
                .of(&[
                    "[ ]",
                    "[ \"a\" ]",
                    "[ \"i\" \"s\" ]",
                    "[ \"b\" \"a\" \"\" ]",
                    "[ ''x'' \"y\"\"z\" ]",
                ])
                .to_owned(),
            Set => self
                .of(&[
                    "{ }",
                    "{ i = 1; }",
                    "{ s = \"a\"; l = [ ]; }",
                    "rec { i = 2; j = i; }",
                    "{ x.y.i = 3; }",
                ])
                .to_owned(),
            Float => self
                .of(&["1.5", "0.0", "(-2.25)", ".5", "1.e3", "3.0"])
                .to_owned(),
            Path => self
                .of(&[
                    "./a",
                    "/a/b",
                    "./.",
                    "../c.nix",
                    "/.",
                    "./a/../b",
                    "./a-b/c+d",
                ])
                .to_owned(),
            Key => self
                .of(&["\"i\"", "\"s\"", "\"x\"", "(\"l\" + \"\")", "''b''"])
                .to_owned(),
            Number => self.leaf(Int),
            Function | Predicate | Fold | Order | Name | Spread | Each | Zip => {
                self.function(kind, 0)
            }
        }
    }

    /// What has no value, or another type than it should.
    fn mistake(&mut self, depth: u32) -> String {
        match self.below(12) {
            0..3 => "(throw \"t\")".to_owned(),
            3 => "(abort \"a\")".to_owned(),
            4 => "{ }.nothing".to_owned(),
            5 => "(assert false; 1)".to_owned(),
            6 => "(let q = q; in q)".to_owned(),
            7 => "(q: q)".to_owned(),
            8 => "null".to_owned(),
            9 => "(1 / 0)".to_owned(),
            10 => "(9223372036854775807 + 0)".to_owned(),
            _ => self.of_type(Any, depth.saturating_sub(1)),
        }
    }

    fn builtin(&mut self, kind: Type, d: u32) -> String {
        let fits: Vec<&(&str, &[Type], Type)> = BUILTINS
            .iter()
            .filter(|(_, _, result)| *result == kind || (*result == Number && kind == Float))
            .collect();
        if fits.is_empty() {
            return self.own(kind, d);
        }
        let (name, arguments, _) = *fits[self.below(fits.len() as u32) as usize];
        let mut text = format!("(builtins.{name}");
        match name {
            "listToAttrs" => {
                let (key, value) = (self.of_type(Key, d), self.of_type(Any, d));
                text += &format!(
                    " [ {{ name = {key}; value = {value}; }} {{ name = \"i\"; value = {}; }} ]",
                    self.of_type(Int, d)
                );
            }
            "zipAttrsWith" => {
                let function = self.of_type(Zip, d);
                text += &format!(
                    " {function} [ {} {} ]",
                    self.of_type(Set, d),
                    self.of_type(Set, d)
                );
            }
            _ => {
                for kind in arguments {
                    text += " ";
                    text += &self.of_type(*kind, d);
                }
            }
        }
        text + ")"
    }

    /// What only this type has.
    fn own(&mut self, kind: Type, d: u32) -> String {
        match kind {
            Int => match self.below(6) {
                0 => self.chain(Int, &[" + ", " - ", " * ", " / ", "-", "+"], d),
                1 => format!("(-{})", self.of_type(Int, d)),
                2 => format!("({} {})", self.of_type(Function, d), self.of_type(Int, d)),
                3 => format!(
                    "({{ __functor = self: i: i + self.j; j = {}; }} {})",
                    self.of_type(Int, d),
                    self.of_type(Int, d)
                ),
                4 => format!(
                    "(builtins.fromJSON (builtins.toJSON {}))",
                    self.of_type(Int, d)
                ),
                _ => format!(
                    "(let r = n: if n <= 0 then {} else n + r (n - 1); in r {})",
                    self.of_type(Int, d),
                    self.leaf(Small)
                ),
            },
            Float => match self.below(3) {
                0 => self.chain(Float, &[" + ", " - ", " * "], d),
                1 => format!("({} / 2.0)", self.of_type(Int, d)),
                _ => format!("({} * 0.5)", self.of_type(Number, d)),
            },
            Bool => self.truth(d),
            Str => match self.below(8) {
                0 | 1 => text::plain(self, d + 1),
                2..5 => text::indented(self, d + 1),
                5 => self.chain(Str, &[" + "], d),
                6 => {
                    let (from, to) = (self.leaf(Key), self.of_type(Str, d));
                    format!(
                        "(builtins.replaceStrings [ \"\" {from} ] [ {to} \"-\" ] {})",
                        self.of_type(Str, d)
                    )
                }
                _ => format!(
                    "\"${{{{ __toString = self: self.s + {}; s = {}; }}}}\"",
                    self.of_type(Str, d),
                    self.of_type(Str, d)
                ),
            },
            Ints => match self.below(6) {
                0 => format!("[ {} {} ]", self.of_type(Int, d), self.of_type(Int, d)),
                1 => self.chain(Ints, &[" ++ "], d),
                2 => format!(
                    "(builtins.concatLists [ {} {} ])",
                    self.of_type(Ints, d),
                    self.of_type(Ints, d)
                ),
                3 => format!(
                    "(builtins.catAttrs \"i\" [ {} {} ])",
                    self.of_type(Set, d),
                    self.of_type(Set, d)
                ),
                4 => format!(
                    "(map (x: x.i or {}) [ {} {} ])",
                    self.of_type(Int, d),
                    self.of_type(Set, d),
                    self.of_type(Set, d)
                ),
                _ => format!(
                    "(map (x: x.key) (builtins.genericClosure {{ startSet = [ {{ key = {}; }} ]; operator = x: if x.key > 5 then [ ] else [ {{ key = x.key + {}; }} ]; }}))",
                    self.leaf(Small),
                    self.of(&["3", "4"])
                ),
            },
            Strs => match self.below(5) {
                0 => format!("[ {} {} ]", self.of_type(Str, d), self.of_type(Str, d)),
                1 => self.chain(Strs, &[" ++ "], d),
                2 => format!(
                    "(builtins.sort builtins.lessThan {})",
                    self.of_type(Strs, d)
                ),
                3 => format!(
                    "(builtins.filter builtins.isString (builtins.split {} {}))",
                    self.of(&["\"a\"", "\"[ab]+\"", "\"(i|s)\"", "\"\\n\"", "\" *\""]),
                    self.of_type(Str, d)
                ),
                _ => format!(
                    "(let w = builtins.match {} {}; in if w == null then [ ] else map (w: if w == null then \"-\" else w) w)",
                    self.of(&[
                        "\"(.*)\"",
                        "\"a(b?)(.*)\"",
                        "\"([a-z]*)[^a-z]*\"",
                        "\"(x|y)?.*\""
                    ]),
                    self.of_type(Str, d)
                ),
            },
            Set => self.set(d).0,
            Path => match self.below(6) {
                0 => format!(
                    "({} + {})",
                    self.of_type(Path, d),
                    self.of(&["\"b\"", "\"/x\"", "\"/../y\"", "\"/.\"", "\"\""])
                ),
                1 => format!(
                    "./{}${{{}}}",
                    self.of(&["a", "a/"]),
                    self.of(&["\"b\"", "toString 1", "\"b/c\""])
                ),
                2 => format!("(builtins.dirOf {})", self.of_type(Path, d)),
                3 => format!("/${{{}}}/c", self.of(&["\"b\"", "toString [ 1 2 ]"])),
                4 => format!("({} + {})", self.of_type(Path, d), self.of(&["/c", "./d"])),
                _ => self.leaf(Path),
            },
            _ => self.leaf(kind),
        }
    }

    fn truth(&mut self, d: u32) -> String {
        match self.below(9) {
            0 => self.chain(Bool, &[" && ", " || ", " -> ", " == ", " != "], d),
            1 => format!("(!{})", self.of_type(Bool, d)),
            2 => {
                let kind = [Int, Str, Ints, Float, Path, Strs][self.below(6) as usize];
                let op = self.of(&["<", "<=", ">", ">="]);
                format!("({} {op} {})", self.of_type(kind, d), self.of_type(kind, d))
            }
            3 => {
                let kind = [Int, Str, Ints, Set, Path, Number, Any][self.below(7) as usize];
                let op = self.of(&["==", "!="]);
                format!("({} {op} {})", self.of_type(kind, d), self.of_type(kind, d))
            }
            4 => format!("({} ? {})", self.of_type(Set, d), self.path(d)),
            5 => format!("(let q = {}; in q == q)", self.of_type(Any, d)),
            6 => format!(
                "({} < {} && {} == {})",
                self.chain_of(Int, &[" + ", " * "], d),
                self.of_type(Int, d),
                self.of_type(Str, d),
                self.chain_of(Str, &[" + "], d)
            ),
            7 => format!("(!{} ? {})", self.of_type(Set, d), self.path(d)),
            _ => format!(
                "({} == {} // {})",
                self.of_type(Set, d),
                self.of_type(Set, d),
                self.of_type(Set, d)
            ),
        }
    }

    /// Operands without parentheses, so that precedence decides.
    fn chain_of(&mut self, kind: Type, operators: &[&'static str], d: u32) -> String {
        let mut text = self.of_type(kind, d);
        for _ in 0..=self.below(3) {
            // Without a space, `a-b` would be a name.
            let operator = self.of(operators);
            let operator = if text.ends_with(|c: char| c.is_alphanumeric()) && operator == "-" {
                " - "
            } else {
                operator
            };
            text = format!("{text}{operator}{}", self.of_type(kind, d));
        }
        text
    }

    fn chain(&mut self, kind: Type, operators: &[&'static str], d: u32) -> String {
        format!("({})", self.chain_of(kind, operators, d))
    }

    fn function(&mut self, kind: Type, d: u32) -> String {
        let with = |this: &mut Self, names: &[&'static str], kind: Type| {
            let depth = this.scope.len();
            names
                .iter()
                .for_each(|n| this.bind(n, Shape::default(), true));
            let body = this.of_type(kind, d);
            this.scope.truncate(depth);
            let parameters: String = names.iter().map(|n| format!("{n}: ")).collect();
            format!("({parameters}{body})")
        };
        match kind {
            Function => match self.below(5) {
                0 => "(i: i + 1)".to_owned(),
                1 => format!("(let h = i: j: i - j; in h {})", self.of_type(Int, d)),
                2 => format!("{{ __functor = x: {}; }}", with(self, &["i"], Int)),
                3 => format!("(builtins.add {})", self.of_type(Int, d)),
                _ => with(self, &["i"], Int),
            },
            Predicate => match self.below(3) {
                0 => "(i: i > 1)".to_owned(),
                1 => format!("(builtins.lessThan {})", self.of_type(Int, d)),
                _ => with(self, &["k"], Bool),
            },
            Fold => match self.below(3) {
                0 => "(i: j: i + j)".to_owned(),
                1 => "builtins.sub".to_owned(),
                _ => with(self, &["i", "j"], Int),
            },
            Order => self
                .of(&[
                    "(i: j: i < j)",
                    "builtins.lessThan",
                    "(i: j: j < i)",
                    "(i: j: i * i < j * j)",
                    "(i: j: false)",
                ])
                .to_owned(),
            Name => match self.below(3) {
                0 => "toString".to_owned(),
                1 => "(i: if i > 1 then \"s\" else \"i\")".to_owned(),
                _ => with(self, &["i"], Str),
            },
            Spread => with(self, &["j"], Ints),
            Each => match self.below(3) {
                0 => "(n: v: v)".to_owned(),
                1 => "(n: v: n)".to_owned(),
                _ => with(self, &["s", "q"], Any),
            },
            _ => match self.below(3) {
                0 => "(n: vs: builtins.head vs)".to_owned(),
                1 => "(n: vs: { inherit n vs; })".to_owned(),
                _ => "(n: builtins.length)".to_owned(),
            },
        }
    }

    fn bind(&mut self, name: &'static str, shape: Shape, lexical: bool) {
        let hidden = !lexical && self.scope.iter().any(|b| b.lexical && b.name == name);
        if hidden {
            return;
        }
        self.scope.retain(|b| b.name != name || !lexical);
        self.scope.push(Bound {
            name,
            shape,
            lexical,
        });
    }

    /// In this view of names.
    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scope.clone();
        let result = run(self);
        self.scope = before;
        result
    }

    /// Forms that give what is inside of them.
    fn around(&mut self, kind: Type, d: u32) -> String {
        match self.below(14) {
            0 => format!(
                "(if {} then {} else {})",
                self.of_type(Bool, d),
                self.of_type(kind, d),
                self.of_type(kind, d)
            ),
            1..4 => self.scoped(|g| {
                let (bindings, shape) = g.bindings(true, d);
                for (name, shape) in shape.0 {
                    g.bind(name, shape, true);
                }
                format!("(let {bindings}in {})", g.of_type(kind, d))
            }),
            4 | 5 => self.scoped(|g| {
                let (set, shape) = g.set(d);
                for (name, shape) in shape.0 {
                    g.bind(name, shape, false);
                }
                format!("(with {set}; {})", g.of_type(kind, d))
            }),
            6 => format!(
                "(assert {}; {})",
                self.of_type(Bool, d),
                self.of_type(kind, d)
            ),
            7 => self.call(kind, d),
            8 => {
                let name = self.name_of(kind);
                let value = self.of_type(kind, d);
                let form = self.of(&[
                    "{ NAME = VALUE; }.NAME",
                    "rec { NAME = VALUE; q = NAME; }.q",
                    "{ q.NAME = VALUE; q.r = 1; }.q.NAME",
                    "{ q = { NAME = VALUE; }; q.r = 1; }.\"q\".NAME",
                    "{ ${\"N\" + \"\"} = VALUE; }.N",
                    "(let { body = NAME; NAME = VALUE; })",
                    "({ NAME = VALUE; } // { q = 1; }).NAME",
                    "(NAME: NAME) (VALUE)",
                    "(builtins.head [ VALUE (abort \"lazy\") ])",
                    "(builtins.tryEval (VALUE)).value",
                    "(rec { inherit (q) NAME; q.NAME = VALUE; }).NAME",
                ]);
                format!("({})", form.replace("NAME", name).replace("VALUE", &value))
            }
            9 => format!(
                "(builtins.{} {} {})",
                self.of(&["seq", "deepSeq", "trace", "addErrorContext"]),
                self.of_type(Str, d),
                self.of_type(kind, d)
            ),
            10 => {
                let name = self.name_of(kind);
                format!(
                    "({}.{name} or {})",
                    self.of_type(Set, d),
                    self.of_type(kind, d)
                )
            }
            11 => self.known(kind, d),
            12 => format!(
                "({}.{} or {})",
                self.of_type(Set, d),
                self.path(0),
                self.of_type(kind, d)
            ),
            _ => format!(
                "(builtins.elemAt [ {} {} ] 1)",
                self.of_type(Any, d),
                self.of_type(kind, d)
            ),
        }
    }

    fn name_of(&mut self, kind: Type) -> &'static str {
        match NAMES.iter().find(|(k, _)| *k == kind) {
            Some((_, names)) => self.choices.of(names),
            None => "w",
        }
    }

    /// A selection that certainly is there.
    fn known(&mut self, kind: Type, d: u32) -> String {
        let (set, shape) = self.set(d);
        let mut found: Vec<String> = Vec::new();
        fn collect(shape: &Shape, kind: Type, path: &str, found: &mut Vec<String>) {
            for (name, below) in &shape.0 {
                let path = format!("{path}.{name}");
                if type_of(name) == kind {
                    found.push(path.clone());
                }
                collect(below, kind, &path, found);
            }
        }
        collect(&shape, kind, "", &mut found);
        if found.is_empty() {
            return self.of_type(kind, d);
        }
        let index = self.below(found.len() as u32) as usize;
        format!("{set}{}", found[index])
    }

    /// A function of a set, called.
    fn call(&mut self, kind: Type, d: u32) -> String {
        let (arguments, shape) = self.set(d);
        let result = self.scoped(|g| {
            let mut formals: Vec<String> = Vec::new();
            let mut bound: Vec<(&'static str, Shape)> = Vec::new();
            for (name, below) in &shape.0 {
                if g.below(3) > 0 {
                    let default = if g.choices.rarely(3) {
                        format!(" ? {}", g.leaf(type_of(name)))
                    } else {
                        String::new()
                    };
                    formals.push(format!("{name}{default}"));
                    bound.push((name, below.clone()));
                }
            }
            for kind in [Int, Str, Ints] {
                let name = g.name_of(kind);
                if g.below(3) == 0
                    && !shape.0.contains_key(name)
                    && !bound.iter().any(|(n, _)| *n == name)
                {
                    // A default sees the other arguments.
                    let default = g.scoped(|g| {
                        bound.iter().for_each(|(n, s)| g.bind(n, s.clone(), true));
                        g.of_type(kind, d)
                    });
                    formals.push(format!("{name} ? {default}"));
                    bound.push((name, Shape::default()));
                }
            }
            for (name, below) in bound {
                g.bind(name, below, true);
            }
            formals.push("...".to_owned());
            let whole = g.below(3);
            if whole > 0 && !formals.iter().any(|f| f.starts_with('z')) {
                g.bind("z", shape.clone(), true);
            }
            let body = g.of_type(kind, d);
            let pattern = format!("{{ {} }}", formals.join(", "));
            match whole {
                1 if !formals.iter().any(|f| f.starts_with('z')) => format!("{pattern}@z: {body}"),
                2 if !formals.iter().any(|f| f.starts_with('z')) => format!("z@{pattern}: {body}"),
                _ => format!("{pattern}: {body}"),
            }
        });
        format!("(({result}) {arguments})")
    }

    /// A path of attributes that may or may not be there.
    fn path(&mut self, d: u32) -> String {
        match self.below(6) {
            0 => format!("{}.{}", self.of(&["x", "y"]), self.of(&["i", "s", "x"])),
            1 => format!("${{{}}}", self.of_type(Key, d)),
            2 => format!("x.${{{}}}.i", self.of_type(Key, d)),
            3 => format!("\"{}\"", self.of(&["i", "s", "x y", "${\"x\"}"])),
            _ => self.of(&["i", "s", "l", "x", "b"]).to_owned(),
        }
    }

    /// Bindings of `let` or a set, and what they certainly bind.
    fn bindings(&mut self, recursive: bool, d: u32) -> (String, Shape) {
        self.scoped(|g| {
            let (mut entries, mut shape) = (Vec::new(), Shape::default());
            for _ in 0..=g.below(3) {
                let kind = [Int, Str, Set, Ints, Bool, Function, Strs, Float][g.below(8) as usize];
                // Functions have no JSON, so a set holds none.
                let kind = if kind == Function && !recursive {
                    Int
                } else {
                    kind
                };
                let name = g.name_of(kind);
                if shape.0.contains_key(name) {
                    continue;
                }
                let in_view = g.scope.iter().find(|b| b.name == name).cloned();
                let (entry, below) = match g.below(10) {
                    0 if in_view.is_some() && !recursive => (
                        format!("inherit {name}; "),
                        in_view.map(|b| b.shape).unwrap_or_default(),
                    ),
                    1 => (
                        format!("inherit ({{ {name} = {}; }}) {name}; ", g.of_type(kind, d)),
                        Shape::default(),
                    ),
                    2 if !recursive => (
                        format!("${{\"{name}\"}} = {}; ", g.of_type(kind, d)),
                        Shape::default(),
                    ),
                    3 => (
                        format!("\"{name}\" = {}; ", g.of_type(kind, d)),
                        Shape::default(),
                    ),
                    4 | 5 if kind == Set => {
                        let (first, second) = (g.of_type(Int, d), g.of_type(Str, d));
                        let form = g.of(&[
                            "N.i = A; N.s = B; ",
                            "N = { i = A; }; N.s = B; ",
                            "N.i = A; N = { s = B; }; ",
                            "N = { i = A; }; N = { s = B; }; ",
                            "N.x.i = A; N.x.s = B; N.i = 1; N.s = \"\"; ",
                        ]);
                        let names = [("i", Shape::default()), ("s", Shape::default())];
                        (
                            form.replace('N', name)
                                .replace('A', &first)
                                .replace('B', &second),
                            Shape(names.into()),
                        )
                    }
                    _ if kind == Set => {
                        let (set, below) = g.set(d);
                        (format!("{name} = {set}; "), below)
                    }
                    _ => (
                        format!("{name} = {}; ", g.of_type(kind, d)),
                        Shape::default(),
                    ),
                };
                if recursive {
                    g.bind(name, below.clone(), true);
                }
                shape.0.insert(name, below);
                // Order means nothing, so what is used may come later.
                let first = g.below(2) == 0;
                entries.insert(if first { 0 } else { entries.len() }, entry);
            }
            if !recursive && g.choices.rarely(8) {
                entries.push(format!(
                    "${{{}}} = {}; ",
                    g.of(&[
                        "null",
                        "if true then null else \"i\"",
                        "\"q r\"",
                        "\"q\" + \"${\"r\"}\""
                    ]),
                    g.of_type(Any, d)
                ));
            }
            (entries.concat(), shape)
        })
    }

    /// A set, and the attributes that it certainly has.
    fn set(&mut self, d: u32) -> (String, Shape) {
        if d == 0 {
            return (
                "{ i = 1; s = \"a\"; }".to_owned(),
                Shape([("i", Shape::default()), ("s", Shape::default())].into()),
            );
        }
        let d = d - 1;
        match self.below(8) {
            0..4 => {
                let (bindings, shape) = self.bindings(false, d);
                (format!("{{ {bindings}}}"), shape)
            }
            4 => {
                let (bindings, mut shape) = self.scoped(|g| g.bindings(true, d));
                shape.0.remove("f");
                (
                    format!("(removeAttrs (rec {{ {bindings}}}) [ \"f\" ])"),
                    shape,
                )
            }
            5 => {
                let ((left, mut shape), (right, over)) = (self.set(d), self.set(d));
                shape.0.extend(over.0);
                (format!("({left} // {right})"), shape)
            }
            6 => {
                let known: Vec<Bound> = self
                    .scope
                    .iter()
                    .filter(|b| type_of(b.name) == Set)
                    .cloned()
                    .collect();
                match known.len() {
                    0 => self.set(d),
                    count => {
                        let bound = &known[self.below(count as u32) as usize];
                        // Of several by one name, the last is meant.
                        let shape = known
                            .iter()
                            .rev()
                            .find(|b| b.name == bound.name)
                            .map(|b| b.shape.clone());
                        (bound.name.to_owned(), shape.unwrap_or_default())
                    }
                }
            }
            _ => (self.builtin(Set, d), Shape::default()),
        }
    }
}
