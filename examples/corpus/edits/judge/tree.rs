//! Private copies of checkouts.

use std::path::Path;

/// Files larger than this are copied as empty ones: no configuration reads them.
const LARGE: u64 = 400_000;

pub(crate) fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::copy(from, to).map(drop)
}

pub(crate) fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let Ok(meta) = std::fs::metadata(&path) else {
            continue;
        };
        if entry.file_type()?.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&path)?, &target)?;
        } else if meta.is_dir() {
            copy_tree(&path, &target)?;
        } else if meta.len() < LARGE {
            std::fs::copy(&path, &target)?;
        } else {
            std::fs::write(&target, "")?;
        }
    }
    Ok(())
}

pub(crate) fn link_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            link_tree(&path, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&path)?, &target)?;
        } else {
            std::fs::hard_link(&path, &target)?;
        }
    }
    Ok(())
}

pub(crate) fn nix_files(directory: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            nix_files(&path, texts);
        } else if path.extension().is_some_and(|e| e == "nix") {
            texts.extend(std::fs::read_to_string(&path));
        }
    }
}
