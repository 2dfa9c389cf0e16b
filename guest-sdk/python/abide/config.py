"""The options of functions, as authors write them: what starts their runs, and how runs are paced, merged and ended.

Durations are `timedelta` or text (`"3 days"`), keys and conditions are CEL. `docs/functions.md` of the platform goes through every option; `_check.py` says
what is wrong with them, `_records.py` turns them into records of the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._time import Duration

__all__ = [
    "Backoff", "BatchEvents", "CancelOn", "Concurrency", "CronTrigger", "Debounce", "EventTrigger", "RateLimit", "Singleton",
    "Throttle", "Timeouts", "Trigger",
]  # fmt: skip


@dataclass(frozen=True)
class EventTrigger:
    """An event that starts runs. `"order/paid"` alone is the same as `EventTrigger("order/paid")`."""

    event: str
    """An exact name, or a pattern whose last part is `/*` or `.*`."""
    if_: str | None = None
    """A CEL expression over `event` that must be true. Default: every such event."""


@dataclass(frozen=True)
class CronTrigger:
    """A schedule that starts runs: `CronTrigger("TZ=Europe/Berlin 0 9 * * MON-FRI")`."""

    schedule: str
    """Minute, hour, day of month, month, day of week, after an optional `TZ=Area/City `. Default zone: UTC."""
    jitter: Duration | None = None
    """Delays every tick by up to this, 1 second to 5 minutes. Default: 0."""
    catchup: Literal["none", "last", "all"] | None = None
    """What becomes of ticks that passed while no node ran. Default: `last`."""


Trigger = EventTrigger | CronTrigger | str


@dataclass(frozen=True)
class Backoff:
    """How the wait before the next attempt grows, in place of the default schedule."""

    kind: Literal["exponential", "linear", "constant"]
    base: Duration
    """The delay after the first failed attempt."""
    factor: float | None = None
    """The growth per attempt, 1 to 1000; for `exponential` only. Default: 2."""
    max: Duration | None = None
    """The longest delay before jitter. Default: 2 hours."""
    jitter: Duration | None = None
    """An extra delay between 0 and this. Default: 0."""


@dataclass(frozen=True)
class Concurrency:
    """How much may go on at once: the rest waits. `concurrency=5` is the same as `Concurrency(5)`."""

    limit: int
    key: str | None = None
    """A CEL expression over `event`: a limit of its own for every value. Default: one limit for all."""
    scope: Literal["fn", "env", "account"] | None = None
    """Who shares the limit; `env` and `account` need a key. Default: `fn`."""
    per: Literal["step", "run"] | None = None
    """What is counted: executing steps, or whole runs. Default: `step`."""


@dataclass(frozen=True)
class Throttle:
    """How fast runs may start: those beyond it wait."""

    limit: int
    period: Duration
    """1 second to 7 days."""
    burst: int | None = None
    """How many more may start at once after a quiet time. Default: 0."""
    key: str | None = None


@dataclass(frozen=True)
class RateLimit:
    """How many events of a period start runs: those beyond it are dropped, and recorded as skipped runs."""

    limit: int
    period: Duration
    """1 second to 24 hours, from the first event that is let through."""
    key: str | None = None


@dataclass(frozen=True)
class Debounce:
    """Runs once after a time without events, for all of them together."""

    period: Duration
    """1 second to 7 days."""
    key: str | None = None
    timeout: Duration | None = None
    """The longest delay of the first event. Default: none."""


@dataclass(frozen=True)
class BatchEvents:
    """Runs once for several events."""

    max_size: int
    """2 to 1,000."""
    timeout: Duration
    """1 second to 1 hour after the first event."""
    key: str | None = None
    if_: str | None = None
    """Where this CEL expression is false, the event runs alone at once."""


@dataclass(frozen=True)
class Singleton:
    """At most one live run (for every value of the key)."""

    mode: Literal["skip", "cancel"]
    """What a second one does: it is skipped, or it takes the place of the first, which is cancelled."""
    key: str | None = None


@dataclass(frozen=True)
class CancelOn:
    """An event that cancels runs. Exactly one of `if_`, `match` and `all` says which."""

    event: str
    if_: str | None = None
    """CEL over `event` (which started the run) and `async` (which arrived)."""
    match: str | None = None
    """A dotted path whose value must be equal in both events: `"data.orderId"`."""
    all: bool = False
    """Every live run of the function."""
    timeout: Duration | None = None
    """How long after a run was created the event still cancels it. Default: as long as the run lives."""


@dataclass(frozen=True)
class Timeouts:
    """How long a run may take before it is cancelled."""

    start: Duration | None = None
    """From the time it was queued until it starts."""
    finish: Duration | None = None
    """From its start until it ends."""
