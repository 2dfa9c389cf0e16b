"""`urllib.request` over wasi:http: bodies that use it, or a library that does, need not know the sandbox. Only in a component."""

from __future__ import annotations

import email.message
import io
import urllib.error
import urllib.request
import urllib.response
from typing import Any

from . import http
from .errors import Error

__all__ = ["install"]


class _Wasi(urllib.request.BaseHandler):
    """Opens `http` and `https` URLs."""

    def http_open(self, request: urllib.request.Request) -> urllib.response.addinfourl:
        timeout = request.timeout
        limit = f"{max(1, round(timeout * 1000))}ms" if isinstance(timeout, (int, float)) else None
        try:
            answer = http.request_sync(
                request.get_method(),
                request.full_url,
                headers=request.header_items(),
                body=_content(request.data),
                timeout=limit,
            )
        except Error as error:
            raise urllib.error.URLError(error) from error
        return _answer(answer, request.full_url)

    https_open = http_open


def _content(data: Any) -> bytes | None:
    if data is None or isinstance(data, bytes):
        return data
    if hasattr(data, "read"):
        return bytes(data.read())
    return b"".join(data) if not isinstance(data, (bytearray, memoryview)) else bytes(data)


def _answer(answer: http.Response, url: str) -> urllib.response.addinfourl:
    headers = email.message.Message()
    for name, value in answer.headers.items():
        headers[name] = value
    opened = urllib.response.addinfourl(io.BytesIO(answer.body), headers, url, answer.status)
    opened.msg = str(answer.status)  # type: ignore[attr-defined]  # what the handlers of redirects and errors read
    return opened


def install() -> None:
    """Makes `urllib.request.urlopen` use it."""
    handlers = [
        _Wasi(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.DataHandler(),
        urllib.request.UnknownHandler(),
    ]
    opener = urllib.request.OpenerDirector()
    for handler in handlers:
        opener.add_handler(handler)
    urllib.request.install_opener(opener)
