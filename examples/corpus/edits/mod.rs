//! Every kind of action tried on everything that it fits in the corpus, and judged.
//!
//! `CORPUS=… KIT=… NIXPKGS_LIB=… DISKO=… cargo run --release --example corpus -- edits
//!   [--only SUBSTR] [--kind SUBSTR] [--sample N] [--limit SECONDS] [--no-nix] [--verbose]
//!   [--failures FILE] [--records FILE] [--table FILE]`
//!
//! One process a case (a file, or a flake), two at a time: a panic, or a stack that overflows,
//! ends one case, which is then told as panicked.

#[path = "../../../tests/common/claimed.rs"]
mod claimed;
mod judge;
mod kinds;
mod record;
mod summary;
#[path = "../../../tests/common/edited.rs"]
mod text;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Instant;

use btrfs_tune::project::{HostName, Project};
use btrfs_tune::rewrite::proof::Proven;
use btrfs_tune::rewrite::{Workspace, diff};
use serde_json::Value as Json;

use super::Corpus;
use claimed::Verdict;
use judge::{Bench, Tools, Variant};
use kinds::{KINDS, Place, Task};
use record::{Record, Status};

/// A file of the corpus, or a flake.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What it is called in lists.
    pub(crate) place: String,
    /// The checkout.
    pub(crate) root: PathBuf,
    /// The file, relative to it; none for a flake.
    pub(crate) file: Option<String>,
    /// A NixOS module or a flake, not a lone disko file.
    is_nixos: bool,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    kind: String,
    sample: Option<usize>,
    no_nix: bool,
    failures: Option<PathBuf>,
    /// Seconds after which no further case is begun.
    limit: Option<u64>,
    /// Where every record is written as soon as it is there.
    records: Option<PathBuf>,
    /// Records of an earlier run, of which the table is printed without another.
    table: Option<PathBuf>,
    /// The case that this process is for.
    case: Option<usize>,
}

impl Options {
    /// Takes an option of this mode; false if it is none.
    pub(crate) fn take(
        &mut self,
        name: &str,
        arguments: &mut dyn Iterator<Item = String>,
    ) -> Result<bool, String> {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        match name {
            "--kind" => self.kind = value()?,
            "--sample" => {
                self.sample = Some(value()?.parse().map_err(|_| "--sample wants a number")?)
            }
            "--case" => self.case = Some(value()?.parse().map_err(|_| "--case wants a number")?),
            "--limit" => {
                self.limit = Some(value()?.parse().map_err(|_| "--limit wants seconds")?);
            }
            "--table" => self.table = Some(value()?.into()),
            "--records" => self.records = Some(value()?.into()),
            "--failures" => self.failures = Some(value()?.into()),
            "--no-nix" => self.no_nix = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(crate) fn run(corpus: &Corpus, options: &Options) {
    let cases = cases(corpus);
    if let Some(index) = options.case {
        for record in work(&cases[index], options) {
            println!("{}", record.to_json());
        }
        return;
    }
    if let Some(path) = &options.table {
        let text = std::fs::read_to_string(path).expect("records");
        let records = text.lines().filter_map(Record::of_json).collect();
        return conclude(records, cases.len(), corpus, options);
    }
    let start = Instant::now();
    let me = std::env::current_exe().expect("a program");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..cases.len()).collect());
    let is_over = || {
        options
            .limit
            .is_some_and(|limit| start.elapsed().as_secs() >= limit)
    };
    let log = options
        .records
        .as_ref()
        .map(|path| std::fs::File::create(path).expect("a file"));
    let records: Mutex<Vec<Record>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = match is_over() {
                        true => None,
                        false => queue.lock().expect("a lock").pop_front(),
                    };
                    let Some(index) = next else {
                        return;
                    };
                    let output = Command::new(&me)
                        .args(&arguments)
                        .args(["--case", &index.to_string()])
                        .output()
                        .expect("a process");
                    let text = String::from_utf8_lossy(&output.stdout).into_owned();
                    let mut found: Vec<Record> = text.lines().filter_map(Record::of_json).collect();
                    if !output.status.success() {
                        let err = String::from_utf8_lossy(&output.stderr);
                        let why = err.lines().next_back().unwrap_or_default();
                        found.push(Record::ended(&cases[index].place, why));
                    }
                    let mut records = records.lock().expect("a lock");
                    if let Some(mut log) = log.as_ref() {
                        for record in &found {
                            let _ = writeln!(log, "{}", record.to_json());
                        }
                    }
                    records.extend(found);
                }
            });
        }
    });
    let records = records.into_inner().expect("no thread panicked");
    conclude(records, cases.len(), corpus, options);
    println!(
        "\n{} cases in {:.0} s",
        cases.len(),
        start.elapsed().as_secs_f64()
    );
}

fn conclude(mut records: Vec<Record>, cases: usize, corpus: &Corpus, options: &Options) {
    records.sort_by_key(|r| (r.kind, r.place.clone(), r.host.clone(), r.subject.clone()));
    summary::print(&records, cases, corpus.verbose);
    if let Some(path) = &options.failures {
        std::fs::write(path, summary::failures(&records)).expect("the failures are written");
    }
}

