//! Owns: the table of processes over the time of sampling: those that do the most, all that wait
//! in the kernel, and the threads of btrfs. Arguments and environments are never read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::redact::Redactor;
use super::samples::{clock, escaped, read};

/// Columns of the table, told apart by their names when it is read.
const HEAD: &str = "pid\tppid\tstart\tcomm\tprogram\tuser\tstate\tcpu_ticks\tblkio_ticks\t\
                    read_bytes\twrite_bytes\trss_pages\twchan\tio_uring";

/// Tasks that are kept for each reason.
const TOP: usize = 40;

/// The time that one look at the tasks of programs with several threads may take.
const FOR_THREADS: Duration = Duration::from_millis(150);

/// One task at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    pid: u32,
    ppid: u32,
    start: u64,
    comm: String,
    program: Option<String>,
    uid: u32,
    state: char,
    cpu: u64,
    blkio: u64,
    io: Option<(u64, u64)>,
    rss: u64,
    threads: u64,
    wchan: Option<String>,
}

/// All tasks at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    at: f64,
    tasks: Vec<Task>,
    /// Whether it saw all processes, not only those that wait.
    pub(super) is_whole: bool,
}

impl Look {
    /// Every process, with what it used so far.
    pub(super) fn all() -> Look {
        let at = clock();
        let mut tasks = Vec::new();
        for pid in numbers(Path::new("/proc")) {
            let folder = Path::new("/proc").join(pid.to_string());
            if let Some(mut task) = stat(&folder) {
                task.details(&folder);
                tasks.push(task);
            }
        }
        Look {
            at,
            tasks,
            is_whole: true,
        }
    }

    /// Every task that waits in the kernel, threads of programs among them, and the workers that
    /// work for btrfs just now: their names are gone with the work.
    pub(super) fn blocked() -> Look {
        let at = clock();
        let begin = Instant::now();
        let mut tasks = Vec::new();
        for pid in numbers(Path::new("/proc")) {
            let folder = Path::new("/proc").join(pid.to_string());
            let Some(mut task) = stat(&folder) else {
                continue;
            };
            let threads = task.threads;
            // `kworker/u8:4+btrfs-qgroup-rescan`; with `-` it did so before.
            let works = task.comm.starts_with("kworker/") && task.comm.contains("+btrfs");
            if task.state == 'D' || works {
                task.details(&folder);
                tasks.push(task);
            }
            if threads < 2 || begin.elapsed() > FOR_THREADS {
                continue;
            }
            for tid in numbers(&folder.join("task"))
                .into_iter()
                .filter(|t| *t != pid)
            {
                let folder = folder.join("task").join(tid.to_string());
                if let Some(mut thread) = stat(&folder).filter(|t| t.state == 'D') {
                    thread.details(&folder);
                    thread.ppid = pid;
                    tasks.push(thread);
                }
            }
        }
        Look {
            at,
            tasks,
            is_whole: false,
        }
    }

    /// Whether the bytes of any program were seen.
    pub(super) fn sees_io(&self) -> bool {
        self.tasks.iter().any(|t| t.rss > 0 && t.io.is_some())
    }
}

fn numbers(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = names.collect();
    numbers.sort_unstable();
    numbers
}

/// `/proc/<pid>/stat`; the name stands in brackets and may hold anything.
fn stat(folder: &Path) -> Option<Task> {
    let text = read(&folder.join("stat")).ok()?;
    let (before, after) = text.rsplit_once(") ")?;
    let (pid, comm) = before.split_once(" (")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number = |at: usize| -> u64 { fields.get(at).and_then(|f| f.parse().ok()).unwrap_or(0) };
    Some(Task {
        pid: pid.parse().ok()?,
        ppid: number(1) as u32,
        comm: comm.to_owned(),
        state: fields.first()?.chars().next()?,
        cpu: number(11) + number(12),
        threads: number(17),
        start: number(19),
        rss: number(21),
        blkio: number(39),
        ..Task::default()
    })
}

