//! Owns: the cases, what the program makes of one, and how that is judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use btrfs_tune::analyze::{Analysis, Diagnosis};
use btrfs_tune::ingest::facts;
use btrfs_tune::model::Host;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A machine whose cause is known.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) complaint: String,
    pub(crate) facts: Map<String, Value>,
    pub(crate) root_cause: String,
    pub(crate) also_accept: Vec<String>,
    pub(crate) must_not_rank_first: Vec<String>,
}

/// All cases of one file of the known reports.
pub(crate) fn of_file(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/analyze/bottleneck/reports")
        .join(name);
    let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    ["first.json", "more.json", "threads.json", "further.json"]
        .into_iter()
        .flat_map(of_file)
        .collect()
}

impl Case {
    /// What the program is given.
    pub(crate) fn given(&self) -> Value {
        json!({ "complaint": self.complaint, "facts": self.facts })
    }

    pub(crate) fn accepts(&self, cause: &str) -> bool {
        self.root_cause == cause || self.also_accept.iter().any(|also| also == cause)
    }
}

/// What the program concludes of such a file.
pub(crate) fn analysis(name: &str, text: &str) -> Analysis {
    let (known, _) = facts::read(name, text.as_bytes());
    Analysis::of(&Host::told(name, &known))
}

/// The ranking: each cause for which something speaks, with its log-odds.
pub(crate) fn ranking(analysis: &Analysis) -> Vec<(&'static str, f64)> {
    let supported = analysis.diagnoses.iter().filter(|d| d.is_supported());
    supported.map(|d| (d.cause.id(), d.log_odds)).collect()
}

/// The ranking of a JSON value.
pub(crate) fn ranked(name: &str, given: &Value) -> Vec<(&'static str, f64)> {
    ranking(&analysis(name, &given.to_string()))
}

/// By how much the first leads.
pub(crate) fn lead(ranking: &[(&'static str, f64)]) -> f64 {
    match ranking {
        [first, second, ..] => first.1 - second.1,
        _ => f64::INFINITY,
    }
}

/// What was concluded of a cause, but for how the whole reads: that is of no single fact.
pub(crate) fn apart(diagnosis: Option<&Diagnosis>) -> f64 {
    diagnosis.map_or(f64::NEG_INFINITY, Diagnosis::by_facts)
}

/// The ids of a ranking.
pub(crate) fn ids(ranking: &[(&'static str, f64)]) -> Vec<&'static str> {
    ranking.iter().map(|(id, _)| *id).collect()
}

/// The likeliest cause.
pub(crate) fn first(ranking: &[(&'static str, f64)]) -> &'static str {
    ranking.first().map_or("nothing", |(id, _)| id)
}

/// What was concluded of one cause.
pub(crate) fn of_cause<'a>(analysis: &'a Analysis, id: &str) -> Option<&'a Diagnosis> {
    analysis.diagnoses.iter().find(|d| d.cause.id() == id)
}

/// How many cases came out as they should.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) cases: usize,
    pub(crate) first: usize,
    pub(crate) third: usize,
    pub(crate) forbidden: Vec<String>,
    confusion: BTreeMap<(String, String), Vec<String>>,
}

impl Score {
    pub(crate) fn judge(&mut self, case: &Case) {
        let ids = ids(&ranked(&case.id, &case.given()));
        let rank = ids.iter().position(|id| case.accepts(id));
        let first = ids.first().copied().unwrap_or("nothing").to_owned();
        self.cases += 1;
        self.first += usize::from(rank == Some(0));
        self.third += usize::from(rank.is_some_and(|rank| rank < 3));
        if case.must_not_rank_first.contains(&first) {
            self.forbidden.push(format!("{}: {first}", case.id));
        }
        if rank != Some(0) {
            let rank = rank.map_or("-".to_owned(), |rank| (rank + 1).to_string());
            let key = (case.root_cause.clone(), first);
            let cases = self.confusion.entry(key).or_default();
            cases.push(format!("{} (right one: {rank})", case.id));
        }
    }

    /// Whole percent, rounded down.
    pub(crate) fn percent(&self, n: usize) -> usize {
        n * 100 / self.cases.max(1)
    }

    /// The figures, and what came first where another cause was right.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{} cases; first {} ({} %), among three {} ({} %), forbidden first {}: {:?}\n",
            self.cases,
            self.first,
            self.percent(self.first),
            self.third,
            self.percent(self.third),
            self.forbidden.len(),
            self.forbidden
        );
        for ((right, first), ids) in &self.confusion {
            let _ = writeln!(table, "  {right:36} {first:36} {}", ids.join(", "));
        }
        table
    }
}
