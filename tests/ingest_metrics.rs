//! Outputs of tools, real and broken, and the facts that are read from them.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::fs;
use std::path::{Path, PathBuf};

use btrfs_tune::ingest::metrics::{read_bytes, read_dir};
use btrfs_tune::ingest::problem::{Problem, Severity};
use btrfs_tune::model::hardware::Medium;
use btrfs_tune::model::metrics::{BlockGroupKind, DfEntry, MaintenanceJob, Metrics};
use btrfs_tune::model::units::{Bytes, Millis, Percent};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/metrics")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn read_named(name: &str, content: &str) -> (Metrics, Vec<Problem>) {
    let mut metrics = Metrics::default();
    let problems = read_bytes(name, content.as_bytes(), &mut metrics);
    (metrics, problems)
}

fn read(content: &str) -> (Metrics, Vec<Problem>) {
    read_named("metrics.txt", content)
}

/// What a fixture holds, when all of it is understood.
fn sound(name: &str) -> Metrics {
    let (metrics, problems) = read_named(name, &text(name));
    assert_eq!(problems, [], "{name}");
    metrics
}

fn messages(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::to_string).collect()
}

fn df_of<'m>(metrics: &'m Metrics, mountpoint: &str) -> &'m DfEntry {
    &metrics
        .filesystems
        .iter()
        .find(|entry| entry.mountpoint == mountpoint)
        .unwrap()
        .value
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

// ---- df

#[test]
fn df_gives_the_same_bytes_in_every_block_size() {
    for (name, used) in [
        ("df-default.txt", 59_284 * KIB),
        ("df-P.txt", 59_284 * KIB),
        ("df-T.txt", 59_284 * KIB),
        ("df-B1-output.txt", 60_706_816),
    ] {
        let metrics = sound(name);
        let entry = df_of(&metrics, "/mnt/tune");
        assert_eq!(entry.device, "/dev/loop1", "{name}");
        assert_eq!(entry.size, Some(Bytes(943_718_400)), "{name}");
        assert_eq!(entry.used, Some(Bytes(used)), "{name}");
        assert_eq!(entry.available, Some(Bytes(776_187_904)), "{name}");
        assert!(!entry.approximate, "{name}");
        let typed = name.contains("-T") || name.contains("B1");
        assert_eq!(entry.fstype.as_deref(), typed.then_some("btrfs"), "{name}");
        assert_eq!(metrics.filesystems[0].source.as_ref(), name);
    }
}

#[test]
fn df_h_is_rounded_and_says_so() {
    let metrics = sound("df-h.txt");
    let entry = df_of(&metrics, "/mnt/tune");
    assert_eq!(
        (entry.size, entry.approximate),
        (Some(Bytes(900 * MIB)), true)
    );
    assert_eq!(entry.use_percent().map(|p| p.0.round()), Some(7.0));
}

#[test]
fn df_i_counts_inodes_not_bytes() {
    let metrics = sound("df-i.txt");
    assert_eq!(metrics.filesystems, []);
    let root = metrics.inodes.iter().find(|i| i.mountpoint == "/").unwrap();
    assert_eq!((root.total, root.used), (16_777_216, 394_464));
    assert_eq!(sound("df-B1-output.txt").inodes.len(), 5);
}

#[test]
fn df_is_known_in_any_language_with_any_blanks_in_names() {
    let german = "Dateisystem    Typ   1K-Blöcke Benutzt Verfügbar Verw% Eingehängt auf\n\
                  /dev/sda2      btrfs    1000     400       600   40% /mnt/meine Daten\n\
                  //nas/my share cifs     2000     500      1500   25% /srv\n";
    let (metrics, problems) = read(german);
    assert_eq!(problems, []);
    assert_eq!(
        df_of(&metrics, "/mnt/meine Daten").size,
        Some(Bytes(1000 * KIB))
    );
    assert_eq!(df_of(&metrics, "/srv").device, "//nas/my share");

    let comma =
        "Sys. de fichiers Taille Utilisé Dispo Uti% Monté sur\n/dev/sda2 1,5T 900G 600G 60% /\n";
    let (metrics, problems) = read(comma);
    assert_eq!(problems, []);
    assert_eq!(df_of(&metrics, "/").size, Some(Bytes(1536 << 30)));
}

