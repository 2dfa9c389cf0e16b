//! The calls that are watched, each by the name that the C library gives it. The crate says why this is sound.

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};

use libc::{iovec, mode_t, off_t, size_t, sockaddr, socklen_t, ssize_t, timespec};

use crate::layout::{
    KIND_CREATE, KIND_MKDIR, KIND_RENAME, KIND_SYNC, KIND_TRUNCATE, KIND_UNLINK, KIND_WRITE,
    OP_ACCEPT, OP_MKDIR, OP_OPEN, OP_READ, OP_RENAME, OP_SYNC, OP_SYNC_RANGE, OP_TRUNCATE,
    OP_UNLINK, OP_WRITE,
};
use crate::plan::{Subject, Verdict, clock_offset_ns, judge, or_fail};
use crate::record::{Recording, inode, position};

/// What a system call returns, as the `int` of its wrapper.
fn int(value: c_long) -> c_int {
    c_int::try_from(value).unwrap_or(-1)
}

/// What a system call returns, as the `ssize_t` of its wrapper.
fn size(value: c_long) -> ssize_t {
    ssize_t::try_from(value).unwrap_or(-1)
}

unsafe fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller gave a path for the system to read.
    let subject = Subject::Path(unsafe { CStr::from_ptr(path) });
    let creates = flags & (libc::O_CREAT | libc::O_TMPFILE) != 0;
    let mode = if creates { mode } else { 0 };
    let recording = creates.then(|| Recording::begin(subject)).flatten();
    let opened = or_fail(judge(OP_OPEN, subject), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) })
    });
    if let Some(recording) = recording.filter(|_| opened >= 0) {
        recording.note(KIND_CREATE, inode(opened), 0, &[]);
    }
    opened
}

/// Notes what was written.
///
/// # Safety
/// `buffer` has at least as many bytes as were `written`.
unsafe fn note_write(
    recording: Option<Recording<'_>>,
    fd: c_int,
    at: u64,
    buffer: *const c_void,
    written: ssize_t,
) {
    if let (Some(recording), Ok(len)) = (recording, usize::try_from(written)) {
        // SAFETY: the caller says so.
        let data = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len) };
        recording.note(KIND_WRITE, inode(fd), at, data);
    }
}

macro_rules! opens {
    ($($name:ident, $name_at:ident;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name_at(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe { open_at(dir, path, flags, mode) }
        }
    )* };
}

opens! {
    open, openat;
    open64, openat64;
}

/// How many bytes of a write are made.
fn shortened(verdict: Verdict, len: size_t) -> size_t {
    match verdict {
        Verdict::Short if len > 1 => len / 2,
        _ => len,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, len: size_t) -> ssize_t {
    let verdict = judge(OP_WRITE, Subject::Fd(fd));
    let len = shortened(verdict, len);
    let recording = Recording::begin(Subject::Fd(fd));
    let at = recording.as_ref().map_or(0, |_| position(fd));
    let written = or_fail(verdict, || {
        // SAFETY: the caller's arguments, perhaps less of the buffer.
        size(unsafe { libc::syscall(libc::SYS_write, fd, buffer, len) })
    });
    // SAFETY: the system took no more than the buffer has.
    unsafe { note_write(recording, fd, at, buffer, written) };
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let verdict = judge(OP_WRITE, Subject::Fd(fd));
    let count = if matches!(verdict, Verdict::Short) {
        count.min(1)
    } else {
        count
    };
    or_fail(verdict, || {
        // SAFETY: the caller's arguments, perhaps fewer of the buffers.
        size(unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) })
    })
}

