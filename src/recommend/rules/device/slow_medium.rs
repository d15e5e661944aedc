//! Disks that no setting makes fast.

use super::super::devices::is_guest;
use super::super::evidence::of_work;
use super::super::wording::listed;
use super::disk::{Device, below};
use crate::analyze::{Cause, Evidence, Source, Weight, Workload, WorkloadKind};
use crate::model::hardware::{Disk, DiskKind, Medium};
use crate::model::{Filesystem, Host};
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `device/slow-medium`
pub struct SlowMedium;

static META: Meta = Meta {
    relieves: &[Cause::UsbOrSdCard, Cause::SmrDrive, Cause::HardwareLimit],
    ..Meta::new(
        "device/slow-medium",
        Severity::Advice,
        "Work lies on a disk that no setting makes fast",
        include_str!("slow_medium.md"),
    )
};

/// Models whose tracks overlap: Western Digital said so of WD Red in 2020
/// (https://wccftech.com/western-digital-officially-states-which-specific-hdd-models-use-smr-technology/),
/// and all stand in the list of the TrueNAS community
/// (https://www.truenas.com/community/resources/list-of-known-smr-drives.141/).
const SHINGLED: [&str; 15] = [
    "WD20EFAX",
    "WD30EFAX",
    "WD40EFAX",
    "WD60EFAX",
    "WD20EZAZ",
    "WD60EZAZ",
    "ST8000AS0002",
    "ST2000DM005",
    "ST2000DM008",
    "ST3000DM007",
    "ST4000DM004",
    "ST6000DM003",
    "ST8000DM004",
    "ST5000LM000",
    "ST4000LM024",
];

/// Work that writes small pieces all the time.
const DEMANDING: [WorkloadKind; 3] = [
    WorkloadKind::Build,
    WorkloadKind::Database,
    WorkloadKind::Vm,
];

fn is_shingled(disk: &Disk) -> bool {
    let model = disk.model.as_deref().unwrap_or_default();
    let mut words = model.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SHINGLED.contains(&word))
}

/// What is slow of a disk, whatever is set.
fn slow(device: &Device<'_>) -> Option<&'static str> {
    let kind = device.disk.map(|disk| (disk.kind, disk.named_medium));
    match kind {
        _ if device.card => Some("an SD card or eMMC"),
        Some((DiskKind::Usb, medium)) if medium != Medium::SolidState => Some("a disk on USB"),
        _ => None,
    }
}

/// The work on a filesystem that people complain about, or that asks much of any disk.
fn work<'a>(context: &Context<'a>, filesystem: &Filesystem) -> Option<&'a Workload> {
    let here = |path: &String| {
        let holding = context.host.storage.holding(path);
        holding.is_some_and(|(f, _)| std::ptr::eq(f, filesystem))
    };
    let mut all = context.analysis.workloads.iter();
    let worst = |w: &&Workload| w.complained_about || DEMANDING.contains(&w.kind);
    all.find(|w| worst(w) && w.paths.iter().any(here))
}

fn on_slow(context: &Context<'_>, filesystem: &Filesystem) -> Option<Finding> {
    let disks = below(context.host, filesystem);
    let found = disks.iter().find_map(|d| Some((d, slow(d)?)));
    let (device, what) = found?;
    let work = work(context, filesystem)?;
    let kind = format!("{:?}", work.kind).to_lowercase();
    let statement = format!("{kind} work lies on {}", filesystem.name());
    Some(Finding {
        rule: META.id,
        subject: format!("{} {}", device.name, filesystem.name()),
        severity: Severity::Advice,
        message: format!(
            "{kind} work on {} is on {what} ({}): no setting makes that fast, and none is promised to. \
             What helps is another disk for {}",
            filesystem.name(),
            device.name,
            listed(&work.paths)
        ),
        at: filesystem.at,
        evidence: vec![
            Evidence::speaks_for(
                Weight::Moderate,
                device.source.clone(),
                format!("{} is {what}", device.name),
            ),
            of_work(work, Weight::Moderate, statement),
        ],
    })
}

fn on_shingled(filesystem: &Filesystem, disks: &[Device<'_>]) -> Option<Finding> {
    let shingled: Vec<&Disk> = disks
        .iter()
        .filter_map(|d| d.disk.filter(|disk| is_shingled(disk)))
        .collect();
    let name = |disk: &&Disk| {
        let model = disk.model.as_deref().unwrap_or_default();
        format!("{} ({model})", disk.kernel_name)
    };
    let names: Vec<String> = shingled.iter().map(name).collect();
    let first = shingled.first()?;
    Some(Finding {
        rule: META.id,
        subject: format!("shingled {}", filesystem.name()),
        severity: Severity::Advice,
        message: format!(
            "{} below {} records in overlapping tracks: once its cache area is full, writes take \
             many times as long until it is left in peace. No setting changes that. Spare it balances \
             and autodefrag, expect `btrfs replace` onto it to take long, and choose another model \
             next time",
            listed(&names),
            filesystem.name()
        ),
        at: filesystem.at,
        evidence: vec![
            Evidence::speaks_for(
                Weight::Strong,
                Source::Hardware(first.kernel_name.clone()),
                "its model is one of those that the maker or the TrueNAS community lists as SMR",
            ),
            Evidence::speaks_against(
                Weight::Weak,
                Source::Knowledge(
                    "https://www.tomshardware.com/reviews/seagate-barracuda-8tb-hdd-review"
                        .to_owned(),
                ),
                "reading, and writing large files with pauses, is as quick as on other disks",
            ),
        ],
    })
}

fn findings(context: &Context<'_>) -> Vec<Finding> {
    let host: &Host = context.host;
    if is_guest(host) {
        return Vec::new();
    }
    let of = |filesystem: &Filesystem| {
        let disks = below(host, filesystem);
        let shingled = on_shingled(filesystem, &disks);
        on_slow(context, filesystem).into_iter().chain(shingled)
    };
    host.storage.filesystems.iter().flat_map(of).collect()
}

impl Rule for SlowMedium {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        findings(context)
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
