//! Looking things up in a report whose shapes differ from version to version.

use serde_json::Value;

use crate::ingest::problem::Problem;

/// A whole number: JSON number, decimal string, or the `"0x1f"` that newer reports write.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // Exact below 2^53; larger floats are no counts that anyone wrote.
            (float.fract() == 0.0 && (0.0..9.0e15).contains(&float)).then_some(float as u64)
        }),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// A whole number below 2^32 at `key`.
pub(super) fn small(object: &Value, key: &str) -> Option<u32> {
    u32::try_from(number(object.get(key)?)?).ok()
}

/// The trimmed, non-empty text at `key`: a string, or the `name` of an id object.
pub(super) fn text<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    let value = object.get(key)?;
    let text = value.as_str().or_else(|| value.get("name")?.as_str())?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The strings of the list at `key`.
pub(super) fn strings<'v>(object: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The objects of the list at `key`; `null` elements are normal there and passed over.
pub(super) fn objects<'v>(object: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|v| v.is_object())
}

/// Says what of the list at `key` is neither an object nor `null`.
pub(super) fn doubt_elements(
    source: &str,
    devices: &Value,
    key: &str,
    problems: &mut Vec<Problem>,
) {
    match devices.get(key) {
        None | Some(Value::Null) => {}
        Some(Value::Array(elements)) => {
            for (index, element) in elements.iter().enumerate() {
                if !element.is_object() && !element.is_null() {
                    let message =
                        format!("`hardware.{key}[{index}]` is not an object; passed over");
                    problems.push(Problem::warning(source, message));
                }
            }
        }
        Some(_) => {
            let message = format!("`hardware.{key}` is not a list; nothing of it was read");
            problems.push(Problem::warning(source, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_in_every_form_that_reports_have_used() {
        assert_eq!(number(&json!(512)), Some(512));
        assert_eq!(number(&json!("0x200")), Some(512));
        assert_eq!(number(&json!("512")), Some(512));
        assert_eq!(number(&json!(512.0)), Some(512));
        assert_eq!(number(&json!(7996.11)), None);
        assert_eq!(number(&json!(-1)), None);
        assert_eq!(number(&json!(1e300)), None);
        assert_eq!(number(&json!("0xzz")), None);
        assert_eq!(number(&json!(null)), None);
    }

    #[test]
    fn an_id_is_an_object_or_a_bare_string() {
        let device = json!({"a": {"hex": "0096", "name": "NVME"}, "b": "MMC Controller", "c": ""});
        assert_eq!(text(&device, "a"), Some("NVME"));
        assert_eq!(text(&device, "b"), Some("MMC Controller"));
        assert_eq!(text(&device, "c"), None);
        assert_eq!(text(&device, "d"), None);
    }
}
