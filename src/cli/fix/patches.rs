//! `fix --patches DIR`: a series for `git am`.
//!
//! The files are as `git format-patch` makes them, but for the date: the same input gives the same
//! bytes, so there is none, and `git am` takes the time of its run. The cover letter is no
//! `.patch`, for `git am` stops at a mail without a patch.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use miette::miette;

use super::message::{self, Message};
use super::plan::Patch;
use super::{Done, Step, several_hosts};
use crate::recommend::Class;

/// Who the mails are from. Nobody can have this address (RFC 2606).
const FROM: &str = "btrfs-tune <btrfs-tune@example.invalid>";

/// The name of the cover letter.
const COVER: &str = "0000-cover-letter.txt";

/// Writes the series, and gives the files written.
pub(super) fn write(directory: &Path, patches: &[Patch]) -> miette::Result<Done> {
    let series = series(patches);
    let at = |path: &Path, error: io::Error| {
        miette!(
            help = "name a directory that can be written",
            "{}: {error}; no patches were written",
            path.display()
        )
    };
    fs::create_dir_all(directory).map_err(|e| at(directory, e))?;
    refuse_others(directory, &series)?;
    let mut written: Vec<PathBuf> = Vec::new();
    let mut done = Done::default();
    for (name, subject, text) in &series {
        let path = directory.join(name);
        if !path.exists() {
            if let Err(error) = put(directory, &path, text) {
                // None of them was there before.
                for path in &written {
                    let _ = fs::remove_file(path);
                }
                return Err(at(&path, error));
            }
            written.push(path.clone());
        }
        done.steps.push(Step {
            name: path.display().to_string(),
            subject: subject.clone(),
            files: Vec::new(),
        });
    }
    Ok(done)
}

/// A whole file or none, and never over another.
fn put(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let usual = Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(usual)
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|e| e.error)?;
    Ok(())
}

