//! `btrfs qgroup show`, as text and as JSON: that it prints groups means quotas are on.

use serde_json::Value;

use super::Reading;
use super::json;
use super::size;
use super::text::{Block, Context};
use crate::ingest::problem::quoted;
use crate::model::metrics::QuotaState;

pub(super) fn read(reading: &mut Reading<'_>, block: &Block<'_, '_>) {
    let mut state = QuotaState {
        path: block.context.path.clone(),
        enabled: true,
        ..QuotaState::default()
    };
    let head = block
        .lines
        .first()
        .map_or("", |line| line.text)
        .to_lowercase();
    // The columns of limits stand fourth and fifth, where they were asked for.
    let has_limits = head.contains("max");
    for line in block.lines.iter().skip(1) {
        let words: Vec<&str> = line.words().collect();
        match words[..] {
            [id, ..] if id.starts_with("--") => {}
            [id, ..] if id.contains('/') => {
                state.groups += 1;
                let limits = words.iter().skip(3).take(2);
                state.limited |= has_limits && limits.into_iter().any(|w| size::size(w).is_some());
            }
            _ => {
                let message = format!("not a quota group: `{}`; passed over", quoted(line.text));
                reading.doubt(line.number, message);
            }
        }
    }
    reading.metrics.quotas.push(reading.sourced(state));
}

pub(super) fn read_json(reading: &mut Reading<'_>, groups: &Value, context: &Context) {
    let mut state = QuotaState {
        path: context.path.clone(),
        enabled: true,
        ..QuotaState::default()
    };
    for group in json::objects(groups) {
        state.groups += 1;
        state.limited |= ["max_referenced", "max_exclusive"]
            .iter()
            .any(|key| group.get(*key).and_then(json::number).is_some());
    }
    reading.metrics.quotas.push(reading.sourced(state));
}