/// Every file and flake that is asked for.
pub(crate) fn cases(corpus: &Corpus) -> Vec<Case> {
    let mut cases: BTreeMap<(String, String), Case> = BTreeMap::new();
    let index = std::fs::read_to_string(corpus.folder.join("index.json")).expect("index.json");
    let index: Json = serde_json::from_str(&index).expect("JSON");
    for entry in index.as_array().into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let (repo, path) = (text("repo"), text("path"));
        let place = format!("{repo} {path}");
        if !corpus.is_wanted(&place) {
            continue;
        }
        let is_nixos = entry["kind"] != "disko";
        let root = corpus.folder.join("repos").join(repo.replace('/', "__"));
        let case = cases.entry((repo, path.clone())).or_insert(Case {
            place,
            root,
            file: Some(path),
            is_nixos,
        });
        case.is_nixos |= is_nixos;
    }
    let mut cases: Vec<Case> = cases.into_values().collect();
    let hosts = corpus.hosts.as_ref().map(|path| {
        let text = std::fs::read_to_string(path).expect("a file of the kit");
        serde_json::from_str::<Json>(&text).expect("JSON")
    });
    let mut flakes = BTreeSet::new();
    for entry in hosts.iter().flat_map(|h| h.as_array()).flatten() {
        let repo = entry["repo"].as_str().unwrap_or_default();
        if entry["ok"] == true && corpus.is_wanted(repo) && flakes.insert(repo.to_owned()) {
            let root = corpus.full.join(repo.replace('/', "__"));
            cases.push(Case {
                place: repo.to_owned(),
                root,
                file: None,
                is_nixos: true,
            });
        }
    }
    cases
}

/// Tries everything on one case.
fn work(case: &Case, options: &Options) -> Vec<Record> {
    const STACK: usize = 512 * 1024 * 1024;
    std::env::set_current_dir(&case.root).expect("the checkout");
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK);
        let thread = builder
            .spawn_scoped(scope, || try_all(case, options))
            .expect("a thread");
        thread.join().expect("the case ended")
    })
}

fn try_all(case: &Case, options: &Options) -> Vec<Record> {
    let path = Path::new(case.file.as_deref().unwrap_or("."));
    let Ok(project) = Project::open(path) else {
        return Vec::new();
    };
    let sources = project.sources();
    let names = project.hosts(&sources).names();
    let (workspace, _) = Workspace::open(Rc::new(project), sources, &names);
    let mut checked = Checked::default();
    let (mut records, mut variants) = (Vec::new(), Vec::new());
    let hosts: Vec<HostName> = workspace.hosts().cloned().collect();
    let mut plans: BTreeMap<HostName, Vec<(usize, Task)>> = BTreeMap::new();
    for host in &hosts {
        let (tasks, unfit) = tasks(case, options, &workspace, host);
        plans.insert(host.clone(), tasks);
        let unfit = unfit.into_iter();
        records.extend(unfit.map(|(mount, why)| Record::unfit(&case.place, &host.0, mount, why)));
    }
    for (host, tasks) in &plans {
        for (index, task) in tasks {
            let words = [&case.place, &host.0, KINDS[*index].name, &task.subject];
            if is_left_out(options.sample, &words) {
                continue;
            }
            // Hosts that share a file may change too, each by the same action on the same thing.
            let same = |other: &HostName| {
                let theirs = plans.get(other)?.iter();
                let mut same = theirs.filter(|(k, t)| k == index && t.subject == task.subject);
                Some(same.next()?.1.actions.clone())
            };
            let prove = |workspace: &Workspace| {
                let attempt = AssertUnwindSafe(|| workspace.prove_for(host, &task.actions, &same));
                catch_unwind(attempt)
            };
            let mut record = Record::new(*index, case, host, task);
            let start = Instant::now();
            let proven = prove(&workspace);
            record.micros = start.elapsed().as_micros() as u64;
            match proven {
                Err(_) => record.status = Status::Panicked,
                Ok(Err(stuck)) => {
                    record.reason = stuck.why;
                    let place = |at| workspace.sources().place(at).to_string();
                    record.at = stuck.at.map(place);
                }
                Ok(Ok(proven)) => {
                    record.status = Status::Proven;
                    let texts = checked.check(&workspace, &proven, &mut record);
                    if let Ok(Ok(again)) = prove(&proven.workspace) {
                        let paths = again.changes.iter().map(|c| c.path.join("."));
                        record.again = Some(paths.collect::<Vec<_>>().join(", "));
                    }
                    let variant = Variant {
                        host: host.0.clone(),
                        texts,
                        changes: proven.changes,
                    };
                    variants.push((records.len(), variant));
                }
            }
            records.push(record);
        }
    }
    if !options.no_nix && !variants.is_empty() {
        ask_nix(case, variants, &mut records);
    }
    records
}

