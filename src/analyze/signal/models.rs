//! Owns: what the names of disk models tell an expert.

use super::{Gather, Subject};
use crate::analyze::evidence::Source;

/// Models that their makers (or the lists of those who measured them) call drive-managed SMR.
/// Names as the kernel shows them; of families in which some sizes are CMR, the sizes that are SMR.
const SHINGLED: &[&str] = &[
    "ST8000AS",
    "ST5000AS",
    "ST6000AS",
    "ST8000DM004",
    "ST5000LM000",
    "ST4000LM024",
    "ST3000LM024",
    "ST2000LM015",
    "ST1000LM048",
    "ST1000LM035",
    "ST2000LM007",
    "ST500LM030",
    "ST2000DM008",
    "ST4000DM004",
    "ST6000DM003",
    "ST3000DM007",
    "WD20EFAX",
    "WD30EFAX",
    "WD40EFAX",
    "WD60EFAX",
    "WD20EZAZ",
    "WD60EZAZ",
    "WD40EZAZ",
    "WD10SPZX",
    "WD20SPZX",
    "WD10SPCX",
    "WD20NMVW",
    "TOSHIBA DT02",
    "TOSHIBA MQ04",
    "TOSHIBA HDWL",
];

/// NVMe models without memory of their own, or with a firmware that public reports name for hangs
/// in a power state.
const SUSPECT_NVME: &[(&str, &str)] = &[
    (
        "KINGSTON SA2000",
        "Kingston A2000: hangs in deep power states (a quirk of the kernel since 5.11)",
    ),
    (
        "MICRON 2400",
        "Micron 2400: without memory of its own, reported to time out",
    ),
    (
        "MICRON_2400",
        "Micron 2400: without memory of its own, reported to time out",
    ),
];

/// Flash that keeps its tables in the memory of the host or in the flash itself, or has four bits a
/// cell: fast until its cache is full. Maker's data sheets.
const BUDGET: &[&str] = &[
    "DRAM-LESS",
    "DRAMLESS",
    "QLC",
    "P1 ",
    "CT500P1",
    "CT1000P1",
    "CT1000P2",
    "CT500P2",
    "CT1000P3",
    "CT2000P3",
    "CT500P3",
    "660P",
    "670P",
    "SSDPEKNW",
    "SSDPEKNU",
    "SNV2S",
    "SNV3S",
    "NV1 ",
    "NV2 ",
    "NV3 ",
    "870 QVO",
    "860 QVO",
    "MZ-77Q",
    "SA400",
    "A400",
    "BX500",
    "WD GREEN",
    "WDS240G3G",
    "WDS480G3G",
    "SN530",
    "SN540",
    "SN570",
    "SN580",
    "SN770",
    "MICRON 2400",
    "MICRON_2400",
    "MICRON 2210",
    "980 500GB",
    "980 1TB",
    "KBG",
    "KIOXIA BG",
    "SOLIDIGM P41 PLUS",
];

/// Whether a model is known to be a drive-managed SMR disk.
pub fn is_shingled(model: &str) -> bool {
    let model = model.to_uppercase();
    SHINGLED.iter().any(|m| model.contains(m))
}

/// Whether a model is known to be flash without memory of its own, or with four bits a cell.
pub fn is_budget(model: &str) -> bool {
    let model = model.to_uppercase();
    BUDGET.iter().any(|m| model.contains(m))
}

/// What the name of a model tells an expert.
pub(super) fn tell(gather: &mut Gather<'_>, about: Subject, model: Option<&str>, source: &Source) {
    let Some(model) = model.map(str::to_uppercase) else {
        return;
    };
    if is_shingled(&model) {
        let text = format!("{model} is a shingled (SMR) disk");
        gather.fact("disk.shingled", about.clone(), true, source.clone(), text);
    }
    if let Some((_, why)) = SUSPECT_NVME.iter().find(|(m, _)| model.contains(m)) {
        gather.fact(
            "disk.suspect_firmware",
            about.clone(),
            true,
            source.clone(),
            *why,
        );
    }
    if is_budget(&model) {
        let text = format!("{model} has no memory of its own, or four bits a cell");
        gather.fact("disk.budget_flash", about, true, source.clone(), text);
    }
}
