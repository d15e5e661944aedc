//! Data without checksums where a second copy could repair it.

use super::super::wording::listed;
use super::redundancy::redundancy;
use crate::analyze::{Evidence, Source, Weight};
use crate::btrfs::{Profile, whole};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host};
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `integrity/nocow-without-repair`
pub struct NocowWithoutRepair;

static META: Meta = Meta::new(
    "integrity/nocow-without-repair",
    Severity::Warning,
    "Data is kept in several copies, and nothing can tell which of them is right",
    include_str!("nocow_without_repair.md"),
);

/// The option by which new files of a whole filesystem have no checksums.
fn without_checksums(host: &Host, filesystem: &Filesystem) -> Option<&'static str> {
    let specs = filesystem.mount_specs()?;
    let facts = host.device_facts(filesystem);
    let state = whole(&specs, host.stage1(), &host.target(), &facts)
        .effective?
        .state;
    match (state.is_nodatacow(), state.has_checksums()) {
        (true, _) => Some("nodatacow"),
        (false, false) => Some("nodatasum"),
        (false, true) => None,
    }
}

/// Where an option of this name is written.
fn written(filesystem: &Filesystem, option: &str) -> Option<Span> {
    let all = filesystem.mounts.iter();
    let mut all = all.filter_map(|m| m.options.known()).flatten();
    let has = |text: &str| text.split(',').any(|word| word == option);
    all.find(|o| has(&o.value)).and_then(|o| o.at)
}

/// Directories that tmpfiles gives the attribute C.
fn attributes(host: &Host) -> Vec<(String, Option<Span>)> {
    let sets = |kind: &str, argument: &str| {
        kind.starts_with(['h', 'H']) && argument.contains('C') && !argument.starts_with('-')
    };
    let mut found = Vec::new();
    if let Some(rules) = host.settings.known("systemd.tmpfiles.rules") {
        let lines = rules.value.as_array().into_iter().flatten();
        for line in lines.filter_map(|rule| rule.as_str()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [kind, path, .., argument] = words.as_slice()
                && sets(kind, argument)
            {
                found.push((path.trim_matches('"').to_owned(), rules.at));
            }
        }
    }
    // systemd.tmpfiles.settings.<file>.<path>.<kind>.argument
    for (option, setting) in host.settings.below("systemd.tmpfiles.settings.") {
        let inner = option.strip_suffix(".argument");
        let inner = inner.and_then(|option| option.rsplit_once('.'));
        if let (Some((before, kind)), Ok(setting)) = (inner, setting)
            && let Some(at) = before.find("./")
            && sets(kind, setting.value.as_str().unwrap_or_default())
        {
            found.push((before[at + 1..].to_owned(), setting.at));
        }
    }
    found
}

/// Databases, for whose directories layout/database-on-cow weighs the attribute and tells its cost:
/// the option that turns one on, the one that says where it lies, and where it lies without.
const WEIGHED: [[&str; 3]; 3] = [
    [
        "services.postgresql.enable",
        "services.postgresql.dataDir",
        "/var/lib/postgresql",
    ],
    [
        "services.mysql.enable",
        "services.mysql.dataDir",
        "/var/lib/mysql",
    ],
    [
        "services.mongodb.enable",
        "services.mongodb.dbpath",
        "/var/db/mongodb",
    ],
];

fn is_weighed(host: &Host, directory: &str) -> bool {
    WEIGHED.iter().any(|[enable, option, default]| {
        let place = host.settings.text(option).unwrap_or(default);
        let related = is_below(place, directory) || is_below(directory, place);
        // Behind the bind mounts of impermanence it lies below another root.
        host.settings.is_true(enable) && (related || directory.ends_with(default))
    })
}

/// One filesystem with several copies of its data, some of it without checksums.
struct Case<'a> {
    filesystem: &'a Filesystem,
    profile: Profile,
    source: Source,
    /// An option for all of it, or directories.
    option: Option<&'static str>,
    directories: Vec<(String, Option<Span>)>,
}

fn case<'a>(host: &'a Host, filesystem: &'a Filesystem) -> Option<Case<'a>> {
    let (profile, source) = redundancy(host, filesystem)?;
    let option = without_checksums(host, filesystem);
    let mut directories = attributes(host);
    directories.retain(|(directory, _)| {
        let held = host.storage.holding(directory);
        held.is_some_and(|(held, _)| std::ptr::eq(held, filesystem)) && !is_weighed(host, directory)
    });
    directories.sort_by(|a, b| a.0.cmp(&b.0));
    directories.dedup_by(|a, b| a.0 == b.0);
    (option.is_some() || !directories.is_empty()).then_some(Case {
        filesystem,
        profile,
        source,
        option,
        directories,
    })
}

fn finding(case: Case<'_>) -> Finding {
    let name = case.filesystem.name();
    let profile = case.profile;
    let (what, at, severity) = match case.option {
        Some(option) => (
            format!("`{option}` is in force for all new files of {name}"),
            written(case.filesystem, option).or(case.filesystem.at),
            Severity::Warning,
        ),
        None => {
            let names: Vec<&str> = case.directories.iter().map(|(d, _)| d.as_str()).collect();
            let at = case.directories.first().and_then(|(_, at)| *at);
            let verb = if names.len() == 1 { "has" } else { "have" };
            let what = format!("{} {verb} the attribute C on {name}", listed(&names));
            (what, at, Severity::Advice)
        }
    };
    Finding {
        rule: META.id,
        subject: name.to_owned(),
        severity,
        message: format!(
            "{what}, whose data is {profile}: such files have no checksums, so a bad copy is \
             returned to programs instead of repaired, a scrub passes over it, and after a crash \
             the copies can differ for good. Keep there only what checks itself, or can be lost"
        ),
        at,
        evidence: vec![
            Evidence::speaks_for(
                Weight::Strong,
                case.source,
                format!("the data of {name} is {profile}"),
            ),
            Evidence::speaks_for(Weight::Strong, Source::Configuration(at), what),
            Evidence::speaks_for(
                Weight::Moderate,
                Source::Knowledge("https://btrfs.readthedocs.io/en/latest/Scrub.html".to_owned()),
                "the contents of NOCOW files are neither checked nor repaired by a scrub",
            ),
        ],
    }
}

impl Rule for NocowWithoutRepair {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        let all = host.storage.filesystems.iter();
        all.filter_map(|f| case(host, f)).map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
