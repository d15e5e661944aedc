//! Outputs of a host's tools that are not btrfs's own: which there are, how each begins, and who
//! reads it.

use super::text::{Block, Line};
use super::{
    Reading, iotop, kernel_log, pidstat, proc_files, processes, prometheus, services, sysfs_block,
    vmstat,
};

/// One of these outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `iotop -b`, of either program.
    Iotop,
    /// `pidstat` as text.
    Pidstat,
    /// `vmstat`.
    Vmstat,
    /// `vmstat -d`.
    VmstatDisks,
    /// `vmstat -s`.
    VmstatSummary,
    /// `/proc/diskstats`.
    Diskstats,
    /// `/proc/stat`.
    Stat,
    /// `/proc/vmstat`.
    ProcVmstat,
    /// `/proc/loadavg`, `uptime`.
    Load,
    /// `/proc/uptime`.
    Uptime,
    /// `/proc/cpuinfo`.
    CpuInfo,
    /// Files of `/sys/block`, each with its content.
    Queue,
    /// The text format of Prometheus.
    Prometheus,
    /// `dmesg`, `journalctl -k`.
    KernelLog,
    /// `ps`.
    Ps,
    /// `top -b`.
    Top,
    /// `systemctl list-units`.
    Units,
    /// `docker info`.
    Docker,
}

impl Kind {
    /// Whether a second first line begins a second output.
    pub(super) fn restarts(self) -> bool {
        matches!(
            self,
            Kind::Stat | Kind::Ps | Kind::VmstatSummary | Kind::Units | Kind::Docker
        )
    }
}

/// The output that begins at the first of `lines`, of those whose first line nothing else has.
pub(super) fn detect(lines: &[Line<'_>]) -> Option<Kind> {
    let line = lines.first()?.text;
    let kind = if kernel_log::is_line(line) {
        Kind::KernelLog
    } else if prometheus::is_line(line) {
        Kind::Prometheus
    } else if iotop::is_line(line) {
        Kind::Iotop
    } else if pidstat::is_head(lines) {
        Kind::Pidstat
    } else if vmstat::is_head(lines) {
        Kind::Vmstat
    } else if vmstat::is_disks(line) {
        Kind::VmstatDisks
    } else if vmstat::is_summary(line) {
        Kind::VmstatSummary
    } else if proc_files::is_diskstats(line) {
        Kind::Diskstats
    } else if proc_files::is_stat(line) {
        Kind::Stat
    } else if proc_files::is_vmstat(line) {
        Kind::ProcVmstat
    } else if proc_files::is_load(line) {
        Kind::Load
    } else if proc_files::is_uptime(line) {
        Kind::Uptime
    } else if proc_files::is_cpuinfo(line) {
        Kind::CpuInfo
    } else if sysfs_block::is_line(line) {
        Kind::Queue
    } else if processes::is_top(line) {
        Kind::Top
    } else if processes::is_ps(line) {
        Kind::Ps
    } else if services::is_units(lines) {
        Kind::Units
    } else if services::is_docker(lines) {
        Kind::Docker
    } else {
        return None;
    };
    Some(kind)
}

/// Whether a line belongs to an output that began at `first`, whatever else it looks like: the
/// rows of these hold commands and messages of any form.
pub(super) fn continues(kind: Kind, first: &Line<'_>, line: &Line<'_>) -> bool {
    match kind {
        Kind::Ps => processes::is_row(first.text, line.text),
        Kind::Top => processes::is_top_row(line.text),
        Kind::Iotop => iotop::is_line(line.text),
        Kind::Pidstat => pidstat::is_row(line.text),
        Kind::KernelLog => kernel_log::is_line(line.text),
        Kind::Prometheus => prometheus::is_line(line.text),
        // Short rows of words that other formats use alone.
        Kind::Units => services::is_unit(line.text),
        Kind::Docker => line.text.starts_with(' '),
        _ => false,
    }
}

/// Whether a line that looks like a heading is content.
pub(super) fn is_content(line: &str) -> bool {
    pidstat::is_commented_head(line) || line.starts_with("# EOF")
}

/// What a shell or a tool says in place of an output: `bash: iostat: command not found`.
pub(super) fn is_complaint(line: &str) -> bool {
    let ends = [
        ": command not found",
        ": Permission denied",
        ": No such file or directory",
        ": Operation not permitted",
        ": not found",
    ];
    ends.iter().any(|end| line.ends_with(end)) && !kernel_log::is_line(line) && line.len() < 200
}

pub(super) fn read(reading: &mut Reading<'_>, kind: Kind, block: &Block<'_, '_>) {
    match kind {
        Kind::Iotop => iotop::read(reading, block),
        Kind::Pidstat => pidstat::read(reading, block),
        Kind::Vmstat => vmstat::read(reading, block),
        Kind::VmstatDisks => vmstat::read_disks(reading, block),
        Kind::VmstatSummary => vmstat::read_summary(reading, block),
        Kind::Diskstats => proc_files::read_diskstats(reading, block),
        Kind::Stat => proc_files::read_stat(reading, block),
        Kind::ProcVmstat => proc_files::read_vmstat(reading, block),
        Kind::Load => proc_files::read_load(reading, block),
        Kind::Uptime => proc_files::read_uptime(reading, block),
        Kind::CpuInfo => proc_files::read_cpuinfo(reading, block),
        Kind::Queue => sysfs_block::read(reading, block),
        Kind::Prometheus => prometheus::read(reading, block),
        Kind::KernelLog => kernel_log::read(reading, block),
        Kind::Ps => processes::read_ps(reading, block),
        Kind::Top => processes::read_top(reading, block),
        Kind::Units => services::read_units(reading, block),
        Kind::Docker => services::read_docker(reading, block),
    }
}

/// What of `text` follows its first `count` words.
pub(super) fn after_words(text: &str, count: usize) -> &str {
    let mut rest = text.trim_start();
    for _ in 0..count {
        rest = rest
            .find(char::is_whitespace)
            .map_or("", |end| rest[end..].trim_start());
    }
    rest
}

/// Whether a word is a number without a sign.
pub(super) fn is_integer(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// `06:47:41`, `6:47:41.123`.
pub(super) fn is_time(word: &str) -> bool {
    word.matches(':').count() == 2
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b','))
}
