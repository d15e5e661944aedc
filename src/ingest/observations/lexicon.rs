//! Which words mean what: the whole of what free text is understood by.

use crate::model::observation::{HowBad, Symptom, WorkloadHint};

/// What a word or phrase means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A complaint.
    Is(Symptom),
    /// The contrary of a complaint: alone all is well, negated ("not fast") it is the complaint.
    Well(Symptom),
    /// What the machine does.
    Does(WorkloadHint),
    /// How bad it is.
    Bad(HowBad),
}

use Meaning::{Bad, Does, Is, Well};
use Symptom::{Busy, Errors, Fine, Freeze, OutOfSpace, ReadOnly, Slow, SlowBoot, Stall};
use WorkloadHint::{Backup, Build, Container, Database, Desktop, Game, Mail, Nas, NixStore, Vm};

/// Words in lower case; phrases of several words win over single ones. Sorted by meaning.
pub(super) const LEXICON: &[(&str, Meaning)] = &[
    // What people complain of.
    ("slow", Is(Slow)),
    ("slower", Is(Slow)),
    ("slowly", Is(Slow)),
    ("slowness", Is(Slow)),
    ("sluggish", Is(Slow)),
    ("crawl", Is(Slow)),
    ("crawls", Is(Slow)),
    ("crawling", Is(Slow)),
    ("takes forever", Is(Slow)),
    ("take forever", Is(Slow)),
    ("takes ages", Is(Slow)),
    ("take ages", Is(Slow)),
    ("takes long", Is(Slow)),
    ("takes too long", Is(Slow)),
    ("take too long", Is(Slow)),
    ("low throughput", Is(Slow)),
    ("high latency", Is(Slow)),
    ("fast", Well(Slow)),
    ("quick", Well(Slow)),
    ("snappy", Well(Slow)),
    ("responsive", Well(Slow)),
    ("unresponsive", Is(Freeze)),
    ("stall", Is(Stall)),
    ("stalls", Is(Stall)),
    ("stalled", Is(Stall)),
    ("stalling", Is(Stall)),
    ("stutter", Is(Stall)),
    ("stutters", Is(Stall)),
    ("stuttering", Is(Stall)),
    ("hiccup", Is(Stall)),
    ("hiccups", Is(Stall)),
    ("lag", Is(Stall)),
    ("lags", Is(Stall)),
    ("laggy", Is(Stall)),
    ("lagging", Is(Stall)),
    ("pauses", Is(Stall)),
    ("spikes", Is(Stall)),
    ("freeze", Is(Freeze)),
    ("freezes", Is(Freeze)),
    ("freezing", Is(Freeze)),
    ("frozen", Is(Freeze)),
    ("hang", Is(Freeze)),
    ("hangs", Is(Freeze)),
    ("hanging", Is(Freeze)),
    ("hung", Is(Freeze)),
    ("locks up", Is(Freeze)),
    ("lockup", Is(Freeze)),
    ("lockups", Is(Freeze)),
    ("stuck", Is(Freeze)),
    ("no space", Is(OutOfSpace)),
    ("out of space", Is(OutOfSpace)),
    ("no space left", Is(OutOfSpace)),
    ("disk full", Is(OutOfSpace)),
    ("disk is full", Is(OutOfSpace)),
    ("filesystem full", Is(OutOfSpace)),
    ("enospc", Is(OutOfSpace)),
    ("read only", Is(ReadOnly)),
    ("readonly", Is(ReadOnly)),
    ("error", Is(Errors)),
    ("errors", Is(Errors)),
    ("corruption", Is(Errors)),
    ("corrupt", Is(Errors)),
    ("corrupted", Is(Errors)),
    ("csum", Is(Errors)),
    ("checksum error", Is(Errors)),
    ("slow boot", Is(SlowBoot)),
    ("slow to boot", Is(SlowBoot)),
    ("boots slowly", Is(SlowBoot)),
    ("boot takes", Is(SlowBoot)),
    ("booting takes", Is(SlowBoot)),
    ("boot is slow", Is(SlowBoot)),
    ("mount takes", Is(SlowBoot)),
    ("mounting takes", Is(SlowBoot)),
    ("high iowait", Is(Busy)),
    ("high io", Is(Busy)),
    ("high load", Is(Busy)),
    ("high cpu", Is(Busy)),
    ("disk busy", Is(Busy)),
    ("constantly writing", Is(Busy)),
    ("thrashing", Is(Busy)),
    ("disk noise", Is(Busy)),
    ("no problem", Is(Fine)),
    ("no problems", Is(Fine)),
    ("no complaints", Is(Fine)),
    ("no issues", Is(Fine)),
    ("works well", Is(Fine)),
    ("works fine", Is(Fine)),
    ("runs fine", Is(Fine)),
    ("all good", Is(Fine)),
    // What the machine does.
    ("build", Does(Build)),
    ("builds", Does(Build)),
    ("building", Does(Build)),
    ("compile", Does(Build)),
    ("compiles", Does(Build)),
    ("compiling", Does(Build)),
    ("compilation", Does(Build)),
    ("cargo", Does(Build)),
    ("gcc", Does(Build)),
    ("git", Does(Build)),
    ("ci", Does(Build)),
    ("database", Does(Database)),
    ("databases", Does(Database)),
    ("db", Does(Database)),
    ("postgres", Does(Database)),
    ("postgresql", Does(Database)),
    ("mysql", Does(Database)),
    ("mariadb", Does(Database)),
    ("sqlite", Does(Database)),
    ("mongodb", Does(Database)),
    ("redis", Does(Database)),
    ("influxdb", Does(Database)),
    ("queries", Does(Database)),
    ("container", Does(Container)),
    ("containers", Does(Container)),
    ("docker", Does(Container)),
    ("podman", Does(Container)),
    ("kubernetes", Does(Container)),
    ("k3s", Does(Container)),
    ("lxc", Does(Container)),
    ("incus", Does(Container)),
    ("vm", Does(Vm)),
    ("vms", Does(Vm)),
    ("virtual machine", Does(Vm)),
    ("virtual machines", Does(Vm)),
    ("qemu", Does(Vm)),
    ("qcow2", Does(Vm)),
    ("libvirt", Does(Vm)),
    ("virtualbox", Does(Vm)),
    ("desktop", Does(Desktop)),
    ("browser", Does(Desktop)),
    ("firefox", Does(Desktop)),
    ("chromium", Does(Desktop)),
    ("login", Does(Desktop)),
    ("gnome", Does(Desktop)),
    ("kde", Does(Desktop)),
    ("plasma", Does(Desktop)),
    ("nas", Does(Nas)),
    ("samba", Does(Nas)),
    ("smb", Does(Nas)),
    ("nfs", Does(Nas)),
    ("file server", Does(Nas)),
    ("jellyfin", Does(Nas)),
    ("plex", Does(Nas)),
    ("torrent", Does(Nas)),
    ("torrents", Does(Nas)),
    ("backup", Does(Backup)),
    ("backups", Does(Backup)),
    ("btrbk", Does(Backup)),
    ("borg", Does(Backup)),
    ("restic", Does(Backup)),
    ("rsync", Does(Backup)),
    ("snapper", Does(Backup)),
    ("snapshot", Does(Backup)),
    ("snapshots", Does(Backup)),
    ("nix store", Does(NixStore)),
    ("nixos rebuild", Does(NixStore)),
    ("rebuild", Does(NixStore)),
    ("nix build", Does(NixStore)),
    ("nix builds", Does(NixStore)),
    ("garbage collection", Does(NixStore)),
    ("nix collect garbage", Does(NixStore)),
    ("nix gc", Does(NixStore)),
    ("nix", Does(NixStore)),
    ("mail", Does(Mail)),
    ("maildir", Does(Mail)),
    ("dovecot", Does(Mail)),
    ("imap", Does(Mail)),
    ("postfix", Does(Mail)),
    ("game", Does(Game)),
    ("games", Does(Game)),
    ("gaming", Does(Game)),
    ("steam", Does(Game)),
    ("proton", Does(Game)),
    // How bad.
    ("a bit", Bad(HowBad::Slight)),
    ("slightly", Bad(HowBad::Slight)),
    ("a little", Bad(HowBad::Slight)),
    ("for seconds", Bad(HowBad::Seconds)),
    ("several seconds", Bad(HowBad::Seconds)),
    ("for minutes", Bad(HowBad::Minutes)),
    ("several minutes", Bad(HowBad::Minutes)),
    ("takes minutes", Bad(HowBad::Minutes)),
    ("for hours", Bad(HowBad::Hours)),
    ("takes hours", Bad(HowBad::Hours)),
    ("several hours", Bad(HowBad::Hours)),
    ("unusable", Bad(HowBad::Unusable)),
];

