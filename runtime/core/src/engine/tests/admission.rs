//! What each control of a function does with the events that would start it.

use super::merging::debounce;
use super::program;
use super::script::Program;
use super::world::{START_MS, World, started_by_event};
use crate::engine::{Input, Notice};
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{
    Concurrency, ConcurrencyScope, ConcurrencyUnit, RateLimit, Singleton, SingletonMode, Throttle,
};
use crate::operation::{Invoke, Operation};
use crate::state::{ControlKind, Read, Run, RunEnd, RunStatus};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use RunStatus::{Cancelled, Completed, Failed, Skipped, Sleeping};

/// A world whose function `f` has these options, and does nothing but sleep for `sleep_ms`.
pub(super) fn world(sleep_ms: u64, options: impl FnOnce(&mut FunctionConfig)) -> World {
    let mut world = World::new(&[]);
    world.deploy_configured(vec![sleeper(sleep_ms, options)], 1);
    world
}

pub(super) fn sleeper(
    sleep_ms: u64,
    options: impl FnOnce(&mut FunctionConfig),
) -> (FunctionConfig, Program) {
    let mut config = started_by_event("f");
    options(&mut config);
    let nap = program(vec![vec![("nap", Operation::Sleep(sleep_ms))]]);
    (config, nap)
}

pub(super) fn start(data: &str) -> NewEvent {
    NewEvent {
        name: "start/f".into(),
        data: Some(data.into()),
        ..NewEvent::default()
    }
}

pub(super) fn with_id(id: &str) -> NewEvent {
    NewEvent {
        id: Some(id.into()),
        ..start("{}")
    }
}

pub(super) fn at(ts: u64, data: &str) -> NewEvent {
    NewEvent {
        ts: Some(ts),
        ..start(data)
    }
}

impl World {
    pub(super) fn send_all(&mut self, events: impl IntoIterator<Item = NewEvent>) {
        self.send(events.into_iter().collect(), None);
        self.settle();
    }

    /// Why runs were skipped, oldest first.
    pub(super) fn reasons(&self) -> Vec<&str> {
        let ends = self.runs().into_iter().filter_map(|run| run.end.as_ref());
        ends.filter_map(|end| match end {
            RunEnd::Skipped(reason) => Some(reason.as_str()),
            RunEnd::Output(_) | RunEnd::Failure(_) => None,
        })
        .collect()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let warnings = self.notices.iter().filter_map(|notice| match notice {
            Notice::Undecided(what) => Some(format!("{}: {}", what.option, what.problem)),
            Notice::Event(_) | Notice::Run { .. } | Notice::Grew(_) | Notice::Poisonous { .. } => {
                None
            }
        });
        warnings.collect()
    }

    /// The `data` of the events of a run, in order.
    pub(super) fn data_of(&self, run: &Run) -> Vec<String> {
        let mut events = self.state.run_events(run.id).expect("maps");
        if run.event_count == 1 {
            events = vec![run.event];
        }
        let events = events.iter().map(|id| &self.state.events[id]);
        events.map(|event| event.data.to_string()).collect()
    }

    pub(super) fn event_of(&self, run: &Run) -> String {
        self.state.events[&run.event].data.to_string()
    }

    /// Runs that the store links to events, with the number of those events.
    pub(super) fn links(&self, run: &Run) -> usize {
        let links = self.state.links.iter();
        links.filter(|(_, linked)| *linked == run.id).count()
    }

