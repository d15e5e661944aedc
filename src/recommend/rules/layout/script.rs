//! Which subvolumes a shell script throws away and makes anew.
//!
//! A reading of what such scripts really say, not a shell: quotes, comments, plain variables,
//! functions that are handed a path. What it does not understand it does not claim.

use std::collections::{BTreeMap, BTreeSet};

/// The names of the subvolumes (their paths within the filesystem, without a slash in front) that a
/// script deletes or moves away, and then makes again.
pub(super) fn replaced_subvolumes(script: &str) -> BTreeSet<String> {
    // Then it depends on how the machine is started.
    if script.contains("/proc/cmdline") {
        return BTreeSet::new();
    }
    let mut reader = Reader::default();
    for words in commands(script) {
        reader.read(&words);
    }
    reader.replaced
}

#[derive(Default)]
struct Reader {
    /// Variables with a literal value; `None` for those whose value is not known.
    variables: BTreeMap<String, Option<String>>,
    /// Where filesystems are mounted, and the subvolume that is: empty for the top level.
    mounted: Vec<(String, String)>,
    /// Functions that delete the subvolume they are given.
    deleters: BTreeSet<String>,
    /// The function whose body is read, and how many blocks are open in it.
    function: Option<(String, usize)>,
    directory: Option<String>,
    gone: BTreeSet<String>,
    replaced: BTreeSet<String>,
}

/// Words behind which a command begins.
const INTRODUCTIONS: [&str; 9] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "exec",
];

impl Reader {
    fn read(&mut self, words: &[String]) {
        let mut words = words;
        while let Some((first, rest)) = words.split_first() {
            if first == "{" {
                if let Some((_, depth)) = &mut self.function {
                    *depth += 1;
                }
            } else if first == "}" {
                self.close_block();
            } else if let Some(name) = first.strip_suffix("()") {
                self.function = Some((name.to_owned(), 0));
            } else if first == "function" && !rest.is_empty() {
                let name = rest[0].trim_end_matches("()").to_owned();
                self.function = Some((name, 0));
                words = &rest[1..];
                continue;
            } else if !INTRODUCTIONS.contains(&first.as_str()) {
                break;
            }
            words = rest;
        }
        let Some((first, rest)) = words.split_first() else {
            return;
        };
        if rest.is_empty()
            && let Some((name, value)) = assignment(first)
        {
            let known = !value.contains(['`', '(']);
            let value = known.then(|| self.expanded(value));
            let other = self
                .variables
                .get(name)
                .is_some_and(|before| *before != value);
            let value = value.filter(|_| !other);
            self.variables.insert(name.to_owned(), value);
            return;
        }
        let command = first.rsplit('/').next().unwrap_or_default();
        match command {
            "for" | "read" | "local" | "export" | "declare" => {
                for name in rest {
                    let name = name.split('=').next().unwrap_or_default();
                    self.variables.insert(name.to_owned(), None);
                }
            }
            "cd" => self.directory = rest.first().map(|to| self.expanded(to)),
            "mount" => self.mount(rest),
            "mv" => {
                let paths: Vec<&String> = rest.iter().filter(|w| !w.starts_with('-')).collect();
                if let [from @ .., _] = paths.as_slice() {
                    from.iter().for_each(|path| self.goes(path));
                }
            }
            "btrfs" => self.btrfs(rest),
            name if self.deleters.contains(name) => rest.iter().for_each(|path| self.goes(path)),
            _ => {}
        }
    }

    fn close_block(&mut self) {
        match &mut self.function {
            Some((_, depth)) if *depth > 1 => *depth -= 1,
            _ => self.function = None,
        }
    }

