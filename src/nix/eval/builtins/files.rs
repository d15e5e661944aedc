//! Functions that read the project's own tree, and nothing outside it.

use std::path::{Path, PathBuf};

use super::super::interpret::Evaluator;
use super::super::value::*;
use super::{primitive, set_of, string};
use crate::nix::source::{Span, normalise};

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("import", 1, |e, a, at| {
        let value = e.force(a[0])?;
        // What this program knows of a tree outside the project stands for its default.nix.
        if let Data::Set(set) = &value.data
            && let Some(known) = set.get("__import")
        {
            return e.force(known.value);
        }
        let path = path(e, &value, at)?;
        e.import(&path, at)
    }),
    primitive("pathExists", 1, |e, a, at| {
        let value = e.force(a[0])?;
        let path = path(e, &value, at)?;
        match e.sources().exists(&path) {
            Some(exists) => Ok(Value {
                data: Data::Bool(exists),
                at,
            }),
            None => Err(outside(e, &path, at)),
        }
    }),
    primitive("readFile", 1, |e, a, at| {
        let value = e.force(a[0])?;
        let path = path(e, &value, at)?;
        match e.sources().read_text(&path) {
            Ok(text) => string(text, at),
            Err(error) => Err(Unknown::new(Why::File(error.to_string()), at)),
        }
    }),
    primitive("readDir", 1, |e, a, at| {
        let value = e.force(a[0])?;
        let path = path(e, &value, at)?;
        let Some(entries) = e.sources().read_dir(&path) else {
            return Err(outside(e, &path, at));
        };
        let entries = entries.into_iter().map(|(name, kind)| {
            let value = e.text(kind);
            (name.into(), Attribute::new(value))
        });
        set_of(entries.collect(), at)
    }),
    primitive("readFileType", 1, |e, a, at| {
        let value = e.force(a[0])?;
        let path = path(e, &value, at)?;
        match kind(e, &path) {
            Some(kind) => string(kind, at),
            None => Err(outside(e, &path, at)),
        }
    }),
    // A copy of a tree is read as the tree itself. What a filter leaves out cannot be said of it.
    primitive("path", 1, |e, a, at| {
        let set = e.as_set(&e.force(a[0])?, at)?;
        super::closed(&set, at)?;
        if set.get("filter").is_some() {
            return Err(Unknown::new(Why::Effect("path"), at));
        }
        let Some(attribute) = set.get("path") else {
            let why = Why::Refused("`path` is missing".to_owned());
            return Err(Unknown::new(why, at));
        };
        let value = e.force(attribute.value)?;
        path(e, &value, at)?;
        let text = e.to_text(&e.interpolated(&value, at)?, at)?;
        Ok(Value {
            data: Data::Path(text.into()),
            at,
        })
    }),
    primitive("baseNameOf", 1, |e, a, at| {
        let value = e.interpolated(&e.force(a[0])?, at)?;
        let text = e.to_text(&value, at)?;
        let text = text.strip_suffix('/').unwrap_or(&text);
        string(text.rsplit('/').next().unwrap_or_default(), at)
    }),
    primitive("dirOf", 1, |e, a, at| {
        let value = e.interpolated(&e.force(a[0])?, at)?;
        let text = e.to_text(&value, at)?;
        let parent = match text.rfind('/') {
            Some(0) => "/",
            Some(index) => &text[..index],
            None => ".",
        };
        match value.data {
            Data::Path(_) => Ok(Value {
                data: Data::Path(parent.into()),
                at,
            }),
            _ => string(parent, at),
        }
    }),
    primitive("toPath", 1, |e, a, at| {
        let value = e.force(a[0])?;
        let path = normalise(&path(e, &value, at)?);
        string(path.display().to_string(), at)
    }),
];

/// The absolute path that an argument names.
pub(super) fn path(e: &Evaluator, value: &Value, at: Option<Span>) -> Eval<PathBuf> {
    let text = e.to_text(&e.interpolated(value, at)?, at)?;
    match text.starts_with('/') {
        true => Ok(PathBuf::from(text)),
        false => Err(Unknown::new(
            Why::Refused(format!("`{text}` is no absolute path")),
            at,
        )),
    }
}

/// What `readDir` calls an entry of the project.
fn kind(e: &Evaluator, path: &Path) -> Option<&'static str> {
    let path = normalise(path);
    // The root is no entry of anything that may be read.
    if path == e.sources().root() {
        return Some("directory");
    }
    let name = path.file_name()?.to_str()?;
    let siblings = e.sources().read_dir(path.parent()?)?;
    siblings
        .into_iter()
        .find(|(n, _)| n == name)
        .map(|(_, kind)| kind)
}

fn outside(e: &Evaluator, path: &Path, at: Option<Span>) -> std::rc::Rc<Unknown> {
    let shown = e.sources().shown(path);
    Unknown::new(
        Why::File(format!("{shown} cannot be read as part of the project")),
        at,
    )
}
