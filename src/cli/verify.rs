//! `fix --verify`: the real Nix is asked whether the patches do what the report claims.

use std::collections::BTreeMap;

use miette::miette;
use serde_json::Value as Json;

use super::inputs::Opened;
use crate::nix::module::Change;
use crate::nix::oracle::{self, OracleError, PrivateCopy};
use crate::project::{Entry, HostName};
use crate::report::HostReport;
use crate::rewrite::Workspace;

/// Asks the real Nix about one host, before and after; says what it contradicts.
pub(super) fn contradictions(
    opened: &Opened,
    workspace: &Workspace,
    host: &HostName,
    report: &HostReport,
) -> miette::Result<Vec<String>> {
    let told = |error: OracleError| {
        miette!(
            help = "the patches are printed without --verify",
            "host {}: {error}",
            host.0
        )
    };
    let project = &opened.project;
    let discovery = project.hosts(&opened.sources);
    let entry = discovery.host(host).map(|h| h.entry());
    let (root, name) = match entry {
        Some(Entry::Flake(_)) => (project.directory.clone(), Some(host.0.as_str())),
        Some(Entry::File(path)) => (path, None),
        Some(Entry::Parts(_)) | None => {
            return Err(miette!(
                help = "the patches are printed without --verify",
                "host {}: no single file or flake makes it, so Nix cannot be asked",
                host.0
            ));
        }
    };
    let copy = PrivateCopy::of(&project.directory).map_err(told)?;
    let inside = copy.path(&root).unwrap_or_else(|| root.clone());
    let before = oracle::evaluate(&inside, name).map_err(told)?;
    for (id, text) in workspace.texts() {
        if let Some(file) = opened.sources.file(*id) {
            copy.replace(file.path(), text).map_err(told)?;
        }
    }
    let after = oracle::evaluate(&inside, name).map_err(told)?;
    let claims = composed(report);
    let mut wrong = Vec::new();
    for change in claims.values() {
        let path = change.path.join(".");
        for (what, json, claimed) in [
            ("before", &before, &change.before),
            ("after", &after, &change.after),
        ] {
            let real = at(&json["config"], &change.path);
            if real != claimed.as_ref() {
                let show = |v: Option<&Json>| v.map_or("nothing".to_owned(), Json::to_string);
                wrong.push(format!(
                    "{path} is {} {what}, and Nix says {}",
                    show(claimed.as_ref()),
                    show(real)
                ));
            }
        }
    }
    Ok(wrong)
}

/// The changes of all patches as one: the first before, the last after.
fn composed(report: &HostReport) -> BTreeMap<Vec<String>, Change> {
    let mut all: BTreeMap<Vec<String>, Change> = BTreeMap::new();
    for change in report.patches().flat_map(|r| &r.changes) {
        all.entry(change.path.clone())
            .and_modify(|known| known.after = change.after.clone())
            .or_insert_with(|| change.clone());
    }
    all
}

fn at<'j>(json: &'j Json, path: &[String]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, name| json.get(name))
}
