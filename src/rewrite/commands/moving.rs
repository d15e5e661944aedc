//! Owns: data that moves: directories that become subvolumes, subvolumes that become directories,
//! directories whose files are written anew, and what stops meanwhile.
//!
//! Measured on 6.18.44 with coreutils 9.1: files are reflinked between subvolumes, across two mount
//! points too, and keep their hard links; between a `+C` directory and others the kernel refuses it.

use super::place::{self, absolute, at_top, below_mounts, in_top, is_subvolume};
use super::quote::pattern_of;
use super::seen;
use super::subvolume::create;
use super::{Check, Command, install, shell_word};
use crate::model::storage::is_below;
use crate::model::{Filesystem, Host};
use crate::recommend::action::{filesystem_at, subvolume_at};
use crate::recommend::{Action, Algorithm, Class, DirectoryAttribute};

/// Units that work in a directory, by the option that names the directory and its default
/// (NixOS/nixpkgs `nixos/modules/services` and `nixos/modules/virtualisation`).
const UNITS: [(&str, &str, &str); 17] = [
    (
        "services.postgresql.dataDir",
        "/var/lib/postgresql",
        "postgresql.service",
    ),
    ("services.mysql.dataDir", "/var/lib/mysql", "mysql.service"),
    (
        "services.mongodb.dbpath",
        "/var/db/mongodb",
        "mongodb.service",
    ),
    (
        "services.influxdb.dataDir",
        "/var/db/influxdb",
        "influxdb.service",
    ),
    (
        "services.prometheus.stateDir",
        "/var/lib/prometheus2",
        "prometheus.service",
    ),
    ("", "/var/lib/redis", "redis.service"),
    ("", "/var/lib/clickhouse", "clickhouse.service"),
    ("", "/var/lib/influxdb2", "influxdb2.service"),
    ("services.loki.dataDir", "/var/lib/loki", "loki.service"),
    (
        "services.elasticsearch.dataDir",
        "/var/lib/elasticsearch",
        "elasticsearch.service",
    ),
    (
        "services.forgejo.stateDir",
        "/var/lib/forgejo",
        "forgejo.service",
    ),
    ("services.gitea.stateDir", "/var/lib/gitea", "gitea.service"),
    (
        "services.jellyfin.dataDir",
        "/var/lib/jellyfin",
        "jellyfin.service",
    ),
    (
        "services.syncthing.dataDir",
        "/var/lib/syncthing",
        "syncthing.service",
    ),
    ("", "/var/lib/libvirt", "libvirtd.service"),
    (
        "virtualisation.docker.daemon.settings.data-root",
        "/var/lib/docker",
        "docker.service docker.socket",
    ),
    ("", "/var/lib/containers", "podman.service podman.socket"),
];

/// The units that are known to work in a directory.
fn units_in(directory: &str, host: &Host) -> Vec<&'static str> {
    let set_up = |unit: &str| {
        let service = unit.split('.').next().unwrap_or_default();
        host.settings.is_true(&format!("services.{service}.enable"))
            || host
                .settings
                .is_true(&format!("virtualisation.{service}.enable"))
    };
    let works_there = |(option, default, unit): &(&str, &str, &'static str)| {
        let named = host.settings.text(option).unwrap_or(default).to_owned();
        let real = crate::analyze::facts::real_path(host, &named);
        let touches =
            |path: &str| is_below(path, directory) || (path != "/" && is_below(directory, path));
        set_up(unit) && (touches(&named) || touches(&real))
    };
    let found = UNITS.iter().filter(|row| works_there(row));
    found
        .flat_map(|(_, _, unit)| unit.split(' '))
        .collect::<Vec<_>>()
}

