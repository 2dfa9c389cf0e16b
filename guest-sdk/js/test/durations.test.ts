import assert from "node:assert/strict";
import { test } from "node:test";

import { type DurationInput, durationToMs, timeToMs, timeoutToMs } from "../src/duration.ts";

const DAY = 86_400_000;

/** A Temporal object as the SDK sees it. */
const temporal = (tag: string, members: object) => ({ ...members, [Symbol.toStringTag]: tag }) as never;

test("durations read as people write them", () => {
  const given: [DurationInput, number][] = [
    ["3 days", 3 * DAY],
    ["2w", 14 * DAY],
    ["1h 30m", 90 * 60_000],
    ["1h30m", 90 * 60_000],
    ["1.5 hours", 90 * 60_000],
    ["250ms", 250],
    ["0s", 0],
    ["0.0001 s", 0],
    [" 10 Seconds ", 10_000],
    ["1_000 ms", 1_000],
    ["5000", 5_000],
    [7, 7],
    [0.5, 1],
    [temporal("Temporal.Duration", { hours: 1, seconds: 1 }), 3_601_000],
  ];
  for (const [duration, ms] of given) {
    assert.equal(durationToMs(duration), ms, String(duration));
  }
});

test("what is not a duration is refused, with what it should look like", () => {
  for (const wrong of ["", "  ", "days", "3 dayz", "-1s", "1..5s", "3 days and a half", "1 month", -1, Number.NaN]) {
    assert.throws(() => durationToMs(wrong), /is not a length of time: write it like `3 days`/, String(wrong));
  }
  const month = temporal("Temporal.Duration", { months: 1 });
  assert.throws(() => durationToMs(month), /is not a length of time/);
});

test("points in time are dates, text, or Temporal", () => {
  const ms = Date.UTC(2026, 2, 1, 9);
  assert.equal(timeToMs(new Date(ms)), ms);
  assert.equal(timeToMs("2026-03-01T09:00:00Z"), ms);
  assert.equal(timeToMs(temporal("Temporal.Instant", { epochMilliseconds: ms })), ms);
  assert.throws(() => timeToMs("soon"), /is not a point in time/);
  assert.throws(() => timeToMs(new Date(Number.NaN)), /is not a point in time/);
});

test("a timeout may be a point in time", () => {
  assert.equal(timeoutToMs(new Date(5_000), () => 2_000), 3_000);
  assert.equal(timeoutToMs(new Date(1_000), () => 2_000), 0);
  assert.equal(timeoutToMs("2s", () => 0), 2_000);
});