/// All that is to be tried on a host, and the mounts that nothing fits.
fn tasks(
    case: &Case,
    options: &Options,
    workspace: &Workspace,
    host: &HostName,
) -> (Vec<(usize, Task)>, Vec<kinds::Unfit>) {
    let Ok(evaluated) = workspace.evaluate(host) else {
        return (Vec::new(), Vec::new());
    };
    let snapshot = evaluated.configuration.snapshot(&evaluated.evaluator);
    let place = Place {
        host: &evaluated.host(),
        config: &snapshot.to_json(),
        is_nixos: case.is_nixos,
    };
    let wanted = KINDS.iter().enumerate();
    let wanted = wanted.filter(|(_, kind)| kind.name.contains(&options.kind));
    let tasks = wanted
        .flat_map(|(index, kind)| (kind.tasks)(&place).into_iter().map(move |t| (index, t)))
        .collect();
    (tasks, kinds::unfit(&place))
}

/// One of every so many tasks is tried, always the same ones.
fn is_left_out(sample: Option<usize>, words: &[&str]) -> bool {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::hash::DefaultHasher::new();
    words.hash(&mut hasher);
    sample.is_some_and(|n| !hasher.finish().is_multiple_of(n.max(1) as u64))
}

fn ask_nix(case: &Case, variants: Vec<(usize, Variant)>, records: &mut [Record]) {
    let Some(tools) = Tools::of_environment() else {
        return;
    };
    let (indices, variants): (Vec<usize>, Vec<Variant>) = variants.into_iter().unzip();
    let start = Instant::now();
    let mut bench = Bench::new(&tools, &case.root, case.file.as_deref()).expect("a private copy");
    let verdicts = bench.judge(&variants);
    let each = start.elapsed().as_micros() as u64 / verdicts.len().max(1) as u64;
    for (index, verdict) in indices.into_iter().zip(verdicts) {
        let record = &mut records[index];
        record.nix_micros = each;
        (record.nix, record.nix_says) = match verdict {
            Verdict::Confirmed => (Some(true), String::new()),
            Verdict::Contradicted(why) => (Some(false), why),
            Verdict::CannotSay(why) => (None, why),
        };
    }
}

/// What is known of the unedited texts, and how often git was asked.
#[derive(Default)]
struct Checked {
    formatted: BTreeMap<String, Vec<usize>>,
    applied: BTreeMap<String, usize>,
}

impl Checked {
    /// Judges the texts of a proven edit, and gives them.
    fn check(
        &mut self,
        start: &Workspace,
        proven: &Proven,
        record: &mut Record,
    ) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let mut pairs = Vec::new();
        for id in start.differing(&proven.workspace) {
            let (Some(old), Some(new)) = (
                start.sources().file(id),
                proven.workspace.sources().file(id),
            ) else {
                continue;
            };
            let path = old.shown().to_owned();
            let (old, new) = (old.text().to_owned(), new.text().to_owned());
            let known = self.formatted.entry(path.clone());
            let formatters = known.or_insert_with(|| text::formatted_by(&old));
            for formatter in formatters.iter() {
                record.formatted += 1;
                match text::is_formatted(*formatter, &new) {
                    true => record.stable += 1,
                    false => record
                        .unstable
                        .push(text::FORMATTERS[*formatter].0.to_owned()),
                }
            }
            record.comments.extend(text::lost_comments(&old, &new));
            record.lines += text::changed_lines(&old, &new);
            let stable = formatters.iter();
            record.demanded = stable.copied().any(|f| text::is_demanded(f, &old, &new));
            record.untidy = record.untidy.take().or(text::untidiness(&old, &new));
            texts.insert(path.clone(), new.clone());
            pairs.push((path, old, new));
        }
        let patch: String = diff::diff(start, &proven.workspace)
            .into_iter()
            .map(|d| d.text)
            .collect();
        let asked = self
            .applied
            .entry(pairs.first().map(|p| p.0.clone()).unwrap_or_default());
        let asked = asked.or_default();
        if *asked < 2 {
            *asked += 1;
            record.applies = Some(applies(&patch, &pairs));
        }
        record.patch = patch;
        texts
    }
}

/// Whether `git apply` makes the new texts of the old ones.
fn applies(patch: &str, pairs: &[(String, String, String)]) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for (name, old, _) in pairs {
        std::fs::create_dir_all(path(name).parent().expect("a parent")).expect("a directory");
        std::fs::write(path(name), old).expect("a file");
    }
    let file = path("the.patch");
    std::fs::write(&file, patch).expect("a patch");
    let git = Command::new("git")
        .args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn"])
        .arg(&file)
        .current_dir(directory.path())
        .env(
            "GIT_CEILING_DIRECTORIES",
            directory.path().parent().expect("a parent"),
        )
        .output()
        .expect("git");
    let is_new = |(name, _, new): &(String, String, String)| {
        std::fs::read(path(name)).is_ok_and(|bytes| bytes == new.as_bytes())
    };
    git.status.success() && pairs.iter().all(is_new)
}
