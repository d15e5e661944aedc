//! Owns: what is in force on a filesystem as signals, and where the configuration and the running
//! system do not agree.

use super::{Gather, Subject, Value, View, measured};
use crate::analyze::evidence::Source;
use crate::analyze::facts;
use crate::btrfs::{
    Compression, Discard, EffectiveOptions, Scope, SpaceCache, Switch, effective, lookup,
    parse_options,
};
use crate::model::Luks;

pub(super) fn gather(gather: &mut Gather<'_>) {
    let views = gather.views;
    for view in views {
        let about = Subject::Filesystem(view.name.clone());
        in_force(gather, view, &about);
        atime(gather, view, &about);
        same(gather, view, &about);
        ignored(gather, view, &about);
        encrypted(gather, view, &about);
    }
    above_and_below(gather);
    states(gather);
    refused(gather);
    requested(gather);
}

/// What runs, else what the configuration leads to; and where that is known from.
fn effective_options(gather: &Gather<'_>, view: &View<'_>) -> Option<(EffectiveOptions, Source)> {
    let host = gather.host;
    if let Some(filesystem) = view.configured {
        let source = facts::in_force_source(host, filesystem);
        return Some((facts::in_force(host, filesystem)?, source));
    }
    let entry = view.mounted.first()?;
    let words: Vec<&str> = entry.super_options.iter().map(String::as_str).collect();
    let facts = crate::btrfs::DeviceFacts::default();
    let options = effective(&parse_options(&words), &host.target(), &facts);
    Some((options, measured(entry)))
}

/// Whether all options of a filesystem are known: from its configuration, or as the kernel lists
/// them, which begins with `rw` or `ro`. People name only those that they find telling.
fn is_whole(view: &View<'_>) -> bool {
    let listed = |m: &crate::model::metrics::Sourced<crate::model::metrics::MountEntry>| {
        let of_mount = m.mount_options.iter().any(|o| o == "rw" || o == "ro");
        of_mount || m.super_options.iter().any(|o| o.starts_with("subvolid="))
    };
    view.configured.is_some() || view.mounted.iter().any(|m| listed(m))
}

fn in_force(gather: &mut Gather<'_>, view: &View<'_>, about: &Subject) {
    let Some((options, source)) = effective_options(gather, view) else {
        return;
    };
    let whole = is_whole(view);
    let state = &options.state;
    let compression = options.compresses.then(|| state.compression()).flatten();
    let (word, level) = match compression {
        None => ("none", None),
        Some(Compression::Lzo) => ("lzo", None),
        Some(Compression::Zlib(level)) => ("zlib", Some(f64::from(level))),
        Some(Compression::Zstd(level)) => ("zstd", Some(f64::from(level))),
    };
    let shown = compression.map_or("no compression is in force".to_owned(), |c| {
        format!("{c} is in force")
    });
    if whole || compression.is_some() {
        gather.word(
            "option.compress",
            about.clone(),
            word,
            source.clone(),
            shown.clone(),
        );
    }
    if let Some(level) = level {
        gather.number(
            "option.compress_level",
            about.clone(),
            level,
            source.clone(),
            shown.clone(),
        );
    }
    if compression.is_some() {
        let forces = state.forces_compression();
        let text = if forces {
            "compress-force is in force"
        } else {
            "compression is not forced"
        };
        gather.fact(
            "option.compress_force",
            about.clone(),
            forces,
            source.clone(),
            text,
        );
    }
    let nodatacow = state.is_nodatacow();
    let text = if nodatacow {
        "nodatacow is in force"
    } else {
        "nodatacow is not in force"
    };
    if whole || nodatacow {
        gather.fact(
            "option.nodatacow",
            about.clone(),
            nodatacow,
            source.clone(),
            text,
        );
    }
    let autodefrag = state.is(Switch::Autodefrag);
    let text = if autodefrag {
        "autodefrag is in force"
    } else {
        "autodefrag is off"
    };
    if whole || autodefrag {
        gather.fact(
            "option.autodefrag",
            about.clone(),
            autodefrag,
            source.clone(),
            text,
        );
    }
    let (word, text) = match state.discard() {
        Discard::Sync => ("sync", "discard without =async is in force"),
        Discard::Async => ("async", "discard=async is in force"),
        Discard::Off => ("none", "no discard is in force"),
    };
    if whole || word == "sync" || text_has(view, "discard") {
        gather.word("option.discard", about.clone(), word, source.clone(), text);
    }
    // The kernel shows the old cache as the bare word, the tree as `space_cache=v2`.
    let shown = |word: &str| {
        let mut options = view.mounted.iter().flat_map(|m| &m.super_options);
        options.any(|o| o == word)
    };
    let space_cache = match shown("space_cache") || shown("space_cache=v1") {
        true => Some(SpaceCache::V1),
        false => state.space_cache(),
    };
    match space_cache {
        Some(SpaceCache::V1) => {
            gather.word(
                "option.space_cache",
                about.clone(),
                "v1",
                source.clone(),
                "space_cache v1 is in force",
            );
        }
        Some(SpaceCache::V2) if whole || text_has(view, "space_cache") => {
            gather.word(
                "option.space_cache",
                about.clone(),
                "v2",
                source.clone(),
                "the free space tree is in use",
            );
        }
        _ => {}
    }
    if !whole && !text_has(view, "commit") {
        return;
    }
    let commit = f64::from(state.commit_seconds());
    let text = format!("a commit every {commit:.0} s");
    gather.number("option.commit", about.clone(), commit, source, text);
}

