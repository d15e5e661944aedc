//! Asking Nix about one host: which files it may see, the question, and asking again without what
//! made it stop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::answer::{Answer, Printed};
use super::run::{Ended, Limits, Runner};
use super::version::Version;
use super::{EVALUATE, OracleError, PrivateCopy, inputs};

/// The expression that asks, which travels with the program.
const ASK: &str = include_str!("../../../nix/ask.nix");
/// How often the same is asked without one more option. An evaluation of a whole NixOS takes
/// seconds, and who has more broken options hears of the first.
const MOST_SKIPPED: usize = 12;
/// How much of what Nix says is repeated.
const LONGEST_MESSAGE: usize = 2000;

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A host of a flake.
    Flake {
        /// The root of the tree that the flake is in: of the git work tree, if it is in one.
        root: PathBuf,
        /// The directory of `flake.nix`, at or below the root.
        directory: PathBuf,
        /// The name in `nixosConfigurations`.
        host: String,
    },
    /// A file by itself: a NixOS configuration, or disks as disko's command line takes them.
    File {
        /// The directory that it may read.
        root: PathBuf,
        /// The file.
        file: PathBuf,
        /// Entries of the search path, where `<nixpkgs>` is looked for; see [`nix_path`].
        nix_path: Vec<String>,
    },
}

/// Option paths to ask for; `*` stands for all names there are.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The paths.
    pub paths: Vec<Vec<String>>,
}

/// A tree that Nix can be asked about as often as needed; it is copied, locked and hashed once.
#[derive(Debug)]
pub struct Tree {
    runner: Runner,
    version: Version,
    prepared: Prepared,
}

/// Asks the real Nix.
pub fn ask(subject: &Subject, question: &Question, limits: &Limits) -> Result<Answer, OracleError> {
    let host = match subject {
        Subject::Flake { host, .. } => Some(host.as_str()),
        Subject::File { .. } => None,
    };
    Tree::of(subject, limits)?.ask(host, question)
}

/// Which Nix is installed.
pub fn version(limits: &Limits) -> Result<Version, OracleError> {
    Version::of(&Runner::new(limits)?)
}

impl Tree {
    /// Makes ready what is asked about.
    pub fn of(subject: &Subject, limits: &Limits) -> Result<Tree, OracleError> {
        let runner = Runner::new(limits)?;
        let version = Version::of(&runner)?;
        let prepared = match subject {
            Subject::Flake {
                root, directory, ..
            } => flake(&runner, &version, root, directory)?,
            Subject::File {
                root,
                file,
                nix_path,
            } => plain(&runner, root, file, nix_path)?,
        };
        Ok(Tree {
            runner,
            version,
            prepared,
        })
    }

    /// Asks about a host of a flake, or about the file.
    pub fn ask(&self, host: Option<&str>, question: &Question) -> Result<Answer, OracleError> {
        self.runner.start();
        ask_prepared(&self.runner, &self.version, &self.prepared, host, question)
    }
}

fn ask_prepared(
    runner: &Runner,
    version: &Version,
    prepared: &Prepared,
    host: Option<&str>,
    question: &Question,
) -> Result<Answer, OracleError> {
    let limits = &runner.limits;
    let mut skipped = BTreeMap::new();
    loop {
        let (ended, last) = prepared.run(runner, version, host, question, &skipped)?;
        if ended.ok {
            let (text, lossy) = match String::from_utf8(ended.out) {
                Ok(text) => (text, false),
                Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
            };
            let printed: Printed = serde_json::from_str(&text)?;
            if printed.how.is_none() {
                return Err(OracleError::NoHost(host.unwrap_or_default().to_owned()));
            }
            let entries = printed.entries.into_iter();
            let entries = entries.map(|entry| entry.read(lossy, &skipped));
            return Ok(Answer {
                version: version.clone(),
                is_nixos: printed.how.as_deref() != Some("alone"),
                source: printed.source.or_else(|| prepared.root.clone()),
                asked: question.paths.clone(),
                entries: entries.collect::<Result<_, _>>()?,
            });
        }
        let message = message(&ended.err);
        let missing = prepared.missing(&ended);
        // Before the first question it is the host as a whole that does not evaluate, and without
        // an input that its modules are made of there is no asking on.
        match last {
            Some(mark)
                if mark != "walk []"
                    && mark != "host []"
                    && !(missing.is_some() && mark.starts_with("walk"))
                    && skipped.len() < MOST_SKIPPED
                    && !skipped.contains_key(&mark) =>
            {
                let why = match missing {
                    Some(input) => format!("the input {input} is not in the Nix store"),
                    None if ended.signal.is_some() => "Nix crashes here".to_owned(),
                    None => format!("Nix stops here: {}", first_line(&message)),
                };
                skipped.insert(mark, why);
            }
            _ => return Err(prepared.refused(&ended, message, limits)),
        }
    }
}

