//! Owns: memory, swap and what waits for them, as signals.

use super::{Gather, Subject, measured, report};
use crate::model::metrics::{Psi, Sourced, Stall};
use crate::model::units::Bytes;

/// From this share of time on a disk is the limit, in percent.
const BUSY: f64 = 70.0;

pub(super) fn gather(gather: &mut Gather<'_>) {
    total(gather);
    use_of(gather);
    swap(gather);
    paging(gather);
    pressure(gather);
}

fn total(gather: &mut Gather<'_>) {
    let host = gather.host;
    let measured = host
        .metrics
        .memory
        .as_ref()
        .filter(|m| m.total.0 > 0)
        .map(|m| (m.total, measured(m)));
    let reported = || Some((host.hardware.as_ref()?.memory?.bytes, report()));
    if let Some((total, source)) = measured.or_else(reported) {
        let text = format!("{total} of memory");
        gather.number("memory.total", Subject::Machine, total.gib(), source, text);
    }
}

fn use_of(gather: &mut Gather<'_>) {
    let Some(memory) = &gather.host.metrics.memory else {
        return;
    };
    if let Some(available) = memory.available
        && let Some(share) = available.fraction_of(memory.total)
    {
        let text = format!("{available} of {} memory is available", memory.total);
        let share = share * 100.0;
        gather.number(
            "memory.available",
            Subject::Machine,
            share,
            measured(memory),
            text,
        );
    }
    if let Some(dirty) = memory.dirty {
        let text = format!("{dirty} wait to be written");
        let mib = dirty.0 as f64 / Bytes::MIB as f64;
        gather.number(
            "memory.dirty",
            Subject::Machine,
            mib,
            measured(memory),
            text,
        );
        // How long the disks need for it at the pace they have.
        let stacked = ["dm-", "zram", "loop", "md", "ram"];
        let disks = gather.host.metrics.devices.iter();
        let disks = disks.filter(|d| !stacked.iter().any(|s| d.name.starts_with(s)));
        let written: f64 = disks.filter_map(|d| d.write_bytes_s).sum();
        // Only a busy disk is asked for more than it can take.
        let busy = gather.host.metrics.devices.iter();
        let busy = busy
            .filter_map(|d| Some(d.util_percent?.0))
            .any(|util| util >= BUSY);
        if busy && written > 0.0 && dirty.0 >= 512 * Bytes::MIB {
            let seconds = dirty.0 as f64 / written;
            let text = format!(
                "{dirty} wait to be written while all disks take {:.1} MB/s: {seconds:.0} s",
                written / 1e6
            );
            let source = measured(memory);
            gather.number(
                "memory.dirty_seconds",
                Subject::Machine,
                seconds,
                source,
                text,
            );
        }
    }
}

fn swap(gather: &mut Gather<'_>) {
    let metrics = &gather.host.metrics;
    if let Some(swaps) = &metrics.swaps {
        // Swap in memory is no traffic to a disk.
        let on_disk = || swaps.value.iter().filter(|s| !s.path.contains("zram"));
        let size: u64 = on_disk().map(|s| s.size.0).fold(0, u64::saturating_add);
        let used: u64 = on_disk().map(|s| s.used.0).fold(0, u64::saturating_add);
        let is_any = on_disk().next().is_some();
        let text = match is_any {
            true => format!("{} of swap on disk", Bytes(size)),
            false => "no swap on disk".to_owned(),
        };
        gather.fact(
            "swap.on_disk",
            Subject::Machine,
            is_any,
            measured(swaps),
            text,
        );
        if let Some(share) = Bytes(used).fraction_of(Bytes(size)) {
            let text = format!("{} of {} swap on disk is used", Bytes(used), Bytes(size));
            let share = share * 100.0;
            gather.number("swap.used", Subject::Machine, share, measured(swaps), text);
        }
        let zram = swaps.value.iter().any(|s| s.path.contains("zram"));
        if zram {
            let text = "swap is compressed memory (zram)";
            gather.fact("swap.zram", Subject::Machine, true, measured(swaps), text);
        }
    } else if let Some(memory) = &metrics.memory
        && let Some(total) = memory.swap_total
    {
        let text = format!("{total} of swap");
        let is_any = total.0 > 0;
        gather.fact(
            "swap.on_disk",
            Subject::Machine,
            is_any,
            measured(memory),
            text,
        );
        if let Some(free) = memory.swap_free
            && let Some(share) = free.fraction_of(total)
        {
            let used = Bytes(total.0.saturating_sub(free.0));
            let text = format!("{used} of {total} swap is used");
            let share = (1.0 - share) * 100.0;
            gather.number("swap.used", Subject::Machine, share, measured(memory), text);
        }
    }
}

