//! The command line: one file a subcommand.
//!
//! Owns arguments, finding a host's inputs beside its files, exit codes and messages. It alone sees
//! every part. Must never hold knowledge that another part could use.

mod diagnose;
mod eval;
mod explain;
mod fix;
mod inputs;
mod inspect;
mod lsp;
mod preferences;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Nothing to do.
pub const CLEAN: u8 = 0;
/// Patches are left to apply.
pub const PENDING: u8 = 1;
/// Something went wrong.
pub const FAILED: u8 = 2;

/// Finds what slows a NixOS machine on btrfs, and writes the remedy as proven edits of its files.
#[derive(Debug, Parser)]
#[command(name = "btrfs-tune", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print recommendations with proven patches, or apply them.
    Fix(fix::Fix),
    /// Print what holds a machine back: root causes, ranked by evidence.
    Diagnose(diagnose::Diagnose),
    /// Print what was read: filesystems, mounts, each option with its place, what is unknown.
    Inspect(inspect::Inspect),
    /// Print the page of a rule.
    Explain(explain::Explain),
    /// Show findings and quick fixes in an editor: a language server on standard input and output.
    Lsp(lsp::Lsp),
}

/// Which machine, and what is known about it.
#[derive(Debug, Clone, clap::Args)]
struct Target {
    /// A directory with a flake.nix, configuration.nix or disko file, or a .nix file.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only this host.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The nixos-facter report; default: the one that the configuration names, else facter.json
    /// in PATH.
    #[arg(long, value_name = "FILE")]
    facter: Option<PathBuf>,
    /// A directory of outputs of df, btrfs filesystem usage, iostat …; default: metrics/ in PATH.
    #[arg(long, value_name = "DIR")]
    metrics: Option<PathBuf>,
    /// What people say about the machine (may be given several times).
    #[arg(long, value_name = "TEXT")]
    observe: Vec<String>,
    #[command(flatten)]
    eval: eval::Eval,
}

impl Target {
    /// The same for hosts that nobody asked about: what is given for one machine is not theirs.
    fn of_others(&self) -> Target {
        Target {
            host: None,
            facter: None,
            metrics: None,
            observe: Vec::new(),
            ..self.clone()
        }
    }
}

/// Parses the process's arguments, runs, and gives the exit code.
pub fn run() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors, and a closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { FAILED } else { CLEAN };
        }
    };
    let result = match &arguments.command {
        Command::Fix(fix) => fix.run(),
        Command::Diagnose(diagnose) => diagnose.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Explain(explain) => explain.run(),
        Command::Lsp(lsp) => lsp.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("{error:?}"));
            FAILED
        }
    }
}

/// Says something on standard error; if nobody can hear it, there is nobody to tell.
fn say(text: &str) {
    use std::io::Write as _;
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Prints to standard output; a reader that went away is no error.
fn print(text: &str) -> miette::Result<()> {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(miette::miette!("standard output: {error}")),
    }
}
