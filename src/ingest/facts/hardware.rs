//! Processor, memory, sort of machine, and the kernel.

use super::node::{self, Node};
use super::{Reader, disks};
use crate::model::hardware::{FormFactor, Hardware, Memory, MemoryBasis, Virtualisation};
use crate::model::units::Bytes;

/// Which part of the machine a key speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Model,
    Threads,
    Cores,
    Processor,
    Memory,
    Disks,
    Virtualisation,
    Form,
    Arch,
}

fn part(words: &[String], in_hardware: bool, in_metrics: bool) -> Option<Part> {
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let name = words.join(" ");
    let is = |list: &[&str]| list.contains(&name.as_str());
    let is_cpu = has(&["cpu", "cpus", "processor"]);
    if is_cpu
        && has(&[
            "usage", "use", "used", "idle", "busy", "load", "percent", "pct", "%",
        ])
    {
        return None;
    }
    let found = if is_cpu && has(&["model", "name"]) {
        Part::Model
    } else if is(&[
        "cpu threads",
        "threads",
        "hardware threads",
        "cpus",
        "vcpus",
        "vcpu",
        "nproc",
        "cpu count",
    ]) && (is_cpu || !in_metrics)
    {
        Part::Threads
    } else if is(&["cpu cores", "cores"]) {
        Part::Cores
    } else if is(&["cpu", "processor"]) && !in_metrics {
        Part::Processor
    } else if (has(&["ram"]) || in_hardware && has(&["memory", "mem"]))
        && !has(&[
            "used",
            "free",
            "available",
            "avail",
            "percent",
            "pct",
            "cache",
            "dirty",
        ])
        || is(&["memory gib", "memory gb"])
    {
        Part::Memory
    } else if in_hardware
        && words.len() == 2
        && words
            .last()
            .is_some_and(|w| disks::is_key(std::slice::from_ref(w)))
        || disks::is_key(words) && (in_hardware || !in_metrics || is(&["disks", "drives"]))
    {
        Part::Disks
    } else if is(&[
        "virtualisation",
        "virtualization",
        "virt",
        "hypervisor",
        "container",
        "guest of",
    ]) && !in_metrics
    {
        Part::Virtualisation
    } else if in_hardware
        && is(&[
            "machine",
            "chassis",
            "type",
            "form factor",
            "kind",
            "form",
            "computer",
            "class",
            "model",
            "device",
        ])
        || is(&["machine", "form factor", "chassis"])
    {
        Part::Form
    } else if is(&["arch", "architecture"]) {
        Part::Arch
    } else {
        return None;
    };
    Some(found)
}

/// Whether a key speaks of the machine.
pub(super) fn is_hardware(
    words: &[String],
    in_hardware: bool,
    in_metrics: bool,
    is_container: bool,
) -> bool {
    match part(words, in_hardware, in_metrics) {
        // `machine: {…}` is a section.
        Some(Part::Form) => !is_container,
        Some(_) => true,
        None => false,
    }
}

fn told<'r>(reader: &'r mut Reader<'_>) -> &'r mut Hardware {
    reader.facts.hardware.get_or_insert_default()
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) {
    let in_metrics = node.keys.contains(&"metrics");
    match part(&node.words(), true, in_metrics) {
        Some(Part::Model) => model(reader, node),
        Some(Part::Threads) => threads(reader, node),
        Some(Part::Cores) => {
            if let Some(cores) = number(node) {
                told(reader).cpu.cores = Some(cores);
                reader.typed(node);
            }
        }
        Some(Part::Processor) => processor(reader, node),
        Some(Part::Memory) => memory(reader, node),
        Some(Part::Disks) => disks::read(reader, node),
        Some(Part::Virtualisation) => virtualisation(reader, node),
        Some(Part::Form) => form(reader, node),
        Some(Part::Arch) => {
            if let Some(arch) = node.text().filter(|a| !a.contains(' ')) {
                told(reader).arch = Some(arch.to_owned());
                reader.typed(node);
            }
        }
        None => {}
    }
}

/// So many hardware threads.
pub(super) fn threads(reader: &mut Reader<'_>, node: &Node<'_>) {
    if let Some(threads) = number(node) {
        told(reader).cpu.threads = Some(threads);
        reader.typed(node);
    }
}

