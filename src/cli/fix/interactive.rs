//! `fix --interactive`: each recommendation with its diff, and a question.
//!
//! Works with lines on a plain terminal. What is answered later builds on what was answered before:
//! after a no, everything that is left is proven anew without it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};

use miette::miette;

use super::plan::{Key, Patch, Planned, Planner};
use super::{Fix, colour, edit, message};
use crate::nix::source::FileId;
use crate::project::HostName;
use crate::recommend::Class;
use crate::recommend::rules::rule;
use crate::report::{FORMAT, Report, text};

const HELP: &str = "\
y  yes, take it
n  no, leave it out; what builds on it is proven anew without it
e  edit the new text first; the result is proven again
a  yes to this and to all later ones of its class (those that give something up are still asked)
d  no to this and to all later ones of its class
q  quit: no to this and to all later ones; what was taken before is written
?  explain the rule
h  this help
";

/// What was answered about one patch.
enum Answer {
    Yes(Box<Patch>),
    No,
    Quit,
}

/// An error unless there is somebody to ask.
pub(super) fn needs_terminal() -> miette::Result<()> {
    match std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        true => Ok(()),
        false => Err(miette!(
            help = "run it in a terminal, or choose with --rule, --only and --consent",
            "--interactive asks questions, and standard input and output are no terminal"
        )),
    }
}

/// Asks about each patch; gives the chosen ones, which follow each other.
pub(super) fn choose(fix: &Fix, planner: &Planner<'_>) -> miette::Result<Vec<Patch>> {
    let mut asking = Asking {
        fix,
        planner,
        texts: BTreeMap::new(),
        chosen: Vec::new(),
        decided: BTreeSet::new(),
        classes: BTreeMap::new(),
    };
    while asking.round()? {}
    Ok(asking.chosen)
}

struct Asking<'a> {
    fix: &'a Fix,
    planner: &'a Planner<'a>,
    /// The files with all that was taken.
    texts: BTreeMap<FileId, String>,
    chosen: Vec<Patch>,
    decided: BTreeSet<Key>,
    /// What was answered for all of a class.
    classes: BTreeMap<Class, bool>,
}

