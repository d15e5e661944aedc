//! Mount options of what disko does not mount.

use super::super::wording::listed;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Filesystem, Host, Mount, StorageSource, Texts};
use crate::nix::source::Span;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `layout/options-without-mountpoint`
pub struct OptionsWithoutMountpoint;

static META: Meta = Meta::new(
    "layout/options-without-mountpoint",
    Severity::Warning,
    "disko's mountOptions stand where nothing is mounted",
    include_str!("options_without_mountpoint.md"),
);

/// A list of options that is never used.
struct Idle {
    /// Attribute path of what has no mount point.
    path: Vec<String>,
    name: String,
    options: Vec<String>,
    /// Mounts of the same filesystem that do not say the same, if it is the list of the filesystem:
    /// they may be meant.
    meant: Vec<String>,
    at: Option<Span>,
}

/// The options of a list that says more than disko's default.
fn said(options: &Texts) -> Option<(Vec<String>, Option<Span>)> {
    let elements = options.known()?;
    let texts: Vec<String> = elements.iter().map(|e| e.value.clone()).collect();
    let more = texts != ["defaults"] && !texts.is_empty();
    more.then(|| (texts, elements.iter().find_map(|e| e.at)))
}

fn of_filesystem(filesystem: &Filesystem) -> Vec<Idle> {
    let StorageSource::Disko(path) = &filesystem.source else {
        return Vec::new();
    };
    let mut idle = Vec::new();
    if filesystem.mountpoint == Ok(None)
        && let Some((options, at)) = said(&filesystem.options)
    {
        let lacks = |mount: &&Mount| {
            let own = mount.options.known().unwrap_or_default();
            !options.iter().all(|o| own.iter().any(|e| e.value == *o))
        };
        let mounts = filesystem.mounts.iter().filter(lacks);
        let meant = mounts.map(|m| m.mountpoint.clone()).collect();
        idle.push(Idle {
            path: path.clone(),
            name: format!("the top level of {}", filesystem.name()),
            options,
            meant,
            at: at.or(filesystem.at),
        });
    }
    for subvolume in &filesystem.subvolumes {
        if subvolume.mountpoint == Ok(None)
            && let Some((options, at)) = said(&subvolume.options)
        {
            idle.push(Idle {
                path: subvolume.path.clone(),
                name: format!("the subvolume {}", subvolume.name),
                options,
                meant: Vec::new(),
                at: at.or(subvolume.at),
            });
        }
    }
    idle
}

fn all(host: &Host) -> Vec<Idle> {
    let filesystems = host.storage.filesystems.iter();
    filesystems.flat_map(of_filesystem).collect()
}

impl Idle {
    fn subject(&self) -> String {
        self.path.join(".")
    }

    fn finding(self) -> Finding {
        let subject = self.subject();
        let options = self.options.join(",");
        let mut message = format!(
            "`mountOptions` of {} ({options}) are never used: it has no mount point",
            self.name
        );
        if !self.meant.is_empty() {
            let meant = listed(&self.meant);
            message.push_str(&format!(
                ". Subvolumes do not inherit them: what is meant for {meant} has to stand in the \
                 lists of their subvolumes"
            ));
        }
        Finding {
            rule: META.id,
            subject,
            severity: Severity::Warning,
            message,
            at: self.at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(self.at),
                    format!("{} has `mountOptions` and no `mountpoint`", self.name),
                ),
                Evidence::speaks_for(
                    Weight::Strong,
                    Source::Knowledge("disko lib/types/btrfs.nix at 878ec37".to_owned()),
                    "disko passes a list on only where there is a mount point beside it",
                ),
            ],
        }
    }
}

impl Rule for OptionsWithoutMountpoint {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        all(context.host).into_iter().map(Idle::finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let all = all(context.host);
        let idle = all.iter().find(|i| i.subject() == finding.subject)?;
        // To take them away would take away what is wanted.
        if !idle.meant.is_empty() {
            return None;
        }
        let mut path = idle.path.clone();
        path.push("mountOptions".to_owned());
        Some(Remedy {
            title: format!("Leave out the mount options of {}", idle.name),
            actions: vec![Action::UnsetNixosOption { path }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
