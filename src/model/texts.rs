//! Lists of texts that may be known in part.

use super::{Located, Reading, UnknownFact};
use crate::nix::source::Span;

/// A list of texts, each with the literal that wrote it: known, known in part, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Texts {
    /// Every element is known.
    Known(Vec<Located<String>>),
    /// How many elements there are is known, and some of them are.
    Partly(Vec<Reading<Located<String>>>),
    /// Not even the number of elements is known.
    Unknown(UnknownFact),
}

impl Texts {
    /// A list that nobody wrote.
    pub fn unwritten(texts: &[&str]) -> Self {
        let element = |text: &&str| Located::new((*text).to_owned(), None);
        Texts::Known(texts.iter().map(element).collect())
    }

    /// A list of elements of which each was read by itself.
    pub fn of(elements: Vec<Reading<Located<String>>>) -> Self {
        if elements.iter().any(Result::is_err) {
            return Texts::Partly(elements);
        }
        Texts::Known(elements.into_iter().flatten().collect())
    }

    /// The literals that wrote its elements.
    pub(super) fn places(&self) -> impl Iterator<Item = Span> {
        let elements = self.elements().unwrap_or_default();
        let places: Vec<Span> = elements
            .into_iter()
            .filter_map(|element| element.map_or(None, |e| e.at))
            .collect();
        places.into_iter()
    }

    /// The elements, if all are known.
    pub fn known(&self) -> Option<&[Located<String>]> {
        match self {
            Texts::Known(elements) => Some(elements),
            Texts::Partly(_) | Texts::Unknown(_) => None,
        }
    }

    /// The elements, where their number is known.
    pub fn elements(&self) -> Option<Vec<Result<&Located<String>, &UnknownFact>>> {
        match self {
            Texts::Known(elements) => Some(elements.iter().map(Ok).collect()),
            Texts::Partly(elements) => Some(elements.iter().map(Result::as_ref).collect()),
            Texts::Unknown(_) => None,
        }
    }

    /// What is not known of it.
    pub fn unknown(&self) -> Vec<&UnknownFact> {
        match self {
            Texts::Known(_) => Vec::new(),
            Texts::Partly(elements) => elements.iter().filter_map(|e| e.as_ref().err()).collect(),
            Texts::Unknown(fact) => vec![fact],
        }
    }

    /// This list with another behind it.
    pub fn followed_by(self, more: Texts) -> Texts {
        let elements = |texts| match texts {
            Texts::Known(elements) => Ok(elements.into_iter().map(Ok).collect::<Vec<_>>()),
            Texts::Partly(elements) => Ok(elements),
            Texts::Unknown(fact) => Err(fact),
        };
        match (elements(self), elements(more)) {
            (Ok(mut first), Ok(more)) => {
                first.extend(more);
                Texts::of(first)
            }
            (Err(fact), _) | (_, Err(fact)) => Texts::Unknown(fact),
        }
    }
}