#[test]
fn df_joins_a_line_that_an_old_tool_has_broken() {
    let wrapped = "Filesystem           1K-blocks      Used Available Use% Mounted on\n\
                   /dev/disk/by-uuid/0b6b4a4c-long-name\n\
                   \x20                       1000       400       600  40% /\n";
    let (metrics, problems) = read(wrapped);
    assert_eq!(problems, []);
    assert_eq!(
        df_of(&metrics, "/").device,
        "/dev/disk/by-uuid/0b6b4a4c-long-name"
    );
}

// ---- btrfs filesystem usage

#[test]
fn usage_in_bytes_is_exact() {
    let metrics = sound("btrfs-fi-usage-b.txt");
    let usage = &metrics.usage[0];
    assert_eq!(usage.device_size, Some(Bytes(943_718_400)));
    assert_eq!(usage.allocated, Some(Bytes(220_200_960)));
    assert_eq!(usage.unallocated, Some(Bytes(723_517_440)));
    assert_eq!(usage.used, Some(Bytes(54_939_648)));
    assert_eq!(usage.free_estimated, Some(Bytes(778_285_056)));
    assert_eq!(usage.free_minimum, Some(Bytes(416_526_336)));
    assert_eq!(usage.free_statfs, Some(Bytes(776_187_904)));
    assert_eq!(
        (usage.data_ratio, usage.metadata_ratio),
        (Some(1.0), Some(2.0))
    );
    assert_eq!(usage.global_reserve, Some(Bytes(5_767_168)));
    assert_eq!(usage.global_reserve_used, Some(Bytes(0)));
    assert_eq!(usage.multiple_profiles, Some(false));
    assert_eq!(
        usage.of_kind(BlockGroupKind::Metadata),
        Some((Bytes(47_185_920), Bytes(311_296)))
    );
    assert_eq!(usage.block_groups[1].profile, "RAID1");
    assert_eq!(usage.devices[0].path, "/dev/loop1");
    assert_eq!(
        usage.devices[0].allocated,
        Bytes(8_388_608 + 47_185_920 + 8_388_608)
    );
    assert_eq!(usage.devices[1].unallocated, Some(Bytes(315_621_376)));
    assert!(!usage.approximate);
}

#[test]
fn list_and_table_say_the_same() {
    let list = sound("btrfs-fi-usage-b.txt");
    let table = sound("btrfs-fi-usage-bT.txt");
    assert_eq!(list.usage[0].value, table.usage[0].value);
    let (list, table) = (sound("btrfs-fi-usage.txt"), sound("btrfs-fi-usage-T.txt"));
    assert_eq!(list.usage[0].value, table.usage[0].value);
    assert!(list.usage[0].approximate);
}

#[test]
fn usage_with_several_profiles_keeps_each() {
    let metrics = sound("btrfs-fi-usage-b-multiple-profiles.txt");
    let usage = &metrics.usage[0];
    assert_eq!(usage.multiple_profiles, Some(true));
    let profiles: Vec<&str> = usage
        .block_groups
        .iter()
        .map(|g| g.profile.as_str())
        .collect();
    assert_eq!(profiles, ["single", "DUP", "DUP", "DUP"]);
    assert_eq!(
        usage.of_kind(BlockGroupKind::Data),
        Some((Bytes(109_051_904), Bytes(62_914_560)))
    );
}

#[test]
fn usage_without_root_has_no_devices_and_no_absurd_slack() {
    let warning = "WARNING: cannot read detailed chunk info, per-device usage will not be shown, run as root\n";
    let (metrics, problems) = read(&(warning.to_owned() + &text("btrfs-fi-usage-nonroot.txt")));
    let usage = &metrics.usage[0];
    assert_eq!((usage.slack, usage.devices.len()), (None, 0));
    assert_eq!(usage.block_groups.len(), 4);
    assert_eq!(
        messages(&problems),
        ["metrics.txt:1: note: made without root: what single devices hold is missing"]
    );
}

#[test]
fn filesystem_df_gives_block_groups_as_text_and_as_json() {
    let text = sound("btrfs-fi-df-b.txt");
    assert_eq!(
        text.usage[0].value,
        sound("btrfs-fi-df.json").usage[0].value
    );
    assert_eq!(text.usage[0].global_reserve, Some(Bytes(5_767_168)));
    assert_eq!(text.usage[0].unallocated, None);
}

