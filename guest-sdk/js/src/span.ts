/**
 * Spans that an author opens: a stretch of a step's body, or of the handler, that the run's trace shows with a name and attributes. The host stamps
 * the times. Where nobody records traces they cost a call and nothing else.
 */

import { jsonOf, send } from "./logger.ts";

/** A span that is open. */
export interface Span {
  /** Adds an attribute. */
  set(name: string, value: unknown): void;
  /** Opens a span within this one, until `body` is done. */
  span: typeof span;
}

/** What a span has besides its name. */
export type SpanAttributes = Record<string, unknown>;

let last = 0;

/**
 * Opens a span until `body` is done: until it returns, or until its promise is settled. What it throws marks the span as failed.
 *
 * ```ts
 * const receipt = await span("charge the card", { amount: 3 }, async (charge) => {
 *   const answer = await charge.span("ask the bank", () => fetch(bank));
 *   charge.set("bank.status", answer.status);
 *   return answer.json();
 * });
 * ```
 */
export function span<T>(name: string, body: (span: Span) => T): T;
export function span<T>(name: string, attributes: SpanAttributes, body: (span: Span) => T): T;
export function span<T>(name: string, given: SpanAttributes | ((span: Span) => T), body?: (span: Span) => T): T {
  return typeof given === "function" ? within(undefined, name, {}, given) : within(undefined, name, given, body!);
}

function within<T>(parent: number | undefined, name: string, attributes: SpanAttributes, body: (span: Span) => T): T {
  const id = ++last;
  const later: SpanAttributes = {};
  send("info", mark("begin", id, parent, name, attributes));
  const end = (failed: boolean, thrown?: unknown) => send("info", mark("end", id, undefined, name, later, failed ? messageOf(thrown) : undefined));
  const inner: Span = {
    set(key, value) {
      later[key] = value;
    },
    span: <U>(name: string, given: SpanAttributes | ((span: Span) => U), body?: (span: Span) => U): U =>
      typeof given === "function" ? within(id, name, {}, given) : within(id, name, given, body!),
  };
  let result: T;
  try {
    result = body(inner);
  } catch (thrown) {
    end(true, thrown);
    throw thrown;
  }
  if (!isThenable(result)) {
    end(false);
    return result;
  }
  const done = result.then(
    (value) => {
      end(false);
      return value;
    },
    (thrown: unknown) => {
      end(true, thrown);
      throw thrown;
    },
  );
  return done as unknown as T;
}

/** A line that says where a span begins or ends, in the form that the host knows: its first member is the one by which it does. */
function mark(what: "begin" | "end", id: number, parent: number | undefined, name: string, attributes: SpanAttributes, error?: string): string {
  const members = [`"abide.span":"${what}"`, `"id":${id}`];
  if (parent !== undefined) {
    members.push(`"parent":${parent}`);
  }
  members.push(`"message":${JSON.stringify(String(name))}`, `"fields":${jsonOf(attributes) ?? "{}"}`);
  if (error !== undefined) {
    members.push(`"error":${JSON.stringify(error)}`);
  }
  return `{${members.join(",")}}`;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
