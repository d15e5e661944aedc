//! What the programs and services that were seen running tell. The table is `data/programs.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Workload;
use super::kind::{Engine, WorkloadKind};
use crate::analyze::evidence::{Evidence, Source, Weight};
use crate::model::Host;
use crate::model::metrics::{Process, ProcessState, Sourced};

/// A program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// The names of its processes and of its services; one `*` at the beginning or the end stands
    /// for anything.
    pub(super) names: Vec<String>,
    /// What its command line holds, where its name tells nothing (`java`).
    #[serde(default)]
    pub(super) command: Option<String>,
    /// The work it does.
    pub(super) kind: WorkloadKind,
    /// What reads and writes.
    #[serde(default)]
    pub(super) engine: Option<Engine>,
    /// How much it says that it reads or writes, or computes.
    pub(super) weight: Weight,
    /// The words of its command line after which a path of its data stands.
    #[serde(default)]
    pub(super) flags: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    programs: Vec<Program>,
}

/// The table as it is written, or what is wrong with it.
pub(super) fn table() -> Result<Vec<Program>, toml::de::Error> {
    toml::from_str::<File>(include_str!("data/programs.toml")).map(|file| file.programs)
}

// A test sees to it that the table can be read.
static TABLE: LazyLock<Vec<Program>> = LazyLock::new(|| table().unwrap_or_default());

impl Program {
    fn is_named(&self, name: &str) -> bool {
        // The kernel keeps 15 bytes of a name.
        const LONGEST: usize = 15;
        self.names.iter().any(|own| {
            if let Some(begin) = own.strip_suffix('*') {
                name.starts_with(begin)
            } else if let Some(end) = own.strip_prefix('*') {
                name.ends_with(end)
            } else {
                name == own || (name.len() == LONGEST && own.starts_with(name))
            }
        })
    }

    fn is(&self, process: &Process) -> bool {
        let name = plain(&process.name);
        match &self.command {
            None => self.is_named(&name),
            Some(part) => {
                let command = process.command.as_deref().unwrap_or(&process.name);
                self.is_named(&name) && command.contains(part.as_str())
            }
        }
    }

    /// Paths on its command line, if that is known.
    fn paths(&self, process: &Process) -> Vec<String> {
        let command = process.command.as_deref().unwrap_or_default();
        let words: Vec<&str> = command
            .split(|c: char| c.is_whitespace() || "=,\"'".contains(c))
            .filter(|word| !word.is_empty() && *word != ":")
            .collect();
        let after = words.windows(2).filter(|pair| {
            let flag = pair[0].trim_start_matches("--");
            let told = |own: &String| own == pair[0] || own.trim_start_matches("--") == flag;
            self.flags.iter().any(told) && pair[1].starts_with('/')
        });
        after.map(|pair| pair[1].to_owned()).collect()
    }
}

/// The name of a program: without its directory, what it says of itself (`postgres: writer`), and
/// the wrapper of nixpkgs (`.qbittorrent-wrapped`).
fn plain(name: &str) -> String {
    let name = name.trim().trim_matches(['[', ']']).to_lowercase();
    if name.starts_with("kworker") || name.ends_with("/kvm") {
        return name;
    }
    let word = name.split_whitespace().next().unwrap_or_default();
    let word = word.trim_end_matches(':');
    let last = word.rsplit('/').next().unwrap_or(word);
    match last.strip_prefix('.') {
        None => last.to_owned(),
        Some(wrapped) => {
            let own = wrapped
                .rsplit_once('-')
                .filter(|(_, end)| !end.is_empty() && "wrapped".starts_with(end));
            own.map_or(wrapped, |(own, _)| own).to_owned()
        }
    }
}

/// How busy a process was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Activity {
    Idle,
    Unknown,
    Active,
}

fn activity(process: &Process) -> Activity {
    const LEAST_BYTES_S: f64 = 1024.0;
    const LEAST_CPU: f64 = 1.0;
    let moves = [process.read_bytes_s, process.write_bytes_s];
    let counted = [process.read_total, process.write_total];
    let cpu = [process.cpu, process.io_wait];
    let active = moves.iter().flatten().any(|b| *b >= LEAST_BYTES_S)
        || counted.iter().flatten().any(|b| b.0 > 0)
        || cpu.iter().flatten().any(|c| c.0 >= LEAST_CPU)
        || process.state == Some(ProcessState::Uninterruptible);
    let known = moves.iter().any(Option::is_some)
        || counted.iter().any(Option::is_some)
        || process.cpu.is_some();
    match (active, known) {
        (true, _) => Activity::Active,
        (false, true) => Activity::Idle,
        (false, false) => Activity::Unknown,
    }
}