    /// `mount [-t btrfs] [-o subvol=/] DEVICE DIRECTORY`
    fn mount(&mut self, words: &[String]) {
        let mut options = String::new();
        let mut places = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-o" | "--options" => options = words.next().cloned().unwrap_or_default(),
                "-t" | "--types" => {
                    words.next();
                }
                word if word.starts_with("--options=") => options = word[10..].to_owned(),
                word if word.starts_with("-o") => options = word[2..].to_owned(),
                word if word.starts_with('-') => {}
                word => places.push(word.to_owned()),
            }
        }
        let [_, directory] = places.as_slice() else {
            return;
        };
        let mut subvolume = Some(String::new());
        for option in self.expanded(&options).split(',') {
            if let Some(name) = option.strip_prefix("subvol=") {
                subvolume = Some(name.trim_matches('/').to_owned());
            } else if let Some(id) = option.strip_prefix("subvolid=") {
                // Both are the top level.
                subvolume = matches!(id, "0" | "5").then(String::new);
            } else if matches!(option, "bind" | "rbind") {
                subvolume = None;
            }
        }
        let directory = self.expanded(directory);
        self.mounted.retain(|(at, _)| *at != directory);
        if let Some(subvolume) = subvolume {
            self.mounted.push((directory, subvolume));
        }
    }

    /// `btrfs subvolume …`, whose words may be shortened.
    fn btrfs(&mut self, words: &[String]) {
        let short = |word: &str, full: &str| !word.is_empty() && full.starts_with(word);
        let [group, verb, rest @ ..] = words else {
            return;
        };
        if group.len() < 2 || !short(group, "subvolume") {
            return;
        }
        let paths: Vec<&String> = rest.iter().filter(|w| !w.starts_with('-')).collect();
        if short(verb, "delete") {
            let own = ["$1", "${1}", "$@"];
            if let Some((name, _)) = &self.function
                && paths.iter().any(|p| own.contains(&p.as_str()))
            {
                self.deleters.insert(name.clone());
            }
            paths.iter().for_each(|path| self.goes(path));
        } else if short(verb, "create") || (verb.len() > 1 && short(verb, "snapshot")) {
            let made = paths.last().and_then(|path| self.subvolume(path));
            if let Some(made) = made
                && self.gone.contains(&made)
            {
                self.replaced.insert(made);
            }
        }
    }

    fn goes(&mut self, path: &str) {
        if let Some(subvolume) = self.subvolume(path) {
            self.gone.insert(subvolume);
        }
    }

    /// The subvolume at a path below a place where the script mounted the filesystem.
    fn subvolume(&self, path: &str) -> Option<String> {
        let mut path = self.expanded(path);
        if !path.starts_with(['/', '$']) {
            path = format!("{}/{path}", self.directory.as_ref()?);
        }
        let inside = |(at, subvolume): &(String, String)| {
            let rest = path.strip_prefix(at.trim_end_matches('/'))?;
            let rest = rest.strip_prefix('/')?.trim_matches('/');
            let whole = format!("{subvolume}/{rest}");
            let name = whole.trim_matches('/').to_owned();
            (!rest.is_empty() && !name.contains(['$', '*', '?', '`', '('])).then_some(name)
        };
        self.mounted.iter().rev().find_map(inside)
    }

    /// A word with the variables in it that are known.
    fn expanded(&self, word: &str) -> String {
        let mut out = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, behind) = match after.strip_prefix('{') {
                Some(inner) => inner.split_once('}').unwrap_or((inner, "")),
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
            match self.variables.get(name) {
                Some(Some(value)) => out.push_str(value),
                _ => {
                    out.push('$');
                    out.push_str(name);
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}

/// The name and value of a word that is `NAME=value`.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then_some((name, value))
}

/// The commands of a script as words, without their quotes.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' => {
                let text: String = chars.by_ref().take_while(|c| *c != '\'').collect();
                word.get_or_insert_default().push_str(&text);
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        '$' if chars.peek() == Some(&'(') => substituted(&mut chars, word),
                        c => word.push(c),
                    }
                }
            }
            '$' if chars.peek() == Some(&'(') => {
                substituted(&mut chars, word.get_or_insert_default());
            }
            '#' if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            // `name()`
            '(' if word.is_some() && chars.peek() == Some(&')') => {
                chars.next();
                word.get_or_insert_default().push_str("()");
                words.extend(word.take());
            }
            ' ' | '\t' | '\r' => words.extend(word.take()),
            '\n' | ';' | '&' | '|' | '(' | ')' => {
                words.extend(word.take());
                if !words.is_empty() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if !words.is_empty() {
        commands.push(words);
    }
    commands
}

