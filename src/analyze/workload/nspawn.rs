//! What runs inside the containers that NixOS declares (`containers.<name>`).

use super::kind::Engine;
use super::place::Place;
use super::services::version;
use crate::model::Host;
use crate::model::storage::is_below;

/// The inside of a container of systemd-nspawn.
pub(super) struct Inside<'h> {
    /// Before the options of the system inside: `containers.db.config.`.
    pub(super) prefix: String,
    name: &'h str,
    /// Where things are seen inside, and where they lie outside.
    binds: Vec<(String, String)>,
    /// Whether its root is a tmpfs.
    is_ephemeral: bool,
}

/// The containers whose configuration is written as a set, so that it can be read.
pub(super) fn insides(host: &Host) -> Vec<Inside<'_>> {
    const CONTAINERS: &str = "containers.";
    let mut names: Vec<&str> = host
        .settings
        .below(CONTAINERS)
        .filter_map(|(option, _)| option.strip_prefix(CONTAINERS)?.split('.').next())
        .collect();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let own = format!("{CONTAINERS}{name}.");
            Inside {
                prefix: format!("{own}config."),
                name,
                binds: binds(host, &own),
                is_ephemeral: host.settings.is_true(&format!("{own}ephemeral")),
            }
        })
        .collect()
}

fn binds(host: &Host, container: &str) -> Vec<(String, String)> {
    let all = format!("{container}bindMounts.");
    let mut names: Vec<&str> = host
        .settings
        .below(&all)
        .filter_map(|(option, _)| Some(option.strip_prefix(&all)?.rsplit_once('.')?.0))
        .collect();
    names.dedup();
    let bind = |name: &str| {
        let text = |field: &str| host.settings.text(&format!("{all}{name}.{field}"));
        let at = text("mountPoint").unwrap_or(name).to_owned();
        let from = text("hostPath").unwrap_or(&at).to_owned();
        at.starts_with('/').then_some((at, from))
    };
    names.into_iter().filter_map(bind).collect()
}

impl Inside<'_> {
    /// Where a path of the inside lies. Roots of containers: nixpkgs
    /// nixos/modules/virtualisation/nixos-containers.nix.
    pub(super) fn place(
        &self,
        host: &Host,
        path: &str,
        engine: Option<Engine>,
        dynamic: bool,
    ) -> Place {
        let seen = match (dynamic, path.strip_prefix("/var/lib/")) {
            (true, Some(rest)) if !rest.starts_with("private/") => {
                format!("/var/lib/private/{rest}")
            }
            _ => path.to_owned(),
        };
        let bound = self.binds.iter().filter(|(at, _)| {
            is_below(&seen, at) || (is_below(path, at) && !is_below("/var/lib", at))
        });
        let bound = bound.max_by_key(|(at, _)| at.len());
        let (outside, step) = match bound {
            Some((at, from)) => {
                let held = if is_below(&seen, at) { &seen } else { path };
                let rest = held.get(at.trim_end_matches('/').len()..).unwrap_or("");
                let outside = format!("{}{rest}", from.trim_end_matches('/'));
                let step = format!("in the container {} it is bound from {outside}", self.name);
                (outside, step)
            }
            None => {
                let first = host.settings.text("system.stateVersion").and_then(version);
                let root = match first.is_some_and(|v| v < (22, 5)) {
                    true => "/var/lib/containers",
                    false => "/var/lib/nixos-containers",
                };
                let outside = format!("{root}/{}{seen}", self.name);
                let step = match self.is_ephemeral {
                    true => format!("the root of the container {} is a tmpfs", self.name),
                    false => format!("the container {} has its root there", self.name),
                };
                (outside, step)
            }
        };
        if bound.is_none() && self.is_ephemeral {
            return Place {
                path: path.to_owned(),
                real_path: path.to_owned(),
                engine,
                why: vec![step],
                ..Place::default()
            };
        }
        let mut place = Place::of(host, &outside, engine, false);
        place.why.insert(0, step);
        place
    }
}
