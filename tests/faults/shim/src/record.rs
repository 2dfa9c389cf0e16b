//! What happened to files, in order: each call that changes something is made and written down under one lock.

use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::layout::{RECORD_HEAD, RECORDED};
use crate::plan::{Path, Subject, is_recording};

static ORDER: Mutex<()> = Mutex::new(());

/// One call on a file that is recorded. The next one waits until this is dropped.
pub(crate) struct Recording<'a> {
    path: Path<'a>,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Recording<'a> {
    /// Nothing is recorded, or not of this file: `None`.
    pub(crate) fn begin(subject: Subject<'a>) -> Option<Self> {
        if !is_recording() {
            return None;
        }
        let mut path = Path::of(subject);
        let ours = path
            .bytes()
            .windows(RECORDED.len())
            .any(|part| part == RECORDED);
        ours.then(|| Self {
            path,
            _turn: ORDER.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// Writes it down.
    pub(crate) fn note(mut self, kind: u64, file: u64, position: u64, data: &[u8]) {
        let Some(record) = record() else { return };
        let path = self.path.bytes();
        let mut head = [0; RECORD_HEAD];
        let words = [kind, file, position, path.len() as u64, data.len() as u64];
        for (place, word) in head.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        let entry = [&head[..], path, data].concat();
        let mut rest = &entry[..];
        while !rest.is_empty() {
            // SAFETY: see the crate; the buffer is ours. The caller's errno is kept.
            let written = unsafe {
                let errno = *libc::__errno_location();
                let written = libc::syscall(libc::SYS_write, record, rest.as_ptr(), rest.len());
                *libc::__errno_location() = errno;
                written
            };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = &rest[written..],
                _ => return,
            }
        }
    }
}

/// The number by which an open file is known under all its names.
pub(crate) fn inode(fd: c_int) -> u64 {
    // SAFETY: the system fills the structure, which may be anything before.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::syscall(libc::SYS_fstat, fd, &raw mut stat) == 0 {
            stat.st_ino
        } else {
            0
        }
    }
}

/// Where the next plain write of this file goes.
pub(crate) fn position(fd: c_int) -> u64 {
    // SAFETY: it changes nothing.
    let at = unsafe { libc::syscall(libc::SYS_lseek, fd, 0 as libc::off_t, libc::SEEK_CUR) };
    u64::try_from(at).unwrap_or(0)
}

fn record() -> Option<c_int> {
    static RECORD: OnceLock<Option<c_int>> = OnceLock::new();
    *RECORD.get_or_init(|| {
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: see the crate.
        let file = unsafe {
            let name = libc::getenv(c"ABIDE_FAULTS_RECORD".as_ptr());
            if name.is_null() {
                return None;
            }
            libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name, flags, 0)
        };
        c_int::try_from(file).ok().filter(|file| *file >= 0)
    })
}
