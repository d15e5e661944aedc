//! Ways of giving a set of sets a new entry: a subvolume, a mount.

use serde_json::Value as Json;

use super::{Candidate, clone, gone, look, value};
use crate::nix::edit::{self, NewValue};
use crate::project::Evaluated;

/// An entry that is to come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewEntry {
    /// The set that it comes into.
    pub(super) holder: Vec<String>,
    /// Its name there.
    pub(super) name: String,
    /// What it says.
    pub(super) value: serde_json::Map<String, Json>,
    /// The sibling that it is to be like, if one is meant.
    pub(super) like: Option<String>,
}

impl NewEntry {
    pub(super) fn path(&self) -> Vec<String> {
        look::below(&self.holder, &[&self.name])
    }
}

pub(super) fn candidates(evaluated: &Evaluated, new: &NewEntry) -> Vec<Candidate> {
    let mut out = clone::candidates(evaluated, new);
    // Where a function makes each from a list of names, one more name may be all.
    for (file, list, texts) in gone::name_lists(evaluated, &new.path()) {
        let is_sibling = |name: &String| {
            let path = look::below(&new.holder, &[name]);
            matches!(look::value(evaluated, &path), Ok(Some(_)))
        };
        if texts.iter().all(is_sibling) {
            let edit = edit::append_elements(&list, &[NewValue::string(&new.name)]);
            out.push(Candidate::of(file, edit));
        }
    }
    let value = NewValue::from(&Json::Object(new.value.clone()));
    out.extend(value::new(evaluated, &new.path(), &value));
    out
}
