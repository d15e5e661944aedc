//! The three machines: what each of them gets, and that it comes to rest.

use std::path::Path;

use super::host::{apply, findings};
use crate::analyze::{Analysis, Workload, WorkloadKind};
use crate::ingest::{facter, metrics};
use crate::model::Host;
use crate::project::Project;
use crate::recommend::rules::RULES;
use crate::recommend::{Finding, Severity};

fn load(name: &str) -> Host {
    let directory = format!("fixtures/hosts/{name}");
    let project = Project::open(Path::new(&directory)).unwrap();
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let mut host = project.evaluate(&sources, &hosts[0]).unwrap().host();
    let report = std::fs::read(format!("{directory}/facter.json")).unwrap();
    host.hardware = Some(facter::read("facter.json", &report).0);
    host.metrics = metrics::read_dir(Path::new(&format!("{directory}/metrics")))
        .unwrap()
        .0;
    host
}

fn workload(kind: WorkloadKind, path: &str) -> Workload {
    Workload {
        paths: vec![path.to_owned()],
        complained_about: true,
        ..Workload::new(kind)
    }
}

fn analysis(workloads: &[(WorkloadKind, &str)]) -> Analysis {
    let workloads = workloads
        .iter()
        .map(|(kind, path)| workload(*kind, path))
        .collect();
    Analysis {
        workloads,
        diagnoses: Vec::new(),
        ..Analysis::default()
    }
}

/// Every finding as `rule subject (severity) title`.
fn report(host: &Host, analysis: &Analysis) -> Vec<String> {
    let all = RULES
        .iter()
        .filter(|rule| rule.meta().default_on)
        .flat_map(|rule| findings(rule.meta().id, host, analysis));
    all.map(|(finding, remedy)| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        };
        let title = remedy.map_or("-".to_owned(), |r| r.title);
        let Finding {
            rule,
            subject,
            message,
            ..
        } = finding;
        format!("{rule} | {subject} | {severity}\n  {message}\n  => {title}")
    })
    .collect()
}

/// Applies one remedy after the other until there is none, and tells what is left.
fn at_rest(host: &mut Host, analysis: &Analysis) -> Vec<String> {
    for _ in 0..60 {
        let found = RULES
            .iter()
            .filter(|rule| rule.meta().default_on)
            .flat_map(|rule| findings(rule.meta().id, host, analysis));
        let Some(remedy) = found.filter_map(|(_, remedy)| remedy).next() else {
            // What ran when the metrics were taken is older than the changes.
            let of_running = ["integrity/drift", "mount/removal-needs-negation"];
            let mut left = report(host, analysis);
            left.retain(|text| !of_running.iter().any(|rule| text.starts_with(rule)));
            return left;
        };
        remedy.actions.iter().for_each(|action| apply(host, action));
    }
    panic!("never at rest: {:#?}", report(host, analysis));
}

#[test]
fn the_workstation() {
    let mut host = load("workstation");
    let analysis = analysis(&[
        (WorkloadKind::Build, "/home/mira/src"),
        (WorkloadKind::Database, "/persist/postgresql/16"),
    ]);
    insta::assert_snapshot!("workstation", report(&host, &analysis).join("\n"));
    assert_eq!(at_rest(&mut host, &analysis), [""; 0]);
}

#[test]
fn the_nas() {
    let mut host = load("nas");
    let analysis = analysis(&[(WorkloadKind::Nas, "/srv/photos")]);
    insta::assert_snapshot!("nas", report(&host, &analysis).join("\n"));
    assert_eq!(at_rest(&mut host, &analysis), [""; 0]);
}

#[test]
fn the_vps_gets_its_boot_and_its_memory() {
    let mut host = load("vps");
    let analysis = analysis(&[
        (WorkloadKind::Mail, "/var"),
        (WorkloadKind::NixStore, "/nix"),
    ]);
    insta::assert_snapshot!("vps", report(&host, &analysis).join("\n"));
    assert_eq!(at_rest(&mut host, &analysis), [""; 0]);
}
