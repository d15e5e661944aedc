//! Owns: the steps of every action that touches a filesystem, run one by one for real, with their
//! checks, taken back again, and then run to the end.
//!
//! Needs root, loop devices and mkfs.btrfs; says so and passes where they are missing, unless
//! `CI=true`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use btrfs_tune::model::Host;
use btrfs_tune::model::units::Bytes;
use btrfs_tune::recommend::{Action, Algorithm, DirectoryAttribute, MkfsSetting};
use btrfs_tune::rewrite::commands::{Command, commands, shell_word};
use common::loopfs::{LoopFs, available};
use common::machine::{At, Machine};
use common::named;
use common::project::have;

struct Probe {
    host: Host,
    machine: Machine,
    /// Subvolume and mount point with a name of the test's choice.
    name: String,
    place: String,
}

fn probe(name: &str, place: &str) -> Probe {
    let host = named::host(name, place);
    let mut filesystems = BTreeMap::new();
    let mut mounts = Vec::new();
    for filesystem in &host.storage.filesystems {
        let device = filesystem.device.as_ref().unwrap().value.clone();
        let fs = LoopFs::new(1, &[]).unwrap();
        for subvolume in &filesystem.subvolumes {
            fs.subvolume(subvolume.name.trim_start_matches('/'))
                .unwrap();
        }
        for mount in &filesystem.mounts {
            mounts.push(At {
                device: device.clone(),
                subvolume: format!("/{}", mount.subvolume.as_deref().unwrap_or_default()),
                mountpoint: mount.mountpoint.clone(),
                options: String::new(),
            });
        }
        filesystems.insert(device, fs);
    }
    mounts.sort_by_key(|m| m.mountpoint.len());
    Probe {
        host,
        machine: Machine {
            name: "probe".to_owned(),
            filesystems,
            mounts,
        },
        name: name.to_owned(),
        place: place.to_owned(),
    }
}

impl Probe {
    fn filesystem(&self, at: &str) -> (Vec<String>, String) {
        let (filesystem, _) = self.host.storage.mount(at).unwrap();
        let btrfs_tune::model::StorageSource::Disko(path) = &filesystem.source else {
            panic!("{filesystem:?}")
        };
        (
            path.clone(),
            filesystem.device.as_ref().unwrap().value.clone(),
        )
    }

    fn subvolume(&self, at: &str) -> Vec<String> {
        let (filesystem, _) = self.host.storage.mount(at).unwrap();
        let found = filesystem.subvolumes.iter();
        let mut found = found.filter(|s| s.mountpoint == Ok(Some(at.to_owned())));
        found.next().unwrap().path.clone()
    }
}

/// One shell function a step: its checks, its run, its verification; and the way back.
fn functions(commands: &[Command]) -> String {
    let mut sh = String::from("set -eu\nLC_ALL=C\nexport LC_ALL\n");
    sh.push_str(STATE);
    for (i, command) in commands.iter().enumerate() {
        let _ = writeln!(sh, "do_{i}() {{\necho 'step {i}' >&2");
        for check in &command.requires {
            let _ = writeln!(sh, "{}", check.test);
        }
        if let Some(test) = &command.after_switch {
            let _ = writeln!(sh, "{test}");
        }
        if let Some(done) = &command.done {
            let _ = writeln!(
                sh,
                "if {{ {done}; }}; then echo 'done too early' >&2; exit 3; fi"
            );
        }
        if let Some(remember) = &command.remember {
            let _ = writeln!(sh, "remembered_{i}=$({remember})");
        }
        let _ = writeln!(sh, "({})", command.run);
        if let Some(verify) = &command.verify {
            let _ = writeln!(sh, "{verify}");
        }
        if let Some(done) = &command.done {
            let _ = writeln!(sh, "{done}");
        }
        let _ = writeln!(sh, "}}\nundo_{i}() {{\necho 'undo {i}' >&2");
        if let Some(undo) = &command.undo {
            if command.remember.is_some() {
                let _ = writeln!(sh, "remembered=$remembered_{i}");
            }
            let _ = writeln!(sh, "({undo})");
        }
        sh.push_str(":\n}\n");
    }
    sh
}

/// Everything that can be seen of a tree: names, kinds, owners, modes, flags, contents, mounts.
const STATE: &str = r#"
state() {
	for at in /home /pool /nix; do
		find "$at" -xdev ! -path /home/lost -printf '%p %y %U:%G %m %l\n' | sort
		find "$at" -xdev -type f -exec cksum {} + | sort
		find "$at" -xdev -type d -exec lsattr -d {} + | sort
	done
	findmnt -nro TARGET,FSROOT -t btrfs | sort
	for at in / /pool; do
		btrfs subvolume list "$at" | sed 's/.* path //' | sort
		btrfs filesystem label "$at"
		btrfs filesystem df "$at" | cut -d : -f 1
	done
	swapon --show=NAME --noheadings
	btrfs property get /home compression
}
same() {
	if test "$2" != "$3"; then
		printf '%s: not as before\n--- before\n%s\n--- after\n%s\n' "$1" "$2" "$3" >&2
		exit 4
	fi
}
"#;

