"""What a log call gives besides its message, as the host reads it. Pure: tests run it without a component."""

from __future__ import annotations

import json
import logging
from typing import Any

__all__ = ["json_of", "line"]

# What every record has; whatever else is in it came with `extra`.
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}


def line(message: str, record: logging.LogRecord) -> str:
    """The message alone, or with its fields as the JSON object that the host takes for such a line."""
    fields = {name: value for name, value in vars(record).items() if name not in _OWN}
    if not fields:
        return message
    members = ",".join(f"{json.dumps(str(name))}:{json_of(value)}" for name, value in fields.items())
    return f'{{"message":{json.dumps(message, ensure_ascii=False)},"fields":{{{members}}}}}'


def json_of(value: Any) -> str:
    """A value as JSON; what JSON has no form for becomes text."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError, RecursionError):
        # Something that JSON has no form for: a text is better than no line.
        return json.dumps(repr(value), ensure_ascii=False)
