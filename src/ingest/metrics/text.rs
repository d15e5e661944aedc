//! Cuts a file into pieces: blocks of one format, JSON values, messages, and what is unknown.

use std::collections::VecDeque;

use serde_json::Value;

use super::detect::{self, Format};
use super::mounts::unescaped;
use super::system;

/// One line of a cleaned file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// Its text, without the line end and trailing blanks.
    pub(super) text: &'t str,
    /// Where it begins in the cleaned text.
    offset: usize,
}

impl<'t> Line<'t> {
    /// Its words.
    pub(super) fn words(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.text.split_whitespace()
    }
}

/// The heading or command line above a block.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    /// The words of the heading or command.
    pub(super) label: String,
    /// The path it names last.
    pub(super) path: Option<String>,
    /// For one of several samples: when it was taken, in seconds of a clock that all samples of the
    /// bundle share. Written as `t=12.345` in the heading: `## /proc/diskstats t=12.345`.
    pub(super) at_s: Option<f64>,
}

impl Context {
    fn of(label: &str) -> Self {
        let path = label
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']))
            .rfind(|word| word.starts_with('/'))
            // Blanks in it are written as the kernel writes them.
            .map(unescaped);
        let at = label
            .split_whitespace()
            .rev()
            .find_map(|word| word.strip_prefix("t="));
        Context {
            label: label.trim().to_owned(),
            path,
            at_s: at
                .and_then(|at| at.parse().ok())
                .filter(|at: &f64| at.is_finite()),
        }
    }
}

/// The consecutive lines of one output.
#[derive(Debug)]
pub(super) struct Block<'t, 'l> {
    pub(super) format: Format,
    /// At least one; blank lines are left out.
    pub(super) lines: Vec<&'l Line<'t>>,
    pub(super) context: Context,
}

/// A part of a file.
pub(super) enum Piece<'t, 'l> {
    Block(Block<'t, 'l>),
    Json {
        line: usize,
        value: Value,
        context: Context,
    },
    BrokenJson {
        line: usize,
        error: serde_json::Error,
        /// The file from there on.
        text: &'t str,
        context: Context,
    },
    /// A warning or error that a tool printed.
    Message(&'l Line<'t>, Context),
    Unknown(Vec<&'l Line<'t>>),
}

/// The text without a byte order mark, carriage returns and terminal colours.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => cleaned.push('\n'),
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one final character.
                Some('[') => {
                    while chars
                        .next_if(|c| !('\u{40}'..='\u{7e}').contains(c) && *c != '\n')
                        .is_some()
                    {}
                    chars.next_if(|c| *c != '\n');
                }
                // OSC (window titles): up to BEL, on the same line.
                Some(']') => {
                    while chars.next_if(|c| *c != '\u{7}' && *c != '\n').is_some() {}
                    chars.next_if_eq(&'\u{7}');
                }
                Some('\n') => cleaned.push('\n'),
                _ => {}
            },
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// The lines of a cleaned text.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut offset = 0;
    text.split('\n')
        .enumerate()
        .map(|(index, line)| {
            let begin = offset;
            offset += line.len() + 1;
            Line {
                number: index + 1,
                text: line.trim_end(),
                offset: begin,
            }
        })
        .collect()
}

/// Whether a line may end amid a number or its unit.
pub(super) fn may_end_amid_number(line: &str) -> bool {
    line.ends_with(|c: char| c.is_ascii_digit() || ".,KMGTPEki".contains(c))
}

/// What a heading (`## usage /mnt`, `==> file <==`) or a shell prompt (`$ df -P`) says.
fn label(line: &str) -> Option<&str> {
    // Comments of the Prometheus format are content.
    if line.starts_with("# HELP") || line.starts_with("# TYPE") || system::is_content(line) {
        return None;
    }
    if let Some(rest) = line.strip_prefix("==> ") {
        return Some(rest.trim_end_matches("<==").trim());
    }
    for mark in ["#", "$ ", "❯ ", "➜ "] {
        if let Some(rest) = line.strip_prefix(mark) {
            return Some(rest.trim_start_matches('#').trim());
        }
    }
    if line.starts_with("===") {
        return Some(line.trim_matches('=').trim());
    }
    // user@host:~$ command, [root@host:~]# command
    let (prompt, command) = line
        .split_once("$ ")
        .or_else(|| line.split_once("# "))
        .or_else(|| Some((line.strip_suffix(['$', '#'])?, "")))?;
    let is_prompt = prompt.contains('@')
        && prompt.len() <= 80
        && prompt
            .trim_start_matches('[')
            .starts_with(|c: char| c.is_ascii_alphanumeric())
        && !prompt.contains([',', '=', '"', '\t'])
        // Rows of tables, and of `btrfs subvolume list`, may end in such a name.
        && !prompt.contains("  ")
        && !prompt.starts_with("ID ");
    is_prompt.then(|| command.trim())
}

/// Whether a line is a message of a tool, not of its output.
fn is_message(line: &str) -> bool {
    ["WARNING:", "ERROR:", "sudo:", "[sudo]"]
        .iter()
        .any(|mark| line.starts_with(mark))
        || system::is_complaint(line)
}

