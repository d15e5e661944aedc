//! Owns: what must be true of the evaluated configuration after a change, attribute by attribute.

use serde_json::Value as Json;

use crate::nix::source::Span;

/// What an attribute must be after a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A list of these elements in this order, with others anywhere between them.
    Elements {
        /// What was there and stays, and what took the place of something, in order.
        stay: Vec<Json>,
        /// What is new.
        come: Vec<Json>,
    },
    /// This value.
    Value(Json),
    /// These lines, with new ones in one piece before, between or behind them. Empty lines do not
    /// count: definitions that are joined may bring some.
    Lines {
        /// What was there.
        before: String,
        /// What is new.
        come: Vec<String>,
    },
    /// A set, whatever it holds.
    Declared,
    /// Nothing: it is no longer defined.
    Absent,
    /// Nothing, or null, which says the same of this option.
    Null,
    /// Whatever it is: the change makes it meaningless, and may take it away.
    Any,
    /// A list of which only the inside of an element changes (differences name lists as wholes).
    Inside {
        /// The list as it was.
        before: Json,
        /// Where in it this claim looks: an index, and names below it.
        at: Vec<String>,
        /// What must be true there.
        expected: Box<Expected>,
        /// Everything in the list that claims of the same change name.
        claimed: Vec<Vec<String>>,
    },
}

/// A claim about one attribute of the evaluated configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The attribute path.
    pub path: Vec<String>,
    /// What it is afterwards.
    pub expected: Expected,
}

impl Claim {
    /// Whether an attribute of this value fulfils the claim; `None` where it is not defined.
    pub fn holds(&self, value: Option<&Json>) -> bool {
        self.expected.holds(value)
    }
}

impl Expected {
    fn holds(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            (Expected::Value(wanted), Some(found)) => wanted == found,
            (Expected::Elements { stay, come }, Some(Json::Array(found))) => {
                is_shuffled(stay, come, found)
            }
            (Expected::Lines { before, come }, Some(Json::String(found))) => {
                let lines = |text: &str| -> Vec<String> {
                    let lines = text.lines().map(|l| l.trim().to_owned());
                    lines.filter(|l| !l.is_empty()).collect()
                };
                let (before, found) = (lines(before), lines(found));
                let come = lines(&come.join("\n"));
                (0..=before.len()).any(|at| {
                    let (first, rest) = before.split_at(at);
                    [first, &come, rest].concat() == found
                })
            }
            (Expected::Declared, Some(Json::Object(_))) => true,
            (Expected::Absent | Expected::Null, None) | (Expected::Null, Some(Json::Null)) => true,
            (Expected::Any, _) => true,
            (
                Expected::Inside {
                    before,
                    at,
                    expected,
                    claimed,
                },
                Some(found),
            ) => {
                let rest = |whole: &Json| {
                    let mut whole = whole.clone();
                    claimed.iter().for_each(|path| remove(&mut whole, path));
                    whole
                };
                expected.holds(inside(found, at)) && rest(before) == rest(found)
            }
            _ => false,
        }
    }
}

/// Whether a list consists of `stay`, in order, and of `come`.
fn is_shuffled(stay: &[Json], come: &[Json], found: &[Json]) -> bool {
    let mut left: Vec<&Json> = come.iter().collect();
    let mut next = stay.iter().peekable();
    for element in found {
        if next.next_if_eq(&element).is_some() {
            continue;
        }
        match left.iter().position(|new| *new == element) {
            Some(index) => drop(left.remove(index)),
            None => return false,
        }
    }
    left.is_empty() && next.peek().is_none()
}

/// What stands at a path of names and indices.
pub(super) fn inside<'a>(value: &'a Json, path: &[String]) -> Option<&'a Json> {
    let mut value = value;
    for name in path {
        value = match value {
            Json::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            Json::Object(set) => set.get(name)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Takes away what stands at a path, and the sets that are empty then.
fn remove(value: &mut Json, path: &[String]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    match value {
        Json::Array(items) => {
            if let Some(item) = name.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                remove(item, rest);
            }
        }
        Json::Object(set) => {
            if let Some(inner) = set.get_mut(name) {
                remove(inner, rest);
                if rest.is_empty() || matches!(inner, Json::Object(inner) if inner.is_empty()) {
                    set.remove(name);
                }
            }
        }
        _ => {}
    }
}

/// Why an action could not be written: every candidate failed, or there was none.
#[derive(Debug, Clone, PartialEq)]
pub struct Stuck {
    /// What stands in the way.
    pub why: String,
    /// Where.
    pub at: Option<Span>,
}

impl Stuck {
    pub(super) fn new(why: impl Into<String>, at: Option<Span>) -> Self {
        Stuck {
            why: why.into(),
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(expected: Expected, value: Json) -> bool {
        expected.holds(Some(&value))
    }

    #[test]
    fn what_stays_keeps_its_order() {
        let elements = |stay: &[&str], come: &[&str]| {
            let json = |texts: &[&str]| texts.iter().map(|t| json!(t)).collect();
            Expected::Elements {
                stay: json(stay),
                come: json(come),
            }
        };
        assert!(holds(elements(&["a", "b"], &["c"]), json!(["a", "c", "b"])));
        assert!(holds(elements(&["a"], &["a"]), json!(["a", "a"])));
        assert!(!holds(
            elements(&["a", "b"], &["c"]),
            json!(["b", "a", "c"])
        ));
        assert!(!holds(elements(&["a"], &["c"]), json!(["a"])));
        assert!(!holds(elements(&["a"], &[]), json!(["a", "c"])));
    }

    #[test]
    fn lines_come_in_one_piece() {
        let lines = || Expected::Lines {
            before: "a\nb\n".to_owned(),
            come: vec!["x".to_owned(), "y".to_owned()],
        };
        assert!(holds(lines(), json!("a\nb\n\nx\ny")));
        assert!(holds(lines(), json!("x\ny\na\nb\n")));
        assert!(!holds(lines(), json!("a\nx\nb\ny\n")));
        assert!(!holds(lines(), json!("a\nx\ny\n")));
    }

    #[test]
    fn the_rest_of_a_list_is_not_touched() {
        let before = json!([{"name": "a", "o": [1]}, {"name": "b"}]);
        let claim = || Expected::Inside {
            before: before.clone(),
            at: vec!["0".to_owned(), "o".to_owned()],
            expected: Box::new(Expected::Value(json!([1, 2]))),
            claimed: vec![vec!["0".to_owned(), "o".to_owned()]],
        };
        assert!(holds(
            claim(),
            json!([{"name": "a", "o": [1, 2]}, {"name": "b"}])
        ));
        assert!(!holds(
            claim(),
            json!([{"name": "a", "o": [1, 2]}, {"name": "c"}])
        ));
        assert!(!holds(
            claim(),
            json!([{"name": "a", "o": [1]}, {"name": "b"}])
        ));
    }
}
