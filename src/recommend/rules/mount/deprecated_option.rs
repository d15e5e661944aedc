//! Options that today's kernels still take, and that are on their way out.

use super::fault::{Owner, findings, remedy};
use super::spots::{Said, Spot, said};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/deprecated-option`
pub struct DeprecatedOption;

static META: Meta = Meta::new(
    "mount/deprecated-option",
    Severity::Warning,
    "A mount option is deprecated: it does nothing any more, or a later kernel refuses it",
    include_str!("deprecated_option.md"),
);

/// Options that every kernel since 6.1 takes without doing anything: the name, and why.
const IDLE: [(&str, &str); 1] = [(
    "mand",
    "mandatory locks were taken out of the kernel in 5.15: the option is deprecated and ignored",
)];

fn idle(spot: &Spot<'_>) -> Option<&'static str> {
    let option = spot.option();
    let known = IDLE.iter().find(|(name, _)| *name == option.name);
    known.map(|(_, why)| *why)
}

fn finding(said: &Said<'_, &'static str>) -> Finding {
    let knowledge = Evidence::speaks_for(
        Weight::Strong,
        Source::Knowledge("mount(8), and the warning in the kernel's fs/namespace.c".to_owned()),
        said.what,
    );
    let message = format!(
        "`{}` on {} does nothing: {}",
        said.text,
        said.places(),
        said.what
    );
    said.finding(&META, Severity::Warning, message, vec![knowledge])
}

impl Rule for DeprecatedOption {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mut all = findings(&META, Owner::DeprecatedOption, context);
        let mounted = Mounted::all(context.host);
        all.extend(said(&mounted, idle).iter().map(finding));
        all
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, idle);
        let Some(one) = all.iter().find(|said| said.text == finding.subject) else {
            return remedy(Owner::DeprecatedOption, context, finding);
        };
        Some(Remedy {
            title: format!("Remove `{}`", one.text),
            actions: vec![Action::EditMountOptions {
                mounts: one.edits(|_| None)?,
            }],
            costs: Vec::new(),
            applicability: Applicability::Safe,
            effect: Effect::Clarity,
        })
    }
}
