//! What someone knows of a machine that is not at hand, as one loose JSON.
//!
//! Owns the reading *by meaning* of `{"complaint": "…", "facts": {…}}`: keys are hints, values and
//! names decide. Each value ends in one place: a typed fact, an observation in words, or the list of
//! what was not understood. What a person concludes (`root_cause`, `fix`) is no fact and is not read.

mod activity;
mod amount;
mod asked;
mod command;
mod compare;
mod data;
mod df;
mod disk_words;
mod disks;
mod figures;
mod hardware;
mod health;
mod log;
mod medium;
mod memory;
mod mounts;
mod node;
mod options;
mod process;
mod process_words;
mod quota;
mod schema;
mod services;
mod space;
mod stack;
mod subject;
mod told;
mod topic;
mod words;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use self::node::Node;
use super::metrics;
use super::problem::{Problem, quoted};
use crate::model::metrics::{Metrics, MountEntry, Sourced};
use crate::model::{Account, Facts};

pub use self::schema::schema;

/// The largest file that is read, 4 MiB.
const LARGEST: usize = 4 << 20;
/// The most values that a file may hold.
const MOST_LEAVES: usize = 10_000;
/// Values that are listed as not understood; the rest is counted.
const MOST_PROBLEMS: usize = 100;

/// What became of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// A typed fact of hardware, metrics or kernel.
    Typed,
    /// Words or a number of an observation.
    Said,
    /// Nothing: it is in the list of problems.
    NotUnderstood,
}

/// One value of the file and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Where it stands: `facts.metrics.top["btrfs-cleaner"]`.
    pub path: String,
    /// What became of it.
    pub ended: Ended,
}

/// Reads a facts file; `source` is the name shown to people.
pub fn read(source: &str, bytes: &[u8]) -> (Facts, Vec<Problem>) {
    let (facts, problems, _) = read_each(source, bytes);
    (facts, problems)
}

/// The same, with an account of every value. `null` and empty text say nothing and have none.
pub fn read_each(source: &str, bytes: &[u8]) -> (Facts, Vec<Problem>, Vec<Leaf>) {
    let refused = |why: String| {
        (
            Facts::default(),
            vec![Problem::error(source, why)],
            Vec::new(),
        )
    };
    if bytes.len() > LARGEST {
        return refused("larger than 4 MiB; not read".to_owned());
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let value: Value = match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(error) => {
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or_default();
            let problem = Problem::error(source, format!("not valid JSON: {cause}; not read"));
            let problem = match error.line() {
                0 => problem,
                line => problem.at(line, error.column()),
            };
            return (Facts::default(), vec![problem], Vec::new());
        }
    };
    if !value.is_object() {
        return refused(
            "not an object: write {\"complaint\": \"…\", \"facts\": {…}}; not read".to_owned(),
        );
    }
    if Node::leaf_count(&value) > MOST_LEAVES {
        return refused(format!("holds more than {MOST_LEAVES} values; not read"));
    }
    let mut reader = Reader {
        source,
        facts: Facts::default(),
        problems: Vec::new(),
        typed: FxHashSet::default(),
        heard: FxHashSet::default(),
        passed: FxHashMap::default(),
        gathered: Gathered::default(),
    };
    let root = Node::root(&value);
    for member in root.members() {
        match member.key() {
            "$schema" => {}
            key if is_conclusion(key) => {
                let why = "what someone concludes is no fact; not weighed";
                reader.pass(&member, why);
            }
            _ => topic::visit(&mut reader, &member),
        }
    }
    reader.finish(&root)
}

/// Keys beside the facts that tell what somebody takes for the cause or the remedy.
fn is_conclusion(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "cause",
        "causes",
        "diagnosis",
        "fix",
        "solution",
        "remedy",
        "refutes",
        "accept",
        "rank",
        "verdict",
    ];
    node::words(key).iter().any(|w| WORDS.contains(&w.as_str())) || key == "evidence_for"
}

/// A facts file while it is read.
struct Reader<'s> {
    source: &'s str,
    facts: Facts,
    problems: Vec<Problem>,
    /// Paths of the leaves that became typed facts.
    typed: FxHashSet<String>,
    /// Those of them whose words say more than the fact.
    heard: FxHashSet<String>,
    /// Leaves that are not read, with the reason.
    passed: FxHashMap<String, &'static str>,
    /// What several keys tell together.
    gathered: Gathered,
}

