//! Subvolumes that lie within another one's tree.

use super::initrd_scripts::InitrdScripts;
use super::nested::{Case, Harm, cases, within};
use crate::analyze::{Evidence, Source, Weight};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `layout/nested-subvolumes`
pub struct NestedSubvolumes;

static META: Meta = Meta {
    after: &["layout/same-mountpoint-twice"],
    ..Meta::new(
        "layout/nested-subvolumes",
        Severity::Error,
        "A subvolume lies within another that is rolled back or snapshotted",
        include_str!("nested_subvolumes.md"),
    )
};

const MEASURED: &str = "measured by this project on 6.18.44";

impl Case<'_> {
    fn subject(&self) -> String {
        format!("{} of {}", self.inner.name, self.filesystem.name())
    }

    fn finding(self) -> Finding {
        let (inner, outer) = (&self.inner.name, &self.outer.name);
        let subject = self.subject();
        let known = |text: &str| {
            let source = Source::Knowledge(MEASURED.to_owned());
            Evidence::speaks_for(Weight::Strong, source, text)
        };
        let (severity, message, evidence) = match self.harm {
            Harm::RolledBack(evidence) => (
                Severity::Error,
                format!(
                    "The subvolume {inner} lies within {outer}, which the initrd replaces at every \
                     boot: it goes where the old {outer} goes, or is deleted with it, and a mount of \
                     {inner} fails"
                ),
                vec![
                    evidence,
                    known(
                        "a subvolume that holds another cannot be deleted (\"Directory not empty\"); \
                         once it is moved away, the inner one is no longer found by its name",
                    ),
                ],
            ),
            Harm::LeftOut(evidence) => (
                Severity::Warning,
                format!(
                    "The subvolume {inner} lies within {outer} and is not mounted by itself: \
                     snapshots of {outer} hold an empty directory in its place. What lies in it is in \
                     no snapshot; take snapshots of it too, or leave it a directory"
                ),
                vec![
                    evidence,
                    known("in a snapshot of a subvolume, each one within it is an empty directory"),
                ],
            ),
        };
        Finding {
            rule: META.id,
            subject,
            severity,
            message,
            at: self.inner.at,
            evidence,
        }
    }

    /// A name at the top level, in the style of the old one.
    fn name_at_top(&self) -> Option<String> {
        let slash = if self.inner.name.starts_with('/') {
            "/"
        } else {
            ""
        };
        let parts: Vec<&str> = within(&self.inner.name).split('/').collect();
        let is_free = |name: &String| {
            let mut all = self.filesystem.subvolumes.iter();
            !all.any(|s| within(&s.name) == within(name))
        };
        [
            parts.last().copied().map(str::to_owned),
            Some(parts.join("-")),
        ]
        .into_iter()
        .flatten()
        .map(|name| format!("{slash}{name}"))
        .find(is_free)
    }
}

impl Rule for NestedSubvolumes {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        cases(context.host).into_iter().map(Case::finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let cases = cases(context.host);
        let case = cases.iter().find(|c| c.subject() == finding.subject)?;
        // What is not mounted by itself would vanish from where it is seen.
        let mounted = case.inner.mountpoint.as_ref().ok()?.as_deref()?;
        let Harm::RolledBack(_) = case.harm else {
            return None;
        };
        // Whatever else names it would look for it in vain.
        let host = context.host;
        let named = format!(".subvolume.{}", within(&case.inner.name));
        let elsewhere = host
            .settings
            .below("services.btrbk.")
            .any(|(path, _)| path.contains(&named));
        if elsewhere || InitrdScripts::of(host).mentions(&case.inner.name) {
            return None;
        }
        let name = case.name_at_top()?;
        Some(Remedy {
            title: format!(
                "Move the subvolume {} out of {}",
                case.inner.name, case.outer.name
            ),
            actions: vec![Action::RenameSubvolume {
                subvolume: case.inner.path.clone(),
                name,
            }],
            costs: vec![format!(
                "older generations in the boot menu look for {mounted} under the old name"
            )],
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}
