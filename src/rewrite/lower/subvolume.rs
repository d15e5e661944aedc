//! Subvolumes that come, go, are renamed or no longer mounted, as disko or `fileSystems` says it.

use serde_json::{Map, Value as Json, json};

use super::claim::{Claim, Expected, Stuck};
use super::elements::{Fate, ListChange};
use super::entry::NewEntry;
use super::{Candidate, How, Intent, gone, look, mounts, value};
use crate::btrfs::whole::MOUNTED_IN_INITRD;
use crate::model::Host;
use crate::model::storage::is_below;
use crate::model::units::Bytes;
use crate::nix::edit::NewValue;
use crate::nix::eval::Data;
use crate::project::Evaluated;

/// A subvolume that is to come.
pub(super) struct New<'a> {
    pub(super) filesystem: &'a [String],
    pub(super) name: &'a str,
    pub(super) mountpoint: Option<&'a str>,
    pub(super) options: &'a [String],
    /// Whether the initrd has to mount it.
    pub(super) needed_for_boot: bool,
}

/// Refuses a mount point that has something mounted on it.
pub(super) fn is_free(host: &Host, new: &New<'_>) -> Result<(), Stuck> {
    match new.mountpoint.filter(|at| host.storage.is_mount_point(at)) {
        Some(at) => Err(Stuck::new(
            format!("something is mounted at {at} already"),
            host.storage.mount(at).and_then(|(_, mount)| mount.at),
        )),
        None => Ok(()),
    }
}

/// Whether a directory that gets a mount of its own is looked into before the mounts of the running
/// system are made: it lies on a mount of the initrd, and directories in it are bound to other places
/// (impermanence and preservation make them, and what they hold, in the initrd or at activation).
pub(super) fn is_needed_for_boot(host: &Host, directory: &str) -> bool {
    let early = host
        .storage
        .holding(directory)
        .is_some_and(|(_, m)| m.needed_for_boot);
    let bound = host
        .storage
        .binds
        .iter()
        .any(|bind| is_below(&bind.from, directory));
    early && bound && !MOUNTED_IN_INITRD.contains(&directory)
}

/// Makes a directory a subvolume.
pub(super) fn split(
    host: &Host,
    evaluated: &Evaluated,
    new: &New<'_>,
) -> Result<Vec<Intent>, Stuck> {
    let mountpoint = new.mountpoint.unwrap_or_default();
    if let Some(bind) = host.storage.bound_above(mountpoint) {
        let rest = mountpoint.strip_prefix(bind.from.trim_end_matches('/'));
        let seen = format!(
            "{}{}",
            bind.at.trim_end_matches('/'),
            rest.unwrap_or_default()
        );
        let why = format!(
            "{mountpoint} is seen at {seen} through the bind mount of {}, which would go on showing \
             the old directory",
            bind.at
        );
        return Err(Stuck::new(why, None));
    }
    let mut intents = add(evaluated, new)?;
    // disko has no option for it; NixOS has, and joins the two.
    if new.needed_for_boot && is_disko(new.filesystem) {
        let path = ["fileSystems", mountpoint, "neededForBoot"].map(str::to_owned);
        if let Some(why) = super::place::refuses(evaluated, &path) {
            return Err(Stuck::new(why, None));
        }
        intents.push(Intent::value(&path, &Json::Bool(true)));
    }
    Ok(intents)
}

fn is_disko(path: &[String]) -> bool {
    path.first().is_some_and(|name| name == "disko")
}

fn exists(evaluated: &Evaluated, path: &[String]) -> Result<(), Stuck> {
    match look::value(evaluated, path)? {
        Some(_) => Ok(()),
        None => Err(Stuck::new(format!("{} is not there", path.join(".")), None)),
    }
}

