//! All rules at a glance: by group, two lines or more each.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};

use crate::recommend::{Meta, Rule, Severity};

/// Lines that are longer are hard to read.
const WIDEST: usize = 100;
/// Narrower terminals wrap by themselves.
const NARROWEST: usize = 40;
/// What is printed for no terminal.
const USUAL: usize = 80;

/// How wide the table may be.
pub(super) fn width() -> usize {
    match std::io::stdout().is_terminal() {
        true => textwrap::termwidth().clamp(NARROWEST, WIDEST),
        false => USUAL,
    }
}

/// The table.
pub(super) fn render(rules: &[&dyn Rule], width: usize, coloured: bool) -> String {
    let metas: Vec<&Meta> = rules.iter().map(|rule| rule.meta()).collect();
    let mut groups: Vec<&str> = Vec::new();
    for meta in &metas {
        if !groups.contains(&meta.group()) {
            groups.push(meta.group());
        }
    }
    let ids = metas.iter().map(|meta| meta.id.len()).max().unwrap_or(0);
    let paint = |style: Style, text: &str| match coloured {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    };
    let mut out = String::new();
    let how = "`btrfs-tune explain RULE` prints the page of a rule. Rules that are off speak when \
               `fix --rule RULE` names them, or when btrfs-tune.toml says `enabled = true`.";
    wrapped(&mut out, how, "", width, |line| line.to_owned());
    for group in groups {
        let _ = writeln!(out, "\n{}", paint(Style::new().bold().underline(), group));
        for meta in metas.iter().filter(|meta| meta.group() == group) {
            let id = format!("{:ids$}", meta.id);
            let severity = name(meta.severity);
            let severity = paint(style(meta.severity), severity);
            let off = match meta.default_on {
                true => String::new(),
                // Behind the longest of the severities.
                false => {
                    let gap = "warning".len() - name(meta.severity).len() + 2;
                    format!("{:gap$}{}", "", paint(Style::new().dimmed(), "off"))
                }
            };
            let _ = writeln!(
                out,
                "  {}  {severity}{off}",
                paint(Style::new().bold(), &id)
            );
            wrapped(&mut out, meta.summary, "    ", width, |line| {
                line.to_owned()
            });
            for setting in meta.settings {
                let text = format!("{} = {}: {}", setting.key, setting.default, setting.meaning);
                wrapped(&mut out, &text, "      ", width, |line| {
                    paint(Style::new().dimmed(), line)
                });
            }
        }
    }
    out
}

fn wrapped(
    out: &mut String,
    text: &str,
    indent: &str,
    width: usize,
    paint: impl Fn(&str) -> String,
) {
    let options = textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent)
        // Names of options are searched for whole.
        .break_words(false)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(text, options) {
        out.push_str(&paint(&line));
        out.push('\n');
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}

fn style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Advice => AnsiColor::Green,
    };
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::{Context, Finding, Remedy, RuleSetting};

    struct Named(Meta);

    impl Rule for Named {
        fn meta(&self) -> &'static Meta {
            // Leaked once a test: what rules say of themselves lives as long as the program.
            Box::leak(Box::new(Meta { ..self.0 }))
        }

        fn detect(&self, _: &Context<'_>) -> Vec<Finding> {
            Vec::new()
        }

        fn remedy(&self, _: &Context<'_>, _: &Finding) -> Option<Remedy> {
            None
        }
    }

    fn three() -> [Named; 3] {
        let meta = |id, severity, summary| Meta::new(id, severity, summary, "");
        let settings: &'static [RuleSetting] = &[RuleSetting {
            key: "longest_seconds",
            default: 120,
            meaning: "the longest interval between two commits that is still taken for a choice",
        }];
        [
            Named(meta(
                "mount/first",
                Severity::Error,
                "An option that no kernel takes.",
            )),
            Named(meta(
                "device/other",
                Severity::Advice,
                "A queue that is too short.",
            )),
            Named(Meta {
                default_on: false,
                settings,
                ..meta(
                    "mount/commit-interval",
                    Severity::Warning,
                    "A commit interval so long that a power cut loses minutes of what was written.",
                )
            }),
        ]
    }

    #[test]
    fn rules_stand_by_group_with_what_can_be_set() {
        let rules = three();
        let rules: Vec<&dyn Rule> = rules.iter().map(|rule| rule as &dyn Rule).collect();
        insta::assert_snapshot!(render(&rules, 64, false), @r"
        `btrfs-tune explain RULE` prints the page of a rule. Rules that
        are off speak when `fix --rule RULE` names them, or when
        btrfs-tune.toml says `enabled = true`.

        mount
          mount/first            error
            An option that no kernel takes.
          mount/commit-interval  warning  off
            A commit interval so long that a power cut loses minutes of
            what was written.
              longest_seconds = 120: the longest interval between two
              commits that is still taken for a choice

        device
          device/other           advice
            A queue that is too short.
        ");
    }

    #[test]
    fn colours_change_no_letter() {
        let rules = three();
        let rules: Vec<&dyn Rule> = rules.iter().map(|rule| rule as &dyn Rule).collect();
        let painted = render(&rules, 80, true);
        assert!(painted.contains("\x1b[31merror\x1b[0m"), "{painted:?}");
        let plain = anstream::adapter::strip_str(&painted).to_string();
        assert_eq!(plain, render(&rules, 80, false));
    }
}
