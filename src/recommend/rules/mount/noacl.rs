//! Filesystems whose access control lists are switched off.

use super::spots::{Said, Spot, said};
use super::view::Mounted;
use crate::analyze::{Evidence, Source, Weight};
use crate::model::{Host, Setting};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/noacl`
pub struct NoAcl;

static META: Meta = Meta::new(
    "mount/noacl",
    Severity::Warning,
    "Access control lists are switched off where something sets them",
    include_str!("noacl.md"),
);

const JOURNAL: &str = "/var/log/journal";

fn switched_off(spot: &Spot<'_>) -> Option<()> {
    (spot.option().name == "noacl").then_some(())
}

/// Whether a path lies on the filesystem of one of these spots.
fn is_on(host: &Host, said: &Said<'_, ()>, path: &str) -> bool {
    let holding = host.storage.holding(path);
    holding.is_some_and(|(filesystem, _)| {
        let here = |spot: &Spot<'_>| std::ptr::eq(spot.mounted.filesystem, filesystem);
        said.spots.iter().any(here)
    })
}

/// Whether the journal is known to lie in memory, or nowhere.
fn keeps_no_journal(host: &Host) -> bool {
    let storage = host.settings.text("services.journald.storage");
    matches!(storage, Some("volatile" | "none"))
}

/// The paths for which a rule of tmpfiles sets an access control list.
fn listed_by_tmpfiles(setting: &Setting) -> Vec<&str> {
    let lines = setting.value.as_array().into_iter().flatten();
    let path = |line: &str| -> Option<usize> {
        let mut words = line.split_whitespace();
        let sets = words
            .next()?
            .trim_end_matches(['+', '!', '-', '=', '~', '^', '$', '?']);
        matches!(sets, "a" | "A").then_some(1)
    };
    let lines = lines.filter_map(|line| line.as_str());
    lines
        .filter_map(|line| line.split_whitespace().nth(path(line)?))
        .collect()
}

/// What sets access control lists on the filesystem.
fn users(host: &Host, said: &Said<'_, ()>) -> Vec<Evidence> {
    let mut users = Vec::new();
    if !keeps_no_journal(host) && is_on(host, said, JOURNAL) {
        users.push(Evidence::speaks_for(
            Weight::Moderate,
            Source::Knowledge(
                "https://www.freedesktop.org/software/systemd/man/latest/\
                 systemd-journald.service.html, Access Control"
                    .to_owned(),
            ),
            "journald gives users read access to their own journals in /var/log/journal by access \
             control lists",
        ));
    }
    if let Some(setting) = host.settings.known("systemd.tmpfiles.rules") {
        for path in listed_by_tmpfiles(setting) {
            if is_on(host, said, path) {
                users.push(Evidence::speaks_for(
                    Weight::Strong,
                    Source::Configuration(setting.at),
                    format!("systemd.tmpfiles.rules sets an access control list on {path}"),
                ));
            }
        }
    }
    users
}

fn finding(host: &Host, said: &Said<'_, ()>) -> Option<Finding> {
    let mut evidence = users(host, said);
    // Where nothing is known to set any, it is a matter of taste.
    if evidence.is_empty() {
        return None;
    }
    let what: Vec<&str> = evidence.iter().map(|e| e.statement.as_str()).collect();
    let message = format!(
        "`{}` on {} switches access control lists off on the whole filesystem, and makes nothing \
         faster; but {}",
        said.text,
        said.places(),
        what.join("; ")
    );
    evidence.push(Evidence::speaks_for(
        Weight::Strong,
        Source::Knowledge(
            "measured on 6.18.44: a list set, and read by the one it names".to_owned(),
        ),
        "with noacl setting a list fails with `Operation not supported`, and those that are there \
         do not count",
    ));
    Some(said.finding(&META, Severity::Warning, message, evidence))
}

impl Rule for NoAcl {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, switched_off);
        all.iter()
            .filter_map(|said| finding(context.host, said))
            .collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let all = said(&mounted, switched_off);
        let said = all.iter().find(|said| said.text == finding.subject)?;
        Some(Remedy {
            title: "Remove `noacl`".to_owned(),
            actions: vec![Action::EditMountOptions {
                mounts: said.edits(|_| None)?,
            }],
            costs: vec!["access control lists that files carry from before count again".to_owned()],
            applicability: Applicability::Safe,
            effect: Effect::Correctness,
        })
    }
}
