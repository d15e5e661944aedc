//! `btrfs-tune diagnose`: what holds a machine back.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use miette::miette;

use super::{CLEAN, FAILED, Target, inputs};
use crate::analyze::Analysis;
use crate::ingest::facts;
use crate::ingest::problem::{Problem, Severity};
use crate::model::Host;
use crate::nix::source::Sources;
use crate::project::{OpenError, Project};
use crate::report::{ProblemReport, diagnosis};

/// Prints what holds a machine back: root causes, ranked by the evidence for and against each.
#[derive(Debug, clap::Args)]
pub(super) struct Diagnose {
    #[command(flatten)]
    target: Target,
    /// What somebody knows of a machine that is not at hand, as JSON: {"complaint": "…", "facts":
    /// {…}}; its schema is schema/facts-1.json. Without PATH nothing else is read.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs; its schema is schema/diagnosis-1.json.
    Json,
}

impl Diagnose {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let (hosts, sources, problems) = match &self.facts {
            Some(file) => self.of_facts(file)?,
            None if self.is_without_files() => self.of_bundle()?,
            None => self.of_project()?,
        };
        let failed = problems.iter().any(|p| p.severity == Severity::Error);
        let analysed = hosts.into_iter().map(|host| {
            let analysis = Analysis::of(&host);
            (host, analysis)
        });
        let analysed: Vec<(Host, Analysis)> = analysed.collect();
        let told = problems.iter().map(told).collect();
        let document = diagnosis::document(&analysed, &sources, told);
        let out = match self.format {
            Format::Text => diagnosis::render(&document),
            Format::Json => {
                let json = serde_json::to_string_pretty(&document)
                    .map_err(|e| miette!("the document cannot be written: {e}"))?;
                json + "\n"
            }
        };
        super::print(&out)?;
        Ok(if failed { FAILED } else { CLEAN })
    }

    /// One machine, of which only this is known.
    fn of_facts(&self, file: &Path) -> miette::Result<(Vec<Host>, Rc<Sources>, Vec<Problem>)> {
        let bytes = inputs::read(file)?;
        let shown = file.display().to_string();
        let (mut facts, mut problems) = facts::read(&shown, &bytes);
        if problems.iter().any(|p| p.severity == Severity::Error) {
            // Of a file that cannot be read, nothing is known: nothing is concluded either.
            let help = "write {\"complaint\": \"…\", \"facts\": {…}}, or give words with --observe";
            let add_help = |problem: Problem| match problem.severity {
                Severity::Error => problem.help(help),
                _ => problem,
            };
            let problems = problems.into_iter().map(add_help).collect();
            let sources = Rc::new(Sources::none());
            return Ok((Vec::new(), sources, problems));
        }
        for text in &self.target.observe {
            let (said, found) = crate::ingest::observations::read_text(text);
            facts.observations.push(said);
            problems.extend(found);
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let host = Host::told(&name, &facts);
        Ok((vec![host], Rc::new(Sources::none()), problems))
    }

    /// Whether there are measurements, and nothing to evaluate: a bundle of another's machine.
    fn is_without_files(&self) -> bool {
        !self.target.metrics.is_empty()
            && matches!(
                Project::open(&self.target.path),
                Err(OpenError::Nothing { .. })
            )
    }

    /// The machine that a bundle was collected on, of which nothing else is known.
    fn of_bundle(&self) -> miette::Result<(Vec<Host>, Rc<Sources>, Vec<Problem>)> {
        let (facts, mut problems) = inputs::measured_alone(&self.target)?;
        let first = self.target.metrics.first();
        let name = first.and_then(|p| p.file_stem()).unwrap_or_default();
        let host = Host::told(&name.to_string_lossy(), &facts);
        let message = "no configuration here: this is what the measurements alone tell";
        problems.push(Problem::note(
            &self.target.path.display().to_string(),
            message,
        ));
        let sources = Rc::new(Sources::none());
        Ok((vec![host], sources, problems))
    }

    /// The hosts of a project.
    fn of_project(&self) -> miette::Result<(Vec<Host>, Rc<Sources>, Vec<Problem>)> {
        let opened = inputs::open(&self.target)?;
        let mut problems = opened.problems.clone();
        let mut hosts = Vec::with_capacity(opened.hosts.len());
        for name in &opened.hosts {
            match opened.evaluate(name) {
                Ok(evaluated) => {
                    let (facts, found) = opened.facts(&self.target, &evaluated)?;
                    problems.extend(found);
                    hosts.push(evaluated.host().with_facts(&facts));
                }
                // What one host lacks must not hide the others.
                Err(error) if opened.hosts.len() > 1 => {
                    problems.push(Problem::error(&name.0, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((hosts, Rc::clone(&opened.sources), problems))
    }
}

fn told(problem: &Problem) -> ProblemReport {
    let place = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
    ProblemReport {
        severity: problem.severity.to_string(),
        source: format!(
            "{}{}{}",
            problem.source,
            place(problem.line),
            place(problem.column)
        ),
        message: problem.message.clone(),
        help: problem.help.clone(),
    }
}
