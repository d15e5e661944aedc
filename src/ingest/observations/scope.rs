//! How far a word like "not", "maybe" or "used to" reaches, and what came of what people tried.

use super::lexicon::{CUE, Lexicon};
use super::pattern::Match;
use super::tokens::{Break, Token};
use crate::model::observation::Tried;

/// How many words a negation reaches; small words are not counted.
const REACH: usize = 4;
/// The longest clause that is supposed as a whole.
const LONGEST: usize = 40;
/// How many words may part something tried from what is said to have come of it.
const NEAR: usize = 4;

/// How far it is from being told as a fact; the later, the farther.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// Told as it is.
    #[default]
    None,
    /// "I think": a complaint stays one, the things it is put down to are thought only.
    Hedged,
    /// "I suspect": what is complained of stays, everything else is supposed.
    Suspected,
    /// Asked, wished or heard of others: nothing of it is a fact.
    Hearsay,
}

impl Doubt {
    /// Whether it makes a concept of a category a supposed one.
    pub(super) fn covers(self, category: &str) -> bool {
        match (self, category) {
            (Self::None, _) | (_, "ask") => false,
            (Self::Hedged, _) => matches!(category, "thing" | "result"),
            (Self::Suspected, _) => !matches!(category, "symptom" | "when"),
            (Self::Hearsay, _) => true,
        }
    }
}

/// What stands around each token.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// A negation before it reaches it.
    pub negated: Vec<bool>,
    /// Somebody took it away: "disabled", "got rid of".
    pub removed: Vec<bool>,
    /// It is told of the past: "used to".
    pub past: Vec<bool>,
    /// How far it is from a fact.
    pub doubt: Vec<Doubt>,
    /// It is a word of a concept.
    bound: Vec<bool>,
    /// The number of its sentence.
    pub sentence: Vec<usize>,
    /// The first tokens of cues, with the last ones and names.
    cues: Vec<(usize, usize, &'static str, bool)>,
}

const CUES: [&str; 20] = [
    "negation",
    "no-negation",
    "turn",
    "past",
    "was",
    "until",
    "hearsay",
    "suspicion",
    "might",
    "hedge",
    "removal",
    "attempt",
    "helped",
    "no-effect",
    "worse",
    "off",
    "on",
    "wish",
    "with",
    "open",
];

impl Scopes {
    /// Works out all scopes; `matches` are those that stand, cues among them.
    pub(super) fn of(tokens: &[Token], matches: &[Match], lexicon: &Lexicon) -> Self {
        let mut scopes = Self {
            doubt: vec![Doubt::None; tokens.len()],
            past: vec![false; tokens.len()],
            ..Self::default()
        };
        // Words that belong to a concept negate nothing else: "no" of "no space left".
        let mut bound = vec![false; tokens.len()];
        for found in matches {
            let Some((concept, ..)) = lexicon.meaning(found.pattern) else {
                continue;
            };
            if concept.category() == CUE {
                let name = concept.id.strip_prefix("cue.").unwrap_or_default();
                if let Some(name) = CUES.into_iter().find(|cue| *cue == name) {
                    let cue = (found.first(), found.last(), name, found.negated);
                    scopes.cues.push(cue);
                    if name != "no-negation" {
                        continue;
                    }
                }
            }
            for at in &found.used {
                bound[*at] = true;
            }
        }
        let mut sentence = 0;
        for token in tokens {
            scopes.sentence.push(sentence);
            sentence += usize::from(token.after == Break::Stop);
        }
        let negator = |at: usize| {
            let word = &tokens[at].word;
            !bound[at] && lexicon.index.negators.binary_search(word).is_ok()
        };
        let starts = scopes.ends_of(&["negation"], tokens.len());
        scopes.negated = reach(tokens, lexicon, |at| negator(at) || starts[at]);
        let removals = scopes.ends_of(&["removal"], tokens.len());
        scopes.removed = reach(tokens, lexicon, |at| removals[at]);
        let past = scopes.ends_of(&["past"], tokens.len());
        scopes.past = reach(tokens, lexicon, |at| past[at]);
        scopes.bound = bound;
        scopes.suppose(tokens);
        scopes
    }

    fn ends_of(&self, names: &[&str], length: usize) -> Vec<bool> {
        let mut ends = vec![false; length];
        for (_, last, name, negated) in &self.cues {
            if names.contains(name) && !negated {
                ends[*last] = true;
            }
        }
        ends
    }

    /// Marks what is asked, heard or guessed.
    fn suppose(&mut self, tokens: &[Token]) {
        for (first, last, name, _) in self.cues.clone() {
            let (doubt, from) = match name {
                "hearsay" | "wish" => (Doubt::Hearsay, last + 1),
                "suspicion" => (Doubt::Suspected, last + 1),
                "hedge" => (Doubt::Hedged, last + 1),
                // "The scheduler might be it": the whole clause.
                "might" => (Doubt::Suspected, clause_start(tokens, first)),
                _ => continue,
            };
            let mut at = from;
            while let Some(token) = tokens.get(at) {
                let turns = at > last
                    && self.is_cue("turn", at)
                    && !(name == "hearsay" && token.word == "than");
                if turns {
                    break;
                }
                self.doubt[at] = self.doubt[at].max(doubt);
                let ends = match token.after {
                    Break::None => at > last + LONGEST,
                    Break::Comma => at > last && clause_length(tokens, at + 1) > 3,
                    Break::Stop => true,
                };
                if ends {
                    break;
                }
                at += 1;
            }
        }
        self.suppose_questions(tokens);
    }

