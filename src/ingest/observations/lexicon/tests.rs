#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use super::super::pattern::{Element, Word};
use super::super::phrase::{understand, workload};
use super::*;
use crate::model::observation::{Observation, Symptom, WorkloadHint};

/// One way to write a word of a pattern.
fn written(word: &Word) -> String {
    match word {
        Word::Exact(word) | Word::Stem(word) => word.clone(),
        Word::Number => "64".to_owned(),
        Word::AtLeast(least) => format!("{}", least + 1.0),
        Word::AtMost(most) => format!("{}", most - 0.5),
        Word::Kernel => "6.10".to_owned(),
        Word::Path => "/x".to_owned(),
    }
}

/// Sentences that a pattern must be found in: each word of each place once, every optional word
/// there and not there.
fn sentences(elements: &[Element]) -> Vec<String> {
    let first = |element: &Element| match element {
        Element::Words(words, _) => written(&words[0]),
        Element::Gap { .. } => String::new(),
    };
    let mut all = BTreeSet::new();
    for (at, element) in elements.iter().enumerate() {
        let Element::Words(words, optional) = element else {
            continue;
        };
        let mut ways: Vec<String> = words.iter().map(written).collect();
        if *optional {
            ways.push(String::new());
        }
        for way in ways {
            let with = |(i, e): (usize, &Element)| if i == at { way.clone() } else { first(e) };
            let words: Vec<String> = elements.iter().enumerate().map(with).collect();
            all.insert(
                words
                    .join(" ")
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
    all.into_iter().collect()
}

#[test]
fn the_files_are_right() {
    let (lexicon, wrong) = Lexicon::build();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(lexicon.concepts().all(|c| !c.means.is_empty()));
}

#[test]
fn every_pattern_is_found_in_its_own_words() {
    let lexicon = Lexicon::standard();
    let mut missed = Vec::new();
    for pattern in 0..lexicon.meanings.len() {
        let (concept, _, kind) = lexicon.meaning(pattern).unwrap();
        if concept.category() == CUE || kind == Kind::Not {
            continue;
        }
        for sentence in sentences(lexicon.index.elements(pattern)) {
            let mut observation = Observation::default();
            understand(&sentence, lexicon, &mut observation);
            if !observation.heard.iter().any(|h| h.concept == concept.id) {
                missed.push(format!("{}: {sentence}", concept.id));
            }
        }
    }
    assert!(
        missed.is_empty(),
        "{}:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

#[test]
fn no_two_concepts_of_a_file_have_a_pattern_in_common() {
    let lexicon = Lexicon::standard();
    let mut seen: BTreeMap<(String, bool, String), String> = BTreeMap::new();
    let mut twice = Vec::new();
    for pattern in 0..lexicon.meanings.len() {
        let (concept, _, kind) = lexicon.meaning(pattern).unwrap();
        if concept.category() == CUE || kind == Kind::Not {
            continue;
        }
        let gaps = lexicon
            .index
            .elements(pattern)
            .iter()
            .any(|e| matches!(e, Element::Gap { .. }));
        for sentence in sentences(lexicon.index.elements(pattern)) {
            let key = (concept.category().to_owned(), gaps, sentence);
            match seen.get(&key) {
                Some(other) if *other != concept.id => {
                    twice.push(format!("{other} and {}: {}", concept.id, key.2));
                }
                _ => _ = seen.insert(key, concept.id.clone()),
            }
        }
    }
    assert!(twice.is_empty(), "{}:\n{}", twice.len(), twice.join("\n"));
}

#[test]
fn every_workload_and_symptom_has_a_concept() {
    let lexicon = Lexicon::standard();
    for hint in WorkloadHint::ALL {
        let id = format!("work.{}", hint.word());
        assert!(lexicon.concept(&id).is_some(), "{id}");
        assert_eq!(workload(&id), Some(hint));
    }
    for symptom in Symptom::ALL {
        let id = format!("symptom.{}", symptom.word());
        assert!(lexicon.concept(&id).is_some(), "{id}");
    }
}
