//! Real configurations read by this program, beside what the real Nix says of them.
//!
//! `CORPUS=<folder> cargo run --release --example corpus -- [--only SUBSTR] [--verbose]`
//!
//! With `edits` before these, actions are tried on them instead: see `edits/mod.rs`; with `findings`,
//! the rules are asked about them: see `findings.rs`.
//!
//! - `CORPUS`: a folder made by the corpus kit: `index.json`, `truth/`, `repos/`.
//! - `CORPUS_FULL`: full checkouts, for flakes; default `$CORPUS/full`.
//! - `KIT`: the kit's folder; `HOSTS` and `MOUNTS` default to its `hosts-dev.json` and
//!   `mounts-dev.json`, or to such files in `CORPUS`. Without them flakes are left out.
//!
//! It is no test: the configurations are other people's and not part of this repository.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for developers: a broken corpus may stop it"
)]

mod compare;
mod edits;
mod files;
mod findings;
mod flakes;
mod origins;
mod table;
mod values;

use std::path::{Path, PathBuf};

use btrfs_tune::project::Project;
use btrfs_tune::report::inspect::{self, Document};

use table::Table;

/// Where everything lies, and what is looked at.
struct Corpus {
    folder: PathBuf,
    full: PathBuf,
    hosts: Option<PathBuf>,
    mounts: Option<PathBuf>,
    only: String,
    verbose: bool,
    edits: Option<edits::Options>,
    findings: Option<findings::Options>,
}

impl Corpus {
    fn of_environment() -> Result<Corpus, String> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let folder = path("CORPUS").ok_or("CORPUS is not set")?;
        let kit = path("KIT");
        let beside = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        let of_kit = |name: &str| match &kit {
            Some(kit) => Some(kit.join(name)),
            None => beside(name),
        };
        let mut corpus = Corpus {
            full: path("CORPUS_FULL").unwrap_or_else(|| folder.join("full")),
            hosts: path("HOSTS").or_else(|| of_kit("hosts-dev.json")),
            mounts: path("MOUNTS").or_else(|| of_kit("mounts-dev.json")),
            folder,
            only: String::new(),
            verbose: false,
            edits: None,
            findings: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--verbose" => corpus.verbose = true,
                "--only" => corpus.only = arguments.next().ok_or("--only wants a text")?,
                "edits" => corpus.edits = Some(edits::Options::default()),
                "findings" => corpus.findings = Some(findings::Options::default()),
                other
                    if match &mut corpus.findings {
                        Some(options) => options.take(other, &mut arguments)?,
                        None => false,
                    } => {}
                other
                    if match &mut corpus.edits {
                        Some(options) => options.take(other, &mut arguments)?,
                        None => false,
                    } => {}
                other => return Err(format!("{other}: --only SUBSTR and --verbose are known")),
            }
        }
        Ok(corpus)
    }

    fn is_wanted(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

/// The program did not come back with an answer.
#[derive(Debug)]
enum Failure {
    /// It said why.
    Refused(String),
    /// It panicked.
    Panicked,
}

/// What `inspect` says of a path. A panic ends no more than this one file.
fn inspect(path: &Path, directory: &Path) -> Result<Document, Failure> {
    const STACK: usize = 256 * 1024 * 1024;
    // Paths are shown, and imports allowed, below the directory in which the program runs.
    std::env::set_current_dir(directory).map_err(|e| Failure::Refused(e.to_string()))?;
    let path = path.to_path_buf();
    let work = move || {
        let project = Project::open(&path).map_err(|e| e.to_string())?;
        let sources = project.sources();
        let discovery = project.hosts(&sources);
        let mut hosts = Vec::new();
        let mut unread = Vec::new();
        for name in discovery.names() {
            match project.evaluate(&sources, &name) {
                Ok(evaluated) => hosts.push(evaluated.host()),
                Err(unknown) => unread.push((name.0, unknown.why.to_string())),
            }
        }
        if let (Some(failure), true) = (&discovery.failure, hosts.is_empty()) {
            return Err(failure.why.to_string());
        }
        let mut document = inspect::document(&hosts, &discovery.problems, &sources);
        let unread = unread.into_iter().map(|(host, why)| inspect::Problem {
            host: Some(host),
            what: "the host".to_owned(),
            why,
            at: None,
        });
        document.problems.extend(unread);
        Ok(document)
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    let thread = thread.map_err(|e| Failure::Refused(e.to_string()))?;
    match thread.join() {
        Ok(Ok(document)) => Ok(document),
        Ok(Err(why)) => Err(Failure::Refused(why)),
        Err(_) => Err(Failure::Panicked),
    }
}

fn main() -> std::process::ExitCode {
    if std::env::var_os(findings::AS_PROGRAM).is_some() {
        return std::process::ExitCode::from(btrfs_tune::cli::run());
    }
    measure();
    std::process::ExitCode::SUCCESS
}

fn measure() {
    let corpus = match Corpus::of_environment() {
        Ok(corpus) => corpus,
        Err(why) => {
            eprintln!("corpus: {why}");
            std::process::exit(2);
        }
    };
    if let Some(options) = &corpus.findings {
        return findings::run(&corpus, options);
    }
    if let Some(options) = &corpus.edits {
        return edits::run(&corpus, options);
    }
    let mut table = Table::default();
    files::measure(&corpus, &mut table);
    flakes::measure(&corpus, &mut table);
    table.print(corpus.verbose);
}