/// The machine in one sentence: `Raspberry Pi 4, 8 GB RAM`, `main disk is an SSD`.
pub(super) fn sentence(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text().filter(|text| !super::figures::is_wish(text)) else {
        return;
    };
    let mut found = form_in(reader, text) | counted(reader, text);
    for clause in super::figures::clauses(text).flat_map(|c| c.split(" and ")) {
        let value = serde_json::Value::from(clause);
        let part = super::figures::member(node, "", &value);
        let words = node::words(clause);
        let has = |word: &str| words.iter().any(|w| w == word);
        let size = part.measure().filter(|m| {
            let rest = node::words(m.rest);
            matches!(rest.first().map(String::as_str), Some("ram" | "memory"))
        });
        if size.is_some() {
            if let Some(bytes) = binary(&part) {
                told(reader).memory = Some(Memory {
                    bytes,
                    approximate: true,
                    basis: MemoryBasis::PhysMem,
                });
                found = true;
            }
        } else if !has("not") && !has("no") {
            found |= disks::clause(reader, clause);
        }
    }
    if found {
        reader.partly(node);
    }
}

/// An exact count.
fn number(node: &Node<'_>) -> Option<u32> {
    let (count, at_least) = node.plain_count()?;
    u32::try_from(count).ok().filter(|n| *n > 0 && !at_least)
}

fn model(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let (name, rest) = head(text);
    told(reader).cpu.model = Some(name.to_owned());
    counted(reader, rest);
    reader.typed_but(node, rest);
}

/// A name up to the first remark.
fn head(text: &str) -> (&str, &str) {
    let end = [" (", ", ", "; ", " with "]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name.trim(), rest.trim_start_matches([',', ';', ' ']))
}

/// Cores and threads out of words: `(24 threads)`, `4 cores / 8 threads`, `4C/8T`.
fn counted(reader: &mut Reader<'_>, text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = node::words(&lower);
    let mut found = false;
    for pair in words.windows(2) {
        let Ok(count @ 1..=4096) = pair[0].parse::<u32>() else {
            continue;
        };
        match pair[1].as_str() {
            "threads" | "vcpus" | "vcpu" | "cpus" => told(reader).cpu.threads = Some(count),
            "cores" | "core" => told(reader).cpu.cores = Some(count),
            _ => continue,
        }
        found = true;
    }
    // `16 Xeon cores`
    for triple in words.windows(3) {
        let known = told(reader).cpu.cores.is_some();
        if let (Ok(count @ 1..=4096), "cores", false) =
            (triple[0].parse::<u32>(), triple[2].as_str(), known)
            && triple[1].starts_with(|c: char| c.is_alphabetic())
        {
            told(reader).cpu.cores = Some(count);
            found = true;
        }
    }
    let (mut cores, mut threads) = (None, None);
    for word in &words {
        let count = |end| word.strip_suffix(end).and_then(|n: &str| n.parse().ok());
        cores = cores.or(count("c"));
        threads = threads.or(count("t"));
    }
    if let (Some(cores), Some(threads)) = (cores, threads) {
        told(reader).cpu.cores = Some(cores);
        told(reader).cpu.threads = Some(threads);
        found = true;
    }
    found
}

fn processor(reader: &mut Reader<'_>, node: &Node<'_>) {
    if let Some(threads) = number(node).filter(|_| node.value.is_number()) {
        told(reader).cpu.threads = Some(threads);
        reader.typed(node);
    } else if let Some(text) = node.text() {
        // `4 vCPUs` is no name.
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            if counted(reader, text) {
                reader.partly(node);
            }
        } else {
            model(reader, node);
        }
    }
    for member in node.members().iter().filter(|_| node.is_object()) {
        match member.name().as_str() {
            "model" | "name" | "cpu model" => model(reader, member),
            "threads" | "cpus" | "vcpus" | "logical" | "cpu threads" => {
                if let Some(threads) = number(member) {
                    told(reader).cpu.threads = Some(threads);
                    reader.typed(member);
                }
            }
            "cores" | "physical cores" | "cpu cores" => {
                if let Some(cores) = number(member) {
                    told(reader).cpu.cores = Some(cores);
                    reader.typed(member);
                }
            }
            "features" | "flags" => {
                let flags = member.members();
                let flags = flags.iter().filter_map(|flag| flag.text());
                told(reader)
                    .cpu
                    .features
                    .extend(flags.map(str::to_lowercase));
                reader.typed(member);
            }
            _ => {}
        }
    }
}