/// What `find` looks for among what processes have open or work in: a directory, by all its names,
/// and what lies below it.
fn open_below(directory: &str, host: &Host) -> String {
    let links = seen::names(directory, host).into_iter().map(|name| {
        let pattern = pattern_of(name.trim_end_matches('/'));
        let (itself, below) = (shell_word(&pattern), shell_word(&format!("{pattern}/*")));
        format!("-lname {itself} -o -lname {below}")
    });
    let links: Vec<String> = links.collect();
    // /proc/[pid]/fd and cwd are links to what is open (proc(5)); processes come and go meanwhile.
    format!(
        "find /proc/[0-9]*/fd /proc/[0-9]*/cwd \\( {} \\)",
        links.join(" -o ")
    )
}

/// That no process has a file below a directory open or works in it.
fn is_unused(directory: &str, host: &Host) -> String {
    let open = open_below(directory, host);
    format!("test -z \"$({open} -print 2>/dev/null | head -n 1)\"")
}

/// The step after which nothing uses a directory.
fn stop(directory: &str, host: &Host) -> Command {
    let units = units_in(directory, host).join(" ");
    let unused = is_unused(directory, host);
    let stopping = format!("what uses {directory}");
    match units.is_empty() {
        true => Command::new(
            Class::Migrate,
            format!(
                "stop what uses {directory} (`systemctl stop UNIT`); this shows the processes that \
                 still do"
            ),
            format!(
                "{} -printf '%p %l\\n' 2>/dev/null || true",
                open_below(directory, host)
            ),
        )
        .stops(stopping)
        .verify(unused),
        false => Command::new(
            Class::Migrate,
            format!("stop what uses {directory}"),
            format!("systemctl stop {units}"),
        )
        .undo(format!("systemctl start {units}"))
        .stops(format!("{stopping}: {units}"))
        .verify(unused),
    }
}

fn start(directory: &str, host: &Host) -> Command {
    let units = units_in(directory, host).join(" ");
    let why = format!("start what uses {directory}, and see that it works");
    match units.is_empty() {
        true => Command::new(Class::Migrate, why, "systemctl --failed"),
        false => Command::new(Class::Migrate, why, format!("systemctl start {units}"))
            .undo(format!("systemctl stop {units}"))
            .verify(format!("systemctl is-active --quiet {units}")),
    }
}

fn switch(test: String) -> Command {
    Command::new(
        Class::Migrate,
        "switch to the new configuration, in the way this machine is deployed",
        "nixos-rebuild switch",
    )
    .undo("nixos-rebuild switch --rollback")
    .verify(test)
}

/// Requirements of a directory whose files are to be copied.
fn is_copyable(directory: &str) -> Vec<Check> {
    let at = shell_word(directory);
    vec![
        Check {
            test: format!("test -d {at} && test ! -L {at}"),
            otherwise: format!("{directory} is not a directory"),
        },
        // The root of a subvolume has inode 256 (btrfs: BTRFS_FIRST_FREE_OBJECTID).
        Check {
            test: format!("test -z \"$(find {at} -mindepth 1 -type d -inum 256 -print -quit)\""),
            otherwise: format!("{directory} holds a subvolume or a mount point of its own"),
        },
    ]
}

/// Room for a full copy of a directory beside it.
fn has_room(directory: &str) -> Check {
    let at = shell_word(directory);
    Check {
        test: format!(
            "test \"$(du -sxB1 -- {at} | head -n 1 | cut -f 1)\" -lt \
             \"$(df -B1 --output=avail -- {at} | tail -n 1)\""
        ),
        otherwise: format!("there is no room for a copy of {directory}"),
    }
}

fn aside(directory: &str) -> String {
    format!("{directory}.before-btrfs-tune")
}

fn remove_old(old: &str) -> Command {
    let word = shell_word(old);
    Command::new(
        Class::Migrate,
        "when everything has worked for a while and a backup holds it: delete what was set aside. \
         There is no way back behind this step",
        format!("rm -rf --one-file-system -- {word}"),
    )
    .requires(format!("test -d {word}"), format!("there is no {old}"))
    .verify(format!("test ! -e {word}"))
    .irreversible()
}

