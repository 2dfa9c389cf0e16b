//! One function for each way to harm the host or to break the contract, written against the bindings, without an SDK in the way.
//!
//! Every function is started by an event `hostile/ID` and has no retries, so that the first failure is the outcome. What the
//! host must do is in the README beside this.

mod bindings {
    #![allow(clippy::pedantic)]
    wit_bindgen::generate!({ path: "../../../wit", world: "app" });
}
mod contract;
mod data;
mod floods;
mod resources;
mod sdk;

use bindings::abide::durable::types::{
    EventSchema, EventTrigger, Failure, FunctionConfig, RunContext, Trigger,
};
use bindings::exports::abide::durable::functions::Guest;
use sdk::Outcome;

/// A function: its id and what it does.
type Trick = (&'static str, fn(&RunContext) -> Outcome);

struct App;

fn tricks() -> impl Iterator<Item = Trick> {
    let all = [
        resources::TRICKS,
        floods::TRICKS,
        contract::TRICKS,
        data::TRICKS,
    ];
    all.into_iter().flatten().copied()
}

impl Guest for App {
    fn describe() -> Vec<FunctionConfig> {
        tricks()
            .map(|(id, _)| FunctionConfig {
                id: id.to_owned(),
                name: None,
                triggers: vec![Trigger::Event(EventTrigger {
                    event: format!("hostile/{id}"),
                    if_: None,
                })],
                retries: Some(0),
                backoff: None,
                concurrency: Vec::new(),
                throttle: None,
                rate_limit: None,
                debounce: None,
                batch_events: None,
                priority: None,
                idempotency: None,
                singleton: None,
                cancel_on: Vec::new(),
                timeouts: None,
                retention: None,
            })
            .collect()
    }

    fn event_schemas() -> Vec<EventSchema> {
        Vec::new()
    }

    fn run(ctx: RunContext) -> Result<String, Failure> {
        match tricks().find(|(id, _)| *id == ctx.function_id) {
            Some((_, trick)) => trick(&ctx),
            None => Err(sdk::failure("NoSuchTrick", &ctx.function_id)),
        }
    }
}

bindings::export!(App with_types_in bindings);
