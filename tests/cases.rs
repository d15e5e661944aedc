//! What must hold of the diagnosis over all cases whose cause is known: how often it is right, and
//! that it moves the way it should when facts are taken away, added, or written otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "cases/corpus.rs"]
mod corpus;
#[path = "cases/variants.rs"]
mod variants;

use btrfs_tune::analyze::{Diagnosis, Source};
use btrfs_tune::model::Host;
use btrfs_tune::nix::source::Sources;
use btrfs_tune::report::diagnosis::{self, Verdict};
use corpus::{
    Case, Score, all, analysis, apart, first, ids, lead, of_cause, of_file, ranked, ranking,
};
use serde_json::{Value, json};
use variants::{DECIMAL, SMALLER, SYNONYMS, in_units, irrelevant, mapped, reversed};

/// What must not be lost again: (file, first in %, among three in %, forbidden ones first).
const FLOORS: [(&str, usize, usize, usize); 4] = [
    ("first.json", 94, 97, 0),
    ("more.json", 96, 98, 0),
    ("threads.json", 93, 98, 0),
    ("further.json", 97, 99, 1),
];

/// Log-odds by which a ranking may move without having moved.
const TOLERANCE: f64 = 0.05;

/// Log-odds by which words that have nothing to do with the matter may move how an account reads.
const BY_CHANCE: f64 = 0.5;

