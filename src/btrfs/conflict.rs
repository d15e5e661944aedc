//! Owns: what is wrong inside one list of options: options that lose against a later one, stand
//! twice, or ask for what is so anyway.

use super::kernel::{KernelVersion, Target};
use super::option::Scope;
use super::parse::MountOption;
use super::setting::{Aspect, Setting};
use super::state::{DeviceFacts, State, all_aspects};
use super::verdict::interpret;

/// What is wrong with an option in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// A later option takes it back without a word.
    Overridden,
    /// Shown, but not done: `compress` before `nodatasum`.
    ShownOnly,
    /// A later option asks for the same.
    Duplicate,
    /// It is the default, or what the kernel chooses for this device by itself.
    Redundant,
    /// Which of two options wins hangs on the version of util-linux.
    Ambiguous,
}

/// One option that does not do what its place in the list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The option, as an index into the list.
    pub option: usize,
    /// What is wrong.
    pub kind: FindingKind,
    /// Whether it can be left out, together with all others of which this is said, without any
    /// change on any kernel in question. (`compress=zstd,nodatacow,datacow`: `nodatacow` is taken
    /// back, but has switched the compression off.)
    pub droppable: bool,
    /// The other option that has to do with it.
    pub other: Option<usize>,
    /// Why, as a sentence.
    pub reason: String,
    /// Where that is from.
    pub source: &'static str,
}

const ORDER: &str = "measured on 6.18.44: mounted, a file written, its extents and flags read";
const DEFAULTS: &str = "measured on fourteen kernels (data/kernel_versions.tsv)";
const LIBMOUNT: &str = "measured with util-linux 2.38.1 and 2.41.5";

/// Everything wrong inside one list, in the order of the list. Redundant is only what changes
/// nothing on every kernel in question when it is left out.
pub fn conflicts(options: &[MountOption], target: &Target, facts: &DeviceFacts) -> Vec<Finding> {
    let kernel = target.representative();
    let mut findings = Vec::new();
    // What stays when everything found so far is left out: of two equal options only one is found.
    let mut kept: Vec<bool> = vec![true; options.len()];
    for (i, option) in options.iter().enumerate() {
        let Ok(meaning) = interpret(option, kernel) else {
            continue;
        };
        if meaning.spec.scope == Scope::Userspace {
            if meaning.spec.is_default && options.len() > 1 {
                findings.push(redundant(i, format!("`{}` says nothing", option.text)));
                kept[i] = false;
            }
            continue;
        }
        let Some(aspect) = meaning.setting.aspect() else {
            continue;
        };
        if aspect == Aspect::Subvolume {
            continue;
        }
        let list = List {
            options,
            kernel,
            facts,
        };
        let neutral = target.kernels().iter().all(|&kernel| {
            let with = settings(options, &kept, kernel);
            kept[i] = false;
            let without = settings(options, &kept, kernel);
            kept[i] = true;
            let on = |settings| shown(&State::mounted(settings, kernel, facts), facts);
            on(with) == on(without)
        });
        let found = if let Some(finding) = list.ambiguous(i) {
            finding
        } else if let Some(finding) = list.beaten(i, aspect) {
            Finding {
                droppable: neutral,
                ..finding
            }
        } else if let Some(finding) = list.shown_only(i, aspect) {
            finding
        } else if neutral {
            redundant(i, why_redundant(option, meaning.setting, aspect, facts))
        } else if let Some(other) = list.implied_by(i) {
            let reason = format!("`{}` includes `{}`", options[other].text, option.text);
            Finding {
                other: Some(other),
                ..redundant(i, reason)
            }
        } else {
            continue;
        };
        kept[i] = !found.droppable;
        findings.push(found);
    }
    findings
}

fn redundant(option: usize, reason: String) -> Finding {
    Finding {
        option,
        kind: FindingKind::Redundant,
        droppable: true,
        other: None,
        reason,
        source: DEFAULTS,
    }
}

