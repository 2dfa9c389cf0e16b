"""What `extra` gives a log line."""

from __future__ import annotations

import datetime
import json
import logging
import unittest

from abide._log_fields import line


def record(extra: dict[str, object] | None) -> logging.LogRecord:
    return logging.getLogger("shop").makeRecord("shop", logging.INFO, "app.py", 1, "charged", (), None, extra=extra)


class LogFieldsTest(unittest.TestCase):
    def test_a_call_without_extra_is_its_message(self) -> None:
        self.assertEqual(line("charged", record(None)), "charged")

    def test_extra_becomes_fields_in_their_order(self) -> None:
        text = line("charged", record({"order": 42, "to": "Änn", "items": [1, None]}))
        self.assertEqual(text, '{"message":"charged","fields":{"order":42,"to":"Änn","items":[1, null]}}')

    def test_every_value_has_a_form(self) -> None:
        loop: list[object] = []
        loop.append(loop)
        extra = {"at": datetime.date(2026, 1, 2), "nan": float("nan"), "loop": loop, "keys": {(1, 2): 3}}
        fields = json.loads(line("odd", record(extra)))["fields"]
        self.assertEqual(fields["at"], "2026-01-02")
        self.assertEqual(fields["nan"], "nan")
        self.assertEqual(fields["loop"], "[[...]]")
        self.assertEqual(fields["keys"], "{(1, 2): 3}")


if __name__ == "__main__":
    unittest.main()
