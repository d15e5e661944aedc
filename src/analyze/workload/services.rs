//! What the configuration says a machine does. The table is `data/services.toml`: to know another
//! service, add a row.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value as Json;

use super::Workload;
use super::kind::{Engine, WorkloadKind};
use super::nspawn::Inside;
use crate::analyze::evidence::{Evidence, Source, Weight};
use crate::model::{Host, Reading, Setting};

/// A service, by the option that turns it on. Rows have unique pairs of option, kind and engine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// The option; `*` stands for any one name. It counts where it is `true`, a number, a text, or a
    /// list or set with something in it.
    pub(super) option: String,
    /// The work it does.
    pub(super) kind: WorkloadKind,
    /// What reads and writes.
    #[serde(default)]
    pub(super) engine: Option<Engine>,
    /// How much it says about the work.
    pub(super) weight: Weight,
    /// Options that hold its paths, or text in which absolute paths stand; `*` stands for the name
    /// that it stands for in the option, if there is one.
    #[serde(default)]
    pub(super) paths: Vec<String>,
    /// What a path in them that is not absolute lies below.
    #[serde(default)]
    pub(super) within: Option<String>,
    /// Where NixOS keeps its data unless told otherwise; `*` as above.
    #[serde(default)]
    pub(super) default: Option<String>,
    /// The same where the name is empty.
    #[serde(default)]
    pub(super) unnamed: Option<String>,
    /// The same on machines that were first installed with an older release.
    #[serde(default)]
    pub(super) older: Option<Older>,
    /// Whether it runs with `DynamicUser`, which puts `/var/lib/x` into `/var/lib/private/x`.
    #[serde(default)]
    pub(super) dynamic: bool,
    /// Sets of options whose names are paths; `*` as above.
    #[serde(default)]
    pub(super) names: Vec<String>,
    /// Whether its options hold text, of which each line begins with a path.
    #[serde(default)]
    pub(super) lines: bool,
    /// What else must hold.
    #[serde(default)]
    pub(super) given: Vec<Given>,
    /// The module that says so: a file below `nixos/modules` of nixpkgs, or an address.
    #[serde(default)]
    #[cfg_attr(not(test), allow(dead_code, reason = "for those who edit the table"))]
    pub(super) source: String,
}

/// Another default, by `system.stateVersion`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Older {
    /// The first release that it does not hold for.
    pub(super) before: String,
    /// The default until then.
    pub(super) default: String,
}

/// A value that another option must have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// The option.
    pub(super) option: String,
    /// Any of these.
    #[serde(default)]
    pub(super) is: Vec<Json>,
    /// Any but these.
    #[serde(default)]
    pub(super) not: Vec<Json>,
    /// Whether it has such a value where nothing sets it.
    #[serde(default)]
    pub(super) unset: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    services: Vec<Service>,
}

/// The table as it is written, or what is wrong with it.
pub(super) fn table() -> Result<Vec<Service>, toml::de::Error> {
    toml::from_str::<File>(include_str!("data/services.toml")).map(|file| file.services)
}

// A test sees to it that the table can be read.
static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| table().unwrap_or_default());

/// The options that the table names; `*` stands for any one name.
pub(super) fn options() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().flat_map(|service| {
        let given = service.given.iter().map(|g| g.option.as_str());
        std::iter::once(service.option.as_str())
            .chain(service.paths.iter().map(String::as_str))
            .chain(given)
    })
}

/// What the services of a kind tell about it; inside a container of systemd-nspawn, too.
pub(super) fn read(host: &Host, workload: &mut Workload, inside: Option<&Inside<'_>>) {
    let kind = workload.kind;
    for service in SERVICES.iter().filter(|s| s.kind == kind) {
        let prefix = inside.map(|i| i.prefix.as_str()).unwrap_or_default();
        let pattern = format!("{prefix}{}", service.option);
        for (option, name, reading) in readings(host, &pattern) {
            let named = !name.is_some_and(str::is_empty) || service.unnamed.is_some();
            let holds = service.given.iter().all(|given| given.holds(host, prefix));
            if let Ok(setting) = reading
                && named
                && holds
                && is_on(&setting.value)
            {
                let instance = Instance {
                    service,
                    option,
                    name,
                    setting,
                    inside,
                };
                instance.tell(host, workload);
            }
        }
    }
}

/// What is turned off although something else speaks for it.
pub(super) fn denied(host: &Host, workload: &mut Workload, configured: &[Engine]) {
    let kind = workload.kind;
    let services = SERVICES.iter().filter(|s| s.kind == kind);
    let mut told: Vec<&str> = Vec::new();
    let plain = |s: &&Service| s.given.is_empty() && s.option.ends_with(".enable");
    for service in services.filter(plain) {
        // What another option turns on is not denied by this one.
        let doubtful = |e: &Engine| workload.engines.contains(e) && !configured.contains(e);
        let Some(engine) = service.engine.filter(doubtful) else {
            continue;
        };
        let Some(setting) = host.settings.known(&service.option) else {
            continue;
        };
        if setting.value == Json::Bool(false) && !told.contains(&service.option.as_str()) {
            told.push(&service.option);
            let statement = format!(
                "`{}` is false: if {} runs here, NixOS does not start it",
                service.option,
                engine.name()
            );
            let source = Source::Configuration(setting.at);
            let against = Evidence::speaks_against(Weight::Moderate, source, statement);
            workload.evidence.push(against);
        }
    }
}

