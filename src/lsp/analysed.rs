//! A project, evaluated with the open buffers laid over the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lsp_types::{Diagnostic, Range, TextEdit};

use super::{FactsOf, convert};
use crate::analyze::Analysis;
use crate::model::Facts;
use crate::nix::eval::{Unknown, Why};
use crate::nix::guard;
use crate::nix::source::{FileId, SourceFile, Sources};
use crate::project::{Evaluated, HostName, Project};
use crate::recommend::{Applicability, Finding, Remedy};
use crate::rewrite::{Outcome, Workspace, realise};
use crate::select;

/// The texts of the open buffers.
pub(super) type Texts<'a> = BTreeMap<&'a Path, &'a str>;

/// A finding of a host, and where an editor shows it.
#[derive(Debug)]
pub(super) struct Located {
    host: HostName,
    finding: Finding,
    /// The file.
    pub(super) path: PathBuf,
    /// Where in it.
    pub(super) range: Range,
    /// As it is shown.
    pub(super) diagnostic: Diagnostic,
}

/// A proven edit for one finding.
#[derive(Debug, PartialEq)]
pub(super) struct Fix {
    /// What it does, and what it gives up.
    pub(super) title: String,
    /// Whether it takes nothing away.
    pub(super) is_safe: bool,
    /// The edits, by file.
    pub(super) files: Vec<(PathBuf, Vec<TextEdit>)>,
}

/// What became of a project.
#[derive(Debug)]
pub(super) struct Analysed {
    workspace: Workspace,
    facts: Rc<BTreeMap<HostName, Facts>>,
    /// The files that its hosts read.
    pub(super) read: BTreeSet<PathBuf>,
    /// Files of it that are no Nix; then there are no findings, for they could be wrong.
    pub(super) broken: BTreeMap<PathBuf, Diagnostic>,
    /// The findings.
    pub(super) findings: Vec<Located>,
}

/// The diagnostic of a text that is no Nix.
pub(super) fn broken(text: &str) -> Option<Diagnostic> {
    if let Err((offset, refusal)) = guard::check(text.as_bytes()) {
        let range = convert::range_in(text, offset..offset);
        return Some(convert::broken(range, refusal.to_string()));
    }
    // Identities are not needed here, so a view of its own will do.
    let sources = Sources::new(PathBuf::from("/"));
    broken_file(&sources.insert_text(Path::new("/buffer.nix"), text))
}

fn broken_file(file: &SourceFile) -> Option<Diagnostic> {
    let error = file.hir().err()?;
    let range = convert::range_in(file.text(), error.at.into());
    Some(convert::broken(range, error.message))
}

