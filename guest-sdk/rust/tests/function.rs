//! What the attribute says and what the builder says is the same.

use abide_sdk::Declared;
use abide_sdk::prelude::*;
use abide_sdk::testing::config_of;

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

async fn work(_ctx: Context) -> Result<()> {
    Ok(())
}

/// What is wrong with the function that `configure` makes.
fn faults(configure: impl FnOnce(Function) -> Function) -> Vec<String> {
    let checked = configure(Function::new("work", work)).check();
    checked.map_or_else(|problem| problem.faults().to_vec(), |()| Vec::new())
}

#[test]
fn all_faults_of_a_function_are_named_at_once_each_with_its_option() {
    let function = Function::new("Work", work)
        .on("order/*/paid")
        .on(Trigger::cron("every day").jitter("soon"))
        .retries(21)
        .concurrency(0)
        .throttle(Throttle::new(1, "1 year"))
        .retention("5m");
    let problem = function.check().unwrap_err();
    assert_eq!(
        problem.faults(),
        [
            "cron.jitter: `soon` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
            "throttle.period: `1 year` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
            "id: `Work` must be kebab-case (`welcome-drip`) of at most 128 characters",
            "on: `order/*/paid`: `*` can only be the last part of a pattern: `order/*` or `order/paid.*`",
            "retries: must be 0 to 20, not 21",
            "concurrency.limit: must be at least 1; to stop a function for a while, pause it",
            "retention: must be 1 hour to 10 years",
        ]
    );
    assert!(
        problem
            .to_string()
            .starts_with("function `Work`: cron.jitter: ")
    );
}

/// What a fault begins with, and what makes it.
type Case = (&'static str, Box<dyn FnOnce(Function) -> Function>);

#[test]
#[allow(clippy::too_many_lines)] // one line a case
fn every_option_is_bounded() {
    let event = || CancelOn::event("order/cancelled");
    let batch = || Batch::new(100, "10s");
    let cases: Vec<Case> = vec![
        ("on: the name", Box::new(|f| f.on(""))),
        (
            "on.if: the expression is empty",
            Box::new(|f| f.on(Trigger::event("a").when(" "))),
        ),
        (
            "on: 11 triggers",
            Box::new(|f| (0..11).fold(f, |f, n| f.on(format!("event-{n}")))),
        ),
        (
            "cron: `0 9 * *` is not",
            Box::new(|f| f.on(Trigger::cron("0 9 * *"))),
        ),
        (
            "cron.jitter: must be 1 second to 5 minutes",
            Box::new(|f| f.on(Trigger::cron("0 9 * * *").jitter("6m"))),
        ),
        (
            "backoff.factor",
            Box::new(|f| f.backoff(Backoff::exponential("1s").factor(0.5))),
        ),
        (
            "concurrency: 3 limits",
            Box::new(|f| f.concurrency(1).concurrency(2).concurrency(3)),
        ),
        (
            "concurrency.key: the scope `env`",
            Box::new(|f| f.concurrency(Concurrency::new(1).scope(Scope::Env))),
        ),
        (
            "concurrency.key: the scope `account`",
            Box::new(|f| f.concurrency(Concurrency::new(1).scope(Scope::Account))),
        ),
        (
            "throttle.limit",
            Box::new(|f| f.throttle(Throttle::new(0, "1m"))),
        ),
        (
            "throttle.period: must be 1 second to 7 days",
            Box::new(|f| f.throttle(Throttle::new(1, "8 days"))),
        ),
        (
            "throttle.key",
            Box::new(|f| f.throttle(Throttle::new(1, "1m").key(""))),
        ),
        (
            "rate_limit.period: must be 1 second to 24 hours",
            Box::new(|f| f.rate_limit(RateLimit::new(1, "25h"))),
        ),
        (
            "rate_limit.limit",
            Box::new(|f| f.rate_limit(RateLimit::new(0, "1h"))),
        ),
        (
            "debounce.period",
            Box::new(|f| f.debounce(Debounce::new("999ms"))),
        ),
        (
            "debounce.timeout: must be at least the period",
            Box::new(|f| f.debounce(Debounce::new("1m").timeout("59s"))),
        ),
        (
            "batch_events.max_size: must be 2 to 1000, not 1",
            Box::new(|f| f.batch_events(Batch::new(1, "10s"))),
        ),
        (
            "batch_events.timeout: must be 1 second to 1 hour",
            Box::new(|f| f.batch_events(Batch::new(2, "2h"))),
        ),
        (
            "batch_events.if",
            Box::new(move |f| f.batch_events(batch().when(""))),
        ),
        ("priority", Box::new(|f| f.priority(""))),
        ("idempotency", Box::new(|f| f.idempotency(""))),
        (
            "singleton.key",
            Box::new(|f| f.singleton(Singleton::skip().key(""))),
        ),
        (
            "cancel_on: 6 events",
            Box::new(move |f| (0..6).fold(f, |f, _| f.cancel_on(event().all()))),
        ),
        (
            "cancel_on: `order/cancelled` needs exactly one of",
            Box::new(move |f| f.cancel_on(event())),
        ),
        (
            "cancel_on: `order/cancelled` needs exactly one of",
            Box::new(move |f| f.cancel_on(event().all().matching("data.id"))),
        ),
        (
            "cancel_on.matching: `event.data.id` must be names",
            Box::new(move |f| f.cancel_on(event().matching("event.data.id"))),
        ),
        (
            "cancel_on.event: `order/*` must be the exact name",
            Box::new(|f| f.cancel_on(CancelOn::event("order/*").all())),
        ),
        (
            "timeouts: `start`, `finish` or both",
            Box::new(|f| f.timeouts(Timeouts::new())),
        ),
        (
            "timeouts.finish: must be longer than nothing",
            Box::new(|f| f.timeouts(Timeouts::new().finish("0s"))),
        ),
        (
            "retention: must be 1 hour to 10 years",
            Box::new(|f| f.retention("11000 days")),
        ),
        (
            "on_failure.on: a handler is started by failures only",
            Box::new(|f| f.on_failure_with(work, |f| f.on("order/paid"))),
        ),
        (
            "on_failure.on_failure: the failure of a handler starts nothing",
            Box::new(|f| f.on_failure_with(work, |f| f.on_failure(work))),
        ),
        (
            "on_failure.retries",
            Box::new(|f| f.on_failure_with(work, |f| f.retries(30))),
        ),
    ];
    for (expected, configure) in cases {
        let found = faults(configure);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{expected}: {found:?}"
        );
    }
}

