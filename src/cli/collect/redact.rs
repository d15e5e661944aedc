//! Owns: what identifies a machine or its people, and leaving that out of a text.
//!
//! Left out are serial numbers and world-wide names, names of disks that hold them, addresses of
//! the network, the name of the host, names of people, and their names for what is below `/home`.
//! The same thing gets the same stand-in in all files of a bundle, so that they still fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use aho_corasick::{AhoCorasick, Input, MatchKind};
use serde_json::Value;

/// Keys of JSON that hold identifiers, without `-`, `_` and capitals.
const KEYS: [&str; 17] = [
    "serial",
    "serialnumber",
    "wwn",
    "wwid",
    "eui64",
    "ieeeeui64",
    "nguid",
    "nvmeieeeouiidentifier",
    "logicalunitid",
    "hostname",
    "nodename",
    "hostnqn",
    "hostid",
    "subsystemnqn",
    "nqn",
    "idlink",
    "owner",
];

/// Names below a home that say what is there and nothing of whom.
const PLAIN: [&str; 44] = [
    "android",
    "applications",
    "archive",
    "backup",
    "backups",
    "bin",
    "build",
    "cache",
    "code",
    "common",
    "config",
    "containers",
    "data",
    "desktop",
    "dev",
    "documents",
    "downloads",
    "games",
    "git",
    "images",
    "lib",
    "machines",
    "media",
    "mnt",
    "music",
    "nix",
    "overlay",
    "pictures",
    "projects",
    "public",
    "repos",
    "share",
    "snapshot",
    "snapshots",
    "src",
    "state",
    "steam",
    "steamapps",
    "storage",
    "tmp",
    "torrents",
    "videos",
    "vms",
    "volumes",
];

/// Words that are too common to identify anyone, and whose loss would falsify paths and units.
const COMMON: [&str; 36] = [
    "admin",
    "backup",
    "build",
    "builder",
    "btrfs",
    "cache",
    "data",
    "database",
    "debian",
    "default",
    "desktop",
    "disk",
    "docker",
    "git",
    "guest",
    "home",
    "host",
    "laptop",
    "localhost",
    "log",
    "media",
    "nas",
    "nix",
    "nixos",
    "none",
    "postgres",
    "root",
    "server",
    "srv",
    "storage",
    "system",
    "ubuntu",
    "user",
    "users",
    "var",
    "vm",
];

/// What is known of a machine before its texts are read.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) host: String,
    /// Machine id, serial numbers of firmware and disks, addresses of network cards.
    pub(super) serials: Vec<String>,
    /// People who may log in.
    pub(super) users: Vec<String>,
}

/// What was left out of one text: which kind, how often.
pub(super) type Left = BTreeMap<&'static str, usize>;

/// What names of disks begin with that are made of their serial numbers.
const DISKS: [&str; 7] = ["/by-id/", "wwn-0x", "eui.", "naa.", "iqn.", "nqn.", "uuid."];

/// What paths begin with whose next part is a person's.
const HOMES: [&str; 2] = ["home/", "/run/media/"];

