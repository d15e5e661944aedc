//! Diagnoses → recommendations made of actions.
//!
//! Owns the rules, one file each with its page beside it, and the vocabulary of [`Action`]s with
//! their classes. A rule sees the model and the analysis; it must never see syntax or text, and
//! never knows how a change is written.

pub mod action;
pub mod rules;

pub use action::{
    Action, Algorithm, Class, ClassOf, DirectoryAttribute, LuksSetting, MkfsSetting, MountEdit,
    Sets, Trade,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::analyze::{Analysis, Cause, Evidence};
use crate::model::Host;
use crate::nix::source::Span;

/// How bad a finding is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The machine will not boot, or loses data.
    Error,
    /// The setting does not do what it says, or costs performance.
    Warning,
    /// A better choice exists.
    Advice,
}

/// Whether a change trades something away.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// It takes nothing away.
    Safe,
    /// It gives something up: checksums, durability, space.
    Consent,
    /// There is no provable edit.
    Advice,
}

/// What every rule says of itself. Written as `Meta { after: &[…], ..Meta::new(…) }`.
#[derive(Debug)]
pub struct Meta {
    /// `group/name`
    pub id: &'static str,
    /// How bad its findings are at worst.
    pub severity: Severity,
    /// One line: what it finds.
    pub summary: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
    /// Whether it speaks without being asked: rules of taste, and those that only a few want, are
    /// named in `btrfs-tune.toml` or on the command line first.
    pub default_on: bool,
    /// What the owner may set of it, beside `enabled` and `severity`.
    pub settings: &'static [RuleSetting],
    /// Rules that say the same in a better way: of two findings that set the same target, this
    /// rule's is left out.
    pub yields_to: &'static [&'static str],
    /// Rules whose changes come first, because what this one proposes rests on them.
    pub after: &'static [&'static str],
    /// The causes of slowness that its remedy relieves. Where the evidence refutes all of them, the
    /// remedy is withheld, unless it repairs or protects something.
    pub relieves: &'static [Cause],
}

impl Meta {
    /// A rule that is on, cannot be set, and stands for itself.
    pub const fn new(
        id: &'static str,
        severity: Severity,
        summary: &'static str,
        page: &'static str,
    ) -> Self {
        Meta {
            id,
            severity,
            summary,
            page,
            default_on: true,
            settings: &[],
            yields_to: &[],
            after: &[],
            relieves: &[],
        }
    }

    /// The part before the slash: `mount`, `layout`, `device`, `system` or `integrity`.
    pub fn group(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(group, _)| group)
    }

    /// A number that the owner may set, or its default.
    pub fn number(&self, host: &Host, key: &str) -> u64 {
        let own = host.preferences.get(self.id, key).and_then(Json::as_u64);
        let default = self.settings.iter().find(|s| s.key == key);
        own.or(default.map(|s| s.default)).unwrap_or_default()
    }
}

/// A number of a rule that the owner may set in `btrfs-tune.toml`:
///
/// ```toml
/// [rules."mount/commit-interval"]
/// longest_seconds = 120
/// ```
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RuleSetting {
    /// Its key, with the unit in the name.
    pub key: &'static str,
    /// What holds where nothing is said.
    pub default: u64,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The facts of the machine.
    pub host: &'a Host,
    /// What was concluded from them.
    pub analysis: &'a Analysis,
}

/// A rule matched, at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// What it is about: stable while other changes are made, and different for each finding of a
    /// rule (a mount point, an option path, a device).
    pub subject: String,
    /// How bad it is here.
    pub severity: Severity,
    /// What is the case, in one or two sentences.
    pub message: String,
    /// The literal or definition it is about.
    pub at: Option<Span>,
    /// What it is concluded from.
    pub evidence: Vec<Evidence>,
}

/// What a rule would do about a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// What is done, as an imperative.
    pub title: String,
    /// The changes, all or none.
    pub actions: Vec<Action>,
    /// What gets worse; empty only if nothing does.
    pub costs: Vec<String>,
    /// Whether something is traded away.
    pub applicability: Applicability,
    /// What it changes for the work of the machine.
    pub effect: Effect,
}

/// What a change does to the machine's work, for the impact model to put numbers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The machine boots (or keeps booting), or data is kept; speed is not the point.
    Correctness,
    /// The configuration says what happens; nothing changes on the machine.
    Clarity,
    /// Reading no longer writes access times.
    NoAccessTimes,
    /// New data is compressed at zstd level 1 to 3 that was not compressed before.
    Compression,
    /// A compression level is lowered to one that costs less CPU.
    LowerCompression,
    /// Database files are overwritten in place.
    NoCow,
    /// Dirty pages are written back earlier and in smaller bursts.
    EarlierWriteback,
    /// Swapping to compressed memory is preferred to dropping the page cache.
    ZramTuning,
    /// dm-crypt works in the caller's context.
    BypassWorkqueues,
    /// LUKS encrypts 4096-byte sectors.
    LuksSectorSize,
    /// Silent corruption is found, and with redundancy repaired.
    Scrub,
    /// The device learns which blocks are free, or learns it at a better time.
    Trim,
    /// Requests reach the device in another order, or more of them at once.
    Scheduling,
    /// More or less is read ahead of what is asked for.
    Readahead,
    /// What goes to swap, when, and in pieces of which size.
    Swapping,
    /// Snapshots hold less, or what changes much is left out of them.
    SnapshotSpace,
    /// The filesystem is mounted faster.
    MountTime,
    /// Fewer blocks are written again without need.
    FewerRewrites,
    /// Room for data or metadata is made.
    Space,
    /// Work in the background runs less often, or not twice.
    LessMaintenance,
    /// Equal files are stored once.
    Deduplication,
    /// Short-lived files stay in memory.
    InMemory,
    /// A copy more of what must not be lost is kept.
    Redundancy,
    /// Data moves to a device that suits how it is used.
    Placement,
    /// Container images and layers are stored another way.
    Containers,
    /// Trees or checksums are of a kind that costs less.
    Format,
}

/// A rule: it finds, and separately it says what to do.
pub trait Rule: Sync {
    /// What it says of itself.
    fn meta(&self) -> &'static Meta;

    /// All places where it matches.
    fn detect(&self, context: &Context<'_>) -> Vec<Finding>;

    /// What to do about one of its findings; `None` if there is nothing to be changed in the
    /// configuration.
    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy>;
}
