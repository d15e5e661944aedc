//! Outputs put together, cut and mutated.

use super::*;

// ---- everything survives

#[test]
fn no_format_takes_the_lines_of_another() {
    let names = system_fixtures();
    let mut apart = Metrics::default();
    let mut together = String::new();
    for name in &names {
        if name == "iostat-interrupted.json" {
            // What breaks off has no end that others could begin after.
            continue;
        }
        let content = text(name);
        let headed = format!("## {name}\n{content}");
        read_bytes("all", headed.as_bytes(), &mut apart);
        together.push_str(&headed);
        if !together.ends_with('\n') {
            together.push('\n');
        }
    }
    let (together, _) = read_named("all", &together);
    let (apart, together) = (values(&apart), values(&together));
    for (field, value) in apart.as_object().unwrap() {
        // Several sources complete each other in the order in which they end.
        if field != "vm" {
            assert_eq!(Some(value), together.get(field), "{field}");
        }
    }
}

#[test]
fn formats_part_without_a_heading_too() {
    // In the order of the alphabet and against it, so that each meets others before and after it.
    let one_of_a_sort = [
        "cpuinfo-arm.txt",
        "df-P.txt",
        "dmesg.txt",
        "docker-info.txt",
        "fio.json",
        "iotop-c.txt",
        "lsblk-old.json",
        "pidstat-d.txt",
        "proc-loadavg.txt",
        "proc-meminfo.txt",
        "proc-mounts.txt",
        "proc-stat.txt",
        "proc-swaps.txt",
        "proc-uptime.txt",
        "ps-aux.txt",
        "smartctl-nvme.json",
        "sysfs-grep.txt",
        "systemctl.txt",
        "vmstat-gu.txt",
        "node_exporter.prom",
        "proc-self-mountinfo.txt",
        "iostat-12.0.txt",
        "top.txt",
        "proc-diskstats.txt",
    ];
    for reverse in [false, true] {
        let mut names = one_of_a_sort.to_vec();
        if reverse {
            names.reverse();
        }
        let mut apart = Metrics::default();
        let mut all = String::new();
        for name in &names {
            let content = text(name);
            read_bytes("all", content.as_bytes(), &mut apart);
            all.push_str(&content);
            if !all.ends_with('\n') {
                all.push('\n');
            }
        }
        let (together, problems) = read_named("all", &all);
        let left: Vec<_> = problems
            .iter()
            .filter(|p| p.severity > Severity::Note)
            .collect();
        assert_eq!(left, Vec::<&Problem>::new());
        let (apart, together) = (values(&apart), values(&together));
        for (field, value) in apart.as_object().unwrap() {
            assert_eq!(
                Some(value),
                together.get(field),
                "{field}, reverse: {reverse}"
            );
        }
    }
}

#[test]
fn line_ends_colours_and_prompts_change_nothing() {
    for name in system_fixtures() {
        let content = text(&name);
        let (plain, _) = read_named("x", &content);
        let dos = format!("\u{feff}{}", content.replace('\n', "\r\n"));
        assert_eq!(values(&read_named("x", &dos).0), values(&plain), "{name}");
        if !name.ends_with(".json") {
            let coloured: String = content
                .split_inclusive('\n')
                .map(|line| format!("\u{1b}[1;32m{}\u{1b}[0m\n", line.trim_end_matches('\n')))
                .collect();
            assert_eq!(
                values(&read_named("x", &coloured).0),
                values(&plain),
                "{name}"
            );
        }
        let prompted = format!("ann@nas:~$ tool\n{content}");
        assert_eq!(
            values(&read_named("x", &prompted).0),
            values(&plain),
            "{name}"
        );
    }
}

/// Files whose facts are averages over their reports: with fewer reports they are others.
const AVERAGED: [&str; 17] = [
    "pidstat.json",
    "iostat-11.4.txt",
    "iostat-12.0.txt",
    "iostat-dxk-t.txt",
    "iostat-x.txt",
    "iostat.txt",
    "iotop-c.txt",
    "iotop-py.txt",
    "iotop-py-qqq.txt",
    "iotop-c-k-P-a.txt",
    "pidstat-d.txt",
    "samples.txt",
    "scrapes.prom",
    "top.txt",
    "vmstat-gu.txt",
    "vmstat-w.txt",
    "vmstat.txt",
];