/// The text at a path, if there is one.
fn text(evaluated: &Evaluated, path: &[String], name: &str) -> Option<String> {
    match look::value(evaluated, &look::below(path, &[name])) {
        Ok(Some(value)) => match &value.data {
            Data::Str(text) => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Declares a subvolume.
pub(super) fn add(evaluated: &Evaluated, new: &New<'_>) -> Result<Vec<Intent>, Stuck> {
    exists(evaluated, new.filesystem)?;
    if !is_disko(new.filesystem) {
        return mount(evaluated, new).map(|intent| vec![intent]);
    }
    if text(evaluated, new.filesystem, "type").as_deref() == Some("filesystem") {
        let why = "disko's type `filesystem` has no subvolumes: the type must be `btrfs` first";
        return Err(Stuck::new(why, None));
    }
    let mut value = Map::new();
    if let Some(mountpoint) = new.mountpoint {
        value.insert("mountpoint".to_owned(), mountpoint.into());
    }
    if !new.options.is_empty() {
        value.insert("mountOptions".to_owned(), json!(new.options));
    }
    let holder = look::below(new.filesystem, &["subvolumes"]);
    absent(evaluated, &holder, new.name)?;
    Ok(vec![Intent::entry(NewEntry {
        holder,
        name: new.name.to_owned(),
        value,
        like: None,
    })])
}

fn absent(evaluated: &Evaluated, holder: &[String], name: &str) -> Result<(), Stuck> {
    let path = look::below(holder, &[name]);
    match look::value(evaluated, &path)? {
        None => Ok(()),
        Some(found) => {
            let why = format!("{} is there already", path.join("."));
            Err(Stuck::new(why, found.at))
        }
    }
}

/// Mounts a subvolume through `fileSystems`, from the device of its sibling.
fn mount(evaluated: &Evaluated, new: &New<'_>) -> Result<Intent, Stuck> {
    let Some(mountpoint) = new.mountpoint else {
        let why = "`fileSystems` names only what is mounted somewhere";
        return Err(Stuck::new(why, None));
    };
    let Some((like, holder)) = new.filesystem.split_last() else {
        return Err(Stuck::new("no filesystem is named", None));
    };
    absent(evaluated, holder, mountpoint)?;
    let mut value = Map::new();
    for name in ["device", "label"] {
        if let Some(text) = text(evaluated, new.filesystem, name) {
            value.insert(name.to_owned(), text.into());
            break;
        }
    }
    if value.is_empty() {
        let why = format!("what {} mounts is not known", new.filesystem.join("."));
        let found = look::value(evaluated, new.filesystem)?;
        return Err(Stuck::new(why, found.and_then(|f| f.at)));
    }
    value.insert("fsType".to_owned(), "btrfs".into());
    let names = |option: &String| option.split(',').any(|w| w.starts_with("subvol="));
    let mut options = new.options.to_vec();
    if !options.iter().any(names) {
        options.insert(0, format!("subvol={}", new.name));
    }
    value.insert("options".to_owned(), json!(options));
    if new.needed_for_boot {
        value.insert("neededForBoot".to_owned(), true.into());
    }
    Ok(Intent::entry(NewEntry {
        holder: holder.to_vec(),
        name: mountpoint.to_owned(),
        value,
        like: Some(like.clone()),
    }))
}

/// A subvolume with a swap file in it.
pub(super) fn add_swap(
    evaluated: &Evaluated,
    new: &New<'_>,
    file: &str,
    size: Bytes,
) -> Result<Vec<Intent>, Stuck> {
    const MIB: u64 = 1 << 20;
    let bytes = size.0;
    if bytes == 0 || !bytes.is_multiple_of(MIB) {
        let why = format!("{bytes} bytes are no whole number of mebibytes");
        return Err(Stuck::new(why, None));
    }
    let mountpoint = new.mountpoint.unwrap_or_default();
    if is_disko(new.filesystem) {
        let mut intents = add(evaluated, new)?;
        let shown = match bytes % (1024 * MIB) {
            0 => format!("{}G", bytes / (1024 * MIB)),
            _ => format!("{}M", bytes / MIB),
        };
        if let Some(How::Entry(entry)) = intents.first_mut().map(|i| &mut i.how) {
            let mut value = entry.value.clone();
            value.insert("swap".to_owned(), json!({ file: { "size": shown } }));
            let entry = NewEntry {
                value,
                ..entry.clone()
            };
            return Ok(vec![Intent::entry(entry)]);
        }
        return Ok(intents);
    }
    let path = format!("{}/{file}", mountpoint.trim_end_matches('/'));
    let device = json!({ "device": path, "size": bytes / MIB });
    let swap = ListChange::edited(evaluated, &["swapDevices".to_owned()], &[], &[device])?;
    let mut intents = vec![mount(evaluated, new)?];
    intents.extend(Intent::list(swap));
    Ok(intents)
}

/// What else is said of the mount point of a subvolume that disko mounts.
fn beside(evaluated: &Evaluated, subvolume: &[String]) -> Vec<Intent> {
    let mountpoint = text(evaluated, subvolume, "mountpoint");
    let path = mountpoint.and_then(|m| mounts::file_systems(evaluated, &m));
    let gone = path.map(|path| Intent::gone(evaluated, &path, None));
    gone.into_iter().flatten().collect()
}

/// Gives a subvolume up.
pub(super) fn merge(
    host: &Host,
    evaluated: &Evaluated,
    subvolume: &[String],
) -> Result<Vec<Intent>, Stuck> {
    exists(evaluated, subvolume)?;
    let mountpoint = match is_disko(subvolume) {
        true => text(evaluated, subvolume, "mountpoint"),
        false => subvolume.last().cloned(),
    };
    if let Some(at) = mountpoint
        && host.storage.is_elsewhere(&at)
    {
        let why =
            format!("what lies in it would move to the directory {at}, which is not on btrfs");
        return Err(Stuck::new(why, None));
    }
    let mut intents = Vec::new();
    if is_disko(subvolume) {
        no_swap(evaluated, subvolume)?;
        intents.extend(beside(evaluated, subvolume));
    }
    intents.extend(Intent::gone(evaluated, subvolume, None));
    Ok(intents)
}

/// Keeps a subvolume without mounting it.
pub(super) fn unmount(evaluated: &Evaluated, subvolume: &[String]) -> Result<Vec<Intent>, Stuck> {
    exists(evaluated, subvolume)?;
    if !is_disko(subvolume) {
        // `fileSystems` names nothing that is not mounted.
        return Ok(Intent::gone(evaluated, subvolume, None)
            .into_iter()
            .collect());
    }
    no_swap(evaluated, subvolume)?;
    let mut intents = beside(evaluated, subvolume);
    let claim = |names: &[&str], expected| Claim {
        path: look::below(subvolume, names),
        expected,
    };
    intents.push(Intent {
        about: subvolume.join("."),
        claims: vec![
            claim(&["mountpoint"], Expected::Null),
            claim(&["mountOptions"], Expected::Any),
            claim(&[], Expected::Declared),
        ],
        how: How::Unmounted {
            subvolume: subvolume.to_vec(),
        },
    });
    Ok(intents)
}

/// Ways of not mounting a subvolume that disko declares: its options mean nothing then.
pub(super) fn unmounted(evaluated: &Evaluated, subvolume: &[String]) -> Vec<Candidate> {
    let (mountpoint, options) = (
        look::below(subvolume, &["mountpoint"]),
        look::below(subvolume, &["mountOptions"]),
    );
    let mut out = Vec::new();
    for keep in [None, Some(subvolume)] {
        let both = [options.as_slice(), &mountpoint];
        out.extend(gone::bindings(evaluated, &both, keep));
    }
    // Where they are all that is said of it.
    for definition in look::counting(evaluated, subvolume) {
        let nothing = NewValue::Set(Vec::new());
        out.extend(value::at_binding(
            evaluated,
            &definition,
            subvolume,
            &nothing,
        ));
    }
    for keep in [None, Some(subvolume)] {
        out.extend(gone::bindings(evaluated, &[&mountpoint], keep));
    }
    out.extend(value::instead(
        evaluated,
        &mountpoint,
        &NewValue::from(&Json::Null),
    ));
    out.extend(gone::candidates(evaluated, &mountpoint, Some(subvolume)));
    out
}

fn no_swap(evaluated: &Evaluated, subvolume: &[String]) -> Result<(), Stuck> {
    let path = look::below(subvolume, &["swap"]);
    match look::value(evaluated, &path)? {
        Some(found) => {
            let why = format!(
                "{} holds swap files, which have to go first",
                subvolume.join(".")
            );
            Err(Stuck::new(why, found.at))
        }
        None => Ok(()),
    }
}

/// Gives a subvolume another name.
pub(super) fn rename(
    evaluated: &Evaluated,
    subvolume: &[String],
    name: &str,
) -> Result<Vec<Intent>, Stuck> {
    exists(evaluated, subvolume)?;
    let Some((old, holder)) = subvolume.split_last() else {
        return Ok(Vec::new());
    };
    if !is_disko(subvolume) {
        let path = look::below(subvolume, &["options"]);
        let mut change = ListChange::none(evaluated, &path)?;
        if !renamed(&mut change, None, name) {
            let why = format!("{} names no subvolume", path.join("."));
            return Err(Stuck::new(why, None));
        }
        return Ok(Intent::list(change).into_iter().collect());
    }
    // Options may name it too, although disko does.
    let options = look::below(subvolume, &["mountOptions"]);
    let mut change = ListChange::none(evaluated, &options)?;
    let own = text(evaluated, subvolume, "name");
    let also = renamed(&mut change, Some(own.as_deref().unwrap_or(old)), name);
    if own.is_some() {
        let mut intents = vec![Intent::value(
            &look::below(subvolume, &["name"]),
            &Json::from(name),
        )];
        intents.extend(also.then(|| Intent::list(change)).flatten());
        return Ok(intents);
    }
    absent(evaluated, holder, name)?;
    let list = also.then_some(change);
    Ok(vec![Intent::renamed(evaluated, subvolume, name, list)])
}

/// Writes another subvolume into the options that name one (`old`, if only that); false if none do.
fn renamed(change: &mut ListChange, old: Option<&str>, name: &str) -> bool {
    let before = change.before.clone().unwrap_or_default();
    let mut any = false;
    for (fate, element) in change.fate.iter_mut().zip(&before) {
        let Some(text) = element.as_str() else {
            continue;
        };
        let word = |word: &str| match word.strip_prefix("subvol=") {
            Some(found) if old.is_none_or(|o| o.trim_matches('/') == found.trim_matches('/')) => {
                let slash = found.starts_with('/') && !name.starts_with('/');
                format!("subvol={}{name}", if slash { "/" } else { "" })
            }
            _ => word.to_owned(),
        };
        let words: Vec<String> = text.split(',').map(word).collect();
        let new = words.join(",");
        if new != text {
            *fate = Some(Fate::Becomes(new.into()));
            any = true;
        }
    }
    any
}
