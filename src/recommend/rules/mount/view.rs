//! Filesystems and mounts as the rules about mount options look at them: every written element
//! beside the options that it holds, and what the kernel makes of all mounts together.

use std::collections::BTreeMap;

use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{
    Aspect, Decided, DeviceFacts, FindingKind, MountOption, MountSpec, Scope, Target, Verdict,
    Whole, aspect, conflicts, lookup, parse_options, verdict, whole,
};
use crate::model::{Filesystem, Host, Located, Mount, MountSource};
use crate::nix::source::Span;
use crate::recommend::MountEdit;

/// One mount whose options are all known.
pub(in crate::recommend::rules) struct List<'a> {
    pub(in crate::recommend::rules) mount: &'a Mount,
    elements: &'a [Located<String>],
    pub(in crate::recommend::rules) options: Vec<MountOption>,
}

impl<'a> List<'a> {
    pub(in crate::recommend::rules) fn of(mount: &'a Mount) -> Option<Self> {
        let elements = mount.options.known()?;
        let texts: Vec<&str> = elements.iter().map(|e| e.value.as_str()).collect();
        Some(List {
            mount,
            elements,
            options: parse_options(&texts),
        })
    }

    /// Where an option is written; the mount where nobody wrote it.
    pub(in crate::recommend::rules) fn at(&self, option: usize) -> Option<Span> {
        self.element(option).and_then(|e| e.at).or(self.mount.at)
    }

    fn element(&self, option: usize) -> Option<&'a Located<String>> {
        self.elements.get(self.options.get(option)?.element)
    }

    /// The element that disko appends itself, behind the written ones.
    fn appended(&self) -> Option<usize> {
        let by_disko = matches!(self.mount.source, MountSource::Disko(_));
        let written = self.mount.written.known()?.len();
        (by_disko && self.mount.subvolume.is_some()).then_some(written)
    }

    /// Whether the option is the `subvol=` that disko appends itself.
    pub(in crate::recommend::rules) fn is_appended(&self, option: usize) -> bool {
        self.options
            .get(option)
            .is_some_and(|o| Some(o.element) == self.appended())
    }

    /// Whether no element that somebody wrote would be left after options change.
    pub(in crate::recommend::rules) fn would_be_empty(
        &self,
        changes: &BTreeMap<usize, Option<String>>,
    ) -> bool {
        let appended = self.appended().unwrap_or(usize::MAX);
        let written = self.mount.written.known().map_or(0, <[_]>::len);
        let stays = |(index, option): (usize, &MountOption)| {
            let ours = option.element < written && option.element != appended;
            ours && !matches!(changes.get(&index), Some(None))
        };
        written > 0 && !self.options.iter().enumerate().any(stays)
    }

    /// How many elements that somebody wrote have this text.
    fn copies(&self, text: &str) -> usize {
        let written = self
            .elements
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != self.appended());
        written.filter(|(_, element)| element.value == text).count()
    }

    /// Whether another element of the list has the same text, so that an edit that names elements
    /// by their text cannot tell the two apart.
    pub(in crate::recommend::rules) fn has_twin(&self, option: usize) -> bool {
        self.element(option)
            .is_some_and(|element| self.copies(&element.value) > 1)
    }

    /// The edit that adds an option; `defaults` alone makes place for it.
    pub(in crate::recommend::rules) fn with(&self, option: &str) -> MountEdit {
        let written = self.mount.written.known().map_or(0, <[_]>::len);
        let placeholder = self.options.iter().position(|o| o.text == "defaults");
        let changes = placeholder
            .filter(|_| written == 1)
            .map(|at| (at, Some(option.to_owned())));
        match changes {
            Some(change) => self.edited(&BTreeMap::from([change]), Vec::new()),
            None => self.edited(&BTreeMap::new(), vec![option.to_owned()]),
        }
    }

    /// The edit that replaces or removes single options, and adds further ones at the end. Options
    /// that share an element with others are cut out of it.
    pub(in crate::recommend::rules) fn edited(
        &self,
        changes: &BTreeMap<usize, Option<String>>,
        added: Vec<String>,
    ) -> MountEdit {
        let (mut replaced, mut removed) = (Vec::new(), Vec::new());
        for (index, element) in self.elements.iter().enumerate() {
            let held = || {
                self.options
                    .iter()
                    .enumerate()
                    .filter(|(_, o)| o.element == index)
            };
            if !held().any(|(i, _)| changes.contains_key(&i)) {
                continue;
            }
            let kept: Vec<&str> = held()
                .filter_map(|(i, option)| match changes.get(&i) {
                    Some(change) => change.as_deref(),
                    None => Some(&option.text),
                })
                .collect();
            let twins = self.copies(&element.value);
            match kept.is_empty() {
                // A repetition goes: all of them make place for one.
                true if twins > 1 => {
                    replaced.push((element.value.clone(), element.value.clone()));
                    removed.extend(vec![element.value.clone(); twins - 1]);
                }
                true => removed.push(element.value.clone()),
                false => replaced.push((element.value.clone(), kept.join(","))),
            }
        }
        let (mut remove, mut add): (Vec<_>, Vec<_>) = replaced.into_iter().unzip();
        remove.extend(removed);
        add.extend(added);
        MountEdit {
            mountpoint: self.mount.mountpoint.clone(),
            remove,
            add,
        }
    }
}

/// A filesystem with the mounts whose options are known.
pub(in crate::recommend::rules) struct Mounted<'a> {
    pub(in crate::recommend::rules) filesystem: &'a Filesystem,
    pub(in crate::recommend::rules) lists: Vec<List<'a>>,
    pub(in crate::recommend::rules) facts: DeviceFacts,
    pub(in crate::recommend::rules) target: Target,
    /// What all mounts come to, if the options of all are known. Its indices are those of
    /// [`Mounted::lists`].
    pub(in crate::recommend::rules) whole: Option<(Vec<MountSpec>, Whole)>,
}

