//! Images of virtual machines that are copied on write, where people say that they are slow.

use super::own_place::{last_part, split};
use super::placed::{Placed, against, complaint, placed, reads_in_order, rotates};
use crate::analyze::{Cause, Direction, Evidence, Source, Weight, WorkloadKind};
use crate::recommend::{
    Action, Applicability, Context, DirectoryAttribute, Effect, Finding, Meta, Remedy, Rule,
    Severity,
};

/// `layout/vm-images-on-cow`
pub struct VmImagesOnCow;

static META: Meta = Meta {
    relieves: &[Cause::CowFragmentationVmImage],
    ..Meta::new(
        "layout/vm-images-on-cow",
        Severity::Advice,
        "Images of virtual machines that are slow lie on a copy-on-write subvolume",
        include_str!("vm_images_on_cow.md"),
    )
};

const LIBVIRT: &str = "/var/lib/libvirt";
const IMAGES: [&str; 5] = [".qcow2", ".img", ".raw", ".vdi", ".vmdk"];

struct Case<'a> {
    directory: String,
    placed: Placed<'a>,
    evidence: Vec<Evidence>,
}

/// The directory of images that is meant by a path; `None` where it is too much to be one.
fn directory_of(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    if let Some(at) = path.find(LIBVIRT) {
        return Some(format!("{}{LIBVIRT}/images", &path[..at]));
    }
    let path = match path.rsplit_once('/') {
        Some((above, last)) if IMAGES.iter().any(|end| last.ends_with(end)) => above,
        _ => path,
    };
    // A whole home, or a directory of the top, holds other things.
    let depth = path.split('/').filter(|part| !part.is_empty()).count();
    let least = if path.contains("/home/") { 3 } else { 2 };
    (depth >= least).then(|| path.to_owned())
}

fn cases<'a>(context: &Context<'a>) -> Vec<Case<'a>> {
    let host = context.host;
    let Some(work) = context.analysis.workload(WorkloadKind::Vm) else {
        return Vec::new();
    };
    let mut directories: Vec<String> = Vec::new();
    for path in &work.paths {
        let real = host.storage.locate(path).map(|(real, _)| real);
        let directory = real.and_then(|real| directory_of(&real));
        directories.extend(directory.filter(|d| !directories.contains(d)));
    }
    let case = |directory: String| {
        let placed = placed(host, &directory)?;
        let mut evidence = vec![complaint(context, WorkloadKind::Vm, &directory)?];
        evidence.extend(rotates(host, placed.filesystem));
        evidence.push(reads_in_order());
        evidence.push(against(
            Weight::Moderate,
            "random overwrites without fsync took 1.5 to 2.9 times as long with +C",
        ));
        if directory.contains(LIBVIRT) {
            evidence.push(Evidence::speaks_against(
                Weight::Moderate,
                Source::Knowledge("libvirt 6.6 and later, virFileSetCOW".to_owned()),
                "a pool that libvirt built itself has the attribute already",
            ));
        }
        Some(Case {
            directory,
            placed,
            evidence,
        })
    };
    directories.into_iter().filter_map(case).collect()
}

/// Snapshots speak for another place, but against what the attribute would bring.
fn undone(snapshots: Evidence) -> Evidence {
    Evidence {
        direction: Direction::Against,
        weight: Weight::Weak,
        ..snapshots
    }
}

impl Rule for VmImagesOnCow {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| {
            let (directory, mount) = (&case.directory, case.placed.mount);
            let mut message = format!(
                "People say that virtual machines are slow, and their images at {directory} are \
                 copied on write: what a guest rewrites falls into pieces, which are slow to read \
                 in order"
            );
            if !case.placed.snapshots.is_empty() {
                message.push_str(&format!(
                    ". Snapshots are taken of {}, and each of them undoes the attribute once",
                    mount.mountpoint
                ));
            }
            Finding {
                rule: META.id,
                subject: directory.clone(),
                severity: Severity::Advice,
                message,
                at: mount.at,
                evidence: case
                    .evidence
                    .into_iter()
                    .chain(case.placed.snapshots.into_iter().map(undone))
                    .collect(),
            }
        };
        cases(context).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let Case {
            directory, placed, ..
        } = cases(context)
            .into_iter()
            .find(|case| case.directory == finding.subject)?;
        let mut costs = vec![
            "images have no checksums: silent corruption is not found, and on raid1 a bad copy is \
             not repaired"
                .to_owned(),
            "images are not compressed".to_owned(),
            "random overwrites without fsync take 1.5 to 2.9 times as long (measured)".to_owned(),
            "images that exist are copied, with the machines shut down".to_owned(),
        ];
        let mut actions = Vec::new();
        if !placed.snapshots.is_empty() {
            // Snapshots of the directory itself are wanted by somebody.
            if placed.mount.mountpoint == directory {
                return None;
            }
            let name = match directory.contains(LIBVIRT) {
                true => "libvirt-images",
                false => last_part(&directory),
            };
            actions.push(split(context.host, placed.filesystem, &directory, name)?);
            costs.push(format!(
                "snapshots of {} no longer hold the images",
                placed.mount.mountpoint
            ));
        }
        actions.push(Action::SetDirectoryAttribute {
            directory: directory.clone(),
            attribute: DirectoryAttribute::NoCow,
        });
        Some(Remedy {
            title: format!("Let new images in {directory} be overwritten in place"),
            actions,
            costs,
            applicability: Applicability::Consent,
            effect: Effect::NoCow,
        })
    }
}
