"""Spans that an author opens: a stretch of a step's body, or of the handler, that the run's trace shows. Pure: tests run it without a component."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from ._log_fields import json_of

__all__ = ["Span", "connect", "span"]

_ids = itertools.count(1)
_current: ContextVar[int | None] = ContextVar("abide-span", default=None)


def _nobody(_: str) -> None:
    """Outside of a component nobody records spans."""


_tell: Callable[[str], None] = _nobody


def connect(tell: Callable[[str], None]) -> None:
    """Tells spans to the host from now on."""
    global _tell
    _tell = tell


class Span:
    """A span that is open."""

    def __init__(self) -> None:
        self._later: dict[str, Any] = {}

    def set(self, **attributes: Any) -> None:
        """Adds attributes."""
        self._later.update(attributes)


@contextlib.contextmanager
def span(name: str, /, **attributes: Any) -> Iterator[Span]:
    """Opens a span for the code below it. Spans within are below this one; what is raised marks it as failed.

        with abide.span("charge the card", amount=3) as charge:
            answer = await abide.http.post(bank, json=card)
            charge.set(status=answer.status)

    The host stamps the times. Where nobody records traces, spans cost a call and nothing else.
    """
    number, around, opened = next(_ids), _current.get(), Span()
    _tell(_mark("begin", number, around, name, attributes, None))
    token = _current.set(number)
    error: str | None = None
    try:
        yield opened
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
        raise
    finally:
        _current.reset(token)
        _tell(_mark("end", number, None, name, opened._later, error))


def _mark(what: str, number: int, around: int | None, name: str, attributes: dict[str, Any], error: str | None) -> str:
    """A line in the form that the host knows: its first member is the one by which it does."""
    fields = ",".join(f"{json.dumps(key)}:{json_of(value)}" for key, value in attributes.items())
    members = [f'"abide.span":"{what}"', f'"id":{number}']
    if around is not None:
        members.append(f'"parent":{around}')
    members += [f'"message":{json.dumps(str(name), ensure_ascii=False)}', f'"fields":{{{fields}}}']
    if error is not None:
        members.append(f'"error":{json.dumps(error, ensure_ascii=False)}')
    return "{" + ",".join(members) + "}"
