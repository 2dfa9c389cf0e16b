//! Guests that want to do harm: each is ended with a clear failure, and the host goes on.

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use abide_core::failure::{Failure, Origin};
use abide_core::journal::{Entry, Outcome};
use abide_host::Host;
use common::Case;

/// Longer than any trick takes, on the slowest of machines.
const HANG: Duration = Duration::from_mins(10);

async fn failure_of(trick: &str) -> Failure {
    let began = Instant::now();
    let case = Case::on(
        common::host(),
        &common::shared_guest("hostile"),
        trick,
        "{}",
    )
    .await;
    let ended = tokio::time::timeout(HANG, case.output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{trick} hangs"));
    assert!(output.is_err(), "{trick} returned {output:?}");
    eprintln!("{trick}: {:?}: {}", began.elapsed(), case.failure());
    // What a step failed with is the guest's own once the workflow code passes it on.
    let of_step = case.entries().into_iter().find_map(|entry| match entry {
        Entry::Completed {
            outcome: Outcome::Failed(failure),
            ..
        } => Some(failure),
        _ => None,
    });
    of_step.unwrap_or_else(|| case.failure())
}

/// What the failure must say.
async fn check(trick: &str, origin: Origin, says: &str) {
    let failure = failure_of(trick).await;
    assert_eq!(failure.origin, origin, "{trick}: {failure}");
    assert!(failure.message.contains(says), "{trick}: {failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_limited() {
    for trick in ["loop-workflow", "loop-after-step"] {
        check(
            trick,
            Origin::Timeout,
            "workflow code ran for more than 0.3 s of CPU time",
        )
        .await;
    }
    check(
        "loop-body",
        Origin::Timeout,
        "body used more than 0.3 s of CPU time",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited() {
    for trick in ["memory-workflow", "memory-body", "table-of-boxes"] {
        check(trick, Origin::Memory, "more than its 128 MiB").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_is_limited() {
    for trick in ["recursion-workflow", "recursion-body"] {
        check(trick, Origin::Trap, "recursion").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traps_tell_where_and_why() {
    for (trick, says) in [
        ("panic-workflow", "the workflow panics on purpose"),
        ("panic-body", "the body panics on purpose"),
        ("abort-workflow", "trapped"),
        ("abort-body", "trapped"),
        ("out-of-bounds-workflow", "out of bounds"),
    ] {
        let failure = failure_of(trick).await;
        assert_eq!(failure.origin, Origin::Trap, "{trick}");
        assert!(failure.message.contains(says), "{trick}: {failure}");
        let stack = failure.stack.unwrap_or_default();
        assert!(
            !stack.is_empty() && !stack.contains("_ZN") && !stack.contains("_RN"),
            "{trick}: {stack}"
        );
    }
    for trick in ["exit-workflow", "exit-body"] {
        check(trick, Origin::Limit, "called exit(0)").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn breaches_of_the_contract_are_named() {
    for (trick, says) in [
        ("next-with-nothing", "wait for ever"),
        ("next-after-the-end", "wait for ever"),
        ("next-after-cancel", "wait for ever"),
        ("finish-in-workflow", "finish"),
        ("finish-unknown-ticket", "finish"),
        ("finish-wrong-ticket", "finish"),
        ("finish-never", "`next` was called while the body"),
        ("skip-execute", "`next` was called while the body"),
        ("start-in-body", "inside the body"),
        ("cancel-in-body", "`cancel` was called while the body"),
        ("cancel-unknown-ticket", "cancel"),
    ] {
        check(trick, Origin::Limit, says).await;
    }
    for (trick, output) in [
        ("finish-twice", "1"),
        ("cancel-twice", "1"),
        ("cancel-complete", "1"),
        ("start-after-cancel", "[1,3]"),
        ("leave-open", "1"),
        ("panic-body-caught", "\"Panic\""),
    ] {
        let case = Case::on(
            common::host(),
            &common::shared_guest("hostile"),
            trick,
            "{}",
        )
        .await;
        assert_eq!(case.output().await.as_deref(), Ok(output), "{trick}");
        assert_eq!(case.replays().await, None, "{trick}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_held_back() {
    for trick in ["giant-output", "giant-result", "giant-state"] {
        check(trick, Origin::Limit, "limit").await;
    }
    let patient = Host::new(abide_host::HostConfig::default()).expect("a host");
    for trick in ["log-flood-workflow", "log-flood-body", "log-giant-line"] {
        let case = Case::on(&patient, &common::shared_guest("hostile"), trick, "{}").await;
        case.output()
            .await
            .unwrap_or_else(|e| panic!("{trick}: {e}"));
        assert!(case.lines().len() <= 10_001, "{trick}");
        assert!(
            case.lines().iter().all(|line| line.len() <= (8 << 10) + 3),
            "{trick}"
        );
    }
}

#[test]
fn others_go_on_beside_endless_loops() {
    let runtime = abide_host::runtime().build().expect("a runtime");
    runtime.block_on(async {
        // So long that the loops are still at it when the other run ends.
        let mut config = common::small();
        config.limits.slice_cpu = Duration::from_secs(600);
        let host = Host::new(config).expect("a host");
        let hostile = common::shared_guest("hostile");
        let mut loops = Vec::new();
        for _ in 0..8 {
            let case = Case::on(&host, &hostile, "loop-workflow", "{}").await;
            let (mailbox, task) = case.execute();
            loops.push((mailbox, task, case));
        }
        let other = Case::on(&host, &common::guest(), "sequence", r#"{"n":10}"#).await;
        assert_eq!(other.output().await.as_deref(), Ok("45"));
        for (mailbox, task, _case) in loops {
            assert!(!task.is_finished(), "the loops were still running");
            mailbox.cancel().expect("delivered");
            task.await.expect("no panic");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn cheats_learn_nothing() {
    let cheats = common::shared_guest("cheats");
    for trick in [
        "globals",
        "addresses",
        "hash-order",
        "floats",
        "environment",
        "network",
        "files",
        "stdin",
        "threads",
        "clock",
        "randomness",
        "body-clock",
    ] {
        for evict in [false, true] {
            let case = Case::on(common::host(), &cheats, trick, r#"{"sleep_ms":60000}"#).await;
            case.finish_with(|_| evict).await;
            let output = case.ended().unwrap_or_else(|e| panic!("{trick}: {e}"));
            assert!(output.contains("\"same\":true"), "{trick}: {output}");
            assert_eq!(case.replays().await, None, "{trick}");
        }
    }
    let case = Case::on(
        common::host(),
        &cheats,
        "sleep-outside",
        r#"{"sleep_ms":60000}"#,
    )
    .await;
    let error = case.output().await.expect_err("refused");
    assert!(error.contains("use the sleep step"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trick_comes_to_an_end() {
    let hostile = common::shared_guest("hostile");
    let app = common::host().load(&hostile).await.expect("the app");
    // What the node does for a run is not there to end these; and one prints for as long as its CPU time lasts.
    let needs_the_node = |id: &str| {
        ["fetch", "invoke", "signal"]
            .iter()
            .any(|kind| id.starts_with(kind))
    };
    for config in app.functions() {
        if needs_the_node(&config.id) || config.id == "stdout-endless-line" {
            continue;
        }
        let data = match config.id.as_str() {
            "steps" | "parallel-steps" | "sleeps" => r#"{"n":1000}"#,
            _ => "{}",
        };
        let case = Case::on(common::host(), &hostile, &config.id, data).await;
        let ended = tokio::time::timeout(HANG, case.finish()).await;
        let exit = ended.unwrap_or_else(|_| panic!("{} hangs", config.id));
        assert_eq!(exit, abide_host::Exit::Over, "{}", config.id);
        match case.ended() {
            Ok(output) => eprintln!("{}: {}", config.id, &output[..output.len().min(80)]),
            Err(failure) => eprintln!(
                "{}: {}",
                config.id,
                failure.chars().take(200).collect::<String>()
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_code_that_sends_without_end_does_not_fill_the_memory() {
    let (n, bytes) = (200, 256 << 10);
    let data = format!(r#"{{"n":{n},"bytes":{bytes}}}"#);
    let case = Case::new("send-much", &data).await;
    assert_eq!(case.output().await.as_deref(), Ok("null"));
    let most = case.node.most_waiting.load(Ordering::SeqCst);
    assert!(
        most < n * bytes / 2,
        "{} MiB of {} MiB waited to be durable",
        most >> 20,
        (n * bytes) >> 20
    );
}
