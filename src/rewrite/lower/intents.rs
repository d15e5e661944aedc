//! Actions → intents, each with what it claims.

use serde_json::Value as Json;

use super::claim::{self, Claim, Expected, Stuck};
use super::elements::ListChange;
use super::entry::NewEntry;
use super::subvolume::{self, New};
use super::{How, Intent, directory, look, mkfs, mounts, place};
use crate::model::{Found, Host};
use crate::nix::eval::Data;
use crate::project::Evaluated;
use crate::recommend::Action;

/// What an action asks the configuration to say.
pub fn intents(action: &Action, host: &Host, evaluated: &Evaluated) -> Result<Vec<Intent>, Stuck> {
    if let Some(path) = option(action)
        && let Some(why) = place::refuses(evaluated, path)
    {
        return Err(Stuck::new(why, None));
    }
    if let Action::SetNixosOption { path, value } = action
        && let Some(stuck) = may_be_set_elsewhere(host, evaluated, path, value)
    {
        return Err(stuck);
    }
    let mut intents = of(action, host, evaluated)?;
    through_lists(&mut intents, evaluated);
    Ok(intents)
}

/// Where a module of the project could not be read, it may set the same option, and Nix refuses two
/// definitions of one that cannot be joined. (Of a file by itself the rest is not seen anyway.)
fn may_be_set_elsewhere(
    host: &Host,
    evaluated: &Evaluated,
    path: &[String],
    value: &Json,
) -> Option<Stuck> {
    if host.found != Found::Flake || value.is_array() {
        return None;
    }
    let skipped = &evaluated.configuration.skipped;
    let hidden = skipped.iter().find(|skipped| skipped.hides())?;
    let why = format!(
        "a module that could not be read may set {} too: {}",
        path.join("."),
        hidden.why.why
    );
    Some(Stuck::new(why, hidden.at.or(hidden.why.at)))
}

/// The option of NixOS that an action is about.
fn option(action: &Action) -> Option<&[String]> {
    match action {
        Action::SetNixosOption { path, .. }
        | Action::EditNixosList { path, .. }
        | Action::AppendNixosLines { path, .. } => Some(path),
        Action::SetDirectoryAttribute { .. } => Some(&[]),
        _ => None,
    }
}

fn of(action: &Action, host: &Host, evaluated: &Evaluated) -> Result<Vec<Intent>, Stuck> {
    let list = |change: ListChange| Ok(Intent::list(change).into_iter().collect());
    match action {
        Action::EditMountOptions { mounts } => {
            let mut intents = Vec::new();
            for edit in mounts {
                intents.extend(mounts::intents(edit, host, evaluated)?);
            }
            Ok(intents)
        }
        Action::AddSubvolume {
            filesystem,
            name,
            mountpoint,
            options,
        } => {
            let mountpoint = mountpoint.as_deref();
            let new = New {
                filesystem,
                name,
                mountpoint,
                options,
                needed_for_boot: false,
            };
            subvolume::is_free(host, &new)?;
            subvolume::add(evaluated, &new)
        }
        Action::SplitSubvolume {
            filesystem,
            name,
            mountpoint,
            options,
        } => {
            let new = New {
                filesystem,
                name,
                mountpoint: Some(mountpoint),
                options,
                needed_for_boot: subvolume::is_needed_for_boot(host, mountpoint),
            };
            subvolume::is_free(host, &new)?;
            subvolume::split(host, evaluated, &new)
        }
        Action::MergeSubvolume { subvolume } => subvolume::merge(host, evaluated, subvolume),
        Action::RenameSubvolume { subvolume, name } => {
            subvolume::rename(evaluated, subvolume, name)
        }
        Action::UnmountSubvolume { subvolume } => subvolume::unmount(evaluated, subvolume),
        Action::AddSwapSubvolume {
            filesystem,
            name,
            mountpoint,
            file,
            size,
        } => {
            let mountpoint = Some(mountpoint.as_str());
            let options = &[];
            let new = New {
                filesystem,
                name,
                mountpoint,
                options,
                needed_for_boot: false,
            };
            subvolume::is_free(host, &new)?;
            subvolume::add_swap(evaluated, &new, file, *size)
        }
        Action::SetMkfs {
            filesystem,
            setting,
        } => list(mkfs::change(evaluated, filesystem, setting)?),
        Action::SetLuksSetting { luks, setting, on } => {
            let path = match luks.first().map(String::as_str) {
                Some("boot") => look::below(luks, &[setting.name()]),
                _ => look::below(luks, &["settings", setting.name()]),
            };
            Ok(vec![Intent::value(&path, &Json::Bool(*on))])
        }
        Action::AddLuksFormatArgs { luks, arguments } => {
            let path = look::below(luks, &["extraFormatArgs"]);
            let mut change = ListChange::none(evaluated, &path)?;
            change.ordered = true;
            // Words count in their order: they are there together, or all of them come.
            let (new, now) = (json(arguments), change.before.clone().unwrap_or_default());
            if new.is_empty() || !now.windows(new.len()).any(|words| words == new) {
                change.added = new;
            }
            list(change)
        }
        Action::SetNixosOption { path, value } => set(evaluated, path, value),
        Action::EditNixosList { path, remove, add } => {
            list(ListChange::edited(evaluated, path, remove, add)?)
        }
        Action::AppendNixosLines { path, lines } => {
            Ok(append(evaluated, path, lines)?.into_iter().collect())
        }
        Action::UnsetNixosOption { path } => {
            if look::written(evaluated, path).is_empty() {
                let why = format!("nothing says anything of {}", path.join("."));
                return Err(Stuck::new(why, None));
            }
            Ok(Intent::gone(evaluated, path, None).into_iter().collect())
        }
        Action::SetDirectoryAttribute {
            directory,
            attribute,
        } => {
            let rule = directory::rule(directory, *attribute);
            let rule = rule.map_err(|why| Stuck::new(why, None))?;
            let path = look::below(&[], &["systemd", "tmpfiles", "rules"]);
            let mut change = ListChange::none(evaluated, &path)?;
            let rule = Json::from(rule);
            if !change.before.iter().flatten().any(|b| *b == rule) {
                change.added.push(rule);
            }
            list(change)
        }
    }
}

