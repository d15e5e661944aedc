//! `btrfs-tune inspect`: what was read, and from where.

use super::{CLEAN, Target, inputs};
use crate::report;

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

impl Inspect {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let opened = inputs::open(&self.target)?;
        let mut hosts = Vec::with_capacity(opened.hosts.len());
        let mut code = CLEAN;
        for name in &opened.hosts {
            // What one host lacks must not hide the others.
            hosts.push(match opened.project.evaluate(&opened.sources, name) {
                Ok(evaluated) => evaluated.host(),
                Err(unknown) => {
                    code = super::FAILED;
                    opened.unread(name, &unknown)
                }
            });
        }
        let sources = &opened.sources;
        let out = match self.format {
            Format::Text => hosts
                .iter()
                .map(|host| report::inspect::render(host, sources))
                .collect(),
            Format::Json => {
                let document = report::inspect::document(&hosts, &opened.problems, sources);
                let json = serde_json::to_string_pretty(&document)
                    .map_err(|e| miette::miette!("the document cannot be written: {e}"))?;
                json + "\n"
            }
        };
        super::print(&out)?;
        Ok(code)
    }
}
