//! What `fix --write` leaves is what the next `fix` would leave: with every consent given, a second
//! run has nothing to write, on the machines of the fixtures and on configurations in every form
//! that have many findings at once.
//!
//! `SETTLE_CASES` (configurations, default 15) and `SETTLE_SEED` (default 1) make it longer or
//! another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "nix_eval/choices.rs"]
mod choices;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/edited.rs"]
mod edited;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "edit_properties/forms.rs"]
mod forms;
#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/project.rs"]
mod project;

use choices::Choices;
use forms::FORMS;
use project::{Git, HOSTS, Project, Ran};

/// What stands in the place of a sound option: refused, ignored, doubled, out of date, at odds with
/// another one.
const FINDINGS: [&str; 12] = [
    "compress=zstd3",
    "compress=zstd:19",
    "compres=zstd",
    "nodatacow",
    "relatime",
    "nodiratime",
    "autodefrag",
    "space_cache",
    "nossd_spread",
    "commit=0",
    "inode_cache",
    "discard=asynch",
];

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Writes everything, and asks again; how many patches the first run made.
fn settles(project: &Project, what: &str) -> Result<usize, String> {
    let consents: Vec<String> = btrfs_tune::recommend::rules::RULES
        .iter()
        .map(|rule| rule.meta().id.to_owned())
        .collect();
    let mut arguments = vec!["fix", "--write", "--allow-dirty"];
    for consent in &consents {
        arguments.extend(["--consent", consent]);
    }
    let proposed = project.run(&["fix", "--diff"]);
    let written: Ran = project.run(&arguments);
    if written.code == Some(2) {
        return Err(format!("{what}: {written:?}"));
    }
    let again = project.run(&["fix", "--diff"]);
    if again.code == Some(2) || again.out.contains("diff --git ") {
        return Err(format!(
            "{what}: a second run still has something to write:\n{}\n----\nafter\n{}",
            again.out, proposed.out
        ));
    }
    // Nor does it write anything.
    let texts = project.nix_files();
    let third = project.run(&arguments);
    match third.code == Some(2) || texts != project.nix_files() {
        true => Err(format!("{what}: a second `--write` wrote: {third:?}")),
        false => Ok(proposed.out.matches("diff --git ").count()),
    }
}

#[test]
fn a_second_run_on_the_fixtures_has_nothing_to_write() {
    for host in HOSTS {
        let project = Project::of(host, Git::None);
        let patches = settles(&project, host).unwrap_or_else(|why| panic!("{why}"));
        assert!(patches > 0, "{host}: nothing was written");
    }
}

#[test]
fn a_second_run_after_many_findings_has_nothing_to_write() {
    let (cases, seed) = (number("SETTLE_CASES", 15), number("SETTLE_SEED", 1));
    let (mut faults, mut patches, mut several) = (Vec::new(), 0, 0);
    for case in 0..cases as usize {
        let mut c = Choices::random(seed.wrapping_mul(1_000_003).wrapping_add(case as u64));
        let written = forms::write(&mut c, case % FORMS.len());
        let project = Project::empty(Git::None);
        for (name, text) in &written.files {
            project.write(name, spoilt(&mut c, text));
        }
        let what = format!("seed {seed}, case {case} ({})", written.form);
        match settles(&project, &what) {
            Ok(count) => {
                patches += count;
                several += usize::from(count > 2);
            }
            Err(why) => faults.push(why),
        }
    }
    println!("{patches} patches, {several} of {cases} configurations with several");
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n\n")
    );
    assert!(several as u64 * 3 >= cases, "{several} of {cases}");
    assert!(patches as u64 >= cases * 2, "{patches} patches");
}

/// A text with some of its mount options replaced by such as there is something to say about.
fn spoilt(c: &mut Choices, text: &str) -> String {
    let sound = [
        "\"compress=zstd\"",
        "\"noatime\"",
        "\"discard=async\"",
        "\"space_cache=v2\"",
        "\"ssd\"",
        "\"commit=60\"",
    ];
    let mut spoilt = String::new();
    let mut rest = text;
    while let Some((at, option)) = sound
        .iter()
        .filter_map(|option| Some((rest.find(option)?, *option)))
        .min()
    {
        spoilt.push_str(&rest[..at]);
        match c.below(2) {
            0 => spoilt.push_str(option),
            _ => spoilt.push_str(&format!("\"{}\"", c.of(&FINDINGS))),
        }
        rest = &rest[at + option.len()..];
    }
    spoilt + rest
}