fn json(texts: &[String]) -> Vec<Json> {
    texts.iter().map(|t| Json::from(t.as_str())).collect()
}

fn set(evaluated: &Evaluated, path: &[String], value: &Json) -> Result<Vec<Intent>, Stuck> {
    let found = look::value(evaluated, path);
    let is_list = matches!(&found, Ok(Some(v)) if matches!(v.data, Data::List(_)));
    match value {
        Json::Array(items) if is_list => {
            let change = ListChange::to(evaluated, path, items)?;
            Ok(Intent::list(change).into_iter().collect())
        }
        Json::Object(wanted) if !wanted.is_empty() => {
            let Ok(Some(found)) = found else {
                return Ok(vec![Intent::value(path, value)]);
            };
            // Attribute by attribute, so that what is there already is left as it is written.
            let now = look::json(evaluated, path, &found);
            if !now.is_object() {
                return Ok(vec![Intent::value(path, value)]);
            }
            // What the value does not name stays, as definitions of a set are merged.
            let mut intents = Vec::new();
            for (leaf, value) in look::leaves(path, value) {
                if claim::inside(&now, &leaf[path.len()..]) != Some(&value) {
                    intents.extend(set(evaluated, &leaf, &value)?);
                }
            }
            Ok(intents)
        }
        value => Ok(vec![Intent::value(path, value)]),
    }
}

fn append(
    evaluated: &Evaluated,
    path: &[String],
    lines: &[String],
) -> Result<Option<Intent>, Stuck> {
    if let Some(line) = lines.iter().find(|l| l.contains(['\n', '\r'])) {
        let why = format!("{line:?} is more than one line");
        return Err(Stuck::new(why, None));
    }
    let before = match look::value(evaluated, path)? {
        None => String::new(),
        Some(found) => match &found.data {
            Data::Str(text) => text.to_string(),
            _ => {
                let why = format!("{} is a {}, not text", path.join("."), found.type_name());
                return Err(Stuck::new(why, found.at));
            }
        },
    };
    let has = |line: &&String| before.lines().any(|l| l.trim() == line.trim());
    let missing: Vec<String> = lines.iter().filter(|l| !has(l)).cloned().collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let expected = Expected::Lines {
        before,
        come: missing.clone(),
    };
    Ok(Some(Intent {
        about: path.join("."),
        claims: vec![Claim {
            path: path.to_vec(),
            expected,
        }],
        how: How::Lines {
            path: path.to_vec(),
            lines: missing,
        },
    }))
}

