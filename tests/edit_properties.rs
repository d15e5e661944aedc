//! Configurations in every form, random actions on them, and everything that is promised of the
//! edits: the real Nix sees exactly the claimed change on the host that is meant and none on
//! others, comments stay, formatters stay content, line ends stay, a second time changes nothing,
//! `git apply` and `patch -p1` give the same bytes.
//!
//! `EDIT_CASES` (configurations, default 30) and `EDIT_SEED` (default 1) make it longer or another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "nix_eval/choices.rs"]
mod choices;
#[path = "common/claimed.rs"]
mod claimed;
#[path = "common/edited.rs"]
mod edited;
#[path = "edit_properties/forms.rs"]
mod forms;
#[allow(dead_code, reason = "the corpus driver uses the rest")]
#[path = "../examples/corpus/edits/kinds.rs"]
mod kinds;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use btrfs_tune::nix::module::Change;
use btrfs_tune::nix::source::Sources;
use btrfs_tune::project::{HostName, Project};
use btrfs_tune::rewrite::proof::Proven;
use btrfs_tune::rewrite::{Workspace, diff};
use choices::Choices;
use claimed::Verdict;
use forms::{FORMS, Written};
use kinds::{KINDS, Place, Task};
use serde_json::Value as Json;

/// Share of the tried actions that must end in a proven edit, in percent.
const FLOOR: usize = 80;

/// How many actions are tried on a configuration.
const TASKS: usize = 7;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// What Nix is to say before and after one edit.
struct Asked {
    what: String,
    patch: String,
    before: PathBuf,
    after: PathBuf,
    /// The host, and what it changes; nothing for hosts that are not meant.
    hosts: Vec<(Option<String>, Vec<Change>)>,
}

#[derive(Default)]
struct Ran {
    tried: usize,
    proven: usize,
    formatted: usize,
    contradicted: usize,
    confirmed: usize,
    /// Proven and tried, by kind and by form.
    by_kind: BTreeMap<&'static str, (usize, usize)>,
    by_form: BTreeMap<&'static str, (usize, usize)>,
    faults: Vec<String>,
    advice: BTreeMap<String, usize>,
    asked: Vec<Asked>,
}

#[test]
fn edits_keep_every_promise_on_every_form() {
    let there = nix::is_there("edits of generated configurations");
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let (cases, seed) = (number("EDIT_CASES", 30), number("EDIT_SEED", 1));
    let mut ran = Ran::default();
    for case in 0..cases as usize {
        let mut c = Choices::random(seed.wrapping_mul(1_000_003).wrapping_add(case as u64));
        let form = case % FORMS.len();
        let written = forms::write(&mut c, form);
        let name = format!("seed {seed}, case {case} ({})", written.form);
        let directory = root.join(format!("{case}"));
        try_one(&mut c, &name, FORMS[form].0, &written, &directory, &mut ran);
    }
    if there {
        ask_nix(&mut ran);
    }
    let mut summary = String::new();
    for (kind, (proven, tried)) in ran.by_kind.iter().chain(&ran.by_form) {
        summary.push_str(&format!("{proven:5}/{tried:<5} {kind}\n"));
    }
    for (why, count) in &ran.advice {
        summary.push_str(&format!("{count:5} × {why}\n"));
    }
    println!(
        "{} of {} proven, {} confirmed by Nix, {} asked of formatters, {} files on which they \
         contradict each other\n{summary}",
        ran.proven, ran.tried, ran.confirmed, ran.formatted, ran.contradicted
    );
    assert!(
        ran.faults.is_empty(),
        "{} faults:\n{}",
        ran.faults.len(),
        ran.faults.join("\n\n")
    );
    // Nothing was proven by there being nothing to prove.
    assert!(
        ran.tried as u64 >= cases * TASKS as u64 / 2,
        "{} were tried",
        ran.tried
    );
    assert!(
        ran.proven * 100 >= ran.tried * FLOOR,
        "{} of {}:\n{summary}",
        ran.proven,
        ran.tried
    );
    assert!(
        !there || ran.confirmed >= ran.proven,
        "Nix confirmed {} of {}",
        ran.confirmed,
        ran.proven
    );
    assert!(
        ran.contradicted * 10 <= ran.formatted,
        "formatters contradict each other on {} files",
        ran.contradicted
    );
    assert!(
        ran.formatted * 10 >= ran.proven,
        "formatters had little to say"
    );
}

