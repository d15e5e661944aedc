//! Owns: effects that were not counted: what is published, with its address, or which number is
//! missing and how it could be had. Addresses were looked up in November 2026.

use super::{Basis, Figure, Impact, Interval};
use crate::analyze::facts;
use crate::model::{Filesystem, Host};
use crate::recommend::Effect;

/// dm-crypt's queues bypassed: Cloudflare doubled throughput and halved waits in 2020, with a
/// cipher driver of its own besides; others saw nothing.
const CLOUDFLARE: &str = "https://blog.cloudflare.com/speeding-up-linux-disk-encryption/";

/// What is known of an effect that was not counted; `None` for those that were.
pub(super) fn of(effect: Effect, filesystem: Option<&Filesystem>, host: &Host) -> Option<Impact> {
    let note = |text: &str| {
        Some(Impact {
            note: Some(text.to_owned()),
            ..Impact::default()
        })
    };
    match effect {
        Effect::NoAccessTimes | Effect::Compression | Effect::LowerCompression | Effect::NoCow => {
            None
        }
        Effect::Correctness => note("not about speed: the machine boots, or data is kept"),
        Effect::Clarity => {
            note("nothing changes on the machine: the configuration says what is so")
        }
        Effect::BypassWorkqueues if filesystem.is_some_and(|f| f.luks().next().is_none()) => {
            note("no change: there is no dm-crypt below this filesystem")
        }
        Effect::BypassWorkqueues => Some(bypass(filesystem, host)),
        Effect::EarlierWriteback => note(
            "no figure: it shortens the longest stall while much is written, and adds no \
             throughput. Nobody published that time with its device. To have it: write twice the \
             memory's size with dd while `ioping` runs on the same filesystem, before and after, \
             and compare the longest wait (what the limits mean: \
             https://docs.kernel.org/admin-guide/sysctl/vm.html)",
        ),
        Effect::ZramTuning => note(
            "no figure: the recommendation of https://wiki.archlinux.org/title/Zram names values, \
             not what they bring. To have one: major faults and `some` of /proc/pressure/memory \
             over the same build, before and after",
        ),
        Effect::LuksSectorSize => note(
            "no figure: no published measurement of 512 against 4096-byte sectors with its cipher \
             and disk was found (cryptsetup chooses 4096 by itself on disks that say so: \
             https://www.danneu.com/braid/internals/btrfs/luks-sector-size.html). To have one: fio \
             on two loop devices in memory, one formatted with each",
        ),
        Effect::Scrub => note(
            "not about speed: while it runs it reads everything that is used, and everything else \
             waits behind it",
        ),
        Effect::Redundancy => note(
            "not about speed: every write of it goes to one more place, which is what keeps it \
             when one of them fails",
        ),
        Effect::Trim => note(
            "no figure: how much a device gains from knowing its free blocks hangs on its \
             firmware. To have one: the same fio write job before and after, on a device that is \
             nearly full",
        ),
        Effect::Scheduling => note(
            "no figure: it shortens waiting behind other requests, and adds no throughput. To have \
             one: `r_await` of `iostat -x` while much is written, before and after",
        ),
        Effect::Readahead => note(
            "no figure: it helps what is read from front to back and costs what is not. To have \
             one: the time of the slow job with cold caches, before and after",
        ),
        Effect::Swapping => note(
            "no figure: it changes which pages go and come back. To have one: `pswpin`, `pswpout` \
             and `workingset_refault_file` of /proc/vmstat over the same work, before and after",
        ),
        Effect::SnapshotSpace => note(
            "not about speed: space that snapshots hold comes back as old ones are deleted. \
             `btrfs filesystem du -s` of the snapshots shows how much they hold",
        ),
        Effect::MountTime => note(
            "no figure: mounting reads one block of each block group, which takes seconds from \
             some tens of TiB on hard disks on. To have one: `systemd-analyze blame` shows the \
             mount unit",
        ),
        Effect::FewerRewrites => note(
            "no figure: what is not rewritten is not written. To have one: `w/s` and `wkB/s` of \
             `iostat -x` over a day, before and after",
        ),
        Effect::Space => note(
            "not about speed: it makes room before the filesystem runs out of it. `btrfs \
             filesystem usage` shows how much",
        ),
        Effect::LessMaintenance => note(
            "no figure: work in the background takes the disk for less time. To have one: \
             `systemctl list-timers` and the journal tell how long it runs now",
        ),
        Effect::Deduplication => note(
            "no figure before it ran: what is stored twice hangs on the data. `compsize` tells \
             before and after what is referenced and what is on disk",
        ),
        Effect::InMemory => note(
            "no figure: what is deleted before it is written never reaches the disk. To have one: \
             written bytes of `iostat` over the same work, before and after",
        ),
        Effect::Placement => note(
            "no figure: it is the difference between the two devices for this work. `btrfs-tune` \
             names the devices; fio on each tells what they give",
        ),
        Effect::Containers => note(
            "no figure: it hangs on how the images are built and used. To have one: the time of \
             the same pull and start, before and after",
        ),
        Effect::Format => note(
            "no figure: everything that is read or written costs a little less. To have one: the \
             processor time of the same copy on two loop devices in memory, one made each way",
        ),
    }
}

fn bypass(filesystem: Option<&Filesystem>, host: &Host) -> Impact {
    let mut ratio = Interval {
        low: 0.5,
        high: 1.0,
    };
    let mut note = "Cloudflare had a cipher driver of its own besides; a machine like a desktop \
                    saw no change (https://long-cat.net/blog/2024/05/09), and some workloads lose \
                    (https://github.com/cybozu-go/sabakan/pull/230)"
        .to_owned();
    let waits = filesystem.and_then(|f| {
        let above = facts::crypt_load(host, f)?;
        let below = facts::loads(host, f);
        let [below] = below.as_slice() else {
            return None;
        };
        Some((above.w_await_ms?, below.w_await_ms?, above.source.clone()))
    });
    if let Some((above, below, source)) = waits
        && above.0 > 0.0
    {
        // Nothing is faster than the disk below.
        ratio.low = ratio.low.max((below.0 / above.0).min(1.0));
        note.push_str(&format!(
            ". Here a write waits {above} above dm-crypt and {below} below it ({source}): compare \
             the same two after the next boot"
        ));
    } else {
        note.push_str(
            ". To have a figure of this machine: `iostat -x` shows the waits above dm-crypt (dm-0) \
             and below it, before and after",
        );
    }
    let figure = Figure {
        operation: "a request through dm-crypt to a fast disk".to_owned(),
        time_ratio: ratio,
        basis: Basis::Literature(CLOUDFLARE.to_owned()),
        expectation: None,
    };
    Impact {
        figures: vec![figure],
        note: Some(note),
        ..Impact::default()
    }
}
