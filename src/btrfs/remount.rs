//! Owns: what a running system takes over from changed mount options, and the commands that make
//! it take over the rest.
//!
//! `nixos-rebuild switch` reloads a mount whose options changed: `mount DEVICE MOUNTPOINT -o
//! remount,<all new options>`. What is no longer listed is not reset by that (measured on 6.18.44
//! with util-linux 2.38.1 and 2.41.5).

use super::effective::{EffectiveOptions, effective};
use super::kernel::Target;
use super::option::{Remount, Scope, lookup};
use super::parse::MountOption;
use super::setting::{Aspect, Atime, Discard, Setting, Switch};
use super::state::{DeviceFacts, MAX_INLINE_LIMIT, State, all_aspects, default_thread_pool};
use super::verdict::{interpret, verdicts};

/// When a change of the option list takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// It is in force already: the change alters nothing.
    Already,
    /// On `switch`.
    Live,
    /// On `switch`, for what is written from then on; existing files stay as they are.
    LiveForNewWrites,
    /// At the next boot, or after an unmount; a remount ignores it.
    NextBoot,
    /// Not at all: another option of the list takes it back, or it does nothing.
    Never,
    /// The reload fails, the old options stay in force, and the next mount fails as well.
    Rejected,
    /// No concern of the kernel: systemd or libmount reads it.
    Userspace,
}

/// Whether an option came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Only in the new list.
    Added,
    /// Only in the old list.
    Removed,
}

/// What becomes of one changed option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The option as written.
    pub option: String,
    /// Whether it came or went.
    pub change: Change,
    /// When that takes effect.
    pub when: When,
    /// Why then, as a sentence.
    pub reason: String,
    /// Where that is from.
    pub source: &'static str,
}

const MEASURED: &str = "measured on 6.18.44 with util-linux 2.38.1 and 2.41.5";

/// What becomes of each option that differs between two lists for the same mount, when the system
/// is switched from one to the other. Removed ones first, each in its list's order.
pub fn transition(
    old: &[MountOption],
    new: &[MountOption],
    target: &Target,
    facts: &DeviceFacts,
) -> Vec<Effect> {
    let only_in = |these: &[MountOption], those: &[MountOption]| -> Vec<MountOption> {
        let elsewhere =
            |option: &&MountOption| !those.iter().any(|other| other.text == option.text);
        these.iter().filter(elsewhere).cloned().collect()
    };
    let removed = only_in(old, new)
        .into_iter()
        .map(|option| (Change::Removed, option));
    let added = only_in(new, old)
        .into_iter()
        .map(|option| (Change::Added, option));
    let changes: Vec<_> = removed.chain(added).collect();

    let judged = verdicts(new, target, facts);
    let culprits: Vec<_> = new
        .iter()
        .zip(&judged)
        .filter_map(|(o, v)| Some((o, v.refusal()?)))
        .collect();
    if let Some((culprit, _)) = culprits.first() {
        let rejected = |(change, option): (Change, MountOption)| {
            let own = culprits
                .iter()
                .find(|(o, _)| change == Change::Added && o.text == option.text);
            let reason = match own {
                Some((_, refusal)) => refusal.message.clone(),
                None => format!(
                    "the same remount fails on `{}`, and with it everything",
                    culprit.text
                ),
            };
            Effect {
                option: option.text,
                change,
                when: When::Rejected,
                reason,
                source: MEASURED,
            }
        };
        return changes.into_iter().map(rejected).collect();
    }

    let states = States::of(old, new, target, facts);
    changes
        .into_iter()
        .map(|(change, option)| {
            let (when, reason) = states.effect(change, &option, target, facts);
            Effect {
                option: option.text,
                change,
                when,
                reason,
                source: MEASURED,
            }
        })
        .collect()
}

/// The options in force before a switch, right after it, and after the next boot.
struct States {
    before: State,
    switched: State,
    booted: State,
}

impl States {
    fn of(old: &[MountOption], new: &[MountOption], target: &Target, facts: &DeviceFacts) -> Self {
        let before = effective(old, target, facts).state;
        let switched = before.remounted(new, target.representative());
        Self {
            before,
            switched,
            booted: effective(new, target, facts).state,
        }
    }

