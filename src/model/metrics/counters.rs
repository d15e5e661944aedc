//! Owns: counters since boot, as read, until two readings (or the time since boot) make rates of
//! them. Rates are facts of the other files of this folder; these are what they are computed from.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Every counter file that was read, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counters {
    /// `/proc/diskstats`, by kernel name.
    pub disks: Vec<Sample<BTreeMap<String, DiskCounters>>>,
    /// `/proc/stat`.
    pub cpu: Vec<Sample<CpuCounters>>,
    /// `/proc/vmstat`.
    pub vm: Vec<Sample<VmCounters>>,
    /// `/proc/pressure/io`.
    pub io: Vec<Sample<StallCounters>>,
    /// `/proc/pressure/cpu`.
    pub processor: Vec<Sample<StallCounters>>,
    /// `/proc/pressure/memory`.
    pub memory: Vec<Sample<StallCounters>>,
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<T> {
    /// When, and by which clock; unknown for a file that somebody printed once.
    pub at: Option<(Clock, f64)>,
    /// Seconds since boot, where the same file tells.
    pub uptime_s: Option<f64>,
    /// The name of its file.
    pub source: Arc<str>,
    /// The counters.
    pub value: T,
}

/// What tells the time of a reading. Only times of one clock can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The `t=` of headings.
    Bundle,
    /// Seconds since 1970.
    Unix,
}

/// Counters of one block device since it appeared. `None` is what the source does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DiskCounters {
    /// Reads completed.
    pub reads: Option<f64>,
    /// Bytes read.
    pub read_bytes: Option<f64>,
    /// Milliseconds that reads took together.
    pub read_ms: Option<f64>,
    /// Writes completed.
    pub writes: Option<f64>,
    /// Bytes written.
    pub write_bytes: Option<f64>,
    /// Milliseconds that writes took together.
    pub write_ms: Option<f64>,
    /// Discards completed (Linux 4.18 and later).
    pub discards: Option<f64>,
    /// Bytes discarded.
    pub discard_bytes: Option<f64>,
    /// Milliseconds that discards took together.
    pub discard_ms: Option<f64>,
    /// Flushes completed (Linux 5.5 and later).
    pub flushes: Option<f64>,
    /// Milliseconds that flushes took together.
    pub flush_ms: Option<f64>,
    /// Milliseconds with a request in flight.
    pub busy_ms: Option<f64>,
    /// Milliseconds of all requests in flight together.
    pub queue_ms: Option<f64>,
}

/// Processor time of all processors together, in any unit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuCounters {
    /// Programs, niced ones included.
    pub user: f64,
    /// Kernel, interrupts included.
    pub system: f64,
    /// Idle with I/O outstanding.
    pub iowait: f64,
    /// Taken by the hypervisor.
    pub steal: f64,
    /// Idle.
    pub idle: f64,
    /// Tasks that wait for I/O at this moment.
    pub blocked: Option<f64>,
    /// Tasks that run or could at this moment.
    pub runnable: Option<f64>,
}

/// Paging since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VmCounters {
    /// Bytes read from block devices.
    pub read_bytes: Option<f64>,
    /// Bytes written to block devices.
    pub write_bytes: Option<f64>,
    /// Pages swapped in.
    pub swap_in_pages: Option<f64>,
    /// Pages swapped out.
    pub swap_out_pages: Option<f64>,
    /// Page faults that read a device.
    pub major_faults: Option<f64>,
    /// Pages of files that were read again soon after they were dropped.
    pub file_refaults: Option<f64>,
    /// Processes killed for lack of memory.
    pub oom_kills: Option<u64>,
    /// Pages that are free at this moment: tells the size of a page beside `MemFree`.
    pub free_pages: Option<f64>,
}

/// Microseconds in which tasks waited for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StallCounters {
    /// At least one waited.
    pub some_us: f64,
    /// All waited.
    pub full_us: Option<f64>,
}
