//! Owns: what the kernel says to an option string: taken, changed, or the mount fails.

use std::fmt;

use super::kernel::{KernelRange, KernelVersion, Target, all_series, since};
use super::option::{OptionSpec, Presence, ValueSyntax, lookup};
use super::parse::MountOption;
use super::setting::{
    Aspect, Compression, LevelNote, Rescue, Setting, SpaceCache, Switch, read_bytes, read_u32,
    read_u64,
};
use super::state::{DeviceFacts, MAX_INLINE_LIMIT, State};
use super::suggest::suggest;

/// What one kernel, or every kernel in question, makes of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken as written. `effective` is what `/proc/mounts` shows for it; none for a default that
    /// is not shown.
    Accepted {
        /// As shown.
        effective: Option<String>,
    },
    /// Taken, but silently as something else.
    Clamped {
        /// What it becomes: `compress=zstd:15`.
        to: String,
        /// Why, as a sentence.
        reason: String,
    },
    /// Taken, with something to know: a deprecation, an ignored level, a difference between kernels.
    Warned {
        /// As shown.
        effective: Option<String>,
        /// What to know, as a sentence.
        warning: String,
    },
    /// Never reaches the kernel: libmount, systemd or NixOS reads it.
    Userspace,
    /// The mount fails. For `/` the machine does not boot.
    Refused(Refusal),
}

impl Verdict {
    /// The refusal, if it is one.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Why and where a mount fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of fault.
    pub kind: RefusalKind,
    /// The kernels that refuse it.
    pub kernels: KernelRange,
    /// A whole option to write instead, where one is plausible.
    pub suggestion: Option<String>,
    /// All of it as one sentence.
    pub message: String,
}

/// The kinds of fault that make a mount fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// No option of this name exists ("Unknown parameter").
    UnknownName,
    /// The value is missing, or not one of those that exist ("Bad value").
    BadValue,
    /// The option takes no value ("Unexpected value").
    UnexpectedValue,
    /// The option existed and was taken away.
    Removed,
    /// The option or value is younger than the kernel.
    TooNew,
    /// Only kernels built for debugging know it.
    DebugBuildOnly,
    /// Works only beside `ro`. Judged alone it is refused; [`verdicts`] looks at the whole list.
    NeedsReadOnly,
    /// Works only on a filesystem without the free space tree, or beside `clear_cache`. Judged
    /// alone it is refused; [`verdicts`] looks at the whole list and the filesystem.
    FreeSpaceTree,
}

impl RefusalKind {
    /// Whether the refusal hangs on the other options or the filesystem. As an option of a
    /// second mount such an option is taken and ignored (measured on 6.18.44), so that the
    /// fault shows only when that mount once comes first.
    pub const fn is_conditional(self) -> bool {
        matches!(self, Self::NeedsReadOnly | Self::FreeSpaceTree)
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "no such mount option",
            Self::BadValue => "bad value",
            Self::UnexpectedValue => "takes no value",
            Self::Removed => "removed from the kernel",
            Self::TooNew => "not yet in this kernel",
            Self::DebugBuildOnly => "only in kernels built for debugging",
            Self::NeedsReadOnly => "only together with ro",
            Self::FreeSpaceTree => "fails on a filesystem with the free space tree",
        })
    }
}

