//! Options of the whole filesystem that stand on some of its mounts only.

use super::super::wording::listed;
use super::view::Mounted;
use super::vote::is_default;
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::Aspect;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, MountEdit, Remedy, Rule, Severity,
};

/// `mount/unstated-option`
pub struct UnstatedOption;

static META: Meta = Meta {
    relieves: &[Cause::SubvolumeMountOptionsIgnored],
    // What is wrong about an option is put right before it is spread.
    after: &[
        "mount/conflicting-options",
        "mount/inconsistent-options",
        "mount/ineffective-per-subvolume",
    ],
    ..Meta::new(
        "mount/unstated-option",
        Severity::Advice,
        "Mounts do not say what holds for their whole filesystem",
        include_str!("unstated_option.md"),
    )
};

/// The properties that people take for those of a subvolume, and that are worth saying everywhere.
const SPREAD: [Aspect; 2] = [Aspect::Compression, Aspect::Commit];

/// What the deciding mount asks for, and the mounts that do not say so.
struct Unstated<'a> {
    mounted: &'a Mounted<'a>,
    first: usize,
    /// Each option, with the lists that lack it.
    options: Vec<(&'a str, Vec<usize>)>,
}

fn of<'a>(mounted: &'a Mounted<'a>) -> Option<Unstated<'a>> {
    let first = mounted.decider()?;
    let mut options = Vec::new();
    for about in SPREAD {
        let Some((index, option)) = mounted.about(first, about) else {
            continue;
        };
        if mounted.is_beaten(first, index) || is_default(mounted, Some(&option.text)) {
            continue;
        }
        let read_only = |list: usize| mounted.lists[list].options.iter().any(|o| o.name == "ro");
        let silent = (0..mounted.lists.len()).filter(|list| {
            *list != first
                && mounted.about(*list, about).is_none()
                && !mounted.promises(*list, about)
                && !mounted.holds_swap(*list)
                // mount/read-only-subvolume
                && !read_only(*list)
                // What follows would take it back: mount/ineffective-per-subvolume.
                && mounted.about(*list, Aspect::DataCow).is_none()
                && mounted.about(*list, Aspect::DataSum).is_none()
        });
        let silent: Vec<usize> = silent.collect();
        if !silent.is_empty() {
            options.push((option.text.as_str(), silent));
        }
    }
    (!options.is_empty()).then_some(Unstated {
        mounted,
        first,
        options,
    })
}

impl Unstated<'_> {
    fn at(&self, list: usize) -> &str {
        &self.mounted.lists[list].mount.mountpoint
    }

    fn message(&self) -> String {
        let say = |(option, lists): &(&str, Vec<usize>)| {
            let at: Vec<&str> = lists.iter().map(|list| self.at(*list)).collect();
            format!("`{option}`, which {} do not name", listed(&at)).replace(
                " do not name",
                if at.len() == 1 {
                    " does not name"
                } else {
                    " do not name"
                },
            )
        };
        let said: Vec<String> = self.options.iter().map(say).collect();
        format!(
            "{} is mounted first and puts in force for the whole filesystem {}: it holds there too, \
             though nothing says so, and only as long as {0} is the first",
            self.at(self.first),
            listed(&said),
        )
    }

    fn edits(&self) -> Vec<MountEdit> {
        // One option a list at a time: the next is found again.
        let option = self.options.first();
        let lists = option.into_iter().flat_map(|(text, lists)| {
            lists
                .iter()
                .map(move |list| self.mounted.lists[*list].with(text))
        });
        lists.collect()
    }
}

impl Rule for UnstatedOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let finding = |unstated: Unstated<'_>| {
            let (option, lists) = unstated.options.first()?;
            let silent = *lists.first()?;
            let mount = unstated.mounted.lists[silent].mount;
            let mut evidence = vec![Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge("measured on 14 kernels: 34 pairs of mounts".to_owned()),
                "the first mount decides every option of a btrfs filesystem",
            )];
            evidence.push(Evidence::speaks_for(
                Weight::Weak,
                Source::Configuration(mount.at),
                format!("the options of {} do not name `{option}`", mount.mountpoint),
            ));
            Some(Finding {
                rule: META.id,
                subject: unstated.mounted.filesystem.name().to_owned(),
                severity: Severity::Advice,
                message: unstated.message(),
                at: mount.at,
                evidence,
            })
        };
        mounted.iter().filter_map(of).filter_map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = mounted.iter().filter_map(of);
        let unstated = all
            .into_iter()
            .find(|u| u.mounted.filesystem.name() == finding.subject)?;
        let (option, _) = unstated.options.first()?;
        Some(Remedy {
            title: format!("Say `{option}` on every mount of the filesystem"),
            actions: vec![Action::EditMountOptions {
                mounts: unstated.edits(),
            }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
