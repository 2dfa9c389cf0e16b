//! What ends runs, what is told about it, and how waits are found: as stories.

use super::script::Program;
use super::world::{World, guest_error, started_by_event};
use super::{program, run, wait};
use crate::engine::{Input, Notice};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::function::FunctionConfig;
use crate::function::options::{CancelOn, Timeouts, Trigger};
use crate::operation::{Operation, WaitForEvent};
use crate::state::{RunEnd, RunStatus};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS};

use RunStatus::{Cancelled, Completed, Failed, Sleeping, Waiting};

fn waits(if_expr: &str) -> Program {
    let wait = WaitForEvent {
        if_expr: Some(if_expr.into()),
        ..wait("go", HOUR_MS)
    };
    program(vec![vec![("w", Operation::WaitForEvent(wait))]])
}

fn cancelled_on(if_expr: &str) -> FunctionConfig {
    FunctionConfig {
        cancel_on: vec![CancelOn {
            event: "stop".into(),
            if_expr: Some(if_expr.into()),
            match_path: None,
            all: false,
            timeout_ms: None,
        }],
        ..started_by_event("f")
    }
}

fn reason(world: &World, which: usize) -> String {
    match &world.runs()[which].end {
        Some(RunEnd::Failure(failure)) => failure.message.clone(),
        other => panic!("it has no reason but {other:?}"),
    }
}

fn new_event(name: &str, data: &str) -> NewEvent {
    NewEvent {
        name: name.into(),
        data: Some(data.into()),
        ..NewEvent::default()
    }
}

#[test]
fn a_run_is_cancelled_by_a_later_event_of_the_same_request_and_says_by_which() {
    let nap = program(vec![vec![("nap", Operation::Sleep(DAY_MS))]]);
    let mut world = World::new(&[]);
    let config = cancelled_on("event.data.id == async.data.id");
    world.deploy_configured(vec![(config, nap)], 1);
    let stop = new_event("stop", "{\"id\":1}");
    let start = new_event("start/f", "{\"id\":1}");
    // The one before its creation is none of its business.
    world.send(vec![stop.clone(), start.clone(), stop, start], None);
    world.settle();
    assert_eq!(world.status(), [Cancelled, Sleeping]);
    let reason = reason(&world, 0);
    assert!(reason.starts_with("the event `stop` ("), "{reason}");
    world.check_quiet();
}

#[test]
fn a_condition_that_cannot_be_decided_cancels_nothing_and_is_warned_about_once_an_event() {
    let nap = program(vec![vec![("nap", Operation::Sleep(DAY_MS))]]);
    let mut world = World::new(&[]);
    world.deploy_configured(vec![(cancelled_on("async.data.now"), nap)], 1);
    world.send(vec![new_event("start/f", "{}"); 3], None);
    world.event("stop", "{\"now\":7}");
    assert_eq!(world.status(), [Sleeping; 3]);
    let warnings: Vec<_> = world
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Undecided(undecided) => Some(undecided),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].option, "cancelOn 0 if");
    world.event("stop", "{\"now\":true}");
    assert_eq!(world.status(), [Cancelled; 3]);
    world.check_quiet();
}

#[test]
fn a_run_that_sends_what_cancels_it_ends_after_what_it_had_done() {
    let sends = program(vec![
        vec![("s", Operation::SendEvents(vec![new_event("stop", "{}")]))],
        vec![("nap", Operation::Sleep(DAY_MS))],
    ]);
    let mut world = World::new(&[]);
    world.deploy_configured(vec![(cancelled_on("true"), sends)], 1);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Cancelled]);
    assert_eq!(world.state.events.len(), 2, "what it sent is there");
    world.check_quiet();
}

#[test]
fn a_wait_whose_time_is_over_is_not_satisfied_although_nobody_told_the_run() {
    let mut world = World::new(&[("f", waits("true"))]);
    world.event("start/f", "{}");
    world.evict();
    // The event comes before the timer has its turn.
    world.now_ms += HOUR_MS;
    world.event("go", "{}");
    assert_eq!(world.status(), [Completed]);
    assert_eq!(world.output(), "[\"timed out\"]");
    world.check_quiet();
}

