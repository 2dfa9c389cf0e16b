"""HTTP over wasi:http. Only in a component.

The exchange is written once, as a generator that yields whatever must be waited for; an async body awaits that on its loop, an ordinary one blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, streams, wasi_http_types as wasi
from wit_world.imports.poll import Pollable

from ._wasi_loop import wait
from .errors import Error, NonRetriableError
from .http import Request
from .response import Response

__all__ = ["perform", "perform_sync"]

_CHUNK = 64 * 1024

_METHODS: dict[str, Callable[[], wasi.Method]] = {
    "GET": wasi.Method_Get,
    "HEAD": wasi.Method_Head,
    "POST": wasi.Method_Post,
    "PUT": wasi.Method_Put,
    "DELETE": wasi.Method_Delete,
    "OPTIONS": wasi.Method_Options,
    "PATCH": wasi.Method_Patch,
}

Exchange = Generator[Pollable, None, Response]


async def perform(request: Request) -> Response:
    """Sends the request and reads the whole response."""
    exchange = _exchange(request)
    try:
        while True:
            with next(exchange) as pollable:
                await wait(pollable)
    except StopIteration as end:
        return _result(end)
    finally:
        exchange.close()


def perform_sync(request: Request) -> Response:
    """Sends the request and reads the whole response; nothing else of the body goes on meanwhile."""
    exchange = _exchange(request)
    try:
        while True:
            with next(exchange) as pollable:
                pollable.block()
    except StopIteration as end:
        return _result(end)
    finally:
        exchange.close()


def _result(end: StopIteration) -> Response:
    assert isinstance(end.value, Response)
    return end.value


def _exchange(request: Request) -> Exchange:
    doing = f"{request.method} {request.url}"
    outgoing = _outgoing(request, doing)
    body = outgoing.body()
    try:
        pending = outgoing_handler.handle(outgoing, _options(request))
    except Err as error:
        raise _failed(doing, error.value) from None
    yield from _send(body, request.body, doing)
    with pending:
        while (answer := pending.get()) is None:
            yield pending.subscribe()
    if isinstance(answer, Err) or isinstance(answer.value, Err):
        raise _failed(doing, answer.value.value if isinstance(answer, Ok) else None)
    return (yield from _read(answer.value.value, doing))


def _outgoing(request: Request, doing: str) -> wasi.OutgoingRequest:
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise NonRetriableError(f"{doing}: the URL must be absolute, and `http` or `https`", name="HttpRequest")
    headers = [(name.lower(), value.encode()) for name, value in request.headers]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("content-length", str(len(request.body)).encode()))
    authority = url.netloc.rpartition("@")[2]
    try:
        outgoing = wasi.OutgoingRequest(wasi.Fields.from_list(headers))
        method = _METHODS.get(request.method)
        outgoing.set_method(method() if method is not None else wasi.Method_Other(request.method))
        outgoing.set_scheme(wasi.Scheme_Https() if url.scheme == "https" else wasi.Scheme_Http())
        outgoing.set_authority(authority)
        outgoing.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    except Err as error:
        raise NonRetriableError(f"{doing}: the request is malformed ({_words(error.value)})", name="HttpRequest") from None
    return outgoing


def _options(request: Request) -> wasi.RequestOptions | None:
    if request.timeout_ms is None:
        return None
    options = wasi.RequestOptions()
    ns = request.timeout_ms * 1_000_000
    options.set_connect_timeout(ns)
    options.set_first_byte_timeout(ns)
    options.set_between_bytes_timeout(ns)
    return options


def _send(body: wasi.OutgoingBody, content: bytes, doing: str) -> Generator[Pollable, None, None]:
    try:
        with body.write() as stream:
            at = 0
            while at < len(content):
                room = stream.check_write()
                if room == 0:
                    yield stream.subscribe()
                    continue
                stream.write(content[at : at + room])
                at += room
            stream.flush()
            while stream.check_write() == 0:
                yield stream.subscribe()
    except Err:
        # The response, or the error that stands in its place, says more than that nobody reads on.
        return
    try:
        wasi.OutgoingBody.finish(body, None)
    except Err as error:
        raise _failed(doing, error.value) from None


def _read(answer: wasi.IncomingResponse, doing: str) -> Exchange:
    with answer:
        status = answer.status()
        headers: dict[str, str] = {}
        with answer.headers() as fields:
            for name, value in fields.entries():
                text = value.decode("latin-1")
                headers[name.lower()] = f"{headers[name.lower()]}, {text}" if name.lower() in headers else text
        parts = []
        with answer.consume() as body, body.stream() as stream:
            while True:
                try:
                    part = stream.read(_CHUNK)
                except Err as error:
                    if isinstance(error.value, streams.StreamError_Closed):
                        break
                    with error.value.value as cause:
                        words = cause.to_debug_string()
                    raise Error(f"{doing}: the response ended early: {words}", name="HttpRequest") from None
                if part:
                    parts.append(part)
                else:
                    yield stream.subscribe()
    return Response(status, headers, b"".join(parts))


def _words(code: object) -> str:
    """`ErrorCode_ConnectionRefused()` as people say it."""
    if code is None:
        return "refused by the host"
    if isinstance(code, wasi.ErrorCode_InternalError) and code.value:
        return code.value
    name = type(code).__name__.partition("_")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    detail = getattr(code, "value", None)
    return words if detail is None else f"{words}: {detail}"


def _failed(doing: str, code: object) -> Error:
    kind: type[Error] = Error
    if isinstance(code, (wasi.ErrorCode_HttpRequestDenied, wasi.ErrorCode_HttpRequestUriInvalid, wasi.ErrorCode_HttpRequestMethodInvalid)):
        kind = NonRetriableError
    return kind(f"{doing}: {_words(code)}", name="HttpRequest")
