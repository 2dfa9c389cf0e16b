//! Shapes of events: what is checked where, and since when.

use std::collections::BTreeMap;

use super::program;
use super::script::Program;
use super::world::{World, started_by_event};
use crate::engine::{Answer, Input, ValidEvents};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::ids::Digest;
use crate::journal::{Entry, Outcome};
use crate::limits::Limits;
use crate::operation::Operation;
use crate::state::{App, Deployed, EventSchema, RunStatus};

use RunStatus::{Completed, Failed};

fn schema(event: &str, v: Option<&str>, schema: &str) -> EventSchema {
    EventSchema {
        event: event.into(),
        v: v.map(str::to_owned),
        schema: schema.into(),
    }
}

fn order(data: &str, v: Option<&str>) -> NewEvent {
    NewEvent {
        name: "order".into(),
        data: Some(data.into()),
        v: v.map(str::to_owned),
        ..NewEvent::default()
    }
}

impl World {
    fn deploy_app(&mut self, id: &str, schemas: Vec<EventSchema>) -> Answer {
        let app = App {
            id: id.into(),
            current: Deployed {
                digest: Digest([9; 32]),
                at_ms: self.now_ms,
                bytes: 0,
                functions: vec![started_by_event("g")],
                schemas,
            },
            variables: BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        };
        let app = Box::new(app);
        self.input(Input::Deploy { app, reply: 0 });
        self.answers.last().cloned().expect("an answer")
    }

    fn put_schema(&mut self, schema: EventSchema) -> Answer {
        self.input(Input::PutSchema { schema, reply: 0 });
        self.answers.last().cloned().expect("an answer")
    }

    fn fault(&self, event: NewEvent) -> Option<String> {
        let events = vec![order(r#"{"id":1,"number":1,"operator":1}"#, None), event];
        let checked = ValidEvents::check(events, &Limits::default(), &self.schemas);
        checked.err().map(|fault| fault.to_string())
    }
}

#[test]
fn an_event_that_breaks_its_schema_is_refused_with_index_field_and_place() {
    let mut world = World::new(&[]);
    let shape = r#"{"properties":{"items":{"items":{"required":["sku"]}}}}"#;
    let deployed = world.deploy_app("shop", vec![schema("order", Some("1"), shape)]);
    assert_eq!(deployed, Answer::Deployed);
    let wrong = order(r#"{"items":[{"sku":"a"},{}]}"#, Some("1"));
    assert_eq!(
        world.fault(wrong).as_deref(),
        Some(
            r#"event 1: data: at `/items/1`: must have the property "sku" (schema of the event `order`, version `1`)"#
        )
    );
    // Redeploying without it takes it back.
    world.deploy_app("shop", Vec::new());
    assert_eq!(world.fault(order(r#"{"items":[{}]}"#, Some("1"))), None);
}

#[test]
fn an_operators_schema_counts_before_an_apps_until_it_is_removed_and_survives_a_crash() {
    let mut world = World::new(&[]);
    world.deploy_app(
        "shop",
        vec![schema("order", None, r#"{"required":["id"]}"#)],
    );
    let answer = world.put_schema(schema("order", None, r#"{"required":["operator"]}"#));
    assert_eq!(answer, Answer::SchemaChanged);
    world.schemas = std::sync::Arc::default();
    world.crash();
    assert_eq!(world.fault(order(r#"{"operator":1}"#, None)), None);
    assert!(world.fault(order(r#"{"id":1}"#, None)).is_some());
    let delete = |v: Option<&str>| Input::DeleteSchema {
        event: "order".into(),
        v: v.map(str::to_owned),
        reply: 0,
    };
    world.input(delete(None));
    assert_eq!(world.answers.last(), Some(&Answer::SchemaChanged));
    assert!(world.fault(order(r#"{"operator":1}"#, None)).is_some());
    assert_eq!(world.fault(order(r#"{"id":1}"#, None)), None);
    world.input(delete(Some("7")));
    let Some(Answer::Refused(reason)) = world.answers.last() else {
        panic!("there is nothing to remove");
    };
    assert!(reason.contains("`order`, version `7`"), "{reason}");
}

#[test]
fn a_schema_that_is_refused_changes_nothing() {
    let mut world = World::new(&[]);
    let hostile = schema("order", None, r##"{"$ref":"#"}"##);
    let Answer::Refused(reason) = world.put_schema(hostile.clone()) else {
        panic!("it never ends");
    };
    assert!(reason.contains("without end"), "{reason}");
    let Answer::Refused(reason) = world.deploy_app("shop", vec![hostile]) else {
        panic!("it never ends");
    };
    assert!(reason.contains("schema of the event `order`"), "{reason}");
    assert!(world.engine.apps().all(|app| &*app.id != "shop"));
    world.deploy_app("shop", vec![schema("order", None, "false")]);
    let Answer::Refused(reason) = world.deploy_app("crm", vec![schema("order", None, "true")])
    else {
        panic!("the apps contradict each other");
    };
    assert!(reason.contains("`shop` and `crm`"), "{reason}");
}

#[test]
fn a_send_of_events_that_break_their_schema_fails_for_good_and_sends_nothing() {
    let sending = Program {
        catches: true,
        ..program(vec![vec![(
            "s",
            Operation::SendEvents(vec![order(r#"{"id":1}"#, None), order("{}", None)]),
        )]])
    };
    let mut world = World::new(&[("f", sending)]);
    world.deploy_app(
        "shop",
        vec![schema("order", None, r#"{"required":["id"]}"#)],
    );
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Completed]);
    assert_eq!(world.output(), r#"["InvalidEvent"]"#);
    assert!(
        world
            .state
            .events
            .values()
            .all(|event| &*event.name != "order")
    );
    let failure = world.journal().iter().find_map(|entry| match entry {
        Entry::Completed {
            outcome: Outcome::Failed(failure),
            ..
        } => Some(failure),
        _ => None,
    });
    let failure = failure.expect("it is journaled");
    assert_eq!(failure.retry, RetryAdvice::NonRetriable);
    assert_eq!(
        failure.message,
        r#"step `s`: event 1: data: must have the property "id" (schema of the event `order`)"#
    );
    // Once it has happened it stays so, whatever the schemas are then.
    world.deploy_app("shop", Vec::new());
    world.crash();
    world.settle();
    world.check_quiet();
    assert_eq!(world.output(), r#"["InvalidEvent"]"#);
}

#[test]
fn an_uncaught_broken_schema_fails_the_run() {
    let sending = program(vec![vec![(
        "s",
        Operation::SendEvents(vec![order("{}", None)]),
    )]]);
    let mut world = World::new(&[("f", sending)]);
    world.deploy_app(
        "shop",
        vec![schema("order", None, r#"{"required":["id"]}"#)],
    );
    world.event("start/f", "{}");
    assert_eq!(world.status(), [Failed]);
}