#[test]
fn a_lookback_finds_the_first_event_that_fits_behind_many_of_the_same_millisecond() {
    let wait = WaitForEvent {
        lookback_ms: MINUTE_MS,
        if_expr: Some("async.data.n >= 300".into()),
        ..wait("go", HOUR_MS)
    };
    let groups = vec![vec![("w", Operation::WaitForEvent(wait))]];
    let mut world = World::new(&[("f", program(groups))]);
    let events = (0..400).map(|n| new_event("go", &format!("{{\"n\":{n}}}")));
    world.send(events.collect(), None);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed]);
    assert!(world.output().contains("\"n\":300"), "{}", world.output());
    world.check_quiet();
}

#[test]
fn timeouts_cancel_what_does_not_start_or_end_in_time_and_not_what_is_paused() {
    let nap = program(vec![vec![("nap", Operation::Sleep(DAY_MS))]]);
    let config = FunctionConfig {
        timeouts: Timeouts {
            start_ms: Some(MINUTE_MS),
            finish_ms: Some(HOUR_MS),
        },
        ..started_by_event("f")
    };
    let mut world = World::new(&[]);
    world.deploy_configured(vec![(config, nap)], 1);
    world.event("start/f", "{}");
    world.event("start/f", "{}");
    let paused = world.runs()[1].id;
    world.advance(HOUR_MS - 1);
    world.input(Input::PauseRun {
        run: paused,
        reason: "to look at it".into(),
        reply: 0,
    });
    world.advance(1);
    assert_eq!(world.status(), [Cancelled, RunStatus::Paused]);
    assert_eq!(
        reason(&world, 0),
        "it did not end within 1h of its start (option `timeouts.finish`)"
    );
    world.advance(DAY_MS);
    world.input(Input::ResumeRun {
        run: paused,
        reply: 0,
    });
    world.settle();
    assert_eq!(
        world.status()[1],
        Completed,
        "it slept long enough meanwhile"
    );
    world.check_quiet();
}

#[test]
fn a_failure_starts_its_handler_once_with_the_failure_and_the_event_and_the_handlers_failure_starts_nothing()
 {
    let once = Operation::Run(crate::operation::RunOptions {
        retries: Some(0),
        ..crate::operation::RunOptions::default()
    });
    let fails = program(vec![vec![("a", once.clone())]]);
    let with = |id: &str, triggers| FunctionConfig {
        triggers,
        retries: Some(0),
        ..started_by_event(id)
    };
    let main = FunctionConfig {
        retries: Some(0),
        ..started_by_event("f")
    };
    let handler = with("h", vec![Trigger::FailureOf("f".into())]);
    let mut world = World::new(&[]);
    world.deploy_configured(vec![(main, fails.clone()), (handler, fails)], 1);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::NonRetriable)));
    world.event("start/f", "{\"order\":5}");
    world.advance(DAY_MS);
    assert_eq!(world.status(), [Failed, Failed]);
    let handling = world.runs()[1];
    assert!(handling.quiet);
    let event = &world.state.events[&handling.event];
    assert_eq!(&*event.name, "inngest/function.failed");
    let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!(data["function_id"], "app/f");
    assert_eq!(data["run_id"], world.runs()[0].id.to_string());
    assert_eq!(data["event"]["data"]["order"], 5);
    assert_eq!(data["events"][0]["data"]["order"], 5);
    assert_eq!(data["error"]["message"], "it went wrong");
    let names: Vec<_> = world
        .state
        .events
        .values()
        .map(|event| &*event.name)
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    world.check_quiet();
}

#[test]
fn a_finished_run_costs_no_event_unless_somebody_listens() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    world.event("start/f", "{}");
    assert_eq!(world.state.events.len(), 1);
    let listener = program(vec![vec![(
        "w",
        Operation::WaitForEvent(wait("abide/function.finished", HOUR_MS)),
    )]]);
    world.deploy(&[("f", program(vec![])), ("g", listener)], 2);
    world.event("start/g", "{}");
    // A new process knows of the wait too.
    world.crash();
    world.settle();
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed, Completed, Completed]);
    let told = world.state.events.values();
    let told = told.filter(|event| &*event.name == "abide/function.finished");
    assert_eq!(told.count(), 1);
    assert_eq!(
        world.status().iter().filter(|it| **it == Waiting).count(),
        0
    );
    world.check_quiet();
}
