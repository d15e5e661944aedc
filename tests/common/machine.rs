//! Owns: a machine with its btrfs mounted as its configuration says, in a namespace of its own, in
//! which scripts run for real.
//!
//! The root of the machine is a `chroot` whose `/` is its own filesystem, so that nothing in a script
//! knows that it is tested. Programs come from this machine; those that would reach beyond the
//! filesystems (`sysctl`, `cryptsetup`, `systemctl`, `nixos-rebuild`) are stand-ins that keep their
//! state in files.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use btrfs_tune::rewrite::commands::shell_word;

use super::loopfs::LoopFs;

/// One mount of a machine.
#[derive(Debug, Clone)]
pub(crate) struct At {
    /// The device, as the configuration names it.
    pub(crate) device: String,
    pub(crate) subvolume: String,
    pub(crate) mountpoint: String,
    pub(crate) options: String,
}

/// A machine.
pub(crate) struct Machine {
    pub(crate) name: String,
    /// Its filesystems, by the device that the configuration names.
    pub(crate) filesystems: BTreeMap<String, LoopFs>,
    /// Its mounts, in their order; that of `/` is among them.
    pub(crate) mounts: Vec<At>,
}

/// What is mounted: by mount point, the options of the mount and of the filesystem.
pub(crate) type Mounted = BTreeMap<String, (Vec<String>, Vec<String>)>;

/// The programs of the machine that are not this machine's.
const STAND_INS: [(&str, &str); 6] = [
    (
        "sysctl",
        r#"state=/stand-in/state
case $1 in
-n) cat -- "$state/$3" ;;
-w)
	key=${3%%=*}
	test -e "$state/$key" || exit 1
	printf '%s\n' "${3#*=}" >"$state/$key"
	case $key in
	vm.dirty_bytes) echo 0 >"$state/vm.dirty_ratio" ;;
	vm.dirty_ratio) echo 0 >"$state/vm.dirty_bytes" ;;
	vm.dirty_background_bytes) echo 0 >"$state/vm.dirty_background_ratio" ;;
	vm.dirty_background_ratio) echo 0 >"$state/vm.dirty_background_bytes" ;;
	esac
	;;
*) exit 2 ;;
esac
"#,
    ),
    (
        "cryptsetup",
        r#"state=/stand-in/state/crypt
case $1 in
status)
	printf '/dev/mapper/%s is active and is in use.\n' "$3"
	printf '  flags:   %s\n' "$(cat "$state")"
	;;
refresh)
	flags=
	shift
	while test "$1" != --; do
		case $1 in
		--allow-discards) flags="$flags discards" ;;
		--perf-no_read_workqueue) flags="$flags no_read_workqueue" ;;
		--perf-no_write_workqueue) flags="$flags no_write_workqueue" ;;
		*) exit 1 ;;
		esac
		shift
	done
	echo "${flags# }" >"$state"
	;;
*) exit 2 ;;
esac
"#,
    ),
    ("systemctl", "exit 0\n"),
    ("udevadm", "exit 0\n"),
    // What the switch does is for the test to say.
    (
        "nixos-rebuild",
        r#"case $* in
"switch --rollback") what=/stand-in/rollback ;;
*) what=/stand-in/switch ;;
esac
if test -e "$what"; then sh -e "$what"; fi
"#,
    ),
    // The real one, and what is mounted after each remount.
    (
        "mount",
        r#"REAL_MOUNT "$@"
status=$?
case "$*" in *remount,*) grep ' - btrfs ' /proc/self/mountinfo >"/stand-in/log/$(date +%s%N)" ;; esac
exit "$status"
"#,
    ),
];

