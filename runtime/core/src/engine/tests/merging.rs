//! Debounces and batches: one run for several events.

use super::admission::{at, singleton, sleeper, start, with_id, world};
use super::world::START_MS;
use crate::engine::Input;
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{BatchEvents, Debounce, SingletonMode};
use crate::ids::FunctionId;
use crate::state::{ControlKind, RunStatus};
use crate::{HOUR_MS, MINUTE_MS};

use RunStatus::{Completed, Queued, Skipped, Sleeping};

#[allow(clippy::unnecessary_wraps, reason = "it is what the field holds")]
pub(super) fn debounce(
    period_ms: u64,
    key: Option<&str>,
    timeout_ms: Option<u64>,
) -> Option<Debounce> {
    Some(Debounce {
        period_ms,
        key: key.map(str::to_owned),
        timeout_ms,
    })
}

#[test]
fn a_debounce_runs_once_after_a_quiet_time_with_the_newest_event_and_all_of_them() {
    let mut world = world(0, |f| f.debounce = debounce(10_000, None, None));
    world.send_all([at(START_MS, "{\"n\":2}"), at(START_MS - 5, "{\"n\":1}")]);
    world.advance(9_999);
    world.send_all([start("{\"n\":3}")]);
    world.advance(9_999);
    assert!(world.runs().is_empty(), "each event restarts the period");
    world.advance(1);
    assert_eq!(world.status(), [Completed]);
    let run = world.runs()[0];
    assert_eq!((run.event_count, run.batch), (3, false));
    assert_eq!(world.event_of(run), "{\"n\":3}");
    assert_eq!(world.data_of(run), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
    assert_eq!(world.links(run), 3);
    assert_eq!(run.queued_ms, START_MS + 19_999);
    assert_eq!(world.controls(ControlKind::Debounce), 0);
    world.check_quiet();
}

#[test]
fn the_newest_event_of_a_debounce_is_so_by_its_own_time() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all([at(START_MS, "{\"n\":2}")]);
    world.advance(500);
    world.send_all([at(START_MS - 1, "{\"n\":1}"), at(START_MS, "{\"n\":3}")]);
    world.advance(1_000);
    let run = world.runs()[0];
    assert_eq!(world.event_of(run), "{\"n\":3}", "of equal times the later");
    assert_eq!(world.data_of(run)[0], "{\"n\":1}");
}

#[test]
fn a_debounce_waits_no_longer_than_its_timeout() {
    let mut world = world(0, |f| f.debounce = debounce(10_000, None, Some(25_000)));
    for _ in 0..5 {
        world.send_all([start("{}")]);
        world.advance(6_000);
    }
    let queued: Vec<_> = world.runs().iter().map(|run| run.queued_ms).collect();
    assert_eq!(queued, [START_MS + 25_000]);
    assert_eq!(world.runs()[0].event_count, 5);
}

#[test]
fn a_debounce_keeps_the_newest_hundred_events_and_unlinks_the_others() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all((0..101).map(|n| at(START_MS - 1_000 + n, &format!("{{\"n\":{n}}}"))));
    world.send_all([at(START_MS - 9_000, "{\"n\":\"too old\"}")]);
    world.advance(1_000);
    let run = world.runs()[0];
    let data = world.data_of(run);
    assert_eq!((run.event_count, world.links(run)), (100, 100));
    assert_eq!((&*data[0], &*data[99]), ("{\"n\":1}", "{\"n\":100}"));
}

