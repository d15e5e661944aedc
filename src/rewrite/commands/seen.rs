//! Owns: the places where a directory is seen besides its own: bind mounts, as persistence makes them.
//!
//! A bind mount goes on showing the directory that it was made of, wherever that is moved, and what is
//! mounted on a directory later is not seen through it.

use super::place::{absolute, is_no_mount};
use super::{Command, shell_word};
use crate::model::Host;
use crate::model::storage::is_below;
use crate::recommend::Class;

/// Bind mounts of a directory and of what lies in it, the deepest first: where, and from where.
fn binds<'h>(directory: &str, host: &'h Host) -> Vec<(&'h str, &'h str)> {
    let all = host.storage.binds.iter();
    let below = all.filter(|b| is_below(&b.from, directory));
    let mut binds: Vec<(&str, &str)> = below
        .filter_map(|b| Some((absolute(&b.at)?, absolute(&b.from)?)))
        .collect();
    binds.sort_by_key(|(at, _)| std::cmp::Reverse(at.len()));
    binds.dedup();
    binds
}

/// All names by which what lies in a directory may be open.
pub(super) fn names<'h>(directory: &'h str, host: &'h Host) -> Vec<&'h str> {
    let seen = binds(directory, host).into_iter().map(|(at, _)| at);
    std::iter::once(directory).chain(seen).collect()
}

fn all(tests: impl Iterator<Item = String>) -> String {
    tests.collect::<Vec<_>>().join(" && ")
}

/// Takes the bind mounts of a directory away, before another takes its place.
pub(super) fn hide(directory: &str, host: &Host) -> Option<Command> {
    let binds = binds(directory, host);
    if binds.is_empty() {
        return None;
    }
    let places: Vec<&str> = binds.iter().map(|(at, _)| *at).collect();
    let words: Vec<String> = places.iter().map(|at| shell_word(at)).collect();
    let away = all(places.iter().map(|at| is_no_mount(at)));
    let back = binds
        .iter()
        .rev()
        .map(|(at, from)| format!("mount --bind -- {} {}", shell_word(from), shell_word(at)));
    let step = Command::new(
        Class::Migrate,
        format!(
            "unmount {}, which would go on showing the old directory",
            places.join(", ")
        ),
        format!("umount -- {}", words.join(" ")),
    )
    .undo(all(back))
    .done(away.clone())
    .verify(away);
    Some(step)
}

/// Makes the bind mounts of a directory again, of what is in its place now.
pub(super) fn show(directory: &str, host: &Host) -> Option<Command> {
    let binds = binds(directory, host);
    if binds.is_empty() {
        return None;
    }
    let places: Vec<&str> = binds.iter().rev().map(|(at, _)| *at).collect();
    let make = binds.iter().rev().map(|(at, from)| {
        let (from, word) = (shell_word(from), shell_word(at));
        format!(
            "if {}; then mount -- {word} 2>/dev/null || mount --bind -- {from} {word}; fi",
            is_no_mount(at)
        )
    });
    // A place and its source are one file.
    let shown = |(at, from): &(&str, &str)| {
        let number = |path: &str| format!("\"$(stat -c %d:%i -- {})\"", shell_word(path));
        format!("test {} = {}", number(at), number(from))
    };
    let shown = all(binds.iter().map(shown));
    let words: Vec<String> = binds.iter().map(|(at, _)| shell_word(at)).collect();
    let step = Command::new(
        Class::Migrate,
        format!(
            "mount {} again, as far as the switch has not; it shows the new directory then",
            places.join(", ")
        ),
        all(make),
    )
    .undo(format!("umount -- {}", words.join(" ")))
    .verify(shown);
    Some(step)
}