/// What an option means on one kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meaning {
    pub(super) spec: &'static OptionSpec,
    pub(super) setting: Setting,
    note: Note,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    None,
    Clamped(&'static str),
    Warned(&'static str),
}

/// Reads one option as a kernel would, without regard to the options beside it.
pub(super) fn interpret(
    option: &MountOption,
    kernel: KernelVersion,
) -> Result<Meaning, RefusalKind> {
    let spec = lookup(&option.name).ok_or(RefusalKind::UnknownName)?;
    match spec.presence {
        Presence::RemovedIn(removed) if kernel >= removed => return Err(RefusalKind::Removed),
        Presence::Gap { removed, back } if kernel >= removed && kernel < back => {
            return Err(RefusalKind::Removed);
        }
        Presence::Gone(_) => return Err(RefusalKind::Removed),
        Presence::DebugBuilds => return Err(RefusalKind::DebugBuildOnly),
        _ => {}
    }
    let value = option.value.as_deref();
    let deprecated = match spec.deprecated {
        Some(_) if matches!(spec.presence, Presence::RemovedIn(_)) => Note::Warned(spec.notes),
        _ => Note::None,
    };
    let (setting, note) = match (spec.syntax, value) {
        (ValueSyntax::Flag(setting), None) => (setting, deprecated),
        (ValueSyntax::Flag(_), Some(_)) => return Err(RefusalKind::UnexpectedValue),
        (ValueSyntax::MountFlag(setting), None) => (setting, Note::None),
        (ValueSyntax::MountFlag(setting), Some(_)) => mount_flag_with_value(setting, kernel)?,
        (ValueSyntax::Any, _) if value.is_some() && !takes_any_value(spec.name) => {
            return Err(RefusalKind::UnknownName);
        }
        (ValueSyntax::Any, _) => (Setting::Userspace, Note::None),
        (ValueSyntax::Compress { force }, None) => (
            Setting::Compress {
                force,
                with: Compression::zlib(0).0,
            },
            Note::None,
        ),
        (ValueSyntax::Compress { force }, Some(value)) => {
            let (with, level) =
                Compression::read(value, kernel).map_err(|()| RefusalKind::BadValue)?;
            (
                Setting::Compress { force, with },
                compression_note(with, level, kernel),
            )
        }
        (ValueSyntax::OneOf { words, .. }, Some(value)) => {
            let word = words.iter().find(|(word, _)| *word == value);
            let setting = word.ok_or(RefusalKind::BadValue)?.1;
            (setting, cache_note(setting, kernel))
        }
        (ValueSyntax::OneOf { bare, .. }, None) => {
            let setting = bare.ok_or(RefusalKind::BadValue)?;
            (setting, cache_note(setting, kernel))
        }
        (ValueSyntax::Path(setting), Some(value)) => {
            if value.is_empty() && kernel >= since::NEW_MOUNT_API {
                return Err(RefusalKind::BadValue);
            }
            (setting, Note::None)
        }
        (_, None) => return Err(RefusalKind::BadValue),
        (ValueSyntax::U32 { min, set }, Some(value)) => {
            let number = read_u32(value, kernel).filter(|&number| number >= min);
            let setting = set(number.ok_or(RefusalKind::BadValue)?);
            (setting, number_note(setting))
        }
        (ValueSyntax::Bytes { .. }, Some("")) => return Err(RefusalKind::BadValue),
        (ValueSyntax::Bytes { set }, Some(value)) => {
            let (bytes, understood) = read_bytes(value);
            let number = u32::try_from(bytes).unwrap_or(u32::MAX);
            let note = match understood {
                false => Note::Clamped(
                    "is not a number of bytes, and is taken for its leading digits or 0",
                ),
                true if number > MAX_INLINE_LIMIT => Note::Clamped("is more than a sector"),
                true => Note::None,
            };
            (set(number), note)
        }
        (ValueSyntax::SubvolumeId, Some(value)) => {
            read_u64(value).ok_or(RefusalKind::BadValue)?;
            (Setting::Subvolume, Note::None)
        }
        (ValueSyntax::Rescue, Some(value)) => (Setting::Rescue(rescue(value, kernel)?), Note::None),
    };
    Ok(Meaning {
        spec,
        setting,
        note,
    })
}

/// `ro=1` and `sync=1` set the flag of the superblock since the new mount API, whatever the value
/// says; all other generic flags with a value are unknown to libmount and the kernel (measured on
/// 6.18.44).
fn mount_flag_with_value(
    setting: Setting,
    kernel: KernelVersion,
) -> Result<(Setting, Note), RefusalKind> {
    let of_superblock = matches!(
        setting,
        Setting::Switch(
            Switch::ReadOnly | Switch::Sync | Switch::DirSync | Switch::LazyTime | Switch::Mand,
            _
        )
    );
    if of_superblock && kernel >= since::NEW_MOUNT_API {
        Ok((setting, Note::Warned("the value is not looked at")))
    } else {
        Err(RefusalKind::UnknownName)
    }
}

/// Whether libmount keeps the option to itself even with a value (measured with 2.38.1: `nofail=1`
/// and `users=1` reach the kernel and fail).
fn takes_any_value(name: &str) -> bool {
    matches!(
        name,
        "defaults"
            | "comment"
            | "loop"
            | "offset"
            | "sizelimit"
            | "encryption"
            | "helper"
            | "uhelper"
            | "context"
            | "x-*"
            | "X-*"
    )
}

fn rescue(value: &str, kernel: KernelVersion) -> Result<Rescue, RefusalKind> {
    Rescue::read(value, kernel).ok_or_else(|| {
        // A mode that a newer kernel knows is no misspelling.
        let later = Rescue::read(value, since::RESCUE_IGNORE_META).is_some();
        if later && kernel < since::RESCUE_IGNORE_META {
            RefusalKind::TooNew
        } else {
            RefusalKind::BadValue
        }
    })
}

fn compression_note(with: Option<Compression>, level: LevelNote, kernel: KernelVersion) -> Note {
    match (level, with) {
        (LevelNote::Exact, _) => Note::None,
        (LevelNote::Meaningless, _) => {
            Note::Warned("LZO has no levels: what follows it is ignored")
        }
        (LevelNote::Ignored, None) => Note::Warned("read as `no`; refused from 6.17 on"),
        (LevelNote::Ignored, _) if kernel < since::SIGNED_LEVELS => Note::Warned(
            "the level is not understood and ignored: negative ones exist since 6.15, anything else is refused from 6.17 on",
        ),
        (LevelNote::Ignored, _) => {
            Note::Warned("the level is not understood and ignored; refused from 6.17 on")
        }
        (LevelNote::Clamped, Some(Compression::Zlib(_))) => {
            Note::Clamped("zlib levels go from 1 to 9")
        }
        (LevelNote::Clamped, _) => Note::Clamped("zstd levels go from -15 to 15"),
    }
}

/// What the kernel remarks on a number (measured on 6.18.44, data/mount_probe.tsv).
fn number_note(setting: Setting) -> Note {
    match setting {
        Setting::Commit(0) => Note::Warned("0 means the default of 30 seconds"),
        Setting::Commit(301..) => {
            Note::Warned("more than 300 seconds: a crash loses as much, and the kernel warns")
        }
        Setting::ThreadPool(2049..) => {
            Note::Warned("the kernel's work queues run at most 2048 threads")
        }
        _ => Note::None,
    }
}

/// The v1 cache, where a filesystem can still have it (deprecated: documented; 7.3.4 shows
/// `nospace_cache` for it: measured).
fn cache_note(setting: Setting, kernel: KernelVersion) -> Note {
    if setting != Setting::SpaceCache(SpaceCache::V1) || kernel < since::SPACE_CACHE_V1_DEPRECATED {
        Note::None
    } else if kernel < since::BACKUP_ROOT_NEEDS_RO {
        Note::Warned("the v1 cache is deprecated since 6.11; space_cache=v2 replaces it")
    } else {
        Note::Warned("the v1 cache is no longer used since 7.3: there is none with this")
    }
}

/// What an option asks that only some mounts grant.
fn condition(setting: Setting, kernel: KernelVersion) -> Option<RefusalKind> {
    match setting {
        Setting::Rescue(modes) if !modes.lasting(kernel).is_empty() => {
            Some(RefusalKind::NeedsReadOnly)
        }
        Setting::SpaceCache(SpaceCache::V1 | SpaceCache::None) => Some(RefusalKind::FreeSpaceTree),
        _ => None,
    }
}

/// What the other options of a list and the filesystem grant.
#[derive(Clone, Copy, Default)]
struct Context {
    read_only: bool,
    no_free_space_tree: bool,
}

impl Context {
    fn of(options: &[MountOption], kernel: KernelVersion, facts: &DeviceFacts) -> Self {
        let mut context = Self {
            read_only: false,
            no_free_space_tree: facts.free_space_tree == Some(false),
        };
        let mut cache = None;
        for meaning in options
            .iter()
            .filter_map(|option| interpret(option, kernel).ok())
        {
            match meaning.setting {
                Setting::Switch(Switch::ReadOnly, on) => context.read_only = on,
                Setting::ClearCache => context.no_free_space_tree = true,
                Setting::SpaceCache(last) => cache = Some(last),
                _ => {}
            }
        }
        // The last space_cache option counts: an earlier v1 is harmless then.
        context.no_free_space_tree |= cache == Some(SpaceCache::V2);
        context
    }

    fn grants(self, kind: RefusalKind) -> bool {
        match kind {
            RefusalKind::NeedsReadOnly => self.read_only,
            RefusalKind::FreeSpaceTree => self.no_free_space_tree,
            _ => false,
        }
    }
}

/// The verdict on one option that stands alone. What hangs on other options or on the filesystem
/// is refused, with a [conditional](RefusalKind::is_conditional) kind.
pub fn verdict(option: &MountOption, target: &Target) -> Verdict {
    judge(option, target, &DeviceFacts::default(), |_| {
        Context::default()
    })
}

/// The verdicts on every option of one list, each in the company of the others.
pub fn verdicts(options: &[MountOption], target: &Target, facts: &DeviceFacts) -> Vec<Verdict> {
    let in_company = |kernel| Context::of(options, kernel, facts);
    options
        .iter()
        .map(|option| judge(option, target, facts, in_company))
        .collect()
}

/// The property that an option is about, on the target's representative kernel; none where it is
/// refused, and for options that change nothing lasting.
pub fn aspect(option: &MountOption, target: &Target) -> Option<Aspect> {
    interpret(option, target.representative())
        .ok()?
        .setting
        .aspect()
}

/// What a mount with the options in force fails on, on one kernel.
pub(super) fn refusal_on(
    option: &MountOption,
    options: &[MountOption],
    kernel: KernelVersion,
    facts: &DeviceFacts,
) -> Option<RefusalKind> {
    refused(option, kernel, Context::of(options, kernel, facts)).err()
}

fn refused(
    option: &MountOption,
    kernel: KernelVersion,
    context: Context,
) -> Result<Meaning, RefusalKind> {
    let meaning = interpret(option, kernel)?;
    match condition(meaning.setting, kernel) {
        Some(kind) if !context.grants(kind) => Err(kind),
        _ => Ok(meaning),
    }
}

fn judge(
    option: &MountOption,
    target: &Target,
    facts: &DeviceFacts,
    context: impl Fn(KernelVersion) -> Context,
) -> Verdict {
    let on = |kernel| refused(option, kernel, context(kernel));
    for &kernel in target.kernels() {
        if let Err(kind) = on(kernel) {
            let kernels = run_around(kernel, |series| on(series).err() == Some(kind));
            return Verdict::Refused(refusal(option, kind, kernels));
        }
    }
    let kernel = target.representative();
    match on(kernel) {
        Ok(meaning) => accepted(option, meaning, target, facts),
        // Only reached when the assumed kernel is stricter than every kernel measured.
        Err(kind) => Verdict::Refused(refusal(option, kind, KernelRange::default())),
    }
}

fn accepted(
    option: &MountOption,
    meaning: Meaning,
    target: &Target,
    facts: &DeviceFacts,
) -> Verdict {
    if meaning.setting == Setting::Userspace {
        return Verdict::Userspace;
    }
    let kernel = target.representative();
    let effective = shown(meaning.setting, kernel, facts);
    let differing = target.kernels().iter().find_map(|&other| {
        let theirs = shown(interpret(option, other).ok()?.setting, other, facts);
        (theirs != effective).then_some((other, theirs))
    });
    let quoted =
        |text: &Option<String>| text.clone().map_or("nothing".into(), |t| format!("`{t}`"));
    match (meaning.note, differing) {
        (_, Some((other, theirs))) => Verdict::Warned {
            warning: format!(
                "not the same on every kernel: {} on {}, {} on {kernel}",
                quoted(&theirs),
                other.series(),
                quoted(&effective),
            ),
            effective,
        },
        (Note::Clamped(reason), None) => Verdict::Clamped {
            to: match meaning.setting {
                // The default is not shown, but is what was made of it.
                Setting::MaxInline(bytes) => format!("max_inline={}", bytes.min(MAX_INLINE_LIMIT)),
                _ => effective.unwrap_or_default(),
            },
            reason: format!("`{}`: {reason}", option.text),
        },
        (Note::Warned(warning), None) => Verdict::Warned {
            effective,
            warning: format!("`{}`: {warning}", option.text),
        },
        (Note::None, None) => Verdict::Accepted { effective },
    }
}

/// What `/proc/mounts` shows for a setting by itself.
fn shown(setting: Setting, kernel: KernelVersion, facts: &DeviceFacts) -> Option<String> {
    let mut state = State::blank();
    state.apply(setting, kernel);
    state.show(setting.aspect()?, facts)
}

/// The unbroken run of release series around a kernel for which a statement holds.
fn run_around(kernel: KernelVersion, holds: impl Fn(KernelVersion) -> bool) -> KernelRange {
    let series: Vec<_> = all_series().collect();
    let here = series.iter().rposition(|&s| s <= kernel).unwrap_or(0);
    let before = series[..here].iter().rposition(|&s| !holds(s));
    let after = series[here..].iter().position(|&s| !holds(s));
    KernelRange {
        from: before.map(|at| series[at + 1]),
        until: after.map(|at| series[here + at]),
    }
}

fn refusal(option: &MountOption, kind: RefusalKind, kernels: KernelRange) -> Refusal {
    let suggestion = match kind {
        RefusalKind::UnknownName | RefusalKind::Removed => suggest(option),
        RefusalKind::UnexpectedValue => Some(option.name.clone()),
        _ => None,
    }
    .filter(|text| *text != option.text);
    let text = &option.text;
    let name = &option.name;
    let mut message = match kind {
        RefusalKind::UnknownName => format!("`{text}`: the kernel knows no mount option `{name}`"),
        RefusalKind::BadValue => format!("`{text}`: not a value that `{name}` takes"),
        RefusalKind::UnexpectedValue => format!("`{text}`: `{name}` takes no value"),
        RefusalKind::Removed => format!("`{text}`: `{name}` was removed from the kernel"),
        RefusalKind::TooNew => format!("`{text}`: not in this kernel yet"),
        RefusalKind::DebugBuildOnly => {
            format!("`{text}`: only kernels built for debugging know `{name}`")
        }
        RefusalKind::NeedsReadOnly => format!("`{text}`: works only together with `ro`"),
        RefusalKind::FreeSpaceTree => format!(
            "`{text}`: cannot switch off the free space tree, which every filesystem made by btrfs-progs 5.15 or newer has"
        ),
    };
    message.push_str("; the mount fails ");
    message.push_str(&kernels.to_string());
    match (&suggestion, kind) {
        (Some(suggestion), RefusalKind::Removed) => {
            message.push_str(&format!("; `{suggestion}` took its place"));
        }
        (Some(suggestion), _) => message.push_str(&format!("; did you mean `{suggestion}`?")),
        (None, _) => {}
    }
    Refusal {
        kind,
        kernels,
        suggestion,
        message,
    }
}
