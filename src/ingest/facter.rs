//! A nixos-facter report (`facter.json`) of any version into [`Hardware`].
//!
//! Reports have changed shape often, and a part of a report that cannot be read must not cost the
//! rest: everything is looked up in plain JSON, and what does not fit becomes a [`Problem`].

mod disk;
mod field;
pub(super) mod model_name;

use serde_json::Value;

use self::field::{number, objects, small, text};
use super::problem::Problem;
use crate::model::hardware::{
    Cpu, Firmware, FormFactor, Hardware, Memory, MemoryBasis, Virtualisation,
};
use crate::model::units::Bytes;

/// A report has some 50 to 320 kB; what is beyond this is not one.
const LARGEST: usize = 64 << 20;

/// Reads a report; `source` is the name shown in problems.
pub fn read(source: &str, bytes: &[u8]) -> (Hardware, Vec<Problem>) {
    let refuse = |problem| (Hardware::default(), vec![problem]);
    if bytes.len() > LARGEST {
        return refuse(Problem::error(
            source,
            "larger than 64 MiB: not a facter report",
        ));
    }
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let report: Value = match serde_json::from_slice(json) {
        Ok(report) => report,
        Err(error) => {
            let message = format!("not valid JSON: {}", cause(&error));
            return refuse(
                Problem::error(source, message)
                    .at(error.line(), error.column())
                    .help("make the report anew with `sudo nixos-facter -o facter.json`"),
            );
        }
    };
    let Some(devices) = report
        .get("hardware")
        .filter(|hardware| hardware.is_object())
    else {
        return refuse(
            Problem::error(source, "not a facter report: it has no object `hardware`")
                .help("make one with `sudo nixos-facter -o facter.json`"),
        );
    };

    let mut problems = Vec::new();
    let report_version = report.get("version").and_then(number);
    if !matches!(report_version, Some(1 | 2)) {
        let shown = report_version.map_or_else(|| "none".to_owned(), |v| v.to_string());
        problems.push(Problem::note(
            source,
            format!("report version {shown} is not known here; read as version 1"),
        ));
    }
    for class in ["cpu", "memory", "disk", "storage_controller"] {
        field::doubt_elements(source, devices, class, &mut problems);
    }
    let virtualisation = text(&report, "virtualisation")
        .map(Virtualisation::from_word)
        .unwrap_or_default();
    let disks = disk::read_all(source, devices, &virtualisation, &mut problems);
    let hardware = Hardware {
        report_version,
        arch: text(&report, "system")
            .and_then(|system| system.split('-').next())
            .or_else(|| objects(devices, "cpu").find_map(|cpu| text(cpu, "architecture")))
            .map(str::to_owned),
        virtualisation,
        firmware: report.get("uefi").and_then(firmware),
        cpu: cpu(&report, devices),
        memory: memory(&report, devices),
        disks,
        form_factor: form_factor(&report, devices),
    };
    (hardware, problems)
}

/// The message of a JSON error without the place that serde_json appends to it.
fn cause(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn firmware(uefi: &Value) -> Option<Firmware> {
    match uefi.get("supported")?.as_bool()? {
        false => Some(Firmware::Bios),
        true => {
            let bits = uefi.get("platform_size").and_then(number);
            Some(Firmware::Uefi(
                bits.and_then(|bits| u8::try_from(bits).ok()),
            ))
        }
    }
}

fn cpu(report: &Value, devices: &Value) -> Cpu {
    let packages: Vec<&Value> = objects(devices, "cpu").collect();
    // A count that one package lacks is unknown for all: ARM reports have none.
    let sum = |key: &str| -> Option<u32> {
        let counts = packages
            .iter()
            .map(|cpu| small(cpu, key).filter(|&n| n > 0));
        counts
            .collect::<Option<Vec<u32>>>()
            .filter(|counts| !counts.is_empty())
            .and_then(|counts| counts.into_iter().try_fold(0u32, u32::checked_add))
    };
    let smbios = report.get("smbios").unwrap_or(&Value::Null);
    let firmware_name = objects(smbios, "processor").find_map(|cpu| text(cpu, "version"));
    let is_machine = |name: &&str| name.starts_with("pc-") || name.starts_with("virt-");
    Cpu {
        model: packages
            .iter()
            .find_map(|cpu| text(cpu, "model_name"))
            .or(firmware_name.filter(|name| !is_machine(name)))
            .map(str::to_owned),
        machine_type: firmware_name.filter(is_machine).map(str::to_owned),
        vendor: packages
            .iter()
            .find_map(|cpu| text(cpu, "vendor_name"))
            .map(str::to_owned),
        cores: sum("cores"),
        threads: sum("siblings"),
        sockets: u32::try_from(packages.len()).unwrap_or(u32::MAX),
        clock_max_mhz: objects(smbios, "processor")
            .find_map(|cpu| small(cpu, "clock_max").filter(|&mhz| mhz > 0)),
        features: packages
            .iter()
            .filter_map(|cpu| cpu.get("features")?.as_array())
            .flatten()
            .filter_map(|flag| flag.as_str().map(str::to_owned))
            .collect(),
    }
}

/// Memory by the best source there is: modules, else hwinfo's rounded figure, else the kernel's.
fn memory(report: &Value, devices: &Value) -> Option<Memory> {
    let smbios = report.get("smbios").unwrap_or(&Value::Null);
    let modules: Option<u64> = objects(smbios, "memory_device")
        .filter_map(|module| module.get("size").and_then(number))
        .try_fold(0u64, u64::checked_add)
        .and_then(|kib| kib.checked_mul(1024));
    let resource = |kind: &str| {
        objects(devices, "memory")
            .flat_map(|memory| objects(memory, "resources"))
            .filter(|resource| text(resource, "type") == Some(kind))
            .find_map(|resource| resource.get("range").and_then(number))
    };
    [
        (modules, false, MemoryBasis::Modules),
        (resource("phys_mem"), true, MemoryBasis::PhysMem),
        (resource("mem"), false, MemoryBasis::KernelTotal),
    ]
    .into_iter()
    .find_map(|(bytes, approximate, basis)| {
        let bytes = Bytes(bytes.filter(|&bytes| bytes > 0)?);
        Some(Memory {
            bytes,
            approximate,
            basis,
        })
    })
}

/// The chassis type of the firmware where it says something, else facter's own heuristic, which
/// has called a home-made server a laptop.
fn form_factor(report: &Value, devices: &Value) -> Option<FormFactor> {
    let chassis = report
        .get("smbios")
        .and_then(|smbios| smbios.get("chassis"));
    let entries: Vec<&Value> = match chassis {
        Some(Value::Array(entries)) => entries.iter().collect(),
        Some(entry) => vec![entry],
        None => Vec::new(),
    };
    let by_chassis = entries.iter().find_map(|entry| {
        let id = entry.get("chassis_type").or_else(|| entry.get("type"))?;
        match id.get("value").and_then(number)? {
            8..=10 | 14 | 30..=32 => Some(FormFactor::Laptop),
            3..=7 | 13 | 15 | 16 | 24 | 35 | 36 => Some(FormFactor::Desktop),
            17 | 23 | 25 | 28 | 29 => Some(FormFactor::Server),
            _ => None,
        }
    });
    by_chassis.or_else(|| match text(devices.get("system")?, "form_factor")? {
        "laptop" => Some(FormFactor::Laptop),
        "desktop" => Some(FormFactor::Desktop),
        "server" => Some(FormFactor::Server),
        _ => None,
    })
}
