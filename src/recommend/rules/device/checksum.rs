//! Checksums that the processor computes slowly.

use super::super::devices::is_guest;
use super::disk::{below, made};
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::Checksum;
use crate::model::hardware::{Cpu, Medium};
use crate::model::{Filesystem, Host};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MkfsSetting, Remedy, Rule, Severity,
};

/// `device/checksum`
pub struct SlowChecksum;

static META: Meta = Meta::new(
    "device/checksum",
    Severity::Warning,
    "A checksum is chosen that this processor computes slowly",
    include_str!("checksum.md"),
);

/// Cycles for 4 KiB: the table of btrfs(5), CHECKSUM ALGORITHMS. sha256 is that of the builtin
/// reference, blake2b that with AVX2, which is the least.
const CRC32C: u32 = 470;
const XXHASH: u32 = 870;
const SHA256: (Checksum, u32) = (Checksum::Sha256, 78_000);
const BLAKE2: (Checksum, u32) = (Checksum::Blake2, 10_000);
const BETTER: &str = "xxhash";

struct Case<'a> {
    filesystem: &'a Filesystem,
    path: &'a [String],
    checksum: Checksum,
    cycles: u32,
    fast_disk: bool,
}

fn cases<'a>(host: &'a Host) -> Vec<Case<'a>> {
    let Some(hardware) = &host.hardware else {
        return Vec::new();
    };
    let of = |filesystem: &'a Filesystem| {
        let (path, arguments) = made(filesystem)?;
        let disks = below(host, filesystem);
        let nvme = !disks.is_empty() && disks.iter().all(|d| d.nvme);
        let flash = !disks.is_empty() && disks.iter().all(|d| d.medium == Medium::SolidState);
        let (checksum, cycles) = match arguments.checksum?.value {
            Checksum::Sha256 if lacks_sha256(&hardware.cpu) => SHA256,
            // Only a fast disk makes it felt.
            Checksum::Blake2 if nvme && !is_guest(host) => BLAKE2,
            _ => return None,
        };
        Some(Case {
            filesystem,
            path,
            checksum,
            cycles,
            fast_disk: flash,
        })
    };
    host.storage.filesystems.iter().filter_map(of).collect()
}

/// Whether the report tells the processor's features, and none for sha256 is among them.
fn lacks_sha256(cpu: &Cpu) -> bool {
    !cpu.features.is_empty() && !cpu.has_sha256()
}

impl Rule for SlowChecksum {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let mut evidence = vec![
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(case.filesystem.at),
                    format!("extraArgs choose {}", case.checksum),
                ),
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Knowledge("btrfs(5), CHECKSUM ALGORITHMS".to_owned()),
                    format!(
                        "for 4 KiB {} takes {} cycles at best here, crc32c {CRC32C} and xxhash {XXHASH}",
                        case.checksum, case.cycles
                    ),
                ),
                Evidence::speaks_against(
                    Weight::Weak,
                    Source::Knowledge("btrfs(5), CHECKSUM ALGORITHMS".to_owned()),
                    "it is a cryptographic hash, which xxhash and crc32c are not",
                ),
            ];
            if case.checksum == Checksum::Sha256 {
                evidence.push(Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Hardware("cpu features".to_owned()),
                    "the processor has no instructions for sha256",
                ));
            }
            Finding {
                rule: META.id,
                subject: case.path.join("."),
                severity: match case.checksum {
                    Checksum::Sha256 if case.fast_disk => Severity::Warning,
                    _ => Severity::Advice,
                },
                message: format!(
                    "Every block of {} that is read or written goes through {}, which takes this \
                     processor about {} times as long as the default crc32c",
                    case.filesystem.name(),
                    case.checksum,
                    case.cycles / CRC32C
                ),
                at: case.filesystem.at,
                evidence,
            }
        };
        cases(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases.iter().find(|c| c.path.join(".") == finding.subject)?;
        Some(Remedy {
            title: format!(
                "Make {} with {BETTER} when it is next installed",
                case.filesystem.name()
            ),
            actions: vec![Action::SetMkfs {
                filesystem: case.path.to_vec(),
                setting: MkfsSetting::Checksum(BETTER.to_owned()),
            }],
            costs: vec![
                "it takes a reinstall; what is installed stays as it is".to_owned(),
                format!(
                    "{BETTER} finds what a disk gets wrong, but a block can be made to fit it on \
                     purpose"
                ),
            ],
            applicability: Applicability::Consent,
            effect: Effect::Format,
        })
    }
}
