//! What was found on the way: counts, broken rules, what happened when, and latencies of probes. Shared by all tasks.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;

/// Broken rules that are kept in words; further ones are counted.
const MOST_VIOLATIONS: usize = 100;

/// Something that was done to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// `kill -9`, and a start.
    Kill,
    /// SIGTERM, and a start.
    Restart,
    /// A new version of the app.
    Deploy,
}

impl Happening {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Deploy => "deploy",
        }
    }
}

/// When something was done, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at_s: f64,
    pub(crate) what: Happening,
    pub(crate) took_ms: f64,
}

/// Rows of the store by kind, while no process served it.
#[derive(Debug, Clone)]
pub(crate) struct Census {
    pub(crate) at_s: f64,
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) alive_bytes: u64,
}

/// Everything that was found so far.
pub(crate) struct Findings {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
    violated: u64,
    marks: Vec<Mark>,
    probes_ms: Vec<f64>,
    censuses: Vec<Census>,
}

impl Findings {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Seconds since the beginning.
    pub(crate) fn at_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.count_many(what, 1);
    }

    pub(crate) fn count_many(&self, what: &'static str, many: u64) {
        *self.state.lock().counts.entry(what).or_default() += many;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().counts.clone()
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.state.lock().counts.get(what).copied().unwrap_or(0)
    }

    /// A rule is broken.
    pub(crate) fn violated(&self, how: impl Into<String>) {
        let how = format!("at {:.0} s: {}", self.at_s(), how.into());
        eprintln!("BROKEN: {how}");
        let mut state = self.state.lock();
        state.violated += 1;
        if state.violations.len() < MOST_VIOLATIONS {
            state.violations.push(how);
        }
    }

    /// Broken rules: how many, and the first of them in words.
    pub(crate) fn violations(&self) -> (u64, Vec<String>) {
        let state = self.state.lock();
        (state.violated, state.violations.clone())
    }

    pub(crate) fn mark(&self, at_s: f64, what: Happening) {
        let took_ms = (self.at_s() - at_s) * 1_000.0;
        self.state.lock().marks.push(Mark {
            at_s,
            what,
            took_ms,
        });
    }

    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.state.lock().marks.clone()
    }

    pub(crate) fn probed(&self, took_ms: f64) {
        self.state.lock().probes_ms.push(took_ms);
    }

    /// Latencies of the probes since the last call.
    pub(crate) fn take_probes(&self) -> Vec<f64> {
        std::mem::take(&mut self.state.lock().probes_ms)
    }

    pub(crate) fn census(&self, census: Census) {
        self.state.lock().censuses.push(census);
    }

    pub(crate) fn censuses(&self) -> Vec<Census> {
        self.state.lock().censuses.clone()
    }
}