    /// "Is it the scheduler?" tells nothing; "why is it slow?" and "is it normal that …?" do.
    fn suppose_questions(&mut self, tokens: &[Token]) {
        const ASKING: [&str; 19] = [
            "is", "are", "was", "do", "does", "did", "can", "could", "should", "shall", "must",
            "may", "might", "will", "would", "has", "have", "am", "need",
        ];
        const OPEN: [&str; 12] = [
            "anyone", "anybody", "someone", "somebody", "normal", "ok", "okay", "expected",
            "usual", "way", "harmful", "bad",
        ];
        let mut start = 0;
        for end in 0..tokens.len() {
            if tokens[end].after == Break::None {
                continue;
            }
            if tokens[end].asked {
                let mut first = start;
                while matches!(
                    tokens[first].word.as_str(),
                    "and" | "or" | "so" | "but" | "then"
                ) && first < end
                {
                    first += 1;
                }
                let head = tokens[first..=end].iter().take(6);
                let open = head.clone().any(|t| OPEN.contains(&t.word.as_str()));
                if ASKING.contains(&tokens[first].word.as_str()) && !open {
                    for doubt in &mut self.doubt[first..=end] {
                        *doubt = Doubt::Hearsay;
                    }
                }
            }
            start = end + 1;
        }
    }

    fn is_cue(&self, name: &str, at: usize) -> bool {
        // The cues stand in the order of their first tokens.
        let from = self.cues.partition_point(|cue| cue.0 < at);
        self.cues[from..]
            .iter()
            .take_while(|cue| cue.0 == at)
            .any(|cue| cue.2 == name)
    }

    /// The cue of a name that begins within the next tokens: its last token, and whether a word
    /// like "not" stands in it.
    fn cue_after(
        &self,
        names: &[&str],
        from: usize,
        within: usize,
    ) -> Option<(&'static str, bool)> {
        let start = self.cues.partition_point(|cue| cue.0 < from);
        self.cues[start..]
            .iter()
            .take_while(|cue| cue.0 < from + within)
            .find(|cue| names.contains(&cue.2))
            .map(|cue| (cue.2, cue.3))
    }

    /// Whether what follows says that it is off: "… is disabled", "… is not used".
    pub(super) fn off_after(&self, found: &Match, tokens: &[Token]) -> bool {
        let last = found.last();
        let stops = tokens.get(last).is_none_or(|t| t.after == Break::Stop);
        // "Snapshots are removed" tells of the removal, not that there are none.
        if stops || self.bound.get(last + 1).copied().unwrap_or_default() {
            return false;
        }
        // "Reads are slow, writes not."
        let bare = tokens.get(last).is_some_and(|t| t.after == Break::None)
            && tokens
                .get(last + 1)
                .is_some_and(|t| matches!(t.word.as_str(), "not" | "never"))
            && tokens.get(last + 1).is_some_and(|t| t.after != Break::None)
            || tokens.len() == last + 2 && tokens[last + 1].word == "not";
        if bare {
            return true;
        }
        match self.cue_after(&["off", "on"], last + 1, 1) {
            Some((cue, negated)) => (cue == "off") != negated,
            None => false,
        }
    }

    /// Whether a cue of the past stands near: "was" before it, "until" after it.
    pub(super) fn is_over(&self, found: &Match, tokens: &[Token]) -> bool {
        let start = self.cues.partition_point(|cue| cue.0 + 6 < found.first());
        let before = self.cues[start..]
            .iter()
            .take_while(|cue| cue.0 <= found.last())
            .any(|cue| {
                cue.2 == "was"
                    && tokens[cue.1..found.first().max(cue.1)]
                        .iter()
                        .all(|t| t.after == Break::None)
            });
        let after = self.cue_after(&["until"], found.last() + 1, 3).is_some()
            && tokens
                .get(found.last())
                .is_some_and(|t| t.after != Break::Stop);
        before || after || self.past.get(found.first()).copied().unwrap_or_default()
    }

