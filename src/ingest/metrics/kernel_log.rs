//! The kernel's log: `dmesg` (plain, `-T -x -H -d -r -t`), `journalctl -k`, files of syslog.
//!
//! Most lines tell of nothing; those that tell of trouble are counted by device.

use super::Reading;
use super::kernel_messages::{MESSAGES, Message};
use super::system::{is_integer, is_time};
use super::text::Block;
use crate::ingest::problem::quoted;
use crate::model::metrics::KernelEvent;

/// The longest line that is kept.
const LONGEST: usize = 300;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What stands in a line of a log.
enum Entry<'t> {
    /// A message of the kernel, without its time.
    Kernel(&'t str),
    /// A message of a program.
    Program,
}

/// `[   12.345678]`, `[Nov23 06:30]`, `[  +0.000123]`, `[Mon Nov 23 06:30:34 2026]`,
/// `[    0.000000 <    0.000000>]`: what follows it.
fn behind_stamp(line: &str) -> Option<&str> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once(']')?;
    let stamp = stamp.trim();
    let seconds = |text: &str| {
        text.trim_start_matches('+')
            .split_once('.')
            .is_some_and(|(a, b)| is_integer(a) && is_integer(b))
    };
    let first = stamp.split_whitespace().next().unwrap_or_default();
    let short = MONTHS.iter().any(|month| {
        first.strip_prefix(month).is_some_and(is_integer)
            && stamp
                .split_once(' ')
                .is_some_and(|(_, time)| time.trim().split(':').all(is_integer))
    });
    let long = stamp.split_whitespace().count() == 5
        && stamp.split_whitespace().any(is_time)
        && stamp.split_whitespace().any(|word| MONTHS.contains(&word));
    (seconds(first) || short || long).then(|| {
        // `[    T12]`: the task that wrote it (CONFIG_PRINTK_CALLER).
        let rest = rest.trim_start();
        let caller = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        match caller {
            Some((id, rest))
                if id.trim().starts_with(['T', 'C']) && is_integer(&id.trim()[1..]) =>
            {
                rest.trim_start()
            }
            _ => rest,
        }
    })
}

/// `host kernel: message`, or of a program.
fn behind_host(rest: &str) -> Option<Entry<'_>> {
    let (_host, rest) = rest.trim_start().split_once(' ')?;
    let (who, message) = rest
        .split_once(": ")
        .or_else(|| rest.strip_suffix(':').map(|who| (who, "")))?;
    if who == "kernel" {
        return Some(Entry::Kernel(behind_stamp(message).unwrap_or(message)));
    }
    (!who.contains(' ') && !who.is_empty()).then_some(Entry::Program)
}

fn stamped(line: &str) -> Option<Entry<'_>> {
    // dmesg -r; dmesg -x
    let line = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((level, rest)) if is_integer(level) => rest,
        _ => line,
    };
    let line = match line.split_once(": [") {
        Some((front, _)) if is_facility(front) => &line[front.len() + 2..],
        _ => line,
    };
    if let Some(rest) = behind_stamp(line) {
        return match rest.split_once(" kernel: ") {
            Some((host, message)) if !host.contains(' ') => Some(Entry::Kernel(message)),
            _ => Some(Entry::Kernel(rest)),
        };
    }
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let first = words.next()?;
    // `2026-11-23T06:30:34,000000+00:00`
    if first.len() >= 19
        && first.as_bytes().get(10) == Some(&b'T')
        && first.as_bytes().get(4) == Some(&b'-')
    {
        let rest = line[first.len()..].trim_start();
        return match first.contains(',') {
            true => Some(Entry::Kernel(rest)),
            false => behind_host(rest),
        };
    }
    let second = words.next()?;
    let third = words.next()?;
    // `Nov 23 06:30:34 host …`
    if MONTHS.contains(&first) && is_integer(second) && is_time(third) {
        return behind_host(super::system::after_words(line, 3));
    }
    // `Mon 2026-11-23 06:30:34 UTC host …`
    if first.len() == 3 && second.len() == 10 && second.matches('-').count() == 2 && is_time(third)
    {
        return behind_host(super::system::after_words(line, 4));
    }
    None
}

/// `kern  :info  `
fn is_facility(front: &str) -> bool {
    let parts: Vec<&str> = front.split(':').map(str::trim).collect();
    matches!(parts[..], [facility, level]
        if ["kern", "user", "daemon", "syslog", "auth", "authpriv", "mail", "cron", "lpr", "news", "uucp", "ftp", "local0"].contains(&facility)
            && ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"].contains(&level))
}

/// The sort of trouble that a message tells of.
fn classify(message: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|known| {
        known.holds.iter().all(|words| message.contains(words))
            && !known.lacks.iter().any(|words| message.contains(words))
    })
}

