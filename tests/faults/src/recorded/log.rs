//! The record: one operation after the other, as the preloaded library writes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::layout::{
    KIND_CREATE, KIND_MKDIR, KIND_RENAME, KIND_SYNC, KIND_TRUNCATE, KIND_UNLINK, KIND_WRITE,
    RECORD_HEAD,
};

/// Something that was done to files.
#[derive(Debug)]
pub(super) struct Op {
    /// Where it lies in the record.
    pub(super) at: u64,
    /// Below the data directory; of a rename, the old one.
    pub(super) path: PathBuf,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Create,
    Write { position: u64, data: Vec<u8> },
    Sync,
    Rename { to: PathBuf },
    Unlink,
    MakeDirectory,
}

/// Reads a record of what happened below `data`. A last entry that is not whole is left out.
pub(super) fn read(record: &Path, data: &Path) -> Result<Vec<Op>> {
    let bytes = fs::read(record)?;
    let mut ops = Vec::new();
    let mut rest = &bytes[..];
    while let Some((head, after)) = rest.split_at_checked(RECORD_HEAD) {
        let at = (bytes.len() - rest.len()) as u64;
        let words: Vec<u64> = head
            .chunks_exact(8)
            .map(|word| word.try_into().map_or(0, u64::from_ne_bytes))
            .collect();
        let &[kind, _inode, position, path_len, data_len] = &words[..] else {
            bail!("an entry at {at} that cannot be read");
        };
        let Some((path, after)) = after.split_at_checked(usize::try_from(path_len)?) else {
            break;
        };
        let Some((content, after)) = after.split_at_checked(usize::try_from(data_len)?) else {
            break;
        };
        rest = after;
        let what = match kind {
            KIND_CREATE => What::Create,
            KIND_WRITE => What::Write {
                position,
                data: content.to_owned(),
            },
            KIND_SYNC => What::Sync,
            // The node cuts no file while it serves. If it did, this had to know of it.
            KIND_TRUNCATE => bail!("{} was cut", String::from_utf8_lossy(path)),
            KIND_RENAME => What::Rename {
                to: below(data, content)?,
            },
            KIND_UNLINK => What::Unlink,
            KIND_MKDIR => What::MakeDirectory,
            other => bail!("an entry of kind {other} at {at}"),
        };
        let path = below(data, path)?;
        ops.push(Op { at, path, what });
    }
    Ok(ops)
}

fn below(data: &Path, path: &[u8]) -> Result<PathBuf> {
    let path = Path::new(std::str::from_utf8(path)?);
    let path = path
        .strip_prefix(data)
        .with_context(|| format!("{} is not below the data directory", path.display()))?;
    Ok(path.to_owned())
}
