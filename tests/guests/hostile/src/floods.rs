//! Too much of everything: results, state, log lines, steps, events, ids.

use crate::Trick;
use crate::bindings::abide::durable::logging::{Level, log};
use crate::bindings::abide::durable::operations::{next, start};
use crate::bindings::abide::durable::types::{NewEvent, News, Operation, RunContext};
use crate::sdk::{Outcome, failure, hand_in, number, perform, plain_run, step, text_of};

const MIB: usize = 1 << 20;

pub(crate) const TRICKS: &[Trick] = &[
    ("giant-output", |ctx| Ok(text_of(number(ctx, 5 * MIB)))),
    ("giant-result", |ctx| giant_result(number(ctx, 5 * MIB))),
    ("giant-result-caught", giant_result_caught),
    ("giant-failure", |_| {
        step("fail", || Err(failure("Giant", &"x".repeat(5 * MIB))))
    }),
    ("giant-state", giant_state),
    ("log-flood-workflow", |_| Ok(flood())),
    ("log-flood-body", |_| step("flood", || Ok(flood()))),
    ("log-giant-line", |_| {
        log(Level::Error, &"x".repeat(16 * MIB));
        Ok("null".to_owned())
    }),
    ("stdout-flood", |_| {
        (0..1_000_000).for_each(|n| println!("line {n}"));
        Ok("null".to_owned())
    }),
    ("stdout-endless-line", |_| {
        loop {
            print!("{}", "x".repeat(4096));
        }
    }),
    ("steps", steps),
    ("parallel-steps", parallel_steps),
    ("sleeps", sleeps),
    ("events", events),
    ("duplicate-ids", duplicate_ids),
    ("id-length", |ctx| {
        step(&"i".repeat(number(ctx, MIB)), || Ok("1".to_owned()))
    }),
];

fn giant_result(bytes: usize) -> Outcome {
    step("giant", || Ok(text_of(bytes)))?;
    Ok("\"accepted\"".to_owned())
}

/// The limit is a failure like any other: the workflow may catch it.
fn giant_result_caught(ctx: &RunContext) -> Outcome {
    match giant_result(number(ctx, 5 * MIB)) {
        Ok(_) => Err(failure("NotFailed", "the step should have failed")),
        Err(error) => Ok(format!("{:?}", error.name)),
    }
}

/// Many results, each of which is allowed.
fn giant_state(ctx: &RunContext) -> Outcome {
    for _ in 0..number(ctx, 20) {
        step("large", || Ok(text_of(2 * MIB)))?;
    }
    Ok("\"accepted\"".to_owned())
}

fn flood() -> String {
    let line = "x".repeat(100);
    (0..1_000_000).for_each(|n| log(Level::Info, &format!("{n} {line}")));
    "null".to_owned()
}

/// `n` steps one after the other.
fn steps(ctx: &RunContext) -> Outcome {
    let count = number(ctx, 10_000);
    for n in 0..count {
        step(&format!("step-{n}"), || Ok(n.to_string()))?;
    }
    Ok(count.to_string())
}

/// `n` steps started at once.
fn parallel_steps(ctx: &RunContext) -> Outcome {
    let count = number(ctx, 10_000);
    for n in 0..count {
        start(&format!("step-{n}"), &plain_run());
    }
    await_all(count)
}

/// `n` sleeps started at once, each of a day.
fn sleeps(ctx: &RunContext) -> Outcome {
    let count = number(ctx, 10_000);
    for n in 0..count {
        start(&format!("sleep-{n}"), &Operation::Sleep(86_400_000));
    }
    await_all(count)
}

fn await_all(count: usize) -> Outcome {
    let mut open = count;
    while open > 0 {
        match next() {
            (ticket, News::Execute(_)) => hand_in(ticket, &Ok("1".to_owned())),
            (_, News::Failed(error)) => return Err(error),
            (_, News::Done(_) | News::Empty) => open -= 1,
        }
    }
    Ok(count.to_string())
}

/// `n` events in one operation; 5,000 are allowed.
fn events(ctx: &RunContext) -> Outcome {
    let count = number(ctx, 5_001);
    let events = (0..count)
        .map(|_| NewEvent {
            id: None,
            name: "hostile/nobody.listens".to_owned(),
            data: None,
            user: None,
            ts: None,
            v: None,
        })
        .collect();
    perform("send", &Operation::SendEvents(events), || {
        Ok("null".to_owned())
    })?;
    Ok(count.to_string())
}

/// The same id `n` times, mixed with ids that look like the repetitions of it.
fn duplicate_ids(ctx: &RunContext) -> Outcome {
    let mut results = Vec::new();
    for n in 0..number(ctx, 3) {
        for id in ["same", "same:1", "same"] {
            results.push(step(id, || Ok(format!("\"{id} {n} {}\"", results.len())))?);
        }
    }
    Ok(format!("[{}]", results.join(",")))
}