/// Some statements hold of nearly every report: of all that were tried, at most one in a hundred may
/// be otherwise, and they are printed.
fn nearly_none(wrong: &[String], tried: usize) {
    println!("{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        wrong.len() * 100 <= tried,
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_right_cause_is_first_as_often_as_it_ever_was() {
    for (file, floor_first, floor_third, most_forbidden) in FLOORS {
        let mut score = Score::default();
        for case in of_file(file) {
            score.judge(&case);
        }
        assert!(score.cases > 0, "{file} holds no case");
        println!("{file}: {}", score.table());
        assert!(
            score.percent(score.first) >= floor_first
                && score.percent(score.third) >= floor_third
                && score.forbidden.len() <= most_forbidden,
            "{file}: at least {floor_first} % first, {floor_third} % among three, at most \
             {most_forbidden} forbidden ones first:\n{}",
            score.table()
        );
    }
}

#[test]
fn each_case_is_well_formed_and_names_known_causes() {
    let known: Vec<&str> = btrfs_tune::analyze::Cause::ALL
        .iter()
        .map(|cause| cause.id())
        .collect();
    let mut seen = Vec::new();
    for case in all() {
        let Case { id, source, .. } = &case;
        assert!(!seen.contains(id), "{id} stands twice");
        seen.push(id.clone());
        assert!(
            source.starts_with("http") || source == "made up",
            "{id}: {source}"
        );
        let named = std::iter::once(&case.root_cause)
            .chain(&case.also_accept)
            .chain(&case.must_not_rank_first);
        for cause in named {
            assert!(known.contains(&cause.as_str()), "{id}: {cause}");
        }
        let refused = |cause: &String| case.accepts(cause);
        assert!(
            !case.must_not_rank_first.iter().any(refused),
            "{id} accepts what it forbids"
        );
    }
}

/// What the pieces read from one fact say of a cause, for (+) or against (-).
fn said_by(diagnosis: Option<&Diagnosis>, id: &str, fact: &str) -> f64 {
    let place = format!("{id}: {fact}");
    let is_of_fact = |source: &Source| {
        let (Source::Hardware(at) | Source::Metrics(at) | Source::Observation(at)) = source else {
            return false;
        };
        at.strip_prefix(&place)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let pieces = diagnosis.into_iter().flat_map(|d| &d.pieces);
    pieces
        .filter(|p| p.sources.iter().any(is_of_fact))
        .map(|p| p.weight)
        .sum()
}

#[test]
fn taking_evidence_away_moves_the_cause_the_way_it_should() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for case in all() {
        let id = &case.id;
        let whole = analysis(id, &case.given().to_string());
        let right = of_cause(&whole, &case.root_cause);
        let before = apart(right);
        let keys = case.facts.keys().map(String::as_str);
        for fact in keys.chain(["complaint"]) {
            let said = said_by(right, id, fact);
            if said == 0.0 {
                continue;
            }
            checked += 1;
            let mut given = case.given();
            let of = match fact {
                "complaint" => &mut given,
                _ => &mut given["facts"],
            };
            of.as_object_mut().unwrap().shift_remove(fact);
            let without = analysis(id, &given.to_string());
            // Without anything that matters to it, there is no diagnosis: nothing is left of it.
            let after = apart(of_cause(&without, &case.root_cause));
            let is_wrong = match said > 0.0 {
                true => after > before + TOLERANCE,
                false => after < before - TOLERANCE && after.is_finite(),
            };
            if is_wrong {
                wrong.push(format!(
                    "{id} without {fact}: {} said {said:+.2}, {before:+.2} became {after:+.2}",
                    case.root_cause
                ));
            }
        }
    }
    nearly_none(&wrong, checked);
    assert!(
        checked > 100,
        "only {checked} facts matter to the right cause"
    );
}

#[test]
fn with_everything_taken_away_there_is_a_command_to_run() {
    for given in [
        json!({}),
        json!({ "complaint": "", "facts": {} }),
        json!({ "facts": {} }),
    ] {
        let name = "nobody";
        let (known, _) = btrfs_tune::ingest::facts::read(name, given.to_string().as_bytes());
        let host = Host::told(name, &known);
        let analysis = btrfs_tune::analyze::Analysis::of(&host);
        let sources = Sources::new(std::env::temp_dir());
        let document = diagnosis::document(&[(host, analysis)], &sources, Vec::new());
        assert_eq!(document.causes, []);
        let machine = &document.machines[0];
        assert_eq!(machine.verdict, Verdict::NotEnoughEvidence, "{given}");
        assert!(!machine.asks.is_empty(), "{given}");
        assert!(
            machine.answer.contains(&machine.asks[0].command),
            "{}",
            machine.answer
        );
    }
}

#[test]
fn facts_that_say_nothing_move_nothing_that_leads() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (at, case) in all().iter().enumerate() {
        let before = ranked(&case.id, &case.given());
        let mut together = case.given();
        for (of, (key, value)) in irrelevant().into_iter().enumerate() {
            together["facts"][key] = value.clone();
            // Each report has a third of them, each of them a third of the reports.
            if of % 3 != at % 3 {
                continue;
            }
            tried += 1;
            let mut given = case.given();
            given["facts"][key] = value;
            let after = ranked(&case.id, &given);
            if first(&after) != first(&before) && lead(&before) > BY_CHANCE {
                wrong.push(format!(
                    "{}: {key} made {} {}",
                    case.id,
                    first(&before),
                    first(&after)
                ));
            }
        }
        let after = ranked(&case.id, &together);
        if first(&after) != first(&before) && lead(&before) > 2.0 * BY_CHANCE {
            wrong.push(format!(
                "{}: all made {} {}",
                case.id,
                first(&before),
                first(&after)
            ));
        }
    }
    nearly_none(&wrong, tried);
}

#[test]
fn an_idle_second_disk_does_not_become_the_cause() {
    let mut wrong = Vec::new();
    for case in all() {
        // Only where the disks are told apart by name can one more be one more.
        let before = ranked(&case.id, &case.given());
        let mut given = case.given();
        given["facts"]["second disk"] =
            json!({ "model": "WD_BLACK SN770 1TB", "kind": "nvme", "holds": "nothing yet" });
        let after = ranked(&case.id, &given);
        // Where hardly anything is known, a disk more is news.
        let is_likely = before.first().is_some_and(|(_, log_odds)| *log_odds >= 0.0);
        if is_likely && lead(&before) > BY_CHANCE && first(&before) != first(&after) {
            wrong.push(format!(
                "{}: {} became {}",
                case.id,
                first(&before),
                first(&after)
            ));
        }
    }
    nearly_none(&wrong, all().len());
}

/// Where another way of writing changes the causes that are told in full: the first three. In what
/// is unlikely a word more or less ("big volume" of terabytes, not of gigabytes) may change places.
fn changed(name: &str, vary: impl Fn(&Case) -> String) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in all() {
        let mut before = ids(&ranked(&case.id, &case.given()));
        let mut after = ids(&ranking(&analysis(&case.id, &vary(&case))));
        before.truncate(3);
        after.truncate(3);
        if before != after {
            let at = before.iter().zip(&after).position(|(a, b)| a != b);
            let at = at.unwrap_or(before.len().min(after.len()));
            wrong.push(format!(
                "{}, {name}: from {}. on {:?} became {:?}",
                case.id,
                at + 1,
                before.get(at),
                after.get(at)
            ));
        }
    }
    wrong
}

