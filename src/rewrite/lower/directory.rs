//! What a directory has of its own, as rules of tmpfiles.d(5).

use crate::recommend::{Algorithm, DirectoryAttribute};

/// The rule that gives a directory an attribute; `Err` says what cannot be written.
///
/// `h` sets what `chattr` sets, `t` sets an extended attribute: `btrfs.compression` is the one
/// behind `btrfs property set … compression` (kernel fs/btrfs/props.c). Both were run with
/// systemd 252 on a btrfs: the attribute is there, and a file made later inherits it.
pub fn rule(directory: &str, attribute: DirectoryAttribute) -> Result<String, String> {
    let path = escaped(directory)?;
    Ok(match attribute {
        DirectoryAttribute::NoCow => format!("h {path} - - - - +C"),
        DirectoryAttribute::Compression(algorithm) => {
            let name = match algorithm {
                Algorithm::Zlib => "zlib",
                Algorithm::Lzo => "lzo",
                Algorithm::Zstd => "zstd",
            };
            format!("t {path} - - - - btrfs.compression={name}")
        }
    })
}

/// A path as a rule of type `h` or `t` takes it: a pattern of glob(7), with `%` for specifiers, in
/// quotes where it has spaces.
fn escaped(directory: &str) -> Result<String, String> {
    let refused = |what: &str| Err(format!("a tmpfiles rule cannot name {directory:?}: {what}"));
    if !directory.starts_with('/') {
        return refused("it is no absolute path");
    }
    if directory.split('/').any(|part| part == "..") {
        return refused("it leads up");
    }
    let mut out = String::with_capacity(directory.len() + 2);
    for c in directory.chars() {
        match c {
            c if c.is_control() => return refused("it has control characters"),
            // They are expanded before anything else is looked at.
            '{' | '}' => return refused("braces are patterns there, which nothing quotes"),
            '%' => out.push_str("%%"),
            '*' | '?' | '[' => {
                out.push('[');
                out.push(c);
                out.push(']');
            }
            // Once for the quotes, once for the pattern.
            '\\' => out.push_str("\\\\\\\\"),
            '"' => out.push_str("\\\""),
            '\'' => out.push_str("\\'"),
            c => out.push(c),
        }
    }
    let quoted = out.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
    Ok(match quoted {
        true => format!("\"{out}\""),
        false => out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_cow(directory: &str) -> Result<String, String> {
        rule(directory, DirectoryAttribute::NoCow)
    }

    #[test]
    fn a_rule_names_the_directory_and_nothing_else() {
        let rule = |path: &str| format!("h {path} - - - - +C");
        let cases = [
            ("/var/lib/postgresql", "/var/lib/postgresql"),
            ("/srv/a b", "\"/srv/a b\""),
            ("/srv/50%", "/srv/50%%"),
            ("/srv/*", "/srv/[*]"),
            ("/srv/[1]", "/srv/[[]1]"),
            ("/srv/a\\b", "\"/srv/a\\\\\\\\b\""),
            ("/srv/\"q\"", "\"/srv/\\\"q\\\"\""),
        ];
        for (directory, path) in cases {
            assert_eq!(no_cow(directory), Ok(rule(path)));
        }
        for directory in ["srv", "/srv/a\nb", "/srv/{a,b}", "/srv/../etc"] {
            assert!(no_cow(directory).is_err(), "{directory:?}");
        }
    }

    #[test]
    fn compression_is_an_extended_attribute() {
        let zstd = DirectoryAttribute::Compression(Algorithm::Zstd);
        let wanted = "t /srv - - - - btrfs.compression=zstd".to_owned();
        assert_eq!(rule("/srv", zstd), Ok(wanted));
    }
}
