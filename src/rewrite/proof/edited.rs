//! Owns: a candidate's edits as texts that Nix accepts, and the host that is meant over them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::seen::Layer;
use super::state::HostState;
use super::{Attempt, Step, Texts};
use crate::nix::edit::{TextEdit, apply, settled};
use crate::nix::guard;
use crate::nix::source::FileId;
use crate::nix::syntax;
use crate::rewrite::lower::Candidate;

impl Attempt<'_> {
    /// The step with one candidate's edits, if every file still is what Nix accepts and the host
    /// can still be evaluated.
    pub(super) fn with(&self, step: &Step, candidate: &Candidate) -> Result<Step, String> {
        let mut texts = step.texts.clone();
        let mut by_file: BTreeMap<FileId, Vec<TextEdit>> = BTreeMap::new();
        for (file, edit) in &candidate.edits {
            by_file.entry(*file).or_default().push(edit.clone());
        }
        let mut touched = step.touched.clone();
        for (file, edits) in &by_file {
            let source = step.sources.file(*file).ok_or(NOT_KNOWN)?;
            if !source.path().starts_with(step.sources.root()) {
                return Err(format!("{} is no file of the project", source.shown()));
            }
            let text = apply(source.text(), edits).ok_or("two edits overlap")?;
            // What a formatter leaves alone, it leaves alone afterwards.
            let text = settled(source.text(), &text);
            guard::check(text.as_bytes()).map_err(|(_, refusal)| refusal.to_string())?;
            texts.insert(*file, text);
            touched.insert(*file);
        }
        let sources = Rc::new(step.sources.with_texts(&texts));
        let mut layers = step.layers.clone();
        for (file, edits) in by_file {
            let before = step.sources.file(file).ok_or(NOT_KNOWN)?;
            let after = sources.file(file).ok_or(NOT_KNOWN)?;
            after.hir().map_err(|error| error.message)?;
            keeps_comments(before.tree(), after.tree(), &candidate.dropped_comments)?;
            let as_asked = apply(before.text(), &edits).as_deref() == Some(after.text());
            layers.push(Layer {
                before,
                after,
                edits: as_asked.then_some(edits),
            });
        }
        let differing = texts.iter().filter(|(id, _)| touched.contains(id));
        let key: Texts = differing.map(|(id, text)| (*id, text.clone())).collect();
        if let Some(known) = self.steps.borrow().get(&key) {
            return Ok(known.clone());
        }
        let host = HostState::of(&self.start.project, &sources, self.host)
            .map_err(|failed| failed.why.why.to_string())?;
        let step = Step {
            sources,
            texts,
            touched,
            layers,
            state: Rc::new(host),
        };
        self.steps.borrow_mut().insert(key, step.clone());
        Ok(step)
    }
}

const NOT_KNOWN: &str = "a file that is not known";

/// Whether every comment is still there, except those that a candidate takes along on purpose.
fn keeps_comments(
    before: &rnix::SyntaxNode,
    after: &rnix::SyntaxNode,
    dropped: &[String],
) -> Result<(), String> {
    let mut left = syntax::comments(after);
    for comment in syntax::comments(before) {
        match left.iter().position(|c| *c == comment) {
            Some(index) => {
                left.swap_remove(index);
            }
            None if dropped.contains(&comment) => {}
            None => return Err(format!("it would lose the comment `{comment}`")),
        }
    }
    Ok(())
}
