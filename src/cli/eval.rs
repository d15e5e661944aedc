//! `--eval`: the real Nix as a second reader, for what the files leave unknown.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use miette::miette;

use super::inputs::Opened;
use crate::analyze::Analysis;
use crate::analyze::workload::options_looked_at;
use crate::ingest::oracle::{self as told, Filled};
use crate::ingest::problem::Problem;
use crate::model::{Found, Host};
use crate::nix::oracle::{self, Limits, OracleError, Places, Subject};
use crate::nix::source::{Sources, Span};
use crate::project::{Entry, HostName, Project};
use crate::rewrite::{Outcome, Realised, Stuck, commands};
use crate::select::{self, Proposal};

/// Options that rules look at, beside those that tell of workloads.
const LOOKED_AT: &[&str] = &[
    "boot.initrd.luks.devices.*.allowDiscards",
    "boot.initrd.luks.devices.*.bypassWorkqueues",
    "boot.initrd.systemd.enable",
    "boot.tmp.useTmpfs",
    "environment.persistence",
    "facter.reportPath",
    "hardware.facter.reportPath",
    "networking.hostName",
    "services.btrbk.instances",
    "services.btrfs.autoScrub.enable",
    "services.fstrim.enable",
    "services.snapper.configs",
    "system.stateVersion",
    "zramSwap.enable",
    "zramSwap.memoryPercent",
];

/// Whether and how far Nix is asked.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Eval {
    /// Ask the real Nix (2.8 or later) for what the files leave unknown. Nothing is built or
    /// fetched, and no file of yours is changed.
    #[arg(long)]
    eval: bool,
    /// Let the evaluation fetch the flake's inputs.
    #[arg(long, requires = "eval")]
    eval_network: bool,
    /// How long the evaluation of one host may take [default: 60].
    #[arg(long, value_name = "SECONDS", requires = "eval")]
    eval_timeout: Option<u64>,
}

impl Eval {
    /// Whether Nix is to be asked at all.
    pub(super) fn is_on(&self) -> bool {
        self.eval
    }

    /// How far Nix may go.
    pub(super) fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            time: self.eval_timeout.map_or(usual.time, Duration::from_secs),
            network: self.eval_network,
            ..usual
        }
    }

    /// The hosts of a flake, as Nix names them.
    pub(super) fn hosts(&self, project: &Project) -> miette::Result<Vec<HostName>> {
        let names = oracle::hosts(tree(project), &project.directory, &self.limits());
        let names = names.map_err(|error| report(&error, "the flake's hosts"))?;
        Ok(names.into_iter().map(HostName).collect())
    }

    /// Fills in a host that was read statically, or reads it from Nix alone.
    pub(super) fn fill(
        &self,
        opened: &Opened,
        name: &HostName,
        host: Option<Host>,
    ) -> miette::Result<Asked> {
        if !self.eval {
            return Ok(Asked::No);
        }
        let project = &opened.project;
        let root = tree(project);
        let discovery = project.hosts(&opened.sources);
        // What the owner says of a host is not in the flake.
        let stated = discovery.host(name).filter(|h| h.found == Found::Config);
        let entry = stated.map_or_else(|| project.entry.clone(), |host| host.entry());
        let (subject, found) = match entry {
            Entry::Flake(_) => {
                let subject = Subject::Flake {
                    root: root.to_path_buf(),
                    directory: project.directory.clone(),
                    host: name.0.clone(),
                };
                (subject, Found::Flake)
            }
            Entry::File(file) => {
                let subject = Subject::File {
                    root: root.to_path_buf(),
                    file,
                    nix_path: oracle::nix_path(),
                };
                (subject, Found::File)
            }
            // What this program put together is nothing that Nix could be asked about.
            Entry::Parts(_) => return Ok(Asked::Cannot(NOTHING_WHOLE.to_owned())),
        };
        let looked_at: Vec<&str> = options_looked_at()
            .chain(LOOKED_AT.iter().copied())
            .collect();
        let question = told::question(host.as_ref(), &looked_at);
        let answer = match oracle::ask(&subject, &question, &self.limits()) {
            Ok(answer) => answer,
            // A host by convention may be none of the flake's.
            Err(error @ OracleError::NoHost(_)) if host.is_some() => {
                return Ok(Asked::Cannot(error.to_string()));
            }
            Err(error) => return Err(report(&error, &format!("host {}", name.0))),
        };
        let sources = &opened.sources;
        let places = Places::new(Rc::clone(sources), answer.source.clone(), root);
        let filled = match host {
            Some(host) => told::fill(host, &answer, &places, sources),
            None => {
                let host = told::host(&name.0, found, &answer, &places, sources);
                told::alone(host, &answer)
            }
        };
        Ok(Asked::Told(Box::new(filled)))
    }
}

