//! Faults in the calls of a running process: rules in a control page that the preloaded library obeys.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

use crate::layout;
use crate::shim;

pub(crate) use crate::layout::{
    OP_ACCEPT as ACCEPT, OP_OPEN as OPEN, OP_READ as READ, OP_RENAME as RENAME, OP_SYNC as SYNC,
    OP_SYNC_RANGE as SYNC_RANGE, OP_TRUNCATE as TRUNCATE, OP_WRITE as WRITE,
};

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    ops: u64,
    pattern: &'static str,
    action: u64,
    errno: i32,
    skip: u64,
    times: u64,
    delay: Duration,
}

impl Rule {
    /// Calls of these kinds on paths that contain `pattern`; all of them are struck until told otherwise.
    fn on(ops: u64, pattern: &'static str, action: u64) -> Self {
        Self {
            ops,
            pattern,
            action,
            errno: 0,
            skip: 0,
            times: u64::MAX,
            delay: Duration::ZERO,
        }
    }

    /// They fail with this error.
    pub fn fail(ops: u64, pattern: &'static str, errno: Errno) -> Self {
        Self {
            errno: errno.raw_os_error(),
            ..Self::on(ops, pattern, layout::ACTION_FAIL)
        }
    }

    /// Writes take half of what they are given.
    pub fn short(pattern: &'static str) -> Self {
        Self::on(WRITE, pattern, layout::ACTION_SHORT)
    }

    /// They take this long.
    pub fn delay(ops: u64, pattern: &'static str, delay: Duration) -> Self {
        Self {
            delay,
            ..Self::on(ops, pattern, layout::ACTION_DELAY)
        }
    }

    /// They are counted.
    pub fn count(ops: u64, pattern: &'static str) -> Self {
        Self::on(ops, pattern, layout::ACTION_COUNT)
    }

    /// The first `skip` calls pass.
    #[must_use]
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// No more than `times` calls are struck.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }
}

/// How often a rule was asked, and how often it struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Calls that matched.
    pub seen: u64,
    /// Calls that were struck.
    pub struck: u64,
}

/// The control page of one process, or of several one after the other.
#[derive(Debug)]
pub struct Faults {
    page: File,
    path: PathBuf,
}

impl Faults {
    /// A page without rules, in this folder.
    pub fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("faults");
        let page = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .context("no control page")?;
        page.set_len(layout::PAGE_BYTES as u64)?;
        Ok(Self { page, path })
    }

    /// What a process needs in its environment to obey.
    pub fn environment(&self) -> Result<[(&'static str, PathBuf); 2]> {
        Ok([
            ("LD_PRELOAD", shim::library()?.to_owned()),
            ("ABIDE_FAULTS", self.path.clone()),
        ])
    }

    /// Puts a rule into a slot, 0 to 7; its tally begins at nothing.
    pub fn set(&self, slot: usize, rule: Rule) -> Result<()> {
        ensure!(
            slot < layout::RULES && rule.pattern.len() <= layout::PATTERN_MOST,
            "no such rule: {slot} {rule:?}"
        );
        let put = |word: usize, value: u64| self.put(Self::word(slot, word), value);
        put(layout::ARMED, 0)?;
        put(layout::OPS, rule.ops)?;
        put(layout::ACTION, rule.action)?;
        put(layout::ERRNO, u64::from(rule.errno.unsigned_abs()))?;
        put(layout::SKIP, rule.skip)?;
        put(layout::TIMES, rule.times)?;
        put(
            layout::DELAY_US,
            u64::try_from(rule.delay.as_micros()).unwrap_or(u64::MAX),
        )?;
        put(layout::SEEN, 0)?;
        put(layout::STRUCK, 0)?;
        put(layout::PATTERN_LEN, rule.pattern.len() as u64)?;
        self.page.write_all_at(
            rule.pattern.as_bytes(),
            Self::word(slot, layout::PATTERN) as u64 * 8,
        )?;
        put(layout::ARMED, 1)
    }

    /// Takes all rules back.
    pub fn clear(&self) -> Result<()> {
        (0..layout::RULES).try_for_each(|slot| self.put(Self::word(slot, layout::ARMED), 0))
    }

    /// What the rule of this slot has done so far.
    pub fn tally(&self, slot: usize) -> Result<Tally> {
        Ok(Tally {
            seen: self.get(Self::word(slot, layout::SEEN))?,
            struck: self.get(Self::word(slot, layout::STRUCK))?,
        })
    }

    /// Sets the process's wall clock this many milliseconds ahead of the machine's, or behind it.
    pub fn shift_clock(&self, ms: i64) -> Result<()> {
        self.put(layout::CLOCK_OFFSET_NS, (ms * 1_000_000).cast_unsigned())
    }

    /// Lets the process record what it does to files, or no longer.
    pub fn record(&self, on: bool) -> Result<()> {
        self.put(layout::RECORDING, u64::from(on))
    }

    fn word(slot: usize, word: usize) -> usize {
        layout::WORDS * (slot + 1) + word
    }

    fn put(&self, word: usize, value: u64) -> Result<()> {
        self.page
            .write_all_at(&value.to_ne_bytes(), word as u64 * 8)
            .context("the control page cannot be written")
    }

    fn get(&self, word: usize) -> Result<u64> {
        let mut bytes = [0; 8];
        self.page.read_exact_at(&mut bytes, word as u64 * 8)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}