impl Task {
    fn details(&mut self, folder: &Path) {
        self.uid = fs::metadata(folder).map_or(0, |m| m.uid());
        // The program file, not the command line: that may hold secrets, and to read it may wait
        // for a task that hangs.
        self.program = fs::read_link(folder.join("exe")).ok().and_then(|exe| {
            let name = exe.file_name()?.to_string_lossy().into_owned();
            Some(name.trim_end_matches(" (deleted)").to_owned())
        });
        self.io = read(&folder.join("io")).ok().and_then(|text| {
            let field = |name: &str| -> Option<u64> {
                let line = text.lines().find_map(|l| l.strip_prefix(name))?;
                line.trim().parse().ok()
            };
            Some((field("read_bytes:")?, field("write_bytes:")?))
        });
        let wchan = read(&folder.join("wchan")).ok();
        self.wchan = wchan.filter(|w| !matches!(w.trim(), "" | "0"));
        // A worker's full name, with what it works for, is in its comm alone.
        let is_cut = self.comm.starts_with("kworker") || self.comm.len() >= 15;
        let whole = is_cut.then(|| read(&folder.join("comm")).ok()).flatten();
        let whole = whole.map(|w| w.strip_suffix('\n').unwrap_or(&w).to_owned());
        if let Some(whole) = whole.filter(|w| !w.is_empty()) {
            self.comm = whole;
        }
    }

    fn key(&self) -> (u32, u64) {
        (self.pid, self.start)
    }

    fn is_of_storage(&self) -> bool {
        const NAMES: [&str; 13] = [
            "btrfs",
            "kswapd",
            "kcompactd",
            "jbd2",
            "dm-",
            "dmcrypt",
            "loop",
            "md",
            "zram",
            "kcryptd",
            "bees",
            "baloo",
            "tracker",
        ];
        let is_named = NAMES.iter().any(|n| self.comm.starts_with(n));
        // A kernel has dozens of workers that never did anything.
        if self.comm.starts_with("kworker") {
            return self.comm.contains("btrfs") && self.cpu > 0;
        }
        is_named && (self.cpu > 0 || self.comm.starts_with("btrfs-"))
    }
}

/// What a reader must know of the counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) hz: u64,
    pub(super) page: usize,
    /// Whether the kernel counts waiting for block devices.
    pub(super) delays: bool,
}

/// Processes with an io_uring open, and those whose files could be seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Rings {
    pub(super) users: BTreeSet<u32>,
    pub(super) seen: BTreeSet<u32>,
}

/// Looks for io_urings among the open files of all processes, for as long as there is time.
pub(super) fn rings(until: Instant) -> Rings {
    let mut rings = Rings::default();
    for pid in numbers(Path::new("/proc")) {
        if Instant::now() > until {
            break;
        }
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        rings.seen.insert(pid);
        let is_ring = |path: &Path| {
            fs::read_link(path).is_ok_and(|to| to.as_os_str() == "anon_inode:[io_uring]")
        };
        // A server may have a million files open.
        if entries.flatten().take(4096).any(|e| is_ring(&e.path())) {
            rings.users.insert(pid);
        }
    }
    rings
}