impl Intent {
    /// A list as it shall be; `None` if it is so.
    pub(super) fn list(change: ListChange) -> Option<Intent> {
        if change.is_empty() {
            return None;
        }
        Some(Intent {
            about: change.path.join("."),
            claims: vec![Claim {
                path: change.path.clone(),
                expected: change.expected(),
            }],
            how: How::List(change),
        })
    }

    /// An option with a value.
    pub(super) fn value(path: &[String], value: &Json) -> Intent {
        let claim = |(path, value)| Claim {
            path,
            expected: Expected::Value(value),
        };
        Intent {
            about: path.join("."),
            claims: look::leaves(path, value).into_iter().map(claim).collect(),
            how: How::Value {
                path: path.to_vec(),
                value: value.clone(),
            },
        }
    }

    /// A set with one more entry.
    pub(super) fn entry(new: NewEntry) -> Intent {
        let value = Json::Object(new.value.clone());
        let Intent { claims, about, .. } = Intent::value(&new.path(), &value);
        Intent {
            about,
            claims,
            how: How::Entry(new),
        }
    }

    /// What is no longer said; `None` if it is not.
    pub(super) fn gone(
        evaluated: &Evaluated,
        path: &[String],
        keep: Option<&[String]>,
    ) -> Option<Intent> {
        if look::written(evaluated, path).is_empty() {
            return None;
        }
        let now = match look::value(evaluated, path) {
            Ok(Some(found)) => look::json(evaluated, path, &found),
            Ok(None) => return None,
            Err(_) => Json::Null,
        };
        let mut claims: Vec<Claim> = look::leaves(path, &now)
            .into_iter()
            .map(|(path, _)| Claim {
                path,
                expected: Expected::Absent,
            })
            .collect();
        claims.extend(keep.map(|keep| Claim {
            path: keep.to_vec(),
            expected: Expected::Declared,
        }));
        Some(Intent {
            about: path.join("."),
            claims,
            how: How::Gone {
                path: path.to_vec(),
                keep: keep.map(<[String]>::to_vec),
            },
        })
    }

    /// An attribute under another name.
    pub(super) fn renamed(
        evaluated: &Evaluated,
        path: &[String],
        name: &str,
        list: Option<ListChange>,
    ) -> Intent {
        let now = match look::value(evaluated, path) {
            Ok(Some(found)) => look::json(evaluated, path, &found),
            _ => Json::Null,
        };
        let mut new = path.to_vec();
        if let Some(last) = new.last_mut() {
            *last = name.to_owned();
        }
        let mut claims = Vec::new();
        for (leaf, value) in look::leaves(path, &now) {
            let rest = &leaf[path.len()..];
            let changed = list.as_ref().filter(|list| list.path == leaf);
            claims.push(Claim {
                path: [new.as_slice(), rest].concat(),
                expected: changed.map_or(Expected::Value(value), ListChange::expected),
            });
            claims.push(Claim {
                path: leaf,
                expected: Expected::Absent,
            });
        }
        Intent {
            about: path.join("."),
            claims,
            how: How::Renamed {
                path: path.to_vec(),
                name: name.to_owned(),
                list,
            },
        }
    }
}

/// A difference names a list as a whole: claims about what is inside one say so.
fn through_lists(intents: &mut [Intent], evaluated: &Evaluated) {
    let claims = intents.iter().flat_map(|i| &i.claims);
    let inside: Vec<(Vec<String>, usize)> = claims
        .filter_map(|c| Some((c.path.clone(), look::list_on_the_way(evaluated, &c.path)?)))
        .collect();
    if inside.is_empty() {
        return;
    }
    for claim in intents.iter_mut().flat_map(|i| &mut i.claims) {
        let Some((_, at)) = inside.iter().find(|(path, _)| *path == claim.path) else {
            continue;
        };
        let (list, rest) = claim.path.split_at(*at);
        let before = match look::value(evaluated, list) {
            Ok(Some(found)) => look::json(evaluated, list, &found),
            _ => continue,
        };
        let claimed = inside
            .iter()
            .filter(|(path, _)| path.starts_with(list))
            .map(|(path, at)| path[*at..].to_vec())
            .collect();
        claim.expected = Expected::Inside {
            before,
            at: rest.to_vec(),
            expected: Box::new(match claim.expected.clone() {
                Expected::Elements { stay, come } => {
                    Expected::Value(Json::Array([stay, come].concat()))
                }
                other => other,
            }),
            claimed,
        };
        claim.path = list.to_vec();
    }
}
