//! What a parser could not read, or doubts: said with its place, never thrown.

use std::fmt;

use serde::Serialize;

/// How much of the input a problem costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something to know; nothing was lost.
    Note,
    /// A part was not read; the rest was.
    Warning,
    /// The whole source could not be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that a parser did not understand or that its reader should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// How much is lost.
    pub severity: Severity,
    /// The name of the file, as shown to people.
    pub source: String,
    /// Line in that file, counted from 1.
    pub line: Option<u32>,
    /// Column in that line in characters, counted from 1.
    pub column: Option<u32>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a place in its source.
    pub fn new(severity: Severity, source: &str, message: impl Into<String>) -> Self {
        Problem {
            severity,
            source: source.to_owned(),
            line: None,
            column: None,
            message: message.into(),
            help: None,
        }
    }

    /// The whole source could not be used.
    pub fn error(source: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, source, message)
    }

    /// A part of the source was not read.
    pub fn warning(source: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, source, message)
    }

    /// Something to know about the source.
    pub fn note(source: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, source, message)
    }

    /// The same problem at a line (from 1).
    #[must_use]
    pub fn on_line(mut self, line: usize) -> Self {
        self.line = u32::try_from(line).ok();
        self
    }

    /// The same problem at a line and column (both from 1).
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.line = u32::try_from(line).ok();
        self.column = u32::try_from(column).ok();
        self
    }

    /// The same problem at a byte offset of `text`.
    #[must_use]
    pub fn at_offset(self, text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].chars().count() + 1;
        self.at(line, column)
    }

    /// The same problem with advice for its reader.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    /// `source:line:column: severity: message (help)`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}: {}", self.severity, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// A line of input made fit to quote in a message: control characters gone, at most 60 characters.
pub(crate) fn quoted(line: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = line
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if line.trim().chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_becomes_the_line_and_column_a_person_counts() {
        let text = "ä = 1\nö = x\n";
        let offset = text.find('x').unwrap();
        let problem = Problem::error("a.toml", "no value").at_offset(text, offset);
        assert_eq!((problem.line, problem.column), (Some(2), Some(5)));
        assert_eq!(problem.to_string(), "a.toml:2:5: error: no value");
    }

    #[test]
    fn an_offset_beyond_the_text_is_its_end() {
        let problem = Problem::note("a", "m").at_offset("one\ntwo", 999);
        assert_eq!((problem.line, problem.column), (Some(2), Some(4)));
    }

    #[test]
    fn help_and_severity_are_printed() {
        let problem = Problem::warning("df", "not read")
            .on_line(3)
            .help("run it again");
        assert_eq!(
            problem.to_string(),
            "df:3: warning: not read (run it again)"
        );
        assert!(Severity::Error > Severity::Warning);
    }

    #[test]
    fn a_quoted_line_cannot_steer_a_terminal_nor_flood_it() {
        assert_eq!(quoted(" \u{1b}[31mred "), " [31mred");
        assert_eq!(quoted(&"x".repeat(1000)).chars().count(), 61);
    }
}
