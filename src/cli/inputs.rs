//! From a PATH to hosts and what is known about them, with errors that show the place.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use miette::{LabeledSpan, NamedSource, miette};

use super::{Target, preferences};
use crate::ingest::problem::{Problem, Severity};
use crate::ingest::{facter, metrics, nixos, observations};
use crate::model::metrics::Metrics;
use crate::model::{Facts, Found, Host, UnknownFact};
use crate::nix::eval::{Unknown, Why};
use crate::nix::source::{ReadError, Sources, Span};
use crate::project::{Entry, Evaluated, HostName, OpenError, Project};

/// A project that can be worked on.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) project: Rc<Project>,
    pub(super) sources: Rc<Sources>,
    pub(super) hosts: Vec<HostName>,
    /// What was in the way of finding all hosts.
    pub(super) problems: Vec<Problem>,
    /// Rules that are asked for by name: they speak although they are off.
    pub(super) asked: Vec<String>,
}

/// Opens the project at the target's path and finds its hosts.
pub(super) fn open(target: &Target) -> miette::Result<Opened> {
    let project = Project::open(&target.path).map_err(open_error)?;
    let sources = project.sources();
    project.check(&sources).map_err(read_error)?;
    let discovery = project.hosts(&sources);
    let of_rules = preferences::problems(&project.config);
    let mut errors = discovery.problems.iter().chain(&of_rules);
    if let Some(error) = errors.find(|p| p.severity == Severity::Error) {
        return Err(problem_error(error));
    }
    let mut hosts = discovery.names();
    let mut problems = discovery.problems.clone();
    if discovery.incomplete && target.eval.is_on() && matches!(project.entry, Entry::Flake(_)) {
        // A framework may hide its hosts from all but Nix.
        match target.eval.hosts(&project) {
            Ok(more) => hosts.extend(more.into_iter().filter(|m| discovery.host(m).is_none())),
            Err(error) if hosts.is_empty() => return Err(error),
            // Each host tells by itself what is in the way.
            Err(error) => problems.push(Problem::warning("flake.nix", error.to_string())),
        }
        hosts.sort();
    }
    if let (Some(failure), true) = (&discovery.failure, hosts.is_empty()) {
        return Err(unknown_error(failure, &sources));
    }
    if let Some(wanted) = &target.host {
        let names: Vec<String> = hosts.iter().map(|h| h.0.clone()).collect();
        hosts.retain(|h| h.0 == *wanted);
        if hosts.is_empty() {
            let help = format!("the hosts are: {}", names.join(", "));
            return Err(miette!(help = help, "there is no host `{wanted}`"));
        }
    }
    if hosts.is_empty() {
        return Err(miette!(
            help = "name a host's .nix file instead",
            "the flake defines no nixosConfigurations"
        ));
    }
    Ok(Opened {
        project: Rc::new(project),
        sources,
        hosts,
        problems,
        asked: Vec::new(),
    })
}

impl Opened {
    /// Evaluates a host; a file of it that is no Nix is an error.
    pub(super) fn evaluate(&self, host: &HostName) -> miette::Result<Evaluated> {
        let evaluated = self
            .project
            .evaluate(&self.sources, host)
            .map_err(|u| unknown_error(&u, &self.sources))?;
        let broken = self.broken(&evaluated).next();
        broken.map_or(Ok(evaluated), Err)
    }

