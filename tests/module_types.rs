//! Options that modules declare: merged by their types as nixpkgs merges them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end so"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::rc::Rc;

use btrfs_tune::nix::eval::{AttrSet, Attribute, Data, Evaluator, Value};
use btrfs_tune::nix::source::Sources;
use serde_json::Value as Json;

/// What nixpkgs' lib gives for modules.nix; its head says which nixpkgs.
const RECORD: &str = include_str!("nix_eval/modules.json");

#[test]
fn declared_options_merge_as_in_nixpkgs() {
    let directory = nix::repository().join("tests/nix_eval");
    let path = directory.join("modules.nix");
    let expected: serde_json::Map<String, Json> = serde_json::from_str(RECORD).expect("JSON");
    assert!(expected.len() > 30);
    let evaluator = Evaluator::new(Rc::new(Sources::new(directory)));
    let whole = evaluator.native(move |e| {
        let function = e.import(&path, None)?;
        let lib = Attribute {
            value: e.lib(),
            entry: None,
        };
        let arguments = AttrSet::new(vec![("lib".into(), lib)]);
        let arguments = e.done(Value::synthetic(Data::Set(Rc::new(arguments))));
        e.call(&function, arguments, None)
    });
    // Each by itself: one that is not known must not hide the others.
    let mut different = Vec::new();
    for (case, expected) in &expected {
        let value = evaluator.select(whole, &[case.as_str().into()], None, None);
        let said = match value {
            Ok(value) => nix::to_json(&evaluator, evaluator.done(value)),
            Err(unknown) => Err(unknown.why.to_string()),
        };
        if !said.as_ref().is_ok_and(|said| nix::same(said, expected)) {
            different.push(format!("{case}\n  ours {said:?}\n  nix  {expected}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// With `NIXPKGS_LIB` set to a directory with nixpkgs' `lib`, the record is made again.
#[test]
fn the_record_is_what_nixpkgs_says() {
    let Ok(lib) = std::env::var("NIXPKGS_LIB") else {
        eprintln!("skipped, NIXPKGS_LIB is not set: whether the record of module types is true");
        return;
    };
    let file = nix::repository().join("tests/nix_eval/modules.nix");
    let file = file.display();
    let said = nix::instantiate(&[
        "-E",
        &format!("import {file} {{ lib = import {lib}/lib; }}"),
    ]);
    assert_eq!(
        said,
        serde_json::from_str(RECORD).map_err(|e| e.to_string())
    );
}