macro_rules! positioned {
    ($($write:ident, $read:ident, $truncate:ident;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $write(fd: c_int, buffer: *const c_void, len: size_t, at: off_t) -> ssize_t {
            let verdict = judge(OP_WRITE, Subject::Fd(fd));
            let len = shortened(verdict, len);
            let recording = Recording::begin(Subject::Fd(fd));
            let written = or_fail(verdict, || {
                // SAFETY: the caller's arguments, perhaps less of the buffer.
                size(unsafe { libc::syscall(libc::SYS_pwrite64, fd, buffer, len, at) })
            });
            // SAFETY: the system took no more than the buffer has.
            unsafe { note_write(recording, fd, at.cast_unsigned(), buffer, written) };
            written
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $read(fd: c_int, buffer: *mut c_void, len: size_t, at: off_t) -> ssize_t {
            or_fail(judge(OP_READ, Subject::Fd(fd)), || {
                // SAFETY: the caller's arguments.
                size(unsafe { libc::syscall(libc::SYS_pread64, fd, buffer, len, at) })
            })
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $truncate(fd: c_int, len: off_t) -> c_int {
            let recording = Recording::begin(Subject::Fd(fd));
            let done = or_fail(judge(OP_TRUNCATE, Subject::Fd(fd)), || {
                // SAFETY: the caller's arguments.
                int(unsafe { libc::syscall(libc::SYS_ftruncate, fd, len) })
            });
            if let Some(recording) = recording.filter(|_| done == 0) {
                recording.note(KIND_TRUNCATE, inode(fd), len.cast_unsigned(), &[]);
            }
            done
        }
    )* };
}

positioned! {
    pwrite, pread, ftruncate;
    pwrite64, pread64, ftruncate64;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, len: size_t) -> ssize_t {
    or_fail(judge(OP_READ, Subject::Fd(fd)), || {
        // SAFETY: the caller's arguments.
        size(unsafe { libc::syscall(libc::SYS_read, fd, buffer, len) })
    })
}

/// Both kinds of a sync: they differ in nothing that is recorded here.
fn synced(fd: c_int, call: c_long) -> c_int {
    let recording = Recording::begin(Subject::Fd(fd));
    let done = or_fail(judge(OP_SYNC, Subject::Fd(fd)), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(call, fd) })
    });
    if let Some(recording) = recording.filter(|_| done == 0) {
        recording.note(KIND_SYNC, inode(fd), 0, &[]);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    synced(fd, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(fd: c_int, at: off_t, len: off_t, flags: c_uint) -> c_int {
    or_fail(judge(OP_SYNC_RANGE, Subject::Fd(fd)), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_sync_file_range, fd, at, len, flags) })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller gave a path for the system to read.
    let subject = Subject::Path(unsafe { CStr::from_ptr(from) });
    let recording = Recording::begin(subject);
    let done = or_fail(judge(OP_RENAME, subject), || {
        let here = libc::AT_FDCWD;
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_renameat2, here, from, here, to, 0) })
    });
    if let Some(recording) = recording.filter(|_| done == 0) {
        // SAFETY: the system has read the same path.
        recording.note(KIND_RENAME, 0, 0, unsafe { CStr::from_ptr(to) }.to_bytes());
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller gave a path for the system to read.
    let subject = Subject::Path(unsafe { CStr::from_ptr(path) });
    let recording = Recording::begin(subject);
    let done = or_fail(judge(OP_UNLINK, subject), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) })
    });
    if let Some(recording) = recording.filter(|_| done == 0) {
        recording.note(KIND_UNLINK, 0, 0, &[]);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the caller gave a path for the system to read.
    let subject = Subject::Path(unsafe { CStr::from_ptr(path) });
    let recording = Recording::begin(subject);
    let done = or_fail(judge(OP_MKDIR, subject), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) })
    });
    if let Some(recording) = recording.filter(|_| done == 0) {
        recording.note(KIND_MKDIR, 0, 0, &[]);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(
    fd: c_int,
    address: *mut sockaddr,
    len: *mut socklen_t,
    flags: c_int,
) -> c_int {
    or_fail(judge(OP_ACCEPT, Subject::Fd(fd)), || {
        // SAFETY: the caller's arguments.
        int(unsafe { libc::syscall(libc::SYS_accept4, fd, address, len, flags) })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut timespec) -> c_int {
    const SECOND: i64 = 1_000_000_000;
    // SAFETY: the caller's arguments; the system has written the time when it says 0.
    unsafe {
        let told = int(libc::syscall(libc::SYS_clock_gettime, clock, time));
        let offset = clock_offset_ns();
        if told == 0 && offset != 0 && clock == libc::CLOCK_REALTIME {
            let ns = (*time).tv_sec * SECOND + (*time).tv_nsec + offset;
            (*time).tv_sec = ns.div_euclid(SECOND);
            (*time).tv_nsec = ns.rem_euclid(SECOND);
        }
        told
    }
}
