//! What `mkfs.btrfs` is told, changed word by word.
//!
//! disko's type `btrfs` hands `extraArgs` to a shell unquoted, so that one element may hold several
//! words and quotes are the shell's; its type `filesystem` quotes each element, which is one word
//! (nix-community/disko lib/types/btrfs.nix and filesystem.nix at 878ec37).

use serde_json::Value as Json;

use super::claim::Stuck;
use super::elements::{Fate, ListChange};
use super::look;
use crate::nix::eval::Data;
use crate::project::Evaluated;
use crate::recommend::MkfsSetting;

/// One option of `mkfs.btrfs`, in all its spellings.
struct Key {
    long: &'static [&'static str],
    short: Option<char>,
}

const DATA: Key = key(&["data"], Some('d'));
const METADATA: Key = key(&["metadata"], Some('m'));
const CHECKSUM: Key = key(&["csum", "checksum"], None);
const NODESIZE: Key = key(&["nodesize"], Some('n'));
const FEATURES: Key = key(&["features"], Some('O'));
const LABEL: Key = key(&["label"], Some('L'));

/// Letters that take a value, as mkfs.btrfs(8) has them.
const TAKE_A_VALUE: &str = "dmnsLORUbrulA";
/// Long options that take a value.
const LONG_TAKE_A_VALUE: &[&str] = &[
    "data",
    "metadata",
    "csum",
    "checksum",
    "nodesize",
    "sectorsize",
    "label",
    "features",
    "runtime-features",
    "uuid",
    "device-uuid",
    "byte-count",
    "rootdir",
    "subvol",
    "compress",
    "leafsize",
    "alloc-start",
    "inode-flags",
];

const fn key(long: &'static [&'static str], short: Option<char>) -> Key {
    Key { long, short }
}

/// A value that is given to an option.
struct Given {
    /// Which element holds it.
    element: usize,
    /// Its bytes in the element, quotes included.
    range: std::ops::Range<usize>,
    text: String,
}

/// A word of the command line.
struct Word {
    element: usize,
    /// Each character with its bytes in the element.
    letters: Vec<(char, std::ops::Range<usize>)>,
    /// The bytes of the word, quotes included.
    range: std::ops::Range<usize>,
}

/// The arguments with a setting made.
pub(super) fn change(
    evaluated: &Evaluated,
    filesystem: &[String],
    setting: &MkfsSetting,
) -> Result<ListChange, Stuck> {
    if filesystem.first().is_none_or(|f| f != "disko") {
        let why = "disko does not describe this filesystem: nothing says how it is made";
        return Err(Stuck::new(why, None));
    }
    let path = look::below(filesystem, &["extraArgs"]);
    let mut change = ListChange::none(evaluated, &path)?;
    change.ordered = true;
    let mut elements = Vec::new();
    for element in change.before.iter().flatten() {
        match element {
            Json::String(text) if !text.starts_with('‹') => elements.push(text.clone()),
            other => {
                let why = format!("an element of extraArgs is not known: {other}");
                return Err(Stuck::new(why, None));
            }
        }
    }
    let kind = look::value(evaluated, &look::below(filesystem, &["type"]))?;
    let quoted = kind.is_some_and(|k| matches!(&k.data, Data::Str(s) if &**s == "filesystem"));
    let words = words(&elements, quoted);
    let (key, value) = wanted(setting);
    let given = given(&words, &key, &elements);
    let replaced = match setting {
        MkfsSetting::Feature { name, on } => feature(&given, name, *on)?,
        _ => given.last().map(|g| (g, value.clone())),
    };
    match replaced {
        Some((given, text)) if given.text == text => {}
        Some((given, text)) => {
            let mut element = elements[given.element].clone();
            element.replace_range(given.range.clone(), &shell(&text, quoted));
            change.fate[given.element] = Some(Fate::Becomes(element.into()));
        }
        None if words.iter().any(|w| w.text() == "--") => {
            let why = "what comes behind `--` in extraArgs is no option";
            return Err(Stuck::new(why, None));
        }
        None => {
            let new = written(&key, &shell(&value, quoted), &words, &elements, quoted);
            change.added = new.into_iter().map(Json::from).collect();
        }
    }
    Ok(change)
}

fn wanted(setting: &MkfsSetting) -> (Key, String) {
    match setting {
        MkfsSetting::DataProfile(profile) => (DATA, profile.clone()),
        MkfsSetting::MetadataProfile(profile) => (METADATA, profile.clone()),
        MkfsSetting::Checksum(name) => (CHECKSUM, name.clone()),
        MkfsSetting::NodesizeBytes(bytes) => (NODESIZE, bytes.to_string()),
        MkfsSetting::Label(label) => (LABEL, label.clone()),
        MkfsSetting::Feature { name, on: true } => (FEATURES, name.clone()),
        MkfsSetting::Feature { name, on: false } => (FEATURES, format!("^{name}")),
    }
}

