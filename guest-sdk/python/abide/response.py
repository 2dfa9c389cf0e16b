"""An HTTP response, whoever performed the request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from . import _json
from .errors import Error, NonRetriableError, RetryAfterError, StepError

__all__ = ["Response"]

T = TypeVar("T")


@dataclass(frozen=True)
class Response:
    """The response to an HTTP request, of `ctx.step.fetch` or of `abide.http`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case; several values of one name are joined with a comma."""
    body: bytes = b""
    """The body as it came."""

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The value of a header. Letter case does not matter."""
        return self.headers.get(name.lower())

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 in it is replaced."""
        return self.body.decode(errors="replace")

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, cls: type[T]) -> T: ...
    def json(self, cls: Any = None) -> Any:
        """The body, read as JSON, and as a `cls` if one is given."""
        try:
            value = _json.parse(self.body.decode())
            return value if cls is None else _json.decode(value, cls)
        except ValueError as problem:
            expected = "JSON" if cls is None else f"a `{_json.name_of(cls)}`"
            raise Error(f"the response (status {self.status}) is not {expected}: {problem}", name="InvalidResponse") from None

    def raise_for_status(self) -> Response:
        """This response, if its status says success; otherwise an error that says sensibly whether trying again may help.

        429 and 503: when the `Retry-After` header says, else as the retry policy says; 408, 425 and all others from 500 on: as the retry policy says;
        everything else: never. The error's message holds the service's own, if the body is JSON with a `message` or an `error`; its data is that body.
        """
        if self.ok:
            return self
        try:
            body = _json.parse(self.body.decode())
        except ValueError:
            body = None
        said = next((body[key] for key in ("message", "error") if isinstance(body.get(key), str)), None) if isinstance(body, dict) else None
        message = f"the service answered {self.status}{f': {said}' if said is not None else ''}"
        pause = (self.header("retry-after") or "").strip()
        if self.status in (429, 503) and pause.isascii() and pause.isdigit():
            raise RetryAfterError(message, f"{pause}s", name="HttpStatus", data=body)
        if self.status in (408, 425, 429) or self.status >= 500:
            raise Error(message, name="HttpStatus", data=body)
        raise NonRetriableError(message, name="HttpStatus", data=body)


def from_recorded(step: str, value: dict[str, Any]) -> Response:
    """The form in which the host records a response."""
    body = (value.get("body") or "").encode()
    if "body_base64" in value:
        try:
            body = base64.b64decode(value["body_base64"])
        except (binascii.Error, ValueError):
            raise StepError(step, "InvalidResult", "the recorded body is not base64") from None
    return Response(value["status"], dict(value.get("headers") or {}), body)
