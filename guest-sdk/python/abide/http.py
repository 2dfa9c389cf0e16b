"""A small HTTP client for step bodies.

It works in bodies only: workflow code has no network, and uses `ctx.step.fetch` instead. Async bodies await `get`, `post`…; ordinary ones call
`request_sync`, or use `urllib.request`, which speaks through the same door. In tests, outside a component, `urllib` does the work.

    async def charge(order: Order) -> Receipt:
        response = await http.post(
            "https://payments.example.com/charges",
            headers={"idempotency-key": abide.execution().step_key},
            json={"amount": order.amount},
        )
        return response.raise_for_status().json(Receipt)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _body, _json
from ._time import Duration, duration_ms
from .errors import NonRetriableError
from .response import Response

__all__ = ["Request", "Response", "delete", "get", "patch", "post", "put", "request", "request_sync"]

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class _NoBody:
    """No value, not even `None`."""


_NO_BODY = _NoBody()


@dataclass(frozen=True)
class Request:
    """A request that is ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_ms: int | None


def _prepare(method: str, url: str, headers: Headers, body: bytes | str | None, json: Any, timeout: Duration | None) -> Request:
    doing = f"{method} {url}"
    if not _body.executing():
        message = "workflow code has no network: move the request into a step's body, or use `ctx.step.fetch`"
        raise NonRetriableError(f"{doing}: {message}", name="HttpRequest")
    sent = list(headers.items() if isinstance(headers, Mapping) else headers)
    content = body.encode() if isinstance(body, str) else body or b""
    try:
        if not isinstance(json, _NoBody):
            if body is not None:
                raise ValueError("`body` and `json` exclude each other")
            content = _json.encode(json).encode()
            sent.append(("content-type", "application/json"))
        return Request(method, url, tuple(sent), content, None if timeout is None else duration_ms(timeout))
    except (TypeError, ValueError) as problem:
        raise NonRetriableError(f"{doing}: {problem}", name="HttpRequest") from None


async def request(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    body: bytes | str | None = None,
    json: Any = _NO_BODY,
    timeout: Duration | None = None,
) -> Response:
    """Sends a request and reads the whole response, whatever its status: see `Response.raise_for_status`.

    That nobody answers is an error that trying again may cure (`HttpRequest`). `json` is a body that is written as JSON, with the header that says so. `timeout` is the
    longest to wait for a connection, and for each part of the response; default: the host's limits.
    """
    prepared = _prepare(method, url, headers, body, json, timeout)
    if sys.platform == "wasi":
        from ._wasi_http import perform

        return await perform(prepared)
    from ._native_http import perform_natively

    return perform_natively(prepared)


def request_sync(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    body: bytes | str | None = None,
    json: Any = _NO_BODY,
    timeout: Duration | None = None,
) -> Response:
    """As `request`, for bodies that are ordinary functions."""
    prepared = _prepare(method, url, headers, body, json, timeout)
    if sys.platform == "wasi":
        from ._wasi_http import perform_sync

        return perform_sync(prepared)
    from ._native_http import perform_natively

    return perform_natively(prepared)


async def get(url: str, *, headers: Headers = (), timeout: Duration | None = None) -> Response:
    """A `GET` request."""
    return await request("GET", url, headers=headers, timeout=timeout)


async def post(
    url: str, *, headers: Headers = (), body: bytes | str | None = None, json: Any = _NO_BODY, timeout: Duration | None = None
) -> Response:
    """A `POST` request."""
    return await request("POST", url, headers=headers, body=body, json=json, timeout=timeout)


async def put(
    url: str, *, headers: Headers = (), body: bytes | str | None = None, json: Any = _NO_BODY, timeout: Duration | None = None
) -> Response:
    """A `PUT` request."""
    return await request("PUT", url, headers=headers, body=body, json=json, timeout=timeout)


async def patch(
    url: str, *, headers: Headers = (), body: bytes | str | None = None, json: Any = _NO_BODY, timeout: Duration | None = None
) -> Response:
    """A `PATCH` request."""
    return await request("PATCH", url, headers=headers, body=body, json=json, timeout=timeout)


async def delete(url: str, *, headers: Headers = (), timeout: Duration | None = None) -> Response:
    """A `DELETE` request."""
    return await request("DELETE", url, headers=headers, timeout=timeout)
