//! `fix --verify`: the real Nix is asked whether the patches do what is claimed, once for all of
//! them; what it contradicts is withdrawn.

mod compare;
mod nix;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use miette::miette;

use super::inputs::Opened;
use crate::ingest::problem::Problem;
use crate::model::Facts;
use crate::nix::oracle::{self, Limits};
use crate::project::{Entry, HostName};
use crate::rewrite::{Outcome, Realised, Stuck, Workspace, realise};
use crate::select::Proposal;
use compare::{Compared, Wrong};
use nix::{NoAnswer, Pair};

/// What was made of one host.
pub(super) struct Done<'a> {
    /// The host.
    pub(super) name: &'a HostName,
    /// What is known of it besides its configuration.
    pub(super) facts: &'a Facts,
    /// Its patches and advice, in the order in which they apply.
    pub(super) realised: &'a mut Vec<Realised>,
}

/// Asks Nix about all patches together: about every host that reads a changed file, before and
/// after. What Nix contradicts is made advice, with all that was built on it; the rest is made anew
/// without it. Gives the workspace that is left, and what has to be told.
pub(super) fn run(
    opened: &Opened,
    limits: &Limits,
    start: &Workspace,
    last: Workspace,
    done: &mut [Done<'_>],
) -> miette::Result<(Workspace, Vec<Problem>)> {
    oracle::version(limits).map_err(|error| {
        miette!(
            help = error.help(),
            "the patches cannot be verified: {error}"
        )
    })?;
    if !patches(done).any(|_| true) {
        return Ok((last, Vec::new()));
    }
    let (contradictions, notes) = contradictions(opened, limits, start, &last);
    withdraw(start, last, done, contradictions, notes)
}

/// Something that Nix says otherwise of a host; without a path it is about the host as a whole.
struct Contradiction {
    host: HostName,
    path: Option<Vec<String>>,
    why: String,
}

fn contradictions(
    opened: &Opened,
    limits: &Limits,
    start: &Workspace,
    last: &Workspace,
) -> (Vec<Contradiction>, Vec<Problem>) {
    let project = &opened.project;
    let root = match project.in_git {
        true => project.root.as_path(),
        false => project.directory.as_path(),
    };
    let changed = start.differing(last);
    let text = |id| {
        let file = last.sources().file(id)?;
        Some((file.path().to_path_buf(), file.text().to_owned()))
    };
    let edits: Vec<(PathBuf, String)> = changed.iter().filter_map(|id| text(*id)).collect();
    let readers = |w: &Workspace| -> BTreeSet<HostName> {
        let readers = changed.iter().flat_map(|id| w.readers(*id));
        readers.cloned().collect()
    };
    let mut hosts = readers(start);
    hosts.extend(readers(last));
    let discovery = project.hosts(&opened.sources);
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for host in &hosts {
        let mut contradict = |path, why| {
            wrong.push(Contradiction {
                host: host.clone(),
                path,
                why,
            });
        };
        let entry = match discovery.host(host).map(|h| h.entry()) {
            Some(entry @ (Entry::Flake(_) | Entry::File(_))) => entry,
            Some(Entry::Parts(_)) | None => {
                let why = "no single file or flake makes it, so Nix cannot be asked";
                contradict(None, why.to_owned());
                continue;
            }
        };
        if !pairs.iter().any(|p| p.is_of(&entry)) {
            let root = within(root, &entry);
            pairs.push(Pair::new(entry.clone(), &root, limits, &edits));
        }
        let Some(pair) = pairs.iter().find(|p| p.is_of(&entry)) else {
            continue;
        };
        let claims = last.changes_since(start, host);
        let claimed: Vec<Vec<String>> = claims.iter().map(|c| c.path.clone()).collect();
        let answered = match pair.ask(host, &claimed) {
            Ok(answered) => answered,
            Err(NoAnswer::After(why)) => {
                contradict(None, format!("with the patches, {why}"));
                continue;
            }
            Err(NoAnswer::Unasked(why)) => {
                contradict(None, why);
                continue;
            }
        };
        if let Some(instead) = &answered.instead {
            notes.push(Problem::note(&format!("host {}", host.0), instead.clone()));
        }
        let (Ok(before), Ok(after)) = (start.evaluate(host), last.evaluate(host)) else {
            contradict(None, "it can no longer be read".to_owned());
            continue;
        };
        let compared = Compared {
            claims: &claims,
            models: (&before.host(), &after.host()),
            real: (&answered.before, &answered.after),
        };
        for Wrong { path, why } in compared.wrong() {
            contradict(Some(path), why);
        }
    }
    (wrong, notes)
}

/// The tree to copy: that of the project, unless the file lies beyond it.
fn within(root: &Path, entry: &Entry) -> PathBuf {
    let (Entry::Flake(file) | Entry::File(file)) = entry else {
        return root.to_path_buf();
    };
    match (file.starts_with(root), file.parent()) {
        (false, Some(parent)) => parent.to_path_buf(),
        _ => root.to_path_buf(),
    }
}

/// A host and what its plan calls a proposal.
type Key = (HostName, &'static str, String);

fn key(host: &HostName, proposal: &Proposal) -> Key {
    let (rule, subject) = proposal.key();
    (host.clone(), rule, subject.to_owned())
}

/// All patches, in the order in which they apply.
fn patches<'a>(done: &'a [Done<'_>]) -> impl Iterator<Item = (&'a HostName, &'a Realised)> {
    let all = done
        .iter()
        .flat_map(|d| d.realised.iter().map(move |r| (d.name, r)));
    all.filter(|(_, r)| matches!(r.outcome, Outcome::Patch { .. }))
}

/// Takes back what is contradicted, and what was built on it.
fn withdraw(
    start: &Workspace,
    last: Workspace,
    done: &mut [Done<'_>],
    contradictions: Vec<Contradiction>,
    mut problems: Vec<Problem>,
) -> miette::Result<(Workspace, Vec<Problem>)> {
    if contradictions.is_empty() {
        return Ok((last, problems));
    }
    let mut withdrawn: Vec<(Key, String)> = Vec::new();
    for contradiction in &contradictions {
        let guilty = guilty(done, contradiction);
        let names: Vec<String> = guilty
            .iter()
            .map(|k| format!("{} ({})", k.1, k.2))
            .collect();
        let what = match names.is_empty() {
            true => "no patch explains it".to_owned(),
            false => format!("withdrawn: {}", names.join(", ")),
        };
        let source = format!("host {}", contradiction.host.0);
        let problem = Problem::error(&source, format!("{}; {what}", contradiction.why));
        problems.push(problem.help("please report this, with the files that it is about"));
        for key in guilty {
            if !withdrawn.iter().any(|(k, _)| *k == key) {
                withdrawn.push((key, format!("Nix contradicts it: {}", contradiction.why)));
            }
        }
    }
    built_on(done, &mut withdrawn);
    let why = |key: &Key| {
        let mut all = withdrawn.iter();
        all.find(|(k, _)| k == key).map(|(_, why)| why.clone())
    };
    let mut workspace = start.clone();
    for one in done {
        let name = one.name;
        let kept: Vec<Key> = one
            .realised
            .iter()
            .filter(|r| matches!(r.outcome, Outcome::Patch { .. }))
            .map(|r| key(name, &r.proposal))
            .filter(|key| why(key).is_none())
            .collect();
        let wanted = |p: &Proposal| kept.contains(&key(name, p));
        let (next, again) = realise(&workspace, name, one.facts, &wanted);
        workspace = next;
        for realised in one.realised.iter_mut() {
            let own = key(name, &realised.proposal);
            let made = again.iter().find(|r| key(name, &r.proposal) == own);
            let lost = match (&realised.outcome, made.map(|r| &r.outcome)) {
                (Outcome::Patch { .. }, Some(outcome @ Outcome::Patch { .. }))
                | (Outcome::With(_), Some(outcome @ Outcome::With(_))) => {
                    realised.outcome = outcome.clone();
                    continue;
                }
                (Outcome::Patch { .. }, _) => why(&own),
                (Outcome::With(other), _) => {
                    Some(format!("the patch of the host {} was withdrawn", other.0))
                }
                _ => continue,
            };
            let why = lost.unwrap_or_else(|| "what it was built on was withdrawn".to_owned());
            realised.outcome = Outcome::Stuck(Stuck { why, at: None });
        }
    }
    Ok((workspace, problems))
}

/// The patches that a contradiction speaks of: those that claim something at its path; if there are
/// none, all that change the host.
fn guilty(done: &[Done<'_>], contradiction: &Contradiction) -> Vec<Key> {
    let concerns = |host: &HostName, realised: &Realised| {
        *host == contradiction.host
            || matches!(&realised.outcome, Outcome::Patch { hosts, shared_with, .. }
                if hosts.contains(&contradiction.host) || shared_with.contains(&contradiction.host))
    };
    let all = || patches(done).filter(|(host, r)| concerns(host, r));
    let claims = |realised: &Realised| match (&realised.outcome, &contradiction.path) {
        (Outcome::Patch { changes, .. }, Some(path)) => changes
            .iter()
            .any(|c| c.path.starts_with(path) || path.starts_with(&c.path)),
        _ => false,
    };
    let keys = |(host, realised): (&HostName, &Realised)| key(host, &realised.proposal);
    let named: Vec<Key> = all().filter(|(_, r)| claims(r)).map(keys).collect();
    match named.is_empty() {
        true => all().map(keys).collect(),
        false => named,
    }
}

/// Adds the patches that come after withdrawn ones in the same files.
fn built_on(done: &[Done<'_>], withdrawn: &mut Vec<(Key, String)>) {
    let mut files: BTreeSet<&str> = BTreeSet::new();
    for (host, realised) in patches(done) {
        let Outcome::Patch { files: own, .. } = &realised.outcome else {
            continue;
        };
        let own = || own.iter().map(|f| f.path.as_str());
        let key = key(host, &realised.proposal);
        let is_withdrawn = withdrawn.iter().any(|(k, _)| *k == key);
        if is_withdrawn || own().any(|path| files.contains(path)) {
            files.extend(own());
            if !is_withdrawn {
                let why = "it is built on a patch that Nix contradicts".to_owned();
                withdrawn.push((key, why));
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::project::Project;

    const DISKO: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = {
              mountpoint = "/";
              mountOptions = [ "compress=zstd:1" "spcae_cache=v2" ];
            };
            "/home" = {
              mountpoint = "/home";
              mountOptions = [ "compress=zstd:1" ];
            };
          };
        };
      };
    };
  };
}
"#;

    struct Case {
        directory: tempfile::TempDir,
        opened: Opened,
        start: Workspace,
        last: Workspace,
        host: HostName,
        realised: Vec<Realised>,
    }

    fn case() -> Case {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("disko.nix"), DISKO).unwrap();
        let project = Rc::new(Project::open(directory.path()).unwrap());
        let sources = project.sources();
        let hosts = project.hosts(&sources).names();
        let (start, failed) = Workspace::open(Rc::clone(&project), Rc::clone(&sources), &hosts);
        assert!(failed.is_empty());
        let host = hosts[0].clone();
        let (last, realised) = realise(&start, &host, &Facts::default(), &|_| true);
        let opened = Opened {
            project,
            sources,
            hosts,
            problems: Vec::new(),
        };
        Case {
            directory,
            opened,
            start,
            last,
            host,
            realised,
        }
    }

    impl Case {
        fn run(&mut self) -> Vec<Problem> {
            let facts = Facts::default();
            let mut done = [Done {
                name: &self.host,
                facts: &facts,
                realised: &mut self.realised,
            }];
            let (last, limits) = (self.last.clone(), Limits::default());
            let ran = run(&self.opened, &limits, &self.start, last, &mut done);
            let (last, problems) = ran.unwrap();
            self.last = last;
            problems
        }

        fn patches(&self) -> Vec<&'static str> {
            let all = self.realised.iter();
            let patches = all.filter(|r| matches!(r.outcome, Outcome::Patch { .. }));
            patches.map(|r| r.proposal.finding.rule).collect()
        }
    }

    fn is_there() -> bool {
        let there = oracle::version(&Limits::default()).is_ok();
        if !there {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no Nix");
            eprintln!("skipped, there is no nix-instantiate: fix --verify");
        }
        there
    }

    #[test]
    fn what_nix_confirms_stays() {
        if !is_there() {
            return;
        }
        let mut case = case();
        let before = case.patches();
        assert!(before.len() >= 2, "{before:?}");
        let problems = case.run();
        let notes = problems.iter().filter(|p| p.help.is_none()).count();
        assert_eq!(notes, problems.len(), "{problems:?}");
        assert_eq!(case.patches(), before);
        assert!(!case.last.texts().is_empty());
    }

    #[test]
    fn what_nix_contradicts_is_withdrawn_and_nothing_of_it_is_left() {
        if !is_there() {
            return;
        }
        let mut case = case();
        assert!(case.patches().contains(&"mount/atime"));
        // Nix reads another file than was read here, so claims of what was there are wrong.
        let other = DISKO.replace(
            "[ \"compress=zstd:1\" ]",
            "[ \"compress=lzo\" \"noatime\" ]",
        );
        assert_ne!(other, DISKO);
        std::fs::write(case.directory.path().join("disko.nix"), other).unwrap();
        let problems = case.run();
        let told = problems.iter().any(|p| {
            p.message.contains("mountOptions is said to change")
                && p.message.contains("mount/atime")
        });
        assert!(told, "{problems:?}");
        assert!(
            !case.patches().contains(&"mount/atime"),
            "{:?}",
            case.patches()
        );
        let stuck = case.realised.iter().find_map(|r| match &r.outcome {
            Outcome::Stuck(stuck) if r.proposal.finding.rule == "mount/atime" => Some(&stuck.why),
            _ => None,
        });
        assert!(
            stuck.unwrap().starts_with("Nix contradicts it"),
            "{stuck:?}"
        );
        for id in case.last.texts().keys() {
            let file = case.last.sources().file(*id).unwrap();
            assert!(!file.text().contains("noatime"), "{}", file.text());
        }
    }

    #[test]
    fn a_contradiction_without_a_culprit_takes_all_patches_of_the_host() {
        let case = case();
        let mut realised = case.realised.clone();
        let facts = Facts::default();
        let mut done = [Done {
            name: &case.host,
            facts: &facts,
            realised: &mut realised,
        }];
        let contradiction = Contradiction {
            host: case.host.clone(),
            path: Some(vec!["services".to_owned(), "unheard-of".to_owned()]),
            why: "Nix says otherwise".to_owned(),
        };
        let (last, problems) = withdraw(
            &case.start,
            case.last.clone(),
            &mut done,
            vec![contradiction],
            Vec::new(),
        )
        .unwrap();
        assert_eq!(problems.len(), 1);
        assert_eq!(patches(&done).count(), 0);
        let texts = last.texts().iter();
        let changed = texts.filter(|(id, text)| {
            let file = case.start.sources().file(**id);
            file.is_some_and(|file| file.text() != text.as_str())
        });
        assert_eq!(changed.count(), 0);
    }
}
