//! `btrfs-tune fix`: recommendations with proven patches, printed or written.

use std::rc::Rc;

use miette::miette;

use super::eval::Asked;
use super::{CLEAN, FAILED, PENDING, Target, eval, explain, inputs, verify};
use crate::analyze::Analysis;
use crate::ingest::oracle::Filled;
use crate::ingest::problem::{Problem, Severity};
use crate::model::Host;
use crate::project::HostName;
use crate::recommend::rules::rule;
use crate::recommend::{Applicability, Class};
use crate::report::{FORMAT, ProblemReport, Report, build, text};
use crate::rewrite::{Outcome, Realised, Workspace, realise, write};
use crate::select::{self, Proposal};

/// Prints recommendations with their patches, or applies them.
#[derive(Debug, clap::Args)]
pub(super) struct Fix {
    #[command(flatten)]
    target: Target,
    /// Print each recommendation with its unified diff (the default).
    #[arg(long, conflicts_with = "write")]
    diff: bool,
    /// Change the files. Changes that trade something away are written only if their rule is named
    /// with --rule.
    #[arg(long)]
    write: bool,
    /// Only changes of these classes: live, reboot, migrate, reinstall.
    #[arg(long, value_name = "CLASS", num_args = 1.., value_delimiter = ',', value_parser = class)]
    only: Vec<Class>,
    /// Only these rules.
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    rule: Vec<String>,
    /// Ask the real Nix whether the patches do exactly what is claimed (needs nix-instantiate).
    #[arg(long)]
    verify: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people, and for `git apply`.
    Text,
    /// The whole report.
    Json,
}

fn class(name: &str) -> Result<Class, String> {
    let found = Class::ALL.into_iter().find(|c| c.name() == name);
    found.ok_or_else(|| "expected live, reboot, migrate or reinstall".to_owned())
}

