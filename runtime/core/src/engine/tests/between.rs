//! What lies between two options: each story was once a fault that neither option's own tests could meet.

use super::admission::{at, singleton, sleeper, start, world};
use super::merging::debounce;
use super::world::{START_MS, started_by_event};
use crate::engine::{Answer, Input};
use crate::function::Trigger;
use crate::function::options::{EventTrigger, SingletonMode};
use crate::state::{ControlKind, JobAction, RunFilter, RunStatus};
use crate::{HOUR_MS, MINUTE_MS};

use RunStatus::{Cancelled, Sleeping};

#[test]
fn the_record_of_a_singleton_goes_with_its_run_whatever_was_deployed_meanwhile() {
    let keyed = |key: Option<&'static str>| {
        sleeper(MINUTE_MS, move |f| {
            f.singleton = key.map(|_| singleton(SingletonMode::Skip, key).expect("one"));
        })
    };
    let mut world = world(MINUTE_MS, |f| {
        f.singleton = singleton(SingletonMode::Skip, Some("event.data.user"));
    });
    world.send_all([start(r#"{"user":1,"order":7}"#)]);
    world.deploy_configured(vec![keyed(Some("event.data.order"))], 1);
    world.send_all([start(r#"{"user":1,"order":8}"#)]);
    world.deploy_configured(vec![keyed(None)], 1);
    assert_eq!(world.controls(ControlKind::Singleton), 2);
    world.advance(MINUTE_MS);
    assert_eq!(world.controls(ControlKind::Singleton), 0);
    world.check_quiet();
}

#[test]
fn a_run_that_is_skipped_because_its_function_is_gone_keeps_all_its_events() {
    let mut world = world(0, |f| f.debounce = debounce(1_000, None, None));
    world.send_all(["1", "2"].map(|n| start(&format!(r#"{{"n":{n}}}"#))));
    world.deploy_configured(Vec::new(), 2);
    world.advance(1_000);
    assert_eq!(world.data_of(world.runs()[0]).len(), 2);
}

#[test]
fn a_debounced_run_that_is_cancelled_in_the_moment_it_is_created_is_told_about_with_its_events() {
    let mut world = world(0, |_| {});
    let f = sleeper(HOUR_MS, |f| {
        f.debounce = debounce(1_000, Some("event.data.user"), None);
        f.singleton = singleton(SingletonMode::Cancel, None);
    });
    let mut g = sleeper(HOUR_MS, |_| {});
    g.0 = started_by_event("g");
    g.0.triggers.push(Trigger::Event(EventTrigger {
        event: "inngest/function.cancelled".into(),
        if_expr: None,
    }));
    world.deploy_configured(vec![f, g], 1);
    let users = [1, 1, 2, 2];
    world.send_all(users.map(|user| at(START_MS, &format!(r#"{{"user":{user}}}"#))));
    world.advance(1_000);
    assert_eq!(world.status(), [Cancelled, Sleeping, Sleeping]);
    let told = world.event_of(world.runs()[2]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["events"].as_array().map(Vec::len), Some(2), "{told}");
}

#[test]
fn what_begins_after_a_restart_never_takes_the_id_of_what_began_with_a_job() {
    let mut world = world(HOUR_MS, |_| {});
    world.input(Input::StartJob {
        action: JobAction::Cancel {
            reason: "by hand".into(),
        },
        filter: RunFilter::default(),
        interval_us: None,
        reply: 0,
    });
    world.send(vec![start(r#"{"n":1}"#)], None);
    world.crash();
    world.send(vec![start(r#"{"n":2}"#)], None);
    world.settle();
    let accepted = world.answers.iter().filter_map(|answer| match answer {
        Answer::Accepted(ids) => Some(ids.clone()),
        _ => None,
    });
    let mut ids = accepted.flatten().collect::<Vec<_>>();
    ids.dedup();
    assert_eq!(ids.len(), 2);
    assert_eq!(world.runs().len(), 2);
}
