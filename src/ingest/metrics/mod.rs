//! Outputs of a host's own tools into [`Metrics`].
//!
//! What a file holds is told by its content, never by its name; a file may hold several outputs
//! one after the other. One file a format; [`detect`] knows them all, [`text`] cuts a file into
//! blocks of one format each. Nothing is dropped without a [`Problem`].

mod compsize;
mod detect;
mod device_stats;
mod df;
mod files;
mod iostat;
mod json;
mod lsblk;
mod maintenance;
mod meminfo;
mod mounts;
mod packing;
mod pressure;
mod qgroups;
mod size;
mod subvolumes;
mod swaps;
mod task_table;
mod text;
mod usage;
mod versions;

use std::sync::Arc;

pub use self::files::{Gathered, MANIFEST_KEY, read_dir, read_paths};

use self::detect::Format;
use self::text::{Block, Context, Piece};
use super::problem::{Problem, quoted};
use crate::model::metrics::{Metrics, QuotaState, Sourced};

/// The largest file that is read, 64 MiB.
const LARGEST: u64 = 64 << 20;

/// Problems told of one file; a binary that looks like text must not flood the report.
const MOST_PROBLEMS: usize = 20;

/// Reads one file's content into `metrics`; `name` is what facts and problems call it.
pub fn read_bytes(name: &str, bytes: &[u8], metrics: &mut Metrics) -> Vec<Problem> {
    read_below(None, name, bytes, metrics)
}

/// The same, of a file of which it is known what heading it would have.
fn read_below(
    heading: Option<&str>,
    name: &str,
    bytes: &[u8],
    metrics: &mut Metrics,
) -> Vec<Problem> {
    if bytes.len() as u64 > LARGEST {
        return vec![Problem::error(name, "larger than 64 MiB; not read")];
    }
    if bytes.contains(&0) {
        return vec![
            Problem::error(name, "a binary file or UTF-16; not read")
                .help("save the command's output as UTF-8 text"),
        ];
    }
    let mut problems = Vec::new();
    if std::str::from_utf8(bytes).is_err() {
        problems.push(Problem::note(
            name,
            "not valid UTF-8; the odd bytes were replaced",
        ));
    }
    let cleaned = text::clean(&String::from_utf8_lossy(bytes));
    if cleaned.trim().is_empty() {
        problems.push(Problem::note(name, "is empty"));
        return problems;
    }
    let mut reading = Reading {
        source: name.into(),
        metrics,
        problems,
        untold: 0,
        previous: None,
        tasks: task_table::Samples::default(),
    };
    let lines = text::lines(&cleaned);
    for piece in text::Pieces::below(heading, &cleaned, &lines) {
        reading.take(piece);
    }
    task_table::finish(&mut reading);
    let Reading {
        mut problems,
        untold,
        ..
    } = reading;
    if untold > 0 {
        problems.push(Problem::warning(
            name,
            format!("and {untold} more problems in this file"),
        ));
    }
    problems
}

/// One file while it is read: where its facts go.
struct Reading<'m> {
    source: Arc<str>,
    metrics: &'m mut Metrics,
    problems: Vec<Problem>,
    /// How many problems there were beyond those told.
    untold: usize,
    /// The format of the block before this one.
    previous: Option<Format>,
    /// The processes of its samples so far.
    tasks: task_table::Samples,
}

impl Reading<'_> {
    fn sourced<T>(&self, value: T) -> Sourced<T> {
        Sourced {
            value,
            source: Arc::clone(&self.source),
        }
    }

    /// Says that a line of a block was not understood.
    fn doubt(&mut self, line: usize, message: impl Into<String>) {
        self.tell(Problem::warning(&self.source, message).on_line(line));
    }

    /// Says something to know of a line.
    fn note(&mut self, line: usize, message: impl Into<String>) {
        self.tell(Problem::note(&self.source, message).on_line(line));
    }

    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.untold += 1;
        }
    }

    fn take(&mut self, piece: Piece<'_, '_>) {
        match piece {
            Piece::Message(line, context) => self.message(line.number, line.text, &context),
            Piece::Json {
                line,
                value,
                context,
            } => json::read(self, line, &value, &context),
            Piece::BrokenJson { line, error } => {
                let message = if error.is_eof() {
                    "JSON that ends early, as from an interrupted command; not read".to_owned()
                } else {
                    let cause = error.to_string();
                    let cause = cause.split(" at line ").next().unwrap_or_default();
                    format!("not valid JSON: {cause}; not read")
                };
                self.doubt(line + error.line().saturating_sub(1), message);
            }
            Piece::Unknown(lines) => {
                let Some(first) = lines.first() else { return };
                let more = match lines.len() {
                    1 => String::new(),
                    n => format!(" (and {} lines after it)", n - 1),
                };
                let message = format!("no known output: `{}`{more}; not read", quoted(first.text));
                self.tell(
                    Problem::warning(&self.source, message)
                        .on_line(first.number)
                        .help("read are df, btrfs filesystem usage, iostat -x, mountinfo, meminfo, /proc/pressure and lsblk -J"),
                );
            }
            Piece::Block(block) => self.block(&block),
        }
    }

    fn block(&mut self, block: &Block<'_, '_>) {
        match block.format {
            Format::Df => df::read(self, block),
            Format::Usage => usage::read(self, block),
            Format::FilesystemDf => usage::read_df(self, block),
            Format::Iostat => iostat::read(self, block),
            Format::Pressure => pressure::read(self, block),
            Format::MountInfo | Format::Mounts | Format::Mount => mounts::read(self, block),
            Format::MemInfo => meminfo::read(self, block),
            Format::Swaps => swaps::read(self, block),
            Format::Compsize => compsize::read(self, block),
            Format::DeviceStats => device_stats::read(self, block),
            Format::Subvolumes | Format::SubvolumeTable => subvolumes::read(self, block),
            Format::Qgroups => qgroups::read(self, block),
            Format::Scrub | Format::Balance => maintenance::read(self, block),
            Format::ProcessTable => task_table::read(self, block),
            Format::Uname | Format::Kernel | Format::BtrfsProgs | Format::NixosVersion => {
                versions::read(self, block);
            }
        }
        self.previous = Some(block.format);
    }

    /// A message that a tool printed among its output.
    fn message(&mut self, line: usize, text: &str, context: &Context) {
        if text.contains("quotas not enabled") || text.contains("quota not enabled") {
            let off = QuotaState {
                path: context.path.clone(),
                ..QuotaState::default()
            };
            self.metrics.quotas.push(self.sourced(off));
        } else if text.contains("run as root") {
            self.note(
                line,
                "made without root: what single devices hold is missing",
            );
        } else {
            self.note(line, format!("the tool said: `{}`", quoted(text)));
        }
    }
}
