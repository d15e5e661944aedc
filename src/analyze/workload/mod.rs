//! What the machine does, and on which paths.

mod services;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use self::services::{SERVICES, Service};
use super::evidence::{Evidence, Source, Weight};
use super::facts;
use crate::model::observation::WorkloadHint;
use crate::model::{Host, Reading, Setting};

/// A kind of work, as design words have it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// Compiling.
    Build,
    /// Databases with small synchronous writes.
    Database,
    /// Container images and volumes.
    Container,
    /// Virtual machine images.
    Vm,
    /// Interactive use.
    Desktop,
    /// Serving files.
    Nas,
    /// Receiving or making backups.
    Backup,
    /// Filling and cleaning the Nix store.
    NixStore,
    /// Mail spools.
    Mail,
    /// Games.
    Game,
}

impl WorkloadKind {
    /// All of them, in their order.
    pub const ALL: [WorkloadKind; 10] = [
        Self::Build,
        Self::Database,
        Self::Container,
        Self::Vm,
        Self::Desktop,
        Self::Nas,
        Self::Backup,
        Self::NixStore,
        Self::Mail,
        Self::Game,
    ];
}

impl From<WorkloadHint> for WorkloadKind {
    fn from(hint: WorkloadHint) -> Self {
        match hint {
            WorkloadHint::Build | WorkloadHint::Ide => Self::Build,
            WorkloadHint::Database | WorkloadHint::Logs => Self::Database,
            WorkloadHint::Container => Self::Container,
            WorkloadHint::Vm => Self::Vm,
            WorkloadHint::Desktop => Self::Desktop,
            WorkloadHint::Nas | WorkloadHint::Torrent => Self::Nas,
            WorkloadHint::Backup | WorkloadHint::Snapshots => Self::Backup,
            WorkloadHint::NixStore => Self::NixStore,
            WorkloadHint::Mail => Self::Mail,
            WorkloadHint::Game => Self::Game,
        }
    }
}

/// One kind of work on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Which.
    pub kind: WorkloadKind,
    /// The paths it works on, the main one first.
    pub paths: Vec<String>,
    /// Why it is believed.
    pub evidence: Vec<Evidence>,
    /// People say that it is slow.
    pub complained_about: bool,
}

impl Workload {
    fn new(kind: WorkloadKind) -> Self {
        Workload {
            kind,
            paths: Vec::new(),
            evidence: Vec::new(),
            complained_about: false,
        }
    }

    fn add_path(&mut self, host: &Host, path: &str) {
        let path = facts::real_path(host, path.trim());
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }
}

/// The options of NixOS that tell what a machine does; `*` stands for any one name.
pub fn options_looked_at() -> impl Iterator<Item = &'static str> {
    SERVICES
        .iter()
        .flat_map(|service| std::iter::once(service.option).chain(service.paths.iter().copied()))
}

/// The workloads of a host, in the order of their kinds.
pub fn identify(host: &Host) -> Vec<Workload> {
    let mut workloads = WorkloadKind::ALL.map(Workload::new);
    for workload in &mut workloads {
        // What people name comes first: it is what they wait for.
        from_observations(host, workload);
        let kind = workload.kind;
        for service in SERVICES.iter().filter(|s| s.kind == kind) {
            from_service(host, service, workload);
        }
    }
    workloads
        .into_iter()
        .filter(|w| !w.evidence.is_empty())
        .collect()
}

fn from_observations(host: &Host, workload: &mut Workload) {
    let hinted = |hint: &WorkloadHint| WorkloadKind::from(*hint) == workload.kind;
    let observations: Vec<_> = host
        .observations
        .iter()
        .filter(|o| o.workloads.iter().any(hinted))
        .collect();
    for observation in observations {
        workload.complained_about |= facts::complains(observation);
        workload.evidence.push(Evidence::speaks_for(
            Weight::Strong,
            Source::Observation(observation.source.clone()),
            format!("people say: {}", first_words(&observation.text)),
        ));
        for path in &observation.paths {
            workload.add_path(host, path);
        }
    }
}