/// A line without its last `n` words, and these.
pub(super) fn last_words(line: &str, n: usize) -> Option<(&str, Vec<&str>)> {
    let mut rest = line.trim_end();
    let mut words = Vec::new();
    for _ in 0..n {
        let begin = rest.rfind(char::is_whitespace)?;
        words.push(rest[begin..].trim_start());
        rest = rest[..begin].trim_end();
    }
    words.reverse();
    Some((rest, words))
}

/// The pieces of a file, in order.
pub(super) struct Pieces<'t, 'l> {
    text: &'t str,
    lines: &'l [Line<'t>],
    next: usize,
    context: Context,
    /// Messages met inside a block; they come right after it.
    messages: VecDeque<&'l Line<'t>>,
}

impl<'t, 'l> Pieces<'t, 'l> {
    /// The pieces of a text below this heading.
    pub(super) fn below(heading: Option<&str>, text: &'t str, lines: &'l [Line<'t>]) -> Self {
        Pieces {
            text,
            lines,
            next: 0,
            context: heading.map(Context::of).unwrap_or_default(),
            messages: VecDeque::new(),
        }
    }

    /// The lines from the next one on that belong together, by `ends` for the rest of them. What
    /// `holds` says of a line goes before all it looks like.
    fn gather(
        &mut self,
        holds: impl Fn(&str) -> bool,
        ends: impl Fn(&[Line<'t>]) -> bool,
    ) -> Vec<&'l Line<'t>> {
        let mut gathered = vec![&self.lines[self.next]];
        self.next += 1;
        while let Some(line) = self.lines.get(self.next) {
            if !line.text.is_empty() && holds(line.text) {
                gathered.push(line);
            } else if is_message(line.text) {
                self.messages.push_back(line);
            } else if label(line.text).is_some() || ends(&self.lines[self.next..]) {
                break;
            } else if !line.text.is_empty() {
                gathered.push(line);
            }
            self.next += 1;
        }
        gathered
    }

    fn json(&mut self) -> Piece<'t, 'l> {
        let first = &self.lines[self.next];
        let rest = &self.text[first.offset..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = first.offset + values.byte_offset();
                while self
                    .lines
                    .get(self.next)
                    .is_some_and(|line| line.offset < end)
                {
                    self.next += 1;
                }
                Piece::Json {
                    line: first.number,
                    value,
                    context: self.context.clone(),
                }
            }
            Some(Err(error)) => {
                self.gather(|_| false, |_| false);
                Piece::BrokenJson {
                    line: first.number,
                    error,
                    text: rest,
                    context: self.context.clone(),
                }
            }
            None => {
                self.next += 1;
                Piece::Unknown(vec![first])
            }
        }
    }
}

impl<'t, 'l> Iterator for Pieces<'t, 'l> {
    type Item = Piece<'t, 'l>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(message) = self.messages.pop_front() {
            return Some(Piece::Message(message, self.context.clone()));
        }
        loop {
            let line = self.lines.get(self.next)?;
            if line.text.trim().is_empty() {
                self.next += 1;
            } else if is_message(line.text) {
                self.next += 1;
                return Some(Piece::Message(line, self.context.clone()));
            } else if let Some(label) = label(line.text) {
                self.context = Context::of(label);
                self.next += 1;
            } else if line.text.starts_with('{') {
                return Some(self.json());
            } else if let Some(format) = detect::format(&self.lines[self.next..]) {
                let ends = |rest: &[Line<'t>]| {
                    if let Format::System(kind) = format
                        && system::continues(kind, line, &rest[0])
                    {
                        return false;
                    }
                    rest[0].text.starts_with('{')
                        || detect::format(rest)
                            .is_some_and(|next| next != format || next.restarts())
                };
                let lines = self.gather(|line| format.holds(line), ends);
                return Some(Piece::Block(Block {
                    format,
                    lines,
                    context: self.context.clone(),
                }));
            } else {
                let known = |rest: &[Line<'t>]| {
                    rest[0].text.starts_with('{') || detect::format(rest).is_some()
                };
                return Some(Piece::Unknown(self.gather(|_| false, known)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_carriage_returns_are_no_content() {
        assert_eq!(
            clean("\u{feff}\u{1b}[1;31ma\u{1b}[0m\r\nb\rc\n"),
            "a\nb\nc\n"
        );
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{1b}"), "x");
        assert_eq!(clean("a\u{1b}[\nb"), "a\nb");
    }

    #[test]
    fn headings_and_prompts_say_what_stands_below_them() {
        let cases = [
            ("## usage /mnt", Some("usage /mnt")),
            ("==> /proc/pressure/io <==", Some("/proc/pressure/io")),
            ("$ df -P", Some("df -P")),
            (
                "[root@nas:~]# btrfs device stats /",
                Some("btrfs device stats /"),
            ),
            ("ann@nas:/srv$ df", Some("df")),
            ("[root@nas:~]#", Some("")),
            ("ID 256 gen 10 top level 5 path ann@nas$ x", None),
            ("0/256   16384   16384   ann@nas$ x", None),
            ("# HELP node_disk_io_now", None),
            ("/dev/sda1 1 2 3 4% /", None),
        ];
        for (line, expected) in cases {
            assert_eq!(label(line), expected, "{line}");
        }
        assert_eq!(
            Context::of("sudo btrfs fi usage -b '/mnt/a'")
                .path
                .as_deref(),
            Some("/mnt/a")
        );
    }
}
