//! What the evaluator makes of a file, as JSON: `cargo run --example eval -- FILE`.
//!
//! The file is an expression, or a function of `lib`. For finding out where reading ends: what is
//! not known is printed as such, with the reason and the place.

use std::path::Path;
use std::rc::Rc;

use btrfs_tune::nix::eval::{AttrSet, Attribute, Data, Evaluator, Thunk};
use btrfs_tune::nix::source::Sources;
use serde_json::{Map, Value as Json};

fn main() {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: eval FILE");
        return;
    };
    let path = std::fs::canonicalize(Path::new(&path)).unwrap_or_else(|_| path.into());
    let root = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    let e = Evaluator::new(Rc::new(Sources::new(root)));
    let value = e.import(&path, None).and_then(|value| match value.data {
        Data::Lambda(_) => {
            let lib = Attribute::new(e.lib());
            let arguments = AttrSet::new(vec![("lib".into(), lib)]);
            let arguments = e.set(arguments);
            e.call(&value, arguments, None)
        }
        _ => Ok(value),
    });
    let json = match value {
        Ok(value) => json(&e, e.done(value), 0),
        Err(unknown) => json(&e, e.unknown(unknown), 0),
    };
    println!("{json:#}");
}

fn json(e: &Evaluator, thunk: Thunk, depth: usize) -> Json {
    if depth > 40 {
        return Json::String("‹nested too deeply›".to_owned());
    }
    let value = match e.force(thunk) {
        Ok(value) => value,
        Err(unknown) => {
            let at = unknown
                .at
                .map(|at| format!(" at {}", e.sources().place(at)));
            let (why, at) = (&unknown.why, at.unwrap_or_default());
            return Json::String(format!("‹unknown: {why}{at}›"));
        }
    };
    match &value.data {
        Data::Null => Json::Null,
        Data::Bool(b) => (*b).into(),
        Data::Int(i) => (*i).into(),
        Data::Float(f) => (*f).into(),
        Data::Str(s) | Data::Path(s) => Json::String(s.to_string()),
        Data::List(list) => list.items.iter().map(|t| json(e, *t, depth + 1)).collect(),
        Data::Set(set) => {
            let entries = set
                .iter()
                .map(|(n, a)| (n.to_string(), json(e, a.value, depth + 1)));
            let mut map: Map<String, Json> = entries.collect();
            if !set.is_closed() {
                map.insert("‹more›".to_owned(), Json::Bool(true));
            }
            Json::Object(map)
        }
        Data::Lambda(_) | Data::Builtin(_) => Json::String("‹function›".to_owned()),
    }
}
