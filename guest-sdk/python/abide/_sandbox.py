"""What the sandbox lacks or does otherwise, made to behave or to say so. Only in a component.

Workflow code and bodies run in the same interpreter, one after the other. In workflow code clock and randomness are the run's: the host sees to the
clock and to `os.urandom`, this module to `random`, whose state the build had baked in. In a body everything is real, and afterwards as it was.

What cannot work at all (threads, processes, sockets) raises an error that names the remedy, wherever it is used.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import importlib.abc
import importlib.machinery
import io
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from wit_world.imports import environment

from . import _body, _logging, _urllib
from ._wasi_loop import BodyLoop
from .errors import NonRetriableError

__all__ = ["begin_run", "install", "seal"]


class SandboxError(NonRetriableError, OSError, RuntimeError):
    """Something that the sandbox has not. It is an `OSError` and a `RuntimeError` too, for code that expects those."""


def install() -> None:
    """Puts everything in its place. The build calls it before the app is imported, so that the app finds it there."""
    asyncio.new_event_loop = asyncio.events.new_event_loop = BodyLoop
    _body.on_body(_real_surroundings)
    _logging.install()
    _urllib.install()
    _clear_environment()
    _refuse_what_is_missing()
    time.sleep = _sleep_of(time.sleep)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def begin_run() -> None:
    """A run begins: its randomness follows from the run, and not from the build."""
    random.seed(os.urandom(32))


def seal() -> None:
    """The build is over: there are no files any more, so no module can be imported that was not."""
    sys.meta_path.append(_NoFiles())
    sys.path_importer_cache.clear()
    builtins.open = io.open = _open_refused
    _clear_environment()


@contextlib.contextmanager
def _real_surroundings() -> Iterator[None]:
    """A body's variables and randomness."""
    state = random.getstate()
    random.seed(os.urandom(32))
    os.environ.update(environment.get_environment())
    try:
        yield
    finally:
        _clear_environment()
        random.setstate(state)


def _clear_environment() -> None:
    # Workflow code has none, and what the build had is nobody's business.
    for name in list(os.environ):
        del os.environ[name]


def _sleep_of(sleep: Callable[[Any], None]) -> Callable[[Any], None]:
    def sleep_in_a_body(seconds: Any) -> None:
        """Suspends a body. Workflow code sleeps by `ctx.step.sleep`."""
        if not _body.executing():
            message = "`time.sleep` in workflow code: no time passes there. Use `await ctx.step.sleep(\"id\", \"5s\")`"
            raise NonRetriableError(message, name="WorkflowTimer")
        sleep(seconds)

    return sleep_in_a_body


def _refusal(message: str) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        raise SandboxError(message)

    return refuse


_NO_THREADS = "there are no threads in the sandbox: use `asyncio.gather` over steps, or async code in the body"
_NO_PROCESSES = "there are no processes in the sandbox: call a service over HTTP from the step's body instead"
_NO_SOCKETS = "there are no sockets in the sandbox: a step's body uses `abide.http` or `urllib.request`, workflow code `ctx.step.fetch`"


def _refuse_what_is_missing() -> None:
    import _thread
    import concurrent.futures.thread as pool
    import socket
    import threading

    threading.Thread.start = _refusal(_NO_THREADS)  # type: ignore[method-assign]
    _thread.start_new_thread = _refusal(_NO_THREADS)
    pool.ThreadPoolExecutor.submit = _refusal(_NO_THREADS)  # type: ignore[method-assign]
    socket.create_connection = _refusal(_NO_SOCKETS)
    socket.create_server = _refusal(_NO_SOCKETS)
    socket.getaddrinfo = _refusal(_NO_SOCKETS)
    for method in ("connect", "connect_ex", "bind", "listen", "accept", "send", "sendall", "sendto", "recv"):
        setattr(socket.socket, method, _refusal(_NO_SOCKETS))
    for function in ("system", "popen", "fork", "execv", "execve", "posix_spawn"):
        setattr(os, function, _refusal(_NO_PROCESSES))
    try:
        import subprocess
    except ImportError:
        return
    subprocess.Popen.__init__ = _refusal(_NO_PROCESSES)  # type: ignore[method-assign]


class _NoFiles(importlib.abc.MetaPathFinder):
    """The last finder: says why a module cannot be found."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        # Optional modules of the standard library are tried and missed by itself; nobody is to blame.
        frame: Any = sys._getframe(1)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in sys.stdlib_module_names:
            return None
        message = f"there are no files in the sandbox to import `{name}` from: import it at the top of a module, then the build takes it along"
        raise ModuleNotFoundError(message, name=name)


def _open_refused(file: Any, *args: Any, **options: Any) -> Any:
    raise SandboxError(
        f"there are no files in the sandbox, and no {file!r}: read it at the top of a module, then the build takes its content along"
    )
