//! Data of services on a root that is emptied at each boot.

use super::attributes::tmpfiles;
use super::databases::without_version;
use super::kept::keep;
use super::own_place::last_part;
use super::rollback::{Lost, lost, persistence_is_known};
use crate::analyze::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::storage::is_below;
use crate::nix::source::Span;
use crate::recommend::{Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity};

/// `layout/rolled-back-root`
pub struct RolledBackRoot;

static META: Meta = Meta::new(
    "layout/rolled-back-root",
    Severity::Error,
    "Data of a service lies where each boot empties it",
    include_str!("rolled_back_root.md"),
);

/// A service that keeps what cannot be made again: its name, what turns it on, the option of its
/// directory, and the default of the NixOS module.
type Service = (&'static str, &'static str, &'static str, &'static str);

/// nixpkgs nixos/modules/services/{databases,misc,web-apps,home-automation,monitoring} and
/// nixos/modules/virtualisation/libvirtd.nix.
const SERVICES: [Service; 11] = [
    (
        "PostgreSQL",
        "services.postgresql.enable",
        "services.postgresql.dataDir",
        "/var/lib/postgresql",
    ),
    (
        "MySQL",
        "services.mysql.enable",
        "services.mysql.dataDir",
        "/var/lib/mysql",
    ),
    (
        "MongoDB",
        "services.mongodb.enable",
        "services.mongodb.dbpath",
        "/var/db/mongodb",
    ),
    (
        "Forgejo",
        "services.forgejo.enable",
        "services.forgejo.stateDir",
        "/var/lib/forgejo",
    ),
    (
        "Gitea",
        "services.gitea.enable",
        "services.gitea.stateDir",
        "/var/lib/gitea",
    ),
    (
        "Nextcloud",
        "services.nextcloud.enable",
        "services.nextcloud.home",
        "/var/lib/nextcloud",
    ),
    (
        "Immich",
        "services.immich.enable",
        "services.immich.mediaLocation",
        "/var/lib/immich",
    ),
    (
        "Paperless",
        "services.paperless.enable",
        "services.paperless.dataDir",
        "/var/lib/paperless",
    ),
    (
        "Home Assistant",
        "services.home-assistant.enable",
        "services.home-assistant.configDir",
        "/var/lib/hass",
    ),
    (
        "Jellyfin",
        "services.jellyfin.enable",
        "services.jellyfin.dataDir",
        "/var/lib/jellyfin",
    ),
    (
        "libvirt",
        "virtualisation.libvirtd.enable",
        "",
        "/var/lib/libvirt",
    ),
];

struct Case<'h> {
    /// What keeps data there; `None` where only an attribute is set.
    service: Option<&'static str>,
    directory: String,
    lost: Lost<'h>,
    at: Option<Span>,
}

fn cases(host: &Host) -> Vec<Case<'_>> {
    if !persistence_is_known(host) {
        return Vec::new();
    }
    let settings = &host.settings;
    let mut found: Vec<Case<'_>> = Vec::new();
    for (name, enable, option, default) in SERVICES {
        let Some(enabled) = settings.known(enable).filter(|s| s.value == true) else {
            continue;
        };
        let directory = match settings.get(option) {
            Some(Ok(setting)) => setting.value.as_str().unwrap_or_default(),
            Some(Err(_)) => continue,
            None => default,
        };
        let directory = without_version(directory);
        if is_link(host, directory) || is_kept_below(host, directory) {
            continue;
        }
        if let Some(lost) = lost(host, directory) {
            found.push(Case {
                service: Some(name),
                directory: directory.to_owned(),
                lost,
                at: enabled.at,
            });
        }
    }
    for rule in tmpfiles(host).filter(|rule| rule.sets_nocow()) {
        let path = rule.path.trim_end_matches('/').to_owned();
        let told = found.iter().any(|f| is_below(&path, &f.directory));
        if told || path.is_empty() || path.contains(['*', '?', '[', '%', '\\']) {
            continue;
        }
        if let Some(lost) = lost(host, &path) {
            found.push(Case {
                service: None,
                directory: path,
                lost,
                at: rule.at,
            });
        }
    }
    found
}

/// Whether tmpfiles makes a path, or one above it, a link to another place.
fn is_link(host: &Host, path: &str) -> bool {
    tmpfiles(host).any(|rule| rule.kind.starts_with('L') && is_below(path, &rule.path))
}

/// Whether something below a directory is kept: its owner chose what.
fn is_kept_below(host: &Host, directory: &str) -> bool {
    let storage = &host.storage;
    let mounts = storage.filesystems.iter().flat_map(|f| &f.mounts);
    let mounts = mounts.map(|m| m.mountpoint.as_str());
    let binds = storage.binds.iter().map(|bind| bind.at.as_str());
    let others = storage.others.iter().map(String::as_str);
    let mut all = mounts.chain(binds).chain(others);
    all.any(|at| at != "/" && is_below(at, directory))
}

impl Rule for RolledBackRoot {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        // A module that is not read may keep it.
        let severity = match host.skipped.is_empty() {
            true => Severity::Error,
            false => Severity::Warning,
        };
        let finding = |case: Case<'_>| {
            let Case {
                directory, lost, ..
            } = &case;
            let place = lost.place();
            let (severity, message, says) = match case.service {
                Some(name) => (
                    severity,
                    format!(
                        "{name} keeps its data at {directory}, which lies on {place} at each boot, \
                         and nothing keeps it: the data is gone after the next boot"
                    ),
                    format!("{name} is turned on, and keeps its data at {directory}"),
                ),
                None => (
                    Severity::Advice,
                    format!(
                        "tmpfiles sets +C on {directory}, which lies on {place} at each boot: \
                         files that are worth an attribute are gone after it"
                    ),
                    format!("tmpfiles sets +C on {directory}"),
                ),
            };
            Finding {
                rule: META.id,
                subject: directory.clone(),
                severity,
                message,
                at: case.at,
                evidence: vec![
                    lost.evidence(),
                    Evidence::speaks_for(Weight::Strong, Source::Configuration(case.at), says),
                ],
            }
        };
        cases(host).into_iter().map(finding).collect()
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let host = context.host;
        let case = cases(host)
            .into_iter()
            .find(|case| case.directory == finding.subject)?;
        case.service?;
        let directory = &case.directory;
        Some(Remedy {
            title: format!("Keep {directory} through boots"),
            actions: vec![keep(host, directory, last_part(directory), &case.lost)?],
            costs: vec![
                "what is there now is moved first, with the service stopped: a boot, or a switch \
                 that mounts the new place over it, hides or deletes it"
                    .to_owned(),
            ],
            applicability: Applicability::Consent,
            effect: Effect::Correctness,
        })
    }
}
