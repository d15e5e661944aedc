//! People's words, and what is understood of them.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use btrfs_tune::ingest::observations::{Lexicon, read_text, read_text_from, read_toml};
use btrfs_tune::ingest::problem::Severity;
use btrfs_tune::model::observation::{
    Bound, HowBad, Observation, Quantity, Symptom, Tried, Unit, WorkloadHint,
};

fn heard(text: &str) -> Observation {
    read_text(text).0
}

fn one(toml: &str) -> Observation {
    let (mut observations, problems) = read_toml("observations.toml", toml);
    assert_eq!(problems, []);
    assert_eq!(observations.len(), 1);
    observations.remove(0)
}

fn problems(toml: &str) -> Vec<String> {
    read_toml("o.toml", toml)
        .1
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Invented sentences, with what an expert would take from them.
const SENTENCES: &str = include_str!("ingest_observations/sentences.txt");

/// More of them: operations, results, things.
const THINGS: &str = include_str!("ingest_observations/things.txt");

#[test]
fn sentences_mean_what_an_expert_would_take_from_them() {
    let mut wrong = Vec::new();
    let (mut sentences, mut traps) = (0, 0);
    let lines = SENTENCES.lines().chain(THINGS.lines());
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.split_once('|').unwrap();
        let observation = heard(text);
        sentences += 1;
        traps += usize::from(expected.contains(['!', '?', '=', '+', '<', '-']));
        for expected in expected.split_whitespace() {
            let (mark, id) = match expected.split_at(1) {
                (mark, id) if "!?=+<-".contains(mark) => (mark, id),
                _ => ("", expected),
            };
            assert!(Lexicon::standard().concept(id).is_some(), "{id}");
            let mut all = observation.heard.iter().filter(|h| h.concept == id);
            let right = match mark {
                "!" => all.any(|h| h.negated && !h.supposed),
                "?" => all.any(|h| h.supposed),
                "=" => all.any(|h| h.tried == Some(Tried::NoEffect)),
                "+" => all.any(|h| h.tried == Some(Tried::Helped)),
                "<" => all.any(|h| h.tried == Some(Tried::Worse)),
                "-" => !all.any(|h| h.is_fact()),
                _ => all.any(|h| h.is_fact()),
            };
            if !right {
                wrong.push(format!(
                    "{text}\n  {expected}: {}",
                    observation.understood()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sentences >= 150 && traps >= 40, "{sentences} {traps}");
}

#[test]
fn sentences_are_understood_and_echoed() {
    let cases = [
        (
            "builds are slow",
            "work.build “builds”, symptom.slow “slow”",
        ),
        ("it is not slow", "not: symptom.slow “slow”"),
        (
            "nixos-rebuild takes forever in /home/ann/src.",
            "op.rebuild “nixos-rebuild takes”, work.nix-store “nixos-rebuild”, symptom.slow “takes forever”; \
             at /home/ann/src",
        ),
        (
            "postgres stalls for 3 s every hour",
            "work.database “postgres”, symptom.stall “stalls for 3 s”, \
             when.hourly + when.periodic “every hour”; when: every hour; how bad: seconds; \
             numbers: 3 s",
        ),
        (
            "a build takes 20 minutes since 2026-05, it was fast",
            "work.build “build”, symptom.slow “takes 20 minutes”, onset.age “was fast”; since: 2026-05; \
             how bad: minutes; numbers: 1200 s",
        ),
        (
            "slow since the update to 25.11, maybe the scheduler, noatime did not help",
            "symptom.slow “slow”, onset.program-update “since the update to”; \
             only supposed: thing.scheduler “scheduler”; tried: thing.noatime (no effect) “noatime”; \
             since: the update to 25.11",
        ),
        (
            "the moon is round and slow",
            "symptom.slow “slow”; not understood: moon round",
        ),
        (
            "the moon is round",
            "nothing understood; kept as text; not understood: moon round",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(heard(text).understood(), expected, "{text}");
    }
}

#[test]
fn a_negation_turns_what_it_reaches_and_no_more() {
    let symptoms = |text: &str| (heard(text).symptoms, heard(text).denied);
    use Symptom::{Fine, Freeze, Slow};
    assert_eq!(symptoms("it is not slow"), (vec![Fine], vec![Slow]));
    assert_eq!(
        symptoms("builds are no longer slow"),
        (vec![Fine], vec![Slow])
    );
    assert_eq!(symptoms("it isn’t really slow"), (vec![Fine], vec![Slow]));
    assert_eq!(symptoms("never freezes"), (vec![Fine], vec![Freeze]));
    assert_eq!(symptoms("it is not fast"), (vec![Slow], vec![]));
    assert_eq!(symptoms("it used to be fast"), (vec![Slow], vec![]));
    assert_eq!(symptoms("it is fast"), (vec![Fine], vec![Slow]));
    assert_eq!(symptoms("works fine"), (vec![Fine], vec![]));
    // The complaint stands: the negation belongs to another clause.
    assert_eq!(symptoms("not the network, slow disk"), (vec![Slow], vec![]));
    assert_eq!(symptoms("does not crash but slow"), (vec![Slow], vec![]));
    assert_eq!(symptoms("not only slow"), (vec![Slow], vec![]));
    assert_eq!(
        symptoms("writes are slow, reads are not slow"),
        (vec![Slow], vec![])
    );
    assert_eq!(
        symptoms("slow, but it never freezes"),
        (vec![Slow], vec![Freeze])
    );
}

#[test]
fn the_worst_complaint_comes_first() {
    let observation = heard("everything is slow and then the desktop hangs");
    assert_eq!(observation.what(), Some(Symptom::Freeze));
    assert_eq!(observation.workloads, [WorkloadHint::Desktop]);
}

#[test]
fn words_inside_words_and_paths_mean_nothing() {
    let observation = heard("/var/lib/docker and /srv/mail belong to slowpoke");
    assert_eq!(
        (observation.symptoms.len(), observation.workloads.len()),
        (0, 0)
    );
    assert_eq!(observation.paths, ["/srv/mail", "/var/lib/docker"]);
}

#[test]
fn quantities_are_in_base_units() {
    let of = |text: &str| {
        heard(text)
            .quantities
            .iter()
            .map(|q| (q.value, q.unit))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("20 minutes"), [(1200.0, Unit::Seconds)]);
    assert_eq!(
        of("~1,5h or 250ms"),
        [(5400.0, Unit::Seconds), (0.25, Unit::Seconds)]
    );
    assert_eq!(
        of("(12 MiB/s)"),
        [(12.0 * 1_048_576.0, Unit::BytesPerSecond)]
    );
    assert_eq!(
        of("80% of 2 TB"),
        [(80.0, Unit::Percent), (2e12, Unit::Bytes)]
    );
    assert_eq!(
        of("kernel 6.12, 3 disks, 1.2.3, 99999999999999999999999999999 %"),
        [(3.0, Unit::Count)]
    );
    assert_eq!(
        of("0.5 s or half a minute"),
        [(0.5, Unit::Seconds), (30.0, Unit::Seconds)]
    );
    // Bits are no bytes, decimal is not binary, and what may be either is not read.
    assert_eq!(of("100 Mbit/s"), [(12.5e6, Unit::BytesPerSecond)]);
    assert_eq!(of("6 Gb/s"), [(7.5e8, Unit::BytesPerSecond)]);
    assert_eq!(of("11 MB/s"), [(11e6, Unit::BytesPerSecond)]);
    assert_eq!(
        of("eleven megabytes per second"),
        [(11e6, Unit::BytesPerSecond)]
    );
    assert_eq!(of("11 mb/s"), [(11e6, Unit::BytesPerSecond)]);
    assert_eq!(
        of("500 kB, 500 KiB, 2 TiB"),
        [
            (5e5, Unit::Bytes),
            (512_000.0, Unit::Bytes),
            (2.0 * 1024f64.powi(4), Unit::Bytes)
        ]
    );
    assert_eq!(of("500 kb/s"), []);
    assert_eq!(of("at 3 am on 2026-05-01 with kernel 6.10.3"), []);
    assert_eq!(
        heard("hangs for 20 minutes").severity,
        Some(HowBad::Minutes)
    );
}

#[test]
fn numbers_tell_what_they_measure() {
    let of = |text: &str| {
        heard(text)
            .quantities
            .iter()
            .map(|q| (q.what.clone().unwrap_or_default(), q.value, q.bound))
            .collect::<Vec<_>>()
    };
    let one = |what: &str, value: f64| vec![(what.to_owned(), value, None)];
    let at_least = |what: &str, value: f64| vec![(what.to_owned(), value, Some(Bound::AtLeast))];
    assert_eq!(of("2 GB RAM"), one("ram", 2e9));
    assert_eq!(of("only 16 GB of memory"), one("ram", 16e9));
    assert_eq!(of("the disk is 95 % full"), one("used", 95.0));
    assert_eq!(of("40% free"), one("free", 40.0));
    assert_eq!(of("the CPU is at 100 %"), one("cpu", 100.0));
    assert_eq!(of("4 cores"), one("cores", 4.0));
    assert_eq!(of("a four-disk array"), one("disks", 4.0));
    assert_eq!(of("40 old hourly snapshots"), one("snapshots", 40.0));
    assert_eq!(of("300 000 extents"), one("extents", 300_000.0));
    assert_eq!(of("1,400 extents"), one("extents", 1400.0));
    assert_eq!(of("3k extents"), one("extents", 3000.0));
    assert_eq!(of("a dozen snapshots"), one("snapshots", 12.0));
    assert_eq!(of("two thousand files"), one("files", 2000.0));
    assert_eq!(of("twenty five subvolumes"), one("subvolumes", 25.0));
    assert_eq!(of("a load above 30"), at_least("load", 30.0));
    assert_eq!(of("hundreds of snapshots"), at_least("snapshots", 200.0));
    assert_eq!(of("more than 20 snapshots"), at_least("snapshots", 20.0));
    // Heard of others, or a time and no measurement.
    assert_eq!(of("I have read that 20 snapshots are too many"), []);
    assert_eq!(of("it stalls every 10 minutes for 3 days"), []);
}

#[test]
fn since_and_when_are_told_in_their_own_words() {
    let since = |text: &str| heard(text).since;
    let when = |text: &str| heard(text).when;
    for (text, said) in [
        ("slow since 2026-05", "2026-05"),
        (
            "slow after upgrading to 6.10, always",
            "after upgrading to 6.10",
        ),
        ("it hangs for two weeks now", "for two weeks"),
        ("it got slow three weeks ago", "three weeks ago"),
        ("slow since the update to 25.11", "the update to 25.11"),
    ] {
        assert_eq!(since(text).as_deref(), Some(said), "{text}");
    }
    assert_eq!(since("slow, since the disk is idle"), None);
    assert_eq!(since("hangs for two minutes"), None);
    for (text, said) in [
        ("it stalls every hour", "every hour"),
        ("it stalls at night", "at night"),
        ("it hangs right after boot", "right after boot"),
        ("it hangs during backup", "during backup"),
        (
            "it hangs whenever snapper runs, mostly",
            "whenever snapper runs",
        ),
    ] {
        assert_eq!(when(text).as_deref(), Some(said), "{text}");
    }
    // Who says that all is well, even every day, complains of nothing.
    assert_eq!(when("works fine every day"), None);
}

#[test]
fn a_sentence_names_the_place_it_stands_at() {
    let (observation, problems) = read_text_from("facts.json:3", "the moon is round");
    assert_eq!(observation.source, "facts.json:3");
    assert_eq!(problems[0].source, "facts.json:3");
}

#[test]
fn what_was_understood_can_be_corrected() {
    let observation = one(
        "[[observation]]\ntext = \"docker is slow\"\nnot = [\"work.container\"]\nis = \"work.vm\"\n",
    );
    assert_eq!(observation.workloads, [WorkloadHint::Vm]);
    assert_eq!(
        observation.understood(),
        "symptom.slow “slow”, work.vm “is”; not: work.container “not”"
    );
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nnot = [\"thing.quotas\"]\n"),
        ["o.toml:3:8: warning: unknown concept `thing.quotas` (did you mean `thing.quota`?)"]
    );
}

#[test]
fn the_lexicon_is_extended_by_data() {
    let toml = r#"
[words]
"ruckelt" = "symptom.stall"
"datenbank|datenbanken" = ["work.database"]

[[concept]]
id = "thing.turbo"
means = "our turbo card"
says = ["turbo (card)", "tc 9000"]
implies = ["thing.controller"]
not = ["turbo boost"]

[[observation]]
text = "Die Datenbank ruckelt mit der TC-9000, turbo boost ist an"
"#;
    let observation = one(toml);
    let heard: Vec<&str> = observation
        .heard
        .iter()
        .map(|h| h.concept.as_str())
        .collect();
    assert_eq!(
        heard,
        [
            "work.database",
            "symptom.stall",
            "thing.turbo",
            "thing.controller"
        ]
    );
    // Other texts know nothing of it.
    assert!(self::heard("es ruckelt").heard.is_empty());
    assert_eq!(
        problems("[words]\n\"lahm\" = \"symptom.slo\"\n"),
        ["o.toml:2:10: warning: unknown concept `symptom.slo` (did you mean `symptom.slow`?)"]
    );
    assert_eq!(
        problems("[words]\n\"lahm ..\" = \"symptom.slow\"\n"),
        ["o.toml:2:1: warning: `lahm ..` has a gap at its end"]
    );
    assert_eq!(
        problems("[[concept]]\nid = \"thin.x\"\nsais = \"x\"\n"),
        [
            "o.toml:2:6: warning: unknown category `thin` (did you mean `thing`?)",
            "o.toml:3:1: warning: unknown key `sais` (did you mean `says`?)",
        ]
    );
}

#[test]
fn hostile_texts_take_no_long_time() {
    let start = std::time::Instant::now();
    for seed in [
        "slow ",
        "not ",
        "quota or ",
        "I have read that ",
        "disk is ",
        "1,",
        "a",
        "mounting .. ",
        "noatime did not help ",
        "was fast until ",
        "((((",
        "300 000 ",
        "no slow, or ",
        "é’s-",
    ] {
        let text = seed.repeat((1 << 17) / seed.len());
        let observation = heard(&text);
        assert!(observation.heard.len() < 1000 && observation.unread.len() < 100);
    }
    // Linear work is a few seconds unoptimised; squared it would be hours.
    assert!(start.elapsed().as_secs() < 200, "{:?}", start.elapsed());
    assert!(!heard(&"slow ".repeat((1 << 20) / 5)).heard.is_empty());
    let (_, problems) = read_text(&"x".repeat((1 << 20) + 1));
    assert_eq!(problems[0].severity, Severity::Error);
}

#[test]
fn free_text_without_meaning_is_kept_and_told() {
    let (observation, problems) = read_text("the moon is round");
    assert_eq!(observation.text, "the moon is round");
    assert_eq!(problems[0].severity, Severity::Note);
    assert_eq!(read_text("slow").1, []);
}

#[test]
fn a_full_entry_of_the_file_is_read() {
    let observation = one(r#"
[[observation]]
what = "slow"
where = ["/nix", "/home"]
since = "2026-05"
how_bad = "minutes"
when = "nightly backups"
workload = "build"
measured = { build = "20 minutes", w_await_ms = 120, cpu = "80 %", seq_read_mib_s = 90.5, files = 12 }
text = "compiles got worse with the new disk"
"#);
    assert_eq!(observation.what(), Some(Symptom::Slow));
    assert_eq!(observation.paths, ["/home", "/nix"]);
    assert_eq!(observation.since.as_deref(), Some("2026-05"));
    assert_eq!(observation.severity, Some(HowBad::Minutes));
    assert_eq!(
        observation.workloads,
        [WorkloadHint::Build, WorkloadHint::Backup]
    );
    assert_eq!(observation.source, "observations.toml:2");
    assert_eq!(
        observation.text,
        "slow; compiles got worse with the new disk"
    );
    let quantity = |what: &str| {
        let found = observation
            .quantities
            .iter()
            .find(|q| q.what.as_deref() == Some(what));
        found.map(|Quantity { value, unit, .. }| (*value, *unit))
    };
    assert_eq!(quantity("build"), Some((1200.0, Unit::Seconds)));
    assert_eq!(quantity("w_await"), Some((0.12, Unit::Seconds)));
    assert_eq!(quantity("cpu"), Some((80.0, Unit::Percent)));
    assert_eq!(quantity("files"), Some((12.0, Unit::Count)));
}

#[test]
fn a_sentence_and_a_date_will_do() {
    let observation = one("[[observation]]\nwhat = \"docker stalls\"\nsince = 2026-05-01\n");
    assert_eq!(observation.what(), Some(Symptom::Stall));
    assert_eq!(observation.workloads, [WorkloadHint::Container]);
    assert_eq!(observation.since.as_deref(), Some("2026-05-01"));
}

#[test]
fn entries_keep_the_order_of_the_file() {
    let (observations, _) = read_toml(
        "o",
        "[[observation]]\nwhat='slow'\n[[observation]]\nwhat='stall'\n",
    );
    let sources: Vec<&str> = observations.iter().map(|o| o.source.as_str()).collect();
    assert_eq!(sources, ["o:1", "o:3"]);
}

#[test]
fn mistakes_are_told_with_their_place_and_the_likely_word() {
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nwher = \"/home\"\n"),
        ["o.toml:3:1: warning: unknown key `wher` (did you mean `where`?)"]
    );
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nworkload = [\"build\", \"databse\"]\n"),
        ["o.toml:3:22: warning: unknown workload `databse` (did you mean `database`?)"]
    );
    assert_eq!(
        problems("[[observation]]\nwhat = 3\n"),
        [
            "o.toml:1:1: warning: an observation that says nothing",
            "o.toml:2:8: warning: `what` is a text in quotes",
        ]
    );
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nwhere = \"home\"\n"),
        ["o.toml:3:9: warning: `home` is not an absolute path"]
    );
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nhow_bad = \"minuts\"\n"),
        ["o.toml:3:11: warning: unknown degree `minuts` (did you mean `minutes`?)"]
    );
    assert_eq!(
        problems("[[observations]]\nwhat = \"slow\"\n"),
        ["o.toml:1:3: warning: unknown key `observations` (did you mean `observation`?)"]
    );
    assert_eq!(
        problems("[[observation]]\nwhat = \"slow\"\nmeasured = { build = [] }\n"),
        ["o.toml:3:22: warning: `build` is not a quantity"]
    );
}

#[test]
fn broken_toml_is_one_error_with_line_and_column() {
    let (observations, problems) = read_toml("o.toml", "[[observation]]\nwhat = \n");
    assert_eq!(observations, []);
    assert_eq!((problems.len(), problems[0].severity), (1, Severity::Error));
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(8)));
    assert_eq!(
        read_toml("o.toml", &format!("a = {}", "[".repeat(100_000)))
            .1
            .len(),
        1
    );
}

#[test]
fn an_empty_file_says_nothing() {
    assert_eq!(read_toml("o", ""), (vec![], vec![]));
}

proptest::proptest! {
    #[test]
    fn any_words_can_be_said(text in "\\PC{0,80}", tail in "[a-z0-9 ,.%/=\"'\\[\\]{}\n-]{0,80}") {
        let said = format!("{text} not slow {tail} since 3 min, /{tail}");
        assert_eq!(heard(&said).understood(), heard(&said).understood());
        read_toml("o", &format!("[[observation]]\n{text}{tail}"));
        read_toml("o", &format!("[[observation]]\nwhat = '''{text}'''\nmeasured = {{ a_s = '{tail}' }}"));
    }
}
