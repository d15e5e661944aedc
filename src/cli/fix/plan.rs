//! From the project to patches: each host analysed, each proposal proven on top of the earlier ones.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::analyze::Analysis;
use crate::cli::eval::{self, Asked};
use crate::cli::inputs::{self, Opened};
use crate::cli::verify;
use crate::ingest::oracle::Filled;
use crate::ingest::problem::{Problem, Severity};
use crate::model::{Facts, Host};
use crate::nix::source::FileId;
use crate::project::HostName;
use crate::recommend::{Applicability, Class};
use crate::report::{FORMAT, HostReport, ProblemReport, RecommendationReport, Report, build};
use crate::rewrite::diff::FileDiff;
use crate::rewrite::{Outcome, Realised, Workspace, realise};
use crate::select::{self, Proposal};

use super::Fix;

/// What a patch is known by while others come and go.
pub(super) type Key = (String, &'static str, String);

/// A proven edit, with all that is said of it.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// The host that it is for.
    pub(super) host: HostName,
    /// What is said of it.
    pub(super) report: RecommendationReport,
    /// The rule, which lives as long as the program.
    pub(super) rule: &'static str,
    /// The texts.
    pub(super) files: Vec<FileDiff>,
    /// Whether a person has changed it.
    pub(super) edited: bool,
}

impl Patch {
    pub(super) fn key(&self) -> Key {
        (self.host.0.clone(), self.rule, self.report.subject.clone())
    }

    pub(super) fn class(&self) -> Class {
        self.report.class.unwrap_or(Class::Live)
    }

    pub(super) fn needs_consent(&self) -> bool {
        self.report.applicability == Applicability::Consent
    }
}

/// A project that patches are made for.
pub(super) struct Planner<'a> {
    fix: &'a Fix,
    pub(super) opened: Opened,
    all: Vec<HostName>,
    /// What Nix told of hosts, if it was asked.
    told: Vec<(HostName, Filled)>,
    problems: Vec<Problem>,
}

/// What there is to do.
pub(super) struct Planned {
    pub(super) workspace: Workspace,
    pub(super) hosts: Vec<HostReport>,
    pub(super) problems: Vec<Problem>,
    /// In the order in which they apply.
    pub(super) patches: Vec<Patch>,
}