/// Takes over `(…)` behind a `$`, as it stands.
fn substituted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    word.push('$');
    let mut depth = 0_usize;
    for c in chars.by_ref() {
        word.push(c);
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(script: &str) -> Vec<String> {
        replaced_subvolumes(script).into_iter().collect()
    }

    #[test]
    fn a_root_that_is_deleted_and_restored_from_a_blank_one() {
        let script = "
            mkdir -p /mnt
            # btrfs subvolume delete fails while others lie within
            mount -t btrfs -o subvol=/ /dev/mapper/crypt /mnt
            btrfs subvolume list -o /mnt/root | cut -f9 -d' ' |
              while read -r subvolume; do
                echo \"deleting /$subvolume\"
                btrfs subvolume delete \"/mnt/$subvolume\"
              done &&
              btrfs subvolume delete /mnt/root
            btrfs subvolume snapshot /mnt/root-blank /mnt/root
            umount /mnt
        ";
        assert_eq!(replaced(script), ["root"]);
    }

    #[test]
    fn a_root_that_is_moved_aside_and_made_empty() {
        let script = "
            mkdir /btrfs_tmp
            mount /dev/vg/root /btrfs_tmp
            if [[ -e /btrfs_tmp/root ]]; then
                stamp=$(date --date=\"@$(stat -c %Y /btrfs_tmp/root)\" '+%F')
                mv /btrfs_tmp/root \"/btrfs_tmp/old/$stamp\"
            fi
            wipe() {
                for i in $(btrfs subvolume list -o \"$1\" | cut -f 9- -d ' '); do
                    wipe \"/btrfs_tmp/$i\"
                done
                btrfs subvolume delete \"$1\"
            }
            for i in $(find /btrfs_tmp/old/ -maxdepth 1 -mtime +30); do wipe \"$i\"; done
            btrfs subvolume create /btrfs_tmp/root
        ";
        assert_eq!(replaced(script), ["root"]);
    }

    #[test]
    fn variables_functions_directories_and_short_words_are_followed() {
        let temporary = "
            MNT=\"$(mktemp -d)\"
            (
              mount --options subvolid=5 /dev/sda2 \"$MNT\"
              trap 'umount \"$MNT\"' EXIT
              btrfs subvolume delete -R \"${MNT}/@\" && btrfs sub snap \"$MNT/@blank\" \"$MNT/@\"
            )";
        assert_eq!(replaced(temporary), ["@"]);
        let literal = "T=/t; S=system/root\nmount -osubvol=/ /dev/sda2 $T\n\
                       /bin/btrfs su d $T/$S\n/bin/btrfs su c $T/$S";
        assert_eq!(replaced(literal), ["system/root"]);
        let function = "wipe () { btrfs subvolume delete \"$1\"; }";
        assert!(replaced(function).is_empty());
        let function = "
            mount -o subvol=/ /dev/sda2 /m
            wipe() {
              btrfs subvolume delete \"$1\"
            }
            cd /m
            wipe root
            btrfs subvolume create root";
        assert_eq!(replaced(function), ["root"]);
        let below = "mount -o subvol=system /dev/sda2 /m; btrfs subvolume delete /m/root
                     btrfs subvolume create /m/root";
        assert_eq!(replaced(below), ["system/root"]);
    }

    #[test]
    fn what_is_kept_or_not_understood_is_not_claimed() {
        let quiet = |script: &str| assert!(replaced(script).is_empty(), "{script}");
        // A snapshot is taken, and nothing deleted.
        quiet("mount -o subvol=/ /dev/a /m\nbtrfs subvolume snapshot -r /m/root /m/root-blank");
        // Only old snapshots go.
        quiet("mount -o subvol=/ /dev/a /m\nbtrfs subvolume delete /m/old/1");
        // Nothing was mounted there by the script.
        quiet("btrfs subvolume delete /m/root; btrfs subvolume create /m/root");
        // It is made first, and deleted then.
        quiet("mount /dev/a /m; btrfs subvolume create /m/new; btrfs subvolume delete /m/new");
        // Which one is not known.
        quiet("mount /dev/a /m; N=$(cat n)\nbtrfs subvolume delete /m/$N; btrfs su c /m/$N");
        quiet("N=a; N=b\nmount /dev/a /m; btrfs su d /m/$N; btrfs su c /m/$N");
        // It is asked for when the machine starts.
        quiet(
            "grep -q wipe /proc/cmdline || exit 0\nmount /dev/a /m; btrfs su d /m/root; btrfs su c /m/root",
        );
        quiet("# mount /dev/a /m; btrfs su d /m/root; btrfs su c /m/root");
        quiet("echo \"unfinished $(");
    }
}
