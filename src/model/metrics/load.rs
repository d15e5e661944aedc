//! How busy devices, the processor and memory are, and how long programs wait for them.

use serde::Serialize;

use super::Sourced;
use crate::model::units::{Bytes, Millis, Percent};

/// Load of one block device, averaged over the reports of one run. `None` is what that form of
/// `iostat` does not print.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeviceIo {
    /// Kernel name (`nvme0n1`, `dm-0`).
    pub name: String,
    /// Reads per second.
    pub r_per_s: Option<f64>,
    /// Writes per second.
    pub w_per_s: Option<f64>,
    /// Bytes read per second.
    pub read_bytes_s: Option<f64>,
    /// Bytes written per second.
    pub write_bytes_s: Option<f64>,
    /// Time of a read, queue included, weighted by the number of reads.
    pub r_await_ms: Option<Millis>,
    /// Time of a write, queue included, weighted by the number of writes.
    pub w_await_ms: Option<Millis>,
    /// Flushes per second (sysstat 12.3 and later).
    pub f_per_s: Option<f64>,
    /// Time of a flush, weighted by the number of flushes.
    pub f_await_ms: Option<Millis>,
    /// Discards per second.
    pub d_per_s: Option<f64>,
    /// Bytes discarded per second.
    pub discard_bytes_s: Option<f64>,
    /// Time of a discard, weighted by the number of discards.
    pub d_await_ms: Option<Millis>,
    /// Requests of any sort per second, where the tool does not part them (`tps`).
    pub per_s: Option<f64>,
    /// Bytes read and written per second, where the tool does not part them.
    pub bytes_s: Option<f64>,
    /// Time of a request of any sort, where the tool does not part them.
    pub await_ms: Option<Millis>,
    /// Mean number of requests in the queue.
    pub aqu_sz: Option<f64>,
    /// Share of time with a request in flight; says little of NVMe and RAID.
    pub util_percent: Option<Percent>,
    /// The worst of the reports in the above.
    pub util_peak: Option<Percent>,
    /// Reports averaged.
    pub samples: u32,
    /// Whether this may be the average since boot (a single report), not a moment under load.
    pub since_boot: bool,
}

/// Shares of processor time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CpuUse {
    /// Programs, niced ones included.
    pub user: Percent,
    /// Kernel.
    pub system: Percent,
    /// Idle with I/O outstanding.
    pub iowait: Percent,
    /// Taken by the hypervisor.
    pub steal: Percent,
    /// Idle.
    pub idle: Percent,
    /// Reports averaged.
    pub samples: u32,
    /// Whether this may be the average since boot.
    pub since_boot: bool,
}

/// Pressure stall information by resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Waiting for I/O.
    pub io: Option<Sourced<Psi>>,
    /// Waiting for a processor.
    pub cpu: Option<Sourced<Psi>>,
    /// Waiting for memory.
    pub memory: Option<Sourced<Psi>>,
    /// Waiting for I/O, over a span that was watched.
    pub io_stall: Option<Sourced<Stall>>,
    /// Waiting for a processor, over a span that was watched.
    pub cpu_stall: Option<Sourced<Stall>>,
    /// Waiting for memory, over a span that was watched.
    pub memory_stall: Option<Sourced<Stall>>,
}

/// Shares of the time between two readings of a total (or since boot) in which tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stall {
    /// Share in which at least one task waited.
    pub some: Percent,
    /// Share in which all waited, where counted.
    pub full: Option<Percent>,
    /// How long the span was, in seconds.
    pub seconds: f64,
    /// Whether it is the average since boot.
    pub since_boot: bool,
}

/// One file of `/proc/pressure`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Psi {
    /// Share of time in which at least one task waited.
    pub some: PsiShares,
    /// Share of time in which all waited; absent for the processor before Linux 5.13.
    pub full: Option<PsiShares>,
}

/// Shares over three windows, and the total since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PsiShares {
    /// Over 10 seconds.
    pub avg10: Percent,
    /// Over 60 seconds.
    pub avg60: Percent,
    /// Over 300 seconds.
    pub avg300: Percent,
    /// Microseconds since boot, where told in full.
    pub total_us: Option<u64>,
}

/// Memory, from `/proc/meminfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemInfo {
    /// What the kernel manages.
    pub total: Bytes,
    /// What could be given to programs without swapping.
    pub available: Option<Bytes>,
    /// Waiting to be written.
    pub dirty: Option<Bytes>,
    /// Being written.
    pub writeback: Option<Bytes>,
    /// Swap there is.
    pub swap_total: Option<Bytes>,
    /// Swap free.
    pub swap_free: Option<Bytes>,
    /// Used for nothing.
    pub free: Option<Bytes>,
    /// Contents of files, shared memory included.
    pub cached: Option<Bytes>,
    /// Kernel caches (inodes, directory entries) that can be given up.
    pub reclaimable: Option<Bytes>,
    /// Memory that zswap uses for compressed pages.
    pub zswap: Option<Bytes>,
    /// What those pages were before.
    pub zswapped: Option<Bytes>,
}

/// One line of `/proc/swaps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwapArea {
    /// Device or file.
    pub path: String,
    /// `partition` or `file`.
    pub kind: String,
    /// Size.
    pub size: Bytes,
    /// In use.
    pub used: Bytes,
}
