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
use crate::report::{FORMAT, FindingReport, HostReport, ProblemReport, Report, build};
use crate::rewrite::diff::FileDiff;
use crate::rewrite::{FactsOf, Outcome, Realised, Workspace, realise};
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
    pub(super) report: FindingReport,
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
        let mut opened = inputs::open(&fix.target)?;
        opened.asked.clone_from(&fix.rule);
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
        let workspace = workspace.knowing(self.facts());
        let told = |(name, why): (HostName, Rc<crate::nix::eval::Unknown>)| Failure {
            name,
            why: why.why.to_string(),
        };
        (workspace, failed.into_iter().map(told).collect())
    }

    /// What is known of each host besides its configuration. Hosts that Nix was asked about agree
    /// to nothing that another host wants: static reading alone does not say what they want.
    fn facts(&self) -> FactsOf {
        let told: Vec<HostName> = self.told.iter().map(|(name, _)| name.clone()).collect();
        let opened = self.opened.clone();
        let (asked, others) = (self.fix.target.clone(), self.fix.target.of_others());
        Rc::new(move |name, evaluated| {
            let target = match opened.hosts.contains(name) {
                true => &asked,
                false => &others,
            };
            let known = || opened.facts(target, evaluated).ok().map(|(facts, _)| facts);
            (!told.contains(name)).then(known).flatten()
        })
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
        let (mut workspace, failed) = self.workspace(texts);
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
        let start = workspace.clone();
        let mut made = Vec::new();
        for name in &opened.hosts {
            let filled = self.told.iter().find(|(n, _)| n == name).map(|(_, f)| f);
            if self.is_unread(&failed, name) {
                if let Some(filled) = filled {
                    let (host, found) = self.told_alone(name, filled, wanted)?;
                    problems.extend(found);
                    made.push(host);
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
                model,
                facts,
                realised,
            });
        }
        if self.fix.verify {
            let mut done: Vec<verify::Done<'_>> = made
                .iter_mut()
                .map(|made| verify::Done {
                    name: &made.name,
                    facts: &made.facts,
                    realised: &mut made.realised,
                })
                .collect();
            let limits = target.eval.limits();
            let (left, found) = verify::run(opened, &limits, &start, workspace, &mut done)?;
            workspace = left;
            problems.extend(found);
        }
        problems.extend(workspace.problems().iter().cloned());
        problems.sort();
        problems.dedup();
        let (mut hosts, mut patches) = (Vec::new(), Vec::new());
        for made in &made {
            let analysis = Analysis::of(&made.model);
            let report = build::host(&made.model, &analysis, &made.realised, &opened.sources);
            patches.extend(patches_of(&made.name, &made.realised, &report));
            hosts.push(report);
        }
        Ok(Planned {
            workspace,
            hosts,
            problems,
            patches,
        })
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
            model,
            facts,
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

/// What was made of a host.
struct Made {
    name: HostName,
    model: Host,
    facts: Facts,
    realised: Vec<Realised>,
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
    let pairs = realised.iter().zip(&report.findings);
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
