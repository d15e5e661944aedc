//! What somebody tells of a machine, as one text.

use serde_json::Value;

/// What somebody tells of a machine at one time: their complaint and all else, in their own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The words: of a JSON value, keys and values in their order, each a sentence.
    pub text: String,
    /// Where they stand: the name of a file, or that of an observation.
    pub source: String,
}

impl Account {
    /// The keys and values of JSON as sentences. Numbers are left out: only words can be compared.
    /// Values nested more than 32 deep say nothing.
    pub fn words_of(value: &Value) -> String {
        let mut text = String::new();
        tell(value, 0, &mut text);
        text
    }
}

fn tell(value: &Value, depth: usize, text: &mut String) {
    if depth > 32 {
        return;
    }
    match value {
        Value::String(words) => {
            text.push_str(words);
            text.push_str(" . ");
        }
        Value::Array(elements) => elements.iter().for_each(|e| tell(e, depth + 1, text)),
        Value::Object(members) => {
            for (key, member) in members {
                text.push_str(". ");
                text.push_str(&key.replace('_', " "));
                text.push(' ');
                tell(member, depth + 1, text);
            }
        }
        Value::Bool(is) => text.push_str(if *is { "true . " } else { "false . " }),
        Value::Number(_) => text.push_str(". "),
        Value::Null => {}
    }
}
