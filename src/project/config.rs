//! `btrfs-tune.toml`: what the owner says about hosts. It wins over what discovery finds.
//!
//! ```toml
//! [hosts.vps]
//! files = ["hosts/vps/disko.nix", "hosts/vps/hardware.nix"]
//! facter = "hosts/vps/facter.json"
//! metrics = "hosts/vps/metrics"
//! kernel = "6.12"
//! nixos = "25.05"
//!
//! # Of all hosts; [hosts.vps.rules."mount/atime"] says it of one, and wins.
//! [rules."mount/atime"]
//! enabled = false
//! severity = "advice"
//! ```
//!
//! Every key is read by name and every other one is an error, so that a misspelt one is not
//! silently without effect. Paths are relative to the file.

mod rules;

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::HostName;
use crate::btrfs::KernelVersion;
use crate::ingest::problem::Problem;
use crate::model::{Release, Told};
use crate::nix::source::normalise;

pub use rules::{RuleKey, RuleTable};

/// The name of the file, looked for from the directory that was asked for up to the git root.
pub const FILE_NAME: &str = "btrfs-tune.toml";
/// Far more than anybody writes by hand.
const LARGEST: u64 = 1024 * 1024;

const KEYS: &[&str] = &["hosts", "rules"];
const HOST_KEYS: &[&str] = &["facter", "files", "kernel", "metrics", "nixos", "rules"];

/// What the owner says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Its name as problems show it.
    pub shown: String,
    /// Its hosts, in the order in which they are written.
    pub hosts: Vec<HostConfig>,
    /// What it says of rules on every host.
    pub rules: Vec<RuleTable>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What the owner says about one host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostConfig {
    /// Its name.
    pub name: HostName,
    /// The modules and disko files that make it, absolute; none if discovery is to find them.
    pub files: Vec<PathBuf>,
    /// Its nixos-facter report, absolute.
    pub facter: Option<PathBuf>,
    /// The folder of its metrics, absolute.
    pub metrics: Option<PathBuf>,
    /// The kernel that it boots.
    pub kernel: Option<Told<KernelVersion>>,
    /// The release of NixOS that it is built from.
    pub nixos: Option<Told<Release>>,
    /// What is said of rules on this host alone; it wins over what is said of all hosts.
    pub rules: Vec<RuleTable>,
    /// Where it is named: line and column, from 1.
    pub at: (u32, u32),
}

impl Config {
    /// The file that counts for a directory, searched upward as far as `root`.
    pub fn find(directory: &Path, root: &Path) -> Config {
        let within = directory.ancestors().take_while(|d| d.starts_with(root));
        let mut candidates = within.map(|d| d.join(FILE_NAME));
        let Some(path) = candidates.find(|p| p.exists()) else {
            return Config::default();
        };
        let shown = path.strip_prefix(root).unwrap_or(&path);
        let shown = shown.display().to_string();
        let mut config = match read(&path) {
            Ok(text) => Config::parse(&shown, &text, path.parent().unwrap_or(root), root),
            Err(why) => Config {
                problems: vec![Problem::error(&shown, why)],
                ..Config::default()
            },
        };
        config.path = Some(path);
        config
    }

    /// Reads the text of the file. Relative paths begin at `base` and must stay below `root`.
    pub fn parse(shown: &str, text: &str, base: &Path, root: &Path) -> Config {
        let mut reader = Reader {
            shown,
            text,
            base,
            root,
            problems: Vec::new(),
        };
        let (mut hosts, mut rules) = (Vec::new(), Vec::new());
        match DeTable::parse(text) {
            Ok(table) => {
                for (key, value) in table.get_ref() {
                    match key.get_ref().as_ref() {
                        "hosts" => hosts = reader.hosts(value),
                        "rules" => rules = reader.rules(value),
                        other => reader.unknown(key.span(), other, KEYS),
                    }
                }
            }
            Err(error) => {
                let at = error.span().unwrap_or(0..0);
                let problem = Problem::error(shown, error.message().to_owned());
                let mut problem = problem.at_offset(text, at.start);
                if is_unquoted_rule(line_at(text, at.start)) {
                    problem = problem.help(rules::QUOTES);
                }
                reader.problems.push(problem);
            }
        }
        // A TOML table is sorted by key; people expect the order of the file.
        hosts.sort_by_key(|host| host.at);
        Config {
            path: None,
            shown: shown.to_owned(),
            hosts,
            rules,
            problems: reader.problems,
        }
    }

    /// What is said about a host.
    pub fn host(&self, name: &HostName) -> Option<&HostConfig> {
        self.hosts.iter().find(|host| host.name == *name)
    }
}

