//! The control page: a small file that the harness writes and the shim reads, while both run.
//!
//! All fields are 64-bit words in the machine's byte order. The page has a header of [`WORDS`] words and [`RULES`] rules of [`WORDS`]
//! words each. A rule is written with [`ARMED`] 0 first, and armed last.
//!
//! This file belongs to two crates: it must need nothing.

/// Words of the header, and of each rule.
pub(crate) const WORDS: usize = 32;
/// How many rules there are.
pub(crate) const RULES: usize = 8;
/// Bytes of the whole page.
pub(crate) const PAGE_BYTES: usize = WORDS * 8 * (RULES + 1);

/// Header: nanoseconds that are added to the wall clock, signed.
pub(crate) const CLOCK_OFFSET_NS: usize = 0;

/// Header: whether what happens to files is recorded, in the file that `ABIDE_FAULTS_RECORD` names.
pub(crate) const RECORDING: usize = 1;

/// Rule: whether it holds.
pub(crate) const ARMED: usize = 0;
/// Rule: the kinds of calls, a set of `OP_…`.
pub(crate) const OPS: usize = 1;
/// Rule: what happens to a call, one of `ACTION_…`.
pub(crate) const ACTION: usize = 2;
/// Rule: the error of [`ACTION_FAIL`].
pub(crate) const ERRNO: usize = 3;
/// Rule: matching calls that pass before the first that is struck.
pub(crate) const SKIP: usize = 4;
/// Rule: calls that are struck; those after them pass.
pub(crate) const TIMES: usize = 5;
/// Rule: microseconds of [`ACTION_DELAY`].
pub(crate) const DELAY_US: usize = 6;
/// Rule: calls that matched so far. The shim counts.
pub(crate) const SEEN: usize = 7;
/// Rule: calls that were struck so far. The shim counts.
pub(crate) const STRUCK: usize = 8;
/// Rule: bytes of the pattern.
pub(crate) const PATTERN_LEN: usize = 9;
/// Rule: the pattern, which must occur in the file's path; up to the end of the rule.
pub(crate) const PATTERN: usize = 10;
/// The longest pattern.
pub(crate) const PATTERN_MOST: usize = (WORDS - PATTERN) * 8;

/// `open`, `openat`.
pub(crate) const OP_OPEN: u64 = 1;
/// `write`, `pwrite`, `writev`, `pwritev`.
pub(crate) const OP_WRITE: u64 = 2;
/// `fsync`, `fdatasync`.
pub(crate) const OP_SYNC: u64 = 4;
/// `sync_file_range`.
pub(crate) const OP_SYNC_RANGE: u64 = 8;
/// `ftruncate`.
pub(crate) const OP_TRUNCATE: u64 = 16;
/// `rename`, by the old path.
pub(crate) const OP_RENAME: u64 = 32;
/// `read`, `pread`.
pub(crate) const OP_READ: u64 = 64;
/// `accept4`.
pub(crate) const OP_ACCEPT: u64 = 128;
/// `unlink`.
pub(crate) const OP_UNLINK: u64 = 256;
/// `mkdir`.
pub(crate) const OP_MKDIR: u64 = 512;

/// The call fails with [`ERRNO`] and does nothing.
pub(crate) const ACTION_FAIL: u64 = 0;
/// A write takes half of what it was given.
pub(crate) const ACTION_SHORT: u64 = 1;
/// The call is made after [`DELAY_US`].
pub(crate) const ACTION_DELAY: u64 = 2;
/// The call is made; it is only counted.
pub(crate) const ACTION_COUNT: u64 = 3;

/// What is recorded: only of paths that contain this.
pub(crate) const RECORDED: &[u8] = b"/data/";

/// A record: kind u64, file u64 (its inode), position u64, path length u64, data length u64, then the path and the data.
pub(crate) const RECORD_HEAD: usize = 40;
/// The file was created under this path.
pub(crate) const KIND_CREATE: u64 = 1;
/// The data were written at the position.
pub(crate) const KIND_WRITE: u64 = 2;
/// The file, or the directory, was synced.
pub(crate) const KIND_SYNC: u64 = 3;
/// The file was cut to the position.
pub(crate) const KIND_TRUNCATE: u64 = 4;
/// The path was renamed; the data are the new path.
pub(crate) const KIND_RENAME: u64 = 5;
/// The path was unlinked.
pub(crate) const KIND_UNLINK: u64 = 6;
/// The directory was made.
pub(crate) const KIND_MKDIR: u64 = 7;
