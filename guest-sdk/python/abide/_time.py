"""Lengths and points of time, as authors write them and as the contract wants them: whole milliseconds.

It knows no clock. A part of a millisecond counts as a whole one, so that nothing is ever early.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction

__all__ = ["Duration", "Time", "duration_ms", "time_ms"]

Duration = timedelta | str
"""A length of time: a `timedelta`, or text such as `"3 days"`, `"1h 30m"` or `"250ms"`."""

Time = datetime | str
"""A point in time: a `datetime` that knows its time zone, or text such as `"2027-01-31T09:00:00Z"`."""

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY

_UNITS = {
    name: size
    for size, names in (
        (1, "ms msec msecs millisecond milliseconds"),
        (_SECOND, "s sec secs second seconds"),
        (_MINUTE, "m min mins minute minutes"),
        (_HOUR, "h hr hrs hour hours"),
        (_DAY, "d day days"),
        (_WEEK, "w week weeks"),
    )
    for name in names.split()
}

_PART = re.compile(r" *([0-9._]+) *([A-Za-z]+) *", re.ASCII)
_NUMBER = re.compile(r"[0-9_]*[0-9][0-9_]*(\.[0-9_]*)?|\.[0-9]+", re.ASCII)
_GREATEST = 2**64 - 1


def duration_ms(value: Duration) -> int:
    """The length in milliseconds. `ValueError` if it is none, or `TypeError` if it is of another type."""
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise ValueError(f"`{value}` is negative, and no length of time")
        return -(-value // timedelta(milliseconds=1))
    if isinstance(value, str):
        ms = _parse(value)
        if ms is None:
            raise ValueError(f"`{value}` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`")
        return ms
    if isinstance(value, (int, float)):
        raise TypeError(f"`{value}` has no unit: write a length of time like `3 days` or `timedelta(seconds={value})`")
    raise TypeError(f"a length of time is text or a timedelta, not {type(value).__name__}")


def _parse(text: str) -> int | None:
    at, total = 0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or _NUMBER.fullmatch(part[1]) is None:
            return None
        unit = _UNITS.get(part[2].lower())
        if unit is None:
            return None
        digits = part[1].replace("_", "")
        # Digits beyond the third after the point do not count.
        whole, _, decimals = digits.partition(".")
        number = Fraction(f"{whole or 0}.{(decimals or '0')[:3]}")
        total += -(-number * unit // 1)
        at = part.end()
    return total if at and total <= _GREATEST else None


def time_ms(value: Time) -> int:
    """Milliseconds since the Unix epoch. `ValueError` if it is no time, or `TypeError` if it is of another type."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"`{value}` is not a time: write it like `2027-01-31T09:00:00Z`") from None
    if not isinstance(value, datetime):
        raise TypeError(f"a point in time is text or a datetime, not {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError(f"`{value.isoformat()}` has no time zone: write `…Z`, or `datetime(…, tzinfo=timezone.utc)`")
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    ms = -((epoch - value) // timedelta(milliseconds=1))
    return max(ms, 0)