/// Whether a mount is shown with an option of this name.
fn text_has(view: &View<'_>, name: &str) -> bool {
    let options = view.mounted.iter().flat_map(|m| &m.super_options);
    options.into_iter().any(|o| o.starts_with(name))
}

fn atime(gather: &mut Gather<'_>, view: &View<'_>, about: &Subject) {
    let host = gather.host;
    if let Some(filesystem) = view.configured {
        let Some(mounts) = facts::writing_atimes(host, filesystem) else {
            return;
        };
        let source = facts::in_force_source(host, filesystem);
        let list: Vec<&str> = mounts.iter().map(|m| m.mountpoint.as_str()).collect();
        let text = match list.is_empty() {
            true => "noatime everywhere".to_owned(),
            false => format!("without noatime: {}", list.join(", ")),
        };
        gather.fact(
            "option.noatime",
            about.clone(),
            list.is_empty(),
            source,
            text,
        );
        return;
    }
    // Where somebody tells only some of the options, silence says nothing.
    let says = |word: &str| {
        view.mounted
            .iter()
            .find(|m| m.mount_options.iter().any(|o| o == word))
    };
    if let Some(entry) = says("relatime")
        .or_else(|| says("strictatime"))
        .or_else(|| says("atime"))
    {
        let text = format!("{} is mounted without noatime", entry.mountpoint);
        gather.fact(
            "option.noatime",
            about.clone(),
            false,
            measured(entry),
            text,
        );
    } else if let Some(entry) = says("noatime") {
        gather.fact(
            "option.noatime",
            about.clone(),
            true,
            measured(entry),
            "noatime everywhere",
        );
    }
}

/// Whether several subvolumes show the very same options: the first mount decided.
fn same(gather: &mut Gather<'_>, view: &View<'_>, about: &Subject) {
    let [first, rest @ ..] = view.mounted.as_slice() else {
        return;
    };
    let own = |o: &&String| !o.starts_with("subvol");
    let options = |m: &crate::model::metrics::MountEntry| {
        let mut words: Vec<String> = m.super_options.iter().filter(own).cloned().collect();
        words.sort();
        words
    };
    // A mount of which no such option is told tells of no difference.
    let all_tell = view.mounted.iter().all(|m| !options(m).is_empty());
    if !rest.is_empty() && all_tell {
        let is_same = rest.iter().all(|m| options(m) == options(first));
        let text = match is_same {
            true => format!("all {} mounts show the same options", rest.len() + 1),
            false => "mounts of it are shown with different options".to_owned(),
        };
        let source = measured(first);
        gather.fact(
            "option.same_everywhere",
            about.clone(),
            is_same,
            source,
            text,
        );
    }
}

