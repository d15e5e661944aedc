//! Owns: the forms that bring names into view, and what is certain of them.

use super::generate::Type::*;
use super::generate::{Bound, Generator, NAMES, Shape, Type, type_of};

impl Generator {
    pub(crate) fn bind(&mut self, name: &'static str, shape: Shape, lexical: bool) {
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
    pub(crate) fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scope.clone();
        let result = run(self);
        self.scope = before;
        result
    }

    /// Forms that give what is inside of them.
    pub(crate) fn around(&mut self, kind: Type, d: u32) -> String {
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

    pub(crate) fn name_of(&mut self, kind: Type) -> &'static str {
        match NAMES.iter().find(|(k, _)| *k == kind) {
            Some((_, names)) => self.choices.of(names),
            None => "w",
        }
    }

    /// A selection that certainly is there.
    pub(crate) fn known(&mut self, kind: Type, d: u32) -> String {
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
    pub(crate) fn call(&mut self, kind: Type, d: u32) -> String {
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
    pub(crate) fn path(&mut self, d: u32) -> String {
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
    pub(crate) fn set(&mut self, d: u32) -> (String, Shape) {
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
