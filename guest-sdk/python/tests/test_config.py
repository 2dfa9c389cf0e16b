"""The options of functions: what they become, and what is refused."""

import unittest
from typing import Any

import abide
from abide.testing import config


async def work(ctx: abide.Context) -> None: ...


class Options(unittest.TestCase):
    def test_every_option_reaches_the_configuration(self) -> None:
        function = abide.App("a").function(
            id="sync",
            name="Sync",
            trigger="product/*",
            triggers=[
                abide.EventTrigger("shop/opened", if_="event.data.n > 1"),
                abide.CronTrigger("TZ=Europe/Berlin 0 3 * * *", jitter="30s", catchup="all"),
            ],
            retries=7,
            backoff=abide.Backoff("exponential", base="5s", factor=3, max="10m", jitter="1s"),
            concurrency=[5, abide.Concurrency(2, key="event.data.shop", scope="env", per="run")],  # type: ignore[list-item]
            throttle=abide.Throttle(10, "1m", burst=3, key="event.data.shop"),
            rate_limit=abide.RateLimit(100, "1h"),
            debounce=abide.Debounce("5s", timeout="1m"),
            priority="event.data.plan == 'gold' ? 120 : 0",
            idempotency="event.data.id",
            singleton=abide.Singleton("skip", key="event.data.user"),
            cancel_on=[abide.CancelOn("a/b", match="data.id"), abide.CancelOn("a/c", all=True, timeout="2h")],
            timeouts=abide.Timeouts(finish="2h"),
            retention="90 days",
            on_failure=abide.OnFailure(work, retries=9),
        )(work)
        self.assertEqual(
            config(function),
            {
                "id": "sync",
                "name": "Sync",
                "triggers": [
                    {"event": "product/*"},
                    {"event": "shop/opened", "if": "event.data.n > 1"},
                    {"cron": "TZ=Europe/Berlin 0 3 * * *", "jitter_ms": 30_000, "catchup": "all"},
                ],
                "retries": 7,
                "backoff": {"kind": "exponential", "base_ms": 5_000, "factor": 3, "max_ms": 600_000, "jitter_ms": 1_000},
                "concurrency": [{"limit": 5}, {"limit": 2, "key": "event.data.shop", "scope": "env", "per": "run"}],
                "throttle": {"limit": 10, "period_ms": 60_000, "burst": 3, "key": "event.data.shop"},
                "rate_limit": {"limit": 100, "period_ms": 3_600_000},
                "debounce": {"period_ms": 5_000, "timeout_ms": 60_000},
                "priority": "event.data.plan == 'gold' ? 120 : 0",
                "idempotency": "event.data.id",
                "singleton": {"mode": "skip", "key": "event.data.user"},
                "cancel_on": [{"event": "a/b", "match": "data.id"}, {"event": "a/c", "all": True, "timeout_ms": 7_200_000}],
                "timeouts": {"finish_ms": 7_200_000},
                "retention_ms": 90 * 86_400_000,
                "on_failure": {"id": "sync-failure", "triggers": [{"failure_of": "sync"}], "retries": 9},
            },
        )

    def test_what_is_not_given_is_left_to_the_host(self) -> None:
        self.assertEqual(config(abide.App("a").function(id="only-invoked")(work)), {"id": "only-invoked"})

    def test_a_mistake_is_named_with_its_option(self) -> None:
        for options, fault in (
            ({"id": "Not Kebab"}, "id: `Not Kebab` must be kebab-case"),
            ({"retries": 21}, "retries: must be 0 to 20, not 21"),
            ({"trigger": "order/*.paid"}, "trigger: `order/*.paid`: `*` can only be the last part"),
            ({"trigger": abide.CronTrigger("* * *")}, "trigger: `* * *` is not a schedule"),
            ({"concurrency": 0}, "concurrency.limit: must be at least 1; to stop a function for a while, pause it"),
            ({"concurrency": abide.Concurrency(1, scope="env")}, "concurrency.key: the scope `env` needs a key"),
            ({"throttle": abide.Throttle(10, "1 year")}, "throttle.period: `1 year` is not a length of time"),
            ({"throttle": abide.Throttle(10, "30 days")}, "throttle.period: must be 1 second to 7 days"),
            ({"debounce": abide.Debounce("5s", timeout="1s")}, "debounce.timeout: must be at least the period"),
            ({"cancel_on": abide.CancelOn("a/b")}, "cancel_on: `a/b` needs exactly one of `match`, `if_` and `all`"),
            ({"cancel_on": abide.CancelOn("a/b", match="event.id")}, "inside the event: `data.orderId`"),
            ({"timeouts": abide.Timeouts()}, "timeouts: `start`, `finish` or both must be given"),
            ({"backoff": abide.Backoff("constant", base="x")}, "backoff.base: `x` is not a length of time"),
            ({"priority": " "}, "priority: the expression is empty"),
            ({"triggers": ["a/b"] * 11}, "triggers: 11 triggers, at most 10 are allowed"),
            ({"retention": "1s"}, "retention: must be 1 hour to 10 years"),
            ({"on_failure": abide.OnFailure(work, retries=99)}, "on_failure.retries: must be 0 to 20, not 99"),
        ):
            given: dict[str, Any] = {"id": "work", **options}
            with self.assertRaises(abide.ConfigurationError, msg=fault) as refused:
                abide.App("a").function(**given)(work)
            self.assertIn(fault, str(refused.exception))

    def test_what_excludes_each_other_is_named_together(self) -> None:
        with self.assertRaises(abide.ConfigurationError) as refused:
            abide.App("a").function(
                id="work", batch_events=abide.BatchEvents(1, "10s"), priority="1", singleton=abide.Singleton("skip")
            )(work)
        self.assertEqual(
            refused.exception.faults,
            [
                "batch_events.max_size: must be 2 to 1000, not 1",
                "batch_events: cannot be combined with `singleton`, which is about single events",
                "batch_events: cannot be combined with `priority`, which is about single events",
            ],
        )

    def test_two_functions_of_one_id_are_refused(self) -> None:
        app = abide.App("a")
        app.function(id="work", on_failure=work)(work)
        with self.assertRaisesRegex(abide.ConfigurationError, "two functions of the app have it"):
            app.function(id="work-failure")(work)

    def test_a_handler_is_async_and_takes_the_context(self) -> None:
        def ordinary(ctx: abide.Context) -> None: ...

        async def without() -> None: ...

        for handler in (ordinary, without):
            with self.assertRaisesRegex(abide.ConfigurationError, "async def handler"):
                abide.App("a").function(id="work")(handler)  # type: ignore[arg-type]

    def test_shapes_of_events_are_for_one_event_and_one_version(self) -> None:
        for schemas, words in (
            ([abide.EventSchema("order/*", {})], "the exact name is needed"),
            ([abide.EventSchema("a", True), abide.EventSchema("a", {})], "there are two of it"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                abide.App("a", schemas=schemas)