/// Places at which a file is cut: each of a small one, a spread over a large one.
fn cuts(content: &str) -> impl Iterator<Item = usize> + '_ {
    let step = (content.len() / 150).max(1);
    (1..content.len())
        .step_by(step)
        .filter(|at| content.is_char_boundary(*at))
}

#[test]
fn a_number_of_a_file_that_breaks_off_is_that_of_the_whole_or_absent() {
    let mut checked = 0;
    for name in system_fixtures() {
        // Names of mountpoints at the end of a line may be cut; iostat's JSON has two reports.
        let exempt =
            name.starts_with("df-") || name.starts_with("iostat-") && name.ends_with(".json");
        let content = text(&name);
        let (whole, _) = read_named("x", &content);
        let known = facts(&whole);
        for at in cuts(&content) {
            let (part, _) = read_named("x", &content[..at]);
            if exempt || AVERAGED.contains(&name.as_str()) {
                continue;
            }
            // After a whole processor nothing shows that others should follow on ARM.
            let last = content[..at].trim_end().lines().last().unwrap_or_default();
            let arm = name == "cpuinfo-arm.txt" && last.starts_with("CPU revision");
            for fact in facts(&part) {
                if arm && fact.contains("threads") {
                    continue;
                }
                let number = fact.rsplit('=').next().unwrap().parse::<f64>().is_ok();
                assert!(
                    !number || known.contains(&fact),
                    "{name} cut at {at}: {fact}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000, "{checked}");
}

/// A small generator of numbers, so that the mutations are the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

#[test]
fn no_mutation_brings_a_parser_down_or_makes_a_number_that_is_none() {
    let mut dice = Dice(6);
    let odd = [
        "\u{0}",
        "-",
        "99999999999999999999999",
        "ä",
        "\n",
        "{",
        "[",
        "e308",
        ":",
        "/s",
        "%",
        "NaN",
        "\t",
        "\u{1b}[",
    ];
    for name in system_fixtures() {
        let content = text(&name);
        let rounds = if content.len() > 20_000 { 10 } else { 60 };
        for _ in 0..rounds {
            let mut bytes = content.clone().into_bytes();
            for _ in 0..=dice.below(6) {
                let at = dice.below(bytes.len());
                match dice.below(5) {
                    0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
                    1 => drop(bytes.drain(at..(at + dice.below(40)).min(bytes.len()))),
                    2 => drop(bytes.splice(at..at, odd[dice.below(odd.len())].bytes())),
                    3 => {
                        let end = (at + dice.below(80)).min(bytes.len());
                        let copy = bytes[at..end].to_vec();
                        let to = dice.below(bytes.len());
                        drop(bytes.splice(to..to, copy));
                    }
                    _ => bytes[at] = b"0123456789.,kKMG"[dice.below(16)],
                }
                if bytes.is_empty() {
                    break;
                }
            }
            let mut metrics = Metrics::default();
            let problems = read_bytes(&name, &bytes, &mut metrics);
            assert!(problems.len() <= 25, "{name}");
            // `null` stands for what is no number in JSON: rates must be finite, shares within 100.
            for device in &metrics.devices {
                for rate in [
                    device.r_per_s,
                    device.w_per_s,
                    device.read_bytes_s,
                    device.aqu_sz,
                ]
                .into_iter()
                .flatten()
                {
                    assert!(rate.is_finite() && rate >= 0.0, "{name}: {device:?}");
                }
            }
            for process in &metrics.processes {
                for rate in [process.read_bytes_s, process.write_bytes_s]
                    .into_iter()
                    .flatten()
                {
                    assert!(rate.is_finite() && rate >= 0.0, "{name}: {process:?}");
                }
            }
        }
    }
}
