//! What executions report of their steps, counted: by kind, by how they ended, and how long they took.
//!
//! A journal's completions do not say what kind of operation they complete. A [`Tally`] remembers that for one execution, a byte an operation; it
//! is asked once a report, not once a step.

use abide_core::failure::{Failure, Origin};
use abide_core::journal::{Entry, OpNumber, Outcome};
use abide_core::operation::Kind;
use parking_lot::Mutex;

use super::measure::{Counter, Histogram};

/// The kinds of steps, by the place at which they are counted.
pub(crate) const KINDS: [Kind; 10] = [
    Kind::Run,
    Kind::Sleep,
    Kind::SleepUntil,
    Kind::WaitForEvent,
    Kind::WaitForSignal,
    Kind::SendEvents,
    Kind::SendSignal,
    Kind::Invoke,
    Kind::Fetch,
    Kind::AiInfer,
];

/// How steps end, by the place at which they are counted.
pub(crate) const OUTCOMES: [&str; 4] = ["completed", "failed", "timed_out", "cancelled"];

/// What the platform ends guests for, by the place at which it is counted.
pub(crate) const ENDED_FOR: [&str; 4] = ["trap", "timeout", "memory", "limit"];

const fn place(kind: Kind) -> usize {
    match kind {
        Kind::Run => 0,
        Kind::Sleep => 1,
        Kind::SleepUntil => 2,
        Kind::WaitForEvent => 3,
        Kind::WaitForSignal => 4,
        Kind::SendEvents => 5,
        Kind::SendSignal => 6,
        Kind::Invoke => 7,
        Kind::Fetch => 8,
        Kind::AiInfer => 9,
    }
}

/// The steps of an environment.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// By kind and outcome.
    pub(crate) ended: [[Counter; OUTCOMES.len()]; KINDS.len()],
    /// Of those that completed or failed, by kind: their last attempt's, in whole milliseconds as journals have them.
    pub(crate) durations: [Histogram; KINDS.len()],
    /// Attempts that failed and are tried again.
    pub(crate) retries: Counter,
    /// Attempts that a stop of the process or the run interrupted.
    pub(crate) interrupted: Counter,
    /// Guests that the platform ended.
    pub(crate) guests_ended: [Counter; ENDED_FOR.len()],
    /// Attempts at the workflow code that failed.
    pub(crate) workflow_failures: Counter,
}

impl Steps {
    fn failed(&self, failure: &Failure) {
        let place = match failure.origin {
            Origin::Trap => 0,
            Origin::Timeout => 1,
            Origin::Memory => 2,
            Origin::Limit => 3,
            Origin::Guest
            | Origin::Cancelled
            | Origin::Network
            | Origin::Invoke
            | Origin::Interrupted => return,
        };
        self.guests_ended[place].one();
    }
}

/// The kinds of one execution's operations.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Vec<Kind>>);

impl Tally {
    /// Of a run with this journal.
    pub(crate) fn of(journal: &[Entry]) -> Self {
        let mut kinds = Vec::new();
        for entry in journal {
            note(&mut kinds, entry);
        }
        Self(Mutex::new(kinds))
    }

