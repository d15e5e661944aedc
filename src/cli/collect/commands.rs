//! Owns: running other programs side by side, each for a bounded time and with bounded output.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Programs that run at the same time: enough to be through in time, few enough not to become the
/// load that is measured.
const AT_ONCE: usize = 6;

/// The most that is kept of one output, 8 MiB.
const LARGEST: u64 = 8 << 20;

/// Where programs may be besides `PATH`: a user's `PATH` lacks those of root.
const PLACES: [&str; 5] = [
    "/run/current-system/sw/bin",
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
];

/// What is kept of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it.
    Text,
    /// All of it, without the keys that hold identifiers.
    Json,
    /// The lines of `filefrag -v`, of the extents of each file only the first few.
    Extents,
}

/// A program to run.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<OsString>,
    /// Its file in the bundle.
    pub(super) file: String,
    pub(super) keep: Keep,
    /// Whether its output is there for people alone.
    pub(super) for_people: bool,
    /// What nobody knows without it.
    pub(super) matters: &'static str,
}

/// What became of a program.
#[derive(Debug)]
pub(super) enum Outcome {
    Ended {
        output: Vec<u8>,
        exit: Option<i32>,
        took: Duration,
        /// Whether there was more than is kept.
        cut: bool,
    },
    /// It ran out of time.
    TimedOut { output: Vec<u8>, took: Duration },
    /// The time was over before its turn came.
    NotStarted,
    /// It is there and cannot be run.
    Failed(String),
}

/// Where a program is, if it is installed.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(PLACES.iter().map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Runs all programs, and tells of each by its number what became of it. Returns at once; what has
/// not told by `until` never will in time.
pub(super) fn start(
    asked: Vec<(usize, PathBuf, Asked)>,
    until: Instant,
    tell: &Sender<(usize, Outcome)>,
) {
    let queue = Arc::new(Mutex::new(VecDeque::from(asked)));
    for _ in 0..AT_ONCE {
        let (queue, tell) = (Arc::clone(&queue), tell.clone());
        // Without a thread there is one fewer; what is left in the queue is told as not started.
        let _ = thread::Builder::new().spawn(move || {
            loop {
                let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
                let Some((number, program, asked)) = next else {
                    return;
                };
                let outcome = if Instant::now() < until {
                    run(&program, &asked, until)
                } else {
                    Outcome::NotStarted
                };
                if tell.send((number, outcome)).is_err() {
                    return;
                }
            }
        });
    }
}

fn run(program: &Path, asked: &Asked, until: Instant) -> Outcome {
    let begin = Instant::now();
    let spawned = Command::new(program)
        .args(&asked.arguments)
        .env("LC_ALL", "C")
        .env("LANGUAGE", "C")
        .env("SYSTEMD_COLORS", "0")
        .env("PAGER", "cat")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let (send, outputs) = mpsc::channel();
    let keep = asked.keep;
    if let Some(stdout) = child.stdout.take() {
        let send = send.clone();
        let _ = thread::Builder::new().spawn(move || send.send((0, drain(stdout, keep))));
    }
    if let Some(stderr) = child.stderr.take() {
        let _ = thread::Builder::new().spawn(move || send.send((1, drain(stderr, Keep::Text))));
    }
    let exit = wait(&mut child, until);
    // A grandchild may hold the pipe for longer than anyone waits.
    let patience = Instant::now().max(until) + Duration::from_millis(100);
    let mut parts = [Vec::new(), Vec::new()];
    let mut cut = false;
    let mut missing = parts.len();
    while missing > 0 {
        let left = patience.saturating_duration_since(Instant::now());
        let Ok((which, (bytes, more))) = outputs.recv_timeout(left) else {
            break;
        };
        if let Some(part) = parts.get_mut(which) {
            *part = bytes;
        }
        cut |= more;
        missing -= 1;
    }
    let [mut output, errors] = parts;
    if !errors.is_empty() {
        if output.last().is_some_and(|b| *b != b'\n') {
            output.push(b'\n');
        }
        output.extend(errors);
    }
    let took = begin.elapsed();
    match exit {
        Some(exit) if missing == 0 => Outcome::Ended {
            output,
            exit,
            took,
            cut,
        },
        _ => Outcome::TimedOut { output, took },
    }
}

