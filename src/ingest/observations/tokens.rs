//! A text as words in lower case with the places they stand at.
//!
//! Hyphens, slashes and the like part words; `isn't` is `is` and `not`; a path is one token and no
//! words; a number is parted from its unit (`11MB/s` is `11` and `mb/s`).

use std::ops::Range;

use super::numbers;

/// How far the end of a word parts it from the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Break {
    /// Not at all.
    #[default]
    None,
    /// A comma, a bracket, a dash, a colon.
    Comma,
    /// The end of a sentence.
    Stop,
}

/// One word.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    /// In lower case.
    pub word: String,
    /// Where it stands in the text.
    pub at: Range<usize>,
    /// Its value, where it is a number.
    pub number: Option<f64>,
    /// Of a size, its value in a larger unit, where that is what people would say; of a unit,
    /// that one.
    pub scaled: Option<(f64, &'static str)>,
    /// Its value, where it is a word for a number.
    pub count: Option<f64>,
    /// Whether it is a path; then no words are looked for in it.
    pub path: bool,
    /// What parts it from the next word.
    pub after: Break,
    /// Whether a question mark follows.
    pub asked: bool,
}

impl Token {
    /// How many it says, in figures or in words: of a size, in the unit that people would take.
    pub(super) fn amount(&self) -> Option<f64> {
        let scaled = self.scaled.map(|(value, _)| value);
        scaled
            .filter(|_| self.number.is_some())
            .or(self.number)
            .or(self.count)
    }

    /// The word that patterns are compared with: of a size, the unit that people would take.
    pub(super) fn spoken(&self) -> &str {
        match self.scaled {
            Some((_, unit)) if self.number.is_none() => unit,
            _ => &self.word,
        }
    }
}

/// Abbreviations whose full stop ends no sentence.
const SHORT: [&str; 9] = [
    "e.g", "i.e", "vs", "approx", "ca", "etc", "resp", "incl", "min",
];

/// Words that lost their apostrophe.
const BARE: [(&str, &str); 18] = [
    ("isnt", "is"),
    ("arent", "are"),
    ("wasnt", "was"),
    ("werent", "were"),
    ("dont", "do"),
    ("doesnt", "does"),
    ("didnt", "did"),
    ("cant", "can"),
    ("cannot", "can"),
    ("can't", "can"),
    ("wont", "will"),
    ("won't", "will"),
    ("havent", "have"),
    ("hasnt", "has"),
    ("hadnt", "had"),
    ("couldnt", "could"),
    ("wouldnt", "would"),
    ("shouldnt", "should"),
];

/// What an apostrophe stands for at the end of a word.
const ENDINGS: [(&str, &str); 6] = [
    ("n't", "not"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'m", "am"),
    ("'d", "would"),
];

/// Words after which `'s` is `is` and no possession.
const IS: [&str; 9] = [
    "it",
    "that",
    "there",
    "what",
    "here",
    "everything",
    "nothing",
    "he",
    "she",
];

/// The words of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(chunk) = next_chunk(text, at) {
        // An empty line ends a sentence.
        let between = text.get(at..chunk.start).unwrap_or_default();
        if between.bytes().filter(|b| *b == b'\n').count() > 1 {
            part(&mut found, Break::Stop, false);
        }
        at = chunk.end;
        word(text, chunk, &mut found);
    }
    join_thousands(&mut found);
    join_words(&mut found);
    scale(text, &mut found);
    found
}

/// `2000 GB` is heard as 2 TB: a pattern should not care who wrote which.
fn scale(text: &str, tokens: &mut [Token]) {
    for at in 1..tokens.len() {
        let Some(value) = tokens[at - 1].number else {
            continue;
        };
        let unit = text.get(tokens[at].at.clone()).unwrap_or_default();
        if tokens[at - 1].after == Break::None
            && let Some(scaled) = numbers::scaled(value, unit)
        {
            tokens[at - 1].scaled = Some(scaled);
            tokens[at].scaled = Some(scaled);
        }
    }
}