fn why_redundant(
    option: &MountOption,
    setting: Setting,
    aspect: Aspect,
    facts: &DeviceFacts,
) -> String {
    let text = &option.text;
    let mut state = State::blank();
    state.apply(setting, KernelVersion::ASSUMED);
    let is_default = state.show(aspect, facts) == State::blank().show(aspect, facts);
    match aspect {
        Aspect::Ssd if facts.rotational == Some(false) => {
            format!("`{text}`: the kernel chooses this for a device that does not rotate")
        }
        Aspect::SpaceCache => format!(
            "`{text}`: every filesystem made by btrfs-progs 5.15 or newer is so already; on an older one this option converts it once"
        ),
        Aspect::Discard => {
            format!("`{text}` is the default since kernel 6.2 where the device can discard")
        }
        _ if is_default => format!("`{text}` is the default"),
        _ => format!("`{text}` changes nothing beside the other options"),
    }
}

fn settings(options: &[MountOption], kept: &[bool], kernel: KernelVersion) -> Vec<Setting> {
    let chosen = options.iter().zip(kept).filter(|&(_, &kept)| kept);
    chosen
        .filter_map(|(option, _)| Some(interpret(option, kernel).ok()?.setting))
        .collect()
}

fn shown(state: &State, facts: &DeviceFacts) -> Vec<Option<String>> {
    all_aspects()
        .map(|aspect| state.show(aspect, facts))
        .collect()
}

struct List<'a> {
    options: &'a [MountOption],
    kernel: KernelVersion,
    facts: &'a DeviceFacts,
}

