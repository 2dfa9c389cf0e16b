"""What happens inside the interpreter while a component is built, before its memory is frozen into the component.

The app is imported here, with everything that it may import later, since a component has no files. What goes wrong is reported as one line of JSON, which
`build/main.py` reads.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from . import _component, _sandbox
from ._failure import set_source_roots, source_path
from .app import App
from .errors import ConfigurationError

__all__ = ["MARK", "prepare"]

MARK = "ABIDE-BUILD "
"""What the line of JSON begins with."""

# Modules that others import when they are first needed.
_LATE = (
    "_strptime", "abide._wasi_http", "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_16", "encodings.utf_8_sig",
    "hashlib", "linecache", "stringprep", "traceback", "unicodedata", "uuid",
)  # fmt: skip



def prepare(entry: str, modules: Sequence[str], roots: dict[str, str], report: str) -> None:
    """Imports the app `entry` and the `modules` that it or its packages import later. `roots` says which folders of the author's the mounted ones are,
    `report` where to write the list of files that the app read."""
    set_source_roots(roots)
    _sandbox.install()
    opened: list[str] = []
    files = (builtins.open, io.open)
    builtins.open = io.open = _recording(opened)
    try:
        module = _import_app(entry)
        for late in (*_LATE, *modules):
            _import_late(late)
        _component.use_app(_find_app(entry, module))
    finally:
        builtins.open, io.open = files
    with open(report, "w", encoding="utf-8") as file:
        json.dump(opened, file)
    _sandbox.seal()


def _recording(opened: list[str]) -> Any:
    real = io.open

    def open_and_record(file: Any, *args: Any, **options: Any) -> Any:
        opened.append(str(file))
        return real(file, *args, **options)

    return open_and_record


def _import_app(entry: str) -> ModuleType:
    try:
        return importlib.import_module(entry)
    except SyntaxError as error:
        _fail(source_path(error.filename or ""), error.lineno, error.offset, f"{type(error).__name__}: {error.msg}", None)
    except BaseException as error:
        file, line = _place(error)
        _fail(file, line, None, _words(error), _help(error), traceback.format_exc())


def _import_late(name: str) -> None:
    """What cannot be imported is missed when it is needed, and said then."""
    try:
        importlib.import_module(name)
    except Exception:
        for half_imported in [one for one in sys.modules if one == name]:
            del sys.modules[half_imported]


def _find_app(entry: str, module: ModuleType) -> App:
    apps = {id(value): value for value in vars(module).values() if isinstance(value, App)}
    file = source_path(module.__file__ or entry)
    if not apps:
        _fail(file, None, None, "the module has no app", 'write `app = abide.App("my-app")` in it')
    if len(apps) > 1:
        _fail(file, None, None, f"the module has {len(apps)} apps, and a component is one", "keep one `abide.App` in the module")
    (app,) = apps.values()
    if not app.functions:
        _fail(file, None, None, f"the app `{app.id}` has no function", "declare one with `@app.function(…)`")
    return app


def _words(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, ConfigurationError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _help(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError):
        return (
            f"name its package under `dependencies` in pyproject.toml, if `{error.name}` is in one; modules of the app lie beside"
            " the entry file"
        )
    if isinstance(error, _sandbox.SandboxError):
        return "the app is imported while it is built: move this into a step's body"
    return None


def _place(error: BaseException) -> tuple[str | None, int | None]:
    """The innermost frame of the author's."""
    found: tuple[str | None, int | None] = (None, None)
    for frame in traceback.extract_tb(error.__traceback__):
        path = source_path(frame.filename)
        if path != frame.filename:
            found = (path, frame.lineno)
    return found


def _fail(
    file: str | None, line: int | None, column: int | None, message: str, help: str | None, trace: str | None = None
) -> NoReturn:
    problem = {"file": file, "line": line, "column": column, "message": message, "help": help}
    print(MARK + json.dumps(problem), file=sys.stderr, flush=True)
    raise SystemExit(trace or message)
