"""Workflows: what the scheduler does with them, told as stories."""

from __future__ import annotations

import asyncio
import logging
import unittest
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import abide
from abide import http
from abide.testing import Run, RunFailed, after_failure, event


def function(handler: Callable[[abide.Context[Any]], Coroutine[Any, Any, Any]], **options: Any) -> abide.Function[Any]:
    return abide.App("test").function(id="work", **options)(handler)


@dataclass
class Order:
    id: str
    amount: int = 1


class Steps(unittest.TestCase):
    def test_a_step_gives_its_recorded_result_as_the_annotated_type(self) -> None:
        async def load(id: str) -> Order:
            return Order(id, 7)

        async def work(ctx: abide.Context) -> int:
            return (await ctx.step.run("load", load, "o-1")).amount

        run = Run(function(work))
        self.assertEqual(run.asked("load"), {"kind": "run"})
        self.assertEqual(run.execute("load"), {"id": "o-1", "amount": 7})
        self.assertEqual(run.output(), 7)

    def test_a_recorded_result_of_another_type_is_an_error_that_names_the_step(self) -> None:
        def load() -> Order:
            raise AssertionError("it is not executed")

        async def work(ctx: abide.Context) -> Order:
            return await ctx.step.run("load", load)

        run = Run(function(work))
        run.complete("load", {"amount": 7})
        with self.assertRaisesRegex(RunFailed, "InvalidResult: step `load`: its result is not a `Order`: id: it is missing"):
            run.output()

    def test_options_reach_the_host_only_if_they_are_given(self) -> None:
        async def work(ctx: abide.Context) -> None:
            backoff = abide.Backoff("linear", base="2s")
            await ctx.step.run("charge", lambda it: it, input={"n": 1}, retries=0, timeout=timedelta(seconds=3), backoff=backoff)

        self.assertEqual(
            Run(function(work)).asked("charge"),
            {"kind": "run", "retries": 0, "timeout_ms": 3000, "backoff": {"kind": "linear", "base_ms": 2000}, "input": {"n": 1}},
        )

    def test_an_input_may_be_replaced_by_an_operator(self) -> None:
        def square(order: Order) -> int:
            return order.amount**2

        async def work(ctx: abide.Context) -> int:
            return await ctx.step.run("square", square, input=Order("a", 3))

        self.assertEqual(Run(function(work)).execute("square"), 9)
        self.assertEqual(Run(function(work)).execute("square", input={"id": "a", "amount": 5}), 25)
        with self.assertRaisesRegex(abide.StepError, "the input that an operator put in its place is not a `Order`"):
            Run(function(work)).execute("square", input=[])

    def test_a_failed_step_can_be_caught(self) -> None:
        class Declined(abide.NonRetriableError): ...

        def charge() -> None:
            raise Declined("no funds", data={"code": 51})

        async def work(ctx: abide.Context) -> list[Any]:
            try:
                await ctx.step.run("charge", charge)
            except abide.StepError as error:
                return [error.step, error.name, error.message, error.data]
            return []

        run = Run(function(work))
        with self.assertRaises(abide.StepError):
            run.execute("charge")
        self.assertEqual(run.output(), ["charge", "Declined", "no funds", {"code": 51}])

    def test_what_a_body_is_told_of_its_attempt(self) -> None:
        async def work(ctx: abide.Context) -> list[Any]:
            return await ctx.step.run("told", lambda: [abide.execution().attempt, abide.execution().step_key])

        run = Run(function(work))
        self.assertEqual(run.execute("told", attempt=2), [2, "01JTESTRUN000000000000000/told"])

    def test_a_body_may_sleep_and_have_branches_of_its_own(self) -> None:
        async def body() -> list[int]:
            async def branch(n: int) -> int:
                await asyncio.sleep(0.001)
                return n

            async with asyncio.timeout(5):
                return list(await asyncio.gather(branch(1), branch(2)))

        async def work(ctx: abide.Context) -> list[int]:
            return await ctx.step.run("body", body)

        self.assertEqual(Run(function(work)).execute("body"), [1, 2])

    def test_a_body_cannot_use_the_context(self) -> None:
        async def work(ctx: abide.Context) -> None:
            await ctx.step.run("outer", lambda: ctx.step.run("inner", lambda: 1))

        with self.assertRaises(abide.StepError) as failed:
            Run(function(work)).execute("outer")
        self.assertEqual(failed.exception.name, "NestedOperation")
        self.assertTrue(failed.exception.message.startswith("step `inner`: a step's body cannot use the context"))

    def test_values_that_the_contract_has_no_place_for_are_named(self) -> None:
        async def work(ctx: abide.Context) -> None:
            await ctx.step.run("a", lambda: 1, retries=-1)

        async def numbered(ctx: abide.Context) -> None:
            await ctx.step.fetch(5, "https://x.example", method=None)  # type: ignore[arg-type]

        async def signals(ctx: abide.Context) -> None:
            await ctx.step.send_signal("tell", "go", object())

        for handler, words in (
            (work, "step `a`: retries: must be 0 to 20, not -1"),
            (numbered, "the id of a step is text, not int"),
            (signals, "a value of type `object` has no form in JSON"),
        ):
            with self.assertRaisesRegex(RunFailed, words):
                Run(function(handler)).output()

    def test_an_annotation_that_cannot_be_resolved_is_named(self) -> None:
        def load() -> Missing:  # type: ignore[name-defined]  # noqa: F821
            raise AssertionError("it is not executed")

        async def work(ctx: abide.Context) -> None:
            await ctx.step.run("load", load)

        with self.assertRaisesRegex(RunFailed, "InvalidOptions: step `load`: the annotation `Missing` of `load` cannot be resolved"):
            Run(function(work)).output()

    def test_a_wrong_option_is_an_error_that_names_the_step(self) -> None:
        async def work(ctx: abide.Context) -> None:
            await ctx.step.wait_for_event("answer", event="a/b", timeout="soon", match="data.x", if_="true")

        with self.assertRaisesRegex(RunFailed, "InvalidOptions: step `answer`: `match` and `if_` exclude each other"):
            Run(function(work)).output()

    def test_a_result_that_json_cannot_express_is_final(self) -> None:
        async def work(ctx: abide.Context) -> object:
            return object()

        with self.assertRaises(RunFailed) as failed:
            Run(function(work)).output()
        self.assertEqual((failed.exception.name, failed.exception.retriable), ("InvalidResult", False))