/// The hosts of a flake, as Nix names them.
pub fn hosts(root: &Path, directory: &Path, limits: &Limits) -> Result<Vec<String>, OracleError> {
    let runner = Runner::new(limits)?;
    let version = Version::of(&runner)?;
    let prepared = flake(&runner, &version, root, directory)?;
    let none = BTreeMap::new();
    let (ended, _) = prepared.run(&runner, &version, None, &Question::default(), &none)?;
    if ended.ok {
        let printed: Printed = serde_json::from_slice(&ended.out)?;
        return Ok(printed.hosts);
    }
    let message = message(&ended.err);
    Err(prepared.refused(&ended, message, limits))
}

/// Something that can be asked about.
#[derive(Debug)]
struct Prepared {
    /// Keeps the files for as long as they may be read.
    _copy: Option<PrivateCopy>,
    flake: Option<String>,
    lock: Option<PathBuf>,
    file: Option<String>,
    root: Option<String>,
    search_path: String,
}

impl Prepared {
    /// Asks once; gives what was being forced last.
    fn run(
        &self,
        runner: &Runner,
        version: &Version,
        host: Option<&str>,
        question: &Question,
        skipped: &BTreeMap<String, String>,
    ) -> Result<(Ended, Option<String>), OracleError> {
        let helper = runner.home().join("evaluate.nix");
        // Nobody's configuration can know what its traces would have to begin with.
        let nonce = runner.home().file_name().unwrap_or_default();
        let nonce = format!("{}:", nonce.to_string_lossy());
        let question = json!({
            "flake": self.flake,
            "host": host,
            "file": self.file,
            "helper": text_of(&helper)?,
            "ask": question.paths,
            "skip": skipped.keys().collect::<Vec<_>>(),
            "nonce": nonce,
        });
        let mut command = runner.command("nix-instantiate");
        command.args(["--eval", "--strict", "--json", "--show-trace"]);
        options(&mut command, version, runner.limits.network);
        match self.flake {
            // As `nixos-rebuild --flake` does: what is not part of the flake cannot be read.
            Some(_) => {
                command.args(["--option", "pure-eval", "true"]);
            }
            None => {
                command.args(["--option", "restrict-eval", "true"]);
                command.env("NIX_PATH", &self.search_path);
                std::fs::write(&helper, EVALUATE)?;
            }
        }
        command
            .args(["-E", ASK, "--argstr", "question"])
            .arg(question.to_string());
        let ended = runner.run(command)?;
        let mut marks = ended.err.lines().filter_map(|line| {
            let (_, mark) = line.split_once(&nonce)?;
            Some(mark.trim().to_owned())
        });
        let last = marks.next_back();
        Ok((ended, last))
    }

    /// The input that could not be had, if that is why Nix stopped.
    fn missing(&self, ended: &Ended) -> Option<String> {
        let lock = self.lock.as_ref();
        let lock = lock.and_then(|lock| std::fs::read_to_string(lock).ok());
        inputs::missing(&ended.err, lock.as_deref())
    }