/// The value of `--features` with one of them as wanted: the last that speaks of it is changed, else
/// the last is longer.
fn feature<'a>(
    given: &'a [Given],
    name: &str,
    on: bool,
) -> Result<Option<(&'a Given, String)>, Stuck> {
    let new = match on {
        true => name.to_owned(),
        false => format!("^{name}"),
    };
    let speaks = |given: &&Given| {
        given
            .text
            .split(',')
            .any(|n| n.trim_start_matches('^') == name)
    };
    if let Some(given) = given.iter().rev().find(speaks) {
        let names = given
            .text
            .split(',')
            .map(|n| match n.trim_start_matches('^') == name {
                true => new.as_str(),
                false => n,
            });
        let names: Vec<&str> = names.collect();
        return Ok(Some((given, names.join(","))));
    }
    Ok(given.last().map(|given| {
        let text = match given.text.is_empty() {
            true => new,
            false => format!("{},{new}", given.text),
        };
        (given, text)
    }))
}

/// A new option in the manner of the others.
fn written(
    key: &Key,
    value: &str,
    words: &[Word],
    elements: &[String],
    quoted: bool,
) -> Vec<String> {
    let is_option = |w: &&Word| w.text().starts_with('-');
    let options: Vec<String> = words.iter().filter(is_option).map(Word::text).collect();
    let long = key.long[0];
    let short = key.short.map(|c| format!("-{c}"));
    let in_short = options
        .iter()
        .any(|o| !o.starts_with("--") && o.len() == 2 && o != "-f");
    let name = match short {
        Some(short) if in_short => short,
        _ => format!("--{long}"),
    };
    let spaced = !quoted && elements.iter().any(|e| e.trim().contains(' '));
    let joined = options
        .iter()
        .any(|o| o.starts_with("--") && o.contains('='));
    let long = name.starts_with("--");
    match () {
        () if long && (joined || !in_short && !spaced) => vec![format!("{name}={value}")],
        () if spaced => vec![format!("{name} {value}")],
        () => vec![name, value.to_owned()],
    }
}

/// The values that are given to an option, in order.
fn given(words: &[Word], key: &Key, elements: &[String]) -> Vec<Given> {
    let mut out = Vec::new();
    // Whether the next word is a value, and of this option.
    let mut pending: Option<bool> = None;
    for word in words {
        let text = word.text();
        if let Some(wanted) = pending.take() {
            if wanted {
                out.push(Given {
                    element: word.element,
                    range: word.range.clone(),
                    text,
                });
            }
            continue;
        }
        if text == "--" {
            break;
        }
        if let Some(long) = text.strip_prefix("--") {
            match long.split_once('=') {
                Some((name, _)) if key.long.contains(&name) => {
                    let start = 2 + name.chars().count() + 1;
                    out.extend(word.rest(start, elements));
                }
                Some(_) => {}
                None if LONG_TAKE_A_VALUE.contains(&long) => {
                    pending = Some(key.long.contains(&long));
                }
                None => {}
            }
        } else if text.len() > 1 && text.starts_with('-') {
            let letters: Vec<char> = text.chars().collect();
            let first = (1..letters.len()).find(|i| TAKE_A_VALUE.contains(letters[*i]));
            if let Some(index) = first {
                let is_it = key.short == Some(letters[index]);
                match index + 1 == letters.len() {
                    true => pending = Some(is_it),
                    false if is_it => out.extend(word.rest(index + 1, elements)),
                    false => {}
                }
            }
        }
    }
    out
}

impl Word {
    fn text(&self) -> String {
        self.letters.iter().map(|(c, _)| c).collect()
    }

    /// The value that the word's letters from an index on give.
    fn rest(&self, start: usize, elements: &[String]) -> Option<Given> {
        let begin = match self.letters.get(start) {
            // What quotes the value belongs to it.
            Some((_, range)) => match start.checked_sub(1).and_then(|i| self.letters.get(i)) {
                Some((_, before)) => before.end,
                None => range.start,
            },
            None => self.range.end,
        };
        let range = begin..self.range.end;
        elements.get(self.element)?.get(range.clone())?;
        Some(Given {
            element: self.element,
            range,
            text: self.letters.get(start..)?.iter().map(|(c, _)| c).collect(),
        })
    }
}

/// The words of the elements, as the shell cuts them where they are not quoted.
fn words(elements: &[String], quoted: bool) -> Vec<Word> {
    let mut out = Vec::new();
    for (element, text) in elements.iter().enumerate() {
        let letters = |(at, c): (usize, char)| (c, at..at + c.len_utf8());
        if quoted {
            out.push(Word {
                element,
                letters: text.char_indices().map(letters).collect(),
                range: 0..text.len(),
            });
            continue;
        }
        let mut word: Option<Word> = None;
        let mut quote = None;
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            let end = at + c.len_utf8();
            let mut open = || {
                word.take().unwrap_or(Word {
                    element,
                    letters: Vec::new(),
                    range: at..at,
                })
            };
            match (quote, c) {
                (Some(open_quote), c) if c == open_quote => {
                    let mut now = open();
                    now.range.end = end;
                    word = Some(now);
                    quote = None;
                }
                (None, '\'' | '"') => {
                    let mut now = open();
                    now.range.end = end;
                    word = Some(now);
                    quote = Some(c);
                }
                (None | Some('"'), '\\') => {
                    let mut now = open();
                    if let Some((next, escaped)) = chars.next() {
                        now.range.end = next + escaped.len_utf8();
                        now.letters.push((escaped, at..now.range.end));
                    }
                    word = Some(now);
                }
                (None, c) if c.is_whitespace() => out.extend(word.take()),
                (_, c) => {
                    let mut now = open();
                    now.range.end = end;
                    now.letters.push((c, at..end));
                    word = Some(now);
                }
            }
        }
        out.extend(word);
    }
    out
}