impl<'a> Mounted<'a> {
    /// All filesystems of a host.
    pub(in crate::recommend::rules) fn all(host: &'a Host) -> Vec<Self> {
        let of = |filesystem: &'a Filesystem| {
            let (facts, target) = (host.device_facts(filesystem), host.target());
            let whole = filesystem.mount_specs().map(|specs| {
                let whole = whole(&specs, host.stage1(), &target, &facts);
                (specs, whole)
            });
            let lists = filesystem.mounts.iter().filter_map(List::of).collect();
            Mounted {
                filesystem,
                lists,
                facts,
                target,
                whole,
            }
        };
        host.storage.filesystems.iter().map(of).collect()
    }

    /// Whether a mount is there for a swap file, which is never compressed and has no access times
    /// to speak of.
    pub(in crate::recommend::rules) fn holds_swap(&self, list: usize) -> bool {
        let at = &self.lists[list].mount.mountpoint;
        let mut subvolumes = self.filesystem.subvolumes.iter();
        let own = subvolumes.find(|s| matches!(&s.mountpoint, Ok(Some(m)) if m == at));
        // A swap file that another module declares: people call its place so.
        let name = at.rsplit('/').next().unwrap_or_default();
        own.is_some_and(|subvolume| !subvolume.swap.is_empty())
            || name.trim_start_matches(['.', '@']).starts_with("swap")
    }

    /// The mount that decides for the filesystem, where that is certain.
    pub(in crate::recommend::rules) fn decider(&self) -> Option<usize> {
        match &self.whole.as_ref()?.1 {
            Whole {
                decided: Decided::By(first),
                mixed_read_only: false,
                ..
            } => Some(*first),
            _ => None,
        }
    }

    /// The property of the whole filesystem that an option is about.
    pub(in crate::recommend::rules) fn aspect(&self, option: &MountOption) -> Option<Aspect> {
        let spec = lookup(&option.name)?;
        aspect(option, &self.target).filter(|_| spec.scope == Scope::Filesystem)
    }

    /// The last option of a list that is about a property of the filesystem.
    pub(in crate::recommend::rules) fn about(
        &self,
        list: usize,
        about: Aspect,
    ) -> Option<(usize, &MountOption)> {
        let mut options = self.lists.get(list)?.options.iter().enumerate();
        options.rfind(|(_, option)| self.aspect(option) == Some(about))
    }

    /// What the other mounts ask for where they agree, the deciding one before all.
    pub(in crate::recommend::rules) fn asked_elsewhere(
        &self,
        than: usize,
        about: Aspect,
    ) -> Option<&str> {
        if let Some(first) = self.decider().filter(|first| *first != than) {
            return self
                .about(first, about)
                .map(|(_, option)| option.text.as_str());
        }
        let others = (0..self.lists.len()).filter(|list| *list != than);
        let mut asked = others.filter_map(|list| Some(self.about(list, about)?.1));
        let one = asked.next()?;
        asked
            .all(|other| self.shown(other) == self.shown(one))
            .then_some(&one.text)
    }

    /// Whether a list has an option that fails and stands for one about this property.
    pub(in crate::recommend::rules) fn promises(&self, list: usize, about: Aspect) -> bool {
        self.lists[list].options.iter().any(|option| {
            let verdict = verdict(option, &self.target);
            let meant = verdict.refusal().and_then(|r| r.suggestion.as_deref());
            meant.is_some_and(|m| self.aspect(&MountOption::new(m, 0)) == Some(about))
        })
    }

    /// Whether another option of the same list takes this one back.
    pub(in crate::recommend::rules) fn is_beaten(&self, list: usize, option: usize) -> bool {
        let found = conflicts(&self.lists[list].options, &self.target, &self.facts);
        let beaten = |kind| matches!(kind, FindingKind::Overridden | FindingKind::ShownOnly);
        found
            .iter()
            .any(|finding| finding.option == option && beaten(finding.kind))
    }

    /// Whether the kernel may choose the property by a device of which too little is known.
    pub(in crate::recommend::rules) fn is_unsure(&self, about: Aspect) -> bool {
        match about {
            Aspect::Ssd => self.facts.rotational.is_none(),
            Aspect::ThreadPool => self.facts.cpus.is_none(),
            Aspect::SpaceCache => self.facts.free_space_tree.is_none(),
            _ => false,
        }
    }

    /// An option as the kernel shows it, so that `compress=zstd` and `compress=zstd:3` are one.
    pub(in crate::recommend::rules) fn shown(&self, option: &MountOption) -> String {
        match verdict(option, &self.target) {
            Verdict::Accepted {
                effective: Some(shown),
            }
            | Verdict::Warned {
                effective: Some(shown),
                ..
            }
            | Verdict::Clamped { to: shown, .. } => shown,
            _ => option.text.clone(),
        }
    }
}

/// What the running system shows of a mount.
pub(in crate::recommend::rules) fn observed(host: &Host, mountpoint: &str) -> Option<Evidence> {
    let entry = host
        .metrics
        .mounts
        .iter()
        .find(|m| m.mountpoint == mountpoint)?;
    let shown = entry
        .super_options
        .iter()
        .filter(|o| !o.starts_with("subvol"));
    let shown = shown.map(String::as_str).collect::<Vec<_>>().join(",");
    Some(Evidence::speaks_for(
        Weight::Strong,
        Source::Metrics(entry.source.to_string()),
        format!("the running system shows `{shown}` for {mountpoint}"),
    ))
}
