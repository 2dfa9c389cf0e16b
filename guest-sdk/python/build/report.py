"""What the build says: one JSON object a line on standard output."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(unsafe_hash=True)
class Problem(Exception):
    """Something that the author must mend, with the place and the remedy where they are known."""

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    help: str | None = None

    def as_json(self) -> dict[str, object]:
        """Its line."""
        return {"file": self.file, "line": self.line, "column": self.column, "message": self.message, "help": self.help}


def phase(name: str) -> None:
    """What is done from now on."""
    _line({"phase": name})


def error(problem: Problem) -> None:
    """The build cannot succeed."""
    _line({"error": problem.as_json()})


def warning(problem: Problem) -> None:
    """The build may succeed, and the app may not do what its author thinks."""
    _line({"warning": problem.as_json()})


def done(size: int, inputs: list[str]) -> None:
    """The component is there."""
    _line({"done": {"bytes": size, "inputs": inputs}})


def _line(value: dict[str, object]) -> None:
    print(json.dumps(value, ensure_ascii=True), flush=True)