impl Machine {
    /// Runs a script as the machine's root, with `/stand-in/NAME` holding these files. It and the
    /// mounts are gone afterwards; the filesystems stay.
    pub(crate) fn run(&self, files: &[(&str, &str)], script: &str) -> Output {
        let dir = tempfile::Builder::new()
            .prefix("btrfs-tune-machine-")
            .tempdir()
            .unwrap();
        let at = dir.path();
        let root = at.join("root");
        fs::create_dir(&root).unwrap();
        let stand_in = at.join("stand-in");
        for name in ["bin", "state", "log"] {
            fs::create_dir_all(stand_in.join(name)).unwrap();
        }
        let real = Command::new("sh")
            .args(["-c", "command -v mount"])
            .output()
            .unwrap();
        let real = String::from_utf8(real.stdout).unwrap();
        for (name, body) in STAND_INS {
            let body = format!("#!/bin/sh\n{}", body.replace("REAL_MOUNT", real.trim()));
            write_program(&stand_in.join("bin").join(name), &body);
        }
        for entry in fs::read_dir("/proc/sys/vm").unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if let Ok(value) = fs::read(&path) {
                fs::write(stand_in.join("state").join(format!("vm.{name}")), value).unwrap();
            }
        }
        fs::write(stand_in.join("state/crypt"), "discards\n").unwrap();
        for (name, content) in files {
            fs::write(stand_in.join(name), content).unwrap();
        }
        fs::write(stand_in.join("inside"), script).unwrap();
        let harness = self.harness(&root, &stand_in);
        let path = at.join("harness");
        fs::write(&path, harness).unwrap();
        Command::new("unshare")
            .args(["--mount", "--uts", "--propagation", "private", "sh"])
            .arg(&path)
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }

    fn harness(&self, root: &Path, stand_in: &Path) -> String {
        let (root, stand_in) = (root.to_str().unwrap(), stand_in.to_str().unwrap());
        let mut sh = format!(
            "set -eu\nroot={}\nhostname {}\n",
            shell_word(root),
            shell_word(&self.name)
        );
        // The root comes first, whatever order the rest has.
        let (first, rest): (Vec<&At>, Vec<&At>) =
            self.mounts.iter().partition(|m| m.mountpoint == "/");
        for at in first.iter().chain(&rest) {
            let device = self.filesystems[&at.device].device();
            let options = format!("{},subvol={}", at.options, at.subvolume);
            let _ = writeln!(
                sh,
                "mkdir -p -- \"$root\"{0}\nmount -t btrfs -o {1} -- {device} \"$root\"{0}",
                shell_word(&at.mountpoint),
                shell_word(options.trim_start_matches(',')),
            );
        }
        sh.push_str(
            r#"for name in proc sys dev run tmp stand-in; do mkdir -p "$root/$name"; done
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cp -a /dev/loop[0-9]* /dev/null /dev/zero /dev/urandom "$root/dev/"
for name in usr bin sbin lib lib64; do
	if test -L "/$name"; then ln -sfn "$(readlink "/$name")" "$root/$name"
	elif test -d "/$name"; then mkdir -p "$root/$name"; mount --bind "/$name" "$root/$name"; fi
done
for name in nix/store run/current-system; do
	if test -d "/$name"; then mkdir -p "$root/$name"; mount --bind "/$name" "$root/$name"; fi
done
"#,
        );
        let _ = writeln!(
            sh,
            "mount --bind {} \"$root/stand-in\"",
            shell_word(stand_in)
        );
        for (device, fs) in &self.filesystems {
            let word = shell_word(device);
            let _ = writeln!(
                sh,
                "mkdir -p -- \"$root\"\"$(dirname -- {word})\"\nln -sf -- {} \"$root\"{word}",
                fs.device()
            );
        }
        sh.push_str(
            "PATH=/stand-in/bin:$PATH\nexport PATH\nexec chroot \"$root\" /bin/sh /stand-in/inside\n",
        );
        sh
    }
}

fn write_program(path: &Path, body: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, body).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The lines of `/proc/self/mountinfo` that are btrfs, without `rw` and the subvolume.
pub(crate) fn mounted(mountinfo: &str) -> Mounted {
    let words = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut out = Mounted::new();
    for line in mountinfo.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let Some(dash) = fields.iter().position(|field| *field == "-") else {
            continue;
        };
        if fields.get(dash + 1) != Some(&"btrfs") {
            continue;
        }
        let mut of_fs = words(fields[dash + 3]);
        of_fs.retain(|w| w != "rw" && w != "ro" && !w.starts_with("subvol"));
        out.insert(fields[4].to_owned(), (words(fields[5]), of_fs));
    }
    out
}
