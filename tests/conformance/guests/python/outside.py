"""Sending, calling other functions, and requests."""

from typing import Any

import abide
from abide import http
from base import EVERY_SECOND, Number, Service, app, caught, error_of, scenario
from waiting import at


@scenario("send-signal")
async def send_signal(ctx: abide.Context) -> Any:
    await ctx.step.send_signal("tell", "conformance-self", {"n": 7})
    return await ctx.step.wait_for_signal("hear", "conformance-self", timeout="1h")


@scenario("send-event")
async def send_event(ctx: abide.Context) -> int:
    event = abide.NewEvent(
        "conformance/sent", {"n": 1}, id="sent-once", user={"id": "u1"}, ts=at(1_767_225_600_123), v="1"
    )
    return len(await ctx.step.send_event("one", event))


@scenario("send-events")
async def send_events(ctx: abide.Context) -> int:
    events = [
        abide.NewEvent("conformance/sent", {"n": 0}),
        abide.NewEvent("conformance/sent", {"n": 1}),
        abide.NewEvent("conformance/sent"),
    ]
    return len(await ctx.step.send_event("many", events))


@app.function(id="callee", retries=0)
async def callee(ctx: abide.Context[Number]) -> dict[str, int]:
    n = ctx.event.data.n
    return {"twice": await ctx.step.run("double", lambda: n * 2)}


@scenario("invoke")
async def invoke(ctx: abide.Context[Number]) -> dict[str, int]:
    once = await ctx.step.invoke("call", callee, {"n": ctx.event.data.n})
    again = await ctx.step.invoke("again", "conformance/callee", {"n": once["twice"]})
    return {"answer": again["twice"]}


class CalleeBroke(abide.NonRetriableError):
    """What the callee fails with."""


@app.function(id="callee-fails", retries=0)
async def callee_fails(ctx: abide.Context) -> None:
    raise CalleeBroke("no luck", data={"code": 7})


@scenario("invoke-failed")
async def invoke_failed(ctx: abide.Context) -> dict[str, Any]:
    error = await error_of(ctx.step.invoke("call", callee_fails))
    return {"name": error.name, "data": error.data}


@app.function(id="callee-sleeps", retries=0)
async def callee_sleeps(ctx: abide.Context) -> None:
    await ctx.step.sleep("hour", "1h")


@scenario("invoke-timeout")
async def invoke_timeout(ctx: abide.Context) -> dict[str, Any]:
    return caught(await error_of(ctx.step.invoke("call", callee_sleeps, timeout="1m")))


@scenario("fetch")
async def fetch(ctx: abide.Context[Service]) -> dict[str, Any]:
    url = ctx.event.data.url
    got = await ctx.step.fetch("get", f"{url}/ok?x=1")
    headers = {"content-type": "application/json", "x-key": "k"}
    posted = await ctx.step.fetch("post", f"{url}/echo", method="POST", headers=headers, body='{"n":1}', timeout="10s")
    return {"status": got.status, "header": got.header("x-service"), "body": got.json(), "posted": posted.json()}


@scenario("fetch-retry", retries=3, backoff=EVERY_SECOND)
async def fetch_retry(ctx: abide.Context[Service]) -> Any:
    return (await ctx.step.fetch("flaky", ctx.event.data.url + "/flaky")).json()


@scenario("fetch-missing")
async def fetch_missing(ctx: abide.Context[Service]) -> dict[str, Any]:
    got = await ctx.step.fetch("missing", ctx.event.data.url + "/missing")
    return {"status": got.status, "body": got.text}


@scenario("fetch-failed", backoff=EVERY_SECOND)
async def fetch_failed(ctx: abide.Context[Service]) -> dict[str, str]:
    error = await error_of(ctx.step.fetch("broken", ctx.event.data.url + "/broken", retries=1))
    return {"name": error.name}


@scenario("ai-infer")
async def ai_infer(ctx: abide.Context[Service]) -> Any:
    said = await ctx.step.ai.infer(
        "ask",
        abide.Model.openai("test-model"),
        {"messages": [{"role": "user", "content": "hi"}]},
        url=ctx.event.data.url + "/v1",
        key_variable="AI_KEY",
    )
    return said["choices"][0]["message"]["content"]


@scenario("body-http")
async def body_http(ctx: abide.Context[Service]) -> dict[str, Any]:
    url = ctx.event.data.url + "/ok"

    async def get() -> dict[str, Any]:
        answer = await http.get(url)
        return {"status": answer.status, "body": answer.text}

    return await ctx.step.run("get", get)