/// Memory is counted in powers of 1024, whatever unit people write.
fn memory(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_object() {
        let names = [
            "total",
            "size",
            "gib",
            "gb",
            "total gib",
            "total gb",
            "size gib",
        ];
        if let Some(total) = node.get(&names) {
            memory(reader, &total);
        }
        return;
    }
    let Some(bytes) = binary(node) else { return };
    told(reader).memory = Some(Memory {
        bytes,
        approximate: true,
        basis: MemoryBasis::PhysMem,
    });
    let rest = node.measure().map_or("", |m| m.rest);
    let name_only = ["ram", "of ram", "memory", "of memory"];
    reader.typed_but(node, if name_only.contains(&rest) { "" } else { rest });
}

/// Bytes of main memory; 8 GB of it are 8 GiB.
pub(super) fn binary(node: &Node<'_>) -> Option<Bytes> {
    let measure = node.measure()?;
    let factor = match measure.scale?.shown {
        "MB" | "MiB" => Bytes::MIB,
        "GB" | "GiB" => Bytes::GIB,
        "TB" | "TiB" => Bytes::TIB,
        _ => return node.bytes(),
    };
    super::amount::bytes(measure.number * factor as f64).filter(|bytes| bytes.0 > 0)
}

fn virtualisation(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let lower = text.to_lowercase();
    let words = node::words(&lower);
    let has = |word: &str| words.iter().any(|w| w == word);
    let found = [
        ("lxc", "lxc"),
        ("docker", "docker"),
        ("podman", "podman"),
        ("nspawn", "systemd_nspawn"),
        ("openvz", "openvz"),
        ("wsl", "wsl"),
        ("wsl2", "wsl"),
        ("kvm", "kvm"),
        ("qemu", "qemu"),
        ("vmware", "vmware"),
        ("esxi", "vmware"),
        ("virtualbox", "oracle"),
        ("hyper", "microsoft"),
        ("xen", "xen"),
        ("amazon", "amazon"),
        ("none", "none"),
    ]
    .into_iter()
    .find(|(word, _)| has(word));
    if let Some((word, kind)) = found {
        told(reader).virtualisation = Virtualisation::from_word(kind);
        reader.typed_but(node, if lower == word { "" } else { text });
    }
}

fn form(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let is_form = form_in(reader, text);
    let is_counted = counted(reader, text);
    if is_form || is_counted {
        let is_word = node::words(text).len() == 1;
        reader.typed_but(node, if is_word { "" } else { text });
    }
}

/// Whether a text tells what sort of machine it is.
fn form_in(reader: &mut Reader<'_>, text: &str) -> bool {
    let words = node::words(text);
    let has = |list: &[&str]| list.iter().any(|w| words.iter().any(|word| word == w));
    let names = [
        "laptop",
        "notebook",
        "ultrabook",
        "thinkpad",
        "zenbook",
        "macbook",
    ];
    let is_framework = words
        .windows(2)
        .any(|p| p[0] == "framework" && matches!(p[1].as_str(), "13" | "16" | "12"));
    let found = if has(&names) || is_framework {
        FormFactor::Laptop
    } else if has(&["server", "rack", "blade"]) {
        FormFactor::Server
    } else if has(&["desktop", "tower", "workstation", "nuc"]) {
        FormFactor::Desktop
    } else {
        return false;
    };
    told(reader).form_factor = Some(found);
    true
}

