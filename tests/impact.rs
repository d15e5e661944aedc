//! What changes come to on whole machines.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod hosts;

use btrfs_tune::analyze::{Analysis, facts};
use btrfs_tune::impact::{Basis, Effort, Impact, Quantity, effort, estimate, together};
use btrfs_tune::model::metrics::{CompressionRow, CompressionUse, Sourced};
use btrfs_tune::model::observation::{Quantity as Measured, Unit};
use btrfs_tune::model::units::Bytes;
use btrfs_tune::model::{Filesystem, Host};
use btrfs_tune::recommend::{Action, Class, DirectoryAttribute, Effect};

const EFFECTS: [Effect; 11] = [
    Effect::Correctness,
    Effect::Clarity,
    Effect::NoAccessTimes,
    Effect::Compression,
    Effect::LowerCompression,
    Effect::NoCow,
    Effect::EarlierWriteback,
    Effect::ZramTuning,
    Effect::BypassWorkqueues,
    Effect::LuksSectorSize,
    Effect::Scrub,
];

fn on<'h>(host: &'h Host, mountpoint: &str) -> &'h Filesystem {
    host.storage.mount(mountpoint).expect("it is mounted").0
}

fn impact(host: &Host, effect: Effect, mountpoint: &str) -> Impact {
    let analysis = Analysis::of(host);
    let impact = estimate(effect, Some(on(host, mountpoint)), host, &analysis);
    eprintln!("{} {effect:?}: {impact:#?}", host.name);
    impact
}

#[test]
fn every_effect_has_a_figure_with_a_basis_or_says_why_not() {
    for (name, mountpoint) in [("workstation", "/"), ("nas", "/srv/photos"), ("vps", "/")] {
        let host = hosts::host(name);
        for effect in EFFECTS {
            let impact = impact(&host, effect, mountpoint);
            let told =
                !impact.figures.is_empty() || impact.limit.is_some() || impact.note.is_some();
            assert!(told, "{name} {effect:?}");
            for figure in &impact.figures {
                let ratio = figure.time_ratio;
                assert!(0.0 < ratio.low && ratio.low <= ratio.high && ratio.high.is_finite());
                let source = match &figure.basis {
                    Basis::Measured(s) | Basis::Computed(s) | Basis::Literature(s) => s,
                };
                assert!(!source.is_empty());
            }
        }
    }
}

#[test]
fn nothing_is_promised_where_the_device_is_the_limit() {
    let host = hosts::host("vps");
    for effect in EFFECTS {
        let impact = impact(&host, effect, "/var");
        assert!(
            impact.figures.is_empty() && impact.loads.is_empty(),
            "{effect:?}"
        );
        if !matches!(
            effect,
            Effect::Correctness | Effect::Clarity | Effect::Scrub
        ) {
            assert!(
                impact.limit.unwrap().contains("100 requests a second"),
                "{effect:?}"
            );
        }
    }
}

#[test]
fn an_nvme_is_promised_no_time_but_told_what_it_is_spared() {
    let host = hosts::host("workstation");
    let impact = impact(&host, Effect::NoCow, "/persist");
    assert!(impact.figures.is_empty());
    assert!(impact.limit.unwrap().contains("NVMe"));
    // The database that people complain of comes first.
    let first = &impact.loads[0];
    assert!(
        first.operation.contains("PostgreSQL"),
        "{}",
        first.operation
    );
    let overwrite = impact
        .loads
        .iter()
        .find(|l| {
            l.operation.starts_with("8 KiB overwrite with fsync") && l.of == Quantity::Requests
        })
        .unwrap();
    assert!((overwrite.before.high - 2470.0 / 300.0).abs() < 1e-9);
    assert!((overwrite.after.high - 1810.0 / 300.0).abs() < 1e-9);
    // +C saves no flush, and none is told.
    let flush = |l: &&btrfs_tune::impact::Load| {
        l.of == Quantity::Flushes && l.operation.starts_with("8 KiB overwrite with")
    };
    assert!(impact.loads.iter().find(flush).is_none());
}