/// What programs tell about a kind of work. `configured`: the engines that the configuration turns
/// on, and whether it tells of this kind of work at all.
pub(super) fn read(host: &Host, workload: &mut Workload, configured: &[Engine], is_told: bool) {
    let seen: Vec<&Sourced<Process>> = host.metrics.processes.iter().collect();
    let mut met: Vec<Engine> = Vec::new();
    let kind = workload.kind;
    for program in TABLE.iter().filter(|p| p.kind == kind) {
        let own: Vec<_> = seen.iter().filter(|p| program.is(p)).copied().collect();
        let Some(most) = own.iter().max_by_key(|p| activity(p)) else {
            from_service(host, workload, program);
            continue;
        };
        met.extend(program.engine);
        let source = Source::Metrics(most.source.to_string());
        let name = plain(&most.name);
        let expected = match program.engine {
            Some(engine) => configured.contains(&engine),
            None => is_told,
        };
        let evidence = match activity(most) {
            Activity::Active => {
                let statement = format!("{name} was at work: {}", did(&own));
                Evidence::speaks_for(program.weight, source, statement)
            }
            Activity::Idle if expected => {
                let statement = format!("{name} runs, but did nothing while it was watched");
                Evidence::speaks_against(Weight::Moderate, source, statement)
            }
            Activity::Idle | Activity::Unknown => {
                Evidence::speaks_for(Weight::Weak, source, format!("{name} runs"))
            }
        };
        workload.evidence.push(evidence);
        workload.engine(program.engine);
        for path in own.iter().flat_map(|p| program.paths(p)) {
            let place = workload.place(host, &path, program.engine, false);
            workload.add(host, place);
        }
    }
    absent(workload, &seen, configured, &met);
}

/// Engines that are configured, of which nothing was seen among many programs.
fn absent(
    workload: &mut Workload,
    seen: &[&Sourced<Process>],
    configured: &[Engine],
    met: &[Engine],
) {
    const MANY: usize = 8;
    if !workload.kind.never_rests() || seen.len() < MANY {
        return;
    }
    for engine in configured {
        let known = TABLE
            .iter()
            .any(|p| p.kind == workload.kind && p.engine == Some(*engine));
        if !known || met.contains(engine) {
            continue;
        }
        let statement = format!(
            "{} was not among the {} programs that were seen at work",
            engine.name(),
            seen.len()
        );
        let source = Source::Metrics(seen[0].source.to_string());
        let against = Evidence::speaks_against(Weight::Weak, source, statement);
        workload.evidence.push(against);
    }
}

fn from_service(host: &Host, workload: &mut Workload, program: &Program) {
    if program.command.is_some() {
        return;
    }
    let found = host.metrics.services.iter().find(|service| {
        let name = service.value.to_lowercase();
        let mut words = name.split(|c: char| c.is_whitespace() || c == ',');
        words.any(|word| {
            let word = word.strip_suffix(".service").unwrap_or(word);
            let word = word.split('@').next().unwrap_or(word);
            program.is_named(word)
        })
    });
    if let Some(service) = found {
        let source = Source::Metrics(service.source.to_string());
        let weight = program.weight.min(Weight::Moderate);
        let statement = format!("the service {} runs", service.value);
        workload
            .evidence
            .push(Evidence::speaks_for(weight, source, statement));
        workload.engine(program.engine);
    }
}

