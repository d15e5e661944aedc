//! Strings with interpolation, and paths.

use std::path::{Path, PathBuf};

use super::hir::*;
use super::interpret::Evaluator;
use super::value::*;
use crate::nix::source::{Span, normalise};

impl Evaluator {
    pub(super) fn string(
        &self,
        unit: &Unit,
        parts: &[Part],
        frame: Frame,
        at: Span,
    ) -> Eval<Value> {
        let written = |data| Ok(Value { data, at: Some(at) });
        if let [Part::Text(text)] = parts {
            return written(Data::Str(text.as_str().into()));
        }
        let mut out = String::new();
        let mut begins_with_path = false;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expr(expr) => {
                    let value = self.eval(unit, *expr, frame)?;
                    let coerced = self.interpolated(&value, Some(at))?;
                    begins_with_path |= index == 0 && matches!(coerced.data, Data::Path(_));
                    match coerced.data {
                        Data::Str(s) => {
                            self.charge(s.len(), Some(at))?;
                            out.push_str(&s);
                        }
                        Data::Path(p) if index == 0 => out.push_str(&p),
                        _ => {
                            let what = "a path copied to the store".to_owned();
                            return Err(Unknown::new(Why::Unsupported(what), Some(at)));
                        }
                    }
                }
            }
        }
        // A string that begins with a path of the project would be a store path to Nix. Its text is
        // not known, but what it names is; it stays a path, so nothing takes it for a plain string.
        match begins_with_path {
            true => written(Data::Path(out.into())),
            false => written(Data::Str(out.into())),
        }
    }

    /// What `${value}` in a string becomes: a string, or a path to be copied.
    pub(super) fn interpolated(&self, value: &Value, at: Option<Span>) -> Eval<Value> {
        self.deeper(at, || self.interpolated_here(value, at))
    }

    fn interpolated_here(&self, value: &Value, at: Option<Span>) -> Eval<Value> {
        match &value.data {
            Data::Str(_) | Data::Path(_) => Ok(value.clone()),
            Data::Set(set) => {
                if let Some(to_string) = set.get("__toString") {
                    let function = self.force(to_string.value)?;
                    let result = self.call(&function, self.done(value.clone()), at)?;
                    return self.interpolated(&result, at);
                }
                let thunk = self.done(value.clone());
                let result = self.select(thunk, &["outPath".into()], None, at)?;
                self.interpolated(&result, at)
            }
            _ => {
                let why = format!("cannot coerce a {} to a string", value.type_name());
                Err(Unknown::new(Why::Refused(why), at))
            }
        }
    }

    pub(super) fn path(
        &self,
        unit: &Unit,
        kind: PathKind,
        parts: &[Part],
        frame: Frame,
        at: Span,
    ) -> Eval<Value> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(t) => text.push_str(t),
                Part::Expr(expr) => {
                    let value = self.eval(unit, *expr, frame)?;
                    match self.interpolated(&value, Some(at))?.data {
                        Data::Str(s) | Data::Path(s) => text.push_str(&s),
                        _ => {}
                    }
                }
            }
        }
        let base = match kind {
            PathKind::Absolute => PathBuf::from("/"),
            PathKind::Home => {
                let what = format!("{text} depends on who evaluates");
                return Err(Unknown::new(Why::File(what), Some(at)));
            }
            PathKind::Relative => self
                .sources
                .file(unit.file)
                .and_then(|f| f.path().parent().map(Path::to_path_buf))
                .unwrap_or_default(),
        };
        let path = normalise(&base.join(text));
        Ok(Value {
            data: Data::Path(path.display().to_string().into()),
            at: Some(at),
        })
    }
}
