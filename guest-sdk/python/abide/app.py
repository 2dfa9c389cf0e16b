"""An app and its functions: what the build looks for, and what the host runs."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from . import _annotations, _json
from ._check import faults_of
from ._failure import Failure, from_exception
from ._operations import Host
from ._records import FailureTrigger, FunctionRecord, Lengths, backoff_record, listed, triggers_of
from ._runtime import Runtime
from ._time import Duration
from .config import Backoff, BatchEvents, CancelOn, Concurrency, Debounce, RateLimit, Singleton, Throttle, Timeouts, Trigger
from .context import Context, RunInfo
from .errors import ConfigurationError, NonRetriableError
from .event import EventSchema

__all__ = ["App", "Function", "OnFailure"]

O = TypeVar("O")
Handler = Callable[[Context[Any]], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class OnFailure:
    """A handler of failures with options of its own. Its failure starts nothing."""

    handler: Handler
    retries: int | None = None
    backoff: Backoff | None = None
    concurrency: int | Concurrency | Sequence[Concurrency] | None = None
    timeouts: Timeouts | None = None
    retention: Duration | None = None


@dataclass(frozen=True)
class Function(Generic[O]):
    """A function of an app, made by `@app.function(…)`."""

    record: FunctionRecord = field(repr=False)
    handler: Callable[[Context[Any]], Coroutine[Any, Any, O]] = field(repr=False)
    id: str
    data: Any = field(default=None, repr=False)
    """The type of the event's data, which the handler's annotation names."""
    failure_handler: Function[Any] | None = field(default=None, repr=False)

    @property
    def _of_failure(self) -> bool:
        return any(isinstance(trigger, FailureTrigger) for trigger in self.record.triggers)

    async def begin(self, runtime: Runtime, run: RunInfo) -> str:
        """One attempt at the workflow; gives its output as JSON text."""
        context: Context[Any] = Context(runtime, run, self.data, of_failure=self._of_failure)
        output = await self.handler(context)
        try:
            return _json.encode(output)
        except ValueError as problem:
            raise NonRetriableError(f"the function's output: {problem}", name="InvalidResult") from None


class App:
    """An app: the functions that are deployed together.

    >>> app = App("shop")
    >>> @app.function(id="fulfil", trigger="order/created", retries=6)
    ... async def fulfil(ctx: Context) -> str:
    ...     return await ctx.step.run("pack", lambda: "packed")
    """

    def __init__(self, id: str, *, schemas: Sequence[EventSchema] = ()) -> None:
        self.id = id
        self.functions: dict[str, Function[Any]] = {}
        """By id; handlers of failures are among them."""
        self.schemas = list(schemas)
        _check_schemas(self.schemas)

    def function(
        self,
        *,
        id: str,
        name: str | None = None,
        trigger: Trigger | None = None,
        triggers: Sequence[Trigger] = (),
        retries: int | None = None,
        backoff: Backoff | None = None,
        concurrency: int | Concurrency | Sequence[Concurrency] | None = None,
        throttle: Throttle | None = None,
        rate_limit: RateLimit | None = None,
        debounce: Debounce | None = None,
        batch_events: BatchEvents | None = None,
        priority: str | None = None,
        idempotency: str | None = None,
        singleton: Singleton | None = None,
        cancel_on: CancelOn | Sequence[CancelOn] = (),
        timeouts: Timeouts | None = None,
        retention: Duration | None = None,
        on_failure: Handler | OnFailure | None = None,
    ) -> Callable[[Callable[[Context[Any]], Coroutine[Any, Any, O]]], Function[O]]:
        """Declares a function of the app.

        `id` is kebab-case and unique in the app. `trigger` and `triggers` say what starts it: the name of an event, an `EventTrigger` or a `CronTrigger`; without any it
        runs by `ctx.step.invoke` only. `on_failure` handles the final failure of a run, in a run of its own, as the function `{id}-failure`. A mistake
        raises a `ConfigurationError` that names all faults.
        """
        lengths = Lengths()
        record = FunctionRecord(
            id=id,
            name=name,
            triggers=triggers_of(trigger, triggers),
            retries=retries,
            backoff=backoff_record(backoff, lengths) if backoff is not None else None,
            concurrency=[Concurrency(one) if isinstance(one, int) else one for one in listed(concurrency)],
            throttle=throttle,
            rate_limit=rate_limit,
            debounce=debounce,
            batch_events=batch_events,
            priority=priority,
            idempotency=idempotency,
            singleton=singleton,
            cancel_on=listed(cancel_on),
            timeouts=timeouts,
            retention=retention,
        )
        handler_of_failures = _failure_function(id, on_failure, lengths)
        faults = lengths.faults + faults_of(record)
        faults += ["id: two functions of the app have it"] if id in self.functions else []
        if handler_of_failures is not None:
            faults += [f"on_failure.{fault}" for fault in faults_of(handler_of_failures.record)]
        if faults:
            raise ConfigurationError(id, faults)

        def declare(handler: Callable[[Context[Any]], Coroutine[Any, Any, O]]) -> Function[O]:
            _check_handler(id, handler)
            function = Function(record, handler, id, _data_type(id, handler), handler_of_failures)
            self._add(function)
            if handler_of_failures is not None:
                self._add(handler_of_failures)
            return function

        return declare

    def _add(self, function: Function[Any]) -> None:
        if function.id in self.functions:
            raise ConfigurationError(function.id, ["id: two functions of the app have it"])
        self.functions[function.id] = function


def run(app: App, host: Host, info: RunInfo) -> str | Failure:
    """Runs one function from its beginning."""
    function = app.functions.get(info.function_id)
    if function is None:
        return Failure("NoFunction", f"the app has no function `{info.function_id}`")
    try:
        runtime = Runtime(host)
        return runtime.drive(function.begin(runtime, info))
    except Exception as error:
        return from_exception(error)


def _failure_function(id: str, given: Handler | OnFailure | None, lengths: Lengths) -> Function[Any] | None:
    if given is None:
        return None
    options = given if isinstance(given, OnFailure) else OnFailure(given)
    _check_handler(f"{id}-failure", options.handler)
    record = FunctionRecord(
        id=f"{id}-failure",
        triggers=[FailureTrigger(id)],
        retries=options.retries,
        backoff=backoff_record(options.backoff, lengths, "on_failure.backoff") if options.backoff is not None else None,
        concurrency=[Concurrency(one) if isinstance(one, int) else one for one in listed(options.concurrency)],
        timeouts=options.timeouts,
        retention=options.retention,
    )
    return Function(record, options.handler, record.id, _data_type(record.id, options.handler))


def _check_handler(id: str, handler: Any) -> None:
    if not inspect.iscoroutinefunction(handler):
        raise ConfigurationError(id, ["a handler is `async def handler(ctx)`"])
    try:
        inspect.signature(handler).bind(None)
    except TypeError:
        raise ConfigurationError(id, ["a handler takes one argument, the context: `async def handler(ctx)`"]) from None


def _data_type(id: str, handler: Callable[..., Any]) -> Any:
    """`Order` of a handler that takes a `Context[Order]`."""
    try:
        annotation = _annotations.of_parameter(handler, 0)
    except _annotations.Unresolved as problem:
        raise ConfigurationError(id, [str(problem)]) from None
    if typing.get_origin(annotation) is not Context:
        return None
    (data,) = typing.get_args(annotation)
    return data if _json.is_structured(data) and typing.get_origin(data) is not dict else None


def _check_schemas(schemas: list[EventSchema]) -> None:
    seen = set()
    for schema in schemas:
        where = f"the schema of event `{schema.event}`" + (f", version `{schema.v}`" if schema.v is not None else "")
        if not schema.event or "*" in schema.event:
            raise ValueError(f"{where}: it is for one event: the exact name is needed")
        if not isinstance(schema.schema, (dict, bool)):
            raise ValueError(f"{where}: it must be a JSON Schema: a dict, `True` or `False`")
        if (schema.event, schema.v) in seen:
            raise ValueError(f"{where}: there are two of it")
        seen.add((schema.event, schema.v))
