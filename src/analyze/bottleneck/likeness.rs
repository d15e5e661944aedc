//! Owns: how much an account reads like reports whose cause became known.
//!
//! People tell the same trouble in words of their own, and no lexicon has them all. So words, and
//! words that follow each other, are counted in the known reports (`reports/*.json`): naive Bayes
//! over causes, much weakened because words are not independent. What it says is capped, and it
//! never refutes a cause by itself.

use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::cause::Cause;
use crate::model::Account;

/// The known reports.
const FILES: [&str; 4] = [
    include_str!("reports/first.json"),
    include_str!("reports/more.json"),
    include_str!("reports/threads.json"),
    include_str!("reports/further.json"),
];

/// By how much a sum over words is weakened: they come together. Chosen on reports that shaped neither
/// the words heard nor the weights; from 0.1 to 0.2 it hardly matters.
const WEAKENED: f64 = 0.12;
/// The least and the most that one word says, in log-odds before that.
const WORD: (f64, f64) = (-0.5, 1.5);
/// How many reports' worth of doubt is added to what is counted of a cause.
const DOUBT: f64 = 2.0;
/// Words in fewer reports than this say nothing.
const FEWEST: usize = 2;
/// An account that shares this part of its words with a report is the report itself, which is no
/// evidence about itself; and the least words that tell so.
const SAME: f64 = 0.6;
const SAME_FEWEST: usize = 12;
/// Units of sizes; of rates, what stands before `/s`.
const UNITS: [&str; 14] = [
    "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib", "ib",
];
/// How many words are quoted.
const QUOTED: usize = 4;
/// Only words that stand in less than one report of so many are quoted.
const RARE: f64 = 12.0;

/// A report as it stands in a file.
#[derive(Debug, Deserialize)]
struct Written {
    source: String,
    complaint: String,
    facts: Map<String, Value>,
    root_cause: String,
}

/// A known report.
#[derive(Debug)]
struct Report {
    source: String,
    cause: usize,
    words: usize,
}

/// What is counted in the known reports.
#[derive(Debug, Default)]
struct Library {
    reports: Vec<Report>,
    /// Word or pair of words → the reports that it stands in.
    of: FxHashMap<String, Vec<usize>>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut library = Library::default();
    for written in FILES.into_iter().filter_map(|f| read(f).ok()).flatten() {
        let Some(cause) = Cause::ALL.iter().position(|c| c.id() == written.root_cause) else {
            continue;
        };
        let facts = Account::words_of(&Value::Object(written.facts));
        let words = words(&format!("{} . {facts}", written.complaint));
        let number = library.reports.len();
        library.reports.push(Report {
            source: written.source,
            cause,
            words: words.len(),
        });
        for word in words.into_keys() {
            library.of.entry(word).or_default().push(number);
        }
    }
    library
});

fn read(file: &str) -> Result<Vec<Written>, serde_json::Error> {
    serde_json::from_str(file)
}

/// The words of a text without their endings, and the pairs of words that follow each other in a
/// sentence; each with how it stands there.
fn words(text: &str) -> FxHashMap<String, String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut found = FxHashMap::default();
    let lower = text.to_lowercase();
    let mut last: Option<(String, &str)> = None;
    let mut rest = lower.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let between = &rest[..start];
        let ends = between.contains(['.', ',', ';', ':', '(', ')', '!', '?'])
            && between.contains(char::is_whitespace);
        if ends || between.contains('\n') {
            last = None;
        }
        rest = &rest[start..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-')))
            .unwrap_or(rest.len());
        let raw = rest[..end].trim_end_matches('-');
        // Which unit somebody writes says nothing.
        let is_unit =
            UNITS.contains(&raw) && between.trim_end().ends_with(|c: char| c.is_ascii_digit());
        let word = stemmer
            .stem(if is_unit { "unit" } else { raw })
            .into_owned();
        if let Some((last, shown)) = &last {
            found.insert(format!("{last} {word}"), format!("{shown} {raw}"));
        }
        found.insert(word.clone(), raw.to_owned());
        last = Some((word, raw));
        rest = &rest[end..];
    }
    found
}

/// How an account reads, cause by cause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness {
    /// In the order of [`Cause::ALL`].
    of: Vec<Like>,
}

/// How much an account reads like the reports of one cause.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Like {
    /// Log-odds.
    pub(super) weight: f64,
    /// The words that say most.
    pub(super) words: Vec<String>,
    /// Of the reports of the cause, that which shares most words.
    pub(super) nearest: Option<&'static str>,
}

impl Likeness {
    /// How an account reads. Of no words, nothing is said.
    pub(super) fn of(text: &str) -> Option<Self> {
        LIBRARY.liken(&words(text))
    }

    /// How much it reads like a cause.
    pub(super) fn like(&self, cause: Cause) -> Option<&Like> {
        let at = Cause::ALL.iter().position(|c| *c == cause)?;
        self.of.get(at)
    }
}

