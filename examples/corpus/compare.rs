//! Our values beside Nix's.

use btrfs_tune::report::inspect::HostDocument;
use serde_json::Value as Json;

use super::table::Outcome;
use super::values::{Told, Values, is_marked};

/// What came of comparing one filesystem with all truths there are about it.
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
}

/// Words by which this program says that a value comes from outside of what it reads.
const OUTSIDE: [&str; 6] = [
    "is passed from outside",
    "no file of the project defines",
    "comes from the flake input",
    "comes from the package set",
    "outside the project",
    "fetches or builds",
];

/// Compares with every truth: a value is wrong if no truth has it. Equal is what agrees with one
/// truth throughout.
pub(crate) fn filesystem(
    host: &HostDocument,
    ours: &Values,
    truths: &[Values],
    stubbed: bool,
) -> Verdict {
    let mut wrong = Vec::new();
    for (key, told) in ours {
        let said: Vec<Option<&Told>> = truths.iter().map(|t| t.get(key)).collect();
        if !said.iter().any(|truth| agrees(told, *truth, stubbed)) {
            wrong.push(format!(
                "{key}: {} for {}",
                shown(Some(told)),
                shown(said[0])
            ));
        }
    }
    if !wrong.is_empty() {
        return Verdict {
            outcome: Outcome::Wrong,
            detail: wrong.join("; "),
        };
    }
    truths
        .iter()
        .map(|truth| against(host, ours, truth))
        .min_by_key(|verdict| verdict.outcome)
        .unwrap_or(Verdict {
            outcome: Outcome::Missing,
            detail: "no truth".to_owned(),
        })
}

/// Whether what we tell is not contradicted by a truth.
fn agrees(told: &Told, truth: Option<&Told>, stubbed: bool) -> bool {
    match (told, truth) {
        (Told::Unknown, _) => true,
        (Told::Known(ours), Some(Told::Known(truth))) => ours == truth,
        (Told::Partly(ours), Some(Told::Known(Json::Array(truth)))) => {
            // A stand-in list may have another length.
            stubbed && truth.iter().any(is_marked)
                || ours.len() == truth.len()
                    && ours
                        .iter()
                        .zip(truth)
                        .all(|(ours, truth)| ours.as_deref().is_none_or(|o| truth == o))
        }
        _ => false,
    }
}

/// How far we agree with one truth.
fn against(host: &HostDocument, ours: &Values, truth: &Values) -> Verdict {
    let mut equal = 0;
    let mut details = Vec::new();
    let (mut outside, mut missing, mut differs) = (true, false, false);
    for (key, said) in truth {
        let told = ours.get(key);
        match (told, said) {
            (Some(told), said) if told == said => equal += 1,
            (Some(Told::Known(_)), _) => {
                differs = true;
                details.push(format!("{key}: {} for {}", shown(told), shown(Some(said))));
            }
            (Some(Told::Partly(_) | Told::Unknown), said) => {
                let reason = reason(host, key);
                outside &= is_outside(&reason) || matches!(said, Told::Known(v) if is_marked(v));
                details.push(format!(
                    "{key}: unknown for {} ({reason})",
                    shown(Some(said))
                ));
            }
            // The device of a mount that disko makes is disko's.
            (None, _) if key == "device" && !ours.contains_key("extraArgs") => {}
            (None, said) => {
                let reason = reason(host, key);
                let explained = is_outside(&reason);
                outside &= explained;
                missing |= !explained && reason.is_empty();
                details.push(format!(
                    "{key}: missing for {} ({reason})",
                    shown(Some(said))
                ));
            }
        }
    }
    let extra = ours.keys().filter(|key| !truth.contains_key(*key)).count();
    let outcome = match () {
        () if differs || extra > 0 => Outcome::Partly,
        () if details.is_empty() => Outcome::Equal,
        () if missing => Outcome::Missing,
        () if outside => Outcome::Outside,
        () if equal == 0 => Outcome::Unknown,
        () => Outcome::Partly,
    };
    if extra > 0 {
        details.push(format!("{extra} more values than in this truth"));
    }
    Verdict {
        outcome,
        detail: details.join("; "),
    }
}

pub(crate) fn is_outside(reason: &str) -> bool {
    OUTSIDE.iter().any(|words| reason.contains(words))
}

/// Why a value is unknown: the reason of the entry that is nearest to it.
pub(crate) fn reason(host: &HostDocument, key: &str) -> String {
    let subvolume = key.strip_prefix("subvolumes.");
    let near = |what: &str| {
        what.ends_with(key)
            || subvolume.is_some_and(|s| {
                let name = s.rsplit_once('.').map_or(s, |x| x.0);
                what.ends_with(&format!("subvolumes.{name}")) || what.ends_with("subvolumes")
            })
            || key == "device" && (what.ends_with(".device") || what.ends_with(".name"))
            || key == "device" && what.ends_with(".label")
            || key == "extraArgs" && what.ends_with(".extraArgs")
    };
    let found = host.unknown.iter().find(|u| near(&u.what));
    found.map(|u| u.why.clone()).unwrap_or_default()
}

fn shown(told: Option<&Told>) -> String {
    match told {
        Some(Told::Known(value)) => value.to_string(),
        Some(Told::Partly(elements)) => format!("{elements:?}"),
        Some(Told::Unknown) => "unknown".to_owned(),
        None => "nothing".to_owned(),
    }
}
