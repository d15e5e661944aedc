//! Whether the initrd does anything to subvolumes, and which names it uses. What it throws away is read
//! by [`super::rollback`].

use serde_json::Value as Json;

use crate::model::Host;

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
    scripts: Vec<String>,
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
                        found.scripts.push(text.clone());
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
        self.scripts.iter().any(|text| text.contains(name))
    }
}