#[test]
fn the_way_of_writing_changes_nothing() {
    let same = |text: &str| text.to_owned();
    let upper = |text: &str| text.to_uppercase();
    let mut wrong = changed("keys in another order", |c| {
        reversed(&c.given()).to_string()
    });
    wrong.extend(changed("keys in upper case", |c| {
        let facts = Value::Object(c.facts.clone());
        let words = |text: &str| match is_word(text) {
            true => upper(text),
            false => text.to_owned(),
        };
        json!({ "complaint": c.complaint, "facts": mapped(&facts, &words, &same) }).to_string()
    }));
    wrong.extend(changed("complaint in upper case", |c| {
        json!({ "complaint": upper(&c.complaint), "facts": c.facts }).to_string()
    }));
    wrong.extend(changed("complaint in lower case", |c| {
        json!({ "complaint": c.complaint.to_lowercase(), "facts": c.facts }).to_string()
    }));
    wrong.extend(changed("carriage returns between keys", |c| {
        let pretty = serde_json::to_string_pretty(&c.given()).unwrap();
        pretty.replace('\n', "\r\n")
    }));
    for case in all() {
        let lines = |end: &str| {
            let broken = |text: &str| text.replace(". ", &format!(".{end}"));
            ids(&ranked(&case.id, &mapped(&case.given(), &same, &broken)))
        };
        if lines("\n") != lines("\r\n") {
            wrong.push(format!("{}, carriage returns in texts", case.id));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "\n{}", wrong.join("\n"));
}

/// A key that is a word, not a path, a command or a unit, where the case of letters has a meaning.
/// `metrics` is a key of the format: below it, a text about the processor is a figure, not a model.
fn is_word(key: &str) -> bool {
    key.len() > 3 && key != "metrics" && key.chars().all(|c| c.is_ascii_lowercase())
}

#[test]
fn the_unit_of_a_quantity_hardly_changes_anything() {
    let same = |text: &str| text.to_owned();
    for (text, written) in [
        ("8 GiB of 16.5GiB", "8192 MiB of 16896MiB"),
        ("at 150 MB/s, 2.4%", "at 150000 kB/s, 2.4%"),
        ("sda1 GiB, v5.16GB, 4K", "sda1 GiB, v5.16GB, 4K"),
    ] {
        assert_eq!(in_units(text, &SMALLER), written);
    }
    let mut wrong = Vec::new();
    for (name, units) in [
        ("smaller units", &SMALLER[..]),
        ("powers of ten", &DECIMAL[..]),
    ] {
        wrong.extend(changed(name, |c| {
            // In words a unit is a choice too: who says "900 kB/s" complains of it.
            let facts = Value::Object(c.facts.clone());
            let facts = mapped(&facts, &same, &|text| in_units(text, units));
            json!({ "complaint": c.complaint, "facts": facts }).to_string()
        }));
    }
    // A limit of 4 GB lies between 3.8 GiB and 4.1 GB.
    nearly_none(&wrong, 2 * all().len());
}

#[test]
fn other_names_of_keys_hardly_change_the_first_cause() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for case in all() {
        let before = ranked(&case.id, &case.given());
        let facts = Value::Object(case.facts.clone());
        for (key, others) in SYNONYMS {
            for other in others {
                let rename = |name: &str| if name == key { other } else { name }.to_owned();
                let renamed = mapped(&facts, &rename, &|text| text.to_owned());
                if renamed == facts {
                    continue;
                }
                tried += 1;
                let after = ranked(
                    &case.id,
                    &json!({ "complaint": case.complaint, "facts": renamed }),
                );
                if first(&after) != first(&before) {
                    wrong.push(format!(
                        "{}: {key} as {other}: {} became {}",
                        case.id,
                        first(&before),
                        first(&after)
                    ));
                }
            }
        }
    }
    let share = (tried - wrong.len()) * 100 / tried.max(1);
    println!(
        "{tried} keys renamed, {share} % kept the first cause\n{}",
        wrong.join("\n")
    );
    assert!(
        tried > 300 && share >= 90,
        "{share} % of {tried}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_same_facts_give_the_same_ranking() {
    for case in all() {
        let text = case.given().to_string();
        let (one, other) = (analysis(&case.id, &text), analysis(&case.id, &text));
        assert_eq!(one.diagnoses, other.diagnoses, "{}", case.id);
        assert_eq!(one.asks, other.asks, "{}", case.id);
    }
}

#[test]
fn saying_it_five_times_proves_nothing() {
    let mut wrong = Vec::new();
    for case in all() {
        let once = ranked(&case.id, &case.given());
        let five = [case.complaint.as_str(); 5].join("\n\n");
        let often = ranked(&case.id, &json!({ "complaint": five, "facts": case.facts }));
        for (cause, log_odds) in &often {
            let before = once.iter().find(|(c, _)| c == cause).map(|(_, l)| *l);
            if before.is_none_or(|before| (log_odds - before).abs() > 1e-9) {
                wrong.push(format!(
                    "{}: {cause} {before:?} became {log_odds:.2}",
                    case.id
                ));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "\n{}", wrong.join("\n"));
}
