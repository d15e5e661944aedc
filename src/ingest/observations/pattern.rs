//! Patterns over words: read from the lexicon's language, found in a text by their first word.
//!
//! The language is told at the top of `lexicon/symptom.toml`. Work per word of a text is bounded:
//! only patterns that begin with it are looked at, each has few elements, and a gap is short.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::tokens::{Break, Token};

/// The most words that a gap `..` stands for, and a gap `...`.
const GAP: usize = 4;
const LONG_GAP: usize = 8;
/// The most words that a gap `;` stands for, which may lie on both sides of a comma.
const COMMA_GAP: usize = 6;
/// The most small words left out between two of a pattern.
const SKIPPED: usize = 3;
/// The most elements of a pattern; the most gaps; the longest word looked at for its beginning.
const ELEMENTS: usize = 12;
const GAPS: usize = 2;
const STEM: usize = 24;
/// The most steps that one pattern takes at one place.
const STEPS: usize = 160;

/// What stands for one word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Exact(String),
    Stem(String),
    Number,
    AtLeast(f64),
    AtMost(f64),
    Kernel,
    Path,
}

impl Word {
    fn is_amount(&self) -> bool {
        matches!(self, Self::Number | Self::AtLeast(_) | Self::AtMost(_))
    }

    fn fits(&self, token: &Token) -> bool {
        match self {
            Self::Exact(word) => !token.path && token.spoken() == *word,
            Self::Stem(stem) => !token.path && token.word.starts_with(stem.as_str()),
            Self::Number => token.amount().is_some(),
            Self::AtLeast(least) => token.amount().is_some_and(|n| n >= *least),
            Self::AtMost(most) => token.amount().is_some_and(|n| n <= *most),
            Self::Kernel => {
                let (major, rest) = token.word.split_once('.').unwrap_or_default();
                major.len() == 1 && rest.starts_with(|c: char| c.is_ascii_digit())
            }
            Self::Path => token.path,
        }
    }
}

/// Whether a word only says how exact a number is: `takes about 20 minutes`.
fn is_about(token: &Token) -> bool {
    const ABOUT: [&str; 19] = [
        "about",
        "around",
        "roughly",
        "nearly",
        "almost",
        "approx",
        "approximately",
        "circa",
        "ca",
        "over",
        "more",
        "than",
        "up",
        "to",
        "at",
        "least",
        "well",
        "between",
        "good",
    ];
    !token.path && ABOUT.contains(&token.word.as_str())
}

/// One place of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Element {
    /// One of these words; `bool`: it may be missing.
    Words(Vec<Word>, bool),
    /// Up to so many words of any kind; whether a comma may stand among or beside them.
    Gap { most: usize, comma: bool },
}

/// What a mark in a pattern stands for, if it is that of a gap.
fn gap_of(part: &str) -> Option<Element> {
    let (most, comma) = match part {
        ".." => (GAP, false),
        "..." => (LONG_GAP, false),
        ";" => (COMMA_GAP, true),
        _ => return None,
    };
    Some(Element::Gap { most, comma })
}

/// Names of word lists, with their words.
pub(super) type Lists = BTreeMap<String, Vec<String>>;

/// The patterns that a text stands for: `a|b_c d` is `a d` and `b c d`.
pub(super) fn variants(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for part in text.split_whitespace() {
        let inner = part.strip_prefix('(').and_then(|p| p.strip_suffix(')'));
        let (several, plain): (Vec<&str>, Vec<&str>) = inner
            .unwrap_or(part)
            .split('|')
            .partition(|one| one.contains('_'));
        let mut ways: Vec<String> = several.iter().map(|one| one.replace('_', " ")).collect();
        match (plain.is_empty(), inner.is_some()) {
            (false, true) => ways.push(format!("({})", plain.join("|"))),
            (false, false) => ways.push(plain.join("|")),
            (true, true) => ways.push(String::new()),
            (true, false) => {}
        }
        all = all
            .iter()
            .flat_map(|begun| ways.iter().map(move |way| format!("{begun} {way}")))
            .map(|text| text.trim().to_owned())
            .collect();
    }
    all
}

/// Reads one pattern.
pub(super) fn parse(text: &str, lists: &Lists) -> Result<Vec<Element>, String> {
    let mut elements = Vec::new();
    for part in text.split_whitespace() {
        if let Some(gap) = gap_of(part) {
            elements.push(gap);
            continue;
        }
        let (inner, optional) = match part.strip_prefix('(').and_then(|p| p.strip_suffix(')')) {
            Some(inner) => (inner, true),
            None => (part, false),
        };
        let mut words = Vec::new();
        for one in inner.split('|') {
            if one.len() > 1 && one.chars().all(|c| c.is_ascii_uppercase()) {
                let list = lists
                    .get(one)
                    .ok_or_else(|| format!("there is no list of words `{one}`"))?;
                for one in list {
                    words.push(word(one)?);
                }
            } else {
                words.push(word(one)?);
            }
        }
        elements.push(Element::Words(words, optional));
    }
    let fixed = elements
        .iter()
        .any(|e| matches!(e, Element::Words(_, false)));
    let gap = |e: Option<&Element>| matches!(e, Some(Element::Gap { .. }));
    let gaps = elements
        .iter()
        .filter(|e| matches!(e, Element::Gap { .. }))
        .count();
    if !fixed {
        Err(format!("`{text}` has no word that must be there"))
    } else if gap(elements.first()) || gap(elements.last()) {
        Err(format!("`{text}` has a gap at its end"))
    } else if elements.len() > ELEMENTS || gaps > GAPS {
        Err(format!("`{text}` is too long"))
    } else {
        Ok(elements)
    }
}