    fn effect(
        &self,
        change: Change,
        option: &MountOption,
        target: &Target,
        facts: &DeviceFacts,
    ) -> (When, String) {
        let kernel = target.representative();
        let text = &option.text;
        let Ok(meaning) = interpret(option, kernel) else {
            // Only an old option can be refused here: it never was in force.
            return (
                When::Never,
                format!("`{text}` never was in force: the kernel refuses it"),
            );
        };
        let spec = meaning.spec;
        if spec.scope == Scope::Userspace {
            return (When::Userspace, format!("the kernel never sees `{text}`"));
        }
        let aspect = match (meaning.setting, meaning.setting.aspect()) {
            (Setting::Nothing, _) => return (When::Never, format!("`{text}` does nothing")),
            (_, Some(Aspect::Subvolume)) | (_, None) => {
                return (
                    When::NextBoot,
                    format!("a remount takes `{text}` and ignores it"),
                );
            }
            (_, Some(aspect)) => aspect,
        };
        let booted = self.booted.show(aspect, facts);
        if change == Change::Added {
            let mut asked = State::blank();
            asked.apply(meaning.setting, kernel);
            let lost = asked.show(aspect, facts) != booted
                || (aspect == Aspect::Compression
                    && asked.compression().is_some()
                    && self.booted.compression().is_none());
            if lost {
                return (
                    When::Never,
                    format!("another option of the list takes `{text}` back"),
                );
            }
        }
        // The algorithm can stay shown while compression comes or goes with the checksums.
        let same = |one: &State| {
            one.show(aspect, facts) == booted
                && (aspect != Aspect::Compression || one.compression() == self.booted.compression())
        };
        if same(&self.before) {
            return (
                When::Already,
                format!("nothing changes: {}", in_words(&booted, text)),
            );
        }
        if !same(&self.switched) {
            let reason = match spec.undo {
                Some(undo) if change == Change::Removed => {
                    format!(
                        "a remount keeps what is no longer listed; `{undo}` takes it back at once"
                    )
                }
                _ if change == Change::Removed => {
                    "a remount keeps what is no longer listed, and nothing takes it back".to_owned()
                }
                _ => format!("a remount takes `{text}` and ignores it"),
            };
            return (When::NextBoot, reason);
        }
        match spec.remount {
            Remount::NewWritesOnly => (
                When::LiveForNewWrites,
                "the remount works for new writes; existing files stay as they are".to_owned(),
            ),
            _ => (When::Live, "the remount works at once".to_owned()),
        }
    }
}

fn in_words(shown: &Option<String>, text: &str) -> String {
    match shown {
        Some(shown) => format!("`{shown}` is in force already"),
        None => format!("what `{text}` sets stays as it is"),
    }
}

/// The options of a `mount -o remount` that make a running system equal to a new list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemountCommand {
    /// What to write behind `remount,`, negations first; empty when nothing is to be done. It is
    /// to be given with device and mount point: with the mount point alone libmount adds options
    /// from fstab.
    pub options: Vec<String>,
    /// What no remount reaches, as it will be shown after the next boot; a leading `-` marks what
    /// will be gone.
    pub left_for_boot: Vec<String>,
}

/// The remount that brings a filesystem mounted with `old` as near to `new` as a remount can, and
/// what is left. Its undo is the same call with the lists swapped.
pub fn remount_command_options(
    old: &[MountOption],
    new: &[MountOption],
    target: &Target,
    facts: &DeviceFacts,
) -> RemountCommand {
    let kernel = target.representative();
    let before = effective(old, target, facts).state;
    let EffectiveOptions {
        state: wanted,
        refused,
        ..
    } = effective(new, target, facts);
    let acting: Vec<MountOption> = new
        .iter()
        .enumerate()
        .filter(|(i, option)| !refused.contains(i) && acts_on_remount(option, target))
        .map(|(_, option)| option.clone())
        .collect();
    let after = before.remounted(&acting, kernel);
    let differs = |state: &State, aspect| state.show(aspect, facts) != wanted.show(aspect, facts);

    let mut options = Vec::new();
    for aspect in all_aspects().filter(|&aspect| differs(&after, aspect)) {
        for word in negation(aspect, &after, &wanted, facts) {
            if !options.contains(&word) {
                options.push(word);
            }
        }
    }
    options.extend(acting.iter().map(|option| as_remount(option, target)));

    let texts: Vec<MountOption> = options
        .iter()
        .map(|text| MountOption::new(text, 0))
        .collect();
    let reached = before.remounted(&texts, kernel);
    let mut left_for_boot: Vec<String> = all_aspects()
        .filter(|&aspect| differs(&reached, aspect))
        .filter_map(
            |aspect| match (wanted.show(aspect, facts), reached.show(aspect, facts)) {
                (Some(shown), _) => Some(shown),
                // The same behaviour under another name.
                (None, Some(shown)) if shown == "nossd" => None,
                (None, Some(shown)) => Some(format!("-{shown}")),
                (None, None) => None,
            },
        )
        .collect();
    let is_place = |option: &&MountOption| matches!(option.name.as_str(), "subvol" | "subvolid");
    let moved = new
        .iter()
        .filter(is_place)
        .filter(|o| !old.iter().any(|other| other.text == o.text));
    left_for_boot.extend(moved.map(|option| option.text.clone()));

    if all_aspects().all(|aspect| !differs(&before, aspect)) {
        options.clear();
    } else if options.is_empty() {
        // Only flags that a remount drops by itself are to go.
        options.push("rw".to_owned());
    }
    RemountCommand {
        options,
        left_for_boot,
    }
}