class Operations(unittest.TestCase):
    def test_each_operation_asks_for_what_its_author_wrote(self) -> None:
        async def work(ctx: abide.Context) -> None:
            step = ctx.step
            await asyncio.gather(
                step.sleep("sleep", "1h"),
                step.sleep_until("until", "2026-01-01T00:00:00Z"),
                step.wait_for_event("event", event="a/b", timeout="1 day", match="data.id", lookback="1m"),
                step.wait_for_signal("signal", "go", timeout="1 day", on_conflict="replace"),
                step.send_event("send", [abide.NewEvent("a/b", Order("o"), id="k", ts=5, v="2"), abide.NewEvent("a/c")]),
                step.send_signal("tell", "go", {"n": 1}, ttl="0s"),
                step.invoke("call", "other/work", Order("o"), timeout="1m"),
                step.fetch("get", "https://x.example", method="POST", json={"a": 1}, headers={"x": "y"}, retries=0),
                step.ai.infer("ask", abide.Model.anthropic("m"), {"messages": []}, key_variable="KEY"),
                step.ai.wrap("wrap", lambda a, b: a + b, 1, 2),
            )

        run = Run(function(work))
        asked = {id: run.asked(id) for id in run.pending()}
        order = {"id": "o", "amount": 1}
        self.assertEqual(
            asked,
            {
                "sleep": {"kind": "sleep", "ms": 3_600_000},
                "until": {"kind": "sleep-until", "time_ms": 1_767_225_600_000},
                "event": {"kind": "wait-for-event", "event": "a/b", "timeout_ms": 86_400_000, "match": "data.id", "lookback_ms": 60_000},
                "signal": {"kind": "wait-for-signal", "signal": "go", "timeout_ms": 86_400_000, "on_conflict": "replace"},
                "send": {"kind": "send-events", "events": [{"name": "a/b", "id": "k", "data": order, "ts": 5, "v": "2"}, {"name": "a/c"}]},
                "tell": {"kind": "send-signal", "signal": "go", "data": {"n": 1}, "ttl_ms": 0},
                "call": {"kind": "invoke", "function": "other/work", "data": order, "timeout_ms": 60_000},
                "get": {
                    "kind": "fetch", "method": "POST", "url": "https://x.example", "body": '{"a":1}', "retries": 0,
                    "headers": (("x", "y"), ("content-type", "application/json")),
                },
                "ask": {"kind": "ai-infer", "format": "anthropic", "model": "m", "body": {"messages": []}, "key_variable": "KEY"},
                "wrap": {"kind": "run", "input": [1, 2]},
            },
        )  # fmt: skip
        self.assertEqual(run.execute("wrap", input=[3, 4]), 7)

    def test_waits_give_what_came_or_nothing(self) -> None:
        async def work(ctx: abide.Context) -> list[Any]:
            came = await ctx.step.wait_for_event("came", event="a/b", timeout="1h", data=Order)
            missed = await ctx.step.wait_for_event("missed", event="a/b", timeout="1h")
            said = await ctx.step.wait_for_signal("said", "go", timeout="1h", returns=Order)
            assert came is not None
            return [came.name, came.data.amount, missed, said]

        run = Run(function(work))
        run.complete("came", event("a/b", Order("o", 5)))
        run.time_out("missed")
        run.complete("said", Order("p"))
        self.assertEqual(run.output(), ["a/b", 5, None, {"id": "p", "amount": 1}])

    def test_a_fetched_response_reads_as_any_other(self) -> None:
        async def work(ctx: abide.Context) -> list[Any]:
            response = await ctx.step.fetch("get", "https://x.example")
            binary = await ctx.step.fetch("get", "https://x.example")
            return [response.status, response.header("X-Kind"), response.json(Order).amount, list(binary.body)]

        run = Run(function(work))
        run.complete("get", {"status": 200, "headers": {"x-kind": "a"}, "body": '{"id":"o","amount":3}'})
        run.complete("get:1", {"status": 200, "headers": {}, "body_base64": "/wA="})
        self.assertEqual(run.output(), [200, "a", 3, [255, 0]])


