//! `btrfs-tune collect`: all that can be seen of a running machine, in one file to review and send.
//!
//! It reads `/proc` and `/sys` itself and runs what is installed, side by side while it samples.
//! Whatever may hang (a device, a program, a task in the kernel) hangs in a thread that nobody waits
//! for longer than said. It writes nothing but the bundle.

mod bundle;
mod catalogue;
mod commands;
mod contents;
mod gather;
mod kernel;
mod progress;
mod redact;
mod samples;
mod tasks;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miette::miette;

use self::bundle::Output;
use super::{CLEAN, say};

/// How much longer than its sampling all of it may take, without packing and writing.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// Arguments of `btrfs-tune collect`.
#[derive(Debug, clap::Args)]
pub(super) struct Collect {
    /// The archive; packed if it ends in .gz or .zst; - is standard output; default:
    /// btrfs-tune-<HOST>-<DATE>.tar in this directory.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long to sample.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Replace the archive if it is there.
    #[arg(long)]
    force: bool,
    /// Leave serial numbers, names and addresses in.
    #[arg(long)]
    include_identifiers: bool,
    /// Run no other programs, only read /proc and /sys.
    #[arg(long)]
    no_commands: bool,
    /// Measure with compsize how far this directory is compressed: reads all its metadata, which
    /// may take longer than the sampling (may be given several times).
    #[arg(long, value_name = "PATH")]
    compsize: Vec<PathBuf>,
}

impl Collect {
    pub(super) fn run(&self) -> miette::Result<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let collected = bundle::utc(now.map_or(0, |since| since.as_secs()));
        let output = self.destination(&collected)?;
        output.check()?;
        let gathered = gather::gather(self, collected)?;
        let archive = gathered
            .archive()
            .map_err(|error| miette!("cannot make the archive: {error}"))?;
        output.write(&archive)?;
        self.tell(&output, &gathered);
        Ok(CLEAN)
    }

    fn destination(&self, collected: &str) -> miette::Result<Output> {
        let path = match &self.output {
            Some(path) if path.as_os_str() == "-" => {
                if std::io::stdout().is_terminal() {
                    let help = "redirect it into a file or a pipe";
                    return Err(miette!(help = help, "an archive is not for a terminal"));
                }
                return Ok(Output::Stdout);
            }
            Some(path) => path.clone(),
            None => {
                let host = gather::host_name();
                let host: String = host
                    .chars()
                    .map(|c| {
                        if c.is_ascii_alphanumeric() || c == '-' {
                            c
                        } else {
                            '_'
                        }
                    })
                    .collect();
                // To the minute: a machine is looked at more than once a day.
                let date = collected
                    .get(..16)
                    .unwrap_or(collected)
                    .replace([':', 'T'], "-");
                PathBuf::from(format!("btrfs-tune-{host}-{date}.tar"))
            }
        };
        let force = self.force;
        Ok(Output::File { path, force })
    }

    /// What was written, what is not in it, and what to do with it.
    fn tell(&self, output: &Output, gathered: &bundle::Manifest) {
        let Output::File { path, .. } = output else {
            return;
        };
        // What the project prints elsewhere must not steer a terminal either.
        let shown = |text: &str| -> String {
            text.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect()
        };
        let mut text = format!(
            "{}: {} files, {} s of samples",
            shown(&path.to_string_lossy()),
            gathered.files.len(),
            self.seconds
        );
        if !gathered.unseen.is_empty() {
            text.push_str("\nnot seen:");
            for unseen in &gathered.unseen {
                text.push_str(&format!(
                    "\n  {}: {}",
                    shown(&unseen.what),
                    shown(&unseen.why)
                ));
            }
        }
        text.push_str(if self.include_identifiers {
            "\nIt holds serial numbers, names and addresses."
        } else {
            "\nSerial numbers, names of people and network addresses were left out; it is plain text: look \
             through it before you send it."
        });
        say(&text);
    }
}