/// A value as a word of the shell, quoted only where that is needed.
fn shell(text: &str, quoted: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_^-".contains(c);
    match quoted || (!text.is_empty() && text.chars().all(plain)) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements after a setting is made.
    fn set(elements: &[&str], quoted: bool, setting: MkfsSetting) -> Vec<String> {
        let mut elements: Vec<String> = elements.iter().map(|e| (*e).to_owned()).collect();
        let words = words(&elements, quoted);
        let (key, value) = wanted(&setting);
        let given = given(&words, &key, &elements);
        let replaced = match &setting {
            MkfsSetting::Feature { name, on } => feature(&given, name, *on).expect("no refusal"),
            _ => given.last().map(|g| (g, value.clone())),
        };
        match replaced {
            Some((given, text)) => {
                let (index, range) = (given.element, given.range.clone());
                elements[index].replace_range(range, &shell(&text, quoted));
            }
            None => {
                let new = written(&key, &shell(&value, quoted), &words, &elements, quoted);
                elements.extend(new);
            }
        }
        elements
    }

    fn data(elements: &[&str]) -> Vec<String> {
        set(
            elements,
            false,
            MkfsSetting::DataProfile("raid1".to_owned()),
        )
    }

    #[test]
    fn a_value_is_replaced_in_every_spelling() {
        assert_eq!(data(&["-f", "-d", "single"]), ["-f", "-d", "raid1"]);
        assert_eq!(data(&["-d single -m dup"]), ["-d raid1 -m dup"]);
        assert_eq!(data(&["-dsingle"]), ["-draid1"]);
        assert_eq!(data(&["-fdsingle"]), ["-fdraid1"]);
        assert_eq!(data(&["--data=single", "-f"]), ["--data=raid1", "-f"]);
        assert_eq!(data(&["--data", "single"]), ["--data", "raid1"]);
        assert_eq!(data(&["-d 'single'"]), ["-d raid1"]);
        assert_eq!(data(&["--data='single' -f"]), ["--data=raid1 -f"]);
        assert_eq!(
            data(&["-d", "single", "-m", "single"]),
            ["-d", "raid1", "-m", "single"]
        );
        // The last one counts.
        assert_eq!(data(&["-d", "dup", "-dsingle"]), ["-d", "dup", "-draid1"]);
        assert_eq!(data(&["-L", "-d"]), ["-L", "-d", "-d", "raid1"]);
    }

    #[test]
    fn a_new_option_is_written_as_the_others_are() {
        assert_eq!(data(&[]), ["--data=raid1"]);
        assert_eq!(data(&["-f"]), ["-f", "--data=raid1"]);
        assert_eq!(data(&["-m", "dup"]), ["-m", "dup", "-d", "raid1"]);
        assert_eq!(data(&["-m dup"]), ["-m dup", "-d raid1"]);
        assert_eq!(data(&["--csum=xxhash"]), ["--csum=xxhash", "--data=raid1"]);
        let one_word = set(
            &["-L", "my disk"],
            true,
            MkfsSetting::DataProfile("raid1".to_owned()),
        );
        assert_eq!(one_word, ["-L", "my disk", "-d", "raid1"]);
    }

    #[test]
    fn features_join_the_list_that_is_there() {
        let feature = |elements: &[&str], on| {
            let name = "block-group-tree".to_owned();
            set(elements, false, MkfsSetting::Feature { name, on })
        };
        assert_eq!(
            feature(&["-O", "quota"], true),
            ["-O", "quota,block-group-tree"]
        );
        assert_eq!(
            feature(&["-O^block-group-tree,quota"], true),
            ["-Oblock-group-tree,quota"]
        );
        assert_eq!(
            feature(&["--features=block-group-tree"], false),
            ["--features=^block-group-tree"]
        );
        assert_eq!(
            feature(&["-f"], true),
            ["-f", "--features=block-group-tree"]
        );
    }

    #[test]
    fn a_label_is_quoted_for_the_shell_where_there_is_one() {
        let label = |elements: &[&str], quoted| {
            set(elements, quoted, MkfsSetting::Label("it's mine".to_owned()))
        };
        assert_eq!(label(&["-L old"], false), ["-L 'it'\\''s mine'"]);
        assert_eq!(label(&["-L", "old"], true), ["-L", "it's mine"]);
    }
}
