"""Requests of bodies in tests, outside a component: `urllib` performs them."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from .errors import Error
from .http import Request
from .response import Response

__all__ = ["perform_natively"]


def perform_natively(request: Request) -> Response:
    """Sends the request and reads the whole response."""
    sent = urllib.request.Request(request.url, request.body or None, dict(request.headers), method=request.method)
    timeout = None if request.timeout_ms is None else request.timeout_ms / 1000
    try:
        with urllib.request.urlopen(sent, timeout=timeout) as answer:
            return _response(answer)
    except urllib.error.HTTPError as answer:
        return _response(answer)
    except OSError as error:
        raise Error(f"{request.method} {request.url}: {error}", name="HttpRequest") from None


def _response(answer: http.client.HTTPResponse | urllib.error.HTTPError) -> Response:
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Response(answer.status or 0, headers, answer.read())
