//! Owns: what the kernel makes of all mounts of one filesystem together.
//!
//! The first mount decides all options of the filesystem; those of later mounts are read, so that
//! a typo still fails, and then ignored without a word. Measured on 6.18.44 with 34 pairs of
//! option strings, and on thirteen other kernels. Which mount is first is NixOS's doing:
//! `nixos/lib/utils.nix` (what the initrd mounts) and `nixos/modules/tasks/filesystems.nix`.

use super::effective::{EffectiveOptions, effective};
use super::kernel::{Target, since};
use super::option::Scope;
use super::parse::MountOption;
use super::setting::Switch;
use super::state::{DeviceFacts, State};
use super::verdict::{RefusalKind, interpret, refusal_on};

/// One mount of the filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    /// Where: an absolute path.
    pub mountpoint: String,
    /// The subvolume, for the reader; it plays no part in who decides.
    pub subvol: Option<String>,
    /// Its options.
    pub options: Vec<MountOption>,
    /// Whether NixOS mounts it in the initrd for `neededForBoot`; well-known paths are in any case.
    pub needed_for_boot: bool,
}

/// What mounts file systems in the initrd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage1 {
    /// The shell script: one after the other, in alphabetical order.
    Scripted,
    /// systemd (`boot.initrd.systemd.enable`): parents before children, all else at once.
    Systemd,
    /// Not known: only what holds for both counts.
    Unknown,
}

/// The mount points that NixOS mounts in the initrd in any case (nixpkgs `nixos/lib/utils.nix`,
/// `pathsNeededForBoot`).
pub const MOUNTED_IN_INITRD: [&str; 9] = [
    "/",
    "/nix",
    "/nix/store",
    "/var",
    "/var/log",
    "/var/lib",
    "/var/lib/nixos",
    "/etc",
    "/usr",
];

/// Whose options the filesystem gets at boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// This mount's.
    By(usize),
    /// One of these is first, and which is left to chance from boot to boot.
    ByChance(Vec<usize>),
    /// There are no mounts.
    Nobody,
}

/// An option that does nothing where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ignored {
    /// The mount, as an index into the list.
    pub mount: usize,
    /// The option, as an index into the mount's.
    pub option: usize,
}

/// What all mounts of a filesystem come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The order of the mounts; where it is left to chance, one of the possible ones.
    pub order: Vec<usize>,
    /// Whose options the filesystem gets.
    pub decided: Decided,
    /// What it gets; none when chance decides between different outcomes.
    pub effective: Option<EffectiveOptions>,
    /// What is seen through each mount in [`Whole::order`]; none for one that fails.
    pub mounts: Vec<Option<EffectiveOptions>>,
    /// Whole-filesystem options of mounts that are not first, and that are not in force.
    pub ignored: Vec<Ignored>,
    /// Options that pass on a later mount, and that would fail the mount if it came first.
    pub latent: Vec<Ignored>,
    /// Mounts that fail.
    pub failed: Vec<usize>,
    /// Whether a read-write mount follows read-only ones: since the new mount API it changes
    /// values and no switches, and can leave `compress=` without an algorithm. All mounts of such
    /// a filesystem should carry the same options.
    pub mixed_read_only: bool,
    /// What the filesystem has after `nixos-rebuild switch` reloads one mount: its options take
    /// over everything until the next boot. One for each mount; none where the reload fails.
    pub after_reload: Vec<Option<EffectiveOptions>>,
}

