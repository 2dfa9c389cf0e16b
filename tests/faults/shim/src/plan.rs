//! What happens to a call: the control page, and the rule that fits.

use std::ffi::{CStr, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ptr, slice};

use crate::layout::{
    ACTION, ACTION_DELAY, ACTION_FAIL, ACTION_SHORT, ARMED, CLOCK_OFFSET_NS, DELAY_US, ERRNO, OPS,
    PAGE_BYTES, PATTERN, PATTERN_LEN, PATTERN_MOST, RECORDING, RULES, SEEN, SKIP, STRUCK, TIMES,
    WORDS,
};

/// The longest path that is compared.
const PATH_MOST: usize = 1024;

/// What becomes of a call.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// It is made.
    Pass,
    /// It fails with this error.
    Fail(c_int),
    /// It is made with half of its bytes.
    Short,
}

/// What a call is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// An open file.
    Fd(c_int),
    /// A path as the caller gave it.
    Path(&'a CStr),
}

fn page() -> Option<&'static [AtomicU64]> {
    static PAGE: OnceLock<Option<&'static [AtomicU64]>> = OnceLock::new();
    *PAGE.get_or_init(|| {
        // SAFETY: see the crate. The mapping is shared, as long as the page, and never taken away.
        unsafe {
            let name = libc::getenv(c"ABIDE_FAULTS".as_ptr());
            if name.is_null() {
                return None;
            }
            let flags = libc::O_RDWR | libc::O_CLOEXEC;
            let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name, flags, 0);
            if file < 0 {
                return None;
            }
            let mapped = libc::syscall(
                libc::SYS_mmap,
                ptr::null_mut::<u8>(),
                PAGE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file,
                // As wide as the system reads it.
                0 as libc::off_t,
            );
            libc::syscall(libc::SYS_close, file);
            if mapped == -1 {
                return None;
            }
            let at = usize::try_from(mapped).ok()?;
            let words = ptr::with_exposed_provenance::<AtomicU64>(at);
            Some(slice::from_raw_parts(words, PAGE_BYTES / 8))
        }
    })
}

/// What is added to the wall clock, in nanoseconds.
pub(crate) fn clock_offset_ns() -> i64 {
    page().map_or(0, |page| {
        page[CLOCK_OFFSET_NS].load(Ordering::Relaxed).cast_signed()
    })
}

/// Whether what happens to files is recorded now.
pub(crate) fn is_recording() -> bool {
    page().is_some_and(|page| page[RECORDING].load(Ordering::Acquire) != 0)
}

/// Asks the rules. The caller's `errno` is kept.
pub(crate) fn judge(op: u64, subject: Subject<'_>) -> Verdict {
    let Some(page) = page() else {
        return Verdict::Pass;
    };
    let mut path = Path::of(subject);
    for rule in page[WORDS..].chunks_exact(WORDS).take(RULES) {
        let word = |at: usize| rule[at].load(Ordering::Acquire);
        if word(ARMED) == 0 || word(OPS) & op == 0 || !path.contains(&pattern(rule)) {
            continue;
        }
        let seen = rule[SEEN].fetch_add(1, Ordering::AcqRel);
        if seen < word(SKIP) || seen - word(SKIP) >= word(TIMES) {
            continue;
        }
        rule[STRUCK].fetch_add(1, Ordering::AcqRel);
        match word(ACTION) {
            ACTION_FAIL => return Verdict::Fail(c_int::try_from(word(ERRNO)).unwrap_or(libc::EIO)),
            ACTION_SHORT => return Verdict::Short,
            ACTION_DELAY => wait(word(DELAY_US)),
            _ => {}
        }
    }
    Verdict::Pass
}

/// Sets `errno` and says -1, or makes the call.
pub(crate) fn or_fail<T: From<i8>>(verdict: Verdict, call: impl FnOnce() -> T) -> T {
    match verdict {
        Verdict::Fail(error) => {
            // SAFETY: the calling thread's own errno.
            unsafe { *libc::__errno_location() = error };
            T::from(-1)
        }
        Verdict::Pass | Verdict::Short => call(),
    }
}

fn wait(us: u64) {
    let time = libc::timespec {
        tv_sec: (us / 1_000_000).cast_signed(),
        tv_nsec: (us % 1_000_000 * 1_000).cast_signed(),
    };
    // SAFETY: the system reads one timespec. An interruption makes the delay shorter, which is no harm.
    unsafe {
        libc::syscall(
            libc::SYS_nanosleep,
            &raw const time,
            ptr::null_mut::<libc::timespec>(),
        )
    };
}

/// The pattern of a rule, as bytes.
fn pattern(rule: &[AtomicU64]) -> ([u8; PATTERN_MOST], usize) {
    let mut bytes = [0; PATTERN_MOST];
    for (place, word) in bytes.chunks_exact_mut(8).zip(&rule[PATTERN..]) {
        place.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    let len = usize::try_from(rule[PATTERN_LEN].load(Ordering::Relaxed)).unwrap_or(0);
    (bytes, len.min(PATTERN_MOST))
}

/// A path that is looked up only when a rule asks for it.
pub(crate) struct Path<'a> {
    subject: Subject<'a>,
    bytes: [u8; PATH_MOST],
    len: Option<usize>,
}

impl<'a> Path<'a> {
    pub(crate) fn of(subject: Subject<'a>) -> Self {
        Self {
            subject,
            bytes: [0; PATH_MOST],
            len: None,
        }
    }

    fn contains(&mut self, (pattern, len): &([u8; PATTERN_MOST], usize)) -> bool {
        let pattern = &pattern[..*len];
        pattern.is_empty()
            || self
                .bytes()
                .windows(pattern.len())
                .any(|part| part == pattern)
    }

    pub(crate) fn bytes(&mut self) -> &[u8] {
        let len = match self.len {
            Some(len) => len,
            None => self.look_up(),
        };
        self.len = Some(len);
        &self.bytes[..len]
    }

    fn look_up(&mut self) -> usize {
        match self.subject {
            Subject::Path(path) => {
                let path = path.to_bytes();
                let len = path.len().min(PATH_MOST);
                self.bytes[..len].copy_from_slice(&path[..len]);
                len
            }
            Subject::Fd(fd) => {
                let name = proc_name(fd);
                // SAFETY: `name` ends with a zero, and the system writes at most as many bytes as the buffer has. The caller's errno is kept.
                let len = unsafe {
                    let errno = *libc::__errno_location();
                    let len = libc::syscall(
                        libc::SYS_readlinkat,
                        libc::AT_FDCWD,
                        name.as_ptr(),
                        self.bytes.as_mut_ptr(),
                        PATH_MOST,
                    );
                    *libc::__errno_location() = errno;
                    len
                };
                usize::try_from(len).unwrap_or(0)
            }
        }
    }
}

/// `/proc/self/fd/N` with a zero behind it. Made by hand, because allocating in the middle of any call could surprise the caller.
fn proc_name(fd: c_int) -> [u8; 32] {
    const PREFIX: &[u8] = b"/proc/self/fd/";
    let mut name = [0; 32];
    name[..PREFIX.len()].copy_from_slice(PREFIX);
    let mut digits = [0; 10];
    let mut rest = fd.unsigned_abs();
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = &digits[at..];
    name[PREFIX.len()..PREFIX.len() + digits.len()].copy_from_slice(digits);
    name
}
