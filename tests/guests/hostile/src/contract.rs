//! Calls that the contract forbids, or allows although they look odd.

use crate::Trick;
use crate::bindings::abide::durable::operations::{cancel, finish, next, start};
use crate::bindings::abide::durable::types::{News, Operation, RunContext};
use crate::sdk::{Outcome, failure, hand_in, plain_run, read, step};

const DAY_MS: u64 = 86_400_000;

pub(crate) const TRICKS: &[Trick] = &[
    ("next-with-nothing", |_| read(next().1)),
    ("next-after-the-end", |_| {
        step("only", one).and_then(|_| read(next().1))
    }),
    ("next-after-cancel", |_| {
        cancel(start("nap", &Operation::Sleep(DAY_MS)));
        read(next().1)
    }),
    ("finish-in-workflow", |_| {
        let ticket = start("step", &plain_run());
        finish(ticket, Ok("1"));
        read(next().1)
    }),
    ("finish-unknown-ticket", |_| {
        finish(4_000_000, Ok("1"));
        one()
    }),
    ("finish-wrong-ticket", finish_wrong_ticket),
    ("finish-twice", finish_twice),
    ("finish-never", |_| {
        in_body(|| {
            // The body is dropped without an outcome.
            read(next().1)
        })
    }),
    ("start-in-body", |_| {
        in_body(|| {
            start("inside", &plain_run());
            one()
        })
    }),
    ("cancel-in-body", |_| {
        in_body(|| {
            cancel(0);
            one()
        })
    }),
    ("cancel-unknown-ticket", |_| {
        cancel(4_000_000);
        one()
    }),
    ("cancel-twice", |_| {
        let ticket = start("nap", &Operation::Sleep(DAY_MS));
        cancel(ticket);
        cancel(ticket);
        step("after", one)
    }),
    ("cancel-complete", cancel_complete),
    ("start-after-cancel", start_after_cancel),
    ("cancel-running-body", cancel_running_body),
    ("leave-open", |_| {
        start("nap", &Operation::Sleep(DAY_MS));
        start("step", &plain_run());
        one()
    }),
    ("skip-execute", skip_execute),
];

/// A step's ordinary outcome.
#[expect(clippy::unnecessary_wraps, reason = "it stands where a body does")]
fn one() -> Outcome {
    Ok("1".to_owned())
}

/// A step whose body does something forbidden.
fn in_body(body: impl FnMut() -> Outcome) -> Outcome {
    step("body", body)
}

/// Two steps; the outcome of each body is handed in for the other one.
fn finish_wrong_ticket(_: &RunContext) -> Outcome {
    let (a, b) = (start("a", &plain_run()), start("b", &plain_run()));
    loop {
        match next() {
            (ticket, News::Execute(_)) => hand_in(if ticket == a { b } else { a }, &one()),
            (_, news) => return read(news),
        }
    }
}

/// One body, two outcomes.
fn finish_twice(_: &RunContext) -> Outcome {
    start("step", &plain_run());
    loop {
        match next() {
            (ticket, News::Execute(_)) => {
                hand_in(ticket, &one());
                hand_in(ticket, &Ok("2".to_owned()));
            }
            (_, news) => return read(news),
        }
    }
}

/// Cancelling what is complete does nothing.
fn cancel_complete(_: &RunContext) -> Outcome {
    let ticket = start("step", &plain_run());
    loop {
        match next() {
            (ticket, News::Execute(_)) => hand_in(ticket, &one()),
            (_, news) => {
                cancel(ticket);
                step("after", one)?;
                return read(news);
            }
        }
    }
}

/// The same id again after its first use was cancelled: it is the second of its name.
fn start_after_cancel(_: &RunContext) -> Outcome {
    cancel(start("same", &Operation::Sleep(DAY_MS)));
    let second = step("same", one)?;
    let third = step("same", || Ok("3".to_owned()))?;
    Ok(format!("[{second},{third}]"))
}

/// A body that would run for ever is ended when a short sleep wins the race.
fn cancel_running_body(_: &RunContext) -> Outcome {
    let endless = start("endless", &plain_run());
    let nap = start("nap", &Operation::Sleep(200));
    let (ticket, news) = next();
    match news {
        News::Execute(_) => loop {
            std::hint::black_box(0);
        },
        News::Done(_) if ticket == nap => {
            cancel(endless);
            step("after", one)
        }
        News::Failed(error) => Err(error),
        News::Done(_) | News::Empty => Err(failure("WrongNews", "the endless body came to an end")),
    }
}

/// A guest that does not know `execute`: it asks for the next news without an outcome.
fn skip_execute(_: &RunContext) -> Outcome {
    let ticket = start("step", &plain_run());
    loop {
        match next() {
            (_, News::Execute(_)) => {}
            (t, news) if t == ticket => return read(news),
            _ => {}
        }
    }
}
