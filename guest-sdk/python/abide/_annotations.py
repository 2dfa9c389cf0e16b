"""What a function's annotations say about its values.

An annotation that cannot be resolved is an error that names it, because without it a value would silently stay what JSON has. Others, of the same
function, may be unresolvable: they do not matter.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["Unresolved", "of_parameter", "of_parameters", "of_result"]


class Unresolved(TypeError):
    """An annotation that names something unknown."""


def of_result(fn: Callable[..., Any]) -> Any:
    """The type of what a function returns; `None` if it does not say."""
    return _resolve(fn, "return")


def of_parameter(fn: Callable[..., Any], position: int) -> Any:
    """The type of a positional parameter; `None` if it does not say, or has no such parameter."""
    names = _positional(fn)
    return _resolve(fn, names[position]) if position < len(names) else None


def of_parameters(fn: Callable[..., Any], count: int) -> tuple[Any, ...] | None:
    """The types of the first `count` parameters, `Any` where it does not say; `None` if it has not so many."""
    names = _positional(fn)
    if not 0 < count <= len(names):
        return None
    return tuple(Any if (found := _resolve(fn, name)) is None else found for name in names[:count])


def _positional(fn: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(_plain(fn)).parameters.values()
    except (NameError, TypeError, ValueError):
        return []
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    given = len(fn.args) if isinstance(fn, functools.partial) else 0
    return names[given:]


def _resolve(fn: Callable[..., Any], name: str) -> Any:
    plain = _plain(fn)
    if getattr(plain, "__name__", None) == "<lambda>":
        # It cannot have any, and looking for them takes longer than most of its bodies.
        return None
    try:
        return typing.get_type_hints(plain, include_extras=True).get(name)
    except (AttributeError, TypeError):
        return None
    except NameError as error:
        found = _raw(plain).get(name)
        if not isinstance(found, (str, typing.ForwardRef)):
            return found
        text = found if isinstance(found, str) else found.__forward_arg__
        try:
            return eval(text, getattr(plain, "__globals__", {}), _enclosing(plain))
        except NameError:
            called = getattr(plain, "__name__", "the function")
            message = f"the annotation `{text}` of `{called}` cannot be resolved ({error}): define or import it at the top of the module"
            raise Unresolved(message) from None


def _raw(fn: Callable[..., Any]) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(fn, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(fn)


def _enclosing(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        return dict(inspect.getclosurevars(fn).nonlocals)
    except TypeError:
        return {}


def _plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.isfunction(fn) or inspect.ismethod(fn) or inspect.isclass(fn) or inspect.isbuiltin(fn):
        return fn
    call = getattr(type(fn), "__call__", None)
    return fn if call is None else getattr(fn, "__call__")