/// Runs the steps up to what cannot be taken back, takes them back, and runs all of them.
fn try_out(
    what: &str,
    probe: &Probe,
    actions: &[Action],
    switch: (&str, &str),
    set_up: &str,
    at_end: &str,
) -> usize {
    let steps = commands(actions, &probe.host);
    assert!(!steps.is_empty(), "{what}");
    let mut sh = functions(&steps);
    let reversible = steps.iter().take_while(|c| !c.irreversible).count();
    let _ = writeln!(sh, "{set_up}\nbefore=$(state)");
    for i in 0..reversible {
        let _ = writeln!(sh, "do_{i}");
    }
    for i in (0..reversible).rev() {
        let _ = writeln!(sh, "undo_{i}");
    }
    let _ = writeln!(sh, "same {} \"$before\" \"$(state)\"", shell_word(what));
    for i in 0..steps.len() {
        let _ = writeln!(sh, "do_{i}");
    }
    let _ = writeln!(
        sh,
        "{at_end}\nleft=$(find /run -name 'btrfs-tune.*')\ntest -z \"$left\""
    );
    let output = probe
        .machine
        .run(&[("switch", switch.0), ("rollback", switch.1)], &sh);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{what}: {:?}\n{err}\n{sh}",
        output.status
    );
    steps.len()
}

fn can_run(test: &str) -> bool {
    have("unshare", test) && available(test)
}

const FILL: &str = r#"
fill() {
	mkdir -p -- "$1/below/deep"
	printf 'some text\n' >"$1/a file"
	head -c 300000 /dev/urandom >"$1/below/random"
	ln -f -- "$1/below/random" "$1/below/deep/hard link"
	ln -sfn nowhere "$1/below/symbolic link"
	chown -R 1000:100 -- "$1"
	chmod 2750 -- "$1"
}
"#;

