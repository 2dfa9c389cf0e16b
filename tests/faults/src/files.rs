//! Plain surgery on files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Copies a folder with everything in it, onto what may be there.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no folder {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    // The mode too: some folders must belong to one user alone.
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    Ok(())
}

/// All files in a folder, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Turns one bit.
pub fn flip_bit(file: &Path, at: usize) -> Result<()> {
    let mut bytes = fs::read(file)?;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (at % 8);
    }
    fs::write(file, bytes)?;
    Ok(())
}

/// Cuts the file.
pub fn truncate(file: &Path, len: u64) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .open(file)?
        .set_len(len)?;
    Ok(())
}