fn ignored(gather: &mut Gather<'_>, view: &View<'_>, about: &Subject) {
    let host = gather.host;
    let Some(filesystem) = view.configured else {
        return;
    };
    let (Some(specs), Some(ignored)) = (filesystem.mount_specs(), facts::ignored(host, filesystem))
    else {
        return;
    };
    let option = |i: &crate::btrfs::Ignored| {
        let mount = filesystem.mounts.get(i.mount)?;
        let option = specs.get(i.mount)?.options.get(i.option)?;
        Some((mount, option.text.clone()))
    };
    let all: Vec<_> = ignored.iter().filter_map(option).collect();
    let Some((first, _)) = all.first() else {
        let text = "every option that is written is in force";
        let source = Source::Configuration(filesystem.at);
        gather.fact("option.ignored", about.clone(), false, source, text);
        return;
    };
    let list: Vec<String> = all
        .iter()
        .map(|(m, o)| format!("`{o}` of {}", m.mountpoint))
        .collect();
    let verb = if list.len() == 1 { "does" } else { "do" };
    let text = format!(
        "{} {verb} nothing: the first mount of a filesystem decides for all its subvolumes",
        list.join(", ")
    );
    let source = Source::Configuration(first.at);
    gather.fact("option.ignored", about.clone(), true, source, text);
    let shown = all.iter().find_map(|(mount, option)| {
        let entry = facts::mounted(host, mount)?;
        let there = entry.super_options.iter().any(|o| o == option);
        (!there).then_some((mount, option, entry))
    });
    if let Some((mount, option, entry)) = shown {
        let text = format!("{} is mounted without `{option}`", mount.mountpoint);
        gather.fact("option.differs", about.clone(), true, measured(entry), text);
    }
}

fn encrypted(gather: &mut Gather<'_>, view: &View<'_>, about: &Subject) {
    let host = gather.host;
    let Some(filesystem) = view.configured else {
        let crypt = host
            .metrics
            .block_devices
            .iter()
            .find(|b| b.kind.as_deref() == Some("crypt") && view.devices.contains(&b.name));
        if let Some(device) = crypt {
            let text = format!("{} is encrypted", device.name);
            gather.fact("luks", about.clone(), true, measured(device), text);
        }
        return;
    };
    let containers: Vec<&Luks> = filesystem.luks().collect();
    let Some(first) = containers.first() else {
        if filesystem.is_fully_read() && !filesystem.disks.is_empty() {
            let source = Source::Configuration(filesystem.at);
            gather.fact("luks", about.clone(), false, source, "it is not encrypted");
        }
        return;
    };
    let source = || Source::Configuration(first.at);
    let text = format!("{} is encrypted", first.name);
    gather.fact("luks", about.clone(), true, source(), text);
    if let Ok(bypassed) = first.bypass_workqueues {
        let text = match bypassed {
            true => format!("{} bypasses dm-crypt's queues", first.name),
            false => format!(
                "{} passes every request through dm-crypt's queues",
                first.name
            ),
        };
        gather.fact("luks.workqueues", about.clone(), !bypassed, source(), text);
    }
    if let Ok(allowed) = first.allow_discards {
        let text = match allowed {
            true => format!("{} passes discards on", first.name),
            false => format!("{} passes no discards on", first.name),
        };
        gather.fact("luks.discards", about.clone(), allowed, source(), text);
    }
    let below = facts::loads(host, filesystem);
    if let (Some(crypt), [below]) = (facts::crypt_load(host, filesystem), below.as_slice())
        && let (Some(above), Some(under)) = (crypt.w_await_ms, below.w_await_ms)
        && under.0 > 0.0
    {
        let times = above.0 / under.0;
        let text = format!(
            "a write waits {above} above dm-crypt and {under} below it: {times:.1} times as long"
        );
        gather.number("luks.slower", about.clone(), times, measured(crypt), text);
    }
}

