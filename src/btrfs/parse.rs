//! Owns: cutting NixOS option strings into single mount options, as libmount does.

/// One mount option, with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOption {
    /// The option as written: `compress=zstd:3`.
    pub text: String,
    /// What stands before the first `=`: `compress`.
    pub name: String,
    /// What follows it; none when there is no `=`. Double quotes stay: libmount hands them to the
    /// kernel, so `subvol="/"` names no subvolume (measured on 6.18.44, util-linux 2.38.1).
    pub value: Option<String>,
    /// The index of the NixOS list element that holds it (one element may hold several options).
    pub element: usize,
}

impl MountOption {
    /// Reads one option that stands for itself.
    pub fn new(text: &str, element: usize) -> Self {
        // libmount takes an `=` as separator only behind a name: "=x" is a name.
        let separator = text
            .char_indices()
            .skip(1)
            .find(|&(_, c)| c == '=')
            .map(|(at, _)| at);
        let (name, value) = match separator {
            Some(at) => (&text[..at], Some(text[at + 1..].to_owned())),
            None => (text, None),
        };
        Self {
            text: text.to_owned(),
            name: name.to_owned(),
            value,
            element,
        }
    }
}

/// Cuts every element at its commas, as libmount does (`ul_optstr_next` in util-linux): a comma
/// inside double quotes or behind a backslash does not cut, empty parts are skipped. Never fails:
/// an unclosed quote takes the rest of its element.
pub fn parse_options(elements: &[impl AsRef<str>]) -> Vec<MountOption> {
    let mut options = Vec::new();
    for (element, text) in elements.iter().enumerate() {
        let pieces = split_at_commas(text.as_ref());
        options.extend(
            pieces
                .into_iter()
                .map(|piece| MountOption::new(piece, element)),
        );
    }
    options
}

fn split_at_commas(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted, mut previous) = (0, false, None);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted && previous != Some('\\') => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        previous = Some(c);
    }
    pieces.push(&text[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(elements: &[&str]) -> Vec<(String, usize)> {
        parse_options(elements)
            .into_iter()
            .map(|o| (o.text, o.element))
            .collect()
    }

    #[test]
    fn elements_may_hold_commas_and_keep_their_index() {
        assert_eq!(
            texts(&["compress=zstd,noatime", "", "commit=120"]),
            [
                ("compress=zstd".into(), 0),
                ("noatime".into(), 0),
                ("commit=120".into(), 2)
            ]
        );
        assert_eq!(texts(&[",,ssd,,"]), [("ssd".into(), 0)]);
    }

    #[test]
    fn quotes_and_backslashes_protect_commas() {
        assert_eq!(
            texts(&[r#"context="a:b,c",ssd"#]),
            [(r#"context="a:b,c""#.into(), 0), ("ssd".into(), 0)]
        );
        assert_eq!(
            texts(&[r"subvol=a\,b,ssd"]),
            [(r"subvol=a\,b".into(), 0), ("ssd".into(), 0)]
        );
        assert_eq!(texts(&[r#"a="b,c"#]), [(r#"a="b,c"#.into(), 0)]);
    }

    #[test]
    fn a_value_begins_at_the_first_equals_sign() {
        let option = MountOption::new("compress=zstd compress=lzo", 0);
        assert_eq!(option.name, "compress");
        assert_eq!(option.value.as_deref(), Some("zstd compress=lzo"));
        assert_eq!(MountOption::new("commit=", 0).value.as_deref(), Some(""));
        assert_eq!(MountOption::new("commit", 0).value, None);
        assert_eq!(MountOption::new("=x", 0).name, "=x");
        assert_eq!(
            MountOption::new(r#"a="b""#, 0).value.as_deref(),
            Some(r#""b""#)
        );
    }
}