/// Facts of which the file may tell the parts at several places.
#[derive(Default)]
struct Gathered {
    memory: memory::Partial,
    usage: space::Loose,
    subvolumes: data::Counted,
    smart: health::LooseSmart,
    fstab: Vec<Sourced<MountEntry>>,
}

impl Reader<'_> {
    fn sourced<T>(&self, node: &Node<'_>, value: T) -> Sourced<T> {
        Sourced {
            value,
            source: self.place(&node.path).into(),
        }
    }

    fn place(&self, path: &str) -> String {
        let path = path.strip_prefix("facts.").unwrap_or(path);
        format!("{}: {}", self.source, shown(path))
    }

    /// A value, or all values below it, became a typed fact.
    fn typed(&mut self, node: &Node<'_>) {
        for leaf in node.leaves() {
            self.typed.insert(leaf.path);
        }
    }

    /// A value became a typed fact, and its words say more than that.
    fn partly(&mut self, node: &Node<'_>) {
        for leaf in node.leaves() {
            self.heard.insert(leaf.path.clone());
            self.typed.insert(leaf.path);
        }
    }

    /// The same where there are such words.
    fn typed_but(&mut self, node: &Node<'_>, rest: &str) {
        if rest.trim().is_empty() {
            self.typed(node);
        } else {
            self.partly(node);
        }
    }

    fn pass(&mut self, node: &Node<'_>, why: &'static str) {
        for leaf in node.leaves() {
            self.passed.insert(leaf.path, why);
        }
    }

    fn note(&mut self, path: &str, message: &str) {
        let message = format!("{}: {message}", shown(path));
        self.problems.push(Problem::note(self.source, message));
    }

    /// Reads the output of a tool that stands in the file. Whether it was one.
    fn output(&mut self, node: &Node<'_>, text: &str) -> bool {
        let source = self.place(&node.path);
        let mut tried = Metrics::default();
        metrics::read_bytes(&source, text.as_bytes(), &mut tried);
        // A version by itself may be that of any kernel: "tried with 6.1.0 and 6.6.3".
        (tried.kernel, tried.nixos, tried.btrfs_progs) = (None, None, None);
        if tried == Metrics::default() {
            return false;
        }
        let problems = metrics::read_bytes(&source, text.as_bytes(), &mut self.facts.metrics);
        let is_prose = topic::is_prose(&node.words());
        if problems.is_empty() && !is_prose {
            self.typed(node);
        } else {
            // Lines between the output are words.
            self.partly(node);
        }
        let is_words = |problem: &Problem| problem.message.starts_with("no known output");
        let problems = problems.into_iter().filter(|p| !(is_prose && is_words(p)));
        self.problems.extend(problems);
        true
    }

    fn finish(mut self, root: &Node<'_>) -> (Facts, Vec<Problem>, Vec<Leaf>) {
        mounts::finish(&mut self);
        space::finish(&mut self);
        data::finish(&mut self);
        health::finish(&mut self);
        memory::finish(&mut self);
        hardware::finish(&mut self);
        let mut leaves = Vec::new();
        let mut untold = 0;
        let mut account = String::new();
        for leaf in root.leaves() {
            if leaf.path == "[\"$schema\"]" {
                continue;
            }
            let (ended, why) = match self.passed.get(&leaf.path) {
                Some(why) => (Ended::NotUnderstood, Some(*why)),
                None if leaf.is_too_deep() => (Ended::NotUnderstood, Some("nested too deep")),
                None => (words::read(&mut self, &leaf), None),
            };
            // What became a fact speaks for itself.
            let is_told = ended != Ended::Typed || self.heard.contains(&leaf.path);
            if is_told && why.is_none() {
                account.push_str(&words::told(&leaf));
            }
            if ended == Ended::NotUnderstood {
                if self.problems.len() < MOST_PROBLEMS {
                    let why = why.map_or_else(
                        || format!("not understood: `{}`", quoted(&words::plain(&leaf))),
                        str::to_owned,
                    );
                    self.note(&leaf.path, &why);
                } else {
                    untold += 1;
                }
            }
            leaves.push(Leaf {
                path: leaf.path,
                ended,
            });
        }
        compare::tell(&mut self, root);
        if untold > 0 {
            let message = format!("and {untold} more values that are not understood");
            self.problems.push(Problem::note(self.source, message));
        }
        self.facts.accounts.push(Account {
            text: account,
            source: self.source.to_owned(),
        });
        (self.facts, self.problems, leaves)
    }
}

/// A path fit to be shown.
fn shown(path: &str) -> String {
    const LONGEST: usize = 160;
    let mut text: String = path
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if path.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}