fn word(text: &str) -> Result<Word, String> {
    let plain = |w: &str| {
        !w.is_empty()
            && w.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '\'' | '%' | '+'))
    };
    match text {
        "#" => Ok(Word::Number),
        "#.#" => Ok(Word::Kernel),
        "/" => Ok(Word::Path),
        _ if text.starts_with("#>=") => text[3..]
            .parse()
            .map(Word::AtLeast)
            .map_err(|_| format!("`{text}` names no number")),
        _ if text.starts_with("#<=") => text[3..]
            .parse()
            .map(Word::AtMost)
            .map_err(|_| format!("`{text}` names no number")),
        _ if text != text.to_lowercase() => Err(format!("`{text}` is not in small letters")),
        _ => match text.strip_suffix('~') {
            Some(stem) if plain(stem) && stem.len() <= STEM => Ok(Word::Stem(stem.to_owned())),
            None if plain(text) || text.contains('/') && !text.starts_with('/') => {
                Ok(Word::Exact(text.to_owned()))
            }
            _ => Err(format!("`{text}` is no word of a pattern")),
        },
    }
}

/// Where a pattern was found.
#[derive(Debug, Clone)]
pub(super) struct Match {
    /// Which.
    pub pattern: usize,
    /// The tokens of its words, in order.
    pub used: Vec<usize>,
    /// Whether a word like "not" stands among them that the pattern does not have.
    pub negated: bool,
}

impl Match {
    /// Its first token.
    pub(super) fn first(&self) -> usize {
        self.used.first().copied().unwrap_or_default()
    }

    /// Its last token.
    pub(super) fn last(&self) -> usize {
        self.used.last().copied().unwrap_or_default()
    }
}

/// Patterns by their first word.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    patterns: Vec<Vec<Element>>,
    exact: FxHashMap<String, Vec<usize>>,
    stems: FxHashMap<String, Vec<usize>>,
    numbers: Vec<usize>,
    paths: Vec<usize>,
    /// Small words that may stand anywhere between the words of a pattern.
    pub light: Vec<String>,
    /// Words that turn a pattern into its contrary where they stand within it.
    pub negators: Vec<String>,
}

impl Index {
    /// Adds a pattern and tells its number.
    pub(super) fn add(&mut self, elements: Vec<Element>) -> usize {
        let id = self.patterns.len();
        for element in &elements {
            let Element::Words(words, optional) = element else {
                break;
            };
            for word in words {
                let list = match word {
                    Word::Exact(word) => self.exact.entry(word.clone()).or_default(),
                    Word::Stem(stem) => self.stems.entry(stem.clone()).or_default(),
                    Word::Number | Word::AtLeast(_) | Word::AtMost(_) | Word::Kernel => {
                        &mut self.numbers
                    }
                    Word::Path => &mut self.paths,
                };
                if list.last() != Some(&id) {
                    list.push(id);
                }
            }
            if !optional {
                break;
            }
        }
        self.patterns.push(elements);
        id
    }

    /// The elements of a pattern.
    #[cfg(test)]
    pub(super) fn elements(&self, pattern: usize) -> &[Element] {
        &self.patterns[pattern]
    }

    /// Calls `found` for the longest way in which each pattern stands at `at`.
    pub(super) fn at(&self, tokens: &[Token], at: usize, found: &mut Vec<Match>) {
        let Some(token) = tokens.get(at) else { return };
        let mut ids: Vec<usize> = Vec::new();
        if token.path {
            ids.extend(&self.paths);
        } else {
            if token.amount().is_some() || token.word.starts_with(|c: char| c.is_ascii_digit()) {
                ids.extend(&self.numbers);
            }
            ids.extend(self.exact.get(token.spoken()).into_iter().flatten());
            let ends = token.word.char_indices().map(|(i, c)| i + c.len_utf8());
            for end in ends.take_while(|end| *end <= STEM) {
                ids.extend(self.stems.get(&token.word[..end]).into_iter().flatten());
            }
        }
        // A word may begin a pattern both as it is and by its beginning.
        ids.sort_unstable();
        ids.dedup();
        found.extend(
            ids.into_iter()
                .filter_map(|id| self.found_at(id, tokens, at)),
        );
    }

