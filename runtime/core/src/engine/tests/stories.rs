//! What each operation does, and what survives.

use super::script::Program;
use super::world::{START_MS, World, guest_error};
use super::{program, run, wait};
use crate::engine::{Answer, Input, Request};
use crate::event::{EventIdSeed, NewEvent};
use crate::failure::{Failure, Origin, RetryAdvice};
use crate::journal::Entry;
use crate::operation::{
    Fetch, Invoke, Operation, RunOptions, SendSignal, WaitForEvent, WaitForSignal,
};
use crate::state::{RunEnd, RunStatus};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use RunStatus::{Cancelled, Completed, Failed, Queued, Sleeping, Waiting};

fn fetch() -> Fetch {
    Fetch {
        method: "GET".into(),
        url: "https://example.com/".into(),
        headers: Vec::new(),
        body: None,
        timeout_ms: None,
        retries: None,
        backoff: None,
    }
}

#[test]
fn an_event_starts_a_run_and_its_steps_are_recorded_in_order() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())], vec![("b", run())]]))]);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed]);
    let kinds: Vec<_> = world
        .journal()
        .iter()
        .map(|entry| match entry {
            Entry::OperationStarted { id, .. } => format!("start {id}"),
            Entry::Completed { op, .. } => format!("complete {op}"),
            Entry::AttemptStarted { .. } => "begin".into(),
            Entry::WorkflowReturned { .. } => "return".into(),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "begin",
            "start a",
            "complete 0",
            "start b",
            "complete 1",
            "return"
        ]
    );
    world.check_quiet();
}

#[test]
fn an_event_that_nothing_listens_to_is_stored_and_starts_nothing() {
    let mut world = World::new(&[("f", program(vec![]))]);
    world.event("other/event", "{}");
    assert!(world.runs().is_empty());
    assert_eq!(world.state.events.len(), 1);
}

#[test]
fn a_sleep_suspends_until_its_timer_fires_and_never_earlier() {
    let mut world = World::new(&[(
        "f",
        program(vec![vec![("nap", Operation::Sleep(3 * DAY_MS))]]),
    )]);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Sleeping]);
    world.advance(3 * DAY_MS - 1);
    assert_eq!(world.status(), [Sleeping]);
    world.advance(1);
    assert_eq!(world.status(), [Completed]);
    world.check_quiet();
}

#[test]
fn a_sleep_until_a_past_time_goes_on_at_once() {
    let mut world = World::new(&[("f", program(vec![vec![("nap", Operation::SleepUntil(5))]]))]);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed]);
}

#[test]
fn a_recorded_step_never_runs_again_after_eviction_or_crash() {
    let nap = || Operation::Sleep(HOUR_MS);
    let groups = vec![
        vec![("a", run())],
        vec![("x", nap())],
        vec![("b", run())],
        vec![("y", nap())],
    ];
    let mut world = World::new(&[("f", program(groups))]);
    world.event("start/f", "{}");
    world.evict();
    world.advance(HOUR_MS);
    world.crash();
    world.advance(HOUR_MS);
    assert_eq!(world.status(), [Completed]);
    assert_eq!(world.executed.len(), 2);
    world.check_quiet();
}

#[test]
fn a_failed_body_is_retried_after_its_delay_and_its_last_error_is_thrown() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    world.bodies(|_, attempt| match attempt {
        0..=2 => Err(guest_error(RetryAdvice::After(10 * SECOND_MS))),
        _ => Err(guest_error(RetryAdvice::NonRetriable)),
    });
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Sleeping]);
    world.advance(10 * SECOND_MS);
    world.evict();
    world.advance(20 * SECOND_MS - 1);
    assert_eq!(world.executed.len(), 3);
    world.advance(1);
    assert_eq!(world.executed.len(), 4);
    // The step's error was not caught: it fails the workflow code, and a non-retriable one for good.
    assert_eq!(world.status(), [Failed]);
    world.check_quiet();
}

#[test]
fn a_caught_error_lets_the_run_complete() {
    let caught = Program {
        catches: true,
        ..program(vec![vec![("a", run())]])
    };
    let mut world = World::new(&[("f", caught)]);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::NonRetriable)));
    world.event("start/f", "{}");
    assert_eq!(world.output(), r#"["Error"]"#);
}

#[test]
fn a_steps_own_retries_override_the_functions() {
    let once = Operation::Run(RunOptions {
        retries: Some(0),
        ..RunOptions::default()
    });
    let mut world = World::new(&[("f", program(vec![vec![("a", once)]]))]);
    world.bodies(|_, _| Err(guest_error(RetryAdvice::Retriable)));
    world.event("start/f", "{}");
    assert_eq!(world.executed.len(), 1);
}