#[test]
fn the_steps_of_each_action_work_and_are_taken_back() {
    if !can_run("the_steps_of_each_action_work_and_are_taken_back") {
        return;
    }
    // Names as nobody should choose them are the same to every step.
    for (name, place) in [
        ("/plain", "/plain"),
        (
            "-r $(touch boom) 'x' \"y\" `z` ü *\u{202e}",
            "/a b/it's \"$HOME\" `p` ü;",
        ),
        ("line\nend", "/line\nend"),
    ] {
        let probe = probe(name, place);
        let word = shell_word(&probe.place);
        let within = shell_word(probe.name.trim_matches('/'));
        let (system, device) = probe.filesystem("/");
        let (pool, _) = probe.filesystem("/pool");
        let device = shell_word(&device);
        let none = ("", "");
        let attribute = |directory: &str, attribute| Action::SetDirectoryAttribute {
            directory: directory.to_owned(),
            attribute,
        };

        let new = format!("new/{}", name.trim_matches('/'));
        let add = Action::AddSubvolume {
            filesystem: system.clone(),
            name: new.clone(),
            mountpoint: None,
            options: Vec::new(),
        };
        // The directory in which it is made stays.
        let parent =
            format!("(mount -o subvolid=5 {device} /tmp && mkdir -p /tmp/new && umount /tmp)");
        try_out(
            "add",
            &probe,
            &[add],
            none,
            &parent,
            "btrfs subvolume list / | grep -q new/",
        );

        let rename = Action::RenameSubvolume {
            subvolume: probe.subvolume(place),
            name: format!("{name} renamed"),
        };
        let fstab = format!(
            "mkdir -p /etc; printf '%s\\n' {} >/etc/fstab",
            shell_word(&format!(
                "/dev/x {} btrfs subvol={}",
                "/y",
                format!("{} renamed", name.trim_matches('/')).replace(' ', "\\040")
            ))
        );
        let back = format!(
            "(mount -o subvolid=5 {device} /tmp && mv -T -- /tmp/{within}\" renamed\" /tmp/{within} && umount /tmp)"
        );
        if !name.contains('\n') {
            try_out("rename", &probe, &[rename], none, &fstab, &back);
        }

        let unmount = Action::UnmountSubvolume {
            subvolume: probe.subvolume(place),
        };
        try_out("unmount", &probe, &[unmount], none, "", "");

        let property = attribute("/home", DirectoryAttribute::Compression(Algorithm::Zstd));
        let clear = "btrfs property set /home compression ''";
        try_out("compression", &probe, &[property], none, "", clear);

        let label = |label: &str| Action::SetMkfs {
            filesystem: pool.clone(),
            setting: MkfsSetting::Label(label.to_owned()),
        };
        let text: String = name.chars().filter(|c| *c != '\n').collect();
        try_out(
            "label",
            &probe,
            &[label(&text)],
            none,
            "",
            "btrfs filesystem label /pool ''",
        );

        let directory = format!("/home{place}");
        let full = format!("{FILL}\nfill /home{word}; fill {word}");
        let clear = format!("rm -rf -- /home{word}; find {word} -mindepth 1 -delete");

        let split = Action::SplitSubvolume {
            filesystem: system.clone(),
            name: format!("split-{}", name.trim_matches('/').replace('/', "-")),
            mountpoint: directory.clone(),
            options: Vec::new(),
        };
        let split_name = shell_word(&format!("/split-{}", name.trim_matches('/')));
        let options = shell_word(&format!("subvol={split_name}")).len();
        assert!(options > 0);
        let mounted = format!("mount -t btrfs -o subvol={split_name} -- {device} /home{word}");
        let unmounted = format!("umount -- /home{word}");
        let no_cow = attribute(&directory, DirectoryAttribute::NoCow);
        for (what, actions) in [
            ("split", vec![split.clone()]),
            (
                "split without copy on write",
                vec![split.clone(), no_cow.clone()],
            ),
        ] {
            let gone = format!(
                "test \"$(stat -c %u:%g:%a /home{word})\" = 1000:100:2750\n\
                 umount -- /home{word}; rmdir -- /home{word}; {clear}
                 (mount -o subvolid=5 {device} /tmp && btrfs subvolume delete -- /tmp{split_name} && umount /tmp)"
            );
            // A comma in a name would end the option; nothing can mount it.
            try_out(what, &probe, &actions, (&mounted, &unmounted), &full, &gone);
        }

        // The switch's tmpfiles give the attribute; here the copy has it already.
        let gone = format!("lsattr -d -- /home{word} | cut -d ' ' -f 1 | grep -q C\n{clear}");
        try_out("not copied on write", &probe, &[no_cow], none, &full, &gone);

        let swap = Action::AddSwapSubvolume {
            filesystem: pool.clone(),
            name: format!("{}swap", name.trim_matches('/')),
            mountpoint: format!("/{}", name.trim_matches('/')).replace('\n', " "),
            file: "the file".to_owned(),
            size: Bytes(Bytes::MIB * 16),
        };
        let at = shell_word(&format!("/{}", name.trim_matches('/')).replace('\n', " "));
        if !name.contains('\n') && name != "/plain" {
            let end = format!("swapoff -- {at}/'the file'; umount -- {at}");
            try_out("swap", &probe, &[swap], none, "", &end);
        }

        // Last, for the subvolume is gone after it.
        let merge = Action::MergeSubvolume {
            subvolume: probe.subvolume(place),
        };
        let options = shell_word(&format!("subvol=/{}", name.trim_matches('/')));
        let end = format!("test -s {word}/below/random && test \"$(stat -c %a {word})\" = 2750");
        try_out(
            "merge",
            &probe,
            &[merge],
            (
                &format!("umount -- {word}"),
                &format!("mount -t btrfs -o {options} -- {device} {word}"),
            ),
            &full,
            &end,
        );
    }
}

#[test]
fn a_filesystem_is_converted_and_back() {
    if !can_run("a_filesystem_is_converted_and_back") {
        return;
    }
    let probe = probe("/plain", "/plain");
    let (pool, _) = probe.filesystem("/pool");
    let set = |setting| Action::SetMkfs {
        filesystem: pool.clone(),
        setting,
    };
    let none = ("", "");
    let fill = "head -c 3000000 /dev/urandom >/pool/file; sync";
    for (setting, end) in [
        (
            MkfsSetting::MetadataProfile("single".into()),
            "btrfs filesystem df /pool | grep -q '^Metadata, single'",
        ),
        (
            MkfsSetting::DataProfile("dup".into()),
            "btrfs filesystem df /pool | grep -q '^Data, DUP'",
        ),
    ] {
        try_out("balance", &probe, &[set(setting)], none, fill, end);
    }
    let tune = std::process::Command::new("btrfstune")
        .arg("--help")
        .output();
    let knows = tune.is_ok_and(|o| {
        String::from_utf8_lossy(&[o.stdout, o.stderr].concat()).contains("to-block-group-tree")
    });
    if knows {
        // The stand-in of fstab, by which mounts come back.
        let (_, device) = probe.filesystem("/pool");
        let fstab = format!("mkdir -p /etc; echo '{device} /pool btrfs defaults 0 0' >/etc/fstab");
        let feature = MkfsSetting::Feature {
            name: "block-group-tree".to_owned(),
            on: true,
        };
        try_out(
            "feature",
            &probe,
            &[set(feature)],
            none,
            &fstab,
            "mountpoint -q /pool",
        );
    } else {
        eprintln!("skipped the block group tree: this btrfstune does not know it");
    }
}