/// Sets a directory aside and makes another of the same name, owner and mode.
fn replace(directory: &str) -> Command {
    let old = aside(directory);
    let (at, old_word) = (shell_word(directory), shell_word(&old));
    Command::new(
        Class::Migrate,
        format!("set the old directory aside as {old}, and leave a mount point"),
        format!(
            "test ! -e {old_word} && mv -T -- {at} {old_word} && mkdir -- {at} && \
             chown --reference={old_word} -- {at} && chmod --reference={old_word} -- {at}"
        ),
    )
    .undo(format!("rmdir -- {at} && mv -T -- {old_word} {at}"))
    .done(format!("test -d {old_word}"))
    .verify(format!("test -d {old_word} && test -d {at}"))
}

/// What of a directory's contents differs from a copy: nothing, if the test succeeds.
fn is_same(from: &str, to: &str) -> String {
    format!("diff -r --no-dereference -q -- {from} {to}")
}

pub(super) fn split(
    path: &[String],
    name: &str,
    mountpoint: &str,
    no_cow: bool,
    host: &Host,
) -> Option<Vec<Command>> {
    let filesystem = filesystem_at(path, host)?;
    let (name, mountpoint) = (place::within(name)?, absolute(mountpoint)?);
    // What is seen through a bind mount of a directory above would stay the old directory.
    if host.storage.bound_above(mountpoint).is_some() {
        return None;
    }
    let device = place::device(filesystem)?;
    let (at, there) = (shell_word(mountpoint), in_top(name));
    let (then, reflink) = match no_cow {
        true => (format!(" && chattr +C -- {there}"), "never"),
        // What is +C already cannot be reflinked; the rest is.
        false => (String::new(), "auto"),
    };
    let mut made = create(filesystem, name, &then, host)?;
    made.class = Class::Migrate;
    if no_cow {
        made.why = format!(
            "{}, and let new files in it not be copied on write",
            made.why
        );
    }
    let old = aside(mountpoint);
    let copied = at_top(&device, &is_same(&at, &there));
    let copy = Command::new(
        Class::Migrate,
        match no_cow {
            true => format!("write the files of {mountpoint} anew into {name}"),
            false => {
                format!("copy {mountpoint} into {name}; the data is shared, not written again")
            }
        },
        at_top(
            &device,
            &format!(
                "test -z \"$(ls -A -- {there})\" && \
                 chown --reference={at} -- {there} && chmod --reference={at} -- {there} && \
                 cp -a --reflink={reflink} -- {at}/. {there}/"
            ),
        ),
    )
    // Only what was just copied can be in it: the step before saw it empty.
    .undo(at_top(
        &device,
        &format!("find {there} -xdev -mindepth 1 -delete"),
    ))
    .verify(copied);
    let copy = match no_cow {
        true => copy.requires_all(&[has_room(mountpoint)]),
        false => copy,
    };
    let mut steps = vec![install::backup_exists(filesystem)];
    steps.extend([
        made.requires_all(&is_copyable(mountpoint)),
        stop(mountpoint, host),
        copy.requires_all(&is_copyable(mountpoint)),
    ]);
    steps.extend(seen::hide(mountpoint, host));
    steps.extend([
        replace(mountpoint),
        switch(place::is_mounted(mountpoint, Some(name))),
    ]);
    steps.extend(seen::show(mountpoint, host));
    steps.extend([start(mountpoint, host), remove_old(&old)]);
    Some(steps)
}

/// Where the directory tree around a mount point is mounted, and the mount point within that.
fn surroundings<'h>(mountpoint: &'h str, host: &'h Host) -> Option<(&'h str, &'h str)> {
    let storage = &host.storage;
    let mounts = storage.filesystems.iter().flat_map(|f| &f.mounts);
    let mounts = mounts.map(|m| m.mountpoint.as_str());
    let others = storage.others.iter().map(String::as_str);
    let binds = storage.binds.iter().map(|b| b.at.as_str());
    let parent = mounts
        .chain(others)
        .chain(binds)
        .chain(std::iter::once("/"))
        .filter(|p| *p != mountpoint && is_below(mountpoint, p))
        .max_by_key(|p| p.len())?;
    let rest = mountpoint.strip_prefix(parent.trim_end_matches('/'))?;
    Some((parent, place::within(rest)?))
}