#[test]
fn failed_workflow_code_is_retried_with_its_steps_remembered() {
    let flaky = Program {
        fails: 2,
        ..program(vec![
            vec![("a", run()), ("nap", Operation::Sleep(MINUTE_MS))],
            vec![("b", run())],
        ])
    };
    let mut world = World::new(&[("f", flaky)]);
    world.event("start/f", "{}");
    world.advance(MINUTE_MS);
    assert_eq!(world.status(), [Sleeping]);
    world.crash();
    world.advance(HOUR_MS);
    assert_eq!(world.status(), [Completed]);
    assert_eq!(
        world.executed.len(),
        2,
        "each body once: {:?}",
        world.executed
    );
    world.check_quiet();
}

#[test]
fn a_wait_is_satisfied_by_a_matching_event_only() {
    let matching = Operation::WaitForEvent(WaitForEvent {
        match_path: Some("data.id".into()),
        ..wait("done", HOUR_MS)
    });
    let mut world = World::new(&[("f", program(vec![vec![("w", matching)]]))]);
    world.event("start/f", r#"{"id":7}"#);
    assert_eq!(world.status(), [Waiting]);
    world.event("done", r#"{"id":8}"#);
    assert_eq!(world.status(), [Waiting]);
    world.evict();
    world.event("done", r#"{"id":7,"x":1}"#);
    assert_eq!(world.status(), [Completed]);
    assert!(world.output().contains(r#""x":1"#));
    world.check_quiet();
}

#[test]
fn a_condition_sees_both_events() {
    let conditional = Operation::WaitForEvent(WaitForEvent {
        if_expr: Some("async.data.amount > event.data.amount".into()),
        ..wait("paid", HOUR_MS)
    });
    let mut world = World::new(&[("f", program(vec![vec![("w", conditional)]]))]);
    world.event("start/f", r#"{"amount":10}"#);
    world.event("paid", r#"{"amount":10}"#);
    assert_eq!(world.status(), [Waiting]);
    world.event("paid", r#"{"amount":11}"#);
    assert_eq!(world.status(), [Completed]);
}

#[test]
fn a_wait_times_out_with_null_and_one_event_satisfies_many() {
    let waiting = program(vec![vec![(
        "w",
        Operation::WaitForEvent(wait("go", HOUR_MS)),
    )]]);
    let mut world = World::new(&[("f", waiting)]);
    world.event("start/f", "{}");
    world.advance(HOUR_MS);
    assert_eq!(world.output(), r#"["timed out"]"#);
    world.event("start/f", "{}");
    world.event("start/f", "{}");
    world.event("go", "{}");
    assert_eq!(world.status(), [Completed, Completed, Completed]);
    world.check_quiet();
}

#[test]
fn an_event_that_came_while_the_process_was_down_between_is_not_lost() {
    let waiting = program(vec![vec![(
        "w",
        Operation::WaitForEvent(wait("go", HOUR_MS)),
    )]]);
    let mut world = World::new(&[("f", waiting)]);
    world.event("start/f", "{}");
    world.send(
        vec![NewEvent {
            name: "go".into(),
            ..NewEvent::default()
        }],
        None,
    );
    world.crash();
    world.settle();
    assert_eq!(world.status(), [Completed]);
    world.check_quiet();
}

#[test]
fn a_lookback_accepts_an_event_of_the_recent_past() {
    let looking = Operation::WaitForEvent(WaitForEvent {
        lookback_ms: MINUTE_MS,
        ..wait("go", HOUR_MS)
    });
    let mut world = World::new(&[("f", program(vec![vec![("w", looking)]]))]);
    world.event("go", "{}");
    world.advance(MINUTE_MS);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed]);
    world.advance(1);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed, Waiting]);
}

#[test]
fn a_run_sees_an_event_that_it_sends_itself_if_it_waited_before() {
    let send = || {
        Operation::SendEvents(vec![NewEvent {
            name: "go".into(),
            ..NewEvent::default()
        }])
    };
    let waiting = || Operation::WaitForEvent(wait("go", HOUR_MS));
    let before = program(vec![vec![("w", waiting()), ("s", send())]]);
    let after = program(vec![vec![("s", send()), ("w", waiting())]]);
    let mut world = World::new(&[("before", before), ("after", after)]);
    world.event("start/before", "{}");
    assert_eq!(world.status(), [Completed]);
    world.event("start/after", "{}");
    assert_eq!(world.status(), [Completed, Waiting]);
    world.event("start/before", "{}");
    assert_eq!(world.status(), [Completed, Completed, Completed]);
}

#[test]
fn signals_reach_the_one_that_waits_are_kept_and_conflict() {
    let waiting = |replace| {
        Operation::WaitForSignal(WaitForSignal {
            signal: "door".into(),
            timeout_ms: HOUR_MS,
            replace,
        })
    };
    let catching = |replace| Program {
        catches: true,
        ..program(vec![vec![("w", waiting(replace))]])
    };
    let signal = |ttl_ms| Input::Signal {
        signal: SendSignal {
            signal: "door".into(),
            data: Some("1".into()),
            ttl_ms,
        },
        reply: 0,
    };
    let mut world = World::new(&[("polite", catching(false)), ("rude", catching(true))]);
    world.input(signal(Some(MINUTE_MS)));
    world.event("start/polite", "{}");
    assert_eq!(world.output(), "[1]");
    world.event("start/polite", "{}");
    world.event("start/polite", "{}");
    assert_eq!(world.status(), [Completed, Waiting, Completed]);
    world.event("start/rude", "{}");
    assert_eq!(world.status(), [Completed, Completed, Completed, Waiting]);
    world.input(signal(None));
    world.settle();
    assert_eq!(world.status(), [Completed; 4]);
    // One that is kept expires.
    world.input(signal(Some(MINUTE_MS)));
    world.advance(MINUTE_MS);
    world.event("start/polite", "{}");
    assert_eq!(world.status()[4], Waiting);
    world.check_quiet();
}

#[test]
fn invoke_returns_the_result_of_another_function_or_its_failure() {
    let invoke = |function: &str| {
        Operation::Invoke(Invoke {
            function: function.into(),
            data: None,
            timeout_ms: Some(HOUR_MS),
        })
    };
    let caller = |function| Program {
        catches: true,
        ..program(vec![vec![("call", invoke(function))]])
    };
    let child = program(vec![
        vec![("nap", Operation::Sleep(MINUTE_MS))],
        vec![("a", run())],
    ]);
    let mut world = World::new(&[
        ("good", caller("child")),
        ("bad", caller("app/missing")),
        ("slow", caller("sleeper")),
        ("child", child),
        (
            "sleeper",
            program(vec![vec![("nap", Operation::Sleep(DAY_MS))]]),
        ),
    ]);
    world.event("start/good", "{}");
    assert_eq!(world.status(), [Waiting, Sleeping]);
    world.crash();
    world.advance(MINUTE_MS);
    assert_eq!(world.status(), [Completed, Completed]);
    assert!(world.output().starts_with("[[\""));
    world.event("start/bad", "{}");
    assert_eq!(world.status()[2], Completed);
    world.event("start/slow", "{}");
    world.advance(HOUR_MS);
    assert_eq!(
        &world.status()[3..],
        [Completed, Sleeping],
        "a timeout leaves the child alone"
    );
    world.check_quiet();
}

#[test]
fn sent_events_start_functions_exactly_once() {
    let sender = program(vec![vec![(
        "send",
        Operation::SendEvents(vec![
            NewEvent {
                name: "start/other".into(),
                ..NewEvent::default()
            };
            3
        ]),
    )]]);
    let mut world = World::new(&[("f", sender), ("other", program(vec![vec![("a", run())]]))]);
    world.event("start/f", "{}");
    world.crash();
    world.settle();
    assert_eq!(world.status(), [Completed; 4]);
}

#[test]
fn a_request_is_performed_by_the_host_and_retried_there() {
    let mut world = World::new(&[("f", program(vec![vec![("get", Operation::Fetch(fetch()))]]))]);
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Waiting]);
    world.evict();
    let (run, op, attempt, request) = world.requests.pop().expect("a request");
    assert!(matches!(request, Request::Fetch(_)));
    let failed = Err(Failure::platform(Origin::Network, "503"));
    world.input(Input::RequestDone {
        run,
        op,
        attempt,
        result: failed,
    });
    world.settle();
    assert!(world.requests.is_empty());
    // A crash in between: the second attempt is due in time all the same.
    world.crash();
    world.settle();
    assert!(world.requests.is_empty());
    world.advance(MINUTE_MS);
    let (run, op, attempt, _) = world.requests.pop().expect("a second attempt");
    assert_eq!(attempt, 1);
    world.input(Input::RequestDone {
        run,
        op,
        attempt,
        result: Ok("{\"status\":200}".into()),
    });
    world.settle();
    assert_eq!(world.output(), r#"[{"status":200}]"#);
    world.check_quiet();
}

#[test]
fn a_crash_while_a_request_is_under_way_sends_it_again() {
    let mut world = World::new(&[("f", program(vec![vec![("get", Operation::Fetch(fetch()))]]))]);
    world.event("start/f", "{}");
    world.crash();
    world.settle();
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn cancelling_ends_a_run_withdraws_what_it_asked_for_and_tells_who_invoked_it() {
    let invoke = Operation::Invoke(Invoke {
        function: "child".into(),
        data: None,
        timeout_ms: None,
    });
    let parent = Program {
        catches: true,
        ..program(vec![vec![("call", invoke)]])
    };
    let child = program(vec![vec![
        ("nap", Operation::Sleep(DAY_MS)),
        ("w", Operation::WaitForEvent(wait("x", DAY_MS))),
    ]]);
    let mut world = World::new(&[("parent", parent), ("child", child)]);
    world.event("start/parent", "{}");
    world.evict();
    let child = world.runs()[1].id;
    let cancel = |run| Input::Cancel {
        run,
        reason: "a test wants it".into(),
        reply: 0,
    };
    world.input(cancel(child));
    world.settle();
    assert_eq!(world.status(), [Completed, Cancelled]);
    assert_eq!(world.output(), r#"["InvokeError"]"#);
    world.input(cancel(child));
    assert_eq!(world.answers.last(), Some(&Answer::Ended(Cancelled)));
    // The other way round: cancelling the parent cancels the child.
    world.event("start/parent", "{}");
    let parent = world.runs()[2].id;
    world.input(cancel(parent));
    world.settle();
    assert_eq!(&world.status()[2..], [Cancelled, Cancelled]);
    world.check_quiet();
}

#[test]
fn the_same_external_id_starts_a_function_once_a_day() {
    let mut world = World::new(&[("f", program(vec![]))]);
    let event = || {
        vec![NewEvent {
            id: Some("order-1".into()),
            name: "start/f".into(),
            ..NewEvent::default()
        }]
    };
    world.send([event(), event()].concat(), None);
    world.send(event(), None);
    world.settle();
    assert_eq!(world.runs().len(), 1);
    assert_eq!(world.state.events.len(), 3);
    world.advance(DAY_MS);
    world.send(event(), None);
    world.settle();
    assert_eq!(world.runs().len(), 2);
}

#[test]
fn a_seeded_request_has_its_effect_once() {
    let mut world = World::new(&[("f", program(vec![]))]);
    let seed = EventIdSeed {
        at_ms: START_MS,
        entropy: [1; 10],
    };
    let events = || {
        vec![
            NewEvent {
                name: "start/f".into(),
                ..NewEvent::default()
            };
            2
        ]
    };
    world.send(events(), Some(seed));
    world.send(events(), Some(seed));
    world.settle();
    assert_eq!(world.runs().len(), 2);
    assert_eq!(world.answers[1], world.answers[2]);
}

#[test]
fn an_event_of_the_future_delays_its_run() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    world.send(
        vec![NewEvent {
            name: "start/f".into(),
            ts: Some(START_MS + HOUR_MS),
            ..NewEvent::default()
        }],
        None,
    );
    world.settle();
    assert_eq!(world.status(), [Sleeping]);
    world.crash();
    world.advance(HOUR_MS);
    assert_eq!(world.status(), [Completed]);
    world.check_quiet();
}

#[test]
fn a_deploy_leaves_runs_in_flight_on_their_code() {
    let nap = program(vec![vec![("nap", Operation::Sleep(HOUR_MS))]]);
    let mut world = World::new(&[("f", nap.clone())]);
    world.event("start/f", "{}");
    world.deploy(&[("f", nap)], 2);
    world.event("start/f", "{}");
    let digests: Vec<_> = world.runs().iter().map(|run| run.digest.0[0]).collect();
    assert_eq!(digests, [1, 2]);
}

#[test]
fn code_that_does_something_else_on_replay_pauses_its_run_and_loses_nothing() {
    let groups = |first| {
        program(vec![
            vec![(first, run())],
            vec![("nap", Operation::Sleep(HOUR_MS))],
        ])
    };
    let mut world = World::new(&[("f", groups("a"))]);
    world.event("start/f", "{}");
    world.evict();
    // The same digest, other code: what only a non-deterministic guest can do.
    world.deploy(&[("f", groups("b"))], 1);
    world.advance(HOUR_MS);
    assert_eq!(world.status(), [RunStatus::Paused]);
    let Some(RunEnd::Failure(failure)) = &world.runs()[0].end else {
        panic!("a paused run says why");
    };
    assert!(
        failure.message.contains("recorded `a`, attempted `b`"),
        "{}",
        failure.message
    );
    assert!(
        failure.message.contains("id: recorded a, attempted b"),
        "{}",
        failure.message
    );
    let kept = |entry: &Entry| matches!(entry, Entry::Completed { op: 1, .. });
    assert!(
        world.journal().iter().any(kept),
        "what came in the meantime is kept"
    );
}

#[test]
fn many_queued_runs_wait_for_room_and_survive_a_crash() {
    let mut world = World::new(&[("f", program(vec![vec![("a", run())]]))]);
    let event = NewEvent {
        name: "start/f".into(),
        ..NewEvent::default()
    };
    world.send(vec![event; 3_000], None);
    assert!(world.status().iter().all(|status| *status == Queued));
    world.input(Input::Dispatch);
    world.crash();
    world.settle();
    assert!(world.status().iter().all(|status| *status == Completed));
    assert_eq!(world.executed.len(), 3_000);
    world.check_quiet();
}