    /// Why the host as a whole cannot be asked about.
    fn refused(&self, ended: &Ended, message: String, limits: &Limits) -> OracleError {
        match (self.missing(ended), ended.signal) {
            (Some(input), _) => OracleError::Input {
                input,
                network: limits.network,
                message,
            },
            (None, Some(signal)) => OracleError::Crashed(signal),
            (None, None) if is_about_store(&message) => OracleError::Store(message),
            (None, None) => OracleError::Refused(message),
        }
    }
}

/// Copies a flake, completes its lock file in the copy, and names it so that pure evaluation takes it.
///
/// Evaluation by reference takes only what is locked. Where the lock file is complete, locking
/// changes nothing; where not, it is completed as Nix would, in the copy.
fn flake(
    runner: &Runner,
    version: &Version,
    root: &Path,
    directory: &Path,
) -> Result<Prepared, OracleError> {
    let below = directory
        .strip_prefix(root)
        .map_err(|_| OracleError::Path(directory.display().to_string()))?;
    let below = text_of(below)?;
    let copy = PrivateCopy::of_flake(runner, root)?;
    if !copy.root().join(below).join("flake.nix").is_file() {
        return Err(OracleError::NotInGit);
    }
    let place = text_of(copy.root())?.to_owned();
    let prepared = Prepared {
        flake: None,
        lock: Some(copy.root().join(below).join("flake.lock")),
        file: None,
        root: None,
        search_path: String::new(),
        _copy: Some(copy),
    };
    let checked = |command: Command| -> Result<String, OracleError> {
        let ended = runner.run(command)?;
        match ended.ok {
            true => Ok(String::from_utf8_lossy(&ended.out).trim().to_owned()),
            false => {
                let message = message(&ended.err);
                Err(prepared.refused(&ended, message, &runner.limits))
            }
        }
    };
    let lock = |reference: String| {
        let mut command = runner.command("nix");
        command.args(["flake", "lock", "--show-trace"]);
        options(&mut command, version, runner.limits.network);
        if !runner.limits.network {
            command.arg("--offline");
        }
        command.arg(reference);
        checked(command)
    };
    let flake = match below {
        "" => {
            lock(format!("path:{place}"))?;
            let mut command = runner.command("nix-hash");
            command.args(["--type", "sha256"]).arg(&place);
            let hash = checked(command)?;
            let hash = base64(&hash).ok_or(OracleError::Refused(hash))?;
            format!("path:{place}?narHash=sha256-{}", encoded(&hash))
        }
        // Only a git reference can name a flake below the root of its tree in every version.
        below => {
            let git = |arguments: &[&str]| {
                let mut command = runner.command("git");
                command
                    .args([
                        "-c",
                        "user.name=nobody",
                        "-c",
                        "user.email=nobody@localhost",
                    ])
                    .args([
                        "-c",
                        "commit.gpgsign=false",
                        "-c",
                        "core.hooksPath=/dev/null",
                    ])
                    .args(["-C", &place])
                    .args(arguments);
                // The same tree is the same commit, so the store keeps it once.
                for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
                    command.env(name, "2000-01-01T00:00:00Z");
                }
                command.env("GIT_CONFIG_NOSYSTEM", "1");
                checked(command)
            };
            let below = encoded(below);
            git(&["init", "--quiet"])?;
            git(&["add", "--all", "--force"])?;
            lock(format!("git+file://{place}?dir={below}"))?;
            git(&["add", "--all", "--force"])?;
            git(&[
                "commit",
                "--quiet",
                "--no-verify",
                "--allow-empty",
                "--message",
                "copy",
            ])?;
            let revision = git(&["rev-parse", "HEAD"])?;
            format!("git+file://{place}?rev={revision}&dir={below}")
        }
    };
    Ok(Prepared {
        flake: Some(flake),
        ..prepared
    })
}