// ---- iostat

#[test]
fn the_report_since_boot_is_left_out_when_there_are_later_ones() {
    let metrics = sound("iostat-x.json");
    let vda = metrics
        .devices
        .iter()
        .find(|device| device.name == "vda")
        .unwrap();
    assert_eq!(vda.r_per_s, Some(83.0));
    assert_eq!(vda.w_per_s, Some(166.0));
    assert_eq!(vda.read_bytes_s, Some(5024.0 * 1024.0));
    assert_eq!(vda.write_bytes_s, Some(19_696.0 * 1024.0));
    assert_eq!(vda.r_await_ms, Some(Millis(0.39)));
    assert_eq!(vda.f_per_s, Some(48.0));
    assert_eq!(vda.aqu_sz, Some(0.09));
    assert_eq!(vda.util_percent, Some(Percent(4.0)));
    assert_eq!((vda.samples, vda.since_boot), (1, false));
    let cpu = metrics.cpu.as_ref().unwrap();
    assert_eq!((cpu.user, cpu.system), (Percent(75.25), Percent(21.72)));
    assert_eq!(metrics.kernel.as_ref().unwrap().value, "6.18.44-fc-v595");
}

#[test]
fn later_reports_are_averaged_and_waits_weighted_by_requests() {
    let report = |reads: f64, wait: f64, util: f64| {
        format!(
            "{{\"disk\":[{{\"disk_device\":\"sda\",\"r/s\":{reads},\"w/s\":0.0,\"r_await\":{wait},\
             \"w_await\":0.0,\"util\":{util}}}]}}"
        )
    };
    let reports = [
        report(9.0, 9.0, 9.0),
        report(100.0, 1.0, 20.0),
        report(300.0, 5.0, 80.0),
    ]
    .join(",");
    let json = format!("{{\"sysstat\":{{\"hosts\":[{{\"statistics\":[{reports}]}}]}}}}");
    let (metrics, problems) = read(&json);
    assert_eq!(problems, []);
    let sda = &metrics.devices[0];
    assert_eq!((sda.samples, sda.r_per_s), (2, Some(200.0)));
    assert_eq!(sda.r_await_ms, Some(Millis(4.0)));
    assert_eq!(
        sda.w_await_ms, None,
        "nobody waited for a write that nobody made"
    );
    assert_eq!(
        (sda.util_percent, sda.util_peak),
        (Some(Percent(50.0)), Some(Percent(80.0)))
    );
}

#[test]
fn a_single_report_may_be_since_boot_unless_the_command_says_otherwise() {
    let text = text("iostat-x-deDE.txt");
    assert!(read(&text).0.devices[0].since_boot);
    assert!(!read(&format!("$ iostat -dx -y 1 1\n{text}")).0.devices[0].since_boot);
}

#[test]
fn iostat_text_is_read_by_column_names() {
    let of = |metrics: &Metrics, name: &str| {
        metrics
            .devices
            .iter()
            .find(|device| device.name == name)
            .unwrap()
            .value
            .clone()
    };
    let extended = of(&sound("iostat-x.txt"), "loop2");
    assert_eq!(
        (extended.r_per_s, extended.f_per_s),
        (Some(204.0), Some(25.0))
    );
    assert_eq!(extended.samples, 1);
    // One report cut into four tables, with units and the device last.
    let human = of(&sound("iostat-h.txt"), "loop1");
    assert_eq!(human.w_per_s, Some(62.38));
    assert_eq!(human.write_bytes_s, Some(f64::round(3.6 * 1024.0 * 1024.0)));
    assert_eq!(
        (human.f_per_s, human.util_percent),
        (Some(25.74), Some(Percent(4.8)))
    );
    assert_eq!(human.samples, 1);
    let mebi = of(&sound("iostat-dxm.txt"), "loop2");
    assert_eq!(
        mebi.read_bytes_s,
        Some((0.78f64 * 1024.0 * 1024.0 * 100.0).round() / 100.0)
    );
    // The short form has rates of bytes but not of requests.
    let short = of(&sound("iostat.txt"), "vda");
    assert_eq!(
        (short.r_per_s, short.read_bytes_s),
        (None, Some(64_052.0 * 1024.0))
    );
    let comma = "Device r/s w/s %util\nsda 1,50 2,25 99,90\n";
    assert_eq!(of(&read(comma).0, "sda").r_per_s, Some(1.5));
}

