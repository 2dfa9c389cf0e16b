"""JSON both ways: what authors return and send becomes text, and recorded text becomes what they annotated.

Written are dataclasses, enums, times, `Decimal`, `UUID`, `bytes` and sets besides what JSON has. Read is what a type annotation asks for. What
is not understood is an error that names the place; nothing is guessed.
"""

from __future__ import annotations

import base64
import binascii
import collections.abc as abc
import dataclasses
import enum
import functools
import json
import types
import typing
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["Misfit", "decode", "encode", "is_structured", "name_of", "parse"]


class Misfit(ValueError):
    """A value that is not what the annotation asks for; the message begins with the place."""


def encode(value: object) -> str:
    """The value as JSON text. `ValueError` says what in it JSON cannot express."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it cannot be written as JSON: a text in it holds half a surrogate pair") from None
    except RecursionError:
        raise ValueError("it cannot be written as JSON: it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"it cannot be written as JSON: {error}") from None
    return text


def parse(text: str) -> Any:
    """What a JSON text says, as dicts, lists, texts and numbers."""
    return json.loads(text)


def _plain(value: object) -> object:
    """Something JSON has in place of `value`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, (set, frozenset)):
        # In an order that depends on the members only.
        return sorted(value, key=encode)
    if isinstance(value, abc.Mapping):
        return dict(value)
    if isinstance(value, abc.Coroutine):
        raise TypeError("it is a coroutine that nobody awaited")
    raise TypeError(f"a value of type `{type(value).__name__}` has no form in JSON: return a dict, a list or a dataclass")


def is_structured(annotation: Any) -> bool:
    """Whether reading a value as this type can give something else than what JSON has."""
    return annotation not in (Any, None, type(None), object, bool, int, float, str, dict, list)


def decode(value: Any, annotation: Any) -> Any:
    """The parsed JSON value as the annotation asks for it. `Misfit` says where it is something else."""
    return _read(value, annotation, "")


