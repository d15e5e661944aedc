//! Owns: settings of LUKS containers that are open.

use super::{Command, shell_word};
use crate::model::{Host, Luks, Reading};
use crate::recommend::{Class, LuksSetting};

/// The option of `cryptsetup refresh` and the flag that `cryptsetup status` shows for it.
const DISCARDS: (&str, &str) = ("--allow-discards", "discards");
const WORKQUEUES: [(&str, &str); 2] = [
    ("--perf-no_read_workqueue", "no_read_workqueue"),
    ("--perf-no_write_workqueue", "no_write_workqueue"),
];

/// A refresh sets all flags at once and resets those that are not given (cryptsetup-refresh(8)), so
/// the others must be known.
pub(super) fn refresh(
    path: &[String],
    setting: LuksSetting,
    on: bool,
    host: &Host,
) -> Option<Vec<Command>> {
    let (name, discards, bypass) = found(path, host)?;
    let words = |discards: bool, bypass: bool| {
        let mut words = Vec::new();
        words.extend(discards.then_some(DISCARDS));
        if bypass {
            words.extend(WORKQUEUES);
        }
        words
    };
    let before = words(discards, bypass);
    let after = match setting {
        LuksSetting::AllowDiscards => words(on, bypass),
        LuksSetting::BypassWorkqueues => words(discards, on),
    };
    let container = shell_word(&name);
    let run = |words: &[(&str, &str)]| {
        let options: String = words.iter().map(|(o, _)| format!("{o} ")).collect();
        format!("cryptsetup refresh {options}-- {container}")
    };
    let changed: &[(&str, &str)] = match setting {
        LuksSetting::AllowDiscards => &[DISCARDS],
        LuksSetting::BypassWorkqueues => &WORKQUEUES,
    };
    let shown = |(_, flag): &(&str, &str)| {
        let not = if on { "" } else { "! " };
        format!("{not}cryptsetup status -- {container} | grep -qE '^ *flags:.*(^|[: ]){flag}( |$)'")
    };
    let is_set = changed.iter().map(shown).collect::<Vec<_>>().join(" && ");
    let step = Command::new(
        Class::Live,
        format!("set it on the open container {name} until the next boot; asks for the passphrase"),
        run(&after),
    )
    .undo(run(&before))
    .done(is_set.clone())
    .verify(is_set)
    .requires(
        format!("cryptsetup status -- {container} >/dev/null 2>&1"),
        format!("there is no open container {name}, or cryptsetup is not there"),
    );
    Some(vec![step])
}

/// The name of a container and its two settings as they are now.
fn found(path: &[String], host: &Host) -> Option<(String, bool, bool)> {
    let mut all = host.storage.filesystems.iter().flat_map(|f| f.luks());
    if let Some(luks) = all.find(|l: &&Luks| l.path == path) {
        let known = |setting: &Reading<bool>| setting.as_ref().ok().copied();
        return Some((
            luks.name.clone(),
            known(&luks.allow_discards)?,
            known(&luks.bypass_workqueues)?,
        ));
    }
    let [boot, initrd, luks, devices, name] = path else {
        return None;
    };
    if [boot.as_str(), initrd, luks, devices] != ["boot", "initrd", "luks", "devices"] {
        return None;
    }
    let setting = |which: LuksSetting| {
        let option = format!("{}.{}", path.join("."), which.name());
        match host.settings.get(&option) {
            None => Some(false),
            Some(reading) => reading.as_ref().ok().and_then(|s| s.value.as_bool()),
        }
    };
    Some((
        name.clone(),
        setting(LuksSetting::AllowDiscards)?,
        setting(LuksSetting::BypassWorkqueues)?,
    ))
}