/// Words that turn what follows into its contrary.
pub(super) const NEGATIONS: &[&str] = &[
    "not", "no", "never", "isn't", "isnt", "aren't", "arent", "wasn't", "wasnt", "doesn't",
    "doesnt", "don't", "dont", "without", "hardly", "nor", "neither", "stopped",
];

/// Words that put what follows into the past.
pub(super) const PAST: &[&str] = &["was", "were", "used", "formerly", "previously"];

/// Words at which a negation ends, as it does at a full stop or a comma.
pub(super) const TURNS: &[&str] = &[
    "but", "however", "although", "though", "yet", "while", "when", "only",
];

/// The most words of a phrase in the lexicon.
pub(super) const LONGEST_PHRASE: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_is_unique_lower_case_and_short_enough_to_be_found() {
        let mut seen = BTreeSet::new();
        for (words, _) in LEXICON {
            assert!(seen.insert(words), "{words} stands twice");
            assert_eq!(*words, words.to_lowercase());
            assert!(words.split(' ').count() <= LONGEST_PHRASE, "{words}");
        }
    }

    #[test]
    fn every_workload_and_symptom_has_a_word() {
        for hint in WorkloadHint::ALL {
            assert!(
                LEXICON.iter().any(|(_, meaning)| *meaning == Does(hint)),
                "{hint}"
            );
        }
        for symptom in Symptom::ALL {
            assert!(
                LEXICON.iter().any(|(_, meaning)| *meaning == Is(symptom)),
                "{symptom}"
            );
        }
    }
}
