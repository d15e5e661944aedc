//! Owns: the arguments of `mkfs.btrfs`, as far as they decide what a filesystem is: profiles,
//! checksum, block sizes, features. What they say can be changed only by a new mkfs, save for the
//! profiles, which a balance converts.

use std::fmt;

/// How block groups are spread over devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the profile of the same name")]
pub enum Profile {
    Single,
    Dup,
    Raid0,
    Raid1,
    Raid1c3,
    Raid1c4,
    Raid10,
    Raid5,
    Raid6,
}

impl Profile {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Single, "single"),
        (Self::Dup, "dup"),
        (Self::Raid0, "raid0"),
        (Self::Raid1, "raid1"),
        (Self::Raid1c3, "raid1c3"),
        (Self::Raid1c4, "raid1c4"),
        (Self::Raid10, "raid10"),
        (Self::Raid5, "raid5"),
        (Self::Raid6, "raid6"),
    ];

    /// A profile by its name, in any case, as mkfs.btrfs takes it (tested with 6.2).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, text)| text.eq_ignore_ascii_case(name))
            .map(|&(p, _)| p)
    }

    /// Its name, as mkfs and balance take it.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(profile, _)| *profile == self)
            .map_or("", |&(_, name)| name)
    }

    /// Whole copies of every block; parity profiles keep one. (mkfs.btrfs(8), PROFILES.)
    pub const fn copies(self) -> u8 {
        match self {
            Self::Single | Self::Raid0 | Self::Raid5 | Self::Raid6 => 1,
            Self::Dup | Self::Raid1 | Self::Raid10 => 2,
            Self::Raid1c3 => 3,
            Self::Raid1c4 => 4,
        }
    }

    /// The least number of devices. (mkfs.btrfs(8), PROFILES; checked with mkfs.btrfs 6.2.)
    pub const fn min_devices(self) -> u8 {
        match self {
            Self::Single | Self::Dup | Self::Raid0 => 1,
            Self::Raid1 | Self::Raid10 | Self::Raid5 => 2,
            Self::Raid1c3 | Self::Raid6 => 3,
            Self::Raid1c4 => 4,
        }
    }

    /// How many devices may fail without loss. (mkfs.btrfs(8), PROFILES.)
    pub const fn tolerated_losses(self) -> u8 {
        match self {
            Self::Single | Self::Dup | Self::Raid0 => 0,
            Self::Raid1 | Self::Raid10 | Self::Raid5 => 1,
            Self::Raid1c3 | Self::Raid6 => 2,
            Self::Raid1c4 => 3,
        }
    }

    /// Whether a block with a bad checksum can be repaired from another copy or parity.
    pub const fn self_heals(self) -> bool {
        !matches!(self, Self::Single | Self::Raid0)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The checksum of every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "each is the algorithm of the same name")]
pub enum Checksum {
    #[default]
    Crc32c,
    Xxhash,
    Sha256,
    Blake2,
}

impl Checksum {
    /// A checksum by its name, in any case, as mkfs.btrfs takes it (tested with 6.2).
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "crc32c" => Some(Self::Crc32c),
            "xxhash" | "xxhash64" => Some(Self::Xxhash),
            "sha256" => Some(Self::Sha256),
            "blake2" | "blake2b" => Some(Self::Blake2),
            _ => None,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crc32c => "crc32c",
            Self::Xxhash => "xxhash",
            Self::Sha256 => "sha256",
            Self::Blake2 => "blake2",
        })
    }
}

/// Something read from the arguments, with the list element that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg<T> {
    /// What was read.
    pub value: T,
    /// The index of the element of `extraArgs` that holds the value.
    pub element: usize,
}

/// A feature that is asked for or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name: `block-group-tree`.
    pub name: String,
    /// False for `^name`.
    pub on: bool,
}