#[test]
fn a_disk_gets_intervals_bounded_by_what_waits() {
    let mut host = hosts::host("nas");
    let bounded = impact(&host, Effect::NoAccessTimes, "/srv/photos");
    assert_eq!(bounded.figures.len(), 2);
    for figure in &bounded.figures {
        assert!(
            figure.is_a_change() || figure.time_ratio.high <= 1.3,
            "{figure:?}"
        );
        // PSI says that 19.8 to 44.8 % of the time is waiting: no gain is beyond that.
        assert!(figure.time_ratio.low >= 1.0 - 0.4482 - 1e-9, "{figure:?}");
    }
    let given = bounded.assumptions.iter();
    assert!(
        given.clone().any(|a| a.contains("proc-pressure-io")),
        "{given:?}"
    );
    // The disks were seen at their limit: their own number is used.
    let Basis::Computed(basis) = &bounded.figures[0].basis else {
        panic!()
    };
    assert!(basis.contains("measured (iostat"), "{basis}");

    host.metrics.pressure.io = None;
    let unknown = impact(&host, Effect::NoAccessTimes, "/srv/photos");
    for (figure, bounded) in unknown.figures.iter().zip(&bounded.figures) {
        assert!(figure.time_ratio.contains(1.0), "{figure:?}");
        assert!(figure.time_ratio.low <= bounded.time_ratio.low + 1e-9);
    }
}

#[test]
fn what_becomes_slower_is_told_too() {
    let mut host = hosts::host("nas");
    let impact = impact(&host, Effect::NoCow, "/srv/downloads");
    let of = |word: &str| {
        impact
            .figures
            .iter()
            .find(|f| f.operation.contains(word))
            .unwrap()
    };
    assert!(of("without fsync").time_ratio.low > 1.0);
    assert!(of("in order").time_ratio.high < 1.0);
    host.hardware = None;
    host.metrics.mounts.clear();
    let unknown = self::impact(&host, Effect::NoCow, "/srv/downloads");
    assert!(unknown.figures.is_empty() && unknown.note.unwrap().contains("device is not known"));
}

#[test]
fn what_people_measured_is_carried_on() {
    let mut host = hosts::host("nas");
    host.observations
        .retain(|o| o.text.contains("library scan"));
    let [scan] = host.observations.as_slice() else {
        panic!("one complaint about the scan")
    };
    let hours = Measured {
        what: None,
        value: 6.5 * 3600.0,
        unit: Unit::Seconds,
        bound: None,
    };
    assert_eq!(scan.quantities, [hours]);
    let impact = impact(&host, Effect::NoAccessTimes, "/srv/photos");
    let figure = impact
        .figures
        .iter()
        .find(|f| f.expectation.is_some())
        .unwrap();
    let expectation = figure.expectation.as_ref().unwrap();
    assert_eq!(
        (expectation.before, expectation.unit.as_str()),
        (23_400.0, "s")
    );
    assert!((expectation.after.low - 23_400.0 * figure.time_ratio.low).abs() < 1e-6);
    assert!((expectation.after.high - 23_400.0 * figure.time_ratio.high).abs() < 1e-6);
}

#[test]
fn dm_crypt_gains_no_more_than_what_waits_above_the_disk() {
    let host = hosts::host("workstation");
    let impact = impact(&host, Effect::BypassWorkqueues, "/");
    let [figure] = impact.figures.as_slice() else {
        panic!("{impact:?}")
    };
    assert!(matches!(&figure.basis, Basis::Literature(a) if a.starts_with("https://")));
    // At most 21.4 % of the time anything waited.
    assert!(figure.time_ratio.low >= 1.0 - 0.2137 && figure.time_ratio.high == 1.0);
}

#[test]
fn effort_is_computed_only_from_what_is_known() {
    let mut host = hosts::host("workstation");
    let live = effort(Class::Live, &[], &host);
    assert!(!live.downtime && live.seconds.is_none());
    assert!(effort(Class::Reboot, &[], &host).downtime);

    let directory = "/persist/postgresql/16".to_owned();
    let actions = [Action::SetDirectoryAttribute {
        directory: directory.clone(),
        attribute: DirectoryAttribute::NoCow,
    }];
    let Effort {
        seconds,
        basis,
        space_bytes,
        downtime,
        ..
    } = effort(Class::Migrate, &actions, &host);
    assert!(downtime && seconds.is_none() && space_bytes.is_none());
    assert!(
        basis
            .unwrap()
            .contains("was not measured, at most the 673.1 GiB")
    );

    host.metrics.compression.push(Sourced {
        value: CompressionUse {
            path: Some(directory),
            rows: vec![CompressionRow {
                algorithm: "none".into(),
                disk: Bytes(7_000_000_000),
                uncompressed: Bytes(7_000_000_000),
                referenced: Bytes(7_000_000_000),
            }],
            ..CompressionUse::default()
        },
        source: "compsize.txt".into(),
    });
    let known = effort(Class::Migrate, &actions, &host);
    let seconds = known.seconds.unwrap();
    assert!((seconds.low - 2.0).abs() < 1e-9, "14 GB at 7 GB/s");
    assert!(seconds.high > seconds.low && known.space_bytes == Some(7_000_000_000));
    assert!(known.basis.unwrap().contains("https://"));

    let again = effort(Class::Reinstall, &[], &host);
    assert!(again.seconds.is_some() && again.downtime);
}

