/**
 * Log lines that belong to the run. A line of workflow code is recorded once, however often the run is replayed; one of a body carries the step's name.
 */

import type { Level, Logging } from "./contract.ts";
import { format, show } from "./format.ts";

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
 * The logger of handlers whose client brings none of its own. An object gives the line fields: the first argument, as with `pino`
 * (`logger.info({ order: 42 }, "charged")`), or the last (`logger.info("charged", { order: 42 })`).
 */
export const hostLogger: Logger = {
  info: (...args) => record("info", args),
  warn: (...args) => record("warn", args),
  error: (...args) => record("error", args),
  debug: (...args) => record("debug", args),
};

function record(level: Level, args: readonly unknown[]): void {
  const { message, fields } = structured(args);
  sink(level, fields === undefined ? message : lineOf(message, fields));
}

/** A line with fields as the host reads it. */
function lineOf(message: string, fields: object): string {
  const members: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const json = jsonOf(value);
    if (json !== undefined) {
      members.push(`${JSON.stringify(name)}:${json}`);
    }
  }
  return `{"message":${JSON.stringify(message)},"fields":{${members.join(",")}}}`;
}

/** Hands the host one line as it is. */
export function send(level: Level, line: string): void {
  sink(level, line);
}

/** A value as JSON; what JSON has no form for becomes text, and an error its parts. */
export function jsonOf(value: unknown): string | undefined {
  const replace = (_: string, inner: unknown): unknown =>
    typeof inner === "bigint"
      ? inner.toString()
      : inner instanceof Error
        ? { name: inner.name, message: inner.message, stack: inner.stack }
        : inner;
  try {
    return JSON.stringify(value, replace);
  } catch {
    return JSON.stringify(show(value));
  }
}

/** Message and fields of a call's arguments. */
export function structured(args: readonly unknown[]): { message: string; fields?: object } {
  const [first, ...rest] = args;
  if (isPlain(first) || (first instanceof Error && typeof rest[0] === "string")) {
    const fields = first instanceof Error ? { err: first } : first;
    if (rest.length > 0) {
      return { message: format(rest), fields };
    }
    const { msg, message = msg, ...others } = fields as Record<string, unknown>;
    return typeof message === "string" ? { message, fields: others } : { message: "", fields };
  }
  const last = rest.at(-1);
  // A placeholder of the text takes its value first.
  const placeholders = typeof first === "string" ? (first.match(/%[sdifjoOc]/g)?.length ?? 0) : 0;
  return isPlain(last) && rest.length > placeholders
    ? { message: format(args.slice(0, -1)), fields: last }
    : { message: format(args) };
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