#[test]
fn an_interrupted_iostat_is_told_and_costs_only_itself() {
    let cut = &text("iostat-x.json")[..900];
    let (metrics, problems) = read(&format!("{cut}\n## kernel\n6.12.1\n"));
    assert_eq!(metrics.kernel.unwrap().value, "6.12.1");
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].message.starts_with("JSON that ends early")
            || problems[0].message.starts_with("not valid JSON")
    );
}

// ---- /proc

#[test]
fn pressure_is_known_by_the_name_of_its_file() {
    let mut metrics = Metrics::default();
    for resource in ["cpu", "io", "memory"] {
        let name = format!("proc-pressure-{resource}.txt");
        assert_eq!(read_bytes(&name, text(&name).as_bytes(), &mut metrics), []);
    }
    let io = metrics.pressure.io.unwrap();
    assert_eq!(io.some.avg10, Percent(0.67));
    assert_eq!(io.full.unwrap().total_us, Some(7_050_444));
    assert_eq!(metrics.pressure.cpu.unwrap().some.avg60, Percent(8.3));
    assert_eq!(metrics.pressure.memory.unwrap().some.avg300, Percent(0.0));
}

#[test]
fn pressure_is_known_by_a_heading_a_command_or_a_prefix_and_else_not_guessed() {
    let io = text("proc-pressure-io.txt");
    let (cpu, memory) = (
        text("proc-pressure-cpu.txt"),
        text("proc-pressure-memory.txt"),
    );
    let of = |content: &str| {
        let (metrics, problems) = read(content);
        let some = |psi: Option<_>| {
            psi.map(
                |p: btrfs_tune::model::metrics::Sourced<btrfs_tune::model::metrics::Psi>| {
                    p.some.avg10.0
                },
            )
        };
        let p = metrics.pressure;
        ((some(p.io), some(p.cpu), some(p.memory)), problems.len())
    };
    assert_eq!(
        of(&format!("==> /proc/pressure/io <==\n{io}")),
        ((Some(0.67), None, None), 0)
    );
    assert_eq!(
        of(&format!("$ cat /proc/pressure/cpu\n{cpu}")),
        ((None, Some(3.97), None), 0)
    );
    let all = ((Some(0.67), Some(3.97), Some(0.0)), 0);
    assert_eq!(
        of(&format!("$ cat /proc/pressure/*\n{cpu}{io}{memory}")),
        all
    );
    assert_eq!(
        of(&format!(
            "$ cat /proc/pressure/io /proc/pressure/cpu /proc/pressure/memory\n{io}{cpu}{memory}"
        )),
        all
    );
    assert_eq!(
        of("/proc/pressure/io:some avg10=9.00 avg60=0 avg300=0 total=1"),
        ((Some(9.0), None, None), 0)
    );
    assert_eq!(of(&io), ((None, None, None), 1));
    // The kernel writes two lines; an odd line must not end the reading.
    assert_eq!(
        of("$ cat /proc/pressure/io\nsome avg10=nan avg60=0 avg300=0 total=1"),
        ((None, None, None), 1)
    );
    assert_eq!(of("somé avg10=1 total=1\nsome avg10= total=").1, 2);
}

#[test]
fn meminfo_agrees_with_procfs_core() {
    use procfs_core::FromBufRead;
    let text = text("proc-meminfo.txt");
    let reference = procfs_core::Meminfo::from_buf_read(text.as_bytes()).unwrap();
    let memory = sound("proc-meminfo.txt").memory.unwrap();
    assert_eq!(memory.total.0, reference.mem_total);
    assert_eq!(memory.available.map(|b| b.0), reference.mem_available);
    assert_eq!(memory.dirty.map(|b| b.0), Some(reference.dirty));
    assert_eq!(memory.writeback.map(|b| b.0), Some(reference.writeback));
    assert_eq!(memory.swap_total.map(|b| b.0), Some(reference.swap_total));
    assert_eq!(memory.swap_free.map(|b| b.0), Some(reference.swap_free));
}

