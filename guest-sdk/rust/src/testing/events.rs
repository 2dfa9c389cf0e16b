//! The events that start a run in a test.

use serde::Serialize;
use serde_json::{Value, json};

use crate::bindings::types::{self, Failure};
use crate::error::Error;
use crate::function::Function;
use crate::testing::APP;
use crate::testing::view::parse;

/// An event to start a run with.
pub fn event(name: &str, data: impl Serialize) -> types::Event {
    let data = serde_json::to_string(&data).expect("the event's data can be written as JSON");
    types::Event {
        id: id(0),
        name: name.to_owned(),
        data,
        user: None,
        ts: 1_767_225_600_000,
        v: None,
    }
}

fn id(number: usize) -> String {
    format!("01JTESTEVENT{number:013}")
}

/// One event, or several: what starts a run.
#[derive(Debug, Clone)]
pub struct Events {
    all: Vec<types::Event>,
    /// Which of them the handler gets as its event.
    chosen: usize,
}

impl From<types::Event> for Events {
    fn from(event: types::Event) -> Self {
        vec![event].into()
    }
}

impl<const N: usize> From<[types::Event; N]> for Events {
    fn from(events: [types::Event; N]) -> Self {
        Vec::from(events).into()
    }
}

impl From<Vec<types::Event>> for Events {
    fn from(mut all: Vec<types::Event>) -> Self {
        assert!(!all.is_empty(), "a run is started by one event at least");
        for (number, event) in all.iter_mut().enumerate() {
            if event.id == id(0) {
                event.id = id(number);
            }
        }
        Self { all, chosen: 0 }
    }
}

impl Events {
    /// As the host would hand them to `function`.
    pub(super) fn of(mut self, function: &Function) -> Self {
        if function.config().debounce.is_some() {
            self.all.sort_by_key(|event| event.ts);
            self.chosen = self.all.len() - 1;
        }
        self
    }

    /// The event that tells of the failure of a run that these events started.
    pub(super) fn failed(self, function: &str, error: Error) -> Self {
        let error = Failure::from(error);
        let all: Vec<Value> = self.all.iter().map(as_value).collect();
        let data = json!({
            "function_id": format!("{APP}/{function}"),
            "run_id": "01JTESTRUNFAILED000000000",
            "error": {"name": error.name, "message": error.message, "stack": error.stack},
            "event": all[self.chosen],
            "events": all,
        });
        event("inngest/function.failed", data).into()
    }

    /// The handler's event, and all of them.
    pub(super) fn handed(self) -> (types::Event, Vec<types::Event>) {
        (self.all[self.chosen].clone(), self.all)
    }
}

fn as_value(event: &types::Event) -> Value {
    json!({
        "id": event.id,
        "name": event.name,
        "data": parse(&event.data),
        "user": event.user.as_deref().map(parse),
        "ts": event.ts,
        "v": event.v,
    })
}
