//! Scrub and balance.

use btrfs_tune::model::metrics::{Maintenance, MaintenanceState};
use btrfs_tune::model::units::Percent;

use super::{MIB, UUID, all_of, read, sound};

fn job(content: &str) -> Maintenance {
    let metrics = all_of(content);
    assert_eq!(metrics.maintenance.len(), 1, "{content}");
    metrics.maintenance[0].value.clone()
}

fn scrub(rest: &str) -> Maintenance {
    job(&format!("UUID:             {UUID}\n{rest}"))
}

#[test]
fn a_scrub_that_runs_tells_its_speed_and_how_far_it_is() {
    let running = scrub(
        "Scrub resumed:    Mon Nov 23 06:45:00 2026\nStatus:           running\nDuration:         0:00:10\n\
         Time left:        0:00:30\nETA:              Mon Nov 23 06:45:40 2026\nTotal to scrub:   4.00GiB\n\
         Bytes scrubbed:   1.00GiB  (25.00%)\nRate:             102.40MiB/s (limit 200.00MiB/s)\n\
         Error summary:    csum=3 read=1\n  Corrected:      2\n  Uncorrectable:  2\n  Unverified:     0\n",
    );
    assert!(running.running);
    assert_eq!(running.rate_bytes_s, Some(107_374_182.0));
    assert_eq!(running.done, Some(Percent(25.0)));
    assert_eq!(
        running.errors.as_deref(),
        Some("csum=3 read=1, corrected 2, uncorrectable 2")
    );
    let raw = scrub(
        "Scrub started:    x\nStatus:           running\nDuration:         0:00:10\nRate:             1000/s\n\
         Error summary:    no errors found\n",
    );
    assert_eq!((raw.rate_bytes_s, raw.errors), (Some(1000.0), None));
    let si = scrub(
        "Scrub started:    x\nStatus:           running\nRate:             1.50MB/s (some device limits set)\n",
    );
    assert_eq!(si.rate_bytes_s, Some(1_500_000.0));
}

#[test]
fn a_scrub_in_its_first_seconds_runs_though_nothing_is_measured() {
    let begun = scrub(
        "\tno stats available\nTime left:        0:00:00\nETA:              Mon Nov 23 22:14:36 2026\n\
         Total to scrub:   300.45MiB\nBytes scrubbed:   0.00B  (0.00%)\nRate:             0.00B/s\n\
         Error summary:    no errors found\n",
    );
    assert!(begun.running);
    assert_eq!((begun.rate_bytes_s, begun.done), (None, None));
}

#[test]
fn a_scrub_of_many_devices_is_one_job() {
    let devices = scrub(
        "\nScrub device /dev/sda (id 1) status\nScrub started:    x\nStatus:           running\nDuration:         0:01:00\n\
         Total to scrub:   3.00GiB\nBytes scrubbed:   2.00GiB  (66.67%)\nRate:             10.00MiB/s\nError summary:    no errors found\n\
         \nScrub device /dev/sdb (id 2) status\nScrub started:    x\nStatus:           running\nDuration:         0:01:00\n\
         Total to scrub:   1.00GiB\nBytes scrubbed:   1.00GiB  (100.00%)\nRate:             5.00MiB/s\nError summary:    super=1\n",
    );
    assert_eq!(
        (devices.done, devices.rate_bytes_s),
        (Some(Percent(75.0)), Some(15.0 * MIB as f64))
    );
    assert_eq!(devices.errors.as_deref(), Some("super=1"));
    let one_runs = scrub(
        "\nScrub device /dev/sda (id 1) history\nScrub started:    x\nStatus:           finished\n\
         \nScrub device /dev/sdb (id 2) status\nScrub started:    x\nStatus:           running\n\
         \nScrub device /dev/sdc (id 3) history\n\tno stats available\n",
    );
    assert_eq!(one_runs.state, MaintenanceState::Running);
}

#[test]
fn a_scrub_that_does_not_run_tells_how_it_ended() {
    for (word, state) in [
        ("finished", MaintenanceState::Finished),
        ("aborted", MaintenanceState::Aborted),
        ("interrupted", MaintenanceState::Interrupted),
    ] {
        let ended = scrub(&format!(
            "Scrub started:    x\nStatus:           {word}\nDuration:         0:00:10\n"
        ));
        assert_eq!((ended.state, ended.running), (state, false));
        let raw = scrub(&format!(
            "Scrub started:    x\nStatus:           {word}\n\tdata_bytes_scrubbed: 104857600\n\tread_errors: 0\n\tcsum_errors: 2\n\tlast_physical: 9\n"
        ));
        assert_eq!(raw.errors.as_deref(), Some("csum=2"));
    }
    assert_eq!(
        scrub("\tno stats available\n").state,
        MaintenanceState::Never
    );
    for name in ["btrfs-scrub-status.txt", "btrfs-scrub-status2.txt"] {
        let done = sound(name).maintenance[0].value.clone();
        assert_eq!(
            (done.state, done.errors),
            (MaintenanceState::Finished, None)
        );
        // Of what took no second, progs 6.2 count no rate.
        assert_eq!(done.rate_bytes_s, None);
    }
    let (_, problems) = read(&format!(
        "UUID: {UUID}\nScrub started: x\nStatus: bored\nRate: 1.2\n"
    ));
    assert_eq!(problems.len(), 2);
}

#[test]
fn scrubs_of_progs_4_are_read() {
    let old = |line: &str| {
        job(&format!(
            "scrub status for {UUID}\n\tscrub started at Mon Nov 23 06:45:00 2026{line}\n"
        ))
    };
    assert_eq!(
        old(", running for 00:00:05").state,
        MaintenanceState::Running
    );
    assert_eq!(
        old(" and was aborted after 00:00:05").state,
        MaintenanceState::Aborted
    );
    assert_eq!(
        old(", interrupted after 00:00:05, not running").state,
        MaintenanceState::Interrupted
    );
    let errors = old(
        " and finished after 00:01:02\n\ttotal bytes scrubbed: 1.00GiB with 2 errors\n\terror details: csum=2\n\t\
         corrected errors: 0, uncorrectable errors: 2, unverified errors: 0",
    );
    assert_eq!(errors.state, MaintenanceState::Finished);
    assert_eq!(errors.errors.as_deref(), Some("csum=2, uncorrectable 2"));
}

#[test]
fn a_balance_tells_how_far_it_is() {
    let running = job(
        "Balance on '/srv/it's' is running\n3 out of about 12 chunks balanced (4 considered),  75% left\n\
         Dumping filters: flags 0x7, state 0x1, force is off\n  DATA (flags 0x2): balancing, usage=50\n",
    );
    assert_eq!(
        (running.path.as_deref(), running.running),
        (Some("/srv/it's"), true)
    );
    assert_eq!(running.done, Some(Percent(25.0)));
    let stopping = job(
        "Balance on '/srv' is running, pause requested\n0 out of about 0 chunks balanced (0 considered), -nan% left\n",
    );
    assert_eq!(
        (stopping.state, stopping.done),
        (MaintenanceState::Running, None)
    );
    let paused = job(
        "Balance on '/srv' is paused\n13 out of about 12 chunks balanced (14 considered),  -8% left\n",
    );
    assert_eq!(
        (paused.state, paused.running),
        (MaintenanceState::Paused, false)
    );
    assert_eq!(paused.done, Some(Percent(100.0)));
    assert_eq!(
        sound("btrfs-balance-status.txt").maintenance[0].state,
        MaintenanceState::Never
    );
}
