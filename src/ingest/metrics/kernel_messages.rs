//! What lines of the kernel's log tell of trouble with storage or memory, as data.
//!
//! The words are those of the kernel's own format strings; each row names the file they stand in
//! (Linux 6.12 unless said otherwise).

use crate::model::metrics::KernelEventKind as Kind;

/// One sort of message.
pub(super) struct Message {
    /// What a line must hold, all of it.
    pub(super) holds: &'static [&'static str],
    /// What a line must not hold.
    pub(super) lacks: &'static [&'static str],
    /// Which trouble it tells of.
    pub(super) kind: Kind,
    /// What it is about.
    pub(super) subject: Subject,
}

/// Where a message names what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// The last word before the first colon: `nvme nvme0: …`, `ata3.00: …`, `usb 2-1: …`.
    Prefix,
    /// The word after these: `dev `, `(device `.
    After(&'static str),
    /// What stands between these: a task in brackets.
    Between(&'static str, &'static str),
    /// `[sda]` of a SCSI disk.
    Disk,
}

const fn row(holds: &'static [&'static str], kind: Kind, subject: Subject) -> Message {
    Message {
        holds,
        lacks: &[],
        kind,
        subject,
    }
}

/// The first that fits counts.
pub(super) const MESSAGES: &[Message] = &[
    // nvme_timeout, nvme_warn_reset, nvme_poll_irqdisable: drivers/nvme/host/pci.c
    row(
        &["nvme", " timeout, completion polled"],
        Kind::NvmeTimeout,
        Subject::Prefix,
    ),
    row(
        &["nvme", " timeout, aborting"],
        Kind::NvmeTimeout,
        Subject::Prefix,
    ),
    row(
        &["nvme", " timeout, reset controller"],
        Kind::NvmeTimeout,
        Subject::Prefix,
    ),
    row(
        &["nvme", " timeout, disable controller"],
        Kind::NvmeTimeout,
        Subject::Prefix,
    ),
    row(
        &["nvme", "controller is down; will reset"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    row(
        &["nvme", "resetting controller"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    row(
        &["nvme", "error detected, reset controller"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    // nvme_reset_work ("Disabling device after reset failure"; "Removing after probe failure" up to 6.0)
    row(
        &["nvme", "after reset failure"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    row(
        &["nvme", "Removing after probe failure"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    // nvme_wait_ready: drivers/nvme/host/core.c
    row(
        &["nvme", "Device not ready; aborting"],
        Kind::NvmeReset,
        Subject::Prefix,
    ),
    // blk_print_req_error: block/blk-core.c; a command that the driver gave up (nvme_error_status)
    row(
        &["I/O error, dev nvme", "Host Aborted Command"],
        Kind::NvmeReset,
        Subject::After("dev "),
    ),
    // mmc_request_done, mmc_blk_rw_reset_success: drivers/mmc/core
    row(
        &["mmc", "Timeout waiting for hardware interrupt"],
        Kind::MmcError,
        Subject::Prefix,
    ),
    row(&["mmcblk", ": error -110"], Kind::MmcError, Subject::Prefix),
    row(&["mmcblk", "timed out"], Kind::MmcError, Subject::Prefix),
    // lib/bug.c, kernel/panic.c
    row(
        &["kernel BUG at "],
        Kind::KernelBug,
        Subject::After("kernel BUG at "),
    ),
    row(
        &["WARNING: CPU", "btrfs"],
        Kind::KernelBug,
        Subject::After("at "),
    ),
    // btrfs_dev_stat_inc_and_print, btrfs_dev_stat_print_on_load: fs/btrfs/volumes.c
    row(
        &["BTRFS", ": bdev ", " errs: wr "],
        Kind::DeviceError,
        Subject::After("bdev "),
    ),
    // btrfs_print_data_csum_error: fs/btrfs/inode.c
    row(
        &["BTRFS", "csum failed"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    // btrfs_validate_extent_buffer: fs/btrfs/disk-io.c
    row(
        &["BTRFS", "checksum verify failed"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "parent transid verify failed"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "bad tree block start"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    // leaf_err: fs/btrfs/tree-checker.c
    row(
        &["BTRFS", "corrupt leaf"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    // scrub_stripe_report_errors, scrub_print_common_warning: fs/btrfs/scrub.c
    row(
        &["BTRFS", "checksum error at logical"],
        Kind::ChecksumError,
        Subject::After(" on dev "),
    ),
    row(
        &["BTRFS", "unable to fixup", "at logical"],
        Kind::ChecksumError,
        Subject::After("(device "),
    ),
    // __btrfs_handle_fs_error: fs/btrfs/messages.c; -28 is ENOSPC
    row(
        &["BTRFS", "error (device ", "errno=-28"],
        Kind::NoSpace,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "error (device ", "errno=-"],
        Kind::ForcedReadOnly,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "forced readonly"],
        Kind::ForcedReadOnly,
        Subject::After("(device "),
    ),
    // btrfs_abort_transaction: fs/btrfs/transaction.h
    row(
        &["BTRFS", "Transaction aborted (error -28)"],
        Kind::NoSpace,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "Transaction aborted"],
        Kind::ForcedReadOnly,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "Skipping commit of aborted transaction"],
        Kind::ForcedReadOnly,
        Subject::After("(device "),
    ),
    // __btrfs_balance: fs/btrfs/volumes.c; __btrfs_dump_space_info: fs/btrfs/space-info.c
    row(
        &["BTRFS", "enospc errors during balance"],
        Kind::NoSpace,
        Subject::After("(device "),
    ),
    row(
        &["BTRFS", "space_info ", " free, is full"],
        Kind::NoSpace,
        Subject::After("(device "),
    ),
    // check_hung_task: kernel/hung_task.c
    row(
        &["task ", " blocked", "for more than "],
        Kind::HungTask,
        Subject::Between("task ", ":"),
    ),
    // __oom_kill_process: mm/oom_kill.c ("Kill process" before 5.3)
    row(
        &["ut of memory: Kill", "process "],
        Kind::OutOfMemory,
        Subject::Between("(", ")"),
    ),
    // watchdog_timer_fn: kernel/watchdog.c; print_cpu_stall: kernel/rcu/tree_stall.h
    row(
        &["soft lockup - CPU#"],
        Kind::SoftLockup,
        Subject::Between("[", ":"),
    ),
    row(
        &["hard LOCKUP on cpu"],
        Kind::SoftLockup,
        Subject::Between("[", ":"),
    ),
    row(
        &["rcu", "self-detected stall on CPU"],
        Kind::SoftLockup,
        Subject::Between("rcu: INFO: ", " "),
    ),
    row(
        &["rcu", "detected stalls on CPUs"],
        Kind::SoftLockup,
        Subject::Between("rcu: INFO: ", " "),
    ),
    // wq_cpu_intensive_report: kernel/workqueue.c
    row(
        &["workqueue: ", " hogged CPU for >"],
        Kind::WorkqueueHog,
        Subject::Between("workqueue: ", " "),
    ),
    // ata_eh_link_report, ata_eh_reset, ata_dev_disable: drivers/ata/libata-eh.c
    row(
        &["ata", ": exception Emask"],
        Kind::AtaError,
        Subject::Prefix,
    ),
    row(&["ata", "resetting link"], Kind::AtaError, Subject::Prefix),
    row(
        &["ata", ": failed command: "],
        Kind::AtaError,
        Subject::Prefix,
    ),
    row(
        &["ata", "link is slow to respond"],
        Kind::AtaError,
        Subject::Prefix,
    ),
    row(&["ata", "reset failed"], Kind::AtaError, Subject::Prefix),
    row(&["ata", "COMRESET failed"], Kind::AtaError, Subject::Prefix),
    row(
        &["ata", "NCQ disabled due to excessive errors"],
        Kind::AtaError,
        Subject::Prefix,
    ),
    row(
        &["ata", "limiting SATA link speed"],
        Kind::AtaError,
        Subject::Prefix,
    ),
    row(&["ata", "qc timeout (cmd"], Kind::AtaError, Subject::Prefix),
    // uas_eh_abort_handler, uas_eh_device_reset_handler: drivers/usb/storage/uas.c
    row(&["uas_eh_"], Kind::UsbReset, Subject::Disk),
    // scsi_print_result, scsi_print_sense: drivers/scsi/scsi_logging.c
    row(&["Sense Key : Medium Error"], Kind::AtaError, Subject::Disk),
    row(
        &["Sense Key : Hardware Error"],
        Kind::AtaError,
        Subject::Disk,
    ),
    row(
        &["Sense Key : Aborted Command"],
        Kind::AtaError,
        Subject::Disk,
    ),
    row(
        &["FAILED Result: hostbyte=", "DID_"],
        Kind::AtaError,
        Subject::Disk,
    ),
    // scsi_prep_state_check: drivers/scsi/scsi_lib.c; scsi_eh_offline_sdevs: drivers/scsi/scsi_error.c
    row(
        &["rejecting I/O to offline device"],
        Kind::AtaError,
        Subject::Disk,
    ),
    row(
        &["Device offlined - not ready after error recovery"],
        Kind::AtaError,
        Subject::Disk,
    ),
    // scsih_abort: drivers/scsi/mpt3sas/mpt3sas_scsih.c
    row(&["attempting task abort!"], Kind::AtaError, Subject::Disk),
    // hub_port_init: drivers/usb/core/hub.c
    row(
        &["usb ", ": reset ", " USB device number "],
        Kind::UsbReset,
        Subject::Prefix,
    ),
    // sdhci_timeout_timer: drivers/mmc/host/sdhci.c
    row(
        &["mmc", "Timeout waiting for hardware interrupt"],
        Kind::IoError,
        Subject::Prefix,
    ),
    // blk_print_req_error and the names of blk_errors: block/blk-mq.c, block/blk-core.c. Floppies
    // and optical drives without a medium fail like this in good health.
    Message {
        holds: &[" error, dev ", ", sector "],
        lacks: &["dev fd", "dev sr"],
        kind: Kind::IoError,
        subject: Subject::After(" error, dev "),
    },
    // buffer_io_error: fs/buffer.c
    Message {
        holds: &["Buffer I/O error on dev", "logical block"],
        lacks: &["dev fd", "dev sr", "device fd", "device sr"],
        kind: Kind::IoError,
        subject: Subject::After("Buffer I/O error on dev"),
    },
];

impl Subject {
    /// What a message is about.
    pub(super) fn of(self, message: &str) -> Option<String> {
        let found = match self {
            Subject::Prefix => {
                let (front, _) = message.split_once(": ")?;
                let word = front.split_whitespace().last()?;
                // `ata3.00` is a device on the port `ata3`.
                match word
                    .strip_prefix("ata")
                    .and_then(|rest| rest.split_once('.'))
                {
                    Some((port, _)) => return Some(format!("ata{port}")),
                    None => word,
                }
            }
            Subject::After(mark) => {
                let rest = message.split_once(mark)?.1;
                let rest = rest.strip_prefix("ice ").unwrap_or(rest).trim_start();
                rest.split([' ', ',', ')', ':']).next()?
            }
            Subject::Between(open, close) => message.split_once(open)?.1.split_once(close)?.0,
            Subject::Disk => {
                let (before, rest) = message.split_once('[')?;
                let disk = rest.split_once(']')?.0;
                match disk.starts_with("sd") || disk.starts_with("sr") {
                    true => disk,
                    false => before.split_whitespace().last()?.trim_end_matches(':'),
                }
            }
        };
        let found = found.trim().trim_start_matches("/dev/");
        (!found.is_empty() && found.len() <= 64).then(|| found.to_owned())
    }
}