class Branches(unittest.TestCase):
    def test_branches_make_progress_on_their_own(self) -> None:
        async def branch(ctx: abide.Context[Any], name: str) -> str:
            await ctx.step.run(f"{name}1", lambda: None)
            return await ctx.step.run(f"{name}2", lambda: name)

        async def work(ctx: abide.Context) -> list[str]:
            return list(await asyncio.gather(branch(ctx, "a"), branch(ctx, "b")))

        run = Run(function(work))
        self.assertEqual(run.pending(), ["a1", "b1"])
        run.execute("b1")
        self.assertEqual(run.pending(), ["a1", "b2"])
        for id in ("b2", "a1", "a2"):
            run.execute(id)
        self.assertEqual(run.output(), ["a", "b"])

    def test_the_loser_of_a_race_is_given_up(self) -> None:
        async def work(ctx: abide.Context) -> str:
            return await abide.race(ctx.step.run("slow", lambda: "slow"), ctx.step.run("fast", lambda: "fast"))

        run = Run(function(work))
        run.execute("fast")
        self.assertEqual((run.cancelled(), run.output()), (["slow"], "fast"))

    def test_a_race_with_a_sleep_is_a_timeout(self) -> None:
        async def work(ctx: abide.Context) -> str:
            wait = asyncio.create_task(ctx.step.wait_for_signal("wait", "go", timeout="1 day"))
            pause = asyncio.create_task(ctx.step.sleep("pause", "1h"))
            done, _ = await asyncio.wait([wait, pause], return_when=asyncio.FIRST_COMPLETED)
            if pause in done:
                wait.cancel()
                await ctx.step.run("give-up", lambda: None)
                return "gave up"
            return "went on"

        run = Run(function(work))
        run.complete("pause")
        self.assertEqual((run.cancelled(), run.pending()), (["wait"], ["give-up"]))
        run.execute("give-up")
        self.assertEqual(run.output(), "gave up")

    def test_a_cancelled_task_withdraws_its_operation_before_anything_else_is_started(self) -> None:
        seen: list[list[str]] = []

        async def work(ctx: abide.Context) -> None:
            slow = asyncio.create_task(ctx.step.sleep("slow", "1h"))
            await ctx.step.run("fast", lambda: None)
            slow.cancel()
            seen.append(run.cancelled())
            await ctx.step.sleep("after", "2h")

        run = Run(function(work))
        run.execute("fast")
        self.assertEqual(seen, [["slow"]])
        self.assertEqual((run.cancelled(), run.pending()), (["slow"], ["after"]))

    def test_a_task_group_gives_up_the_others_when_one_fails(self) -> None:
        def bad() -> None:
            raise ValueError("bad")

        async def work(ctx: abide.Context) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.step.run("bad", bad))
                group.create_task(ctx.step.sleep("rest", "1h"))
                group.create_task(ctx.step.sleep("more", "1h"))

        run = Run(function(work))
        with self.assertRaises(abide.StepError):
            run.execute("bad")
        self.assertEqual(run.cancelled(), ["rest", "more"])
        with self.assertRaisesRegex(RunFailed, "ValueError: step `bad`: bad"):
            run.output()

    def test_what_is_left_behind_is_given_up_at_the_end(self) -> None:
        async def work(ctx: abide.Context) -> str:
            asyncio.create_task(ctx.step.sleep("forgotten", "1h"))
            await asyncio.sleep(0)
            return "done"

        run = Run(function(work))
        self.assertEqual((run.output(), run.cancelled()), ("done", ["forgotten"]))

    def test_results_can_be_taken_as_they_come(self) -> None:
        async def work(ctx: abide.Context) -> list[str]:
            steps = [ctx.step.run(id, lambda: "never executed here") for id in ("a", "b", "c")]
            return [await next_one for next_one in asyncio.as_completed(steps)]

        run = Run(function(work))
        for id in sorted(run.pending(), reverse=True):
            run.complete(id, id)
        self.assertEqual(run.output(), ["c", "b", "a"])

    def test_locks_queues_and_events_of_asyncio_work(self) -> None:
        async def work(ctx: abide.Context) -> list[str]:
            queue: asyncio.Queue[str] = asyncio.Queue()
            places = asyncio.Semaphore(1)

            async def worker(name: str) -> None:
                async with places:
                    await queue.put(await ctx.step.run(name, lambda: name))

            await asyncio.gather(worker("a"), worker("b"))
            return [queue.get_nowait(), queue.get_nowait()]

        run = Run(function(work))
        self.assertEqual(run.pending(), ["a"])
        run.execute("a")
        run.execute("b")
        self.assertEqual(run.output(), ["a", "b"])


