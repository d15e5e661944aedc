//! Running Nix so that nothing it is asked can hurt: no network, no builds, no standing input, a
//! home of its own, and limits of time, memory and output.
//!
//! A shell starts each program in a process group of its own and waits on a pipe that this process
//! holds. Whatever ends first, the time or this process itself, closes the pipe, and the shell
//! kills the whole group.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::OracleError;

/// How far Nix may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Until when everything must be answered, from the start of the question.
    pub time: Duration,
    /// The address space, in bytes.
    pub memory: u64,
    /// The longest answer, in bytes.
    pub output: usize,
    /// Whether inputs may be fetched.
    pub network: bool,
}

impl Default for Limits {
    /// A minute, 8 GiB, 64 MiB, no network. (A whole NixOS asks for one to two gigabytes.)
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(60),
            memory: 8 << 30,
            output: 64 << 20,
            network: false,
        }
    }
}

/// What is kept of standard error: its end, where errors stand.
const MOST_ERRORS: usize = 1 << 20;

/// What the environment may hand on. `NIX_CONFIG` and `NIX_PATH` may not.
const PASSED: &[&str] = &[
    "PATH",
    "USER",
    "LOGNAME",
    "LD_LIBRARY_PATH",
    "NIX_CONF_DIR",
    "NIX_DAEMON_SOCKET_PATH",
    "NIX_LOG_DIR",
    "NIX_REMOTE",
    "NIX_STATE_DIR",
    "NIX_STORE_DIR",
];

/// The same, where the network is allowed.
const PASSED_FOR_NETWORK: &[&str] = &[
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NIX_SSL_CERT_FILE",
    "NO_PROXY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Keeps a program from outliving the pipe at its descriptor 3; `$1` is the address space in KiB.
/// The reader gives its descriptors away, or whoever reads the output would wait for it.
const WATCHED: &str = r#"exec 3<&0
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
ulimit -v "$1" 2>/dev/null
shift
exec "$@" 3<&- </dev/null"#;

/// What a program left.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) ok: bool,
    /// What killed it, if something did.
    pub(super) signal: Option<i32>,
    pub(super) out: Vec<u8>,
    /// The end of what it complained.
    pub(super) err: String,
}

/// Runs programs until a deadline, in one temporary home.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) limits: Limits,
    deadline: Cell<Instant>,
    home: tempfile::TempDir,
}

impl Runner {
    pub(super) fn new(limits: &Limits) -> Result<Self, OracleError> {
        Ok(Runner {
            limits: limits.clone(),
            deadline: Cell::new(Instant::now() + limits.time),
            home: directory()?,
        })
    }

    /// Gives the next question all the time there is.
    pub(super) fn start(&self) {
        self.deadline.set(Instant::now() + self.limits.time);
    }