/// Works out who decides and what it comes to, on the target's representative kernel.
pub fn whole(mounts: &[MountSpec], stage1: Stage1, target: &Target, facts: &DeviceFacts) -> Whole {
    let first = first_candidates(mounts, stage1);
    let rest = || {
        let mut rest: Vec<usize> = (0..mounts.len()).collect();
        rest.sort_by_key(|&i| {
            (
                is_on_demand(&mounts[i]),
                !in_initrd(&mounts[i]),
                &mounts[i].mountpoint,
            )
        });
        rest
    };
    let order_from = |first: usize| -> Vec<usize> {
        std::iter::once(first)
            .chain(rest().into_iter().filter(|&i| i != first))
            .collect()
    };
    let runs: Vec<Run> = first
        .iter()
        .map(|&i| Run::of(mounts, &order_from(i), target, facts))
        .collect();
    let agree = runs
        .windows(2)
        .all(|pair| pair[0].shown(facts) == pair[1].shown(facts));
    let decided = match first.as_slice() {
        [] => Decided::Nobody,
        [only] => Decided::By(*only),
        _ => Decided::ByChance(first.clone()),
    };
    let Some(run) = runs.into_iter().next() else {
        return Whole {
            order: Vec::new(),
            decided,
            effective: None,
            mounts: Vec::new(),
            ignored: Vec::new(),
            latent: Vec::new(),
            failed: Vec::new(),
            mixed_read_only: false,
            after_reload: Vec::new(),
        };
    };
    let in_force = run.states.iter().flatten().next().cloned();
    let ignored = match &in_force {
        Some(state) => {
            let made: Vec<usize> = run
                .order
                .iter()
                .copied()
                .filter(|i| !run.failed.contains(i))
                .collect();
            ignored(mounts, &made, state, target, facts)
        }
        None => Vec::new(),
    };
    let kernel = target.representative();
    let after_reload = mounts.iter().map(|mount| {
        let refused = mount
            .options
            .iter()
            .any(|option| refusal_on(option, &mount.options, kernel, facts).is_some());
        let state = in_force.as_ref().filter(|_| !refused)?;
        Some(EffectiveOptions::of(
            state.remounted(&mount.options, kernel),
            facts,
        ))
    });
    Whole {
        after_reload: after_reload.collect(),
        effective: in_force
            .filter(|_| agree)
            .map(|state| EffectiveOptions::of(state, facts)),
        mounts: run
            .states
            .iter()
            .map(|s| Some(EffectiveOptions::of(s.clone()?, facts)))
            .collect(),
        order: run.order,
        decided,
        ignored,
        latent: run.latent,
        failed: run.failed,
        mixed_read_only: run.mixed_read_only,
    }
}

/// The mounts of which one is the first at boot.
fn first_candidates(mounts: &[MountSpec], stage1: Stage1) -> Vec<usize> {
    if let Some(root) = mounts.iter().position(|mount| mount.mountpoint == "/") {
        return vec![root];
    }
    let all = || 0..mounts.len();
    let at_boot: Vec<usize> = all().filter(|&i| !is_on_demand(&mounts[i])).collect();
    let initrd: Vec<usize> = at_boot
        .iter()
        .copied()
        .filter(|&i| in_initrd(&mounts[i]))
        .collect();
    let (group, one_by_one) = if !initrd.is_empty() {
        (initrd, stage1 == Stage1::Scripted)
    } else if !at_boot.is_empty() {
        (at_boot, false)
    } else {
        (all().collect(), false)
    };
    if one_by_one {
        let first = group.into_iter().min_by_key(|&i| &mounts[i].mountpoint);
        return first.into_iter().collect();
    }
    let has_parent = |&child: &usize| {
        let inside =
            |&parent: &usize| is_inside(&mounts[child].mountpoint, &mounts[parent].mountpoint);
        group.iter().any(inside)
    };
    group.iter().copied().filter(|i| !has_parent(i)).collect()
}

/// Whether the mount is not made at boot at all.
fn is_on_demand(mount: &MountSpec) -> bool {
    let on_demand = |o: &MountOption| matches!(o.name.as_str(), "noauto" | "x-systemd.automount");
    mount.options.iter().any(on_demand)
}

fn in_initrd(mount: &MountSpec) -> bool {
    mount.needed_for_boot
        || MOUNTED_IN_INITRD.contains(&mount.mountpoint.as_str())
        || mount
            .options
            .iter()
            .any(|option| option.name == "x-initrd.mount")
}

