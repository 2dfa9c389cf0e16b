//! Interprets the simulation's random programs: the data of the event says what the run does.
//!
//! All functions do the same; they differ in their options, which `Function` in `tests/sim/language` names. A body that is to reach outside calls
//! the service at `WITNESS_URL` and returns what that answers.

mod sdk;

use abide_sdk::prelude::*;
use abide_sim_language::{Program, Thrown, interpret, version_step};

use crate::sdk::Sdk;

abide::app!(plain, strict, called, gated, narrow, throttled);

#[abide::function(id = "plain", on = "sim/run.plain")]
async fn plain(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Nothing is tried again that does not say so.
#[abide::function(id = "strict", on = "sim/run.strict", retries = 0)]
async fn strict(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Is invoked.
#[abide::function(id = "called")]
async fn called(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Two steps at a time.
#[abide::function(id = "gated", on = "sim/run.gated", concurrency = 2)]
async fn gated(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Three runs at a time.
#[abide::function(id = "narrow", on = "sim/run.narrow", concurrency(limit = 3, per = run))]
async fn narrow(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Two starts in ten seconds.
#[abide::function(
    id = "throttled",
    on = "sim/run.throttled",
    throttle(limit = 2, period = "10s")
)]
async fn throttled(ctx: Context, event: Event<Program>) -> Result<Value> {
    run(ctx, event.data).await
}

/// Which version of the app this is. The simulation writes another digit into the component to make the next version of it.
static VERSION: [u8; 19] = *b"abide-sim-version:0";

fn version() -> u8 {
    // Not a constant, as far as the compiler may know.
    std::hint::black_box(&VERSION)[18] - b'0'
}

async fn run(ctx: Context, program: Program) -> Result<Value> {
    if let Some(id) = version_step(version()) {
        ctx.step(id).run(async { Ok(()) }).await?;
    }
    let sdk = Sdk::new(ctx, &program);
    interpret(&sdk, &program).await.map_err(to_error)
}

/// The error as the SDK hands it to the host.
fn to_error(thrown: Thrown) -> Error {
    let Thrown {
        name,
        message,
        retriable,
        after_ms,
    } = thrown;
    let error = match (retriable, after_ms) {
        (false, _) => Error::non_retriable(message),
        (true, None) => Error::retriable(message),
        (true, Some(ms)) => Error::retry_after(message, Duration::from_millis(ms)),
    };
    error.named(name)
}
