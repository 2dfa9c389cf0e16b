"""What can be known to be wrong with a function before it is deployed: every fault, each with its option.

The host checks the same again, for guests of every language, and what only it can: the expressions and the schedules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ._records import FunctionRecord, Lengths
from ._time import Duration
from .config import BatchEvents, CancelOn, Concurrency, CronTrigger, EventTrigger, Timeouts

__all__ = ["faults_of"]

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

_MAX_TRIGGERS = 10
_MAX_CONCURRENCY = 2
_MAX_CANCEL_ON = 5
_MAX_RETRIES = 20
_MAX_ID = 128
_MAX_EVENT_NAME = 256
_MAX_NUMBER = 2**32 - 1
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True)
class _Bounds:
    least: int
    greatest: int
    words: str


_CRON_JITTER = _Bounds(_SECOND, 5 * _MINUTE, "1 second to 5 minutes")
_THROTTLE_PERIOD = _Bounds(_SECOND, 7 * _DAY, "1 second to 7 days")
_RATE_LIMIT_PERIOD = _Bounds(_SECOND, _DAY, "1 second to 24 hours")
_DEBOUNCE_PERIOD = _Bounds(_SECOND, 7 * _DAY, "1 second to 7 days")
_BATCH_TIMEOUT = _Bounds(_SECOND, _HOUR, "1 second to 1 hour")
_RETENTION = _Bounds(_HOUR, 3_650 * _DAY, "1 hour to 10 years")
_ANY_TIME = _Bounds(1, 2**64 - 1, "longer than nothing")


def faults_of(record: FunctionRecord) -> list[str]:
    """Everything that is wrong with a configuration."""
    check = _Check()
    check.id(record.id)
    check.triggers(record)
    check.number("retries", record.retries, 0, _MAX_RETRIES)
    if record.backoff is not None:
        factor = record.backoff.factor
        check.one_of("backoff.kind", record.backoff.kind, ("exponential", "linear", "constant"))
        if factor is not None and not 1 <= factor <= 1000:
            check.add("backoff.factor", "must be 1 to 1000")
    check.concurrency(record.concurrency)
    check.pace(record)
    check.merge(record)
    check.text("priority", record.priority)
    check.text("idempotency", record.idempotency)
    if record.singleton is not None:
        check.one_of("singleton.mode", record.singleton.mode, ("skip", "cancel"))
        check.text("singleton.key", record.singleton.key)
    check.cancel_on(record.cancel_on)
    if record.timeouts is not None:
        check.timeouts(record.timeouts)
    check.length("retention", record.retention, _RETENTION)
    return check.faults


class _Check(Lengths):
    def add(self, option: str, fault: str) -> None:
        self.faults.append(f"{option}: {fault}")

    def id(self, id: str) -> None:
        if not isinstance(id, str) or _KEBAB.fullmatch(id) is None or len(id) > _MAX_ID:
            self.add("id", f"`{id}` must be kebab-case (`welcome-drip`) of at most {_MAX_ID} characters")

    def triggers(self, record: FunctionRecord) -> None:
        if len(record.triggers) > _MAX_TRIGGERS:
            self.add("triggers", f"{len(record.triggers)} triggers, at most {_MAX_TRIGGERS} are allowed")
        for one in record.triggers:
            if isinstance(one, EventTrigger):
                self.event_name("trigger", one.event, patterns=True)
                self.text("trigger.if_", one.if_)
            elif isinstance(one, CronTrigger):
                self.schedule(one.schedule)
                self.length("trigger.jitter", one.jitter, _CRON_JITTER)
                self.one_of("trigger.catchup", one.catchup, ("none", "last", "all"))

    def schedule(self, schedule: str) -> None:
        words = schedule.split()
        zone = words.pop(0) if words and words[0].startswith("TZ=") else None
        if len(words) != 5 or zone == "TZ=":
            self.add(
                "trigger",
                f"`{schedule}` is not a schedule: five fields (minute, hour, day of month, month, day of week), after an optional `TZ=Area/City `",
            )

    def concurrency(self, limits: list[Concurrency]) -> None:
        if len(limits) > _MAX_CONCURRENCY:
            self.add("concurrency", f"{len(limits)} limits, at most {_MAX_CONCURRENCY} are allowed")
        for one in limits:
            self.at_least_one("concurrency.limit", one.limit)
            self.text("concurrency.key", one.key)
            self.one_of("concurrency.scope", one.scope, ("fn", "env", "account"))
            self.one_of("concurrency.per", one.per, ("step", "run"))
            if one.scope in ("env", "account") and one.key is None:
                self.add(
                    "concurrency.key",
                    f"the scope `{one.scope}` needs a key, which says who shares the limit, for example `\"'billing-api'\"`",
                )

    def pace(self, record: FunctionRecord) -> None:
        if (throttle := record.throttle) is not None:
            self.at_least_one("throttle.limit", throttle.limit)
            self.length("throttle.period", throttle.period, _THROTTLE_PERIOD)
            self.number("throttle.burst", throttle.burst, 0, _MAX_NUMBER)
            self.text("throttle.key", throttle.key)
        if (limit := record.rate_limit) is not None:
            self.at_least_one("rate_limit.limit", limit.limit)
            self.length("rate_limit.period", limit.period, _RATE_LIMIT_PERIOD)
            self.text("rate_limit.key", limit.key)

    def merge(self, record: FunctionRecord) -> None:
        if (debounce := record.debounce) is not None:
            period = self.length("debounce.period", debounce.period, _DEBOUNCE_PERIOD)
            timeout = self.ms("debounce.timeout", debounce.timeout)
            self.text("debounce.key", debounce.key)
            if timeout is not None and period is not None and timeout < period:
                self.add("debounce.timeout", "must be at least the period")
        if record.batch_events is not None:
            self.batch(record.batch_events)
            self.beside_batch(record)

    def batch(self, batch: BatchEvents) -> None:
        self.number("batch_events.max_size", batch.max_size, 2, 1_000)
        self.length("batch_events.timeout", batch.timeout, _BATCH_TIMEOUT)
        self.text("batch_events.key", batch.key)
        self.text("batch_events.if_", batch.if_)

    def beside_batch(self, record: FunctionRecord) -> None:
        for option in ("cancel_on", "debounce", "singleton", "priority", "idempotency", "rate_limit"):
            if getattr(record, option):
                self.add("batch_events", f"cannot be combined with `{option}`, which is about single events")

    def cancel_on(self, events: list[CancelOn]) -> None:
        if len(events) > _MAX_CANCEL_ON:
            self.add("cancel_on", f"{len(events)} events, at most {_MAX_CANCEL_ON} are allowed")
        for one in events:
            self.event_name("cancel_on.event", one.event, patterns=False)
            self.text("cancel_on.if_", one.if_)
            if one.match is not None:
                self.path("cancel_on.match", one.match)
            self.length("cancel_on.timeout", one.timeout, _ANY_TIME)
            if [one.if_ is not None, one.match is not None, one.all].count(True) != 1:
                self.add("cancel_on", f"`{one.event}` needs exactly one of `match`, `if_` and `all`, to say which runs it cancels")

    def timeouts(self, timeouts: Timeouts) -> None:
        if timeouts.start is None and timeouts.finish is None:
            self.add("timeouts", "`start`, `finish` or both must be given")
        self.length("timeouts.start", timeouts.start, _ANY_TIME)
        self.length("timeouts.finish", timeouts.finish, _ANY_TIME)

    def event_name(self, option: str, name: str, *, patterns: bool) -> None:
        if not 1 <= len(name) <= _MAX_EVENT_NAME:
            self.add(option, f"the name of an event has 1 to {_MAX_EVENT_NAME} characters")
            return
        pattern = name[:-2] if name.endswith(("/*", ".*")) else name
        if not patterns and "*" in name:
            self.add(option, f"`{name}` must be the exact name of an event, without `*`")
        elif "*" in pattern:
            self.add(option, f"`{name}`: `*` can only be the last part of a pattern: `order/*` or `order/paid.*`")

    def path(self, option: str, path: str) -> None:
        if path.startswith(("event.", "async.")) or not all(path.split(".")):
            self.add(option, f"`{path}` must be names between dots, inside the event: `data.orderId`")

    def text(self, option: str, text: str | None) -> None:
        if text is not None and not text.strip():
            self.add(option, "the expression is empty")

    def at_least_one(self, option: str, number: int) -> None:
        if number == 0:
            self.add(option, "must be at least 1; to stop a function for a while, pause it")
        else:
            self.number(option, number, 1, _MAX_NUMBER)

    def number(self, option: str, number: Any, least: int, greatest: int) -> None:
        if number is None:
            return
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= greatest:
            self.add(option, f"must be {least} to {greatest}, not {number}")

    def one_of(self, option: str, value: Any, allowed: tuple[str, ...]) -> None:
        if value is not None and value not in allowed:
            self.add(option, f"`{value}` must be one of {', '.join(f'`{one}`' for one in allowed)}")

    def length(self, option: str, value: Duration | None, bounds: _Bounds) -> int | None:
        ms = self.ms(option, value)
        if ms is not None and not bounds.least <= ms <= bounds.greatest:
            self.add(option, f"must be {bounds.words}")
        return ms
