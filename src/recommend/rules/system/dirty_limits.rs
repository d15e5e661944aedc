//! Limits in percent that let gigabytes pile up before they are written.

use super::super::evidence::of_work;
use super::{is_set, set_sysctl};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::model::Host;
use crate::model::hardware::{DiskKind, Medium};
use crate::model::units::Bytes;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `system/dirty-limits`
pub struct DirtyLimits;

static META: Meta = Meta {
    relieves: &[Cause::DirtyRatioTooLarge],
    ..Meta::new(
        "system/dirty-limits",
        Severity::Warning,
        "Writes pile up in memory by the percent and are then written all at once",
        include_str!("dirty_limits.md"),
    )
};

/// What a machine must have for a percentage to be too much. The kernel keeps a few percent for
/// itself, so that 16 GiB of modules are counted as a little less by `MemTotal`.
const INSTALLED: Bytes = Bytes(16 * Bytes::GIB);
const TOTAL: Bytes = Bytes(15 * Bytes::GIB);

/// The limits of CachyOS (70-cachyos-settings.conf).
const LIMIT: Bytes = Bytes(256 * Bytes::MIB);
const BACKGROUND: Bytes = Bytes(64 * Bytes::MIB);

const KEYS: [&str; 4] = [
    "vm.dirty_bytes",
    "vm.dirty_ratio",
    "vm.dirty_background_bytes",
    "vm.dirty_background_ratio",
];

/// Memory, and the file that tells.
fn memory(host: &Host) -> Option<Evidence> {
    let (bytes, source) = match (
        host.hardware.as_ref().and_then(|h| h.memory),
        &host.metrics.memory,
    ) {
        (Some(memory), _) if memory.bytes >= INSTALLED => {
            (memory.bytes, Source::Hardware("memory".to_owned()))
        }
        (_, Some(info)) if info.total >= TOTAL => {
            (info.total, Source::Metrics(info.source.to_string()))
        }
        _ => return None,
    };
    let statement = format!(
        "of {bytes} of memory the kernel lets 20 % of what is available wait to be written"
    );
    Some(Evidence::speaks_for(Weight::Weak, source, statement))
}

/// What shows that bursts hurt here.
fn bursts(context: &Context<'_>) -> Vec<Evidence> {
    let host = context.host;
    let mut found = Vec::new();
    if let Some(info) = &host.metrics.memory
        && let Some(dirty) = info.dirty.filter(|dirty| *dirty > LIMIT)
    {
        let statement = format!("{dirty} were waiting to be written when it was measured");
        let source = Source::Metrics(info.source.to_string());
        found.push(Evidence::speaks_for(Weight::Moderate, source, statement));
    }
    if let Some(work) = context
        .analysis
        .workloads
        .iter()
        .find(|w| w.complained_about)
    {
        let statement = format!("people complain about {:?} work", work.kind).to_lowercase();
        found.push(of_work(work, Weight::Moderate, statement));
    }
    for filesystem in &host.storage.filesystems {
        let disks = filesystem
            .disks
            .iter()
            .filter_map(|device| host.disk(device));
        let slow = disks
            .into_iter()
            .find_map(|disk| match (host.medium(disk), disk.kind) {
                (Medium::Rotational, _) => Some("a hard disk"),
                (_, DiskKind::Usb) => Some("a disk on USB"),
                (_, DiskKind::SataSsd) => Some("a SATA disk"),
                (_, DiskKind::Emmc | DiskKind::SdCard) => Some("a flash card"),
                _ => None,
            });
        if let Some(slow) = slow {
            found.push(Evidence::speaks_for(
                Weight::Moderate,
                Source::Hardware(filesystem.name().to_owned()),
                format!(
                    "{} lies on {slow}, which takes long to write such a burst",
                    filesystem.name()
                ),
            ));
        }
    }
    found
}

fn evidence(context: &Context<'_>) -> Option<Vec<Evidence>> {
    let settings = &context.host.settings;
    let set = KEYS.iter().any(|key| is_set(context.host, key));
    // Sysctls that could not be read at all may hold them.
    if set
        || !context.host.is_whole()
        || settings
            .get("boot.kernel.sysctl")
            .is_some_and(Result::is_err)
    {
        return None;
    }
    let mut evidence = vec![memory(context.host)?];
    let bursts = bursts(context);
    if bursts.is_empty() {
        return None;
    }
    evidence.extend(bursts);
    evidence.push(Evidence::speaks_against(
        Weight::Weak,
        Source::Knowledge("https://unix.stackexchange.com/questions/480399".to_owned()),
        "since Linux 3.2 writers are slowed down for each device, which bounds the harm",
    ));
    Some(evidence)
}

impl Rule for DirtyLimits {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |evidence| Finding {
            rule: META.id,
            subject: "boot.kernel.sysctl".to_owned(),
            severity: Severity::Warning,
            message: "The kernel's limits for unwritten data are percentages of memory \
                      (vm.dirty_ratio 20, vm.dirty_background_ratio 10): a large copy first runs \
                      at the speed of memory, and then everything waits for the disk"
                .to_owned(),
            at: None,
            evidence,
        };
        evidence(context).map(finding).into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        evidence(context)?;
        Some(Remedy {
            title: format!("Start to write at {BACKGROUND}, and let at most {LIMIT} wait"),
            actions: vec![
                set_sysctl("vm.dirty_bytes", LIMIT.0),
                set_sysctl("vm.dirty_background_bytes", BACKGROUND.0),
            ],
            costs: vec![
                "a burst that memory would have taken whole waits for the disk earlier".to_owned(),
                "files that are deleted soon after they are written reach the disk more often"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::EarlierWriteback,
        })
    }
}