impl Fix {
    pub(super) fn run(&self) -> miette::Result<u8> {
        if let Some(unknown) = self.rule.iter().find(|id| rule(id).is_none()) {
            return Err(explain::unknown_rule(unknown));
        }
        let opened = inputs::open(&self.target)?;
        // The proof watches every host of the project, whichever is asked about.
        let mut all = opened.project.hosts(&opened.sources).names();
        if all.is_empty() {
            // Nix alone knows them.
            all = opened.hosts.clone();
        }
        let (project, sources) = (Rc::clone(&opened.project), Rc::clone(&opened.sources));
        let (workspace, failed) = Workspace::open(project, sources, &all);
        let mut problems: Vec<Problem> = failed
            .iter()
            .map(|(name, unknown)| {
                let (host, why) = (format!("host {}", name.0), unknown.why.to_string());
                match self.target.eval.is_on() && failed.len() == all.len() {
                    // Then there are no edits that it would have to be protected from.
                    true => Problem::warning(&host, why).help("it is analysed as Nix tells it"),
                    false => Problem::error(&host, why).help(
                        "it is not analysed, and nothing protects it from edits of shared files",
                    ),
                }
            })
            .chain(opened.problems.iter().cloned())
            .collect();
        // Hosts that Nix alone knows are read by it alone.
        let is_unread = |name: &HostName| {
            failed.iter().any(|(n, _)| n == name) || !all.iter().any(|n| n == name)
        };
        let mut told = Vec::new();
        for name in &opened.hosts {
            let host = match self.target.eval.is_on() && !is_unread(name) {
                true => Some(opened.evaluate(name)?.host()),
                false => None,
            };
            match self.target.eval.fill(&opened, name, host)? {
                Asked::No => {}
                Asked::Cannot(why) => problems.push(eval::not_asked(name, &why)),
                Asked::Told(filled) => {
                    problems.extend(eval::disagreements(name, &filled, &opened.sources));
                    problems.extend(eval::said(name, &filled));
                    told.push((name.clone(), *filled));
                }
            }
        }
        let mut reported = Vec::new();
        for name in &opened.hosts {
            let filled = told.iter().find(|(n, _)| n == name).map(|(_, f)| f);
            if is_unread(name) {
                if let Some(filled) = filled {
                    let settings = &filled.host.settings;
                    let named = ["hardware.facter.reportPath", "facter.reportPath"]
                        .iter()
                        .find_map(|path| settings.text(path).map(str::to_owned));
                    let (facts, found) = opened.facts_beside(&self.target, name, named)?;
                    problems.extend(found);
                    let model = filled.host.clone().with_facts(&facts);
                    let analysis = Analysis::of(&model);
                    let realised = self.advice(filled, &model, &[], &opened);
                    let report = build::host(&model, &analysis, &realised, &opened.sources);
                    reported.push((name.clone(), report));
                }
                continue;
            }
            let evaluated = opened.evaluate(name)?;
            let (facts, found) = opened.facts(&self.target, &evaluated)?;
            problems.extend(found);
            let read = evaluated.host().with_facts(&facts);
            let Some(filled) = filled else {
                let analysis = Analysis::of(&read);
                let (next, realised) = realise(&workspace, name, &facts, &|p| self.wants(p));
                workspace = next;
                let report = build::host(&read, &analysis, &realised, &opened.sources);
                reported.push((name.clone(), report));
                continue;
            };
            let model = filled.host.clone().with_facts(&facts);
            let analysis = Analysis::of(&model);
            // What Nix knows may settle what static reading alone would propose.
            let keys = |host: &Host| -> Vec<(&'static str, String)> {
                let plan = select::plan(host, &Analysis::of(host));
                let key = |p: &Proposal| (p.finding.rule, p.finding.subject.clone());
                plan.iter().map(key).collect()
            };
            let (by_files, by_both) = (keys(&read), keys(&model));
            let settled = |p: &Proposal| {
                let key = (p.finding.rule, p.finding.subject.clone());
                by_files.contains(&key) && !by_both.contains(&key)
            };
            let (next, mut realised) =
                realise(&workspace, name, &facts, &|p| self.wants(p) && !settled(p));
            match self.obstacle(name, &told, &realised) {
                Some(why) => eval::withhold(&mut realised, &why),
                None => workspace = next,
            }
            let advice = self.advice(filled, &model, &realised, &opened);
            realised.extend(advice);
            let report = build::host(&model, &analysis, &realised, &opened.sources);
            reported.push((name.clone(), report));
        }
        let hosts = reported.into_iter().map(|(_, report)| report).collect();
        problems.sort();
        problems.dedup();
        let failed = problems.iter().any(|p| p.severity == Severity::Error);
        let report = Report {
            format: FORMAT.to_owned(),
            hosts,
            problems: problems.iter().map(problem).collect(),
        };
        match self.format {
            Format::Text => super::print(&text::render(&report))?,
            Format::Json => {
                let json = serde_json::to_string_pretty(&report).map_err(|e| miette!("{e}"))?;
                super::print(&format!("{json}\n"))?;
            }
        }
        if self.write && failed {
            return Err(miette!(
                help = "resolve what is reported as an error first",
                "nothing was written"
            ));
        }
        if self.write {
            let written = write::write(&workspace, &opened.sources)
                .map_err(|e| miette!(help = "make the file writable, or run again", "{e}"))?;
            for path in &written {
                eprintln!("wrote {path}");
            }
            return Ok(CLEAN);
        }
        Ok(match (failed, report.has_patches()) {
            (true, _) => FAILED,
            (false, true) => PENDING,
            (false, false) => CLEAN,
        })
    }

    /// Why no patch of a host can be believed: static reading, on which its proof stands, is wrong
    /// of this host, or of one that reads a changed file.
    fn obstacle(
        &self,
        name: &HostName,
        told: &[(HostName, Filled)],
        realised: &[Realised],
    ) -> Option<String> {
        let doubtful = |host: &HostName| {
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
        opened: &inputs::Opened,
    ) -> Vec<Realised> {
        let mut advice = match filled.from_nix().next() {
            Some(_) => eval::advice(model, realised, &opened.sources),
            None => Vec::new(),
        };
        advice.retain(|r| self.wants(&r.proposal));
        advice
    }

    fn wants(&self, proposal: &Proposal) -> bool {
        let rule = proposal.finding.rule;
        let named = self.rule.iter().any(|id| id == rule);
        let consent = proposal
            .remedy
            .as_ref()
            .is_some_and(|r| r.applicability == Applicability::Consent);
        (self.only.is_empty() || self.only.contains(&proposal.class()))
            && (self.rule.is_empty() || named)
            && !(self.write && consent && !named)
    }
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