/// `twenty five` and `three hundred` are one number, `percent` is the sign.
fn join_words(found: &mut Vec<Token>) {
    let mut joined: Vec<Token> = Vec::with_capacity(found.len());
    let mut rest = found.drain(..).peekable();
    while let Some(mut token) = rest.next() {
        if token.path {
            joined.push(token);
            continue;
        }
        if matches!(token.word.as_str(), "percent" | "pct") {
            token.word = "%".to_owned();
        }
        token.count = numbers::word(&token.word);
        if let Some(first) = token.count
            && token.after == Break::None
            && let Some(next) = rest.peek()
            && let Some(value) = numbers::compound(first, &token.word, &next.word)
        {
            token.word = format!("{} {}", token.word, next.word);
            token.number = Some(value);
            token.at.end = next.at.end;
            token.after = next.after;
            token.asked = next.asked;
            rest.next();
        }
        // `one core` counts nothing, `one second` does.
        if token.word == "one" {
            let unit = rest.peek().is_some_and(|t| numbers::is_unit(&t.word));
            token.count = token.count.filter(|_| unit && token.after == Break::None);
        }
        joined.push(token);
    }
    drop(rest);
    *found = joined;
}

/// The next run of characters without white space or dashes.
fn next_chunk(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let skip = rest.find(|c: char| !c.is_whitespace())?;
    let rest = &rest[skip..];
    let length = rest
        .char_indices()
        .find(|(i, c)| c.is_whitespace() || (*i > 0 && matches!(c, '—' | '–' | '…')))
        .map_or(rest.len(), |(i, _)| i);
    Some(from + skip..from + skip + length)
}

/// Parts the last word from what comes.
fn part(found: &mut [Token], after: Break, asked: bool) {
    if let Some(last) = found.last_mut() {
        last.after = last.after.max(after);
        last.asked |= asked;
    }
}

fn word(text: &str, chunk: Range<usize>, found: &mut Vec<Token>) {
    let whole = &text[chunk.clone()];
    if matches!(
        whole,
        "-" | "--" | "—" | "–" | "*" | "•" | "->" | "=>" | "→" | "|"
    ) {
        return part(found, Break::Comma, false);
    }
    let bare = whole
        .trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '+' | '%' | '.'));
    let bare = if bare.starts_with('.') && !bare.starts_with("./") {
        bare.trim_start_matches('.')
    } else {
        bare
    };
    let head = &whole[..whole.len() - bare.len()];
    if head.contains(['(', '[', '{', '—', '–']) {
        part(found, Break::Comma, false);
    }
    if head.contains(['…', ';', '!', '?']) {
        part(found, Break::Stop, head.contains('?'));
    }
    let core = bare.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '%'));
    let core = if core == "/" || core.len() > 1 {
        core
    } else {
        core.trim_end_matches('/')
    };
    let tail = &bare[core.len()..];
    if core.is_empty() {
        let ends = tail.contains(['.', ';', '!', '?']) || whole.contains('…');
        return part(
            found,
            if ends { Break::Stop } else { Break::None },
            tail.contains('?'),
        );
    }
    let from = chunk.start + head.len();
    let known = found.len();
    if is_path(core) {
        found.push(Token {
            word: core.to_owned(),
            at: from..from + core.len(),
            path: true,
            ..Token::default()
        });
    } else if core == "+C" {
        // The attribute of chattr; `+c` is another.
        push(found, "nocow", from..from + 2);
    } else {
        pieces(core, from, found);
    }
    if found.len() == known {
        return;
    }
    let short = SHORT.contains(&core.to_lowercase().as_str());
    let after = if tail.contains([';', '!', '?', '…']) || (tail.contains('.') && !short) {
        Break::Stop
    } else if tail.contains([',', ':', ')', ']', '}']) {
        Break::Comma
    } else {
        Break::None
    };
    part(found, after, tail.contains('?'));
}