/// What came of asking Nix about a host.
pub(super) enum Asked {
    /// It was not to be asked.
    No,
    /// It cannot be asked about this host, and why.
    Cannot(String),
    /// What it said.
    Told(Box<Filled>),
}

const NOTHING_WHOLE: &str = "no single file or flake makes it";

/// Says that a host is known from its files alone.
pub(super) fn not_asked(name: &HostName, why: &str) -> Problem {
    Problem::note(
        &format!("host {}", name.0),
        format!("Nix cannot be asked about it: {why}"),
    )
    .help("what is said of it was read from its files alone")
}

/// The tree that Nix would take: of a flake the git work tree, else the directory.
fn tree(project: &Project) -> &Path {
    match project.in_git {
        true => &project.root,
        false => &project.directory,
    }
}

fn report(error: &OracleError, what: &str) -> miette::Report {
    miette!(help = error.help(), "{what}: {error}")
}

/// Disagreements: each is a bug of this program.
pub(super) fn disagreements(name: &HostName, filled: &Filled, sources: &Sources) -> Vec<Problem> {
    let place = |at: Option<Span>| {
        at.map(|at| format!(" ({})", sources.place(at)))
            .unwrap_or_default()
    };
    let told = |d: &told::Disagreement| {
        let source = format!("host {}", name.0);
        let message = format!(
            "{}: the files were read as {}{}, but Nix says {}{}",
            d.what,
            d.read,
            place(d.read_at),
            d.real,
            place(d.real_at)
        );
        if filled.host.found == Found::Convention {
            return Problem::warning(&source, message).help(
                "the host was found by convention, so not all files that make it were read. No \
                 edit of it is proposed",
            );
        }
        let help = format!(
            "this is a bug of {0}: report it in the issue tracker of {0} with these values, the \
             lines at the places, and the versions: {0} {1}, {2}. No edit of this host is proposed",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            filled.version
        );
        Problem::error(&source, message).help(help)
    };
    filled.disagreements.iter().map(told).collect()
}

/// So many names are told of what was filled in.
const MOST_NAMED: usize = 20;

/// What was filled in, in one line.
pub(super) fn said(name: &HostName, filled: &Filled) -> Option<Problem> {
    let named: Vec<String> = filled.from_nix().take(MOST_NAMED).collect();
    let more = match filled.from_nix().count().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| {
        let said = format!("said by {}: {}{more}", filled.version, named.join(", "));
        Problem::note(&format!("host {}", name.0), said)
            .help("what the files leave unknown; no edit is proven on it")
    })
}

/// Proposals that only Nix's values give rise to. No edit can be proven by static reading that does
/// not know them.
pub(super) fn advice(model: &Host, realised: &[Realised], sources: &Rc<Sources>) -> Vec<Realised> {
    let known = |p: &Proposal| realised.iter().any(|r| r.proposal.key() == p.key());
    let plan = select::plan(model, &Analysis::of(model));
    let new = plan.into_iter().filter(|proposal| !known(proposal));
    new.map(|proposal| {
        let remedy = proposal.remedy.as_ref();
        let commands = remedy.map(|r| commands::commands(&r.actions, model));
        let why = "it rests on what Nix alone knows, so no edit of the files can be proven";
        Realised {
            finding: proposal.finding.clone(),
            sources: Rc::clone(sources),
            outcome: match remedy {
                Some(_) => withheld(why, proposal.finding.at),
                None => Outcome::Advice,
            },
            commands: commands.unwrap_or_default(),
            read_by: Vec::new(),
            proposal,
        }
    })
    .collect()
}

/// Makes advice of every patch.
pub(super) fn withhold(realised: &mut [Realised], why: &str) {
    for one in realised {
        if matches!(one.outcome, Outcome::Patch { .. }) {
            one.outcome = withheld(why, None);
        }
    }
}

fn withheld(why: &str, at: Option<Span>) -> Outcome {
    Outcome::Stuck(Stuck {
        why: why.to_owned(),
        at,
    })
}
