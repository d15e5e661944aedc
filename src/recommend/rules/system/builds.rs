//! Where Nix builds, and who waits for it.

use serde_json::Value as Json;

use super::super::evidence::of_work;
use super::option;
use crate::analyze::{Evidence, Source, Weight, WorkloadKind};
use crate::model::storage::is_below;
use crate::model::units::Bytes;
use crate::model::{Host, Release};
use crate::recommend::{Action, Context};

/// What puts `/tmp` into memory; the second is the name before 23.05.
pub(super) const USE_TMPFS: [&str; 2] = ["boot.tmp.useTmpfs", "boot.tmpOnTmpfs"];
/// How large it may get there.
pub(super) const SIZE: [&str; 2] = ["boot.tmp.tmpfsSize", "boot.tmpOnTmpfsSize"];
/// The option by which Nix itself is told where to build.
const BUILD_DIR: &str = "nix.settings.build-dir";
/// Where builds go on the disk.
const ON_DISK: &str = "/var/tmp";
/// The variable by which Nix before 2.30 is told.
const TMPDIR: &str = "systemd.services.nix-daemon.environment.TMPDIR";

const RELEASE_NOTES: &str = "https://nix.dev/manual/nix/2.30/release-notes/rl-2.30 (build-dir no longer defaults to $TMPDIR)";

/// The release that the configuration is built from, else the one that runs.
pub(super) fn release(host: &Host) -> Option<Release> {
    let running = || host.metrics.nixos.as_ref()?.value.parse().ok();
    host.release().or_else(running)
}

/// Why Nix builds below `/tmp`; `None` where it does not, or where that is not known.
///
/// Nix 2.30 moved builds to /nix/var/nix/builds, and the security releases of the versions in
/// 24.11 and 25.05 may have brought that along; 24.05 has Nix 2.18, which takes TMPDIR or /tmp.
pub(super) fn in_tmp(host: &Host) -> Option<Evidence> {
    let told = |option: &str| {
        let setting = host.settings.known(option)?;
        let place = setting.value.as_str()?;
        is_below(place, "/tmp").then(|| {
            let says = format!("{option} is {place:?}");
            Evidence::speaks_for(Weight::Strong, Source::Configuration(setting.at), says)
        })
    };
    let unread = |option: &str| host.settings.is_defined(option);
    if unread(BUILD_DIR) {
        return told(BUILD_DIR);
    }
    let release = release(host)?;
    if release > Release::new(24, 5) || unread("nix.settings") || unread("nix.extraOptions") {
        return None;
    }
    if unread(TMPDIR) {
        return told(TMPDIR);
    }
    host.skipped.is_empty().then(|| {
        let says = format!("in NixOS {release} Nix builds in /tmp unless it is told otherwise");
        let source = Source::Knowledge(RELEASE_NOTES.to_owned());
        Evidence::speaks_for(Weight::Moderate, source, says)
    })
}

/// What people say of builds or of the Nix store that are slow.
pub(super) fn complaint(context: &Context<'_>) -> Option<Evidence> {
    let kinds = [WorkloadKind::Build, WorkloadKind::NixStore];
    let mut work = kinds.iter().filter_map(|k| context.analysis.workload(*k));
    let work = work.find(|w| w.complained_about)?;
    let what = match work.kind {
        WorkloadKind::Build => "builds are",
        _ => "the Nix store is",
    };
    let says = format!("people say that {what} slow");
    Some(of_work(work, Weight::Strong, says))
}

/// How large the tmpfs of `/tmp` may get: a share of memory, or a number of bytes.
pub(super) fn size(host: &Host, memory: Bytes) -> Option<Bytes> {
    let written = SIZE.iter().find_map(|option| host.settings.get(option));
    let text = match written {
        None => "50%".to_owned(),
        Some(Err(_)) => return None,
        Some(Ok(setting)) => match &setting.value {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            _ => return None,
        },
    };
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().ok()?;
        return Some(Bytes((memory.0 as f64 * percent / 100.0) as u64));
    }
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let unit = match unit {
        "" => 1,
        "k" | "K" => Bytes::KIB,
        "m" | "M" => Bytes::MIB,
        "g" | "G" => Bytes::GIB,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Bytes)
}

/// The change that takes builds out of the tmpfs.
pub(super) fn out_of_memory(host: &Host) -> Option<Action> {
    // Nix refuses to build below a directory that everybody may write, so that /var/tmp is no
    // place for build-dir; its default is one of its own, from 2.30 on.
    if host.settings.is_defined(BUILD_DIR) {
        let by_default = release(host).is_some_and(|r| r >= Release::new(25, 11));
        return by_default.then(|| Action::UnsetNixosOption {
            path: option(BUILD_DIR),
        });
    }
    host.storage.holding(ON_DISK)?;
    Some(Action::SetNixosOption {
        path: option(TMPDIR),
        value: Json::from(ON_DISK),
    })
}

/// The option that puts `/tmp` into memory, as it is called in the release of the host.
pub(super) fn in_memory(host: &Host) -> &'static str {
    match release(host).is_some_and(|r| r < Release::new(23, 5)) {
        true => USE_TMPFS[1],
        false => USE_TMPFS[0],
    }
}
