//! Free segments of the log without blocks on the disk: sled zeroes them when it opens a log, and a file system stores nothing for zeros
//! that were punched out.
//!
//! Only what reads as zeros is punched out, so no content of the log ever changes; and only while sled writes nothing, that is, at open.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
};

use rustix::{
    fs::{FallocateFlags, SeekFrom, fallocate, seek},
    io::Errno,
};

use super::format::SEGMENT_LEN;

/// The bytes that a file takes on the disk.
pub(crate) fn bytes_on_disk(metadata: &Metadata) -> u64 {
    metadata.len().min(metadata.blocks() * 512)
}

/// Gives the blocks of unused segments back that hold only zeros. Where the file system cannot, everything stays as it is.
pub(super) fn punch(log: &File, used: &BTreeSet<u64>) -> io::Result<()> {
    let step = SEGMENT_LEN as u64;
    let segments = log.metadata()?.len() / step;
    let mut content = vec![0; SEGMENT_LEN];
    for index in (0..segments).filter(|index| !used.contains(index)) {
        let offset = index * step;
        match seek(log, SeekFrom::Data(offset)) {
            Ok(data) if data < offset + step => {}
            // A hole already.
            Ok(_) | Err(Errno::NXIO) => continue,
            Err(errno) => return unless_unsupported(errno),
        }
        log.read_exact_at(&mut content, offset)?;
        if content.iter().any(|byte| *byte != 0) {
            continue;
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if let Err(errno) = fallocate(log, flags, offset, step) {
            return unless_unsupported(errno);
        }
    }
    Ok(())
}

fn unless_unsupported(errno: Errno) -> io::Result<()> {
    match errno {
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL => Ok(()),
        errno => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unused_segments_of_zeros_lose_their_blocks_and_nothing_reads_differently() {
        let log = tempfile::tempfile().unwrap();
        let mut content = vec![0; SEGMENT_LEN * 6];
        // In use: 0 and 4. Free: 1 with something stale, 2, 3 and 5 zeroed.
        content[..SEGMENT_LEN].fill(1);
        content[SEGMENT_LEN * 2 - 1] = 7;
        log.write_all_at(&content, 0).unwrap();
        log.sync_all().unwrap();
        let before = bytes_on_disk(&log.metadata().unwrap());
        punch(&log, &BTreeSet::from([0, 4])).unwrap();
        punch(&log, &BTreeSet::from([0, 4])).unwrap();
        let mut found = vec![9; content.len()];
        log.read_exact_at(&mut found, 0).unwrap();
        assert!(found == content, "the content has changed");
        assert_eq!(log.metadata().unwrap().len(), content.len() as u64);
        let freed = before - bytes_on_disk(&log.metadata().unwrap());
        assert_eq!(freed, SEGMENT_LEN as u64 * 3);
    }
}
