//! Owns: names as words of a POSIX shell.

use std::fmt::Write;

/// A word that a POSIX shell reads as exactly this text. It is one line and shows no control
/// character, wherever the text does not end in a line end. Where options are read, `--` is to come
/// before it.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.chars().any(is_unseen) {
        return single_quoted(text);
    }
    // A command substitution drops line ends at its end.
    let body = text.trim_end_matches('\n');
    let ends = &text[body.len()..];
    let mut word = match body.is_empty() {
        true => String::new(),
        false => format!("\"$(printf {})\"", single_quoted(&printf_format(body))),
    };
    if !ends.is_empty() {
        word.push_str(&single_quoted(ends));
    }
    word
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The format with which printf(1) prints this text.
fn printf_format(text: &str) -> String {
    let mut format = String::new();
    for c in text.chars() {
        match c {
            '%' => format.push_str("%%"),
            '\\' => format.push_str("\\\\"),
            // A leading dash would be an option of printf.
            '-' if format.is_empty() => format.push_str("\\055"),
            c if is_unseen(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(format, "\\{byte:03o}");
                }
            }
            c => format.push(c),
        }
    }
    format
}

/// What a person who reads a script does not see, or sees in another order than the shell: controls,
/// and the marks that turn the direction of text.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// A pattern of fnmatch(3) that fits exactly this text.
pub(super) fn pattern_of(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "*?[]\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// A text as the option `--raw` of util-linux's programs shows it under `LC_ALL=C` (tried with 2.38.1).
pub(super) fn raw(text: &str) -> String {
    let mut shown = String::new();
    for byte in text.bytes() {
        match byte {
            b'\\' => shown.push_str("\\x5c"),
            byte if byte.is_ascii_graphic() => shown.push(char::from(byte)),
            byte => {
                let _ = write!(shown, "\\x{byte:02x}");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_one_word() {
        assert_eq!(shell_word("/srv/media"), "/srv/media");
        assert_eq!(shell_word(""), "''");
        for name in [
            "a b",
            "$(reboot)",
            "it's",
            "-rf",
            "-\n",
            "a\nb",
            "a\n\n",
            "\n",
            "`x`",
            "*",
            "%s\t%d\\n",
            "\u{202e}evil",
            "\u{1b}[2J",
        ] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell_word(name))])
                .output()
                .expect("a shell");
            // printf itself reads a leading dash, which is why commands say `--`.
            if !name.starts_with("-r") {
                assert_eq!(String::from_utf8_lossy(&output.stdout), name);
            }
        }
    }

    #[test]
    fn a_word_shows_what_it_is() {
        for name in ["a\nb", "\u{1b}]0;x\u{7}", "\r", "x\u{202e}y"] {
            assert!(!shell_word(name).chars().any(is_unseen), "{name:?}");
        }
    }
}
