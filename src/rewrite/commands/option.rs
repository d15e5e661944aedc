//! Owns: NixOS options whose effect can be had at once, or has to be asked for after a switch.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Command, shell_word};
use crate::model::Host;
use crate::recommend::Class;

pub(super) fn set(path: &[String], value: &Json, host: &Host) -> Vec<Command> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["boot", "kernel", "sysctl", key] => sysctl(key, value, host).into_iter().collect(),
        ["hardware", "block", ..] => match value.as_str() {
            Some(scheduler) => vec![scheduler_of_devices(scheduler)],
            None => Vec::new(),
        },
        ["services", "udev", "extraRules"] => match value.as_str() {
            Some(text) => {
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                self::lines(path, &lines)
            }
            None => Vec::new(),
        },
        ["virtualisation", "docker", "storageDriver"] => match value.as_str() {
            Some(driver) => docker(driver),
            None => Vec::new(),
        },
        ["systemd", "tmpfiles", "rules"] => match value.as_array() {
            Some(rules) => {
                let rules: Vec<String> = rules
                    .iter()
                    .filter_map(|r| r.as_str().map(str::to_owned))
                    .collect();
                tmpfiles(&rules)
            }
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

pub(super) fn lines(path: &[String], lines: &[String]) -> Vec<Command> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["services", "udev", "extraRules"] => udev(lines),
        ["systemd", "tmpfiles", "rules"] => tmpfiles(lines),
        _ => Vec::new(),
    }
}

/// What no switch takes back has no command either: the values before are nobody's.
pub(super) fn unset(_path: &[String]) -> Vec<Command> {
    Vec::new()
}

/// Of each pair the kernel sets one to 0 when the other is written
/// (Documentation/admin-guide/sysctl/vm.rst).
const COUPLED: [(&str, &str); 2] = [
    ("vm.dirty_bytes", "vm.dirty_ratio"),
    ("vm.dirty_background_bytes", "vm.dirty_background_ratio"),
];

fn sysctl(key: &str, value: &Json, host: &Host) -> Option<Command> {
    let text = match value {
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
        // nixos/modules/config/sysctl.nix writes false as nothing.
        Json::Bool(on) => (if *on { "1" } else { "0" }).to_owned(),
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
    };
    let write =
        |key: &str, value: &str| format!("sysctl -w -- {}", shell_word(&format!("{key}={value}")));
    let read = |key: &str| format!("sysctl -n -- {}", shell_word(key));
    let known = host
        .settings
        .known(&format!("boot.kernel.sysctl.{key}"))
        .map(|s| match &s.value {
            Json::String(text) => text.clone(),
            Json::Bool(on) => (if *on { "1" } else { "0" }).to_owned(),
            other => other.to_string(),
        });
    // The kernel shows several numbers with tabs between them.
    let is_set = format!(
        "test \"$({} | tr '\\t' ' ')\" = {}",
        read(key),
        shell_word(&text)
    );
    let step = Command::new(
        Class::Live,
        format!("{key}: the same at once, until the next boot"),
        write(key, &text),
    )
    .done(is_set.clone())
    .verify(is_set)
    .requires(
        format!("{} >/dev/null 2>&1", read(key)),
        format!("this kernel has no {key}"),
    );
    let coupled = COUPLED.iter().find_map(|(a, b)| match key {
        _ if key == *a => Some(*b),
        _ if key == *b => Some(*a),
        _ => None,
    });
    Some(match (known, coupled) {
        (Some(before), None) => step.undo(write(key, &before)),
        (None, None) => step
            .remember(read(key))
            .undo(format!("sysctl -w -- {}\"=$remembered\"", shell_word(key))),
        // Whichever of the two was in force is written again; writing 0 is refused or harmless.
        (_, Some(other)) => step
            .remember(format!(
                "if test \"$({own})\" != 0; then echo {key_word}=\"$({own})\"; \
                 else echo {other}=\"$({theirs})\"; fi",
                own = read(key),
                theirs = read(other),
                key_word = shell_word(key),
            ))
            .undo("sysctl -w -- \"$remembered\""),
    })
}