    /// A place for files that the programs may read.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program with nothing of the user's environment but what it needs.
    pub(super) fn command(&self, program: &str) -> Command {
        let alone = (!self.limits.network).then(without_network).flatten();
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHED, "sh"])
            .arg((self.limits.memory / 1024).to_string())
            .args(alone.unwrap_or_default())
            .arg(program)
            .env_clear();
        let passed = PASSED.iter().chain(match self.limits.network {
            true => PASSED_FOR_NETWORK,
            false => &[],
        });
        for name in passed {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let home = self.home.path();
        command.env("HOME", home).env("TMPDIR", home);
        for (name, below) in [
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
        ] {
            command.env(name, home.join(below));
        }
        if !self.limits.network {
            // Where a namespace cannot be had, nothing that fetches gets further than this.
            for name in [
                "http_proxy",
                "https_proxy",
                "all_proxy",
                "HTTPS_PROXY",
                "ALL_PROXY",
            ] {
                command.env(name, "http://127.0.0.1:1");
            }
            command
                .env("GIT_ALLOW_PROTOCOL", "file")
                .env("GIT_SSH_COMMAND", "false");
        }
        command.env("GIT_TERMINAL_PROMPT", "0");
        if self.limits.network
            && let Some(settings) = user_settings()
        {
            // Private inputs need the user's access tokens.
            command.env("NIX_USER_CONF_FILES", settings);
        }
        command.current_dir(home);
        command
    }

    /// Runs a command of [`Runner::command`] to its end, or to the end of what it may use.
    pub(super) fn run(&self, mut command: Command) -> Result<Ended, OracleError> {
        let program = command.get_args().find_map(program_of).unwrap_or_default();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => OracleError::Missing("sh".to_owned()),
                _ => error.into(),
            })?;
        let lifeline = child.stdin.take();
        let full = std::sync::Arc::new(AtomicBool::new(false));
        let out = {
            let (pipe, full, most) = (child.stdout.take(), full.clone(), self.limits.output);
            std::thread::spawn(move || all_of(pipe, most, &full))
        };
        let err = {
            let pipe = child.stderr.take();
            std::thread::spawn(move || end_of(pipe))
        };
        let ended = self.wait(&mut child, &full);
        // From here on nothing of the group is alive.
        drop(lifeline);
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                let _ = child.kill();
                child.wait()?;
                return Err(error);
            }
        };
        let out = out.join().unwrap_or_default();
        let err = String::from_utf8_lossy(&err.join().unwrap_or_default()).into_owned();
        if full.load(Ordering::Relaxed) {
            return Err(OracleError::TooMuch(self.limits.output >> 20));
        }
        if status.code() == Some(127) {
            return Err(OracleError::Missing(program));
        }
        let exhausted = ["Out of Memory", "out of memory", "bad_alloc"];
        if !status.success() && exhausted.iter().any(|words| err.contains(words)) {
            return Err(OracleError::Memory(self.limits.memory >> 20));
        }
        Ok(Ended {
            ok: status.success(),
            signal: status.signal(),
            out,
            err,
        })
    }

    fn wait(
        &self,
        child: &mut Child,
        full: &AtomicBool,
    ) -> Result<std::process::ExitStatus, OracleError> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if full.load(Ordering::Relaxed) {
                return Err(OracleError::TooMuch(self.limits.output >> 20));
            }
            if Instant::now() >= self.deadline.get() {
                return Err(OracleError::TimedOut(self.limits.time.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Nix's programs are known by their names in the command line.
fn program_of(argument: &std::ffi::OsStr) -> Option<String> {
    let name = argument.to_str()?;
    ["nix", "nix-instantiate", "nix-hash", "git"]
        .contains(&name)
        .then(|| name.to_owned())
}

/// All that comes out of a pipe, unless it is more than `most`.
fn all_of(pipe: Option<impl Read>, most: usize, full: &AtomicBool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(most as u64 + 1).read_to_end(&mut bytes);
    }
    if bytes.len() > most {
        full.store(true, Ordering::Relaxed);
    }
    bytes
}

/// The end of what comes out of a pipe.
fn end_of(pipe: Option<impl Read>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return kept };
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * MOST_ERRORS {
            kept.drain(..kept.len() - MOST_ERRORS);
        }
    }
    kept
}

/// How to start a program without a network, where the system lets us.
fn without_network() -> Option<Vec<OsString>> {
    static WAY: OnceLock<Option<Vec<OsString>>> = OnceLock::new();
    WAY.get_or_init(|| {
        // Root needs no user namespace, and within one the Nix store would look like a stranger's.
        [
            &["unshare", "--net", "--"][..],
            &["unshare", "--user", "--map-current-user", "--net", "--"],
        ]
        .into_iter()
        .find(|way| {
            let tried = Command::new(way[0])
                .args(&way[1..])
                .arg("true")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            tried.is_ok_and(|status| status.success())
        })
        .map(|way| way.iter().map(OsString::from).collect())
    })
    .clone()
}

/// Where the user's own nix.conf is.
fn user_settings() -> Option<PathBuf> {
    let config = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(config) => PathBuf::from(config),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(config.join("nix/nix.conf")).filter(|path| path.is_file())
}

/// A temporary directory whose path can stand in a flake reference: Nix 2.8 does not decode `%20`.
pub(super) fn directory() -> Result<tempfile::TempDir, OracleError> {
    let plain = |path: &Path| {
        path.to_str().is_some_and(|path| {
            path.starts_with('/')
                && path
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
        })
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix("btrfs-tune-");
    let usual = std::env::temp_dir();
    let usual = usual.canonicalize().unwrap_or(usual);
    for place in [usual.as_path(), Path::new("/tmp"), Path::new("/var/tmp")] {
        if plain(place)
            && let Ok(directory) = builder.tempdir_in(place)
        {
            return Ok(directory);
        }
    }
    Err(OracleError::NoPlace)
}