fn put(directory: &Path, files: impl IntoIterator<Item = (String, String)>) {
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn try_one(
    c: &mut Choices,
    name: &str,
    form: &'static str,
    written: &Written,
    directory: &Path,
    ran: &mut Ran,
) {
    let files = || {
        written
            .files
            .iter()
            .map(|(n, t)| ((*n).to_owned(), t.clone()))
    };
    let before = directory.join("before");
    put(&before, files());
    let project = Project::open(&before.join(written.entry)).unwrap();
    // The current directory is of all tests at once; a project knows its own.
    let sources = Rc::new(Sources::new(before.clone()));
    let names = project.hosts(&sources).names();
    let (workspace, failed) = Workspace::open(Rc::new(project), sources, &names);
    assert!(
        failed.is_empty() && !names.is_empty(),
        "{name}: not read: {failed:?}"
    );
    let host = names[c.below(names.len() as u32) as usize].clone();
    let tasks = tasks(&workspace, &host, written);
    assert!(
        !tasks.is_empty(),
        "{name}: nothing fits\n{:?}",
        written.files
    );
    let mut seen = BTreeSet::new();
    for number in 0..TASKS {
        let index = c.below(tasks.len() as u32) as usize;
        if !seen.insert(index) {
            continue;
        }
        let (kind, task) = &tasks[index];
        let what = format!("{name}, {} on {}", KINDS[*kind].name, task.subject);
        // Hosts that share the file take the same action.
        let same = |other: &HostName| {
            let theirs = self::tasks(&workspace, other, written);
            let same = theirs
                .into_iter()
                .find(|(k, t)| k == kind && t.subject == task.subject);
            same.map(|(_, t)| t.actions)
        };
        ran.tried += 1;
        for table in [
            ran.by_kind.entry(KINDS[*kind].name),
            ran.by_form.entry(form),
        ] {
            table.or_default().1 += 1;
        }
        let proven = match workspace.prove_for(&host, &task.actions, &same) {
            Ok(proven) => proven,
            Err(stuck) => {
                let why = format!("{} · {form}: {}", KINDS[*kind].name, stuck.why);
                *ran.advice.entry(why).or_default() += 1;
                continue;
            }
        };
        ran.proven += 1;
        for table in [
            ran.by_kind.entry(KINDS[*kind].name),
            ran.by_form.entry(form),
        ] {
            table.or_default().0 += 1;
        }
        if let Ok(again) = proven.workspace.prove_for(&host, &task.actions, &same) {
            let paths: Vec<String> = again
                .changes
                .iter()
                .map(|c| format!("{} from {:?} to {:?}", c.path.join("."), c.before, c.after))
                .collect();
            ran.faults.push(format!(
                "{what}: a second time changes {}",
                paths.join(", ")
            ));
        }
        let after = directory.join(format!("after{number}"));
        put(&after, files());
        texts(&what, &workspace, &proven, &after, ran);
        let entry = |below: &Path| match written.hosts.is_empty() {
            true => below.join(written.entry),
            false => below.to_path_buf(),
        };
        let of_host = |h: &HostName| {
            let name = (!written.hosts.is_empty()).then(|| h.0.clone());
            (name, proven.workspace.changes_since(&workspace, h))
        };
        ran.asked.push(Asked {
            what,
            patch: patch(&workspace, &proven),
            before: entry(&before),
            after: entry(&after),
            hosts: names.iter().map(of_host).collect(),
        });
    }
}

fn tasks(workspace: &Workspace, host: &HostName, written: &Written) -> Vec<(usize, Task)> {
    let evaluated = workspace.evaluate(host).unwrap();
    let model = evaluated.host();
    let config = evaluated
        .configuration
        .snapshot(&evaluated.evaluator)
        .to_json();
    let place = Place {
        host: &model,
        config: &config,
        is_nixos: written.entry != "disko.nix",
    };
    let all = KINDS.iter().enumerate();
    all.flat_map(|(index, kind)| (kind.tasks)(&place).into_iter().map(move |t| (index, t)))
        .collect()
}

fn patch(before: &Workspace, proven: &Proven) -> String {
    let files = diff::diff(before, &proven.workspace);
    files.into_iter().map(|f| f.text).collect()
}

/// Checks the texts of an edit, and puts them into a directory that holds the old ones.
fn texts(what: &str, start: &Workspace, proven: &Proven, after: &Path, ran: &mut Ran) {
    let patch = patch(start, proven);
    let mut fault = |why: String| ran.faults.push(format!("{what}: {why}\n{patch}"));
    let mut pairs = Vec::new();
    for id in start.differing(&proven.workspace) {
        let (old, new) = (
            start.sources().file(id).unwrap(),
            proven.workspace.sources().file(id).unwrap(),
        );
        // Where no text pleases all formatters that leave the file alone, nixfmt is heard: `{ }` and
        // `{}`, for instance.
        let mut heard = edited::formatted_by(old.text());
        if heard.len() > 1 && !pleases_all(new.text(), &heard) {
            ran.contradicted += 1;
            heard.retain(|formatter| edited::FORMATTERS[*formatter].0 == "nixfmt");
        }
        for formatter in heard {
            ran.formatted += 1;
            if !edited::is_formatted(formatter, new.text()) {
                fault(format!(
                    "{} would change it now",
                    edited::FORMATTERS[formatter].0
                ));
            }
        }
        for comment in edited::lost_comments(old.text(), new.text()) {
            fault(format!("the comment {comment:?} is lost"));
        }
        if let Some(why) = edited::untidiness(old.text(), new.text()) {
            fault(why);
        }
        pairs.push((
            old.shown().to_owned(),
            old.text().to_owned(),
            new.text().to_owned(),
        ));
    }
    if pairs.is_empty() {
        fault("proven, and no file differs".to_owned());
    }
    let changed: usize = pairs
        .iter()
        .map(|(_, old, new)| edited::changed_lines(old, new))
        .sum();
    // A generous bound: no action of the kinds needs more lines than this on these files.
    if changed > 40 {
        fault(format!("{changed} lines change"));
    }
    let file = after.with_extension("patch");
    std::fs::write(&file, &patch).unwrap();
    for (program, arguments) in [
        ("git", ["apply", "--whitespace=nowarn"]),
        ("patch", ["-p1", "--binary"]),
    ] {
        // Both begin with the old texts; what the second one makes stays for Nix.
        put(
            after,
            pairs.iter().map(|(n, old, _)| (n.clone(), old.clone())),
        );
        let mut command = Command::new(program);
        command.args(arguments).current_dir(after);
        match program {
            "git" => command
                .arg(&file)
                .env("GIT_CEILING_DIRECTORIES", after.parent().unwrap()),
            _ => command.arg("--quiet").arg("-i").arg(&file),
        };
        let Ok(output) = command.output() else {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "there is no {program}"
            );
            continue;
        };
        for (name, _, new) in &pairs {
            if !output.status.success()
                || std::fs::read(after.join(name)).unwrap() != new.as_bytes()
            {
                let said = String::from_utf8_lossy(&output.stderr);
                fault(format!("{program} does not make {name} of it: {said}"));
            }
        }
    }
    put(after, pairs.into_iter().map(|(n, _, new)| (n, new)));
}

