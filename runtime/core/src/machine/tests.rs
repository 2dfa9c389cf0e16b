//! What a single machine refuses and bounds; what runs do is told in the engine's tests.

use std::sync::Arc;

use super::{Arrival, Machine, Next, Now, RunInfo, Stop, TwinNext};
use crate::failure::{Failure, Origin, RetryAdvice};
use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
use crate::journal::{Entry, Outcome};
use crate::limits::Limits;
use crate::operation::{Operation, RunOptions};
use crate::retry::RetryPolicy;

fn machine(limits: Limits) -> Machine {
    let info = RunInfo {
        run: RunId(7),
        function: FunctionId::new("app", "f"),
        digest: Digest([0; 32]),
        policy: RetryPolicy::default(),
        limits,
        event: "{}".into(),
        gated: false,
        input: None,
        schemas: Arc::default(),
    };
    Machine::load(Arc::new(info), Vec::new(), 1_000).expect("an empty journal")
}

fn start(machine: &mut Machine, id: &str) -> Result<u32, Stop> {
    let ids = &mut IdGenerator::new(1);
    machine.start(
        id,
        Operation::Run(RunOptions::default()),
        Now { ms: 1_000, ids },
    )
}

/// A machine whose step `a` executes in a twin.
fn executing(limits: Limits) -> (Machine, super::TwinCursor) {
    let mut machine = machine(limits);
    start(&mut machine, "a").expect("within the limits");
    assert_eq!(machine.next(), Ok(Next::Blocked));
    let mut twin = machine.twin();
    let operation = Operation::Run(RunOptions::default());
    machine
        .twin_start(&mut twin, "a", &operation)
        .expect("the same operation");
    let next = machine.twin_next(&mut twin, 1_000);
    assert!(matches!(next, Ok(TwinNext::Execute(0, _))), "{next:?}");
    (machine, twin)
}

fn refused(result: Result<impl std::fmt::Debug, Stop>) -> String {
    match result {
        Err(Stop::Failed(failure)) => failure.message,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn a_body_cannot_start_await_or_cancel_operations() {
    let (mut machine, mut twin) = executing(Limits::default());
    let operation = Operation::Sleep(1);
    assert!(refused(machine.twin_start(&mut twin, "b", &operation)).contains("inside the body"));
    assert!(refused(machine.twin_next(&mut twin, 1_000)).contains("inside the body"));
    assert!(refused(machine.twin_cancel(&mut twin, 0)).contains("inside the body"));
}

#[test]
fn a_result_that_is_too_large_fails_its_step_by_name() {
    let limits = Limits {
        step_result_bytes: 10,
        ..Limits::default()
    };
    let (mut machine, mut twin) = executing(limits);
    let large = format!("\"{}\"", "x".repeat(20)).into();
    assert_eq!(machine.twin_finish(&mut twin, 0, Ok(large), 1_000), Ok(()));
    let Ok(Next::News(0, Outcome::Failed(failure))) = machine.next() else {
        panic!("the step fails");
    };
    assert!(
        failure.message.contains("step `a`") && failure.message.contains("10"),
        "{failure}"
    );
}

#[test]
fn a_failure_is_no_way_around_the_limits() {
    let (mut machine, mut twin) = executing(Limits::default());
    let failure = Failure {
        data: Some("{broken".into()),
        ..Failure::permanent(Origin::Guest, "x".repeat(5 << 20))
    };
    assert_eq!(
        machine.twin_finish(&mut twin, 0, Err(failure), 1_000),
        Ok(())
    );
    let Ok(Next::News(0, Outcome::Failed(failure))) = machine.next() else {
        panic!("the step fails");
    };
    assert!(failure.message.len() < 17 << 10 && failure.data.is_none());
}

#[test]
fn the_limit_of_steps_names_the_step_that_breaks_it() {
    let limits = Limits {
        steps_per_run: 2,
        ..Limits::default()
    };
    let mut machine = machine(limits);
    assert_eq!(start(&mut machine, "s"), Ok(0));
    assert_eq!(start(&mut machine, "s"), Ok(1));
    let message = refused(start(&mut machine, "s"));
    assert!(
        message.contains("step `s:2`") && message.contains("limit is 2"),
        "{message}"
    );
}

#[test]
fn waiting_for_nothing_is_an_error_and_not_for_ever() {
    let mut machine = machine(Limits::default());
    assert!(refused(machine.next()).contains("wait for ever"));
}

#[test]
fn a_line_of_workflow_code_is_recorded_once_however_often_it_is_replayed() {
    let mut first = machine(Limits::default());
    first.log(crate::state::LogLevel::Info, "hello".into(), 1_000);
    start(&mut first, "a").expect("within the limits");
    assert_eq!(first.next(), Ok(Next::Blocked));
    let progress = first.take_progress().expect("something new");
    assert_eq!(progress.logs.len(), 1);
    assert!(progress.entries.contains(&Entry::Logged { lines: 1 }));
    let mut again =
        Machine::load(first.info().clone(), progress.entries, 2_000).expect("our own journal");
    again.log(crate::state::LogLevel::Info, "hello".into(), 2_000);
    start(&mut again, "a").expect("the same again");
    assert_eq!(again.next(), Ok(Next::Blocked));
    assert!(
        again
            .take_progress()
            .is_none_or(|progress| progress.logs.is_empty())
    );
}

#[test]
fn a_sleep_that_is_refused_leaves_nothing_behind_that_nobody_watches() {
    let mut machine = machine(Limits::default());
    let ids = &mut IdGenerator::new(1);
    let far = Operation::SleepUntil(u64::MAX);
    assert!(refused(machine.start("nap", far, Now { ms: 1_000, ids })).contains("366 days"));
    let progress = machine.take_progress().expect("the attempt began");
    assert!(matches!(
        progress.entries[..],
        [Entry::AttemptStarted { .. }]
    ));
}

#[test]
fn a_result_that_nobody_wants_any_more_does_not_count_against_the_limit() {
    let limits = Limits {
        run_state_bytes: 10,
        ..Limits::default()
    };
    let (mut machine, mut twin) = executing(limits);
    start(&mut machine, "b").expect("within the limits");
    machine.cancel(0, 1_000).expect("a known ticket");
    let result = Ok("\"a long text\"".into());
    machine
        .twin_finish(&mut twin, 0, result, 1_000)
        .expect("it executes");
    assert_eq!(machine.next(), Ok(Next::Blocked));
}

#[test]
fn word_that_a_retry_is_due_counts_for_that_retry_only() {
    let (mut machine, mut twin) = executing(Limits::default());
    let failure = Failure {
        retry: RetryAdvice::After(10_000),
        ..Failure::platform(Origin::Guest, "no")
    };
    machine
        .twin_finish(&mut twin, 0, Err(failure), 1_000)
        .expect("it executes");
    machine.arrive(0, Arrival::Due, 1_001);
    assert_eq!(machine.bodies_waiting(), 0);
    machine.arrive(0, Arrival::Due, 11_000);
    assert_eq!(machine.bodies_waiting(), 1);
}
