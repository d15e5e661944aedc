//! LUKS on NVMe that encrypts in pieces of 512 bytes.

use super::containers;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::hardware::DiskKind;
use crate::model::{Host, Luks};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `device/luks-sector-size`
pub struct LuksSectorSize;

static META: Meta = Meta::new(
    "device/luks-sector-size",
    Severity::Advice,
    "LUKS leaves the size of its sectors to what the disk reports",
    include_str!("luks_sector_size.md"),
);

/// What the disk calls a sector when it does not speak of 4096 bytes.
const SMALL: u32 = 512;

/// Containers on NVMe disks with small sectors whose format arguments are known and leave the size
/// open.
fn open(host: &Host) -> Vec<&Luks> {
    let leaves_open = |luks: &Luks| {
        // Only LUKS2 has a choice.
        let settles = |text: &str| text.contains("--sector-size") || text.contains("luks1");
        luks.format_args
            .known()
            .is_some_and(|args| !args.iter().any(|arg| settles(&arg.value)))
    };
    let found = containers(host).into_iter().filter(|(_, luks, disks)| {
        let small = |sector: Option<u32>| sector.is_none_or(|bytes| bytes == SMALL);
        leaves_open(luks)
            && disks
                .iter()
                .all(|d| d.kind == DiskKind::NvmeSsd && small(d.logical_sector))
    });
    found.map(|(_, luks, _)| luks).collect()
}

impl Rule for LuksSectorSize {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |luks: &Luks| Finding {
            rule: META.id,
            subject: luks.name.clone(),
            severity: Severity::Advice,
            message: format!(
                "{} is made without a sector size: on a disk that reports 512-byte sectors \
                 cryptsetup takes 512 bytes, and encrypts every block of btrfs in eight pieces",
                luks.name
            ),
            at: luks.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Knowledge(
                        "cryptsetup 2.4.0 release notes: 4096 only where the device reports it"
                            .to_owned(),
                    ),
                    "cryptsetup goes by the physical sectors that the disk reports",
                ),
                Evidence::speaks_for(
                    Weight::Weak,
                    Source::Hardware("logical sector size".to_owned()),
                    "the disk's logical sectors are 512 bytes, or not told",
                ),
                Evidence::speaks_against(
                    Weight::Weak,
                    Source::Hardware("physical sector size".to_owned()),
                    "its physical sectors are not in the report: they may be 4096 bytes already",
                ),
            ],
        };
        open(context.host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let open = open(context.host);
        let luks = open.iter().find(|luks| luks.name == finding.subject)?;
        Some(Remedy {
            title: format!(
                "Make {} with sectors of 4096 bytes when it is next installed",
                luks.name
            ),
            actions: vec![Action::AddLuksFormatArgs {
                luks: luks.path.clone(),
                // disko puts the elements on the command line unquoted (lib/types/luks.nix).
                arguments: vec!["--sector-size 4096".to_owned()],
            }],
            costs: vec![
                "it takes a reinstall; what is installed stays as it is".to_owned(),
                "a power failure may leave an incomplete sector behind where the disk itself \
                 writes 512 bytes at a time (cryptsetup-luksFormat(8))"
                    .to_owned(),
            ],
            applicability: Applicability::Safe,
            effect: Effect::LuksSectorSize,
        })
    }
}
