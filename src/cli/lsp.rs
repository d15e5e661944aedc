//! `btrfs-tune lsp`: a language server on standard input and output.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use miette::miette;

use super::{CLEAN, Target, inputs, preferences};
use crate::lsp::{Ended, serve};
use crate::model::Facts;
use crate::nix::source::Sources;
use crate::project::{Evaluated, Project};

/// What the protocol wants of a server that was not asked to shut down.
const ABRUPT: u8 = 1;

/// Serves an editor.
#[derive(Debug, clap::Args)]
pub(super) struct Lsp {
    /// Accepted because editors pass it; there is no other way.
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let told = RefCell::new(BTreeSet::new());
        // Each problem is told once, not at every key.
        let tell = |problem: String| {
            if told.borrow_mut().insert(problem.clone()) {
                eprintln!("{problem}");
            }
        };
        let facts = |project: &Project, sources: &Sources, evaluated: &Evaluated| {
            let opened = inputs::Opened {
                project: Rc::new(project.clone()),
                sources: Rc::new(sources.with_texts(&Default::default())),
                hosts: Vec::new(),
                problems: Vec::new(),
                asked: Vec::new(),
            };
            let target = Target {
                path: PathBuf::from("."),
                host: None,
                facter: None,
                metrics: Vec::new(),
                observe: Vec::new(),
                eval: Default::default(),
            };
            let of_config = project.config.problems.iter().cloned();
            for problem in of_config.chain(preferences::problems(&project.config)) {
                tell(problem.to_string());
            }
            match opened.facts(&target, evaluated) {
                Ok((facts, problems)) => {
                    for problem in problems {
                        tell(format!("{}: {}", problem.source, problem.message));
                    }
                    facts
                }
                Err(error) => {
                    tell(error.to_string());
                    Facts::default()
                }
            }
        };
        match serve(&facts) {
            Ok(Ended::Properly) => Ok(CLEAN),
            Ok(Ended::Abruptly) => Ok(ABRUPT),
            Err(error) => Err(miette!("{error}")),
        }
    }
}
