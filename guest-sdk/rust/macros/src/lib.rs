//! The macros of `abide-sdk`; use them from there.
//!
//! They check at compile time what the host would refuse at deploy, and say so at the place of the mistake.

mod app;
mod flow;
mod function;
mod members;
mod options;
mod values;

use proc_macro::TokenStream;

/// Declares a durable function of an app.
///
/// It goes on an `async fn` of a `Context` and an `Event<T>` (a `Vec<Event<T>>` for all that started the run), or of a `Context` alone, that returns a `Result`. The function itself stays as it is; a type of
/// the same name carries its configuration to `app!`.
///
/// Every option by its name; what one means, when to use which and what it defaults to is said at the builder's method of the same name, in `abide_sdk::Function`.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[abide::function(
///     id = "fulfil-order",                                         // required: kebab-case, unique in the app
///     name = "Fulfil an order",                                    // what people call it
///
///     // What starts it: up to 10 events and schedules; none: only by `invoke`.
///     on = "order/created",
///     on("order/*", if = "event.data.total > 1000"),               // with a CEL expression that must be true
///     cron = "0 9 * * *",
///     cron("TZ=Europe/Berlin 30 8 * * MON-FRI", jitter = "30s", catchup = all),   // or none, last (the default)
///
///     // When something fails.
///     retries = 6,                                                 // 0 to 20; default 4
///     backoff(exponential, base = "5s", factor = 3.0, max = "10m", jitter = "1s"),   // or linear, constant
///     on_failure(give_up, retries = 10),                           // or `on_failure = give_up`
///
///     // How much, and how fast.
///     concurrency = 50,                                            // up to 2 limits
///     concurrency(limit = 5, key = "event.data.shop", scope = env, per = run),   // scope: fn, env, account; per: step, run
///     throttle(limit = 10, period = "1m", burst = 5, key = "event.data.shop"),
///     rate_limit(limit = 100, period = "1 hour", key = "event.data.shop"),
///     priority = "event.data.plan == 'premium' ? 120 : 0",
///
///     // One run for several events, or for one of them.
///     debounce(period = "5s", key = "event.data.id", timeout = "1m"),   // or `debounce = "5s"`
///     idempotency = "event.data.id",
///     singleton(skip, key = "event.data.id"),                      // or cancel; or `singleton = skip`
///
///     // When it ends before its end.
///     cancel_on(event = "order/cancelled", matching = "data.id", timeout = "1h"),   // up to 5
///     cancel_on(event = "shop/closed", if = "async.data.shop == event.data.shop"),
///     cancel_on(event = "fulfilment/stopped", all),
///     timeouts(start = "10m", finish = "2 days"),
///     retention = "90 days",
/// )]
/// async fn fulfil_order(ctx: Context, event: Event<Value>) -> Result<()> {
///     Ok(())
/// }
///
/// async fn give_up(ctx: Context, failure: FunctionFailure) -> Result<()> {
///     Ok(())
/// }
///
/// // Batches exclude the options about single events: cancel_on, debounce, singleton, priority, idempotency and rate_limit.
/// #[abide::function(
///     id = "digest",
///     on = "user/mentioned",
///     batch_events(max_size = 100, timeout = "10m", key = "event.data.user", if = "event.data.urgent != true"),
/// )]
/// async fn digest(ctx: Context, events: Vec<Event<Value>>) -> Result<usize> {
///     Ok(events.len())
/// }
///
/// abide::app!(fulfil_order, digest);
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn function(arguments: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(arguments.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Exports the app: its functions, declared with the attribute `function` or made by an expression; and behind a semicolon the shapes of events, if it knows
/// some: `schemas:` and anything that gives `EventSchema`s, for example `[EventSchema::new(…)]`. Handlers of failures come with their functions.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[abide::function(id = "greet", on = "user/arrived")]
/// async fn greet(ctx: Context) -> Result<()> {
///     Ok(())
/// }
///
/// abide::app!(greet, Function::new("part", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned())).on("user/left"));
/// # fn main() {}
/// ```
#[proc_macro]
pub fn app(functions: TokenStream) -> TokenStream {
    app::expand(functions.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