/// `5.16`, `6.10.3-arch1-2`, `~6.12 (6.12.105 in a second report)`, `after the update from 5.15 to
/// 5.16`: the kernel that runs. The rest is told in words.
pub(super) fn kernel(reader: &mut Reader<'_>, node: &Node<'_>) {
    if node.is_object() {
        let running = [
            "running", "version", "release", "current", "uname", "now", "kernel", "series",
        ];
        if let Some(member) = node.get(&running) {
            kernel(reader, &member);
        }
        return;
    }
    let found = match node.value {
        // 6.10 as a number is the same as 6.1.
        serde_json::Value::Number(number) => {
            let text = number.to_string();
            let ambiguous = [".1", ".2"].iter().any(|end| text.ends_with(end))
                && text.split('.').nth(1).is_some_and(|minor| minor.len() == 1);
            if ambiguous {
                let message = "6.10 and 6.1 are one number: write the kernel as text";
                let path = node.path.clone();
                reader.note(&path, message);
                return;
            }
            let sane = number.as_f64().is_some_and(|n| (2.0..10.0).contains(&n));
            (sane && text.contains('.')).then_some((text, String::new()))
        }
        serde_json::Value::String(text) => running(text),
        _ => None,
    };
    let Some((version, rest)) = found else { return };
    if reader.facts.metrics.kernel.is_none() {
        reader.facts.metrics.kernel = Some(reader.sourced(node, version));
        reader.typed_but(node, &rest);
    }
}

/// The release that runs, and what else is said.
fn running(text: &str) -> Option<(String, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let release = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = word.strip_prefix('v').unwrap_or(word);
        let mut numbers = word.splitn(2, '.');
        let major: u16 = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?;
        let sane = (2..=9).contains(&major) && minor.starts_with(|c: char| c.is_ascii_digit());
        // `6.1.x` is any of them.
        let cut = word.trim_end_matches(".x").trim_end_matches(".y");
        sane.then(|| cut.to_owned())
    };
    let before = |at: usize| at.checked_sub(1).and_then(|b| words.get(b)).copied();
    let at = words
        .iter()
        .enumerate()
        .position(|(at, word)| release(word).is_some() && before(at) == Some("to"))
        .or_else(|| {
            words.iter().enumerate().position(|(at, word)| {
                let old = ["from", "before", "until", "than", "not", "on older"];
                release(word).is_some() && !before(at).is_some_and(|b| old.contains(&b))
            })
        })?;
    let version = release(words[at])?;
    let others: Vec<&str> = words
        .iter()
        .enumerate()
        .filter(|(other, word)| *other != at && !["Linux", "linux", "kernel"].contains(*word))
        .map(|(_, word)| *word)
        .collect();
    Some((version, others.join(" ")))
}

pub(super) fn nixos(reader: &mut Reader<'_>, node: &Node<'_>) {
    if let Some(text) = node.text()
        && text.starts_with(|c: char| c.is_ascii_digit())
    {
        reader.facts.metrics.nixos = Some(reader.sourced(node, text.to_owned()));
        reader.typed(node);
    }
}

pub(super) fn progs(reader: &mut Reader<'_>, node: &Node<'_>) {
    let Some(text) = node.text() else { return };
    let version = text.trim_start_matches("btrfs-progs").trim_start();
    let version = version.strip_prefix('v').unwrap_or(version);
    if version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.') {
        reader.facts.metrics.btrfs_progs = Some(reader.sourced(node, version.to_owned()));
        reader.typed(node);
    }
}

/// What is known of the virtual machine tells of its disks.
pub(super) fn finish(reader: &mut Reader<'_>) {
    if let Some(hardware) = &mut reader.facts.hardware {
        disks::settle(hardware);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_is_told_from_others() {
        for (text, expected) in [
            ("5.16", Some("5.16")),
            ("6.10.3-arch1-2", Some("6.10.3-arch1-2")),
            ("Linux 6.6.30", Some("6.6.30")),
            ("4.1.10 + backports (4.3-rc5 is the same)", Some("4.1.10")),
            ("~6.12 (6.12.9 elsewhere)", Some("6.12")),
            ("after update from 5.15 to 5.16", Some("5.16")),
            ("fine before 5.15, now 5.16.2", Some("5.16.2")),
            ("6.1.x", Some("6.1")),
            ("linuxPackages_latest", None),
            ("a custom one", None),
        ] {
            let found = running(text).map(|(version, _)| version);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
