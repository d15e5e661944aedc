//! Owns: one host as the texts of one moment make it: evaluated once, looked at as often as needed.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rnix::TextRange;

use super::seen::Layer;
use crate::model::Host;
use crate::nix::eval::Unknown;
use crate::nix::module::{Change, Tree, difference};
use crate::nix::source::{FileId, Sources};
use crate::project::{Evaluated, Failed, HostName, Project};

/// A host as one set of texts makes it.
#[derive(Debug)]
pub(super) struct HostState {
    pub(super) name: HostName,
    project: Rc<Project>,
    sources: Rc<Sources>,
    /// Given back when nobody will ask for it soon, for it is large.
    evaluated: RefCell<Option<Rc<Evaluated>>>,
    model: OnceCell<Rc<Host>>,
    taken: OnceCell<Taken>,
    unseen: OnceCell<Unseen>,
}

/// By file, the ranges that had no part in a host; a file that is read and not named here may
/// matter as a whole.
type Unseen = Rc<BTreeMap<FileId, Vec<TextRange>>>;

/// What is kept of an evaluation.
#[derive(Debug, Clone)]
struct Taken {
    tree: Rc<Tree>,
    files: Rc<BTreeSet<FileId>>,
    /// What could not be taken into account, in words that do not depend on lines and columns.
    skipped: Rc<Vec<String>>,
}

impl HostState {
    /// Evaluates a host.
    pub(super) fn of(
        project: &Rc<Project>,
        sources: &Rc<Sources>,
        name: &HostName,
    ) -> Result<HostState, Failed> {
        let evaluated = project.attempt(sources, name)?;
        Ok(HostState {
            name: name.clone(),
            project: Rc::clone(project),
            sources: Rc::clone(sources),
            evaluated: RefCell::new(Some(Rc::new(evaluated))),
            model: OnceCell::new(),
            taken: OnceCell::new(),
            unseen: OnceCell::new(),
        })
    }

    /// The same host over texts that were shown not to matter to it.
    pub(super) fn over(&self, sources: &Rc<Sources>, layers: &[Layer]) -> HostState {
        let mut unseen = BTreeMap::clone(self.unseen());
        for layer in layers {
            let file = layer.before.id();
            if let Some(ranges) = unseen.remove(&file)
                && let Some(moved) = layer.within(&ranges)
            {
                unseen.insert(file, moved);
            }
        }
        HostState {
            name: self.name.clone(),
            project: Rc::clone(&self.project),
            sources: Rc::clone(sources),
            evaluated: RefCell::new(None),
            model: OnceCell::new(),
            taken: OnceCell::from(self.taken().clone()),
            unseen: OnceCell::from(Rc::new(unseen)),
        }
    }

    /// The evaluated host.
    pub(super) fn evaluated(&self) -> Result<Rc<Evaluated>, Rc<Unknown>> {
        if let Some(evaluated) = &*self.evaluated.borrow() {
            // What is asked must not fail because of what was asked before.
            if evaluated.evaluator.has_room() || self.taken.get().is_none() {
                return Ok(Rc::clone(evaluated));
            }
        }
        let evaluated = Rc::new(self.project.evaluate(&self.sources, &self.name)?);
        *self.evaluated.borrow_mut() = Some(Rc::clone(&evaluated));
        Ok(evaluated)
    }

    /// The model of the host, without facts from elsewhere.
    pub(super) fn model(&self) -> Result<Rc<Host>, Rc<Unknown>> {
        if let Some(model) = self.model.get() {
            return Ok(Rc::clone(model));
        }
        let model = Rc::new(self.evaluated()?.host());
        Ok(Rc::clone(self.model.get_or_init(|| model)))
    }

    /// Forgets what can be had again.
    pub(super) fn release(&self) {
        self.unseen();
        *self.evaluated.borrow_mut() = None;
    }

    fn taken(&self) -> &Taken {
        self.taken.get_or_init(|| {
            // An evaluation that was begun by other questions may end by other limits.
            let fresh = || {
                self.project
                    .evaluate(&self.sources, &self.name)
                    .map(Rc::new)
            };
            let known = self.evaluated.borrow().clone();
            let evaluated = match known {
                Some(evaluated) if self.model.get().is_none() => Ok(evaluated),
                Some(_) | None => fresh(),
            };
            match evaluated {
                Ok(evaluated) => {
                    let taken = Taken::of(&evaluated);
                    *self.evaluated.borrow_mut() = Some(evaluated);
                    taken
                }
                Err(unknown) => Taken {
                    tree: Rc::new(Tree::Unknown {
                        why: unknown.why.to_string(),
                        expression: String::new(),
                    }),
                    files: Rc::default(),
                    skipped: Rc::default(),
                },
            }
        })
    }

    /// The whole configuration.
    pub(super) fn tree(&self) -> &Tree {
        &self.taken().tree
    }

    /// The files that it reads.
    pub(super) fn files(&self) -> &BTreeSet<FileId> {
        &self.taken().files
    }

    pub(super) fn reads(&self, files: &BTreeSet<FileId>) -> bool {
        !self.files().is_disjoint(files)
    }

    /// Whether all edits lie in what it does not evaluate.
    pub(super) fn ignores(&self, layers: &[Layer]) -> bool {
        let mut unseen: BTreeMap<FileId, Vec<TextRange>> = BTreeMap::new();
        for layer in layers {
            let file = layer.before.id();
            if !self.files().contains(&file) {
                continue;
            }
            let ranges = unseen.get(&file).or_else(|| self.unseen().get(&file));
            let Some(moved) = ranges.and_then(|ranges| layer.within(ranges)) else {
                return false;
            };
            unseen.insert(file, moved);
        }
        true
    }

    /// What had no part in the whole configuration, nor in anything else that was asked since.
    fn unseen(&self) -> &BTreeMap<FileId, Vec<TextRange>> {
        self.unseen.get_or_init(|| {
            self.taken();
            let evaluated = self.evaluated.borrow();
            let Some(evaluated) = &*evaluated else {
                return Unseen::default();
            };
            let e = &evaluated.evaluator;
            let files = self.files().iter();
            let unseen = files.filter_map(|file| Some((*file, e.unseen(*file)?)));
            Rc::new(unseen.collect())
        })
    }

    /// The exact difference to an earlier state.
    pub(super) fn changes_since(&self, earlier: &HostState) -> Vec<Change> {
        match Rc::ptr_eq(&self.taken().tree, &earlier.taken().tree) {
            true => Vec::new(),
            false => difference(earlier.tree(), self.tree()),
        }
    }

    /// What is left out now and was taken into account before.
    pub(super) fn lost_since(&self, earlier: &HostState) -> Option<&str> {
        let mut known = Vec::clone(&earlier.taken().skipped);
        let mut now = self.taken().skipped.iter();
        now.find(|why| match known.iter().position(|k| k == *why) {
            Some(index) => {
                known.swap_remove(index);
                false
            }
            None => true,
        })
        .map(String::as_str)
    }
}

impl Taken {
    fn of(evaluated: &Evaluated) -> Taken {
        let tree = evaluated.configuration.snapshot(&evaluated.evaluator);
        let skipped = evaluated.configuration.skipped.iter();
        let without_places = |why: String| why.replace(|c: char| c.is_ascii_digit(), "0");
        Taken {
            tree: Rc::new(tree),
            files: Rc::new(evaluated.evaluator.files_read().into_iter().collect()),
            skipped: Rc::new(
                skipped
                    .map(|s| without_places(s.why.why.to_string()))
                    .collect(),
            ),
        }
    }
}
