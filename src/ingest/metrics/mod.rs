//! Outputs of a host's own tools into [`Metrics`].
//!
//! What a file holds is told by its content, never by its name; a file may hold several outputs
//! one after the other. One file a format; [`detect`] knows them all, [`text`] cuts a file into
//! blocks of one format each. Nothing is dropped without a [`Problem`].

mod compsize;
mod counters;
mod detect;
mod detect_btrfs;
mod device_stats;
mod device_usage;
mod df;
mod dump_super;
mod exporter;
mod filefrag;
mod files;
mod filesystem_show;
mod fio;
mod iostat;
mod iotop;
mod json;
mod kernel_log;
mod kernel_messages;
mod lsattr;
mod lsblk;
mod maintenance;
mod meminfo;
mod mounts;
mod packing;
mod pidstat;
mod pressure;
mod proc_files;
mod processes;
mod prometheus;
mod property;
mod qgroups;
mod services;
mod size;
mod smart;
mod subvolume_show;
mod subvolumes;
mod swaps;
mod sysfs_block;
mod sysfs_btrfs;
mod sysfs_values;
mod system;
mod tally;
mod task_table;
mod text;
mod usage;
mod versions;
mod vmstat;

use std::sync::Arc;

pub use self::files::{Gathered, MANIFEST_KEY, read_dir, read_paths};

use self::detect::Format;
use self::text::{Block, Context, Line, Piece};
use super::problem::{Problem, quoted};
use crate::model::metrics::{CpuUse, Metrics, Sourced};

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
    let lines = text::lines(&cleaned);
    let mut reading = Reading {
        source: name.into(),
        metrics,
        problems,
        untold: 0,
        previous: None,
        cut: 0,
        tasks: task_table::Samples::default(),
    };
    if let Some(last) = lines.last().filter(|last| !last.text.is_empty()) {
        reading.cut = last.number;
    }
    for piece in text::Pieces::below(heading, &cleaned, &lines) {
        reading.take(piece);
    }
    task_table::finish(&mut reading);
    counters::settle(reading.metrics);
    if let Some(doubt) = counters::doubt(&reading.source, reading.metrics) {
        reading.tell(doubt);
    }
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
    /// The line with which the file ends without a line end, else 0: it may be cut within its last
    /// word, and a number that nothing shows to be whole is not taken from there.
    cut: usize,
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

    /// Says that a line is not of the tool whose output it stands in.
    fn not_understood(&mut self, line: &Line<'_>, tool: &str) {
        let message = format!("not a line of {tool}: `{}`; passed over", quoted(line.text));
        self.doubt(line.number, message);
    }

    /// Leaves out the last line of a file that ends amid a number: nobody knows its other digits, nor
    /// its unit.
    fn drop_cut_number(&mut self, block: &mut Block<'_, '_>) {
        let is_cut = block.lines.last().is_some_and(|line| {
            line.number == self.cut
                && text::may_end_amid_number(line.text)
                && detect_btrfs::ends_in_number(block.format, line.text)
        });
        if is_cut && let Some(line) = block.lines.pop() {
            self.tell(
                Problem::warning(
                    &self.source,
                    format!(
                        "the file ends here without a line end, so `{}` may be cut; not read",
                        quoted(line.text)
                    ),
                )
                .on_line(line.number)
                .help("end the file with a line end if it is whole"),
            );
        }
    }

    /// Takes processor shares of a tool that prints whole numbers, where no finer one knows them.
    fn coarse_cpu(&mut self, shares: CpuUse) {
        let known = self.metrics.cpu.as_ref();
        if known.is_none_or(|known| known.since_boot && !shares.since_boot) {
            self.metrics.cpu = Some(self.sourced(shares));
        }
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
            Piece::BrokenJson {
                line,
                error,
                text,
                context,
            } => {
                if error.is_eof() && json::salvage(self, line, text, &context) {
                    return;
                }
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
                        .help("read are the outputs of df, btrfs, iostat, iotop, pidstat, vmstat, ps, lsblk -J, findmnt -J, smartctl -j, fio, dmesg, node_exporter, and files of /proc and /sys"),
                );
            }
            Piece::Block(mut block) => {
                self.drop_cut_number(&mut block);
                if !block.lines.is_empty() {
                    self.block(&block);
                }
            }
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
            Format::DeviceStats | Format::DeviceStatsTable => device_stats::read(self, block),
            Format::Subvolumes | Format::SubvolumeTable => subvolumes::read(self, block),
            Format::Qgroups => qgroups::read(self, block),
            Format::Scrub | Format::Balance => maintenance::read(self, block),
            Format::FilesystemShow => filesystem_show::read(self, block),
            Format::DeviceUsage => device_usage::read(self, block),
            Format::SubvolumeShow => subvolume_show::read(self, block),
            Format::Property => property::read(self, block),
            Format::DumpSuper => dump_super::read(self, block),
            Format::Filefrag => filefrag::read(self, block),
            Format::Lsattr => lsattr::read(self, block),
            Format::SysfsBtrfs | Format::CommitStats | Format::BtrfsFeatures => {
                sysfs_btrfs::read(self, block);
            }
            Format::ProcessTable => task_table::read(self, block),
            Format::Uname | Format::Kernel | Format::BtrfsProgs | Format::NixosVersion => {
                versions::read(self, block);
            }
            Format::System(kind) => system::read(self, kind, block),
        }
        self.previous = Some(block.format);
    }

    /// A message that a tool printed among its output.
    fn message(&mut self, line: usize, text: &str, context: &Context) {
        if qgroups::said(self, text, context) {
            // It says so of quotas.
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
