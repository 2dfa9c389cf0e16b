/**
 * Log lines that belong to the run. A line of workflow code is recorded once, however often the run is replayed; one of a body carries the step's name.
 */

import type { Level, Logging } from "./contract.ts";
import { format } from "./format.ts";

/** What `logger` in a handler's context is, and what a client accepts in its place. */
export interface Logger {
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
  debug(...args: unknown[]): void;
}

let sink: Logging["log"] = () => {};

/** Sends log lines to the host from now on. */
export function logTo(log: Logging["log"]): void {
  sink = log;
}

/** Records one line. */
export function log(level: Level, args: readonly unknown[]): void {
  sink(level, format(args));
}

/**
 * The logger of handlers whose client brings none of its own. As with `pino`, an object may come first: its members follow the message.
 */
export const hostLogger: Logger = {
  info: (...args) => log("info", messageFirst(args)),
  warn: (...args) => log("warn", messageFirst(args)),
  error: (...args) => log("error", messageFirst(args)),
  debug: (...args) => log("debug", messageFirst(args)),
};

function messageFirst(args: readonly unknown[]): readonly unknown[] {
  const [first, second, ...rest] = args;
  return typeof first === "object" && first !== null && !(first instanceof Error) && typeof second === "string"
    ? [second, ...rest, first]
    : args;
}
