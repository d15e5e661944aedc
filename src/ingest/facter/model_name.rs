//! What a disk's model name says: its full form, and whether it is flash or platters.

use crate::model::hardware::Medium;

/// The full model name. Reports cut the `model` of SATA disks to 16 characters; the by-id name
/// holds all of it as `ata-<model>_<serial>`.
pub(super) fn full(model: Option<&str>, serial: Option<&str>, names: &[String]) -> Option<String> {
    let from_id = names.iter().find_map(|name| {
        let id = name.strip_prefix("/dev/disk/by-id/ata-")?;
        let cut = serial
            .and_then(|serial| {
                id.strip_suffix(&serial.replace(' ', "_"))?
                    .strip_suffix('_')
            })
            .or_else(|| Some(id.rsplit_once('_')?.0))?;
        // The cut name must agree with the model as far as that goes.
        let begins = model.unwrap_or_default().replace(' ', "_");
        (!cut.is_empty() && cut.starts_with(&begins)).then(|| cut.replace('_', " "))
    });
    from_id.or_else(|| model.filter(|&model| model != "Disk").map(str::to_owned))
}

/// What a model name says of the medium. Names are all that a report has; what no rule below
/// knows stays unknown.
pub(in crate::ingest) fn medium(model: &str) -> Medium {
    if model.contains("SSD") || words(model).any(is_flash_word) || is_flash_pair(model) {
        Medium::SolidState
    } else if words(model).any(is_platter_word) || is_platter_pair(model) {
        Medium::Rotational
    } else {
        Medium::Unknown
    }
}

fn words(model: &str) -> impl Iterator<Item = &str> {
    model
        .split([' ', '_', '-', '(', ')'])
        .filter(|word| !word.is_empty())
}

fn is_flash_word(word: &str) -> bool {
    // Crucial CT500MX…, CT480BX…, CT1000P…; WD WDS500G…; HGST's flash HUSMM…, HUSSL….
    let crucial = word.strip_prefix("CT").and_then(after_digits);
    crucial.is_some_and(|rest| ["BX", "MX", "P"].iter().any(|line| rest.starts_with(line)))
        || word.strip_prefix("WDS").and_then(after_digits).is_some()
        || ["SDSS", "OCZ", "BIWIN", "SA400", "MTFD", "HUSM", "HUSS"]
            .iter()
            .any(|prefix| word.starts_with(prefix))
        || (word.starts_with("MZ") && word[2..].starts_with(|c: char| c.is_ascii_alphanumeric()))
        || word == "MZ"
}

fn is_flash_pair(model: &str) -> bool {
    model.replace('_', " ").contains("SanDisk SD")
}

fn is_platter_word(word: &str) -> bool {
    // Seagate ST4000DM…; its flash lines end their letters in other pairs (ST480FN, ST240HM).
    let seagate = word
        .strip_prefix("ST")
        .and_then(|rest| letters_after_digits(rest, 3..=5));
    let is_seagate = seagate.is_some_and(|letters| {
        letters.len() >= 2
            && !["FM", "FN", "HM", "KN"]
                .iter()
                .any(|l| letters.starts_with(l))
    });
    let western = word
        .strip_prefix("WD")
        .and_then(|rest| letters_after_digits(rest, 2..=4));
    is_seagate
        || western.is_some_and(|letters| letters.len() >= 4)
        || ["DT01", "HDW", "MG0", "MG1", "MQ0", "HUA", "HUH"]
            .iter()
            .any(|p| word.starts_with(p))
        || word.strip_prefix("HUS").and_then(after_digits).is_some()
        || ["HGST", "Hitachi", "HITACHI"].contains(&word)
}

fn is_platter_pair(model: &str) -> bool {
    let model = model.replace('_', " ");
    let after = |first: &str| model.split_once(first).map(|(_, rest)| rest.to_owned());
    after("SAMSUNG HD").is_some_and(|rest| after_digits(&rest).is_some())
        || after("TOSHIBA ").is_some_and(|rest| {
            ["DT", "HDW", "MG", "MQ", "MN"]
                .iter()
                .any(|line| rest.starts_with(line))
        })
}

/// What follows one or more digits at the start of `word`.
fn after_digits(word: &str) -> Option<&str> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < word.len()).then_some(rest)
}

/// The upper-case letters that follow `digits` digits at the start of `word`.
fn letters_after_digits(word: &str, digits: std::ops::RangeInclusive<usize>) -> Option<&str> {
    let rest = after_digits(word)?;
    let letters = rest.trim_start_matches(|c: char| c.is_ascii_uppercase());
    digits
        .contains(&(word.len() - rest.len()))
        .then(|| &rest[..rest.len() - letters.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_flash_from_platters_or_nothing() {
        use Medium::{Rotational, SolidState, Unknown};
        let cases = [
            ("Samsung SSD 870 EVO 500GB", SolidState),
            ("CT500MX500SSD1", SolidState),
            ("CT480BX", SolidState),
            ("CT1000P3", SolidState),
            ("WDC WDS500G2B0A-00SM50", SolidState),
            ("SanDisk SDSSDXPS240G", SolidState),
            ("OCZ-TRION100", SolidState),
            ("MZ7LH960HAJR-00005", SolidState),
            ("KINGSTON SA400S37240G", SolidState),
            ("MTFDDAK480TDS", SolidState),
            ("HGST HUSMM1680ASS204", SolidState),
            ("ST4000DM005-2DP166", Rotational),
            ("WDC WD120EFBX-68B0EN0", Rotational),
            ("WDC WD20EARX-00PASB0", Rotational),
            ("TOSHIBA DT01ACA200", Rotational),
            ("TOSHIBA MN07ACA12TE", Rotational),
            ("Hitachi HUA723030ALA640", Rotational),
            ("HGST HUS726T4TALA6L4", Rotational),
            ("SAMSUNG HD154UI", Rotational),
            ("HDSTOR - HSAV25ST250AX", Unknown),
            ("ST480FN0021", Unknown),
            ("DELL PERC H710", Unknown),
            ("QEMU HARDDISK", Unknown),
            ("STEC 123", Unknown),
            ("", Unknown),
        ];
        for (model, expected) in cases {
            assert_eq!(medium(model), expected, "{model}");
        }
    }

    #[test]
    fn the_full_name_comes_from_the_by_id_name_without_the_serial_number() {
        let names =
            ["/dev/disk/by-id/ata-ST2000DM001-1CH164_Z1E2_3", "/dev/sda"].map(str::to_owned);
        let name = |model, serial| full(model, serial, &names);
        assert_eq!(
            name(Some("ST2000DM001-1CH1"), Some("Z1E2_3")).unwrap(),
            "ST2000DM001-1CH164"
        );
        // An unknown serial number: the last part is taken for it.
        assert_eq!(
            name(Some("ST2000DM001-1CH1"), None).unwrap(),
            "ST2000DM001-1CH164 Z1E2"
        );
        // A by-id name that contradicts the model is not used.
        assert_eq!(name(Some("WDC WD10"), Some("Z1E2_3")).unwrap(), "WDC WD10");
        assert_eq!(full(Some("Disk"), None, &[]), None);
    }
}
