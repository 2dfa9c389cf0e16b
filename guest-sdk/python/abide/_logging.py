"""Log lines that belong to the run: what `logging` is told goes to the host, with its level. Only in a component."""

from __future__ import annotations

import logging

from wit_world.imports import logging as host
from wit_world.imports.logging import Level

__all__ = ["install"]


class _ToHost(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            host.log(_level(record.levelno), self.format(record))
        except Exception:
            self.handleError(record)


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


def install() -> None:
    """Sends log records to the host, from `debug` on. An app that wants more or less sets the level of the root logger."""
    root = logging.getLogger()
    root.handlers[:] = [_ToHost()]
    root.setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(True)