/// Lets Nix read one directory, and the nixpkgs of this machine if there is one.
fn plain(
    runner: &Runner,
    root: &Path,
    file: &Path,
    nix_path: &[String],
) -> Result<Prepared, OracleError> {
    // Nix compares paths after following symlinks. A colon would end an entry of the search path.
    let real = |path: &Path| -> Result<String, OracleError> {
        Ok(text_of(&path.canonicalize()?)?.to_owned())
    };
    let (root, file) = (real(root)?, real(file)?);
    let (copy, root, file) = match root.contains([':', '=']) {
        false => (None, root, file),
        true => {
            let copy = PrivateCopy::of(Path::new(&root))?;
            let file = copy.path(Path::new(&file)).unwrap_or_default();
            let place = text_of(copy.root())?.to_owned();
            (Some(copy), place, text_of(&file)?.to_owned())
        }
    };
    let mut entries = vec![
        format!("btrfs-tune-project={root}"),
        format!("btrfs-tune-helper={}", text_of(runner.home())?),
    ];
    entries.extend_from_slice(nix_path);
    Ok(Prepared {
        _copy: copy,
        flake: None,
        lock: None,
        file: Some(file),
        root: Some(root),
        search_path: entries.join(":"),
    })
}

/// What `<nixpkgs>` means on this machine: what NIX_PATH says, else where channels are.
pub fn nix_path() -> Vec<String> {
    if let Ok(path) = std::env::var("NIX_PATH") {
        return vec![path].into_iter().filter(|p| !p.is_empty()).collect();
    }
    let home = std::env::var("HOME").unwrap_or_default();
    let state = std::env::var("XDG_STATE_HOME").unwrap_or_else(|_| format!("{home}/.local/state"));
    let root = "/nix/var/nix/profiles/per-user/root/channels";
    let usual = [
        format!("{home}/.nix-defexpr/channels"),
        format!("{state}/nix/defexpr/channels"),
        format!("nixpkgs={root}/nixpkgs"),
        root.to_owned(),
    ];
    let there = |entry: &String| Path::new(entry.trim_start_matches("nixpkgs=")).exists();
    usual.into_iter().filter(there).collect()
}

fn options(command: &mut Command, version: &Version, network: bool) {
    for (name, value) in version.options(network) {
        command.args(["--option", name, value]);
    }
}

fn text_of(path: &Path) -> Result<&str, OracleError> {
    path.to_str()
        .ok_or_else(|| OracleError::Path(path.display().to_string()))
}

/// What Nix complains of, without the trace: the last line that begins with `error:` and says more.
fn message(err: &str) -> String {
    let errors: Vec<&str> = err.split("error: ").skip(1).collect();
    let text = errors.last().copied().unwrap_or(err).trim();
    let end = text.find("\n\n").unwrap_or(text.len());
    let text =
        text[..end].trim_end_matches("(use '--show-trace' to show detailed location information)");
    text.trim().chars().take(LONGEST_MESSAGE).collect()
}

/// Whether Nix complains that it cannot get at its store.
fn is_about_store(message: &str) -> bool {
    let place = ["/nix/var/", "/nix/store'", "daemon"];
    let trouble = [
        "Permission denied",
        "cannot connect",
        "Read-only file system",
        "creating directory",
    ];
    place.iter().any(|words| message.contains(words))
        && trouble.iter().any(|words| message.contains(words))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Everything that may mean something in a flake reference, percent-encoded.
fn encoded(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~/".contains(b);
    text.bytes()
        .map(|b| match plain(&b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

/// Hexadecimal digits as base64.
fn base64(hex: &str) -> Option<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if hex.is_empty() || !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok())
        .collect();
    let mut out = String::new();
    for chunk in bytes?.chunks(3) {
        let mut number = 0u32;
        for i in 0..3 {
            number = number << 8 | u32::from(chunk.get(i).copied().unwrap_or(0));
        }
        for i in 0..4 {
            let digit = (number >> (18 - 6 * i)) & 63;
            match i <= chunk.len() {
                true => out.push(char::from(DIGITS[digit as usize])),
                false => out.push('='),
            }
        }
    }
    Some(out)
}