def name_of(annotation: Any) -> str:
    """How people call the type."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _misfit(value: Any, annotation: Any, place: str) -> Misfit:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
    return Misfit(f"{place or 'the value'}: {shown} is not a `{name_of(annotation)}`")


def _read(value: Any, annotation: Any, place: str) -> Any:
    if annotation is Any or annotation is object or isinstance(annotation, (typing.TypeVar, str)):
        return value
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _read_generic(value, annotation, origin, place)
    if isinstance(annotation, typing.NewType):
        return _read(value, annotation.__supertype__, place)
    if annotation is None or annotation is type(None):
        if value is not None:
            raise _misfit(value, annotation, place)
        return None
    if typing.is_typeddict(annotation):
        return _read_typed_dict(value, annotation, place)
    if not isinstance(annotation, type):
        # A type alias, or a form of typing that says nothing about the shape.
        return _read(value, annotation.__value__, place) if hasattr(annotation, "__value__") else value
    return _read_class(value, annotation, place)


def _read_class(value: Any, cls: type, place: str) -> Any:
    if cls is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if cls in (bool, int, float, str):
        if type(value) is not cls:
            raise _misfit(value, cls, place)
        return value
    if dataclasses.is_dataclass(cls):
        return _read_dataclass(value, cls, place)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        if not isinstance(value, list) or len(value) != len(cls._fields):
            raise _misfit(value, cls, place)
        hints = _hints(cls)
        return cls(*(_read(item, hints.get(name, Any), f"{place}.{name}".lstrip(".")) for name, item in zip(cls._fields, value)))
    reader = _SCALARS.get(cls)
    try:
        if reader is not None:
            return reader(value)
        if issubclass(cls, enum.Enum):
            return cls(value)
    except (ValueError, TypeError, InvalidOperation, binascii.Error):
        raise _misfit(value, cls, place) from None
    if issubclass(cls, dict):
        expected: type = dict
    elif cls in (list, tuple, set, frozenset):
        expected = list
    else:
        # A class of the author's own that JSON knows nothing of: the value stays as it is.
        return value
    if not isinstance(value, expected):
        raise _misfit(value, cls, place)
    make: abc.Callable[[Any], Any] = cls
    return value if cls in (dict, list) else make(value)


def _text(read: abc.Callable[[str], Any]) -> abc.Callable[[Any], Any]:
    def reader(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError
        return read(value)

    return reader


def _seconds(value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    return timedelta(seconds=value)


_SCALARS: dict[type, abc.Callable[[Any], Any]] = {
    datetime: _text(datetime.fromisoformat),
    date: _text(date.fromisoformat),
    time: _text(time.fromisoformat),
    timedelta: _seconds,
    Decimal: _text(Decimal),
    uuid.UUID: _text(uuid.UUID),
    bytes: _text(lambda text: base64.b64decode(text, validate=True)),
}

_LISTS = (list, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection, abc.Set)


def _read_generic(value: Any, annotation: Any, origin: Any, place: str) -> Any:
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, annotation, arguments, place)
    if origin is typing.Literal:
        if any(type(value) is type(one) and value == one for one in arguments):
            return value
        raise _misfit(value, annotation, place)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final, getattr(typing, "ReadOnly", None)):
        return _read(value, arguments[0], place)
    if origin is tuple:
        return _read_tuple(value, annotation, arguments, place)
    if origin in _LISTS:
        if not isinstance(value, list):
            raise _misfit(value, annotation, place)
        items = [_read(item, arguments[0], f"{place}[{index}]") for index, item in enumerate(value)]
        return {set: set, frozenset: frozenset, abc.Set: frozenset}.get(origin, list)(items)
    if origin in (dict, abc.Mapping, abc.MutableMapping):
        if not isinstance(value, dict):
            raise _misfit(value, annotation, place)
        return {key: _read(item, arguments[1], f"{place}.{key}".lstrip(".")) for key, item in value.items()}
    if dataclasses.is_dataclass(origin):
        return _read_dataclass(value, typing.cast(type, origin), place, arguments)
    return value


def _read_union(value: Any, annotation: Any, arguments: tuple[Any, ...], place: str) -> Any:
    # What fits exactly goes first, so that `int | float` keeps an int, and a text is a `str` before it is a `date`.
    for one in arguments:
        if one in (type(None), bool, int, float, str) and type(value) is one:
            return value
    problems = []
    for one in arguments:
        try:
            return _read(value, one, place)
        except Misfit as problem:
            problems.append(problem)
    shapes = [one for one in arguments if one not in (type(None), bool, int, float, str)]
    if isinstance(value, dict) and len(shapes) == 1:
        raise problems[arguments.index(shapes[0])]
    raise _misfit(value, annotation, place)


def _read_tuple(value: Any, annotation: Any, arguments: tuple[Any, ...], place: str) -> Any:
    if not isinstance(value, list):
        raise _misfit(value, annotation, place)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        raise _misfit(value, annotation, place)
    return tuple(_read(item, one, f"{place}[{index}]") for index, (item, one) in enumerate(zip(value, arguments)))


def _read_dataclass(value: Any, cls: type, place: str, arguments: tuple[Any, ...] = ()) -> Any:
    if not isinstance(value, dict):
        raise _misfit(value, cls, place)
    bound = dict(zip(getattr(cls, "__parameters__", ()), arguments))
    hints = {name: _substituted(hint, bound) for name, hint in _hints(cls).items()} if bound else _hints(cls)
    given = {}
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        inside = f"{place}.{field.name}".lstrip(".")
        if field.name in value:
            given[field.name] = _read(value[field.name], hints.get(field.name, Any), inside)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if not _takes_none(hints.get(field.name, Any)):
                raise Misfit(f"{inside}: it is missing, and a `{cls.__name__}` needs it")
            given[field.name] = None
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise Misfit(f"{place or 'the value'}: `{cls.__name__}` refused it: {error}") from error


def _read_typed_dict(value: Any, cls: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise _misfit(value, cls, place)
    hints = _hints(cls)
    for name in sorted(cls.__required_keys__):
        if name not in value:
            raise Misfit(f"{f'{place}.{name}'.lstrip('.')}: it is missing, and a `{cls.__name__}` needs it")
    return {name: _read(item, hints.get(name, Any), f"{place}.{name}".lstrip(".")) for name, item in value.items()}


def _substituted(annotation: Any, bound: dict[Any, Any]) -> Any:
    """The annotation of a generic class's field, for the arguments that the class was given."""
    if annotation in bound:
        return bound[annotation]
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(bound.get(one, Any) for one in parameters)]


def _takes_none(annotation: Any) -> bool:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return union and type(None) in typing.get_args(annotation)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)