/// The arguments of `mkfs.btrfs`, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MkfsArgs {
    /// The data profile (`-d`); see [`MkfsArgs::data_profile`] for the default.
    pub data: Option<Arg<Profile>>,
    /// The metadata profile (`-m`); see [`MkfsArgs::metadata_profile`].
    pub metadata: Option<Arg<Profile>>,
    /// The checksum (`--csum`); crc32c where none is given.
    pub checksum: Option<Arg<Checksum>>,
    /// The size of tree nodes in bytes (`-n`); 16384 where none is given.
    pub nodesize_bytes: Option<Arg<u32>>,
    /// The size of data blocks in bytes (`-s`); 4096 where none is given.
    pub sectorsize_bytes: Option<Arg<u32>>,
    /// The label (`-L`).
    pub label: Option<Arg<String>>,
    /// Features (`-O`, `-R`), in order.
    pub features: Vec<Arg<Feature>>,
    /// Whether data and metadata share block groups (`-M`, `-O mixed-bg`).
    pub mixed: Option<Arg<bool>>,
    /// Whether an existing filesystem is overwritten (`-f`).
    pub force: bool,
    /// Devices beside the one that the caller adds.
    pub extra_devices: Vec<Arg<String>>,
    /// Words that were not understood; nothing is concluded from them.
    pub unknown: Vec<Arg<String>>,
}

/// An option of `mkfs.btrfs` that takes a value.
#[derive(Clone, Copy)]
enum Key {
    Data,
    Metadata,
    Checksum,
    Nodesize,
    Sectorsize,
    Label,
    Features,
    /// Takes a value that plays no part here.
    Other,
}

fn long_key(name: &str) -> Option<Key> {
    Some(match name {
        "data" => Key::Data,
        "metadata" => Key::Metadata,
        "csum" | "checksum" => Key::Checksum,
        "nodesize" => Key::Nodesize,
        "sectorsize" => Key::Sectorsize,
        "label" => Key::Label,
        "features" | "runtime-features" => Key::Features,
        "uuid" | "device-uuid" | "byte-count" | "rootdir" | "subvol" | "compress" | "leafsize"
        | "alloc-start" | "inode-flags" => Key::Other,
        _ => return None,
    })
}

fn short_key(letter: char) -> Option<Key> {
    Some(match letter {
        'd' => Key::Data,
        'm' => Key::Metadata,
        'n' => Key::Nodesize,
        's' => Key::Sectorsize,
        'L' => Key::Label,
        'O' | 'R' => Key::Features,
        'U' | 'b' | 'r' | 'u' | 'l' | 'A' => Key::Other,
        _ => return None,
    })
}

