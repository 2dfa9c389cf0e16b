"""What spans tell the host."""

from __future__ import annotations

import asyncio
import json
import unittest

import abide
from abide import _span


class SpanTest(unittest.TestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        _span.connect(self.lines.append)
        self.addCleanup(_span.connect, _span._nobody)

    def marks(self) -> list[dict[str, object]]:
        self.assertTrue(all(line.startswith('{"abide.span":') for line in self.lines))
        marks = [json.loads(line) for line in self.lines]
        first = min(mark["id"] for mark in marks) - 1
        return [{key: value - first if key in ("id", "parent") else value for key, value in mark.items()} for mark in marks]

    def test_a_span_has_attributes_and_those_that_are_opened_within_are_below_it(self) -> None:
        with abide.span("charge", amount=3, to="Änn") as charge:
            with abide.span("ask"):
                pass
            charge.set(status=200)
        self.assertEqual(
            self.marks(),
            [
                {"abide.span": "begin", "id": 1, "message": "charge", "fields": {"amount": 3, "to": "Änn"}},
                {"abide.span": "begin", "id": 2, "parent": 1, "message": "ask", "fields": {}},
                {"abide.span": "end", "id": 2, "message": "ask", "fields": {}},
                {"abide.span": "end", "id": 1, "message": "charge", "fields": {"status": 200}},
            ],
        )

    def test_what_is_raised_ends_it_as_failed_and_goes_on(self) -> None:
        with self.assertRaises(ValueError), abide.span("charge"):
            raise ValueError("declined")
        self.assertEqual(self.marks()[1]["error"], "ValueError: declined")

    def test_tasks_side_by_side_do_not_take_each_others_spans_for_their_own(self) -> None:
        async def one(name: str) -> None:
            with abide.span(name):
                await asyncio.sleep(0)
                with abide.span(f"{name} within"):
                    await asyncio.sleep(0)

        async def both() -> None:
            await asyncio.gather(one("a"), one("b"))

        asyncio.run(both())
        begun = {mark["message"]: mark for mark in self.marks() if mark["abide.span"] == "begin"}
        for name in ("a", "b"):
            self.assertEqual(begun[f"{name} within"]["parent"], begun[name]["id"])


if __name__ == "__main__":
    unittest.main()