/// Asks the real Nix about all edits, many in one call.
fn ask_nix(ran: &mut Ran) {
    let helper = nix::repository().join("nix/evaluate.nix");
    let expression = |(root, host): &(PathBuf, Option<String>)| {
        let host = host
            .as_ref()
            .map(|h| format!("host = \"{h}\";"))
            .unwrap_or_default();
        format!(
            "import {} {{ root = \"{}\"; {host} }}",
            helper.display(),
            root.display()
        )
    };
    let mut places: BTreeMap<(PathBuf, Option<String>), usize> = BTreeMap::new();
    for asked in &ran.asked {
        for (host, _) in &asked.hosts {
            for root in [&asked.before, &asked.after] {
                let next = places.len();
                places.entry((root.clone(), host.clone())).or_insert(next);
            }
        }
    }
    let mut expressions = vec![String::new(); places.len()];
    for (place, index) in &places {
        expressions[*index] = format!("({}).config", expression(place));
    }
    let answers = nix::Files::new(&expressions).real_all(40);
    for asked in &ran.asked {
        let mut confirmed = asked.hosts.iter().any(|(_, changes)| !changes.is_empty());
        for (host, changes) in &asked.hosts {
            let of = |root: &PathBuf| &answers[places[&(root.clone(), host.clone())]];
            let verdict = match (of(&asked.before), of(&asked.after)) {
                (Err(why), _) => Err(format!("Nix refuses the original: {why}")),
                (_, Err(why)) => Err(format!("Nix refuses it: {why}")),
                (Ok(before), Ok(after)) => judged(before, after, changes),
            };
            confirmed &= verdict.is_ok();
            if let Err(why) = verdict {
                let host = host.as_deref().unwrap_or("");
                ran.faults
                    .push(format!("{} {host}: {why}\n{}", asked.what, asked.patch));
            }
        }
        ran.confirmed += usize::from(confirmed);
    }
}

