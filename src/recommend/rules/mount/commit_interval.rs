//! Intervals between commits that lose much in a crash, or that cost work all the time.

use super::spots::{Said, Spot, said};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{DEFAULT_COMMIT_SECONDS, effective};
use crate::model::Host;
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, RuleSetting, Severity,
};

/// `mount/commit-interval`
pub struct CommitInterval;

const LONGEST: &str = "longest_seconds";
const SHORTEST: &str = "shortest_seconds";

static META: Meta = Meta {
    settings: &[
        RuleSetting {
            key: LONGEST,
            default: 300,
            meaning: "the longest interval that is not reported; the kernel warns above 300",
        },
        RuleSetting {
            key: SHORTEST,
            default: 5,
            meaning: "the shortest interval that is not reported",
        },
    ],
    ..Meta::new(
        "mount/commit-interval",
        Severity::Warning,
        "Commits are so far apart that a crash loses much, or so close that they cost work",
        include_str!("commit_interval.md"),
    )
};

/// What is wrong with an interval.
enum Wrong {
    TooLong { seconds: u32, most: u64 },
    TooShort { seconds: u32 },
}

fn wrong(spot: &Spot<'_>, host: &Host) -> Option<Wrong> {
    let option = spot.option();
    option
        .value
        .as_deref()
        .filter(|_| option.name == "commit")?;
    let one = std::slice::from_ref(option);
    let Mounted { target, facts, .. } = spot.mounted;
    let seconds = effective(one, target, facts).state.commit_seconds();
    let (most, least) = (META.number(host, LONGEST), META.number(host, SHORTEST));
    if u64::from(seconds) > most && seconds > DEFAULT_COMMIT_SECONDS {
        return Some(Wrong::TooLong { seconds, most });
    }
    let short = u64::from(seconds) < least && seconds < DEFAULT_COMMIT_SECONDS;
    short.then_some(Wrong::TooShort { seconds })
}

impl Wrong {
    /// The option to write instead; none for the default.
    fn instead(&self) -> Option<String> {
        match self {
            Wrong::TooLong { most, .. } if *most > u64::from(DEFAULT_COMMIT_SECONDS) => {
                Some(format!("commit={most}"))
            }
            Wrong::TooLong { .. } | Wrong::TooShort { .. } => None,
        }
    }
}

fn finding(said: &Said<'_, Wrong>) -> Finding {
    let (text, places) = (said.text, said.places());
    let (severity, message, source, statement) = match said.what {
        Wrong::TooLong { seconds, .. } => (
            Severity::Warning,
            format!(
                "`{text}` on {places}: a crash or a power failure loses up to {seconds} seconds \
                 of writes that no program has synced, on every subvolume"
            ),
            "https://btrfs.readthedocs.io/en/latest/ch-mount-options.html, commit".to_owned(),
            "there is no upper bound, and above 300 seconds the kernel warns".to_owned(),
        ),
        Wrong::TooShort { seconds } => (
            Severity::Advice,
            format!(
                "`{text}` on {places} ends a transaction every {seconds} seconds while anything is \
                 written, and each end writes metadata and flushes the device; what a program \
                 syncs is safe without it"
            ),
            "measured on 6.18.44: ten appends of 300 bytes a second for a minute".to_owned(),
            "commit=5 gave 29 write requests and 4 flushes, commit=30 gave 18 and 2".to_owned(),
        ),
    };
    let knowledge = Evidence::speaks_for(Weight::Moderate, Source::Knowledge(source), statement);
    said.finding(&META, severity, message, vec![knowledge])
}

impl Rule for CommitInterval {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, |spot| wrong(spot, context.host));
        all.iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, |spot| wrong(spot, context.host));
        let said = all.iter().find(|said| said.text == finding.subject)?;
        let new = said.what.instead();
        let (costs, applicability, effect) = match said.what {
            Wrong::TooLong { .. } => (
                vec![
                    "the device is written a little more often, and a sleeping disk wakes"
                        .to_owned(),
                ],
                Applicability::Safe,
                Effect::Correctness,
            ),
            Wrong::TooShort { seconds } => (
                vec![format!(
                    "a crash loses up to {DEFAULT_COMMIT_SECONDS} seconds of unsynced writes \
                     instead of {seconds}"
                )],
                Applicability::Consent,
                Effect::FewerRewrites,
            ),
        };
        Some(Remedy {
            title: match &new {
                Some(new) => format!("Write `{new}` instead of `{}`", said.text),
                None => format!("Remove `{}`: the default is 30 seconds", said.text),
            },
            actions: vec![Action::EditMountOptions {
                mounts: said.edits(|_| new.clone())?,
            }],
            costs,
            applicability,
            effect,
        })
    }
}
