//! What happened in one seed, as a hash; and, when somebody wants to read it, as lines.

use std::collections::VecDeque;
use std::fmt::Display;

/// Lines that are kept for a report.
const TAIL: usize = 60;

/// See the [module](self).
pub struct Trace {
    hash: u64,
    steps: u64,
    lines: Option<VecDeque<String>>,
    print: bool,
}

impl Trace {
    /// An empty trace; `keep` its last lines, `print` all of them.
    pub fn new(keep: bool, print: bool) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            lines: (keep || print).then(VecDeque::new),
            print,
        }
    }

    /// Something happened: what, and whatever tells it from others of its kind.
    pub fn note(&mut self, what: &str, detail: u64) {
        self.steps += 1;
        self.mix(what.as_bytes());
        self.mix(&detail.to_le_bytes());
        if self.lines.is_some() {
            self.line(format!("{:6} {what} {detail}", self.steps));
        }
    }

    /// The same, with a text that belongs to what happened.
    pub fn tell(&mut self, what: &str, detail: &dyn Display) {
        self.steps += 1;
        let text = detail.to_string();
        self.mix(what.as_bytes());
        self.mix(text.as_bytes());
        if self.lines.is_some() {
            self.line(format!("{:6} {what} {text}", self.steps));
        }
    }

    fn line(&mut self, line: String) {
        if self.print {
            println!("{line}");
        }
        if let Some(lines) = &mut self.lines {
            if lines.len() == TAIL {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    /// Takes bytes into the hash: FNV-1a.
    pub fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many things happened.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The last lines, if they are kept.
    pub fn tail(&self) -> Vec<String> {
        self.lines.iter().flatten().cloned().collect()
    }
}
