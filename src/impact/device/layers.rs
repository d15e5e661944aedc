//! Owns: what lies between a filesystem and its devices: how it spreads over them, and encryption.

use super::class::{ciphers, range};
use super::identify::is_encrypted;
use super::narrow::Ranges;
use crate::analyze::facts;
use crate::btrfs::{MkfsArgs, Profile};
use crate::impact::Interval;
use crate::model::metrics::BlockGroupKind;
use crate::model::storage::Layer;
use crate::model::{Filesystem, Host};

/// How a filesystem spreads over several devices.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// How many times what one device does all do together for one program, from a chain of
    /// requests that wait for one another to many at once.
    pub(super) together: Interval,
    /// What is said of it.
    pub(super) said: Vec<String>,
    /// Why nothing can be computed.
    pub(super) unsound: Option<String>,
}

/// Profiles of data and metadata, with where they are told.
struct Profiles {
    data: Profile,
    metadata: Option<Profile>,
    source: String,
}

/// What the running filesystem shows; of one that shows nothing, what it was made with.
fn profiles(filesystem: &Filesystem, host: &Host) -> Option<Profiles> {
    let shown = facts::usage(host, filesystem)
        .filter(|usage| usage.block_groups.iter().any(|g| DATA.contains(&g.kind)));
    if let Some(usage) = shown {
        let of = |kind: &[BlockGroupKind]| {
            let groups = usage.block_groups.iter().filter(|g| kind.contains(&g.kind));
            let all: Vec<Profile> = groups
                .map(|g| Profile::from_name(&g.profile))
                .collect::<Option<_>>()?;
            // Of a balance that is not done, some block groups have another profile.
            let first = *all.first()?;
            let parity = all.iter().find(|p| has_parity(**p));
            let same = all.iter().all(|p| *p == first);
            parity.copied().or(same.then_some(first))
        };
        return Some(Profiles {
            data: of(&DATA)?,
            metadata: of(&[BlockGroupKind::Metadata, BlockGroupKind::Mixed]),
            source: usage.source.to_string(),
        });
    }
    let arguments = filesystem.mkfs_args.known()?;
    let words: Vec<&str> = arguments.iter().map(|a| a.value.as_str()).collect();
    let parsed = MkfsArgs::parse(&words);
    Some(Profiles {
        data: parsed.data?.value,
        metadata: parsed.metadata.map(|m| m.value),
        source: "arguments of mkfs".to_owned(),
    })
}

/// Where data lie.
const DATA: [BlockGroupKind; 2] = [BlockGroupKind::Data, BlockGroupKind::Mixed];

fn has_parity(profile: Profile) -> bool {
    matches!(profile, Profile::Raid5 | Profile::Raid6)
}

/// How a filesystem spreads over so many devices.
pub(super) fn spread(filesystem: &Filesystem, host: &Host, count: usize) -> Spread {
    let one = Interval::exactly(1.0);
    let mut said = Vec::new();
    for layer in &filesystem.layers {
        if let Layer::Mdraid { name } = layer {
            said.push(format!(
                "what the software RAID {name} makes of requests was not counted"
            ));
        }
    }
    if count < 2 {
        return Spread {
            together: one,
            said,
            unsound: None,
        };
    }
    // One request at a time gets one device; many at once may get all of them.
    let all = Interval {
        low: 1.0,
        high: count as f64,
    };
    let Some(Profiles {
        data,
        metadata,
        source,
    }) = profiles(filesystem, host)
    else {
        said.push(format!(
            "how data lies on the {count} devices is not known: as fast as one of them, or all; \
             taken for neither raid5 nor raid6"
        ));
        return Spread {
            together: all,
            said,
            unsound: None,
        };
    };
    let name = data.name();
    let words = match data {
        Profile::Raid5 | Profile::Raid6 => {
            let why = format!(
                "data is {name} ({source}): a small write reads its stripe before it writes data \
                 and parity, which was not counted"
            );
            said.push(why.clone());
            return Spread {
                together: one,
                said,
                unsound: Some(why),
            };
        }
        Profile::Single | Profile::Dup => "what one program reads or writes at a time lies on one \
                                           device, metadata perhaps on another"
            .to_owned(),
        Profile::Raid0 => "stripes: a stream gets all devices, a small request one".to_owned(),
        Profile::Raid10 => "stripes on pairs: a stream gets half of the devices, a small request \
                            one; each write goes to two at once"
            .to_owned(),
        Profile::Raid1 | Profile::Raid1c3 | Profile::Raid1c4 => format!(
            "each write goes to {} devices at once, which takes as long as one; one program reads \
             from one of them, several spread; metadata may lie on others",
            data.copies()
        ),
    };
    let sets = count as f64 / f64::from(data.copies());
    let most = match data {
        Profile::Raid0 | Profile::Raid10 => sets,
        // Block groups of data and of metadata.
        _ => sets.min(2.0),
    };
    let together = Interval {
        low: 1.0,
        high: most.max(1.0),
    };
    said.push(format!("{count} devices, data {name} ({source}): {words}"));
    if let Some(metadata) = metadata.filter(|m| *m != Profile::Dup) {
        said.push(format!(
            "metadata is {} ({source}): the counts are of two copies on one device",
            metadata.name()
        ));
    }
    Spread {
        together,
        said,
        unsound: None,
    }
}

