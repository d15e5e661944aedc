//! Quotas: whether they are on, in whatever words.

use super::Reader;
use super::node::Node;
use crate::model::metrics::{QuotaMode, QuotaState};

/// `true`, `"enabled, no limits"`, `{"enabled": true, "limits_set": 0}`, a number of groups.
pub(super) fn quota(reader: &mut Reader<'_>, node: &Node<'_>) {
    let mut state = QuotaState::default();
    let mut enabled = None;
    let mut taken: Vec<(Node<'_>, String)> = Vec::new();
    // `quota_limits: none` is no quota that is off, `quota_gib: 5` no number of groups.
    let is_whole = node.words().iter().all(|word| {
        [
            "btrfs", "qgroup", "qgroups", "quota", "quotas", "groups", "squota", "simple",
            "enabled", "on", "active", "state", "status", "count", "number", "mode",
        ]
        .contains(&word.as_str())
    });
    if !is_whole && node.is_leaf() {
        return;
    }
    if node.is_object() {
        for member in node.members() {
            let words = member.words();
            let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
            let on = member.state();
            let count = member.plain_count().map(|(n, _)| n);
            let rest = on.map_or("", |(_, rest)| rest).to_owned();
            if has(&["mode", "type", "kind", "accounting"]) {
                let Some(text) = member.text() else { continue };
                let lower = text.to_lowercase();
                state.mode = if lower.contains("simple") || lower.contains("squota") {
                    Some(QuotaMode::Simple)
                } else if lower.contains("full") || lower == "qgroup" || lower == "qgroups" {
                    Some(QuotaMode::Full)
                } else {
                    continue;
                };
                enabled = enabled.or(Some(true));
            } else if has(&["simple", "squota"]) {
                let Some((on, _)) = on else { continue };
                state.mode = Some(if on {
                    QuotaMode::Simple
                } else {
                    QuotaMode::Full
                });
                enabled = enabled.or(Some(true));
            } else if has(&["limits", "limit", "limited", "maximum", "max"]) {
                state.limited = match (on, count) {
                    (Some((on, _)), _) => on,
                    (None, Some(count)) => count > 0,
                    _ => continue,
                };
                if state.limited {
                    enabled = enabled.or(Some(true));
                }
            } else if has(&["inconsistent"]) {
                let Some((on, _)) = on else { continue };
                state.inconsistent = Some(on);
            } else if has(&["count", "groups", "qgroups", "number", "total"]) {
                let Some(count) = count else { continue };
                state.groups = count;
                enabled = enabled.or(Some(count > 0));
            } else if has(&["enabled", "on", "active", "state", "status"]) {
                let Some((on, _)) = on else { continue };
                enabled = Some(on);
            } else if has(&["path", "mount", "mountpoint"]) {
                let Some(path) = member.text().filter(|t| t.starts_with('/')) else {
                    continue;
                };
                state.path = Some(path.to_owned());
            } else {
                continue;
            }
            taken.push((member, rest));
        }
    } else if let Some((on, rest)) = node.state() {
        let words = node.words();
        enabled = Some(on);
        let simple = |text: &str| text.contains("simple") || text.contains("squota");
        if simple(&rest.to_lowercase()) || words.iter().any(|w| w == "squota" || w == "simple") {
            state.mode = Some(QuotaMode::Simple);
        }
        taken.push((node.clone(), rest.to_owned()));
    } else if let Some((count, _)) = node.plain_count() {
        state.groups = count;
        enabled = Some(count > 0);
        taken.push((node.clone(), String::new()));
    } else if let Some(text) = node.text() {
        let lower = text.to_lowercase();
        // `enabled by snapper`, `off since March`, `on for Docker`.
        let behind = [
            "by ", "since ", "for ", "on ", "with ", "without ", "at ", "in ",
        ];
        let led = ["enabled", "on", "active", "disabled", "off", "inactive"]
            .iter()
            .find_map(|word| Some((word, lower.strip_prefix(word)?.strip_prefix(' ')?)))
            .filter(|(_, rest)| behind.iter().any(|b| rest.starts_with(b)));
        if let Some((word, rest)) = led {
            enabled = Some(["enabled", "on", "active"].contains(word));
            if rest.contains("without limits") || rest.contains("no limits") {
                state.limited = false;
            }
            taken.push((node.clone(), text.to_owned()));
        } else if lower.starts_with("simple") || lower.starts_with("squota") {
            state.mode = Some(QuotaMode::Simple);
            enabled = Some(true);
            taken.push((node.clone(), text.to_owned()));
        }
    }
    let Some(enabled) = enabled else { return };
    state.enabled = enabled;
    let state = reader.sourced(node, state);
    reader.facts.metrics.quotas.push(state);
    for (member, rest) in taken {
        reader.typed_but(&member, &rest);
    }
}

/// What `btrfs qgroup show` and `btrfs quota rescan` say, in words: that they name groups, or count
/// them again, tells that there are quotas.
pub(super) fn quota_command(reader: &mut Reader<'_>, node: &Node<'_>, arguments: &[&str]) {
    let Some(text) = node.text() else {
        quota(reader, node);
        return;
    };
    let lower = text.to_lowercase();
    let denied = ["not enabled", "no rescan", "disabled", "not running"];
    let is_off = denied.iter().any(|d| lower.contains(d));
    let named = lower
        .split(|c: char| !(c.is_ascii_digit() || c == '/'))
        .filter(|w| {
            w.strip_prefix("0/")
                .is_some_and(|n| n.len() <= 9 && n.parse::<u32>().is_ok())
        })
        .count();
    let scans = arguments.contains(&"rescan")
        && ["in progress", "running", "key", "started", "scanning"]
            .iter()
            .any(|w| lower.contains(w));
    if lower.contains("quotas not enabled") || lower.contains("quota not enabled") {
        let state = reader.sourced(node, QuotaState::default());
        reader.facts.metrics.quotas.push(state);
        reader.typed(node);
    } else if !is_off && (named > 0 || scans) {
        let path = arguments.iter().find(|word| word.starts_with('/'));
        let cut = lower.contains("...") || lower.contains('…');
        let state = QuotaState {
            path: path.map(|path| (*path).to_owned()),
            enabled: true,
            // Of a shortened list the number is not known.
            groups: if cut { 0 } else { named as u64 },
            inconsistent: scans.then_some(true),
            ..QuotaState::default()
        };
        let state = reader.sourced(node, state);
        reader.facts.metrics.quotas.push(state);
        reader.partly(node);
    }
}