pub(super) fn merge(path: &[String], host: &Host) -> Option<Vec<Command>> {
    let (filesystem, subvolume) = subvolume_at(path, host)?;
    let name = place::within(&subvolume.name)?;
    let mountpoint = absolute(subvolume.mountpoint.as_ref().ok()?.as_deref()?)?;
    // What is moved to a tmpfs is gone at the next boot.
    if mountpoint == "/" || host.storage.is_elsewhere(mountpoint) {
        return None;
    }
    let device = place::device(filesystem)?;
    let (parent, rest) = surroundings(mountpoint, host)?;
    let (parent, under) = (shell_word(absolute(parent)?), in_top(rest));
    let (at, there) = (shell_word(mountpoint), in_top(name));
    let mount = filesystem.mount(mountpoint)?;
    let empty = format!("test -d {under} && test -z \"$(ls -A -- {under})\"");
    let copy = Command::new(
        Class::Migrate,
        format!(
            "copy what lies in {name} to the directory below the mount point {mountpoint}; on the \
             same filesystem the data is shared, not written again"
        ),
        below_mounts(
            &parent,
            &format!(
                "{empty} && chown --reference={at} -- {under} && chmod --reference={at} -- {under} \
                 && cp -a --reflink=auto -- {at}/. {under}/"
            ),
        ),
    )
    .undo(below_mounts(
        &parent,
        &format!("find {under} -xdev -mindepth 1 -delete"),
    ))
    .verify(below_mounts(&parent, &is_same(&at, &under)))
    .requires(
        below_mounts(&parent, &empty),
        format!("the directory below the mount point {mountpoint} is not empty, or not there"),
    )
    .requires_all(&is_copyable(mountpoint))
    .requires_all(&place::is_filesystem(filesystem, mount)?);
    let delete = Command::new(
        Class::Migrate,
        format!(
            "when everything has worked for a while and a backup holds it: delete the subvolume \
             {name}. There is no way back behind this step"
        ),
        at_top(&device, &format!("btrfs subvolume delete -- {there}")),
    )
    .requires(
        place::is_no_mount(mountpoint),
        format!("{mountpoint} is still mounted; deleting would empty it under its users"),
    )
    .verify(at_top(&device, &format!("! {}", is_subvolume(&there))))
    .irreversible();
    let mut steps = vec![
        install::backup_exists(filesystem),
        stop(mountpoint, host),
        copy,
    ];
    steps.extend(seen::hide(mountpoint, host));
    steps.push(switch(place::is_no_mount(mountpoint)));
    steps.extend(seen::show(mountpoint, host));
    steps.extend([start(mountpoint, host), delete]);
    Some(steps)
}

/// The filesystem that holds a directory, and the checks that it does.
fn holder<'h>(directory: &str, host: &'h Host) -> Option<(&'h Filesystem, Vec<Check>)> {
    let real = crate::analyze::facts::real_path(host, directory);
    let (filesystem, mount) = host.storage.holding(&real)?;
    Some((filesystem, place::is_filesystem(filesystem, mount)?))
}

/// Whether a directory gives `+C` to what is made in it.
fn is_no_cow(word: &str) -> String {
    format!("lsattr -d -- {word} 2>/dev/null | cut -d ' ' -f 1 | grep -q C")
}