fn judged(before: &Json, after: &Json, changes: &[Change]) -> Result<(), String> {
    if changes.is_empty() {
        return match before == after {
            true => Ok(()),
            false => Err("Nix sees a change of a host that is not meant".to_owned()),
        };
    }
    let changes: Vec<Change> = changes
        .iter()
        .map(|change| in_order_of_nix(change, before, after))
        .collect();
    match claimed::against(before, after, &changes, &|_| true) {
        Verdict::Confirmed => Ok(()),
        Verdict::Contradicted(why) | Verdict::CannotSay(why) => Err(why),
    }
}

/// A change of a mount's options that stand in several files, with the elements in the order of
/// Nix: the entries of `fileSystems` are submodules, whose definitions come in another order, which
/// the comparison of two configurations as trees knows nothing of.
fn in_order_of_nix(change: &Change, before: &Json, after: &Json) -> Change {
    let mut change = change.clone();
    if let [first, name, last] = change.path.as_slice()
        && first == "fileSystems"
        && last == "options"
    {
        for (ours, nix) in [(&mut change.before, before), (&mut change.after, after)] {
            let nix = &nix["fileSystems"][name]["options"];
            let sorted = |list: &Json| {
                let mut texts: Vec<String> = list.as_array()?.iter().map(Json::to_string).collect();
                texts.sort();
                Some(texts)
            };
            if let Some(ours) = ours
                && sorted(ours).is_some()
                && sorted(ours) == sorted(nix)
            {
                *ours = nix.clone();
            }
        }
    }
    change
}

/// Whether the formatters find a text together that each of them leaves alone.
fn pleases_all(text: &str, formatters: &[usize]) -> bool {
    let mut text = text.to_owned();
    for _ in 0..4 {
        if formatters.iter().all(|f| edited::is_formatted(*f, &text)) {
            return true;
        }
        for formatter in formatters {
            let format = edited::FORMATTERS[*formatter].1;
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| format(&text))) {
                Ok(Some(formatted)) => text = formatted,
                _ => return false,
            }
        }
    }
    false
}