    /// Counts what is new. Reports come one at a time.
    pub(crate) fn count(&self, entries: &[Entry], steps: &Steps) {
        let mut kinds = self.0.lock();
        for entry in entries {
            note(&mut kinds, entry);
            match entry {
                Entry::Completed {
                    op,
                    outcome,
                    attempts,
                    started_ms,
                    at_ms,
                } => {
                    let Some(&kind) = index(*op).and_then(|op| kinds.get(op)) else {
                        continue;
                    };
                    let place = place(kind);
                    let ended = match outcome {
                        Outcome::Done(_) => 0,
                        Outcome::Failed(failure) => {
                            if kind == Kind::Run {
                                steps.failed(failure);
                            }
                            1
                        }
                        Outcome::Empty => 2,
                    };
                    steps.ended[place][ended].one();
                    if ended < 2 {
                        steps.durations[place].observe_ms(at_ms.saturating_sub(*started_ms));
                    }
                    // The host's own requests tell of their attempts only here.
                    if matches!(kind, Kind::Fetch | Kind::AiInfer) {
                        steps.retries.add(u64::from(attempts.saturating_sub(1)));
                    }
                }
                Entry::Cancelled { op, .. } => {
                    if let Some(&kind) = index(*op).and_then(|op| kinds.get(op)) {
                        steps.ended[place(kind)][3].one();
                    }
                }
                Entry::BodyFailed { failure, .. } => {
                    steps.retries.one();
                    steps.failed(failure);
                }
                Entry::BodyInterrupted { .. } => steps.interrupted.one(),
                Entry::WorkflowFailed { failure, .. } => {
                    steps.workflow_failures.one();
                    steps.failed(failure);
                }
                Entry::AttemptStarted { .. }
                | Entry::OperationStarted { .. }
                | Entry::Input { .. }
                | Entry::Carried(_)
                | Entry::BodyStarted { .. }
                | Entry::BodyReachedOut { .. }
                | Entry::Recalled { .. }
                | Entry::Logged { .. }
                | Entry::WorkflowReturned { .. } => {}
            }
        }
    }
}

fn index(op: OpNumber) -> Option<usize> {
    usize::try_from(op).ok()
}

/// Operations are numbered in the order in which they appear; one that appears again keeps its kind.
fn note(kinds: &mut Vec<Kind>, entry: &Entry) {
    let (op, kind) = match entry {
        Entry::OperationStarted { op, kind, .. } => (*op, *kind),
        Entry::Carried(carried) => (carried.op, carried.kind),
        _ => return,
    };
    if index(op) == Some(kinds.len()) {
        kinds.push(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(op: OpNumber, kind: Kind) -> Entry {
        Entry::OperationStarted {
            op,
            after: 0,
            kind,
            id: "a".into(),
            occurrence: 0,
            digest: 0,
            summary: String::new(),
            at_ms: 10,
        }
    }

    fn completed(op: OpNumber, outcome: Outcome, attempts: u32) -> Entry {
        Entry::Completed {
            op,
            outcome,
            attempts,
            started_ms: 10,
            at_ms: 14,
        }
    }

    #[test]
    fn each_kind_has_a_place_of_its_own() {
        for (n, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(place(kind), n);
        }
    }

    #[test]
    fn what_a_later_execution_reports_is_counted_under_the_kinds_that_the_journal_has() {
        let steps = Steps::default();
        let trap = Failure::platform(Origin::Trap, "unreachable");
        let journal = [started(0, Kind::Run), started(1, Kind::WaitForEvent)];
        let tally = Tally::of(&journal);
        let report = [
            completed(0, Outcome::Failed(trap), 1),
            completed(1, Outcome::Empty, 0),
            // The next attempt at the workflow code asks for the first operation again.
            started(0, Kind::Run),
            started(2, Kind::Fetch),
            completed(2, Outcome::Done("1".into()), 3),
            completed(9, Outcome::Empty, 0),
        ];
        tally.count(&report, &steps);
        let ended = |kind: usize| -> [u64; 4] {
            std::array::from_fn(|outcome| steps.ended[kind][outcome].get())
        };
        assert_eq!(ended(place(Kind::Run)), [0, 1, 0, 0]);
        assert_eq!(ended(place(Kind::WaitForEvent)), [0, 0, 1, 0]);
        assert_eq!(ended(place(Kind::Fetch)), [1, 0, 0, 0]);
        assert_eq!(steps.retries.get(), 2);
        assert_eq!(steps.guests_ended[0].get(), 1);
        let fetched = steps.durations[place(Kind::Fetch)].read();
        assert_eq!((fetched.count(), fetched.sum_us), (1, 4_000));
    }
}