fn is_inside(child: &str, parent: &str) -> bool {
    child
        .strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The mounts made one after the other.
struct Run {
    order: Vec<usize>,
    /// What is in force in the end, seen through each mount of the order.
    states: Vec<Option<State>>,
    failed: Vec<usize>,
    latent: Vec<Ignored>,
    mixed_read_only: bool,
}

impl Run {
    fn of(mounts: &[MountSpec], order: &[usize], target: &Target, facts: &DeviceFacts) -> Self {
        let kernel = target.representative();
        let mut in_force: Option<State> = None;
        let mut own: Vec<Option<State>> = Vec::new();
        let mut run = Self {
            order: order.to_vec(),
            states: Vec::new(),
            failed: Vec::new(),
            latent: Vec::new(),
            mixed_read_only: false,
        };
        let mut only_read_only = true;
        for &mount in order {
            let options = &mounts[mount].options;
            let refusals: Vec<(usize, RefusalKind)> = options
                .iter()
                .enumerate()
                .filter_map(|(i, o)| Some((i, refusal_on(o, options, kernel, facts)?)))
                .collect();
            let first = in_force.is_none();
            // Before the new mount API the options of later mounts were not even read (measured
            // on 6.1.176 and 6.6.63).
            let reads = first || kernel >= since::NEW_MOUNT_API;
            let fails = |kind: &RefusalKind| reads && (first || !kind.is_conditional());
            if refusals.iter().any(|(_, kind)| fails(kind)) {
                run.failed.push(mount);
                own.push(None);
                continue;
            }
            run.latent.extend(
                refusals
                    .iter()
                    .map(|&(option, _)| Ignored { mount, option }),
            );
            let state = effective(options, target, facts).state;
            let read_only = state.is(Switch::ReadOnly);
            // Nothing leaves a rescue mode but an unmount: the read-write mount fails (measured on
            // 6.18.44; a remount to read-write fails on all kernels measured).
            let rescued = in_force.as_ref().is_some_and(State::is_rescued);
            if rescued && only_read_only && !read_only {
                run.failed.push(mount);
                own.push(None);
                continue;
            }
            match &mut in_force {
                None => in_force = Some(state.clone()),
                Some(kernel_has) if only_read_only && !read_only => {
                    run.mixed_read_only = true;
                    if kernel >= since::NEW_MOUNT_API {
                        kernel_has.take_values_of(&state);
                    }
                }
                Some(_) => {}
            }
            only_read_only &= read_only;
            own.push(Some(state));
        }
        run.states = own
            .into_iter()
            .map(|mount| Some(in_force.as_ref()?.seen_through(&mount?)))
            .collect();
        run
    }

    fn shown(&self, facts: &DeviceFacts) -> Option<Vec<String>> {
        let state = self.states.iter().flatten().next()?;
        Some(EffectiveOptions::of(state.clone(), facts).shown_fs)
    }
}

/// The whole-filesystem options of every mount that ask for what is not in force.
fn ignored(
    mounts: &[MountSpec],
    order: &[usize],
    in_force: &State,
    target: &Target,
    facts: &DeviceFacts,
) -> Vec<Ignored> {
    let kernel = target.representative();
    let mut found = Vec::new();
    for &mount in order {
        let options = &mounts[mount].options;
        let alone = effective(options, target, facts).state;
        for (option, written) in options.iter().enumerate() {
            let Ok(meaning) = interpret(written, kernel) else {
                continue;
            };
            let Some(aspect) = meaning.setting.aspect() else {
                continue;
            };
            let lost = alone.show(aspect, facts) != in_force.show(aspect, facts);
            if meaning.spec.scope == Scope::Filesystem && lost {
                found.push(Ignored { mount, option });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btrfs::kernel::KernelVersion;
    use crate::btrfs::parse::parse_options;

    fn mount(mountpoint: &str, options: &str) -> MountSpec {
        MountSpec {
            mountpoint: mountpoint.to_owned(),
            subvol: None,
            options: parse_options(&[options]),
            needed_for_boot: false,
        }
    }

    fn on(mounts: &[MountSpec], stage1: Stage1, kernel: KernelVersion) -> Whole {
        let facts = DeviceFacts {
            rotational: Some(true),
            discard: Some(false),
            free_space_tree: Some(true),
            cpus: Some(2),
        };
        whole(mounts, stage1, &Target::Known(kernel), &facts)
    }

    fn shown(whole: &Whole) -> String {
        let shown = &whole.effective.as_ref().unwrap().shown_fs;
        shown
            .iter()
            .filter(|w| *w != "space_cache=v2")
            .cloned()
            .collect::<Vec<_>>()
            .join(",")
    }

    const NEW: KernelVersion = KernelVersion::ASSUMED;
    const OLD: KernelVersion = KernelVersion::new(6, 6, 63);

    #[test]
    fn the_root_is_first_and_decides() {
        let mounts = [
            mount("/home", "compress=lzo,noatime"),
            mount("/", "compress=zstd"),
            mount("/nix", "compress=zstd,autodefrag"),
        ];
        let whole = on(&mounts, Stage1::Unknown, NEW);
        assert_eq!(whole.decided, Decided::By(1));
        assert_eq!(whole.order, [1, 2, 0]);
        assert_eq!(shown(&whole), "compress=zstd:3");
        assert_eq!(
            whole.ignored,
            [
                Ignored {
                    mount: 2,
                    option: 1
                },
                Ignored {
                    mount: 0,
                    option: 0
                }
            ]
        );
        let home = whole.mounts[2].as_ref().unwrap();
        assert_eq!(home.shown_mount, ["rw", "noatime"]);
        // On switch the reloaded mount takes over, until the next boot.
        let reloaded = whole.after_reload[0].as_ref().unwrap();
        assert!(reloaded.shown_fs.contains(&"compress=lzo".to_owned()));
    }

    #[test]
    fn without_a_btrfs_root_the_initrd_decides() {
        let mounts = [
            mount("/persist", "commit=60"),
            mount("/nix", "commit=90"),
            mount("/home", ""),
        ];
        assert_eq!(on(&mounts, Stage1::Systemd, NEW).decided, Decided::By(1));
        let mut both = mounts.clone();
        both[0].needed_for_boot = true;
        assert_eq!(on(&both, Stage1::Scripted, NEW).decided, Decided::By(1));
        let chance = on(&both, Stage1::Systemd, NEW);
        assert_eq!(chance.decided, Decided::ByChance(vec![0, 1]));
        assert_eq!(chance.effective, None);
        // Chance is harmless when both ask for the same.
        both[0].options = parse_options(&["commit=90,noatime"]);
        assert_eq!(shown(&on(&both, Stage1::Systemd, NEW)), "commit=90");
        // A parent is mounted before its child.
        let nested = [mount("/var/log", "commit=60"), mount("/var", "commit=90")];
        assert_eq!(on(&nested, Stage1::Systemd, NEW).decided, Decided::By(1));
    }

    #[test]
    fn a_read_write_mount_after_read_only_ones_copies_values_only() {
        // Measured on 6.6.63 and 6.18.44, and on twelve other kernels.
        for (first, second, old, new) in [
            ("ro", "rw,compress=zstd:3", "", ""),
            ("ro,compress=zstd:3", "rw", "compress=zstd:3", "compress="),
            (
                "ro,compress=zstd:3",
                "rw,compress=zstd:9",
                "compress=zstd:3",
                "compress=zstd:9",
            ),
            (
                "ro,compress=zstd:3",
                "rw,compress=zstd:9,autodefrag,commit=60",
                "compress=zstd:3",
                "compress=zstd:9,commit=60",
            ),
            (
                "ro,nodatacow",
                "rw",
                "nodatasum,nodatacow",
                "nodatasum,nodatacow",
            ),
            (
                "rw,compress=zstd:3",
                "ro,compress=zstd:9",
                "compress=zstd:3",
                "compress=zstd:3",
            ),
            (
                "ro,compress=zstd:3",
                "ro,compress=zstd:9",
                "compress=zstd:3",
                "compress=zstd:3",
            ),
        ] {
            let mounts = [mount("/", first), mount("/a", second)];
            assert_eq!(
                shown(&on(&mounts, Stage1::Scripted, OLD)),
                old,
                "{first} | {second}"
            );
            assert_eq!(
                shown(&on(&mounts, Stage1::Scripted, NEW)),
                new,
                "{first} | {second}"
            );
        }
        let broken = [mount("/", "ro,compress=zstd:3"), mount("/a", "rw")];
        let whole = on(&broken, Stage1::Scripted, NEW);
        assert!(whole.mixed_read_only && !whole.effective.unwrap().compresses);
    }

    #[test]
    fn a_typo_fails_its_mount_and_a_hidden_fault_waits() {
        let mounts = [
            mount("/", ""),
            mount("/a", "compression=zstd"),
            mount("/b", "space_cache=v1"),
        ];
        let new = on(&mounts, Stage1::Scripted, NEW);
        assert_eq!(new.failed, [1]);
        assert_eq!(
            new.latent,
            [Ignored {
                mount: 2,
                option: 0
            }]
        );
        assert_eq!(on(&mounts, Stage1::Scripted, OLD).failed, [0; 0]);
        let first = [mount("/", "space_cache=v1"), mount("/a", "commit=60")];
        let failed = on(&first, Stage1::Scripted, NEW);
        assert_eq!(failed.failed, [0]);
        assert_eq!(shown(&failed), "commit=60");
    }

    #[test]
    fn no_mounts_are_no_trouble() {
        assert_eq!(on(&[], Stage1::Unknown, NEW).decided, Decided::Nobody);
    }
}
