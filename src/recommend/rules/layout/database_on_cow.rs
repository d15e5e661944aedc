//! A database whose files are copied on write, where that is what slows it.

use super::placed::{Case, cases};
use crate::model::StorageSource;
use crate::recommend::{
    Action, Applicability, Context, DirectoryAttribute, Effect, Finding, Meta, Remedy, Rule,
    Severity,
};

/// `layout/database-on-cow`
pub struct DatabaseOnCow;

static META: Meta = Meta::new(
    "layout/database-on-cow",
    Severity::Advice,
    "A database that is read through lies on a copy-on-write subvolume",
    include_str!("database_on_cow.md"),
);

impl Case<'_> {
    fn message(&self) -> String {
        let Case {
            database, mount, ..
        } = self;
        let mut message = format!(
            "{} keeps its data at {}, on the copy-on-write subvolume of {}: files that are \
             rewritten at random fall into pieces, and reading through them gets slow",
            database.name, database.directory, mount.mountpoint
        );
        if !self.snapshots.is_empty() {
            message.push_str(
                ". Snapshots are taken of that subvolume, and they would undo the attribute: no \
                 change is proposed",
            );
        }
        message
    }
}

impl Rule for DatabaseOnCow {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let finding = |case: Case<'_>| Finding {
            rule: META.id,
            subject: case.database.directory.clone(),
            severity: Severity::Advice,
            message: case.message(),
            at: case.database.at,
            evidence: case.evidence.into_iter().chain(case.snapshots).collect(),
        };
        cases(context).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let case = cases(context)
            .into_iter()
            .find(|c| c.database.directory == finding.subject)?;
        let directory = case.database.directory.clone();
        let StorageSource::Disko(path) = &case.filesystem.source else {
            return None;
        };
        if !case.snapshots.is_empty() {
            return None;
        }
        let nocow = Action::SetDirectoryAttribute {
            directory: directory.clone(),
            attribute: DirectoryAttribute::NoCow,
        };
        let has_own = case.mount.mountpoint == directory;
        let mut actions = Vec::new();
        if !has_own {
            actions.push(Action::SplitSubvolume {
                filesystem: path.clone(),
                name: case.subvolume(),
                mountpoint: directory.clone(),
                options: case.options(context.host)?,
            });
        }
        actions.push(nocow);
        Some(Remedy {
            title: format!("Give {directory} a subvolume of its own that is not copied on write"),
            actions,
            costs: vec![
                "the data has no checksums: silent corruption is not found, and on raid1 a bad \
                 copy is not repaired"
                    .to_owned(),
                "the data is not compressed".to_owned(),
                "random overwrites without fsync take 1.5 to 2.9 times as long (measured)"
                    .to_owned(),
                "snapshots of the old place no longer hold the database".to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::NoCow,
        })
    }
}
