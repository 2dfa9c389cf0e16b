"""The operations of a workflow: `ctx.step.run`, `sleep`, `wait_for_event`…

Each is a coroutine: it starts when it is awaited, or when a task is made of it (`asyncio.gather`, `TaskGroup`, `create_task`), and is given up when that
task is cancelled.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, TypeVarTuple, Unpack, overload

from . import _json, event as events
from ._operate import NOT_GIVEN, NotGiven, Operations, annotated, json_object, longer_than_nothing, make_body, run_record
from ._operations import (
    AiInfer, Empty, Fetch, Invoke, SendEvents, SendSignal, Sleep, SleepUntil, WaitForEvent, WaitForSignal,
)  # fmt: skip
from ._records import Lengths, backoff_record
from ._runtime import Runtime
from ._time import Duration, Time, time_ms
from .config import Backoff
from .errors import StepError
from .event import Event, NewEvent
from .response import Response, from_recorded

if typing.TYPE_CHECKING:
    from .app import Function

__all__ = ["Ai", "Model", "Step"]

T = TypeVar("T")
I = TypeVar("I")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True)
class Model:
    """Which model to ask, and in which provider's form of request."""

    format: Literal["openai-chat", "anthropic", "gemini"]
    name: str

    @staticmethod
    def openai(name: str) -> Model:
        """A model behind `POST {url}/chat/completions`: OpenAI's form, which many servers understand."""
        return Model("openai-chat", name)

    @staticmethod
    def anthropic(name: str) -> Model:
        """A model behind `POST {url}/messages`: Anthropic's form."""
        return Model("anthropic", name)

    @staticmethod
    def gemini(name: str) -> Model:
        """A model behind `POST {url}/models/{model}:generateContent`: Gemini's form."""
        return Model("gemini", name)


