//! What models have in common: the list of what happened, and a book of runs in which they note what should have come of it.

use super::User;

/// An event that a request brought.
#[derive(Debug, Clone)]
pub(super) struct Came {
    /// Its number: the order in which events came, those of one request included.
    pub n: usize,
    pub at: u64,
    pub user: User,
    pub id: Option<u8>,
    pub ts: u64,
    pub urgent: bool,
    pub ahead: Option<i64>,
    pub bytes: u64,
}

/// One thing that happened and was not forgotten. All times are in milliseconds from one point in time.
#[derive(Debug, Clone)]
pub(super) enum Happened {
    Sent(Vec<Came>),
    /// Timers had their turn.
    Ticked(u64),
    /// The run whose `event` has this number ended.
    Ended(usize),
    Cancelled(usize),
}

/// What can be seen of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// The number of its `event`.
    pub event: usize,
    /// The numbers of all of them, in order.
    pub events: Vec<usize>,
    pub batch: bool,
    pub created_at: u64,
    pub state: State,
    /// Its place in the queue, relative to the beginning.
    pub order: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Skipped,
    AsleepUntil(u64),
    Live,
    Ended,
    Cancelled,
}

/// The runs that there should be.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub runs: Vec<Seen>,
}

impl Book {
    /// A run begins at `now`, or when its event says.
    pub(super) fn start(&mut self, now: u64, event: &Came) -> &mut Seen {
        let state = if event.ts > now {
            State::AsleepUntil(event.ts)
        } else {
            State::Live
        };
        self.note(now, event, state)
    }

    pub(super) fn skip(&mut self, now: u64, event: &Came) -> &mut Seen {
        self.note(now, event, State::Skipped)
    }

    fn note(&mut self, now: u64, event: &Came, state: State) -> &mut Seen {
        self.runs.push(Seen {
            event: event.n,
            events: vec![event.n],
            batch: false,
            created_at: now,
            state,
            order: None,
        });
        self.runs.last_mut().expect("it was pushed")
    }

    /// Timers have their turn.
    pub(super) fn wake(&mut self, now: u64) {
        for run in &mut self.runs {
            if matches!(run.state, State::AsleepUntil(at) if at <= now) {
                run.state = State::Live;
            }
        }
    }

    /// What becomes of the runs by what happens to them alone.
    pub(super) fn happened(&mut self, happened: &Happened) {
        match happened {
            Happened::Sent(_) => {}
            Happened::Ticked(now) => self.wake(*now),
            Happened::Ended(event) => self.set(*event, State::Ended),
            Happened::Cancelled(event) => self.set(*event, State::Cancelled),
        }
    }

    pub(super) fn set(&mut self, event: usize, state: State) {
        let run = self.runs.iter_mut().find(|run| run.event == event);
        run.expect("a run that exists").state = state;
    }

    pub(super) fn is_alive(&self, event: usize) -> bool {
        let run = self.runs.iter().find(|run| run.event == event);
        run.is_some_and(|run| matches!(run.state, State::Live | State::AsleepUntil(_)))
    }
}
