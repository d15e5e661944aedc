//! Owns: a real btrfs on loop devices for one test, gone again when the test ends, however it ends.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;

/// Size of each device: large enough for every profile of mkfs, sparse on disk.
const DEVICE_BYTES: u64 = 512 << 20;

/// A btrfs on one or more loop devices.
pub(crate) struct LoopFs {
    // Fields drop in this order: the devices are detached before their files go.
    devices: Vec<LoopDevice>,
    mounted: Rc<RefCell<Vec<PathBuf>>>,
    next: Cell<usize>,
    dir: TempDir,
}

/// One mount of a [`LoopFs`]; unmounts when dropped.
#[derive(Debug)]
pub(crate) struct MountGuard {
    mountpoint: PathBuf,
    mounted: Rc<RefCell<Vec<PathBuf>>>,
}

struct LoopDevice {
    name: String,
    /// What it said of its rotation before a test had it say otherwise.
    rotated: RefCell<Option<String>>,
}

impl LoopDevice {
    /// The file that says whether it rotates; it outlives the attachment.
    fn rotational(&self) -> PathBuf {
        let name = self.name.trim_start_matches("/dev/");
        PathBuf::from(format!("/sys/block/{name}/queue/rotational"))
    }
}

impl LoopFs {
    /// Makes sparse files, attaches them and runs mkfs.btrfs over them.
    pub(crate) fn new(devices: usize, mkfs_args: &[&str]) -> Result<Self, String> {
        Self::below(&std::env::temp_dir(), devices, mkfs_args)
    }

    /// The same with its files below a folder: on another filesystem, or in memory.
    pub(crate) fn below(folder: &Path, devices: usize, mkfs_args: &[&str]) -> Result<Self, String> {
        let dir = tempfile::Builder::new()
            .prefix("btrfs-tune-loopfs-")
            .tempdir_in(folder)
            .map_err(|error| error.to_string())?;
        let mut fs = Self {
            devices: Vec::new(),
            mounted: Rc::default(),
            next: Cell::new(0),
            dir,
        };
        for i in 0..devices {
            let image = fs.dir.path().join(format!("device-{i}"));
            let file = File::create(&image).map_err(|error| error.to_string())?;
            file.set_len(DEVICE_BYTES)
                .map_err(|error| error.to_string())?;
            // losetup finds a free device and attaches it in one step, so that tests may race.
            let device = run("losetup", &["--find", "--show", &image.to_string_lossy()])?;
            fs.devices.push(LoopDevice {
                name: device.trim().to_owned(),
                rotated: RefCell::default(),
            });
        }
        let mut args = vec!["-q", "-f"];
        args.extend(mkfs_args);
        args.extend(fs.devices.iter().map(|device| device.name.as_str()));
        run("mkfs.btrfs", &args)?;
        Ok(fs)
    }

    /// The first device, which stands for the filesystem.
    pub(crate) fn device(&self) -> &str {
        &self.devices[0].name
    }

    /// All devices, in the order of their numbers in the filesystem.
    pub(crate) fn devices(&self) -> Vec<&str> {
        self.devices.iter().map(|d| d.name.as_str()).collect()
    }

    /// Whether the device says that it rotates, and whether it can discard.
    pub(crate) fn rotational_and_discard(&self) -> (Option<bool>, Option<bool>) {
        let name = self.device().trim_start_matches("/dev/");
        let read = |attribute: &str| {
            let text = fs::read_to_string(format!("/sys/block/{name}/queue/{attribute}")).ok()?;
            Some(text.trim() != "0")
        };
        (read("rotational"), read("discard_max_bytes"))
    }

    /// Makes the devices claim that they rotate, or that they do not.
    pub(crate) fn set_rotational(&self, rotates: bool) {
        for device in &self.devices {
            let value = if rotates { "1" } else { "0" };
            let before = fs::read_to_string(device.rotational()).ok();
            let mut rotated = device.rotated.borrow_mut();
            *rotated = rotated.take().or(before);
            let _ = fs::write(device.rotational(), value);
        }
    }

