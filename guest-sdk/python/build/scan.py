"""Reads an app's source, without running it: where it begins, what it imports, and which of that cannot work in a sandbox.

The sources are parsed by the Python that runs the build, which may be older than the one in the component. So a file that cannot be parsed here is left to
the component's own parser, whose word counts.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from report import Problem

# Folders that hold no source of the app.
SKIPPED = {"__pycache__", "abide-sdk", "build", "dist", "node_modules", "target", "venv", "site-packages"}

_SOCKETS = "a step's body uses `abide.http` or `urllib.request`, workflow code `ctx.step.fetch`"
_PROCESSES = "there are no processes in the sandbox: call a service over HTTP from the step's body instead"
_NATIVE = "the sandbox runs pure Python: call a service over HTTP from the step's body instead"

# What an app that imports it cannot do, and what it does instead.
_IMPOSSIBLE = {
    "multiprocessing": "there are no processes in the sandbox: use `asyncio.gather` over steps, whose bodies run side by side",
    "subprocess": _PROCESSES,
    "pty": _PROCESSES,
    "socket": _SOCKETS,
    "socketserver": "a component serves nothing: an event starts a function",
    "http.server": "a component serves nothing: an event starts a function",
    "xmlrpc.server": "a component serves nothing: an event starts a function",
    "wsgiref": "a component serves nothing: an event starts a function",
    "ssl": _SOCKETS,
    "ftplib": _SOCKETS,
    "imaplib": _SOCKETS,
    "poplib": _SOCKETS,
    "smtplib": "there are no sockets in the sandbox: send mail through a provider's HTTP API",
    "ctypes": _NATIVE,
    "sqlite3": "there are no files in the sandbox: keep results in steps, or call a database over HTTP",
    "dbm": "there are no files in the sandbox: keep results in steps, or call a database over HTTP",
    "tkinter": "there is no screen in the sandbox",
    "curses": "there is no terminal in the sandbox",
    "readline": "there is no terminal in the sandbox",
    "fcntl": "there are no files in the sandbox",
    "mmap": "there are no files in the sandbox",
    "resource": "the platform limits memory and time: see the `timeout` of steps",
    "requests": _SOCKETS,
    "httpx": _SOCKETS,
    "aiohttp": _SOCKETS,
}


# Names that the build itself gives to modules.
_TAKEN = {"abide", "abide_entry", "wit_world", "componentize_py_types", "componentize_py_runtime"}


@dataclass
class Source:
    """An app's source, as far as it can be read without running it."""

    entry: str
    """The module that holds the app."""
    root: Path
    """The folder that modules are imported from."""
    files: list[Path] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    """Every module that the app imports anywhere, functions included."""
    problems: list[Problem] = field(default_factory=list)


def find_entry(app: Path, given: str | None) -> tuple[str, Path]:
    """The entry module and the folder that it is imported from."""
    if given is not None:
        file = app / given
        if not file.is_file() and not given.endswith(".py"):
            file = app / (given.replace(".", "/") + ".py")
        if not file.is_file():
            raise Problem(f"there is no file `{given}` in the app's folder", help="correct `entry` under [build] in abide.toml")
        # A module inside a package is imported from the folder that the package is in.
        root, name = file.parent, file.stem
        while (root / "__init__.py").is_file() and root != app:
            root, name = root.parent, f"{root.name}.{name}"
        return name.removesuffix(".__init__"), root
    for file in (app / "app.py", app / "src" / "app.py"):
        if file.is_file():
            return "app", file.parent
    raise Problem(
        "the app has neither app.py nor src/app.py",
        help='write one that holds `app = abide.App("…")`, or name the file by `entry` under [build] in abide.toml',
    )


def read(app: Path, given: str | None) -> Source:
    """Follows the imports from the entry module on."""
    entry, root = find_entry(app, given)
    source = Source(entry, root)
    seen: set[str] = set()
    waiting = [entry]
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file_of(root, name)
        if file is None:
            continue
        source.files.append(file)
        for one in _imports(file, name):
            names.add(one.module)
            waiting.extend(_with_parents(one.module))
            if not one.guarded:
                _judge(source, app, file, one)
    source.modules = sorted(names)
    return source


def late_imports(folder: Path) -> list[str]:
    """What packages import inside functions, when it is first needed."""
    names: set[str] = set()
    for file in sources_in(folder):
        parts = list(file.relative_to(folder).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        names.update(one.module for one in _imports(file, name, late=True))
    return sorted(names)


def sources_in(folder: Path) -> Iterator[Path]:
    """All Python files in a folder, in an order of their own."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in SKIPPED and not one.startswith("."))
        yield from (Path(path, one) for one in sorted(files) if one.endswith(".py"))


def _file_of(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


@dataclass(frozen=True)
class _Import:
    module: str
    line: int
    column: int
    guarded: bool
    """Whether the author expects that it may fail."""


def _imports(file: Path, module: str, *, late: bool = False) -> Iterator[_Import]:
    """The modules that a file imports; only those inside functions if `late`."""
    try:
        tree = ast.parse(file.read_bytes(), file.name)
    except (SyntaxError, ValueError):
        return
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    typing_only = {id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)}
    roots = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))] if late else [tree]
    guarded = _guarded(tree)
    for node in (node for root in roots for node in ast.walk(root)):
        if id(node) in typing_only or not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        line, column, expected = node.lineno, node.col_offset + 1, id(node) in guarded
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(alias.name, line, column, expected)
        else:
            base = node.module or ""
            if node.level:
                parents = package.split(".") if package else []
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            if base:
                yield _Import(base, line, column, expected)
            # `from package import module` names a module too, perhaps.
            for alias in node.names:
                if alias.name != "*":
                    yield _Import(f"{base}.{alias.name}".lstrip("."), line, column, expected)


def _is_type_checking(node: ast.AST) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")


def _guarded(tree: ast.AST) -> set[int]:
    """Imports that the author expects to fail: those in a `try` that catches it."""
    expected = {"ImportError", "ModuleNotFoundError", "Exception"}
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    return {
        id(inside)
        for one in tries
        if any(handler.type is None or expected & {word.id for word in ast.walk(handler.type) if isinstance(word, ast.Name)} for handler in one.handlers)
        for statement in one.body
        for inside in ast.walk(statement)
    }


def _judge(source: Source, app: Path, file: Path, one: _Import) -> None:
    where = (str(file.relative_to(app)), one.line, one.column)
    first = one.module.partition(".")[0]
    own = _file_of(source.root, first)
    problems = []
    if own is not None and (first in sys.stdlib_module_names or first in _TAKEN):
        whose = "the SDK's" if first in _TAKEN else "the standard library's"
        message = f"`{own.relative_to(app)}` would never be imported: `{first}` is {whose}"
        problems.append(Problem(message, *where, "give the module another name"))
    elif own is None:
        problems += [
            Problem(f"`{name}` cannot work in the sandbox that functions run in", *where, _IMPOSSIBLE[name])
            for name in _with_parents(one.module)
            if name in _IMPOSSIBLE
        ]
    source.problems.extend(problem for problem in problems if problem not in source.problems)
