//! A component whose description never ends: deploying it must fail, in seconds, with an error that says so.

mod bindings {
    #![allow(clippy::pedantic)]
    wit_bindgen::generate!({ path: "../../../wit", world: "app" });
}

use bindings::abide::durable::types::{EventSchema, Failure, FunctionConfig, RunContext};
use bindings::exports::abide::durable::functions::Guest;

struct App;

impl Guest for App {
    fn describe() -> Vec<FunctionConfig> {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }

    fn event_schemas() -> Vec<EventSchema> {
        Vec::new()
    }

    fn run(_ctx: RunContext) -> Result<String, Failure> {
        Ok("null".to_owned())
    }
}

bindings::export!(App with_types_in bindings);
