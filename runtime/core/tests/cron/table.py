"""Computes table.json: the next ticks of many schedules, by implementations that are not ours.

    python -m venv venv && venv/bin/pip install croniter tzdata
    venv/bin/python table.py > table.json

Each row is computed twice:

- by croniter, an independent and widely used implementation, with a clock of the row's zone;
- by the clock below, which does what a person with a wall clock would do: it looks at it every minute, and whenever the
  clock shows a minute that it has not shown before, or has jumped over, it fires if such a minute matches. That is Abide's
  rule for the nights when clocks change: a time that is skipped fires at the end of the gap, several of them once, and a
  time that is shown twice fires the first time.

Where the two agree the row is croniter's ("by": "croniter"). They may differ only if the zone's clock changes between the
row's first and last moment, because croniter has other rules there; such rows are the clock's ("by": "clock"). Any other
difference stops the script. Both read the fields with croniter's parser; `implement_cron_bug` is croniter's name for the rule
of Vixie cron that a day field beginning with `*` does not restrict.
"""

import datetime as dt
import json
from zoneinfo import ZoneInfo

from croniter import croniter

UTC = dt.timezone.utc
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)

# The language: every form of every field, month ends, leap days, both day fields, names, wrapped ranges.
LANGUAGE = """
* * * * *
*/5 * * * *
*/7 * * * *
5/10 * * * *
0,30 * * * *
10-20 * * * *
10-30/7 * * * *
50-10/5 * * * *
1,3-5,*/20 * * * *
59 * * * *
0 * * * *
0 */2 * * *
0 */5 * * *
0 1-23/2 * * *
0 22-2 * * *
0 22-2/2 * * *
15 9-17 * * *
0,15,30,45 8,20 * * *
30 9 * * 1-5
30 9 * * MON-FRI
30 9 * * mon-fri
0 12 * * 0
0 12 * * 7
0 12 * * SUN
0 12 * * 5-7
0 12 * * FRI-SUN
0 12 * * FRI-MON
0 12 * * 7-2
0 12 * * 1,3,5
0 12 * * MON/2
0 12 * * */2
0 12 * * 1-5/2
0 0 1 * *
0 0 31 * *
0 0 30 * *
0 0 29 * *
0 0 28-31 * *
0 0 28-3 * *
0 0 5/10 * *
0 0 */10 * *
0 0 1,15 * *
0 0 29 2 *
0 0 28,29 FEB *
0 0 29 FEB,MAR *
59 23 31 12 *
0 0 1 1 *
0 6 1 */3 *
0 6 1 2/3 *
0 6 * JUN-AUG *
0 6 * NOV-FEB *
0 6 * jan,Jul,DEC *
0 0 13 * 5
0 0 13 * FRI
0 0 1,15 * MON
0 0 1-7 * MON
0 0 31 * SAT,SUN
0 0 29 2 MON
0 0 */2 * MON
0 0 */2 * */2
0 0 13 * */5
0 0 29 2 */3
0 0 * 2 0
30 4 1-10/3 6-9 2-4
*/15 0-6 1-7 1,4,7,10 SUN
23 0-20/2 * * *
5 4 * * sun
0 22 * * 1-5
""".strip().splitlines()

LANGUAGE_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
LANGUAGE_FROM = ["2023-12-31T23:58:30Z", "2026-01-01T00:00:00Z", "2028-02-28T22:59:59Z"]

# Around changes of the clock: what happens within hours of them.
CHANGES = """
* * * * *
*/15 * * * *
30 * * * *
0 * * * *
30 2 * * *
0 2 * * *
0,10,20,30 2 * * *
59 1 * * *
0 3 * * *
0,30 2,3 * * *
45 1 * * *
15 1 * * *
0 0 * * *
30 0 * * *
30 23 * * *
0 12 30 12 *
30 2 * * SUN
""".strip().splitlines()

# A moment of the hours in which each clock changes. Lord Howe moves by half an hour, Sao Paulo at midnight, Kathmandu moved by
# a quarter of an hour for good; Apia had no 30 December 2011, and Kwajalein no 21 August 1993.
CHANGE_NEAR = [
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("Europe/Berlin", "2098-10-26T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30Z"),
    ("Europe/Dublin", "2026-10-25T01:00Z"),
    ("Asia/Kolkata", "2026-03-29T01:00Z"),
]
# Hours from there: before; in the first and in the second showing of a repeated hour; after.
CHANGE_OFFSETS = [-3.0, -0.4, 0.3, 1.0]


