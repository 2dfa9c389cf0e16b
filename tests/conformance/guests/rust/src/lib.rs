//! The reference guest of the conformance suite: each function is a scenario of `SCENARIOS.md`, which says what it does.

use abide_sdk::prelude::*;

mod branches;
mod cheats;
mod errors;
mod options;
mod outside;
mod started;
mod values;
mod waiting;

abide::app!(
    values::run,
    values::context,
    values::values,
    values::nothing,
    values::unicode,
    values::numbers,
    values::large,
    values::keys,
    values::step_input,
    values::looping,
    values::many,
    values::helper,
    values::nested_operation,
    waiting::sleep,
    waiting::sleep_until,
    waiting::sleep_too_long,
    waiting::wait_match,
    waiting::wait_if,
    waiting::wait_timeout,
    waiting::wait_lookback,
    waiting::signal,
    waiting::signal_timeout,
    waiting::signal_conflict,
    outside::send_signal,
    outside::send_event,
    outside::send_events,
    outside::invoke,
    outside::callee,
    outside::invoke_failed,
    outside::callee_fails,
    outside::invoke_timeout,
    outside::callee_sleeps,
    outside::fetch,
    outside::fetch_retry,
    outside::fetch_missing,
    outside::fetch_failed,
    outside::ai_infer,
    outside::body_http,
    errors::plain_error,
    errors::retry,
    errors::exhausted,
    errors::uncaught,
    errors::uncaught_plain,
    errors::non_retriable,
    errors::retry_after,
    errors::step_options,
    errors::step_timeout,
    errors::outside_steps,
    errors::outside_exhausted,
    errors::outside_final,
    errors::catch,
    errors::on_failure,
    branches::parallel,
    branches::parallel_branches,
    branches::repeat_parallel,
    branches::settled,
    branches::race_cancelled,
    branches::race_left,
    branches::race_body,
    branches::left_behind,
    started::batch,
    started::logs,
    started::spans,
    started::print,
    cheats::clock,
    cheats::body_clock,
    cheats::randomness,
    cheats::globals,
    cheats::captured,
    cheats::environment,
    cheats::network,
    cheats::hash_order,
    cheats::addresses,
    options::options,
    options::options_batch,
    options::options_once,
    options::options_none;
    schemas: [
        EventSchema::new(
            "conformance/shaped",
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}),
        ),
        EventSchema::new("conformance/shaped", json!({"type": "object"})).version("2"),
    ]
);

/// The data of an event that brings a number.
#[derive(Deserialize)]
struct Number {
    n: i64,
}

/// The data of an event that says where the service is.
#[derive(Deserialize)]
struct Service {
    url: String,
}

/// What an error looks like to the workflow that caught it.
fn caught(error: &StepError) -> Value {
    json!({"name": error.name(), "message": error.message(), "data": error.data::<Value>()})
}

/// The error of an operation that must fail.
fn error_of<T>(result: Result<T, StepError>) -> Result<StepError> {
    match result {
        Ok(_) => Err(Error::non_retriable("the operation should have failed")),
        Err(error) => Ok(error),
    }
}
