//! People's words, and what is understood of them.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use btrfs_tune::ingest::observations::{read_text, read_toml};
use btrfs_tune::ingest::problem::Severity;
use btrfs_tune::model::observation::{HowBad, Observation, Quantity, Symptom, Unit, WorkloadHint};

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

#[test]
fn sentences_are_understood_and_echoed() {
    let cases = [
        ("builds are slow", "slow; workload build"),
        ("nixos-rebuild takes forever", "slow; workload nix-store"),
        (
            "my nix builds are slow in /home/ann/src.",
            "slow; workload nix-store; at /home/ann/src",
        ),
        (
            "The whole system freezes for minutes when btrbk runs",
            "freeze; workload backup; minutes",
        ),
        (
            "postgres stalls for 3 s every hour",
            "stall; workload database; seconds; 3 s",
        ),
        (
            "a build takes 20 minutes since 2026-05, it was fast",
            "slow; workload build; since 2026-05; minutes; 1200 s",
        ),
        (
            "No space left on device but df shows 40% free",
            "out-of-space; 40 %",
        ),
        (
            "boot takes 90 seconds since the update to 25.11",
            "slow-boot; since the update to 25.11; minutes; 90 s",
        ),
        (
            "docker pulls at 2 MB/s, disk thrashing",
            "busy; workload container; 2000000 B/s",
        ),
        (
            "filesystem went read-only after I/O errors",
            "errors, read-only",
        ),
        ("builds are not slow", "fine; not slow; workload build"),
        ("the moon is round", "nothing understood; kept as text"),
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
        of("kernel 6.12, 3 disks, 1.2.3, 99999999999999999999999999999 %").len(),
        1
    );
    assert_eq!(
        heard("hangs for 20 minutes").severity,
        Some(HowBad::Minutes)
    );
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
        heard(&said).understood();
        read_toml("o", &format!("[[observation]]\n{text}{tail}"));
        read_toml("o", &format!("[[observation]]\nwhat = '''{text}'''\nmeasured = {{ a_s = '{tail}' }}"));
    }
}