impl MkfsArgs {
    /// Reads disko's `extraArgs`. disko hands them to a shell unquoted, so that one element may
    /// hold several words, and quotes in it are the shell's.
    pub fn parse(elements: &[impl AsRef<str>]) -> Self {
        let words = elements.iter().enumerate().flat_map(|(element, text)| {
            shell_words(text.as_ref())
                .into_iter()
                .map(move |value| Arg { value, element })
        });
        let mut args = Self::default();
        let mut pending: Option<(Key, Arg<String>)> = None;
        let mut only_devices = false;
        for word in words {
            if let Some((key, _)) = pending.take() {
                args.set(key, word);
            } else if only_devices || !word.value.starts_with('-') || word.value == "-" {
                args.extra_devices.push(word);
            } else if word.value == "--" {
                only_devices = true;
            } else if let Some(long) = word.value.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                match (long_key(name), value) {
                    (Some(key), Some(value)) => args.set(
                        key,
                        Arg {
                            value,
                            element: word.element,
                        },
                    ),
                    (Some(key), None) => pending = Some((key, word)),
                    (None, None) => args.flag(name, &word),
                    (None, Some(_)) => args.unknown.push(word),
                }
            } else {
                pending = args.short_options(word);
            }
        }
        // An option without its value.
        args.unknown.extend(pending.map(|(_, word)| word));
        args
    }

    /// Reads a word of one-letter options, `-f`, `-qfd single`, `-n16k`; what is left is the
    /// option that takes the next word.
    fn short_options(&mut self, word: Arg<String>) -> Option<(Key, Arg<String>)> {
        let element = word.element;
        let mut letters = word.value.chars();
        letters.next();
        while let Some(letter) = letters.next() {
            if let Some(key) = short_key(letter) {
                let rest = letters.as_str();
                if rest.is_empty() {
                    return Some((key, word));
                }
                self.set(
                    key,
                    Arg {
                        value: rest.to_owned(),
                        element,
                    },
                );
                return None;
            }
            let name = match letter {
                'f' => "force",
                'M' => "mixed",
                'K' | 'q' | 'v' | 'V' => "quiet",
                _ => "",
            };
            self.flag(name, &word);
        }
        None
    }

    fn flag(&mut self, name: &str, word: &Arg<String>) {
        match name {
            "force" => self.force = true,
            "mixed" => {
                self.mixed = Some(Arg {
                    value: true,
                    element: word.element,
                })
            }
            "nodiscard" | "quiet" | "verbose" | "version" | "shrink" | "help" => {}
            _ => self.unknown.push(word.clone()),
        }
    }

    fn set(&mut self, key: Key, word: Arg<String>) {
        let element = word.element;
        let text = word.value.as_str();
        let understood = match key {
            Key::Data => put(&mut self.data, Profile::from_name(text), element),
            Key::Metadata => put(&mut self.metadata, Profile::from_name(text), element),
            Key::Checksum => put(&mut self.checksum, Checksum::from_name(text), element),
            Key::Nodesize => put(&mut self.nodesize_bytes, read_size(text), element),
            Key::Sectorsize => put(&mut self.sectorsize_bytes, read_size(text), element),
            Key::Label => put(&mut self.label, Some(text.to_owned()), element),
            Key::Features => {
                for name in text.split(',').filter(|name| !name.is_empty()) {
                    let on = !name.starts_with('^');
                    let name = name.trim_start_matches('^').to_owned();
                    if name == "mixed-bg" {
                        self.mixed = Some(Arg { value: on, element });
                    }
                    self.features.push(Arg {
                        value: Feature { name, on },
                        element,
                    });
                }
                true
            }
            Key::Other => true,
        };
        if !understood {
            self.unknown.push(word);
        }
    }

    /// The data profile that results: `single` where none is given (btrfs-progs 5.15 and newer,
    /// mkfs.btrfs(8)); mixed block groups take the metadata profile.
    pub fn data_profile(&self, devices: usize) -> Profile {
        match (&self.data, self.is_mixed()) {
            (Some(data), _) => data.value,
            (None, true) => self.metadata_profile(devices),
            (None, false) => Profile::Single,
        }
    }

    /// The metadata profile that results: where none is given, `dup` on one device and `raid1` on
    /// several (btrfs-progs 5.15 and newer, mkfs.btrfs(8)); mixed on one device is `single`.
    pub fn metadata_profile(&self, devices: usize) -> Profile {
        match &self.metadata {
            Some(metadata) => metadata.value,
            None if devices > 1 => Profile::Raid1,
            None if self.is_mixed() => Profile::Single,
            None => Profile::Dup,
        }
    }

    /// Whether data and metadata share block groups.
    pub fn is_mixed(&self) -> bool {
        self.mixed.as_ref().is_some_and(|mixed| mixed.value)
    }

    /// Whether a feature is asked for (true) or refused (false); the last mention counts.
    pub fn feature(&self, name: &str) -> Option<bool> {
        self.features
            .iter()
            .rev()
            .find(|f| f.value.name == name)
            .map(|f| f.value.on)
    }
}

fn put<T>(slot: &mut Option<Arg<T>>, value: Option<T>, element: usize) -> bool {
    let understood = value.is_some();
    if let Some(value) = value {
        *slot = Some(Arg { value, element });
    }
    understood
}

