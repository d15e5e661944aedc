//! Subvolumes that the initrd replaces at every boot, as the scripts of the configuration say.

use serde_json::Value as Json;

use crate::model::Host;
use crate::nix::source::Span;

/// Options that hold scripts of the initrd.
const SCRIPTS: [&str; 4] = [
    "boot.initrd.postDeviceCommands",
    "boot.initrd.postMountCommands",
    "boot.initrd.postResumeCommands",
    "boot.initrd.systemd.services.",
];

/// What the scripts of the initrd do to subvolumes.
pub(super) struct InitrdScripts {
    /// Scripts that call `btrfs subvolume`.
    scripts: Vec<(String, Option<Span>)>,
    /// Whether a script could not be read.
    pub(super) unsure: bool,
}

impl InitrdScripts {
    /// What the configuration of a host says.
    pub(super) fn of(host: &Host) -> Self {
        let mut found = InitrdScripts {
            scripts: Vec::new(),
            unsure: !host.skipped.is_empty(),
        };
        for (path, setting) in SCRIPTS.iter().flat_map(|s| host.settings.below(s)) {
            let is_script = !path.contains(".systemd.") || path.ends_with(".script");
            match setting {
                Ok(setting) => {
                    if let Json::String(text) = &setting.value
                        && is_script
                        && text.contains("btrfs subvolume")
                    {
                        found.scripts.push((text.clone(), setting.at));
                    }
                }
                Err(_) => found.unsure = true,
            }
        }
        found
    }

    /// Whether any script makes or deletes subvolumes.
    pub(super) fn is_any(&self) -> bool {
        !self.scripts.is_empty()
    }

    /// Whether any script names a subvolume.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let name = name.trim_matches('/');
        self.scripts.iter().any(|(text, _)| text.contains(name))
    }

    /// The script that deletes a subvolume or moves it away, if one names it.
    pub(super) fn replaces(&self, name: &str) -> Option<Option<Span>> {
        let name = name.trim_matches('/');
        let names = |word: &str| {
            let word = word.trim_matches(|c: char| matches!(c, '"' | '\'' | ';' | ')' | '('));
            let word = word.trim_end_matches('/');
            word == name || word.ends_with(&format!("/{name}"))
        };
        let takes_away = |line: &str| {
            let mut words = line.split_whitespace();
            let deletes = line.contains("subvolume delete");
            let moves = words.any(|word| word == "mv");
            // What is moved or deleted stands first; a target of `mv` is a new place.
            let own = line
                .split_whitespace()
                .skip_while(|w| !matches!(*w, "mv" | "delete"));
            (deletes || moves) && own.skip(1).find(|w| !w.starts_with('-')).is_some_and(names)
        };
        let found = self
            .scripts
            .iter()
            .find(|(text, _)| text.lines().any(takes_away));
        found.map(|(_, at)| *at)
    }
}
