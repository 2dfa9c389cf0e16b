//! What a single machine refuses and bounds; what runs do is told in the engine's tests.

mod state_limit;

use std::sync::Arc;

use super::{Arrival, Change, Divergence, Machine, Next, Now, Position, RunInfo, Stop, TwinNext};
use crate::failure::{Failure, Origin, RetryAdvice};
use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
use crate::journal::{Carried, Entry, Outcome};
use crate::limits::Limits;
use crate::operation::{AiFormat, AiInfer, Invoke, Kind, Operation, RunOptions, WaitForSignal};
use crate::retry::RetryPolicy;
use crate::state::{Registration, StepInput};

fn machine(limits: Limits) -> Machine {
    machine_with_input(limits, None)
}

fn machine_with_input(limits: Limits, input: Option<StepInput>) -> Machine {
    let info = RunInfo {
        run: RunId(7),
        function: FunctionId::new("app", "f"),
        digest: Digest([0; 32]),
        policy: RetryPolicy::default(),
        limits,
        event: "{}".into(),
        gated: false,
        input,
        schemas: Arc::default(),
        logged: crate::state::Logged::default(),
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
fn the_limit_of_a_log_holds_across_executions_and_is_told_once() {
    let limits = Limits {
        log_lines_per_run: 3,
        ..Limits::default()
    };
    let log = |machine: &mut Machine, text: &str| {
        machine.log(crate::state::LogLevel::Info, text, 1_000);
    };
    let mut first = machine(limits.clone());
    log(&mut first, "a");
    log(
        &mut first,
        r#"{"message":"b","level":"error","fields":{"id":1}}"#,
    );
    start(&mut first, "s").expect("within the limits");
    assert_eq!(first.next(), Ok(Next::Blocked));
    let progress = first.take_progress().expect("something new");
    assert_eq!(progress.logged.lines, 2);
    assert_eq!(progress.logs[1].message, "b");
    assert_eq!(progress.logs[1].level, crate::state::LogLevel::Error);
    assert_eq!(progress.logs[1].fields.as_deref(), Some(r#"{"id":1}"#));

    let mut info = (**first.info()).clone();
    info.logged = progress.logged;
    let mut again = Machine::load(info.into(), progress.entries, 2_000).expect("our own journal");
    for text in ["a", "b", "c", "d", "e", "f"] {
        log(&mut again, text);
    }
    start(&mut again, "s").expect("the same again");
    assert_eq!(again.next(), Ok(Next::Blocked));
    let progress = again.take_progress().expect("something new");
    let texts: Vec<_> = progress.logs.iter().map(|line| &*line.message).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0] == "c" && texts[1].contains("the rest of its log is dropped"));
    assert!(progress.logged.is_full(&limits));
}

#[test]
fn the_bytes_of_a_log_are_limited_too() {
    let limits = Limits {
        log_bytes_per_run: 100,
        ..Limits::default()
    };
    let mut machine = machine(limits);
    for _ in 0..5 {
        machine.log(crate::state::LogLevel::Info, &"x".repeat(60), 1_000);
    }
    let logs = machine.take_progress().expect("something new").logs;
    assert_eq!(logs.len(), 2);
    assert!(logs[1].message.contains("dropped"));
}

/// What workflow code says of a span around an operation, and what becomes of it.
fn speak(machine: &mut Machine, line: &str) {
    machine.log(crate::state::LogLevel::Info, line, 1_500);
}

#[test]
fn a_span_of_workflow_code_is_told_once_with_the_times_of_its_own_clock_and_is_in_no_log() {
    let begin = r#"{"abide.span":"begin","id":1,"message":"price","fields":{"items":2}}"#;
    let inner = r#"{"abide.span":"begin","id":2,"parent":1,"message":"tax"}"#;
    let story = |machine: &mut Machine| {
        machine.record_spans();
        speak(machine, begin);
        speak(machine, inner);
        speak(
            machine,
            r#"{"abide.span":"end","id":2,"error":"none is known"}"#,
        );
        start(machine, "a").expect("within the limits");
        assert_eq!(machine.next(), Ok(Next::Blocked));
    };
    let mut first = machine(Limits::default());
    story(&mut first);
    let progress = first.take_progress().expect("something new");
    assert!(progress.logs.is_empty());
    let [tax] = &progress.spans[..] else {
        panic!("one has ended: {:?}", progress.spans);
    };
    assert_eq!((&*tax.name, tax.parent, tax.op), ("tax", Some(1), None));
    assert_eq!(tax.error.as_deref(), Some("none is known"));
    assert_eq!((tax.started_ms, tax.ended_ms), (1_000, 1_000));

    let mut again =
        Machine::load(first.info().clone(), progress.entries, 2_000).expect("our own journal");
    story(&mut again);
    speak(
        &mut again,
        r#"{"abide.span":"end","id":1,"fields":{"total":3}}"#,
    );
    again
        .returned(Ok("null".into()), 3_000)
        .expect("it may return");
    let spans = again.take_progress().expect("something new").spans;
    let [price] = &spans[..] else {
        panic!("the other was told before: {spans:?}");
    };
    assert_eq!((&*price.name, price.parent), ("price", None));
    let attributes = price.attributes.as_deref();
    assert_eq!(attributes, Some(r#"{"items":2,"total":3}"#));
}

#[test]
fn nobody_who_records_traces_costs_no_span_and_what_is_left_open_ends_with_the_code() {
    let begin = r#"{"abide.span":"begin","id":1,"message":"price"}"#;
    let mut silent = machine(Limits::default());
    speak(&mut silent, begin);
    silent.returned(Ok("null".into()), 2_000).expect("it may");
    let progress = silent.take_progress().expect("its end");
    assert!(progress.spans.is_empty() && progress.logs.is_empty());
    let mut open = machine(Limits::default());
    open.record_spans();
    speak(&mut open, begin);
    speak(&mut open, r#"{"abide.span":"end","id":7}"#);
    open.returned(Ok("null".into()), 2_000).expect("it may");
    let spans = open.take_progress().expect("its end").spans;
    assert_eq!(spans.len(), 1);
    let many = Limits {
        log_lines_per_run: 2,
        ..Limits::default()
    };
    let mut many = machine(many);
    many.record_spans();
    for id in 0..1_000 {
        speak(
            &mut many,
            &format!(r#"{{"abide.span":"begin","id":{id},"message":"x"}}"#),
        );
    }
    many.returned(Ok("null".into()), 2_000).expect("it may");
    assert_eq!(many.take_progress().expect("its end").spans.len(), 2);
}

#[test]
fn a_line_of_workflow_code_is_recorded_once_however_often_it_is_replayed() {
    let mut first = machine(Limits::default());
    first.log(crate::state::LogLevel::Info, "hello", 1_000);
    start(&mut first, "a").expect("within the limits");
    assert_eq!(first.next(), Ok(Next::Blocked));
    let progress = first.take_progress().expect("something new");
    assert_eq!(progress.logs.len(), 1);
    assert!(progress.entries.contains(&Entry::Logged { lines: 1 }));
    let mut again =
        Machine::load(first.info().clone(), progress.entries, 2_000).expect("our own journal");
    again.log(crate::state::LogLevel::Info, "hello", 2_000);
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
fn a_divergence_that_a_twin_found_is_reported_behind_what_is_recorded() {
    let mut recorded = machine(Limits::default());
    start(&mut recorded, "a").expect("within the limits");
    let entries = recorded.take_progress().expect("it began").entries;
    let count = entries.len();
    let mut machine = Machine::load(recorded.info().clone(), entries, 2_000).expect("a journal");
    start(&mut machine, "a").expect("as it is recorded");
    assert_eq!(machine.next(), Ok(Next::Blocked));
    assert_eq!(machine.take_progress(), None, "nothing is new");
    let divergence = Divergence {
        index: 0,
        recorded: Some("a".into()),
        attempted: None,
        differences: Vec::new(),
    };
    machine.pause_for(divergence.clone());
    let progress = machine.take_progress().expect("the divergence");
    assert_eq!(progress.first as usize, count);
    assert_eq!(progress.position, Position::Diverged(divergence));
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

fn replaced(step: &str, input: &str) -> StepInput {
    StepInput {
        step: step.into(),
        input: input.into(),
    }
}

fn run_with_input(input: &str) -> Operation {
    Operation::Run(RunOptions {
        input: Some(input.into()),
        ..RunOptions::default()
    })
}

/// What is recorded of inputs: the operation, the input, whether an operator gave it.
fn inputs(machine: &mut Machine) -> Vec<(u32, String, bool)> {
    let progress = machine.take_progress().expect("something new");
    let entries = progress.entries.iter();
    entries
        .filter_map(|entry| match entry {
            Entry::Input {
                op,
                input,
                replaced,
            } => Some((*op, input.to_string(), *replaced)),
            _ => None,
        })
        .collect()
}

#[test]
fn an_operators_input_reaches_the_body_of_its_step_only() {
    let mut machine = machine_with_input(Limits::default(), Some(replaced("a:1", "7")));
    let ids = &mut IdGenerator::new(1);
    for _ in 0..2 {
        let now = Now { ms: 1_000, ids };
        machine.start("a", run_with_input("1"), now).expect("fine");
    }
    assert_eq!(machine.next(), Ok(Next::Blocked));
    let mut twin = machine.twin();
    for _ in 0..2 {
        let started = machine.twin_start(&mut twin, "a", &run_with_input("1"));
        started.expect("what the workflow started");
    }
    let mut told = Vec::new();
    for ticket in 0..2 {
        let Ok(TwinNext::Execute(_, execution)) = machine.twin_next(&mut twin, 1_000) else {
            panic!("a body is due");
        };
        told.push(execution.input.map(|input| input.to_string()));
        let finished = machine.twin_finish(&mut twin, ticket, Ok("1".into()), 1_000);
        finished.expect("it executes");
    }
    assert_eq!(told, [None, Some("7".into())]);
    let expected = [(0, "1".into(), false), (1, "7".into(), true)];
    assert_eq!(inputs(&mut machine), expected);
}

#[test]
fn an_operators_input_takes_the_place_of_an_invokes_data_and_of_a_models_request() {
    let invoke = Operation::Invoke(Invoke {
        function: "f".into(),
        data: Some("{}".into()),
        timeout_ms: None,
    });
    let infer = Operation::AiInfer(AiInfer {
        format: AiFormat::OpenAiChat,
        model: "m".into(),
        url: None,
        key_variable: None,
        body: "{}".into(),
        timeout_ms: None,
        retries: None,
    });
    for operation in [invoke, infer] {
        let mut machine = machine_with_input(Limits::default(), Some(replaced("x", r#"{"n":7}"#)));
        let ids = &mut IdGenerator::new(1);
        let now = Now { ms: 1_000, ids };
        machine.start("x", operation.clone(), now).expect("fine");
        let progress = machine.take_progress().expect("something new");
        let Some((0, Change::Register { registration, .. })) = progress.changes.first() else {
            panic!("it is watched");
        };
        let given = match registration {
            Registration::Invoke { invoke, .. } => invoke.data.clone(),
            Registration::AiInfer { infer, .. } => Some(infer.body.clone()),
            other => panic!("unexpected {other:?}"),
        };
        assert_eq!(given.as_deref(), Some(r#"{"n":7}"#));
        // What the code asked for is what is compared.
        let mut again = Machine::load(machine.info().clone(), progress.entries, 2_000)
            .expect("our own journal");
        let ids = &mut IdGenerator::new(1);
        let now = Now { ms: 2_000, ids };
        again.start("x", operation, now).expect("the same again");
    }
}

fn carried(op: u32, id: &str) -> Entry {
    Entry::Carried(Box::new(Carried {
        op,
        kind: Kind::Run,
        id: id.into(),
        occurrence: 0,
        digest: 0,
        summary: String::new(),
        same_options: false,
        before: op,
        input: None,
        outcome: Outcome::Done(op.to_string().into()),
        attempts: 1,
        started_ms: 1,
        at_ms: 2,
    }))
}

#[test]
fn a_result_that_was_asked_for_and_not_told_yet_is_told_after_a_restart() {
    let info = machine(Limits::default()).info().clone();
    let mut entries = vec![carried(0, "second"), carried(1, "first")];
    let mut before = Machine::load(info.clone(), entries.clone(), 1_000).expect("a journal");
    for id in ["first", "second"] {
        start(&mut before, id).expect("within the limits");
    }
    entries.extend(before.take_progress().expect("something new").entries);
    let mut after = Machine::load(info, entries, 2_000).expect("our own journal");
    for id in ["first", "second"] {
        start(&mut after, id).expect("the same again");
    }
    assert_eq!(after.next(), Ok(Next::News(1, Outcome::Done("0".into()))));
    assert_eq!(after.next(), Ok(Next::News(0, Outcome::Done("1".into()))));
}

#[test]
fn a_race_against_a_time_that_has_passed_meanwhile_has_the_same_winner_again() {
    let info = machine(Limits::default()).info().clone();
    let entries = vec![carried(0, "won")];
    let mut machine = Machine::load(info, entries, 1_000).expect("a journal");
    let ids = &mut IdGenerator::new(1);
    let now = Now { ms: 1_000, ids };
    machine
        .start("lost", Operation::SleepUntil(500), now)
        .expect("within the limits");
    start(&mut machine, "won").expect("within the limits");
    assert_eq!(machine.next(), Ok(Next::News(1, Outcome::Done("0".into()))));
    assert_eq!(machine.next(), Ok(Next::Blocked));
    let progress = machine.take_progress().expect("something new");
    assert!(
        progress.changes.iter().any(|(_, change)| matches!(
            change,
            Change::Register {
                registration: Registration::Sleep { due_ms: 500 },
                ..
            }
        )),
        "{:?}",
        progress.changes
    );
}