/// The nearest flake at or above a file, within its git work tree.
pub(super) fn flake_above(path: &Path) -> Option<PathBuf> {
    for directory in path.ancestors().skip(1) {
        let flake = directory.join("flake.nix");
        if flake.is_file() {
            return Some(flake);
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}

impl Analysed {
    /// Evaluates and analyses the project of an entry file; `None` if there is nothing to evaluate.
    pub(super) fn of(entry: &Path, texts: &Texts<'_>, facts_of: FactsOf<'_>) -> Option<Analysed> {
        let project = Rc::new(Project::open(entry).ok()?);
        let sources = project.sources();
        for (path, text) in texts {
            if path.starts_with(sources.root()) {
                // What the guard refuses may not be parsed; an empty text is no Nix either.
                let refused = guard::check(text.as_bytes()).is_err();
                sources.insert_text(path, if refused { "" } else { text });
            }
        }
        project.check(&sources).ok()?;
        let mut files: BTreeSet<FileId> = BTreeSet::new();
        files.extend(sources.read(project.entry_file()).ok().map(|f| f.id()));
        let discovery = project.hosts(&sources);
        files.extend(discovery.failure.as_deref().and_then(broken_by));
        let names = discovery.names();
        let (workspace, failed) = Workspace::open(Rc::clone(&project), Rc::clone(&sources), &names);
        files.extend(failed.iter().filter_map(|(_, unknown)| broken_by(unknown)));
        let mut hosts: Vec<Rc<Evaluated>> = Vec::new();
        for name in workspace.hosts() {
            let Ok(evaluated) = workspace.evaluate(name) else {
                continue;
            };
            // Values are forced by reading them; the workspace has forced all of them.
            let skipped = evaluated.configuration.skipped.iter();
            files.extend(skipped.filter_map(|s| broken_by(&s.why)));
            files.extend(evaluated.evaluator.files_read());
            hosts.push(evaluated);
        }
        let mut analysed = Analysed {
            workspace,
            facts: Rc::default(),
            read: BTreeSet::new(),
            broken: BTreeMap::new(),
            findings: Vec::new(),
        };
        for file in files.iter().filter_map(|id| sources.file(*id)) {
            if !file.path().starts_with(sources.root()) {
                continue;
            }
            analysed.read.insert(file.path().to_path_buf());
            if let Some(diagnostic) = broken_file(&file) {
                let path = file.path().to_path_buf();
                analysed.broken.insert(path, diagnostic);
            }
        }
        if analysed.broken.is_empty() {
            let mut known = BTreeMap::new();
            for evaluated in &hosts {
                let facts = facts_of(&project, &sources, evaluated);
                analysed.find(&project, &sources, evaluated, &facts);
                known.insert(evaluated.name.clone(), facts);
            }
            analysed.facts = Rc::new(known);
        }
        Some(analysed)
    }

    fn find(&mut self, project: &Project, sources: &Sources, of: &Evaluated, facts: &Facts) {
        let model = of.host().with_facts(facts);
        let analysis = Analysis::of(&model);
        for proposal in select::plan(&model, &analysis) {
            let finding = proposal.finding;
            let at = finding.at.and_then(|at| {
                let file = sources.file(at.file)?;
                let range = convert::range_in(file.text(), at.range.into());
                let path = file.path().to_path_buf();
                path.starts_with(sources.root()).then_some((path, range))
            });
            let (path, range, message) = match at {
                Some((path, range)) => (path, range, finding.message.clone()),
                // It is about something that no file says: shown where the project begins.
                None => {
                    let message = format!("{}: {}", of.name.0, finding.message);
                    (
                        project.entry_file().to_path_buf(),
                        Range::default(),
                        message,
                    )
                }
            };
            let diagnostic = convert::finding(&finding, message, range);
            self.findings.push(Located {
                host: of.name.clone(),
                finding,
                path,
                range,
                diagnostic,
            });
        }
    }

    /// The remedy of one finding alone, proven on the texts that were analysed.
    pub(super) fn fix(&self, located: &Located) -> Option<Fix> {
        let facts = self.facts.get(&located.host)?;
        let key = (located.finding.rule, located.finding.subject.as_str());
        let wanted = |p: &select::Proposal| p.key() == key;
        let known = Rc::clone(&self.facts);
        let facts_of = move |host: &HostName, _: &Evaluated| known.get(host).cloned();
        let workspace = self.workspace.clone().knowing(Rc::new(facts_of));
        let (after, realised) = realise(&workspace, &located.host, facts, &wanted);
        let remedy = realised.iter().find_map(|r| match r.outcome {
            Outcome::Patch { .. } => r.proposal.remedy.as_ref(),
            _ => None,
        })?;
        let mut files = Vec::new();
        for id in self.workspace.differing(&after) {
            let old = self.workspace.sources().file(id)?;
            let new = after.sources().file(id)?;
            let edits = convert::edits(old.text(), new.text());
            files.push((old.path().to_path_buf(), edits));
        }
        (!files.is_empty()).then(|| Fix {
            title: title(remedy),
            is_safe: remedy.applicability == Applicability::Safe,
            files,
        })
    }

    /// Whether a file had this text when it was analysed.
    pub(super) fn knows(&self, path: &Path, text: &str) -> bool {
        let file = self.workspace.sources().read(path);
        file.is_ok_and(|file| file.text() == text)
    }
}

/// What a remedy does, and what it gives up if it does.
fn title(remedy: &Remedy) -> String {
    match remedy.applicability {
        Applicability::Consent if !remedy.costs.is_empty() => {
            format!("{} (gives up: {})", remedy.title, remedy.costs.join("; "))
        }
        _ => remedy.title.clone(),
    }
}

/// The file that is no Nix, if that is why something is unknown.
fn broken_by(unknown: &Unknown) -> Option<FileId> {
    match &unknown.why {
        Why::Syntax { span, .. } => Some(span.file),
        _ => None,
    }
}