/// A message without a time (`dmesg -t`, or pasted): only those that begin as the kernel's do.
fn bare(line: &str) -> bool {
    let begins = [
        "BTRFS ",
        "BTRFS: ",
        "nvme nvme",
        "INFO: task ",
        "Out of memory: ",
        "Memory cgroup out of memory: ",
        "blk_update_request: ",
        "print_req_error: ",
        "I/O error, dev ",
        "critical ",
        "Buffer I/O error ",
        "watchdog: ",
        "rcu: ",
        "workqueue: ",
        "usb ",
        "sd ",
        "mmc",
    ];
    let ata = line
        .strip_prefix("ata")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(": "));
    let known = ata || begins.iter().any(|begin| line.starts_with(begin));
    // btrfs names itself and its device in every line, of trouble or not.
    let btrfs = [
        "BTRFS info (device ",
        "BTRFS warning (device ",
        "BTRFS error (device ",
        "BTRFS critical (device ",
        "BTRFS: device ",
    ]
    .iter()
    .any(|begin| line.starts_with(begin));
    btrfs || known && classify(line).is_some()
}

pub(super) fn is_line(line: &str) -> bool {
    stamped(line).is_some() || bare(line) || is_boundary(line)
}

/// What `journalctl` writes between boots: `-- Boot 0123… --`, `-- Logs begin at … --`.
fn is_boundary(line: &str) -> bool {
    let words = [
        "-- Boot ",
        "-- Logs begin",
        "-- Journal begins",
        "-- No entries",
        "-- Reboot",
    ];
    words.iter().any(|begin| line.starts_with(begin)) && line.ends_with("--")
}

/// The name under which a medium has come: a file of a loop device, a card, a stick.
fn new_medium(message: &str) -> Option<&str> {
    let (front, _) = message.split_once(" detected capacity change from 0 to ")?;
    // `loop1`, or `sd 6:0:0:0: [sdc]` where the driver says it.
    let word = front.split_whitespace().next_back()?;
    Some(word.trim_matches(['[', ']', ':']))
}