#[test]
fn a_host_without_swap_is_known_to_have_none() {
    assert_eq!(sound("proc-swaps.txt").swaps.unwrap().value, []);
    let (metrics, problems) =
        read("Filename\tType\tSize\tUsed\tPriority\n/swap\\040file file 1024 512 -2\nodd\n");
    let swap = &metrics.swaps.unwrap().value[0];
    assert_eq!(
        (swap.path.as_str(), swap.size, swap.used),
        ("/swap file", Bytes(MIB), Bytes(MIB / 2))
    );
    assert_eq!(
        problems[0].message,
        "not a line of swaps: `odd`; passed over"
    );
}

#[test]
fn mountinfo_parts_the_options_of_the_mount_from_those_of_the_filesystem() {
    use procfs_core::FromBufRead;
    let metrics = sound("proc-self-mountinfo.txt");
    let mount = metrics
        .mounts
        .iter()
        .find(|m| m.mountpoint == "/mnt/tune")
        .unwrap();
    assert_eq!(
        (mount.fstype.as_str(), mount.device.as_str()),
        ("btrfs", "/dev/loop1")
    );
    assert_eq!(mount.mount_options, ["rw", "noatime"]);
    assert_eq!(
        mount.super_options,
        [
            "rw",
            "compress=zstd:3",
            "discard=async",
            "space_cache=v2",
            "subvolid=5",
            "subvol=/"
        ]
    );
    assert_eq!(
        (mount.root.as_deref(), mount.subvolume()),
        (Some("/"), Some("/"))
    );
    let text = text("proc-self-mountinfo.txt");
    let reference = procfs_core::process::MountInfos::from_buf_read(text.as_bytes()).unwrap();
    assert_eq!(metrics.mounts.len(), reference.0.len());

    let odd = "36 35 0:42 /@home/a\\040b /mnt/a\\040b\\134 rw shared:1 master:2 - btrfs /dev/sda rw,subvol=/@home\n";
    let mount = &read(odd).0.mounts[0];
    assert_eq!(mount.mountpoint, "/mnt/a b\\");
    assert_eq!(mount.root.as_deref(), Some("/@home/a b"));
}

#[test]
fn the_other_lists_of_mounts_give_the_same_options() {
    let wanted = [
        "compress=zstd:3",
        "discard=async",
        "space_cache=v2",
        "subvolid=5",
        "subvol=/",
    ];
    let command = "/dev/loop1 on /mnt/tune type btrfs (rw,noatime,compress=zstd:3,discard=async,space_cache=v2,subvolid=5,subvol=/)\n";
    for metrics in [
        sound("proc-mounts.txt"),
        sound("findmnt.json"),
        read(command).0,
    ] {
        let mount = metrics.mounts.iter().find(|m| m.fstype == "btrfs").unwrap();
        assert_eq!(mount.mountpoint, "/mnt/tune");
        assert_eq!(mount.mount_options, ["rw", "noatime"]);
        assert_eq!(mount.super_options, wanted);
    }
    let nested = "{\"filesystems\":[{\"target\":\"/\",\"source\":\"/dev/sda2[/@]\",\"fstype\":\"btrfs\",\"options\":\"rw\",\
                  \"children\":[{\"target\":\"/nix\",\"source\":\"/dev/sda2[/@nix]\",\"fstype\":\"btrfs\",\"options\":\"rw\"}]}]}";
    let roots: Vec<Option<String>> = read(nested)
        .0
        .mounts
        .iter()
        .map(|m| m.root.clone())
        .collect();
    assert_eq!(roots, [Some("/@".to_owned()), Some("/@nix".to_owned())]);
}

// ---- the smaller ones

#[test]
fn device_errors_are_counted_by_device() {
    let metrics = sound("btrfs-dev-stats.txt");
    assert_eq!(metrics.device_errors.len(), 2);
    let json = sound("btrfs-dev-stats.json");
    assert_eq!(metrics.device_errors[1].value, json.device_errors[1].value);
    let (metrics, _) = read("[devid:2].write_io_errs 3\n[devid:2].corruption_errs 4\n");
    assert_eq!(
        (
            metrics.device_errors[0].device.as_str(),
            metrics.device_errors[0].total()
        ),
        ("devid:2", 7)
    );
}

