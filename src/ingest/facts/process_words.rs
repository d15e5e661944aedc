//! What is said of a program: its name without brackets and numbers, how busy it is, what it waits
//! in.

use super::{amount, node};
use crate::model::metrics::{Process, ProcessState};
use crate::model::observation::Unit;
use crate::model::units::Percent;

/// The short name in a text, and what is said beside it.
pub(super) fn cleaned(text: &str) -> Option<(String, String)> {
    const MANY: [&str; 17] = [
        "many", "several", "some", "a", "the", "dozens", "of", "all", "few", "two", "three",
        "four", "five", "six", "eight", "ten", "multiple",
    ];
    let mut words = text.split_whitespace().peekable();
    let mut before = Vec::new();
    while let Some(word) = words.peek() {
        let is_count = word.bytes().all(|b| b.is_ascii_digit() || b == b'x');
        if !MANY.contains(&word.to_lowercase().as_str()) && !is_count {
            break;
        }
        before.extend(words.next());
    }
    let name = words.next()?;
    let name = name.trim_matches(['[', ']', ':', ',', ';', '"', '`', '(', ')', '\'']);
    let name = match name {
        "kworkers" => "kworker",
        name => name,
    };
    const NOBODY: [&str; 9] = [
        "nothing",
        "none",
        "no",
        "nobody",
        "idle",
        "low",
        "one",
        "quiet",
        "everything",
    ];
    if NOBODY.contains(&name.to_lowercase().as_str()) {
        return None;
    }
    let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == '_');
    if !is_word || name.len() > 64 {
        return None;
    }
    let queue = words.peek().and_then(|word| {
        let queue = word.strip_prefix('(')?.strip_suffix(')')?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        (name == "kworker" && !queue.is_empty() && queue.bytes().all(fits)).then_some(queue)
    });
    let name = match queue {
        Some(queue) => {
            words.next();
            format!("kworker+{queue}")
        }
        None => name.to_owned(),
    };
    before.extend(words);
    Some((name, before.join(" ")))
}

/// `high`, `very high`, `high system time`: a share of the processor, without a number.
pub(super) fn is_high(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "high", "very", "cpu", "system", "sys", "time", "usage", "load",
    ];
    let words = node::words(text);
    words.iter().any(|w| w == "high") && words.iter().all(|w| WORDS.contains(&w.as_str()))
}

/// What a text says that a program does.
pub(super) fn describe(text: &str, process: &mut Process) -> bool {
    let lower = text.to_lowercase();
    let words = node::words(&lower);
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let pair = |one: &str, two: &str| words.windows(2).any(|p| p[0] == one && p[1] == two);
    if has(&["not", "never", "no", "longer", "without"]) {
        return false;
    }
    let mut known = false;
    for (at, _) in lower.char_indices().filter(|&(at, c)| {
        c.is_ascii_digit() && !lower[..at].ends_with(|b: char| b.is_alphanumeric() || b == '.')
    }) {
        let Some(number) = amount::amount(&lower[at..]) else {
            continue;
        };
        let Some((scale, rest)) = amount::unit_of(number.rest) else {
            continue;
        };
        let value = number.number * scale.factor;
        let rest = rest.trim_start();
        match scale.unit {
            Unit::Percent if rest.starts_with("io") || rest.starts_with("wa") => {
                process.io_wait = Some(Percent(value));
            }
            Unit::Percent if rest.starts_with("mem") || rest.starts_with("of all") => continue,
            Unit::Percent if process.cpu.is_none() => process.cpu = Some(Percent(value)),
            Unit::BytesPerSecond if has(&["write", "writes", "writing", "written"]) => {
                process.write_bytes_s = Some(value);
            }
            Unit::BytesPerSecond if has(&["read", "reads", "reading"]) => {
                process.read_bytes_s = Some(value);
            }
            _ => continue,
        }
        known = true;
    }
    let one_core = pair("one", "core") || pair("full", "core") || pair("whole", "core");
    if process.cpu.is_none() && one_core {
        process.cpu = Some(Percent(100.0));
        known = true;
    }
    let state = if pair("d", "state")
        || pair("state", "d")
        || pair("disk", "sleep")
        || has(&["uninterruptible", "blocked", "hung", "stuck", "dstate"])
        || words == ["d"]
        || words == ["d+"]
    {
        ProcessState::Uninterruptible
    } else if words == ["r"]
        || pair("r", "state")
        || has(&["busy", "running", "spinning", "pegged", "burning", "maxed"])
        || matches!(
            lower.trim(),
            "top" | "on top" | "at the top" | "always on top" | "highest"
        )
    {
        ProcessState::Running
    } else if words == ["s"] || has(&["sleeping", "idle"]) {
        ProcessState::Sleeping
    } else {
        return known;
    };
    process.state.get_or_insert(state);
    true
}

/// The program of a command line behind `nice`, `ionice`, `sudo` and their like, with their options.
pub(super) fn wrapped(text: &str) -> Option<&str> {
    const WRAPPERS: [&str; 9] = [
        "nice", "ionice", "sudo", "doas", "chrt", "taskset", "nohup", "time", "timeout",
    ];
    let mut words = text.split_whitespace().peekable();
    let mut any = false;
    while let Some(word) = words.peek() {
        let is_option = word.starts_with('-') || word.bytes().all(|b| b.is_ascii_digit());
        let is_wrapper = WRAPPERS.contains(word);
        if !(is_wrapper || any && is_option) {
            break;
        }
        any = true;
        words.next();
    }
    let name = words.next().filter(|_| any)?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_behind_nice_is_found() {
        for (text, name) in [
            (
                "nice -n 19 ionice -c 3 duperemove -rdh /",
                Some("duperemove"),
            ),
            ("sudo /usr/bin/rsync -a /a /b", Some("rsync")),
            ("duperemove -rdh /", None),
            ("nice", None),
            ("time", None),
        ] {
            assert_eq!(wrapped(text), name, "{text}");
        }
    }
}
