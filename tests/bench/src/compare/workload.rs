//! What every system is asked to do: the same programs, the same data, the same results.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

/// How long the sleep sleeps.
const SLEEP_MS: u64 = 100;

/// One of the programs. `tests/guests/bench/src/compare.rs` has them for Abide, `tests/bench/compare` for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Sequence,
    Parallel,
    Sleep,
    Wait,
    FanOut,
    Long,
}

impl Workload {
    pub(crate) const ALL: [Self; 6] = [
        Self::Sequence,
        Self::Parallel,
        Self::Sleep,
        Self::Wait,
        Self::FanOut,
        Self::Long,
    ];

    /// Its key in the JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Sequence => "sequence10",
            Self::Parallel => "parallel10",
            Self::Sleep => "sleep100ms",
            Self::Wait => "wait",
            Self::FanOut => "fanout100",
            Self::Long => "sequence1000",
        }
    }

    /// What a reader of the table is told.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sequence => "10 steps, one after the other",
            Self::Parallel => "10 steps at once",
            Self::Sleep => "sleep of 100 ms, then a step (time beyond the 100 ms)",
            Self::Wait => "event to a waiting run: from sending it to the run's end",
            Self::FanOut => "100 children of one step, awaited",
            Self::Long => "1,000 steps, one after the other",
        }
    }

    /// The program that does it.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Sequence | Self::Long => "sequence",
            Self::Parallel => "parallel",
            Self::Sleep => "sleep",
            Self::Wait => "wait",
            Self::FanOut => "fan-out",
        }
    }

    /// How many runs at once. A fan-out is a hundred at once by itself; runs of 1,000 steps take the slow ones seconds each.
    pub(crate) fn flights(self) -> &'static [usize] {
        match self {
            Self::Sequence | Self::Parallel | Self::Sleep | Self::Wait => &[1, 64],
            Self::FanOut | Self::Long => &[1],
        }
    }

    /// What a run answers if it did all of it.
    fn result(self) -> u64 {
        match self {
            Self::Sequence | Self::Parallel => 45,
            Self::Sleep => 1,
            Self::Wait => 2,
            Self::FanOut => 4_950,
            Self::Long => 499_500,
        }
    }

    fn n(self) -> u64 {
        match self {
            Self::Sequence | Self::Parallel => 10,
            Self::FanOut => 100,
            Self::Long => 1_000,
            Self::Sleep | Self::Wait => 0,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    /// Whether each step makes an HTTP request.
    pub(crate) http: bool,
    pub(crate) in_flight: usize,
}

impl Cell {
    /// All of them, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for workload in Workload::ALL {
            for &in_flight in workload.flights() {
                cells.extend([false, true].map(|http| Self {
                    workload,
                    http,
                    in_flight,
                }));
            }
        }
        cells
    }

    /// Its key in the JSON, and what `--only` looks into.
    pub(crate) fn key(self) -> String {
        let steps = if self.http { "http" } else { "plain" };
        format!("{}/{steps}/{}", self.workload.key(), self.in_flight)
    }
}

/// One run to be.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) workload: Workload,
    /// Unlike that of all other jobs.
    pub(crate) key: String,
    /// What the system calls the run, where it tells and as soon as it has told.
    pub(crate) id: OnceLock<String>,
    url: Option<String>,
}

impl Job {
    pub(crate) fn new(workload: Workload, url: Option<&str>, key: String) -> Self {
        Self {
            workload,
            key,
            id: OnceLock::new(),
            url: url.map(str::to_owned),
        }
    }

    /// What the program is given.
    pub(crate) fn data(&self) -> Value {
        let mut data = json!({"n": self.workload.n(), "sleep_ms": SLEEP_MS, "key": self.key});
        if let Some(url) = &self.url {
            data["url"] = json!(url);
        }
        data
    }

    /// Refuses a result that is not the program's.
    pub(crate) fn check(&self, result: u64) -> anyhow::Result<()> {
        let expected = self.workload.result();
        anyhow::ensure!(
            result == expected,
            "a run of {} answered {result} in place of {expected}",
            self.workload.key()
        );
        Ok(())
    }

    /// The part of a latency that is not the program's own will.
    pub(crate) fn net(&self, latency: Duration) -> Duration {
        match self.workload {
            Workload::Sleep => latency.saturating_sub(Duration::from_millis(SLEEP_MS)),
            Workload::Sequence
            | Workload::Parallel
            | Workload::Wait
            | Workload::FanOut
            | Workload::Long => latency,
        }
    }
}
