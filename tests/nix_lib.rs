//! Our `lib` and builtins beside nixpkgs' own: the same value, the same kind of error, as lazy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end so"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::path::Path;
use std::rc::Rc;

use btrfs_tune::nix::eval::{Data, Evaluator, Value};
use btrfs_tune::nix::source::Sources;
use nix::Files;
use serde_json::Value as Json;

/// What nixpkgs says, `call ⇒ JSON`, one a line; its head says which nixpkgs.
const RECORD: &str = include_str!("nix_eval/nixpkgs_lib.txt");

/// The tree that the calls name as `./tree`.
const TREE: &[(&str, &str)] = &[
    ("a.txt", "text\n"),
    ("v.nix", "{ v = 1; }\n"),
    ("x.json", "{\"a\": [1, null]}\n"),
    ("x.toml", "a = 1\n"),
    ("dir/default.nix", "\"default\"\n"),
    ("sub/b.nix", "2\n"),
    ("sub.x", "sorts between\n"),
    ("pkg.nix", "{ lib, y }: { inherit y; }\n"),
    ("pkgs/one.nix", "{ }: 1\n"),
    ("pkgs/two/package.nix", "{ }: 2\n"),
    ("pkgs/note.txt", "\n"),
];

fn record() -> Vec<(&'static str, &'static str)> {
    RECORD
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("##"))
        .map(|line| line.split_once(" ⇒ ").expect("call ⇒ value"))
        .collect()
}