    pub(super) fn controls(&self, kind: ControlKind) -> usize {
        let controls = self.state.controls.keys();
        controls.filter(|key| key.kind == kind).count()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it is what the field holds")]
fn rate_limit(limit: u32, period_ms: u64, key: Option<&str>) -> Option<RateLimit> {
    Some(RateLimit {
        limit,
        period_ms,
        key: key.map(str::to_owned),
    })
}

#[test]
fn a_rate_limit_lets_so_many_events_through_and_records_the_rest_as_skipped() {
    let mut world = world(0, |f| f.rate_limit = rate_limit(2, MINUTE_MS, None));
    world.send_all((0..4).map(|_| start("{}")));
    assert_eq!(world.status(), [Completed, Completed, Skipped, Skipped]);
    assert!(
        world.reasons()[0].contains("rateLimit: 2 events were let through in this period of 1m")
    );
    assert!(world.runs().iter().all(|run| world.links(run) == 1));
    world.advance(MINUTE_MS - 1);
    world.send_all([start("{}")]);
    assert_eq!(world.status()[4], Skipped);
    // The period began with the first event, not with the last.
    world.advance(1);
    world.send_all([start("{}")]);
    assert_eq!(world.status()[5], Completed);
    world.check_quiet();
}

#[test]
fn a_rate_limit_counts_each_key_on_its_own_and_false_not_at_all() {
    let key = Some("has(event.data.vip) ? false : event.data.user");
    let mut world = world(0, |f| f.rate_limit = rate_limit(1, MINUTE_MS, key));
    let events = [
        r#"{"user":1}"#,
        r#"{"user":1.0}"#,
        r#"{"user":"1"}"#,
        r#"{"vip":1}"#,
        r#"{"vip":1}"#,
        "{}",
        r#"{"user":null}"#,
    ];
    world.send_all(events.map(start));
    let expected = [
        Completed, Skipped, Completed, Completed, Completed, Completed, Skipped,
    ];
    assert_eq!(world.status(), expected);
}

#[test]
fn a_key_that_cannot_be_decided_counts_as_null_and_is_warned_about() {
    let key = Some("1 / event.data.zero");
    let mut world = world(0, |f| f.rate_limit = rate_limit(1, MINUTE_MS, key));
    world.send_all([start(r#"{"zero":0}"#), start("{}")]);
    assert_eq!(world.status(), [Completed, Skipped]);
    let warnings = world.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("rateLimit key: division by zero; the key counts as null"));
}

#[test]
fn a_long_key_is_remembered_by_its_hash() {
    let key = Some("event.data.text");
    let mut world = world(0, |f| f.rate_limit = rate_limit(1, MINUTE_MS, key));
    let text = |end| start(&format!("{{\"text\":\"{}{end}\"}}", "x".repeat(100_000)));
    world.send_all([text("a"), text("b"), text("a")]);
    assert_eq!(world.status(), [Completed, Completed, Skipped]);
    assert!(world.state.controls.keys().all(|key| key.key.len() < 300));
}

#[test]
fn the_first_event_of_an_idempotency_key_wins_for_a_day() {
    let mut world = world(0, |f| {
        f.idempotency = Some("event.data.order".into());
        f.rate_limit = rate_limit(1, HOUR_MS, None);
    });
    world.send_all([r#"{"order":1}"#, r#"{"order":1}"#, r#"{"order":2}"#].map(start));
    assert_eq!(
        world.status(),
        [Completed, Skipped, Completed],
        "it stands in place of the rate limit"
    );
    let first = world.runs()[0].id.to_string();
    assert!(world.reasons()[0].contains(&format!("idempotency: run {first}")));
    world.advance(DAY_MS - 1);
    world.send_all([start(r#"{"order":1}"#)]);
    world.advance(1);
    world.send_all([start(r#"{"order":1}"#)]);
    assert_eq!(world.status()[3..], [Skipped, Completed]);
}

#[test]
fn an_idempotency_key_is_not_used_up_by_a_run_that_a_singleton_skips() {
    let mut world = world(MINUTE_MS, |f| {
        f.idempotency = Some("event.data.order".into());
        f.singleton = singleton(SingletonMode::Skip, None);
    });
    world.send_all([start(r#"{"order":1}"#), start(r#"{"order":2}"#)]);
    world.advance(MINUTE_MS);
    world.send_all([start(r#"{"order":2}"#)]);
    assert_eq!(world.status(), [Completed, Skipped, Sleeping]);
}

#[allow(clippy::unnecessary_wraps, reason = "it is what the field holds")]
pub(super) fn singleton(mode: SingletonMode, key: Option<&str>) -> Option<Singleton> {
    Some(Singleton {
        key: key.map(str::to_owned),
        mode,
    })
}

#[test]
fn a_singleton_skips_events_while_a_run_of_the_key_is_alive() {
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Skip, Some("event.data.user"));
    });
    world.send_all([r#"{"user":1}"#, r#"{"user":1}"#, r#"{"user":2}"#].map(start));
    assert_eq!(world.status(), [Sleeping, Skipped, Sleeping]);
    let first = world.runs()[0].id.to_string();
    assert!(world.reasons()[0].contains(&first));
    world.crash();
    world.send_all([start(r#"{"user":1}"#)]);
    assert_eq!(world.status()[3], Skipped);
    world.advance(MINUTE_MS);
    assert_eq!(world.controls(ControlKind::Singleton), 0);
    world.send_all([start(r#"{"user":1}"#)]);
    assert_eq!(world.status()[4], Sleeping);
}

#[test]
fn a_singleton_that_cancels_lets_the_newest_event_win_even_within_one_request() {
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Cancel, None);
    });
    world.send_all([start("{}")]);
    world.send_all([start("{}"), at(START_MS + HOUR_MS, "{}"), start("{}")]);
    assert_eq!(world.status(), [Cancelled, Cancelled, Cancelled, Sleeping]);
    let second = world.runs()[1].id;
    match &world.runs()[0].end {
        Some(RunEnd::Failure(failure)) => {
            assert!(
                failure
                    .message
                    .contains(&format!("singleton: run {second}"))
            );
        }
        other => panic!("{other:?}"),
    }
    world.advance(2 * HOUR_MS);
    assert_eq!(world.status()[3], Completed);
    world.check_quiet();
}

#[test]
fn a_duplicate_event_neither_cancels_a_singleton_nor_counts_anywhere() {
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Cancel, None);
        f.rate_limit = rate_limit(2, HOUR_MS, None);
    });
    world.send_all([with_id("a"), with_id("a")]);
    world.send_all([with_id("a")]);
    assert_eq!(world.status(), [Sleeping]);
    world.send_all([with_id("b"), with_id("c")]);
    assert_eq!(world.status(), [Cancelled, Sleeping, Skipped]);
    // What was dropped has not started anything: its id may try again.
    world.advance(HOUR_MS);
    world.send_all([with_id("c")]);
    assert_eq!(world.status()[3], Sleeping);
}

#[test]
fn an_invoked_run_passes_by_what_merges_and_drops_events() {
    let invoke = Operation::Invoke(Invoke {
        function: "f".into(),
        data: None,
        timeout_ms: None,
    });
    let caller = (
        started_by_event("caller"),
        program(vec![vec![("call", invoke)]]),
    );
    let mut world = World::new(&[]);
    let f = sleeper(0, |f| {
        f.rate_limit = rate_limit(1, HOUR_MS, None);
        f.debounce = debounce(HOUR_MS, None, None);
        f.singleton = singleton(SingletonMode::Skip, None);
    });
    world.deploy_configured(vec![caller, f], 1);
    world.event("start/caller", "{}");
    world.event("start/caller", "{}");
    assert_eq!(world.status(), [Completed; 4]);
}

#[test]
fn an_event_of_the_future_passes_the_controls_now_and_starts_its_run_then() {
    let later = START_MS + HOUR_MS;
    let mut world = world(0, |f| f.rate_limit = rate_limit(1, MINUTE_MS, None));
    world.send_all([at(later, "{}"), start("{}")]);
    assert_eq!(world.status(), [Sleeping, Skipped]);
    world.advance(HOUR_MS);
    assert_eq!(world.runs()[0].started_ms, Some(later));
}

#[test]
fn priority_and_keys_of_the_queue_are_evaluated_once_when_the_run_is_created() {
    let limit = |key: Option<&str>, scope, per| Concurrency {
        limit: 2,
        key: key.map(str::to_owned),
        scope,
        per,
    };
    let mut world = world(0, |f| {
        f.priority = Some("event.data.ahead".into());
        f.concurrency = vec![
            limit(
                Some("event.data.user"),
                ConcurrencyScope::Fn,
                ConcurrencyUnit::Step,
            ),
            limit(
                Some("'shared'"),
                ConcurrencyScope::Account,
                ConcurrencyUnit::Step,
            ),
        ];
        f.throttle = Some(Throttle {
            limit: 10,
            period_ms: SECOND_MS,
            burst: 0,
            key: Some("event.data.user".into()),
        });
    });
    let events = [
        r#"{"user":1,"ahead":30}"#,
        r#"{"user":1,"ahead":9999}"#,
        r#"{"user":2,"ahead":"x"}"#,
    ];
    world.send_all(events.map(start));
    let runs = world.runs();
    let queue: Vec<_> = runs
        .iter()
        .map(|run| run.queue.as_deref().expect("it queues"))
        .collect();
    let order: Vec<_> = queue.iter().map(|queue| queue.order_ms).collect();
    assert_eq!(order, [START_MS - 30_000, START_MS - 600_000, START_MS]);
    assert_eq!(queue[0].lane, queue[1].lane);
    assert_ne!(queue[0].lane, queue[2].lane);
    assert_eq!(queue[0].throttle.as_deref(), Some("1"));
    let names: Vec<_> = queue[0].counters.iter().map(|it| &*it.name).collect();
    assert!(names[0].starts_with("fn\tapp/f\tstep\t") && names[0].ends_with("\t1"));
    assert_eq!(names[1], "account\tstep\t\"shared\"");
    assert_eq!(queue[2].counters[1].name, queue[0].counters[1].name);
    assert_eq!(world.warnings().len(), 1);
}

#[test]
fn five_thousand_events_of_one_request_write_a_record_once() {
    let mut world = world(0, |f| f.rate_limit = rate_limit(10, MINUTE_MS, None));
    world.send_all((0..5_000).map(|_| start("{}")));
    assert_eq!(world.control_writes, 1);
    let status = world.status();
    assert_eq!(status.iter().filter(|it| **it == Completed).count(), 10);
    assert_eq!(status.iter().filter(|it| **it == Skipped).count(), 4_990);
}

#[test]
fn a_failed_run_frees_its_singleton_and_cancelling_does_too() {
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Skip, None);
        f.retries = Some(0);
    });
    world.send_all([start("{}")]);
    let run = world.runs()[0].id;
    world.input(Input::Cancel {
        run,
        reason: "by hand".into(),
        reply: 1,
    });
    world.send_all([start("{}")]);
    assert_eq!(world.status(), [Cancelled, Sleeping]);
    let mut failing = sleeper(0, |f| {
        f.singleton = singleton(SingletonMode::Skip, None);
        f.retries = Some(0);
    });
    failing.1.fails = 9;
    world.advance(MINUTE_MS);
    world.deploy_configured(vec![failing], 2);
    world.send_all([start("{}")]);
    world.send_all([start("{}")]);
    assert_eq!(world.status()[1..], [Completed, Failed, Failed]);
    assert_eq!(world.controls(ControlKind::Singleton), 0);
}

#[test]
fn a_run_that_sends_the_event_of_its_own_singleton_is_replaced_by_what_it_started() {
    let again = Operation::SendEvents(vec![with_id("again")]);
    let nap = Operation::Sleep(MINUTE_MS);
    let mut config = started_by_event("f");
    config.singleton = singleton(SingletonMode::Cancel, None);
    let code = program(vec![vec![("send", again)], vec![("nap", nap)]]);
    let mut world = World::new(&[]);
    world.deploy_configured(vec![(config, code)], 1);
    world.send_all([start("{}")]);
    assert_eq!(world.status(), [Cancelled, Sleeping]);
    world.advance(MINUTE_MS);
    assert_eq!(world.status(), [Cancelled, Completed]);
    world.check_quiet();
}

#[test]
fn what_an_operator_invokes_starts_whatever_would_drop_an_event_and_queues_behind_limits() {
    use crate::engine::{Answer, Invocation};
    use crate::ids::FunctionId;
    let mut world = world(SECOND_MS, |f| {
        f.rate_limit = Some(RateLimit {
            limit: 1,
            period_ms: HOUR_MS,
            key: None,
        });
        f.concurrency = vec![Concurrency {
            limit: 1,
            key: None,
            scope: ConcurrencyScope::Fn,
            per: ConcurrencyUnit::Run,
        }];
    });
    let invoke = |world: &mut World, function: &str| {
        let limits = &world.engine.config.limits;
        let invocation = Invocation::check(Some("{\"n\":7}".into()), None, limits);
        world.input(Input::Invoke {
            function: FunctionId::new("app", function),
            invocation: invocation.expect("it is an object"),
            reply: 1,
        });
        world.answers.pop()
    };
    world.send_all([start("{}")]);
    let answer = invoke(&mut world, "f");
    assert!(matches!(answer, Some(Answer::Invoked { .. })), "{answer:?}");
    assert_eq!(world.status(), [Sleeping, RunStatus::Queued]);
    world.crash();
    world.settle();
    world.advance(SECOND_MS);
    world.advance(SECOND_MS);
    assert_eq!(world.status(), [Completed, Completed]);
    assert_eq!(world.event_of(world.runs()[1]), "{\"n\":7}");
    assert_eq!(invoke(&mut world, "g"), Some(Answer::NoSuchFunction));
    let no_object = Invocation::check(Some("[]".into()), None, &world.engine.config.limits);
    assert_eq!(no_object.expect_err("it is a list").field, "data");
}