impl Given {
    fn holds(&self, host: &Host, prefix: &str) -> bool {
        match host.settings.get(&format!("{prefix}{}", self.option)) {
            None => self.unset,
            Some(Ok(setting)) if self.not.is_empty() => self.is.contains(&setting.value),
            Some(Ok(setting)) => !self.not.contains(&setting.value),
            Some(Err(_)) => false,
        }
    }
}

impl Service {
    /// Whether a path of it lies behind the link that `DynamicUser` makes: that is of the directory
    /// of its state alone.
    fn is_link(&self, path: &str) -> bool {
        let state = |path: &str| {
            let below = path.strip_prefix("/var/lib/")?;
            Some(below.split('/').next().unwrap_or(below).to_owned())
        };
        let own = self.default.as_deref().and_then(state);
        self.dynamic && (self.within.is_some() || state(path) == own)
    }
}

/// A service that is turned on.
struct Instance<'a> {
    service: &'a Service,
    option: &'a str,
    name: Option<&'a str>,
    setting: &'a Setting,
    inside: Option<&'a Inside<'a>>,
}

impl Instance<'_> {
    fn tell(&self, host: &Host, workload: &mut Workload) {
        let service = self.service;
        // An empty name needs its quotes.
        let option = self.option.replace("..", ".\"\".");
        let mut statement = format!("`{option}` is set");
        let known = workload.engine(service.engine);
        let mut first = true;
        for path in self.paths(host, workload) {
            let dynamic = service.is_link(&path);
            let place = match self.inside {
                Some(inside) => inside.place(host, &path, service.engine, dynamic),
                None => workload.place(host, &path, service.engine, dynamic),
            };
            if std::mem::take(&mut first) {
                statement.push_str(&format!("; it works on {}", place.path));
                if let (Some(filesystem), Some(mount)) = (&place.filesystem, &place.mount) {
                    statement.push_str(&format!(", on the mount {mount} of {filesystem}"));
                }
            }
            // What a program keeps for itself is told, but is nothing to change a machine for.
            match (service.kind, service.weight) {
                (WorkloadKind::Database, Weight::Weak) => workload.note(place),
                _ => workload.add(host, place),
            }
        }
        // Several rows may tell of one engine at the same place: it counts once.
        let source = Source::Configuration(self.setting.at);
        let again = known
            && workload.evidence.iter().any(|e| {
                matches!(e.source, Source::Configuration(_)) && e.weight >= service.weight
            });
        let weight = match again {
            true => Weight::Weak,
            false => service.weight,
        };
        workload
            .evidence
            .push(Evidence::speaks_for(weight, source, statement));
    }

    /// Its paths. Where an option that holds one is not known, neither is the path.
    fn paths(&self, host: &Host, workload: &mut Workload) -> Vec<String> {
        let service = self.service;
        let prefix = self.inside.map(|i| i.prefix.as_str()).unwrap_or_default();
        let filled = |pattern: &str| match self.name {
            Some(name) => pattern.replacen('*', name, 1),
            None => pattern.to_owned(),
        };
        let (mut paths, mut is_unknown) = (Vec::new(), false);
        for pattern in &service.paths {
            let pattern = filled(pattern);
            for (option, _, reading) in readings(host, &format!("{prefix}{pattern}")) {
                match reading {
                    Ok(setting) => {
                        let found = match service.lines {
                            true => first_words(&setting.value),
                            false => paths_in(&setting.value, service.within.as_deref()),
                        };
                        paths.extend(found);
                    }
                    Err(unknown) => {
                        is_unknown = true;
                        let said = format!("`{option}` is not known: {}", unknown.why);
                        if !workload.unplaced.contains(&said) {
                            workload.unplaced.push(said);
                        }
                    }
                }
            }
        }
        for pattern in &service.names {
            let set = format!("{prefix}{}.", filled(pattern));
            let options = host.settings.below(&set);
            let named = options.filter_map(|(option, _)| option.strip_prefix(&set));
            let named = named.filter_map(|rest| rest.split('.').next());
            paths.extend(named.filter(|n| n.starts_with('/')).map(str::to_owned));
        }
        paths.dedup();
        if paths.is_empty() && !is_unknown {
            paths.extend(self.default(host).map(|default| filled(&default)));
        }
        paths
    }

    fn default(&self, host: &Host) -> Option<String> {
        let service = self.service;
        if let Some(older) = &service.older
            && host
                .settings
                .text("system.stateVersion")
                .is_some_and(|first| version(first) < version(&older.before))
        {
            return Some(older.default.clone());
        }
        match self.name {
            Some("") => service.unnamed.clone(),
            _ => service.default.clone(),
        }
    }
}