/// Functions of `lib`, each in a file, beside the tree.
fn files<S: AsRef<str>>(calls: &[S]) -> Files {
    let functions: Vec<String> = calls
        .iter()
        .map(|call| format!("lib: {}", call.as_ref()))
        .collect();
    let files = Files::new(&functions);
    for (name, text) in TREE {
        let path = files.root().join("tree").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    files
}

/// What ours says of one call.
fn ours(root: &Path, index: usize) -> Result<Json, String> {
    let evaluator = Evaluator::new(Rc::new(Sources::new(root.to_owned())));
    let path = root.join(format!("{index}.nix"));
    let value = evaluator.native(move |e| {
        let function = e.import(&path, None)?;
        e.call(&function, e.lib(), None)
    });
    nix::to_json(&evaluator, value)
}

fn agrees(said: &Result<Json, String>, expected: &str) -> bool {
    match said {
        // A function that is missing must not pass for one that refuses.
        Err(why) => {
            matches!(expected, "throws" | "refused") && why.starts_with("Nix would refuse this")
                || expected == "refused" && why.contains("no such file")
                || expected == "refused" && why.contains("cannot be read")
                || expected == "refused" && why.contains("No such file")
        }
        Ok(said) => serde_json::from_str(expected).is_ok_and(|e: Json| nix::same(said, &e)),
    }
}

#[test]
fn lib_says_what_nixpkgs_says() {
    let record = record();
    assert!(record.len() > 650, "only {} calls", record.len());
    let calls: Vec<&str> = record.iter().map(|(call, _)| *call).collect();
    let files = files(&calls);
    let mut wrong = Vec::new();
    for (index, (call, expected)) in record.iter().enumerate() {
        let said = ours(&files.root(), index);
        if !agrees(&said, expected) {
            wrong.push(format!("{call}\n  ours    {said:?}\n  nixpkgs {expected}"));
        }
    }
    println!("{} calls", record.len());
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The record beside a real nixpkgs: `NIXPKGS_LIB=…/nixpkgs/lib`.
#[test]
fn the_record_is_what_nixpkgs_says() {
    let Ok(lib) = std::env::var("NIXPKGS_LIB") else {
        eprintln!("skipped, NIXPKGS_LIB names no nixpkgs lib: the record of nixpkgs' lib");
        return;
    };
    if !nix::is_there("the record of nixpkgs' lib") {
        return;
    }
    let record = record();
    let calls: Vec<&str> = record.iter().map(|(call, _)| *call).collect();
    let files = files(&calls);
    let indices: Vec<usize> = (0..calls.len()).collect();
    let mut wrong = Vec::new();
    for part in indices.chunks(50) {
        for (index, said) in part.iter().zip(real(&files, &lib, part)) {
            let (call, expected) = record[*index];
            let right = match (&said, expected) {
                (Err(why), "throws") => why == THROWS,
                (Err(why), "refused") => why != THROWS,
                (Ok(said), _) => {
                    serde_json::from_str(expected).is_ok_and(|e: Json| nix::same(said, &e))
                }
                _ => false,
            };
            if !right {
                wrong.push(format!("{call}\n  record  {expected}\n  nixpkgs {said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} calls", record.len());
}

const THROWS: &str = "it throws";

/// What nixpkgs says of some calls: in one run if nothing in it aborts, or in halves.
fn real(files: &Files, lib: &str, part: &[usize]) -> Vec<Result<Json, String>> {
    let root = files.root();
    let calls: Vec<String> = part
        .iter()
        .map(|i| format!("(t (b.scopedImport s {}/{i}.nix l))", root.display()))
        .collect();
    // Nix 2.8 has no readFileType.
    let all = format!(
        "let
          b = builtins // {{ readFileType = p: (b.readDir (dirOf p)).${{baseNameOf p}}; }};
          s = {{ builtins = b; import = b.scopedImport s; }};
          l = b.scopedImport s {lib};
          t = e: b.tryEval (b.deepSeq e e);
        in [ {} ]",
        calls.join(" ")
    );
    match nix::instantiate(&["-E", &all]) {
        Ok(answers) => {
            let one = |answer: &Json| match answer["success"].as_bool() {
                Some(true) => Ok(answer["value"].clone()),
                _ => Err(THROWS.to_owned()),
            };
            answers.as_array().unwrap().iter().map(one).collect()
        }
        Err(error) if part.len() == 1 => vec![Err(error)],
        Err(_) => {
            let (left, right) = part.split_at(part.len() / 2);
            let mut all = real(files, lib, left);
            all.extend(real(files, lib, right));
            all
        }
    }
}

/// Ways to name a file of the project that Nix would copy to the store first, so that it cannot be
/// asked without one.
#[test]
fn a_path_in_a_string_reaches_the_file() {
    let calls = [
        "import \"${./tree}/v.nix\"",
        "import \"${./.}/tree/v.nix\"",
        "import (\"${./tree}\" + \"/v.nix\")",
        "import (builtins.path { path = ./tree; name = \"t\"; } + \"/v.nix\")",
        "import \"${builtins.path { path = ./tree; }}/v.nix\"",
        "let self = { outPath = ./.; }; in import \"${self}/tree/v.nix\"",
        "let self = { outPath = ./.; }; in import (self + \"/tree/v.nix\")",
        "let self = { outPath = ./.; }; in import (self.outPath + \"/tree/v.nix\")",
        "import (lib.path.append ./tree \"v.nix\")",
        "import (builtins.unsafeDiscardStringContext \"${./tree}/v.nix\")",
        "{ v = lib.head (lib.importJSON \"${./tree}/x.json\").a; }",
        "{ v = (lib.importTOML \"${./tree}/x.toml\").a; }",
        "{ v = if builtins.pathExists \"${./tree}/v.nix\" then 1 else 2; }",
        "{ v = if (builtins.readDir \"${./tree}\").\"a.txt\" == \"regular\" then 1 else 2; }",
        "{ v = if builtins.readFile \"${./tree}/a.txt\" == \"text\\n\" then 1 else 2; }",
        "{ v = if lib.fileContents \"${./tree}/a.txt\" == \"text\" then 1 else 2; }",
    ];
    let files = files(&calls);
    for (index, call) in calls.iter().enumerate() {
        let said = ours(&files.root(), index);
        assert_eq!(said, Ok(serde_json::json!({ "v": 1 })), "{call}");
    }
}

/// What cannot be known must not be said: it depends on the nixpkgs, on who evaluates, or on what is
/// left out of a copy.
#[test]
fn what_depends_on_others_is_unknown() {
    let calls = [
        "lib.version",
        "lib.trivial.release",
        "lib.trivial.version",
        "lib.licenses.mit",
        "lib.platforms.linux",
        "lib.maintainers.someone",
        "lib.strings.noSuchFunction",
        "lib.noSuchFunction",
        "lib ? noSuchFunction",
        "lib.systems.elaborate \"x86_64-linux\"",
        "lib.inNixShell",
        "lib.inPureEvalMode",
        "lib.oldestSupportedReleaseIsAtLeast 2411",
        "lib.fileset.gitTracked ./.",
        "builtins.currentSystem",
        "builtins.currentTime",
        "builtins.nixVersion",
        "builtins.nixPath",
        "builtins.getEnv \"HOME\"",
        "builtins.toFile \"x\" \"y\"",
        "builtins.readFile (builtins.path { path = ./tree; filter = _: _: true; } + \"/a.txt\")",
        "builtins.unsafeGetAttrPos \"a\" (builtins.mapAttrs (_: v: v + 1) { a = 1; })",
        "builtins.sort (a: b: a <= b) [ 1 1 ]",
        "builtins.match \"[é]\" \"a\"",
        "builtins.split \"\" \"é\"",
        "builtins.match \"(.).*\" \"é\"",
        "builtins.toJSON 1.0",
        "builtins.fromJSON \"18446744073709551615\"",
        "builtins.toJSON ./tree",
        "builtins.concatStringsSep \"\" [ ./tree ]",
        "\"x\" + ./tree",
        "lib.makeBinPath [ ./tree ]",
        "builtins.hashString \"blake3\" \"\"",
    ];
    let files = files(&calls);
    let said: Vec<String> = calls
        .iter()
        .enumerate()
        .filter_map(|(i, call)| Some(format!("{call} = {}", ours(&files.root(), i).ok()?)))
        .collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The text that wrote the value of a call, or the list literals of one.
fn written(call: &str, look: impl Fn(&Evaluator, &Value) -> Vec<String>) -> Vec<String> {
    let files = files(&[call]);
    let sources = Rc::new(Sources::new(files.root()));
    let evaluator = Evaluator::new(sources);
    let path = files.root().join("0.nix");
    let function = evaluator.import(&path, None).unwrap();
    let value = evaluator.call(&function, evaluator.lib(), None).unwrap();
    look(&evaluator, &value)
}

#[test]
fn elements_keep_the_literals_that_wrote_them() {
    let lists = [
        "lib.flatten [ \"a\" [ \"b\" ] ]",
        "lib.unique [ \"a\" \"b\" \"a\" ]",
        "lib.optionals true [ \"a\" \"b\" ]",
        "lib.optional true \"a\" ++ lib.singleton \"b\"",
        "lib.filter (x: true) [ \"a\" \"b\" ]",
        "lib.take 2 [ \"a\" \"b\" \"c\" ]",
        "lib.drop 1 [ \"0\" \"a\" \"b\" ]",
        "lib.reverseList [ \"b\" \"a\" ]",
        "lib.sort (a: b: a < b) [ \"b\" \"a\" ]",
        "lib.subtractLists [ \"x\" ] [ \"a\" \"x\" \"b\" ]",
        "lib.remove \"x\" [ \"a\" \"x\" \"b\" ]",
        "lib.attrValues (lib.filterAttrs (n: v: v != \"c\") { a = \"a\"; b = \"b\"; c = \"c\"; })",
        "lib.attrValues (lib.recursiveUpdate { x = { a = \"0\"; b = \"b\"; }; } { x.a = \"a\"; }).x",
        "lib.attrValues (lib.mapAttrs' (n: v: lib.nameValuePair n v) { a = \"a\"; b = \"b\"; })",
        "lib.mapAttrsToList (n: v: v) { a = \"a\"; b = \"b\"; }",
        "lib.attrValues (lib.genAttrs [ \"x\" \"y\" ] (n: { x = \"a\"; y = \"b\"; }.${n}))",
        "[ (lib.attrByPath [ \"a\" \"x\" ] 0 { a.x = \"a\"; }) (lib.attrByPath [ \"b\" ] \"b\" { }) ]",
        "lib.concatMap (x: [ x ]) [ \"a\" \"b\" ]",
        "lib.attrValues (lib.zipAttrsWith (n: vs: lib.last vs) [ { a = \"a\"; } { b = \"b\"; } ])",
        "lib.attrValues (lib.foldlAttrs (all: n: v: all // { ${n} = v; }) { } { a = \"a\"; b = \"b\"; })",
        "lib.attrValues (lib.mergeAttrsList [ { a = \"0\"; } { a = \"a\"; } { b = \"b\"; } ])",
        "lib.toList (lib.removePrefix \"x\" \"a\") ++ [ (lib.removeSuffix \"x\" \"b\") ]",
        "lib.pipe [ \"a\" \"b\" ] [ (lib.filter (x: true)) lib.unique ]",
        "lib.lists.last [ [ ] [ \"a\" \"b\" ] ]",
    ];
    for call in lists {
        let texts = written(call, |e, value| {
            let Data::List(list) = &value.data else {
                panic!("{call} is no list");
            };
            list.items
                .iter()
                .map(|item| {
                    let item = e.force(*item).unwrap();
                    item.at.map(|at| e.sources().text(at)).unwrap_or_default()
                })
                .collect()
        });
        assert_eq!(texts, ["\"a\"", "\"b\""], "{call}");
    }
}

#[test]
fn entries_and_list_literals_are_kept() {
    let parts = written("lib.flatten [ \"a\" [ \"b\" ] ]", |e, value| {
        let Data::List(list) = &value.data else {
            panic!("no list");
        };
        list.parts.iter().map(|p| e.sources().text(*p)).collect()
    });
    assert_eq!(parts, ["[ \"a\" [ \"b\" ] ]", "[ \"b\" ]"]);
    for call in [
        "lib.filterAttrs (n: v: true) { a = 1; }",
        "lib.recursiveUpdate { b = 1; } { a = 1; }",
        "lib.removeAttrs { a = 1; b = 2; } [ \"b\" ]",
        "lib.getAttrs [ \"a\" ] { a = 1; } // { a = 1; }",
        "lib.mapAttrs (n: v: v) { a = 1; }",
        "lib.intersectAttrs { a = 0; } { a = 1; }",
    ] {
        let entries = written(call, |e, value| {
            let Data::Set(set) = &value.data else {
                panic!("no set");
            };
            let entry = set.get("a").and_then(|a| a.entry);
            entry.map(|at| e.sources().text(at)).into_iter().collect()
        });
        assert_eq!(entries, ["a = 1;"], "{call}");
    }
}

/// Long lists take no more than their share of the steps that one evaluator has.
#[test]
fn long_lists_are_no_trouble() {
    let calls = [
        "lib.length (lib.unique (lib.genList toString 20000))",
        "lib.length (lib.attrNames (lib.genAttrs (lib.genList toString 20000) lib.id))",
        "lib.length (lib.attrNames (lib.removeAttrs (lib.genAttrs (lib.genList toString 20000) lib.id) (lib.genList (i: \"x${toString i}\") 20000)))",
        "lib.length (builtins.genericClosure { startSet = lib.genList (key: { inherit key; }) 20000; operator = _: [ ]; })",
        "lib.length (lib.flatten (lib.genList (i: [ i [ i ] ]) 10000))",
        "lib.length (lib.attrNames (lib.listToAttrs (lib.genList (i: lib.nameValuePair (toString i) i) 20000)))",
        "lib.length (lib.sort lib.lessThan (lib.genList (i: 20000 - i) 20000))",
        "lib.length (lib.splitString \",\" (lib.concatStringsSep \",\" (lib.genList toString 20000)))",
        "lib.length (lib.stringToCharacters (lib.concatStrings (lib.genList (_: \"x\") 20000)))",
        "lib.length (builtins.filter builtins.isString (builtins.split \",\" (lib.concatStringsSep \",\" (lib.genList (_: \"a\") 20000))))",
    ];
    let files = files(&calls);
    let start = std::time::Instant::now();
    for (index, call) in calls.iter().enumerate() {
        let said = ours(&files.root(), index);
        assert_eq!(said, Ok(20000.into()), "{call}");
    }
    // Without optimisation it takes a second or two; what is quadratic takes minutes.
    let took = start.elapsed();
    assert!(took.as_secs() < 40, "{took:?}");
}

/// Every builtin of Nix 2.31 (its manual, "Built-ins") is there or is known to be out of reach.
const BUILTINS: &str = "abort add addDrvOutputDependencies addErrorContext all any appendContext \
    attrNames attrValues baseNameOf bitAnd bitOr bitXor break builtins catAttrs ceil \
    compareVersions concatLists concatMap concatStringsSep convertHash deepSeq derivation \
    derivationStrict dirOf div elem elemAt false fetchGit fetchMercurial fetchTarball fetchTree \
    fetchurl filter filterSource findFile floor foldl' fromJSON fromTOML functionArgs genList \
    genericClosure getAttr getContext getEnv groupBy hasAttr hasContext hashFile hashString head \
    import intersectAttrs isAttrs isBool isFloat isFunction isInt isList isNull isPath isString \
    langVersion length lessThan listToAttrs map mapAttrs match mul nixPath nixVersion null \
    parseDrvName partition path pathExists placeholder readDir readFile readFileType removeAttrs \
    replaceStrings scopedImport seq sort split splitVersion storeDir storePath stringLength sub \
    substring tail throw toFile toJSON toPath toString toXML trace traceVerbose true tryEval \
    typeOf unsafeDiscardOutputDependency unsafeDiscardStringContext unsafeGetAttrPos warn \
    zipAttrsWith";

/// Those that a Nix has only in some mode: whether they are there is unknown.
const SOMETIMES: &[&str] = &[
    "currentSystem",
    "currentTime",
    "exec",
    "fetchClosure",
    "flakeRefToString",
    "getFlake",
    "importNative",
    "outputOf",
    "parseFlakeRef",
];

#[test]
fn no_builtin_is_forgotten() {
    let names: Vec<&str> = BUILTINS.split_whitespace().collect();
    let calls: Vec<String> = names
        .iter()
        .chain(SOMETIMES)
        .map(|name| format!("builtins ? {name}"))
        .collect();
    let files = Files::new(&calls);
    for (index, call) in calls.iter().enumerate() {
        let said = files.ours(index);
        match index < names.len() {
            true => assert_eq!(said, Ok(true.into()), "{call}"),
            false => assert!(said.is_err(), "{call} is {said:?}"),
        }
    }
    if !nix::is_there("the names of all builtins") {
        return;
    }
    let real = nix::instantiate(&["-E", "builtins.attrNames builtins"]).unwrap();
    for name in real.as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(
            names.contains(&name) || SOMETIMES.contains(&name),
            "{name} is not listed here"
        );
    }
}

/// Spellings of a hash; Nix 2.8 has no convertHash, so these are what `nix-hash` prints.
#[test]
fn hashes_are_spelt_as_nix_hash_spells_them() {
    let empty = [
        (
            "base16",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "nix32",
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        ),
        ("base64", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("sri", "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ];
    for (from, hash) in empty {
        for (to, expected) in empty {
            let algorithm = if from == "sri" {
                ""
            } else {
                "hashAlgo = \"sha256\";"
            };
            let call = format!(
                "builtins.convertHash {{ hash = \"{hash}\"; {algorithm} toHashFormat = \"{to}\"; }}"
            );
            let said = Files::new(&[&call]).ours(0);
            assert_eq!(said, Ok(expected.into()), "{call}");
        }
    }
    let calls = [
        "builtins.convertHash { hash = \"e3b0\"; hashAlgo = \"sha256\"; toHashFormat = \"sri\"; }",
        "builtins.convertHash { hash = \"e3b0\"; toHashFormat = \"sri\"; }",
        "builtins.convertHash { hash = \"sha1-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"; toHashFormat = \"base16\"; }",
        "builtins.convertHash { hash = \"\"; hashAlgo = \"sha256\"; toHashFormat = \"sri\"; }",
    ];
    let files = Files::new(&calls);
    for (index, call) in calls.iter().enumerate() {
        assert!(files.ours(index).is_err(), "{call}");
    }
}

/// What `lib` lists, it has: no name that leads nowhere.
#[test]
fn every_name_of_lib_is_there() {
    let root = tempfile::tempdir().unwrap();
    let evaluator = Evaluator::new(Rc::new(Sources::new(root.path().to_owned())));
    let lib = evaluator.force(evaluator.lib()).unwrap();
    let lib = evaluator.as_set(&lib, None).unwrap();
    let (mut names, mut missing) = (0, Vec::new());
    for (name, attribute) in lib.iter() {
        names += 1;
        match evaluator.force(attribute.value) {
            Err(why) => missing.push(format!("lib.{name}: {}", why.why)),
            // A namespace, or a set of answers.
            Ok(Value {
                data: Data::Set(inner),
                ..
            }) => {
                for (inner, attribute) in inner.iter() {
                    names += 1;
                    if let Err(why) = evaluator.force(attribute.value) {
                        missing.push(format!("lib.{name}.{inner}: {}", why.why));
                    }
                }
            }
            Ok(_) => {}
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(names > 800, "only {names}");
    println!("{names} names");
}