#[test]
fn snapshots_are_known_by_their_parent_or_not_at_all() {
    let count = |name: &str| {
        let metrics = sound(name);
        (metrics.subvolumes[0].total, metrics.subvolumes[0].snapshots)
    };
    assert_eq!(count("btrfs-subvol-list.txt"), (4, None));
    assert_eq!(count("btrfs-subvol-list-a.txt"), (4, Some(1)));
    assert_eq!(count("btrfs-subvol-list-puqt.txt"), (4, Some(1)));
    let metrics = sound("btrfs-subvol-list.txt");
    assert_eq!(
        metrics.subvolumes[0].paths,
        ["@", "@my data", "@nix", "snap1"]
    );
    let (metrics, _) =
        read("$ sudo btrfs subvolume list -s /srv\nID 259 gen 10 top level 5 path a path b\n");
    let list = &metrics.subvolumes[0];
    assert_eq!(
        (list.snapshots, list.path.as_deref()),
        (Some(1), Some("/srv"))
    );
    assert_eq!(list.paths, ["a path b"]);
}

#[test]
fn quotas_are_on_when_groups_are_printed_and_off_when_the_tool_says_so() {
    for name in ["btrfs-qgroup-show-raw.txt", "btrfs-qgroup-show.json"] {
        let metrics = sound(name);
        let quota = &metrics.quotas[0];
        assert_eq!(
            (quota.enabled, quota.groups, quota.limited),
            (true, 5, false),
            "{name}"
        );
    }
    let (metrics, problems) =
        read("$ btrfs qgroup show /\nERROR: can't list qgroups: quotas not enabled\n");
    assert_eq!(problems, []);
    let quota = &metrics.quotas[0];
    assert_eq!((quota.enabled, quota.path.as_deref()), (false, Some("/")));
    let limited = "qgroupid rfer excl max_rfer max_excl\n-------- ---- ---- -------- --------\n0/5 16384 16384 1073741824 none\n";
    assert!(read(limited).0.quotas[0].limited);
}

#[test]
fn compsize_tells_bytes_by_algorithm() {
    let metrics = sound("compsize-b.txt");
    let all = &metrics.compression[0];
    assert_eq!((all.files, all.extents, all.approximate), (62, 62, false));
    let zstd = all.rows.iter().find(|row| row.algorithm == "zstd").unwrap();
    assert_eq!(
        (zstd.disk, zstd.uncompressed),
        (Bytes(1_720_320), Bytes(6_635_520))
    );
    assert_eq!(all.rows.len(), 2);
    assert!(sound("compsize.txt").compression[0].approximate);
}

#[test]
fn jobs_are_running_or_not() {
    let scrub = sound("btrfs-scrub-status.txt").maintenance[0].value.clone();
    assert_eq!(
        (scrub.job, scrub.running, scrub.errors),
        (MaintenanceJob::Scrub, false, None)
    );
    let idle = sound("btrfs-balance-status.txt").maintenance[0]
        .value
        .clone();
    assert_eq!((idle.job, idle.running), (MaintenanceJob::Balance, false));
    let (metrics, _) = read("Balance on '/srv' is running\n3 out of about 9 chunks balanced\n");
    assert!(metrics.maintenance[0].running);
    assert_eq!(metrics.maintenance[0].path.as_deref(), Some("/srv"));
}

#[test]
fn lsblk_knows_the_medium() {
    let json = "{\"blockdevices\":[{\"kname\":\"sda\",\"type\":\"disk\",\"rota\":\"1\",\"size\":\"1000\",\"disc-max\":0,\
                \"children\":[{\"kname\":\"sda1\",\"type\":\"part\",\"rota\":true,\"size\":900,\"fstype\":\"btrfs\"}]},\
                {\"kname\":\"nvme0n1\",\"rota\":false,\"sched\":\"none\",\"tran\":\"nvme\",\"disc-max\":4096}]}";
    let (metrics, problems) = read(json);
    assert_eq!(problems, []);
    let facts: Vec<(&str, Medium, Option<bool>)> = metrics
        .block_devices
        .iter()
        .map(|device| (device.name.as_str(), device.medium, device.discard))
        .collect();
    assert_eq!(
        facts,
        [
            ("sda", Medium::Rotational, Some(false)),
            ("nvme0n1", Medium::SolidState, Some(true)),
            ("sda1", Medium::Rotational, None),
        ]
    );
    assert_eq!(metrics.block_devices[2].parent.as_deref(), Some("sda"));
    assert!(!sound("lsblk-short.json").block_devices.is_empty());
}