def wall_at(zone, utc):
    """What the clock shows."""
    return utc.astimezone(zone).replace(tzinfo=None)


def changes_between(zone, first, last):
    """Whether the clock changes; looks every hour."""
    offset, at = first.astimezone(zone).utcoffset(), first
    while at < last:
        at = min(at + dt.timedelta(hours=1), last)
        if at.astimezone(zone).utcoffset() != offset:
            return True
    return False


class Fields:
    """The values of the five fields, as croniter reads them."""

    def __init__(self, fields):
        lists = croniter.expand(fields)[0]
        everything = [range(60), range(24), range(1, 32), range(1, 13), range(7)]
        self.sets = [set(all_) if "*" in list_ else set(list_) for list_, all_ in zip(lists, everything)]
        _, _, day, _, weekday = fields.split()
        self.starred = day.startswith("*") or weekday.startswith("*")

    def match_day(self, wall):
        """Whether the date matches."""
        of_month = wall.day in self.sets[2]
        of_week = wall.isoweekday() % 7 in self.sets[4]
        day = (of_month and of_week) if self.starred else (of_month or of_week)
        return day and wall.month in self.sets[3]

    def match(self, wall):
        """Whether the minute matches."""
        return wall.minute in self.sets[0] and wall.hour in self.sets[1] and self.match_day(wall)


def by_clock(fields, zone, start, count):
    """The ticks after `start`, by looking at the clock every minute."""
    fields = Fields(fields)
    ticks = []
    # What was shown in the day before counts as shown.
    now = start.replace(second=0) - DAY - DAY
    shown = wall_at(zone, now)
    while len(ticks) < count:
        ahead = [wall_at(zone, now + DAY * n) + DAY * m for n in range(2) for m in range(-2, 3)]
        if now > start and not any(fields.match_day(wall) for wall in ahead):
            now += DAY
            shown = max(shown, wall_at(zone, now))
            continue
        for _ in range(24 * 60):
            now += MINUTE
            wall = wall_at(zone, now)
            fires = False
            while shown < wall:
                shown += MINUTE
                fires = fires or fields.match(shown)
            if fires and now > start:
                ticks.append(now)
    return ticks[:count]


def by_croniter(fields, zone, start, count):
    """The ticks after `start`, by croniter."""
    ticks = croniter(fields, start.astimezone(zone), ret_type=dt.datetime, implement_cron_bug=True)
    return [ticks.get_next().astimezone(UTC) for _ in range(count)]


def row(fields, name, start, count):
    """One row of the table."""
    zone = ZoneInfo(name)
    start = dt.datetime.fromisoformat(start) if isinstance(start, str) else start
    ticks = by_clock(fields, zone, start, count)
    by = "croniter"
    if by_croniter(fields, zone, start, count) != ticks:
        assert changes_between(zone, start - DAY, ticks[-1]), (fields, name, start, ticks)
        by = "clock"
    return {
        "expr": fields if name == "UTC" else f"TZ={name} {fields}",
        "from": text(start),
        "next": [text(tick) for tick in ticks],
        "by": by,
    }


def text(at):
    """RFC 3339, UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def rows():
    """All of them."""
    for index, fields in enumerate(LANGUAGE):
        for turn, start in enumerate(LANGUAGE_FROM):
            yield row(fields, LANGUAGE_ZONES[(index + turn) % len(LANGUAGE_ZONES)], start, 4)
    for index, (name, near) in enumerate(CHANGE_NEAR):
        for turn, fields in enumerate(CHANGES):
            for hours in CHANGE_OFFSETS[(index + turn) % 2 :: 2]:
                start = dt.datetime.fromisoformat(near) + dt.timedelta(hours=hours)
                yield row(fields, name, start, 2)
        yield row("* * * * *", name, dt.datetime.fromisoformat(near) - MINUTE, 2)
        yield row("*/10 * * * *", name, dt.datetime.fromisoformat(near) - MINUTE * 40, 12)


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(row) for row in rows())
    print(f"[\n{lines}\n]")