/// Refuses a directory with patches that are not these: `git am` would take them too.
fn refuse_others(directory: &Path, series: &[(String, String, String)]) -> miette::Result<()> {
    let at = |path: &Path, error: io::Error| {
        miette!(
            help = "check its permissions",
            "{}: {error}",
            path.display()
        )
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(|e| at(directory, e))? {
        names.push(entry.map_err(|e| at(directory, e))?.file_name());
    }
    names.sort();
    for name in names {
        let path = directory.join(&name);
        let ours = series.iter().find(|(n, _, _)| name == n.as_str());
        let is_patch = path.extension().is_some_and(|e| e == "patch");
        let is_other = match ours {
            Some((_, _, text)) => fs::read(&path).ok().as_deref() != Some(text.as_bytes()),
            None => is_patch,
        };
        if is_other {
            return Err(miette!(
                help = "name a directory without patches, or remove those",
                "{} is there already; no patches were written",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Name, subject and text of each file.
fn series(patches: &[Patch]) -> Vec<(String, String, String)> {
    if patches.is_empty() {
        return Vec::new();
    }
    let several = several_hosts(patches);
    let count = patches.len();
    let messages: Vec<Message> = patches.iter().map(|p| message::of(p, several)).collect();
    let mut out = Vec::with_capacity(count + 1);
    let (subject, cover) = cover(patches, &messages);
    out.push((COVER.to_owned(), subject, cover));
    for (i, (patch, message)) in patches.iter().zip(&messages).enumerate() {
        let number = i + 1;
        let subject = &message.subject;
        let diff: String = patch.files.iter().map(|f| f.text.as_str()).collect();
        let tag = format!("[PATCH {number}/{count}]");
        let body = format!("{}---\n\n{diff}", message.body);
        let mail = mail(&tag, subject, &body);
        out.push((file_name(number, subject), subject.clone(), mail));
    }
    out
}

/// What the whole series is.
fn cover(patches: &[Patch], messages: &[Message]) -> (String, String) {
    let mut hosts: Vec<&str> = patches.iter().map(|p| p.host.0.as_str()).collect();
    hosts.dedup();
    let subject = message::clean(&format!("tune btrfs on {}", hosts.join(", ")));
    let mut body = String::new();
    let count = patches.len();
    let plural = if count == 1 { "" } else { "es" };
    let text = format!(
        "{count} patch{plural}, each proven by evaluating the configuration before and after: it \
         changes what its message says, and nothing else. Each builds on those before it."
    );
    message::prose(&mut body, "", "", &text);
    body.push_str("\nTo apply them, in the repository:\n\n    git am DIR/*.patch\n");
    for (title, is_reinstall) in [
        (
            "What the running system takes (live, reboot, migrate)",
            false,
        ),
        ("What needs a reinstall", true),
    ] {
        let mut begun = false;
        for (i, (patch, message)) in patches.iter().zip(messages).enumerate() {
            if (patch.class() == Class::Reinstall) != is_reinstall {
                continue;
            }
            if !begun {
                body.push_str(&format!("\n{title}:\n"));
                begun = true;
            }
            let number = i + 1;
            let consent = match patch.needs_consent() {
                true => ", needs consent",
                false => "",
            };
            let class = patch.class().name();
            let text = format!("[{class}{consent}] {}", message.subject);
            message::prose(&mut body, &format!("  {number:>2}. "), "      ", &text);
            for cost in &patch.report.cost {
                message::prose(&mut body, "      cost: ", "        ", cost);
            }
        }
    }
    let mail = mail(&format!("[PATCH 0/{count}]"), &subject, &body);
    (subject, mail)
}

/// A mail as `git format-patch` writes it.
fn mail(tag: &str, subject: &str, body: &str) -> String {
    // On its way through git a CR at a line's end is lost, unless it is encoded.
    let is_encoded = body.contains('\r');
    let encoding = if is_encoded {
        "quoted-printable"
    } else {
        "8bit"
    };
    let mut out = format!(
        "From {} Mon Sep 17 00:00:00 2001\nFrom: {FROM}\nSubject: {tag} {}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: {encoding}\n\n",
        "0".repeat(40),
        header(subject)
    );
    let end = format!(
        "-- \n{} {}\n\n",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION")
    );
    let newline = if body.ends_with('\n') { "" } else { "\n" };
    let text = format!("{body}{newline}{end}");
    match is_encoded {
        true => out.push_str(&quoted_printable(&text)),
        false => out.push_str(&text),
    }
    out
}

/// RFC 2047: a header holds ASCII; each encoded word is short and holds whole characters.
fn header(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut bytes = [0; 4];
        let encoded: String = match c {
            ' ' => "_".to_owned(),
            c if c.is_ascii_alphanumeric() || "/:.-".contains(c) => c.to_string(),
            c => c
                .encode_utf8(&mut bytes)
                .bytes()
                .map(|b| format!("={b:02X}"))
                .collect(),
        };
        match words.last_mut() {
            Some(word) if word.len() + encoded.len() <= 60 => word.push_str(&encoded),
            _ => words.push(encoded),
        }
    }
    let words = words.iter().map(|word| format!("=?UTF-8?q?{word}?="));
    words.collect::<Vec<_>>().join("\n ")
}

/// RFC 2045, lines of at most 76 columns.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let mut column = 0;
        let bytes = line.as_bytes();
        for (i, byte) in bytes.iter().enumerate() {
            let is_last = i + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !is_last,
                // `From ` at the beginning of a line would begin a mail.
                b'F' => i > 0,
                byte => (0x21..0x7f).contains(byte),
            };
            let encoded = match plain {
                true => char::from(*byte).to_string(),
                false => format!("={byte:02X}"),
            };
            if column + encoded.len() > 75 {
                out.push_str("=\n");
                column = 0;
            }
            column += encoded.len();
            out.push_str(&encoded);
        }
        out.push_str(end);
    }
    out
}

/// As `git format-patch` names files.
fn file_name(number: usize, subject: &str) -> String {
    let mut name = String::new();
    for c in subject.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let mut name = name.replace("..", ".");
    name.truncate(52);
    let name = name.trim_matches(['-', '.']);
    format!("{number:04}-{name}.patch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let hostile = "mount/atime: mount \"../$(x)\" ü\n with noatime and much more than that";
        assert_eq!(
            file_name(7, hostile),
            "0007-mount-atime-mount-.-x-with-noatime-and-much-more-tha.patch"
        );
    }

    #[test]
    fn headers_are_ascii() {
        assert_eq!(header("a: b"), "a: b");
        assert_eq!(header("a: ü b"), "=?UTF-8?q?a:_=C3=BC_b?=");
        let long = header(&"ü".repeat(72));
        assert!(
            long.is_ascii() && long.lines().all(|l| l.len() <= 76),
            "{long}"
        );
    }

    #[test]
    fn carriage_returns_are_encoded() {
        let text = quoted_printable("+a = 1;\r\n trailing \nFrom x\n");
        assert_eq!(text, "+a =3D 1;=0D\n trailing=20\n=46rom x\n");
        let long = quoted_printable(&format!("{}\r\n", "x".repeat(200)));
        assert!(long.lines().all(|l| l.len() <= 76), "{long}");
    }
}
