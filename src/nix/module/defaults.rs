//! What options are that only nixpkgs declares and nobody defines.
//!
//! Only options that the program's own parts look at, from files of NixOS/nixpkgs, each at the commit
//! that was read: all of releases since 23.05. What differs between releases
//! (`services.fstrim.enable`, `boot.initrd.systemd.enable`), or was read in older ones alone, is
//! unknown.

use crate::nix::eval::Data;

/// The value of a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'static str),
}

use Constant::{Bool, Int, Null, Text};

const DEFAULTS: &[(&str, Constant)] = &[
    // nixos/modules/system/boot/tmp.nix at 05cb4aaf
    ("boot.tmp.cleanOnBoot", Bool(false)),
    ("boot.tmp.tmpfsHugeMemoryPages", Text("never")),
    ("boot.tmp.tmpfsSize", Text("50%")),
    ("boot.tmp.useTmpfs", Bool(false)),
    // nixos/modules/services/misc/nix-gc.nix at 043248ac
    ("nix.gc.automatic", Bool(false)),
    ("nix.gc.options", Text("")),
    ("nix.gc.persistent", Bool(true)),
    ("nix.gc.randomizedDelaySec", Text("0")),
    // nixos/modules/services/misc/nix-optimise.nix at 05924f71
    ("nix.optimise.automatic", Bool(false)),
    // nixos/modules/tasks/filesystems/btrfs.nix at 03a362fe
    ("services.btrfs.autoScrub.enable", Bool(false)),
    ("services.btrfs.autoScrub.interval", Text("monthly")),
    // nixos/modules/config/zram.nix at 05924f71
    ("zramSwap.algorithm", Text("zstd")),
    ("zramSwap.enable", Bool(false)),
    ("zramSwap.memoryMax", Null),
    ("zramSwap.memoryPercent", Int(50)),
    ("zramSwap.priority", Int(5)),
    ("zramSwap.swapDevices", Int(1)),
    ("zramSwap.writebackDevice", Null),
];

/// What is known of an option that nobody defines.
#[derive(Debug)]
pub(in crate::nix) enum Known {
    /// Its default.
    Value(Data),
    /// Options below it have defaults.
    Group,
}

/// The default of an option of NixOS, or whether there are any below it.
pub(in crate::nix) fn of(path: &str) -> Option<Known> {
    let exact = DEFAULTS.iter().find(|(name, _)| *name == path);
    if let Some((_, default)) = exact {
        return Some(Known::Value(match default {
            Null => Data::Null,
            Bool(b) => Data::Bool(*b),
            Int(i) => Data::Int(*i),
            Text(text) => Data::Str((*text).into()),
        }));
    }
    let below = |name: &str| {
        name.strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    DEFAULTS
        .iter()
        .any(|(name, _)| below(name))
        .then_some(Known::Group)
}