/// `23.05` as two numbers.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let (year, month) = text.split_once('.')?;
    let month = month.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((year.parse().ok()?, month.parse().ok()?))
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

/// The options that fit a pattern in which `*` stands for one name, with that name.
pub(super) fn readings<'h>(
    host: &'h Host,
    pattern: &str,
) -> Vec<(&'h str, Option<&'h str>, &'h Reading<Setting>)> {
    let Some((before, after)) = pattern.split_once('*') else {
        let mut options = host.settings.iter();
        let found = options.find(|(option, _)| *option == pattern);
        return found
            .map(|(option, reading)| (option, None, reading))
            .into_iter()
            .collect();
    };
    let mut found = Vec::new();
    for (option, reading) in host.settings.iter() {
        let middle = option
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        if let Some(name) = middle.filter(|name| !name.contains('.')) {
            found.push((option, Some(name), reading));
        }
    }
    found
}

/// The paths in a value: itself, its elements, or the words of a text. One that is not absolute
/// counts only where it is known below what.
fn paths_in(value: &Json, within: Option<&str>) -> Vec<String> {
    match (value, within) {
        (Json::String(text), Some(within)) if !text.starts_with('/') && !text.contains('\n') => {
            match text.as_str() {
                "" => Vec::new(),
                text => vec![format!("{within}/{text}")],
            }
        }
        (Json::Array(list), _) => list.iter().flat_map(|v| paths_in(v, within)).collect(),
        _ => absolute_paths(value),
    }
}

/// The absolute paths in a value: itself or its elements.
fn absolute_paths(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) if text.contains('\n') => first_words(value),
        Json::String(text) => {
            // `maildir:/var/spool/mail/%u`, `/srv/mail/%d/%n`
            let path = text.strip_prefix("maildir:").unwrap_or(text);
            let path = path.split("/%").next().unwrap_or(path);
            match path.starts_with('/') {
                true => vec![path.to_owned()],
                false => Vec::new(),
            }
        }
        Json::Array(list) => list.iter().flat_map(absolute_paths).collect(),
        _ => Vec::new(),
    }
}

/// The absolute paths at the beginning of lines of a text.
fn first_words(value: &Json) -> Vec<String> {
    let lines = value.as_str().unwrap_or_default().lines();
    let words = lines.filter_map(|line| line.split_whitespace().next());
    let words = words.map(|word| word.trim_matches('"'));
    words
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
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
        assert_eq!(first_words(&json!(exports)), ["/srv/media", "/srv/photos"]);
        assert_eq!(first_words(&json!("/srv/a *(rw)")), ["/srv/a"]);
        assert_eq!(
            absolute_paths(&json!("maildir:/var/spool/mail/%u")),
            ["/var/spool/mail"]
        );
        assert!(absolute_paths(&json!(true)).is_empty());
        assert_eq!(
            paths_in(&json!("prometheus2"), Some("/var/lib")),
            ["/var/lib/prometheus2"]
        );
        assert!(paths_in(&json!("prometheus2"), None).is_empty());
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(version("9.05") < version("17.09"));
        assert!(version("25.11pre") == version("25.11"));
        assert_eq!(version("unstable"), None);
    }

    /// A NixOS option path: names with dots between them.
    fn is_option(text: &str) -> bool {
        let name = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_*".contains(c))
        };
        text.contains('.') && text.split('.').all(name) && text.matches('*').count() <= 1
    }

    #[test]
    fn every_row_of_the_table_is_sound() {
        let table = table().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for row in &table {
            let name = &row.option;
            let key = (name, row.kind, row.engine, format!("{:?}", row.given));
            assert!(seen.insert(key), "{name} stands there twice");
            let given = row.given.iter().map(|g| &g.option);
            for option in row
                .paths
                .iter()
                .chain(&row.names)
                .chain(given)
                .chain([name])
            {
                assert!(is_option(option), "{name}: {option}");
            }
            let older = row.older.iter().map(|o| &o.default);
            let defaults = row.default.iter().chain(&row.unnamed).chain(&row.within);
            for path in defaults.chain(older) {
                assert!(
                    path.starts_with('/') && !path.ends_with('/'),
                    "{name}: {path}"
                );
                assert!(!path.contains('*') || name.contains('*'), "{name}: {path}");
            }
            if let Some(older) = &row.older {
                assert!(version(&older.before).is_some(), "{name}");
            }
            let source = &row.source;
            let is_source = source.ends_with(".nix") || source.starts_with("https://");
            assert!(is_source, "{name}: its source is {source:?}");
            assert!(!row.dynamic || row.default.is_some(), "{name}");
        }
        assert!(table.len() > 150, "{}", table.len());
    }
}
