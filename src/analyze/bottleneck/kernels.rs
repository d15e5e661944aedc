//! Owns: kernels with a regression of public record (`kernels.toml`), and which of them a machine
//! has.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::condition::{Condition, Outcome};
use crate::analyze::signal::{Signal, Signals, Subject, Value};
use crate::btrfs::KernelVersion;

/// A range of versions, the second not included.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(deserialize_with = "version")]
    from: KernelVersion,
    #[serde(deserialize_with = "version")]
    until: KernelVersion,
}

/// An entry of the table; its head says what the keys mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(deserialize_with = "version")]
    from: KernelVersion,
    #[serde(deserialize_with = "version")]
    until: KernelVersion,
    what: String,
    #[serde(default)]
    needs: Vec<Condition>,
    #[serde(default)]
    any: Vec<Condition>,
    #[serde(default)]
    suspect_only: bool,
    #[serde(default)]
    broad: bool,
    #[serde(default)]
    except: Vec<Range>,
    #[serde(default)]
    also: Vec<Range>,
    fixed_in: String,
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kernel: Vec<Entry>,
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KernelVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

static TABLE: LazyLock<Result<Table, String>> =
    LazyLock::new(|| toml::from_str(include_str!("kernels.toml")).map_err(|e| e.to_string()));

impl Range {
    fn holds(&self, version: KernelVersion) -> bool {
        (self.from..self.until).contains(&version)
    }

    /// Whether a bound lies among the releases of a version's series, so that the series alone does
    /// not tell.
    fn splits(&self, version: KernelVersion) -> bool {
        let within = |bound: KernelVersion| bound.series() == version.series() && bound.patch > 0;
        within(self.from) || within(self.until)
    }
}

/// How a machine fits an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It has the bug.
    Bad,
    /// It may have it.
    Suspect,
}

impl Entry {
    fn fit(&self, version: KernelVersion, exact: bool, signals: &Signals) -> Option<Fit> {
        let own = Range {
            from: self.from,
            until: self.until,
        };
        let ranges = || std::iter::once(&own).chain(&self.also);
        let is_in =
            ranges().any(|r| r.holds(version)) && !self.except.iter().any(|r| r.holds(version));
        // Where a distribution hides the stable level, its whole series may be in.
        let may_be = !exact && ranges().chain(&self.except).any(|r| r.splits(version));
        let series = version.series();
        let in_series = |r: &Range| (r.from.series()..=r.until.series()).contains(&series);
        let fits = is_in || may_be && ranges().any(in_series);
        if !fits {
            return None;
        }
        let check = |c: &Condition| c.check(signals, &Subject::Machine, None);
        let needs: Vec<Outcome<'_>> = self.needs.iter().map(check).collect();
        if needs.iter().any(|o| matches!(o, Outcome::Fails)) {
            return None;
        }
        let any: Vec<Outcome<'_>> = self.any.iter().map(check).collect();
        let holds = |o: &Outcome<'_>| matches!(o, Outcome::Holds(_));
        let all_hold = needs.iter().all(holds);
        let one_holds = any.is_empty() || any.iter().any(holds);
        if all_hold && one_holds && !self.suspect_only && !may_be {
            return Some(Fit::Bad);
        }
        let any_holds = needs.iter().chain(&any).any(holds);
        let denied = !any.is_empty() && any.iter().all(|o| matches!(o, Outcome::Fails));
        ((any_holds || !self.broad) && !denied).then_some(Fit::Suspect)
    }
}

/// Whether a release tells its stable level: distributions that count `X.Y.0-N` do not.
fn is_exact(release: &str) -> bool {
    let mut parts = release.splitn(2, '-');
    let (version, rest) = (parts.next().unwrap_or_default(), parts.next());
    let hides = version.ends_with(".0") && version.matches('.').count() == 2;
    !(hides && rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())))
}

/// The signals of a machine's kernel, as far as the table knows it.
pub(super) fn signals(signals: &Signals, release: Option<&str>) -> Vec<Signal> {
    let Ok(table) = &*TABLE else {
        return Vec::new();
    };
    let machine = Subject::Machine;
    let known = signals.about("kernel", &machine).next();
    let Some((kernel, Value::Version(version))) = known.map(|k| (k, &k.value)) else {
        return Vec::new();
    };
    let exact = release.is_none_or(is_exact);
    let fitting = table.kernel.iter().filter_map(|entry| {
        let fit = entry.fit(*version, exact, signals)?;
        let (name, word) = match fit {
            Fit::Bad => ("kernel.known_bad", "this kernel"),
            Fit::Suspect => ("kernel.suspect", "this kernel may be one that"),
        };
        Some(Signal {
            name: name.to_owned(),
            about: Subject::Machine,
            value: Value::Yes,
            text: format!(
                "{}: {word} {} (fixed in {}; {})",
                kernel.text, entry.what, entry.fixed_in, entry.source
            ),
            source: kernel.source.clone(),
            complaint: None,
        })
    });
    fitting.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::signal::dictionary;

    #[test]
    fn the_table_is_well_formed() {
        let table = TABLE.as_ref().unwrap();
        for entry in &table.kernel {
            assert!(entry.from < entry.until, "{}", entry.what);
            assert!(!entry.source.is_empty() && !entry.fixed_in.is_empty());
            for condition in entry.needs.iter().chain(&entry.any) {
                let name = condition.name.as_str();
                let known = name.starts_with("heard.") || dictionary::lookup(name).is_some();
                assert!(known, "{}: `{name}`", entry.what);
            }
        }
    }

    #[test]
    fn distributions_that_hide_the_stable_level_are_known() {
        assert!(is_exact("6.10.3-arch1-2"));
        assert!(is_exact("6.18.1"));
        assert!(!is_exact("5.15.0-91-generic"));
        assert!(is_exact("6.12"));
    }
}
