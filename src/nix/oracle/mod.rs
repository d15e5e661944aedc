//! The real Nix as a second reader: asked to confirm edits, and to fill in what no file says.
//!
//! [`evaluate`] runs `nix/evaluate.nix`, which needs no nixpkgs, for the proof of edits. [`ask`] puts
//! questions to the host as NixOS makes it: a flake with its own inputs, pure, from a private copy;
//! or a file by itself. No network unless allowed, no builds, and limits ([`Limits`]).
//!
//! Owns running Nix, what it answers, and which literal a place that it names stands for. Must never
//! know what an option means.

mod answer;
mod ask;
mod copy;
mod inputs;
mod place;
mod run;
mod version;

use std::path::Path;

use serde_json::Value as Json;

pub use answer::{Answer, Definition, Entry, Node, RawPlace, known};
pub use ask::{Question, Subject, Tree, ask, hosts, nix_path, version};
pub use copy::PrivateCopy;
pub use place::{Binding, Places};
pub use run::Limits;
pub use version::{Flavour, Version};

use run::Runner;

/// The evaluation helper, which travels with the program.
const EVALUATE: &str = include_str!("../../../nix/evaluate.nix");

/// Why the real Nix gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// A program is not on this machine.
    #[error("{0} was not found on PATH")]
    Missing(String),
    /// It could not be run, or the copy could not be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("Nix did not finish within {0} seconds, and was stopped")]
    TimedOut(u64),
    /// It took too much memory.
    #[error("Nix needs more than {0} MiB of memory, and was stopped")]
    Memory(u64),
    /// It said too much.
    #[error("the answer of Nix is longer than {0} MiB; Nix was stopped")]
    TooMuch(usize),
    /// It died.
    #[error("Nix was ended by signal {0}")]
    Crashed(i32),
    /// It is older than anything that can be asked.
    #[error("{0} is older than 2.8")]
    TooOld(String),
    /// It does not say its version.
    #[error("`nix-instantiate --version` says no version: {0}")]
    NoVersion(String),
    /// An input of the flake cannot be had.
    #[error("the input {input} of the flake is not in the Nix store, and {}", match network {
        true => "could not be fetched",
        false => "nothing is fetched unless that is allowed",
    })]
    Input {
        /// Its name, or its address where no name leads to it.
        input: String,
        /// Whether fetching was allowed.
        network: bool,
        /// What Nix said.
        message: String,
    },
    /// The flake has no such host.
    #[error("the flake has no nixosConfigurations.{0}")]
    NoHost(String),
    /// Its store is out of reach.
    #[error("the Nix store cannot be used: {0}")]
    Store(String),
    /// It refused the configuration.
    #[error("Nix refuses the configuration: {0}")]
    Refused(String),
    /// It printed something that is no answer.
    #[error("Nix printed no answer: {0}")]
    NoAnswer(#[from] serde_json::Error),
    /// Git does not say which files are the flake's.
    #[error("git does not say which files belong to the flake: {0}")]
    Git(String),
    /// The flake would not be seen.
    #[error("git does not know the flake.nix, so Nix does not see it")]
    NotInGit,
    /// The directory is no configuration.
    #[error("the directory holds more than {0} files")]
    TooLarge(usize),
    /// There is no usable temporary directory.
    #[error("no temporary directory could be made in TMPDIR, /tmp or /var/tmp")]
    NoPlace,
    /// A path that cannot be handed to Nix.
    #[error("{0} is no path that Nix can be given")]
    Path(String),
}

impl OracleError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            OracleError::Missing(program) if program == "git" => {
                "install git: the files of a flake in a work tree are those that git knows"
            }
            OracleError::Missing(_) => "install Nix, or leave --eval and --verify out",
            OracleError::TimedOut(_) => "give it longer with --eval-timeout SECONDS",
            OracleError::Memory(_) | OracleError::TooMuch(_) => {
                "ask about one host with --host, or leave --eval out"
            }
            OracleError::Crashed(11) => {
                "endless recursion ends Nix so; see what `nix eval` says of the host"
            }
            OracleError::TooOld(_) => "install Nix 2.8 or later, or Lix",
            OracleError::Input { network: false, .. } => {
                "allow it with --eval-network, or fetch the inputs first: nix flake archive"
            }
            OracleError::Input { message, .. } => {
                return format!("check the network and access to the input; Nix says: {message}");
            }
            OracleError::NoHost(_) => "see `nix flake show` for the hosts",
            OracleError::Git(_) => "see what `git status` says in the directory",
            OracleError::Store(_) => "start the Nix daemon, or run as a user who may use Nix",
            OracleError::NotInGit => "git add flake.nix, and the files that belong to it",
            OracleError::NoPlace => "set TMPDIR to a directory that can be written",
            OracleError::Io(_)
            | OracleError::Crashed(_)
            | OracleError::NoVersion(_)
            | OracleError::Refused(_)
            | OracleError::NoAnswer(_)
            | OracleError::TooLarge(_)
            | OracleError::Path(_) => "see what `nix eval` says of the host, or leave --eval out",
        }
        .to_owned()
    }
}

/// What the real Nix makes of one host without nixpkgs: `{ config, fileSystems, swapDevices }`.
pub fn evaluate(root: &Path, host: Option<&str>) -> Result<Json, OracleError> {
    let runner = Runner::new(&Limits::default())?;
    let helper = runner.home().join("evaluate.nix");
    std::fs::write(&helper, EVALUATE)?;
    let mut command = runner.command("nix-instantiate");
    command
        .args(["--eval", "--strict", "--json"])
        .arg(&helper)
        .args(["--option", "allow-import-from-derivation", "false"])
        .args(["--option", "substitute", "false"])
        .arg("--argstr")
        .arg("root")
        .arg(root);
    if let Some(host) = host {
        command.args(["--argstr", "host", host]);
    }
    let ended = runner.run(command)?;
    match ended.ok {
        true => Ok(serde_json::from_slice(&ended.out)?),
        false => Err(OracleError::Refused(ended.err.trim().to_owned())),
    }
}
