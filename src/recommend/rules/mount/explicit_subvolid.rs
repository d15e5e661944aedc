//! Subvolumes that are chosen by their number.

use super::spots::{Spot, edits};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::metrics::{MountEntry, Sourced};
use crate::model::{Host, MountSource};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/explicit-subvolid`
pub struct ExplicitSubvolid;

static META: Meta = Meta::new(
    "mount/explicit-subvolid",
    Severity::Error,
    "A subvolume is chosen by its number, which only one installation has",
    include_str!("explicit_subvolid.md"),
);

/// The number of the top level; 0 means it too.
const TOP: u64 = 5;

/// A `subvolid=` that does not name the top level alone.
struct Numbered<'a> {
    spot: Spot<'a>,
    number: u64,
    /// What `subvol=` beside it says, without slashes around it.
    beside: Option<&'a str>,
    /// What the running system shows there.
    shown: Option<&'a Sourced<MountEntry>>,
}

/// The number that a value is, if it is written as people write one.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with(['0', '+']) => None,
        None => text.parse().ok(),
    }
}

fn all<'a>(mounted: &'a [Mounted<'a>], host: &'a Host) -> Vec<Numbered<'a>> {
    let numbered = |spot: Spot<'a>| {
        let option = spot.option();
        let own = option
            .value
            .as_deref()
            .filter(|_| option.name == "subvolid")?;
        let number = match number(own)? {
            0 => TOP,
            number => number,
        };
        // The last one of each counts.
        let mut options = spot.seen().options.iter().enumerate();
        let last = options.rfind(|(_, o)| o.name == "subvolid")?.0 == spot.option;
        let mut options = spot.seen().options.iter();
        let beside = options.rfind(|o| o.name == "subvol");
        let beside = beside
            .and_then(|o| o.value.as_deref())
            .map(|v| v.trim_matches('/'));
        let is_top = number == TOP && beside.is_none_or(str::is_empty);
        let mut mounts = host.metrics.mounts.iter();
        let shown = mounts.find(|m| m.mountpoint == spot.mountpoint() && m.fstype == "btrfs");
        (last && !is_top).then_some(Numbered {
            spot,
            number,
            beside,
            shown,
        })
    };
    Spot::all(mounted).filter_map(numbered).collect()
}

impl Numbered<'_> {
    /// Whether the running system has this number there.
    fn runs(&self) -> bool {
        let own = format!("subvolid={}", self.number);
        self.shown
            .is_some_and(|entry| entry.super_options.contains(&own))
    }

    fn message(&self) -> String {
        let text = &self.spot.option().text;
        let at = self.spot.mountpoint();
        let then = match at {
            "/" => "the machine does not boot",
            _ => "it is not mounted",
        };
        match (self.beside, self.number) {
            (Some(name), TOP) => format!(
                "{at} asks for `{text}`, which is the top level, and for the subvolume {name}: the \
                 two must agree, or the mount fails and {then}"
            ),
            (Some(name), _) => format!(
                "{at} asks for `{text}` beside the subvolume {name}: once {name} is restored from a \
                 snapshot or made anew it has another number, the two disagree, the mount fails \
                 and {then}"
            ),
            (None, _) => format!(
                "{at} is found by `{text}`: a subvolume that is restored from a snapshot or made \
                 anew has another number, so that the mount fails and {then}, or shows what was \
                 there before. Choose it by its name, with `subvol=`"
            ),
        }
    }

    fn finding(&self) -> Finding {
        let mut evidence = vec![Evidence::speaks_for(
            Weight::Strong,
            Source::Configuration(self.spot.at()),
            format!(
                "`{}` stands among the options of {}",
                self.spot.option().text,
                self.spot.mountpoint()
            ),
        )];
        let measured = "a number that does not exist, or not with this name, fails the mount";
        evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Knowledge("src/btrfs/data/kernel_versions.tsv: each string mounted".to_owned()),
            measured,
        ));
        if let Some(entry) = self.shown {
            let source = Source::Metrics(entry.source.to_string());
            let (at, number) = (&entry.mountpoint, self.number);
            evidence.push(if self.runs() {
                let says = format!("{at} is mounted with number {number} now");
                Evidence::speaks_against(Weight::Weak, source, says)
            } else {
                let says = format!("{at} is not mounted with number {number} now");
                Evidence::speaks_for(Weight::Moderate, source, says)
            });
        }
        Finding {
            rule: META.id,
            subject: self.spot.mountpoint().to_owned(),
            severity: if self.runs() {
                Severity::Warning
            } else {
                Severity::Error
            },
            message: self.message(),
            at: self.spot.at(),
            evidence,
        }
    }

    /// What to write instead: nothing beside a name; else the name that the running system shows
    /// for the number.
    fn instead(&self) -> Option<Option<String>> {
        match self.beside {
            // Which of the two is meant is for the owner to say.
            Some(_) if self.number == TOP => None,
            Some(_) => Some(None),
            None => {
                let entry = self.shown.filter(|_| self.runs())?;
                let by_disko = matches!(self.spot.seen().mount.source, MountSource::Disko(_));
                let name = entry.subvolume()?.trim_start_matches('/');
                (!by_disko && !name.is_empty()).then(|| Some(format!("subvol={name}")))
            }
        }
    }
}

impl Rule for ExplicitSubvolid {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        all(&mounted, context.host)
            .iter()
            .map(Numbered::finding)
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = all(&mounted, context.host);
        let mut here = all.iter();
        let numbered = here.find(|n| n.spot.mountpoint() == finding.subject)?;
        let instead = numbered.instead()?;
        let text = &numbered.spot.option().text;
        let title = match &instead {
            Some(new) => format!("Write `{new}` instead of `{text}`"),
            None => format!("Leave the choice to the name, without `{text}`"),
        };
        Some(Remedy {
            title,
            actions: vec![Action::EditMountOptions {
                mounts: edits([(numbered.spot, instead)])?,
            }],
            costs: vec!["a subvolume that is renamed is no longer found".to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}