/// The tables of all looks, of the tasks that matter.
pub(super) fn tables(
    looks: &[Look],
    units: Units,
    rings: &Rings,
    mut user: impl FnMut(u32) -> String,
) -> String {
    let chosen = choose(looks, rings);
    let mut out = String::new();
    for look in looks {
        out.push_str(&format!(
            "## processes t={:.3} hz={} page={}\n{HEAD}\n",
            look.at, units.hz, units.page
        ));
        for task in look.tasks.iter().filter(|t| chosen.contains(&t.key())) {
            let bytes = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
            let word = |w: &Option<String>| match w {
                Some(w) if !w.is_empty() => escaped(w),
                _ => "-".to_owned(),
            };
            let comm = escaped(&task.comm);
            let comm = if comm.is_empty() {
                "?".to_owned()
            } else {
                comm
            };
            let ring = match (
                rings.users.contains(&task.pid),
                rings.seen.contains(&task.pid),
            ) {
                (true, _) => "yes",
                (false, true) => "no",
                (false, false) => "-",
            };
            let blkio = units.delays.then_some(task.blkio);
            let fields = [
                task.pid.to_string(),
                task.ppid.to_string(),
                task.start.to_string(),
                comm,
                word(&task.program),
                escaped(&user(task.uid)),
                task.state.to_string(),
                task.cpu.to_string(),
                bytes(blkio),
                bytes(task.io.map(|io| io.0)),
                bytes(task.io.map(|io| io.1)),
                task.rss.to_string(),
                word(&task.wchan),
                ring.to_owned(),
            ];
            out.push_str(&fields.join("\t"));
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// The tasks worth telling of: the most by each measure, and all of some sorts.
fn choose(looks: &[Look], rings: &Rings) -> BTreeSet<(u32, u64)> {
    let mut chosen = BTreeSet::new();
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return chosen;
    };
    for look in looks {
        // One that is not whole has only tasks that wait or work for btrfs.
        let told = look
            .tasks
            .iter()
            .filter(|t| t.state == 'D' || !look.is_whole);
        chosen.extend(told.take(10 * TOP).map(Task::key));
    }
    let all = first.tasks.iter().chain(&last.tasks);
    let sorts = all.filter(|t| t.is_of_storage() || rings.users.contains(&t.pid));
    chosen.extend(sorts.take(10 * TOP).map(Task::key));
    let before: BTreeMap<_, &Task> = first.tasks.iter().map(|t| (t.key(), t)).collect();
    type Measure = fn(&Task) -> u64;
    let io: Measure = |t| t.io.map_or(0, |(r, w)| r.saturating_add(w));
    let growing: [Measure; 3] = [|t| t.cpu, io, |t| t.blkio];
    for measure in growing {
        let grown = |t: &Task| {
            let was = before.get(&t.key()).map_or(0, |b| measure(b));
            measure(t).saturating_sub(was)
        };
        top(&last.tasks, grown, &mut chosen);
        // Over its whole life: a server that is idle just now is still what the machine is for.
        top(&last.tasks, measure, &mut chosen);
    }
    top(&last.tasks, |t| t.rss, &mut chosen);
    chosen
}

fn top(tasks: &[Task], measure: impl Fn(&Task) -> u64, chosen: &mut BTreeSet<(u32, u64)>) {
    let mut ranked: Vec<(u64, &Task)> = tasks.iter().map(|t| (measure(t), t)).collect();
    ranked.retain(|(much, _)| *much > 0);
    ranked.sort_by_key(|(much, task)| (std::cmp::Reverse(*much), task.pid));
    chosen.extend(ranked.into_iter().take(TOP).map(|(_, task)| task.key()));
}

/// Names of users by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Users(BTreeMap<u32, String>);

impl Users {
    pub(super) fn read() -> Users {
        let text = read(Path::new("/etc/passwd")).unwrap_or_default();
        let users = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next()?, fields.nth(1)?);
            Some((number.parse().ok()?, name.to_owned()))
        });
        // The first of several names counts, as it does for the C library.
        let mut map = BTreeMap::new();
        users.for_each(|(number, name)| {
            map.entry(number).or_insert(name);
        });
        Users(map)
    }

    /// Those of people.
    pub(super) fn people(&self) -> Vec<String> {
        let people = self.0.iter().filter(|(uid, _)| is_person(**uid));
        people.map(|(_, name)| name.clone()).collect()
    }

    /// The name of a user, or its stand-in where a redactor is given.
    pub(super) fn name(&self, uid: u32, redactor: Option<&mut Redactor>) -> String {
        let name = self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string());
        match redactor {
            Some(redactor) if is_person(uid) => redactor.user(&name),
            _ => name,
        }
    }
}

/// NixOS' own build users have numbers from 30000 on, services with passing users from 61184 on.
fn is_person(uid: u32) -> bool {
    (1000..30_000).contains(&uid) || (60_001..60_514).contains(&uid) || uid > 100_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_this_machine_make_tables_of_equal_width() {
        let looks = [Look::all(), Look::blocked(), Look::all()];
        let units = Units {
            hz: 100,
            page: 4096,
            delays: false,
        };
        let users = Users::read();
        let rings = rings(Instant::now() + Duration::from_secs(5));
        let text = tables(&looks, units, &rings, |uid| users.name(uid, None));
        let tables = text.matches("## processes t=").count();
        assert_eq!(tables, 3);
        let rows: Vec<&str> = text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with("##"))
            .collect();
        let columns = HEAD.split('\t').count();
        assert!(
            rows.len() > 3 && rows.iter().all(|r| r.split('\t').count() == columns),
            "{text}"
        );
    }
}