/// Takes identifiers out of texts.
#[derive(Debug)]
pub(super) struct Redactor {
    exact: Option<AhoCorasick>,
    /// Kind and stand-in of each exact pattern.
    meaning: Vec<(&'static str, String)>,
    /// [`DISKS`] and [`HOMES`].
    marks: Option<(AhoCorasick, AhoCorasick)>,
    users: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    disks: BTreeMap<String, String>,
}

const SERIAL: &str = "serial numbers and world-wide names";
const HOST: &str = "name of the host";
const USER: &str = "names of users";
const BELOW_HOME: &str = "names below /home";
const NETWORK: &str = "network addresses";

impl Redactor {
    /// One that knows these identifiers; `technical` are words that stay, whoever is called so.
    pub(super) fn new(known: &Known, technical: &BTreeSet<String>) -> Self {
        let stays = |word: &str| {
            let lower = word.to_lowercase();
            COMMON.contains(&lower.as_str()) || technical.contains(word)
        };
        let mut users = BTreeMap::new();
        for user in &known.users {
            let next = format!("user{}", users.len() + 1);
            users.entry(user.clone()).or_insert(next);
        }
        let mut patterns = Vec::new();
        let mut meaning = Vec::new();
        for serial in &known.serials {
            if is_serial(serial) {
                patterns.push(serial.clone());
                meaning.push((SERIAL, "(serial)".to_owned()));
            }
        }
        if known.host.len() >= 3 && !stays(&known.host) {
            patterns.push(known.host.clone());
            meaning.push((HOST, "(host)".to_owned()));
        }
        for (user, stand_in) in &users {
            if user.len() >= 3 && !stays(user) {
                patterns.push(user.clone());
                meaning.push((USER, stand_in.clone()));
            }
        }
        let exact = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&patterns)
            .ok()
            .filter(|_| !patterns.is_empty());
        Redactor {
            exact,
            meaning,
            marks: AhoCorasick::new(DISKS)
                .ok()
                .zip(AhoCorasick::new(HOMES).ok()),
            users,
            names: BTreeMap::new(),
            disks: BTreeMap::new(),
        }
    }

    /// The name that stands for a user.
    pub(super) fn user(&mut self, user: &str) -> String {
        let next = format!("user{}", self.users.len() + 1);
        self.users.entry(user.to_owned()).or_insert(next).clone()
    }

    /// A text without identifiers. In one whose `lines_end_paths` is set, a path ends with its line
    /// (`df`, lists of subvolumes), else at the next blank.
    pub(super) fn text(&mut self, text: &str, lines_end_paths: bool, left: &mut Left) -> String {
        let text = self.below_home(text, lines_end_paths, left);
        let text = self.disks(&text, left);
        let text = self.exact(&text, left);
        addresses(&text, left)
    }

