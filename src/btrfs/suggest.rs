//! Owns: what somebody probably meant by an option that does not exist.

use super::option::{OPTIONS, Presence, lookup};
use super::parse::MountOption;

/// Names that people write, and what they mean. The right side may be a whole option.
const CONFUSIONS: &[(&str, &str)] = &[
    ("compression", "compress"),
    ("compress_force", "compress-force"),
    ("compressforce", "compress-force"),
    ("force-compress", "compress-force"),
    ("compress_algorithm", "compress"),
    ("fscompress", "compress"),
    ("compress-zstd", "compress=zstd"),
    ("compress-lzo", "compress=lzo"),
    ("compress-zlib", "compress=zlib"),
    ("compress-none", "compress=no"),
    ("zstd", "compress=zstd"),
    ("lzo", "compress=lzo"),
    ("zlib", "compress=zlib"),
    ("nocompress", "compress=no"),
    ("no-compress", "compress=no"),
    ("nocompression", "compress=no"),
    ("defrag", "autodefrag"),
    ("nodefrag", "noautodefrag"),
    ("no-autodefrag", "noautodefrag"),
    ("nobarriers", "nobarrier"),
    ("barriers", "barrier"),
    ("no-atime", "noatime"),
    ("no_atime", "noatime"),
    ("no-cow", "nodatacow"),
    ("nocow", "nodatacow"),
    ("noacls", "noacl"),
    ("trim", "discard=async"),
    ("notrim", "nodiscard"),
    ("recovery", "rescue=usebackuproot"),
    ("usebackuproot", "rescue=usebackuproot"),
    ("nologreplay", "rescue=nologreplay"),
    ("space-cache", "space_cache"),
    ("subvolume", "subvol"),
    ("subvolumeid", "subvolid"),
    ("max-inline", "max_inline"),
    ("thread-pool", "thread_pool"),
];

/// The option name nearest to a name that does not exist, for "did you mean": a known confusion,
/// else the nearest spelling within two edits (one for names under five letters).
pub fn closest(name: &str) -> Option<&'static str> {
    if let Some(meant) = confusion(name) {
        return Some(meant.split('=').next().unwrap_or(meant));
    }
    let allowed = if name.chars().count() < 5 { 1 } else { 2 };
    let spelled = name.to_ascii_lowercase().replace('-', "_");
    OPTIONS
        .iter()
        .filter(|spec| !matches!(spec.presence, Presence::Gone(_) | Presence::DebugBuilds))
        .filter(|spec| !spec.name.ends_with('*') && spec.name != name)
        .map(|spec| {
            (
                strsim::osa_distance(&spelled, &spec.name.replace('-', "_")),
                spec.name,
            )
        })
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

fn confusion(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    CONFUSIONS
        .iter()
        .find(|(wrong, _)| *wrong == name)
        .map(|&(_, right)| right)
}

/// A whole option to write instead of one with an unknown name, value included: `compress=zstd`
/// for `compression=zstd`, `compress-zstd`, `compress:zstd` and `zstd`.
pub fn suggest(option: &MountOption) -> Option<String> {
    // A colon where the equals sign belongs: `compress:zstd`, `zstd:3`.
    if let (None, Some((name, rest))) = (&option.value, option.name.split_once(':')) {
        let name = closest_or_same(name)?;
        return Some(
            if matches!(name, "compress=zstd" | "compress=zlib" | "compress=lzo") {
                format!("{name}:{rest}")
            } else {
                format!("{name}={rest}")
            },
        );
    }
    let name = closest_or_same(&option.name)?;
    Some(match &option.value {
        Some(value) if !name.contains('=') => format!("{name}={value}"),
        _ => name.to_owned(),
    })
}

fn closest_or_same(name: &str) -> Option<&'static str> {
    confusion(name)
        .or_else(|| lookup(name).map(|spec| spec.name))
        .or_else(|| closest(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_confusions_and_typos_find_their_option() {
        for (wrong, right) in [
            ("compression", Some("compress")),
            ("compresss", Some("compress")),
            ("Compress", Some("compress")),
            ("compress_force", Some("compress-force")),
            ("nodefrag", Some("noautodefrag")),
            ("auto_defrag", Some("autodefrag")),
            ("nobarriers", Some("nobarrier")),
            ("no-atime", Some("noatime")),
            ("nocompress", Some("compress")),
            ("noatme", Some("noatime")),
            ("nodatcow", Some("nodatacow")),
            ("quota", None),
            ("data", None),
            ("errors", None),
            ("user_xattr", None),
            ("", None),
        ] {
            assert_eq!(closest(wrong), right, "{wrong}");
        }
    }

    #[test]
    fn a_suggestion_is_a_whole_option_that_exists() {
        for (wrong, right) in [
            ("compression=zstd", "compress=zstd"),
            ("compress-zstd", "compress=zstd"),
            ("compress:zstd", "compress=zstd"),
            ("zstd:3", "compress=zstd:3"),
            ("zstd", "compress=zstd"),
            ("nocompress", "compress=no"),
            ("compresss=lzo", "compress=lzo"),
            ("no-atime", "noatime"),
        ] {
            assert_eq!(
                suggest(&MountOption::new(wrong, 0)).as_deref(),
                Some(right),
                "{wrong}"
            );
        }
        for (wrong, right) in CONFUSIONS {
            let name = right.split('=').next().unwrap();
            assert!(lookup(name).is_some(), "{wrong} -> {right}");
        }
    }
}
