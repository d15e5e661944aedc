//! `btrfs-tune inspect`: what was read, and from where.

use std::collections::BTreeSet;

use super::eval::{self, Asked};
use super::{CLEAN, FAILED, Target, inputs};
use crate::ingest::problem::Severity;
use crate::project::Evaluated;
use crate::report;
use crate::report::inspect::Told;

/// Prints what was read.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    #[command(flatten)]
    target: Target,
    /// What to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs; its schema is schema/inspect-1.json.
    Json,
}

/// More broken files than these are told in the document alone.
const MOST_SHOWN: usize = 20;

impl Inspect {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let mut opened = inputs::open(&self.target)?;
        let mut hosts = Vec::with_capacity(opened.hosts.len());
        let mut told = Told::new();
        let mut met = Vec::new();
        // What several hosts import is told once.
        let mut broken = BTreeSet::new();
        let mut code = CLEAN;
        for name in &opened.hosts {
            // What one host lacks must not hide the others.
            let read = opened.project.evaluate(&opened.sources, name);
            let known = read.as_ref().ok().map(Evaluated::host);
            if let Ok(evaluated) = &read {
                let reports = opened.broken(evaluated).take(MOST_SHOWN);
                broken.extend(reports.map(|r| format!("{r:?}")));
            }
            match self.target.eval.fill(&opened, name, known) {
                Ok(Asked::Told(filled)) => {
                    met.extend(eval::disagreements(name, &filled, &opened.sources));
                    let facts = opened.platform(&self.target, name);
                    hosts.push(filled.host.clone().with_facts(&facts));
                    told.insert(filled.host.name.clone(), *filled);
                    continue;
                }
                Ok(Asked::Cannot(why)) => met.push(eval::not_asked(name, &why)),
                Ok(Asked::No) => {}
                Err(error) => {
                    code = FAILED;
                    eprintln!("{error:?}");
                }
            }
            hosts.push(match read {
                Ok(evaluated) => {
                    let facts = opened.platform(&self.target, name);
                    evaluated.host().with_facts(&facts)
                }
                Err(unknown) => {
                    let report = inputs::unknown_error(&unknown, &opened.sources);
                    broken.insert(format!("{report:?}"));
                    opened.unread(name, &unknown)
                }
            });
        }
        for report in broken.iter().take(MOST_SHOWN) {
            code = FAILED;
            eprintln!("{report}");
        }
        for problem in &met {
            eprintln!("{problem}");
        }
        if met.iter().any(|p| p.severity == Severity::Error) {
            code = FAILED;
        }
        opened.problems.extend(met);
        let sources = &opened.sources;
        let out = match self.format {
            Format::Text => hosts
                .iter()
                .map(|host| report::inspect::render_told(host, told.get(&host.name), sources))
                .collect(),
            Format::Json => {
                let met = &opened.problems;
                let document = report::inspect::document_told(&hosts, &told, met, sources);
                let json = serde_json::to_string_pretty(&document)
                    .map_err(|e| miette::miette!("the document cannot be written: {e}"))?;
                json + "\n"
            }
        };
        super::print(&out)?;
        Ok(code)
    }
}
