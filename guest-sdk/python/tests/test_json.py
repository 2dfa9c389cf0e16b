"""JSON both ways."""

import unittest
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

from abide import _json
from abide._json import Misfit, decode, encode, parse


class Color(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Line:
    sku: str
    price: Decimal
    color: Color = Color.RED


T = TypeVar("T")


@dataclass
class Page(Generic[T]):
    first: T
    items: list[T]


@dataclass
class Order:
    id: UUID
    lines: list[Line]
    placed: datetime
    note: str | None
    tags: set[str] = field(default_factory=set)
    at: Point | None = None


class Mail(TypedDict):
    to: str
    subject: NotRequired[str]


ORDER = Order(
    UUID(int=7), [Line("a", Decimal("1.10"))], datetime(2026, 1, 2, tzinfo=timezone.utc), None, {"y", "x"}, Point(1, 2)
)


class Writing(unittest.TestCase):
    def test_what_is_written_reads_back_as_its_type(self) -> None:
        self.assertEqual(decode(parse(encode(ORDER)), Order), ORDER)
        for value, annotation in (
            (timedelta(seconds=1.5), timedelta),
            (date(2026, 1, 2), date),
            (b"\xff\x00", bytes),
            ((1, "a"), tuple[int, str]),
            ({"a": [Color.RED]}, dict[str, list[Color]]),
            (frozenset({1}), frozenset[int]),
            (Page(date(2026, 1, 2), [date(2026, 1, 3)]), Page[date]),
        ):
            self.assertEqual(decode(parse(encode(value)), annotation), value)

    def test_a_set_is_written_in_an_order_that_its_members_say(self) -> None:
        self.assertEqual(encode({"b", "a", "c"}), '["a","b","c"]')

    def test_what_json_cannot_express_is_refused_with_a_reason(self) -> None:
        async def coroutine() -> None: ...

        left = coroutine()
        for value, reason in (
            (float("nan"), "not JSON compliant"),
            (object(), "a value of type `object` has no form in JSON"),
            ("\ud800", "half a surrogate pair"),
            (left, "a coroutine that nobody awaited"),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                encode(value)
        left.close()

    def test_text_is_written_as_it_is(self) -> None:
        self.assertEqual(encode({"größe": "🧭"}), '{"größe":"🧭"}')


class Reading(unittest.TestCase):
    def test_a_misfit_names_its_place(self) -> None:
        for value, annotation, words in (
            ({"sku": 1, "price": "1"}, Line, "sku: 1 is not a `str`"),
            ({"price": "1"}, Line, "sku: it is missing, and a `Line` needs it"),
            ([{"sku": "a", "price": "x"}], list[Line], r'\[0\].price: "x" is not a `Decimal`'),
            ({"subject": "s"}, Mail, "to: it is missing, and a `Mail` needs it"),
            ({"to": None}, Mail, "to: null is not a `str`"),
            ({"first": 1, "items": [1, "b"]}, Page[int], r'items\[1\]: "b" is not a `int`'),
            (True, int, "the value: true is not a `int`"),
            ("blue", Color, 'the value: "blue" is not a `Color`'),
            ("c", Literal["a", "b"], "is not a"),
            ([1], tuple[int, int], "is not a"),
        ):
            with self.assertRaisesRegex(Misfit, words):
                decode(value, annotation)

    def test_an_absent_optional_field_is_none_and_a_default_holds(self) -> None:
        read = decode({"id": str(UUID(int=7)), "lines": [], "placed": "2026-01-02T00:00:00Z"}, Order)
        self.assertEqual((read.note, read.tags, read.at), (None, set(), None))

    def test_a_union_takes_what_fits_exactly_first(self) -> None:
        self.assertIs(type(decode(1, int | float)), int)
        self.assertEqual(decode("2026-01-02", date | str), "2026-01-02")
        with self.assertRaisesRegex(Misfit, "sku: 1 is not a `str`"):
            decode({"sku": 1, "price": "1"}, Line | None)

    def test_a_class_that_json_knows_nothing_of_leaves_the_value_as_it_is(self) -> None:
        class Own: ...

        self.assertEqual(decode({"a": 1}, Own), {"a": 1})
        self.assertEqual(decode([1, {"b": None}], Any), [1, {"b": None}])
        self.assertFalse(_json.is_structured(Any))