class Limits(unittest.TestCase):
    def refused(self, body: Callable[[abide.Context[Any]], Coroutine[Any, Any, Any]]) -> RunFailed:
        with self.assertRaises(RunFailed) as failed:
            Run(function(body)).output()
        self.assertFalse(failed.exception.retriable)
        return failed.exception

    def test_timers_of_asyncio_in_workflow_code_name_the_remedy(self) -> None:
        async def sleeps(ctx: abide.Context) -> None:
            await asyncio.sleep(1)

        async def times_out(ctx: abide.Context) -> None:
            async with asyncio.timeout(1):
                await ctx.step.sleep("pause", "1h")

        async def waits(ctx: abide.Context) -> None:
            await asyncio.wait([asyncio.create_task(ctx.step.sleep("pause", "1h"))], timeout=1)

        self.assertIn('`asyncio.sleep` in workflow code: no time passes there. Use `await ctx.step.sleep("id"', self.refused(sleeps).message)
        self.assertIn("`asyncio.timeout` in workflow code", self.refused(times_out).message)
        self.assertIn("`asyncio.wait` with a timeout", self.refused(waits).message)

    def test_threads_and_requests_in_workflow_code_name_the_remedy(self) -> None:
        async def threads(ctx: abide.Context) -> None:
            await asyncio.to_thread(print)

        async def asks(ctx: abide.Context) -> None:
            await http.get("https://x.example")

        self.assertIn("move it into a step", self.refused(threads).message)
        self.assertIn("use `ctx.step.fetch`", self.refused(asks).message)
        with self.assertRaisesRegex(abide.Error, "known in a step's body only"):
            abide.execution()

    def test_exit_is_a_final_error(self) -> None:
        async def leaves(ctx: abide.Context) -> None:
            raise SystemExit(3)

        self.assertIn("the code called exit(3)", self.refused(leaves).message)


class Starts(unittest.TestCase):
    def test_data_are_read_as_the_type_of_the_context(self) -> None:
        async def work(ctx: abide.Context[Order]) -> int:
            return ctx.event.data.amount + sum(one.data.amount for one in ctx.events)

        self.assertEqual(Run(function(work), event("a/b", Order("o", 1)), event("a/b", Order("p", 2))).output(), 4)
        with self.assertRaises(RunFailed) as failed:
            Run(function(work), event("a/b", {"amount": "many"})).output()
        self.assertEqual((failed.exception.name, failed.exception.retriable), ("InvalidEvent", False))
        self.assertIn("the data of event `a/b` (01JTESTEVENT00000000000000) is not what the function expects (`Order`)", str(failed.exception))

    def test_a_debounced_run_has_the_newest_event(self) -> None:
        async def work(ctx: abide.Context) -> Any:
            return ctx.event.data

        debounced = function(work, debounce=abide.Debounce("5s"))
        self.assertEqual(Run(debounced, event("a/b", {"n": 1}), event("a/b", {"n": 2})).output(), {"n": 2})

    def test_a_handler_of_failures_is_told_what_failed(self) -> None:
        async def work(ctx: abide.Context[Order]) -> None: ...

        async def tell(ctx: abide.Context[Order]) -> list[Any]:
            failure = ctx.failure
            return [failure.function_id, failure.error.name, failure.error.message, failure.event.data.amount]

        run = after_failure(function(work, on_failure=tell), ValueError("no"), event("a/b", Order("o", 4)))
        self.assertEqual(run.output(), ["test/work", "ValueError", "no", 4])

    def test_log_lines_have_the_functions_name(self) -> None:
        async def work(ctx: abide.Context) -> None:
            ctx.logger.info("begins")

        with self.assertLogs("test.work", logging.INFO) as lines:
            Run(function(work))
        self.assertEqual(lines.output, ["INFO:test.work:begins"])