    /// The files of a host that are no Nix, or are not there.
    pub(super) fn broken<'a>(
        &'a self,
        evaluated: &'a Evaluated,
    ) -> impl Iterator<Item = miette::Report> + 'a {
        let skipped = evaluated.configuration.skipped.iter().map(|s| &s.why);
        let broken = skipped.filter(|why| match &why.why {
            Why::Syntax { .. } | Why::File(_) => is_within(why, &self.sources),
            _ => false,
        });
        broken.map(|why| unknown_error(why, &self.sources))
    }

    /// A host of which nothing but the name is known.
    pub(super) fn unread(&self, name: &HostName, unknown: &Unknown) -> Host {
        let fact = UnknownFact {
            what: "the host".to_owned(),
            why: unknown.why.to_string(),
            at: unknown.at,
        };
        let found = self.project.hosts(&self.sources);
        let found = found.host(name).map_or(Found::Flake, |h| h.found);
        Host::unread(name.0.clone(), found, fact)
    }

    /// What is known of a host besides its configuration, and what could not be read of that.
    pub(super) fn facts(
        &self,
        target: &Target,
        evaluated: &Evaluated,
    ) -> miette::Result<(Facts, Vec<Problem>)> {
        let named = nixos::facter_report(&evaluated.evaluator, &evaluated.configuration);
        self.facts_beside(target, &evaluated.name, named)
    }

    /// The same, of a host whose configuration names this facter report.
    pub(super) fn facts_beside(
        &self,
        target: &Target,
        host: &HostName,
        named: Option<String>,
    ) -> miette::Result<(Facts, Vec<Problem>)> {
        let mut facts = Facts::default();
        let mut problems = Vec::new();
        let config = &self.project.config;
        let stated = config.host(host);
        facts.release = stated.and_then(|h| h.nixos.clone());
        facts.kernel = stated.and_then(|h| h.kernel.clone());
        facts.preferences = preferences::of(config, host);
        for rule in &self.asked {
            facts.preferences.set(rule, "enabled", true.into());
        }
        let named = stated
            .and_then(|h| h.facter.clone())
            .or(named.map(PathBuf::from));
        let directory = &self.project.directory;
        if let Some(path) = given_or(&target.facter, named, directory, "facter.json")? {
            let bytes = read(&path)?;
            let (hardware, found) = facter::read(&self.sources.shown(&path), &bytes);
            let broken = found.iter().any(|p| p.severity == Severity::Error);
            facts.hardware = (!broken).then_some(hardware);
            problems.extend(found);
        }
        let reported = facts.hardware.is_some() || !problems.is_empty();
        let named = stated.and_then(|h| h.metrics.clone());
        let measured = measurements(&target.metrics, named, directory)?;
        facts.metrics = measured.metrics;
        facts.observations = measured.observations;
        if !reported {
            facts.hardware = measured.hardware;
        }
        problems.extend(measured.problems);
        if let Some(path) = given_or(&None, None, directory, "observations.toml")? {
            let shown = self.sources.shown(&path);
            match String::from_utf8(read(&path)?) {
                Ok(text) => {
                    let (said, found) = observations::read_toml(&shown, &text);
                    facts.observations.extend(said);
                    problems.extend(found);
                }
                Err(_) => problems.push(Problem::error(&shown, "the file is not UTF-8")),
            }
        }
        for text in &target.observe {
            let (said, found) = observations::read_text(text);
            facts.observations.push(said);
            problems.extend(found);
        }
        Ok((facts, problems))
    }

    /// What is known of the release and the kernel of a host besides its configuration.
    pub(super) fn platform(&self, target: &Target, host: &HostName) -> Facts {
        let Ok((facts, _)) = self.facts_beside(target, host, None) else {
            return Facts::default();
        };
        let metrics = Metrics {
            kernel: facts.metrics.kernel,
            nixos: facts.metrics.nixos,
            ..Metrics::default()
        };
        Facts {
            metrics,
            release: facts.release,
            kernel: facts.kernel,
            ..Facts::default()
        }
    }
}

/// What is known of a machine without its configuration: all that the arguments name.
pub(super) fn measured_alone(target: &Target) -> miette::Result<(Facts, Vec<Problem>)> {
    let directory = Path::new("");
    let measured = measurements(&target.metrics, None, directory)?;
    let mut problems = measured.problems;
    let mut facts = Facts {
        hardware: measured.hardware,
        metrics: measured.metrics,
        observations: measured.observations,
        ..Facts::default()
    };
    if let Some(path) = &target.facter {
        let (hardware, found) = facter::read(&path.display().to_string(), &read(path)?);
        let broken = found.iter().any(|p| p.severity == Severity::Error);
        facts.hardware = (!broken).then_some(hardware).or(facts.hardware);
        problems.extend(found);
    }
    for text in &target.observe {
        let (said, found) = observations::read_text(text);
        facts.observations.push(said);
        problems.extend(found);
    }
    Ok((facts, problems))
}

const METRICS_HELP: &str = "--metrics takes a bundle of `btrfs-tune collect`, a directory or tar of outputs of commands, or one output";

/// What was measured: at the paths that were given, else at the one by configuration or convention.
fn measurements(
    given: &[PathBuf],
    named: Option<PathBuf>,
    directory: &Path,
) -> miette::Result<metrics::Gathered> {
    let mut paths = Vec::new();
    for path in given {
        paths.extend(given_or(&Some(path.clone()), None, directory, "metrics")?);
    }
    if given.is_empty() {
        paths.extend(given_or(&None, named, directory, "metrics")?);
    }
    metrics::read_paths(&paths).map_err(|error| miette!(help = METRICS_HELP, "{error}"))
}