/// The attributes of block devices' queues that rules set: `ATTR{queue/NAME}="…"`.
fn queue_attributes(lines: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in lines {
        for piece in line.split("ATTR{queue/").skip(1) {
            let Some((name, rest)) = piece.split_once('}') else {
                continue;
            };
            let is_name = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if is_name && rest.starts_with('=') && !rest.starts_with("==") {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// Prints `FILE VALUE` of these attributes of all block devices; the scheduler in force is the one in
/// brackets (Documentation/block/switching-sched.rst).
fn read_queues(attributes: &BTreeSet<String>) -> String {
    let files: Vec<String> = attributes
        .iter()
        .map(|name| format!("/sys/block/*/queue/{name}"))
        .collect();
    format!(
        "for file in {}; do if test -r \"$file\"; then \
         printf '%s %s\\n' \"$file\" \"$(sed 's/.*\\[\\(.*\\)\\].*/\\1/' \"$file\")\"; fi; done",
        files.join(" ")
    )
}

/// Writes that back; a value that the device does not take again is left.
const WRITE_QUEUES: &str = "printf '%s\\n' \"$remembered\" | while read -r file value; do \
                            if test -w \"$file\"; then echo \"$value\" > \"$file\" || true; fi; done";

const TRIGGER: &str = "udevadm trigger --subsystem-match=block --action=change && udevadm settle";

fn udev(lines: &[String]) -> Vec<Command> {
    let lines: Vec<&String> = lines.iter().filter(|l| !l.trim().is_empty()).collect();
    let Some(last) = lines.last() else {
        return Vec::new();
    };
    let owned: Vec<String> = lines.iter().map(|l| (*l).clone()).collect();
    let attributes = queue_attributes(&owned);
    let step = Command::new(
        Class::Live,
        "after the switch, let the new udev rules act on the devices that are there",
        TRIGGER,
    )
    .after_switch(format!(
        "grep -rqsF -e {} /etc/udev/rules.d",
        shell_word(last.trim())
    ));
    vec![match attributes.is_empty() {
        true => step,
        false => step.remember(read_queues(&attributes)).undo(WRITE_QUEUES),
    }]
}

fn scheduler_of_devices(scheduler: &str) -> Command {
    let attributes = BTreeSet::from(["scheduler".to_owned()]);
    Command::new(
        Class::Live,
        "after the switch, let the new scheduler be chosen for the devices that are there",
        TRIGGER,
    )
    // NixOS writes its choice into rules of this name (nixos/modules/hardware/iosched.nix).
    .after_switch(format!(
        "grep -qsF -e {} /etc/udev/rules.d/98-block-io-scheduler.rules",
        shell_word(&format!("\"{scheduler}\""))
    ))
    .remember(read_queues(&attributes))
    .undo(WRITE_QUEUES)
}

fn tmpfiles(rules: &[String]) -> Vec<Command> {
    let of_rule = |rule: &String| {
        let mut fields = rule.split_ascii_whitespace();
        let (kind, path) = (fields.next()?, fields.next()?);
        // Rules that remove are for the switch alone, as are those for booting.
        let makes = kind.starts_with(['d', 'D', 'f', 'h', 'H', 'v', 'q', 'Q', 'z', 'Z', 'a', 'A'])
            && !kind.contains('!');
        let path = super::place::absolute(path.trim_matches(['"', '\'']))?;
        makes.then(|| {
            Command::new(
                Class::Live,
                format!("apply the tmpfiles rule for {path}, as the switch does"),
                format!("systemd-tmpfiles --create --prefix={}", shell_word(path)),
            )
            .after_switch(format!(
                "grep -rqsF -e {} /etc/tmpfiles.d",
                shell_word(rule.trim())
            ))
        })
    };
    rules.iter().filter_map(of_rule).collect()
}

fn docker(driver: &str) -> Vec<Command> {
    let migrate = |why: &str, run: &str| Command::new(Class::Migrate, why, run);
    let is_active = "test \"$(docker info --format '{{.Driver}}')\"";
    let word = shell_word(driver);
    vec![
        migrate(
            "list the images and containers: with another driver docker shows none of them until \
             they are loaded or made again",
            "docker ps --all && docker images",
        ),
        migrate(
            "save the images that cannot be pulled again; volumes stay where they are",
            "docker images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>' | sort -u | \
             xargs -r docker save -o /var/lib/btrfs-tune-docker-images.tar",
        )
        .undo("rm -f -- /var/lib/btrfs-tune-docker-images.tar")
        .verify("test -s /var/lib/btrfs-tune-docker-images.tar || test -z \"$(docker images -q)\""),
        migrate(
            "stop docker and what runs in it",
            "systemctl stop docker.service docker.socket",
        )
        .undo("systemctl start docker.socket docker.service")
        .stops("docker, and every container"),
        migrate(
            "switch to the new configuration, in the way this machine is deployed",
            "nixos-rebuild switch && systemctl start docker.service",
        )
        .undo("nixos-rebuild switch --rollback && systemctl restart docker.service")
        .verify(format!("{is_active} = {word}")),
        migrate(
            "load the images, and make the containers again",
            "if test -s /var/lib/btrfs-tune-docker-images.tar; then \
             docker load -i /var/lib/btrfs-tune-docker-images.tar; fi",
        )
        .verify("docker images"),
    ]
}