#[test]
fn versions_are_one_line_each() {
    let lines = "6.18.1\nbtrfs-progs v6.17\n25.11.717.abc (Xantusia)\n";
    let (metrics, problems) = read(lines);
    assert_eq!(problems, []);
    assert_eq!(metrics.kernel.unwrap().value, "6.18.1");
    assert_eq!(metrics.btrfs_progs.unwrap().value, "6.17");
    assert_eq!(metrics.nixos.unwrap().value, "25.11.717.abc (Xantusia)");
    let uname = "Linux nas 6.12.9-zen1 #1-NixOS SMP PREEMPT_DYNAMIC Thu Jan  9 12:33:44 UTC 2026 x86_64 GNU/Linux";
    assert_eq!(read(uname).0.kernel.unwrap().value, "6.12.9-zen1");
}

// ---- files

#[test]
fn the_output_of_one_long_command_is_cut_into_its_parts() {
    let whole = [
        "\u{1b}[32m## usage /mnt\u{1b}[0m\r\n".to_owned(),
        text("btrfs-fi-usage-b.txt").replace('\n', "\r\n"),
        text("btrfs-dev-stats.txt"),
        "## usage /srv/my\n".to_owned(),
        text("btrfs-fi-usage-b-single-dup.txt"),
        text("df-T.txt"),
        text("findmnt.json"),
        text("lsblk-short.json"),
        text("iostat-x.json"),
        text("proc-meminfo.txt"),
        text("proc-pressure-io.txt"),
        text("proc-swaps.txt"),
        "6.18.1\nbtrfs-progs v6.17\n25.11.717.abc (Xantusia)\n".to_owned(),
    ]
    .concat();
    let (metrics, problems) = read(&whole);
    let mounts: Vec<Option<&str>> = metrics
        .usage
        .iter()
        .map(|u| u.mountpoint.as_deref())
        .collect();
    assert_eq!(mounts, [Some("/mnt"), Some("/srv/my")]);
    assert_eq!(metrics.usage[0].devices.len(), 2);
    assert_eq!(metrics.device_errors.len(), 2);
    assert_eq!(metrics.filesystems.len(), 5);
    assert_eq!(metrics.mounts.len(), 1);
    assert_eq!(metrics.devices.len(), 5);
    assert!(metrics.memory.is_some() && metrics.nixos.is_some());
    assert_eq!(
        metrics.pressure.io.as_ref().unwrap().some.avg10,
        Percent(0.67)
    );
    assert_eq!(
        messages(&problems),
        [format!(
            "metrics.txt:{}: note: pressure without a name right after meminfo; taken for /proc/pressure/io",
            whole
                .lines()
                .position(|line| line.starts_with("some "))
                .unwrap()
                + 1
        )]
    );
}

#[test]
fn two_runs_of_one_command_are_two_facts() {
    let twice = text("btrfs-fi-usage-b.txt") + &text("btrfs-fi-usage-b-single-dup.txt");
    assert_eq!(read(&twice).0.usage.len(), 2);
    let twice = text("df-P.txt") + &text("df-h.txt");
    let (metrics, problems) = read(&twice);
    assert_eq!((metrics.filesystems.len(), problems.len()), (10, 0));
    assert!(!metrics.filesystems[0].approximate && metrics.filesystems[9].approximate);
}

#[test]
fn what_is_not_known_is_named_and_never_dropped() {
    let (metrics, problems) = read("procs ---\nnothing known\n");
    assert_eq!(metrics, Metrics::default());
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].severity, problems[0].line),
        (Severity::Warning, Some(1))
    );
    assert!(
        problems[0]
            .message
            .starts_with("no known output: `procs ---")
    );

    let (metrics, problems) = read("hello\nworld\n\nMemTotal: 8 kB\n");
    assert_eq!(metrics.memory.unwrap().total, Bytes(8192));
    assert_eq!(
        problems[0].message,
        "no known output: `hello` (and 1 lines after it); not read"
    );
    let (_, problems) = read("{\"smartctl\": {}, \"device\": {}}");
    assert_eq!(
        problems[0].message,
        "JSON of no known output (it has `smartctl`, `device`); not read"
    );
    let (_, problems) = read(" \n\n");
    assert_eq!(messages(&problems), ["metrics.txt: note: is empty"]);
    let mut metrics = Metrics::default();
    let problems = read_bytes("blob", b"\x7fELF\0\0", &mut metrics);
    assert_eq!(problems[0].severity, Severity::Error);
}