/// A path that was given (and must exist), or one that is there by convention.
fn given_or(
    given: &Option<PathBuf>,
    named: Option<PathBuf>,
    directory: &Path,
    usual: &str,
) -> miette::Result<Option<PathBuf>> {
    if let Some(path) = given {
        return match path.exists() {
            true => Ok(Some(path.clone())),
            false => Err(miette!(
                help = "check the path; leave the option out to do without",
                "{}: no such file or directory",
                path.display()
            )),
        };
    }
    let usual = directory.join(usual);
    Ok(named.into_iter().chain([usual]).find(|p| p.exists()))
}

pub(super) fn read(path: &Path) -> miette::Result<Vec<u8>> {
    /// More than any report seen by a factor of a hundred.
    const LARGEST: u64 = 64 * 1024 * 1024;
    let error = |e: String| {
        miette!(
            help = "check the file and its permissions",
            "{}: {e}",
            path.display()
        )
    };
    let metadata = fs::metadata(path).map_err(|e| error(e.to_string()))?;
    if !metadata.is_file() {
        return Err(error("not a regular file".to_owned()));
    }
    if metadata.len() > LARGEST {
        return Err(error("larger than 64 MiB".to_owned()));
    }
    fs::read(path).map_err(|e| error(e.to_string()))
}

pub(super) fn open_error(error: OpenError) -> miette::Report {
    let help = match &error {
        OpenError::Missing(_) => {
            "give a directory with a flake.nix or a disko file, or a .nix file".to_owned()
        }
        OpenError::Nothing { flakes, .. } if !flakes.is_empty() => {
            format!("there are flakes below it; name one: {}", flakes.join(", "))
        }
        OpenError::Nothing { .. } => {
            "name the .nix file that holds the disks or the configuration".to_owned()
        }
        OpenError::Unreadable(..) => "check its permissions".to_owned(),
    };
    miette!(help = help, "{error}")
}

/// A problem that stops everything.
fn problem_error(problem: &Problem) -> miette::Report {
    let place = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
    let (line, column) = (place(problem.line), place(problem.column));
    let help = problem.help.as_deref().unwrap_or("correct the file");
    miette!(
        help = help.to_owned(),
        "{}{line}{column}: {}",
        problem.source,
        problem.message
    )
}

fn read_error(error: ReadError) -> miette::Report {
    match &error {
        ReadError::Refused { refusal, .. } => miette!(help = refusal.help(), "{error}"),
        ReadError::Io { .. } | ReadError::Outside { .. } => {
            miette!(help = "check the path and its permissions", "{error}")
        }
    }
}

/// Whether an unreadable module is one of the project's own files.
fn is_within(unknown: &Unknown, sources: &Sources) -> bool {
    match &unknown.why {
        Why::Syntax { .. } => true,
        Why::File(message) => {
            // Files outside the project (nixpkgs' own modules) are expected to be missing.
            !message.contains("outside")
                && !message.contains("not part of the project")
                && unknown.at.is_some_and(|at| sources.file(at.file).is_some())
        }
        _ => false,
    }
}

/// An unknown that stops everything, with the place where it arose.
pub(super) fn unknown_error(unknown: &Unknown, sources: &Sources) -> miette::Report {
    let (span, label) = match &unknown.why {
        Why::Syntax { span, message, .. } => (Some(*span), message.clone()),
        _ => (unknown.at, "here".to_owned()),
    };
    let help = match &unknown.why {
        Why::Syntax { .. } => "correct the file; `nix-instantiate --parse` accepts what is meant",
        Why::File(_) => "check that the file is there and can be read",
        _ => "name a host's .nix file instead, if only its disks matter",
    };
    match span.and_then(|s| Some((s, sources.file(s.file)?))) {
        Some((Span { range, .. }, file)) => {
            let source = NamedSource::new(file.shown(), file.text().to_owned());
            let offset = usize::from(range.start()).min(file.text().len());
            let label = LabeledSpan::at(offset..offset + usize::from(range.len()), label);
            miette!(labels = vec![label], help = help, "{}", unknown.why).with_source_code(source)
        }
        None => miette!(help = help, "{}", unknown.why),
    }
}