#[test]
fn facts_meet_across_the_inputs() {
    let nas = hosts::host("nas");
    let pool = on(&nas, "/srv/media");
    assert_eq!(facts::disks(&nas, pool).len(), 4);
    assert_eq!(facts::loads(&nas, pool).len(), 4);
    assert!(
        facts::usage(&nas, on(&nas, "/"))
            .unwrap()
            .source
            .contains("root")
    );
    let workstation = hosts::host("workstation");
    let crypt = facts::crypt_load(&workstation, on(&workstation, "/")).unwrap();
    assert_eq!(crypt.name, "dm-0");
}

#[test]
fn changes_that_spare_a_disk_the_same_thing_do_less_together_than_multiplied() {
    let host = hosts::host("nas");
    let filesystem = on(&host, "/srv/photos");
    let effects = [Effect::NoAccessTimes, Effect::Compression];
    let both = together(&effects, filesystem, &host).unwrap();
    let scan = both
        .figures
        .iter()
        .find(|f| f.operation.contains("many small files cold"))
        .unwrap();
    let Basis::Computed(basis) = &scan.basis else {
        panic!()
    };
    assert!(basis.contains("base → noatime+zstd1"), "{basis}");
    assert!(basis.contains("multiplied count by count"));
    let of_one = impact(&host, Effect::NoAccessTimes, "/srv/photos");
    let alone = of_one
        .figures
        .iter()
        .find(|f| f.operation == scan.operation)
        .unwrap();
    assert!(scan.time_ratio.low <= alone.time_ratio.low);
    assert_eq!(both.assumptions, of_one.assumptions);
    // One change alone is told with itself.
    assert_eq!(together(&[Effect::NoAccessTimes], filesystem, &host), None);
    // Where no time is promised for one change, none is for two.
    let workstation = hosts::host("workstation");
    assert_eq!(
        together(&effects, on(&workstation, "/"), &workstation),
        None
    );
}

#[test]
fn compression_gains_what_the_data_leave_to_gain() {
    let mut host = hosts::host("nas");
    let of = |host: &btrfs_tune::model::Host| {
        let impact = impact(host, Effect::Compression, "/srv/photos");
        let scan = impact.figures.iter();
        let mut scan = scan.filter(|f| f.operation.contains("many small files cold, their"));
        (scan.next().unwrap().time_ratio, impact.assumptions)
    };
    host.metrics.compression.clear();
    let (unknown, assumed) = of(&host);
    assert!(
        assumed.iter().any(|a| a.contains("is not known")),
        "{assumed:?}"
    );
    assert!(unknown.contains(1.0));
    let found = |disk: u64| {
        let row = btrfs_tune::model::metrics::CompressionRow {
            algorithm: "zstd".to_owned(),
            disk: btrfs_tune::model::units::Bytes(disk),
            uncompressed: btrfs_tune::model::units::Bytes(100),
            referenced: btrfs_tune::model::units::Bytes(100),
        };
        let below = btrfs_tune::model::metrics::CompressionUse {
            path: Some("/srv/photos".to_owned()),
            rows: vec![row],
            ..Default::default()
        };
        vec![btrfs_tune::model::metrics::Sourced {
            value: below,
            source: "compsize.txt".into(),
        }]
    };
    host.metrics.compression = found(30);
    let (third, assumed) = of(&host);
    assert!(
        assumed.iter().any(|a| a.contains("takes 30 %")),
        "{assumed:?}"
    );
    host.metrics.compression = found(98);
    let (photos, _) = of(&host);
    assert!(third.low < photos.low, "{third:?} {photos:?}");
    // What hardly compresses gains nothing.
    assert!(photos.contains(1.0));
    assert!(unknown.low <= third.low + 0.01 && unknown.high >= photos.high - 0.01);
}