#[test]
fn what_batches_exclude_is_named_beside_them() {
    let found = faults(|f| {
        f.batch_events(Batch::new(100, "10s"))
            .cancel_on(CancelOn::event("stop").all())
            .debounce(Debounce::new("5s"))
            .singleton(Singleton::skip())
            .priority("1")
            .idempotency("event.data.id")
            .rate_limit(RateLimit::new(1, "1m"))
    });
    let excluded = [
        "cancel_on",
        "debounce",
        "singleton",
        "priority",
        "idempotency",
        "rate_limit",
    ];
    let expected = excluded.map(|option| {
        format!("batch_events: cannot be combined with `{option}`, which is about single events")
    });
    assert_eq!(found, expected);
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let found = faults(|f| {
        f.on(Trigger::cron("TZ=Asia/Kathmandu 0,30 8-18/2 * JAN-MAR 7").jitter("5m"))
            .throttle(Throttle::new(1, "7 days"))
            .rate_limit(RateLimit::new(1, "24h"))
            .debounce(Debounce::new("7 days").timeout("7 days"))
            .retention("1 hour")
    });
    assert!(found.is_empty(), "{found:?}");
    assert!(faults(|f| f.batch_events(Batch::new(1_000, "1 hour"))).is_empty());
    assert!(faults(|f| f.batch_events(Batch::new(2, "1 second"))).is_empty());
}

#[test]
fn a_failure_handler_is_another_function_of_the_app() {
    let config = config_of::<fulfil>();
    assert_eq!(
        config["on_failure"],
        json!({
            "id": "fulfil-failure",
            "triggers": [{"failure_of": "fulfil"}],
            "retries": 10,
            "backoff": {"kind": "constant", "base_ms": 60_000},
        })
    );
    let long = "x".repeat(121);
    let problem = Function::new(long, work)
        .on_failure(work)
        .check()
        .unwrap_err();
    assert!(
        problem.faults()[0].starts_with("on_failure.id: "),
        "{problem}"
    );
}

#[test]
fn a_configuration_reads_as_json_in_tests() {
    let mut config = config_of::<fulfil>();
    config.as_object_mut().unwrap().remove("on_failure");
    assert_eq!(
        config,
        json!({
            "id": "fulfil",
            "name": "Fulfil orders",
            "triggers": [
                {"event": "order/created"},
                {"event": "order/*", "if": "event.data.total > 1000"},
                {"cron": "0 9 * * *"},
                {"cron": "TZ=Europe/Berlin 0 9 * * MON-FRI", "jitter_ms": 30_000, "catchup": "all"},
            ],
            "retries": 6,
            "backoff": {"kind": "exponential", "base_ms": 5_000, "factor": 3.0, "max_ms": 600_000, "jitter_ms": 1_000},
            "concurrency": [{"limit": 5}, {"limit": 50, "key": "'billing'", "scope": "env", "per": "run"}],
            "throttle": {"limit": 10, "period_ms": 60_000, "burst": 5, "key": "event.data.shop"},
            "rate_limit": {"limit": 100, "period_ms": 3_600_000, "key": "event.data.shop"},
            "debounce": {"period_ms": 5_000, "key": "event.data.id", "timeout_ms": 60_000},
            "priority": "event.data.plan == 'premium' ? 120 : 0",
            "idempotency": "event.data.id",
            "singleton": {"mode": "cancel", "key": "event.data.id"},
            "cancel_on": [
                {"event": "order/cancelled", "matching": "data.id", "timeout_ms": 3_600_000},
                {"event": "shop/closed", "if": "async.data.shop == event.data.shop"},
                {"event": "fulfilment/stopped", "all": true},
            ],
            "timeouts": {"start_ms": 600_000, "finish_ms": 7_200_000},
            "retention_ms": 7_776_000_000_u64,
        })
    );
}