#[test]
fn debounces_of_different_keys_survive_a_crash_on_their_own() {
    let mut world = world(0, |f| {
        f.debounce = debounce(5_000, Some("event.data.user"), None);
    });
    world.send_all([start(r#"{"user":1}"#)]);
    world.advance(1_000);
    world.send_all([start(r#"{"user":2}"#)]);
    world.crash();
    world.advance(3_000);
    world.send_all([start(r#"{"user":1}"#)]);
    world.advance(10_000);
    let runs = world.runs();
    let seen: Vec<_> = runs
        .iter()
        .map(|run| (world.event_of(run), run.queued_ms - START_MS))
        .collect();
    assert_eq!(
        seen,
        [
            (r#"{"user":1}"#.into(), 9_000),
            (r#"{"user":2}"#.into(), 6_000)
        ]
    );
}

#[test]
fn an_event_id_enters_a_debounce_once_and_does_not_prolong_it() {
    let mut world = world(0, |f| f.debounce = debounce(10_000, None, None));
    world.send_all([with_id("a")]);
    world.advance(6_000);
    world.send_all([with_id("a")]);
    world.advance(4_000);
    assert_eq!(world.runs()[0].event_count, 1);
    world.send_all([with_id("a")]);
    world.advance(MINUTE_MS);
    assert_eq!(world.status(), [Completed]);
}

#[test]
fn an_event_after_the_due_time_of_a_debounce_begins_the_next_one_even_if_no_timer_had_its_turn() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all([start("{\"n\":1}")]);
    world.now_ms += 5_000;
    world.send_all([start("{\"n\":2}")]);
    world.advance(1_000);
    let counts: Vec<_> = world.runs().iter().map(|run| run.event_count).collect();
    assert_eq!(counts, [1, 1]);
}

fn batch(max_size: u32, timeout_ms: u64) -> BatchEvents {
    BatchEvents {
        max_size,
        timeout_ms,
        key: None,
        if_expr: None,
    }
}

#[test]
fn a_batch_starts_when_it_is_full_or_its_first_event_has_waited_long_enough() {
    let mut world = world(0, |f| f.batch_events = Some(batch(3, 10_000)));
    world.send_all((0..7).map(|n| start(&format!("{{\"n\":{n}}}"))));
    assert_eq!(world.status(), [Completed, Completed]);
    let run = world.runs()[1];
    assert_eq!((run.event_count, run.batch), (3, true));
    assert_eq!(world.event_of(run), "{\"n\":3}");
    assert_eq!(world.data_of(run), ["{\"n\":3}", "{\"n\":4}", "{\"n\":5}"]);
    assert_eq!(world.links(run), 3);
    world.advance(4_000);
    world.send_all([start("{\"n\":7}")]);
    world.advance(5_999);
    assert_eq!(world.runs().len(), 2);
    world.advance(1);
    let run = world.runs()[2];
    assert_eq!(world.data_of(run), ["{\"n\":6}", "{\"n\":7}"]);
    assert_eq!(world.controls(ControlKind::Batch), 0);
    world.check_quiet();
}

#[test]
fn a_batch_never_holds_more_than_ten_mebibytes() {
    let mut world = world(0, |f| f.batch_events = Some(batch(100, 10_000)));
    let large = || start(&format!("{{\"x\":\"{}\"}}", "y".repeat((3 << 20) - 1_000)));
    world.send_all((0..3).map(|_| large()));
    assert!(world.runs().is_empty());
    world.send_all([large()]);
    assert_eq!(
        world.runs()[0].event_count,
        3,
        "it starts without the fourth"
    );
    world.advance(10_000);
    assert_eq!(world.runs()[1].event_count, 1, "which began the next one");
}

#[test]
fn an_event_that_a_batch_does_not_want_runs_alone_at_once() {
    let mut world = world(0, |f| {
        f.batch_events = Some(BatchEvents {
            if_expr: Some("event.data.urgent != true".into()),
            key: Some("event.data.user".into()),
            ..batch(2, 10_000)
        });
    });
    let events = [
        r#"{"user":1}"#,
        r#"{"user":2}"#,
        r#"{"user":1,"urgent":true}"#,
        r#"{"user":1,"n":2}"#,
    ];
    world.send_all(events.map(start));
    let runs: Vec<_> = world
        .runs()
        .iter()
        .map(|run| (world.data_of(run).len(), run.batch))
        .collect();
    assert_eq!(runs.len(), 2);
    assert!(
        runs.contains(&(1, false)) && runs.contains(&(2, true)),
        "{runs:?}"
    );
}

#[test]
fn an_event_id_is_in_a_batch_once_also_across_a_crash() {
    let mut world = world(0, |f| f.batch_events = Some(batch(3, 10_000)));
    world.send_all([with_id("a"), with_id("a"), with_id("b")]);
    world.crash();
    world.send_all([with_id("b"), with_id("a")]);
    world.advance(10_000);
    assert_eq!(world.runs()[0].event_count, 2);
    world.send_all([with_id("a"), with_id("c")]);
    world.advance(10_000);
    let counts: Vec<_> = world.runs().iter().map(|run| run.event_count).collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn a_debounced_run_that_a_singleton_skips_leaves_its_event_ids_free() {
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Skip, None);
        f.debounce = debounce(1_000, None, None);
        f.idempotency = Some("event.data.order".into());
    });
    let order = |id: &str, data: &str| NewEvent {
        data: Some(data.into()),
        ..with_id(id)
    };
    world.send_all([order("a", r#"{"order":1}"#)]);
    world.advance(1_000);
    world.send_all([order("b", r#"{"order":2}"#), order("c", r#"{"order":3}"#)]);
    world.advance(1_000);
    assert_eq!(world.status(), [Sleeping, Skipped]);
    assert_eq!(world.links(world.runs()[1]), 2);
    world.advance(MINUTE_MS);
    world.send_all([order("b", r#"{"order":2}"#), order("c", r#"{"order":3}"#)]);
    world.send_all([order("a", r#"{"order":1}"#)]);
    world.advance(1_000);
    assert_eq!(world.status()[2..], [Sleeping]);
    assert_eq!(world.runs()[2].event_count, 2);
}

#[test]
fn a_debounce_of_an_event_of_the_future_starts_at_the_events_time() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all([at(START_MS + HOUR_MS, "{}")]);
    world.advance(1_000);
    assert_eq!(world.status(), [Sleeping]);
    world.advance(HOUR_MS);
    assert_eq!(world.runs()[0].started_ms, Some(START_MS + HOUR_MS));
}

#[test]
fn what_collected_for_a_function_that_is_gone_is_recorded_as_skipped() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all([start("{}")]);
    world.deploy_configured(Vec::new(), 2);
    world.advance(1_000);
    assert_eq!(world.status(), [Skipped]);
    assert!(world.reasons()[0].contains("no longer deployed"));
    world.check_quiet();
}

#[test]
fn what_collects_goes_on_as_it_began_when_a_deployment_changes_the_options() {
    let mut world = world(0, |f| f.debounce = debounce(10_000, None, None));
    world.send_all([start("{\"n\":1}"), start("{\"n\":2}")]);
    world.deploy_configured(vec![sleeper(0, |_| {})], 2);
    world.send_all([start("{\"n\":3}")]);
    assert_eq!(world.runs().len(), 1, "new events start runs at once");
    world.advance(10_000);
    let counts: Vec<_> = world.runs().iter().map(|run| run.event_count).collect();
    assert_eq!(counts, [2, 1], "the run that collected is the older one");
    assert_eq!(world.status(), [Completed, Completed]);
    assert_eq!(world.controls(ControlKind::Debounce), 0);
}

#[test]
fn a_batch_that_has_more_than_a_new_deployment_allows_starts_without_the_next_event() {
    let sized = |size| move |f: &mut FunctionConfig| f.batch_events = Some(batch(size, 10_000));
    let mut world = world(0, sized(10));
    world.send_all((0..5).map(|_| start("{}")));
    world.deploy_configured(vec![sleeper(0, sized(3))], 2);
    world.send_all([start("{}")]);
    world.advance(10_000);
    let counts: Vec<_> = world.runs().iter().map(|run| run.event_count).collect();
    assert_eq!(counts, [5, 1]);
}

#[test]
fn five_thousand_events_of_one_request_debounce_as_one_and_are_written_as_one() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all((0..5_000).map(|n| start(&format!("{{\"n\":{n}}}"))));
    assert_eq!(world.control_writes, 1);
    world.advance(1_000);
    let run = world.runs()[0];
    assert_eq!(
        (world.runs().len(), run.event_count, world.links(run)),
        (1, 100, 100)
    );
    assert_eq!(world.event_of(run), "{\"n\":4999}");
}

#[test]
fn a_batch_condition_that_cannot_be_decided_lets_the_event_run_alone_and_is_warned_about() {
    let mut world = world(0, |f| {
        f.batch_events = Some(BatchEvents {
            if_expr: Some("event.data.wanted".into()),
            ..batch(2, 10_000)
        });
    });
    world.send_all([start("{}")]);
    assert_eq!(world.status(), [Completed]);
    assert!(!world.runs()[0].batch);
    assert!(world.warnings()[0].contains("batchEvents if"));
}

#[test]
fn a_paused_function_goes_on_collecting_and_its_runs_start_when_it_resumes() {
    let mut world = world(0, |f| f.batch_events = Some(batch(2, 10_000)));
    let function = FunctionId::new("app", "f");
    world.input(Input::PauseFunction {
        function: function.clone(),
        reply: 1,
    });
    world.send_all((0..3).map(|_| start("{}")));
    world.advance(10_000);
    assert_eq!(world.status(), [Queued, Queued]);
    world.crash();
    world.settle();
    assert_eq!(world.status(), [Queued, Queued]);
    world.input(Input::ResumeFunction { function, reply: 2 });
    world.settle();
    let counts: Vec<_> = world.runs().iter().map(|run| run.event_count).collect();
    assert_eq!((world.status(), counts), (vec![Completed; 2], vec![2, 1]));
    world.check_quiet();
}
