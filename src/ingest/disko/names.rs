//! How disko names the devices that it makes.
//!
//! Source: nix-community/disko at 878ec37, lib/default.nix (`deviceNumbering`,
//! `hexEscapeUdevSymlink`) and lib/types/gpt.nix (`label`, `device`).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The longest label of a GPT partition; disko replaces longer ones by the begin of a hash.
const MAX_LABEL: usize = 36;

/// The label that a partition of a GPT gets: of the parent's kind and name, and its own name.
pub(super) fn label(kind: &str, parent: &str, name: &str) -> String {
    let label = format!("{kind}-{parent}-{name}");
    // Nix counts bytes.
    if label.len() <= MAX_LABEL {
        return label;
    }
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(label.as_bytes()) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash.truncate(MAX_LABEL);
    hash
}

/// The device of a partition that is known by its label; `None` where disko's escaping stops (it
/// knows ASCII alone).
pub(super) fn by_label(label: &str) -> Option<String> {
    if !label.is_ascii() {
        return None;
    }
    let mut device = "/dev/disk/by-partlabel/".to_owned();
    for byte in label.bytes() {
        // `[0-9A-Za-z#+-.:=@_/]`, in which `+-.` is a range: `+`, `,`, `-`, `.`.
        let plain = byte.is_ascii_alphanumeric() || b"#+,-.:=@_/".contains(&byte);
        match plain {
            true => device.push(byte.into()),
            false => {
                let _ = write!(device, "\\x{byte:X}");
            }
        }
    }
    Some(device)
}

/// The device of partition `index` of a disk; `None` where disko gives up.
pub(super) fn numbered(device: &str, index: usize) -> Option<String> {
    let below = |prefix: &str| device.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    let digit = |rest: &str| rest.ends_with(|c: char| c.is_ascii_digit());
    // `/dev/([vs]|(xv)d).+` of disko: any name that begins with `v`, `s` or `xvd`.
    let short = ["/dev/v", "/dev/s", "/dev/xvd"];
    Some(if short.iter().any(|p| below(p).is_some()) {
        format!("{device}{index}")
    } else if below("/dev/disk/").is_some() || below("/dev/zvol/").is_some() {
        format!("{device}-part{index}")
    } else if below("/dev/nvme").is_some()
        || below("/dev/mmcblk").is_some()
        || below("/dev/md/").is_some_and(digit)
    {
        format!("{device}p{index}")
    } else if below("/dev/md/").is_some() || below("/dev/mapper/").is_some() {
        format!("{device}{index}")
    } else if below("/dev/loop").is_some_and(|r| r.chars().all(|c| c.is_ascii_digit())) {
        format!("{device}p{index}")
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_hashed_when_too_long() {
        assert_eq!(label("disk", "main", "root"), "disk-main-root");
        // printf %s disk-nvme-Samsung_SSD_980_PRO_1TB-root | sha256sum
        let long = label("disk", "nvme-Samsung_SSD_980_PRO_1TB", "root");
        assert_eq!(long, "a499a1224619cb5cb351ce32f984e4776164");
        let fits = "a".repeat(26);
        assert_eq!(label("disk", &fits, "root").len(), 36);
        assert!(label("disk", &fits, "root").starts_with("disk-aaa"));
        assert!(!label("disk", &fits, "roots").starts_with("disk-"));
    }

    #[test]
    fn labels_are_escaped_as_udev_does() {
        assert_eq!(
            by_label("Boot data").as_deref(),
            Some("/dev/disk/by-partlabel/Boot\\x20data")
        );
        assert_eq!(
            by_label("Even(crazier)par&titi^onName").as_deref(),
            Some("/dev/disk/by-partlabel/Even\\x28crazier\\x29par\\x26titi\\x5EonName")
        );
        let plain = "all0these@char#acters+_are-allow.ed";
        assert_eq!(
            by_label(plain),
            Some(format!("/dev/disk/by-partlabel/{plain}"))
        );
        assert_eq!(by_label("größe"), None);
    }

    #[test]
    fn partitions_are_numbered_by_the_kind_of_their_disk() {
        let cases = [
            ("/dev/sda", Some("/dev/sda2")),
            ("/dev/vda", Some("/dev/vda2")),
            ("/dev/xvda", Some("/dev/xvda2")),
            ("/dev/nvme0n1", Some("/dev/nvme0n1p2")),
            ("/dev/mmcblk0", Some("/dev/mmcblk0p2")),
            ("/dev/disk/by-id/x", Some("/dev/disk/by-id/x-part2")),
            ("/dev/md/raid1", Some("/dev/md/raid1p2")),
            ("/dev/md/raid", Some("/dev/md/raid2")),
            ("/dev/mapper/vg-lv", Some("/dev/mapper/vg-lv2")),
            ("/dev/loop0", Some("/dev/loop0p2")),
            ("/dev/hda", None),
            ("tank", None),
        ];
        for (device, expected) in cases {
            assert_eq!(numbered(device, 2).as_deref(), expected, "{device}");
        }
    }
}
