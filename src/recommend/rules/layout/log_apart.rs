//! Logs on a subvolume that is rolled back.

use super::held::{Held, held};
use super::kept::keep;
use super::own_place::split;
use super::rollback::{Lost, lost, persistence_is_known};
use crate::model::Host;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `layout/log-apart`
pub struct LogApart;

static META: Meta = Meta::new(
    "layout/log-apart",
    Severity::Warning,
    "Logs lie on a subvolume that is rolled back",
    include_str!("log_apart.md"),
);

const LOGS: &str = "/var/log";
const JOURNAL: &str = "/var/log/journal";

enum Case<'h> {
    /// They are gone after each boot.
    Lost(Lost<'h>),
    /// A rollback of the system to a snapshot takes them along.
    Held(Held<'h>),
}

fn case(host: &Host) -> Option<Case<'_>> {
    if !is_written_to_disk(host) {
        return None;
    }
    if let Some(lost) = lost(host, JOURNAL) {
        // Who keeps everything in memory has decided.
        let known = matches!(lost, Lost::RolledBack(_)) && persistence_is_known(host);
        return known.then_some(Case::Lost(lost));
    }
    let held = held(host, JOURNAL)?;
    let of_system = matches!(held.mount.mountpoint.as_str(), "/" | "/var");
    (of_system && held.directory == JOURNAL).then_some(Case::Held(held))
}

/// Whether journald keeps its journal on disk, as it does unless it is told otherwise.
fn is_written_to_disk(host: &Host) -> bool {
    host.settings
        .below("services.journald.")
        .all(|(_, setting)| match setting {
            Ok(setting) => {
                let text = setting.value.as_str().unwrap_or_default();
                !["volatile", "none"].iter().any(|word| text.contains(word))
            }
            Err(_) => false,
        })
}

impl Rule for LogApart {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let found = case(context.host).map(|case| match case {
            Case::Lost(lost) => Finding {
                rule: META.id,
                subject: LOGS.to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{LOGS} lies on {} at each boot: the journal of one is gone with the next, and with \
                     it what could tell why a machine went down",
                    lost.place()
                ),
                at: match &lost {
                    Lost::RolledBack(rolled) => rolled.at,
                    Lost::InMemory(_) => None,
                },
                evidence: vec![lost.evidence()],
            },
            Case::Held(held) => Finding {
                rule: META.id,
                subject: LOGS.to_owned(),
                severity: Severity::Advice,
                message: format!(
                    "{LOGS} lies on the subvolume of {}, of which {} takes snapshots: a rollback \
                     to one of them takes away the logs that tell why it was needed",
                    held.mount.mountpoint,
                    held.by()
                ),
                at: held.mount.at,
                evidence: held.evidence(),
            },
        });
        found.into_iter().collect()
    }

    fn remedy(&self, context: &Context<'_>, _: &Finding) -> Option<Remedy> {
        let host = context.host;
        let (action, cost, effect) = match case(host)? {
            Case::Lost(lost) => (
                keep(host, LOGS, "log", &lost)?,
                "logs take space on the disk, up to what journald allows itself".to_owned(),
                Effect::Correctness,
            ),
            Case::Held(held) => (
                split(host, held.filesystem, LOGS, "log")?,
                format!(
                    "snapshots of {} no longer hold {LOGS}",
                    held.mount.mountpoint
                ),
                Effect::SnapshotSpace,
            ),
        };
        Some(Remedy {
            title: format!("Keep {LOGS} apart from what is rolled back"),
            actions: vec![action],
            costs: vec![cost],
            applicability: Applicability::Consent,
            effect,
        })
    }
}
