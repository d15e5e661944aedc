//! Counts, and the list of everything that is not as it should be.

use std::collections::BTreeMap;

/// What became of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// As Nix says.
    Equal,
    /// Some of it is unknown, all of that for a reason outside.
    Outside,
    /// Some of it is unknown.
    Partly,
    /// None of it is known.
    Unknown,
    /// It is not told of.
    Missing,
    /// Something is told that Nix does not say.
    Wrong,
}

impl Outcome {
    const ALL: [(Outcome, &'static str); 6] = [
        (Outcome::Equal, "equal"),
        (Outcome::Outside, "unknown there"),
        (Outcome::Partly, "partly"),
        (Outcome::Unknown, "wholly unknown"),
        (Outcome::Missing, "missing"),
        (Outcome::Wrong, "WRONG"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(o, _)| *o == self)
            .map_or("", |x| x.1)
    }
}

/// One thing that is not equal.
#[derive(Debug)]
struct Line {
    row: &'static str,
    outcome: Outcome,
    /// Repository, and file or host.
    place: String,
    /// What, with both values and our reason.
    detail: String,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(&'static str, BTreeMap<Outcome, usize>)>,
    lines: Vec<Line>,
    /// Places that hold what they should, and all places.
    pub(crate) origins: (usize, usize),
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// Counts one thing; what is not equal is listed.
    pub(crate) fn count(
        &mut self,
        row: &'static str,
        outcome: Outcome,
        place: &str,
        detail: impl FnOnce() -> String,
    ) {
        let index = self.rows.iter().position(|(name, _)| *name == row);
        let index = index.unwrap_or_else(|| {
            self.rows.push((row, BTreeMap::new()));
            self.rows.len() - 1
        });
        *self.rows[index].1.entry(outcome).or_default() += 1;
        if outcome != Outcome::Equal {
            self.lines.push(Line {
                row,
                outcome,
                place: place.to_owned(),
                detail: detail(),
            });
        }
    }

    pub(crate) fn print(&self, verbose: bool) {
        print!("{:34}{:>7}", "", "all");
        for (_, name) in Outcome::ALL {
            print!("{name:>16}");
        }
        println!("{:>9}", "equal");
        for (row, counts) in &self.rows {
            let all: usize = counts.values().sum();
            print!("{row:34}{all:7}");
            for (outcome, _) in Outcome::ALL {
                print!("{:16}", counts.get(&outcome).unwrap_or(&0));
            }
            let equal = counts.get(&Outcome::Equal).unwrap_or(&0);
            println!("{:8.1}%", 100.0 * *equal as f64 / all.max(1) as f64);
        }
        let (good, all) = self.origins;
        println!("{:34}{all:7}{good:16}", "origins");
        println!();
        for line in &self.lines {
            if line.outcome == Outcome::Outside && !verbose {
                continue;
            }
            let (row, outcome) = (line.row, line.outcome.name());
            println!("{row}: {outcome}: {}: {}", line.place, line.detail);
        }
        for note in &self.notes {
            println!("{note}");
        }
    }
}
