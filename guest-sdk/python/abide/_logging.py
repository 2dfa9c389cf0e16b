"""Log lines that belong to the run: what `logging` is told goes to the host, with its level and what `extra` has; and spans. Only in a component."""

from __future__ import annotations

import logging
import re
from typing import Any

from wit_world.imports import logging as host
from wit_world.imports.logging import Level

from . import _span
from ._failure import source_path
from ._log_fields import line

__all__ = ["install"]


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:
        # Paths as the author knows them, not as they are mounted.
        return re.sub(r'File "([^"]+)"', lambda found: f'File "{source_path(found[1])}"', super().formatException(ei))


class _ToHost(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            host.log(_level(record.levelno), line(self.format(record), record))
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
    handler = _ToHost()
    handler.setFormatter(_Formatter())
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    _span.connect(lambda text: host.log(Level.INFO, text))
