//! Owns: what becomes of patches that the real Nix confirms and contradicts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::rc::Rc;

use super::withdraw::patches;
use super::*;
use crate::project::Project;
use crate::rewrite::{Outcome, realise};

const DISKO: &str = r#"{
  disko.devices.disk.main = {
    type = "disk";
    device = "/dev/vda";
    content = {
      type = "gpt";
      partitions.root = {
        size = "100%";
        content = {
          type = "btrfs";
          subvolumes = {
            "/root" = {
              mountpoint = "/";
              mountOptions = [ "compress=zstd:1" "spcae_cache=v2" ];
            };
            "/home" = {
              mountpoint = "/home";
              mountOptions = [ "compress=zstd:1" ];
            };
          };
        };
      };
    };
  };
}
"#;

struct Case {
    directory: tempfile::TempDir,
    opened: Opened,
    start: Workspace,
    last: Workspace,
    host: HostName,
    realised: Vec<Realised>,
}

fn case() -> Case {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("disko.nix"), DISKO).unwrap();
    let project = Rc::new(Project::open(directory.path()).unwrap());
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let (start, failed) = Workspace::open(Rc::clone(&project), Rc::clone(&sources), &hosts);
    assert!(failed.is_empty());
    let host = hosts[0].clone();
    let (last, realised) = realise(&start, &host, &Facts::default(), &|_| true);
    let opened = Opened {
        project,
        sources,
        hosts,
        problems: Vec::new(),
        asked: Vec::new(),
    };
    Case {
        directory,
        opened,
        start,
        last,
        host,
        realised,
    }
}

impl Case {
    fn run(&mut self) -> Vec<Problem> {
        let facts = Facts::default();
        let mut done = [Done {
            name: &self.host,
            facts: &facts,
            realised: &mut self.realised,
        }];
        let (last, limits) = (self.last.clone(), Limits::default());
        let ran = run(&self.opened, &limits, &self.start, last, &mut done);
        let (last, problems) = ran.unwrap();
        self.last = last;
        problems
    }

    fn patches(&self) -> Vec<&'static str> {
        let all = self.realised.iter();
        let patches = all.filter(|r| matches!(r.outcome, Outcome::Patch { .. }));
        patches.map(|r| r.proposal.finding.rule).collect()
    }
}

fn is_there() -> bool {
    let there = oracle::version(&Limits::default()).is_ok();
    if !there {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no Nix");
        eprintln!("skipped, there is no nix-instantiate: fix --verify");
    }
    there
}

#[test]
fn what_nix_confirms_stays() {
    if !is_there() {
        return;
    }
    let mut case = case();
    let before = case.patches();
    assert!(before.len() >= 2, "{before:?}");
    let problems = case.run();
    let notes = problems.iter().filter(|p| p.help.is_none()).count();
    assert_eq!(notes, problems.len(), "{problems:?}");
    assert_eq!(case.patches(), before);
    assert!(!case.last.texts().is_empty());
}

#[test]
fn what_nix_contradicts_is_withdrawn_and_nothing_of_it_is_left() {
    if !is_there() {
        return;
    }
    let mut case = case();
    assert!(case.patches().contains(&"mount/atime"));
    // Nix reads another file than was read here, so claims of what was there are wrong.
    let other = DISKO.replace(
        "[ \"compress=zstd:1\" ]",
        "[ \"compress=lzo\" \"noatime\" ]",
    );
    assert_ne!(other, DISKO);
    std::fs::write(case.directory.path().join("disko.nix"), other).unwrap();
    let problems = case.run();
    let told = problems.iter().any(|p| {
        p.message.contains("mountOptions is said to change") && p.message.contains("mount/atime")
    });
    assert!(told, "{problems:?}");
    assert!(
        !case.patches().contains(&"mount/atime"),
        "{:?}",
        case.patches()
    );
    let stuck = case.realised.iter().find_map(|r| match &r.outcome {
        Outcome::Stuck(stuck) if r.proposal.finding.rule == "mount/atime" => Some(&stuck.why),
        _ => None,
    });
    assert!(
        stuck.unwrap().starts_with("Nix contradicts it"),
        "{stuck:?}"
    );
    for id in case.last.texts().keys() {
        let file = case.last.sources().file(*id).unwrap();
        assert!(!file.text().contains("noatime"), "{}", file.text());
    }
}

#[test]
fn a_contradiction_without_a_culprit_takes_all_patches_of_the_host() {
    let case = case();
    let mut realised = case.realised.clone();
    let facts = Facts::default();
    let mut done = [Done {
        name: &case.host,
        facts: &facts,
        realised: &mut realised,
    }];
    let contradiction = Contradiction {
        host: case.host.clone(),
        kind: Kind::Wrong,
        path: Some(vec!["services".to_owned(), "unheard-of".to_owned()]),
        why: "Nix says otherwise".to_owned(),
    };
    let (last, problems) = withdraw(&case.start, &mut done, &[contradiction], Extent::Guilty);
    assert_eq!(problems.len(), 1);
    assert_eq!(patches(&done).count(), 0);
    let texts = last.texts().iter();
    let changed = texts.filter(|(id, text)| {
        let file = case.start.sources().file(**id);
        file.is_some_and(|file| file.text() != text.as_str())
    });
    assert_eq!(changed.count(), 0);
}
