//! Owns: what one list of options gives on a fresh mount, as typed facts and as `/proc/mounts`
//! shows it.

use super::kernel::Target;
use super::parse::MountOption;
use super::setting::{Aspect, Discard, Setting, Switch};
use super::state::{
    DeviceFacts, FILESYSTEM_ASPECTS, GENERIC_ASPECTS, MOUNT_ASPECTS, State, filesystem_aspects,
};
use super::verdict::{interpret, refusal_on};

/// A fact about the device or filesystem that was not known and that changes the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assumption {
    /// Taken as a rotating disk: no `ssd` by itself.
    Rotational,
    /// Taken as able to discard: `discard=async` by itself.
    CanDiscard,
    /// Taken as having the free space tree.
    FreeSpaceTree,
    /// `thread_pool` taken as differing from the default, which hangs on the number of CPUs.
    CpuCount,
}

/// What a list of mount options gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveOptions {
    /// The options in force, typed.
    pub state: State,
    /// What `/proc/self/mountinfo` shows for the whole filesystem, in its order, without `ro`/`rw`
    /// and the subvolume.
    pub shown_fs: Vec<String>,
    /// What it shows for the mount point.
    pub shown_mount: Vec<String>,
    /// Whether new files are compressed. `compress=zstd,nodatasum` shows a compression that never
    /// happens (measured on 6.18.44: a file written, its extents read).
    pub compresses: bool,
    /// The options that make the mount fail, as indices into the list; the rest of this answer
    /// then says what the others would give.
    pub refused: Vec<usize>,
    /// What was assumed for want of knowledge.
    pub assumed: Vec<Assumption>,
}

impl EffectiveOptions {
    pub(super) fn of(state: State, facts: &DeviceFacts) -> Self {
        Self {
            shown_fs: filesystem_aspects()
                .filter_map(|a| state.show(a, facts))
                .collect(),
            shown_mount: shown_mount(&state, facts),
            compresses: state.compression().is_some(),
            refused: Vec::new(),
            assumed: Vec::new(),
            state,
        }
    }

    /// The options field of the line in `/proc/mounts`, without `subvolid=` and `subvol=`.
    pub fn proc_mounts(&self) -> String {
        let generic = |text: &&String| {
            FILESYSTEM_ASPECTS[..GENERIC_ASPECTS].iter().any(
                |aspect| matches!(aspect, Aspect::Switch(switch) if switch.shown() == text.as_str()),
            )
        };
        let (first, rest) = self.shown_mount.split_at(self.shown_mount.len().min(1));
        let words = first
            .iter()
            .chain(self.shown_fs.iter().filter(generic))
            .chain(rest);
        let words = words.chain(self.shown_fs.iter().filter(|text| !generic(text)));
        words.map(String::as_str).collect::<Vec<_>>().join(",")
    }
}

fn shown_mount(state: &State, facts: &DeviceFacts) -> Vec<String> {
    let mut words: Vec<String> = MOUNT_ASPECTS
        .iter()
        .filter_map(|&aspect| state.show(aspect, facts))
        .collect();
    // `noatime`, `nodiratime`, `relatime` is the kernel's order (measured on 6.18.44).
    if let Some(at) = words
        .windows(2)
        .position(|pair| pair == ["relatime", "nodiratime"])
    {
        words.swap(at, at + 1);
    }
    words
}

/// What the options of a first mount give on the target's [representative
/// kernel](Target::representative).
pub fn effective(first: &[MountOption], target: &Target, facts: &DeviceFacts) -> EffectiveOptions {
    let kernel = target.representative();
    let refusals = first
        .iter()
        .map(|option| refusal_on(option, first, kernel, facts).is_some());
    let refused: Vec<usize> = refusals
        .enumerate()
        .filter_map(|(i, refused)| refused.then_some(i))
        .collect();
    let settings: Vec<Setting> = first
        .iter()
        .enumerate()
        .filter(|(i, _)| !refused.contains(i))
        .filter_map(|(_, option)| Some(interpret(option, kernel).ok()?.setting))
        .collect();
    let state = State::mounted(settings.iter().copied(), kernel, facts);
    let sets = |aspect| {
        settings
            .iter()
            .any(|setting| setting.aspect() == Some(aspect))
    };
    let mut assumed = Vec::new();
    if facts.rotational.is_none() && !sets(Aspect::Ssd) {
        assumed.push(Assumption::Rotational);
    }
    if facts.discard.is_none() && !sets(Aspect::Discard) && state.discard() == Discard::Async {
        assumed.push(Assumption::CanDiscard);
    }
    if facts.free_space_tree.is_none() && (!sets(Aspect::SpaceCache) || state.is(Switch::ReadOnly))
    {
        assumed.push(Assumption::FreeSpaceTree);
    }
    if facts.cpus.is_none() && sets(Aspect::ThreadPool) {
        assumed.push(Assumption::CpuCount);
    }
    EffectiveOptions {
        refused,
        assumed,
        ..EffectiveOptions::of(state, facts)
    }
}
