//! Real guests, a virtual clock: how runs go on, wait, leave memory and end.

mod common;

use std::time::{Duration, Instant};

use abide_core::failure::Origin;
use abide_core::journal::{Entry, Outcome};
use abide_core::machine::Arrival;
use abide_host::{Exit, Recorded};
use common::Case;

/// Far longer than anything takes here: a test that waits in vain fails instead of hanging.
const SOON: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn ten_steps_without_effects_are_one_flush() {
    let case = Case::new("sequence", r#"{"n":10}"#).await;
    assert_eq!(case.output().await.as_deref(), Ok("45"));
    let record = case.node.record.lock().expect("not poisoned");
    assert_eq!(record.barriers, 0);
    // One; a slice of CPU time that ends on the way hands on what there is, which a busy machine can make happen.
    assert!((1..=3).contains(&record.flushes), "{}", record.flushes);
    let completed = record
        .entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Completed { .. }))
        .count();
    assert_eq!(completed, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_run_is_flushed_in_parts() {
    let case = Case::new("sequence", r#"{"n":1000}"#).await;
    assert_eq!(case.output().await.as_deref(), Ok("499500"));
    let flushes = case.node.record.lock().expect("not poisoned").flushes;
    assert!((4..200).contains(&flushes), "{flushes}");
    assert_eq!(case.replays().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sleeps_of_days_take_no_time_on_a_virtual_clock() {
    let case = Case::new("sleepy", r#"{"n":5,"sleep_ms":86400000}"#).await;
    case.output().await.expect("an output");
    assert_eq!(case.parks(), 5);
    assert_eq!(case.replays().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_leaves_memory_at_any_point_ends_the_same() {
    let data = r#"{"n":4}"#;
    let whole = Case::new("sleepy", data).await;
    whole.output().await.expect("an output");
    for point in 1..=4 {
        let case = Case::new("sleepy", data).await;
        assert_eq!(case.finish_with(|park| park == point).await, Exit::Over);
        assert_eq!(case.ended(), whole.ended());
        assert_eq!(
            case.lines(),
            whole.lines(),
            "replay repeats no line and loses none"
        );
    }
    let always = Case::new("sleepy", data).await;
    assert_eq!(always.finish_with(|_| true).await, Exit::Over);
    assert_eq!(always.ended(), whole.ended());
    assert_eq!(always.lines(), whole.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_cut_at_any_entry_goes_on_to_the_same_end() {
    let whole = Case::new("sequence", r#"{"n":6}"#).await;
    whole.output().await.expect("an output");
    let entries = whole.entries();
    for cut in 0..entries.len() {
        let case = Case::new("sequence", r#"{"n":6}"#).await;
        case.node.record.lock().expect("not poisoned").entries = entries[..cut].to_vec();
        assert_eq!(case.output().await, whole.ended(), "cut at {cut}");
        assert_eq!(case.replays().await, None, "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_may_get_further_only_than_a_journal_that_was_cut() {
    let whole = Case::new("sequence", r#"{"n":3}"#).await;
    whole.output().await.expect("an output");
    let mut entries = whole.entries();
    assert!(matches!(
        entries.pop(),
        Some(Entry::WorkflowReturned { .. })
    ));
    let case = Case::new("sequence", r#"{"n":3}"#).await;
    case.node.record.lock().expect("not poisoned").entries = entries;
    // Somebody cancelled the run before its code could return.
    assert_eq!(case.replays_what_is(Recorded::Cut).await, None);
    let divergence = case.replays().await.expect("a run at rest does not go on");
    assert_eq!(divergence.differences[0].recorded, "still waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_logged_with_their_step() {
    let case = Case::new("sleepy", r#"{"n":1}"#).await;
    case.output().await.expect("an output");
    let record = case.node.record.lock().expect("not poisoned");
    let lines: Vec<_> = record
        .logs
        .iter()
        .map(|line| (line.op, line.message.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (None, "workflow before 0"),
            (None, "round 0"),
            (Some(0), "body 0"),
            (Some(0), "warning 0"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_bodies_wait_side_by_side() {
    let mut took = Vec::new();
    // Whatever a slow machine does beside it fits into the longer waits.
    for ms in [1_500, 6_000, 24_000] {
        let data = format!(r#"{{"n":4,"ms":{ms}}}"#);
        let case = Case::new("parallel", &data).await;
        let began = Instant::now();
        assert_eq!(case.output().await.as_deref(), Ok("[0,1,2,3]"));
        took.push(began.elapsed());
        assert_eq!(case.replays().await, None);
        if began.elapsed() < Duration::from_millis(4 * ms) {
            return;
        }
    }
    panic!("one after the other: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_bodies_that_do_not_wait_stay_in_one_task() {
    // One, unless the machine takes the processor away; bodies in tasks of their own would report one by one, each time.
    let mut flushes = Vec::new();
    while flushes.len() < 20 {
        let case = Case::new("parallel", r#"{"n":50,"ms":0}"#).await;
        case.output().await.expect("an output");
        let count = case.node.record.lock().expect("not poisoned").flushes;
        if (1..25).contains(&count) {
            return;
        }
        flushes.push(count);
    }
    panic!("{flushes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_at_a_body_gets_a_fresh_twin() {
    let case = Case::new("retry", r#"{"failures":2}"#).await;
    let output = case.output().await.expect("an output");
    // The third attempt, and the first time that this instance executes the body.
    assert!(output.starts_with("[2,1,\""), "{output}");
    let failed = case
        .entries()
        .iter()
        .filter(|entry| matches!(entry, Entry::BodyFailed { .. }))
        .count();
    assert_eq!(failed, 2);
    assert_eq!(case.replays().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_never_succeeds_fails_the_run() {
    let case = Case::new("retry", r#"{"failures":99}"#).await;
    let error = case.output().await.expect_err("failed");
    assert!(error.contains("not yet"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_that_its_body_led_astray_is_replaced() {
    let case = Case::new("tainted", "{}").await;
    assert_eq!(case.output().await.as_deref(), Ok("0"));
    let never = case
        .entries()
        .iter()
        .any(|entry| matches!(entry, Entry::OperationStarted { id, .. } if id == "never"));
    assert!(!never);
    assert_eq!(case.replays().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_lost_its_race_is_ended() {
    for function in ["race", "race-spin"] {
        let case = Case::new(function, "{}").await;
        let (mailbox, task) = case.execute();
        while !case
            .node
            .record
            .lock()
            .expect("not poisoned")
            .registrations
            .contains_key(&1)
        {
            tokio::task::yield_now().await;
        }
        case.fire(Some(&mailbox));
        assert_eq!(task.await.expect("no panic"), Exit::Over, "{function}");
        assert_eq!(case.ended().as_deref(), Ok("\"nap\""));
        assert_eq!(case.replays().await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_run_in_the_middle_of_a_body() {
    let case = Case::new("spin", r#"{"n":2,"ms":60000}"#).await;
    let (mailbox, task) = case.execute();
    while case.entries().is_empty() {
        tokio::task::yield_now().await;
    }
    mailbox.cancel().expect("delivered");
    let exit = tokio::time::timeout(SOON, task)
        .await
        .expect("soon")
        .expect("no panic");
    assert_eq!(exit, Exit::Cancelled);
    assert!(mailbox.arrive(0, Arrival::Due).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_at_the_last_moment_is_not_lost() {
    let case = Case::new("wait", "{}").await;
    let (mailbox, task) = case.execute();
    while case.parks() == 0 {
        tokio::task::yield_now().await;
    }
    mailbox.evict().expect("delivered");
    let outcome = Outcome::Done("{\"a\":1}".into());
    let delivered = mailbox.arrive(
        0,
        Arrival::Outcome {
            outcome,
            attempts: 0,
        },
    );
    match task.await.expect("no panic") {
        // It came before the run had left.
        Exit::Evicted { parked: false } | Exit::Over => assert!(delivered.is_ok()),
        Exit::Evicted { parked: true } => {
            assert!(delivered.is_err(), "refused, so that the node knows");
            return;
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(case.finish().await, Exit::Over);
    assert_eq!(case.ended().as_deref(), Ok("{\"a\":1}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_parked_runs_evicts_the_oldest() {
    let mut config = common::small();
    config.resident_bytes = 1;
    let host = abide_host::Host::new(config).expect("a host");
    let case = Case::on(&host, &common::guest(), "wait", "{}").await;
    let (_mailbox, task) = case.execute();
    let exit = tokio::time::timeout(SOON, task)
        .await
        .expect("soon")
        .expect("no panic");
    assert_eq!(exit, Exit::Evicted { parked: true });
    assert_eq!(host.resident(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_for_bodies_only() {
    let mut case = Case::new("environment", "{}").await;
    case.variables = vec![("TEST_VARIABLE".into(), "secret".into())];
    assert_eq!(case.output().await.as_deref(), Ok("[\"secret\",\"\"]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_code_than_the_journal_s_is_a_divergence() {
    let mut case = Case::new("different", r#"{"id":"one"}"#).await;
    let (mailbox, task) = case.execute();
    while case.parks() == 0 {
        tokio::task::yield_now().await;
    }
    mailbox.evict().expect("delivered");
    assert_eq!(
        task.await.expect("no panic"),
        Exit::Evicted { parked: true }
    );
    assert_eq!(case.replays().await, None);
    let mut event = case.events.main().clone();
    event.data = r#"{"id":"two"}"#.into();
    case.events = event.into();
    let found = case.replays().await.expect("another step");
    assert_eq!(
        (found.recorded.as_deref(), found.attempted.as_deref()),
        (Some("one"), Some("two"))
    );
    let (_mailbox, task) = case.execute();
    assert!(matches!(task.await.expect("no panic"), Exit::Diverged(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_outside_of_steps_is_refused_with_advice() {
    let case = Case::new("thread-sleep", "{}").await;
    let error = case.output().await.expect_err("refused");
    assert!(error.contains("use the sleep step"), "{error}");
    assert_eq!(case.failure().origin, Origin::Limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_share_the_pool_and_what_lies_beyond_it() {
    let mut config = common::small();
    config.pool = Some(abide_host::PoolConfig {
        components: 4,
        ..abide_host::PoolConfig::default()
    });
    let host = abide_host::Host::new(config).expect("a host");
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let case = Case::on(&host, &common::guest(), "sequence", r#"{"n":20}"#).await;
        tasks.push(tokio::spawn(async move { case.output().await }));
    }
    for task in tasks {
        assert_eq!(task.await.expect("no panic").as_deref(), Ok("190"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_runs_that_come_and_go_do_not_disturb_each_other() {
    let expected = {
        let case = Case::new("sleepy", r#"{"n":6}"#).await;
        case.output().await
    };
    let mut tasks = Vec::new();
    for seed in 0..200_usize {
        let case = Case::new("sleepy", r#"{"n":6}"#).await;
        tasks.push(tokio::spawn(async move {
            case.finish_with(|park| (seed >> (park % 8)) & 1 == 1).await;
            case.ended()
        }));
    }
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_of_parallel_bodies_on_extra_twins_end_the_same() {
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let case = Case::new("flaky-parallel", r#"{"n":6,"ms":3}"#).await;
        tasks.push(tokio::spawn(async move {
            let output = case.output().await;
            (output, case.replays().await)
        }));
    }
    for task in tasks {
        let (output, divergence) = task.await.expect("no panic");
        assert_eq!(output.as_deref(), Ok("[0,1,2,3,4,5]"));
        assert_eq!(divergence, None);
    }
}
