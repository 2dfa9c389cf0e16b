//! Small file systems that fill up, become read-only, or lose their power, where the machine allows it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::ioctl::{self, Opcode, Setter};

/// Whether this machine lets us mount.
pub fn available() -> bool {
    cfg!(target_os = "linux") && rustix::process::geteuid().is_root()
}

/// A mounted file system. Dropping it unmounts, whatever still uses it.
#[derive(Debug)]
pub struct Mounted {
    at: Option<PathBuf>,
}

impl Mounted {
    /// A file system in memory, of this size.
    pub fn memory(at: &Path, megabytes: u64) -> Result<Self> {
        Self::tmpfs(at, &format!("size={megabytes}m,mode=700"))
    }

    /// As [`Mounted::memory`], with room for so many files.
    pub fn small_memory(at: &Path, megabytes: u64, files: u64) -> Result<Self> {
        Self::tmpfs(at, &format!("size={megabytes}m,mode=700,nr_inodes={files}"))
    }

    fn tmpfs(at: &Path, options: &str) -> Result<Self> {
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs"].map(OsStr::new);
        command("mount", arguments.into_iter().chain([at.as_os_str()]))?;
        Ok(Self {
            at: Some(at.to_owned()),
        })
    }

    /// A file with a file system on it.
    pub fn image(image: &Path, at: &Path, options: &str) -> Result<Self> {
        let options = format!("loop,{options}");
        let arguments = ["-t", "ext4", "-o", &options].map(OsStr::new);
        let places = [image.as_os_str(), at.as_os_str()];
        command("mount", arguments.into_iter().chain(places))?;
        Ok(Self {
            at: Some(at.to_owned()),
        })
    }

    /// Lets it refuse all writes, or take them again.
    pub fn writable(&self, writable: bool) -> Result<()> {
        let options = if writable { "remount,rw" } else { "remount,ro" };
        let at = self.at.as_deref().context("it is mounted")?;
        command(
            "mount",
            [OsStr::new("-o"), OsStr::new(options), at.as_os_str()],
        )
    }

    /// Unmounts it; nobody may use it any more.
    pub fn unmount(mut self) -> Result<()> {
        let at = self.at.take().context("it is mounted")?;
        command("umount", [at.as_os_str()])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(at) = &self.at {
            // After a failure somebody may still use it: then it goes away once nobody does.
            let _ = command("umount", [OsStr::new("--lazy"), at.as_os_str()]);
        }
    }
}

/// What a file system does with its journal when its power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// It is written first: sizes and names survive that nobody synced, their contents perhaps not.
    Flushed,
    /// It stays as it is: whatever was not synced is gone.
    Lost,
}

/// Cuts the power of the file system that this directory lies on: from now on nothing reaches its disk, and every write fails.
pub fn cut_power(directory: &Path, journal: Journal) -> Result<()> {
    /// `EXT4_IOC_SHUTDOWN`, which takes one of the flags below.
    const SHUTDOWN: Opcode = 0x8004_587d;
    let flag: u32 = match journal {
        Journal::Flushed => 1,
        Journal::Lost => 2,
    };
    let directory = std::fs::File::open(directory)?;
    // SAFETY: this call of ext4 reads one u32 through its argument, and nothing else.
    unsafe { ioctl::ioctl(&directory, Setter::<SHUTDOWN, u32>::new(flag)) }
        .context("the file system does not take a shutdown")
}

/// Makes a file with an ext4 file system on it.
pub fn make_image(image: &Path, megabytes: u64) -> Result<()> {
    std::fs::File::create(image)?.set_len(megabytes << 20)?;
    command(
        "mkfs.ext4",
        [OsStr::new("-q"), OsStr::new("-F"), image.as_os_str()],
    )
}

fn command<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    let mut command = Command::new(program);
    let ran = command
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(
        ran.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    Ok(())
}
