"""What can go wrong, and what an author says about trying again.

Any exception that leaves a step's body, or the workflow, may be tried again as the retry policy says. The classes here say otherwise, and
`StepError` is what an awaited operation raises in the workflow, which may catch it.
"""

from __future__ import annotations

from typing import Any

from ._time import Duration, Time

__all__ = ["ConfigurationError", "Error", "NonRetriableError", "RetryAfterError", "StepError"]


class Error(Exception):
    """An error that trying again may cure: the retry policy decides.

    Like any other exception, but with data for whoever catches it (`StepError.data`). Its name, by which it can be told from others, is that of the
    class; `name` sets another.

    >>> class GatewayBusy(Error): ...
    >>> error = GatewayBusy("the gateway is busy", data={"queue": 7})
    """

    def __init__(self, message: str = "", *, name: str | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.data = data


class NonRetriableError(Error):
    """An error that trying again cannot cure: the step, or the run, fails at once.

    >>> class CardDeclined(NonRetriableError): ...
    >>> error = CardDeclined("no funds")
    """


class RetryAfterError(Error):
    """An error to be tried again after a length of time, or at a time: clamped to 1 second … 24 hours from now.

    >>> error = RetryAfterError("the gateway is busy", "90s")
    """

    def __init__(self, message: str, retry_after: Duration | Time, *, name: str | None = None, data: Any = None) -> None:
        super().__init__(message, name=name, data=data)
        self.retry_after = retry_after


class StepError(Exception):
    """Why an operation did not give what the workflow asked for: its last attempt failed, or the request itself was wrong.

    Workflow code may catch it. Uncaught it ends the run, and since the failure is recorded, workflow code is not tried again.

    `name` is the class of the body's exception, or one of the SDK's own: `InvalidOptions` (the operation was asked for wrongly), `InvalidResult` (the
    recorded result is not of the expected type), `NestedOperation` (a body used the context).
    """

    def __init__(self, step: str, name: str, message: str, *, stack: str | None = None, data: Any = None) -> None:
        super().__init__(step, name, message)
        self.step = step
        """The id of the step, as the author wrote it."""
        self.name = name
        """The kind of error."""
        self.message = message
        """One sentence for a human, without the step's id."""
        self.stack = stack
        """The place that raised it, innermost frame first."""
        self.data = data
        """What the body's `Error` carried."""

    def __str__(self) -> str:
        # A failure of the platform names its step already.
        return self.message if self.message.startswith("step `") else f"step `{self.step}`: {self.message}"


class ConfigurationError(ValueError):
    """Why a function cannot be deployed: everything that is wrong with its configuration, each fault beginning with its option."""

    def __init__(self, function: str, faults: list[str]) -> None:
        super().__init__(f"function `{function}`: {'; '.join(faults)}")
        self.function = function
        self.faults = faults
