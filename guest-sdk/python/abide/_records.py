"""A function's configuration in the contract's words: every length of time in milliseconds, nothing checked but that.

`FunctionRecord` is what the deploy tells the host (`_component.py`), what `_check.py` judges, and what tests look at (`testing.config`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ._operations import BackoffRecord
from ._time import Duration, duration_ms
from .config import (
    Backoff, BatchEvents, CancelOn, Concurrency, CronTrigger, Debounce, EventTrigger, RateLimit, Singleton, Throttle, Timeouts, Trigger,
)  # fmt: skip

__all__ = ["FailureTrigger", "FunctionRecord", "Lengths", "backoff_record"]


@dataclass(frozen=True)
class FailureTrigger:
    """The final failure of a run of this function of the same app."""

    failure_of: str


@dataclass
class FunctionRecord:
    """One function, as its author configured it."""

    id: str
    name: str | None = None
    triggers: list[EventTrigger | CronTrigger | FailureTrigger] = field(default_factory=list)
    retries: int | None = None
    backoff: BackoffRecord | None = None
    concurrency: list[Concurrency] = field(default_factory=list)
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None
    batch_events: BatchEvents | None = None
    priority: str | None = None
    idempotency: str | None = None
    singleton: Singleton | None = None
    cancel_on: list[CancelOn] = field(default_factory=list)
    timeouts: Timeouts | None = None
    retention: Duration | None = None


class Lengths:
    """Reads lengths of time and collects what is wrong with them, each fault beginning with its option."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def ms(self, option: str, value: Duration | None) -> int | None:
        """The length in milliseconds, if there is one."""
        try:
            return None if value is None else duration_ms(value)
        except (TypeError, ValueError) as error:
            self.faults.append(f"{option}: {error}")
            return None

    def must(self, option: str, value: Duration) -> int:
        """The length in milliseconds; 0 beside a fault."""
        return self.ms(option, value) or 0


def backoff_record(backoff: Backoff, lengths: Lengths, option: str = "backoff") -> BackoffRecord:
    """The schedule in milliseconds."""
    return BackoffRecord(
        backoff.kind,
        lengths.must(f"{option}.base", backoff.base),
        backoff.factor,
        lengths.ms(f"{option}.max", backoff.max),
        lengths.ms(f"{option}.jitter", backoff.jitter),
    )


def triggers_of(trigger: Trigger | None, triggers: Sequence[Trigger]) -> list[EventTrigger | CronTrigger | FailureTrigger]:
    """All triggers; a text is the name of an event."""
    given: list[Trigger] = [*([trigger] if trigger is not None else []), *triggers]
    return [EventTrigger(one) if isinstance(one, str) else one for one in given]


def listed(value: Any) -> list[Any]:
    """An option that may be given once or as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