impl List<'_> {
    /// The later option that takes this one back or repeats it.
    fn beaten(&self, i: usize, aspect: Aspect) -> Option<Finding> {
        // Recovery modes add up.
        if aspect == Aspect::Rescue {
            return None;
        }
        let mut state = State::blank();
        let own = self.options[..=i]
            .iter()
            .filter_map(|o| self.read(o, &mut state))
            .last();
        let asked = state.show(aspect, self.facts);
        let text = &self.options[i].text;
        for (j, later) in self.options.iter().enumerate().skip(i + 1) {
            let said = self.read(later, &mut state);
            let other = Some(j);
            if (own, said) == (Some(Setting::Ssd(true)), Some(Setting::SsdSpread(true))) {
                let reason = format!("`{}` includes `{text}`", later.text);
                return Some(Finding {
                    other,
                    ..redundant(i, reason)
                });
            }
            if state.show(aspect, self.facts) != asked {
                let reason = format!(
                    "`{}` behind it takes `{text}` back without a word",
                    later.text
                );
                return Some(Finding {
                    option: i,
                    kind: FindingKind::Overridden,
                    droppable: false,
                    other,
                    reason,
                    source: ORDER,
                });
            }
            if said == own {
                let reason = format!("`{}` behind it says the same as `{text}`", later.text);
                return Some(Finding {
                    option: i,
                    kind: FindingKind::Duplicate,
                    droppable: false,
                    other,
                    reason,
                    source: ORDER,
                });
            }
        }
        None
    }

    /// Applies one option, and says what it asks for.
    fn read(&self, option: &MountOption, state: &mut State) -> Option<Setting> {
        let setting = interpret(option, self.kernel).ok()?.setting;
        state.apply(setting, self.kernel);
        Some(setting)
    }

    /// Compression that is shown and never happens, with the option that stops it.
    fn shown_only(&self, i: usize, aspect: Aspect) -> Option<Finding> {
        if aspect != Aspect::Compression {
            return None;
        }
        let mut state = State::blank();
        let mut stopped_by = None;
        for (j, option) in self.options.iter().enumerate() {
            let could = state.compression().is_some();
            self.read(option, &mut state);
            if could && state.compression().is_none() {
                stopped_by = Some(j);
            }
        }
        let other = stopped_by.filter(|&j| j > i && state.show(aspect, self.facts).is_some())?;
        if state.compression().is_some() {
            return None;
        }
        let reason = format!(
            "`{}` is shown in /proc/mounts, but `{}` behind it keeps every file from being compressed",
            self.options[i].text, self.options[other].text
        );
        Some(Finding {
            option: i,
            kind: FindingKind::ShownOnly,
            droppable: false,
            other: Some(other),
            reason,
            source: ORDER,
        })
    }

    /// Two different wishes about access times: util-linux up to 2.38 hands both to the kernel,
    /// where `strictatime` beats `noatime` and that beats `relatime`; later ones keep the last.
    fn ambiguous(&self, i: usize) -> Option<Finding> {
        let wish = |name: &str| matches!(name, "noatime" | "relatime" | "strictatime");
        let name = &self.options[i].name;
        let mut later = self.options.iter().enumerate().skip(i + 1);
        let (other, _) = later.rfind(|(_, o)| wish(name) && wish(&o.name) && o.name != *name)?;
        let reason = format!(
            "`{}` and `{}`: util-linux up to 2.38 lets the stronger one win, later ones the last",
            self.options[i].text, self.options[other].text
        );
        Some(Finding {
            option: i,
            kind: FindingKind::Ambiguous,
            droppable: false,
            other: Some(other),
            reason,
            source: LIBMOUNT,
        })
    }

    /// The option that does what this one asks for and more.
    fn implied_by(&self, i: usize) -> Option<usize> {
        let implies: &[&str] = match self.options[i].name.as_str() {
            "nodiratime" => &["noatime"],
            "nodatasum" => &["nodatacow"],
            _ => return None,
        };
        self.options
            .iter()
            .position(|option| implies.contains(&option.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btrfs::parse::parse_options;

    const NVME: DeviceFacts = DeviceFacts {
        rotational: Some(false),
        discard: Some(true),
        free_space_tree: Some(true),
        cpus: Some(8),
    };

    fn found(text: &str) -> Vec<(usize, FindingKind)> {
        let target = Target::Known(KernelVersion::new(6, 12, 43));
        let findings = conflicts(&parse_options(&[text]), &target, &NVME);
        findings
            .into_iter()
            .map(|finding| (finding.option, finding.kind))
            .collect()
    }

    #[test]
    fn a_lost_repeated_or_needless_option_is_found_once() {
        use FindingKind::{Ambiguous, Duplicate, Overridden, Redundant, ShownOnly};
        let cases: &[(&str, &[(usize, FindingKind)])] = &[
            ("noatime,compress=zstd,commit=120", &[]),
            ("defaults", &[]),
            ("defaults,noatime", &[(0, Redundant)]),
            ("nodatacow,compress=zstd", &[(0, Overridden)]),
            ("compress=zstd,nodatacow", &[(0, Overridden)]),
            ("compress=zstd,nodatasum", &[(0, ShownOnly)]),
            ("nodatasum,compress=zstd", &[(0, Overridden)]),
            ("compress=zstd,compress=lzo", &[(0, Overridden)]),
            ("compress=zstd,compress=zstd:3", &[(0, Duplicate)]),
            ("noatime,noatime", &[(0, Duplicate)]),
            ("noatime,relatime", &[(0, Ambiguous)]),
            ("noatime,nodiratime", &[(1, Redundant)]),
            ("ssd,noatime", &[(0, Redundant)]),
            ("space_cache=v2", &[(0, Redundant)]),
            ("discard=async", &[(0, Redundant)]),
            ("discard", &[]),
            ("rw,relatime", &[(0, Redundant), (1, Redundant)]),
            ("commit=30", &[(0, Redundant)]),
            (
                "autodefrag,noautodefrag",
                &[(0, Overridden), (1, Redundant)],
            ),
            ("subvol=@,x-systemd.automount,nofail", &[]),
            ("nodatacow,nodatasum", &[(1, Redundant)]),
            ("ssd,ssd_spread", &[(0, Redundant)]),
            (
                "ssd_spread,nossd_spread",
                &[(0, Overridden), (1, Redundant)],
            ),
            ("rescue=ibadroots,rescue=idatacsums,ro", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text), *expected, "{text}");
        }
    }

    #[test]
    fn an_overridden_option_that_left_a_trace_stays() {
        let list = parse_options(&["compress=zstd,nodatacow,datacow"]);
        let findings = conflicts(&list, &Target::Known(KernelVersion::ASSUMED), &NVME);
        let said: Vec<_> = findings.iter().map(|f| (f.option, f.droppable)).collect();
        assert_eq!(said, [(0, true), (1, false)]);
    }

    #[test]
    fn redundant_means_on_every_kernel_in_question_and_for_known_devices() {
        let on = |text: &str, target, facts: &DeviceFacts| {
            conflicts(&parse_options(&[text]), &target, facts).len()
        };
        // 6.1 has no discard=async by itself.
        assert_eq!(on("discard=async", Target::Unknown, &NVME), 0);
        let unknown = DeviceFacts::default();
        assert_eq!(on("ssd", Target::Unknown, &unknown), 0);
        assert_eq!(
            on(
                "space_cache=v2",
                Target::Unknown,
                &DeviceFacts {
                    free_space_tree: Some(false),
                    ..NVME
                }
            ),
            0
        );
    }
}
