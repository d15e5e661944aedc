//! Discards: who asks for them, and whether LUKS lets them through.

use crate::btrfs::{KernelVersion, Target};
use crate::model::{Filesystem, Host, Release, StorageSource, Texts};
use crate::nix::source::Span;

/// The option that runs `fstrim` by a timer.
pub(super) const FSTRIM: &str = "services.fstrim.enable";

/// Its default is `true` since this release (nixpkgs pull request 345285).
const FSTRIM_BY_DEFAULT: Release = Release::new(24, 11);

/// `discard=async` is the default where the device can discard since this kernel (btrfs-progs
/// Documentation/ch-mount-options.rst; measured on 6.1.176 and 6.6.63).
const ASYNC_BY_DEFAULT: KernelVersion = KernelVersion::new(6, 2, 0);

/// What is known of `services.fstrim`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fstrim {
    pub(super) on: bool,
    /// Whether the configuration says so, and not the default.
    pub(super) said: bool,
    pub(super) at: Option<Span>,
}

/// Whether `fstrim` runs by a timer, where that is known.
pub(super) fn fstrim(host: &Host) -> Option<Fstrim> {
    match host.settings.get(FSTRIM) {
        Some(Ok(setting)) => Some(Fstrim {
            on: setting.value.as_bool()?,
            said: true,
            at: setting.at,
        }),
        Some(Err(_)) => None,
        // A module that could not be read may set it: nixos-hardware and srvos do.
        None if !host.skipped.is_empty() => None,
        None => Some(Fstrim {
            on: host.release()? >= FSTRIM_BY_DEFAULT,
            said: false,
            at: None,
        }),
    }
}

/// Whether the kernel chooses `discard=async` by itself where the device can; `None` where the
/// kernel is not known.
pub(super) fn is_async_by_default(host: &Host) -> Option<bool> {
    match host.target() {
        Target::Known(kernel) => Some(kernel >= ASYNC_BY_DEFAULT),
        Target::Unknown => None,
    }
}

/// A LUKS container below a filesystem.
pub(super) struct Container {
    pub(super) name: String,
    /// Attribute path of its settings: of disko, or of `boot.initrd.luks.devices`.
    pub(super) path: Vec<String>,
    pub(super) at: Option<Span>,
    /// Whether it passes discards on, as far as that is known.
    pub(super) allows: Option<bool>,
}

/// The LUKS containers below a filesystem: those of disko, or the one of
/// `boot.initrd.luks.devices` that it is mounted from.
pub(super) fn containers(host: &Host, filesystem: &Filesystem) -> Vec<Container> {
    const DEVICES: [&str; 4] = ["boot", "initrd", "luks", "devices"];
    if let StorageSource::Disko(_) = filesystem.source {
        let of_disko = filesystem.luks().map(|luks| Container {
            name: luks.name.clone(),
            path: luks.path.clone(),
            at: luks.at,
            allows: match &luks.allow_discards {
                Ok(true) => Some(true),
                // What it was made or is opened with may let them through.
                Ok(false) if mentions_discards(&luks.open_flags) => None,
                Ok(false) => by_nixos(host, &luks.name),
                Err(_) => None,
            },
        });
        return of_disko.collect();
    }
    let device = filesystem.device.as_ref().ok();
    let name = device.and_then(|d| d.value.strip_prefix("/dev/mapper/"));
    let Some(name) = name.filter(|name| !name.contains(['/', '.'])) else {
        return Vec::new();
    };
    let Some(Ok(opened)) = host
        .settings
        .get(&format!("{}.{name}.device", DEVICES.join(".")))
    else {
        return Vec::new();
    };
    let path = DEVICES.iter().copied().chain([name]);
    vec![Container {
        name: name.to_owned(),
        path: path.map(str::to_owned).collect(),
        at: opened.at,
        allows: by_nixos(host, name),
    }]
}

/// Whether flags are about discards, or not known.
fn mentions_discards(flags: &Texts) -> bool {
    let known = flags.known();
    known.is_none_or(|flags| flags.iter().any(|flag| flag.value.contains("discard")))
}

/// Whether NixOS opens a container with discards; `None` where an option cannot be read.
fn by_nixos(host: &Host, name: &str) -> Option<bool> {
    let option = |last: &str| {
        host.settings
            .get(&format!("boot.initrd.luks.devices.{name}.{last}"))
    };
    let flag = match option("allowDiscards") {
        Some(Ok(setting)) => setting.value.as_bool()?,
        Some(Err(_)) => return None,
        None => false,
    };
    let words = |setting: Option<&crate::model::Reading<crate::model::Setting>>| match setting {
        Some(Ok(setting)) => {
            let list = setting.value.as_array().into_iter().flatten();
            Some(list.filter_map(|v| v.as_str().map(str::to_owned)).collect())
        }
        Some(Err(_)) => None,
        None => Some(Vec::new()),
    };
    let crypttab: Vec<String> = words(option("crypttabExtraOpts"))?;
    let parameters: Vec<String> = words(host.settings.get("boot.kernelParams")).unwrap_or_default();
    let by_parameter = parameters
        .iter()
        .any(|p| p.contains("luks.options") && p.contains("discard"));
    Some(flag || crypttab.iter().any(|o| o == "discard") || by_parameter || is_seen(host, name))
}

/// Whether the running system shows that a container passes discards on, as it does when its header
/// says so (`cryptsetup refresh --persistent --allow-discards`).
fn is_seen(host: &Host, name: &str) -> bool {
    let is_crypt = |kind: &Option<String>| kind.as_deref() == Some("crypt");
    let devices = host.metrics.block_devices.iter();
    let crypt: Vec<_> = devices.filter(|d| is_crypt(&d.kind)).collect();
    let own = crypt.iter().find(|d| d.name == name);
    let only = || crypt.first().filter(|_| crypt.len() == 1);
    own.or_else(only).is_some_and(|d| d.discard == Some(true))
}
