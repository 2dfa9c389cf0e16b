"""What a workflow can ask of the host, and what the host tells about it: the contract in the SDK's own words.

`_component.py` turns these records into those of the WIT, and `testing` shows them to tests. Durations and times are milliseconds, payloads are
JSON text, `None` is the default that the contract names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ._failure import Failure

__all__ = [
    "AiInfer", "BackoffRecord", "Done", "Empty", "Execute", "Execution", "Failed", "Fetch", "Host", "Invoke", "NewEvent", "News",
    "Operation", "Run", "SendEvents", "SendSignal", "Sleep", "SleepUntil", "WaitForEvent", "WaitForSignal",
]  # fmt: skip


@dataclass(frozen=True)
class BackoffRecord:
    """How the wait before the next attempt grows."""

    kind: Literal["exponential", "linear", "constant"]
    base_ms: int
    factor: float | None
    max_ms: int | None
    jitter_ms: int | None


@dataclass(frozen=True)
class Run:
    """Execute a body once its turn comes."""

    retries: int | None = None
    timeout_ms: int | None = None
    backoff: BackoffRecord | None = None
    input: str | None = None


@dataclass(frozen=True)
class Sleep:
    """Wait this long."""

    ms: int


@dataclass(frozen=True)
class SleepUntil:
    """Wait until this time."""

    time_ms: int


@dataclass(frozen=True)
class WaitForEvent:
    """Wait for an event."""

    event: str
    timeout_ms: int
    if_: str | None = None
    match: str | None = None
    lookback_ms: int | None = None


@dataclass(frozen=True)
class WaitForSignal:
    """Wait for a signal."""

    signal: str
    timeout_ms: int
    on_conflict: Literal["fail", "replace"] | None = None


@dataclass(frozen=True)
class NewEvent:
    """An event to be sent."""

    name: str
    id: str | None = None
    data: str | None = None
    user: str | None = None
    ts: int | None = None
    v: str | None = None


@dataclass(frozen=True)
class SendEvents:
    """Append events, all or none."""

    events: tuple[NewEvent, ...]


@dataclass(frozen=True)
class SendSignal:
    """Send a signal."""

    signal: str
    data: str | None = None
    ttl_ms: int | None = None


@dataclass(frozen=True)
class Invoke:
    """Start another function and wait for it."""

    function: str
    data: str | None = None
    timeout_ms: int | None = None


@dataclass(frozen=True)
class Fetch:
    """Let the host perform a request."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout_ms: int | None = None
    retries: int | None = None
    backoff: BackoffRecord | None = None


@dataclass(frozen=True)
class AiInfer:
    """Let the host ask a model."""

    format: Literal["openai-chat", "anthropic", "gemini"]
    model: str
    body: str
    url: str | None = None
    key_variable: str | None = None
    timeout_ms: int | None = None
    retries: int | None = None


Operation = Run | Sleep | SleepUntil | WaitForEvent | WaitForSignal | SendEvents | SendSignal | Invoke | Fetch | AiInfer


@dataclass(frozen=True)
class Execution:
    """One attempt at a step's body."""

    attempt: int
    """Counts from 0."""
    max_attempts: int
    """How many attempts there can be altogether."""
    idempotency_key: str
    """Differs for every attempt: `run-id/step-hash/attempt`."""
    step_key: str
    """The same for every attempt at this step: what to hand to an outside service that deduplicates."""
    replacement: str | None = None
    """JSON text that an operator put in the place of the step's `input`; the body is handed what it says."""

    @property
    def is_last(self) -> bool:
        """Whether no attempt follows if this one fails."""
        return self.attempt + 1 >= self.max_attempts


@dataclass(frozen=True)
class Done:
    """The operation is complete; here is its result as JSON text."""

    json: str


@dataclass(frozen=True)
class Failed:
    """The operation failed for good."""

    failure: Failure


@dataclass(frozen=True)
class Empty:
    """The wait timed out."""


@dataclass(frozen=True)
class Execute:
    """Execute this operation's body now."""

    execution: Execution


News = Done | Failed | Empty | Execute


class Host(Protocol):
    """The seam to the host: the imported component functions, or a test."""

    def start(self, id: str, operation: Operation, /) -> int:
        """Starts an operation and returns its ticket."""

    def next(self) -> tuple[int, News]:
        """Waits for news."""

    def finish(self, ticket: int, outcome: str | Failure, /) -> None:
        """Hands in a body's outcome."""

    def cancel(self, ticket: int, /) -> None:
        """Gives up on an operation."""
