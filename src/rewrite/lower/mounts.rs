//! The options of mounts: disko's, those of `fileSystems`, and those that stand beside disko's.

use serde_json::Value as Json;

use super::Intent;
use super::claim::Stuck;
use super::elements::ListChange;
use super::look;
use crate::model::{Host, MountSource};
use crate::nix::eval::Data;
use crate::project::Evaluated;
use crate::recommend::MountEdit;

/// What the change of one mount's options asks for.
pub(super) fn intents(
    edit: &MountEdit,
    host: &Host,
    evaluated: &Evaluated,
) -> Result<Vec<Intent>, Stuck> {
    let Some((_, mount)) = host.storage.mount(&edit.mountpoint) else {
        let why = format!("nothing is mounted at {}", edit.mountpoint);
        return Err(Stuck::new(why, None));
    };
    let json = |texts: &[String]| texts.iter().map(|t| Json::from(t.as_str())).collect();
    let (remove, add): (Vec<Json>, Vec<Json>) = (json(&edit.remove), json(&edit.add));
    let beside = file_systems(evaluated, &edit.mountpoint);
    let MountSource::Disko(path) = &mount.source else {
        let path =
            beside.unwrap_or_else(|| vec!["fileSystems".to_owned(), edit.mountpoint.clone()]);
        let path = look::below(&path, &["options"]);
        let change = ListChange::edited(evaluated, &path, &remove, &add)?;
        return Ok(Intent::list(change).into_iter().collect());
    };
    let beside = beside.filter(|_| mount.added.is_some());
    let Some(beside) = beside.map(|path| look::below(&path, &["options"])) else {
        let change = ListChange::edited(evaluated, path, &remove, &add)?;
        return Ok(Intent::list(change).into_iter().collect());
    };
    // Each element is changed where it stands; what is new comes to disko's, unless stronger
    // options of `fileSystems` hide those.
    let written = ListChange::none(evaluated, path)?
        .before
        .unwrap_or_default();
    let besides = ListChange::none(evaluated, &beside)?
        .before
        .unwrap_or_default();
    let hidden = look::counting(evaluated, &beside)
        .first()
        .is_some_and(|w| w.priority < look::DEFAULT_PRIORITY);
    // What one of the lists has already does not come to the other, and what none has cannot go.
    let stands = |element: &Json| written.contains(element) || besides.contains(element);
    let counts = |element: &Json| !hidden && written.contains(element) || besides.contains(element);
    let comes = |new: &Json| !counts(new) || remove.contains(new);
    let pair = |index: usize| {
        let gone = remove.get(index).filter(|element| stands(element));
        (gone, add.get(index).filter(|new| comes(new)))
    };
    let is_here = |index: usize| match pair(index).0 {
        Some(element) => written.contains(element),
        None => !hidden,
    };
    let share = |here: bool| -> (Vec<Json>, Vec<Json>) {
        let pairs = 0..remove.len().max(add.len());
        let (mut gone, mut come, mut more) = (Vec::new(), Vec::new(), Vec::new());
        for index in pairs.filter(|i| is_here(*i) == here) {
            match pair(index) {
                (Some(element), new) => {
                    // What takes a place must keep its index.
                    match new {
                        Some(new) => {
                            gone.insert(come.len(), element.clone());
                            come.push(new.clone());
                        }
                        None => gone.push(element.clone()),
                    }
                }
                (None, Some(new)) => more.push(new.clone()),
                (None, None) => {}
            }
        }
        if !here {
            // What stands in both goes from both: either would keep it in force.
            let in_both = |e: &&Json| written.contains(e) && besides.contains(e);
            gone.extend(remove.iter().filter(in_both).cloned());
        }
        come.extend(more);
        (gone, come)
    };
    let mut out = Vec::new();
    for (path, here) in [(path, true), (&beside, false)] {
        let (gone, come) = share(here);
        if gone.is_empty() && come.is_empty() {
            continue;
        }
        let change = ListChange::edited(evaluated, path, &gone, &come)?;
        out.extend(Intent::list(change));
    }
    Ok(out)
}

/// The path of the entry of `fileSystems` that mounts something at a mount point.
pub(super) fn file_systems(evaluated: &Evaluated, mountpoint: &str) -> Option<Vec<String>> {
    let all = vec!["fileSystems".to_owned()];
    let direct = look::below(&all, &[mountpoint]);
    let named = |path: &[String]| {
        let path = look::below(path, &["mountPoint"]);
        match look::value(evaluated, &path).ok().flatten()?.data {
            Data::Str(text) => Some(text.to_string()),
            _ => None,
        }
    };
    let is_it = |path: &[String]| named(path).is_none_or(|name| name == mountpoint);
    if !look::written(evaluated, &direct).is_empty() && is_it(&direct) {
        return Some(direct);
    }
    let Ok(Some(value)) = look::value(evaluated, &all) else {
        return None;
    };
    let Data::Set(set) = &value.data else {
        return None;
    };
    let mut paths = set.iter().map(|(name, _)| look::below(&all, &[name]));
    paths.find(|path| named(path).as_deref() == Some(mountpoint))
}
