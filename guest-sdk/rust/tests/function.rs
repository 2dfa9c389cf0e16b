//! What the attribute says and what the builder says is the same.

use abide_sdk::Declared;
use abide_sdk::prelude::*;

async fn handle_failure(_ctx: Context, failure: FunctionFailure<Value>) -> Result<String> {
    Ok(failure.error.message)
}

#[abide::function(
    id = "fulfil",
    name = "Fulfil orders",
    on = "order/created",
    on("order/*", if = "event.data.total > 1000"),
    cron = "0 9 * * *",
    cron("TZ=Europe/Berlin 0 9 * * MON-FRI", jitter = "30s", catchup = all),
    retries = 6,
    backoff(exponential, base = "5s", factor = 3.0, max = "10m", jitter = "1s"),
    concurrency = 5,
    concurrency(limit = 50, key = "'billing'", scope = env, per = run),
    throttle(limit = 10, period = "1m", burst = 5, key = "event.data.shop"),
    rate_limit(limit = 100, period = "1 hour", key = "event.data.shop"),
    debounce(period = "5s", key = "event.data.id", timeout = "1m"),
    priority = "event.data.plan == 'premium' ? 120 : 0",
    idempotency = "event.data.id",
    singleton(cancel, key = "event.data.id"),
    cancel_on(event = "order/cancelled", matching = "data.id", timeout = "1h"),
    cancel_on(event = "shop/closed", if = "async.data.shop == event.data.shop"),
    cancel_on(event = "fulfilment/stopped", all),
    timeouts(start = "10m", finish = "2h"),
    retention = "90 days",
    on_failure(handle_failure, retries = 10, backoff(constant, base = "1m")),
)]
async fn fulfil(_ctx: Context, _event: Event<Value>) -> Result<()> {
    Ok(())
}

fn built() -> Function {
    Function::new("fulfil", fulfil)
        .name("Fulfil orders")
        .on("order/created")
        .on(Trigger::event("order/*").when("event.data.total > 1000"))
        .on(Trigger::cron("0 9 * * *"))
        .on(Trigger::cron("TZ=Europe/Berlin 0 9 * * MON-FRI")
            .jitter("30s")
            .catchup(Catchup::All))
        .retries(6)
        .backoff(
            Backoff::exponential("5s")
                .factor(3.0)
                .max("10m")
                .jitter("1s"),
        )
        .concurrency(5)
        .concurrency(
            Concurrency::new(50)
                .key("'billing'")
                .scope(Scope::Env)
                .per_run(),
        )
        .throttle(Throttle::new(10, "1m").burst(5).key("event.data.shop"))
        .rate_limit(RateLimit::new(100, "1 hour").key("event.data.shop"))
        .debounce(Debounce::new("5s").key("event.data.id").timeout("1m"))
        .priority("event.data.plan == 'premium' ? 120 : 0")
        .idempotency("event.data.id")
        .singleton(Singleton::cancel().key("event.data.id"))
        .cancel_on(
            CancelOn::event("order/cancelled")
                .matching("data.id")
                .timeout("1h"),
        )
        .cancel_on(CancelOn::event("shop/closed").when("async.data.shop == event.data.shop"))
        .cancel_on(CancelOn::event("fulfilment/stopped").all())
        .timeouts(Timeouts::new().start("10m").finish("2h"))
        .retention("90 days")
        .on_failure_with(handle_failure, |handler| {
            handler.retries(10).backoff(Backoff::constant("1m"))
        })
}

#[test]
fn the_attribute_says_what_the_builder_says() {
    let declared = <fulfil as Declared>::function();
    assert_eq!(declared.check(), Ok(()));
    assert_eq!(format!("{declared:#?}"), format!("{:#?}", built()));
}