struct Reader<'a> {
    shown: &'a str,
    text: &'a str,
    base: &'a Path,
    root: &'a Path,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn hosts(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<HostConfig> {
        let Some(table) = self.table(value, "hosts") else {
            return Vec::new();
        };
        let hosts = table.iter().filter_map(|(name, value)| {
            let table = self.table(value, "a host")?;
            Some(self.host(name, table))
        });
        hosts.collect()
    }

    fn host(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        table: &DeTable<'_>,
    ) -> HostConfig {
        let mut host = HostConfig {
            name: HostName(name.get_ref().to_string()),
            files: Vec::new(),
            facter: None,
            metrics: None,
            kernel: None,
            nixos: None,
            rules: Vec::new(),
            at: place(self.text, name.span().start),
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "files" => host.files = self.files(value),
                "facter" => host.facter = self.path(value, "facter"),
                "metrics" => host.metrics = self.path(value, "metrics"),
                "kernel" => host.kernel = self.version(value, "kernel", "6.12"),
                "nixos" => host.nixos = self.version(value, "nixos", "25.05"),
                "rules" => host.rules = self.rules(value),
                other => self.unknown(key.span(), other, HOST_KEYS),
            }
        }
        host
    }

    /// A version, which many write without quotes: to TOML that is a number, in which 6.10 is 6.1.
    fn version<T>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        example: &str,
    ) -> Option<Told<T>>
    where
        T: FromStr<Err: Display>,
    {
        let DeValue::String(text) = value.get_ref() else {
            let message = format!("`{key}` is a version in quotes, like \"{example}\"");
            self.wrong(value.span(), message);
            return None;
        };
        match text.parse() {
            Ok(value_of) => {
                let (line, column) = place(self.text, value.span().start);
                let by = format!("the owner ({}:{line}:{column})", self.shown);
                Some(Told {
                    value: value_of,
                    by,
                })
            }
            Err(error) => {
                self.wrong(value.span(), format!("`{key}`: {error}"));
                None
            }
        }
    }

    fn files(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<PathBuf> {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(
                value.span(),
                "`files` is a list, like [\"disko.nix\"]".into(),
            );
            return Vec::new();
        };
        let mut files = Vec::new();
        for item in items {
            let Some(path) = self.path(item, "an element of `files`") else {
                continue;
            };
            if path.is_file() || path.join("default.nix").is_file() {
                files.push(path);
            } else {
                let message = "it is neither a file nor a directory with a default.nix";
                self.wrong(item.span(), message.to_owned());
            }
        }
        if items.is_empty() {
            self.wrong(
                value.span(),
                "`files` names no file; leave it out instead".into(),
            );
        }
        files
    }

    fn path(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<PathBuf> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong(value.span(), format!("{what} is a path in quotes"));
            return None;
        };
        let path = normalise(&self.base.join(text.as_ref()));
        if !path.starts_with(self.root) {
            self.wrong(
                value.span(),
                format!("{} lies outside the project", path.display()),
            );
            return None;
        }
        if !path.exists() {
            self.wrong(
                value.span(),
                format!("{}: no such file or directory", text.escape_debug()),
            );
            return None;
        }
        Some(path)
    }

    fn table<'v, 't>(
        &mut self,
        value: &'v Spanned<DeValue<'t>>,
        what: &str,
    ) -> Option<&'v DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.wrong(value.span(), format!("{what} is a table"));
                None
            }
        }
    }

    fn unknown(&mut self, span: Range<usize>, key: &str, known: &[&str]) {
        let close = known
            .iter()
            .map(|k| (strsim::damerau_levenshtein(k, key), k))
            .filter(|(distance, _)| *distance <= 1 + key.chars().count() / 4)
            .min();
        let help = match close {
            Some((_, close)) => format!("did you mean `{close}`?"),
            None => format!("the keys here are: {}", known.join(", ")),
        };
        let problem = Problem::error(
            self.shown,
            format!("there is no key `{}`", key.escape_debug()),
        );
        let problem = problem.at_offset(self.text, span.start).help(help);
        self.problems.push(problem);
    }

    fn wrong(&mut self, span: Range<usize>, message: String) {
        let problem = Problem::error(self.shown, message);
        self.problems.push(problem.at_offset(self.text, span.start));
    }
}

/// The line that holds an offset.
fn line_at(text: &str, offset: usize) -> &str {
    let mut lines = text.split_inclusive('\n');
    let mut end = 0;
    lines
        .find(|line| {
            end += line.len();
            offset < end
        })
        .unwrap_or_default()
}

/// `[rules.mount/atime]`, which is no TOML.
fn is_unquoted_rule(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('[') && line.contains("rules.") && line.contains('/') && !line.contains('"')
}

fn place(text: &str, offset: usize) -> (u32, u32) {
    let at = Problem::note("", "").at_offset(text, offset);
    (at.line.unwrap_or(1), at.column.unwrap_or(1))
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    if metadata.len() > LARGEST {
        return Err("larger than 1 MiB".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
}
