//! The end of the log, written once more after a process that did not end in order.
//!
//! When a sync fails, the system may take what it could not write for written: the next process reads it from memory, and no sync of it ever
//! writes it again. What is read and built upon must be on the disk, so everything from the last witnessed position on is written anew, as
//! it is, before the first sync. What was there before a power cut in the middle of this is there after it.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{audit::read_up_to, format::SEGMENT_LEN};

/// Writes the segments at these offsets again. The caller syncs.
pub(super) fn segments(log: &File, offsets: impl IntoIterator<Item = u64>) -> io::Result<()> {
    let mut content = vec![0; SEGMENT_LEN];
    for offset in offsets {
        let len = read_up_to(log, &mut content, offset)?;
        log.write_all_at(&content[..len], offset)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_stays_as_it_is() {
        let log = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..=255).cycle().take(SEGMENT_LEN * 2 + 100).collect();
        log.write_all_at(&content, 0).unwrap();
        let step = SEGMENT_LEN as u64;
        segments(&log, [step, 2 * step, 9 * step]).unwrap();
        let mut found = vec![0; content.len()];
        log.read_exact_at(&mut found, 0).unwrap();
        assert!(found == content, "the content has changed");
        assert_eq!(log.metadata().unwrap().len(), content.len() as u64);
    }
}
