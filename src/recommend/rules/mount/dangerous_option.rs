//! Options for an emergency or a test that stand in a permanent configuration.

use super::spots::{Said, Spot, said};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/dangerous-option`
pub struct DangerousOption;

static META: Meta = Meta::new(
    "mount/dangerous-option",
    Severity::Warning,
    "An option for repairs or experiments stands in a permanent configuration",
    include_str!("dangerous_option.md"),
);

/// An option that belongs on a command line rather than into a configuration.
struct Danger {
    /// As written, or its name alone where any value is as dangerous.
    option: &'static str,
    /// What it does at every boot.
    risk: &'static str,
    /// When it is right.
    right: &'static str,
    severity: Severity,
    removal: Removal,
}

/// What it takes to remove an option.
enum Removal {
    /// Nothing.
    Free,
    /// Something gets slower.
    Costs(&'static str),
    /// Something is given up.
    Trades(&'static str),
    /// A person who knows the state of the filesystem.
    ByHand,
}

const DANGERS: [Danger; 9] = [
    Danger {
        option: "nobarrier",
        risk: "the device is not told to keep the order of writes: a power failure can destroy the \
               whole filesystem",
        right: "on devices whose cache survives a power failure, and where the data can be lost",
        severity: Severity::Warning,
        removal: Removal::Costs("flushes cost time again"),
    },
    Danger {
        option: "notreelog",
        risk: "every fsync writes a whole transaction instead of a log: databases and package \
               managers wait",
        right: "as long as a fault of the tree log is worked around",
        severity: Severity::Warning,
        removal: Removal::Costs("after a crash the next mount replays a log"),
    },
    Danger {
        option: "degraded",
        risk: "a boot with a missing device goes on without a word, what is written then has no \
               second copy, and two halves that were mounted one without the other cannot be joined",
        right: "while a broken device is being replaced",
        severity: Severity::Warning,
        removal: Removal::Trades(
            "with a device missing the machine waits at boot until somebody mounts it with \
             `degraded`",
        ),
    },
    Danger {
        option: "clear_cache",
        risk: "the free space tree is thrown away and built again at every boot, which takes long \
               on a large filesystem",
        right: "once, after a fault of it",
        severity: Severity::Warning,
        removal: Removal::Free,
    },
    Danger {
        option: "rescan_uuid_tree",
        risk: "the tree of subvolume identifiers is checked as a whole at every boot",
        right: "once, after a fault of it",
        severity: Severity::Warning,
        removal: Removal::Free,
    },
    Danger {
        option: "skip_balance",
        risk: "a balance that a reboot interrupts stays paused until somebody runs \
               `btrfs balance resume` or `cancel`",
        right: "while an interrupted balance keeps the machine from coming up",
        severity: Severity::Advice,
        removal: Removal::Trades("an interrupted balance goes on by itself after a reboot"),
    },
    Danger {
        option: "fatal_errors=panic",
        risk: "an error of this filesystem brings the whole machine down, and where the cause \
               stays, down again after each boot",
        right: "where another machine takes over",
        severity: Severity::Advice,
        removal: Removal::ByHand,
    },
    Danger {
        option: "rescue",
        risk: "damage is passed over instead of reported, and nothing can be written. Copy what is \
               needed, then mend or make the filesystem anew",
        right: "while data is copied off a damaged filesystem",
        severity: Severity::Warning,
        removal: Removal::ByHand,
    },
    Danger {
        option: "norecovery",
        risk: "the log is not replayed: what was synced before a crash is missing, and nothing can \
               be written. Copy what is needed, then mend or make the filesystem anew",
        right: "while data is copied off a damaged filesystem",
        severity: Severity::Warning,
        removal: Removal::ByHand,
    },
];

fn danger(spot: &Spot<'_>) -> Option<&'static Danger> {
    let option = spot.option();
    let found = DANGERS
        .iter()
        .find(|d| d.option == option.text || d.option == option.name)?;
    let by_hand = spot.is_beside(&["noauto"]);
    // Beside the old cache it is there to leave the free space tree: mount/space-cache.
    let old_cache = || {
        let mut options = spot.seen().options.iter();
        options.any(|o| {
            o.name == "nospace_cache" || o.name == "space_cache" && o.value.as_deref() != Some("v2")
        })
    };
    let elsewhere = found.option == "clear_cache" && old_cache();
    (!by_hand && !elsewhere).then_some(found)
}

fn finding(said: &Said<'_, &'static Danger>) -> Finding {
    let Danger { risk, right, .. } = said.what;
    let message = format!(
        "`{}` on {}: {risk}. It is right {right}",
        said.text,
        said.places()
    );
    let knowledge = Evidence::speaks_for(
        Weight::Moderate,
        Source::Knowledge(
            "https://btrfs.readthedocs.io/en/latest/ch-mount-options.html".to_owned(),
        ),
        format!("`{}` is for {right}, not for every boot", said.text),
    );
    said.finding(&META, said.what.severity, message, vec![knowledge])
}

impl Rule for DangerousOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        said(&mounted, danger).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, danger);
        let said = all.iter().find(|said| said.text == finding.subject)?;
        let (costs, applicability) = match said.what.removal {
            Removal::Free => (Vec::new(), Applicability::Safe),
            Removal::Costs(cost) => (vec![cost.to_owned()], Applicability::Safe),
            Removal::Trades(cost) => (vec![cost.to_owned()], Applicability::Consent),
            Removal::ByHand => return None,
        };
        let effect = match said.what.option {
            "notreelog" => Effect::FewerRewrites,
            "clear_cache" | "rescan_uuid_tree" => Effect::MountTime,
            _ => Effect::Correctness,
        };
        Some(Remedy {
            title: format!("Remove `{}`", said.text),
            actions: vec![Action::EditMountOptions {
                mounts: said.edits(|_| None)?,
            }],
            costs,
            applicability,
            effect,
        })
    }
}
