//! What counts against the limit of a run's state, and when that ends the run.

use super::*;

#[test]
fn what_failures_carry_counts_against_the_limit_of_the_state_also_after_a_restart() {
    let limits = Limits {
        run_state_bytes: 30,
        ..Limits::default()
    };
    let (mut machine, mut twin) = executing(limits);
    let failure = |retry| Failure {
        data: Some(format!("\"{}\"", "x".repeat(18)).into()),
        retry,
        ..Failure::platform(Origin::Guest, "no")
    };
    machine
        .twin_finish(&mut twin, 0, Err(failure(RetryAdvice::After(1_000))), 1_000)
        .expect("it executes");
    assert_eq!(machine.next(), Ok(Next::Blocked), "one is within the limit");
    let entries = machine.take_progress().expect("an attempt failed").entries;

    let mut machine = Machine::load(machine.info().clone(), entries, 9_000).expect("a journal");
    start(&mut machine, "a").expect("as it is recorded");
    assert_eq!(machine.next(), Ok(Next::Blocked));
    machine.arrive(0, Arrival::Due, 9_000);
    let mut twin = machine.twin();
    let operation = Operation::Run(RunOptions::default());
    let started = machine.twin_start(&mut twin, "a", &operation);
    started.expect("the same operation");
    let next = machine.twin_next(&mut twin, 9_000);
    assert!(matches!(next, Ok(TwinNext::Execute(0, _))), "{next:?}");
    machine
        .twin_finish(&mut twin, 0, Err(failure(RetryAdvice::NonRetriable)), 9_000)
        .expect("it executes");
    let message = refused(machine.next());
    assert!(
        message.contains("step `a`") && message.contains("40 bytes"),
        "{message}"
    );
}

#[test]
fn inputs_of_steps_count_against_the_limit_of_the_state_before_any_of_them_is_done() {
    let limits = Limits {
        run_state_bytes: 30,
        ..Limits::default()
    };
    let mut machine = machine(limits);
    let ids = &mut IdGenerator::new(1);
    let mut begin = |id: &str| {
        let input = Some("\"a text of 20 bytes\"".into());
        let options = RunOptions {
            input,
            ..RunOptions::default()
        };
        machine.start(id, Operation::Run(options), Now { ms: 1_000, ids })
    };
    assert_eq!(begin("a"), Ok(0));
    assert_eq!(
        begin("b"),
        Ok(1),
        "what it adds is known once it is recorded"
    );
    assert!(refused(begin("c")).contains("step `b`"));
}

#[test]
fn a_limit_that_is_met_while_the_journal_is_repeated_ends_the_run_and_is_no_divergence() {
    let limits = Limits {
        run_state_bytes: 30,
        ..Limits::default()
    };
    let mut first = machine(limits);
    let ids = &mut IdGenerator::new(1);
    let mut ask = |machine: &mut Machine, id: &str| {
        let signal = WaitForSignal {
            signal: id.into(),
            timeout_ms: 60_000,
            replace: false,
        };
        machine.start(id, Operation::WaitForSignal(signal), Now { ms: 1_000, ids })
    };
    let came = |text: &str| Arrival::Outcome {
        outcome: Outcome::Done(text.into()),
        attempts: 0,
    };
    ask(&mut first, "a").expect("within the limits");
    first.arrive(0, came("1"), 1_000);
    let told = Ok(Next::News(0, Outcome::Done("1".into())));
    assert_eq!(first.next(), told);
    ask(&mut first, "b").expect("within the limits");
    assert_eq!(first.next(), Ok(Next::Blocked));
    let entries = first.take_progress().expect("it waits").entries;

    let mut machine = Machine::load(first.info().clone(), entries, 2_000).expect("a journal");
    machine.arrive(1, came("\"more than thirty bytes altogether\""), 2_000);
    ask(&mut machine, "a").expect("as it is recorded");
    assert_eq!(machine.next(), told, "it is repeated first");
    ask(&mut machine, "b").expect("as it is recorded");
    assert!(refused(machine.next()).contains("step `b`"));
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