/// A number of bytes with an optional suffix, as btrfs-progs reads it: `16384`, `16k`, `16KiB`.
fn read_size(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let shift = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" | "kb" => 10,
        "m" | "mib" | "mb" => 20,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(1 << shift)
}

/// Cuts a text into words as a shell does: at blanks outside quotes, with quotes and backslashes
/// taken away. An unclosed quote takes the rest.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_option_is_read_with_its_element() {
        let args = MkfsArgs::parse(&[
            "-f",
            "-d raid1 -m RAID1",
            "--csum=xxhash64",
            "-n16k",
            "-O",
            "block-group-tree,^no-holes",
            "-L 'my disk'",
            "/dev/sdb",
        ]);
        assert!(args.force);
        assert_eq!(
            args.data,
            Some(Arg {
                value: Profile::Raid1,
                element: 1
            })
        );
        assert_eq!(
            args.metadata,
            Some(Arg {
                value: Profile::Raid1,
                element: 1
            })
        );
        assert_eq!(
            args.checksum,
            Some(Arg {
                value: Checksum::Xxhash,
                element: 2
            })
        );
        assert_eq!(
            args.nodesize_bytes,
            Some(Arg {
                value: 16384,
                element: 3
            })
        );
        assert_eq!(args.feature("block-group-tree"), Some(true));
        assert_eq!(args.feature("no-holes"), Some(false));
        assert_eq!(args.feature("zoned"), None);
        assert_eq!(
            args.label,
            Some(Arg {
                value: "my disk".to_owned(),
                element: 6
            })
        );
        assert_eq!(
            args.extra_devices,
            [Arg {
                value: "/dev/sdb".to_owned(),
                element: 7
            }]
        );
        assert_eq!(args.unknown, []);
    }

    #[test]
    fn short_options_stick_together_as_in_getopt() {
        let args = MkfsArgs::parse(&["-qfd", "single", "-KM", "--data=dup"]);
        assert!(args.force && args.is_mixed());
        assert_eq!(
            args.data,
            Some(Arg {
                value: Profile::Dup,
                element: 3
            })
        );
        assert_eq!(args.unknown, []);
    }

    #[test]
    fn what_is_not_understood_is_kept_apart() {
        let words = |elements: &[&str]| -> Vec<String> {
            MkfsArgs::parse(elements)
                .unknown
                .into_iter()
                .map(|arg| arg.value)
                .collect()
        };
        assert_eq!(words(&["-d", "raid7"]), ["raid7"]);
        assert_eq!(words(&["--csum", "sha-256"]), ["sha-256"]);
        assert_eq!(
            words(&["-Z", "--frobnicate", "--x=y"]),
            ["-Z", "--frobnicate", "--x=y"]
        );
        assert_eq!(words(&["-n", "16q"]), ["16q"]);
        assert_eq!(words(&["-L"]), ["-L"]);
        assert_eq!(words(&["", "  "]), [""; 0]);
    }

    #[test]
    fn defaults_hang_on_the_number_of_devices() {
        let none = MkfsArgs::parse(&[""; 0]);
        assert_eq!(
            (none.data_profile(1), none.metadata_profile(1)),
            (Profile::Single, Profile::Dup)
        );
        assert_eq!(
            (none.data_profile(2), none.metadata_profile(2)),
            (Profile::Single, Profile::Raid1)
        );
        let mixed = MkfsArgs::parse(&["--mixed"]);
        assert_eq!(mixed.data_profile(1), Profile::Single);
    }

    #[test]
    fn profiles_never_survive_more_losses_than_they_have_devices() {
        for (profile, name) in Profile::NAMES {
            assert_eq!(Profile::from_name(name), Some(profile));
            assert!(profile.tolerated_losses() < profile.min_devices(), "{name}");
        }
    }
}
