//! Owns: asking the real Nix, and reading the same file with ours.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use btrfs_tune::nix::eval::{Data, Evaluator, Thunk};
use btrfs_tune::nix::source::Sources;
use serde_json::Value as Json;

/// Whether the real Nix can be asked. Without it the caller skips, except in CI, where it fails.
pub(crate) fn is_there(what: &str) -> bool {
    let there = Command::new("nix-instantiate")
        .arg("--version")
        .output()
        .is_ok();
    if !there {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "no nix-instantiate: {what} cannot be checked"
        );
        eprintln!("skipped, there is no nix-instantiate: {what}");
    }
    there
}

/// What `nix-instantiate --eval --strict --json` prints, or its complaint.
pub(crate) fn instantiate(arguments: &[&str]) -> Result<Json, String> {
    let output = Command::new("nix-instantiate")
        .args(["--eval", "--strict", "--json"])
        .args(arguments)
        .output()
        .expect("nix-instantiate runs");
    // Nix may print half an answer before it fails.
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// Expressions, each in a file of its own below one directory.
pub(crate) struct Files {
    directory: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    pub(crate) fn new<S: AsRef<str>>(expressions: &[S]) -> Files {
        let directory = tempfile::tempdir().expect("a directory");
        // Both readers name paths by where they are, so no link may be on the way.
        let root = directory.path().canonicalize().expect("it exists");
        let write = |(index, text): (usize, &S)| {
            let path = root.join(format!("{index}.nix"));
            std::fs::write(&path, text.as_ref()).expect("it is written");
            path
        };
        let paths = expressions.iter().enumerate().map(write).collect();
        Files { directory, paths }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().expect("it exists")
    }

    /// What ours says of one file: its value as JSON, or why it is not known.
    pub(crate) fn ours(&self, index: usize) -> Result<Json, String> {
        let evaluator = Evaluator::new(Rc::new(Sources::new(self.root())));
        let path = self.paths[index].clone();
        let thunk = evaluator.native(move |e| e.import(&path, None));
        to_json(&evaluator, thunk)
    }

    /// What Nix says of one file.
    pub(crate) fn real(&self, index: usize) -> Result<Json, String> {
        instantiate(&[&self.paths[index].display().to_string()])
    }

    /// What Nix says of all files, in one call for each batch that nothing in it aborts.
    pub(crate) fn real_all(&self, batch: usize) -> Vec<Result<Json, String>> {
        let indices: Vec<usize> = (0..self.paths.len()).collect();
        indices
            .chunks(batch)
            .flat_map(|part| self.real_part(part))
            .collect()
    }

    pub(crate) fn real_part(&self, part: &[usize]) -> Vec<Result<Json, String>> {
        let imports: Vec<String> = part
            .iter()
            .map(|i| format!("(t (import {}))", self.paths[*i].display()))
            .collect();
        // What can be caught is caught here; what cannot ends the batch, which is then halved.
        let list = format!(
            "let t = e: builtins.tryEval (builtins.deepSeq e e); in [ {} ]",
            imports.join(" ")
        );
        match instantiate(&["-E", &list]) {
            Ok(answer) => {
                let one = |a: &Json| match a["success"].as_bool() {
                    Some(true) => Ok(a["value"].clone()),
                    _ => Err("it throws".to_owned()),
                };
                answer.as_array().expect("a list").iter().map(one).collect()
            }
            Err(error) if part.len() == 1 => vec![Err(error)],
            Err(_) => {
                let (left, right) = part.split_at(part.len() / 2);
                let mut all = self.real_part(left);
                all.extend(self.real_part(right));
                all
            }
        }
    }
}

/// A value as JSON, forced throughout, as `--strict --json` prints it.
pub(crate) fn to_json(e: &Evaluator, thunk: Thunk) -> Result<Json, String> {
    below(e, thunk, 0)
}

fn below(e: &Evaluator, thunk: Thunk, depth: usize) -> Result<Json, String> {
    if depth > 100 {
        return Err("it holds itself".to_owned());
    }
    let value = e.force(thunk).map_err(|unknown| unknown.why.to_string())?;
    Ok(match &value.data {
        Data::Null => Json::Null,
        Data::Bool(b) => (*b).into(),
        Data::Int(i) => (*i).into(),
        Data::Float(f) => (*f).into(),
        Data::Str(s) => (&**s).into(),
        Data::List(list) => {
            let items: Result<Vec<Json>, String> = list
                .items
                .iter()
                .map(|item| below(e, *item, depth + 1))
                .collect();
            items?.into()
        }
        Data::Set(set) if set.is_closed() => {
            let mut map = serde_json::Map::new();
            for (name, attribute) in set.iter() {
                map.insert(name.to_string(), below(e, attribute.value, depth + 1)?);
            }
            map.into()
        }
        Data::Set(_) => return Err("further attributes of a set are not known".to_owned()),
        Data::Path(_) | Data::Lambda(_) | Data::Builtin(_) => {
            return Err(format!("JSON has no {}", value.type_name()));
        }
    })
}

/// Whether two answers are the same; Nix prints six digits of a float.
pub(crate) fn same(ours: &Json, real: &Json) -> bool {
    match (ours, real) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (
                a.as_f64().unwrap_or(f64::NAN),
                b.as_f64().unwrap_or(f64::NAN),
            );
            a == b || (a - b).abs() <= a.abs().max(b.abs()) * 1e-5
        }
        (Json::Number(a), Json::Number(b)) => a == b,
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(n, a)| b.get(n).is_some_and(|b| same(a, b)))
        }
        _ => ours == real,
    }
}

/// The root of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
