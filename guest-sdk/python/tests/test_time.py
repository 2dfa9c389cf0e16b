"""Lengths and points of time."""

import unittest
from datetime import datetime, timedelta, timezone

from abide._time import duration_ms, time_ms

DAY = 86_400_000


class Durations(unittest.TestCase):
    def test_durations_read_as_people_write_them(self) -> None:
        for text, ms in {
            "3 days": 3 * DAY,
            "1 day": DAY,
            "2w": 14 * DAY,
            "1h 30m": 90 * 60_000,
            "1h30m": 90 * 60_000,
            "1.5 hours": 90 * 60_000,
            "250ms": 250,
            "0s": 0,
            "0.0001 s": 0,
            " 10 Seconds ": 10_000,
            "1_000 ms": 1_000,
        }.items():
            self.assertEqual(duration_ms(text), ms, text)

    def test_what_is_not_a_duration_is_refused(self) -> None:
        for text in (
            "", "  ", "3", "days", "3 dayz", "-1s", "1..5s", ".s", "3 days and a half", "99999999999999999999d", "1 month", "1µs", "٣ days",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=text) as refused:
                duration_ms(text)
            self.assertIn("write it like `3 days`, `1h 30m` or `250ms`", str(refused.exception))

    def test_a_part_of_a_millisecond_is_a_whole_one(self) -> None:
        self.assertEqual(duration_ms(timedelta(microseconds=1)), 1)
        self.assertEqual(duration_ms(timedelta(milliseconds=7)), 7)

    def test_a_number_without_a_unit_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "`5` has no unit"):
            duration_ms(5)  # type: ignore[arg-type]
        with self.assertRaisesRegex(ValueError, "is negative"):
            duration_ms(timedelta(seconds=-1))


class Times(unittest.TestCase):
    def test_times_with_a_zone_are_milliseconds_since_the_epoch(self) -> None:
        self.assertEqual(time_ms("1970-01-01T00:00:01.5Z"), 1_500)
        self.assertEqual(time_ms("1970-01-01T02:00:00+02:00"), 0)
        self.assertEqual(time_ms(datetime(2026, 1, 1, tzinfo=timezone.utc)), 1_767_225_600_000)
        self.assertEqual(time_ms(datetime(1960, 1, 1, tzinfo=timezone.utc)), 0)

    def test_a_time_without_a_zone_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "has no time zone"):
            time_ms("2026-01-01T00:00:00")
        with self.assertRaisesRegex(ValueError, "is not a time"):
            time_ms("soon")
