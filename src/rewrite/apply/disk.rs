//! The disk as applying changes sees it: few operations, so that each can be made to fail in tests.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags};

/// All that applying changes asks of the operating system. Each call is one step that can fail, or
/// before and after which the process can be killed.
pub trait Disk {
    /// A path without symlinks and `..`.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    /// What a path is, the link itself if it is one.
    fn look(&self, path: &Path) -> io::Result<fs::Metadata>;
    /// The bytes of a regular file; a symlink is an error.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Whether the file could be written in place; nothing is.
    fn may_write(&self, path: &Path) -> io::Result<()>;
    /// A new empty file, readable by its owner alone.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes all bytes.
    fn fill(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file the owner, the mode and the extended attributes of another.
    fn resemble(&self, file: &File, other: &Path) -> io::Result<()>;
    /// Waits until a file's bytes are on the medium.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Waits until a directory's names are on the medium.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Lets two files change places, atomically. [`is_unsupported`] tells whether this file system
    /// cannot.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;
    /// Renames over what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames to a name that is free; [`io::ErrorKind::AlreadyExists`] if it is not.
    fn rename_to_free(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// Whether an error says that the file system does not know the operation.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let known = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
    let code = error.raw_os_error();
    known.iter().any(|errno| code == Some(errno.raw_os_error()))
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Disk for System {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn look(&self, path: &Path) -> io::Result<fs::Metadata> {
        fs::symlink_metadata(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // A FIFO in the file's place must not block for ever.
        let mut file = File::options()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(path)?;
        if !file.metadata()?.is_file() {
            let message = "not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn may_write(&self, path: &Path) -> io::Result<()> {
        let mut options = File::options();
        options.append(true).custom_flags(flags(OFlags::NOFOLLOW));
        options.open(path).map(drop)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600).open(path)
    }

    fn fill(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn resemble(&self, file: &File, other: &Path) -> io::Result<()> {
        let other = File::options()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW))
            .open(other)?;
        let (own, meant) = (file.metadata()?, other.metadata()?);
        // The owner first: changing it takes mode bits away.
        if (own.uid(), own.gid()) != (meant.uid(), meant.gid()) {
            std::os::unix::fs::fchown(file, Some(meant.uid()), Some(meant.gid())).map_err(|e| {
                let (uid, gid) = (meant.uid(), meant.gid());
                io::Error::new(
                    e.kind(),
                    format!("its owner {uid}:{gid} cannot be kept: {e}"),
                )
            })?;
        }
        copy_attributes(&other, file)?;
        // Last, for an ACL changes the group's bits, and the mode of a file with one holds its mask.
        file.set_permissions(meant.permissions())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(
            CWD,
            one,
            CWD,
            other,
            RenameFlags::EXCHANGE,
        )?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_to_free(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(errno) if is_unsupported(&errno.into()) => match fs::symlink_metadata(to) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => fs::rename(from, to),
            },
            other => Ok(other?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

fn flags(flags: OFlags) -> i32 {
    // The bits are those of the C constants, whatever the type they are kept in.
    flags.bits() as i32
}

/// Copies extended attributes, ACLs and security labels among them. One that cannot be kept is an
/// error, unless the new file has it already.
fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let names = attribute_names(from)?;
    // What the directory gave to the new file by default.
    let inherited = std::ffi::OsStr::new("system.posix_acl_access");
    if !names.iter().any(|n| n == inherited) && attribute(to, inherited)?.is_some() {
        rustix::fs::fremovexattr(to, inherited)?;
    }
    for name in names {
        let Some(value) = attribute(from, &name)? else {
            continue;
        };
        if attribute(to, &name)?.as_ref() == Some(&value) {
            continue;
        }
        let set = rustix::fs::fsetxattr(to, &name, &value, rustix::fs::XattrFlags::empty());
        set.map_err(|errno| {
            let name = name.display();
            let error = io::Error::from(errno);
            io::Error::new(
                error.kind(),
                format!("its extended attribute {name} cannot be kept: {error}"),
            )
        })?;
    }
    Ok(())
}

fn attribute_names(file: &File) -> io::Result<Vec<std::ffi::OsString>> {
    use std::os::unix::ffi::OsStringExt as _;
    // 64 KiB is the most that Linux gives.
    let mut buffer = vec![0; 64 * 1024];
    let length = match rustix::fs::flistxattr(file, &mut buffer[..]) {
        Ok(length) => length,
        Err(errno) if is_unsupported(&errno.into()) => 0,
        Err(errno) => return Err(errno.into()),
    };
    buffer.truncate(length);
    let names = buffer.split(|b| *b == 0).filter(|name| !name.is_empty());
    Ok(names
        .map(|name| std::ffi::OsString::from_vec(name.to_vec()))
        .collect())
}

fn attribute(file: &File, name: &std::ffi::OsStr) -> io::Result<Option<Vec<u8>>> {
    use rustix::io::Errno;
    let mut buffer = vec![0; 64 * 1024];
    match rustix::fs::fgetxattr(file, name, &mut buffer[..]) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
