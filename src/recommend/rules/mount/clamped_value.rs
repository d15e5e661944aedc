//! Values that the kernel takes and turns into other ones.

use super::spots::{Said, Spot, said};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Aspect, KernelVersion, Target, Verdict, verdict};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/clamped-value`
pub struct ClampedValue;

static META: Meta = Meta {
    yields_to: &["mount/compression-level"],
    ..Meta::new(
        "mount/clamped-value",
        Severity::Warning,
        "A mount option has a value that the kernel silently turns into another one",
        include_str!("clamped_value.md"),
    )
};

/// Negative levels of compression are read since this release.
const SIGNED_LEVELS: KernelVersion = KernelVersion::new(6, 15, 0);

/// What the kernel makes of a value.
struct Made {
    /// The whole option as it is in force.
    of: String,
    why: String,
    /// A newer kernel does what is written.
    later: bool,
}

fn made(spot: &Spot<'_>) -> Option<Made> {
    let option = spot.option();
    let value = option.value.as_deref()?;
    let target = spot.mounted.target;
    let compression = spot.mounted.aspect(option) == Some(Aspect::Compression);
    match verdict(option, &target) {
        Verdict::Clamped { to, reason } => Some(Made {
            of: to,
            why: reason,
            later: false,
        }),
        Verdict::Warned { effective, warning } if compression => {
            let of = effective.filter(|of| *of != option.text)?;
            let negative = value
                .split_once(':')
                .is_some_and(|(_, level)| level.starts_with('-'));
            let before = matches!(target, Target::Known(kernel) if kernel < SIGNED_LEVELS);
            // What is not the same on every kernel is not said while the kernel is not known.
            let told = value.starts_with("lzo") || negative && before;
            told.then_some(Made {
                of,
                why: warning,
                later: !value.starts_with("lzo"),
            })
        }
        _ => None,
    }
}

fn finding(said: &Said<'_, Made>) -> Finding {
    let Made { of, why, later } = &said.what;
    let more = match later {
        true => ". A kernel since 6.15 does what is written: it is right once that one runs",
        false => "",
    };
    let message = format!(
        "`{}` on {} is in force as `{of}`, and nothing says so ({why}){more}",
        said.text,
        said.places(),
    );
    let knowledge = Evidence::speaks_for(
        Weight::Strong,
        Source::Knowledge("src/btrfs/data/kernel_versions.tsv: each string mounted".to_owned()),
        format!("`{}` is taken, and shown as `{of}`", said.text),
    );
    let severity = match later {
        true => Severity::Advice,
        false => Severity::Warning,
    };
    said.finding(&META, severity, message, vec![knowledge])
}

impl Rule for ClampedValue {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        said(&mounted, made).iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, made);
        let said = all.iter().find(|said| said.text == finding.subject)?;
        // What a newer kernel will do is for the owner to wait for or to give up.
        if said.what.later {
            return None;
        }
        Some(Remedy {
            title: format!("Write `{}`, which is in force", said.what.of),
            actions: vec![Action::EditMountOptions {
                mounts: said.edits(|_| Some(said.what.of.clone()))?,
            }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
