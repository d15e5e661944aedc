//! A read policy for mirrors that only experimental kernels have.

use serde_json::Value as Json;

use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{KernelVersion, Target};
use crate::model::Host;
use crate::nix::source::Span;
use crate::recommend::{Context, Finding, Meta, Remedy, Rule, Severity};

/// `device/read-policy`
pub struct ReadPolicy;

static META: Meta = Meta {
    relieves: &[Cause::Raid1ReadPolicy],
    ..Meta::new(
        "device/read-policy",
        Severity::Advice,
        "A read policy for mirrors is set, which only experimental kernels have",
        include_str!("read_policy.md"),
    )
};

const PARAMETER: &str = "btrfs.read_policy=";
const FILE: &str = "/read_policy";
/// What every kernel has.
const ORDINARY: &str = "pid";
/// The first kernel with others, if it is built with `CONFIG_BTRFS_EXPERIMENTAL`.
const SINCE: KernelVersion = KernelVersion::new(6, 14, 0);

/// Where a policy is set: the option, what is written there, and its place.
fn set(host: &Host) -> Vec<(&'static str, String, Option<Span>)> {
    let texts = |option: &'static str| {
        let setting = host.settings.known(option);
        let list = setting.and_then(|s| s.value.as_array().map(|list| (list, s.at)));
        let items = list.into_iter().flat_map(|(list, at)| {
            let texts = list.iter().filter_map(Json::as_str);
            texts.map(move |text| (option, text.to_owned(), at))
        });
        items.collect::<Vec<_>>()
    };
    let ordinary = |text: &str| text.trim_end().ends_with(ORDINARY);
    let parameters = texts("boot.kernelParams").into_iter();
    let parameters = parameters.filter(|(_, text, _)| text.starts_with(PARAMETER));
    // `w /sys/fs/btrfs/<UUID>/read_policy - - - - round-robin`
    let files = texts("systemd.tmpfiles.rules").into_iter();
    let files = files.filter(|(_, text, _)| {
        let path = text.split_whitespace().nth(1).unwrap_or_default();
        path.starts_with("/sys/fs/btrfs/") && path.ends_with(FILE)
    });
    parameters
        .chain(files)
        .filter(|(_, text, _)| !ordinary(text))
        .collect()
}

impl Rule for ReadPolicy {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let host = context.host;
        if host.storage.filesystems.is_empty() {
            return Vec::new();
        }
        let old = matches!(host.target(), Target::Known(kernel) if kernel < SINCE);
        let finding = |(option, text, at): (&str, String, Option<Span>)| Finding {
            rule: META.id,
            severity: Severity::Advice,
            message: match old {
                true => format!(
                    "{text} in {option} does nothing: this kernel has no read policy but {ORDINARY}"
                ),
                false => format!(
                    "{text} in {option} does nothing unless the kernel is built with \
                     CONFIG_BTRFS_EXPERIMENTAL: all others know {ORDINARY} alone. \
                     /sys/fs/btrfs/<UUID>/read_policy shows what this one knows; leave it out where \
                     that is {ORDINARY} only"
                ),
            },
            at,
            evidence: vec![
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Configuration(at),
                    format!("{option} has {text}"),
                ),
                Evidence::speaks_for(
                    Weight::Moderate,
                    Source::Knowledge(
                        "measured by this project on 6.18.44; btrfs-progs \
                         Documentation/Feature-by-version.rst, 6.14"
                            .to_owned(),
                    ),
                    "without CONFIG_BTRFS_EXPERIMENTAL only pid is there, and writing round-robin is \
                     refused (Invalid argument)",
                ),
                Evidence::speaks_against(
                    Weight::Weak,
                    Source::Configuration(None),
                    "how the kernel is built is not seen here",
                ),
            ],
            subject: format!("{option} {text}"),
        };
        set(host).into_iter().map(finding).collect()
    }

    fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
        None
    }
}