impl Planned {
    pub(super) fn failed(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// The public report.
    pub(super) fn report(&self) -> Report {
        Report {
            format: FORMAT.to_owned(),
            hosts: self.hosts.clone(),
            problems: self.problems.iter().map(problem).collect(),
        }
    }
}

impl<'a> Planner<'a> {
    /// Opens the project, and asks Nix about it if that is wanted.
    pub(super) fn open(fix: &'a Fix) -> miette::Result<Planner<'a>> {
        let opened = inputs::open(&fix.target)?;
        // The proof watches every host of the project, whichever is asked about.
        let mut all = opened.project.hosts(&opened.sources).names();
        if all.is_empty() {
            // Nix alone knows them.
            all = opened.hosts.clone();
        }
        let mut planner = Planner {
            fix,
            problems: opened.problems.clone(),
            opened,
            all,
            told: Vec::new(),
        };
        planner.ask()?;
        Ok(planner)
    }

    fn ask(&mut self) -> miette::Result<()> {
        let target = &self.fix.target;
        if !target.eval.is_on() {
            return Ok(());
        }
        let opened = &self.opened;
        let (_, failed) = self.workspace(&BTreeMap::new());
        for name in &opened.hosts {
            let host = match self.is_unread(&failed, name) {
                true => None,
                false => Some(opened.evaluate(name)?.host()),
            };
            match target.eval.fill(opened, name, host)? {
                Asked::No => {}
                Asked::Cannot(why) => self.problems.push(eval::not_asked(name, &why)),
                Asked::Told(filled) => {
                    let disagreements = eval::disagreements(name, &filled, &opened.sources);
                    self.problems.extend(disagreements);
                    self.problems.extend(eval::said(name, &filled));
                    self.told.push((name.clone(), *filled));
                }
            }
        }
        Ok(())
    }

    /// The hosts over the files with these texts laid over them.
    fn workspace(&self, texts: &BTreeMap<FileId, String>) -> (Workspace, Vec<Failure>) {
        let project = Rc::clone(&self.opened.project);
        let sources = match texts.is_empty() {
            true => Rc::clone(&self.opened.sources),
            false => Rc::new(self.opened.sources.with_texts(texts)),
        };
        let (workspace, failed) = Workspace::open(project, sources, &self.all);
        let told = |(name, why): (HostName, Rc<crate::nix::eval::Unknown>)| Failure {
            name,
            why: why.why.to_string(),
        };
        (workspace, failed.into_iter().map(told).collect())
    }

    /// Whether only Nix can read a host.
    fn is_unread(&self, failed: &[Failure], name: &HostName) -> bool {
        failed.iter().any(|f| f.name == *name) || !self.all.contains(name)
    }

    /// The workspace with texts that a person wrote, or why one of them is no configuration.
    pub(super) fn with(&self, texts: &BTreeMap<FileId, String>) -> Result<Workspace, String> {
        for (id, text) in texts {
            let checked = crate::nix::guard::check(text.as_bytes());
            checked.map_err(|(_, refusal)| refusal.to_string())?;
            let sources = self.opened.sources.with_texts(texts);
            let file = sources.file(*id).ok_or("a file that is not known")?;
            file.hir()
                .map_err(|error| format!("{}: {}", file.shown(), error.message))?;
        }
        let (_, before) = self.workspace(&BTreeMap::new());
        let (workspace, failed) = self.workspace(texts);
        let newly = |f: &&Failure| !before.iter().any(|b| b.name == f.name);
        match failed.iter().find(newly) {
            Some(failure) => Err(format!("host {}: {}", failure.name.0, failure.why)),
            None => Ok(workspace),
        }
    }

    /// Makes patches on top of these texts, of the proposals that are wanted.
    pub(super) fn plan(
        &self,
        texts: &BTreeMap<FileId, String>,
        wanted: &dyn Fn(&HostName, &Proposal) -> bool,
    ) -> miette::Result<Planned> {
        let target = &self.fix.target;
        let opened = &self.opened;
        let (start, failed) = self.workspace(texts);
        let mut problems: Vec<Problem> = failed
            .iter()
            .map(|failure| {
                let host = format!("host {}", failure.name.0);
                match target.eval.is_on() && failed.len() == self.all.len() {
                    // Then there are no edits that it would have to be protected from.
                    true => Problem::warning(&host, failure.why.clone())
                        .help("it is analysed as Nix tells it"),
                    false => Problem::error(&host, failure.why.clone()).help(
                        "it is not analysed, and nothing protects it from edits of shared files",
                    ),
                }
            })
            .chain(self.problems.iter().cloned())
            .collect();
        let facts = self.facts_of_others(&failed);
        let start = start.knowing(Rc::new(move |name, _| facts.get(name).cloned()));
        let mut workspace = start.clone();
        let mut made: Vec<Made> = Vec::new();
        for name in &opened.hosts {
            let filled = self.told.iter().find(|(n, _)| n == name).map(|(_, f)| f);
            if self.is_unread(&failed, name) {
                if let Some(filled) = filled {
                    let (alone, found) = self.told_alone(name, filled, wanted)?;
                    problems.extend(found);
                    made.push(alone);
                }
                continue;
            }
            let evaluated = opened.evaluate(name)?;
            let (facts, found) = opened.facts(target, &evaluated)?;
            problems.extend(found);
            let read = evaluated.host().with_facts(&facts);
            let (model, realised) = match filled {
                None => {
                    let wanted = |p: &Proposal| wanted(name, p);
                    let (next, realised) = realise(&workspace, name, &facts, &wanted);
                    workspace = next;
                    (read, realised)
                }
                Some(filled) => {
                    let model = filled.host.clone().with_facts(&facts);
                    let settled = settled(&read, &model);
                    let wanted = |p: &Proposal| wanted(name, p) && !settled(p);
                    let (next, mut realised) = realise(&workspace, name, &facts, &wanted);
                    match self.obstacle(name, &realised) {
                        Some(why) => eval::withhold(&mut realised, &why),
                        None => workspace = next,
                    }
                    let advice = self.advice(filled, &model, &realised, &wanted);
                    realised.extend(advice);
                    (model, realised)
                }
            };
            made.push(Made {
                name: name.clone(),
                facts,
                model,
                realised,
            });
        }
        problems.extend(workspace.problems().iter().cloned());
        if self.fix.verify {
            let mut done: Vec<verify::Done<'_>> = made.iter_mut().map(Made::done).collect();
            let limits = target.eval.limits();
            let (next, found) = verify::run(opened, &limits, &start, workspace, &mut done)?;
            workspace = next;
            problems.extend(found);
        }
        let (mut hosts, mut patches) = (Vec::new(), Vec::new());
        for one in &made {
            let analysis = Analysis::of(&one.model);
            let report = build::host(&one.model, &analysis, &one.realised, &opened.sources);
            patches.extend(patches_of(&one.name, &one.realised, &report));
            hosts.push(report);
        }
        problems.sort();
        problems.dedup();
        Ok(Planned {
            workspace,
            hosts,
            problems,
            patches,
        })
    }

    /// What is known of every host besides its configuration: a patch that several share is judged
    /// by the plan of each. What is wrong with these is told of the hosts that are asked about.
    fn facts_of_others(&self, failed: &[Failure]) -> BTreeMap<HostName, Facts> {
        let opened = &self.opened;
        let read = self.all.iter().filter(|name| !self.is_unread(failed, name));
        let facts = read.filter_map(|name| {
            let evaluated = opened.evaluate(name).ok()?;
            let (facts, _) = opened.facts(&self.fix.target, &evaluated).ok()?;
            Some((name.clone(), facts))
        });
        facts.collect()
    }

    /// The report of a host that Nix alone can read; there are no patches for it.
    fn told_alone(
        &self,
        name: &HostName,
        filled: &Filled,
        wanted: &dyn Fn(&HostName, &Proposal) -> bool,
    ) -> miette::Result<(Made, Vec<Problem>)> {
        let settings = &filled.host.settings;
        let named = ["hardware.facter.reportPath", "facter.reportPath"]
            .iter()
            .find_map(|path| settings.text(path).map(str::to_owned));
        let target = &self.fix.target;
        let (facts, found) = self.opened.facts_beside(target, name, named)?;
        let model = filled.host.clone().with_facts(&facts);
        let realised = self.advice(filled, &model, &[], &|p| wanted(name, p));
        let made = Made {
            name: name.clone(),
            facts,
            model,
            realised,
        };
        Ok((made, found))
    }

    /// Why no patch of a host can be believed: static reading, on which its proof stands, is wrong
    /// of this host, or of one that reads a changed file.
    fn obstacle(&self, name: &HostName, realised: &[Realised]) -> Option<String> {
        let doubtful = |host: &HostName| {
            let told = &self.told;
            let mut all = told.iter().filter(|(_, filled)| filled.is_advice_only());
            all.any(|(n, _)| n == host)
        };
        let shared = realised.iter().flat_map(|r| match &r.outcome {
            Outcome::Patch { shared_with, .. } => shared_with.as_slice(),
            _ => &[],
        });
        let host = std::iter::once(name).chain(shared).find(|h| doubtful(h))?;
        Some(format!(
            "the files of host {} are read differently by Nix, so no edit is proposed",
            host.0
        ))
    }

    fn advice(
        &self,
        filled: &Filled,
        model: &Host,
        realised: &[Realised],
        wanted: &dyn Fn(&Proposal) -> bool,
    ) -> Vec<Realised> {
        let mut advice = match filled.from_nix().next() {
            Some(_) => eval::advice(model, realised, &self.opened.sources),
            None => Vec::new(),
        };
        advice.retain(|r| wanted(&r.proposal));
        advice
    }
}

/// What was made of one host.
struct Made {
    name: HostName,
    facts: Facts,
    model: Host,
    realised: Vec<Realised>,
}

impl Made {
    fn done(&mut self) -> verify::Done<'_> {
        verify::Done {
            name: &self.name,
            facts: &self.facts,
            realised: &mut self.realised,
        }
    }
}

/// A host that could not be evaluated.
struct Failure {
    name: HostName,
    why: String,
}

/// What Nix knows may settle what static reading alone would propose.
fn settled(read: &Host, told: &Host) -> impl Fn(&Proposal) -> bool + use<> {
    type RuleAndSubject = (&'static str, String);
    let keys = |host: &Host| -> Vec<RuleAndSubject> {
        let plan = select::plan(host, &Analysis::of(host));
        let key = |p: &Proposal| (p.finding.rule, p.finding.subject.clone());
        plan.iter().map(key).collect()
    };
    let (by_files, by_both) = (keys(read), keys(told));
    move |p: &Proposal| {
        let key = (p.finding.rule, p.finding.subject.clone());
        by_files.contains(&key) && !by_both.contains(&key)
    }
}

fn patches_of(name: &HostName, realised: &[Realised], report: &HostReport) -> Vec<Patch> {
    // The report has one recommendation for each, in the same order.
    let pairs = realised.iter().zip(&report.recommendations);
    pairs
        .filter_map(|(one, report)| match &one.outcome {
            Outcome::Patch { files, .. } => Some(Patch {
                host: name.clone(),
                rule: one.proposal.finding.rule,
                report: report.clone(),
                files: files.clone(),
                edited: false,
            }),
            Outcome::With(_) | Outcome::Advice | Outcome::Dropped(_) | Outcome::Stuck(_) => None,
        })
        .collect()
}

fn problem(problem: &Problem) -> ProblemReport {
    let line = problem.line.map(|l| format!(":{l}")).unwrap_or_default();
    let column = problem.column.map(|c| format!(":{c}")).unwrap_or_default();
    ProblemReport {
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
        .to_owned(),
        source: format!("{}{line}{column}", problem.source),
        message: problem.message.clone(),
        help: problem.help.clone(),
    }
}
