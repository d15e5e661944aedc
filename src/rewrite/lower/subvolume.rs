//! Ways of declaring a subvolume.

use super::{Candidate, single, value::set_literal};
use crate::nix::edit::{self, NewValue};
use crate::project::Evaluated;

pub(super) fn candidates(
    evaluated: &Evaluated,
    filesystem: &[String],
    name: &str,
    mountpoint: &str,
    options: &[String],
) -> Vec<Candidate> {
    let value = NewValue::Set(vec![
        ("mountpoint".to_owned(), NewValue::string(mountpoint)),
        ("mountOptions".to_owned(), NewValue::strings(options)),
    ]);
    // Beside its siblings, else as the first of them.
    let attempts = [
        (["subvolumes"].as_slice(), vec![name]),
        (&[], vec!["subvolumes", name]),
    ];
    let attempts = attempts.into_iter().filter_map(|(below, path)| {
        let mut holder: Vec<&str> = filesystem.iter().map(String::as_str).collect();
        holder.extend(below);
        let set = evaluated
            .configuration
            .get(&evaluated.evaluator, &holder)
            .ok()
            .flatten()?;
        let at = set.at?;
        let file = evaluated.evaluator.sources().file(at.file)?;
        let literal = set_literal(file.tree(), at.range)?;
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        Some(single(at, edit::insert_path(&literal, &path, &value)))
    });
    attempts.collect()
}