/// What some processes of one program did together.
fn did(processes: &[&Sourced<Process>]) -> String {
    let sum = |of: fn(&Process) -> Option<f64>| {
        let known: Vec<f64> = processes.iter().filter_map(|p| of(p)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>())
    };
    let kib = |bytes: f64| format!("{:.0} KiB/s", bytes / 1024.0);
    let mut parts = Vec::new();
    if let Some(read) = sum(|p| p.read_bytes_s).filter(|b| *b > 0.0) {
        parts.push(format!("read {}", kib(read)));
    }
    if let Some(written) = sum(|p| p.write_bytes_s).filter(|b| *b > 0.0) {
        parts.push(format!("wrote {}", kib(written)));
    }
    if let Some(total) = sum(|p| Some(p.read_total?.0 as f64)).filter(|b| *b > 0.0) {
        parts.push(format!("read {:.1} MiB in all", total / 1048576.0));
    }
    if let Some(total) = sum(|p| Some(p.write_total?.0 as f64)).filter(|b| *b > 0.0) {
        parts.push(format!("wrote {:.1} MiB in all", total / 1048576.0));
    }
    if let Some(cpu) = sum(|p| p.cpu.map(|c| c.0)).filter(|c| *c > 0.0) {
        parts.push(format!("used {cpu:.0} % of a core"));
    }
    let waits = |p: &&&Sourced<Process>| p.state == Some(ProcessState::Uninterruptible);
    if processes.iter().any(|p| waits(&p)) {
        parts.push("waited for a device".to_owned());
    }
    if let Some(wait) = sum(|p| p.io_wait.map(|c| c.0)).filter(|c| *c >= 1.0)
        && parts.is_empty()
    {
        parts.push(format!("waited {wait:.0} % of its time for a device"));
    }
    parts.join(", ")
}

/// The engines of a kind that a text names.
pub(super) fn named(kind: WorkloadKind, text: &str) -> Vec<Engine> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
        .map(|word| word.trim_matches('.'))
        .collect();
    let said = |program: &&Program| {
        let mut names = program.names.iter().filter(|n| !n.contains('*'));
        program.command.is_none() && names.any(|name| words.contains(&name.as_str()))
    };
    let programs = TABLE.iter().filter(|p| p.kind == kind);
    programs.filter(said).filter_map(|p| p.engine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_behind_wrappers_directories_and_short_names() {
        for (seen, name) in [
            ("postgres: walwriter", "postgres"),
            (".qbittorrent-wr", "qbittorrent"),
            (".jellyfin-wrapped", "jellyfin"),
            ("/run/current-system/sw/bin/mysqld", "mysqld"),
            (
                "kworker/u8:1-btrfs-endio-write",
                "kworker/u8:1-btrfs-endio-write",
            ),
            ("[btrfs-cleaner]", "btrfs-cleaner"),
        ] {
            assert_eq!(plain(seen), name, "{seen}");
        }
        let table = table().unwrap();
        let of = |name: &str| {
            let named = |p: &&Program| p.command.is_none() && p.is_named(name);
            table.iter().find(named).map(|p| (p.kind, p.engine))
        };
        let clickhouse = Some((WorkloadKind::Database, Some(Engine::Clickhouse)));
        assert_eq!(of("clickhouse-serv"), clickhouse);
        let qemu = Some((WorkloadKind::Vm, Some(Engine::Qemu)));
        assert_eq!(of("qemu-system-x86"), qemu);
        assert_eq!(of("cpu 0/kvm"), qemu);
        // A name that only begins like another is another.
        assert_eq!(of("postgresx"), None);
    }

    #[test]
    fn data_directories_are_read_from_command_lines() {
        let table = table().unwrap();
        let paths = |command: &str| {
            let process = Process {
                name: command.split_whitespace().next().unwrap().to_owned(),
                command: Some(command.to_owned()),
                ..Process::default()
            };
            let program = table.iter().find(|p| p.is(&process)).unwrap();
            program.paths(&process)
        };
        assert_eq!(paths("postgres -D /srv/pg/16"), ["/srv/pg/16"]);
        assert_eq!(paths("mysqld --datadir=/srv/my --port=1"), ["/srv/my"]);
        assert_eq!(
            paths("prometheus --storage.tsdb.path=/srv/tsdb/ --web.x=1"),
            ["/srv/tsdb/"]
        );
        assert_eq!(
            paths("qemu-system-x86_64 -m 2G -drive file=/srv/vm/a.qcow2,format=qcow2"),
            ["/srv/vm/a.qcow2"]
        );
        assert!(paths("postgres: checkpointer").is_empty());
    }

    #[test]
    fn every_row_of_the_table_is_sound() {
        let mut seen = std::collections::BTreeSet::new();
        for row in table().unwrap() {
            assert!(!row.names.is_empty());
            for name in &row.names {
                let key = (name.clone(), row.kind, row.command.clone());
                assert!(seen.insert(key), "{name} stands there twice");
                let stars = name.matches('*').count();
                let at_end = name.starts_with('*') || name.ends_with('*');
                assert!(stars == 0 || (stars == 1 && at_end), "{name}");
                assert_eq!(&name.to_lowercase(), name);
            }
        }
    }
}