impl Asking<'_> {
    /// Asks until something makes it necessary to prove the rest anew; says whether it is.
    fn round(&mut self) -> miette::Result<bool> {
        let planned = self.planner.plan(&self.texts, &|host: &HostName, p| {
            let key = (host.0.clone(), p.finding.rule, p.finding.subject.clone());
            self.fix.wants(p) && !self.decided.contains(&key)
        })?;
        if planned.failed() {
            let report = Report {
                hosts: Vec::new(),
                ..planned.report()
            };
            colour::print(&text::render(&report), self.fix.color)?;
            return Err(miette!(
                help = "resolve what is reported as an error first",
                "nothing was written"
            ));
        }
        let count = planned.patches.len();
        for (i, patch) in planned.patches.iter().enumerate() {
            self.decided.insert(patch.key());
            let answer = match self.classes.get(&patch.class()) {
                Some(false) => Answer::No,
                Some(true) if self.fix.is_free(patch) => {
                    tell(&format!("taken: {}\n", message::clean(&patch.report.title)))?;
                    Answer::Yes(Box::new(patch.clone()))
                }
                _ => {
                    self.show(&planned, patch)?;
                    self.ask(patch, count - i)?
                }
            };
            match answer {
                Answer::Quit => return Ok(false),
                Answer::No => return Ok(i + 1 < count),
                Answer::Yes(patch) => {
                    let after = patch.files.iter().map(|f| (f.file, f.after.clone()));
                    self.texts.extend(after);
                    let is_edited = patch.edited;
                    self.chosen.push(*patch);
                    if is_edited {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Shows a patch as the report does.
    fn show(&self, planned: &Planned, patch: &Patch) -> miette::Result<()> {
        let mut hosts = planned.hosts.clone();
        hosts.retain(|host| host.name == patch.host.0);
        for host in &mut hosts {
            host.causes.clear();
            host.findings = vec![patch.report.clone()];
        }
        let report = Report {
            format: FORMAT.to_owned(),
            hosts,
            problems: Vec::new(),
        };
        colour::print(&text::render(&report), self.fix.color)
    }

    fn ask(&mut self, patch: &Patch, left: usize) -> miette::Result<Answer> {
        let mut draft: BTreeMap<FileId, String> = BTreeMap::new();
        loop {
            let question = format!("Take it? ({left} left) [y,n,e,a,d,q,?,h] ");
            let Some(answer) = line(&question)? else {
                return Ok(Answer::Quit);
            };
            match answer.as_str() {
                "y" => {
                    if self.consents(patch)? {
                        return Ok(Answer::Yes(Box::new(patch.clone())));
                    }
                }
                "n" => return Ok(Answer::No),
                "a" => {
                    if self.consents(patch)? {
                        self.classes.insert(patch.class(), true);
                        return Ok(Answer::Yes(Box::new(patch.clone())));
                    }
                }
                "d" => {
                    self.classes.insert(patch.class(), false);
                    return Ok(Answer::No);
                }
                "e" => {
                    if let Some(edited) = self.edited(patch, &mut draft)? {
                        return Ok(Answer::Yes(Box::new(edited)));
                    }
                }
                "q" => return Ok(Answer::Quit),
                "?" => match rule(patch.rule) {
                    Some(rule) => tell(rule.meta().page)?,
                    None => tell(HELP)?,
                },
                _ => tell(HELP)?,
            }
        }
    }

    /// Asks by itself whether something may be given up.
    fn consents(&self, patch: &Patch) -> miette::Result<bool> {
        if self.fix.is_free(patch) {
            return Ok(true);
        }
        let mut out = "This gives something up:\n".to_owned();
        for cost in &patch.report.cost {
            message::prose(&mut out, "  - ", "    ", cost);
        }
        tell(&out)?;
        Ok(line("Consent to that? [y,n] ")?.as_deref() == Some("y"))
    }

    /// Lets the person edit the new texts, and proves the result. `None`: ask again.
    fn edited(
        &self,
        patch: &Patch,
        draft: &mut BTreeMap<FileId, String>,
    ) -> miette::Result<Option<Patch>> {
        loop {
            if let Err(why) = edit::edit(patch, draft) {
                tell(&format!("{why}\n"))?;
                return Ok(None);
            }
            let mut edited = edit::patch(patch, draft);
            if edited.files.is_empty() {
                tell("Nothing is left of the change; n leaves it out.\n")?;
                return Ok(None);
            }
            if edited.files == patch.files {
                tell("Nothing was edited.\n")?;
                return Ok(None);
            }
            let question = match edit::prove(self.planner, &self.texts, patch, &edited) {
                Err(why) => {
                    tell(&format!("This cannot be taken: {}\n", message::clean(&why)))?;
                    "Edit again? [e,n] "
                }
                Ok(proof) if proof.is_as_claimed => {
                    tell("The configuration changes exactly as was claimed.\n")?;
                    return Ok(self.consents(patch)?.then_some(edited));
                }
                Ok(proof) => {
                    edited.report.changes = proof.changes;
                    tell(&proof.difference)?;
                    "Take it all the same? [y,e,n] "
                }
            };
            match (line(question)?.as_deref(), question.contains('y')) {
                (Some("y"), true) => {
                    return Ok(self.consents(patch)?.then_some(edited));
                }
                (Some("e"), _) => {}
                _ => return Ok(None),
            }
        }
    }
}

/// Prints on the terminal.
fn tell(text: &str) -> miette::Result<()> {
    let clean: String = text.lines().map(|l| colour::visible(l) + "\n").collect();
    crate::cli::print(&clean)
}

/// Asks for a line; `None` at the end of the input.
fn line(question: &str) -> miette::Result<Option<String>> {
    crate::cli::print(question)?;
    let flushed = std::io::stdout().flush();
    flushed.map_err(|e| miette!("standard output: {e}"))?;
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) => {
            crate::cli::print("\n")?;
            Ok(None)
        }
        Ok(_) => Ok(Some(line.trim().to_lowercase())),
        Err(error) => Err(miette!("standard input: {error}")),
    }
}
