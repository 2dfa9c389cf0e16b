"""Events: the ones that arrive, and the ones that a workflow sends."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Generic

from . import _json
from ._operations import NewEvent as NewEventRecord
from ._time import Time, time_ms
from .errors import NonRetriableError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    D = TypeVar("D", default=dict[str, Any])
    T = TypeVar("T")
else:
    D = typing.TypeVar("D")
    T = typing.TypeVar("T")

__all__ = ["Event", "EventSchema", "FunctionFailure", "NewEvent", "RunError"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Event(Generic[D]):
    """An event that arrived. `D` is the type of its data, a `dict` unless the function says otherwise."""

    id: str
    """The platform's id (a ULID), unless the sender gave one."""
    name: str
    """What happened, by convention `domain/entity.action`."""
    data: D
    """The payload."""
    ts: int
    """When it happened, in milliseconds since the Unix epoch."""
    user: dict[str, Any] | None = None
    """Who it concerns, if the sender said so."""
    v: str | None = None
    """The version of the payload's shape, if the sender gave one."""

    @property
    def time(self) -> datetime:
        """When it happened, in UTC."""
        return _EPOCH + timedelta(milliseconds=self.ts)

    def data_as(self, cls: type[T]) -> T:
        """The payload, read as a dataclass, a `TypedDict` or any other type with annotations. That it is none is an error that trying again cannot cure."""
        try:
            return typing.cast(T, _json.decode(self.data, cls))
        except _json.Misfit as problem:
            expected = _json.name_of(cls)
            message = f"the data of event `{self.name}` ({self.id}) is not what the function expects (`{expected}`): {problem}"
            raise NonRetriableError(message, name="InvalidEvent") from None


def typed(event: Event[Any], cls: Any) -> Event[Any]:
    """The event with its data read as `cls`."""
    return Event(event.id, event.name, event.data_as(cls), event.ts, event.user, event.v)


def from_json(value: Mapping[str, Any]) -> Event[Any]:
    """An event as the host writes it into results."""
    return Event(value["id"], value["name"], value.get("data") or {}, value["ts"], value.get("user"), value.get("v"))


@dataclass(frozen=True)
class NewEvent:
    """An event to be sent by `ctx.step.send_event`.

    >>> event = NewEvent("order/paid", {"order_id": "o-7"}, id="paid-o-7")
    """

    name: str
    """1 to 256 characters. The prefixes `inngest/` and `abide/` are reserved for the platform."""
    data: Any = None
    """The payload: a dict, a dataclass, or anything else that is an object in JSON. Default: `{}`."""
    id: str | None = None
    """A key that makes the event unique: for 24 hours a second event with the same key starts no function again."""
    user: Any = None
    """Who it concerns: an object in JSON."""
    ts: Time | int | None = None
    """When it happened (an int is milliseconds since the epoch). A time in the future delays the runs that the event starts. Default: now."""
    v: str | None = None
    """The version of the payload's shape."""

    def _record(self) -> NewEventRecord:
        ts = self.ts if self.ts is None or isinstance(self.ts, int) else time_ms(self.ts)
        return NewEventRecord(self.name, self.id, self._object("data", self.data), self._object("user", self.user), ts, self.v)

    def _object(self, member: str, value: Any) -> str | None:
        if value is None:
            return None
        try:
            text = _json.encode(value)
        except ValueError as problem:
            raise ValueError(f"the {member} of event `{self.name}`: {problem}") from None
        if not text.startswith("{"):
            raise ValueError(f"the {member} of event `{self.name}` is not a JSON object")
        return text


@dataclass(frozen=True)
class RunError:
    """How a run failed."""

    name: str
    message: str
    stack: str | None = None


@dataclass(frozen=True)
class FunctionFailure(Generic[D]):
    """What a handler of failures is told: `ctx.failure`."""

    function_id: str
    """`app-id/function-id`."""
    run_id: str
    """The run that failed."""
    error: RunError
    event: Event[D]
    """The event that had started it."""
    events: list[Event[D]]
    """All of them, where several had."""


def failure_of(event: Event[Any], cls: Any) -> FunctionFailure[Any]:
    """Reads `inngest/function.failed`."""
    data = event.data
    error = data["error"]
    events = [typed(from_json(one), cls) for one in data.get("events") or [data["event"]]]
    return FunctionFailure(
        data["function_id"],
        data["run_id"],
        RunError(error["name"], error["message"], error.get("stack")),
        typed(from_json(data["event"]), cls),
        events,
    )


@dataclass(frozen=True)
class EventSchema:
    """The shape of an event's data, as a JSON Schema (draft 2020-12 unless `$schema` says otherwise). For `App(schemas=[…])`.

    An event that breaks the schema of its name and version is refused, whoever sends it: then no function needs to expect it.
    """

    event: str
    """The exact name of the event."""
    schema: dict[str, Any] | bool
    v: str | None = None
    """It applies to events with this `v`. Default: to those without one."""
