//! A database whose files are copied on write, where that is what slows it.

use super::databases::{Database, databases};
use super::own_place::{last_part, split};
use super::placed::{Placed, against, complaint, placed, reads_in_order, rotates};
use crate::analyze::{Cause, Evidence, Weight, WorkloadKind};
use crate::recommend::{
    Action, Applicability, Context, DirectoryAttribute, Effect, Finding, Meta, Remedy, Rule,
    Severity,
};

/// `layout/database-on-cow`
pub struct DatabaseOnCow;

static META: Meta = Meta {
    relieves: &[Cause::CowFragmentationDatabase],
    ..Meta::new(
        "layout/database-on-cow",
        Severity::Advice,
        "A database that is read through lies on a copy-on-write subvolume",
        include_str!("database_on_cow.md"),
    )
};

/// A database that is copied on write, and should not be.
struct Case<'a> {
    database: Database,
    placed: Placed<'a>,
    evidence: Vec<Evidence>,
}

/// The databases of a host for which that holds.
fn cases<'a>(context: &Context<'a>) -> Vec<Case<'a>> {
    databases(context.host)
        .into_iter()
        .filter_map(|database| case(context, database))
        .collect()
}

fn case<'a>(context: &Context<'a>, database: Database) -> Option<Case<'a>> {
    let host = context.host;
    let placed = placed(host, &database.directory)?;
    let complaint = complaint(context, WorkloadKind::Database, &database.directory);
    let rotates = rotates(host, placed.filesystem);
    let mut evidence: Vec<Evidence> = complaint.into_iter().chain(rotates).collect();
    if evidence.is_empty() {
        return None;
    }
    evidence.push(reads_in_order());
    evidence.push(against(
        Weight::Weak,
        "commits gain little: PostgreSQL took 0.88 to 1.06 of the time with +C",
    ));
    if !placed.snapshots.is_empty() {
        evidence.push(against(
            Weight::Strong,
            "frequent snapshots cancel +C: after each, every block is copied once more",
        ));
    }
    Some(Case {
        database,
        placed,
        evidence,
    })
}

impl Case<'_> {
    fn message(&self) -> String {
        let Case {
            database, placed, ..
        } = self;
        let mut message = format!(
            "{} keeps its data at {}, on the copy-on-write subvolume of {}: files that are \
             rewritten at random fall into pieces, and reading through them gets slow",
            database.name, database.directory, placed.mount.mountpoint
        );
        if !placed.snapshots.is_empty() {
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
            evidence: case
                .evidence
                .into_iter()
                .chain(case.placed.snapshots)
                .collect(),
        };
        cases(context).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let Case {
            database, placed, ..
        } = cases(context)
            .into_iter()
            .find(|c| c.database.directory == finding.subject)?;
        let directory = database.directory;
        if !placed.snapshots.is_empty() {
            return None;
        }
        let name = last_part(&directory);
        let mut actions = vec![split(context.host, placed.filesystem, &directory, name)?];
        if placed.mount.mountpoint == directory {
            actions.clear();
        }
        actions.push(Action::SetDirectoryAttribute {
            directory: directory.clone(),
            attribute: DirectoryAttribute::NoCow,
        });
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