    fn found_at(&self, id: usize, tokens: &[Token], at: usize) -> Option<Match> {
        let elements = self.patterns.get(id)?;
        let mut search = Search {
            index: self,
            elements,
            tokens,
            used: Vec::with_capacity(elements.len()),
            steps: 0,
        };
        let negated = search.step(0, at, false)?;
        (!search.used.is_empty()).then_some(Match {
            pattern: id,
            used: search.used,
            negated,
        })
    }

    fn is_light(&self, token: &Token) -> bool {
        !token.path && self.light.binary_search(&token.word).is_ok()
    }

    fn is_negator(&self, token: &Token) -> bool {
        !token.path && self.negators.binary_search(&token.word).is_ok()
    }
}

/// The search for one pattern at one place.
struct Search<'s> {
    index: &'s Index,
    elements: &'s [Element],
    tokens: &'s [Token],
    used: Vec<usize>,
    steps: usize,
}

impl Search<'_> {
    /// Whether the elements from `element` on stand from the token `at` on; `Some(negated)`.
    fn step(&mut self, element: usize, at: usize, negated: bool) -> Option<bool> {
        self.steps += 1;
        if self.steps > STEPS {
            return None;
        }
        let Some(now) = self.elements.get(element) else {
            return Some(negated);
        };
        match now {
            Element::Gap { most, comma } => {
                for skipped in 0..=*most {
                    let next = at + skipped;
                    if skipped > 0 && !self.follows(next - 1, *comma) {
                        return None;
                    }
                    if let Some(found) = self.step(element + 1, next, negated) {
                        return Some(found);
                    }
                }
                None
            }
            Element::Words(words, optional) => {
                let found = self.words(words, element, at, negated);
                if found.is_some() || !optional {
                    return found;
                }
                self.step(element + 1, at, negated)
            }
        }
    }

    fn words(
        &mut self,
        words: &[Word],
        element: usize,
        from: usize,
        negated: bool,
    ) -> Option<bool> {
        let mut negated = negated;
        let most = if self.used.is_empty() { 0 } else { SKIPPED };
        let counts = words.iter().any(Word::is_amount);
        for skipped in 0..=most {
            let at = from + skipped;
            let token = self.tokens.get(at)?;
            // Words of one pattern stand in one clause, but for a gap that says otherwise.
            let parted = match self.tokens.get(at.wrapping_sub(1)).map(|t| t.after) {
                _ if self.used.is_empty() => false,
                Some(Break::Comma) => !(skipped == 0 && self.after_comma_gap(element)),
                Some(Break::Stop) | None => true,
                Some(Break::None) => false,
            };
            if parted {
                return None;
            }
            if words.iter().any(|word| word.fits(token)) {
                self.used.push(at);
                if let Some(found) = self.step(element + 1, at + 1, negated) {
                    return Some(found);
                }
                // `2 to 3 minutes`, `2-3 minutes`: the first figure counts.
                if counts
                    && let Some(other) = self.range_end(at)
                    && let Some(found) = self.step(element + 1, other + 1, negated)
                {
                    return Some(found);
                }
                self.used.pop();
            }
            if self.index.is_negator(token) {
                negated = true;
            } else if !(self.index.is_light(token) || counts && is_about(token)) {
                return None;
            }
        }
        None
    }

    /// The second figure of a range that begins at a token.
    fn range_end(&self, at: usize) -> Option<usize> {
        let amount = |at: usize| self.tokens.get(at).and_then(Token::amount);
        let open = |at: usize| self.tokens.get(at).is_some_and(|t| t.after == Break::None);
        let between = self.tokens.get(at + 1).filter(|_| open(at))?;
        if between.amount().is_some() {
            return Some(at + 1);
        }
        let joins = matches!(between.word.as_str(), "to" | "or" | "and") && open(at + 1);
        (joins && amount(at + 2).is_some()).then_some(at + 2)
    }

    /// Whether what stands before an element is a gap that reaches over a comma.
    fn after_comma_gap(&self, element: usize) -> bool {
        let before = element.checked_sub(1).and_then(|e| self.elements.get(e));
        matches!(before, Some(Element::Gap { comma: true, .. }))
    }

    /// Whether a gap may reach over a token: no clause ends there, or only with a comma where that
    /// is allowed, and the word turns nothing. Over a comma a "not" counts as a turn.
    fn follows(&self, at: usize, comma: bool) -> bool {
        const TURNS: [&str; 12] = [
            "but", "however", "although", "though", "yet", "while", "whereas", "because", "until",
            "unless", "except", "despite",
        ];
        self.tokens.get(at).is_some_and(|t| {
            let parted = match t.after {
                Break::None => false,
                Break::Comma => !comma,
                Break::Stop => true,
            };
            let turned = TURNS.contains(&t.word.as_str()) || comma && self.index.is_negator(t);
            !parted && !turned
        })
    }
}