/// The exit code, or nothing if the time was over. One that hangs in the kernel cannot be killed:
/// nobody waits for it.
fn wait(child: &mut Child, until: Instant) -> Option<Option<i32>> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.code()),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.try_wait();
                return None;
            }
        }
    }
}

/// The output, and whether there was more.
fn drain(mut pipe: impl Read, keep: Keep) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut filter = Extents::default();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let read = &chunk[..length];
        if keep == Keep::Extents {
            filter.take(read, &mut kept);
        } else {
            kept.extend_from_slice(read);
        }
        if kept.len() as u64 > LARGEST {
            kept.truncate(LARGEST as usize);
            // The last line is whole or not there: half a number is another number.
            let end = kept
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            kept.truncate(end);
            return (kept, true);
        }
    }
    kept.append(&mut filter.line);
    (kept, false)
}

/// Extents that are kept of each file: enough to see whether they are compressed.
const EXTENTS: usize = 20;

/// Drops the extents of a file after the first few: a database has a hundred thousand.
#[derive(Default)]
struct Extents {
    line: Vec<u8>,
    seen: usize,
}

impl Extents {
    fn take(&mut self, read: &[u8], kept: &mut Vec<u8>) {
        for byte in read {
            self.line.push(*byte);
            if *byte != b'\n' {
                continue;
            }
            // `   0:        0..     255:      …`
            let text = self.line.trim_ascii_start();
            let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
            let is_extent = digits > 0
                && self.line.first().is_some_and(|b| *b == b' ')
                && text.get(digits) == Some(&b':');
            self.seen = if is_extent { self.seen + 1 } else { 0 };
            if self.seen <= EXTENTS {
                kept.extend_from_slice(&self.line);
            }
            self.line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn asked(program: &'static str, arguments: &[&str]) -> Asked {
        Asked {
            program,
            arguments: arguments.iter().map(OsString::from).collect(),
            file: String::new(),
            keep: Keep::Text,
            for_people: false,
            matters: "",
        }
    }

    #[test]
    fn a_program_that_hangs_is_killed_in_time_even_if_its_child_holds_the_pipe() {
        let begin = Instant::now();
        let until = begin + Duration::from_millis(300);
        let sh = find("sh").unwrap();
        let slow = asked("sh", &["-c", "echo begun; sleep 5 & wait"]);
        let outcome = run(&sh, &slow, until);
        assert!(matches!(outcome, Outcome::TimedOut { .. }), "{outcome:?}");
        assert!(begin.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn both_outputs_and_the_exit_code_are_kept_and_a_flood_is_cut_at_a_line() {
        let until = Instant::now() + Duration::from_secs(30);
        let sh = find("sh").unwrap();
        let both = run(
            &sh,
            &asked("sh", &["-c", "printf out; echo err >&2; exit 3"]),
            until,
        );
        let Outcome::Ended { output, exit, .. } = both else {
            panic!("{both:?}");
        };
        assert_eq!((output.as_slice(), exit), (&b"out\nerr\n"[..], Some(3)));
        let flood = run(&sh, &asked("sh", &["-c", "yes 0123456"]), until);
        let Outcome::Ended { output, cut, .. } = flood else {
            panic!("{flood:?}");
        };
        assert!(cut && output.len() as u64 <= LARGEST && output.ends_with(b"\n"));
    }

    #[test]
    fn of_many_extents_the_first_are_kept_with_all_that_is_said_of_the_file() {
        let rows: String = (0..1000)
            .map(|i| format!("{i:4}:  0..  1:  5..  6:\n"))
            .collect();
        let text = format!("File size of /a is 5 (2 blocks)\n{rows}/a: 1000 extents found\n");
        let (kept, _) = drain(text.as_bytes(), Keep::Extents);
        let kept = String::from_utf8(kept).unwrap();
        assert_eq!(kept.lines().count(), EXTENTS + 2);
        assert!(kept.ends_with("/a: 1000 extents found\n"));
    }
}