/// What encryption below a filesystem leaves of the bandwidth, and what is said of it.
pub(super) fn encrypt(ranges: &mut Ranges, filesystem: &Filesystem, host: &Host) -> Option<String> {
    if !is_encrypted(filesystem, host) {
        return None;
    }
    let other = filesystem
        .luks()
        .any(|luks| match luks.format_args.known() {
            // What it is made with may be written elsewhere, but not what is made of these.
            Some(words) => {
                let words: Vec<&str> = words.iter().map(|w| w.value.as_str()).collect();
                let chosen = words.join(" ");
                chosen.contains("adiantum")
                    || chosen.contains("serpent")
                    || chosen.contains("twofish")
            }
            None => false,
        });
    let unknown = |why: &str| {
        Some(format!(
            "how fast dm-crypt encrypts here is not known: {why}"
        ))
    };
    if other {
        return unknown("its cipher is not AES");
    }
    let hardware = host.hardware.as_ref();
    let reported = hardware.map(|h| &h.cpu.features).filter(|f| !f.is_empty());
    let shown = host.metrics.cpu_info.as_ref();
    let Some(features) = reported.or(shown.map(|c| &c.features).filter(|f| !f.is_empty())) else {
        return unknown("neither the hardware report nor /proc/cpuinfo names its processor");
    };
    let has = |flag: &str| features.contains(flag);
    let arch = match hardware.and_then(|h| h.arch.as_deref()) {
        Some(arch) => arch,
        None if has("sse2") => "x86_64",
        None if has("asimd") => "aarch64",
        None => "",
    };
    let found = ciphers()
        .iter()
        .find(|c| c.arch == arch && c.aes == has("aes") && (!c.avx2 || has("avx2")));
    let Some((cipher, thread)) = found.and_then(|c| Some((c, range(&c.bandwidth)?))) else {
        return unknown("nobody published figures of such a processor that we found");
    };
    let threads = hardware
        .and_then(|h| h.cpu.threads)
        .or(shown.and_then(|c| c.threads));
    let sources: Vec<String> = cipher
        .bandwidth
        .iter()
        .map(|p| format!("{}: {}", p.says, p.source))
        .collect();
    let speed = format!(
        "dm-crypt: {} encrypts {:.0} to {:.0} MB/s a thread ({})",
        cipher.says,
        thread.low / 1e6,
        thread.high / 1e6,
        sources.join("; ")
    );
    let Some(known) = &mut ranges.bandwidth else {
        return Some(format!(
            "{speed}; the processor's time for it was not counted"
        ));
    };
    let limits = !known.through_filesystem && {
        let before = known.range;
        // All threads at most; how many is not known on some machines.
        let most = threads.map_or(f64::INFINITY, |n| thread.high * f64::from(n.max(1)));
        known.range = Interval {
            low: before.low.min(thread.low),
            high: before.high.min(most),
        };
        known.range.low = known.range.low.min(known.range.high);
        if known.range != before {
            known.source.push_str("; less what dm-crypt leaves");
        }
        known.range != before
    };
    let limit = match limits {
        true => ", which may be less than the device gives",
        false if known.through_filesystem => "",
        false => ", more than the device gives",
    };
    Some(format!(
        "{speed}{limit}; the processor's time for it was not counted"
    ))
}
