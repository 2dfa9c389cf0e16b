/**
 * The bounds of options, as the contract gives them.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The least and the greatest length of time that an option takes, in milliseconds, and how people say that. */
export interface Bounds {
  readonly least: number;
  readonly greatest: number;
  readonly words: string;
}

function bounds(least: number, greatest: number, words: string): Bounds {
  return { least, greatest, words };
}

export const CRON_JITTER = bounds(SECOND, 5 * MINUTE, "1 second to 5 minutes");
export const THROTTLE_PERIOD = bounds(SECOND, 7 * DAY, "1 second to 7 days");
export const RATE_LIMIT_PERIOD = bounds(SECOND, DAY, "1 second to 24 hours");
export const DEBOUNCE_PERIOD = bounds(SECOND, 7 * DAY, "1 second to 7 days");
export const BATCH_TIMEOUT = bounds(SECOND, HOUR, "1 second to 1 hour");
export const RETENTION = bounds(HOUR, 3_650 * DAY, "1 hour to 10 years");
export const ANY_TIME = bounds(1, Number.MAX_SAFE_INTEGER, "longer than nothing");

export const BATCH_SIZE = { least: 2, greatest: 1_000 };
export const FACTOR = { least: 1, greatest: 1_000 };
export const MAX_TRIGGERS = 10;
export const MAX_CONCURRENCY = 2;
export const MAX_CANCEL_ON = 5;
export const MAX_RETRIES = 20;
export const MAX_ID = 128;
export const MAX_EVENT_NAME = 256;
