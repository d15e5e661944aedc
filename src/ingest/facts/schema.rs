//! The shape of a facts file as a JSON Schema: loose, for whoever writes one by hand or by program.

use serde_json::{Map, Value, json};

const WHOLE: &str = "What someone knows of a machine that is not at hand. Every key is optional and free keys are allowed: values are read by meaning, and what was not understood is listed. Numbers may carry a bound (\">30\", \"~4 min\", \"40-50\"); a unit stands behind the number or at the end of the key (_gib, _gb, _mib, _kib, _ms, _s, _min, _h, _pct, _mb_s, _iops). Without a certain unit a number is only text.";
const DISKS: &str = "Disks: {\"kind\": \"nvme\" | \"sata-ssd\" | \"hdd\" | \"smr hdd\" | \"usb\" | \"sd\" | \"emmc\" | \"virtio\", \"model\", \"size_gb\", \"count\"}, or as people name them: \"2x 4TB WD Red\".";
const MOUNTS: &str = "A list of {\"mountpoint\", \"options\": [\"noatime\"] or \"noatime,ssd\", \"device\", \"fstype\", \"subvol\"}, an object of mount points with their options, or lines of /proc/mounts or fstab.";
const KERNEL: &str = "The kernel that runs, as text: \"6.12.43\"; a remark may follow.";

/// Keys of the machine.
const HARDWARE: [(&str, &str); 6] = [
    ("cpu_model", "Name of the processor."),
    ("cpu_threads", "Hardware threads."),
    ("cpu_cores", "Cores."),
    ("ram_gib", "Memory; also ram_gb, or memory as \"8 GB\"."),
    ("virtualisation", "kvm, lxc, none …"),
    ("machine", "laptop, desktop, server."),
];

/// Keys of one disk.
const DISK: [(&str, &str); 6] = [
    ("kind", "Sort of disk."),
    ("model", "Model; a remark may follow in brackets."),
    (
        "size_gb",
        "Capacity; also size_tb, size_gib, size as \"4 TB\".",
    ),
    ("count", "How many of them."),
    ("firmware", "Firmware version."),
    ("device", "Kernel name, such as /dev/sda."),
];

/// Keys of what was measured or seen.
const METRICS: [(&str, &str); 22] = [
    (
        "btrfs_usage",
        "device_size, unallocated, data_total_gib, data_used_gib, metadata_profile …",
    ),
    ("df", "\"93%\", or sizes by mount point."),
    (
        "qgroups",
        "{\"enabled\", \"limits_set\", \"mode\"}, or on and off.",
    ),
    ("snapshots", "How many: 40, \">3000\", {\"count\"}."),
    ("subvolumes", "How many."),
    (
        "top",
        "Programs and kernel threads with what they do: {\"btrfs-cleaner\": \"100% of one core\"}.",
    ),
    ("d_state", "Tasks in state D: names, or how many."),
    (
        "iostat",
        "Figures of devices: util, r_await, w_await, r_s, w_s, rkb_s, wkb_s.",
    ),
    (
        "psi_io",
        "Pressure, in percent; also pressure: {\"io\": {\"some_avg10\"}}.",
    ),
    ("loadavg", "Load average."),
    (
        "free",
        "Memory: total, used, free, buff_cache, available, with units.",
    ),
    ("swap_total", "Swap; 0 is none."),
    ("dmesg", "Lines of the kernel's log."),
    ("filefrag", "[{\"file\", \"extents\"}], or extents by path."),
    (
        "compsize",
        "[{\"path\", \"disk_mib\", \"uncompressed_mib\"}].",
    ),
    (
        "smart",
        "passed, wear_percent, media_errors, reallocated, tb_written …",
    ),
    ("device_stats", "Error counters by device."),
    ("scrub", "{\"status\", \"mib_s\", \"errors\"}."),
    ("balance", "The same of a balance."),
    ("docker", "{\"driver\"}."),
    ("nix", "Settings of Nix, such as auto-optimise-store."),
    (
        "timings",
        "Times by what takes them: {\"mount_s\": \">30\"}.",
    ),
];

/// The JSON Schema of a facts file.
pub fn schema() -> Value {
    let mut hardware = described(&HARDWARE);
    let disk = object("One disk.", described(&DISK), &["object", "string"]);
    hardware.insert(
        "disks".to_owned(),
        json!({ "description": DISKS, "type": ["array", "object", "string"], "items": disk }),
    );
    let lists = ["array", "object", "string"];
    let mut facts = Map::new();
    let what = "Processor, memory, disks, sort of machine.";
    facts.insert("hardware".to_owned(), object(what, hardware, &["object"]));
    facts.insert("kernel".to_owned(), json!({ "description": KERNEL }));
    facts.insert(
        "mounts".to_owned(),
        json!({ "description": MOUNTS, "type": lists }),
    );
    let what = "What was measured or seen, by tool or by name; the output of a tool may stand here as text.";
    let metrics = object(what, described(&METRICS), &["object"]);
    facts.insert("metrics".to_owned(), metrics);
    let what = "Services and programs that run: a list of names, an object, or a sentence.";
    facts.insert(
        "services".to_owned(),
        json!({ "description": what, "type": lists }),
    );
    let what = "Whatever else was seen, in words.";
    facts.insert(
        "observations".to_owned(),
        json!({ "description": what, "type": lists }),
    );
    let facts = object("What is known, by subject.", facts, &["object"]);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "btrfs-tune/facts/1",
        "title": "btrfs-tune facts",
        "description": WHOLE,
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "complaint": {
                "description": "What is wrong, in the words of whoever suffers from it.",
                "type": ["string", "array"],
                "items": { "type": "string" }
            },
            "facts": facts
        },
        "additionalProperties": true
    })
}

fn described(keys: &[(&str, &str)]) -> Map<String, Value> {
    let key = |(key, what): &(&str, &str)| ((*key).to_owned(), json!({ "description": what }));
    keys.iter().map(key).collect()
}

fn object(what: &str, properties: Map<String, Value>, types: &[&str]) -> Value {
    json!({
        "description": what,
        "type": types,
        "properties": properties,
        "additionalProperties": true
    })
}