impl Library {
    fn liken(&'static self, words: &FxHashMap<String, String>) -> Option<Likeness> {
        let excluded = self.same(words);
        let mut reports_of = vec![0.0; Cause::ALL.len()];
        let mut all = 0.0;
        for (number, report) in self.reports.iter().enumerate() {
            if !excluded.contains(&number) {
                reports_of[report.cause] += 1.0;
                all += 1.0;
            }
        }
        let mut sums = vec![0.0; Cause::ALL.len()];
        let mut shared = vec![0usize; self.reports.len()];
        let mut best: Vec<Vec<(f64, &str)>> = vec![Vec::new(); Cause::ALL.len()];
        // In a fixed order, so that sums are the same each time.
        let mut words: Vec<(&String, &String)> = words.iter().collect();
        words.sort_unstable();
        for (word, shown) in words {
            let known = self.of.get(word).map_or(&[][..], Vec::as_slice);
            let known: Vec<usize> = known
                .iter()
                .copied()
                .filter(|n| !excluded.contains(n))
                .collect();
            if known.len() < FEWEST {
                continue;
            }
            let mut counted = vec![0.0; Cause::ALL.len()];
            for number in &known {
                shared[*number] += 1;
                counted[self.reports[*number].cause] += 1.0;
            }
            let often = known.len() as f64;
            let anywhere = (often + 0.1) / (all + 0.2);
            for (cause, count) in counted.into_iter().enumerate() {
                let here = (count + DOUBT * often / all) / (reports_of[cause] + DOUBT);
                let says = (here / anywhere).ln().clamp(WORD.0, WORD.1);
                sums[cause] += says;
                // Rare words are worth quoting.
                let is_telling = says > 0.5 && word.len() > 3 && often * RARE < all;
                if count >= 1.0 && is_telling {
                    best[cause].push((says, shown));
                }
            }
        }
        let highest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = sums
            .iter()
            .map(|s| (WEAKENED * (s - highest)).exp())
            .collect();
        let total: f64 = shares.iter().sum();
        let even = 1.0 / shares.len() as f64;
        if !sums.iter().any(|s| *s != 0.0) {
            return None;
        }
        let of = shares
            .iter()
            .zip(best)
            .enumerate()
            .map(|(cause, (share, mut best))| {
                best.sort_by(|a, b| {
                    b.0.total_cmp(&a.0)
                        .then_with(|| b.1.len().cmp(&a.1.len()))
                        .then(a.1.cmp(b.1))
                });
                let reports = self.reports.iter().enumerate();
                let nearest = reports
                    .filter(|(number, r)| r.cause == cause && shared[*number] > 0)
                    .max_by_key(|(number, _)| shared[*number]);
                Like {
                    weight: odds(share / total) - odds(even),
                    words: quoted(&best),
                    nearest: nearest.map(|(_, report)| report.source.as_str()),
                }
            });
        Some(Likeness { of: of.collect() })
    }

    /// The reports that an account is itself, and the others of the same source.
    fn same(&self, words: &FxHashMap<String, String>) -> FxHashSet<usize> {
        let mut shared = vec![0usize; self.reports.len()];
        for number in words.keys().filter_map(|w| self.of.get(w)).flatten() {
            shared[*number] += 1;
        }
        let is_same = |number: &usize| {
            let least = words.len().min(self.reports[*number].words);
            least >= SAME_FEWEST && shared[*number] as f64 >= SAME * least as f64
        };
        let same: Vec<usize> = (0..self.reports.len()).filter(is_same).collect();
        let sources: Vec<&str> = same
            .iter()
            .map(|n| self.reports[*n].source.as_str())
            .collect();
        let of_source = |n: &usize| {
            let source = self.reports[*n].source.as_str();
            source.starts_with("http") && sources.contains(&source)
        };
        let others = (0..self.reports.len()).filter(of_source);
        others.chain(same.iter().copied()).collect()
    }
}

fn odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// The words that say most: of pairs, not their parts too.
fn quoted(best: &[(f64, &str)]) -> Vec<String> {
    let mut quoted: Vec<String> = Vec::new();
    for (_, word) in best {
        let short = word.split(' ').any(|part| part.len() < 4);
        if quoted.len() < QUOTED && !short && !quoted.iter().any(|q| q.contains(word)) {
            quoted.push((*word).to_owned());
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_well_formed() {
        let mut ids = 0;
        for file in FILES {
            let reports = read(file).unwrap();
            ids += reports.len();
            for report in reports {
                let known = Cause::ALL.iter().any(|c| c.id() == report.root_cause);
                assert!(known, "{}: {}", report.source, report.root_cause);
            }
        }
        assert_eq!(LIBRARY.reports.len(), ids);
    }

    #[test]
    fn words_are_compared_without_their_endings_within_sentences() {
        let found = words("Deleting snapshots. Quota groups, enabled");
        let mut found: Vec<&str> = found.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "delet",
                "delet snapshot",
                "enabl",
                "group",
                "quota",
                "quota group",
                "snapshot"
            ]
        );
        let keys = |text| words(text).into_keys().collect::<FxHashSet<String>>();
        assert_eq!(keys("34 GB written"), keys("34000 MB written"));
    }

    #[test]
    fn an_account_reads_like_the_reports_of_its_cause() {
        let account = "each monday fstrim.timer starts, discards fill the queue and reads wait until fstrim ends";
        let likeness = Likeness::of(account).unwrap();
        let like = likeness.like(Cause::FstrimStorm).unwrap();
        assert!(like.weight > 0.25, "{like:?}");
        assert!(like.words.iter().any(|w| w.contains("fstrim")), "{like:?}");
        assert!(like.nearest.is_some());
        let other = likeness.like(Cause::QgroupsEnabled).unwrap();
        assert!(other.weight < like.weight);
    }

    #[test]
    fn a_report_is_no_evidence_about_itself() {
        let written = read(FILES[0]).unwrap();
        for report in &written {
            let facts = Account::words_of(&Value::Object(report.facts.clone()));
            let own = words(&format!("{} . {facts}", report.complaint));
            if own.len() < SAME_FEWEST {
                continue;
            }
            let excluded = LIBRARY.same(&own);
            let all = LIBRARY.reports.iter().enumerate();
            for (number, _) in
                all.filter(|(_, r)| r.source == report.source && r.source != "made up")
            {
                assert!(excluded.contains(&number), "{}", report.source);
            }
        }
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(Likeness::of(""), None);
        assert_eq!(Likeness::of("xyzzy 4711"), None);
    }
}