/// The same where only the load is known: one mapper above one disk.
fn above_and_below(gather: &mut Gather<'_>) {
    let host = gather.host;
    if host
        .storage
        .filesystems
        .iter()
        .any(|f| f.luks().next().is_some())
    {
        return;
    }
    let loads = || host.metrics.devices.iter();
    let mut mappers = loads().filter(|d| d.name.starts_with("dm-"));
    let mut disks = loads().filter(|d| !d.name.starts_with("dm-"));
    if let (Some(above), None, Some(below), None) =
        (mappers.next(), mappers.next(), disks.next(), disks.next())
        && let (Some(over), Some(under)) = (above.w_await_ms, below.w_await_ms)
        && under.0 > 0.0
    {
        let times = over.0 / under.0;
        let text = format!(
            "a write waits {over} at {} and {under} at {} below it: {times:.1} times as long",
            above.name, below.name
        );
        gather.number(
            "luks.slower",
            Subject::Machine,
            times,
            measured(above),
            text,
        );
    }
}

/// What the kernel shows beside options.
fn states(gather: &mut Gather<'_>) {
    for state in &gather.host.metrics.states {
        let about = gather.filesystem_on(state.devices.iter().map(String::as_str));
        let source = || measured(state);
        for (feature, name) in [
            ("block_group_tree", "feature.block_group_tree"),
            ("free_space_tree", "feature.free_space_tree"),
        ] {
            if !state.features.is_empty() {
                let has = state.features.contains(feature);
                let text = if has {
                    format!("it has {feature}")
                } else {
                    format!("it has no {feature}")
                };
                gather.fact(name, about.clone(), has, source(), text);
            }
        }
        if let Some(policy) = &state.read_policy {
            let text = format!("mirrors are chosen by {policy}");
            gather.word("fs.read_policy", about.clone(), policy, source(), text);
        }
        if let Some(commits) = &state.commits {
            let mut say = |name: &str, value: Option<f64>, text: String| {
                if let Some(value) = value {
                    gather.number(name, about.clone(), value, source(), text);
                }
            };
            let text = |what: &str, t: Option<crate::model::units::Millis>| {
                format!("{what} took {}", t.unwrap_or_default())
            };
            say(
                "commit.last",
                commits.last.map(|m| m.0),
                text("the last commit", commits.last),
            );
            say(
                "commit.max",
                commits.max.map(|m| m.0),
                text("the longest commit", commits.max),
            );
            if let Some(total) = commits.total
                && commits.commits > 0
            {
                let mean = total.0 / commits.commits as f64;
                say(
                    "commit.mean",
                    Some(mean),
                    format!("a commit takes {mean:.0} ms on average"),
                );
            }
        }
        if let Some(inconsistent) = state.quota_inconsistent {
            let text = match inconsistent {
                true => "numbers of quotas are out of date: a rescan is due or running",
                false => "numbers of quotas are up to date",
            };
            gather.fact(
                "quota.inconsistent",
                about.clone(),
                inconsistent,
                source(),
                text,
            );
        }
    }
}

/// A mount that the kernel refuses: what would be written there lands on the filesystem above it.
fn refused(gather: &mut Gather<'_>) {
    let host = gather.host;
    for view in gather.views {
        let Some(filesystem) = view.configured else {
            continue;
        };
        let Some(together) = facts::together(host, filesystem) else {
            continue;
        };
        for mount in together
            .failed
            .iter()
            .filter_map(|&i| filesystem.mounts.get(i))
        {
            let parent = mount.mountpoint.rsplit_once('/').map_or("/", |(p, _)| p);
            let parent = if parent.is_empty() { "/" } else { parent };
            let Some((holder, _)) = host.storage.holding(parent) else {
                continue;
            };
            if holder.name() == filesystem.name() {
                continue;
            }
            let about = Subject::Filesystem(holder.name().to_owned());
            let point = &mount.mountpoint;
            let text = format!(
                "the kernel refuses the options of {point}: what is written there lands on {}",
                holder.name()
            );
            let source = Source::Configuration(mount.at);
            gather.say("mount.fails", about, Value::Yes, source, text);
        }
    }
}

