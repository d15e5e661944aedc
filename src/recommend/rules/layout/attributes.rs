//! What tmpfiles says of directories.

use crate::model::Host;
use crate::nix::source::Span;

/// A rule of tmpfiles.d(5).
pub(super) struct TmpfilesRule {
    /// Its type, with its modifiers.
    pub(super) kind: String,
    /// The path, as written.
    pub(super) path: String,
    /// The argument; empty if there is none.
    pub(super) argument: String,
    /// Where it is written.
    pub(super) at: Option<Span>,
    /// Whether it is a line of `systemd.tmpfiles.rules`.
    pub(super) is_line: bool,
}

impl TmpfilesRule {
    /// Whether it makes what is new in a directory be overwritten in place.
    pub(super) fn sets_nocow(&self) -> bool {
        self.kind.starts_with(['h', 'H'])
            && self.argument.contains('C')
            && !self.argument.starts_with('-')
    }
}

/// All rules of a host that are known: `systemd.tmpfiles.rules`, and `.settings`.
pub(super) fn tmpfiles(host: &Host) -> impl Iterator<Item = TmpfilesRule> {
    let rules = host.settings.known("systemd.tmpfiles.rules");
    let at = rules.and_then(|setting| setting.at);
    let lines = rules.and_then(|s| s.value.as_array()).into_iter().flatten();
    let written = lines
        .filter_map(|line| line.as_str())
        .filter_map(move |line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [kind, path, ..] = words.as_slice() else {
                return None;
            };
            Some(TmpfilesRule {
                kind: (*kind).to_owned(),
                path: path.trim_matches('"').to_owned(),
                argument: words.get(6).map(|a| (*a).to_owned()).unwrap_or_default(),
                at,
                is_line: true,
            })
        });
    // systemd.tmpfiles.settings.<file>.<path>.<kind>.argument
    const SETTINGS: &str = "systemd.tmpfiles.settings.";
    let set = host.settings.below(SETTINGS).filter_map(|(option, value)| {
        let (before, last) = option.rsplit_once('.')?;
        let (place, kind) = before.rsplit_once('.')?;
        let path = place.find("./").map(|at| &place[at + 1..])?;
        let setting = value.as_ref().ok()?;
        let argument = match last {
            "argument" => setting.value.as_str()?,
            _ => "",
        };
        Some(TmpfilesRule {
            kind: kind.to_owned(),
            path: path.to_owned(),
            argument: argument.to_owned(),
            at: setting.at,
            is_line: false,
        })
    });
    written.chain(set)
}

/// Whether tmpfiles sets `+C` on a directory or one above it, down from `top`.
pub(in crate::recommend::rules) fn has_nocow_attribute(
    host: &Host,
    directory: &str,
    top: &str,
) -> bool {
    use crate::model::storage::is_below;
    tmpfiles(host).any(|rule| {
        rule.sets_nocow() && is_below(directory, &rule.path) && is_below(&rule.path, top)
    })
}