    /// Creates a subvolume below the top level.
    pub(crate) fn subvolume(&self, name: &str) -> Result<(), String> {
        let top = self.mount("/", "defaults")?;
        let path = top.path().join(name);
        run("btrfs", &["subvolume", "create", &path.to_string_lossy()])?;
        Ok(())
    }

    /// Mounts a subvolume; the error is what `mount` prints.
    pub(crate) fn mount(&self, subvol: &str, options: &str) -> Result<MountGuard, String> {
        let number = self.next.replace(self.next.get() + 1);
        let mountpoint = self.dir.path().join(format!("mnt-{number}"));
        fs::create_dir(&mountpoint).map_err(|error| error.to_string())?;
        let mut all = options.to_owned();
        if subvol != "/" {
            all.push_str(&format!(",subvol={subvol}"));
        }
        let at = mountpoint.to_string_lossy().into_owned();
        run("mount", &["-t", "btrfs", "-o", &all, self.device(), &at])?;
        self.mounted.borrow_mut().push(mountpoint.clone());
        Ok(MountGuard {
            mountpoint,
            mounted: Rc::clone(&self.mounted),
        })
    }

    /// Remounts as systemd does on a reload: with the device, the mount point and these options.
    pub(crate) fn remount(&self, mount: &MountGuard, options: &str) -> Result<(), String> {
        let at = mount.path().to_string_lossy().into_owned();
        let options = format!("remount,{options}");
        run(
            "mount",
            &["-t", "btrfs", "-o", &options, self.device(), &at],
        )
        .map(drop)
    }

    /// The options in `/proc/self/mountinfo`: of the mount point, and of the filesystem without
    /// `ro`/`rw` and the subvolume.
    pub(crate) fn shown(&self, mountpoint: &Path) -> (Vec<String>, Vec<String>) {
        let info = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let wanted = mountpoint.to_string_lossy();
        let words = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        for line in info.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let Some(dash) = fields.iter().position(|field| *field == "-") else {
                continue;
            };
            if fields.get(4).is_some_and(|at| *at == wanted) {
                let mut of_fs = words(fields.get(dash + 3).copied().unwrap_or_default());
                of_fs.retain(|word| word != "rw" && word != "ro" && !word.starts_with("subvol"));
                return (words(fields[5]), of_fs);
            }
        }
        (Vec::new(), Vec::new())
    }
}

impl Drop for LoopFs {
    fn drop(&mut self) {
        // A guard that outlives its filesystem, or that a panic skipped.
        for mountpoint in self.mounted.borrow_mut().drain(..).rev() {
            unmount(&mountpoint);
        }
    }
}

impl MountGuard {
    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mountpoint
    }
}

impl Drop for MountGuard {
    fn drop(&mut self) {
        let mut mounted = self.mounted.borrow_mut();
        let before = mounted.len();
        mounted.retain(|path| *path != self.mountpoint);
        if mounted.len() < before {
            unmount(&self.mountpoint);
        }
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // Whoever gets the device next finds it as it was.
        if let Some(before) = self.rotated.take() {
            let _ = fs::write(self.rotational(), before);
        }
        // Detaching waits for the last unmount by itself; a failure leaves nothing to be done.
        let _ = run("losetup", &["--detach", &self.name]);
    }
}

fn unmount(mountpoint: &Path) {
    let at = mountpoint.to_string_lossy().into_owned();
    if run("umount", &[&at]).is_err() {
        let _ = run("umount", &["--lazy", &at]);
    }
}

fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} {}: {}", args.join(" "), said.trim()))
    }
}

/// Whether this machine can make such filesystems. If not, the reason is printed and the test is
/// to return, except where the environment says `CI=true`: there it is a failure.
pub(crate) fn available(test: &str) -> bool {
    let missing = match LoopFs::new(1, &[]).and_then(|fs| fs.mount("/", "defaults").map(drop)) {
        Ok(()) => return true,
        Err(missing) => missing,
    };
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} needs root, loop devices and mkfs.btrfs: {missing}"
    );
    eprintln!("skipped {test}: it needs root, loop devices and mkfs.btrfs: {missing}");
    false
}