#[test]
fn problems_of_one_file_are_bounded() {
    let noise = "## x\nnonsense\n".repeat(5000);
    let problems = read(&noise).1;
    assert_eq!(problems.len(), 21);
    assert_eq!(problems[20].message, "and 4980 more problems in this file");
}

#[test]
fn no_prefix_and_no_mangling_of_a_real_file_panics() {
    for entry in fs::read_dir(folder()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let step = (bytes.len() / 150).max(1);
        for end in (0..bytes.len()).step_by(step) {
            let mut metrics = Metrics::default();
            read_bytes("cut", &bytes[..end], &mut metrics);
            let mut mangled = bytes.clone();
            mangled[end] = b"9\xc3 %:{-\n"[end % 8];
            read_bytes("mangled", &mangled, &mut metrics);
        }
    }
}

#[test]
fn numbers_beyond_all_bounds_are_problems_not_panics() {
    let cases = [
        "MemTotal: 18446744073709551615 kB\n",
        "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/a 18446744073709551615 1 1 1% /\n",
        "Overall:\n    Device size:\t99999999999999999999\n",
        "Filename Type Size Used Priority\n/a file 18446744073709551615 1 1\n",
        "some \nsome avg10=1 total=99999999999999999999999\n",
        "Device r/s w/s\nsda 1e400 nan\n",
    ];
    for case in cases {
        read(case);
    }
    let deep = "{\"a\":".repeat(100_000);
    assert_eq!(read(&deep).1.len(), 1);
}

#[test]
fn large_nonsense_is_read_in_time_that_grows_with_its_size() {
    let row = "1 1 1 1% ";
    let cases = [
        "Filesystem 1K-blocks Used Available Use% Mounted on\n".to_owned()
            + &" x\n".repeat(100_000),
        row.repeat(100_000),
        format!("Use% {}\n", row.repeat(100_000)),
        "Overall:\nUnallocated:\n".to_owned()
            + &(0..100_000)
                .map(|i| format!(" /dev/{i}\t1\n"))
                .collect::<String>(),
        "Overall:\n".to_owned() + &"WARNING: x\n".repeat(100_000),
        "{\n".repeat(100_000),
    ];
    let begin = std::time::Instant::now();
    for case in cases {
        read(&case);
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

#[test]
fn a_folder_is_read_in_order_and_one_bad_file_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("b.txt"), text("df-P.txt")).unwrap();
    fs::write(path("a.txt"), "[/dev/a].write_io_errs 1\n").unwrap();
    fs::write(path("c.txt"), "nonsense\n").unwrap();
    fs::create_dir(path("sub")).unwrap();
    std::os::unix::fs::symlink("loop", path("loop")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
    std::os::unix::fs::symlink("a.txt", path("z-link")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(path("fifo"))
        .status()
        .unwrap();
    assert!(fifo.success());
    let (metrics, problems) = read_dir(folder.path()).unwrap();
    assert_eq!(metrics.filesystems.len(), 5);
    let sources: Vec<&str> = metrics
        .device_errors
        .iter()
        .map(|e| e.source.as_ref())
        .collect();
    assert_eq!(sources, ["a.txt", "z-link"]);
    let named: Vec<&str> = problems.iter().map(|p| p.source.as_str()).collect();
    assert_eq!(named, ["c.txt", "fifo", "loop", "sub", "zero"]);
    assert!(read_dir(&path("absent")).is_err());
}

/// Real outputs beside the fixtures, where somebody has them: none may be read wrongly in silence.
#[test]
fn real_outputs_are_read_or_named() {
    let Ok(folder) = std::env::var("METRICS_SAMPLES") else {
        return;
    };
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut metrics = Metrics::default();
        let problems = read_bytes(&name, &fs::read(&path).unwrap(), &mut metrics);
        assert!(
            metrics != Metrics::default() || !problems.is_empty(),
            "{name}"
        );
        let read = if metrics == Metrics::default() {
            "nothing"
        } else {
            "facts"
        };
        eprintln!("{name}: {read} {:?}", messages(&problems));
    }
}
