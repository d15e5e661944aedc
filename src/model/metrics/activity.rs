//! Owns: what ran on a host while it was watched.

use serde::Serialize;

use crate::model::units::{Bytes, Millis, Percent};

/// A program or kernel thread while the machine was watched. `None` is what the tool does not show.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Process {
    /// Its short name without brackets (`btrfs-cleaner`, `postgres`); of a worker of the kernel
    /// with what it works for (`kworker/u8:0-btrfs-endio-write`).
    pub name: String,
    /// Its command line, where the tool shows more than the name.
    pub command: Option<String>,
    /// Process (or thread) number.
    pub pid: Option<u64>,
    /// Who runs it.
    pub user: Option<String>,
    /// Processor time; 100 is one core.
    pub cpu: Option<Percent>,
    /// What it was doing when it was looked at.
    pub state: Option<ProcessState>,
    /// The function of the kernel that it waits in (`/proc/<pid>/wchan`).
    pub wchan: Option<String>,
    /// Bytes read per second. The kernel attributes much of btrfs's writing to its own workers.
    pub read_bytes_s: Option<f64>,
    /// Bytes written per second.
    pub write_bytes_s: Option<f64>,
    /// Bytes read in all, where the tool counts (`iotop -a`).
    pub read_total: Option<Bytes>,
    /// Bytes written in all, where the tool counts.
    pub write_total: Option<Bytes>,
    /// Share of its time spent waiting for I/O; unknown with `kernel.task_delayacct=0`.
    pub io_wait: Option<Percent>,
    /// Resident memory.
    pub resident: Option<Bytes>,
    /// Whether it holds an io_uring open, whose idle waiting older kernels count as waiting for
    /// I/O.
    pub io_uring: Option<bool>,
    /// Samples averaged.
    pub samples: u32,
}

/// What a task does, as `ps` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// `R`: runs, or could.
    Running,
    /// `S`, `I`: waits, and can be woken.
    Sleeping,
    /// `D`: waits for a device or a lock of the kernel, and cannot be killed.
    Uninterruptible,
    /// `T`, `t`: stopped.
    Stopped,
    /// `Z`, `X`: ended.
    Zombie,
}

/// Paging and swapping, averaged over the reports of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct VmActivity {
    /// Bytes swapped in per second.
    pub swap_in_bytes_s: Option<f64>,
    /// Bytes swapped out per second.
    pub swap_out_bytes_s: Option<f64>,
    /// Bytes read from block devices per second.
    pub block_in_bytes_s: Option<f64>,
    /// Bytes written to block devices per second.
    pub block_out_bytes_s: Option<f64>,
    /// Tasks that run or could.
    pub runnable: Option<f64>,
    /// Tasks that wait for I/O without being woken.
    pub blocked: Option<f64>,
    /// Page faults per second that had to read a device.
    pub major_faults_s: Option<f64>,
    /// Pages of files per second that were read again soon after they were dropped: the sign of a
    /// page cache that is too small.
    pub file_refaults_s: Option<f64>,
    /// Processes killed for lack of memory, since boot.
    pub oom_kills: Option<u64>,
    /// Reports averaged.
    pub samples: u32,
    /// Whether this may be the average since boot.
    pub since_boot: bool,
}

/// Load average: tasks that run, could, or wait for a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LoadAverage {
    /// Over a minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

/// The processor, as the kernel shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpuInfo {
    /// The name its maker gave it.
    pub model: Option<String>,
    /// Hardware threads.
    pub threads: Option<u32>,
    /// Cores of all sockets.
    pub cores: Option<u32>,
    /// Feature flags (`aes`, `sse4_2`).
    pub features: std::collections::BTreeSet<String>,
}

/// One job of fio.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FioJob {
    /// Its name.
    pub name: String,
    /// The pattern (`randwrite`, `read`).
    pub pattern: Option<String>,
    /// Bytes a request.
    pub block_size: Option<Bytes>,
    /// Requests in flight.
    pub io_depth: Option<u64>,
    /// Whether it goes around the page cache.
    pub direct: Option<bool>,
    /// Where it works.
    pub path: Option<String>,
    /// What it read.
    pub read: Option<FioSide>,
    /// What it wrote.
    pub write: Option<FioSide>,
    /// Mean time of an fsync.
    pub sync_mean: Option<Millis>,
}

/// One direction of a job of fio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FioSide {
    /// Requests per second.
    pub per_s: f64,
    /// Bytes per second.
    pub bytes_s: f64,
    /// Mean completion time.
    pub mean: Option<Millis>,
    /// The time below which 99 of 100 requests stay.
    pub p99: Option<Millis>,
}
