//! The Nix store on a subvolume that is snapshotted or rolled back.

use super::held::{Held, held};
use super::rollback::{Lost, RolledBack, lost, persistence_is_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::storage::is_below;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `layout/nix-store-apart`
pub struct NixStoreApart;

static META: Meta = Meta::new(
    "layout/nix-store-apart",
    Severity::Error,
    "The Nix store lies on a subvolume that is snapshotted or rolled back",
    include_str!("nix_store_apart.md"),
);

const STORE: &str = "/nix/store";

enum Case<'h> {
    /// Snapshots hold what garbage collection deletes.
    Held(Held<'h>),
    /// It is gone after a boot.
    Lost(RolledBack<'h>),
}

fn case(host: &Host) -> Option<Case<'_>> {
    if let Some(Lost::RolledBack(rolled)) = lost(host, STORE) {
        // A file by itself does not tell what another one mounts.
        let sure = persistence_is_known(host) && host.skipped.is_empty();
        return sure.then_some(Case::Lost(rolled));
    }
    let held = held(host, STORE)?;
    (!is_below(&held.mount.mountpoint, "/nix")).then_some(Case::Held(held))
}

impl Rule for NixStoreApart {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let found = case(context.host).map(|case| match case {
            Case::Held(held) => {
                let at = &held.mount.mountpoint;
                let mut evidence = held.evidence();
                if let Some(setting) = context.host.settings.known("nix.gc.automatic")
                    && setting.value == true
                {
                    evidence.push(Evidence::speaks_for(
                        Weight::Moderate,
                        Source::Configuration(setting.at),
                        "nix.gc.automatic deletes store paths that the snapshots keep",
                    ));
                }
                Finding {
                    rule: META.id,
                    subject: STORE.to_owned(),
                    severity: Severity::Warning,
                    message: format!(
                        "{STORE} lies on the subvolume of {at}, of which {} takes snapshots: each \
                         of them keeps all store paths of its time, so garbage collection frees \
                         nothing until the last one that holds a path is gone. Make /nix a \
                         subvolume of its own, from a rescue system: a running one cannot do \
                         without it",
                        held.by()
                    ),
                    at: held.mount.at,
                    evidence,
                }
            }
            Case::Lost(rolled) => Finding {
                rule: META.id,
                subject: STORE.to_owned(),
                severity: Severity::Error,
                message: format!(
                    "{STORE} lies on {}, which {} replaces at each boot: the system that is to be \
                     started is gone then. Make /nix a subvolume of its own, from a rescue system",
                    rolled.mount.mountpoint, rolled.option
                ),
                at: rolled.at,
                evidence: vec![rolled.evidence()],
            },
        });
        found.into_iter().collect()
    }

    /// None: the commands that move a directory need nothing to use it meanwhile, and the running
    /// system lives in this one.
    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