/// The beginning of a text, to quote it.
pub(in crate::analyze) fn first_words(text: &str) -> String {
    const LONGEST: usize = 96;
    let sentence = text.split(';').next().unwrap_or(text).trim();
    match sentence.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("“{} …”", sentence[..end].trim_end()),
        None => format!("“{sentence}”"),
    }
}

fn from_service(host: &Host, service: &Service, workload: &mut Workload) {
    let Some((option, setting)) = matching(host, service.option)
        .into_iter()
        .find(|(_, s)| is_on(&s.value))
    else {
        return;
    };
    let mut paths: Vec<String> = service
        .paths
        .iter()
        .flat_map(|pattern| matching(host, pattern))
        .flat_map(|(_, setting)| absolute_paths(&setting.value))
        .collect();
    if paths.is_empty() {
        paths.extend(service.default.map(str::to_owned));
    }
    let mut statement = format!("`{option}` is set");
    if let Some(path) = paths.first() {
        let real = facts::real_path(host, path);
        statement.push_str(&format!("; it works on {path}"));
        if let Some((filesystem, mount)) = host.storage.holding(&real) {
            let name = filesystem.name();
            statement.push_str(&format!(", on the mount {} of {name}", mount.mountpoint));
        }
    }
    let source = Source::Configuration(setting.at);
    workload
        .evidence
        .push(Evidence::speaks_for(service.weight, source, statement));
    for path in paths {
        workload.add_path(host, &path);
    }
}

fn is_on(value: &Json) -> bool {
    match value {
        Json::Bool(on) => *on,
        Json::Null => false,
        Json::Array(list) => !list.is_empty(),
        Json::Object(set) => !set.is_empty(),
        Json::Number(_) | Json::String(_) => true,
    }
}

/// The options that tell what a machine does, and where its data lies: all that are known of it.
pub fn watched(host: &Host) -> Vec<(&str, &Reading<Setting>)> {
    let patterns = SERVICES
        .iter()
        .flat_map(|s| std::iter::once(&s.option).chain(s.paths));
    let mut found: Vec<_> = patterns.flat_map(|p| readings(host, p)).collect();
    found.sort_by_key(|(path, _)| *path);
    found.dedup_by_key(|(path, _)| *path);
    found
}

/// The options that fit a pattern in which `*` stands for one name.
fn readings<'h>(host: &'h Host, pattern: &str) -> Vec<(&'h str, &'h Reading<Setting>)> {
    let options = host.settings.iter();
    let Some((before, after)) = pattern.split_once('*') else {
        return options.filter(|(option, _)| *option == pattern).collect();
    };
    let fits = |option: &str| {
        let middle = option
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        middle.is_some_and(|name| !name.is_empty() && !name.contains('.'))
    };
    options.filter(|(option, _)| fits(option)).collect()
}

/// The known options that fit a pattern in which `*` stands for one name.
fn matching<'h>(host: &'h Host, pattern: &str) -> Vec<(&'h str, &'h Setting)> {
    readings(host, pattern)
        .into_iter()
        .filter_map(|(option, value)| Some((option, value.as_ref().ok()?)))
        .collect()
}

/// The absolute paths in a value: itself, its elements, or the words of a text.
fn absolute_paths(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) if !text.contains('\n') && text.starts_with('/') => vec![text.clone()],
        Json::String(text) => {
            let words = text
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            words
                .filter(|word| word.starts_with('/'))
                .map(str::to_owned)
                .collect()
        }
        Json::Array(list) => list.iter().flat_map(absolute_paths).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_found_in_strings_lists_and_exports() {
        assert_eq!(absolute_paths(&json!("/srv/a b")), ["/srv/a b"]);
        assert_eq!(
            absolute_paths(&json!(["/home", "relative", "/etc"])),
            ["/home", "/etc"]
        );
        let exports = "/srv/media 192.168.30.0/24(ro)\n# no\n/srv/photos *(rw)\n";
        assert_eq!(
            absolute_paths(&json!(exports)),
            ["/srv/media", "/srv/photos"]
        );
        assert!(absolute_paths(&json!(true)).is_empty());
    }

    #[test]
    fn every_row_names_an_option_and_absolute_defaults() {
        for service in SERVICES {
            assert!(service.option.contains('.'), "{}", service.option);
            assert!(service.default.is_none_or(|path| path.starts_with('/')));
        }
    }
}
