//! The report in colour, on a terminal.

use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use miette::miette;

/// Whether to print in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Colour {
    /// On a terminal, unless NO_COLOR says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Prints to standard output. What is no terminal and gets no colour gets the very bytes.
pub(super) fn print(text: &str, colour: Colour) -> miette::Result<()> {
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let out = match (is_wanted(colour), is_terminal) {
        (true, _) => paint(text),
        (false, true) => text.lines().map(|l| visible(l) + "\n").collect(),
        (false, false) => return crate::cli::print(text),
    };
    match stdout.lock().write_all(out.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(miette!("standard output: {error}")),
    }
}

/// Whether standard output is printed in colour.
pub(in crate::cli) fn is_wanted(colour: Colour) -> bool {
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
    }
}

/// A report with colours: what `git diff` colours, and headings.
pub(super) fn paint(text: &str) -> String {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    let mut out = String::with_capacity(text.len() * 2);
    let mut in_hunk = false;
    for line in text.lines() {
        in_hunk = match line.as_bytes().first() {
            Some(b'@') => true,
            Some(b'+' | b'-' | b' ' | b'\\') => in_hunk,
            _ => false,
        };
        let style = match line.as_bytes().first() {
            Some(b'#') => prose(line),
            Some(b'@') => colour(AnsiColor::Cyan),
            Some(b'+') if in_hunk => colour(AnsiColor::Green),
            Some(b'-') if in_hunk => colour(AnsiColor::Red),
            Some(b'd' | b'+' | b'-') => Style::new().bold(),
            _ => Style::new(),
        };
        let line = visible(line);
        out.push_str(&format!("{style}{line}{style:#}\n"));
    }
    out
}

/// Headings stand out, details step back.
fn prose(line: &str) -> Style {
    let text = line.trim_start_matches(['#', ' ']);
    let is_numbered = || {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < text.len() && rest.starts_with(". [")
    };
    let heading = Style::new().bold();
    match () {
        () if line.starts_with("# ====") => heading.fg_color(Some(AnsiColor::Yellow.into())),
        () if text.starts_with("error: ") => heading.fg_color(Some(AnsiColor::Red.into())),
        () if !line.starts_with("#  ") && is_numbered() => heading,
        () => Style::new().dimmed(),
    }
}

/// A line without anything that a terminal would obey.
pub(super) fn visible(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => out.push(c),
            // Carets, as in `cat -v`.
            c if c.is_ascii_control() => {
                out.push('^');
                out.push(char::from((c as u8) ^ 0x40));
            }
            // The control characters beyond ASCII, and what turns text around.
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_diff_are_coloured_as_git_does() {
        let text = "# ==== Now ====\n# 1. [live] Do it (mount/atime)\ndiff --git a/x b/x\n--- a/x\n\
                    +++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n";
        let painted = paint(text);
        assert!(painted.contains("\x1b[32m+new\x1b[0m\n"), "{painted:?}");
        assert!(painted.contains("\x1b[31m-old\x1b[0m\n"), "{painted:?}");
        assert!(painted.contains("\x1b[1m--- a/x\x1b[0m\n"), "{painted:?}");
        let plain =
            String::from_utf8(anstream::adapter::strip_bytes(painted.as_bytes()).into_vec());
        assert_eq!(plain.unwrap(), text);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(
            visible("a\x1b[2Jb\r\u{202e}\u{9b}\t"),
            "a^[[2Jb^M\\u{202e}\\u{9b}\t"
        );
    }
}