fn is_path(core: &str) -> bool {
    core == "/"
        || (core.starts_with('/') && core.len() > 1)
        || core.starts_with("~/")
        || core.starts_with("./")
        || core.contains("://")
}

/// The words of a run of characters: numbers with their units, parts between hyphens.
fn pieces(core: &str, from: usize, found: &mut Vec<Token>) {
    if core == "%" || numbers::is_unit(core) {
        return push(found, &core.to_lowercase(), from..from + core.len());
    }
    let mut rest = core;
    while !rest.is_empty() {
        let at = from + core.len() - rest.len();
        let length = if rest.starts_with(|c: char| c.is_ascii_digit()) {
            let figure = numbers::figure(rest);
            let token = Token {
                word: rest[..figure.length].to_lowercase(),
                at: at..at + figure.length,
                number: figure.value,
                ..Token::default()
            };
            found.push(token);
            let unit = &rest[figure.length..];
            // `MB/s` after a number stays whole.
            if !unit.is_empty() && (unit == "%" || numbers::is_unit(unit)) {
                let at = at + figure.length;
                push(found, &unit.to_lowercase(), at..at + unit.len());
                return;
            }
            figure.length
        } else if rest.starts_with('%') {
            push(found, "%", at..at + 1);
            1
        } else {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’'))
                .unwrap_or(rest.len());
            if length > 0 {
                letters(&rest[..length], at, found);
            }
            length
        };
        let length = length.max(
            rest.chars()
                .next()
                .map_or(1, |c| if length == 0 { c.len_utf8() } else { 0 }),
        );
        rest = &rest[length..];
        // A full stop without a blank parts sentences only between letters of some length.
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '%');
    }
}

fn push(found: &mut Vec<Token>, word: &str, at: Range<usize>) {
    found.push(Token {
        word: word.to_owned(),
        at,
        ..Token::default()
    });
}

/// One word of letters; contractions become the words they stand for.
fn letters(raw: &str, from: usize, found: &mut Vec<Token>) {
    let at = from..from + raw.len();
    let lower = raw.to_lowercase().replace('’', "'");
    let lower = lower.trim_matches('\'');
    if let Some((_, stem)) = BARE.iter().find(|(bare, _)| *bare == lower) {
        push(found, stem, at.clone());
        return push(found, "not", at);
    }
    for (ending, word) in ENDINGS {
        if let Some(stem) = lower.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            push(found, stem, at.clone());
            return push(found, word, at);
        }
    }
    if let Some(stem) = lower.strip_suffix("'s") {
        push(found, stem, at.clone());
        if IS.contains(&stem) {
            push(found, "is", at);
        }
    } else if !lower.is_empty() {
        push(found, lower, at);
    }
}

/// `300 000` is one number.
fn join_thousands(found: &mut Vec<Token>) {
    let three = |t: &Token| t.word.len() == 3 && t.word.bytes().all(|b| b.is_ascii_digit());
    let mut joined: Vec<Token> = Vec::with_capacity(found.len());
    for token in found.drain(..) {
        match joined.last_mut() {
            Some(last)
                if three(&token)
                    && last.after == Break::None
                    && last.at.end + 1 == token.at.start
                    && last.number.is_some_and(|n| n >= 1.0)
                    && last.word.len() <= 11
                    && (last.word.len() <= 3 || last.word.contains(' '))
                    && last.word.bytes().all(|b| b.is_ascii_digit() || b == b' ') =>
            {
                last.number = last
                    .number
                    .and_then(|high| Some(high * 1000.0 + token.number?));
                last.word = format!("{} {}", last.word, token.word);
                last.at.end = token.at.end;
                last.after = token.after;
                last.asked = token.asked;
            }
            _ => joined.push(token),
        }
    }
    *found = joined;
}