/// An option as a remount must say it to give what a mount gives: only a mount cuts `max_inline`
/// to a sector (measured on 6.18.44).
fn as_remount(option: &MountOption, target: &Target) -> String {
    match interpret(option, target.representative()).map(|meaning| meaning.setting) {
        Ok(Setting::MaxInline(bytes)) if bytes > MAX_INLINE_LIMIT => {
            format!("{}={MAX_INLINE_LIMIT}", option.name)
        }
        _ => option.text.clone(),
    }
}

fn acts_on_remount(option: &MountOption, target: &Target) -> bool {
    interpret(option, target.representative()).is_ok_and(|meaning| {
        matches!(meaning.spec.remount, Remount::Live | Remount::NewWritesOnly)
            && !matches!(meaning.setting, Setting::Nothing | Setting::Userspace)
    })
}

/// The words that take one property back to where a fresh mount starts, or to what it would choose.
fn negation(aspect: Aspect, after: &State, wanted: &State, facts: &DeviceFacts) -> Vec<String> {
    let words: &[&str] = match aspect {
        Aspect::Switch(switch) if after.is(switch) => {
            let name = switch.shown().split('=').next().unwrap_or_default();
            let undo = lookup(name).and_then(|spec| spec.undo);
            return undo
                .into_iter()
                .flat_map(|undo| undo.split(','))
                .map(str::to_owned)
                .collect();
        }
        Aspect::DataSum | Aspect::DataCow => &["datasum"],
        Aspect::Compression => &["compress=no"],
        Aspect::MaxInline => &["max_inline=2048"],
        Aspect::MetadataRatio => &["metadata_ratio=0"],
        Aspect::Commit => &["commit=30"],
        Aspect::ThreadPool => {
            let threads = facts.cpus.map(default_thread_pool);
            return threads
                .map(|threads| format!("thread_pool={threads}"))
                .into_iter()
                .collect();
        }
        Aspect::Discard if wanted.discard() == Discard::Async => &["discard=async"],
        Aspect::Discard => &["nodiscard"],
        Aspect::Atime if wanted.atime() == Atime::Relative => &["relatime"],
        // Back to the kernel's own choice there is no way; its outcome can be named.
        Aspect::Ssd => match wanted.show(Aspect::Ssd, facts).as_deref() {
            Some("ssd") => &["nossd_spread", "ssd"],
            None if facts.rotational == Some(true) => &["nossd"],
            _ => &[],
        },
        Aspect::Switch(Switch::ReadOnly) => &["rw"],
        Aspect::Switch(_)
        | Aspect::Atime
        | Aspect::Rescue
        | Aspect::SpaceCache
        | Aspect::Subvolume => &[],
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btrfs::parse::parse_options;

    const FACTS: DeviceFacts = DeviceFacts {
        rotational: Some(true),
        discard: Some(true),
        free_space_tree: Some(true),
        cpus: Some(2),
    };

    fn command(old: &str, new: &str) -> RemountCommand {
        let (old, new) = (parse_options(&[old]), parse_options(&[new]));
        remount_command_options(&old, &new, &Target::Unknown, &FACTS)
    }

    #[test]
    fn a_dropped_option_needs_its_negation() {
        for (old, new, words) in [
            ("compress=zstd", "defaults", "compress=no"),
            ("compress-force=zstd", "compress=zstd", "compress=zstd"),
            ("nodatacow", "defaults", "datasum"),
            ("nodatacow", "compress=zstd", "compress=zstd"),
            ("nodatacow", "nodatasum", "datasum,nodatasum"),
            ("compress=zstd", "nodatasum", "compress=no,nodatasum"),
            (
                "autodefrag,commit=60",
                "noatime",
                "noautodefrag,commit=30,noatime",
            ),
            ("noatime,nodev", "nodev", "relatime,nodev"),
            ("nodev,nosuid", "defaults", "rw"),
            ("nodiscard", "defaults", "discard=async"),
            ("discard", "nodiscard", "nodiscard"),
            ("max_inline=0", "defaults", "max_inline=2048"),
            ("thread_pool=3", "defaults", "thread_pool=4"),
            ("ssd_spread", "ssd", "nossd_spread,ssd,ssd"),
            ("sync,lazytime", "defaults", "async,nolazytime"),
            ("defaults", "compress=zstd,subvol=@,x-foo", "compress=zstd"),
            ("compress=zstd:3", "compress=zstd", ""),
        ] {
            let command = command(old, new);
            let expected = words.replace("ssd,ssd", "ssd");
            let mut given = command.options.clone();
            given.dedup();
            assert_eq!(given.join(","), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn what_no_remount_reaches_is_left_and_said() {
        assert_eq!(
            command("user_subvol_rm_allowed", "defaults").left_for_boot,
            ["-user_subvol_rm_allowed"]
        );
        assert_eq!(
            command("subvol=a", "subvol=b,noatime").left_for_boot,
            ["subvol=b"]
        );
        assert_eq!(command("defaults", "dirsync").left_for_boot, ["dirsync"]);
        assert_eq!(
            command("compress=zstd", "compress=lzo").left_for_boot,
            [""; 0]
        );
    }

    fn whens(old: &str, new: &str) -> Vec<(String, When)> {
        let (old, new) = (parse_options(&[old]), parse_options(&[new]));
        let effects = transition(&old, &new, &Target::Unknown, &FACTS);
        effects.into_iter().map(|e| (e.option, e.when)).collect()
    }

    #[test]
    fn each_change_has_its_time() {
        for (old, new, option, when) in [
            (
                "defaults",
                "compress=zstd",
                "compress=zstd",
                When::LiveForNewWrites,
            ),
            ("compress=zstd", "noatime", "compress=zstd", When::NextBoot),
            (
                "compress=zstd",
                "compress=zstd:3",
                "compress=zstd:3",
                When::Already,
            ),
            ("noatime", "defaults", "noatime", When::NextBoot),
            ("noatime", "relatime", "noatime", When::Live),
            ("nodev", "rw", "nodev", When::Live),
            ("rw", "commit=60", "commit=60", When::Live),
            ("rw", "subvol=@", "subvol=@", When::NextBoot),
            ("rw", "clear_cache", "clear_cache", When::NextBoot),
            ("rw", "x-initrd.mount", "x-initrd.mount", When::Userspace),
            ("rw", "compression=zstd", "compression=zstd", When::Rejected),
            ("rw", "nodatacow,compress=zstd", "nodatacow", When::Never),
            (
                "rw",
                "compress=zstd,nodatasum",
                "compress=zstd",
                When::Never,
            ),
            (
                "compress=zstd,nodatasum",
                "compress=zstd",
                "nodatasum",
                When::LiveForNewWrites,
            ),
            (
                "user_subvol_rm_allowed",
                "rw",
                "user_subvol_rm_allowed",
                When::NextBoot,
            ),
            ("rw", "space_cache=v1", "space_cache=v1", When::Rejected),
            ("rw", "space_cache=v2", "space_cache=v2", When::Already),
        ] {
            let all = whens(old, new);
            assert!(
                all.contains(&(option.to_owned(), when)),
                "{old} -> {new}: {all:?}"
            );
        }
    }

    #[test]
    fn one_refused_option_stops_the_whole_remount() {
        let all = whens("rw", "noatime,compress=foo");
        assert!(
            all.iter().all(|(_, when)| *when == When::Rejected),
            "{all:?}"
        );
    }
}
