//! Owns: the course of a collection: what runs when, and for how long anyone waits for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::bundle::Manifest;
use super::catalogue::Catalogue;
use super::commands::{self, Asked, Outcome};
use super::kernel::{self, Values};
use super::progress::Progress;
use super::samples::{Samples, Turn, clock, read};
use super::tasks::{self, Look, Rings};
use super::{AFTERWARDS, Collect};

/// What the threads tell.
enum News {
    Samples(Samples),
    Looks(Vec<Look>),
    Btrfs(f64, Values),
    Devices(Values, Values),
    Settings(Values),
    Log(Result<String, String>),
    Rings(Rings),
    /// The programs that are asked, in their order, and those that are not installed.
    Asked(Vec<Asked>, Catalogue),
    Outcome(usize, Outcome),
}

/// All that was told in time.
#[derive(Default)]
pub(super) struct Told {
    pub(super) samples: Option<Samples>,
    pub(super) looks: Option<Vec<Look>>,
    pub(super) btrfs: Vec<(f64, Values)>,
    pub(super) devices: Option<(Values, Values)>,
    pub(super) settings: Option<Values>,
    pub(super) log: Option<Result<String, String>>,
    pub(super) rings: Option<Rings>,
    pub(super) asked: Option<(Vec<Asked>, Catalogue)>,
    pub(super) outcomes: BTreeMap<usize, Outcome>,
}

pub(super) fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let first = name.split('.').next().unwrap_or_default();
    if first.is_empty() {
        "host".to_owned()
    } else {
        first.to_owned()
    }
}

/// Samples, asks, and puts it all together.
pub(super) fn gather(options: &Collect, collected: String) -> miette::Result<Manifest> {
    let begin = Instant::now();
    let end = begin + Duration::from_secs(options.seconds);
    let root = rustix::process::geteuid().is_root();
    let (send, news) = mpsc::channel();
    sample(&send, begin, options.seconds);
    ask(&send, options, root, end);
    look(&send, end);
    // The counterpart of the threads: nobody else sends.
    drop(send);

    let mut told = Told::default();
    let mut progress = Progress::new();
    loop {
        let left = (end + AFTERWARDS).saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match news.recv_timeout(left.min(Duration::from_millis(200))) {
            Ok(news) => told.take(news),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let seconds = begin.elapsed().as_secs().min(options.seconds);
        let asked = told.asked.as_ref().map_or(0, |(asked, _)| asked.len());
        progress.show(&format!(
            "sampling: {seconds} of {} s, {} of {asked} commands done",
            options.seconds,
            told.outcomes.len()
        ));
    }
    drop(progress);
    let manifest = Manifest::new(
        collected,
        options.seconds,
        root,
        options.include_identifiers,
    );
    Ok(told.into_manifest(manifest, options))
}

impl Told {
    fn take(&mut self, news: News) {
        match news {
            News::Samples(samples) => self.samples = Some(samples),
            News::Looks(looks) => self.looks = Some(looks),
            News::Btrfs(at, values) => self.btrfs.push((at, values)),
            News::Devices(values, more) => self.devices = Some((values, more)),
            News::Settings(values) => self.settings = Some(values),
            News::Log(log) => self.log = Some(log),
            News::Rings(rings) => self.rings = Some(rings),
            News::Asked(asked, rest) => self.asked = Some((asked, rest)),
            News::Outcome(number, outcome) => {
                self.outcomes.insert(number, outcome);
            }
        }
    }
}

/// A thread for something that may hang. Without a thread it is not told, and listed as missing.
fn apart(send: &Sender<News>, work: impl FnOnce(&Sender<News>) + Send + 'static) {
    let send = send.clone();
    let _ = thread::Builder::new().spawn(move || work(&send));
}

/// The counters and the tasks, over the time. What there is so far is told each time, so that one
/// file that hangs costs only what comes after it.
fn sample(send: &Sender<News>, begin: Instant, seconds: u64) {
    apart(send, move |send| {
        let mut samples = Samples::default();
        for second in turns(seconds) {
            pause(begin + Duration::from_secs(second));
            let turn = match second {
                0 => Turn::First,
                _ if second == seconds => Turn::Last,
                _ => Turn::Between,
            };
            samples.take(turn);
            let _ = send.send(News::Samples(samples.clone()));
        }
    });
    apart(send, move |send| {
        let mut looks = Vec::new();
        for second in turns(seconds) {
            pause(begin + Duration::from_secs(second));
            looks.push(match second {
                0 => Look::all(),
                _ if second == seconds => Look::all(),
                _ => Look::blocked(),
            });
            let _ = send.send(News::Looks(looks.clone()));
        }
    });
    apart(send, move |send| {
        for second in [0, seconds] {
            pause(begin + Duration::from_secs(second));
            let at = clock();
            let mut values = Values::default();
            values.of_btrfs();
            let _ = send.send(News::Btrfs(at, values));
        }
    });
}

/// The seconds at which is sampled: the first, the last, and at most sixty between them.
fn turns(seconds: u64) -> impl Iterator<Item = u64> {
    let step = seconds.div_ceil(60).max(1);
    let between = (1..60).map(move |n| n * step);
    let between = between.take_while(move |second| *second < seconds);
    [0].into_iter().chain(between).chain([seconds])
}

fn pause(until: Instant) {
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// The programs, while it samples.
fn ask(send: &Sender<News>, options: &Collect, root: bool, end: Instant) {
    if options.no_commands {
        return;
    }
    let compsize: Vec<PathBuf> = options.compsize.clone();
    apart(send, move |send| {
        let mountinfo = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
        let mut catalogue = Catalogue::new(&mountinfo, root, &compsize);
        let asked = std::mem::take(&mut catalogue.asked);
        let (tell, outcomes) = mpsc::channel();
        let mut found: BTreeMap<&'static str, Option<PathBuf>> = BTreeMap::new();
        let mut queue = Vec::new();
        for (number, asked) in asked.iter().enumerate() {
            let program = asked.program;
            let path = found
                .entry(program)
                .or_insert_with(|| commands::find(program));
            if let Some(path) = path {
                queue.push((number, path.clone(), asked.clone()));
            }
        }
        let _ = send.send(News::Asked(asked, catalogue));
        commands::start(queue, end, &tell);
        drop(tell);
        for (number, outcome) in outcomes {
            let _ = send.send(News::Outcome(number, outcome));
        }
    });
}

/// What is looked at once.
fn look(send: &Sender<News>, end: Instant) {
    apart(send, |send| {
        let mut values = Values::default();
        values.of_block_devices();
        let mut more = Values::default();
        more.of_block_devices_for_people();
        let _ = send.send(News::Devices(values, more));
    });
    apart(send, |send| {
        let mut values = Values::default();
        values.of_memory();
        let _ = send.send(News::Settings(values));
        let _ = send.send(News::Log(kernel::log().map_err(|error| error.to_string())));
    });
    apart(send, move |send| {
        let _ = send.send(News::Rings(tasks::rings(end)));
    });
}
