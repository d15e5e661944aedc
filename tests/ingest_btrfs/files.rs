//! Single files and what stands on disk: compsize, filefrag, lsattr, properties, superblocks.

use btrfs_tune::model::units::Bytes;

use super::{KIB, MIB, UUID, all_of, messages, read, sound};

#[test]
fn compsize_in_every_form() {
    let exact = sound("compsize-b.txt").compression[0].value.clone();
    assert_eq!(
        (exact.files, exact.extents, exact.approximate),
        (62, 62, false)
    );
    assert_eq!(exact.rows[1].disk, Bytes(1_720_320));
    let rounded = sound("compsize.txt").compression[0].value.clone();
    assert_eq!(rounded.rows[0].referenced, Bytes(50 * MIB));
    assert!(rounded.approximate);
    assert_eq!(
        sound("compsize-x.txt").compression[0].rows[0].disk,
        Bytes(132 * KIB)
    );
    let (metrics, problems) = read("No files.\n");
    assert!(metrics.compression[0].rows.is_empty());
    assert_eq!(
        messages(&problems),
        ["compsize found no files with data on disk"]
    );
    // Of a single file it does not say that it is one.
    let one = "Type       Perc     Disk Usage   Uncompressed Referenced  \n\
               TOTAL       50%      4.0K         8.0K         8.0K       \nlzo         50%      4.0K         8.0K         8.0K       \n";
    let metrics = all_of(&one.repeat(2));
    assert_eq!(metrics.compression.len(), 2);
    let row = &metrics.compression[1].rows[0];
    assert_eq!((metrics.compression[1].files, row.disk), (1, Bytes(4096)));
    assert_eq!(
        (row.algorithm.as_str(), row.uncompressed),
        ("lzo", Bytes(8192))
    );
    let (_, problems) =
        read("Processed 62 files, 6\nType Perc Disk Usage Uncompressed Referenced\nzstd 25% 1.6\n");
    assert_eq!(problems.len(), 2);
}

#[test]
fn extents_of_files_are_counted() {
    let plain = all_of(
        "/srv/a: b: 12 extents found\n/srv/c: 1 extent found\n/srv/old: 3 extents found, perfection would be 1 extent\n",
    );
    let found: Vec<(&str, u64)> = plain
        .fragmentation
        .iter()
        .map(|f| (f.path.as_str(), f.extents))
        .collect();
    assert_eq!(found, [("/srv/a: b", 12), ("/srv/c", 1), ("/srv/old", 3)]);
    assert_eq!(
        (
            plain.fragmentation[0].size,
            plain.fragmentation[0].compressed
        ),
        (None, None)
    );
    let listing = |flags: &str| {
        format!(
            "Filesystem type is: 9123683e\nFile size of /srv/is is it is 262144 (64 blocks of 4096 bytes)\n \
             ext:     logical_offset:        physical_offset: length:   expected: flags:\n   \
             0:        0..      31:       3328..      3359:     32:             {flags}\n   \
             1:       32..      63:       3400..      3431:     32:       3360: last,{flags}eof\n\
             /srv/is is it: 2 extents found\n"
        )
    };
    let file = all_of(&listing("encoded,")).fragmentation[0].value.clone();
    assert_eq!(
        (file.extents, file.size, file.compressed),
        (2, Some(Bytes(262_144)), Some(true))
    );
    assert_eq!(file.path, "/srv/is is it");
    assert_eq!(
        all_of(&listing("")).fragmentation[0].compressed,
        Some(false)
    );
    let cut = listing("");
    let (metrics, problems) = read(&cut[..cut.len() - 10]);
    assert_eq!(metrics.fragmentation.len(), 0);
    assert_eq!(problems.len(), 2);
}

#[test]
fn attributes_of_files_are_read() {
    let real = sound("lsattr.txt").flags;
    let facts: Vec<(&str, bool, bool)> = real
        .iter()
        .map(|f| (f.path.as_str(), f.nocow, f.no_compress))
        .collect();
    assert_eq!(
        facts,
        [
            ("/mnt/tune/@/db", true, false),
            ("/mnt/tune/@", false, false),
            ("/mnt/tune/@nix", false, true)
        ]
    );
    let tree = "--------c------------- ./a b\n\n./a b:\n---------------C------ ./a b/$ c\n  0 -----a--------e---- ./project\n";
    let flags = all_of(tree).flags;
    assert!(flags[0].compress && !flags[0].nocow);
    assert_eq!(
        (flags[1].path.as_str(), flags[1].nocow),
        ("./a b/$ c", true)
    );
    assert_eq!(flags[2].path, "./project");
    let (_, problems) = read(
        "---------------C------ /a\nlsattr: Operation not supported While reading flags on /a/socket\n",
    );
    assert_eq!(problems.len(), 1);
}

#[test]
fn properties_are_read() {
    let property = |name: &str| sound(name).properties[0].value.clone();
    assert_eq!(
        property("btrfs-property-get-dir-zstd.txt")
            .compression
            .as_deref(),
        Some("zstd")
    );
    let nix = property("btrfs-property-get-nix.txt");
    assert_eq!(
        (nix.read_only, nix.compression.as_deref()),
        (Some(false), Some("none"))
    );
    assert_eq!(property("btrfs-property-get-ro.txt").read_only, Some(true));
    assert_eq!(
        property("btrfs-property-get-subvol.txt").read_only,
        Some(false)
    );
    let two = all_of("$ btrfs property get /srv\nro=false\nlabel=a=b\nro=true\n").properties;
    assert_eq!((two.len(), two[0].label.as_deref()), (2, Some("a=b")));
    assert_eq!(
        (two[1].read_only, two[1].path.as_deref()),
        (Some(true), Some("/srv"))
    );
}

#[test]
fn a_superblock_is_read() {
    let found = sound("btrfs-inspect-dump-super.txt").supers[0]
        .value
        .clone();
    assert_eq!(
        (found.device.as_deref(), found.uuid.as_deref()),
        (Some("/dev/loop1"), Some(UUID))
    );
    assert_eq!(
        (found.node_size, found.sector_size, found.devices),
        (Some(16384), Some(4096), Some(2))
    );
    assert_eq!(
        (found.checksum.as_deref(), found.label.as_deref()),
        (Some("crc32c"), Some("tunetest"))
    );
    assert_eq!(
        (found.total, found.used),
        (Some(Bytes(900 * MIB)), Some(Bytes(54_611_968)))
    );
    assert!(found.features.contains("free_space_tree") && found.features.contains("no_holes"));
    assert_eq!(found.features.len(), 8);
    let odd = "superblock: bytenr=65536, device=/dev/sda\n---------------------------------------------------------\n\
               csum_type\t\t1\nlabel\t\t\t\nincompat_flags\t\t0x2000000000000361\n\t\t\t( MIXED_BACKREF |\n\t\t\t  unknown flag: 0x2000000000000000 )\n";
    let (metrics, problems) = read(odd);
    assert_eq!(
        (
            metrics.supers[0].checksum.as_deref(),
            metrics.supers[0].label.as_deref()
        ),
        (Some("xxhash64"), None)
    );
    assert_eq!(problems.len(), 1);
}