class Ai(Operations):
    """Requests to models: `ctx.step.ai`."""

    @overload
    async def infer(
        self, id: str, model: Model, body: Mapping[str, Any], *, url: str | None = None, key_variable: str | None = None,
        timeout: Duration | None = None, retries: int | None = None,
    ) -> Any: ...  # fmt: skip
    @overload
    async def infer(
        self, id: str, model: Model, body: Mapping[str, Any], *, url: str | None = None, key_variable: str | None = None,
        timeout: Duration | None = None, retries: int | None = None, returns: type[T],
    ) -> T: ...  # fmt: skip
    async def infer(
        self,
        id: str,
        model: Model,
        body: Mapping[str, Any],
        *,
        url: str | None = None,
        key_variable: str | None = None,
        timeout: Duration | None = None,
        retries: int | None = None,
        returns: Any = None,
    ) -> Any:
        """Asks a model; the host performs the request durably, while the function need not be in memory. Gives the provider's answer.

        `body` is the request in the provider's own shape, without the model. `url` is the provider's base URL (default: its public one), `key_variable` the
        name of the configured variable that holds its key: the key itself never enters a journal. One attempt takes at most `timeout` (10 minutes).
        """
        prepare = lambda lengths: AiInfer(
            model.format, model.name, json_object("body", body), url, key_variable, lengths.ms("timeout", timeout), retries
        )
        return self._value(id, await self._perform(id, prepare), returns)

    @overload
    async def wrap(
        self, id: str, fn: Callable[[Unpack[Ts]], Coroutine[Any, Any, T]], *args: Unpack[Ts], retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    @overload
    async def wrap(
        self, id: str, fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts], retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    async def wrap(  # type: ignore[misc]  # mypy does not see that `*args: Any` takes a TypeVarTuple
        self,
        id: str,
        fn: Callable[..., Any],
        *args: Any,
        retries: int | None = None,
        timeout: Duration | None = None,
        backoff: Backoff | None = None,
    ) -> Any:
        """Runs a call of a model's own client as a step whose arguments are kept, so that an operator sees them beside the result and may replace
        them when the run is replayed from here. Options are those of `step.run`."""
        hints, returns = annotated(id, fn, len(args))

        def call(given: Any) -> Any:
            return fn(*given)

        body = make_body(call, (list(args),), given=True, annotation=None if hints is None else types.GenericAlias(tuple, hints))
        prepare = lambda lengths: run_record(lengths, input=list(args), retries=retries, timeout=timeout, backoff=backoff)
        return self._value(id, await self._perform(id, prepare, body), returns)


class Step(Operations):
    """The operations of one run: `ctx.step`."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.ai = Ai(runtime)
        """Requests to models."""

    @overload
    async def run(
        self, id: str, fn: Callable[[Unpack[Ts]], Coroutine[Any, Any, T]], *args: Unpack[Ts], retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    @overload
    async def run(
        self, id: str, fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts], retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    @overload
    async def run(
        self, id: str, fn: Callable[[I, Unpack[Ts]], Coroutine[Any, Any, T]], *args: Unpack[Ts], input: I, retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    @overload
    async def run(
        self, id: str, fn: Callable[[I, Unpack[Ts]], T], *args: Unpack[Ts], input: I, retries: int | None = None,
        timeout: Duration | None = None, backoff: Backoff | None = None,
    ) -> T: ...  # fmt: skip
    async def run(  # type: ignore[misc]  # mypy does not see that `*args: Any` takes a TypeVarTuple
        self,
        id: str,
        fn: Callable[..., Any],
        *args: Any,
        input: Any = NOT_GIVEN,
        retries: int | None = None,
        timeout: Duration | None = None,
        backoff: Backoff | None = None,
    ) -> Any:
        """Runs `fn(*args)`, a step's body, outside the workflow: at least once, and its recorded result is exactly one.

        The body may be an ordinary or an async function. It uses the network, the clock and the environment freely; it returns something that JSON can
        express, which comes back as the type that its return annotation names. What it changes in memory stays with it.

        With `input` the body gets it as its first argument; an operator sees it beside the result, and may replace it when the run is replayed from
        this step. `retries` (0 to 20), `timeout` (of one attempt) and `backoff` are the function's unless given.
        """
        given = not isinstance(input, NotGiven)
        hints, returns = annotated(id, fn, 1 if given else 0)
        annotation = hints[0] if hints else None
        body = make_body(fn, (input, *args) if given else args, given=given, annotation=annotation)
        prepare = lambda lengths: run_record(lengths, input=input, retries=retries, timeout=timeout, backoff=backoff)
        return self._value(id, await self._perform(id, prepare, body), returns)

    async def sleep(self, id: str, duration: Duration) -> None:
        """Waits this long, up to 366 days. It costs nothing meanwhile."""
        await self._perform(id, lambda lengths: Sleep(lengths.must("duration", duration)))

    async def sleep_until(self, id: str, time: Time) -> None:
        """Waits until this time, at most 366 days ahead; a time in the past is over at once."""
        await self._perform(id, lambda lengths: SleepUntil(time_ms(time)))

    @overload
    async def wait_for_event(
        self, id: str, *, event: str, timeout: Duration, if_: str | None = None, match: str | None = None,
        lookback: Duration | None = None,
    ) -> Event[dict[str, Any]] | None: ...  # fmt: skip
    @overload
    async def wait_for_event(
        self, id: str, *, event: str, timeout: Duration, if_: str | None = None, match: str | None = None,
        lookback: Duration | None = None, data: type[T],
    ) -> Event[T] | None: ...  # fmt: skip
    async def wait_for_event(
        self,
        id: str,
        *,
        event: str,
        timeout: Duration,
        if_: str | None = None,
        match: str | None = None,
        lookback: Duration | None = None,
        data: Any = None,
    ) -> Any:
        """Waits for an event, up to `timeout` (at most 366 days); `None` if none came.

        `match` is a dotted path whose value must be equal in the event that started the run and the one that arrived (`"data.order_id"`), `if_` a CEL
        expression over `event` and `async`. `lookback` also accepts events received up to that long before the wait. `data` is the type of the event's
        data: the wait then gives an `Event` of it.
        """

        def prepare(lengths: Lengths) -> WaitForEvent:
            if if_ is not None and match is not None:
                raise ValueError("`match` and `if_` exclude each other: write the first as a part of the second")
            if not event:
                raise ValueError('the wait does not say for which event: give `event="…"`')
            return WaitForEvent(event, longer_than_nothing(lengths, timeout), if_, match, lengths.ms("lookback", lookback))

        outcome = await self._perform(id, prepare)
        if isinstance(outcome, Empty):
            return None
        arrived = events.from_json(self._value(id, outcome, None))
        if data is None:
            return arrived
        try:
            return Event(arrived.id, arrived.name, _json.decode(arrived.data, data), arrived.ts, arrived.user, arrived.v)
        except _json.Misfit as problem:
            raise StepError(id, "InvalidResult", f"its result is not a `{_json.name_of(data)}`: data: {problem}") from None

    @overload
    async def wait_for_signal(self, id: str, signal: str, *, timeout: Duration, on_conflict: Literal["fail", "replace"] | None = None) -> Any: ...
    @overload
    async def wait_for_signal(
        self, id: str, signal: str, *, timeout: Duration, on_conflict: Literal["fail", "replace"] | None = None, returns: type[T]
    ) -> T | None: ...
    async def wait_for_signal(
        self,
        id: str,
        signal: str,
        *,
        timeout: Duration,
        on_conflict: Literal["fail", "replace"] | None = None,
        returns: Any = None,
    ) -> Any:
        """Waits for a signal, up to `timeout`; gives its data, or `None` if none came.

        The name is unique in its environment. Where another run waits for it already, this wait fails (`SignalConflict`), unless `on_conflict="replace"`: then
        the earlier one does.
        """
        prepare = lambda lengths: WaitForSignal(signal, longer_than_nothing(lengths, timeout), on_conflict)
        outcome = await self._perform(id, prepare)
        return None if isinstance(outcome, Empty) else self._value(id, outcome, returns)

    async def send_event(self, id: str, event: str | NewEvent | Sequence[NewEvent], data: Any = None) -> list[str]:
        """Sends an event, or up to 5,000 of them, all or none, exactly once; gives their ids.

        >>> # await ctx.step.send_event("announce", "order/paid", {"order_id": "o-7"})
        >>> # await ctx.step.send_event("announce", [NewEvent("order/paid", order, id="paid-o-7"), NewEvent("mail/due")])
        """
        if isinstance(event, str):
            event = NewEvent(event, data)
        many = [event] if isinstance(event, NewEvent) else list(event)
        outcome = await self._perform(id, lambda lengths: SendEvents(tuple(one._record() for one in many)))
        return typing.cast("list[str]", self._value(id, outcome, None))

    async def send_signal(self, id: str, signal: str, data: Any = None, *, ttl: Duration | None = None) -> None:
        """Sends a signal to the run that waits for it, exactly once. If none does, it is kept for `ttl` (1 hour; 0 drops it at once)."""
        prepare = lambda lengths: SendSignal(signal, None if data is None else _json.encode(data), lengths.ms("ttl", ttl))
        await self._perform(id, prepare)

    @overload
    async def invoke(self, id: str, function: str | Function[Any], data: Any = None, *, timeout: Duration | None = None) -> Any: ...
    @overload
    async def invoke(
        self, id: str, function: str | Function[Any], data: Any = None, *, timeout: Duration | None = None, returns: type[T]
    ) -> T: ...
    async def invoke(
        self,
        id: str,
        function: str | Function[Any],
        data: Any = None,
        *,
        timeout: Duration | None = None,
        returns: Any = None,
    ) -> Any:
        """Starts another function and gives its result. Its failure is a `StepError` that trying again does not cure.

        `function` is one of this app, or the id of one: `"function-id"` here, `"app-id/function-id"` elsewhere. `data` is an object in JSON. It waits up to
        `timeout` (1 year).
        """
        target = function if isinstance(function, str) else function.id
        prepare = lambda lengths: Invoke(target, None if data is None else json_object("data", data), lengths.ms("timeout", timeout))
        return self._value(id, await self._perform(id, prepare), returns)

    async def fetch(
        self,
        id: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | str | None = None,
        json: Any = NOT_GIVEN,
        timeout: Duration | None = None,
        retries: int | None = None,
        backoff: Backoff | None = None,
    ) -> Response:
        """Lets the host perform an HTTP request durably, while the function need not be in memory.

        No connection, and a status of 500 and above or 429, are tried again. `json` is a body that is written as JSON, with the header that says so.
        """

        def prepare(lengths: Lengths) -> Fetch:
            sent = list(headers.items() if isinstance(headers, Mapping) else headers)
            content = body.encode() if isinstance(body, str) else body
            if not isinstance(json, NotGiven):
                if body is not None:
                    raise ValueError("`body` and `json` exclude each other")
                content = _json.encode(json).encode()
                sent.append(("content-type", "application/json"))
            schedule = backoff_record(backoff, lengths) if backoff is not None else None
            return Fetch(method, url, tuple(sent), content, lengths.ms("timeout", timeout), retries, schedule)

        return from_recorded(id, self._value(id, await self._perform(id, prepare), None))
