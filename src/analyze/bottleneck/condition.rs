//! Owns: the conditions of evidence, as causes write them: `quota.on`, `not quota.on`,
//! `absent disk.util`, `space.used >= 95`, `kernel < 6.15`, `thread.busy ~ btrfs-cleaner`.

use serde::Deserialize;
use serde::de::Error as _;

use crate::analyze::signal::{Signal, Signals, Subject, Value};
use crate::btrfs::KernelVersion;

/// What a signal is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// It holds: yes, or any number or word.
    Holds,
    /// It is known not to be so.
    Denied,
    /// Nothing is known.
    Absent,
    /// A word, or one of several.
    Is(Vec<String>),
    /// Another word.
    IsNot(String),
    /// A word that contains this.
    Contains(String),
    /// A number.
    Number(Order, f64),
    /// A version.
    Version(Order, KernelVersion),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Order {
    fn of<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Order::Less => a < b,
            Order::AtMost => a <= b,
            Order::More => a > b,
            Order::AtLeast => a >= b,
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The name of the signal.
    pub name: String,
    test: Test,
}

/// What became of a condition.
#[derive(Debug)]
pub(super) enum Outcome<'s> {
    /// It holds, by these signals; none for what must be absent.
    Holds(Vec<&'s Signal>),
    /// It does not hold.
    Fails,
    /// No input says anything of it.
    Unknown,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let plain = |name: &str, test| {
            Ok(Condition {
                name: name.to_owned(),
                test,
            })
        };
        match words.as_slice() {
            ["not", name] => plain(name, Test::Denied),
            ["absent", name] => plain(name, Test::Absent),
            [name] => plain(name, Test::Holds),
            [name, "=", words @ ..] if !words.is_empty() => {
                plain(name, Test::Is(vec![words.join(" ").to_lowercase()]))
            }
            [name, "!=", words @ ..] if !words.is_empty() => {
                plain(name, Test::IsNot(words.join(" ").to_lowercase()))
            }
            [name, "~", words @ ..] if !words.is_empty() => {
                plain(name, Test::Contains(words.join(" ").to_lowercase()))
            }
            [name, "in", rest @ ..] if !rest.is_empty() => plain(
                name,
                Test::Is(rest.iter().map(|w| w.to_lowercase()).collect()),
            ),
            [name, order, operand] => {
                let order = match *order {
                    "<" => Order::Less,
                    "<=" => Order::AtMost,
                    ">" => Order::More,
                    ">=" => Order::AtLeast,
                    other => return Err(format!("`{text}`: `{other}` compares nothing")),
                };
                if name == &"kernel" {
                    let version = operand
                        .parse()
                        .map_err(|_| format!("`{text}`: `{operand}` is no version"))?;
                    return plain(name, Test::Version(order, version));
                }
                let number = operand
                    .parse()
                    .map_err(|_| format!("`{text}`: `{operand}` is no number"))?;
                plain(name, Test::Number(order, number))
            }
            _ => Err(format!("`{text}` is no condition")),
        }
    }

    /// Whether it asks for silence.
    pub fn wants_silence(&self) -> bool {
        self.test == Test::Absent
    }

    /// The same, where it must hold of every device of which something is known: what one of several
    /// disks is says nothing where it is not known which of them the trouble is on.
    pub(super) fn check_each<'s>(
        &self,
        signals: &'s Signals,
        subject: &'s Subject,
        complaint: Option<usize>,
    ) -> Outcome<'s> {
        let found = self.check(signals, subject, complaint);
        let Outcome::Holds(fitting) = &found else {
            return found;
        };
        let is_device = |s: &&Signal| matches!(s.about, Subject::Device(_));
        let mut devices = signals
            .heard(&self.name, subject, complaint)
            .filter(is_device);
        let fits = |device: &Signal| fitting.iter().any(|s| s.about == device.about);
        match fitting.iter().all(is_device) && !devices.all(fits) {
            true => Outcome::Fails,
            false => found,
        }
    }

    /// Whether it holds for a subject, with one complaint listened to (or all).
    pub(super) fn check<'s>(
        &self,
        signals: &'s Signals,
        subject: &'s Subject,
        complaint: Option<usize>,
    ) -> Outcome<'s> {
        let known: Vec<&Signal> = signals.heard(&self.name, subject, complaint).collect();
        if self.test == Test::Absent {
            return match known.is_empty() {
                true => Outcome::Holds(Vec::new()),
                false => Outcome::Fails,
            };
        }
        if known.is_empty() {
            return Outcome::Unknown;
        }
        let fitting: Vec<&Signal> = known.into_iter().filter(|s| self.fits(&s.value)).collect();
        match fitting.is_empty() {
            true => Outcome::Fails,
            false => Outcome::Holds(fitting),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match (&self.test, value) {
            (Test::Holds, value) => *value != Value::No,
            (Test::Denied, value) => *value == Value::No,
            (Test::Is(words), Value::Word(word)) => words.contains(word),
            (Test::IsNot(other), Value::Word(word)) => word != other,
            (Test::Contains(part), Value::Word(word)) => word.contains(part.as_str()),
            (Test::Number(order, limit), Value::Number(number)) => order.of(number, limit),
            (Test::Version(order, limit), Value::Version(version)) => order.of(version, limit),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Condition::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_mistakes_are_named() {
        for good in [
            "quota.on",
            "not quota.on",
            "absent disk.util",
            "space.used >= 95",
            "kernel < 6.15",
            "thread.busy ~ btrfs-cleaner",
            "profile.data in raid5 raid6",
            "docker.driver != btrfs",
            "thread.busy ~ btrfs balance",
        ] {
            assert!(Condition::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "space.used >= much",
            "kernel < soon",
            "a ? b",
            "a in",
        ] {
            assert!(Condition::parse(bad).is_err(), "{bad}");
        }
    }
}