fn paging(gather: &mut Gather<'_>) {
    let Some(vm) = &gather.host.metrics.vm else {
        return;
    };
    let now = match vm.since_boot {
        true => " on average since boot",
        false => "",
    };
    let moved = vm.swap_in_bytes_s.unwrap_or(0.0) + vm.swap_out_bytes_s.unwrap_or(0.0);
    if vm.swap_in_bytes_s.is_some() || vm.swap_out_bytes_s.is_some() {
        let text = format!("{:.1} MB/s are swapped in or out{now}", moved / 1e6);
        let name = "swap.traffic";
        gather.number(name, Subject::Machine, moved / 1e6, measured(vm), text);
    }
    if let (Some(read), Some(written)) = (vm.block_in_bytes_s, vm.block_out_bytes_s) {
        let all = (read + written) / 1e6;
        let text = format!("{all:.2} MB/s are read and written by the whole machine{now}");
        gather.number(
            "machine.block_io",
            Subject::Machine,
            all,
            measured(vm),
            text,
        );
    }
    if let Some(faults) = vm.major_faults_s {
        let text = format!("{faults:.0} page faults a second read a device{now}");
        gather.number(
            "memory.major_faults",
            Subject::Machine,
            faults,
            measured(vm),
            text,
        );
    }
    if let Some(pages) = vm.file_refaults_s {
        let text = format!(
            "{pages:.0} pages of files a second are read again soon after they were dropped{now}"
        );
        gather.number(
            "memory.refaults",
            Subject::Machine,
            pages,
            measured(vm),
            text,
        );
    }
    if let Some(blocked) = vm.blocked {
        let text = format!("{blocked:.1} tasks wait without being woken{now}");
        gather.number(
            "tasks.blocked",
            Subject::Machine,
            blocked,
            measured(vm),
            text,
        );
    }
    if let Some(kills) = vm.oom_kills.filter(|k| *k > 0) {
        let text = format!("{kills} processes were killed for lack of memory since boot");
        gather.number(
            "memory.oom_kills",
            Subject::Machine,
            kills as f64,
            measured(vm),
            text,
        );
    }
}

fn pressure(gather: &mut Gather<'_>) {
    let all = &gather.host.metrics.pressure;
    let mut say =
        |resource: &str, what: &str, psi: &Option<Sourced<Psi>>, stall: &Option<Sourced<Stall>>| {
            let (some, full, source) = match (stall.as_ref().filter(|s| !s.since_boot), psi) {
                // What was watched tells of the load at hand; averages lag behind it.
                (Some(stall), _) => (stall.some.0, stall.full.map(|f| f.0), measured(stall)),
                // The last minute hides neither what is over nor what has just begun.
                (None, Some(psi)) => (
                    psi.some.avg60.0.max(psi.some.avg10.0),
                    psi.full.map(|full| full.avg60.0.max(full.avg10.0)),
                    measured(psi),
                ),
                (None, None) => return,
            };
            let text = format!("some task waited for {what} {some:.1} % of the time");
            let name = format!("psi.{resource}.some");
            gather.number(&name, Subject::Machine, some, source.clone(), text);
            if let Some(full) = full {
                let text = format!("all tasks waited for {what} {full:.1} % of the time");
                let name = format!("psi.{resource}.full");
                gather.number(&name, Subject::Machine, full, source, text);
            }
        };
    say("io", "I/O", &all.io, &all.io_stall);
    say("memory", "memory", &all.memory, &all.memory_stall);
    say("cpu", "a processor", &all.cpu, &all.cpu_stall);
}
