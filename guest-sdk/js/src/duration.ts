/**
 * Lengths and points of time as authors write them.
 *
 * A length is a number of milliseconds, text such as `"3 days"` or `"1h30m"`, or a `Temporal.Duration`; a point is a `Date`, ISO 8601 text, or a
 * `Temporal.Instant` or `ZonedDateTime`. Temporal objects are known by their tag, so that none of its implementations is needed here.
 */

/** A `Temporal.Duration`, of whatever implementation. */
export interface DurationLike {
  readonly [Symbol.toStringTag]: "Temporal.Duration";
}

/** A `Temporal.Instant`, of whatever implementation. */
export interface InstantLike {
  readonly [Symbol.toStringTag]: "Temporal.Instant";
}

/** A `Temporal.ZonedDateTime`, of whatever implementation. */
export interface ZonedDateTimeLike {
  readonly [Symbol.toStringTag]: "Temporal.ZonedDateTime";
}

/** A length of time: milliseconds, text such as `"3 days"` or `"1h30m"`, or a `Temporal.Duration`. */
export type DurationInput = number | string | DurationLike;

/** A point in time: a `Date`, ISO 8601 text, a `Temporal.Instant` or a `Temporal.ZonedDateTime`. */
export type TimeInput = Date | string | InstantLike | ZonedDateTimeLike;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = new Map<string, number>(
  (
    [
      [1, "ms msec msecs millisecond milliseconds"],
      [SECOND, "s sec secs second seconds"],
      [MINUTE, "m min mins minute minutes"],
      [HOUR, "h hr hrs hour hours"],
      [DAY, "d day days"],
      [7 * DAY, "w week weeks"],
    ] as const
  ).flatMap(([ms, names]) => names.split(" ").map((name): [string, number] => [name, ms])),
);

/** What is not a time. Its message says how one is written. */
export class InvalidTime extends Error {
  override readonly name = "InvalidTime";
}

/** A length of time in whole milliseconds; a part of one counts as a whole one, so that nothing is ever early. */
export function durationToMs(duration: DurationInput): number {
  const ms = lengthOf(duration);
  if (ms === undefined) {
    throw new InvalidTime(
      `\`${shown(duration)}\` is not a length of time: write it like \`3 days\`, \`1h 30m\` or \`250ms\``,
    );
  }
  return ms;
}

/** A point in time in milliseconds since 1970. */
export function timeToMs(time: TimeInput): number {
  const ms = pointOf(time);
  if (ms === undefined) {
    throw new InvalidTime(
      `\`${shown(time)}\` is not a point in time: give a Date, a Temporal.Instant, or text like \`2026-03-01T09:00:00Z\``,
    );
  }
  return ms;
}

/** A length of time from what may also be a point in time, as the timeouts of waits are: the time from `now` until then. */
export function timeoutToMs(timeout: DurationInput | TimeInput, now: () => number): number {
  if (typeof timeout === "object" && tagOf(timeout) !== "Temporal.Duration") {
    return Math.max(0, timeToMs(timeout as TimeInput) - now());
  }
  return durationToMs(timeout as DurationInput);
}

function lengthOf(duration: unknown): number | undefined {
  if (typeof duration === "number") {
    return Number.isFinite(duration) && duration >= 0 && duration <= Number.MAX_SAFE_INTEGER
      ? Math.ceil(duration)
      : undefined;
  }
  if (typeof duration === "string") {
    return parse(duration);
  }
  return tagOf(duration) === "Temporal.Duration" ? temporalLength(duration as object) : undefined;
}

/** The parts of text: numbers, each with a unit. A bare number is milliseconds, as the package `ms` has it. */
function parse(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) {
    return lengthOf(Number(trimmed));
  }
  const part = /\s*(\d[\d_]*(?:\.\d+)?|\.\d+)\s*([a-z]+)\s*/iy;
  let total = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    const unit = UNITS.get(found?.[2]?.toLowerCase() ?? "");
    if (!found || unit === undefined) {
      return undefined;
    }
    // Thousandths are exact in every unit; what is finer does not count.
    const thousandths = Math.trunc(Number(found[1]!.replaceAll("_", "")) * 1000);
    total += Math.ceil((thousandths * unit) / 1000);
  }
  return trimmed === "" || total > Number.MAX_SAFE_INTEGER ? undefined : total;
}

function temporalLength(duration: object): number | undefined {
  const members = duration as Record<string, unknown>;
  const amount = (member: string) => Number(members[member] ?? 0);
  if (amount("years") !== 0 || amount("months") !== 0) {
    return undefined; // Their length varies.
  }
  const ms =
    (amount("weeks") * 7 + amount("days")) * DAY +
    amount("hours") * HOUR +
    amount("minutes") * MINUTE +
    amount("seconds") * SECOND +
    amount("milliseconds") +
    amount("microseconds") / 1e3 +
    amount("nanoseconds") / 1e6;
  return ms >= 0 ? lengthOf(ms) : undefined;
}

function pointOf(time: unknown): number | undefined {
  let ms = Number.NaN;
  if (time instanceof Date) {
    ms = time.getTime();
  } else if (typeof time === "string") {
    ms = Date.parse(time);
  } else if (tagOf(time) === "Temporal.Instant" || tagOf(time) === "Temporal.ZonedDateTime") {
    ms = Number((time as Record<string, unknown>)["epochMilliseconds"]);
  }
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : undefined;
}

function tagOf(value: unknown): string | undefined {
  return typeof value === "object" && value !== null
    ? (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]
    : undefined;
}

function shown(value: unknown): string {
  return typeof value === "object" && value !== null && tagOf(value) === undefined && !(value instanceof Date)
    ? (JSON.stringify(value) ?? String(value))
    : String(value);
}