/// Whether a name is a device's, or that of a partition of it.
fn is_part_of(name: &str, device: &str) -> bool {
    let Some(rest) = name.strip_prefix(device) else {
        return false;
    };
    // `loop1p2`, but not `loop12`.
    let number = match device.ends_with(|c: char| c.is_ascii_digit()) {
        true => rest.strip_prefix('p').unwrap_or("-"),
        false => rest,
    };
    rest.is_empty() || is_integer(number)
}

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut events: Vec<KernelEvent> = Vec::new();
    let mut dated = false;
    let mut plain = 0_usize;
    let mut first_plain = None;
    for line in &block.lines {
        let message = match stamped(line.text) {
            Some(Entry::Kernel(message)) => {
                dated = true;
                message
            }
            Some(Entry::Program) => {
                dated = true;
                continue;
            }
            None => line.text,
        };
        if let Some(version) = message.strip_prefix("Linux version ") {
            if let (Some(release), None) = (version.split(' ').next(), &reading.metrics.kernel) {
                reading.metrics.kernel = Some(reading.sourced(release.to_owned()));
            }
            continue;
        }
        if let Some(name) = new_medium(message) {
            // What was said under its name before was said of another.
            events.retain(|e| e.subject.as_deref().is_none_or(|s| !is_part_of(s, name)));
        }
        let Some(known) = classify(message) else {
            // Continued lines are set in; `-- Boot … --` parts boots.
            let foreign = dated
                && stamped(line.text).is_none()
                && !line.text.starts_with(char::is_whitespace)
                && !line.text.starts_with("-- ");
            if foreign {
                let text = format!(
                    "not a line of the kernel's log: `{}`; passed over",
                    quoted(line.text)
                );
                reading.doubt(line.number, text);
            } else if stamped(line.text).is_none() && !bare(line.text) {
                plain += 1;
                first_plain = first_plain.or(Some(line));
            }
            continue;
        };
        let subject = known.subject.of(message);
        let same = events
            .iter_mut()
            .find(|event| event.kind == known.kind && event.subject == subject);
        match same {
            Some(event) => event.count += 1,
            None => events.push(KernelEvent {
                kind: known.kind,
                subject,
                line: message.trim().chars().take(LONGEST).collect(),
                count: 1,
            }),
        }
    }
    if let Some(line) = first_plain.filter(|_| !dated) {
        let text = format!(
            "{plain} lines without a time were taken for the kernel's log and tell of no trouble, the first `{}`",
            quoted(line.text)
        );
        reading.note(line.number, text);
    }
    for event in events {
        let event = reading.sourced(event);
        reading.metrics.kernel_events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::metrics::KernelEventKind as Kind;

    fn told(line: &str) -> Option<(Kind, Option<String>)> {
        let message = match stamped(line) {
            Some(Entry::Kernel(message)) => message,
            Some(Entry::Program) => return None,
            None => line,
        };
        classify(message).map(|known| (known.kind, known.subject.of(message)))
    }

    #[test]
    fn what_was_said_before_a_medium_came_is_not_of_it() {
        let log = "[ 1.0] BTRFS error (device loop2): bdev /dev/loop1 errs: wr 0, rd 0, flush 0, corrupt 1, gen 0
[ 1.1] I/O error, dev loop1p2, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
[ 1.2] I/O error, dev loop12, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
[ 1.3] I/O error, dev sdc1, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
[ 2.0] loop1: detected capacity change from 0 to 1228800
[ 2.1] sd 6:0:0:0: [sdc] detected capacity change from 0 to 1228800
[ 3.0] I/O error, dev loop1, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
[ 4.0] loop1: detected capacity change from 1228800 to 2457600
";
        let mut metrics = crate::model::metrics::Metrics::default();
        let problems = crate::ingest::metrics::read_bytes("dmesg", log.as_bytes(), &mut metrics);
        assert_eq!(problems, []);
        let events = metrics.kernel_events.iter();
        let told: Vec<_> = events.map(|e| (e.subject.as_deref(), e.count)).collect();
        assert_eq!(told, [(Some("loop12"), 1), (Some("loop1"), 1)]);
    }

    #[test]
    fn each_sort_of_trouble_is_known_with_what_it_is_about() {
        let cases = [
            (
                "[  345.1] nvme nvme0: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting req_op:READ(0) size:4096",
                Kind::NvmeTimeout,
                "nvme0",
            ),
            (
                "[  345.1] nvme nvme1: I/O 12 QID 3 timeout, completion polled",
                Kind::NvmeTimeout,
                "nvme1",
            ),
            (
                "[  345.1] nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10",
                Kind::NvmeReset,
                "nvme0",
            ),
            (
                "kern  :err   : [ 1.5] ata3.00: exception Emask 0x0 SAct 0x40 SErr 0x0 action 0x6 frozen",
                Kind::AtaError,
                "ata3",
            ),
            (
                "[Mon Nov 23 06:30:34 2026] ata3: hard resetting link",
                Kind::AtaError,
                "ata3",
            ),
            (
                "Nov 23 06:30:34 nas kernel: sd 2:0:0:0: [sdb] tag#12 FAILED Result: hostbyte=DID_OK driverbyte=DRIVER_OK cmd_age=3s",
                Kind::AtaError,
                "sdb",
            ),
            (
                "2026-11-23T06:30:34+0000 nas kernel: I/O error, dev sdb, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
                Kind::IoError,
                "sdb",
            ),
            (
                "[ 9.0] blk_update_request: critical medium error, dev sda, sector 99",
                Kind::IoError,
                "sda",
            ),
            (
                "[ 9.0] Buffer I/O error on dev dm-0, logical block 5, async page read",
                Kind::IoError,
                "dm-0",
            ),
            (
                "[ 9.0] usb 2-1: reset SuperSpeed USB device number 2 using xhci_hcd",
                Kind::UsbReset,
                "2-1",
            ),
            (
                "[ 9.0] INFO: task btrfs-transacti:431 blocked for more than 122 seconds.",
                Kind::HungTask,
                "btrfs-transacti",
            ),
            (
                "[ 9.0] BTRFS warning (device sda2): csum failed root 5 ino 257 off 0 csum 0x1 expected csum 0x2 mirror 1",
                Kind::ChecksumError,
                "sda2",
            ),
            (
                "[ 9.0] BTRFS error (device sda2): bdev /dev/sdb2 errs: wr 3, rd 0, flush 0, corrupt 0, gen 0",
                Kind::DeviceError,
                "sdb2",
            ),
            (
                "[ 9.0] BTRFS info (device dm-0 state EA): forced readonly",
                Kind::ForcedReadOnly,
                "dm-0",
            ),
            (
                "[ 9.0] BTRFS: error (device sda2 state A) in btrfs_run_delayed_refs:2160: errno=-28 No space left",
                Kind::NoSpace,
                "sda2",
            ),
            (
                "[ 9.0] Out of memory: Killed process 4242 (cc1plus) total-vm:1kB, anon-rss:1kB",
                Kind::OutOfMemory,
                "cc1plus",
            ),
            (
                "[ 9.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/u8:3:99]",
                Kind::SoftLockup,
                "kworker/u8",
            ),
            (
                "[ 9.0] workqueue: btrfs_work_helper hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND",
                Kind::WorkqueueHog,
                "btrfs_work_helper",
            ),
        ];
        for (line, kind, subject) in cases {
            assert_eq!(told(line), Some((kind, Some(subject.to_owned()))), "{line}");
            assert!(is_line(line), "{line}");
        }
        for harmless in [
            "[ 1.0] ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)",
            "[ 1.0] I/O error, dev sr0, sector 0 op 0x0:(READ)",
            "[ 1.0] BTRFS info (device sda2): using crc32c (crc32c-intel) checksum algorithm",
            "[ 1.0] nvme nvme0: 8/0/0 default/read/poll queues",
        ] {
            assert_eq!(told(harmless), None, "{harmless}");
        }
        assert!(!is_line("[/dev/sda].write_io_errs    0"));
        assert!(!is_line("nvme list"));
    }
}