/// Where somebody tells what the configuration asks for: whether it asks for options of the whole
/// filesystem on single subvolumes only, and whether they are in force.
/// Where nothing is known of what runs, what fstab asks for is taken to run: it is read at each boot.
fn only_asked(
    gather: &mut Gather<'_>,
    request: &crate::model::metrics::Sourced<crate::model::metrics::RequestedOptions>,
    options: &[String],
) {
    let asked = |word: &str| options.iter().any(|o| o == word);
    let about = Subject::Machine;
    if asked("autodefrag") {
        let text = "autodefrag is asked for, and nothing tells what runs";
        let source = measured(request);
        gather.fact("option.autodefrag", about.clone(), true, source, text);
    }
    if asked("discard") || asked("discard=sync") {
        let text = "discard without =async is asked for, and nothing tells what runs";
        let source = measured(request);
        gather.word("option.discard", about.clone(), "sync", source, text);
    }
    if asked("space_cache=v1") {
        let text = "space_cache v1 is asked for, and nothing tells what runs";
        let source = measured(request);
        gather.word("option.space_cache", about, "v1", source, text);
    }
}

fn requested(gather: &mut Gather<'_>) {
    let host = gather.host;
    let whole = |options: &[String]| -> Vec<String> {
        let parsed = parse_options(options).into_iter();
        let own = parsed.filter(|o| {
            let is_whole = lookup(&o.name).is_some_and(|s| s.scope == Scope::Filesystem);
            is_whole && !o.name.starts_with("subvol")
        });
        own.map(|o| o.text).collect()
    };
    let asked: Vec<_> = host
        .metrics
        .requested
        .iter()
        .map(|r| (r, whole(&r.options)))
        .collect();
    for (request, options) in &asked {
        let same = |m: &&crate::model::metrics::Sourced<crate::model::metrics::MountEntry>| {
            let name = request.place.trim_start_matches(['/', '@']);
            let subvolume = m.subvolume().unwrap_or_default();
            m.mountpoint == request.place
                || subvolume.trim_start_matches(['/', '@']) == name
                || m.mountpoint.trim_start_matches('/') == name
        };
        let Some(entry) = host.metrics.mounts.iter().find(same) else {
            continue;
        };
        let is_shown = |o: &String| {
            let name = o.split('=').next().unwrap_or(o);
            entry
                .super_options
                .iter()
                .any(|s| s == o || s.starts_with(&format!("{name}=")))
        };
        if let Some(missing) = options.iter().find(|o| !is_shown(o)) {
            let about = gather.filesystem_of(Some(&entry.mountpoint));
            let text = format!("{} is mounted without `{missing}`", entry.mountpoint);
            gather.fact("option.differs", about, true, measured(request), text);
        }
    }
    let Some((first, options)) = asked.iter().find(|(_, options)| !options.is_empty()) else {
        return;
    };
    if gather.views.is_empty() {
        only_asked(gather, first, options);
    }
    let unlike = asked.iter().any(|(_, other)| other != options);
    let elsewhere = host
        .metrics
        .mounts
        .iter()
        .filter(|m| m.fstype == "btrfs")
        .count()
        > asked.len();
    if unlike || elsewhere {
        let text = format!(
            "`{}` is asked for on {} only: options of the whole filesystem are decided by its first \
             mount",
            options.join(","),
            first.place
        );
        let about = gather.filesystem_of(first.place.starts_with('/').then_some(&first.place));
        gather.fact("option.ignored", about, true, measured(first), text);
    }
}
