//! Each control against a model of it: random events, keys, clock steps, ends, cancellations, crashes that forget a suffix of steps, and
//! restarts; after every one of them every start, delay, drop, merge and cancel is what the model says.
//!
//! A model is naive on purpose: it keeps the list of everything that happened, begins from nothing each time it is asked, and shares no code with
//! the engine. `PROPTEST_CASES` sets how many cases are tried.

mod batch;
mod book;
mod cancel_on;
mod chaos;
mod cron;
mod debounce;
mod dedupe;
mod driver;
mod floor;
mod idempotency;
mod internal;
mod jobs;
mod lanes;
mod pause;
mod priority;
mod queue;
mod rate_limit;
mod replay;
mod setting;
mod signals;
mod singleton;
mod stage;
mod timeouts;
mod together;
mod turns;

use proptest::prelude::*;

use super::world::started_by_event;
use crate::function::FunctionConfig;
use book::{Happened, Seen};
use driver::Driver;

/// What an event of a case says.
#[derive(Debug, Clone)]
struct Sent {
    /// `data.user`, the key: a number, `false`, or nothing.
    user: User,
    /// The sender's id, one of a few.
    id: Option<u8>,
    /// `ts`, relative to now.
    ts: Option<i64>,
    /// Whether a batch does not want it.
    urgent: bool,
    /// `data.ahead`, the priority: a number, or something that is none.
    ahead: Option<i64>,
    /// Bytes of padding.
    pad: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum User {
    Number(u8),
    False,
    Missing,
}

impl User {
    /// What `event.data.user` gives.
    fn key(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::False => "false".into(),
            Self::Missing => "null".into(),
        }
    }
}

/// One thing that is done to the engine.
#[derive(Debug, Clone)]
enum Op {
    /// Events of one request, after this time, whether or not a timer had its turn before.
    Send(u64, Vec<Sent>),
    /// Time passes, and timers have their turn.
    Pass(u64),
    /// One of the runs that execute ends.
    End(usize),
    /// One of the runs that have not ended is cancelled.
    Cancel(usize),
    /// Everything so far is on disk for good.
    Sync,
    /// The process dies, and with it the last steps that were not on disk for good: at most so many.
    Crash(usize),
}

/// Times around the interesting ones: `period` is that of the control.
fn time(period: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 1..period,
        2 => Just(period),
        1 => Just(period - 1),
        1 => Just(period + 1),
        1 => period..4 * period,
    ]
}

fn sent(period: u64) -> impl Strategy<Value = Sent> {
    let period = i64::try_from(period).expect("small");
    let user = prop_oneof![
        6 => (0..2_u8).prop_map(User::Number),
        1 => Just(User::False),
        1 => Just(User::Missing),
    ];
    let ts = prop_oneof![
        4 => Just(None),
        2 => (-3..3_i64).prop_map(Some),
        1 => (-period..2 * period).prop_map(Some),
    ];
    let ahead = prop::option::weighted(0.8, -700..700_i64);
    let id = prop::option::weighted(0.4, 0..4_u8);
    (user, id, ts, any::<bool>(), ahead, 0..400_usize).prop_map(
        |(user, id, ts, urgent, ahead, pad)| Sent {
            user,
            id,
            ts,
            urgent,
            ahead,
            pad,
        },
    )
}

fn ops(period: u64) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (time(period), prop::collection::vec(sent(period), 1..5)).prop_map(|(ms, events)| Op::Send(ms, events)),
        4 => time(period).prop_map(Op::Pass),
        2 => any::<prop::sample::Index>().prop_map(|index| Op::End(index.index(1 << 16))),
        1 => any::<prop::sample::Index>().prop_map(|index| Op::Cancel(index.index(1 << 16))),
        1 => Just(Op::Sync),
        2 => (0..6_usize).prop_map(Op::Crash),
    ];
    prop::collection::vec(op, 1..24)
}

/// The same without external ids, for the models that know nothing of them.
fn without_ids(mut ops: Vec<Op>) -> Vec<Op> {
    for op in &mut ops {
        if let Op::Send(_, events) = op {
            for event in events {
                event.id = None;
            }
        }
    }
    ops
}

/// Does it all, and compares after each.
fn compare(
    options: impl FnOnce(&mut FunctionConfig),
    ops: Vec<Op>,
    model: impl Fn(&[Happened]) -> Vec<Seen>,
) -> Result<(), TestCaseError> {
    let mut config = started_by_event("f");
    options(&mut config);
    config.validate().expect("options that are allowed");
    let mut driver = Driver::new(config);
    for op in ops {
        driver.apply(op.clone());
        let mut expected = model(&driver.log());
        expected.sort();
        prop_assert_eq!(
            driver.seen(),
            expected,
            "after {:?} at {}",
            op,
            driver.clock()
        );
        driver.check_invariants()?;
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        // A failing case becomes a test with a name.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
