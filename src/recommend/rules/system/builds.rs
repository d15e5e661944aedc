//! Where Nix builds, and who waits for it.

use super::super::evidence::of_work;
use crate::analyze::{Evidence, Source, Weight, WorkloadKind};
use crate::model::storage::is_below;
use crate::model::{Host, Release};
use crate::recommend::Context;

/// The option by which Nix itself is told where to build.
pub(super) const BUILD_DIR: &str = "nix.settings.build-dir";
/// The variable by which Nix before 2.30 is told.
pub(super) const TMPDIR: &str = "systemd.services.nix-daemon.environment.TMPDIR";

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
