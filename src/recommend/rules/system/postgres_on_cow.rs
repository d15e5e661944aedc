//! Settings of PostgreSQL that do not go with where its data lies.

use crate::analyze::Cause;
use serde_json::Value as Json;

use super::option;
use super::postgres::{Case, cases, path};
use crate::recommend::{Action, Applicability, Context, Finding, Meta, Remedy, Rule, Severity};

/// `system/postgres-on-cow`
pub struct PostgresOnCow;

static META: Meta = Meta {
    relieves: &[Cause::CowFragmentationDatabase, Cause::FsyncHeavy],
    ..Meta::new(
        "system/postgres-on-cow",
        Severity::Error,
        "PostgreSQL is told that its filesystem does what btrfs does not, or not told what it does",
        include_str!("postgres_on_cow.md"),
    )
};

impl Rule for PostgresOnCow {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case| Finding {
            rule: META.id,
            subject: path(case.key),
            severity: case.severity,
            message: case.message,
            at: case.at,
            evidence: case.evidence,
        };
        cases(context).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mut cases = cases(context).into_iter();
        let case = cases.find(|case| path(case.key) == finding.subject)?;
        let named: Vec<String> = case
            .sets
            .iter()
            .map(|(k, v)| format!("{k} = {v}"))
            .collect();
        let set = |(key, value): &(&str, bool)| Action::SetNixosOption {
            path: option(&path(key)),
            value: Json::Bool(*value),
        };
        (!case.sets.is_empty()).then(|| Remedy {
            title: format!("Set {} for PostgreSQL", named.join(" and ")),
            actions: case.sets.iter().map(set).collect(),
            costs: vec![case.cost.to_owned()],
            applicability: Applicability::Safe,
            effect: case.effect,
        })
    }
}