    /// JSON without keys that hold identifiers, and its texts without those they hold.
    pub(super) fn json(&mut self, value: &mut Value, left: &mut Left) {
        match value {
            Value::Object(map) => {
                map.retain(|key, value| {
                    let plain: String = key
                        .chars()
                        .filter(char::is_ascii_alphanumeric)
                        .map(|c| c.to_ascii_lowercase())
                        .collect();
                    let goes = KEYS.contains(&plain.as_str());
                    if goes && !value.is_null() {
                        *left.entry(SERIAL).or_default() += 1;
                    }
                    !goes
                });
                for (_, value) in map.iter_mut() {
                    self.json(value, left);
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|v| self.json(v, left)),
            Value::String(text) => *text = self.text(text, true, left),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn exact(&self, text: &str, left: &mut Left) -> String {
        let Some(exact) = &self.exact else {
            return text.to_owned();
        };
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in exact.find_iter(text) {
            let is_word = !word(text[..found.start()].chars().next_back())
                && !word(text[found.end()..].chars().next());
            let meaning = self.meaning.get(found.pattern().as_usize());
            if let (true, Some((kind, stand_in))) = (is_word, meaning) {
                out.push_str(&text[done..found.start()]);
                out.push_str(stand_in);
                done = found.end();
                *left.entry(kind).or_default() += 1;
            }
        }
        out.push_str(&text[done..]);
        out
    }

    /// Names of disks that are made of their serial numbers.
    fn disks(&mut self, text: &str, left: &mut Left) -> String {
        let Some((marks, _)) = self.marks.clone() else {
            return text.to_owned();
        };
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        while let Some(found) = marks.find(Input::new(text).range(done..)) {
            let mark = &text[found.range()];
            let is_path = mark.starts_with('/');
            let is_begin = is_path
                || !text[..found.start()].ends_with(|c: char| c.is_alphanumeric() || c == '.');
            let name = if is_path { found.end() } else { found.start() };
            let rest = &text[name..];
            let length = rest
                .find(|c: char| !(c.is_alphanumeric() || ".:_-+@%\\".contains(c)))
                .unwrap_or(rest.len());
            let whole = &rest[..length];
            let digits = whole.chars().filter(char::is_ascii_digit).count();
            if !is_begin || length == 0 || (!is_path && digits < 4) {
                out.push_str(&text[done..found.end()]);
                done = found.end();
                continue;
            }
            // The partition stays: it tells what is on which.
            let (disk, part) = match whole.rfind("-part") {
                Some(at) => whole.split_at(at),
                None => (whole, ""),
            };
            let next = format!("disk{}", self.disks.len() + 1);
            let stand_in = self.disks.entry(disk.to_owned()).or_insert(next);
            out.push_str(&text[done..name]);
            out.push_str(stand_in);
            out.push_str(part);
            *left.entry(SERIAL).or_default() += 1;
            done = name + length;
        }
        out.push_str(&text[done..]);
        out
    }

    /// Paths below `/home` (or a subvolume of that name) with stand-ins for what people named.
    fn below_home(&mut self, text: &str, lines_end_paths: bool, left: &mut Left) -> String {
        let Some((_, marks)) = self.marks.clone() else {
            return text.to_owned();
        };
        let ends = |c: char| {
            c.is_control() || c == '"' || (!lines_end_paths && matches!(c, ' ' | ',' | ':'))
        };
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        while let Some(found) = marks.find(Input::new(text).range(done..)) {
            let is_home = text[found.range()].starts_with('/')
                || !text[..found.start()].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            out.push_str(&text[done..found.end()]);
            done = found.end();
            let rest = &text[done..];
            let length = rest.find(ends).unwrap_or(rest.len());
            if !is_home || length == 0 {
                continue;
            }
            done += length;
            for (depth, name) in rest[..length].split('/').enumerate() {
                if depth > 0 {
                    out.push('/');
                }
                let stand_in = match depth {
                    // `/home/.snapshots` and such are no people.
                    0 if self.is_plain(name) => name.to_owned(),
                    0 => self.user(name),
                    _ => self.name(name),
                };
                if stand_in != name {
                    let kind = if depth == 0 { USER } else { BELOW_HOME };
                    *left.entry(kind).or_default() += 1;
                }
                out.push_str(&stand_in);
            }
        }
        out.push_str(&text[done..]);
        out
    }

    /// Whether a name says nothing of whom it belongs to.
    fn is_plain(&self, name: &str) -> bool {
        name.is_empty()
            || name.starts_with(['.', '@'])
            || name.bytes().all(|b| b.is_ascii_digit())
            || PLAIN.contains(&name.to_lowercase().as_str())
            || self.users.values().any(|u| u == name)
    }

    /// The stand-in for a name of a file; its suffix tells what it is, and stays.
    fn name(&mut self, name: &str) -> String {
        if self.is_plain(name) {
            return name.to_owned();
        }
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        let is_suffix =
            (1..=8).contains(&suffix.len()) && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
        let next = format!("name{}", self.names.len() + 1);
        let stand_in = self.names.entry(name.to_owned()).or_insert(next);
        match is_suffix {
            true => format!("{stand_in}.{suffix}"),
            false => stand_in.clone(),
        }
    }
}

/// Whether a value is a serial number and no placeholder of a maker.
fn is_serial(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let differ: BTreeSet<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    text.len() >= 5 && digits >= 2 && differ.len() >= 3
}

/// A text without addresses of the network.
fn addresses(text: &str, left: &mut Left) -> String {
    let part_of = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '.';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.find(part_of).unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let length = rest.find(|c| !part_of(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        rest = after;
        let bare = word.trim_end_matches([':', '.']);
        let (address, tail) = match bare.split_once(':') {
            Some((host, _)) if is_v4(host) => word.split_at(host.len()),
            _ => word.split_at(bare.len()),
        };
        if is_v4(address) || is_v6(address) || is_mac(address) {
            out.push_str("(address)");
            out.push_str(tail);
            *left.entry(NETWORK).or_default() += 1;
        } else {
            out.push_str(word);
        }
    }
    out
}

fn is_v4(word: &str) -> bool {
    word.len() >= 7
        && word
            .parse::<Ipv4Addr>()
            .is_ok_and(|a| !a.is_loopback() && !a.is_unspecified())
}

fn is_v6(word: &str) -> bool {
    word.len() > 4 && word.contains(':') && word.parse::<Ipv6Addr>().is_ok()
}

fn is_mac(word: &str) -> bool {
    word.len() == 17
        && word
            .split(':')
            .all(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let known = Known {
            host: "wunderkiste".to_owned(),
            serials: vec!["S5H7NS0N123456".to_owned(), "Default string".to_owned()],
            users: vec!["alice".to_owned(), "docker".to_owned()],
        };
        Redactor::new(&known, &BTreeSet::new())
    }

    fn told(text: &str) -> (String, Left) {
        let mut left = Left::new();
        let text = redactor().text(text, false, &mut left);
        (text, left)
    }

    #[test]
    fn identifiers_go_and_facts_stay() {
        let cases = [
            (
                "model X serial s5h7ns0n123456 ok",
                "model X serial (serial) ok",
            ),
            ("wunderkiste: up; wunderkisten", "(host): up; wunderkisten"),
            (
                "/dev/disk/by-id/ata-ST1_ABC-part2 x",
                "/dev/disk/by-id/disk1-part2 x",
            ),
            (
                "wwn-0x5000c500a1b2c3d4 and eui.0025385971b0",
                "disk1 and disk2",
            ),
            (
                "10.1.2.3:/export nfs addr=10.1.2.3,v4",
                "(address):/export nfs addr=(address),v4",
            ),
            ("fe80::1ff:fe23:4567:890a", "(address)"),
            ("link aa:bb:cc:dd:ee:0f.", "link (address)."),
            (
                "44 27 0:42 / /mnt rw 12:34:56 1.2.3",
                "44 27 0:42 / /mnt rw 12:34:56 1.2.3",
            ),
            ("nvme 0000:01:00.0: reset", "nvme 0000:01:00.0: reset"),
            ("127.0.0.1 ::1 ::", "127.0.0.1 ::1 ::"),
            (
                "/home/alice/Games/secret.qcow2 rw",
                "/home/user1/Games/name1.qcow2 rw",
            ),
            ("/@home/bob/.cache", "/@home/user3/.cache"),
            (
                "unit docker.service of alice",
                "unit docker.service of user1",
            ),
            ("/var/lib/homebridge/x", "/var/lib/homebridge/x"),
            (
                "Linux 6.18.44 uuid.rs queue.c",
                "Linux 6.18.44 uuid.rs queue.c",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).0, expected);
        }
        assert!(told("nothing here").1.is_empty());
    }

    #[test]
    fn a_path_with_blanks_is_left_out_to_its_end() {
        let mut left = Left::new();
        let text = redactor().text("/home/alice/my love letters\nnext", true, &mut left);
        assert_eq!(text, "/home/user1/name1\nnext");
    }

    #[test]
    fn json_loses_the_keys_that_identify() {
        let mut value = serde_json::json!({
            "device": {"name": "/dev/sda"}, "serial_number": "X1", "wwn": {"naa": 5},
            "list": [{"SerialNumber": "Y", "model": "Z", "mountpoint": "/home/alice"}],
        });
        let mut left = Left::new();
        redactor().json(&mut value, &mut left);
        let expected = serde_json::json!({
            "device": {"name": "/dev/sda"}, "list": [{"model": "Z", "mountpoint": "/home/user1"}],
        });
        assert_eq!(value, expected);
        assert_eq!(left[SERIAL], 3);
    }

    #[test]
    fn the_same_name_has_the_same_stand_in_everywhere() {
        let mut redactor = redactor();
        let mut left = Left::new();
        let a = redactor.text("/home/carol/diary /home/carol/other", false, &mut left);
        let b = redactor.text("/home/carol/other", false, &mut left);
        assert!(a.ends_with(&b), "{a} {b}");
    }
}