pub(super) fn no_cow(directory: &str, actions: &[Action], host: &Host) -> Option<Vec<Command>> {
    let directory = absolute(directory)?;
    let at = shell_word(directory);
    let attribute = Action::SetDirectoryAttribute {
        directory: directory.to_owned(),
        attribute: DirectoryAttribute::NoCow,
    };
    let new = actions
        .iter()
        .any(|a| matches!(a, Action::AddSubvolume { mountpoint: Some(m), .. } if m == directory));
    let empty = attribute.class(host).class == Class::Live;
    let (filesystem, checks) = holder(directory, host)?;
    if new || empty {
        let step = Command::new(
            Class::Live,
            format!("let new files in {directory} not be copied on write, as the switch does"),
            format!("test -z \"$(ls -A -- {at})\" && chattr +C -- {at}"),
        )
        .undo(format!("chattr -C -- {at}"))
        .done(is_no_cow(&at))
        .verify(is_no_cow(&at));
        return Some(vec![match new {
            true => step.after_switch(place::is_mounted(directory, None)),
            false => step.requires_all(&checks),
        }]);
    }
    let fresh = format!("{directory}.btrfs-tune");
    let (fresh_word, old) = (shell_word(&fresh), aside(directory));
    let old_word = shell_word(&old);
    let copy = Command::new(
        Class::Migrate,
        format!("write the files anew into {fresh}, whose files are not copied on write"),
        format!(
            "test ! -e {fresh_word} && mkdir -- {fresh_word} && chattr +C -- {fresh_word} && \
             chown --reference={at} -- {fresh_word} && chmod --reference={at} -- {fresh_word} && \
             cp -a --reflink=never -- {at}/. {fresh_word}/"
        ),
    )
    .undo(format!("rm -rf --one-file-system -- {fresh_word}"))
    .verify(is_same(&at, &fresh_word))
    .requires_all(&checks)
    .requires_all(&is_copyable(directory))
    .requires_all(&[has_room(directory)])
    .requires(
        format!("! mountpoint -q -- {at}"),
        format!("{directory} is a mount point, which cannot be set aside"),
    );
    let place_it = Command::new(
        Class::Migrate,
        format!("put the new directory in place, the old one is kept as {old}"),
        format!("test ! -e {old_word} && mv -T -- {at} {old_word} && mv -T -- {fresh_word} {at}"),
    )
    .undo(format!(
        "mv -T -- {at} {fresh_word} && mv -T -- {old_word} {at}"
    ))
    .verify(format!("test -d {old_word} && {}", is_no_cow(&at)));
    let mut steps = vec![
        install::backup_exists(filesystem),
        stop(directory, host),
        copy,
    ];
    steps.extend(seen::hide(directory, host));
    steps.extend([place_it, switch(is_no_cow(&at))]);
    steps.extend(seen::show(directory, host));
    steps.extend([start(directory, host), remove_old(&old)]);
    Some(steps)
}

pub(super) fn compression(
    directory: &str,
    algorithm: Algorithm,
    host: &Host,
) -> Option<Vec<Command>> {
    let directory = absolute(directory)?;
    let at = shell_word(directory);
    let name = match algorithm {
        Algorithm::Zlib => "zlib",
        Algorithm::Lzo => "lzo",
        Algorithm::Zstd => "zstd",
    };
    let (_, checks) = holder(directory, host)?;
    let is_set = format!("test \"$(btrfs property get -- {at} compression)\" = compression={name}");
    let step = Command::new(
        Class::Live,
        format!(
            "compress what is written below {directory} from now on with {name}; existing files and \
             directories below stay as they are"
        ),
        format!("btrfs property set -- {at} compression {name}"),
    )
    .remember(format!("btrfs property get -- {at} compression"))
    // An empty value takes the property away.
    .undo(format!(
        "btrfs property set -- {at} compression \"${{remembered#compression=}}\""
    ))
    .done(is_set.clone())
    .verify(is_set)
    .requires_all(&checks)
    .requires(
        format!("test -d {at} && ! {{ {}; }}", is_no_cow(&at)),
        format!("{directory} is not a directory, or has +C, with which nothing is compressed"),
    );
    Some(vec![step])
}