    /// What came of what people tried: for each match its outcome.
    pub(super) fn tried(
        &self,
        tokens: &[Token],
        matches: &[Match],
        lexicon: &Lexicon,
    ) -> Vec<Option<Tried>> {
        let mut outcomes = vec![None; matches.len()];
        let tryable: Vec<usize> = (0..matches.len())
            .filter(|at| {
                let meaning = lexicon.meaning(matches[*at].pattern);
                meaning.is_some_and(|(c, ..)| matches!(c.category(), "thing" | "op"))
            })
            .collect();
        for (first, last, name, negated) in &self.cues {
            let negated = *negated || self.negated[*first];
            let outcome = match (*name, negated) {
                ("helped", false) => Tried::Helped,
                ("helped", true) | ("no-effect", false) => Tried::NoEffect,
                ("worse", false) => Tried::Worse,
                _ => continue,
            };
            // What is asked or heard is no outcome.
            if self.doubt[*first] >= Doubt::Hearsay {
                continue;
            }
            let sentence = self.sentence[*first];
            let from =
                tryable.partition_point(|at| self.sentence[matches[*at].first()] + 1 < sentence);
            let near: Vec<usize> = tryable[from..]
                .iter()
                .copied()
                .take_while(|at| self.sentence[matches[*at].first()] <= sentence)
                .take(64)
                .collect();
            let here = |at: &usize| self.sentence[matches[*at].first()] == sentence;
            let mut hit: Vec<usize> = near
                .iter()
                .copied()
                .filter(here)
                .filter(|at| self.belongs(&matches[*at], *first, *last, tokens))
                .collect();
            let begins = *first < 6 || self.sentence[*first - 6] < sentence;
            if hit.is_empty() && begins {
                hit = near
                    .into_iter()
                    .filter(|at| !here(at) && self.attempted(&matches[*at]))
                    .collect();
            }
            for at in hit {
                outcomes[at] = Some(outcome);
            }
        }
        outcomes
    }

    fn attempted(&self, found: &Match) -> bool {
        let sentence = self.sentence[found.first()];
        let end = self.cues.partition_point(|cue| cue.0 <= found.first());
        self.cues[..end]
            .iter()
            .rev()
            .take(64)
            .take_while(|cue| self.sentence[cue.0] == sentence)
            .any(|cue| matches!(cue.2, "attempt" | "removal"))
    }

    fn belongs(&self, found: &Match, first: usize, last: usize, tokens: &[Token]) -> bool {
        if found.last() < first {
            let near = first - found.last() <= NEAR + 1;
            return self.attempted(found)
                || (near
                    && !(found.last()..first)
                        .any(|at| self.is_cue("turn", at) || tokens[at].after != Break::None));
        }
        if found.first() > last {
            let near = found.first() - last <= 2 * NEAR;
            let start = self.cues.partition_point(|cue| cue.0 <= last);
            let joined = self.cues[start..]
                .iter()
                .take_while(|cue| cue.0 <= found.first())
                .any(|cue| matches!(cue.2, "attempt" | "removal" | "with"));
            return near && (joined || tokens[last].after == Break::Comma);
        }
        false
    }
}

/// The tokens that a word reaches which `starts` names: a few, up to the end of the clause.
fn reach(tokens: &[Token], lexicon: &Lexicon, starts: impl Fn(usize) -> bool) -> Vec<bool> {
    const ENDS: [&str; 24] = [
        "but", "however", "although", "though", "yet", "while", "whereas", "when", "whenever",
        "only", "because", "so", "which", "if", "since", "as", "until", "still", "then", "than",
        "before", "after", "except", "unless",
    ];
    const PLACES: [&str; 9] = [
        "on", "in", "at", "with", "for", "from", "during", "by", "via",
    ];
    let mut reached = vec![false; tokens.len()];
    let mut left = 0;
    for (at, token) in tokens.iter().enumerate() {
        reached[at] = left > 0;
        let word = token.word.as_str();
        if starts(at) {
            left = REACH;
        } else if left > 0 {
            if matches!(word, "or" | "nor") {
                left = REACH;
            } else if ENDS.contains(&word)
                || (left < REACH && PLACES.contains(&word))
                || (word == "and" && clause_length(tokens, at + 1) > 2)
            {
                left = 0;
            } else if lexicon.index.light.binary_search(&token.word).is_err() && word != "and" {
                left -= 1;
            }
        }
        match token.after {
            Break::None => {}
            Break::Comma if left > 0 && list_goes_on(tokens, at + 1) => left = REACH,
            Break::Comma | Break::Stop => left = 0,
        }
    }
    reached
}

/// Whether short parts follow up to one that begins with "or" or "nor".
fn list_goes_on(tokens: &[Token], from: usize) -> bool {
    let mut length = 0;
    for token in tokens[from..].iter().take(12) {
        if matches!(token.word.as_str(), "or" | "nor") {
            return true;
        }
        length += 1;
        if length > 3 || token.after == Break::Stop {
            return false;
        }
        if token.after == Break::Comma {
            length = 0;
        }
    }
    false
}

/// How many words there are up to the next break; counted no farther than needed.
fn clause_length(tokens: &[Token], from: usize) -> usize {
    let clause = tokens.get(from..).unwrap_or_default().iter().take(8);
    let end = clause.clone().position(|t| t.after != Break::None);
    end.map_or(clause.count(), |end| end + 1)
}

/// The first token of the clause of a token, looked for a few words back.
fn clause_start(tokens: &[Token], at: usize) -> usize {
    let floor = at.saturating_sub(10);
    (floor..at)
        .rev()
        .find(|i| {
            tokens[*i].after != Break::None || matches!(tokens[*i].word.as_str(), "but" | "and")
        })
        .map_or(floor, |i| i + 1)
}
