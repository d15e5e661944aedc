//! What is known of a filesystem's space and copies.

use crate::analyze::Source;
use crate::analyze::facts::usage;
use crate::btrfs::{MkfsArgs, Profile};
use crate::model::metrics::BlockGroupKind;
use crate::model::{Filesystem, Host};

/// The profile of a filesystem's data, if it can heal from it, and where that is told.
pub(super) fn redundancy(host: &Host, filesystem: &Filesystem) -> Option<(Profile, Source)> {
    data_profile(host, filesystem).filter(|(profile, _)| profile.self_heals())
}

/// The profile of a filesystem's data, and where that is told: by what was measured, else by the
/// arguments of mkfs.
pub(in crate::recommend::rules) fn data_profile(
    host: &Host,
    filesystem: &Filesystem,
) -> Option<(Profile, Source)> {
    let measured = usage(host, filesystem).and_then(|usage| {
        let data = [BlockGroupKind::Data, BlockGroupKind::Mixed];
        let group = usage.block_groups.iter().find(|g| data.contains(&g.kind))?;
        let source = Source::Metrics(usage.source.to_string());
        Some((Profile::from_name(&group.profile)?, source))
    });
    let declared = || {
        let arguments = filesystem.mkfs_args.known()?;
        let texts: Vec<&str> = arguments.iter().map(|a| a.value.as_str()).collect();
        let arguments = MkfsArgs::parse(&texts);
        let devices = arguments.extra_devices.len() + 1;
        let source = Source::Configuration(filesystem.at);
        Some((arguments.data_profile(devices), source))
    };
    measured.or_else(declared)
}
