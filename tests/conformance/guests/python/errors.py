"""Errors, retries, timeouts, catching."""

import time
from typing import Any

import abide
from base import EVERY_SECOND, caught, error_of, scenario
from waiting import at


@scenario("plain-error")
async def plain_error(ctx: abide.Context) -> dict[str, str]:
    def plain() -> None:
        raise Exception("plain")

    error = await error_of(ctx.step.run("plain", plain))
    return {"name": error.name, "message": error.message}


class NotYet(Exception):
    """An exception of the author's own."""


@scenario("retry", retries=2, backoff=EVERY_SECOND)
async def retry(ctx: abide.Context) -> int:
    def flaky() -> int:
        attempt = abide.execution().attempt
        if attempt < 2:
            raise NotYet(f"not yet (attempt {attempt})")
        return attempt

    return await ctx.step.run("flaky", flaky)


class OutOfStock(abide.Error):
    """An error with data."""


def out_of_stock() -> None:
    raise OutOfStock("none left", data={"sku": "x"})


@scenario("exhausted", retries=2, backoff=EVERY_SECOND)
async def exhausted(ctx: abide.Context) -> dict[str, Any]:
    return caught(await error_of(ctx.step.run("never", out_of_stock)))


@scenario("uncaught", retries=2, backoff=EVERY_SECOND)
async def uncaught(ctx: abide.Context) -> None:
    await ctx.step.run("never", out_of_stock)


@scenario("uncaught-plain")
async def uncaught_plain(ctx: abide.Context) -> None:
    def plain() -> None:
        raise Exception("plain")

    await ctx.step.run("plain", plain)


class BadInput(abide.NonRetriableError):
    """An error that trying again cannot cure."""


@scenario("non-retriable", retries=2, backoff=EVERY_SECOND)
async def non_retriable(ctx: abide.Context) -> dict[str, Any]:
    def bad() -> None:
        raise BadInput("bad input")

    return caught(await error_of(ctx.step.run("bad", bad)))


class Busy(abide.RetryAfterError):
    """An error that says when to try again."""


@scenario("retry-after", retries=2, backoff=EVERY_SECOND)
async def retry_after(ctx: abide.Context) -> int:
    until = at(ctx.event.data["at"])

    def later() -> int:
        attempt = abide.execution().attempt
        if attempt == 0:
            raise Busy("busy", "60s")
        if attempt == 1:
            raise Busy("still busy", until)
        return attempt

    return await ctx.step.run("later", later)


class Nope(Exception):
    """Never succeeds."""


def nope() -> None:
    raise Nope("no")


@scenario("step-options")
async def step_options(ctx: abide.Context) -> list[str]:
    linear = abide.Backoff("linear", base="2s")
    often = await error_of(ctx.step.run("often", nope, retries=2, backoff=linear))
    exponential = abide.Backoff("exponential", base="1s", factor=3, max="5s")
    growing = await error_of(ctx.step.run("growing", nope, retries=3, backoff=exponential))
    return [often.name, growing.name]


@scenario("step-timeout", backoff=EVERY_SECOND)
async def step_timeout(ctx: abide.Context) -> str:
    def slow() -> str:
        if abide.execution().attempt == 0:
            time.sleep(60)
        return "fast"

    return await ctx.step.run("slow", slow, retries=1, timeout="2s")


class Outside(Exception):
    """Fails between steps."""


@scenario("outside-steps", retries=2, backoff=EVERY_SECOND)
async def outside_steps(ctx: abide.Context) -> dict[str, int]:
    kept = await ctx.step.run("kept", lambda: 1)
    if ctx.attempt < 2:
        raise Outside(f"attempt {ctx.attempt}")
    last = await ctx.step.run("last", lambda: kept + 1)
    return {"attempt": ctx.attempt, "last": last}


@scenario("outside-exhausted", retries=1, backoff=EVERY_SECOND)
async def outside_exhausted(ctx: abide.Context) -> None:
    raise Outside("always")


class Fatal(abide.NonRetriableError):
    """Ends the run at once."""


@scenario("outside-final", retries=2, backoff=EVERY_SECOND)
async def outside_final(ctx: abide.Context) -> None:
    raise Fatal("stop", data={"n": 1})


class HotelFull(abide.NonRetriableError):
    """What is compensated for."""


@scenario("catch")
async def catch(ctx: abide.Context) -> dict[str, str] | None:
    def book_hotel() -> None:
        raise HotelFull("no room")

    flight = await ctx.step.run("book-flight", lambda: "F1")
    try:
        await ctx.step.run("book-hotel", book_hotel)
    except abide.StepError as error:
        undone = await ctx.step.run("cancel-flight", lambda: f"cancelled {flight}")
        return {"undone": undone, "because": error.name}
    return None


class Broken(abide.NonRetriableError):
    """What the handler of failures is told of."""


async def tell(ctx: abide.Context) -> dict[str, Any]:
    failure = ctx.failure
    told = {
        "function": failure.function_id,
        "name": failure.error.name,
        "message": failure.error.message,
        "data": failure.event.data,
    }
    return await ctx.step.run("tell", lambda: told)


@scenario("on-failure", on_failure=abide.OnFailure(tell, retries=0))
async def on_failure(ctx: abide.Context) -> None:
    raise Broken("it broke")
